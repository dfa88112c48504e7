/* flite, the voice that is always there: needs no files, English only. */
#include "speech/speaker.h"

#ifdef SR_HAVE_FLITE
#include <pthread.h>

#include <flite/flite.h>

#include "base/alloc.h"
#include "speech/convert.h"

enum {
    FLITE_SECONDS_MAX = 300 /* of one text; the rest is cut */
};

cst_voice *register_cmu_us_slt(const char *voxdir);
cst_voice *register_cmu_us_rms(const char *voxdir);
cst_voice *register_cmu_us_kal16(const char *voxdir);

static struct {
    const char *name;
    cst_voice *(*make)(const char *voxdir);
    cst_voice *voice;
} voices[] = {
    {"slt", register_cmu_us_slt, NULL},
    {"rms", register_cmu_us_rms, NULL},
    {"kal16", register_cmu_us_kal16, NULL},
};

/* The library keeps its voices for the life of the process. */
static void register_voices(void)
{
    (void)flite_init();
    for (size_t i = 0; i < SR_ARRAY_LEN(voices); i++)
        voices[i].voice = voices[i].make(NULL);
}

static cst_voice *find_voice(const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (pthread_once(&once, register_voices) != 0)
        return NULL;
    for (size_t i = 0; i < SR_ARRAY_LEN(voices); i++) {
        if (strcmp(voices[i].name, name) == 0)
            return voices[i].voice;
    }
    return NULL;
}

static bool has_voice(const char *name)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(voices); i++) {
        if (strcmp(voices[i].name, name) == 0)
            return true;
    }
    return false;
}

static enum sr_err speak(const char *text, const char *voice, struct media_clip **ret_clip)
{
    cst_voice *found = find_voice(voice);
    cst_wave *wave;
    int count;

    if (found == NULL)
        return SR_ERR_NOTFOUND;
    wave = flite_text_to_wave(text, found);
    if (wave == NULL)
        return SR_ERR_IO;
    if (wave->num_channels != 1 || wave->num_samples < 0 || wave->sample_rate <= 0) {
        delete_wave(wave);
        return SR_ERR_IO;
    }
    count = SR_MIN(wave->num_samples, wave->sample_rate * FLITE_SECONDS_MAX);
    *ret_clip = convert_to_clip(wave->samples, (size_t)count, (uint32_t)wave->sample_rate);
    delete_wave(wave);
    return SR_OK;
}

static const struct speaker flite = {
    .name = "flite",
    .version = "2.2",
    .voice = "slt",
    .has_voice = has_voice,
    .speak = speak,
    .voices = "slt, rms, kal16",
};

const struct speaker *speaker_flite(void)
{
    return &flite;
}
#else
const struct speaker *speaker_flite(void)
{
    return NULL;
}
#endif

const struct speaker *speaker_find(struct sr_str engine)
{
    if (engine.n == 0 || sr_str_eq_c(engine, "auto") || sr_str_eq_c(engine, "flite"))
        return speaker_flite();
    return NULL;
}

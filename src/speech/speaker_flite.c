/* flite, the voice that is always there: needs no files, English only. */
#include "speech/speaker.h"

#ifdef SR_HAVE_FLITE
#include <pthread.h>

#include <flite/flite.h>

#include "base/alloc.h"
#include "speech/convert.h"
#include "speech/voices.h"

enum {
    FLITE_SECONDS_MAX = 300 /* of one text; the rest is cut */
};

#define X(name) cst_voice *register_cmu_us_##name(const char *voxdir);
SPEECH_FLITE_VOICE_MAP(X)
#undef X

static struct {
    const char *name;
    cst_voice *(*make)(const char *voxdir);
    cst_voice *voice;
} voices[] = {
#define X(name) {#name, register_cmu_us_##name, NULL},
    SPEECH_FLITE_VOICE_MAP(X)
#undef X
};

/* The library keeps its voices for the life of the process. */
static void register_voices(void)
{
    (void)flite_init();
    for (size_t i = 0; i < SR_ARRAY_LEN(voices); i++)
        voices[i].voice = voices[i].make(NULL);
}

static size_t index_of(const char *name)
{
    size_t i = 0;

    while (i < SR_ARRAY_LEN(voices) && strcmp(voices[i].name, name) != 0)
        i++;
    return i;
}

static cst_voice *find_voice(const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t i = index_of(name);

    if (i == SR_ARRAY_LEN(voices) || pthread_once(&once, register_voices) != 0)
        return NULL;
    return voices[i].voice;
}

static bool has_voice(const char *name)
{
    return index_of(name) < SR_ARRAY_LEN(voices);
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

#define X(name) ", " #name
static const struct speaker flite = {
    .name = "flite",
    .version = "2.2",
    .voice = "slt",
    .has_voice = has_voice,
    .speak = speak,
    .voices = &(SPEECH_FLITE_VOICE_MAP(X))[2], /* behind the first comma */
};
#undef X

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

#include "speech/speech.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/idtab.h"
#include "base/log.h"
#include "media/wav.h"
#include "speech/cache.h"
#include "speech/feeder.h"
#include "speech/speaker.h"
#include "speech/words.h"

enum {
    THREADS_USUAL_MAX = 2,
    THREAD_NICE = 10,      /* calls come first */
    CLIP_SECONDS_MAX = 60, /* longer files are fed */
    CLEAN_TEXT_MAX = 2 * SPEECH_TEXT_MAX,
};

struct ask {
    struct sr_node node; /* speech->waiting */
    struct sr_mpsc_node done_node;
    uint64_t id;
    struct speech_request request; /* text and voice point to: */
    char text[SPEECH_TEXT_MAX + 1];
    char voice[SPEECH_VOICE_MAX];
    const struct speaker *speaker;
    bool is_cancelled; /* loop's thread only */
    struct speech_result result;
};

struct speech {
    struct loop *loop;
    bool is_inline;
    char *data_path; /* NULL: none */
    struct cache *cache;
    struct feeder *feeder;
    pthread_t threads[SPEECH_THREADS_MAX];
    uint32_t thread_count;
    struct loop_job inline_job, done_job;
    struct sr_mpsc done;
    _Atomic bool is_done_posted;

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t wake;
    bool is_stopping;
    struct sr_list waiting;
    struct sr_idtab asks;
    const struct speaker *speaker, *given_speaker;
    char voice[SPEECH_VOICE_MAX]; /* "": the speaker's */
    struct speech_stats stats;
};

/* ---- results ---- */

static void say_why(struct speech_result *result, enum sr_err err, const char *why)
{
    result->err = err;
    (void)sr_str_copy(sr_str_c(why), result->why, sizeof(result->why));
}

static void result_done(struct speech_result *result)
{
    media_clip_unref(result->clip);
    media_feed_unref(result->feed); /* nobody took it: its writer sees that it is alone */
    result->clip = NULL;
    result->feed = NULL;
}

void speech_write_wav(const struct media_clip *clip, struct sr_buf *buf)
{
    struct wav wav = {.format = WAV_PCM16,
                      .channels = 1,
                      .rate_hz = clip->rate_hz,
                      .frame_bytes = sizeof(int16_t),
                      .frame_count = clip->sample_count};
    uint8_t header[WAV_HEADER_BYTES];
    char *out;

    wav_header_write(header, &wav);
    sr_buf_add(buf, header, sizeof(header));
    out = sr_buf_reserve(buf, clip->sample_count * sizeof(int16_t));
    if (out == NULL)
        return;
    for (size_t i = 0; i < clip->sample_count; i++) {
        uint16_t value = (uint16_t)clip->samples[i];

        out[2 * i] = (char)(value & 0xff);
        out[2 * i + 1] = (char)(value >> 8);
    }
    sr_buf_commit(buf, clip->sample_count * sizeof(int16_t));
}

/* ---- the work (any thread) ---- */

static enum sr_err speak(const struct speaker *speaker, const char *voice, const char *text,
                         struct cache *cache, struct media_clip **ret_clip, bool *ret_is_kept)
{
    struct sr_str parts[] = {sr_str_c(speaker->name), sr_str_c(speaker->version), sr_str_c(voice),
                             sr_str_c(text)};
    char key[CACHE_KEY_CHARS + 1];
    enum sr_err err;

    *ret_is_kept = false;
    if (cache != NULL) {
        cache_key(parts, SR_ARRAY_LEN(parts), key);
        *ret_clip = cache_find(cache, key);
        *ret_is_kept = *ret_clip != NULL;
        if (*ret_is_kept)
            return SR_OK;
    }
    err = speaker->speak(text, voice, ret_clip);
    if (err == SR_OK && cache != NULL)
        cache_add(cache, key, *ret_clip);
    return err;
}

static void run_text(struct speech *speech, struct ask *ask)
{
    char clean[CLEAN_TEXT_MAX + 1];
    struct sr_buf buf;
    bool is_kept;
    enum sr_err err;

    sr_buf_init_fixed(&buf, clean, sizeof(clean));
    err = words_clean(ask->request.text, &buf);
    if (err != SR_OK) {
        say_why(&ask->result, err, "the text cannot be spoken");
        return;
    }
    err = speak(ask->speaker, ask->voice, sr_buf_cstr(&buf), speech->cache, &ask->result.clip,
                &is_kept);
    if (err != SR_OK)
        say_why(&ask->result, err, "the voice failed");
    (void)pthread_mutex_lock(&speech->lock);
    speech->stats.spoken += err == SR_OK && !is_kept;
    speech->stats.from_cache += is_kept;
    (void)pthread_mutex_unlock(&speech->lock);
}

static void run_file(struct speech *speech, struct ask *ask)
{
    bool is_below = ask->request.is_confined || ask->text[0] != '/';
    struct sound_file *file;
    const char *why = "there is no data folder";
    enum sr_err err = SR_ERR_NOTFOUND;

    if (!is_below || speech->data_path != NULL)
        err = sound_file_open(is_below ? speech->data_path : NULL, ask->text, &file, &why);
    if (err != SR_OK) {
        say_why(&ask->result, err, why);
        return;
    }
    if (ask->request.is_whole ||
        sound_file_frames(file) / sound_file_rate(file) < CLIP_SECONDS_MAX) {
        ask->result.clip = sound_file_clip(file);
        sound_file_close(file);
        return;
    }
    ask->result.feed = feeder_open(speech->feeder, file, ask->request.is_looping);
    if (ask->result.feed == NULL)
        say_why(&ask->result, SR_ERR_LIMIT, "too many long files are playing");
}

static void forget(struct speech *speech, struct ask *ask)
{
    result_done(&ask->result);
    (void)pthread_mutex_lock(&speech->lock);
    (void)sr_idtab_remove(&speech->asks, ask->id);
    (void)pthread_mutex_unlock(&speech->lock);
    sr_free(ask);
}

static void tell(struct speech *speech, struct ask *ask)
{
    if (!ask->is_cancelled)
        ask->request.done(ask->request.arg, &ask->result);
    forget(speech, ask);
}

static void on_done(void *arg)
{
    struct speech *speech = arg;
    struct sr_mpsc_node *node;

    atomic_store(&speech->is_done_posted, false);
    while ((node = sr_mpsc_pop(&speech->done)) != NULL)
        tell(speech, SR_CONTAINER(node, struct ask, done_node));
}

static void run(struct speech *speech, struct ask *ask)
{
    if (ask->request.kind == SPEECH_TEXT)
        run_text(speech, ask);
    else
        run_file(speech, ask);
    if (ask->result.err != SR_OK) {
        (void)pthread_mutex_lock(&speech->lock);
        speech->stats.failed++;
        (void)pthread_mutex_unlock(&speech->lock);
    }
    if (ask->request.is_threaded || speech->is_inline) {
        tell(speech, ask);
        return;
    }
    (void)sr_mpsc_push(&speech->done, &ask->done_node);
    if (!atomic_exchange(&speech->is_done_posted, true))
        loop_post(speech->loop, &speech->done_job);
}

/* The next one that waits; NULL: the end. Waits for one when there are threads. */
static struct ask *next_ask(struct speech *speech)
{
    struct sr_node *node;

    (void)pthread_mutex_lock(&speech->lock);
    while (!speech->is_inline && !speech->is_stopping && speech->waiting.count == 0)
        (void)pthread_cond_wait(&speech->wake, &speech->lock);
    node = speech->is_stopping ? NULL : sr_list_pop(&speech->waiting);
    (void)pthread_mutex_unlock(&speech->lock);
    return node != NULL ? SR_CONTAINER(node, struct ask, node) : NULL;
}

static void *speech_main(void *arg)
{
    struct speech *speech = arg;
    struct ask *ask;

    /* on Linux this is about the calling thread alone */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), THREAD_NICE);
    while ((ask = next_ask(speech)) != NULL)
        run(speech, ask);
    return NULL;
}

static void run_inline(void *arg)
{
    struct speech *speech = arg;
    struct ask *ask;

    while ((ask = next_ask(speech)) != NULL)
        run(speech, ask);
}

/* ---- asking ---- */

/* The voice to use, into the ask. Locked. */
static enum sr_err choose_voice(const struct speech *speech, struct ask *ask)
{
    struct sr_str voice = ask->request.voice;

    ask->speaker = speech->speaker;
    if (ask->speaker == NULL)
        return SR_ERR_UNSUPPORTED;
    if (voice.n == 0 && ask->speaker->has_voice(speech->voice))
        voice = sr_str_c(speech->voice);
    if (voice.n == 0)
        voice = sr_str_c(ask->speaker->voice);
    if (!sr_str_copy(voice, ask->voice, sizeof(ask->voice)) || !ask->speaker->has_voice(ask->voice))
        return SR_ERR_NOTFOUND;
    return SR_OK;
}

/* Locked. */
static enum sr_err admit(struct speech *speech, struct ask *ask)
{
    enum sr_err err = SR_OK;

    if (ask->request.kind == SPEECH_TEXT)
        err = choose_voice(speech, ask);
    if (err != SR_OK)
        return err;
    ask->id = sr_idtab_add(&speech->asks, ask);
    if (ask->id == SR_ID_NONE)
        return SR_ERR_LIMIT;
    sr_list_add(&speech->waiting, &ask->node);
    return SR_OK;
}

enum sr_err speech_ask(struct speech *speech, const struct speech_request *request,
                       uint64_t *ret_id)
{
    size_t max = request->kind == SPEECH_TEXT ? SPEECH_TEXT_MAX : SPEECH_PATH_MAX - 1;
    struct ask *ask;
    enum sr_err err;

    if (request->text.n == 0 || request->text.n > max ||
        memchr(request->text.p, '\0', request->text.n) != NULL)
        return SR_ERR_SYNTAX;
    SR_ASSERT(request->is_threaded || speech->loop != NULL);
    ask = sr_zalloc(1, sizeof(*ask));
    ask->request = *request;
    (void)sr_str_copy(request->text, ask->text, sizeof(ask->text));
    ask->request.text = sr_str_c(ask->text);
    (void)pthread_mutex_lock(&speech->lock);
    err = admit(speech, ask);
    ask->request.voice = sr_str_c(ask->voice);
    speech->stats.asked++;
    speech->stats.refused += err != SR_OK;
    if (err == SR_OK)
        *ret_id = ask->id;
    (void)pthread_cond_signal(&speech->wake);
    (void)pthread_mutex_unlock(&speech->lock);
    if (err != SR_OK)
        sr_free(ask);
    else if (speech->is_inline)
        loop_defer(speech->loop, &speech->inline_job);
    return err;
}

void speech_cancel(struct speech *speech, uint64_t id)
{
    struct ask *ask;
    bool is_waiting = false;

    (void)pthread_mutex_lock(&speech->lock);
    ask = sr_idtab_find(&speech->asks, id);
    if (ask != NULL) {
        SR_ASSERT(!ask->request.is_threaded);
        is_waiting = sr_node_is_linked(&ask->node);
        sr_list_remove(&speech->waiting, &ask->node);
        ask->is_cancelled = true;
    }
    (void)pthread_mutex_unlock(&speech->lock);
    if (is_waiting)
        forget(speech, ask);
}

/* ---- life ---- */

void speech_configure(struct speech *speech, struct sr_str engine, struct sr_str voice)
{
    (void)pthread_mutex_lock(&speech->lock);
    speech->speaker = speech->given_speaker != NULL ? speech->given_speaker : speaker_find(engine);
    (void)sr_str_copy(voice, speech->voice, sizeof(speech->voice));
    if (speech->speaker != NULL && voice.n > 0 && !speech->speaker->has_voice(speech->voice))
        sr_log(MEDIA, WARN, "event=no_such_voice engine=%s have=\"%s\" used=%s",
               speech->speaker->name, speech->speaker->voices, speech->speaker->voice);
    if (speech->speaker == NULL && !sr_str_eq_c(engine, "off"))
        sr_log(MEDIA, WARN, "event=no_speech engine=\"%.*s\" what=\"not in this program\"",
               SR_STR_ARG(engine));
    (void)pthread_mutex_unlock(&speech->lock);
}

bool speech_can_speak(struct speech *speech)
{
    bool can;

    (void)pthread_mutex_lock(&speech->lock);
    can = speech->speaker != NULL;
    (void)pthread_mutex_unlock(&speech->lock);
    return can;
}

bool speech_has_voice(struct speech *speech, struct sr_str voice)
{
    struct ask ask = {.request.voice = voice};
    bool has;

    (void)pthread_mutex_lock(&speech->lock);
    has = choose_voice(speech, &ask) == SR_OK;
    (void)pthread_mutex_unlock(&speech->lock);
    return has;
}

void speech_stats(struct speech *speech, struct speech_stats *ret_stats)
{
    (void)pthread_mutex_lock(&speech->lock);
    *ret_stats = speech->stats;
    ret_stats->waiting = speech->asks.count;
    (void)pthread_mutex_unlock(&speech->lock);
    ret_stats->feeds = feeder_count(speech->feeder);
    ret_stats->cache_bytes = speech->cache != NULL ? cache_bytes(speech->cache) : 0;
}

static void start_threads(struct speech *speech, uint32_t wanted)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (wanted == 0)
        wanted = (uint32_t)SR_MIN(SR_MAX(cores, 1L), (long)THREADS_USUAL_MAX);
    wanted = SR_MIN(wanted, (uint32_t)SPEECH_THREADS_MAX);
    while (speech->thread_count < wanted &&
           pthread_create(&speech->threads[speech->thread_count], NULL, speech_main, speech) == 0)
        speech->thread_count++;
    SR_ASSERT(speech->thread_count > 0);
}

struct speech *speech_new(const struct speech_options *options)
{
    struct speech *speech = sr_zalloc(1, sizeof(*speech));

    speech->loop = options->loop;
    speech->is_inline = options->is_inline;
    speech->given_speaker = options->speaker;
    SR_ASSERT(pthread_mutex_init(&speech->lock, NULL) == 0);
    SR_ASSERT(pthread_cond_init(&speech->wake, NULL) == 0);
    sr_list_init(&speech->waiting);
    sr_idtab_init(&speech->asks, SPEECH_ASKS_MAX);
    sr_mpsc_init(&speech->done);
    loop_job_init(&speech->inline_job, run_inline, speech);
    loop_job_init(&speech->done_job, on_done, speech);
    speech->feeder = feeder_new();
    if (options->data_path != NULL) {
        speech->data_path = sr_strdup(options->data_path);
        speech->cache = cache_open(options->data_path, (uint64_t)SPEECH_CACHE_MB << 20);
    }
    speech_configure(speech, options->engine, options->voice);
    if (!options->is_inline)
        start_threads(speech, options->threads);
    return speech;
}

static void stop_threads(struct speech *speech)
{
    (void)pthread_mutex_lock(&speech->lock);
    speech->is_stopping = true;
    (void)pthread_cond_broadcast(&speech->wake);
    (void)pthread_mutex_unlock(&speech->lock);
    for (uint32_t i = 0; i < speech->thread_count; i++)
        (void)pthread_join(speech->threads[i], NULL);
}

void speech_free(struct speech *speech)
{
    uint32_t cursor = 0;
    struct ask *ask;

    if (speech == NULL)
        return;
    stop_threads(speech);
    if (speech->loop != NULL)
        loop_defer_clear(speech->loop, &speech->inline_job);
    while ((ask = sr_idtab_next(&speech->asks, &cursor)) != NULL) {
        result_done(&ask->result);
        sr_free(ask);
    }
    feeder_free(speech->feeder);
    cache_close(speech->cache);
    sr_idtab_done(&speech->asks);
    (void)pthread_cond_destroy(&speech->wake);
    (void)pthread_mutex_destroy(&speech->lock);
    sr_free(speech->data_path);
    sr_free(speech);
}

enum sr_err speech_say(struct sr_str engine, struct sr_str text, struct sr_str voice,
                       struct media_clip **ret_clip, char reterr_why[SPEECH_WHY_MAX])
{
    const struct speaker *speaker = speaker_find(engine);
    char clean[CLEAN_TEXT_MAX + 1], name[SPEECH_VOICE_MAX];
    struct sr_buf buf;
    enum sr_err err;

    if (speaker == NULL) {
        (void)snprintf(reterr_why, SPEECH_WHY_MAX, "this program was built without a voice");
        return SR_ERR_UNSUPPORTED;
    }
    if (voice.n == 0)
        voice = sr_str_c(speaker->voice);
    if (!sr_str_copy(voice, name, sizeof(name)) || !speaker->has_voice(name)) {
        (void)snprintf(reterr_why, SPEECH_WHY_MAX, "there is no such voice; there are: %s",
                       speaker->voices);
        return SR_ERR_NOTFOUND;
    }
    sr_buf_init_fixed(&buf, clean, sizeof(clean));
    err = text.n > SPEECH_TEXT_MAX ? SR_ERR_SYNTAX : words_clean(text, &buf);
    if (err != SR_OK) {
        (void)snprintf(reterr_why, SPEECH_WHY_MAX,
                       "a text is UTF-8, has letters or digits and at most %d bytes",
                       SPEECH_TEXT_MAX);
        return err;
    }
    err = speaker->speak(sr_buf_cstr(&buf), name, ret_clip);
    if (err != SR_OK)
        (void)snprintf(reterr_why, SPEECH_WHY_MAX, "the voice failed");
    return err;
}

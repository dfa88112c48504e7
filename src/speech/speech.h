/**
 * @file speech.h  Sounds for calls: texts that are spoken, WAV files that are read.
 *
 * A request goes into a bounded queue; threads of this room speak or read, and the answer is a clip
 * (or, for a long file, a feed that a reader thread keeps full). Spoken texts are kept on disk under
 * the hash of engine, voice and text, the longest unused ones go first. An engine is a table
 * (speech/speaker.h), so that another one can stand beside flite.
 *
 * Layer:   speech
 * Thread:  as each function says
 * Memory:  texts are copied; clips and feeds are counted, a listener takes its own reference
 */
#ifndef SR_SPEECH_SPEECH_H
#define SR_SPEECH_SPEECH_H

#include "base/buf.h"
#include "net/loop.h"
#include "worker/clip.h"

struct speech;
struct speaker;

enum {
    SPEECH_TEXT_MAX = 1000, /* bytes of one text; longer is refused */
    SPEECH_VOICE_MAX = 64,  /* with NUL */
    SPEECH_PATH_MAX = 512,  /* with NUL */
    SPEECH_WHY_MAX = 160,
    SPEECH_ASKS_MAX = 256, /* waiting and under way; more are refused */
    SPEECH_THREADS_MAX = 4,
    SPEECH_CACHE_MB = 256, /* of spoken prompts on disk */
};

enum speech_kind {
    SPEECH_TEXT,
    SPEECH_FILE, /* a WAV file; an absolute path, or one below the data folder */
};

struct speech_result {
    enum sr_err err;          /* SR_OK: clip or feed is set */
    struct media_clip *clip;  /* borrowed during the call: ref to keep */
    struct media_feed *feed;  /* borrowed; for one listener */
    char why[SPEECH_WHY_MAX]; /* a sentence, when err is not SR_OK */
};

typedef void speech_done_fn(void *arg, const struct speech_result *result);

struct speech_request {
    enum speech_kind kind;
    struct sr_str text;  /* what is said, or the path */
    struct sr_str voice; /* empty: the configured one */
    bool is_looping;     /* a file that becomes a feed begins again at its end */
    bool is_whole;       /* a file as one clip, cut where the limit is */
    bool is_confined;    /* a path below the data folder only; no link is followed */
    /** Called once, on the loop's thread, or, with is_threaded, on one of this room's. */
    speech_done_fn *done;
    void *arg;
    bool is_threaded;
};

struct speech_options {
    struct loop *loop;             /* NULL: all requests are threaded */
    const char *data_path;         /* prompts/ is made inside; NULL: nothing is kept */
    struct sr_str engine;          /* "auto", "flite", "off" */
    struct sr_str voice;           /* empty: the engine's own */
    uint32_t threads;              /* 0: one per core, two at most; ignored when is_inline */
    bool is_inline;                /* no thread: requests run in turns of the loop (tests) */
    const struct speaker *speaker; /* instead of the engine's; NULL: by name */
};

/** Never NULL: without an engine texts are refused and files still play. */
struct speech *speech_new(const struct speech_options *options);
/** After the loop stopped turning. What waits is dropped without an answer. NULL is fine. */
void speech_free(struct speech *speech);
/** Any thread: other settings from now on (a reload). */
void speech_configure(struct speech *speech, struct sr_str engine, struct sr_str voice);
/** Any thread: whether texts can be spoken now. */
bool speech_can_speak(struct speech *speech);
/** Any thread: whether there is such a voice; empty: the usual one. */
bool speech_has_voice(struct speech *speech, struct sr_str voice);

/**
 * Any thread for threaded requests, else the loop's.
 *
 * @param[out] ret_id  for speech_cancel; never 0
 *
 * @return SR_OK: `done` will be called, never from inside here;
 *         SR_ERR_LIMIT        too many wait: 503
 *         SR_ERR_UNSUPPORTED  nothing here can speak
 *         SR_ERR_SYNTAX       an empty or too long text or path, or not UTF-8
 *         SR_ERR_NOTFOUND     no such voice
 */
SR_MUST_USE enum sr_err speech_ask(struct speech *speech, const struct speech_request *request,
                                   uint64_t *ret_id);
/** Loop's thread, of a request that is not threaded: `done` is not called any more. */
void speech_cancel(struct speech *speech, uint64_t id);

struct speech_stats {
    uint64_t asked, refused, spoken, from_cache, failed;
    uint32_t waiting, feeds;
    uint64_t cache_bytes;
};
/** Any thread. */
void speech_stats(struct speech *speech, struct speech_stats *ret_stats);

/** A clip as a WAV file. */
void speech_write_wav(const struct media_clip *clip, struct sr_buf *buf);

/**
 * Speaks at once, on the caller's thread; keeps nothing (siprouter say).
 *
 * @param voice  empty: the engine's own
 *
 * @return as speech_ask, or SR_ERR_IO; `reterr_why` has a sentence then
 */
SR_MUST_USE enum sr_err speech_say(struct sr_str engine, struct sr_str text, struct sr_str voice,
                                   struct media_clip **ret_clip, char reterr_why[SPEECH_WHY_MAX]);

#endif

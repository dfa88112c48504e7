/**
 * @file clip.h  Sound to be played: clips that lie in memory, and feeds that arrive while they play.
 *
 * A *clip* is immutable once anybody but its maker knows it; it is counted, so that many legs, rooms
 * and workers play the same samples. A *feed* is a bounded ring between one thread that reads a file
 * and the worker that plays it: who reads is never waited for, what is missing is silence and counted.
 *
 * Samples are 16-bit mono at 8, 16, 24 or 48 kHz.
 *
 * Layer:   worker
 * Thread:  counting: any; a feed has one writer and one reader
 * Memory:  counted; the last reference frees (never a worker's: it hands everything back)
 */
#ifndef SR_WORKER_CLIP_H
#define SR_WORKER_CLIP_H

#include <stdatomic.h>

#include "base/base.h"

enum {
    MEDIA_CLIP_BYTES_MAX = 32 << 20, /* of samples; longer files are fed */
    MEDIA_FEED_MS = 2000,            /* at least so much fits into a feed */
};

struct media_clip {
    _Atomic uint32_t refs; /* private */
    uint32_t rate_hz;
    size_t sample_count;
    int16_t samples[];
};

/** Zeroed samples for the caller to fill, one reference. rate_hz is one of the four. */
struct media_clip *media_clip_new(uint32_t rate_hz, size_t sample_count);
struct media_clip *media_clip_ref(struct media_clip *clip);
/** NULL is fine. */
void media_clip_unref(struct media_clip *clip);
uint32_t media_clip_ms(const struct media_clip *clip);
bool media_rate_is_playable(uint32_t rate_hz);

struct media_feed;

/** Empty, one reference (the writer's). */
struct media_feed *media_feed_new(uint32_t rate_hz);
struct media_feed *media_feed_ref(struct media_feed *feed);
void media_feed_unref(struct media_feed *feed);
uint32_t media_feed_rate(const struct media_feed *feed);

/* ---- the writer ---- */

/** Samples that fit now. */
size_t media_feed_space(const struct media_feed *feed);
/** At most media_feed_space(). */
void media_feed_write(struct media_feed *feed, const int16_t *samples, size_t count);
/** Nothing more comes; what is inside is still played. */
void media_feed_end(struct media_feed *feed);
/** Nobody plays it any more, or only the writer knows it: stop reading, unref. */
bool media_feed_is_closed(const struct media_feed *feed);

/* ---- the reader ---- */

/** Samples given, at most `count`. */
size_t media_feed_read(struct media_feed *feed, int16_t *out, size_t count);
/** Samples that wait; *ret_is_ended: no more will follow them. */
size_t media_feed_count(const struct media_feed *feed, bool *ret_is_ended);
void media_feed_close(struct media_feed *feed);

#endif

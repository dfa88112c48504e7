/**
 * @file play.h  One sound being played: from a clip or a feed to frames on a room's bus.
 *
 * Begins and ends with a ramp of PLAY_RAMP_MS, so nothing clicks: neither its first sample nor a
 * stop in the middle; what was heard before fades out as it fades in. Between the ramps the samples
 * are exactly those of the clip when its rate is the bus's. Time passes only while play_run() is
 * called.
 *
 * Layer:   worker
 * Thread:  one owner; play_new() and play_free() on the front, play_run() on the worker
 * Memory:  taken by play_new(); play_run() takes none
 */
#ifndef SR_WORKER_PLAY_H
#define SR_WORKER_PLAY_H

#include "media/resample.h"
#include "worker/media_port.h"

enum {
    PLAY_RAMP_MS = 5,
    PLAY_FRAME_MS = 20,
};

struct play {
    struct media_play_options options; /* with our references */
    uint32_t rate_hz;
    enum media_play_end end; /* why it is (or will be) over */
    bool is_stopping;        /* ramps down */
    bool is_over;            /* nothing more is heard of it */
    bool is_drained;         /* the source is read to its end; tail_left samples follow */
    size_t at;               /* clip: next sample */
    uint64_t played;         /* samples given, at rate_hz */
    uint64_t starved;        /* samples the feed did not have in time */
    int64_t tail_left;
    float level;     /* of the ramp now, 0 .. 1 */
    uint32_t bus_hz; /* `resample` is made for; 0: none yet */
    struct resample resample;
};

/** Takes references to what is played. */
struct play *play_new(const struct media_play_options *options);
/** Closes a feed. NULL is fine. */
void play_free(struct play *play);
/**
 * The next 20 ms.
 *
 * @param[out] out   n = bus_hz / 50 samples, gain and ramp applied
 * @param[out] ramp  n factors 0 .. 1: how far it has taken the place of what was heard before; may be NULL
 */
void play_run(struct play *play, uint32_t bus_hz, float *out, float *ramp);
/** Fades out; the first reason counts. Over at once when nothing of it was heard yet. */
void play_stop(struct play *play, enum media_play_end end);
uint32_t play_ms(const struct play *play);
uint32_t play_starved_ms(const struct play *play);

#endif

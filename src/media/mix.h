/**
 * @file mix.h  The bus: sum of all, minus self, gain, limiter, level.
 *
 * Plain functions over float frames of equal length and rate. The bus itself never clips; limiting
 * happens once, on what leaves towards a listener.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  the caller's arrays
 * Thread:  re-entrant
 */
#ifndef SR_MEDIA_MIX_H
#define SR_MEDIA_MIX_H

#include "media/dsp.h"

enum {
    MIX_RATE_HZ_MAX = 48000,
    MIX_FRAME_SAMPLES_MAX = 960, /* 20 ms at 48 kHz */
    MIX_LEVEL_DB_MIN = -127,     /* silence, as RFC 6464 counts */
};

/** sum = frames[0] + ... + frames[count - 1]; NULL entries are silent. count 0 gives silence. */
void mix_sum(const struct dsp_ops *dsp, float *sum, const float *const *frames, size_t count,
             size_t samples);
/** What `self` hears: sum - self. self NULL (it was not in the sum): a copy. out may be sum. */
void mix_minus_self(const struct dsp_ops *dsp, float *out, const float *sum, const float *self,
                    size_t samples);
/** Brings the gain from *gain to `target` by a straight line over this frame; no click. */
void mix_gain(const struct dsp_ops *dsp, float *frame, size_t samples, float *gain, float target);

/**
 * Adds to `tail` how a sound that stops here would have gone on, fading: the pitch period it ended with, again
 * and again.
 *
 * @param last  the samples it ended with, at least 15 ms of them
 */
void mix_add_tail(float *tail, size_t tail_samples, const float *last, size_t last_samples,
                  uint32_t rate_hz);

/** Keeps loud sums below full scale by turning down, not by clipping. One per listener. */
struct mix_limiter { /* fields are private; {0} is ready for use */
    float reduction; /* 0: none; gain is 1 - reduction */
};

/** In place; ends within +-1. Frames whose peak stays below 0.8 and that follow such frames pass
    unchanged. Falls within one frame, recovers over about 400 ms. */
void mix_limit(struct mix_limiter *limiter, const struct dsp_ops *dsp, float *frame,
               size_t samples);

/** Mean level in dB against a full-scale square wave (dBov): 0 .. MIX_LEVEL_DB_MIN.
    A full-scale sine is -3.01. */
float mix_level_dbov(const struct dsp_ops *dsp, const float *frame, size_t samples);
/** Largest magnitude. */
float mix_peak(const struct dsp_ops *dsp, const float *frame, size_t samples);
/** 10^(db/20), and back; 0 or less gives MIX_LEVEL_DB_MIN. */
float mix_from_db(float db);
float mix_to_db(float gain);

#endif

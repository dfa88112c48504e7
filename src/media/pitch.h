/**
 * @file pitch.h  Where a waveform repeats: for hiding losses, stretching time and endings without a click.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  the caller's samples, which are only read
 * Thread:  re-entrant
 */
#ifndef SR_MEDIA_PITCH_H
#define SR_MEDIA_PITCH_H

#include "base/base.h"

enum {
    PITCH_RATE_HZ_MAX = 48000,
    PITCH_SPAN_MS_MAX = 25, /* longest lag and window together */
};

/** Lags to be tried, both included, and how much is compared; in samples. */
struct pitch_range {
    size_t low, high, window; /* high + window: at most PITCH_SPAN_MS_MAX */
};

/**
 * The lag at which x[lag..] is most like x[0..]; x has high + window samples.
 *
 * @param      rate_hz    a multiple of 8000
 * @param[out] ret_match  -1..1, how alike: 1 the same but for loudness, 0 not at all
 */
size_t pitch_find(const float *x, uint32_t rate_hz, const struct pitch_range *range,
                  float *ret_match);
/** The same, backwards: how long before its end (the sample before `end` is the last) a sound was most like
    its end. high + window samples are read before `end`. */
size_t pitch_find_back(const float *end, uint32_t rate_hz, const struct pitch_range *range,
                       float *ret_match);

#endif

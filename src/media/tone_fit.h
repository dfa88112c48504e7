/**
 * @file tone_fit.h  Measuring tones: how clean, how loud. For tests, line checks and tools.
 *
 * SNR: a sine of known frequency is fitted by least squares to blocks of 20 ms; what is left over
 * is noise; the median of the blocks counts, so one click does not hide in an average and one bad
 * block does not decide.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  none
 * Thread:  re-entrant
 */
#ifndef SR_MEDIA_TONE_FIT_H
#define SR_MEDIA_TONE_FIT_H

#include "base/base.h"

enum {
    TONE_FIT_BLOCK_MS = 20,
    TONE_FIT_BLOCKS_MAX = 500, /* 10 s; what is longer is cut */
    TONE_FIT_SNR_DB_MAX = 120,
    TONE_FIT_SNR_DB_MIN = -60,
};

struct tone_fit {
    double amplitude; /* peak */
    double phase;     /* of a sine at sample 0, radians */
    double residual;  /* mean square of what is left */
    double snr_db;    /* TONE_FIT_SNR_DB_MIN .. MAX; MIN for silence */
};

/** Fits one sine to `samples` samples (at least 2). 0 < hz < rate_hz / 2. */
struct tone_fit tone_fit_block(const float *pcm, size_t samples, uint32_t rate_hz, double hz);
/** Median SNR of the whole 20 ms blocks; TONE_FIT_SNR_DB_MIN when there is none. */
double tone_fit_snr_db(const float *pcm, size_t samples, uint32_t rate_hz, double hz);
/** Level of one frequency in dBFS (a full-scale sine is 0), by Goertzel. At least -200. */
double tone_fit_level_dbfs(const float *pcm, size_t samples, uint32_t rate_hz, double hz);

#endif

/**
 * @file conceal.h  Waveform concealment for codecs that have none of their own (G.711, G.722).
 *
 * Remembers the last 50 ms. When a packet is missing the last pitch period is repeated with
 * overlap, fading from 10 ms on and silent after 60 ms; the first good packet is faded in over
 * what concealment would have gone on with, so neither edge clicks. Adds no delay.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded
 * Thread:  one owner
 */
#ifndef SR_MEDIA_CONCEAL_H
#define SR_MEDIA_CONCEAL_H

#include "media/dsp.h"

enum {
    CONCEAL_RATE_HZ_MAX = 16000,
    CONCEAL_HISTORY_MAX = CONCEAL_RATE_HZ_MAX / 20, /* 50 ms */
};

struct conceal { /* fields are private */
    const struct dsp_ops *dsp;
    uint32_t rate_hz;
    size_t history_len;
    size_t lost;     /* samples invented since the last good one */
    size_t pitch;    /* samples in period */
    size_t position; /* inside the period */
    float step;      /* between the last good sample and the first invented one */
    float history[CONCEAL_HISTORY_MAX];
    float period[CONCEAL_HISTORY_MAX];
};

/** rate_hz is 8000 or 16000; dsp NULL: dsp_best(). */
void conceal_init(struct conceal *conceal, uint32_t rate_hz, const struct dsp_ops *dsp);
/** A decoded packet: remembers it and, after a loss, blends its first milliseconds in place. */
void conceal_good(struct conceal *conceal, float *pcm, size_t samples);
/** Writes `samples` samples in place of a missing packet. */
void conceal_gap(struct conceal *conceal, float *out, size_t samples);

#endif

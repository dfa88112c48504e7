/**
 * @file dsp.h  The inner loops of the sample path, in a plain and in vector versions.
 *
 * One table of plain functions over arrays per instruction set, chosen once at start by
 * dsp_best() and passed on to whoever works with samples (codec, resampler, mixer). The plain
 * table is the reference: a test holds every other one against it, element-wise loops bit for
 * bit, sums within rounding.
 *
 * Samples are float, full scale [-1, 1]. Arrays may overlap only where it is said; no alignment
 * is needed; a count of 0 is fine.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  none; tables are constant
 * Thread:  re-entrant
 */
#ifndef SR_MEDIA_DSP_H
#define SR_MEDIA_DSP_H

#include "base/str.h"

enum {
    DSP_QMF_TAPS = 24, /* G.722 band-split filter */
    DSP_ZEROS = 8,     /* six in use */
};

/** Several dot products over one input: out[k * out_step] = sum of h[t] * x[k * x_step + t]. */
struct dsp_fir {
    const float *h;
    size_t taps; /* a multiple of 8 */
    size_t x_step;
    size_t out_step;
};

/** Every slot works on `n` elements (or `n` results) and touches nothing beyond them. */
struct dsp_ops {
    const char *name; /* "plain", "sse2", "neon", "avx2" */

    /** sum += x. */
    void (*add)(float *sum, const float *x, size_t n);
    /** out = a - b. out may be a or b. */
    void (*subtract)(float *out, const float *a, const float *b, size_t n);
    /** x *= gain. */
    void (*gain)(float *x, float gain, size_t n);
    /** sum += x * gain. */
    void (*add_gain)(float *sum, const float *x, float gain, size_t n);
    /** Multiplies by a straight line from `from` (first element) towards `to` (after the last). */
    void (*ramp)(float *x, float from, float to, size_t n);
    /** Sum of squares. */
    float (*energy)(const float *x, size_t n);
    /** Largest magnitude; 0 for n == 0. */
    float (*peak)(const float *x, size_t n);
    /** Transparent up to +-0.8, then bends smoothly and never passes +-1. */
    void (*soft_clip)(float *x, size_t n);

    /** 32768 is full scale; rounds to nearest, clips. NaN gives any value, never a trap. */
    void (*to_s16)(int16_t *out, const float *x, size_t n);
    void (*from_s16)(float *out, const int16_t *x, size_t n);
    /** G.711 companding of float samples, through 16 bits, as ITU-T G.711 says. */
    void (*to_ulaw)(uint8_t *out, const float *x, size_t n);
    void (*to_alaw)(uint8_t *out, const float *x, size_t n);

    /** See struct dsp_fir; n results. */
    void (*fir)(const struct dsp_fir *fir, const float *x, float *out, size_t n);

    /**
     * G.722 analysis: out n pairs from 2n + 22 samples of 16 kHz input (the first 22 are history).
     * low[k] and high[k] take x[2k] .. x[2k + 23]. Results are wrapped to 16 bits.
     */
    void (*qmf_split)(int16_t *low, int16_t *high, const int16_t *x, size_t n);
    /**
     * G.722 synthesis: 2n samples of 16 kHz from n + 11 pairs, interleaved as sum (low + high)
     * and difference (low - high); the first 11 pairs are history. Clips to 16 bits.
     */
    void (*qmf_join)(int16_t *out, const int16_t *pairs, size_t n);
    /**
     * G.722 UPZERO, DELAYA and FILTEZ: adapts six coefficients b, takes `difference` (16 bits) into
     * the delay line d and gives the sum of products, not clipped. The last two of the eight are 0.
     */
    int32_t (*g722_zeros)(int16_t b[DSP_ZEROS], int16_t d[DSP_ZEROS], int32_t difference);
};

/** The reference. Never NULL. */
const struct dsp_ops *dsp_plain(void);
/** The fastest table this processor can run. Never NULL. */
const struct dsp_ops *dsp_best(void);
/** Table number `index` of those this processor can run (0: plain, last: best), NULL beyond. */
const struct dsp_ops *dsp_at(size_t index);
/** By name, for a switch in the configuration and for tests; NULL: not known or cannot run here. */
const struct dsp_ops *dsp_find(struct sr_str name);

#endif

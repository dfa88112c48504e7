/**
 * @file dsp_internal.h  What the versions of the inner loops share. Only dsp*.c include it.
 *
 * Layer:   pure
 * Thread:  re-entrant
 */
#ifndef SR_MEDIA_DSP_INTERNAL_H
#define SR_MEDIA_DSP_INTERNAL_H

#include "media/dsp.h"

#define DSP__CLIP_KNEE 0.8f
#define DSP__CLIP_PEAK_MAX 64.0f
/* adding 1.5 * 2^23 leaves the rounded integer in the low bits of the mantissa */
#define DSP__ROUND_ADD 12582912.0f
#define DSP__ROUND_BITS 0x4B400000

/** Band filters of G.722 as 24 taps over interleaved input, one row per result. */
struct dsp__qmf {
    int16_t first[DSP_QMF_TAPS];
    int16_t second[DSP_QMF_TAPS];
};

extern const struct dsp__qmf dsp__qmf_split; /* low, high */
extern const struct dsp__qmf dsp__qmf_join;  /* even sample, odd sample */

/** The last elements of a vector loop are done by the plain table. */
extern const struct dsp_ops dsp__ops_plain;
extern const struct dsp_ops dsp__ops_vec4; /* SSE2 or NEON: always there on x86-64 and arm64 */
extern const struct dsp_ops dsp__ops_avx2;

#endif

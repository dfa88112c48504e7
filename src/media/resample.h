/**
 * @file resample.h  Streaming conversion between 8, 16, 24 and 48 kHz.
 *
 * Polyphase FIR, linear phase, Kaiser window; 32 taps at the lower of the two rates. With f the
 * lower rate:
 *
 *     pass-band   0 .. 0.42 f       within +-0.1 dB
 *     stop-band   0.54 f and above  at most -60 dB (images when going up, aliases when going down)
 *     latency     16 samples at the lower rate, in either direction: 2 ms at 8 kHz, 1 ms at 16 kHz,
 *                 0.67 ms at 24 kHz
 *
 * (8 kHz: pass-band 3360 Hz; what folds back stays above 3680 Hz.) A test measures these figures.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded, about 3.5 kB; nothing is allocated
 * Thread:  one owner
 */
#ifndef SR_MEDIA_RESAMPLE_H
#define SR_MEDIA_RESAMPLE_H

#include "media/dsp.h"

enum {
    RESAMPLE_TAPS_LOW = 32, /* filter length in samples of the lower rate */
    RESAMPLE_TAPS_MAX = RESAMPLE_TAPS_LOW * 6,
    RESAMPLE_BLOCK = 480, /* input samples worked on at once: 10 ms at 48 kHz */
    RESAMPLE_RATE_HZ_MAX = 48000,
};

struct resample { /* fields are private */
    const struct dsp_ops *dsp;
    uint32_t in_hz, out_hz;
    uint8_t up, down;           /* coprime */
    uint16_t phase_taps;        /* per output sample; a multiple of 8 */
    float h[RESAMPLE_TAPS_MAX]; /* by phase, each reversed */
    float x[RESAMPLE_TAPS_MAX + RESAMPLE_BLOCK];
};

/**
 * @param dsp  NULL: dsp_best()
 *
 * @return SR_OK; SR_ERR_UNSUPPORTED a rate that is none of 8000, 16000, 24000, 48000
 */
SR_MUST_USE enum sr_err resample_init(struct resample *resample, uint32_t in_hz, uint32_t out_hz,
                                      const struct dsp_ops *dsp);
/** Delay in microseconds; 0 when both rates are equal. */
sr_usec resample_latency_us(const struct resample *resample);
/** Output samples that `in_samples` (whole milliseconds) give. */
size_t resample_out_samples(const struct resample *resample, size_t in_samples);
/**
 * Converts whole milliseconds. in and out must not overlap. Equal rates copy.
 *
 * @param in_samples  a multiple of in_hz / 1000
 * @return samples written: exactly resample_out_samples(); out must have the room
 */
size_t resample_run(struct resample *resample, const float *in, size_t in_samples, float *out);

#endif

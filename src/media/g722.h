/**
 * @file g722.h  ITU-T G.722 at 64 kbit/s: 16 kHz audio in 8000 bytes per second.
 *
 * Bit-exact with the recommendation's arithmetic. The band filters run over whole blocks through
 * the dsp table; the two ADPCM loops are serial by nature.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded; about 1.5 kB each way
 * Thread:  re-entrant; one state belongs to one thread at a time
 */
#ifndef SR_MEDIA_G722_H
#define SR_MEDIA_G722_H

#include "media/dsp.h"

enum {
    G722_RATE_HZ = 16000,
    G722_BLOCK_SAMPLES = 320, /* work is cut into blocks of at most 20 ms */
    G722_HISTORY = 22,        /* samples the band filters remember */
};

/** One adaptive predictor and quantiser; fields are private. */
struct g722_band {
    int32_t s, sp, sz; /* predictions: whole, poles, zeros */
    int32_t nb, det;   /* logarithmic scale factor and step size */
    int32_t a[2], r[2], p[2];
    int16_t b[DSP_ZEROS], d[DSP_ZEROS];
};

struct g722_encoder { /* fields are private */
    const struct dsp_ops *dsp;
    struct g722_band low, high;
    int16_t history[G722_HISTORY];
};

struct g722_decoder { /* fields are private */
    const struct dsp_ops *dsp;
    struct g722_band low, high;
    int16_t history[G722_HISTORY];
};

/** dsp NULL: dsp_best(). */
void g722_encoder_init(struct g722_encoder *encoder, const struct dsp_ops *dsp);
void g722_decoder_init(struct g722_decoder *decoder, const struct dsp_ops *dsp);

/** Two samples become one byte. `samples` is even; out has room for samples / 2. */
void g722_encoder_run(struct g722_encoder *encoder, const int16_t *pcm, size_t samples,
                      uint8_t *out);
/** One byte becomes two samples. out has room for 2 * bytes. */
void g722_decoder_run(struct g722_decoder *decoder, const uint8_t *codes, size_t bytes,
                      int16_t *out);

#endif

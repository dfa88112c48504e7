/**
 * @file g722.c  Tables and arithmetic of ITU-T G.722 sections 3 to 6; names of blocks as there.
 */
#include "media/g722.h"

enum {
    LOW_NB_MAX = 18432,
    HIGH_NB_MAX = 22528,
    QUANT_LOW_LEVELS = 30,
};

/* decision levels of the 6-bit quantiser; [0] is below everything, [30..] above everything */
static const int32_t quant_low[32] = {
    0,    35,   72,   110,  150,  190,  233,  276,  323,     370,     422,
    473,  530,  587,  650,  714,  786,  858,  940,  1023,    1121,    1219,
    1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919, 1 << 16, 1 << 16,
};
static const int16_t inverse_low4[16] = {
    0,     -20456, -12896, -8968, -6288, -4240, -2584, -1200,
    20456, 12896,  8968,   6288,  4240,  2584,  1200,  0,
};
static const int16_t inverse_low6[64] = {
    -136,   -136,   -136,  -136,  -24808, -21904, -19008, -16704, -14984, -13512, -12280,
    -11192, -10232, -9360, -8576, -7856,  -7192,  -6576,  -6000,  -5456,  -4944,  -4464,
    -4008,  -3576,  -3168, -2776, -2400,  -2032,  -1688,  -1360,  -1040,  -728,   24808,
    21904,  19008,  16704, 14984, 13512,  12280,  11192,  10232,  9360,   8576,   7856,
    7192,   6576,   6000,  5456,  4944,   4464,   4008,   3576,   3168,   2776,   2400,
    2032,   1688,   1360,  1040,  728,    432,    136,    -432,   -136,
};
static const int16_t inverse_high[4] = {-7408, -1616, 7408, 1616};
/* step of the logarithmic scale factor, by code */
static const int16_t scale_low[16] = {
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
};
static const int16_t scale_high[4] = {798, -214, 798, -214};
/* 2048 * 2^(i / 32) */
static const int16_t antilog[32] = {
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
};

static inline int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    value = value < low ? low : value;
    return value > high ? high : value;
}

static inline int32_t sat16(int32_t value)
{
    return clamp(value, INT16_MIN, INT16_MAX);
}

/** -1 for negative values, else 0. */
static inline int32_t sign_of(int32_t value)
{
    return value >> 31;
}

/** LOGSCL/LOGSCH and SCALEL/SCALEH: adapts the step size. `shift` is 8 (low) or 10 (high). */
static inline void adapt_step(struct g722_band *band, int32_t step, int32_t nb_max, int32_t shift)
{
    int32_t right;

    band->nb = clamp(((band->nb * 127) >> 7) + step, 0, nb_max);
    right = shift - (band->nb >> 11);
    band->det = antilog[(band->nb >> 6) & 31];
    band->det = (right < 0 ? band->det << -right : band->det >> right) << 2;
}

/** UPPOL2 and UPPOL1: the two pole coefficients, from the signs of the partial signals. */
static inline void adapt_poles(struct g722_band *band, int32_t partial)
{
    bool is_same_1 = (partial ^ band->p[0]) >= 0;
    bool is_same_2 = (partial ^ band->p[1]) >= 0;
    int32_t a1_by_4 = sat16(band->a[0] * 4);
    int32_t a2 = SR_MIN(is_same_1 ? -a1_by_4 : a1_by_4, INT16_MAX) >> 7;
    int32_t a1 = (is_same_1 ? 192 : -192) + ((band->a[0] * 32640) >> 15);
    int32_t a1_max;

    a2 += (is_same_2 ? 128 : -128) + ((band->a[1] * 32512) >> 15);
    a2 = clamp(a2, -12288, 12288);
    a1_max = 15360 - a2;
    band->a[0] = clamp(sat16(a1), -a1_max, a1_max);
    band->a[1] = a2;
    band->p[1] = band->p[0];
    band->p[0] = partial;
}

/** Block 4: updates the predictor with the quantised difference and predicts the next sample. */
static inline void predict(struct g722_band *band, int32_t difference, const struct dsp_ops *dsp)
{
    int32_t partial = sat16(band->sz + difference);
    int32_t r = sat16(band->s + difference);
    int32_t sp;

    adapt_poles(band, partial);
    band->sz = sat16(dsp->g722_zeros(band->b, band->d, difference));
    sp = ((band->a[0] * sat16(r * 2)) >> 15) + ((band->a[1] * sat16(band->r[0] * 2)) >> 15);
    band->r[1] = band->r[0];
    band->r[0] = r;
    band->sp = sat16(sp);
    band->s = sat16(band->sp + band->sz);
}

/** Number of the first decision level above `magnitude`: 1 .. 30, in five halvings. */
static inline int32_t quantise_low(int32_t magnitude, int32_t det)
{
    int32_t index = 0;

    for (int32_t half = 16; half > 0; half >>= 1)
        index += magnitude >= (int32_t)((quant_low[index + half] * det) >> 12) ? half : 0;
    return index + 1;
}

static inline uint8_t encode_pair(struct g722_encoder *encoder, int32_t low, int32_t high)
{
    int32_t error_low = sat16(low - encoder->low.s);
    int32_t error_high = sat16(high - encoder->high.s);
    int32_t level = quantise_low(error_low ^ sign_of(error_low), encoder->low.det);
    int32_t code_low = error_low < 0 ? (level < 3 ? 64 - level : 34 - level) : 62 - level;
    int32_t is_outer = (error_high ^ sign_of(error_high)) >= ((564 * encoder->high.det) >> 12);
    int32_t code_high = (error_high < 0 ? 1 : 3) - is_outer;
    int32_t difference;

    difference = (encoder->low.det * inverse_low4[code_low >> 2]) >> 15;
    adapt_step(&encoder->low, scale_low[code_low >> 2], LOW_NB_MAX, 8);
    predict(&encoder->low, difference, encoder->dsp);

    difference = (encoder->high.det * inverse_high[code_high]) >> 15;
    adapt_step(&encoder->high, scale_high[code_high], HIGH_NB_MAX, 10);
    predict(&encoder->high, difference, encoder->dsp);
    return (uint8_t)((code_high << 6) | code_low);
}

/** Writes sum and difference of both bands. */
static inline void decode_pair(struct g722_decoder *decoder, uint8_t code, int16_t *pair)
{
    int32_t code_low = code & 0x3F;
    int32_t code_high = code >> 6;
    int32_t low = decoder->low.s + ((decoder->low.det * inverse_low6[code_low]) >> 15);
    int32_t difference = (decoder->low.det * inverse_low4[code_low >> 2]) >> 15;
    int32_t high;

    low = clamp(low, -16384, 16383);
    adapt_step(&decoder->low, scale_low[code_low >> 2], LOW_NB_MAX, 8);
    predict(&decoder->low, difference, decoder->dsp);

    difference = (decoder->high.det * inverse_high[code_high]) >> 15;
    high = clamp(decoder->high.s + difference, -16384, 16383);
    adapt_step(&decoder->high, scale_high[code_high], HIGH_NB_MAX, 10);
    predict(&decoder->high, difference, decoder->dsp);

    pair[0] = (int16_t)(low + high);
    pair[1] = (int16_t)(low - high);
}

static void init_bands(struct g722_band *low, struct g722_band *high)
{
    *low = (struct g722_band){.det = 32};
    *high = (struct g722_band){.det = 8};
}

void g722_encoder_init(struct g722_encoder *encoder, const struct dsp_ops *dsp)
{
    *encoder = (struct g722_encoder){.dsp = dsp != NULL ? dsp : dsp_best()};
    init_bands(&encoder->low, &encoder->high);
}

void g722_decoder_init(struct g722_decoder *decoder, const struct dsp_ops *dsp)
{
    *decoder = (struct g722_decoder){.dsp = dsp != NULL ? dsp : dsp_best()};
    init_bands(&decoder->low, &decoder->high);
}

void g722_encoder_run(struct g722_encoder *encoder, const int16_t *pcm, size_t samples,
                      uint8_t *out)
{
    int16_t x[G722_HISTORY + G722_BLOCK_SAMPLES];
    int16_t low[G722_BLOCK_SAMPLES / 2];
    int16_t high[G722_BLOCK_SAMPLES / 2];

    SR_ASSERT(samples % 2 == 0);
    memcpy(x, encoder->history, sizeof(encoder->history));
    while (samples > 0) {
        size_t block = SR_MIN(samples, (size_t)G722_BLOCK_SAMPLES);
        size_t pairs = block / 2;

        memcpy(x + G722_HISTORY, pcm, block * sizeof(*pcm));
        encoder->dsp->qmf_split(low, high, x, pairs);
        for (size_t i = 0; i < pairs; i++)
            out[i] = encode_pair(encoder, low[i], high[i]);
        memmove(x, x + block, G722_HISTORY * sizeof(*x));
        pcm += block;
        out += pairs;
        samples -= block;
    }
    memcpy(encoder->history, x, sizeof(encoder->history));
}

void g722_decoder_run(struct g722_decoder *decoder, const uint8_t *codes, size_t bytes,
                      int16_t *out)
{
    int16_t x[G722_HISTORY + G722_BLOCK_SAMPLES];

    memcpy(x, decoder->history, sizeof(decoder->history));
    while (bytes > 0) {
        size_t pairs = SR_MIN(bytes, (size_t)G722_BLOCK_SAMPLES / 2);

        for (size_t i = 0; i < pairs; i++)
            decode_pair(decoder, codes[i], x + G722_HISTORY + 2 * i);
        decoder->dsp->qmf_join(out, x, pairs);
        memmove(x, x + 2 * pairs, G722_HISTORY * sizeof(*x));
        codes += pairs;
        out += 2 * pairs;
        bytes -= pairs;
    }
    memcpy(decoder->history, x, sizeof(decoder->history));
}

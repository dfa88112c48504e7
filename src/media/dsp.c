/**
 * @file dsp.c  The plain versions, and which version runs where.
 */
#include "media/dsp.h"

#include "media/dsp_internal.h"
#include "media/g711.h"

/* Even taps run forwards, odd ones backwards; the half-band filter of G.722 section 3.1. */
const struct dsp__qmf dsp__qmf_split = {
    {3,    -11, -11,  53,   12,  -156, 32,   362, -210, -805, 951, 3876,
     3876, 951, -805, -210, 362, 32,   -156, 12,  53,   -11,  -11, 3},
    {-3,    -11, 11,  53,   -12,  -156, -32, 362, 210, -805, -951, 3876,
     -3876, 951, 805, -210, -362, 32,   156, 12,  -53, -11,  11,   3},
};
const struct dsp__qmf dsp__qmf_join = {
    {0, -11, 0, 53, 0, -156, 0, 362, 0, -805, 0, 3876, 0, 951, 0, -210, 0, 32, 0, 12, 0, -11, 0, 3},
    {3, 0, -11, 0, 12, 0, 32, 0, -210, 0, 951, 0, 3876, 0, -805, 0, 362, 0, -156, 0, 53, 0, -11, 0},
};

static void plain_add(float *sum, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += x[i];
}

static void plain_subtract(float *out, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] - b[i];
}

static void plain_gain(float *x, float gain, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= gain;
}

static void plain_add_gain(float *sum, const float *x, float gain, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += x[i] * gain;
}

static void plain_ramp(float *x, float from, float to, size_t n)
{
    float step = n > 0 ? (to - from) / (float)n : 0.0f;

    for (size_t i = 0; i < n; i++)
        x[i] *= from + step * (float)i;
}

static float plain_energy(const float *x, size_t n)
{
    float sum = 0.0f;

    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

static float plain_peak(const float *x, size_t n)
{
    float peak = 0.0f;

    for (size_t i = 0; i < n; i++) {
        float magnitude = x[i] < 0.0f ? -x[i] : x[i];

        if (magnitude > peak)
            peak = magnitude;
    }
    return peak;
}

static void plain_soft_clip(float *x, size_t n)
{
    const float knee = DSP__CLIP_KNEE;

    for (size_t i = 0; i < n; i++) {
        float magnitude = x[i] < 0.0f ? -x[i] : x[i];
        float bent;

        if (!(magnitude > knee))
            continue;
        magnitude = magnitude < DSP__CLIP_PEAK_MAX ? magnitude : DSP__CLIP_PEAK_MAX;
        bent = knee + (1.0f - knee) * (magnitude - knee) / (magnitude + (1.0f - 2.0f * knee));
        x[i] = x[i] < 0.0f ? -bent : bent;
    }
}

static int32_t round_s16(float x)
{
    float scaled = x * 32768.0f;
    int32_t bits;

    scaled = scaled > 32767.0f ? 32767.0f : scaled;
    scaled = scaled < -32768.0f ? -32768.0f : scaled;
    scaled += DSP__ROUND_ADD;
    memcpy(&bits, &scaled, sizeof(bits));
    return bits - DSP__ROUND_BITS;
}

static void plain_to_s16(int16_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (int16_t)round_s16(x[i]);
}

static void plain_from_s16(float *out, const int16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)x[i] * (1.0f / 32768.0f);
}

static void plain_to_ulaw(uint8_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = g711_ulaw_encode((int16_t)round_s16(x[i]));
}

static void plain_to_alaw(uint8_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = g711_alaw_encode((int16_t)round_s16(x[i]));
}

static void plain_fir(const struct dsp_fir *fir, const float *x, float *out, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const float *from = x + k * fir->x_step;
        float sum = 0.0f;

        for (size_t t = 0; t < fir->taps; t++)
            sum += fir->h[t] * from[t];
        out[k * fir->out_step] = sum;
    }
}

static int32_t qmf_dot(const int16_t *h, const int16_t *x)
{
    int32_t sum = 0;

    for (size_t t = 0; t < DSP_QMF_TAPS; t++)
        sum += (int32_t)h[t] * x[t];
    return sum;
}

static int16_t clip_s16(int32_t value)
{
    return (int16_t)SR_MAX(SR_MIN(value, INT16_MAX), INT16_MIN);
}

static void plain_qmf_split(int16_t *low, int16_t *high, const int16_t *x, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        low[k] = (int16_t)(qmf_dot(dsp__qmf_split.first, x + 2 * k) >> 14);
        high[k] = (int16_t)(qmf_dot(dsp__qmf_split.second, x + 2 * k) >> 14);
    }
}

static void plain_qmf_join(int16_t *out, const int16_t *pairs, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        out[2 * k] = clip_s16(qmf_dot(dsp__qmf_join.first, pairs + 2 * k) >> 11);
        out[2 * k + 1] = clip_s16(qmf_dot(dsp__qmf_join.second, pairs + 2 * k) >> 11);
    }
}

static int32_t plain_g722_zeros(int16_t b[DSP_ZEROS], int16_t d[DSP_ZEROS], int32_t difference)
{
    int32_t step = difference == 0 ? 0 : 128;
    int32_t newer = difference;
    int32_t sum = 0;

    for (size_t i = 0; i < 6; i++) {
        int32_t older = d[i];
        int32_t flip = (older ^ difference) >> 31; /* -1: signs differ */
        int32_t adapted = clip_s16(((step ^ flip) - flip) + ((b[i] * 32640) >> 15));

        sum += (adapted * clip_s16(newer * 2)) >> 15;
        b[i] = (int16_t)adapted;
        d[i] = (int16_t)newer;
        newer = older;
    }
    return sum;
}

const struct dsp_ops dsp__ops_plain = {
    .name = "plain",
    .add = plain_add,
    .subtract = plain_subtract,
    .gain = plain_gain,
    .add_gain = plain_add_gain,
    .ramp = plain_ramp,
    .energy = plain_energy,
    .peak = plain_peak,
    .soft_clip = plain_soft_clip,
    .to_s16 = plain_to_s16,
    .from_s16 = plain_from_s16,
    .to_ulaw = plain_to_ulaw,
    .to_alaw = plain_to_alaw,
    .fir = plain_fir,
    .qmf_split = plain_qmf_split,
    .qmf_join = plain_qmf_join,
    .g722_zeros = plain_g722_zeros,
};

const struct dsp_ops *dsp_plain(void)
{
    return &dsp__ops_plain;
}

const struct dsp_ops *dsp_at(size_t index)
{
    switch (index) {
    case 0:
        return &dsp__ops_plain;
#if defined(__SSE2__) || defined(__ARM_NEON)
    case 1:
        return &dsp__ops_vec4;
#endif
#if defined(__x86_64__)
    case 2:
        return __builtin_cpu_supports("avx2") ? &dsp__ops_avx2 : NULL;
#endif
    default:
        return NULL;
    }
}

const struct dsp_ops *dsp_find(struct sr_str name)
{
    const struct dsp_ops *ops;

    for (size_t i = 0; (ops = dsp_at(i)) != NULL; i++) {
        if (sr_str_eq_c(name, ops->name))
            return ops;
    }
    return NULL;
}

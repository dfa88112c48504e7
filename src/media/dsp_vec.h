/**
 * @file dsp_vec.h  The vector versions, written once for any width.
 *
 * Included by dsp_vec4.c (VEC_LANES 4: SSE2, NEON) and dsp_avx2.c (VEC_LANES 8), which are compiled
 * with the matching flags. Uses the compiler's vector types; intrinsics only where these have no
 * word for it (products of 16-bit pairs). Element-wise loops do the plain version's arithmetic in
 * the plain version's order, so results are equal to the last bit.
 *
 * Before including, define VEC_LANES, VEC_NAME and VEC_OPS.
 *
 * Layer:   pure
 * Thread:  re-entrant
 */
#include "media/dsp_internal.h"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

typedef float vecf __attribute__((vector_size(4 * VEC_LANES)));
typedef int32_t veci __attribute__((vector_size(4 * VEC_LANES)));
typedef int16_t vecs __attribute__((vector_size(2 * VEC_LANES)));
typedef uint8_t vecb __attribute__((vector_size(VEC_LANES)));

#define VEC_INLINE static inline __attribute__((always_inline))

VEC_INLINE vecf load(const float *x)
{
    vecf v;

    memcpy(&v, x, sizeof(v));
    return v;
}

VEC_INLINE void store(float *out, vecf v)
{
    memcpy(out, &v, sizeof(v));
}

VEC_INLINE vecf splat(float x)
{
    return x - (vecf){0};
}

VEC_INLINE vecf blend(veci mask, vecf yes, vecf no)
{
    return (vecf)((mask & (veci)yes) | (~mask & (veci)no));
}

VEC_INLINE vecf magnitude_of(vecf x)
{
    return (vecf)((veci)x & 0x7FFFFFFF);
}

VEC_INLINE float sum_of(vecf v)
{
    float lanes[VEC_LANES];

    memcpy(lanes, &v, sizeof(lanes));
#if VEC_LANES == 8
    for (size_t i = 0; i < 4; i++)
        lanes[i] += lanes[i + 4];
#endif
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

/** Whole vectors in n elements, as a count of elements. */
VEC_INLINE size_t whole(size_t n)
{
    return n - n % VEC_LANES;
}

static void vec_add(float *sum, const float *x, size_t n)
{
    size_t end = whole(n);

    for (size_t i = 0; i < end; i += VEC_LANES)
        store(sum + i, load(sum + i) + load(x + i));
    dsp__ops_plain.add(sum + end, x + end, n - end);
}

static void vec_subtract(float *out, const float *a, const float *b, size_t n)
{
    size_t end = whole(n);

    for (size_t i = 0; i < end; i += VEC_LANES)
        store(out + i, load(a + i) - load(b + i));
    dsp__ops_plain.subtract(out + end, a + end, b + end, n - end);
}

static void vec_gain(float *x, float gain, size_t n)
{
    size_t end = whole(n);

    for (size_t i = 0; i < end; i += VEC_LANES)
        store(x + i, load(x + i) * gain);
    dsp__ops_plain.gain(x + end, gain, n - end);
}

static void vec_add_gain(float *sum, const float *x, float gain, size_t n)
{
    size_t end = whole(n);

    for (size_t i = 0; i < end; i += VEC_LANES)
        store(sum + i, load(sum + i) + load(x + i) * gain);
    dsp__ops_plain.add_gain(sum + end, x + end, gain, n - end);
}

static void vec_ramp(float *x, float from, float to, size_t n)
{
    size_t end = whole(n);
    float step = n > 0 ? (to - from) / (float)n : 0.0f;
    vecf lane;

    for (int i = 0; i < VEC_LANES; i++)
        lane[i] = (float)i;
    for (size_t i = 0; i < end; i += VEC_LANES)
        store(x + i, load(x + i) * (from + step * (lane + (float)i)));
    for (size_t i = end; i < n; i++)
        x[i] *= from + step * (float)i;
}

static float vec_energy(const float *x, size_t n)
{
    vecf sum_a = {0};
    vecf sum_b = {0};
    size_t i = 0;

    for (; i + 2 * VEC_LANES <= n; i += 2 * VEC_LANES) {
        vecf a = load(x + i);
        vecf b = load(x + i + VEC_LANES);

        sum_a += a * a;
        sum_b += b * b;
    }
    return sum_of(sum_a + sum_b) + dsp__ops_plain.energy(x + i, n - i);
}

static float vec_peak(const float *x, size_t n)
{
    size_t end = whole(n);
    vecf best = {0};
    float peak = dsp__ops_plain.peak(x + end, n - end);

    for (size_t i = 0; i < end; i += VEC_LANES) {
        vecf v = magnitude_of(load(x + i));

        best = blend((veci)(v > best), v, best);
    }
    for (int i = 0; i < VEC_LANES; i++)
        peak = best[i] > peak ? best[i] : peak;
    return peak;
}

static void vec_soft_clip(float *x, size_t n)
{
    const float knee = DSP__CLIP_KNEE;
    const vecf limit = splat(DSP__CLIP_PEAK_MAX);
    size_t end = whole(n);

    for (size_t i = 0; i < end; i += VEC_LANES) {
        vecf v = load(x + i);
        vecf magnitude = magnitude_of(v);
        veci sign = (veci)v & INT32_MIN;
        veci is_loud = (veci)(magnitude > knee);
        vecf bent;

        magnitude = blend((veci)(magnitude < limit), magnitude, limit);
        bent = knee + (1.0f - knee) * (magnitude - knee) / (magnitude + (1.0f - 2.0f * knee));
        store(x + i, blend(is_loud, (vecf)((veci)bent | sign), v));
    }
    dsp__ops_plain.soft_clip(x + end, n - end);
}

/** As round_s16() of the plain version. */
VEC_INLINE veci round_s16(vecf x)
{
    const vecf top = splat(32767.0f);
    const vecf bottom = splat(-32768.0f);
    vecf scaled = x * 32768.0f;

    scaled = blend((veci)(scaled > top), top, scaled);
    scaled = blend((veci)(scaled < bottom), bottom, scaled);
    return (veci)(scaled + DSP__ROUND_ADD) - DSP__ROUND_BITS;
}

static void vec_to_s16(int16_t *out, const float *x, size_t n)
{
    size_t end = whole(n);

    for (size_t i = 0; i < end; i += VEC_LANES) {
        vecs narrow = __builtin_convertvector(round_s16(load(x + i)), vecs);

        memcpy(out + i, &narrow, sizeof(narrow));
    }
    dsp__ops_plain.to_s16(out + end, x + end, n - end);
}

static void vec_from_s16(float *out, const int16_t *x, size_t n)
{
    size_t end = whole(n);

    for (size_t i = 0; i < end; i += VEC_LANES) {
        vecs narrow;

        memcpy(&narrow, x + i, sizeof(narrow));
        store(out + i, __builtin_convertvector(narrow, vecf) * (1.0f / 32768.0f));
    }
    dsp__ops_plain.from_s16(out + end, x + end, n - end);
}

/** Segment and mantissa of G.711 are exponent and upper mantissa of a float. */
VEC_INLINE veci segment_code(veci magnitude)
{
    veci bits = (veci) __builtin_convertvector(magnitude, vecf);

    return (bits >> 19) - ((127 + 7) << 4);
}

VEC_INLINE void store_bytes(uint8_t *out, veci codes)
{
    vecb narrow = __builtin_convertvector(codes & 0xFF, vecb);

    memcpy(out, &narrow, sizeof(narrow));
}

static void vec_to_ulaw(uint8_t *out, const float *x, size_t n)
{
    size_t end = whole(n);

    for (size_t i = 0; i < end; i += VEC_LANES) {
        veci sample = round_s16(load(x + i));
        veci sign = sample >> 31;
        veci biased = ((sample ^ sign) - sign) + 0x84;
        veci is_over = (veci)(biased > 0x7FFF);

        biased = (is_over & 0x7FFF) | (~is_over & biased);
        store_bytes(out + i, segment_code(biased) ^ (0xFF ^ (sign & 0x80)));
    }
    dsp__ops_plain.to_ulaw(out + end, x + end, n - end);
}

static void vec_to_alaw(uint8_t *out, const float *x, size_t n)
{
    size_t end = whole(n);

    for (size_t i = 0; i < end; i += VEC_LANES) {
        veci sample = round_s16(load(x + i));
        veci sign = sample >> 31;
        veci magnitude = sample ^ sign;
        veci is_small = (veci)(magnitude < 256);
        veci code = (is_small & (magnitude >> 4)) | (~is_small & segment_code(magnitude));

        store_bytes(out + i, code ^ (0xD5 ^ (sign & 0x80)));
    }
    dsp__ops_plain.to_alaw(out + end, x + end, n - end);
}

/** Neighbouring results take neighbouring input: lanes are results, nothing is summed across. */
static size_t fir_dense(const struct dsp_fir *fir, const float *x, float *out, size_t n)
{
    size_t k = 0;

    for (; k + 2 * VEC_LANES <= n; k += 2 * VEC_LANES) {
        vecf even_a = {0};
        vecf even_b = {0};
        vecf odd_a = {0};
        vecf odd_b = {0};
        float *to = out + k * fir->out_step;

        for (size_t t = 0; t < fir->taps; t += 2) {
            even_a += load(x + k + t) * fir->h[t];
            even_b += load(x + k + t + VEC_LANES) * fir->h[t];
            odd_a += load(x + k + t + 1) * fir->h[t + 1];
            odd_b += load(x + k + t + 1 + VEC_LANES) * fir->h[t + 1];
        }
        even_a += odd_a;
        even_b += odd_b;
        for (int lane = 0; lane < VEC_LANES; lane++) {
            to[(size_t)lane * fir->out_step] = even_a[lane];
            to[(size_t)(lane + VEC_LANES) * fir->out_step] = even_b[lane];
        }
    }
    return k;
}

/** Results far apart: four at a time share the loads of the filter. */
static size_t fir_sparse(const struct dsp_fir *fir, const float *x, float *out, size_t n)
{
    size_t k = 0;

    for (; k + 4 <= n; k += 4) {
        const float *x0 = x + k * fir->x_step;
        const float *x1 = x0 + fir->x_step;
        const float *x2 = x1 + fir->x_step;
        const float *x3 = x2 + fir->x_step;
        float *to = out + k * fir->out_step;
        vecf sum[4] = {{0}, {0}, {0}, {0}};

        for (size_t t = 0; t < fir->taps; t += VEC_LANES) {
            vecf h = load(fir->h + t);

            sum[0] += h * load(x0 + t);
            sum[1] += h * load(x1 + t);
            sum[2] += h * load(x2 + t);
            sum[3] += h * load(x3 + t);
        }
        for (size_t i = 0; i < 4; i++)
            to[i * fir->out_step] = sum_of(sum[i]);
    }
    return k;
}

static void vec_fir(const struct dsp_fir *fir, const float *x, float *out, size_t n)
{
    size_t done = fir->x_step == 1 ? fir_dense(fir, x, out, n) : fir_sparse(fir, x, out, n);

    dsp__ops_plain.fir(fir, x + done * fir->x_step, out + done * fir->out_step, n - done);
}

#if defined(__SSE2__)
/** 24 products of each row, as [first, second, first, second] / 2: two adds are left to do. */
VEC_INLINE __m128i qmf_rows(const struct dsp__qmf *h, const int16_t *x)
{
    __m128i first = _mm_setzero_si128();
    __m128i second = _mm_setzero_si128();
    __m128i high;
    __m128i low;

    for (size_t t = 0; t < DSP_QMF_TAPS; t += 8) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(x + t));

        first = _mm_add_epi32(
            first,
            _mm_madd_epi16(v, _mm_loadu_si128((const __m128i *)(const void *)(h->first + t))));
        second = _mm_add_epi32(
            second,
            _mm_madd_epi16(v, _mm_loadu_si128((const __m128i *)(const void *)(h->second + t))));
    }
    low = _mm_unpacklo_epi32(first, second);
    high = _mm_unpackhi_epi32(first, second);
    low = _mm_add_epi32(low, high);
    return _mm_add_epi32(low, _mm_srli_si128(low, 8));
}

VEC_INLINE void qmf_both(const struct dsp__qmf *h, const int16_t *x, int32_t *first,
                         int32_t *second)
{
    uint64_t both = (uint64_t)_mm_cvtsi128_si64(qmf_rows(h, x));

    *first = (int32_t)(uint32_t)both;
    *second = (int32_t)(uint32_t)(both >> 32);
}
#else
VEC_INLINE void qmf_both(const struct dsp__qmf *h, const int16_t *x, int32_t *first,
                         int32_t *second)
{
    int32x4_t a = vdupq_n_s32(0);
    int32x4_t b = vdupq_n_s32(0);

    for (size_t t = 0; t < DSP_QMF_TAPS; t += 4) {
        int16x4_t v = vld1_s16(x + t);

        a = vmlal_s16(a, v, vld1_s16(h->first + t));
        b = vmlal_s16(b, v, vld1_s16(h->second + t));
    }
    *first = vaddvq_s32(a);
    *second = vaddvq_s32(b);
}
#endif

VEC_INLINE int16_t clip_s16(int32_t value)
{
    return (int16_t)SR_MAX(SR_MIN(value, INT16_MAX), INT16_MIN);
}

static void vec_qmf_split(int16_t *low, int16_t *high, const int16_t *x, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        int32_t first;
        int32_t second;

        qmf_both(&dsp__qmf_split, x + 2 * k, &first, &second);
        low[k] = (int16_t)(first >> 14);
        high[k] = (int16_t)(second >> 14);
    }
}

static void vec_qmf_join(int16_t *out, const int16_t *pairs, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        int32_t first;
        int32_t second;

        qmf_both(&dsp__qmf_join, pairs + 2 * k, &first, &second);
        out[2 * k] = clip_s16(first >> 11);
        out[2 * k + 1] = clip_s16(second >> 11);
    }
}

#if defined(__SSE2__)
/** (a * b) >> 15 of 16-bit lanes. */
VEC_INLINE __m128i product_q15(__m128i a, __m128i b)
{
    return _mm_or_si128(_mm_slli_epi16(_mm_mulhi_epi16(a, b), 1),
                        _mm_srli_epi16(_mm_mullo_epi16(a, b), 15));
}

static int32_t vec_g722_zeros(int16_t b[DSP_ZEROS], int16_t d[DSP_ZEROS], int32_t difference)
{
    int16_t unit = difference == 0 ? 0 : 128;
    __m128i step = _mm_set_epi16(0, 0, unit, unit, unit, unit, unit, unit);
    __m128i in_use = _mm_set_epi16(0, 0, -1, -1, -1, -1, -1, -1);
    __m128i older = _mm_loadu_si128((const __m128i *)(const void *)d);
    __m128i adapted = _mm_loadu_si128((const __m128i *)(const void *)b);
    __m128i flip = _mm_srai_epi16(_mm_xor_si128(older, _mm_set1_epi16((int16_t)difference)), 15);
    __m128i newer = _mm_insert_epi16(_mm_slli_si128(older, 2), (int16_t)difference, 0);
    __m128i sum;

    newer = _mm_and_si128(newer, in_use);
    step = _mm_and_si128(_mm_sub_epi16(_mm_xor_si128(step, flip), flip), in_use);
    adapted = _mm_adds_epi16(product_q15(adapted, _mm_set1_epi16(32640)), step);
    _mm_storeu_si128((__m128i *)(void *)b, adapted);
    _mm_storeu_si128((__m128i *)(void *)d, newer);
    sum = product_q15(adapted, _mm_adds_epi16(newer, newer));
    sum = _mm_madd_epi16(sum, _mm_set1_epi16(1));
    sum = _mm_add_epi32(sum, _mm_srli_si128(sum, 8));
    sum = _mm_add_epi32(sum, _mm_srli_si128(sum, 4));
    return _mm_cvtsi128_si32(sum);
}
#else
static int32_t vec_g722_zeros(int16_t b[DSP_ZEROS], int16_t d[DSP_ZEROS], int32_t difference)
{
    return dsp__ops_plain.g722_zeros(b, d, difference);
}
#endif

const struct dsp_ops VEC_OPS = {
    .name = VEC_NAME,
    .add = vec_add,
    .subtract = vec_subtract,
    .gain = vec_gain,
    .add_gain = vec_add_gain,
    .ramp = vec_ramp,
    .energy = vec_energy,
    .peak = vec_peak,
    .soft_clip = vec_soft_clip,
    .to_s16 = vec_to_s16,
    .from_s16 = vec_from_s16,
    .to_ulaw = vec_to_ulaw,
    .to_alaw = vec_to_alaw,
    .fir = vec_fir,
    .qmf_split = vec_qmf_split,
    .qmf_join = vec_qmf_join,
    .g722_zeros = vec_g722_zeros,
};

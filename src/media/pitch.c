#include "media/pitch.h"

#include <math.h>

enum {
    COARSE_HZ = 8000, /* searched at this rate first */
    COARSE_MAX = COARSE_HZ / 1000 * PITCH_SPAN_MS_MAX,
    SPAN_MAX = PITCH_RATE_HZ_MAX / 1000 * PITCH_SPAN_MS_MAX,
};

static float likeness(const float *a, const float *b, size_t n)
{
    float ab = 0, aa = 1e-9f, bb = 1e-9f;

    for (size_t i = 0; i < n; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrtf(aa * bb);
}

static size_t best_of(const float *x, const struct pitch_range *range, float *ret_match)
{
    size_t best = range->low;

    *ret_match = -2;
    for (size_t lag = range->low; lag <= range->high; lag++) {
        float match = likeness(x, x + lag, range->window);

        if (match > *ret_match) {
            *ret_match = match;
            best = lag;
        }
    }
    return best;
}

static void slow_down(const float *in, size_t n, size_t step, float *out)
{
    for (size_t i = 0; i < n; i++) {
        float sum = 0;

        for (size_t k = 0; k < step; k++)
            sum += in[i * step + k];
        out[i] = sum;
    }
}

size_t pitch_find(const float *x, uint32_t rate_hz, const struct pitch_range *range,
                  float *ret_match)
{
    float slow[COARSE_MAX];
    size_t step = rate_hz / COARSE_HZ, n = (range->high + range->window) / step, around;
    struct pitch_range coarse = {SR_MAX(range->low / step, (size_t)1), range->high / step,
                                 range->window / step};
    struct pitch_range fine = *range;

    SR_ASSERT(step > 0 && rate_hz % COARSE_HZ == 0 && n <= COARSE_MAX);
    if (step == 1)
        return best_of(x, range, ret_match);
    slow_down(x, n, step, slow);
    coarse.high = SR_MIN(coarse.high, n - coarse.window);
    around = best_of(slow, &coarse, ret_match) * step;
    fine.low = SR_MAX(around - SR_MIN(step, around), range->low);
    fine.high = SR_MIN(around + step, range->high);
    return best_of(x, &fine, ret_match);
}

size_t pitch_find_back(const float *end, uint32_t rate_hz, const struct pitch_range *range,
                       float *ret_match)
{
    float turned[SPAN_MAX];
    size_t n = range->high + range->window;

    SR_ASSERT(n <= SPAN_MAX);
    for (size_t i = 0; i < n; i++)
        turned[i] = end[-1 - (ptrdiff_t)i];
    return pitch_find(turned, rate_hz, range, ret_match);
}

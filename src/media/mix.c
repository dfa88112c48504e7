/**
 * @file mix.c  The bus.
 */
#include "media/mix.h"

#include <math.h>

#include "media/pitch.h"

/* the limiter holds peaks at the knee of the soft clip, which then has little to do */
static const float limit_ceiling = 0.8f;
/* of the reduction is left after one 20 ms frame: down to 1/10 in about 400 ms */
static const float limit_recovery = 0.89f;

void mix_sum(const struct dsp_ops *dsp, float *sum, const float *const *frames, size_t count,
             size_t samples)
{
    bool is_first = true;

    for (size_t i = 0; i < count; i++) {
        if (frames[i] == NULL)
            continue;
        if (is_first)
            memcpy(sum, frames[i], samples * sizeof(*sum));
        else
            dsp->add(sum, frames[i], samples);
        is_first = false;
    }
    if (is_first)
        memset(sum, 0, samples * sizeof(*sum));
}

void mix_minus_self(const struct dsp_ops *dsp, float *out, const float *sum, const float *self,
                    size_t samples)
{
    if (self != NULL)
        dsp->subtract(out, sum, self, samples);
    else if (out != sum)
        memcpy(out, sum, samples * sizeof(*out));
}

void mix_gain(const struct dsp_ops *dsp, float *frame, size_t samples, float *gain, float target)
{
    float from = *gain;

    *gain = target;
    if (from < target || from > target)
        dsp->ramp(frame, from, target, samples);
    else if (target < 1.0f || target > 1.0f)
        dsp->gain(frame, target, samples);
}

void mix_limit(struct mix_limiter *limiter, const struct dsp_ops *dsp, float *frame, size_t samples)
{
    float peak = dsp->peak(frame, samples);
    float needed = peak > limit_ceiling ? 1.0f - limit_ceiling / peak : 0.0f;
    float relaxed = limiter->reduction * limit_recovery;
    float next;

    relaxed = relaxed < 0.001f ? 0.0f : relaxed;
    next = needed > relaxed ? needed : relaxed;
    if (limiter->reduction > 0.0f || next > 0.0f)
        dsp->ramp(frame, 1.0f - limiter->reduction, 1.0f - next, samples);
    limiter->reduction = next;
    if (peak > limit_ceiling)
        dsp->soft_clip(frame, samples);
}

float mix_level_dbov(const struct dsp_ops *dsp, const float *frame, size_t samples)
{
    float mean = samples > 0 ? dsp->energy(frame, samples) / (float)samples : 0.0f;
    float level = mean > 0.0f ? 10.0f * log10f(mean) : (float)MIX_LEVEL_DB_MIN;

    return fminf(0.0f, fmaxf(level, (float)MIX_LEVEL_DB_MIN));
}

float mix_peak(const struct dsp_ops *dsp, const float *frame, size_t samples)
{
    return dsp->peak(frame, samples);
}

float mix_from_db(float db)
{
    return powf(10.0f, db / 20.0f);
}

float mix_to_db(float gain)
{
    return gain > 0.0f ? fmaxf(20.0f * log10f(gain), (float)MIX_LEVEL_DB_MIN)
                       : (float)MIX_LEVEL_DB_MIN;
}

/* ---- who leaves ---- */

void mix_add_tail(float *tail, size_t tail_samples, const float *last, size_t last_samples,
                  uint32_t rate_hz)
{
    size_t ms = rate_hz / 1000, lag;
    struct pitch_range range = {5 * ms / 2, 10 * ms, 5 * ms};
    const float *end = last + last_samples;
    float step, match;

    SR_ASSERT(last_samples >= range.high + range.window);
    lag = pitch_find_back(end, rate_hz, &range, &match);
    /* where the period does not fit, the rest of the step goes within a millisecond */
    step = 2.0f * end[-1] - end[-2] - *(end - lag);
    for (size_t k = 0; k < tail_samples; k++) {
        float left = 1.0f - ((float)k + 0.5f) / (float)tail_samples;
        float rest = k < ms ? step * (float)(ms - k) / (float)ms : 0;

        tail[k] += (*(end - lag + k % lag) + rest) * left * left * (3.0f - 2.0f * left);
    }
}

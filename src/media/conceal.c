/**
 * @file conceal.c  Concealment by repeating the pitch period.
 */
#include "media/conceal.h"

#include <math.h>

enum {
    PITCH_LAG_MS_MAX = 15,     /* 66 Hz */
    PITCH_LAG_PER_S_MIN = 400, /* 400 Hz */
    TEMPLATE_MS = 20,
    LAGS_MAX = CONCEAL_RATE_HZ_MAX / 1000 * PITCH_LAG_MS_MAX + 1,
    FADE_FROM_MS = 10,
    FADE_END_MS = 60,
    JOIN_MS = 4,
    JOIN_MAX = CONCEAL_RATE_HZ_MAX / 1000 * JOIN_MS,
};

/* below this likeness there is no pitch: the longest lag buzzes least */
static const float likeness_min = 0.3f;

static size_t ms(const struct conceal *conceal, size_t milliseconds)
{
    return conceal->rate_hz / 1000 * milliseconds;
}

void conceal_init(struct conceal *conceal, uint32_t rate_hz, const struct dsp_ops *dsp)
{
    SR_ASSERT(rate_hz == 8000 || rate_hz == 16000);
    *conceal = (struct conceal){
        .dsp = dsp != NULL ? dsp : dsp_best(),
        .rate_hz = rate_hz,
        .history_len = rate_hz / 20,
    };
}

/** The lag at which the last 20 ms are most like what came before them. */
static size_t find_pitch(const struct conceal *conceal)
{
    float products[LAGS_MAX];
    size_t window = ms(conceal, TEMPLATE_MS);
    size_t lag_min = conceal->rate_hz / PITCH_LAG_PER_S_MIN;
    size_t lag_max = ms(conceal, PITCH_LAG_MS_MAX);
    const float *template = conceal->history + conceal->history_len - window;
    const float *from = template - lag_max;
    struct dsp_fir fir = {.h = template, .taps = window, .x_step = 1, .out_step = 1};
    float own = conceal->dsp->energy(template, window);
    float energy = conceal->dsp->energy(from, window);
    float best_likeness = likeness_min;
    size_t best = lag_max;

    conceal->dsp->fir(&fir, from, products, lag_max - lag_min + 1);
    for (size_t i = 0; i <= lag_max - lag_min; i++) {
        float norm = own * energy;
        float likeness = norm > 1e-12f ? products[i] / sqrtf(norm) : 0.0f;

        /* later ones are shorter: prefer them unless clearly worse, a multiple is no pitch */
        if (likeness > best_likeness * 0.98f && likeness > likeness_min) {
            best = lag_max - i;
            best_likeness = SR_MAX(likeness, best_likeness);
        }
        energy += from[i + window] * from[i + window] - from[i] * from[i];
        energy = SR_MAX(energy, 0.0f);
    }
    return best;
}

/** Takes the last period and makes its end run into its beginning. */
static void start(struct conceal *conceal)
{
    const float *end = conceal->history + conceal->history_len;
    size_t overlap;

    conceal->pitch = find_pitch(conceal);
    conceal->position = 0;
    overlap = conceal->pitch / 4;
    memcpy(conceal->period, end - conceal->pitch, conceal->pitch * sizeof(*conceal->period));
    for (size_t i = 0; i < overlap; i++) {
        float older = (float)(i + 1) / (float)overlap;
        float *sample = &conceal->period[conceal->pitch - overlap + i];

        *sample = *sample * (1.0f - older) + *(end - conceal->pitch - overlap + i) * older;
    }
    conceal->step = end[-1] - *(end - conceal->pitch - 1);
}

/** Gain after `lost` samples of concealment. */
static float fade(const struct conceal *conceal, size_t lost)
{
    size_t from = ms(conceal, FADE_FROM_MS);
    size_t end = ms(conceal, FADE_END_MS);

    if (lost <= from)
        return 1.0f;
    return lost >= end ? 0.0f : (float)(end - lost) / (float)(end - from);
}

static void invent(struct conceal *conceal, float *out, size_t samples)
{
    size_t mend = ms(conceal, 2);

    for (size_t i = 0; i < samples; i++) {
        float sample = conceal->period[conceal->position];

        /* the repetition starts where the last good sample left off */
        if (conceal->lost < mend)
            sample += conceal->step * (float)(mend - conceal->lost) / (float)mend;
        out[i] = sample * fade(conceal, conceal->lost);
        conceal->position = conceal->position + 1 < conceal->pitch ? conceal->position + 1 : 0;
        conceal->lost++;
    }
}

static void remember(struct conceal *conceal, const float *pcm, size_t samples)
{
    if (samples >= conceal->history_len) {
        memcpy(conceal->history, pcm + samples - conceal->history_len,
               conceal->history_len * sizeof(*conceal->history));
        return;
    }
    memmove(conceal->history, conceal->history + samples,
            (conceal->history_len - samples) * sizeof(*conceal->history));
    memcpy(conceal->history + conceal->history_len - samples, pcm,
           samples * sizeof(*conceal->history));
}

void conceal_good(struct conceal *conceal, float *pcm, size_t samples)
{
    if (conceal->lost > 0) {
        float old[JOIN_MAX];
        size_t join = SR_MIN(ms(conceal, JOIN_MS), samples);

        invent(conceal, old, join);
        for (size_t i = 0; i < join; i++) {
            float share = (float)(i + 1) / (float)(join + 1);

            pcm[i] = pcm[i] * share + old[i] * (1.0f - share);
        }
        conceal->lost = 0;
    }
    remember(conceal, pcm, samples);
}

void conceal_gap(struct conceal *conceal, float *out, size_t samples)
{
    if (conceal->lost >= ms(conceal, FADE_END_MS)) {
        memset(out, 0, samples * sizeof(*out));
        return;
    }
    if (conceal->lost == 0)
        start(conceal);
    invent(conceal, out, samples);
}

/**
 * @file plc.c  Concealment by repeating the pitch period.
 */
#include "media/plc.h"

#include <math.h>

enum {
    PITCH_LAG_MS_MAX = 15,     /* 66 Hz */
    PITCH_LAG_PER_S_MIN = 400, /* 400 Hz */
    TEMPLATE_MS = 20,
    LAGS_MAX = PLC_RATE_HZ_MAX / 1000 * PITCH_LAG_MS_MAX + 1,
    FADE_FROM_MS = 10,
    FADE_END_MS = 60,
    JOIN_MS = 4,
    JOIN_MAX = PLC_RATE_HZ_MAX / 1000 * JOIN_MS,
};

/* below this likeness there is no pitch: the longest lag buzzes least */
static const float likeness_min = 0.3f;

static size_t ms(const struct plc *plc, size_t milliseconds)
{
    return plc->rate_hz / 1000 * milliseconds;
}

void plc_init(struct plc *plc, uint32_t rate_hz, const struct dsp_ops *dsp)
{
    SR_ASSERT(rate_hz == 8000 || rate_hz == 16000);
    *plc = (struct plc){
        .dsp = dsp != NULL ? dsp : dsp_best(),
        .rate_hz = rate_hz,
        .history_len = rate_hz / 20,
    };
}

/** The lag at which the last 20 ms are most like what came before them. */
static size_t find_pitch(const struct plc *plc)
{
    float products[LAGS_MAX];
    size_t window = ms(plc, TEMPLATE_MS);
    size_t lag_min = plc->rate_hz / PITCH_LAG_PER_S_MIN;
    size_t lag_max = ms(plc, PITCH_LAG_MS_MAX);
    const float *template = plc->history + plc->history_len - window;
    const float *from = template - lag_max;
    struct dsp_fir fir = {.h = template, .taps = window, .x_step = 1, .out_step = 1};
    float own = plc->dsp->energy(template, window);
    float energy = plc->dsp->energy(from, window);
    float best_likeness = likeness_min;
    size_t best = lag_max;

    plc->dsp->fir(&fir, from, products, lag_max - lag_min + 1);
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
static void start(struct plc *plc)
{
    const float *end = plc->history + plc->history_len;
    size_t overlap;

    plc->pitch = find_pitch(plc);
    plc->position = 0;
    overlap = plc->pitch / 4;
    memcpy(plc->period, end - plc->pitch, plc->pitch * sizeof(*plc->period));
    for (size_t i = 0; i < overlap; i++) {
        float older = (float)(i + 1) / (float)overlap;
        float *sample = &plc->period[plc->pitch - overlap + i];

        *sample = *sample * (1.0f - older) + *(end - plc->pitch - overlap + i) * older;
    }
    plc->step = end[-1] - *(end - plc->pitch - 1);
}

/** Gain after `lost` samples of concealment. */
static float fade(const struct plc *plc, size_t lost)
{
    size_t from = ms(plc, FADE_FROM_MS);
    size_t end = ms(plc, FADE_END_MS);

    if (lost <= from)
        return 1.0f;
    return lost >= end ? 0.0f : (float)(end - lost) / (float)(end - from);
}

static void invent(struct plc *plc, float *out, size_t samples)
{
    size_t mend = ms(plc, 2);

    for (size_t i = 0; i < samples; i++) {
        float sample = plc->period[plc->position];

        /* the repetition starts where the last good sample left off */
        if (plc->lost < mend)
            sample += plc->step * (float)(mend - plc->lost) / (float)mend;
        out[i] = sample * fade(plc, plc->lost);
        plc->position = plc->position + 1 < plc->pitch ? plc->position + 1 : 0;
        plc->lost++;
    }
}

static void remember(struct plc *plc, const float *pcm, size_t samples)
{
    if (samples >= plc->history_len) {
        memcpy(plc->history, pcm + samples - plc->history_len,
               plc->history_len * sizeof(*plc->history));
        return;
    }
    memmove(plc->history, plc->history + samples,
            (plc->history_len - samples) * sizeof(*plc->history));
    memcpy(plc->history + plc->history_len - samples, pcm, samples * sizeof(*plc->history));
}

void plc_good(struct plc *plc, float *pcm, size_t samples)
{
    if (plc->lost > 0) {
        float old[JOIN_MAX];
        size_t join = SR_MIN(ms(plc, JOIN_MS), samples);

        invent(plc, old, join);
        for (size_t i = 0; i < join; i++) {
            float share = (float)(i + 1) / (float)(join + 1);

            pcm[i] = pcm[i] * share + old[i] * (1.0f - share);
        }
        plc->lost = 0;
    }
    remember(plc, pcm, samples);
}

void plc_conceal(struct plc *plc, float *out, size_t samples)
{
    if (plc->lost >= ms(plc, FADE_END_MS)) {
        memset(out, 0, samples * sizeof(*out));
        return;
    }
    if (plc->lost == 0)
        start(plc);
    invent(plc, out, samples);
}

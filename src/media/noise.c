/**
 * @file noise.c  White noise through an all-pole lattice.
 */
#include "media/noise.h"

#include <math.h>

/* makes uniform noise of +-1 one of mean square 1 */
static const float uniform_scale = 1.7320508f;

void noise_init(struct noise *noise, uint32_t seed)
{
    *noise = (struct noise){.seed = seed};
}

/** Mean square of the lattice's output for an input of mean square 1 is 1 / prod(1 - k^2). */
static float lattice_scale(const struct noise *noise)
{
    float scale = 1.0f;

    for (size_t i = 0; i < noise->order; i++)
        scale *= 1.0f - noise->k[i] * noise->k[i];
    return sqrtf(scale);
}

void noise_set_level(struct noise *noise, int level_dbov)
{
    int level = SR_MAX(SR_MIN(level_dbov, 0), NOISE_LEVEL_DBOV_MIN);

    noise->gain_target =
        level == NOISE_LEVEL_DBOV_MIN ? 0.0f : powf(10.0f, (float)level / 20.0f) * uniform_scale;
}

enum sr_err noise_set_payload(struct noise *noise, struct sr_str payload)
{
    const uint8_t *bytes = (const uint8_t *)payload.p;

    if (payload.n == 0)
        return SR_ERR_SYNTAX;
    noise->order = (uint8_t)SR_MIN(payload.n - 1, (size_t)NOISE_ORDER_MAX);
    for (size_t i = 0; i < noise->order; i++)
        noise->k[i] = ((float)SR_MIN(bytes[1 + i], 254) - 127.0f) / 128.0f; /* RFC 3389 3.2 */
    noise_set_level(noise, -(int)(bytes[0] & 0x7F));
    return SR_OK;
}

static float white(struct noise *noise)
{
    noise->seed = noise->seed * 1664525u + 1013904223u;
    return (float)(int32_t)noise->seed * (1.0f / 2147483648.0f);
}

static float lattice(struct noise *noise, float f)
{
    for (size_t i = noise->order; i-- > 0;) {
        f -= noise->k[i] * noise->b[i];
        noise->b[i + 1] = noise->b[i] + noise->k[i] * f;
    }
    noise->b[0] = f;
    return f;
}

void noise_run(struct noise *noise, float *out, size_t samples)
{
    float scale = lattice_scale(noise);
    float step = samples > 0 ? (noise->gain_target - noise->gain) / (float)samples : 0.0f;

    for (size_t i = 0; i < samples; i++) {
        float sample = lattice(noise, white(noise)) * scale;

        noise->gain += step;
        out[i] = sample * noise->gain;
    }
    noise->gain = noise->gain_target;
}

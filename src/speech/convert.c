#include "speech/convert.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

#define PI 3.14159265358979323846

enum {
    OUT_BLOCK_MAX = CONVERT_BLOCK * 8 + 64
};

uint32_t convert_rate_for(uint32_t in_hz)
{
    if (in_hz <= 8000)
        return 8000;
    if (in_hz <= 16000)
        return 16000;
    return in_hz <= 24000 ? 24000 : 48000;
}

/* A sinc that ends in a window (Blackman): index in steps from its middle. */
static float kernel_at(double crossings)
{
    double x = crossings * PI * 0.93, w = crossings / CONVERT_CROSSINGS;
    double window = 0.42 + 0.5 * cos(PI * w) + 0.08 * cos(2 * PI * w);

    if (crossings >= CONVERT_CROSSINGS)
        return 0;
    return (float)((x == 0.0 ? 1.0 : sin(x) / x) * window * 0.93);
}

void convert_init(struct convert *convert, uint32_t in_hz, uint32_t out_hz)
{
    SR_ASSERT(in_hz >= 4000 && in_hz <= out_hz * CONVERT_RATIO_MAX);
    memset(convert, 0, sizeof(*convert));
    convert->in_hz = in_hz;
    convert->out_hz = out_hz;
    convert->scale = out_hz < in_hz ? (double)out_hz / in_hz : 1.0;
    convert->half = (uint32_t)ceil(CONVERT_CROSSINGS / convert->scale);
    for (int i = 0; i < CONVERT_CROSSINGS * CONVERT_STEPS + 2; i++)
        convert->kernel[i] = kernel_at((double)i / CONVERT_STEPS);
    convert->in_first = -(int64_t)convert->half;
    convert->x_count = convert->half; /* silence before the first sample */
}

size_t convert_out_max(const struct convert *convert, size_t in_count)
{
    return (in_count + 2 * convert->half) * convert->out_hz / convert->in_hz + 2;
}

int16_t convert_sample(float value)
{
    float scaled = value * 32768.0f;

    if (!(scaled > -32768.0f))
        return value < 0.0f ? -32768 : 0; /* the last case is NaN */
    return scaled < 32767.0f ? (int16_t)lrintf(scaled) : 32767;
}

/* The output at input position `at` (a fraction), all of whose neighbours are in x. */
static float interpolate(const struct convert *convert, double at)
{
    int64_t middle = (int64_t)floor(at);
    double sum = 0;

    for (int64_t i = middle - convert->half + 1; i <= middle + convert->half; i++) {
        double steps = fabs(at - (double)i) * convert->scale * CONVERT_STEPS;
        uint32_t step = (uint32_t)steps;
        float part;

        if (step >= CONVERT_CROSSINGS * CONVERT_STEPS)
            continue;
        part = (float)(steps - step);
        sum += (double)convert->x[i - convert->in_first] *
               (double)(convert->kernel[step] +
                        part * (convert->kernel[step + 1] - convert->kernel[step]));
    }
    return (float)(sum * convert->scale);
}

/* Drops what no later output needs. */
static void forget(struct convert *convert)
{
    double at = (double)convert->out_count * convert->in_hz / convert->out_hz;
    int64_t keep = (int64_t)floor(at) - convert->half;
    int64_t drop = SR_MIN(keep - convert->in_first, (int64_t)convert->x_count);

    if (drop <= 0)
        return;
    convert->x_count -= (uint32_t)drop;
    memmove(convert->x, convert->x + drop, convert->x_count * sizeof(convert->x[0]));
    convert->in_first += drop;
}

static size_t give(struct convert *convert, int16_t *out, int64_t in_end)
{
    size_t n = 0;

    for (;;) {
        double at = (double)convert->out_count * convert->in_hz / convert->out_hz;

        if ((int64_t)floor(at) + convert->half >= in_end)
            break;
        out[n++] = convert_sample(interpolate(convert, at));
        convert->out_count++;
    }
    forget(convert);
    return n;
}

size_t convert_run(struct convert *convert, const float *in, size_t in_count, int16_t *out)
{
    SR_ASSERT(in_count <= CONVERT_BLOCK);
    convert->in_count += (int64_t)in_count;
    if (convert->in_hz == convert->out_hz) {
        for (size_t i = 0; i < in_count; i++)
            out[i] = convert_sample(in[i]);
        return in_count;
    }
    SR_ASSERT(convert->x_count + in_count <= SR_ARRAY_LEN(convert->x));
    memcpy(convert->x + convert->x_count, in, in_count * sizeof(*in));
    convert->x_count += (uint32_t)in_count;
    return give(convert, out, convert->in_first + convert->x_count);
}

size_t convert_end(struct convert *convert, int16_t *out)
{
    uint64_t wanted = (uint64_t)convert->in_count * convert->out_hz / convert->in_hz;
    float silence[CONVERT_HALF_MAX + 1] = {0};
    size_t n;

    if (convert->in_hz == convert->out_hz)
        return 0;
    memcpy(convert->x + convert->x_count, silence, (convert->half + 1) * sizeof(silence[0]));
    convert->x_count += convert->half + 1;
    n = give(convert, out, convert->in_first + convert->x_count);
    if (convert->out_count > wanted)
        n -= SR_MIN(n, (size_t)(convert->out_count - wanted));
    return n;
}

struct media_clip *convert_to_clip(const int16_t *samples, size_t count, uint32_t rate_hz)
{
    uint32_t out_hz = convert_rate_for(rate_hz);
    size_t total = (size_t)((uint64_t)count * out_hz / rate_hz), done = 0;
    struct convert *convert = sr_alloc(sizeof(*convert));
    int16_t *out = sr_alloc(OUT_BLOCK_MAX * sizeof(*out));
    struct media_clip *clip;
    float in[CONVERT_BLOCK];

    total = SR_MIN(total, MEDIA_CLIP_BYTES_MAX / sizeof(int16_t));
    clip = media_clip_new(out_hz, total);
    convert_init(convert, rate_hz, out_hz);
    for (size_t at = 0; at <= count && done < total; at += CONVERT_BLOCK) {
        size_t part = SR_MIN(count - at, (size_t)CONVERT_BLOCK), n;

        for (size_t i = 0; i < part; i++)
            in[i] = (float)samples[at + i] * (1.0f / 32768.0f);
        n = part > 0 ? convert_run(convert, in, part, out) : 0;
        if (part < CONVERT_BLOCK)
            n += convert_end(convert, out + n);
        n = SR_MIN(n, total - done);
        memcpy(clip->samples + done, out, n * sizeof(*out));
        done += n;
    }
    sr_free(out);
    sr_free(convert);
    return clip;
}

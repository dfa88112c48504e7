/**
 * @file resample.c  Conversion by up/down with a polyphase filter designed at init.
 *
 * The prototype runs at in_hz * up. Output j of a group of `up` starts at input j * down / up and
 * takes phase (j * down) % up; so every output is one dot product over neighbouring input samples,
 * and outputs of the same phase are `down` inputs apart: exactly what dsp->fir does.
 */
#include "media/resample.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* Kaiser window and cut-off in units of the lower rate, chosen for the figures in the header */
static const double kaiser_beta = 6.0;
static const double cutoff = 0.4765;

static double bessel_i0(double x)
{
    double term = 1.0;
    double sum = 1.0;

    for (int k = 1; k < 40; k++) {
        term *= (x / (2.0 * k)) * (x / (2.0 * k));
        sum += term;
    }
    return sum;
}

static bool is_rate(uint32_t hz)
{
    return hz == 8000 || hz == 16000 || hz == 24000 || hz == 48000;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b != 0) {
        uint32_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/** Tap t of the prototype of `taps` taps; `turns` is the cut-off in turns per prototype sample. */
static double prototype(size_t t, size_t taps, double turns)
{
    double middle = (double)taps / 2.0; /* tap 0 would be the zero left of the window: symmetric */
    double x = (double)t - middle;
    double place = x / middle;
    double window = bessel_i0(kaiser_beta * sqrt(fmax(0.0, 1.0 - place * place)));
    double angle = 2.0 * pi * turns * x;

    window /= bessel_i0(kaiser_beta);
    return window * (fabs(x) < 1e-9 ? 2.0 * turns : sin(angle) / (pi * x));
}

static void design(struct resample *resample)
{
    uint32_t low_hz = SR_MIN(resample->in_hz, resample->out_hz);
    size_t up = resample->up;
    /* 32 samples of the lower rate, counted at in_hz * up; 16 -> 24 and back have both above 1 */
    size_t taps = (size_t)RESAMPLE_TAPS_LOW * resample->in_hz * up / low_hz;
    double turns = cutoff * (double)low_hz / ((double)resample->in_hz * (double)up);
    double sums[6] = {0};

    resample->phase_taps = (uint16_t)(taps / up);
    for (size_t phase = 0; phase < up; phase++) {
        float *h = resample->h + phase * resample->phase_taps;

        /* x[n] meets prototype tap phase + (last - n) * up: newest input, earliest tap */
        for (size_t i = 0; i < resample->phase_taps; i++) {
            size_t t = phase + (resample->phase_taps - 1u - i) * up;
            double value = prototype(t, taps, turns) * (double)up;

            h[i] = (float)value;
            sums[phase] += value;
        }
    }
    /* every phase passes a constant unchanged: no tone at the lower rate */
    for (size_t phase = 0; phase < up; phase++) {
        for (size_t i = 0; i < resample->phase_taps; i++)
            resample->h[phase * resample->phase_taps + i] /= (float)sums[phase];
    }
}

enum sr_err resample_init(struct resample *resample, uint32_t in_hz, uint32_t out_hz,
                          const struct dsp_ops *dsp)
{
    uint32_t common;

    if (!is_rate(in_hz) || !is_rate(out_hz))
        return SR_ERR_UNSUPPORTED;
    common = gcd(in_hz, out_hz);
    *resample = (struct resample){
        .dsp = dsp != NULL ? dsp : dsp_best(),
        .in_hz = in_hz,
        .out_hz = out_hz,
        .up = (uint8_t)(out_hz / common),
        .down = (uint8_t)(in_hz / common),
    };
    if (in_hz != out_hz)
        design(resample);
    return SR_OK;
}

sr_usec resample_latency_us(const struct resample *resample)
{
    uint32_t low_hz = SR_MIN(resample->in_hz, resample->out_hz);

    if (resample->in_hz == resample->out_hz)
        return 0;
    return (sr_usec)RESAMPLE_TAPS_LOW / 2 * SR_SEC / low_hz;
}

size_t resample_out_samples(const struct resample *resample, size_t in_samples)
{
    return in_samples / resample->down * resample->up;
}

/** Converts at most RESAMPLE_BLOCK samples. */
static void run_block(struct resample *resample, const float *in, size_t in_samples, float *out)
{
    size_t history = resample->phase_taps - 1u;
    size_t groups = in_samples / resample->down;
    struct dsp_fir fir = {
        .taps = resample->phase_taps,
        .x_step = resample->down,
        .out_step = resample->up,
    };

    memcpy(resample->x + history, in, in_samples * sizeof(*in));
    for (size_t j = 0; j < resample->up; j++) {
        size_t first = j * resample->down / resample->up;
        size_t phase = j * resample->down % resample->up;

        fir.h = resample->h + phase * resample->phase_taps;
        resample->dsp->fir(&fir, resample->x + first, out + j, groups);
    }
    memmove(resample->x, resample->x + in_samples, history * sizeof(*resample->x));
}

size_t resample_run(struct resample *resample, const float *in, size_t in_samples, float *out)
{
    size_t written = 0;

    SR_ASSERT(in_samples % (resample->in_hz / 1000) == 0);
    if (resample->in_hz == resample->out_hz) {
        memcpy(out, in, in_samples * sizeof(*in));
        return in_samples;
    }
    while (in_samples > 0) {
        size_t block = SR_MIN(in_samples, (size_t)RESAMPLE_BLOCK);

        run_block(resample, in, block, out + written);
        written += resample_out_samples(resample, block);
        in += block;
        in_samples -= block;
    }
    return written;
}

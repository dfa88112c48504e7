/**
 * @file tone_fit.c  Least squares of a sine and a cosine; all in double.
 */
#include "media/tone_fit.h"

#include <math.h>

static const double pi = 3.14159265358979323846;
static const double energy_min = 1e-20;

static double snr_of(double signal, double residual)
{
    double snr;

    if (signal < energy_min)
        return TONE_FIT_SNR_DB_MIN;
    snr = 10.0 * log10(signal / fmax(residual, energy_min));
    return fmin(fmax(snr, TONE_FIT_SNR_DB_MIN), TONE_FIT_SNR_DB_MAX);
}

struct tone_fit tone_fit_block(const float *pcm, size_t samples, uint32_t rate_hz, double hz)
{
    double turn = 2.0 * pi * hz / (double)rate_hz;
    double ss = 0, cc = 0, sc = 0, ys = 0, yc = 0, yy = 0;
    double determinant, a, b, left;
    struct tone_fit fit = {.snr_db = TONE_FIT_SNR_DB_MIN};

    SR_ASSERT(samples >= 2 && hz > 0.0 && hz < (double)rate_hz / 2.0);
    for (size_t i = 0; i < samples; i++) {
        double s = sin(turn * (double)i);
        double c = cos(turn * (double)i);
        double y = (double)pcm[i];

        ss += s * s;
        cc += c * c;
        sc += s * c;
        ys += y * s;
        yc += y * c;
        yy += y * y;
    }
    determinant = ss * cc - sc * sc;
    if (fabs(determinant) < energy_min)
        return fit;
    a = (ys * cc - yc * sc) / determinant;
    b = (yc * ss - ys * sc) / determinant;
    left = yy - a * ys - b * yc; /* what the fit does not explain */
    fit.amplitude = sqrt(a * a + b * b);
    fit.phase = atan2(b, a);
    fit.residual = fmax(left, 0.0) / (double)samples;
    fit.snr_db = snr_of((yy - left) / (double)samples, fit.residual);
    return fit;
}

double tone_fit_snr_db(const float *pcm, size_t samples, uint32_t rate_hz, double hz)
{
    double sorted[TONE_FIT_BLOCKS_MAX];
    size_t block = (size_t)rate_hz / 1000 * TONE_FIT_BLOCK_MS;
    size_t count = SR_MIN(samples / block, (size_t)TONE_FIT_BLOCKS_MAX);

    for (size_t i = 0; i < count; i++) {
        double snr = tone_fit_block(pcm + i * block, block, rate_hz, hz).snr_db;
        size_t place = i;

        for (; place > 0 && sorted[place - 1] > snr; place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = snr;
    }
    if (count == 0)
        return TONE_FIT_SNR_DB_MIN;
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0;
}

double tone_fit_level_dbfs(const float *pcm, size_t samples, uint32_t rate_hz, double hz)
{
    double turn = 2.0 * cos(2.0 * pi * hz / (double)rate_hz);
    double s1 = 0.0;
    double s2 = 0.0;
    double power;

    SR_ASSERT(samples > 0);
    for (size_t i = 0; i < samples; i++) {
        double s0 = (double)pcm[i] + turn * s1 - s2;

        s2 = s1;
        s1 = s0;
    }
    power = s1 * s1 + s2 * s2 - turn * s1 * s2;
    power *= 4.0 / ((double)samples * (double)samples); /* amplitude squared */
    return 10.0 * log10(fmax(power, energy_min));
}

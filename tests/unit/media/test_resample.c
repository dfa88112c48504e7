/**
 * @file test_resample.c  The figures stated in resample.h, measured, beside speexdsp.
 */
#include "test_media.h"

#include <math.h>

#include "media/resample.h"
#include "media/tone_fit.h"

#ifdef HAVE_SPEEXDSP
#include <speex/speex_resampler.h>
#endif

static const uint32_t rates_hz[] = {8000, 16000, 24000, 48000};

enum {
    SECONDS_SAMPLES = 48000,
};

static float in[SECONDS_SAMPLES], out[SECONDS_SAMPLES * 6];

/** Runs a second of a sine of amplitude 1 through and leaves it in out; returns samples. */
static size_t run_sine(uint32_t in_hz, uint32_t out_hz, double hz)
{
    struct resample resample;

    assert_int_equal(resample_init(&resample, in_hz, out_hz, NULL), SR_OK);
    test_sine(in, in_hz, 0, in_hz, hz, 1.0);
    return resample_run(&resample, in, in_hz, out);
}

/* 100 Hz .. 0.42 of the lower rate, all 12 pairs: level within 0.1 dB, all else 55 dB below. */
static void pass_band_is_flat_and_clean(void **state)
{
    double worst = 0.0, worst_snr = 200.0;

    (void)state;
    for (size_t pair = 0; pair < 16; pair++) {
        uint32_t in_hz = rates_hz[pair / 4];
        uint32_t out_hz = rates_hz[pair % 4];
        uint32_t low_hz = SR_MIN(in_hz, out_hz);

        if (in_hz == out_hz)
            continue;
        for (double hz = 100.0; hz <= 0.42 * low_hz; hz += 0.04 * low_hz) {
            size_t n = run_sine(in_hz, out_hz, hz);
            struct tone_fit fit = tone_fit_block(out + n / 2, n / 4, out_hz, hz);

            worst = fmax(worst, fabs(20.0 * log10(fit.amplitude)));
            worst_snr = fmin(worst_snr, fit.snr_db);
        }
    }
    print_message("pass-band within %.3f dB, images and aliases %.1f dB\n", worst, -worst_snr);
    assert_true(worst < 0.1);
    assert_true(worst_snr > 60.0);
}

/* Going down: a tone above 0.54 of the lower rate is gone, wherever it folds to. */
static void aliases_are_60_db_down(void **state)
{
    double worst = -200.0;

    (void)state;
    for (size_t pair = 0; pair < 16; pair++) {
        uint32_t in_hz = rates_hz[pair / 4];
        uint32_t out_hz = rates_hz[pair % 4];

        if (in_hz <= out_hz)
            continue;
        for (double hz = 0.54 * out_hz; hz < 0.495 * in_hz; hz += 0.013 * out_hz) {
            size_t n = run_sine(in_hz, out_hz, hz);
            float mean = dsp_plain()->energy(out + n / 2, n / 4) / (float)(n / 4);

            worst = fmax(worst, 10.0 * log10((double)mean * 2.0));
        }
    }
    print_message("worst alias %.1f dB\n", worst);
    assert_true(worst <= -60.0);
}

/* An impulse comes out with its peak exactly at the stated delay. */
static void latency_is_as_stated(void **state)
{
    (void)state;
    for (size_t pair = 0; pair < 16; pair++) {
        uint32_t in_hz = rates_hz[pair / 4];
        uint32_t out_hz = rates_hz[pair % 4];
        struct resample resample;
        size_t peak = 0, n;

        assert_int_equal(resample_init(&resample, in_hz, out_hz, NULL), SR_OK);
        memset(in, 0, sizeof(in));
        in[in_hz / 100] = 1.0f;
        n = resample_run(&resample, in, in_hz / 50, out);
        assert_int_equal(n, out_hz / 50);
        for (size_t i = 0; i < n; i++)
            peak = out[i] > out[peak] ? i : peak;
        assert_int_equal((sr_usec)peak * SR_SEC / out_hz,
                         10 * SR_MSEC + resample_latency_us(&resample));
    }
}

/* Frames of 1, 2, 10 and 20 ms, any mixture and any vector version, give the same stream. */
static void frame_length_and_table_make_no_difference(void **state)
{
    static float whole[SECONDS_SAMPLES];
    static const size_t steps_ms[] = {20, 1, 10, 2, 60, 5};
    const struct dsp_ops *ops;

    (void)state;
    test_noise(in, SECONDS_SAMPLES, 8, 0.5f);
    for (size_t pair = 0; pair < 16; pair++) {
        uint32_t in_hz = rates_hz[pair / 4];
        uint32_t out_hz = rates_hz[pair % 4];
        struct resample resample;
        size_t n;

        assert_int_equal(resample_init(&resample, in_hz, out_hz, dsp_plain()), SR_OK);
        n = resample_run(&resample, in, in_hz / 2, whole);
        for (size_t index = 0; (ops = dsp_at(index)) != NULL; index++) {
            size_t from = 0, to = 0;

            assert_int_equal(resample_init(&resample, in_hz, out_hz, ops), SR_OK);
            for (size_t i = 0; from < in_hz / 2; i++) {
                size_t ms = SR_MIN(steps_ms[i % SR_ARRAY_LEN(steps_ms)],
                                   (in_hz / 2 - from) / (in_hz / 1000));

                to += resample_run(&resample, in + from, ms * in_hz / 1000, out + to);
                from += ms * in_hz / 1000;
            }
            assert_int_equal(to, n);
            for (size_t i = 0; i < n; i++)
                assert_true(fabsf(out[i] - whole[i]) < 2e-6f);
        }
    }
}

#ifdef HAVE_SPEEXDSP
/* The same tone through speexdsp's quality 5: ours is at least as clean (up to its 60 dB). */
static void as_clean_as_speexdsp(void **state)
{
    (void)state;
    for (size_t pair = 0; pair < 16; pair++) {
        uint32_t in_hz = rates_hz[pair / 4];
        uint32_t out_hz = rates_hz[pair % 4];
        double hz = 0.36 * SR_MIN(in_hz, out_hz);
        SpeexResamplerState *speex;
        spx_uint32_t in_len = in_hz, out_len = out_hz;
        double own, theirs;
        size_t n;
        int err;

        if (in_hz == out_hz)
            continue;
        n = run_sine(in_hz, out_hz, hz);
        own = tone_fit_snr_db(out + n / 2, n / 4, out_hz, hz);
        speex = speex_resampler_init(1, in_hz, out_hz, 5, &err);
        assert_non_null(speex);
        (void)speex_resampler_process_float(speex, 0, in, &in_len, out, &out_len);
        theirs = tone_fit_snr_db(out + out_hz / 2, out_hz / 4, out_hz, hz);
        speex_resampler_destroy(speex);
        print_message("%u -> %u Hz: %.1f dB, speexdsp %.1f dB\n", in_hz, out_hz, own, theirs);
        assert_true(own > fmin(theirs, 60.0));
    }
}
#endif

static void only_the_four_rates_are_taken(void **state)
{
    struct resample resample;

    (void)state;
    assert_int_equal(resample_init(&resample, 8000, 44100, NULL), SR_ERR_UNSUPPORTED);
    assert_int_equal(resample_init(&resample, 0, 8000, NULL), SR_ERR_UNSUPPORTED);
    assert_int_equal(resample_init(&resample, 12000, 8000, NULL), SR_ERR_UNSUPPORTED);
}

int test_resample(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pass_band_is_flat_and_clean),
        cmocka_unit_test(aliases_are_60_db_down),
        cmocka_unit_test(latency_is_as_stated),
        cmocka_unit_test(frame_length_and_table_make_no_difference),
#ifdef HAVE_SPEEXDSP
        cmocka_unit_test(as_clean_as_speexdsp),
#endif
        cmocka_unit_test(only_the_four_rates_are_taken),
    };

    return cmocka_run_group_tests_name("resample", tests, NULL, NULL);
}

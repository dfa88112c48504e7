/**
 * @file test_mix.c  Who hears whom, limits and levels.
 */
#include "test_media.h"

#include <math.h>

#include "base/alloc.h"
#include "media/mix.h"
#include "media/tone_fit.h"

enum {
    N = 960,
    LEGS = 3,
};

/* Three tones: each leg hears the two others at full level and nothing of itself, every table. */
static void each_hears_exactly_the_others(void **state)
{
    static const double hz[LEGS] = {600.0, 1000.0, 1700.0};
    static float tones[LEGS][N];
    const float *frames[LEGS + 1] = {tones[0], tones[1], NULL, tones[2]};
    const struct dsp_ops *ops;
    float sum[N], heard[N];

    (void)state;
    for (size_t leg = 0; leg < LEGS; leg++)
        test_sine(tones[leg], N, 0, 48000, hz[leg], 0.25);
    for (size_t index = 0; (ops = dsp_at(index)) != NULL; index++) {
        mix_sum(ops, sum, frames, LEGS + 1, N);
        for (size_t self = 0; self < LEGS; self++) {
            mix_minus_self(ops, heard, sum, tones[self], N);
            for (size_t other = 0; other < LEGS; other++) {
                double level = tone_fit_level_dbfs(heard, N, 48000, hz[other]);

                if (other == self)
                    assert_true(level < -100.0);
                else
                    assert_true(fabs(level - 20.0 * log10(0.25)) < 0.01);
            }
        }
        mix_minus_self(ops, heard, sum, NULL, N);
        assert_memory_equal(heard, sum, sizeof(sum));
    }
}

static void nobody_gives_silence(void **state)
{
    const float *frames[2] = {NULL, NULL};
    float sum[N];

    (void)state;
    test_noise(sum, N, 1, 1.0f);
    mix_sum(dsp_best(), sum, frames, 2, N);
    assert_true(mix_peak(dsp_best(), sum, N) == 0.0f);
    test_noise(sum, N, 1, 1.0f);
    mix_sum(dsp_best(), sum, NULL, 0, N);
    assert_true(mix_peak(dsp_best(), sum, N) == 0.0f);
}

/* Ten loud talkers: the output stays inside full scale, is turned down rather than squared off,
   and later soft frames come back to their own level. */
static void limiter_turns_down_and_recovers(void **state)
{
    struct mix_limiter limiter = {0};
    float frame[N], soft[N];

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        test_sine(frame, N, i * N, 48000, 1000.0, 5.0);
        mix_limit(&limiter, dsp_best(), frame, N);
        assert_true(mix_peak(dsp_best(), frame, N) <= 1.0f);
    }
    assert_true(tone_fit_snr_db(frame, N, 48000, 1000.0) > 35.0);
    test_sine(soft, N, 0, 48000, 1000.0, 0.5);
    for (size_t i = 0; i < 100; i++) {
        memcpy(frame, soft, sizeof(frame));
        mix_limit(&limiter, dsp_best(), frame, N);
    }
    assert_memory_equal(frame, soft, sizeof(frame));
}

static void gain_changes_without_a_step(void **state)
{
    float frame[N], gain = 1.0f;

    (void)state;
    for (size_t i = 0; i < N; i++)
        frame[i] = 1.0f;
    mix_gain(dsp_best(), frame, N, &gain, 0.0f);
    assert_true(frame[0] == 1.0f && frame[N - 1] < 0.01f && gain == 0.0f);
    for (size_t i = 1; i < N; i++)
        assert_true(fabsf(frame[i] - frame[i - 1]) < 0.002f);
    mix_gain(dsp_best(), frame, N, &gain, 0.0f);
    assert_true(mix_peak(dsp_best(), frame, N) == 0.0f);
}

static void levels_are_dbov(void **state)
{
    float frame[N];

    (void)state;
    test_sine(frame, N, 0, 48000, 1000.0, 1.0);
    assert_true(fabsf(mix_level_dbov(dsp_best(), frame, N) + 3.01f) < 0.02f);
    memset(frame, 0, sizeof(frame));
    assert_true(mix_level_dbov(dsp_best(), frame, N) == -127.0f);
    assert_true(mix_level_dbov(dsp_best(), frame, 0) == -127.0f);
    assert_true(fabsf(mix_from_db(-6.0206f) - 0.5f) < 1e-4f);
    assert_true(fabsf(mix_to_db(0.1f) + 20.0f) < 1e-4f);
    assert_true(mix_to_db(0.0f) == -127.0f);
}

int test_mix(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hears_exactly_the_others),
        cmocka_unit_test(nobody_gives_silence),
        cmocka_unit_test(limiter_turns_down_and_recovers),
        cmocka_unit_test(gain_changes_without_a_step),
        cmocka_unit_test(levels_are_dbov),
    };

    return cmocka_run_group_tests_name("mix", tests, NULL, NULL);
}

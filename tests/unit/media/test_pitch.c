/**
 * @file test_pitch.c  The period of a sound is found, in both directions, at every rate.
 */
#include "test_media.h"

#include <math.h>

#include "media/pitch.h"

enum {
    SAMPLES = PITCH_RATE_HZ_MAX / 1000 * PITCH_SPAN_MS_MAX,
};

static const uint32_t rates_hz[] = {8000, 16000, 24000, 48000};

/* A voice of so many Hz: its fundamental and three harmonics that fade away. */
static void voice(float *out, uint32_t rate_hz, double hz)
{
    memset(out, 0, SAMPLES * sizeof(*out));
    for (int k = 1; k <= 4; k++) {
        for (size_t i = 0; i < SAMPLES; i++)
            out[i] += (float)(0.3 / k * sin(6.283185307179586 * k * hz * (double)i / rate_hz + k));
    }
}

/* 2.5 to 10 ms are searched: the period is found (or a multiple of it), to a sample of the rate. */
static void the_period_is_found(void **state)
{
    static const double pitches_hz[] = {110, 160, 230, 310, 390};
    float x[SAMPLES], match;

    (void)state;
    for (size_t r = 0; r < SR_ARRAY_LEN(rates_hz); r++) {
        size_t ms = rates_hz[r] / 1000;
        struct pitch_range range = {5 * ms / 2, 10 * ms, 10 * ms};

        for (size_t p = 0; p < SR_ARRAY_LEN(pitches_hz); p++) {
            double period = (double)rates_hz[r] / pitches_hz[p], lag;

            voice(x, rates_hz[r], pitches_hz[p]);
            lag = (double)pitch_find(x, rates_hz[r], &range, &match);
            assert_true(match > 0.95f);
            lag = fabs(lag / period - round(lag / period)) * period;
            assert_true(lag <= 1.0);
            lag = (double)pitch_find_back(x + 20 * ms, rates_hz[r], &range, &match);
            assert_true(match > 0.95f);
            lag = fabs(lag / period - round(lag / period)) * period;
            assert_true(lag <= 1.0);
        }
    }
}

/* Backwards is forwards over the mirror image, to the last bit. */
static void backwards_is_the_mirror_of_forwards(void **state)
{
    float x[SAMPLES], mirror[SAMPLES], forward, back;

    (void)state;
    test_noise(x, SAMPLES, 5, 0.5f);
    for (size_t i = 0; i < SAMPLES; i++)
        mirror[i] = x[SAMPLES - 1 - i];
    for (size_t r = 0; r < SR_ARRAY_LEN(rates_hz); r++) {
        size_t ms = rates_hz[r] / 1000;
        struct pitch_range range = {5 * ms / 2, 15 * ms, 10 * ms};

        assert_int_equal(pitch_find(mirror, rates_hz[r], &range, &forward),
                         pitch_find_back(x + SAMPLES, rates_hz[r], &range, &back));
        assert_true(forward >= back && forward <= back);
    }
}

/* The lag stays in the range, and silence or noise is told from a voice. */
static void what_has_no_pitch_matches_badly(void **state)
{
    float x[SAMPLES], match;

    (void)state;
    for (size_t r = 0; r < SR_ARRAY_LEN(rates_hz); r++) {
        size_t ms = rates_hz[r] / 1000, lag;
        struct pitch_range range = {3 * ms, 15 * ms, 10 * ms};

        test_noise(x, SAMPLES, 9 + r, 0.5f);
        lag = pitch_find(x, rates_hz[r], &range, &match);
        assert_true(lag >= range.low && lag <= range.high);
        assert_true(match < 0.6f);
        memset(x, 0, sizeof(x));
        lag = pitch_find(x, rates_hz[r], &range, &match);
        assert_true(lag >= range.low && lag <= range.high);
        assert_true(match < 0.1f);
        range.low = range.high = 7 * ms + 1; /* no choice */
        assert_int_equal(pitch_find(x, rates_hz[r], &range, &match), range.low);
    }
}

int test_pitch(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_period_is_found),
        cmocka_unit_test(backwards_is_the_mirror_of_forwards),
        cmocka_unit_test(what_has_no_pitch_matches_badly),
    };

    return cmocka_run_group_tests_name("pitch", tests, NULL, NULL);
}

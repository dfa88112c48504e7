/**
 * @file test_tone.c  Tones, music, noise, and the measure itself.
 */
#include "test_media.h"

#include <math.h>

#include "media/hold_music.h"
#include "media/mix.h"
#include "media/noise.h"
#include "media/tone.h"
#include "media/tone_fit.h"

enum {
    RATE = 8000,
};

static float pcm[RATE * 20];

/** Largest jump between neighbours. */
static float largest_step(const float *x, size_t n)
{
    float largest = 0.0f;

    for (size_t i = 1; i < n; i++)
        largest = fmaxf(largest, fabsf(x[i] - x[i - 1]));
    return largest;
}

static void run_in_frames(struct tone *tone, float *out, size_t samples, size_t frame)
{
    for (size_t at = 0; at < samples; at += frame)
        (void)tone_run(tone, out + at, SR_MIN(frame, samples - at));
}

static float level_at(size_t ms_from, size_t ms)
{
    return mix_level_dbov(dsp_best(), pcm + ms_from * RATE / 1000, ms * RATE / 1000);
}

/* Added noise of known level is found back; silence and clean tones end at the bounds. */
static void fit_measures_a_known_snr(void **state)
{
    static float noise[RATE];

    (void)state;
    test_sine(pcm, RATE, 3, RATE, 1004.0, 0.5);
    assert_true(tone_fit_snr_db(pcm, RATE, RATE, 1004.0) > 110.0);
    assert_true(fabs(tone_fit_level_dbfs(pcm, RATE, RATE, 1004.0) + 6.02) < 0.01);
    test_noise(noise, RATE, 2, 0.5f * 0.01f * sqrtf(1.5f)); /* -40 dB against the tone */
    dsp_best()->add(pcm, noise, RATE);
    assert_true(fabs(tone_fit_snr_db(pcm, RATE, RATE, 1004.0) - 40.0) < 1.0);
    memset(pcm, 0, sizeof(pcm));
    assert_true(tone_fit_snr_db(pcm, RATE, RATE, 1004.0) == TONE_FIT_SNR_DB_MIN);
    assert_true(tone_fit_snr_db(pcm, 10, RATE, 1004.0) == TONE_FIT_SNR_DB_MIN);
}

/* One second on, four off, as Germany rings; the frequency is 425 Hz; no click at the edges. */
static void ringback_has_its_cadence(void **state)
{
    struct tone_pattern pattern;
    struct tone tone;

    (void)state;
    tone_pattern_find(SR_STR("de"), TONE_RINGBACK, &pattern);
    tone_init(&tone, &pattern, RATE);
    run_in_frames(&tone, pcm, RATE * 11, 160);
    assert_true(fabs(tone_fit_level_dbfs(pcm + 800, 1600, RATE, 425.0) - 20.0 * log10(0.16)) < 0.1);
    assert_true(level_at(10, 980) > -20.0f && level_at(1000, 4000) == -127.0f);
    assert_true(level_at(5010, 980) > -20.0f && level_at(6000, 4000) == -127.0f);
    assert_true(largest_step(pcm, RATE * 11) < 0.16f * 2.0f * 3.1416f * 425.0f / RATE * 1.1f);
}

static void countries_differ(void **state)
{
    struct tone_pattern us, uk, gb, unknown;
    struct tone tone;

    (void)state;
    tone_pattern_find(SR_STR("US"), TONE_RINGBACK, &us);
    tone_pattern_find(SR_STR("uk"), TONE_RINGBACK, &uk);
    tone_pattern_find(SR_STR("GB"), TONE_RINGBACK, &gb);
    tone_pattern_find(SR_STR(""), TONE_RINGBACK, &unknown);
    assert_int_equal(us.segments[0].hz[1], 480);
    assert_int_equal(us.segments[0].ms, 2000);
    assert_memory_equal(&uk, &gb, sizeof(uk));
    assert_int_equal(uk.segment_count, 4);
    assert_int_equal(unknown.segments[0].hz[0], 425);
    tone_init(&tone, &us, RATE);
    run_in_frames(&tone, pcm, RATE, 160);
    assert_true(tone_fit_level_dbfs(pcm + 400, RATE / 2, RATE, 440.0) > -17.0);
    assert_true(tone_fit_level_dbfs(pcm + 400, RATE / 2, RATE, 480.0) > -17.0);
    for (size_t kind = 0; kind < TONE_KIND_COUNT; kind++) {
        struct tone_pattern pattern;

        tone_pattern_find(SR_STR("it"), (enum tone_kind)kind, &pattern);
        tone_init(&tone, &pattern, 48000);
        assert_true(tone_run(&tone, pcm, 960));
        assert_true(mix_peak(dsp_best(), pcm, 960) > 0.1f);
    }
}

/* A beep ends by itself; a dial tone ends when told to; both softly, and then give silence. */
static void tones_end_softly(void **state)
{
    struct tone_pattern pattern;
    struct tone tone;

    (void)state;
    tone_pattern_find(SR_STR(""), TONE_BEEP, &pattern);
    tone_init(&tone, &pattern, RATE);
    assert_true(tone_run(&tone, pcm, RATE / 2));
    assert_false(tone_run(&tone, pcm + RATE / 2, RATE / 2));
    assert_true(level_at(500, 500) == -127.0f);
    assert_true(largest_step(pcm, RATE) < 0.15f);
    tone_pattern_find(SR_STR(""), TONE_DIAL, &pattern);
    tone_init(&tone, &pattern, RATE);
    assert_true(tone_run(&tone, pcm, RATE / 2));
    tone_stop(&tone);
    assert_true(tone_run(&tone, pcm + RATE / 2, RATE / 2));
    assert_false(tone_run(&tone, pcm + RATE, 160));
    assert_true(level_at(504, 490) == -127.0f);
    assert_true(largest_step(pcm, RATE) < 0.08f);
}

/* An hour of frames: the phase is still right, whatever the frame length. */
static void phase_is_continuous(void **state)
{
    struct tone_pattern pattern;
    struct tone tone;

    (void)state;
    tone_pattern_sine(1000, 0.5f, &pattern);
    tone_init(&tone, &pattern, RATE);
    for (size_t i = 0; i < 180000; i++)
        (void)tone_run(&tone, pcm, 160);
    run_in_frames(&tone, pcm, RATE, 77);
    assert_true(tone_fit_snr_db(pcm, RATE, RATE, 1000.0) > 100.0);
    assert_true(fabs(tone_fit_block(pcm, RATE, RATE, 1000.0).phase) < 1e-3);
}

static void dtmf_has_its_two_sines(void **state)
{
    struct tone_pattern pattern;
    struct tone tone;

    (void)state;
    assert_int_equal(tone_pattern_dtmf('c', 100, &pattern), SR_OK);
    tone_init(&tone, &pattern, RATE);
    run_in_frames(&tone, pcm, RATE / 5, 160);
    assert_true(tone_fit_level_dbfs(pcm + 80, 640, RATE, 852.0) > -11.0);
    assert_true(tone_fit_level_dbfs(pcm + 80, 640, RATE, 1633.0) > -11.0);
    assert_true(level_at(100, 100) == -127.0f);
    assert_int_equal(tone_pattern_dtmf('E', 100, &pattern), SR_ERR_SYNTAX);
    assert_int_equal(tone_pattern_dtmf('\0', 100, &pattern), SR_ERR_SYNTAX);
}

/* Audible from the first second on, never loud, no clicks, the same notes at every rate. */
static void hold_music_is_gentle(void **state)
{
    static const uint32_t rates_hz[] = {8000, 16000, 48000};
    static float music_pcm[48000];

    (void)state;
    for (size_t r = 0; r < SR_ARRAY_LEN(rates_hz); r++) {
        struct hold_music music;
        uint32_t rate_hz = rates_hz[r];

        hold_music_init(&music, rate_hz);
        for (size_t second = 0; second < 100; second++) {
            float level;

            for (size_t at = 0; at < rate_hz; at += rate_hz / 50)
                hold_music_run(&music, music_pcm + at, rate_hz / 50);
            level = mix_level_dbov(dsp_best(), music_pcm, rate_hz);
            assert_true(level > -35.0f && level < -15.0f);
            assert_true(mix_peak(dsp_best(), music_pcm, rate_hz) < 0.6f);
            assert_true(largest_step(music_pcm, rate_hz) < 1600.0f / (float)rate_hz);
        }
    }
}

static void noise_has_its_level_with_and_without_shape(void **state)
{
    static const uint8_t shaped[] = {45, 60, 200, 127, 100};
    struct noise noise;

    (void)state;
    noise_init(&noise, 7);
    noise_run(&noise, pcm, RATE);
    assert_true(mix_peak(dsp_best(), pcm, RATE) == 0.0f);
    noise_set_level(&noise, -40);
    noise_run(&noise, pcm, 160);
    noise_run(&noise, pcm, RATE);
    assert_true(fabsf(mix_level_dbov(dsp_best(), pcm, RATE) + 40.0f) < 0.5f);
    assert_int_equal(noise_set_payload(&noise, sr_str_make((const char *)shaped, 5)), SR_OK);
    noise_run(&noise, pcm, 160);
    noise_run(&noise, pcm, RATE);
    assert_true(fabsf(mix_level_dbov(dsp_best(), pcm, RATE) + 45.0f) < 1.0f);
    assert_int_equal(noise_set_payload(&noise, SR_STR("")), SR_ERR_SYNTAX);
}

int test_tone(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_measures_a_known_snr),
        cmocka_unit_test(ringback_has_its_cadence),
        cmocka_unit_test(countries_differ),
        cmocka_unit_test(tones_end_softly),
        cmocka_unit_test(phase_is_continuous),
        cmocka_unit_test(dtmf_has_its_two_sines),
        cmocka_unit_test(hold_music_is_gentle),
        cmocka_unit_test(noise_has_its_level_with_and_without_shape),
    };

    return cmocka_run_group_tests_name("tone", tests, NULL, NULL);
}

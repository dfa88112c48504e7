/**
 * @file test_conceal.c  A lost packet is not heard as a hole or a click.
 */
#include "test_media.h"

#include <math.h>

#include "media/conceal.h"
#include "media/mix.h"
#include "media/tone_fit.h"

enum {
    FRAMES = 60,
};

static float pcm[FRAMES * 320];

/** A tone in 20 ms packets where packet `lost` and those after it up to `until` are missing. */
static void run_with_loss(uint32_t rate_hz, double hz, size_t lost, size_t until)
{
    size_t frame = rate_hz / 50;
    struct conceal conceal;

    conceal_init(&conceal, rate_hz, NULL);
    for (size_t i = 0; i < FRAMES; i++) {
        float *at = pcm + i * frame;

        if (i >= lost && i < until) {
            conceal_gap(&conceal, at, frame);
            continue;
        }
        test_sine(at, frame, i * frame, rate_hz, hz, 0.5);
        conceal_good(&conceal, at, frame);
    }
}

/* One packet of a steady tone: the tone goes on, level kept to 3 dB, no step beyond its own. */
static void one_packet_is_bridged(void **state)
{
    static const double tones_hz[] = {100.0, 210.0, 333.0, 1000.0};

    (void)state;
    for (uint32_t rate_hz = 8000; rate_hz <= 16000; rate_hz *= 2) {
        for (size_t t = 0; t < SR_ARRAY_LEN(tones_hz); t++) {
            size_t frame = rate_hz / 50;
            double steepest = 0.5 * 2.0 * 3.1416 * tones_hz[t] / (double)rate_hz;

            run_with_loss(rate_hz, tones_hz[t], 10, 11);
            assert_true(mix_level_dbov(dsp_best(), pcm + 10 * frame, frame) > -12.1f);
            for (size_t i = 9 * frame; i < 12 * frame; i++)
                assert_true(fabs((double)pcm[i] - (double)pcm[i - 1]) < steepest * 1.35 + 0.02);
        }
    }
}

/* A long gap fades and is silent after 60 ms; sound comes back without a click. */
static void a_long_gap_fades_to_silence(void **state)
{
    (void)state;
    run_with_loss(8000, 210.0, 10, 20);
    assert_true(mix_level_dbov(dsp_best(), pcm + 10 * 160, 160) > -12.0f);
    assert_true(mix_peak(dsp_best(), pcm + 12 * 160, 160) < 0.25f);
    assert_true(mix_peak(dsp_best(), pcm + 13 * 160, 7 * 160) == 0.0f);
    for (size_t i = 1; i < FRAMES * 160; i++)
        assert_true(fabsf(pcm[i] - pcm[i - 1]) < 0.11f);
    assert_true(tone_fit_block(pcm + 22 * 160, 160, 8000, 210.0).snr_db > 100.0);
}

static void a_gap_before_any_sound_is_silence(void **state)
{
    struct conceal conceal;

    (void)state;
    conceal_init(&conceal, 16000, NULL);
    test_noise(pcm, 960, 3, 1.0f);
    conceal_gap(&conceal, pcm, 960);
    assert_true(mix_peak(dsp_best(), pcm, 960) == 0.0f);
}

int test_conceal(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_packet_is_bridged),
        cmocka_unit_test(a_long_gap_fades_to_silence),
        cmocka_unit_test(a_gap_before_any_sound_is_silence),
    };

    return cmocka_run_group_tests_name("conceal", tests, NULL, NULL);
}

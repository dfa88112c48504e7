/* Sample rates that cannot be played become ones that can. */
#include "test.h"

#include <math.h>

#include "base/alloc.h"
#include "media/tone_fit.h"
#include "speech/convert.h"

static int16_t *sine(uint32_t rate_hz, double hz, size_t count)
{
    int16_t *samples = sr_alloc(count * sizeof(*samples));

    for (size_t i = 0; i < count; i++)
        samples[i] = (int16_t)lrint(16000 * sin(2 * M_PI * hz * (double)i / rate_hz));
    return samples;
}

static float *floats(const struct media_clip *clip)
{
    float *out = sr_alloc(clip->sample_count * sizeof(*out));

    for (size_t i = 0; i < clip->sample_count; i++)
        out[i] = (float)clip->samples[i] / 32768.0f;
    return out;
}

static void tones_survive(void **state)
{
    static const uint32_t rates[] = {4000, 5512, 11025, 12000, 22050, 32000, 44100, 96000, 192000};

    (void)state;
    for (size_t r = 0; r < SR_ARRAY_LEN(rates); r++) {
        static const double hz[] = {300, 1000, 1600};

        for (size_t t = 0; t < SR_ARRAY_LEN(hz); t++) {
            int16_t *samples = sine(rates[r], hz[t], rates[r]);
            struct media_clip *clip = convert_to_clip(samples, rates[r], rates[r]);
            size_t edge = clip->rate_hz / 50;
            float *out = floats(clip);

            assert_int_equal(clip->rate_hz, convert_rate_for(rates[r]));
            assert_int_equal(clip->sample_count, clip->rate_hz);
            assert_true(tone_fit_snr_db(out + edge, clip->sample_count - 2 * edge, clip->rate_hz,
                                        hz[t]) > 50);
            assert_true(fabs(tone_fit_level_dbfs(out + edge, clip->sample_count - 2 * edge,
                                                 clip->rate_hz, hz[t]) +
                             6.2) < 0.3);
            sr_free(out);
            media_clip_unref(clip);
            sr_free(samples);
        }
    }
}

/* 30 kHz does not come back as 18 kHz. */
static void what_does_not_fit_is_gone(void **state)
{
    int16_t *samples = sine(96000, 30000, 96000);
    struct media_clip *clip = convert_to_clip(samples, 96000, 96000);
    float *out = floats(clip);

    (void)state;
    assert_true(tone_fit_level_dbfs(out + 4800, 38400, 48000, 18000) < -65);
    sr_free(out);
    media_clip_unref(clip);
    sr_free(samples);
}

static void playable_rates_are_copied(void **state)
{
    static const uint32_t rates[] = {8000, 16000, 24000, 48000};

    (void)state;
    for (size_t r = 0; r < SR_ARRAY_LEN(rates); r++) {
        int16_t *samples = sine(rates[r], 440, 5000);
        struct media_clip *clip = convert_to_clip(samples, 5000, rates[r]);

        assert_int_equal(clip->rate_hz, rates[r]);
        assert_int_equal(clip->sample_count, 5000);
        assert_memory_equal(clip->samples, samples, 5000 * sizeof(*samples));
        media_clip_unref(clip);
        sr_free(samples);
    }
}

/* The same samples in blocks of any size give the same result. */
static void blocks_make_no_difference(void **state)
{
    enum {
        COUNT = 22050
    };
    int16_t *samples = sine(22050, 700, COUNT), *out = sr_alloc(32768 * sizeof(*out));
    struct media_clip *whole = convert_to_clip(samples, COUNT, 22050);
    struct convert *convert = sr_alloc(sizeof(*convert));
    float in[CONVERT_BLOCK];

    (void)state;
    for (size_t block = 1; block < CONVERT_BLOCK; block = block * 3 + 1) {
        size_t done = 0;

        convert_init(convert, 22050, 24000);
        for (size_t at = 0; at < COUNT; at += block) {
            size_t n = SR_MIN(block, COUNT - at);

            for (size_t i = 0; i < n; i++)
                in[i] = (float)samples[at + i] / 32768.0f;
            done += convert_run(convert, in, n, out + done);
        }
        done += convert_end(convert, out + done);
        assert_int_equal(done, whole->sample_count);
        assert_memory_equal(out, whole->samples, done * sizeof(*out));
    }
    sr_free(convert);
    sr_free(out);
    media_clip_unref(whole);
    sr_free(samples);
}

static void nothing_and_little(void **state)
{
    (void)state;
    for (size_t count = 0; count < 40; count++) {
        int16_t *samples = sine(11025, 440, count + 1);
        struct media_clip *clip = convert_to_clip(samples, count, 11025);

        assert_int_equal(clip->sample_count, count * 16000 / 11025);
        media_clip_unref(clip);
        sr_free(samples);
    }
}

static void extremes_are_limited(void **state)
{
    (void)state;
    assert_int_equal(convert_sample(1.5f), 32767);
    assert_int_equal(convert_sample(-1.5f), -32768);
    assert_int_equal(convert_sample(0.0f), 0);
    assert_int_equal(convert_sample(NAN), 0);
    assert_int_equal(convert_sample(INFINITY), 32767);
    assert_int_equal(convert_sample(-INFINITY), -32768);
}

int test_convert(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tones_survive),
        cmocka_unit_test(what_does_not_fit_is_gone),
        cmocka_unit_test(playable_rates_are_copied),
        cmocka_unit_test(blocks_make_no_difference),
        cmocka_unit_test(nothing_and_little),
        cmocka_unit_test(extremes_are_limited),
    };

    return cmocka_run_group_tests_name("convert", tests, NULL, NULL);
}

/* One sound as frames: the samples of the clip, no click at its ends, loops, feeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "media/tone_fit.h"
#include "test_worker.h"
#include "worker/play.h"

enum {
    SECONDS_MAX = 4,
    OUT_MAX = 48000 * SECONDS_MAX
};

static struct media_clip *sine(uint32_t rate_hz, double hz, uint32_t ms)
{
    struct media_clip *clip = media_clip_new(rate_hz, (size_t)rate_hz * ms / 1000);

    for (size_t i = 0; i < clip->sample_count; i++)
        clip->samples[i] =
            (int16_t)lrint(12000 * sin(2 * M_PI * hz * (double)i / rate_hz + 1.5707));
    return clip;
}

/* Runs to the end (or `frames`), gives the samples. */
static size_t run(struct play *play, uint32_t bus_hz, uint32_t frames, float *out)
{
    size_t n = bus_hz / 50, done = 0;

    for (uint32_t i = 0; i < frames && !play->is_over; i++) {
        assert_true(done + n <= OUT_MAX);
        play_run(play, bus_hz, out + done, NULL);
        done += n;
    }
    return done;
}

/* The largest jump in curvature: a click stands far above the tone's own. */
static double roughness(const float *out, size_t count)
{
    double most = 0;

    for (size_t i = 2; i < count; i++) {
        double bend = fabs((double)out[i] - 2 * (double)out[i - 1] + (double)out[i - 2]);

        if (bend > most) /* not fmax: gcc 12 for aarch64 breaks off over it */
            most = bend;
    }
    return most;
}

static double roughness_of_tone(double hz, uint32_t rate_hz)
{
    double step = 2 * M_PI * hz / rate_hz;

    return 12000.0 / 32768 * step * step;
}

static void samples_are_those_of_the_clip(void **state)
{
    static const uint32_t rates[] = {8000, 16000, 24000, 48000};
    float *out = sr_alloc(OUT_MAX * sizeof(*out));

    (void)state;
    for (size_t r = 0; r < SR_ARRAY_LEN(rates); r++) {
        struct media_clip *clip = sine(rates[r], 440, 1013);
        struct media_play_options options = {.clip = clip, .play = 1};
        struct play *play = play_new(&options);
        size_t ramp = rates[r] / 1000 * PLAY_RAMP_MS, n = run(play, rates[r], 100, out);

        assert_true(play->is_over && play->end == MEDIA_PLAY_DONE);
        assert_true(n >= clip->sample_count && n < clip->sample_count + rates[r] / 50);
        for (size_t i = ramp; i < clip->sample_count - ramp; i++)
            assert_true(out[i] == (float)clip->samples[i] / 32768.0f);
        for (size_t i = clip->sample_count; i < n; i++)
            assert_true(out[i] == 0.0f);
        assert_int_equal(play_ms(play), 1013);
        assert_true(roughness(out, n) < 2.5 * roughness_of_tone(440, rates[r]));
        play_free(play);
        media_clip_unref(clip);
    }
    sr_free(out);
}

static void rates_are_converted(void **state)
{
    static const uint32_t rates[] = {8000, 16000, 24000, 48000};
    static const uint32_t buses[] = {8000, 16000, 48000};
    float *out = sr_alloc(OUT_MAX * sizeof(*out));

    (void)state;
    for (size_t r = 0; r < SR_ARRAY_LEN(rates); r++) {
        for (size_t b = 0; b < SR_ARRAY_LEN(buses); b++) {
            struct media_clip *clip = sine(rates[r], 440, 1000);
            struct media_play_options options = {.clip = clip, .play = 1};
            struct play *play = play_new(&options);
            size_t n = run(play, buses[b], 100, out), edge = buses[b] / 50;

            assert_true(play->is_over);
            assert_true(n >= buses[b] && n <= buses[b] + 2 * edge);
            assert_true(tone_fit_snr_db(out + edge, buses[b] - 2 * edge, buses[b], 440) > 50);
            assert_true(roughness(out, n) < 2.5 * roughness_of_tone(440, buses[b]));
            play_free(play);
            media_clip_unref(clip);
        }
    }
    sr_free(out);
}

static void loop_has_no_seam(void **state)
{
    struct media_clip *clip = sine(16000, 1000, 333); /* whole waves */
    struct media_play_options options = {.clip = clip, .play = 1, .is_looping = true};
    struct play *play = play_new(&options);
    float *out = sr_alloc(OUT_MAX * sizeof(*out));
    size_t n = run(play, 16000, 150, out), ramp = 16000 / 1000 * PLAY_RAMP_MS;

    (void)state;
    assert_false(play->is_over);
    assert_int_equal(n, 16000 * 3);
    for (size_t i = ramp; i < n; i++)
        assert_true(out[i] == (float)clip->samples[i % clip->sample_count] / 32768.0f);
    assert_int_equal(play_ms(play), 3000);
    play_free(play);
    media_clip_unref(clip);
    sr_free(out);
}

static void stop_in_the_middle_does_not_click(void **state)
{
    struct media_clip *clip = sine(48000, 440, 2000);
    struct media_play_options options = {.clip = clip, .play = 1};
    float *out = sr_alloc(OUT_MAX * sizeof(*out));

    (void)state;
    for (uint32_t frames = 1; frames < 20; frames++) {
        struct play *play = play_new(&options);
        size_t n = run(play, 48000, frames, out);

        play_stop(play, MEDIA_PLAY_STOPPED);
        play_stop(play, MEDIA_PLAY_DIGIT); /* too late */
        assert_false(play->is_over);
        n += run(play, 48000, 100, out + n);
        assert_int_equal(n, (frames + 1) * 960);
        assert_int_equal(play->end, MEDIA_PLAY_STOPPED);
        assert_true(out[n - 1] == 0.0f);
        assert_true(roughness(out, n) < 2.5 * roughness_of_tone(440, 48000));
        play_free(play);
    }
    media_clip_unref(clip);
    sr_free(out);
}

static void stopped_before_it_was_heard_it_is_over(void **state)
{
    struct media_clip *clip = sine(8000, 440, 100);
    struct media_play_options options = {.clip = clip, .play = 1};
    struct play *play = play_new(&options);

    (void)state;
    play_stop(play, MEDIA_PLAY_STOPPED);
    assert_true(play->is_over);
    play_free(play);
    media_clip_unref(clip);
}

static void empty_clip_is_over_at_once(void **state)
{
    struct media_clip *clip = media_clip_new(16000, 0);
    struct media_play_options options = {.clip = clip, .play = 1};
    float out[960];

    (void)state;
    for (int loops = 0; loops < 2; loops++) {
        struct play *play = play_new(&options);

        assert_int_equal(run(play, 48000, 10, out), 960);
        assert_true(play->is_over);
        assert_int_equal(play_ms(play), 0);
        play_free(play);
        options.is_looping = true;
    }
    media_clip_unref(clip);
}

static void gain_is_a_factor(void **state)
{
    struct media_clip *clip = sine(8000, 440, 1000);
    struct media_play_options options = {.clip = clip, .play = 1, .gain = 0.25f};
    struct play *play = play_new(&options);
    float *out = sr_alloc(OUT_MAX * sizeof(*out));

    (void)state;
    (void)run(play, 8000, 10, out);
    for (size_t i = 40; i < 1600; i++)
        assert_true(fabsf(out[i] - (float)clip->samples[i] / 32768.0f / 4) < 1e-7f);
    play_free(play);
    media_clip_unref(clip);
    sr_free(out);
}

/* ---- feeds ---- */

static void feed_plays_what_was_written_and_ends(void **state)
{
    struct media_clip *clip = sine(16000, 440, 1000);
    struct media_feed *feed = media_feed_new(16000);
    struct media_play_options options = {.feed = feed, .play = 1};
    struct play *play = play_new(&options);
    float *out = sr_alloc(OUT_MAX * sizeof(*out));
    size_t n;

    (void)state;
    assert_true(media_feed_space(feed) >= 32000);
    media_feed_write(feed, clip->samples, clip->sample_count);
    media_feed_end(feed);
    n = run(play, 16000, 100, out);
    assert_true(play->is_over);
    assert_int_equal(n, 16000);
    for (size_t i = 80; i < 16000 - 80; i++)
        assert_true(out[i] == (float)clip->samples[i] / 32768.0f);
    assert_int_equal(play_starved_ms(play), 0);
    assert_false(media_feed_is_closed(feed));
    play_free(play);
    assert_true(media_feed_is_closed(feed));
    media_feed_unref(feed);
    media_clip_unref(clip);
    sr_free(out);
}

static void feed_that_comes_late_costs_silence(void **state)
{
    struct media_clip *clip = sine(8000, 440, 100);
    struct media_feed *feed = media_feed_new(8000);
    struct media_play_options options = {.feed = feed, .play = 1};
    struct play *play = play_new(&options);
    float *out = sr_alloc(OUT_MAX * sizeof(*out));

    (void)state;
    media_feed_write(feed, clip->samples, clip->sample_count);
    (void)run(play, 8000, 10, out);
    assert_false(play->is_over);
    assert_int_equal(play_ms(play), 100);
    assert_int_equal(play_starved_ms(play), 100);
    media_feed_write(feed, clip->samples, clip->sample_count);
    media_feed_end(feed);
    (void)run(play, 8000, 10, out);
    assert_true(play->is_over);
    assert_int_equal(play_ms(play), 200);
    play_free(play);
    media_feed_unref(feed);
    media_clip_unref(clip);
    sr_free(out);
}

/* One thread writes numbers, the other must read them in order, whole. */
static void *write_numbers(void *arg)
{
    struct media_feed *feed = arg;
    int16_t block[997];
    uint16_t next = 0;

    for (int total = 0; total < 1000;) {
        size_t space = media_feed_space(feed);
        size_t n = SR_MIN(space, SR_ARRAY_LEN(block));

        for (size_t i = 0; i < n; i++)
            block[i] = (int16_t)next++;
        media_feed_write(feed, block, n);
        total += n > 0;
    }
    media_feed_end(feed);
    return NULL;
}

static void feed_keeps_order_between_threads(void **state)
{
    struct media_feed *feed = media_feed_new(8000);
    uint16_t expected = 0;
    int16_t block[160];
    bool is_ended = false;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, write_numbers, feed), 0);
    while (media_feed_count(feed, &is_ended) > 0 || !is_ended) {
        size_t n = media_feed_read(feed, block, SR_ARRAY_LEN(block));

        for (size_t i = 0; i < n; i++)
            assert_true((uint16_t)block[i] == expected++);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(expected != 0);
    media_feed_unref(feed);
}

static void nothing_is_allocated_while_it_plays(void **state)
{
    struct media_clip *clip = sine(24000, 440, 1000);
    struct media_play_options options = {.clip = clip, .play = 1};
    struct play *play = play_new(&options);
    float out[960], ramp[960];
    uint64_t before = sr_alloc_total();

    (void)state;
    while (!play->is_over)
        play_run(play, 48000, out, ramp);
    assert_int_equal(sr_alloc_total(), before);
    play_free(play);
    media_clip_unref(clip);
}

int test_play(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_those_of_the_clip),
        cmocka_unit_test(rates_are_converted),
        cmocka_unit_test(loop_has_no_seam),
        cmocka_unit_test(stop_in_the_middle_does_not_click),
        cmocka_unit_test(stopped_before_it_was_heard_it_is_over),
        cmocka_unit_test(empty_clip_is_over_at_once),
        cmocka_unit_test(gain_is_a_factor),
        cmocka_unit_test(feed_plays_what_was_written_and_ends),
        cmocka_unit_test(feed_that_comes_late_costs_silence),
        cmocka_unit_test(feed_keeps_order_between_threads),
        cmocka_unit_test(nothing_is_allocated_while_it_plays),
    };

    return cmocka_run_group_tests_name("play", tests, NULL, NULL);
}

/* Files: what is read, where they may lie, and how long ones are fed. */
#include "test.h"

#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "media/tone_fit.h"
#include "net/clock.h"
#include "speech/feeder.h"

struct bench {
    char dir[TEST_PATH_MAX], path[TEST_PATH_MAX + 64];
};

static const char *in(struct bench *bench, const char *name)
{
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, bench->path, sizeof(bench->path));
    sr_buf_c(&buf, bench->dir);
    sr_buf_char(&buf, '/');
    sr_buf_c(&buf, name);
    return sr_buf_cstr(&buf);
}

static int setup(void **state)
{
    struct bench *bench = sr_zalloc(1, sizeof(*bench));

    test_dir_new(bench->dir);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    test_dir_done(bench->dir);
    sr_free(bench);
    return 0;
}

static struct sound_file *open_ok(const char *below, const char *path)
{
    struct sound_file *file;
    const char *why;

    assert_int_equal(sound_file_open(below, path, &file, &why), SR_OK);
    return file;
}

static void refused(const char *below, const char *path, enum sr_err err)
{
    struct sound_file *file;
    const char *why = NULL;

    assert_int_equal(sound_file_open(below, path, &file, &why), err);
    assert_non_null(why);
}

static void file_becomes_a_clip(void **state)
{
    static const uint32_t rates[] = {8000, 11025, 44100, 48000};
    struct bench *bench = *state;

    for (size_t i = 0; i < SR_ARRAY_LEN(rates); i++) {
        struct sound_file *file;
        struct media_clip *clip;
        float *out;

        (void)test_write_sine(in(bench, "a.wav"), rates[i], 440, 1000);
        file = open_ok(bench->dir, "a.wav");
        assert_int_equal(sound_file_frames(file), rates[i]);
        clip = sound_file_clip(file);
        assert_int_equal(clip->sample_count, clip->rate_hz);
        out = sr_alloc(clip->sample_count * sizeof(*out));
        for (size_t k = 0; k < clip->sample_count; k++)
            out[k] = (float)clip->samples[k] / 32768.0f;
        assert_true(tone_fit_snr_db(out + 1000, 6000, clip->rate_hz, 440) > 50);
        sr_free(out);
        media_clip_unref(clip);
        sound_file_close(file);
    }
}

static void append(const char *path, const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    assert_int_equal(close(fd), 0);
}

/* What stands behind the samples is no sound; a recording without its length is read to the end. */
static void length_is_that_of_the_samples(void **state)
{
    struct bench *bench = *state;
    static const char zero[4] = {0};
    struct sound_file *file;
    int fd;

    (void)test_write_sine(in(bench, "a.wav"), 8000, 440, 1000);
    append(in(bench, "a.wav"), "LIST\x04\0\0\0abcd", 12);
    file = open_ok(bench->dir, "a.wav");
    assert_int_equal(sound_file_frames(file), 8000);
    sound_file_close(file);
    (void)test_write_sine(in(bench, "b.wav"), 8000, 440, 1000);
    fd = open(in(bench, "b.wav"), O_WRONLY);
    assert_int_equal(pwrite(fd, zero, 4, 40), 4);
    assert_int_equal(close(fd), 0);
    file = open_ok(bench->dir, "b.wav");
    assert_int_equal(sound_file_frames(file), 8000);
    sound_file_close(file);
    assert_int_equal(truncate(in(bench, "b.wav"), 44 + 1000), 0);
    file = open_ok(bench->dir, "b.wav");
    assert_int_equal(sound_file_frames(file), 500);
    sound_file_close(file);
}

static void paths_do_not_lead_out(void **state)
{
    struct bench *bench = *state;
    char inside[TEST_PATH_MAX + 64];

    (void)test_write_sine(in(bench, "secret.wav"), 8000, 440, 100);
    assert_int_equal(mkdir(in(bench, "data"), 0755), 0);
    (void)snprintf(inside, sizeof(inside), "%s/data", bench->dir);
    assert_int_equal(mkdir(in(bench, "data/sounds"), 0755), 0);
    (void)test_write_sine(in(bench, "data/sounds/ok.wav"), 8000, 440, 100);
    assert_int_equal(symlink("../secret.wav", in(bench, "data/link.wav")), 0);
    assert_int_equal(symlink("..", in(bench, "data/up")), 0);
    sound_file_close(open_ok(inside, "sounds/ok.wav"));
    refused(inside, "../secret.wav", SR_ERR_SYNTAX);
    refused(inside, "sounds/../../secret.wav", SR_ERR_SYNTAX);
    refused(inside, "sounds/./ok.wav", SR_ERR_SYNTAX);
    refused(inside, "sounds//ok.wav", SR_ERR_SYNTAX);
    refused(inside, "link.wav", SR_ERR_SYNTAX);
    refused(inside, "/etc/passwd", SR_ERR_SYNTAX);
    refused(inside, "sounds", SR_ERR_SYNTAX);
    refused(inside, "sounds/no.wav", SR_ERR_NOTFOUND);
    refused(inside, "sounds/ok.wav/x", SR_ERR_NOTFOUND);
    assert_true(access(in(bench, "data/up/secret.wav"), R_OK) == 0);
    {
        struct sound_file *file;
        const char *why;

        assert_int_not_equal(sound_file_open(inside, "up/secret.wav", &file, &why), SR_OK);
    }
}

static void what_is_no_sound_is_refused(void **state)
{
    struct bench *bench = *state;

    append(in(bench, "text.wav"), "this is no sound at all, but a text", 35);
    refused(bench->dir, "text.wav", SR_ERR_SYNTAX);
    append(in(bench, "empty.wav"), "", 0);
    refused(bench->dir, "empty.wav", SR_ERR_SYNTAX);
    (void)test_write_sine(in(bench, "none.wav"), 8000, 440, 0);
    refused(bench->dir, "none.wav", SR_ERR_SYNTAX);
    assert_int_equal(mkfifo(in(bench, "pipe.wav"), 0644), 0); /* must not block either */
    {
        struct sound_file *file;
        const char *why;

        assert_int_not_equal(sound_file_open(bench->dir, "pipe.wav", &file, &why), SR_OK);
    }
}

static void file_that_shrinks_ends_early(void **state)
{
    struct bench *bench = *state;
    float block[CONVERT_BLOCK];
    struct sound_file *file;
    struct media_clip *clip;

    (void)test_write_sine(in(bench, "a.wav"), 8000, 440, 2000);
    file = open_ok(bench->dir, "a.wav");
    assert_int_equal(sound_file_read(file, block), CONVERT_BLOCK);
    assert_int_equal(truncate(in(bench, "a.wav"), 44 + 5000 * 2), 0);
    clip = sound_file_clip(file);
    assert_int_equal(clip->sample_count, 5000);
    media_clip_unref(clip);
    sound_file_close(file);
}

/* ---- long files ---- */

static size_t read_some(struct media_feed *feed, int16_t *out, size_t wanted)
{
    sr_usec until = net_clock_now() + 30 * SR_SEC;
    bool is_ended = false;
    size_t done = 0;

    while (done < wanted && net_clock_now() < until) {
        done += media_feed_read(feed, out + done, SR_MIN(wanted - done, (size_t)160));
        if (media_feed_count(feed, &is_ended) == 0 && is_ended)
            break;
    }
    return done;
}

static void feed_is_kept_full_to_the_end(void **state)
{
    struct bench *bench = *state;
    struct feeder *feeder = feeder_new();
    size_t total = 8000 * 10;
    int16_t *out = sr_alloc((total + 8000) * sizeof(*out));
    struct media_feed *feed;

    (void)test_write_sine(in(bench, "a.wav"), 8000, 440, 10000);
    feed = feeder_open(feeder, open_ok(bench->dir, "a.wav"), false);
    assert_non_null(feed);
    assert_true(media_feed_count(feed, &(bool){false}) > 8000); /* full before it is given */
    assert_int_equal(read_some(feed, out, total + 8000), total);
    for (size_t i = 0; i < total; i += 977)
        assert_int_equal(out[i], lrint(10000 * sin(2 * M_PI * 440 * (double)i / 8000)));
    media_feed_unref(feed);
    feeder_free(feeder);
    sr_free(out);
}

static void feed_that_loops_goes_on(void **state)
{
    struct bench *bench = *state;
    struct feeder *feeder = feeder_new();
    int16_t *out = sr_alloc(8000 * 12 * sizeof(*out));
    struct media_feed *feed;

    (void)test_write_sine(in(bench, "a.wav"), 8000, 440, 3300);
    feed = feeder_open(feeder, open_ok(bench->dir, "a.wav"), true);
    assert_int_equal(read_some(feed, out, 8000 * 12), 8000 * 12);
    for (size_t i = 26400; i < 8000 * 12; i++)
        assert_int_equal(out[i], out[i - 26400]);
    assert_int_equal(feeder_count(feeder), 1);
    media_feed_unref(feed); /* nobody listens: it is let go of */
    for (sr_usec until = net_clock_now() + 30 * SR_SEC;
         feeder_count(feeder) > 0 && net_clock_now() < until;)
        (void)sched_yield();
    assert_int_equal(feeder_count(feeder), 0);
    feeder_free(feeder);
    sr_free(out);
}

static void feeds_are_bounded(void **state)
{
    struct bench *bench = *state;
    struct feeder *feeder = feeder_new();
    struct media_feed *feeds[FEEDER_FEEDS_MAX];

    (void)test_write_sine(in(bench, "a.wav"), 8000, 440, 5000);
    for (int i = 0; i < FEEDER_FEEDS_MAX; i++) {
        feeds[i] = feeder_open(feeder, open_ok(bench->dir, "a.wav"), true);
        assert_non_null(feeds[i]);
    }
    assert_null(feeder_open(feeder, open_ok(bench->dir, "a.wav"), true));
    for (int i = 0; i < FEEDER_FEEDS_MAX; i++)
        media_feed_unref(feeds[i]);
    feeder_free(feeder);
}

int test_file(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_becomes_a_clip, setup, teardown),
        cmocka_unit_test_setup_teardown(length_is_that_of_the_samples, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_do_not_lead_out, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_sound_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(file_that_shrinks_ends_early, setup, teardown),
        cmocka_unit_test_setup_teardown(feed_is_kept_full_to_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(feed_that_loops_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(feeds_are_bounded, setup, teardown),
    };

    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}

/* Spoken prompts on disk: whole or not there, the longest unused ones go first. */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "speech/cache.h"

enum {
    CLIP_SAMPLES = 1000,
    CLIP_FILE_BYTES = 2 * CLIP_SAMPLES + 44
};

static struct media_clip *clip_of(int seed)
{
    struct media_clip *clip = media_clip_new(16000, CLIP_SAMPLES);

    for (int i = 0; i < CLIP_SAMPLES; i++)
        clip->samples[i] = (int16_t)(seed * 31 + i);
    return clip;
}

static void key_of(int seed, char key[CACHE_KEY_CHARS + 1])
{
    struct sr_str part = sr_str_make((const char *)&seed, sizeof(seed));

    cache_key(&part, 1, key);
}

static void add(struct cache *cache, int seed)
{
    char key[CACHE_KEY_CHARS + 1];
    struct media_clip *clip = clip_of(seed);

    key_of(seed, key);
    cache_add(cache, key, clip);
    media_clip_unref(clip);
}

/* There, and exactly what was put in. */
static bool has(struct cache *cache, int seed)
{
    char key[CACHE_KEY_CHARS + 1];
    struct media_clip *clip, *expected = clip_of(seed);
    bool is_there;

    key_of(seed, key);
    clip = cache_find(cache, key);
    is_there = clip != NULL;
    if (is_there) {
        assert_int_equal(clip->rate_hz, 16000);
        assert_int_equal(clip->sample_count, CLIP_SAMPLES);
        assert_memory_equal(clip->samples, expected->samples, CLIP_SAMPLES * 2);
    }
    media_clip_unref(clip);
    media_clip_unref(expected);
    return is_there;
}

static void prompts_survive_a_restart(void **state)
{
    char dir[TEST_PATH_MAX];
    struct cache *cache;

    (void)state;
    test_dir_new(dir);
    cache = cache_open(dir, 1 << 20);
    assert_false(has(cache, 1));
    add(cache, 1);
    add(cache, 1); /* twice is once */
    assert_int_equal(cache_bytes(cache), CLIP_FILE_BYTES);
    assert_true(has(cache, 1));
    cache_close(cache);
    cache = cache_open(dir, 1 << 20);
    assert_true(has(cache, 1));
    assert_false(has(cache, 2));
    assert_int_equal(cache_bytes(cache), CLIP_FILE_BYTES);
    cache_close(cache);
    test_dir_done(dir);
}

static void longest_unused_go_first(void **state)
{
    char dir[TEST_PATH_MAX];
    struct cache *cache;

    (void)state;
    test_dir_new(dir);
    cache = cache_open(dir, 3 * CLIP_FILE_BYTES);
    for (int i = 1; i <= 3; i++)
        add(cache, i);
    assert_true(has(cache, 1)); /* used again */
    add(cache, 4);
    assert_true(has(cache, 1) && has(cache, 3) && has(cache, 4));
    assert_false(has(cache, 2));
    assert_int_equal(cache_bytes(cache), 3 * CLIP_FILE_BYTES);
    cache_close(cache);
    cache = cache_open(dir, CLIP_FILE_BYTES); /* a smaller bound: the last used stays */
    assert_true(has(cache, 4));
    assert_false(has(cache, 1) || has(cache, 3));
    cache_close(cache);
    test_dir_done(dir);
}

static void damaged_files_are_made_anew(void **state)
{
    char dir[TEST_PATH_MAX], key[CACHE_KEY_CHARS + 1], path[2 * TEST_PATH_MAX];
    struct cache *cache;

    (void)state;
    test_dir_new(dir);
    cache = cache_open(dir, 1 << 20);
    add(cache, 1);
    key_of(1, key);
    (void)snprintf(path, sizeof(path), "%s/prompts/%s.wav", dir, key);
    assert_int_equal(truncate(path, CLIP_FILE_BYTES - 2), 0);
    assert_false(has(cache, 1));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(cache_bytes(cache), 0);
    add(cache, 1);
    assert_true(has(cache, 1));
    assert_int_equal(unlink(path), 0); /* somebody tidied up */
    assert_false(has(cache, 1));
    cache_close(cache);
    test_dir_done(dir);
}

static void what_is_not_ours_is_left_alone(void **state)
{
    char dir[TEST_PATH_MAX], path[2 * TEST_PATH_MAX];
    struct cache *cache;
    int fd;

    (void)state;
    test_dir_new(dir);
    cache_close(cache_open(dir, 1 << 20));
    (void)snprintf(path, sizeof(path), "%s/prompts/readme.txt", dir);
    fd = open(path, O_CREAT | O_WRONLY, 0644);
    assert_int_equal(close(fd), 0);
    cache = cache_open(dir, 0);
    assert_int_equal(cache_bytes(cache), 0);
    assert_int_equal(access(path, F_OK), 0);
    cache_close(cache);
    test_dir_done(dir);
}

/* A process that writes prompts is killed at any instant: all that is found is whole. */
static void killed_at_any_instant(void **state)
{
    char dir[TEST_PATH_MAX];
    struct cache *cache;

    (void)state;
    test_dir_new(dir);
    for (int round = 0; round < 20; round++) {
        int status, pipes[2];
        pid_t child;
        char byte;

        assert_int_equal(pipe(pipes), 0);
        child = fork();
        if (child == 0) {
            cache = cache_open(dir, 1 << 20);
            for (int i = 0; write(pipes[1], "x", 1) == 1; i++)
                add(cache, i % 200);
        }
        assert_true(child > 0);
        for (int i = 0; i <= round * 3; i++) /* then it is in the middle of the next one */
            assert_int_equal(read(pipes[0], &byte, 1), 1);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(close(pipes[0]) + close(pipes[1]), 0);
        cache = cache_open(dir, 1 << 20);
        for (int i = 0; i < 200; i++)
            (void)has(cache, i); /* whole, or not there */
        cache_close(cache);
    }
    test_dir_done(dir); /* fails on what cannot be removed */
}

static void folder_that_cannot_be_made(void **state)
{
    (void)state;
    assert_null(cache_open("/proc/nothing", 1 << 20));
}

int test_cache(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_survive_a_restart),
        cmocka_unit_test(longest_unused_go_first),
        cmocka_unit_test(damaged_files_are_made_anew),
        cmocka_unit_test(what_is_not_ours_is_left_alone),
        cmocka_unit_test(killed_at_any_instant),
        cmocka_unit_test(folder_that_cannot_be_made),
    };

    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}

/* Asking for sounds: on threads and inline, cancelled, refused, kept. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "media/wav.h"
#include "net/clock.h"

static _Atomic uint32_t spoken;

static bool has_voice(const char *voice)
{
    return strcmp(voice, "one") == 0 || strcmp(voice, "two") == 0;
}

/* A voice that gives 10 ms for each character. */
static enum sr_err speak(const char *text, const char *voice, struct media_clip **ret_clip)
{
    if (strcmp(text, "fail") == 0)
        return SR_ERR_IO;
    atomic_fetch_add(&spoken, 1);
    *ret_clip = media_clip_new(16000, 160 * strlen(text));
    (*ret_clip)->samples[0] = strcmp(voice, "two") == 0 ? 2 : 1;
    return SR_OK;
}

static const struct speaker twin = {
    .name = "twin",
    .version = "1",
    .voice = "one",
    .has_voice = has_voice,
    .speak = speak,
    .voices = "one, two",
};

struct bench {
    struct loop *loop;
    struct speech *speech;
    uint32_t answers;
    enum sr_err err;
    size_t samples;
    int16_t first;
    bool has_feed;
};

static void on_done(void *arg, const struct speech_result *result)
{
    struct bench *bench = arg;

    bench->answers++;
    bench->err = result->err;
    bench->samples = result->clip != NULL ? result->clip->sample_count : 0;
    bench->first = result->clip != NULL ? result->clip->samples[0] : 0;
    bench->has_feed = result->feed != NULL;
    assert_true(result->err == SR_OK || result->why[0] != '\0');
    if (bench->answers == 1000000)
        loop_stop(bench->loop);
}

static void bench_open(struct bench *bench, const char *data_path)
{
    struct speech_options options = {.data_path = data_path, .speaker = &twin, .is_inline = true};

    memset(bench, 0, sizeof(*bench));
    bench->loop = loop_sim_new(1);
    options.loop = bench->loop;
    bench->speech = speech_new(&options);
    atomic_store(&spoken, 0);
}

static void bench_close(struct bench *bench)
{
    speech_free(bench->speech);
    loop_free(bench->loop);
}

static enum sr_err ask(struct bench *bench, struct speech_request request, uint64_t *ret_id)
{
    request.done = on_done;
    request.arg = bench;
    return speech_ask(bench->speech, &request, ret_id);
}

static enum sr_err say(struct bench *bench, const char *text, const char *voice)
{
    uint64_t id;

    return ask(bench,
               (struct speech_request){
                   .kind = SPEECH_TEXT, .text = sr_str_c(text), .voice = sr_str_c(voice)},
               &id);
}

static void turn(struct bench *bench)
{
    (void)loop_sim_run_idle(bench->loop, loop_now(bench->loop) + SR_SEC);
}

static void text_is_spoken_by_the_voice_asked_for(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, NULL);
    assert_int_equal(say(&bench, "hello", ""), SR_OK);
    assert_int_equal(bench.answers, 0); /* never from inside */
    turn(&bench);
    assert_int_equal(bench.answers, 1);
    assert_int_equal(bench.err, SR_OK);
    assert_int_equal(bench.samples, 800);
    assert_int_equal(bench.first, 1);
    assert_int_equal(say(&bench, "hello", "two"), SR_OK);
    turn(&bench);
    assert_int_equal(bench.first, 2);
    speech_configure(bench.speech, SR_STR("auto"), SR_STR("two"));
    assert_int_equal(say(&bench, "hello", ""), SR_OK);
    turn(&bench);
    assert_int_equal(bench.first, 2);
    speech_configure(bench.speech, SR_STR("auto"), SR_STR("nobody")); /* the usual one speaks */
    assert_int_equal(say(&bench, "hello", ""), SR_OK);
    turn(&bench);
    assert_int_equal(bench.first, 1);
    bench_close(&bench);
}

static void bad_requests_are_refused(void **state)
{
    char text[SPEECH_TEXT_MAX + 2];
    struct bench bench;
    uint64_t id;

    (void)state;
    bench_open(&bench, NULL);
    memset(text, 'a', sizeof(text));
    text[SPEECH_TEXT_MAX + 1] = '\0';
    assert_int_equal(say(&bench, "", ""), SR_ERR_SYNTAX);
    assert_int_equal(say(&bench, text, ""), SR_ERR_SYNTAX);
    text[SPEECH_TEXT_MAX] = '\0';
    assert_int_equal(say(&bench, text, ""), SR_OK);
    turn(&bench);
    assert_int_equal(bench.err, SR_OK);
    assert_int_equal(say(&bench, "a", "three"), SR_ERR_NOTFOUND);
    assert_false(speech_has_voice(bench.speech, SR_STR("three")));
    assert_true(speech_has_voice(bench.speech, SR_STR("")));
    assert_int_equal(
        ask(&bench, (struct speech_request){.kind = SPEECH_TEXT, .text = sr_str_make("a\0b", 3)},
            &id),
        SR_ERR_SYNTAX);
    assert_int_equal(bench.answers, 1);
    assert_int_equal(say(&bench, "\xff", ""), SR_OK); /* found out by the one who speaks */
    turn(&bench);
    assert_int_equal(bench.err, SR_ERR_SYNTAX);
    assert_int_equal(say(&bench, "fail", ""), SR_OK);
    turn(&bench);
    assert_int_equal(bench.err, SR_ERR_IO);
    bench_close(&bench);
}

static void requests_are_bounded(void **state)
{
    struct speech_stats stats;
    struct bench bench;

    (void)state;
    bench_open(&bench, NULL);
    for (int i = 0; i < SPEECH_ASKS_MAX; i++)
        assert_int_equal(say(&bench, "hello", ""), SR_OK);
    assert_int_equal(say(&bench, "hello", ""), SR_ERR_LIMIT);
    turn(&bench);
    assert_int_equal(bench.answers, SPEECH_ASKS_MAX);
    assert_int_equal(say(&bench, "hello", ""), SR_OK);
    turn(&bench);
    speech_stats(bench.speech, &stats);
    assert_int_equal(stats.refused, 1);
    assert_int_equal(stats.waiting, 0);
    bench_close(&bench);
}

static void cancelled_is_never_told(void **state)
{
    struct bench bench;
    uint64_t first, second;

    (void)state;
    bench_open(&bench, NULL);
    assert_int_equal(
        ask(&bench, (struct speech_request){.kind = SPEECH_TEXT, .text = SR_STR("a")}, &first),
        SR_OK);
    assert_int_equal(
        ask(&bench, (struct speech_request){.kind = SPEECH_TEXT, .text = SR_STR("bb")}, &second),
        SR_OK);
    speech_cancel(bench.speech, first);
    speech_cancel(bench.speech, first);
    turn(&bench);
    assert_int_equal(bench.answers, 1);
    assert_int_equal(bench.samples, 320);
    speech_cancel(bench.speech, second); /* long over */
    bench_close(&bench);
}

static void what_was_said_before_is_kept(void **state)
{
    char dir[TEST_PATH_MAX];
    struct speech_stats stats;
    struct bench bench;

    (void)state;
    test_dir_new(dir);
    for (int i = 0; i < 2; i++) {
        bench_open(&bench, dir);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(say(&bench, "hello", ""), SR_OK);
            turn(&bench);
            assert_int_equal(bench.samples, 800);
        }
        assert_int_equal(atomic_load(&spoken), i == 0 ? 1 : 0);
        assert_int_equal(say(&bench, "hello", "two"), SR_OK); /* another voice: another prompt */
        turn(&bench);
        assert_int_equal(bench.first, 2);
        speech_stats(bench.speech, &stats);
        assert_int_equal(stats.spoken, i == 0 ? 2 : 0);
        assert_int_equal(stats.from_cache, i == 0 ? 2 : 4);
        bench_close(&bench);
    }
    test_dir_done(dir);
}

static void files_short_and_long(void **state)
{
    char dir[TEST_PATH_MAX], path[2 * TEST_PATH_MAX];
    struct bench bench;
    uint64_t id;

    (void)state;
    test_dir_new(dir);
    (void)snprintf(path, sizeof(path), "%s/a.wav", dir);
    (void)test_write_sine(path, 8000, 440, 500);
    bench_open(&bench, dir);
    assert_int_equal(
        ask(&bench, (struct speech_request){.kind = SPEECH_FILE, .text = SR_STR("a.wav")}, &id),
        SR_OK);
    turn(&bench);
    assert_int_equal(bench.samples, 4000);
    assert_int_equal(
        ask(&bench, (struct speech_request){.kind = SPEECH_FILE, .text = sr_str_c(path)}, &id),
        SR_OK);
    turn(&bench);
    assert_int_equal(bench.samples, 4000);
    assert_int_equal(ask(&bench,
                         (struct speech_request){
                             .kind = SPEECH_FILE, .text = sr_str_c(path), .is_confined = true},
                         &id),
                     SR_OK);
    turn(&bench);
    assert_int_equal(bench.err, SR_ERR_SYNTAX);
    (void)test_write_sine(path, 8000, 440, 61000);
    assert_int_equal(
        ask(&bench, (struct speech_request){.kind = SPEECH_FILE, .text = SR_STR("a.wav")}, &id),
        SR_OK);
    turn(&bench);
    assert_true(bench.has_feed);
    assert_int_equal(
        ask(&bench,
            (struct speech_request){.kind = SPEECH_FILE, .text = SR_STR("a.wav"), .is_whole = true},
            &id),
        SR_OK);
    turn(&bench);
    assert_int_equal(bench.samples, 8000 * 61);
    bench_close(&bench);
    test_dir_done(dir);
}

/* ---- with threads ---- */

static void on_counted(void *arg, const struct speech_result *result)
{
    assert_int_equal(result->err, SR_OK);
    atomic_fetch_add((_Atomic uint32_t *)arg, 1);
}

/* Answers on the loop's thread and on the room's own, with cancelling in between. */
static void threads_answer_all(void **state)
{
    struct loop *loop = loop_uv_new();
    struct speech_options options = {.loop = loop, .speaker = &twin, .threads = 3};
    struct speech *speech = speech_new(&options);
    _Atomic uint32_t threaded = 0, on_loop = 0;
    uint32_t cancelled = 0, asked = 0;
    struct loop_timer timer;
    uint64_t id;

    (void)state;
    for (int i = 0; i < 120; i++) {
        struct speech_request request = {.kind = SPEECH_TEXT,
                                         .text = SR_STR("hello"),
                                         .done = on_counted,
                                         .is_threaded = i % 2 == 0};

        request.arg = request.is_threaded ? &threaded : &on_loop;
        assert_int_equal(speech_ask(speech, &request, &id), SR_OK);
        if (!request.is_threaded && i % 3 == 0) {
            speech_cancel(speech, id);
            cancelled++;
        }
        asked += !request.is_threaded;
    }
    for (sr_usec until = net_clock_now() + 30 * SR_SEC;
         net_clock_now() < until && (threaded < 60 || on_loop < asked - cancelled);) {
        loop_timer_init(&timer, (loop_fn *)loop_stop, loop);
        loop_timer_set(loop, &timer, net_clock_now() + SR_MSEC);
        loop_run(loop);
    }
    assert_int_equal(threaded, 60);
    assert_int_equal(on_loop, asked - cancelled);
    speech_free(speech);
    loop_free(loop);
}

static void freed_with_work_at_hand(void **state)
{
    struct loop *loop = loop_uv_new();
    struct speech_options options = {.loop = loop, .speaker = &twin, .threads = 2};
    struct speech *speech = speech_new(&options);
    _Atomic uint32_t count = 0;
    uint64_t id;

    (void)state;
    for (int i = 0; i < 100; i++) {
        struct speech_request request = {
            .kind = SPEECH_TEXT, .text = SR_STR("hello"), .done = on_counted, .arg = &count};

        assert_int_equal(speech_ask(speech, &request, &id), SR_OK);
    }
    speech_free(speech);
    assert_int_equal(count, 0); /* the loop did not turn */
    loop_free(loop);
}

static void off_means_off(void **state)
{
    struct speech_options options = {.engine = SR_STR("off"), .threads = 1};
    struct speech_request request = {.kind = SPEECH_TEXT, .text = SR_STR("a"), .is_threaded = true};
    struct speech *speech = speech_new(&options);
    uint64_t id;

    (void)state;
    assert_false(speech_can_speak(speech));
    assert_int_equal(speech_ask(speech, &request, &id), SR_ERR_UNSUPPORTED);
    speech_free(speech);
}

/* ---- the built-in voice ---- */

static void flite_speaks_or_says_why_not(void **state)
{
    char why[SPEECH_WHY_MAX] = "";
    struct media_clip *clip = NULL;
    enum sr_err err =
        speech_say(SR_STR("auto"), SR_STR("one two three"), SR_STR("kal16"), &clip, why);

    (void)state;
#ifdef SR_HAVE_FLITE
    struct media_clip *again = NULL;
    struct sr_buf bytes;
    struct wav wav;

    assert_int_equal(err, SR_OK);
    assert_int_equal(clip->rate_hz, 16000);
    assert_true(media_clip_ms(clip) > 500 && media_clip_ms(clip) < 3000);
    assert_int_equal(
        speech_say(SR_STR("flite"), SR_STR("one two three"), SR_STR("kal16"), &again, why), SR_OK);
    assert_int_equal(again->sample_count, clip->sample_count);
    assert_memory_equal(again->samples, clip->samples,
                        2 * clip->sample_count); /* bit-exact voice */
    sr_buf_init(&bytes, 1 << 20);
    speech_write_wav(clip, &bytes);
    assert_int_equal(wav_parse(sr_buf_view(&bytes), &wav, NULL), SR_OK);
    assert_int_equal(wav.frame_count, clip->sample_count);
    sr_buf_done(&bytes);
    media_clip_unref(again);
    media_clip_unref(clip);
    assert_int_equal(speech_say(SR_STR("auto"), SR_STR("a"), SR_STR("bob"), &clip, why),
                     SR_ERR_NOTFOUND);
#else
    assert_int_equal(err, SR_ERR_UNSUPPORTED);
#endif
    assert_true(why[0] != '\0');
}

int test_speech(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_spoken_by_the_voice_asked_for),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(requests_are_bounded),
        cmocka_unit_test(cancelled_is_never_told),
        cmocka_unit_test(what_was_said_before_is_kept),
        cmocka_unit_test(files_short_and_long),
        cmocka_unit_test(threads_answer_all),
        cmocka_unit_test(freed_with_work_at_hand),
        cmocka_unit_test(off_means_off),
        cmocka_unit_test(flite_speaks_or_says_why_not),
    };

    return cmocka_run_group_tests_name("speech", tests, NULL, NULL);
}

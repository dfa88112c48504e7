#include "test.h"

#include <pthread.h>
#include <unistd.h>

#include "net/clock.h"

struct trace {
    struct loop *loop;
    char text[64];
    size_t n;
    sr_usec at;
};

struct step {
    struct trace *trace;
    char name;
    struct loop_timer timer;
    struct loop_job job;
    struct step *then; /* its timer is set for now */
};

static void on_step(void *arg)
{
    struct step *step = arg;
    struct trace *trace = step->trace;

    trace->text[trace->n++] = step->name;
    trace->at = loop_now(trace->loop);
    if (step->then)
        loop_timer_set(trace->loop, &step->then->timer, loop_now(trace->loop));
}

static void step_init(struct step *step, struct trace *trace, char name)
{
    memset(step, 0, sizeof(*step));
    step->trace = trace;
    step->name = name;
    loop_timer_init(&step->timer, on_step, step);
    loop_job_init(&step->job, on_step, step);
}

static void clock_text_is_rfc3339(void **state)
{
    char out[NET_CLOCK_TEXT_MAX];

    (void)state;
    assert_string_equal(net_clock_text(0, out), "1970-01-01T00:00:00.000Z");
    assert_string_equal(net_clock_text(INT64_C(1767225600123456), out), "2026-01-01T00:00:00.123Z");
    assert_string_equal(net_clock_text(-5, out), "1970-01-01T00:00:00.000Z");
    assert_string_equal(net_clock_text(INT64_MAX, out), "9999-12-31T23:59:59.000Z");
    assert_true(net_clock_wall() > INT64_C(1700000000) * SR_SEC);
    sr_usec before = net_clock_now();
    assert_true(net_clock_now() >= before);
}

static void virtual_timers_fire_in_order_at_their_time(void **state)
{
    struct loop *loop = loop_sim_new(1);
    struct trace trace = {.loop = loop};
    struct step a, b, c;

    (void)state;
    step_init(&a, &trace, 'a');
    step_init(&b, &trace, 'b');
    step_init(&c, &trace, 'c');
    sr_usec start = loop_now(loop), wall = loop_wall(loop);
    loop_timer_set(loop, &c.timer, start + 3 * SR_SEC);
    loop_timer_set(loop, &a.timer, start + SR_SEC);
    loop_timer_set(loop, &b.timer, start + SR_SEC);
    loop_sim_run_until(loop, start + 2 * SR_SEC);
    assert_string_equal(trace.text, "ab");
    assert_true(trace.at == start + SR_SEC);
    assert_true(loop_wall(loop) == wall + 2 * SR_SEC);
    loop_timer_clear(loop, &c.timer);
    assert_false(loop_timer_is_set(&c.timer));
    assert_true(loop_sim_run_idle(loop, SR_NEVER - 1));
    assert_string_equal(trace.text, "ab");
    loop_free(loop);
}

/* A timer set for now inside a turn waits for the next: jobs and descriptors get their turn. */
static void timer_for_now_runs_in_the_next_turn(void **state)
{
    struct loop *loop = loop_sim_new(1);
    struct trace trace = {.loop = loop};
    struct step a, b, c;

    (void)state;
    step_init(&a, &trace, 'a');
    step_init(&b, &trace, 'b');
    step_init(&c, &trace, 'c');
    a.then = &b;
    loop_timer_set(loop, &a.timer, loop_now(loop));
    loop_defer(loop, &c.job);
    loop_defer(loop, &c.job);
    assert_true(loop_sim_step(loop));
    assert_string_equal(trace.text, "ac");
    assert_true(loop_sim_step(loop));
    assert_string_equal(trace.text, "acb");
    loop_defer(loop, &c.job);
    loop_defer_clear(loop, &c.job);
    assert_false(loop_sim_step(loop));
    loop_free(loop);
}

static void on_count(void *arg)
{
    struct rig *rig = arg;

    rig->a.messages++;
    loop_stop(rig->loop);
}

struct poster {
    struct rig *rig;
    struct loop_job jobs[1000];
};

static void *post_all(void *arg)
{
    struct poster *poster = arg;

    for (size_t i = 0; i < SR_ARRAY_LEN(poster->jobs); i++)
        loop_post(poster->rig->loop, &poster->jobs[i]);
    assert_false(loop_is_current(poster->rig->loop));
    return NULL;
}

static void jobs_of_other_threads_all_arrive(void **state)
{
    static struct poster posters[4];
    pthread_t threads[4];
    struct rig rig;

    (void)state;
    rig_init(&rig, NULL, NULL);
    for (int t = 0; t < 4; t++) {
        posters[t].rig = &rig;
        for (size_t i = 0; i < SR_ARRAY_LEN(posters[t].jobs); i++)
            loop_job_init(&posters[t].jobs[i], on_count, &rig);
        assert_int_equal(pthread_create(&threads[t], NULL, post_all, &posters[t]), 0);
    }
    RIG_UNTIL(&rig, rig.a.messages == 4000);
    for (int t = 0; t < 4; t++)
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    rig_done(&rig);
}

static void real_timer_fires_not_early(void **state)
{
    struct rig rig;
    struct loop_timer timer;
    sr_usec start = net_clock_now();

    (void)state;
    rig_init(&rig, NULL, NULL);
    loop_timer_init(&timer, on_count, &rig);
    loop_timer_set(rig.loop, &timer, start + 20 * SR_MSEC);
    RIG_UNTIL(&rig, rig.a.messages == 1);
    assert_true(loop_now(rig.loop) >= start + 20 * SR_MSEC);
    rig_done(&rig);
}

/* What is opened before the loop runs may take seconds: times count from when they are asked for. */
static void time_goes_on_before_the_loop_runs(void **state)
{
    struct loop *loop = loop_uv_new();
    sr_usec wall = loop_wall(loop);
    sr_usec begun = net_clock_now();

    (void)state;
    while (net_clock_now() < begun + 2 * SR_MSEC) {
    }
    assert_true(loop_now(loop) >= begun + 2 * SR_MSEC);
    assert_true(loop_wall(loop) > wall);
    loop_free(loop);
}

static void on_readable(void *arg, unsigned events)
{
    struct rig *rig = arg;

    assert_int_equal(events & LOOP_READ, LOOP_READ);
    on_count(rig);
}

static void watched_descriptor_is_told_until_closed(void **state)
{
    struct rig rig;
    struct loop_watch *watch;
    int fds[2];

    (void)state;
    rig_init(&rig, NULL, NULL);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(loop_watch_fd(rig.loop, fds[0], LOOP_READ, on_readable, &rig, &watch), SR_OK);
    assert_int_equal(write(fds[1], "x", 1), 1);
    RIG_UNTIL(&rig, rig.a.messages >= 2); /* level-triggered: again and again */
    loop_watch_close(watch);
    (void)close(fds[0]);
    (void)close(fds[1]);
    rig_done(&rig);
    struct loop *sim = loop_sim_new(1);
    assert_int_equal(loop_watch_fd(sim, 0, LOOP_READ, on_readable, NULL, &watch),
                     SR_ERR_UNSUPPORTED);
    loop_free(sim);
}

int run_loop(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_text_is_rfc3339),
        cmocka_unit_test(virtual_timers_fire_in_order_at_their_time),
        cmocka_unit_test(timer_for_now_runs_in_the_next_turn),
        cmocka_unit_test(jobs_of_other_threads_all_arrive),
        cmocka_unit_test(real_timer_fires_not_early),
        cmocka_unit_test(time_goes_on_before_the_loop_runs),
        cmocka_unit_test(watched_descriptor_is_told_until_closed),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}

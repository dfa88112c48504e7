#include "test_call.h"

#include "call/overload.h"

/* Runs one window in which `offered` calls ask; its timer fires `late_ms` late. */
static uint32_t run_window(struct overload *overload, sr_usec *now, uint32_t offered,
                           uint32_t late_ms)
{
    sr_usec end = overload_deadline(overload) + late_ms * SR_MSEC;
    sr_usec step = offered ? (end - *now) / offered : 0;
    uint32_t admitted = 0;

    for (uint32_t i = 0; i < offered; i++) {
        *now += step;
        admitted += overload_admit(overload, *now);
    }
    *now = end;
    overload_on_window(overload, *now, 0);
    return admitted;
}

/* Without lateness nobody is refused, whatever the rate. */
static void calm_machine_refuses_nobody(void **state)
{
    struct overload overload;
    sr_usec now = 0;

    (void)state;
    overload_init(&overload, now);
    for (int i = 0; i < 100; i++)
        assert_int_equal(run_window(&overload, &now, 500, 0), 500);
    assert_int_equal(overload.refused, 0);
}

enum {
    CALL_COST_US = 1000,      /* work of a call let in: 1,000 a second */
    REFUSAL_COST_US = 100,    /* of a 503 */
    OFFERED = 200,            /* calls in a window: 2,000 a second */
    WAITING_MAX = 2000,       /* what the kernel holds; more is lost */
    CALL_WAITING_BYTES = 2000 /* of a call that waits there */
};

/* One window of a machine that takes calls from the kernel one by one until its time is up. */
static uint32_t work_window(struct overload *overload, sr_usec *now, uint32_t *waiting)
{
    sr_usec end = overload_deadline(overload);
    uint32_t admitted = 0;

    *waiting = SR_MIN(*waiting + OFFERED, (uint32_t)WAITING_MAX);
    while (*now<end && * waiting> 0) {
        bool is_in = overload_admit(overload, *now);

        admitted += is_in;
        *now += is_in ? CALL_COST_US : REFUSAL_COST_US;
        (*waiting)--;
    }
    *now = SR_MAX(*now, end);
    overload_on_window(overload, *now, *waiting * (uint64_t)CALL_WAITING_BYTES);
    return admitted;
}

/* At twice what the machine can do most of what it can do is still done, and nothing piles up. */
static void admitted_rate_follows_what_the_machine_can_do(void **state)
{
    struct overload overload;
    uint32_t waiting = 0;
    uint64_t admitted = 0;
    sr_usec now = 0;

    (void)state;
    overload_init(&overload, now);
    for (int i = 0; i < 1000; i++) {
        uint32_t count = work_window(&overload, &now, &waiting);

        if (i >= 100)
            admitted += count;
    }
    /* 900 windows; refusing the other half costs a tenth: some 90 calls a window are possible */
    assert_in_range(admitted / 900, 81, 95);
    assert_true(waiting < WAITING_MAX / 2);
    assert_true(overload.refused > 0);
}

/* Five calm seconds end the limit. */
static void limit_ends_after_calm(void **state)
{
    struct overload overload;
    sr_usec now = 0;

    (void)state;
    overload_init(&overload, now);
    (void)run_window(&overload, &now, 100, 200);
    assert_true(overload.rate_max <= 0); /* one late window may be a hiccup */
    (void)run_window(&overload, &now, 100, 200);
    assert_true(overload.rate_max > 0);
    for (int i = 0; i < OVERLOAD_CALM_WINDOWS; i++)
        (void)run_window(&overload, &now, 0, 0);
    assert_true(overload.rate_max <= 0);
}

/* SIP that waits in the kernel counts as much as a late timer. */
static void backlog_limits_too(void **state)
{
    struct overload overload;

    (void)state;
    overload_init(&overload, 0);
    for (int i = 0; i < OVERLOAD_STRAINED_WINDOWS; i++)
        overload_on_window(&overload, overload_deadline(&overload), 2 * OVERLOAD_BACKLOG_BYTES);
    assert_true(overload.rate_max > 0);
}

/* However late the machine is, a few calls get in: it must be able to notice that it is better. */
static void some_calls_always_get_in(void **state)
{
    struct overload overload;
    sr_usec now = 0;
    uint32_t admitted = 0;

    (void)state;
    overload_init(&overload, now);
    for (int i = 0; i < 100; i++)
        admitted += run_window(&overload, &now, 50, 500);
    assert_true(admitted >= 100);
}

int run_overload_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calm_machine_refuses_nobody),
        cmocka_unit_test(admitted_rate_follows_what_the_machine_can_do),
        cmocka_unit_test(limit_ends_after_calm),
        cmocka_unit_test(some_calls_always_get_in),
        cmocka_unit_test(backlog_limits_too),
    };

    return cmocka_run_group_tests_name("overload", tests, NULL, NULL);
}

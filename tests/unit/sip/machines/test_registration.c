/* The client side of REGISTER: when it asks, how long it waits, when a binding is over. */
#include "sip/registration.h"

#include "machines.h"

static struct sip_registration_step run(struct sip_registration *reg, uint16_t status,
                                        uint32_t random, sr_usec now)
{
    struct sip_registration_result result = {.status = status};
    struct sip_registration_step step;

    sip_registration_on_result(reg, &result, random, now, &step);
    return step;
}

static struct sip_registration begun(uint32_t wanted_s)
{
    struct sip_registration reg;
    struct sip_registration_step step;

    sip_registration_init(&reg, wanted_s);
    assert_int_equal(sip_registration_deadline(&reg), SR_NEVER);
    sip_registration_start(&reg, 0, &step);
    assert_true(step.send);
    assert_int_equal(sip_registration_expires_s(&reg), wanted_s);
    return reg;
}

/* For every interval and chance: the refresh comes before the end, and leaves time for a second try. */
static void a_refresh_always_comes_in_time(void **state)
{
    (void)state;
    for (uint32_t seconds = 1; seconds <= SIP_REGISTRATION_SEC_MAX; seconds += 1 + seconds / 7) {
        for (uint32_t random = 0; random < 1000; random += 111) {
            struct sip_registration reg = begun(seconds);
            struct sip_registration_step step = run(&reg, 200, random, 0);
            sr_usec end = (sr_usec)seconds * SR_SEC;
            sr_usec at = sip_registration_deadline(&reg);

            assert_true(step.tell_bound && !step.send);
            assert_true(at > 0 && at < end);
            if (seconds >= 80)
                assert_true(end - at >= 40 * SR_SEC);
            sip_registration_on_deadline(&reg, at, &step);
            assert_true(step.send && !step.tell_lost);
        }
    }
}

/* 2 s, 4, 8 ... 120; each between half and all of it. */
static void waits_double_up_to_two_minutes(void **state)
{
    struct sip_registration reg = begun(300);
    struct sip_registration_step step;
    sr_usec now = 0;
    sr_usec most = 2 * SR_SEC;

    (void)state;
    for (int i = 0; i < 20; i++) {
        sr_usec wait;

        (void)run(&reg, 0, (uint32_t)i * 97, now);
        wait = sip_registration_deadline(&reg) - now;
        assert_true(wait >= most / 2 && wait <= most);
        now += wait;
        sip_registration_on_deadline(&reg, now, &step);
        assert_true(step.send);
        most = SR_MIN(most * 2, 120 * SR_SEC);
    }
    (void)run(&reg, 200, 0, now);
    assert_int_equal(reg.failures, 0);
}

static void retry_after_and_denial_wait_longer(void **state)
{
    struct sip_registration reg = begun(300);
    struct sip_registration_result busy = {.status = 503, .retry_after_s = 77};
    struct sip_registration_result denied = {.status = 403, .is_denied = true};
    struct sip_registration_step step;

    (void)state;
    sip_registration_on_result(&reg, &busy, 0, 0, &step);
    assert_int_equal(sip_registration_deadline(&reg), 77 * SR_SEC);
    reg = begun(300);
    sip_registration_on_result(&reg, &denied, 999, 0, &step);
    assert_true(sip_registration_deadline(&reg) >= 30 * SR_SEC);
}

/* Silence does not end a binding before its time; a refusal does at once. */
static void a_binding_ends_with_its_time_or_a_refusal(void **state)
{
    struct sip_registration reg = begun(60);
    struct sip_registration_result denied = {.status = 403, .is_denied = true};
    struct sip_registration_step step;
    sr_usec now;

    (void)state;
    (void)run(&reg, 200, 0, 0);
    now = sip_registration_deadline(&reg);
    sip_registration_on_deadline(&reg, now, &step);
    step = run(&reg, 0, 0, now);
    assert_true(!step.tell_lost && reg.is_bound);
    sip_registration_on_deadline(&reg, 60 * SR_SEC, &step);
    assert_true(step.tell_lost && !reg.is_bound);
    reg = begun(60);
    (void)run(&reg, 200, 0, 0);
    sip_registration_renew(&reg, SR_SEC, &step);
    assert_true(step.send);
    sip_registration_on_result(&reg, &denied, 0, SR_SEC, &step);
    assert_true(step.tell_lost);
}

static void an_interval_too_brief_is_raised_once(void **state)
{
    struct sip_registration reg = begun(60);
    struct sip_registration_result brief = {.status = 423, .min_expires_s = 600};
    struct sip_registration_step step;

    (void)state;
    sip_registration_on_result(&reg, &brief, 0, 0, &step);
    assert_true(step.send);
    assert_int_equal(sip_registration_expires_s(&reg), 600);
    brief.min_expires_s = 1200; /* a registrar that never has enough */
    sip_registration_on_result(&reg, &brief, 0, 0, &step);
    assert_true(!step.send);
    assert_int_equal(reg.state, SIP_REGISTRATION_WAITING);
}

static void leaving_ends_with_the_answer_or_soon(void **state)
{
    struct sip_registration reg = begun(300);
    struct sip_registration_step step;

    (void)state;
    (void)run(&reg, 200, 0, 0);
    sip_registration_stop(&reg, SR_SEC, &step);
    assert_true(step.send);
    assert_int_equal(sip_registration_expires_s(&reg), 0);
    step = run(&reg, 200, 0, SR_SEC);
    assert_true(step.tell_lost);
    assert_int_equal(reg.state, SIP_REGISTRATION_OFF);
    reg = begun(300);
    (void)run(&reg, 200, 0, 0);
    sip_registration_stop(&reg, SR_SEC, &step);
    sip_registration_on_deadline(&reg, sip_registration_deadline(&reg), &step);
    assert_int_equal(reg.state, SIP_REGISTRATION_OFF);
    reg = begun(300);
    (void)run(&reg, 0, 0, 0);
    sip_registration_stop(&reg, SR_SEC, &step); /* never bound: nothing to take back */
    assert_true(!step.send);
    assert_int_equal(sip_registration_deadline(&reg), SR_NEVER);
}

int run_registration_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refresh_always_comes_in_time),
        cmocka_unit_test(waits_double_up_to_two_minutes),
        cmocka_unit_test(retry_after_and_denial_wait_longer),
        cmocka_unit_test(a_binding_ends_with_its_time_or_a_refusal),
        cmocka_unit_test(an_interval_too_brief_is_raised_once),
        cmocka_unit_test(leaving_ends_with_the_answer_or_soon),
    };

    return cmocka_run_group_tests_name("registration", tests, NULL, NULL);
}

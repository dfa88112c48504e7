/* Session timers, reliable provisional responses and the repeated 2xx, in virtual time. */
#include "sip/rel.h"
#include "sip/session_timer.h"

#include "machines.h"

static void refresher_refreshes_at_half_and_expires_a_third_early(void **state)
{
    (void)state;
    struct sip_session_timer timer;
    sip_session_timer_init(&timer);
    assert_int_equal(sip_session_timer_deadline(&timer), SR_NEVER);
    sip_session_timer_start(&timer, 1800, true, 10 * SR_SEC);
    assert_int_equal(sip_session_timer_deadline(&timer), 910 * SR_SEC);
    assert_int_equal(sip_session_timer_on_deadline(&timer, 910 * SR_SEC - 1),
                     SIP_SESSION_DO_NOTHING);
    assert_int_equal(sip_session_timer_on_deadline(&timer, 910 * SR_SEC), SIP_SESSION_DO_REFRESH);
    assert_int_equal(sip_session_timer_deadline(&timer), (10 + 1800 - 32) * SR_SEC);
    sip_session_timer_retry(&timer, 912 * SR_SEC);
    assert_int_equal(sip_session_timer_on_deadline(&timer, 912 * SR_SEC), SIP_SESSION_DO_REFRESH);
    assert_int_equal(sip_session_timer_on_deadline(&timer, 1778 * SR_SEC), SIP_SESSION_DO_EXPIRE);
    assert_int_equal(sip_session_timer_deadline(&timer), SR_NEVER);
}

static void other_side_only_expires(void **state)
{
    (void)state;
    struct sip_session_timer timer;
    sip_session_timer_start(&timer, 90, false, 0);
    assert_int_equal(sip_session_timer_deadline(&timer), 60 * SR_SEC); /* 90 - 90/3 */
    assert_int_equal(sip_session_timer_on_deadline(&timer, 60 * SR_SEC), SIP_SESSION_DO_EXPIRE);
}

static void answer_follows_the_request(void **state)
{
    (void)state;
    static const struct {
        struct sip_session_said request;
        bool is_too_small;
        uint32_t interval_s;
        enum sip_refresher refresher;
        bool is_required;
    } rows[] = {
        {{false, 0, SIP_REFRESHER_NONE, 0, false}, false, 600, SIP_REFRESHER_UAS, false},
        {{false, 0, SIP_REFRESHER_NONE, 900, true}, false, 900, SIP_REFRESHER_UAS, false},
        {{true, 300, SIP_REFRESHER_NONE, 0, true}, false, 300, SIP_REFRESHER_UAS, false},
        {{true, 1800, SIP_REFRESHER_UAC, 0, true}, false, 600, SIP_REFRESHER_UAC, true},
        {{true, 1800, SIP_REFRESHER_UAC, 1200, true}, false, 1200, SIP_REFRESHER_UAC, true},
        {{true, 1800, SIP_REFRESHER_UAC, 0, false}, false, 600, SIP_REFRESHER_UAS, false},
        {{true, 60, SIP_REFRESHER_UAC, 0, true}, true, 0, SIP_REFRESHER_NONE, false},
        {{true, 60, SIP_REFRESHER_NONE, 0, false}, false, 90, SIP_REFRESHER_UAS, false},
    };
    const struct sip_session_options options = {.interval_s = 600, .min_s = 120};
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sip_session_answer answer;
        sip_session_answer(&options, &rows[i].request, &answer);
        assert_int_equal(answer.is_too_small, rows[i].is_too_small);
        assert_int_equal(answer.min_s, 120);
        if (answer.is_too_small)
            continue;
        assert_int_equal(answer.interval_s, rows[i].interval_s);
        assert_int_equal(answer.refresher, rows[i].refresher);
        assert_int_equal(answer.is_required, rows[i].is_required);
    }
    assert_int_equal(sip_session_ask(&options, 1000), 1000); /* after a 422 */
    assert_int_equal(sip_session_ask(&options, 0), 600);
}

static void response_without_session_expires_stops_the_timer(void **state)
{
    (void)state;
    struct sip_session_timer timer;
    struct sip_session_said said = {true, 600, SIP_REFRESHER_UAC, 0, true};
    sip_session_timer_init(&timer);
    sip_session_timer_on_2xx(&timer, &said, 0);
    assert_int_equal(sip_session_timer_deadline(&timer), 300 * SR_SEC);
    said.refresher = SIP_REFRESHER_UAS;
    sip_session_timer_on_2xx(&timer, &said, 0);
    assert_int_equal(sip_session_timer_deadline(&timer), 568 * SR_SEC);
    said.interval_s = 1; /* nobody makes us send a refresh every half second */
    said.refresher = SIP_REFRESHER_UAC;
    sip_session_timer_on_2xx(&timer, &said, 0);
    assert_int_equal(sip_session_timer_deadline(&timer), 45 * SR_SEC);
    said.has_interval = false;
    sip_session_timer_on_2xx(&timer, &said, 0);
    assert_int_equal(sip_session_timer_deadline(&timer), SR_NEVER);
}

static void unacknowledged_1xx_doubles_and_gives_up_after_64_t1(void **state)
{
    (void)state;
    static const sr_usec expected[] = {500, 1500, 3500, 7500, 15500, 31500};
    struct sip_rel rel;
    uint32_t rseq;
    sip_rel_init(&rel, 7, 1000, 0);
    assert_int_equal(sip_rel_send(&rel, 0, &rseq), SR_OK);
    assert_int_equal(rseq, 1000);
    assert_int_equal(sip_rel_send(&rel, 0, &rseq), SR_ERR_STATE);
    for (size_t i = 0; i < SR_ARRAY_LEN(expected); i++) {
        assert_int_equal(sip_rel_deadline(&rel), expected[i] * SR_MSEC);
        assert_int_equal(sip_rel_on_deadline(&rel, expected[i] * SR_MSEC - 1), SIP_REL_DO_NOTHING);
        assert_int_equal(sip_rel_on_deadline(&rel, expected[i] * SR_MSEC), SIP_REL_DO_SEND);
    }
    assert_int_equal(sip_rel_deadline(&rel), 32 * SR_SEC);
    assert_int_equal(sip_rel_on_deadline(&rel, 32 * SR_SEC), SIP_REL_DO_GIVE_UP);
    assert_int_equal(sip_rel_deadline(&rel), SR_NEVER);
}

static void prack_must_name_the_pending_response(void **state)
{
    (void)state;
    struct sip_rel rel;
    uint32_t rseq;
    struct sip_rack rack = {.rseq = 1000, .cseq = {.number = 7, .method = SIP_METHOD_INVITE}};
    sip_rel_init(&rel, 7, 1000, 0);
    assert_int_equal(sip_rel_on_prack(&rel, &rack), SR_ERR_NOTFOUND);
    assert_int_equal(sip_rel_send(&rel, 0, &rseq), SR_OK);
    rack.rseq = 999;
    assert_int_equal(sip_rel_on_prack(&rel, &rack), SR_ERR_NOTFOUND);
    rack.rseq = 1000;
    rack.cseq.number = 8;
    assert_int_equal(sip_rel_on_prack(&rel, &rack), SR_ERR_NOTFOUND);
    rack.cseq.number = 7;
    assert_int_equal(sip_rel_on_prack(&rel, &rack), SR_OK);
    assert_int_equal(sip_rel_on_prack(&rel, &rack), SR_ERR_NOTFOUND);
    assert_int_equal(sip_rel_send(&rel, SR_SEC, &rseq), SR_OK);
    assert_int_equal(rseq, 1001);
}

static void caller_takes_reliable_responses_in_order(void **state)
{
    (void)state;
    struct sip_rel_seen seen = {0};
    assert_int_equal(sip_rel_order(&seen, 500), SIP_REL_NEW);
    assert_int_equal(sip_rel_order(&seen, 500), SIP_REL_AGAIN);
    assert_int_equal(sip_rel_order(&seen, 502), SIP_REL_TOO_NEW);
    assert_int_equal(sip_rel_order(&seen, 501), SIP_REL_NEW);
    assert_int_equal(sip_rel_order(&seen, 502), SIP_REL_NEW);
    assert_int_equal(sip_rel_order(&seen, 3), SIP_REL_AGAIN);
}

static void unacknowledged_2xx_repeats_up_to_t2_then_bye(void **state)
{
    (void)state;
    static const sr_usec expected[] = {500,   1500,  3500,  7500,  11500,
                                       15500, 19500, 23500, 27500, 31500};
    struct sip_retry2xx retry;
    sip_retry2xx_start(&retry, 0, 0, 0);
    for (size_t i = 0; i < SR_ARRAY_LEN(expected); i++) {
        assert_int_equal(sip_retry2xx_deadline(&retry), expected[i] * SR_MSEC);
        assert_int_equal(sip_retry2xx_on_deadline(&retry, expected[i] * SR_MSEC), SIP_REL_DO_SEND);
    }
    assert_int_equal(sip_retry2xx_on_deadline(&retry, 32 * SR_SEC), SIP_REL_DO_GIVE_UP);
    assert_int_equal(sip_retry2xx_deadline(&retry), SR_NEVER);
    sip_retry2xx_start(&retry, 0, 0, 0);
    sip_retry2xx_stop(&retry);
    assert_int_equal(sip_retry2xx_deadline(&retry), SR_NEVER);
}

int run_timer_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refresher_refreshes_at_half_and_expires_a_third_early),
        cmocka_unit_test(other_side_only_expires),
        cmocka_unit_test(answer_follows_the_request),
        cmocka_unit_test(response_without_session_expires_stops_the_timer),
        cmocka_unit_test(unacknowledged_1xx_doubles_and_gives_up_after_64_t1),
        cmocka_unit_test(prack_must_name_the_pending_response),
        cmocka_unit_test(caller_takes_reliable_responses_in_order),
        cmocka_unit_test(unacknowledged_2xx_repeats_up_to_t2_then_bye),
    };
    return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}

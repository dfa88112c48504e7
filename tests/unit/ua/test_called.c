/* INVITEs from phones. */
#include <stdio.h>

#include "rig.h"

struct world {
    struct rig rig;
    struct phone a;
};

static void begin(struct world *w)
{
    rig_init(&w->rig, rig_seed);
    phone_init(&w->a, &w->rig, "10.0.0.2:5060", NET_UDP, "201", "secret1");
}

static struct world *world(void)
{
    static struct world w;

    return &w;
}

#define WORLD                                                                                      \
    struct world *w = world();                                                                     \
    struct rig *rig = &w->rig;                                                                     \
    struct phone *a = &w->a;                                                                       \
    (void)state;                                                                                   \
    begin(w)

static void end_world(struct world *w)
{
    phone_done(&w->a);
    rig_done(&w->rig);
}

/* A basic call: 401, 100, 180, 200, ACK, BYE from the phone. */
static void call_is_answered_and_ended_by_the_phone(void **state)
{
    const char *ok;

    WORLD;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    assert_non_null(rig->leg);
    assert_string_equal(rig->dialled, "202");
    assert_string_equal(rig->from_device, "desk");
    assert_string_equal(rig->offer, SDP_A);
    sip_leg_progress(rig->leg, 180, SR_STR(""));
    assert_non_null(strstr(header(phone_wait(a, "SIP/2.0 180"), "Contact"), "sip:10.0.0.1:5060"));
    sip_leg_answer(rig->leg, SR_STR(SDP_B));
    ok = phone_wait(a, "SIP/2.0 200");
    assert_string_equal(body(ok), SDP_B);
    phone_ack(a, ok, NULL);
    assert_int_equal(rig_event(rig, SIP_LEG_ACKED)->event.sdp.n, 0);
    assert_true(sip_leg_is_answered(rig->leg));
    phone_request(a, &(struct request){.method = "BYE",
                                       .is_in_dialog = true,
                                       .extra = "Reason: Q.850;cause=16;text=\"done\"\r\n"});
    (void)phone_wait(a, "SIP/2.0 200");
    {
        struct rig_event *event = rig_event(rig, SIP_LEG_ENDED);

        assert_int_equal(event->event.cause, SIP_LEG_CAUSE_BYE);
        assert_int_equal(event->event.q850, 16);
        assert_string_equal(event->reason, "done");
    }
    assert_int_equal(rig->traces, 7); /* INVITE 100 180 200 ACK BYE 200 */
    end_world(w);
}

/* 2xx: repeated at T1 doubling to T2; without ACK BYE after 64*T1, told as TIMEOUT. */
static void lost_ack_ends_with_bye_after_64_t1(void **state)
{
    sr_usec start;
    const char *bye;

    WORLD;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    sip_leg_answer(rig->leg, SR_STR(SDP_B));
    start = loop_now(rig->loop);
    rig_run(rig, 31900 * SR_MSEC);
    /* 0 .5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5 */
    assert_int_equal(phone_count(a, "SIP/2.0 200"), 11);
    {
        struct rig_event *event = rig_event(rig, SIP_LEG_ENDED);

        assert_int_equal(event->event.cause, SIP_LEG_CAUSE_TIMEOUT);
        assert_int_equal(event->event.status, 408);
        assert_int_equal(event->at - start, 32 * SR_SEC);
    }
    bye = phone_wait(a, "BYE ");
    phone_reply(a, bye, "200 OK", NULL, NULL, NULL);
    end_world(w);
}

/* CANCEL: 200 for it, 487 for the INVITE, repeated at timer G until its ACK. */
static void cancelled_call_gets_487(void **state)
{
    char branch[64];

    WORLD;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    sip_leg_progress(rig->leg, 180, SR_STR(""));
    (void)snprintf(branch, sizeof(branch), "z9hG4bK%s%u", a->user, a->branch);
    phone_request(a, &(struct request){.method = "CANCEL",
                                       .uri = "sip:202@10.0.0.1",
                                       .to = "202",
                                       .branch = branch,
                                       .cseq = a->cseq});
    (void)phone_wait(a, "SIP/2.0 200");
    (void)phone_wait(a, "SIP/2.0 487");
    assert_int_equal(rig_event(rig, SIP_LEG_ENDED)->event.cause, SIP_LEG_CAUSE_CANCEL);
    rig_run(rig, 3600 * SR_MSEC);
    assert_int_equal(phone_count(a, "SIP/2.0 487"), 3); /* .5 1.5 3.5 */
    end_world(w);
}

/* The 200 was out when the CANCEL came: the call stands. */
static void cancel_after_200_changes_nothing(void **state)
{
    const char *ok;
    char branch[64];

    WORLD;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    (void)snprintf(branch, sizeof(branch), "z9hG4bK%s%u", a->user, a->branch);
    sip_leg_answer(rig->leg, SR_STR(SDP_B));
    phone_request(a, &(struct request){.method = "CANCEL",
                                       .uri = "sip:202@10.0.0.1",
                                       .to = "202",
                                       .branch = branch,
                                       .cseq = a->cseq});
    ok = phone_wait(a, "SIP/2.0 200");
    assert_non_null(strstr(header(ok, "CSeq"), "INVITE"));
    assert_non_null(strstr(header(phone_wait(a, "SIP/2.0 200"), "CSeq"), "CANCEL"));
    ok = a->inbox[(a->read - 2) % PHONE_INBOX];
    phone_ack(a, ok, NULL);
    (void)rig_event(rig, SIP_LEG_ACKED);
    sip_leg_hangup(rig->leg, 0, SR_STR(""));
    phone_reply(a, phone_wait(a, "BYE "), "200 OK", NULL, NULL, NULL);
    rig_quiet(rig);
    end_world(w);
}

/* We may not send BYE before the ACK (15): the hang-up waits for it. */
static void hangup_before_ack_waits_for_it(void **state)
{
    const char *ok;

    WORLD;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    sip_leg_answer(rig->leg, SR_STR(SDP_B));
    sip_leg_hangup(rig->leg, 0, SR_STR(""));
    assert_int_equal(rig_stats(rig).legs, 0);
    assert_int_equal(rig_stats(rig).legs_closing, 1);
    rig_run(rig, SR_SEC);
    assert_int_equal(phone_count(a, "BYE "), 0);
    ok = phone_wait(a, "SIP/2.0 200");
    phone_ack(a, ok, NULL);
    phone_reply(a, phone_wait(a, "BYE "), "200 OK", NULL, NULL, NULL);
    rig_run(rig, SR_SEC);
    assert_int_equal(rig_stats(rig).legs_closing, 0);
    rig_quiet(rig);
    end_world(w);
}

/* The same INVITE again brings the last response again and no second call. */
static void repeated_invite_is_absorbed(void **state)
{
    WORLD;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    phone_raw(a, a->invite, strlen(a->invite));
    (void)phone_wait(a, "SIP/2.0 100");
    sip_leg_progress(rig->leg, 180, SR_STR(""));
    (void)phone_wait(a, "SIP/2.0 180");
    phone_raw(a, a->invite, strlen(a->invite));
    (void)phone_wait(a, "SIP/2.0 180");
    assert_int_equal(rig->invites, 1);
    sip_leg_reject(rig->leg, 486, SR_STR("Busy"), 0);
    assert_true(begins(phone_wait(a, "SIP/2.0 4"), "SIP/2.0 486 Busy"));
    phone_raw(a, a->invite, strlen(a->invite));
    (void)phone_wait(a, "SIP/2.0 486");
    assert_int_equal(rig->invites, 1);
    end_world(w);
}

/* Two INVITEs that are one but for their branch: the second gets 482 (8.2.2.2). */
static void merged_invite_gets_482(void **state)
{
    WORLD;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    phone_request(a, &(struct request){.method = "INVITE",
                                       .uri = "sip:202@10.0.0.1",
                                       .to = "202",
                                       .cseq = a->cseq,
                                       .is_authorized = true});
    (void)phone_wait(a, "SIP/2.0 482");
    assert_int_equal(rig_stats(rig).merged, 1);
    assert_int_equal(rig->invites, 1);
    sip_leg_hangup(rig->leg, 0, SR_STR(""));
    end_world(w);
}

/* Without SDP in the INVITE our offer goes in the 200 and the answer comes in the ACK. */
static void offerless_invite_is_answered_in_the_ack(void **state)
{
    const char *ok;

    WORLD;
    phone_invite(a, "202", NULL, NULL);
    (void)phone_wait(a, "SIP/2.0 100");
    assert_string_equal(rig->offer, "");
    sip_leg_progress(rig->leg, 183, SR_STR(SDP_B)); /* unreliable: no place for an offer */
    assert_string_equal(body(phone_wait(a, "SIP/2.0 183")), "");
    sip_leg_answer(rig->leg, SR_STR(SDP_B));
    ok = phone_wait(a, "SIP/2.0 200");
    assert_string_equal(body(ok), SDP_B);
    phone_ack(a, ok, SDP_A);
    assert_string_equal(rig_event(rig, SIP_LEG_ACKED)->sdp, SDP_A);
    sip_leg_hangup(rig->leg, 0, SR_STR(""));
    phone_reply(a, phone_wait(a, "BYE "), "200 OK", NULL, NULL, NULL);
    end_world(w);
}

/* 100rel: early media goes out reliably, repeated until PRACK; the 200 waits for it and has no SDP. */
static void early_media_is_reliable_when_the_caller_can(void **state)
{
    const char *early;
    const char *ok;
    char extra[128];

    WORLD;
    phone_invite(a, "202", "Supported: 100rel\r\n", SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    sip_leg_progress(rig->leg, 183, SR_STR(SDP_B));
    early = phone_wait(a, "SIP/2.0 183");
    assert_string_equal(header(early, "Require"), "100rel");
    assert_string_equal(body(early), SDP_B);
    sip_leg_answer(rig->leg, SR_STR(SDP_B));
    rig_run(rig, 1600 * SR_MSEC);
    assert_int_equal(phone_count(a, "SIP/2.0 183"), 2); /* .5 1.5 */
    assert_int_equal(phone_count(a, "SIP/2.0 200"), 0);
    (void)sr_str_copy(sr_str_c(strstr(header(early, "To"), ";tag=") + 5), a->to_tag,
                      sizeof(a->to_tag));
    (void)snprintf(a->target, sizeof(a->target), "sip:10.0.0.1:5060");
    (void)snprintf(extra, sizeof(extra), "RAck: %s %s\r\n", header(early, "RSeq"),
                   header(early, "CSeq"));
    phone_request(a, &(struct request){.method = "PRACK", .is_in_dialog = true, .extra = extra});
    assert_non_null(strstr(header(phone_wait(a, "SIP/2.0 200"), "CSeq"), "PRACK"));
    ok = phone_wait(a, "SIP/2.0 200");
    assert_non_null(strstr(header(ok, "CSeq"), "INVITE"));
    assert_string_equal(body(ok), "");
    phone_ack(a, ok, NULL);
    (void)rig_event(rig, SIP_LEG_ACKED);
    phone_request(a, &(struct request){.method = "PRACK", .is_in_dialog = true, .extra = extra});
    (void)phone_wait(a, "SIP/2.0 481");
    sip_leg_hangup(rig->leg, 0, SR_STR(""));
    phone_reply(a, phone_wait(a, "BYE "), "200 OK", NULL, NULL, NULL);
    end_world(w);
}

/* Nobody acknowledges the reliable response: refused with 5xx after 64*T1. */
static void unacknowledged_early_media_is_given_up(void **state)
{
    WORLD;
    phone_invite(a, "202", "Require: 100rel\r\n", SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    sip_leg_progress(rig->leg, 180, SR_STR(""));
    assert_string_equal(header(phone_wait(a, "SIP/2.0 180"), "Require"), "100rel");
    assert_int_equal(rig_event(rig, SIP_LEG_ENDED)->event.cause, SIP_LEG_CAUSE_TIMEOUT);
    (void)phone_wait(a, "SIP/2.0 504");
    end_world(w);
}

/* Offerless with 100rel: offer in the reliable response, answer in PRACK. */
static void offer_in_a_reliable_response_is_answered_in_prack(void **state)
{
    const char *early;
    const char *ok;
    char extra[128];

    WORLD;
    phone_invite(a, "202", "Supported: 100rel\r\n", NULL);
    (void)phone_wait(a, "SIP/2.0 100");
    sip_leg_progress(rig->leg, 183, SR_STR(SDP_B));
    early = phone_wait(a, "SIP/2.0 183");
    assert_string_equal(body(early), SDP_B);
    (void)sr_str_copy(sr_str_c(strstr(header(early, "To"), ";tag=") + 5), a->to_tag,
                      sizeof(a->to_tag));
    (void)snprintf(a->target, sizeof(a->target), "sip:10.0.0.1:5060");
    (void)snprintf(extra, sizeof(extra), "RAck: %s %s\r\n", header(early, "RSeq"),
                   header(early, "CSeq"));
    phone_request(a, &(struct request){
                         .method = "PRACK", .is_in_dialog = true, .extra = extra, .body = SDP_A});
    (void)phone_wait(a, "SIP/2.0 200");
    assert_string_equal(rig_event(rig, SIP_LEG_ANSWER)->sdp, SDP_A);
    sip_leg_answer(rig->leg, SR_STR(SDP_B));
    ok = phone_wait(a, "SIP/2.0 200");
    assert_string_equal(body(ok), "");
    phone_ack(a, ok, NULL);
    (void)rig_event(rig, SIP_LEG_ACKED);
    ua_hangup_all(rig->ua, 503, SR_STR("bye"));
    (void)rig_event(rig, SIP_LEG_ENDED);
    assert_non_null(strstr(header(phone_wait(a, "BYE "), "Reason"), "cause=503"));
    end_world(w);
}

static void leg_nobody_takes_is_refused(void **state)
{
    WORLD;
    rig->is_untaken = true;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 500");
    rig->is_untaken = false;
    rig->reject_with = 404;
    a->cseq += 10;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 404");
    end_world(w);
}

static void overload_is_said_before_authentication(void **state)
{
    const char *text;

    WORLD;
    rig->is_busy = true;
    phone_request(a, &(struct request){.method = "INVITE", .uri = "sip:202@10.0.0.1"});
    text = phone_wait(a, "SIP/2.0 ");
    assert_true(begins(text, "SIP/2.0 503"));
    assert_string_equal(header(text, "Retry-After"), "7");
    assert_int_equal(rig_stats(rig).refused_overload, 1);
    end_world(w);
}

int run_called_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_is_answered_and_ended_by_the_phone),
        cmocka_unit_test(lost_ack_ends_with_bye_after_64_t1),
        cmocka_unit_test(cancelled_call_gets_487),
        cmocka_unit_test(cancel_after_200_changes_nothing),
        cmocka_unit_test(hangup_before_ack_waits_for_it),
        cmocka_unit_test(repeated_invite_is_absorbed),
        cmocka_unit_test(merged_invite_gets_482),
        cmocka_unit_test(offerless_invite_is_answered_in_the_ack),
        cmocka_unit_test(early_media_is_reliable_when_the_caller_can),
        cmocka_unit_test(unacknowledged_early_media_is_given_up),
        cmocka_unit_test(offer_in_a_reliable_response_is_answered_in_prack),
        cmocka_unit_test(leg_nobody_takes_is_refused),
        cmocka_unit_test(overload_is_said_before_authentication),
    };

    return cmocka_run_group_tests_name("called side", tests, NULL, NULL);
}

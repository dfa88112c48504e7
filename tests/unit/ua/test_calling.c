/* INVITEs to phones. */
#include "world.h"

static void call_is_answered_and_hung_up(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    const char *ack;

    WORLD;
    invite = world_call(w, &leg);
    assert_non_null(strstr(header(invite, "From"), "\"Desk \\\"one\\\"\" <sip:201@10.0.0.1>"));
    assert_non_null(strstr(header(invite, "To"), "<sip:202@10.0.0.1>"));
    assert_string_equal(header(invite, "Contact"), "<sip:10.0.0.1:5060>");
    assert_non_null(strstr(header(invite, "Supported"), "timer"));
    assert_string_equal(body(invite), SDP_B);
    phone_reply(b, invite, "180 Ringing", "btag", NULL, NULL);
    assert_int_equal(rig_event(rig, SIP_LEG_PROGRESS)->event.status, 180);
    phone_reply(b, invite, "200 OK", "btag", NULL, SDP_A);
    ack = phone_wait(b, "ACK ");
    assert_true(begins(ack, "ACK sip:202@10.0.0.3:5070 "));
    assert_string_equal(rig_event(rig, SIP_LEG_ANSWERED)->sdp, SDP_A);
    /* the 200 again: its ACK was lost */
    phone_reply(b, b->inbox[0], "200 OK", "btag", NULL, SDP_A); /* not to an INVITE: stray */
    phone_reply(b, invite, "200 OK", "btag", NULL, SDP_A);
    (void)phone_wait(b, "ACK ");
    rig_quiet(rig);
    sip_leg_hangup(leg, 486, SR_STR("Busy \"now\""));
    {
        const char *bye = phone_wait(b, "BYE ");

        assert_string_equal(header(bye, "Reason"), "SIP;cause=486;text=\"Busy \\\"now\\\"\"");
        phone_reply(b, bye, "200 OK", NULL, NULL, NULL);
    }
    world_end(w);
}

/* Timer A and B: sends at 0 .5 1.5 3.5 7.5 15.5 31.5 s, given up at 32 s. */
static void silent_phone_gets_seven_invites(void **state)
{
    struct sip_leg *leg;
    struct rig_event *event;
    sr_usec start;

    WORLD;
    (void)world_call(w, &leg);
    start = loop_now(rig->loop) - SR_MSEC;
    event = rig_event(rig, SIP_LEG_ENDED);
    assert_int_equal(event->event.cause, SIP_LEG_CAUSE_TIMEOUT);
    assert_int_equal(event->event.status, 408);
    assert_int_equal(event->at - start, 32 * SR_SEC);
    assert_int_equal(phone_count(b, "INVITE "), 6);
    world_end(w);
}

static void refusal_is_acked_and_told(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    struct rig_event *event;

    WORLD;
    invite = world_call(w, &leg);
    phone_reply(b, invite, "486 Busy Here", "btag",
                "Retry-After: 20\r\nReason: Q.850;cause=17;text=\"User busy\"\r\n", NULL);
    (void)phone_wait(b, "ACK ");
    event = rig_event(rig, SIP_LEG_ENDED);
    assert_int_equal(event->event.cause, SIP_LEG_CAUSE_REFUSED);
    assert_int_equal(event->event.status, 486);
    assert_int_equal(event->event.q850, 17);
    assert_int_equal(event->event.retry_after_sec, 20);
    assert_string_equal(event->reason, "User busy");
    phone_reply(b, invite, "486 Busy Here", "btag", NULL, NULL);
    (void)phone_wait(b, "ACK "); /* timer D */
    world_end(w);
}

/* A phone is not to challenge us: its 401 is a refusal. */
static void challenge_of_a_phone_is_a_refusal(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    WORLD;
    invite = world_call(w, &leg);
    phone_reply(b, invite, "401 Unauthorized", "btag",
                "WWW-Authenticate: Digest realm=\"home\", nonce=\"x\"\r\n", NULL);
    assert_int_equal(rig_event(rig, SIP_LEG_ENDED)->event.status, 401);
    assert_int_equal(phone_count(b, "INVITE "), 0);
    world_end(w);
}

/* CANCEL waits for the first provisional response. */
static void cancel_waits_for_a_provisional(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    const char *cancel;

    WORLD;
    invite = world_call(w, &leg);
    sip_leg_hangup(leg, 200, SR_STR("Call completed elsewhere"));
    rig_run(rig, 300 * SR_MSEC);
    assert_int_equal(phone_count(b, "CANCEL "), 0);
    phone_reply(b, invite, "180 Ringing", "btag", NULL, NULL);
    cancel = phone_wait(b, "CANCEL ");
    assert_string_equal(header(cancel, "Reason"),
                        "SIP;cause=200;text=\"Call completed elsewhere\"");
    assert_string_equal(header(cancel, "Via"), header(invite, "Via"));
    phone_reply(b, cancel, "200 OK", "btag", NULL, NULL);
    phone_reply(b, invite, "487 Request Terminated", "btag", NULL, NULL);
    (void)phone_wait(b, "ACK ");
    rig_quiet(rig);
    world_end(w);
}

/* The phone picked up in the moment of our CANCEL: ACK and BYE. */
static void late_200_is_acked_and_hung_up(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    WORLD;
    invite = world_call(w, &leg);
    phone_reply(b, invite, "180 Ringing", "btag", NULL, NULL);
    (void)rig_event(rig, SIP_LEG_PROGRESS);
    sip_leg_hangup(leg, 0, SR_STR(""));
    phone_reply(b, phone_wait(b, "CANCEL "), "200 OK", "btag", NULL, NULL);
    phone_reply(b, invite, "200 OK", "btag", NULL, SDP_A);
    (void)phone_wait(b, "ACK ");
    phone_reply(b, phone_wait(b, "BYE "), "200 OK", NULL, NULL, NULL);
    phone_reply(b, invite, "200 OK", "btag", NULL, SDP_A);
    (void)phone_wait(b, "ACK ");
    rig_run(rig, SR_SEC);
    assert_int_equal(phone_count(b, "BYE "), 0);
    rig_quiet(rig);
    world_end(w);
}

/* Two branches behind a forking proxy answer: the first wins, the other gets ACK and BYE. */
static void second_branch_of_a_fork_is_hung_up(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    const char *bye;

    WORLD;
    invite = world_call(w, &leg);
    phone_reply(b, invite, "180 Ringing", "one", NULL, NULL);
    phone_reply(b, invite, "180 Ringing", "two", NULL, NULL);
    (void)rig_event(rig, SIP_LEG_PROGRESS);
    (void)rig_event(rig, SIP_LEG_PROGRESS);
    phone_reply(b, invite, "200 OK", "two", NULL, SDP_A);
    phone_reply(b, invite, "200 OK", "one", NULL, SDP_A);
    assert_string_equal(rig_event(rig, SIP_LEG_ANSWERED)->sdp, SDP_A);
    bye = phone_wait(b, "BYE ");
    assert_non_null(strstr(header(bye, "To"), "tag=one"));
    phone_reply(b, bye, "200 OK", NULL, NULL, NULL);
    rig_quiet(rig);
    assert_true(sip_leg_is_answered(leg));
    sip_leg_hangup(leg, 0, SR_STR(""));
    bye = phone_wait(b, "BYE ");
    assert_non_null(strstr(header(bye, "To"), "tag=two"));
    phone_reply(b, bye, "200 OK", NULL, NULL, NULL);
    world_end(w);
}

/* A reliable 183 is PRACKed once; its SDP is the answer, told again with a 200 that has none. */
static void reliable_progress_is_pracked(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    struct rig_event *event;

    WORLD;
    invite = world_call(w, &leg);
    phone_reply(b, invite, "183 Progress", "btag", "Require: 100rel\r\nRSeq: 5\r\n", SDP_A);
    {
        const char *prack = phone_wait(b, "PRACK ");

        assert_string_equal(header(prack, "RAck"), "5 1 INVITE");
        phone_reply(b, prack, "200 OK", NULL, NULL, NULL);
    }
    event = rig_event(rig, SIP_LEG_PROGRESS);
    assert_true(event->event.is_reliable);
    assert_string_equal(event->sdp, SDP_A);
    phone_reply(b, invite, "183 Progress", "btag", "Require: 100rel\r\nRSeq: 5\r\n", SDP_A);
    phone_reply(b, invite, "183 Progress", "btag", "Require: 100rel\r\nRSeq: 7\r\n", SDP_A);
    rig_run(rig, SR_SEC);
    assert_int_equal(phone_count(b, "PRACK "), 0);
    rig_quiet(rig);
    phone_reply(b, invite, "200 OK", "btag", NULL, NULL);
    (void)phone_wait(b, "ACK ");
    assert_string_equal(rig_event(rig, SIP_LEG_ANSWERED)->sdp, SDP_A);
    world_hangup(w, leg);
    world_end(w);
}

/* 422: once more with the interval the phone wants. */
static void too_small_interval_is_raised(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    WORLD;
    invite = world_call(w, &leg);
    phone_reply(b, invite, "422 Too Small", "btag", "Min-SE: 3600\r\n", NULL);
    (void)phone_wait(b, "ACK ");
    invite = phone_wait(b, "INVITE ");
    assert_string_equal(header(invite, "Session-Expires"), "3600");
    assert_string_equal(header(invite, "Min-SE"), "3600");
    assert_string_equal(header(invite, "CSeq"), "2 INVITE");
    assert_string_equal(body(invite), SDP_B);
    phone_reply(b, invite, "200 OK", "btag", NULL, SDP_A);
    (void)phone_wait(b, "ACK ");
    (void)rig_event(rig, SIP_LEG_ANSWERED);
    world_hangup(w, leg);
    world_end(w);
}

/* More headers are passed on than a message of ours may have: ours are all there, also when it goes out once
 * more. (Without Content-Length the body would be read as another message.) */
static void headers_passed_on_leave_room_for_ours(void **state)
{
    struct sip_leg_invite_options options = {.from_user = SR_STR("201"),
                                             .to_user = SR_STR("202"),
                                             .sdp = SR_STR(SDP_B),
                                             .call_cookie = 7,
                                             .leg_cookie = 99};
    struct ua_contact contact;
    char array[2048];
    struct sip_leg *leg;
    struct sr_buf many;
    const char *invite;

    WORLD_OVER(NET_TCP);
    assert_true(begins(phone_register(b, NULL, 600), "SIP/2.0 200"));
    assert_true(begins(phone_register(a, NULL, 600), "SIP/2.0 200"));
    sr_buf_init_fixed(&many, array, sizeof(array));
    for (unsigned i = 0; i < 245; i++)
        sr_buf_c(&many, "X-1: 1\r\n");
    phone_invite(a, "202", sr_buf_cstr(&many), SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    sip_leg_set_raw(rig->leg);
    assert_int_equal(ua_contacts(rig->ua, SR_STR("hall"), &contact, 1), 1);
    options.contact = &contact;
    options.from = rig->leg;
    options.user = rig;
    assert_int_equal(sip_leg_invite(rig->ua, &options, &leg), SR_OK);
    invite = phone_wait(b, "INVITE ");
    assert_string_equal(header(invite, "X-1"), "1");
    phone_reply(b, invite, "422 Too Small", "btag", "Min-SE: 3600\r\n", NULL);
    (void)phone_wait(b, "ACK ");
    invite = phone_wait(b, "INVITE ");
    assert_string_equal(header(invite, "Content-Type"), "application/sdp");
    (void)snprintf(array, sizeof(array), "%zu", strlen(SDP_B));
    assert_string_equal(header(invite, "Content-Length"), array);
    phone_reply(b, invite, "486 Busy Here", "btag", NULL, NULL);
    (void)phone_wait(b, "ACK ");
    sip_leg_reject(rig->leg, 486, SR_STR(""), 0);
    (void)phone_wait(a, "SIP/2.0 486");
    rig->leg = NULL;
    rig_run(rig, 40 * SR_SEC);
    world_end(w);
}

/* Their 2xx has an offer and nobody answers it: with the transaction ends the leg, which holds nothing of it any more. */
static void offer_in_a_2xx_that_nobody_answers_ends_the_leg(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    struct rig_event *event;
    sr_usec start;

    WORLD;
    assert_true(begins(phone_register(b, NULL, 600), "SIP/2.0 200"));
    leg = rig_call(rig, "hall", "");
    invite = phone_wait(b, "INVITE ");
    assert_string_equal(body(invite), "");
    phone_reply(b, invite, "200 OK", "btag", NULL, SDP_A);
    assert_string_equal(rig_event(rig, SIP_LEG_ANSWERED)->sdp, SDP_A);
    start = loop_now(rig->loop);
    phone_reply(b, invite, "200 OK", "btag", NULL, SDP_A);
    event = rig_event(rig, SIP_LEG_ENDED);
    assert_int_equal(event->event.cause, SIP_LEG_CAUSE_TIMEOUT);
    assert_in_range(event->at - start, 31 * SR_SEC, 33 * SR_SEC);
    assert_string_equal(body(phone_wait(b, "ACK ")), "");
    phone_reply(b, phone_wait(b, "BYE "), "200 OK", NULL, NULL, NULL);
    sip_leg_hangup(leg, 0, SR_STR(""));
    world_end(w);
}

/* The same of a re-INVITE without an offer. */
static void offer_that_was_asked_for_and_not_answered_ends_the_leg(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    WORLD;
    leg = world_talk(w, NULL);
    sip_leg_set_raw(leg);
    assert_int_equal(sip_leg_offer(leg, SR_STR("")), SR_OK);
    invite = phone_wait(b, "INVITE ");
    phone_reply(b, invite, "200 OK", NULL, NULL, SDP_A);
    assert_string_equal(rig_event(rig, SIP_LEG_ANSWER)->sdp, SDP_A);
    assert_int_equal(rig_event(rig, SIP_LEG_ENDED)->event.cause, SIP_LEG_CAUSE_TIMEOUT);
    (void)phone_wait(b, "ACK ");
    phone_reply(b, phone_wait(b, "BYE "), "200 OK", NULL, NULL, NULL);
    world_end(w);
}

/* Over TCP the call goes down the connection of the REGISTER; when that is cut while ringing it ends. */
static void call_over_tcp_uses_the_connection(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    WORLD_OVER(NET_TCP);
    invite = world_call(w, &leg);
    assert_true(begins(header(invite, "Via"), "SIP/2.0/TCP 10.0.0.1:5060"));
    assert_string_equal(header(invite, "Contact"), "<sip:10.0.0.1:5060;transport=tcp>");
    phone_reply(b, invite, "180 Ringing", "btag", NULL, NULL);
    (void)rig_event(rig, SIP_LEG_PROGRESS);
    sim_end_close(b->end, b->flow.conn);
    assert_int_equal(rig_event(rig, SIP_LEG_ENDED)->event.cause, SIP_LEG_CAUSE_TRANSPORT);
    assert_int_equal(rig->unregistered, 1);
    assert_string_equal(rig->registration_why, "connection closed");
    world_end(w);
}

static void call_over_tls_is_answered(void **state)
{
    struct sip_leg *leg;

    WORLD_OVER(NET_TLS);
    leg = world_talk(w, NULL);
    world_hangup(w, leg);
    world_end(w);
}

/* A BYE nobody answers: 11 sends in 32 s (timer E), then the leg is gone. */
static void lost_bye_is_repeated(void **state)
{
    struct sip_leg *leg;

    WORLD;
    leg = world_talk(w, NULL);
    sip_leg_hangup(leg, 0, SR_STR(""));
    rig_run(rig, 40 * SR_SEC);
    assert_int_equal(phone_count(b, "BYE "), 11);
    assert_int_equal(rig_stats(rig).legs_closing, 0);
    world_end(w);
}

int run_calling_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_is_answered_and_hung_up),
        cmocka_unit_test(silent_phone_gets_seven_invites),
        cmocka_unit_test(refusal_is_acked_and_told),
        cmocka_unit_test(challenge_of_a_phone_is_a_refusal),
        cmocka_unit_test(cancel_waits_for_a_provisional),
        cmocka_unit_test(late_200_is_acked_and_hung_up),
        cmocka_unit_test(second_branch_of_a_fork_is_hung_up),
        cmocka_unit_test(reliable_progress_is_pracked),
        cmocka_unit_test(too_small_interval_is_raised),
        cmocka_unit_test(offer_in_a_2xx_that_nobody_answers_ends_the_leg),
        cmocka_unit_test(offer_that_was_asked_for_and_not_answered_ends_the_leg),
        cmocka_unit_test(headers_passed_on_leave_room_for_ours),
        cmocka_unit_test(call_over_tcp_uses_the_connection),
        cmocka_unit_test(call_over_tls_is_answered),
        cmocka_unit_test(lost_bye_is_repeated),
    };

    return cmocka_run_group_tests_name("calling side", tests, NULL, NULL);
}

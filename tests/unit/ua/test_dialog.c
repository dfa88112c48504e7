/* Inside a dialog; phone b is the called party of world_talk(). */
#include "world.h"

static void hold_by_the_phone_is_an_offer(void **state)
{
    struct sip_leg *leg;
    const char *ok;

    WORLD;
    leg = world_talk(w, NULL);
    phone_request(b, &(struct request){.method = "INVITE", .is_in_dialog = true, .body = SDP_C});
    assert_string_equal(rig_event(rig, SIP_LEG_OFFER)->sdp, SDP_C);
    (void)phone_wait(b, "SIP/2.0 100");
    sip_leg_answer_offer(leg, SR_STR(SDP_B));
    ok = phone_wait(b, "SIP/2.0 200");
    assert_string_equal(body(ok), SDP_B);
    phone_ack(b, ok, NULL);
    rig_run(rig, SR_SEC);
    /* without SDP: our offer, the answer in the ACK */
    phone_request(b, &(struct request){.method = "INVITE", .is_in_dialog = true});
    assert_string_equal(rig_event(rig, SIP_LEG_OFFER)->sdp, "");
    sip_leg_answer_offer(leg, SR_STR(SDP_B));
    phone_ack(b, phone_wait(b, "SIP/2.0 200"), SDP_A);
    assert_string_equal(rig_event(rig, SIP_LEG_ANSWER)->sdp, SDP_A);
    /* refused: the old agreement stays */
    phone_request(b, &(struct request){.method = "INVITE", .is_in_dialog = true, .body = SDP_C});
    (void)rig_event(rig, SIP_LEG_OFFER);
    sip_leg_refuse_offer(leg, 488);
    (void)phone_wait(b, "SIP/2.0 488");
    world_hangup(w, leg);
    world_end(w);
}

static void update_is_an_offer_or_a_refresh(void **state)
{
    struct sip_leg *leg;
    const char *ok;

    WORLD;
    leg = world_talk(w, NULL);
    phone_request(b, &(struct request){.method = "UPDATE", .is_in_dialog = true, .body = SDP_C});
    (void)rig_event(rig, SIP_LEG_OFFER);
    sip_leg_answer_offer(leg, SR_STR(SDP_B));
    assert_string_equal(body(phone_wait(b, "SIP/2.0 200")), SDP_B);
    phone_request(b, &(struct request){.method = "UPDATE",
                                       .is_in_dialog = true,
                                       .extra = "Session-Expires: 200;refresher=uac\r\n"
                                                "Supported: timer\r\n"});
    ok = phone_wait(b, "SIP/2.0 200");
    assert_string_equal(header(ok, "Session-Expires"), "200;refresher=uac");
    rig_quiet(rig);
    /* and then it is silent: BYE at 200 - min(32, 66) s */
    assert_int_equal(rig_event(rig, SIP_LEG_ENDED)->event.cause, SIP_LEG_CAUSE_SESSION);
    (void)phone_wait(b, "BYE ");
    world_end(w);
}

static void too_short_session_gets_422(void **state)
{
    struct sip_leg *leg;

    WORLD;
    leg = world_talk(w, NULL);
    phone_request(b, &(struct request){.method = "UPDATE",
                                       .is_in_dialog = true,
                                       .extra = "Session-Expires: 30\r\nSupported: timer\r\n"});
    assert_string_equal(header(phone_wait(b, "SIP/2.0 422"), "Min-SE"), "90");
    world_hangup(w, leg);
    world_end(w);
}

/* We are the refresher: UPDATE at half of the interval when the phone knows it, else re-INVITE. */
static void session_is_refreshed_at_half_time(void **state)
{
    struct sip_leg *leg;
    const char *refresh;
    sr_usec start;

    WORLD;
    leg = world_talk(w, "Session-Expires: 100;refresher=uac\r\nRequire: timer\r\n");
    start = loop_now(rig->loop);
    refresh = phone_wait(b, "INVITE ");
    assert_true(loop_now(rig->loop) - start <= 50 * SR_SEC + 5 * SR_MSEC);
    assert_string_equal(body(refresh), SDP_B);
    phone_reply(b, refresh, "200 OK", NULL,
                "Allow: INVITE, UPDATE\r\nSession-Expires: 100;refresher=uac\r\n", SDP_A);
    (void)phone_wait(b, "ACK ");
    refresh = phone_wait(b, "UPDATE ");
    assert_string_equal(body(refresh), "");
    phone_reply(b, refresh, "491 Pending", NULL, NULL, NULL);
    refresh = phone_wait(b, "UPDATE ");
    phone_reply(b, refresh, "200 OK", NULL, "Session-Expires: 100;refresher=uac\r\n", NULL);
    rig_quiet(rig);
    refresh = phone_wait(b, "UPDATE ");
    phone_reply(b, refresh, "481 Gone", NULL, NULL, NULL);
    assert_int_equal(rig_event(rig, SIP_LEG_ENDED)->event.status, 481);
    (void)leg;
    world_end(w);
}

static void our_offer_is_answered_or_refused(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    WORLD;
    leg = world_talk(w, NULL);
    assert_int_equal(sip_leg_offer(leg, SR_STR(SDP_C)), SR_OK);
    assert_int_equal(sip_leg_offer(leg, SR_STR(SDP_C)), SR_ERR_STATE);
    invite = phone_wait(b, "INVITE ");
    assert_string_equal(body(invite), SDP_C);
    phone_reply(b, invite, "200 OK", NULL, NULL, SDP_A);
    (void)phone_wait(b, "ACK ");
    assert_string_equal(rig_event(rig, SIP_LEG_ANSWER)->sdp, SDP_A);
    assert_int_equal(sip_leg_offer(leg, SR_STR(SDP_C)), SR_OK);
    phone_reply(b, phone_wait(b, "INVITE "), "488 No", NULL, NULL, NULL);
    (void)phone_wait(b, "ACK ");
    assert_int_equal(rig_event(rig, SIP_LEG_ANSWER)->event.status, 488);
    assert_true(sip_leg_is_answered(leg));
    world_hangup(w, leg);
    world_end(w);
}

/* Both offer at once: both refuse with 491; we, who own the Call-ID, try again after 2.1..4 s. */
static void glare_is_refused_and_tried_again(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    sr_usec start;
    sr_usec waited;

    WORLD;
    leg = world_talk(w, NULL);
    assert_int_equal(sip_leg_offer(leg, SR_STR(SDP_C)), SR_OK);
    invite = phone_wait(b, "INVITE ");
    phone_request(b, &(struct request){.method = "INVITE", .is_in_dialog = true, .body = SDP_A});
    (void)phone_wait(b, "SIP/2.0 491");
    phone_reply(b, invite, "491 Request Pending", NULL, NULL, NULL);
    (void)phone_wait(b, "ACK ");
    start = loop_now(rig->loop);
    invite = phone_wait(b, "INVITE ");
    waited = loop_now(rig->loop) - start;
    assert_true(waited >= 2100 * SR_MSEC - 2 * SR_MSEC && waited <= 4000 * SR_MSEC + 2 * SR_MSEC);
    assert_string_equal(body(invite), SDP_C);
    phone_reply(b, invite, "491 Request Pending", NULL, NULL, NULL);
    (void)phone_wait(b, "ACK ");
    /* the phone is faster now: ours is given back */
    phone_request(b, &(struct request){.method = "INVITE", .is_in_dialog = true, .body = SDP_A});
    assert_int_equal(rig_event(rig, SIP_LEG_ANSWER)->event.status, 491);
    (void)rig_event(rig, SIP_LEG_OFFER);
    sip_leg_answer_offer(leg, SR_STR(SDP_B));
    phone_ack(b, phone_wait(b, "SIP/2.0 200"), NULL);
    world_hangup(w, leg);
    world_end(w);
}

/* An offer before the ACK of our 2xx waits for it. */
static void offer_waits_for_the_ack(void **state)
{
    const char *ok;

    WORLD;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    sip_leg_answer(rig->leg, SR_STR(SDP_B));
    assert_int_equal(sip_leg_offer(rig->leg, SR_STR(SDP_C)), SR_OK);
    ok = phone_wait(a, "SIP/2.0 200");
    assert_int_equal(phone_count(a, "INVITE "), 0);
    phone_ack(a, ok, NULL);
    (void)rig_event(rig, SIP_LEG_ACKED);
    phone_reply(a, phone_wait(a, "INVITE "), "200 OK", NULL, NULL, SDP_A);
    (void)phone_wait(a, "ACK ");
    (void)rig_event(rig, SIP_LEG_ANSWER);
    sip_leg_hangup(rig->leg, 0, SR_STR(""));
    (void)phone_wait(a, "BYE ");
    world_end(w);
}

/* A question without an offer, passed on before that ACK, would make us deaf for it. */
static void passed_on_question_does_not_hide_the_ack(void **state)
{
    const char *ok;

    WORLD;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    sip_leg_set_raw(rig->leg);
    sip_leg_answer(rig->leg, SR_STR(SDP_B));
    ok = phone_wait(a, "SIP/2.0 200");
    assert_int_equal(sip_leg_offer(rig->leg, SR_STR("")), SR_ERR_STATE);
    phone_ack(a, ok, NULL);
    (void)rig_event(rig, SIP_LEG_ACKED);
    assert_int_equal(sip_leg_offer(rig->leg, SR_STR("")), SR_OK);
    phone_reply(a, phone_wait(a, "INVITE "), "488 No", NULL, NULL, NULL);
    (void)phone_wait(a, "ACK ");
    sip_leg_hangup(rig->leg, 0, SR_STR(""));
    (void)phone_wait(a, "BYE ");
    world_end(w);
}

static void info_carries_digits_both_ways(void **state)
{
    struct sip_leg *leg;
    struct rig_event *event;
    const char *info;

    WORLD;
    leg = world_talk(w, NULL);
    phone_request(b, &(struct request){.method = "INFO",
                                       .is_in_dialog = true,
                                       .type = "application/dtmf-relay",
                                       .body = "Signal=#\r\nDuration=160\r\n"});
    (void)phone_wait(b, "SIP/2.0 200");
    event = rig_event(rig, SIP_LEG_DTMF);
    assert_int_equal(event->event.digit, '#');
    assert_int_equal(event->event.duration_ms, 160);
    phone_request(
        b, &(struct request){
               .method = "INFO", .is_in_dialog = true, .type = "application/dtmf", .body = "5"});
    assert_int_equal(rig_event(rig, SIP_LEG_DTMF)->event.digit, '5');
    phone_request(b,
                  &(struct request){
                      .method = "INFO", .is_in_dialog = true, .type = "text/plain", .body = "5"});
    (void)phone_wait(b, "SIP/2.0 415");
    assert_int_equal(sip_leg_send_dtmf(leg, '7', 200), SR_OK);
    info = phone_wait(b, "INFO ");
    assert_string_equal(body(info), "Signal=7\r\nDuration=200\r\n");
    phone_reply(b, info, "200 OK", NULL, NULL, NULL);
    rig_quiet(rig);
    world_hangup(w, leg);
    world_end(w);
}

/* Another address must prove who it is; guessed ids find nothing. */
static void hijacker_gets_nothing(void **state)
{
    struct sip_leg *leg;

    WORLD;
    leg = world_talk(w, NULL);
    (void)sr_str_copy(sr_str_c(b->call_id), x->call_id, sizeof(x->call_id));
    (void)sr_str_copy(sr_str_c(b->to_tag), x->to_tag, sizeof(x->to_tag));
    (void)sr_str_copy(sr_str_c(b->tag), x->tag, sizeof(x->tag));
    (void)sr_str_copy(sr_str_c(b->target), x->target, sizeof(x->target));
    x->cseq = 500;
    phone_request(x, &(struct request){.method = "BYE", .is_in_dialog = true});
    (void)phone_wait(x, "SIP/2.0 401");
    x->tag[0] = 'z';
    phone_request(x, &(struct request){.method = "BYE", .is_in_dialog = true});
    (void)phone_wait(x, "SIP/2.0 481");
    rig_quiet(rig);
    /* the phone itself from another address, with its password */
    x->tag[0] = 'b';
    x->user = "202";
    x->password = "secret2";
    phone_request(x, &(struct request){.method = "BYE", .is_in_dialog = true});
    phone_take_challenge(x, phone_wait(x, "SIP/2.0 401"));
    phone_request(x,
                  &(struct request){.method = "BYE", .is_in_dialog = true, .is_authorized = true});
    (void)phone_wait(x, "SIP/2.0 200");
    assert_int_equal(rig_event(rig, SIP_LEG_ENDED)->event.cause, SIP_LEG_CAUSE_BYE);
    (void)leg;
    world_end(w);
}

/* An old CSeq is refused; the same request again gets the same reply and is told once. */
static void order_of_requests_is_kept(void **state)
{
    struct sip_leg *leg;
    char branch[64];

    WORLD;
    leg = world_talk(w, NULL);
    b->cseq = 50;
    phone_request(b, &(struct request){.method = "INFO", .is_in_dialog = true});
    (void)phone_wait(b, "SIP/2.0 200");
    phone_request(b, &(struct request){.method = "INFO", .is_in_dialog = true, .cseq = 49});
    (void)phone_wait(b, "SIP/2.0 500");
    phone_request(b, &(struct request){.method = "REFER", .is_in_dialog = true});
    (void)phone_wait(b, "SIP/2.0 400"); /* without Refer-To */
    phone_request(b, &(struct request){.method = "PUBLISH", .is_in_dialog = true});
    (void)phone_wait(b, "SIP/2.0 405");
    phone_request(b, &(struct request){.method = "BYE", .is_in_dialog = true});
    (void)snprintf(branch, sizeof(branch), "z9hG4bK%s%u", b->user, b->branch);
    (void)phone_wait(b, "SIP/2.0 200");
    (void)rig_event(rig, SIP_LEG_ENDED);
    phone_request(b, &(struct request){
                         .method = "BYE", .is_in_dialog = true, .branch = branch, .cseq = b->cseq});
    (void)phone_wait(b, "SIP/2.0 200");
    phone_request(b, &(struct request){.method = "BYE", .is_in_dialog = true});
    (void)phone_wait(b, "SIP/2.0 481");
    rig_quiet(rig);
    (void)leg;
    world_end(w);
}

/* Both hang up at once. */
static void crossing_byes_are_both_answered(void **state)
{
    struct sip_leg *leg;
    const char *bye;

    WORLD;
    leg = world_talk(w, NULL);
    sip_leg_hangup(leg, 0, SR_STR(""));
    phone_request(b, &(struct request){.method = "BYE", .is_in_dialog = true});
    bye = phone_wait(b, "BYE ");
    (void)phone_wait(b, "SIP/2.0 200");
    phone_reply(b, bye, "200 OK", NULL, NULL, NULL);
    rig_run(rig, SR_SEC);
    assert_int_equal(rig_stats(rig).legs_closing, 0);
    rig_quiet(rig);
    world_end(w);
}

int run_dialog_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hold_by_the_phone_is_an_offer),
        cmocka_unit_test(update_is_an_offer_or_a_refresh),
        cmocka_unit_test(too_short_session_gets_422),
        cmocka_unit_test(session_is_refreshed_at_half_time),
        cmocka_unit_test(our_offer_is_answered_or_refused),
        cmocka_unit_test(glare_is_refused_and_tried_again),
        cmocka_unit_test(offer_waits_for_the_ack),
        cmocka_unit_test(passed_on_question_does_not_hide_the_ack),
        cmocka_unit_test(info_carries_digits_both_ways),
        cmocka_unit_test(hijacker_gets_nothing),
        cmocka_unit_test(order_of_requests_is_kept),
        cmocka_unit_test(crossing_byes_are_both_answered),
    };

    return cmocka_run_group_tests_name("dialog", tests, NULL, NULL);
}

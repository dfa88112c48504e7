/* What gets lost, crosses, comes twice or never: one message at a time. */
#include "rig.h"

struct pair {
    struct rig rig;
    struct sim_phone *a, *b;
};

static void begin(struct pair *pair)
{
    rig_init(&pair->rig, NULL);
    pair->a = rig_phone(&pair->rig, "101");
    pair->b = rig_phone(&pair->rig, "102");
}

static void end(struct pair *pair, struct phone_call *call)
{
    phone_bye(call);
    RIG_ENDED(&pair->rig, 0, "hangup");
    rig_done(&pair->rig);
}

static void test_caller_that_never_acknowledges_is_hung_up(void **state)
{
    struct pair pair;
    struct phone_call *call;
    sr_usec answered;

    (void)state;
    begin(&pair);
    pair.a->manners.never_acks = true;
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_UP);
    answered = loop_now(pair.rig.loop);
    RIG_ENDED(&pair.rig, 0, "signalling_timeout");
    assert_true(loop_now(pair.rig.loop) - answered >= 31 * SR_SEC);
    RIG_UNTIL(&pair.rig, call->byes == 1 && phone_incoming(pair.b)->byes == 1);
    rig_done(&pair.rig);
}

static void test_refusal_that_is_never_acknowledged_is_forgotten(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.a->manners.never_acks_refusals = true;
    pair.b->manners.final_status = 486;
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    RIG_ENDED(&pair.rig, 0, "busy");
    rig_done(&pair.rig);
}

static void test_lost_bye_ends_the_call_all_the_same(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "102");
    pair.a->manners.ignores_bye = true;
    phone_bye(phone_incoming(pair.b));
    RIG_ENDED(&pair.rig, 0, "hangup");
    RIG_UNTIL(&pair.rig, phone_incoming(pair.b)->bye_status == 200);
    assert_int_equal(call->byes, 0);
    rig_done(&pair.rig);
}

static void test_phone_that_vanishes_ends_by_media_timeout(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    (void)rig_connect(&pair.rig, pair.a, "102");
    pair.a->manners.is_deaf = true;
    rig_inject(&pair.rig, rig_call(&pair.rig, 0), "a",
               (struct media_event){.kind = MEDIA_EVENT_TIMEOUT});
    RIG_ENDED(&pair.rig, 0, "media_timeout");
    RIG_UNTIL(&pair.rig, phone_incoming(pair.b)->byes == 1);
    rig_done(&pair.rig);
}

static void test_callee_that_does_not_hear_our_ack(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, phone_incoming(pair.b) != NULL);
    RIG_UNTIL(&pair.rig, phone_incoming(pair.b)->state == PHONE_UP);
    pair.b->manners.is_deaf = true; /* its 200 is out; it repeats that */
    rig_run(&pair.rig, 10 * SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    pair.b->manners.is_deaf = false; /* an ACK comes with its next repetition */
    RIG_UNTIL(&pair.rig, phone_incoming(pair.b)->acks == 1);
    end(&pair, call);
}

static void test_final_response_lost_for_seconds(void **state)
{
    static const struct sim_link dead = {.loss = 1}, alive = {.delay_usec = SR_MSEC};
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, phone_had_status(call, 180));
    sim_wire_set_link(pair.rig.wire, &pair.rig.router, &pair.a->addr, &dead);
    rig_run(&pair.rig, 12 * SR_SEC);
    assert_int_equal(call->state, PHONE_CALLING);
    sim_wire_set_link(pair.rig.wire, &pair.rig.router, &pair.a->addr, &alive);
    RIG_UNTIL(&pair.rig, call->state == PHONE_UP);
    end(&pair, call);
}

static void test_same_invite_by_two_ways_is_merged(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, phone_had_status(call, 100));
    phone_repeat_invite_merged(call);
    RIG_UNTIL(&pair.rig, call->merged_status != 0);
    assert_int_equal(call->merged_status, 482);
    RIG_UNTIL(&pair.rig, call->state == PHONE_UP);
    assert_int_equal(pair.b->call_count, 1);
    assert_int_equal(pair.rig.calls.count, 1);
    end(&pair, call);
}

static void test_second_reinvite_before_the_first_is_done(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "102");
    phone_reinvite(call, "sendonly");
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status != 0);
    rig_run(&pair.rig, 2 * SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_false(rig_leg(rig_call(&pair.rig, 0), "a")->is_holding);
    end(&pair, call);
}

/* ---- session timers ---- */

static const char session_kept_by_router[] =
    "Supported: timer\r\nRequire: timer\r\nSession-Expires: 1800;refresher=uac\r\n";

static void test_session_that_is_not_refreshed_ends(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.a->manners.extra = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    call = rig_connect(&pair.rig, pair.a, "102");
    rig_run(&pair.rig, 50 * SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    phone_update(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    rig_run(&pair.rig, 50 * SR_SEC);
    assert_int_equal(call->state, PHONE_UP); /* it was refreshed once */
    RIG_ENDED(&pair.rig, 0, "session_expired");
    RIG_UNTIL(&pair.rig, call->byes == 1 && phone_incoming(pair.b)->byes == 1);
    rig_done(&pair.rig);
}

static void test_router_refreshes_both_sessions_for_hours(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.a->manners.extra = "Supported: timer\r\n";
    pair.a->manners.ok_extra = pair.b->manners.ok_extra = session_kept_by_router;
    call = rig_connect(&pair.rig, pair.a, "102");
    rig_run(&pair.rig, 3 * 3600 * SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    assert_true(call->reinvites + call->updates >= 3);
    assert_true(phone_incoming(pair.b)->reinvites + phone_incoming(pair.b)->updates >= 3);
    assert_int_equal(rig_mode(&pair.rig, rig_call(&pair.rig, 0)), MEDIA_MODE_RELAY);
    end(&pair, call);
}

static void test_refresh_to_a_vanished_phone_ends_the_call(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.b->manners.ok_extra = session_kept_by_router;
    call = rig_connect(&pair.rig, pair.a, "102");
    pair.b->manners.is_deaf = true;
    rig_run(&pair.rig, 1900 * SR_SEC);
    assert_int_equal(call->state, PHONE_OVER);
    assert_int_equal(rig_call(&pair.rig, 0)->ended, 1);
    assert_true(strcmp(rig_call(&pair.rig, 0)->reason, "session_expired") == 0 ||
                strcmp(rig_call(&pair.rig, 0)->reason, "signalling_timeout") == 0);
    rig_done(&pair.rig);
}

static void test_reinvite_glare_with_our_refresh(void **state)
{
    uint32_t refreshes = 0;

    (void)state;
    for (sr_usec offset = -3 * SR_MSEC; offset <= 3 * SR_MSEC; offset += 500) {
        struct pair pair;
        struct phone_call *call;

        begin(&pair);
        call = phone_dial(pair.a, "102");
        while (call->state != PHONE_UP) /* to the turn: the router answered one trip ago */
            assert_true(loop_sim_step(pair.rig.loop));
        rig_run(&pair.rig, 900 * SR_SEC - SR_MSEC + offset);
        phone_reinvite(call, "sendonly");
        rig_run(&pair.rig, 10 * SR_SEC);
        assert_true(call->reoffer_status == 200 || call->reoffer_status == 491 ||
                    call->reoffer_status == 500);
        assert_int_equal(call->state, PHONE_UP);
        refreshes += call->reinvites + call->updates;
        phone_reinvite(call, "sendrecv");
        RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
        end(&pair, call);
    }
    assert_true(refreshes >= 2); /* they did cross */
}

static void test_phone_that_refuses_our_refresh_with_491_is_asked_again(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "102");
    pair.a->manners.reoffer_status = 491;
    rig_run(&pair.rig, 905 * SR_SEC);
    assert_true(call->reinvites + call->updates >= 1);
    pair.a->manners.reoffer_status = 200;
    call->reinvites = call->updates = 0;
    rig_run(&pair.rig, 20 * SR_SEC);
    assert_true(call->reinvites + call->updates >= 1);
    assert_int_equal(call->state, PHONE_UP);
    end(&pair, call);
}

int run_race(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caller_that_never_acknowledges_is_hung_up),
        cmocka_unit_test(test_refusal_that_is_never_acknowledged_is_forgotten),
        cmocka_unit_test(test_lost_bye_ends_the_call_all_the_same),
        cmocka_unit_test(test_phone_that_vanishes_ends_by_media_timeout),
        cmocka_unit_test(test_callee_that_does_not_hear_our_ack),
        cmocka_unit_test(test_final_response_lost_for_seconds),
        cmocka_unit_test(test_same_invite_by_two_ways_is_merged),
        cmocka_unit_test(test_second_reinvite_before_the_first_is_done),
        cmocka_unit_test(test_session_that_is_not_refreshed_ends),
        cmocka_unit_test(test_router_refreshes_both_sessions_for_hours),
        cmocka_unit_test(test_refresh_to_a_vanished_phone_ends_the_call),
        cmocka_unit_test(test_reinvite_glare_with_our_refresh),
        cmocka_unit_test(test_phone_that_refuses_our_refresh_with_491_is_asked_again),
    };

    return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}

/* Two phones: who calls, who hangs up, why a call does not come about. */
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

/* A call from a fails with that status at the phone and that reason. */
static void claim_fails(struct pair *pair, const char *to, uint16_t status, const char *reason)
{
    struct phone_call *call = phone_dial(pair->a, to);

    RIG_UNTIL(&pair->rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, status);
    RIG_ENDED(&pair->rig, 0, reason);
    assert_int_equal(rig_call(&pair->rig, 0)->answered, 0);
}

static void test_caller_hangs_up(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "102");
    assert_true(phone_had_status(call, 100));
    assert_true(phone_had_status(call, 180));
    assert_int_equal(call->early_sdp[0], 0);
    assert_int_equal(phone_incoming(pair.b)->state, PHONE_UP);
    assert_int_equal(phone_incoming(pair.b)->acks, 1);
    assert_string_equal(rig_call(&pair.rig, 0)->view->from, "101");
    assert_string_equal(rig_call(&pair.rig, 0)->view->from_name, "Anna");
    assert_string_equal(rig_call(&pair.rig, 0)->view->to, "102");
    assert_int_equal(rig_call(&pair.rig, 0)->answered, 1);
    assert_int_equal(rig_mode(&pair.rig, rig_call(&pair.rig, 0)), MEDIA_MODE_RELAY);
    phone_bye(call);
    RIG_ENDED(&pair.rig, 0, "hangup");
    RIG_UNTIL(&pair.rig, call->bye_status == 200);
    RIG_UNTIL(&pair.rig, phone_incoming(pair.b)->byes == 1);
    rig_done(&pair.rig);
}

static void test_callee_hangs_up(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "102");
    phone_bye(phone_incoming(pair.b));
    RIG_UNTIL(&pair.rig, call->byes == 1);
    RIG_ENDED(&pair.rig, 0, "hangup");
    rig_done(&pair.rig);
}

static void test_both_hang_up_at_once(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "102");
    phone_bye(call);
    phone_bye(phone_incoming(pair.b));
    RIG_ENDED(&pair.rig, 0, "hangup");
    RIG_UNTIL(&pair.rig, call->bye_status != 0 && phone_incoming(pair.b)->bye_status != 0);
    rig_done(&pair.rig);
}

static void test_wrong_password_cannot_register_or_call(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    (void)sr_str_copy(SR_STR("guess"), pair.a->password, sizeof(pair.a->password));
    sim_phone_register(pair.a, 3600);
    RIG_UNTIL(&pair.rig, pair.a->register_status != 0);
    assert_int_not_equal(pair.a->register_status, 200);
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_true(call->status == 401 || call->status == 403);
    assert_int_equal(pair.rig.calls.count, 0);
    rig_done(&pair.rig);
}

static void test_registration_comes_and_goes(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    assert_int_equal(pair.rig.registered, 2);
    sim_phone_register(pair.b, 3600); /* the same contact again is no event of people */
    RIG_UNTIL(&pair.rig, pair.b->register_status == 200);
    assert_int_equal(pair.rig.registered, 2);
    sim_phone_register(pair.b, 0);
    RIG_UNTIL(&pair.rig, pair.rig.unregistered == 1);
    claim_fails(&pair, "102", 480, "offline");
    rig_done(&pair.rig);
}

static void test_registration_expires(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    sim_phone_register(pair.b, 60);
    RIG_UNTIL(&pair.rig, pair.b->register_status == 200);
    rig_run(&pair.rig, 100 * SR_SEC);
    assert_int_equal(pair.rig.unregistered, 1);
    claim_fails(&pair, "102", 480, "offline");
    rig_done(&pair.rig);
}

static void test_busy(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    pair.b->manners.final_status = 486;
    claim_fails(&pair, "102", 486, "busy");
    rig_done(&pair.rig);
}

static void test_declined(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    pair.b->manners.final_status = 603;
    claim_fails(&pair, "102", 603, "declined");
    rig_done(&pair.rig);
}

static void test_redirection_challenge_and_503_never_reach_the_caller(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.b->manners.final_status = 302;
    claim_fails(&pair, "102", 480, "unreachable");
    pair.b->manners.final_status = 503; /* the phone's trouble, not the router's */
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 480);
    pair.b->manners.final_status = 407;
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 480);
    rig_done(&pair.rig);
}

static void test_offline(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    claim_fails(&pair, "103", 480, "offline");
    rig_done(&pair.rig);
}

static void test_phone_that_is_silent_is_unreachable(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    pair.b->manners.is_deaf = true;
    claim_fails(&pair, "102", 408, "unreachable");
    rig_done(&pair.rig);
}

static void test_nobody_answers_within_a_minute(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.b->manners.final_status = 0;
    call = phone_dial(pair.a, "102");
    rig_run(&pair.rig, 59 * SR_SEC);
    assert_int_equal(call->state, PHONE_CALLING);
    assert_int_equal(phone_incoming(pair.b)->state, PHONE_INCOMING);
    rig_run(&pair.rig, 2 * SR_SEC);
    assert_int_equal(call->status, 480);
    assert_int_equal(phone_incoming(pair.b)->cancels, 1);
    RIG_ENDED(&pair.rig, 0, "no_answer");
    rig_done(&pair.rig);
}

static void test_unknown_extension(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    claim_fails(&pair, "999", 404, "not_found");
    rig_done(&pair.rig);
}

static void test_device_id_is_an_address_too(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    phone_bye(rig_connect(&pair.rig, pair.a, "b"));
    RIG_ENDED(&pair.rig, 0, "hangup");
    rig_done(&pair.rig);
}

static void test_do_not_disturb(void **state)
{
    struct pair pair;
    struct sim_phone *quiet;

    (void)state;
    begin(&pair);
    quiet = rig_phone(&pair.rig, "105");
    claim_fails(&pair, "105", 486, "busy");
    assert_int_equal(quiet->call_count, 0);
    rig_done(&pair.rig);
}

static void test_max_calls_makes_a_device_busy_and_refuses_its_next_call(void **state)
{
    struct pair pair;
    struct sim_phone *one;
    struct phone_call *first, *call;

    (void)state;
    begin(&pair);
    one = rig_phone(&pair.rig, "106");
    first = rig_connect(&pair.rig, one, "101");
    call = phone_dial(pair.b, "106");
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 486);
    RIG_ENDED(&pair.rig, 1, "busy");
    call = phone_dial(one, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 486);
    assert_int_equal(pair.rig.calls.count, 2); /* refused before it became a call */
    phone_bye(first);
    RIG_ENDED(&pair.rig, 0, "hangup");
    phone_bye(rig_connect(&pair.rig, pair.b, "106"));
    RIG_ENDED(&pair.rig, 2, "hangup");
    rig_done(&pair.rig);
}

static void test_phone_cannot_call_itself(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    claim_fails(&pair, "101", 486, "busy");
    assert_int_equal(pair.a->call_count, 1);
    rig_done(&pair.rig);
}

static void test_caller_cancels_while_it_rings(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.b->manners.final_status = 0;
    call = phone_dial(pair.a, "102");
    rig_run(&pair.rig, 3 * SR_SEC);
    phone_cancel(call);
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 487);
    assert_int_equal(call->cancel_status, 200);
    RIG_UNTIL(&pair.rig, phone_incoming(pair.b)->cancels == 1);
    assert_false(sim_has(sr_str_c(phone_incoming(pair.b)->end_reason), "elsewhere"));
    RIG_ENDED(&pair.rig, 0, "cancelled");
    rig_done(&pair.rig);
}

static void test_caller_cancels_before_anybody_rings(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.b->manners.is_deaf = true; /* our CANCEL must wait for its first response: none comes */
    call = phone_dial(pair.a, "102");
    rig_run(&pair.rig, SR_SEC);
    phone_cancel(call);
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 487);
    RIG_ENDED(&pair.rig, 0, "cancelled");
    rig_done(&pair.rig);
}

/* ---- TCP ---- */

static void test_calls_between_tcp_and_udp(void **state)
{
    struct pair pair;

    (void)state;
    rig_init(&pair.rig, NULL);
    pair.a = rig_phone_on(&pair.rig, "101", NET_TCP);
    pair.b = rig_phone(&pair.rig, "102");
    phone_bye(rig_connect(&pair.rig, pair.a, "102"));
    RIG_ENDED(&pair.rig, 0, "hangup");
    phone_bye(rig_connect(&pair.rig, pair.b, "101"));
    RIG_ENDED(&pair.rig, 1, "hangup");
    RIG_UNTIL(&pair.rig, phone_incoming(pair.a)->byes == 1);
    rig_done(&pair.rig);
}

static void test_broken_connection_unregisters_but_ends_no_call(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    rig_init(&pair.rig, NULL);
    pair.a = rig_phone_on(&pair.rig, "101", NET_TCP);
    pair.b = rig_phone(&pair.rig, "102");
    call = rig_connect(&pair.rig, pair.a, "102");
    sim_phone_disconnect(pair.a);
    rig_run(&pair.rig, 5 * SR_SEC);
    assert_int_equal(pair.rig.unregistered, 1);
    assert_int_equal(rig_call(&pair.rig, 0)->ended, 0);
    sim_phone_register(pair.a, 3600); /* a new connection */
    RIG_UNTIL(&pair.rig, pair.a->register_status == 200);
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    phone_bye(phone_incoming(pair.b));
    RIG_ENDED(&pair.rig, 0, "hangup");
    RIG_UNTIL(&pair.rig, call->byes == 1); /* by the connection there is now */
    rig_done(&pair.rig);
}

static void test_broken_connection_while_it_rings(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    rig_init(&pair.rig, NULL);
    pair.a = rig_phone(&pair.rig, "101");
    pair.b = rig_phone_on(&pair.rig, "102", NET_TCP);
    pair.b->manners.final_status = 0;
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, phone_had_status(call, 180));
    sim_phone_disconnect(pair.b);
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER); /* within the minute it may ring */
    assert_int_equal(call->status, 480);
    RIG_UNTIL(&pair.rig, rig_call(&pair.rig, 0)->ended == 1);
    rig_done(&pair.rig);
}

int run_basic(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caller_hangs_up),
        cmocka_unit_test(test_callee_hangs_up),
        cmocka_unit_test(test_both_hang_up_at_once),
        cmocka_unit_test(test_wrong_password_cannot_register_or_call),
        cmocka_unit_test(test_registration_comes_and_goes),
        cmocka_unit_test(test_registration_expires),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_declined),
        cmocka_unit_test(test_redirection_challenge_and_503_never_reach_the_caller),
        cmocka_unit_test(test_offline),
        cmocka_unit_test(test_phone_that_is_silent_is_unreachable),
        cmocka_unit_test(test_nobody_answers_within_a_minute),
        cmocka_unit_test(test_unknown_extension),
        cmocka_unit_test(test_device_id_is_an_address_too),
        cmocka_unit_test(test_do_not_disturb),
        cmocka_unit_test(test_max_calls_makes_a_device_busy_and_refuses_its_next_call),
        cmocka_unit_test(test_phone_cannot_call_itself),
        cmocka_unit_test(test_caller_cancels_while_it_rings),
        cmocka_unit_test(test_caller_cancels_before_anybody_rings),
        cmocka_unit_test(test_calls_between_tcp_and_udp),
        cmocka_unit_test(test_broken_connection_unregisters_but_ends_no_call),
        cmocka_unit_test(test_broken_connection_while_it_rings),
    };

    return cmocka_run_group_tests_name("basic", tests, NULL, NULL);
}

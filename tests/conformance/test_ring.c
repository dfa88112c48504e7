/* Forks: several phones ring, one wins; early media; what crosses on the way. */
#include "rig.h"

/* Phone a calls, b and c are group 200. */
struct ring_rig {
    struct rig rig;
    struct sim_phone *a, *b, *c;
};

static void begin(struct ring_rig *ring)
{
    rig_init(&ring->rig, NULL);
    ring->a = rig_phone(&ring->rig, "101");
    ring->b = rig_phone(&ring->rig, "102");
    ring->c = rig_phone(&ring->rig, "103");
}

static void test_first_answer_wins_and_the_others_are_told_why(void **state)
{
    struct ring_rig ring;
    struct sim_phone *b2, *c2;
    struct phone_call *call;
    struct sim_phone *losers[3];

    (void)state;
    begin(&ring);
    b2 = rig_phone(&ring.rig, "102");
    c2 = rig_phone(&ring.rig, "103");
    losers[0] = ring.b;
    losers[1] = ring.c;
    losers[2] = c2;
    ring.b->manners.final_after = ring.c->manners.final_after = c2->manners.final_after =
        9 * SR_SEC;
    call = rig_connect(&ring.rig, ring.a, "200");
    assert_int_equal(phone_incoming(b2)->state, PHONE_UP);
    for (size_t i = 0; i < SR_ARRAY_LEN(losers); i++) {
        assert_int_equal(phone_incoming(losers[i])->state, PHONE_OVER);
        assert_int_equal(phone_incoming(losers[i])->cancels, 1);
        assert_true(sim_has(sr_str_c(phone_incoming(losers[i])->end_reason), "cause=200"));
        assert_true(
            sim_has(sr_str_c(phone_incoming(losers[i])->end_reason), "Call completed elsewhere"));
    }
    assert_int_equal(port_sim_leg_count(ring.rig.media), 2);
    phone_bye(call);
    RIG_ENDED(&ring.rig, 0, "hangup");
    rig_done(&ring.rig);
}

static void test_late_answer_of_a_loser_gets_ack_and_bye(void **state)
{
    struct ring_rig ring;
    struct phone_call *call, *late;

    (void)state;
    begin(&ring);
    ring.c->manners.final_status = 0;
    ring.c->manners.answers_cancelled = true;
    call = rig_connect(&ring.rig, ring.a, "200");
    late = phone_incoming(ring.c);
    RIG_UNTIL(&ring.rig, late->byes == 1);
    assert_int_equal(late->acks, 1);
    assert_int_equal(late->cancels, 1);
    assert_int_equal(call->state, PHONE_UP);
    assert_int_equal(call->byes, 0);
    phone_bye(call);
    RIG_ENDED(&ring.rig, 0, "hangup");
    rig_done(&ring.rig);
}

static void test_two_answers_in_the_same_instant(void **state)
{
    struct ring_rig ring;
    struct phone_call *call;
    int up;

    (void)state;
    begin(&ring);
    call = rig_connect(&ring.rig, ring.a, "200");
    rig_run(&ring.rig, SR_SEC);
    up = (phone_incoming(ring.b)->state == PHONE_UP) + (phone_incoming(ring.c)->state == PHONE_UP);
    assert_int_equal(up, 1);
    assert_int_equal(phone_incoming(ring.b)->acks, 1);
    assert_int_equal(phone_incoming(ring.c)->acks, 1);
    assert_int_equal(phone_incoming(ring.b)->byes + phone_incoming(ring.c)->byes, 1);
    phone_bye(call);
    RIG_ENDED(&ring.rig, 0, "hangup");
    rig_done(&ring.rig);
}

static void test_one_busy_phone_does_not_end_the_ringing(void **state)
{
    struct ring_rig ring;
    struct phone_call *call;

    (void)state;
    begin(&ring);
    ring.b->manners.final_status = 486;
    ring.b->manners.final_after = 100 * SR_MSEC;
    call = rig_connect(&ring.rig, ring.a, "200");
    assert_int_equal(phone_incoming(ring.c)->state, PHONE_UP);
    phone_bye(call);
    RIG_ENDED(&ring.rig, 0, "hangup");
    rig_done(&ring.rig);
}

static void test_all_refuse_and_the_most_telling_reason_is_given(void **state)
{
    struct ring_rig ring;
    struct phone_call *call;

    (void)state;
    begin(&ring);
    ring.b->manners.final_status = 603;
    ring.b->manners.final_after = 100 * SR_MSEC;
    ring.c->manners.final_status = 486;
    call = phone_dial(ring.a, "200");
    RIG_UNTIL(&ring.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 603);
    RIG_ENDED(&ring.rig, 0, "declined");
    rig_done(&ring.rig);
}

static void test_cancel_reaches_every_branch(void **state)
{
    struct ring_rig ring;
    struct phone_call *call;

    (void)state;
    begin(&ring);
    ring.b->manners.final_status = ring.c->manners.final_status = 0;
    call = phone_dial(ring.a, "200");
    rig_run(&ring.rig, 2 * SR_SEC);
    phone_cancel(call);
    RIG_UNTIL(&ring.rig, call->state == PHONE_OVER);
    RIG_UNTIL(&ring.rig, phone_incoming(ring.b)->cancels == 1);
    RIG_UNTIL(&ring.rig, phone_incoming(ring.c)->cancels == 1);
    RIG_ENDED(&ring.rig, 0, "cancelled");
    rig_done(&ring.rig);
}

static void test_cancel_crosses_the_answer(void **state)
{
    /* at every offset around the answer: the caller's CANCEL meets its 200, or the callee's */
    for (sr_usec offset = -5 * SR_MSEC; offset <= 5 * SR_MSEC; offset += 500) {
        struct ring_rig ring;
        struct phone_call *call;

        (void)state;
        begin(&ring);
        call = phone_dial(ring.a, "102");
        RIG_UNTIL(&ring.rig, phone_had_status(call, 180));
        RIG_UNTIL(&ring.rig, phone_incoming(ring.b) != NULL);
        ring.b->manners.final_status = 0;
        rig_run(&ring.rig, 500 * SR_MSEC + (offset > 0 ? offset : 0));
        if (offset <= 0) {
            phone_cancel(call);
            rig_run(&ring.rig, -offset);
            phone_answer(phone_incoming(ring.b));
        } else {
            phone_answer(phone_incoming(ring.b));
            rig_run(&ring.rig, offset);
            phone_cancel(call);
        }
        RIG_UNTIL(&ring.rig, rig_call(&ring.rig, 0)->ended == 1 ||
                                 (call->state == PHONE_UP && !call->is_cancelled));
        if (call->state == PHONE_UP)
            phone_bye(call);
        RIG_UNTIL(&ring.rig, rig_call(&ring.rig, 0)->ended == 1);
        RIG_UNTIL(&ring.rig, phone_incoming(ring.b)->state == PHONE_OVER);
        assert_int_equal(call->state, PHONE_OVER);
        rig_done(&ring.rig);
    }
}

static void test_early_media_of_the_only_branch_reaches_the_caller(void **state)
{
    struct ring_rig ring;
    struct phone_call *call;

    (void)state;
    begin(&ring);
    ring.b->manners.early_status = 183;
    ring.b->manners.has_early_sdp = true;
    ring.b->manners.final_after = 5 * SR_SEC;
    call = phone_dial(ring.a, "102");
    RIG_UNTIL(&ring.rig, phone_had_status(call, 183));
    assert_string_equal(sim_sdp_codec(sr_str_c(call->early_sdp)), "PCMU");
    assert_true(rig_media(&ring.rig, rig_call(&ring.rig, 0), "a")->is_stream_set);
    assert_int_equal(rig_mode(&ring.rig, rig_call(&ring.rig, 0)), MEDIA_MODE_RELAY);
    RIG_UNTIL(&ring.rig, call->state == PHONE_UP);
    phone_bye(call);
    RIG_ENDED(&ring.rig, 0, "hangup");
    rig_done(&ring.rig);
}

static void test_no_early_media_while_two_branches_ring(void **state)
{
    struct ring_rig ring;
    struct phone_call *call;

    (void)state;
    begin(&ring);
    ring.b->manners.early_status = ring.c->manners.early_status = 183;
    ring.b->manners.has_early_sdp = ring.c->manners.has_early_sdp = true;
    ring.b->manners.final_after = ring.c->manners.final_after = 5 * SR_SEC;
    call = phone_dial(ring.a, "200");
    RIG_UNTIL(&ring.rig, phone_had_status(call, 180));
    rig_run(&ring.rig, 2 * SR_SEC);
    assert_false(phone_had_status(call, 183));
    assert_int_equal(call->early_sdp[0], 0);
    RIG_UNTIL(&ring.rig, call->state == PHONE_UP);
    phone_bye(call);
    RIG_ENDED(&ring.rig, 0, "hangup");
    rig_done(&ring.rig);
}

/* What a branch said while others rang is heard once it is the only one left. */
static void test_early_media_of_the_branch_that_is_left(void **state)
{
    struct ring_rig ring;
    struct phone_call *call;
    struct rig_call *seen;

    (void)state;
    begin(&ring);
    ring.b->manners.early_status = 183;
    ring.b->manners.has_early_sdp = true;
    ring.b->manners.final_after = 5 * SR_SEC;
    ring.c->manners.final_status = 603;
    ring.c->manners.final_after = 2 * SR_SEC;
    call = phone_dial(ring.a, "200");
    RIG_UNTIL(&ring.rig, phone_had_status(call, 180));
    rig_run(&ring.rig, SR_SEC);
    assert_int_equal(call->early_sdp[0], 0);
    RIG_UNTIL(&ring.rig, phone_had_status(call, 183));
    assert_string_equal(sim_sdp_codec(sr_str_c(call->early_sdp)), "PCMU");
    seen = rig_call(&ring.rig, 0);
    assert_int_equal(rig_mode(&ring.rig, seen), MEDIA_MODE_RELAY);
    RIG_UNTIL(&ring.rig, call->state == PHONE_UP);
    assert_int_equal(phone_incoming(ring.c)->status, 603);
    phone_bye(call);
    RIG_ENDED(&ring.rig, 0, "hangup");
    rig_done(&ring.rig);
}

static void test_reliable_provisionals_on_both_sides(void **state)
{
    struct ring_rig ring;
    struct phone_call *call;

    (void)state;
    begin(&ring);
    ring.a->manners.extra = "Supported: 100rel\r\n";
    ring.b->manners.early_status = 183;
    ring.b->manners.has_early_sdp = true;
    ring.b->manners.is_early_reliable = true;
    ring.b->manners.final_after = 3 * SR_SEC;
    call = phone_dial(ring.a, "102");
    RIG_UNTIL(&ring.rig, phone_had_status(call, 183));
    RIG_UNTIL(&ring.rig, phone_incoming(ring.b)->pracks == 1);
    RIG_UNTIL(&ring.rig, call->state == PHONE_UP);
    assert_int_equal(phone_incoming(ring.b)->pracks, 1);
    phone_bye(call);
    RIG_ENDED(&ring.rig, 0, "hangup");
    rig_done(&ring.rig);
}

static void test_update_before_the_answer(void **state)
{
    struct ring_rig ring;
    struct phone_call *call;

    (void)state;
    begin(&ring);
    ring.a->manners.extra = "Supported: 100rel\r\n";
    ring.b->manners.early_status = 183;
    ring.b->manners.has_early_sdp = true;
    ring.b->manners.final_after = 5 * SR_SEC;
    call = phone_dial(ring.a, "102");
    RIG_UNTIL(&ring.rig, phone_had_status(call, 183));
    rig_run(&ring.rig, SR_SEC);
    phone_update(call, "sendrecv");
    RIG_UNTIL(&ring.rig, call->reoffer_status != 0);
    assert_int_equal(call->reoffer_status, 200);
    RIG_UNTIL(&ring.rig, call->state == PHONE_UP);
    phone_bye(call);
    RIG_ENDED(&ring.rig, 0, "hangup");
    rig_done(&ring.rig);
}

static void test_retransmitted_ringing_is_passed_once(void **state)
{
    struct ring_rig ring;
    struct phone_call *call;

    (void)state;
    begin(&ring);
    call = rig_connect(&ring.rig, ring.a, "200");
    assert_int_equal(call->status_count, 3); /* 100, one 180, 200 */
    assert_int_equal(rig_call(&ring.rig, 0)->ringing, 1);
    phone_bye(call);
    RIG_ENDED(&ring.rig, 0, "hangup");
    rig_done(&ring.rig);
}

int run_ring(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_answer_wins_and_the_others_are_told_why),
        cmocka_unit_test(test_late_answer_of_a_loser_gets_ack_and_bye),
        cmocka_unit_test(test_two_answers_in_the_same_instant),
        cmocka_unit_test(test_one_busy_phone_does_not_end_the_ringing),
        cmocka_unit_test(test_all_refuse_and_the_most_telling_reason_is_given),
        cmocka_unit_test(test_cancel_reaches_every_branch),
        cmocka_unit_test(test_cancel_crosses_the_answer),
        cmocka_unit_test(test_early_media_of_the_only_branch_reaches_the_caller),
        cmocka_unit_test(test_no_early_media_while_two_branches_ring),
        cmocka_unit_test(test_early_media_of_the_branch_that_is_left),
        cmocka_unit_test(test_reliable_provisionals_on_both_sides),
        cmocka_unit_test(test_update_before_the_answer),
        cmocka_unit_test(test_retransmitted_ringing_is_passed_once),
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}

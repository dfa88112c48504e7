/* Hold and resume: the held party hears music from the router, nothing is sent to its phone. */
#include "rig.h"

struct pair {
    struct rig rig;
    struct sim_phone *a, *b;
    struct phone_call *at_a, *at_b;
    struct rig_call *seen;
};

static void begin(struct pair *pair)
{
    rig_init(&pair->rig, NULL);
    pair->a = rig_phone(&pair->rig, "101");
    pair->b = rig_phone(&pair->rig, "102");
    pair->at_a = rig_connect(&pair->rig, pair->a, "102");
    pair->at_b = phone_incoming(pair->b);
    pair->seen = rig_call(&pair->rig, 0);
}

static void end(struct pair *pair)
{
    phone_bye(pair->at_a);
    RIG_ENDED(&pair->rig, 0, "hangup");
    rig_done(&pair->rig);
}

static enum media_prompt prompt_of(struct pair *pair, const char *device_id)
{
    return rig_media(&pair->rig, pair->seen, device_id)->prompt;
}

/* Both talk to each other: no prompt, nobody muted, relay again after its five seconds. */
static void claim_talking(struct pair *pair)
{
    rig_run(&pair->rig, 6 * SR_SEC);
    assert_int_equal(prompt_of(pair, "a"), MEDIA_PROMPT_NONE);
    assert_int_equal(prompt_of(pair, "b"), MEDIA_PROMPT_NONE);
    assert_false(rig_media(&pair->rig, pair->seen, "a")->is_muted);
    assert_false(rig_media(&pair->rig, pair->seen, "b")->is_muted);
    assert_int_equal(rig_mode(&pair->rig, pair->seen), MEDIA_MODE_RELAY);
}

struct hold_case {
    const char *direction; /* NULL: c=0.0.0.0 */
    const char *answered;
    bool is_callee;
};

static void hold(struct phone_call *call, const char *direction)
{
    call->reoffer_status = 0;
    if (direction != NULL)
        phone_reinvite(call, direction);
    else
        phone_hold_by_nobody(call);
}

static void one_hold(const struct hold_case *one)
{
    struct pair pair;
    struct phone_call *holder, *held;
    const char *holder_id = one->is_callee ? "b" : "a";
    const char *held_id = one->is_callee ? "a" : "b";
    uint64_t requests;

    begin(&pair);
    holder = one->is_callee ? pair.at_b : pair.at_a;
    held = one->is_callee ? pair.at_a : pair.at_b;
    requests = held->phone->requests;
    hold(holder, one->direction);
    RIG_UNTIL(&pair.rig, holder->reoffer_status == 200);
    rig_run(&pair.rig, SR_SEC);
    assert_string_equal(sim_sdp_direction(sr_str_c(holder->sdp)), one->answered);
    assert_int_equal(prompt_of(&pair, held_id), MEDIA_PROMPT_MUSIC);
    assert_int_not_equal(prompt_of(&pair, holder_id), MEDIA_PROMPT_MUSIC);
    assert_true(rig_media(&pair.rig, pair.seen, holder_id)->is_muted);
    assert_false(rig_media(&pair.rig, pair.seen, holder_id)->stream.can_send);
    assert_int_equal(rig_mode(&pair.rig, pair.seen), MEDIA_MODE_MIX);
    assert_true(rig_leg(pair.seen, holder_id)->is_holding);
    assert_false(rig_leg(pair.seen, held_id)->is_holding);
    hold(holder, "sendrecv");
    RIG_UNTIL(&pair.rig, holder->reoffer_status == 200);
    assert_string_equal(sim_sdp_direction(sr_str_c(holder->sdp)), "sendrecv");
    assert_int_equal(prompt_of(&pair, held_id), MEDIA_PROMPT_NONE);
    assert_int_equal(rig_mode(&pair.rig, pair.seen), MEDIA_MODE_MIX); /* for five seconds more */
    claim_talking(&pair);
    assert_int_equal(held->phone->requests, requests); /* nothing was sent to the other phone */
    end(&pair);
}

static void test_hold_and_resume_from_either_side(void **state)
{
    static const struct hold_case cases[] = {
        {"sendonly", "recvonly", false}, {"sendonly", "recvonly", true},
        {"inactive", "inactive", false}, {"inactive", "inactive", true},
        {NULL, "recvonly", false},       {NULL, "recvonly", true}, /* c=0.0.0.0 means sendonly */
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(cases); i++)
        one_hold(&cases[i]);
}

static void test_hold_by_a_reinvite_without_offer(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    pair.at_a->direction = "sendonly"; /* its answer to our offer, in the ACK */
    pair.at_a->reoffer_status = 0;
    phone_reinvite(pair.at_a, NULL);
    RIG_UNTIL(&pair.rig, pair.at_a->reoffer_status == 200);
    RIG_UNTIL(&pair.rig, prompt_of(&pair, "b") == MEDIA_PROMPT_MUSIC);
    assert_true(rig_leg(pair.seen, "a")->is_holding);
    pair.at_a->direction = "sendrecv";
    pair.at_a->reoffer_status = 0;
    phone_reinvite(pair.at_a, NULL);
    RIG_UNTIL(&pair.rig, pair.at_a->reoffer_status == 200);
    RIG_UNTIL(&pair.rig, prompt_of(&pair, "b") == MEDIA_PROMPT_NONE);
    claim_talking(&pair);
    end(&pair);
}

static void test_both_hold_at_once_and_resume_one_by_one(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    hold(pair.at_a, "sendonly");
    hold(pair.at_b, "sendonly");
    RIG_UNTIL(&pair.rig, pair.at_a->reoffer_status == 200 && pair.at_b->reoffer_status == 200);
    assert_int_not_equal(prompt_of(&pair, "a"), MEDIA_PROMPT_MUSIC); /* neither listens */
    assert_int_not_equal(prompt_of(&pair, "b"), MEDIA_PROMPT_MUSIC);
    hold(pair.at_a, "sendrecv");
    RIG_UNTIL(&pair.rig, pair.at_a->reoffer_status == 200);
    rig_run(&pair.rig, 100 * SR_MSEC);
    assert_int_equal(prompt_of(&pair, "a"), MEDIA_PROMPT_MUSIC);
    hold(pair.at_b, "sendrecv");
    RIG_UNTIL(&pair.rig, pair.at_b->reoffer_status == 200);
    claim_talking(&pair);
    end(&pair);
}

static void test_hold_pressed_twice_within_seconds_stays_mixed(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    for (int i = 0; i < 4; i++) {
        hold(pair.at_a, i % 2 == 0 ? "sendonly" : "sendrecv");
        RIG_UNTIL(&pair.rig, pair.at_a->reoffer_status == 200);
        rig_run(&pair.rig, SR_SEC);
        assert_int_equal(rig_mode(&pair.rig, pair.seen), MEDIA_MODE_MIX);
    }
    claim_talking(&pair);
    end(&pair);
}

/* Said when the party holds and taken back when it is there again, not with the next report. */
static void test_hold_is_said_at_once(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    hold(pair.at_b, "sendonly");
    RIG_UNTIL(&pair.rig, pair.at_b->reoffer_status == 200);
    rig_run(&pair.rig, 100 * SR_MSEC);
    assert_string_equal(rig_leg(pair.seen, "b")->verdict, "the party has put the call on hold");
    assert_string_equal(rig_leg(pair.seen, "a")->verdict, "");
    hold(pair.at_b, "sendrecv");
    RIG_UNTIL(&pair.rig, pair.at_b->reoffer_status == 200);
    rig_run(&pair.rig, 100 * SR_MSEC);
    assert_string_equal(rig_leg(pair.seen, "b")->verdict, "");
    end(&pair);
}

static void test_hangup_on_hold(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    hold(pair.at_b, "inactive");
    RIG_UNTIL(&pair.rig, pair.at_b->reoffer_status == 200);
    end(&pair);
}

static void test_holding_phone_that_hangs_up(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    hold(pair.at_a, "sendonly");
    RIG_UNTIL(&pair.rig, pair.at_a->reoffer_status == 200);
    end(&pair);
}

int run_hold(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hold_and_resume_from_either_side),
        cmocka_unit_test(test_hold_by_a_reinvite_without_offer),
        cmocka_unit_test(test_both_hold_at_once_and_resume_one_by_one),
        cmocka_unit_test(test_hold_pressed_twice_within_seconds_stays_mixed),
        cmocka_unit_test(test_hold_is_said_at_once),
        cmocka_unit_test(test_hangup_on_hold),
        cmocka_unit_test(test_holding_phone_that_hangs_up),
    };

    return cmocka_run_group_tests_name("hold", tests, NULL, NULL);
}

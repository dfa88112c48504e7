/* Codes typed within a call: what is held, what is passed on, who is connected in the end. */
#include "rig.h"

static const char codes_config[] =
    "{ \"devices\": [\n"
    "  { \"id\": \"a\", \"displayName\": \"Anna\", \"extension\": \"101\", \"password\": "
    "\"pw-101\" },\n"
    "  { \"id\": \"b\", \"displayName\": \"Bert\", \"extension\": \"102\", \"password\": "
    "\"pw-102\" },\n"
    "  { \"id\": \"c\", \"displayName\": \"Cora\", \"extension\": \"103\", \"password\": "
    "\"pw-103\" } ],\n"
    "  \"features\": { \"inCallTransfer\": \"**\", \"inCallAttended\": \"*2\" } }\n";

struct trio {
    struct rig rig;
    struct sim_phone *a, *b, *c;
    struct phone_call *at_a;
    struct rig_call *seen;
};

static void begin(struct trio *trio)
{
    static const char allow[] = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, REFER, NOTIFY\r\n";

    rig_init(&trio->rig, &(struct rig_options){.config = codes_config});
    trio->a = rig_phone(&trio->rig, "101");
    trio->b = rig_phone(&trio->rig, "102");
    trio->c = rig_phone(&trio->rig, "103");
    for (size_t i = 0; i < trio->rig.phone_count; i++) {
        trio->rig.phones[i]->manners.extra = allow;
        trio->rig.phones[i]->manners.ok_extra = allow;
    }
    trio->at_a = rig_connect(&trio->rig, trio->a, "102");
    trio->seen = rig_call(&trio->rig, 0);
}

/* Digits of a phone by RTP: each is told after its end. */
static void type(struct trio *trio, const char *device_id, const char *digits)
{
    for (; *digits != '\0'; digits++) {
        rig_inject(
            &trio->rig, trio->seen, device_id,
            (struct media_event){.kind = MEDIA_EVENT_DTMF, .digit = *digits, .duration_ms = 130});
        rig_run(&trio->rig, 200 * SR_MSEC);
    }
}

static const char *passed(struct trio *trio, const char *device_id)
{
    return rig_media(&trio->rig, trio->seen, device_id)->digits;
}

static void claim_talking(struct trio *trio, const char *one, const char *other)
{
    RIG_UNTIL(&trio->rig, trio->seen->view->leg_count == 2);
    assert_int_equal(rig_media(&trio->rig, trio->seen, one)->prompt, MEDIA_PROMPT_NONE);
    assert_int_equal(rig_media(&trio->rig, trio->seen, other)->prompt, MEDIA_PROMPT_NONE);
    assert_false(rig_media(&trio->rig, trio->seen, one)->is_muted);
    assert_false(rig_media(&trio->rig, trio->seen, other)->is_muted);
}

static void end(struct trio *trio)
{
    phone_bye(trio->at_a);
    RIG_ENDED(&trio->rig, 0, "hangup");
    rig_done(&trio->rig);
}

static void test_digits_that_begin_no_code_pass_at_once(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    assert_true(rig_media(&trio.rig, trio.seen, "a")->stream.is_dtmf_kept);
    type(&trio, "a", "15");
    assert_string_equal(passed(&trio, "b"), "15");
    assert_string_equal(trio.seen->digits, "15"); /* and are told */
    end(&trio);
}

static void test_a_digit_that_may_begin_a_code_is_held_for_a_moment(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    type(&trio, "a", "*");
    assert_string_equal(passed(&trio, "b"), "");
    rig_run(&trio.rig, 400 * SR_MSEC);
    assert_string_equal(passed(&trio, "b"), "");
    rig_run(&trio.rig, 150 * SR_MSEC); /* 700 ms after its end */
    assert_string_equal(passed(&trio, "b"), "*");
    type(&trio, "a", "*7"); /* the next digit shows that it is none */
    assert_string_equal(passed(&trio, "b"), "**7");
    end(&trio);
}

static void test_blind_by_code(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    type(&trio, "a", "**");
    assert_int_equal(rig_media(&trio.rig, trio.seen, "b")->prompt, MEDIA_PROMPT_MUSIC);
    type(&trio, "a", "103#");
    RIG_UNTIL(&trio.rig, trio.at_a->byes == 1);
    claim_talking(&trio, "b", "c");
    assert_string_equal(passed(&trio, "b"), "");
    assert_string_equal(phone_incoming(trio.c)->peer, "102");
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_the_called_phone_may_type_too_and_silence_ends_the_number(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    type(&trio, "b", "**103");
    rig_run(&trio.rig, 3 * SR_SEC);
    assert_null(phone_incoming(trio.c));
    RIG_UNTIL(&trio.rig, phone_incoming(trio.b)->byes == 1);
    claim_talking(&trio, "a", "c");
    end(&trio);
}

static void test_star_cancels_and_a_wrong_number_comes_back(void **state)
{
    static const char *const typed[] = {"**1*", "**#", "**999#", "*299#", "*210*"};
    struct trio trio;

    (void)state;
    begin(&trio);
    for (size_t i = 0; i < SR_ARRAY_LEN(typed); i++) {
        type(&trio, "a", typed[i]);
        claim_talking(&trio, "a", "b");
        assert_string_equal(passed(&trio, "b"), "");
    }
    end(&trio);
}

static void ask(struct trio *trio)
{
    begin(trio);
    type(trio, "a", "*2103#");
    assert_int_equal(rig_media(&trio->rig, trio->seen, "a")->prompt, MEDIA_PROMPT_RINGBACK);
    assert_int_equal(rig_media(&trio->rig, trio->seen, "b")->prompt, MEDIA_PROMPT_MUSIC);
    RIG_UNTIL(&trio->rig, phone_incoming(trio->c) != NULL && phone_incoming(trio->c)->acks == 1);
    assert_string_equal(phone_incoming(trio->c)->peer, "101");
    assert_int_equal(rig_media(&trio->rig, trio->seen, "a")->prompt, MEDIA_PROMPT_NONE);
    assert_int_equal(rig_media(&trio->rig, trio->seen, "b")->prompt, MEDIA_PROMPT_MUSIC);
    assert_true(rig_media(&trio->rig, trio->seen, "b")->is_muted);
}

static void test_asked_first_then_hung_up(void **state)
{
    struct trio trio;

    (void)state;
    ask(&trio);
    phone_bye(trio.at_a);
    claim_talking(&trio, "b", "c");
    RIG_UNTIL(&trio.rig, strcmp(phone_incoming(trio.b)->peer, "103") == 0);
    RIG_UNTIL(&trio.rig, strcmp(phone_incoming(trio.c)->peer, "102") == 0);
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_hung_up_while_it_rings_connects_them(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    trio.c->manners.final_status = 0;
    type(&trio, "a", "*2103#");
    phone_bye(trio.at_a);
    RIG_UNTIL(&trio.rig, trio.at_a->bye_status == 200);
    assert_int_equal(rig_media(&trio.rig, trio.seen, "b")->prompt, MEDIA_PROMPT_RINGBACK);
    phone_answer(phone_incoming(trio.c));
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c)->acks == 1);
    claim_talking(&trio, "b", "c");
    RIG_UNTIL(&trio.rig, strcmp(phone_incoming(trio.c)->peer, "102") == 0);
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_asked_first_and_back(void **state)
{
    struct trio trio;

    (void)state;
    ask(&trio);
    type(&trio, "a", "*");
    rig_run(&trio.rig, SR_SEC);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c)->byes == 1);
    claim_talking(&trio, "a", "b");
    end(&trio);
}

static void test_asked_party_hangs_up(void **state)
{
    struct trio trio;

    (void)state;
    ask(&trio);
    phone_bye(phone_incoming(trio.c));
    claim_talking(&trio, "a", "b");
    end(&trio);
}

static void test_asked_party_is_busy(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    trio.c->manners.final_status = 486;
    type(&trio, "a", "*2103#");
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c) != NULL);
    claim_talking(&trio, "a", "b");
    end(&trio);
}

static void test_the_code_once_more_makes_three(void **state)
{
    struct trio trio;

    (void)state;
    ask(&trio);
    type(&trio, "a", "*2");
    assert_int_equal(trio.seen->view->leg_count, 3);
    assert_int_equal(rig_media(&trio.rig, trio.seen, "b")->prompt, MEDIA_PROMPT_NONE);
    assert_false(rig_media(&trio.rig, trio.seen, "b")->is_muted);
    phone_bye(phone_incoming(trio.c));
    claim_talking(&trio, "a", "b");
    end(&trio);
}

static void test_without_codes_digits_go_the_short_way(void **state)
{
    struct rig rig;
    struct phone_call *call;

    (void)state;
    rig_init(&rig, NULL);
    call = rig_connect(&rig, rig_phone(&rig, "101"), "*43");
    phone_bye(call);
    RIG_ENDED(&rig, 0, "hangup");
    (void)rig_phone(&rig, "102");
    call = rig_connect(&rig, rig.phones[0], "102");
    assert_false(rig_media(&rig, rig_call(&rig, 1), "a")->stream.is_dtmf_kept);
    phone_bye(call);
    rig_done(&rig);
}

int run_incall(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits_that_begin_no_code_pass_at_once),
        cmocka_unit_test(test_a_digit_that_may_begin_a_code_is_held_for_a_moment),
        cmocka_unit_test(test_blind_by_code),
        cmocka_unit_test(test_the_called_phone_may_type_too_and_silence_ends_the_number),
        cmocka_unit_test(test_star_cancels_and_a_wrong_number_comes_back),
        cmocka_unit_test(test_asked_first_then_hung_up),
        cmocka_unit_test(test_hung_up_while_it_rings_connects_them),
        cmocka_unit_test(test_asked_first_and_back),
        cmocka_unit_test(test_asked_party_hangs_up),
        cmocka_unit_test(test_asked_party_is_busy),
        cmocka_unit_test(test_the_code_once_more_makes_three),
        cmocka_unit_test(test_without_codes_digits_go_the_short_way),
    };

    return cmocka_run_group_tests_name("incall", tests, NULL, NULL);
}

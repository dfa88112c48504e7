/* More than two parties, commands of the API, digits, echo, conference rooms. */
#include "rig.h"

struct trio {
    struct rig rig;
    struct sim_phone *a, *b, *c;
    struct phone_call *at_a;
    struct rig_call *seen;
};

static void begin(struct trio *trio)
{
    rig_init(&trio->rig, NULL);
    trio->a = rig_phone(&trio->rig, "101");
    trio->b = rig_phone(&trio->rig, "102");
    trio->c = rig_phone(&trio->rig, "103");
}

static void begin_call(struct trio *trio)
{
    begin(trio);
    trio->at_a = rig_connect(&trio->rig, trio->a, "102");
    trio->seen = rig_call(&trio->rig, 0);
}

static void end(struct trio *trio)
{
    phone_bye(trio->at_a);
    RIG_ENDED(&trio->rig, 0, "hangup");
    rig_done(&trio->rig);
}

static enum sr_err add(struct trio *trio, const char *to)
{
    struct engine_command command = rig_command(ENGINE_DO_LEG_ADD, trio->seen, NULL);

    (void)sr_str_copy(sr_str_c(to), command.to, sizeof(command.to));
    return rig_do(&trio->rig, &command);
}

static enum sr_err start_call(struct rig *rig, const char *from, const char *to)
{
    struct engine_command command = {.kind = ENGINE_DO_CALL};

    (void)sr_str_copy(sr_str_c(from), command.from, sizeof(command.from));
    (void)sr_str_copy(sr_str_c(to), command.to, sizeof(command.to));
    return rig_do(rig, &command);
}

/* ---- a third party ---- */

static void test_third_party_joins_and_leaves_relay_mix_relay(void **state)
{
    struct trio trio;
    struct engine_command drop;

    (void)state;
    begin_call(&trio);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_RELAY);
    assert_int_equal(add(&trio, "103"), SR_OK);
    assert_true(sim_has(sr_str_c(trio.rig.reply), "legId"));
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c) != NULL && phone_incoming(trio.c)->acks == 1);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_MIX);
    assert_int_equal(trio.seen->view->leg_count, 3);
    assert_int_equal(port_sim_leg_count(trio.rig.media), 3);
    drop = rig_command(ENGINE_DO_LEG_REMOVE, trio.seen, "c");
    assert_int_equal(rig_do(&trio.rig, &drop), SR_OK);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c)->byes == 1);
    rig_run(&trio.rig, 4 * SR_SEC);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_MIX);
    rig_run(&trio.rig, 2 * SR_SEC);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_RELAY);
    end(&trio);
}

static void test_third_party_keeps_the_call_when_the_first_hangs_up(void **state)
{
    struct trio trio;

    (void)state;
    begin_call(&trio);
    assert_int_equal(add(&trio, "103"), SR_OK);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c) != NULL && phone_incoming(trio.c)->acks == 1);
    phone_bye(trio.at_a);
    rig_run(&trio.rig, 6 * SR_SEC);
    assert_int_equal(trio.seen->ended, 0);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_RELAY);
    phone_bye(phone_incoming(trio.c));
    RIG_ENDED(&trio.rig, 0, "hangup");
    RIG_UNTIL(&trio.rig, phone_incoming(trio.b)->byes == 1);
    rig_done(&trio.rig);
}

static void test_added_party_that_refuses_leaves_the_call_alone(void **state)
{
    struct trio trio;

    (void)state;
    begin_call(&trio);
    trio.c->manners.final_status = 603;
    assert_int_equal(add(&trio, "103"), SR_OK);
    assert_int_equal(add(&trio, "103"), SR_ERR_STATE); /* one is being rung */
    rig_run(&trio.rig, 8 * SR_SEC);
    assert_int_equal(trio.seen->ended, 0);
    assert_int_equal(trio.seen->view->leg_count, 2);
    assert_int_equal(add(&trio, "999"), SR_ERR_NOTFOUND);
    assert_int_equal(add(&trio, "104"), SR_ERR_STATE); /* offline */
    assert_int_equal(add(&trio, "800"), SR_ERR_UNSUPPORTED);
    assert_int_equal(trio.seen->view->leg_count, 2);
    end(&trio);
}

static void test_call_ends_while_a_third_party_rings(void **state)
{
    struct trio trio;

    (void)state;
    begin_call(&trio);
    trio.c->manners.final_status = 0;
    assert_int_equal(add(&trio, "103"), SR_OK);
    rig_run(&trio.rig, 2 * SR_SEC);
    phone_bye(trio.at_a);
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(trio.seen->ended, 0); /* the other waits for who is rung */
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c)->cancels == 1);
    rig_done(&trio.rig);
}

static void test_hold_in_a_call_of_three_gives_music_only_to_who_is_left_alone(void **state)
{
    struct trio trio;

    (void)state;
    begin_call(&trio);
    assert_int_equal(add(&trio, "103"), SR_OK);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c) != NULL && phone_incoming(trio.c)->acks == 1);
    phone_reinvite(trio.at_a, "sendonly");
    RIG_UNTIL(&trio.rig, trio.at_a->reoffer_status == 200);
    assert_int_equal(rig_media(&trio.rig, trio.seen, "b")->prompt, MEDIA_PROMPT_NONE);
    assert_int_equal(rig_media(&trio.rig, trio.seen, "c")->prompt, MEDIA_PROMPT_NONE);
    assert_true(
        rig_media(&trio.rig, trio.seen, "a")->is_muted); /* no music of its own in the mix */
    phone_reinvite(phone_incoming(trio.c), "inactive");
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c)->reoffer_status == 200);
    assert_int_equal(rig_media(&trio.rig, trio.seen, "b")->prompt, MEDIA_PROMPT_MUSIC);
    phone_bye(phone_incoming(trio.c));
    rig_run(&trio.rig, SR_SEC);
    phone_reinvite(trio.at_a, "sendrecv");
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(rig_media(&trio.rig, trio.seen, "b")->prompt, MEDIA_PROMPT_NONE);
    end(&trio);
}

static void test_mute_by_command_outlives_hold_and_resume(void **state)
{
    struct trio trio;
    struct engine_command change;

    (void)state;
    begin_call(&trio);
    change = rig_command(ENGINE_DO_LEG_CHANGE, trio.seen, "a");
    change.has_muted = change.is_muted = true;
    assert_int_equal(rig_do(&trio.rig, &change), SR_OK);
    phone_reinvite(trio.at_a, "sendonly");
    RIG_UNTIL(&trio.rig, trio.at_a->reoffer_status == 200);
    phone_reinvite(trio.at_a, "sendrecv");
    RIG_UNTIL(&trio.rig, trio.at_a->reoffer_status == 200);
    rig_run(&trio.rig, 6 * SR_SEC);
    assert_true(rig_media(&trio.rig, trio.seen, "a")->is_muted);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_MIX);
    end(&trio);
}

static void test_group_is_rung_for_a_live_call_and_the_first_joins(void **state)
{
    struct trio trio;
    struct sim_phone *d;

    (void)state;
    begin(&trio);
    d = rig_phone(&trio.rig, "104");
    trio.c->manners.final_after = 3 * SR_SEC;
    trio.at_a = rig_connect(&trio.rig, trio.a, "104");
    trio.seen = rig_call(&trio.rig, 0);
    assert_int_equal(add(&trio, "200"), SR_OK);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.b) != NULL && phone_incoming(trio.b)->acks == 1);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c)->cancels == 1);
    assert_true(sim_has(sr_str_c(phone_incoming(trio.c)->end_reason), "elsewhere"));
    assert_int_equal(trio.seen->view->leg_count, 3);
    phone_bye(phone_incoming(trio.b));
    phone_bye(phone_incoming(d));
    RIG_ENDED(&trio.rig, 0, "hangup");
    RIG_UNTIL(&trio.rig, trio.at_a->byes == 1);
    rig_done(&trio.rig);
}

static void test_legs_that_still_ring_can_be_dropped_by_command(void **state)
{
    struct trio trio;
    struct engine_command drop;
    static const char *const legs[] = {"a", "b"};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(legs); i++) {
        begin(&trio);
        trio.b->manners.final_status = 0;
        trio.at_a = phone_dial(trio.a, "102");
        RIG_UNTIL(&trio.rig, phone_had_status(trio.at_a, 180));
        drop = rig_command(ENGINE_DO_LEG_REMOVE, rig_call(&trio.rig, 0), legs[i]);
        assert_int_equal(rig_do(&trio.rig, &drop), SR_OK);
        RIG_ENDED(&trio.rig, 0, "api");
        RIG_UNTIL(&trio.rig, trio.at_a->state == PHONE_OVER);
        assert_int_equal(trio.at_a->status, 480);
        RIG_UNTIL(&trio.rig, phone_incoming(trio.b)->cancels == 1);
        rig_done(&trio.rig);
    }
}

static void test_ringing_legs_refuse_commands_of_answered_ones(void **state)
{
    struct trio trio;
    struct engine_command command;

    (void)state;
    begin(&trio);
    trio.b->manners.final_status = 0;
    trio.at_a = phone_dial(trio.a, "102");
    RIG_UNTIL(&trio.rig, phone_had_status(trio.at_a, 180));
    trio.seen = rig_call(&trio.rig, 0);
    command = rig_command(ENGINE_DO_LEG_CHANGE, trio.seen, "b");
    command.has_held = command.is_held = true;
    assert_int_equal(rig_do(&trio.rig, &command), SR_ERR_STATE);
    command = rig_command(ENGINE_DO_DTMF, trio.seen, "b");
    command.digits[0] = '1';
    assert_int_equal(rig_do(&trio.rig, &command), SR_ERR_STATE);
    assert_int_equal(add(&trio, "103"), SR_ERR_STATE);
    command.leg_id[0] = '-';
    assert_int_equal(rig_do(&trio.rig, &command), SR_ERR_NOTFOUND);
    command = rig_command(ENGINE_DO_TRACE, trio.seen, NULL);
    assert_int_equal(rig_do(&trio.rig, &command), SR_OK);
    assert_true(sim_has(sr_str_c(trio.rig.reply), "INVITE sip:102@"));
    command = rig_command(ENGINE_DO_HANGUP, trio.seen, NULL);
    assert_int_equal(rig_do(&trio.rig, &command), SR_OK);
    RIG_ENDED(&trio.rig, 0, "api");
    RIG_UNTIL(&trio.rig, trio.at_a->status == 480);
    rig_done(&trio.rig);
}

/* ---- calls made by the API ---- */

static void test_api_call_rings_from_then_dials_to(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    assert_int_equal(start_call(&trio.rig, "a", "102"), SR_OK);
    assert_true(sim_has(sr_str_c(trio.rig.reply), rig_call(&trio.rig, 0)->call_id));
    assert_null(phone_incoming(trio.b));
    RIG_UNTIL(&trio.rig, phone_incoming(trio.a)->state == PHONE_UP);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.b) != NULL);
    rig_run(&trio.rig, 100 * SR_MSEC);
    assert_int_equal(rig_media(&trio.rig, rig_call(&trio.rig, 0), "a")->prompt,
                     MEDIA_PROMPT_RINGBACK);
    assert_true(sim_has(sr_str_c(phone_incoming(trio.b)->remote_uri), "sip:101@"));
    RIG_UNTIL(&trio.rig, rig_call(&trio.rig, 0)->answered == 1);
    rig_run(&trio.rig, 6 * SR_SEC);
    assert_int_equal(rig_media(&trio.rig, rig_call(&trio.rig, 0), "a")->prompt, MEDIA_PROMPT_NONE);
    assert_int_equal(rig_mode(&trio.rig, rig_call(&trio.rig, 0)), MEDIA_MODE_RELAY);
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    RIG_UNTIL(&trio.rig, phone_incoming(trio.a)->byes == 1);
    rig_done(&trio.rig);
}

/* A page that dials hears what comes before the answer. */
static void test_api_call_hears_early_media(void **state)
{
    struct trio trio;
    const struct port_sim_leg *a;

    (void)state;
    begin(&trio);
    trio.b->manners.early_status = 183;
    trio.b->manners.has_early_sdp = true;
    trio.b->manners.final_after = 5 * SR_SEC;
    assert_int_equal(start_call(&trio.rig, "a", "102"), SR_OK);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.b) != NULL);
    rig_run(&trio.rig, SR_SEC);
    a = rig_media(&trio.rig, rig_call(&trio.rig, 0), "a");
    assert_int_equal(a->prompt, MEDIA_PROMPT_NONE);
    assert_true(rig_media(&trio.rig, rig_call(&trio.rig, 0), "b")->is_stream_set);
    assert_string_equal(rig_call(&trio.rig, 0)->view->state, "ringing");
    RIG_UNTIL(&trio.rig, rig_call(&trio.rig, 0)->answered == 1);
    rig_run(&trio.rig, 6 * SR_SEC);
    assert_int_equal(rig_mode(&trio.rig, rig_call(&trio.rig, 0)), MEDIA_MODE_RELAY);
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_api_call_whose_second_party_is_busy(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    trio.b->manners.final_status = 486;
    assert_int_equal(start_call(&trio.rig, "a", "102"), SR_OK);
    RIG_ENDED(&trio.rig, 0, "busy");
    RIG_UNTIL(&trio.rig, phone_incoming(trio.a)->byes == 1);
    rig_done(&trio.rig);
}

static void test_api_call_whose_first_party_hangs_up_while_the_second_rings(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    trio.b->manners.final_status = 0;
    assert_int_equal(start_call(&trio.rig, "a", "102"), SR_OK);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.b) != NULL);
    rig_run(&trio.rig, SR_SEC);
    phone_bye(phone_incoming(trio.a));
    RIG_ENDED(&trio.rig, 0, "cancelled");
    RIG_UNTIL(&trio.rig, phone_incoming(trio.b)->cancels == 1);
    rig_done(&trio.rig);
}

static void test_api_call_of_one_party_lasts_until_it_hangs_up(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    assert_int_equal(start_call(&trio.rig, "", "102"), SR_OK);
    RIG_UNTIL(&trio.rig, rig_call(&trio.rig, 0)->answered == 1);
    rig_run(&trio.rig, 10 * SR_SEC);
    assert_int_equal(rig_call(&trio.rig, 0)->ended, 0);
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_api_call_that_cannot_begin_says_why(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    assert_int_equal(start_call(&trio.rig, "nobody", "102"), SR_ERR_NOTFOUND);
    assert_int_equal(start_call(&trio.rig, "", "999"), SR_ERR_NOTFOUND);
    assert_int_equal(start_call(&trio.rig, "d", "102"), SR_ERR_STATE); /* offline */
    assert_string_not_equal(trio.rig.reply_why, "");
    RIG_ENDED(&trio.rig, 0, "not_found"); /* 999: nobody outside either */
    RIG_ENDED(&trio.rig, 1, "offline");
    rig_done(&trio.rig);
}

static void test_api_call_into_echo_and_conference_is_answered(void **state)
{
    struct trio trio;
    static const char *const targets[] = {"*43", "800"};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(targets); i++) {
        begin(&trio);
        assert_int_equal(start_call(&trio.rig, "a", targets[i]), SR_OK);
        RIG_UNTIL(&trio.rig, rig_call(&trio.rig, 0)->answered == 1);
        rig_run(&trio.rig, 10 * SR_SEC);
        assert_int_equal(rig_call(&trio.rig, 0)->ended, 0);
        phone_bye(phone_incoming(trio.a));
        RIG_ENDED(&trio.rig, 0, "hangup");
        rig_done(&trio.rig);
    }
}

static void test_hangup_command(void **state)
{
    struct trio trio;
    struct engine_command command;

    (void)state;
    begin_call(&trio);
    command = rig_command(ENGINE_DO_HANGUP, trio.seen, NULL);
    assert_int_equal(rig_do(&trio.rig, &command), SR_OK);
    RIG_ENDED(&trio.rig, 0, "api");
    RIG_UNTIL(&trio.rig, trio.at_a->byes == 1 && phone_incoming(trio.b)->byes == 1);
    assert_int_equal(rig_do(&trio.rig, &command), SR_ERR_NOTFOUND);
    rig_done(&trio.rig);
}

/* ---- legs by command ---- */

static void test_mute_hold_and_role_by_command(void **state)
{
    struct trio trio;
    struct engine_command change;
    const struct port_sim_leg *a, *b;

    (void)state;
    begin_call(&trio);
    change = rig_command(ENGINE_DO_LEG_CHANGE, trio.seen, "b");
    change.has_muted = change.is_muted = true;
    assert_int_equal(rig_do(&trio.rig, &change), SR_OK);
    a = rig_media(&trio.rig, trio.seen, "a");
    b = rig_media(&trio.rig, trio.seen, "b");
    assert_true(b->is_muted && !a->is_muted);
    assert_true(rig_leg(trio.seen, "b")->is_muted);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_MIX);
    change.has_held = change.is_held = true;
    change.is_muted = false;
    assert_int_equal(rig_do(&trio.rig, &change), SR_OK);
    assert_true(rig_leg(trio.seen, "b")->is_held);
    assert_int_equal(b->prompt, MEDIA_PROMPT_MUSIC);
    assert_true(b->is_muted); /* who is held is not heard */
    change.is_held = false;
    assert_int_equal(rig_do(&trio.rig, &change), SR_OK);
    assert_int_equal(b->prompt, MEDIA_PROMPT_NONE);
    assert_false(b->is_muted);
    rig_run(&trio.rig, 6 * SR_SEC);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_RELAY);
    change.has_role = true;
    (void)sr_str_copy(SR_STR("isolated"), change.role, sizeof(change.role));
    assert_int_equal(rig_do(&trio.rig, &change), SR_OK);
    assert_int_equal(b->role, MEDIA_ROLE_ISOLATED);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_MIX);
    (void)sr_str_copy(SR_STR("king"), change.role, sizeof(change.role));
    assert_int_equal(rig_do(&trio.rig, &change), SR_ERR_SYNTAX);
    end(&trio);
}

static void test_two_held_parties_are_not_heard_and_a_third_hears_the_first(void **state)
{
    struct trio trio;
    struct engine_command change;

    (void)state;
    begin_call(&trio);
    assert_int_equal(add(&trio, "103"), SR_OK);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c) != NULL && phone_incoming(trio.c)->acks == 1);
    rig_run(&trio.rig, 100 * SR_MSEC);
    change = rig_command(ENGINE_DO_LEG_CHANGE, trio.seen, "b");
    change.has_held = change.is_held = true;
    assert_int_equal(rig_do(&trio.rig, &change), SR_OK);
    assert_int_equal(rig_media(&trio.rig, trio.seen, "b")->prompt, MEDIA_PROMPT_MUSIC);
    assert_int_equal(rig_media(&trio.rig, trio.seen, "a")->prompt, MEDIA_PROMPT_NONE);
    assert_int_equal(rig_media(&trio.rig, trio.seen, "c")->prompt, MEDIA_PROMPT_NONE);
    change = rig_command(ENGINE_DO_HANGUP, trio.seen, NULL);
    assert_int_equal(rig_do(&trio.rig, &change), SR_OK);
    RIG_ENDED(&trio.rig, 0, "api");
    rig_done(&trio.rig);
}

/* ---- digits ---- */

static void test_digits_by_command_go_to_that_party(void **state)
{
    struct trio trio;
    struct engine_command command;

    (void)state;
    begin_call(&trio);
    command = rig_command(ENGINE_DO_DTMF, trio.seen, "b");
    (void)sr_str_copy(SR_STR("12#"), command.digits, sizeof(command.digits));
    assert_int_equal(rig_do(&trio.rig, &command), SR_OK);
    assert_string_equal(rig_media(&trio.rig, trio.seen, "b")->digits, "12#");
    assert_int_equal(rig_media(&trio.rig, trio.seen, "a")->digit_count, 0);
    end(&trio);
}

static void test_digit_heard_in_a_mix_is_passed_to_the_others(void **state)
{
    struct trio trio;
    struct media_event digit = {.kind = MEDIA_EVENT_DTMF, .digit = '7', .duration_ms = 100};

    (void)state;
    begin_call(&trio);
    rig_inject(&trio.rig, trio.seen, "a", digit); /* relay: its packets reach b by themselves */
    rig_run(&trio.rig, 100 * SR_MSEC);
    assert_string_equal(trio.seen->digits, "7");
    assert_int_equal(rig_media(&trio.rig, trio.seen, "b")->digit_count, 0);
    assert_int_equal(add(&trio, "103"), SR_OK);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c) != NULL && phone_incoming(trio.c)->acks == 1);
    digit.digit = '8';
    rig_inject(&trio.rig, trio.seen, "a", digit);
    rig_run(&trio.rig, 100 * SR_MSEC);
    assert_string_equal(trio.seen->digits, "78");
    assert_string_equal(rig_media(&trio.rig, trio.seen, "b")->digits, "8");
    assert_string_equal(rig_media(&trio.rig, trio.seen, "c")->digits, "8");
    assert_int_equal(rig_media(&trio.rig, trio.seen, "a")->digit_count, 0);
    phone_bye(phone_incoming(trio.c));
    rig_run(&trio.rig, SR_SEC);
    end(&trio);
}

static void test_digit_by_info_is_passed_as_the_other_phone_wants_it(void **state)
{
    struct trio trio;
    struct sim_phone *info;
    struct phone_call *call;

    (void)state;
    begin_call(&trio);
    phone_info(trio.at_a, '5');
    RIG_UNTIL(&trio.rig, trio.at_a->info_status == 200);
    assert_string_equal(trio.seen->digits, "5");
    assert_string_equal(rig_media(&trio.rig, trio.seen, "b")->digits, "5");
    phone_bye(trio.at_a);
    RIG_ENDED(&trio.rig, 0, "hangup");
    info = rig_phone(&trio.rig, "107"); /* dtmf: info */
    call = rig_connect(&trio.rig, trio.a, "107");
    phone_info(call, '#');
    RIG_UNTIL(&trio.rig, phone_incoming(info)->infos == 1);
    assert_true(sim_has(sr_str_c(phone_incoming(info)->info_body), "#"));
    phone_bye(call);
    RIG_ENDED(&trio.rig, 1, "hangup");
    rig_done(&trio.rig);
}

static void test_what_the_media_plane_measures_is_shown(void **state)
{
    struct trio trio;
    struct media_event event = {.kind = MEDIA_EVENT_STATS};

    (void)state;
    begin_call(&trio);
    event.stats = (struct media_leg_stats){.loss_pct = 2.5, .jitter_ms = 7, .rtt_ms = 30, .mos = 4};
    rig_inject(&trio.rig, trio.seen, "a", event);
    rig_run(&trio.rig, 100 * SR_MSEC);
    assert_int_equal(trio.seen->qualities, 1);
    assert_true(rig_leg(trio.seen, "a")->quality.mos > 3.9);
    assert_true(rig_leg(trio.seen, "b")->quality.mos < 0);
    event = (struct media_event){.kind = MEDIA_EVENT_LATCHED, .addr = trio.a->addr};
    rig_inject(&trio.rig, trio.seen, "a", event);
    rig_run(&trio.rig, 100 * SR_MSEC);
    assert_string_equal(rig_leg(trio.seen, "a")->address, "192.0.2.10:5060");
    assert_true(trio.rig.wakes > 0);
    end(&trio);
}

/* Events of many turns share a wake-up, and none waits longer than it may. */
static void test_the_listener_is_woken_once_for_some_turns(void **state)
{
    struct trio trio;
    struct media_event event = {.kind = MEDIA_EVENT_STATS};
    uint32_t before;

    (void)state;
    begin_call(&trio);
    rig_run(&trio.rig, 100 * SR_MSEC);
    before = trio.rig.wakes;
    rig_inject(&trio.rig, trio.seen, "a", event);
    rig_run(&trio.rig, SR_MSEC);
    assert_int_equal(trio.rig.wakes, before + 1); /* after a while of silence at once */
    for (int i = 0; i < 39; i++) {
        rig_inject(&trio.rig, trio.seen, "a", event);
        rig_run(&trio.rig, SR_MSEC);
    }
    rig_run(&trio.rig, 5 * SR_MSEC);
    assert_int_equal(trio.seen->qualities, 40);
    assert_in_range(trio.rig.wakes, before + 9, before + 10); /* 44 ms, 5 apart */
    before = trio.rig.wakes;
    rig_run(&trio.rig, 20 * SR_MSEC);
    assert_int_equal(trio.rig.wakes, before);
    end(&trio);
}

static void test_route_test_tells_who_would_ring(void **state)
{
    struct trio trio;
    struct engine_command command = {.kind = ENGINE_DO_ROUTE_TEST, .from = "101", .to = "200"};

    (void)state;
    begin(&trio);
    assert_int_equal(rig_do(&trio.rig, &command), SR_OK);
    assert_true(sim_has(sr_str_c(trio.rig.reply), "[\"b\",\"c\"]"));
    rig_done(&trio.rig);
}

/* ---- echo, rooms ---- */

static void test_echo(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio);
    trio.at_a = rig_connect(&trio.rig, trio.a, "*43");
    trio.seen = rig_call(&trio.rig, 0);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_MIX);
    assert_int_equal(port_sim_leg_count(trio.rig.media), 2);
    phone_reinvite(trio.at_a, "sendonly");
    RIG_UNTIL(&trio.rig, trio.at_a->reoffer_status == 200);
    phone_reinvite(trio.at_a, "sendrecv");
    RIG_UNTIL(&trio.rig, trio.at_a->reoffer_status == 200);
    end(&trio);
}

static void test_conference_of_four_outlives_its_first_and_ends_with_its_last(void **state)
{
    struct trio trio;
    struct phone_call *at_b, *at_c, *at_d;
    struct sim_phone *d;

    (void)state;
    begin(&trio);
    d = rig_phone(&trio.rig, "104");
    d->manners.codecs = "opus";
    trio.at_a = rig_connect(&trio.rig, trio.a, "800");
    at_b = rig_connect(&trio.rig, trio.b, "800");
    at_c = rig_connect(&trio.rig, trio.c, "800");
    at_d = rig_connect(&trio.rig, d, "800");
    assert_int_equal(trio.rig.calls.count, 1);
    trio.seen = rig_call(&trio.rig, 0);
    assert_int_equal(trio.seen->view->leg_count, 4);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_MIX);
    phone_bye(trio.at_a);
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(trio.seen->view->leg_count, 3);
    trio.at_a = rig_connect(&trio.rig, trio.a, "800"); /* and comes again */
    assert_int_equal(trio.rig.calls.count, 1);
    phone_bye(trio.at_a);
    phone_bye(at_b);
    phone_bye(at_c);
    rig_run(&trio.rig, 6 * SR_SEC);
    assert_int_equal(trio.seen->ended, 0);
    assert_int_equal(trio.seen->view->leg_count, 1);
    phone_bye(at_d);
    RIG_ENDED(&trio.rig, 0, "hangup");
    phone_bye(rig_connect(&trio.rig, trio.b, "800")); /* a new room */
    RIG_ENDED(&trio.rig, 1, "hangup");
    rig_done(&trio.rig);
}

static void test_guest_with_no_codec_does_not_disturb_a_conference(void **state)
{
    struct trio trio;
    struct phone_call *call;

    (void)state;
    begin(&trio);
    trio.at_a = rig_connect(&trio.rig, trio.a, "800");
    trio.b->manners.codecs = "iLBC";
    call = phone_dial(trio.b, "800");
    RIG_UNTIL(&trio.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 488);
    assert_int_equal(rig_call(&trio.rig, 0)->ended, 0);
    end(&trio);
}

int run_party(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_third_party_joins_and_leaves_relay_mix_relay),
        cmocka_unit_test(test_third_party_keeps_the_call_when_the_first_hangs_up),
        cmocka_unit_test(test_added_party_that_refuses_leaves_the_call_alone),
        cmocka_unit_test(test_call_ends_while_a_third_party_rings),
        cmocka_unit_test(test_hold_in_a_call_of_three_gives_music_only_to_who_is_left_alone),
        cmocka_unit_test(test_mute_by_command_outlives_hold_and_resume),
        cmocka_unit_test(test_group_is_rung_for_a_live_call_and_the_first_joins),
        cmocka_unit_test(test_legs_that_still_ring_can_be_dropped_by_command),
        cmocka_unit_test(test_ringing_legs_refuse_commands_of_answered_ones),
        cmocka_unit_test(test_api_call_rings_from_then_dials_to),
        cmocka_unit_test(test_api_call_hears_early_media),
        cmocka_unit_test(test_api_call_whose_second_party_is_busy),
        cmocka_unit_test(test_api_call_whose_first_party_hangs_up_while_the_second_rings),
        cmocka_unit_test(test_api_call_of_one_party_lasts_until_it_hangs_up),
        cmocka_unit_test(test_api_call_that_cannot_begin_says_why),
        cmocka_unit_test(test_api_call_into_echo_and_conference_is_answered),
        cmocka_unit_test(test_hangup_command),
        cmocka_unit_test(test_mute_hold_and_role_by_command),
        cmocka_unit_test(test_two_held_parties_are_not_heard_and_a_third_hears_the_first),
        cmocka_unit_test(test_digits_by_command_go_to_that_party),
        cmocka_unit_test(test_digit_heard_in_a_mix_is_passed_to_the_others),
        cmocka_unit_test(test_digit_by_info_is_passed_as_the_other_phone_wants_it),
        cmocka_unit_test(test_what_the_media_plane_measures_is_shown),
        cmocka_unit_test(test_the_listener_is_woken_once_for_some_turns),
        cmocka_unit_test(test_route_test_tells_who_would_ring),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_conference_of_four_outlives_its_first_and_ends_with_its_last),
        cmocka_unit_test(test_guest_with_no_codec_does_not_disturb_a_conference),
    };

    return cmocka_run_group_tests_name("party", tests, NULL, NULL);
}

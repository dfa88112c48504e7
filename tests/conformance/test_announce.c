/* Sounds for legs in virtual time: announcements, plays of the API, digits behind a prompt. */
#include "rig.h"

#include "speech/speaker.h"

enum {
    MS_PER_CHAR = 50
};

static bool has_voice(const char *voice)
{
    return strcmp(voice, "twin") == 0;
}

static enum sr_err speak(const char *text, const char *voice, struct media_clip **ret_clip)
{
    (void)voice;
    if (strstr(text, "unspeakable") != NULL)
        return SR_ERR_IO;
    *ret_clip = media_clip_new(8000, 8 * MS_PER_CHAR * strlen(text));
    return SR_OK;
}

const struct speaker rig_speaker = {
    .name = "twin",
    .version = "1",
    .voice = "twin",
    .has_voice = has_voice,
    .speak = speak,
    .voices = "twin",
};

static const char config_sounds[] =
    "{ \"devices\": [\n"
    "  { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" },\n"
    "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" } ],\n"
    "  \"voiceboxes\": [ { \"id\": \"main\", \"extension\": \"500\" } ],\n"
    "  \"routing\": { \"routes\": [\n"
    "    { \"id\": \"polite\", \"match\": { \"direction\": \"internal\", \"numberPattern\": "
    "\"555\" },\n"
    "      \"action\": { \"targets\": [\"b\"], \"announcement\": \"Please hold.\" } },\n"
    "    { \"id\": \"dumb\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"556\" "
    "},\n"
    "      \"action\": { \"targets\": [\"b\"], \"announcement\": \"unspeakable\" } } ] },\n"
    "  \"features\": { \"*97\": \"myVoicemail\", \"*600\": \"clock\" } }\n";

struct duo {
    struct rig rig;
    struct sim_phone *a, *b;
};

static void begin(struct duo *duo, bool is_mute)
{
    struct rig_options options = {.config = config_sounds, .has_voice = !is_mute};

    rig_init(&duo->rig, &options);
    duo->a = rig_phone(&duo->rig, "101");
    duo->b = rig_phone(&duo->rig, "102");
}

static struct rig_call *only(struct duo *duo)
{
    return rig_call(&duo->rig, 0);
}

static const struct port_sim_leg *heard_by(struct duo *duo, const char *device_id)
{
    return rig_media(&duo->rig, only(duo), device_id);
}

/* ---- what is not built says so ---- */

static void announces(const char *number, const char *reason)
{
    struct duo duo;
    struct phone_call *call;
    sr_usec answered;

    begin(&duo, false);
    call = phone_dial(duo.a, number);
    RIG_UNTIL(&duo.rig, call->state == PHONE_UP);
    answered = loop_now(duo.rig.loop);
    assert_int_equal(heard_by(&duo, "a")->role, MEDIA_ROLE_ISOLATED);
    RIG_UNTIL(&duo.rig, heard_by(&duo, "a")->play_count == 1);
    assert_int_equal(rig_mode(&duo.rig, only(&duo)), MEDIA_MODE_MIX);
    RIG_ENDED(&duo.rig, 0, reason);
    assert_true(loop_now(duo.rig.loop) - answered > SR_SEC); /* heard to its end */
    assert_int_equal(call->byes, 1);
    rig_done(&duo.rig);
}

static void test_voicemail_says_it_is_not_there(void **state)
{
    (void)state;
    announces("500", "not_built");
    announces("*97", "not_built");
}

static void test_clock_tells_the_time(void **state)
{
    (void)state;
    announces("*600", "hangup");
}

static void test_caller_hangs_up_while_it_speaks(void **state)
{
    struct duo duo;
    struct phone_call *call;

    (void)state;
    begin(&duo, false);
    call = phone_dial(duo.a, "500");
    RIG_UNTIL(&duo.rig, call->state == PHONE_UP && heard_by(&duo, "a")->play_count == 1);
    phone_bye(call);
    RIG_ENDED(&duo.rig, 0, "hangup");
    rig_done(&duo.rig);
}

static void test_caller_gives_up_before_it_is_spoken(void **state)
{
    struct duo duo;
    struct phone_call *call;

    (void)state;
    begin(&duo, false);
    call = phone_dial(duo.a, "500");
    phone_cancel(call);
    rig_run(&duo.rig, 10 * SR_SEC);
    assert_int_equal(call->state, PHONE_OVER);
    rig_done(&duo.rig);
}

static void test_without_a_voice_the_call_is_refused(void **state)
{
    struct duo duo;
    struct phone_call *call;

    (void)state;
    begin(&duo, true);
    call = phone_dial(duo.a, "500");
    RIG_UNTIL(&duo.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 501);
    RIG_ENDED(&duo.rig, 0, "not_built");
    rig_done(&duo.rig);
}

/* ---- POST /play ---- */

static struct engine_command play_command(struct duo *duo, const char *text, const char *device_id)
{
    struct engine_command command = {.kind = ENGINE_DO_PLAY};

    (void)sr_str_copy(sr_str_c(only(duo)->call_id), command.call_id, sizeof(command.call_id));
    (void)sr_str_copy(sr_str_c(text), command.sound, sizeof(command.sound));
    if (device_id != NULL)
        (void)sr_str_copy(sr_str_c(rig_leg_id(only(duo), device_id)),
                          command.play_legs[command.play_leg_count++], ENGINE_ID_MAX);
    return command;
}

static void test_play_to_one_leg(void **state)
{
    struct engine_command play;
    struct duo duo;
    struct phone_call *call;

    (void)state;
    begin(&duo, false);
    call = rig_connect(&duo.rig, duo.a, "102");
    play = play_command(&duo, "hello", "a");
    assert_int_equal(rig_do(&duo.rig, &play), SR_OK);
    assert_non_null(strstr(duo.rig.reply, "playId"));
    RIG_UNTIL(&duo.rig, heard_by(&duo, "a")->play_count == 1);
    assert_int_equal(heard_by(&duo, "b")->play_count, 0);
    assert_int_equal(duo.rig.plays_started, 1);
    RIG_UNTIL(&duo.rig, duo.rig.plays_finished == 1);
    assert_string_equal(duo.rig.play_end, "done");
    assert_int_equal(heard_by(&duo, "a")->play_count, 0);
    assert_int_equal(call->state, PHONE_UP);
    phone_bye(call);
    RIG_ENDED(&duo.rig, 0, "hangup");
    rig_done(&duo.rig);
}

static void test_play_to_all_by_a_leg_of_its_own(void **state)
{
    struct engine_command play;
    struct duo duo;
    struct phone_call *call;

    (void)state;
    begin(&duo, false);
    call = rig_connect(&duo.rig, duo.a, "102");
    play = play_command(&duo, "hello", NULL);
    assert_int_equal(rig_do(&duo.rig, &play), SR_OK);
    RIG_UNTIL(&duo.rig, only(&duo)->view->leg_count == 3);
    assert_int_equal(rig_mode(&duo.rig, only(&duo)), MEDIA_MODE_MIX);
    assert_int_equal(heard_by(&duo, "a")->play_count, 0);
    RIG_UNTIL(&duo.rig, duo.rig.plays_finished == 1);
    RIG_UNTIL(&duo.rig, only(&duo)->view->leg_count == 2);
    RIG_UNTIL(&duo.rig, rig_mode(&duo.rig, only(&duo)) == MEDIA_MODE_RELAY);
    phone_bye(call);
    RIG_ENDED(&duo.rig, 0, "hangup");
    rig_done(&duo.rig);
}

static void test_player_keeps_no_call_alive(void **state)
{
    struct engine_command play;
    struct duo duo;
    struct phone_call *call;

    (void)state;
    begin(&duo, false);
    call = rig_connect(&duo.rig, duo.a, "102");
    play = play_command(&duo, "hello", NULL);
    play.is_looping = true;
    assert_int_equal(rig_do(&duo.rig, &play), SR_OK);
    rig_run(&duo.rig, 10 * SR_SEC);
    assert_int_equal(duo.rig.plays_finished, 0);
    phone_bye(call);
    RIG_ENDED(&duo.rig, 0, "hangup");
    assert_int_equal(duo.rig.plays_finished,
                     1); /* told, though its end and the call's came at once */
    rig_done(&duo.rig);
}

static void test_stop_one_and_all(void **state)
{
    struct engine_command play, stop;
    struct duo duo;
    struct phone_call *call;
    const char *id;

    (void)state;
    begin(&duo, false);
    call = rig_connect(&duo.rig, duo.a, "102");
    play = play_command(&duo, "hello", "a");
    play.is_looping = true;
    assert_int_equal(rig_do(&duo.rig, &play), SR_OK);
    stop = (struct engine_command){.kind = ENGINE_DO_PLAY_STOP};
    memcpy(stop.call_id, play.call_id, sizeof(stop.call_id));
    id = strstr(duo.rig.reply, "\":\"");
    assert_non_null(id);
    (void)sr_str_copy(sr_str_make(id + 3, strcspn(id + 3, "\"")), stop.play_id,
                      sizeof(stop.play_id));
    play = play_command(&duo, "world", NULL);
    play.is_looping = true;
    assert_int_equal(rig_do(&duo.rig, &play), SR_OK);
    rig_run(&duo.rig, 5 * SR_SEC);
    assert_int_equal(rig_do(&duo.rig, &stop), SR_OK);
    RIG_UNTIL(&duo.rig, duo.rig.plays_finished == 1);
    assert_string_equal(duo.rig.play_end, "stopped");
    assert_int_equal(rig_do(&duo.rig, &stop), SR_ERR_NOTFOUND);
    stop.play_id[0] = '\0';
    assert_int_equal(rig_do(&duo.rig, &stop), SR_OK);
    RIG_UNTIL(&duo.rig, duo.rig.plays_finished == 2);
    assert_int_equal(rig_do(&duo.rig, &stop), SR_OK); /* nothing left to stop is fine */
    phone_bye(call);
    RIG_ENDED(&duo.rig, 0, "hangup");
    rig_done(&duo.rig);
}

static void test_what_cannot_be_played_says_why(void **state)
{
    struct engine_command play;
    struct duo duo;
    struct phone_call *call;

    (void)state;
    begin(&duo, false);
    duo.b->manners.final_after = SR_SEC;
    call = phone_dial(duo.a, "102");
    RIG_UNTIL(&duo.rig, phone_had_status(call, 180));
    play = play_command(&duo, "hello", NULL);
    assert_int_equal(rig_do(&duo.rig, &play), SR_ERR_STATE);
    RIG_UNTIL(&duo.rig, call->state == PHONE_UP);
    play = play_command(&duo, "hello", NULL);
    (void)sr_str_copy(SR_STR("nobody"), play.play_legs[play.play_leg_count++], ENGINE_ID_MAX);
    assert_int_equal(rig_do(&duo.rig, &play), SR_ERR_NOTFOUND);
    play = play_command(&duo, "this is unspeakable", "b");
    assert_int_equal(rig_do(&duo.rig, &play), SR_OK);
    RIG_UNTIL(&duo.rig, duo.rig.plays_finished == 1);
    assert_string_equal(duo.rig.play_end, "failed");
    play = play_command(&duo, "../passwd", "b");
    play.is_file = true;
    assert_int_equal(rig_do(&duo.rig, &play), SR_OK);
    RIG_UNTIL(&duo.rig, duo.rig.plays_finished == 2);
    assert_string_equal(duo.rig.play_end, "failed");
    phone_bye(call);
    RIG_ENDED(&duo.rig, 0, "hangup");
    rig_done(&duo.rig);
}

/* ---- digits behind a prompt ---- */

/* An application for extension 500: asks for a code, again until it is right. */
struct asker {
    struct leg_collect_options options;
    bool has_prompt;
    uint32_t ends[LEG_COLLECT_GONE + 1];
    char digits[LEG_DIGITS_MAX + 1];
};

static void on_collected(void *arg, const struct leg_collected *collected)
{
    struct asker *asker = arg;

    asker->ends[collected->end]++;
    assert_true((collected->leg == NULL) == (collected->end == LEG_COLLECT_GONE));
    (void)sr_str_copy(collected->digits, asker->digits, sizeof(asker->digits));
    if (collected->leg != NULL)
        leg_end(collected->leg, CALL_REASON_HANGUP);
}

static bool asker_serves(const struct config_extension *what)
{
    return what->kind == CONFIG_EXTENSION_VOICEBOX;
}

static void asker_enters(void *state, struct call *call, struct leg *leg,
                         const struct config_extension *what)
{
    struct call_sound prompt = {.kind = CALL_SOUND_TEXT, .text = SR_STR("Please enter the code")};
    struct asker *asker = state;

    (void)call;
    (void)what;
    leg_set_role(leg, MEDIA_ROLE_ISOLATED);
    assert_true(leg_answer_here(leg));
    asker->options.on_collected = on_collected;
    asker->options.arg = asker;
    assert_true(leg_collect(leg, asker->has_prompt ? &prompt : NULL, &asker->options));
    assert_false(leg_collect(leg, NULL, &asker->options)); /* one at a time */
}

static const struct app_ops app_asker = {
    .name = "asker", .serves = asker_serves, .on_enter = asker_enters};

static struct phone_call *ask(struct duo *duo, struct asker *asker)
{
    struct rig_options options = {
        .config = config_sounds, .has_voice = true, .app = &app_asker, .app_state = asker};
    struct phone_call *call;

    rig_init(&duo->rig, &options);
    duo->a = rig_phone(&duo->rig, "101");
    call = phone_dial(duo->a, "500");
    RIG_UNTIL(&duo->rig, call->state == PHONE_UP);
    if (asker->has_prompt)
        RIG_UNTIL(&duo->rig, heard_by(duo, "a")->play_count == 1);
    return call;
}

static void press(struct duo *duo, const char *digits)
{
    for (const char *digit = digits; *digit != '\0'; digit++) {
        rig_inject(
            &duo->rig, only(duo), "a",
            (struct media_event){.kind = MEDIA_EVENT_DTMF, .digit = *digit, .duration_ms = 100});
        rig_run(&duo->rig, 200 * SR_MSEC);
    }
}

static void test_digits_with_barge_in_and_terminator(void **state)
{
    struct asker asker = {.has_prompt = true,
                          .options = {.digits_max = 8, .terminator = '#', .has_barge_in = true}};
    struct duo duo;

    (void)state;
    (void)ask(&duo, &asker);
    press(&duo, "1");
    assert_int_equal(heard_by(&duo, "a")->play_count, 0); /* the prompt is silent at once */
    press(&duo, "234#");
    assert_int_equal(asker.ends[LEG_COLLECT_TERMINATOR], 1);
    assert_string_equal(asker.digits, "1234");
    RIG_ENDED(&duo.rig, 0, "hangup");
    assert_string_equal(only(&duo)->digits, "1234#");
    rig_done(&duo.rig);
}

static void test_secret_digits_make_no_events(void **state)
{
    struct asker asker = {.has_prompt = true,
                          .options = {.digits_max = 4, .has_barge_in = true, .is_secret = true}};
    struct duo duo;

    (void)state;
    (void)ask(&duo, &asker);
    press(&duo, "9876");
    assert_int_equal(asker.ends[LEG_COLLECT_FULL], 1);
    assert_string_equal(asker.digits, "9876");
    RIG_ENDED(&duo.rig, 0, "hangup");
    assert_string_equal(only(&duo)->digits, "");
    rig_done(&duo.rig);
}

static void test_keys_before_the_end_of_the_prompt_do_not_count(void **state)
{
    struct asker asker = {.has_prompt = true, .options = {.digits_max = 4}};
    struct duo duo;

    (void)state;
    (void)ask(&duo, &asker);
    press(&duo, "1");
    assert_int_equal(heard_by(&duo, "a")->play_count, 1);
    rig_run(&duo.rig, 21 * MS_PER_CHAR * SR_MSEC);
    press(&duo, "23");
    RIG_UNTIL(&duo.rig, asker.ends[LEG_COLLECT_TIMEOUT] == 1);
    assert_string_equal(asker.digits, "23");
    RIG_ENDED(&duo.rig, 0, "hangup");
    rig_done(&duo.rig);
}

static void test_waits_from_the_end_of_the_prompt(void **state)
{
    struct asker asker = {.has_prompt = true, .options = {.digits_max = 4, .first_ms = 2000}};
    struct duo duo;
    sr_usec began;

    (void)state;
    (void)ask(&duo, &asker);
    began = loop_now(duo.rig.loop);
    RIG_UNTIL(&duo.rig, asker.ends[LEG_COLLECT_TIMEOUT] == 1);
    assert_true(loop_now(duo.rig.loop) - began > (2000 + 20 * MS_PER_CHAR) * SR_MSEC);
    assert_string_equal(asker.digits, "");
    RIG_ENDED(&duo.rig, 0, "hangup");
    rig_done(&duo.rig);
}

static void test_without_prompt_it_waits_at_once(void **state)
{
    struct asker asker = {.options = {.digits_max = 2, .next_ms = 1000}};
    struct duo duo;

    (void)state;
    (void)ask(&duo, &asker);
    press(&duo, "7");
    RIG_UNTIL(&duo.rig, asker.ends[LEG_COLLECT_TIMEOUT] == 1);
    assert_string_equal(asker.digits, "7");
    RIG_ENDED(&duo.rig, 0, "hangup");
    rig_done(&duo.rig);
}

static void test_leg_that_goes_is_told_of_once(void **state)
{
    struct asker asker = {.has_prompt = true, .options = {.digits_max = 4, .has_barge_in = true}};
    struct duo duo;
    struct phone_call *call;

    (void)state;
    call = ask(&duo, &asker);
    press(&duo, "7");
    phone_bye(call);
    RIG_ENDED(&duo.rig, 0, "hangup");
    rig_run(&duo.rig, 30 * SR_SEC);
    assert_int_equal(asker.ends[LEG_COLLECT_GONE], 1);
    assert_int_equal(asker.ends[LEG_COLLECT_TIMEOUT], 0);
    rig_done(&duo.rig);
}

/* ---- anything at any time ---- */

static void step(struct duo *duo, struct sr_prng *prng)
{
    struct rig_call *call = only(duo);
    struct engine_command command;

    if (call->ended > 0)
        return;
    switch (sr_prng_u64(prng) % 7) {
    case 0:
    case 1:
        command = play_command(duo, sr_prng_u64(prng) % 3 ? "hello" : "unspeakable",
                               sr_prng_u64(prng) % 2 ? "a" : NULL);
        command.is_looping = sr_prng_u64(prng) % 2;
        (void)rig_do(&duo->rig, &command);
        break;
    case 2:
        command = rig_command(ENGINE_DO_PLAY_STOP, call, NULL);
        (void)rig_do(&duo->rig, &command);
        break;
    case 3:
        command = rig_command(ENGINE_DO_LEG_CHANGE, call, "a");
        command.has_held = true;
        command.is_held = sr_prng_u64(prng) % 2;
        (void)rig_do(&duo->rig, &command);
        break;
    case 4:
        rig_inject(
            &duo->rig, call, "a",
            (struct media_event){.kind = MEDIA_EVENT_DTMF, .digit = '5', .duration_ms = 100});
        break;
    default:
        rig_run(&duo->rig, (sr_usec)(sr_prng_u64(prng) % 400) * SR_MSEC);
        break;
    }
}

/* Whatever the order: every play that was begun is told to have ended, and nothing is left. */
static void test_walks(void **state)
{
    struct sr_prng prng;
    uint64_t seed = rig_seed();

    (void)state;
    for (uint64_t walk = 0; walk < 150; walk++) {
        struct duo duo;
        struct phone_call *call;
        uint32_t steps;

        sr_prng_seed(&prng, seed * 1000003 + walk);
        begin(&duo, false);
        duo.rig.walk = walk;
        call = rig_connect(&duo.rig, duo.a, "102");
        steps = (uint32_t)(sr_prng_u64(&prng) % 30);
        for (uint32_t i = 0; i < steps; i++)
            step(&duo, &prng);
        if (sr_prng_u64(&prng) % 4 == 0)
            engine_stop(duo.rig.engine);
        else if (call->state == PHONE_UP)
            phone_bye(call);
        RIG_UNTIL(&duo.rig, only(&duo)->ended == 1);
        rig_done(&duo.rig);
        assert_true(duo.rig.plays_finished <= duo.rig.plays_started);
    }
}

/* As early media, before anybody rings: "Please hold." takes 600 ms. */
static void test_a_routes_announcement_comes_before_the_ringing(void **state)
{
    struct duo duo;
    struct phone_call *call;

    (void)state;
    begin(&duo, false);
    call = phone_dial(duo.a, "555");
    RIG_UNTIL(&duo.rig, phone_had_status(call, 183));
    assert_string_not_equal(call->early_sdp, "");
    rig_run(&duo.rig, 400 * SR_MSEC);
    assert_int_equal(heard_by(&duo, "a")->play_count, 1);
    assert_int_equal(rig_mode(&duo.rig, only(&duo)), MEDIA_MODE_MIX);
    assert_int_equal(duo.b->call_count, 0);
    RIG_UNTIL(&duo.rig, duo.b->call_count == 1);
    assert_int_equal(heard_by(&duo, "a")->play_count, 0);
    RIG_UNTIL(&duo.rig, phone_had_status(call, 180));
    assert_int_equal(heard_by(&duo, "a")->prompt, MEDIA_PROMPT_RINGBACK);
    assert_int_equal(call->state, PHONE_CALLING); /* nobody has paid */
    RIG_UNTIL(&duo.rig, call->state == PHONE_UP);
    rig_run(&duo.rig, SR_SEC);
    assert_int_equal(heard_by(&duo, "a")->prompt, MEDIA_PROMPT_NONE);
    phone_bye(call);
    RIG_ENDED(&duo.rig, 0, "hangup");
    rig_done(&duo.rig);
}

static void test_who_hangs_up_during_the_announcement_rings_nobody(void **state)
{
    struct duo duo;
    struct phone_call *call;

    (void)state;
    begin(&duo, false);
    call = phone_dial(duo.a, "555");
    RIG_UNTIL(&duo.rig, phone_had_status(call, 183));
    phone_cancel(call);
    RIG_ENDED(&duo.rig, 0, "cancelled");
    assert_int_equal(duo.b->call_count, 0);
    rig_done(&duo.rig);
}

/* What cannot be said, or heard, keeps nobody from being rung. */
static void test_an_announcement_that_cannot_be_heard_is_passed_over(void **state)
{
    struct duo duo;
    struct phone_call *call;

    (void)state;
    begin(&duo, false);
    call = rig_connect(&duo.rig, duo.a, "556");
    phone_bye(call);
    RIG_ENDED(&duo.rig, 0, "hangup");
    call = phone_dial_offerless(duo.a, "555");
    RIG_UNTIL(&duo.rig, call->state == PHONE_UP);
    rig_run(&duo.rig, SR_SEC);
    phone_bye(call);
    RIG_ENDED(&duo.rig, 1, "hangup");
    rig_done(&duo.rig);
    begin(&duo, true);
    call = rig_connect(&duo.rig, duo.a, "555");
    phone_bye(call);
    RIG_ENDED(&duo.rig, 0, "hangup");
    rig_done(&duo.rig);
}

int run_announce(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_voicemail_says_it_is_not_there),
        cmocka_unit_test(test_clock_tells_the_time),
        cmocka_unit_test(test_caller_hangs_up_while_it_speaks),
        cmocka_unit_test(test_caller_gives_up_before_it_is_spoken),
        cmocka_unit_test(test_without_a_voice_the_call_is_refused),
        cmocka_unit_test(test_play_to_one_leg),
        cmocka_unit_test(test_play_to_all_by_a_leg_of_its_own),
        cmocka_unit_test(test_player_keeps_no_call_alive),
        cmocka_unit_test(test_stop_one_and_all),
        cmocka_unit_test(test_what_cannot_be_played_says_why),
        cmocka_unit_test(test_digits_with_barge_in_and_terminator),
        cmocka_unit_test(test_secret_digits_make_no_events),
        cmocka_unit_test(test_keys_before_the_end_of_the_prompt_do_not_count),
        cmocka_unit_test(test_waits_from_the_end_of_the_prompt),
        cmocka_unit_test(test_without_prompt_it_waits_at_once),
        cmocka_unit_test(test_leg_that_goes_is_told_of_once),
        cmocka_unit_test(test_walks),
        cmocka_unit_test(test_a_routes_announcement_comes_before_the_ringing),
        cmocka_unit_test(test_who_hangs_up_during_the_announcement_rings_nobody),
        cmocka_unit_test(test_an_announcement_that_cannot_be_heard_is_passed_over),
    };

    return cmocka_run_group_tests_name("announce", tests, NULL, NULL);
}

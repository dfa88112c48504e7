/* Listening in: who comes as a tool is heard by nobody or by one, the parties are told, and may not see it. */
#include "rig.h"

#include "call/internal.h"

struct trio {
    struct rig rig;
    struct sim_phone *a, *b, *c, *d;
    struct phone_call *at_a;
    struct rig_call *seen;
};

static void begin_as(struct trio *trio, const char *monitoring)
{
    struct sr_str base = sr_str_c(rig_config);
    char text[4096];
    struct sr_buf out;

    sr_buf_init_fixed(&out, text, sizeof(text));
    sr_buf_str(&out, sr_str_head(base, base.n - strlen(" }\n")));
    sr_buf_fmt(&out, ", \"monitoring\": { %s } }\n", monitoring);
    rig_init(&trio->rig, &(struct rig_options){.config = sr_buf_cstr(&out), .has_voice = true});
    trio->a = rig_phone(&trio->rig, "101");
    trio->b = rig_phone(&trio->rig, "102");
    trio->c = rig_phone(&trio->rig, "103");
    trio->d = rig_phone(&trio->rig, "104");
    trio->at_a = rig_connect(&trio->rig, trio->a, "102");
    trio->seen = rig_call(&trio->rig, 0);
}

static enum sr_err add_as(struct trio *trio, const char *to, const char *role,
                          const char *whisper_to)
{
    struct engine_command command = rig_command(ENGINE_DO_LEG_ADD, trio->seen, NULL);

    (void)sr_str_copy(sr_str_c(to), command.to, sizeof(command.to));
    command.has_role = true;
    (void)sr_str_copy(sr_str_c(role), command.role, sizeof(command.role));
    command.has_whisper = whisper_to != NULL;
    if (whisper_to != NULL)
        (void)sr_str_copy(sr_str_c(rig_leg_id(trio->seen, whisper_to)), command.whisper_to,
                          sizeof(command.whisper_to));
    return rig_do(&trio->rig, &command);
}

static enum sr_err change(struct trio *trio, const char *device, const char *role,
                          const char *whisper_to)
{
    struct engine_command command = rig_command(ENGINE_DO_LEG_CHANGE, trio->seen, device);

    command.has_role = role != NULL;
    (void)sr_str_copy(sr_str_c(role != NULL ? role : ""), command.role, sizeof(command.role));
    command.has_whisper = whisper_to != NULL;
    if (whisper_to != NULL && whisper_to[0] != '\0')
        (void)sr_str_copy(sr_str_c(rig_leg_id(trio->seen, whisper_to)), command.whisper_to,
                          sizeof(command.whisper_to));
    return rig_do(&trio->rig, &command);
}

static sr_id media_of(struct trio *trio, const char *device)
{
    const struct call *call = call__find(trio->rig.engine, trio->seen->call_id);

    SR_LIST_EACH(&call->legs, node)
    {
        const struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (strcmp(leg->device_id, device) == 0)
            return leg->media;
    }
    return SR_ID_NONE;
}

static const struct port_sim_leg *media(struct trio *trio, const char *device)
{
    return rig_media(&trio->rig, trio->seen, device);
}

static void c_listens(struct trio *trio)
{
    assert_int_equal(add_as(trio, "103", "tool", NULL), SR_OK);
    RIG_UNTIL(&trio->rig, phone_incoming(trio->c) != NULL);
    /* from the first moment on, before it has answered */
    assert_int_equal(media(trio, "c")->role, MEDIA_ROLE_TOOL);
    RIG_UNTIL(&trio->rig, phone_incoming(trio->c)->acks == 1);
}

static void end(struct trio *trio)
{
    phone_bye(trio->at_a);
    RIG_ENDED(&trio->rig, 0, "hangup"); /* who only listens keeps no call alive */
    rig_done(&trio->rig);
}

static void test_listens_whispers_and_barges_in(void **state)
{
    struct trio trio;

    (void)state;
    begin_as(&trio, "\"notice\": \"\"");
    c_listens(&trio);
    assert_int_equal(rig_mode(&trio.rig, trio.seen), MEDIA_MODE_MIX);
    assert_string_equal(rig_leg(trio.seen, "c")->role, "tool");
    assert_false(rig_leg(trio.seen, "c")->is_hidden);
    assert_int_equal(media(&trio, "c")->whisper_to, SR_ID_NONE);
    /* the phones of the others show each other, and have heard nothing */
    assert_string_equal(trio.at_a->peer, "102");
    assert_string_equal(phone_incoming(trio.b)->peer, "101");
    assert_int_equal(media(&trio, "a")->play_count + media(&trio, "b")->play_count, 0);
    assert_int_equal(change(&trio, "c", NULL, "b"), SR_OK);
    assert_true(media(&trio, "c")->whisper_to == media_of(&trio, "b"));
    assert_string_equal(rig_leg(trio.seen, "c")->whisper_to, rig_leg_id(trio.seen, "b"));
    assert_int_equal(change(&trio, "c", "participant", NULL), SR_OK); /* barges in: heard by all */
    assert_int_equal(media(&trio, "c")->role, MEDIA_ROLE_PARTICIPANT);
    assert_int_equal(media(&trio, "c")->whisper_to, SR_ID_NONE);
    assert_string_equal(rig_leg(trio.seen, "c")->whisper_to, "");
    assert_int_equal(change(&trio, "c", NULL, "b"), SR_ERR_STATE); /* no whispering while heard */
    assert_int_equal(change(&trio, "c", "tool", "c"), SR_ERR_NOTFOUND); /* to itself */
    assert_int_equal(change(&trio, "c", "tool", "a"), SR_OK);
    assert_true(media(&trio, "c")->whisper_to == media_of(&trio, "a"));
    assert_int_equal(change(&trio, "c", NULL, ""), SR_OK);
    assert_int_equal(media(&trio, "c")->whisper_to, SR_ID_NONE);
    end(&trio);
}

/* It is added with its ear already chosen; when that one leaves, nobody hears it, and that is told. */
static void claim_whispering_ends(bool is_ringing)
{
    struct trio trio;

    begin_as(&trio, "\"notice\": \"\"");
    assert_int_equal(add_as(&trio, "104", "participant", NULL), SR_OK);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.d) != NULL && phone_incoming(trio.d)->acks == 1);
    if (is_ringing)
        trio.c->manners.final_status = 0;
    assert_int_equal(add_as(&trio, "103", "tool", "b"), SR_OK);
    RIG_UNTIL(&trio.rig,
              phone_incoming(trio.c) != NULL && (is_ringing || phone_incoming(trio.c)->acks == 1));
    assert_string_equal(rig_leg(trio.seen, "c")->whisper_to, rig_leg_id(trio.seen, "b"));
    if (!is_ringing)
        assert_true(media(&trio, "c")->whisper_to == media_of(&trio, "b"));
    phone_bye(phone_incoming(trio.b));
    RIG_UNTIL(&trio.rig, trio.seen->view->leg_count == 3);
    assert_int_equal(media(&trio, "c")->whisper_to, SR_ID_NONE);
    assert_string_equal(rig_leg(trio.seen, "c")->whisper_to, "");
    end(&trio);
}

static void test_whispering_ends_with_who_heard_it(void **state)
{
    (void)state;
    claim_whispering_ends(false);
    claim_whispering_ends(true);
}

/* Who was whispered to is replaced by another phone of the same person: that one hears it, and it is told. */
static void test_whispering_follows_who_replaces_its_ear(void **state)
{
    struct trio trio;
    struct phone_call *taken;

    (void)state;
    begin_as(&trio, "\"notice\": \"\"");
    c_listens(&trio);
    assert_int_equal(change(&trio, "c", NULL, "b"), SR_OK);
    taken = phone_dial_replacing(trio.d, "102", phone_incoming(trio.b));
    RIG_UNTIL(&trio.rig, taken->state == PHONE_UP && phone_incoming(trio.b)->state == PHONE_OVER);
    rig_run(&trio.rig, SR_SEC);
    assert_true(media(&trio, "c")->whisper_to == media_of(&trio, "d"));
    assert_string_equal(rig_leg(trio.seen, "c")->whisper_to, rig_leg_id(trio.seen, "d"));
    end(&trio);
}

/* Each party hears the notice once when the listening begins, also who comes later; the listener does not. */
static void test_the_parties_are_told(void **state)
{
    struct trio trio;

    (void)state;
    begin_as(&trio, "");
    c_listens(&trio);
    assert_int_equal(media(&trio, "a")->play_count, 1);
    assert_int_equal(media(&trio, "b")->play_count, 1);
    assert_int_equal(media(&trio, "c")->play_count, 0);
    assert_true(media(&trio, "a")->play.is_over); /* over what they hear: no word is lost */
    rig_run(&trio.rig, 60 * SR_SEC);
    assert_int_equal(media(&trio, "a")->play_count, 0); /* once */
    assert_int_equal(add_as(&trio, "104", "participant", NULL), SR_OK);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.d) != NULL && phone_incoming(trio.d)->acks == 1);
    assert_int_equal(media(&trio, "d")->play_count, 1);
    assert_int_equal(media(&trio, "a")->play_count, 0);
    rig_run(&trio.rig, 10 * SR_SEC);
    assert_int_equal(change(&trio, "c", "participant", NULL), SR_OK);
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(change(&trio, "c", "tool", NULL), SR_OK); /* it begins anew */
    assert_int_equal(media(&trio, "a")->play_count, 1);
    phone_bye(phone_incoming(trio.d));
    RIG_UNTIL(&trio.rig, trio.seen->view->leg_count == 3);
    end(&trio);
}

static void test_the_notice_is_spoken_again_and_again(void **state)
{
    struct trio trio;
    uint32_t heard = 0;

    (void)state;
    begin_as(&trio, "\"notice\": \"This call is being heard.\", \"repeatSec\": 30");
    c_listens(&trio);
    for (int i = 0; i < 95; i++) {
        heard += media(&trio, "a")->play_count;
        rig_run(&trio.rig, SR_SEC);
    }
    assert_in_range(heard, 4, 12); /* at 0, 30, 60, 90 s, 1.25 s each */
    phone_bye(phone_incoming(trio.c));
    RIG_UNTIL(&trio.rig, trio.seen->view->leg_count == 2);
    rig_run(&trio.rig, 10 * SR_SEC);
    assert_int_equal(rig_mode(&trio.rig, trio.seen),
                     MEDIA_MODE_RELAY); /* nobody listens: as before */
    rig_run(&trio.rig, 40 * SR_SEC);
    assert_int_equal(media(&trio, "a")->play_count, 0);
    end(&trio);
}

/* Keys and transfers of who listens reach nobody; hidden, it is marked so for who shows calls to parties. */
static void test_a_listener_does_nothing_to_the_call(void **state)
{
    struct trio trio;
    struct phone_call *at_c;
    struct engine_command transfer;

    (void)state;
    begin_as(&trio, "\"notice\": \"\", \"hidden\": true");
    c_listens(&trio);
    at_c = phone_incoming(trio.c);
    assert_true(rig_leg(trio.seen, "c")->is_hidden);
    assert_false(rig_leg(trio.seen, "a")->is_hidden);
    rig_inject(&trio.rig, trio.seen, "c",
               (struct media_event){.kind = MEDIA_EVENT_DTMF, .digit = '5', .duration_ms = 100});
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(media(&trio, "a")->digit_count + media(&trio, "b")->digit_count, 0);
    rig_inject(&trio.rig, trio.seen, "a",
               (struct media_event){.kind = MEDIA_EVENT_DTMF, .digit = '7', .duration_ms = 100});
    rig_run(&trio.rig, SR_SEC);
    assert_string_equal(media(&trio, "b")->digits, "7");
    assert_int_equal(media(&trio, "c")->digit_count, 0);
    phone_refer(at_c, "104", NULL, NULL);
    RIG_UNTIL(&trio.rig, at_c->refer_status != 0);
    assert_int_equal(at_c->refer_status, 403);
    assert_null(phone_incoming(trio.d));
    transfer = rig_command(ENGINE_DO_TRANSFER, trio.seen, "c");
    (void)sr_str_copy(SR_STR("104"), transfer.to, sizeof(transfer.to));
    assert_int_equal(rig_do(&trio.rig, &transfer), SR_ERR_STATE); /* who would have to go for it? */
    end(&trio);
}

/* Nobody comes past a PIN by a transfer of who still types it, nor brings somebody in. */
static void test_no_transfer_past_a_pin(void **state)
{
    struct trio trio;
    struct phone_call *inside, *door;

    (void)state;
    begin_as(&trio, "");
    inside = phone_dial(trio.d, "801");
    RIG_UNTIL(&trio.rig, inside->state == PHONE_UP);
    door = phone_dial(trio.a, "801"); /* while it talks to b, too */
    RIG_UNTIL(&trio.rig, door->state == PHONE_UP);
    assert_string_equal(rig_leg(rig_call(&trio.rig, 1), "a")->role, "isolated");
    phone_refer(trio.at_a, "801", door, NULL);
    RIG_UNTIL(&trio.rig, trio.at_a->is_notify_last || trio.at_a->refer_status >= 300);
    assert_int_not_equal(trio.at_a->notify_status, 200);
    assert_string_equal(rig_leg(trio.seen, "b")->state, "answered"); /* where it was */
    phone_refer(door, "103", NULL, NULL);
    RIG_UNTIL(&trio.rig, door->refer_status != 0);
    assert_int_equal(door->refer_status, 403);
    rig_run(&trio.rig, 5 * SR_SEC);
    assert_null(phone_incoming(trio.c));
    phone_bye(door);
    phone_bye(inside);
    RIG_ENDED(&trio.rig, 1, "hangup");
    end(&trio);
}

int run_monitor(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listens_whispers_and_barges_in),
        cmocka_unit_test(test_whispering_ends_with_who_heard_it),
        cmocka_unit_test(test_whispering_follows_who_replaces_its_ear),
        cmocka_unit_test(test_the_parties_are_told),
        cmocka_unit_test(test_the_notice_is_spoken_again_and_again),
        cmocka_unit_test(test_a_listener_does_nothing_to_the_call),
        cmocka_unit_test(test_no_transfer_past_a_pin),
    };

    return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}

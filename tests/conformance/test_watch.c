/* Busy lamps, presence, waiting messages, and messages between phones. */
#include "rig.h"

static const char accept_dialog[] =
    "Event: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: 600\r\n";

struct trio {
    struct rig rig;
    struct sim_phone *a, *b, *c;
};

static void begin(struct trio *trio)
{
    rig_init(&trio->rig, NULL);
    trio->a = rig_phone(&trio->rig, "101");
    trio->b = rig_phone(&trio->rig, "102");
    trio->c = rig_phone(&trio->rig, "103");
}

static struct phone_call *watch(struct trio *trio, struct sim_phone *phone, const char *user,
                                const char *lines)
{
    struct phone_call *sub = phone_subscribe(phone, user, lines);

    RIG_UNTIL(&trio->rig, sub->subscribe_status != 0);
    rig_run(&trio->rig, 10 * SR_MSEC);
    return sub;
}

static bool shows(const struct phone_call *sub, const char *text)
{
    return sim_has(sr_str_c(sub->notify_body), text);
}

static void test_lamp_follows_a_call(void **state)
{
    struct trio trio;
    struct phone_call *lamp, *at_a;

    (void)state;
    begin(&trio);
    lamp = watch(&trio, trio.c, "102", accept_dialog);
    assert_int_equal(lamp->subscribe_status, 200);
    assert_int_equal(lamp->notifies, 1);
    assert_true(shows(lamp, "version=\"0\" state=\"full\" entity=\"sip:102@192.0.2.1\""));
    assert_true(shows(lamp, "<state>terminated</state>"));
    trio.b->manners.final_after = 5 * SR_SEC;
    rig_run(&trio.rig, 2 * SR_SEC);
    at_a = phone_dial(trio.a, "102");
    RIG_UNTIL(&trio.rig, shows(lamp, "<state>early</state>"));
    assert_true(shows(lamp, "direction=\"recipient\""));
    assert_true(shows(lamp, "<identity display=\"Anna\">sip:101@"));
    assert_true(shows(lamp, phone_incoming(trio.b)->call_id));
    RIG_UNTIL(&trio.rig, shows(lamp, "<state>confirmed</state>"));
    phone_bye(at_a);
    RIG_UNTIL(&trio.rig, shows(lamp, "<state>terminated</state>"));
    assert_true(lamp->notifies <= 5);
    assert_false(lamp->is_notify_last);
    rig_run(&trio.rig, 600 * SR_SEC);
    assert_true(lamp->is_notify_last); /* its time is over */
    rig_done(&trio.rig);
}

static void test_changes_are_told_once_a_second(void **state)
{
    struct trio trio;
    struct phone_call *lamp;
    sr_usec begun;

    (void)state;
    begin(&trio);
    trio.b->manners.final_status = 486;
    trio.b->manners.final_after = 10 * SR_MSEC;
    lamp = watch(&trio, trio.c, "102", accept_dialog);
    begun = loop_now(trio.rig.loop);
    for (int i = 0; i < 100; i++) {
        (void)phone_dial(trio.a, "102");
        rig_run(&trio.rig, 100 * SR_MSEC);
    }
    assert_true(lamp->notifies <= 2 + (loop_now(trio.rig.loop) - begun) / SR_SEC);
    rig_run(&trio.rig, 3 * SR_SEC);
    assert_true(shows(lamp, "<state>terminated</state>")); /* the last state is the right one */
    phone_unsubscribe(lamp, "Event: dialog\r\n");
    RIG_UNTIL(&trio.rig, lamp->is_notify_last);
    rig_done(&trio.rig);
}

static void test_what_did_not_change_is_not_told(void **state)
{
    struct trio trio;
    struct phone_call *lamp, *at_a;
    uint32_t before;

    (void)state;
    begin(&trio);
    lamp = watch(&trio, trio.c, "102", accept_dialog);
    at_a = rig_connect(&trio.rig, trio.a, "102");
    rig_run(&trio.rig, 3 * SR_SEC);
    before = lamp->notifies;
    phone_reinvite(at_a, "sendonly"); /* hold of the other one */
    rig_run(&trio.rig, 3 * SR_SEC);
    phone_reinvite(phone_incoming(trio.b), "sendonly");
    rig_run(&trio.rig, 3 * SR_SEC);
    assert_int_equal(lamp->notifies, before);
    phone_bye(at_a);
    rig_run(&trio.rig, 3 * SR_SEC);
    phone_unsubscribe(lamp, "Event: dialog\r\n");
    rig_run(&trio.rig, SR_SEC);
    rig_done(&trio.rig);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *user, *lines;
        uint16_t status;
    } cases[] = {
        {"102", "Event: conference\r\n", 489},
        {"102", "", 489},
        {"999", accept_dialog, 404},
        {"102", "Event: dialog\r\nAccept: text/plain\r\n", 406},
        {"102", "Event: dialog\r\nExpires: 5\r\n", 423},
    };
    struct trio trio;

    (void)state;
    begin(&trio);
    for (size_t i = 0; i < SR_ARRAY_LEN(cases); i++) {
        struct phone_call *sub = watch(&trio, trio.c, cases[i].user, cases[i].lines);

        assert_int_equal(sub->subscribe_status, cases[i].status);
        assert_int_equal(sub->notifies, 0);
    }
    rig_done(&trio.rig);
}

static void test_expires_zero_asks_once(void **state)
{
    struct trio trio;
    struct phone_call *sub;
    struct ua_stats stats;

    (void)state;
    begin(&trio);
    sub = watch(&trio, trio.c, "102", "Event: presence\r\nExpires: 0\r\n");
    assert_int_equal(sub->subscribe_status, 200);
    RIG_UNTIL(&trio.rig, sub->notifies == 1);
    assert_true(sub->is_notify_last);
    assert_true(shows(sub, "<basic>open</basic>"));
    ua_stats(trio.rig.ua, &stats);
    assert_int_equal(stats.subscriptions, 0);
    rig_done(&trio.rig);
}

static void test_presence_and_messages(void **state)
{
    struct trio trio;
    struct phone_call *presence, *box, *at_a;

    (void)state;
    begin(&trio);
    presence = watch(&trio, trio.c, "102", "Event: presence\r\nExpires: 600\r\n");
    box = watch(&trio, trio.c, "103", "Event: message-summary\r\nExpires: 600\r\n");
    assert_true(shows(box, "Voice-Message: 0/0 (0/0)"));
    assert_true(shows(presence, "Ready"));
    rig_run(&trio.rig, 2 * SR_SEC);
    at_a = rig_connect(&trio.rig, trio.a, "102");
    RIG_UNTIL(&trio.rig, shows(presence, "On the phone"));
    phone_bye(at_a);
    sim_phone_register(trio.b, 0);
    RIG_UNTIL(&trio.rig, shows(presence, "<basic>closed</basic>"));
    phone_unsubscribe(presence, "Event: presence\r\n");
    phone_unsubscribe(box, "Event: message-summary\r\n");
    RIG_UNTIL(&trio.rig, presence->is_notify_last && box->is_notify_last);
    rig_done(&trio.rig);
}

static void test_a_watcher_that_does_not_answer_is_forgotten(void **state)
{
    struct trio trio;
    struct phone_call *at_a;
    struct ua_stats stats;

    (void)state;
    begin(&trio);
    (void)watch(&trio, trio.c, "102", accept_dialog);
    trio.c->manners.is_deaf = true;
    at_a = rig_connect(&trio.rig, trio.a, "102");
    rig_run(&trio.rig, 35 * SR_SEC);
    ua_stats(trio.rig.ua, &stats);
    assert_int_equal(stats.subscriptions, 0);
    phone_bye(at_a);
    rig_done(&trio.rig);
}

static void test_reload_keeps_watchers(void **state)
{
    struct trio trio;
    struct phone_call *lamp, *at_a;
    struct engine_command command = {.kind = ENGINE_DO_CONFIGURE};

    (void)state;
    begin(&trio);
    lamp = watch(&trio, trio.c, "102", accept_dialog);
    command.config = rig_load(rig_config);
    assert_int_equal(rig_do(&trio.rig, &command), SR_OK);
    rig_run(&trio.rig, 2 * SR_SEC);
    at_a = rig_connect(&trio.rig, trio.a, "102");
    RIG_UNTIL(&trio.rig, shows(lamp, "<state>confirmed</state>"));
    command.config = rig_load("{ \"devices\": [ { \"id\": \"a\", \"extension\": \"101\", "
                              "\"password\": \"pw-101\" }, { \"id\": \"c\", \"extension\": "
                              "\"103\", \"password\": \"pw-103\" } ] }");
    assert_int_equal(rig_do(&trio.rig, &command), SR_OK);
    RIG_UNTIL(&trio.rig, lamp->is_notify_last);
    phone_bye(at_a);
    rig_done(&trio.rig);
}

static void test_message_reaches_the_phone(void **state)
{
    struct trio trio;
    struct phone_call *message;

    (void)state;
    begin(&trio);
    message = phone_message(trio.a, "102", "hello there");
    RIG_UNTIL(&trio.rig, message->message_status != 0);
    assert_int_equal(message->message_status, 200);
    assert_string_equal(trio.b->message, "hello there");
    assert_string_equal(trio.b->message_from, "101");
    message = phone_message(trio.a, "999", "x");
    RIG_UNTIL(&trio.rig, message->message_status == 404);
    message = phone_message(trio.a, "104", "x");
    RIG_UNTIL(&trio.rig, message->message_status == 480);
    trio.b->manners.is_deaf = true;
    message = phone_message(trio.a, "102", "x");
    RIG_UNTIL(&trio.rig, message->message_status != 0);
    assert_true(message->message_status == 480 || message->message_status == 408);
    rig_done(&trio.rig);
}

int run_watch(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lamp_follows_a_call),
        cmocka_unit_test(test_changes_are_told_once_a_second),
        cmocka_unit_test(test_what_did_not_change_is_not_told),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_expires_zero_asks_once),
        cmocka_unit_test(test_presence_and_messages),
        cmocka_unit_test(test_a_watcher_that_does_not_answer_is_forgotten),
        cmocka_unit_test(test_reload_keeps_watchers),
        cmocka_unit_test(test_message_reaches_the_phone),
    };

    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}

/* Busy lamps, presence, waiting messages, and messages between phones. */
#include "rig.h"

#include <stdio.h>

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

enum {
    CROWD_PHONES = 50,
    CROWD_WATCHERS = 10, /* each of them has 50 lamps */
    CROWD_SECONDS = 10,
    CROWD_CALLS_PER_SEC = 50,
};

static struct rig *crowd_open(struct rig *rig)
{
    static char text[16384];
    struct sr_buf out;

    sr_buf_init_fixed(&out, text, sizeof(text));
    sr_buf_c(&out, "{ \"devices\": [");
    for (int i = 0; i < CROWD_PHONES + CROWD_WATCHERS; i++)
        sr_buf_fmt(&out,
                   "%s{ \"id\": \"d%d\", \"extension\": \"%d\", \"password\": \"pw-%d\", "
                   "\"maxCalls\": 20 }",
                   i > 0 ? ", " : "", 400 + i, 400 + i, 400 + i);
    sr_buf_c(&out, "] }");
    rig_init(rig, &(struct rig_options){.config = sr_buf_cstr(&out), .seed = rig_seed()});
    for (int i = 0; i < CROWD_PHONES + CROWD_WATCHERS; i++) {
        char user[8];

        (void)snprintf(user, sizeof(user), "%d", 400 + i);
        rig_phone(rig, user)->manners.final_after = 50 * SR_MSEC;
    }
    return rig;
}

static void crowd_subscribes(struct rig *rig, struct phone_call **lamps)
{
    for (size_t n = 0; n < CROWD_PHONES * CROWD_WATCHERS; n++) {
        char user[8];

        (void)snprintf(user, sizeof(user), "%d", 400 + (int)(n % CROWD_PHONES));
        lamps[n] =
            phone_subscribe(rig->phones[CROWD_PHONES + n / CROWD_PHONES], user, accept_dialog);
        rig_run(rig, 4 * SR_MSEC);
    }
    rig_run(rig, SR_SEC);
    for (size_t n = 0; n < CROWD_PHONES * CROWD_WATCHERS; n++)
        assert_true(lamps[n]->subscribe_status == 200 && lamps[n]->notifies == 1);
}

/* 500 lamps over 50 phones during 50 calls a second, each half a second long: never two NOTIFYs within a second,
 * a bounded number of transactions (each is kept for 5 s after its answer), and dark in the end. Exact, in virtual time. */
static void test_a_crowd_of_lamps_is_no_storm(void **state)
{
    static struct phone_call *lamps[CROWD_PHONES * CROWD_WATCHERS];
    struct phone_call *calls[CROWD_CALLS_PER_SEC / 2] = {NULL};
    uint32_t most = 0, told = 0, answered = 0;
    sr_usec least = SR_NEVER;
    struct ua_stats stats;
    struct rig rig;

    (void)state;
    crowd_subscribes(crowd_open(&rig), lamps);
    for (uint32_t n = 0; n < CROWD_SECONDS * CROWD_CALLS_PER_SEC; n++) {
        struct phone_call **call = &calls[n % SR_ARRAY_LEN(calls)];
        char user[8];

        if (*call != NULL) {
            answered += (*call)->state == PHONE_UP;
            phone_end(*call);
        }
        (void)snprintf(user, sizeof(user), "%u",
                       400 + (n + 1 + n * 7 % (CROWD_PHONES - 1)) % CROWD_PHONES);
        *call = phone_dial(rig.phones[n % CROWD_PHONES], user);
        rig_run(&rig, SR_SEC / CROWD_CALLS_PER_SEC);
        ua_stats(rig.ua, &stats);
        most = SR_MAX(most, stats.client_transactions);
        assert_int_equal(stats.subscriptions, CROWD_PHONES * CROWD_WATCHERS);
    }
    for (size_t i = 0; i < SR_ARRAY_LEN(calls); i++)
        phone_end(calls[i]);
    rig_run(&rig, 3 * SR_SEC);
    for (size_t n = 0; n < SR_ARRAY_LEN(lamps); n++) {
        assert_true(shows(lamps[n], "<state>terminated</state>"));
        assert_true(lamps[n]->notifies <= CROWD_SECONDS + 4);
        told += lamps[n]->notifies;
        if (lamps[n]->notify_gap_min > 0)
            least = SR_MIN(least, lamps[n]->notify_gap_min);
    }
    print_message("%u calls answered; %u NOTIFYs, least gap %d ms; at most %u transactions\n",
                  answered, told, (int)(least / 1000), most);
    assert_true(answered > CROWD_SECONDS * CROWD_CALLS_PER_SEC * 9 / 10);
    assert_true(least >= SR_SEC - 5 * SR_MSEC); /* sent a second apart, some ms on the wire */
    assert_true(told > CROWD_PHONES * CROWD_WATCHERS * CROWD_SECONDS / 2);
    assert_true(most <= 6 * CROWD_PHONES * CROWD_WATCHERS + 12 * CROWD_CALLS_PER_SEC);
    rig_done(&rig);
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
        cmocka_unit_test(test_a_crowd_of_lamps_is_no_storm),
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

/* Numbers outside: one provider after the other, forwardings that leave the house, the spend guard. */
#include "rig.h"

#include "call/internal.h"
#include "sim_page.h"

static const char config[] =
    "{ \"country\": \"DE\", \"realm\": \"home\", \"proxy\": { \"publicIp\": \"203.0.113.7\" },"
    "  \"devices\": ["
    "  { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\", \"callerId\": "
    "\"+49301110\" },"
    "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\", \"callerId\": "
    "\"+49301112\","
    "    \"forward\": { \"noAnswer\": \"01701234567\" } },"
    "  { \"id\": \"c\", \"extension\": \"103\", \"password\": \"pw-103\","
    "    \"forward\": { \"always\": \"090012345\" } } ],"
    "  \"groups\": [ { \"id\": \"ab\", \"extension\": \"200\", \"members\": [\"a\", \"b\"] } ],"
    "  \"features\": { \"*8\": \"pickup\", \"*43\": \"echo\" },"
    "  \"providers\": [ { \"id\": \"one\", \"domain\": \"192.0.2.200\", \"transport\": \"udp\","
    "    \"register\": false, \"qualifySec\": 0, \"codecs\": [\"PCMU\"] },"
    "  { \"id\": \"two\", \"domain\": \"192.0.2.201\", \"transport\": \"udp\","
    "    \"register\": false, \"qualifySec\": 0, \"codecs\": [\"PCMU\"] } ],"
    "  \"routing\": { \"routes\": ["
    "    { \"id\": \"in\", \"match\": { \"direction\": \"inbound\", \"numberPattern\": "
    "\"+4930100\" },"
    "      \"action\": { \"targets\": [\"b\", \"tel:+49891234\"], \"noAnswerTimeout\": 20 } },"
    "    { \"id\": \"in-b\", \"match\": { \"direction\": \"inbound\", \"numberPattern\": "
    "\"+4930102\" },"
    "      \"action\": { \"targets\": [\"b\"], \"noAnswerTimeout\": 10 } },"
    "    { \"id\": \"out\", \"match\": { \"direction\": \"outbound\" },"
    "      \"action\": { \"provider\": \"one\", \"failoverProviders\": [\"two\"] } } ] },"
    "  \"security\": { \"blockedPrefixes\": [\"0900\"], \"allowedCountries\": [\"DE\"],"
    "    \"outboundMaxConcurrent\": 2, \"perDevice\": { \"callsPerDay\": 3, \"minutesPerDay\": 2 } "
    "} }";

struct outside {
    struct rig rig;
    struct sim_phone *a, *b, *one, *two;
};

static void begin(struct outside *out)
{
    struct rig_options options = {.config = config};

    rig_init(&out->rig, &options);
    out->one = rig_gateway(&out->rig);
    out->two = rig_gateway_at(&out->rig, "192.0.2.201:5060");
    out->a = rig_phone(&out->rig, "101");
    out->b = rig_phone(&out->rig, "102");
    rig_run(&out->rig, 2 * SR_SEC);
}

static bool is_up(struct sim_phone *phone)
{
    return phone_incoming(phone) != NULL && phone_incoming(phone)->state == PHONE_UP;
}

static void refused_with(struct outside *out, const char *number, const char *reason)
{
    struct phone_call *call = phone_dial(out->a, number);

    RIG_UNTIL(&out->rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 403);
    RIG_ENDED(&out->rig, out->rig.calls.count - 1, reason);
    assert_null(phone_incoming(out->one));
    assert_null(phone_incoming(out->two));
}

/* ---- providers ---- */

static void test_the_next_provider_takes_what_the_first_cannot(void **state)
{
    static const uint16_t faults[] = {500, 503, 403, 0};

    for (size_t i = 0; i < SR_ARRAY_LEN(faults); i++) {
        struct outside out;
        struct phone_call *call;

        (void)state;
        begin(&out);
        out.one->manners.early_status = 0;
        out.one->manners.final_status = faults[i];
        out.one->manners.final_after = 100 * SR_MSEC;
        out.one->manners.is_deaf = faults[i] == 0;
        call = rig_connect(&out.rig, out.a, "0891234");
        assert_true(is_up(out.two));
        assert_string_equal(rig_call(&out.rig, 0)->view->route_id, "out");
        phone_bye(call);
        RIG_ENDED(&out.rig, 0, "hangup");
        rig_done(&out.rig);
    }
}

static void test_after_ringing_no_other_provider_is_tried(void **state)
{
    struct outside out;
    struct phone_call *call;

    (void)state;
    begin(&out);
    out.one->manners.early_status = 180;
    out.one->manners.final_status = 500;
    call = phone_dial(out.a, "0891234");
    RIG_UNTIL(&out.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 500);
    assert_null(phone_incoming(out.two));
    rig_done(&out.rig);
}

static void test_what_the_called_party_says_is_not_tried_again(void **state)
{
    struct outside out;
    struct phone_call *call;

    (void)state;
    begin(&out);
    out.one->manners.early_status = 0;
    out.one->manners.final_status = 486;
    call = phone_dial(out.a, "0891234");
    RIG_UNTIL(&out.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 486);
    assert_null(phone_incoming(out.two));
    rig_done(&out.rig);
}

static void test_a_number_outside_rings_beside_a_phone(void **state)
{
    struct outside out;
    struct phone_call *call;

    (void)state;
    begin(&out);
    out.b->manners.final_status = 0;
    call = phone_dial(out.two, "+4930100");
    RIG_UNTIL(&out.rig, call->state == PHONE_UP);
    assert_true(is_up(out.one)); /* the tel: target */
    assert_int_equal(phone_incoming(out.b)->cancels, 1);
    phone_bye(call);
    RIG_ENDED(&out.rig, 0, "hangup");
    rig_done(&out.rig);
}

/* ---- a name instead of an address ---- */

static void publish(struct outside *out)
{
    assert_int_equal(resolver_sim_add(out->rig.resolver, "sip.gw.test", DNS_A, 300, "192.0.2.200"),
                     SR_OK);
}

/* Nobody knew the name when the router began, as after a power cut. */
static void begin_named(struct outside *out)
{
    static char text[sizeof(config)];
    struct rig_options options = {.config = text};

    memcpy(text, config, sizeof(text));
    memcpy(strstr(text, "192.0.2.200"), "sip.gw.test", strlen("192.0.2.200"));
    rig_init(&out->rig, &options);
    out->one = rig_gateway(&out->rig);
    out->two = rig_gateway_at(&out->rig, "192.0.2.201:5060");
    out->a = rig_phone(&out->rig, "101");
    rig_run(&out->rig, 20 * SR_SEC); /* longer than "no such name" is kept */
}

/* There is a leg, and nobody was invited. */
static bool is_waiting(struct outside *out)
{
    return out->rig.calls.count == 1 && rig_call(&out->rig, 0)->legs_added == 2 &&
           phone_incoming(out->one) == NULL && phone_incoming(out->two) == NULL;
}

/* That call waits for the name. */
static struct phone_call *dial_and_wait(struct outside *out)
{
    struct phone_call *call = phone_dial(out->a, "0891234");

    while (!is_waiting(out) && call->state != PHONE_OVER)
        rig_run(&out->rig, SR_MSEC);
    assert_true(is_waiting(out));
    return call;
}

/* A name nobody knows leads to the next provider. */
static void test_a_call_waits_for_the_name_of_its_provider(void **state)
{
    (void)state;
    for (int is_known = 0; is_known <= 1; is_known++) {
        struct outside out;
        struct phone_call *call;

        begin_named(&out);
        if (is_known)
            publish(&out);
        call = dial_and_wait(&out);
        RIG_UNTIL(&out.rig, call->state == PHONE_UP);
        assert_true(is_up(is_known ? out.one : out.two));
        assert_null(phone_incoming(is_known ? out.two : out.one));
        phone_bye(call);
        RIG_ENDED(&out.rig, 0, "hangup");
        rig_done(&out.rig);
    }
}

static void test_who_gives_up_while_the_name_is_looked_up_leaves_nothing(void **state)
{
    struct outside out;
    struct phone_call *call;

    (void)state;
    begin_named(&out);
    publish(&out);
    call = dial_and_wait(&out);
    phone_cancel(call);
    RIG_ENDED(&out.rig, 0, "cancelled");
    assert_null(phone_incoming(out.two));
    rig_done(&out.rig);
}

static void test_a_provider_that_goes_while_its_name_is_looked_up(void **state)
{
    struct engine_command command = {.kind = ENGINE_DO_CONFIGURE};
    struct outside out;
    struct phone_call *call;

    (void)state;
    begin_named(&out);
    publish(&out);
    call = dial_and_wait(&out);
    command.config = rig_load(config); /* its name is an address now: another provider */
    assert_int_equal(rig_do(&out.rig, &command), SR_OK);
    RIG_UNTIL(&out.rig, call->state == PHONE_UP);
    phone_bye(call);
    RIG_ENDED(&out.rig, 0, "hangup");
    rig_done(&out.rig);
}

/* ---- forwarding ---- */

static void test_a_forwarding_that_leaves_the_house(void **state)
{
    struct outside out;
    struct phone_call *call;

    (void)state;
    begin(&out);
    out.b->manners.final_status = 0;
    call = phone_dial(out.two, "+4930102");
    RIG_UNTIL(&out.rig, call->state == PHONE_UP);
    assert_true(is_up(out.one));
    /* the outside learns b's number outside, not its extension */
    assert_string_equal(phone_incoming(out.one)->diversion,
                        "<sip:+49301112@home>;reason=no-answer;counter=1");
    assert_true(sim_has(sr_str_c(phone_incoming(out.one)->history), "+491701234567"));
    phone_bye(call);
    RIG_ENDED(&out.rig, 0, "hangup");
    rig_done(&out.rig);
}

static void test_a_forwarding_to_a_blocked_number_is_refused(void **state)
{
    struct outside out;
    struct phone_call *call;

    (void)state;
    begin(&out);
    call = phone_dial(out.a, "103");
    RIG_UNTIL(&out.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 403);
    RIG_ENDED(&out.rig, 0, "blocked_number");
    rig_done(&out.rig);
}

/* ---- the guard ---- */

static void test_refusals_have_their_reasons(void **state)
{
    struct outside out;

    (void)state;
    begin(&out);
    refused_with(&out, "090012345", "blocked_number");
    refused_with(&out, "00442079460018", "country_not_allowed");
    rig_done(&out.rig);
}

static void talk(struct outside *out, sr_usec time)
{
    struct phone_call *call = rig_connect(&out->rig, out->a, "0891234");

    rig_run(&out->rig, time);
    phone_bye(call);
    RIG_UNTIL(&out->rig, call->state == PHONE_OVER);
    rig_run(&out->rig, SR_SEC);
}

static void test_calls_of_a_day_are_counted(void **state)
{
    struct outside out;
    struct phone_call *call;

    (void)state;
    begin(&out);
    for (int i = 0; i < 3; i++)
        talk(&out, SR_SEC);
    call = phone_dial(out.a, "0891234");
    RIG_UNTIL(&out.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 403);
    RIG_ENDED(&out.rig, 3, "device_limit");
    call = rig_connect(&out.rig, out.a, "110"); /* emergencies meet no limit */
    assert_true(is_up(out.one));
    phone_bye(call);
    RIG_ENDED(&out.rig, 4, "hangup");
    call = rig_connect(&out.rig, out.b, "0891234"); /* another device has its own day */
    phone_bye(call);
    RIG_ENDED(&out.rig, 5, "hangup");
    rig_done(&out.rig);
}

static void test_minutes_of_a_day_end_a_call(void **state)
{
    struct outside out;
    struct phone_call *call;
    sr_usec since;

    (void)state;
    begin(&out);
    talk(&out, 60 * SR_SEC);
    call = rig_connect(&out.rig, out.a, "0891234");
    since = loop_now(out.rig.loop);
    RIG_UNTIL(&out.rig, call->state == PHONE_OVER);
    assert_in_range(loop_now(out.rig.loop) - since, 55 * SR_SEC, 62 * SR_SEC);
    RIG_ENDED(&out.rig, 1, "max_duration");
    call = phone_dial(out.a, "0891234");
    RIG_UNTIL(&out.rig, call->state == PHONE_OVER);
    RIG_ENDED(&out.rig, 2, "device_limit");
    rig_done(&out.rig);
}

static void test_two_calls_share_the_minutes(void **state)
{
    struct outside out;
    struct phone_call *first, *second;
    sr_usec since;

    (void)state;
    begin(&out);
    first = rig_connect(&out.rig, out.a, "0891234");
    second = rig_connect(&out.rig, out.a, "0895678");
    since = loop_now(out.rig.loop);
    RIG_UNTIL(&out.rig, first->state == PHONE_OVER && second->state == PHONE_OVER);
    assert_in_range(loop_now(out.rig.loop) - since, 55 * SR_SEC, 64 * SR_SEC);
    RIG_ENDED(&out.rig, 0, "max_duration");
    RIG_ENDED(&out.rig, 1, "max_duration");
    rig_done(&out.rig);
}

/* Somebody sets the clock in the middle of a call: it costs what it lasts, ends when its time is over, and
   its record has that length. */
static void test_a_clock_that_is_set_costs_no_minutes(void **state)
{
    static const sr_usec steps[] = {3600 * SR_SEC, -1800 * SR_SEC};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(steps); i++) {
        const struct engine_call_view *view;
        struct outside out;
        struct phone_call *call;
        sr_usec since;

        begin(&out);
        loop_sim_set_wall(out.rig.loop, loop_wall(out.rig.loop) + 7200 * SR_SEC);
        call = rig_connect(&out.rig, out.a, "0891234");
        since = loop_now(out.rig.loop);
        rig_run(&out.rig, 30 * SR_SEC);
        loop_sim_set_wall(out.rig.loop, loop_wall(out.rig.loop) + steps[i]);
        RIG_UNTIL(&out.rig, call->state == PHONE_OVER);
        assert_in_range(loop_now(out.rig.loop) - since, 115 * SR_SEC, 125 * SR_SEC);
        RIG_ENDED(&out.rig, 0, "max_duration");
        view = rig_call(&out.rig, 0)->view;
        assert_in_range(view->ended_wall_us - view->answered_wall_us, 115 * SR_SEC, 125 * SR_SEC);
        call = phone_dial(out.a, "0891234");
        RIG_UNTIL(&out.rig, call->state == PHONE_OVER);
        RIG_ENDED(&out.rig, 1, "device_limit");
        rig_done(&out.rig);
    }
}

static void test_calls_at_the_same_time_are_limited(void **state)
{
    struct outside out;
    struct phone_call *first, *second, *third;

    (void)state;
    begin(&out);
    first = rig_connect(&out.rig, out.a, "0891234");
    second = rig_connect(&out.rig, out.b, "0891234");
    third = phone_dial(out.b, "0895678");
    RIG_UNTIL(&out.rig, third->state == PHONE_OVER);
    RIG_ENDED(&out.rig, 2, "outside_limit");
    phone_bye(first);
    RIG_ENDED(&out.rig, 0, "hangup");
    third = rig_connect(&out.rig, out.b, "0895678");
    phone_bye(third);
    phone_bye(second);
    RIG_ENDED(&out.rig, 1, "hangup");
    RIG_ENDED(&out.rig, 3, "hangup");
    rig_done(&out.rig);
}

/* ---- whose account it is, and who is on the phone ---- */

static void test_who_is_called_outside_sends_the_call_nowhere(void **state)
{
    struct outside out;
    struct phone_call *call;

    (void)state;
    begin(&out);
    call = rig_connect(&out.rig, out.a, "0891234");
    phone_refer(phone_incoming(out.one), "0895678", NULL, NULL);
    RIG_UNTIL(&out.rig, phone_incoming(out.one)->refer_status != 0);
    assert_int_equal(phone_incoming(out.one)->refer_status, 403);
    phone_bye(call);
    RIG_ENDED(&out.rig, 0, "hangup");
    rig_done(&out.rig);
}

static void test_what_rings_outside_is_not_picked_up(void **state)
{
    static const char *const codes[] = {"*8", "*8101"};
    struct phone_call *call, *picker;
    struct outside out;

    (void)state;
    begin(&out);
    out.one->manners.final_status = 0;
    call = phone_dial(out.a, "0891234");
    RIG_UNTIL(&out.rig, call->status == 180);
    for (size_t i = 0; i < SR_ARRAY_LEN(codes); i++) {
        picker = phone_dial(out.b, codes[i]);
        RIG_UNTIL(&out.rig, picker->state == PHONE_OVER);
        assert_int_equal(picker->status, 404);
    }
    assert_int_equal(call->state, PHONE_CALLING);
    phone_cancel(call);
    RIG_ENDED(&out.rig, 0, "cancelled");
    rig_done(&out.rig);
}

/* A calls outside and gives that party to B; then A brings another one there: nobody takes the first for A. */
static void test_a_party_on_an_account_is_not_the_phone(void **state)
{
    struct engine_command command;
    struct phone_call *call, *first;
    struct outside out;

    (void)state;
    begin(&out);
    call = rig_connect(&out.rig, out.a, "0891234");
    first = phone_incoming(out.one);
    phone_refer(call, "102", NULL, NULL);
    RIG_UNTIL(&out.rig, call->state == PHONE_OVER && is_up(out.b));
    (void)rig_connect(&out.rig, out.a, "0895678");
    command = rig_command(ENGINE_DO_TRANSFER, rig_call(&out.rig, 1), NULL);
    for (uint32_t i = 0; i < rig_call(&out.rig, 1)->view->leg_count; i++) {
        const struct engine_leg_view *leg = &rig_call(&out.rig, 1)->view->legs[i];

        if (strcmp(leg->kind, "provider") != 0)
            continue;
        memcpy(command.leg_id, leg->leg_id, sizeof(command.leg_id));
        assert_string_equal(leg->device_id, ""); /* it may not be steered as A's phone is */
    }
    memcpy(command.to_call_id, rig_call(&out.rig, 0)->call_id, sizeof(command.to_call_id));
    assert_int_equal(rig_do(&out.rig, &command), SR_OK);
    RIG_ENDED(&out.rig, 1, "transferred");
    assert_int_equal(first->state, PHONE_UP);
    assert_true(is_up(out.b) && is_up(out.one));
    assert_int_equal(rig_call(&out.rig, 0)->view->leg_count, 3);
    assert_null(sr_map_find(&out.rig.engine->watch_devices, SR_STR("a")));
    phone_bye(phone_incoming(out.b));
    phone_bye(first);
    RIG_ENDED(&out.rig, 0, "hangup");
    rig_done(&out.rig);
}

static enum sr_err command_of_a(struct outside *out, enum engine_command_kind kind, size_t call)
{
    struct engine_command command =
        rig_command(kind, rig_call(&out->rig, call), kind == ENGINE_DO_TRANSFER ? "a" : NULL);

    memcpy(command.to, "0895678", 8);
    memcpy(command.device_id, "a", 2); /* A's login asks */
    return rig_do(&out->rig, &command);
}

/* Whatever way a login with a phone takes outside, it is on the account of that phone. */
static void test_a_login_dials_on_the_account_of_its_phone(void **state)
{
    struct engine_command command = {
        .kind = ENGINE_DO_CALL, .from = "guest:guest", .owner = "guest", .device_id = "a"};
    struct sim_pages pages;
    struct phone_call *call;
    struct outside out;

    (void)state;
    begin(&out);
    for (size_t i = 0; i < 3; i++) { /* all of its day */
        call = rig_connect(&out.rig, out.a, "0891234");
        phone_bye(call);
        RIG_ENDED(&out.rig, i, "hangup");
    }
    call = rig_connect(&out.rig, out.a, "102");
    assert_int_equal(command_of_a(&out, ENGINE_DO_LEG_ADD, 3), SR_ERR_AUTH);
    phone_bye(call);
    RIG_ENDED(&out.rig, 3, "hangup");
    call = rig_connect(&out.rig, out.a, "*43");
    assert_int_equal(command_of_a(&out, ENGINE_DO_TRANSFER, 4), SR_ERR_AUTH);
    phone_bye(call);
    RIG_ENDED(&out.rig, 4, "hangup");
    sim_pages_init(&pages, &out.rig);
    sim_page_come(&pages.page[1]);
    memcpy(command.to, "0895678", 8);
    rig_run(&out.rig, SR_SEC);
    assert_int_equal(rig_do(&out.rig, &command), SR_OK);
    sim_pages_hear(&pages);
    sim_page_answer(&pages.page[1]);
    RIG_ENDED(&out.rig, 5, "device_limit");
    sim_page_gone(&pages.page[1]);
    rig_settle(&out.rig);
    sim_pages_hear(&pages);
    rig_done(&out.rig);
}

/* ---- calls of programs ---- */

static void test_a_program_calls_a_number_outside(void **state)
{
    struct engine_command command = {
        .kind = ENGINE_DO_CALL, .to = "0891234", .caller_id = "+49301119"};
    struct outside out;
    const struct rig_call *call;

    (void)state;
    begin(&out);
    assert_int_equal(rig_do(&out.rig, &command), SR_OK);
    RIG_UNTIL(&out.rig, is_up(out.one));
    assert_string_equal(phone_incoming(out.one)->peer, "+49301119");
    call = rig_call(&out.rig, 0);
    RIG_UNTIL(&out.rig, call->view->answered_wall_us != 0);
    assert_string_equal(call->view->direction, "outbound");
    assert_string_equal(call->view->route_id, "out");
    rig_run(&out.rig, 5 * SR_SEC); /* one party is enough */
    assert_int_equal(out.rig.calls.count, 1);
    phone_bye(phone_incoming(out.one));
    RIG_ENDED(&out.rig, 0, "hangup");
    memset(command.to, 0, sizeof(command.to));
    memcpy(command.to, "090012345", 9); /* the guard is asked as for everybody */
    assert_int_not_equal(rig_do(&out.rig, &command), SR_OK);
    RIG_ENDED(&out.rig, 1, "blocked_number");
    memcpy(command.to, "*43\0", 4); /* nobody would hear the echo */
    assert_int_equal(rig_do(&out.rig, &command), SR_ERR_SYNTAX);
    rig_done(&out.rig);
}

/* ---- emergency ---- */

static const char strict_config[] =
    "{ \"country\": \"DE\", \"realm\": \"home\","
    "  \"devices\": ["
    "  { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\", \"maxCalls\": 1 },"
    "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" } ],"
    "  \"providers\": [ { \"id\": \"one\", \"domain\": \"192.0.2.200\", \"transport\": \"udp\","
    "    \"register\": false, \"qualifySec\": 0, \"codecs\": [\"PCMU\"], \"maxCalls\": 1 } ],"
    "  \"routing\": { \"routes\": ["
    "    { \"id\": \"in\", \"match\": { \"direction\": \"inbound\" }, \"action\": { \"targets\": "
    "[\"a\"] } },"
    "    { \"id\": \"out\", \"match\": { \"direction\": \"outbound\" },"
    "      \"action\": { \"provider\": \"one\", \"maxDurationSec\": 5 } } ] },"
    "  \"security\": { \"blockedPrefixes\": [\"1\"], \"premiumPrefixes\": [\"11\"],"
    "    \"allowedCountries\": [\"FR\"], \"nightHours\": \"00:00-23:59\","
    "    \"outboundMaxConcurrent\": 1, \"perDevice\": { \"callsPerDay\": 1, \"minutesPerDay\": 1 } "
    "} }";

/* Every limit there is holds at once: the phone's and the provider's maxCalls are used up, the router
 * carries as many calls as it may, it is night, the number is blocked, expensive and of a country that is
 * not allowed. */
static void test_emergency_calls_meet_no_limit(void **state)
{
    struct rig_options options = {.config = strict_config, .calls_max = 1};
    struct phone_call *first, *call, *second, *third;
    struct outside out;

    (void)state;
    rig_init(&out.rig, &options);
    out.one = rig_gateway(&out.rig);
    out.a = rig_phone(&out.rig, "101");
    out.b = rig_phone(&out.rig, "102");
    rig_run(&out.rig, 2 * SR_SEC);
    first = rig_connect(&out.rig, out.one, "+4930100");
    call = phone_dial(out.b, "0891234");
    RIG_UNTIL(&out.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 503); /* full */
    second = rig_connect(&out.rig, out.a, "112");
    third = rig_connect(&out.rig, out.b, "110");
    assert_true(is_up(out.one));
    rig_run(&out.rig, 300 * SR_SEC); /* longer than the route, the day and the night allow */
    assert_int_equal(second->state, PHONE_UP);
    assert_int_equal(third->state, PHONE_UP);
    phone_bye(first);
    phone_bye(second);
    phone_bye(third);
    RIG_UNTIL(&out.rig, third->state == PHONE_OVER && second->state == PHONE_OVER);
    rig_run(&out.rig, SR_SEC);
    call = phone_dial(out.b, "0891234");
    RIG_UNTIL(&out.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 403);
    rig_done(&out.rig);
}

int run_outside(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_provider_takes_what_the_first_cannot),
        cmocka_unit_test(test_after_ringing_no_other_provider_is_tried),
        cmocka_unit_test(test_what_the_called_party_says_is_not_tried_again),
        cmocka_unit_test(test_a_number_outside_rings_beside_a_phone),
        cmocka_unit_test(test_a_call_waits_for_the_name_of_its_provider),
        cmocka_unit_test(test_who_gives_up_while_the_name_is_looked_up_leaves_nothing),
        cmocka_unit_test(test_a_provider_that_goes_while_its_name_is_looked_up),
        cmocka_unit_test(test_a_forwarding_that_leaves_the_house),
        cmocka_unit_test(test_a_forwarding_to_a_blocked_number_is_refused),
        cmocka_unit_test(test_refusals_have_their_reasons),
        cmocka_unit_test(test_calls_of_a_day_are_counted),
        cmocka_unit_test(test_minutes_of_a_day_end_a_call),
        cmocka_unit_test(test_two_calls_share_the_minutes),
        cmocka_unit_test(test_a_clock_that_is_set_costs_no_minutes),
        cmocka_unit_test(test_calls_at_the_same_time_are_limited),
        cmocka_unit_test(test_who_is_called_outside_sends_the_call_nowhere),
        cmocka_unit_test(test_what_rings_outside_is_not_picked_up),
        cmocka_unit_test(test_a_party_on_an_account_is_not_the_phone),
        cmocka_unit_test(test_a_login_dials_on_the_account_of_its_phone),
        cmocka_unit_test(test_a_program_calls_a_number_outside),
        cmocka_unit_test(test_emergency_calls_meet_no_limit),
    };

    return cmocka_run_group_tests_name("outside", tests, NULL, NULL);
}

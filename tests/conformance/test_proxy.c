/* Requests outside of calls that a route with mode passthrough takes: as by a proxy, from end to end. */
#include "rig.h"

#include "base/addr.h"

static const char config[] =
    "{ \"proxy\": { \"publicIp\": \"203.0.113.7\" },\n"
    "  \"devices\": [\n"
    "  { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\", \"displayName\": "
    "\"Anna\" "
    "},\n"
    "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" } ],\n"
    "  \"providers\": [ { \"id\": \"acme\", \"domain\": \"192.0.2.200\", \"transport\": \"udp\",\n"
    "    \"register\": false, \"qualifySec\": 0, \"username\": \"line7\", \"password\": "
    "\"pw-acme\",\n"
    "    \"callerId\": \"+4930100\" } ],\n"
    "  \"security\": { \"blockedPrefixes\": [\"+49900\"], \"perDevice\": { \"callsPerDay\": 3 } "
    "},\n"
    "  \"routing\": { \"routes\": [\n"
    "    { \"id\": \"in\", \"match\": { \"direction\": \"inbound\", \"sourceProvider\": \"acme\" "
    "},\n"
    "      \"action\": { \"targets\": [\"b\"], \"mode\": \"passthrough\" } },\n"
    "    { \"id\": \"inside\", \"match\": { \"direction\": \"internal\", \"numberPattern\": "
    "\"555\" },\n"
    "      \"action\": { \"targets\": [\"b\"], \"mode\": \"passthrough\" } },\n"
    "    { \"id\": \"out\", \"match\": { \"direction\": \"outbound\", \"numberPattern\": \"+49*\" "
    "},\n"
    "      \"action\": { \"provider\": \"acme\", \"mode\": \"passthrough\" } } ] } }\n";

#define ODD                                                                                        \
    "X-Odd:  kept   as it is\r\nEvent: conference;id=7\r\nExpires: 600\r\nRequire: eventlist\r\n"  \
    "P-Asserted-Identity: <sip:boss@example.com>\r\nRoute: <sip:192.0.2.1;lr>\r\n"

struct pair {
    struct rig rig;
    struct sim_phone *a, *b, *gateway;
};

static void begin(struct pair *pair)
{
    struct rig_options options = {.config = config};

    rig_init(&pair->rig, &options);
    pair->a = rig_phone(&pair->rig, "101");
    pair->b = rig_phone(&pair->rig, "102");
    pair->gateway = rig_gateway(&pair->rig);
    rig_run(&pair->rig, 2 * SR_SEC);
}

static uint32_t dialogs(struct pair *pair)
{
    struct ua_stats stats;

    ua_stats(pair->rig.ua, &stats);
    return stats.proxy_dialogs;
}

static void end(struct pair *pair)
{
    rig_run(&pair->rig, 900 * SR_SEC);
    assert_int_equal(dialogs(pair), 0);
    rig_done(&pair->rig);
}

static bool says(const char *message, const char *line)
{
    return strstr(message, line) != NULL;
}

/* The nonce and password of a login of ours go nowhere; nobody's word but the router's says who it is. */
static void claim_clean(const struct sim_phone *phone)
{
    assert_false(says(phone->last_request, "\r\nAuthorization:"));
    assert_false(says(phone->last_request, "boss@example.com"));
    assert_true(says(phone->last_request, "\r\nMax-Forwards: 69\r\n"));
    assert_true(says(phone->last_request, "\r\nX-Odd:  kept   as it is\r\n"));
    assert_int_equal(sim_header(sr_str_c(phone->last_request), "Via", 1).n, 0);
}

static void test_a_message_passes_as_it_is(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = phone_ask(pair.a, "MESSAGE", "555", ODD, "odd \x01 bytes");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 200);
    assert_string_equal(pair.b->message, "odd \x01 bytes");
    assert_string_equal(pair.b->message_from, "101");
    claim_clean(pair.b);
    assert_true(says(pair.b->last_request, "Content-Type: text/odd\r\n"));
    assert_true(says(pair.b->last_request, call->call_id));
    assert_false(says(pair.b->last_request, "Record-Route"));
    pair.b->manners.ask_status = 486;
    pair.b->manners.ask_extra = "Warning: 399 b \"no\"\r\nX-Why: because\r\n";
    call = phone_ask(pair.a, "MESSAGE", "555", ODD, "again");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 486);
    assert_true(says(pair.a->last_response, "X-Why: because\r\n"));
    pair.b->manners.is_deaf = true;
    call = phone_ask(pair.a, "MESSAGE", "555", ODD, "silence");
    RIG_UNTIL(&pair.rig, call->ask_status != 0 || call->message_status != 0);
    end(&pair);
}

static void test_a_provider_gets_it_in_our_name(void **state)
{
    struct pair pair;
    struct phone_call *call;
    char big[20000] = ""; /* more than the router takes */

    (void)state;
    begin(&pair);
    pair.gateway->manners.login_realm = "192.0.2.200";
    call = phone_ask(pair.a, "MESSAGE", "+49891234", ODD, "hello");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 200);
    claim_clean(pair.gateway);
    assert_true(says(pair.gateway->last_request, "MESSAGE sip:+49891234@192.0.2.200 SIP/2.0"));
    assert_true(says(pair.gateway->last_request, "From: \"Anna\" <sip:+4930100@192.0.2.200>;tag="));
    assert_true(says(pair.gateway->last_request, "username=\"line7\""));
    assert_true(says(pair.gateway->last_request, "Via: SIP/2.0/UDP 203.0.113.7:5060;"));
    assert_false(
        says(pair.gateway->last_request, "192.0.2.1")); /* of the house: neither router nor phone */
    /* the number counts for the asker as it sent it, though ours went out twice */
    assert_true(
        sr_str_eq(sim_header(sr_str_c(pair.a->last_response), "CSeq", 0), SR_STR("2 MESSAGE")));
    call = phone_ask(pair.b, "PUBLISH", "+49891234", "Privacy: id\r\n", "");
    RIG_UNTIL(&pair.rig, call->ask_status == 200);
    assert_true(says(pair.gateway->last_request, "<sip:anonymous@anonymous.invalid>;tag="));
    assert_true(says(pair.gateway->last_request, "\r\nPrivacy: id\r\n"));
    /* the spend guard: a number that is blocked; and the day's third is the last one */
    call = phone_ask(pair.a, "MESSAGE", "+49900555", ODD, "dear");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 403);
    for (int i = 1; i <= 3; i++) {
        call = phone_ask(pair.a, "MESSAGE", "+49891234", ODD, "hello");
        RIG_UNTIL(&pair.rig, call->ask_status != 0);
        assert_int_equal(call->ask_status == 200, i < 3);
    }
    /* what we refuse ourselves costs nothing: the other's three are still there */
    memset(big, 'x', sizeof(big) - 1);
    for (int i = 0; i < 3; i++) {
        call = phone_ask(pair.b, "MESSAGE", "+49891234", ODD, big);
        RIG_UNTIL(&pair.rig, call->ask_status == 413);
    }
    for (int i = 0; i < 2; i++) {
        call = phone_ask(pair.b, "MESSAGE", "+49891234", ODD, "hello");
        RIG_UNTIL(&pair.rig, call->ask_status == 200);
    }
    /* another realm gets no password of ours, and the phone no challenge it could not answer */
    pair.gateway->manners.login_realm = "evil.example";
    call = phone_ask(pair.b, "MESSAGE", "+49891234", ODD, "hello");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 403);
    assert_false(says(pair.b->last_response, "Authenticate"));
    end(&pair);
}

static void notify(struct pair *pair, struct phone_call *asked, const char *lines)
{
    phone_ask_again(asked, "NOTIFY", lines, "state");
    RIG_UNTIL(&pair->rig, asked->ask_status != 0);
    assert_int_equal(asked->ask_status, 200);
}

/* A subscription through the provider, with a login that costs a sequence number of our own. */
static void test_a_subscription_lives_from_end_to_end(void **state)
{
    static const char active[] = "Event: conference;id=7\r\n"
                                 "Subscription-State: active;expires=600\r\n";
    static const char over[] = "Event: conference;id=7\r\n"
                               "Subscription-State: terminated;reason=timeout\r\n";
    struct pair pair;
    struct phone_call *call, *asked;

    (void)state;
    begin(&pair);
    pair.gateway->manners.login_realm = "192.0.2.200";
    pair.gateway->manners.ask_extra = "Expires: 600\r\n";
    call = phone_ask(pair.a, "SUBSCRIBE", "+49891234", ODD, "");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 200);
    assert_int_equal(dialogs(&pair), 1);
    claim_clean(pair.gateway);
    assert_true(says(pair.gateway->last_request, "@203.0.113.7:5060;lr>"));
    assert_true(says(pair.gateway->last_request, "Require: eventlist\r\n"));
    assert_true(says(pair.a->last_response, "@192.0.2.1:5060;lr>"));
    assert_true(says(pair.a->last_response, "Contact: <sip:192.0.2.1:5060>"));
    assert_true(says(pair.a->last_response, "Expires: 600"));
    asked = phone_incoming(pair.gateway);
    notify(&pair, asked, active);
    assert_int_equal(call->notifies, 1);
    assert_true(says(pair.a->last_request, "Event: conference;id=7\r\n"));
    assert_true(says(pair.a->last_request, "@192.0.2.1:5060;lr>"));
    assert_false(says(pair.a->last_request, "192.0.2.200"));
    /* refreshed in time, it outlives its first interval */
    for (int i = 0; i < 3; i++) {
        rig_run(&pair.rig, 500 * SR_SEC);
        phone_ask_again(call, "SUBSCRIBE", ODD, "");
        RIG_UNTIL(&pair.rig, call->ask_status != 0);
        assert_int_equal(call->ask_status, 200);
        notify(&pair, asked, active);
    }
    assert_true(says(pair.gateway->last_response, "SIP/2.0 200"));
    assert_int_equal(dialogs(&pair), 1);
    notify(&pair, asked, over);
    rig_run(&pair.rig, 60 * SR_SEC);
    assert_int_equal(dialogs(&pair), 0);
    phone_ask_again(asked, "NOTIFY", active, "late");
    RIG_UNTIL(&pair.rig, asked->ask_status != 0);
    assert_int_equal(asked->ask_status, 481);
    end(&pair);
}

/* What is refused leaves nothing; what asks for things of ours stays with us. */
static void test_a_refused_subscription_leaves_nothing(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.b->manners.ask_status = 489;
    pair.b->manners.ask_extra = "Allow-Events: talk\r\n";
    call = phone_ask(pair.a, "SUBSCRIBE", "555", ODD, "");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 489);
    assert_true(says(pair.a->last_response, "Allow-Events: talk\r\n"));
    rig_run(&pair.rig, 6 * SR_SEC);
    assert_int_equal(dialogs(&pair), 0);
    call = phone_subscribe(pair.a, "102", "Event: dialog\r\nExpires: 60\r\n");
    RIG_UNTIL(&pair.rig, call->subscribe_status == 200 && call->notifies == 1);
    assert_int_equal(dialogs(&pair), 0);
    end(&pair);
}

/* Only who is at an end of a dialog speaks in it. */
static void test_a_stranger_has_no_part_in_it(void **state)
{
    struct pair pair;
    struct phone_call *call, *asked;
    struct sr_addr old;

    (void)state;
    begin(&pair);
    pair.gateway->manners.ask_extra = "Expires: 600\r\n";
    call = phone_ask(pair.a, "SUBSCRIBE", "+49891234", ODD, "");
    RIG_UNTIL(&pair.rig, call->ask_status == 200);
    asked = phone_ask(pair.b, "MESSAGE", "nobody", NULL, "x"); /* a login of its own */
    RIG_UNTIL(&pair.rig, asked->ask_status == 404);
    memcpy(asked->routes, call->routes, sizeof(asked->routes));
    memcpy(asked->call_id, call->call_id, sizeof(asked->call_id));
    memcpy(asked->local_tag, call->local_tag, sizeof(asked->local_tag));
    memcpy(asked->remote_tag, call->remote_tag, sizeof(asked->remote_tag));
    memcpy(asked->target, call->target, sizeof(asked->target));
    asked->cseq = 100;
    old = pair.b->addr;
    phone_ask_again(asked, "SUBSCRIBE", ODD, "");
    RIG_UNTIL(&pair.rig, asked->ask_status != 0);
    assert_int_equal(asked->ask_status, 481);
    assert_true(sr_addr_eq(&old, &pair.b->addr));
    asked->remote_tag[0] ^= 1;
    phone_ask_again(asked, "NOTIFY", "Event: conference\r\n", "");
    RIG_UNTIL(&pair.rig, asked->ask_status != 0);
    assert_int_equal(asked->ask_status, 481);
    phone_ask_again(call, "SUBSCRIBE", ODD, ""); /* its own goes on */
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 200);
    end(&pair);
}

static void test_what_a_provider_brings_reaches_the_device(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = phone_ask(pair.gateway, "MESSAGE", "+4930100", ODD, "from outside");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 200);
    assert_string_equal(pair.b->message, "from outside");
    claim_clean(pair.b);
    call = phone_ask(pair.gateway, "NOTIFY", "+4930100", /* as some tell waiting messages */
                     "Event: message-summary\r\nSubscription-State: active\r\n", "1/0");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 200);
    call = phone_ask(pair.gateway, "REFER", "+4930100", "Refer-To: <sip:0900@x>\r\n", "");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 403);
    end(&pair);
}

static void test_a_refer_tells_how_it_goes(void **state)
{
    struct pair pair;
    struct phone_call *call, *asked;

    (void)state;
    begin(&pair);
    pair.b->manners.ask_status = 202;
    call = phone_ask(pair.a, "REFER", "555", "Refer-To: <sip:103@example.com>\r\nX-Odd: 1\r\n", "");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 202);
    assert_true(says(pair.b->last_request, "Refer-To: <sip:103@example.com>\r\n"));
    asked = phone_incoming(pair.b);
    notify(&pair, asked, "Event: refer\r\nSubscription-State: active;expires=60\r\n");
    notify(&pair, asked, "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n");
    assert_int_equal(call->notifies, 2);
    end(&pair);
}

static void test_a_publication_keeps_its_tag(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.gateway->manners.ask_extra = "SIP-ETag: dx200xyz\r\nExpires: 1800\r\n";
    call = phone_ask(pair.a, "PUBLISH", "+49891234", ODD, "<presence/>");
    RIG_UNTIL(&pair.rig, call->ask_status != 0);
    assert_int_equal(call->ask_status, 200);
    assert_true(says(pair.a->last_response, "SIP-ETag: dx200xyz\r\n"));
    assert_false(says(pair.gateway->last_request, "Contact:"));
    assert_int_equal(dialogs(&pair), 0);
    end(&pair);
}

/* Dialogs of one device have a bound; what is not answered is forgotten. */
static void test_there_is_an_end_to_it(void **state)
{
    struct phone_call *calls[210], *last = NULL;
    struct pair pair;
    uint32_t taken = 0;

    (void)state;
    begin(&pair);
    pair.gateway->manners.ask_extra = "Expires: 600\r\n";
    for (size_t i = 0; i < SR_ARRAY_LEN(calls); i++) {
        calls[i] = phone_ask(pair.a, "SUBSCRIBE", "+49891234", ODD, "");
        RIG_UNTIL(&pair.rig, calls[i]->ask_status != 0 && calls[i]->ask_status != 401);
        taken += calls[i]->ask_status == 200;
        last = calls[i];
    }
    assert_int_equal(taken, 200);
    assert_int_equal(last->ask_status, 503);
    assert_int_equal(dialogs(&pair), 200);
    rig_run(&pair.rig, 700 * SR_SEC);
    assert_int_equal(dialogs(&pair), 0);
    end(&pair);
}

int run_proxy(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_passes_as_it_is),
        cmocka_unit_test(test_a_provider_gets_it_in_our_name),
        cmocka_unit_test(test_a_subscription_lives_from_end_to_end),
        cmocka_unit_test(test_a_refused_subscription_leaves_nothing),
        cmocka_unit_test(test_a_stranger_has_no_part_in_it),
        cmocka_unit_test(test_what_a_provider_brings_reaches_the_device),
        cmocka_unit_test(test_a_refer_tells_how_it_goes),
        cmocka_unit_test(test_a_publication_keeps_its_tag),
        cmocka_unit_test(test_there_is_an_end_to_it),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}

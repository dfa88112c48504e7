/* Calls through a provider known by its address: both ways, early media, refusals, limits. */
#include "rig.h"

static const char config[] =
    "{ \"proxy\": { \"publicIp\": \"203.0.113.7\" },\n"
    "  \"devices\": [\n"
    "  { \"id\": \"a\", \"displayName\": \"Anna\", \"extension\": \"101\", \"password\": "
    "\"pw-101\" },\n"
    "  { \"id\": \"b\", \"displayName\": \"Bert\", \"extension\": \"102\", \"password\": "
    "\"pw-102\" } ],\n"
    "  \"providers\": [ { \"id\": \"acme\", \"domain\": \"192.0.2.200\", \"transport\": \"udp\",\n"
    "    \"register\": false, \"qualifySec\": 0, \"callerId\": \"+4930100\", \"maxCalls\": 1,\n"
    "    \"codecs\": [\"PCMU\", \"PCMA\"] } ],\n"
    "  \"routing\": { \"routes\": [\n"
    "    { \"id\": \"in\", \"match\": { \"direction\": \"inbound\", \"numberPattern\": "
    "\"+4930*\",\n"
    "      \"sourceProvider\": \"acme\" }, \"action\": { \"targets\": [\"b\"],\n"
    "      \"maxDurationSec\": 90 } },\n"
    "    { \"id\": \"out\", \"match\": { \"direction\": \"outbound\", \"numberPattern\": \"+49*\" "
    "},\n"
    "      \"action\": { \"provider\": \"acme\" } } ] } }\n";

struct line {
    struct rig rig;
    struct sim_phone *a, *b, *gateway;
};

static void begin(struct line *line)
{
    struct rig_options options = {.config = config};

    rig_init(&line->rig, &options);
    line->gateway = rig_gateway(&line->rig);
    line->a = rig_phone(&line->rig, "101");
    line->b = rig_phone(&line->rig, "102");
    rig_run(&line->rig, 2 * SR_SEC);
}

static const struct engine_leg_view *provider_leg(const struct rig_call *call)
{
    for (uint32_t i = 0; i < call->view->leg_count; i++) {
        if (strcmp(call->view->legs[i].kind, "provider") == 0)
            return &call->view->legs[i];
    }
    fail_msg("no leg of a provider");
    return NULL;
}

static void test_call_out_and_the_far_end_hangs_up(void **state)
{
    struct line line;
    struct phone_call *call;
    struct rig_call *seen;

    (void)state;
    begin(&line);
    call = rig_connect(&line.rig, line.a, "+49891234");
    assert_true(phone_had_status(call, 180));
    seen = rig_call(&line.rig, 0);
    assert_string_equal(seen->view->direction, "outbound");
    assert_string_equal(seen->view->route_id, "out");
    assert_string_equal(seen->view->to, "+49891234");
    assert_string_equal(provider_leg(seen)->provider_id, "acme");
    assert_string_equal(provider_leg(seen)->number, "+49891234");
    assert_int_equal(rig_mode(&line.rig, seen), MEDIA_MODE_RELAY);
    /* the provider is told the public address, the phone never */
    assert_non_null(strstr(phone_incoming(line.gateway)->offer, "c=IN IP4 203.0.113.7"));
    assert_null(strstr(phone_incoming(line.gateway)->offer, "192.0.2.1"));
    assert_non_null(strstr(phone_incoming(line.gateway)->target, "@203.0.113.7:5060"));
    assert_non_null(strstr(call->sdp, "c=IN IP4 192.0.2.1"));
    phone_bye(phone_incoming(line.gateway));
    RIG_ENDED(&line.rig, 0, "hangup");
    rig_done(&line.rig);
}

static void test_call_in_and_the_phone_hangs_up(void **state)
{
    struct line line;
    struct phone_call *call;
    struct rig_call *seen;

    (void)state;
    begin(&line);
    call = rig_connect(&line.rig, line.gateway, "+4930100");
    seen = rig_call(&line.rig, 0);
    assert_string_equal(seen->view->direction, "inbound");
    assert_string_equal(seen->view->route_id, "in");
    assert_string_equal(provider_leg(seen)->provider_id, "acme");
    assert_non_null(strstr(call->sdp, "c=IN IP4 203.0.113.7"));
    assert_non_null(strstr(call->target, "@203.0.113.7:5060"));
    assert_non_null(strstr(phone_incoming(line.b)->offer, "c=IN IP4 192.0.2.1"));
    phone_bye(phone_incoming(line.b));
    RIG_ENDED(&line.rig, 0, "hangup");
    rig_done(&line.rig);
}

static void test_an_unrouted_number_is_not_found(void **state)
{
    struct line line;
    struct phone_call *call;

    (void)state;
    begin(&line);
    call = phone_dial(line.gateway, "+33123");
    RIG_UNTIL(&line.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 404);
    rig_done(&line.rig);
}

static void test_the_route_ends_a_call_that_lasts_too_long(void **state)
{
    struct line line;
    sr_usec start;

    (void)state;
    begin(&line);
    (void)rig_connect(&line.rig, line.gateway, "+4930100");
    start = loop_now(line.rig.loop);
    RIG_ENDED(&line.rig, 0, "max_duration");
    assert_in_range(loop_now(line.rig.loop) - start, 85 * SR_SEC, 91 * SR_SEC);
    rig_done(&line.rig);
}

/* 183 with the announcement's audio, then 180, then the answer: all with one description. */
static void test_early_media_reaches_the_caller(void **state)
{
    struct line line;
    struct phone_call *call;

    (void)state;
    begin(&line);
    line.gateway->manners.early_status = 183;
    line.gateway->manners.has_early_sdp = true;
    call = phone_dial(line.a, "+49891234");
    RIG_UNTIL(&line.rig, call->state == PHONE_UP);
    assert_true(phone_had_status(call, 183));
    assert_true(call->early_sdp[0] != '\0');
    phone_bye(call);
    RIG_ENDED(&line.rig, 0, "hangup");
    rig_done(&line.rig);
}

static void test_refusals_reach_the_caller_as_they_mean(void **state)
{
    static const struct {
        uint16_t theirs, ours;
        const char *reason;
    } cases[] = {{486, 486, "busy"},        {404, 404, "not_found"},   {603, 603, "declined"},
                 {302, 480, "unreachable"}, /* nobody is redirected blindly */
                 {503, 480, "unreachable"}, {407, 480, "unreachable"}, {488, 488, "no_codec"},
                 {305, 480, "unreachable"}, {380, 480, "unreachable"}, {402, 402, "refused"},
                 {413, 480, "unreachable"}, {415, 488, "no_codec"},    {420, 480, "unreachable"},
                 {433, 433, "refused"},     {481, 480, "unreachable"}, {485, 485, "not_found"},
                 {494, 480, "unreachable"}, {500, 500, "unreachable"}, {504, 504, "unreachable"},
                 {580, 480, "unreachable"}, {600, 600, "busy"},        {604, 604, "not_found"},
                 {606, 606, "no_codec"},    {608, 608, "declined"}};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(cases); i++) {
        struct line line;
        struct phone_call *call;

        begin(&line);
        line.gateway->manners.final_status = cases[i].theirs;
        call = phone_dial(line.a, "+49891234");
        RIG_UNTIL(&line.rig, call->state == PHONE_OVER);
        assert_int_equal(call->status, cases[i].ours);
        RIG_ENDED(&line.rig, 0, cases[i].reason);
        rig_done(&line.rig);
    }
}

static void test_more_calls_than_allowed_are_refused(void **state)
{
    struct line line;
    struct phone_call *first;
    struct phone_call *second;

    (void)state;
    begin(&line);
    first = rig_connect(&line.rig, line.a, "+49891234");
    second = phone_dial(line.b, "+49895678");
    RIG_UNTIL(&line.rig, second->state == PHONE_OVER);
    assert_in_range(second->status, 480, 503);
    second = phone_dial(line.gateway, "+4930100");
    RIG_UNTIL(&line.rig, second->state == PHONE_OVER);
    assert_int_equal(second->status, 486);
    phone_bye(first);
    RIG_ENDED(&line.rig, 0, "hangup");
    rig_done(&line.rig);
}

/* The provider holds and resumes, offers without SDP, and both offer at once. */
static void test_the_provider_changes_the_session(void **state)
{
    struct line line;
    struct phone_call *call;
    struct phone_call *far;

    (void)state;
    begin(&line);
    call = rig_connect(&line.rig, line.a, "+49891234");
    far = phone_incoming(line.gateway);
    phone_reinvite(far, "sendonly");
    RIG_UNTIL(&line.rig, far->reoffer_status == 200);
    far->reoffer_status = 0;
    phone_reinvite(far, "sendrecv");
    RIG_UNTIL(&line.rig, far->reoffer_status == 200);
    assert_non_null(strstr(far->sdp, "c=IN IP4 203.0.113.7"));
    far->reoffer_status = 0;
    phone_reinvite(far, NULL);
    RIG_UNTIL(&line.rig, far->reoffer_status == 200);
    assert_non_null(strstr(far->sdp, "c=IN IP4 203.0.113.7"));
    phone_bye(call);
    RIG_ENDED(&line.rig, 0, "hangup");
    rig_done(&line.rig);
}

/* P-Asserted-Identity of the 200, then of an UPDATE in the call: the phone shows it. */
static void test_the_phone_sees_who_is_connected_outside(void **state)
{
    struct line line;
    struct phone_call *call;
    struct phone_call *far;

    (void)state;
    begin(&line);
    line.a->manners.extra = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n";
    line.gateway->manners.ok_extra =
        "P-Asserted-Identity: \"Front desk\" <sip:+49891111@192.0.2.200>\r\n";
    call = rig_connect(&line.rig, line.a, "+49891234");
    assert_string_equal(call->peer, "+49891111");
    assert_string_equal(call->peer_name, "Front desk");
    assert_string_equal(provider_leg(rig_call(&line.rig, 0))->number, "+49891234"); /* dialled */
    far = phone_incoming(line.gateway);
    line.gateway->manners.extra =
        "P-Asserted-Identity: \"Miss Bell\" <sip:+49892222@192.0.2.200>\r\n";
    phone_update(far, "sendrecv");
    RIG_UNTIL(&line.rig, strcmp(call->peer_name, "Miss Bell") == 0);
    assert_string_equal(call->peer, "+49892222");
    assert_string_equal(provider_leg(rig_call(&line.rig, 0))->name, "Miss Bell");
    phone_bye(call);
    RIG_ENDED(&line.rig, 0, "hangup");
    rig_done(&line.rig);
}

/* The caller of a call from outside may change, too: the provider's end was transferred. */
static void test_the_phone_sees_who_calls_now(void **state)
{
    struct line line;
    struct phone_call *call;

    (void)state;
    begin(&line);
    line.b->manners.ok_extra = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n";
    call = rig_connect(&line.rig, line.gateway, "+4930100");
    line.gateway->manners.extra =
        "P-Asserted-Identity: \"Miss Bell\" <sip:+49892222@192.0.2.200>\r\n";
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&line.rig, strcmp(phone_incoming(line.b)->peer_name, "Miss Bell") == 0);
    assert_string_equal(phone_incoming(line.b)->peer, "+49892222");
    /* the provider is told no extension of ours */
    assert_true(strcmp(call->peer, "102") != 0);
    phone_bye(call);
    RIG_ENDED(&line.rig, 0, "hangup");
    rig_done(&line.rig);
}

static void test_a_caller_that_gives_up_cancels_outside(void **state)
{
    struct line line;
    struct phone_call *call;

    (void)state;
    begin(&line);
    line.gateway->manners.final_status = 0;
    call = phone_dial(line.a, "+49891234");
    RIG_UNTIL(&line.rig, phone_had_status(call, 180));
    phone_cancel(call);
    RIG_ENDED(&line.rig, 0, "cancelled");
    assert_int_equal(phone_incoming(line.gateway)->cancels, 1);
    rig_done(&line.rig);
}

int run_provider(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_out_and_the_far_end_hangs_up),
        cmocka_unit_test(test_call_in_and_the_phone_hangs_up),
        cmocka_unit_test(test_an_unrouted_number_is_not_found),
        cmocka_unit_test(test_the_route_ends_a_call_that_lasts_too_long),
        cmocka_unit_test(test_early_media_reaches_the_caller),
        cmocka_unit_test(test_refusals_reach_the_caller_as_they_mean),
        cmocka_unit_test(test_more_calls_than_allowed_are_refused),
        cmocka_unit_test(test_the_provider_changes_the_session),
        cmocka_unit_test(test_the_phone_sees_who_is_connected_outside),
        cmocka_unit_test(test_the_phone_sees_who_calls_now),
        cmocka_unit_test(test_a_caller_that_gives_up_cancels_outside),
    };

    return cmocka_run_group_tests_name("provider", tests, NULL, NULL);
}

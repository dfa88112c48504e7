#include <stdio.h>

#include "tests.h"

#define DEVICE(id, ext)                                                                            \
    "{\"id\":\"" id "\",\"extension\":\"" ext "\",\"password\":\"long enough 1\"}"
#define FORWARDS(id, ext, to)                                                                      \
    "{\"id\":\"" id "\",\"extension\":\"" ext "\",\"password\":\"long enough 1\","                 \
    "\"forward\":{\"always\":\"" to "\"}}"
#define CODES "\"features\": {\"*43\": \"echo\", \"*4\": \"pickup\"}"
#define ROUTE(match, action)                                                                       \
    "{\"routing\":{\"routes\":[\n{\"id\":\"r\",\"match\":{" match "},\n\"action\":{" action "}}]}" \
    "}"

struct row {
    const char *text;
    enum config_severity severity;
    const char *pointer;
    uint32_t line;
    const char *message;    /* a part of it */
    const char *suggestion; /* a part of it */
};

static const struct row rows[] = {
    /* keys, types, bounds */
    {"{\n\n\"relm\": \"x\"}", CONFIG_ERROR, "/relm", 3, "no key", "\"realm\""},
    {"{\"proxy\": {\n\"lanport\": 1}}", CONFIG_ERROR, "/proxy/lanport", 2, "no key", "\"lanPort\""},
    {"{\"devices\": [{\"id\": \"a\",\n\"extnsion\": \"1\"}]}", CONFIG_ERROR, "/devices/0/extnsion",
     2, "no key of the device", "\"extension\""},
    {"{\"proxy\": {\n\"lanPort\": \"5060\"}}", CONFIG_ERROR, "/proxy/lanPort", 2,
     "must be a number", "without quotes"},
    {"{\"proxy\": {\n\"lanPort\": 99999}}", CONFIG_ERROR, "/proxy/lanPort", 2, "out of range",
     "1 to 65535"},
    {"{\"history\": {\n\"keepDays\": 1.5}}", CONFIG_ERROR, "/history/keepDays", 2, "out of range",
     "whole number"},
    {"{\n\"realm\": 5}", CONFIG_ERROR, "/realm", 2, "must be a text", "in quotes"},
    {"{\n\"devices\": {}}", CONFIG_ERROR, "/devices", 2, "list of objects", "[ ]"},
    {"{\"server\": {\n\"allowAnonymousApi\": \"yes\"}}", CONFIG_ERROR, "/server/allowAnonymousApi",
     2, "true or false", "without quotes"},
    {"{\n\"realm\": \"a\",\n\"realm\": \"b\"}", CONFIG_ERROR, "", 3, "twice", "place"},
    {"{\n\"realm\": \"a\"\n\"country\": \"DE\"}", CONFIG_ERROR, "", 3, "comma", "place"},
    {"{\n\"realm\": \"\"}", CONFIG_ERROR, "/realm", 2, "must not be empty", "ealm"},
    /* ids and references */
    {"{\"devices\": [\n{\"extension\": \"1\", \"password\": \"x\"}]}", CONFIG_ERROR, "/devices/0",
     2, "\"id\" is missing", "add \"id\""},
    {"{\"devices\": [" DEVICE("a", "1") ",\n" DEVICE("a", "2") "]}", CONFIG_ERROR, "/devices/1/id",
     2, "belongs to another device", "another id"},
    {"{\"devices\": [" DEVICE("desk",
                              "1") "],\n\"groups\": [{\"id\": \"g\",\n\"members\": [\"dsek\"]}]}",
     CONFIG_ERROR, "/groups/0/members/0", 3, "no device", "\"desk\""},
    {"{\"devices\": [{\"id\": \"a\", \"password\": \"long enough 1\",\n\"voicemailBox\": "
     "\"main\"}]}",
     CONFIG_ERROR, "/devices/0/voicemailBox", 2, "no voicebox", "add a voicebox"},
    {"{\"devices\": [" DEVICE("desk",
                              "1") "],\n\"routing\": {\"routes\": [{\"id\": \"r\", \"match\": {},\n"
                                   "\"action\": {\"targets\": [\"group:desk\"]}}]}}",
     CONFIG_ERROR, "/routing/routes/0/action/targets/0", 3, "no group", "device id"},
    {ROUTE("\"direction\":\"outbound\"", "\"provider\":\"nobody\""), CONFIG_ERROR,
     "/routing/routes/0/action/provider", 3, "no provider", "add a provider"},
    {"{\"providers\": [{\"id\": \"p\", \"domain\": \"d\", \"register\": false}],\n"
     "\"routing\": {\"routes\": [{\"id\": \"r\", \"match\": {\"direction\": \"outbound\"},\n"
     "\"action\": {\"provider\": \"p\", \"failoverProviders\": [\"p\"]}}]}}",
     CONFIG_WARNING, "/routing/routes/0/action/failoverProviders/0", 3, "that failed",
     "another provider"},
    {"{\"devices\": [{\"id\": \"a\", \"extension\": \"101\", \"password\": \"long enough 1\",\n"
     "\"forward\": {\"busy\": \"102\", \"noAnswer\": \"101\"}}]}",
     CONFIG_WARNING, "/devices/0/forward/noAnswer", 2, "to itself", "another extension"},
    {"{\"devices\": [{\"id\": \"a\", \"extension\": \"101\", \"password\": \"long enough 1\",\n"
     "\"forward\": {\"always\": \"101\"}}]}",
     CONFIG_WARNING, "/devices/0/forward/always", 2, "to itself: such a call ends as a loop",
     "another extension"},
    {"{\"devices\": [" FORWARDS("a", "101", "102") ", " FORWARDS("b", "102", "103") ",\n" FORWARDS(
         "c", "103", "102") "]}",
     CONFIG_WARNING, "/devices/1/forward/always", 1, "in a circle", "another extension"},
    /* extensions */
    {"{\"devices\": [" DEVICE("a", "101") ",\n" DEVICE("b", "101") "]}", CONFIG_ERROR,
     "/devices/1/extension", 2, "belongs to another device", "102 is free"},
    {"{\"devices\": [" DEVICE(
         "a", "800") "],\n\"conferences\": [{\"id\": \"c\",\n\"extension\": \"800\"}]}",
     CONFIG_ERROR, "/conferences/0/extension", 3, "belongs to a device", "801 is free"},
    {"{\"parking\": {\"slots\": \"701-720\"}, \"devices\": [\n" DEVICE("a", "705") "]}",
     CONFIG_ERROR, "/devices/0/extension", 2, "parking slots", "721 is free"},
    {"{\"devices\": [\n" DEVICE("a", "705") "]}", CONFIG_WARNING, "/devices/0/extension", 2,
     "parking slots", "721 is free"},
    {"{\"groups\": [{\"id\": \"g\",\n\"extension\": \"112\"}]}", CONFIG_ERROR,
     "/groups/0/extension", 2, "emergency number", "113 is free"},
    {"{\"devices\": [" DEVICE("a", "*43") "]\n}", CONFIG_ERROR, "/devices/0/extension", 1,
     "belongs to a feature", "another"},
    {"{\"devices\": [" DEVICE("101", "5") ",\n" DEVICE("b", "101") "]}", CONFIG_ERROR,
     "/devices/0/id", 1, "extension of another", "choose an id"},
    {"{\"devices\": [{\"id\": \"a\",\n\"extension\": \"1O1\"}]}", CONFIG_ERROR,
     "/devices/0/extension", 2, "wrong form", "digits"},
    /* right by themselves, and without an effect where they stand */
    {"{\"providers\": [{\"id\": \"p\", \"domain\": \"p.example\", \"username\": \"u\",\n"
     "\"outboundProxy\": {\"port\": 5080}}]}",
     CONFIG_NOTICE, "/providers/0/outboundProxy", 2, "without an address", "domain"},
    {"{\"proxy\": {\n\"stunServer\": \"[2001:db8::1]:3478\"}}", CONFIG_NOTICE, "/proxy/stunServer",
     2, "never asked", "IPv4"},
    {"{\"proxy\": {\"bind\": [\"127.0.0.1\",\n\"127.0.0.1\"]}}", CONFIG_ERROR, "/proxy/bind/1", 2,
     "twice", "remove"},
    {"{\n\"server\": {\"webUiPort\": 0, \"webUiTlsBind\": \"\"}}", CONFIG_WARNING, "/server", 2,
     "no page", "webUiPort"},
    {"{\"speech\": {\"tts\": {\n\"voice\": \"emma\"}}}", CONFIG_ERROR, "/speech/tts/voice", 2,
     "no voice", "kal16"},
    {"{\"storage\": {\n\"url\": \"postgresql://u@h/db\"}}", CONFIG_ERROR, "/storage/url", 2,
     "not built", "sqlite"},
    {"{\"security\": {\"digestAlgorithms\": [\"SHA-256\"]}, \"devices\": [{\"id\": \"a\",\n"
     "\"ha1\": \"0123456789abcdef0123456789abcdef\"}]}",
     CONFIG_WARNING, "/devices/0/ha1", 2, "MD5", "password"},
    {ROUTE("\"direction\":\"internal\"", "\"announcement\":\"Hello\",\"stripPrefix\":\"0\""),
     CONFIG_NOTICE, "/routing/routes/0/action/stripPrefix", 3, "no effect", "outbound"},
    {"{\"providers\": [{\"id\": \"p\", \"domain\": \"p.example\", \"register\": false}], "
     "\"routing\": "
     "{\"routes\": [{\"id\": \"r\", \"match\": {\"direction\": \"outbound\"},\n"
     "\"action\": {\"provider\": \"p\", \"noAnswerTimeout\": 5, \"ringBrowsers\": false}}]}}",
     CONFIG_NOTICE, "/routing/routes/0/action/noAnswerTimeout", 2, "no effect", "inbound"},
    {"{\"devices\": [{\"id\": \"a\",\n\"displayName\": \"Eve\\r\\nX: 1\"}]}", CONFIG_ERROR,
     "/devices/0/displayName", 2, "control characters", "one line"},
    /* networks of everybody */
    {"{\"security\": {\n\"deny\": [\"192.0.2.0/24\", \"0.0.0.0/0\"]}}", CONFIG_WARNING,
     "/security/deny/1", 2, "no phone", "that are meant"},
    {"{\"security\": {\n\"allow\": [\"::/0\"]}}", CONFIG_WARNING, "/security/allow/0", 2, "banned",
     "that are meant"},
    {"{\"providers\": [{\"id\": \"p\", \"domain\": \"d\", \"register\": false,\n"
     "\"trustedAddresses\": [\"0.0.0.0/0\"]}]}",
     CONFIG_WARNING, "/providers/0/trustedAddresses/0", 2, "anybody may send", "that are meant"},
    /* codes that others begin with */
    {"{\"devices\": [" DEVICE("a", "3") "],\n" CODES "}", CONFIG_WARNING, "/features/*4", 2,
     "does not reach 3: the code *43", "no other one begins"},
    {"{\"devices\": [" DEVICE(
         "a", "301") "],\n\"features\": {\"*43\": \"intercom\", \"*4\": \"pickup\"}}",
     CONFIG_WARNING, "/features/*4", 2, "does not reach 301: the code *43", "no other one begins"},
    {"{\"storage\": {\n\"url\": \"sqlite:/nonexistent/siprouter.db\"}}", CONFIG_WARNING,
     "/storage/url", 2, "will not start", "make the folder"},
    /* forms */
    {"{\"proxy\": {\n\"localNets\": [\"10.0.0.0/40\"]}}", CONFIG_ERROR, "/proxy/localNets/0", 2,
     "no address or network", "192.168.1.0/24"},
    {"{\"proxy\": {\n\"bind\": [\"example.org\"]}}", CONFIG_ERROR, "/proxy/bind/0", 2, "no address",
     "without port"},
    {"{\"proxy\": {\n\"lanIp\": \"2001:db8::1\"}}", CONFIG_ERROR, "/proxy/lanIp", 2, "wrong family",
     "lanIp6"},
    {"{\"proxy\": {\n\"publicIp\": \"my-host\"}}", CONFIG_ERROR, "/proxy/publicIp", 2, "wrong form",
     "\"auto\""},
    {"{\"devices\": [{\"id\": \"a\", \"password\": \"long enough 1\",\n\"codecs\": [\"G729\"]}]}",
     CONFIG_ERROR, "/devices/0/codecs/0", 2, "not allowed", "\"G722\""},
    {"{\"schedules\": [{\"id\": \"s\",\n\"timezone\": \"Europe/Berlinn\",\"rules\":[\"Mon "
     "1:00-2:00\"]}]}",
     CONFIG_ERROR, "/schedules/0/timezone", 2, "wrong form", "Europe/Berlin"},
    {"{\"schedules\": [{\"id\": \"s\",\n\"rules\": [\"Mon-Fry 09:00-18:00\"]}]}", CONFIG_ERROR,
     "/schedules/0/rules/0", 2, "wrong form", "Mon-Fri"},
    {"{\"schedules\": [{\"id\": \"s\", \"rules\": [\"Mon\"],\n\"holidays\": [\"2026-02-30\"]}]}",
     CONFIG_ERROR, "/schedules/0/holidays/0", 2, "wrong form", "no such day"},
    {ROUTE("\"numberPattern\":\"/(/\"", "\"ringBrowsers\":true"), CONFIG_ERROR,
     "/routing/routes/0/match/numberPattern", 2, "bad pattern", "prefix*"},
    {ROUTE("\"numberPattern\":\"+49*30\"", "\"ringBrowsers\":true"), CONFIG_ERROR,
     "/routing/routes/0/match/numberPattern", 2, "bad pattern", "prefix*"},
    {"{\"features\": {\n\"*43\": \"ehco\"}}", CONFIG_ERROR, "/features/*43", 2, "not allowed",
     "\"echo\""},
    {"{\"webhooks\": [{\n\"url\": \"crm.example\"}]}", CONFIG_ERROR, "/webhooks/0/url", 2,
     "wrong form", "http"},
    {"{\"webhooks\": [{\"url\": \"http://a\",\n\"events\": [\"call_end\"]}]}", CONFIG_ERROR,
     "/webhooks/0/events/0", 2, "not allowed", "call_ended"},
    {"{\"storage\": {\n\"url\": \"mysql://x\"}}", CONFIG_ERROR, "/storage/url", 2, "wrong form",
     "sqlite:"},
    /* ports, server */
    {"{\"proxy\": {\n\"tlsPort\": 5060}}", CONFIG_ERROR, "/proxy/tlsPort", 2, "used by",
     "another port"},
    {"{\"proxy\": {\n\"webrtcPort\": 20500}}", CONFIG_ERROR, "/proxy/webrtcPort", 2,
     "range for audio", "outside"},
    {"{\"proxy\": {\"rtpPortRange\": {\n\"min\": 30000}}}", CONFIG_ERROR, "/proxy/rtpPortRange/min",
     2, "is empty", "above max"},
    {"{\"server\": {\"webUiTlsBind\": \"0.0.0.0\",\n\"allowAnonymousApi\": true}}", CONFIG_ERROR,
     "/server/allowAnonymousApi", 2, "loopback", "webUiTlsBind"},
    {"{\"server\": {\n\"tls\": {\"cert\": \"a.pem\"}}}", CONFIG_ERROR, "/server/tls", 2,
     "needs its key", "both files"},
    {"{\"server\": {\n\"webUiBind\": \"0.0.0.0\"}}", CONFIG_WARNING, "/server/webUiBind", 2,
     "plain HTTP", "HTTPS"},
    /* secrets */
    {"{\"devices\": [{\"id\": \"a\",\n\"password\": {\"file\": \"/nonexistent/x\"}}]}",
     CONFIG_ERROR, "/devices/0/password/file", 2, "cannot be used", "readable"},
    {"{\"devices\": [{\"id\": \"a\",\n\"password\": {\"masked\": true}}]}", CONFIG_ERROR,
     "/devices/0/password", 2, "masked", "secret itself"},
    {"{\"devices\": [{\"id\": \"a\", \"password\": \"long enough 1\",\n\"ha1\": "
     "\"0123456789abcdef0123456789abcdef\"}]}",
     CONFIG_ERROR, "/devices/0/ha1", 2, "not both", "remove one"},
    {"{\"devices\": [{\"id\": \"a\",\n\"password\": \"1234\"}]}", CONFIG_WARNING,
     "/devices/0/password", 2, "weak", "random"},
    {"{\"devices\": [\n{\"id\": \"a\", \"extension\": \"7\"}]}", CONFIG_WARNING, "/devices/0", 2,
     "no password", "add"},
    {"{\"providers\": [\n{\"id\": \"a\", \"domain\": \"x.example\"}]}", CONFIG_ERROR,
     "/providers/0", 2, "user name", "register"},
    /* routes */
    {ROUTE("\"direction\":\"outbound\"", "\"ringBrowsers\":true"), CONFIG_ERROR,
     "/routing/routes/0/action", 3, "needs a provider", "provider"},
    {ROUTE("\"direction\":\"inbound\"", ""), CONFIG_ERROR, "/routing/routes/0/action", 3,
     "leads nowhere", "targets"},
    {ROUTE("", "\"mode\":\"passthrough\",\"targets\":[\"tel:1\",\"tel:2\"]"), CONFIG_ERROR,
     "/routing/routes/0/action/mode", 3, "exactly one target", "b2bua"},
    {ROUTE("", "\"mode\":\"passthrough\",\"targets\":[\"tel:1\"],\"record\":\"on\""), CONFIG_ERROR,
     "/routing/routes/0/action/mode", 3, "recording", "b2bua"},
    {ROUTE("", "\"mode\":\"passthrough\",\"targets\":[\"tel:1\"],\"announcement\":\"Hello\""),
     CONFIG_ERROR, "/routing/routes/0/action/mode", 3, "announcement", "b2bua"},
    {ROUTE("", "\"mode\":\"passthrough\",\"targets\":[\"tel:1\"],\"fallback\":{\"busy\":{"
               "\"type\":\"hangup\"}}"),
     CONFIG_ERROR, "/routing/routes/0/action/mode", 3, "fallbacks", "b2bua"},
    {"{\"routing\":{\"routes\":[{\"id\":\"a\",\"match\":{\"numberPattern\":\"+49*\"},\"action\":{"
     "\"targets\":"
     "[\"tel:1\"]}},\n{\"id\":\"b\",\"match\":{\"numberPattern\":\"+4930*\"},\"action\":{"
     "\"targets\":[\"tel:"
     "2\"]}}]}}",
     CONFIG_WARNING, "/routing/routes/1", 2, "never reached", "priority"},
    {"{\"devices\":[" DEVICE(
         "d", "1") "],\n\"routing\":{\"routes\":[{\"id\":\"a\",\"match\":{\"direction\":"
                   "\"inbound\",\n\"sourceDevice\":\"d\"},\"action\":{\"targets\":[\"d\"]}}]}}",
     CONFIG_WARNING, "/routing/routes/0/match/sourceDevice", 3, "never match", "sourceProvider"},
    {"{\"ivr\":{\"menus\":[{\"id\":\"m\",\"entries\":[{\"digit\":\"1\",\"action\":{\"type\":"
     "\"hangup\"}},\n"
     "{\"digit\":\"1\",\"action\":{\"type\":\"repeat\"}}]}]}}",
     CONFIG_ERROR, "/ivr/menus/0/entries/1/digit", 2, "twice", "another digit"},
    {"{\"ivr\":{\"menus\":[{\"id\":\"m\",\"timeoutAction\":{\"type\":\"routeExtension\","
     "\n\"target\":\"9\"}}]}}",
     CONFIG_ERROR, "/ivr/menus/0/timeoutAction/target", 2, "nobody has", "extension"},
    /* not built yet */
    {"{\n\"voiceboxes\": [{\"id\": \"main\"}]}", CONFIG_NOTICE, "/voiceboxes", 2, "not built yet",
     "no effect"},
};

static bool is_the_fault(const struct config_fault *fault, const struct row *row)
{
    char message[600];
    char suggestion[600];
    (void)sr_str_copy(fault->message, message, sizeof(message));
    (void)sr_str_copy(fault->suggestion, suggestion, sizeof(suggestion));
    return fault->severity == row->severity && sr_str_eq_c(fault->pointer, row->pointer) &&
           fault->line == row->line && strstr(message, row->message) &&
           strstr(suggestion, row->suggestion);
}

/** Each kind of broken configuration is named with pointer, line, sentence and suggestion. */
static void every_fault_has_place_and_suggestion(void **state)
{
    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct config_faults faults;
        struct config *config = NULL;
        config_faults_init(&faults);
        enum sr_err err = config_load_text(sr_str_c(rows[i].text), NULL, &faults, &config);
        bool is_found = false;
        for (uint32_t f = 0; f < faults.count; f++) {
            is_found = is_found || is_the_fault(&faults.items[f], &rows[i]);
            assert_true(faults.items[f].suggestion.n > 0);
            assert_true(faults.items[f].line > 0);
        }
        struct sr_buf out;
        sr_buf_init(&out, 1 << 20);
        config_faults_write_text(&faults, "c", &out);
        if (!is_found || (err == SR_OK) != (rows[i].severity != CONFIG_ERROR))
            fail_msg("row %zu: %s\n%s", i, rows[i].text, sr_buf_cstr(&out));
        /* one mistake gives one error, not a cascade */
        if (rows[i].severity == CONFIG_ERROR && faults.error_count != 1)
            fail_msg("row %zu: %u errors\n%s", i, faults.error_count, sr_buf_cstr(&out));
        sr_buf_done(&out);
        config_unref(config);
        config_faults_done(&faults);
    }
}

/** Faults are kept up to a bound and counted beyond; both ways of writing them work. */
static void faults_are_bounded(void **state)
{
    (void)state;
    struct config_faults faults;
    struct config *config = NULL;
    struct sr_buf text;
    sr_buf_init(&text, 1 << 20);
    sr_buf_char(&text, '{');
    for (unsigned i = 0; i < 500; i++)
        sr_buf_fmt(&text, "\"zz%u\": 1,", i);
    sr_buf_char(&text, '}');
    config_faults_init(&faults);
    assert_int_equal(config_load_text(sr_buf_view(&text), NULL, &faults, &config), SR_ERR_SYNTAX);
    assert_int_equal(faults.count, CONFIG_FAULTS_MAX);
    assert_int_equal(faults.error_count, 500);
    assert_int_equal(faults.dropped, 400);
    sr_buf_clear(&text);
    config_faults_write_json(&faults, &text);
    struct sr_arena arena;
    struct jsonc_node *root;
    sr_arena_init(&arena, JSONC_ARENA_BYTES_MAX);
    assert_int_equal(jsonc_parse(sr_buf_view(&text), &arena, &root, NULL), SR_OK);
    assert_int_equal(root->count, CONFIG_FAULTS_MAX);
    assert_text(jsonc_at(root, SR_STR("/0/pointer"))->text, "/zz0");
    sr_arena_done(&arena);
    sr_buf_done(&text);
    config_faults_done(&faults);
}

/** A right and complete configuration has no errors and no warnings. */
static void right_configuration_is_quiet(void **state)
{
    (void)state;
    struct config_faults faults;
    struct config *config = NULL;
    config_faults_init(&faults);
    assert_int_equal(config_load_text(sr_str_c(full_config), NULL, &faults, &config), SR_OK);
    assert_int_equal(faults.error_count, 0);
    assert_int_equal(faults.warning_count, 0);
    config_unref(config);
    config_faults_done(&faults);
}

/** What looks like a fault and is none: a chain that ends, codes that hide nobody. */
static void what_works_is_not_warned_of(void **state)
{
    static const char *const texts[] = {
        "{\"devices\": [" FORWARDS("a", "101", "102") "," FORWARDS("b", "102", "103") "]}",
        "{\"devices\": [" FORWARDS("a", "101", "+4930123456") "]}",
        "{\"devices\": [" DEVICE("a", "4") "," DEVICE("b", "31") "], " CODES "}",
        "{\"conferences\": [{\"id\": \"c\", \"extension\": \"3\"}], " CODES "}",
        "{\"security\": {\"deny\": [\"192.0.2.0/24\"], \"allow\": [\"10.0.0.0/8\"]}}",
        "{\"storage\": {\"url\": \"sqlite:/tmp/siprouter.db\"}}",
    };
    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(texts); i++) {
        struct config_faults faults;
        struct config *config = NULL;
        config_faults_init(&faults);
        assert_int_equal(config_load_text(sr_str_c(texts[i]), NULL, &faults, &config), SR_OK);
        if (faults.count > 0)
            fail_msg("%s: %.*s", texts[i], SR_STR_ARG(faults.items[0].message));
        config_unref(config);
        config_faults_done(&faults);
    }
}

int test_config_faults(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_has_place_and_suggestion),
        cmocka_unit_test(faults_are_bounded),
        cmocka_unit_test(right_configuration_is_quiet),
        cmocka_unit_test(what_works_is_not_warned_of),
    };
    return cmocka_run_group_tests_name("config_faults", tests, NULL, NULL);
}

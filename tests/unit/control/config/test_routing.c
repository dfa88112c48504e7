/* The resolver of routes: tables of calls over one configuration, the words of its explanation, golden
 * calls. */
#include "call/routing.h"

#include "tests.h"

#define MONDAY_TEN 1795428000 /* 2026-11-23 10:00 UTC, 11:00 in Berlin */
#define MONDAY_NIGHT (MONDAY_TEN + 12 * 3600)

static const char base[] =
    "{ \"country\": \"DE\","
    "  \"devices\": [ { \"id\": \"desk\", \"extension\": \"101\" },"
    "    { \"id\": \"hall\", \"extension\": \"102\", \"callerId\": \"+49301112\" } ],"
    "  \"groups\": [ { \"id\": \"sales\", \"extension\": \"200\", \"members\": [\"desk\", "
    "\"hall\"] "
    "} ],"
    "  \"conferences\": [ { \"id\": \"room\", \"extension\": \"800\" } ],"
    "  \"features\": { \"*43\": \"echo\", \"*8\": \"pickup\" },"
    "  \"schedules\": [ { \"id\": \"open\", \"timezone\": \"Etc/UTC\","
    "    \"rules\": [\"Mon-Fri 09:00-18:00\"] } ],"
    "  \"providers\": ["
    "    { \"id\": \"acme\", \"domain\": \"a.example\", \"username\": \"u\", \"country\": \"DE\" },"
    "    { \"id\": \"usa\", \"domain\": \"b.example\", \"username\": \"u\", \"country\": \"US\" },"
    "    { \"id\": \"off\", \"domain\": \"c.example\", \"username\": \"u\", \"enabled\": false } ],"
    "  \"routing\": { \"routes\": ["
    "    { \"id\": \"low\", \"priority\": 10, \"match\": { \"direction\": \"inbound\" },"
    "      \"action\": { \"targets\": [\"hall\"] } },"
    "    { \"id\": \"day\", \"match\": { \"direction\": \"inbound\", \"numberPattern\": "
    "\"+4930123*\","
    "        \"schedule\": \"open\" }, \"action\": { \"targets\": [\"group:sales\"] } },"
    "    { \"id\": \"vip\", \"priority\": 200, \"match\": { \"direction\": \"inbound\","
    "        \"callerPattern\": \"/^\\\\+4989/\", \"sourceProvider\": \"acme\" },"
    "      \"action\": { \"targets\": [\"desk\"] } },"
    "    { \"id\": \"exact\", \"match\": { \"direction\": \"inbound\", \"numberPattern\": "
    "\"+12125550100\" },"
    "      \"action\": { \"targets\": [\"tel:+4930999\"] } },"
    "    { \"id\": \"sleeps\", \"enabled\": false, \"priority\": 900, \"match\": {},"
    "      \"action\": { \"targets\": [\"desk\"] } },"
    "    { \"id\": \"own\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"5*\" },"
    "      \"action\": { \"targets\": [\"hall\"] } },"
    "    { \"id\": \"over\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"102\","
    "        \"sourceDevice\": \"desk\" }, \"action\": { \"targets\": [\"desk\"] } },"
    "    { \"id\": \"line\", \"match\": { \"direction\": \"outbound\", \"numberPattern\": \"9*\" },"
    "      \"action\": { \"provider\": \"usa\", \"stripPrefix\": \"9\" } },"
    "    { \"id\": \"hall-out\", \"priority\": 150, \"match\": { \"direction\": \"outbound\","
    "        \"sourceDevice\": \"hall\", \"numberPattern\": \"+1*\" },"
    "      \"action\": { \"provider\": \"usa\", \"callerId\": \"+12125550111\", \"stripPrefix\": "
    "\"+\","
    "        \"prependPrefix\": \"00\" } },"
    "    { \"id\": \"out\", \"match\": { \"direction\": \"outbound\", \"numberPattern\": \"+*\" },"
    "      \"action\": { \"provider\": \"off\", \"failoverProviders\": [\"acme\", \"usa\"] } } ] } "
    "}";

struct row {
    const char *provider, *device; /* who calls */
    const char *number, *caller;
    int64_t now;
    enum routing_outcome outcome;
    const char *route; /* NULL: none */
    const char *normal;
};

static void ask(const struct config *config, const struct row *row, struct routing_plan *ret_plan,
                struct sr_json *tried)
{
    struct routing_query query = {
        .number = sr_str_c(row->number), .caller = sr_str_c(row->caller), .now = row->now};

    if (row->provider != NULL)
        query.provider = config_provider_by_id(config, sr_str_c(row->provider));
    if (row->device != NULL)
        query.device = config_device_by_id(config, sr_str_c(row->device));
    routing_resolve(config, &query, ret_plan, tried);
}

static void test_calls_find_their_routes(void **state)
{
    static const struct row rows[] = {
        {"acme", NULL, "030123456", "", MONDAY_TEN, ROUTING_ROUTE, "day", "+4930123456"},
        {"acme", NULL, "030123456", "", MONDAY_NIGHT, ROUTING_ROUTE, "low", "+4930123456"},
        {"acme", NULL, "030123456", "040 99", MONDAY_TEN, ROUTING_ROUTE, "day", "+4930123456"},
        {"acme", NULL, "030123456", "08912345", MONDAY_TEN, ROUTING_ROUTE, "vip", "+4930123456"},
        {"usa", NULL, "0049 30 123456", "+498912345", MONDAY_TEN, ROUTING_ROUTE, "day",
         "+4930123456"},
        {"usa", NULL, "212 555 0100", "", MONDAY_TEN, ROUTING_ROUTE, "exact", "+12125550100"},
        {"usa", NULL, "101", "", MONDAY_TEN, ROUTING_ROUTE, "low", "101"}, /* no extension */
        {NULL, "desk", "102", NULL, MONDAY_TEN, ROUTING_ROUTE, "over", "102"},
        {NULL, "hall", "102", NULL, MONDAY_TEN, ROUTING_EXTENSION, NULL, "102"},
        {NULL, "hall", "desk", NULL, MONDAY_TEN, ROUTING_EXTENSION, NULL, "desk"},
        {NULL, "hall", "200", NULL, MONDAY_TEN, ROUTING_EXTENSION, NULL, "200"},
        {NULL, "hall", "*43", NULL, MONDAY_TEN, ROUTING_EXTENSION, NULL, "*43"},
        {NULL, "hall", "*8101", NULL, MONDAY_TEN, ROUTING_EXTENSION, NULL, "*8101"},
        {NULL, "hall", "555", NULL, MONDAY_TEN, ROUTING_ROUTE, "own", "555"},
        {NULL, "hall", "666", NULL, MONDAY_TEN, ROUTING_NOWHERE, NULL, "666"},
        {NULL, "desk", "030 555", NULL, MONDAY_TEN, ROUTING_OUTSIDE, "out", "+4930555"},
        {NULL, "desk", "001 212 555 0100", NULL, MONDAY_TEN, ROUTING_OUTSIDE, "out",
         "+12125550100"},
        {NULL, "hall", "001 212 555 0100", NULL, MONDAY_TEN, ROUTING_OUTSIDE, "hall-out",
         "+12125550100"},
        {NULL, NULL, "+12125550100", NULL, MONDAY_TEN, ROUTING_OUTSIDE, "out", "+12125550100"},
        {NULL, "hall", "9030555", NULL, MONDAY_TEN, ROUTING_OUTSIDE, "line", "9030555"},
        {NULL, "hall", "112", NULL, MONDAY_TEN, ROUTING_OUTSIDE, NULL, "112"},
    };
    struct config *config = load_right(base);

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct routing_plan plan;

        ask(config, &rows[i], &plan, NULL);
        if (plan.outcome != rows[i].outcome || strcmp(plan.number, rows[i].normal) != 0 ||
            (rows[i].route == NULL
                 ? plan.route != NULL
                 : plan.route == NULL || !sr_str_eq_c(plan.route->id, rows[i].route)))
            fail_msg("row %zu: outcome %d, number %s, route %.*s", i, (int)plan.outcome,
                     plan.number, SR_STR_ARG(plan.route != NULL ? plan.route->id : SR_STR("none")));
    }
    config_unref(config);
}

static void test_what_the_provider_dials_and_shows(void **state)
{
    static const struct {
        const char *device, *number, *dialled, *judged, *caller_id, *providers;
    } rows[] = {
        {"desk", "030 555", "+4930555", "+4930555", "", "acme usa "},
        {"hall", "030 555", "+4930555", "+4930555", "+49301112", "acme usa "},
        {"hall", "00 1 212 555 0100", "0012125550100", "+12125550100", "+12125550111", "usa "},
        {"desk", "9 030 555", "+4930555", "+4930555", "", "usa "},
        {"desk", "9112", "112", "112", "", "usa acme "}, /* behind the digit for a line */
        {"hall", "112", "112", "112", "+49301112", "acme usa "},
    };
    struct config *config = load_right(base);

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct row row = {.device = rows[i].device, .number = rows[i].number, .now = MONDAY_TEN};
        struct routing_plan plan;
        char names[64];
        struct sr_buf out;

        ask(config, &row, &plan, NULL);
        sr_buf_init_fixed(&out, names, sizeof(names));
        for (size_t k = 0; k < plan.provider_count; k++)
            sr_buf_fmt(&out, "%.*s ", SR_STR_ARG(plan.providers[k]->id));
        assert_string_equal(plan.dialled, rows[i].dialled);
        assert_string_equal(plan.judged, rows[i].judged);
        assert_text(plan.caller_id, rows[i].caller_id);
        assert_string_equal(sr_buf_cstr(&out), rows[i].providers);
        assert_int_equal(plan.is_emergency, strcmp(rows[i].dialled, "112") == 0);
    }
    config_unref(config);
}

static void test_what_was_tried_is_told_in_words(void **state)
{
    static const struct {
        struct row row;
        const char *says;
    } rows[] = {
        {{"acme", NULL, "030123456", "", MONDAY_NIGHT, 0, NULL, NULL},
         "schedule open is closed (Mon 2026-11-23 22:00 in Etc/UTC)"},
        {{"acme", NULL, "030123456", "", MONDAY_TEN, 0, NULL, NULL},
         "the caller is not known and cannot match /^\\\\+4989/"},
        {{"usa", NULL, "030123456", "", MONDAY_TEN, 0, NULL, NULL},
         "only for calls of provider acme"},
        {{"acme", NULL, "030123456", "", MONDAY_TEN, 0, NULL, NULL},
         "the number +4930123456 begins with +4930123, schedule open is open"},
        {{NULL, "desk", "666", NULL, MONDAY_TEN, 0, NULL, NULL}, "no outbound route takes 666"},
        {{NULL, "desk", "666", NULL, MONDAY_TEN, 0, NULL, NULL},
         "the number 666 does not begin with +"},
        {{NULL, "hall", "112", NULL, MONDAY_TEN, 0, NULL, NULL},
         "an emergency number goes out by any provider"},
    };
    struct config *config = load_right(base);

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct routing_plan plan;
        struct sr_json json;
        struct sr_buf out;

        sr_buf_init(&out, 1 << 16);
        sr_json_begin(&json, &out);
        sr_json_array(&json);
        ask(config, &rows[i].row, &plan, &json);
        sr_json_end(&json);
        if (sr_str_search(sr_buf_view(&out), sr_str_c(rows[i].says)) == out.len)
            fail_msg("\"%s\" is not in %.*s", rows[i].says, SR_STR_ARG(sr_buf_view(&out)));
        sr_buf_done(&out);
    }
    config_unref(config);
}

static void test_the_nearest_route_is_named(void **state)
{
    static const struct row row = {.device = "hall", .number = "666", .now = MONDAY_TEN};
    struct config *config = load_right(base);
    struct routing_plan plan;

    (void)state;
    ask(config, &row, &plan, NULL);
    assert_int_equal(plan.outcome, ROUTING_NOWHERE);
    assert_int_equal(plan.reason, CALL_REASON_NOT_FOUND);
    assert_non_null(plan.nearest);
    assert_string_equal(plan.nearest_why, "the number 666 does not begin with 5");
    config_unref(config);
}

static void test_the_answer_is_json(void **state)
{
    struct config *config = load_right(base);
    struct routing_query query = {.number = SR_STR("030 555"), .now = MONDAY_TEN};
    struct sr_buf out;

    (void)state;
    query.device = config_device_by_id(config, SR_STR("hall"));
    sr_buf_init(&out, 1 << 16);
    routing_test_json(config, &query, NULL, &out);
    for (size_t i = 0; i < 6; i++) {
        static const char *const parts[] = {
            "\"matched\":\"out\"",      "\"direction\":\"outbound\"",
            "\"provider\":\"acme\"",    "\"failoverProviders\":[\"usa\"]",
            "\"dialled\":\"+4930555\"", "\"refused\":null",
        };

        assert_true(sr_str_search(sr_buf_view(&out), sr_str_c(parts[i])) < out.len);
    }
    sr_buf_done(&out);
    config_unref(config);
}

static const char quiet_house[] =
    "{ \"devices\": ["
    "    { \"id\": \"desk\", \"extension\": \"101\" },"
    "    { \"id\": \"away\", \"extension\": \"102\", \"forward\": { \"always\": \"101\" } },"
    "    { \"id\": \"abroad\", \"extension\": \"103\", \"forward\": { \"always\": \"+4930555\" } },"
    "    { \"id\": \"rests\", \"extension\": \"104\", \"dnd\": true },"
    "    { \"id\": \"dozes\", \"extension\": \"105\", \"dnd\": true,"
    "      \"forward\": { \"busy\": \"102\" } },"
    "    { \"id\": \"here\", \"extension\": \"106\", \"forward\": { \"always\": \"107\" } },"
    "    { \"id\": \"there\", \"extension\": \"107\", \"forward\": { \"always\": \"106\" } },"
    "    { \"id\": \"dear\", \"extension\": \"108\", \"forward\": { \"always\": \"+499001\" } } ],"
    "  \"groups\": [ { \"id\": \"all\", \"extension\": \"200\","
    "    \"members\": [\"desk\", \"abroad\", \"rests\"] },"
    "    { \"id\": \"round\", \"extension\": \"201\", \"members\": [\"here\", \"there\"] },"
    "    { \"id\": \"none\", \"extension\": \"202\", \"members\": [\"dear\", \"here\"] },"
    "    { \"id\": \"few\", \"extension\": \"203\", \"members\": [\"dear\", \"rests\", \"here\"] } "
    "],"
    "  \"conferences\": [ { \"id\": \"room\", \"extension\": \"800\" } ],"
    "  \"parking\": { \"slots\": \"701-702\" }, \"features\": { \"*68\": \"intercom\", \"*43\": "
    "\"echo\" },"
    "  \"providers\": [ { \"id\": \"acme\", \"domain\": \"a.example\", \"username\": \"u\" } ],"
    "  \"security\": { \"blockedPrefixes\": [\"+49900\"] },"
    "  \"routing\": { \"routes\": ["
    "    { \"id\": \"out\", \"match\": { \"direction\": \"outbound\" }, \"action\": { "
    "\"provider\": \"acme\" } },"
    "    { \"id\": \"calm\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"501\" "
    "},"
    "      \"action\": { \"targets\": [\"rests\"], \"fallback\": {"
    "        \"busy\": { \"type\": \"conference\", \"target\": \"room\" } } } },"
    "    { \"id\": \"back\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"502\" "
    "},"
    "      \"action\": { \"targets\": [\"rests\"], \"fallback\": {"
    "        \"busy\": { \"type\": \"routeExtension\", \"target\": \"105\" } } } },"
    "    { \"id\": \"lost\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"503\" "
    "},"
    "      \"action\": { \"targets\": [\"group:none\"], \"fallback\": {"
    "        \"offline\": { \"type\": \"conference\", \"target\": \"room\" } } } },"
    "    { \"id\": \"twice\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"504\" "
    "},"
    "      \"action\": { \"targets\": [\"dear\", \"group:none\"] } },"
    "    { \"id\": \"tel\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"505\" "
    "},"
    "      \"action\": { \"targets\": [\"tel:+499001\"], \"fallback\": {"
    "        \"offline\": { \"type\": \"routeExtension\", \"target\": \"202\" } } } } ] } }";

/* What a call comes to, not only whom the number belongs to. */
static void test_forwardings_and_quiet_phones_are_foretold(void **state)
{
    static const struct {
        const char *number, *parts[4];
    } rows[] = {
        {"101", {"\"outcome\":\"rings\",\"targets\":[\"desk\"]", "\"refused\":null"}},
        {"102",
         {"\"outcome\":\"rings\",\"targets\":[\"desk\"]",
          "{\"route\":\"away\",\"matched\":true,\"why\":\"sends all its calls to 101 "
          "(forward.always)\"}"}},
        {"103",
         {"\"outcome\":\"outside\",\"targets\":[\"+4930555\"],\"provider\":\"acme\"",
          "\"matched\":\"out\""}},
        {"104",
         {"\"outcome\":\"refused\",\"targets\":[]",
          "\"refused\":{\"reason\":\"busy\",\"sipStatus\":486,\"why\":\"rests takes no calls now "
          "(dnd)\"}"}},
        {"105",
         {"\"targets\":[\"desk\"]", "takes no calls now (dnd), as if it were busy",
          "its calls go to 102 then (forward.busy)", "sends all its calls to 101"}},
        {"106", {"\"reason\":\"loop\",\"sipStatus\":482", "(forward.always), in a circle"}},
        {"200", {"\"outcome\":\"rings\",\"targets\":[\"desk\",\"+4930555\"]"}},
        {"201", {"\"outcome\":\"refused\"", "\"reason\":\"loop\""}},
        {"202", {"\"reason\":\"loop\"", "nothing rings at +499001"}},
        {"203", {"\"reason\":\"busy\""}},
        {"503",
         {"\"outcome\":\"here\",\"targets\":[\"room\"],\"answeredBy\":\"conference\"",
          "its fallback for offline takes the call: conference", "\"refused\":null"}},
        {"504", {"\"reason\":\"loop\""}},
        {"505",
         {"\"matched\":\"tel\"", "{\"route\":\"tel:+499001\",\"matched\":false",
          "its fallback for offline takes the call: routeExtension", "\"reason\":\"loop\""}},
        {"501",
         {"\"outcome\":\"here\",\"targets\":[\"room\"],\"answeredBy\":\"conference\"",
          "its fallback for busy takes the call: conference", "\"matched\":\"calm\""}},
        {"502", {"\"targets\":[\"desk\"]", "\"matched\":\"back\"", "(forward.busy)"}},
        {"800", {"\"outcome\":\"here\",\"targets\":[\"room\"],\"answeredBy\":\"conference\""}},
        {"701", {"\"targets\":[\"701\"],\"answeredBy\":\"parking\""}},
        {"*43", {"\"targets\":[\"*43\"],\"answeredBy\":\"feature\""}},
        {"*68101", {"\"outcome\":\"rings\",\"targets\":[\"desk\"]"}},
        {"*68104", {"\"reason\":\"busy\""}},
        {"*68108", {"\"reason\":\"blocked_number\""}},
        {"+49900", {"\"outcome\":\"refused\",\"targets\":[]", "\"reason\":\"blocked_number\""}},
    };
    struct config *config = load_right(quiet_house);
    struct sr_buf out;

    (void)state;
    sr_buf_init(&out, 1 << 16);
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct routing_query query = {.number = sr_str_c(rows[i].number), .now = MONDAY_TEN};

        sr_buf_clear(&out);
        routing_test_json(config, &query, NULL, &out);
        for (size_t k = 0; k < 4 && rows[i].parts[k] != NULL; k++) {
            if (sr_str_search(sr_buf_view(&out), sr_str_c(rows[i].parts[k])) == out.len)
                fail_msg("%s: no %s in %.*s", rows[i].number, rows[i].parts[k],
                         SR_STR_ARG(sr_buf_view(&out)));
        }
    }
    sr_buf_done(&out);
    config_unref(config);
}

/* ---- golden calls ---- */

static void check_golden(const char *call, const char *expect, const char *fault)
{
    struct config_faults faults;
    struct config *config = NULL;
    struct sr_buf text, said;
    enum sr_err err;

    sr_buf_init(&text, 1 << 16);
    sr_buf_str(&text, sr_str_make(base, sizeof(base) - 1 - strlen(" } }")));
    sr_buf_fmt(&text, ", \"tests\": [ { \"call\": { %s }, \"expect\": { %s } } ] } }", call,
               expect);
    config_faults_init(&faults);
    err = config_load_text(sr_buf_view(&text), NULL, &faults, &config);
    sr_buf_init(&said, 1 << 16);
    config_faults_write_text(&faults, "x", &said);
    assert_int_equal(err, fault == NULL ? SR_OK : SR_ERR_SYNTAX);
    if (fault != NULL && sr_str_search(sr_buf_view(&said), sr_str_c(fault)) == said.len)
        fail_msg("\"%s\" is not in %.*s", fault, SR_STR_ARG(sr_buf_view(&said)));
    config_unref(config);
    config_faults_done(&faults);
    sr_buf_done(&text);
    sr_buf_done(&said);
}

static void test_golden_calls_hold_the_routes(void **state)
{
    (void)state;
    check_golden("\"provider\": \"acme\", \"to\": \"030123\", \"at\": \"2026-11-23T12:00:00Z\"",
                 "\"route\": \"day\"", NULL);
    check_golden("\"provider\": \"acme\", \"to\": \"030123\", \"at\": \"2026-11-22T12:00:00Z\"",
                 "\"route\": \"low\"", NULL);
    check_golden("\"device\": \"desk\", \"to\": \"666\"", "\"route\": \"\"", NULL);
    check_golden(
        "\"provider\": \"acme\", \"to\": \"030123\", \"at\": \"2026-11-22T12:00:00Z\"",
        "\"route\": \"day\"",
        "golden call to 030123 from provider acme goes to route \"low\", not to \"day\"; day: "
        "schedule open is closed (Sun 2026-11-22 12:00 in Etc/UTC)");
    check_golden("\"device\": \"desk\", \"to\": \"030555\"", "\"route\": \"\"",
                 "goes to route \"out\", and should go to none");
    check_golden("\"provider\": \"acme\", \"to\": \"030123\", \"from\": \"08912345\"",
                 "\"route\": \"low\"", "low: it would take the call, but the other comes first");
    check_golden("\"device\": \"desk\", \"to\": \"101\"", "\"route\": \"sleeps\"",
                 "goes to an extension, not to \"sleeps\"; sleeps is disabled");
    check_golden("\"device\": \"desk\", \"to\": \"101\", \"at\": \"noon\"", "\"route\": \"\"",
                 "this is no moment");
    check_golden("\"device\": \"desk\", \"provider\": \"acme\", \"to\": \"101\"", "\"route\": \"\"",
                 "not from both");
}

int test_routing(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_find_their_routes),
        cmocka_unit_test(test_what_the_provider_dials_and_shows),
        cmocka_unit_test(test_what_was_tried_is_told_in_words),
        cmocka_unit_test(test_the_nearest_route_is_named),
        cmocka_unit_test(test_the_answer_is_json),
        cmocka_unit_test(test_forwardings_and_quiet_phones_are_foretold),
        cmocka_unit_test(test_golden_calls_hold_the_routes),
    };

    return cmocka_run_group_tests_name("routing", tests, NULL, NULL);
}

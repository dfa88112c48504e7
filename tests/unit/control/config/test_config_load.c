#include <stdio.h>

#include "control/config_schema.h"
#include "tests.h"

const char *const full_config =
    "// everything at once\n"
    "{\n"
    "  \"proxy\": { \"lanPort\": 5070, \"localNets\": [\"192.168.0.0/16\"], \"lanIp\": "
    "\"192.0.2.1\" },\n"
    "  \"dns\": { \"servers\": [\"9.9.9.9\", \"[2620:fe::fe]:5353\"] },\n"
    "  \"realm\": \"example.org\", \"domains\": [\"pbx.example.org\"], \"country\": \"DE\",\n"
    "  \"server\": { \"drainSec\": 20 }, // web\n"
    "  \"storage\": { \"url\": \"sqlite:calls.db\" },\n"
    "  \"providers\": [ { \"id\": \"acme\", \"domain\": \"sip.acme.example\", \"username\": "
    "\"u\",\n"
    "    \"password\": \"provider secret\", \"quirks\": { \"ptime\": 20, \"userPhone\": true } },\n"
    "    { \"id\": \"other\", \"domain\": \"192.0.2.9\", \"register\": false,\n"
    "      \"trustedAddresses\": [\"192.0.2.0/24\"] } ],\n"
    "  \"devices\": [\n"
    "    // the desk\n"
    "    { \"id\": \"desk\", \"extension\": \"101\", \"password\": \"correct horse battery\",\n"
    "      \"voicemailBox\": \"main\", \"expectedAddress\": \"192.168.1.0/24\" },\n"
    "    { \"id\": \"hall\", \"extension\": \"102\", /* hashed */\n"
    "      \"ha1\": \"0123456789abcdef0123456789abcdef\", \"codecs\": [\"PCMU\"] },\n"
    "  ],\n"
    "  \"groups\": [ { \"id\": \"sales\", \"extension\": \"200\", \"members\": [\"desk\", "
    "\"hall\"],\n"
    "    \"strategy\": \"roundRobin\" } ],\n"
    "  \"contacts\": [ { \"id\": \"mum\", \"name\": \"Mum\", \"number\": \"+4930123456\" } ],\n"
    "  \"routing\": {\n"
    "    \"tests\": [ { \"call\": { \"provider\": \"acme\", \"to\": \"+4930123\",\n"
    "      \"from\": \"+49891\", \"at\": \"2026-11-23T10:30:00+01:00\" },\n"
    "      \"expect\": { \"route\": \"in-main\" } } ],\n"
    "    \"routes\": [\n"
    "      { \"id\": \"out\", \"priority\": 50, \"match\": { \"direction\": \"outbound\" },\n"
    "        \"action\": { \"provider\": \"acme\", \"failoverProviders\": [\"other\"] } },\n"
    "      { \"id\": \"in-main\", \"match\": { \"direction\": \"inbound\",\n"
    "          \"numberPattern\": \"+4930*\", \"callerPattern\": \"/^\\\\+49/\",\n"
    "          \"sourceProvider\": \"acme\", \"schedule\": \"open\" },\n"
    "        \"action\": { \"targets\": [\"desk\", \"group:sales\", \"tel:+491701234567\"],\n"
    "          \"fallback\": { \"busy\": { \"type\": \"voicemail\", \"target\": \"main\" } } } } ] "
    "},\n"
    "  \"schedules\": [ { \"id\": \"open\", \"timezone\": \"Europe/Berlin\",\n"
    "    \"rules\": [\"Mon-Fri 09:00-18:00\"], \"holidays\": [\"2026-12-25\"] } ],\n"
    "  \"voiceboxes\": [ { \"id\": \"main\", \"extension\": \"300\", \"pin\": \"4711\" } ],\n"
    "  \"ivr\": { \"menus\": [ { \"id\": \"welcome\", \"entries\": [ { \"digit\": \"1\",\n"
    "    \"action\": { \"type\": \"routeExtension\", \"target\": \"101\" } } ],\n"
    "    \"timeoutAction\": { \"type\": \"conference\", \"target\": \"room\" } } ] },\n"
    "  \"conferences\": [ { \"id\": \"room\", \"extension\": \"800\" } ],\n"
    "  \"features\": { \"*43\": \"echo\", \"*8\": \"pickup\", \"inCallTransfer\": \"**\" },\n"
    "  \"parking\": { \"slots\": \"701-720\" },\n"
    "  \"security\": { \"allow\": [\"10.0.0.0/8\"], \"nightHours\": \"22:00-06:00\" },\n"
    "  \"history\": { \"keepDays\": 30 },\n"
    "  \"webhooks\": [ { \"url\": \"https://crm.example/hook\", \"events\": [\"call_ended\"],\n"
    "    \"secret\": \"hook secret\" } ],\n"
    "}\n";

struct config *load_right(const char *text)
{
    struct config_faults faults;
    struct config *config = NULL;
    config_faults_init(&faults);
    if (config_load_text(sr_str_c(text), NULL, &faults, &config) != SR_OK) {
        struct sr_buf out;
        sr_buf_init(&out, 1 << 20);
        config_faults_write_text(&faults, "config.json", &out);
        fail_msg("%s", sr_buf_cstr(&out));
    }
    config_faults_done(&faults);
    return config;
}

/** An empty object is a configuration: every key has its documented default. */
static void defaults_are_the_documented_ones(void **state)
{
    (void)state;
    struct config *config = load_right("{}");
    assert_int_equal(config->proxy.lan_port, 5060);
    assert_int_equal(config->proxy.tls_port, 5061);
    assert_int_equal(config->proxy.rtp_ports.min, 20000);
    assert_int_equal(config->proxy.rtp_ports.max, 29999);
    assert_int_equal(config->proxy.webrtc_port, 3479);
    assert_int_equal(config->proxy.dscp.media, 46);
    assert_text(config->proxy.lan_ip, "auto");
    assert_text(config->realm, "siprouter");
    assert_text(config->server.web_ui_bind, "127.0.0.1");
    assert_int_equal(config->server.web_ui_port, 3060);
    assert_text(config->storage.file, "siprouter.db");
    assert_int_equal(config->features.count, 6);
    assert_non_null(config_feature_by_code(config, SR_STR("*43")));
    assert_int_equal(config->security.auth_failures_max, 10);
    assert_int_equal(config->security.digest_algorithms.count, 1);
    assert_true(config_is_emergency(config, SR_STR("112")));
    assert_int_equal(config->history.keep_days, 365);
    config_unref(config);
}

/** Values reach the structs, references are resolved, routes are ordered. */
static void everything_arrives_resolved(void **state)
{
    (void)state;
    struct config *config = load_right(full_config);
    assert_int_equal(config->proxy.lan_port, 5070);
    assert_int_equal(config->proxy.lan_addr.family, SR_ADDR_IP4);
    assert_int_equal(config->dns.servers.items[0].port, 53);
    assert_int_equal(config->dns.servers.items[1].port, 5353);
    const struct config_device *desk = config_device_by_user(config, SR_STR("101"));
    assert_non_null(desk);
    assert_ptr_equal(desk, config_device_by_user(config, SR_STR("desk")));
    assert_null(config_device_by_user(config, SR_STR("200")));
    assert_text(desk->password, "correct horse battery");
    assert_int_equal(desk->codecs.count, 4);
    assert_int_equal(desk->codecs.items[0], CONFIG_CODEC_OPUS);
    assert_int_equal(desk->contacts_max, 5);
    assert_int_equal(desk->expected_address.count, 1);
    assert_int_equal(desk->srtp, CONFIG_SRTP_OPTIONAL);
    assert_text(desk->voicemail_box->id, "main");
    const struct config_group *sales = config_group_by_extension(config, SR_STR("200"));
    assert_int_equal(sales->member_ids.count, 2);
    assert_ptr_equal(sales->members[0], desk);
    assert_int_equal(sales->strategy, CONFIG_STRATEGY_ROUND_ROBIN);
    assert_int_equal(config->routing.ordered_count, 2);
    const struct config_route *first = config->routing.ordered[0];
    assert_text(first->id, "in-main");
    assert_text(first->match.source_provider->id, "acme");
    assert_text(first->match.schedule->id, "open");
    assert_true(pattern_matches(first->match.number, SR_STR("+4930999")));
    assert_int_equal(first->action.targets[0].kind, CONFIG_TARGET_DEVICE);
    assert_ptr_equal(first->action.targets[1].group, sales);
    assert_text(first->action.targets[2].number, "+491701234567");
    assert_text(first->action.fallback.busy.voicebox->id, "main");
    assert_text(config->routing.ordered[1]->action.failover_providers[0]->id, "other");
    assert_text(config->routing.tests[0].expect.route->id, "in-main");
    assert_text(config->ivr.menus[0].timeout_action.conference->id, "room");
    assert_int_equal(config->schedules[0].rules[0].from_min, 540);
    assert_int_equal(config->security.night_from_min, 22 * 60);
    assert_text(config->providers[0].quirks.items[0].value, "20");
    config_unref(config);
}

/** A dialled extension finds its owner: device, group, room, box, slot, feature, feature with digits. */
static void extensions_find_their_owner(void **state)
{
    (void)state;
    struct config *config = load_right(full_config);
    static const struct {
        const char *dialled;
        enum config_extension_kind kind;
        const char *rest;
    } rows[] = {
        {"101", CONFIG_EXTENSION_DEVICE, ""},     {"200", CONFIG_EXTENSION_GROUP, ""},
        {"800", CONFIG_EXTENSION_CONFERENCE, ""}, {"300", CONFIG_EXTENSION_VOICEBOX, ""},
        {"701", CONFIG_EXTENSION_PARKING, "701"}, {"720", CONFIG_EXTENSION_PARKING, "720"},
        {"721", CONFIG_EXTENSION_NONE, ""},       {"0701", CONFIG_EXTENSION_NONE, ""},
        {"*43", CONFIG_EXTENSION_FEATURE, ""},    {"*43101", CONFIG_EXTENSION_NONE, ""},
        {"*8", CONFIG_EXTENSION_FEATURE, ""},     {"*8101", CONFIG_EXTENSION_FEATURE, "101"},
        {"", CONFIG_EXTENSION_NONE, ""},          {"999999999999", CONFIG_EXTENSION_NONE, ""},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct config_extension found = config_extension_find(config, sr_str_c(rows[i].dialled));
        if (found.kind != rows[i].kind)
            fail_msg("%s: kind %d", rows[i].dialled, (int)found.kind);
        assert_text(found.rest, rows[i].rest);
    }
    config_unref(config);
}

static const char *fake_env(const char *name)
{
    return strcmp(name, "DESK_PASSWORD") == 0 ? "from the environment" : NULL;
}

/** Secrets come from the environment or a file; a missing one is a fault at its place. */
static void secrets_are_fetched(void **state)
{
    (void)state;
    struct config_faults faults;
    struct config *config = NULL;
    struct config_load_options options = {.env = fake_env};
    config_faults_init(&faults);
    assert_int_equal(config_load_text(SR_STR("{\"devices\": [{\"id\": \"a\", \"extension\": \"1\", "
                                             "\"password\": {\"env\": \"DESK_PASSWORD\"}}]}"),
                                      &options, &faults, &config),
                     SR_OK);
    assert_text(config->devices[0].password, "from the environment");
    config_unref(config);
    config = NULL;
    assert_int_equal(config_load_text(SR_STR("{\"devices\": [{\"id\": \"a\",\n"
                                             "\"password\": {\"env\": \"NOT_THERE\"}}]}"),
                                      &options, &faults, &config),
                     SR_ERR_SYNTAX);
    assert_null(config);
    assert_text(faults.items[0].pointer, "/devices/0/password/env");
    assert_int_equal(faults.items[0].line, 2);
    config_faults_done(&faults);
}

/** The last reference frees; generations get rising numbers. */
static void generations_are_counted(void **state)
{
    (void)state;
    struct config *first = load_right("{}");
    struct config *second = load_right("{}");
    assert_true(second->generation > first->generation);
    assert_ptr_equal(config_ref(first), first);
    config_unref(first);
    assert_text(first->realm, "siprouter");
    config_unref(first);
    config_unref(second);
    config_unref(NULL);
}

static uint32_t faults_of(struct sr_buf *text)
{
    struct config_faults faults;
    struct config *config = NULL;
    uint32_t count;
    config_faults_init(&faults);
    enum sr_err err = config_load_text(sr_buf_view(text), NULL, &faults, &config);
    count = faults.error_count;
    assert_int_equal(err == SR_OK, count == 0);
    config_unref(config);
    config_faults_done(&faults);
    sr_buf_done(text);
    return count;
}

/** The longest list there may be is read at once: each object costs the same, wherever it stands. */
static void long_lists_are_read_and_bounded(void **state)
{
    (void)state;
    struct sr_buf text;
    sr_buf_init(&text, JSONC_BYTES_MAX);
    sr_buf_c(&text, "{ \"routing\": { \"routes\": [");
    for (int i = 0; i < CONFIG_ITEMS_MAX; i++)
        sr_buf_fmt(&text,
                   "{\"id\":\"r%d\",\"match\":{\"numberPattern\":\"1%d*\"},\"action\":{"
                   "\"targets\":[\"tel:+4930123456\"]}},",
                   i, i);
    sr_buf_c(&text, "] } }");
    assert_int_equal(faults_of(&text), 0);
    for (int more = 0; more <= 1; more++) {
        sr_buf_init(&text, JSONC_BYTES_MAX);
        sr_buf_c(&text, "{ \"features\": {");
        for (int i = 0; i < CONFIG_FEATURES_MAX + more; i++)
            sr_buf_fmt(&text, "\"*%d\":\"echo\",", i);
        sr_buf_c(&text, "} }");
        assert_int_equal(faults_of(&text), more);
    }
}

/** docs/config.schema.json is what the table says now. */
static void committed_schema_is_fresh(void **state)
{
    (void)state;
    struct sr_buf now;
    struct sr_buf committed;
    sr_buf_init(&now, 1 << 20);
    sr_buf_init(&committed, 1 << 20);
    config_schema_write(&now);
    FILE *file = fopen(SR_SOURCE_ROOT "/docs/config.schema.json", "r");
    assert_non_null(file);
    for (;;) {
        char bytes[4096];
        size_t n = fread(bytes, 1, sizeof(bytes), file);
        if (n == 0)
            break;
        sr_buf_add(&committed, bytes, n);
    }
    (void)fclose(file);
    if (!sr_str_eq(sr_buf_view(&now), sr_buf_view(&committed)))
        fail_msg(
            "docs/config.schema.json is stale: run siprouter-schema > docs/config.schema.json");
    struct sr_arena arena;
    struct jsonc_node *root;
    sr_arena_init(&arena, JSONC_ARENA_BYTES_MAX);
    assert_int_equal(jsonc_parse(sr_buf_view(&now), &arena, &root, NULL), SR_OK);
    assert_non_null(
        jsonc_at(root, SR_STR("/properties/devices/items/properties/password/oneOf/1")));
    assert_true(jsonc_at(root, SR_STR("/properties/proxy/properties/lanPort/x-restart"))->is_true);
    sr_arena_done(&arena);
    sr_buf_done(&now);
    sr_buf_done(&committed);
}

/** Files beside the configuration: a relative CA file starts there, and what is not there is told. */
static void relative_files_start_at_the_configuration(void **state)
{
    static const char text[] =
        "{ \"server\": { \"tls\": { \"cert\": \"no.pem\",\n\"key\": \"/no/such.key\" } },\n"
        "  \"providers\": [ { \"id\": \"p\", \"domain\": \"p.example\", \"register\": false,\n"
        "    \"tlsCaFile\": \"ca.pem\" } ] }";
    struct config_load_options options = {.folder = "/nowhere"};
    struct config_faults faults;
    struct config *config = NULL;

    (void)state;
    config_faults_init(&faults);
    assert_int_equal(config_load_text(sr_str_c(text), &options, &faults, &config), SR_OK);
    assert_text(config->providers[0].tls_ca_file, "/nowhere/ca.pem");
    assert_int_equal(faults.warning_count, 3);
    assert_text(faults.items[faults.count - 1].pointer, "/providers/0/tlsCaFile");
    config_unref(config);
    config_faults_done(&faults);
}

int test_config_load(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_documented_ones),
        cmocka_unit_test(everything_arrives_resolved),
        cmocka_unit_test(extensions_find_their_owner),
        cmocka_unit_test(secrets_are_fetched),
        cmocka_unit_test(generations_are_counted),
        cmocka_unit_test(long_lists_are_read_and_bounded),
        cmocka_unit_test(committed_schema_is_fresh),
        cmocka_unit_test(relative_files_start_at_the_configuration),
    };
    return cmocka_run_group_tests_name("config_load", tests, NULL, NULL);
}

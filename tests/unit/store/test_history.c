#include "kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

static void end_call(struct store *store, const char *id, int64_t started_us, bool is_answered)
{
    struct store_call_record record = kit_record(id, started_us, is_answered);

    store_call_ended(store, &record, NULL, 0);
}

static void assert_history(struct store *store, const struct store_history_filter *filter,
                           unsigned count)
{
    struct reply reply = kit_history(store, filter);

    assert_int_equal(reply.err, SR_OK);
    assert_int_equal(kit_count(reply.text, "\"callId\""), count);
    sr_free(reply.text);
}

/* Every field of the contract stands in the record, times in RFC 3339, unknown values null. */
static void record_has_every_field(void **state)
{
    static const char want[] =
        "{\"items\":[{\"callId\":\"c1\",\"direction\":\"outgoing\",\"from\":\"100\","
        "\"fromName\":\"Desk\",\"to\":\"+4989123\",\"startedAt\":\"2023-11-14T22:13:20.000Z\","
        "\"answeredAt\":\"2023-11-14T22:13:22.000Z\",\"endedAt\":\"2023-11-14T22:14:22.000Z\","
        "\"durationSec\":60,\"reason\":\"hangup\",\"sipStatus\":200,\"routeId\":\"out\","
        "\"mode\":\"relay\",\"legs\":[{\"legId\":\"a\",\"kind\":\"device\","
        "\"role\":\"participant\",\"deviceId\":\"desk\",\"providerId\":null,\"number\":\"100\","
        "\"name\":null,\"codec\":\"opus\",\"encrypted\":\"sdes\",\"userAgent\":\"Phone/1\","
        "\"address\":\"192.0.2.1:5060\",\"startedAt\":\"2023-11-14T22:13:20.000Z\","
        "\"answeredAt\":null,\"endedAt\":null,\"reason\":\"hangup\",\"sipStatus\":200,"
        "\"quality\":{\"lossPct\":0.60,\"jitterMs\":2.5,\"rttMs\":null,\"mos\":4.20},"
        "\"rxPackets\":500,\"txPackets\":400,\"lost\":3,\"verdict\":\"good\"},"
        "{\"legId\":\"b\",\"kind\":\"provider\",\"role\":null,\"deviceId\":null,"
        "\"providerId\":\"carrier\",\"number\":null,\"name\":null,\"codec\":\"PCMA\","
        "\"encrypted\":null,\"userAgent\":null,\"address\":null,\"startedAt\":null,\"answeredAt\":"
        "null,"
        "\"endedAt\":null,\"reason\":null,\"sipStatus\":null,\"quality\":{\"lossPct\":null,"
        "\"jitterMs\":null,\"rttMs\":null,\"mos\":null},\"rxPackets\":0,\"txPackets\":0,"
        "\"lost\":0,\"verdict\":null}],\"legsMore\":0}],\"nextCursor\":null}";
    struct store *store = kit_open(*state, NULL);
    struct reply reply;

    end_call(store, "c1", TEST_START, true);
    reply = kit_history(store, &(struct store_history_filter){0});
    assert_string_equal(reply.text, want);
    sr_free(reply.text);
    store_close(store);
}

/* A call that runs is no history yet, but can be asked for by its id; unknown ids are not found. */
static void running_call_is_a_record_but_no_history(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_call_record record = kit_record("live", TEST_START, false);
    struct reply reply;

    store_call_started(store, &record);
    assert_history(store, &(struct store_history_filter){0}, 0);
    reply = kit_record_of(store, "live");
    assert_int_equal(reply.err, SR_OK);
    assert_non_null(strstr(reply.text, "\"endedAt\":null"));
    sr_free(reply.text);
    store_call_ended(store, &record, NULL, 0);
    assert_history(store, &(struct store_history_filter){0}, 1);
    reply = kit_record_of(store, "other");
    assert_int_equal(reply.err, SR_ERR_NOTFOUND);
    sr_free(reply.text);
    store_close(store);
}

static void filters_choose(void **state)
{
    struct store *store = kit_open(*state, NULL);

    end_call(store, "c1", TEST_START, true);
    end_call(store, "c2", TEST_START + 10 * SR_SEC, false);
    end_call(store, "c3", TEST_START + 20 * SR_SEC, true);
    assert_history(store, &(struct store_history_filter){.result = SR_STR("answered")}, 2);
    assert_history(store, &(struct store_history_filter){.result = SR_STR("missed")}, 1);
    assert_history(store, &(struct store_history_filter){.result = SR_STR("busy")}, 1);
    assert_history(store, &(struct store_history_filter){.result = SR_STR("limit")}, 0);
    assert_history(store, &(struct store_history_filter){.number = SR_STR("8912")}, 3);
    assert_history(store, &(struct store_history_filter){.number = SR_STR("%")}, 0);
    assert_history(store, &(struct store_history_filter){.number = SR_STR("_")}, 0);
    assert_history(store, &(struct store_history_filter){.device = SR_STR("desk")}, 3);
    assert_history(store, &(struct store_history_filter){.device = SR_STR("carrier")}, 0);
    assert_history(store, &(struct store_history_filter){.provider = SR_STR("carrier")}, 3);
    assert_history(store, &(struct store_history_filter){.from_wall_us = TEST_START + 10 * SR_SEC},
                   2);
    assert_history(store, &(struct store_history_filter){.to_wall_us = TEST_START + 10 * SR_SEC},
                   1);
    store_close(store);
}

static void on_answered(void *arg, const struct store_use *use)
{
    struct sr_buf *names = arg;

    sr_buf_str(names, use->device_id);
    sr_buf_char(names, ' ');
}

/* Who answered a call, the one who did so longest ago first; who called has answered none. */
static void who_answered_last_is_known_after_a_restart(void **state)
{
    static const char *const callees[] = {"hall", "desk", "hall", "shop", "busy"};
    struct store *store = kit_open(*state, NULL);
    struct sr_buf names;

    for (size_t i = 0; i < SR_ARRAY_LEN(callees); i++) {
        char id[8] = {'c', (char)('0' + i), '\0'};
        bool is_answered = strcmp(callees[i], "busy") != 0;
        int64_t at = TEST_START + (int64_t)i * 60 * SR_SEC;
        struct store_call_record record = kit_record(id, at, is_answered);
        struct store_leg_record legs[] = {
            {.leg_id = SR_STR("a"),
             .kind = SR_STR("device"),
             .device_id = SR_STR("caller"),
             .number = SR_STR("100"),
             .answered_wall_us = is_answered ? at + 1 : 0},
            {.leg_id = SR_STR("b"),
             .kind = SR_STR("device"),
             .device_id = sr_str_c(callees[i]),
             .number = SR_STR("200"),
             .answered_wall_us = is_answered ? at + 1 : 0},
        };

        record.legs = legs;
        store_call_ended(store, &record, NULL, 0);
    }
    kit_flush(store);
    sr_buf_init(&names, 256);
    store_answers_load(store, on_answered, &names);
    assert_string_equal(sr_buf_cstr(&names), "desk hall shop ");
    sr_buf_done(&names);
    store_close(store);
}

/* More parties than a record lists are counted. */
static void parties_beyond_the_bound_are_counted(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_call_record record = kit_record("c1", TEST_START, true);
    struct store_leg_record *legs = sr_zalloc(STORE_LEGS_MAX + 3, sizeof(*legs));
    struct store_history_filter filter = {0};
    struct reply reply;

    for (size_t i = 0; i < STORE_LEGS_MAX + 3; i++) {
        legs[i].leg_id = SR_STR("x");
        legs[i].device_id = SR_STR("desk");
    }
    record.legs = legs;
    record.leg_count = STORE_LEGS_MAX + 3;
    record.legs_more = 4; /* the caller forgot some, too */
    store_call_ended(store, &record, NULL, 0);
    for (int i = 0; i < 2; i++) {
        reply = kit_history(store, &filter);
        assert_int_equal(kit_count(reply.text, "\"legId\""), STORE_LEGS_MAX);
        assert_non_null(strstr(reply.text, "\"legsMore\":7"));
        sr_free(reply.text);
        filter = (struct store_history_filter){.device = SR_STR("desk"), .hides_others = true};
    }
    store_close(store);
    sr_free(legs);
}

/* Who only took part sees its own leg whole; of the others neither where they are nor what they use, and no
 * listener where those are hidden. */
static void a_party_sees_no_address_of_others(void **state)
{
    static const struct store_leg_record legs[] = {
        {.leg_id = {"a", 1},
         .kind = {"device", 6},
         .role = {"participant", 11},
         .device_id = {"desk", 4},
         .user_agent = {"Own/1", 5},
         .address = {"192.0.2.1:5060", 14}},
        {.leg_id = {"b", 1},
         .kind = {"device", 6},
         .role = {"participant", 11},
         .device_id = {"other", 5},
         .user_agent = {"Their/2", 7},
         .address = {"192.0.2.2:5060", 14}},
        {.leg_id = {"c", 1},
         .kind = {"device", 6},
         .role = {"tool", 4},
         .device_id = {"boss", 4},
         .user_agent = {"Ear/3", 5},
         .address = {"192.0.2.3:5060", 14}},
    };
    struct store *store = kit_open(*state, NULL);
    struct store_history_filter filter = {.device = SR_STR("desk"), .hides_others = true};
    struct store_call_record record = kit_record("c1", TEST_START, true);
    struct reply reply;

    record.legs = legs;
    record.leg_count = SR_ARRAY_LEN(legs);
    store_call_ended(store, &record, NULL, 0);
    reply = kit_history(store, &filter);
    assert_non_null(strstr(reply.text, "192.0.2.1:5060"));
    assert_non_null(strstr(reply.text, "Own/1"));
    assert_null(strstr(reply.text, "192.0.2.2"));
    assert_null(strstr(reply.text, "Their"));
    assert_non_null(strstr(reply.text, "\"other\"")); /* whom it talked to */
    assert_non_null(strstr(reply.text, "\"boss\""));  /* and who listened */
    assert_null(strstr(reply.text, "192.0.2.3"));
    sr_free(reply.text);
    filter.hides_listeners = true;
    reply = kit_history(store, &filter);
    assert_null(strstr(reply.text, "\"boss\""));
    assert_int_equal(kit_count(reply.text, "\"legId\""), 2);
    sr_free(reply.text);
    reply = kit_csv(store, &filter);
    assert_null(strstr(reply.text, "boss"));
    sr_free(reply.text);
    filter.hides_others = false; /* the staff */
    reply = kit_history(store, &filter);
    assert_non_null(strstr(reply.text, "192.0.2.3"));
    sr_free(reply.text);
    store_close(store);
}

/* Pages of 7 over 100 calls, most with the same start: each call once, newest first. */
static void cursor_gives_each_call_once(void **state)
{
    struct store *store = kit_open(*state, NULL);
    char cursor[64] = "", seen[100] = {0};
    unsigned pages = 0, total = 0;

    for (int i = 0; i < 100; i++) {
        char id[16];

        snprintf(id, sizeof(id), "c%03d", i);
        end_call(store, id, TEST_START + i / 30, true);
    }
    for (;; pages++) {
        struct store_history_filter filter = {.cursor = sr_str_c(cursor), .limit = 7};
        struct reply reply = kit_history(store, &filter);
        const char *at = reply.text;

        assert_int_equal(reply.err, SR_OK);
        while ((at = strstr(at, "\"callId\":\"c")) != NULL) {
            unsigned i = (unsigned)atoi(at + 11);

            assert_int_equal(i, 99 - total++);
            assert_int_equal(seen[i]++, 0);
            at++;
        }
        at = strstr(reply.text, "\"nextCursor\":");
        assert_non_null(at);
        if (strncmp(at + 13, "null", 4) == 0) {
            sr_free(reply.text);
            break;
        }
        snprintf(cursor, sizeof(cursor), "%.32s", at + 14);
        sr_free(reply.text);
    }
    assert_int_equal(total, 100);
    assert_int_equal(pages, 14);
    store_close(store);
}

static void foreign_cursors_are_refused(void **state)
{
    static const char *const bad[] = {"x", "0", "' OR 1=1 --", "ffffffffffffffffffffffffffffffff",
                                      "0000000000000001000000000000000g"};
    struct store *store = kit_open(*state, NULL);

    for (size_t i = 0; i < SR_ARRAY_LEN(bad); i++) {
        struct reply reply =
            kit_history(store, &(struct store_history_filter){.cursor = sr_str_c(bad[i])});

        assert_int_equal(reply.err, SR_ERR_SYNTAX);
        assert_string_equal(reply.text, "");
        sr_free(reply.text);
    }
    store_close(store);
}

/* What a spreadsheet would run gets an apostrophe; commas, quotes and line ends are quoted. */
static void csv_is_quoted_and_harmless(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_call_record record = kit_record("c1", TEST_START, true);
    struct reply reply;

    record.from = SR_STR("=cmd|' /C calc'!A0");
    record.from_name = SR_STR("a \"b\", c\r\nd \xc3\xa4\xff\xe2\x82");
    record.route_id = SR_STR("@x");
    record.mode = SR_STR("-1");
    store_call_ended(store, &record, NULL, 0);
    reply = kit_csv(store, &(struct store_history_filter){.limit = 5});
    assert_string_equal(
        reply.text,
        "callId,direction,from,fromName,to,startedAt,answeredAt,endedAt,durationSec,reason,"
        "sipStatus,routeId,mode,devices,providers,codecs,mos,lossPct\r\n"
        "c1,outgoing,'=cmd|' /C calc'!A0,\"a \"\"b\"\", c\r\nd "
        "\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",'+4989123,"
        "2023-11-14T22:13:20.000Z,2023-11-14T22:13:22.000Z,2023-11-14T22:14:22.000Z,60,hangup,"
        "200,'@x,'-1,desk,carrier,opus PCMA,4.20,0.60\r\n");
    sr_free(reply.text);
    store_close(store);
}

/* ', %, _, NUL, invalid UTF-8 and 64 kB in every text: stored as they are, found by their id. */
static void hostile_texts_are_only_texts(void **state)
{
    static const char nasty[] = "'; DROP TABLE calls; --%_\0\xff\"end";
    struct store *store = kit_open(*state, NULL);
    struct store_call_record record = kit_record("c1", TEST_START, true);
    struct store_leg_record leg = kit_legs[0];
    struct sr_str text = {nasty, sizeof(nasty) - 1};
    char *large = sr_alloc(STORE_TEXT_MAX + 10);
    struct reply reply;

    memset(large, 'L', STORE_TEXT_MAX + 10);
    record.call_id = record.from = record.route_id = text;
    record.to = sr_str_make(large, STORE_TEXT_MAX + 10);
    leg.device_id = text;
    leg.user_agent = sr_str_make(large, STORE_TEXT_MAX);
    record.legs = &leg;
    record.leg_count = 1;
    store_call_started(store, &record);
    store_call_ended(store, &record, NULL, 0);
    assert_history(store, &(struct store_history_filter){.device = text, .number = text}, 1);
    reply = kit_history(store, &(struct store_history_filter){0});
    assert_non_null(strstr(reply.text, "'; DROP TABLE calls; --%_\\u0000\xef\xbf\xbd\\\"end"));
    assert_true(strlen(reply.text) > 2 * (size_t)STORE_TEXT_MAX);
    sr_free(reply.text);
    assert_int_equal(kit_history_count(store), 1);
    store_close(store);
    assert_int_equal(kit_number(*state, "SELECT max(length(CAST(to_number AS BLOB))) FROM calls"),
                     STORE_TEXT_MAX);
    sr_free(large);
}

/* Told of again when it is answered: the record knows; an ended call is not touched any more. */
static void answer_is_known_before_the_end(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_call_record record = kit_record("live", TEST_START, false);
    struct reply reply;

    record.answered_wall_us = 0;
    record.leg_count = 0;
    store_call_started(store, &record);
    reply = kit_record_of(store, "live");
    assert_non_null(strstr(reply.text, "\"answeredAt\":null"));
    sr_free(reply.text);
    record.answered_wall_us = record.started_wall_us + SR_SEC;
    store_call_started(store, &record);
    reply = kit_record_of(store, "live");
    assert_null(strstr(reply.text, "\"answeredAt\":null"));
    assert_non_null(strstr(reply.text, "\"endedAt\":null"));
    sr_free(reply.text);
    store_call_ended(store, &record, NULL, 0);
    record.answered_wall_us = 0;
    store_call_started(store, &record);
    assert_history(store, &(struct store_history_filter){0}, 1);
    store_close(store);
    assert_int_equal(kit_number(*state, "SELECT count(*) FROM calls WHERE answered > 0"), 1);
}

static void trace_comes_back(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_call_record record = kit_record("c1", TEST_START, true);
    struct store_trace_message trace[STORE_TRACE_MESSAGES_MAX + 5];
    struct reply reply;

    for (size_t i = 0; i < SR_ARRAY_LEN(trace); i++) {
        trace[i] = (struct store_trace_message){.at_wall_us = TEST_START + (int64_t)i * SR_MSEC,
                                                .leg_id = SR_STR("a"),
                                                .is_sent = i % 2 == 0,
                                                .transport = SR_STR("udp"),
                                                .bytes = SR_STR("INVITE sip:x SIP/2.0\r\n\r\n")};
        assert_int_equal(sr_addr_parse(SR_STR("[2001:db8::1]:5060"), 0, &trace[i].local), SR_OK);
        assert_int_equal(sr_addr_parse(SR_STR("192.0.2.7:5070"), 0, &trace[i].remote), SR_OK);
    }
    store_call_ended(store, &record, trace, SR_ARRAY_LEN(trace));
    reply = kit_trace(store, "c1");
    assert_int_equal(reply.err, SR_OK);
    assert_int_equal(kit_count(reply.text, "\"at\""), STORE_TRACE_MESSAGES_MAX);
    assert_non_null(strstr(
        reply.text, "{\"at\":\"2023-11-14T22:13:20.006Z\",\"legId\":\"a\",\"direction\":\"sent\","
                    "\"transport\":\"udp\",\"local\":\"[2001:db8::1]:5060\","
                    "\"remote\":\"192.0.2.7:5070\","
                    "\"message\":\"INVITE sip:x SIP/2.0\\r\\n\\r\\n\"}"));
    sr_free(reply.text);
    reply = kit_trace(store, "c2");
    assert_int_equal(reply.err, SR_ERR_NOTFOUND);
    sr_free(reply.text);
    store_close(store);
}

/* A trace cut short anywhere is read up to the last whole message, never beyond. */
static void cut_traces_are_read_safely(void **state)
{
    struct store_call_record record = kit_record("c1", TEST_START, true);
    struct store_trace_message one = {.leg_id = SR_STR("a"), .bytes = SR_STR("hello")};
    struct store__write *write = store__write_trace(&record, &one, 1);

    (void)state;
    for (size_t n = 0; n <= write->trace.packed.n; n++) {
        char *exact = sr_alloc(n);
        struct sr_str cut = {exact, n};
        struct store_trace_message back;

        memcpy(exact, write->trace.packed.p, n);
        assert_int_equal(store__trace_next(&cut, &back), n == write->trace.packed.n);
        sr_free(exact);
    }
    sr_free(write);
}

static void days(struct store *store, struct kit *kit, unsigned count)
{
    static char large[16 * 1024];
    struct store_trace_message message = {.bytes = {large, sizeof(large)}};

    memset(large, 'x', sizeof(large));
    for (unsigned i = 0; i < count; i++) {
        char id[16];
        struct store_call_record record;

        snprintf(id, sizeof(id), "d%u", i);
        record = kit_record(id, TEST_START + i * INT64_C(86400) * SR_SEC, true);
        store_call_ended(store, &record, &message, 1);
    }
    kit->wall_us = TEST_START + count * INT64_C(86400) * SR_SEC;
}

/* 1,000 days, one call each: 365 stay, 14 traces of them, then at most 1 MB of traces. */
static void retention_keeps_what_was_asked(void **state)
{
    struct kit *kit = *state;
    struct store *store = kit_open(kit, NULL);
    struct store_options limits = {.keep_days = 365};

    days(store, kit, 1000);
    store__tidy_all(store);
    assert_int_equal(kit_history_count(store), 1000); /* no limit set yet */
    store_set_limits(store, &limits);
    store__tidy_all(store);
    assert_int_equal(kit_history_count(store), 365);
    assert_int_equal(kit_number(kit, "SELECT count(*) FROM legs"), 2 * 365);
    assert_int_equal(kit_number(kit, "SELECT count(*) FROM traces"), 365);
    limits.trace_mb_max = 1;
    store_set_limits(store, &limits);
    store__tidy_all(store);
    assert_in_range(kit_number(kit, "SELECT sum(bytes) FROM traces"), 900 * 1024, 1024 * 1024);
    limits.trace_keep_days = 14;
    store_set_limits(store, &limits);
    store__tidy_all(store);
    assert_int_equal(kit_number(kit, "SELECT count(*) FROM traces"), 14);
    assert_int_equal(kit_history_count(store), 365);
    limits.is_trace_off = true; /* those that were go too, and none is added */
    store_set_limits(store, &limits);
    store__tidy_all(store);
    assert_int_equal(kit_number(kit, "SELECT count(*) FROM traces"), 0);
    days(store, kit, 3);
    assert_int_equal(kit_history_count(store), 365 + 3);
    assert_int_equal(kit_number(kit, "SELECT count(*) FROM traces"), 0);
    store_close(store);
}

int test_history(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(record_has_every_field, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(running_call_is_a_record_but_no_history, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(answer_is_known_before_the_end, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(filters_choose, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(who_answered_last_is_known_after_a_restart, kit_up,
                                        kit_down),
        cmocka_unit_test_setup_teardown(parties_beyond_the_bound_are_counted, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(a_party_sees_no_address_of_others, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(cursor_gives_each_call_once, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(foreign_cursors_are_refused, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(csv_is_quoted_and_harmless, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(hostile_texts_are_only_texts, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(trace_comes_back, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(cut_traces_are_read_safely, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(retention_keeps_what_was_asked, kit_up, kit_down),
    };

    return cmocka_run_group_tests_name("store/history", tests, NULL, NULL);
}

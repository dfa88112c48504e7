/* The spend guard: every limit by itself, and that emergency calls meet none. */
#include "call/guard.h"

#include "tests.h"

#define NOON 1795435200 /* 2026-11-23 12:00 UTC */

static const char limits[] =
    "{ \"country\": \"DE\", \"devices\": [ { \"id\": \"desk\", \"extension\": \"101\" } ],"
    "  \"providers\": [ { \"id\": \"acme\", \"domain\": \"a.example\", \"username\": \"u\" } ],"
    "  \"routing\": { \"routes\": ["
    "    { \"id\": \"out\", \"priority\": 1, \"match\": { \"direction\": \"outbound\" },"
    "      \"action\": { \"provider\": \"acme\" } },"
    "    { \"id\": \"dear\", \"match\": { \"direction\": \"outbound\", \"numberPattern\": "
    "\"+499001*\" },"
    "      \"action\": { \"provider\": \"acme\" } } ] },"
    "  \"security\": { \"outboundMaxConcurrent\": 2, \"blockedPrefixes\": [\"+881\", \"0137\"],"
    "    \"premiumPrefixes\": [\"0900\"], \"allowedCountries\": [\"DE\", \"US\"],"
    "    \"perDevice\": { \"callsPerDay\": 5, \"minutesPerDay\": 10 },"
    "    \"nightHours\": \"22:00-06:00\" } }";

struct row {
    const char *number, *route;
    uint32_t outside, calls;
    uint64_t seconds;
    int64_t now;
    enum call_reason reason;
};

static enum call_reason judge(const struct config *config, const struct row *row, bool is_emergency,
                              char why[GUARD_WHY_MAX])
{
    struct guard_query query = {.config = config,
                                .number = sr_str_c(row->number),
                                .route = config_route_by_id(config, sr_str_c(row->route)),
                                .is_emergency = is_emergency,
                                .is_ours = true,
                                .device = &config->devices[0],
                                .use = {row->outside, row->calls, row->seconds},
                                .now = row->now};

    return guard_check(&query, why);
}

static const struct row rows[] = {
    {"+4930123", "out", 0, 0, 0, NOON, CALL_REASON_NONE},
    {"+4930123", "out", 1, 4, 599, NOON, CALL_REASON_NONE},
    {"+8811234567", "out", 0, 0, 0, NOON, CALL_REASON_BLOCKED},
    {"+491371234", "out", 0, 0, 0, NOON, CALL_REASON_BLOCKED}, /* written as people dial it */
    {"01371234", "out", 0, 0, 0, NOON, CALL_REASON_BLOCKED},
    {"+499005123", "out", 0, 0, 0, NOON, CALL_REASON_PREMIUM},
    {"+499001123", "dear", 0, 0, 0, NOON, CALL_REASON_NONE}, /* somebody meant it */
    {"+499001123", "", 0, 0, 0, NOON, CALL_REASON_PREMIUM},
    {"+442079460018", "out", 0, 0, 0, NOON, CALL_REASON_COUNTRY},
    {"+18765551234", "out", 0, 0, 0, NOON, CALL_REASON_COUNTRY}, /* looks American, is Jamaica */
    {"+12125550100", "out", 0, 0, 0, NOON, CALL_REASON_NONE},
    {"+88212345678", "out", 0, 0, 0, NOON, CALL_REASON_COUNTRY},   /* a satellite */
    {"115", "out", 0, 0, 0, NOON, CALL_REASON_NONE},               /* short: at home */
    {"01012300442079", "out", 0, 0, 0, NOON, CALL_REASON_COUNTRY}, /* another carrier's prefix */
    {"+4930123", "out", 2, 0, 0, NOON, CALL_REASON_OUTSIDE_LIMIT},
    {"+4930123", "out", 0, 5, 0, NOON, CALL_REASON_DEVICE_LIMIT},
    {"+4930123", "out", 0, 0, 600, NOON, CALL_REASON_DEVICE_LIMIT},
    {"+4930123", "out", 0, 0, 0, NOON + 11 * 3600, CALL_REASON_NIGHT},
};

static void test_each_limit_refuses_with_its_reason(void **state)
{
    struct config *config = load_right(limits);
    char why[GUARD_WHY_MAX];

    (void)state;
    /* the hours are the system's: take its zone out of the test */
    config->zone = NULL;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        enum call_reason reason = judge(config, &rows[i], false, why);

        if (reason != rows[i].reason)
            fail_msg("row %zu (%s): %s", i, rows[i].number, call_reason_name(reason));
        assert_int_equal(why[0] != '\0', reason != CALL_REASON_NONE);
    }
    config_unref(config);
}

/* Numbers that begin otherwise, and that a switch which is not strict reads as the forbidden ones. */
static void test_no_way_of_writing_gets_around(void **state)
{
    static const char *const blocked[] = {
        "+491371234",
        "++491371234",
        "+00491371234",
        "+49001371234",
        "+49+1371234",
        "+49,13~71234",
        "000491371234",
        "01371234x",
        "+49\xc2\xa0"
        "1371234",
        "#31#01371234",
        "*31#+491371234",
        "#31#01371234#",
        "*31#01371234*1",
        "+01371234",
        "+ 01371234",
        "+49(0)0 137 1234",
    };
    static const char *const fine[] = {
        "+4930123",      "+4930123*5",     "+4930#",     "*100#", "115",
        "#31#030123456", "#31#030123456#", "+030123456", "###",   "*"};
    struct config *config = load_right("{ \"country\": \"DE\", \"security\": {"
                                       "  \"blockedPrefixes\": [\"+49137\", \"+44\"] } }");
    struct guard_query query = {.config = config, .is_ours = true, .now = NOON};
    char why[GUARD_WHY_MAX];

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(blocked); i++) {
        query.number = sr_str_c(blocked[i]);
        if (guard_check(&query, why) != CALL_REASON_BLOCKED)
            fail_msg("%s goes out", blocked[i]);
    }
    for (size_t i = 0; i < SR_ARRAY_LEN(fine); i++) {
        query.number = sr_str_c(fine[i]);
        if (guard_check(&query, why) != CALL_REASON_NONE)
            fail_msg("%s: %s", fine[i], why);
    }
    config_unref(config);
}

static void test_emergency_calls_meet_no_limit(void **state)
{
    struct config *config = load_right(limits);
    char why[GUARD_WHY_MAX];

    (void)state;
    config->zone = NULL;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++)
        assert_int_equal(judge(config, &rows[i], true, why), CALL_REASON_NONE);
    config_unref(config);
}

static void test_nobody_goes_outside_without_a_name(void **state)
{
    struct config *config = load_right(limits);
    struct guard_query query = {.config = config, .number = SR_STR("+4930123"), .now = NOON};
    char why[GUARD_WHY_MAX];

    (void)state;
    assert_int_equal(guard_check(&query, why), CALL_REASON_NOT_ALLOWED);
    config_unref(config);
}

static void test_without_limits_everything_goes(void **state)
{
    struct config *config = load_right("{}");
    struct guard_query query = {.config = config,
                                .number = SR_STR("+8811234567"),
                                .is_ours = true,
                                .use = {1000, 1000, 100000},
                                .now = NOON};
    char why[GUARD_WHY_MAX];

    (void)state;
    assert_int_equal(guard_check(&query, why), CALL_REASON_NONE);
    assert_true(guard_seconds_left(config, 1000000) == UINT64_MAX);
    config_unref(config);
    config = load_right("{ \"security\": { \"perDevice\": { \"minutesPerDay\": 2 } } }");
    assert_int_equal(guard_seconds_left(config, 0), 120);
    assert_int_equal(guard_seconds_left(config, 119), 1);
    assert_int_equal(guard_seconds_left(config, 500), 0);
    config_unref(config);
}

int test_guard(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_limit_refuses_with_its_reason),
        cmocka_unit_test(test_no_way_of_writing_gets_around),
        cmocka_unit_test(test_emergency_calls_meet_no_limit),
        cmocka_unit_test(test_nobody_goes_outside_without_a_name),
        cmocka_unit_test(test_without_limits_everything_goes),
    };

    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}

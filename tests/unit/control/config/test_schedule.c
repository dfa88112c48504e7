#include "call/schedule.h"
#include "tests.h"

static void rules_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t days; /* 0: refused */
        uint16_t from;
        uint16_t to;
    } rows[] = {
        {"Mon-Fri 09:00-18:00", 0x1f, 540, 1080},
        {"sat,Sun 10:00-14:30", 0x60, 600, 870},
        {"Fri-Mon 00:00-24:00", 0x71, 0, 1440},
        {"22:00-06:00", 0x7f, 1320, 360},
        {"Wed", 0x04, 0, 1440},
        {"Mon-Fri 18:00-00:00", 0x1f, 1080, 1440},
        {"Mon, Wed 9:00 - 10:00", 0x05, 540, 600},
        {"", 0, 0, 0},
        {"Mon-Fri", 0x1f, 0, 1440},
        {"Mon-Fry 09:00-18:00", 0, 0, 0},
        {"Mon 09:00", 0, 0, 0},
        {"Mon 25:00-26:00", 0, 0, 0},
        {"Mon 09:60-10:00", 0, 0, 0},
        {"Mon 09:00-09:00", 0, 0, 0},
        {"Mon,, 09:00-10:00", 0, 0, 0},
        {"Mon 24:00-02:00", 0, 0, 0},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct schedule_rule rule = {0};
        const char *why = NULL;
        enum sr_err err = schedule_rule_parse(sr_str_c(rows[i].text), &rule, &why);
        if ((err == SR_OK) != (rows[i].days != 0) || rule.days != rows[i].days ||
            rule.from_min != rows[i].from || rule.to_min != rows[i].to)
            fail_msg("\"%s\": %s days 0x%x %u-%u", rows[i].text, why ? why : "", rule.days,
                     rule.from_min, rule.to_min);
        assert_true(err == SR_OK || why != NULL);
    }
}

static void dates_are_read(void **state)
{
    (void)state;
    struct schedule_date date;
    const char *why = NULL;
    assert_int_equal(schedule_date_parse(SR_STR("2026-12-25"), &date, &why), SR_OK);
    assert_int_equal(date.year, 2026);
    assert_int_equal(schedule_date_parse(SR_STR("12-25"), &date, &why), SR_OK);
    assert_int_equal(date.year, 0);
    assert_true(schedule_date_is(&date, &(struct schedule_date){1999, 12, 25}));
    assert_int_equal(schedule_date_parse(SR_STR("2024-02-29"), &date, &why), SR_OK);
    assert_int_equal(schedule_date_parse(SR_STR("2026-02-29"), &date, &why), SR_ERR_SYNTAX);
    assert_int_equal(schedule_date_parse(SR_STR("2026-13-01"), &date, &why), SR_ERR_SYNTAX);
    assert_int_equal(schedule_date_parse(SR_STR("25.12.2026"), &date, &why), SR_ERR_SYNTAX);
    assert_int_equal(schedule_date_parse(SR_STR(""), &date, &why), SR_ERR_SYNTAX);
}

/** Rules over midnight belong to the day they begin on. */
static void rules_hold_at_their_times(void **state)
{
    (void)state;
    struct schedule_rule day;
    struct schedule_rule night;
    assert_int_equal(schedule_rule_parse(SR_STR("Mon-Fri 09:00-18:00"), &day, NULL), SR_OK);
    assert_int_equal(schedule_rule_parse(SR_STR("Fri 22:00-06:00"), &night, NULL), SR_OK);
    assert_true(schedule_rule_holds(&day, &(struct schedule_moment){.weekday = 0, .minute = 540}));
    assert_false(
        schedule_rule_holds(&day, &(struct schedule_moment){.weekday = 0, .minute = 1080}));
    assert_false(schedule_rule_holds(&day, &(struct schedule_moment){.weekday = 5, .minute = 600}));
    assert_true(
        schedule_rule_holds(&night, &(struct schedule_moment){.weekday = 4, .minute = 1400}));
    assert_true(
        schedule_rule_holds(&night, &(struct schedule_moment){.weekday = 5, .minute = 359}));
    assert_false(
        schedule_rule_holds(&night, &(struct schedule_moment){.weekday = 4, .minute = 10}));
}

int test_schedule(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_read),
        cmocka_unit_test(dates_are_read),
        cmocka_unit_test(rules_hold_at_their_times),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}

/* Zones made here, byte by byte, so that no system's files are needed; and opening hours over the
 * change of the clock and over holidays. */
#include "call/zone.h"

#include "base/buf.h"
#include "call/schedule.h"
#include "test_call.h"

enum {
    HOUR = 3600
};

static void put_u32(struct sr_buf *out, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        sr_buf_char(out, (char)(value >> shift & 0xff));
}

static void put_header(struct sr_buf *out, uint32_t changes)
{
    sr_buf_add(out, "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    put_u32(out, 0);
    put_u32(out, 0);
    put_u32(out, 0);
    put_u32(out, changes);
    put_u32(out, 2); /* types: winter, summer */
    put_u32(out, 4);
}

/* Berlin's clock: one change in the table (summer 2020), all later ones by the rule. */
static void put_zone(struct sr_buf *out, const char *rule)
{
    put_header(out, 0);
    sr_buf_add(out, "\0\0\x0e\x10\0\0\0\0\x1c\x20\1\0CET", 16);
    put_header(out, 1);
    put_u32(out, 0);
    put_u32(out, 1585443600u); /* 2020-03-29 01:00 UTC */
    sr_buf_char(out, 1);
    sr_buf_add(out, "\0\0\x0e\x10\0\0\0\0\x1c\x20\1\0CET", 16);
    sr_buf_fmt(out, "\n%s\n", rule);
}

static const struct zone *make(struct sr_arena *arena, const char *rule)
{
    const struct zone *zone = NULL;
    struct sr_buf file;

    sr_buf_init(&file, 4096);
    put_zone(&file, rule);
    assert_int_equal(zone_parse(sr_buf_view(&file), arena, &zone), SR_OK);
    sr_buf_done(&file);
    return zone;
}

static void test_offsets_by_table_and_rule(void **state)
{
    struct sr_arena arena;
    const struct zone *zone;

    (void)state;
    sr_arena_init(&arena, 1 << 16);
    zone = make(&arena, "CET-1CEST,M3.5.0,M10.5.0/3");
    assert_int_equal(zone_offset(zone, 0), HOUR); /* before the table */
    assert_int_equal(zone_offset(zone, 1585443599), HOUR);
    assert_int_equal(zone_offset(zone, 1585443600), 2 * HOUR);
    assert_int_equal(zone_offset(zone, 1792889999), 2 * HOUR); /* 2026-10-25 00:59:59 UTC */
    assert_int_equal(zone_offset(zone, 1792890000), HOUR);
    assert_int_equal(zone_offset(zone, 4089646799), 2 * HOUR); /* August 2099, by the rule */
    assert_int_equal(zone_offset(NULL, 1792889999), 0);
    /* the south, days of the year, names in brackets, minutes */
    zone = make(&arena, "AEST-10AEDT,M10.1.0,M4.1.0/3");
    assert_int_equal(zone_offset(zone, 1798761600), 11 * HOUR); /* 2027-01-01 */
    assert_int_equal(zone_offset(zone, 1814400000), 10 * HOUR); /* 2027-07-01 */
    zone = make(&arena, "<+0545>-5:45");
    assert_int_equal(zone_offset(zone, 1798761600), 5 * HOUR + 45 * 60);
    zone = make(&arena, "EST5EDT4,J60/0,300");
    assert_int_equal(zone_offset(zone, 1798761600), -5 * HOUR);
    assert_int_equal(zone_offset(zone, 1814400000), -4 * HOUR);
    sr_arena_done(&arena);
}

static void test_days_around_a_change(void **state)
{
    struct schedule_moment moment;
    struct sr_arena arena;
    const struct zone *zone;

    (void)state;
    sr_arena_init(&arena, 1 << 16);
    zone = make(&arena, "CET-1CEST,M3.5.0,M10.5.0/3");
    zone_moment(zone, 1792890000 + 12 * HOUR, &moment); /* Sunday 2026-10-25, 25 hours long */
    assert_int_equal(moment.date.year, 2026);
    assert_int_equal(moment.date.month, 10);
    assert_int_equal(moment.date.day, 25);
    assert_int_equal(moment.weekday, 6);
    assert_int_equal(moment.minute, 14 * 60);
    assert_int_equal(zone_day_start(zone, 1792890000 + 12 * HOUR),
                     1792879200);          /* 24.10. 22:00 UTC */
    zone_moment(NULL, 951782400, &moment); /* 2000-02-29 */
    assert_int_equal(moment.date.month, 2);
    assert_int_equal(moment.date.day, 29);
    sr_arena_done(&arena);
}

static void test_other_files_are_refused(void **state)
{
    static const char *const rules[] = {"CE-1", "CET", "CET-1CEST,M13.1.0,M10.5.0",
                                        "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0,"};
    const struct zone *zone = NULL;
    struct sr_arena arena;
    struct sr_buf file;

    (void)state;
    sr_arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < SR_ARRAY_LEN(rules); i++) {
        sr_buf_init(&file, 4096);
        put_zone(&file, rules[i]);
        assert_int_equal(zone_parse(sr_buf_view(&file), &arena, &zone), SR_ERR_SYNTAX);
        sr_buf_done(&file);
    }
    sr_buf_init(&file, 4096);
    put_zone(&file, "CET-1");
    for (size_t n = 0; n < file.len - 8; n++) /* every beginning of a file */
        assert_int_equal(zone_parse(sr_str_make(file.data, n), &arena, &zone), SR_ERR_SYNTAX);
    sr_buf_done(&file);
    assert_null(zone);
    sr_arena_done(&arena);
}

static bool is_open(const struct schedule_hours *hours, uint8_t day, uint8_t weekday,
                    uint16_t minute)
{
    struct schedule_moment moment = {.date = {2026, 12, day}, .weekday = weekday, .minute = minute};

    return schedule_is_open(hours, &moment);
}

static void test_a_holiday_closes_the_day_a_rule_began_on(void **state)
{
    static const struct schedule_date holidays[] = {{2026, 12, 25}, {0, 12, 31}};
    struct schedule_rule rules[2];
    struct schedule_hours hours = {rules, 2, holidays, 2};

    (void)state;
    assert_int_equal(schedule_rule_parse(SR_STR("Mon-Fri 09:00-18:00"), &rules[0], NULL), SR_OK);
    assert_int_equal(schedule_rule_parse(SR_STR("Thu,Fri 22:00-02:00"), &rules[1], NULL), SR_OK);
    assert_true(is_open(&hours, 24, 3, 9 * 60));
    assert_false(is_open(&hours, 24, 3, 18 * 60));
    assert_false(is_open(&hours, 25, 4, 9 * 60));       /* the holiday */
    assert_true(is_open(&hours, 25, 4, 60));            /* the night before it goes on */
    assert_false(is_open(&hours, 25, 4, 22 * 60 + 30)); /* and its own does not begin */
    assert_false(is_open(&hours, 26, 5, 60));
    assert_false(is_open(&hours, 31, 3, 9 * 60)); /* every year */
    hours.holiday_count = 0;
    assert_true(is_open(&hours, 26, 5, 60));
}

int run_zone_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_by_table_and_rule),
        cmocka_unit_test(test_days_around_a_change),
        cmocka_unit_test(test_other_files_are_refused),
        cmocka_unit_test(test_a_holiday_closes_the_day_a_rule_began_on),
    };

    return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}

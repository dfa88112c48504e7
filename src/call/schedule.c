#include "call/schedule.h"

static const char *const day_names[7] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static enum sr_err refuse(const char **reterr_why, const char *why)
{
    if (reterr_why)
        *reterr_why = why;
    return SR_ERR_SYNTAX;
}

/** 0..6, or -1. */
static int day_index(struct sr_str name)
{
    for (int i = 0; i < 7; i++) {
        if (sr_str_ieq_c(name, day_names[i]))
            return i;
    }
    return -1;
}

/** "09:00"; 24:00 is allowed. */
static bool parse_clock(struct sr_str text, uint16_t *ret_min)
{
    uint32_t hour = 0;
    uint32_t minute = 0;
    size_t colon = sr_str_find(text, ':', 0);
    if (colon == 0 || colon > 2 || text.n != colon + 3 ||
        sr_str_u32(sr_str_head(text, colon), 24, &hour) != SR_OK ||
        sr_str_u32(sr_str_from(text, colon + 1), 59, &minute) != SR_OK ||
        (hour == 24 && minute != 0))
        return false;
    *ret_min = (uint16_t)(hour * 60 + minute);
    return true;
}

enum sr_err schedule_hours_parse(struct sr_str text, uint16_t *ret_from_min, uint16_t *ret_to_min,
                                 const char **reterr_why)
{
    uint16_t from = 0;
    uint16_t to = 0;
    size_t dash = sr_str_find(text, '-', 0);
    if (dash == text.n)
        return refuse(reterr_why, "hours are written as 09:00-18:00");
    if (!parse_clock(sr_str_trim(sr_str_head(text, dash)), &from) ||
        !parse_clock(sr_str_trim(sr_str_from(text, dash + 1)), &to))
        return refuse(reterr_why, "a time of the day is written as 09:00, from 00:00 to 24:00");
    if (from == SCHEDULE_DAY_MINUTES)
        return refuse(reterr_why, "hours cannot begin at 24:00; write 00:00 of the next day");
    if (from == to)
        return refuse(reterr_why,
                      "hours begin and end at the same time; a whole day is 00:00-24:00");
    if (to == 0)
        to = SCHEDULE_DAY_MINUTES;
    *ret_from_min = from;
    *ret_to_min = to;
    return SR_OK;
}

/** "Mon", "Mon-Fri", "Sat-Mon" (over the weekend). 0 when wrong. */
static uint8_t parse_day_span(struct sr_str text)
{
    size_t dash = sr_str_find(text, '-', 0);
    int first = day_index(sr_str_trim(sr_str_head(text, dash)));
    int last = dash < text.n ? day_index(sr_str_trim(sr_str_from(text, dash + 1))) : first;
    if (first < 0 || last < 0)
        return 0;
    unsigned days = 1u << first;
    for (int day = first; day != last;) {
        day = (day + 1) % 7;
        days |= 1u << day;
    }
    return (uint8_t)days;
}

static uint8_t parse_days(struct sr_str text)
{
    unsigned days = 0;
    struct sr_str span;
    if (text.n > 0 && text.p[text.n - 1] == ',')
        return 0;
    while (sr_str_split(&text, ',', &span)) {
        uint8_t part = parse_day_span(sr_str_trim(span));
        if (part == 0)
            return 0;
        days |= part;
    }
    return (uint8_t)days;
}

enum sr_err schedule_rule_parse(struct sr_str text, struct schedule_rule *ret_rule,
                                const char **reterr_why)
{
    struct schedule_rule rule = {.days = 0x7f};
    text = sr_str_trim(text);
    size_t hours_at = 0;
    while (hours_at < text.n && !sr_is_digit(text.p[hours_at]))
        hours_at++;
    struct sr_str days = sr_str_trim(sr_str_head(text, hours_at));
    if (days.n > 0) {
        rule.days = parse_days(days);
        if (rule.days == 0)
            return refuse(reterr_why, "days are written as Mon, Mon-Fri or Sat,Sun");
        if (hours_at == text.n) {
            rule.to_min = SCHEDULE_DAY_MINUTES;
            *ret_rule = rule;
            return SR_OK;
        }
    }
    enum sr_err err =
        schedule_hours_parse(sr_str_from(text, hours_at), &rule.from_min, &rule.to_min, reterr_why);
    if (err)
        return err;
    *ret_rule = rule;
    return SR_OK;
}

static uint32_t month_days(uint32_t year, uint32_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    /* year 0 stands for every year: 29 February is allowed */
    bool is_leap = year == 0 || (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    return month == 2 && is_leap ? 29 : days[month - 1];
}

enum sr_err schedule_date_parse(struct sr_str text, struct schedule_date *ret_date,
                                const char **reterr_why)
{
    uint32_t year = 0;
    uint32_t month = 0;
    uint32_t day = 0;
    bool has_year = text.n == 10 && text.p[4] == '-';
    struct sr_str rest = has_year ? sr_str_from(text, 5) : text;
    if (rest.n != 5 || rest.p[2] != '-' ||
        (has_year && sr_str_u32(sr_str_head(text, 4), 9999, &year) != SR_OK) ||
        sr_str_u32(sr_str_head(rest, 2), 99, &month) != SR_OK ||
        sr_str_u32(sr_str_from(rest, 3), 99, &day) != SR_OK)
        return refuse(reterr_why, "a date is written as 2026-12-25, or 12-25 for every year");
    if ((has_year && year < 1970) || month < 1 || month > 12 || day < 1 ||
        day > month_days(year, month))
        return refuse(reterr_why, "there is no such day in the calendar");
    ret_date->year = (uint16_t)year;
    ret_date->month = (uint8_t)month;
    ret_date->day = (uint8_t)day;
    return SR_OK;
}

bool schedule_rule_holds(const struct schedule_rule *rule, const struct schedule_moment *moment)
{
    SR_ASSERT(moment->weekday < 7);
    bool is_today = (rule->days >> moment->weekday & 1u) != 0;
    if (rule->from_min < rule->to_min)
        return is_today && moment->minute >= rule->from_min && moment->minute < rule->to_min;
    if (is_today && moment->minute >= rule->from_min)
        return true;
    unsigned yesterday = (moment->weekday + 6u) % 7u;
    return (rule->days >> yesterday & 1u) != 0 && moment->minute < rule->to_min;
}

bool schedule_date_is(const struct schedule_date *holiday, const struct schedule_date *date)
{
    return (holiday->year == 0 || holiday->year == date->year) && holiday->month == date->month &&
           holiday->day == date->day;
}

static bool is_holiday(const struct schedule_hours *hours, const struct schedule_date *date)
{
    for (size_t i = 0; i < hours->holiday_count; i++) {
        if (schedule_date_is(&hours->holidays[i], date))
            return true;
    }
    return false;
}

static struct schedule_date day_before(const struct schedule_date *date)
{
    struct schedule_date before = *date;
    if (before.day > 1) {
        before.day--;
    } else {
        before.month = before.month > 1 ? (uint8_t)(before.month - 1) : 12;
        before.year = (uint16_t)(before.year - (before.month == 12));
        before.day = (uint8_t)month_days(before.year, before.month);
    }
    return before;
}

bool schedule_is_open(const struct schedule_hours *hours, const struct schedule_moment *moment)
{
    struct schedule_date yesterday = day_before(&moment->date);
    bool is_off_today = is_holiday(hours, &moment->date);
    bool was_off_yesterday = is_holiday(hours, &yesterday);
    for (size_t i = 0; i < hours->rule_count; i++) {
        const struct schedule_rule *rule = &hours->rules[i];
        /* the part over midnight belongs to yesterday */
        bool is_tail = rule->from_min >= rule->to_min && moment->minute < rule->from_min;
        if (schedule_rule_holds(rule, moment) && !(is_tail ? was_off_yesterday : is_off_today))
            return true;
    }
    return false;
}

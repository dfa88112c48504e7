#include "control/wall_parse.h"

enum {
    WALL_DATE_CHARS = 10,
    WALL_TIME_CHARS = 19
};

/* Digits at a place; -1 when they are none. */
static int number(struct sr_str text, size_t at, size_t n)
{
    int value = 0;

    if (at + n > text.n)
        return -1;
    for (size_t i = at; i < at + n; i++) {
        if (!sr_is_digit(text.p[i]))
            return -1;
        value = value * 10 + (text.p[i] - '0');
    }
    return value;
}

static bool has(struct sr_str text, size_t at, char c)
{
    return at < text.n && sr_lower(text.p[at]) == c;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar. */
static int64_t days_of(int64_t year, int month, int day)
{
    static const int before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t y = year - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 - 719162 + before[month - 1] +
           (is_leap && month > 2) + day - 1;
}

static int month_days(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

/* ".5", "Z", "+01:00" behind the seconds. */
static enum sr_err parse_tail(struct sr_str tail, int64_t *wall_us)
{
    int64_t unit = SR_SEC / 10;
    size_t at = 0;
    int hours, minutes;

    if (has(tail, 0, '.')) {
        for (at = 1; at < tail.n && sr_is_digit(tail.p[at]); at++, unit /= 10)
            *wall_us += (tail.p[at] - '0') * unit;
        if (at == 1)
            return SR_ERR_SYNTAX;
    }
    tail = sr_str_from(tail, at);
    if (tail.n == 1 && has(tail, 0, 'z'))
        return SR_OK;
    hours = number(tail, 1, 2);
    minutes = number(tail, 4, 2);
    if (tail.n != 6 || !has(tail, 3, ':') || hours < 0 || hours > 23 || minutes < 0 ||
        minutes > 59 || (tail.p[0] != '+' && tail.p[0] != '-'))
        return SR_ERR_SYNTAX;
    *wall_us -= (tail.p[0] == '+' ? 1 : -1) * ((int64_t)hours * 3600 + minutes * 60) * SR_SEC;
    return SR_OK;
}

enum sr_err wall_parse(struct sr_str text, int64_t *ret_wall_us)
{
    int year = number(text, 0, 4), month = number(text, 5, 2), day = number(text, 8, 2);
    int hour, minute, second;

    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) ||
        !has(text, 4, '-') || !has(text, 7, '-'))
        return SR_ERR_SYNTAX;
    *ret_wall_us = days_of(year, month, day) * 86400 * SR_SEC;
    if (text.n == WALL_DATE_CHARS)
        return SR_OK;
    hour = number(text, 11, 2);
    minute = number(text, 14, 2);
    second = number(text, 17, 2);
    if (!(has(text, 10, 't') || has(text, 10, ' ')) || !has(text, 13, ':') || !has(text, 16, ':') ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return SR_ERR_SYNTAX;
    *ret_wall_us += ((int64_t)hour * 3600 + minute * 60 + second) * SR_SEC;
    return parse_tail(sr_str_from(text, WALL_TIME_CHARS), ret_wall_us);
}

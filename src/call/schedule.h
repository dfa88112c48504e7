/**
 * @file schedule.h  Opening hours: the rules and holidays of a schedule, read from text.
 *
 *     "Mon-Fri 09:00-18:00"   "Sat,Sun 10:00-14:00"   "Mon-Sun"   "22:00-06:00" (every day)
 *
 * A rule whose end is not after its begin runs over midnight and belongs to the day it begins on.
 * An end of 24:00 is midnight.
 *
 * Layer:   call (pure: no clock, no time zone data)
 * Thread:  re-entrant
 */
#ifndef SR_CALL_SCHEDULE_H
#define SR_CALL_SCHEDULE_H

#include "base/str.h"

enum {
    SCHEDULE_DAY_MINUTES = 24 * 60,
};

struct schedule_rule {
    uint8_t days;      /* bit 0 = Monday ... bit 6 = Sunday */
    uint16_t from_min; /* minutes of the day, 0..1439 */
    uint16_t to_min;   /* 1..1440, exclusive; <= from_min: on the next day */
};

struct schedule_date {
    uint16_t year; /* 0: every year ("12-25") */
    uint8_t month; /* 1..12 */
    uint8_t day;   /* 1..31 */
};

/** A moment in the schedule's own time zone. */
struct schedule_moment {
    struct schedule_date date;
    uint8_t weekday; /* 0 = Monday ... 6 = Sunday */
    uint16_t minute; /* of the day */
};

/** @return SR_OK, or SR_ERR_SYNTAX with one plain sentence in *reterr_why (static text) */
SR_MUST_USE enum sr_err schedule_rule_parse(struct sr_str text, struct schedule_rule *ret_rule,
                                            const char **reterr_why);
/** "09:00-18:00". @return as above */
SR_MUST_USE enum sr_err schedule_hours_parse(struct sr_str text, uint16_t *ret_from_min,
                                             uint16_t *ret_to_min, const char **reterr_why);
/** "2026-12-25", or "12-25" for every year. @return as above */
SR_MUST_USE enum sr_err schedule_date_parse(struct sr_str text, struct schedule_date *ret_date,
                                            const char **reterr_why);
/** Whether the rule holds at that moment (holidays are the caller's). */
bool schedule_rule_holds(const struct schedule_rule *rule, const struct schedule_moment *moment);
/** Whether the moment lies on that holiday. */
bool schedule_date_is(const struct schedule_date *holiday, const struct schedule_date *date);

/** What a schedule is made of; borrowed. */
struct schedule_hours {
    const struct schedule_rule *rules;
    size_t rule_count;
    const struct schedule_date *holidays;
    size_t holiday_count;
};

/** Whether it is open: a rule holds, and the day that rule began on is no holiday. */
bool schedule_is_open(const struct schedule_hours *hours, const struct schedule_moment *moment);

#endif

#include "call/zone.h"

enum {
    HEADER_BYTES = 44,
    TYPE_BYTES = 6,
    DAY_SEC = 86400,
};

enum rule_kind {
    RULE_MONTH,       /* Mm.w.d: the w-th weekday d of month m, 5 is the last */
    RULE_DAY,         /* Jn: 1..365, 29 February is never counted */
    RULE_DAY_OF_YEAR, /* n: 0..365 */
};

/* When the clock changes, every year. */
struct rule {
    enum rule_kind kind;
    int32_t month, week, day;
    int32_t at_sec; /* local time before the change; may be negative */
};

struct zone {
    uint32_t change_count;
    const int64_t *changes;    /* rising */
    const int32_t *offsets;    /* from that change on */
    int32_t offset_before;     /* the first change */
    bool has_tail, has_summer; /* the rule behind the last change */
    int32_t standard, summer;
    struct rule begin, end; /* of summer time */
};

/* ---- calendar -------------------------------------------------------------------------------- */

/* Days from 1970-01-01 to a date: years are counted from March, so that leap days come last. */
static int64_t days_of_date(int64_t year, int32_t month, int32_t day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of_days(int64_t days, int64_t *ret_year, int32_t *ret_month, int32_t *ret_day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;

    *ret_day = (int32_t)(of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (int32_t)(month < 10 ? month + 3 : month - 9);
    *ret_year = year + era * 400 + (*ret_month <= 2);
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t floor_days(int64_t seconds)
{
    return (seconds >= 0 ? seconds : seconds - (DAY_SEC - 1)) / DAY_SEC;
}

/* 0 = Sunday */
static int32_t weekday_of_days(int64_t days)
{
    return (int32_t)(((days + 4) % 7 + 7) % 7);
}

/* ---- the rule behind the table ----------------------------------------------------------------- */

static int64_t days_of_rule(const struct rule *rule, int64_t year)
{
    int64_t first, day;

    if (rule->kind == RULE_DAY)
        return days_of_date(year, 1, 1) + rule->day - 1 + (is_leap(year) && rule->day >= 60);
    if (rule->kind == RULE_DAY_OF_YEAR)
        return days_of_date(year, 1, 1) + rule->day;
    first = days_of_date(year, rule->month, 1);
    day = first + (rule->day - weekday_of_days(first) + 7) % 7 + (rule->week - 1) * 7;
    while (day >= (rule->month == 12 ? days_of_date(year + 1, 1, 1)
                                     : days_of_date(year, rule->month + 1, 1)))
        day -= 7;
    return day;
}

static int32_t offset_by_rule(const struct zone *zone, int64_t unix_sec)
{
    int64_t year, begin, end;
    int32_t month, day;
    bool is_summer;

    if (!zone->has_summer)
        return zone->standard;
    date_of_days(floor_days(unix_sec + zone->standard), &year, &month, &day);
    begin = days_of_rule(&zone->begin, year) * DAY_SEC + zone->begin.at_sec - zone->standard;
    end = days_of_rule(&zone->end, year) * DAY_SEC + zone->end.at_sec - zone->summer;
    if (begin < end)
        is_summer = unix_sec >= begin && unix_sec < end;
    else /* the southern half of the world */
        is_summer = unix_sec >= begin || unix_sec < end;
    return is_summer ? zone->summer : zone->standard;
}

/* Reading "CET-1CEST,M3.5.0,M10.5.0/3". */

static bool take_char(struct sr_str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = sr_str_from(*s, 1);
    return true;
}

static bool take_number(struct sr_str *s, int32_t max, int32_t *ret_value)
{
    int32_t value = 0;
    size_t n = 0;

    for (; n < s->n && n < 4 && sr_is_digit(s->p[n]); n++)
        value = value * 10 + (s->p[n] - '0');
    *s = sr_str_from(*s, n);
    *ret_value = value;
    return n > 0 && value <= max;
}

static bool take_name(struct sr_str *s)
{
    size_t n = 0;

    if (take_char(s, '<')) {
        n = sr_str_find(*s, '>', 0);
        if (n == s->n)
            return false;
        *s = sr_str_from(*s, n + 1);
        return true;
    }
    while (n < s->n && sr_is_alpha(s->p[n]))
        n++;
    *s = sr_str_from(*s, n);
    return n >= 3;
}

/* "2", "-3:30", "02:00:00" */
static bool take_time(struct sr_str *s, int32_t *ret_seconds)
{
    bool is_negative = take_char(s, '-');
    int32_t hours, minutes = 0, seconds = 0;

    if (!is_negative)
        (void)take_char(s, '+');
    if (!take_number(s, 167, &hours))
        return false;
    if (take_char(s, ':') && !take_number(s, 59, &minutes))
        return false;
    if (take_char(s, ':') && !take_number(s, 59, &seconds))
        return false;
    *ret_seconds = hours * 3600 + minutes * 60 + seconds;
    if (is_negative)
        *ret_seconds = -*ret_seconds;
    return true;
}

static bool take_rule(struct sr_str *s, struct rule *ret_rule)
{
    *ret_rule = (struct rule){.kind = RULE_DAY_OF_YEAR, .at_sec = 2 * 3600};
    if (!take_char(s, ','))
        return false;
    if (take_char(s, 'M')) {
        ret_rule->kind = RULE_MONTH;
        if (!take_number(s, 12, &ret_rule->month) || !take_char(s, '.') ||
            !take_number(s, 5, &ret_rule->week) || !take_char(s, '.') ||
            !take_number(s, 6, &ret_rule->day) || ret_rule->month == 0 || ret_rule->week == 0)
            return false;
    } else {
        if (take_char(s, 'J'))
            ret_rule->kind = RULE_DAY;
        if (!take_number(s, 365, &ret_rule->day) ||
            (ret_rule->kind == RULE_DAY && ret_rule->day == 0))
            return false;
    }
    return !take_char(s, '/') || take_time(s, &ret_rule->at_sec);
}

static bool read_tail(struct zone *zone, struct sr_str s)
{
    if (!take_name(&s) || !take_time(&s, &zone->standard))
        return false;
    zone->standard = -zone->standard; /* written west of Greenwich */
    zone->has_tail = true;
    if (s.n == 0)
        return true;
    zone->summer = zone->standard + 3600;
    if (!take_name(&s))
        return false;
    if (s.n > 0 && s.p[0] != ',') {
        if (!take_time(&s, &zone->summer))
            return false;
        zone->summer = -zone->summer;
    }
    zone->has_summer = true;
    return take_rule(&s, &zone->begin) && take_rule(&s, &zone->end) && s.n == 0;
}

/* ---- the file -------------------------------------------------------------------------------- */

struct header {
    uint32_t utc_count, standard_count, leap_count, change_count, type_count, char_count;
};

static uint32_t read_u32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int64_t read_time(const char *p, size_t time_bytes)
{
    if (time_bytes == 4)
        return (int32_t)read_u32(p);
    return (int64_t)((uint64_t)read_u32(p) << 32 | read_u32(p + 4));
}

static bool read_header(struct sr_str file, struct header *ret_header)
{
    uint32_t *counts[] = {&ret_header->utc_count,  &ret_header->standard_count,
                          &ret_header->leap_count, &ret_header->change_count,
                          &ret_header->type_count, &ret_header->char_count};

    if (file.n < HEADER_BYTES || memcmp(file.p, "TZif", 4) != 0)
        return false;
    for (size_t i = 0; i < SR_ARRAY_LEN(counts); i++) {
        *counts[i] = read_u32(file.p + 20 + 4 * i);
        if (*counts[i] > ZONE_CHANGES_MAX)
            return false;
    }
    return ret_header->type_count > 0 && ret_header->type_count <= 256;
}

static size_t body_bytes(const struct header *header, size_t time_bytes)
{
    return header->change_count * (time_bytes + 1) + header->type_count * TYPE_BYTES +
           header->char_count + header->leap_count * (time_bytes + 4) + header->standard_count +
           header->utc_count;
}

static enum sr_err read_body(struct sr_str body, const struct header *header, size_t time_bytes,
                             struct sr_arena *arena, struct zone *zone)
{
    const char *types = body.p + header->change_count * time_bytes;
    const char *kinds = types + header->change_count;
    int64_t *changes = sr_arena_array(arena, header->change_count + 1, sizeof(*changes));
    int32_t *offsets = sr_arena_array(arena, header->change_count + 1, sizeof(*offsets));

    if (changes == NULL || offsets == NULL)
        return SR_ERR_LIMIT;
    for (uint32_t i = 0; i < header->change_count; i++) {
        unsigned char type = (unsigned char)types[i];

        if (type >= header->type_count)
            return SR_ERR_SYNTAX;
        changes[i] = read_time(body.p + i * time_bytes, time_bytes);
        offsets[i] = (int32_t)read_u32(kinds + type * TYPE_BYTES);
        if ((i > 0 && changes[i] <= changes[i - 1]) || offsets[i] < -2 * DAY_SEC ||
            offsets[i] > 2 * DAY_SEC)
            return SR_ERR_SYNTAX;
    }
    zone->changes = changes;
    zone->offsets = offsets;
    zone->change_count = header->change_count;
    zone->offset_before = (int32_t)read_u32(kinds);
    if (zone->offset_before < -2 * DAY_SEC || zone->offset_before > 2 * DAY_SEC)
        return SR_ERR_SYNTAX;
    return SR_OK;
}

enum sr_err zone_parse(struct sr_str file, struct sr_arena *arena, const struct zone **ret_zone)
{
    struct zone *zone;
    struct header header;
    size_t time_bytes = 4, bytes;
    enum sr_err err;

    if (file.n > ZONE_BYTES_MAX)
        return SR_ERR_LIMIT;
    if (!read_header(file, &header))
        return SR_ERR_SYNTAX;
    if (file.p[4] >= '2') { /* the old part is skipped: its times end in 2038 */
        file = sr_str_from(file, HEADER_BYTES + body_bytes(&header, 4));
        time_bytes = 8;
        if (!read_header(file, &header))
            return SR_ERR_SYNTAX;
    }
    file = sr_str_from(file, HEADER_BYTES);
    bytes = body_bytes(&header, time_bytes);
    zone = sr_arena_alloc(arena, sizeof(*zone));
    if (zone == NULL)
        return SR_ERR_LIMIT;
    if (file.n < bytes)
        return SR_ERR_SYNTAX;
    err = read_body(sr_str_head(file, bytes), &header, time_bytes, arena, zone);
    file = sr_str_from(file, bytes);
    if (err == SR_OK && time_bytes == 8 && take_char(&file, '\n')) {
        file = sr_str_head(file, sr_str_find(file, '\n', 0));
        if (file.n > 0 && !read_tail(zone, file))
            err = SR_ERR_SYNTAX;
    }
    if (err == SR_OK)
        *ret_zone = zone;
    return err;
}

/* ---- questions ------------------------------------------------------------------------------- */

int32_t zone_offset(const struct zone *zone, int64_t unix_sec)
{
    uint32_t low = 0, high;

    if (zone == NULL)
        return 0;
    high = zone->change_count;
    if (zone->has_tail && (high == 0 || unix_sec >= zone->changes[high - 1]))
        return offset_by_rule(zone, unix_sec);
    while (low < high) { /* the number of changes until then */
        uint32_t middle = low + (high - low) / 2;

        if (zone->changes[middle] <= unix_sec)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? zone->offset_before : zone->offsets[low - 1];
}

void zone_moment(const struct zone *zone, int64_t unix_sec, struct schedule_moment *ret_moment)
{
    int64_t local = unix_sec + zone_offset(zone, unix_sec);
    int64_t days = floor_days(local);
    int64_t year;
    int32_t month, day;

    date_of_days(days, &year, &month, &day);
    *ret_moment = (struct schedule_moment){
        .date = {.year = (uint16_t)year, .month = (uint8_t)month, .day = (uint8_t)day},
        .weekday = (uint8_t)((weekday_of_days(days) + 6) % 7),
        .minute = (uint16_t)((local - days * DAY_SEC) / 60),
    };
}

int64_t zone_day_start(const struct zone *zone, int64_t unix_sec)
{
    int64_t days = floor_days(unix_sec + zone_offset(zone, unix_sec));
    /* the offset at midnight may be another one: ask again there */
    int64_t start = days * DAY_SEC - zone_offset(zone, unix_sec);

    return days * DAY_SEC - zone_offset(zone, start);
}

#include "call/guard.h"

#include <string.h>

#include "base/buf.h"
#include "call/number.h"
#include "call/zone.h"

/* A prefix may be written as people dial it ("0900"): it is compared in its normal form too. */
static const struct sr_str *find_number(const struct config *config,
                                        const struct config_texts *prefixes, struct sr_str number)
{
    char normal[NUMBER_TEXT_MAX];

    for (uint32_t i = 0; i < prefixes->count; i++) {
        if (sr_str_starts(number, prefixes->items[i]) ||
            (number_prefix(prefixes->items[i], config->country, normal) &&
             sr_str_starts(number, sr_str_c(normal))))
            return &prefixes->items[i];
    }
    return NULL;
}

/* A route whose own pattern names the expensive numbers: somebody meant it. */
static bool names_prefix(const struct config *config, const struct config_route *route,
                         struct sr_str prefix)
{
    char normal[NUMBER_TEXT_MAX];
    struct sr_str text;

    if (route == NULL || route->match.number == NULL ||
        pattern_kind(route->match.number) == PATTERN_REGEX)
        return false;
    text = pattern_text(route->match.number);
    return sr_str_starts(text, prefix) || (number_prefix(prefix, config->country, normal) &&
                                           sr_str_starts(text, sr_str_c(normal)));
}

static bool is_allowed_country(const struct config *config, struct sr_str number,
                               struct sr_str *ret_country)
{
    const struct config_texts *allowed = &config->security.allowed_countries;

    *ret_country = number_country(number);
    if (ret_country->n == 0 && number.n <= NUMBER_SHORT_MAX && number.n > 0 && number.p[0] != '+')
        *ret_country = config->country;
    for (uint32_t i = 0; i < allowed->count; i++) {
        if (sr_str_eq(allowed->items[i], *ret_country))
            return true;
    }
    return allowed->count == 0;
}

static bool is_night(const struct config *config, int64_t now)
{
    const struct config_security *security = &config->security;
    const struct schedule_rule rule = {
        .days = 0x7f, .from_min = security->night_from_min, .to_min = security->night_to_min};
    struct schedule_moment moment;

    if (rule.from_min == rule.to_min)
        return false;
    zone_moment(config->zone, now, &moment);
    return schedule_rule_holds(&rule, &moment);
}

/* What a switch that is not strict makes of it: only the digits count ("++4915", "+49,15"), and zeros in
   front are taken off as often as they stand there ("+0049", "+4900900"). */
static struct sr_str read_leniently(const struct config *config, struct sr_str text,
                                    char ret_number[NUMBER_TEXT_MAX])
{
    char digits[NUMBER_TEXT_MAX];
    size_t zeros = 0;
    struct sr_buf out;

    sr_buf_init_fixed(&out, digits, NUMBER_DIGITS_MAX + 1); /* what is behind decides nothing */
    for (size_t i = 0; i < text.n; i++) {
        if (!sr_is_digit(text.p[i]))
            continue;
        if (out.len == 0 && text.p[i] == '0') {
            zeros++;
            continue;
        }
        if (out.len == 0 && (text.p[0] == '+' || zeros > 0))
            sr_buf_char(&out, text.p[0] == '+' || zeros > 1 ? '+' : '0');
        sr_buf_char(&out, text.p[i]);
    }
    (void)sr_str_copy(sr_str_c(sr_buf_cstr(&out)), ret_number, NUMBER_TEXT_MAX);
    for (int i = 0; i < NUMBER_DIGITS_MAX; i++) {
        (void)number_normalise(sr_str_c(ret_number), config->country, NUMBER_DIALLED, digits);
        if (strcmp(digits, ret_number) == 0)
            break;
        memcpy(ret_number, digits, NUMBER_TEXT_MAX);
    }
    return sr_str_c(ret_number);
}

/* Behind the next code of the network ("#31#0151..."); empty: there is none, or a short number. */
static struct sr_str behind_code(struct sr_str text)
{
    size_t at = 0;

    while (at < text.n && text.p[at] != '*' && text.p[at] != '#')
        at++;
    while (at < text.n && (text.p[at] == '*' || text.p[at] == '#'))
        at++;
    return text.n - at > NUMBER_SHORT_MAX ? sr_str_from(text, at) : (struct sr_str){NULL, 0};
}

/* No country begins with 0: who drops the + of "+0900..." dials at home. Else empty. */
static struct sr_str without_plus(struct sr_str text)
{
    size_t at = 0;

    while (at < text.n && !sr_is_digit(text.p[at]))
        at++;
    return at > 0 && text.p[0] == '+' && at < text.n && text.p[at] == '0'
               ? sr_str_from(text, at)
               : (struct sr_str){NULL, 0};
}

static enum call_reason check_reading(const struct guard_query *query, struct sr_str number,
                                      struct sr_buf *why)
{
    const struct config *config = query->config;
    const struct config_security *security = &config->security;
    const struct sr_str *prefix;
    struct sr_str country;

    prefix = find_number(config, &security->blocked_prefixes, number);
    if (prefix != NULL) {
        sr_buf_fmt(why, "numbers with %.*s are blocked (security.blockedPrefixes)",
                   SR_STR_ARG(*prefix));
        return CALL_REASON_BLOCKED;
    }
    prefix = find_number(config, &security->premium_prefixes, number);
    if (prefix != NULL && !names_prefix(config, query->route, *prefix)) {
        sr_buf_fmt(why,
                   "numbers with %.*s cost extra (security.premiumPrefixes): only a route whose "
                   "numberPattern begins so sends them out",
                   SR_STR_ARG(*prefix));
        return CALL_REASON_PREMIUM;
    }
    if (!is_allowed_country(config, number, &country)) {
        if (country.n > 0)
            sr_buf_fmt(why, "calls to %.*s are not allowed (security.allowedCountries)",
                       SR_STR_ARG(country));
        else
            sr_buf_c(why, "the country of this number cannot be told (security.allowedCountries)");
        return CALL_REASON_COUNTRY;
    }
    return CALL_REASON_NONE;
}

static enum call_reason check_leniently(const struct guard_query *query, struct sr_str text,
                                        struct sr_buf *why)
{
    char bytes[NUMBER_TEXT_MAX];
    struct sr_str number = read_leniently(query->config, text, bytes);

    if (number.n == 0 || sr_str_eq(number, query->number))
        return CALL_REASON_NONE;
    return check_reading(query, number, why);
}

static enum call_reason check_number(const struct guard_query *query, struct sr_buf *why)
{
    enum call_reason reason = check_reading(query, query->number, why);

    for (struct sr_str text = query->number; text.n > 0 && reason == CALL_REASON_NONE;
         text = behind_code(text)) {
        reason = check_leniently(query, text, why);
        if (reason == CALL_REASON_NONE)
            reason = check_leniently(query, without_plus(text), why);
    }
    return reason;
}

static enum call_reason check_use(const struct guard_query *query, struct sr_buf *why)
{
    const struct config_security *security = &query->config->security;
    const struct config_per_device *limits = &security->per_device;

    if (is_night(query->config, query->now)) {
        sr_buf_fmt(why, "no outside calls from %.*s (security.nightHours)",
                   SR_STR_ARG(security->night_hours));
        return CALL_REASON_NIGHT;
    }
    if (security->outbound_concurrent_max > 0 &&
        query->use.outside_calls >= security->outbound_concurrent_max) {
        sr_buf_fmt(why, "%u outside calls are up already (security.outboundMaxConcurrent)",
                   query->use.outside_calls);
        return CALL_REASON_OUTSIDE_LIMIT;
    }
    if (query->device == NULL)
        return CALL_REASON_NONE;
    if (limits->calls_per_day > 0 && query->use.device_calls >= limits->calls_per_day) {
        sr_buf_fmt(why, "\"%.*s\" has made %u outside calls today (security.perDevice.callsPerDay)",
                   SR_STR_ARG(query->device->id), query->use.device_calls);
        return CALL_REASON_DEVICE_LIMIT;
    }
    if (guard_seconds_left(query->config, query->use.device_seconds) == 0) {
        sr_buf_fmt(why,
                   "\"%.*s\" has used its %u outside minutes of today "
                   "(security.perDevice.minutesPerDay)",
                   SR_STR_ARG(query->device->id), limits->minutes_per_day);
        return CALL_REASON_DEVICE_LIMIT;
    }
    return CALL_REASON_NONE;
}

enum call_reason guard_check(const struct guard_query *query, char ret_why[GUARD_WHY_MAX])
{
    enum call_reason reason;
    struct sr_buf why;

    ret_why[0] = '\0';
    if (query->is_emergency)
        return CALL_REASON_NONE;
    sr_buf_init_fixed(&why, ret_why, GUARD_WHY_MAX);
    if (!query->is_ours) {
        sr_buf_c(&why, "nobody known to the router stands behind this call");
        reason = CALL_REASON_NOT_ALLOWED;
    } else {
        reason = check_number(query, &why);
        if (reason == CALL_REASON_NONE)
            reason = check_use(query, &why);
    }
    (void)sr_buf_cstr(&why);
    return reason;
}

uint64_t guard_seconds_left(const struct config *config, uint64_t device_seconds)
{
    uint64_t limit = (uint64_t)config->security.per_device.minutes_per_day * 60;

    if (limit == 0)
        return UINT64_MAX;
    return limit > device_seconds ? limit - device_seconds : 0;
}

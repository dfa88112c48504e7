/* The forms of single texts: ids, numbers, addresses, hours, URLs. */
#include <stdio.h>
#include <unistd.h>

#include "control/config_internal.h"

#define ZONE_FOLDER "/usr/share/zoneinfo"

static bool all_of(struct sr_str text, const char *others, bool letters)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (!sr_is_digit(c) && !(letters && sr_is_alpha(c)) && !(c && strchr(others, c)))
            return false;
    }
    return true;
}

bool config__is_ip(struct sr_str text)
{
    struct sr_addr addr;
    return sr_addr_parse_ip(text, &addr) == SR_OK;
}

static bool is_host(struct sr_str text)
{
    if (text.n == 0 || text.n > 253 || text.p[0] == '-' || text.p[0] == '.')
        return config__is_ip(text);
    return (all_of(text, ".-_", true) && sr_str_search(text, SR_STR("..")) == text.n) ||
           config__is_ip(text);
}

/** "host", "host:port", "[ip6]:port". */
static bool is_host_port(struct sr_str text)
{
    struct sr_addr addr;
    uint32_t port = 0;
    if (sr_addr_parse(text, 1, &addr) == SR_OK)
        return true;
    size_t colon = sr_str_find(text, ':', 0);
    if (!is_host(sr_str_head(text, colon)))
        return false;
    return colon == text.n ||
           (sr_str_u32(sr_str_from(text, colon + 1), 65535, &port) == SR_OK && port > 0);
}

/** http:// or https:// with a host; `path_allowed` false: nothing behind it. */
static bool is_web_url(struct sr_str text, bool path_allowed)
{
    struct sr_str rest;
    if (sr_str_istarts(text, SR_STR("https://")))
        rest = sr_str_from(text, 8);
    else if (sr_str_istarts(text, SR_STR("http://")))
        rest = sr_str_from(text, 7);
    else
        return false;
    size_t slash = sr_str_find(rest, '/', 0);
    for (size_t i = 0; i < rest.n; i++) {
        if ((unsigned char)rest.p[i] <= ' ')
            return false;
    }
    return (path_allowed || slash == rest.n) && is_host_port(sr_str_head(rest, slash));
}

static bool is_storage_url(struct sr_str text)
{
    return (sr_str_starts(text, SR_STR("sqlite:")) && text.n > 7) ||
           sr_str_starts(text, SR_STR("postgresql://")) ||
           sr_str_starts(text, SR_STR("postgres://"));
}

static bool is_country(struct sr_str text)
{
    return text.n == 2 && text.p[0] >= 'A' && text.p[0] <= 'Z' && text.p[1] >= 'A' &&
           text.p[1] <= 'Z';
}

/** Whether the system knows the zone; true as well where the system has no zones at all. */
static bool is_zone(struct sr_str text)
{
    char path[256];
    if (text.p[0] == '/' || !all_of(text, "/_+-", true))
        return false;
    if (access(ZONE_FOLDER, R_OK) != 0)
        return true;
    int n = snprintf(path, sizeof(path), ZONE_FOLDER "/%.*s", SR_STR_ARG(text));
    if (n < 0 || (size_t)n >= sizeof(path) - 1 || access(path, R_OK) != 0)
        return false;
    path[n] = '/'; /* a folder of zones ("Europe") is no zone */
    path[n + 1] = '\0';
    return access(path, F_OK) != 0;
}

static bool is_ha1(struct sr_str text)
{
    if (text.n != 32)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (sr_hex_value(text.p[i]) < 0)
            return false;
    }
    return true;
}

static bool is_slots(struct sr_str text)
{
    uint32_t first = 0;
    uint32_t last = 0;
    size_t dash = sr_str_find(text, '-', 0);
    if (sr_str_u32(sr_str_head(text, dash), 99999999, &first) != SR_OK || text.p[0] == '0')
        return false;
    if (dash == text.n)
        return true;
    return sr_str_u32(sr_str_from(text, dash + 1), 99999999, &last) == SR_OK && last >= first &&
           last - first < 1000;
}

static bool is_target(struct sr_str text)
{
    if (sr_str_starts(text, SR_STR("tel:")))
        return text.n > 4 && all_of(sr_str_from(text, 4), "+*#", false);
    if (sr_str_starts(text, SR_STR("group:")))
        return text.n > 6;
    return sr_str_find(text, ':', 0) == text.n;
}

static bool form_is_right(enum config_format format, struct sr_str text, const char **why)
{
    struct schedule_rule rule;
    struct schedule_date date;
    uint16_t from_min;
    uint16_t to_min;
    switch (format) {
    case CONFIG_FORMAT_ANY:
    case CONFIG_FORMAT_SPOKEN:
        return true;
    case CONFIG_FORMAT_ID:
        *why = "use letters, digits, dot, minus and underscore, at most 64";
        return text.n <= CONFIG_ID_MAX && all_of(text, "._-", true);
    case CONFIG_FORMAT_EXTENSION:
        *why = "use digits (and * or #), at most 16";
        return text.n <= CONFIG_EXTENSION_MAX && all_of(text, "*#", false);
    case CONFIG_FORMAT_IP:
        *why = "write an address such as 192.0.2.1 or 2001:db8::1";
        return config__is_ip(text);
    case CONFIG_FORMAT_IP_AUTO:
        *why = "write \"auto\" or an address such as 192.0.2.1";
        return sr_str_eq_c(text, "auto") || config__is_ip(text);
    case CONFIG_FORMAT_HOST:
        *why = "write a host name or address without sip: and without port";
        return is_host(text);
    case CONFIG_FORMAT_HOST_PORT:
        *why = "write host:port, such as stun.example.org:3478";
        return is_host_port(text);
    case CONFIG_FORMAT_HTTP_URL:
        *why = "write an address beginning with http:// or https://";
        return is_web_url(text, true);
    case CONFIG_FORMAT_ORIGIN:
        *why = "write scheme and host only, such as https://crm.example";
        return is_web_url(text, false);
    case CONFIG_FORMAT_STORAGE_URL:
        *why = "write sqlite:FILE or postgresql://user@host/db";
        return is_storage_url(text);
    case CONFIG_FORMAT_COUNTRY:
        *why = "write two capital letters, such as DE";
        return is_country(text);
    case CONFIG_FORMAT_TIMEZONE:
        *why = "write a zone of the tz database, such as Europe/Berlin";
        return is_zone(text);
    case CONFIG_FORMAT_RULE:
        return schedule_rule_parse(text, &rule, why) == SR_OK;
    case CONFIG_FORMAT_DATE:
        return schedule_date_parse(text, &date, why) == SR_OK;
    case CONFIG_FORMAT_HOURS:
        return schedule_hours_parse(text, &from_min, &to_min, why) == SR_OK;
    case CONFIG_FORMAT_NUMBER:
        *why = "write digits, with + at the start if it is international";
        return text.n <= 64 && all_of(text, "+*#", false) && sr_str_find(text, '+', 1) == text.n;
    case CONFIG_FORMAT_HA1:
        *why = "write the 32 hex digits of MD5(extension:realm:password)";
        return is_ha1(text);
    case CONFIG_FORMAT_SLOTS:
        *why = "write a range of at most 1000 extensions, such as 701-720";
        return is_slots(text);
    case CONFIG_FORMAT_DIGIT:
        *why = "write one of 0 to 9, * or #";
        return text.n == 1 && all_of(text, "*#", false);
    case CONFIG_FORMAT_PIN:
        *why = "use digits, at most 16";
        return text.n <= 16 && all_of(text, "", false);
    case CONFIG_FORMAT_TARGET:
        *why = "write a device id, group:ID or tel:NUMBER";
        return is_target(text);
    }
    return false;
}

bool config__format_check(struct config__load *load, const struct jsonc_node *node,
                          enum config_format format, struct sr_str text)
{
    const char *why = "";
    if (text.n == 0 || form_is_right(format, text, &why))
        return true;
    bool is_secret = format == CONFIG_FORMAT_HA1 || format == CONFIG_FORMAT_PIN;
    if (is_secret)
        config__fault(load, CONFIG_ERROR, node, sr_str_c(why), "this secret has the wrong form");
    else
        config__fault(load, CONFIG_ERROR, node, sr_str_c(why), "\"%.*s\" has the wrong form",
                      (int)SR_MIN(text.n, 80u), text.p);
    return false;
}

/**
 * @file value_internal.h  Value parsers for the parsers of this room only. The sip__x_read are the public
 * sip_x_parse without the copy: they write straight into the caller's object, which says nothing after
 * a failure. The inline functions take what most messages have, with the scan kept in registers, and
 * leave the rest to the public function of the same job.
 *
 * Layer:   pure
 * Memory:  borrowed; valid while the parsed text is alive and unchanged
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_VALUE_INTERNAL_H
#define SR_SIP_VALUE_INTERNAL_H

#include "sip/nameaddr.h"
#include "sip/span.h"
#include "sip/via.h"

SR_MUST_USE enum sr_err sip__uri_read(struct sr_str text, struct sip_uri *uri,
                                      struct sip_diag *reterr_diag);
SR_MUST_USE enum sr_err sip__nameaddr_read(struct sr_str text, struct sip_nameaddr *addr,
                                           struct sip_diag *reterr_diag);
SR_MUST_USE enum sr_err sip__via_read(struct sr_str text, struct sip_via *via,
                                      struct sip_diag *reterr_diag);

/** [p, end) without LWS at both ends. */
static inline struct sr_str sip__trim(const char *p, const char *end)
{
    while (p != end && sip_is(*p, SIP_CH_LWS))
        p++;
    while (p != end && sip_is(end[-1], SIP_CH_LWS))
        end--;
    return sr_str_make(p, (size_t)(end - p));
}

/** Behind decimal digits worth at most `max`, or NULL. */
static inline const char *sip__take_uint(const char *p, const char *end, uint32_t max,
                                         uint32_t *ret_value)
{
    uint64_t value = 0;
    const char *begin = p;
    for (; p != end && sr_is_digit(*p); p++) {
        value = value * 10 + (uint64_t)(*p - '0');
        if (value > max)
            return NULL;
    }
    *ret_value = (uint32_t)value;
    return p == begin ? NULL : p;
}

/** Is the text one to nine digits and nothing else? */
static inline bool sip__is_short_uint(struct sr_str text, uint32_t *ret_value)
{
    uint32_t value = 0;
    if (text.n == 0 || text.n > 9)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        uint32_t digit = (uint32_t)(uint8_t)text.p[i] - '0';
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

/** As sip_scan_hostport. */
static inline enum sr_err sip__scan_hostport(struct sip_scan *scan, struct sr_str *ret_host,
                                             uint16_t *ret_port, bool *ret_is_ip6)
{
    uint32_t port = 0;
    const char *p = sip__run(scan->p, scan->end, SIP_CH_HOST);
    struct sr_str host = sr_str_make(scan->p, (size_t)(p - scan->p));
    if (host.n && p != scan->end && *p == ':')
        p = sip__take_uint(p + 1, scan->end, 65535, &port);
    if (!host.n || !p || (port == 0 && p != host.p + host.n)) {
        struct sip_scan rest = *scan;
        enum sr_err err = sip_scan_hostport(&rest, ret_host, ret_port, ret_is_ip6);
        *scan = rest;
        return err;
    }
    scan->p = p;
    *ret_host = host;
    *ret_port = (uint16_t)port;
    *ret_is_ip6 = false;
    return SR_OK;
}

/** As sip_scan_param. */
static inline enum sr_err sip__scan_param(struct sip_scan *scan, struct sip_param *ret_param)
{
    const char *end = scan->end;
    if (scan->p != end && *scan->p == ';') {
        const char *name = scan->p + 1;
        const char *name_end = sip__run(name, end, SIP_CH_TOKEN);
        bool has_value = name_end != end && *name_end == '=';
        const char *value = name_end + has_value;
        const char *p = has_value ? sip__run_more(value, end, SIP__CH_VALUE) : value;
        /* blanks, quotes, and what is malformed are left to the public function */
        bool is_whole = name != name_end && (!has_value || p != value);
        if (is_whole && (p == end || *p == ';')) {
            ret_param->name = sr_str_make(name, (size_t)(name_end - name));
            ret_param->value = sr_str_make(value, (size_t)(p - value));
            ret_param->has_value = has_value;
            scan->p = p;
            return SR_OK;
        }
    }
    struct sip_scan rest = *scan;
    enum sr_err err = sip_scan_param(&rest, ret_param);
    *scan = rest;
    return err;
}

#endif

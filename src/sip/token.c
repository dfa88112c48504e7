#include "sip/token.h"

#include "sip/span.h"
#include "sip/value_internal.h"

/* bits are SIP_CH_* */
const uint8_t sip_char_class[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x02, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x02, 0x7d, 0x40, 0x00, 0x3c, 0x41, 0x1c, 0x7d, 0x7c, 0x7c, 0x7d, 0x7d, 0x0c, 0xfd, 0xfd, 0x74,
    0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0x70, 0x04, 0x40, 0x0c, 0x40, 0x64,
    0x00, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd,
    0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0x70, 0x40, 0x70, 0x00, 0xfd,
    0x41, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd,
    0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0x40, 0x00, 0x40, 0x7d, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

/* bits are SIP__CH_* */
const uint8_t sip__char_class[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x06, 0x06, 0x00, 0x00, 0x06, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x06, 0x07, 0x00, 0x02, 0x03, 0x07, 0x03, 0x07, 0x03, 0x03, 0x07, 0x07, 0x02, 0x07, 0x07, 0x03,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x03, 0x02, 0x02, 0x03, 0x02, 0x02,
    0x03, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x03, 0x00, 0x03, 0x02, 0x07,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x02, 0x02, 0x02, 0x07, 0x00,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
    0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
};

enum sr_err sip_syntax(struct sip_diag *reterr_diag, size_t offset, const char *why)
{
    if (reterr_diag) {
        reterr_diag->offset = offset;
        reterr_diag->why = why;
    }
    return SR_ERR_SYNTAX;
}

bool sip_scan_quoted(struct sip_scan *scan, struct sr_str *ret_text)
{
    const char *p = scan->p;
    const char *end = scan->end;
    if (p == end || *p != '"')
        return false;
    for (p++;; p += 2) {
        p = sip__run_more(p, end, SIP__CH_QUOTED);
        if (p == end)
            return false;
        if (*p == '"') {
            *ret_text = sr_str_make(scan->p, (size_t)(p + 1 - scan->p));
            scan->p = p + 1;
            return true;
        }
        /* quoted-pair: anything of 7 bits but CR and LF */
        if (*p != '\\' || p + 1 == end || p[1] == '\r' || p[1] == '\n' || (uint8_t)p[1] > 0x7f)
            return false;
    }
}

bool sip_scan_uint(struct sip_scan *scan, uint32_t max, uint32_t *ret_value)
{
    uint32_t value;
    const char *p = sip__take_uint(scan->p, scan->end, max, &value);
    if (!p)
        return false;
    scan->p = p;
    *ret_value = value;
    return true;
}

bool sip_is_token(struct sr_str text)
{
    struct sip_scan scan = sip_scan_of(text);
    return text.n && sip__run(scan.p, scan.end, SIP_CH_TOKEN) == scan.end;
}

/* gen-value: token, host (with an IPv6 reference), or quoted string. Characters seen in practice in
   unquoted values (":" "/" "@" in URIs and times) are taken too: they separate nothing here. */
static inline bool scan_value(struct sip_scan *scan, struct sr_str *ret_value)
{
    const char *begin = scan->p;
    const char *p = sip__run_more(begin, scan->end, SIP__CH_VALUE);
    if (p == begin)
        return sip_scan_quoted(scan, ret_value);
    scan->p = p;
    *ret_value = sr_str_make(begin, (size_t)(p - begin));
    return true;
}

static inline bool scan_name_value(struct sip_scan *scan, struct sip_param *ret_param)
{
    const char *begin = scan->p;
    const char *p = sip__run(begin, scan->end, SIP_CH_TOKEN);
    if (p == begin)
        return false;
    scan->p = p;
    ret_param->name = sr_str_make(begin, (size_t)(p - begin));
    ret_param->has_value = sip_scan_sep(scan, '=');
    ret_param->value = sr_str_make(scan->p, 0);
    return !ret_param->has_value || scan_value(scan, &ret_param->value);
}

enum sr_err sip_scan_param(struct sip_scan *scan, struct sip_param *ret_param)
{
    const char *begin = scan->p;
    if (!sip_scan_sep(scan, ';')) {
        sip_scan_lws(scan);
        return SR_ERR_NOTFOUND;
    }
    if (!scan_name_value(scan, ret_param)) {
        scan->p = begin;
        return SR_ERR_SYNTAX;
    }
    return SR_OK;
}

enum sr_err sip_scan_params(struct sip_scan *scan, struct sr_str *ret_params,
                            struct sip_diag *reterr_diag)
{
    sip_scan_lws(scan);
    const char *begin = scan->p;
    struct sip_param param;
    enum sr_err err = SR_OK;
    while (err == SR_OK && scan->p != scan->end)
        err = sip_scan_param(scan, &param);
    if (scan->p != scan->end)
        return sip_syntax(reterr_diag, (size_t)(scan->p - begin), "malformed parameter");
    *ret_params = sr_str_make(begin, (size_t)(scan->end - begin));
    return SR_OK;
}

bool sip_param_next(struct sr_str *rest, struct sip_param *ret_param)
{
    struct sip_scan scan = sip_scan_of(*rest);
    if (sip_scan_param(&scan, ret_param) != SR_OK) {
        *rest = sr_str_make(rest->p, 0);
        return false;
    }
    *rest = sr_str_make(scan.p, (size_t)(scan.end - scan.p));
    return true;
}

bool sip_param_find(struct sr_str params, const char *name, struct sr_str *ret_value)
{
    struct sip_param param;
    while (sip_param_next(&params, &param)) {
        if (!sr_str_ieq_c(param.name, name))
            continue;
        if (ret_value)
            *ret_value = param.value;
        return true;
    }
    return false;
}

enum sr_err sip_scan_auth_param(struct sip_scan *scan, struct sip_param *ret_param)
{
    struct sip_param param;
    while (sip_scan_sep(scan, ','))
        ;
    sip_scan_lws(scan);
    if (sip_scan_at_end(scan))
        return SR_ERR_NOTFOUND;
    struct sip_scan at = *scan;
    if (!scan_name_value(&at, &param))
        return SR_ERR_SYNTAX;
    sip_scan_lws(&at);
    if (!sip_scan_at_end(&at) && *at.p != ',')
        return SR_ERR_SYNTAX;
    *scan = at;
    *ret_param = param;
    return SR_OK;
}

/* End of the element that starts at p. */
static const char *item_end(const char *p, const char *end)
{
    bool in_quotes = false;
    bool in_brackets = false;
    for (; p != end; p++) {
        if (in_quotes) {
            if (*p == '\\' && p + 1 != end)
                p++;
            else if (*p == '"')
                in_quotes = false;
        } else if (*p == '"') {
            in_quotes = true;
        } else if (*p == '<') {
            in_brackets = true;
        } else if (*p == '>') {
            in_brackets = false;
        } else if (*p == ',' && !in_brackets) {
            break;
        }
    }
    return p;
}

bool sip_list_next(struct sr_str *rest, struct sr_str *ret_item)
{
    while (rest->n) {
        const char *end = rest->p + rest->n;
        /* most lists have one element: then no need to look for quotes */
        const char *stop = memchr(rest->p, ',', rest->n) ? item_end(rest->p, end) : end;
        struct sr_str item = sr_str_trim(sr_str_make(rest->p, (size_t)(stop - rest->p)));
        *rest = stop == end ? sr_str_make(end, 0) : sr_str_make(stop + 1, (size_t)(end - stop - 1));
        if (item.n) {
            *ret_item = item;
            return true;
        }
    }
    return false;
}

/* Next plain character of a token or quoted string, or -1. Folds become one space. */
static int unquote_next(struct sip_scan *scan, bool is_quoted)
{
    if (scan->p == scan->end)
        return -1;
    char c = *scan->p++;
    if (is_quoted && c == '\\' && scan->p != scan->end)
        return (uint8_t)*scan->p++;
    if (c == '\r' || c == '\n') {
        sip_scan_lws(scan);
        return ' ';
    }
    return (uint8_t)c;
}

static bool unquote_begin(struct sr_str text, struct sip_scan *ret_scan)
{
    bool is_quoted = text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"';
    *ret_scan = sip_scan_of(text);
    if (is_quoted) {
        ret_scan->p++;
        ret_scan->end--;
    }
    return is_quoted;
}

void sip_unquote(struct sr_str text, struct sr_buf *buf)
{
    struct sip_scan scan;
    bool is_quoted = unquote_begin(text, &scan);
    for (int c = unquote_next(&scan, is_quoted); c >= 0; c = unquote_next(&scan, is_quoted))
        sr_buf_char(buf, (char)c);
}

bool sip_unquoted_eq(struct sr_str text, struct sr_str plain)
{
    struct sip_scan scan;
    bool is_quoted = unquote_begin(text, &scan);
    for (size_t i = 0; i < plain.n; i++)
        if (unquote_next(&scan, is_quoted) != (uint8_t)plain.p[i])
            return false;
    return sip_scan_at_end(&scan);
}

void sip_quote(struct sr_str plain, struct sr_buf *buf)
{
    sr_buf_char(buf, '"');
    for (size_t i = 0; i < plain.n; i++) {
        char c = plain.p[i];
        if ((uint8_t)c < 0x20 || c == 0x7f)
            continue;
        if (c == '"' || c == '\\')
            sr_buf_char(buf, '\\');
        sr_buf_char(buf, c);
    }
    sr_buf_char(buf, '"');
}

void sip_write_safe(struct sr_str text, struct sr_buf *buf)
{
    size_t i = 0;
    while (i < text.n) {
        size_t begin = i;
        while (i < text.n && (uint8_t)text.p[i] >= 0x20)
            i++;
        sr_buf_add(buf, text.p + begin, i - begin);
        if (i == text.n)
            break;
        while (i < text.n && (uint8_t)text.p[i] < 0x20)
            i++;
        sr_buf_char(buf, ' ');
    }
}

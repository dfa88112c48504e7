#include "sip/nameaddr.h"

#include "sip/span.h"
#include "sip/value_internal.h"

/* Where the brackets begin, outside quotes; NULL: none. */
static const char *scan_display(struct sip_scan *scan, struct sr_str *ret_display)
{
    const char *begin = scan->p;
    if (scan->p != scan->end && *scan->p == '"') {
        if (!sip_scan_quoted(scan, ret_display))
            return NULL;
        sip_scan_lws(scan);
        return scan->p != scan->end && *scan->p == '<' ? scan->p : NULL;
    }
    /* tokens and blanks; UTF-8 without quotes is taken too */
    const char *p = sip__run_more(begin, scan->end, SIP__CH_DISPLAY);
    if (p == scan->end || *p != '<')
        return NULL;
    *ret_display = sip__trim(begin, p);
    scan->p = p;
    return p;
}

static enum sr_err scan_brackets(struct sip_scan *scan, struct sip_nameaddr *addr,
                                 struct sip_diag *reterr_diag)
{
    const char *begin = scan->p + 1;
    const char *close = memchr(begin, '>', (size_t)(scan->end - begin));
    if (!close)
        return sip_syntax(reterr_diag, 0, "'<' without '>'");
    scan->p = close + 1;
    addr->has_brackets = true;
    /* blanks inside the brackets are wrong but harmless */
    return sip__uri_read(sip__trim(begin, close), &addr->uri, reterr_diag);
}

/* Without brackets the URI ends at a ';' or blank; ',' and '?' may not be in it (RFC 3261 20.10). */
static enum sr_err scan_bare(struct sip_scan *scan, struct sip_nameaddr *addr,
                             struct sip_diag *reterr_diag)
{
    const char *begin = scan->p;
    while (scan->p != scan->end && *scan->p != ';' && !sip_is(*scan->p, SIP_CH_LWS)) {
        if (*scan->p == '?' || *scan->p == ',')
            return sip_syntax(reterr_diag, (size_t)(scan->p - begin),
                              "URI with ',' or '?' must be in angle brackets");
        scan->p++;
    }
    return sip__uri_read(sr_str_make(begin, (size_t)(scan->p - begin)), &addr->uri, reterr_diag);
}

static enum sr_err take_params(struct sip_scan *scan, struct sip_nameaddr *addr,
                               struct sip_diag *reterr_diag)
{
    struct sip_param param;
    sip_scan_lws(scan);
    const char *begin = scan->p;
    while (scan->p != scan->end) {
        enum sr_err err = sip__scan_param(scan, &param);
        if (err == SR_ERR_NOTFOUND && scan->p == scan->end)
            break;
        if (err != SR_OK)
            return sip_syntax(reterr_diag, 0, "malformed parameter behind an address");
        if (!addr->tag.n && SIP__IS(param.name, "tag"))
            addr->tag = param.value;
    }
    addr->params = sr_str_make(begin, (size_t)(scan->end - begin));
    return SR_OK;
}

/* Only "*" and blanks? */
static bool scan_star(struct sip_scan scan)
{
    if (!sip_scan_char(&scan, '*'))
        return false;
    sip_scan_lws(&scan);
    return sip_scan_at_end(&scan);
}

enum sr_err sip__nameaddr_read(struct sr_str text, struct sip_nameaddr *addr,
                               struct sip_diag *reterr_diag)
{
    if (text.n > SIP_NAMEADDR_TEXT_MAX) {
        (void)sip_syntax(reterr_diag, 0, "address too long");
        return SR_ERR_LIMIT;
    }
    struct sip_scan scan = sip_scan_of(text);
    enum sr_err err = SR_OK;
    *addr = (struct sip_nameaddr){0};
    sip_scan_lws(&scan);
    addr->is_star = scan_star(scan);
    if (addr->is_star)
        return SR_OK;
    bool is_quoted = scan.p != scan.end && *scan.p == '"';
    if (scan_display(&scan, &addr->display)) {
        err = scan_brackets(&scan, addr, reterr_diag);
    } else if (is_quoted) {
        return sip_syntax(reterr_diag, 0, "quoted name not closed, or not before '<'");
    } else {
        addr->display = sr_str_make(NULL, 0);
        err = scan_bare(&scan, addr, reterr_diag);
    }
    return err == SR_OK ? take_params(&scan, addr, reterr_diag) : err;
}

enum sr_err sip_nameaddr_parse(struct sr_str text, struct sip_nameaddr *ret_addr,
                               struct sip_diag *reterr_diag)
{
    struct sip_nameaddr addr;
    enum sr_err err = sip__nameaddr_read(text, &addr, reterr_diag);
    if (err == SR_OK)
        *ret_addr = addr;
    return err;
}

void sip_nameaddr_write(struct sr_buf *buf, struct sr_str display, struct sr_str uri_text,
                        struct sr_str params)
{
    if (display.n) {
        sip_quote(display, buf);
        sr_buf_char(buf, ' ');
    }
    sr_buf_char(buf, '<');
    sip_write_safe(uri_text, buf);
    sr_buf_char(buf, '>');
    sip_write_safe(params, buf);
}

bool sip_nameaddr_param(const struct sip_nameaddr *addr, const char *name, struct sr_str *ret_value)
{
    return sip_param_find(addr->params, name, ret_value);
}

uint32_t sip_nameaddr_q(const struct sip_nameaddr *addr, uint32_t otherwise)
{
    struct sr_str value;
    uint32_t q = 0;
    uint32_t weight = SIP_Q_MAX;
    if (!sip_nameaddr_param(addr, "q", &value) || !value.n || value.n > 5)
        return otherwise;
    for (size_t i = 0; i < value.n; i++) {
        if (i == 1 ? value.p[i] != '.' : !sr_is_digit(value.p[i]))
            return otherwise;
        if (i == 1)
            continue;
        q += weight * (uint32_t)(value.p[i] - '0');
        weight /= 10;
    }
    return q <= SIP_Q_MAX ? q : otherwise;
}

uint32_t sip_nameaddr_expires(const struct sip_nameaddr *addr, uint32_t otherwise)
{
    struct sr_str value;
    uint32_t seconds = 0;
    if (!sip_nameaddr_param(addr, "expires", &value))
        return otherwise;
    enum sr_err err = sr_str_u32(value, UINT32_MAX, &seconds);
    if (err == SR_ERR_LIMIT)
        return UINT32_MAX;
    return err == SR_OK ? seconds : otherwise;
}

#include "sip/uri.h"

#include "sip/span.h"
#include "sip/value_internal.h"

/* characters of a tel number with visual separators (RFC 3966) */
static bool is_tel_char(char c)
{
    return sr_hex_value(c) >= 0 || strchr("+*#-.()", c) != NULL;
}

/* As skip_escaped, from the first octet that is not of the classes on. */
static const char *skip_escaped_slow(const char *p, const char *end, unsigned classes, char extra)
{
    for (; p != end; p = sip__run(p, end, classes)) {
        if (*p == '%') {
            if (end - p < 3 || sr_hex_value(p[1]) < 0 || sr_hex_value(p[2]) < 0)
                return NULL;
            p += 3;
        } else if (extra && *p == extra) {
            p++;
        } else {
            break;
        }
    }
    return p;
}

/* Behind characters of the classes, `extra` (0: none), and well-formed escapes; NULL at a broken
   escape. */
static inline const char *skip_escaped(const char *p, const char *end, unsigned classes, char extra)
{
    p = sip__run(p, end, classes);
    if (p == end || (*p != '%' && *p != extra))
        return p;
    return skip_escaped_slow(p, end, classes, extra);
}

static bool scan_ip6(struct sip_scan *scan, struct sr_str *ret_host)
{
    const char *begin = ++scan->p;
    while (scan->p != scan->end &&
           (sr_hex_value(*scan->p) >= 0 || *scan->p == ':' || *scan->p == '.'))
        scan->p++;
    struct sr_str host = sr_str_make(begin, (size_t)(scan->p - begin));
    struct sr_addr addr;
    if (!sip_scan_char(scan, ']') || !memchr(host.p, ':', host.n) ||
        sr_addr_parse_ip(host, &addr) != SR_OK)
        return false;
    *ret_host = host;
    return true;
}

enum sr_err sip_scan_hostport(struct sip_scan *scan, struct sr_str *ret_host, uint16_t *ret_port,
                              bool *ret_is_ip6)
{
    const char *begin = scan->p;
    struct sr_str host;
    uint32_t port = 0;
    bool is_ip6 = scan->p != scan->end && *scan->p == '[';
    bool is_good;
    if (is_ip6) {
        is_good = scan_ip6(scan, &host);
    } else {
        scan->p = sip__run(begin, scan->end, SIP_CH_HOST);
        host = sr_str_make(begin, (size_t)(scan->p - begin));
        is_good = host.n != 0;
    }
    if (is_good && sip_scan_char(scan, ':'))
        is_good = sip_scan_uint(scan, 65535, &port) && port != 0;
    if (!is_good) {
        scan->p = begin;
        return SR_ERR_SYNTAX;
    }
    *ret_host = host;
    *ret_port = (uint16_t)port;
    *ret_is_ip6 = is_ip6;
    return SR_OK;
}

/* ";name=value" of a URI up to '?' or the end. */
static inline bool scan_uri_params(struct sip_scan *scan, struct sr_str *ret_params)
{
    const char *begin = scan->p;
    while (sip_scan_char(scan, ';')) {
        const char *p = skip_escaped(scan->p, scan->end, SIP_CH_PARAM, 0);
        if (!p || p == scan->p)
            return false;
        scan->p = p;
        if (sip_scan_char(scan, '=')) {
            p = skip_escaped(scan->p, scan->end, SIP_CH_PARAM, 0);
            if (!p)
                return false;
            scan->p = p;
        }
    }
    *ret_params = sr_str_make(begin, (size_t)(scan->p - begin));
    return true;
}

static bool scan_uri_headers(struct sip_scan *scan, struct sr_str *ret_headers)
{
    const char *begin = scan->p;
    do {
        const char *p = skip_escaped(scan->p, scan->end, SIP_CH_HEADER, 0);
        bool is_named = p && p != scan->p;
        if (p)
            scan->p = p;
        if (!is_named || !sip_scan_char(scan, '='))
            return false;
        p = skip_escaped(scan->p, scan->end, SIP_CH_HEADER, ';');
        if (!p)
            return false;
        scan->p = p;
    } while (sip_scan_char(scan, '&'));
    *ret_headers = sr_str_make(begin, (size_t)(scan->p - begin));
    return true;
}

/* "user[:password]@", which is there when there is an '@' anywhere. */
static bool scan_userinfo_slow(struct sip_scan *scan, struct sip_uri *uri)
{
    const char *begin = scan->p;
    const char *at_sign =
        begin != scan->end ? memchr(begin, '@', (size_t)(scan->end - begin)) : NULL;
    if (!at_sign)
        return true;
    uri->has_user = true;
    /* '#' has no place there by the grammar, but phones dial it */
    const char *p = skip_escaped(begin, at_sign, SIP_CH_USER, '#');
    if (!p || p == begin)
        return false;
    uri->user = sr_str_make(begin, (size_t)(p - begin));
    if (*p == ':') {
        begin = p + 1;
        uri->has_password = true;
        p = skip_escaped(begin, at_sign, SIP_CH_PASSWD, 0);
        if (!p)
            return false;
        uri->password = sr_str_make(begin, (size_t)(p - begin));
    }
    scan->p = p;
    return sip_scan_char(scan, '@');
}

static inline bool scan_userinfo(struct sip_scan *scan, struct sip_uri *uri)
{
    /* most are plain characters and '@': then the look for an '@' anywhere is spared */
    const char *stop = sip__run(scan->p, scan->end, SIP_CH_USER);
    if (stop == scan->p || stop == scan->end || *stop != '@') {
        struct sip_scan rest = *scan;
        bool is_good = scan_userinfo_slow(&rest, uri);
        *scan = rest;
        return is_good;
    }
    uri->has_user = true;
    uri->user = sr_str_make(scan->p, (size_t)(stop - scan->p));
    scan->p = stop + 1;
    return true;
}

static const char *parse_sip(struct sip_scan *scan, struct sip_uri *uri)
{
    if (!scan_userinfo(scan, uri))
        return "malformed user part of URI";
    if (sip__scan_hostport(scan, &uri->host, &uri->port, &uri->is_ip6) != SR_OK)
        return "malformed host or port of URI";
    if (!scan_uri_params(scan, &uri->params))
        return "malformed URI parameter";
    if (sip_scan_char(scan, '?') && !scan_uri_headers(scan, &uri->headers))
        return "malformed headers of URI";
    return sip_scan_at_end(scan) ? NULL : "malformed URI";
}

static const char *parse_tel(struct sip_scan *scan, struct sip_uri *uri)
{
    const char *begin = scan->p;
    bool has_digit = false;
    while (scan->p != scan->end && *scan->p && is_tel_char(*scan->p)) {
        has_digit = has_digit || sr_hex_value(*scan->p) >= 0 || *scan->p == '*' || *scan->p == '#';
        scan->p++;
    }
    uri->opaque = sr_str_make(begin, (size_t)(scan->p - begin));
    if (!has_digit)
        return "tel URI without a number";
    if (!scan_uri_params(scan, &uri->params))
        return "malformed URI parameter";
    return sip_scan_at_end(scan) ? NULL : "malformed number of tel URI";
}

static const char *parse_opaque(struct sip_scan *scan, struct sip_uri *uri)
{
    const char *begin = scan->p;
    while (scan->p != scan->end && (uint8_t)*scan->p > 0x20 && *scan->p != 0x7f &&
           *scan->p != '<' && *scan->p != '>' && *scan->p != '"')
        scan->p++;
    uri->opaque = sr_str_make(begin, (size_t)(scan->p - begin));
    return sip_scan_at_end(scan) && uri->opaque.n ? NULL : "malformed URI";
}

static bool scan_scheme(struct sip_scan *scan, struct sip_uri *uri)
{
    const char *begin = scan->p;
    if (scan->end - scan->p >= 4 && memcmp(scan->p, "sip:", 4) == 0) {
        uri->scheme = SIP_SCHEME_SIP;
        uri->scheme_text = sr_str_make(begin, 3);
        scan->p += 4;
        return true;
    }
    if (scan->p == scan->end || !sr_is_alpha(*scan->p))
        return false;
    while (scan->p != scan->end && (sr_is_alpha(*scan->p) || sr_is_digit(*scan->p) ||
                                    *scan->p == '+' || *scan->p == '-' || *scan->p == '.'))
        scan->p++;
    uri->scheme_text = sr_str_make(begin, (size_t)(scan->p - begin));
    if (sr_str_ieq(uri->scheme_text, SR_STR("sip")))
        uri->scheme = SIP_SCHEME_SIP;
    else if (sr_str_ieq(uri->scheme_text, SR_STR("sips")))
        uri->scheme = SIP_SCHEME_SIPS;
    else if (sr_str_ieq(uri->scheme_text, SR_STR("tel")))
        uri->scheme = SIP_SCHEME_TEL;
    return sip_scan_char(scan, ':');
}

enum sr_err sip__uri_read(struct sr_str text, struct sip_uri *uri, struct sip_diag *reterr_diag)
{
    if (text.n > SIP_URI_TEXT_MAX) {
        (void)sip_syntax(reterr_diag, 0, "URI too long");
        return SR_ERR_LIMIT;
    }
    struct sip_scan scan = sip_scan_of(text);
    *uri = (struct sip_uri){.text = text};
    if (!scan_scheme(&scan, uri))
        return sip_syntax(reterr_diag, 0, "URI without a scheme");
    const char *why = NULL;
    if (uri->scheme == SIP_SCHEME_TEL)
        why = parse_tel(&scan, uri);
    else if (uri->scheme == SIP_SCHEME_OTHER)
        why = parse_opaque(&scan, uri);
    else
        why = parse_sip(&scan, uri);
    return why ? sip_syntax(reterr_diag, (size_t)(scan.p - text.p), why) : SR_OK;
}

enum sr_err sip_uri_parse(struct sr_str text, struct sip_uri *ret_uri, struct sip_diag *reterr_diag)
{
    struct sip_uri uri;
    enum sr_err err = sip__uri_read(text, &uri, reterr_diag);
    if (err == SR_OK)
        *ret_uri = uri;
    return err;
}

static void write_escape(struct sr_buf *buf, uint8_t c)
{
    static const char digits[] = "0123456789ABCDEF";
    char out[3] = {'%', digits[c >> 4], digits[c & 15]};
    sr_buf_add(buf, out, sizeof out);
}

void sip_escape(struct sr_str plain, unsigned classes, struct sr_buf *buf)
{
    for (size_t i = 0; i < plain.n; i++) {
        if (sip_is(plain.p[i], classes))
            sr_buf_char(buf, plain.p[i]);
        else
            write_escape(buf, (uint8_t)plain.p[i]);
    }
}

/* Text escaped already: its escapes stay, what may not stand there is escaped. */
static void write_part(struct sr_buf *buf, struct sr_str text, unsigned classes, const char *extra)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool is_escape = c == '%' && text.n - i >= 3 && sr_hex_value(text.p[i + 1]) >= 0 &&
                         sr_hex_value(text.p[i + 2]) >= 0;
        if (sip_is(c, classes) || is_escape || (c && strchr(extra, c)))
            sr_buf_char(buf, c);
        else
            write_escape(buf, (uint8_t)c);
    }
}

static void write_host(struct sr_buf *buf, const struct sip_uri *uri)
{
    if (uri->is_ip6)
        sr_buf_char(buf, '[');
    for (size_t i = 0; i < uri->host.n; i++)
        if (sip_is(uri->host.p[i], SIP_CH_HOST) || (uri->is_ip6 && uri->host.p[i] == ':'))
            sr_buf_char(buf, uri->host.p[i]);
    if (uri->is_ip6)
        sr_buf_char(buf, ']');
    if (uri->port) {
        sr_buf_char(buf, ':');
        sr_buf_u64(buf, uri->port);
    }
}

void sip_uri_write(struct sr_buf *buf, const struct sip_uri *uri)
{
    if (uri->scheme == SIP_SCHEME_OTHER) {
        write_part(buf, uri->scheme_text, SIP_CH_HOST, "+");
        sr_buf_char(buf, ':');
        write_part(buf, uri->opaque, SIP_CH_USER | SIP_CH_PARAM, "@#%");
        return;
    }
    if (uri->scheme == SIP_SCHEME_TEL) {
        sr_buf_c(buf, "tel:");
        write_part(buf, uri->opaque, SIP_CH_HOST, "+*#()");
        write_part(buf, uri->params, SIP_CH_PARAM, ";=");
        return;
    }
    sr_buf_c(buf, uri->scheme == SIP_SCHEME_SIPS ? "sips:" : "sip:");
    if (uri->has_user || uri->user.n) {
        write_part(buf, uri->user, SIP_CH_USER, "#");
        if (uri->has_password) {
            sr_buf_char(buf, ':');
            write_part(buf, uri->password, SIP_CH_PASSWD, "");
        }
        sr_buf_char(buf, '@');
    }
    write_host(buf, uri);
    write_part(buf, uri->params, SIP_CH_PARAM, ";=");
    if (uri->headers.n) {
        sr_buf_char(buf, '?');
        write_part(buf, uri->headers, SIP_CH_HEADER, "&=;");
    }
}

/* --- parts --------------------------------------------------------------------------------------- */

static bool split_param(struct sr_str item, struct sip_param *ret_param)
{
    size_t at = sr_str_find(item, '=', 0);
    ret_param->name = sr_str_head(item, at);
    ret_param->has_value = at < item.n;
    ret_param->value = sr_str_from(item, at + 1);
    return true;
}

bool sip_uri_param_next(struct sr_str *rest, struct sip_param *ret_param)
{
    struct sr_str item;
    while (sr_str_split(rest, ';', &item))
        if (item.n)
            return split_param(item, ret_param);
    return false;
}

bool sip_uri_header_next(struct sr_str *rest, struct sip_param *ret_header)
{
    struct sr_str item;
    while (sr_str_split(rest, '&', &item))
        if (item.n)
            return split_param(item, ret_header);
    return false;
}

typedef bool next_fn(struct sr_str *rest, struct sip_param *ret_param);

static bool find_named(struct sr_str rest, next_fn *next, struct sr_str name,
                       struct sr_str *ret_value)
{
    struct sip_param param;
    while (next(&rest, &param)) {
        if (!sr_str_ieq(param.name, name))
            continue;
        if (ret_value)
            *ret_value = param.value;
        return true;
    }
    return false;
}

bool sip_uri_param(const struct sip_uri *uri, const char *name, struct sr_str *ret_value)
{
    return find_named(uri->params, sip_uri_param_next, sr_str_c(name), ret_value);
}

bool sip_uri_header(const struct sip_uri *uri, const char *name, struct sr_str *ret_value)
{
    return find_named(uri->headers, sip_uri_header_next, sr_str_c(name), ret_value);
}

bool sip_uri_is_lr(const struct sip_uri *uri)
{
    return sip_uri_param(uri, "lr", NULL);
}

static bool is_control(uint8_t c)
{
    return c < 0x20 || c == 0x7f;
}

enum sr_err sip_unescape(struct sr_str text, struct sr_buf *buf)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '%' &&
            (text.n - i < 3 || sr_hex_value(text.p[i + 1]) < 0 || sr_hex_value(text.p[i + 2]) < 0))
            return SR_ERR_SYNTAX;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int value = sr_hex_value(text.p[i + 1]) * 16 + sr_hex_value(text.p[i + 2]);
            if (is_control((uint8_t)value))
                sr_buf_add(buf, text.p + i, 3);
            else
                sr_buf_char(buf, (char)value);
            i += 2;
        } else {
            sr_buf_char(buf, c);
        }
    }
    return SR_OK;
}

struct sr_str sip_uri_user(const struct sip_uri *uri, char *out, size_t size)
{
    static const struct sr_str none = {NULL, 0};
    struct sr_str user = uri->scheme == SIP_SCHEME_TEL ? uri->opaque : uri->user;
    struct sr_buf buf;
    if (!user.n || size == 0)
        return none;
    sr_buf_init_fixed(&buf, out, size - 1);
    if (sip_unescape(user, &buf) != SR_OK || sr_buf_err(&buf) != SR_OK)
        return none;
    out[buf.len] = '\0';
    return sr_str_make(out, buf.len);
}

bool sip_uri_addr(const struct sip_uri *uri, struct sr_addr *ret_addr)
{
    struct sr_addr addr;
    if (!uri->host.n || sr_addr_parse_ip(uri->host, &addr) != SR_OK)
        return false;
    addr.port = uri->port;
    *ret_addr = addr;
    return true;
}

/* --- comparison ---------------------------------------------------------------------------------- */

/* Next character, or -1. An escaped character equals itself unless it is a reserved one: those give
   256 + code. */
static int next_char(struct sr_str *s, bool fold_case)
{
    if (!s->n)
        return -1;
    int c = (uint8_t)s->p[0];
    size_t used = 1;
    bool is_escape =
        c == '%' && s->n >= 3 && sr_hex_value(s->p[1]) >= 0 && sr_hex_value(s->p[2]) >= 0;
    if (is_escape) {
        c = sr_hex_value(s->p[1]) * 16 + sr_hex_value(s->p[2]);
        used = 3;
    }
    *s = sr_str_from(*s, used);
    if (fold_case)
        c = (uint8_t)sr_lower((char)c);
    return is_escape && c && strchr(";/?:@&=+$,", c) ? 256 + c : c;
}

static bool same_escaped(struct sr_str a, struct sr_str b, bool fold_case)
{
    for (;;) {
        int x = next_char(&a, fold_case);
        int y = next_char(&b, fold_case);
        if (x != y)
            return false;
        if (x < 0)
            return true;
    }
}

/* Parameters that make URIs different when only one has them. */
static bool is_strict_param(struct sr_str name)
{
    static const char *const strict[] = {"user", "ttl", "method", "maddr", "transport"};
    for (size_t i = 0; i < SR_ARRAY_LEN(strict); i++)
        if (sr_str_ieq_c(name, strict[i]))
            return true;
    return false;
}

static bool params_fit(const struct sip_uri *a, const struct sip_uri *b)
{
    struct sr_str rest = a->params;
    struct sr_str value;
    struct sip_param param;
    while (sip_uri_param_next(&rest, &param)) {
        if (find_named(b->params, sip_uri_param_next, param.name, &value)) {
            if (!same_escaped(param.value, value, true))
                return false;
        } else if (is_strict_param(param.name)) {
            return false;
        }
    }
    return true;
}

static bool headers_fit(const struct sip_uri *a, const struct sip_uri *b)
{
    struct sr_str rest = a->headers;
    struct sr_str value;
    struct sip_param header;
    while (sip_uri_header_next(&rest, &header))
        if (!find_named(b->headers, sip_uri_header_next, header.name, &value) ||
            !same_escaped(header.value, value, true))
            return false;
    return true;
}

/* Every part of one is looked for in the other: with thousands of them that takes a tenth of a
   second. */
static bool has_many_parts(const struct sip_uri *uri)
{
    struct sr_str params = uri->params, headers = uri->headers;
    struct sip_param param;
    unsigned count = 0;
    while (count <= SIP_URI_PARTS_MAX &&
           (sip_uri_param_next(&params, &param) || sip_uri_header_next(&headers, &param)))
        count++;
    return count > SIP_URI_PARTS_MAX;
}

/* Are theirs compared byte for byte? */
static bool are_endless(const struct sip_uri *a, const struct sip_uri *b)
{
    return has_many_parts(a) || has_many_parts(b);
}

static bool parts_fit(const struct sip_uri *a, const struct sip_uri *b)
{
    if (are_endless(a, b))
        return sr_str_eq(a->params, b->params) && sr_str_eq(a->headers, b->headers);
    return params_fit(a, b) && params_fit(b, a) && headers_fit(a, b) && headers_fit(b, a);
}

/* The next digit of a number without visual separators, or -1. */
static int next_digit(struct sr_str *number)
{
    while (number->n) {
        char c = sr_lower(number->p[0]);
        *number = sr_str_from(*number, 1);
        if (!strchr("-.()", c))
            return c;
    }
    return -1;
}

static bool tel_eq(const struct sip_uri *a, const struct sip_uri *b)
{
    struct sr_str x = a->opaque;
    struct sr_str y = b->opaque;
    struct sr_str rest = a->params;
    struct sip_param param;
    unsigned balance = 0;
    for (;;) {
        int c = next_digit(&x);
        if (c != next_digit(&y))
            return false;
        if (c < 0)
            break;
    }
    if (are_endless(a, b))
        return sr_str_eq(a->params, b->params);
    while (sip_uri_param_next(&rest, &param)) {
        struct sr_str value;
        if (!find_named(b->params, sip_uri_param_next, param.name, &value) ||
            !same_escaped(param.value, value, true))
            return false;
        balance++;
    }
    rest = b->params;
    while (sip_uri_param_next(&rest, &param))
        balance--;
    return balance == 0;
}

bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b)
{
    if (a->scheme != b->scheme)
        return false;
    if (a->scheme == SIP_SCHEME_TEL)
        return tel_eq(a, b);
    if (a->scheme == SIP_SCHEME_OTHER)
        return sr_str_ieq(a->scheme_text, b->scheme_text) && sr_str_eq(a->opaque, b->opaque);
    if (a->has_user != b->has_user || a->has_password != b->has_password || a->port != b->port ||
        a->is_ip6 != b->is_ip6)
        return false;
    struct sr_addr x;
    struct sr_addr y;
    bool same_host = sr_str_ieq(a->host, b->host) || (a->is_ip6 && sip_uri_addr(a, &x) &&
                                                      sip_uri_addr(b, &y) && sr_addr_ip_eq(&x, &y));
    return same_host && same_escaped(a->user, b->user, false) &&
           same_escaped(a->password, b->password, false) && parts_fit(a, b);
}

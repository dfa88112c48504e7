#include "sip/via.h"

#include "sip/span.h"
#include "sip/uri.h"
#include "sip/value_internal.h"

static const char *const transport_names[] = {
    [SIP_TRANSPORT_OTHER] = "",  [SIP_TRANSPORT_UDP] = "UDP",   [SIP_TRANSPORT_TCP] = "TCP",
    [SIP_TRANSPORT_TLS] = "TLS", [SIP_TRANSPORT_SCTP] = "SCTP", [SIP_TRANSPORT_WS] = "WS",
    [SIP_TRANSPORT_WSS] = "WSS",
};

const char *sip_transport_name(enum sip_transport transport)
{
    return (unsigned)transport < SR_ARRAY_LEN(transport_names) ? transport_names[transport] : "";
}

enum sip_transport sip_transport_of(struct sr_str name)
{
    if (SIP__IS(name, "UDP"))
        return SIP_TRANSPORT_UDP;
    if (name.n)
        for (size_t i = 1; i < SR_ARRAY_LEN(transport_names); i++)
            if (sr_str_ieq_c(name, transport_names[i]))
                return (enum sip_transport)i;
    return SIP_TRANSPORT_OTHER;
}

static struct sr_str without_brackets(struct sr_str host)
{
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        return sr_str_make(host.p + 1, host.n - 2);
    return host;
}

/* Keeps the parameters with a meaning; false: one of them is malformed. */
static inline bool take_param(struct sip_via *via, const struct sip_param *param)
{
    switch (sr_lower(param->name.p[0])) {
    case 'b':
        if (SIP__IS(param->name, "branch"))
            via->branch = param->value;
        return true;
    case 'm':
        if (SIP__IS(param->name, "maddr"))
            via->maddr = without_brackets(param->value);
        return true;
    case 'r':
        break;
    default:
        return true;
    }
    if (SIP__IS(param->name, "received")) {
        via->received = without_brackets(param->value);
    } else if (SIP__IS(param->name, "rport")) {
        uint32_t port = 0;
        via->rport_wanted = !param->has_value;
        if (param->has_value && sr_str_u32(param->value, 65535, &port) != SR_OK)
            return false;
        via->rport = (uint16_t)port;
    }
    return true;
}

/* "SIP/2.0/UDP" */
static bool scan_protocol(struct sip_scan *scan, struct sip_via *via)
{
    struct sr_str name;
    if (scan->end - scan->p > 8 && memcmp(scan->p, "SIP/2.0/", 8) == 0 &&
        sip_is(scan->p[8], SIP_CH_TOKEN)) {
        via->version = sr_str_make(scan->p + 4, 3);
        scan->p += 8;
    } else if (!sip_scan_token(scan, &name) || !SIP__IS(name, "SIP") || !sip_scan_sep(scan, '/') ||
               !sip_scan_token(scan, &via->version) || !sip_scan_sep(scan, '/')) {
        return false;
    }
    if (!sip_scan_token(scan, &via->transport_text))
        return false;
    via->transport = sip_transport_of(via->transport_text);
    return true;
}

enum sr_err sip__via_read(struct sr_str text, struct sip_via *via, struct sip_diag *reterr_diag)
{
    if (text.n > SIP_VIA_TEXT_MAX) {
        (void)sip_syntax(reterr_diag, 0, "Via too long");
        return SR_ERR_LIMIT;
    }
    struct sip_scan scan = sip_scan_of(text);
    *via = (struct sip_via){0};
    sip_scan_lws(&scan);
    if (!scan_protocol(&scan, via))
        return sip_syntax(reterr_diag, (size_t)(scan.p - text.p), "malformed protocol in Via");
    const char *before = scan.p;
    sip_scan_lws(&scan);
    if (scan.p == before ||
        sip__scan_hostport(&scan, &via->host, &via->port, &via->is_ip6) != SR_OK)
        return sip_syntax(reterr_diag, (size_t)(scan.p - text.p), "malformed sent-by in Via");
    if (sip_scan_sep(&scan, ':')) {
        /* the grammar allows blanks around the colon */
        uint32_t port = 0;
        const char *p = via->port ? NULL : sip__take_uint(scan.p, scan.end, 65535, &port);
        scan.p = p ? p : scan.p;
        if (!port)
            return sip_syntax(reterr_diag, (size_t)(scan.p - text.p), "malformed port in Via");
        via->port = (uint16_t)port;
    }
    sip_scan_lws(&scan);
    const char *params = scan.p;
    struct sip_param param;
    while (scan.p != scan.end) {
        enum sr_err err = sip__scan_param(&scan, &param);
        if (err == SR_ERR_NOTFOUND && scan.p == scan.end)
            break;
        if (err != SR_OK || !take_param(via, &param))
            return sip_syntax(reterr_diag, (size_t)(scan.p - text.p), "malformed parameter in Via");
    }
    via->params = sr_str_make(params, (size_t)(scan.end - params));
    return SR_OK;
}

enum sr_err sip_via_parse(struct sr_str text, struct sip_via *ret_via, struct sip_diag *reterr_diag)
{
    struct sip_via via;
    enum sr_err err = sip__via_read(text, &via, reterr_diag);
    if (err == SR_OK)
        *ret_via = via;
    return err;
}

bool sip_via_is_3261(const struct sip_via *via)
{
    return via->branch.n > 7 && sr_str_istarts(via->branch, SR_STR("z9hG4bK"));
}

static bool host_is(const struct sip_via *via, const struct sr_addr *source)
{
    struct sr_addr addr;
    return sr_addr_parse_ip(via->host, &addr) == SR_OK && sr_addr_ip_eq(&addr, source);
}

void sip_via_write_received(struct sr_buf *buf, const struct sip_via *via,
                            const struct sr_addr *source)
{
    char text[SR_ADDR_TEXT_MAX];
    sr_buf_c(buf, "SIP/");
    sr_buf_str(buf, via->version);
    sr_buf_char(buf, '/');
    sr_buf_str(buf, via->transport_text);
    sr_buf_char(buf, ' ');
    sr_buf_c(buf, via->is_ip6 ? "[" : "");
    sr_buf_str(buf, via->host);
    sr_buf_c(buf, via->is_ip6 ? "]" : "");
    if (via->port)
        sr_buf_fmt(buf, ":%u", via->port);
    struct sr_str rest = via->params;
    struct sip_param param;
    bool rport_seen = false;
    while (sip_param_next(&rest, &param)) {
        if (sr_str_ieq(param.name, SR_STR("received")))
            continue;
        if (sr_str_ieq(param.name, SR_STR("rport"))) {
            rport_seen = true;
            continue;
        }
        sr_buf_char(buf, ';');
        sr_buf_str(buf, param.name);
        if (param.has_value) {
            sr_buf_char(buf, '=');
            sip_write_safe(param.value, buf);
        }
    }
    if (rport_seen || !host_is(via, source))
        sr_buf_fmt(buf, ";received=%s", sr_addr_ip_text(source, text));
    if (rport_seen)
        sr_buf_fmt(buf, ";rport=%u", source->port);
}

bool sip_via_reply_addr(const struct sip_via *via, const struct sr_addr *source,
                        struct sr_addr *ret_addr)
{
    uint16_t port = via->port;
    struct sr_addr addr;
    if (!port)
        port = via->transport == SIP_TRANSPORT_TLS ? 5061 : 5060;
    if (via->maddr.n && sr_addr_parse_ip(via->maddr, &addr) == SR_OK &&
        !sr_addr_is_multicast(&addr)) {
        addr.port = port;
        *ret_addr = addr;
        return true;
    }
    if (source) {
        addr = *source;
        if (!via->rport_wanted && !via->rport)
            addr.port = port;
        *ret_addr = addr;
        return true;
    }
    if (sr_addr_parse_ip(via->received.n ? via->received : via->host, &addr) != SR_OK)
        return false;
    addr.port = via->rport ? via->rport : port;
    *ret_addr = addr;
    return true;
}

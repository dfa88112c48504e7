#include "sip/build.h"

#include <stdarg.h>
#include <stdio.h>

#include "sip/status.h"

enum {
    FMT_BYTES_MAX = 2048,
};

void sip_build_init(struct sip_build *build, struct sr_buf *buf)
{
    *build = (struct sip_build){.buf = buf};
}

/* A URI in a start line or in angle brackets must not end them. */
static bool uri_is_fit(struct sr_str uri)
{
    for (size_t i = 0; i < uri.n; i++) {
        uint8_t c = (uint8_t)uri.p[i];
        if (c <= 0x20 || c == 0x7f || c == '<' || c == '>' || c == '"')
            return false;
    }
    return uri.n > 0;
}

static void crlf(struct sip_build *build)
{
    sr_buf_add(build->buf, "\r\n", 2);
}

void sip_build_request_named(struct sip_build *build, struct sr_str method, struct sr_str uri)
{
    if (!sip_is_token(method) || !uri_is_fit(uri)) {
        build->is_failed = true;
        return;
    }
    sr_buf_str(build->buf, method);
    sr_buf_char(build->buf, ' ');
    sr_buf_str(build->buf, uri);
    sr_buf_c(build->buf, " SIP/2.0\r\n");
}

void sip_build_request(struct sip_build *build, enum sip_method method, struct sr_str uri)
{
    sip_build_request_named(build, sr_str_c(sip_method_name(method)), uri);
}

void sip_build_response(struct sip_build *build, uint16_t status, struct sr_str reason)
{
    SR_ASSERT(status >= SIP_STATUS_MIN && status <= SIP_STATUS_MAX);
    sr_buf_c(build->buf, "SIP/2.0 ");
    sr_buf_u64(build->buf, status);
    sr_buf_char(build->buf, ' ');
    sip_write_safe(reason.n ? reason : sr_str_c(sip_status_text(status)), build->buf);
    crlf(build);
}

static void begin_header(struct sip_build *build, enum sip_hdr id)
{
    char compact = build->is_compact ? sip_header_compact(id) : 0;
    SR_ASSERT(id != SIP_HDR_OTHER);
    if (compact)
        sr_buf_char(build->buf, compact);
    else
        sr_buf_c(build->buf, sip_header_name(id));
    sr_buf_add(build->buf, ": ", 2);
}

void sip_build_text(struct sip_build *build, enum sip_hdr id, struct sr_str value)
{
    begin_header(build, id);
    sip_write_safe(value, build->buf);
    crlf(build);
}

void sip_build_c(struct sip_build *build, enum sip_hdr id, const char *value)
{
    sip_build_text(build, id, sr_str_c(value));
}

void sip_build_named(struct sip_build *build, struct sr_str name, struct sr_str value)
{
    if (!sip_is_token(name)) {
        build->is_failed = true;
        return;
    }
    sr_buf_str(build->buf, name);
    sr_buf_add(build->buf, ": ", 2);
    sip_write_safe(value, build->buf);
    crlf(build);
}

void sip_build_uint(struct sip_build *build, enum sip_hdr id, uint64_t value)
{
    begin_header(build, id);
    sr_buf_u64(build->buf, value);
    crlf(build);
}

void sip_build_fmt(struct sip_build *build, enum sip_hdr id, const char *format, ...)
{
    char text[FMT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text) {
        build->is_failed = true;
        return;
    }
    sip_build_text(build, id, sr_str_make(text, (size_t)n));
}

void sip_build_cseq(struct sip_build *build, uint32_t number, struct sr_str method)
{
    if (!sip_is_token(method)) {
        build->is_failed = true;
        return;
    }
    begin_header(build, SIP_HDR_CSEQ);
    sr_buf_u64(build->buf, number);
    sr_buf_char(build->buf, ' ');
    sr_buf_str(build->buf, method);
    crlf(build);
}

void sip_build_via(struct sip_build *build, const struct sip_build_via *via)
{
    struct sr_buf *buf = build->buf;
    bool is_ip6 = via->host.n && memchr(via->host.p, ':', via->host.n) && via->host.p[0] != '[';
    if (via->transport == SIP_TRANSPORT_OTHER || !uri_is_fit(via->host) ||
        !sip_is_token(via->branch)) {
        build->is_failed = true;
        return;
    }
    begin_header(build, SIP_HDR_VIA);
    sr_buf_c(buf, "SIP/2.0/");
    sr_buf_c(buf, sip_transport_name(via->transport));
    sr_buf_c(buf, is_ip6 ? " [" : " ");
    sr_buf_str(buf, via->host);
    if (is_ip6)
        sr_buf_char(buf, ']');
    if (via->port) {
        sr_buf_char(buf, ':');
        sr_buf_u64(buf, via->port);
    }
    sr_buf_c(buf, ";branch=");
    sr_buf_str(buf, via->branch);
    if (via->rport_wanted)
        sr_buf_c(buf, ";rport");
    if (via->alias_wanted)
        sr_buf_c(buf, ";alias");
    crlf(build);
}

void sip_build_addr(struct sip_build *build, enum sip_hdr id, const struct sip_build_addr *addr)
{
    if (!uri_is_fit(addr->uri) || (addr->tag.n && !sip_is_token(addr->tag))) {
        build->is_failed = true;
        return;
    }
    begin_header(build, id);
    sip_nameaddr_write(build->buf, addr->display, addr->uri, sr_str_make(NULL, 0));
    if (addr->tag.n) {
        sr_buf_c(build->buf, ";tag=");
        sr_buf_str(build->buf, addr->tag);
    }
    sip_write_safe(addr->params, build->buf);
    crlf(build);
}

void sip_build_reason(struct sip_build *build, const char *protocol, uint32_t cause,
                      struct sr_str text)
{
    if (!sip_is_token(sr_str_c(protocol))) {
        build->is_failed = true;
        return;
    }
    begin_header(build, SIP_HDR_REASON);
    sr_buf_c(build->buf, protocol);
    sr_buf_c(build->buf, ";cause=");
    sr_buf_u64(build->buf, cause);
    if (text.n) {
        sr_buf_c(build->buf, ";text=");
        sip_quote(text, build->buf);
    }
    crlf(build);
}

/* One line as it was; a line end is supplied when the text stopped without one. */
static void copy_line(struct sip_build *build, const struct sip_msg *msg,
                      const struct sip_header *header)
{
    struct sr_str raw = sip_header_raw(msg, header);
    sr_buf_str(build->buf, raw);
    if (!raw.n || raw.p[raw.n - 1] != '\n')
        crlf(build);
}

void sip_build_copy(struct sip_build *build, const struct sip_msg *msg, enum sip_hdr id)
{
    for (const struct sip_header *h = sip_msg_find(msg, id); h; h = sip_msg_next(msg, h))
        copy_line(build, msg, h);
}

/* Nothing that another parser could take for the end of the line. */
static bool is_plain(struct sr_str value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < 0x20 && value.p[i] != '\t')
            return false;
    return true;
}

void sip_build_copy_others(struct sip_build *build, const struct sip_msg *msg,
                           const enum sip_hdr *named, size_t named_count)
{
    unsigned count = 0;
    for (uint16_t i = 0; i < msg->header_count && count < SIP_BUILD_OTHERS_MAX; i++) {
        size_t n = 0;
        while (n < named_count && named[n] != (enum sip_hdr)msg->headers[i].id)
            n++;
        if (n < named_count)
            continue;
        count++;
        if (is_plain(sip_header_value(msg, &msg->headers[i])))
            copy_line(build, msg, &msg->headers[i]);
        else
            sip_build_named(build, sip_header_text(msg, &msg->headers[i]),
                            sip_header_value(msg, &msg->headers[i]));
    }
}

/* The Vias, the top one with where the request came from. */
static void reply_vias(struct sip_build *build, struct sip_msg *request,
                       const struct sr_addr *source)
{
    const struct sip_header *top = sip_msg_find(request, SIP_HDR_VIA);
    const struct sip_via *via = sip_msg_via(request);
    if (!source || !via) {
        sip_build_copy(build, request, SIP_HDR_VIA);
        return;
    }
    struct sr_str rest = sip_header_value(request, top);
    struct sr_str item;
    begin_header(build, SIP_HDR_VIA);
    sip_via_write_received(build->buf, via, source);
    (void)sip_list_next(&rest, &item);
    rest = sr_str_trim(rest);
    if (rest.n) {
        sr_buf_add(build->buf, ", ", 2);
        sip_write_safe(rest, build->buf);
    }
    crlf(build);
    for (const struct sip_header *h = sip_msg_next(request, top); h; h = sip_msg_next(request, h))
        copy_line(build, request, h);
}

static void reply_to(struct sip_build *build, struct sip_msg *request, struct sr_str tag)
{
    const struct sip_header *header = sip_msg_find(request, SIP_HDR_TO);
    const struct sip_nameaddr *to = sip_msg_to(request);
    if (!header)
        return;
    if (!tag.n || !to || to->tag.n) {
        copy_line(build, request, header);
        return;
    }
    if (!sip_is_token(tag)) {
        build->is_failed = true;
        return;
    }
    sr_buf_add(build->buf, request->text.p + header->begin,
               (size_t)(header->value + header->value_len - header->begin));
    sr_buf_c(build->buf, ";tag=");
    sr_buf_str(build->buf, tag);
    crlf(build);
}

static void copy_first(struct sip_build *build, const struct sip_msg *msg, enum sip_hdr id)
{
    const struct sip_header *header = sip_msg_find(msg, id);
    if (header)
        copy_line(build, msg, header);
}

void sip_build_reply(struct sip_build *build, struct sip_msg *request, uint16_t status,
                     const struct sip_reply_options *options)
{
    static const struct sip_reply_options none;
    if (!options)
        options = &none;
    sip_build_response(build, status, options->reason);
    reply_vias(build, request, options->source);
    if (options->with_record_route)
        sip_build_copy(build, request, SIP_HDR_RECORD_ROUTE);
    copy_first(build, request, SIP_HDR_FROM);
    reply_to(build, request, status > 100 ? options->to_tag : sr_str_make(NULL, 0));
    copy_first(build, request, SIP_HDR_CALL_ID);
    copy_first(build, request, SIP_HDR_CSEQ);
    if (status == 100)
        copy_first(build, request, SIP_HDR_TIMESTAMP);
}

enum sr_err sip_build_end(struct sip_build *build, struct sr_str content_type, struct sr_str body)
{
    if (body.n && !content_type.n)
        build->is_failed = true;
    if (body.n)
        sip_build_text(build, SIP_HDR_CONTENT_TYPE, content_type);
    sip_build_uint(build, SIP_HDR_CONTENT_LENGTH, body.n);
    crlf(build);
    sr_buf_str(build->buf, body);
    if (build->is_failed)
        return SR_ERR_SYNTAX;
    return sr_buf_err(build->buf);
}

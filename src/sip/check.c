#include "sip/check.h"

struct run {
    struct sip_msg *msg;
    struct sip_verdict *verdict;
};

static bool refuse(struct run *run, uint16_t status, const char *why, size_t offset)
{
    struct sip_verdict *verdict = run->verdict;
    const struct sip_msg *msg = run->msg;
    verdict->status = status;
    verdict->why = why;
    verdict->offset = offset;
    /* nothing answers a response or an ACK, nor a request without a way back */
    bool can_answer =
        msg->is_request && msg->method != SIP_METHOD_ACK && sip_msg_find(msg, SIP_HDR_VIA);
    verdict->what = can_answer ? SIP_CHECK_ANSWER : SIP_CHECK_DROP;
    return false;
}

static bool refuse_header(struct run *run, enum sip_hdr id, const char *why)
{
    const struct sip_header *header = sip_msg_find(run->msg, id);
    return refuse(run, 400, why, header ? header->begin : run->msg->start_len);
}

static const char *const missing[SIP_HDR_COUNT] = {
    [SIP_HDR_VIA] = "Via missing",   [SIP_HDR_FROM] = "From missing",
    [SIP_HDR_TO] = "To missing",     [SIP_HDR_CALL_ID] = "Call-ID missing",
    [SIP_HDR_CSEQ] = "CSeq missing",
};

static const char *const malformed[SIP_HDR_COUNT] = {
    [SIP_HDR_CONTACT] = "Malformed Contact",
    [SIP_HDR_CONTENT_LENGTH] = "Malformed Content-Length",
    [SIP_HDR_CONTENT_TYPE] = "Malformed Content-Type",
    [SIP_HDR_MAX_FORWARDS] = "Malformed Max-Forwards",
    [SIP_HDR_ROUTE] = "Malformed Route",
    [SIP_HDR_RECORD_ROUTE] = "Malformed Record-Route",
    [SIP_HDR_EXPIRES] = "Malformed Expires",
    [SIP_HDR_REQUIRE] = "Malformed Require",
    [SIP_HDR_SESSION_EXPIRES] = "Malformed Session-Expires",
    [SIP_HDR_MIN_SE] = "Malformed Min-SE",
    [SIP_HDR_RACK] = "Malformed RAck",
    [SIP_HDR_RSEQ] = "Malformed RSeq",
    [SIP_HDR_EVENT] = "Malformed Event",
    [SIP_HDR_SUBSCRIPTION_STATE] = "Malformed Subscription-State",
    [SIP_HDR_REFER_TO] = "Malformed Refer-To",
    [SIP_HDR_REPLACES] = "Malformed Replaces",
};

/* The values every message has. */
static bool check_mandatory(struct run *run)
{
    static const enum sip_hdr ids[] = {SIP_HDR_VIA, SIP_HDR_FROM, SIP_HDR_TO, SIP_HDR_CALL_ID,
                                       SIP_HDR_CSEQ};
    struct sip_msg *msg = run->msg;
    for (size_t i = 0; i < SR_ARRAY_LEN(ids); i++)
        if (!msg->first[ids[i]])
            return refuse_header(run, ids[i], missing[ids[i]]);
    if (!sip_msg_via(msg))
        return refuse_header(run, SIP_HDR_VIA, "Malformed Via");
    if (!sip_msg_from(msg))
        return refuse_header(run, SIP_HDR_FROM, "Malformed From");
    if (!sip_msg_to(msg))
        return refuse_header(run, SIP_HDR_TO, "Malformed To");
    if (!sip_msg_call_id(msg).p)
        return refuse_header(run, SIP_HDR_CALL_ID, "Malformed Call-ID");
    const struct sip_cseq *cseq = sip_msg_cseq(msg);
    if (!cseq)
        return refuse_header(run, SIP_HDR_CSEQ, "Malformed CSeq");
    if (msg->is_request && !sr_str_eq(cseq->method_text, msg->method_text))
        return msg->method == SIP_METHOD_OTHER
                   ? refuse(run, 501, "Not Implemented", 0)
                   : refuse_header(run, SIP_HDR_CSEQ, "CSeq method does not match");
    const struct sip_via *via = sip_msg_via(msg);
    if (via->branch.n == 7 && sr_str_ieq(via->branch, SR_STR("z9hG4bK")))
        return refuse_header(run, SIP_HDR_VIA, "Empty branch in Via");
    return true;
}

/* Doubled headers, and the form of those that steer what a server does. */
static bool check_headers(struct run *run)
{
    struct sip_msg *msg = run->msg;
    /* a registrar tells the Contacts of others, too, as they wrote them */
    bool has_others =
        !msg->is_request && sr_str_eq(sip_msg_cseq(msg)->method_text, SR_STR("REGISTER"));
    for (unsigned i = 0; i < msg->header_count; i++) {
        const struct sip_header *header = &msg->headers[i];
        enum sip_hdr id = (enum sip_hdr)header->id;
        if (id == SIP_HDR_CONTACT && has_others)
            continue;
        if (header->next_same && sip_header_many(id) == SIP_MANY_ONE)
            return refuse(run, 400, "Header given twice",
                          msg->headers[header->next_same - 1].begin);
        struct sip_diag diag;
        if (malformed[id] && sip_value_check(id, sip_header_value(msg, header), &diag) != SR_OK)
            return refuse(run, 400, malformed[id], header->value + diag.offset);
    }
    return true;
}

/* "*" stands alone, in a REGISTER. */
static bool check_star(struct run *run)
{
    struct sip_msg *msg = run->msg;
    if (!msg->first[SIP_HDR_CONTACT])
        return true;
    struct sip_values values = sip_msg_values(msg, SIP_HDR_CONTACT);
    struct sr_str value;
    unsigned count = 0;
    unsigned stars = 0;
    while (sip_values_next(&values, &value)) {
        count++;
        stars += value.n == 1 && value.p[0] == '*';
    }
    if (stars && (count > 1 || !msg->is_request || msg->method != SIP_METHOD_REGISTER))
        return refuse_header(run, SIP_HDR_CONTACT, "Malformed Contact");
    return true;
}

static bool check_length(struct run *run, bool is_stream)
{
    struct sip_msg *msg = run->msg;
    struct sip_verdict *verdict = run->verdict;
    bool is_there = msg->first[SIP_HDR_CONTENT_LENGTH] != 0;
    if (!is_there && !is_stream)
        return true;
    if (!is_there || !msg->has_length) {
        verdict->must_close = is_stream;
        if (!is_there && msg->fault_why) /* it may be there, and was not reached */
            return refuse(run, 400, msg->fault_why, msg->fault_offset);
        return refuse_header(run, SIP_HDR_CONTENT_LENGTH,
                             is_there ? "Malformed Content-Length" : "Content-Length missing");
    }
    if (msg->is_shorter)
        return refuse_header(run, SIP_HDR_CONTENT_LENGTH, "Body shorter than Content-Length");
    return true;
}

static bool check_request_uri(struct run *run)
{
    struct sip_msg *msg = run->msg;
    if (!msg->is_request)
        return true;
    const struct sip_uri *uri = sip_msg_uri(msg);
    if (!uri && msg->uri_text.n > SIP_URI_TEXT_MAX)
        return refuse(run, 414, "Request-URI Too Long", msg->method_text.n + 1);
    if (!uri)
        return refuse(run, 400, "Malformed Request-URI", msg->method_text.n + 1);
    if (uri->headers.n)
        return refuse(run, 400, "Headers in Request-URI", msg->method_text.n + 1);
    return true;
}

void sip_msg_check(struct sip_msg *msg, bool is_stream, struct sip_verdict *ret_verdict)
{
    struct run run = {msg, ret_verdict};
    *ret_verdict = (struct sip_verdict){0};
    if (!sr_str_eq(msg->version, SR_STR("2.0"))) {
        (void)refuse(&run, 505, "Version Not Supported", 0);
        return;
    }
    if (!check_length(&run, is_stream))
        return;
    if (msg->fault_why) {
        (void)refuse(&run, 400, msg->fault_why, msg->fault_offset);
        return;
    }
    if (check_mandatory(&run) && check_headers(&run) && check_star(&run))
        (void)check_request_uri(&run);
}

bool sip_msg_scheme_is_known(struct sip_msg *msg)
{
    const struct sip_uri *uri = sip_msg_uri(msg);
    return uri && uri->scheme != SIP_SCHEME_OTHER;
}

unsigned sip_msg_unsupported(const struct sip_msg *msg, enum sip_hdr id,
                             const char *const *supported, struct sr_buf *buf)
{
    struct sip_values values = sip_msg_values(msg, id);
    struct sr_str value;
    unsigned count = 0;
    while (sip_values_next(&values, &value)) {
        bool is_known = false;
        for (const char *const *name = supported; *name && !is_known; name++)
            is_known = sr_str_ieq_c(value, *name);
        if (is_known)
            continue;
        if (count++)
            sr_buf_c(buf, ", ");
        sip_write_safe(value, buf);
    }
    return count;
}

#include "ua/carry.h"

#include "ua/proxy.h"
#include "ua/sip_leg_internal.h"

void sip_leg_carry(struct sip_leg *leg)
{
    if (leg->is_raw)
        leg->ua->carrier = leg;
}

/* Both change the target and offer anew: one stands for the other where the peer knows no UPDATE. */
static bool is_offering(enum sip_method method)
{
    return method == SIP_METHOD_INVITE || method == SIP_METHOD_UPDATE;
}

struct sip_msg *carry__take(struct sip_leg *leg, enum sip_method method, uint16_t status)
{
    struct sip_msg *msg = leg->ua->in_hand;

    if (leg->ua->carrier != leg || msg == NULL)
        return NULL;
    if (msg->is_request ? status != 0 : status != msg->status)
        return NULL;
    if (msg->is_request && msg->method != method &&
        !(is_offering(msg->method) && is_offering(method)))
        return NULL;
    leg->ua->carrier = NULL;
    return msg;
}

/* ---- headers ---- */

/* Of one dialog, beside those of one hop. */
static bool is_ours(enum sip_hdr id)
{
    static const enum sip_hdr ids[] = {
        PROXY_HOP_HEADERS,
        SIP_HDR_ALLOW,
        SIP_HDR_SUPPORTED,
        SIP_HDR_REQUIRE,
        SIP_HDR_PROXY_REQUIRE,
        SIP_HDR_UNSUPPORTED,
        SIP_HDR_SESSION_EXPIRES,
        SIP_HDR_MIN_SE,
        SIP_HDR_RSEQ,
        SIP_HDR_RACK,
        SIP_HDR_REPLACES,
        SIP_HDR_JOIN,
        SIP_HDR_TARGET_DIALOG,
        SIP_HDR_REFERRED_BY,
        SIP_HDR_REFER_TO,
        SIP_HDR_REFER_SUB,
        SIP_HDR_USER_AGENT,
        SIP_HDR_TIMESTAMP,
        SIP_HDR_FLOW_TIMER,
        SIP_HDR_MAX_BREADTH,
        SIP_HDR_EVENT,
        SIP_HDR_SUBSCRIPTION_STATE,
    };

    for (size_t i = 0; i < SR_ARRAY_LEN(ids); i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

static bool is_of_body(enum sip_hdr id)
{
    return id == SIP_HDR_CONTENT_DISPOSITION || id == SIP_HDR_CONTENT_ENCODING ||
           id == SIP_HDR_CONTENT_LANGUAGE || id == SIP_HDR_CONTENT_ID || id == SIP_HDR_MIME_VERSION;
}

static bool has_word(struct sr_str text, const char *word)
{
    struct sr_str sought = sr_str_c(word);

    for (size_t i = 0; i + sought.n <= text.n; i++) {
        if (sr_str_ieq(sr_str_make(text.p + i, sought.n), sought))
            return true;
    }
    return false;
}

/* Answer-Mode and its kin; what desk phones look for in Alert-Info and Call-Info. */
static bool asks_to_answer(enum sip_hdr id, struct sr_str name, struct sr_str value)
{
    if (id == SIP_HDR_ALERT_INFO || id == SIP_HDR_CALL_INFO)
        return has_word(value, "answer") || has_word(value, "auto") || has_word(value, "intercom");
    return id == SIP_HDR_ANSWER_MODE || (id == SIP_HDR_OTHER && has_word(name, "answer"));
}

static void put_headers(const struct sip_msg *from, bool is_outside, bool with_body,
                        struct sip_build *build)
{
    size_t bytes = 0;
    unsigned count = 0;

    for (uint16_t i = 0; i < from->header_count && count < SIP_BUILD_OTHERS_MAX; i++) {
        enum sip_hdr id = (enum sip_hdr)from->headers[i].id;
        struct sr_str name = sip_header_text(from, &from->headers[i]);
        struct sr_str value = sip_header_value(from, &from->headers[i]);

        if (is_ours(id) || (is_of_body(id) && !with_body) ||
            (is_outside && asks_to_answer(id, name, value)))
            continue;
        count++;
        bytes += name.n + value.n;
        if (bytes <= CARRY_BYTES_MAX)
            sip_build_named(build, name, value);
    }
}

void carry__headers(const struct sip_msg *from, struct sip_build *build)
{
    if (from != NULL)
        put_headers(from, false, true, build);
}

/* ---- body ---- */

/* True: it is what the message brought, but for the description in it. */
static bool put_body(struct sip_msg *from, struct sr_str sdp, struct carry_content *content)
{
    struct sr_str part = sip_msg_part(from, "application/sdp", NULL);
    struct sr_str type = sip_msg_value(from, SIP_HDR_CONTENT_TYPE);
    struct sr_str body = from->body;

    if (body.n > UA_BODY_BYTES_MAX || (part.p != NULL) != (sdp.n > 0))
        return false; /* one of the two descriptions is told elsewhere: nothing to replace */
    if (part.p != NULL && part.n == body.n)
        return true;
    content->type = body.n > 0 ? type : SR_STR("");
    content->body = body;
    if (part.p == NULL)
        return true;
    sr_buf_init(&content->buf, 2 * (size_t)UA_BODY_BYTES_MAX);
    sr_buf_str(&content->buf, sr_str_head(body, (size_t)(part.p - body.p)));
    sr_buf_str(&content->buf, sdp);
    sr_buf_str(&content->buf, sr_str_from(body, (size_t)(part.p - body.p) + part.n));
    content->body = sr_buf_view(&content->buf);
    return true;
}

void carry__put(struct sip_msg *from, bool is_outside, struct sr_str sdp, struct sip_build *build,
                struct carry_content *ret_content)
{
    *ret_content = (struct carry_content){
        .type = sdp.n > 0 ? SR_STR("application/sdp") : SR_STR(""), .body = sdp};
    if (from != NULL)
        put_headers(from, is_outside, put_body(from, sdp, ret_content), build);
}

void carry__done(struct carry_content *content)
{
    if (content->buf.data != NULL)
        sr_buf_done(&content->buf);
}

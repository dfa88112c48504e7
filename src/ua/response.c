/* Responses, with and without a transaction. */
#include "ua/internal.h"

const char *const ua__supported[] = {"100rel", "timer", "path", "replaces", "norefersub", NULL};

void ua__reply_flow(struct sip_msg *msg, const struct net_flow *flow, struct net_flow *ret_flow)
{
    const struct sip_via *via = sip_msg_via(msg);

    *ret_flow = *flow;
    if (net_kind_is_stream(flow->kind))
        return;
    if (via != NULL && !via->rport_wanted && via->rport == 0)
        ret_flow->remote.port = via->port != SIP_VIA_PORT_NONE ? via->port : 5060;
}

void ua__reply_begin(struct ua *ua, struct sip_build *build, const struct ua_reply *reply)
{
    uint16_t status = reply->status;
    struct sip_reply_options options = {
        .reason = reply->reason,
        .to_tag = reply->to_tag,
        .source = reply->source,
        .with_record_route =
            reply->request->method == SIP_METHOD_INVITE && status > 100 && status < 300,
    };

    sr_buf_clear(&ua->out);
    sip_build_init(build, &ua->out);
    sip_build_reply(build, reply->request, status, &options);
    sip_build_c(build, SIP_HDR_SERVER, ua->user_agent);
}

void ua__abilities(struct sip_build *build)
{
    sip_build_c(build, SIP_HDR_ALLOW, UA_ALLOW);
    sip_build_c(build, SIP_HDR_ACCEPT, "application/sdp");
    sip_build_c(build, SIP_HDR_ACCEPT_ENCODING, "identity");
    sip_build_c(build, SIP_HDR_ACCEPT_LANGUAGE, "en");
    sip_build_c(build, SIP_HDR_SUPPORTED, UA_SUPPORTED);
    sip_build_c(build, SIP_HDR_ALLOW_EVENTS, UA_EVENTS);
}

void ua__refusal_headers(struct sip_build *build, const struct ua_refusal *refusal, uint16_t status)
{
    if (refusal->with_allow || status == 405 || status == 501)
        sip_build_c(build, SIP_HDR_ALLOW, UA_ALLOW);
    if (status == 489)
        sip_build_c(build, SIP_HDR_ALLOW_EVENTS, UA_EVENTS);
    if (status == 415 || status == 406 || status == 488)
        sip_build_c(build, SIP_HDR_ACCEPT, "application/sdp");
    if (refusal->unsupported.n > 0)
        sip_build_text(build, SIP_HDR_UNSUPPORTED, refusal->unsupported);
    if (refusal->retry_after_sec > 0)
        sip_build_uint(build, SIP_HDR_RETRY_AFTER, refusal->retry_after_sec);
    if (refusal->min_expires > 0)
        sip_build_uint(build, SIP_HDR_MIN_EXPIRES, refusal->min_expires);
    if (refusal->min_se > 0)
        sip_build_uint(build, SIP_HDR_MIN_SE, refusal->min_se);
}

void ua__reply_send(struct ua_in *in, struct sip_build *build)
{
    struct net_flow flow;

    SR_ASSERT(build->buf == &in->ua->out);
    ua__reply_flow(in->msg, in->flow, &flow);
    (void)ua__send(in->ua, &flow, false, sr_buf_view(&in->ua->out), NULL); /* counted by net */
}

/* The To tag of stateless responses: the same for the same request. */
static struct sr_str stateless_tag(struct ua *ua, struct sip_msg *msg, char out[UA_TOKEN_MAX])
{
    struct sip_txn_key key;
    uint8_t mac[SR_SHA256_BYTES];

    if (sip_txn_key_of_request(msg, &key) != SR_OK) {
        ua__token(ua, 8, out);
        return sr_str_c(out);
    }
    sr_hmac_sha256(sr_str_make((const char *)ua->secret.bytes, sizeof(ua->secret.bytes)),
                   sip_txn_key_view(&key), mac);
    sr_hex(mac, 8, out);
    return sr_str_c(out);
}

void ua__stateless_begin(struct ua_in *in, struct sip_build *build, uint16_t status,
                         struct sr_str reason)
{
    char tag[UA_TOKEN_MAX];
    struct ua_reply reply = {
        .request = in->msg,
        .source = &in->flow->remote,
        .status = status,
        .reason = reason,
        .to_tag = stateless_tag(in->ua, in->msg, tag),
    };

    ua__reply_begin(in->ua, build, &reply);
}

void ua__refuse(struct ua_in *in, uint16_t status, const struct ua_refusal *refusal)
{
    struct ua_refusal none = {0};
    struct sip_build build;

    if (refusal == NULL)
        refusal = &none;
    if (in->msg->method == SIP_METHOD_ACK) {
        in->ua->stats.stray_acks++;
        return;
    }
    ua__stateless_begin(in, &build, status, refusal->reason);
    ua__refusal_headers(&build, refusal, status);
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        ua__reply_send(in, &build);
}

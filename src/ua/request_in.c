/* What a request must pass before anything looks at it, and who gets it then. */
#include "ua/proxy.h"
#include "ua/sip_leg_internal.h"

/* An OPTIONS is answered to anybody, the same for all names. */
static void on_options(struct ua_in *in)
{
    struct sip_build build;

    ua__stateless_begin(in, &build, 200, SR_STR(""));
    ua__abilities(&build);
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        ua__reply_send(in, &build);
}

/* ACK: of a refusal by its transaction, of a 2xx by its dialog. */
static void on_ack(struct ua_in *in, const struct sip_txn_key *key)
{
    struct server_txn *txn = server_txn__find(in->ua, key);
    struct sip_leg *leg = sip_leg__find(in->ua, in->msg);

    if (txn != NULL && txn->machine.state != SIP_TXN_ACCEPTED) {
        ua__trace(in->ua, &txn->cookies, in->flow, false, in->bytes);
        server_txn__on_request(txn, true);
        return;
    }
    if (leg == NULL) {
        in->ua->stats.stray_acks++;
        return;
    }
    ua__trace(in->ua, &leg->cookies, in->flow, false, in->bytes);
    sip_leg__hold(leg);
    sip_leg__on_ack(leg, in->msg);
    sip_leg__release(leg);
}

/* CANCEL belongs to its INVITE's transaction and comes from where that came from. */
static void on_cancel(struct ua_in *in)
{
    struct ua *ua = in->ua;
    const struct sip_via *via = sip_msg_via(in->msg);
    const struct sip_nameaddr *from = sip_msg_from(in->msg);
    const struct sip_cseq *cseq = sip_msg_cseq(in->msg);
    struct sip_txn_key_parts parts = {
        .branch = via->branch,
        .host = via->host,
        .port = via->port,
        .method = SR_STR("INVITE"),
        .request_uri = in->msg->uri_text,
        .from_tag = from->tag,
        .call_id = sip_msg_call_id(in->msg),
        .cseq = cseq->number,
        .via = sip_msg_value(in->msg, SIP_HDR_VIA),
    };
    struct sip_txn_key key;
    struct server_txn *invite;
    struct server_txn *txn;

    sip_txn_key_server(&parts, &key);
    invite = server_txn__find(ua, &key);
    if (invite == NULL || !sr_addr_ip_eq(&invite->source.remote, &in->flow->remote)) {
        ua__refuse(in, 481, NULL);
        return;
    }
    txn = server_txn__new(in);
    if (txn == NULL) {
        ua__refuse(in, 503, &(struct ua_refusal){.retry_after_sec = 5});
        return;
    }
    txn->cookies = invite->cookies;
    (void)sr_str_copy(sr_str_c(invite->to_tag), txn->to_tag, sizeof(txn->to_tag));
    ua__trace(ua, &txn->cookies, in->flow, false, in->bytes);
    server_txn__ok(txn);
    sip_leg__on_cancel(invite, in->msg);
}

/* Is it an INVITE of ours that came back? */
static bool is_loop(struct ua_in *in)
{
    return sr_map_find(&in->ua->uac_calls, sip_msg_call_id(in->msg)) != NULL;
}

/* Extensions the sender insists on (8.2.2.3); Require is of no concern to who only passes a request on. True:
 * refused. */
static bool is_extension_refused(struct ua_in *in, bool with_require)
{
    static const char *const none[] = {NULL};
    char array[1024];
    struct sr_buf buf;
    unsigned count = 0;

    if (in->msg->first[SIP_HDR_REQUIRE] == 0 && in->msg->first[SIP_HDR_PROXY_REQUIRE] == 0)
        return false;
    sr_buf_init_fixed(&buf, array, sizeof(array));
    if (with_require)
        count = sip_msg_unsupported(in->msg, SIP_HDR_REQUIRE, ua__supported, &buf);
    if (count > 0 && in->msg->first[SIP_HDR_PROXY_REQUIRE] != 0)
        sr_buf_c(&buf, ", ");
    count += sip_msg_unsupported(in->msg, SIP_HDR_PROXY_REQUIRE, none, &buf);
    if (count == 0)
        return false;
    ua__refuse(in, 420, &(struct ua_refusal){.unsupported = sr_buf_view(&buf)});
    return true;
}

/* What needs no credentials to be wrong. True: answered. */
static bool is_refused(struct ua_in *in)
{
    uint32_t hops;
    bool is_invite = in->msg->method == SIP_METHOD_INVITE;

    if (in->msg->method == SIP_METHOD_OTHER) {
        ua__refuse(in, 501, NULL);
        return true;
    }
    if (!sip_msg_scheme_is_known(in->msg)) {
        ua__refuse(in, 416, NULL);
        return true;
    }
    if (sip_msg_uint(in->msg, SIP_HDR_MAX_FORWARDS, &hops) && hops == 0 &&
        (is_invite || !ua__host_is_ours(in->ua, in->flow, sip_msg_uri(in->msg)))) {
        ua__refuse(in, 483, NULL);
        return true;
    }
    return is_extension_refused(in, !proxy__is_passable(in->msg->method));
}

/* Two INVITEs with one Call-ID, From tag and CSeq but another branch (8.2.2.2). */
static bool is_merged(struct ua_in *in)
{
    struct sip_txn_key key;

    if (sip_txn_key_merged(in->msg, &key) != SR_OK ||
        sr_map_find(&in->ua->merged, sip_txn_key_view(&key)) == NULL)
        return false;
    in->ua->stats.merged++;
    ua__refuse(in, 482, &(struct ua_refusal){.reason = SR_STR("Merged Request")});
    return true;
}

static void on_new_invite(struct ua_in *in)
{
    struct ua *ua = in->ua;
    uint32_t retry_after_sec = 5;
    struct ua_slot *slot = NULL;
    struct provider *provider = provider__of_request(in);

    if (is_merged(in))
        return;
    if (provider == NULL && is_loop(in)) { /* through a provider a call may come back to us */
        ua__refuse(in, 482, &(struct ua_refusal){.reason = SR_STR("Loop Detected")});
        return;
    }
    if ((ua->ops->is_accepting != NULL && !ua->ops->is_accepting(ua->arg, &retry_after_sec) &&
         (provider != NULL || !ua__is_emergency(in, SR_STR("")))) ||
        ua->leg_count >= UA_LEGS_MAX || ua->legs.count >= 2 * UA_LEGS_MAX) {
        ua->stats.refused_overload++;
        ua__refuse(in, 503, &(struct ua_refusal){.retry_after_sec = retry_after_sec});
        return;
    }
    if (provider != NULL) {
        sip_leg__on_invite(in, NULL, provider->id);
        return;
    }
    switch (ua__authenticate(in, &slot)) {
    case UA_AUTH_OK:
        sip_leg__on_invite(in, slot, SR_ID_NONE);
        break;
    case UA_AUTH_AGAIN:
        ua__challenge(in, true);
        break;
    case UA_AUTH_ANSWERED:
        break;
    }
}

/* What only devices may ask outside of calls. */
static void on_device_request(struct ua_in *in)
{
    struct ua_slot *slot;
    enum ua_auth auth = ua__authenticate(in, &slot);

    if (auth == UA_AUTH_AGAIN)
        ua__challenge(in, true);
    if (auth != UA_AUTH_OK)
        return;
    if ((in->msg->method != SIP_METHOD_SUBSCRIBE || !subscribe__is_ours(in)) &&
        proxy__on_device_request(in, slot))
        return;
    if (is_extension_refused(in, true))
        return;
    if (in->msg->method == SIP_METHOD_SUBSCRIBE)
        subscribe__on_new(in, slot);
    else if (in->msg->method == SIP_METHOD_MESSAGE)
        message__on_request(in, slot);
    else if (in->msg->method == SIP_METHOD_PUBLISH)
        ua__refuse(in, 405, NULL); /* only routes that pass it through take it */
    else
        ua__refuse(in, 403, NULL); /* REFER: only inside a call */
}

/* No dialog, so nothing of it can be meant (RFC 6665 4.1.3: 481): some providers tell waiting messages
 * without being asked. "keep-alive" asks nothing but to be answered, as OPTIONS does. */
static void on_stray_notify(struct ua_in *in)
{
    struct sr_str value = sip_msg_value(in->msg, SIP_HDR_EVENT);
    struct sip_event event;
    struct sip_build build;

    if (value.p == NULL || sip_event_parse(value, &event, NULL) != SR_OK ||
        !sr_str_eq(event.package, SR_STR("keep-alive"))) {
        ua__refuse(in, 481, NULL);
        return;
    }
    ua__stateless_begin(in, &build, 200, SR_STR(""));
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        ua__reply_send(in, &build);
}

/* True: it came from a provider, and a route passes it through. */
static bool is_passed_on(struct ua_in *in)
{
    struct provider *provider = provider__of_request(in);

    return provider != NULL && proxy__on_provider_request(in, provider);
}

static void on_outside_dialog(struct ua_in *in)
{
    struct ua_slot *slot;
    enum ua_auth auth;

    switch (in->msg->method) {
    case SIP_METHOD_INVITE:
        on_new_invite(in);
        break;
    case SIP_METHOD_OPTIONS:
        on_options(in);
        break;
    case SIP_METHOD_REGISTER:
        auth = ua__authenticate(in, &slot);
        if (auth != UA_AUTH_ANSWERED)
            registrar__on_register(in, slot, auth == UA_AUTH_AGAIN);
        break;
    case SIP_METHOD_MESSAGE:
    case SIP_METHOD_SUBSCRIBE:
    case SIP_METHOD_PUBLISH:
    case SIP_METHOD_REFER:
        if (!is_passed_on(in))
            on_device_request(in);
        break;
    case SIP_METHOD_NOTIFY:
        if (!is_passed_on(in))
            on_stray_notify(in);
        break;
    case SIP_METHOD_BYE: /* only inside a dialog (INFO: RFC 6086 4.2.2) */
    case SIP_METHOD_PRACK:
    case SIP_METHOD_UPDATE:
    case SIP_METHOD_INFO:
    case SIP_METHOD_ACK:
    case SIP_METHOD_CANCEL:
        ua__refuse(in, 481, NULL);
        break;
    case SIP_METHOD_OTHER:
    case SIP_METHOD_COUNT:
        break;
    }
}

void ua__on_request(struct ua_in *in)
{
    struct ua *ua = in->ua;
    struct sip_txn_key key;
    struct server_txn *txn;
    struct sip_leg *leg;

    if (sip_txn_key_of_request(in->msg, &key) != SR_OK) {
        ua->stats.bad_messages++;
        ua__refuse(in, 400, NULL);
        return;
    }
    if (in->msg->method == SIP_METHOD_ACK) {
        on_ack(in, &key);
        return;
    }
    txn = server_txn__find(ua, &key);
    if (txn != NULL) {
        ua__trace(ua, &txn->cookies, in->flow, false, in->bytes);
        server_txn__on_request(txn, false);
        return;
    }
    if (in->msg->method == SIP_METHOD_CANCEL) {
        on_cancel(in);
        return;
    }
    if (is_refused(in))
        return;
    if (sip_msg_to(in->msg)->tag.n == 0) {
        on_outside_dialog(in);
        return;
    }
    if (in->msg->method == SIP_METHOD_REGISTER) {
        on_outside_dialog(in); /* a tag makes no difference to it */
        return;
    }
    if (proxy__on_again(in))
        return;
    if (proxy__is_passable(in->msg->method) && is_extension_refused(in, true))
        return;
    if (in->msg->method == SIP_METHOD_SUBSCRIBE && subscribe__on_again(in))
        return;
    leg = sip_leg__find(ua, in->msg);
    if (leg == NULL) {
        ua__refuse(in, 481, NULL);
        return;
    }
    sip_leg__hold(leg);
    sip_leg__on_request(leg, in);
    sip_leg__release(leg);
}

/* What both kinds of legs share: life, timers, events, the user's calls. */
#include "base/alloc.h"
#include "ua/carry.h"
#include "ua/client_txn.h"
#include "ua/sip_leg_internal.h"

static void on_timer(void *arg);

struct sip_leg *sip_leg__new(struct ua *ua)
{
    struct sip_leg *leg = sr_zalloc(1, sizeof(*leg));

    leg->ua = ua;
    leg->queued_at = SR_NEVER;
    leg->identity_at = SR_NEVER;
    loop_timer_init(&leg->timer, on_timer, leg);
    sr_list_init(&leg->client_txns);
    sip_session_timer_init(&leg->session);
    sip_rel_init(&leg->rel, 0, 1, 0);
    sip_retry2xx_stop(&leg->retry);
    sr_list_add(&ua->legs, &leg->node);
    ua->leg_count++;
    return leg;
}

void sip_leg__free(struct sip_leg *leg)
{
    struct ua *ua = leg->ua;
    struct server_txn *held[] = {leg->invite_st, leg->ok_st, leg->offer_st, leg->refer_st,
                                 leg->info_st};
    struct sr_node *node;

    sip_leg__detach(leg);
    sip_leg__unkey(leg);
    if (leg->is_uac)
        (void)sr_map_remove(&ua->uac_calls, leg->call_id);
    loop_timer_clear(ua->loop, &leg->timer);
    for (size_t i = 0; i < SR_ARRAY_LEN(held); i++) {
        if (held[i] != NULL)
            server_txn__detach(held[i]);
    }
    while ((node = sr_list_first(&leg->client_txns)) != NULL)
        client_txn__detach(SR_CONTAINER(node, struct client_txn, leg_node));
    sr_list_remove(&ua->legs, &leg->node);
    ua__undup(&leg->call_id);
    ua__undup(&leg->local_sdp);
    ua__undup(&leg->early_sdp);
    for (size_t i = 0; i < leg->fork_count; i++)
        ua__undup(&leg->forks[i].sdp);
    ua__undup(&leg->party_user);
    ua__undup(&leg->party_display);
    ua__undup(&leg->queued_offer);
    ua__undup(&leg->waiting_sdp);
    ua__undup(&leg->progress_sdp);
    ua__undup(&leg->end_reason);
    ua__undup(&leg->identity_user);
    ua__undup(&leg->identity_display);
    sr_free(leg);
}

void sip_leg__hold(struct sip_leg *leg)
{
    leg->holds++;
}

void sip_leg__refuse_open(struct sip_leg *leg)
{
    struct server_txn *open[] = {leg->invite_st, leg->offer_st, leg->refer_st, leg->info_st};

    for (size_t i = 0; i < SR_ARRAY_LEN(open); i++) {
        if (open[i] == NULL)
            continue;
        server_txn__detach(open[i]);
        server_txn__refuse(open[i], 487, NULL);
    }
}

void sip_leg__settle(struct sip_leg *leg)
{
    bool is_waiting = leg->invite_st != NULL || leg->invite_ct != NULL || leg->bye_ct != NULL ||
                      leg->is_bye_wanted;

    if (leg->holds > 0)
        return;
    if (!leg->is_detached || is_waiting) {
        sip_leg__schedule(leg);
        return;
    }
    /* however it ended: a request that is never answered stays for ever */
    sip_leg__refuse_open(leg);
    sip_leg__free(leg);
}

void sip_leg__release(struct sip_leg *leg)
{
    SR_ASSERT(leg->holds > 0);
    leg->holds--;
    sip_leg__settle(leg);
}

void sip_leg__detach(struct sip_leg *leg)
{
    if (leg->is_detached)
        return;
    leg->is_detached = true;
    leg->user = NULL;
    leg->ua->leg_count--;
}

/* ---- time ---- */

void sip_leg__schedule(struct sip_leg *leg)
{
    sr_usec at = sip_session_timer_deadline(&leg->session);

    at = SR_MIN(at, sip_rel_deadline(&leg->rel));
    at = SR_MIN(at, sip_retry2xx_deadline(&leg->retry));
    at = SR_MIN(at, leg->queued_at);
    at = SR_MIN(at, leg->identity_at);
    loop_timer_set(leg->ua->loop, &leg->timer, at);
}

static void on_retry_deadline(struct sip_leg *leg, sr_usec now)
{
    switch (sip_retry2xx_on_deadline(&leg->retry, now)) {
    case SIP_REL_DO_SEND:
        if (leg->ok_st != NULL)
            server_txn__again(leg->ok_st);
        break;
    case SIP_REL_DO_GIVE_UP:
        sip_retry2xx_stop(&leg->retry);
        leg->is_acked = true; /* nothing to wait for any more */
        if (leg->is_bye_wanted)
            sip_leg__bye(leg, leg->end_status, leg->end_reason);
        else
            sip_leg__bye(leg, 408, SR_STR("No ACK"));
        sip_leg__ended(leg, SIP_LEG_CAUSE_TIMEOUT, 408, NULL);
        break;
    case SIP_REL_DO_NOTHING:
        break;
    }
}

static void on_session_deadline(struct sip_leg *leg, sr_usec now)
{
    switch (sip_session_timer_on_deadline(&leg->session, now)) {
    case SIP_SESSION_DO_REFRESH:
        sip_leg__refresh(leg);
        break;
    case SIP_SESSION_DO_EXPIRE:
        sip_leg__bye(leg, 408, SR_STR("Session timer expired"));
        sip_leg__ended(leg, SIP_LEG_CAUSE_SESSION, 408, NULL);
        break;
    case SIP_SESSION_DO_NOTHING:
        break;
    }
}

static void on_timer(void *arg)
{
    struct sip_leg *leg = arg;
    sr_usec now = ua__now(leg->ua);

    sip_leg__hold(leg);
    if (sip_rel_deadline(&leg->rel) <= now)
        sip_leg__on_rel_deadline(leg);
    if (sip_retry2xx_deadline(&leg->retry) <= now)
        on_retry_deadline(leg, now);
    if (sip_session_timer_deadline(&leg->session) <= now)
        on_session_deadline(leg, now);
    if (leg->queued_at <= now)
        sip_leg__send_queued(leg);
    if (leg->identity_at <= now)
        sip_leg__send_identity(leg);
    sip_leg__release(leg);
}

/* ---- dialogs ---- */

void sip_leg__unkey(struct sip_leg *leg)
{
    if (!leg->is_keyed)
        return;
    leg->is_keyed = false;
    (void)sr_map_remove(&leg->ua->dialogs, sip_txn_key_view(&leg->dialog_key));
}

void sip_leg__key(struct sip_leg *leg)
{
    sip_leg__unkey(leg);
    sip_dialog_key(sip_dialog_call_id(&leg->dialog), sip_dialog_local_tag(&leg->dialog),
                   sip_dialog_remote_tag(&leg->dialog), &leg->dialog_key);
    if (sr_map_find(&leg->ua->dialogs, sip_txn_key_view(&leg->dialog_key)) != NULL)
        return; /* cannot be: our tag is in it */
    (void)sr_map_put(&leg->ua->dialogs, sip_txn_key_view(&leg->dialog_key), leg);
    leg->is_keyed = true;
}

struct sip_leg *sip_leg__find(struct ua *ua, struct sip_msg *msg)
{
    struct sip_txn_key key;
    struct sip_leg *leg;

    if (sip_dialog_key_of(msg, &key) != SR_OK)
        return NULL;
    leg = sr_map_find(&ua->dialogs, sip_txn_key_view(&key));
    if (leg == NULL || !sip_dialog_is(&leg->dialog, sip_msg_call_id(msg), sip_msg_to(msg)->tag,
                                      sip_msg_from(msg)->tag))
        return NULL;
    return leg;
}

struct sip_leg *sip_leg_find(struct ua *ua, struct sr_str call_id, struct sr_str local_tag,
                             struct sr_str remote_tag)
{
    struct sip_txn_key key;
    struct sip_leg *leg;

    sip_dialog_key(call_id, local_tag, remote_tag, &key);
    leg = sr_map_find(&ua->dialogs, sip_txn_key_view(&key));
    if (leg == NULL || leg->is_detached ||
        !sip_dialog_is(&leg->dialog, call_id, local_tag, remote_tag))
        return NULL;
    return leg;
}

/* ---- messages ---- */

struct sr_str sip_leg__sdp_of(struct sip_msg *msg)
{
    struct sr_str sdp = {NULL, 0};

    if (msg != NULL)
        sdp = sip_msg_part(msg, "application/sdp", NULL);
    return sdp.p != NULL ? sdp : SR_STR("");
}

struct sip_session_said sip_leg__session_said(struct sip_msg *msg)
{
    struct sip_session_said said = {0};
    struct sip_delta delta;
    struct sr_str value = sip_msg_value(msg, SIP_HDR_SESSION_EXPIRES);

    if (value.p != NULL && sip_delta_parse(value, &delta, NULL) == SR_OK) {
        said.has_interval = true;
        said.interval_s = delta.seconds;
        said.refresher = delta.refresher;
    }
    value = sip_msg_value(msg, SIP_HDR_MIN_SE);
    if (value.p != NULL && sip_delta_parse(value, &delta, NULL) == SR_OK)
        said.min_s = delta.seconds;
    said.is_supported = sip_msg_has_token(msg, SIP_HDR_SUPPORTED, "timer") ||
                        sip_msg_has_token(msg, SIP_HDR_REQUIRE, "timer");
    return said;
}

void sip_leg__learn(struct sip_leg *leg, struct sip_msg *msg)
{
    if (msg->first[SIP_HDR_ALLOW] != 0)
        leg->is_update_allowed = sip_msg_has_token(msg, SIP_HDR_ALLOW, "UPDATE");
    if (leg->provider != SR_ID_NONE)
        provider__take_identity(leg, msg);
}

void sip_leg__keep_sdp(struct sr_str *slot, struct sr_str sdp)
{
    struct sr_str old = *slot;

    *slot = ua__dup(sdp);
    ua__undup(&old); /* only now: sdp may be the old text */
}

const struct net_flow *sip_leg__flow(struct sip_leg *leg)
{
    struct net_flow standing;

    if (!net_kind_is_stream(leg->flow.kind) ||
        net_conn_flow(leg->ua->net, leg->flow.conn, &standing))
        return &leg->flow;
    if (leg->provider != SR_ID_NONE)
        provider__redial(leg);
    else
        (void)registrar__find_flow(leg->ua, sr_str_c(leg->device_id), &leg->flow, &leg->flow);
    return &leg->flow;
}

struct client_txn *sip_leg__send(struct sip_leg *leg, enum sip_method method,
                                 struct sip_build *build, struct sr_str branch, client_txn_fn *fn)
{
    struct client_txn_options options = {
        .method = method,
        .flow = sip_leg__flow(leg),
        .branch = branch,
        .fn = fn,
        .arg = leg,
        .cookies = leg->cookies,
        .provider = leg->provider,
        .is_failing_over =
            leg->provider != SR_ID_NONE && method == SIP_METHOD_INVITE && leg->state == LEG_CALLING,
    };
    struct client_txn *txn;

    SR_ASSERT(build->buf == &leg->ua->out);
    txn = client_txn__new(leg->ua, &options);
    if (txn == NULL)
        return NULL;
    txn->leg_list = &leg->client_txns;
    sr_list_add(txn->leg_list, &txn->leg_node);
    return txn;
}

/* ---- events ---- */

void sip_leg__tell(struct sip_leg *leg, struct sip_leg_event *event)
{
    if (leg->is_detached || !leg->is_taken)
        return;
    SR_ASSERT(leg->holds > 0);
    leg->ua->ops->on_leg_event(leg->ua->arg, leg->user, leg, event);
}

/* Reads Reason (RFC 3326) into an event; text is unquoted into `out`. */
static void read_reason(struct sip_msg *msg, struct sip_leg_event *event, char *out, size_t size)
{
    struct sip_values values = sip_msg_values(msg, SIP_HDR_REASON);
    struct sip_reason reason;
    struct sr_str value;
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, out, size);
    while (sip_values_next(&values, &value)) {
        if (sip_reason_parse(value, &reason, NULL) != SR_OK)
            continue;
        if (sr_str_ieq(reason.protocol, SR_STR("Q.850")))
            event->q850 = (uint16_t)SR_MIN(reason.cause, (uint32_t)UINT16_MAX);
        else if (sr_str_ieq(reason.protocol, SR_STR("SIP")))
            event->sip_cause = (uint16_t)SR_MIN(reason.cause, (uint32_t)UINT16_MAX);
        if (buf.len == 0 && reason.text.n > 0 && reason.text.n < size)
            sip_unquote(reason.text, &buf);
    }
    if (buf.len > 0)
        event->reason = sr_buf_view(&buf);
}

/* Whom a 3xx names first, by q, of those that can be called. Empty: nobody. */
static struct sr_str best_contact(struct sip_msg *msg)
{
    struct sip_values values = sip_msg_values(msg, SIP_HDR_CONTACT);
    struct sr_str best = {NULL, 0}, value;
    struct sip_nameaddr contact;
    uint32_t best_q = 0;

    while (sip_values_next(&values, &value)) {
        uint32_t q;

        if (sip_nameaddr_parse(value, &contact, NULL) != SR_OK || contact.is_star ||
            contact.uri.scheme == SIP_SCHEME_OTHER)
            continue;
        q = sip_nameaddr_q(&contact, SIP_Q_MAX);
        if (best.n == 0 || q > best_q) {
            best = contact.uri.text;
            best_q = q;
        }
    }
    return best;
}

void sip_leg__ended(struct sip_leg *leg, enum sip_leg_cause cause, uint16_t status,
                    struct sip_msg *msg)
{
    struct sip_leg_event event = {.kind = SIP_LEG_ENDED, .cause = cause, .status = status};
    struct sip_retry_after retry;
    char text[256];

    if (leg->is_detached)
        return;
    if (msg != NULL) {
        struct sr_str value = sip_msg_value(msg, SIP_HDR_RETRY_AFTER);

        event.reason = msg->reason;
        event.user_agent =
            sip_msg_value(msg, msg->is_request ? SIP_HDR_USER_AGENT : SIP_HDR_SERVER);
        if (!msg->is_request && status >= 300 && status < 400)
            event.contact_uri = best_contact(msg);
        if (value.p != NULL && sip_retry_after_parse(value, &retry, NULL) == SR_OK)
            event.retry_after_sec = retry.seconds;
        read_reason(msg, &event, text, sizeof(text));
    }
    sip_leg__tell(leg, &event);
    sip_leg__detach(leg);
}

/* ---- end ---- */

static void on_bye_done(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    struct sip_leg *leg = arg;

    if (msg != NULL && status < 200)
        return;
    sip_leg__hold(leg);
    client_txn__detach(txn);
    leg->bye_ct = NULL;
    sip_leg__release(leg);
}

void sip_leg__bye(struct sip_leg *leg, uint16_t status, struct sr_str reason)
{
    char branch[UA_TOKEN_MAX];
    struct carry_content content;
    struct sip_msg *carried;
    struct sip_build build;

    if (leg->state != LEG_ANSWERED)
        return;
    if (!leg->is_uac && !leg->is_acked) { /* 15: not before the ACK, or its time is over */
        leg->is_bye_wanted = true;
        leg->end_status = status;
        sip_leg__keep_sdp(&leg->end_reason, reason);
        return;
    }
    if (leg->is_answer_in_ack && leg->invite_ct != NULL)
        sip_leg__send_ack(leg, leg->invite_ct, leg->ok_cseq, SR_STR(""));
    leg->is_bye_wanted = false;
    leg->state = LEG_OVER;
    sip_session_timer_stop(&leg->session);
    sip_retry2xx_stop(&leg->retry);
    leg->queued_at = SR_NEVER;
    leg->identity_at = SR_NEVER;
    sip_leg__refuse_open(leg);
    if (leg->ok_st != NULL)
        server_txn__detach(leg->ok_st);
    if (leg->invite_ct != NULL) { /* a re-INVITE: its 2xx gets ACK and BYE without us */
        client_txn__detach(leg->invite_ct);
        leg->invite_ct = NULL;
    }
    carried = carry__take(leg, SIP_METHOD_BYE, 0);
    sip_leg__begin(leg, SIP_METHOD_BYE, &build, branch);
    carry__put(carried, false, SR_STR(""), &build, &content);
    if (status != 0 && (carried == NULL || carried->first[SIP_HDR_REASON] == 0))
        sip_build_reason(&build, "SIP", status, reason);
    if (sip_build_end(&build, content.type, content.body) == SR_OK)
        leg->bye_ct = sip_leg__send(leg, SIP_METHOD_BYE, &build, sr_str_c(branch), on_bye_done);
    carry__done(&content);
}

void sip_leg_hangup(struct sip_leg *leg, uint16_t status, struct sr_str reason)
{
    sip_leg__hold(leg);
    sip_leg__detach(leg);
    switch (leg->state) {
    case LEG_INCOMING:
        if (leg->invite_st != NULL) {
            struct server_txn *txn = leg->invite_st;

            server_txn__detach(txn);
            sip_leg__refuse(leg, txn, status >= 300 && status < 700 ? status : 480,
                            &(struct ua_refusal){.reason = reason});
        }
        sip_leg__refuse_open(leg);
        sip_rel_stop(&leg->rel);
        leg->state = LEG_OVER;
        break;
    case LEG_CALLING:
        leg->is_cancel_wanted = true;
        leg->end_status = status;
        sip_leg__keep_sdp(&leg->end_reason, reason);
        sip_leg__refuse_open(leg);
        if (leg->invite_ct != NULL)
            (void)client_txn__cancel(leg->invite_ct, status, reason); /* else with the first 1xx */
        break;
    case LEG_ANSWERED:
        sip_leg__bye(leg, status, reason);
        break;
    case LEG_OVER:
        break;
    }
    sip_leg__release(leg);
}

/* ---- what is known of it ---- */

void sip_leg_set_user(struct sip_leg *leg, void *user, uint64_t call_cookie, uint64_t leg_cookie)
{
    bool is_first = !leg->is_taken;

    leg->is_taken = true;
    leg->user = user;
    leg->cookies = (struct ua_cookies){call_cookie, leg_cookie};
    if (leg->invite_st == NULL)
        return;
    leg->invite_st->cookies = leg->cookies;
    if (is_first && leg->invite_st->request != NULL) /* it came before anybody knew whose it is */
        ua__trace(leg->ua, &leg->cookies, &leg->invite_st->source, false,
                  leg->invite_st->request->text);
}

bool sip_leg_is_answered(const struct sip_leg *leg)
{
    return leg->state == LEG_ANSWERED;
}

struct sr_str sip_leg_call_id(const struct sip_leg *leg)
{
    return leg->call_id;
}

bool sip_leg_dialog(const struct sip_leg *leg, struct sr_str *ret_call_id,
                    struct sr_str *ret_peer_tag, struct sr_str *ret_our_tag)
{
    if (!leg->has_dialog)
        return false;
    *ret_call_id = sip_dialog_call_id(&leg->dialog);
    *ret_peer_tag = sip_dialog_remote_tag(&leg->dialog);
    *ret_our_tag = sip_dialog_local_tag(&leg->dialog);
    return true;
}

void *sip_leg_user(const struct sip_leg *leg)
{
    return leg->user;
}

/* The called side: an INVITE from a device until its final response. */
#include "base/alloc.h"
#include "ua/carry.h"
#include "ua/provider_internal.h"
#include "ua/sip_leg_internal.h"

static const struct sip_session_options session_options = {.interval_s = UA_SESSION_SEC,
                                                           .min_s = SIP_SESSION_MIN_S};

/* ---- birth ---- */

/* A body that is no description, or comes with what its sender demands to be understood. */
static bool is_foreign(const struct sip_msg *msg)
{
    bool is_more_demanded;

    return msg->body.n > 0 &&
           (sip_msg_part(msg, "application/sdp", &is_more_demanded).p == NULL || is_more_demanded);
}

uint16_t sip_leg__check_content(struct sip_msg *msg, bool is_any_body, struct ua_refusal *refusal)
{
    struct sip_session_said said = sip_leg__session_said(msg);
    struct sr_str encoding = sip_msg_value(msg, SIP_HDR_CONTENT_ENCODING);
    struct sip_session_answer answer;

    if (msg->body.n > UA_BODY_BYTES_MAX)
        return 413;
    if (!is_any_body && is_foreign(msg))
        return 415;
    if (sip_leg__sdp_of(msg).n > 0 && encoding.n > 0 && !sr_str_ieq(encoding, SR_STR("identity")))
        return 415;
    if (!sip_msg_accepts(msg, "application/sdp", true))
        return 406;
    sip_session_answer(&session_options, &said, &answer);
    if (answer.is_too_small) {
        refusal->min_se = answer.min_s;
        return 422;
    }
    return 0;
}

struct sr_str sip_leg__display(const struct sip_nameaddr *addr, char out[256])
{
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, out, 255);
    sip_unquote(addr->display, &buf);
    if (sr_buf_err(&buf) != SR_OK) { /* cut, and not within a character */
        size_t n = buf.len;

        while (n > 0 && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
            n--;
        if (n > 0 && (unsigned char)out[n - 1] >= 0xc0)
            n--;
        sr_buf_truncate(&buf, n);
    }
    out[buf.len] = '\0';
    return sr_buf_view(&buf);
}

/* Tells the user above of the call, with all it may want to know. */
static void give_to_user(struct sip_leg *leg, struct ua_in *in)
{
    struct sip_msg *msg = in->msg;
    const struct sip_nameaddr *from = sip_msg_from(msg);
    const struct sip_uri *target = sip_msg_uri(msg);
    struct sr_str replaces_text = sip_msg_value(msg, SIP_HDR_REPLACES);
    struct provider *provider = provider__get(leg->ua, leg->provider);
    char dialled[256];
    char from_user[256];
    char display[256];
    struct sip_replaces replaces;
    uint32_t hops = 70;
    struct ua_invite invite = {
        .device_id = sr_str_c(leg->device_id),
        .dialled = sip_uri_user(target, dialled, sizeof(dialled)),
        .dialled_host = target->host,
        .from_user = sip_uri_user(&from->uri, from_user, sizeof(from_user)),
        .from_display = sip_leg__display(from, display),
        .call_id = leg->call_id,
        .user_agent = sip_msg_value(msg, SIP_HDR_USER_AGENT),
        .sdp = sip_leg__sdp_of(msg),
        .is_body_foreign = is_foreign(msg),
        .flow = leg->flow,
    };

    if (provider != NULL) {
        invite.provider_id = provider->conf.id;
        invite.is_account_open = in->is_account_open;
        invite.dialled = provider__called(provider, in, dialled, sizeof(dialled));
        provider__caller(msg, from_user, display);
        invite.from_user = sr_str_c(from_user);
        invite.from_display = sr_str_c(display);
    }
    if (replaces_text.p != NULL && sip_replaces_parse(replaces_text, &replaces, NULL) == SR_OK) {
        invite.has_replaces = true;
        invite.is_replaces_early_only = replaces.is_early_only;
        invite.replaces_call_id = replaces.call_id;
        invite.replaces_from_tag = replaces.from_tag;
        invite.replaces_to_tag = replaces.to_tag;
    }
    (void)sip_msg_uint(msg, SIP_HDR_MAX_FORWARDS, &hops); /* absent: 70 */
    invite.max_forwards = (uint8_t)(SR_MIN(hops, 255u) - (hops > 0));
    leg->ua->ops->on_invite(leg->ua->arg, leg, &invite);
}

static struct sip_leg *new_leg(struct ua_in *in, struct ua_slot *slot, sr_id provider,
                               struct server_txn *txn)
{
    struct sip_leg *leg = sip_leg__new(in->ua);
    uint32_t first_rseq = 1 + ua__random_below(in->ua, 0x3fffffff);

    leg->state = LEG_INCOMING;
    leg->flow = *in->flow;
    leg->invite_st = txn;
    txn->leg = leg;
    leg->call_id = ua__dup(sip_msg_call_id(in->msg));
    leg->provider = provider;
    if (slot != NULL)
        (void)sr_str_copy(slot->device->id, leg->device_id, sizeof(leg->device_id));
    (void)sr_str_copy(sr_str_c(txn->to_tag), leg->local_tag, sizeof(leg->local_tag));
    leg->is_offerless = sip_leg__sdp_of(in->msg).n == 0;
    leg->offer = leg->is_offerless ? LEG_OFFER_NONE : LEG_OFFER_THEIRS;
    leg->ok_cseq = sip_msg_cseq(in->msg)->number;
    leg->is_rel_wanted = sip_msg_has_token(in->msg, SIP_HDR_REQUIRE, "100rel");
    leg->is_rel_supported =
        leg->is_rel_wanted || sip_msg_has_token(in->msg, SIP_HDR_SUPPORTED, "100rel");
    sip_rel_init(&leg->rel, leg->ok_cseq, first_rseq, 0);
    sip_leg__learn(leg, in->msg);
    leg->has_dialog = true;
    return leg;
}

/* 100 at once, unless the user was faster: the phone need not repeat. */
static void send_trying(struct server_txn *txn)
{
    struct sip_build build;

    if (txn->machine.status != 0 || txn->request == NULL)
        return;
    server_txn__begin(txn, &build, 100, SR_STR(""));
    server_txn__send(txn, &build, 100, SR_STR(""), SR_STR(""));
}

void sip_leg__on_invite(struct ua_in *in, struct ua_slot *slot, sr_id provider)
{
    struct ua *ua = in->ua;
    struct server_txn *txn = server_txn__new(in);
    struct ua_refusal refusal = {0};
    struct sip_dialog dialog;
    struct sip_leg *leg;
    uint16_t status;
    enum sr_err err;

    if (txn == NULL) {
        ua__refuse(in, 503, &(struct ua_refusal){.retry_after_sec = 5});
        return;
    }
    if (sip_txn_key_merged(in->msg, &txn->merged) == SR_OK)
        (void)sr_map_put(&ua->merged, sip_txn_key_view(&txn->merged), txn);
    else
        txn->merged.len = 0;
    status = sip_leg__check_content(in->msg, true, &refusal);
    err = sip_dialog_init_uas(&dialog, in->msg, sr_str_c(txn->to_tag));
    if (status == 0 && err == SR_ERR_LIMIT) {
        status = 513;
    } else if (status == 0 && err != SR_OK) {
        status = 400;
        refusal.reason = SR_STR("Missing or malformed Contact");
    }
    if (status == 0 && slot != NULL && sip_msg_uri(in->msg)->scheme != SIP_SCHEME_TEL &&
        !ua__host_is_ours(ua, in->flow, sip_msg_uri(in->msg)))
        status = 404;
    if (status != 0) {
        server_txn__refuse(txn, status, &refusal);
        return;
    }
    leg = new_leg(in, slot, provider, txn);
    leg->dialog = dialog;
    sip_leg__key(leg);
    sip_leg__hold(leg);
    give_to_user(leg, in);
    if (!leg->is_taken && !leg->is_detached)
        sip_leg_reject(leg, 500, SR_STR(""), 0);
    if (leg->invite_st != NULL)
        send_trying(leg->invite_st);
    sip_leg__release(leg);
}

/* ---- answers ---- */

void sip_leg__add_abilities(struct sip_leg *leg, struct sip_build *build)
{
    char uri[UA_CONTACT_TEXT_MAX];

    sip_build_fmt(build, SIP_HDR_CONTACT, "<%.*s>",
                  SR_STR_ARG(ua__contact_uri(leg->ua, &leg->flow, leg->provider, uri)));
    sip_build_c(build, SIP_HDR_ALLOW, UA_ALLOW);
    sip_leg__add_identity(leg, build);
}

void sip_leg__add_session(struct sip_leg *leg, struct server_txn *txn, struct sip_build *build)
{
    struct sip_session_said said = sip_leg__session_said(txn->request);
    struct sip_session_answer answer;

    sip_session_answer(&session_options, &said, &answer);
    if (!answer.has_interval) {
        sip_session_timer_stop(&leg->session);
        return;
    }
    sip_build_fmt(build, SIP_HDR_SESSION_EXPIRES, "%u;refresher=%s", (unsigned)answer.interval_s,
                  answer.refresher == SIP_REFRESHER_UAC ? "uac" : "uas");
    if (answer.is_required)
        sip_build_c(build, SIP_HDR_REQUIRE, "timer");
    sip_session_timer_start(&leg->session, answer.interval_s, answer.refresher != SIP_REFRESHER_UAC,
                            ua__now(leg->ua));
}

void sip_leg__send_2xx(struct sip_leg *leg, struct server_txn *txn, struct sr_str sdp)
{
    struct carry_content content;
    struct sip_build build;

    server_txn__begin(txn, &build, 200, SR_STR(""));
    sip_leg__add_abilities(leg, &build);
    sip_build_c(&build, SIP_HDR_SUPPORTED, UA_SUPPORTED);
    sip_leg__add_session(leg, txn, &build);
    leg->invite_st = NULL;
    leg->ok_st = txn;
    if (sdp.n > 0)
        sip_leg__keep_sdp(&leg->local_sdp, sdp);
    sip_retry2xx_start(&leg->retry, 0, 0, ua__now(leg->ua));
    carry__put(carry__take(leg, SIP_METHOD_INVITE, 200), false, sdp, &build, &content);
    server_txn__send(txn, &build, 200, content.type, content.body);
    carry__done(&content);
}

/* The 2xx, now that nothing stands before it. */
static void answer_now(struct sip_leg *leg, struct sr_str sdp)
{
    struct server_txn *txn = leg->invite_st;

    sip_rel_stop(&leg->rel);
    leg->state = LEG_ANSWERED;
    (void)sip_dialog_confirm(&leg->dialog, NULL);
    if (leg->is_answered_early || leg->is_rel_offer) {
        sdp = (struct sr_str){NULL, 0}; /* settled in a reliable 1xx */
    } else if (leg->is_offerless) {
        leg->offer = LEG_OFFER_OURS;
        leg->is_offer_in_ack = true;
    } else {
        leg->offer = LEG_OFFER_NONE;
    }
    sip_leg__send_2xx(leg, txn, sdp);
}

void sip_leg_answer(struct sip_leg *leg, struct sr_str sdp)
{
    SR_ASSERT(!leg->is_uac);
    if (leg->state != LEG_INCOMING || leg->invite_st == NULL || leg->is_answer_waiting)
        return; /* cancelled meanwhile: the event is on its way or was told */
    sip_leg__hold(leg);
    if (leg->rel.is_pending && leg->is_rel_sdp) {
        leg->is_answer_waiting = true; /* RFC 3262 3: no 2xx before this PRACK */
        sip_leg__keep_sdp(&leg->waiting_sdp, sdp);
    } else {
        answer_now(leg, sdp);
    }
    sip_leg__release(leg);
}

static void send_reliable(struct sip_leg *leg, uint16_t status, struct sr_str sdp)
{
    struct server_txn *txn = leg->invite_st;
    struct carry_content content;
    struct sip_build build;
    uint32_t rseq;

    if (sip_rel_send(&leg->rel, ua__now(leg->ua), &rseq) != SR_OK) {
        leg->progress_status = status;
        if (sdp.n > 0)
            sip_leg__keep_sdp(&leg->progress_sdp, sdp);
        return;
    }
    leg->is_rel_sdp = sdp.n > 0;
    if (sdp.n > 0 && leg->is_offerless) {
        leg->offer = LEG_OFFER_OURS;
        leg->is_rel_offer = true;
    } else if (sdp.n > 0) {
        leg->offer = LEG_OFFER_NONE;
        leg->is_answered_early = true;
    }
    if (sdp.n > 0)
        sip_leg__keep_sdp(&leg->local_sdp, sdp);
    server_txn__begin(txn, &build, status, SR_STR(""));
    sip_leg__add_abilities(leg, &build);
    sip_build_c(&build, SIP_HDR_REQUIRE, "100rel");
    sip_build_uint(&build, SIP_HDR_RSEQ, rseq);
    carry__put(carry__take(leg, SIP_METHOD_INVITE, status), false, sdp, &build, &content);
    server_txn__send(txn, &build, status, content.type, content.body);
    carry__done(&content);
}

void sip_leg_progress(struct sip_leg *leg, uint16_t status, struct sr_str sdp)
{
    struct carry_content content;
    struct sip_build build;

    SR_ASSERT(!leg->is_uac && status > 100 && status < 200);
    if (leg->state != LEG_INCOMING || leg->invite_st == NULL || leg->is_answer_waiting)
        return;
    if (leg->is_answered_early || leg->is_rel_offer)
        sdp = (struct sr_str){NULL, 0};
    if (leg->is_rel_wanted || (leg->is_rel_supported && (sdp.n > 0 || leg->is_raw)) ||
        leg->rel.is_pending) {
        send_reliable(leg, status, sdp);
    } else {
        if (leg->is_offerless)
            sdp = (struct sr_str){NULL, 0}; /* an offer needs a reliable response */
        server_txn__begin(leg->invite_st, &build, status, SR_STR(""));
        sip_leg__add_abilities(leg, &build);
        carry__put(carry__take(leg, SIP_METHOD_INVITE, status), false, sdp, &build, &content);
        server_txn__send(leg->invite_st, &build, status, content.type, content.body);
        carry__done(&content);
    }
    if (leg->holds == 0)
        sip_leg__schedule(leg);
}

void sip_leg__refuse(struct sip_leg *leg, struct server_txn *txn, uint16_t status,
                     const struct ua_refusal *refusal)
{
    struct sip_msg *carried = carry__take(leg, SIP_METHOD_INVITE, status);
    struct carry_content content;
    struct sip_build build;

    if (carried == NULL || txn->request == NULL) {
        server_txn__refuse(txn, status, refusal);
        return;
    }
    server_txn__begin(txn, &build, status, carried->reason);
    carry__put(carried, false, SR_STR(""), &build, &content);
    server_txn__send(txn, &build, status, content.type, content.body);
    carry__done(&content);
}

void sip_leg_reject(struct sip_leg *leg, uint16_t status, struct sr_str reason,
                    uint32_t retry_after_sec)
{
    struct server_txn *txn = leg->invite_st;

    SR_ASSERT(!leg->is_uac && status >= 300 && status < 700);
    sip_leg__hold(leg);
    sip_leg__detach(leg);
    if (leg->state == LEG_INCOMING && txn != NULL) {
        server_txn__detach(txn);
        leg->state = LEG_OVER;
        sip_rel_stop(&leg->rel);
        if (leg->offer_st != NULL) {
            struct server_txn *offer = leg->offer_st;

            server_txn__detach(offer);
            server_txn__refuse(offer, 487, NULL);
        }
        sip_leg__refuse(leg, txn, status,
                        &(struct ua_refusal){.reason = reason, .retry_after_sec = retry_after_sec});
    }
    sip_leg__release(leg);
}

/* ---- reliable responses ---- */

void sip_leg__on_rel_deadline(struct sip_leg *leg)
{
    switch (sip_rel_on_deadline(&leg->rel, ua__now(leg->ua))) {
    case SIP_REL_DO_SEND:
        if (leg->invite_st != NULL)
            server_txn__again(leg->invite_st);
        break;
    case SIP_REL_DO_GIVE_UP:
        sip_leg__ended(leg, SIP_LEG_CAUSE_TIMEOUT, 504, NULL);
        sip_leg_hangup(leg, 504, SR_STR(""));
        break;
    case SIP_REL_DO_NOTHING:
        break;
    }
}

/* What waited for the PRACK. */
static void go_on(struct sip_leg *leg)
{
    if (leg->state != LEG_INCOMING || leg->invite_st == NULL || leg->rel.is_pending)
        return;
    if (leg->is_answer_waiting) {
        leg->is_answer_waiting = false;
        answer_now(leg, leg->waiting_sdp);
    } else if (leg->progress_status != 0) {
        struct sr_str sdp = leg->progress_sdp;
        uint16_t status = leg->progress_status;

        leg->progress_status = 0;
        leg->progress_sdp = (struct sr_str){NULL, 0};
        sip_leg_progress(leg, status, sdp);
        ua__undup(&sdp);
    }
}

void sip_leg__on_prack(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn)
{
    struct sr_str value = sip_msg_value(in->msg, SIP_HDR_RACK);
    struct sr_str sdp = sip_leg__sdp_of(in->msg);
    struct sip_rack rack;

    if (value.p == NULL || sip_rack_parse(value, &rack, NULL) != SR_OK) {
        server_txn__refuse(txn, 400, NULL);
        return;
    }
    if (leg->state != LEG_INCOMING || sip_rel_on_prack(&leg->rel, &rack) != SR_OK) {
        server_txn__refuse(txn, 481, NULL);
        return;
    }
    if (leg->is_raw) {
        struct sip_leg_event event = {.kind = SIP_LEG_PRACKED};

        sip_leg__tell(leg, &event);
    }
    if (leg->is_rel_offer && leg->offer == LEG_OFFER_OURS && sdp.n > 0) {
        struct sip_leg_event event = {.kind = SIP_LEG_ANSWER, .status = 200, .sdp = sdp};

        leg->offer = LEG_OFFER_NONE;
        leg->is_answered_early = true;
        server_txn__ok(txn);
        sip_leg__tell(leg, &event);
    } else if (sdp.n > 0 && leg->offer == LEG_OFFER_NONE) {
        struct sip_leg_event event = {.kind = SIP_LEG_OFFER, .sdp = sdp, .is_update = true};

        leg->offer = LEG_OFFER_THEIRS;
        leg->offer_st = txn;
        txn->leg = leg;
        sip_leg__tell(leg, &event);
    } else {
        server_txn__ok(txn);
    }
    go_on(leg);
}

/* ---- CANCEL ---- */

void sip_leg__on_cancel(struct server_txn *invite, struct sip_msg *cancel)
{
    struct sip_leg *leg = invite->leg;

    if (leg == NULL || leg->invite_st != invite)
        return; /* answered already: the 200 of the CANCEL is all */
    sip_leg__hold(leg);
    server_txn__detach(invite);
    server_txn__refuse(invite, 487, NULL);
    if (leg->state == LEG_INCOMING) {
        sip_rel_stop(&leg->rel);
        leg->state = LEG_OVER;
        sip_leg__ended(leg, SIP_LEG_CAUSE_CANCEL, 487, cancel);
    } else {
        leg->offer = LEG_OFFER_NONE; /* a re-INVITE: the old agreement stays */
    }
    sip_leg__release(leg);
}

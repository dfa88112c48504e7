/* Inside a dialog: re-INVITE, UPDATE, INFO, BYE, both ways; glare; session refresh. */
#include "base/alloc.h"
#include "ua/carry.h"
#include "ua/client_txn.h"
#include "ua/sip_leg_internal.h"

enum {
    GLARE_OWNER_MIN_MS = 2100, /* RFC 3261 14.1: the owner of the Call-ID waits 2.1..4 s */
    GLARE_OWNER_MAX_MS = 4000,
    GLARE_OTHER_MAX_MS = 2000, /* the other 0..2 s */
    DTMF_DURATION_MS_MAX = 10000,
    DTMF_DURATION_MS_DEFAULT = 250,
};

static void on_modified(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status);

void sip_leg__begin(struct sip_leg *leg, enum sip_method method, struct sip_build *build,
                    char branch[UA_TOKEN_MAX])
{
    bool is_target_refresh = method == SIP_METHOD_INVITE || method == SIP_METHOD_UPDATE;
    struct ua_dialog_request request = {
        .dialog = &leg->dialog,
        .flow = sip_leg__flow(leg),
        .method = method,
        .cseq = sip_dialog_next_cseq(&leg->dialog),
        .with_contact = is_target_refresh || method == SIP_METHOD_NOTIFY,
        .provider = leg->provider,
    };

    ua__branch(leg->ua, branch);
    request.branch = sr_str_c(branch);
    ua__request_begin(leg->ua, build, &request);
    if (is_target_refresh) {
        sip_build_c(build, SIP_HDR_ALLOW, UA_ALLOW);
        sip_build_c(build, SIP_HDR_SUPPORTED, sip_leg__may_prack(leg) ? UA_SUPPORTED : "timer");
        sip_leg__add_identity(leg, build);
    }
}

/* The Contact of the peer from now on; a broken one changes nothing. */
static void take_target(struct sip_leg *leg, struct sip_msg *msg)
{
    enum sr_err err = sip_dialog_refresh_target(&leg->dialog, msg);

    (void)err;
}

/* ---- what we ask ---- */

/* Is an offer or a transaction open that forbids another (RFC 3261 14.1, RFC 3311 5.1)? */
static bool is_busy(const struct sip_leg *leg)
{
    return leg->offer != LEG_OFFER_NONE || leg->invite_st != NULL || leg->offer_st != NULL ||
           leg->invite_ct != NULL || leg->update_ct != NULL;
}

static enum sr_err send_modify(struct sip_leg *leg, enum sip_method method, struct sr_str sdp,
                               bool is_refresh)
{
    struct sip_msg *carried = carry__take(leg, method, 0);
    struct client_txn *txn = NULL;
    struct carry_content content;
    struct sip_build build;
    char branch[UA_TOKEN_MAX];

    sip_leg__begin(leg, method, &build, branch);
    if (leg->state == LEG_ANSWERED)
        sip_leg__ask_session(leg, &build);
    carry__put(carried, false, sdp, &build, &content);
    if (sip_build_end(&build, content.type, content.body) == SR_OK)
        txn = sip_leg__send(leg, method, &build, sr_str_c(branch), on_modified);
    carry__done(&content);
    if (txn == NULL)
        return SR_ERR_LIMIT;
    txn->is_refresh = is_refresh;
    txn->is_user_offer = !is_refresh;
    if (method == SIP_METHOD_INVITE) {
        leg->invite_ct = txn;
        leg->ok_cseq = leg->dialog.local_cseq;
    } else {
        leg->update_ct = txn;
    }
    if (sdp.n > 0)
        leg->offer = LEG_OFFER_OURS;
    return SR_OK;
}

static enum sr_err offer(struct sip_leg *leg, struct sr_str sdp, enum sip_method method)
{
    enum sr_err err;

    SR_ASSERT(sdp.n > 0 || leg->is_raw);
    if (leg->is_detached || leg->state == LEG_OVER || leg->queued_offer.n > 0)
        return SR_ERR_STATE;
    if (leg->state != LEG_ANSWERED) {
        bool is_settled = leg->is_answered_early || (leg->is_uac && leg->offer == LEG_OFFER_NONE);

        if (!leg->has_dialog || !leg->is_update_allowed || !is_settled ||
            leg->offer != LEG_OFFER_NONE || leg->update_ct != NULL || leg->offer_st != NULL ||
            leg->is_answer_waiting || leg->is_cancel_wanted)
            return SR_ERR_STATE;
        err = send_modify(leg, SIP_METHOD_UPDATE, sdp, false);
    } else if (is_busy(leg)) {
        return SR_ERR_STATE;
    } else if (leg->ok_st != NULL || !leg->is_acked) {
        if (sdp.n == 0)
            return SR_ERR_STATE;
        sip_leg__keep_sdp(&leg->queued_offer, sdp); /* goes out with the ACK's arrival */
        leg->queued_at = SR_NEVER;
        return SR_OK;
    } else {
        err = send_modify(leg, method, sdp, false);
    }
    if (err == SR_OK && sdp.n > 0)
        sip_leg__keep_sdp(&leg->local_sdp, sdp);
    return err;
}

enum sr_err sip_leg_offer(struct sip_leg *leg, struct sr_str sdp)
{
    return offer(leg, sdp, SIP_METHOD_INVITE);
}

enum sr_err sip_leg_update(struct sip_leg *leg, struct sr_str sdp)
{
    return offer(leg, sdp, leg->is_update_allowed ? SIP_METHOD_UPDATE : SIP_METHOD_INVITE);
}

void sip_leg__send_queued(struct sip_leg *leg)
{
    struct sr_str sdp = leg->queued_offer;

    leg->queued_at = SR_NEVER;
    if (sdp.n == 0 || leg->state != LEG_ANSWERED)
        return;
    if (is_busy(leg) || leg->ok_st != NULL) {
        sip_leg__drop_queued(leg);
        return;
    }
    leg->queued_offer = (struct sr_str){NULL, 0};
    if (send_modify(leg, SIP_METHOD_INVITE, sdp, false) == SR_OK) {
        sip_leg__keep_sdp(&leg->local_sdp, sdp);
    } else {
        struct sip_leg_event event = {.kind = SIP_LEG_ANSWER, .status = 503};

        sip_leg__tell(leg, &event);
    }
    ua__undup(&sdp);
}

void sip_leg__drop_queued(struct sip_leg *leg)
{
    struct sip_leg_event event = {.kind = SIP_LEG_ANSWER, .status = 491};

    if (leg->queued_offer.n == 0)
        return;
    ua__undup(&leg->queued_offer);
    leg->queued_at = SR_NEVER;
    sip_leg__tell(leg, &event);
}

void sip_leg__refresh(struct sip_leg *leg)
{
    enum sr_err err = SR_ERR_STATE;

    if (leg->state != LEG_ANSWERED)
        return;
    if (!is_busy(leg) && leg->ok_st == NULL && leg->queued_offer.n == 0) {
        if (leg->is_update_allowed)
            err = send_modify(leg, SIP_METHOD_UPDATE, SR_STR(""), true);
        else
            err = send_modify(leg, SIP_METHOD_INVITE, leg->local_sdp, true);
    }
    if (err != SR_OK) /* something else is under way */
        sip_session_timer_retry(&leg->session, ua__now(leg->ua) + 5 * SR_SEC);
}

bool sip_leg__send_bare_update(struct sip_leg *leg)
{
    if (is_busy(leg) || leg->ok_st != NULL || !leg->is_acked || leg->queued_offer.n > 0)
        return false;
    return send_modify(leg, SIP_METHOD_UPDATE, SR_STR(""), true) == SR_OK;
}

static sr_usec glare_wait(struct sip_leg *leg)
{
    uint32_t ms;

    if (leg->is_uac)
        ms = GLARE_OWNER_MIN_MS +
             10 * ua__random_below(leg->ua, (GLARE_OWNER_MAX_MS - GLARE_OWNER_MIN_MS) / 10 + 1);
    else
        ms = 10 * ua__random_below(leg->ua, GLARE_OTHER_MAX_MS / 10 + 1);
    return ms * SR_MSEC;
}

/* Our re-INVITE or UPDATE was refused; the dialog stands. */
static void on_modify_refused(struct sip_leg *leg, struct client_txn *txn, struct sip_msg *msg,
                              uint16_t status, bool is_glare_again)
{
    struct sip_leg_event event = {.kind = SIP_LEG_ANSWER, .status = status, .reason = msg->reason};

    if (txn->is_refresh) {
        if (txn->method == SIP_METHOD_UPDATE && (status == 405 || status == 501)) {
            leg->is_update_allowed = false;
            sip_leg__refresh(leg);
        } else if (status == 422) {
            leg->session_min_sec = SR_MAX(leg->session_min_sec, sip_leg__session_said(msg).min_s);
            sip_session_timer_retry(&leg->session, ua__now(leg->ua));
        } else {
            sip_session_timer_retry(&leg->session, ua__now(leg->ua) + glare_wait(leg));
            if (status == 491 && leg->identity_user.n > 0)
                leg->identity_at = ua__now(leg->ua) + glare_wait(leg);
        }
        return;
    }
    if (is_glare_again) {
        sip_leg__keep_sdp(&leg->queued_offer, leg->local_sdp);
        leg->queued_at = ua__now(leg->ua) + glare_wait(leg);
        return;
    }
    sip_leg__tell(leg, &event);
}

static void on_modify_accepted(struct sip_leg *leg, struct client_txn *txn, struct sip_msg *msg)
{
    struct sip_leg_event event = {.kind = SIP_LEG_ANSWER,
                                  .status = msg->status,
                                  .reason = msg->reason,
                                  .sdp = sip_leg__sdp_of(msg)};
    struct sip_session_said said = sip_leg__session_said(msg);

    take_target(leg, msg);
    sip_leg__learn(leg, msg);
    if (leg->state == LEG_ANSWERED)
        sip_session_timer_on_2xx(&leg->session, &said, ua__now(leg->ua));
    if (txn->method == SIP_METHOD_INVITE)
        sip_leg__send_ack(leg, txn, sip_msg_cseq(msg)->number, SR_STR(""));
    if (txn->is_user_offer)
        sip_leg__tell(leg, &event);
}

/* The end of the dialog, seen from a request of ours (RFC 5057: 408 and 481 end it). */
void sip_leg__lost(struct sip_leg *leg, uint16_t status, bool is_unsent)
{
    sip_leg__bye(leg, 0, SR_STR(""));
    sip_leg__ended(leg, is_unsent ? SIP_LEG_CAUSE_TRANSPORT : SIP_LEG_CAUSE_TIMEOUT, status, NULL);
}

void sip_leg__await_answer(struct sip_leg *leg, const struct sip_msg *msg)
{
    if (msg == NULL)
        sip_leg__lost(leg, 408, false);
}

/* Our re-INVITE had no offer: the 2xx has one (raw). */
static bool is_asked_for_offer(const struct sip_leg *leg, const struct client_txn *txn,
                               struct sip_msg *msg)
{
    return leg->is_raw && txn->method == SIP_METHOD_INVITE && txn->is_user_offer &&
           leg->offer != LEG_OFFER_OURS && sip_leg__sdp_of(msg).n > 0;
}

/* The ACK waits for the user's answer. */
static void on_offer_in_2xx(struct sip_leg *leg, struct sip_msg *msg)
{
    struct sip_leg_event event = {
        .kind = SIP_LEG_ANSWER, .status = msg->status, .sdp = sip_leg__sdp_of(msg)};
    struct sip_session_said said = sip_leg__session_said(msg);

    take_target(leg, msg);
    sip_leg__learn(leg, msg);
    sip_session_timer_on_2xx(&leg->session, &said, ua__now(leg->ua));
    leg->offer = LEG_OFFER_THEIRS;
    leg->is_answer_in_ack = true;
    sip_leg__tell(leg, &event);
}

static void on_modified(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    struct sip_leg *leg = arg;
    bool is_invite = txn->method == SIP_METHOD_INVITE;

    sip_leg__hold(leg);
    if (msg != NULL && status < 200) {
        if (is_invite && msg->first[SIP_HDR_RSEQ] != 0 &&
            sip_msg_has_token(msg, SIP_HDR_REQUIRE, "100rel"))
            (void)sip_leg__take_reliable(leg, msg);
        sip_leg__release(leg);
        return;
    }
    if (is_invite && leg->is_answer_in_ack && leg->invite_ct == txn) {
        sip_leg__await_answer(leg, msg);
        sip_leg__release(leg);
        return;
    }
    if (msg != NULL && status < 300 && is_asked_for_offer(leg, txn, msg)) {
        on_offer_in_2xx(leg, msg);
        sip_leg__release(leg);
        return;
    }
    client_txn__detach(txn);
    if (is_invite)
        leg->invite_ct = NULL;
    else
        leg->update_ct = NULL;
    if (leg->offer == LEG_OFFER_OURS)
        leg->offer = LEG_OFFER_NONE;
    if (msg != NULL && status < 300)
        on_modify_accepted(leg, txn, msg);
    else if (msg == NULL || status == 408 || status == 481)
        sip_leg__lost(leg, status, msg == NULL && status == 503);
    else
        on_modify_refused(leg, txn, msg, status,
                          status == 491 && leg->state == LEG_ANSWERED && !leg->is_raw);
    sip_leg__release(leg);
}

static void on_info_done(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    struct sip_leg *leg = arg;

    if (msg != NULL && status < 200)
        return;
    sip_leg__hold(leg);
    client_txn__detach(txn);
    if (msg == NULL || status == 408 || status == 481)
        sip_leg__lost(leg, status, msg == NULL && status == 503);
    sip_leg__release(leg);
}

enum sr_err sip_leg_send_dtmf(struct sip_leg *leg, char digit, uint32_t duration_ms)
{
    struct sip_build build;
    char branch[UA_TOKEN_MAX];
    char array[64];
    struct sr_buf body;

    if (leg->is_detached || leg->state != LEG_ANSWERED)
        return SR_ERR_STATE;
    sr_buf_init_fixed(&body, array, sizeof(array));
    sr_buf_fmt(&body, "Signal=%c\r\nDuration=%u\r\n", digit, (unsigned)duration_ms);
    sip_leg__begin(leg, SIP_METHOD_INFO, &build, branch);
    if (sip_build_end(&build, SR_STR("application/dtmf-relay"), sr_buf_view(&body)) != SR_OK ||
        sip_leg__send(leg, SIP_METHOD_INFO, &build, sr_str_c(branch), on_info_done) == NULL)
        return SR_ERR_LIMIT;
    return SR_OK;
}

/* ---- what the user answers ---- */

void sip_leg_answer_offer(struct sip_leg *leg, struct sr_str sdp)
{
    struct server_txn *txn = leg->offer_st;
    struct sip_build build;

    sip_leg__hold(leg);
    if (leg->is_answer_in_ack && leg->invite_ct != NULL) {
        leg->offer = LEG_OFFER_NONE;
        sip_leg__keep_sdp(&leg->local_sdp, sdp);
        sip_leg__send_ack(leg, leg->invite_ct, leg->ok_cseq, sdp);
    } else if (leg->state == LEG_ANSWERED && leg->invite_st != NULL) {
        leg->is_offer_in_ack = leg->offer == LEG_OFFER_NONE;
        leg->offer = leg->is_offer_in_ack ? LEG_OFFER_OURS : LEG_OFFER_NONE;
        sip_leg__send_2xx(leg, leg->invite_st, sdp);
    } else if (txn != NULL) {
        bool is_update = txn->request->method == SIP_METHOD_UPDATE;
        struct carry_content content;

        leg->offer = LEG_OFFER_NONE;
        sip_leg__keep_sdp(&leg->local_sdp, sdp);
        server_txn__detach(txn);
        server_txn__begin(txn, &build, 200, SR_STR(""));
        if (is_update) {
            sip_leg__add_abilities(leg, &build);
            if (leg->state == LEG_ANSWERED)
                sip_leg__add_session(leg, txn, &build);
        }
        carry__put(carry__take(leg, SIP_METHOD_UPDATE, 200), false, sdp, &build, &content);
        server_txn__send(txn, &build, 200, content.type, content.body);
        carry__done(&content);
    }
    sip_leg__release(leg);
}

void sip_leg_refuse_offer(struct sip_leg *leg, uint16_t status)
{
    SR_ASSERT(status >= 300 && status < 700);
    sip_leg__hold(leg);
    if (leg->is_answer_in_ack && leg->invite_ct != NULL) {
        leg->offer = LEG_OFFER_NONE;
        sip_leg__send_ack(leg, leg->invite_ct, leg->ok_cseq, SR_STR(""));
    } else {
        struct server_txn *txn =
            leg->state == LEG_ANSWERED && leg->invite_st != NULL ? leg->invite_st : leg->offer_st;

        if (txn != NULL) {
            leg->offer = LEG_OFFER_NONE;
            server_txn__detach(txn);
            sip_leg__refuse(leg, txn, status, NULL);
        }
    }
    sip_leg__release(leg);
}

/* ---- what the peer asks ---- */

void sip_leg__on_ack(struct sip_leg *leg, struct sip_msg *msg)
{
    struct sip_leg_event event = {
        .kind = SIP_LEG_ACKED, .status = 200, .sdp = sip_leg__sdp_of(msg)};
    bool is_first = !leg->is_acked;

    if (sip_retry2xx_deadline(&leg->retry) == SR_NEVER || sip_msg_cseq(msg)->number != leg->ok_cseq)
        return; /* again */
    sip_retry2xx_stop(&leg->retry);
    if (leg->ok_st != NULL)
        server_txn__acked(leg->ok_st);
    leg->is_acked = true;
    if (leg->is_bye_wanted) {
        sip_leg__bye(leg, leg->end_status, leg->end_reason);
        return;
    }
    if (!leg->is_offer_in_ack || event.sdp.n > UA_BODY_BYTES_MAX)
        event.sdp = SR_STR("");
    if (!is_first)
        event.kind = SIP_LEG_ANSWER;
    if (is_first || leg->is_offer_in_ack) {
        if (leg->is_offer_in_ack)
            leg->offer = LEG_OFFER_NONE;
        leg->is_offer_in_ack = false;
        sip_leg__tell(leg, &event);
    }
    if (leg->queued_offer.n > 0 && leg->queued_at == SR_NEVER)
        sip_leg__send_queued(leg);
}

static void on_bye(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn)
{
    enum leg_state state = leg->state;

    server_txn__ok(txn);
    sip_leg__refuse_open(leg);
    if (state ==
        LEG_CALLING) { /* a callee may not do that: it gets the CANCEL it should have sent */
        leg->is_cancel_wanted = true;
        if (leg->invite_ct != NULL)
            (void)client_txn__cancel(leg->invite_ct, 0, SR_STR(""));
    } else {
        if (state == LEG_ANSWERED && leg->invite_ct != NULL) {
            client_txn__detach(leg->invite_ct);
            leg->invite_ct = NULL;
        }
        leg->state = LEG_OVER;
    }
    leg->is_bye_wanted = false;
    sip_rel_stop(&leg->rel);
    sip_retry2xx_stop(&leg->retry);
    sip_session_timer_stop(&leg->session);
    leg->queued_at = SR_NEVER;
    leg->identity_at = SR_NEVER;
    sip_leg__ended(leg, state == LEG_INCOMING ? SIP_LEG_CAUSE_CANCEL : SIP_LEG_CAUSE_BYE, 0,
                   in->msg);
}

static void refuse_later(struct sip_leg *leg, struct server_txn *txn)
{
    server_txn__refuse(txn, 500,
                       &(struct ua_refusal){.retry_after_sec = 1 + ua__random_below(leg->ua, 10)});
}

static void on_reinvite(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn)
{
    struct ua_refusal refusal = {0};
    struct sip_leg_event event = {.kind = SIP_LEG_OFFER, .sdp = sip_leg__sdp_of(in->msg)};
    uint16_t status = sip_leg__check_content(in->msg, leg->is_raw, &refusal);

    if (status != 0) {
        server_txn__refuse(txn, status, &refusal);
        return;
    }
    if (leg->invite_ct != NULL || leg->state == LEG_CALLING ||
        (leg->offer == LEG_OFFER_OURS && leg->ok_st == NULL)) {
        server_txn__refuse(txn, 491, NULL);
        return;
    }
    if (leg->state != LEG_ANSWERED || leg->invite_st != NULL || leg->ok_st != NULL ||
        leg->offer_st != NULL) {
        refuse_later(leg, txn);
        return;
    }
    sip_leg__drop_queued(leg);
    if (leg->is_detached || leg->state != LEG_ANSWERED) {
        server_txn__refuse(txn, 481, NULL);
        return;
    }
    take_target(leg, in->msg);
    sip_leg__learn(leg, in->msg);
    leg->invite_st = txn;
    txn->leg = leg;
    leg->ok_cseq = sip_msg_cseq(in->msg)->number;
    leg->offer = event.sdp.n > 0 ? LEG_OFFER_THEIRS : LEG_OFFER_NONE;
    sip_leg__tell(leg, &event);
    if (leg->invite_st == txn && txn->machine.status == 0) {
        struct sip_build build;

        server_txn__begin(txn, &build, 100, SR_STR(""));
        server_txn__send(txn, &build, 100, SR_STR(""), SR_STR(""));
    }
}

static void on_update(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn)
{
    struct ua_refusal refusal = {0};
    struct sip_leg_event event = {
        .kind = SIP_LEG_OFFER, .sdp = sip_leg__sdp_of(in->msg), .is_update = true};
    uint16_t status = sip_leg__check_content(in->msg, leg->is_raw, &refusal);
    struct sip_build build;

    if (status != 0) {
        server_txn__refuse(txn, status, &refusal);
        return;
    }
    take_target(leg, in->msg);
    sip_leg__learn(leg, in->msg);
    if (event.sdp.n == 0) {
        server_txn__begin(txn, &build, 200, SR_STR(""));
        sip_leg__add_abilities(leg, &build);
        if (leg->state == LEG_ANSWERED)
            sip_leg__add_session(leg, txn, &build);
        server_txn__send(txn, &build, 200, SR_STR(""), SR_STR(""));
        return;
    }
    if (leg->offer == LEG_OFFER_OURS || leg->update_ct != NULL) {
        server_txn__refuse(txn, 491, NULL);
        return;
    }
    if (leg->offer == LEG_OFFER_THEIRS || leg->offer_st != NULL || leg->invite_st != NULL) {
        if (leg->state != LEG_INCOMING || !leg->is_answered_early || leg->offer != LEG_OFFER_NONE ||
            leg->offer_st != NULL) {
            refuse_later(leg, txn);
            return;
        }
    }
    sip_leg__drop_queued(leg);
    if (leg->is_detached) {
        server_txn__refuse(txn, 481, NULL);
        return;
    }
    leg->offer = LEG_OFFER_THEIRS;
    leg->offer_st = txn;
    txn->leg = leg;
    sip_leg__tell(leg, &event);
}

/* application/dtmf-relay ("Signal=5", "Duration=160") or application/dtmf ("5"). */
static bool read_dtmf(struct sip_msg *msg, struct sip_leg_event *event)
{
    struct sr_str rest = msg->body;
    struct sr_str line;
    bool is_relay = sip_msg_body_is(msg, "application/dtmf-relay");

    event->duration_ms = DTMF_DURATION_MS_DEFAULT;
    event->digit = '\0';
    while (sr_str_split(&rest, '\n', &line)) {
        size_t equals = sr_str_find(line, '=', 0);
        struct sr_str name = sr_str_trim(sr_str_head(line, equals));
        struct sr_str value = is_relay ? sr_str_trim(sr_str_from(line, equals + 1)) : name;
        uint32_t ms;

        if ((!is_relay || sr_str_ieq(name, SR_STR("Signal"))) && value.n == 1 &&
            event->digit == '\0')
            event->digit = value.p[0];
        else if (is_relay && sr_str_ieq(name, SR_STR("Signal")) && sr_str_eq_c(value, "10"))
            event->digit = '*';
        else if (is_relay && sr_str_ieq(name, SR_STR("Signal")) && sr_str_eq_c(value, "11"))
            event->digit = '#';
        else if (sr_str_ieq(name, SR_STR("Duration")) &&
                 sr_str_u32(value, DTMF_DURATION_MS_MAX, &ms) == SR_OK && ms > 0)
            event->duration_ms = (uint16_t)ms;
    }
    if (event->digit >= 'a' && event->digit <= 'd')
        event->digit = (char)(event->digit - 'a' + 'A');
    return sr_is_digit(event->digit) || event->digit == '*' || event->digit == '#' ||
           (event->digit >= 'A' && event->digit <= 'D');
}

/* We take no package (RFC 6086 4.2.2), and of those from before there were packages only digits. */
static void refuse_info(const struct sip_msg *msg, struct server_txn *txn)
{
    bool is_package = msg->first[SIP_HDR_INFO_PACKAGE] != 0;
    uint16_t status = is_package ? 469 : 415;
    struct sip_build build;

    server_txn__begin(txn, &build, status, SR_STR(""));
    if (is_package)
        sip_build_c(&build, SIP_HDR_RECV_INFO, "");
    else
        sip_build_c(&build, SIP_HDR_ACCEPT, "application/dtmf-relay, application/dtmf");
    server_txn__send(txn, &build, status, SR_STR(""), SR_STR(""));
}

static void on_info(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn)
{
    struct sip_leg_event event = {.kind = SIP_LEG_DTMF};

    if (leg->is_raw) {
        sip_leg__on_raw_info(leg, in, txn);
        return;
    }
    if (in->msg->body.n == 0 && in->msg->first[SIP_HDR_INFO_PACKAGE] == 0) {
        server_txn__ok(txn);
        return;
    }
    if (!sip_msg_body_is(in->msg, "application/dtmf-relay") &&
        !sip_msg_body_is(in->msg, "application/dtmf")) {
        refuse_info(in->msg, txn);
        return;
    }
    if (in->msg->body.n > UA_BODY_BYTES_MAX || !read_dtmf(in->msg, &event)) {
        server_txn__refuse(txn, 400, NULL);
        return;
    }
    server_txn__ok(txn);
    if (leg->state == LEG_ANSWERED)
        sip_leg__tell(leg, &event);
}

/* From where it came before, or from another server of that provider; else its sender must prove to be the
 * same device. */
static bool is_plausible(struct sip_leg *leg, struct ua_in *in)
{
    struct ua_slot *slot;

    if (sr_addr_ip_eq(&in->flow->remote, &leg->flow.remote) ||
        provider__serves(leg->ua, leg->provider, in->flow))
        return true;
    switch (ua__authenticate(in, &slot)) {
    case UA_AUTH_OK:
        if (sr_str_eq_c(slot->device->id, leg->device_id))
            return true;
        ua__refuse(in, 481, NULL);
        return false;
    case UA_AUTH_AGAIN:
        ua__challenge(in, true);
        return false;
    case UA_AUTH_ANSWERED:
        return false;
    }
    return false;
}

static void on_options(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn)
{
    struct sip_build build;

    (void)leg, (void)in;
    server_txn__begin(txn, &build, 200, SR_STR(""));
    ua__abilities(&build);
    server_txn__send(txn, &build, 200, SR_STR(""), SR_STR(""));
}

typedef void request_fn(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn);

static void dispatch(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn)
{
    static request_fn *const served[SIP_METHOD_COUNT] = {
        [SIP_METHOD_BYE] = on_bye,         [SIP_METHOD_INVITE] = on_reinvite,
        [SIP_METHOD_UPDATE] = on_update,   [SIP_METHOD_PRACK] = sip_leg__on_prack,
        [SIP_METHOD_INFO] = on_info,       [SIP_METHOD_REFER] = sip_leg__on_refer,
        [SIP_METHOD_OPTIONS] = on_options,
    };
    enum sip_method method = in->msg->method;

    if (served[method] != NULL)
        served[method](leg, in, txn);
    else if (method == SIP_METHOD_SUBSCRIBE || method == SIP_METHOD_NOTIFY)
        server_txn__refuse(txn, 489, NULL);
    else
        server_txn__refuse(txn, 405, NULL);
}

void sip_leg__on_request(struct sip_leg *leg, struct ua_in *in)
{
    struct server_txn *txn;
    enum sr_err err;

    if (!is_plausible(leg, in))
        return;
    txn = server_txn__new(in);
    if (txn == NULL) {
        ua__refuse(in, 503, &(struct ua_refusal){.retry_after_sec = 5});
        return;
    }
    txn->cookies = leg->cookies;
    ua__trace(leg->ua, &leg->cookies, in->flow, false, in->bytes);
    err = sip_dialog_on_request(&leg->dialog, in->msg);
    if (err != SR_OK) {
        server_txn__refuse(txn, err == SR_ERR_PROTO ? 500 : ua__status_of(err), NULL);
        return;
    }
    leg->flow =
        *in->flow; /* another port or connection of the same peer: answer there from now on */
    if (leg->state == LEG_OVER || (leg->is_detached && in->msg->method != SIP_METHOD_BYE)) {
        if (in->msg->method == SIP_METHOD_BYE)
            server_txn__ok(txn);
        else
            server_txn__refuse(txn, 481, NULL);
        return;
    }
    dispatch(leg, in, txn);
}

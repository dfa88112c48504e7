/* The calling side: an INVITE to a contact until its final response. */
#include "base/alloc.h"
#include "ua/carry.h"
#include "ua/client_txn.h"
#include "ua/sip_leg_internal.h"

static const struct sip_session_options session_options = {.interval_s = UA_SESSION_SEC,
                                                           .min_s = SIP_SESSION_MIN_S};

static void on_invite_response(void *arg, struct client_txn *txn, struct sip_msg *msg,
                               uint16_t status);

/* ---- the INVITE ---- */

void sip_leg__ask_session(struct sip_leg *leg, struct sip_build *build)
{
    sip_build_uint(build, SIP_HDR_SESSION_EXPIRES,
                   sip_session_ask(&session_options, leg->session_min_sec));
    sip_build_uint(build, SIP_HDR_MIN_SE,
                   SR_MAX(leg->session_min_sec, (uint32_t)SIP_SESSION_MIN_S));
}

/* sip:user@host of our own side; the user escaped. */
static struct sr_str own_aor(struct sip_leg *leg, struct sr_str user, struct sr_buf *buf)
{
    struct sr_addr own = ua__own_addr(leg->ua, &leg->flow);
    char host[SR_ADDR_TEXT_MAX];

    own.scope = 0;
    sr_buf_c(buf, "sip:");
    if (user.n > 0) {
        sip_escape(user, SIP_CH_USER, buf);
        sr_buf_char(buf, '@');
    }
    sr_buf_c(buf, sr_addr_host_text(&own, host));
    return sr_buf_view(buf);
}

void sip_leg__add_party(struct sip_leg *leg, struct sip_build *build, enum sip_hdr id,
                        struct sr_str user, struct sip_build_addr addr)
{
    char array[1024];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, array, sizeof(array));
    addr.uri = own_aor(leg, user, &buf);
    if (sr_buf_err(&buf) != SR_OK)
        build->is_failed = true;
    sip_build_addr(build, id, &addr);
}

/* May the user write that header? Those of the protocol are ours. */
static bool is_free(enum sip_hdr id)
{
    static const enum sip_hdr free_ids[] = {
        SIP_HDR_OTHER,        SIP_HDR_ALERT_INFO,   SIP_HDR_CALL_INFO,    SIP_HDR_ANSWER_MODE,
        SIP_HDR_PRIORITY,     SIP_HDR_SUBJECT,      SIP_HDR_PRIVACY,      SIP_HDR_DIVERSION,
        SIP_HDR_HISTORY_INFO, SIP_HDR_ORGANIZATION, SIP_HDR_USER_TO_USER,
    };

    for (size_t i = 0; i < SR_ARRAY_LEN(free_ids); i++) {
        if (id == free_ids[i])
            return true;
    }
    return false;
}

static void add_extra(struct sip_build *build, const struct sip_leg_invite_options *options)
{
    size_t bytes = 0;

    for (size_t i = 0; i < options->header_count && i < SIP_LEG_HEADERS_MAX; i++) {
        const struct sip_leg_header *header = &options->headers[i];

        bytes += header->name.n + header->value.n;
        if (bytes <= SIP_LEG_EXTRA_BYTES_MAX && sip_is_token(header->name) &&
            is_free(sip_header_of(header->name)))
            sip_build_named(build, header->name, header->value);
    }
}

/* To a device: request line to identity. */
static void begin_invite(struct sip_leg *leg, const struct sip_leg_invite_options *options,
                         struct sr_str branch, struct sip_build *build)
{
    struct ua *ua = leg->ua;
    const struct ua_contact *contact = options->contact;
    char own[UA_CONTACT_TEXT_MAX];

    sr_buf_clear(&ua->out);
    sip_build_init(build, &ua->out);
    sip_build_request(build, SIP_METHOD_INVITE, contact->uri);
    ua__via(ua, build, &leg->flow, branch, SR_ID_NONE);
    if (contact->path.n > 0)
        sip_build_text(build, SIP_HDR_ROUTE, contact->path);
    sip_build_uint(build, SIP_HDR_MAX_FORWARDS,
                   options->max_forwards != 0 ? options->max_forwards : 70);
    sip_leg__add_party(
        leg, build, SIP_HDR_FROM, options->from_user,
        (struct sip_build_addr){.display = options->from_display, .tag = sr_str_c(leg->local_tag)});
    sip_leg__add_party(leg, build, SIP_HDR_TO, options->to_user, (struct sip_build_addr){0});
    sip_build_fmt(build, SIP_HDR_CONTACT, "<%.*s>", SR_STR_ARG(ua__own_uri(ua, &leg->flow, own)));
    if (options->asserted_user.n > 0)
        sip_leg__add_party(leg, build, SIP_HDR_P_ASSERTED_IDENTITY, options->asserted_user,
                           (struct sip_build_addr){.display = options->asserted_display});
}

/* The INVITE that is passed on, or NULL. */
static struct sip_msg *invite_of(const struct sip_leg *from)
{
    return from != NULL && from->is_raw && from->invite_st != NULL ? from->invite_st->request
                                                                   : NULL;
}

static enum sr_err build_invite(struct sip_leg *leg, const struct sip_leg_invite_options *options,
                                struct sr_str branch, struct sip_build *build)
{
    struct sip_msg *carried = invite_of(options->from);
    bool is_outside = carried != NULL && options->from->provider != SR_ID_NONE;
    struct carry_content content;
    enum sr_err err;

    if (leg->provider != SR_ID_NONE)
        provider__begin_invite(leg, options, branch, build);
    else
        begin_invite(leg, options, branch, build);
    sip_build_text(build, SIP_HDR_CALL_ID, leg->call_id);
    sip_build_cseq(build, leg->ok_cseq, SR_STR("INVITE"));
    sip_build_c(build, SIP_HDR_USER_AGENT, leg->ua->user_agent);
    sip_build_c(build, SIP_HDR_ALLOW, leg->provider != SR_ID_NONE ? UA_CALL_METHODS : UA_ALLOW);
    /* an offerless INVITE takes the offer in the 2xx only */
    sip_build_c(build, SIP_HDR_SUPPORTED,
                leg->is_offerless || !sip_leg__may_prack(leg) ? "timer" : UA_SUPPORTED);
    sip_leg__ask_session(leg, build);
    add_extra(build, options);
    carry__put(carried, is_outside, options->sdp, build, &content);
    err = sip_build_end(build, content.type, content.body);
    carry__done(&content);
    return err;
}

enum sr_err sip_leg_invite(struct ua *ua, const struct sip_leg_invite_options *options,
                           struct sip_leg **ret_leg)
{
    struct sip_uri uri;
    struct sip_build build;
    struct sip_leg *leg;
    char branch[UA_TOKEN_MAX];
    char call_id[UA_TOKEN_MAX];
    enum sr_err err;

    if (options->contact != NULL && sip_uri_parse(options->contact->uri, &uri, NULL) != SR_OK)
        return SR_ERR_SYNTAX;
    if (ua->leg_count >= UA_LEGS_MAX || ua->legs.count >= 2 * UA_LEGS_MAX)
        return SR_ERR_LIMIT;
    ua__branch(ua, branch);
    ua__token(ua, 16, call_id);
    leg = sip_leg__new(ua);
    leg->is_uac = true;
    leg->is_taken = true;
    leg->state = LEG_CALLING;
    leg->user = options->user;
    leg->cookies = (struct ua_cookies){options->call_cookie, options->leg_cookie};
    leg->call_id = ua__dup(sr_str_c(call_id));
    leg->is_offerless = options->sdp.n == 0;
    leg->offer = leg->is_offerless ? LEG_OFFER_NONE : LEG_OFFER_OURS;
    leg->ok_cseq = 1;
    leg->dialog.local_cseq = 1;
    ua__token(ua, 10, leg->local_tag);
    (void)sr_map_put(&ua->uac_calls, leg->call_id, leg);
    sip_leg__keep_sdp(&leg->local_sdp, options->sdp);
    err = SR_OK;
    if (options->contact == NULL) {
        err = provider__prepare_leg(leg, options->provider_id);
    } else {
        leg->flow = options->contact->flow;
        (void)sr_str_copy(options->contact->device_id, leg->device_id, sizeof(leg->device_id));
    }
    if (err == SR_OK)
        err = build_invite(leg, options, sr_str_c(branch), &build);
    if (err == SR_OK) {
        leg->invite_ct =
            sip_leg__send(leg, SIP_METHOD_INVITE, &build, sr_str_c(branch), on_invite_response);
        err = leg->invite_ct != NULL ? SR_OK : SR_ERR_LIMIT;
    }
    if (err != SR_OK) {
        sip_leg__free(leg);
        return err;
    }
    *ret_leg = leg;
    return SR_OK;
}

/* 422: the same INVITE once more with the interval the party wants (RFC 4028 7.3). */
static bool retry_invite(struct sip_leg *leg, struct client_txn *txn, struct sip_msg *msg)
{
    struct ua *ua = leg->ua;
    struct sip_session_said said = sip_leg__session_said(msg);
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_msg request;
    struct sr_arena arena;
    struct sip_edit edit;
    struct sr_buf text;
    char branch[UA_TOKEN_MAX];
    char array[256];
    enum sr_err err;

    if (leg->is_retried || said.min_s <= SIP_SESSION_MIN_S ||
        sip_msg_parse(txn->request, slots, SIP_HEADERS_MAX, &request, NULL) != SR_OK)
        return false;
    leg->is_retried = true;
    leg->session_min_sec = said.min_s;
    leg->ok_cseq = sip_dialog_next_cseq(&leg->dialog);
    ua__branch(ua, branch);
    sr_arena_init(&arena, 65536);
    sr_buf_init_fixed(&text, array, sizeof(array));
    sip_edit_init(&edit, &request, &arena);
    sr_buf_fmt(&text, "%u INVITE", (unsigned)leg->ok_cseq);
    sip_edit_set(&edit, SIP_HDR_CSEQ, sr_buf_view(&text));
    sr_buf_clear(&text);
    sr_buf_u64(&text, SR_MAX((uint32_t)UA_SESSION_SEC, said.min_s));
    sip_edit_set(&edit, SIP_HDR_SESSION_EXPIRES, sr_buf_view(&text));
    sr_buf_clear(&text);
    sr_buf_u64(&text, said.min_s);
    sip_edit_set(&edit, SIP_HDR_MIN_SE, sr_buf_view(&text));
    sr_buf_clear(&text);
    ua__via_text(ua, &text, &leg->flow, sr_str_c(branch), leg->provider);
    sip_edit_set_top(&edit, SIP_HDR_VIA, sr_buf_view(&text));
    sr_buf_clear(&ua->out);
    err = sip_edit_write(&edit, &ua->out);
    sr_arena_done(&arena);
    if (err == SR_OK) {
        struct sip_build build = {.buf = &ua->out};

        leg->invite_ct =
            sip_leg__send(leg, SIP_METHOD_INVITE, &build, sr_str_c(branch), on_invite_response);
    }
    return err == SR_OK && leg->invite_ct != NULL;
}

/* ---- responses ---- */

static struct leg_fork *find_fork(struct sip_leg *leg, struct sr_str tag)
{
    struct leg_fork *fork;

    for (size_t i = 0; i < leg->fork_count; i++) {
        if (sr_str_eq_c(tag, leg->forks[i].tag))
            return &leg->forks[i];
    }
    if (leg->fork_count == UA_FORKS_MAX || tag.n >= UA_TAG_MAX)
        return NULL;
    fork = &leg->forks[leg->fork_count++];
    (void)sr_str_copy(tag, fork->tag, sizeof(fork->tag));
    return fork;
}

void sip_leg__send_prack(struct sip_leg *leg, struct sip_dialog *dialog, uint32_t rseq,
                         uint32_t cseq)
{
    struct ua *ua = leg->ua;
    char branch[UA_TOKEN_MAX];
    struct ua_dialog_request request = {.dialog = dialog,
                                        .flow = sip_leg__flow(leg),
                                        .method = SIP_METHOD_PRACK,
                                        .provider = leg->provider};
    struct sip_build build;

    ua__branch(ua, branch);
    request.branch = sr_str_c(branch);
    request.cseq = sip_dialog_next_cseq(&leg->dialog);
    ua__request_begin(ua, &build, &request);
    sip_build_fmt(&build, SIP_HDR_RACK, "%u %u INVITE", (unsigned)rseq, (unsigned)cseq);
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        (void)sip_leg__send(leg, SIP_METHOD_PRACK, &build, request.branch, NULL);
}

bool sip_leg__take_reliable(struct sip_leg *leg, struct sip_msg *msg)
{
    struct leg_fork *fork = find_fork(leg, sip_msg_to(msg)->tag);
    uint32_t cseq = sip_msg_cseq(msg)->number;
    struct sip_dialog dialog;
    uint32_t rseq;

    if (fork == NULL || !sip_msg_uint(msg, SIP_HDR_RSEQ, &rseq) ||
        sip_rel_order(&fork->seen, rseq) != SIP_REL_NEW)
        return false;
    if (sip_dialog_init_uac(&dialog, msg, false) != SR_OK)
        return true;
    if (leg->is_raw && leg->state == LEG_CALLING)
        sip_leg__owe_prack(leg, &dialog, rseq, cseq);
    else
        sip_leg__send_prack(leg, &dialog, rseq, cseq);
    return true;
}

static void make_dialog(struct sip_leg *leg, struct sip_msg *msg)
{
    uint32_t cseq = leg->dialog.local_cseq;
    struct sip_dialog dialog;

    if (sip_dialog_init_uac(&dialog, msg, false) != SR_OK)
        return;
    sip_leg__unkey(leg);
    leg->dialog = dialog;
    sip_dialog_set_local_cseq(&leg->dialog, cseq);
    leg->has_dialog = true;
    sip_leg__key(leg);
}

/* Each early dialog has its own answer (RFC 3261 13.2.2.4), and many gateways have two in one. */
static bool is_other_answer(const struct sip_leg *leg, struct sr_str sdp)
{
    return leg->early_sdp.n > 0 && sdp.n > 0 && !sr_str_eq(sdp, leg->early_sdp);
}

static void on_provisional(struct sip_leg *leg, struct sip_msg *msg)
{
    struct sr_str tag = sip_msg_to(msg)->tag;
    bool is_reliable = sip_msg_has_token(msg, SIP_HDR_REQUIRE, "100rel") &&
                       msg->first[SIP_HDR_RSEQ] != 0 && tag.n > 0;
    struct sip_leg_event event = {
        .kind = SIP_LEG_PROGRESS,
        .status = msg->status,
        .reason = msg->reason,
        .sdp = sip_leg__sdp_of(msg),
        .user_agent = sip_msg_value(msg, SIP_HDR_SERVER),
        .is_reliable = is_reliable,
    };

    if (leg->is_cancel_wanted) {
        (void)client_txn__cancel(leg->invite_ct, leg->end_status, leg->end_reason);
        return;
    }
    if (msg->status == 100)
        return;
    if (!leg->has_dialog && tag.n > 0)
        make_dialog(leg, msg);
    sip_leg__learn(leg, msg);
    if (is_reliable && !sip_leg__take_reliable(leg, msg))
        return;
    if (event.sdp.n > UA_BODY_BYTES_MAX)
        event.sdp = SR_STR("");
    if (event.sdp.n > 0) {
        struct leg_fork *fork = find_fork(leg, tag);

        event.is_other_answer = is_other_answer(leg, event.sdp);
        sip_leg__keep_sdp(&leg->early_sdp, event.sdp);
        if (fork != NULL)
            sip_leg__keep_sdp(&fork->sdp, event.sdp);
        if (is_reliable && leg->has_dialog && sr_str_eq(sip_dialog_remote_tag(&leg->dialog), tag))
            leg->offer = LEG_OFFER_NONE; /* that is the answer */
    }
    sip_leg__tell(leg, &event);
}

void sip_leg__send_ack(struct sip_leg *leg, struct client_txn *txn, uint32_t cseq,
                       struct sr_str sdp)
{
    struct ua *ua = leg->ua;
    char branch[UA_TOKEN_MAX];
    struct ua_dialog_request request = {.dialog = &leg->dialog,
                                        .flow = sip_leg__flow(leg),
                                        .method = SIP_METHOD_ACK,
                                        .cseq = cseq,
                                        .provider = leg->provider};
    struct sip_build build;

    ua__branch(ua, branch);
    request.branch = sr_str_c(branch);
    ua__request_begin(ua, &build, &request);
    if (leg->provider != SR_ID_NONE)
        provider__copy_credentials(txn, &build);
    if (sip_build_end(&build, sdp.n > 0 ? SR_STR("application/sdp") : SR_STR(""), sdp) == SR_OK)
        client_txn__set_ack(txn, request.flow, sip_dialog_remote_tag(&leg->dialog),
                            sr_buf_view(&ua->out));
    leg->is_answer_in_ack = false;
    if (leg->invite_ct == txn)
        leg->invite_ct = NULL;
    client_txn__detach(txn);
}

static void on_answered(struct sip_leg *leg, struct client_txn *txn, struct sip_msg *msg)
{
    struct sr_str tag = sip_msg_to(msg)->tag;
    struct sip_session_said said = sip_leg__session_said(msg);
    struct leg_fork *fork;
    struct sip_leg_event event = {
        .kind = SIP_LEG_ANSWERED,
        .status = msg->status,
        .reason = msg->reason,
        .sdp = sip_leg__sdp_of(msg),
        .user_agent = sip_msg_value(msg, SIP_HDR_SERVER),
    };

    if (leg->has_dialog && sr_str_eq(sip_dialog_remote_tag(&leg->dialog), tag))
        (void)sip_dialog_confirm(&leg->dialog, msg); /* a broken Contact: the early one stays */
    else
        make_dialog(leg, msg);
    if (!leg->has_dialog || !sr_str_eq(sip_dialog_remote_tag(&leg->dialog), tag)) {
        client_txn__bury(txn, msg); /* no Contact: nothing can be said to it */
        client_txn__detach(txn);
        leg->invite_ct = NULL;
        leg->state = LEG_OVER;
        sip_leg__ended(leg, SIP_LEG_CAUSE_PROTOCOL, 500, msg);
        return;
    }
    leg->state = LEG_ANSWERED;
    leg->is_acked = true;
    if (leg->provider != SR_ID_NONE) {
        leg->flow = *client_txn__dialog_flow(txn, &leg->dialog); /* the address that answered */
        provider__follow_dialog(leg);
    }
    sip_leg__learn(leg, msg);
    sip_session_timer_on_2xx(&leg->session, &said, ua__now(leg->ua));
    if (event.sdp.n > UA_BODY_BYTES_MAX)
        event.sdp = SR_STR("");
    fork = find_fork(leg, tag);
    if (event.sdp.n == 0 && fork != NULL)
        event.sdp = fork->sdp;
    event.is_other_answer = is_other_answer(leg, event.sdp);
    leg->is_answer_in_ack = leg->is_offerless && event.sdp.n > 0;
    leg->offer = leg->is_answer_in_ack ? LEG_OFFER_THEIRS : LEG_OFFER_NONE;
    if (!leg->is_answer_in_ack)
        sip_leg__send_ack(leg, txn, leg->ok_cseq, SR_STR(""));
    sip_leg__tell(leg, &event);
}

/* 300 and above, or nothing at all. */
static void on_refused(struct sip_leg *leg, struct client_txn *txn, struct sip_msg *msg,
                       uint16_t status)
{
    client_txn__detach(txn);
    leg->invite_ct = NULL;
    if (status == 422 && msg != NULL && !leg->is_cancel_wanted && retry_invite(leg, txn, msg))
        return;
    leg->state = LEG_OVER;
    if (msg != NULL)
        sip_leg__ended(leg, SIP_LEG_CAUSE_REFUSED, status, msg);
    else
        sip_leg__ended(leg, status == 503 ? SIP_LEG_CAUSE_TRANSPORT : SIP_LEG_CAUSE_TIMEOUT, status,
                       NULL);
}

static void on_invite_response(void *arg, struct client_txn *txn, struct sip_msg *msg,
                               uint16_t status)
{
    struct sip_leg *leg = arg;

    if (leg->invite_ct != txn)
        return;
    sip_leg__hold(leg);
    if (msg != NULL && leg->state == LEG_CALLING && leg->provider != SR_ID_NONE)
        leg->flow = *client_txn__dialog_flow(txn, NULL); /* another server may have taken it over */
    if (leg->state != LEG_CALLING) {
        sip_leg__await_answer(leg, msg);
    } else if (msg != NULL && status < 200) {
        on_provisional(leg, msg);
    } else if (msg != NULL && status < 300 && leg->is_cancel_wanted) {
        client_txn__bury(txn, msg);
        client_txn__detach(txn);
        leg->invite_ct = NULL;
        leg->state = LEG_OVER;
    } else if (msg != NULL && status < 300) {
        on_answered(leg, txn, msg);
    } else {
        on_refused(leg, txn, msg, status);
    }
    sip_leg__release(leg);
}

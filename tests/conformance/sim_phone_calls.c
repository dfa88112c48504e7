/* What a phone says in its calls, and what it makes of what it hears. */
#include <stdio.h>

#include "base/alloc.h"
#include "sim_phone_internal.h"

static void keep(struct sr_str text, char *out, size_t size)
{
    SR_ASSERT(sr_str_copy(text, out, size));
}

static void keep_sdp(struct sr_str text, char out[PHONE_SDP_MAX])
{
    if (text.n > 0)
        keep(text, out, PHONE_SDP_MAX);
}

/* Our SDP: an offer, or the answer to theirs. False: no codec in common. */
static bool write_sdp(struct phone_call *call, struct sr_str offer, struct sr_buf *out)
{
    struct sim_sdp ours;

    if (call->phone->manners.sdp != NULL) {
        sr_buf_c(out, call->phone->manners.sdp);
        return true;
    }
    phone__sdp(call, &ours);
    if (offer.n > 0)
        return sim_sdp_answer(&ours, offer, out);
    sim_sdp_offer(&ours, out);
    return true;
}

/* ---- calling ---- */

/* A dialog of its own to be begun with `to`. */
static struct phone_call *begin_dialog(struct sim_phone *phone, const char *to)
{
    struct phone_call *call = phone__call_new(phone);
    struct sr_buf buf;
    char router[SR_ADDR_TEXT_MAX];

    (void)sr_addr_host_text(&phone->router, router);
    call->is_caller = true;
    sr_buf_init_fixed(&buf, call->call_id, sizeof(call->call_id));
    sr_buf_fmt(&buf, "c%016llx@phone", (unsigned long long)sr_prng_u64(&phone->prng));
    (void)sr_buf_cstr(&buf);
    sr_buf_init_fixed(&buf, call->local_uri, sizeof(call->local_uri));
    sr_buf_fmt(&buf, "sip:%s@%s", phone->user, router);
    (void)sr_buf_cstr(&buf);
    sr_buf_init_fixed(&buf, call->remote_uri, sizeof(call->remote_uri));
    sr_buf_fmt(&buf, "sip:%s@%s", to, router);
    (void)sr_buf_cstr(&buf);
    return call;
}

static struct phone_call *dial(struct sim_phone *phone, const char *to, bool is_offerless,
                               const char *extra)
{
    struct phone_call *call = begin_dialog(phone, to);
    struct phone_request request = {.method = "INVITE", .extra = extra};
    struct sr_buf buf;

    call->is_offerless = is_offerless;
    sr_buf_init(&buf, PHONE_SDP_MAX);
    if (!is_offerless)
        (void)write_sdp(call, (struct sr_str){NULL, 0}, &buf);
    request.body = sr_buf_view(&buf);
    call->invite_cseq = phone__request(call, &request)->cseq;
    sr_buf_done(&buf);
    return call;
}

struct phone_call *phone_subscribe(struct sim_phone *phone, const char *to, const char *lines)
{
    struct phone_call *call = begin_dialog(phone, to);

    call->state = PHONE_OVER; /* no call */
    (void)phone__request(call, &(struct phone_request){.method = "SUBSCRIBE", .extra = lines});
    return call;
}

void phone_unsubscribe(struct phone_call *subscription, const char *lines)
{
    struct sr_buf extra;

    sr_buf_init(&extra, PHONE_TEXT_MAX);
    sr_buf_fmt(&extra, "%sExpires: 0\r\n", lines);
    (void)phone__request(
        subscription, &(struct phone_request){.method = "SUBSCRIBE", .extra = sr_buf_cstr(&extra)});
    sr_buf_done(&extra);
}

struct phone_call *phone_message(struct sim_phone *phone, const char *to, const char *text)
{
    struct phone_call *call = begin_dialog(phone, to);

    call->state = PHONE_OVER;
    (void)phone__request(call, &(struct phone_request){.method = "MESSAGE",
                                                       .body = sr_str_c(text),
                                                       .content_type = "text/plain"});
    return call;
}

struct phone_call *phone_ask(struct sim_phone *phone, const char *method, const char *to,
                             const char *lines, const char *body)
{
    struct phone_call *call = begin_dialog(phone, to);

    call->state = PHONE_OVER;
    phone_ask_again(call, method, lines, body);
    return call;
}

void phone_ask_again(struct phone_call *call, const char *method, const char *lines,
                     const char *body)
{
    call->ask_status = 0;
    (void)phone__request(call, &(struct phone_request){.method = method,
                                                       .extra = lines,
                                                       .body = sr_str_c(body),
                                                       .content_type = "text/odd"});
}

struct phone_call *phone_dial(struct sim_phone *phone, const char *to)
{
    return dial(phone, to, false, phone->manners.extra);
}

struct phone_call *phone_dial_offerless(struct sim_phone *phone, const char *to)
{
    return dial(phone, to, true, phone->manners.extra);
}

struct phone_call *phone_dial_replacing(struct sim_phone *phone, const char *to,
                                        const struct phone_call *replaced)
{
    struct phone_call *call;
    struct sr_buf extra;

    sr_buf_init(&extra, PHONE_MESSAGE_MAX);
    if (phone->manners.extra != NULL)
        sr_buf_c(&extra, phone->manners.extra);
    sr_buf_fmt(&extra, "Require: replaces\r\nReplaces: %s;to-tag=%s;from-tag=%s\r\n",
               replaced->call_id, replaced->local_tag, replaced->remote_tag);
    call = dial(phone, to, false, sr_buf_cstr(&extra));
    sr_buf_done(&extra);
    return call;
}

void phone_refer(struct phone_call *call, const char *to, const struct phone_call *replaced,
                 const char *extra)
{
    char router[SR_ADDR_TEXT_MAX];
    struct sr_buf lines;

    if (call->state != PHONE_UP || call->remote_tag[0] == '\0')
        return;
    (void)sr_addr_host_text(&call->phone->router, router);
    sr_buf_init(&lines, PHONE_MESSAGE_MAX);
    sr_buf_fmt(&lines, "Refer-To: <sip:%s%s%s", to, to[0] != '\0' ? "@" : "", router);
    if (replaced != NULL) {
        struct sr_str call_id = sr_str_c(replaced->call_id);
        size_t at = sr_str_find(call_id, '@', 0);

        sr_buf_fmt(&lines, "?Replaces=%.*s%s%.*s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s",
                   SR_STR_ARG(sr_str_head(call_id, at)), at < call_id.n ? "%40" : "",
                   SR_STR_ARG(sr_str_from(call_id, at + 1)), replaced->remote_tag,
                   replaced->local_tag);
    }
    sr_buf_fmt(&lines, ">\r\n%s", extra != NULL ? extra : "");
    call->refer_status = 0;
    (void)phone__request(call,
                         &(struct phone_request){.method = "REFER", .extra = sr_buf_cstr(&lines)});
    sr_buf_done(&lines);
}

void phone_repeat_invite_merged(struct phone_call *call)
{
    phone__send_merged(phone__invite_of(call));
}

void phone_cancel(struct phone_call *call)
{
    struct phone_txn *invite = phone__invite_of(call);

    if (call->state != PHONE_CALLING || call->is_cancelled || invite == NULL)
        return;
    call->is_cancelled = true;
    if (invite->is_provisional)
        phone__send_cancel(invite);
    else
        call->is_cancel_due = true;
}

void phone_bye(struct phone_call *call)
{
    if (call->state != PHONE_UP)
        return;
    if (call->invite_stxn != NULL && call->invite_stxn->is_resending) {
        call->is_bye_due = true; /* RFC 3261 15: not before the ACK */
        return;
    }
    call->state = PHONE_OVER;
    if (!call->phone->manners.ignores_bye)
        (void)phone__request(
            call, &(struct phone_request){.method = "BYE", .extra = call->phone->manners.later});
}

static void offer_again(struct phone_call *call, const char *method, bool is_offerless)
{
    struct phone_request request = {.method = method, .extra = call->phone->manners.extra};
    struct sr_buf buf;

    if (call->remote_tag[0] == '\0')
        return;
    sr_buf_init(&buf, PHONE_SDP_MAX);
    if (!is_offerless)
        (void)write_sdp(call, (struct sr_str){NULL, 0}, &buf);
    request.body = sr_buf_view(&buf);
    call->reoffer_status = 0;
    (void)phone__request(call, &request);
    sr_buf_done(&buf);
}

void phone_reinvite(struct phone_call *call, const char *direction)
{
    if (call->state != PHONE_UP)
        return;
    call->is_nobody = false;
    if (direction != NULL)
        call->direction = direction;
    offer_again(call, "INVITE", direction == NULL);
}

void phone_hold_by_nobody(struct phone_call *call)
{
    call->is_nobody = true;
    offer_again(call, "INVITE", false);
}

void phone_update(struct phone_call *call, const char *direction)
{
    if (call->state == PHONE_OVER)
        return;
    call->direction = direction;
    offer_again(call, "UPDATE", false);
}

void phone_info(struct phone_call *call, char digit)
{
    char body[64] = "Signal=x\r\nDuration=160\r\n";

    if (call->state != PHONE_UP)
        return;
    body[7] = digit;
    (void)phone__request(call, &(struct phone_request){.method = "INFO",
                                                       .extra = call->phone->manners.later,
                                                       .body = sr_str_c(body),
                                                       .content_type = "application/dtmf-relay"});
}

bool phone_had_status(const struct phone_call *call, uint16_t status)
{
    for (size_t i = 0; i < call->status_count; i++) {
        if (call->statuses[i] == status)
            return true;
    }
    return false;
}

/* ---- called ---- */

struct phone_call *phone_incoming(struct sim_phone *phone)
{
    SR_LIST_EACH(&phone->calls, node)
    {
        struct phone_call *call = SR_CONTAINER(node, struct phone_call, node);

        if (!call->is_caller)
            return call;
    }
    return NULL;
}

void phone_refuse(struct phone_call *call, uint16_t status)
{
    if (call->state != PHONE_INCOMING || call->invite_stxn == NULL)
        return;
    call->state = PHONE_OVER;
    call->status = status;
    phone__respond(call->invite_stxn, status, call->phone->manners.refusal_extra,
                   (struct sr_str){NULL, 0});
}

void phone_answer(struct phone_call *call)
{
    struct sr_buf buf;
    bool is_common;

    if (call->state != PHONE_INCOMING || call->invite_stxn == NULL)
        return;
    if (call->invite_stxn->is_resending) { /* RFC 3262 3: not before the PRACK */
        loop_timer_set(call->phone->loop, &call->answer_timer,
                       loop_now(call->phone->loop) + 100 * SR_MSEC);
        return;
    }
    sr_buf_init(&buf, PHONE_SDP_MAX);
    is_common = call->phone->manners.answers_empty || write_sdp(call, sr_str_c(call->offer), &buf);
    if (is_common) {
        call->state = PHONE_UP;
        call->status = 200;
        phone__respond(call->invite_stxn, 200, call->phone->manners.ok_extra, sr_buf_view(&buf));
    }
    sr_buf_done(&buf);
    if (!is_common)
        phone_refuse(call, 488);
}

void phone__answer_timer(void *arg)
{
    struct phone_call *call = arg;
    uint16_t status = call->phone->manners.final_status;

    if (call->state != PHONE_INCOMING)
        return;
    if (call->phone->manners.demands != NULL &&
        !sim_has(sr_str_c(call->offer), call->phone->manners.demands))
        status = 488;
    if (status == 0 || status == 200)
        phone_answer(call);
    else
        phone_refuse(call, status);
}

void phone_end(struct phone_call *call)
{
    if (call->state == PHONE_CALLING)
        phone_cancel(call);
    else if (call->state == PHONE_INCOMING)
        phone_refuse(call, 603);
    else if (call->state == PHONE_UP)
        phone_bye(call);
}

/* Whom a message says is at the other end. */
static void learn_peer(struct phone_call *call, struct sr_str value)
{
    struct sr_str uri = sim_uri(value);
    struct sr_str user = sr_str_from(uri, sr_str_find(uri, ':', 0) + 1);
    size_t quote = sr_str_find(value, '"', 0);

    if (value.n == 0)
        return;
    keep(sr_str_head(user, sr_str_find(user, '@', 0)), call->peer, sizeof(call->peer));
    call->peer_name[0] = '\0';
    if (quote == 0 && value.n > 1)
        keep(sr_str_head(sr_str_from(value, 1), sr_str_find(value, '"', 1) - 1), call->peer_name,
             sizeof(call->peer_name));
}

static void send_early(struct phone_call *call, bool is_reliable)
{
    const struct phone_manners *manners = &call->phone->manners;
    struct sr_buf buf;

    sr_buf_init(&buf, PHONE_SDP_MAX);
    if (manners->has_early_sdp)
        (void)write_sdp(call, sr_str_c(call->offer), &buf);
    phone__respond(call->invite_stxn, manners->early_status,
                   is_reliable ? "Require: 100rel\r\nRSeq: 1\r\n" : NULL, sr_buf_view(&buf));
    sr_buf_done(&buf);
}

static void on_new_invite(struct phone_stxn *stxn, struct sr_str msg)
{
    struct sim_phone *phone = stxn->phone;
    const struct phone_manners *manners = &phone->manners;
    struct phone_call *call = phone__call_new(phone);
    struct sr_str from = sim_header(msg, "From", 0);
    struct sr_buf wishes;

    call->state = PHONE_INCOMING;
    keep(sim_header(msg, "Call-ID", 0), call->call_id, sizeof(call->call_id));
    keep(sim_param(from, "tag"), call->remote_tag, sizeof(call->remote_tag));
    keep(sim_uri(from), call->remote_uri, sizeof(call->remote_uri));
    keep(sim_uri(sim_header(msg, "To", 0)), call->local_uri, sizeof(call->local_uri));
    keep(sim_uri(sim_header(msg, "Contact", 0)), call->target, sizeof(call->target));
    learn_peer(call, from);
    sr_buf_init_fixed(&wishes, call->wishes, sizeof(call->wishes));
    sr_buf_str(&wishes, sim_header(msg, "Alert-Info", 0));
    sr_buf_str(&wishes, sim_header(msg, "Call-Info", 0));
    sr_buf_str(&wishes, sim_header(msg, "Answer-Mode", 0));
    (void)sr_buf_cstr(&wishes);
    keep_sdp(sim_body(msg), call->offer);
    keep_sdp(sim_body(msg), call->sdp);
    stxn->call = call;
    call->invite_stxn = stxn;
    keep(sim_header(msg, "Diversion", 0), call->diversion, sizeof(call->diversion));
    keep(sim_header(msg, "History-Info", 0), call->history, sizeof(call->history));
    stxn->ends_at = loop_now(phone->loop) + 200 * SR_SEC; /* it may ring for long */
    loop_timer_set(phone->loop, &stxn->timer, stxn->ends_at);
    if (manners->early_status != 0)
        send_early(call, manners->is_early_reliable &&
                             sim_has(sim_header(msg, "Supported", 0), "100rel"));
    if (manners->final_status != 0)
        loop_timer_set(phone->loop, &call->answer_timer,
                       loop_now(phone->loop) + manners->final_after);
}

/* re-INVITE and UPDATE: the answer, our offer, or what the manners say. */
static void on_reoffer(struct phone_stxn *stxn, struct phone_call *call, struct sr_str msg)
{
    uint16_t status = call->phone->manners.reoffer_status;
    bool is_invite = strcmp(stxn->method, "INVITE") == 0;
    struct sr_str body = sim_body(msg);
    struct sr_buf buf;

    learn_peer(call, sim_header(msg, "P-Asserted-Identity", 0));
    if (is_invite)
        call->reinvites++;
    else
        call->updates++;
    if (status != 0 && status != 200) {
        phone__respond(stxn, status, NULL, (struct sr_str){NULL, 0});
        return;
    }
    sr_buf_init(&buf, PHONE_SDP_MAX);
    if (!is_invite && body.n == 0) {
        phone__respond(stxn, 200, call->phone->manners.ok_extra, body);
    } else if (write_sdp(call, body, &buf)) {
        keep_sdp(body, call->sdp);
        phone__respond(stxn, 200, call->phone->manners.ok_extra, sr_buf_view(&buf));
    } else {
        phone__respond(stxn, 488, NULL, (struct sr_str){NULL, 0});
    }
    sr_buf_done(&buf);
}

static void on_cancel(struct phone_stxn *stxn, struct sr_str msg)
{
    struct phone_stxn *invite =
        phone__find_stxn(stxn->phone, SR_STR("INVITE"), sr_str_c(stxn->branch));
    struct phone_call *call = invite != NULL ? invite->call : NULL;

    if (call == NULL) {
        phone__respond(stxn, 481, NULL, (struct sr_str){NULL, 0});
        return;
    }
    stxn->call = call;
    call->cancels++;
    keep(sim_header(msg, "Reason", 0), call->end_reason, sizeof(call->end_reason));
    phone__respond(stxn, 200, NULL, (struct sr_str){NULL, 0});
    if (call->state != PHONE_INCOMING)
        return;
    loop_timer_clear(stxn->phone->loop, &call->answer_timer);
    phone__stxn_stop(invite);
    if (stxn->phone->manners.answers_cancelled)
        phone_answer(call);
    else
        phone_refuse(call, 487);
}

static void on_bye(struct phone_stxn *stxn, struct phone_call *call, struct sr_str msg)
{
    if (stxn->phone->manners.ignores_bye)
        return;
    call->byes++;
    keep(sim_header(msg, "Reason", 0), call->end_reason, sizeof(call->end_reason));
    call->state = PHONE_OVER;
    phone__respond(stxn, 200, NULL, (struct sr_str){NULL, 0});
}

/* How a transfer goes: "SIP/2.0 200 OK" in the body. */
static void on_notify(struct phone_call *call, struct sr_str msg)
{
    struct sr_str line = sr_str_from(sim_body(msg), 8);
    uint32_t status = 0;

    sr_usec now = loop_now(call->phone->loop);

    if (call->notifies++ > 0 &&
        (call->notify_gap_min == 0 || now - call->notified_at < call->notify_gap_min))
        call->notify_gap_min = now - call->notified_at;
    call->notified_at = now;
    keep(sim_body(msg), call->notify_body, sizeof(call->notify_body));
    if (sr_str_u32(sr_str_head(line, 3), 699, &status) == SR_OK)
        call->notify_status = (uint16_t)status;
    call->is_notify_last = sim_has(sim_header(msg, "Subscription-State", 0), "terminated");
}

/* Requests inside a call of ours. */
static void on_call_request(struct phone_stxn *stxn, struct phone_call *call, struct sr_str msg)
{
    stxn->call = call;
    if (strcmp(stxn->method, "INVITE") == 0 || strcmp(stxn->method, "UPDATE") == 0) {
        on_reoffer(stxn, call, msg);
        return;
    }
    if (strcmp(stxn->method, "BYE") == 0) {
        on_bye(stxn, call, msg);
        return;
    }
    if (strcmp(stxn->method, "NOTIFY") == 0) {
        on_notify(call, msg);
    } else if (strcmp(stxn->method, "PRACK") == 0) {
        call->pracks++;
        if (call->invite_stxn != NULL && call->invite_stxn->status < 200)
            phone__stxn_stop(call->invite_stxn);
    } else if (strcmp(stxn->method, "INFO") == 0) {
        call->infos++;
        keep(sim_body(msg), call->info_body, sizeof(call->info_body));
        if (stxn->phone->manners.info_status != 0) {
            phone__respond(stxn, stxn->phone->manners.info_status, NULL, (struct sr_str){NULL, 0});
            return;
        }
        phone__respond(stxn, 200, stxn->phone->manners.later, (struct sr_str){NULL, 0});
        return;
    }
    phone__respond(stxn, 200,
                   strcmp(stxn->method, "SUBSCRIBE") == 0 ? stxn->phone->manners.ask_extra : NULL,
                   (struct sr_str){NULL, 0});
}

/* The way back: Record-Route as it stands in a request, from the end in a response. */
static void learn_routes(struct phone_call *call, struct sr_str msg, bool is_response)
{
    struct sr_buf buf;
    struct sr_str value;
    size_t count = 0;

    while (sim_header(msg, "Record-Route", count).n > 0)
        count++;
    sr_buf_init_fixed(&buf, call->routes, sizeof(call->routes));
    for (size_t i = 0; i < count; i++) {
        value = sim_header(msg, "Record-Route", is_response ? count - 1 - i : i);
        sr_buf_fmt(&buf, "%s%.*s", i > 0 ? ", " : "", SR_STR_ARG(value));
    }
    (void)sr_buf_cstr(&buf);
}

/* What begins something outside of calls. */
static void on_ask(struct phone_stxn *stxn, struct sr_str msg)
{
    const struct phone_manners *manners = &stxn->phone->manners;
    uint16_t status = manners->ask_status != 0 ? manners->ask_status : 200;
    struct phone_call *call;
    struct sr_buf extra;

    sr_buf_init(&extra, PHONE_MESSAGE_MAX);
    if (manners->login_realm != NULL && sim_header(msg, "Proxy-Authorization", 0).n == 0) {
        sr_buf_fmt(&extra, "Proxy-Authenticate: Digest realm=\"%s\", nonce=\"n1\"\r\n",
                   manners->login_realm);
        phone__respond(stxn, 407, sr_buf_cstr(&extra), (struct sr_str){NULL, 0});
        sr_buf_done(&extra);
        return;
    }
    sr_buf_done(&extra);
    call = phone__call_new(stxn->phone);
    call->state = PHONE_OVER;
    keep(sim_header(msg, "Call-ID", 0), call->call_id, sizeof(call->call_id));
    keep(sim_param(sim_header(msg, "From", 0), "tag"), call->remote_tag, sizeof(call->remote_tag));
    keep(sim_uri(sim_header(msg, "From", 0)), call->remote_uri, sizeof(call->remote_uri));
    keep(sim_uri(sim_header(msg, "To", 0)), call->local_uri, sizeof(call->local_uri));
    keep(sim_uri(sim_header(msg, "Contact", 0)), call->target, sizeof(call->target));
    learn_routes(call, msg, false);
    stxn->call = call;
    phone__respond(stxn, status, manners->ask_extra, (struct sr_str){NULL, 0});
}

static void on_message(struct phone_stxn *stxn, struct sr_str msg)
{
    struct sim_phone *phone = stxn->phone;
    struct sr_str uri = sim_uri(sim_header(msg, "From", 0));
    struct sr_str user = sr_str_from(uri, sr_str_find(uri, ':', 0) + 1);

    if (phone->manners.ask_status != 0 || phone->manners.login_realm != NULL) {
        on_ask(stxn, msg);
        return;
    }

    keep(sim_body(msg), phone->message, sizeof(phone->message));
    keep(sr_str_head(user, sr_str_find(user, '@', 0)), phone->message_from,
         sizeof(phone->message_from));
    phone__respond(stxn, 200, NULL, (struct sr_str){NULL, 0});
}

/* Calls go where the registration came from. */
static void on_register(struct phone_stxn *stxn, struct sr_str msg)
{
    struct sim_phone *phone = stxn->phone;
    struct sr_str contact = sim_uri(sim_header(msg, "Contact", 0));
    char extra[2 * PHONE_TEXT_MAX];

    phone->registers++;
    phone->router = phone->seen;
    keep(contact, phone->registered, sizeof(phone->registered));
    (void)snprintf(extra, sizeof(extra), "Contact: <%s>;expires=%.*s\r\n", phone->registered,
                   SR_STR_ARG(sim_header(msg, "Expires", 0)));
    phone__respond(stxn, 200, extra, (struct sr_str){NULL, 0});
}

void phone__on_request(struct phone_stxn *stxn, struct sr_str msg)
{
    struct phone_call *call = phone__call_find(stxn->phone, sim_header(msg, "Call-ID", 0));
    bool has_tag = sim_param(sim_header(msg, "To", 0), "tag").n > 0;

    if (strcmp(stxn->method, "CANCEL") == 0)
        on_cancel(stxn, msg);
    else if (strcmp(stxn->method, "INVITE") == 0 && !has_tag)
        on_new_invite(stxn, msg);
    else if (strcmp(stxn->method, "REGISTER") == 0 && stxn->phone->manners.is_registrar)
        on_register(stxn, msg);
    else if (strcmp(stxn->method, "OPTIONS") == 0)
        phone__respond(stxn, 200, NULL, (struct sr_str){NULL, 0});
    else if (strcmp(stxn->method, "MESSAGE") == 0)
        on_message(stxn, msg);
    else if (!has_tag &&
             (strcmp(stxn->method, "SUBSCRIBE") == 0 || strcmp(stxn->method, "REFER") == 0 ||
              strcmp(stxn->method, "NOTIFY") == 0 || strcmp(stxn->method, "PUBLISH") == 0))
        on_ask(stxn, msg);
    else if (call != NULL &&
             (strcmp(stxn->method, "NOTIFY") == 0 || (strcmp(stxn->method, "SUBSCRIBE") == 0)))
        on_call_request(stxn, call, msg);
    else if (call != NULL && (call->state != PHONE_OVER || strcmp(stxn->method, "BYE") == 0))
        on_call_request(stxn, call, msg);
    else
        phone__respond(stxn, 481, NULL, (struct sr_str){NULL, 0});
}

void phone__on_ack(struct sim_phone *phone, struct sr_str msg)
{
    struct sr_str call_id = sim_header(msg, "Call-ID", 0);
    uint32_t cseq;

    (void)sim_cseq(msg, &cseq);
    SR_LIST_EACH(&phone->stxns, node)
    {
        struct phone_stxn *stxn = SR_CONTAINER(node, struct phone_stxn, node);
        struct phone_call *call = stxn->call;

        if (call == NULL || strcmp(stxn->method, "INVITE") != 0 || stxn->cseq != cseq ||
            stxn->status < 200 || !sr_str_eq_c(call_id, call->call_id))
            continue;
        if (stxn->is_resending)
            call->acks++;
        phone__stxn_stop(stxn);
        if (stxn->status < 300)
            keep_sdp(sim_body(msg), call->sdp);
        if (call->is_bye_due)
            phone_bye(call);
        return;
    }
}

void phone__on_no_ack(struct phone_stxn *stxn)
{
    if (stxn->call == NULL || strcmp(stxn->method, "INVITE") != 0)
        return;
    phone__stxn_stop(stxn);
    if (stxn->status < 300)
        phone_bye(stxn->call);
}

/* ---- answers to the phone ---- */

static void learn_dialog(struct phone_call *call, struct sr_str msg)
{
    struct sr_str contact = sim_header(msg, "Contact", 0);
    struct sr_str tag = sim_param(sim_header(msg, "To", 0), "tag");

    if (contact.n > 0)
        keep(sim_uri(contact), call->target, sizeof(call->target));
    if (tag.n > 0)
        keep(tag, call->remote_tag, sizeof(call->remote_tag));
}

static void on_provisional(struct phone_txn *txn, uint16_t status, struct sr_str msg)
{
    struct phone_call *call = txn->call;
    struct sr_str rseq = sim_header(msg, "RSeq", 0);
    struct sr_buf extra;

    if (status > 100)
        learn_dialog(call, msg);
    keep_sdp(sim_body(msg), call->early_sdp);
    if (rseq.n > 0 && !call->phone->manners.never_pracks) {
        sr_buf_init(&extra, PHONE_TEXT_MAX);
        sr_buf_fmt(&extra, "RAck: %.*s %u INVITE\r\n", SR_STR_ARG(rseq), txn->cseq);
        (void)phone__request(
            call, &(struct phone_request){.method = "PRACK", .extra = sr_buf_cstr(&extra)});
        sr_buf_done(&extra);
    }
    if (call->is_cancel_due)
        phone__send_cancel(txn);
    call->is_cancel_due = false;
}

/* ACK, with our answer when the 2xx has the offer. */
static void acknowledge(struct phone_txn *txn, struct sr_str msg)
{
    struct sr_buf buf;

    sr_buf_init(&buf, PHONE_SDP_MAX);
    if (txn->body[0] == '\0' && sim_body(msg).n > 0)
        (void)write_sdp(txn->call, sim_body(msg), &buf);
    phone__send_ack(txn, sr_buf_view(&buf));
    sr_buf_done(&buf);
}

static void on_invite_final(struct phone_txn *txn, uint16_t status, struct sr_str msg)
{
    struct phone_call *call = txn->call;

    if (sr_str_u32(sim_header(msg, "Retry-After", 0), 100000, &call->retry_after) != SR_OK)
        call->retry_after = 0;
    keep(sim_header(msg, "Reason", 0), call->end_reason, sizeof(call->end_reason));
    if (status >= 300) {
        call->state = PHONE_OVER;
        return;
    }
    learn_dialog(call, msg);
    keep_sdp(sim_body(msg), call->sdp);
    learn_peer(call, sim_header(msg, "P-Asserted-Identity", 0));
    call->state = PHONE_UP;
    acknowledge(txn, msg);
    if (call->is_cancelled)
        phone_bye(call);
}

static void on_reinvite_final(struct phone_txn *txn, uint16_t status, struct sr_str msg)
{
    txn->call->reoffer_status = status;
    if (status >= 300)
        return;
    keep_sdp(sim_body(msg), txn->call->sdp);
    acknowledge(txn, msg);
}

static void note_status(struct phone_call *call, uint16_t status)
{
    call->status = status;
    if (call->status_count < PHONE_STATUSES_MAX)
        call->statuses[call->status_count++] = status;
}

static void on_invite_response(struct phone_txn *txn, uint16_t status, struct sr_str msg)
{
    if (txn->is_merged) {
        if (status >= 200)
            txn->call->merged_status = status;
        return;
    }
    if (txn->is_in_dialog) {
        if (status >= 200)
            on_reinvite_final(txn, status, msg);
        return;
    }
    note_status(txn->call, status);
    if (status < 200)
        on_provisional(txn, status, msg);
    else
        on_invite_final(txn, status, msg);
}

void phone__on_response(struct phone_txn *txn, uint16_t status, struct sr_str msg)
{
    struct phone_call *call = txn->call;

    if (call != NULL && status >= 200)
        call->ask_status = status;
    if (call == NULL) {
        txn->phone->register_status = status;
    } else if (strcmp(txn->method, "INVITE") == 0) {
        on_invite_response(txn, status, msg);
    } else if (status < 200) {
        return;
    } else if (strcmp(txn->method, "UPDATE") == 0) {
        call->reoffer_status = status;
        keep_sdp(sim_body(msg), call->sdp);
    } else if (strcmp(txn->method, "BYE") == 0) {
        call->bye_status = status;
    } else if (strcmp(txn->method, "SUBSCRIBE") == 0) {
        call->subscribe_status = status;
        if (status < 300) {
            learn_dialog(call, msg);
            learn_routes(call, msg, true);
        }
    } else if (strcmp(txn->method, "MESSAGE") == 0) {
        call->message_status = status;
    } else if (strcmp(txn->method, "REFER") == 0) {
        call->refer_status = status;
    } else if (strcmp(txn->method, "INFO") == 0) {
        call->info_status = status;
    } else if (strcmp(txn->method, "CANCEL") == 0) {
        call->cancel_status = status;
    }
}

void phone__on_no_response(struct phone_txn *txn)
{
    struct phone_call *call = txn->call;

    if (call == NULL) {
        txn->phone->register_status = 408;
    } else if (strcmp(txn->method, "INVITE") == 0 && !txn->is_in_dialog && !txn->is_merged) {
        note_status(call, 408);
        call->state = PHONE_OVER;
    } else if (strcmp(txn->method, "INVITE") == 0 || strcmp(txn->method, "UPDATE") == 0) {
        call->reoffer_status = 408;
    } else if (strcmp(txn->method, "MESSAGE") == 0) {
        call->message_status = 408;
    } else if (strcmp(txn->method, "BYE") == 0) {
        call->bye_status = 408;
    }
}

/* Server transactions: the table, their timers and their messages. */
#include "base/alloc.h"
#include "ua/proxy.h"
#include "ua/sip_leg_internal.h"

enum {
    ARENA_BYTES_MAX = 256 * 1024 /* the request, its index and its copies */
};

static void run(struct server_txn *txn, const struct sip_txn_step *step);

static void on_timer(void *arg)
{
    struct server_txn *txn = arg;
    struct sip_txn_step step;

    sip_txn_on_deadline(&txn->machine, ua__now(txn->ua), &step);
    run(txn, &step);
}

struct server_txn *server_txn__find(struct ua *ua, const struct sip_txn_key *key)
{
    return sr_map_find(&ua->server_txns, sip_txn_key_view(key));
}

struct server_txn *server_txn__new(struct ua_in *in)
{
    struct ua *ua = in->ua;
    bool is_invite = in->msg->method == SIP_METHOD_INVITE;
    struct sip_txn_options options = {.trying_delay = is_invite ? 0 : SR_NEVER};
    struct sip_txn_step step;
    struct server_txn *txn;
    enum sr_err err;

    if (ua->server_txns.count + ua->client_txns.count >= UA_TRANSACTIONS_MAX)
        return NULL;
    txn = sr_zalloc(1, sizeof(*txn));
    txn->ua = ua;
    sr_arena_init(&txn->arena, ARENA_BYTES_MAX);
    txn->request = sip_msg_keep(&txn->arena, in->bytes, &err);
    if (txn->request == NULL || sip_txn_key_of_request(in->msg, &txn->key) != SR_OK) {
        sr_arena_done(&txn->arena);
        sr_free(txn);
        return NULL;
    }
    txn->source = *in->flow;
    ua__reply_flow(in->msg, in->flow, &txn->reply);
    ua__token(ua, 10, txn->to_tag);
    loop_timer_init(&txn->timer, on_timer, txn);
    sr_list_add(&ua->server_list, &txn->node);
    (void)sr_map_put(&ua->server_txns, sip_txn_key_view(&txn->key), txn);
    sip_txn_start(&txn->machine, is_invite ? SIP_TXN_INVITE_SERVER : SIP_TXN_SERVER,
                  net_kind_is_stream(in->flow->kind), &options, ua__now(ua), &step);
    run(txn, &step);
    return txn;
}

void server_txn__free(struct server_txn *txn)
{
    struct ua *ua = txn->ua;

    message__forget(txn);
    proxy__forget(txn);
    server_txn__detach(txn);
    loop_timer_clear(ua->loop, &txn->timer);
    (void)sr_map_remove(&ua->server_txns, sip_txn_key_view(&txn->key));
    if (txn->merged.len > 0)
        (void)sr_map_remove(&ua->merged, sip_txn_key_view(&txn->merged));
    sr_list_remove(&ua->server_list, &txn->node);
    sr_arena_done(&txn->arena);
    ua__undup(&txn->response);
    sr_free(txn);
}

void server_txn__detach(struct server_txn *txn)
{
    struct sip_leg *leg = txn->leg;

    if (leg == NULL)
        return;
    txn->leg = NULL;
    if (leg->invite_st == txn)
        leg->invite_st = NULL;
    if (leg->ok_st == txn)
        leg->ok_st = NULL;
    if (leg->offer_st == txn)
        leg->offer_st = NULL;
    if (leg->refer_st == txn)
        leg->refer_st = NULL;
    if (leg->info_st == txn)
        leg->info_st = NULL;
}

void server_txn__acked(struct server_txn *txn)
{
    server_txn__detach(txn);
    ua__undup(&txn->response);
}

/* Sends the kept response. False when it could not be sent. */
static bool send_response(struct server_txn *txn)
{
    if (txn->response.n == 0)
        return true;
    return ua__send(txn->ua, &txn->reply, false, txn->response, &txn->cookies) == SR_OK;
}

void server_txn__again(struct server_txn *txn)
{
    txn->ua->stats.retransmitted++;
    (void)send_response(txn); /* the repetition has its own end */
}

static void send_trying(struct server_txn *txn)
{
    struct sip_build build;

    if (txn->request == NULL)
        return;
    server_txn__begin(txn, &build, 100, SR_STR(""));
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) != SR_OK)
        return;
    ua__undup(&txn->response);
    txn->response = ua__dup(sr_buf_view(&txn->ua->out));
    (void)send_response(txn); /* a repeated request brings it again */
}

static void run(struct server_txn *txn, const struct sip_txn_step *step)
{
    bool is_lost = false;

    for (uint8_t i = 0; i < step->todo_count; i++) {
        switch (step->todo[i]) {
        case SIP_TXN_DO_SEND:
            is_lost = !send_response(txn);
            break;
        case SIP_TXN_DO_SEND_TRYING:
            send_trying(txn);
            break;
        case SIP_TXN_DO_FREE:
            server_txn__free(txn);
            return;
        case SIP_TXN_DO_TELL_TRANSPORT: /* the peer asks again, or gives up by its own timers */
        case SIP_TXN_DO_TELL_REQUEST:   /* the caller of server_txn__new() has it */
        case SIP_TXN_DO_TELL_ACK:       /* request_in.c finds the leg by its dialog */
        case SIP_TXN_DO_TELL_TIMEOUT:   /* a refusal without ACK: nobody is left to care */
        case SIP_TXN_DO_SEND_ACK:
        case SIP_TXN_DO_TELL_RESPONSE:
            break;
        }
    }
    if (is_lost && txn->machine.kind == SIP_TXN_SERVER) {
        struct sip_txn_step lost;

        sip_txn_on_transport_error(&txn->machine, ua__now(txn->ua), &lost);
        run(txn, &lost);
        return;
    }
    loop_timer_set(txn->ua->loop, &txn->timer, sip_txn_deadline(&txn->machine));
}

void server_txn__on_request(struct server_txn *txn, bool is_ack)
{
    struct sip_txn_step step;

    sip_txn_on_request(&txn->machine, is_ack, ua__now(txn->ua), &step);
    if (step.todo_count > 0 && step.todo[0] == SIP_TXN_DO_SEND)
        txn->ua->stats.retransmitted++;
    run(txn, &step);
}

void server_txn__begin(struct server_txn *txn, struct sip_build *build, uint16_t status,
                       struct sr_str reason)
{
    SR_ASSERT(txn->request != NULL);
    ua__reply_begin(txn->ua, build,
                    &(struct ua_reply){.request = txn->request,
                                       .source = &txn->source.remote,
                                       .status = status,
                                       .reason = reason,
                                       .to_tag = sr_str_c(txn->to_tag)});
}

void server_txn__send(struct server_txn *txn, struct sip_build *build, uint16_t status,
                      struct sr_str type, struct sr_str body)
{
    struct sip_txn_step step;

    if (sip_build_end(build, type, body) != SR_OK) {
        server_txn__begin(txn, build, 500, SR_STR(""));
        status = 500;
        if (sip_build_end(build, SR_STR(""), SR_STR("")) != SR_OK)
            return; /* not even the request's own headers fit: timers end it */
    }
    if (sip_txn_respond(&txn->machine, status, ua__now(txn->ua), &step) != SR_OK)
        return; /* a final response was given already */
    ua__undup(&txn->response);
    txn->response = ua__dup(sr_buf_view(&txn->ua->out));
    if (status >= 200) {
        txn->request = NULL;
        sr_arena_done(&txn->arena);
        sr_arena_init(&txn->arena, 1);
    }
    run(txn, &step);
}

void server_txn__refuse(struct server_txn *txn, uint16_t status, const struct ua_refusal *refusal)
{
    struct sip_build build;
    struct ua_refusal none = {0};

    if (txn->request == NULL)
        return;
    if (refusal == NULL)
        refusal = &none;
    server_txn__begin(txn, &build, status, refusal->reason);
    ua__refusal_headers(&build, refusal, status);
    server_txn__send(txn, &build, status, SR_STR(""), SR_STR(""));
}

void server_txn__ok(struct server_txn *txn)
{
    struct sip_build build;

    if (txn->request == NULL)
        return;
    server_txn__begin(txn, &build, 200, SR_STR(""));
    server_txn__send(txn, &build, 200, SR_STR(""), SR_STR(""));
}

/* Client transactions: the table, their timers and their messages. */
#include "base/alloc.h"
#include "base/hash.h"
#include "ua/internal.h"

static void run(struct client_txn *txn, const struct sip_txn_step *step, struct sip_msg *msg);

static void on_timer(void *arg)
{
    struct client_txn *txn = arg;
    struct sip_txn_step step;

    sip_txn_on_deadline(&txn->machine, ua__now(txn->ua), &step);
    if (step.todo_count > 0 && step.todo[0] == SIP_TXN_DO_SEND)
        txn->ua->stats.retransmitted++;
    run(txn, &step, NULL);
}

static void on_failed(void *arg)
{
    struct client_txn *txn = arg;
    struct sip_txn_step step;

    sip_txn_on_transport_error(&txn->machine, ua__now(txn->ua), &step);
    run(txn, &step, NULL);
}

static void hang_on_conn(struct client_txn *txn)
{
    if (txn->conn != NULL || txn->flow.conn == SR_ID_NONE)
        return;
    txn->conn = ua__conn(txn->ua, txn->flow.conn, true);
    sr_list_add(&txn->conn->client_txns, &txn->conn_node);
}

struct client_txn *client_txn__new(struct ua *ua, const struct client_txn_options *options)
{
    struct sip_txn_step step;
    struct client_txn *txn;
    bool is_invite = options->method == SIP_METHOD_INVITE;

    if (ua->server_txns.count + ua->client_txns.count >= UA_TRANSACTIONS_MAX)
        return NULL;
    txn = sr_zalloc(1, sizeof(*txn));
    txn->ua = ua;
    txn->method = options->method;
    txn->flow = *options->flow;
    txn->fn = options->fn;
    txn->arg = options->arg;
    txn->cookies = options->cookies;
    txn->request = ua__dup(sr_buf_view(&ua->out));
    txn->sent_at = ua__now(ua);
    loop_timer_init(&txn->timer, on_timer, txn);
    loop_job_init(&txn->failed, on_failed, txn);
    sip_txn_key_client(options->branch, sr_str_c(sip_method_name(options->method)), &txn->key);
    sr_list_add(&ua->client_list, &txn->node);
    (void)sr_map_put(&ua->client_txns, sip_txn_key_view(&txn->key), txn);
    sip_txn_start(&txn->machine, is_invite ? SIP_TXN_INVITE_CLIENT : SIP_TXN_CLIENT,
                  net_kind_is_stream(txn->flow.kind), NULL, ua__now(ua), &step);
    run(txn, &step, NULL);
    return txn;
}

void client_txn__detach(struct client_txn *txn)
{
    txn->fn = NULL;
    if (txn->leg_list != NULL)
        sr_list_remove(txn->leg_list, &txn->leg_node);
    txn->leg_list = NULL;
}

void client_txn__free(struct client_txn *txn)
{
    struct ua *ua = txn->ua;

    client_txn__detach(txn);
    if (txn->conn != NULL) {
        sr_list_remove(&txn->conn->client_txns, &txn->conn_node);
        ua__conn_drop(ua, txn->conn);
    }
    loop_timer_clear(ua->loop, &txn->timer);
    loop_defer_clear(ua->loop, &txn->failed);
    (void)sr_map_remove(&ua->client_txns, sip_txn_key_view(&txn->key));
    sr_list_remove(&ua->client_list, &txn->node);
    ua__undup(&txn->request);
    ua__undup(&txn->ack);
    sr_free(txn);
}

/* Starts a request that belongs to the INVITE of this transaction: same URI, Via, Route, ids. */
static bool begin_like(struct client_txn *txn, struct sip_build *build, enum sip_method method,
                       struct sip_msg *ret_request, struct sip_header slots[SIP_HEADERS_MAX])
{
    const struct sip_cseq *cseq;

    if (sip_msg_parse(txn->request, slots, SIP_HEADERS_MAX, ret_request, NULL) != SR_OK)
        return false;
    cseq = sip_msg_cseq(ret_request);
    if (cseq == NULL)
        return false;
    sr_buf_clear(&txn->ua->out);
    sip_build_init(build, &txn->ua->out);
    sip_build_request(build, method, ret_request->uri_text);
    sip_build_copy(build, ret_request, SIP_HDR_VIA);
    sip_build_copy(build, ret_request, SIP_HDR_ROUTE);
    sip_build_uint(build, SIP_HDR_MAX_FORWARDS, 70);
    sip_build_copy(build, ret_request, SIP_HDR_FROM);
    sip_build_copy(build, ret_request, SIP_HDR_CALL_ID);
    sip_build_cseq(build, cseq->number, sr_str_c(sip_method_name(method)));
    return true;
}

/* The ACK of a refusal (17.1.1.3). */
static void send_ack(struct client_txn *txn, struct sip_msg *response)
{
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_msg request;
    struct sip_build build;
    struct net_flow flow = txn->flow;

    if (!begin_like(txn, &build, SIP_METHOD_ACK, &request, slots))
        return;
    sip_build_copy(&build, response, SIP_HDR_TO);
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        (void)ua__send(txn->ua, &flow, false, sr_buf_view(&txn->ua->out), &txn->cookies);
}

bool client_txn__cancel(struct client_txn *txn, uint16_t status, struct sr_str reason)
{
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_msg request;
    struct sip_build build;
    struct client_txn_options options = {
        .method = SIP_METHOD_CANCEL, .flow = &txn->flow, .cookies = txn->cookies};
    const struct sip_via *via;

    if (txn->is_cancelled)
        return true;
    if (!sip_txn_may_cancel(&txn->machine) ||
        !begin_like(txn, &build, SIP_METHOD_CANCEL, &request, slots))
        return false;
    via = sip_msg_via(&request);
    SR_ASSERT(via != NULL);
    options.branch = via->branch;
    sip_build_copy(&build, &request, SIP_HDR_TO);
    if (status != 0)
        sip_build_reason(&build, "SIP", status, reason);
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) != SR_OK)
        return false;
    txn->is_cancelled = true;
    sip_txn_on_cancel_sent(&txn->machine, ua__now(txn->ua));
    loop_timer_set(txn->ua->loop, &txn->timer, sip_txn_deadline(&txn->machine));
    (void)client_txn__new(txn->ua, &options); /* none left: the INVITE ends by its own timer */
    return true;
}

void client_txn__set_ack(struct client_txn *txn, struct sr_str to_tag, struct sr_str ack)
{
    ua__undup(&txn->ack);
    txn->ack = ua__dup(ack);
    (void)sr_str_copy(to_tag, txn->ack_tag, sizeof(txn->ack_tag));
    (void)ua__send(txn->ua, &txn->flow, true, txn->ack, &txn->cookies); /* repeated with the 2xx */
}

/* Remembers a To tag; true when it was known. */
static bool was_buried(struct client_txn *txn, struct sr_str tag)
{
    uint64_t hash = sr_siphash(txn->ua->secret.bytes, tag.p, tag.n) | 1;
    size_t i = 0;

    while (i < UA_FORKS_MAX && txn->buried[i] != 0 && txn->buried[i] != hash)
        i++;
    if (i == UA_FORKS_MAX)
        return true; /* enough: it ends by its own timer */
    if (txn->buried[i] == hash)
        return true;
    txn->buried[i] = hash;
    return false;
}

void client_txn__bury(struct client_txn *txn, struct sip_msg *msg)
{
    struct ua *ua = txn->ua;
    const struct sip_nameaddr *to = sip_msg_to(msg);
    const struct sip_cseq *cseq = sip_msg_cseq(msg);
    char branch[UA_TOKEN_MAX];
    struct sip_dialog dialog;
    struct ua_dialog_request request = {
        .dialog = &dialog, .flow = &txn->flow, .method = SIP_METHOD_ACK};
    struct net_flow flow = txn->flow;
    struct sip_build build;

    if (to == NULL || cseq == NULL || sip_dialog_init_uac(&dialog, msg, false) != SR_OK)
        return;
    ua__branch(ua, branch);
    request.branch = sr_str_c(branch);
    request.cseq = cseq->number;
    ua__request_begin(ua, &build, &request);
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        (void)ua__send(ua, &flow, false, sr_buf_view(&ua->out), &txn->cookies);
    if (was_buried(txn, to->tag))
        return;
    sip_dialog_set_local_cseq(&dialog, cseq->number);
    ua__send_bye(ua, &dialog, &txn->flow, &txn->cookies, 0, SR_STR(""));
}

/* Gives a response to whoever asked. */
static void tell(struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    bool is_2xx = status >= 200 && status < 300;

    if (txn->method == SIP_METHOD_INVITE && is_2xx && msg != NULL) {
        const struct sip_nameaddr *to = sip_msg_to(msg);
        bool is_acked = to != NULL && txn->ack.n > 0 && sr_str_eq_c(to->tag, txn->ack_tag);

        if (is_acked) {
            txn->ua->stats.retransmitted++;
            (void)ua__send(txn->ua, &txn->flow, false, txn->ack, &txn->cookies);
            return;
        }
        if (txn->fn == NULL || txn->ack.n > 0) {
            client_txn__bury(txn, msg);
            return;
        }
    }
    if (txn->fn != NULL)
        txn->fn(txn->arg, txn, msg, status);
}

static void run(struct client_txn *txn, const struct sip_txn_step *step, struct sip_msg *msg)
{
    for (uint8_t i = 0; i < step->todo_count; i++) {
        switch (step->todo[i]) {
        case SIP_TXN_DO_SEND:
            if (ua__send(txn->ua, &txn->flow, true, txn->request, &txn->cookies) != SR_OK)
                loop_defer(txn->ua->loop, &txn->failed);
            else
                hang_on_conn(txn);
            break;
        case SIP_TXN_DO_SEND_ACK:
            send_ack(txn, msg);
            break;
        case SIP_TXN_DO_TELL_RESPONSE:
            tell(txn, msg, msg->status);
            break;
        case SIP_TXN_DO_TELL_TIMEOUT:
            tell(txn, NULL, 408);
            break;
        case SIP_TXN_DO_TELL_TRANSPORT:
            tell(txn, NULL, 503);
            break;
        case SIP_TXN_DO_FREE:
            client_txn__free(txn);
            return;
        case SIP_TXN_DO_SEND_TRYING:
        case SIP_TXN_DO_TELL_REQUEST:
        case SIP_TXN_DO_TELL_ACK:
            break;
        }
    }
    if (txn->machine.state == SIP_TXN_ACCEPTED ||
        (txn->machine.state == SIP_TXN_COMPLETED && txn->method != SIP_METHOD_INVITE))
        ua__undup(&txn->request); /* only waits for stragglers */
    loop_timer_set(txn->ua->loop, &txn->timer, sip_txn_deadline(&txn->machine));
}

void client_txn__on_message(struct ua_in *in)
{
    struct ua *ua = in->ua;
    struct sip_txn_key key;
    struct sip_txn_step step;
    struct client_txn *txn = NULL;

    if (sip_txn_key_of_response(in->msg, &key) == SR_OK)
        txn = sr_map_find(&ua->client_txns, sip_txn_key_view(&key));
    if (txn == NULL) {
        ua->stats.stray_responses++;
        return;
    }
    ua__trace(ua, &txn->cookies, in->flow, false, in->bytes);
    sip_txn_on_response(&txn->machine, in->msg->status, ua__now(ua), &step);
    run(txn, &step, in->msg);
}

void client_txn__on_conn_closed(struct ua_conn *conn)
{
    SR_LIST_EACH(&conn->client_txns, node)
    {
        struct client_txn *txn = SR_CONTAINER(node, struct client_txn, conn_node);

        sr_list_remove(&conn->client_txns, &txn->conn_node);
        txn->conn = NULL;
        txn->flow.conn = SR_ID_NONE;
        loop_defer(txn->ua->loop, &txn->failed);
    }
}

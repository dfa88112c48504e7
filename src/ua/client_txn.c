/* Client transactions: the table, their timers and their messages. */
#include "base/alloc.h"
#include "base/hash.h"
#include "ua/client_size.h"

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

/* An INVITE stays in its family, for which its SDP was written; does the provider live in another one,
 * too? Then whoever calls is told early, and calls again. */
static bool has_other_family(const struct client_txn *txn)
{
    const struct provider *provider = provider__get(txn->ua, txn->provider);

    if (provider == NULL || txn->targets == NULL || txn->method != SIP_METHOD_INVITE)
        return false;
    for (size_t i = 0; i < provider->target_count; i++) {
        if (!provider->targets[i].is_bad &&
            provider->targets[i].addr.family != txn->flow.remote.family)
            return true;
    }
    return false;
}

static void tell(struct client_txn *txn, struct sip_msg *msg, uint16_t status);

/* Nothing answered there for UA_PROVIDER_TRY_SEC. */
static void on_try_timer(void *arg)
{
    struct client_txn *txn = arg;
    struct client_txn *old = client_txn__next_target(txn);

    if (old != NULL) {
        loop_timer_set(old->ua->loop, &old->timer, sip_txn_deadline(&old->machine));
    } else if (has_other_family(txn) && !txn->is_cancelled) {
        txn->is_abandoned = true;
        tell(txn, NULL, 408);
    }
}

static void watch_try(struct client_txn *txn)
{
    struct txn_targets *targets = txn->targets;

    txn->is_answered = txn->has_rung = false;
    if (txn->is_streamed ||
        (targets != NULL && (targets->index + 1 < targets->count || has_other_family(txn))))
        loop_timer_set(txn->ua->loop, &txn->try_timer,
                       ua__now(txn->ua) + UA_PROVIDER_TRY_SEC * SR_SEC);
    else
        loop_timer_clear(txn->ua->loop, &txn->try_timer);
}

/* The provider's addresses of the same family (SDP and all are written for it), from the one in use on. */
static void take_targets(struct client_txn *txn)
{
    struct provider *provider = provider__get(txn->ua, txn->provider);
    uint8_t family =
        txn->method == SIP_METHOD_INVITE ? txn->flow.remote.family : (uint8_t)SR_ADDR_NONE;
    struct resolver_target found[RESOLVER_TARGETS_MAX];
    size_t count = provider != NULL ? provider__targets(provider, family, found) : 0;

    if (count == 0)
        return;
    txn->targets = sr_zalloc(1, sizeof(*txn->targets) + count * sizeof(found[0]));
    memcpy(txn->targets->items, found, count * sizeof(found[0]));
    txn->targets->count = count;
}

static void hang_on_conn(struct client_txn *txn)
{
    if (txn->conn != NULL || txn->flow.conn == SR_ID_NONE)
        return;
    txn->conn = ua__conn(txn->ua, txn->flow.conn, true);
    sr_list_add(&txn->conn->client_txns, &txn->conn_node);
}

void client_txn__launch(struct client_txn *txn)
{
    struct sip_txn_step step;

    watch_try(txn);
    txn->sent_at = ua__now(txn->ua);
    sip_txn_start(&txn->machine,
                  txn->method == SIP_METHOD_INVITE ? SIP_TXN_INVITE_CLIENT : SIP_TXN_CLIENT,
                  net_kind_is_stream(txn->flow.kind), NULL, ua__now(txn->ua), &step);
    run(txn, &step, NULL);
}

const struct net_flow *client_txn__dialog_flow(const struct client_txn *txn,
                                               const struct sip_dialog *dialog)
{
    struct sr_str transport;
    struct sip_uri hop;

    if (!txn->is_streamed ||
        (dialog != NULL && sip_uri_parse(sip_dialog_next_hop(dialog), &hop, NULL) == SR_OK &&
         sip_uri_param(&hop, "transport", &transport) && sr_str_ieq(transport, SR_STR("tcp"))))
        return &txn->flow;
    return &txn->datagram;
}

struct client_txn *client_txn__new(struct ua *ua, const struct client_txn_options *options)
{
    struct client_txn *txn;

    if (ua->server_txns.count + ua->client_txns.count >= UA_TRANSACTIONS_MAX)
        return NULL;
    txn = sr_zalloc(1, sizeof(*txn));
    txn->ua = ua;
    txn->method = options->method;
    txn->flow = *options->flow;
    txn->fn = options->fn;
    txn->arg = options->arg;
    txn->cookies = options->cookies;
    txn->provider = options->provider;
    txn->cseq = options->cseq;
    txn->is_preempted = options->is_preempted;
    txn->request = ua__dup(sr_buf_view(&ua->out));
    txn->sent_at = ua__now(ua);
    loop_timer_init(&txn->timer, on_timer, txn);
    loop_timer_init(&txn->try_timer, on_try_timer, txn);
    if (options->is_failing_over)
        take_targets(txn);
    client_size__init(txn);
    loop_job_init(&txn->failed, on_failed, txn);
    sip_txn_key_client(options->branch, sr_str_c(sip_method_name(options->method)), &txn->key);
    sr_list_add(&ua->client_list, &txn->node);
    (void)sr_map_put(&ua->client_txns, sip_txn_key_view(&txn->key), txn);
    client_size__launch(txn);
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
    loop_timer_clear(ua->loop, &txn->try_timer);
    client_size__forget(txn);
    loop_defer_clear(ua->loop, &txn->failed);
    sr_free(txn->targets);
    (void)sr_map_remove(&ua->client_txns, sip_txn_key_view(&txn->key));
    sr_list_remove(&ua->client_list, &txn->node);
    ua__undup(&txn->request);
    ua__undup(&txn->ack);
    sr_free(txn);
}

struct client_txn *client_txn__again(struct client_txn *txn, const struct net_flow *flow,
                                     struct sr_str branch)
{
    struct ua *ua = txn->ua;
    struct client_txn *old;

    if (ua->server_txns.count + ua->client_txns.count >= UA_TRANSACTIONS_MAX)
        return NULL;
    old = sr_zalloc(1, sizeof(*old));
    old->ua = ua;
    old->machine = txn->machine;
    old->key = txn->key;
    old->flow = txn->flow;
    old->method = txn->method;
    old->request = txn->request;
    old->cookies = txn->cookies;
    old->provider = txn->provider;
    old->sent_at = txn->sent_at;
    old->is_streamed = txn->is_streamed;
    old->datagram = txn->datagram;
    client_size__init(old);
    loop_timer_init(&old->timer, on_timer, old);
    loop_timer_init(&old->try_timer, on_try_timer, old);
    loop_job_init(&old->failed, on_failed, old);
    sr_list_add(&ua->client_list, &old->node);
    if (txn->conn != NULL) {
        sr_list_remove(&txn->conn->client_txns, &txn->conn_node);
        old->conn = txn->conn;
        sr_list_add(&old->conn->client_txns, &old->conn_node);
        txn->conn = NULL;
    }
    (void)sr_map_remove(&ua->client_txns, sip_txn_key_view(&txn->key));
    (void)sr_map_put(&ua->client_txns, sip_txn_key_view(&old->key), old);
    sip_txn_key_client(branch, sr_str_c(sip_method_name(txn->method)), &txn->key);
    (void)sr_map_put(&ua->client_txns, sip_txn_key_view(&txn->key), txn);
    loop_defer_clear(ua->loop, &txn->failed);
    txn->request = ua__dup(sr_buf_view(&ua->out));
    txn->flow = *flow;
    txn->is_streamed = txn->is_streamed && flow->kind != NET_UDP;
    txn->send_count = 0;
    txn->machine = (struct sip_txn){0}; /* it may have to wait for a connection */
    loop_timer_clear(ua->loop, &txn->timer);
    loop_timer_clear(ua->loop, &txn->try_timer);
    client_size__launch(txn);
    return old;
}

/* Sends, and opens a connection as the provider wants it. */
static enum sr_err transmit(struct client_txn *txn, struct net_flow *flow, struct sr_str bytes)
{
    struct provider *provider = provider__get(txn->ua, txn->provider);
    struct net_dial dial;

    txn->send_count++;
    if (txn->provider == SR_ID_NONE)
        return ua__send(txn->ua, flow, true, bytes, &txn->cookies);
    if (provider == NULL)
        return ua__send(txn->ua, flow, false, bytes, &txn->cookies);
    dial = provider__dial(provider);
    return ua__send_dial(txn->ua, flow, &dial, bytes, &txn->cookies);
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

void client_txn__set_ack(struct client_txn *txn, const struct net_flow *flow, struct sr_str to_tag,
                         struct sr_str ack)
{
    ua__undup(&txn->ack);
    txn->ack = ua__dup(ack);
    (void)sr_str_copy(to_tag, txn->ack_tag, sizeof(txn->ack_tag));
    txn->ack_flow = *flow;
    (void)transmit(txn, &txn->ack_flow, txn->ack); /* repeated with the 2xx */
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
    struct net_flow flow;
    struct ua_dialog_request request = {
        .dialog = &dialog, .flow = &flow, .method = SIP_METHOD_ACK, .provider = txn->provider};
    struct sip_build build;

    if (to == NULL || cseq == NULL || sip_dialog_init_uac(&dialog, msg, false) != SR_OK)
        return;
    flow = *client_txn__dialog_flow(txn, &dialog);
    ua__branch(ua, branch);
    request.branch = sr_str_c(branch);
    request.cseq = cseq->number;
    ua__request_begin(ua, &build, &request);
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        (void)ua__send(ua, &flow, false, sr_buf_view(&ua->out), &txn->cookies);
    if (was_buried(txn, to->tag))
        return;
    sip_dialog_set_local_cseq(&dialog, cseq->number);
    ua__send_bye(
        ua, &dialog,
        &(struct ua_bye){.flow = &flow, .cookies = txn->cookies, .provider = txn->provider});
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
            (void)ua__send(txn->ua, &txn->ack_flow, false, txn->ack, &txn->cookies);
            return;
        }
        if (txn->fn == NULL || txn->ack.n > 0) {
            client_txn__bury(txn, msg);
            return;
        }
    }
    if (txn->is_abandoned && status < 200)
        (void)client_txn__cancel(txn, 0, SR_STR(""));
    if (txn->fn != NULL)
        txn->fn(txn->arg, txn, msg, status);
}

/* As tell(), unless the request goes out once more: then the rest of the step is for the transaction
 * that is over, which is given. */
static struct client_txn *tell_or_retry(struct client_txn *txn, struct sip_msg *msg,
                                        uint16_t status)
{
    struct client_txn *old = NULL;

    if (txn->provider != SR_ID_NONE)
        old = msg != NULL ? client_txn__retry(txn, msg) : client_txn__next_target(txn);
    if (old != NULL)
        return old;
    tell(txn, msg, status);
    return txn;
}

static void run(struct client_txn *txn, const struct sip_txn_step *step, struct sip_msg *msg)
{
    for (uint8_t i = 0; i < step->todo_count; i++) {
        switch (step->todo[i]) {
        case SIP_TXN_DO_SEND:
            if (transmit(txn, &txn->flow, txn->request) != SR_OK)
                loop_defer(txn->ua->loop, &txn->failed);
            else
                hang_on_conn(txn);
            break;
        case SIP_TXN_DO_SEND_ACK:
            send_ack(txn, msg);
            break;
        case SIP_TXN_DO_TELL_RESPONSE:
            txn = tell_or_retry(txn, msg, msg->status);
            break;
        case SIP_TXN_DO_TELL_TIMEOUT:
            txn = tell_or_retry(txn, NULL, 408);
            break;
        case SIP_TXN_DO_TELL_TRANSPORT:
            txn = tell_or_retry(txn, NULL, 503);
            break;
        case SIP_TXN_DO_FREE:
            if (txn->method == SIP_METHOD_INVITE)
                tell(txn, NULL, 408); /* whoever still owes its 2xx an ACK holds on to it */
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
    struct provider *provider;

    if (sip_txn_key_of_response(in->msg, &key) == SR_OK)
        txn = sr_map_find(&ua->client_txns, sip_txn_key_view(&key));
    provider = txn != NULL ? provider__get(ua, txn->provider) : NULL;
    /* who is no server of the provider learns nothing of a password and moves nobody's address */
    if (provider != NULL && !sr_addr_ip_eq(&in->flow->remote, &txn->flow.remote) &&
        !provider__is_from(provider, in->flow)) {
        provider->stranger = in->flow->remote;
        txn = NULL;
    }
    if (txn == NULL || txn->waits_for != SR_ID_NONE) {
        ua->stats.stray_responses++;
        return;
    }
    if (provider != NULL)
        provider->stranger.family = SR_ADDR_NONE;
    if (provider != NULL && !txn->is_streamed)
        provider__learn(provider, &txn->flow, in->msg);
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

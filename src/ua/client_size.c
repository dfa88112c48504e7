/* Requests that are too large for a datagram: short names first, then a connection, then all the same. */
#include "ua/client_size.h"

#include "base/alloc.h"
#include "base/log.h"

struct known {
    struct sr_addr addr; /* family NONE: free */
    sr_usec used_at, refused_until;
    bool is_proven; /* a request was served over it */
};

struct client_size {
    struct sr_list waiting;
    struct known known[CLIENT_SIZE_KNOWN_MAX];
};

struct client_size *client_size__new(void)
{
    struct client_size *size = sr_zalloc(1, sizeof(*size));

    sr_list_init(&size->waiting);
    return size;
}

void client_size__free(struct client_size *size)
{
    SR_ASSERT(size->waiting.count == 0);
    sr_free(size);
}

/* What is known of TCP at that address. */
static struct known *get_known(struct ua *ua, const struct sr_addr *addr)
{
    struct known *list = ua->client_size->known;
    struct known *found = &list[0];

    for (size_t i = 0; i < CLIENT_SIZE_KNOWN_MAX; i++) {
        if (sr_addr_eq(&list[i].addr, addr)) {
            found = &list[i];
            break;
        }
        if (list[i].used_at < found->used_at)
            found = &list[i];
    }
    if (!sr_addr_eq(&found->addr, addr))
        *found = (struct known){.addr = *addr};
    found->used_at = ua__now(ua);
    return found;
}

/* ---- short names ---- */

static bool has_short_name(enum sip_hdr id)
{
    return id == SIP_HDR_VIA || id == SIP_HDR_FROM || id == SIP_HDR_TO || id == SIP_HDR_CALL_ID ||
           id == SIP_HDR_CONTACT || id == SIP_HDR_SUPPORTED || id == SIP_HDR_CONTENT_TYPE ||
           id == SIP_HDR_CONTENT_LENGTH;
}

/* The names that RFC 3261 itself shortens: every parser knows them. */
static void shorten(struct client_txn *txn)
{
    struct sr_buf *out = &txn->ua->out;
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_msg msg;

    if (sip_msg_parse(txn->request, slots, SIP_HEADERS_MAX, &msg, NULL) != SR_OK ||
        msg.header_count == 0 || msg.fault_why != NULL)
        return;
    sr_buf_clear(out);
    sr_buf_str(out, sr_str_head(txn->request, msg.headers[0].begin));
    for (uint16_t i = 0; i < msg.header_count; i++) {
        const struct sip_header *header = &msg.headers[i];

        if (has_short_name((enum sip_hdr)header->id))
            sr_buf_fmt(out, "%c: %.*s\r\n", sip_header_compact((enum sip_hdr)header->id),
                       SR_STR_ARG(sip_header_value(&msg, header)));
        else
            sr_buf_str(out, sr_str_make(txn->request.p + header->begin,
                                        (size_t)header->end - header->begin));
    }
    sr_buf_c(out, "\r\n");
    sr_buf_str(out, msg.body);
    if (sr_buf_err(out) != SR_OK)
        return;
    ua__undup(&txn->request);
    txn->request = ua__dup(sr_buf_view(out));
}

/* ---- a connection ---- */

/* The Via of a request that was not sent yet names the transport it takes after all. */
static bool set_via(struct client_txn *txn, const struct net_flow *flow)
{
    struct ua *ua = txn->ua;
    struct sip_header slots[SIP_HEADERS_MAX];
    char array[1024];
    struct sip_msg msg;
    struct sr_arena arena;
    struct sip_edit edit;
    struct sr_buf text;
    enum sr_err err;

    if (sip_msg_parse(txn->request, slots, SIP_HEADERS_MAX, &msg, NULL) != SR_OK ||
        sip_msg_via(&msg) == NULL)
        return false;
    sr_arena_init(&arena, 2 * NET_MESSAGE_BYTES_MAX);
    sip_edit_init(&edit, &msg, &arena);
    sr_buf_init_fixed(&text, array, sizeof(array));
    ua__via_text(ua, &text, flow, sip_msg_via(&msg)->branch, txn->provider);
    sip_edit_set_top(&edit, SIP_HDR_VIA, sr_buf_view(&text));
    sr_buf_clear(&ua->out);
    err = sip_edit_write(&edit, &ua->out);
    sr_arena_done(&arena);
    if (err != SR_OK)
        return false;
    ua__undup(&txn->request);
    txn->request = ua__dup(sr_buf_view(&ua->out));
    return true;
}

static void launch_over(struct client_txn *txn, const struct net_flow *flow)
{
    if (set_via(txn, flow)) {
        txn->datagram = txn->flow;
        txn->flow = *flow;
        txn->is_streamed = true;
    }
    client_txn__launch(txn);
}

static void launch_small(struct client_txn *txn)
{
    get_known(txn->ua, &txn->flow.remote)->refused_until =
        ua__now(txn->ua) + CLIENT_SIZE_REFUSED_SEC * SR_SEC;
    txn->is_stream_off = true;
    client_txn__launch(txn);
}

static void on_late(void *arg)
{
    struct client_txn *txn = arg;

    client_size__forget(txn);
    launch_small(txn);
}

void client_size__init(struct client_txn *txn)
{
    txn->waits_for = SR_ID_NONE;
    loop_timer_init(&txn->wait_timer, on_late, txn);
}

void client_size__forget(struct client_txn *txn)
{
    if (txn->waits_for == SR_ID_NONE)
        return;
    txn->waits_for = SR_ID_NONE;
    sr_list_remove(&txn->ua->client_size->waiting, &txn->wait_node);
    loop_timer_clear(txn->ua->loop, &txn->wait_timer);
}

/* Where it would go over TCP: the provider's DNS may name another port. False: by UDP only. */
static bool find_stream(struct client_txn *txn, struct net_flow *ret_flow)
{
    const struct provider *provider = provider__get(txn->ua, txn->provider);
    const struct known *known;
    bool is_server = false;

    if (provider == NULL || provider->conf.is_kind_given || txn->is_stream_off || txn->fn == NULL ||
        txn->method == SIP_METHOD_REGISTER || txn->method == SIP_METHOD_OPTIONS)
        return false;
    known = get_known(txn->ua, &txn->flow.remote);
    *ret_flow = (struct net_flow){.kind = NET_TCP, .remote = txn->flow.remote};
    for (size_t i = 0; i < provider->target_count; i++) {
        const struct resolver_target *target = &provider->targets[i];

        is_server = is_server || sr_addr_eq(&target->addr, &txn->flow.remote);
        if (target->kind == NET_TCP && sr_addr_ip_eq(&target->addr, &txn->flow.remote))
            ret_flow->remote = target->addr;
    }
    return known->refused_until <= ua__now(txn->ua) && (is_server || known->is_proven);
}

void client_size__launch(struct client_txn *txn)
{
    struct ua *ua = txn->ua;
    const struct net_dial dial = {0};
    struct net_flow flow;

    if (txn->flow.kind == NET_UDP && txn->request.n > CLIENT_SIZE_BYTES_MAX)
        shorten(txn);
    if (txn->flow.kind != NET_UDP || txn->request.n <= CLIENT_SIZE_BYTES_MAX ||
        !find_stream(txn, &flow)) {
        client_txn__launch(txn);
        return;
    }
    /* a keep-alive opens it: nothing that would have to be taken back */
    if (net_send(ua->net, &flow, &dial, SR_STR("\r\n\r\n")) != SR_OK) {
        launch_small(txn);
        return;
    }
    if (net_conn_is_open(ua->net, flow.conn)) {
        launch_over(txn, &flow);
        return;
    }
    txn->waits_for = flow.conn;
    sr_list_add(&ua->client_size->waiting, &txn->wait_node);
    loop_timer_set(ua->loop, &txn->wait_timer, ua__now(ua) + CLIENT_SIZE_WAIT_MS * SR_MSEC);
}

static void on_settled(struct ua *ua, const struct net_flow *flow, bool is_open)
{
    SR_LIST_EACH(&ua->client_size->waiting, node)
    {
        struct client_txn *txn = SR_CONTAINER(node, struct client_txn, wait_node);

        if (txn->waits_for != flow->conn)
            continue;
        client_size__forget(txn);
        if (is_open)
            launch_over(txn, flow);
        else
            launch_small(txn);
    }
}

void client_size__on_opened(struct ua *ua, const struct net_flow *flow)
{
    on_settled(ua, flow, true);
}

void client_size__on_closed(struct ua *ua, const struct net_flow *flow)
{
    on_settled(ua, flow, false);
}

/* ---- what came of it ---- */

void client_size__refused(struct client_txn *txn)
{
    struct known *known = get_known(txn->ua, &txn->datagram.remote);
    char addr[SR_ADDR_TEXT_MAX];

    known->is_proven = false;
    known->refused_until = ua__now(txn->ua) + CLIENT_SIZE_REFUSED_SEC * SR_SEC;
    sr_log(SIP, INFO, "event=tcp_refused server=%s method=%s why=\"large requests go by UDP\"",
           sr_addr_text(&known->addr, addr), sip_method_name(txn->method));
}

bool client_size__is_refusal(struct client_txn *txn, uint16_t status)
{
    struct known *known;

    if (!txn->is_streamed || status == 100)
        return false;
    known = get_known(txn->ua, &txn->datagram.remote);
    if (status >= 400 && status != 401 && status != 407)
        return !known->is_proven;
    known->is_proven = true;
    return false;
}

#include "net/net_ws.h"

#include "base/alloc.h"

enum note_kind {
    NOTE_OPENED,
    NOTE_MESSAGE,
    NOTE_CLOSED,
};

/* Web thread to loop. */
struct note {
    struct sr_mpsc_node node;
    enum note_kind kind;
    struct net_ws_peer *peer;
    size_t n;
    char bytes[];
};

struct net_ws_peer {
    struct net_ws *ws;
    uint64_t number;
    struct net_flow flow;
    sr_id conn;               /* loop's; SR_ID_NONE: none, or closed here */
    _Atomic uint32_t waiting; /* messages */
    struct note *closing;     /* its last note, made at once: it cannot fail to be sent */
};

struct net_ws {
    struct net *net;
    struct loop *loop;
    void (*wake)(void *arg);
    void *arg;
    struct sr_mpsc notes, orders;
    _Atomic size_t up_bytes, down_bytes;
    _Atomic bool is_posted;
    struct loop_job job;
};

/* ---- web thread ---- */

static struct note *note_new(enum note_kind kind, struct net_ws_peer *peer, struct sr_str bytes)
{
    struct note *note = sr_alloc(sizeof(*note) + bytes.n);

    *note = (struct note){.kind = kind, .peer = peer, .n = bytes.n};
    if (bytes.n > 0)
        memcpy(note->bytes, bytes.p, bytes.n);
    return note;
}

static void push(struct net_ws *ws, struct note *note)
{
    (void)sr_mpsc_push(&ws->notes, &note->node);
    if (!atomic_exchange(&ws->is_posted, true))
        loop_post(ws->loop, &ws->job);
}

struct net_ws_peer *net_ws_opened(struct net_ws *ws, uint64_t number, const struct net_flow *flow)
{
    struct net_ws_peer *peer = sr_zalloc(1, sizeof(*peer));

    SR_ASSERT(flow->kind == NET_WS || flow->kind == NET_WSS);
    peer->ws = ws;
    peer->number = number;
    peer->flow = *flow;
    peer->conn = SR_ID_NONE;
    peer->closing = note_new(NOTE_CLOSED, peer, sr_str_make(NULL, 0));
    push(ws, note_new(NOTE_OPENED, peer, sr_str_make(NULL, 0)));
    return peer;
}

enum sr_err net_ws_message(struct net_ws_peer *peer, struct sr_str bytes)
{
    struct net_ws *ws = peer->ws;

    if (bytes.n > NET_MESSAGE_BYTES_MAX || atomic_load(&peer->waiting) >= NET_WS_UP_MESSAGES_MAX ||
        atomic_load(&ws->up_bytes) + bytes.n > NET_WS_UP_BYTES_MAX)
        return SR_ERR_LIMIT;
    atomic_fetch_add(&peer->waiting, 1);
    atomic_fetch_add(&ws->up_bytes, bytes.n);
    push(ws, note_new(NOTE_MESSAGE, peer, bytes));
    return SR_OK;
}

void net_ws_closed(struct net_ws_peer *peer)
{
    push(peer->ws, peer->closing);
}

struct net_ws_order *net_ws_next(struct net_ws *ws)
{
    struct sr_mpsc_node *node = sr_mpsc_pop(&ws->orders);
    struct net_ws_order *order;

    if (node == NULL)
        return NULL;
    order = SR_CONTAINER(node, struct net_ws_order, node);
    atomic_fetch_sub(&ws->down_bytes, order->bytes.n);
    return order;
}

/* ---- loop ---- */

static void give_order(struct net_ws *ws, const struct net_ws_order *what)
{
    struct net_ws_order *order = sr_alloc(sizeof(*order) + what->bytes.n);

    *order = *what;
    order->bytes.p = (char *)(order + 1);
    if (what->bytes.n > 0)
        memcpy(order + 1, what->bytes.p, what->bytes.n);
    atomic_fetch_add(&ws->down_bytes, order->bytes.n);
    if (sr_mpsc_push(&ws->orders, &order->node))
        ws->wake(ws->arg);
}

static struct net_ws_peer *peer_of(uint64_t handle)
{
    return (struct net_ws_peer *)(uintptr_t)handle; /* as given to net_feed_opened() */
}

static void order_close(struct net_ws *ws, struct net_ws_peer *peer, bool is_busy)
{
    give_order(
        ws, &(struct net_ws_order){.number = peer->number, .is_close = true, .is_busy = is_busy});
}

static enum sr_err on_send(void *arg, uint64_t handle, struct sr_str bytes)
{
    struct net_ws *ws = arg;

    if (atomic_load(&ws->down_bytes) + bytes.n > NET_WS_DOWN_BYTES_MAX) {
        order_close(ws, peer_of(handle), true);
        return SR_ERR_LIMIT;
    }
    give_order(ws, &(struct net_ws_order){.number = peer_of(handle)->number, .bytes = bytes});
    return SR_OK;
}

/* The net forgets the connection by itself. */
static void on_close(void *arg, uint64_t handle)
{
    peer_of(handle)->conn = SR_ID_NONE;
    order_close(arg, peer_of(handle), false);
}

static void serve(struct net_ws *ws, struct note *note)
{
    struct net_ws_peer *peer = note->peer;

    switch (note->kind) {
    case NOTE_OPENED:
        peer->conn = net_feed_opened(ws->net, &peer->flow, (uint64_t)(uintptr_t)peer);
        if (peer->conn == SR_ID_NONE)
            order_close(ws, peer, true);
        break;
    case NOTE_MESSAGE:
        atomic_fetch_sub(&peer->waiting, 1);
        atomic_fetch_sub(&ws->up_bytes, note->n);
        net_feed_message(ws->net, peer->conn, sr_str_make(note->bytes, note->n));
        break;
    case NOTE_CLOSED:
        net_feed_closed(ws->net, peer->conn, SR_OK, "the peer closed");
        sr_free(peer);
        break;
    }
    sr_free(note);
}

static void on_notes(void *arg)
{
    struct net_ws *ws = arg;
    struct sr_mpsc_node *node;

    atomic_store(&ws->is_posted, false);
    while ((node = sr_mpsc_pop(&ws->notes)) != NULL)
        serve(ws, SR_CONTAINER(node, struct note, node));
}

struct net_ws *net_ws_new(struct net *net, struct loop *loop, void (*wake)(void *arg), void *arg)
{
    static const struct net_transport_ops ops = {.send = on_send, .close = on_close};
    struct net_ws *ws = sr_zalloc(1, sizeof(*ws));

    ws->net = net;
    ws->loop = loop;
    ws->wake = wake;
    ws->arg = arg;
    sr_mpsc_init(&ws->notes);
    sr_mpsc_init(&ws->orders);
    loop_job_init(&ws->job, on_notes, ws);
    net_add_transport(net, NET_WS, &ops, ws);
    net_add_transport(net, NET_WSS, &ops, ws);
    return ws;
}

void net_ws_free(struct net_ws *ws)
{
    struct net_ws_order *order;

    if (ws == NULL)
        return;
    on_notes(ws); /* the web thread has closed all its sockets: every peer is freed here */
    while ((order = net_ws_next(ws)) != NULL)
        sr_free(order);
    sr_free(ws);
}

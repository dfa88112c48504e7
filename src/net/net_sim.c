#include "net/net_sim.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/random.h"
#include "net/net_internal.h"
#include "sip/frame.h"

enum sim_event {
    SIM_OPEN,     /* "may I?" */
    SIM_ACCEPTED, /* "yes" */
    SIM_BYTES,
    SIM_CLOSE, /* also "no", with the reason */
};

struct sim_listener {
    enum net_kind kind;
    struct sr_addr addr;
};

/* Something with addresses on the wire: a net or an endpoint. */
struct sim_node {
    struct sr_node link;
    struct sim_wire *wire;
    struct sim_listener listeners[NET_LISTENERS_MAX];
    size_t listener_count;
    char tls_name[NET_TLS_NAME_MAX];
    struct net_sim *net; /* or */
    struct sim_end *end;
};

struct net_sim {
    struct net net;
    struct sim_node node;
    struct sr_addr host;
    struct sr_addr other; /* of the other family; family NONE: none */
    uint16_t port_next;
};

struct sim_end {
    struct sim_node node;
    struct sim_end_handler handler;
    void *arg;
};

struct sim_pair {
    struct sr_addr from, to;
    struct sim_link link;
    bool has_link;
    bool is_cut;
};

struct sim_wire {
    struct loop *loop;
    struct sr_prng prng;
    struct sr_list nodes;
    struct sr_list datagrams;
    struct sr_list pipes;
    struct sr_idtab end_conns; /* struct sim_side of endpoints */
    struct sr_addr hole;       /* family NONE: none */
    struct sim_link link;
    struct sim_pair pairs[SIM_LINKS_MAX];
    size_t pair_count;
    size_t messages;
    uint16_t port_next;
    struct sr_buf trace;
};

struct sim_datagram {
    struct sr_node link;
    struct sim_wire *wire;
    struct loop_timer timer;
    struct sr_addr from, to;
    size_t n;
    char bytes[];
};

struct sim_item {
    struct sr_node link;
    enum sim_event event;
    sr_usec at;
    enum sr_err err;
    size_t n;
    char bytes[];
};

/* One end of a stream, with what is on the way to it. */
struct sim_side {
    struct net__conn conn; /* flow is set for endpoints as well */
    struct sim_pipe *pipe;
    struct sim_node *node; /* NULL: not there yet, or gone */
    struct sr_list items;  /* towards this side */
    struct loop_timer timer;
    sr_usec held_since;
    sr_usec at_last;
    struct sr_buf in;
    struct sip_framer framer;
};

struct sim_pipe {
    struct sr_node link;
    struct sim_wire *wire;
    struct sim_side sides[2]; /* 0 dialled */
    struct loop_timer connect_timer;
    struct loop_job sweep;
    bool is_accepted;
    bool is_verified; /* a wrong name is refused */
    char tls_name[NET_TLS_NAME_MAX];
};

static void trace(struct sim_wire *wire, enum net_kind kind, const struct sr_addr *from,
                  const struct sr_addr *to, size_t n, const char *what)
{
    char a[SR_ADDR_TEXT_MAX], b[SR_ADDR_TEXT_MAX];
    sr_usec now = loop_now(wire->loop);

    sr_buf_fmt(&wire->trace, "%lld.%06lld %s %s > %s %zu %s\n", (long long)(now / SR_SEC),
               (long long)(now % SR_SEC), net_kind_name(kind), sr_addr_text(from, a),
               sr_addr_text(to, b), n, what);
}

static struct sim_pair *find_pair(struct sim_wire *wire, const struct sr_addr *from,
                                  const struct sr_addr *to, bool is_made)
{
    for (size_t i = 0; i < wire->pair_count; i++)
        if (sr_addr_ip_eq(&wire->pairs[i].from, from) && sr_addr_ip_eq(&wire->pairs[i].to, to))
            return &wire->pairs[i];
    if (!is_made)
        return NULL;
    SR_ASSERT(wire->pair_count < SIM_LINKS_MAX);
    struct sim_pair *pair = &wire->pairs[wire->pair_count++];
    *pair = (struct sim_pair){.from = *from, .to = *to};
    return pair;
}

static bool is_cut(struct sim_wire *wire, const struct sr_addr *from, const struct sr_addr *to)
{
    const struct sim_pair *pair = find_pair(wire, from, to, false);

    return pair && pair->is_cut;
}

static const struct sim_link *link_of(struct sim_wire *wire, const struct sr_addr *from,
                                      const struct sr_addr *to)
{
    const struct sim_pair *pair = find_pair(wire, from, to, false);

    return pair && pair->has_link ? &pair->link : &wire->link;
}

static sr_usec delay_of(struct sim_wire *wire, const struct sim_link *link)
{
    sr_usec jitter = link->jitter_usec > 0
                         ? (sr_usec)sr_prng_below(&wire->prng, (uint64_t)link->jitter_usec + 1)
                         : 0;

    return link->delay_usec + jitter;
}

static struct sim_node *find_listener(struct sim_wire *wire, enum net_kind kind,
                                      const struct sr_addr *addr)
{
    SR_LIST_EACH(&wire->nodes, link)
    {
        struct sim_node *node = SR_CONTAINER(link, struct sim_node, link);
        for (size_t i = 0; i < node->listener_count; i++)
            if (node->listeners[i].kind == kind && sr_addr_eq(&node->listeners[i].addr, addr))
                return node;
    }
    return NULL;
}

static bool node_listen(struct sim_node *node, enum net_kind kind, const struct sr_addr *addr)
{
    if (find_listener(node->wire, kind, addr))
        return false;
    SR_ASSERT(node->listener_count < NET_LISTENERS_MAX);
    node->listeners[node->listener_count++] = (struct sim_listener){kind, *addr};
    return true;
}

/* ---- datagrams ---- */

static void forget_datagram(struct sim_datagram *datagram)
{
    datagram->wire->messages--;
    loop_timer_clear(datagram->wire->loop, &datagram->timer);
    sr_list_remove(&datagram->wire->datagrams, &datagram->link);
    sr_free(datagram);
}

static void net_take_datagram(struct net_sim *self, const struct net_flow *flow,
                              struct sr_str bytes);

static void on_datagram(void *arg)
{
    struct sim_datagram *datagram = arg;
    struct sim_wire *wire = datagram->wire;
    struct net_flow flow = {.kind = NET_UDP, .local = datagram->to, .remote = datagram->from};
    struct sr_str bytes = sr_str_make(datagram->bytes, datagram->n);
    struct sim_node *node = find_listener(wire, NET_UDP, &datagram->to);

    if (!node || is_cut(wire, &datagram->from, &datagram->to)) {
        trace(wire, NET_UDP, &datagram->from, &datagram->to, datagram->n, node ? "cut" : "nobody");
    } else {
        trace(wire, NET_UDP, &datagram->from, &datagram->to, datagram->n, "delivered");
        if (node->net)
            net_take_datagram(node->net, &flow, bytes);
        else
            node->end->handler.on_bytes(node->end->arg, node->end, &flow, bytes);
    }
    forget_datagram(datagram);
}

static void put_datagram(struct sim_wire *wire, const struct sr_addr *from,
                         const struct sr_addr *to, struct sr_str bytes, sr_usec delay)
{
    if (wire->messages >= SIM_MESSAGES_MAX) {
        trace(wire, NET_UDP, from, to, bytes.n, "overflow");
        return;
    }
    struct sim_datagram *datagram = sr_alloc(sizeof(*datagram) + bytes.n);
    memset(datagram, 0, sizeof(*datagram));
    datagram->wire = wire;
    datagram->from = *from;
    datagram->to = *to;
    datagram->n = bytes.n;
    if (bytes.n > 0)
        memcpy(datagram->bytes, bytes.p, bytes.n);
    wire->messages++;
    sr_list_add(&wire->datagrams, &datagram->link);
    loop_timer_init(&datagram->timer, on_datagram, datagram);
    loop_timer_set(wire->loop, &datagram->timer, loop_now(wire->loop) + delay);
}

static void send_datagram(struct sim_wire *wire, const struct sr_addr *from,
                          const struct sr_addr *to, struct sr_str bytes)
{
    const struct sim_link *link = link_of(wire, from, to);
    sr_usec delay = delay_of(wire, link);

    if (sr_prng_double(&wire->prng) < link->loss) {
        trace(wire, NET_UDP, from, to, bytes.n, "lost");
        return;
    }
    trace(wire, NET_UDP, from, to, bytes.n, "sent");
    if (sr_prng_double(&wire->prng) < link->reorder)
        delay += link->delay_usec + link->jitter_usec;
    put_datagram(wire, from, to, bytes, delay);
    if (sr_prng_double(&wire->prng) < link->duplicate)
        put_datagram(wire, from, to, bytes, delay + delay_of(wire, link));
}

static void net_take_datagram(struct net_sim *self, const struct net_flow *flow,
                              struct sr_str bytes)
{
    struct net *net = &self->net;
    uint8_t answer[256];
    bool is_stun;

    net->counters.udp_received++;
    if (net__is_keepalive(bytes)) {
        net->counters.udp_empty++;
        return;
    }
    size_t n = net__stun(net, flow, bytes, answer, sizeof(answer), &is_stun);
    if (n > 0)
        send_datagram(self->node.wire, &flow->local, &flow->remote,
                      sr_str_make((const char *)answer, n));
    if (!is_stun)
        net__tell_message(net, flow, bytes);
}

/* ---- streams ---- */

static struct sim_side *other_side(struct sim_side *side)
{
    return side == &side->pipe->sides[0] ? &side->pipe->sides[1] : &side->pipe->sides[0];
}

static void arm_side(struct sim_side *side)
{
    struct sr_node *first = sr_list_first(&side->items);

    loop_timer_set(side->pipe->wire->loop, &side->timer,
                   first ? SR_CONTAINER(first, struct sim_item, link)->at : SR_NEVER);
}

/* Puts an event on the way from `side` to its other side. */
static void put_item(struct sim_side *side, enum sim_event event, enum sr_err err,
                     struct sr_str bytes)
{
    struct sim_side *to = other_side(side);
    struct sim_wire *wire = side->pipe->wire;
    const struct sim_link *link = link_of(wire, &side->conn.flow.local, &side->conn.flow.remote);
    struct sim_item *item = sr_alloc(sizeof(*item) + bytes.n);

    memset(item, 0, sizeof(*item));
    item->event = event;
    item->err = err;
    item->n = bytes.n;
    if (bytes.n > 0)
        memcpy(item->bytes, bytes.p, bytes.n);
    item->at = SR_MAX(loop_now(wire->loop) + delay_of(wire, link), to->at_last);
    to->at_last = item->at;
    sr_list_add(&to->items, &item->link);
    if (event == SIM_BYTES)
        trace(wire, side->conn.flow.kind, &side->conn.flow.local, &side->conn.flow.remote, bytes.n,
              "sent");
    arm_side(to);
}

static void pipe_free(struct sim_pipe *pipe)
{
    struct loop *loop = pipe->wire->loop;

    for (int i = 0; i < 2; i++) {
        struct sr_node *node;
        loop_timer_clear(loop, &pipe->sides[i].timer);
        while ((node = sr_list_pop(&pipe->sides[i].items)) != NULL)
            sr_free(SR_CONTAINER(node, struct sim_item, link));
        sr_buf_done(&pipe->sides[i].in);
    }
    loop_timer_clear(loop, &pipe->connect_timer);
    loop_defer_clear(loop, &pipe->sweep);
    sr_list_remove(&pipe->wire->pipes, &pipe->link);
    sr_free(pipe);
}

static void on_sweep(void *arg)
{
    struct sim_pipe *pipe = arg;
    bool is_used = false;

    for (int i = 0; i < 2; i++)
        is_used |= pipe->sides[i].node != NULL || sr_list_first(&pipe->sides[i].items) != NULL;
    if (!is_used)
        pipe_free(pipe);
}

/* The side's user has no connection any more. */
static void side_leave(struct sim_side *side)
{
    if (!side->node)
        return;
    if (side->node->net)
        (void)sr_idtab_remove(&side->node->net->net.conns, side->conn.flow.conn);
    else
        (void)sr_idtab_remove(&side->pipe->wire->end_conns, side->conn.flow.conn);
    side->node = NULL;
    loop_timer_clear(side->pipe->wire->loop, &side->pipe->connect_timer);
    loop_defer(side->pipe->wire->loop, &side->pipe->sweep);
}

static void tell_side_closed(struct sim_side *side, enum sr_err err, const char *why)
{
    struct sim_node *node = side->node;
    struct net_flow flow = side->conn.flow;

    if (!node)
        return;
    side_leave(side);
    if (node->net)
        net__tell_closed(&node->net->net, &flow, err, why);
    else if (node->end->handler.on_closed)
        node->end->handler.on_closed(node->end->arg, node->end, &flow);
}

static bool side_enter(struct sim_side *side, struct sim_node *node)
{
    struct sr_idtab *tab = node->net ? &node->net->net.conns : &side->pipe->wire->end_conns;
    void *object = node->net ? (void *)&side->conn : (void *)side;

    side->conn.flow.conn = sr_idtab_add(tab, object);
    side->conn.net = node->net ? &node->net->net : NULL;
    if (side->conn.flow.conn == SR_ID_NONE)
        return false;
    side->node = node;
    return true;
}

static void side_framing_error(struct sim_side *side, const struct sip_frame *frame)
{
    struct net *net = &side->node->net->net;
    struct net_flow flow = side->conn.flow;

    net->counters.bad_streams++;
    if (net->handler.on_bad_stream)
        net->handler.on_bad_stream(net->arg, &flow,
                                   sr_str_head(sr_buf_view(&side->in), frame->bytes),
                                   frame->why ? frame->why : "broken");
    if (!side->node)
        return;
    put_item(side, SIM_CLOSE, SR_OK, SR_STR(""));
    tell_side_closed(side, SR_ERR_PROTO, frame->why ? frame->why : "broken framing");
}

static void net_take_bytes(struct sim_side *side, struct sr_str bytes)
{
    struct net *net = &side->node->net->net;
    struct net_flow flow = side->conn.flow;
    struct sip_frame frame;

    sr_buf_str(&side->in, bytes);
    while (side->node && !side->conn.is_closing && side->in.len > 0) {
        sip_frame_next(&side->framer, sr_buf_view(&side->in), &frame);
        if (sr_buf_err(&side->in) != SR_OK)
            frame = (struct sip_frame){.kind = SIP_FRAME_ERROR, .why = "message too large"};
        if (frame.kind == SIP_FRAME_MORE)
            return;
        if (frame.kind == SIP_FRAME_ERROR) {
            side_framing_error(side, &frame);
            return;
        }
        if (frame.kind == SIP_FRAME_MESSAGE) {
            net__tell_message(net, &flow, sr_str_head(sr_buf_view(&side->in), frame.bytes));
        } else if (frame.kind == SIP_FRAME_PING) {
            net->counters.pings_answered++;
            put_item(side, SIM_BYTES, SR_OK, SR_STR("\r\n"));
        } else if (net->handler.on_pong) {
            net->handler.on_pong(net->arg, &flow);
        }
        sr_buf_consume(&side->in, frame.bytes);
    }
}

static void side_opened(struct sim_side *side, struct sim_node *node)
{
    struct sim_pipe *pipe = side->pipe;
    enum sr_err err = SR_OK;

    if (!node)
        err = SR_ERR_IO;
    else if (pipe->is_verified && strcmp(pipe->tls_name, node->tls_name) != 0)
        err = SR_ERR_AUTH;
    else if (!side_enter(side, node))
        err = SR_ERR_IO;
    if (err == SR_OK && node->net)
        node->net->net.counters.conns_accepted++;
    put_item(side, err == SR_OK ? SIM_ACCEPTED : SIM_CLOSE, err, SR_STR(""));
}

static void side_accepted(struct sim_side *side)
{
    struct net *net = side->node->net ? &side->node->net->net : NULL;
    struct net_flow flow = side->conn.flow;

    side->pipe->is_accepted = true;
    side->conn.is_open = true;
    loop_timer_clear(side->pipe->wire->loop, &side->pipe->connect_timer);
    if (!net)
        return;
    net->counters.conns_opened++;
    if (net->handler.on_opened)
        net->handler.on_opened(net->arg, &flow);
}

static void deliver_item(struct sim_side *side, const struct sim_item *item)
{
    const struct net_flow flow = side->conn.flow;
    struct sr_str bytes = sr_str_make(item->bytes, item->n);
    struct sim_wire *wire = side->pipe->wire;

    if (item->event == SIM_OPEN && sr_addr_eq(&flow.local, &wire->hole))
        return;
    if (item->event == SIM_OPEN) {
        side_opened(side, find_listener(wire, flow.kind, &flow.local));
        return;
    }
    if (!side->node)
        return;
    if (item->event == SIM_ACCEPTED) {
        side_accepted(side);
    } else if (item->event == SIM_CLOSE) {
        tell_side_closed(side, item->err,
                         item->err == SR_ERR_AUTH ? "certificate has another name"
                         : item->err == SR_OK     ? "the peer closed"
                                                  : "refused");
    } else if (side->node->net) {
        trace(wire, flow.kind, &flow.remote, &flow.local, item->n, "delivered");
        net_take_bytes(side, bytes);
    } else {
        trace(wire, flow.kind, &flow.remote, &flow.local, item->n, "delivered");
        side->node->end->handler.on_bytes(side->node->end->arg, side->node->end, &flow, bytes);
    }
}

static void on_side_due(void *arg)
{
    struct sim_side *side = arg;
    struct sim_wire *wire = side->pipe->wire;
    sr_usec now = loop_now(wire->loop);
    struct sim_item *item = SR_CONTAINER(sr_list_first(&side->items), struct sim_item, link);

    if (is_cut(wire, &side->conn.flow.remote, &side->conn.flow.local)) {
        if (side->held_since == SR_NEVER)
            side->held_since = now;
        if (now - side->held_since < SIM_STREAM_CUT_SEC * SR_SEC) {
            loop_timer_set(wire->loop, &side->timer, now + SR_SEC);
            return;
        }
        tell_side_closed(other_side(side), SR_ERR_TIMEOUT, "the peer does not answer");
        tell_side_closed(side, SR_ERR_TIMEOUT, "the peer does not answer");
    }
    side->held_since = SR_NEVER;
    sr_list_remove(&side->items, &item->link);
    arm_side(side);
    deliver_item(side, item);
    sr_free(item);
    loop_defer(wire->loop, &side->pipe->sweep);
}

static void on_connect_late(void *arg)
{
    struct sim_pipe *pipe = arg;

    if (pipe->sides[0].node && pipe->sides[0].node->net)
        pipe->sides[0].node->net->net.counters.conns_failed++;
    tell_side_closed(&pipe->sides[0], SR_ERR_TIMEOUT, "no connection in time");
}

static void init_side(struct sim_pipe *pipe, int index, enum net_kind kind,
                      const struct sr_addr *local, const struct sr_addr *remote)
{
    struct sim_side *side = &pipe->sides[index];

    side->pipe = pipe;
    side->held_since = SR_NEVER;
    side->conn.flow = (struct net_flow){.kind = kind, .local = *local, .remote = *remote};
    sr_list_init(&side->items);
    loop_timer_init(&side->timer, on_side_due, side);
    sr_buf_init(&side->in, NET_MESSAGE_BYTES_MAX * 2);
    sip_framer_init(&side->framer);
}

/* NULL: no id left. */
static struct sim_pipe *pipe_open(struct sim_node *node, enum net_kind kind,
                                  const struct sr_addr *local, const struct sr_addr *remote,
                                  sr_usec connect_usec)
{
    struct sim_pipe *pipe = sr_zalloc(1, sizeof(*pipe));

    pipe->wire = node->wire;
    init_side(pipe, 0, kind, local, remote);
    init_side(pipe, 1, kind, remote, local);
    loop_timer_init(&pipe->connect_timer, on_connect_late, pipe);
    loop_job_init(&pipe->sweep, on_sweep, pipe);
    sr_list_add(&node->wire->pipes, &pipe->link);
    if (!side_enter(&pipe->sides[0], node)) {
        pipe_free(pipe);
        return NULL;
    }
    loop_timer_set(node->wire->loop, &pipe->connect_timer,
                   loop_now(node->wire->loop) + connect_usec);
    put_item(&pipe->sides[0], SIM_OPEN, SR_OK, SR_STR(""));
    return pipe;
}

/* ---- the net ---- */

static struct net_sim *as_sim(struct net *net)
{
    return SR_CONTAINER(net, struct net_sim, net);
}

static enum sr_err sim_tls_load(struct net *net, const struct net_tls_files *files,
                                char *reterr_why)
{
    struct sim_node *node = &as_sim(net)->node;

    if (sr_str_copy(sr_str_c(files->cert_file), node->tls_name, sizeof(node->tls_name)))
        return SR_OK;
    (void)snprintf(reterr_why, NET_WHY_MAX, "name too long");
    return SR_ERR_SYNTAX;
}

static enum sr_err sim_listen(struct net *net, enum net_kind kind, const struct sr_addr *addr,
                              struct sr_addr *ret_addr, char *reterr_why)
{
    struct net_sim *self = as_sim(net);
    struct sr_addr bound = *addr;

    if (self->node.listener_count == NET_LISTENERS_MAX) {
        (void)snprintf(reterr_why, NET_WHY_MAX, "too many addresses");
        return SR_ERR_LIMIT;
    }
    if (sr_addr_is_any(&bound) && bound.family == self->host.family)
        memcpy(bound.ip, self->host.ip, sizeof(bound.ip));
    else if (sr_addr_is_any(&bound) && bound.family == self->other.family)
        memcpy(bound.ip, self->other.ip, sizeof(bound.ip));
    bound.port = bound.port ? bound.port : self->port_next++;
    if (!node_listen(&self->node, kind, &bound)) {
        (void)snprintf(reterr_why, NET_WHY_MAX, "%s port %u is taken", net_kind_name(kind),
                       bound.port);
        return SR_ERR_EXISTS;
    }
    if (ret_addr)
        *ret_addr = bound;
    return SR_OK;
}

static enum sr_err sim_send_udp(struct net *net, struct net_flow *flow, struct sr_str bytes)
{
    struct net_sim *self = as_sim(net);
    const struct sim_listener *best = NULL;

    for (size_t i = 0; i < self->node.listener_count; i++) {
        const struct sim_listener *listener = &self->node.listeners[i];
        if (listener->kind != NET_UDP || listener->addr.family != flow->remote.family)
            continue;
        if (!best || sr_addr_eq(&listener->addr, &flow->local))
            best = listener;
    }
    if (!best)
        return SR_ERR_NOTFOUND;
    flow->local = best->addr;
    net->counters.udp_sent++;
    send_datagram(self->node.wire, &flow->local, &flow->remote, bytes);
    return SR_OK;
}

static struct sim_side *find_dialed(struct net_sim *self, const struct net_flow *flow,
                                    const struct net_dial *dial)
{
    SR_LIST_EACH(&self->node.wire->pipes, link)
    {
        struct sim_pipe *pipe = SR_CONTAINER(link, struct sim_pipe, link);
        struct sim_side *side = &pipe->sides[0];
        if (side->node == &self->node && !side->conn.is_closing &&
            side->conn.flow.kind == flow->kind &&
            sr_addr_eq(&side->conn.flow.remote, &flow->remote) &&
            (flow->kind != NET_TLS || (sr_str_ieq_c(dial->tls_name, pipe->tls_name) &&
                                       pipe->is_verified == !dial->tls_verify_off)))
            return side;
    }
    return NULL;
}

static enum sr_err sim_send_stream(struct net *net, struct net__conn *conn, struct net_flow *flow,
                                   const struct net_dial *dial, struct sr_str bytes)
{
    struct net_sim *self = as_sim(net);
    struct sim_side *side =
        conn ? SR_CONTAINER(conn, struct sim_side, conn) : find_dialed(self, flow, dial);

    if (!side) {
        struct sr_addr local = flow->remote.family == self->other.family ? self->other : self->host;
        local.port = self->port_next++;
        struct sim_pipe *pipe =
            pipe_open(&self->node, flow->kind, &local, &flow->remote, net->options.connect_usec);
        if (!pipe) {
            net->counters.conns_refused_total++;
            return SR_ERR_LIMIT;
        }
        side = &pipe->sides[0];
        pipe->is_verified = flow->kind == NET_TLS && !dial->tls_verify_off;
        (void)sr_str_copy(dial->tls_name, pipe->tls_name, sizeof(pipe->tls_name));
    }
    *flow = side->conn.flow;
    put_item(side, SIM_BYTES, SR_OK, bytes);
    return SR_OK;
}

static enum sr_err sim_ping(struct net *net, struct net__conn *conn)
{
    (void)net;
    put_item(SR_CONTAINER(conn, struct sim_side, conn), SIM_BYTES, SR_OK, SR_STR("\r\n\r\n"));
    return SR_OK;
}

static void sim_keep(struct net *net, struct net__conn *conn, sr_usec until)
{
    (void)net, (void)conn, (void)until; /* no idle deadline in the simulation */
}

/* The user hears of it in a later turn: the close travels to ourselves as well. */
static void sim_close(struct net *net, struct net__conn *conn)
{
    struct sim_side *side = SR_CONTAINER(conn, struct sim_side, conn);

    (void)net;
    conn->is_closing = true;
    put_item(side, SIM_CLOSE, SR_OK, SR_STR(""));
    put_item(other_side(side), SIM_CLOSE, SR_OK, SR_STR(""));
}

static enum sr_err sim_local_for(struct net *net, const struct sr_addr *remote,
                                 struct sr_addr *ret_local)
{
    struct net_sim *self = as_sim(net);

    if (remote->family == self->host.family)
        *ret_local = self->host;
    else if (remote->family == self->other.family)
        *ret_local = self->other;
    else
        return SR_ERR_IO;
    ret_local->port = 0;
    return SR_OK;
}

static void node_leave(struct sim_node *node)
{
    SR_LIST_EACH(&node->wire->pipes, link)
    {
        struct sim_pipe *pipe = SR_CONTAINER(link, struct sim_pipe, link);
        for (int i = 0; i < 2; i++) {
            if (pipe->sides[i].node != node)
                continue;
            put_item(&pipe->sides[i], SIM_CLOSE, SR_OK, SR_STR(""));
            side_leave(&pipe->sides[i]);
        }
    }
    sr_list_remove(&node->wire->nodes, &node->link);
}

static void sim_free(struct net *net)
{
    struct net_sim *self = as_sim(net);

    node_leave(&self->node);
    net__done(net);
    sr_free(self);
}

static const struct net_ops ops_sim = {
    .tls_load = sim_tls_load,
    .listen = sim_listen,
    .send_udp = sim_send_udp,
    .send_stream = sim_send_stream,
    .ping = sim_ping,
    .keep = sim_keep,
    .close = sim_close,
    .local_for = sim_local_for,
    .free = sim_free,
};

struct net *net_sim_new(struct sim_wire *wire, const struct sr_addr *host,
                        const struct net_handler *handler, void *arg,
                        const struct net_options *options)
{
    struct net_sim *self = sr_zalloc(1, sizeof(*self));

    net__init(&self->net, &ops_sim, wire->loop, handler, arg, options);
    self->host = *host;
    self->port_next = 30000;
    self->node.wire = wire;
    self->node.net = self;
    sr_list_add(&wire->nodes, &self->node.link);
    return &self->net;
}

/* ---- endpoints and the wire ---- */

struct sim_end *sim_end_new(struct sim_wire *wire, enum net_kind kind, const struct sr_addr *addr,
                            const struct sim_end_handler *handler, void *arg)
{
    struct sim_end *end = sr_zalloc(1, sizeof(*end));

    end->handler = *handler;
    end->arg = arg;
    end->node.wire = wire;
    end->node.end = end;
    sr_list_add(&wire->nodes, &end->node.link);
    SR_ASSERT(node_listen(&end->node, kind, addr));
    return end;
}

void sim_end_free(struct sim_end *end)
{
    if (!end)
        return;
    node_leave(&end->node);
    sr_free(end);
}

void sim_end_set_tls_name(struct sim_end *end, struct sr_str name)
{
    SR_ASSERT(sr_str_copy(name, end->node.tls_name, sizeof(end->node.tls_name)));
}

enum sr_err sim_end_send(struct sim_end *end, struct net_flow *flow, struct sr_str bytes)
{
    struct sim_wire *wire = end->node.wire;
    const struct sim_listener *own = &end->node.listeners[0];
    struct sim_side *side;

    if (own->kind == NET_UDP) {
        flow->kind = NET_UDP;
        flow->local = own->addr;
        send_datagram(wire, &own->addr, &flow->remote, bytes);
        return SR_OK;
    }
    side = sr_idtab_find(&wire->end_conns, flow->conn);
    if (!side && flow->conn != SR_ID_NONE)
        return SR_ERR_NOTFOUND;
    if (!side) {
        struct sr_addr local = own->addr;
        local.port = wire->port_next++;
        if (!find_listener(wire, own->kind, &flow->remote))
            return SR_ERR_NOTFOUND;
        struct sim_pipe *pipe = pipe_open(&end->node, own->kind, &local, &flow->remote, 4 * SR_SEC);
        if (!pipe)
            return SR_ERR_LIMIT;
        side = &pipe->sides[0];
        *flow = side->conn.flow;
    }
    put_item(side, SIM_BYTES, SR_OK, bytes);
    return SR_OK;
}

void sim_end_close(struct sim_end *end, sr_id conn)
{
    struct sim_side *side = sr_idtab_find(&end->node.wire->end_conns, conn);

    if (!side || side->node != &end->node)
        return;
    put_item(side, SIM_CLOSE, SR_OK, SR_STR(""));
    side_leave(side);
}

struct sim_wire *sim_wire_new(struct loop *loop)
{
    struct sim_wire *wire = sr_zalloc(1, sizeof(*wire));

    wire->loop = loop;
    wire->link.delay_usec = SR_MSEC;
    wire->port_next = 40000;
    sr_prng_seed(&wire->prng, loop_sim_seed(loop));
    sr_list_init(&wire->nodes);
    sr_list_init(&wire->datagrams);
    sr_list_init(&wire->pipes);
    sr_idtab_init(&wire->end_conns, NET_CONNS_MAX);
    sr_buf_init(&wire->trace, SIM_TRACE_BYTES_MAX);
    return wire;
}

void sim_wire_free(struct sim_wire *wire)
{
    struct sr_node *node;

    if (!wire)
        return;
    SR_ASSERT(sr_list_first(&wire->nodes) == NULL);
    while ((node = sr_list_first(&wire->datagrams)) != NULL)
        forget_datagram(SR_CONTAINER(node, struct sim_datagram, link));
    while ((node = sr_list_first(&wire->pipes)) != NULL)
        pipe_free(SR_CONTAINER(node, struct sim_pipe, link));
    sr_idtab_done(&wire->end_conns);
    sr_buf_done(&wire->trace);
    sr_free(wire);
}

void sim_wire_set_default(struct sim_wire *wire, const struct sim_link *link)
{
    wire->link = *link;
}

void sim_wire_set_link(struct sim_wire *wire, const struct sr_addr *from, const struct sr_addr *to,
                       const struct sim_link *link)
{
    struct sim_pair *pair = find_pair(wire, from, to, true);

    pair->link = *link;
    pair->has_link = true;
}

void sim_wire_cut(struct sim_wire *wire, const struct sr_addr *a, const struct sr_addr *b,
                  bool is_now_cut)
{
    find_pair(wire, a, b, true)->is_cut = is_now_cut;
    find_pair(wire, b, a, true)->is_cut = is_now_cut;
}

void sim_wire_set_hole(struct sim_wire *wire, const struct sr_addr *addr)
{
    wire->hole = *addr;
}

struct sr_str sim_wire_trace(const struct sim_wire *wire)
{
    return sr_buf_view(&wire->trace);
}

void net_sim_add_host(struct net *net, const struct sr_addr *host)
{
    struct net_sim *self = as_sim(net);

    SR_ASSERT(host->family != self->host.family);
    self->other = *host;
}

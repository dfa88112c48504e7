#include "net/net.h"

#include <stdio.h>

#include "base/alloc.h"
#include "net/net_internal.h"
#include "rtc/stun.h"

const char *net_kind_name(enum net_kind kind)
{
    static const char *const names[NET_KIND_COUNT] = {"UDP", "TCP", "TLS", "WS", "WSS"};

    return (unsigned)kind < NET_KIND_COUNT ? names[kind] : "?";
}

static sr_usec or_default(sr_usec value, sr_usec otherwise)
{
    return value > 0 ? value : otherwise;
}

void net__init(struct net *net, const struct net_ops *ops, struct loop *loop,
               const struct net_handler *handler, void *arg, const struct net_options *options)
{
    static const struct net_options none = {0};
    struct net_options *o = &net->options;

    SR_ASSERT(handler->on_message != NULL);
    net->ops = ops;
    net->loop = loop;
    net->handler = *handler;
    net->arg = arg;
    *o = options ? *options : none;
    o->conns_max = o->conns_max ? o->conns_max : NET_CONNS_MAX;
    o->conns_per_source_max =
        o->conns_per_source_max ? o->conns_per_source_max : NET_CONNS_PER_SOURCE_MAX;
    o->connect_usec = or_default(o->connect_usec, 4 * SR_SEC);
    o->handshake_usec = or_default(o->handshake_usec, 10 * SR_SEC);
    o->half_message_usec = or_default(o->half_message_usec, 30 * SR_SEC);
    o->idle_usec = or_default(o->idle_usec, 900 * SR_SEC);
    o->ca_file = o->ca_file ? sr_strdup(o->ca_file) : NULL;
    sr_idtab_init(&net->conns, o->conns_max);
}

void net__done(struct net *net)
{
    uint32_t cursor = 0;
    struct net__conn *conn;

    while ((conn = sr_idtab_next(&net->conns, &cursor)) != NULL) {
        SR_ASSERT(conn->is_external); /* the twin has freed its own */
        loop_defer_clear(net->loop, &conn->closed_job);
        sr_free(conn);
    }
    sr_idtab_done(&net->conns);
    sr_free((void *)(uintptr_t)net->options.ca_file);
}

void net__tell_message(struct net *net, const struct net_flow *flow, struct sr_str bytes)
{
    net->counters.received++;
    net->handler.on_message(net->arg, flow, bytes);
}

void net__tell_closed(struct net *net, const struct net_flow *flow, enum sr_err err,
                      const char *why)
{
    net->counters.conns_closed++;
    if (net->handler.on_closed)
        net->handler.on_closed(net->arg, flow, err, why);
}

bool net__is_keepalive(struct sr_str bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.p[i] != '\r' && bytes.p[i] != '\n' && bytes.p[i] != '\0')
            return false;
    return bytes.n <= 8;
}

size_t net__stun(struct net *net, const struct net_flow *flow, struct sr_str bytes, uint8_t *out,
                 size_t out_size, bool *ret_taken)
{
    struct stun_msg msg;
    size_t n;

    *ret_taken = bytes.n > 0 && (uint8_t)bytes.p[0] < 4 && stun_is_message(bytes);
    if (!*ret_taken)
        return 0;
    if (stun_parse(bytes, &msg) != SR_OK) {
        net->counters.stun_bad++;
        return 0;
    }
    n = stun_answer_binding(&msg, &flow->remote, out, out_size);
    if (n > 0)
        net->counters.stun_answered++;
    else if (net->handler.on_stun)
        net->handler.on_stun(net->arg, flow, bytes);
    return n;
}

void net_free(struct net *net)
{
    if (net)
        net->ops->free(net);
}

enum sr_err net_tls_load(struct net *net, const struct net_tls_files *files,
                         char reterr_why[NET_WHY_MAX])
{
    SR_ASSERT(loop_is_current(net->loop));
    return net->ops->tls_load(net, files, reterr_why);
}

enum sr_err net_listen(struct net *net, enum net_kind kind, const struct sr_addr *addr,
                       struct sr_addr *ret_addr, char reterr_why[NET_WHY_MAX])
{
    SR_ASSERT(loop_is_current(net->loop));
    if (kind > NET_TLS) {
        (void)snprintf(reterr_why, NET_WHY_MAX, "%s has no listener here", net_kind_name(kind));
        return SR_ERR_UNSUPPORTED;
    }
    return net->ops->listen(net, kind, addr, ret_addr, reterr_why);
}

enum sr_err net_listen_all(struct net *net, enum net_kind kind, uint16_t port, uint16_t *ret_port,
                           char reterr_why[NET_WHY_MAX])
{
    struct sr_addr ip4 = {.family = SR_ADDR_IP4, .port = port};
    struct sr_addr ip6 = {.family = SR_ADDR_IP6, .port = port};
    struct sr_addr bound;
    char why6[NET_WHY_MAX];
    enum sr_err err;

    err = net_listen(net, kind, &ip4, &bound, reterr_why);
    if (err != SR_OK)
        return err;
    ip6.port = bound.port;
    err = net_listen(net, kind, &ip6, NULL, why6);
    if (err == SR_ERR_EXISTS || err == SR_ERR_LIMIT) {
        (void)snprintf(reterr_why, NET_WHY_MAX, "%s", why6);
        return err;
    }
    if (ret_port)
        *ret_port = bound.port; /* any other error of IPv6: a machine without it */
    return SR_OK;
}

static enum sr_err send_external(struct net *net, struct net__conn *conn, struct sr_str bytes)
{
    enum net_kind kind = conn->flow.kind;

    return net->external[kind]->send(net->external_arg[kind], conn->peer, bytes);
}

enum sr_err net_send(struct net *net, struct net_flow *flow, const struct net_dial *dial,
                     struct sr_str bytes)
{
    struct net__conn *conn;
    enum sr_err err;

    SR_ASSERT(loop_is_current(net->loop));
    SR_ASSERT((unsigned)flow->kind < NET_KIND_COUNT);
    if (bytes.n > NET_MESSAGE_BYTES_MAX)
        return SR_ERR_LIMIT;
    if (flow->kind == NET_UDP) {
        err = net->ops->send_udp(net, flow, bytes);
        net->counters.sent += err == SR_OK;
        return err;
    }
    conn = sr_idtab_find(&net->conns, flow->conn);
    if (conn && conn->is_closing)
        conn = NULL;
    if (conn && conn->is_external) {
        err = send_external(net, conn, bytes);
    } else if (flow->kind == NET_WS || flow->kind == NET_WSS) {
        return net->external[flow->kind] ? SR_ERR_NOTFOUND : SR_ERR_UNSUPPORTED;
    } else if (!conn && !dial) {
        return SR_ERR_NOTFOUND;
    } else {
        err = net->ops->send_stream(net, conn, flow, dial, bytes);
    }
    net->counters.sent += err == SR_OK;
    return err;
}

enum sr_err net_ping(struct net *net, sr_id id)
{
    struct net__conn *conn = sr_idtab_find(&net->conns, id);

    SR_ASSERT(loop_is_current(net->loop));
    if (!conn || conn->is_closing)
        return SR_ERR_NOTFOUND;
    if (conn->is_external)
        return send_external(net, conn, SR_STR("\r\n\r\n"));
    return net->ops->ping(net, conn);
}

void net_keep_conn(struct net *net, sr_id id, sr_usec until)
{
    struct net__conn *conn = sr_idtab_find(&net->conns, id);

    SR_ASSERT(loop_is_current(net->loop));
    if (conn && !conn->is_external)
        net->ops->keep(net, conn, until);
}

static void forget_external(struct net__conn *conn)
{
    loop_defer_clear(conn->net->loop, &conn->closed_job);
    (void)sr_idtab_remove(&conn->net->conns, conn->flow.conn);
    sr_free(conn);
}

static void on_external_closed(void *arg)
{
    struct net__conn *conn = arg;
    struct net *net = conn->net;
    struct net_flow flow = conn->flow;

    forget_external(conn);
    net__tell_closed(net, &flow, SR_OK, "closed here");
}

void net_close_conn(struct net *net, sr_id id)
{
    struct net__conn *conn = sr_idtab_find(&net->conns, id);

    SR_ASSERT(loop_is_current(net->loop));
    if (!conn || conn->is_closing)
        return;
    if (!conn->is_external) {
        net->ops->close(net, conn);
        return;
    }
    conn->is_closing = true;
    net->external[conn->flow.kind]->close(net->external_arg[conn->flow.kind], conn->peer);
    loop_defer(net->loop, &conn->closed_job);
}

bool net_conn_is_open(const struct net *net, sr_id id)
{
    const struct net__conn *conn = sr_idtab_find(&net->conns, id);

    return conn && conn->is_open && !conn->is_closing;
}

bool net_conn_flow(const struct net *net, sr_id id, struct net_flow *ret_flow)
{
    const struct net__conn *conn = sr_idtab_find(&net->conns, id);

    if (!conn || conn->is_closing)
        return false;
    *ret_flow = conn->flow;
    return true;
}

enum sr_err net_local_for(struct net *net, const struct sr_addr *remote, struct sr_addr *ret_local)
{
    return net->ops->local_for(net, remote, ret_local);
}

void net_counters(const struct net *net, struct net_counters *ret_counters)
{
    *ret_counters = net->counters;
    ret_counters->conns = net->conns.count;
}

uint64_t net_udp_backlog_bytes(const struct net *net)
{
    return net->ops->udp_backlog != NULL ? net->ops->udp_backlog(net) : 0;
}

void net_add_transport(struct net *net, enum net_kind kind, const struct net_transport_ops *ops,
                       void *arg)
{
    SR_ASSERT(kind == NET_WS || kind == NET_WSS);
    SR_ASSERT(net->external[kind] == NULL);
    net->external[kind] = ops;
    net->external_arg[kind] = arg;
}

sr_id net_feed_opened(struct net *net, const struct net_flow *flow, uint64_t peer)
{
    struct net__conn *conn = sr_zalloc(1, sizeof(*conn));

    SR_ASSERT(loop_is_current(net->loop));
    SR_ASSERT(net->external[flow->kind] != NULL);
    conn->net = net;
    conn->flow = *flow;
    conn->peer = peer;
    conn->is_external = conn->is_open = true;
    loop_job_init(&conn->closed_job, on_external_closed, conn);
    conn->flow.conn = sr_idtab_add(&net->conns, conn);
    if (conn->flow.conn == SR_ID_NONE) {
        net->counters.conns_refused_total++;
        sr_free(conn);
        return SR_ID_NONE;
    }
    net->counters.conns_accepted++;
    return conn->flow.conn;
}

void net_feed_message(struct net *net, sr_id id, struct sr_str bytes)
{
    struct net__conn *conn = sr_idtab_find(&net->conns, id);

    SR_ASSERT(loop_is_current(net->loop));
    if (!conn || conn->is_closing || bytes.n > NET_MESSAGE_BYTES_MAX)
        return;
    struct net_flow flow = conn->flow;
    if (!net__is_keepalive(bytes))
        net__tell_message(net, &flow, bytes);
    else if (net->handler.on_pong && bytes.n == 2)
        net->handler.on_pong(net->arg, &flow);
    else if (bytes.n == 4 && send_external(net, conn, SR_STR("\r\n")) == SR_OK)
        net->counters.pings_answered++;
}

void net_feed_closed(struct net *net, sr_id id, enum sr_err err, const char *why)
{
    struct net__conn *conn = sr_idtab_find(&net->conns, id);

    SR_ASSERT(loop_is_current(net->loop));
    if (!conn || !conn->is_external)
        return;
    struct net_flow flow = conn->flow;
    forget_external(conn);
    net__tell_closed(net, &flow, err, why);
}

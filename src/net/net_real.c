#include <errno.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/real.h"
#include "net/socket.h"

static struct net_real *as_real(struct net *net)
{
    return SR_CONTAINER(net, struct net_real, net);
}

enum sr_err real__client_ctx(struct net_real *net, const char *ca_file, SSL_CTX **ret_ctx,
                             char *reterr_why)
{
    SSL_CTX *ctx;
    enum sr_err err;

    for (size_t i = 0; i < net->client_count; i++) {
        const char *have = net->clients[i].ca_file;
        if (have == ca_file || (have && ca_file && strcmp(have, ca_file) == 0)) {
            *ret_ctx = net->clients[i].ctx;
            return SR_OK;
        }
    }
    err = tls_client_ctx_new(ca_file, net->net.options.ca_file, &ctx, reterr_why);
    if (err != SR_OK)
        return err;
    if (net->client_count == REAL_CLIENT_CTX_MAX) { /* connections keep theirs counted */
        SSL_CTX_free(net->clients[0].ctx);
        sr_free(net->clients[0].ca_file);
        net->clients[0] = net->clients[--net->client_count];
    }
    net->clients[net->client_count++] =
        (struct client_ctx){.ca_file = ca_file ? sr_strdup(ca_file) : NULL, .ctx = ctx};
    *ret_ctx = ctx;
    return SR_OK;
}

static void forget_clients(struct net_real *net)
{
    for (size_t i = 0; i < net->client_count; i++) {
        SSL_CTX_free(net->clients[i].ctx);
        sr_free(net->clients[i].ca_file);
    }
    net->client_count = 0;
}

static enum sr_err real_tls_load(struct net *base, const struct net_tls_files *files,
                                 char *reterr_why)
{
    struct net_real *net = as_real(base);
    SSL_CTX *ctx;
    enum sr_err err = tls_server_ctx_new(files, &ctx, reterr_why);

    if (err != SR_OK)
        return err;
    SSL_CTX_free(net->server_ctx);
    net->server_ctx = ctx;
    forget_clients(net); /* CA files may be new as well */
    return SR_OK;
}

static void count_kernel_drops(struct listener *listener, uint32_t dropped)
{
    listener->net->net.counters.udp_kernel_dropped += dropped - listener->kernel_dropped;
    listener->kernel_dropped = dropped;
}

static void take_datagram(struct listener *listener, struct net_flow *flow, struct sr_str bytes)
{
    struct net *net = &listener->net->net;
    uint8_t answer[256];
    bool is_stun;

    net->counters.udp_received++;
    if (net__is_keepalive(bytes)) {
        net->counters.udp_empty++;
        return;
    }
    size_t n = net__stun(net, flow, bytes, answer, sizeof(answer), &is_stun);
    if (n > 0)
        (void)socket_send(listener->fd, flow, sr_str_make((const char *)answer, n));
    if (!is_stun)
        net__tell_message(net, flow, bytes);
}

static void on_udp_ready(void *arg, unsigned events)
{
    struct listener *listener = arg;
    struct net_real *net = listener->net;

    (void)events;
    for (int i = 0; i < NET_UDP_BATCH; i++) {
        struct net_flow flow = {.kind = NET_UDP, .local = listener->addr};
        uint32_t dropped = listener->kernel_dropped;
        bool is_truncated = false;
        ssize_t n = socket_recv(listener->fd, net->read_buf, sizeof(net->read_buf), &flow,
                                &is_truncated, &dropped);
        if (n < 0 && (errno == EAGAIN))
            return;
        if (n < 0)
            continue; /* an ICMP error of an earlier datagram; the batch bounds this */
        count_kernel_drops(listener, dropped);
        if (is_truncated)
            net->net.counters.udp_truncated++;
        else
            take_datagram(listener, &flow, sr_str_make(net->read_buf, (size_t)n));
    }
}

static void on_pause_over(void *arg)
{
    struct listener *listener = arg;

    loop_watch_set(listener->watch, LOOP_READ);
}

static void on_accept_ready(void *arg, unsigned events)
{
    struct listener *listener = arg;
    struct net_real *net = listener->net;

    (void)events;
    for (int i = 0; i < REAL_ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage sa;
        socklen_t len = sizeof(sa);
        struct sr_addr remote;
        int fd = accept4(listener->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EAGAIN))
            return;
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            net->net.counters.accept_failed++; /* a ready listener would spin the loop: pause */
            loop_watch_set(listener->watch, 0);
            loop_timer_set(net->net.loop, &listener->pause,
                           loop_now(net->net.loop) + 100 * SR_MSEC);
            return;
        }
        if (fd < 0)
            continue;
        sr_addr_from_sockaddr((struct sockaddr *)&sa, &remote);
        stream__accept(net, listener, fd, &remote);
    }
}

static enum sr_err real_listen(struct net *base, enum net_kind kind, const struct sr_addr *addr,
                               struct sr_addr *ret_addr, char *reterr_why)
{
    struct net_real *net = as_real(base);
    struct sr_addr bound;
    enum sr_err err;
    int fd;

    if (net->listener_count == NET_LISTENERS_MAX) {
        (void)snprintf(reterr_why, NET_WHY_MAX, "more than %d addresses to listen on",
                       NET_LISTENERS_MAX);
        return SR_ERR_LIMIT;
    }
    if (kind == NET_TLS && !net->server_ctx) {
        (void)snprintf(reterr_why, NET_WHY_MAX, "TLS without a certificate");
        return SR_ERR_STATE;
    }
    err = socket_bind(kind, addr, &fd, &bound, reterr_why);
    if (err != SR_OK)
        return err;
    socket_mark(fd, bound.family, base->options.dscp);
    struct listener *listener = sr_zalloc(1, sizeof(*listener));
    *listener = (struct listener){.net = net, .kind = kind, .fd = fd, .addr = bound};
    loop_timer_init(&listener->pause, on_pause_over, listener);
    err = loop_watch_fd(base->loop, fd, LOOP_READ, kind == NET_UDP ? on_udp_ready : on_accept_ready,
                        listener, &listener->watch);
    if (err != SR_OK) {
        (void)snprintf(reterr_why, NET_WHY_MAX, "the loop cannot watch the socket");
        (void)close(fd);
        sr_free(listener);
        return err;
    }
    net->listeners[net->listener_count++] = listener;
    if (ret_addr)
        *ret_addr = bound;
    return SR_OK;
}

/* The UDP socket to send from: the best that fits flow->local. */
static struct listener *find_udp(struct net_real *net, const struct net_flow *flow)
{
    struct listener *best = NULL;
    int best_score = -1;
    bool has_local = flow->local.family == flow->remote.family;

    for (size_t i = 0; i < net->listener_count; i++) {
        struct listener *listener = net->listeners[i];
        if (listener->kind != NET_UDP || listener->addr.family != flow->remote.family)
            continue;
        bool is_any = sr_addr_is_any(&listener->addr);
        bool is_same_ip = has_local && sr_addr_ip_eq(&listener->addr, &flow->local);
        int score = (is_same_ip ? 4
                     : is_any   ? 2
                                : 0) +
                    (has_local && listener->addr.port == flow->local.port ? 8 : 0);
        if (has_local && !sr_addr_is_any(&flow->local) && !is_any && !is_same_ip)
            score = 0;
        if (score > best_score) {
            best = listener;
            best_score = score;
        }
    }
    return best;
}

static enum sr_err real_send_udp(struct net *base, struct net_flow *flow, struct sr_str bytes)
{
    struct net_real *net = as_real(base);
    struct listener *listener = find_udp(net, flow);
    struct sr_addr local;

    if (!listener)
        return SR_ERR_NOTFOUND;
    if (!sr_addr_is_any(&listener->addr)) {
        flow->local = listener->addr;
    } else if (flow->local.family != flow->remote.family || sr_addr_is_any(&flow->local)) {
        if (socket_local_for(&flow->remote, &local) != SR_OK)
            return SR_ERR_IO;
        flow->local = local;
    }
    flow->local.port = listener->addr.port;
    if (socket_send(listener->fd, flow, bytes)) {
        base->counters.udp_sent++;
        return SR_OK;
    }
    base->counters.udp_send_failed++;
    if (errno == EMSGSIZE)
        return SR_ERR_LIMIT;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ECONNREFUSED)
        return SR_OK; /* as good as lost on the wire: the transaction repeats */
    return SR_ERR_IO;
}

static enum sr_err real_local_for(struct net *net, const struct sr_addr *remote,
                                  struct sr_addr *ret_local)
{
    (void)net;
    return socket_local_for(remote, ret_local);
}

static uint64_t real_udp_backlog(const struct net *base)
{
    const struct net_real *net = SR_CONTAINER(base, const struct net_real, net);
    uint64_t bytes = 0;

    for (size_t i = 0; i < net->listener_count; i++) {
        uint32_t memory[SK_MEMINFO_VARS] = {0};
        socklen_t size = sizeof(memory);

        if (net->listeners[i]->kind == NET_UDP &&
            getsockopt(net->listeners[i]->fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0)
            bytes += memory[SK_MEMINFO_RMEM_ALLOC];
    }
    return bytes;
}

static void real_free(struct net *base)
{
    struct net_real *net = as_real(base);
    uint32_t cursor = 0;
    struct net__conn *conn;

    while ((conn = sr_idtab_next(&base->conns, &cursor)) != NULL)
        if (!conn->is_external)
            stream__free(SR_CONTAINER(conn, struct stream, conn));
    for (size_t i = 0; i < net->listener_count; i++) {
        struct listener *listener = net->listeners[i];
        loop_timer_clear(base->loop, &listener->pause);
        loop_watch_close(listener->watch);
        (void)close(listener->fd);
        sr_free(listener);
    }
    SSL_CTX_free(net->server_ctx);
    forget_clients(net);
    sr_map_done(&net->sources);
    sr_map_done(&net->dialed);
    net__done(base);
    sr_free(net);
}

static const struct net_ops ops_real = {
    .tls_load = real_tls_load,
    .listen = real_listen,
    .send_udp = real_send_udp,
    .send_stream = stream__send,
    .udp_backlog = real_udp_backlog,
    .ping = stream__ping,
    .keep = stream__keep,
    .close = stream__close,
    .local_for = real_local_for,
    .free = real_free,
};

struct net *net_new(struct loop *loop, const struct net_handler *handler, void *arg,
                    const struct net_options *options)
{
    struct net_real *net = sr_zalloc(1, sizeof(*net));

    net__init(&net->net, &ops_real, loop, handler, arg, options);
    sr_map_init(&net->sources);
    sr_map_init(&net->dialed);
    return &net->net;
}

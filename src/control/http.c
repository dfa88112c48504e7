/* Listeners and the loop: accepts, polls, keeps deadlines. Connections are http_conn.c. */
#include "control/http.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/http_internal.h"
#include "net/clock.h"
#include "net/net.h"

enum {
    HTTP_BACKLOG = 128,
    HTTP_ACCEPTS_PER_TURN = 32,
    HTTP_TURN_MS = 500,
    HTTP_ACCEPT_PAUSE_MS = 100, /* after the system refused one */
    HTTP_ACCEPT_TOLD_SEC = 60,
};

struct http_server *http_new(const struct http_ops *ops, void *arg)
{
    struct http_server *server = sr_zalloc(1, sizeof(*server));

    server->ops = *ops;
    server->arg = arg;
    sr_list_init(&server->conns);
    sr_map64_init(&server->requests);
    server->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    SR_ASSERT(server->wake_fd >= 0);
    server->now = net_clock_now();
    return server;
}

void http_free(struct http_server *server)
{
    if (server == NULL)
        return;
    SR_LIST_EACH(&server->conns, node)
    {
        http__conn_free(SR_CONTAINER(node, struct http_conn, node));
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].fd >= 0)
            close(server->listeners[i].fd);
        SSL_CTX_free(server->listeners[i].tls);
    }
    sr_map64_done(&server->requests);
    close(server->wake_fd);
    sr_free(server);
}

/* ---- listeners ---- */

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";

    (void)ssl;
    (void)arg;
    return SSL_select_next_proto((unsigned char **)(void *)out, out_len, ours, sizeof(ours) - 1, in,
                                 in_len) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *tls_new(const char *cert, const char *key, char *reterr_why, size_t why_size)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    char why[NET_WHY_MAX];

    SR_ASSERT(tls != NULL);
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(tls, choose_alpn, NULL);
    if (SSL_CTX_use_certificate_chain_file(tls, cert) == 1 &&
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(tls) == 1)
        return tls;
    if (net_tls_try(&(struct net_tls_files){cert, key}, why) == SR_OK)
        (void)snprintf(why, sizeof(why), "the certificate %.100s cannot be used", cert);
    (void)sr_str_copy(sr_str_c(why), reterr_why, why_size);
    ERR_clear_error();
    SSL_CTX_free(tls);
    return NULL;
}

static int open_socket(const struct sr_addr *addr)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = sr_addr_to_sockaddr(addr, &sa);
    int one = 1;
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (sa.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&sa, sa_len) == 0 && listen(fd, HTTP_BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

enum sr_err http_listen(struct http_server *server, const struct sr_addr *addr,
                        const char *tls_cert, const char *tls_key, char *reterr_why,
                        size_t why_size)
{
    struct http_listener *listener = &server->listeners[server->listener_count];
    struct sockaddr_storage sa;
    socklen_t sa_len = sizeof(sa);
    char why[NET_WHY_MAX];

    if (server->listener_count == HTTP_LISTENERS_MAX)
        return SR_ERR_LIMIT;
    listener->tls = NULL;
    if (tls_cert != NULL) {
        listener->tls = tls_new(tls_cert, tls_key, reterr_why, why_size);
        if (listener->tls == NULL)
            return SR_ERR_IO;
    }
    listener->fd = open_socket(addr);
    if (listener->fd < 0 || getsockname(listener->fd, (struct sockaddr *)&sa, &sa_len) != 0) {
        net_bind_why(listener->tls != NULL ? NET_TLS : NET_TCP, addr, errno, why);
        (void)snprintf(reterr_why, why_size, "%s, for the page (%s)", why,
                       listener->tls != NULL ? "server.webUiTlsPort" : "server.webUiPort");
        SSL_CTX_free(listener->tls);
        return SR_ERR_IO;
    }
    sr_addr_from_sockaddr((struct sockaddr *)&sa, &listener->addr);
    server->listener_count++;
    return SR_OK;
}

enum sr_err http_tls_load(struct http_server *server, const char *tls_cert, const char *tls_key,
                          char *reterr_why, size_t why_size)
{
    SSL_CTX *tls = tls_new(tls_cert, tls_key, reterr_why, why_size);

    if (tls == NULL)
        return SR_ERR_IO;
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].tls == NULL)
            continue;
        SSL_CTX_free(server->listeners[i].tls); /* connections hold their own count */
        (void)SSL_CTX_up_ref(tls);
        server->listeners[i].tls = tls;
    }
    SSL_CTX_free(tls);
    return SR_OK;
}

void http_unlisten(struct http_server *server, const struct sr_addr *addr)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (!sr_addr_eq(&server->listeners[i].addr, addr))
            continue;
        close(server->listeners[i].fd);
        SSL_CTX_free(server->listeners[i].tls);
        server->listener_count--;
        memmove(&server->listeners[i], &server->listeners[i + 1],
                (server->listener_count - i) * sizeof(server->listeners[0]));
        return;
    }
}

bool http_listener(const struct http_server *server, size_t index, struct sr_addr *ret_addr,
                   bool *ret_is_tls)
{
    if (index >= server->listener_count)
        return false;
    *ret_addr = server->listeners[index].addr;
    *ret_is_tls = server->listeners[index].tls != NULL;
    return true;
}

/* ---- accepting ---- */

static bool has_room(const struct http_server *server, const struct sr_addr *peer)
{
    size_t same = 0;

    if (server->conns.count >= HTTP_CONNECTIONS_MAX)
        return false;
    if (sr_addr_is_loopback(peer))
        return true;
    SR_LIST_EACH(&server->conns, node)
    {
        same += sr_addr_ip_eq(&SR_CONTAINER(node, struct http_conn, node)->peer, peer);
    }
    return same < HTTP_CONNECTIONS_PER_SOURCE_MAX;
}

static void accept_one(struct http_server *server, const struct http_listener *listener, int fd,
                       const struct sr_addr *peer)
{
    int one = 1;
    SSL *ssl = NULL;

    server->stats.connections_total++;
    if (!has_room(server, peer)) {
        server->stats.connections_refused++;
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (listener->tls != NULL) {
        ssl = SSL_new(listener->tls);
        if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
            SSL_free(ssl);
            close(fd);
            return;
        }
        SSL_set_accept_state(ssl);
    }
    (void)http__conn_new(server, fd, ssl, peer);
}

/* Most often no file is left. The listener stays ready: asking again at once would only burn time. */
static void pause_accepting(struct http_server *server, int error)
{
    server->accept_at = server->now + HTTP_ACCEPT_PAUSE_MS * SR_MSEC;
    server->stats.accepts_failed++;
    if (server->accept_told_at == 0 ||
        server->now - server->accept_told_at > HTTP_ACCEPT_TOLD_SEC * SR_SEC) {
        sr_log(
            API, WARN,
            "event=accept_failed why=\"%s\" hint=\"connections to the page wait; when files have "
            "run out, raise LimitNOFILE\"",
            strerror(error));
        server->accept_told_at = server->now;
    }
}

static void accept_some(struct http_server *server, const struct http_listener *listener)
{
    for (int i = 0; i < HTTP_ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage sa;
        socklen_t sa_len = sizeof(sa);
        struct sr_addr peer;
        int fd =
            accept4(listener->fd, (struct sockaddr *)&sa, &sa_len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                pause_accepting(server, errno);
            return;
        }
        sr_addr_from_sockaddr((struct sockaddr *)&sa, &peer);
        accept_one(server, listener, fd, &peer);
    }
}

/* ---- the loop ---- */

static void sweep(struct http_server *server)
{
    SR_LIST_EACH(&server->conns, node)
    {
        struct http_conn *conn = SR_CONTAINER(node, struct http_conn, node);

        if (conn->state == HTTP_CONN_DEAD)
            http__conn_free(conn);
    }
}

static void on_deadline(struct http_conn *conn)
{
    switch (conn->state) {
    case HTTP_CONN_WS:
        http__ws_on_deadline(conn->ws);
        break;
    case HTTP_CONN_HEAD:
        if (conn->in.len > 0 && !http__conn_is_sending(conn)) {
            http__conn_refuse(conn, 408, "the request took too long");
            break;
        }
        conn->state = HTTP_CONN_DEAD;
        break;
    case HTTP_CONN_BODY:
        http__conn_refuse(conn, 408, "the request took too long");
        break;
    case HTTP_CONN_WAITING: /* whoever answers has its own limit */
        conn->deadline = SR_NEVER;
        break;
    case HTTP_CONN_HANDSHAKE:
    case HTTP_CONN_LAST:
    case HTTP_CONN_LINGER:
    case HTTP_CONN_DEAD:
        conn->state = HTTP_CONN_DEAD;
        break;
    }
}

static short events_of(const struct http_conn *conn)
{
    short events = 0;

    if (http__conn_is_sending(conn))
        events |= conn->poll_out;
    if (conn->is_eof)
        return events;
    if (conn->state == HTTP_CONN_WS || conn->state == HTTP_CONN_LINGER ||
        conn->state == HTTP_CONN_HANDSHAKE || conn->state == HTTP_CONN_BODY ||
        (conn->state == HTTP_CONN_HEAD && conn->in.len < HTTP_HEAD_BYTES_MAX + HTTP_READ_BYTES))
        events |= conn->poll_in;
    return events;
}

static int timeout_of(const struct http_server *server)
{
    sr_usec next = server->now + HTTP_TURN_MS * SR_MSEC;

    if (server->accept_at > server->now)
        next = SR_MIN(next, server->accept_at);
    SR_LIST_EACH(&server->conns, node)
    {
        next = SR_MIN(next, SR_CONTAINER(node, struct http_conn, node)->deadline);
    }
    return next <= server->now ? 0 : (int)((next - server->now + 999) / 1000);
}

struct turn {
    struct pollfd fds[1 + HTTP_LISTENERS_MAX + HTTP_CONNECTIONS_MAX];
    struct http_conn *conns[HTTP_CONNECTIONS_MAX];
    size_t listeners, count;
};

static size_t prepare(struct http_server *server, struct turn *turn, bool is_listening)
{
    size_t n = 0;

    turn->fds[n++] = (struct pollfd){.fd = server->wake_fd, .events = POLLIN};
    turn->listeners = is_listening ? server->listener_count : 0;
    for (size_t i = 0; i < turn->listeners; i++)
        turn->fds[n++] = (struct pollfd){.fd = server->listeners[i].fd, .events = POLLIN};
    turn->count = 0;
    SR_LIST_EACH(&server->conns, node)
    {
        struct http_conn *conn = SR_CONTAINER(node, struct http_conn, node);

        turn->conns[turn->count++] = conn;
        turn->fds[n++] = (struct pollfd){.fd = conn->fd, .events = events_of(conn)};
    }
    return n;
}

static void serve_conn(struct http_conn *conn, short events)
{
    if ((events & POLLNVAL) != 0 ||
        ((events & (POLLERR | POLLHUP)) != 0 && (events & POLLIN) == 0)) {
        conn->state = HTTP_CONN_DEAD;
        return;
    }
    if ((events & (POLLIN | POLLOUT)) != 0)
        http__conn_read(conn);
}

static void serve(struct http_server *server, struct turn *turn)
{
    const struct pollfd *fds = turn->fds;
    uint64_t drained;

    if (fds[0].revents != 0)
        (void)!read(server->wake_fd, &drained, sizeof(drained));
    fds++;
    for (size_t i = 0; i < turn->listeners; i++, fds++) {
        if (fds->revents != 0)
            accept_some(server, &server->listeners[i]);
    }
    for (size_t i = 0; i < turn->count; i++, fds++)
        serve_conn(turn->conns[i], fds->revents);
    if (server->ops.on_turn != NULL)
        server->ops.on_turn(server->arg, server->now);
    SR_LIST_EACH(&server->conns, node)
    {
        struct http_conn *conn = SR_CONTAINER(node, struct http_conn, node);

        http__conn_turn(conn);
        if (conn->deadline <= server->now)
            on_deadline(conn);
    }
    sweep(server);
}

static void say_goodbye(struct http_server *server)
{
    SR_LIST_EACH(&server->conns, node)
    {
        struct http_conn *conn = SR_CONTAINER(node, struct http_conn, node);

        if (conn->ws != NULL)
            http_ws_close(conn->ws, HTTP_WS_GOING_AWAY, "the router stops");
        else if (!http__conn_is_sending(conn))
            conn->state = HTTP_CONN_DEAD;
    }
    sweep(server);
}

void http_run(struct http_server *server)
{
    struct turn *turn = sr_zalloc(1, sizeof(*turn));
    sr_usec end = SR_NEVER;

    while (end == SR_NEVER || (server->conns.count > 0 && server->now < end)) {
        size_t n = prepare(server, turn, end == SR_NEVER && server->accept_at <= server->now);

        if (poll(turn->fds, n, timeout_of(server)) < 0)
            SR_ASSERT(errno == EINTR);
        server->now = net_clock_now();
        serve(server, turn);
        if (end == SR_NEVER && atomic_load(&server->is_stopping)) {
            end = server->now + HTTP_STOP_SEC * SR_SEC;
            say_goodbye(server);
        }
    }
    sr_free(turn);
}

void http_stop(struct http_server *server)
{
    atomic_store(&server->is_stopping, true);
    http_wake(server);
}

void http_wake(struct http_server *server)
{
    static const uint64_t one = 1;

    (void)!write(server->wake_fd, &one, sizeof(one));
}

void http_stats(const struct http_server *server, struct http_stats *ret_stats)
{
    *ret_stats = server->stats;
    ret_stats->connections = (uint32_t)server->conns.count;
    ret_stats->websockets = 0;
    SR_LIST_EACH(&server->conns, node)
    {
        ret_stats->websockets += SR_CONTAINER(node, struct http_conn, node)->ws != NULL;
    }
}

/* Passive TCP of the browser port (RFC 6544), packets framed by RFC 4571. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "worker/bport_internal.h"

enum {
    LENGTH_BYTES = 2,
    READS_MAX = 16, /* of one connection in one turn */
};

static void close_conn(struct bport *bport, struct bconn *conn)
{
    struct bpeer *peer = conn->peer;
    uint32_t number = conn->number;

    close(conn->sock.fd);
    conn->sock.fd = -1;
    conn->number = 0;
    conn->peer = NULL;
    bport->conn_count--;
    if (peer != NULL)
        bport__lose_stream(bport, peer, number);
}

static struct bconn *find_conn(struct bport *bport, uint32_t number)
{
    for (size_t i = 0; i < BPORT_CONNS_MAX; i++) {
        if (bport->conns[i].number == number)
            return &bport->conns[i];
    }
    return NULL;
}

static struct bconn *free_conn(struct bport *bport, const struct sr_addr *remote)
{
    struct bconn *found = NULL;
    uint32_t same = 0;

    for (size_t i = 0; i < BPORT_CONNS_MAX; i++) {
        struct bconn *conn = &bport->conns[i];

        if (conn->number == 0)
            found = conn;
        else
            same += sr_addr_ip_eq(&conn->remote, remote);
    }
    return same < BPORT_CONNS_PER_IP ? found : NULL;
}

static void open_conn(struct bport *bport, struct bconn *conn, int fd, const struct sr_addr *remote)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = sizeof(sa);
    int one = 1;

    conn->sock = (struct bsock){.kind = BSOCK_CONN, .fd = fd, .bport = bport};
    conn->remote = *remote;
    conn->local = (struct sr_addr){0};
    if (getsockname(fd, (struct sockaddr *)&sa, &sa_len) == 0)
        sr_addr_from_sockaddr((struct sockaddr *)&sa, &conn->local);
    conn->local.port = 0;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (++bport->last_number == 0)
        bport->last_number = 1;
    conn->number = bport->last_number;
    conn->peer = NULL;
    conn->opened_at = bport->worker->now;
    conn->heard_at = bport->worker->now;
    conn->in_bytes = 0;
    conn->out_bytes = 0;
    bport->conn_count++;
    bport__watch(bport, &conn->sock, EPOLLIN);
}

void bport__accept(struct bport *bport, struct bsock *listener)
{
    for (int i = 0; i < READS_MAX; i++) {
        struct sockaddr_storage sa;
        socklen_t sa_len = sizeof(sa);
        struct sr_addr remote = {0};
        struct bconn *conn;
        int fd =
            accept4(listener->fd, (struct sockaddr *)&sa, &sa_len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        sr_addr_from_sockaddr((struct sockaddr *)&sa, &remote);
        conn = free_conn(bport, &remote);
        if (conn == NULL) {
            close(fd);
            atomic_fetch_add_explicit(&bport->counters.tcp_refused, 1, memory_order_relaxed);
            continue;
        }
        open_conn(bport, conn, fd, &remote);
    }
}

/* ---- out ---- */

static bool flush_conn(struct bport *bport, struct bconn *conn)
{
    ssize_t sent = send(conn->sock.fd, conn->out, conn->out_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN)
        return false;
    sent = SR_MAX(sent, (ssize_t)0);
    conn->out_bytes -= (size_t)sent;
    memmove(conn->out, conn->out + sent, conn->out_bytes);
    bport__watch(bport, &conn->sock, conn->out_bytes > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return true;
}

bool bport__send_stream(struct bport *bport, uint32_t stream, const uint8_t *bytes, size_t n)
{
    struct bconn *conn = stream != 0 ? find_conn(bport, stream) : NULL;
    bool was_empty;

    if (conn == NULL || n > UINT16_MAX || LENGTH_BYTES + n > sizeof(conn->out) - conn->out_bytes)
        return false;
    was_empty = conn->out_bytes == 0;
    conn->out[conn->out_bytes] = (uint8_t)(n >> 8);
    conn->out[conn->out_bytes + 1] = (uint8_t)n;
    memcpy(conn->out + conn->out_bytes + LENGTH_BYTES, bytes, n);
    conn->out_bytes += LENGTH_BYTES + n;
    /* a broken connection is found when it is read */
    return !was_empty || flush_conn(bport, conn);
}

/* ---- in ---- */

/* False: the connection has to end. */
static bool take_frames(struct bport *bport, struct bconn *conn)
{
    struct ice_path path = {.remote = conn->remote, .local = conn->local, .stream = conn->number};
    uint32_t number = conn->number;
    size_t at = 0;

    while (conn->in_bytes - at >= LENGTH_BYTES) {
        size_t n = (size_t)conn->in[at] << 8 | conn->in[at + 1];

        if (n > BPORT_PACKET_MAX)
            return false;
        if (conn->in_bytes - at < LENGTH_BYTES + n)
            break;
        bport__take(bport, &path, conn->peer, conn->in + at + LENGTH_BYTES, n);
        if (conn->number != number)
            return true; /* it is gone already */
        at += LENGTH_BYTES + n;
    }
    conn->in_bytes -= at;
    memmove(conn->in, conn->in + at, conn->in_bytes);
    return true;
}

void bport__on_conn(struct bport *bport, struct bsock *sock, uint32_t events)
{
    struct bconn *conn = SR_CONTAINER(sock, struct bconn, sock);

    if (conn->number == 0)
        return; /* closed by an event before this one */
    if ((events & EPOLLOUT) && conn->out_bytes > 0 && !flush_conn(bport, conn)) {
        close_conn(bport, conn);
        return;
    }
    for (int i = 0; i < READS_MAX && conn->number != 0; i++) {
        ssize_t got = recv(conn->sock.fd, conn->in + conn->in_bytes,
                           sizeof(conn->in) - conn->in_bytes, MSG_DONTWAIT);

        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            close_conn(bport, conn);
            return;
        }
        conn->heard_at = bport->worker->now;
        conn->in_bytes += (size_t)got;
        if (!take_frames(bport, conn)) {
            close_conn(bport, conn);
            return;
        }
    }
}

/* ---- whose it is ---- */

void bport__prove_stream(struct bport *bport, uint32_t stream, struct bpeer *peer)
{
    struct bconn *conn = find_conn(bport, stream);

    if (conn != NULL)
        conn->peer = peer;
}

void bport__forget_streams(struct bport *bport, const struct bpeer *peer)
{
    for (size_t i = 0; i < BPORT_CONNS_MAX && bport->conn_count > 0; i++) {
        struct bconn *conn = &bport->conns[i];

        if (conn->number != 0 && conn->peer == peer) {
            conn->peer = NULL;
            close_conn(bport, conn);
        }
    }
}

void bport__check_conns(struct bport *bport)
{
    sr_usec now = bport->worker->now;

    for (size_t i = 0; i < BPORT_CONNS_MAX && bport->conn_count > 0; i++) {
        struct bconn *conn = &bport->conns[i];

        if (conn->number == 0)
            continue;
        if ((conn->peer == NULL && now - conn->opened_at > BPORT_CONN_PROVE_US) ||
            now - conn->heard_at > BPORT_CONN_IDLE_US)
            close_conn(bport, conn);
    }
}

void bport__close_conns(struct bport *bport)
{
    for (size_t i = 0; bport->conns != NULL && i < BPORT_CONNS_MAX; i++) {
        if (bport->conns[i].number != 0)
            close(bport->conns[i].sock.fd);
    }
}

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/real.h"
#include "net/socket.h"

enum {
    NETWORK_BYTES = 8, /* of an IPv6 address */
    NETWORK_SHARE = 4, /* of conns_max: a quarter for one network */
};

static struct stream *as_stream(struct net__conn *conn)
{
    return SR_CONTAINER(conn, struct stream, conn);
}

static struct loop *loop_of(const struct stream *stream)
{
    return stream->net->net.loop;
}

static void leave(struct net_real *net, struct source *source)
{
    if (!source || --source->count > 0)
        return;
    (void)sr_map_remove(&net->sources, sr_str_make(source->key, sizeof(source->key)));
    sr_free(source);
}

/* NULL: there are that many from there. */
static struct source *enter(struct net_real *net, const struct sr_addr *remote, size_t bytes,
                            uint32_t max)
{
    char key[17] = {0};

    key[0] = (char)(remote->family << 4 | (int)(bytes - 1)); /* how much of it counts */
    memcpy(key + 1, remote->ip, bytes);
    struct source *source = sr_map_find(&net->sources, sr_str_make(key, sizeof(key)));
    if (!source) {
        source = sr_zalloc(1, sizeof(*source));
        memcpy(source->key, key, sizeof(key));
        (void)sr_map_put(&net->sources, sr_str_make(source->key, sizeof(key)), source);
    } else if (source->count >= max) {
        net->net.counters.conns_refused_source++;
        return NULL;
    }
    source->count++;
    return source;
}

/* Its address; and the /64 around one of IPv6, for its owner has 2^64 of them. A whole office may be
 * there: together they get a share of all connections. */
static bool enter_sources(struct net_real *net, const struct sr_addr *remote,
                          struct source *ret_sources[2])
{
    const struct net_options *options = &net->net.options;

    ret_sources[0] = enter(net, remote, sizeof(remote->ip), options->conns_per_source_max);
    ret_sources[1] = NULL;
    if (!ret_sources[0] || remote->family != SR_ADDR_IP6)
        return ret_sources[0] != NULL;
    ret_sources[1] =
        enter(net, remote, NETWORK_BYTES, SR_MAX(options->conns_max / NETWORK_SHARE, 1u));
    if (!ret_sources[1])
        leave(net, ret_sources[0]);
    return ret_sources[1] != NULL;
}

void stream__free(struct stream *stream)
{
    struct net_real *net = stream->net;

    loop_timer_clear(loop_of(stream), &stream->timer);
    loop_defer_clear(loop_of(stream), &stream->end);
    loop_watch_close(stream->watch);
    if (stream->fd >= 0)
        (void)close(stream->fd);
    (void)sr_idtab_remove(&net->net.conns, stream->conn.flow.conn);
    if (stream->key && sr_map_find(&net->dialed, sr_str_c(stream->key)) == stream)
        (void)sr_map_remove(&net->dialed, sr_str_c(stream->key));
    leave(net, stream->sources[0]);
    leave(net, stream->sources[1]);
    tls_free(stream->tls);
    sr_buf_done(&stream->in);
    sr_buf_done(&stream->out);
    sr_buf_done(&stream->waiting);
    sr_free(stream->key);
    sr_free(stream);
}

static void on_end(void *arg)
{
    struct stream *stream = arg;
    struct net *net = &stream->net->net;
    struct net_flow flow = stream->conn.flow;
    enum sr_err err = stream->err;
    char why[NET_WHY_MAX];

    memcpy(why, stream->why, sizeof(why));
    stream__free(stream);
    net__tell_closed(net, &flow, err, why);
}

/* Unread bytes would turn the close into a reset, and the answer just sent would be lost. */
static void drain(const struct stream *stream)
{
    (void)shutdown(stream->fd, SHUT_WR);
    for (int i = 0; i < REAL_READS_PER_TURN; i++)
        if (recv(stream->fd, stream->net->read_buf, sizeof(stream->net->read_buf), 0) <= 0)
            return;
}

/* The descriptor closes now; the user hears of it from the end job, never from inside a call. */
static void die(struct stream *stream, enum sr_err err, const char *why)
{
    if (stream->state == STREAM_DEAD)
        return;
    if (stream->state == STREAM_CONNECTING)
        stream->net->net.counters.conns_failed++;
    else if (stream->state == STREAM_HANDSHAKE)
        stream->net->net.counters.tls_failed++;
    if (stream->state == STREAM_FLUSHING)
        drain(stream);
    stream->state = STREAM_DEAD;
    stream->conn.is_closing = true;
    stream->err = err;
    (void)snprintf(stream->why, sizeof(stream->why), "%s", why);
    loop_timer_clear(loop_of(stream), &stream->timer);
    loop_watch_close(stream->watch);
    stream->watch = NULL;
    (void)close(stream->fd);
    stream->fd = -1;
    if (stream->key)
        (void)sr_map_remove(&stream->net->dialed, sr_str_c(stream->key));
    sr_free(stream->key);
    stream->key = NULL;
    loop_defer(loop_of(stream), &stream->end);
}

static sr_usec stream_deadline(const struct stream *stream)
{
    const struct net_options *o = &stream->net->net.options;
    sr_usec at = SR_MAX(stream->received_at + o->idle_usec, stream->keep_until);

    if (stream->state == STREAM_CONNECTING)
        return stream->state_since + o->connect_usec;
    if (stream->state == STREAM_HANDSHAKE || stream->state == STREAM_FLUSHING)
        return stream->state_since + o->handshake_usec;
    if (stream->message_since != SR_NEVER)
        at = SR_MIN(at, stream->message_since + o->half_message_usec);
    return at;
}

/* Deadlines only move later while bytes come: the timer is set anew when it fires too early. */
static void arm(struct stream *stream)
{
    sr_usec at = stream_deadline(stream);

    if (stream->state == STREAM_DEAD)
        return;
    if (!loop_timer_is_set(&stream->timer) || stream->timer.node.at > at)
        loop_timer_set(loop_of(stream), &stream->timer, at);
}

static void enter_state(struct stream *stream, enum stream_state state)
{
    stream->state = state;
    stream->state_since = loop_now(loop_of(stream));
    loop_timer_set(loop_of(stream), &stream->timer, stream_deadline(stream));
}

static void on_timer(void *arg)
{
    struct stream *stream = arg;
    struct net_counters *counters = &stream->net->net.counters;
    const struct net_options *o = &stream->net->net.options;
    sr_usec now = loop_now(loop_of(stream));

    if (stream_deadline(stream) > now) {
        arm(stream);
        return;
    }
    if (stream->state == STREAM_CONNECTING) {
        die(stream, SR_ERR_TIMEOUT, "no connection in time");
    } else if (stream->state == STREAM_HANDSHAKE) {
        counters->deadline_handshake++;
        die(stream, SR_ERR_TIMEOUT, "TLS handshake not finished in time");
    } else if (stream->state == STREAM_FLUSHING) {
        die(stream, SR_OK, "closed here");
    } else if (stream->message_since != SR_NEVER &&
               stream->message_since + o->half_message_usec <= now) {
        counters->deadline_message++;
        die(stream, SR_ERR_TIMEOUT, "half a message, the rest did not come in time");
    } else {
        counters->deadline_idle++;
        die(stream, SR_OK, "idle");
    }
}

/* Writes what the kernel takes. */
static void flush(struct stream *stream)
{
    if (stream->tls)
        tls_drain(stream->tls, &stream->out);
    if (sr_buf_err(&stream->out) != SR_OK) {
        stream->net->net.counters.queue_full++;
        die(stream, SR_ERR_LIMIT, "the peer does not read: write queue full");
        return;
    }
    size_t sent = 0;
    while (sent < stream->out.len) {
        ssize_t n = send(stream->fd, stream->out.data + sent, stream->out.len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN))
            break;
        if (n < 0) {
            die(stream, SR_ERR_IO, strerror(errno));
            return;
        }
        sent += (size_t)n;
    }
    sr_buf_consume(&stream->out, sent);
    if (stream->state == STREAM_FLUSHING && stream->out.len == 0) {
        die(stream, stream->err, stream->why[0] ? stream->why : "closed here");
        return;
    }
    unsigned events = stream->state == STREAM_FLUSHING ? 0 : LOOP_READ;
    loop_watch_set(stream->watch, events | (stream->out.len > 0 ? LOOP_WRITE : 0));
}

/* Takes plain bytes that go out now. */
static void put_plain(struct stream *stream, struct sr_str bytes)
{
    if (!stream->tls)
        sr_buf_str(&stream->out, bytes);
    else if (tls_write(stream->tls, bytes) != SR_OK)
        die(stream, SR_ERR_PROTO, tls_why(stream->tls));
}

/* Closes when the queue has left. */
static void close_politely(struct stream *stream, enum sr_err err, const char *why)
{
    if (stream->state == STREAM_DEAD || stream->state == STREAM_FLUSHING)
        return;
    if (stream->state != STREAM_OPEN) {
        die(stream, err, why);
        return;
    }
    stream->err = err;
    (void)snprintf(stream->why, sizeof(stream->why), "%s", why);
    stream->conn.is_closing = true;
    if (stream->tls)
        tls_shutdown(stream->tls);
    enter_state(stream, STREAM_FLUSHING);
    flush(stream);
}

static void on_framing_error(struct stream *stream, const struct sip_frame *frame)
{
    struct net *net = &stream->net->net;
    struct net_flow flow = stream->conn.flow;
    size_t head = SR_MIN(frame->bytes, stream->in.len);

    net->counters.bad_streams++;
    if (net->handler.on_bad_stream)
        net->handler.on_bad_stream(net->arg, &flow, sr_str_make(stream->in.data, head),
                                   frame->why ? frame->why : "broken");
    close_politely(stream, SR_ERR_PROTO, frame->why ? frame->why : "broken framing");
}

/* Hands up every complete message of the buffer. */
static void take_messages(struct stream *stream)
{
    struct net *net = &stream->net->net;
    struct net_flow flow = stream->conn.flow;
    struct sip_frame frame;
    bool is_pinged = false;
    size_t used = 0;

    while (stream->state == STREAM_OPEN && used < stream->in.len) {
        struct sr_str rest = sr_str_make(stream->in.data + used, stream->in.len - used);
        sip_frame_next(&stream->framer, rest, &frame);
        if (frame.kind == SIP_FRAME_MORE)
            break;
        if (frame.kind == SIP_FRAME_ERROR) {
            sr_buf_consume(&stream->in, used);
            on_framing_error(stream, &frame);
            return;
        }
        stream->message_since = SR_NEVER;
        if (frame.kind == SIP_FRAME_MESSAGE) {
            net__tell_message(net, &flow, sr_str_head(rest, frame.bytes));
        } else if (frame.kind == SIP_FRAME_PING) {
            net->counters.pings_answered++;
            put_plain(stream, SR_STR("\r\n"));
            is_pinged = true;
        } else if (net->handler.on_pong) {
            net->handler.on_pong(net->arg, &flow);
        }
        used += frame.bytes;
    }
    if (stream->state == STREAM_OPEN && is_pinged)
        flush(stream); /* once: thousands fit into one read */
    if (stream->state != STREAM_OPEN)
        return;
    sr_buf_consume(&stream->in, used);
    if (stream->in.len == 0)
        stream->message_since = SR_NEVER;
    else if (stream->message_since == SR_NEVER)
        stream->message_since = loop_now(loop_of(stream));
    arm(stream);
}

static void take_plain(struct stream *stream, struct sr_str bytes)
{
    stream->received_at = loop_now(loop_of(stream));
    sr_buf_str(&stream->in, bytes);
    if (sr_buf_err(&stream->in) != SR_OK) {
        struct sip_frame frame = {.kind = SIP_FRAME_ERROR, .why = "message too large"};
        on_framing_error(stream, &frame);
        return;
    }
    take_messages(stream);
}

static void become_open(struct stream *stream)
{
    struct net *net = &stream->net->net;
    struct net_flow flow = stream->conn.flow;

    stream->received_at = loop_now(loop_of(stream));
    enter_state(stream, STREAM_OPEN);
    stream->conn.is_open = true;
    put_plain(stream, sr_buf_view(&stream->waiting));
    sr_buf_done(&stream->waiting);
    sr_buf_init(&stream->waiting, NET_WRITE_QUEUE_BYTES_MAX);
    if (stream->state == STREAM_OPEN)
        flush(stream);
    if (stream->state != STREAM_OPEN || !stream->is_dialed)
        return;
    net->counters.conns_opened++;
    if (net->handler.on_opened)
        net->handler.on_opened(net->arg, &flow);
}

static void go_on_handshake(struct stream *stream)
{
    enum sr_err err = tls_handshake(stream->tls);

    if (err == SR_OK) {
        become_open(stream);
        return;
    }
    flush(stream); /* hello, or the alert that says why not */
    if (err != SR_ERR_AGAIN)
        die(stream, err, tls_why(stream->tls));
}

static void read_tls_plain(struct stream *stream)
{
    char plain[16384];
    size_t n;

    while (stream->state == STREAM_OPEN) {
        enum sr_err err = tls_read(stream->tls, plain, sizeof(plain), &n);
        if (err == SR_OK) {
            take_plain(stream, sr_str_make(plain, n));
            continue;
        }
        if (err == SR_ERR_NOTFOUND)
            die(stream, SR_OK, "the peer closed");
        else if (err == SR_ERR_AGAIN)
            flush(stream); /* key updates and the like */
        else
            die(stream, SR_ERR_PROTO, tls_why(stream->tls));
        return;
    }
}

static void take_wire(struct stream *stream, struct sr_str bytes)
{
    if (!stream->tls) {
        take_plain(stream, bytes);
        return;
    }
    tls_feed(stream->tls, bytes);
    if (stream->state == STREAM_HANDSHAKE)
        go_on_handshake(stream);
    if (stream->state == STREAM_OPEN)
        read_tls_plain(stream);
}

static void do_read(struct stream *stream)
{
    struct net_real *net = stream->net;

    for (int i = 0; i < REAL_READS_PER_TURN; i++) {
        if (stream->state != STREAM_OPEN && stream->state != STREAM_HANDSHAKE)
            return;
        ssize_t n = recv(stream->fd, net->read_buf, sizeof(net->read_buf), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN))
            return;
        if (n < 0)
            die(stream, SR_ERR_IO, strerror(errno));
        else if (n == 0)
            die(stream, SR_OK, "the peer closed");
        else
            take_wire(stream, sr_str_make(net->read_buf, (size_t)n));
        if (n < (ssize_t)sizeof(net->read_buf))
            return;
    }
}

static void finish_connect(struct stream *stream)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
        die(stream, SR_ERR_IO, strerror(error ? error : errno));
        return;
    }
    if (!stream->tls) {
        become_open(stream);
        return;
    }
    enter_state(stream, STREAM_HANDSHAKE);
    go_on_handshake(stream);
}

static void on_ready(void *arg, unsigned events)
{
    struct stream *stream = arg;

    if (stream->state == STREAM_CONNECTING) {
        if (events & LOOP_WRITE)
            finish_connect(stream);
        return;
    }
    if (events & LOOP_READ)
        do_read(stream);
    if ((events & LOOP_WRITE) && stream->state != STREAM_DEAD)
        flush(stream);
}

/* Takes the descriptor over in every case. NULL: a cap was reached, or the system refused. */
static struct stream *stream_new(struct net_real *net, const struct net_flow *flow, int fd,
                                 struct source *const sources[2])
{
    struct stream *stream = sr_zalloc(1, sizeof(*stream));

    stream->net = net;
    stream->conn.net = &net->net;
    stream->conn.flow = *flow;
    stream->fd = fd;
    stream->sources[0] = sources[0];
    stream->sources[1] = sources[1];
    stream->message_since = SR_NEVER;
    stream->received_at = loop_now(net->net.loop);
    sr_buf_init(&stream->in, NET_MESSAGE_BYTES_MAX + REAL_READ_BYTES);
    sr_buf_init(&stream->out, NET_WRITE_QUEUE_BYTES_MAX + NET_MESSAGE_BYTES_MAX);
    sr_buf_init(&stream->waiting, NET_WRITE_QUEUE_BYTES_MAX);
    sip_framer_init(&stream->framer);
    loop_timer_init(&stream->timer, on_timer, stream);
    loop_job_init(&stream->end, on_end, stream);
    stream->conn.flow.conn = sr_idtab_add(&net->net.conns, &stream->conn);
    if (stream->conn.flow.conn == SR_ID_NONE) {
        net->net.counters.conns_refused_total++;
        goto fail;
    }
    if (loop_watch_fd(net->net.loop, fd, 0, on_ready, stream, &stream->watch) != SR_OK)
        goto fail;
    return stream;
fail:
    stream__free(stream);
    return NULL;
}

void stream__accept(struct net_real *net, const struct listener *listener, int fd,
                    const struct sr_addr *remote)
{
    struct net_flow flow = {.kind = listener->kind, .local = listener->addr, .remote = *remote};
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    struct source *sources[2];
    int one = 1;

    if (!enter_sources(net, remote, sources)) {
        (void)close(fd);
        return;
    }
    if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
        sr_addr_from_sockaddr((struct sockaddr *)&sa, &flow.local);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    socket_mark(fd, remote->family, net->net.options.dscp);
    struct stream *stream = stream_new(net, &flow, fd, sources);
    if (!stream)
        return;
    net->net.counters.conns_accepted++;
    if (listener->kind == NET_TLS) {
        stream->tls = tls_new_server(net->server_ctx);
        enter_state(stream, STREAM_HANDSHAKE);
        loop_watch_set(stream->watch, LOOP_READ);
    } else {
        become_open(stream);
    }
}

/* Connections are shared between messages only when everything that was checked is the same. */
static enum sr_err dial_key(const struct net_flow *flow, const struct net_dial *dial,
                            char out[REAL_KEY_MAX])
{
    char text[SR_ADDR_TEXT_MAX];
    char name[NET_TLS_NAME_MAX];
    bool is_tls = flow->kind == NET_TLS;
    const char *ca_file = is_tls && dial->tls_ca_file ? dial->tls_ca_file : "";

    if (!sr_str_copy(is_tls ? dial->tls_name : SR_STR(""), name, sizeof(name)))
        return SR_ERR_LIMIT;
    for (char *p = name; *p; p++)
        *p = sr_lower(*p);
    int n =
        snprintf(out, REAL_KEY_MAX, "%s %s %s %d %s", net_kind_name(flow->kind),
                 sr_addr_text(&flow->remote, text), name, is_tls && dial->tls_verify_off, ca_file);
    return n < REAL_KEY_MAX ? SR_OK : SR_ERR_LIMIT;
}

static enum sr_err make_tls(struct net_real *net, const struct net_dial *dial, struct tls **ret_tls)
{
    SSL_CTX *ctx;
    char why[NET_WHY_MAX];
    enum sr_err err = real__client_ctx(net, dial->tls_ca_file, &ctx, why);

    if (err != SR_OK)
        return SR_ERR_IO;
    *ret_tls = tls_new_client(ctx, dial->tls_name, dial->tls_verify_off);
    return *ret_tls ? SR_OK : SR_ERR_SYNTAX;
}

static enum sr_err open_stream(struct net_real *net, const struct net_flow *wanted,
                               const struct net_dial *dial, const char *key,
                               struct stream **ret_stream)
{
    static struct source *const ours[2]; /* counted for nobody */
    struct net_flow flow = *wanted;
    struct tls *tls = NULL;
    enum sr_err err = SR_OK;
    int fd;

    if (net->net.conns.count >= net->net.options.conns_max) {
        net->net.counters.conns_refused_total++;
        return SR_ERR_LIMIT;
    }
    if (flow.kind == NET_TLS)
        err = make_tls(net, dial, &tls);
    if (err != SR_OK)
        return err;
    err = socket_connect(&flow.remote, &wanted->local, &fd, &flow.local);
    if (err == SR_OK)
        socket_mark(fd, flow.remote.family, net->net.options.dscp);
    struct stream *stream = err == SR_OK ? stream_new(net, &flow, fd, ours) : NULL;
    if (!stream) {
        net->net.counters.conns_failed++;
        tls_free(tls);
        return SR_ERR_IO;
    }
    stream->tls = tls;
    stream->is_dialed = true;
    stream->key = sr_strdup(key);
    (void)sr_map_put(&net->dialed, sr_str_c(stream->key), stream);
    enter_state(stream, STREAM_CONNECTING);
    loop_watch_set(stream->watch, LOOP_WRITE);
    *ret_stream = stream;
    return SR_OK;
}

static enum sr_err queue_bytes(struct stream *stream, struct sr_str bytes)
{
    if (stream->out.len + stream->waiting.len + bytes.n > NET_WRITE_QUEUE_BYTES_MAX) {
        stream->net->net.counters.queue_full++;
        die(stream, SR_ERR_LIMIT, "the peer does not read: write queue full");
        return SR_ERR_LIMIT;
    }
    if (stream->state != STREAM_OPEN) {
        sr_buf_str(&stream->waiting, bytes);
        return SR_OK;
    }
    put_plain(stream, bytes);
    if (stream->state == STREAM_OPEN)
        flush(stream);
    return SR_OK; /* a broken connection is told by on_closed */
}

enum sr_err stream__send(struct net *base, struct net__conn *conn, struct net_flow *flow,
                         const struct net_dial *dial, struct sr_str bytes)
{
    struct net_real *net = SR_CONTAINER(base, struct net_real, net);
    struct stream *stream = conn ? as_stream(conn) : NULL;
    char key[REAL_KEY_MAX];
    enum sr_err err;

    if (!stream) {
        err = dial_key(flow, dial, key);
        if (err != SR_OK)
            return err;
        stream = sr_map_find(&net->dialed, sr_str_c(key));
        if (stream && stream->conn.is_closing)
            stream = NULL;
        if (!stream) {
            err = open_stream(net, flow, dial, key, &stream);
            if (err != SR_OK)
                return err;
        }
    }
    *flow = stream->conn.flow;
    return queue_bytes(stream, bytes);
}

enum sr_err stream__ping(struct net *net, struct net__conn *conn)
{
    (void)net;
    return queue_bytes(as_stream(conn), SR_STR("\r\n\r\n"));
}

void stream__keep(struct net *net, struct net__conn *conn, sr_usec until)
{
    (void)net;
    as_stream(conn)->keep_until = until;
    arm(as_stream(conn));
}

void stream__close(struct net *net, struct net__conn *conn)
{
    (void)net;
    close_politely(as_stream(conn), SR_OK, "closed here");
}

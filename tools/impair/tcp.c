#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "impair/relay.h"

/*
 * A TCP connection is two ends joined. Bytes are delayed in order and never lost: loss below TCP is
 * only delay to those above it.
 */

enum {
    CHUNK_BYTES = 16384,
    PENDING_BYTES_MAX = 4 << 20,
};

struct stream;

struct end {
    struct impair_source source;
    struct stream *stream;
    struct sr_buf pending; /* due, not yet written to this end */
    sr_usec last_at;       /* bytes for this end never overtake */
    sr_id id;
    bool is_finished; /* the other end said it is done: shut down after pending */
    bool has_read_end;
};

struct stream {
    struct sr_node node;
    struct end ends[2]; /* inside, outside */
};

static struct end *other_of(struct end *end)
{
    return &end->stream->ends[end == &end->stream->ends[0] ? 1 : 0];
}

static void close_stream(struct impair_relay *relay, struct stream *stream)
{
    sr_list_remove(&relay->streams, &stream->node);
    for (int i = 0; i < 2; i++) {
        struct end *end = &stream->ends[i];

        if (end->id != SR_ID_NONE)
            (void)sr_idtab_remove(&relay->ids, end->id);
        if (end->source.fd >= 0)
            close(end->source.fd);
        sr_buf_done(&end->pending);
    }
    sr_free(stream);
}

void impair__streams_close(struct impair_relay *relay)
{
    SR_LIST_EACH(&relay->streams, node)
    close_stream(relay, SR_CONTAINER(node, struct stream, node));
}

static void rewatch(struct impair_relay *relay, struct end *end)
{
    uint32_t events = end->pending.len > 0 ? EPOLLOUT : 0;

    if (!end->has_read_end)
        events |= EPOLLIN;
    impair__rewatch(relay, &end->source, events);
}

/* Writes what is due. False when the stream is gone. */
static bool flush(struct impair_relay *relay, struct end *end)
{
    while (end->pending.len > 0) {
        ssize_t n = send(end->source.fd, end->pending.data, end->pending.len, MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS))
            break;
        if (n < 0) {
            close_stream(relay, end->stream);
            return false;
        }
        sr_buf_consume(&end->pending, (size_t)n);
    }
    if (end->is_finished && end->pending.len == 0) {
        if (end->has_read_end && other_of(end)->is_finished) {
            close_stream(relay, end->stream);
            return false;
        }
        (void)shutdown(end->source.fd, SHUT_WR);
    }
    rewatch(relay, end);
    return true;
}

/* An empty piece is the other side's end. */
static void deliver(struct impair_relay *relay, sr_id id, struct sr_str bytes)
{
    struct end *end = sr_idtab_find(&relay->ids, id);

    if (end == NULL)
        return;
    if (bytes.n == 0)
        end->is_finished = true;
    sr_buf_str(&end->pending, bytes);
    if (sr_buf_err(&end->pending) != SR_OK) {
        relay->stats.overflowed++;
        close_stream(relay, end->stream);
        return;
    }
    relay->stats.sent += bytes.n > 0;
    (void)flush(relay, end);
}

static void on_stream(struct impair_relay *relay, struct impair_source *source, uint32_t events)
{
    struct end *end = SR_CONTAINER(source, struct end, source);
    struct end *other = other_of(end);
    bool is_up = end == &end->stream->ends[0];
    bool is_hit = is_up ? relay->options.up : relay->options.down;
    char bytes[CHUNK_BYTES];
    ssize_t n;

    if ((events & EPOLLOUT) != 0 && !flush(relay, end))
        return;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
        return;
    n = recv(source->fd, bytes, sizeof(bytes), 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0 || (n == 0 && end->has_read_end)) {
        close_stream(relay, end->stream);
        return;
    }
    if (n == 0) {
        end->has_read_end = true;
        rewatch(relay, end);
    }
    relay->stats.received += n > 0;
    other->last_at =
        SR_MAX(other->last_at, impair_now() + (is_hit ? relay->options.delay_ms * SR_MSEC : 0));
    impair__later(relay, other->last_at, other->id, sr_str_make(bytes, (size_t)n), deliver);
}

static int connect_to(const struct sr_addr *to)
{
    struct sockaddr_storage sa;
    socklen_t len = sr_addr_to_sockaddr(to, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&sa, len) != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

static void on_accept(struct impair_relay *relay, struct impair_source *source, uint32_t events)
{
    struct impair_listener *listener = SR_CONTAINER(source, struct impair_listener, source);
    int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct stream *stream;

    (void)events;
    if (fd < 0)
        return;
    stream = sr_zalloc(1, sizeof(*stream));
    stream->ends[0].source = (struct impair_source){fd, on_stream};
    stream->ends[1].source = (struct impair_source){
        connect_to(&relay->options.pairs[listener->pair_index].to), on_stream};
    sr_list_add(&relay->streams, &stream->node);
    for (int i = 0; i < 2; i++) {
        stream->ends[i].stream = stream;
        sr_buf_init(&stream->ends[i].pending, PENDING_BYTES_MAX);
        stream->ends[i].id = sr_idtab_add(&relay->ids, &stream->ends[i]);
    }
    if (stream->ends[1].source.fd < 0 || stream->ends[1].id == SR_ID_NONE) {
        relay->stats.overflowed++;
        close_stream(relay, stream);
        return;
    }
    impair__watch(relay, &stream->ends[0].source, EPOLLIN);
    impair__watch(relay, &stream->ends[1].source, EPOLLIN);
    relay->stats.connections++;
}

enum sr_err impair__tcp_open(struct impair_relay *relay, size_t pair_index)
{
    struct impair_pair *pair = &relay->options.pairs[pair_index];
    struct impair_listener *listener = &relay->tcp[pair_index];

    listener->pair_index = pair_index;
    listener->source = (struct impair_source){impair__bind(&pair->listen, SOCK_STREAM), on_accept};
    if (listener->source.fd < 0)
        return SR_ERR_IO;
    impair__local_addr(listener->source.fd, &pair->listen);
    impair__watch(relay, &listener->source, EPOLLIN);
    return SR_OK;
}

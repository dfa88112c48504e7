/* One connection: reads a request, waits for its answer, sends it; TLS under it. */
#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "control/http_internal.h"
#include "net/clock.h"

struct http_conn *http__conn_new(struct http_server *server, int fd, SSL *ssl,
                                 const struct sr_addr *peer)
{
    struct http_conn *conn = sr_zalloc(1, sizeof(*conn));

    conn->server = server;
    conn->fd = fd;
    conn->ssl = ssl;
    conn->is_tls = ssl != NULL;
    conn->peer = *peer;
    conn->poll_in = POLLIN;
    conn->poll_out = POLLOUT;
    conn->state = ssl != NULL ? HTTP_CONN_HANDSHAKE : HTTP_CONN_HEAD;
    conn->deadline = server->now + HTTP_HEADER_SEC * SR_SEC;
    sr_buf_init(&conn->in, HTTP_FRAME_BYTES_MAX + HTTP_READ_BYTES);
    sr_buf_init(&conn->head_text, HTTP_HEAD_BYTES_MAX);
    sr_buf_init(&conn->body, HTTP_BODY_BYTES_MAX);
    sr_buf_init(&conn->out, HTTP_REPLY_BYTES_MAX + HTTP_HEAD_BYTES_MAX);
    sr_list_add(&server->conns, &conn->node);
    return conn;
}

/* @return false: all connections together hold too much; strangers may send bodies, too */
static bool count_body(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    size_t n = conn->body.len > HTTP_BODY_SMALL_BYTES ? conn->body.len : 0;

    server->bodies_bytes = server->bodies_bytes - conn->body_counted + n;
    conn->body_counted = n;
    return n == 0 || server->bodies_bytes <= HTTP_BODIES_BYTES_MAX;
}

static void reset_body(struct http_conn *conn, size_t bytes_max)
{
    sr_buf_done(&conn->body);
    sr_buf_init(&conn->body, bytes_max);
    (void)count_body(conn);
}

void http__conn_free(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    sr_list_remove(&server->conns, &conn->node);
    if (conn->request.id != 0)
        (void)sr_map64_remove(&server->requests, conn->request.id);
    if (conn->ws != NULL)
        http__ws_free(conn->ws);
    SSL_free(conn->ssl);
    close(conn->fd);
    sr_buf_done(&conn->in);
    sr_buf_done(&conn->head_text);
    reset_body(conn, 0);
    sr_buf_done(&conn->out);
    sr_free(conn);
}

bool http__conn_is_sending(const struct http_conn *conn)
{
    return conn->out_at < conn->out.len;
}

/* ---- bytes in and out ---- */

/* What the TLS library waits for; false: the connection is broken. */
static bool tls_again(struct http_conn *conn, int result, short *ret_events)
{
    int error = SSL_get_error(conn->ssl, result);

    ERR_clear_error();
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return false;
    *ret_events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    return true;
}

/* @return bytes; 0: nothing now; -1: no more will come */
static ssize_t take(struct http_conn *conn, char *out, size_t size)
{
    ssize_t n;

    if (conn->ssl != NULL) {
        int got;

        ERR_clear_error();
        got = SSL_read(conn->ssl, out, (int)size);
        if (got > 0)
            return got;
        return tls_again(conn, got, &conn->poll_in) ? 0 : -1;
    }
    n = recv(conn->fd, out, size, 0);
    if (n > 0)
        return n;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static ssize_t give(struct http_conn *conn, const char *bytes, size_t n)
{
    ssize_t sent;

    if (conn->ssl != NULL) {
        int done;

        ERR_clear_error();
        done = SSL_write(conn->ssl, bytes, (int)SR_MIN(n, (size_t)INT32_MAX));
        if (done > 0)
            return done;
        return tls_again(conn, done, &conn->poll_out) ? 0 : -1;
    }
    sent = send(conn->fd, bytes, n, MSG_NOSIGNAL);
    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static void shake_hands(struct http_conn *conn)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(conn->ssl);
    if (result == 1) {
        conn->state = HTTP_CONN_HEAD;
        conn->poll_in = POLLIN;
        conn->deadline = conn->server->now + HTTP_HEADER_SEC * SR_SEC;
    } else if (!tls_again(conn, result, &conn->poll_in)) {
        conn->state = HTTP_CONN_DEAD;
    }
}

static bool may_read(const struct http_conn *conn)
{
    if (conn->is_eof)
        return false;
    if (conn->state == HTTP_CONN_LINGER || conn->state == HTTP_CONN_BODY ||
        conn->state == HTTP_CONN_HEAD)
        return conn->in.len <= HTTP_HEAD_BYTES_MAX + HTTP_READ_BYTES;
    return conn->state == HTTP_CONN_WS && conn->in.len < HTTP_FRAME_BYTES_MAX;
}

void http__conn_read(struct http_conn *conn)
{
    char chunk[HTTP_READ_BYTES];

    if (conn->state == HTTP_CONN_HANDSHAKE)
        shake_hands(conn);
    /* a bound, so that one fast sender does not keep the others waiting */
    for (int i = 0; i < 8 && may_read(conn); i++) {
        ssize_t n = take(conn, chunk, sizeof(chunk));

        if (n == 0)
            return;
        if (n < 0) {
            conn->is_eof = true;
            return;
        }
        conn->poll_in = POLLIN;
        if (conn->state == HTTP_CONN_LINGER)
            continue;
        if (conn->state == HTTP_CONN_HEAD && conn->in.len == 0 && !http__conn_is_sending(conn))
            conn->deadline = conn->server->now + HTTP_HEADER_SEC * SR_SEC;
        sr_buf_add(&conn->in, chunk, (size_t)n);
        http__conn_turn(conn);
    }
}

static void finish_sending(struct http_conn *conn)
{
    sr_usec now = conn->server->now;

    if (conn->state == HTTP_CONN_LAST) {
        if (conn->ssl != NULL)
            (void)SSL_shutdown(conn->ssl);
        ERR_clear_error();
        (void)shutdown(conn->fd, SHUT_WR);
        sr_buf_clear(&conn->in);
        conn->state = conn->is_eof ? HTTP_CONN_DEAD : HTTP_CONN_LINGER;
        conn->deadline = now + HTTP_LINGER_SEC * SR_SEC;
    } else if (conn->state == HTTP_CONN_HEAD) {
        conn->deadline = now + (conn->in.len > 0 ? HTTP_HEADER_SEC : HTTP_IDLE_SEC) * SR_SEC;
    }
}

static void flush(struct http_conn *conn)
{
    bool is_any = false;

    while (http__conn_is_sending(conn) && conn->state != HTTP_CONN_DEAD) {
        ssize_t n;

        n = give(conn, conn->out.data + conn->out_at, conn->out.len - conn->out_at);
        if (n < 0) {
            conn->state = HTTP_CONN_DEAD;
            return;
        }
        if (n == 0)
            return;
        is_any = true;
        conn->poll_out = POLLOUT;
        conn->out_at += (size_t)n;
        if (conn->ws != NULL)
            http__ws_on_sent(conn->ws);
        else
            conn->deadline = conn->server->now + HTTP_WRITE_SEC * SR_SEC;
    }
    if (conn->state == HTTP_CONN_DEAD || (!is_any && conn->state != HTTP_CONN_LAST))
        return; /* the last may have gone before it was known to be the last */
    sr_buf_clear(&conn->out);
    conn->out_at = 0;
    if (conn->ws != NULL) {
        conn->ws->boundary = 0;
        conn->ws->first_end = 0;
    }
    finish_sending(conn);
}

/* ---- reading a request ---- */

void http__conn_refuse(struct http_conn *conn, uint16_t status, const char *why)
{
    char body[256];
    struct http_reply reply = {
        .status = status,
        .content_type = "application/problem+json",
        .is_closing = true,
    };

    conn->server->stats.bad_requests++;
    (void)snprintf(body, sizeof(body),
                   "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":\"%s\"}",
                   http_status_text(status), status, why);
    reply.body = sr_str_c(body);
    if (status == 503)
        reply.headers = SR_STR("Retry-After: 1\r\n");
    conn->head.method = HTTP_GET;
    conn->state = HTTP_CONN_WAITING;
    http_answer(&conn->request, &reply);
}

static void refuse_head(struct http_conn *conn, enum sr_err err, const char *why)
{
    http__conn_refuse(conn, err == SR_ERR_LIMIT ? 431 : err == SR_ERR_UNSUPPORTED ? 505 : 400, why);
}

static void read_head(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    const char *why = "";
    size_t used = 0, body_max = HTTP_BODY_BYTES_MAX;
    enum sr_err err;

    if (conn->in.len >= 2 && memcmp(conn->in.data, "\r\n", 2) == 0)
        sr_buf_consume(&conn->in, 2); /* RFC 9112 2.2: one empty line before a request is ignored */
    err = http_head_parse(sr_buf_view(&conn->in), &conn->head, &used, &why);
    if (err == SR_ERR_AGAIN) {
        if (conn->is_eof)
            conn->state = HTTP_CONN_DEAD;
        return;
    }
    if (err != SR_OK) {
        refuse_head(conn, err, why);
        return;
    }
    sr_buf_clear(&conn->head_text);
    sr_buf_add(&conn->head_text, conn->in.data, used);
    sr_buf_consume(&conn->in, used);
    err = http_head_parse(sr_buf_view(&conn->head_text), &conn->head, &used, &why);
    SR_ASSERT(err == SR_OK);
    if (server->ops.body_max != NULL)
        body_max = server->ops.body_max(server->arg, &conn->head);
    if (conn->head.length > body_max) {
        http__conn_refuse(conn, 413, "the body is too large");
        return;
    }
    if (conn->head.expects_continue && (conn->head.is_chunked || conn->head.length > 0))
        sr_buf_c(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
    reset_body(conn, body_max);
    memset(&conn->chunked, 0, sizeof(conn->chunked));
    conn->state = HTTP_CONN_BODY;
    conn->deadline = server->now + HTTP_BODY_SEC * SR_SEC;
}

static void hand_over(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    conn->state = HTTP_CONN_WAITING;
    conn->deadline = SR_NEVER;
    conn->request.conn = conn;
    conn->request.id = ++server->next_id;
    (void)sr_map64_put(&server->requests, conn->request.id, &conn->request);
    server->stats.requests++;
    server->ops.on_request(server->arg, &conn->request);
}

static void read_body(struct http_conn *conn)
{
    size_t used = 0;
    enum sr_err err;

    if (conn->head.is_chunked) {
        err = http_chunked_take(&conn->chunked, sr_buf_view(&conn->in), &used, &conn->body);
    } else {
        used = SR_MIN(conn->in.len, (size_t)conn->head.length - conn->body.len);
        sr_buf_add(&conn->body, conn->in.data, used);
        err = conn->body.len == conn->head.length ? SR_OK : SR_ERR_AGAIN;
    }
    if (err == SR_ERR_LIMIT) {
        http__conn_refuse(conn, 413, "the body is too large");
        return;
    }
    if (err == SR_ERR_SYNTAX) {
        http__conn_refuse(conn, 400, "the chunks of the body are malformed");
        return;
    }
    sr_buf_consume(&conn->in, used);
    if (!count_body(conn))
        http__conn_refuse(conn, 503, "too many large requests at once");
    else if (err == SR_OK)
        hand_over(conn);
    else if (conn->is_eof)
        conn->state = HTTP_CONN_DEAD;
}

static void understand(struct http_conn *conn)
{
    enum http_conn_state before;

    do {
        before = conn->state;
        if (conn->state == HTTP_CONN_HEAD && http__conn_is_sending(conn))
            return; /* one answer at a time */
        if (conn->state == HTTP_CONN_HEAD)
            read_head(conn);
        else if (conn->state == HTTP_CONN_BODY)
            read_body(conn);
        else if (conn->state == HTTP_CONN_WS)
            http__ws_read(conn);
    } while (conn->state != before);
}

void http__conn_turn(struct http_conn *conn)
{
    flush(conn);
    if (conn->is_eof && conn->state == HTTP_CONN_LINGER)
        conn->state = HTTP_CONN_DEAD;
    if (conn->is_eof && conn->state == HTTP_CONN_HANDSHAKE)
        conn->state = HTTP_CONN_DEAD;
    understand(conn);
    flush(conn);
    if (conn->state == HTTP_CONN_HEAD && !http__conn_is_sending(conn) && conn->in.len > 0)
        understand(conn); /* pipelined behind an answer that went out at once */
    if (conn->is_eof && conn->state == HTTP_CONN_WS)
        conn->state = HTTP_CONN_DEAD;
}

/* ---- the request as others see it ---- */

uint64_t http_request_id(const struct http_request *request)
{
    return request->id;
}

struct http_request *http_find(struct http_server *server, uint64_t id)
{
    struct http_request *request = sr_map64_find(&server->requests, id);

    /* broken in this turn, swept at its end */
    return request != NULL && request->conn->state != HTTP_CONN_DEAD ? request : NULL;
}

const struct http_head *http_request_head(const struct http_request *request)
{
    return &request->conn->head;
}

struct sr_str http_request_body(const struct http_request *request)
{
    return sr_buf_view(&request->conn->body);
}

const struct sr_addr *http_request_peer(const struct http_request *request)
{
    return &request->conn->peer;
}

bool http_request_is_tls(const struct http_request *request)
{
    return request->conn->is_tls;
}

void http_request_local(const struct http_request *request, struct sr_addr *ret_addr)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = sizeof(sa);

    memset(ret_addr, 0, sizeof(*ret_addr));
    if (getsockname(request->conn->fd, (struct sockaddr *)&sa, &sa_len) == 0)
        sr_addr_from_sockaddr((struct sockaddr *)&sa, ret_addr);
}

bool http_request_is_websocket(const struct http_request *request)
{
    return request->conn->head.is_upgrade && request->conn->head.method == HTTP_GET;
}

/* ---- answering ---- */

static void write_date(struct sr_buf *out)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(net_clock_wall() / SR_SEC);
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL)
        return;
    sr_buf_fmt(out, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday], tm.tm_mday,
               months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void write_reply_head(struct http_conn *conn, const struct http_reply *reply,
                             uint64_t length, bool is_keeping)
{
    struct sr_buf *out = &conn->out;

    sr_buf_fmt(out, "HTTP/1.1 %u %s\r\n", reply->status, http_status_text(reply->status));
    write_date(out);
    if (reply->content_type != NULL)
        sr_buf_fmt(out, "Content-Type: %s\r\n", reply->content_type);
    if (reply->status != 204 && reply->status != 304)
        sr_buf_fmt(out, "Content-Length: %llu\r\n", (unsigned long long)length);
    sr_buf_str(out, reply->headers);
    sr_buf_c(out, is_keeping ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

/* The request is over: what the connection does next. */
static void leave_request(struct http_conn *conn, bool is_keeping)
{
    if (conn->request.id != 0)
        (void)sr_map64_remove(&conn->server->requests, conn->request.id);
    conn->request.id = 0;
    conn->state = is_keeping ? HTTP_CONN_HEAD : HTTP_CONN_LAST;
    conn->deadline = conn->server->now + HTTP_WRITE_SEC * SR_SEC;
    reset_body(conn, HTTP_BODY_BYTES_MAX);
}

void http_answer(struct http_request *request, const struct http_reply *reply)
{
    struct http_conn *conn = SR_CONTAINER(request, struct http_conn, request);
    bool is_keeping =
        conn->head.is_keep_alive && !reply->is_closing && !atomic_load(&conn->server->is_stopping);

    SR_ASSERT(conn->state == HTTP_CONN_WAITING);
    write_reply_head(conn, reply, reply->body.n, is_keeping);
    if (conn->head.method != HTTP_HEAD)
        sr_buf_str(&conn->out, reply->body);
    leave_request(conn, is_keeping);
    if (sr_buf_err(&conn->out) != SR_OK) /* above HTTP_REPLY_BYTES_MAX: no half answers */
        conn->state = HTTP_CONN_DEAD;
}

struct http_ws *http_upgrade(struct http_request *request, const char *protocol, void *user)
{
    struct http_conn *conn = request->conn;
    char accept[HTTP_WS_ACCEPT_BYTES];
    struct http_ws *ws;

    SR_ASSERT(http_request_is_websocket(request));
    if (!sr_str_eq_c(http_head_find(&conn->head, "sec-websocket-version"), "13")) {
        struct http_reply reply = {.status = 426,
                                   .headers = SR_STR("Sec-WebSocket-Version: 13\r\n")};

        http_answer(request, &reply);
        return NULL;
    }
    if (!http_ws_accept(http_head_find(&conn->head, "sec-websocket-key"), accept)) {
        http__conn_refuse(conn, 400, "Sec-WebSocket-Key is not 16 bytes in base64");
        return NULL;
    }
    sr_buf_fmt(&conn->out,
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\n",
               accept);
    if (protocol != NULL)
        sr_buf_fmt(&conn->out, "Sec-WebSocket-Protocol: %s\r\n", protocol);
    sr_buf_c(&conn->out, "\r\n");
    leave_request(conn, true);
    ws = sr_zalloc(1, sizeof(*ws));
    ws->conn = conn;
    ws->user = user;
    ws->boundary = conn->out.len;
    sr_buf_init(&ws->message, HTTP_WS_MESSAGE_BYTES_MAX);
    conn->ws = ws;
    conn->state = HTTP_CONN_WS;
    conn->deadline = conn->server->now + HTTP_WS_PING_SEC * SR_SEC;
    return ws;
}

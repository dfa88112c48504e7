/* WebSocket (RFC 6455) on a connection: messages in, a bounded queue out. */
#include "base/alloc.h"
#include "control/http_internal.h"

void http__ws_free(struct http_ws *ws)
{
    struct http_server *server = ws->conn->server;

    if (server->ops.on_ws_closed != NULL)
        server->ops.on_ws_closed(server->arg, ws);
    sr_buf_done(&ws->message);
    sr_free(ws);
}

void *http_ws_user(const struct http_ws *ws)
{
    return ws->user;
}

/* ---- out ---- */

static size_t frame_bytes_at(const struct http_ws *ws, size_t at)
{
    struct http_ws_frame frame;
    struct sr_str bytes = sr_str_make(ws->conn->out.data + at, ws->conn->out.len - at);
    enum sr_err err = http_ws_frame_parse(bytes, &frame);

    SR_ASSERT(err == SR_OK); /* our own frames */
    return frame.head_bytes + (size_t)frame.length;
}

/* Bytes went out: find the frame that is being sent, give memory back now and then. */
void http__ws_on_sent(struct http_ws *ws)
{
    struct http_conn *conn = ws->conn;

    while (ws->boundary < conn->out_at) {
        size_t n = frame_bytes_at(ws, ws->boundary);

        if (ws->boundary + n > conn->out_at)
            break;
        ws->boundary += n;
        if (ws->frames > 0)
            ws->frames--;
    }
    if (conn->out_at > conn->out.len / 2 && ws->boundary >= conn->out_at) {
        size_t n = conn->out_at;

        sr_buf_consume(&conn->out, n);
        conn->out_at = 0;
        ws->boundary -= n;
        ws->first_end -= SR_MIN(ws->first_end, n);
    }
}

static void queue(struct http_ws *ws, enum http_ws_opcode opcode, struct sr_str payload)
{
    http_ws_frame_write(&ws->conn->out, opcode, payload.n);
    sr_buf_str(&ws->conn->out, payload);
    ws->frames++;
}

/* Where the frame ends whose first bytes are out already. */
static size_t sent_end(const struct http_ws *ws)
{
    return ws->boundary < ws->conn->out_at ? ws->boundary + frame_bytes_at(ws, ws->boundary)
                                           : ws->boundary;
}

/* Forgets what waits, but for the frame whose first bytes are out already. */
static void drop_queue(struct http_ws *ws)
{
    sr_buf_truncate(&ws->conn->out, sent_end(ws));
    ws->frames = 0;
    ws->first_end = 0;
}

void http_ws_close(struct http_ws *ws, enum http_ws_close code, const char *why)
{
    char payload[125];
    size_t n = SR_MIN(strlen(why), sizeof(payload) - 2);

    if (ws->is_closing)
        return;
    payload[0] = (char)((unsigned)code >> 8);
    payload[1] = (char)((unsigned)code & 255u);
    memcpy(payload + 2, why, n);
    queue(ws, HTTP_WS_CLOSE, sr_str_make(payload, n + 2));
    ws->is_closing = true;
    ws->conn->deadline = ws->conn->server->now + HTTP_WS_BYE_SEC * SR_SEC;
}

static void drop_slow(struct http_ws *ws)
{
    ws->conn->server->stats.ws_dropped++;
    drop_queue(ws);
    http_ws_close(ws, HTTP_WS_TRY_LATER, "too slow");
}

static bool send_message(struct http_ws *ws, enum http_ws_opcode opcode, struct sr_str bytes)
{
    struct http_conn *conn = ws->conn;

    if (ws->is_closing || conn->state != HTTP_CONN_WS)
        return false;
    if (conn->out.len - conn->out_at + bytes.n > HTTP_WS_QUEUE_BYTES_MAX ||
        ws->frames >= HTTP_WS_QUEUE_FRAMES_MAX) {
        drop_slow(ws);
        return false;
    }
    queue(ws, opcode, bytes);
    return true;
}

bool http_ws_send(struct http_ws *ws, struct sr_str text)
{
    return send_message(ws, HTTP_WS_TEXT, text);
}

bool http_ws_send_binary(struct http_ws *ws, struct sr_str bytes)
{
    return send_message(ws, HTTP_WS_BINARY, bytes);
}

void http_ws_take_binary(struct http_ws *ws)
{
    ws->takes_binary = true;
}

bool http_ws_send_first(struct http_ws *ws, struct sr_str text)
{
    struct http_conn *conn = ws->conn;
    struct sr_buf *out = &conn->out;
    size_t end = out->len, at, n;

    if (ws->is_closing || conn->state != HTTP_CONN_WS)
        return false;
    at = SR_MAX(sent_end(ws), ws->first_end);
    if (at - SR_MIN(at, conn->out_at) + text.n > HTTP_WS_FIRST_BYTES_MAX) {
        drop_slow(ws);
        return false;
    }
    queue(ws, HTTP_WS_TEXT, text);
    n = out->len - end;
    if (at < end) { /* turn the new frame and those that wait around */
        char *copy = sr_alloc(n);

        memcpy(copy, out->data + end, n);
        memmove(out->data + at + n, out->data + at, end - at);
        memcpy(out->data + at, copy, n);
        sr_free(copy);
    }
    ws->first_end = at + n;
    return true;
}

void http__ws_on_deadline(struct http_ws *ws)
{
    struct http_conn *conn = ws->conn;

    if (ws->is_closing || ws->is_ping_waiting) {
        conn->state = HTTP_CONN_DEAD;
        return;
    }
    queue(ws, HTTP_WS_PING, SR_STR("siprouter"));
    ws->is_ping_waiting = true;
    conn->deadline = conn->server->now + HTTP_WS_PING_SEC * SR_SEC;
}

/* ---- in ---- */

/* Codes that may stand in a frame: RFC 6455 7.4.1 and those registered since (1012 to 1014), and the
   ranges of 7.4.2 for libraries and applications. */
static bool is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/* The client's goodbye: echoed once, then the connection ends. */
static void on_close_frame(struct http_ws *ws, struct sr_str payload)
{
    unsigned code = HTTP_WS_NORMAL;

    if (payload.n >= 2)
        code = (unsigned)(uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1];
    if (payload.n == 1 || !is_close_code(code))
        code = HTTP_WS_PROTOCOL;
    else if (!sr_utf8_is_valid(sr_str_from(payload, 2)))
        code = HTTP_WS_BAD_TEXT;
    http_ws_close(ws, (enum http_ws_close)code, "");
    ws->conn->state = HTTP_CONN_LAST;
}

static void on_message(struct http_ws *ws)
{
    struct http_server *server = ws->conn->server;
    struct sr_str text = sr_buf_view(&ws->message);

    ws->is_in_message = false;
    if (!ws->is_binary && !sr_utf8_is_valid(text))
        http_ws_close(ws, HTTP_WS_BAD_TEXT, "not UTF-8");
    else if (!ws->is_closing && server->ops.on_ws_text != NULL)
        server->ops.on_ws_text(server->arg, ws, text);
    sr_buf_clear(&ws->message);
}

static void on_data_frame(struct http_ws *ws, const struct http_ws_frame *frame,
                          struct sr_str payload)
{
    if (ws->is_in_message != (frame->opcode == HTTP_WS_CONTINUE)) {
        http_ws_close(ws, HTTP_WS_PROTOCOL, "fragments out of order");
        return;
    }
    if (frame->opcode != HTTP_WS_CONTINUE)
        ws->is_binary = frame->opcode == HTTP_WS_BINARY;
    if (ws->is_binary && !ws->takes_binary) {
        http_ws_close(ws, HTTP_WS_UNSUPPORTED, "text frames only");
        return;
    }
    ws->is_in_message = true;
    sr_buf_str(&ws->message, payload);
    if (sr_buf_err(&ws->message) != SR_OK)
        http_ws_close(ws, HTTP_WS_TOO_BIG, "message too big");
    else if (frame->is_final)
        on_message(ws);
}

static void on_frame(struct http_ws *ws, const struct http_ws_frame *frame, struct sr_str payload)
{
    ws->is_ping_waiting = false;
    if (!ws->is_closing)
        ws->conn->deadline = ws->conn->server->now + HTTP_WS_PING_SEC * SR_SEC;
    switch (frame->opcode) {
    case HTTP_WS_CLOSE:
        on_close_frame(ws, payload);
        break;
    case HTTP_WS_PING:
        if (!ws->is_closing && ws->conn->out.len < HTTP_WS_QUEUE_BYTES_MAX)
            queue(ws, HTTP_WS_PONG, payload);
        break;
    case HTTP_WS_PONG:
        break;
    case HTTP_WS_CONTINUE:
    case HTTP_WS_TEXT:
    case HTTP_WS_BINARY:
        if (!ws->is_closing)
            on_data_frame(ws, frame, payload);
        break;
    }
}

/* @return false when more bytes are needed or the connection is at its end */
static bool read_frame(struct http_conn *conn)
{
    struct http_ws_frame frame;
    struct sr_buf *in = &conn->in;
    enum sr_err err = http_ws_frame_parse(sr_buf_view(in), &frame);
    const char *broken = err == SR_ERR_PROTO ? "malformed frame" : NULL;
    uint64_t total;

    if (err == SR_ERR_AGAIN)
        return false;
    if (err == SR_OK && !frame.is_masked)
        broken = "frames of clients are masked";
    if (broken == NULL && frame.length > HTTP_WS_MESSAGE_BYTES_MAX) {
        http_ws_close(conn->ws, HTTP_WS_TOO_BIG, "message too big");
        broken = "";
    }
    if (broken != NULL) { /* nothing behind it can be understood */
        http_ws_close(conn->ws, HTTP_WS_PROTOCOL, broken);
        conn->state = HTTP_CONN_LAST;
        return false;
    }
    total = frame.head_bytes + frame.length;
    if (in->len < total)
        return false;
    for (size_t i = 0; i < frame.length; i++)
        in->data[frame.head_bytes + i] ^= (char)frame.mask[i & 3];
    on_frame(conn->ws, &frame, sr_str_make(in->data + frame.head_bytes, (size_t)frame.length));
    sr_buf_consume(in, (size_t)total);
    return conn->state == HTTP_CONN_WS;
}

void http__ws_read(struct http_conn *conn)
{
    while (read_frame(conn)) {
    }
}

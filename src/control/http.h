/**
 * @file http.h  HTTP/1.1 and WebSocket (RFC 9110, 9112, 6455) on one poll loop, plain and over TLS.
 *
 * Strict where laxity is dangerous: two Content-Length, Content-Length with Transfer-Encoding, bare
 * LF, folded headers and anything else that two readers may read differently is answered 400 and
 * the connection is closed. Everything is bounded: connections, header time, header and body bytes,
 * what waits for a slow reader.
 *
 * A request may be answered later: remember http_request_id() and ask http_find() for it; it gives
 * NULL when the client has gone.
 *
 * Layer:   control
 * Memory:  the server owns connections and requests; views live until the request is answered
 * Thread:  one (the one in http_run), but for http_wake
 */
#ifndef SR_CONTROL_HTTP_H
#define SR_CONTROL_HTTP_H

#include "base/addr.h"
#include "base/buf.h"
#include "control/http_parse.h"

enum {
    HTTP_CONNECTIONS_MAX = 1024,
    HTTP_CONNECTIONS_PER_SOURCE_MAX = 256, /* loopback is not counted */
    HTTP_BODY_BYTES_MAX = 1 << 20,
    HTTP_BODY_LARGE_BYTES_MAX = 4 << 20, /* where http_ops.body_max says so */
    HTTP_BODY_SMALL_BYTES = 16 * 1024,   /* is always taken; larger ones share the next bound */
    HTTP_BODIES_BYTES_MAX = 32 << 20,    /* of all connections; then 503 */
    HTTP_REPLY_BYTES_MAX = 64 << 20,
    HTTP_HEADER_SEC = 10, /* for the whole head, and for the TLS handshake */
    HTTP_BODY_SEC = 30,
    HTTP_IDLE_SEC = 60,                    /* between requests */
    HTTP_WRITE_SEC = 60,                   /* without a byte taken by the client */
    HTTP_WS_MESSAGE_BYTES_MAX = 64 * 1024, /* from the client */
    HTTP_WS_QUEUE_BYTES_MAX = 4 << 20,     /* to one client; more: dropped with 1013 */
    HTTP_WS_QUEUE_FRAMES_MAX = 16384,
    HTTP_WS_FIRST_BYTES_MAX = 256 * 1024, /* waiting ahead of the others */
    HTTP_WS_PING_SEC = 30,                /* silence before a ping; twice that: gone */
    HTTP_LISTENERS_MAX = 8,
};

enum http_ws_close { /* RFC 6455 7.4.1 */
    HTTP_WS_NORMAL = 1000,
    HTTP_WS_GOING_AWAY = 1001,
    HTTP_WS_PROTOCOL = 1002,
    HTTP_WS_UNSUPPORTED = 1003,
    HTTP_WS_BAD_TEXT = 1007,
    HTTP_WS_POLICY = 1008,
    HTTP_WS_TOO_BIG = 1009,
    HTTP_WS_TRY_LATER = 1013,
};

struct http_server;
struct http_request; /* opaque: see the functions below */
struct http_ws;

/** All run on the loop's thread. None may free the server; all may answer, send and close. */
struct http_ops {
    /** A whole request. Must be answered, now or later. */
    void (*on_request)(void *arg, struct http_request *request);
    /** Bytes of body this head may have; called before the body is read. NULL: the usual. */
    size_t (*body_max)(void *arg, const struct http_head *head);
    /** A whole message: text in UTF-8, or any bytes after http_ws_take_binary(). */
    void (*on_ws_text)(void *arg, struct http_ws *ws, struct sr_str text);
    /** The last call about a WebSocket; the pointer is dead afterwards. */
    void (*on_ws_closed)(void *arg, struct http_ws *ws);
    /** Once per turn of the loop: after http_wake, and at least every 500 ms. */
    void (*on_turn)(void *arg, sr_usec now);
};

struct http_stats {
    uint64_t requests, bad_requests, connections_total, connections_refused, ws_dropped;
    uint64_t accepts_failed; /* the system refused one: most often no file is left */
    uint32_t connections, websockets;
};

struct http_server *http_new(const struct http_ops *ops, void *arg);
/** Closes everything; pending requests are forgotten. NULL is fine. */
void http_free(struct http_server *server);

/**
 * Listens. Port 0 takes any; http_port tells which.
 *
 * @param tls_cert, tls_key  files in PEM; NULL: plain HTTP
 * @param[out] reterr_why    a sentence for people
 *
 * @return SR_OK, SR_ERR_LIMIT too many listeners, SR_ERR_IO port taken or certificate refused
 */
SR_MUST_USE enum sr_err http_listen(struct http_server *server, const struct sr_addr *addr,
                                    const char *tls_cert, const char *tls_key, char *reterr_why,
                                    size_t why_size);
/** Another certificate for all TLS listeners, now and later connections; those that stand keep theirs.
    On failure (SR_ERR_IO) the old one stays. */
SR_MUST_USE enum sr_err http_tls_load(struct http_server *server, const char *tls_cert,
                                      const char *tls_key, char *reterr_why, size_t why_size);
/** Closes the listener of exactly that address; connections stay. An unknown one is fine. */
void http_unlisten(struct http_server *server, const struct sr_addr *addr);
/** The address of listener `index` in the order they were made; false: there is none. */
bool http_listener(const struct http_server *server, size_t index, struct sr_addr *ret_addr,
                   bool *ret_is_tls);

/** Runs until http_stop. */
void http_run(struct http_server *server);
/** Any thread: http_run returns soon: sockets get 1001, replies on their way a second. */
void http_stop(struct http_server *server);
/** Any thread, also a signal handler: on_turn is called soon. */
void http_wake(struct http_server *server);
void http_stats(const struct http_server *server, struct http_stats *ret_stats);

/* ---- requests ---- */

uint64_t http_request_id(const struct http_request *request);
struct http_request *http_find(struct http_server *server, uint64_t id); /* or NULL */
const struct http_head *http_request_head(const struct http_request *request);
struct sr_str http_request_body(const struct http_request *request);
const struct sr_addr *http_request_peer(const struct http_request *request);
bool http_request_is_tls(const struct http_request *request);
/** The address the client connected to; family NONE when the connection is gone. */
void http_request_local(const struct http_request *request, struct sr_addr *ret_addr);

struct http_reply {
    uint16_t status;
    const char *content_type; /* NULL: no body */
    struct sr_str body;       /* copied */
    struct sr_str headers;    /* further lines, each ending in CRLF; may be empty */
    bool is_closing;          /* the connection ends afterwards */
};

/** Answers; the request is dead afterwards. HEAD gets no body. */
void http_answer(struct http_request *request, const struct http_reply *reply);

/* ---- WebSocket ---- */

bool http_request_is_websocket(const struct http_request *request);
/** Answers 101; the request is dead afterwards. `protocol`: chosen subprotocol or NULL. */
struct http_ws *http_upgrade(struct http_request *request, const char *protocol, void *user);
void *http_ws_user(const struct http_ws *ws);
/** Queues one text message; a client that does not keep up is dropped with 1013 and on_ws_closed
    follows later in the loop. @return false when the socket is closing */
bool http_ws_send(struct http_ws *ws, struct sr_str text);
/** As http_ws_send, ahead of all messages that wait (behind earlier ones sent this way), with a bound
    of its own: HTTP_WS_FIRST_BYTES_MAX. */
bool http_ws_send_first(struct http_ws *ws, struct sr_str text);
/** Binary messages are taken too; without this they end the socket with 1003. */
void http_ws_take_binary(struct http_ws *ws);
/** As http_ws_send, as a binary message. */
bool http_ws_send_binary(struct http_ws *ws, struct sr_str bytes);
/** Says goodbye; on_ws_closed follows from the loop, not from inside this call. */
void http_ws_close(struct http_ws *ws, enum http_ws_close code, const char *why);

#endif

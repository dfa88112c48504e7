/**
 * @file http_internal.h  What the files of the HTTP room share: connections and sockets.
 *
 * Layer:   control (http*.c only)
 * Thread:  the loop's
 */
#ifndef SR_CONTROL_HTTP_INTERNAL_H
#define SR_CONTROL_HTTP_INTERNAL_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/map.h"
#include "control/http.h"

enum {
    HTTP_READ_BYTES = 16 * 1024,
    HTTP_FRAME_BYTES_MAX = HTTP_WS_HEAD_BYTES_MAX + HTTP_WS_MESSAGE_BYTES_MAX,
    HTTP_LINGER_SEC = 2, /* reading on after the last answer, so that it is not lost by a reset */
    HTTP_STOP_SEC = 1,
    HTTP_WS_BYE_SEC = 5,
};

_Static_assert(HTTP_FRAME_BYTES_MAX >= HTTP_HEAD_BYTES_MAX + HTTP_READ_BYTES, "a head fits, too");

enum http_conn_state {
    HTTP_CONN_HANDSHAKE, /* TLS */
    HTTP_CONN_HEAD,
    HTTP_CONN_BODY,
    HTTP_CONN_WAITING, /* for the answer */
    HTTP_CONN_WS,
    HTTP_CONN_LAST,   /* the last bytes go out */
    HTTP_CONN_LINGER, /* nothing more is sent */
    HTTP_CONN_DEAD,   /* swept at the end of the turn */
};

struct http_request {
    uint64_t id;
    struct http_conn *conn;
};

struct http_ws {
    struct http_conn *conn;
    void *user;
    struct sr_buf message; /* fragments so far */
    bool is_in_message, is_binary;
    bool takes_binary;
    bool is_closing;      /* our close frame is queued */
    bool is_ping_waiting; /* for a sign of life */
    size_t boundary;      /* offset in conn->out where the frame being sent begins */
    uint32_t frames;      /* queued since the queue was last empty */
    size_t first_end;     /* offset in conn->out behind the messages sent first; 0: none wait */
};

struct http_conn {
    struct sr_node node;
    struct http_server *server;
    int fd;
    SSL *ssl; /* NULL: plain */
    bool is_tls;
    struct sr_addr peer;
    enum http_conn_state state;
    sr_usec deadline;
    short poll_in, poll_out; /* what reading and writing wait for */
    bool is_eof;             /* the client sends no more */

    struct sr_buf in;        /* not understood yet */
    struct sr_buf head_text; /* what head views */
    struct http_head head;
    struct http_chunked chunked;
    struct sr_buf body;
    size_t body_counted; /* in the server's bodies_bytes */
    struct http_request request;

    struct sr_buf out;
    size_t out_at; /* sent of it */
    struct http_ws *ws;
};

struct http_listener {
    int fd;
    SSL_CTX *tls;
    struct sr_addr addr;
};

struct http_server {
    struct http_ops ops;
    void *arg;
    struct http_listener listeners[HTTP_LISTENERS_MAX];
    size_t listener_count;
    struct sr_list conns;
    struct sr_map64 requests; /* waiting, by id */
    uint64_t next_id;
    int wake_fd;
    atomic_bool is_stopping;
    sr_usec now, accept_at; /* no connection is taken before that */
    sr_usec accept_told_at; /* that the system refused one */
    size_t bodies_bytes;    /* of bodies that are not small, held now */
    struct http_stats stats;
};

/* http_conn.c */
struct http_conn *http__conn_new(struct http_server *server, int fd, SSL *ssl,
                                 const struct sr_addr *peer);
void http__conn_free(struct http_conn *conn);
/** Something may be read. */
void http__conn_read(struct http_conn *conn);
/** Understands what was read, sends what waits. */
void http__conn_turn(struct http_conn *conn);
void http__conn_refuse(struct http_conn *conn, uint16_t status, const char *why);
bool http__conn_is_sending(const struct http_conn *conn);

/* http_ws.c */
void http__ws_read(struct http_conn *conn);
void http__ws_on_sent(struct http_ws *ws);
void http__ws_on_deadline(struct http_ws *ws);
void http__ws_free(struct http_ws *ws);

#endif

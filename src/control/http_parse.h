/**
 * @file http_parse.h  The bytes of HTTP/1.1 heads, URLs and WebSocket frames: reading, no I/O.
 *
 * Layer:   control (pure: no I/O, no clock)
 * Memory:  views into the caller's bytes
 * Thread:  re-entrant
 */
#ifndef SR_CONTROL_HTTP_PARSE_H
#define SR_CONTROL_HTTP_PARSE_H

#include "base/buf.h"

enum {
    HTTP_HEAD_BYTES_MAX = 32 * 1024,
    HTTP_HEADERS_MAX = 64,
    HTTP_TARGET_BYTES_MAX = 8 * 1024,
    HTTP_WS_HEAD_BYTES_MAX = 14,
};

#define HTTP_METHOD_MAP(X) X(GET) X(HEAD) X(POST) X(PUT) X(PATCH) X(DELETE) X(OPTIONS)

enum http_method {
#define X(name) HTTP_##name,
    HTTP_METHOD_MAP(X)
#undef X
    HTTP_METHOD_OTHER,
};

struct http_header {
    struct sr_str name, value;
};

struct http_head {
    enum http_method method;
    struct sr_str target; /* as sent: "/a%20b?x=1" */
    struct sr_str path;   /* before "?", not decoded */
    struct sr_str query;  /* behind it; may be empty */
    uint8_t minor;        /* HTTP/1.minor */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
    bool has_length;
    uint64_t length; /* of the body; 0 without one */
    bool is_chunked;
    bool is_keep_alive;
    bool is_upgrade; /* "Upgrade: websocket" and "Connection: upgrade" */
    bool expects_continue;
};

/**
 * Reads a request's head, up to and including the empty line.
 *
 * @param[out] ret_used    bytes of the head
 * @param[out] reterr_why  a sentence, static
 *
 * @return SR_OK; SR_ERR_AGAIN not complete yet; SR_ERR_LIMIT too large (431); SR_ERR_SYNTAX (400);
 *         SR_ERR_UNSUPPORTED another version of HTTP (505)
 */
SR_MUST_USE enum sr_err http_head_parse(struct sr_str bytes, struct http_head *ret_head,
                                        size_t *ret_used, const char **reterr_why);
/** The first header of that name, trimmed, or the empty view with p == NULL. */
struct sr_str http_head_find(const struct http_head *head, const char *name);
/** "GET"... "?" for OTHER. */
const char *http_method_name(enum http_method method);
/** "OK"... Never NULL. */
const char *http_status_text(unsigned status);

/** Whether a comma list has the word, ignoring case. */
bool http_list_has(struct sr_str list, const char *word);
/** Percent-decodes (and "+" to space when is_query). SR_ERR_SYNTAX: bad escape or NUL. */
SR_MUST_USE enum sr_err http_decode(struct sr_str text, bool is_query, struct sr_buf *buf);
/** Appends with everything but unreserved characters escaped. */
void http_encode(struct sr_str text, struct sr_buf *buf);
/** Decoded value of `?name=`; false when absent or badly escaped. `buf` is appended to. */
bool http_query_get(struct sr_str query, const char *name, struct sr_buf *buf);
/** The cookie's value or the empty view with p == NULL. */
struct sr_str http_cookie_get(const struct http_head *head, const char *name);

/** One step of a chunked body. */
struct http_chunked { /* fields are private; zero to begin */
    uint8_t state;
    uint64_t left;
    uint32_t line_bytes;
};

/**
 * Takes body bytes out of `bytes`, appending data to `body`.
 *
 * @return SR_OK the body is complete; SR_ERR_AGAIN all bytes used, more needed; SR_ERR_SYNTAX;
 *         SR_ERR_LIMIT body's maximum reached
 */
SR_MUST_USE enum sr_err http_chunked_take(struct http_chunked *chunked, struct sr_str bytes,
                                          size_t *ret_used, struct sr_buf *body);

enum http_ws_opcode {
    HTTP_WS_CONTINUE = 0,
    HTTP_WS_TEXT = 1,
    HTTP_WS_BINARY = 2,
    HTTP_WS_CLOSE = 8,
    HTTP_WS_PING = 9,
    HTTP_WS_PONG = 10,
};

struct http_ws_frame {
    bool is_final;
    enum http_ws_opcode opcode;
    bool is_masked;
    uint8_t mask[4];
    uint64_t length;
    size_t head_bytes;
};

/**
 * Reads a frame's head.
 *
 * @return SR_OK; SR_ERR_AGAIN more bytes needed; SR_ERR_PROTO reserved bits or opcode, a control
 *         frame that is long or fragmented, a length not in its shortest form
 */
SR_MUST_USE enum sr_err http_ws_frame_parse(struct sr_str bytes, struct http_ws_frame *ret_frame);
/** Appends the head of an unmasked final frame. */
void http_ws_frame_write(struct sr_buf *buf, enum http_ws_opcode opcode, size_t length);

enum {
    HTTP_WS_ACCEPT_BYTES = 32
}; /* with NUL */
/** Sec-WebSocket-Accept for a key; false: the key is not 16 bytes in base64. */
bool http_ws_accept(struct sr_str key, char out[HTTP_WS_ACCEPT_BYTES]);

#endif

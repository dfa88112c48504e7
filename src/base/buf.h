/**
 * @file buf.h  A growing byte buffer with a maximum, for building text and messages.
 *
 * Once an append would pass the maximum the buffer is marked failed, keeps what it had, and every
 * later append does nothing: build a whole message, then ask once with sr_buf_err().
 *
 * Layer:   ground (uses base/alloc.h; or a caller's fixed array: then it never allocates)
 * Memory:  embedded; sr_buf_done frees what was allocated
 * Thread:  not shared
 */
#ifndef SR_BASE_BUF_H
#define SR_BASE_BUF_H

#include "base/str.h"

struct sr_buf { /* fields are private, but for data and len (read-only) */
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    bool is_fixed;  /* data is the caller's array */
    bool is_failed; /* an append did not fit */
};

/** An empty buffer that may grow up to `bytes_max`. */
void sr_buf_init(struct sr_buf *buf, size_t bytes_max);
/** A buffer in the caller's array of `size` bytes: never allocates, never grows. */
void sr_buf_init_fixed(struct sr_buf *buf, char *array, size_t size);
/** Frees; the buffer may be used again only after init. */
void sr_buf_done(struct sr_buf *buf);
/** Empty again, memory kept, failure forgotten. */
void sr_buf_clear(struct sr_buf *buf);
/** Drops bytes after `len`; failure forgotten. len <= buf->len. */
void sr_buf_truncate(struct sr_buf *buf, size_t len);
/** Removes `n` (<= len) bytes at the start. */
void sr_buf_consume(struct sr_buf *buf, size_t n);

void sr_buf_add(struct sr_buf *buf, const void *bytes, size_t n);
void sr_buf_str(struct sr_buf *buf, struct sr_str s);
void sr_buf_c(struct sr_buf *buf, const char *text);
void sr_buf_char(struct sr_buf *buf, char c);
void sr_buf_u64(struct sr_buf *buf, uint64_t value);
void sr_buf_hex(struct sr_buf *buf, const void *bytes, size_t n);
/** In a caller's array, text of 256 bytes and more needs one byte to spare. */
void sr_buf_fmt(struct sr_buf *buf, const char *format, ...) SR_PRINTF(2, 3);

/** Room for n more bytes to be written directly, then reported with sr_buf_commit; NULL (and
    failed) when that passes the maximum. */
char *sr_buf_reserve(struct sr_buf *buf, size_t n);
void sr_buf_commit(struct sr_buf *buf, size_t n);

/** SR_OK, or SR_ERR_LIMIT when any append did not fit. */
SR_MUST_USE enum sr_err sr_buf_err(const struct sr_buf *buf);
/** What was built; valid until the next append. */
struct sr_str sr_buf_view(const struct sr_buf *buf);
/** NUL-terminated view (the NUL is not counted); "" when it failed or is empty. In a caller's array
    the NUL needs a byte of its own: a full one fails. */
const char *sr_buf_cstr(struct sr_buf *buf);

#endif

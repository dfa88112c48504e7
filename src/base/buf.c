#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

enum {
    BUF_FIRST_BYTES = 256
};

void sr_buf_init(struct sr_buf *buf, size_t bytes_max)
{
    *buf = (struct sr_buf){.max = bytes_max};
}

void sr_buf_init_fixed(struct sr_buf *buf, char *array, size_t size)
{
    *buf = (struct sr_buf){.data = array, .cap = size, .max = size, .is_fixed = true};
}

void sr_buf_done(struct sr_buf *buf)
{
    if (!buf->is_fixed)
        sr_free(buf->data);
    *buf = (struct sr_buf){.max = buf->max};
}

void sr_buf_clear(struct sr_buf *buf)
{
    buf->len = 0;
    buf->is_failed = false;
}

void sr_buf_truncate(struct sr_buf *buf, size_t len)
{
    SR_ASSERT(len <= buf->len);
    buf->len = len;
    buf->is_failed = false;
}

void sr_buf_consume(struct sr_buf *buf, size_t n)
{
    SR_ASSERT(n <= buf->len);
    if (n > 0 && n < buf->len)
        memmove(buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
}

char *sr_buf_reserve(struct sr_buf *buf, size_t n)
{
    size_t need;

    if (buf->is_failed)
        return NULL;
    if (n > buf->max || buf->len > buf->max - n) {
        buf->is_failed = true;
        return NULL;
    }
    need = buf->len + n;
    if (need > buf->cap || buf->data == NULL) {
        size_t cap = buf->cap ? buf->cap : BUF_FIRST_BYTES;

        while (cap < need)
            cap *= 2;
        cap = SR_MIN(cap, buf->max);
        buf->data = sr_realloc(buf->data, cap + 1); /* the spare byte is for a closing NUL */
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void sr_buf_commit(struct sr_buf *buf, size_t n)
{
    SR_ASSERT(buf->len + n <= buf->cap);
    buf->len += n;
}

void sr_buf_add(struct sr_buf *buf, const void *bytes, size_t n)
{
    char *to;

    if (n == 0)
        return;
    to = sr_buf_reserve(buf, n);
    if (to == NULL)
        return;
    memcpy(to, bytes, n);
    buf->len += n;
}

void sr_buf_str(struct sr_buf *buf, struct sr_str s)
{
    sr_buf_add(buf, s.p, s.n);
}

void sr_buf_c(struct sr_buf *buf, const char *text)
{
    sr_buf_add(buf, text, strlen(text));
}

void sr_buf_char(struct sr_buf *buf, char c)
{
    char *to = sr_buf_reserve(buf, 1);

    if (to == NULL)
        return;
    *to = c;
    buf->len++;
}

void sr_buf_u64(struct sr_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    sr_buf_add(buf, digits + at, sizeof(digits) - at);
}

void sr_buf_hex(struct sr_buf *buf, const void *bytes, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *in = bytes;
    char *to = sr_buf_reserve(buf, 2 * n);

    if (to == NULL)
        return;
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = hex[in[i] >> 4];
        to[2 * i + 1] = hex[in[i] & 15];
    }
    buf->len += 2 * n;
}

void sr_buf_fmt(struct sr_buf *buf, const char *format, ...)
{
    va_list args;
    char small[256];
    char *to;
    int n;

    va_start(args, format);
    n = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    SR_ASSERT(n >= 0);
    if ((size_t)n < sizeof(small)) {
        sr_buf_add(buf, small, (size_t)n);
        return;
    }
    to = sr_buf_reserve(buf, (size_t)n);
    if (to == NULL)
        return;
    /* a growing buffer has a spare byte for the NUL, a caller's array may lack it */
    if ((size_t)n == buf->cap - buf->len && buf->is_fixed) {
        buf->is_failed = true;
        return;
    }
    va_start(args, format);
    n = vsnprintf(to, (size_t)n + 1, format, args);
    va_end(args);
    buf->len += (size_t)n;
}

enum sr_err sr_buf_err(const struct sr_buf *buf)
{
    return buf->is_failed ? SR_ERR_LIMIT : SR_OK;
}

struct sr_str sr_buf_view(const struct sr_buf *buf)
{
    return (struct sr_str){buf->data, buf->len};
}

const char *sr_buf_cstr(struct sr_buf *buf)
{
    if (buf->is_failed || buf->len == 0)
        return "";
    if (buf->is_fixed && buf->len == buf->cap) {
        buf->is_failed = true;
        return "";
    }
    buf->data[buf->len] = '\0';
    return buf->data;
}

/**
 * @file fuzz_http_chunked.c  A chunked body in one piece and in pieces: the same body, the same end.
 *
 * The first byte gives the size of the pieces, the rest is the stream.
 */
#include "control/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    BODY_BYTES_MAX = 4096,
};

static enum sr_err take(struct sr_str stream, size_t step, struct sr_buf *body, size_t *ret_used)
{
    struct http_chunked chunked = {0};
    size_t at = 0;
    enum sr_err err = SR_ERR_AGAIN;

    while (err == SR_ERR_AGAIN && at < stream.n) {
        size_t n = SR_MIN(step, stream.n - at), used = 0;

        err = http_chunked_take(&chunked, sr_str_make(stream.p + at, n), &used, body);
        SR_ASSERT(used <= n);
        SR_ASSERT(err != SR_ERR_AGAIN || used == n);
        at += used;
    }
    *ret_used = at;
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sr_buf whole, split;
    size_t whole_used = 0, split_used = 0;

    if (size < 2)
        return 0;
    struct sr_str stream = sr_str_make((const char *)data + 1, size - 1);
    sr_buf_init(&whole, BODY_BYTES_MAX);
    sr_buf_init(&split, BODY_BYTES_MAX);
    enum sr_err err = take(stream, stream.n, &whole, &whole_used);
    SR_ASSERT(take(stream, 1u + data[0] % 16u, &split, &split_used) == err);
    if (err == SR_OK || err == SR_ERR_AGAIN) {
        SR_ASSERT(whole_used == split_used);
        SR_ASSERT(sr_str_eq(sr_buf_view(&whole), sr_buf_view(&split)));
        SR_ASSERT(whole.len < stream.n);
    }
    sr_buf_done(&whole);
    sr_buf_done(&split);
    return 0;
}

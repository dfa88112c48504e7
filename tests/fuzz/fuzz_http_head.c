/**
 * @file fuzz_http_head.c  HTTP heads: the same answer for every length of input that holds the head,
 * views inside it, and the readers of targets, cookies and ranges over what was found.
 */
#include "control/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct sr_str whole, struct sr_str part)
{
    if (part.n > 0)
        SR_ASSERT(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_decoded(struct sr_str text, bool is_query)
{
    struct sr_buf plain, again, back;
    sr_buf_init(&plain, HTTP_HEAD_BYTES_MAX);
    sr_buf_init(&again, 4 * HTTP_HEAD_BYTES_MAX);
    sr_buf_init(&back, HTTP_HEAD_BYTES_MAX);
    if (http_decode(text, is_query, &plain) == SR_OK) {
        SR_ASSERT(plain.len <= text.n);
        http_encode(sr_buf_view(&plain), &again);
        SR_ASSERT(sr_buf_err(&again) == SR_OK);
        if (sr_str_find(sr_buf_view(&plain), '\0', 0) == plain.len) {
            SR_ASSERT(http_decode(sr_buf_view(&again), is_query, &back) == SR_OK);
            SR_ASSERT(sr_str_eq(sr_buf_view(&plain), sr_buf_view(&back)));
        }
    }
    sr_buf_done(&plain);
    sr_buf_done(&again);
    sr_buf_done(&back);
}

static void check_values(const struct http_head *head)
{
    struct sr_buf value;
    char accept[HTTP_WS_ACCEPT_BYTES];

    sr_buf_init(&value, HTTP_HEAD_BYTES_MAX);
    (void)http_query_get(head->query, "token", &value);
    sr_buf_done(&value);
    (void)http_cookie_get(head, "sid");
    (void)http_ws_accept(http_head_find(head, "sec-websocket-key"), accept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sr_str bytes = sr_str_make((const char *)data, size);
    static struct http_head head, exact;
    size_t used = 0, exact_used = 0;
    const char *why = NULL;
    enum sr_err err = http_head_parse(bytes, &head, &used, &why);

    SR_ASSERT(err == SR_OK || err == SR_ERR_AGAIN || why != NULL);
    if (err != SR_OK)
        return 0;
    SR_ASSERT(used <= size && used <= HTTP_HEAD_BYTES_MAX && head.header_count <= HTTP_HEADERS_MAX);
    SR_ASSERT(!(head.is_chunked && head.has_length) && head.length <= INT64_MAX);
    SR_ASSERT(http_head_parse(sr_str_head(bytes, used - 1), &exact, &exact_used, &why) ==
              SR_ERR_AGAIN);
    SR_ASSERT(http_head_parse(sr_str_head(bytes, used), &exact, &exact_used, &why) == SR_OK);
    SR_ASSERT(exact_used == used && exact.header_count == head.header_count);
    check_inside(bytes, head.target);
    check_inside(bytes, head.path);
    check_inside(bytes, head.query);
    for (size_t i = 0; i < head.header_count; i++) {
        check_inside(bytes, head.headers[i].name);
        check_inside(bytes, head.headers[i].value);
    }
    check_decoded(head.path, false);
    check_decoded(head.query, true);
    check_values(&head);
    return 0;
}

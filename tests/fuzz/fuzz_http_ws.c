/**
 * @file fuzz_http_ws.c  A stream of WebSocket frames: heads of every cut, the shortest form of the
 * length, and the text as UTF-8.
 */
#include "control/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A head of ours is read back as it was meant. */
static void check_written(const struct http_ws_frame *frame)
{
    char array[HTTP_WS_HEAD_BYTES_MAX];
    struct sr_buf buf;
    struct http_ws_frame back;

    sr_buf_init_fixed(&buf, array, sizeof array);
    http_ws_frame_write(&buf, frame->opcode, (size_t)frame->length);
    SR_ASSERT(sr_buf_err(&buf) == SR_OK);
    SR_ASSERT(http_ws_frame_parse(sr_buf_view(&buf), &back) == SR_OK);
    SR_ASSERT(back.is_final && !back.is_masked && back.opcode == frame->opcode);
    SR_ASSERT(back.length == frame->length && back.head_bytes == buf.len);
    SR_ASSERT(back.head_bytes + (frame->is_masked ? 4u : 0u) == frame->head_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sr_str rest = sr_str_make((const char *)data, size);

    (void)sr_utf8_is_valid(rest);
    while (rest.n > 0) {
        struct http_ws_frame frame, cut;
        enum sr_err err = http_ws_frame_parse(rest, &frame);

        if (err != SR_OK)
            break;
        SR_ASSERT(frame.head_bytes >= 2 && frame.head_bytes <= HTTP_WS_HEAD_BYTES_MAX);
        SR_ASSERT(frame.head_bytes <= rest.n && frame.length <= INT64_MAX);
        SR_ASSERT(frame.opcode < HTTP_WS_CLOSE || (frame.is_final && frame.length <= 125));
        for (size_t n = 0; n < frame.head_bytes; n++)
            SR_ASSERT(http_ws_frame_parse(sr_str_head(rest, n), &cut) == SR_ERR_AGAIN);
        check_written(&frame);
        rest = sr_str_from(rest, frame.head_bytes);
        if (frame.length > rest.n)
            break;
        (void)sr_utf8_is_valid(sr_str_head(rest, (size_t)frame.length));
        rest = sr_str_from(rest, (size_t)frame.length);
    }
    return 0;
}

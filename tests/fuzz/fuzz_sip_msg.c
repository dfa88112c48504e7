/**
 * @file fuzz_sip_msg.c  A datagram: parse, check, every accessor, reply, edit; what is built must parse.
 */
#include <stdlib.h>

#include "sip/sip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out_bytes[3 * 65536];
static char arena_bytes[1 << 18];

static void reparse(struct sr_str text)
{
    static struct sip_header slots[SIP_HEADERS_MAX];
    static struct sip_msg msg;
    SR_ASSERT(text.n > SIP_MSG_BYTES_MAX ||
              sip_msg_parse(text, slots, SIP_HEADERS_MAX, &msg, NULL) == SR_OK);
}

static void reply(struct sip_msg *msg)
{
    struct sr_buf buf;
    struct sip_build build;
    struct sr_addr source;
    SR_ASSERT(sr_addr_parse(SR_STR("192.0.2.1:5060"), 0, &source) == SR_OK);
    struct sip_reply_options options = {
        .to_tag = SR_STR("abc"), .source = &source, .with_record_route = true};
    sr_buf_init_fixed(&buf, out_bytes, sizeof out_bytes);
    sip_build_init(&build, &buf);
    sip_build_reply(&build, msg, 200, &options);
    if (sip_build_end(&build, SR_STR("text/plain"), msg->body) == SR_OK)
        reparse(sr_buf_view(&buf));
}

/* Passed on as by a proxy: whatever the headers hold, none that was left out comes through. */
static void pass(struct sip_msg *msg)
{
    static const enum sip_hdr left_out[] = {
        SIP_HDR_VIA,           SIP_HDR_FROM,          SIP_HDR_TO,
        SIP_HDR_ROUTE,         SIP_HDR_AUTHORIZATION, SIP_HDR_CONTENT_TYPE,
        SIP_HDR_CONTENT_LENGTH};
    static struct sip_header slots[SIP_HEADERS_MAX];
    static struct sip_msg passed;
    struct sip_build build;
    struct sr_buf buf;
    sr_buf_init_fixed(&buf, out_bytes, sizeof out_bytes);
    sip_build_init(&build, &buf);
    sip_build_request(&build, SIP_METHOD_MESSAGE, SR_STR("sip:b@192.0.2.1"));
    sip_build_copy_others(&build, msg, left_out, SR_ARRAY_LEN(left_out));
    if (sip_build_end(&build, SR_STR("text/plain"), msg->body) != SR_OK ||
        buf.len > SIP_MSG_BYTES_MAX)
        return;
    SR_ASSERT(sip_msg_parse(sr_buf_view(&buf), slots, SIP_HEADERS_MAX, &passed, NULL) == SR_OK);
    for (size_t i = 0; i < 5; i++)
        SR_ASSERT(passed.first[left_out[i]] == 0);
    SR_ASSERT(sip_msg_count(&passed, SIP_HDR_CONTENT_LENGTH) == 1);
}

static void edit(struct sip_msg *msg, bool is_good)
{
    struct sr_buf buf;
    struct sip_edit edit;
    struct sr_arena arena;
    sr_buf_init_fixed(&buf, out_bytes, sizeof out_bytes);
    sr_arena_init_fixed(&arena, arena_bytes, sizeof arena_bytes);
    sip_edit_init(&edit, msg, &arena);
    if (is_good) {
        SR_ASSERT(sip_edit_write(&edit, &buf) == SR_OK);
        size_t n = (size_t)(msg->body.p + msg->body.n - msg->text.p);
        /* only the line end of the empty line may differ (a bare LF) */
        SR_ASSERT(memcmp(buf.data, msg->text.p, SR_MIN(n, (size_t)msg->head_len - 2)) == 0);
        sr_buf_clear(&buf);
    }
    sip_edit_pop(&edit, SIP_HDR_VIA);
    sip_edit_set_top(&edit, SIP_HDR_ROUTE, SR_STR("<sip:a\r\nX: y>"));
    sip_edit_set(&edit, SIP_HDR_MAX_FORWARDS, SR_STR("69"));
    sip_edit_remove(&edit, SIP_HDR_CONTACT);
    sip_edit_add_first(&edit, SIP_HDR_VIA, SR_STR("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"));
    sip_edit_body(&edit, SR_STR("text/plain"), SR_STR("x"));
    if (sip_edit_write(&edit, &buf) == SR_OK)
        reparse(sr_buf_view(&buf));
    sr_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sip_header slots[SIP_HEADERS_MAX];
    static struct sip_msg msg;
    struct sip_verdict verdict;
    struct sr_str part;
    bool demands;
    if (sip_msg_parse(sr_str_make((const char *)data, size), slots, SIP_HEADERS_MAX, &msg, NULL) !=
        SR_OK)
        return 0;
    sip_msg_check(&msg, true, &verdict);
    sip_msg_check(&msg, false, &verdict);
    (void)sip_msg_contact(&msg);
    (void)sip_msg_body_is(&msg, "application/sdp");
    part = sip_msg_part(&msg, "application/sdp", &demands);
    SR_ASSERT(part.p == NULL ||
              (part.p >= msg.body.p && part.p + part.n <= msg.body.p + msg.body.n));
    (void)sip_msg_accepts(&msg, "application/sdp", true);
    for (unsigned id = 0; id < SIP_HDR_COUNT; id++) {
        struct sip_values values = sip_msg_values(&msg, (enum sip_hdr)id);
        struct sr_str value;
        uint32_t number;
        unsigned count = 0;
        while (sip_values_next(&values, &value))
            SR_ASSERT(++count <= SIP_MSG_BYTES_MAX);
        (void)sip_msg_uint(&msg, (enum sip_hdr)id, &number);
    }
    reply(&msg);
    if (verdict.what == SIP_CHECK_OK && msg.is_request)
        pass(&msg);
    edit(&msg, verdict.what == SIP_CHECK_OK);
    return 0;
}

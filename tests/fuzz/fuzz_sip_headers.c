/**
 * @file fuzz_sip_headers.c  Every structured header: the first byte chooses it, the rest is its value.
 */
#include "sip/sip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_parsers(struct sr_str value, struct sr_buf *buf)
{
    struct sip_event event;
    struct sip_subscription_state state;
    struct sip_reason reason;
    struct sip_auth_value auth;
    struct sip_nameaddr addr;
    struct sip_via via;
    struct sip_param param;
    struct sr_addr source;
    (void)!sip_event_parse(value, &event, NULL);
    (void)!sip_subscription_state_parse(value, &state, NULL);
    (void)!sip_reason_parse(value, &reason, NULL);
    (void)sip_privacy_has(value, "id");
    if (sip_auth_value_parse(value, &auth, NULL) == SR_OK) {
        struct sip_scan scan = sip_scan_of(auth.params);
        while (sip_scan_auth_param(&scan, &param) == SR_OK)
            sip_unquote(param.value, buf);
    }
    if (sip_nameaddr_parse(value, &addr, NULL) == SR_OK) {
        (void)sip_nameaddr_q(&addr, 0);
        (void)sip_nameaddr_expires(&addr, 0);
        sip_unquote(addr.display, buf);
    }
    if (sip_via_parse(value, &via, NULL) == SR_OK) {
        SR_ASSERT(sr_addr_parse(SR_STR("[2001:db8::1]:5060"), 0, &source) == SR_OK);
        (void)sip_via_reply_addr(&via, NULL, &source);
        sr_buf_clear(buf);
        sip_via_write_received(buf, &via, &source);
        if (sr_buf_err(buf) == SR_OK && buf->len <= SIP_VIA_TEXT_MAX)
            SR_ASSERT(sip_via_parse(sr_buf_view(buf), &via, NULL) == SR_OK);
    }
    sr_buf_clear(buf);
    sip_write_safe(value, buf);
    sip_quote(value, buf);
    for (size_t i = 0; i < buf->len; i++)
        SR_ASSERT((uint8_t)buf->data[i] >= 0x20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char bytes[65536];
    struct sip_diag diag = {0, NULL};
    struct sr_buf buf;
    if (size < 1 || size > 8192)
        return 0;
    struct sr_str value = sr_str_make((const char *)data + 1, size - 1);
    enum sip_hdr id = (enum sip_hdr)(data[0] % SIP_HDR_COUNT);
    if (sip_value_check(id, value, &diag) != SR_OK)
        SR_ASSERT(diag.why && diag.offset <= value.n);
    sr_buf_init_fixed(&buf, bytes, sizeof bytes);
    try_parsers(value, &buf);
    return 0;
}

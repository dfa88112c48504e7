#include "rtc/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses can be answered, and the answer parses again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sr_addr source = {.family = SR_ADDR_IP4, .port = 5060, .ip = {192, 0, 2, 1}};
    uint8_t out[512];
    struct stun_msg msg, answer;

    if (stun_parse(sr_str_make((const char *)data, size), &msg) != SR_OK)
        return 0;
    SR_ASSERT(stun_is_message(msg.bytes));
    enum sr_err err = stun_check_integrity(&msg, SR_STR("password"));
    SR_ASSERT((err == SR_ERR_NOTFOUND) == (msg.integrity_at == 0));
    size_t n = stun_answer_binding(&msg, &source, out, sizeof(out));
    if (n > 0) {
        SR_ASSERT(stun_parse(sr_str_make((const char *)out, n), &answer) == SR_OK);
        SR_ASSERT(memcmp(answer.tid, msg.tid, STUN_TID_BYTES) == 0);
    }
    return 0;
}

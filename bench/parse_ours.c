#include "bench.h"
#include "parse.h"

#include "sip/sip.h"

static struct sip_header slots[SIP_HEADERS_MAX], kept_slots[SIP_HEADERS_MAX];
static struct sip_msg kept;
static char *const *texts;
static size_t text_bytes;

static void start(char *const *copies, size_t copy_count, size_t bytes)
{
    (void)copy_count;
    texts = copies;
    text_bytes = bytes;
    if (sip_msg_parse(sr_str_make(texts[0], bytes), kept_slots, SIP_HEADERS_MAX, &kept, NULL) !=
        SR_OK)
        bench_die("ours: no message");
}

static unsigned parse(size_t index)
{
    struct sip_msg msg;
    struct sip_verdict verdict;
    uint32_t forwards = 0;
    if (sip_msg_parse(sr_str_make(texts[index], text_bytes), slots, SIP_HEADERS_MAX, &msg, NULL) !=
        SR_OK)
        return 0;
    sip_msg_check(&msg, false, &verdict);
    const struct sip_cseq *cseq = sip_msg_cseq(&msg);
    if (verdict.what != SIP_CHECK_OK || !sip_msg_uint(&msg, SIP_HDR_MAX_FORWARDS, &forwards) ||
        !sip_msg_via(&msg) || !sip_msg_from(&msg) || !sip_msg_to(&msg) || !cseq ||
        !sip_msg_call_id(&msg).p)
        return 0;
    return cseq->number + forwards + msg.content_length;
}

static size_t build(char *out)
{
    struct sr_buf buf;
    struct sip_build b;
    sr_buf_init_fixed(&buf, out, PARSE_REPLY_MAX);
    sip_build_init(&b, &buf);
    struct sip_reply_options options = {.to_tag = SR_STR("1928301774")};
    sip_build_reply(&b, &kept, 180, &options);
    sip_build_text(&b, SIP_HDR_CONTACT, SR_STR("<sip:100@192.168.10.20:5060>"));
    if (sip_build_end(&b, SR_STR(""), SR_STR("")) != SR_OK)
        return 0;
    return buf.len;
}

const struct parse_subject parse_subject = {"ours", start, parse, build};

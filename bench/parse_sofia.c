#include "bench.h"
#include "parse.h"

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_parser.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_util.h>
#include <string.h>

static msg_t *kept;
static sip_t *kept_sip;
static char *const *texts;
static size_t text_bytes;

/** As its transport does: one buffer of the message's own, then extraction. */
static msg_t *extract(const char *text, size_t bytes)
{
    msg_iovec_t buffer[2];
    msg_t *msg = msg_create(sip_default_mclass(), 0);
    if (!msg)
        return NULL;
    if (msg_recv_iovec(msg, buffer, 2, (unsigned)bytes, 1) < 1) {
        msg_destroy(msg);
        return NULL;
    }
    memcpy(buffer[0].mv_base, text, bytes);
    msg_recv_commit(msg, (unsigned)bytes, 1);
    if (msg_extract(msg) <= 0) {
        msg_destroy(msg);
        return NULL;
    }
    return msg;
}

static void start(char *const *copies, size_t copy_count, size_t bytes)
{
    (void)copy_count;
    texts = copies;
    text_bytes = bytes;
    kept = extract(texts[0], bytes);
    if (!kept)
        bench_die("sofia-sip: no message");
    kept_sip = sip_object(kept);
}

static unsigned parse(size_t index)
{
    unsigned sum = 0;
    msg_t *msg = extract(texts[index], text_bytes);
    if (!msg)
        return 0;
    const sip_t *sip = sip_object(msg);
    if (!sip->sip_error && sip_sanity_check(sip) >= 0 && sip->sip_via && sip->sip_from &&
        sip->sip_to && sip->sip_call_id && sip->sip_cseq && sip->sip_max_forwards &&
        sip->sip_content_length)
        sum = sip->sip_cseq->cs_seq + (unsigned)sip->sip_max_forwards->mf_count +
              (unsigned)sip->sip_content_length->l_length;
    msg_destroy(msg);
    return sum;
}

/** The fields that its transaction engine copies into a response. */
static bool fill(msg_t *reply, sip_t *sip)
{
    su_home_t *home = msg_home(reply);
    sip_header_t *status = (sip_header_t *)sip_status_create(home, SIP_180_RINGING, NULL);
    return sip_header_insert(reply, sip, status) >= 0 &&
           sip_add_dup(reply, sip, (sip_header_t *)kept_sip->sip_via) >= 0 &&
           sip_add_dup(reply, sip, (sip_header_t *)kept_sip->sip_from) >= 0 &&
           sip_add_dup(reply, sip, (sip_header_t *)kept_sip->sip_to) >= 0 &&
           sip_add_dup(reply, sip, (sip_header_t *)kept_sip->sip_call_id) >= 0 &&
           sip_add_dup(reply, sip, (sip_header_t *)kept_sip->sip_cseq) >= 0 &&
           sip_to_tag(home, sip->sip_to, "1928301774") >= 0 &&
           sip_add_make(reply, sip, sip_contact_class, "<sip:100@192.168.10.20:5060>") >= 0 &&
           sip_add_make(reply, sip, sip_content_length_class, "0") >= 0 &&
           sip_add_make(reply, sip, sip_separator_class, "\r\n") >= 0;
}

static size_t build(char *out)
{
    msg_t *reply = msg_create(sip_default_mclass(), 0);
    size_t len = 0;
    if (!reply)
        return 0;
    sip_t *sip = sip_object(reply);
    if (fill(reply, sip) && msg_serialize(reply, (msg_pub_t *)sip) >= 0 &&
        msg_prepare(reply) >= 0) {
        msg_iovec_t parts[32];
        isize_t count = msg_iovec(reply, parts, 32);
        for (isize_t i = 0; i < count && i < 32; i++) {
            if (len + parts[i].mv_len > PARSE_REPLY_MAX)
                break;
            memcpy(out + len, parts[i].mv_base, parts[i].mv_len);
            len += parts[i].mv_len;
        }
    }
    msg_destroy(reply);
    return len;
}

const struct parse_subject parse_subject = {"sofia-sip", start, parse, build};

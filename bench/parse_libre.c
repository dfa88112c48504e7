#include "bench.h"
#include "parse.h"

#include <re.h>
#include <string.h>

static struct sip_msg *kept;
static struct mbuf *buffers[PARSE_COPIES], *out_buffer;

static void start(char *const *copies, size_t copy_count, size_t bytes)
{
    for (size_t i = 0; i < copy_count; i++) {
        buffers[i] = mbuf_alloc(bytes);
        if (!buffers[i] || mbuf_write_mem(buffers[i], (const uint8_t *)copies[i], bytes) != 0)
            bench_die("libre: no memory");
    }
    out_buffer = mbuf_alloc(PARSE_REPLY_MAX);
    mbuf_set_pos(buffers[0], 0);
    if (!out_buffer || sip_msg_decode(&kept, buffers[0]) != 0)
        bench_die("libre: no message");
}

/** It finds the parameters of Via, From and To and the CSeq itself; numbers are left as text. */
static unsigned parse(size_t index)
{
    struct sip_msg *msg;
    unsigned sum = 0;
    mbuf_set_pos(buffers[index], 0);
    if (sip_msg_decode(&msg, buffers[index]) != 0)
        return 0;
    if (pl_isset(&msg->via.branch) && pl_isset(&msg->from.tag) && pl_isset(&msg->to.auri) &&
        pl_isset(&msg->callid) && pl_isset(&msg->cseq.met) && pl_isset(&msg->maxfwd) &&
        pl_isset(&msg->clen))
        sum = msg->cseq.num + pl_u32(&msg->maxfwd) + pl_u32(&msg->clen);
    mem_deref(msg);
    return sum;
}

static bool print_header(const struct sip_hdr *header, const struct sip_msg *msg, void *arg)
{
    (void)msg;
    return mbuf_printf(arg, "%r: %r\r\n", &header->name, &header->val) != 0;
}

/** Its own replies need a running stack; this prints with its formatter, as they do. */
static size_t build(char *out)
{
    struct mbuf *mb = out_buffer;
    mbuf_rewind(mb);
    int err = mbuf_printf(mb, "SIP/2.0 %u %s\r\n", 180u, "Ringing");
    sip_msg_hdr_apply(kept, true, SIP_HDR_VIA, print_header, mb);
    sip_msg_hdr_apply(kept, true, SIP_HDR_RECORD_ROUTE, print_header, mb);
    err |= mbuf_printf(mb, "To: %r;tag=%s\r\n", &kept->to.val, "1928301774");
    sip_msg_hdr_apply(kept, true, SIP_HDR_FROM, print_header, mb);
    sip_msg_hdr_apply(kept, true, SIP_HDR_CALL_ID, print_header, mb);
    sip_msg_hdr_apply(kept, true, SIP_HDR_CSEQ, print_header, mb);
    err |= mbuf_printf(mb, "Contact: <%s>\r\nContent-Length: %u\r\n\r\n",
                       "sip:100@192.168.10.20:5060", 0u);
    if (err || mb->end > PARSE_REPLY_MAX)
        return 0;
    memcpy(out, mb->buf, mb->end);
    return mb->end;
}

const struct parse_subject parse_subject = {"libre", start, parse, build};

#include "sip/frame.h"

#include "sip/msg.h"

void sip_framer_init(struct sip_framer *framer)
{
    *framer = (struct sip_framer){0};
}

size_t sip_framer_need(const struct sip_framer *framer)
{
    return framer->need;
}

static void set(struct sip_framer *framer, struct sip_frame *frame, enum sip_frame_kind kind,
                size_t bytes, const char *why)
{
    *frame = (struct sip_frame){kind, bytes, why};
    framer->crlf_before = kind == SIP_FRAME_PONG;
    if (kind != SIP_FRAME_MORE) {
        framer->scanned = 0;
        framer->need = 0;
    }
}

/* Line ends in front of a message: keep-alives, or the sloppy end of the last one. */
static bool take_keepalive(struct sip_framer *framer, struct sr_str bytes, struct sip_frame *frame)
{
    if (bytes.p[0] == '\n') {
        set(framer, frame, SIP_FRAME_PONG, 1, NULL);
        return true;
    }
    if (bytes.p[0] != '\r')
        return false;
    if (bytes.n < 2) {
        bool before = framer->crlf_before;
        set(framer, frame, SIP_FRAME_MORE, 0, NULL);
        framer->crlf_before = before;
    } else if (bytes.p[1] != '\n') {
        set(framer, frame, SIP_FRAME_ERROR, 0, "CR without LF");
    } else if (framer->crlf_before) {
        set(framer, frame, SIP_FRAME_PING, 2, NULL);
    } else if (bytes.n >= 4 && memcmp(bytes.p, "\r\n\r\n", 4) == 0) {
        set(framer, frame, SIP_FRAME_PING, 4, NULL);
    } else {
        set(framer, frame, SIP_FRAME_PONG, 2, NULL);
    }
    return true;
}

/* Is this not the beginning of SIP? Everything seen must be text, and the first line not endless. */
static const char *look_at_start(struct sr_str bytes)
{
    size_t n = SR_MIN(bytes.n, (size_t)SIP_LINE_BYTES_MAX);
    const char *lf = memchr(bytes.p, '\n', n);
    if (!lf && bytes.n >= SIP_LINE_BYTES_MAX)
        return "start line too long";
    if (!sip_is(bytes.p[0], SIP_CH_TOKEN) || memchr(bytes.p, 0, lf ? (size_t)(lf - bytes.p) : n))
        return "not a SIP message";
    if (lf && !memmem(bytes.p, (size_t)(lf - bytes.p), "SIP/", 4))
        return "not a SIP message";
    return NULL;
}

/* Length of the head with its empty line; 0: not there yet. */
static size_t find_head_end(struct sip_framer *framer, struct sr_str bytes)
{
    size_t i = framer->scanned > 3 ? framer->scanned - 3 : 0;
    while (i < bytes.n) {
        const char *lf = memchr(bytes.p + i, '\n', bytes.n - i);
        if (!lf)
            break;
        i = (size_t)(lf - bytes.p) + 1;
        if (i < bytes.n && bytes.p[i] == '\n')
            return i + 1;
        if (i + 1 < bytes.n && bytes.p[i] == '\r' && bytes.p[i + 1] == '\n')
            return i + 2;
    }
    framer->scanned = bytes.n;
    return 0;
}

static void measure(struct sip_framer *framer, struct sr_str head, struct sip_frame *frame)
{
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_msg msg;
    if (sip_msg_parse(head, slots, SIP_HEADERS_MAX, &msg, NULL) != SR_OK)
        set(framer, frame, SIP_FRAME_ERROR, 0, "not a SIP message");
    else if (!msg.first[SIP_HDR_CONTENT_LENGTH])
        set(framer, frame, SIP_FRAME_ERROR, head.n,
            msg.fault_why ? msg.fault_why : "Content-Length missing");
    else if (!msg.has_length)
        set(framer, frame, SIP_FRAME_ERROR, head.n, "malformed or doubled Content-Length");
    else if (msg.content_length > SIP_MSG_BYTES_MAX - head.n)
        set(framer, frame, SIP_FRAME_ERROR, head.n, "message too long");
    else
        framer->need = head.n + msg.content_length;
}

void sip_frame_next(struct sip_framer *framer, struct sr_str bytes, struct sip_frame *ret_frame)
{
    *ret_frame = (struct sip_frame){SIP_FRAME_MORE, 0, NULL};
    if (!bytes.n)
        return;
    if (!framer->need) {
        if (take_keepalive(framer, bytes, ret_frame))
            return;
        const char *why = framer->scanned < SIP_LINE_BYTES_MAX ? look_at_start(bytes) : NULL;
        if (why) {
            set(framer, ret_frame, SIP_FRAME_ERROR, 0, why);
            return;
        }
        size_t head = find_head_end(framer, bytes);
        if (head > SIP_FRAME_HEAD_MAX || (!head && bytes.n > SIP_FRAME_HEAD_MAX)) {
            set(framer, ret_frame, SIP_FRAME_ERROR, 0, "headers too long");
            return;
        }
        if (!head)
            return;
        measure(framer, sr_str_head(bytes, head), ret_frame);
        if (!framer->need)
            return;
    }
    if (bytes.n >= framer->need)
        set(framer, ret_frame, SIP_FRAME_MESSAGE, framer->need, NULL);
}

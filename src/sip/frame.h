/**
 * @file frame.h  Messages in a byte stream (RFC 3261 18.3, RFC 5626 keep-alives).
 *
 * The user keeps received bytes in a buffer and asks again when there are more; the framer remembers
 * how far it looked, so a slow sender costs no second scan.
 *
 * Layer:   pure
 * Memory:  embedded; owns nothing
 * Thread:  not shared
 */
#ifndef SR_SIP_FRAME_H
#define SR_SIP_FRAME_H

#include "base/str.h"

enum {
    SIP_FRAME_HEAD_MAX = 32768, /* start line and headers */
};

enum sip_frame_kind {
    SIP_FRAME_MORE,    /* not complete: read more */
    SIP_FRAME_MESSAGE, /* the first `bytes` bytes are one message */
    SIP_FRAME_PING,    /* CR LF CR LF: answer CR LF; consume `bytes` */
    SIP_FRAME_PONG,  /* CR LF: consume `bytes`. A CR LF that follows it later is reported as PING */
    SIP_FRAME_ERROR, /* the stream cannot be trusted: answer what can be answered, close */
};

struct sip_framer {   /* fields are private */
    size_t scanned;   /* bytes of the head looked at */
    size_t need;      /* head + body once known, else 0 */
    bool crlf_before; /* a PONG was just reported */
};

struct sip_frame {
    enum sip_frame_kind kind;
    size_t
        bytes; /* to consume. ERROR: length of a complete head to answer 400 to, or 0: just close */
    const char *why; /* ERROR: in words */
};

/** Also after the bytes of the connection were thrown away. */
void sip_framer_init(struct sip_framer *framer);

/**
 * Looks at the bytes received and not yet consumed, from the start of a message.
 *
 * After MESSAGE, PING or PONG the caller consumes `bytes` and asks again, until MORE.
 */
void sip_frame_next(struct sip_framer *framer, struct sr_str bytes, struct sip_frame *ret_frame);

/** How many bytes the message being received needs in all, as far as known (to size a buffer); 0: unknown. */
size_t sip_framer_need(const struct sip_framer *framer);

#endif

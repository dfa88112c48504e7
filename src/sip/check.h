/**
 * @file check.h  What a server must refuse before it looks at a message (RFC 3261 8.2, 16.3, 18.3, 20;
 * RFC 4475, RFC 5118).
 *
 * Layer:   pure
 * Thread:  as its message
 */
#ifndef SR_SIP_CHECK_H
#define SR_SIP_CHECK_H

#include "sip/msg.h"

enum sip_check {
    SIP_CHECK_OK = 0, /* Via, From, To, Call-ID, CSeq are there and well formed, bodies are whole */
    SIP_CHECK_ANSWER, /* answer verdict.status with verdict.why as reason phrase */
    SIP_CHECK_DROP,   /* no reply: a broken response, a broken ACK, or nothing to reply to */
};

struct sip_verdict {
    enum sip_check what;
    uint16_t status; /* ANSWER: 400, 414, 501 (unknown method, and not that of CSeq), 505 */
    const char *why; /* in words, fit for a reason phrase; NULL when OK */
    size_t offset;   /* where, in the message */
    bool
        must_close; /* the framing of a stream cannot be trusted any more: close after the answer */
};

/**
 * Checks structure, mandatory and doubled headers, values of the mandatory ones, CSeq against the
 * method, the body against Content-Length, the Request-URI and Contact. Policy (404, 416 unknown
 * scheme, 420, 405/501, 415) is the user's.
 *
 * @param is_stream  a Content-Length must be there (the stream framing enforced it)
 */
void sip_msg_check(struct sip_msg *msg, bool is_stream, struct sip_verdict *ret_verdict);

/** Is the Request-URI of a scheme that a SIP server serves (sip, sips, tel)? If not answer 416. */
bool sip_msg_scheme_is_known(struct sip_msg *msg);

/**
 * Appends the option tags of `id` (SIP_HDR_REQUIRE, SIP_HDR_PROXY_REQUIRE) that are not in
 * `supported`, comma-separated: the value of Unsupported in a 420.
 *
 * @param supported  NULL-terminated array of names
 * @return how many
 */
unsigned sip_msg_unsupported(const struct sip_msg *msg, enum sip_hdr id,
                             const char *const *supported, struct sr_buf *buf);

#endif

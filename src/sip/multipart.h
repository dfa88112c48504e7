/**
 * @file multipart.h  One part of a body of several (RFC 2046 5.1, RFC 5621): gateways of the telephone
 * network send a description beside their own signalling.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  borrowed; a part points into the message
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_MULTIPART_H
#define SR_SIP_MULTIPART_H

#include "sip/msg.h"

enum {
    SIP_PARTS_MAX = 16, /* more are not looked at */
};

/**
 * The body when it is of that type ("application/sdp"), or the first such part of a multipart body.
 *
 * @param[out] ret_demands  another part has to be understood (handling=required); may be NULL
 *
 * @return empty (p == NULL): there is none
 */
struct sr_str sip_msg_part(const struct sip_msg *msg, const char *type, bool *ret_demands);

#endif

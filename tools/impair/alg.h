/**
 * @file alg.h  What a router's "SIP helper" does: it rewrites the inside address in messages.
 *
 * Layer:   pure
 */
#ifndef SR_IMPAIR_ALG_H
#define SR_IMPAIR_ALG_H

#include "base/addr.h"

/**
 * Copies a SIP message into `out`, writing `outside` for `inside`: "ip:port" and the bare ip with its
 * port in Via, Contact and the start line, the bare ip in the c= and o= lines of SDP (the ports of
 * m= lines stay: such helpers rarely open them). Content-Length is made right when the body changed.
 * Whatever is no SIP message is copied as it is.
 *
 * @return whether anything was changed
 */
bool impair_alg_rewrite(struct sr_str message, const struct sr_addr *inside,
                        const struct sr_addr *outside, struct sr_buf *out);

#endif

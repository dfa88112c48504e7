/**
 * @file value_internal.h  Value parsers for the parsers of this room only: as the public ones, but they
 * write straight into the caller's object, which says nothing after a failure. Spares the copies.
 *
 * Layer:   pure
 * Memory:  borrowed; valid while the parsed text is alive and unchanged
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_VALUE_INTERNAL_H
#define SR_SIP_VALUE_INTERNAL_H

#include "sip/nameaddr.h"
#include "sip/via.h"

SR_MUST_USE enum sr_err sip__uri_read(struct sr_str text, struct sip_uri *uri,
                                      struct sip_diag *reterr_diag);
SR_MUST_USE enum sr_err sip__nameaddr_read(struct sr_str text, struct sip_nameaddr *addr,
                                           struct sip_diag *reterr_diag);
SR_MUST_USE enum sr_err sip__via_read(struct sr_str text, struct sip_via *via,
                                      struct sip_diag *reterr_diag);

/** [p, end) without LWS at both ends. */
static inline struct sr_str sip__trim(const char *p, const char *end)
{
    while (p != end && sip_is(*p, SIP_CH_LWS))
        p++;
    while (p != end && sip_is(end[-1], SIP_CH_LWS))
        end--;
    return sr_str_make(p, (size_t)(end - p));
}

#endif

/**
 * @file sdp_internal.h  Helpers shared by the files of sip/sdp.
 *
 * Layer:   pure
 * Thread:  re-entrant
 */
#ifndef SR_SIP_SDP_INTERNAL_H
#define SR_SIP_SDP_INTERNAL_H

#include "base/buf.h"

/** Skips spaces, gives the text up to the next space. False at the end. */
bool sdp__token(struct sr_str *rest, struct sr_str *ret_token);
/** Text without control characters (tab stays). */
void sdp__put_text(struct sr_buf *buf, struct sr_str text);

#endif

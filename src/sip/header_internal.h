/**
 * @file header_internal.h  Look-up of a header where its name is read, for this room only.
 *
 * Layer:   pure
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_HEADER_INTERNAL_H
#define SR_SIP_HEADER_INTERNAL_H

#include "sip/header.h"

/**
 * The header of the line at p when it is written as most are: a name of the table in the table's
 * spelling, at most fifteen octets, or a compact name, with the colon right behind it.
 *
 * @return SIP_HDR_OTHER for all else: scan the name and ask sip_header_of
 */
enum sip_hdr sip__header_at(const char *p, const char *end, size_t *ret_name_len);

#endif

/**
 * @file status.h  Default reason phrases of SIP status codes.
 *
 * Layer:   pure
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_STATUS_H
#define SR_SIP_STATUS_H

#include "base/str.h"

enum {
    SIP_STATUS_MIN = 100,
    SIP_STATUS_MAX = 699,
};

/** "Ringing", "Not Found"...; for an unknown code the phrase of its class. Never NULL. */
const char *sip_status_text(uint16_t status);

#endif

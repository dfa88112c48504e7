/**
 * @file guard.h  The spend guard: what a call to the outside may not do (configuration `security`).
 *
 * Asked before every call through a provider. Emergency numbers are always let through. A number
 * without a country code is judged as one of the home country when it is short, and refused when
 * countries are restricted and it is not.
 *
 * Layer:   call (pure)
 * Thread:  any
 */
#ifndef SR_CALL_GUARD_H
#define SR_CALL_GUARD_H

#include "call/config.h"
#include "call/reason.h"

/** What has been used up so far. */
struct guard_use {
    uint32_t outside_calls;  /* live calls through providers that we began */
    uint32_t device_calls;   /* of that device through providers, since midnight */
    uint64_t device_seconds; /* the same, minutes of live ones included */
};

struct guard_query {
    const struct config *config;      /* the newest generation */
    struct sr_str number;             /* E.164 where it could be told */
    const struct config_route *route; /* that sends it out; NULL: none (emergency) */
    bool is_emergency;
    bool is_ours; /* an authenticated device, the API or a route stands behind it */
    const struct config_device *device; /* whose account it is, or NULL */
    struct guard_use use;
    int64_t now; /* seconds since 1970 */
};

enum {
    GUARD_WHY_MAX = 160
};

/** NONE: go on. Else the reason, and a sentence in ret_why (NUL-terminated). */
enum call_reason guard_check(const struct guard_query *query, char ret_why[GUARD_WHY_MAX]);

/** Seconds a device may still talk outside today; UINT64_MAX: no limit. */
uint64_t guard_seconds_left(const struct config *config, uint64_t device_seconds);

#endif

/**
 * @file routing.h  What a dialled number would do, without doing it: `siprouter route` and POST
 * /api/routes/test.
 *
 * Layer:   call; pure: a configuration in, JSON out
 * Thread:  any
 */
#ifndef SR_CALL_ROUTING_H
#define SR_CALL_ROUTING_H

#include "base/buf.h"
#include "call/config.h"

/** Appends {matched, number, tried: [{route, matched, why}], targets, provider, callerId}. */
void routing_test_json(const struct config *config, struct sr_str number, struct sr_str caller,
                       struct sr_buf *buf);

#endif

/**
 * @file outlook.h  What a routing plan comes to by the configuration alone: forwardings, do-not-disturb and
 * the fallbacks they lead to, as dial.c and ring.c would follow them. For people who ask before they call
 * (`siprouter route`, POST /api/routes/test): which phones are registered, or talk, is not looked at.
 *
 * Layer:   call (pure)
 * Memory:  an outlook borrows from the configuration and from the question's texts
 * Thread:  any
 */
#ifndef SR_CALL_OUTLOOK_H
#define SR_CALL_OUTLOOK_H

#include "call/routing.h"

enum {
    OUTLOOK_RINGS_MAX = 256, /* as many targets as a fork has: more do not ring */
};

enum outlook_end {
    OUTLOOK_REFUSED, /* `reason`, `why` */
    OUTLOOK_RINGS,   /* `rings`, and all browser guests when the route says so */
    OUTLOOK_OUTSIDE, /* the plan's `dialled` through its providers */
    OUTLOOK_HERE,    /* the router answers itself: `here` */
};

struct outlook {
    enum outlook_end end;
    struct routing_plan first; /* of what was dialled */
    struct routing_plan plan;  /* in force in the end: another one after a forwarding or fallback */
    struct sr_str rings[OUTLOOK_RINGS_MAX]; /* device ids, numbers outside */
    size_t ring_count;
    const char *here; /* "feature", "parking", or a type of an action: "voicemail"... */
    struct sr_str here_target;
    enum call_reason reason;
    char why[ROUTING_WHY_MAX]; /* a sentence, or empty: the reason's own */
};

/** Follows a call to its end. `use`: of the query's device, NULL: nothing; `tried` as routing_resolve(). */
void outlook_of(const struct config *config, const struct routing_query *query,
                const struct guard_use *use, struct sr_json *tried, struct outlook *ret_outlook);

#endif

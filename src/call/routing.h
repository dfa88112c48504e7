/**
 * @file routing.h  Which call goes where: the resolver of the configuration's routes, and its
 * explanation for people (`siprouter route`, POST /api/routes/test).
 *
 * Order for a call of a provider: the routes of direction inbound (or without one). For what a device,
 * a browser or the API dials: an emergency number goes outside at once; then routes of direction
 * internal, then extensions and feature codes, then routes of direction outbound. Routes without a
 * direction take inbound calls, and dialled numbers that nobody inside has; never calls through a
 * provider. Within a direction: priority, then file order.
 *
 * Layer:   call (pure: a configuration, a question and the moment come in)
 * Memory:  a plan borrows from the configuration and from the question's texts
 * Thread:  any
 */
#ifndef SR_CALL_ROUTING_H
#define SR_CALL_ROUTING_H

#include "base/json.h"
#include "call/config.h"
#include "call/guard.h"
#include "call/number.h"
#include "call/reason.h"

enum {
    ROUTING_PROVIDERS_MAX = 16, /* tried for one number; more are left out */
    ROUTING_WHY_MAX = 320,
    ROUTING_NAME_MAX = 256, /* bytes of a group's name that is told */
};

struct routing_query {
    enum config_direction direction;        /* ANY: what the source may do; else only that */
    const struct config_provider *provider; /* it brings the call: inbound */
    const struct config_device *device;     /* whose call it is, or NULL (API, targets of routes) */
    struct sr_str number;                   /* as it came */
    struct sr_str caller;                   /* inbound; else empty: the device's extension */
    const struct config_provider *preferred; /* outside: through this one, or NULL: as routed */
    int64_t now;                             /* seconds since 1970 */
};

enum routing_outcome {
    ROUTING_NOWHERE,   /* `reason` */
    ROUTING_EXTENSION, /* `extension` */
    ROUTING_ROUTE,     /* `route` says who rings or answers */
    ROUTING_OUTSIDE,   /* `dialled` through `providers` */
};

struct routing_plan {
    enum routing_outcome outcome;
    enum call_reason reason;
    enum config_direction direction;  /* never ANY */
    const struct config_route *route; /* that took it; NULL: none */
    struct config_extension extension;
    char number[NUMBER_TEXT_MAX]; /* in its normal form */
    char caller[NUMBER_TEXT_MAX]; /* likewise */
    bool is_emergency;

    /* OUTSIDE */
    char judged[NUMBER_TEXT_MAX];  /* what the spend guard looks at: nothing put before it yet */
    char dialled[NUMBER_TEXT_MAX]; /* what the provider is given */
    const struct config_provider *providers[ROUTING_PROVIDERS_MAX]; /* in the order of trying */
    size_t provider_count;
    struct sr_str caller_id; /* number shown; empty: the provider's */

    /* NOWHERE: the route that came closest, and what it lacked; NULL: there was none */
    const struct config_route *nearest;
    char nearest_why[ROUTING_WHY_MAX];
};

/** Of "inbound", "outbound", "internal"; anything else is ANY. */
enum config_direction routing_direction(struct sr_str name);
const char *routing_direction_name(enum config_direction direction);

/** Resolves. `tried` (may be NULL) gets an object {route, matched, why} per step. */
void routing_resolve(const struct config *config, const struct routing_query *query,
                     struct routing_plan *ret_plan, struct sr_json *tried);

/** One step {route, matched, why} of an explanation. `tried` may be NULL. */
void routing_note(struct sr_json *tried, struct sr_str route, bool is_matched, struct sr_str why);

/** May a number outside be called as the plan says? As guard_check(); `account`: whose call it is, or
    NULL; `use`: what it has used up, NULL: nothing. */
enum call_reason routing_judge(const struct config *config, const struct routing_plan *plan,
                               const struct config_device *account, const struct guard_use *use,
                               int64_t now, char ret_why[GUARD_WHY_MAX]);

/** Why that one route does not take the call (nearest, nearest_why), whoever else does. */
void routing_explain(const struct config *config, const struct routing_query *query,
                     const struct config_route *route, struct routing_plan *ret_plan);

/** Whether a schedule is open at a moment; NULL: always. */
bool routing_is_open(const struct config_schedule *schedule, int64_t now);

/** Appends the answer to a question: {matched, direction, number, tried, outcome, targets, provider,
    callerId, ...}; docs/api.md. `use` as guard.h; NULL: nothing has been used. */
void routing_test_json(const struct config *config, const struct routing_query *query,
                       const struct guard_use *use, struct sr_buf *buf);

#endif

/**
 * @file use.h  What devices use of the outside: kept over the day and over restarts, for the spend guard.
 *
 * Thread:  signalling thread
 * Memory:  the engine's
 */
#ifndef SR_CALL_USE_H
#define SR_CALL_USE_H

#include "call/engine.h"
#include "call/routing.h"

struct call;
struct engine;
struct leg;

/** What a device has used of the outside today; and when it answered last (strategy leastRecent). */
struct device_use {
    char device_id[ENGINE_TEXT_MAX];
    uint32_t calls;      /* begun today */
    uint64_t seconds;    /* of ended ones, today's part */
    uint32_t live;       /* answered now */
    int64_t live_since;  /* sum of the seconds, by the loop's clock, they count from */
    int64_t answered_at; /* last answer of any call, in order of answers; 0: never */
};

void use__load(struct engine *engine); /* of today, and who answered last, from the history */
void use__done(struct engine *engine);
void use__get(struct engine *engine, const struct config_device *device, struct guard_use *ret_use);
/** routing_judge() by the newest configuration, now, with what the account has used. `security` is always the newest. */
enum call_reason use__judge(struct engine *engine, const struct config_device *account,
                            const struct routing_plan *plan, char ret_why[GUARD_WHY_MAX]);
/** A request outside of calls went to a provider on that account (may be NULL): it counts as a call. */
void use__sent(struct engine *engine, const struct config_device *account);
/** A call through a provider was begun on that account (may be NULL); the first of its tries counts. */
void use__began(struct leg *leg, const struct config_device *account, bool is_first);
/** Its device; or that on whose account it is. */
const char *use__whose(const struct leg *leg);
void use__answered(struct leg *leg);
void use__ended(struct leg *leg);
/** Another route takes part in the call: its maxDurationSec (0: none) counts when it is less. */
void use__shorten(struct call *call, uint32_t sec);
/** It came to its call from another one: limits come along. */
void use__moved(const struct leg *leg, const struct call *from);
/** The order of devices' answers. */
void use__note_answer(struct engine *engine, struct sr_str device_id);
int64_t use__answered_at(const struct engine *engine, struct sr_str device_id);
/** Sets the timer that ends a call whose time is up: maxDurationSec, minutes of the day. */
void use__limit(struct call *call);
void use__on_limit(void *call);

#endif

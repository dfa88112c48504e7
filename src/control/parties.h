/**
 * @file parties.h  The devices that ever took part in a call, for the rights of role `user`.
 *
 * Who left still hears of the end, so devices are only ever added. Past events share the set of their
 * call and remember how far it had come: who joins later does not get what was said before.
 *
 * Bounded: PARTIES_BYTES_MAX; beyond it those in the call now begin a new set (they always fit:
 * a call has at most some hundred legs), and who left long ago is forgotten.
 *
 * Layer:   control
 * Memory:  counted
 * Thread:  the web thread
 */
#ifndef SR_CONTROL_PARTIES_H
#define SR_CONTROL_PARTIES_H

#include "call/engine.h"

enum {
    PARTIES_BYTES_MAX = 256 * 1024, /* text; of one call */
};

struct parties;

/** The set as of a moment. {0}: nobody. */
struct parties_mark {
    struct parties *all; /* a reference of its own, or NULL */
    size_t len;
};

/** Empty, one reference. Never NULL. */
struct parties *parties_new(void);
struct parties *parties_ref(struct parties *parties);
void parties_unref(struct parties *parties); /* NULL is fine */

/** Adds a device; an empty one is nobody. @return false: the set is full */
SR_MUST_USE bool parties_add(struct parties *parties, const char *device_id);
/** Whether it is in the set as it was at `mark`. An empty device is in none. */
bool parties_mark_has(const struct parties_mark *mark, const char *device_id);
bool parties_has(const struct parties *parties, const char *device_id);

/** As it is now, with a reference. */
struct parties_mark parties_mark(struct parties *parties);
void parties_mark_done(struct parties_mark *mark);

/**
 * Takes in everybody an event names.
 *
 * @param parties  its reference is taken; NULL: nobody yet
 * @param kept     the call after the event, NULL: not known
 * @return the set, maybe another one; never NULL
 */
struct parties *parties_take(struct parties *parties, const struct engine_event *event,
                             const struct engine_call_view *kept);

#endif

/**
 * @file monitor.h  Somebody listens to a call: a leg of role tool. Only src/call/ includes this.
 *
 * Layer:   call
 * Memory:  what is in calls and legs
 * Thread:  signalling thread
 */
#ifndef SR_CALL_MONITOR_H
#define SR_CALL_MONITOR_H

#include "call/internal.h"

void monitor__init(struct call *call);
void monitor__done(struct call *call);
/** After any change of legs and roles: who hears the notice. */
void monitor__update(struct call *call);
/** A listener that role `user` is not shown. */
bool monitor__is_hidden(const struct leg *leg);
/** Whom a leg whispers to, if that one is in its call; or NULL. And that one's media leg. */
struct leg *monitor__whispered(const struct leg *leg);
sr_id monitor__whispered_media(const struct leg *leg);
/** `leg` takes the place of `old`. */
void monitor__replaced(const struct leg *old, struct leg *leg);

#endif

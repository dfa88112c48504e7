/**
 * @file notify.h  What the service manager is told (sd_notify(3)): ready, stopping, alive.
 *
 * Without NOTIFY_SOCKET in the environment nothing is told. With WATCHDOG_USEC the loop says thrice in
 * that time that it turns; when it hangs, the manager ends and restarts the program.
 *
 * Layer:   top
 * Thread:  the loop's
 */
#ifndef SR_NOTIFY_H
#define SR_NOTIFY_H

#include "net/loop.h"

struct notify;

/** Tells that we are ready. Never NULL. */
struct notify *notify_open(struct loop *loop);
/** Tells one state, such as "STOPPING=1". NULL is fine. */
void notify_say(struct notify *notify, const char *state);
void notify_free(struct notify *notify); /* NULL is fine */

#endif

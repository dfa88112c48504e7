/**
 * @file clock.h  The clocks of the system. Only loops (and threads with an own tick) ask them.
 *
 * Layer:   net
 * Thread:  any
 */
#ifndef SR_NET_CLOCK_H
#define SR_NET_CLOCK_H

#include <pthread.h>

#include "base/base.h"

enum {
    NET_CLOCK_TEXT_MAX = 40
}; /* "2026-01-31T12:34:56.789Z" with NUL, and room for far years */

/** Monotonic microseconds since some point in the past. */
sr_usec net_clock_now(void);
/** Microseconds since 1970-01-01T00:00:00Z; may jump when the system's clock is set. */
sr_usec net_clock_wall(void);
/** Processor time a living thread has used. */
sr_usec net_clock_cpu_of(pthread_t thread);
/** Time the host of a virtual machine took from all its processors since it runs, in steps of 10 ms; 0 where
    nobody tells. Reads a file of the kernel: not for a tick. */
sr_usec net_clock_stolen(void);
/** RFC 3339 in UTC with milliseconds. Times before 1970 or after 9999 are clamped. */
const char *net_clock_text(sr_usec wall, char out[NET_CLOCK_TEXT_MAX]);

/** A moment as clocks on the wall of this machine show it (TZ, /etc/localtime). */
struct net_clock_local {
    int year; /* 2026 */
    uint8_t month, day, hour, minute, second;
    uint8_t weekday; /* 0: Sunday */
};
void net_clock_local(sr_usec wall, struct net_clock_local *ret_local);

#endif

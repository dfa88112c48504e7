/**
 * @file overload.h  When to refuse new calls early, so that the calls in progress and most of the new
 * ones are served (503 with Retry-After; the idea of RFC 7339, decided locally).
 *
 * Two measures at the end of each window: how late its timer runs, and how many bytes of SIP wait in
 * the kernel. Two windows of pressure in a row cut the rate of calls let in; while the pressure
 * falls nothing more is cut; without pressure the rate grows slowly: additive increase,
 * multiplicative decrease around what the machine can do.
 *
 * Layer:   call; pure: `now` comes in
 * Thread:  not shared
 */
#ifndef SR_CALL_OVERLOAD_H
#define SR_CALL_OVERLOAD_H

#include "base/base.h"

struct overload {              /* fields are private, but for refused and rate_max */
    sr_usec window_at;         /* end of the present window */
    sr_usec tokens_at;         /* tokens were filled up to here */
    uint32_t admitted;         /* in this window */
    uint32_t calm_windows;     /* without pressure, in a row */
    uint32_t strained_windows; /* with pressure, in a row */
    uint64_t pressure;         /* of the last window */
    uint32_t hold_windows;     /* no other cut for so long */
    bool was_refused;          /* in this window */
    double rate_max;           /* calls a second let in; 0: no limit now */
    double rate_cut;           /* the rate that was too much */
    double tokens;
    uint64_t refused;
};

enum {
    OVERLOAD_WINDOW_MS = 100,
    OVERLOAD_LATE_MS = 60,           /* a timer later than this means too much work */
    OVERLOAD_BACKLOG_BYTES = 200000, /* so does SIP that waits: some 100 messages */
    OVERLOAD_STRAINED_WINDOWS = 2,   /* one alone may be a hiccup of the machine */
    OVERLOAD_HOLD_WINDOWS = 5,       /* time for a cut to show */
    OVERLOAD_CALM_WINDOWS = 50,      /* 5 s without pressure or refusal end the limit */
    OVERLOAD_RATE_MIN = 50,          /* calls a second always let in: a slow moment of the machine
                                        must not turn away a household */
    OVERLOAD_BURST_MIN = 10,         /* calls let in at once (each asks twice: challenge, then
                                        credentials) */
    OVERLOAD_RETRY_SEC = 2,
};

void overload_init(struct overload *overload, sr_usec now);
/** Whether one more call may come in now; it is counted. */
bool overload_admit(struct overload *overload, sr_usec now);
/** At the end of each window: the timer that was due at overload_deadline() ran at `now`, and so
    much SIP waits to be read. */
void overload_on_window(struct overload *overload, sr_usec now, uint64_t backlog_bytes);
sr_usec overload_deadline(const struct overload *overload);

#endif

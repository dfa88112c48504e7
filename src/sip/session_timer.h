/**
 * @file session_timer.h  Session timers (RFC 4028): negotiation on both sides, and the clock.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded; needs no clean-up
 * Thread:  not shared
 */
#ifndef SR_SIP_SESSION_TIMER_H
#define SR_SIP_SESSION_TIMER_H

#include "sip/values.h"

enum {
    SIP_SESSION_MIN_S = 90,
    SIP_SESSION_DEFAULT_S = 1800,
};

struct sip_session_options {
    uint32_t interval_s; /* what we ask for; 0 = SIP_SESSION_DEFAULT_S */
    uint32_t min_s;      /* lowest we accept; below SIP_SESSION_MIN_S counts as that */
};

/** What a request or response says. */
struct sip_session_said {
    bool has_interval;            /* Session-Expires */
    uint32_t interval_s;          /* its seconds */
    enum sip_refresher refresher; /* its parameter */
    uint32_t min_s;               /* Min-SE; 0 = absent */
    bool is_supported;            /* Supported: timer */
};

/** What to put into our 2xx. */
struct sip_session_answer {
    bool is_too_small; /* answer 422 with Min-SE: min_s instead */
    uint32_t min_s;
    bool has_interval; /* Session-Expires: interval_s;refresher=... */
    uint32_t interval_s;
    enum sip_refresher refresher;
    bool is_required; /* Require: timer (the peer is the refresher) */
};

/** Called side, for INVITE and UPDATE. `refresher` stays with who has it in the request; else it
    is us. */
void sip_session_answer(const struct sip_session_options *options,
                        const struct sip_session_said *request,
                        struct sip_session_answer *ret_answer);
/** Calling side: Session-Expires to ask for, given the highest Min-SE seen in 422s (0 = none). */
uint32_t sip_session_ask(const struct sip_session_options *options, uint32_t min_s_seen);

struct sip_session_timer { /* fields are private */
    sr_usec refresh_at;
    sr_usec expire_at;
    uint32_t interval_s;
    bool is_refresher;
};

enum sip_session_do {
    SIP_SESSION_DO_NOTHING,
    SIP_SESSION_DO_REFRESH, /* send re-INVITE or UPDATE; its 2xx starts the timer again */
    SIP_SESSION_DO_EXPIRE,  /* send BYE */
};

void sip_session_timer_init(struct sip_session_timer *timer);
/**
 * A 2xx was sent or received: starts anew. Refresh at half the interval, expiry at
 * interval - min(32 s, interval / 3). interval_s 0 stops: the session has no timer.
 */
void sip_session_timer_start(struct sip_session_timer *timer, uint32_t interval_s,
                             bool is_refresher, sr_usec now);
/** Calling side: by the 2xx's words; without Session-Expires in it there is no timer. */
void sip_session_timer_on_2xx(struct sip_session_timer *timer,
                              const struct sip_session_said *response, sr_usec now);
void sip_session_timer_stop(struct sip_session_timer *timer);
/** A refresh was refused for a while (491, 500, 503): try again at that time, at the latest
    before expiry. */
void sip_session_timer_retry(struct sip_session_timer *timer, sr_usec at);
sr_usec sip_session_timer_deadline(const struct sip_session_timer *timer);
enum sip_session_do sip_session_timer_on_deadline(struct sip_session_timer *timer, sr_usec now);

#endif

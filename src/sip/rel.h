/**
 * @file rel.h  Responses that are repeated until they are acknowledged: reliable provisional ones
 * (RFC 3262, PRACK) and the 2xx of an INVITE (RFC 3261 13.3.1.4, ACK).
 *
 * Both repeat over every transport: a proxy between may use another one.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded; needs no clean-up
 * Thread:  not shared
 */
#ifndef SR_SIP_REL_H
#define SR_SIP_REL_H

#include "sip/values.h"

enum sip_rel_do {
    SIP_REL_DO_NOTHING,
    SIP_REL_DO_SEND,    /* the same response again */
    SIP_REL_DO_GIVE_UP, /* 64*T1 passed. 1xx: refuse the INVITE with 5xx; 2xx: send BYE */
};

/* --- called side, reliable 1xx --------------------------------------------------------------- */

struct sip_rel {     /* fields are private, but for is_pending and rseq (read-only) */
    bool is_pending; /* one was sent and not acknowledged */
    uint32_t rseq;   /* of the latest */
    uint32_t cseq;   /* of the INVITE */
    sr_usec t1;
    sr_usec interval;
    sr_usec resend_at;
    sr_usec end_at;
};

/**
 * @param cseq       of the INVITE
 * @param first_rseq RSeq of the first response: random in 1..2^31-1
 * @param t1         0 = 500 ms
 */
void sip_rel_init(struct sip_rel *rel, uint32_t cseq, uint32_t first_rseq, sr_usec t1);
/** A reliable 1xx is being sent now with RSeq *ret_rseq. SR_ERR_STATE: the one before waits for
    PRACK. */
SR_MUST_USE enum sr_err sip_rel_send(struct sip_rel *rel, sr_usec now, uint32_t *ret_rseq);
/** A PRACK. SR_OK: answer 200, the 1xx is acknowledged; SR_ERR_NOTFOUND: answer 481. */
SR_MUST_USE enum sr_err sip_rel_on_prack(struct sip_rel *rel, const struct sip_rack *rack);
/** The INVITE got its final response. */
void sip_rel_stop(struct sip_rel *rel);
sr_usec sip_rel_deadline(const struct sip_rel *rel);
enum sip_rel_do sip_rel_on_deadline(struct sip_rel *rel, sr_usec now);

/* --- calling side, reliable 1xx -------------------------------------------------------------- */

/** One per dialog (To tag). Zeroed = nothing seen. */
struct sip_rel_seen {
    bool has_rseq;
    uint32_t rseq;
};

enum sip_rel_order {
    SIP_REL_NEW,     /* send PRACK, use it */
    SIP_REL_AGAIN,   /* a repetition: drop (the PRACK repeats itself) */
    SIP_REL_TOO_NEW, /* one before it is missing: drop, it will come again */
};

enum sip_rel_order sip_rel_order(struct sip_rel_seen *seen, uint32_t rseq);

/* --- called side, 2xx ------------------------------------------------------------------------ */

/** The 2xx of an INVITE: T1 doubling to T2 until the ACK, 64*T1 then BYE. */
struct sip_retry2xx { /* fields are private */
    sr_usec t2;
    sr_usec interval;
    sr_usec resend_at;
    sr_usec end_at;
};

/** The 2xx was sent now. t1, t2: 0 = 500 ms, 4 s. */
void sip_retry2xx_start(struct sip_retry2xx *retry, sr_usec t1, sr_usec t2, sr_usec now);
/** The ACK came, or the dialog ended. */
void sip_retry2xx_stop(struct sip_retry2xx *retry);
sr_usec sip_retry2xx_deadline(const struct sip_retry2xx *retry);
enum sip_rel_do sip_retry2xx_on_deadline(struct sip_retry2xx *retry, sr_usec now);

#endif

/**
 * @file registration.h  The client side of REGISTER (RFC 3261 10.2): when to send one, when the binding
 * ends, how long to wait after a failure.
 *
 * The machine knows times and statuses, no messages: its owner sends what it orders, tries other
 * addresses and answers challenges before a failure is told to it. What is random comes in.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded; needs no clean-up
 * Thread:  not shared
 */
#ifndef SR_SIP_REGISTRATION_H
#define SR_SIP_REGISTRATION_H

#include "base/base.h"

enum {
    SIP_REGISTRATION_SEC_MAX = 86400, /* a registrar that grants or wants more gets this */
    SIP_REGISTRATION_WAIT_SEC = 2,    /* after the first failure; doubled up to the next */
    SIP_REGISTRATION_WAIT_SEC_MAX = 120,
    SIP_REGISTRATION_WAIT_DENIED_SEC = 60, /* after a wrong password: guessers are locked out */
    SIP_REGISTRATION_WAIT_DENIED_SEC_MAX = 1800,
    SIP_REGISTRATION_LEAVE_SEC = 4, /* for the answer to the last REGISTER */
};

enum sip_registration_state {
    SIP_REGISTRATION_OFF,
    SIP_REGISTRATION_ASKING,  /* a REGISTER is on its way */
    SIP_REGISTRATION_RESTING, /* bound; the next REGISTER is a refresh */
    SIP_REGISTRATION_WAITING, /* after a failure; may still be bound */
    SIP_REGISTRATION_LEAVING, /* a REGISTER with Expires: 0 is on its way */
};

/** What the owner has to do now. */
struct sip_registration_step {
    bool send;       /* REGISTER, with sip_registration_expires_s() */
    bool tell_bound; /* calls can come from now on */
    bool tell_lost;  /* they cannot any more */
};

/** A final answer to REGISTER, or none. */
struct sip_registration_result {
    uint16_t status;        /* 0: nobody answered, not sent, name not resolved */
    bool is_denied;         /* wrong password, forbidden: asking soon does not help */
    bool has_expires;       /* 2xx: the registrar said how long */
    uint32_t expires_s;     /* 2xx: of our Contact, else of the message */
    uint32_t min_expires_s; /* 423; 0: not said */
    uint32_t retry_after_s; /* 0: not said */
};

struct sip_registration { /* read-only for users */
    enum sip_registration_state state;
    uint32_t wanted_s;  /* what we ask for; 423 raises it */
    uint32_t granted_s; /* of the last 2xx */
    uint32_t failures;  /* in a row */
    bool is_bound;      /* the registrar has our Contact */
    bool was_short;     /* the last answer was a 423 */
    sr_usec expires_at; /* of the binding, when bound */
    sr_usec deadline;
};

/** Off. wanted_s: 1..SIP_REGISTRATION_SEC_MAX */
void sip_registration_init(struct sip_registration *reg, uint32_t wanted_s);
/** Asks. */
void sip_registration_start(struct sip_registration *reg, sr_usec now,
                            struct sip_registration_step *ret_step);
/** A result of the REGISTER that was ordered. `random` is any number. */
void sip_registration_on_result(struct sip_registration *reg,
                                const struct sip_registration_result *result, uint32_t random,
                                sr_usec now, struct sip_registration_step *ret_step);
/** Something changed (address, flow lost): asks at once unless it is asking or leaving already. */
void sip_registration_renew(struct sip_registration *reg, sr_usec now,
                            struct sip_registration_step *ret_step);
/** The server that has the binding may be dead: the next refresh is due now (on_deadline). */
void sip_registration_hasten(struct sip_registration *reg, sr_usec now);
/** Leaves: a REGISTER with Expires: 0 when there may be a binding. */
void sip_registration_stop(struct sip_registration *reg, sr_usec now,
                           struct sip_registration_step *ret_step);
sr_usec sip_registration_deadline(const struct sip_registration *reg);
void sip_registration_on_deadline(struct sip_registration *reg, sr_usec now,
                                  struct sip_registration_step *ret_step);
/** For the Expires header of the REGISTER ordered last. */
uint32_t sip_registration_expires_s(const struct sip_registration *reg);

#endif

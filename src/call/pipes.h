/**
 * @file pipes.h  What is passed on from one party to the other as it is: descriptions (SDP) with only
 * addresses, ports and the numbers of the origin changed, and the media they speak of. For whole
 * calls (passthrough), and for a fax in a call (T.38). Only src/call/ includes this.
 *
 * Thread:  signalling thread
 * Memory:  belongs to the leg; ports are given back by pipes__close()
 */
#ifndef SR_CALL_PIPES_H
#define SR_CALL_PIPES_H

#include "call/internal.h"

/** What carries one m= line on one party's side. */
struct pipe_line {
    sr_id media; /* SR_ID_NONE: not open */
    struct sr_addr rtp;
};

/** A party whose descriptions are passed on to the other one: pipes.c. */
struct leg_pipes {
    struct sr_addr local; /* its sockets bind this */
    struct sr_str sdp;    /* what it said last; owned */
    struct pipe_line lines[PIPES_MAX];
    uint32_t open_count; /* lines whose CLOSED has not come */
    sr_id main;          /* of the first line in use: its statistics are the leg's, its silence ends
                            the call; kept when it closes */
    struct media_stream stream;   /* of that line: for the verdict */
    struct sr_addr told;          /* likewise: our address in the description */
    struct media_leg_stats stats; /* likewise: its last figures */
    uint64_t origin, version;     /* of our descriptions to it (o=): one of each in its dialog */
    uint64_t shown;               /* hash of the last; 0: none yet */
    bool is_told;                 /* our own offer, of another address, is with it */
    bool is_put_on_hold;          /* by the other party: nothing is to come from here */
    bool is_asking;               /* its offer is with the other party */
    bool wants_offer;             /* that one was empty: the other is to offer */
    bool owes_answer;             /* to the other's offer, in its ACK */
    bool wants_fax;               /* it asks for T.38; else for sound again */
    bool is_informing;            /* an INFO is with it */
};

/* ---- pipes.c ---- */
/** Readies a leg. `local`: where sockets bind; leg->rtp has the address its party is told. */
bool pipes__begin(struct leg *leg, const struct sr_addr *local);
/** Keeps what the party said. @return SR_OK; else what it said is unusable, and the old stays */
SR_MUST_USE enum sr_err pipes__keep(struct leg *leg, struct sr_str sdp);
/** What `from` said last, for `to`: opens what is missing. */
SR_MUST_USE enum sr_err pipes__write(struct leg *from, struct leg *to, struct sr_buf *buf);
/** Both have spoken: media flows. */
void pipes__set_streams(struct leg *a, struct leg *b);
void pipes__close(struct leg *leg);
bool pipes__is_open(const struct leg *leg);
/** Is that the pipe of the first line in use? */
bool pipes__is_main(const struct leg *leg, sr_id media);
void pipes__free(struct leg *leg);
void pipes__close_rooms(struct call *call);

/* ---- passthrough.c ---- */
bool pass__is_wanted(const struct routing_plan *plan);
/** In place of leg__open_media and so on, in a call with is_pass. */
bool pass__open(struct leg *leg, const struct sr_addr *local);
enum call_reason pass__take_offer(struct leg *leg, struct sr_str sdp);
enum sr_err pass__make_offer(struct leg *leg, struct leg *from, struct sr_buf *buf);
enum sr_err pass__accept(struct leg *leg, struct sr_str sdp);
enum sr_err pass__sdp_for_caller(struct leg *caller, struct leg *winner, struct sr_buf *buf);
/** 1xx of the only branch left. */
void pass__progress(struct leg *leg, struct leg *caller, const struct sip_leg_event *event);
/** Tells a provider at which address the other party's media is found from now on. */
enum sr_err pass__tell_address(struct leg *leg);
/** True: the event went to the other party. */
bool pass__on_event(struct leg *leg, const struct sip_leg_event *event);

/* ---- pass_requests.c ---- */
/** ua_user_ops.on_pass: requests outside of calls. */
uint16_t engine__on_pass(void *arg, const struct ua_pass_query *query,
                         struct ua_pass_target *ret_target);
/** ua_user_ops.on_passed. */
void engine__on_passed(void *arg, const struct ua_pass_query *query,
                       const struct ua_pass_target *target);

/* ---- fax.c ---- */
/** Of an ordinary call: T.38, or what comes after it. False: it is neither. */
bool fax__on_offer(struct leg *leg, const struct sip_leg_event *event);
bool fax__on_answer(struct leg *leg, const struct sip_leg_event *event);

#endif

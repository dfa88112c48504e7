/**
 * @file latch.h  Which source address a leg's RTP is taken from (symmetric RTP made safe).
 *
 * Candidates are the address in the SDP or, when the peer is behind NAT, the IP its signalling came
 * from with any port. Four packets in sequence of a negotiated payload type lock a source; nothing
 * is forwarded before. A source that matches the SDP wins over one that only matches the IP. The
 * lock opens on a signalling event and, towards the same IP, after two seconds of silence. The
 * SSRC never decides.
 *
 * Layer:   pure
 * Memory:  embedded; no allocation
 * Thread:  re-entrant; one latch belongs to one thread at a time
 */
#ifndef SR_MEDIA_LATCH_H
#define SR_MEDIA_LATCH_H

#include "base/addr.h"
#include "media/rtp.h"

enum {
    LATCH_PROBE_COUNT = 4,       /* packets in sequence that lock */
    LATCH_OTHER_PORT_COUNT = 25, /* the same, from the SDP's address but another port */
    LATCH_CANDIDATE_MAX = 4,     /* sources watched at once */
    LATCH_SILENCE_US = 2000000,
};

enum latch_verdict {
    LATCH_DROP,   /* not from our peer: forget it */
    LATCH_HOLD,   /* a candidate that has not proved itself: do not forward */
    LATCH_ACCEPT, /* from the locked source */
};

enum latch_reject {
    LATCH_REJECT_FOREIGN,      /* no candidate's address */
    LATCH_REJECT_LOCKED,       /* a candidate, but another source is locked */
    LATCH_REJECT_PAYLOAD_TYPE, /* not negotiated */
    LATCH_REJECT_ADDRESS,      /* port 0, multicast, unspecified */
    LATCH_REJECT_COUNT,
};

struct latch_options {
    struct sr_addr sdp;        /* c= and m= of the peer; family NONE: none yet */
    struct sr_addr signaling;  /* where its SIP comes from; the port is ignored */
    bool is_behind_nat;        /* the signalling IP is a candidate too */
    uint64_t payload_types[2]; /* bit n: payload type n was negotiated */
};

/** Marks one payload type as negotiated. */
void latch_allow(struct latch_options *options, uint8_t payload_type);

struct latch_probe {
    struct sr_addr addr; /* family NONE: free */
    uint32_t ssrc;
    uint16_t seq;
    uint8_t in_sequence;
    bool is_sdp;
    sr_usec last_at;
};

/** Fields are private but `locked`, `is_locked` and the counters. */
struct latch {
    struct latch_probe probes[LATCH_CANDIDATE_MAX];
    uint64_t held, locks;
    uint64_t rejected[LATCH_REJECT_COUNT];
    struct latch_options options;
    /* with the payload types, all that a packet of the locked source needs */
    struct sr_addr locked;
    bool is_locked;
    bool is_locked_sdp; /* the locked source is the one in the SDP */
    bool is_soft;       /* open after signalling: the source stays, another may prove itself */
    sr_usec heard_at;
    uint64_t accepted;
};

struct latch_result {
    enum latch_verdict verdict;
    enum latch_reject reject; /* with LATCH_DROP */
    bool is_changed;          /* `locked` is new: connect() to it, send there */
};

void latch_init(struct latch *latch, const struct latch_options *options);

/**
 * A signalling event (answer, re-INVITE, UPDATE) with the candidates now in force. A locked source
 * that is still a candidate is heard until another one proves itself; one that is not is dropped
 * at once. @return true when the lock was dropped
 */
bool latch_on_signaling(struct latch *latch, const struct latch_options *options);

/** What needs no packet of latch_on_packet(), for a leg whose packets have to be decrypted first: false,
    and counted, when anything from there would be dropped for its address. */
bool latch_on_address(struct latch *latch, const struct sr_addr *from, sr_usec now);

/** The SDP, the signalling or the lock speaks of this address: only from there comes a handshake. */
bool latch_is_named(const struct latch *latch, const struct sr_addr *from);

/** A source is locked, and since then no signalling gave another one a reason to prove itself; or it is the SDP's. */
bool latch_is_settled(const struct latch *latch);

/** Judges one parsed packet. */
struct latch_result latch_on_packet(struct latch *latch, const struct sr_addr *from,
                                    const struct rtp_packet *packet, sr_usec now);

/** The same of a datagram without RTP's header (T.38), which has nothing to prove itself with: the first
    one from an address that latch_is_named() locks. */
struct latch_result latch_on_datagram(struct latch *latch, const struct sr_addr *from, sr_usec now);

/** RTCP is heard from the locked IP, before a lock from a candidate's IP. The port may differ. */
bool latch_accepts_rtcp(const struct latch *latch, const struct sr_addr *from);

/** Where to send: the locked source, else the SDP's address. False: nowhere yet. */
bool latch_target(const struct latch *latch, struct sr_addr *ret_addr);

/** ICE has chosen the pair (its checks are the proof): locks at once. */
void latch_set(struct latch *latch, const struct sr_addr *addr, sr_usec now);

#endif

/**
 * @file ring.h  A fork: several parties ring, the first answer wins. Only src/call/ includes this.
 *
 * Thread:  signalling thread
 * Memory:  a fork belongs to its call; it frees itself when it is over
 */
#ifndef SR_CALL_RING_H
#define SR_CALL_RING_H

#include "call/internal.h"

enum {
    RING_BRANCHES_MAX = 256, /* ringing at the same time */
    RING_TARGETS_MAX = 256,
    RING_HISTORY_BYTES_MAX = 4096,
    RING_NO_ANSWER_SEC = 25, /* of a device with a forwarding or a box for no answer */
    RING_OUTSIDE_SEC = 180,  /* a number outside alone: its provider gives up before */
};

/** How a party's audio is to be encrypted; after it has refused what it is set to. */
enum ring_srtp {
    RING_SRTP_AS_SET,
    RING_SRTP_SDES,
    RING_SRTP_DTLS,
};

/** A device's `forward.always` in a fork. */
enum ring_forwarding {
    RING_NOT_FORWARDED,
    RING_FORWARDING, /* who comes in its place is being looked for */
    RING_FORWARDED,
};

/** How a number outside is reached: one provider after the other until it rings. */
struct ring_outside {
    char dialled[NUMBER_TEXT_MAX];       /* as the provider wants it */
    struct sr_str caller_id;             /* of the configuration; empty: the provider's */
    const struct config_device *account; /* whose call it is, or NULL: a route's */
    const struct config_provider *providers[ROUTING_PROVIDERS_MAX];
    size_t provider_count, next;
    size_t doubled;      /* `next` when a provider got a second try; 0: none did */
    uint8_t family;      /* of the address tried last */
    enum ring_srtp srtp; /* of the next try */
    uint32_t duration_sec_max;
    bool is_counted; /* once for all providers tried */
};

/** Somebody a fork rings, from one of its stages to another. */
struct ring_target {
    const struct config_device *device; /* NULL: outside */
    struct ring_outside *outside;       /* owned */
    const struct config_device
        *forwarder;                   /* who sent the call on to it, inside the fork; or NULL */
    uint32_t first_stage, last_stage; /* inclusive */
    bool was_ringing;                 /* then no other provider is tried */
};

/**
 * A fork: targets ring, the first answer wins. Strategies are stages: those of the running stage ring;
 * when its time is over, or nobody rings any more, the next one begins. "all" has one stage.
 */
struct ring {
    struct call *call;
    bool is_addition;      /* a party is added to a live call; else it makes the call */
    bool was_ringing;      /* of an addition: somebody rang */
    enum media_role role;  /* of who answers */
    sr_id whisper_to;      /* of a tool */
    sr_id from;            /* the leg it rings for; SR_ID_NONE: the API */
    uint32_t branch_count; /* still ringing */
    uint16_t best_status;  /* of those that failed */
    enum call_reason best_reason;
    struct loop_timer timer; /* of the stage */
    struct ring_target *targets;
    uint32_t target_count;
    uint32_t starting; /* target whose branches are being made: index + 1; 0: none */
    uint32_t stage, stage_count, stage_sec;
    const struct config_route *route; /* its fallbacks hold; or NULL */
    const struct config_device
        *quiet;         /* not rung: dnd, or at its maxCalls; the last one, or NULL */
    uint32_t redirects; /* of phones and providers: 3xx */
    enum ring_forwarding *forwardings; /* by the index of the device; NULL: none */
    const struct config_device
        *only; /* this device alone was meant: its forwardings hold; or NULL */
};

/* ---- ring_targets.c: who rings, in which order ---- */
void ring__add_device(struct ring *ring, const struct config_device *device, uint32_t first_stage,
                      uint32_t last_stage);
void ring__add_group(struct ring *ring, const struct config_group *group);
void ring__add_route(struct ring *ring, const struct config_route *route);
/** A number outside, already judged by the guard. NULL: the fork has too many targets. */
struct ring_target *ring__add_outside(struct ring *ring, const struct ring_outside *outside,
                                      uint32_t first_stage, uint32_t last_stage);
/** Resolves and judges a number outside. NONE: *ret_outside is filled; the guard's or router's
    reason. `account`: whose call it is, or NULL: a route's. */
enum call_reason ring__find_outside(struct call *call, const struct config_device *account,
                                    struct sr_str number, struct ring_outside *ret_outside);
/** The same of a plan at hand. */
enum call_reason ring__judge(struct call *call, const struct config_device *account,
                             const struct routing_plan *plan, struct ring_outside *ret_outside);
/** Headers that tell a branch why the call comes to it: Diversion (RFC 5806) and History-Info
    (RFC 7044), into `headers` (two places); texts live in `text`. @return how many: 0, or 2 */
size_t ring__history(const struct ring *ring, uint32_t target, struct sip_leg_header *headers,
                     struct sr_buf *text);

/* ---- ring.c: the fork ----
 *
 * New kinds of branches (ring__provider, pages): make the leg, ring__add_branch(), event LEG_ADDED; its
 * events then go to ring__branch_progress() and ring__branch_answered(), its end to leg__ended(). */
/** `from`: for whom it rings, or NULL (the API). NULL: another fork is under way. */
struct ring *ring__new(struct call *call, const struct leg *from, bool is_addition,
                       uint32_t stage_sec);
/** For whom it rings, or NULL: gone, or the API. */
struct leg *ring__from(const struct ring *ring);
/** Targets are there: begins. NONE: under way; else it came to nothing, fallbacks included, and is
    freed. */
enum call_reason ring__begin(struct ring *ring);
/** One more branch, of the target that is being started. */
void ring__add_branch(struct ring *ring, struct leg *leg);
void ring__note_failure(struct ring *ring, enum call_reason reason, uint16_t sip_status);
/** Early media reaches the caller from the only branch left, also what it described before. */
void ring__branch_progress(struct leg *leg, const struct sip_leg_event *event);
/** Drops what a branch described before. */
void ring__forget_early(struct leg *branch);
void ring__branch_answered(struct leg *leg, const struct sip_leg_event *event);
/** The fork's winner (a branch, or who picked the call up) is answered: the others are cancelled, the
    caller is answered. The call may be gone. */
void ring__won(struct ring *ring, struct leg *winner);
/** Nobody is to be rung any more. */
void ring__cancel(struct call *call);
/** A phone refused what was offered: some take nothing but SRTP, with keys in the SDP or by DTLS. Rings
    it once more, so encrypted, when its device allows that; the leg itself still has to be ended. */
void ring__retry_encrypted(struct leg *leg);
/** A branch was answered with 3xx: its device forwards the call there, or the provider names another
    number; whose account it was pays, by the guard's rules. The leg and the call may be gone. */
void ring__redirected(struct leg *leg, const struct sip_leg_event *event);
/** Who comes in place of a device that sends its call on there, in that fork; like `forward.always`.
    NONE: a target was added. */
enum call_reason ring__add_forwarded(struct ring *ring, const struct config_device *device,
                                     struct sr_str number, uint32_t last_stage);
/** A branch of that target (leg->target) failed and is removed already. */
void ring__branch_failed(struct ring *ring, uint32_t target, enum call_reason reason,
                         uint16_t sip_status);
void ring__free(struct ring *ring);
/** Rings devices themselves (the API, an intercom, a return): of their forwardings `always` holds, no
    fallback. */
enum call_reason ring__devices(struct call *call, struct leg *from,
                               const struct config_device *const *devices, size_t device_count,
                               bool is_addition);
/** Our SDP for the caller: what it was told already, else made to match `winner` (may be NULL). */
enum sr_err ring__sdp_for_caller(struct leg *caller, struct leg *winner, struct sr_buf *buf);

/* ---- dial.c ---- */
/** What a route with targets does: rings them. As call__dial. */
enum call_reason call__ring_route(struct call *call, struct leg *from,
                                  const struct config_route *route, bool is_addition);
/** A phone of the device, which alone was meant, sends its call on (3xx). As call__dial. */
enum call_reason call__redirected(struct call *call, const struct config_device *device,
                                  struct sr_str number);

/* ---- announce.c ---- */
/** Plays the route's announcement to a caller that waits; then the route rings. False: nothing is
    played. */
bool announce__first(struct call *call, struct leg *from, const struct config_route *route);

#endif

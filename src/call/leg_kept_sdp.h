/**
 * @file leg_kept_sdp.h  What a leg's SDP says: two large structs, hardly filled and seldom asked for.
 *
 * They are 11 kB, four fifths of a leg if they lay in it. So they are packed but for turns of the loop
 * that look at them.
 *
 * Layer:   call, private to it
 * Memory:  heap, the leg's; holds SDES keys and is wiped
 * Thread:  signalling thread
 */
#ifndef SR_CALL_LEG_KEPT_SDP_H
#define SR_CALL_LEG_KEPT_SDP_H

#include "net/loop.h"
#include "sip/sdp_oa.h"

struct leg;

/** The descriptions a leg agrees on. */
struct leg_sdp {
    struct sdp_audio ours, peer;
};

struct leg_kept_sdp {     /* fields are private */
    struct leg_sdp *open; /* until the end of this turn; NULL: not asked for */
    uint8_t *packed;      /* NULL: nothing was said yet, or `open` */
    size_t packed_bytes;
    struct loop_job job; /* waits while `open` */
};

/** The leg's descriptions, zeros at first; the pointer is good for this turn of the loop. What is
    written there stays. */
struct leg_sdp *leg__sdp(const struct leg *leg);
/** Before the leg's memory goes. */
void leg__drop_sdp(struct leg *leg);
/** On a copy of a leg: the descriptions stay with the first. */
void leg__forget_sdp(struct leg *copy);

#endif

/**
 * @file sipload.h  Callers and callees that register at a SIP server and call each other through it.
 *
 * A call: INVITE with digest credentials (the last nonce is used again, as phones do), 100, 180, 200,
 * ACK, BYE, 200. Both sides retransmit as RFC 3261 says for UDP (T1 = 0.5 s), give up after
 * SIPLOAD_GIVE_UP_SEC. Each side has one socket.
 *
 * Thread:  single; everything happens in sipload_poll and in callbacks from it
 */
#ifndef BENCH_SIPLOAD_H
#define BENCH_SIPLOAD_H

#include "bench.h"
#include "sipmini.h"

#include <netinet/in.h>

enum {
    SIPLOAD_GIVE_UP_SEC = 8,
    SIPLOAD_CALLS_MAX = 131072
};

enum sipload_side {
    SIPLOAD_CALLER,
    SIPLOAD_CALLEE
};

struct sipload_options {
    struct sockaddr_in target;
    const char *domain;
    unsigned first_number; /* callers, then callees; see mini_auth_init for their passwords */
    unsigned caller_count, callee_count;
    uint16_t caller_port, callee_port;
    bool is_held; /* no BYE until sipload_hangup_all */
    /** The only audio codec of each side as SDP names it ("PCMA", "G722", "opus"); NULL: PCMA. */
    const char *codecs[2];
    /** Call n dials dial_first + n / dial_each instead of a callee (there are none); 0: callees. */
    unsigned dial_first, dial_each;
    /** RTP port for the n-th call of a side; NULL: a fixed one nobody listens at. */
    uint16_t (*media_port)(void *arg, enum sipload_side side, unsigned n);
    /** Where the other side of the n-th call wants its media, and how it numbers our codec. May be
        NULL. */
    void (*on_media)(void *arg, enum sipload_side side, unsigned n, const struct mini_media *media);
    void *arg;
};

struct sipload_stats {
    uint64_t offered, established, completed;
    uint64_t refused;   /* 503 */
    uint64_t failed;    /* another final status */
    uint64_t timed_out; /* no answer to INVITE or BYE in time */
    uint64_t no_slot;   /* the generator's own limit */
    uint64_t challenges, retransmitted, open;
    unsigned last_status;
};

struct sipload;

struct sipload *sipload_new(const struct sipload_options *options);
/** Registers everybody; ends the program when that does not succeed within `seconds`. */
void sipload_register(struct sipload *load, double seconds);
/** Starts one more call. */
void sipload_call(struct sipload *load);
/** Waits at most `wait_ns` for messages, takes them, runs timers. */
void sipload_poll(struct sipload *load, int64_t wait_ns);
void sipload_hangup_all(struct sipload *load);
void sipload_stats(const struct sipload *load, struct sipload_stats *ret_stats);
/** From INVITE sent to 180 or 200 received. */
const struct bench_delays *sipload_setup_delays(const struct sipload *load);

#endif

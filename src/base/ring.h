/**
 * @file ring.h  Bounded queue of values between exactly one producer and one consumer thread.
 *
 * For telemetry and media feeds: a full ring refuses, the producer counts. Never blocks, never
 * allocates after init.
 */
#ifndef SR_BASE_RING_H
#define SR_BASE_RING_H

#include <stdatomic.h>

#include "base/base.h"

struct sr_ring { /* fields are private */
    unsigned char *slots;
    size_t slot_bytes;
    uint32_t mask;
    _Alignas(64) _Atomic uint32_t head; /* written by the consumer */
    _Alignas(64) _Atomic uint32_t tail; /* written by the producer */
    _Atomic uint64_t dropped;
};

/** `count` slots (rounded up to a power of two, at most 2^20) of `slot_bytes`. */
void sr_ring_init(struct sr_ring *ring, uint32_t count, size_t slot_bytes);
void sr_ring_done(struct sr_ring *ring);
/** Producer: copies slot_bytes in. False and counted as dropped when full. */
bool sr_ring_push(struct sr_ring *ring, const void *item);
/** Consumer: copies the oldest out. False when empty. */
bool sr_ring_pop(struct sr_ring *ring, void *ret_item);
/** Items refused so far. Any thread. */
uint64_t sr_ring_dropped(const struct sr_ring *ring);
/** Items inside, as seen now. Any thread. */
uint32_t sr_ring_count(const struct sr_ring *ring);

#endif

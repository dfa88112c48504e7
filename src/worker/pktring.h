/**
 * @file pktring.h  Bounded queue of packets of any length between one producer and one consumer thread.
 *
 * For packets that one thread reads and another one works on: the browser port's worker and a leg's,
 * a worker and the crypto thread. A full ring refuses and counts, like a socket's buffer. Only
 * src/worker/ includes this.
 *
 * Memory:  one block, taken at init
 * Thread:  one producer and one consumer; either end may be handed over to another thread
 */
#ifndef SR_WORKER_PKTRING_H
#define SR_WORKER_PKTRING_H

#include <stdatomic.h>

#include "base/base.h"

enum {
    PKTRING_RESERVE = 512, /* bytes only pktring_push_must() may use */
};

struct pktring { /* fields are private */
    uint8_t *bytes;
    uint32_t mask;
    _Alignas(64) _Atomic uint32_t head; /* written by the consumer */
    _Alignas(64) _Atomic uint32_t tail; /* written by the producer */
};

/** `size` bytes, a power of two. */
void pktring_init(struct pktring *ring, uint32_t size);
void pktring_done(struct pktring *ring);
/** Producer: head and body together are one packet. False when it does not fit. */
bool pktring_push(struct pktring *ring, const void *head, size_t head_bytes, const void *body,
                  size_t body_bytes);
/** Producer: as above, but may use the reserve, for what must arrive; false when even that is full. */
bool pktring_push_must(struct pktring *ring, const void *head, size_t head_bytes);
/** Consumer: the oldest into `out`. False when empty. A packet longer than `max` is cut. */
bool pktring_pop(struct pktring *ring, void *out, size_t max, size_t *ret_bytes);
/** Either side, as seen now. */
bool pktring_is_empty(const struct pktring *ring);

#endif

/**
 * @file tally.h  What a worker has done, counted by it alone and read by anybody. Only src/worker/ includes this.
 *
 * Thread:  each function says
 * Memory:  inside the worker
 */
#ifndef SR_WORKER_TALLY_H
#define SR_WORKER_TALLY_H

#include <stdatomic.h>

#include "worker/media_port.h"

struct worker;
struct mleg;

/** What a worker has done: written by it alone, read by anybody (tally.c). */
struct tally {
    _Atomic uint64_t ticks, late_ticks, overruns;
    _Atomic uint64_t rx_packets, tx_packets, kernel_drops; /* up to the last housekeeping */
    _Atomic uint64_t encodes, encodes_shared;
    _Atomic uint64_t reports_refused;
    _Atomic uint32_t legs, legs_mixed, legs_quiet;
    _Atomic int opus_complexity;
    _Atomic sr_usec late_worst; /* since the front took it */
};

/** Worker. Adds to a counter of its own tally. */
static inline void tally__add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}
/** Worker. A tick begins so late. */
void tally__tick(struct worker *worker, sr_usec late);
/** Worker, at every housekeeping: packets, drops and what legs do now. */
void tally__legs(struct worker *worker);
/** Worker. Packets of a leg that were not counted yet, and what its socket dropped: now and then, and
    before it goes. */
void tally__leg(struct worker *worker, struct mleg *leg);
/** Front. */
void tally__read(const struct worker *worker, struct media_worker_stats *ret_stats);
/** Front, every second: overruns since the last time are the host's fault where it took (`stolen`) as much of
    the machine's time as the worst of them was late. */
void tally__blame(struct worker *worker, sr_usec stolen);

#endif

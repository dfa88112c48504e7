/**
 * @file random.h  Randomness of the system, and a seeded generator for tests and jitter.
 */
#ifndef SR_BASE_RANDOM_H
#define SR_BASE_RANDOM_H

#include "base/buf.h"

/** Unpredictable bytes from the system (getrandom). Thread: any. Ends the process if refused. */
void sr_random_bytes(void *out, size_t n);
uint64_t sr_random_u64(void);
/** Writes `bytes` random bytes as lower-case hex. */
void sr_random_hex(struct sr_buf *buf, size_t bytes);

/** Repeatable generator (xoshiro256**): simulations, jitter of timers. Never for secrets. */
struct sr_prng {
    uint64_t s[4];
};

void sr_prng_seed(struct sr_prng *prng, uint64_t seed);
uint64_t sr_prng_u64(struct sr_prng *prng);
/** 0 <= result < n; n > 0. */
uint64_t sr_prng_below(struct sr_prng *prng, uint64_t n);
/** 0 <= result < 1. */
double sr_prng_double(struct sr_prng *prng);

#endif

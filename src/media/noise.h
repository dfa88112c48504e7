/**
 * @file noise.h  Comfort noise (RFC 3389): hiss at a level, shaped by the peer's coefficients.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded
 * Thread:  one owner
 */
#ifndef SR_MEDIA_NOISE_H
#define SR_MEDIA_NOISE_H

#include "base/str.h"

enum {
    NOISE_ORDER_MAX = 12,
    NOISE_LEVEL_DBOV_MIN = -127,
};

struct noise { /* fields are private */
    uint32_t seed;
    float gain, gain_target;
    uint8_t order;
    float k[NOISE_ORDER_MAX];     /* reflection coefficients */
    float b[NOISE_ORDER_MAX + 1]; /* lattice memory */
};

/** Silent and white. `seed` tells generators apart; 0 is fine. */
void noise_init(struct noise *noise, uint32_t seed);
/** Mean level in dBov, NOISE_LEVEL_DBOV_MIN (silence) .. 0; reached by a ramp over the next frame. */
void noise_set_level(struct noise *noise, int level_dbov);
/**
 * Level and spectrum from a comfort-noise payload (type 13).
 *
 * @return SR_OK; SR_ERR_SYNTAX empty: nothing changed. More coefficients than NOISE_ORDER_MAX are
 *         passed over.
 */
SR_MUST_USE enum sr_err noise_set_payload(struct noise *noise, struct sr_str payload);
/** Overwrites `out`. */
void noise_run(struct noise *noise, float *out, size_t samples);

#endif

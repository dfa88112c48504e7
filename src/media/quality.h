/**
 * @file quality.h  How good a leg sounds: E-model (ITU-T G.107) from loss, delay and codec.
 *
 * Layer:   pure
 * Memory:  values
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_MEDIA_QUALITY_H
#define SR_MEDIA_QUALITY_H

#include "base/str.h"

struct quality_input {
    struct sr_str codec; /* "PCMU", "opus"; any case; unknown: a cautious default */
    double loss_pct;     /* lost and late packets heard as concealment, 0..100 */
    double burst_ratio;  /* 1 = random loss; 0 = unknown, taken as 1 */
    double jitter_ms;    /* interarrival jitter, shown only */
    double rtt_ms;       /* round trip of the network; < 0: unknown */
    double buffer_ms;    /* jitter buffer and frame delay */
};

/** What a leg shows every 5 s. */
struct quality {
    double loss_pct, jitter_ms;
    double rtt_ms; /* < 0: unknown */
    double r;      /* 0..100 */
    double mos;    /* 1..4.5 */
};

void quality_rate(const struct quality_input *input, struct quality *ret_quality);
/** MOS of a transmission rating (G.107 annex B). */
double quality_mos_from_r(double r);

#endif

/**
 * @file quality_stats.h  How parties heard: histograms by kind of leg and provider, for Prometheus.
 *
 * A party counts once, when it leaves, with the figures of its last report (RTCP every 5 s; who left
 * before the first one has none).
 *
 * Layer:   control
 * Memory:  owned, QUALITY_SERIES_MAX series; providers beyond share the last one
 * Thread:  the web thread
 */
#ifndef SR_CONTROL_QUALITY_STATS_H
#define SR_CONTROL_QUALITY_STATS_H

#include "base/buf.h"
#include "call/engine.h"

enum {
    QUALITY_SERIES_MAX = 64,
    QUALITY_BOUNDS = 6,
    QUALITY_MEASURES = 3, /* MOS, loss, jitter */
};

struct quality_series {
    const char *kind; /* of the leg */
    char provider[ENGINE_TEXT_MAX];
    uint64_t buckets[QUALITY_MEASURES][QUALITY_BOUNDS + 1]; /* the last: above all bounds */
    double sums[QUALITY_MEASURES];
};

struct quality_stats { /* all zero: empty */
    struct quality_series series[QUALITY_SERIES_MAX];
    uint32_t count;
};

/** Takes a party that leaves; other events are nothing to it. */
void quality_stats_take(struct quality_stats *stats, const struct engine_event *event);
/** Appends the histograms siprouter_leg_mos, _leg_loss_percent and _leg_jitter_milliseconds. */
void quality_stats_write(const struct quality_stats *stats, struct sr_buf *buf);

#endif

/**
 * @file media_bench.h  What one media thread of this machine can carry: real sockets on loopback,
 * phones that talk, the processor time of the worker.
 *
 * Each scenario runs rooms of phones through a media port of one worker, paced as phones pace, and
 * divides the worker's processor time by the rooms. Loss and late ticks are reported beside it: a figure
 * with loss is worth nothing.
 *
 * Layer:   worker
 * Thread:  any one thread at a time; runs a loop of its own
 * Memory:  all freed when it returns
 */
#ifndef SR_WORKER_MEDIA_BENCH_H
#define SR_WORKER_MEDIA_BENCH_H

#include "media/codec.h"

enum {
    MEDIA_BENCH_PHONES_MAX = 512,
};

struct media_bench_scenario {
    enum codec_id codecs[2]; /* phones use them in turn */
    uint32_t rooms;
    uint32_t phones;  /* in each room; two that share a codec are relayed, all else is mixed */
    uint32_t talkers; /* in each room; the others send silence, or nothing where the codec pauses */
};

struct media_bench_result {
    double cpu_pct;    /* of one core, all rooms together */
    double lost_pct;   /* of the packets the phones should have got */
    uint64_t overruns; /* ticks over a slot late */
};

/**
 * Runs one scenario for `how_long` after a second of warming up.
 *
 * @return SR_OK; SR_ERR_LIMIT more than MEDIA_BENCH_PHONES_MAX phones, or the system's file limit;
 *         SR_ERR_IO sockets or threads were refused
 */
SR_MUST_USE enum sr_err media_bench_run(const struct media_bench_scenario *scenario,
                                        sr_usec how_long, struct media_bench_result *ret_result);

struct media_bench_delay {
    double median_ms, worst_ms;
    double
        late_pct; /* of what the phones did: over 5 ms late, as a busy machine is; delays grow by it */
    uint32_t bursts; /* that were heard */
};

/**
 * Delay the router adds between two phones on a clean line: bursts of a tone from one, first loud sample
 * at the other. Relay with one codec twice, mix with two.
 *
 * @return as media_bench_run; SR_ERR_TIMEOUT nothing was heard
 */
SR_MUST_USE enum sr_err media_bench_delay(const enum codec_id codecs[2], sr_usec how_long,
                                          struct media_bench_delay *ret_delay);

#endif

/**
 * @file srtp.h  What each SRTP library does in the benchmark; one program per library.
 *
 * Thread:  single
 */
#ifndef BENCH_SRTP_H
#define BENCH_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum srtp_bench_suite {
    SRTP_BENCH_CM_80,
    SRTP_BENCH_GCM_128,
    SRTP_BENCH_SUITES,
};

struct srtp_subject {
    const char *name;
    /** Anew, one key for both directions (30 bytes are given). False: it does not know the suite. */
    bool (*start)(enum srtp_bench_suite suite, const uint8_t *key);
    /** In place; end the program when they fail. */
    void (*protect)(uint8_t *bytes, size_t *n);
    void (*unprotect)(uint8_t *bytes, size_t *n);
};

extern const struct srtp_subject srtp_subject;

#endif

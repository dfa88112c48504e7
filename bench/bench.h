/**
 * @file bench.h  What the benchmark programs share: clocks, CPU time of a process, histograms, options.
 *
 * Layer:   beside the product; nothing of src/ depends on it
 * Errors:  a program that cannot measure says why on standard error and ends with status 2
 * Thread:  programs are single threaded
 */
#ifndef BENCH_H
#define BENCH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_SEC_NS INT64_C(1000000000)
#define BENCH_MS_NS INT64_C(1000000)

enum {
    BENCH_PIDS_MAX = 64
};

/** The processes of a subject: a pid and all that descend from it. */
struct bench_subject {
    pid_t pids[BENCH_PIDS_MAX];
    size_t count;
};

/** Prints and ends with status 2. */
__attribute__((format(printf, 1, 2), noreturn)) void bench_die(const char *format, ...);

int64_t bench_now_ns(void);  /* monotonic */
int64_t bench_real_ns(void); /* wall clock, that of kernel receive stamps */
/** CPU time (user and system) of this process. */
int64_t bench_own_cpu_ns(void);

/** Finds a subject's processes; pid 0 gives an empty one (nothing is measured). */
void bench_subject_find(struct bench_subject *ret_subject, pid_t pid);
/** CPU time of all of them so far, to the nanosecond (their process clocks). */
int64_t bench_subject_cpu_ns(const struct bench_subject *subject);
/** Resident memory of all of them. */
int64_t bench_subject_rss_bytes(const struct bench_subject *subject);

/** "--name value" of the command line; `fallback` when it is not there. */
const char *bench_option(int argc, char **argv, const char *name, const char *fallback);
double bench_option_number(int argc, char **argv, const char *name, double fallback);
/** "address:port". */
struct sockaddr_in bench_address(const char *text);
/** A bound, non-blocking UDP socket with large buffers; port 0: any. */
int bench_udp_socket(const char *ip, uint16_t port, uint16_t *ret_port);
/** Lets waits end on time: timer slack of one nanosecond. */
void bench_exact_timers(void);

/** Delays up to BENCH_DELAYS_US_MAX in steps of a microsecond. */
enum {
    BENCH_DELAYS_US_MAX = 200000
};
struct bench_delays {
    uint32_t counts[BENCH_DELAYS_US_MAX + 1];
    uint64_t total;
};
void bench_delays_add(struct bench_delays *delays, int64_t ns);
/** The delay below which `part` (0..1) of all lie, in microseconds; 0 when there are none. */
double bench_delays_us(const struct bench_delays *delays, double part);

#endif

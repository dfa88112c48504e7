/*
 * Offers calls at a steady rate, with callers and callees of its own, and prints one line of JSON.
 * A call is completed when its BYE was answered with 200.
 */
#include "sipload.h"

#include <stdio.h>

/** @return how many were completed while calls were still offered */
static uint64_t run(struct sipload *load, double rate, double seconds)
{
    struct sipload_stats stats;
    int64_t begin = bench_now_ns(), now = begin, end = begin + (int64_t)(seconds * 1e9);
    uint64_t offered = 0, in_time;
    while ((now = bench_now_ns()) < end) {
        while ((double)offered < (double)(now - begin) * 1e-9 * rate) {
            sipload_call(load);
            if (++offered % 16 == 0)
                sipload_poll(load, 0);
        }
        sipload_poll(load, begin + (int64_t)((double)(offered + 1) / rate * 1e9) - bench_now_ns());
    }
    sipload_stats(load, &stats);
    in_time = stats.completed;
    do {
        sipload_poll(load, 20 * BENCH_MS_NS);
        sipload_stats(load, &stats);
        now = bench_now_ns();
    } while (stats.open > 0 && now < end + (SIPLOAD_GIVE_UP_SEC + 1) * BENCH_SEC_NS);
    return in_time;
}

int main(int argc, char **argv)
{
    double rate = bench_option_number(argc, argv, "rate", 100);
    double seconds = bench_option_number(argc, argv, "seconds", 3);
    struct sipload_options options = {
        .target = bench_address(bench_option(argc, argv, "target", "127.0.0.1:5060")),
        .domain = bench_option(argc, argv, "domain", "siprouter"),
        .first_number = (unsigned)bench_option_number(argc, argv, "first", 10000),
        .caller_count = (unsigned)bench_option_number(argc, argv, "callers", 400),
        .callee_count = (unsigned)bench_option_number(argc, argv, "callees", 400),
        .caller_port = (uint16_t)bench_option_number(argc, argv, "port", 15992),
        .callee_port = (uint16_t)(bench_option_number(argc, argv, "port", 15992) + 1),
    };
    struct sipload_stats stats;
    struct bench_subject subject;
    if (rate <= 0 || options.caller_count == 0 || options.callee_count == 0)
        bench_die("rate, callers and callees above 0");
    struct sipload *load = sipload_new(&options);
    bench_exact_timers();
    sipload_register(load, 20);
    bench_subject_find(&subject, (pid_t)bench_option_number(argc, argv, "pid", 0));
    int64_t cpu = bench_subject_cpu_ns(&subject), begin = bench_now_ns(), own = bench_own_cpu_ns();
    uint64_t in_time = run(load, rate, seconds);
    cpu = bench_subject_cpu_ns(&subject) - cpu;
    own = bench_own_cpu_ns() - own;
    double wall = (double)(bench_now_ns() - begin) * 1e-9;
    sipload_stats(load, &stats);
    const struct bench_delays *delays = sipload_setup_delays(load);
    printf("{\"rate\":%.1f,\"seconds\":%.1f,\"offered\":%lu,\"completed\":%lu,\"in_time\":%lu,"
           "\"refused\":%lu,"
           "\"failed\":%lu,\"timed_out\":%lu,\"no_slot\":%lu,\"open\":%lu,\"challenges\":%lu,"
           "\"retransmitted\":%lu,\"last_status\":%u,\"cpu_us_each\":%.2f,\"cpu_share\":%.3f,"
           "\"median_us\":%.0f,\"p99_us\":%.0f,\"generator_share\":%.3f,\"rss_bytes\":%ld}\n",
           rate, seconds, stats.offered, stats.completed, in_time, stats.refused, stats.failed,
           stats.timed_out, stats.no_slot, stats.open, stats.challenges, stats.retransmitted,
           stats.last_status, (double)cpu / 1e3 / (stats.completed ? (double)stats.completed : 1.0),
           (double)cpu / 1e9 / wall, bench_delays_us(delays, 0.5), bench_delays_us(delays, 0.99),
           (double)own / 1e9 / wall, (long)bench_subject_rss_bytes(&subject));
    return 0;
}

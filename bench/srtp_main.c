/* Protects and unprotects packets of 160 bytes of payload, with the library it is linked to. */
#include "bench.h"
#include "srtp.h"

#include <stdio.h>
#include <string.h>

enum {
    HEAD = 12,
    PAYLOAD = 160,
    ROOM = 256,
    BATCH = 512,
};

static uint8_t packets[BATCH][ROOM];
static size_t lengths[BATCH];
static uint16_t seq;

static void fill(void)
{
    for (size_t i = 0; i < BATCH; i++) {
        uint8_t *bytes = packets[i];

        memset(bytes, 0, HEAD);
        bytes[0] = 0x80;
        bytes[2] = (uint8_t)(seq >> 8);
        bytes[3] = (uint8_t)seq;
        bytes[11] = 77;
        memset(bytes + HEAD, (int)i & 0x7f, PAYLOAD);
        lengths[i] = HEAD + PAYLOAD;
        seq++;
    }
}

static void check(void)
{
    for (size_t i = 0; i < BATCH; i++)
        if (lengths[i] != HEAD + PAYLOAD || packets[i][HEAD + 99] != (i & 0x7f))
            bench_die("%s: packet %zu came back damaged", srtp_subject.name, i);
}

/* CPU nanoseconds of one packet each way, over at least `seconds` of work. */
static void measure(double seconds, double *ret_protect, double *ret_unprotect)
{
    int64_t protect = 0, unprotect = 0;
    uint64_t count = 0;

    while ((double)(protect + unprotect) < seconds * 1e9) {
        int64_t at, then;

        fill();
        at = bench_own_cpu_ns();
        for (size_t i = 0; i < BATCH; i++)
            srtp_subject.protect(packets[i], &lengths[i]);
        then = bench_own_cpu_ns();
        protect += then - at;
        if (packets[9][HEAD + 99] == 9 && packets[10][HEAD + 99] == 10)
            bench_die("%s: nothing was encrypted", srtp_subject.name);
        at = bench_own_cpu_ns();
        for (size_t i = 0; i < BATCH; i++)
            srtp_subject.unprotect(packets[i], &lengths[i]);
        then = bench_own_cpu_ns();
        unprotect += then - at;
        check();
        count += BATCH;
    }
    *ret_protect = (double)protect / (double)count;
    *ret_unprotect = (double)unprotect / (double)count;
}

int main(int argc, char **argv)
{
    static const char *const names[SRTP_BENCH_SUITES] = {"cm80", "gcm128"};
    double seconds = bench_option_number(argc, argv, "seconds", 0.5);
    uint8_t key[30];

    memset(key, 0x39, sizeof key);
    printf("{\"subject\":\"%s\",\"payload\":%d", srtp_subject.name, PAYLOAD);
    for (int suite = 0; suite < SRTP_BENCH_SUITES; suite++) {
        double protect_ns, unprotect_ns;

        if (!srtp_subject.start((enum srtp_bench_suite)suite, key))
            continue;
        seq = 0;
        measure(seconds / 5, &protect_ns, &unprotect_ns); /* warm */
        measure(seconds, &protect_ns, &unprotect_ns);
        printf(",\"%s_protect_ns\":%.0f,\"%s_unprotect_ns\":%.0f,\"%s_both_ns\":%.0f", names[suite],
               protect_ns, names[suite], unprotect_ns, names[suite], protect_ns + unprotect_ns);
    }
    printf("}\n");
    return 0;
}

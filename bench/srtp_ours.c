#include "bench.h"
#include "rtc/srtp.h"
#include "srtp.h"

static struct srtp tx, rx;

static bool start(enum srtp_bench_suite suite, const uint8_t *key)
{
    static const enum srtp_suite suites[SRTP_BENCH_SUITES] = {
        [SRTP_BENCH_CM_80] = SRTP_AES_CM_128_HMAC_SHA1_80,
        [SRTP_BENCH_GCM_128] = SRTP_AEAD_AES_128_GCM,
    };
    struct srtp_keys keys = {.suite = suites[suite]};

    memcpy(keys.bytes, key, srtp_key_bytes(keys.suite));
    srtp_done(&tx);
    srtp_done(&rx);
    return srtp_init(&tx, &keys, SRTP_SEND) == SR_OK &&
           srtp_init(&rx, &keys, SRTP_RECEIVE) == SR_OK;
}

static void protect(uint8_t *bytes, size_t *n)
{
    if (srtp_protect(&tx, bytes, n) != SR_OK)
        bench_die("ours: protect failed");
}

static void unprotect(uint8_t *bytes, size_t *n)
{
    if (srtp_unprotect(&rx, bytes, n) != SR_OK)
        bench_die("ours: unprotect failed");
}

const struct srtp_subject srtp_subject = {"ours", start, protect, unprotect};

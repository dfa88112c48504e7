#include <srtp2/srtp.h>

#include "bench.h"
#include "srtp.h"

#include <string.h>

static srtp_t tx, rx;

static bool start(enum srtp_bench_suite suite, const uint8_t *key)
{
    srtp_profile_t profile =
        suite == SRTP_BENCH_CM_80 ? srtp_profile_aes128_cm_sha1_80 : srtp_profile_aead_aes_128_gcm;
    static bool is_ready;
    uint8_t copy[SRTP_MAX_KEY_LEN] = {0};
    srtp_policy_t policy;

    if (!is_ready && srtp_init() != srtp_err_status_ok)
        bench_die("libsrtp2: init failed");
    is_ready = true;
    memset(&policy, 0, sizeof policy);
    memcpy(copy, key, 30);
    policy.key = copy;
    policy.window_size = 128;
    if (srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile) != srtp_err_status_ok ||
        srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile) != srtp_err_status_ok)
        return false;
    policy.ssrc.type = ssrc_any_outbound;
    if (srtp_create(&tx, &policy) != srtp_err_status_ok)
        return false;
    policy.ssrc.type = ssrc_any_inbound;
    return srtp_create(&rx, &policy) == srtp_err_status_ok;
}

static void protect(uint8_t *bytes, size_t *n)
{
    int len = (int)*n;

    if (srtp_protect(tx, bytes, &len) != srtp_err_status_ok)
        bench_die("libsrtp2: protect failed");
    *n = (size_t)len;
}

static void unprotect(uint8_t *bytes, size_t *n)
{
    int len = (int)*n;

    if (srtp_unprotect(rx, bytes, &len) != srtp_err_status_ok)
        bench_die("libsrtp2: unprotect failed");
    *n = (size_t)len;
}

const struct srtp_subject srtp_subject = {"libsrtp2", start, protect, unprotect};

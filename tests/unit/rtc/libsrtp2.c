#include "libsrtp2.h"

#include <string.h>

#if SR_HAVE_LIBSRTP2
#include <dlfcn.h>
#include <srtp2/srtp.h>

static struct {
    srtp_err_status_t (*init)(void);
    srtp_err_status_t (*create)(srtp_t *, const srtp_policy_t *);
    srtp_err_status_t (*dealloc)(srtp_t);
    srtp_err_status_t (*rtp_policy)(srtp_crypto_policy_t *, srtp_profile_t);
    srtp_err_status_t (*rtcp_policy)(srtp_crypto_policy_t *, srtp_profile_t);
    srtp_err_status_t (*work[4])(srtp_t, void *, int *);
} lib;

static bool find(void *handle, const char *name, void *function)
{
    void *at = dlsym(handle, name);

    memcpy(function, &at, sizeof(at));
    return at != NULL;
}

bool libsrtp2_load(void)
{
    void *handle = dlopen("libsrtp2.so.1", RTLD_NOW | RTLD_LOCAL);

    return handle != NULL && find(handle, "srtp_init", &lib.init) &&
           find(handle, "srtp_create", &lib.create) && find(handle, "srtp_dealloc", &lib.dealloc) &&
           find(handle, "srtp_crypto_policy_set_from_profile_for_rtp", &lib.rtp_policy) &&
           find(handle, "srtp_crypto_policy_set_from_profile_for_rtcp", &lib.rtcp_policy) &&
           find(handle, "srtp_protect", &lib.work[LIBSRTP2_PROTECT]) &&
           find(handle, "srtp_unprotect", &lib.work[LIBSRTP2_UNPROTECT]) &&
           find(handle, "srtp_protect_rtcp", &lib.work[LIBSRTP2_PROTECT_RTCP]) &&
           find(handle, "srtp_unprotect_rtcp", &lib.work[LIBSRTP2_UNPROTECT_RTCP]) &&
           lib.init() == srtp_err_status_ok;
}

void *libsrtp2_new(enum libsrtp2_suite suite, const uint8_t *key, bool is_sender)
{
    static const srtp_profile_t profiles[] = {
        srtp_profile_aes128_cm_sha1_80,
        srtp_profile_aes128_cm_sha1_32,
        srtp_profile_aead_aes_128_gcm,
        srtp_profile_aead_aes_256_gcm,
    };
    uint8_t copy[SRTP_MAX_KEY_LEN] = {0};
    static const size_t key_bytes[] = {30, 30, 28, 44};
    srtp_policy_t policy;
    srtp_t srtp = NULL;

    memset(&policy, 0, sizeof(policy));
    memcpy(copy, key, key_bytes[suite]);
    policy.key = copy;
    policy.window_size = 128;
    policy.ssrc.type = is_sender ? ssrc_any_outbound : ssrc_any_inbound;
    if (lib.rtp_policy(&policy.rtp, profiles[suite]) != srtp_err_status_ok ||
        lib.rtcp_policy(&policy.rtcp, profiles[suite]) != srtp_err_status_ok ||
        lib.create(&srtp, &policy) != srtp_err_status_ok)
        return NULL;
    return srtp;
}

void libsrtp2_free(void *srtp)
{
    if (srtp != NULL)
        lib.dealloc(srtp);
}

bool libsrtp2_do(void *srtp, enum libsrtp2_work work, uint8_t *bytes, size_t *n)
{
    int len = (int)*n;

    if (lib.work[work](srtp, bytes, &len) != srtp_err_status_ok)
        return false;
    *n = (size_t)len;
    return true;
}
#else
bool libsrtp2_load(void)
{
    return false;
}

void *libsrtp2_new(enum libsrtp2_suite suite, const uint8_t *key, bool is_sender)
{
    (void)suite;
    (void)key;
    (void)is_sender;
    return NULL;
}

void libsrtp2_free(void *srtp)
{
    (void)srtp;
}

bool libsrtp2_do(void *srtp, enum libsrtp2_work work, uint8_t *bytes, size_t *n)
{
    (void)srtp;
    (void)work;
    (void)bytes;
    (void)n;
    return false;
}
#endif

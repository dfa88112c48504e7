/**
 * @file libsrtp2.h  The system's libsrtp2 as a judge, loaded at run time: its names are ours too.
 */
#ifndef SR_TEST_LIBSRTP2_H
#define SR_TEST_LIBSRTP2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum libsrtp2_suite {
    LIBSRTP2_CM_80,
    LIBSRTP2_CM_32,
    LIBSRTP2_GCM_128,
    LIBSRTP2_GCM_256,
};

enum libsrtp2_work {
    LIBSRTP2_PROTECT,
    LIBSRTP2_UNPROTECT,
    LIBSRTP2_PROTECT_RTCP,
    LIBSRTP2_UNPROTECT_RTCP,
};

/** False: not on this machine, or built without it. */
bool libsrtp2_load(void);
/** One direction for any SSRC. NULL: it refused the suite. */
void *libsrtp2_new(enum libsrtp2_suite suite, const uint8_t *key, bool is_sender);
void libsrtp2_free(void *srtp);
/** In place; false: refused. */
bool libsrtp2_do(void *srtp, enum libsrtp2_work work, uint8_t *bytes, size_t *n);

#endif

/**
 * @file hash.h  MD5 and SHA-256 for SIP digest (RFC 7616), HMAC-SHA-256 for nonces, SipHash for maps.
 *
 * MD5 is here only because RFC 3261 digest needs it. Everything else that is cryptography comes from
 * OpenSSL and libsodium.
 *
 * Layer:   ground (libc only)
 * Thread:  re-entrant
 */
#ifndef SR_BASE_HASH_H
#define SR_BASE_HASH_H

#include "base/str.h"

enum {
    SR_MD5_BYTES = 16,
    SR_SHA256_BYTES = 32,
};

struct sr_md5 {
    uint32_t state[4];
    uint64_t bytes;
    uint8_t block[64];
};

void sr_md5_init(struct sr_md5 *md5);
void sr_md5_add(struct sr_md5 *md5, const void *bytes, size_t n);
void sr_md5_end(struct sr_md5 *md5, uint8_t out[SR_MD5_BYTES]);

struct sr_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
};

void sr_sha256_init(struct sr_sha256 *sha);
void sr_sha256_add(struct sr_sha256 *sha, const void *bytes, size_t n);
void sr_sha256_end(struct sr_sha256 *sha, uint8_t out[SR_SHA256_BYTES]);

/** RFC 2104 over SHA-256. */
void sr_hmac_sha256(struct sr_str key, struct sr_str text, uint8_t out[SR_SHA256_BYTES]);

/** SipHash-2-4 with the given 16-byte key. */
uint64_t sr_siphash(const uint8_t key[16], const void *bytes, size_t n);

/** Lower-case hex of n bytes, NUL-terminated; out has 2 * n + 1 bytes. */
void sr_hex(const uint8_t *bytes, size_t n, char *out);

#endif

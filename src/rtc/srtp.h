/**
 * @file srtp.h  SRTP and SRTCP (RFC 3711; AES-GCM: RFC 7714): protect and unprotect in place.
 *
 * One `struct srtp` is one direction under one master key: we send with one and receive with
 * another. It knows several synchronisation sources, each with its roll-over counter and replay
 * window. Encryption is OpenSSL's; its contexts are made by srtp_init(), a packet allocates nothing.
 *
 * Left out: MKI, key derivation rates, other than the default packet index order, and SRTCP
 * without encryption (all of them have to be negotiated, and we never do).
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded; OpenSSL's contexts inside are freed by srtp_done(). A struct srtp may be moved
 *          by assignment when the old place is not used any more
 * Thread:  one at a time; may be handed over
 */
#ifndef SR_RTC_SRTP_H
#define SR_RTC_SRTP_H

#include "base/str.h"

enum {
    SRTP_KEY_BYTES_MAX = 46,     /* master key (16 or 32), then master salt (14 or 12) */
    SRTP_TRAILER_BYTES_MAX = 20, /* what protecting may add: room behind each packet */
    SRTP_SOURCES_MAX = 16,       /* SSRCs of one direction; the one longest unheard makes place */
    SRTP_REPLAY_BITS = 128,      /* packets that may arrive out of order */
};

enum srtp_suite {
    SRTP_SUITE_NONE,
    SRTP_AES_CM_128_HMAC_SHA1_80,
    SRTP_AES_CM_128_HMAC_SHA1_32,
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_SUITE_COUNT,
};

/** A suite, and master key with master salt behind it. Secret: sr_wipe() when done with it. */
struct srtp_keys {
    enum srtp_suite suite;
    uint8_t bytes[SRTP_KEY_BYTES_MAX];
};

/** Name in a=crypto lines: "AES_CM_128_HMAC_SHA1_80"...; "" for SRTP_SUITE_NONE. */
const char *srtp_suite_name(enum srtp_suite suite);
/** The suite of that name, letter case ignored; SRTP_SUITE_NONE: unknown to us. */
enum srtp_suite srtp_suite_by_name(struct sr_str name);
/** The suite of a DTLS-SRTP protection profile (0x0001, 0x0002, 0x0007, 0x0008); else NONE. */
enum srtp_suite srtp_suite_by_dtls(uint16_t profile);
/** Bytes of master key and salt: 30, 28, 44; 0 for SRTP_SUITE_NONE. */
size_t srtp_key_bytes(enum srtp_suite suite);

/** Same suite and same key; in constant time. */
bool srtp_keys_eq(const struct srtp_keys *a, const struct srtp_keys *b);

/**
 * Splits what DTLS exported (RFC 5764 4.2, label "EXTRACTOR-dtls_srtp"): client key, server key,
 * client salt, server salt. `material` has 2 * srtp_key_bytes(suite) bytes.
 *
 * @param is_client    our role in the handshake
 * @param[out] ret_tx  what we protect with
 * @param[out] ret_rx  what the peer protects with
 */
void srtp_keys_from_dtls(enum srtp_suite suite, const uint8_t *material, bool is_client,
                         struct srtp_keys *ret_tx, struct srtp_keys *ret_rx);

enum srtp_direction {
    SRTP_SEND,
    SRTP_RECEIVE,
};

struct srtp_counters {
    uint64_t packets;     /* RTP and RTCP protected or unprotected */
    uint64_t auth_failed; /* wrong key, damaged or forged */
    uint64_t replayed;    /* seen before, or too old to tell */
    uint64_t malformed;   /* too short, lengths that lie, SRTCP in the clear */
};

/** Indices seen, newest at the top: bit (index modulo SRTP_REPLAY_BITS). Fields are private. */
struct srtp_window {
    uint64_t top;
    bool is_started;
    uint64_t bits[SRTP_REPLAY_BITS / 64];
};

/** One SSRC. Fields are private. */
struct srtp_source {
    uint32_t ssrc;
    bool is_used;
    uint64_t top_before; /* newest index under the key before: tried when a start at 0 fails */
    uint64_t used_at;    /* on the clock of packets, for making place */
    struct srtp_window rtp, rtcp;
};

/** Session keys of RTP or of RTCP. Fields are private. */
struct srtp_cipher {
    struct evp_cipher_ctx_st *evp;
    uint32_t hmac_inner[5], hmac_outer[5]; /* SHA-1 after the padded key */
    uint8_t salt[14];
};

/** Fields are private but the counters. All zero: not usable, srtp_done() is fine. */
struct srtp {
    enum srtp_suite suite; /* SRTP_SUITE_NONE: not initialised */
    enum srtp_direction direction;
    struct srtp_cipher rtp, rtcp;
    struct srtp_source sources[SRTP_SOURCES_MAX];
    uint64_t clock; /* packets of any source */
    struct srtp_counters counters;
};

/**
 * Derives the session keys. The caller may wipe `keys` afterwards.
 *
 * @return SR_OK; SR_ERR_UNSUPPORTED no suite, or one OpenSSL refuses here: nothing to be done
 */
SR_MUST_USE enum sr_err srtp_init(struct srtp *srtp, const struct srtp_keys *keys,
                                  enum srtp_direction direction);
/** Frees and wipes. */
void srtp_done(struct srtp *srtp);

/**
 * New receiving keys for a stream that goes on: takes the roll-over counters of `old` along, to be
 * tried where the sender did not start again at 0 (RFC 3711 keeps them, many phones do not).
 */
void srtp_follow(struct srtp *srtp, const struct srtp *old);

/**
 * Protects one RTP or RTCP packet in place. `bytes` has room for SRTP_TRAILER_BYTES_MAX more.
 *
 * @param[in,out] n  length of the packet
 *
 * @return SR_OK
 *         SR_ERR_SYNTAX  not an RTP (RTCP) packet: drop it
 *         SR_ERR_EXISTS  this sequence number was used, or is older than the window: never sent
 *                        twice under one key; drop it
 *         SR_ERR_LIMIT   the key has protected all it may (2^48, 2^31 for RTCP): new keys are needed
 */
SR_MUST_USE enum sr_err srtp_protect(struct srtp *srtp, uint8_t *bytes, size_t *n);
SR_MUST_USE enum sr_err srtcp_protect(struct srtp *srtp, uint8_t *bytes, size_t *n);

/**
 * Checks and decrypts one packet in place. After a failure the bytes are as they came.
 *
 * @return SR_OK
 *         SR_ERR_SYNTAX  malformed: drop it
 *         SR_ERR_EXISTS  replayed: drop it
 *         SR_ERR_AUTH    not from who has the key: drop it
 */
SR_MUST_USE enum sr_err srtp_unprotect(struct srtp *srtp, uint8_t *bytes, size_t *n);
SR_MUST_USE enum sr_err srtcp_unprotect(struct srtp *srtp, uint8_t *bytes, size_t *n);

#endif

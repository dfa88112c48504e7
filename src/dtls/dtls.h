/**
 * @file dtls.h  DTLS 1.2 for media keys (RFC 6347, DTLS-SRTP by RFC 5764, fingerprints by RFC 8122).
 *
 * A small room over OpenSSL, both roles. One association is one object: datagrams go in with
 * dtls_receive(), datagrams and events come out of a step; it sends nothing by itself. The peer's certificate
 * is self-signed; what makes it trusted is its fingerprint, which came over signalling. No
 * HelloVerifyRequest: an association is only fed from a path that ICE has checked (or, towards a
 * phone, that the SDP named), so the source address is proven and nobody can be flooded through us.
 * TLS inside is only used for keys: application data is refused and counted.
 *
 * Layer:   dtls (over base and rtc)
 * Memory:  objects are owned; OpenSSL allocates inside
 * Thread:  not shared; an identity may be used by several threads
 */
#ifndef SR_DTLS_DTLS_H
#define SR_DTLS_DTLS_H

#include "base/buf.h"
#include "rtc/srtp.h"

enum {
    DTLS_HASH_BYTES_MAX = 64,
    DTLS_FINGERPRINT_TEXT_MAX = 208, /* "sha-512 " and 64 times "AA:" */
    DTLS_DATAGRAM_BYTES_MAX = 1200,  /* of what we send */
    DTLS_FLIGHT_MAX = 16,            /* datagrams of one step */
    DTLS_RECORD_BYTES_MAX = 4096,    /* longer datagrams are dropped */
    DTLS_WHY_MAX = 160,
};

enum dtls_hash {
    DTLS_SHA_256,
    DTLS_SHA_384,
    DTLS_SHA_512,
};

struct dtls_fingerprint {
    enum dtls_hash hash;
    uint8_t bytes[DTLS_HASH_BYTES_MAX];
};

/**
 * Reads "sha-256 AA:BB:..." (any case). SHA-1 and MD5 prove nothing any more.
 *
 * @return SR_OK; SR_ERR_SYNTAX; SR_ERR_UNSUPPORTED another hash than SHA-256, 384, 512
 */
SR_MUST_USE enum sr_err dtls_fingerprint_parse(struct sr_str text,
                                               struct dtls_fingerprint *ret_fingerprint);
void dtls_fingerprint_write(const struct dtls_fingerprint *fingerprint, struct sr_buf *out);
bool dtls_fingerprint_eq(const struct dtls_fingerprint *a, const struct dtls_fingerprint *b);

/** Our certificate and key: ECDSA P-256, self-signed, made in memory, never stored. */
struct dtls_identity;

/** @return SR_OK; SR_ERR_IO OpenSSL refused */
SR_MUST_USE enum sr_err dtls_identity_new(struct dtls_identity **ret_identity);
/** After all its associations. NULL is fine. */
void dtls_identity_free(struct dtls_identity *identity);
/** SHA-256. */
const struct dtls_fingerprint *dtls_identity_fingerprint(const struct dtls_identity *identity);

enum dtls_event {
    DTLS_EVENT_NONE,
    DTLS_EVENT_UP,     /* shaken, fingerprint right: dtls_keys_get() */
    DTLS_EVENT_FAILED, /* dtls_why(); the object does nothing more */
    DTLS_EVENT_CLOSED, /* the peer said close_notify */
};

struct dtls_step {
    enum dtls_event event;
    size_t datagram_count;
};

struct dtls_options {
    bool is_client;               /* we send the ClientHello */
    struct dtls_fingerprint peer; /* what its certificate must have */
};

struct dtls;

/** Never NULL, but for OpenSSL out of resources. */
struct dtls *dtls_new(struct dtls_identity *identity, const struct dtls_options *options);
void dtls_free(struct dtls *dtls);

/** A client sends its ClientHello. Nothing happens on a server. */
void dtls_start(struct dtls *dtls, sr_usec now, struct dtls_step *ret_step);
/** One datagram of the peer; junk is dropped and counted, it never ends the association. */
void dtls_receive(struct dtls *dtls, const uint8_t *bytes, size_t n, sr_usec now,
                  struct dtls_step *ret_step);
/** When dtls_on_deadline() is wanted (retransmission); SR_NEVER: not at all. */
sr_usec dtls_deadline(const struct dtls *dtls);
void dtls_on_deadline(struct dtls *dtls, sr_usec now, struct dtls_step *ret_step);
/** Says close_notify. */
void dtls_close(struct dtls *dtls, sr_usec now, struct dtls_step *ret_step);
/** Datagram `index` of the last step; valid until the next call. */
struct sr_str dtls_datagram(const struct dtls *dtls, size_t index);

bool dtls_is_up(const struct dtls *dtls);
/** After DTLS_EVENT_UP: what we protect with, and what the peer does. AEAD_AES_128_GCM where the peer
    can, else AES_CM_128_HMAC_SHA1_80. Wipe them after use (sr_wipe). */
void dtls_keys_get(const struct dtls *dtls, struct srtp_keys *ret_tx, struct srtp_keys *ret_rx);
/** One plain sentence after DTLS_EVENT_FAILED. */
const char *dtls_why(const struct dtls *dtls);
/** Datagrams that were dropped: not DTLS, too long, or not from this association. */
uint64_t dtls_junk(const struct dtls *dtls);

/** First byte 20..63 (RFC 7983) and a record header that can be one. */
bool dtls_is_record(const uint8_t *bytes, size_t n);
/** Does the datagram begin a new handshake (the first ClientHello of a client)? */
bool dtls_is_first_hello(const uint8_t *bytes, size_t n);

#endif

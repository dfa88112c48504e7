/**
 * @file digest.h  Digest authentication (RFC 3261 22, RFC 7616, RFC 8760), both sides.
 *
 * Texts of quoted parameters are kept as written between the quotes (escapes stay), which is what
 * goes into the hashes. Header values are given without the header's name.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  parsed values are views of the header text
 * Thread:  re-entrant; a digest_nc_table is not shared
 */
#ifndef SR_SIP_DIGEST_H
#define SR_SIP_DIGEST_H

#include "base/buf.h"
#include "base/hash.h"

enum {
    DIGEST_TEXT_MAX = 4096, /* bytes of one header value */
    DIGEST_PARAMS_MAX = 32, /* parameters of one value */
    DIGEST_HEX_MAX = 65,    /* SHA-256 in hex with NUL */
    DIGEST_SECRET_BYTES = 32,
    DIGEST_NONCE_TEXT_MAX = 80, /* with NUL */
    DIGEST_NC_WAYS = 8,
};

/** Life of a server nonce. */
#define DIGEST_NONCE_LIFE (300 * SR_SEC)

enum digest_algorithm {
    DIGEST_MD5,
    DIGEST_MD5_SESS,
    DIGEST_SHA256,
    DIGEST_SHA256_SESS,
    DIGEST_ALGORITHM_COUNT, /* also: an algorithm we do not know */
};

enum digest_qop { /* bits */
    DIGEST_QOP_NONE = 0,
    DIGEST_QOP_AUTH = 1,
    DIGEST_QOP_AUTH_INT = 2,
};

const char *digest_algorithm_name(enum digest_algorithm algorithm); /* "MD5", "SHA-256-sess"... */

/** WWW-Authenticate, Proxy-Authenticate. */
struct digest_challenge {
    struct sr_str realm;
    struct sr_str nonce;
    struct sr_str opaque;
    bool has_opaque;
    struct sr_str domain;
    enum digest_algorithm algorithm; /* MD5 when not said */
    unsigned qop;                    /* bits of enum digest_qop; NONE when not said */
    bool is_stale;
};

/** Authorization, Proxy-Authorization. */
struct digest_credentials {
    struct sr_str username;
    struct sr_str realm;
    struct sr_str nonce;
    struct sr_str uri;
    struct sr_str response; /* hex, length fits the algorithm */
    enum digest_algorithm algorithm;
    bool has_algorithm;
    struct sr_str cnonce;
    struct sr_str opaque;
    bool has_opaque;
    unsigned qop; /* one bit, or NONE */
    struct sr_str nc_text;
    uint32_t nc;
};

/**
 * @return SR_OK
 *         SR_ERR_UNSUPPORTED  another scheme, algorithm or only unknown qops: try the next header
 *         SR_ERR_SYNTAX       malformed, a parameter twice, realm or nonce missing
 *         SR_ERR_LIMIT        longer than DIGEST_TEXT_MAX, more than DIGEST_PARAMS_MAX
 */
SR_MUST_USE enum sr_err digest_challenge_parse(struct sr_str text,
                                               struct digest_challenge *ret_challenge);
/** As above; also SYNTAX: username, uri or response missing, qop without nc and cnonce, nc that is
    not 8 hex digits. Answer 400. */
SR_MUST_USE enum sr_err digest_credentials_parse(struct sr_str text,
                                                 struct digest_credentials *ret_credentials);

/** `Digest realm="...", nonce="...", algorithm=MD5, qop="auth"`; quotes, backslashes and controls
    in the values are left out. */
void digest_challenge_write(const struct digest_challenge *challenge, struct sr_buf *buf);

/** H(user:realm:password) in hex with NUL, for either plain or -sess algorithms. */
void digest_ha1(enum digest_algorithm algorithm, struct sr_str username, struct sr_str realm,
                struct sr_str password, char out[DIGEST_HEX_MAX]);

/** Everything a response is computed from. */
struct digest_input {
    enum digest_algorithm algorithm;
    struct sr_str ha1; /* hex of H(user:realm:password) */
    struct sr_str nonce;
    struct sr_str cnonce;
    struct sr_str nc_text; /* "00000001" */
    enum digest_qop qop;
    struct sr_str method;
    struct sr_str uri;
    struct sr_str body; /* for auth-int */
};

/** The response in hex with NUL. */
void digest_response(const struct digest_input *input, char out[DIGEST_HEX_MAX]);

/* --- client ---------------------------------------------------------------------------------- */

struct digest_answer {
    struct sr_str username;
    struct sr_str password; /* or ha1 */
    struct sr_str ha1;      /* hex; used when not empty */
    struct sr_str method;
    struct sr_str uri; /* the Request-URI as sent */
    struct sr_str body;
    struct sr_str cnonce; /* fresh random text, at least 64 bits; needed with qop and -sess */
    uint32_t nc;          /* 1 for a fresh nonce, rising */
};

/**
 * Appends the value of (Proxy-)Authorization. auth is preferred over auth-int. The caller has
 * decided that this challenge is the realm's own server's.
 *
 * @return SR_OK; SR_ERR_LIMIT buffer full; SR_ERR_STATE cnonce needed and missing;
 *         SR_ERR_SYNTAX a control character or an unescaped quote in username, uri or cnonce
 */
SR_MUST_USE enum sr_err digest_answer_write(const struct digest_challenge *challenge,
                                            const struct digest_answer *answer, struct sr_buf *buf);

/* --- server ---------------------------------------------------------------------------------- */

struct digest_check {
    struct sr_str realm;
    struct sr_str
        ha1; /* hex, of the credentials' algorithm family; empty: computed from password */
    struct sr_str password;
    struct sr_str method;
    struct sr_str body;
    unsigned algorithms;  /* bits 1u << enum digest_algorithm that were offered */
    bool is_qop_required; /* refuse credentials without qop */
};

/**
 * Verifies credentials. The nonce, nc and that `uri` means the Request-URI are checked apart
 * (digest_nonce_check, digest_nc_accept, sip/uri.h). For an unknown user call it all the same
 * with a random password, so that time tells nothing. The work done does not depend on which part
 * is wrong.
 *
 * @return SR_OK; SR_ERR_AUTH wrong password, realm, algorithm not offered, or qop missing
 */
SR_MUST_USE enum sr_err digest_verify(const struct digest_credentials *credentials,
                                      const struct digest_check *check);

/** Key of nonces; random, new at every start. */
struct digest_secret {
    uint8_t bytes[DIGEST_SECRET_BYTES];
};

enum digest_nonce_state {
    DIGEST_NONCE_OK,
    DIGEST_NONCE_STALE,   /* ours, but older than its life: stale=true */
    DIGEST_NONCE_MOVED,   /* ours, sent to another source: stale=true; never counts as a failure */
    DIGEST_NONCE_FOREIGN, /* not ours: a fresh challenge without stale; never counts as a failure */
};

/**
 * A nonce that binds time and source.
 *
 * @param now    monotonic; not negative
 * @param source address and port (and transport) as text, the same at check
 * @param salt   differs between nonces made at the same `now` (a counter)
 * @param out    NUL-terminated
 */
void digest_nonce_make(const struct digest_secret *secret, sr_usec now, struct sr_str source,
                       uint32_t salt, char out[DIGEST_NONCE_TEXT_MAX]);
enum digest_nonce_state digest_nonce_check(const struct digest_secret *secret, struct sr_str nonce,
                                           struct sr_str source, sr_usec now);

struct digest_nc_entry {
    uint64_t nonce_hash; /* 0: free */
    sr_usec made;
    uint32_t nc;
};

/**
 * Highest nc seen per nonce, bounded: sets of DIGEST_NC_WAYS entries; a full set forgets its oldest
 * nonce and from then on refuses nonces as old as that, so nothing forgotten can be replayed.
 */
struct digest_nc_set {
    struct digest_nc_entry entries[DIGEST_NC_WAYS];
    sr_usec floor; /* nonces made at or before this and not in the set are refused */
};

struct digest_nc_table { /* fields are private */
    struct digest_nc_set *sets;
    size_t set_count;
};

/** Over the caller's array of at least one set. */
void digest_nc_init(struct digest_nc_table *table, struct digest_nc_set *sets, size_t set_count);
/**
 * Takes a nonce (that digest_nonce_check called OK, with verified credentials) and its nc.
 *
 * @return true: nc is higher than any before with this nonce; false: a replay (or forgotten):
 *         challenge again with stale=true
 */
bool digest_nc_accept(struct digest_nc_table *table, struct sr_str nonce, uint32_t nc);

#endif

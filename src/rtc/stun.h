/**
 * @file stun.h  STUN messages (RFC 8489): parse, check, build. For keep-alives on SIP ports, for
 * learning our public address, and for ICE (RFC 8445 attributes).
 *
 * Layer:   pure (OpenSSL's HMAC only)
 * Memory:  parsed values point into the message; nothing is allocated but inside OpenSSL's HMAC
 * Thread:  re-entrant
 */
#ifndef SR_RTC_STUN_H
#define SR_RTC_STUN_H

#include "base/addr.h"
#include "base/str.h"

enum {
    STUN_HEADER_BYTES = 20,
    STUN_TID_BYTES = 12,
    STUN_COOKIE = 0x2112A442,
    STUN_MESSAGE_BYTES_MAX = 1500, /* longer ones are refused */
    STUN_UNKNOWN_MAX = 16,         /* unknown required attributes remembered */
    STUN_USERNAME_MAX = 513,
};

enum stun_class {
    STUN_REQUEST = 0,
    STUN_INDICATION = 1,
    STUN_SUCCESS = 2,
    STUN_ERROR = 3,
};

enum {
    STUN_METHOD_BINDING = 1,
};

enum stun_attr {
    STUN_ATTR_MAPPED_ADDRESS = 0x0001,
    STUN_ATTR_USERNAME = 0x0006,
    STUN_ATTR_MESSAGE_INTEGRITY = 0x0008,
    STUN_ATTR_ERROR_CODE = 0x0009,
    STUN_ATTR_UNKNOWN_ATTRIBUTES = 0x000A,
    STUN_ATTR_XOR_MAPPED_ADDRESS = 0x0020,
    STUN_ATTR_PRIORITY = 0x0024,
    STUN_ATTR_USE_CANDIDATE = 0x0025,
    STUN_ATTR_SOFTWARE = 0x8022,
    STUN_ATTR_FINGERPRINT = 0x8028,
    STUN_ATTR_ICE_CONTROLLED = 0x8029,
    STUN_ATTR_ICE_CONTROLLING = 0x802A,
};

struct stun_msg {
    enum stun_class cls;
    uint16_t method;
    uint8_t tid[STUN_TID_BYTES];
    struct sr_str username; /* empty: none */
    struct sr_addr mapped;  /* XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS; family NONE: none */
    uint16_t error_code;    /* 0: none */
    struct sr_str error_reason;
    bool has_priority;
    bool has_use_candidate;
    bool has_ice_controlled;
    bool has_ice_controlling;
    uint32_t priority;
    uint64_t ice_tie_breaker;
    bool has_fingerprint; /* present, last, and right (a wrong one is a syntax error) */
    size_t integrity_at;  /* offset of MESSAGE-INTEGRITY in bytes; 0: none */
    uint16_t unknown[STUN_UNKNOWN_MAX]; /* required attributes we do not know: answer 420 */
    size_t unknown_count;
    struct sr_str bytes; /* the whole message */
};

/** Cheap demultiplexing (RFC 7983): first byte 0..3, cookie, and the length fits exactly. */
bool stun_is_message(struct sr_str bytes);

/**
 * @return SR_OK; SR_ERR_SYNTAX broken (lengths, wrong fingerprint): drop without answer;
 *         SR_ERR_LIMIT longer than STUN_MESSAGE_BYTES_MAX: drop
 */
SR_MUST_USE enum sr_err stun_parse(struct sr_str bytes, struct stun_msg *ret_msg);

/**
 * Checks MESSAGE-INTEGRITY (HMAC-SHA1) with a short-term password, in constant time.
 *
 * @return SR_OK; SR_ERR_NOTFOUND none in the message; SR_ERR_AUTH wrong
 */
SR_MUST_USE enum sr_err stun_check_integrity(const struct stun_msg *msg, struct sr_str password);

/** A message being written into the caller's array. */
struct stun_writer { /* fields are private */
    uint8_t *out;
    size_t size;
    size_t len;
    bool is_failed;
};

/** Starts a message; tid as in the request answered, or random. */
void stun_write_start(struct stun_writer *writer, uint8_t *out, size_t size, enum stun_class cls,
                      uint16_t method, const uint8_t tid[STUN_TID_BYTES]);
/** Any attribute, padded with zeros. */
void stun_write_attr(struct stun_writer *writer, uint16_t type, const void *value, size_t n);
void stun_write_u32(struct stun_writer *writer, uint16_t type, uint32_t value);
void stun_write_u64(struct stun_writer *writer, uint16_t type, uint64_t value);
void stun_write_xor_mapped(struct stun_writer *writer, const struct sr_addr *addr);
/** code 300..699 */
void stun_write_error(struct stun_writer *writer, uint16_t code, struct sr_str reason);
/** After all other attributes but the fingerprint. */
void stun_write_integrity(struct stun_writer *writer, struct sr_str password);
/** Last. */
void stun_write_fingerprint(struct stun_writer *writer);
/** Bytes of the whole message; 0: did not fit. */
size_t stun_write_end(const struct stun_writer *writer);

/**
 * The answer to a binding request without credentials, as RFC 5626 keep-alives and address
 * discovery use it: success with XOR-MAPPED-ADDRESS, or 420 with the unknown attributes; with
 * FINGERPRINT when the request had one.
 *
 * @return bytes written; 0: not a binding request (drop it), or `size` too small
 */
size_t stun_answer_binding(const struct stun_msg *request, const struct sr_addr *source,
                           uint8_t *out, size_t size);

/** A binding request with FINGERPRINT. @return bytes written; 0: `size` too small */
size_t stun_write_binding(const uint8_t tid[STUN_TID_BYTES], uint8_t *out, size_t size);

/** CRC-32 (ISO 3309) of n bytes. */
uint32_t stun_crc32(const void *bytes, size_t n);

#endif

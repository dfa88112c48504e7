/**
 * @file msg.h  A received message: its bytes, an index of its headers, values parsed when first asked
 * for (RFC 3261 section 7, 25.1).
 *
 * sip_msg_parse gives structure, fast, and keeps going at faults so that a faulty request can still
 * be answered. It does not say that the message is good: for that ask sip_msg_check (check.h) first.
 *
 * Layer:   pure
 * Memory:  borrows the bytes and the header slots; they must outlive the message and not change.
 *          Nothing to free.
 * Thread:  not shared (accessors cache what they parsed)
 */
#ifndef SR_SIP_MSG_H
#define SR_SIP_MSG_H

#include "base/arena.h"
#include "sip/header.h"
#include "sip/method.h"
#include "sip/nameaddr.h"
#include "sip/values.h"
#include "sip/via.h"

enum {
    SIP_MSG_BYTES_MAX = 65535,
    SIP_LINE_BYTES_MAX = 8192, /* one header with its folds, or the start line */
    SIP_HEADERS_MAX = 256,
};

/** One header of the index. Offsets into the message; see sip_header_value and friends. */
struct sip_header {
    uint16_t begin;     /* of the name */
    uint16_t name_len;  /* without blanks before the colon */
    uint16_t value;     /* trimmed; may have folds (CR LF blank) inside */
    uint16_t value_len; /* may be 0 */
    uint16_t end;       /* behind the line end */
    uint16_t next_same; /* index + 1 of the next header with this id; 0: none */
    uint8_t id;         /* enum sip_hdr */
    bool is_folded;
};

struct sip_msg {        /* read-only for users; fields from `cache_` on are private */
    struct sr_str text; /* all received bytes */
    bool is_request;
    enum sip_method method;    /* request: its method; response: that of CSeq is sip_msg_cseq() */
    struct sr_str method_text; /* request */
    struct sr_str uri_text;    /* request: Request-URI as written */
    struct sr_str version;     /* "2.0" */
    uint16_t status;           /* response; 0 when outside 100..699 */
    struct sr_str reason;      /* response: phrase, may be empty */
    struct sr_str body;        /* cut by a good Content-Length; else all behind the empty line */
    uint16_t start_len;        /* of the start line with its line end */
    uint16_t head_len;         /* up to the body */
    uint16_t header_count;
    struct sip_header *headers;
    uint16_t first[SIP_HDR_COUNT]; /* index + 1 of the first header with this id; 0: none */

    /* first fault of structure, for check.h; fault_why NULL: none */
    const char *fault_why;
    uint16_t fault_offset;
    bool is_cut;             /* the empty line behind the headers is missing */
    bool is_shorter;         /* body shorter than Content-Length */
    bool has_length;         /* one well-formed Content-Length */
    uint32_t content_length; /* when has_length */

    uint16_t cache_done; /* bits: what was parsed; and whether well */
    uint16_t cache_good;
    struct sip_uri cache_uri;
    struct sip_via cache_via;
    struct sip_nameaddr cache_from;
    struct sip_nameaddr cache_to;
    struct sip_nameaddr cache_contact;
    struct sip_cseq cache_cseq;
    struct sr_str cache_call_id;
};

/**
 * Indexes a message. `slots` is the caller's memory for `slot_count` (<= SIP_HEADERS_MAX) headers. Line
 * ends before the start line are skipped. Bytes behind the body are ignored. A bare LF ends a line.
 *
 * @return SR_OK          there is a start line and the index; go on to sip_msg_check
 *         SR_ERR_AGAIN   only line ends (keep-alive), nothing to do
 *         SR_ERR_LIMIT   longer than SIP_MSG_BYTES_MAX: drop
 *         SR_ERR_SYNTAX  no SIP at all: drop; nothing of ret_msg may be used
 */
SR_MUST_USE enum sr_err sip_msg_parse(struct sr_str bytes, struct sip_header *slots,
                                      size_t slot_count, struct sip_msg *ret_msg,
                                      struct sip_diag *reterr_diag);

/** As above for a message to be kept: bytes are copied and everything is taken from the arena. NULL
    with *reterr set as above; SR_ERR_LIMIT also when the arena is full. */
struct sip_msg *sip_msg_keep(struct sr_arena *arena, struct sr_str bytes, enum sr_err *reterr);

/* --- headers ------------------------------------------------------------------------------------- */

/** First header of that id, or NULL; then the next, or NULL. */
const struct sip_header *sip_msg_find(const struct sip_msg *msg, enum sip_hdr id);
const struct sip_header *sip_msg_next(const struct sip_msg *msg, const struct sip_header *header);
/** First header of that name (for names not in the table), any case; or NULL. */
const struct sip_header *sip_msg_find_name(const struct sip_msg *msg, struct sr_str name);
struct sr_str sip_header_text(const struct sip_msg *msg,
                              const struct sip_header *header); /* name */
struct sr_str sip_header_value(const struct sip_msg *msg, const struct sip_header *header);
/** All of its bytes, with name, folds and line end. */
struct sr_str sip_header_raw(const struct sip_msg *msg, const struct sip_header *header);
/** Value of the first header of that id; p == NULL when there is none. */
struct sr_str sip_msg_value(const struct sip_msg *msg, enum sip_hdr id);
unsigned sip_msg_count(const struct sip_msg *msg, enum sip_hdr id); /* lines */

/** All values of a list header over all its lines, in order. */
struct sip_values { /* fields are private */
    const struct sip_msg *msg;
    const struct sip_header *header;
    struct sr_str rest;
    bool is_list;
};
struct sip_values sip_msg_values(const struct sip_msg *msg, enum sip_hdr id);
/** False at the end. Headers that are not lists give one value per line. */
bool sip_values_next(struct sip_values *values, struct sr_str *ret_value);
/** Is `token` (any case) among the values of a list header, parameters aside? (Supported, Require, Allow...) */
bool sip_msg_has_token(const struct sip_msg *msg, enum sip_hdr id, const char *token);

/* --- values, parsed when first asked for; NULL: absent or malformed -------------------------------- */

const struct sip_uri *sip_msg_uri(struct sip_msg *msg); /* Request-URI */
const struct sip_via *sip_msg_via(struct sip_msg *msg); /* the top one */
const struct sip_nameaddr *sip_msg_from(struct sip_msg *msg);
const struct sip_nameaddr *sip_msg_to(struct sip_msg *msg);
const struct sip_nameaddr *sip_msg_contact(struct sip_msg *msg); /* the first one */
const struct sip_cseq *sip_msg_cseq(struct sip_msg *msg);
struct sr_str sip_msg_call_id(struct sip_msg *msg); /* p == NULL: absent or malformed */
/** A header of digits (Max-Forwards, Expires, Min-Expires, RSeq, Flow-Timer...); the number is cut at
    2^32-1. False: absent or malformed. */
bool sip_msg_uint(const struct sip_msg *msg, enum sip_hdr id, uint32_t *ret_value);
/** Is the body of that type ("application/sdp")? False without a body. */
bool sip_msg_body_is(const struct sip_msg *msg, const char *type);
/** May a response carry that type? By Accept; without one `otherwise`. */
bool sip_msg_accepts(const struct sip_msg *msg, const char *type, bool otherwise);

#endif

/**
 * @file sdp.h  Session descriptions (RFC 8866): parse, typed views of lines, write, rewrite
 * addresses.
 *
 * A parsed description is a list of lines per section, in the order received; the lines are views
 * of the text. Known lines are decoded on top of that; unknown and odd ones stay and are written
 * back byte for byte. What makes the text unusable is an error; an attribute with a senseless
 * value is an error of that attribute's own parse function only (callers skip it).
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  arrays in the caller's arena (SDP_ARENA_BYTES always suffice), text borrowed: both must
 *          outlive the description
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_SDP_H
#define SR_SIP_SDP_H

#include "base/addr.h"
#include "base/arena.h"
#include "base/buf.h"

enum {
    SDP_TEXT_MAX = 65536, /* bytes of one description */
    SDP_LINE_MAX = 8192,  /* bytes of one line without its end */
    SDP_LINES_MAX = 1024, /* lines of all sections */
    SDP_MEDIA_MAX = 16,   /* m= lines */
    SDP_ATTRS_MAX = 512,  /* a= lines of all sections */
    SDP_FORMATS_MAX = 64, /* formats of one m= line */
    SDP_KEY_MAX = 64,     /* bytes of an SDES key with salt */
    SDP_DIGEST_MAX = 64,  /* bytes of a fingerprint */
    SDP_PTIME_MIN_MS = 5, /* ptime and maxptime outside are refused */
    SDP_PTIME_MAX_MS = 200,
    SDP_ARENA_BYTES = 65536, /* enough for any text that parses */
};

/** Where and why a parse stopped. Filled on failure only. */
struct sdp_diag {
    size_t offset; /* bytes into the text: start of the line */
    const char *why;
};

struct sdp_line {
    char type; /* 'v', 'o', 's'... */
    struct sr_str value;
};

struct sdp_section {
    const struct sdp_line *lines; /* in the order received; a media section begins with m= */
    uint16_t line_count;
};

struct sdp_origin {
    struct sr_str username;
    struct sr_str session_id;      /* digits; may exceed 64 bits: compare as text */
    struct sr_str session_version; /* digits */
    struct sr_str address;
};

/** c= line. */
struct sdp_connection {
    bool is_present;
    struct sr_str host;  /* as written, without /ttl; may be a name */
    struct sr_addr addr; /* port 0; SR_ADDR_NONE when host is a name */
};

enum sdp_direction {
    SDP_SENDRECV, /* also when nothing is said */
    SDP_SENDONLY,
    SDP_RECVONLY,
    SDP_INACTIVE,
};

struct sdp_media {
    struct sdp_section section;
    struct sr_str type;  /* "audio", "video", "image", "application"... */
    uint16_t port;       /* 0: refused or disabled */
    uint16_t port_count; /* "/n", else 1 */
    struct sr_str proto; /* "RTP/AVP", "udptl"... */
    const struct sr_str *formats;
    uint8_t format_count;             /* at least 1 */
    struct sdp_connection connection; /* the media's own, else the session's */
    enum sdp_direction direction;     /* the media's own, else the session's, else sendrecv */
};

struct sdp {
    struct sr_str text;
    struct sdp_section session;
    struct sdp_origin origin;
    struct sdp_connection connection;
    struct sdp_media *media;
    uint8_t media_count;
};

/**
 * Parses a description. Lines may end in CRLF or LF; the last may lack its end.
 *
 * @param      text        at most SDP_TEXT_MAX bytes
 * @param      arena       receives the arrays
 * @param[out] ret_sdp     set on success only
 * @param[out] reterr_diag set on failure only; may be NULL
 *
 * @return SR_OK
 *         SR_ERR_LIMIT   a maximum above, or the arena, is exceeded; answer 488
 *         SR_ERR_SYNTAX  not a description: v=0 and o= missing, NUL or bare CR inside, malformed
 *                        o=, c= or m= line, port above 65535; answer 400 (or 488)
 */
SR_MUST_USE enum sr_err sdp_parse(struct sr_str text, struct sr_arena *arena, struct sdp *ret_sdp,
                                  struct sdp_diag *reterr_diag);

/** All lines as they are, each ended by CRLF. SR_ERR_LIMIT when the buffer is full. */
SR_MUST_USE enum sr_err sdp_write(const struct sdp *sdp, struct sr_buf *buf);

/** "sendrecv"... Never NULL. */
const char *sdp_direction_name(enum sdp_direction direction);

/* --- attributes ------------------------------------------------------------------------------ */

/**
 * Next a= line called `name` (case kept) in a section: start with *cursor = 0.
 *
 * @param[out] ret_value text behind the colon; empty for a flag ("a=rtcp-mux")
 * @return false: no further one
 */
bool sdp_attr_next(const struct sdp_section *section, const char *name, uint16_t *cursor,
                   struct sr_str *ret_value);
/** The first one in the media section, else in the session's. media may be NULL. */
bool sdp_attr_find(const struct sdp *sdp, const struct sdp_media *media, const char *name,
                   struct sr_str *ret_value);

struct sdp_rtpmap {
    uint8_t pt; /* 0..127 */
    struct sr_str name;
    uint32_t clock_hz; /* 1..384000 */
    uint8_t channels;  /* 1 when not said */
};
SR_MUST_USE enum sr_err sdp_rtpmap_parse(struct sr_str value, struct sdp_rtpmap *ret_rtpmap);

struct sdp_fmtp {
    uint8_t pt;
    struct sr_str params; /* "useinbandfec=1;stereo=0" as written */
};
SR_MUST_USE enum sr_err sdp_fmtp_parse(struct sr_str value, struct sdp_fmtp *ret_fmtp);
/** Value of one parameter of an fmtp (name case-insensitive); false when absent. A parameter
    without '=' has the empty value. */
bool sdp_fmtp_param(struct sr_str params, const char *name, struct sr_str *ret_value);

enum {
    SDP_STATIC_PT_MAX = 34 /* the highest number that says a codec by itself */
};

/** What a payload type means without an rtpmap (RFC 3551 6). False: nothing. */
bool sdp_rtpmap_static(uint8_t pt, struct sdp_rtpmap *ret_rtpmap);

/** Payload type of an m= line's format: 0..127. */
SR_MUST_USE enum sr_err sdp_pt_parse(struct sr_str format, uint8_t *ret_pt);
/** ptime, maxptime in whole ms (a fraction is cut). SR_ERR_LIMIT outside SDP_PTIME_MIN/MAX_MS. */
SR_MUST_USE enum sr_err sdp_ptime_parse(struct sr_str value, uint16_t *ret_ptime_ms);

/** a=rtcp:port [IN IP4 address]; addr.family is SR_ADDR_NONE when no address is said. */
SR_MUST_USE enum sr_err sdp_rtcp_parse(struct sr_str value, struct sr_addr *ret_addr);

struct sdp_crypto {
    uint32_t tag; /* 0..999999999 */
    struct sr_str suite;
    uint8_t key[SDP_KEY_MAX]; /* master key and salt, decoded: wipe after use */
    uint8_t key_bytes;
    struct sr_str lifetime;       /* "2^31"; may be empty */
    struct sr_str mki;            /* "1:4"; may be empty */
    struct sr_str session_params; /* "UNENCRYPTED_SRTP..."; may be empty */
};
/** RFC 4568; the first inline key of several. */
SR_MUST_USE enum sr_err sdp_crypto_parse(struct sr_str value, struct sdp_crypto *ret_crypto);

struct sdp_fingerprint {
    struct sr_str hash; /* "sha-256", as written */
    uint8_t bytes[SDP_DIGEST_MAX];
    uint8_t byte_count;
};
SR_MUST_USE enum sr_err sdp_fingerprint_parse(struct sr_str value,
                                              struct sdp_fingerprint *ret_fingerprint);

enum sdp_setup {
    SDP_SETUP_NONE,
    SDP_SETUP_ACTIVE,
    SDP_SETUP_PASSIVE,
    SDP_SETUP_ACTPASS,
    SDP_SETUP_HOLDCONN,
};
SR_MUST_USE enum sr_err sdp_setup_parse(struct sr_str value, enum sdp_setup *ret_setup);
const char *sdp_setup_name(enum sdp_setup setup); /* "" for SDP_SETUP_NONE */

enum sdp_candidate_type {
    SDP_CANDIDATE_HOST,
    SDP_CANDIDATE_SRFLX,
    SDP_CANDIDATE_PRFLX,
    SDP_CANDIDATE_RELAY,
};

struct sdp_candidate {
    struct sr_str foundation;
    uint16_t component; /* 1..256 */
    bool is_tcp;
    uint32_t priority;
    struct sr_str host;  /* as written; may be a name ("....local") */
    struct sr_addr addr; /* SR_ADDR_NONE when host is a name */
    uint16_t port;       /* also in addr */
    enum sdp_candidate_type type;
    struct sr_addr related; /* raddr, rport; SR_ADDR_NONE when absent or a name */
    struct sr_str tcptype;  /* "active", "passive", "so"; empty */
};
SR_MUST_USE enum sr_err sdp_candidate_parse(struct sr_str value,
                                            struct sdp_candidate *ret_candidate);
/** The value behind "a=candidate:". */
void sdp_candidate_write(const struct sdp_candidate *candidate, struct sr_buf *buf);

struct sdp_ssrc {
    uint32_t ssrc;
    struct sr_str attr; /* "cname" */
    struct sr_str value;
};
SR_MUST_USE enum sr_err sdp_ssrc_parse(struct sr_str value, struct sdp_ssrc *ret_ssrc);

struct sdp_extmap {
    uint16_t id; /* 1..14, 1..255 in two-byte form; up to 4096..4351 in offers */
    enum sdp_direction direction;
    struct sr_str uri;
};
SR_MUST_USE enum sr_err sdp_extmap_parse(struct sr_str value, struct sdp_extmap *ret_extmap);

/** Whether a session-level a=group of `semantics` ("BUNDLE") names `mid`. */
bool sdp_group_has(const struct sdp *sdp, const char *semantics, struct sr_str mid);

/* --- writing --------------------------------------------------------------------------------- */

/** "type=value" CRLF; bytes of the value below 0x20 (but tab) and 0x7f are left out. */
void sdp_put(struct sr_buf *buf, char type, struct sr_str value);
/** "a=name" or "a=name:value". */
void sdp_put_attr(struct sr_buf *buf, const char *name, struct sr_str value);
/** "c=IN IP4 192.0.2.1", without brackets for IPv6. */
void sdp_put_connection(struct sr_buf *buf, const struct sr_addr *addr);
void sdp_put_crypto(struct sr_buf *buf, uint32_t tag, struct sr_str suite, const uint8_t *key,
                    size_t key_bytes);
void sdp_put_fingerprint(struct sr_buf *buf, struct sr_str hash, const uint8_t *bytes,
                         size_t byte_count);

/* --- passing through ------------------------------------------------------------------------- */

/** Where one media stream is to go. */
struct sdp_rewrite_media {
    struct sr_addr rtp;  /* SR_ADDR_NONE: this m= line is disabled (port 0) */
    struct sr_addr rtcp; /* SR_ADDR_NONE: rtp's port + 1; used only where a=rtcp was */
};

struct sdp_rewrite {
    struct sr_addr session;                /* o= and session c= address */
    const struct sdp_rewrite_media *media; /* one per m= line */
    uint8_t media_count;
};

/**
 * Writes the description with only addresses and ports changed: o=, c=, m=, a=rtcp; ICE lines
 * (candidate, remote-candidates, end-of-candidates, ufrag, pwd, options, lite) are dropped, since
 * they name the other side's addresses, as a=source-filter does, and so are a=group:BUNDLE and a=bundle-only: every m= line
 * goes to ports of its own. m= lines that had port 0 keep it. All other lines are copied byte for
 * byte. Of an m= line that is disabled here only that line stays.
 *
 * @return SR_OK; SR_ERR_STATE media_count differs from the description's; SR_ERR_LIMIT buffer full
 */
SR_MUST_USE enum sr_err sdp_rewrite(const struct sdp *sdp, const struct sdp_rewrite *rewrite,
                                    struct sr_buf *buf);

#endif

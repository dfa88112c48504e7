/**
 * @file uri.h  URIs (RFC 3261 19.1, RFC 3966 tel, RFC 2396 for any other scheme, kept opaque).
 *
 * Parts are views of the text as written, with its %-escapes: a URI is split before it is unescaped.
 * User parts are unescaped by sip_uri_user.
 *
 * Layer:   pure
 * Memory:  borrowed; valid while the parsed text is alive and unchanged
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_URI_H
#define SR_SIP_URI_H

#include "base/addr.h"
#include "sip/token.h"

enum {
    SIP_URI_TEXT_MAX = 4096,
    SIP_URI_PORT_NONE = 0,
    SIP_URI_PARTS_MAX = 64, /* parameters and headers of URIs that are compared */
};

enum sip_scheme {
    SIP_SCHEME_OTHER = 0, /* opaque: see scheme_text and opaque */
    SIP_SCHEME_SIP,
    SIP_SCHEME_SIPS,
    SIP_SCHEME_TEL,
};

struct sip_uri {
    enum sip_scheme scheme;
    struct sr_str text;        /* the whole URI as parsed; sip_uri_write does not look at it */
    struct sr_str scheme_text; /* "sip", as written */
    struct sr_str user;        /* escaped; with user parameters ("+1;phone-context=x") */
    struct sr_str password;    /* escaped */
    struct sr_str host;        /* IPv6 without brackets */
    struct sr_str params;      /* from the first ';': ";lr;transport=tcp"; also of tel: */
    struct sr_str headers;     /* behind '?': "a=b&c=d" */
    struct sr_str opaque;      /* tel: the number; other schemes: all behind ':' */
    uint16_t port;             /* SIP_URI_PORT_NONE: not present */
    bool has_user;
    bool has_password;
    bool is_ip6; /* host is an IPv6 reference */
};

/**
 * Parses one URI; nothing may be around it.
 *
 * @return SR_OK
 *         SR_ERR_LIMIT   longer than SIP_URI_TEXT_MAX
 *         SR_ERR_SYNTAX  not a URI; answer 400
 */
SR_MUST_USE enum sr_err sip_uri_parse(struct sr_str text, struct sip_uri *ret_uri,
                                      struct sip_diag *reterr_diag);

/** Writes from the parts. What may not stand in its part is %-escaped. scheme OTHER writes
    scheme_text ":" opaque. */
void sip_uri_write(struct sr_buf *buf, const struct sip_uri *uri);

/** Equality of RFC 3261 19.1.4 (sip, sips), of RFC 3966 section 4 (tel), else byte-wise with
    a case-insensitive scheme. Of one with more than SIP_URI_PARTS_MAX parameters and headers
    these are compared byte for byte. */
bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b);

/** A URI parameter (name case-insensitive); ret_value may be NULL, is escaped as written, "" when without one. */
bool sip_uri_param(const struct sip_uri *uri, const char *name, struct sr_str *ret_value);
/** Walks URI parameters as written: start with *rest = uri->params. */
bool sip_uri_param_next(struct sr_str *rest, struct sip_param *ret_param);
/** Walks "?a=b&c=d": start with *rest = uri->headers. Escaped as written. */
bool sip_uri_header_next(struct sr_str *rest, struct sip_param *ret_header);
/** A header of the URI (name case-insensitive), e.g. "Replaces" in Refer-To; escaped as written. */
bool sip_uri_header(const struct sip_uri *uri, const char *name, struct sr_str *ret_value);

/** Is it a loose router (;lr)? */
bool sip_uri_is_lr(const struct sip_uri *uri);

/** Appends text with %xx decoded. A decoded octet below 0x20 or 0x7f stays escaped, so that it can
    be put into a header or a log. @return SR_OK; SR_ERR_SYNTAX a broken escape (nothing appended) */
SR_MUST_USE enum sr_err sip_unescape(struct sr_str text, struct sr_buf *buf);
/** The user part unescaped into `out` (NUL-terminated); for tel: the number.
    @return the text; empty with p == NULL when there is none, it does not fit, or an escape is broken */
struct sr_str sip_uri_user(const struct sip_uri *uri, char *out, size_t size);
/** Appends text with everything but characters of `classes` (SIP_CH_USER...) escaped. A '%' is
    escaped too: give plain text, not escaped text. */
void sip_escape(struct sr_str plain, unsigned classes, struct sr_buf *buf);

/** The host as an address with the URI's port (0 without one). False: a name. */
bool sip_uri_addr(const struct sip_uri *uri, struct sr_addr *ret_addr);

/** Takes "host[:port]" with an IPv6 reference in brackets; shared with Via. */
SR_MUST_USE enum sr_err sip_scan_hostport(struct sip_scan *scan, struct sr_str *ret_host,
                                          uint16_t *ret_port, bool *ret_is_ip6);

#endif

/**
 * @file nameaddr.h  name-addr / addr-spec with parameters: From, To, Contact, Route, Record-Route,
 * Path, P-Asserted-Identity, Diversion, Refer-To, History-Info, Call-Info... (RFC 3261 20.10).
 *
 * Layer:   pure
 * Memory:  borrowed; valid while the parsed text is alive and unchanged
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_NAMEADDR_H
#define SR_SIP_NAMEADDR_H

#include "sip/uri.h"

enum {
    SIP_NAMEADDR_TEXT_MAX = 8192,
    SIP_Q_MAX = 1000, /* q=1.0 */
};

struct sip_nameaddr {
    struct sr_str display; /* as written, with its quotes; empty: none. Decode with sip_unquote */
    struct sip_uri uri;    /* not set when is_star */
    struct sr_str
        params;        /* of the header, from the first ';'; without < > all parameters are here */
    struct sr_str tag; /* the tag parameter, empty: none */
    bool is_star;      /* "*" (Contact of a REGISTER) */
    bool has_brackets;
};

/**
 * Parses one value (no header name, no list).
 *
 * @return SR_OK
 *         SR_ERR_LIMIT   longer than SIP_NAMEADDR_TEXT_MAX, or its URI too long
 *         SR_ERR_SYNTAX  answer 400
 */
SR_MUST_USE enum sr_err sip_nameaddr_parse(struct sr_str text, struct sip_nameaddr *ret_addr,
                                           struct sip_diag *reterr_diag);

/** Appends `"display" <uri>;params`: display is plain text and gets quoted and escaped (empty: left out);
    uri_text is a URI written already; params as of a header (";tag=x"), made safe. */
void sip_nameaddr_write(struct sr_buf *buf, struct sr_str display, struct sr_str uri_text,
                        struct sr_str params);

/** Parameter of the header (not of the URI); value as written; ret_value may be NULL. */
bool sip_nameaddr_param(const struct sip_nameaddr *addr, const char *name,
                        struct sr_str *ret_value);
/** q in thousandths; `otherwise` when absent or malformed. */
uint32_t sip_nameaddr_q(const struct sip_nameaddr *addr, uint32_t otherwise);
/** ";expires=" in seconds; `otherwise` when absent or malformed; above 2^32-1 gives 2^32-1. */
uint32_t sip_nameaddr_expires(const struct sip_nameaddr *addr, uint32_t otherwise);

#endif

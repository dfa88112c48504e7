/**
 * @file via.h  Via header values (RFC 3261 20.42, RFC 3581 rport).
 *
 * Layer:   pure
 * Memory:  borrowed; valid while the parsed text is alive and unchanged
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_VIA_H
#define SR_SIP_VIA_H

#include "base/addr.h"
#include "sip/token.h"

enum {
    SIP_VIA_PORT_NONE = 0, /* sent-by without a port */
    SIP_VIA_TEXT_MAX = 4096,
};

enum sip_transport {
    SIP_TRANSPORT_OTHER = 0,
    SIP_TRANSPORT_UDP,
    SIP_TRANSPORT_TCP,
    SIP_TRANSPORT_TLS,
    SIP_TRANSPORT_SCTP,
    SIP_TRANSPORT_WS,
    SIP_TRANSPORT_WSS,
};

struct sip_via {
    struct sr_str version;        /* "2.0", not checked here */
    struct sr_str transport_text; /* "UDP", as written by the peer */
    enum sip_transport transport;
    struct sr_str host; /* IPv6 without brackets */
    uint16_t port;      /* SIP_VIA_PORT_NONE: not present */
    bool is_ip6;
    bool rport_wanted;      /* ";rport" without a value */
    uint16_t rport;         /* value of ";rport=", 0 without */
    struct sr_str branch;   /* empty: none */
    struct sr_str received; /* IPv6 without brackets; a claim of the peer in a request */
    struct sr_str maddr;
    struct sr_str params; /* all, from the first ';' */
};

/** "UDP"...; "" for OTHER. Never NULL. */
const char *sip_transport_name(enum sip_transport transport);
enum sip_transport sip_transport_of(struct sr_str name); /* any case */

/**
 * Parses one Via value (no header name, no list).
 *
 * @return SR_OK
 *         SR_ERR_LIMIT   longer than SIP_VIA_TEXT_MAX
 *         SR_ERR_SYNTAX  not a Via value; answer 400
 */
SR_MUST_USE enum sr_err sip_via_parse(struct sr_str text, struct sip_via *ret_via,
                                      struct sip_diag *reterr_diag);

/** Does the branch have the cookie "z9hG4bK" (any case) and something behind it? */
bool sip_via_is_3261(const struct sip_via *via);

/**
 * Appends the value with the parameters received and rport as RFC 3261 18.2.1 and RFC 3581 want them
 * for a request that came from `source`: what the peer wrote there is dropped.
 */
void sip_via_write_received(struct sr_buf *buf, const struct sip_via *via,
                            const struct sr_addr *source);

/**
 * Where a response goes over an unreliable transport (RFC 3261 18.2.2, RFC 3581 section 4), by a Via
 * of our own making (that has received/rport from us) or, with `source`, by a request's own top Via.
 * maddr is obeyed only when it is an address and not multicast.
 *
 * @return false when neither sent-by nor received is an address: resolve via->host, via->port
 */
bool sip_via_reply_addr(const struct sip_via *via, const struct sr_addr *source,
                        struct sr_addr *ret_addr);

#endif

/**
 * @file addr.h  IP addresses with ports, and networks (CIDR).
 *
 * IPv4-mapped IPv6 addresses are stored as IPv4, so every filter sees one form.
 *
 * Layer:   ground
 * Thread:  re-entrant
 */
#ifndef SR_BASE_ADDR_H
#define SR_BASE_ADDR_H

#include <sys/socket.h>

#include "base/buf.h"

enum sr_addr_family {
    SR_ADDR_NONE = 0,
    SR_ADDR_IP4 = 4,
    SR_ADDR_IP6 = 6,
};

struct sr_addr {
    uint8_t family; /* enum sr_addr_family */
    uint16_t port;  /* host order; 0 = none */
    uint32_t scope; /* IPv6 link-local interface index, else 0 */
    uint8_t ip[16]; /* network order; IPv4 in the first 4 bytes, the rest 0 */
};

enum {
    SR_ADDR_TEXT_MAX = 64
}; /* "[....%4294967295]:65535" with NUL */

/** "192.0.2.1", "2001:db8::1" or "[2001:db8::1]", without port. */
SR_MUST_USE enum sr_err sr_addr_parse_ip(struct sr_str text, struct sr_addr *ret_addr);
/** "192.0.2.1:5060", "[2001:db8::1]:5060"; without a port, `default_port`. */
SR_MUST_USE enum sr_err sr_addr_parse(struct sr_str text, uint16_t default_port,
                                      struct sr_addr *ret_addr);
void sr_addr_from_sockaddr(const struct sockaddr *sa, struct sr_addr *ret_addr);
/** @return length of the sockaddr written; 0 for SR_ADDR_NONE */
socklen_t sr_addr_to_sockaddr(const struct sr_addr *addr, struct sockaddr_storage *ret_sa);

/** Address without port; IPv6 without brackets (SDP) or with (URI, Via). NUL-terminated. */
const char *sr_addr_ip_text(const struct sr_addr *addr, char out[SR_ADDR_TEXT_MAX]);
const char *sr_addr_host_text(const struct sr_addr *addr, char out[SR_ADDR_TEXT_MAX]);
/** "192.0.2.1:5060", "[2001:db8::1]:5060". */
const char *sr_addr_text(const struct sr_addr *addr, char out[SR_ADDR_TEXT_MAX]);

bool sr_addr_eq(const struct sr_addr *a, const struct sr_addr *b);    /* with port */
bool sr_addr_ip_eq(const struct sr_addr *a, const struct sr_addr *b); /* without port */
uint64_t sr_addr_hash(const struct sr_addr *addr);

bool sr_addr_is_any(const struct sr_addr *addr);
bool sr_addr_is_loopback(const struct sr_addr *addr);
bool sr_addr_is_link_local(const struct sr_addr *addr);
bool sr_addr_is_multicast(const struct sr_addr *addr); /* and IPv4 broadcast, 0.0.0.0/8 but any */
/** RFC 1918, RFC 6598, unique local IPv6. */
bool sr_addr_is_private(const struct sr_addr *addr);

struct sr_cidr {
    struct sr_addr addr;
    uint8_t bits;
};

/** "10.0.0.0/8", "2001:db8::/32", or a single address. Host bits may be set. */
SR_MUST_USE enum sr_err sr_cidr_parse(struct sr_str text, struct sr_cidr *ret_cidr);
bool sr_cidr_has(const struct sr_cidr *cidr, const struct sr_addr *addr);

#endif

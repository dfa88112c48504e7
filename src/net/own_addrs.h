/**
 * @file own_addrs.h  The addresses of this host that others may know it by.
 *
 * Left out: link-local ones, interfaces that are down, IPv6 privacy addresses (RFC 8981: another one
 * every day), bridges of containers and virtual machines (they come and go, and nobody outside reaches
 * them). What stays seldom changes; certificates that must be trusted by hand are made for it.
 *
 * Layer:   net
 * Thread:  any; asks the system, does not block
 */
#ifndef SR_NET_OWN_ADDRS_H
#define SR_NET_OWN_ADDRS_H

#include "base/addr.h"

/** Up to `max` addresses, loopback among them, in the system's order; ports and scopes are 0. */
size_t net_own_addrs(struct sr_addr *ret_addrs, size_t max);
/** Of those the one that phones on the LAN are told: IPv4 before IPv6, private before public, loopback
    last; else the first. NULL: none. */
const struct sr_addr *net_lan_addr(const struct sr_addr *addrs, size_t count);

#endif

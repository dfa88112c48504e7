/**
 * @file socket.h  Sockets made ready: non-blocking, close-on-exec, bound, with reasons in words.
 *
 * Layer:   net, private to net/
 * Thread:  any
 */
#ifndef SR_NET_SOCKET_H
#define SR_NET_SOCKET_H

#include "base/addr.h"
#include "net/net.h"

/**
 * A bound socket: UDP with packet info and enlarged buffers, else a listening TCP socket.
 *
 * @return SR_OK; SR_ERR_EXISTS taken, with the holder in words; SR_ERR_IO refused
 */
SR_MUST_USE enum sr_err socket_bind(enum net_kind kind, const struct sr_addr *addr, int *ret_fd,
                                    struct sr_addr *ret_addr, char reterr_why[NET_WHY_MAX]);
/** A TCP socket whose connect has begun; `local` (port ignored) may be of family NONE. */
SR_MUST_USE enum sr_err socket_connect(const struct sr_addr *remote, const struct sr_addr *local,
                                       int *ret_fd, struct sr_addr *ret_local);
/** Marks what is sent from now on (RFC 2474). A wish: not every network lets it pass. */
void socket_mark(int fd, uint8_t family, uint8_t dscp);
/** One datagram and the address it came to. @return bytes, or -1 with errno */
ssize_t socket_recv(int fd, char *out, size_t size, struct net_flow *flow, bool *ret_truncated,
                    uint32_t *ret_dropped);
/** One datagram from flow->local (if it has an address) to flow->remote. False with errno. */
bool socket_send(int fd, const struct net_flow *flow, struct sr_str bytes);
/** See net_local_for(). */
SR_MUST_USE enum sr_err socket_local_for(const struct sr_addr *remote, struct sr_addr *ret_local);
/** The process that has the port: "kamailio (pid 12)", or "" when it cannot be found out. */
void socket_holder(enum net_kind kind, const struct sr_addr *addr, char out[NET_WHY_MAX]);

#endif

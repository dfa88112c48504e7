/**
 * @file net_ws.h  SIP over WebSocket (RFC 7118): carries messages between the web thread, which owns
 * the sockets, and the loop, where they are transport bytes like any other (net_add_transport).
 *
 * Two bounded queues. The web thread names each socket by a number that is never used twice. What a
 * full queue costs: the socket it happened to, closed with 1013; a SIP client connects again and
 * registers anew. Nobody waits.
 *
 * Layer:   net
 * Thread:  as each function says
 * Memory:  owned; messages are copied
 */
#ifndef SR_NET_NET_WS_H
#define SR_NET_NET_WS_H

#include "base/mpsc.h"
#include "net/net.h"

enum {
    NET_WS_UP_BYTES_MAX = 8 << 20,    /* from all sockets, waiting for the loop */
    NET_WS_UP_MESSAGES_MAX = 64,      /* of one socket: a phone does not send more at once */
    NET_WS_DOWN_BYTES_MAX = 16 << 20, /* to all sockets, waiting for the web thread */
};

struct net_ws;
struct net_ws_peer; /* one socket, as the web thread holds it until net_ws_closed() */

/** One order for the web thread. */
struct net_ws_order {
    struct sr_mpsc_node node; /* private */
    uint64_t number;
    bool is_close;
    bool is_busy;        /* of is_close: a queue or cap is full, 1013; else 1000 */
    struct sr_str bytes; /* behind this struct; a whole SIP message, or CR LF */
};

/** Loop's thread: joins `net` as the transport of WS and WSS. @param wake  called on the loop's thread
    when orders wait for the web thread */
struct net_ws *net_ws_new(struct net *net, struct loop *loop, void (*wake)(void *arg), void *arg);
/** Loop's thread, before net_free() and after the web thread has ended. NULL is fine. */
void net_ws_free(struct net_ws *ws);

/** Web thread: a socket speaks SIP. `number`: names it in orders; `flow`: WS or WSS and addresses. */
struct net_ws_peer *net_ws_opened(struct net_ws *ws, uint64_t number, const struct net_flow *flow);
/** Web thread: a message came. SR_ERR_LIMIT: a queue is full, close the socket with 1013. */
SR_MUST_USE enum sr_err net_ws_message(struct net_ws_peer *peer, struct sr_str bytes);
/** Web thread: the socket is gone; the pointer is dead. */
void net_ws_closed(struct net_ws_peer *peer);
/** Web thread: the next order, or NULL; sr_free() it. */
struct net_ws_order *net_ws_next(struct net_ws *ws);

#endif

/**
 * @file net_internal.h  The inside of `struct net`, shared by its two twins.
 *
 * Layer:   net, private
 */
#ifndef SR_NET_NET_INTERNAL_H
#define SR_NET_NET_INTERNAL_H

#include "base/idtab.h"
#include "net/net.h"

struct net__conn;

/** What the twins differ in; see net.h for the contracts. */
struct net_ops {
    enum sr_err (*tls_load)(struct net *net, const struct net_tls_files *files, char *reterr_why);
    enum sr_err (*listen)(struct net *net, enum net_kind kind, const struct sr_addr *addr,
                          struct sr_addr *ret_addr, char *reterr_why);
    enum sr_err (*send_udp)(struct net *net, struct net_flow *flow, struct sr_str bytes);
    /** `conn` NULL: find or open by `dial`. */
    enum sr_err (*send_stream)(struct net *net, struct net__conn *conn, struct net_flow *flow,
                               const struct net_dial *dial, struct sr_str bytes);
    enum sr_err (*ping)(struct net *net, struct net__conn *conn);
    void (*keep)(struct net *net, struct net__conn *conn, sr_usec until);
    void (*close)(struct net *net, struct net__conn *conn);
    enum sr_err (*local_for)(struct net *net, const struct sr_addr *remote,
                             struct sr_addr *ret_local);
    uint64_t (*udp_backlog)(const struct net *net); /* NULL: there is none */
    void (*free)(struct net *net);
};

/** Head of every connection in the id table. */
struct net__conn {
    struct net_flow flow;
    bool is_external;           /* net_feed_opened() */
    bool is_open;               /* connected, TLS settled */
    bool is_closing;            /* takes no more messages */
    uint64_t peer;              /* external: the transport's number */
    struct loop_job closed_job; /* external: tells on_closed after net_close_conn() */
    struct net *net;
};

struct net {
    const struct net_ops *ops;
    struct loop *loop;
    struct net_handler handler;
    void *arg;
    struct net_options options; /* defaults filled in; ca_file owned */
    struct net_counters counters;
    struct sr_idtab conns;
    const struct net_transport_ops *external[NET_KIND_COUNT];
    void *external_arg[NET_KIND_COUNT];
};

void net__init(struct net *net, const struct net_ops *ops, struct loop *loop,
               const struct net_handler *handler, void *arg, const struct net_options *options);
void net__done(struct net *net);

void net__tell_message(struct net *net, const struct net_flow *flow, struct sr_str bytes);
void net__tell_closed(struct net *net, const struct net_flow *flow, enum sr_err err,
                      const char *why);
/** Answers STUN on a SIP port. @return bytes of the answer, 0: none; true in ret_taken: it was STUN */
size_t net__stun(struct net *net, const struct net_flow *flow, struct sr_str bytes, uint8_t *out,
                 size_t out_size, bool *ret_taken);
/** Only CR, LF and NUL: a keep-alive datagram. */
bool net__is_keepalive(struct sr_str bytes);

#endif

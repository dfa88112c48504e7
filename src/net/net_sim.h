/**
 * @file net_sim.h  A simulated network in virtual time: the same `struct net`, and raw endpoints for
 * tests to play phones and providers.
 *
 * Everything random comes from the seed of the loop; the same seed gives the same trace. Datagrams
 * may be lost, delayed, repeated and overtaken; streams (TCP, TLS) are only delayed, in order; what
 * meets a partition waits for its end, at most SIM_STREAM_CUT_SEC, then the connection is gone. Idle
 * and half-message deadlines are not simulated.
 *
 * Layer:   net
 * Thread:  the loop's
 */
#ifndef SR_NET_NET_SIM_H
#define SR_NET_NET_SIM_H

#include "net/net.h"

enum {
    SIM_MESSAGES_MAX = 100000, /* on the way at once; more are lost */
    SIM_TRACE_BYTES_MAX = 4 << 20,
    SIM_STREAM_CUT_SEC = 30,
    SIM_LINKS_MAX = 64,
};

struct sim_wire;
struct sim_end;

/** One direction between two hosts. Probabilities 0..1. */
struct sim_link {
    double loss;
    double duplicate;
    double reorder;      /* this share gets another `jitter_usec` + `delay_usec` on top */
    sr_usec delay_usec;  /* one way */
    sr_usec jitter_usec; /* uniform on top */
};

/** The wire all nets and endpoints of one test hang on. Loop: loop_sim_new(). */
struct sim_wire *sim_wire_new(struct loop *loop);
/** After its nets and endpoints were freed. */
void sim_wire_free(struct sim_wire *wire);
/** Of all pairs that have no own link. Default: 1 ms, nothing lost. */
void sim_wire_set_default(struct sim_wire *wire, const struct sim_link *link);
/** Of datagrams and streams from host `from` to host `to` (ports do not matter). */
void sim_wire_set_link(struct sim_wire *wire, const struct sr_addr *from, const struct sr_addr *to,
                       const struct sim_link *link);
/** Nothing passes between the two hosts, in both directions, while cut. */
void sim_wire_cut(struct sim_wire *wire, const struct sr_addr *a, const struct sr_addr *b,
                  bool is_cut);
/** Connections to this address and port are never answered, as behind a firewall that drops. */
void sim_wire_set_hole(struct sim_wire *wire, const struct sr_addr *addr);
/** One line per message sent, delivered or lost ("12.345678 UDP a > b 312 sent"). */
struct sr_str sim_wire_trace(const struct sim_wire *wire);

/** A `struct net` on the wire; `host` is its address (listeners on "any" get it). TLS names are
    compared as text: net_tls_load() takes cert_file for the name. */
struct net *net_sim_new(struct sim_wire *wire, const struct sr_addr *host,
                        const struct net_handler *handler, void *arg,
                        const struct net_options *options);

/** An address of the other family: the host is dual stack from now on. */
void net_sim_add_host(struct net *net, const struct sr_addr *host);

/** What a raw endpoint hears. `conn` is SR_ID_NONE on UDP. */
struct sim_end_handler {
    void (*on_bytes)(void *arg, struct sim_end *end, const struct net_flow *flow,
                     struct sr_str bytes);
    void (*on_closed)(void *arg, struct sim_end *end, const struct net_flow *flow); /* or NULL */
};

/** A phone at addr (with port) that listens for kind. */
struct sim_end *sim_end_new(struct sim_wire *wire, enum net_kind kind, const struct sr_addr *addr,
                            const struct sim_end_handler *handler, void *arg);
void sim_end_free(struct sim_end *end);
/** The name its certificate has; a dial with verification to another name fails with AUTH. */
void sim_end_set_tls_name(struct sim_end *end, struct sr_str name);
/** UDP: a datagram. Streams: over flow->conn, or when SR_ID_NONE a new connection to flow->remote
    (the id is filled in). NOTFOUND: connection gone, or nobody listens there. */
SR_MUST_USE enum sr_err sim_end_send(struct sim_end *end, struct net_flow *flow,
                                     struct sr_str bytes);
/** Closes one connection of this endpoint. */
void sim_end_close(struct sim_end *end, sr_id conn);

#endif

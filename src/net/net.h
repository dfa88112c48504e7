/**
 * @file net.h  SIP transports: UDP, TCP, TLS (RFC 3261 18, RFC 5626 keep-alives, RFC 5922), and the
 * place where WebSocket joins them.
 *
 * One interface, two twins: net_new() with sockets, net_sim_new() (net_sim.h) in virtual time.
 *
 * Layer:   net
 * Memory:  a `struct net` is owned; connections belong to it and are named by id
 * Thread:  the loop's
 */
#ifndef SR_NET_NET_H
#define SR_NET_NET_H

#include "base/addr.h"
#include "net/loop.h"

enum {
    NET_MESSAGE_BYTES_MAX = 65536,       /* one SIP message, any transport */
    NET_WRITE_QUEUE_BYTES_MAX = 1 << 20, /* per connection; full: SR_ERR_LIMIT and closed */
    NET_LISTENERS_MAX = 64,
    NET_CONNS_MAX = 20000,          /* default of net_options.conns_max */
    NET_CONNS_PER_SOURCE_MAX = 256, /* default; loopback included */
    NET_UDP_BATCH = 64,             /* datagrams per socket and turn */
    NET_UDP_BUFFER_BYTES = 4 << 20, /* asked from the kernel, both ways */
    NET_TLS_NAME_MAX = 256,
    NET_WHY_MAX = 256,
};

enum net_kind {
    NET_UDP,
    NET_TCP,
    NET_TLS,
    NET_WS,
    NET_WSS,
    NET_KIND_COUNT,
};

/** "UDP", "TCP", "TLS", "WS", "WSS", as in Via. */
const char *net_kind_name(enum net_kind kind);
/** Why an address could not be opened (errno of bind or listen), in words: who has it, what to do. */
void net_bind_why(enum net_kind kind, const struct sr_addr *addr, int error,
                  char reterr_why[NET_WHY_MAX]);
static inline bool net_kind_is_stream(enum net_kind kind)
{
    return kind != NET_UDP;
}
static inline bool net_kind_is_secure(enum net_kind kind)
{
    return kind == NET_TLS || kind == NET_WSS;
}

/** Where bytes came from or go to. A value: copy it freely. */
struct net_flow {
    enum net_kind kind;
    struct sr_addr local;  /* UDP: the address the datagram came to, replies leave from it */
    struct sr_addr remote; /* streams: of the connection */
    sr_id conn;            /* streams; SR_ID_NONE: none yet */
};

/**
 * What happens, told to the one user. All calls come from the loop, never from inside net_send(),
 * net_listen() or net_close_conn(). Bytes live until the call returns. Any slot but on_message may
 * be NULL. The callee may send and close, but not free the net.
 */
struct net_handler {
    /** One complete SIP message (one datagram on UDP, unparsed and maybe junk). */
    void (*on_message)(void *arg, const struct net_flow *flow, struct sr_str bytes);
    /** A stream lost its framing. `head`: the broken message's head to answer 400 to with
        net_send(), or empty. The connection closes after the call, once the answer is out. */
    void (*on_bad_stream)(void *arg, const struct net_flow *flow, struct sr_str head,
                          const char *why);
    /** A connection of ours to a peer stands (TLS: the certificate was accepted). */
    void (*on_opened)(void *arg, const struct net_flow *flow);
    /** A connection is gone (opened by either side), or could not be opened: what was queued on it
        is lost. SR_OK: the peer closed, or idle; TIMEOUT: connecting, handshake or half message;
        AUTH: certificate refused; LIMIT: write queue; PROTO: bad bytes; IO: reset or unreachable. */
    void (*on_closed)(void *arg, const struct net_flow *flow, enum sr_err err, const char *why);
    /** CR LF received: answer to net_ping(). (CR LF CR LF is answered here and not told.) */
    void (*on_pong)(void *arg, const struct net_flow *flow);
    /** A STUN message on a SIP UDP port that is not a binding request (those are answered here). */
    void (*on_stun)(void *arg, const struct net_flow *flow, struct sr_str bytes);
};

struct net_options {               /* 0 anywhere: the default in the comment */
    uint32_t conns_max;            /* NET_CONNS_MAX; more: accepted and closed at once, counted */
    uint32_t conns_per_source_max; /* NET_CONNS_PER_SOURCE_MAX, per peer address; an IPv6
                                      /64: a quarter of conns_max */
    sr_usec connect_usec;          /* 4 s until a TCP connection stands */
    sr_usec handshake_usec;        /* 10 s for TLS, both sides */
    sr_usec half_message_usec;     /* 30 s from the first byte of a message to its last */
    sr_usec idle_usec;             /* 900 s without a byte received; see net_keep_conn() */
    const char *ca_file;           /* extra trust for clients, beside the system's; copied */
    uint8_t dscp;                  /* mark of every packet sent (RFC 2474); 0: none */
};

struct net_tls_files {     /* PEM paths */
    const char *cert_file; /* leaf first, then its chain */
    const char *key_file;
};

/** How to open a connection that does not exist yet. */
struct net_dial {
    struct sr_str tls_name;  /* TLS: SNI and the name the certificate must have (RFC 5922: the
                                 domain of the URI, not the SRV target); an IP address is allowed */
    bool tls_verify_off;     /* any certificate will do (provider option tlsVerify: false) */
    const char *tls_ca_file; /* only these CAs, or NULL: system and net_options.ca_file */
};

#define NET_COUNTER_MAP(X)                                                                         \
    X(received)     /* messages handed up */                                                       \
    X(sent)         /* messages taken for sending */                                               \
    X(udp_received) /* datagrams, of any content */                                                \
    X(udp_sent)                                                                                    \
    X(udp_send_failed)                                                                             \
    X(udp_truncated)      /* larger than NET_MESSAGE_BYTES_MAX, dropped */                         \
    X(udp_empty)          /* empty or keep-alive datagrams */                                      \
    X(udp_kernel_dropped) /* SO_RXQ_OVFL */                                                        \
    X(stun_answered)                                                                               \
    X(stun_bad)                                                                                    \
    X(pings_answered)                                                                              \
    X(conns_accepted)                                                                              \
    X(conns_opened)                                                                                \
    X(conns_closed)                                                                                \
    X(conns_refused_total)  /* conns_max */                                                        \
    X(conns_refused_source) /* conns_per_source_max */                                             \
    X(conns_failed)         /* could not be opened */                                              \
    X(tls_failed)           /* handshakes */                                                       \
    X(bad_streams)                                                                                 \
    X(deadline_handshake)                                                                          \
    X(deadline_message)                                                                            \
    X(deadline_idle)                                                                               \
    X(queue_full)                                                                                  \
    X(accept_failed) /* no descriptor left */

struct net_counters {
#define X(name) uint64_t name;
    NET_COUNTER_MAP(X)
#undef X
    uint32_t conns; /* now */
};

struct net;

/** Handler and options are copied; `arg` goes to every handler call. */
struct net *net_new(struct loop *loop, const struct net_handler *handler, void *arg,
                    const struct net_options *options);
/** Closes everything without telling. NULL is fine. */
void net_free(struct net *net);

/**
 * Certificate of all TLS listeners, now and later; connections that stand keep theirs. Called again
 * it swaps. On failure the old one stays.
 *
 * @return SR_OK; SR_ERR_NOTFOUND a file cannot be read; SR_ERR_SYNTAX not PEM, or the key does not
 *         fit the certificate
 */
SR_MUST_USE enum sr_err net_tls_load(struct net *net, const struct net_tls_files *files,
                                     char reterr_why[NET_WHY_MAX]);
/** Whether net_tls_load() would take them. */
SR_MUST_USE enum sr_err net_tls_try(const struct net_tls_files *files,
                                    char reterr_why[NET_WHY_MAX]);

/**
 * Listens. addr.port 0 takes any free port. IPv6 sockets are v6only. TLS wants net_tls_load() first.
 *
 * @param[out] ret_addr   the address bound, with its port; may be NULL
 * @param[out] reterr_why a sentence for people ("UDP 0.0.0.0:5060 is taken by kamailio (pid 12)")
 *
 * @return SR_OK; SR_ERR_EXISTS taken; SR_ERR_IO refused otherwise (no such address, no right);
 *         SR_ERR_LIMIT NET_LISTENERS_MAX; SR_ERR_STATE TLS without certificate;
 *         SR_ERR_UNSUPPORTED a kind that has no listener here (WS, WSS)
 */
SR_MUST_USE enum sr_err net_listen(struct net *net, enum net_kind kind, const struct sr_addr *addr,
                                   struct sr_addr *ret_addr, char reterr_why[NET_WHY_MAX]);
/** As net_listen() on all interfaces of both families; a machine without IPv6 is fine. With port 0
    both families get the same port. */
SR_MUST_USE enum sr_err net_listen_all(struct net *net, enum net_kind kind, uint16_t port,
                                       uint16_t *ret_port, char reterr_why[NET_WHY_MAX]);

/**
 * Sends one message.
 *
 * UDP: from flow->local when it has an address (and the listener of that port), else from the
 * first listener of the family. Streams: on flow->conn; when that is none or gone, on a standing
 * connection to (remote, kind, tls name), else one is opened and the message waits: this needs
 * `dial`. A connection verified for one TLS name never serves another.
 *
 * @param[in,out] flow  local and conn are set to what is used
 * @param         dial  NULL: only flow->conn may be used (responses to connection-bound peers);
 *                      for TCP a zeroed one will do
 *
 * @return SR_OK           taken; a stream's later failure comes with on_closed(conn)
 *         SR_ERR_NOTFOUND connection gone and dial is NULL, or no UDP listener of that family
 *         SR_ERR_LIMIT    message too large for UDP, write queue full (it will be closed), or
 *                         conns_max
 *         SR_ERR_IO       the system refused (UDP: unreachable at once; TLS: tls_ca_file not read)
 *         SR_ERR_SYNTAX   TLS: no name to verify, or one that cannot be a name
 *         SR_ERR_UNSUPPORTED no transport of that kind
 */
SR_MUST_USE enum sr_err net_send(struct net *net, struct net_flow *flow,
                                 const struct net_dial *dial, struct sr_str bytes);

/** CR LF CR LF on a stream (RFC 5626 4.4.1). NOTFOUND: gone. */
SR_MUST_USE enum sr_err net_ping(struct net *net, sr_id conn);
/** Not idle before `until`: a registration hangs on this connection. Unknown ids are fine. */
void net_keep_conn(struct net *net, sr_id conn, sr_usec until);
/** Closes after what is queued has left; on_closed follows with SR_OK. Unknown ids are fine. */
void net_close_conn(struct net *net, sr_id conn);
/** The flow of a connection that stands; false when gone. */
bool net_conn_flow(const struct net *net, sr_id conn, struct net_flow *ret_flow);
/** It stands, and is not being opened any more: what is sent leaves at once. */
bool net_conn_is_open(const struct net *net, sr_id conn);

/**
 * The local address the system would use towards `remote` (its port does not matter).
 * The port of the result is 0.
 *
 * @return SR_OK; SR_ERR_IO no route
 */
SR_MUST_USE enum sr_err net_local_for(struct net *net, const struct sr_addr *remote,
                                      struct sr_addr *ret_local);

void net_counters(const struct net *net, struct net_counters *ret_counters);
/** Memory the kernel holds for datagrams not read yet, all UDP listeners together; 0 in virtual time.
    How far behind we are. */
uint64_t net_udp_backlog_bytes(const struct net *net);

/* ---- transports run by somebody else (WebSocket: the web thread, joined on this loop) ---- */

struct net_transport_ops {
    /** Sends one message; must not call back into net. */
    enum sr_err (*send)(void *arg, uint64_t peer, struct sr_str bytes);
    /** Closes; net_feed_closed() must not be called for it any more. */
    void (*close)(void *arg, uint64_t peer);
};

/** Registers the transport of WS or WSS. One per kind. */
void net_add_transport(struct net *net, enum net_kind kind, const struct net_transport_ops *ops,
                       void *arg);
/** A peer has connected; `peer` is the transport's own number for it.
    @return the connection's id; SR_ID_NONE: a cap was reached, close it */
sr_id net_feed_opened(struct net *net, const struct net_flow *flow, uint64_t peer);
/** One message arrived; handed up at once. Unknown ids are fine. */
void net_feed_message(struct net *net, sr_id conn, struct sr_str bytes);
/** The peer is gone; on_closed comes at once. Unknown ids are fine. */
void net_feed_closed(struct net *net, sr_id conn, enum sr_err err, const char *why);

#endif

/**
 * @file bport_internal.h  What the files of the browser port share. Only bport*.c include this.
 *
 * Thread:  the first worker's, but for the sockets, `out` and the counters
 */
#ifndef SR_WORKER_BPORT_INTERNAL_H
#define SR_WORKER_BPORT_INTERNAL_H

#include "worker/bport.h"
#include "worker/internal.h"

enum bsock_kind {
    BSOCK_UDP,
    BSOCK_LISTEN,
    BSOCK_CONN,
};

struct bsock {
    enum bsock_kind kind;
    int fd; /* -1: closed */
    struct sr_addr bound;
    bool is_watched;
    struct bport *bport;
};

/** One TCP connection: RFC 4571 frames, a length of two bytes before each packet. */
struct bconn {
    struct bsock sock;
    uint32_t number; /* 0: free; never used twice */
    struct sr_addr remote, local;
    struct bpeer *peer; /* NULL: not proven yet */
    sr_usec opened_at, heard_at;
    uint8_t in[2 + BPORT_PACKET_MAX];
    size_t in_bytes;
    uint8_t out[BPORT_CONN_OUT_BYTES];
    size_t out_bytes;
};

struct batch;

struct bport {
    uint16_t port;
    uint8_t dscp;
    uint32_t worker_count;
    struct worker *worker;
    struct crypto *crypto;
    struct bsock udp[BPORT_SOCKETS_MAX], tcp[BPORT_SOCKETS_MAX];
    size_t udp_count, tcp_count;
    struct bnode *ufrags[BPORT_BUCKETS], *addrs[BPORT_BUCKETS];
    struct bpeer *peers;
    struct bpeer *touched[BPORT_BATCH];
    uint32_t touched_count;
    struct batch *batch;
    struct bconn *conns;
    uint32_t conn_count, last_number;
    struct pktring *out; /* by sender: for TCP connections */
    _Atomic bool is_flush_due;
    struct bport_counters counters;
    sr_usec arrived_at; /* of the packet in hand */
};

/* ---- bport.c ---- */
/** One packet; `stream_peer` is who has proven the TCP connection it came on. */
void bport__take(struct bport *bport, const struct ice_path *path, struct bpeer *stream_peer,
                 const uint8_t *bytes, size_t n);
void bport__touch(struct bport *bport, struct bpeer *peer);
void bport__serve_touched(struct bport *bport);
void bport__watch(struct bport *bport, struct bsock *sock, uint32_t events);
/** The peer's TCP connection is gone. */
void bport__lose_stream(struct bport *bport, struct bpeer *peer, uint32_t stream);

/* ---- bport_tcp.c ---- */
void bport__accept(struct bport *bport, struct bsock *listener);
void bport__on_conn(struct bport *bport, struct bsock *sock, uint32_t events);
bool bport__send_stream(struct bport *bport, uint32_t stream, const uint8_t *bytes, size_t n);
void bport__prove_stream(struct bport *bport, uint32_t stream, struct bpeer *peer);
void bport__forget_streams(struct bport *bport, const struct bpeer *peer);
void bport__check_conns(struct bport *bport);
void bport__close_conns(struct bport *bport);

#endif

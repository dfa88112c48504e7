/**
 * @file bport.h  The browser port: one UDP port, and passive TCP on the same number, for all WebRTC
 * legs.
 *
 * The first worker owns its receiving side: batches of datagrams, told apart by RFC 7983's first
 * byte. STUN goes to the ICE agent named by its ufrag; DTLS and media are taken only from paths
 * that an agent has proven, found by source address, and handed over by value: DTLS to the crypto
 * thread, media to the leg's own ring, whatever worker the leg is on. Any thread may send. Only
 * src/worker/ includes this.
 *
 * Thread:  as each function says
 */
#ifndef SR_WORKER_BPORT_H
#define SR_WORKER_BPORT_H

#include "rtc/ice.h"
#include "worker/media_port.h"
#include "worker/pktring.h"

enum {
    BPORT_SOCKETS_MAX = 16, /* of each kind; one per address bound, or one per family */
    BPORT_BATCH = 64,       /* datagrams in one system call */
    BPORT_BURST_MAX = 256,  /* datagrams of one socket in one turn */
    BPORT_PACKET_MAX = 1536,
    BPORT_BUCKETS = 4096,
    BPORT_CONNS_MAX = 256, /* TCP connections */
    BPORT_CONNS_PER_IP = 32,
    BPORT_CONN_OUT_BYTES = 16384,         /* waiting on one TCP connection; more is dropped */
    BPORT_LEG_RING_BYTES = 32768,         /* packets waiting for a leg's worker */
    BPORT_OUT_RING_BYTES = 65536,         /* packets of one worker waiting for a TCP connection */
    BPORT_SOCKET_BYTES = 4 * 1024 * 1024, /* receive buffer wished for */
};

enum {
    BPORT_SELF = 0xffff, /* the first worker as sender */
};

#define BPORT_CONN_PROVE_US (5 * SR_SEC) /* a connection without a valid check until then ends */
#define BPORT_CONN_IDLE_US (30 * SR_SEC)

struct worker;
struct bport;
struct crypto;
struct bpeer;

/** What lies in a leg's ring: a head, up to `path` for a packet, which follows. */
enum wring_kind {
    WRING_PACKET, /* followed by SRTP or SRTCP */
    WRING_PATH,   /* `path`: where to send from now on; remote family NONE: nowhere */
};

struct wring_head {
    enum wring_kind kind;
    sr_usec arrived_at;
    struct ice_path path; /* with WRING_PATH */
};

enum {
    WRING_PACKET_AT = offsetof(struct wring_head, path),
};

struct bnode { /* private: a place in one of the tables */
    struct bnode *next;
    struct bpeer *peer;
    struct sr_addr addr; /* table of addresses */
    char ufrag[ICE_UFRAG_CHARS + 1];
    bool is_linked;
};

/** A leg, seen from the browser port. Lives in the leg; private to the first worker between its
    add and remove, but for `ring` and `waker`. */
struct bpeer {
    sr_id leg;
    uint64_t cookie;
    struct ice_agent ice;
    struct bnode ufrags[2];
    struct bnode addrs[ICE_PATHS_MAX];
    struct bpeer *prev, *next;
    bool is_path_due;  /* the leg's ring was full when the path changed */
    bool is_state_due; /* the worker's ring was full when it should have told: */
    enum media_webrtc_state state;
    bool is_touched; /* has packets of this batch */
    struct mleg *owner;
    struct pktring ring;
    /* the worker that wants to be woken for a packet; NULL: it looks by itself on its tick */
    struct worker *_Atomic waker;
};

struct bport_options {
    uint16_t port;
    const struct sr_addr *binds; /* ports ignored */
    size_t bind_count;           /* 0: every address of the host */
    uint8_t dscp;
    uint32_t worker_count;
};

struct bport_counters {
    _Atomic uint64_t rx_packets;
    _Atomic uint64_t rx_junk;    /* none of STUN, DTLS, media; or broken STUN */
    _Atomic uint64_t rx_unknown; /* from nobody who has proven himself */
    _Atomic uint64_t rx_forged;  /* checks without the right password, or of no ufrag of ours */
    _Atomic uint64_t rx_full;    /* a ring was full */
    _Atomic uint64_t tcp_refused;
};

/** Signalling thread. @return SR_OK; SR_ERR_EXISTS the port is taken; SR_ERR_IO */
SR_MUST_USE enum sr_err bport_new(const struct bport_options *options, struct bport **ret_bport);
/** After the workers have ended. NULL is fine. */
void bport_free(struct bport *bport);
uint16_t bport_number(const struct bport *bport);
const struct bport_counters *bport_counters(const struct bport *bport);

/** Any thread; `sender` is the worker's index, or worker_count for the crypto thread. Over TCP the packet
    goes through the first worker. False: not sent. */
bool bport_send(struct bport *bport, uint32_t sender, const struct ice_path *path,
                const uint8_t *bytes, size_t n);

/* ---- the first worker's ---- */

/** Before its thread starts: puts the sockets into its epoll. */
void bport_attach(struct bport *bport, struct worker *worker, struct crypto *crypto);
/** epoll says that this socket of ours is ready; `source` is what bport_attach() gave epoll. */
void bport_on_ready(struct bport *bport, void *source, uint32_t events);
/** Packets that others want to go out over TCP. */
void bport_flush(struct bport *bport);
/** Every WORKER_HOUSEKEEPING_MS. */
void bport_housekeeping(struct bport *bport);
bool bport_is_busy(const struct bport *bport);
/** Datagrams the kernel dropped because a socket was full, since the start (it wraps). */
uint32_t bport_kernel_drops(const struct bport *bport);
void bport_add(struct bport *bport, struct bpeer *peer, const struct ice_local *local);
void bport_remove(struct bport *bport, struct bpeer *peer);
void bport_set_remote(struct bport *bport, struct bpeer *peer, struct sr_str ufrag,
                      struct sr_str pwd, const struct ice_local *fresh);

#endif

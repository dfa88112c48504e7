/**
 * @file relay.h  The relay's engine: one thread, epoll, a heap of packets that wait for their time.
 *
 * Thread:  one
 */
#ifndef SR_IMPAIR_RELAY_H
#define SR_IMPAIR_RELAY_H

#include "base/heap.h"
#include "base/idtab.h"
#include "base/list.h"
#include "base/random.h"
#include "impair/options.h"

enum {
    IMPAIR_DATAGRAM_MAX = 65536,
    IMPAIR_WAITING_MAX = 200000, /* packets held back; more are dropped and counted */
    IMPAIR_FLOWS_MAX = 20000,
};

struct impair_relay;

/** Something with a descriptor. */
struct impair_source {
    int fd;
    void (*on_ready)(struct impair_relay *relay, struct impair_source *source, uint32_t events);
};

struct impair_stats {
    uint64_t received;
    uint64_t sent;
    uint64_t lost;       /* by --loss */
    uint64_t duplicated; /* by --dup */
    uint64_t reordered;  /* by --reorder */
    uint64_t filtered;   /* refused by the kind of NAT */
    uint64_t rewritten;  /* by the ALG */
    uint64_t overflowed; /* too many waiting */
    uint64_t flows;      /* mappings ever made */
    uint64_t expired;    /* mappings ended by --mapping-sec or the order "forget" */
    uint64_t connections;
};

struct impair_flow { /* one inside address at one pair, over UDP */
    struct impair_source source;
    struct sr_node node;
    struct sr_addr inside;
    struct sr_addr outside; /* where the far side sees it */
    size_t pair_index;
    sr_usec used_at;
    sr_id id;
};

struct impair_listener {
    struct impair_source source; /* first: found by its address */
    size_t pair_index;
};

struct impair_relay {
    struct impair_options options;
    struct impair_stats stats;
    struct impair_listener udp[IMPAIR_PAIRS_MAX];
    struct impair_listener tcp[IMPAIR_PAIRS_MAX];
    struct sr_list flows;
    struct sr_list streams;
    struct sr_idtab ids; /* flows and streams by the id that waiting packets carry */
    struct sr_heap waiting;
    struct sr_prng prng;
    int epoll_fd;
    bool is_ended;
};

/** @return SR_OK; SR_ERR_IO (errno tells) when an address cannot be bound */
SR_MUST_USE enum sr_err impair_relay_open(struct impair_relay *relay,
                                          const struct impair_options *options);
void impair_relay_close(struct impair_relay *relay);
/** Waits for packets and times until is_ended or `until`. */
void impair_relay_run(struct impair_relay *relay, sr_usec until);
/** Forgets every mapping, as a NAT does when it restarts; cuts all TCP connections. */
void impair_relay_forget(struct impair_relay *relay);
void impair_relay_stats(const struct impair_relay *relay, struct sr_buf *out);
sr_usec impair_now(void);

/* between the relay's own files */
typedef void impair_deliver_fn(struct impair_relay *relay, sr_id id, struct sr_str bytes);
void impair__watch(struct impair_relay *relay, struct impair_source *source, uint32_t events);
void impair__rewatch(struct impair_relay *relay, struct impair_source *source, uint32_t events);
/** Hands a copy of bytes to `deliver` at `at`. */
void impair__later(struct impair_relay *relay, sr_usec at, sr_id id, struct sr_str bytes,
                   impair_deliver_fn *deliver);
bool impair__chance(struct impair_relay *relay, double share);
int impair__bind(const struct sr_addr *addr, int type);
void impair__local_addr(int fd, struct sr_addr *ret_addr);

SR_MUST_USE enum sr_err impair__udp_open(struct impair_relay *relay, size_t pair_index);
void impair__flow_close(struct impair_relay *relay, struct impair_flow *flow);
void impair__flows_expire(struct impair_relay *relay, sr_usec now);
SR_MUST_USE enum sr_err impair__tcp_open(struct impair_relay *relay, size_t pair_index);
void impair__streams_close(struct impair_relay *relay);

#endif

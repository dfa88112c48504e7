/**
 * @file resolver_internal.h  What the two twins of the resolver share.
 *
 * Layer:   net, private
 */
#ifndef SR_NET_RESOLVER_INTERNAL_H
#define SR_NET_RESOLVER_INTERNAL_H

#include "base/map.h"
#include "net/resolver.h"

/** One name and type, asked or known. */
struct resolver__entry {
    char key[DNS_NAME_MAX + 8]; /* "33 _sip._udp.example.com" */
    enum dns_type type;
    bool is_pending;
    enum sr_err err; /* SR_OK, NOTFOUND, TIMEOUT, PROTO */
    sr_usec expires_at;
    struct dns_record *records;
    size_t record_count;
};

struct resolver_ops {
    /** Asks; resolver__answered() comes from the loop, once, or never after free(). */
    void (*ask)(struct resolver *resolver, const char *name, enum dns_type type);
    void (*free)(struct resolver *resolver);
};

struct resolver__host { /* of the hosts file */
    char name[DNS_NAME_MAX];
    struct sr_addr addr;
};

struct resolver {
    const struct resolver_ops *ops;
    struct loop *loop;
    struct sr_map cache;  /* struct resolver__entry by key */
    struct sr_map health; /* struct health by key */
    struct sr_list works;
    struct loop_job rerun;
    struct sr_prng prng;
    sr_usec deadline_usec;
    struct resolver__host *hosts;
    size_t host_count;
    struct resolver_stats stats;
};

void resolver__init(struct resolver *resolver, const struct resolver_ops *ops, struct loop *loop,
                    sr_usec deadline_usec, uint64_t seed);
void resolver__done(struct resolver *resolver);
/** answer NULL unless err is SR_OK. */
void resolver__answered(struct resolver *resolver, const char *name, enum dns_type type,
                        enum sr_err err, const struct dns_answer *answer);
/** Reads a hosts file; one that is missing is empty. */
void resolver__read_hosts(struct resolver *resolver, const char *path);

#endif

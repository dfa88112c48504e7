/**
 * @file resolver.h  Where a SIP request goes: NAPTR, SRV, A and AAAA (RFC 3263, RFC 2782), with a
 * bounded cache and health per address.
 *
 * Numeric hosts are answered at once; /etc/hosts counts before DNS. The real twin asks through
 * c-ares on the loop, the simulated one from a table.
 *
 * Layer:   net
 * Memory:  a resolver is owned; a query is embedded in its user
 * Thread:  the loop's
 */
#ifndef SR_NET_RESOLVER_H
#define SR_NET_RESOLVER_H

#include "base/random.h"
#include "net/dns.h"
#include "net/net.h"

enum {
    RESOLVER_TARGETS_MAX = 16, /* per answer; more are left out */
    RESOLVER_CACHE_MAX = 1024, /* names; full: the one expiring first goes */
    RESOLVER_TTL_SEC_MIN = 5,
    RESOLVER_TTL_SEC_MAX = 3600,
    RESOLVER_NEGATIVE_SEC = 15, /* names that do not exist */
    RESOLVER_QUERIES_MAX = 512, /* at once; more: SR_ERR_LIMIT */
    RESOLVER_HEALTH_MAX = 1024,
    RESOLVER_BAD_SEC_MIN = 15, /* doubled with each failure in a row */
    RESOLVER_BAD_SEC_MAX = 300,
    RESOLVER_SERVERS_MAX = 8,
};

struct resolver;

struct resolver_target {
    enum net_kind kind;
    struct sr_addr addr; /* with port */
    bool is_bad;         /* marked bad: sorted behind the others */
};

struct resolver_request {
    struct sr_str host; /* of the URI (or maddr, or outbound proxy); no brackets needed */
    uint16_t port;      /* 0: none in the URI, then SRV is asked */
    bool is_kind_given; /* URI has transport=, or the configuration says so */
    enum net_kind kind; /* if given */
    bool is_secure;     /* sips: only TLS */
    bool is_ip6_off;    /* no IPv6 here */
};

/** err: SR_OK with 1 to RESOLVER_TARGETS_MAX targets, best first; NOTFOUND no such name; TIMEOUT;
    PROTO, SYNTAX
    or LIMIT (a ring of CNAMEs): nonsense answers. The TLS name to verify is the request's host
    (RFC 5922), not the SRV's. Comes from the loop, or from inside resolver_query() when nothing must be asked. */
typedef void resolver_fn(void *arg, enum sr_err err, const struct resolver_target *targets,
                         size_t target_count);

struct resolver_work;
struct resolver_query { /* fields are private; zero it before first use */
    struct resolver_work *work;
};

struct resolver_options {       /* 0: the default */
    const char *const *servers; /* "192.0.2.53", "192.0.2.53:5353", "[2001:db8::1]:53" */
    size_t server_count;        /* 0: the system's */
    sr_usec deadline_usec;      /* 4 s for a whole query */
    const char *hosts_file;     /* NULL: /etc/hosts, "" : none */
    uint64_t prng_seed;         /* 0: random */
};

/** @return SR_OK; SR_ERR_SYNTAX a server's address is wrong; SR_ERR_IO c-ares refused */
SR_MUST_USE enum sr_err resolver_new(struct loop *loop, const struct resolver_options *options,
                                     struct resolver **ret_resolver);
/** A table instead of DNS; answers come `delay_usec` later. */
struct resolver *resolver_sim_new(struct loop *loop, sr_usec delay_usec);
/** Simulated: adds one record; data as in a zone file: A "192.0.2.1", AAAA "2001:db8::1",
    SRV "10 60 5060 host", NAPTR "10 50 s SIP+D2U _sip._udp.example.com". */
SR_MUST_USE enum sr_err resolver_sim_add(struct resolver *resolver, const char *name,
                                         enum dns_type type, uint32_t ttl_sec, const char *data);
/** Simulated: forgets all records (the cache stays). */
void resolver_sim_clear(struct resolver *resolver);
/** Open queries are dropped without being told. NULL is fine. */
void resolver_free(struct resolver *resolver);

/** Asks. `query` must stay until `fn` was called or it was cancelled. */
SR_MUST_USE enum sr_err resolver_query(struct resolver *resolver, struct resolver_query *query,
                                       const struct resolver_request *request, resolver_fn *fn,
                                       void *arg);
/** `fn` is not called any more. Nothing happens when it is not running. */
void resolver_cancel(struct resolver *resolver, struct resolver_query *query);

/** A target did not answer, or refused: tried last for a while. */
void resolver_mark_bad(struct resolver *resolver, const struct resolver_target *target);
void resolver_mark_good(struct resolver *resolver, const struct resolver_target *target);

struct resolver_stats {
    uint64_t queries, cache_hits, asked, failed, timeouts, answers_bad;
    uint32_t cached, bad_now;
};

void resolver_stats(const struct resolver *resolver, struct resolver_stats *ret_stats);

#endif

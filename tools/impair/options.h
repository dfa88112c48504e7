/** @file options.h  What the relay is asked to do: read from the command line, changed while it runs. */
#ifndef SR_IMPAIR_OPTIONS_H
#define SR_IMPAIR_OPTIONS_H

#include "base/addr.h"

enum {
    IMPAIR_PAIRS_MAX = 16
};

enum impair_nat {
    IMPAIR_NAT_NONE,            /* replies of the far side only, as a plain relay */
    IMPAIR_NAT_FULL_CONE,       /* anybody may use a mapping */
    IMPAIR_NAT_RESTRICTED,      /* addresses that were sent to, any port */
    IMPAIR_NAT_PORT_RESTRICTED, /* addresses and ports that were sent to */
    IMPAIR_NAT_SYMMETRIC,       /* as before, and a new mapping for each listening pair */
};

struct impair_pair {
    struct sr_addr listen;
    struct sr_addr to;
};

struct impair_options {
    struct impair_pair pairs[IMPAIR_PAIRS_MAX];
    size_t pair_count;
    double loss;    /* 0..1, of datagrams */
    double dup;     /* 0..1 */
    double reorder; /* 0..1: held back by reorder_ms more */
    uint32_t delay_ms;
    uint32_t jitter_ms; /* evenly spread, added to delay_ms; datagrams may overtake */
    uint32_t reorder_ms;
    uint64_t seed;
    enum impair_nat nat;
    uint32_t mapping_sec;  /* a mapping without traffic from inside ends; 0 = never */
    bool has_alg;          /* rewrites SIP and SDP addresses of the inside */
    struct sr_addr nat_ip; /* outside address of mappings; none = that of the listening address */
    bool up;               /* faults towards `to` */
    bool down;             /* faults towards the inside */
    bool udp;
    bool tcp;
    uint16_t control_port; /* TCP on 127.0.0.1; 0 = none */
};

/** Sets the defaults. */
void impair_options_init(struct impair_options *options);

/**
 * Sets one option by its name without dashes ("loss", "delay-ms"...).
 *
 * @return SR_OK
 *         SR_ERR_NOTFOUND no such option
 *         SR_ERR_SYNTAX   not a value for it
 *         SR_ERR_LIMIT    too many pairs, or out of range
 */
SR_MUST_USE enum sr_err impair_options_set(struct impair_options *options, struct sr_str name,
                                           struct sr_str value);

/** Options that may be changed while the relay runs: the faults, not the addresses. */
bool impair_options_is_live(struct sr_str name);

#endif

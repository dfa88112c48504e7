/**
 * @file sim_nat.h  A home router's NAT on the simulated network: symmetric, with mappings that only what goes
 * out keeps alive (RFC 4787). Whoever is behind it sends to `inside`; what comes out goes to `to`.
 *
 * Memory: belongs to the test; freed before the wire
 */
#ifndef SR_TEST_SIM_NAT_H
#define SR_TEST_SIM_NAT_H

#include "net/net_sim.h"

enum {
    SIM_NAT_MAPPINGS_MAX = 512,
};

struct sim_nat;

struct sim_nat_options {
    struct loop *loop;
    struct sim_wire *wire;
    const char *inside; /* "192.168.1.1:5060": where those behind it send */
    const char
        *outside;   /* "203.0.113.9": where the world sees them, each mapping with its own port */
    const char *to; /* "192.0.2.1:5060" */
    sr_usec mapping_usec;
};

/** What it did. */
struct sim_nat_counts {
    uint32_t mappings; /* made */
    uint32_t dropped;  /* datagrams from outside without a mapping */
};

struct sim_nat *sim_nat_new(const struct sim_nat_options *options);
void sim_nat_free(struct sim_nat *nat);
struct sim_nat_counts sim_nat_counts(const struct sim_nat *nat);

#endif

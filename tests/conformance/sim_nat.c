#include "sim_nat.h"

#include "base/alloc.h"
#include "net/loop.h"

struct mapping {
    struct sim_nat *nat;
    struct sim_end *end;  /* at the public address */
    struct sr_addr inner; /* who is behind it */
    sr_usec expires_at;
};

struct sim_nat {
    struct loop *loop;
    struct sim_wire *wire;
    struct sr_addr outside, to; /* outside.port: of the next mapping */
    sr_usec mapping_usec;
    struct sim_end *inside;
    struct mapping mappings[SIM_NAT_MAPPINGS_MAX];
    struct sim_nat_counts counts;
};

static struct sr_addr addr_of(const char *text, uint16_t port)
{
    struct sr_addr addr;

    SR_ASSERT(sr_addr_parse(sr_str_c(text), port, &addr) == SR_OK);
    return addr;
}

static void send_on(struct sim_end *end, const struct sr_addr *to, struct sr_str bytes)
{
    struct net_flow flow = {.kind = NET_UDP, .remote = *to};

    SR_ASSERT(sim_end_send(end, &flow, bytes) == SR_OK);
}

/* From outside: only the one it was opened for, only while it lives; that does not prolong it. */
static void on_outside(void *arg, struct sim_end *end, const struct net_flow *flow,
                       struct sr_str bytes)
{
    struct mapping *mapping = arg;
    struct sim_nat *nat = mapping->nat;

    (void)end;
    if (!sr_addr_eq(&flow->remote, &nat->to) || loop_now(nat->loop) >= mapping->expires_at)
        nat->counts.dropped++;
    else
        send_on(nat->inside, &mapping->inner, bytes);
}

static struct mapping *mapping_of(struct sim_nat *nat, const struct sr_addr *inner)
{
    static const struct sim_end_handler handler = {.on_bytes = on_outside};
    struct mapping *mapping;

    for (uint32_t i = 0; i < nat->counts.mappings; i++) {
        mapping = &nat->mappings[i];
        if (sr_addr_eq(&mapping->inner, inner) && loop_now(nat->loop) < mapping->expires_at)
            return mapping;
    }
    SR_ASSERT(nat->counts.mappings < SIM_NAT_MAPPINGS_MAX);
    mapping = &nat->mappings[nat->counts.mappings++];
    *mapping = (struct mapping){.nat = nat, .inner = *inner};
    mapping->end = sim_end_new(nat->wire, NET_UDP, &nat->outside, &handler, mapping);
    nat->outside.port++;
    return mapping;
}

static void on_inside(void *arg, struct sim_end *end, const struct net_flow *flow,
                      struct sr_str bytes)
{
    struct sim_nat *nat = arg;
    struct mapping *mapping = mapping_of(nat, &flow->remote);

    (void)end;
    mapping->expires_at = loop_now(nat->loop) + nat->mapping_usec;
    send_on(mapping->end, &nat->to, bytes);
}

struct sim_nat *sim_nat_new(const struct sim_nat_options *options)
{
    static const struct sim_end_handler handler = {.on_bytes = on_inside};
    struct sim_nat *nat = sr_zalloc(1, sizeof(*nat));
    struct sr_addr inside = addr_of(options->inside, 5060);

    nat->loop = options->loop;
    nat->wire = options->wire;
    nat->outside = addr_of(options->outside, 20001);
    nat->to = addr_of(options->to, 5060);
    nat->mapping_usec = options->mapping_usec;
    nat->inside = sim_end_new(nat->wire, NET_UDP, &inside, &handler, nat);
    return nat;
}

void sim_nat_free(struct sim_nat *nat)
{
    for (uint32_t i = 0; i < nat->counts.mappings; i++)
        sim_end_free(nat->mappings[i].end);
    sim_end_free(nat->inside);
    sr_free(nat);
}

struct sim_nat_counts sim_nat_counts(const struct sim_nat *nat)
{
    return nat->counts;
}

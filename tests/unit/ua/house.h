/**
 * @file house.h  A rig with one account at a provider of two servers.
 */
#ifndef SR_TEST_UA_HOUSE_H
#define SR_TEST_UA_HOUSE_H

#include <stdlib.h>

#include "trunk.h"
#include "world.h"

/* An account of trunk.example, whose servers are t (and u). */
struct house {
    struct rig rig;
    struct trunk t, u, v;
    bool has_v;
};

static inline void add_records(struct rig *rig)
{
    struct resolver *dns = rig->resolver;

    assert_int_equal(resolver_sim_add(dns, "_sip._udp.trunk.example", DNS_SRV, 300,
                                      "10 10 5060 a.trunk.example"),
                     SR_OK);
    assert_int_equal(resolver_sim_add(dns, "_sip._udp.trunk.example", DNS_SRV, 300,
                                      "20 10 5060 b.trunk.example"),
                     SR_OK);
    assert_int_equal(resolver_sim_add(dns, "a.trunk.example", DNS_A, 300, "198.51.100.1"), SR_OK);
    assert_int_equal(resolver_sim_add(dns, "b.trunk.example", DNS_A, 300, "198.51.100.2"), SR_OK);
}

static inline struct ua_provider account(void)
{
    struct ua_provider provider = {.id = SR_STR("acme"),
                                   .domain = SR_STR("trunk.example"),
                                   .username = SR_STR("4930123"),
                                   .password = SR_STR("pass"),
                                   .is_registering = true,
                                   .register_sec = 300};

    ua_quirks_init(&provider.quirks);
    return provider;
}

/* A machine and a provider of both families; v is the IPv6 address of the server t. */
static inline void add_ip6(struct house *h)
{
    struct sr_addr host, any = {.family = SR_ADDR_IP6, .port = 5060};
    struct resolver *dns = h->rig.resolver;
    char why[NET_WHY_MAX];

    assert_int_equal(sr_addr_parse_ip(SR_STR("2001:db8::10"), &host), SR_OK);
    net_sim_add_host(h->rig.net, &host);
    assert_int_equal(net_listen(h->rig.net, NET_UDP, &any, NULL, why), SR_OK);
    resolver_sim_clear(dns);
    assert_int_equal(resolver_sim_add(dns, "_sip._udp.trunk.example", DNS_SRV, 300,
                                      "10 10 5060 six.trunk.example"),
                     SR_OK);
    assert_int_equal(resolver_sim_add(dns, "_sip._udp.trunk.example", DNS_SRV, 300,
                                      "20 10 5060 four.trunk.example"),
                     SR_OK);
    assert_int_equal(resolver_sim_add(dns, "six.trunk.example", DNS_AAAA, 300, "2001:db8::1"),
                     SR_OK);
    assert_int_equal(resolver_sim_add(dns, "four.trunk.example", DNS_A, 300, "198.51.100.1"),
                     SR_OK);
    trunk_init(&h->v, &h->rig, "[2001:db8::1]:5060", NET_UDP);
    h->has_v = true;
}

static inline void use_stream(struct house *h, enum net_kind kind)
{
    trunk_done(&h->t);
    trunk_init(&h->t, &h->rig, kind == NET_TLS ? "198.51.100.1:5061" : "198.51.100.1:5060", kind);
    h->rig.providers[0].is_kind_given = true;
    h->rig.providers[0].kind = kind;
    resolver_sim_clear(h->rig.resolver);
    assert_int_equal(resolver_sim_add(h->rig.resolver, "trunk.example", DNS_A, 300, "198.51.100.1"),
                     SR_OK);
}

static inline void house_begin(struct house *h)
{
    rig_init(&h->rig, rig_seed);
    add_records(&h->rig);
    trunk_init(&h->t, &h->rig, "198.51.100.1:5060", NET_UDP);
    trunk_init(&h->u, &h->rig, "198.51.100.2:5060", NET_UDP);
    h->rig.providers[0] = account();
    h->rig.settings.providers = h->rig.providers;
    h->rig.settings.provider_count = 1;
}

static inline void house_end(struct house *h)
{
    h->rig.settings.provider_count = 0;
    rig_configure(&h->rig);
    rig_run(&h->rig, 10 * SR_SEC);
    trunk_done(&h->t);
    trunk_done(&h->u);
    if (h->has_v)
        trunk_done(&h->v);
    h->has_v = false;
    rig_done(&h->rig);
}

#define HOUSE                                                                                      \
    static struct house h_;                                                                        \
    struct house *h = &h_;                                                                         \
    struct rig *rig SR_UNUSED = &h->rig;                                                           \
    struct trunk *t SR_UNUSED = &h->t;                                                             \
    struct trunk *u SR_UNUSED = &h->u;                                                             \
    (void)state;                                                                                   \
    house_begin(h)

/** Runs until accounts came up `count` times, at most so long. */
static inline void until_up(struct rig *rig, unsigned count, sr_usec usec)
{
    sr_usec limit = loop_now(rig->loop) + usec;

    while (rig->provider_up < count && loop_now(rig->loop) < limit)
        rig_run(rig, 10 * SR_MSEC);
    assert_int_equal(rig->provider_up, count);
}

#endif

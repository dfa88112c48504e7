/**
 * @file world.h  A rig with three phones, for one test.
 */
#ifndef SR_TEST_UA_WORLD_H
#define SR_TEST_UA_WORLD_H

#include <stdio.h>

#include "rig.h"

struct world {
    struct rig rig;
    struct phone a; /* desk, 201 */
    struct phone b; /* hall, 202 */
    struct phone x; /* somebody else at another address */
};

static inline void world_begin(struct world *w, enum net_kind kind)
{
    rig_init(&w->rig, rig_seed);
    phone_init(&w->a, &w->rig, "10.0.0.2:5060", kind, "201", "secret1");
    phone_init(&w->b, &w->rig, "10.0.0.3:5070", kind, "202", "secret2");
    phone_init(&w->x, &w->rig, "10.0.0.66:5060", NET_UDP, "201", "guess");
}

static inline void world_end(struct world *w)
{
    phone_done(&w->a);
    phone_done(&w->b);
    phone_done(&w->x);
    rig_done(&w->rig);
}

#define WORLD_OVER(kind)                                                                           \
    static struct world w_;                                                                        \
    struct world *w = &w_;                                                                         \
    struct rig *rig SR_UNUSED = &w->rig;                                                           \
    struct phone *a SR_UNUSED = &w->a;                                                             \
    struct phone *b SR_UNUSED = &w->b;                                                             \
    struct phone *x SR_UNUSED = &w->x;                                                             \
    (void)state;                                                                                   \
    world_begin(w, kind)
#define WORLD WORLD_OVER(NET_UDP)

/** Phone b is registered and called; its INVITE is returned. */
static inline const char *world_call(struct world *w, struct sip_leg **ret_leg)
{
    assert_true(begins(phone_register(&w->b, NULL, 600), "SIP/2.0 200"));
    *ret_leg = rig_call(&w->rig, "hall", SDP_B);
    return phone_wait(&w->b, "INVITE ");
}

/** As above, answered: the ACK was received, ANSWERED was told. */
static inline struct sip_leg *world_talk(struct world *w, const char *extra)
{
    struct sip_leg *leg;
    const char *invite = world_call(w, &leg);

    phone_reply(&w->b, invite, "200 OK", "btag", extra, SDP_A);
    (void)phone_wait(&w->b, "ACK ");
    assert_string_equal(rig_event(&w->rig, SIP_LEG_ANSWERED)->sdp, SDP_A);
    return leg;
}

static inline void world_hangup(struct world *w, struct sip_leg *leg)
{
    sip_leg_hangup(leg, 0, SR_STR(""));
    phone_reply(&w->b, phone_wait(&w->b, "BYE "), "200 OK", NULL, NULL, NULL);
    rig_quiet(&w->rig);
}

#endif

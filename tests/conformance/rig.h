/**
 * @file rig.h  A whole router in virtual time (loop, network, user agent, hub, media twin), phones
 * around it, and what is claimed after every scenario: nothing is left, every call has ended once.
 */
#ifndef SR_TEST_RIG_H
#define SR_TEST_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apps/apps.h"
#include "base/alloc.h"
#include "base/map.h"
#include "call/hub.h"
#include "net/resolver.h"
#include "sim_phone.h"
#include "worker/port_sim.h"

enum {
    RIG_PHONES_MAX = 256,
    RIG_DIGITS_MAX = 64,
};

/** What the events told of one call. */
struct rig_call {
    struct sr_node node;
    char call_id[ENGINE_ID_MAX];
    uint32_t created, ringing, answered, ended, legs_added, legs_removed, qualities;
    char reason[32]; /* of its end */
    uint16_t sip_status;
    char digits[RIG_DIGITS_MAX];   /* of DTMF events */
    struct engine_call_view *view; /* newest */
};

struct rig_options {
    const char *config; /* JSON; NULL: rig_config */
    uint32_t calls_max;
    uint16_t port_min, port_max; /* 0: 20000-29999 */
    uint64_t seed;               /* 0: 1 */
    double loss;
    bool has_voice;            /* texts are "spoken": 50 ms for each character */
    const struct app_ops *app; /* before all others, or NULL */
    void *app_state;
};

struct rig {
    struct loop *loop;
    struct sim_wire *wire;
    struct net *net;
    struct resolver *resolver; /* knows no name: addresses only */
    struct ua *ua;
    struct speech *speech;
    struct engine *engine;
    struct media_port *media;
    struct conference_rooms *rooms;
    struct parking *parking;
    struct sr_addr router;
    struct sim_phone *phones[RIG_PHONES_MAX];
    size_t phone_count;
    struct sr_list calls; /* struct rig_call, oldest first */
    struct sr_map calls_by_id;
    uint64_t seq, token, seed, blocks;
    uint32_t provider_up, provider_down; /* events */
    uint32_t seq_gaps, drained, config_changes, registered, unregistered, snapshots, bans, wakes;
    uint32_t plays_started, plays_finished;
    char play_end[16]; /* of the last one */
    enum sr_err reply_err;
    uint64_t reply_token;
    char reply[1024]; /* JSON */
    char reply_why[ENGINE_WHY_MAX];
    struct sr_buf json; /* of the last event */
    uint64_t walk;      /* shown when a claim fails */
};

/** The voice of has_voice. */
extern const struct speaker rig_speaker;

/** Devices a to f with extensions 101 to 106, group 200 of a and b..., see rig.c. */
extern const char rig_config[];

void rig_init(struct rig *rig, const struct rig_options *options);
/** Lets everything run out, then claims that nothing is left; frees; claims that no block is. */
void rig_done(struct rig *rig);
/** The claims alone: no call, leg, transaction, port; one end per call; no gap in seq. */
void rig_settle(struct rig *rig);
/** Afterwards what the events told of every call is what the call is. */
void rig_run(struct rig *rig, sr_usec time);
/** A phone at its own address that has registered as this user. */
struct sim_phone *rig_phone(struct rig *rig, const char *user);
struct sim_phone *rig_phone_on(struct rig *rig, const char *user, enum net_kind kind);
/** A gateway of a provider, at 192.0.2.200:5060: it registers nowhere and is never challenged. */
struct sim_phone *rig_gateway(struct rig *rig);
/** The same at another address and port. */
struct sim_phone *rig_gateway_at(struct rig *rig, const char *address);
/** The n-th call since the beginning; fails when there is none. */
struct rig_call *rig_call(struct rig *rig, size_t n);
/** The leg of a device in a call as the media twin sees it; fails when there is none. */
const struct port_sim_leg *rig_media(struct rig *rig, const struct rig_call *call,
                                     const char *device_id);
enum media_mode rig_mode(struct rig *rig, const struct rig_call *call);
/** Makes the media plane tell something about that leg. */
void rig_inject(struct rig *rig, const struct rig_call *call, const char *device_id,
                struct media_event event);
/** Id of that device's leg in the newest view, for commands. */
const char *rig_leg_id(const struct rig_call *call, const char *device_id);
const struct engine_leg_view *rig_leg(const struct rig_call *call, const char *device_id);
/** Gives a command and waits for its reply (rig->reply, reply_why). */
enum sr_err rig_do(struct rig *rig, const struct engine_command *command);
/** A command about a call, and of its leg of that device (NULL: none). */
struct engine_command rig_command(enum engine_command_kind kind, const struct rig_call *call,
                                  const char *device_id);
struct config *rig_load(const char *text);
/** CONFORMANCE_SEED of the environment, or 1. */
uint64_t rig_seed(void);

/** Runs until it holds; fails after two minutes. */
#define RIG_UNTIL(rig, condition)                                                                  \
    do {                                                                                           \
        sr_usec rig_limit_ = loop_now((rig)->loop) + 120 * SR_SEC;                                 \
        while (!(condition) && loop_now((rig)->loop) < rig_limit_)                                 \
            rig_run((rig), 10 * SR_MSEC);                                                          \
        assert_true(condition);                                                                    \
    } while (0)

/** The n-th call has ended, with that reason. */
#define RIG_ENDED(rig, n, why)                                                                     \
    do {                                                                                           \
        RIG_UNTIL((rig), rig_call((rig), (n))->ended == 1);                                        \
        assert_string_equal(rig_call((rig), (n))->reason, (why));                                  \
    } while (0)

/** Two phones in an answered call; `call` of the first is given. */
struct phone_call *rig_connect(struct rig *rig, struct sim_phone *from, const char *to);

int run_basic(void);
int run_ring(void);
int run_fork(void);
int run_outside(void);
int run_offer(void);
int run_hold(void);
int run_party(void);
int run_transfer(void);
int run_office(void);
int run_incall(void);
int run_monitor(void);
int run_watch(void);
int run_browser(void);
int run_race(void);
int run_announce(void);
int run_limit(void);
int run_loss(void);
int run_srtp(void);
int run_walk(void);
int run_days(void);
int run_provider(void);
int run_nat(void);
int run_fax(void);
int run_passthrough(void);
int run_redirect(void);
int run_proxy(void);

#endif

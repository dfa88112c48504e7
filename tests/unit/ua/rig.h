/**
 * @file rig.h  The tests of ua/: one user agent on a simulated wire in virtual time, and phones that do
 * as they are told.
 */
#ifndef SR_TEST_UA_RIG_H
#define SR_TEST_UA_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "net/net_sim.h"
#include "net/resolver.h"
#include "sip/digest.h"
#include "sip/sip.h"
#include "ua/sip_leg.h"
#include "ua/ua.h"

enum {
    RIG_EVENTS_MAX = 64,
    PHONE_INBOX = 64,
    TEXT_MAX = 8192,
};

int run_register_tests(void);
int run_auth_tests(void);
int run_request_tests(void);
int run_called_tests(void);
int run_calling_tests(void);
int run_dialog_tests(void);
int run_torture_tests(void);
int run_loss_tests(void);
int run_provider_tests(void);
int run_provider_call_tests(void);

struct rig_event {
    struct sip_leg_event event;
    struct sip_leg *leg;
    char sdp[1024];
    char reason[128];
    char party[512]; /* PARTY: display and user */
    sr_usec at;
};

struct rig {
    uint64_t blocks;
    struct loop *loop;
    struct sim_wire *wire;
    struct net *net;
    struct resolver *resolver;
    struct ua *ua;
    struct sr_addr host;
    struct ua_settings settings;
    struct ua_device devices[3];

    /* what the user agent told */
    struct sip_leg *leg; /* of the last INVITE; NULL once it ended */
    unsigned invites;
    char dialled[64];
    char from_device[64];
    char offer[1024];
    bool is_untaken;      /* do not take the leg */
    bool is_busy;         /* is_accepting says no */
    uint16_t reject_with; /* refuse at once */
    struct rig_event events[RIG_EVENTS_MAX];
    size_t event_count;
    size_t event_read;
    struct ua_registration_event registration; /* the last; texts are gone */
    char registration_why[32];
    unsigned registered, refreshed, unregistered, reachability;
    unsigned bans, traces;
    struct ua_provider providers[8];
    unsigned provider_up, provider_down, provider_moved, provider_gone;
    struct ua_provider_view provider; /* of the last event */
    char from_provider[64], from_user[64], from_display[64];
    /* a hub of the test's own in place of all that */
    void *hub;
    void (*hub_invite)(struct rig *rig, struct sip_leg *leg, const struct ua_invite *invite);
    void (*hub_event)(void *user, struct sip_leg *leg, const struct sip_leg_event *event);
};

/** --seed=N; 11 without. */
extern uint64_t rig_seed;
void rig_init(struct rig *rig, uint64_t seed);
/** Waits until everything has settled and checks that nothing is left. */
void rig_done(struct rig *rig);
void rig_configure(struct rig *rig);
void rig_run(struct rig *rig, sr_usec usec);
/** The next event of that kind, waiting at most 70 s of virtual time. Others in between fail. */
struct rig_event *rig_event(struct rig *rig, enum sip_leg_event_kind kind);
/** Nothing was told since. */
void rig_quiet(struct rig *rig);
struct ua_stats rig_stats(struct rig *rig);

struct phone {
    struct rig *rig;
    struct sim_end *end;
    enum net_kind kind;
    struct sr_addr addr;
    struct net_flow flow; /* to the user agent */
    char inbox[PHONE_INBOX][TEXT_MAX];
    sr_usec at[PHONE_INBOX];
    size_t count; /* ever received */
    size_t read;
    unsigned closed;
    const char *user;
    const char *password;
    char call_id[64];
    char tag[32];
    char to_tag[64];  /* of the user agent, in the dialog */
    char target[256]; /* its Contact */
    unsigned cseq;
    unsigned branch;
    unsigned nc;
    char nonce[128];
    char invite[TEXT_MAX]; /* the INVITE that was answered or sent last */
};

void phone_init(struct phone *phone, struct rig *rig, const char *addr, enum net_kind kind,
                const char *user, const char *password);
void phone_done(struct phone *phone);
void phone_raw(struct phone *phone, const char *text, size_t n);
/** The next message that begins so (others are skipped), waiting at most 70 s; fails without. */
const char *phone_wait(struct phone *phone, const char *prefix);
/** How many messages beginning so were received and not read. Reads nothing. */
unsigned phone_count(struct phone *phone, const char *prefix);
void phone_skip(struct phone *phone);

struct request {
    const char *method;
    const char *uri; /* NULL: sip:10.0.0.1 or the dialog's target */
    const char *to;  /* user in To; NULL: our own */
    const char *extra;
    const char *type;
    const char *body;
    bool is_in_dialog;
    bool is_authorized;      /* with the last nonce */
    const char *branch;      /* NULL: a new one */
    unsigned cseq;           /* 0: the next */
    const char *digest_user; /* NULL: the phone's */
};
void phone_request(struct phone *phone, const struct request *request);
/** Takes nonce and To tag of a response. */
void phone_take_challenge(struct phone *phone, const char *response);
/** A response to a request received. tag NULL: as received. */
void phone_reply(struct phone *phone, const char *request, const char *status, const char *tag,
                 const char *extra, const char *body);
/** ACK of a 2xx. */
void phone_ack(struct phone *phone, const char *response, const char *body);
/** Registers with a challenge; expires in seconds. The 200 is returned. */
const char *phone_register(struct phone *phone, const char *contact, unsigned expires);
/** INVITE, challenge, INVITE; then the 100 was received. */
void phone_invite(struct phone *phone, const char *to, const char *extra, const char *sdp);
/** The rig calls the phone's contact. */
struct sip_leg *rig_call(struct rig *rig, const char *device_id, const char *sdp);

/** Value of a header ("" when absent), in a static buffer. */
const char *header(const char *text, const char *name);
const char *body(const char *text);
bool begins(const char *text, const char *prefix);

#define SDP_A                                                                                      \
    "v=0\r\no=a 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP " \
    "0\r\n"
#define SDP_B                                                                                      \
    "v=0\r\no=b 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP " \
    "0\r\n"
#define SDP_C                                                                                      \
    "v=0\r\no=c 1 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP " \
    "0\r\n"

#endif

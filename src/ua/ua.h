/**
 * @file ua.h  The SIP user agent: transports in use, transactions, dialogs, registrar, authentication.
 *
 * One object serves the whole program. It receives messages from net/, answers what needs no call
 * (OPTIONS, REGISTER, errors), challenges devices, keeps transactions and dialogs, and hands
 * authenticated calls up as sip_leg (ua/sip_leg.h). It knows devices and (later) providers, no calls.
 *
 * Layer:   ua
 * Thread:  signalling thread; callbacks come from the loop or from inside a call into this room only
 *          where a function says so
 * Memory:  texts handed to callbacks live for the callback only; settings are borrowed until the
 *          next ua_configure() returned
 */
#ifndef SR_UA_UA_H
#define SR_UA_UA_H

#include "base/addr.h"
#include "net/loop.h"
#include "net/net.h"
#include "sip/method.h"
#include "ua/provider.h"

struct resolver;
struct ua;
struct sip_leg;
struct sip_leg_event;
struct ua_invite;
struct ua_state;
struct sr_buf;

enum {
    UA_LEGS_MAX = 20000,          /* SIP legs alive at once; more get 503 */
    UA_TRANSACTIONS_MAX = 500000, /* server and client transactions; more get 503 (stateless) */
    UA_CONTACTS_PER_DEVICE_MAX = 32,
    UA_REGISTER_SEC_MIN = 60,   /* shorter gets 423 */
    UA_REGISTER_SEC_MAX = 3600, /* longer is shortened */
    UA_REGISTER_SEC_DEFAULT = 3600,
};

/** One phone that may register and call. Points into a configuration generation. */
struct ua_device {
    struct sr_str id;
    struct sr_str extension; /* SIP user name; the id is accepted too */
    struct sr_str display_name;
    struct sr_str password;         /* or ha1 */
    struct sr_str ha1;              /* hex MD5(extension:realm:password) */
    const struct sr_cidr *expected; /* NULL: from anywhere */
    uint32_t contacts_max;
    uint32_t qualify_sec; /* OPTIONS to UDP contacts behind NAT; 0: never */
};

struct ua_settings {
    struct sr_str realm;
    const struct sr_str *domains; /* host parts that are ours, beside every local address */
    size_t domain_count;
    const struct ua_device *devices;
    size_t device_count;
    bool use_sha256;            /* challenge with SHA-256 */
    bool is_md5_off;            /* and not with MD5 */
    uint32_t auth_failures_max; /* a minute, per source and user; five times that per source */
    uint32_t ban_sec;
    const struct sr_cidr *allow; /* slowed, never banned */
    size_t allow_count;
    const struct sr_cidr *deny; /* dropped silently */
    size_t deny_count;
    struct sr_addr lan_ip4,
        lan_ip6; /* told to devices; family NONE: the address the packet came to */
    const struct ua_provider *providers;
    size_t provider_count;
    struct sr_addr public_ip4,
        public_ip6; /* told to providers; family NONE: learnt from their answers */
    const struct sr_cidr *local_nets; /* on this side of any NAT, beside private addresses */
    size_t local_net_count;
    uint16_t sip_port;       /* we listen there; 0: 5060 */
    uint16_t tls_port;       /* 0: 5061 */
    struct sr_str stun_host; /* asked when a provider does not show our address; empty: never */
    uint16_t stun_port;
};

/** A contact of a device as the registrar knows it. Texts live as long as the callback or until the
    next turn of the loop. */
struct ua_contact {
    struct sr_str device_id;
    struct sr_str uri;  /* Contact URI as registered */
    struct sr_str path; /* Path header values, comma separated; empty: none */
    struct sr_str user_agent;
    struct sr_str call_id;
    struct sr_str instance; /* +sip.instance, or empty */
    struct net_flow flow;   /* where the REGISTER came from and to */
    uint32_t q_milli;       /* 0..1000 */
    sr_usec expires_at;     /* loop time */
    uint64_t expires_wall;  /* seconds since the epoch, for the store */
    uint32_t cseq;
    bool is_nat;       /* the Contact's address is not the packet's source */
    bool is_reachable; /* false when OPTIONS found nobody */
    int32_t rtt_us;    /* of the last OPTIONS; < 0: not known */
};

enum ua_registration_kind {
    UA_REGISTERED,   /* a new contact */
    UA_REFRESHED,    /* the same contact again (also when its address changed) */
    UA_UNREGISTERED, /* removed: by the phone, expired, its connection closed, device deleted */
    UA_REACHABILITY, /* OPTIONS changed is_reachable */
};

struct ua_registration_event {
    enum ua_registration_kind kind;
    struct ua_contact contact;
    struct sr_str why; /* UNREGISTERED: "by phone" | "expired" | "connection closed" | "removed" */
};

struct ua_trace {
    uint64_t call_cookie; /* see sip_leg_set_cookie; 0: no call */
    uint64_t leg_cookie;
    bool is_sent;
    const struct net_flow *flow;
    struct sr_str bytes; /* the whole message, as on the wire: mask secrets before keeping it */
};

/** What phones subscribe to (subscribe.h). */
enum ua_package {
    UA_PACKAGE_DIALOG,          /* application/dialog-info+xml */
    UA_PACKAGE_MESSAGE_SUMMARY, /* application/simple-message-summary */
    UA_PACKAGE_PRESENCE,        /* application/pidf+xml */
    UA_PACKAGE_COUNT
};

/** A request outside of calls (MESSAGE, SUBSCRIBE, NOTIFY, REFER, PUBLISH): who sends it to whom. */
struct ua_pass_query {
    enum sip_method method;
    struct sr_str device_id;           /* the sender, authenticated; or */
    struct sr_str provider_id;         /* the provider that brings it */
    struct sr_str caller, caller_name; /* then: as it says */
    struct sr_str dialled; /* user of the Request-URI; of a provider as it names who is called */
};

/** Where it goes: to a device or to a provider. Texts are borrowed from the settings or the query. */
struct ua_pass_target {
    struct sr_str device_id, provider_id;
    char number[128];                  /* at the provider */
    struct sr_str caller, caller_name; /* shown there */
    bool is_withheld;                  /* provider: not to be shown */
};

/** What the hub above gives us. All are called on the signalling thread. */
struct ua_user_ops {
    /** An authenticated device calls. Take the leg (sip_leg_set_user) or refuse it with
        sip_leg_reject() before returning; a leg nobody took is refused with 500. */
    void (*on_invite)(void *arg, struct sip_leg *leg, const struct ua_invite *invite);
    /** See ua/sip_leg.h. `user` is what sip_leg_set_user gave. */
    void (*on_leg_event)(void *arg, void *user, struct sip_leg *leg,
                         const struct sip_leg_event *event);
    void (*on_registration)(void *arg, const struct ua_registration_event *event);
    /** May be NULL. */
    void (*on_provider)(void *arg, const struct ua_provider_event *event);
    /** Every message of a leg that has a cookie, both ways. */
    void (*on_trace)(void *arg, const struct ua_trace *trace);
    /** A source (and user, empty: any) is banned from now on for `ban_sec`. */
    void (*on_ban)(void *arg, const struct sr_addr *source, struct sr_str user, uint32_t ban_sec);
    /** May `user` be watched (subscribe.h)? Then its canonical name, by which ua_state_changed()
        finds its watchers, goes to ret_resource. NULL: nothing may. */
    bool (*on_watch)(void *arg, enum ua_package package, struct sr_str user, char *ret_resource,
                     size_t size);
    /** Appends the whole state of a resource; must not fail. */
    void (*write_state)(void *arg, const struct ua_state *state, struct sr_buf *body);
    /** May be NULL. Does a route with mode passthrough take this request?
        @return 0: none does; 200: as ret_target says; else the status to refuse it with */
    uint16_t (*on_pass)(void *arg, const struct ua_pass_query *query,
                        struct ua_pass_target *ret_target);
    /** May be NULL. What on_pass let through is on its way to there. */
    void (*on_passed)(void *arg, const struct ua_pass_query *query,
                      const struct ua_pass_target *target);
    /** How many new calls may start now: 0 answers INVITE with 503 and Retry-After (overload,
        draining). Asked before authentication. */
    bool (*is_accepting)(void *arg, uint32_t *ret_retry_after_sec);
    /** May be NULL. Is that number, dialled by a device, one that no limit of ours may block? Asked
        before authentication, and only when a limit or a ban would: never often. */
    bool (*is_emergency)(void *arg, struct sr_str dialled);
};

struct ua_options {
    struct loop *loop;
    struct net *net;           /* real or simulated; ua_net_handler() is to be its handler */
    struct resolver *resolver; /* for providers; NULL: they stay unresolved */
    const struct ua_user_ops *ops;
    void *arg;
    struct sr_str user_agent; /* Server and User-Agent header, e.g. "siprouter/0.1.0" */
    uint64_t seed;            /* 0: random; tests make tags and branches repeatable */
};

struct ua_stats {
    uint32_t legs;         /* with a user */
    uint32_t legs_closing; /* without one: BYE, CANCEL or an ACK is still on its way */
    uint32_t server_transactions, client_transactions, contacts, bans, subscriptions;
    uint32_t proxy_dialogs; /* of others, through us (proxy.h) */
    uint32_t providers, providers_up;
    uint64_t requests_received, responses_received, sent, retransmitted;
    uint64_t bad_messages, stray_responses, stray_acks, auth_failures, challenges, refused_overload,
        dropped_banned, bans_total, merged; /* merged: 482 */
    struct net_counters net;                /* of the transports beneath */
};

struct ua *ua_new(const struct ua_options *options);
/** Ends at once: no BYE is sent, no callback comes. */
void ua_free(struct ua *ua);
/** When the net was made after the user agent (whose handler it needs): before anything is sent. */
void ua_set_net(struct ua *ua, struct net *net);
/** As ua_options.resolver, when it is made later: before providers are configured. */
void ua_set_resolver(struct ua *ua, struct resolver *resolver);
/** What to give to net_new(), with the ua as argument. */
const struct net_handler *ua_net_handler(void);
/** Takes new settings: contacts of devices that went are removed (with events); bans stay. */
void ua_configure(struct ua *ua, const struct ua_settings *settings);
/** Sends BYE, CANCEL or a final response on every leg; ended legs report as usual. */
void ua_hangup_all(struct ua *ua, uint16_t status, struct sr_str reason);
void ua_stats(const struct ua *ua, struct ua_stats *ret_stats);

/* ---- registrar (RFC 3261 10, 3327, 5626) ---- */

/** Contacts of a device, best first (q, then newest). @return how many were written */
size_t ua_contacts(struct ua *ua, struct sr_str device_id, struct ua_contact *ret_contacts,
                   size_t contacts_max);
/** Brings back a contact from the store at start; connection-bound ones are refused.
    @return false when it has expired, its device is gone or it cannot be rung */
bool ua_restore_contact(struct ua *ua, const struct ua_contact *contact);

#endif

/**
 * @file provider.h  Trunks: registration at providers, their health, which addresses they are told, which
 * calls are theirs.
 *
 * The settings hold one ua_provider per account (ua_settings.providers). A change of settings touches
 * only accounts whose values changed. Registration, qualification and calls use one list of addresses
 * per provider (RFC 3263), with health per address shared by all of them: a request without any answer
 * for UA_PROVIDER_TRY_SEC goes to the next address.
 *
 * Layer:   ua
 * Thread:  signalling thread
 * Memory:  settings are copied; views are values
 */
#ifndef SR_UA_PROVIDER_H
#define SR_UA_PROVIDER_H

#include "base/addr.h"
#include "net/net.h"
#include "ua/quirks.h"

struct ua;

enum {
    UA_PROVIDERS_MAX = 1000,
    UA_PROVIDER_TRY_SEC = 4, /* without an answer: the next address */
    UA_PROVIDER_TEXT_MAX = 128,
    UA_PROVIDER_WHY_MAX = 256,
};

/** Which header says who calls. */
enum ua_identity {
    UA_IDENTITY_PAI,
    UA_IDENTITY_FROM,
    UA_IDENTITY_RPID,
};

/** One account. Texts are copied. */
struct ua_provider {
    struct sr_str id;
    struct sr_str domain;        /* of the URIs; also the server, without a proxy */
    struct sr_str proxy;         /* outbound proxy, or empty */
    uint16_t proxy_port;         /* 0: by SRV */
    bool is_kind_given;          /* transport of the server (proxy) is fixed; else NAPTR, SRV */
    enum net_kind kind;          /* NET_UDP, NET_TCP, NET_TLS */
    struct sr_str username;      /* of the account, in URIs */
    struct sr_str auth_username; /* in digests; empty: username */
    struct sr_str password;
    struct sr_str digest_realm; /* the only one that is answered; empty: the registrar's own */
    bool is_registering;
    uint32_t register_sec;
    uint32_t qualify_sec;     /* OPTIONS; 0: never */
    struct sr_addr public_ip; /* told to this provider; family NONE: learnt */
    bool is_tls_verify_off;
    struct sr_str tls_ca_file; /* empty: the system's */
    enum ua_identity identity;
    struct ua_quirks quirks;
    const struct sr_cidr *trusted; /* who else may send its calls */
    size_t trusted_count;
};

enum ua_provider_state {
    UA_PROVIDER_STARTING,   /* nothing is known yet */
    UA_PROVIDER_REGISTERED, /* bound, and the last REGISTER was answered well */
    UA_PROVIDER_REACHABLE,  /* without registration: it answers OPTIONS */
    UA_PROVIDER_READY,      /* without registration and OPTIONS: its name is known */
    UA_PROVIDER_FAILED,     /* see verdict */
};

/** What is wrong, for programs; `verdict` says it to people. */
#define UA_PROVIDER_FAULT_MAP(X)                                                                   \
    X(NONE, "")                                                                                    \
    X(DNS, "dns_failure")                                                                          \
    X(NO_ANSWER, "no_answer")                                                                      \
    X(REFUSED, "connection_refused")                                                               \
    X(CERT_EXPIRED, "certificate_expired")                                                         \
    X(CERT_NAME, "certificate_name")                                                               \
    X(CERT_UNTRUSTED, "certificate_untrusted")                                                     \
    X(TLS, "tls_failed")                                                                           \
    X(PASSWORD, "wrong_password")                                                                  \
    X(REALM, "wrong_realm")                                                                        \
    X(FORBIDDEN, "forbidden")                                                                      \
    X(UNKNOWN_USER, "unknown_user")                                                                \
    X(DOWN, "provider_down")                                                                       \
    X(REJECTED, "rejected") /* any other refusal */

enum ua_provider_fault {
#define X(name, text) UA_PROVIDER_FAULT_##name,
    UA_PROVIDER_FAULT_MAP(X)
#undef X
};

const char *ua_provider_state_name(enum ua_provider_state state);
const char *ua_provider_fault_name(enum ua_provider_fault fault);

struct ua_provider_view {
    char id[UA_PROVIDER_TEXT_MAX];
    enum ua_provider_state state;
    enum ua_provider_fault fault;
    bool is_usable;                           /* calls can be sent: an address is known */
    uint16_t last_status;                     /* of the last answer; 0: none yet */
    char last_response[UA_PROVIDER_TEXT_MAX]; /* "200 OK" */
    char verdict[UA_PROVIDER_WHY_MAX];        /* one sentence; empty: all is well */
    struct net_flow flow;                     /* the server in use; family NONE: none */
    struct sr_addr public_addr; /* what the provider is told; family NONE: not known */
    uint64_t expires_wall;      /* of the registration; 0: none */
    int64_t next_try_us;        /* loop time of the next REGISTER; SR_NEVER: none */
    int32_t rtt_us;             /* of the last OPTIONS or REGISTER; < 0: not known */
    uint32_t failures;          /* in a row */
};

enum ua_provider_event_kind {
    UA_PROVIDER_UP,      /* registered, or reachable again */
    UA_PROVIDER_DOWN,    /* failed, or for another reason than before */
    UA_PROVIDER_CHANGED, /* anything else people see */
    UA_PROVIDER_MOVED,   /* the address the provider is to be told has changed: live calls are to be
                            offered anew */
    UA_PROVIDER_LOOKED_UP, /* what ua_provider_await() waits for */
    UA_PROVIDER_GONE,      /* no longer configured */
};

struct ua_provider_event {
    enum ua_provider_event_kind kind;
    const struct ua_provider_view *view;
};

/** @return false when there is no such provider */
bool ua_provider_view(struct ua *ua, struct sr_str id, struct ua_provider_view *ret_view);

/** How the world sees us: configured, as a provider saw us last, or by STUN; family NONE: not known. */
void ua_public_addrs(const struct ua *ua, struct sr_addr *ret_ip4, struct sr_addr *ret_ip6);

/** Where a call to this provider would go, and what it would be told. */
struct ua_provider_path {
    struct net_flow flow;
    struct sr_addr media_ip; /* for SDP; port 0 */
    uint16_t ptime_ms;       /* quirk; 0: none */
    bool is_suspect;         /* that server failed lately, and so did all others */
};
/**
 * @return SR_OK; SR_ERR_NOTFOUND no such provider; SR_ERR_STATE no address of it is known now
 */
SR_MUST_USE enum sr_err ua_provider_path(struct ua *ua, struct sr_str id,
                                         struct ua_provider_path *ret_path);

/** While no address is known: looks the name up now. @return true: UA_PROVIDER_LOOKED_UP follows within
    seconds (or UA_PROVIDER_GONE); false: nothing to wait for, the path tells what is known */
SR_MUST_USE bool ua_provider_await(struct ua *ua, struct sr_str id);

struct ua_invite;
/** The same for a call that came from the provider: back to where it came from. */
SR_MUST_USE enum sr_err ua_invite_path(struct ua *ua, const struct ua_invite *invite,
                                       struct ua_provider_path *ret_path);

/** Takes back all registrations and ends qualification. `fn` runs from the loop when every answer
    came, at the latest after 2 s; with fn NULL nobody waits. */
void ua_providers_stop(struct ua *ua, void (*fn)(void *arg), void *arg);

#endif

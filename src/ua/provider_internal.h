/**
 * @file provider_internal.h  What the files about providers share inside ua/.
 *
 * Layer:   ua
 * Thread:  signalling thread
 */
#ifndef SR_UA_PROVIDER_INTERNAL_H
#define SR_UA_PROVIDER_INTERNAL_H

#include "net/resolver.h"
#include "sip/registration.h"
#include "ua/client_txn.h"
#include "ua/provider.h"

enum {
    PROVIDER_ROUTE_MAX = 1024, /* Service-Route values together */
    PROVIDER_REALM_MAX = 128,
    PROVIDER_NONCE_MAX = 512,
    PROVIDER_WISH_MAX = 192,
    PROVIDER_CONF_BYTES_MAX = 1 << 20,
    PROVIDER_RESOLVE_SEC = 60, /* how long an answer of the resolver is used for calls */
    PROVIDER_MOVE_SEC = 10,    /* a new address is told at most that often */
    PROVIDER_PONG_SEC = 10,    /* RFC 5626 4.4.1 */
    PROVIDER_PING_SEC = 90,    /* CR LF CR LF on a connection */
    PROVIDER_STOP_SEC = 2,
    PROVIDER_FLOW_SEC = 10, /* a connection that breaks sooner is not opened anew at once again */
    PROVIDER_FLOW_WAIT_SEC_MAX = 64,
    PROVIDER_ANSWERS_MAX = 2, /* challenges answered for one request */
};

/** The last challenge that was answered, for the next request. */
struct provider_challenge {
    char realm[PROVIDER_REALM_MAX];
    char nonce[PROVIDER_NONCE_MAX];
    char opaque[PROVIDER_NONCE_MAX];
    bool has_opaque;
    enum digest_algorithm algorithm;
    unsigned qop;
    enum sip_hdr header; /* of our answer */
    uint32_t nc;
};

struct provider {
    struct ua *ua;
    struct sr_node node;
    sr_id id;
    struct sr_arena arena; /* of conf's texts */
    struct ua_provider conf;
    bool is_leaving; /* its settings are gone; only its un-REGISTER lives */
    char contact_user[UA_TOKEN_MAX];
    char instance[UA_TOKEN_MAX]; /* UUID for +sip.instance */
    char call_id[UA_TOKEN_MAX], local_tag[UA_TOKEN_MAX];
    uint32_t cseq;
    struct loop_timer timer;

    /* where */
    struct resolver_query query;
    bool is_start_due; /* by the loop's next turn */
    bool is_resolving;
    bool is_awaited;                      /* a call waits for the answer */
    bool is_register_due, is_qualify_due; /* once the name is resolved */
    struct resolver_target targets[RESOLVER_TARGETS_MAX];
    size_t target_count;
    sr_usec resolved_at;   /* SR_NEVER: never */
    struct net_flow flow;  /* of the last good answer; family NONE: none */
    struct sr_addr mapped; /* as the provider sees us; family NONE: not known */
    sr_usec moved_at;
    bool is_move_due;

    /* registration */
    struct sip_registration reg;
    struct client_txn *register_ct;
    struct provider_challenge challenge;
    char realm[PROVIDER_REALM_MAX];    /* the registrar's own, once known */
    char route[PROVIDER_ROUTE_MAX];    /* Service-Route */
    char stale[UA_CONTACT_TEXT_MAX];   /* a Contact of ours the registrar is to forget, or empty */
    char contact[UA_CONTACT_TEXT_MAX]; /* as registered last */
    bool is_outbound_refused;          /* 439: without reg-id from now on */

    /* life */
    struct client_txn *qualify_ct;
    sr_usec qualify_at, keep_alive_at, pong_by;
    sr_usec flow_at;        /* registered over this connection since */
    unsigned flow_failures; /* short-lived ones in a row */
    uint32_t ping_sec;      /* keep-alives; 0: none */
    bool is_pong_due;       /* the server answers them */
    bool is_alive;          /* answered OPTIONS last time */

    /* what people see */
    enum ua_provider_state state;
    enum ua_provider_fault fault;
    uint16_t last_status;
    char last_response[UA_PROVIDER_TEXT_MAX];
    char verdict[UA_PROVIDER_WHY_MAX];
    char foreign_realm[PROVIDER_REALM_MAX]; /* of a challenge that was not answered */
    struct sr_addr stranger;                /* answered in its place lately; family NONE: nobody */
    char wish[PROVIDER_WISH_MAX];           /* of the last refusal: what it wants instead */
    char closed_why[NET_WHY_MAX];           /* of the last connection that failed */
    enum sr_err closed_err;
    int32_t rtt_us;
};

static inline bool provider__is_ip(const struct sr_addr *addr)
{
    return addr->family != SR_ADDR_NONE;
}

/** The number of "+4930123;npdi;cpc=ordinary": parameters of a tel: URI inside a user part (RFC 3261
    19.1.6) say nothing of whom it is. Names stay as they are. */
static inline struct sr_str provider__plain_number(struct sr_str user)
{
    bool is_number = user.n > 0 && (sr_is_digit(user.p[0]) || user.p[0] == '+');

    return is_number ? sr_str_head(user, sr_str_find(user, ';', 0)) : user;
}

/* ---- provider.c ---- */
struct provider *provider__get(struct ua *ua, sr_id id); /* NULL: gone */
struct provider *provider__find(struct ua *ua, struct sr_str id);
void provider__configure(struct ua *ua, const struct ua_settings *settings);
void provider__free_all(struct ua *ua);
/** Sets the timer to the earliest deadline. */
void provider__schedule(struct provider *provider);
void provider__view(const struct provider *provider, struct ua_provider_view *ret_view);
void provider__tell(struct provider *provider, enum ua_provider_event_kind kind);
/** Sets state and fault, tells UP, DOWN or CHANGED. */
void provider__set_state(struct provider *provider, enum ua_provider_state state,
                         enum ua_provider_fault fault);
/** What a connection of that provider may be opened with. */
struct net_dial provider__dial(const struct provider *provider);
/** The host whose addresses the targets are: the proxy's, else the domain. */
struct sr_str provider__server(const struct provider *provider);
/** Resolves (mostly from the cache), then sends what is due. */
void provider__resolve(struct provider *provider);
/** The targets in the order to try: the one in use first unless it is bad. */
size_t provider__targets(struct provider *provider, uint8_t family,
                         struct resolver_target ret_targets[RESOLVER_TARGETS_MAX]);
void provider__on_conn_closed(struct ua *ua, const struct net_flow *flow, enum sr_err err,
                              const char *why);
/** A call found this server silent: when it has our binding, another one is asked for it. */
void provider__on_silence(struct provider *provider, const struct net_flow *flow);
void provider__on_pong(struct ua *ua, const struct net_flow *flow);
/** After something may have ended its leaving: frees it then. Last thing a callback does. */
void provider__left(struct provider *provider);
void provider__on_stop_timer(void *arg);

/* ---- provider_register.c ---- */
/** Does what the machine ordered. Never frees the provider. */
void provider__step(struct provider *provider, const struct sip_registration_step *step);
void provider__send_register(struct provider *provider);
void provider__send_options(struct provider *provider);
/** Contact of a REGISTER on that flow, with its parameters. */
void provider__register_contact(struct provider *provider, const struct net_flow *flow,
                                struct sr_buf *buf);
/** The REGISTER could not be tried: name not resolved. */
void provider__register_failed(struct provider *provider, enum ua_provider_fault fault);

/* ---- provider_verdict.c ---- */
/** The fault of a final answer (or none: msg NULL, 408 or 503) to a request of ours. */
enum ua_provider_fault provider__fault_of(struct provider *provider, struct sip_msg *msg,
                                          uint16_t status);
void provider__write_verdict(struct provider *provider);

/* ---- provider_addr.c ---- */
/** What the provider is told: address and port of ours, on that flow. */
struct sr_addr provider__own_addr(const struct provider *provider, const struct net_flow *flow);
/** Our Contact URI there. */
struct sr_str provider__own_uri(const struct provider *provider, const struct net_flow *flow,
                                char out[UA_CONTACT_TEXT_MAX]);
/** A response to a request of ours on that flow: received and rport of its Via. */
void provider__learn(struct provider *provider, const struct net_flow *flow, struct sip_msg *msg);
/** Asks the STUN server of the settings, if there is one. */
void provider__ask_stun(struct ua *ua);
void provider__end_stun(struct ua *ua);
void provider__on_stun(struct ua *ua, const struct net_flow *flow, struct sr_str bytes);
void provider__keep_alive(struct provider *provider);
/** Our address there may have changed since it was told: orders that it be told anew. */
void provider__check_moved(struct provider *provider);
/** Appends a host as a URI has it (brackets around IPv6). */
void provider__add_host(struct sr_buf *buf, struct sr_str host);
/** Writes the Route of a request outside a dialog: the outbound proxy, and the registrar's
    Service-Route when wanted. */
void provider__add_route(const struct provider *provider, struct sip_build *build,
                         bool with_service_route);

/* ---- provider_trust.c ---- */
/** Whose call is this? NULL: no provider's. */
struct provider *provider__of_request(struct ua_in *in);
/** A request that begins something at a provider. */
struct provider_request {
    enum sip_method method;
    const struct net_flow *flow;
    struct sr_str branch, tag; /* tag: of From */
    bool with_contact;
    const struct sip_leg_invite_options *who; /* from_*, to_user, is_withheld, max_forwards */
};
/** Starts it in ua->out: request line to identity headers, To, Contact. */
void provider__begin_request(struct provider *provider, struct sip_build *build,
                             const struct provider_request *request);
/** Where a request to it goes now; false: nowhere is known. */
bool provider__path(struct provider *provider, struct net_flow *ret_flow);
/** Does what comes that way come from the provider? */
bool provider__is_from(const struct provider *provider, const struct net_flow *flow);
/** The number it is for, by the provider's habits, into `out`. */
struct sr_str provider__called(struct provider *provider, struct ua_in *in, char *out, size_t size);
/** Is a provider of ours at that address? */
bool provider__has_source(struct ua *ua, const struct sr_addr *source, bool is_network);
/** Does the provider's resolved set (or its flow) have that address? */
bool provider__has_addr(const struct provider *provider, const struct sr_addr *addr);

/* ---- client_retry.c ---- */
/** A final response, before anybody hears of it: a challenge that may be answered, a 503 while other
    addresses are left. The request goes out again; the transaction that is over now is given. NULL:
    nothing of that. */
struct client_txn *client_txn__retry(struct client_txn *txn, struct sip_msg *msg);
/** Nobody answers there, or nothing can be sent: as above. */
struct client_txn *client_txn__next_target(struct client_txn *txn);
/** Appends the answer to the last challenge to a request being built. */
bool provider__add_credentials(struct provider *provider, struct sip_build *build,
                               enum sip_method method, struct sr_str uri);

#endif

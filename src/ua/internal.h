/**
 * @file internal.h  What the files of ua/ share.
 *
 * The machines of sip/ decide; here are their timers, their messages and the tables that find them.
 *
 * Layer:   ua
 * Thread:  signalling thread
 */
#ifndef SR_UA_INTERNAL_H
#define SR_UA_INTERNAL_H

#include "base/idtab.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "net/resolver.h"
#include "sip/dialog.h"
#include "sip/digest.h"
#include "sip/rel.h"
#include "sip/session_timer.h"
#include "sip/sip.h"
#include "sip/txn.h"
#include "ua/ban.h"
#include "ua/sip_leg.h"
#include "ua/ua.h"

enum {
    UA_TOKEN_MAX = 40,         /* our tags, branches, Call-IDs, with NUL */
    UA_ID_MAX = 64,            /* device id, with NUL */
    UA_TAG_MAX = 128,          /* a peer's tag we remember, with NUL */
    UA_USER_AGENT_MAX = 128,   /* ours */
    UA_CONTACT_TEXT_MAX = 160, /* our own Contact URI, with NUL */
    UA_FORKS_MAX = 4,          /* other branches of one INVITE of ours that are followed */
    UA_SOURCE_KEY = 17,
    UA_NC_SETS = 4096,          /* times DIGEST_NC_WAYS nonces are remembered */
    UA_BAN_ENTRIES = 8192,      /* sources and users watched; the longest unused one goes */
    UA_BODY_BYTES_MAX = 16384,  /* SDP and other bodies we take */
    UA_BINDING_TEXT_MAX = 8192, /* texts of one contact */
    UA_SESSION_SEC = 1800,
};

/** Whose message it is, for the trace. */
struct ua_cookies {
    uint64_t call;
    uint64_t leg;
};

/** The message in hand. */
struct ua_in {
    struct ua *ua;
    const struct net_flow *flow;
    struct sip_msg *msg;
    struct sr_str bytes;
    bool is_account_open; /* a provider's: set by provider__of_request() */
};

/** Does a device dial a number that no limit may block, and may it try now? user: of its login, or
    empty. */
bool ua__is_emergency(struct ua_in *in, struct sr_str user);

/** A device of the settings, with what the registrar and the digest need. */
struct ua_slot {
    const struct ua_device *device;
    struct sr_list bindings;
    char ha1[4][DIGEST_HEX_MAX]; /* [extension, id] x [MD5, SHA-256]; "" cannot be known */
};

struct ua_conn { /* what hangs on a connection */
    sr_id id;
    struct sr_list bindings;
    struct sr_list client_txns;
};

/** An address where contacts live. */
struct ua_source {
    char key[UA_SOURCE_KEY]; /* family, address */
    struct sr_list bindings;
};

struct ua_ban;

struct ua {
    struct loop *loop;
    struct net *net;
    const struct ua_user_ops *ops;
    void *arg;
    char user_agent[UA_USER_AGENT_MAX];
    struct sr_prng prng;
    bool is_seeded;

    struct digest_secret secret;
    uint32_t nonce_salt;
    struct digest_nc_table nc;
    struct digest_nc_set *nc_sets;
    char dummy_ha1[2][DIGEST_HEX_MAX]; /* MD5, SHA-256: of a password nobody has */

    struct ua_settings settings;
    struct ua_slot *slots;
    size_t slot_count;
    struct sr_map slots_by_id;
    struct sr_map slots_by_extension;
    uint32_t binding_count;
    struct sr_map sources; /* of contacts, by address: struct ua_source */

    struct ua_ban *ban;
    struct client_size *client_size; /* client_size.h */
    struct sr_map server_txns;
    struct sr_map merged;
    struct sr_map client_txns;
    struct sr_list server_list;
    struct sr_list client_list;
    struct sr_map dialogs;
    struct sr_map uac_calls; /* Call-IDs of ours */
    struct sr_list legs;
    uint32_t leg_count; /* with a user */
    struct sr_list subscriptions;
    struct sr_map subscriptions_by_dialog;
    struct sr_map watched; /* who watches what: subscribe.c */
    struct sr_list messages;
    struct sr_list proxied, proxy_dialogs; /* proxy.h */
    struct sr_map proxy_by_token;
    struct sr_map64 conns;

    struct resolver *resolver;
    struct sr_list providers;
    struct sr_map providers_by_name;
    struct sr_idtab provider_ids;
    struct sr_addr seen_ip4, seen_ip6; /* as some provider saw us last; NONE: not known */
    struct sr_addr stun_ip4;           /* by the STUN server; NONE: not known */
    struct stun_query *stun;           /* a question to the STUN server, or NULL */
    struct loop_timer stop_timer;
    loop_fn *stop_fn; /* told when all registrations were taken back; NULL: nobody waits */
    void *stop_arg;

    struct sip_header header_slots[SIP_HEADERS_MAX]; /* of the message in hand */
    struct sip_msg *in_hand;                         /* while it is looked at; else NULL */
    struct sip_leg *carrier;                         /* takes its headers and body along: carry.h */
    struct sr_buf out;                               /* one message being built */
    struct ua_stats stats;
};

static inline sr_usec ua__now(const struct ua *ua)
{
    return loop_now(ua->loop);
}

/* ---- ua.c ---- */

/** Random text of 2 * bytes characters into out. */
void ua__token(struct ua *ua, size_t bytes, char out[UA_TOKEN_MAX]);
uint32_t ua__random_below(struct ua *ua, uint32_t n);
void ua__trace(struct ua *ua, const struct ua_cookies *cookies, const struct net_flow *flow,
               bool is_sent, struct sr_str bytes);
/** Sends and counts. may_dial: may a connection be opened? */
enum sr_err ua__send(struct ua *ua, struct net_flow *flow, bool may_dial, struct sr_str bytes,
                     const struct ua_cookies *cookies);
/** The same; dial NULL: only a connection that stands. */
enum sr_err ua__send_dial(struct ua *ua, struct net_flow *flow, const struct net_dial *dial,
                          struct sr_str bytes, const struct ua_cookies *cookies);
/** The address a peer on that flow is told: lan_ip or the flow's own, with the flow's port. */
struct sr_addr ua__own_addr(const struct ua *ua, const struct net_flow *flow);
/** Our Contact URI on that flow. */
struct sr_str ua__own_uri(const struct ua *ua, const struct net_flow *flow,
                          char out[UA_CONTACT_TEXT_MAX]);
enum sip_transport ua__transport(enum net_kind kind);
/** Is the host of a URI ours (a domain, the realm, an address of ours)? */
bool ua__host_is_ours(const struct ua *ua, const struct net_flow *flow, const struct sip_uri *uri);
/** The entry of a connection, made when `is_made`; NULL for SR_ID_NONE. */
struct ua_conn *ua__conn(struct ua *ua, sr_id id, bool is_made);
/** Frees the entry when nothing hangs on it. */
void ua__conn_drop(struct ua *ua, struct ua_conn *conn);
/** A copy on the heap, to be freed with sr_free(); empty text gives p == NULL. */
struct sr_str ua__dup(struct sr_str text);
void ua__undup(struct sr_str *text);

/* ---- status.c ---- */

/** The SIP status for a failure inside; the only place that knows. */
uint16_t ua__status_of(enum sr_err err);

/* ---- response.c ---- */

extern const char *const ua__supported[]; /* option tags, NULL at the end */
#define UA_CALL_METHODS "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY"
#define UA_ALLOW UA_CALL_METHODS ", REGISTER, SUBSCRIBE, MESSAGE"
#define UA_EVENTS "dialog, message-summary, presence"
#define UA_SUPPORTED "100rel, timer, replaces, norefersub"

/** Where responses to a request go (RFC 3261 18.2.2, RFC 3581; maddr is never obeyed). */
void ua__reply_flow(struct sip_msg *msg, const struct net_flow *flow, struct net_flow *ret_flow);
/** A response about to be built. */
struct ua_reply {
    struct sip_msg *request;
    const struct sr_addr *source; /* of the request */
    uint16_t status;
    struct sr_str reason; /* empty: the standard phrase */
    struct sr_str to_tag; /* for a To without one */
};
/** Starts a response in ua->out: Via to CSeq, and Server. */
void ua__reply_begin(struct ua *ua, struct sip_build *build, const struct ua_reply *reply);
/** The same for a stateless one to the request in hand. */
void ua__stateless_begin(struct ua_in *in, struct sip_build *build, uint16_t status,
                         struct sr_str reason);
/** What a refusal says beside its status. */
struct ua_refusal {
    struct sr_str reason; /* empty: the standard phrase */
    struct sr_str unsupported;
    uint32_t retry_after_sec;
    uint32_t min_expires;
    uint32_t min_se;
    bool with_allow; /* and Accept */
};
void ua__abilities(struct sip_build *build); /* what the answer to OPTIONS says */
void ua__refusal_headers(struct sip_build *build, const struct ua_refusal *refusal,
                         uint16_t status);
/** Sends what ua__reply_begin() started and sip_build_end() ended, without a transaction. */
void ua__reply_send(struct ua_in *in, struct sip_build *build);
/** A whole stateless refusal. refusal may be NULL. */
void ua__refuse(struct ua_in *in, uint16_t status, const struct ua_refusal *refusal);

/* ---- server_txn.c ---- */

struct server_txn {
    struct ua *ua;
    struct sr_node node;
    struct sip_txn machine;
    struct loop_timer timer;
    struct sip_txn_key key;
    struct sip_txn_key merged; /* len 0: not kept */
    struct net_flow source;    /* where the request came from */
    struct net_flow reply;     /* where responses go */
    struct sr_arena arena;
    struct sip_msg *request; /* NULL once nothing more is built from it */
    struct sr_str response;  /* the latest sent */
    struct sip_leg *leg;     /* told of what happens; NULL: nobody */
    struct message *message; /* a MESSAGE on its way, or NULL */
    struct proxied *proxied; /* a request that is passed on (proxy.h), or NULL */
    struct ua_cookies cookies;
    char to_tag[UA_TOKEN_MAX]; /* ours, for requests that came without one */
};

/** The transaction of a request, or NULL. */
struct server_txn *server_txn__find(struct ua *ua, const struct sip_txn_key *key);
/** Starts one for the request in hand. NULL: UA_TRANSACTIONS_MAX, or a broken key. */
struct server_txn *server_txn__new(struct ua_in *in);
void server_txn__free(struct server_txn *txn);
/** The same request again, or an ACK. */
void server_txn__on_request(struct server_txn *txn, bool is_ack);
/** Starts a response in ua->out. */
void server_txn__begin(struct server_txn *txn, struct sip_build *build, uint16_t status,
                       struct sr_str reason);
/** Ends it and sends it. type empty: no body. */
void server_txn__send(struct server_txn *txn, struct sip_build *build, uint16_t status,
                      struct sr_str type, struct sr_str body);
/** A whole refusal; refusal may be NULL. */
void server_txn__refuse(struct server_txn *txn, uint16_t status, const struct ua_refusal *refusal);
/** A plain 200. */
void server_txn__ok(struct server_txn *txn);
/** The latest response once more (a 2xx until its ACK, a reliable 1xx until its PRACK). */
void server_txn__again(struct server_txn *txn);
/** The leg lets go: no more calls to it. */
void server_txn__detach(struct server_txn *txn);
/** The ACK of its 2xx came: the leg lets go, and for half a minute it only swallows repeated requests
    (RFC 6026 7.1), so the response goes. */
void server_txn__acked(struct server_txn *txn);

/* ---- client_txn.h ---- */

struct client_txn;
/** msg NULL: none came (408: nobody answered, or its 2xx was not acknowledged; 503: it could not be sent). */
typedef void client_txn_fn(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status);

/* ---- request_out.c ---- */

struct ua_dialog_request {
    const struct sip_dialog *dialog;
    const struct net_flow *flow;
    enum sip_method method;
    uint32_t cseq;
    struct sr_str branch;
    bool with_contact;
    sr_id provider; /* whose addresses of ours; SR_ID_NONE: a device's */
};
/** Starts a request of a dialog in ua->out: up to CSeq, User-Agent, Contact. */
void ua__request_begin(struct ua *ua, struct sip_build *build,
                       const struct ua_dialog_request *request);
void ua__via(struct ua *ua, struct sip_build *build, const struct net_flow *flow,
             struct sr_str branch, sr_id provider);
/** The value alone. */
void ua__via_text(struct ua *ua, struct sr_buf *buf, const struct net_flow *flow,
                  struct sr_str branch, sr_id provider);
/** Our Contact URI as that provider, or a device on that flow, is told it. */
struct sr_str ua__contact_uri(struct ua *ua, const struct net_flow *flow, sr_id provider,
                              char out[UA_CONTACT_TEXT_MAX]);
void ua__branch(struct ua *ua, char out[UA_TOKEN_MAX]);
struct ua_bye {
    const struct net_flow *flow;
    struct ua_cookies cookies;
    sr_id provider;
    uint16_t status; /* 0: no Reason */
    struct sr_str reason;
};
/** A BYE nobody waits for. */
void ua__send_bye(struct ua *ua, struct sip_dialog *dialog, const struct ua_bye *bye);

/* ---- request_in.c ---- */

void ua__on_request(struct ua_in *in);

/* ---- auth.c ---- */

enum ua_auth {
    UA_AUTH_OK,
    UA_AUTH_ANSWERED, /* challenged, refused or dropped */
    UA_AUTH_AGAIN,    /* the right password, but this nonce count was used: a repeated request */
};
/** Who sends this? Answers by itself unless OK or AGAIN. */
enum ua_auth ua__authenticate(struct ua_in *in, struct ua_slot **ret_slot);
void ua__challenge(struct ua_in *in, bool is_stale);
void ua__slot_secrets(struct ua *ua, struct ua_slot *slot);

/* ---- registrar.c ---- */

struct binding {
    struct ua *ua;
    struct ua_slot *slot;
    struct sr_node node;
    struct sr_node conn_node;
    struct ua_conn *conn;
    struct sr_node source_node;
    struct ua_source *source;
    struct loop_timer timer;
    sr_usec qualify_at;
    struct client_txn *qualify;
    struct ua_contact contact;
    uint32_t reg_id;   /* 0: none */
    struct sr_str raw; /* memory of all texts */
    uint64_t order;    /* newest: highest */
};

void registrar__on_register(struct ua_in *in, struct ua_slot *slot, bool is_again);
struct binding *registrar__add(struct ua *ua, struct ua_slot *slot,
                               const struct ua_contact *contact, uint32_t reg_id);
/** Overwrites a binding with another contact. */
void registrar__update(struct binding *binding, const struct ua_contact *contact, uint32_t reg_id);
void registrar__remove(struct binding *binding, const char *why, bool is_told);
void registrar__on_conn_closed(struct ua_conn *conn);
/** Puts all texts of a contact into one block. */
struct ua_contact registrar__copy(const struct ua_contact *from, struct sr_str *ret_raw);
/** Does a registered contact live at the other end of that flow? */
bool registrar__has_flow(struct ua *ua, const struct net_flow *flow);
bool registrar__source_is_registered(struct ua *ua, const struct sr_addr *source);
/** A standing flow of that device from the same host, for a leg whose connection went. */
bool registrar__find_flow(struct ua *ua, struct sr_str device_id, const struct net_flow *old,
                          struct net_flow *ret_flow);
void registrar__tell(struct binding *binding, enum ua_registration_kind kind, const char *why);
void registrar__schedule(struct binding *binding);

/* ---- subscribe.c, message.c ---- */

void subscribe__init(struct ua *ua);
void subscribe__free_all(struct ua *ua);
void subscribe__on_new(struct ua_in *in, struct ua_slot *slot);
/** SUBSCRIBE inside a dialog. False: the dialog is no subscription. */
bool subscribe__on_again(struct ua_in *in);
/** Is what a device wants to watch a thing of ours (and not of who a route leads to)? */
bool subscribe__is_ours(struct ua_in *in);
/** After new settings: who or what is gone is not watched any more. */
void subscribe__reconfigure(struct ua *ua);

/** A phone is reached at another address from now on. */
void subscribe__move(struct ua *ua, struct sr_str device_id, const struct net_flow *old,
                     const struct net_flow *now);

void message__on_request(struct ua_in *in, struct ua_slot *slot);
/** The transaction of a message goes. */
void message__forget(struct server_txn *txn);
void message__free_all(struct ua *ua);

#endif

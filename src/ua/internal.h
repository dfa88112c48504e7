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
#define UA_ALLOW                                                                                   \
    "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, PRACK, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, " \
    "MESSAGE"
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

/* ---- legs ---- */

enum leg_state {
    LEG_INCOMING, /* called side, before a final response */
    LEG_CALLING,  /* caller side, before a final response */
    LEG_ANSWERED,
    LEG_OVER, /* no dialog any more (or BYE sent) */
};

enum leg_offer {
    LEG_OFFER_NONE,
    LEG_OFFER_OURS,   /* we wait for an answer */
    LEG_OFFER_THEIRS, /* the user is to answer */
};

struct leg_fork {
    char tag[UA_TAG_MAX];
    struct sip_rel_seen seen;
    struct sr_str sdp; /* its last one, of a 1xx; heap */
};

struct sip_leg {
    struct ua *ua;
    struct sr_node node;
    enum leg_state state;
    bool is_uac;
    bool is_taken;    /* has a user */
    bool is_detached; /* the user is gone, or never came */
    bool is_done;     /* nothing is left: freed with the last hold */
    unsigned holds;
    void *user;
    struct ua_cookies cookies;
    char device_id[UA_ID_MAX];
    sr_id provider; /* SR_ID_NONE: a device's */
    struct net_flow flow;

    struct sip_dialog dialog;
    bool has_dialog;
    bool is_keyed;
    struct sip_txn_key dialog_key;
    struct sr_str call_id; /* heap */
    struct loop_timer timer;
    struct sr_list client_txns;

    /* transactions that are open */
    struct server_txn *invite_st; /* initial or re-INVITE without a final response */
    struct server_txn *ok_st;     /* its 2xx waits for ACK */
    struct server_txn *offer_st;  /* UPDATE or PRACK whose offer the user is to answer */
    struct server_txn *refer_st;  /* REFER in hand */
    struct server_txn *info_st;   /* raw: INFO in hand */
    struct client_txn *invite_ct; /* initial or re-INVITE without a final response */
    struct client_txn *update_ct;
    struct client_txn *bye_ct;

    /* offer and answer */
    enum leg_offer offer;
    bool is_answered_early; /* offer of the INVITE was settled by a reliable 1xx: 2xx without SDP */
    bool is_offer_in_ack;   /* our 2xx carried an offer: its answer comes in the ACK */
    bool is_answer_in_ack;  /* their 2xx carried an offer: our answer goes in the ACK */
    struct sr_str local_sdp;    /* the last we sent */
    struct sr_str early_sdp;    /* the last the user was told, of a 1xx */
    struct sr_str queued_offer; /* of sip_leg_offer(), waits for ACK or for the end of glare */
    sr_usec queued_at;          /* SR_NEVER: for the ACK */

    /* called side */
    struct sip_rel rel;
    bool is_rel_wanted; /* Require: 100rel */
    bool is_rel_supported;
    bool is_rel_sdp;        /* the pending reliable 1xx has SDP: no 2xx before its PRACK */
    bool is_answer_waiting; /* sip_leg_answer() came before that PRACK */
    bool is_rel_offer;      /* the reliable 1xx carried our offer */
    struct sr_str waiting_sdp;
    uint16_t progress_status; /* a 1xx that waits for that PRACK; 0: none */
    struct sr_str progress_sdp;
    bool is_acked; /* the first 2xx */
    uint32_t ok_cseq;
    struct sip_retry2xx retry;
    char local_tag[UA_TOKEN_MAX];

    /* caller side */
    struct leg_fork forks[UA_FORKS_MAX];
    size_t fork_count;
    bool is_offerless;
    bool is_retried; /* 422 */

    /* end */
    bool is_cancel_wanted;
    bool is_bye_wanted; /* once the ACK came */
    uint16_t end_status;
    struct sr_str end_reason;

    /* REFER and who is connected (refer.c) */
    bool is_refer_open; /* accepted, not ended */
    bool is_refer_told; /* by NOTIFY */
    uint32_t refer_id;  /* CSeq of the REFER */
    uint32_t refer_count;
    struct sr_str identity_user, identity_display; /* heap; empty: as the INVITE said */
    struct sr_str party_user, party_display;       /* heap; who the provider says is connected */
    sr_usec identity_at;                           /* an UPDATE is owed; SR_NEVER: none */

    /* raw (sip_leg_raw.c) */
    bool is_raw;
    bool is_prack_owed;
    struct sip_dialog prack_dialog; /* with whom */
    uint32_t prack_rseq, prack_cseq;

    /* session timer */
    struct sip_session_timer session;
    uint32_t session_min_sec; /* highest Min-SE of a 422 */
    bool is_update_allowed;
};

/* sip_leg_common.c */
struct sip_leg *sip_leg__new(struct ua *ua);
void sip_leg__hold(struct sip_leg *leg);
void sip_leg__release(struct sip_leg *leg);
/** Frees the leg when neither a user nor the protocol needs it. */
void sip_leg__settle(struct sip_leg *leg);
void sip_leg__free(struct sip_leg *leg);
/** Sets the leg's timer to its earliest deadline. */
void sip_leg__schedule(struct sip_leg *leg);
/** Gives an event to the user, if there still is one. */
void sip_leg__tell(struct sip_leg *leg, struct sip_leg_event *event);
/** Tells the end and detaches the user. */
void sip_leg__ended(struct sip_leg *leg, enum sip_leg_cause cause, uint16_t status,
                    struct sip_msg *msg);
/** The user is gone: no more events. */
void sip_leg__detach(struct sip_leg *leg);
/** The dialog's ids are final: requests find the leg from now on. */
void sip_leg__key(struct sip_leg *leg);
void sip_leg__unkey(struct sip_leg *leg);
struct sip_leg *sip_leg__find(struct ua *ua, struct sip_msg *msg);
void sip_leg__keep_sdp(struct sr_str *slot, struct sr_str sdp);
struct client_txn *sip_leg__send(struct sip_leg *leg, enum sip_method method,
                                 struct sip_build *build, struct sr_str branch, client_txn_fn *fn);
/** Where requests of this leg go now (a connection that went is replaced by the device's new one). */
const struct net_flow *sip_leg__flow(struct sip_leg *leg);
/** Ends an answered leg: BYE now, or after the ACK that is still missing. */
void sip_leg__bye(struct sip_leg *leg, uint16_t status, struct sr_str reason);
/** SDP of a message: empty when there is none. */
struct sr_str sip_leg__sdp_of(struct sip_msg *msg);
/** What a message says of session timers. */
struct sip_session_said sip_leg__session_said(struct sip_msg *msg);
void sip_leg__learn(struct sip_leg *leg, struct sip_msg *msg); /* Allow */

/* sip_leg_uas.c */
/** A call of a device (slot), or of a provider (then slot is NULL). */
void sip_leg__on_invite(struct ua_in *in, struct ua_slot *slot, sr_id provider);
void sip_leg__on_cancel(struct server_txn *invite, struct sip_msg *cancel);
void sip_leg__on_prack(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn);
void sip_leg__on_rel_deadline(struct sip_leg *leg);
/** Sends the 2xx of an INVITE and waits for its ACK. */
void sip_leg__send_2xx(struct sip_leg *leg, struct server_txn *txn, struct sr_str sdp);
/** Session-Expires of a 2xx, and the timer with it. */
void sip_leg__add_session(struct sip_leg *leg, struct server_txn *txn, struct sip_build *build);
/** Type (unless any will do), encoding and size of the body, session interval: the status to refuse with,
    or 0. */
uint16_t sip_leg__check_content(struct sip_msg *msg, bool is_any_body, struct ua_refusal *refusal);
/** A refusal; with what the other party's brought, where that is carried. */
void sip_leg__refuse(struct sip_leg *leg, struct server_txn *txn, uint16_t status,
                     const struct ua_refusal *refusal);
void sip_leg__add_abilities(struct sip_leg *leg, struct sip_build *build);

/* sip_leg_uac.c */
/** Builds and sends the ACK of a 2xx, with `sdp` when the 2xx was an offer. */
void sip_leg__send_ack(struct sip_leg *leg, struct client_txn *txn, uint32_t cseq,
                       struct sr_str sdp);
void sip_leg__send_prack(struct sip_leg *leg, struct sip_dialog *dialog, uint32_t rseq,
                         uint32_t cseq);
/** A 1xx with RSeq: PRACKs it. False: drop it, it was seen or one before it is missing. */
bool sip_leg__take_reliable(struct sip_leg *leg, struct sip_msg *msg);
/** Session-Expires of an INVITE or UPDATE of ours. */
void sip_leg__ask_session(struct sip_leg *leg, struct sip_build *build);

/** A From-like header with an address of ours. */
void sip_leg__add_party(struct sip_leg *leg, struct sip_build *build, enum sip_hdr id,
                        struct sr_str user, struct sip_build_addr addr);

/* refer.c */
void sip_leg__on_refer(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn);
/** P-Asserted-Identity and Remote-Party-ID, when sip_leg_identify() was told. */
void sip_leg__add_identity(struct sip_leg *leg, struct sip_build *build);
void sip_leg__send_identity(struct sip_leg *leg);

/* provider_invite.c */
/** Request line to identity headers of an INVITE to the leg's provider. */
void provider__begin_invite(struct sip_leg *leg, const struct sip_leg_invite_options *options,
                            struct sr_str branch, struct sip_build *build);
/** Where the leg's INVITE goes. @return as sip_leg_invite() */
enum sr_err provider__prepare_leg(struct sip_leg *leg, struct sr_str provider_id);
/** 100rel, as this leg's party may be offered it. */
bool sip_leg__may_prack(struct sip_leg *leg);
/** Requests inside the dialog go where the peer's Contact or route says, when that can be. */
void provider__follow_dialog(struct sip_leg *leg);
/** Whether that is one of its servers, a trusted address, or its connection. */
bool provider__serves(struct ua *ua, sr_id provider, const struct net_flow *flow);
/** Credentials of an INVITE, for its ACK (RFC 3261 13.2.2.4). */
void provider__copy_credentials(const struct client_txn *txn, struct sip_build *build);
/** Who the provider asserts is connected; tells SIP_LEG_PARTY when that is somebody else than before. */
void provider__take_identity(struct sip_leg *leg, struct sip_msg *msg);
/** Who calls, of a provider's INVITE: number and name into the arrays. */
void provider__caller(struct sip_msg *msg, char user[256], char display[256]);

/* sip_leg_raw.c */
/** Keeps what sip_leg_prack() is to send; a PRACK owed before goes out now. */
void sip_leg__owe_prack(struct sip_leg *leg, const struct sip_dialog *dialog, uint32_t rseq,
                        uint32_t cseq);
void sip_leg__on_raw_info(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn);

/* sip_leg_dialog.c */
/** The peer lost the dialog (408, 481), or a request could not be sent: it ends. */
void sip_leg__lost(struct sip_leg *leg, uint16_t status, bool is_unsent);
/** Their 2xx carried an offer that the user has not answered. `msg`: that 2xx again; NULL: the
    transaction is over, and with it the leg. */
void sip_leg__await_answer(struct sip_leg *leg, const struct sip_msg *msg);
void sip_leg__on_request(struct sip_leg *leg, struct ua_in *in);
void sip_leg__on_ack(struct sip_leg *leg, struct sip_msg *msg);
void sip_leg__refresh(struct sip_leg *leg);
void sip_leg__send_queued(struct sip_leg *leg);
/** An offer that waits is given back to the user (status 491). */
void sip_leg__drop_queued(struct sip_leg *leg);
/** UPDATE without an offer (a refresh, with who is connected). False: another exchange is open. */
bool sip_leg__send_bare_update(struct sip_leg *leg);
/** Starts a request in the dialog: ua->out, branch. */
void sip_leg__begin(struct sip_leg *leg, enum sip_method method, struct sip_build *build,
                    char branch[UA_TOKEN_MAX]);

#endif

/**
 * @file sip_leg_internal.h  A leg's dialog, as the files about legs share it inside ua/.
 *
 * Layer:   ua
 * Thread:  signalling thread
 */
#ifndef SR_UA_SIP_LEG_INTERNAL_H
#define SR_UA_SIP_LEG_INTERNAL_H

#include "ua/internal.h"

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
/** Answers requests of the peer that are still open: the dialog is over. */
void sip_leg__refuse_open(struct sip_leg *leg);
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
/** The display name in plain text, with NUL, in `out`; one that is too long is cut. */
struct sr_str sip_leg__display(const struct sip_nameaddr *addr, char out[256]);

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
void provider__redial(struct sip_leg *leg); /* its connection went: where a new one goes */
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

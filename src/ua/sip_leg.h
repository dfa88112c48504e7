/**
 * @file sip_leg.h  One SIP call leg: an INVITE and its dialog, either direction (RFC 3261 12-15, 3262,
 * 3311, 3326, 4028, 6026).
 *
 * All of the protocol is in here: transactions, ACK, PRACK, retransmitted 2xx, session timers, glare
 * (491 and its wait), authentication of our own requests. The user sees offers, answers, progress, the
 * end. Its bodies are SDP texts; who answers an offer is always the user.
 *
 * Life: a leg is born by sip_leg_invite() or with ua_user_ops.on_invite. It ends once: either the
 * event SIP_LEG_ENDED (the pointer is dead when the callback returns), or the user's own
 * sip_leg_hangup() / sip_leg_reject() (the pointer is dead when the call returns, no more events
 * come; what the protocol still needs - BYE, CANCEL, retransmissions - is finished alone).
 *
 * Layer:   ua
 * Thread:  signalling thread
 */
#ifndef SR_UA_SIP_LEG_H
#define SR_UA_SIP_LEG_H

#include "ua/ua.h"

enum {
    SIP_LEG_HEADERS_MAX = 16,
    SIP_LEG_EXTRA_BYTES_MAX = 4096
};

/** A header to add to a request or response: checked, never able to inject another. */
struct sip_leg_header {
    struct sr_str name;
    struct sr_str value;
};

/** What the caller asks for. Texts live for the callback only. */
struct ua_invite {
    struct sr_str device_id;   /* who was authenticated; empty: a provider's call */
    struct sr_str provider_id; /* whose call it is; empty: a device's */
    bool is_account_open;      /* of several accounts of that host none is named: any may be meant
                                  (sip_leg_set_account) */
    struct sr_str dialled;     /* user part of the Request-URI, unescaped; of a provider: the number
                                  that was called, wherever it writes it */
    struct sr_str dialled_host;
    struct sr_str from_user, from_display; /* of a provider: "anonymous" when withheld */
    struct sr_str call_id;
    struct sr_str user_agent;
    struct sr_str sdp;    /* empty: the caller wants our offer (offerless INVITE) */
    bool is_body_foreign; /* it brings more that is to be understood: only who passes it on takes
                             the call; else refuse it with 415 */
    struct net_flow flow; /* flow.local is what we tell this caller in SDP unless lan_ip is set */
    bool has_replaces, is_replaces_early_only;
    struct sr_str replaces_call_id, replaces_from_tag, replaces_to_tag;
    uint8_t max_forwards; /* already lowered by one */
};

struct sip_leg_invite_options {
    struct ua_contact *contact;                    /* whom to call (copied); NULL: a provider */
    struct sr_str provider_id;                     /* then To and Request-URI are to_user there */
    bool is_withheld;                              /* provider: the caller is not to be shown */
    struct sr_str from_user, from_display;         /* caller shown to the party */
    struct sr_str asserted_user, asserted_display; /* P-Asserted-Identity; empty: none */
    struct sr_str to_user;                         /* called extension, for To */
    struct sr_str sdp;                             /* our offer */
    struct sip_leg
        *from; /* raw: the caller, whose INVITE is passed on with headers and body; or NULL */
    const struct sip_leg_header *headers;
    size_t header_count;
    uint8_t max_forwards; /* 0: 70 */
    void *user;
    uint64_t call_cookie, leg_cookie;
};

enum sip_leg_event_kind {
    SIP_LEG_PROGRESS, /* caller side: 101..199; sdp when it came with one (early media) */
    SIP_LEG_ANSWERED, /* caller side: 2xx; sdp is the answer (or the offer, when ours was empty) */
    SIP_LEG_ACKED,    /* called side: ACK arrived; sdp when it carries the answer to our offer */
    SIP_LEG_OFFER,    /* re-INVITE or UPDATE with an offer: call sip_leg_answer_offer() or
                         sip_leg_refuse_offer(), now or later. Empty sdp: the peer wants our offer;
                         answer with it, the peer's answer comes as SIP_LEG_ANSWER */
    SIP_LEG_ANSWER, /* the answer to sip_leg_offer() or to our offer in a 2xx; status 200; or the refusal:
                         status >= 300 and no sdp: the old agreement stays */
    SIP_LEG_DTMF,    /* SIP INFO: digit, duration_ms */
    SIP_LEG_REFER,   /* the peer wants to be replaced (RFC 3515): refer_*, replaces_*; call
                         sip_leg_answer_refer() before returning */
    SIP_LEG_PARTY,   /* a provider says who is connected: party_* (RFC 3325); may come before
                      PROGRESS and ANSWERED */
    SIP_LEG_PRACKED, /* raw: the peer has the reliable response sip_leg_progress() sent */
    SIP_LEG_INFO, /* raw: INFO with `type` and `sdp` as its body; sip_leg_answer_info() is owed */
    SIP_LEG_INFO_DONE, /* raw: the response to sip_leg_send_info(): status */
    SIP_LEG_ENDED,     /* see `cause`, `status`; the pointer dies */
};

enum sip_leg_cause {
    SIP_LEG_CAUSE_BYE,       /* the peer hung up */
    SIP_LEG_CAUSE_CANCEL,    /* the caller gave up before an answer */
    SIP_LEG_CAUSE_REFUSED,   /* caller side: a final response 300..699: status, reason */
    SIP_LEG_CAUSE_TIMEOUT,   /* no answer to a request in 64*T1, no ACK, no PRACK: status 408 */
    SIP_LEG_CAUSE_SESSION,   /* session timer ran out (RFC 4028) */
    SIP_LEG_CAUSE_TRANSPORT, /* could not be sent: status 503 */
    SIP_LEG_CAUSE_PROTOCOL,  /* the peer broke the protocol beyond repair */
};

struct sip_leg_event {
    enum sip_leg_event_kind kind;
    struct sr_str sdp;
    uint16_t status;
    struct sr_str reason; /* reason phrase, or the Reason header's text */
    uint16_t q850;        /* from a Reason header; 0: none */
    uint16_t sip_cause;   /* likewise: 200 of a CANCEL says that somebody else has the call */
    enum sip_leg_cause cause;
    bool is_update;            /* OFFER: in an UPDATE or PRACK, not in a re-INVITE */
    struct sr_str type;        /* INFO: Content-Type */
    uint32_t retry_after_sec;  /* 503, 486... ; 0: none */
    struct sr_str contact_uri; /* 3xx: the Contact with the highest q */
    char digit;
    uint16_t duration_ms;
    struct sr_str user_agent; /* PROGRESS, ANSWERED: the party's, may be empty */
    bool is_reliable;         /* PROGRESS sent with 100rel */
    bool is_other_answer;     /* PROGRESS, ANSWERED: sdp is not the one that was told before */
    struct sr_str party_user, party_display; /* PARTY: unescaped; "anonymous" when withheld */
    struct sr_str refer_user, refer_host;    /* REFER: whom to call; user unescaped */
    bool has_replaces; /* REFER: an attended transfer; ids of a dialog of ours: */
    struct sr_str replaces_call_id, replaces_local_tag, replaces_remote_tag;
};

/* ---- called side (after ua_user_ops.on_invite) ---- */

/** May the call be this account's (ua_invite.is_account_open)? Its calls come from there. */
bool sip_leg_fits_account(const struct sip_leg *leg, struct sr_str provider_id);
/** It is; before anything was answered. */
void sip_leg_set_account(struct sip_leg *leg, struct sr_str provider_id);
/** Takes the leg: `user` comes with its events, cookies with its trace. */
void sip_leg_set_user(struct sip_leg *leg, void *user, uint64_t call_cookie, uint64_t leg_cookie);
/** 101..199; with sdp as early media (sent reliably when the caller supports 100rel and `sdp` is
    given). 100 Trying goes out by itself. */
void sip_leg_progress(struct sip_leg *leg, uint16_t status, struct sr_str sdp);
/** 200. sdp: the answer, or our offer when the INVITE had none. May be called once. */
void sip_leg_answer(struct sip_leg *leg, struct sr_str sdp);
/** A final response 300..699; the pointer is dead. reason empty: the standard phrase.
    retry_after_sec 0: none. */
void sip_leg_reject(struct sip_leg *leg, uint16_t status, struct sr_str reason,
                    uint32_t retry_after_sec);

/* ---- caller side ---- */

/**
 * Sends an INVITE. Failure to send comes as SIP_LEG_ENDED from the loop, never from inside.
 *
 * @return SR_OK; SR_ERR_LIMIT too many legs: answer 503; SR_ERR_SYNTAX the contact's URI is unusable;
 *         SR_ERR_NOTFOUND no such provider; SR_ERR_STATE no address of it is known
 */
SR_MUST_USE enum sr_err sip_leg_invite(struct ua *ua, const struct sip_leg_invite_options *options,
                                       struct sip_leg **ret_leg);

/* ---- both ---- */

/** Offers anew inside the dialog (UPDATE before an answer, re-INVITE after). One at a time:
    SR_ERR_STATE while another exchange is open (try again after its SIP_LEG_ANSWER). */
SR_MUST_USE enum sr_err sip_leg_offer(struct sip_leg *leg, struct sr_str sdp);
void sip_leg_answer_offer(struct sip_leg *leg, struct sr_str sdp);
/** 488 and the like; the old agreement stays. */
void sip_leg_refuse_offer(struct sip_leg *leg, uint16_t status);
/** SIP INFO application/dtmf-relay. SR_ERR_STATE before an answer. */
SR_MUST_USE enum sr_err sip_leg_send_dtmf(struct sip_leg *leg, char digit, uint32_t duration_ms);
/** Answers the REFER in hand: below 300 it is accepted (202, NOTIFY 100), else refused. */
void sip_leg_answer_refer(struct sip_leg *leg, uint16_t status);
/** Tells how an accepted REFER goes (sipfrag in a NOTIFY); a status of 200 or more is the last. Does
    nothing when none is open or the peer wants no NOTIFY (RFC 4488). reason empty: the standard phrase. */
void sip_leg_notify_refer(struct sip_leg *leg, uint16_t status, struct sr_str reason);
/** Who is at the other end from now on: in an UPDATE when the peer can do that, and in every later
    response and request that may say it (P-Asserted-Identity, Remote-Party-ID). */
void sip_leg_identify(struct sip_leg *leg, struct sr_str user, struct sr_str display);
/** Ends the leg whatever its state: CANCEL, final response or BYE, with a Reason header when
    `status` is not 0 ("SIP;cause=STATUS;text=..."). The pointer is dead. */
void sip_leg_hangup(struct sip_leg *leg, uint16_t status, struct sr_str reason);

/* ---- raw: what the user of a leg passes on to the other leg of a call (passthrough) ---- */

/** From now on the user sees and answers what the leg else settles alone: PRACK for a reliable response
    (owed by sip_leg_prack()), every INFO, 491 to an offer. An answer with an empty SDP offered
    (sip_leg_offer) is an offer of the peer: SIP_LEG_ANSWER, then sip_leg_answer_offer(). */
void sip_leg_set_raw(struct sip_leg *leg);
/** While an event is told: the next message of that leg carries what the one in hand brought (headers of
    neither dialog, bodies beside the description), when it is of the same kind. Raw legs only. */
void sip_leg_carry(struct sip_leg *leg);
/** PRACKs the reliable response told last (SIP_LEG_PROGRESS, is_reliable), if one waits for that. */
void sip_leg_prack(struct sip_leg *leg);
/** A reliable response of ours waits for its PRACK. */
bool sip_leg_waits_for_prack(const struct sip_leg *leg);
/** As sip_leg_offer(), in an UPDATE when the peer allows that. */
SR_MUST_USE enum sr_err sip_leg_update(struct sip_leg *leg, struct sr_str sdp);
/** SR_ERR_STATE: no dialog yet, or it is over. */
SR_MUST_USE enum sr_err sip_leg_send_info(struct sip_leg *leg, struct sr_str type,
                                          struct sr_str body);
/** Answers the INFO in hand. */
void sip_leg_answer_info(struct sip_leg *leg, uint16_t status);

bool sip_leg_is_answered(const struct sip_leg *leg);
struct sr_str sip_leg_call_id(const struct sip_leg *leg);
/** The leg of a dialog (Replaces, RFC 3891), or NULL. */
struct sip_leg *sip_leg_find(struct ua *ua, struct sr_str call_id, struct sr_str local_tag,
                             struct sr_str remote_tag);
/** The ids of its dialog as the peer sees them; false before there is one. */
bool sip_leg_dialog(const struct sip_leg *leg, struct sr_str *ret_call_id,
                    struct sr_str *ret_peer_tag, struct sr_str *ret_our_tag);
void *sip_leg_user(const struct sip_leg *leg);

#endif

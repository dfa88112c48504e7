/**
 * @file sim_phone.h  A scripted SIP phone on the simulated network: registers with digest, calls,
 * answers, holds, hangs up, retransmits as RFC 3261 wants, and misbehaves when told so.
 *
 * Its messages are made and read as text; it shares only the digest arithmetic with the router.
 *
 * Memory: calls belong to the phone and stay readable until sim_phone_free()
 */
#ifndef SR_TEST_SIM_PHONE_H
#define SR_TEST_SIM_PHONE_H

#include "base/random.h"
#include "net/net_sim.h"
#include "sim_text.h"

enum {
    PHONE_TEXT_MAX = 256,
    PHONE_SDP_MAX = 2048,
    PHONE_STATUSES_MAX = 16,
    PHONE_LAST_MAX = 8192,
};

/** What a phone does without being told each time. */
struct phone_manners {
    uint16_t early_status; /* sent to an INVITE: 180, 183; 0: none */
    bool has_early_sdp;
    bool is_early_reliable; /* with 100rel, when the INVITE supports it */
    uint16_t final_status;  /* 200: answers; 486...; 0: rings on */
    sr_usec final_after;    /* from the INVITE on */
    const char *codecs;
    bool is_deaf;             /* hears nothing at all */
    bool is_dead;             /* and says nothing: its power is gone */
    bool never_pracks;        /* a reliable response to its INVITE */
    bool never_acks;          /* a 2xx to its INVITE */
    bool never_acks_refusals; /* a final response >= 300 */
    bool ignores_bye;         /* neither answers BYE nor sends one */
    bool answers_cancelled;   /* CANCEL is answered, and the INVITE with 200 all the same */
    bool answers_empty;       /* 200 to an INVITE with an offer, without SDP */
    uint16_t reoffer_status;  /* to re-INVITE and UPDATE; 200 */
    const char *extra; /* header lines of its INVITE, UPDATE ("Session-Expires: 90\r\n"), or NULL */
    const char *demands;                /* 488 to an offer without this text; NULL: none */
    const char *proto, *crypto, *suite; /* see struct sim_sdp */
    const char *sdp;      /* its description word by word, whatever is offered; NULL: as it can */
    const char *sdp_type; /* what it says `sdp` is; NULL: application/sdp */
    const char *later; /* header lines of its INFO, CANCEL, BYE, and of its 200 to INFO; or NULL */
    bool
        is_registrar; /* a provider: answers REGISTER, shows where it saw it come from, calls there */
    uint16_t info_status;      /* to INFO; 0: 200 */
    const char *refusal_extra; /* header lines of its refusal, or NULL */
    const char *ok_extra;      /* the same of its 200 to INVITE and UPDATE */
    uint16_t ask_status;       /* to SUBSCRIBE, REFER, PUBLISH, MESSAGE outside; 0: 200 */
    const char *ask_extra;     /* header lines of that answer, or NULL */
    const char *login_realm;   /* those want a login of this realm (407); NULL: none */
};

enum phone_state {
    PHONE_CALLING,  /* its INVITE is out */
    PHONE_INCOMING, /* rings */
    PHONE_UP,
    PHONE_OVER,
};

struct sim_phone;

/** One call as the phone sees it; fields are for reading. */
struct phone_call {
    struct sr_node node;
    struct sim_phone *phone;
    bool is_caller;
    enum phone_state state;
    char call_id[PHONE_TEXT_MAX], local_tag[32], remote_tag[128];
    char local_uri[PHONE_TEXT_MAX], remote_uri[PHONE_TEXT_MAX], target[PHONE_TEXT_MAX];
    char routes[PHONE_TEXT_MAX]; /* of what began outside of calls: value of its Route; or empty */
    uint32_t cseq, invite_cseq, sdp_version;
    uint16_t statuses[PHONE_STATUSES_MAX]; /* responses to its INVITE, retransmissions left out */
    size_t status_count;
    uint16_t status; /* the last of them, or what it answered itself */
    uint32_t retry_after;
    char early_sdp[PHONE_SDP_MAX], sdp[PHONE_SDP_MAX];           /* last of the other side */
    char offer[PHONE_SDP_MAX];                                   /* of the INVITE it got */
    char diversion[PHONE_TEXT_MAX], history[2 * PHONE_TEXT_MAX]; /* headers of the INVITE it got */
    char end_reason[PHONE_TEXT_MAX]; /* Reason header of the BYE or CANCEL it got */
    uint32_t byes, cancels, acks, reinvites, updates, pracks, infos; /* got; without repeats */
    uint16_t reoffer_status; /* answer to its last re-INVITE or UPDATE; 0: none yet */
    uint16_t bye_status, info_status, cancel_status, merged_status;
    uint16_t refer_status;               /* answer to its last REFER; 0: none yet */
    uint32_t notifies;                   /* got; without repeats */
    sr_usec notified_at, notify_gap_min; /* of the last; least time between two. 0: none yet */
    uint16_t notify_status;              /* of the last sipfrag */
    bool is_notify_last;                 /* the subscription has ended */
    char notify_body[PHONE_SDP_MAX];
    uint16_t subscribe_status, message_status; /* answer to its last one; 0: none yet */
    uint16_t ask_status;                       /* the same of phone_ask(), phone_ask_again() */
    char wishes[256];             /* Alert-Info, Call-Info, Answer-Mode of the INVITE */
    char peer[64], peer_name[64]; /* user part it was told last: INVITE, then identities */
    char info_body[PHONE_TEXT_MAX];
    bool is_cancelled, is_cancel_due, is_bye_due, is_offerless;
    const char *direction;          /* of its own SDP */
    bool is_nobody;                 /* its SDP says 0.0.0.0 */
    struct phone_stxn *invite_stxn; /* the INVITE it got, until it is acknowledged */
    struct loop_timer answer_timer;
};

struct sim_phone {
    struct loop *loop;
    struct sim_end *end;
    enum net_kind kind;  /* NET_UDP, NET_TCP */
    sr_id conn;          /* TCP: to the router; SR_ID_NONE: none now */
    struct sr_buf heard; /* TCP: bytes of a message that is not complete */
    struct sr_addr addr, router;
    char user[32], password[64];
    struct phone_manners manners;
    struct sr_list calls;       /* newest first */
    struct sr_list txns, stxns; /* private */
    struct sr_prng prng;
    uint32_t call_count;
    uint16_t register_status; /* of the last REGISTER; 0: none yet */
    uint32_t register_cseq;
    char register_id[64];
    char message[PHONE_TEXT_MAX], message_from[64]; /* the last MESSAGE it got */
    uint32_t registers;                             /* is_registrar: got; without repeats */
    char registered[PHONE_TEXT_MAX];                /* the Contact of the last one */
    struct sr_addr seen;                            /* UDP: where the last message came from */
    uint64_t requests, stray;                       /* got; in no call */
    char last_request[PHONE_LAST_MAX], last_response[PHONE_LAST_MAX]; /* got; ACK left out */
};

struct sim_phone_options {
    struct loop *loop;
    struct sim_wire *wire;
    struct sr_addr addr, router;
    const char *user, *password;
    uint64_t seed;
    enum net_kind kind;
};

/** Manners: 180, 200 after 1 s, PCMU. */
struct sim_phone *sim_phone_new(const struct sim_phone_options *options);
void sim_phone_free(struct sim_phone *phone);
/** TCP: its connection breaks off. */
void sim_phone_disconnect(struct sim_phone *phone);
/** expires 0: unregisters. */
void sim_phone_register(struct sim_phone *phone, uint32_t expires);

/** Dials. */
struct phone_call *phone_dial(struct sim_phone *phone, const char *to);
/** Dials without SDP; the answer comes with ACK. */
struct phone_call *phone_dial_offerless(struct sim_phone *phone, const char *to);
/** The newest call that came in, or NULL. */
struct phone_call *phone_incoming(struct sim_phone *phone);
/** Answers (200 with SDP) or refuses what rings. */
void phone_answer(struct phone_call *call);
void phone_refuse(struct phone_call *call, uint16_t status);
/** CANCEL; a 200 that crosses it is acknowledged and followed by BYE. */
void phone_cancel(struct phone_call *call);
void phone_bye(struct phone_call *call);
/** re-INVITE with direction "sendrecv", "sendonly", "inactive"...; NULL: without SDP. */
void phone_reinvite(struct phone_call *call, const char *direction);
/** re-INVITE with c=0.0.0.0. */
void phone_hold_by_nobody(struct phone_call *call);
void phone_update(struct phone_call *call, const char *direction);
/** SIP INFO application/dtmf-relay. */
void phone_info(struct phone_call *call, char digit);
/** REFER inside the call: blind to an extension, or attended when `replaced` is a call of its own.
    `extra`: header lines or NULL. */
void phone_refer(struct phone_call *call, const char *to, const struct phone_call *replaced,
                 const char *extra);
/** Dials with Replaces naming another phone's dialog as that phone sees it. */
struct phone_call *phone_dial_replacing(struct sim_phone *phone, const char *to,
                                        const struct phone_call *replaced);
/** SUBSCRIBE to a user, with Event, Accept, Expires in `lines`; a "call" holds the dialog. */
struct phone_call *phone_subscribe(struct sim_phone *phone, const char *to, const char *lines);
void phone_unsubscribe(struct phone_call *subscription, const char *lines);
/** MESSAGE with a text. */
struct phone_call *phone_message(struct sim_phone *phone, const char *to, const char *text);
/** Any request outside of calls; a "call" holds its dialog. */
struct phone_call *phone_ask(struct sim_phone *phone, const char *method, const char *to,
                             const char *lines, const char *body);
/** A request inside a dialog begun so, by either side ("NOTIFY" and so on). */
void phone_ask_again(struct phone_call *call, const char *method, const char *lines,
                     const char *body);
/** The same INVITE once more with another branch (a forking proxy on the way): RFC 3261 8.2.2.2. */
void phone_repeat_invite_merged(struct phone_call *call);
/** Hangs up whatever the state. */
void phone_end(struct phone_call *call);
/** It was switched off and on: it knows of no call any more, and says nothing of them. */
void sim_phone_reboot(struct sim_phone *phone);
bool phone_had_status(const struct phone_call *call, uint16_t status);

#endif

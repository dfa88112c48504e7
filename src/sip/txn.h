/**
 * @file txn.h  Transaction machines (RFC 3261 17, RFC 6026) and the key that finds them.
 *
 * A machine knows no message: the owner keeps the request and the last response, feeds events, does
 * what the step says, in its order, and calls sip_txn_on_deadline when sip_txn_deadline is reached.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded; needs no clean-up
 * Thread:  not shared
 */
#ifndef SR_SIP_TXN_H
#define SR_SIP_TXN_H

#include "base/str.h"

enum sip_txn_kind {
    SIP_TXN_INVITE_CLIENT,
    SIP_TXN_CLIENT, /* any other method but ACK */
    SIP_TXN_INVITE_SERVER,
    SIP_TXN_SERVER,
};

enum sip_txn_state {
    SIP_TXN_IDLE,
    SIP_TXN_CALLING, /* INVITE client */
    SIP_TXN_TRYING,  /* non-INVITE */
    SIP_TXN_PROCEEDING,
    SIP_TXN_COMPLETED,
    SIP_TXN_CONFIRMED, /* INVITE server */
    SIP_TXN_ACCEPTED,  /* INVITE, RFC 6026 */
    SIP_TXN_TERMINATED,
};

enum sip_txn_do {
    SIP_TXN_DO_SEND,           /* client: the request; server: the latest response given */
    SIP_TXN_DO_SEND_ACK,       /* INVITE client: the ACK of a final response above 299 */
    SIP_TXN_DO_SEND_TRYING,    /* INVITE server: 100, the user gave nothing for 200 ms */
    SIP_TXN_DO_TELL_REQUEST,   /* server: the request is new, give it to the user */
    SIP_TXN_DO_TELL_RESPONSE,  /* client: give the response to the user */
    SIP_TXN_DO_TELL_ACK,       /* INVITE server, accepted: the ACK of a 2xx is the user's */
    SIP_TXN_DO_TELL_TIMEOUT,   /* client: as a 408; INVITE server: no ACK came */
    SIP_TXN_DO_TELL_TRANSPORT, /* sending failed: client as a 503 */
    SIP_TXN_DO_FREE,           /* ended: always last */
};

enum {
    SIP_TXN_STEP_MAX = 4
};

/** What the owner has to do now, in this order. */
struct sip_txn_step {
    enum sip_txn_do todo[SIP_TXN_STEP_MAX];
    uint8_t todo_count;
};

struct sip_txn_options {  /* 0 = the RFC's value */
    sr_usec t1;           /* 500 ms */
    sr_usec t2;           /* 4 s */
    sr_usec t4;           /* 5 s */
    sr_usec timer_d;      /* 32 s, unreliable */
    sr_usec trying_delay; /* 200 ms; SR_NEVER: the user sends 100 itself */
};

struct sip_txn { /* fields are private, but for kind, state and status (read-only) */
    enum sip_txn_kind kind;
    enum sip_txn_state state;
    uint16_t status; /* last response sent or received; 0 = none */
    bool is_reliable;
    sr_usec t1, t2, t4, timer_d;
    sr_usec interval; /* of the next retransmission */
    sr_usec resend_at;
    sr_usec trying_at;
    sr_usec end_at; /* timers B, D, F, H, I, J, K, L, M */
};

/**
 * Starts. Client: SEND. Server: TELL_REQUEST.
 *
 * @param is_reliable TCP, TLS, WS: nothing is retransmitted, waits for stragglers are 0
 * @param options     may be NULL
 */
void sip_txn_start(struct sip_txn *txn, enum sip_txn_kind kind, bool is_reliable,
                   const struct sip_txn_options *options, sr_usec now,
                   struct sip_txn_step *ret_step);
/** Client: a response of that status (100..699) arrived. */
void sip_txn_on_response(struct sip_txn *txn, unsigned status, sr_usec now,
                         struct sip_txn_step *ret_step);
/** Server: the same request again, or (INVITE) its ACK. */
void sip_txn_on_request(struct sip_txn *txn, bool is_ack, sr_usec now,
                        struct sip_txn_step *ret_step);
/**
 * Server: the user's response; the owner keeps it as the latest before doing the step.
 *
 * @return SR_OK; SR_ERR_STATE a final response was given already (several 2xx to INVITE are
 * allowed)
 */
SR_MUST_USE enum sr_err sip_txn_respond(struct sip_txn *txn, unsigned status, sr_usec now,
                                        struct sip_txn_step *ret_step);
/** INVITE client: a CANCEL was sent now; without a final response within 64*T1 it ends (9.1). */
void sip_txn_on_cancel_sent(struct sip_txn *txn, sr_usec now);
/** INVITE client: a CANCEL may be sent (a provisional response came, no final one yet). */
bool sip_txn_may_cancel(const struct sip_txn *txn);
/**
 * Sending failed. Client and non-INVITE server: told, then ended. INVITE server: told, and it stays
 * (RFC 6026); while proceeding no timer ends it: the user gives a final response all the same. An
 * INVITE client that rings has no timer either (C is the user's).
 */
void sip_txn_on_transport_error(struct sip_txn *txn, sr_usec now, struct sip_txn_step *ret_step);

/** When to call sip_txn_on_deadline next; SR_NEVER: no timer runs. */
sr_usec sip_txn_deadline(const struct sip_txn *txn);
/** Too early: nothing happens. Late: each timer that is due fires once. */
void sip_txn_on_deadline(struct sip_txn *txn, sr_usec now, struct sip_txn_step *ret_step);

/* --- key ------------------------------------------------------------------------------------- */

enum {
    SIP_TXN_KEY_MAX = 128
};

/** Equal keys = same transaction. Hash and compare `len` bytes of text (sip_txn_key_view). */
struct sip_txn_key {
    uint8_t len;
    char text[SIP_TXN_KEY_MAX];
};

/** The parts of a request that name its transaction; views, all but branch required. */
struct sip_txn_key_parts {
    struct sr_str branch; /* of the top Via */
    struct sr_str host;   /* sent-by */
    uint16_t port;        /* sent-by; 0 = none */
    struct sr_str method; /* of the request; for a response of CSeq */
    /* used only when the branch lacks "z9hG4bK" (RFC 2543) */
    struct sr_str request_uri;
    struct sr_str from_tag;
    struct sr_str call_id;
    uint32_t cseq;
    struct sr_str via; /* the whole top Via value */
};

/** Server side: ACK finds its INVITE; CANCEL has its own key (ask with method INVITE for the
    INVITE's). */
void sip_txn_key_server(const struct sip_txn_key_parts *parts, struct sip_txn_key *ret_key);
/** Client side: branch of the top Via and method of CSeq. */
void sip_txn_key_client(struct sr_str branch, struct sr_str method, struct sip_txn_key *ret_key);

struct sip_msg;
/** The keys of a message's transaction. SR_ERR_SYNTAX: Via, From or CSeq unusable. */
SR_MUST_USE enum sr_err sip_txn_key_of_request(struct sip_msg *msg, struct sip_txn_key *ret_key);
SR_MUST_USE enum sr_err sip_txn_key_of_response(struct sip_msg *msg, struct sip_txn_key *ret_key);
/** Equal for requests that are one by 8.2.2.2 (Call-ID, From tag, CSeq): with another transaction
    key the second is a merged request, answered 482. */
SR_MUST_USE enum sr_err sip_txn_key_merged(struct sip_msg *msg, struct sip_txn_key *ret_key);

static inline struct sr_str sip_txn_key_view(const struct sip_txn_key *key)
{
    return sr_str_make(key->text, key->len);
}

#endif

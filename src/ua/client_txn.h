/**
 * @file client_txn.h  Client transactions inside ua/: requests of ours until their final response.
 *
 * Layer:   ua
 * Thread:  signalling thread
 */
#ifndef SR_UA_CLIENT_TXN_H
#define SR_UA_CLIENT_TXN_H

#include "ua/internal.h"

/** Addresses a request to a provider may go to, best first. */
struct txn_targets {
    size_t count, index; /* index: the one it went to last */
    struct resolver_target items[];
};

struct client_txn {
    struct ua *ua;
    struct sr_node node;
    struct sr_node leg_node;
    struct sr_node conn_node;
    struct ua_conn *conn; /* whose list conn_node is in */
    struct sip_txn machine;
    struct loop_timer timer;
    struct loop_job failed; /* sending failed: told from the loop */
    struct sip_txn_key key;
    struct net_flow flow;
    enum sip_method method;
    struct sr_str request;
    struct sr_str ack; /* INVITE: the ACK of the first 2xx */
    char ack_tag[UA_TAG_MAX];
    struct net_flow ack_flow;
    client_txn_fn *fn; /* NULL: nobody wants to know */
    void *arg;
    struct sr_list *leg_list; /* where leg_node is, or NULL */
    struct ua_cookies cookies;
    sr_usec sent_at;
    uint64_t buried[UA_FORKS_MAX]; /* hashes of To tags that got ACK and BYE */
    bool is_cancelled;
    bool is_user_offer; /* carries the offer of sip_leg_offer() */
    bool is_refresh;    /* of a session timer */
    bool is_abandoned;  /* sent anew elsewhere, or told so: whatever still rings is cancelled */
    unsigned send_count;

    /* to a provider */
    sr_id provider;
    uint32_t *cseq;
    struct txn_targets *targets; /* heap; NULL: no other addresses */
    struct loop_timer try_timer;
    bool is_answered; /* by anything */
    bool has_rung;    /* 101..199 */
    bool is_preempted;

    /* too large for a datagram (client_size.h) */
    bool is_streamed;         /* goes over TCP for that; `datagram` is where it would have gone */
    bool is_stream_off;       /* was tried */
    sr_id waits_for;          /* a connection that is being opened; SR_ID_NONE: none */
    struct sr_node wait_node; /* while waiting */
    struct loop_timer wait_timer;
    struct net_flow datagram;
    uint8_t answers; /* challenges answered */
    enum sip_hdr answer_header;
};

struct client_txn_options {
    enum sip_method method;
    const struct net_flow *flow;
    struct sr_str branch;
    client_txn_fn *fn;
    void *arg;
    struct ua_cookies cookies;
    sr_id provider;       /* it answers challenges; SR_ID_NONE: a device's */
    uint32_t *cseq;       /* the owner's counter, when there is no leg; NULL: none */
    bool is_failing_over; /* goes to the provider's other addresses while nothing answers */
    bool is_preempted;    /* carries credentials already */
};

/** Sends the request in ua->out. NULL: UA_TRANSACTIONS_MAX. */
struct client_txn *client_txn__new(struct ua *ua, const struct client_txn_options *options);
void client_txn__free(struct client_txn *txn);
/** The request leaves now, to txn->flow. */
void client_txn__launch(struct client_txn *txn);
/** Where the dialog's other requests go: a connection taken for the size of one is theirs only when the
    dialog's next hop (NULL: not known) asks for TCP. */
const struct net_flow *client_txn__dialog_flow(const struct client_txn *txn,
                                               const struct sip_dialog *dialog);
/** Nobody is told any more. */
void client_txn__detach(struct client_txn *txn);
void client_txn__on_message(struct ua_in *in);
/** Sends CANCEL (RFC 3261 9.1) when that is possible now. True: sent, now or before. */
bool client_txn__cancel(struct client_txn *txn, uint16_t status, struct sr_str reason);
/** Sends `ack` (copied) on the dialog's flow and repeats it for each repeated 2xx with that To tag. */
void client_txn__set_ack(struct client_txn *txn, const struct net_flow *flow, struct sr_str to_tag,
                         struct sr_str ack);
/** ACK and BYE for a 2xx nobody wants (lost fork, too late). */
void client_txn__bury(struct client_txn *txn, struct sip_msg *msg);
void client_txn__on_conn_closed(struct ua_conn *conn);
/** The object starts anew with the request in ua->out; another one takes over the transaction it was
    in and is given. NULL: UA_TRANSACTIONS_MAX, nothing happened. */
struct client_txn *client_txn__again(struct client_txn *txn, const struct net_flow *flow,
                                     struct sr_str branch);

#endif

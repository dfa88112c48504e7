/**
 * @file dialog.h  Dialog state (RFC 3261 12): ids, sequence numbers, route set, remote target.
 *
 * All texts are own copies packed into one array, so a dialog can be embedded and outlives its
 * messages.
 * A forked INVITE gives one dialog per To tag: ask each early one with sip_dialog_is().
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded, fixed size (about 3 kB); needs no clean-up; may be copied by assignment
 * Thread:  not shared
 */
#ifndef SR_SIP_DIALOG_H
#define SR_SIP_DIALOG_H

#include "sip/msg.h"
#include "sip/txn.h"

enum {
    SIP_DIALOG_TEXT_MAX = 3072, /* bytes of all ids, URIs and routes together */
    SIP_DIALOG_ROUTES_MAX = 16,
};

enum sip_dialog_state {
    SIP_DIALOG_NONE,
    SIP_DIALOG_EARLY,
    SIP_DIALOG_CONFIRMED,
    SIP_DIALOG_ENDED,
};

enum sip_dialog_field { /* private */
    SIP_DIALOG_CALL_ID,
    SIP_DIALOG_LOCAL_TAG,
    SIP_DIALOG_REMOTE_TAG,
    SIP_DIALOG_LOCAL_URI,
    SIP_DIALOG_REMOTE_URI,
    SIP_DIALOG_TARGET,
    SIP_DIALOG_ROUTES, /* values joined by ", ", in the order to be used */
    SIP_DIALOG_FIELD_COUNT
};

struct sip_dialog { /* fields are private, but for state, is_uac, is_secure (read-only) */
    enum sip_dialog_state state;
    bool is_uac;
    bool is_secure; /* begun with a sips: Request-URI */
    bool has_remote_cseq;
    uint32_t local_cseq; /* last used; 0 = none yet */
    uint32_t remote_cseq;
    uint16_t len[SIP_DIALOG_FIELD_COUNT]; /* fields follow one another in text */
    char text[SIP_DIALOG_TEXT_MAX];
};

/**
 * Called side: the dialog of a request (INVITE, SUBSCRIBE, REFER) that we answer with
 * `local_tag`; early until sip_dialog_confirm.
 *
 * @return SR_OK; SR_ERR_SYNTAX Call-ID, From, To, CSeq or Contact missing or unusable: answer 400;
 *         SR_ERR_LIMIT longer than the maxima: answer 513
 */
SR_MUST_USE enum sr_err sip_dialog_init_uas(struct sip_dialog *dialog, struct sip_msg *request,
                                            struct sr_str local_tag);
/**
 * Calling side: the dialog of a response 101..299 with a To tag to our request: early or confirmed.
 *
 * @param request_uri_is_sips the request went to a sips: URI
 *
 * @return as above; SYNTAX also without a To tag in a 1xx (then it makes no dialog)
 */
SR_MUST_USE enum sr_err sip_dialog_init_uac(struct sip_dialog *dialog, struct sip_msg *response,
                                            bool request_uri_is_sips);
/** The 2xx: called side without message (NULL), calling side with it: the route set and target
    are taken anew (13.2.2.4). Errors as above, the dialog is confirmed all the same with what it
    had. */
enum sr_err sip_dialog_confirm(struct sip_dialog *dialog, struct sip_msg *response);
void sip_dialog_end(struct sip_dialog *dialog);

struct sr_str sip_dialog_call_id(const struct sip_dialog *dialog);
struct sr_str sip_dialog_local_tag(const struct sip_dialog *dialog);
struct sr_str sip_dialog_remote_tag(const struct sip_dialog *dialog);
struct sr_str sip_dialog_local_uri(const struct sip_dialog *dialog);
struct sr_str sip_dialog_remote_uri(const struct sip_dialog *dialog);
struct sr_str sip_dialog_target(const struct sip_dialog *dialog); /* URI */

/** Same ids? Tags and Call-ID are compared byte for byte. */
bool sip_dialog_is(const struct sip_dialog *dialog, struct sr_str call_id, struct sr_str local_tag,
                   struct sr_str remote_tag);
/** Key for a map; equal for equal ids. */
void sip_dialog_key(struct sr_str call_id, struct sr_str local_tag, struct sr_str remote_tag,
                    struct sip_txn_key *ret_key);
/** Key of the dialog that a message belongs to, seen from us: in a request our tag is To's, in a
    response From's. SR_ERR_SYNTAX: Call-ID, From or To unusable. */
SR_MUST_USE enum sr_err sip_dialog_key_of(struct sip_msg *msg, struct sip_txn_key *ret_key);

/**
 * A request that arrived inside the dialog (not for retransmissions: those end in their
 * transaction).
 *
 * @return SR_OK          in order; its CSeq is now the remote one
 *         SR_ERR_PROTO   CSeq not higher than the last: answer 500 (12.2.2)
 *         SR_ERR_STATE   the dialog has ended: answer 481
 *         SR_ERR_SYNTAX  CSeq unusable: answer 400
 */
SR_MUST_USE enum sr_err sip_dialog_on_request(struct sip_dialog *dialog, struct sip_msg *request);
/** Takes the Contact of a target refresh (INVITE, UPDATE, SUBSCRIBE, NOTIFY, REFER or its 2xx).
    Without a Contact nothing changes. SR_ERR_LIMIT, SR_ERR_SYNTAX: the old target stays. */
SR_MUST_USE enum sr_err sip_dialog_refresh_target(struct sip_dialog *dialog, struct sip_msg *msg);

/** CSeq for the next request of ours. ACK and CANCEL reuse their INVITE's. */
uint32_t sip_dialog_next_cseq(struct sip_dialog *dialog);
/** Sets the last one used: the calling side after init_uac has the INVITE's. */
void sip_dialog_set_local_cseq(struct sip_dialog *dialog, uint32_t cseq);

/**
 * Request-URI and Route of a request inside the dialog (12.2.1.1), with strict routers obeyed.
 *
 * @param uri    receives the Request-URI
 * @param routes receives the value of one Route header; stays empty when there is none
 *
 * @return SR_OK; SR_ERR_LIMIT a buffer is full; SR_ERR_SYNTAX a stored URI does not parse
 */
SR_MUST_USE enum sr_err sip_dialog_write_route(const struct sip_dialog *dialog, struct sr_buf *uri,
                                               struct sr_buf *routes);
/** URI of the next hop: the first route, else the target. */
struct sr_str sip_dialog_next_hop(const struct sip_dialog *dialog);

#endif

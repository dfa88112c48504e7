/**
 * @file proxy.h  Requests outside of calls that a route with mode passthrough takes: MESSAGE, PUBLISH,
 * SUBSCRIBE and REFER with what follows in their dialogs (NOTIFY). Only src/ua/ includes this.
 *
 * Forwarded statefully, as by a proxy: Call-ID, tags, body and every header that is not of one hop
 * only stay as they are. Via, Contact, Route and Record-Route are ours towards either end, with the address that
 * end knows us by; so are the names in From and To towards a provider. What makes a dialog gets a
 * Record-Route whose user part is a random token: requests inside the dialog are found by it. Each end has route
 * set, Contact and sequence numbers of its own (a challenge that we answer takes a number).
 *
 * Who may: a device that proved itself, a provider by its way in (provider_trust.c); the hub's
 * routes and the spend guard say whereto (ua_user_ops.on_pass).
 *
 * Layer:   ua
 * Thread:  signalling thread
 * Memory:  one block per request under way and per dialog; see the maxima
 */
#ifndef SR_UA_PROXY_H
#define SR_UA_PROXY_H

#include "ua/provider_internal.h"

enum {
    PROXY_OPEN_MAX = 2000,      /* requests under way; more get 503 */
    PROXY_OPEN_PER_DEVICE = 50, /* of those that one device, or one provider, began */
    PROXY_DIALOGS_MAX = 4000,   /* likewise 503 */
    PROXY_DIALOGS_PER_DEVICE = 200,
    PROXY_DIALOG_SEC = 64,        /* until it is answered */
    PROXY_REFER_SEC = 300,        /* a REFER says no end of its own */
    PROXY_LINGER_SEC = 32,        /* after its end: what is still on its way */
    PROXY_DIALOG_SEC_MAX = 86400, /* without a new SUBSCRIBE or NOTIFY */
};

/** What is not passed on: of one hop, of our own login, or an identity that nobody asserted to us. */
/* clang-format off */
#define PROXY_HOP_HEADERS \
    SIP_HDR_VIA, SIP_HDR_ROUTE, SIP_HDR_RECORD_ROUTE, \
    SIP_HDR_PATH, SIP_HDR_SERVICE_ROUTE, SIP_HDR_MAX_FORWARDS, \
    SIP_HDR_FROM, SIP_HDR_TO, SIP_HDR_CALL_ID, \
    SIP_HDR_CSEQ, SIP_HDR_CONTACT, SIP_HDR_CONTENT_TYPE, \
    SIP_HDR_CONTENT_LENGTH, SIP_HDR_AUTHORIZATION, SIP_HDR_PROXY_AUTHORIZATION, \
    SIP_HDR_WWW_AUTHENTICATE, SIP_HDR_PROXY_AUTHENTICATE, SIP_HDR_AUTHENTICATION_INFO, \
    SIP_HDR_SECURITY_CLIENT, SIP_HDR_SECURITY_SERVER, SIP_HDR_SECURITY_VERIFY, \
    SIP_HDR_P_ASSERTED_IDENTITY, SIP_HDR_P_PREFERRED_IDENTITY, SIP_HDR_P_CALLED_PARTY_ID, \
    SIP_HDR_P_ASSOCIATED_URI, SIP_HDR_P_CHARGING_VECTOR, SIP_HDR_P_ACCESS_NETWORK_INFO, \
    SIP_HDR_REMOTE_PARTY_ID, SIP_HDR_DIVERSION, SIP_HDR_HISTORY_INFO, \
    SIP_HDR_PRIVACY, SIP_HDR_SERVER
/* clang-format on */

/** Who asked (SUBSCRIBE, REFER), and who was asked. */
enum proxy_who {
    PROXY_ASKER,
    PROXY_ASKED,
    PROXY_ENDS,
};

/** One end of a dialog. */
struct proxy_end {
    char device_id[UA_ID_MAX]; /* empty: a provider's */
    sr_id provider;
    char tag[UA_TAG_MAX]; /* its own; empty: not known yet */
    struct net_flow flow;
    struct sr_str target, routes; /* its Contact and the way there; heap */
    bool has_routes;
    struct sr_str uri, other_uri; /* as it is called, and as it is told the other is; heap */
    uint32_t sent_cseq;
    int64_t seen_cseq; /* -1: none yet */
};

struct proxy_dialog {
    struct ua *ua;
    struct sr_node node; /* ua->proxy_dialogs */
    char token[UA_TOKEN_MAX];
    struct proxy_end ends[PROXY_ENDS];
    struct loop_timer timer;
    uint32_t open; /* requests under way: not freed before they are answered */
};

/* ---- proxy_dialog.c ---- */

/** For a request that may make a dialog; asker is filled in. NULL: a limit. */
struct proxy_dialog *proxy_dialog__new(struct ua_in *in, sr_id provider, struct sr_str device_id);
/** The dialog a request belongs to, and who sent it. NULL: none of these.
    *ret_status: 0, or what to refuse it with. */
struct proxy_dialog *proxy_dialog__find(struct ua_in *in, enum proxy_who *ret_from,
                                        uint16_t *ret_status);
/** Is it sent by that end? Else answers (challenge, 481). */
bool proxy_dialog__is_from(struct proxy_dialog *dialog, enum proxy_who who, struct ua_in *in);
/** Contact, route set and tag of that end, as its message says. */
void proxy_dialog__learn(struct proxy_dialog *dialog, enum proxy_who who, struct sip_msg *msg);
/** How that end is called and is told the other one is, as our request to it says. */
void proxy_dialog__name(struct proxy_dialog *dialog, enum proxy_who who, struct sr_str request);
/** Where a request to that end goes now; false: nowhere. */
bool proxy_dialog__flow(struct proxy_dialog *dialog, enum proxy_who who, struct net_flow *ret_flow);
/** It ends so long from now. */
void proxy_dialog__expire(struct proxy_dialog *dialog, uint32_t sec);
/** A phone is reached at another address from now on. */
void proxy_dialog__move(struct ua *ua, struct sr_str device_id, const struct net_flow *old,
                        const struct net_flow *now);
/** Our Record-Route for who is reached that way. */
void proxy_dialog__put_record_route(const struct proxy_dialog *dialog, const struct net_flow *flow,
                                    sr_id provider, struct sip_build *build);
void proxy_dialog__init(struct ua *ua);
void proxy_dialog__free_all(struct ua *ua);

/* ---- proxy.c ---- */

/** May that method be passed on outside of calls? */
bool proxy__is_passable(enum sip_method method);
/** Of an authenticated device. False: no route passes it through. */
bool proxy__on_device_request(struct ua_in *in, struct ua_slot *slot);
/** Of a provider. */
bool proxy__on_provider_request(struct ua_in *in, struct provider *provider);
/** With a To tag. False: it belongs to no dialog of these. */
bool proxy__on_again(struct ua_in *in);
/** The server transaction goes. */
void proxy__forget(struct server_txn *txn);
void proxy__free_all(struct ua *ua);

#endif

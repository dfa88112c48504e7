/**
 * @file subscribe.h  Subscriptions of phones to the state of others (RFC 6665): busy lamps (RFC 4235),
 * waiting messages (RFC 3842), presence (RFC 3856).
 *
 * The user agent keeps the dialogs, their time and their pace; what a thing's state is, the user above
 * says when it is asked (ua_user_ops.on_watch, write_state). A change is only noted
 * (ua_state_changed); each watcher gets at most one NOTIFY a second, with the state of that moment,
 * and none when that is what it got last. A NOTIFY that is refused or not answered ends the
 * subscription. Only authenticated devices subscribe.
 *
 * Layer:   ua
 * Thread:  signalling thread
 * Memory:  subscriptions belong to the user agent
 */
#ifndef SR_UA_SUBSCRIBE_H
#define SR_UA_SUBSCRIBE_H

#include "base/buf.h"
#include "ua/ua.h"

enum {
    UA_SUBSCRIPTIONS_MAX = 10000,          /* more get 503 */
    UA_SUBSCRIPTIONS_PER_DEVICE_MAX = 256, /* of one watching device; more get 503 */
    UA_SUBSCRIBE_SEC_MIN = 30,             /* shorter gets 423 */
    UA_SUBSCRIBE_SEC_MAX = 3600,           /* longer is shortened */
    UA_NOTIFY_GAP_MS = 1000,               /* between two NOTIFYs of one subscription */
    UA_STATE_BYTES_MAX = 16384,            /* one document */
};

/** The document a watcher is to get. */
struct ua_state {
    enum ua_package package;
    struct sr_str resource; /* as on_watch named it */
    struct sr_str user;     /* as the watcher wrote it */
    struct sr_str host;     /* our address as that watcher knows it, brackets included */
    uint32_t version;       /* 0, 1, 2... of this subscription */
};

/** Something about a resource has changed: its watchers are told in their time. */
void ua_state_changed(struct ua *ua, enum ua_package package, struct sr_str resource);

#endif

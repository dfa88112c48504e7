/**
 * @file event_hub.h  Events to people: numbers, a bounded past for replay, filters, rights.
 *
 * Everybody sees the engine's own numbers; which events a client gets depends on its rights and
 * filters, so gaps are normal. What cannot be replayed any more is replaced by a snapshot: also what came while
 * nobody had listened for a while, which is not even written.
 *
 * Layer:   control
 * Memory:  owned; at most EVENT_HUB_EVENTS_MAX events or EVENT_HUB_BYTES_MAX bytes of past
 * Thread:  the web thread
 */
#ifndef SR_CONTROL_EVENT_HUB_H
#define SR_CONTROL_EVENT_HUB_H

#include "base/list.h"
#include "call/engine.h"
#include "control/auth.h"
#include "control/http.h"
#include "control/read_model.h"

enum {
    EVENT_HUB_EVENTS_MAX = 4096,
    EVENT_HUB_BYTES_MAX = 8 << 20,
    EVENT_HUB_EPOCH_MAX = 17, /* hex with NUL */
    EVENT_HUB_CLIENTS_MAX = 500,
    EVENT_HUB_AWAY_SEC = 300, /* how long events are kept after the last client left */
};

struct event_hub;

struct event_client {
    struct sr_node node;
    struct http_ws *ws;
    struct auth_principal who;
    uint64_t kinds; /* bit of enum engine_event_kind: wanted */
    bool is_status_wanted;
    char call_id[ENGINE_ID_MAX]; /* "" all */
};

/** Appends the whole snapshot message for a principal, as of `seq`; NULL: the message `status`. */
typedef void event_snapshot_fn(void *arg, const struct auth_principal *who, const uint64_t *seq,
                               struct sr_buf *buf);

struct event_hub *event_hub_new(uint64_t epoch, event_snapshot_fn *snapshot, void *arg);
/** Clients must be gone (their sockets freed). NULL is fine. */
void event_hub_free(struct event_hub *hub);
const char *event_hub_epoch(const struct event_hub *hub);

/** Numbers, keeps and sends one event. `parties`: who of role `user` may hear of it; copied. */
void event_hub_push(struct event_hub *hub, const struct engine_event *event,
                    const struct parties_mark *parties);
/** Events were lost: the past is worth nothing, everybody gets a snapshot as of `seq`. */
void event_hub_reset(struct event_hub *hub, uint64_t seq);

struct event_hub_filter {
    uint64_t kinds;
    bool is_status_wanted;
    char call_id[ENGINE_ID_MAX];
    bool has_since;
    bool is_epoch_known; /* of since: ours */
    uint64_t since;
};

/** Reads ?types=&callId=&since=. SR_ERR_SYNTAX: reterr_name is the parameter at fault. */
SR_MUST_USE enum sr_err event_hub_filter_parse(const struct event_hub *hub, struct sr_str query,
                                               struct event_hub_filter *ret_filter,
                                               const char **reterr_name);
/** Adds a client and sends it what it missed, or a snapshot. */
void event_hub_join(struct event_hub *hub, struct http_ws *ws, struct event_client *client,
                    const struct event_hub_filter *filter);
/** A socket closed: frees the client. */
void event_hub_leave(struct event_hub *hub, struct event_client *client);
size_t event_hub_count(const struct event_hub *hub);
/** Sends the status to those who asked for it by name: no number, no replay. */
void event_hub_status(struct event_hub *hub);
/** Closes sockets of principals that are no more. */
void event_hub_check(struct event_hub *hub, struct auth *auth, int64_t now, int64_t wall);

#endif

#include "control/event_hub.h"

#include <stdio.h>

#include "base/alloc.h"

struct past_event {
    uint64_t seq;
    enum engine_event_kind kind;
    char call_id[ENGINE_ID_MAX];
    char device_id[ENGINE_TEXT_MAX];
    struct parties_mark parties;
    struct sr_str text;
    struct sr_str text_parties; /* what role `user` reads; empty: the same */
    bool is_hidden;             /* from role `user` */
};

struct event_hub {
    char epoch[EVENT_HUB_EPOCH_MAX];
    event_snapshot_fn *snapshot;
    void *arg;
    struct sr_list clients;
    struct past_event *past; /* ring */
    size_t first, count, bytes;
    uint64_t seq;          /* of the last event, whoever saw it */
    uint64_t lost_seq;     /* events up to here cannot be replayed */
    bool has_left;         /* a client did, since the last event */
    int64_t kept_until_us; /* wall time; events that come later are for nobody */
    bool
        has_users; /* somebody of role `user` has ever listened: events are told in its words too, */
    uint64_t users_seq; /* but those up to here are not */
};

#define KIND_BIT(kind) ((uint64_t)1 << (unsigned)(kind))

static const uint64_t kinds_hidden =
    KIND_BIT(ENGINE_REPLY) | KIND_BIT(ENGINE_SNAPSHOT) | KIND_BIT(ENGINE_DRAINED);
/* frequent: only for who asks */
static const uint64_t kinds_asked =
    KIND_BIT(ENGINE_QUALITY) | KIND_BIT(ENGINE_DEVICE_CHANGED) | KIND_BIT(ENGINE_PROVIDER_CHANGED);

struct event_hub *event_hub_new(uint64_t epoch, event_snapshot_fn *snapshot, void *arg)
{
    struct event_hub *hub = sr_zalloc(1, sizeof(*hub));

    (void)snprintf(hub->epoch, sizeof(hub->epoch), "%llx", (unsigned long long)epoch);
    hub->snapshot = snapshot;
    hub->arg = arg;
    sr_list_init(&hub->clients);
    hub->past = sr_zalloc(EVENT_HUB_EVENTS_MAX, sizeof(*hub->past));
    return hub;
}

static void forget_oldest(struct event_hub *hub)
{
    struct past_event *oldest = &hub->past[hub->first];

    hub->lost_seq = oldest->seq;
    hub->bytes -= oldest->text.n + oldest->text_parties.n;
    sr_free((char *)(uintptr_t)oldest->text.p);
    sr_free((char *)(uintptr_t)oldest->text_parties.p);
    parties_mark_done(&oldest->parties);
    hub->first = (hub->first + 1) % EVENT_HUB_EVENTS_MAX;
    hub->count--;
}

void event_hub_free(struct event_hub *hub)
{
    if (hub == NULL)
        return;
    SR_ASSERT(hub->clients.count == 0);
    while (hub->count > 0)
        forget_oldest(hub);
    sr_free(hub->past);
    sr_free(hub);
}

const char *event_hub_epoch(const struct event_hub *hub)
{
    return hub->epoch;
}

size_t event_hub_count(const struct event_hub *hub)
{
    return hub->clients.count;
}

/* ---- who gets what ---- */

static bool may_see(const struct auth_principal *who, const struct past_event *event)
{
    char guest[AUTH_OWNER_MAX];

    if (who->role != AUTH_USER)
        return true;
    if (event->is_hidden)
        return false;
    if (event->device_id[0] != '\0')
        return strcmp(event->device_id, who->device_id) == 0;
    return parties_mark_has(&event->parties, who->device_id) ||
           parties_mark_has(&event->parties, auth_guest_id(who, guest));
}

static void offer(const struct event_client *client, const struct past_event *event)
{
    if ((client->kinds & KIND_BIT(event->kind)) == 0 || !may_see(&client->who, event))
        return;
    if (client->call_id[0] != '\0' && strcmp(client->call_id, event->call_id) != 0)
        return;
    (void)http_ws_send(client->ws, client->who.role == AUTH_USER && event->text_parties.n > 0
                                       ? event->text_parties
                                       : event->text);
}

static void send_snapshot(struct event_hub *hub, const struct event_client *client)
{
    struct sr_buf buf;

    sr_buf_init(&buf, HTTP_WS_QUEUE_BYTES_MAX);
    hub->snapshot(hub->arg, &client->who, &hub->seq, &buf);
    (void)http_ws_send(client->ws, sr_buf_view(&buf));
    sr_buf_done(&buf);
}

/* Empty: a conference of thousands is too much for one message; people read /api/calls instead. */
static struct sr_str text_for(const struct engine_event *event, enum engine_audience audience)
{
    struct sr_str text = {NULL, 0};
    struct sr_buf buf;

    sr_buf_init(&buf, EVENT_HUB_BYTES_MAX / 8);
    engine_event_json(event, audience, &buf);
    if (sr_buf_err(&buf) == SR_OK)
        text = sr_str_make(sr_str_cdup(sr_buf_view(&buf)), buf.len);
    sr_buf_done(&buf);
    return text;
}

/* Somebody listens, or did a while ago and may come back for what it missed. */
static bool is_for_somebody(struct event_hub *hub, int64_t at_wall_us)
{
    if (hub->clients.count > 0 || hub->has_left)
        hub->kept_until_us = at_wall_us + EVENT_HUB_AWAY_SEC * SR_SEC;
    hub->has_left = false;
    return at_wall_us < hub->kept_until_us;
}

void event_hub_push(struct event_hub *hub, const struct engine_event *event,
                    const struct parties_mark *parties)
{
    struct past_event *past, now = {.seq = event->seq, .kind = event->kind};

    hub->seq = event->seq;
    if ((KIND_BIT(event->kind) & kinds_hidden) != 0)
        return;
    if (!is_for_somebody(hub, event->at_wall_us)) {
        while (hub->count > 0)
            forget_oldest(hub);
        hub->lost_seq = event->seq;
        return;
    }
    now.text = text_for(event, ENGINE_FOR_STAFF);
    if (now.text.n == 0)
        return;
    now.is_hidden = engine_event_is_hidden(event);
    if (hub->has_users && parties->all != NULL && !now.is_hidden && engine_event_has_secrets(event))
        now.text_parties = text_for(event, ENGINE_FOR_PARTIES);
    memcpy(now.call_id, event->call_id, sizeof(now.call_id));
    if (event->device != NULL)
        memcpy(now.device_id, event->device->device_id, sizeof(now.device_id));
    if (parties->all != NULL)
        now.parties = (struct parties_mark){.all = parties_ref(parties->all), .len = parties->len};
    while (hub->count == EVENT_HUB_EVENTS_MAX ||
           (hub->count > 0 && hub->bytes + now.text.n + now.text_parties.n > EVENT_HUB_BYTES_MAX))
        forget_oldest(hub);
    past = &hub->past[(hub->first + hub->count) % EVENT_HUB_EVENTS_MAX];
    *past = now;
    hub->bytes += now.text.n + now.text_parties.n;
    hub->count++;
    SR_LIST_EACH(&hub->clients, node)
    {
        offer(SR_CONTAINER(node, struct event_client, node), past);
    }
}

void event_hub_reset(struct event_hub *hub, uint64_t seq)
{
    while (hub->count > 0)
        forget_oldest(hub);
    hub->seq = seq;
    hub->lost_seq = seq;
    SR_LIST_EACH(&hub->clients, node)
    {
        send_snapshot(hub, SR_CONTAINER(node, struct event_client, node));
    }
}

/* ---- clients ---- */

static bool kind_of(struct sr_str name, enum engine_event_kind *ret_kind)
{
#define X(kind, text)                                                                              \
    if (sr_str_eq_c(name, text)) {                                                                 \
        *ret_kind = ENGINE_##kind;                                                                 \
        return true;                                                                               \
    }
    ENGINE_EVENT_MAP(X)
#undef X
    return false;
}

static enum sr_err parse_kinds(struct sr_str list, struct event_hub_filter *filter)
{
    /* announced by the contract, sent once their features exist: fine to ask for */
    static const char *const later[] = {
        "recording_started",
        "recording_finished",
        "voicemail_received",
        "speech_recognised",
    };
    uint64_t kinds = 0;
    struct sr_str name;

    while (sr_str_split(&list, ',', &name)) {
        enum engine_event_kind kind;
        bool is_later = false;

        name = sr_str_trim(name);
        if (sr_str_eq_c(name, "*")) {
            kinds |= ~kinds_hidden;
            continue;
        }
        if (sr_str_eq_c(name, "status")) {
            filter->is_status_wanted = true;
            continue;
        }
        for (size_t i = 0; i < SR_ARRAY_LEN(later); i++)
            is_later |= sr_str_eq_c(name, later[i]);
        if (is_later)
            continue;
        if (!kind_of(name, &kind) || (KIND_BIT(kind) & kinds_hidden) != 0)
            return SR_ERR_SYNTAX;
        kinds |= KIND_BIT(kind);
    }
    filter->kinds = kinds;
    return SR_OK;
}

static enum sr_err parse_since(const struct event_hub *hub, struct sr_str text,
                               struct event_hub_filter *filter)
{
    size_t colon = sr_str_find(text, ':', 0);

    if (sr_str_u64(sr_str_from(text, colon + 1), UINT64_MAX, &filter->since) != SR_OK)
        return SR_ERR_SYNTAX;
    filter->has_since = true;
    filter->is_epoch_known = sr_str_eq_c(sr_str_head(text, colon), hub->epoch);
    return SR_OK;
}

enum sr_err event_hub_filter_parse(const struct event_hub *hub, struct sr_str query,
                                   struct event_hub_filter *ret_filter, const char **reterr_name)
{
    struct sr_buf buf;
    enum sr_err err = SR_OK;

    memset(ret_filter, 0, sizeof(*ret_filter));
    ret_filter->kinds = ~kinds_hidden & ~kinds_asked;
    sr_buf_init(&buf, HTTP_TARGET_BYTES_MAX);
    if (http_query_get(query, "types", &buf) && buf.len > 0) { /* empty: as if it were not there */
        *reterr_name = "types";
        err = parse_kinds(sr_buf_view(&buf), ret_filter);
    }
    sr_buf_clear(&buf);
    if (err == SR_OK && http_query_get(query, "callId", &buf)) {
        *reterr_name = "callId";
        if (!sr_str_copy(sr_buf_view(&buf), ret_filter->call_id, sizeof(ret_filter->call_id)))
            err = SR_ERR_SYNTAX;
    }
    sr_buf_clear(&buf);
    if (err == SR_OK && http_query_get(query, "since", &buf)) {
        *reterr_name = "since";
        err = parse_since(hub, sr_buf_view(&buf), ret_filter);
    }
    sr_buf_done(&buf);
    return err;
}

void event_hub_join(struct event_hub *hub, struct http_ws *ws, struct event_client *client,
                    const struct event_hub_filter *filter)
{
    client->ws = ws;
    client->kinds = filter->kinds;
    client->is_status_wanted = filter->is_status_wanted;
    memcpy(client->call_id, filter->call_id, sizeof(client->call_id));
    sr_list_add(&hub->clients, &client->node);
    if (client->who.role == AUTH_USER && !hub->has_users) {
        hub->has_users = true;
        hub->users_seq = hub->seq;
    }
    if ((client->who.role == AUTH_USER && filter->since < hub->users_seq) || !filter->has_since ||
        !filter->is_epoch_known || filter->since < hub->lost_seq || filter->since > hub->seq) {
        send_snapshot(hub, client);
        return;
    }
    for (size_t i = 0; i < hub->count; i++) {
        const struct past_event *past = &hub->past[(hub->first + i) % EVENT_HUB_EVENTS_MAX];

        if (past->seq > filter->since)
            offer(client, past);
    }
}

void event_hub_leave(struct event_hub *hub, struct event_client *client)
{
    sr_list_remove(&hub->clients, &client->node);
    hub->has_left = true;
    sr_free(client);
}

void event_hub_status(struct event_hub *hub)
{
    SR_LIST_EACH(&hub->clients, node)
    {
        struct event_client *client = SR_CONTAINER(node, struct event_client, node);
        struct sr_buf buf;

        if (!client->is_status_wanted)
            continue;
        sr_buf_init(&buf, HTTP_WS_QUEUE_BYTES_MAX);
        hub->snapshot(hub->arg, &client->who, NULL, &buf);
        (void)http_ws_send(client->ws, sr_buf_view(&buf));
        sr_buf_done(&buf);
    }
}

void event_hub_check(struct event_hub *hub, struct auth *auth, int64_t now, int64_t wall)
{
    SR_LIST_EACH(&hub->clients, node)
    {
        struct event_client *client = SR_CONTAINER(node, struct event_client, node);

        if (!auth_is_alive(auth, &client->who, now, wall))
            http_ws_close(client->ws, HTTP_WS_POLICY, "the session is over");
    }
}

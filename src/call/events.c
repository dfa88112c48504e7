/* What the hub tells the web thread: events with whole views, through a bounded queue. */
#include "base/alloc.h"
#include "call/internal.h"
#include "call/providers.h"

enum {
    WAKE_GAP_US = 5 * 1000
};

const char *leg__kind_name(enum leg_kind kind)
{
    switch (kind) {
    case LEG_DEVICE:
        return "device";
    case LEG_PROVIDER:
        return "provider";
    case LEG_WEBRTC:
        return "webrtc";
    case LEG_MEDIA:
        break;
    }
    return "media";
}

const char *leg__role_name(enum media_role role)
{
    switch (role) {
    case MEDIA_ROLE_PARTICIPANT:
        return "participant";
    case MEDIA_ROLE_ISOLATED:
        return "isolated";
    case MEDIA_ROLE_TOOL:
        return "tool";
    }
    return "participant";
}

struct engine_event *event__new(struct engine *engine, enum engine_event_kind kind)
{
    struct engine_event *event = sr_zalloc(1, sizeof(*event));

    event->kind = kind;
    event->at_wall_us = loop_wall(engine->loop);
    return event;
}

/* A wake-up costs both threads as much as some SIP messages: one for all events of a turn, and of some turns when
 * many calls come and go. */
static void wake_in_time(struct engine *engine, bool is_urgent)
{
    sr_usec at = engine->woken_at + WAKE_GAP_US;

    if (engine->wake == NULL)
        return;
    if (is_urgent || loop_now(engine->loop) >= at)
        loop_defer(engine->loop, &engine->wake_job);
    else
        loop_timer_set(engine->loop, &engine->wake_timer, at);
}

void event__push(struct engine *engine, struct engine_event *event)
{
    bool is_reply = event->kind == ENGINE_REPLY;
    bool is_full =
        atomic_load_explicit(&engine->events_waiting, memory_order_relaxed) >= ENGINE_EVENTS_MAX;

    if (!is_reply)
        event->seq = ++engine->seq;
    if (is_full && !is_reply) {
        engine->events_lost++;
        engine->is_snapshot_owed = true;
        engine_event_free(event);
        return;
    }
    atomic_fetch_add_explicit(&engine->events_waiting, 1, memory_order_relaxed);
    if (sr_mpsc_push(&engine->events, &event->node) || is_reply)
        wake_in_time(engine, is_reply);
}

/* One way to a party; 0 while it is not known. */
static double network_ms(const struct leg *leg)
{
    return SR_MAX(leg->stats.rtt_ms, 0) / 2;
}

static bool is_heard(const struct leg *leg)
{
    return leg->has_stats && leg->stats.rx_packets > 0 && !leg->is_muted && !leg->is_held &&
           leg->role == MEDIA_ROLE_PARTICIPANT;
}

/* From the mouth of who is farthest away to this leg's ear: the packet that gathers, the network, the way
   through the mixer (none in relay), the network again. What telephones add inside is theirs to tell. */
static double ear_ms(const struct leg *ear)
{
    double worst = -1;

    SR_LIST_EACH(&ear->call->legs, node)
    {
        const struct leg *mouth = SR_CONTAINER(node, struct leg, node);

        if (mouth != ear && is_heard(mouth))
            worst = SR_MAX(worst, mouth->stats.packet_ms + network_ms(mouth) +
                                      mouth->stats.delay_in_ms + ear->stats.delay_out_ms +
                                      network_ms(ear));
    }
    return worst;
}

static void fill_audio(struct engine_audio *audio, const struct media_leg_stats *stats)
{
    *audio = (struct engine_audio){
        .is_mixed = stats->bus_hz > 0,
        .bus_hz = stats->bus_hz,
        .decode_hz = stats->rx_hz,
        .encode_hz = stats->tx_hz,
        .is_shared = stats->is_shared,
        .target_ms = stats->target_ms,
        .buffer_ms = stats->buffer_ms,
        .drift_ppm = stats->drift_ppm,
        .delay_in_ms = stats->delay_in_ms,
        .delay_out_ms = stats->delay_out_ms,
        .cpu_us = stats->cpu_us,
        .packet_ms = stats->packet_ms,
        .network_ms = stats->rtt_ms < 0 ? -1 : stats->rtt_ms / 2,
        .packets_in = stats->rx_packets,
        .packets_out = stats->tx_packets,
        .lost = stats->lost,
        .late = stats->late,
        .dropped = stats->rx_dropped,
        .stray = stats->rx_stray,
        .kernel_drops = stats->kernel_drops,
        .concealed = stats->concealed,
        .stretches = stats->stretches,
        .srtp_auth_failed = stats->srtp_auth_failed,
        .srtp_replayed = stats->srtp_replayed,
        .cipher = srtp_suite_name(stats->srtp_suite),
    };
}

static void fill_leg(struct engine_leg_view *view, const struct leg *leg)
{
    char text[SR_ADDR_TEXT_MAX];
    const struct media_leg_stats *stats = &leg->stats;

    memcpy(view->leg_id, leg->leg_id, sizeof(view->leg_id));
    view->kind = leg__kind_name(leg->kind);
    view->role = leg__role_name(leg->role);
    view->state = leg__state_name(leg->state);
    memcpy(view->device_id, leg->device_id, sizeof(view->device_id));
    memcpy(view->provider_id, leg->provider_id, sizeof(view->provider_id));
    memcpy(view->number, leg->number, sizeof(view->number));
    memcpy(view->name, leg->name, sizeof(view->name));
    (void)sr_str_copy(sr_str_c(leg->codec_last), view->codec, sizeof(view->codec));
    if (stats->remote_seen.family != SR_ADDR_NONE)
        (void)sr_str_copy(sr_str_c(sr_addr_text(&stats->remote_seen, text)), view->address,
                          sizeof(view->address));
    view->encrypted = leg__encrypted_name(leg);
    memcpy(view->verdict, leg->verdict, sizeof(view->verdict));
    view->is_muted = leg->is_muted;
    view->is_held = leg->is_held;
    view->is_holding = leg->is_holding;
    view->is_hidden = monitor__is_hidden(leg);
    if (leg->role == MEDIA_ROLE_TOOL && monitor__whispered(leg) != NULL)
        memcpy(view->whisper_to, monitor__whispered(leg)->leg_id, sizeof(view->whisper_to));
    view->quality = (struct engine_quality){
        .loss_pct = leg->has_stats ? stats->loss_pct : -1,
        .jitter_ms = leg->has_stats ? stats->jitter_ms : -1,
        .rtt_ms = stats->rtt_ms,
        .mos = stats->mos,
    };
    view->has_audio = leg->has_stats;
    if (leg->has_stats)
        fill_audio(&view->audio, stats);
    view->audio.ear_ms = leg->has_stats ? ear_ms(leg) : -1;
}

static const char *mode_name(enum media_mode mode)
{
    switch (mode) {
    case MEDIA_MODE_IDLE:
        return "idle";
    case MEDIA_MODE_RELAY:
        return "relay";
    case MEDIA_MODE_MIX:
        return "mix";
    }
    return "idle";
}

static void fill_head(struct engine_call_view *view, const struct call *call)
{
    memcpy(view->call_id, call->call_id, sizeof(view->call_id));
    view->direction = call->direction;
    memcpy(view->from, call->from, sizeof(view->from));
    memcpy(view->from_name, call->from_name, sizeof(view->from_name));
    memcpy(view->to, call->to, sizeof(view->to));
    view->state = call__state_name(call->state);
    view->started_wall_us = call->started_wall_us;
    view->answered_wall_us = call->answered_wall_us;
    view->ended_wall_us = call->ended_wall_us;
    memcpy(view->route_id, call->route_id, sizeof(view->route_id));
    view->mode = mode_name(call->is_pass ? MEDIA_MODE_RELAY : call->mode_real);
    view->is_passthrough = call->is_pass;
    view->is_locked = call->is_locked;
}

struct engine_call_view *event__head(const struct call *call)
{
    struct engine_call_view *view = sr_zalloc(1, sizeof(*view));

    fill_head(view, call);
    view->is_head = true;
    return view;
}

struct engine_call_view *event__view(const struct call *call)
{
    /* an ended call is shown with the legs it had */
    const struct sr_list *list = call->state == CALL_ENDED ? &call->gone : &call->legs;
    struct engine_call_view *view =
        sr_zalloc(1, sizeof(*view) + list->count * sizeof(view->legs[0]));

    fill_head(view, call);
    SR_LIST_EACH(list, node)
    fill_leg(&view->legs[view->leg_count++], SR_CONTAINER(node, struct leg, node));
    return view;
}

void event__device(struct engine *engine, enum engine_event_kind kind, struct sr_str device_id,
                   struct sr_str why)
{
    const struct config_device *device = config_device_by_id(engine->config, device_id);
    struct engine_event *event = event__new(engine, kind);

    (void)sr_str_copy(device_id, event->subject, sizeof(event->subject));
    (void)sr_str_copy(why, event->why, sizeof(event->why));
    if (device != NULL) {
        event->device = sr_alloc(sizeof(*event->device));
        engine__device_view(engine, device, event->device);
    }
    event__push(engine, event);
}

void event__provider(struct engine *engine, enum engine_event_kind kind,
                     const struct config_provider *provider, struct sr_str why)
{
    struct engine_event *event = event__new(engine, kind);

    event->provider = sr_alloc(sizeof(*event->provider));
    engine__provider_view(engine, provider, event->provider);
    if (kind == ENGINE_PROVIDER_REGISTERED && !engine_provider_is_up(event->provider))
        event->kind = ENGINE_PROVIDER_CHANGED; /* switched off meanwhile */
    (void)sr_str_copy(provider->id, event->subject, sizeof(event->subject));
    (void)sr_str_copy(why, event->why, sizeof(event->why));
    event__push(engine, event);
}

void event__call(struct call *call, enum engine_event_kind kind)
{
    struct engine_event *event = event__new(call->engine, kind);

    memcpy(event->call_id, call->call_id, sizeof(event->call_id));
    event->call = kind == ENGINE_LEG_CHANGED ? event__head(call) : event__view(call);
    if (kind == ENGINE_CALL_ENDED) {
        event->reason = call_reason_name(call->reason);
        event->sip_status = call->sip_status;
    }
    event__push(call->engine, event);
}

static struct engine_event *leg_event(struct leg *leg, enum engine_event_kind kind)
{
    struct engine_event *event = event__new(leg->call->engine, kind);

    memcpy(event->call_id, leg->call->call_id, sizeof(event->call_id));
    memcpy(event->leg_id, leg->leg_id, sizeof(event->leg_id));
    event->call = event__head(leg->call);
    event->leg = sr_zalloc(1, sizeof(*event->leg));
    fill_leg(event->leg, leg);
    return event;
}

void event__leg(struct leg *leg, enum engine_event_kind kind)
{
    struct engine_event *event = leg_event(leg, kind);

    if (kind == ENGINE_LEG_ADDED)
        watch__leg_added(leg);
    else if (kind == ENGINE_LEG_CHANGED)
        watch__leg_changed(leg);
    else if (kind == ENGINE_LEG_REMOVED)
        watch__leg_removed(leg);
    if (kind == ENGINE_LEG_REMOVED) {
        event->reason = call_reason_name(leg->reason);
        event->sip_status = leg->sip_status;
    }
    event__push(leg->call->engine, event);
}

void event__digit(struct leg *leg, char digit, uint32_t duration_ms)
{
    struct engine_event *event = leg_event(leg, ENGINE_DTMF);

    event->digit = digit;
    event->duration_ms = duration_ms;
    event__push(leg->call->engine, event);
}

void event__snapshot(struct engine *engine)
{
    struct engine_event *event = event__new(engine, ENGINE_SNAPSHOT);
    const struct config *config = engine->config;
    uint32_t cursor = 0;
    struct call *call;

    event->calls = sr_zalloc(engine->calls.count, sizeof(struct engine_call_view *));
    while ((call = sr_idtab_next(&engine->calls, &cursor)) != NULL) {
        if (call->state != CALL_ENDED)
            event->calls[event->call_count++] = event__view(call);
    }
    event->devices = sr_zalloc(config->device_count, sizeof(*event->devices));
    for (uint32_t i = 0; i < config->device_count; i++)
        engine__device_view(engine, &config->devices[i], &event->devices[event->device_count++]);
    event->providers = sr_zalloc(config->provider_count, sizeof(*event->providers));
    for (uint32_t i = 0; i < config->provider_count; i++)
        engine__provider_view(engine, &config->providers[i],
                              &event->providers[event->provider_count++]);
    engine->is_snapshot_owed = false;
    event__push(engine, event);
}

struct engine_event *engine_next_event(struct engine *engine)
{
    struct sr_mpsc_node *node = sr_mpsc_pop(&engine->events);

    if (node == NULL)
        return NULL;
    atomic_fetch_sub_explicit(&engine->events_waiting, 1, memory_order_relaxed);
    return SR_CONTAINER(node, struct engine_event, node);
}

void engine_event_free(struct engine_event *event)
{
    if (event == NULL)
        return;
    for (uint32_t i = 0; i < event->call_count; i++)
        sr_free(event->calls[i]);
    sr_free(event->calls);
    sr_free(event->devices);
    sr_free(event->call);
    sr_free(event->leg);
    sr_free(event->device);
    sr_free(event->provider);
    sr_free(event->providers);
    sr_buf_done(&event->body);
    sr_free(event);
}

/* The JSON form of every view and event (contract: REST /api/calls, /api/devices, /api/events). */
#include "call/engine.h"
#include "net/clock.h"

const char *engine_event_name(enum engine_event_kind kind)
{
    switch (kind) {
#define X(name, text)                                                                              \
    case ENGINE_##name:                                                                            \
        return text;
        ENGINE_EVENT_MAP(X)
#undef X
    }
    return "unknown";
}

static void key_time(struct sr_json *json, const char *key, int64_t wall_us)
{
    char text[NET_CLOCK_TEXT_MAX];

    sr_json_key_c(json, key, wall_us ? net_clock_text(wall_us, text) : NULL);
}

/* An empty text reads as null. */
static void key_text(struct sr_json *json, const char *key, const char *text)
{
    sr_json_key_c(json, key, text[0] ? text : NULL);
}

/* What a word waits for on its way; `earMs` is the sum, from mouth to ear. */
static void delay_json(const struct engine_audio *audio, struct sr_json *json)
{
    sr_json_key_object(json, "delay");
    sr_json_key_known(json, "packetMs", audio->packet_ms, 1);
    sr_json_key_known(json, "networkMs", audio->network_ms, 1);
    sr_json_key_known(json, "inMs", audio->delay_in_ms, 1);
    sr_json_key_known(json, "outMs", audio->delay_out_ms, 1);
    sr_json_key_known(json, "earMs", audio->ear_ms, 1);
    sr_json_end(json);
}

static void audio_json(const struct engine_audio *audio, struct sr_json *json)
{
    sr_json_key_object(json, "audio");
    sr_json_key_int(json, "packetsIn", (int64_t)audio->packets_in);
    sr_json_key_int(json, "packetsOut", (int64_t)audio->packets_out);
    sr_json_key_int(json, "lost", (int64_t)audio->lost);
    sr_json_key_int(json, "late", (int64_t)audio->late);
    sr_json_key_int(json, "dropped", (int64_t)audio->dropped);
    sr_json_key_int(json, "stray", (int64_t)audio->stray);
    sr_json_key_int(json, "kernelDrops", (int64_t)audio->kernel_drops);
    sr_json_key_int(json, "srtpAuthFailed", (int64_t)audio->srtp_auth_failed);
    sr_json_key_int(json, "srtpReplayed", (int64_t)audio->srtp_replayed);
    key_text(json, "cipher", audio->cipher != NULL ? audio->cipher : "");
    delay_json(audio, json);
    sr_json_key(json, "mix");
    if (!audio->is_mixed) {
        sr_json_null(json);
    } else {
        sr_json_object(json);
        sr_json_key_int(json, "busHz", audio->bus_hz);
        sr_json_key_int(json, "decodeHz", audio->decode_hz);
        sr_json_key_int(json, "encodeHz", audio->encode_hz);
        sr_json_key_bool(json, "sharedEncoder", audio->is_shared);
        sr_json_key_num(json, "jitterTargetMs", audio->target_ms, 1);
        sr_json_key_num(json, "jitterBufferMs", audio->buffer_ms, 1);
        sr_json_key_num(json, "driftPpm", audio->drift_ppm, 0);
        sr_json_key_int(json, "concealed", (int64_t)audio->concealed);
        sr_json_key_int(json, "stretches", (int64_t)audio->stretches);
        sr_json_key_num(json, "delayInMs", audio->delay_in_ms, 1);
        sr_json_key_num(json, "delayOutMs", audio->delay_out_ms, 1);
        sr_json_key_num(json, "cpuUsPerSec", audio->cpu_us, 0);
        sr_json_end(json);
    }
    sr_json_end(json);
}

static void leg_json(const struct engine_leg_view *leg, enum engine_audience audience,
                     struct sr_json *json)
{
    sr_json_object(json);
    sr_json_key_c(json, "legId", leg->leg_id);
    sr_json_key_c(json, "kind", leg->kind);
    sr_json_key_c(json, "role", leg->role);
    key_text(json, "deviceId", leg->device_id);
    key_text(json, "providerId", leg->provider_id);
    key_text(json, "number", leg->number);
    key_text(json, "name", leg->name);
    sr_json_key_c(json, "state", leg->state);
    key_text(json, "codec", leg->codec);
    sr_json_key_c(json, "encrypted", leg->encrypted);
    key_text(json, "address", audience == ENGINE_FOR_STAFF ? leg->address : "");
    sr_json_key_bool(json, "muted", leg->is_muted);
    sr_json_key_bool(json, "held", leg->is_held);
    sr_json_key_bool(json, "holding", leg->is_holding);
    key_text(json, "whisperTo", leg->whisper_to);
    sr_json_key_object(json, "quality");
    sr_json_key_known(json, "lossPct", leg->quality.loss_pct, 2);
    sr_json_key_known(json, "jitterMs", leg->quality.jitter_ms, 1);
    sr_json_key_known(json, "rttMs", leg->quality.rtt_ms, 1);
    sr_json_key_known(json, "mos", leg->quality.mos, 2);
    sr_json_end(json);
    if (leg->has_audio)
        audio_json(&leg->audio, json);
    key_text(json, "verdict", leg->verdict);
    sr_json_end(json);
}

void engine_call_json(const struct engine_call_view *call, enum engine_audience audience,
                      struct sr_json *json)
{
    sr_json_object(json);
    sr_json_key_c(json, "callId", call->call_id);
    sr_json_key_c(json, "direction", call->direction);
    sr_json_key_c(json, "from", call->from);
    key_text(json, "fromName", call->from_name);
    sr_json_key_c(json, "to", call->to);
    sr_json_key_c(json, "state", call->state);
    key_time(json, "startedAt", call->started_wall_us);
    key_time(json, "answeredAt", call->answered_wall_us);
    if (call->ended_wall_us)
        key_time(json, "endedAt", call->ended_wall_us);
    key_text(json, "routeId", call->route_id);
    sr_json_key_c(json, "mode", call->is_passthrough ? "passthrough" : "b2bua");
    sr_json_key_c(json, "media", call->mode);
    sr_json_key_bool(json, "locked", call->is_locked);
    if (!call->is_head) {
        sr_json_key_array(json, "legs");
        for (uint32_t i = 0; i < call->leg_count; i++) {
            if (audience == ENGINE_FOR_STAFF || !call->legs[i].is_hidden)
                leg_json(&call->legs[i], audience, json);
        }
        sr_json_end(json);
    }
    sr_json_end(json);
}

static void contact_json(const struct engine_contact_view *contact, struct sr_json *json)
{
    sr_json_object(json);
    sr_json_key_c(json, "uri", contact->uri);
    sr_json_key_c(json, "address", contact->address);
    sr_json_key_c(json, "transport", contact->transport);
    key_text(json, "userAgent", contact->user_agent);
    key_time(json, "expiresAt", (int64_t)contact->expires_wall * SR_SEC);
    sr_json_key_bool(json, "nat", contact->is_nat);
    sr_json_key_bool(json, "reachable", contact->is_reachable);
    sr_json_key_known(json, "rttMs", contact->rtt_us / 1000.0, 1);
    sr_json_end(json);
}

void engine_device_json(const struct engine_device_view *device, struct sr_json *json)
{
    uint32_t shown = SR_MIN(device->contact_count, (uint32_t)ENGINE_CONTACTS_SHOWN_MAX);

    sr_json_object(json);
    sr_json_key_c(json, "id", device->device_id);
    key_text(json, "displayName", device->display_name);
    key_text(json, "extension", device->extension);
    sr_json_key_bool(json, "registered", device->is_registered);
    sr_json_key_int(json, "calls", device->call_count);
    sr_json_key_int(json, "contactCount", device->contact_count);
    sr_json_key_array(json, "contacts");
    for (uint32_t i = 0; i < shown; i++)
        contact_json(&device->contacts[i], json);
    sr_json_end(json);
    sr_json_end(json);
}

bool engine_provider_is_up(const struct engine_provider_view *provider)
{
    return strcmp(provider->state, "registered") == 0 ||
           strcmp(provider->state, "reachable") == 0 || strcmp(provider->state, "ready") == 0;
}

void engine_provider_json(const struct engine_provider_view *provider, struct sr_json *json)
{
    sr_json_object(json);
    sr_json_key_c(json, "id", provider->provider_id);
    key_text(json, "displayName", provider->display_name);
    sr_json_key_bool(json, "enabled", provider->is_enabled);
    sr_json_key_c(json, "domain", provider->domain);
    sr_json_key_bool(json, "register", provider->is_registering);
    sr_json_key_c(json, "state", provider->state);
    key_text(json, "fault", provider->fault);
    key_text(json, "verdict", provider->verdict);
    key_text(json, "lastResponse", provider->last_response);
    key_text(json, "address", provider->address);
    key_text(json, "transport", provider->transport);
    key_text(json, "publicAddress", provider->public_address);
    key_time(json, "expiresAt", (int64_t)provider->expires_wall * SR_SEC);
    key_time(json, "nextTryAt", provider->next_try_wall_us);
    sr_json_key_known(json, "rttMs", provider->rtt_us / 1000.0, 1);
    sr_json_key_int(json, "failures", provider->failures);
    sr_json_key_int(json, "calls", provider->call_count);
    sr_json_end(json);
}

static void worker_json(const struct media_worker_stats *worker, struct sr_json *json)
{
    sr_json_object(json);
    sr_json_key_int(json, "rooms", (int64_t)worker->rooms);
    sr_json_key_int(json, "legs", (int64_t)worker->legs);
    sr_json_key_int(json, "legsMixed", (int64_t)worker->legs_mixed);
    sr_json_key_int(json, "legsQuiet", (int64_t)worker->legs_quiet);
    sr_json_key_int(json, "packetsIn", (int64_t)worker->rx_packets);
    sr_json_key_int(json, "packetsOut", (int64_t)worker->tx_packets);
    sr_json_key_int(json, "kernelDrops", (int64_t)worker->kernel_drops);
    sr_json_key_int(json, "ticks", (int64_t)worker->ticks);
    sr_json_key_int(json, "lateTicks", (int64_t)worker->late_ticks);
    sr_json_key_int(json, "overruns", (int64_t)worker->overruns);
    sr_json_key_int(json, "overrunsByHost", (int64_t)worker->overruns_stolen);
    sr_json_key_int(json, "encodes", (int64_t)worker->encodes);
    sr_json_key_int(json, "encodesShared", (int64_t)worker->encodes_shared);
    sr_json_key_int(json, "reportsRefused", (int64_t)worker->reports_refused);
    sr_json_key_int(json, "opusComplexity", (int64_t)worker->opus_complexity);
    sr_json_key_num(json, "cpuSeconds", (double)worker->cpu_us / SR_SEC, 1);
    sr_json_end(json);
}

static void web_json(const struct engine_web_status *web, struct sr_json *json)
{
    sr_json_key_object(json, "browsers");
    sr_json_key_int(json, "sessions", web->sessions);
    sr_json_key_int(json, "packets", (int64_t)web->packets);
    sr_json_key_int(json, "junk", (int64_t)web->junk);
    sr_json_key_int(json, "unknown", (int64_t)web->unknown);
    sr_json_key_int(json, "forged", (int64_t)web->forged);
    sr_json_key_int(json, "dropped", (int64_t)web->dropped);
    sr_json_key_int(json, "tcpRefused", (int64_t)web->tcp_refused);
    sr_json_key_int(json, "handshakes", (int64_t)web->handshakes);
    sr_json_key_int(json, "handshakesOpen", web->half_open);
    sr_json_key_int(json, "handshakesFailed", (int64_t)web->handshakes_failed);
    sr_json_key_int(json, "handshakesRefused", (int64_t)web->handshakes_refused);
    sr_json_end(json);
}

static void sip_json(const struct engine_sip_status *sip, struct sr_json *json)
{
    sr_json_key_int(json, "challenges", (int64_t)sip->challenges);
    sr_json_key_int(json, "bannedDropped", (int64_t)sip->banned_dropped);
    sr_json_key_int(json, "stray", (int64_t)sip->stray);
    sr_json_key_int(json, "connections", sip->connections);
    sr_json_key_int(json, "connectionsTotal", (int64_t)sip->connections_total);
    sr_json_key_int(json, "connectionsRefused", (int64_t)sip->connections_refused);
    sr_json_key_int(json, "connectionsTimedOut", (int64_t)sip->connections_timed_out);
    sr_json_key_int(json, "connectionsBad", (int64_t)sip->connections_bad);
    sr_json_key_int(json, "connectionsWaiting", (int64_t)sip->connections_waiting);
    sr_json_key_int(json, "handshakesFailed", (int64_t)sip->handshakes_failed);
    sr_json_key_int(json, "kernelDrops", (int64_t)sip->kernel_drops);
    sr_json_key_int(json, "sendFailures", (int64_t)sip->send_failures);
}

void engine_status_json(const struct engine_status *status, struct sr_json *json)
{
    sr_json_key_bool(json, "draining", status->is_draining);
    sr_json_key_int(json, "configGeneration", (int64_t)status->generation);
    sr_json_key_object(json, "calls");
    sr_json_key_int(json, "live", status->calls);
    sr_json_key_int(json, "answered", status->calls_answered);
    sr_json_key_int(json, "legs", status->legs);
    sr_json_key_int(json, "total", (int64_t)status->calls_total);
    sr_json_key_int(json, "failed", (int64_t)status->calls_failed);
    sr_json_key_int(json, "refusedOverload", (int64_t)status->calls_refused_overload);
    sr_json_end(json);
    sr_json_key_object(json, "devices");
    sr_json_key_int(json, "configured", status->devices);
    sr_json_key_int(json, "registered", status->devices_registered);
    sr_json_end(json);
    sr_json_key_object(json, "providers");
    sr_json_key_int(json, "configured", status->providers);
    sr_json_key_int(json, "up", status->providers_up);
    sr_json_end(json);
    sr_json_key_object(json, "media");
    sr_json_key_int(json, "workers", status->media_workers);
    sr_json_key_int(json, "portsUsed", status->rtp_ports_used);
    sr_json_key_int(json, "portsFree", status->rtp_ports_free);
    sr_json_key_int(json, "portsRefused", (int64_t)status->rtp_ports_refused);
    sr_json_key_int(json, "ticks", (int64_t)status->media_ticks);
    sr_json_key_int(json, "overruns", (int64_t)status->media_overruns);
    sr_json_key_num(json, "cpuSeconds", (double)status->media_cpu_us / SR_SEC, 1);
    sr_json_key_array(json, "threads");
    for (uint32_t i = 0; i < status->media_workers; i++)
        worker_json(&status->media_worker[i], json);
    sr_json_end(json);
    sr_json_end(json);
    web_json(&status->web, json);
    sr_json_key_object(json, "sip");
    sr_json_key_int(json, "requests", (int64_t)status->sip_requests);
    sr_json_key_int(json, "responses", (int64_t)status->sip_responses);
    sr_json_key_int(json, "retransmitted", (int64_t)status->sip_retransmitted);
    sr_json_key_int(json, "badMessages", (int64_t)status->sip_bad);
    sr_json_key_int(json, "authFailures", (int64_t)status->auth_failures);
    sr_json_key_int(json, "bans", (int64_t)status->bans);
    sr_json_key_int(json, "bansTotal", (int64_t)status->bans_total);
    sip_json(&status->sip, json);
    sr_json_end(json);
    sr_json_key_int(json, "eventsLost", (int64_t)status->events_lost);
}

/* What a kind says beside its ids. */
static void details_json(const struct engine_event *event, struct sr_json *json)
{
    char digit[2] = {event->digit, '\0'};

    if (event->reason != NULL) {
        sr_json_key_c(json, "reason", event->reason);
        sr_json_key(json, "sipStatus");
        if (event->sip_status)
            sr_json_int(json, event->sip_status);
        else
            sr_json_null(json);
    }
    if (event->provider != NULL) {
        sr_json_key_c(json, "providerId", event->provider->provider_id);
        sr_json_key(json, "provider");
        engine_provider_json(event->provider, json);
    }
    if (event->kind == ENGINE_PROVIDER_FAILED) {
        sr_json_key_c(json, "fault", event->provider->fault);
        key_text(json, "why", event->why);
    }
    if (event->kind == ENGINE_DTMF) {
        sr_json_key_c(json, "digit", digit);
        sr_json_key_int(json, "durationMs", event->duration_ms);
    }
    if (event->kind == ENGINE_PLAY_STARTED || event->kind == ENGINE_PLAY_FINISHED)
        sr_json_key_c(json, "playId", event->play_id);
    if (event->kind == ENGINE_PLAY_FINISHED) {
        sr_json_key_c(json, "end", event->why);
        sr_json_key_int(json, "playedMs", event->duration_ms);
    }
    if (event->kind == ENGINE_SECURITY_BAN) {
        sr_json_key_c(json, "source", event->subject);
        key_text(json, "user", event->why);
        sr_json_key_int(json, "seconds", event->ban_sec);
    }
    if (event->kind == ENGINE_DEVICE_REGISTERED || event->kind == ENGINE_DEVICE_UNREGISTERED ||
        event->kind == ENGINE_DEVICE_CHANGED) {
        sr_json_key_c(json, "deviceId", event->subject);
        if (event->why[0])
            sr_json_key_c(json, "why", event->why);
    }
}

static bool has_leg_secrets(const struct engine_leg_view *leg)
{
    return leg->address[0] != '\0' || leg->is_hidden;
}

bool engine_event_has_secrets(const struct engine_event *event)
{
    for (uint32_t i = 0; event->call != NULL && !event->call->is_head && i < event->call->leg_count;
         i++) {
        if (has_leg_secrets(&event->call->legs[i]))
            return true;
    }
    return event->leg != NULL && has_leg_secrets(event->leg);
}

bool engine_event_is_hidden(const struct engine_event *event)
{
    return event->leg != NULL && event->leg->is_hidden;
}

void engine_event_json(const struct engine_event *event, enum engine_audience audience,
                       struct sr_buf *buf)
{
    struct sr_json json;

    sr_json_begin(&json, buf);
    sr_json_object(&json);
    sr_json_key_c(&json, "type", engine_event_name(event->kind));
    sr_json_key_int(&json, "seq", (int64_t)event->seq);
    key_time(&json, "at", event->at_wall_us);
    if (event->call_id[0])
        sr_json_key_c(&json, "callId", event->call_id);
    if (event->leg_id[0])
        sr_json_key_c(&json, "legId", event->leg_id);
    details_json(event, &json);
    if (event->leg != NULL) {
        sr_json_key(&json, "leg");
        leg_json(event->leg, audience, &json);
    }
    if (event->call != NULL && event->kind != ENGINE_QUALITY && event->kind != ENGINE_DTMF) {
        sr_json_key(&json, "call");
        engine_call_json(event->call, audience, &json);
    }
    if (event->device != NULL) {
        sr_json_key(&json, "device");
        engine_device_json(event->device, &json);
    }
    sr_json_end(&json);
}

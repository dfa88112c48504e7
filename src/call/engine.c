#include <pthread.h>

#include "base/alloc.h"
#include "call/internal.h"
#include "call/providers.h"
#include "call/webrtc.h"

/* What other threads read: refreshed by the loop, guarded by a lock nobody holds for long. */
struct engine_shared {
    pthread_mutex_t lock;
    struct engine_status status;
};

static void take_web(const struct media_web_stats *from, struct engine_web_status *out)
{
    out->half_open = from->half_open;
    out->packets = from->packets;
    out->junk = from->junk;
    out->unknown = from->unknown;
    out->forged = from->forged;
    out->dropped = from->dropped;
    out->tcp_refused = from->tcp_refused;
    out->handshakes = from->handshakes;
    out->handshakes_failed = from->handshakes_failed;
    out->handshakes_refused = from->handshakes_refused;
}

static void take_sip(const struct ua_stats *ua, struct engine_sip_status *out)
{
    const struct net_counters *net = &ua->net;

    out->connections = net->conns;
    out->connections_total = net->conns_accepted + net->conns_opened;
    out->connections_refused = net->conns_refused_total + net->conns_refused_source;
    out->connections_timed_out =
        net->deadline_handshake + net->deadline_message + net->deadline_idle;
    out->connections_bad = net->bad_streams + net->queue_full;
    out->connections_waiting = net->accept_failed;
    out->handshakes_failed = net->tls_failed;
    out->kernel_drops = net->udp_kernel_dropped;
    out->send_failures = net->udp_send_failed;
    out->challenges = ua->challenges;
    out->banned_dropped = ua->dropped_banned;
    out->stray = ua->stray_responses + ua->stray_acks;
}

void engine__refresh_status(struct engine *engine)
{
    struct engine_status status = {.at_wall_us = loop_wall(engine->loop)};
    struct media_port_stats media;
    struct ua_stats ua;
    uint32_t cursor = 0;
    struct call *call;

    ua_stats(engine->ua, &ua);
    media_port_stats(engine->media, &media);
    while ((call = sr_idtab_next(&engine->calls, &cursor)) != NULL) {
        status.calls += call->state != CALL_ENDED;
        status.calls_answered += call->state == CALL_ANSWERED;
        status.legs += (uint32_t)call->legs.count;
    }
    status.devices = engine->config->device_count;
    for (uint32_t i = 0; i < engine->config->device_count; i++) {
        struct ua_contact contact;

        status.devices_registered +=
            ua_contacts(engine->ua, engine->config->devices[i].id, &contact, 1) > 0;
    }
    providers__count(engine, &status);
    status.calls_total = engine->calls_total;
    status.calls_failed = engine->calls_failed;
    status.calls_refused_overload = engine->overload.refused;
    status.rtp_port_min = engine->rtp_ports.min;
    status.rtp_port_max = engine->rtp_ports.max;
    status.rtp_ports_used = media.ports_used;
    status.rtp_ports_free = media.ports_free;
    status.rtp_ports_refused = engine->ports_refused;
    take_sip(&ua, &status.sip);
    status.media_workers = media.workers;
    status.media_ticks = media.ticks;
    status.media_overruns = media.overruns;
    status.media_cpu_us = media.cpu_us;
    memcpy(status.media_worker, media.worker, sizeof(status.media_worker));
    take_web(&media.web, &status.web);
    status.web.sessions = browsers__session_count(engine);
    status.sip_requests = ua.requests_received;
    status.sip_responses = ua.responses_received;
    status.sip_bad = ua.bad_messages;
    status.sip_retransmitted = ua.retransmitted;
    status.auth_failures = ua.auth_failures;
    status.bans = ua.bans;
    status.bans_total = ua.bans_total;
    status.events_lost = engine->events_lost;
    status.is_draining = engine->is_draining;
    status.generation = engine->config->generation;
    pthread_mutex_lock(&engine->shared->lock);
    engine->shared->status = status;
    pthread_mutex_unlock(&engine->shared->lock);
}

static void on_status_timer(void *arg)
{
    struct engine *engine = arg;

    engine__refresh_status(engine);
    if (engine->is_snapshot_owed && atomic_load(&engine->events_waiting) < ENGINE_EVENTS_MAX / 2)
        event__snapshot(engine);
    loop_timer_set(engine->loop, &engine->status_timer, loop_now(engine->loop) + SR_SEC);
    engine__tell_call_counts(engine);
}

void engine_status(struct engine *engine, struct engine_status *ret_status)
{
    pthread_mutex_lock(&engine->shared->lock);
    *ret_status = engine->shared->status;
    pthread_mutex_unlock(&engine->shared->lock);
}

static void on_overload_window(void *arg)
{
    struct engine *engine = arg;
    double rate_before = engine->overload.rate_max;

    overload_on_window(&engine->overload, loop_now(engine->loop),
                       engine->backlog != NULL ? engine->backlog(engine->backlog_arg) : 0);
    if (rate_before <= 0 && engine->overload.rate_max > 0)
        sr_log(HUB, WARN, "event=overload calls_per_sec_max=%.0f", engine->overload.rate_max);
    if (rate_before > 0 && engine->overload.rate_max <= 0)
        sr_log(HUB, INFO, "event=overload_over refused=%llu",
               (unsigned long long)engine->overload.refused);
    loop_timer_set(engine->loop, &engine->overload_timer, overload_deadline(&engine->overload));
}

bool engine__is_full(const struct engine *engine)
{
    return engine->calls.count >= engine->calls_max;
}

/* Behind the digit for a line, too: so the routes are asked. */
bool engine__is_emergency(void *arg, struct sr_str dialled)
{
    struct engine *engine = arg;
    struct routing_query query = {.number = dialled, .now = loop_wall(engine->loop) / SR_SEC};
    struct routing_plan plan;

    if (engine->is_draining || !engine->is_started)
        return false;
    routing_resolve(engine->config, &query, &plan, NULL);
    return plan.is_emergency;
}

bool engine__is_accepting(void *arg, uint32_t *ret_retry_after_sec)
{
    struct engine *engine = arg;

    *ret_retry_after_sec = OVERLOAD_RETRY_SEC;
    if (engine->is_draining || !engine->is_started || engine__is_full(engine))
        return false;
    return overload_admit(&engine->overload, loop_now(engine->loop));
}

static void on_ban(void *arg, const struct sr_addr *source, struct sr_str user, uint32_t ban_sec)
{
    struct engine *engine = arg;
    struct engine_event *event = event__new(engine, ENGINE_SECURITY_BAN);
    char text[SR_ADDR_TEXT_MAX];

    (void)sr_str_copy(sr_str_c(sr_addr_text(source, text)), event->subject, sizeof(event->subject));
    (void)sr_str_copy(user, event->why, sizeof(event->why));
    event->ban_sec = ban_sec;
    event__push(engine, event);
}

const struct ua_user_ops *engine_ua_ops(void)
{
    static const struct ua_user_ops ops = {
        .on_invite = engine__on_invite,
        .on_leg_event = engine__on_leg_event,
        .on_registration = engine__on_registration,
        .on_watch = engine__on_watch,
        .write_state = engine__write_state,
        .on_provider = engine__on_provider,
        .on_trace = engine__on_trace,
        .on_ban = on_ban,
        .on_pass = engine__on_pass,
        .on_passed = engine__on_passed,
        .is_accepting = engine__is_accepting,
        .is_emergency = engine__is_emergency,
    };

    return &ops;
}

uint32_t engine__device_calls(struct engine *engine, struct sr_str device_id, int change)
{
    struct device_calls *entry = sr_map_find(&engine->device_calls, device_id);

    if (change == 0)
        return entry != NULL ? entry->count : 0;
    if (entry == NULL) {
        SR_ASSERT(change > 0);
        entry = sr_zalloc(1, sizeof(*entry));
        (void)sr_str_copy(device_id, entry->device_id, sizeof(entry->device_id));
        (void)sr_map_put(&engine->device_calls, sr_str_c(entry->device_id), entry);
    }
    SR_ASSERT(change > 0 || entry->count > 0);
    entry->count = (uint32_t)((int64_t)entry->count + change);
    if (entry->count > 0)
        return entry->count;
    (void)sr_map_remove(&engine->device_calls, sr_str_c(entry->device_id));
    sr_free(entry);
    return 0;
}

static void end_all_calls(struct engine *engine, enum call_reason reason)
{
    uint32_t cursor = 0;
    struct call *call;

    while ((call = sr_idtab_next(&engine->calls, &cursor)) != NULL)
        call__end(call, reason, call_reason_status(reason));
}

static void on_drain_timer(void *arg)
{
    end_all_calls(arg, CALL_REASON_STOPPED);
}

void engine__told_drained(struct engine *engine)
{
    if (engine->is_drained_told)
        return;
    engine->is_drained_told = true;
    event__push(engine, event__new(engine, ENGINE_DRAINED));
    if (engine->on_drained != NULL)
        engine->on_drained(engine->drained_arg);
}

void engine__drain(struct engine *engine, uint32_t within_ms)
{
    engine->is_draining = true;
    engine__refresh_status(engine);
    sr_log(HUB, INFO, "event=draining calls=%u within_ms=%u", engine->calls.count, within_ms);
    if (engine->calls.count == 0) {
        engine__told_drained(engine);
        return;
    }
    loop_timer_set(engine->loop, &engine->drain_timer,
                   loop_now(engine->loop) + (sr_usec)within_ms * SR_MSEC);
}

void engine_drain(struct engine *engine, uint32_t within_ms, void (*on_drained)(void *arg),
                  void *arg)
{
    engine->on_drained = on_drained;
    engine->drained_arg = arg;
    engine__drain(engine, within_ms);
}

/* Events wait. */
static void wake_listener(void *arg)
{
    struct engine *engine = arg;

    loop_timer_clear(engine->loop, &engine->wake_timer);
    engine->woken_at = loop_now(engine->loop);
    engine->wake(engine->wake_arg);
}

struct engine *engine_new(const struct engine_options *options)
{
    struct engine *engine = sr_zalloc(1, sizeof(*engine));

    engine->loop = options->loop;
    engine->store = options->store;
    engine->speech = options->speech;
    engine->config = config_ref(options->config);
    engine->sip_port = (uint16_t)options->config->proxy.lan_port;
    engine->tls_port = (uint16_t)options->config->proxy.tls_port;
    engine->rtp_ports = options->config->proxy.rtp_ports;
    engine->backlog = options->backlog;
    engine->backlog_arg = options->backlog_arg;
    engine->wake = options->wake;
    engine->wake_arg = options->wake_arg;
    engine->calls_max = options->calls_max ? options->calls_max : ENGINE_CALLS_MAX;
    engine->epoch = sr_random_u64() >> 12; /* fits a JSON number */
    sr_idtab_init(&engine->calls, engine->calls_max + ENGINE_EMERGENCY_CALLS);
    sr_idtab_init(&engine->legs, (engine->calls_max + ENGINE_EMERGENCY_CALLS) * 4);
    sound__init(engine);
    sr_map_init(&engine->calls_by_text);
    sr_map_init(&engine->device_calls);
    sr_map_init(&engine->told_calls);
    sr_map_init(&engine->watch_devices);
    sr_map_init(&engine->device_use);
    sr_map_init(&engine->turns);
    sr_mpsc_init(&engine->commands);
    sr_mpsc_init(&engine->events);
    engine->browsers = browsers__new(engine);
    loop_job_init(&engine->command_job, engine__serve_commands, engine);
    loop_job_init(&engine->wake_job, wake_listener, engine);
    loop_timer_init(&engine->wake_timer, wake_listener, engine);
    loop_timer_init(&engine->drain_timer, on_drain_timer, engine);
    loop_timer_init(&engine->status_timer, on_status_timer, engine);
    loop_timer_init(&engine->overload_timer, on_overload_window, engine);
    engine->shared = sr_zalloc(1, sizeof(*engine->shared));
    pthread_mutex_init(&engine->shared->lock, NULL);
    return engine;
}

void engine_add_app(struct engine *engine, const struct app_ops *app, void *state)
{
    SR_ASSERT(engine->app_count < ENGINE_APPS_MAX && !engine->is_started);
    engine->apps[engine->app_count++] = (struct engine_app){app, state};
}

void engine_start(struct engine *engine, struct ua *ua, struct media_port *media)
{
    engine->ua = ua;
    engine->media = media;
    engine__configure_ua(engine);
    engine__restore_contacts(engine);
    sound__configure(engine);
    use__load(engine);
    engine->is_started = true;
    overload_init(&engine->overload, loop_now(engine->loop));
    loop_timer_set(engine->loop, &engine->overload_timer, overload_deadline(&engine->overload));
    event__snapshot(engine);
    on_status_timer(engine);
}

void engine_stop(struct engine *engine)
{
    uint32_t cursor = 0;
    struct call *call;

    engine->is_started = false;
    loop_timer_clear(engine->loop, &engine->drain_timer);
    loop_timer_clear(engine->loop, &engine->status_timer);
    loop_timer_clear(engine->loop, &engine->overload_timer);
    end_all_calls(engine, CALL_REASON_STOPPED);
    /* what still waits for its ports to close is finished now: nothing will report any more */
    while ((call = sr_idtab_next(&engine->calls, &cursor)) != NULL) {
        call->media_open = 0;
        call__finish(call);
    }
    browsers__stop(engine->browsers);
}

void engine_free(struct engine *engine)
{
    struct sr_mpsc_node *node;
    struct engine_event *event;
    struct device_calls *told;
    size_t cursor = 0;

    if (engine == NULL)
        return;
    loop_defer_clear(engine->loop, &engine->wake_job);
    loop_timer_clear(engine->loop, &engine->wake_timer);
    SR_ASSERT(engine->calls.count == 0 && engine->legs.count == 0);
    sound__done(engine);
    while ((node = sr_mpsc_pop(&engine->commands)) != NULL) {
        struct engine_command *command = SR_CONTAINER(node, struct engine_command, node);

        config_unref(command->config);
        sr_free(command->sdp);
        sr_free(command);
    }
    browsers__free(engine->browsers);
    while ((event = engine_next_event(engine)) != NULL)
        engine_event_free(event);
    sr_idtab_done(&engine->calls);
    sr_idtab_done(&engine->legs);
    sr_map_done(&engine->calls_by_text);
    sr_map_done(&engine->device_calls);
    while ((told = sr_map_next(&engine->told_calls, &cursor)) != NULL)
        sr_free(told);
    sr_map_done(&engine->told_calls);
    sr_map_done(&engine->watch_devices);
    use__done(engine);
    config_unref(engine->config);
    sr_free(engine->ua_devices);
    pthread_mutex_destroy(&engine->shared->lock);
    sr_free(engine->shared);
    sr_free(engine);
}

uint64_t engine_epoch(const struct engine *engine)
{
    return engine->epoch;
}

uint32_t engine_call_count(const struct engine *engine)
{
    return engine->calls.count;
}

const struct config *engine_config(const struct engine *engine)
{
    return engine->config;
}

/* GET /metrics: one table for each source of figures. */
#include "control/metrics.h"

#include <stdio.h>

#include "base/log.h"
#include "control/web_internal.h"
#include "net/clock.h"

enum {
    METRICS_BYTES_MAX = 4 << 20
};

struct metric {
    const char *name, *help;
    size_t at, bytes; /* of a whole number, in its source */
};

#define AT_IN(type, field) offsetof(struct type, field), sizeof(((struct type *)NULL)->field)

#define AT(field) AT_IN(engine_status, field)
static const struct metric engine_list[] = {
    {"calls", "Live calls.", AT(calls)},
    {"calls_answered", "Live calls that are answered.", AT(calls_answered)},
    {"legs", "Legs of live calls.", AT(legs)},
    {"calls_total", "Calls since the start.", AT(calls_total)},
    {"calls_failed_total", "Calls nobody answered.", AT(calls_failed)},
    {"calls_refused_overload_total", "Calls refused by overload control.",
     AT(calls_refused_overload)},
    {"devices", "Configured devices.", AT(devices)},
    {"devices_registered", "Devices with a contact.", AT(devices_registered)},
    {"providers", "Enabled providers.", AT(providers)},
    {"providers_up", "Providers that are registered or answer.", AT(providers_up)},
    {"rtp_ports_used", "RTP ports in use.", AT(rtp_ports_used)},
    {"rtp_ports_free", "RTP ports free.", AT(rtp_ports_free)},
    {"rtp_ports_refused_total", "Parties that got no RTP port.", AT(rtp_ports_refused)},
    {"media_workers", "Media threads.", AT(media_workers)},
    {"media_ticks_total", "Ticks of all media threads.", AT(media_ticks)},
    {"media_overruns_total", "Ticks over their budget.", AT(media_overruns)},
    {"sip_requests_total", "SIP requests received.", AT(sip_requests)},
    {"sip_responses_total", "SIP responses received.", AT(sip_responses)},
    {"sip_bad_total", "SIP messages that could not be read.", AT(sip_bad)},
    {"sip_retransmitted_total", "SIP messages sent again.", AT(sip_retransmitted)},
    {"auth_failures_total", "Failed SIP authentications.", AT(auth_failures)},
    {"bans", "Bans in force.", AT(bans)},
    {"bans_total", "Bans since the start.", AT(bans_total)},
    {"sip_challenges_total", "Requests asked for a password.", AT(sip.challenges)},
    {"sip_banned_dropped_total", "Messages of the banned and denied.", AT(sip.banned_dropped)},
    {"sip_stray_total", "Responses and ACKs that belong to nothing.", AT(sip.stray)},
    {"sip_connections", "SIP connections (TCP, TLS, WebSocket).", AT(sip.connections)},
    {"sip_connections_total", "SIP connections since the start.", AT(sip.connections_total)},
    {"sip_connections_refused_total", "Connections over their limits.",
     AT(sip.connections_refused)},
    {"sip_connections_timed_out_total",
     "Connections closed for silence in a handshake, a message or at all.",
     AT(sip.connections_timed_out)},
    {"sip_connections_bad_total", "Connections closed for what they sent, or did not read.",
     AT(sip.connections_bad)},
    {"sip_connections_waiting_total", "Times the system had no file for a connection.",
     AT(sip.connections_waiting)},
    {"sip_handshakes_failed_total", "TLS handshakes that failed.", AT(sip.handshakes_failed)},
    {"sip_kernel_drops_total", "SIP datagrams the kernel dropped.", AT(sip.kernel_drops)},
    {"sip_send_failures_total", "SIP datagrams the kernel did not take.", AT(sip.send_failures)},
    {"browser_sessions", "Media sessions of browsers.", AT(web.sessions)},
    {"browser_handshakes_open", "DTLS handshakes under way.", AT(web.half_open)},
    {"browser_packets_total", "Packets at the browsers' port.", AT(web.packets)},
    {"browser_junk_total", "Packets there that mean nothing.", AT(web.junk)},
    {"browser_unknown_total", "Packets there from unproven addresses.", AT(web.unknown)},
    {"browser_forged_total", "ICE checks without the right password.", AT(web.forged)},
    {"browser_dropped_total", "Packets dropped for a full queue.", AT(web.dropped)},
    {"browser_tcp_refused_total", "Media connections over TCP refused.", AT(web.tcp_refused)},
    {"browser_handshakes_total", "DTLS handshakes done.", AT(web.handshakes)},
    {"browser_handshakes_failed_total", "DTLS handshakes that failed.", AT(web.handshakes_failed)},
    {"browser_handshakes_refused_total", "DTLS handshakes refused: too many at once.",
     AT(web.handshakes_refused)},
    {"events_lost_total", "Events dropped before they reached the page.", AT(events_lost)},
    {"draining", "1 while no new calls are taken.", AT(is_draining)},
    {"config_generation", "Generation of the configuration in force.", AT(generation)},
};
#undef AT

/* One line for each media thread. */
#define AT(field) AT_IN(media_worker_stats, field)
static const struct metric worker_list[] = {
    {"media_packets_in_total", "Audio packets taken from parties.", AT(rx_packets)},
    {"media_packets_out_total", "Audio packets sent to parties.", AT(tx_packets)},
    {"media_kernel_drops_total", "Packets a full socket lost.", AT(kernel_drops)},
    {"media_late_ticks_total", "Ticks over 5 ms late.", AT(late_ticks)},
    {"media_worker_overruns_total", "Ticks over 20 ms late.", AT(overruns)},
    {"media_overruns_by_host_total", "Overruns while the host took the machine's time.",
     AT(overruns_stolen)},
    {"media_encodes_total", "Packets coded.", AT(encodes)},
    {"media_encodes_shared_total", "Packets sent that were coded for another leg.",
     AT(encodes_shared)},
    {"media_reports_refused_total",
     "Digits, states and statistics the signalling thread was too far behind to take.",
     AT(reports_refused)},
    {"media_legs_mixed", "Legs in rooms that mix.", AT(legs_mixed)},
    {"media_legs_quiet", "Legs of those that are silent or muted, and not summed.", AT(legs_quiet)},
    {"media_opus_complexity", "Opus complexity in force, lowered under load.", AT(opus_complexity)},
};
#undef AT

#define AT(field) AT_IN(store_stats, field)
static const struct metric store_list[] = {
    {"store_queued", "Writes that wait for the store.", AT(queued)},
    {"store_writes_total", "Writes done.", AT(writes)},
    {"store_write_failures_total", "Writes that failed.", AT(write_failures)},
    {"store_writes_lost_total", "Writes dropped by a stalled disk.", AT(writes_lost)},
};
#undef AT

#define AT(field) AT_IN(http_stats, field)
static const struct metric http_list[] = {
    {"http_connections", "Open HTTP connections.", AT(connections)},
    {"http_requests_total", "HTTP requests.", AT(requests)},
    {"http_bad_requests_total", "Malformed HTTP requests.", AT(bad_requests)},
    {"http_connections_refused_total", "Connections over their limits.", AT(connections_refused)},
    {"http_accepts_failed_total", "Times the system had no file for a connection.",
     AT(accepts_failed)},
    {"websockets", "Open WebSockets.", AT(websockets)},
    {"websockets_dropped_total", "WebSockets dropped for being slow.", AT(ws_dropped)},
};
#undef AT

void metrics_head(struct sr_buf *buf, const char *name, const char *type, const char *help)
{
    bool is_total = sr_str_ends(sr_str_c(name), SR_STR("_total"));

    sr_buf_fmt(buf, "# HELP siprouter_%s %s\n# TYPE siprouter_%s %s\n", name, help, name,
               type != NULL ? type
               : is_total   ? "counter"
                            : "gauge");
}

void metrics_label(struct sr_buf *buf, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\' || *value == '\n')
            sr_buf_char(buf, '\\');
        sr_buf_char(buf, *value == '\n' ? 'n' : *value);
    }
}

static unsigned long long value_of(const struct metric *metric, const void *source)
{
    const char *at = (const char *)source + metric->at;
    uint64_t wide;
    uint32_t narrow;
    bool yes;

    if (metric->bytes == sizeof(wide)) {
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
    if (metric->bytes == sizeof(narrow)) {
        memcpy(&narrow, at, sizeof(narrow));
        return narrow;
    }
    SR_ASSERT(metric->bytes == sizeof(yes));
    memcpy(&yes, at, sizeof(yes));
    return yes;
}

static void write_list(struct sr_buf *buf, const struct metric *list, size_t count,
                       const void *source)
{
    for (size_t i = 0; i < count; i++) {
        metrics_head(buf, list[i].name, NULL, list[i].help);
        sr_buf_fmt(buf, "siprouter_%s %llu\n", list[i].name, value_of(&list[i], source));
    }
}

static void write_seconds(struct sr_buf *buf, const char *name, const char *help, int64_t us)
{
    metrics_head(buf, name, NULL, help);
    sr_buf_fmt(buf, "siprouter_%s %.3f\n", name, (double)us / SR_SEC);
}

static void write_workers(struct sr_buf *buf, const struct engine_status *status)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(worker_list); i++) {
        const struct metric *metric = &worker_list[i];

        metrics_head(buf, metric->name, NULL, metric->help);
        for (uint32_t k = 0; k < status->media_workers; k++)
            sr_buf_fmt(buf, "siprouter_%s{worker=\"%u\"} %llu\n", metric->name, k,
                       value_of(metric, &status->media_worker[k]));
    }
}

static void write_providers(struct sr_buf *buf, const struct read_model *model, bool is_calls)
{
    const char *name = is_calls ? "provider_calls" : "provider_up";

    metrics_head(buf, name, NULL,
                 is_calls ? "Its live calls." : "1 while it is registered or answers.");
    for (uint32_t i = 0; i < model->provider_count; i++) {
        const struct engine_provider_view *view = &model->providers[i];

        if (!view->is_enabled)
            continue;
        sr_buf_fmt(buf, "siprouter_%s{provider=\"", name);
        metrics_label(buf, view->provider_id);
        sr_buf_fmt(buf, "\"} %u\n", is_calls ? view->call_count : engine_provider_is_up(view));
    }
}

void api_metrics(struct api_call *call)
{
    struct http_reply reply = {.status = 200, .content_type = call->route->content_type};
    struct web *web = call->web;
    struct engine_status status = {0};
    struct store_stats store = {0};
    struct http_stats http;
    struct sr_buf buf;

    engine_status(web->options.engine, &status);
    store_stats(web->options.store, &store);
    http_stats(web->http, &http);
    sr_buf_init(&buf, METRICS_BYTES_MAX);
    metrics_head(&buf, "build_info", NULL, "Version of the program.");
    sr_buf_c(&buf, "siprouter_build_info{version=\"" SR_VERSION "\"} 1\n");
    write_list(&buf, engine_list, SR_ARRAY_LEN(engine_list), &status);
    write_seconds(&buf, "media_cpu_seconds_total", "Processor time of the media workers.",
                  status.media_cpu_us);
    write_workers(&buf, &status);
    write_providers(&buf, &web->model, false);
    write_providers(&buf, &web->model, true);
    quality_stats_write(&web->quality, &buf);
    write_list(&buf, store_list, SR_ARRAY_LEN(store_list), &store);
    write_list(&buf, http_list, SR_ARRAY_LEN(http_list), &http);
    metrics_head(&buf, "log_lines_lost_total", NULL, "Log lines nobody read in time.");
    sr_buf_fmt(&buf, "siprouter_log_lines_lost_total %llu\n", (unsigned long long)sr_log_lost());
    write_seconds(&buf, "uptime_seconds", "Seconds since the start.",
                  net_clock_now() - web->started);
    reply.body = sr_buf_view(&buf);
    api_answer(web, call->ticket, &reply);
    sr_buf_done(&buf);
}

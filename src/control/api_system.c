/* Status, health, metrics, events, records: what watches the router. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/wall_parse.h"
#include "control/web_internal.h"
#include "net/clock.h"

enum {
    SYSTEM_JSON_BYTES_MAX = 4 << 20,
    SYSTEM_CSV_ROWS_MAX = 100000,
};

/* ---- status ---- */

static void web_members(struct web *web, struct sr_json *json)
{
    struct http_stats stats;
    struct sr_addr addr;
    char text[SR_ADDR_TEXT_MAX];
    bool is_tls;

    http_stats(web->http, &stats);
    sr_json_key_object(json, "web");
    sr_json_key_array(json, "addresses");
    for (size_t i = 0; http_listener(web->http, i, &addr, &is_tls); i++) {
        sr_json_object(json);
        sr_json_key_c(json, "address", sr_addr_text(&addr, text));
        sr_json_key_bool(json, "tls", is_tls);
        sr_json_end(json);
    }
    sr_json_end(json);
    sr_json_key_int(json, "connections", stats.connections);
    sr_json_key_int(json, "websockets", stats.websockets);
    sr_json_key_int(json, "requests", (int64_t)stats.requests);
    sr_json_key_int(json, "droppedWebsockets", (int64_t)stats.ws_dropped);
    sr_json_key_int(json, "refusedConnections", (int64_t)stats.connections_refused);
    sr_json_key_int(json, "failedAccepts", (int64_t)stats.accepts_failed);
    sr_json_end(json);
    sr_json_key_object(json, "log");
    sr_json_key_int(json, "linesLost", (int64_t)sr_log_lost());
    sr_json_end(json);
}

static void store_members(struct web *web, struct sr_json *json)
{
    struct store_stats stats = {0};

    store_stats(web->options.store, &stats);
    sr_json_key_object(json, "store");
    sr_json_key_bool(json, "healthy", stats.is_healthy);
    sr_json_key_int(json, "queued", stats.queued);
    sr_json_key_int(json, "writes", (int64_t)stats.writes);
    sr_json_key_int(json, "writeFailures", (int64_t)stats.write_failures);
    sr_json_key_int(json, "writesLost", (int64_t)stats.writes_lost);
    sr_json_end(json);
}

/* The addresses that people put into their phones, the best first. */
static void phone_members(const struct web *web, struct sr_json *json)
{
    const struct config_proxy *proxy = &web->config_start->proxy;
    struct sr_addr addrs[WEB_ADDRS_MAX];
    char text[SR_ADDR_TEXT_MAX];
    size_t count = web_lan_addrs(web, addrs, WEB_ADDRS_MAX);

    sr_json_key_array(json, "phones");
    for (uint32_t i = 0; i < proxy->bind.count; i++) {
        if (!sr_addr_is_any(&proxy->bind.items[i]))
            count = 0; /* these, then */
    }
    for (uint32_t i = 0; count == 0 && i < proxy->bind.count; i++)
        sr_json_c(json, sr_addr_ip_text(&proxy->bind.items[i], text));
    for (size_t i = 0; i < 2 * count; i++) {
        const struct sr_addr *addr = &addrs[i % count];

        if (addr->family == (i < count ? SR_ADDR_IP4 : SR_ADDR_IP6))
            sr_json_c(json, sr_addr_ip_text(addr, text));
    }
    sr_json_end(json);
}

/* What waits for a restart is still as it was at start. */
static void proxy_members(const struct web *web, const struct engine_status *status,
                          struct sr_json *json)
{
    const struct config *start = web->config_start, *config = web->config;
    char text[SR_ADDR_TEXT_MAX];

    sr_json_key_object(json, "addresses");
    phone_members(web, json);
    sr_json_key_array(json, "bind"); /* empty: all addresses of this machine */
    for (uint32_t i = 0; i < start->proxy.bind.count; i++)
        sr_json_c(json, sr_addr_ip_text(&start->proxy.bind.items[i], text));
    sr_json_end(json);
    sr_json_key_str(json, "lanIp", config->proxy.lan_ip);
    sr_json_key_str(json, "publicIp", config->proxy.public_ip);
    sr_json_key_int(json, "lanPort", start->proxy.lan_port);
    sr_json_key_int(json, "tlsPort", start->proxy.tls_port);
    sr_json_key_str(json, "realm", config->realm);
    sr_json_end(json);
    sr_json_key_object(json, "limits");
    sr_json_key_int(json, "rtpPortMin", status->rtp_port_min);
    sr_json_key_int(json, "rtpPortMax", status->rtp_port_max);
    sr_json_key_int(json, "webrtcPort", start->proxy.webrtc_port);
    sr_json_key_int(json, "drainSec", config->server.drain_sec);
    sr_json_end(json);
    sr_json_key(json, "restart"); /* keys that wait for one */
    sr_json_raw(json, web->restart.len > 0 ? sr_buf_view(&web->restart) : SR_STR("[]"));
}

void web_status_json(struct web *web, const struct auth_principal *who, struct sr_json *json)
{
    struct engine_status status = {0};
    char text[NET_CLOCK_TEXT_MAX];

    sr_json_key_c(json, "version", SR_VERSION);
    sr_json_key_c(json, "epoch", event_hub_epoch(web->hub));
    sr_json_key_c(json, "startedAt", net_clock_text(web->started_wall, text));
    sr_json_key_int(json, "uptimeSec", (net_clock_now() - web->started) / SR_SEC);
    if (who->role == AUTH_USER) /* numbers of the house are not theirs */
        return;
    engine_status(web->options.engine, &status);
    engine_status_json(&status, json);
    proxy_members(web, &status, json);
    store_members(web, json);
    web_members(web, json);
}

void api_status(struct api_call *call)
{
    struct sr_json json;
    struct sr_buf buf;

    sr_buf_init(&buf, SYSTEM_JSON_BYTES_MAX);
    sr_json_begin(&json, &buf);
    sr_json_object(&json);
    web_status_json(call->web, &call->who, &json);
    sr_json_end(&json);
    api_answer_json(call->web, call->ticket, 200, &buf);
}

static bool is_draining(struct web *web)
{
    struct engine_status status = {0};

    engine_status(web->options.engine, &status);
    return web->is_draining || status.is_draining;
}

static void answer_health(struct api_call *call, uint16_t status, const char *word)
{
    char text[64];
    struct http_reply reply = {.status = status, .content_type = "application/json"};

    (void)snprintf(text, sizeof(text), "{\"status\":\"%s\"}", word);
    reply.body = sr_str_c(text);
    api_answer(call->web, call->ticket, &reply);
}

void api_healthz(struct api_call *call)
{
    answer_health(call, 200, "ok");
}

void api_readyz(struct api_call *call)
{
    if (is_draining(call->web))
        answer_health(call, 503, "draining");
    else if (!call->web->model.is_filled)
        answer_health(call, 503, "starting");
    else
        answer_health(call, 200, "ready");
}

void api_drain(struct api_call *call)
{
    struct web *web = call->web;
    bool was_draining = is_draining(web);

    web->is_draining = true;
    answer_health(call, 202, "draining");
    if (was_draining) /* a second SIGTERM would end live calls */
        return;
    if (web->options.on_drain != NULL)
        web->options.on_drain(web->options.arg);
    else
        (void)kill(getpid(), SIGTERM);
}

void api_openapi(struct api_call *call)
{
    struct sr_buf buf;

    sr_buf_init(&buf, SYSTEM_JSON_BYTES_MAX);
    openapi_write(&buf);
    api_answer_json(call->web, call->ticket, 200, &buf);
}

/* ---- metrics ---- */

static void metric(struct sr_buf *buf, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    sr_buf_fmt(buf, "# HELP siprouter_%s %s\n# TYPE siprouter_%s %s\nsiprouter_%s %llu\n", name,
               help, name, type, name, (unsigned long long)value);
}

static void sip_metrics(const struct engine_sip_status *sip, struct sr_buf *buf)
{
    metric(buf, "sip_challenges_total", "counter", "Requests asked for a password.",
           sip->challenges);
    metric(buf, "sip_banned_dropped_total", "counter", "Messages of the banned and denied.",
           sip->banned_dropped);
    metric(buf, "sip_stray_total", "counter", "Responses and ACKs that belong to nothing.",
           sip->stray);
    metric(buf, "sip_connections", "gauge", "SIP connections (TCP, TLS, WebSocket).",
           sip->connections);
    metric(buf, "sip_connections_total", "counter", "SIP connections since the start.",
           sip->connections_total);
    metric(buf, "sip_connections_refused_total", "counter", "Connections over their limits.",
           sip->connections_refused);
    metric(buf, "sip_connections_timed_out_total", "counter",
           "Connections closed for silence in a handshake, a message or at all.",
           sip->connections_timed_out);
    metric(buf, "sip_connections_bad_total", "counter",
           "Connections closed for what they sent, or did not read.", sip->connections_bad);
    metric(buf, "sip_connections_waiting_total", "counter",
           "Times the system had no file for a connection.", sip->connections_waiting);
    metric(buf, "sip_handshakes_failed_total", "counter", "TLS handshakes that failed.",
           sip->handshakes_failed);
    metric(buf, "sip_kernel_drops_total", "counter", "SIP datagrams the kernel dropped.",
           sip->kernel_drops);
    metric(buf, "sip_send_failures_total", "counter", "SIP datagrams the kernel did not take.",
           sip->send_failures);
}

static void browser_metrics(const struct engine_web_status *web, struct sr_buf *buf)
{
    metric(buf, "browser_sessions", "gauge", "Media sessions of browsers.", web->sessions);
    metric(buf, "browser_handshakes_open", "gauge", "DTLS handshakes under way.", web->half_open);
    metric(buf, "browser_packets_total", "counter", "Packets at the browsers' port.", web->packets);
    metric(buf, "browser_junk_total", "counter", "Packets there that mean nothing.", web->junk);
    metric(buf, "browser_unknown_total", "counter", "Packets there from unproven addresses.",
           web->unknown);
    metric(buf, "browser_forged_total", "counter", "ICE checks without the right password.",
           web->forged);
    metric(buf, "browser_dropped_total", "counter", "Packets dropped for a full queue.",
           web->dropped);
    metric(buf, "browser_tcp_refused_total", "counter", "Media connections over TCP refused.",
           web->tcp_refused);
    metric(buf, "browser_handshakes_total", "counter", "DTLS handshakes done.", web->handshakes);
    metric(buf, "browser_handshakes_failed_total", "counter", "DTLS handshakes that failed.",
           web->handshakes_failed);
    metric(buf, "browser_handshakes_refused_total", "counter",
           "DTLS handshakes refused: too many at once.", web->handshakes_refused);
}

static void router_metrics(const struct engine_status *s, struct sr_buf *buf)
{
    metric(buf, "calls", "gauge", "Live calls.", s->calls);
    metric(buf, "calls_answered", "gauge", "Live calls that are answered.", s->calls_answered);
    metric(buf, "legs", "gauge", "Legs of live calls.", s->legs);
    metric(buf, "calls_total", "counter", "Calls since the start.", s->calls_total);
    metric(buf, "calls_failed_total", "counter", "Calls nobody answered.", s->calls_failed);
    metric(buf, "calls_refused_overload_total", "counter", "Calls refused by overload control.",
           s->calls_refused_overload);
    metric(buf, "devices", "gauge", "Configured devices.", s->devices);
    metric(buf, "devices_registered", "gauge", "Devices with a contact.", s->devices_registered);
    metric(buf, "providers", "gauge", "Enabled providers.", s->providers);
    metric(buf, "providers_up", "gauge", "Providers that are registered or answer.",
           s->providers_up);
    metric(buf, "rtp_ports_used", "gauge", "RTP ports in use.", s->rtp_ports_used);
    metric(buf, "rtp_ports_free", "gauge", "RTP ports free.", s->rtp_ports_free);
    metric(buf, "rtp_ports_refused_total", "counter", "Parties that got no RTP port.",
           s->rtp_ports_refused);
    metric(buf, "media_workers", "gauge", "Media threads.", s->media_workers);
    metric(buf, "media_ticks_total", "counter", "Ticks of all media threads.", s->media_ticks);
    metric(buf, "media_cpu_seconds_total", "counter", "Processor time of the media workers.",
           (uint64_t)(s->media_cpu_us / SR_SEC));
    metric(buf, "media_overruns_total", "counter", "Ticks over their budget.", s->media_overruns);
    metric(buf, "sip_requests_total", "counter", "SIP requests received.", s->sip_requests);
    metric(buf, "sip_responses_total", "counter", "SIP responses received.", s->sip_responses);
    metric(buf, "sip_bad_total", "counter", "SIP messages that could not be read.", s->sip_bad);
    metric(buf, "sip_retransmitted_total", "counter", "SIP messages sent again.",
           s->sip_retransmitted);
    metric(buf, "auth_failures_total", "counter", "Failed SIP authentications.", s->auth_failures);
    metric(buf, "bans", "gauge", "Bans in force.", s->bans);
    metric(buf, "bans_total", "counter", "Bans since the start.", s->bans_total);
    sip_metrics(&s->sip, buf);
    metric(buf, "events_lost_total", "counter", "Events dropped before they reached the page.",
           s->events_lost);
    metric(buf, "draining", "gauge", "1 while no new calls are taken.", s->is_draining);
    metric(buf, "config_generation", "gauge", "Generation of the configuration in force.",
           s->generation);
}

struct worker_metric {
    const char *name, *type, *help;
    size_t at; /* in struct media_worker_stats, a uint64_t */
};

/* One line for each media thread. */
static void worker_metrics(const struct engine_status *s, struct sr_buf *buf)
{
#define AT(field) offsetof(struct media_worker_stats, field)
    static const struct worker_metric list[] = {
        {"packets_in_total", "counter", "Audio packets taken from parties.", AT(rx_packets)},
        {"packets_out_total", "counter", "Audio packets sent to parties.", AT(tx_packets)},
        {"kernel_drops_total", "counter", "Packets a full socket lost.", AT(kernel_drops)},
        {"late_ticks_total", "counter", "Ticks over 5 ms late.", AT(late_ticks)},
        {"worker_overruns_total", "counter", "Ticks over 20 ms late.", AT(overruns)},
        {"overruns_by_host_total", "counter", "Overruns while the host took the machine's time.",
         AT(overruns_stolen)},
        {"encodes_total", "counter", "Packets coded.", AT(encodes)},
        {"encodes_shared_total", "counter", "Packets sent that were coded for another leg.",
         AT(encodes_shared)},
        {"legs_mixed", "gauge", "Legs in rooms that mix.", AT(legs_mixed)},
        {"legs_quiet", "gauge", "Legs of those that are silent or muted, and not summed.",
         AT(legs_quiet)},
        {"opus_complexity", "gauge", "Opus complexity in force, lowered under load.",
         AT(opus_complexity)},
    };
#undef AT

    for (size_t i = 0; i < SR_ARRAY_LEN(list); i++) {
        const struct worker_metric *m = &list[i];

        sr_buf_fmt(buf, "# HELP siprouter_media_%s %s\n# TYPE siprouter_media_%s %s\n", m->name,
                   m->help, m->name, m->type);
        for (uint32_t k = 0; k < s->media_workers; k++) {
            uint64_t value;

            memcpy(&value, (const char *)&s->media_worker[k] + m->at, sizeof(value));
            sr_buf_fmt(buf, "siprouter_media_%s{worker=\"%u\"} %llu\n", m->name, k,
                       (unsigned long long)value);
        }
    }
}

static void house_metrics(struct web *web, struct sr_buf *buf)
{
    struct store_stats store = {0};
    struct http_stats http;

    store_stats(web->options.store, &store);
    http_stats(web->http, &http);
    metric(buf, "store_queued", "gauge", "Writes that wait for the store.", store.queued);
    metric(buf, "store_writes_total", "counter", "Writes done.", store.writes);
    metric(buf, "store_write_failures_total", "counter", "Writes that failed.",
           store.write_failures);
    metric(buf, "store_writes_lost_total", "counter", "Writes dropped by a stalled disk.",
           store.writes_lost);
    metric(buf, "http_connections", "gauge", "Open HTTP connections.", http.connections);
    metric(buf, "http_requests_total", "counter", "HTTP requests.", http.requests);
    metric(buf, "http_bad_requests_total", "counter", "Malformed HTTP requests.",
           http.bad_requests);
    metric(buf, "http_connections_refused_total", "counter", "Connections over their limits.",
           http.connections_refused);
    metric(buf, "http_accepts_failed_total", "counter",
           "Times the system had no file for a connection.", http.accepts_failed);
    metric(buf, "log_lines_lost_total", "counter", "Log lines nobody read in time.", sr_log_lost());
    metric(buf, "websockets", "gauge", "Open WebSockets.", http.websockets);
    metric(buf, "websockets_dropped_total", "counter", "WebSockets dropped for being slow.",
           http.ws_dropped);
    metric(buf, "uptime_seconds", "gauge", "Seconds since the start.",
           (uint64_t)((net_clock_now() - web->started) / SR_SEC));
}

/* One line for each provider; quotes and backslashes of its id are escaped. */
static void provider_metric(const struct read_model *model, const char *name, const char *help,
                            bool is_calls, struct sr_buf *buf)
{
    sr_buf_fmt(buf, "# HELP siprouter_%s %s\n# TYPE siprouter_%s gauge\n", name, help, name);
    for (uint32_t i = 0; i < model->provider_count; i++) {
        const struct engine_provider_view *view = &model->providers[i];
        bool is_up = strcmp(view->state, "registered") == 0 ||
                     strcmp(view->state, "reachable") == 0 || strcmp(view->state, "ready") == 0;

        if (!view->is_enabled)
            continue;
        sr_buf_fmt(buf, "siprouter_%s{provider=\"", name);
        for (const char *at = view->provider_id; *at != '\0'; at++) {
            if (*at == '"' || *at == '\\')
                sr_buf_char(buf, '\\');
            sr_buf_char(buf, *at == '\n' ? ' ' : *at);
        }
        sr_buf_fmt(buf, "\"} %u\n", is_calls ? view->call_count : is_up);
    }
}

static void provider_metrics(const struct read_model *model, struct sr_buf *buf)
{
    provider_metric(model, "provider_up", "1 while it is registered or answers.", false, buf);
    provider_metric(model, "provider_calls", "Its live calls.", true, buf);
}

void api_metrics(struct api_call *call)
{
    struct http_reply reply = {.status = 200, .content_type = call->route->content_type};
    struct engine_status status = {0};
    struct sr_buf buf;

    engine_status(call->web->options.engine, &status);
    sr_buf_init(&buf, SYSTEM_JSON_BYTES_MAX);
    sr_buf_c(&buf, "# HELP siprouter_build_info Version of the program.\n"
                   "# TYPE siprouter_build_info gauge\n"
                   "siprouter_build_info{version=\"" SR_VERSION "\"} 1\n");
    router_metrics(&status, &buf);
    worker_metrics(&status, &buf);
    browser_metrics(&status.web, &buf);
    provider_metrics(&call->web->model, &buf);
    quality_stats_write(&call->web->quality, &buf);
    house_metrics(call->web, &buf);
    reply.body = sr_buf_view(&buf);
    api_answer(call->web, call->ticket, &reply);
    sr_buf_done(&buf);
}

/* ---- events ---- */

static void refuse(struct api_call *call, uint16_t status, const char *detail, const char *headers)
{
    struct api_problem problem = {.status = status, .detail = detail, .headers = headers};

    api_answer_problem(call->web, call->ticket, &problem);
}

void api_events(struct api_call *call)
{
    struct web *web = call->web;
    struct event_hub_filter filter;
    struct web_events *events;
    struct http_ws *ws;
    const char *name = "";
    char detail[96];

    if (!http_request_is_websocket(call->http)) {
        refuse(call, 426, "this is a WebSocket", "Upgrade: websocket\r\n");
        return;
    }
    if (event_hub_filter_parse(web->hub, call->query, &filter, &name) != SR_OK) {
        (void)snprintf(detail, sizeof(detail), "the parameter %s cannot be read", name);
        refuse(call, 400, detail, NULL);
        return;
    }
    if (event_hub_count(web->hub) >= EVENT_HUB_CLIENTS_MAX) {
        refuse(call, 503, "too many event sockets are open", "Retry-After: 5\r\n");
        return;
    }
    events = sr_zalloc(1, sizeof(*events));
    events->base.kind = WEB_SOCKET_EVENTS;
    events->client = sr_zalloc(1, sizeof(*events->client));
    events->client->who = call->who;
    ws = http_upgrade(call->http, NULL, events);
    if (ws == NULL) { /* answered */
        sr_free(events->client);
        sr_free(events);
        return;
    }
    events->ws = ws;
    event_hub_join(web->hub, ws, events->client, &filter);
}

void web_events_closed(struct web *web, struct web_socket *socket)
{
    struct web_events *events = SR_CONTAINER(socket, struct web_events, base);

    web_phone_closed(web, events);
    event_hub_leave(web->hub, events->client);
    sr_free(events);
}

/* ---- history ---- */

struct history_query {
    char text[6][API_QUERY_BYTES];
    struct store_history_filter filter;
};

static bool take(struct api_call *call, const char *name, char out[API_QUERY_BYTES],
                 struct sr_str *ret_value)
{
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, out, API_QUERY_BYTES);
    if (!http_query_get(call->query, name, &buf))
        return false;
    *ret_value = sr_buf_view(&buf);
    return true;
}

static enum sr_err take_time(struct api_call *call, const char *name, int64_t *ret_wall_us)
{
    char text[API_QUERY_BYTES];
    struct sr_str value;

    if (!take(call, name, text, &value))
        return SR_OK;
    /* "2026-01-01T00:00:00+02:00" as people write it: behind ? a plus means a space */
    if (value.n > 19 && value.p[value.n - 6] == ' ' && value.p[value.n - 3] == ':')
        text[value.n - 6] = '+';
    return wall_parse(value, ret_wall_us);
}

static const char *read_times(struct api_call *call, struct store_history_filter *filter)
{
    if (take_time(call, "from", &filter->from_wall_us) != SR_OK)
        return "from is not an RFC 3339 time";
    if (take_time(call, "to", &filter->to_wall_us) != SR_OK)
        return "to is not an RFC 3339 time";
    return NULL;
}

/* A user sees the calls of its own device, or of its page where it has none.
   @return false: somebody else's was asked for, and 404 sent */
static bool keep_to_own(struct api_call *call, struct history_query *query)
{
    struct store_history_filter *filter = &query->filter;
    char wanted[API_QUERY_BYTES], guest[AUTH_OWNER_MAX];

    if (call->who.role != AUTH_USER)
        return true;
    (void)sr_str_copy(filter->device, wanted, sizeof(wanted));
    if (filter->device.n > 0 && !auth_is_own_device(&call->who, wanted)) {
        refuse(call, 404, "there is no such device", NULL);
        return false;
    }
    if (filter->device.n == 0) {
        filter->device =
            sr_str_c(call->who.device_id[0] != '\0' ? call->who.device_id
                                                    : auth_guest_id(&call->who, guest));
        (void)sr_str_copy(filter->device, query->text[5], sizeof(query->text[5]));
        filter->device = sr_str_c(query->text[5]);
    }
    filter->hides_others = true;
    filter->hides_listeners = call->web->config->monitoring.is_hidden;
    return true;
}

/* @return false: a problem was sent */
static bool read_history(struct api_call *call, struct history_query *query, uint32_t limit)
{
    struct store_history_filter *filter = &query->filter;
    char text[API_QUERY_BYTES];
    struct sr_str value;
    const char *fault;

    memset(query, 0, sizeof(*query));
    filter->limit = limit;
    fault = read_times(call, filter);
    if (take(call, "limit", text, &value) &&
        (sr_str_u32(value, STORE_PAGE_MAX, &filter->limit) != SR_OK || filter->limit == 0))
        fault = "limit is a number from 1 to 1000";
    (void)take(call, "number", query->text[0], &filter->number);
    (void)take(call, "device", query->text[1], &filter->device);
    (void)take(call, "provider", query->text[2], &filter->provider);
    (void)take(call, "result", query->text[3], &filter->result);
    (void)take(call, "cursor", query->text[4], &filter->cursor);
    if (fault == NULL)
        return keep_to_own(call, query);
    refuse(call, 400, fault, NULL);
    return false;
}

static const char foreign_cursor[] = "cursor is not one of this list";

void api_history(struct api_call *call)
{
    struct history_query query;
    struct web_job *job;

    if (!read_history(call, &query, API_PAGE_DEFAULT))
        return;
    job = web_job_new(call->web, call->ticket, "application/json");
    if (job == NULL)
        return;
    job->malformed = foreign_cursor;
    store_history(call->web->options.store, &query.filter, web_job_done, job);
}

void api_history_csv(struct api_call *call)
{
    struct history_query query;
    struct web_job *job;

    if (!read_history(call, &query, SYSTEM_CSV_ROWS_MAX))
        return;
    job = web_job_new(call->web, call->ticket, "text/csv; charset=utf-8; header=present");
    if (job == NULL)
        return;
    job->malformed = foreign_cursor;
    job->headers = "Content-Disposition: attachment; filename=\"history.csv\"\r\n";
    store_history_csv(call->web->options.store, &query.filter, web_job_done, job);
}

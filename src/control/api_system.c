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

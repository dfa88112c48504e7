/* The configuration and what is in it, beside its state. */
#include <stdio.h>

#include "base/alloc.h"
#include "control/config_demo.h"
#include "control/config_load.h"
#include "control/config_mask.h"
#include "control/web_internal.h"

enum {
    CONFIG_JSON_BYTES_MAX = 32 << 20
};

/* ---- lists ---- */

void api_devices(struct api_call *call)
{
    struct api_list list;

    if (!api_list_begin(call, &list))
        return;
    SR_LIST_EACH(&call->web->model.devices, node)
    {
        const struct engine_device_view *view =
            &SR_CONTAINER(node, struct model_device, node)->view;

        if (call->who.role == AUTH_USER && strcmp(view->device_id, call->who.device_id) != 0)
            continue;
        if (api_list_takes(&list))
            engine_device_json(view, &list.json);
    }
    api_list_end(call, &list);
}

void api_providers(struct api_call *call)
{
    const struct read_model *model = &call->web->model;
    struct api_list list;

    if (!api_list_begin(call, &list))
        return;
    for (uint32_t i = 0; i < model->provider_count; i++) {
        if (api_list_takes(&list))
            engine_provider_json(&model->providers[i], &list.json);
    }
    api_list_end(call, &list);
}

static const char *direction_name(enum config_direction direction)
{
    switch (direction) {
    case CONFIG_DIRECTION_INBOUND:
        return "inbound";
    case CONFIG_DIRECTION_OUTBOUND:
        return "outbound";
    case CONFIG_DIRECTION_INTERNAL:
        return "internal";
    case CONFIG_DIRECTION_ANY:
        break;
    }
    return NULL;
}

static void key_set(struct sr_json *json, const char *key, struct sr_str text)
{
    if (text.n > 0)
        sr_json_key_str(json, key, text);
}

static void key_texts(struct sr_json *json, const char *key, const struct config_texts *texts)
{
    sr_json_key_array(json, key);
    for (uint32_t i = 0; i < texts->count; i++)
        sr_json_str(json, texts->items[i]);
    sr_json_end(json);
}

/* What is empty matches anything, and is left out. */
static void route_json(const struct config_route *route, struct sr_json *json)
{
    sr_json_object(json);
    sr_json_key_str(json, "id", route->id);
    sr_json_key_str(json, "name", route->name);
    sr_json_key_bool(json, "enabled", route->is_enabled);
    sr_json_key_int(json, "priority", route->priority);
    sr_json_key_c(json, "direction", direction_name(route->match.direction));
    if (route->match.number != NULL)
        sr_json_key_str(json, "numberPattern", pattern_text(route->match.number));
    if (route->match.caller != NULL)
        sr_json_key_str(json, "callerPattern", pattern_text(route->match.caller));
    key_set(json, "sourceProvider", route->match.source_provider_id);
    key_set(json, "sourceDevice", route->match.source_device_id);
    key_set(json, "schedule", route->match.schedule_id);
    key_texts(json, "targets", &route->action.target_names);
    key_set(json, "provider", route->action.provider_id);
    if (route->action.failover_ids.count > 0)
        key_texts(json, "failoverProviders", &route->action.failover_ids);
    sr_json_key_c(json, "mode",
                  route->action.mode == CONFIG_MODE_PASSTHROUGH ? "passthrough" : "b2bua");
    sr_json_end(json);
}

void api_routes_list(struct api_call *call)
{
    const struct config_routing *routing = &call->web->config->routing;
    struct api_list list;

    if (!api_list_begin(call, &list))
        return;
    for (uint32_t i = 0; i < routing->ordered_count; i++) {
        if (api_list_takes(&list))
            route_json(routing->ordered[i], &list.json);
    }
    for (uint32_t i = 0; i < routing->route_count; i++) {
        if (!routing->routes[i].is_enabled && api_list_takes(&list))
            route_json(&routing->routes[i], &list.json);
    }
    api_list_end(call, &list);
}

void api_contacts(struct api_call *call)
{
    const struct config *config = call->web->config;
    struct api_list list;

    if (!api_list_begin(call, &list))
        return;
    for (uint32_t i = 0; i < config->contact_count; i++) {
        const struct config_contact *contact = &config->contacts[i];

        if (!api_list_takes(&list))
            continue;
        sr_json_object(&list.json);
        sr_json_key_str(&list.json, "id", contact->id);
        sr_json_key_str(&list.json, "name", contact->name);
        sr_json_key_str(&list.json, "number", contact->number);
        sr_json_key_bool(&list.json, "starred", contact->is_starred);
        sr_json_end(&list.json);
    }
    api_list_end(call, &list);
}

static void answer_test(struct web *web, const struct web_pending *pending,
                        const struct engine_event *event)
{
    struct http_reply reply = {.status = 200, .content_type = "application/json"};

    if (event == NULL) {
        api_answer_err(web, pending->ticket, SR_ERR_TIMEOUT, NULL);
    } else if (event->err != SR_OK) {
        api_answer_err(web, pending->ticket, event->err, event->why);
    } else {
        reply.body = sr_buf_view(&event->body);
        api_answer(web, pending->ticket, &reply);
    }
}

void api_routes_test(struct api_call *call)
{
    struct engine_command command = {.kind = ENGINE_DO_ROUTE_TEST};

    (void)sr_str_copy(api_text(call, "number"), command.to, sizeof(command.to));
    (void)sr_str_copy(api_text(call, "caller"), command.from, sizeof(command.from));
    (void)sr_str_copy(api_text(call, "device"), command.device_id, sizeof(command.device_id));
    (void)sr_str_copy(api_text(call, "provider"), command.provider_id, sizeof(command.provider_id));
    (void)sr_str_copy(api_text(call, "direction"), command.direction, sizeof(command.direction));
    web_submit(call, &command, answer_test);
}

/* ---- the configuration itself ---- */

void api_config_get(struct api_call *call)
{
    struct web *web = call->web;
    struct http_reply reply = {.status = 200, .content_type = "application/json"};
    struct jsonc_diag diag;
    char headers[WEB_ETAG_MAX + 16];
    struct sr_buf buf;

    sr_buf_init(&buf, CONFIG_JSON_BYTES_MAX);
    if (config_mask_write(sr_buf_view(&web->text), &buf, &diag) != SR_OK) {
        api_answer_err(web, call->ticket, SR_ERR_IO, "the configuration cannot be shown");
    } else {
        (void)snprintf(headers, sizeof(headers), "ETag: %s\r\n", web->etag);
        reply.headers = sr_str_c(headers);
        reply.body = sr_buf_view(&buf);
        api_answer(web, call->ticket, &reply);
    }
    sr_buf_done(&buf);
}

static void refuse_faults(struct api_call *call, const struct config_faults *faults)
{
    struct api_problem problem = {.status = 422, .detail = "the configuration has faults"};
    char pointer[JSONC_POINTER_MAX + 1];
    struct sr_buf buf;

    sr_buf_init(&buf, CONFIG_FAULTS_BYTES_MAX * 4);
    config_faults_write_json(faults, &buf);
    problem.faults = sr_buf_view(&buf);
    for (uint32_t i = 0; i < faults->count && problem.pointer == NULL; i++) {
        if (faults->items[i].severity == CONFIG_ERROR) {
            (void)sr_str_copy(faults->items[i].pointer, pointer, sizeof(pointer));
            problem.pointer = pointer;
        }
    }
    api_answer_problem(call->web, call->ticket, &problem);
    sr_buf_done(&buf);
}

static void key_faults(struct sr_json *json, const struct config_faults *faults)
{
    struct sr_buf buf;

    sr_buf_init(&buf, CONFIG_FAULTS_BYTES_MAX * 4);
    config_faults_write_json(faults, &buf);
    sr_json_key(json, "faults");
    sr_json_raw(json, sr_buf_view(&buf));
    sr_buf_done(&buf);
}

static void answer_applied(struct api_call *call, const struct config_faults *faults,
                           struct sr_buf *diff)
{
    struct http_reply reply = {.status = 200, .content_type = "application/json"};
    char headers[WEB_ETAG_MAX + 16];
    struct sr_json json;
    struct sr_buf buf;

    sr_buf_init(&buf, CONFIG_JSON_BYTES_MAX);
    sr_json_begin(&json, &buf);
    sr_json_object(&json);
    sr_json_key_int(&json, "generation", (int64_t)call->web->config->generation);
    sr_json_key(&json, "diff");
    sr_json_raw(&json, sr_buf_view(diff));
    key_faults(&json, faults); /* warnings and notices */
    sr_json_end(&json);
    (void)snprintf(headers, sizeof(headers), "ETag: %s\r\n", call->web->etag);
    reply.headers = sr_str_c(headers);
    reply.body = sr_buf_view(&buf);
    api_answer(call->web, call->ticket, &reply);
    sr_buf_done(&buf);
}

static void answer_result(struct api_call *call, enum web_config_result result,
                          const struct config_faults *faults, struct sr_buf *diff)
{
    char why[160];

    switch (result) {
    case WEB_CONFIG_OK:
        answer_applied(call, faults, diff);
        break;
    case WEB_CONFIG_FAULTY:
        refuse_faults(call, faults);
        break;
    case WEB_CONFIG_BUSY:
        api_answer_err(call->web, call->ticket, SR_ERR_LIMIT, "the router is busy");
        break;
    case WEB_CONFIG_EDITED:
        api_answer_err(call->web, call->ticket, SR_ERR_STATE,
                       "the file was edited since it was read: reload it first (POST /api/reload)");
        break;
    case WEB_CONFIG_IO:
        (void)snprintf(why, sizeof(why), "the file cannot be written: %s",
                       config_file_why(call->web->file_problem));
        api_answer_err(call->web, call->ticket, SR_ERR_IO, why);
        break;
    }
}

/* If-Match: absent, "*", or the tag we gave. */
static bool check_match(struct api_call *call)
{
    struct api_problem problem = {
        .status = 412, .detail = "the configuration was changed meanwhile; read it again"};
    struct sr_str match = http_head_find(call->head, "if-match");

    if (match.p == NULL || http_list_has(match, "*") || http_list_has(match, call->web->etag))
        return true;
    api_answer_problem(call->web, call->ticket, &problem);
    return false;
}

typedef enum sr_err mask_fn(struct sr_str text, struct sr_str body, struct sr_buf *out,
                            struct jsonc_diag *reterr_diag);

static void refuse_text(struct api_call *call, const struct jsonc_diag *diag)
{
    struct api_problem problem = {.status = 400};
    char detail[JSONC_WHY_MAX + 64];

    (void)snprintf(detail, sizeof(detail), "line %u, column %u: %s", diag->line, diag->column,
                   diag->why);
    problem.detail = detail;
    api_answer_problem(call->web, call->ticket, &problem);
}

static void change(struct api_call *call, mask_fn *fn)
{
    struct web *web = call->web;
    struct config_faults *faults;
    struct jsonc_diag diag = {0};
    struct sr_buf text, diff;

    if (!check_match(call))
        return;
    sr_buf_init(&text, JSONC_BYTES_MAX);
    if (fn(sr_buf_view(&web->text), call->bytes, &text, &diag) != SR_OK) {
        refuse_text(call, &diag);
        sr_buf_done(&text);
        return;
    }
    faults = sr_zalloc(1, sizeof(*faults));
    config_faults_init(faults);
    sr_buf_init(&diff, JSONC_BYTES_MAX);
    answer_result(call, web_config_apply(web, sr_buf_view(&text), true, faults, &diff), faults,
                  &diff);
    sr_buf_done(&diff);
    config_faults_done(faults);
    sr_free(faults);
    sr_buf_done(&text);
}

void api_config_put(struct api_call *call)
{
    change(call, config_mask_put);
}

void api_config_patch(struct api_call *call)
{
    change(call, config_mask_patch);
}

void api_config_validate(struct api_call *call)
{
    struct config_load_options options = {.ignores_environment = true};
    struct config_faults *faults = sr_zalloc(1, sizeof(*faults));
    struct config *config = NULL;
    struct jsonc_diag diag = {0};
    struct sr_json json;
    struct sr_buf text, buf;

    config_faults_init(faults);
    sr_buf_init(&text, JSONC_BYTES_MAX);
    sr_buf_init(&buf, CONFIG_JSON_BYTES_MAX);
    /* masked secrets stand for what is in force */
    if (config_mask_put(sr_buf_view(&call->web->text), call->bytes, &text, &diag) != SR_OK) {
        refuse_text(call, &diag);
        sr_buf_done(&buf);
    } else {
        enum sr_err err = config_load_text(sr_buf_view(&text), &options, faults, &config);

        sr_json_begin(&json, &buf);
        sr_json_object(&json);
        sr_json_key_bool(&json, "valid", err == SR_OK);
        key_faults(&json, faults);
        sr_json_end(&json);
        config_unref(config);
        api_answer_json(call->web, call->ticket, 200, &buf);
    }
    sr_buf_done(&text);
    config_faults_done(faults);
    sr_free(faults);
}

void api_reload(struct api_call *call)
{
    struct config_faults *faults = sr_zalloc(1, sizeof(*faults));
    struct sr_buf diff;

    config_faults_init(faults);
    sr_buf_init(&diff, JSONC_BYTES_MAX);
    answer_result(call, web_config_reload(call->web, faults, &diff), faults, &diff);
    sr_buf_done(&diff);
    config_faults_done(faults);
    sr_free(faults);
}

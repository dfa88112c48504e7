/* From a request to its handler: rights, body, idempotency; and the shapes of answers. */
#include "control/api.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "call/engine.h"
#include "control/jsonc.h"
#include "control/web_internal.h"
#include "net/clock.h"

enum {
    API_SCRATCH_BYTES = 4096,
    API_HEADERS_BYTES = 1024,
    API_WHY_BYTES = 256,
    API_LIST_BYTES_MAX = 32 << 20,
};

static const char security_headers[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types lit-html\r\n"
    "Permissions-Policy: microphone=(self), camera=(), geolocation=()\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

/* ---- answers ---- */

/* RFC 6797. Only with a configured certificate: browsers would lock people out of a router whose
   local CA was made anew, and of everything else that its name serves. Never on loopback. */
static void write_hsts(struct sr_buf *headers, const struct http_head *head)
{
    struct sr_str host = http_head_find(head, "host");
    struct sr_addr addr;

    if (sr_str_istarts(host, SR_STR("localhost")) || sr_addr_parse(host, 443, &addr) == SR_OK)
        return; /* and means nothing for addresses */
    sr_buf_c(headers, "Strict-Transport-Security: max-age=31536000\r\n");
}

static void send_reply(struct web *web, uint64_t request_id, const struct http_reply *reply)
{
    struct http_request *request = http_find(web->http, request_id);
    struct http_reply out = *reply;
    const struct http_head *head;
    char text[API_HEADERS_BYTES * 2];
    struct sr_buf headers;

    if (request == NULL)
        return; /* the client has gone */
    head = http_request_head(request);
    sr_buf_init_fixed(&headers, text, sizeof(text));
    sr_buf_c(&headers, security_headers);
    if (sr_str_search(reply->headers, SR_STR("Cache-Control:")) >= reply->headers.n)
        sr_buf_c(&headers, "Cache-Control: no-store\r\n");
    if (auth_origin_is_listed(web->config, head)) {
        sr_buf_c(&headers, "Vary: Origin\r\nAccess-Control-Expose-Headers: ETag, Retry-After\r\n"
                           "Access-Control-Allow-Origin: ");
        sr_buf_str(&headers, http_head_find(head, "origin"));
        sr_buf_c(&headers, "\r\n");
    }
    if (http_request_is_tls(request) && !web->tls.is_own_ca && web->tls.is_open)
        write_hsts(&headers, head);
    sr_buf_str(&headers, reply->headers);
    if (sr_buf_err(&headers) != SR_OK)
        out = (struct http_reply){.status = 500};
    else
        out.headers = sr_buf_view(&headers);
    http_answer(request, &out);
}

void api_answer(struct web *web, struct api_ticket ticket, const struct http_reply *reply)
{
    if (ticket.idem_id != 0)
        api_idem_end(web->idem, ticket.idem_id, reply);
    send_reply(web, ticket.request_id, reply);
}

void api_answer_json(struct web *web, struct api_ticket ticket, uint16_t status,
                     struct sr_buf *body)
{
    struct http_reply reply = {
        .status = status, .content_type = "application/json", .body = sr_buf_view(body)};

    if (sr_buf_err(body) != SR_OK)
        api_answer_err(web, ticket, SR_ERR_IO, "the answer is too large");
    else
        api_answer(web, ticket, &reply);
    sr_buf_done(body);
}

void api_answer_empty(struct web *web, struct api_ticket ticket)
{
    struct http_reply reply = {.status = 204};

    api_answer(web, ticket, &reply);
}

void api_answer_problem(struct web *web, struct api_ticket ticket,
                        const struct api_problem *problem)
{
    struct http_reply reply = {
        .status = problem->status,
        .content_type = "application/problem+json",
        .headers = sr_str_c(problem->headers),
    };
    struct sr_json json;
    struct sr_buf buf;

    sr_buf_init(&buf, 4 << 20);
    sr_json_begin(&json, &buf);
    sr_json_object(&json);
    sr_json_key_c(&json, "type", problem->type != NULL ? problem->type : "about:blank");
    sr_json_key_c(&json, "title", http_status_text(problem->status));
    sr_json_key_int(&json, "status", problem->status);
    sr_json_key_c(&json, "detail", problem->detail);
    if (problem->pointer != NULL)
        sr_json_key_c(&json, "pointer", problem->pointer);
    if (problem->faults.n > 0) {
        sr_json_key(&json, "faults");
        sr_json_raw(&json, problem->faults);
    }
    sr_json_end(&json);
    reply.body = sr_buf_view(&buf);
    api_answer(web, ticket, &reply);
    sr_buf_done(&buf);
}

void api_answer_err(struct web *web, struct api_ticket ticket, enum sr_err err, const char *why)
{
    struct api_problem problem = {
        .status = control_status(err),
        .type = err == SR_ERR_UNSUPPORTED ? "not-built" : NULL,
        .detail = why != NULL && why[0] != '\0' ? why
                  : err == SR_ERR_IO
                      ? "the disk does not take it now (full, or the database is locked)"
                      : sr_err_text(err),
        .headers = err == SR_ERR_LIMIT ? "Retry-After: 1\r\n" : NULL,
    };

    api_answer_problem(web, ticket, &problem);
}

/* ---- the table ---- */

/* Matches a pattern with {names} against a path; views of undecoded parameters. */
static bool match(const char *pattern, struct sr_str path, struct sr_str params[API_PARAMS_MAX])
{
    struct sr_str want = sr_str_c(pattern), want_part, part;
    size_t count = 0;

    if (path.n > 1 && path.p[path.n - 1] == '/')
        return false;
    while (sr_str_split(&want, '/', &want_part)) {
        if (!sr_str_split(&path, '/', &part))
            return false;
        if (want_part.n > 0 && want_part.p[0] == '{') {
            if (part.n == 0)
                return false;
            SR_ASSERT(count < API_PARAMS_MAX);
            params[count++] = part;
        } else if (!sr_str_eq(want_part, part)) {
            return false;
        }
    }
    return path.n == 0;
}

int api_route_find(enum http_method method, struct sr_str path,
                   struct sr_str ret_params[API_PARAMS_MAX], unsigned *ret_methods)
{
    int found = API_MATCH_NONE;

    *ret_methods = 0;
    for (size_t i = 0; i < api_route_count; i++) {
        struct sr_str params[API_PARAMS_MAX] = {{NULL, 0}};

        if (!match(api_routes[i].path, path, params))
            continue;
        *ret_methods |= 1u << api_routes[i].method;
        if (api_routes[i].method == HTTP_GET)
            *ret_methods |= 1u << HTTP_HEAD;
        if (found == API_MATCH_NONE &&
            (api_routes[i].method == method ||
             (method == HTTP_HEAD && api_routes[i].method == HTTP_GET))) {
            found = (int)i;
            memcpy(ret_params, params, sizeof(params));
        }
    }
    return found;
}

/* ---- bodies ---- */

static bool is_choice(const char *choices, const char *value)
{
    struct sr_str rest = sr_str_c(choices), choice;

    while (sr_str_split(&rest, '|', &choice)) {
        if (sr_str_eq_c(choice, value))
            return true;
    }
    return false;
}

static const char *check_text(const struct api_field *field, const char *value, char *why,
                              size_t why_size)
{
    size_t max = field->max != 0 ? (size_t)field->max : ENGINE_TEXT_MAX - 1;
    size_t n = strlen(value);

    if (field->choices != NULL && !is_choice(field->choices, value)) {
        (void)snprintf(why, why_size, "must be one of %s", field->choices);
        return why;
    }
    if (n < (size_t)field->min || n > max) {
        (void)snprintf(why, why_size, "must have %lld to %zu bytes", (long long)field->min, max);
        return why;
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
            return "must not have control characters";
    }
    return NULL;
}

static const char *check_texts(const struct api_field *field, const json_t *value, char *why,
                               size_t why_size)
{
    const json_t *item;
    size_t index;

    if (!json_is_array(value))
        return "must be a list of texts";
    if ((int64_t)json_array_size(value) > field->max) {
        (void)snprintf(why, why_size, "must have at most %" PRId64 " entries", field->max);
        return why;
    }
    json_array_foreach(value, index, item)
    {
        if (!json_is_string(item) || json_string_length(item) == 0 ||
            strlen(json_string_value(item)) != json_string_length(item))
            return "must be a list of texts, none of them empty";
    }
    return NULL;
}

static const char *check_value(const struct api_field *field, const json_t *value, char *why,
                               size_t why_size)
{
    int64_t number;

    switch (field->type) {
    case API_BOOL:
        return json_is_boolean(value) ? NULL : "must be true or false";
    case API_INTEGER:
        if (!json_is_integer(value))
            return "must be a whole number";
        number = json_integer_value(value);
        if (number >= field->min && number <= field->max)
            return NULL;
        (void)snprintf(why, why_size, "must be between %" PRId64 " and %" PRId64, field->min,
                       field->max);
        return why;
    case API_TEXTS:
        return check_texts(field, value, why, why_size);
    case API_TEXT_OR_NULL:
    case API_TEXT:
        if (field->type == API_TEXT_OR_NULL && json_is_null(value))
            return NULL;
        if (!json_is_string(value))
            return field->type == API_TEXT ? "must be a text" : "must be a text or null";
        return check_text(field, json_string_value(value), why, why_size);
    }
    return "cannot be checked";
}

static const struct api_field *find_field(const struct api_route *route, const char *name)
{
    for (size_t i = 0; i < route->field_count; i++) {
        if (strcmp(route->fields[i].name, name) == 0)
            return &route->fields[i];
    }
    return NULL;
}

enum sr_err api_body_check(const struct api_route *route, json_t *body, char *pointer,
                           size_t pointer_size, char *why, size_t why_size)
{
    char text[API_WHY_BYTES];
    const char *key;
    json_t *value;

    pointer[0] = '\0';
    if (!json_is_object(body)) {
        (void)snprintf(why, why_size, "the body must be a JSON object");
        return SR_ERR_SYNTAX;
    }
    json_object_foreach(body, key, value)
    {
        const struct api_field *field = find_field(route, key);
        const char *fault =
            field != NULL ? check_value(field, value, text, sizeof(text)) : "is not known here";
        struct sr_buf out;

        if (fault == NULL)
            continue;
        sr_buf_init_fixed(&out, pointer, pointer_size - 1);
        jsonc_pointer_add(&out, sr_str_head(sr_str_c(key), 64));
        pointer[out.len] = '\0';
        (void)snprintf(why, why_size, "this field %s", fault);
        return SR_ERR_SYNTAX;
    }
    for (size_t i = 0; i < route->field_count; i++) {
        const struct api_field *field = &route->fields[i];

        if (!field->is_required || json_object_get(body, field->name) != NULL)
            continue;
        (void)snprintf(pointer, pointer_size, "/%s", field->name);
        (void)snprintf(why, why_size, "this field is missing");
        return SR_ERR_SYNTAX;
    }
    return SR_OK;
}

struct sr_str api_text(const struct api_call *call, const char *name)
{
    return sr_str_c(json_string_value(json_object_get(call->body, name)));
}

bool api_has(const struct api_call *call, const char *name)
{
    return json_object_get(call->body, name) != NULL;
}

bool api_page(struct api_call *call, uint32_t *ret_limit, uint64_t *ret_after)
{
    struct api_problem problem = {.status = 400};
    char text[API_QUERY_BYTES];
    struct sr_buf buf;

    *ret_limit = API_PAGE_DEFAULT;
    *ret_after = 0;
    sr_buf_init_fixed(&buf, text, sizeof(text));
    if (http_query_get(call->query, "limit", &buf) &&
        (sr_str_u32(sr_buf_view(&buf), API_PAGE_MAX, ret_limit) != SR_OK || *ret_limit == 0))
        problem.detail = "limit is a number from 1 to 1000";
    sr_buf_clear(&buf);
    if (http_query_get(call->query, "cursor", &buf) &&
        sr_str_u64(sr_buf_view(&buf), UINT64_MAX, ret_after) != SR_OK)
        problem.detail = "cursor is not one of this list";
    if (problem.detail == NULL)
        return true;
    api_answer_problem(call->web, call->ticket, &problem);
    return false;
}

/* ---- lists ---- */

bool api_list_begin(struct api_call *call, struct api_list *list)
{
    memset(list, 0, sizeof(*list));
    if (!api_page(call, &list->limit, &list->after))
        return false;
    sr_buf_init(&list->buf, API_LIST_BYTES_MAX);
    sr_json_begin(&list->json, &list->buf);
    sr_json_object(&list->json);
    sr_json_key_array(&list->json, "items");
    return true;
}

bool api_list_takes(struct api_list *list)
{
    list->place++;
    if (list->place <= list->after)
        return false;
    if (list->count == list->limit) {
        list->is_more = true;
        return false;
    }
    list->count++;
    return true;
}

void api_list_end(struct api_call *call, struct api_list *list)
{
    char cursor[24];

    sr_json_end(&list->json);
    (void)snprintf(cursor, sizeof(cursor), "%" PRIu64, list->after + list->count);
    sr_json_key_c(&list->json, "nextCursor", list->is_more ? cursor : NULL);
    sr_json_end(&list->json);
    api_answer_json(call->web, call->ticket, 200, &list->buf);
}

/* ---- serving ---- */

static void refuse(struct api_call *call, uint16_t status, const char *detail, const char *headers)
{
    struct api_problem problem = {.status = status, .detail = detail, .headers = headers};

    api_answer_problem(call->web, call->ticket, &problem);
}

static void write_methods(unsigned methods, struct sr_buf *buf)
{
    bool is_first = true;

    for (unsigned method = 0; method < HTTP_METHOD_OTHER; method++) {
        if ((methods & 1u << method) == 0)
            continue;
        if (!is_first)
            sr_buf_c(buf, ", ");
        sr_buf_c(buf, http_method_name((enum http_method)method));
        is_first = false;
    }
}

static void refuse_method(struct api_call *call, unsigned methods)
{
    char text[256];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, text, sizeof(text));
    sr_buf_c(&buf, "Allow: ");
    write_methods(methods | 1u << HTTP_OPTIONS, &buf);
    sr_buf_c(&buf, "\r\n");
    if (call->head->method == HTTP_OPTIONS) {
        struct http_reply reply = {.status = 204};

        if (auth_origin_is_listed(call->web->config, call->head))
            sr_buf_c(&buf, "Access-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE\r\n"
                           "Access-Control-Allow-Headers: Authorization, Content-Type, "
                           "Idempotency-Key, If-Match\r\n");
        reply.headers = sr_buf_view(&buf);
        api_answer(call->web, call->ticket, &reply);
        return;
    }
    refuse(call, 405, "this path does not take that method", sr_buf_cstr(&buf));
}

static bool is_changing(const struct api_call *call)
{
    return call->route->method != HTTP_GET;
}

/* Cookies (and no credential at all) come along with requests of other pages: prove they are ours.
   @return false: answered */
static bool check_cross_site(struct api_call *call)
{
    const struct web *web = call->web;
    bool is_ambient = call->route->is_early || call->who.kind == AUTH_BY_SESSION ||
                      call->who.kind == AUTH_BY_NOBODY;
    bool is_guarded = is_changing(call) || http_request_is_websocket(call->http);

    if (!is_ambient || !is_guarded)
        return true;
    if (!auth_origin_is_ours(web->config, call->head, http_request_is_tls(call->http))) {
        refuse(call, 403, "this Origin may not change anything here", NULL);
        return false;
    }
    if (call->who.kind == AUTH_BY_SESSION && is_changing(call) &&
        (http_head_find(call->head, "x-requested-with").n == 0 ||
         http_head_find(call->head, "origin").p == NULL)) {
        refuse(call, 403,
               "changes by cookie need the X-Requested-With header and a same-origin Origin", NULL);
        return false;
    }
    return true;
}

static bool identify(struct api_call *call)
{
    struct web *web = call->web;
    struct auth_request request = {
        .head = call->head,
        .peer = http_request_peer(call->http),
        .is_tls = http_request_is_tls(call->http),
        .now = call->now,
        .wall = call->wall,
    };
    enum sr_err err;

    if (call->route->roles == 0)
        return check_cross_site(call);
    err = auth_identify(web->auth, &request, &call->who);
    if (err == SR_ERR_AUTH && http_head_find(call->head, "authorization").p == NULL &&
        web->config->server.allow_anonymous_api && auth_is_loopback_only(web->config) &&
        auth_is_loopback_only(web->config_start) && /* what is listened on until the restart */
        sr_addr_is_loopback(request.peer)) {
        call->who = (struct auth_principal){
            .role = AUTH_ADMIN, .kind = AUTH_BY_NOBODY, .name = "anonymous", .key = "anonymous"};
        err = SR_OK;
    }
    if (err == SR_ERR_LIMIT)
        refuse(call, 429, "too many wrong tokens from this address", "Retry-After: 600\r\n");
    else if (err != SR_OK)
        refuse(call, 401, "log in at /api/login or send a bearer token",
               "WWW-Authenticate: Bearer realm=\"siprouter\"\r\n");
    if (err != SR_OK || !check_cross_site(call))
        return false;
    if ((call->route->roles & (unsigned)call->who.role) != 0)
        return true;
    refuse(call, 403, "your role may not do this", NULL);
    return false;
}

static bool read_body(struct api_call *call)
{
    char pointer[160], why[API_WHY_BYTES];
    struct api_problem problem = {.status = 400};
    json_error_t error;

    if (call->route->body == API_BODY_NONE || call->bytes.n == 0) {
        if (call->route->body == API_BODY_FIELDS)
            call->body = json_object();
    } else {
        struct sr_str type = http_head_find(call->head, "content-type");

        type = sr_str_trim(sr_str_head(type, sr_str_find(type, ';', 0)));
        if (!sr_str_ieq_c(type, "application/json") &&
            !sr_str_ieq_c(type, "application/merge-patch+json")) {
            refuse(call, 415, "send application/json", NULL);
            return false;
        }
    }
    if (call->route->body != API_BODY_FIELDS)
        return true;
    if (call->body == NULL)
        call->body = json_loadb(call->bytes.p, call->bytes.n,
                                JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (call->body == NULL) {
        (void)snprintf(why, sizeof(why), "the body is not JSON (line %d, column %d)%s", error.line,
                       error.column,
                       json_error_code(&error) == json_error_duplicate_key ? ": a key stands twice"
                                                                           : "");
        problem.detail = why;
    } else if (api_body_check(call->route, call->body, pointer, sizeof(pointer), why,
                              sizeof(why)) != SR_OK) {
        problem = (struct api_problem){.status = 422, .detail = why, .pointer = pointer};
    } else {
        return true;
    }
    api_answer_problem(call->web, call->ticket, &problem);
    return false;
}

/* @return true: the handler is to run */
static bool check_idempotency(struct api_call *call)
{
    struct sr_str key = http_head_find(call->head, "idempotency-key");
    struct api_idem_request request = {
        .principal = sr_str_c(call->who.key),
        .key = key,
        .target = call->head->target,
        .body = call->bytes,
        .now = call->now,
    };
    struct http_reply reply;

    if (!call->route->is_create || key.p == NULL)
        return true;
    if (key.n == 0 || key.n > API_IDEM_KEY_MAX) {
        refuse(call, 400, "Idempotency-Key has 1 to 256 characters", NULL);
        return false;
    }
    switch (api_idem_begin(call->web->idem, &request, &call->ticket.idem_id, &reply)) {
    case API_IDEM_NEW:
        return true;
    case API_IDEM_REPLAY:
        api_answer(call->web, call->ticket, &reply);
        break;
    case API_IDEM_RUNNING:
        refuse(call, 409, "the first request with this Idempotency-Key is still running",
               "Retry-After: 1\r\n");
        break;
    case API_IDEM_OTHER:
        refuse(call, 422, "this Idempotency-Key was used for another request", NULL);
        break;
    case API_IDEM_FULL:
        refuse(call, 503, "too many requests are running", "Retry-After: 1\r\n");
        break;
    }
    return false;
}

static bool decode_params(struct api_call *call, struct sr_buf *scratch)
{
    for (size_t i = 0; i < API_PARAMS_MAX && call->params[i].p != NULL; i++) {
        size_t from = scratch->len;

        if (http_decode(call->params[i], false, scratch) != SR_OK ||
            !sr_utf8_is_valid(sr_str_from(sr_buf_view(scratch), from)))
            return false;
        call->params[i] = sr_str_make(scratch->data + from, scratch->len - from);
        sr_buf_char(scratch, '\0');
    }
    return sr_buf_err(scratch) == SR_OK;
}

/* What cannot be read is refused: to leave a filter out would tell more than was asked for. */
static bool check_query(struct api_call *call)
{
    struct sr_str rest = call->query, pair;
    char text[API_QUERY_BYTES];
    struct sr_buf buf;

    while (sr_str_split(&rest, '&', &pair)) {
        struct sr_str value = sr_str_from(pair, sr_str_find(pair, '=', 0) + 1);

        sr_buf_init_fixed(&buf, text, sizeof(text));
        if (http_decode(value, true, &buf) == SR_OK && sr_utf8_is_valid(sr_buf_view(&buf)))
            continue;
        refuse(call, 400,
               sr_buf_err(&buf) != SR_OK ? "a parameter behind ? is too long"
                                         : "a parameter behind ? cannot be read",
               NULL);
        return false;
    }
    return true;
}

static void serve_route(struct api_call *call)
{
    char text[API_SCRATCH_BYTES];
    struct sr_buf scratch;

    sr_buf_init_fixed(&scratch, text, sizeof(text));
    if (!identify(call))
        return;
    if (!decode_params(call, &scratch)) {
        refuse(call, 404, "there is nothing here", NULL);
        return;
    }
    if (!check_query(call))
        return;
    if (call->route->handler == NULL) {
        api_answer_err(call->web, call->ticket, SR_ERR_UNSUPPORTED,
                       "this part of the router is not built yet");
        return;
    }
    if (read_body(call) && check_idempotency(call))
        call->route->handler(call);
    json_decref(call->body);
}

static const struct web_file *find_file(struct sr_str path)
{
    for (size_t i = 0; i < web_file_count; i++) {
        if (sr_str_eq_c(path, web_files[i].path))
            return &web_files[i];
    }
    return NULL;
}

/* RFC 9110 12.5.3, as far as browsers go: named, and not refused by a weight of 0. */
static bool takes_gzip(const struct http_head *head)
{
    struct sr_str list = http_head_find(head, "accept-encoding"), item;

    while (sr_str_split(&list, ',', &item)) {
        size_t end = sr_str_find(item, ';', 0);
        struct sr_str weight = sr_str_trim(sr_str_from(item, end + 1));

        if (sr_str_ieq_c(sr_str_trim(sr_str_head(item, end)), "gzip"))
            return !sr_str_eq_c(weight, "q=0") && !sr_str_istarts(weight, SR_STR("q=0.0"));
    }
    return false;
}

static bool serve_file(struct api_call *call)
{
    const struct web_file *file = find_file(call->head->path);
    struct http_reply reply = {.status = 200};
    char headers[256], etag[64];
    bool is_gzip;

    if (file == NULL)
        return false;
    if (call->head->method != HTTP_GET && call->head->method != HTTP_HEAD) {
        refuse_method(call, 1u << HTTP_GET | 1u << HTTP_HEAD);
        return true;
    }
    is_gzip = file->gzip_bytes != NULL && takes_gzip(call->head);
    (void)snprintf(etag, sizeof(etag), "\"%s%s\"", file->etag, is_gzip ? "-gz" : "");
    (void)snprintf(headers, sizeof(headers), "Cache-Control: %s\r\nETag: %s\r\n%s%s",
                   file->is_lasting ? "public, max-age=31536000, immutable" : "no-cache", etag,
                   file->gzip_bytes != NULL ? "Vary: Accept-Encoding\r\n" : "",
                   is_gzip ? "Content-Encoding: gzip\r\n" : "");
    reply.headers = sr_str_c(headers);
    reply.content_type = file->content_type;
    reply.body = is_gzip ? sr_str_make((const char *)file->gzip_bytes, file->gzip_size)
                         : sr_str_make((const char *)file->bytes, file->size);
    if (http_list_has(http_head_find(call->head, "if-none-match"), etag))
        reply = (struct http_reply){.status = 304, .headers = sr_str_c(headers)};
    api_answer(call->web, call->ticket, &reply);
    return true;
}

void api_serve(struct web *web, struct http_request *request)
{
    struct api_call call = {
        .web = web,
        .http = request,
        .head = http_request_head(request),
        .bytes = http_request_body(request),
        .ticket = {.request_id = http_request_id(request)},
        .now = net_clock_now(),
        .wall = net_clock_wall(),
    };
    unsigned methods;
    int index;

    call.query = call.head->query;
    if (!auth_host_is_ours(web->config, call.head)) {
        refuse(&call, 421, "this Host is not one of this router; see server.allowedOrigins", NULL);
        return;
    }
    index = api_route_find(call.head->method, call.head->path, call.params, &methods);
    if (index == API_MATCH_NONE && methods != 0) {
        refuse_method(&call, methods);
        return;
    }
    if (index == API_MATCH_NONE) {
        if (!serve_file(&call))
            refuse(&call, 404, "there is nothing here", NULL);
        return;
    }
    call.route = &api_routes[index];
    serve_route(&call);
}

size_t api_body_max(const struct http_head *head)
{
    bool is_config =
        sr_str_eq_c(head->path, "/api/config") || sr_str_eq_c(head->path, "/api/config/validate");

    return is_config ? HTTP_BODY_LARGE_BYTES_MAX : HTTP_BODY_BYTES_MAX;
}

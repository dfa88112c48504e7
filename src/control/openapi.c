/* /api/openapi.json (OpenAPI 3.1), written from the table. */
#include <stdio.h>

#include "base/json.h"
#include "control/api.h"

static void write_schema(struct sr_json *json, const struct api_field *field)
{
    struct sr_str rest, choice;

    sr_json_object(json);
    sr_json_key_c(json, "description", field->summary);
    sr_json_key(json, "type");
    switch (field->type) {
    case API_BOOL:
        sr_json_c(json, "boolean");
        break;
    case API_INTEGER:
        sr_json_c(json, "integer");
        sr_json_key_int(json, "minimum", field->min);
        sr_json_key_int(json, "maximum", field->max);
        break;
    case API_TEXTS:
        sr_json_c(json, "array");
        sr_json_key_int(json, "maxItems", field->max);
        sr_json_key_object(json, "items");
        sr_json_key_c(json, "type", "string");
        sr_json_end(json);
        break;
    case API_TEXT_OR_NULL:
        sr_json_array(json);
        sr_json_c(json, "string");
        sr_json_c(json, "null");
        sr_json_end(json);
        break;
    case API_TEXT:
        sr_json_c(json, "string");
        if (field->min > 0)
            sr_json_key_int(json, "minLength", field->min);
        break;
    }
    if (field->choices != NULL) {
        rest = sr_str_c(field->choices);
        sr_json_key_array(json, "enum");
        while (sr_str_split(&rest, '|', &choice))
            sr_json_str(json, choice);
        sr_json_end(json);
    }
    sr_json_end(json);
}

static void write_body(struct sr_json *json, const struct api_route *route)
{
    sr_json_key_object(json, "requestBody");
    sr_json_key_bool(json, "required", true);
    sr_json_key_object(json, "content");
    sr_json_key_object(json, "application/json");
    sr_json_key_object(json, "schema");
    sr_json_key_c(json, "type", "object");
    if (route->body == API_BODY_FIELDS) {
        sr_json_key_object(json, "properties");
        for (size_t i = 0; i < route->field_count; i++) {
            sr_json_key(json, route->fields[i].name);
            write_schema(json, &route->fields[i]);
        }
        sr_json_end(json);
        sr_json_key_array(json, "required");
        for (size_t i = 0; i < route->field_count; i++) {
            if (route->fields[i].is_required)
                sr_json_c(json, route->fields[i].name);
        }
        sr_json_end(json);
        sr_json_key_bool(json, "additionalProperties", false);
    }
    sr_json_end(json);
    sr_json_end(json);
    sr_json_end(json);
    sr_json_end(json);
}

static void write_parameter(struct sr_json *json, const char *in, struct sr_str name,
                            const char *summary)
{
    sr_json_object(json);
    sr_json_key_str(json, "name", name);
    sr_json_key_c(json, "in", in);
    if (summary != NULL)
        sr_json_key_c(json, "description", summary);
    sr_json_key_bool(json, "required", strcmp(in, "path") == 0);
    sr_json_key_object(json, "schema");
    sr_json_key_c(json, "type", "string");
    sr_json_end(json);
    sr_json_end(json);
}

static void write_parameters(struct sr_json *json, const struct api_route *route)
{
    struct sr_str rest = sr_str_c(route->path), part;

    sr_json_key_array(json, "parameters");
    while (sr_str_split(&rest, '/', &part)) {
        if (part.n > 2 && part.p[0] == '{')
            write_parameter(json, "path", sr_str_make(part.p + 1, part.n - 2), NULL);
    }
    for (size_t i = 0; i < route->query_count; i++)
        write_parameter(json, "query", sr_str_c(route->queries[i].name), route->queries[i].summary);
    if (route->is_create)
        write_parameter(json, "header", SR_STR("Idempotency-Key"),
                        "a repeated request with the same key gets the first result");
    sr_json_end(json);
}

static void write_responses(struct sr_json *json, const struct api_route *route)
{
    char status[8];

    (void)snprintf(status, sizeof(status), "%u", route->status);
    sr_json_key_object(json, "responses");
    sr_json_key_object(json, status);
    sr_json_key_c(json, "description", http_status_text(route->status));
    if (route->status != 204 && route->status != 101 && route->status != 501) {
        sr_json_key_object(json, "content");
        sr_json_key_object(json,
                           route->content_type != NULL ? route->content_type : "application/json");
        sr_json_end(json);
        sr_json_end(json);
    }
    sr_json_end(json);
    if (route->status != 501) {
        sr_json_key_object(json, "default");
        sr_json_key_c(json, "$ref", "#/components/responses/problem");
        sr_json_end(json);
    }
    sr_json_end(json);
}

static void write_roles(struct sr_json *json, unsigned roles)
{
    static const enum auth_role all[] = {AUTH_ADMIN, AUTH_READ, AUTH_USER};

    sr_json_key_array(json, "x-roles");
    for (size_t i = 0; i < SR_ARRAY_LEN(all); i++) {
        if ((roles & (unsigned)all[i]) != 0)
            sr_json_c(json, auth_role_name(all[i]));
    }
    sr_json_end(json);
}

static void write_route(struct sr_json *json, const struct api_route *route)
{
    char method[8] = "";

    for (size_t i = 0; i < sizeof(method) - 1 && http_method_name(route->method)[i] != '\0'; i++)
        method[i] = sr_lower(http_method_name(route->method)[i]);
    sr_json_key_object(json, method);
    sr_json_key_c(json, "summary", route->summary);
    write_roles(json, route->roles);
    if (route->handler == NULL)
        sr_json_key_bool(json, "x-not-built", true);
    sr_json_key_array(json, "security");
    if (route->roles != 0) {
        sr_json_object(json);
        sr_json_key_array(json, "bearer");
        sr_json_end(json);
        sr_json_end(json);
        sr_json_object(json);
        sr_json_key_array(json, "cookie");
        sr_json_end(json);
        sr_json_end(json);
    }
    sr_json_end(json);
    write_parameters(json, route);
    if (route->body != API_BODY_NONE && route->handler != NULL)
        write_body(json, route);
    write_responses(json, route);
    sr_json_end(json);
}

static void write_paths(struct sr_json *json)
{
    sr_json_key_object(json, "paths");
    for (size_t i = 0; i < api_route_count; i++) {
        bool is_known = false;

        for (size_t k = 0; k < i && !is_known; k++)
            is_known = strcmp(api_routes[k].path, api_routes[i].path) == 0;
        if (is_known)
            continue;
        sr_json_key_object(json, api_routes[i].path);
        for (size_t k = i; k < api_route_count; k++) {
            if (strcmp(api_routes[k].path, api_routes[i].path) == 0)
                write_route(json, &api_routes[k]);
        }
        sr_json_end(json);
    }
    sr_json_end(json);
}

static void write_components(struct sr_json *json)
{
    static const char components[] =
        "{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
        "\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"__Host-siprouter\"}},"
        "\"schemas\":{\"problem\":{\"type\":\"object\",\"properties\":{"
        "\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
        "\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
        "\"pointer\":{\"type\":\"string\"}},\"required\":[\"type\",\"title\",\"status\"]}},"
        "\"responses\":{\"problem\":{\"description\":\"What went wrong (RFC 9457)\","
        "\"content\":{\"application/problem+json\":{\"schema\":{"
        "\"$ref\":\"#/components/schemas/problem\"}}}}}}";

    sr_json_key(json, "components");
    sr_json_raw(json, sr_str_c(components));
}

void openapi_write(struct sr_buf *buf)
{
    struct sr_json json;

    sr_json_begin(&json, buf);
    sr_json_object(&json);
    sr_json_key_c(&json, "openapi", "3.1.0");
    sr_json_key_object(&json, "info");
    sr_json_key_c(&json, "title", "siprouter");
    sr_json_key_c(&json, "version", SR_VERSION);
    sr_json_end(&json);
    write_paths(&json);
    write_components(&json);
    sr_json_end(&json);
}

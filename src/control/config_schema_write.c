/* docs/config.schema.json out of the table. */
#include "base/json.h"
#include "control/config_schema.h"

static void write_object(struct sr_json *json, const struct config_object *object);

static void write_names(struct sr_json *json, const char *const *names)
{
    sr_json_key_array(json, "enum");
    for (size_t i = 0; names[i]; i++)
        sr_json_c(json, names[i]);
    sr_json_end(json);
}

/** A pattern for the formats that have a short one; the loader checks all of them. */
static const char *format_pattern(enum config_format format)
{
    switch (format) {
    case CONFIG_FORMAT_ID:
        return "^[A-Za-z0-9._-]{1,64}$";
    case CONFIG_FORMAT_EXTENSION:
        return "^[0-9*#]{0,16}$";
    case CONFIG_FORMAT_COUNTRY:
        return "^([A-Z]{2})?$";
    case CONFIG_FORMAT_HA1:
        return "^([0-9a-fA-F]{32})?$";
    case CONFIG_FORMAT_SLOTS:
        return "^([1-9][0-9]*(-[1-9][0-9]*)?)?$";
    case CONFIG_FORMAT_DIGIT:
        return "^[0-9*#]$";
    case CONFIG_FORMAT_PIN:
        return "^[0-9]{0,16}$";
    case CONFIG_FORMAT_NUMBER:
        return "^\\+?[0-9*#]*$";
    case CONFIG_FORMAT_ANY:
    case CONFIG_FORMAT_SPOKEN:
    case CONFIG_FORMAT_IP:
    case CONFIG_FORMAT_IP_AUTO:
    case CONFIG_FORMAT_HOST:
    case CONFIG_FORMAT_HOST_PORT:
    case CONFIG_FORMAT_HTTP_URL:
    case CONFIG_FORMAT_ORIGIN:
    case CONFIG_FORMAT_STORAGE_URL:
    case CONFIG_FORMAT_TIMEZONE:
    case CONFIG_FORMAT_RULE:
    case CONFIG_FORMAT_DATE:
    case CONFIG_FORMAT_HOURS:
    case CONFIG_FORMAT_TARGET:
        break;
    }
    return NULL;
}

static void write_text(struct sr_json *json, const struct config_field *field)
{
    const char *pattern = format_pattern((enum config_format)field->format);
    sr_json_key_c(json, "type", "string");
    if (field->choices)
        write_names(json, field->choices);
    else if (pattern)
        sr_json_key_c(json, "pattern", pattern);
    else if (field->kind == CONFIG_KIND_TEXT || field->kind == CONFIG_KIND_TEXTS)
        sr_json_key_int(json, "maxLength", field->max ? field->max : CONFIG_TEXT_MAX);
}

static void write_secret(struct sr_json *json, const struct config_field *field)
{
    static const char *const forms[] = {"env", "file"};
    sr_json_key_array(json, "oneOf");
    sr_json_object(json);
    write_text(json, field);
    sr_json_end(json);
    for (size_t i = 0; i < SR_ARRAY_LEN(forms); i++) {
        sr_json_object(json);
        sr_json_key_c(json, "type", "object");
        sr_json_key_object(json, "properties");
        sr_json_key_object(json, forms[i]);
        sr_json_key_c(json, "type", "string");
        sr_json_end(json);
        sr_json_end(json);
        sr_json_key_array(json, "required");
        sr_json_c(json, forms[i]);
        sr_json_end(json);
        sr_json_key_bool(json, "additionalProperties", false);
        sr_json_end(json);
    }
    sr_json_end(json);
    sr_json_key_bool(json, "writeOnly", true);
}

static void write_list_of_texts(struct sr_json *json, const struct config_field *field)
{
    struct config_field item = *field;

    item.max = 0; /* of items, not of bytes */
    sr_json_key_c(json, "type", "array");
    if (field->max != 0)
        sr_json_key_int(json, "maxItems", field->max);
    sr_json_key_object(json, "items");
    write_text(json, &item);
    sr_json_end(json);
    if (field->kind == CONFIG_KIND_CHOICES) {
        sr_json_key_int(json, "minItems", 1);
        sr_json_key_bool(json, "uniqueItems", true);
    }
}

static void write_features(struct sr_json *json)
{
    sr_json_key_c(json, "type", "object");
    sr_json_key_object(json, "properties");
    sr_json_key_object(json, "inCallTransfer");
    sr_json_key_c(json, "type", "string");
    sr_json_end(json);
    sr_json_key_object(json, "inCallAttended");
    sr_json_key_c(json, "type", "string");
    sr_json_end(json);
    sr_json_end(json);
    sr_json_key_object(json, "patternProperties");
    sr_json_key_object(json, "^[0-9*#]{1,16}$");
    write_names(json, config_feature_names);
    sr_json_end(json);
    sr_json_end(json);
    sr_json_key_bool(json, "additionalProperties", false);
    sr_json_key_int(json, "maxProperties", CONFIG_FEATURES_MAX);
}

static void write_type(struct sr_json *json, const struct config_field *field)
{
    switch ((enum config_kind)field->kind) {
    case CONFIG_KIND_OBJECT:
        write_object(json, field->object);
        break;
    case CONFIG_KIND_LIST:
        sr_json_key_c(json, "type", "array");
        sr_json_key_int(json, "maxItems", CONFIG_ITEMS_MAX);
        sr_json_key_object(json, "items");
        write_object(json, field->object);
        sr_json_end(json);
        break;
    case CONFIG_KIND_BOOL:
        sr_json_key_c(json, "type", "boolean");
        break;
    case CONFIG_KIND_NUMBER:
        sr_json_key_c(json, "type", "integer");
        sr_json_key_int(json, "minimum", field->min);
        sr_json_key_int(json, "maximum", field->max);
        break;
    case CONFIG_KIND_TEXT:
    case CONFIG_KIND_CHOICE:
    case CONFIG_KIND_PATTERN:
    case CONFIG_KIND_CIDR:
        write_text(json, field);
        break;
    case CONFIG_KIND_SECRET:
        write_secret(json, field);
        break;
    case CONFIG_KIND_TEXTS:
    case CONFIG_KIND_CHOICES:
    case CONFIG_KIND_CIDRS:
    case CONFIG_KIND_ADDRS:
        write_list_of_texts(json, field);
        break;
    case CONFIG_KIND_PAIRS:
        sr_json_key_c(json, "type", "object");
        break;
    case CONFIG_KIND_FEATURES:
        write_features(json);
        break;
    }
}

static void write_field(struct sr_json *json, const struct config_field *field)
{
    sr_json_key_object(json, field->name);
    sr_json_key_c(json, "description", field->doc);
    write_type(json, field);
    if (field->fallback) {
        sr_json_key(json, "default");
        sr_json_raw(json, sr_str_c(field->fallback));
    }
    if (field->flags & (CONFIG_RESTART | CONFIG_RESTART_SHRINK))
        sr_json_key_bool(json, "x-restart", true);
    if (field->flags & CONFIG_NOT_BUILT)
        sr_json_key_bool(json, "x-not-built", true);
    if (field->ref != CONFIG_REF_NONE)
        sr_json_key_c(json, "x-reference", config_ref_name((enum config_ref)field->ref));
    sr_json_end(json);
}

static void write_object(struct sr_json *json, const struct config_object *object)
{
    bool has_required = false;
    sr_json_key_c(json, "type", "object");
    sr_json_key_object(json, "properties");
    for (uint32_t i = 0; i < object->field_count; i++)
        write_field(json, &object->fields[i]);
    sr_json_end(json);
    for (uint32_t i = 0; i < object->field_count; i++) {
        const struct config_field *field = &object->fields[i];
        if (!(field->flags & CONFIG_REQUIRED) || field->fallback)
            continue;
        if (!has_required)
            sr_json_key_array(json, "required");
        has_required = true;
        sr_json_c(json, field->name);
    }
    if (has_required)
        sr_json_end(json);
    sr_json_key_bool(json, "additionalProperties", false);
}

/** Line breaks before every property, so that the committed file has readable differences. */
static void write_lines(struct sr_str compact, struct sr_buf *out)
{
    size_t depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < compact.n; i++) {
        char c = compact.p[i];
        char next = i + 1 < compact.n ? compact.p[i + 1] : '\0';
        if (in_text) {
            sr_buf_char(out, c);
            if (c == '\\' && next)
                sr_buf_char(out, compact.p[++i]);
            in_text = c != '"';
            continue;
        }
        in_text = c == '"';
        bool closes = c == '}' || c == ']';
        bool opens = c == '{' || c == '[';
        bool is_empty = opens && (next == '}' || next == ']');
        if (closes) {
            depth--;
            sr_buf_fmt(out, "\n%*s", (int)(depth * 2), "");
        }
        if (c != ' ')
            sr_buf_char(out, c);
        if (is_empty) {
            sr_buf_char(out, compact.p[++i]);
        } else if (opens || c == ',') {
            depth += opens;
            sr_buf_fmt(out, "\n%*s", (int)(depth * 2), "");
        } else if (c == ':') {
            sr_buf_char(out, ' ');
        }
    }
    sr_buf_char(out, '\n');
}

void config_schema_write(struct sr_buf *out)
{
    struct sr_buf compact;
    struct sr_json json;
    sr_buf_init(&compact, 1 << 20);
    sr_json_begin(&json, &compact);
    sr_json_object(&json);
    sr_json_key_c(&json, "$schema", "https://json-schema.org/draft/2020-12/schema");
    sr_json_key_c(&json, "title", "siprouter configuration");
    sr_json_key_c(&json, "description",
                  "One file, JSON with comments. Keys marked x-restart wait for a restart; keys "
                  "marked x-not-built are accepted but have no effect yet.");
    write_object(&json, &config_schema);
    sr_json_end(&json);
    SR_ASSERT(sr_buf_err(&compact) == SR_OK);
    write_lines(sr_buf_view(&compact), out);
    sr_buf_done(&compact);
}

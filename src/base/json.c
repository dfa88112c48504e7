#include "base/json.h"

#include <math.h>

void sr_json_begin(struct sr_json *json, struct sr_buf *buf)
{
    *json = (struct sr_json){.buf = buf};
}

static void before_value(struct sr_json *json)
{
    if (json->after_key) {
        json->after_key = false;
        return;
    }
    if (json->depth > 0) {
        if (json->has_item[json->depth - 1])
            sr_buf_char(json->buf, ',');
        json->has_item[json->depth - 1] = true;
    }
}

static void open_level(struct sr_json *json, char opener, char closer)
{
    SR_ASSERT(json->depth < SR_JSON_DEPTH_MAX);
    before_value(json);
    sr_buf_char(json->buf, opener);
    json->closer[json->depth] = closer;
    json->has_item[json->depth] = false;
    json->depth++;
}

void sr_json_object(struct sr_json *json)
{
    open_level(json, '{', '}');
}

void sr_json_array(struct sr_json *json)
{
    open_level(json, '[', ']');
}

void sr_json_end(struct sr_json *json)
{
    SR_ASSERT(json->depth > 0);
    json->depth--;
    sr_buf_char(json->buf, json->closer[json->depth]);
}

static void write_char(struct sr_buf *buf, unsigned char c)
{
    switch (c) {
    case '"':
        sr_buf_c(buf, "\\\"");
        break;
    case '\\':
        sr_buf_c(buf, "\\\\");
        break;
    case '\n':
        sr_buf_c(buf, "\\n");
        break;
    case '\r':
        sr_buf_c(buf, "\\r");
        break;
    case '\t':
        sr_buf_c(buf, "\\t");
        break;
    default:
        sr_buf_fmt(buf, "\\u%04x", c);
        break;
    }
}

static bool is_special(unsigned char c)
{
    return c < 0x20 || c == 0x7f || c == '"' || c == '\\';
}

static void write_text(struct sr_buf *buf, struct sr_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t plain = 0;

    sr_buf_char(buf, '"');
    for (size_t i = 0; i < s.n;) {
        size_t len = p[i] < 0x80 ? 1 : sr_utf8_char(sr_str_from(s, i), NULL);

        if (len > 0 && !is_special(p[i])) {
            i += len;
            continue;
        }
        sr_buf_add(buf, p + plain, i - plain);
        if (len > 0)
            write_char(buf, p[i]);
        else
            sr_buf_c(buf, "\xef\xbf\xbd");
        i++;
        plain = i;
    }
    if (s.n > plain)
        sr_buf_add(buf, p + plain, s.n - plain);
    sr_buf_char(buf, '"');
}

void sr_json_key(struct sr_json *json, const char *key)
{
    SR_ASSERT(json->depth > 0 && json->closer[json->depth - 1] == '}' && !json->after_key);
    before_value(json);
    write_text(json->buf, sr_str_c(key));
    sr_buf_char(json->buf, ':');
    json->after_key = true;
}

void sr_json_str(struct sr_json *json, struct sr_str value)
{
    before_value(json);
    write_text(json->buf, value);
}

void sr_json_c(struct sr_json *json, const char *value)
{
    if (value == NULL)
        sr_json_null(json);
    else
        sr_json_str(json, sr_str_c(value));
}

void sr_json_int(struct sr_json *json, int64_t value)
{
    before_value(json);
    sr_buf_fmt(json->buf, "%lld", (long long)value);
}

void sr_json_u64(struct sr_json *json, uint64_t value)
{
    before_value(json);
    sr_buf_u64(json->buf, value);
}

void sr_json_num(struct sr_json *json, double value, int decimals)
{
    if (!isfinite(value)) {
        sr_json_null(json);
        return;
    }
    before_value(json);
    sr_buf_fmt(json->buf, "%.*f", decimals, value);
}

void sr_json_bool(struct sr_json *json, bool value)
{
    before_value(json);
    sr_buf_c(json->buf, value ? "true" : "false");
}

void sr_json_null(struct sr_json *json)
{
    before_value(json);
    sr_buf_c(json->buf, "null");
}

void sr_json_raw(struct sr_json *json, struct sr_str value)
{
    before_value(json);
    sr_buf_str(json->buf, value);
}

void sr_json_key_str(struct sr_json *json, const char *key, struct sr_str value)
{
    sr_json_key(json, key);
    sr_json_str(json, value);
}

void sr_json_key_c(struct sr_json *json, const char *key, const char *value)
{
    sr_json_key(json, key);
    sr_json_c(json, value);
}

void sr_json_key_int(struct sr_json *json, const char *key, int64_t value)
{
    sr_json_key(json, key);
    sr_json_int(json, value);
}

void sr_json_key_num(struct sr_json *json, const char *key, double value, int decimals)
{
    sr_json_key(json, key);
    sr_json_num(json, value, decimals);
}

void sr_json_key_known(struct sr_json *json, const char *key, double value, int decimals)
{
    sr_json_key(json, key);
    if (value < 0)
        sr_json_null(json);
    else
        sr_json_num(json, value, decimals);
}

void sr_json_key_bool(struct sr_json *json, const char *key, bool value)
{
    sr_json_key(json, key);
    sr_json_bool(json, value);
}

void sr_json_key_object(struct sr_json *json, const char *key)
{
    sr_json_key(json, key);
    sr_json_object(json);
}

void sr_json_key_array(struct sr_json *json, const char *key)
{
    sr_json_key(json, key);
    sr_json_array(json);
}

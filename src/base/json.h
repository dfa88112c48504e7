/**
 * @file json.h  Writing JSON into a buffer (reading bodies is jansson's, configuration control/jsonc).
 *
 * The writer puts commas by itself. Text is checked: invalid UTF-8 becomes U+FFFD, controls are
 * escaped, so what peers sent can be written as it came.
 *
 *     struct sr_json j;
 *     sr_json_begin(&j, &buf);
 *     sr_json_object(&j);
 *     sr_json_key_c(&j, "callId", id);
 *     sr_json_end(&j);
 *
 * Thread:  not shared
 */
#ifndef SR_BASE_JSON_H
#define SR_BASE_JSON_H

#include "base/buf.h"

enum {
    SR_JSON_DEPTH_MAX = 32
};

struct sr_json { /* fields are private */
    struct sr_buf *buf;
    uint8_t depth;
    bool has_item[SR_JSON_DEPTH_MAX];
    char closer[SR_JSON_DEPTH_MAX];
    bool after_key;
};

void sr_json_begin(struct sr_json *json, struct sr_buf *buf);
void sr_json_object(struct sr_json *json);
void sr_json_array(struct sr_json *json);
/** Closes the innermost object or array. */
void sr_json_end(struct sr_json *json);
void sr_json_key(struct sr_json *json, const char *key);
void sr_json_str(struct sr_json *json, struct sr_str value);
void sr_json_c(struct sr_json *json, const char *value); /* NULL writes null */
void sr_json_int(struct sr_json *json, int64_t value);
void sr_json_u64(struct sr_json *json, uint64_t value);
/** `decimals` 0..6; NaN and infinity write null. */
void sr_json_num(struct sr_json *json, double value, int decimals);
void sr_json_bool(struct sr_json *json, bool value);
void sr_json_null(struct sr_json *json);
/** JSON text written as it is. */
void sr_json_raw(struct sr_json *json, struct sr_str value);

/* key and value in one */
void sr_json_key_str(struct sr_json *json, const char *key, struct sr_str value);
void sr_json_key_c(struct sr_json *json, const char *key, const char *value);
void sr_json_key_int(struct sr_json *json, const char *key, int64_t value);
void sr_json_key_num(struct sr_json *json, const char *key, double value, int decimals);
/** A figure that was measured, or null when it is negative. */
void sr_json_key_known(struct sr_json *json, const char *key, double value, int decimals);
void sr_json_key_bool(struct sr_json *json, const char *key, bool value);
void sr_json_key_object(struct sr_json *json, const char *key);
void sr_json_key_array(struct sr_json *json, const char *key);

#endif

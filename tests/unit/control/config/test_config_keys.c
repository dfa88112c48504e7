/* Every key of the table, at its limits and beyond: no key can be added that this does not try. */
#include <stdio.h>

#include "base/alloc.h"
#include "control/config_schema.h"
#include "tests.h"

enum {
    PATH_OBJECTS_MAX = 8,
    TEXT_BYTES_MAX = 64 * 1024
};

/** The way to a key: the fields from the root, the last one is the key itself. */
struct path {
    const struct config_field *fields[PATH_OBJECTS_MAX];
    size_t count;
};

struct tally {
    unsigned keys, refused, taken;
};

/* A right value for a field that must be there. */
static const char *right_value(const struct config_field *field)
{
    static const struct {
        enum config_format format;
        const char *value;
    } values[] = {
        {CONFIG_FORMAT_ID, "\"x\""},
        {CONFIG_FORMAT_HOST, "\"a.example\""},
        {CONFIG_FORMAT_NUMBER, "\"+4930123\""},
        {CONFIG_FORMAT_DIGIT, "\"1\""},
        {CONFIG_FORMAT_HTTP_URL, "\"https://a.example/\""},
    };

    for (size_t i = 0; i < SR_ARRAY_LEN(values); i++) {
        if (values[i].format == (enum config_format)field->format)
            return values[i].value;
    }
    return "\"x\"";
}

static void write_siblings(struct sr_buf *out, const struct config_object *object,
                           const struct config_field *except)
{
    for (uint32_t i = 0; i < object->field_count; i++) {
        const struct config_field *field = &object->fields[i];

        if (field == except || !(field->flags & CONFIG_REQUIRED) || field->fallback != NULL)
            continue;
        if (field->kind == CONFIG_KIND_OBJECT) {
            sr_buf_fmt(out, "\"%s\": {", field->name);
            write_siblings(out, field->object, NULL);
            sr_buf_c(out, "}, ");
        } else {
            sr_buf_fmt(out, "\"%s\": %s, ", field->name, right_value(field));
        }
    }
}

/* The smallest text with that value at the path, alone on line 2; its pointer. */
static void write_text(const struct path *path, const char *value, struct sr_buf *text,
                       struct sr_buf *pointer)
{
    const struct config_object *object = &config_schema;
    char ends[PATH_OBJECTS_MAX * 2 + 1] = "";

    sr_buf_clear(text);
    sr_buf_clear(pointer);
    sr_buf_c(text, "{");
    for (size_t i = 0; i < path->count; i++) {
        const struct config_field *field = path->fields[i];
        bool is_last = i + 1 == path->count, is_list = field->kind == CONFIG_KIND_LIST;

        write_siblings(text, object, field);
        sr_buf_fmt(text, "%s\"%s\": ", is_last ? "\n" : "", field->name);
        sr_buf_fmt(pointer, "/%s%s", field->name, is_list && !is_last ? "/0" : "");
        if (!is_last) {
            sr_buf_c(text, is_list ? "[{" : "{");
            memmove(ends + (is_list ? 2 : 1), ends, strlen(ends) + 1);
            memcpy(ends, is_list ? "}]" : "}", is_list ? 2 : 1);
        }
        object = field->object;
    }
    sr_buf_fmt(text, "%s\n%s}", value, ends);
}

/* An error at the key or inside its value, on the line it stands on, with what to do. */
static bool is_told(const struct config_fault *fault, struct sr_str pointer)
{
    return fault->severity == CONFIG_ERROR && sr_str_starts(fault->pointer, pointer) &&
           fault->line == 2 && fault->suggestion.n > 0 && fault->message.n > 0;
}

static void try(const struct path *path, const char *value, bool is_right, struct tally *tally)
{
    struct config_load_options options = {.ignores_environment = true};
    struct config_faults *faults = sr_zalloc(1, sizeof(*faults));
    struct config *config = NULL;
    struct sr_buf text, pointer;
    bool has_error = false, has_told = false;

    sr_buf_init(&text, TEXT_BYTES_MAX);
    sr_buf_init(&pointer, 1024);
    write_text(path, value, &text, &pointer);
    config_faults_init(faults);
    (void)!config_load_text(sr_buf_view(&text), &options, faults, &config);
    for (uint32_t i = 0; i < faults->count; i++) {
        const struct config_fault *fault = &faults->items[i];

        has_told |= is_told(fault, sr_buf_view(&pointer));
        has_error |=
            fault->severity == CONFIG_ERROR && sr_str_starts(fault->pointer, sr_buf_view(&pointer));
    }
    if (is_right ? has_error : !has_told) {
        struct sr_buf said;

        sr_buf_init(&said, TEXT_BYTES_MAX);
        config_faults_write_text(faults, "c", &said);
        fail_msg("%s: %s\n%.300s\n%s", is_right ? "not taken" : "not refused", value,
                 sr_buf_cstr(&text), sr_buf_cstr(&said));
    }
    tally->taken += is_right;
    tally->refused += !is_right;
    config_unref(config);
    config_faults_done(faults);
    sr_free(faults);
    sr_buf_done(&text);
    sr_buf_done(&pointer);
}

static void try_all(const struct path *path, const char *const *values, bool is_right,
                    struct tally *tally)
{
    for (size_t i = 0; values[i] != NULL; i++)
        try(path, values[i], is_right, tally);
}

static void try_number(const struct path *path, struct tally *tally)
{
    static const char *const wrong[] = {"\"5\"", "1.5", "true", "[]", "null", "1e99", NULL};
    const struct config_field *field = path->fields[path->count - 1];
    /* a range of ports and a lone bind are judged by the whole too */
    bool is_lone = strcmp(field->name, "min") != 0 && strcmp(field->name, "max") != 0;
    char text[32];

    try_all(path, wrong, false, tally);
    (void)snprintf(text, sizeof(text), "%lld", (long long)field->min - 1);
    try(path, text, false, tally);
    (void)snprintf(text, sizeof(text), "%lld", (long long)field->max + 1);
    try(path, text, false, tally);
    (void)snprintf(text, sizeof(text), "%u", (unsigned)field->min);
    if (is_lone)
        try(path, text, true, tally);
    (void)snprintf(text, sizeof(text), "%u", (unsigned)field->max);
    if (is_lone)
        try(path, text, true, tally);
}

static void try_text(const struct path *path, struct tally *tally)
{
    static const char *const wrong[] = {"5", "true", "[]", "{}", "null", NULL};
    const struct config_field *field = path->fields[path->count - 1];
    char *too_long = sr_zalloc(1, 20000);

    try_all(path, wrong, false, tally);
    too_long[0] = '"';
    memset(too_long + 1, '1', 5000);
    too_long[5001] = '"';
    try(path, too_long, false, tally);
    sr_free(too_long);
    if (field->kind == CONFIG_KIND_TEXT && field->format != CONFIG_FORMAT_SPOKEN)
        try(path, "\"a\\r\\nb\"", false, tally);
    if (field->format != CONFIG_FORMAT_ANY && field->format != CONFIG_FORMAT_SPOKEN)
        try(path, "\"no \\u00e4 such: form\"", false, tally);
    if (field->ref != CONFIG_REF_NONE || field->choices != NULL)
        try(path, "\"ghost\"", false, tally);
}

/* One more than the rooms below can use would be left out in silence. */
static void try_items(const struct path *path, struct tally *tally)
{
    const struct config_field *field = path->fields[path->count - 1];
    struct sr_buf text;

    if (field->max == 0)
        return;
    sr_buf_init(&text, TEXT_BYTES_MAX);
    for (uint32_t i = 0; i <= field->max; i++)
        sr_buf_fmt(&text, "%s\"192.0.2.%u\"", i > 0 ? ", " : "[", i % 256);
    sr_buf_c(&text, "]");
    try(path, sr_buf_cstr(&text), false, tally);
    sr_buf_done(&text);
}

static void try_key(const struct path *path, struct tally *tally)
{
    static const char *const no_bool[] = {"\"yes\"", "1", "null", "[]", NULL};
    static const char *const bools[] = {"true", "false", NULL};
    static const char *const no_choice[] = {"\"ghost\"", "5", "null", "[]", NULL};
    static const char *const no_list[] = {"\"x\"", "5",      "{}",     "null",
                                          "[5]",   "[\"\"]", "[null]", NULL};
    static const char *const no_object[] = {"\"x\"", "5", "[]", "null", NULL};
    static const char *const no_objects[] = {
        "\"x\"", "5", "{}", "null", "[5]", "[null]", "[{\"ghost\": 1}]", NULL};
    static const char *const no_secret[] = {
        "5", "true", "[]", "null", "{}", "{\"env\": 5}", "{\"ghost\": \"x\"}", NULL};
    static const char *const no_cidr[] = {"\"10.0.0.0/40\"", "\"ghost\"", "5", "null", NULL};
    static const char *const no_pattern[] = {"\"/(/\"", "5", "null", "[]", NULL};
    const struct config_field *field = path->fields[path->count - 1];

    tally->keys++;
    switch ((enum config_kind)field->kind) {
    case CONFIG_KIND_BOOL:
        try_all(path, no_bool, false, tally);
        if (strcmp(field->name, "allowAnonymousApi") != 0) /* wants loopback binds */
            try_all(path, bools, true, tally);
        break;
    case CONFIG_KIND_NUMBER:
        try_number(path, tally);
        break;
    case CONFIG_KIND_TEXT:
        try_text(path, tally);
        break;
    case CONFIG_KIND_SECRET:
        try_all(path, no_secret, false, tally);
        break;
    case CONFIG_KIND_CHOICE:
        try_all(path, no_choice, false, tally);
        break;
    case CONFIG_KIND_PATTERN:
        try_all(path, no_pattern, false, tally);
        break;
    case CONFIG_KIND_CHOICES:
        try(path, "[\"ghost\"]", false, tally);
        try(path, "[]", false, tally);
        try_all(path, no_list, false, tally);
        break;
    case CONFIG_KIND_CIDRS:
    case CONFIG_KIND_ADDRS:
        try(path, "[\"ghost\"]", false, tally);
        try_all(path, no_list, false, tally);
        try_items(path, tally);
        break;
    case CONFIG_KIND_TEXTS:
        try_items(path, tally);
        try(path, "[\"a\\r\\nb\"]", false, tally);
        try_all(path, no_list, false, tally);
        break;
    case CONFIG_KIND_CIDR:
        try_all(path, no_cidr, false, tally);
        break;
    case CONFIG_KIND_OBJECT:
    case CONFIG_KIND_PAIRS:
    case CONFIG_KIND_FEATURES:
        try_all(path, no_object, false, tally);
        try(path, "{\"ghost\": []}", false, tally);
        break;
    case CONFIG_KIND_LIST:
        try_all(path, no_objects, false, tally);
        break;
    }
}

static void walk(const struct config_object *object, struct path *path, struct tally *tally)
{
    for (uint32_t i = 0; i < object->field_count; i++) {
        const struct config_field *field = &object->fields[i];

        assert_true(path->count < PATH_OBJECTS_MAX);
        path->fields[path->count++] = field;
        try_key(path, tally);
        if (field->object != NULL)
            walk(field->object, path, tally);
        path->count--;
    }
}

/** Each key refuses what it cannot be, with its JSON path, its line and what to do; and takes its limits. */
static void every_key_has_limits_and_says_them(void **state)
{
    struct path path = {.count = 0};
    struct tally tally = {0};

    (void)state;
    walk(&config_schema, &path, &tally);
    assert_true(tally.keys > 200 && tally.refused > 1200 && tally.taken > 60);
    print_message("%u keys: %u wrong values refused, %u limits taken\n", tally.keys, tally.refused,
                  tally.taken);
}

int test_config_keys(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_has_limits_and_says_them),
    };
    return cmocka_run_group_tests_name("config_keys", tests, NULL, NULL);
}

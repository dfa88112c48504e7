/* `siprouter route`: what a number would do, by a configuration file. */
#include <stdio.h>

#include "base/alloc.h"
#include "call/routing.h"
#include "control/cli_internal.h"
#include "control/config_load.h"
#include "net/clock.h"

/* The configuration, or NULL: its faults were printed. */
static struct config *load(const char *path)
{
    struct config_faults *faults = sr_zalloc(1, sizeof(*faults));
    struct config *config = NULL;
    struct sr_buf out;

    config_faults_init(faults);
    if (config_load_file(path, faults, NULL, &config) != SR_OK) {
        sr_buf_init(&out, CONFIG_FAULTS_BYTES_MAX);
        config_faults_write_text(faults, path, &out);
        cli_complain("%s", sr_buf_cstr(&out));
        sr_buf_done(&out);
        config = NULL;
    }
    config_faults_done(faults);
    sr_free(faults);
    return config;
}

/* Whose call it is. False: there is no such thing, and it was said. */
static bool find_source(const struct config *config, const struct cli_options *options,
                        struct routing_query *query)
{
    if (options->provider != NULL) {
        query->provider = config_provider_by_id(config, sr_str_c(options->provider));
        if (query->provider == NULL)
            cli_complain("siprouter route: there is no provider \"%s\"\n", options->provider);
        return query->provider != NULL;
    }
    if (options->device != NULL) {
        query->device = config_device_by_user(config, sr_str_c(options->device));
        if (query->device == NULL)
            cli_complain("siprouter route: there is no device \"%s\"\n", options->device);
        return query->device != NULL;
    }
    return true;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* "a, b, c" */
static void join(const json_t *list, struct sr_buf *out)
{
    const json_t *item;
    size_t index;

    json_array_foreach(list, index, item)
        sr_buf_fmt(out, "%s%s", index > 0 ? ", " : "", json_string_value(item));
}

static void say_tried(const json_t *tried)
{
    const json_t *item;
    size_t index, width = 0;

    json_array_foreach(tried, index, item) width = SR_MAX(width, strlen(text_of(item, "route")));
    json_array_foreach(tried, index, item)
        cli_say("  %-3s  %-*s  %s\n", json_is_true(json_object_get(item, "matched")) ? "yes" : "no",
                (int)width, text_of(item, "route"), text_of(item, "why"));
}

static void say_fallback(const json_t *fallback)
{
    static const char *const keys[] = {"noAnswer", "busy", "offline", "declined"};
    static const char *const words[] = {"no answer", "busy", "offline", "declined"};
    const json_t *first = json_object_get(fallback, keys[0]);
    bool is_same = first != NULL, is_first = true;

    for (size_t i = 1; i < SR_ARRAY_LEN(keys); i++)
        is_same = is_same && json_equal(first, json_object_get(fallback, keys[i]));
    if (is_same) {
        cli_say("otherwise %s %s\n", text_of(first, "type"), text_of(first, "target"));
        return;
    }
    for (size_t i = 0; i < SR_ARRAY_LEN(keys); i++) {
        const json_t *action = json_object_get(fallback, keys[i]);

        if (action == NULL)
            continue;
        cli_say("%-9s %s: %s %s\n", is_first ? "then" : "", words[i], text_of(action, "type"),
                text_of(action, "target"));
        is_first = false;
    }
}

/* The router takes the call itself, no phone rings. */
static void say_here(const json_t *plan, const char *names)
{
    static const char *const actions[] = {"voicemail", "playMessage", "submenu"};
    const char *what = text_of(plan, "answeredBy");

    for (size_t i = 0; i < SR_ARRAY_LEN(actions); i++) {
        if (strcmp(what, actions[i]) == 0) {
            cli_say("answers   %s %s\n", what, names);
            return;
        }
    }
    cli_say("goes to   %s\n", names);
}

static void say_ringing(const json_t *plan)
{
    static const struct {
        const char *strategy, *text;
    } strategies[] = {{"all", "all at once"},
                      {"sequential", "one after the other"},
                      {"roundRobin", "in turn, one after the other"},
                      {"leastRecent", "who has rested longest first"}};
    json_int_t seconds = json_integer_value(json_object_get(plan, "noAnswerTimeout"));
    const char *how = "";
    struct sr_buf names;

    sr_buf_init(&names, 1 << 20);
    join(json_object_get(plan, "targets"), &names);
    for (size_t i = 0; i < SR_ARRAY_LEN(strategies); i++) {
        if (strcmp(text_of(plan, "strategy"), strategies[i].strategy) == 0)
            how = strategies[i].text;
    }
    if (strcmp(text_of(plan, "outcome"), "here") == 0)
        say_here(plan, sr_buf_cstr(&names));
    else if (names.len > 0 && seconds > 0)
        cli_say("rings     %s (%s, %d s)\n", sr_buf_cstr(&names), how, (int)seconds);
    else if (names.len > 0)
        cli_say("rings     %s\n", sr_buf_cstr(&names));
    if (strcmp(text_of(plan, "outcome"), "rings") == 0) {
        if (json_is_true(json_object_get(plan, "ringBrowsers")))
            cli_say("%s all browser guests\n", names.len > 0 ? "          and" : "rings    ");
        say_fallback(json_object_get(plan, "fallback"));
    }
    sr_buf_done(&names);
}

static void say_outside(const json_t *plan)
{
    struct sr_buf others;

    sr_buf_init(&others, 1 << 20);
    join(json_object_get(plan, "failoverProviders"), &others);
    cli_say("dials     %s%s\n", text_of(plan, "dialled"),
            json_is_true(json_object_get(plan, "emergency")) ? " (emergency: never limited)" : "");
    cli_say("through   %s%s%s\n", text_of(plan, "provider"), others.len > 0 ? ", then " : "",
            sr_buf_cstr(&others));
    cli_say("shows     %s\n", *text_of(plan, "callerId") != '\0' ? text_of(plan, "callerId")
                                                                 : "the provider's own number");
    sr_buf_done(&others);
}

static void say_plan(const json_t *plan, const struct cli_options *options)
{
    const json_t *refused = json_object_get(plan, "refused");
    json_int_t limit = json_integer_value(json_object_get(plan, "maxDurationSec"));
    const char *source = options->provider != NULL ? options->provider : options->device;

    cli_say("%s call to %s%s%s\n\n", text_of(plan, "direction"), text_of(plan, "number"),
            source != NULL ? " from " : "", source != NULL ? source : "");
    say_tried(json_object_get(plan, "tried"));
    cli_say("\n");
    if (*text_of(plan, "matched") != '\0')
        cli_say("route     %s\n", text_of(plan, "matched"));
    if (json_object_get(plan, "dialled") != NULL)
        say_outside(plan);
    else
        say_ringing(plan);
    if (limit > 0)
        cli_say("ends      after %d s at the latest\n", (int)limit);
    if (!json_is_object(refused))
        return;
    cli_say("refused   %s (%d): %s\n", text_of(refused, "reason"),
            (int)json_integer_value(json_object_get(refused, "sipStatus")),
            text_of(refused, "why"));
    if (*text_of(refused, "nearestRoute") != '\0')
        cli_say("nearest   %s: %s\n", text_of(refused, "nearestRoute"),
                text_of(refused, "nearestWhy"));
}

int cli_route(const struct cli_options *options)
{
    struct config *config = load(cli_config(options));
    struct routing_query query = {.number = sr_str_c(options->args[0]),
                                  .caller = sr_str_c(options->from),
                                  .now = net_clock_wall() / SR_SEC};
    struct sr_buf text;
    json_t *plan;
    int code;

    if (config == NULL || !find_source(config, options, &query)) {
        config_unref(config);
        return CLI_NO;
    }
    sr_buf_init(&text, 8 << 20);
    routing_test_json(config, &query, NULL, &text);
    plan = json_loadb(text.data, text.len, 0, NULL);
    code = json_is_null(json_object_get(plan, "refused")) ? CLI_OK : CLI_NO; /* nobody would ring */
    if (options->is_json) {
        sr_buf_char(&text, '\n');
        (void)fwrite(text.data, 1, text.len, stdout);
    } else {
        say_plan(plan, options);
    }
    json_decref(plan);
    sr_buf_done(&text);
    config_unref(config);
    return code;
}

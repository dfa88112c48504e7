/* `siprouter route`: what a number would do, by a configuration file. */
#include <stdio.h>

#include "base/alloc.h"
#include "call/routing.h"
#include "control/cli_internal.h"
#include "control/config_load.h"

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

static bool is_device_known(const struct config *config, const char *device)
{
    if (device == NULL || config_device_by_user(config, sr_str_c(device)) != NULL)
        return true;
    cli_complain("siprouter route: there is no device \"%s\"\n", device);
    return false;
}

static void say_plan(const json_t *plan)
{
    const json_t *item;
    size_t index;

    json_array_foreach(json_object_get(plan, "tried"), index, item)
    {
        cli_say("tried %s: %s, %s\n", json_string_value(json_object_get(item, "route")),
                json_is_true(json_object_get(item, "matched")) ? "matched" : "no",
                json_string_value(json_object_get(item, "why")));
    }
    json_array_foreach(json_object_get(plan, "targets"), index, item)
        cli_say("rings %s\n", json_string_value(item));
}

int cli_route(const struct cli_options *options)
{
    struct config *config = load(cli_config(options));
    struct sr_buf text;
    json_t *plan;
    int code = CLI_NO;

    if (config == NULL || !is_device_known(config, options->device)) {
        config_unref(config);
        return CLI_NO;
    }
    sr_buf_init(&text, 1 << 20);
    routing_test_json(config, sr_str_c(options->args[0]),
                      sr_str_c(options->from != NULL ? options->from : options->device), &text);
    plan = json_loadb(text.data, text.len, 0, NULL);
    if (json_array_size(json_object_get(plan, "targets")) > 0)
        code = CLI_OK; /* else nobody would ring */
    if (options->is_json)
        cli_say("%.*s\n", SR_STR_ARG(sr_buf_view(&text)));
    else
        say_plan(plan);
    json_decref(plan);
    sr_buf_done(&text);
    config_unref(config);
    return code;
}

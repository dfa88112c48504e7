/* Time zones of schedules, and the golden calls of `routing.tests`: each is resolved as a real call
 * would be, and must go where the file says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "call/routing.h"
#include "control/config_internal.h"
#include "control/wall_parse.h"
#include "net/clock.h"

#define ZONE_FOLDER "/usr/share/zoneinfo"
#define ZONE_SYSTEM "/etc/localtime"

/* ---- zones ----------------------------------------------------------------------------------- */

static const struct zone *read_zone(struct config__load *load, const char *path)
{
    const struct zone *zone = NULL;
    struct sr_buf file;
    char *room = NULL;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return NULL;
    sr_buf_init(&file, ZONE_BYTES_MAX);
    while (got > 0 && (room = sr_buf_reserve(&file, 4096)) != NULL) {
        do {
            got = read(fd, room, 4096);
        } while (got < 0 && errno == EINTR);
        if (got > 0)
            sr_buf_commit(&file, (size_t)got);
    }
    (void)close(fd);
    if (got < 0 || zone_parse(sr_buf_view(&file), &load->config->arena, &zone) != SR_OK)
        zone = NULL;
    sr_buf_done(&file);
    return zone;
}

static const struct zone *find_zone(struct config__load *load, struct sr_str name)
{
    char path[sizeof(ZONE_FOLDER) + 256];
    int n = snprintf(path, sizeof(path), ZONE_FOLDER "/%.*s", SR_STR_ARG(name));

    return n > 0 && (size_t)n < sizeof(path) ? read_zone(load, path) : NULL;
}

void config__load_zones(struct config__load *load)
{
    struct config *config = load->config;
    const char *name = NULL;

    if (!load->options->ignores_environment)
        name = load->options->env ? load->options->env("TZ") : getenv("TZ");
    if (name != NULL && *name == ':')
        name++;
    if (name != NULL && *name != '\0' && *name != '/' && strstr(name, "..") == NULL)
        config->zone = find_zone(load, sr_str_c(name));
    if (config->zone == NULL && !load->options->ignores_environment)
        config->zone = read_zone(load, ZONE_SYSTEM);
    for (uint32_t i = 0; i < config->schedule_count; i++) {
        struct config_schedule *schedule = &config->schedules[i];

        schedule->zone = config->zone;
        if (schedule->timezone.n == 0 || schedule->timezone.p[0] == '/')
            continue;
        for (uint32_t k = 0; k < i && schedule->zone == config->zone; k++) {
            if (sr_str_eq(config->schedules[k].timezone, schedule->timezone))
                schedule->zone = config->schedules[k].zone;
        }
        if (schedule->zone == config->zone)
            schedule->zone = find_zone(load, schedule->timezone);
        if (schedule->zone == NULL)
            config__fault(load, CONFIG_WARNING, config__node(load, "/schedules/%u/timezone", i),
                          SR_STR("install the system's zone files (package tzdata)"),
                          "the clock of \"%.*s\" cannot be read: UTC is used",
                          SR_STR_ARG(schedule->timezone));
    }
}

/* ---- golden calls ---------------------------------------------------------------------------- */

/* Why the route that was expected does not take the call, or "". */
static void write_missing(const struct config *config, const struct routing_query *query,
                          const struct config_route *wanted, struct sr_buf *out)
{
    struct routing_plan plan;

    if (wanted == NULL)
        return;
    if (!wanted->is_enabled) {
        sr_buf_fmt(out, "; %.*s is disabled", SR_STR_ARG(wanted->id));
        return;
    }
    routing_explain(config, query, wanted, &plan);
    sr_buf_fmt(out, "; %.*s: %s", SR_STR_ARG(wanted->id),
               plan.route == wanted ? "it would take the call, but the other comes first"
                                    : plan.nearest_why);
}

static void fault_golden(struct config__load *load, uint32_t index,
                         const struct routing_query *query, const struct routing_plan *plan)
{
    const struct config_test *test = &load->config->routing.tests[index];
    struct sr_buf text;

    sr_buf_init(&text, 2048);
    sr_buf_fmt(&text, "golden call to %.*s", SR_STR_ARG(test->call.to));
    if (test->call.provider != NULL)
        sr_buf_fmt(&text, " from provider %.*s", SR_STR_ARG(test->call.provider_id));
    else if (test->call.device != NULL)
        sr_buf_fmt(&text, " from device %.*s", SR_STR_ARG(test->call.device_id));
    sr_buf_c(&text, " goes to ");
    if (plan->route != NULL)
        sr_buf_fmt(&text, "route \"%.*s\"", SR_STR_ARG(plan->route->id));
    else
        sr_buf_c(&text, plan->outcome == ROUTING_EXTENSION ? "an extension" : "no route");
    if (test->expect.route_id.n > 0)
        sr_buf_fmt(&text, ", not to \"%.*s\"", SR_STR_ARG(test->expect.route_id));
    else
        sr_buf_c(&text, ", and should go to none");
    write_missing(load->config, query, test->expect.route, &text);
    config__fault(load, CONFIG_ERROR, config__node(load, "/routing/tests/%u", index),
                  SR_STR("correct the route, or the test; \"siprouter route\" shows every step"),
                  "%s", sr_buf_cstr(&text));
    sr_buf_done(&text);
}

static void run_golden(struct config__load *load, uint32_t index)
{
    const struct config *config = load->config;
    const struct config_test_call *call = &config->routing.tests[index].call;
    struct routing_query query = {.provider = call->provider,
                                  .device = call->device,
                                  .number = call->to,
                                  .caller = call->from,
                                  .now = net_clock_wall() / SR_SEC};
    struct routing_plan plan;
    int64_t at;

    if (call->provider != NULL && call->device != NULL) {
        config__fault(load, CONFIG_ERROR, config__node(load, "/routing/tests/%u/call", index),
                      SR_STR("name a provider or a device"),
                      "a call comes from a provider or from a device, not from both");
        return;
    }
    if (call->at.n > 0) {
        if (wall_parse(call->at, &at) != SR_OK) {
            config__fault(load, CONFIG_ERROR,
                          config__node(load, "/routing/tests/%u/call/at", index),
                          SR_STR("write it as 2026-01-31T12:00:00+01:00"), "this is no moment");
            return;
        }
        query.now = at / SR_SEC;
    }
    routing_resolve(config, &query, &plan, NULL);
    if (plan.route != config->routing.tests[index].expect.route)
        fault_golden(load, index, &query, &plan);
}

void config__run_golden(struct config__load *load)
{
    for (uint32_t i = 0; i < load->config->routing.test_count; i++)
        run_golden(load, i);
}

/* `siprouter bench`: what this machine can carry, in numbers to plan with. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "control/cli_internal.h"
#include "worker/media_bench.h"

enum {
    SECONDS_DEFAULT = 60,
    SECONDS_MIN = 16,
    SECONDS_MAX = 3600,
    LOAD_PCT = 80, /* of all cores: the rest is for signalling, the system and peaks */
};

#define LOST_PCT 0.1 /* above, a figure says more of other work on the machine than of us; */
#define LATE_PCT 1.0 /* the same of delays */

struct scenario {
    const char *name, *title, *unit;
    uint32_t per_room; /* what one room counts as: 1 call, or its legs */
    struct media_bench_scenario what;
};

static const struct scenario scenarios[] = {
    {"relay", "calls, same codec (relay)", "calls", 1, {{CODEC_PCMA, CODEC_PCMA}, 100, 2, 2}},
    {"g711_g722", "calls, G.711 to G.722", "calls", 1, {{CODEC_PCMA, CODEC_G722}, 40, 2, 2}},
    {"g711_opus", "calls, G.711 to Opus", "calls", 1, {{CODEC_PCMA, CODEC_OPUS}, 20, 2, 2}},
    {"room_g711", "legs in rooms of 20, G.711", "legs", 20, {{CODEC_PCMA, CODEC_PCMA}, 5, 20, 3}},
    {"room_opus", "legs in rooms of 20, Opus", "legs", 20, {{CODEC_OPUS, CODEC_OPUS}, 3, 20, 3}},
};

struct delay_case {
    const char *name, *title;
    enum codec_id codecs[2];
};

static const struct delay_case delay_cases[] = {
    {"relay", "relay", {CODEC_PCMA, CODEC_PCMA}},
    {"mix", "mixed, G.711", {CODEC_PCMA, CODEC_PCMU}},
    {"mix_opus", "mixed, G.711 to Opus", {CODEC_PCMA, CODEC_OPUS}},
};

struct figures {
    double cpu_pct_each; /* of one core, for one call or leg */
    double per_core, per_machine;
    struct media_bench_result result;
};

static void name_processor(char *out, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");

    (void)snprintf(out, size, "unknown processor");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        struct sr_str value = sr_str_c(line), key;

        if (sr_str_split(&value, ':', &key) && sr_str_eq_c(sr_str_trim(key), "model name")) {
            (void)sr_str_copy(sr_str_trim(value), out, size);
            break;
        }
    }
    if (file != NULL)
        (void)fclose(file);
}

static void judge(const struct scenario *scenario, long cores, struct figures *figures)
{
    uint32_t units = scenario->what.rooms * scenario->per_room;

    figures->cpu_pct_each = figures->result.cpu_pct / units;
    figures->per_core = 100 / SR_MAX(figures->cpu_pct_each, 1e-6);
    figures->per_machine = figures->per_core * (double)cores * LOAD_PCT / 100;
}

static json_t *as_json(const struct scenario *scenario, const struct figures *figures)
{
    return json_pack(
        "{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:i}", "name", scenario->name, "unit", scenario->unit,
        "measuredWith", (int)(scenario->what.rooms * scenario->per_room), "cpuPctEach",
        figures->cpu_pct_each, "perCore", figures->per_core, "perMachine", figures->per_machine,
        "lostPct", figures->result.lost_pct, "overruns", (int)figures->result.overruns);
}

static void say_row(const struct scenario *scenario, const struct figures *figures)
{
    cli_say("%-28s %8.3f %% %10.0f %12.0f", scenario->title, figures->cpu_pct_each,
            figures->per_core, figures->per_machine);
    if (figures->result.lost_pct > LOST_PCT)
        cli_say("   (%.1f %% lost: this machine was busy, run it again)", figures->result.lost_pct);
    else if (figures->result.overruns > 0)
        cli_say("   (late ticks: %llu; this machine was busy, run it again)",
                (unsigned long long)figures->result.overruns);
    cli_say("\n");
    (void)fflush(stdout);
}

/* False: the system refused. */
static bool run_delays(sr_usec each, json_t *rows, bool is_json)
{
    if (!is_json)
        cli_say("\n%-28s %10s %10s\n", "delay added", "median", "worst");
    for (size_t i = 0; i < SR_ARRAY_LEN(delay_cases); i++) {
        const struct delay_case *one = &delay_cases[i];
        struct media_bench_delay delay;

        if (media_bench_delay(one->codecs, each, &delay) != SR_OK)
            return false;
        (void)json_array_append_new(rows, json_pack("{s:s, s:f, s:f, s:f, s:i}", "name", one->name,
                                                    "medianMs", delay.median_ms, "worstMs",
                                                    delay.worst_ms, "latePct", delay.late_pct,
                                                    "bursts", (int)delay.bursts));
        if (!is_json)
            cli_say("%-28s %7.1f ms %7.1f ms%s\n", one->title, delay.median_ms, delay.worst_ms,
                    delay.late_pct > LATE_PCT ? "   (this machine was busy, run it again)" : "");
    }
    return true;
}

static bool seconds_of(const struct cli_options *options, uint32_t *ret_seconds)
{
    *ret_seconds = SECONDS_DEFAULT;
    if (options->seconds == NULL)
        return true;
    if (sr_str_u32(sr_str_c(options->seconds), SECONDS_MAX, ret_seconds) == SR_OK &&
        *ret_seconds >= SECONDS_MIN)
        return true;
    cli_complain("siprouter bench: --seconds is a number from %d to %d\n", SECONDS_MIN,
                 SECONDS_MAX);
    return false;
}

/* Every call takes two pairs of sockets; the phones of the measurement one each. */
static void raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return; /* then opening says so */
}

int cli_bench(const struct cli_options *options)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    sr_usec each;
    uint32_t seconds;
    char processor[128];
    json_t *rows = json_array(), *delays = json_array();
    int code = CLI_OK;

    if (!seconds_of(options, &seconds)) {
        json_decref(rows);
        json_decref(delays);
        return CLI_USAGE;
    }
    raise_files();
    name_processor(processor, sizeof(processor));
    each =
        (sr_usec)seconds * SR_SEC / (sr_usec)(SR_ARRAY_LEN(scenarios) + SR_ARRAY_LEN(delay_cases)) -
        1200 * SR_MSEC;
    if (!options->is_json)
        cli_say("%ld cores, %s; media threads only, about %u s\n\n%-28s %10s %10s %12s\n", cores,
                processor, seconds, "", "core each", "one core", "at 80 %");
    for (size_t i = 0; i < SR_ARRAY_LEN(scenarios) && code == CLI_OK; i++) {
        struct figures figures = {0};

        if (media_bench_run(&scenarios[i].what, each, &figures.result) != SR_OK) {
            code = CLI_NO;
            break;
        }
        judge(&scenarios[i], cores, &figures);
        (void)json_array_append_new(rows, as_json(&scenarios[i], &figures));
        if (!options->is_json)
            say_row(&scenarios[i], &figures);
    }
    if (code == CLI_OK && !run_delays(each, delays, options->is_json))
        code = CLI_NO;
    if (code != CLI_OK)
        cli_complain("siprouter bench: the system refused sockets or threads (ulimit -n?)\n");
    if (options->is_json && code == CLI_OK) {
        json_t *all =
            json_pack("{s:i, s:s, s:i, s:O, s:O}", "cores", (int)cores, "processor", processor,
                      "seconds", (int)seconds, "scenarios", rows, "delays", delays);
        char *text = json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(6));

        cli_say("%s\n", text);
        free(text); /* jansson's own */
        json_decref(all);
    } else if (code == CLI_OK) {
        cli_say("\nAt 80 %%: all cores of this machine, a fifth left for signalling and peaks.\n");
    }
    json_decref(rows);
    json_decref(delays);
    return code;
}

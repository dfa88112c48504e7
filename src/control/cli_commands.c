/* The commands that ask the running router. */
#include <stdio.h>
#include <stdlib.h>

#include "control/cli_internal.h"
#include "control/http_parse.h"

enum {
    CLI_WHY_MAX = 4096,
    TIME_SECOND_CHARS = 19, /* of RFC 3339 */
};

#define QUERY " --json --data --url --ca "

static json_t *fields(const char *key, const char *value)
{
    json_t *object = json_object();

    (void)json_object_set_new(object, key, json_string(value));
    return object;
}

static void add(json_t *object, const char *key, const char *value)
{
    if (value != NULL)
        (void)json_object_set_new(object, key, json_string(value));
}

/* Asks, judges, prints JSON when wanted. CLI_OK with *ret_is_printed false: print for people. */
static int query(const struct cli_options *options, const char *method, const char *path,
                 json_t *body, struct cli_answer *answer)
{
    int code = cli_ask(options, method, path, body, false, answer);

    if (code != CLI_OK)
        return code;
    code = cli_judge(answer);
    if (code == CLI_OK && options->is_json && answer->text.len > 0) {
        (void)fwrite(answer->text.data, 1, answer->text.len, stdout);
        (void)fputc('\n', stdout);
    }
    return code;
}

/* All items of a list, page by page; a new reference, NULL when it failed. */
static json_t *read_all(const struct cli_options *options, const char *list, int *ret_code)
{
    json_t *items = json_array();
    char cursor[64] = "", path[128];

    do {
        struct cli_answer answer;
        const char *next;

        (void)snprintf(path, sizeof(path), "/api/%s?limit=1000%s%s", list,
                       cursor[0] != '\0' ? "&cursor=" : "", cursor);
        *ret_code = cli_ask(options, "GET", path, NULL, false, &answer);
        if (*ret_code == CLI_OK)
            *ret_code = cli_judge(&answer);
        if (*ret_code == CLI_OK)
            (void)json_array_extend(items, json_object_get(answer.json, "items"));
        next = json_string_value(json_object_get(answer.json, "nextCursor"));
        (void)snprintf(cursor, sizeof(cursor), "%s", next != NULL ? next : "");
        cli_answer_done(&answer);
    } while (*ret_code == CLI_OK && cursor[0] != '\0');
    if (*ret_code == CLI_OK)
        return items;
    json_decref(items);
    return NULL;
}

static void say_json(const json_t *value)
{
    (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
    (void)fputc('\n', stdout);
}

/* "/api/calls/" ID, escaped. */
static const char *path_of(const char *before, const char *id, const char *after,
                           struct sr_buf *buf)
{
    sr_buf_init(buf, 4096);
    sr_buf_c(buf, before);
    http_encode(sr_str_c(id), buf);
    sr_buf_c(buf, after);
    return sr_buf_cstr(buf);
}

/* One text of all that legs have to say: "101: the sentence". */
static void add_why(json_t *items)
{
    json_t *item, *leg;
    size_t i, k;

    json_array_foreach(items, i, item)
    {
        struct sr_buf why;

        sr_buf_init(&why, CLI_WHY_MAX);
        json_array_foreach(json_object_get(item, "legs"), k, leg)
        {
            const char *verdict = json_string_value(json_object_get(leg, "verdict"));
            const char *provider = json_string_value(json_object_get(leg, "providerId"));
            const char *number = json_string_value(json_object_get(leg, "number"));

            if (verdict == NULL)
                continue;
            sr_buf_fmt(&why, "%s%s: %s", why.len > 0 ? " | " : "",
                       provider != NULL ? provider : (number != NULL ? number : "?"), verdict);
        }
        if (why.len > 0)
            (void)json_object_set_new(item, "why", json_stringn(why.data, why.len));
        sr_buf_done(&why);
    }
}

/* "2026-11-21T05:54:02.907Z" to the second. */
static void shorten_time(json_t *item, const char *key)
{
    const char *text = json_string_value(json_object_get(item, key));
    char second[24];

    if (text == NULL || strlen(text) < TIME_SECOND_CHARS + 1)
        return;
    (void)snprintf(second, sizeof(second), "%.*sZ", TIME_SECOND_CHARS, text);
    (void)json_object_set_new(item, key, json_string(second));
}

/* What people want to read of a call, on one line. */
static void make_short(json_t *items)
{
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
    {
        long long sec = (long long)json_integer_value(json_object_get(item, "durationSec"));
        char lasted[32];

        (void)snprintf(lasted, sizeof(lasted), "%lld:%02lld", sec / 60, sec % 60);
        if (json_is_string(json_object_get(item, "answeredAt")))
            (void)json_object_set_new(item, "lasted", json_string(lasted));
        shorten_time(item, "startedAt");
    }
}

/* A table, or what to say when there is nothing to show. */
static void say_table(json_t *items, const struct cli_column *columns, size_t column_count,
                      const char *nothing)
{
    add_why(items);
    make_short(items);
    if (json_array_size(items) > 0)
        cli_table(items, columns, column_count);
    else
        cli_say("%s\n", nothing);
}

static int list(const struct cli_options *options, const char *name,
                const struct cli_column *columns, size_t column_count, const char *nothing)
{
    int code;
    json_t *items = read_all(options, name, &code);
    json_t *whole = json_pack("{s:O?,s:n}", "items", items, "nextCursor");

    if (items != NULL && options->is_json)
        say_json(whole);
    else if (items != NULL)
        say_table(items, columns, column_count, nothing);
    json_decref(whole);
    json_decref(items);
    return code;
}

static int run_call(const struct cli_options *options)
{
    json_t *body = fields("to", options->args[0]);
    struct cli_answer answer;
    const char *id;
    int code;

    add(body, "from", options->from);
    add(body, "providerId", options->provider);
    code = query(options, "POST", "/api/call", body, &answer);
    id = json_string_value(json_object_get(answer.json, "callId"));
    if (code == CLI_OK && !options->is_json)
        cli_say("%s\n", id != NULL ? id : "");
    cli_answer_done(&answer);
    return code;
}

static int run_calls(const struct cli_options *options)
{
    static const struct cli_column columns[] = {
        {"CALL", "callId"},     {"DIRECTION", "direction"}, {"FROM", "from"},
        {"TO", "to"},           {"STATE", "state"},         {"MEDIA", "media"},
        {"SINCE", "startedAt"}, {"LEGS", "legs"},           {"WHY", "why"},
    };

    return list(options, "calls", columns, SR_ARRAY_LEN(columns), "no live calls");
}

static int run_devices(const struct cli_options *options)
{
    static const struct cli_column columns[] = {
        {"DEVICE", "id"},
        {"EXTENSION", "extension"},
        {"NAME", "displayName"},
        {"REGISTERED", "registered"},
        {"CONTACTS", "contactCount"},
        {"CALLS", "calls"},
    };

    return list(options, "devices", columns, SR_ARRAY_LEN(columns), "no devices are configured");
}

static int run_providers(const struct cli_options *options)
{
    static const struct cli_column columns[] = {{"PROVIDER", "id"}, {"DOMAIN", "domain"},
                                                {"STATE", "state"}, {"SERVER", "address"},
                                                {"CALLS", "calls"}, {"WHY", "verdict"}};

    return list(options, "providers", columns, SR_ARRAY_LEN(columns),
                "no providers are configured");
}

static int run_history(const struct cli_options *options)
{
    static const struct cli_column columns[] = {
        {"CALL", "callId"},   {"STARTED", "startedAt"}, {"FROM", "from"}, {"TO", "to"},
        {"LASTED", "lasted"}, {"REASON", "reason"},     {"WHY", "why"},
    };
    struct cli_answer answer;
    struct sr_buf buf;
    int code = query(
        options, "GET",
        path_of("/api/history?limit=", options->limit != NULL ? options->limit : "50", "", &buf),
        NULL, &answer);

    if (code == CLI_OK && !options->is_json)
        say_table(json_object_get(answer.json, "items"), columns, SR_ARRAY_LEN(columns),
                  "no call has ended yet");
    cli_answer_done(&answer);
    sr_buf_done(&buf);
    return code;
}

static int run_hangup(const struct cli_options *options)
{
    struct cli_answer answer;
    struct sr_buf buf;
    int code =
        query(options, "DELETE", path_of("/api/calls/", options->args[0], "", &buf), NULL, &answer);

    cli_answer_done(&answer);
    sr_buf_done(&buf);
    return code;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "-";
}

static int save_trace(const struct cli_options *options)
{
    struct cli_answer answer;
    struct sr_buf buf;
    int code =
        cli_ask(options, "GET", path_of("/api/calls/", options->args[0], "/trace.pcap", &buf), NULL,
                false, &answer);

    if (code == CLI_OK)
        code = cli_judge(&answer);
    if (code == CLI_OK)
        code = cli_write_file(options, sr_buf_view(&answer.text));
    cli_answer_done(&answer);
    sr_buf_done(&buf);
    return code;
}

static int show_trace(const struct cli_options *options)
{
    struct cli_answer answer;
    struct sr_buf buf;
    int code = query(options, "GET", path_of("/api/calls/", options->args[0], "/trace", &buf), NULL,
                     &answer);
    const json_t *message;
    bool is_sent;
    size_t index;

    json_array_foreach(answer.json, index, message)
    {
        if (code != CLI_OK || options->is_json)
            break;
        is_sent = strcmp(text_of(message, "direction"), "sent") == 0;
        cli_say("%s  %s  %s  %s  %s -> %s\n", text_of(message, "at"), text_of(message, "legId"),
                text_of(message, "direction"), text_of(message, "transport"),
                text_of(message, is_sent ? "local" : "remote"),
                text_of(message, is_sent ? "remote" : "local"));
        cli_say_safe(sr_str_c(text_of(message, "message")), true);
        cli_say("\n");
    }
    cli_answer_done(&answer);
    sr_buf_done(&buf);
    return code;
}

static int run_trace(const struct cli_options *options)
{
    return options->output != NULL ? save_trace(options) : show_trace(options);
}

static int run_reload(const struct cli_options *options)
{
    struct cli_answer answer;
    int code = query(options, "POST", "/api/reload", NULL, &answer);
    const json_t *diff = json_object_get(answer.json, "diff"), *pointer;
    size_t index, count;

    if (code == CLI_OK && !options->is_json) {
        count = json_array_size(json_object_get(diff, "changes"));
        cli_say("reloaded: %zu change%s\n", count, count == 1 ? "" : "s");
        json_array_foreach(json_object_get(diff, "restart"), index, pointer)
        {
            cli_say("waits for a restart: %s\n", json_string_value(pointer));
        }
    }
    cli_answer_done(&answer);
    return code;
}

static int run_drain(const struct cli_options *options)
{
    struct cli_answer answer;
    int code = query(options, "POST", "/api/drain", NULL, &answer);

    if (code == CLI_OK && !options->is_json)
        cli_say("draining: no new calls; the router stops when the last one has ended\n");
    cli_answer_done(&answer);
    return code;
}

/* A number of the status, by its path of two names; 0 when it is not told. */
static long long number_of(const json_t *status, const char *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(json_object_get(status, object), key));
}

static void say_uptime(long long sec)
{
    static const struct {
        long long sec;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    size_t i = 0;

    while (i + 1 < SR_ARRAY_LEN(units) && sec < units[i].sec)
        i++;
    cli_say("%lld %s%s", sec / units[i].sec, units[i].name, sec / units[i].sec == 1 ? "" : "s");
}

static void say_texts(const json_t *texts)
{
    const json_t *text;
    size_t index;

    json_array_foreach(texts, index, text)
    {
        cli_say("%s%s", index > 0 ? ", " : "", json_string_value(text));
    }
    if (json_array_size(texts) == 0)
        cli_say("this machine");
}

/* What the system did not give. */
static void say_shortage(const json_t *status)
{
    long long waiting =
        number_of(status, "sip", "connectionsWaiting") + number_of(status, "web", "failedAccepts");
    long long lost = number_of(status, "log", "linesLost");

    if (waiting > 0)
        cli_say("files      none was left for a connection, %lld times: raise LimitNOFILE\n",
                waiting);
    if (lost > 0)
        cli_say("log        %lld lines lost: nobody read them\n", lost);
}

/* What one wants to know first; all numbers are in --json. */
static void say_status(const json_t *status)
{
    const json_t *addresses = json_object_get(status, "addresses");

    cli_say("siprouter %s, %s, up ", text_of(status, "version"),
            json_is_true(json_object_get(status, "draining")) ? "draining" : "running");
    say_uptime((long long)json_integer_value(json_object_get(status, "uptimeSec")));
    cli_say("\n");
    if (addresses == NULL) /* the role may not see more */
        return;
    cli_say("calls      %lld live, %lld since the start, %lld of them not answered\n",
            number_of(status, "calls", "live"), number_of(status, "calls", "total"),
            number_of(status, "calls", "failed"));
    if (number_of(status, "calls", "refusedOverload") > 0)
        cli_say("           %lld refused, because the machine was too busy\n",
                number_of(status, "calls", "refusedOverload"));
    cli_say("phones     %lld of %lld registered; server ",
            number_of(status, "devices", "registered"), number_of(status, "devices", "configured"));
    say_texts(json_object_get(addresses, "phones"));
    cli_say(", port %lld\n", number_of(status, "addresses", "lanPort"));
    cli_say("providers  %lld of %lld up\n", number_of(status, "providers", "up"),
            number_of(status, "providers", "configured"));
    cli_say("audio      %lld of %lld port pairs free, %lld times late\n",
            number_of(status, "media", "portsFree"),
            number_of(status, "media", "portsFree") + number_of(status, "media", "portsUsed"),
            number_of(status, "media", "overruns"));
    if (number_of(status, "media", "portsRefused") > 0)
        cli_say("           %lld parties got no port: raise proxy.rtpPortRange, or LimitNOFILE\n",
                number_of(status, "media", "portsRefused"));
    cli_say("security   %lld wrong passwords, %lld bans in force, %lld messages not understood\n",
            number_of(status, "sip", "authFailures"), number_of(status, "sip", "bans"),
            number_of(status, "sip", "badMessages"));
    say_shortage(status);
    if (json_array_size(json_object_get(status, "restart")) > 0) {
        cli_say("restart    waited for by ");
        say_texts(json_object_get(status, "restart"));
        cli_say("\n");
    }
    if (!json_is_true(json_object_get(json_object_get(status, "store"), "healthy")))
        cli_say("store      cannot be written: records may be lost (disk full?)\n");
}

static int run_status(const struct cli_options *options)
{
    struct cli_answer answer;
    int code = query(options, "GET", "/api/status", NULL, &answer);

    if (code == CLI_OK && !options->is_json)
        say_status(answer.json);
    cli_answer_done(&answer);
    return code;
}

static int run_version(const struct cli_options *options)
{
    cli_say(options->is_json ? "{\"version\":\"%s\"}\n" : "siprouter %s\n", SR_VERSION);
    return CLI_OK;
}

const struct cli_command cli_commands[] = {
    {"call", 1, 1, run_call, " --from --provider" QUERY,
     "call TO [--from DEVICE] [--provider ID] [--json]\n\n"
     "Rings DEVICE first and dials TO when it answers; without --from a call of one\n"
     "party."},
    {"calls", 0, 0, run_calls, QUERY, "calls [--json]\n\nThe live calls."},
    {"hangup", 1, 1, run_hangup, QUERY, "hangup CALL\n\nEnds a call."},
    {"devices", 0, 0, run_devices, QUERY, "devices [--json]\n\nDevices and their registrations."},
    {"providers", 0, 0, run_providers, QUERY, "providers [--json]\n\nProviders and their state."},
    {"history", 0, 0, run_history, " --limit" QUERY,
     "history [--limit N] [--json]\n\nThe newest call records."},
    {"trace", 1, 1, run_trace, " -o --output" QUERY,
     "trace CALL [--json] [-o FILE.pcap]\n\n"
     "The SIP messages of a call; with -o as a capture file for Wireshark or sngrep."},
    {"status", 0, 0, run_status, QUERY,
     "status [--json]\n\nHow the running router is; all its numbers with --json."},
    {"reload", 0, 0, run_reload, QUERY,
     "reload [--json]\n\nReads the configuration again; a faulty file changes nothing."},
    {"drain", 0, 0, run_drain, QUERY, "drain\n\nNo new calls; stops when the last has ended."},
    {"route", 1, 1, cli_route, " --config --provider --device --from --json ",
     "route [--config FILE] [--provider ID] [--device ID]\n"
     "                       [--from CALLER] NUMBER [--json]\n\n"
     "What a number would do by a configuration file; no router need run."},
    {"passwd", 1, 1, cli_passwd, " --role --data --url --ca ",
     "passwd USER [--role admin|read|user]\n\n"
     "Sets a page password, asked for twice (or two lines on standard input). With\n"
     "--role a user who is not there is made. Works with and without a running router."},
    {"version", 0, 0, run_version, QUERY, "version [--json]\n\nThe version of this program."},
    {"check", 0, 0, cli_check, " --config --json ",
     "check [--config FILE] [--json]\n\nEvery fault of a configuration; exit 0 or 1."},
    {"say", 1, 1, cli_say_text, " -o --output --voice ",
     "say \"text\" -o FILE.wav [--voice NAME]\n\n"
     "Speaks a text into a WAV file; - is standard output. No router need run."},
    {"bench", 0, 0, cli_bench, " --seconds --json ",
     "bench [--seconds N] [--json]\n\n"
     "What this machine can carry: calls in relay and mixed, legs in rooms. Measures\n"
     "on loopback for about a minute (N seconds); best while nothing else runs. No\n"
     "router need run."},
};

const size_t cli_command_count = SR_ARRAY_LEN(cli_commands);

/**
 * @file cli_internal.h  What the cli*.c files share.
 *
 * Layer:   control
 */
#ifndef SR_CONTROL_CLI_INTERNAL_H
#define SR_CONTROL_CLI_INTERNAL_H

#include <jansson.h>

#include "base/buf.h"

enum {
    CLI_OK = 0,
    CLI_NO = 1,
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3,
    CLI_ARGS_MAX = 4,
    CLI_PATH_MAX = 512,
};

struct cli_options {
    const char *command;
    const char *args[CLI_ARGS_MAX]; /* not options */
    size_t arg_count;
    const char *config, *data, *url, *ca;
    const char *from, *provider, *device, *role, *limit, *seconds, *voice, *output;
    bool is_json, is_help;
};

struct cli_command {
    const char *name;
    size_t args_min, args_max;
    int (*run)(const struct cli_options *options);
    const char *allowed; /* of the options, " --from --provider " */
    const char *usage;   /* after "usage: siprouter " */
};

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

/* ---- client (cli_client.c) ---- */

struct cli_answer {
    unsigned status;
    struct sr_buf text;
    json_t *json; /* or NULL */
};

/**
 * Asks the running router. Prints why it cannot be reached (unless is_quiet).
 *
 * @param body  reference is taken; NULL: none
 * @return CLI_OK with an answer of any status, to be freed with cli_answer_done; CLI_UNREACHABLE;
 *         CLI_USAGE: --url without a token, or no address
 */
int cli_ask(const struct cli_options *options, const char *method, const char *path, json_t *body,
            bool is_quiet, struct cli_answer *ret_answer);
void cli_answer_done(struct cli_answer *answer);
/** CLI_OK for 2xx; else prints the problem and gives CLI_NO. */
int cli_judge(const struct cli_answer *answer);
/** The data folder: --data, else ./data, else /var/lib/siprouter. */
const char *cli_data(const struct cli_options *options);
const char *cli_config(const struct cli_options *options);

/* ---- printing (cli_table.c) ---- */

struct cli_column {
    const char *title, *key; /* key: "deviceId" or "quality.mos" */
};

/** Standard output; text of peers is made safe for a terminal. */
void cli_say(const char *format, ...) SR_PRINTF(1, 2);
void cli_complain(const char *format, ...) SR_PRINTF(1, 2);
void cli_say_safe(struct sr_str text, bool keeps_lines);
void cli_table(const json_t *items, const struct cli_column *columns, size_t column_count);

/** To options->output, "-" for standard output. CLI_NO: it could not be written, which was said. */
int cli_write_file(const struct cli_options *options, struct sr_str bytes);

/* ---- commands elsewhere ---- */

int cli_bench(const struct cli_options *options);
int cli_check(const struct cli_options *options);
int cli_route(const struct cli_options *options);
int cli_passwd(const struct cli_options *options);
int cli_say_text(const struct cli_options *options);

#endif

#include "control/cli.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/cli_internal.h"

struct option {
    const char *name;
    size_t offset;
};

static const struct option text_options[] = {
    {"--config", offsetof(struct cli_options, config)},
    {"--data", offsetof(struct cli_options, data)},
    {"--url", offsetof(struct cli_options, url)},
    {"--ca", offsetof(struct cli_options, ca)},
    {"--from", offsetof(struct cli_options, from)},
    {"--provider", offsetof(struct cli_options, provider)},
    {"--device", offsetof(struct cli_options, device)},
    {"--role", offsetof(struct cli_options, role)},
    {"--limit", offsetof(struct cli_options, limit)},
    {"--voice", offsetof(struct cli_options, voice)},
    {"--output", offsetof(struct cli_options, output)},
    {"-o", offsetof(struct cli_options, output)},
    {"--seconds", offsetof(struct cli_options, seconds)},
};

static bool is_allowed(const struct cli_command *command, const char *name)
{
    char wanted[32];

    (void)snprintf(wanted, sizeof(wanted), " %s ", name);
    return strstr(command->allowed, wanted) != NULL;
}

static int wrong(const struct cli_command *command, const char *why, const char *what)
{
    cli_complain("siprouter %s: %s%s%s\nusage: siprouter %s\n", command->name, why,
                 what != NULL ? " " : "", what != NULL ? what : "", command->usage);
    return CLI_USAGE;
}

/* One argument; *index moves past what was used. */
static int take(const struct cli_command *command, struct cli_options *options, int argc,
                char **argv, int *index)
{
    const char *arg = argv[*index];

    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
        options->is_help = true;
        return CLI_OK;
    }
    if (strcmp(arg, "--json") == 0 && is_allowed(command, arg)) {
        options->is_json = true;
        return CLI_OK;
    }
    for (size_t i = 0; i < SR_ARRAY_LEN(text_options); i++) {
        const char **value = (const char **)(void *)((char *)options + text_options[i].offset);
        const char *name = text_options[i].name;
        size_t n = strlen(name);

        if (strncmp(arg, name, n) != 0 || !is_allowed(command, name))
            continue;
        if (arg[n] == '=' && n > 2) { /* --config=FILE */
            *value = arg + n + 1;
            return CLI_OK;
        }
        if (arg[n] != '\0')
            continue;
        if (*index + 1 >= argc)
            return wrong(command, "a value is missing behind", arg);
        *value = argv[++*index];
        return CLI_OK;
    }
    if (strncmp(arg, "--", 2) == 0 || strcmp(arg, "-o") == 0)
        return wrong(command, "unknown option", arg);
    if (options->arg_count == CLI_ARGS_MAX)
        return wrong(command, "too many arguments", NULL);
    options->args[options->arg_count++] = arg;
    return CLI_OK;
}

/* How a command finds the running router. */
static const char where[] =
    "\n"
    "  --data DIR  its data folder; default ./data, else /var/lib/siprouter\n"
    "  --url URL   or its address, with a token in SIPROUTER_TOKEN\n"
    "  --ca FILE   the authority (PEM) that an https address is trusted by\n";

/* "version" only lets these options pass: scripts give them to every command. */
static bool asks_router(const struct cli_command *command)
{
    return is_allowed(command, "--url") && strcmp(command->name, "version") != 0;
}

/* What could not be written was not said. */
static int finish(int code)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return code;
    if (poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0)
        return code; /* "| head": the reader had enough */
    cli_complain("siprouter: standard output cannot be written\n");
    return code != CLI_OK ? code : CLI_NO;
}

int cli_main(int argc, char **argv)
{
    const struct cli_command *command = NULL;
    struct cli_options options = {0};

    for (size_t i = 0; argc > 0 && i < cli_command_count; i++) {
        if (strcmp(cli_commands[i].name, argv[0]) == 0)
            command = &cli_commands[i];
    }
    if (command == NULL) {
        cli_complain("siprouter: there is no such command; siprouter --help lists them\n");
        return CLI_USAGE;
    }
    options.command = command->name;
    for (int i = 1; i < argc; i++) {
        int code = take(command, &options, argc, argv, &i);

        if (code != CLI_OK)
            return code;
    }
    if (options.is_help) {
        cli_say("usage: siprouter %s\n%s", command->usage, asks_router(command) ? where : "");
        return finish(CLI_OK);
    }
    if (options.arg_count < command->args_min)
        return wrong(command, "an argument is missing", NULL);
    if (options.arg_count > command->args_max)
        return wrong(command, "too many arguments", NULL);
    return finish(command->run(&options));
}

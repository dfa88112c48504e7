/* `siprouter passwd`: through the running router, else in the store itself. */
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "control/auth_hash.h"
#include "control/cli_internal.h"
#include "control/http_parse.h"

static bool read_line(const char *prompt, char out[AUTH_PASSWORD_MAX + 2])
{
    struct termios before, quiet;
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    bool is_ok;

    if (is_terminal) {
        cli_complain("%s", prompt);
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    is_ok = fgets(out, AUTH_PASSWORD_MAX + 2, stdin) != NULL;
    if (is_terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        cli_complain("\n");
    }
    if (is_ok)
        out[strcspn(out, "\r\n")] = '\0';
    return is_ok;
}

static bool read_password(char out[AUTH_PASSWORD_MAX + 2])
{
    char again[AUTH_PASSWORD_MAX + 2] = "";
    bool is_ok = read_line("New password: ", out) && read_line("Again: ", again);
    bool is_same = is_ok && strcmp(out, again) == 0;
    size_t n = strlen(out);

    sr_wipe(again, sizeof(again));
    if (is_same && n >= AUTH_PASSWORD_MIN && n <= AUTH_PASSWORD_MAX)
        return true;
    cli_complain("siprouter: %s\n", !is_ok     ? "the password is wanted twice"
                                    : !is_same ? "the two are not the same"
                                               : "a password has 8 to 256 bytes");
    sr_wipe(out, AUTH_PASSWORD_MAX + 2);
    return false;
}

static json_t *body_of(const struct cli_options *options, const char *password, bool is_new)
{
    json_t *body = json_object();

    (void)json_object_set_new(body, "password", json_string(password));
    if (options->role != NULL)
        (void)json_object_set_new(body, "role", json_string(options->role));
    if (is_new)
        (void)json_object_set_new(body, "name", json_string(options->args[0]));
    return body;
}

static int by_router(const struct cli_options *options, const char *password)
{
    struct cli_answer answer;
    struct sr_buf path;
    int code;

    sr_buf_init(&path, 1024);
    sr_buf_c(&path, "/api/users/");
    http_encode(sr_str_c(options->args[0]), &path);
    code = cli_ask(options, "PATCH", sr_buf_cstr(&path), body_of(options, password, false),
                   options->url == NULL, &answer);
    sr_buf_done(&path);
    if (code == CLI_OK && answer.status == 404 && options->role != NULL) {
        cli_answer_done(&answer);
        code = cli_ask(options, "POST", "/api/users", body_of(options, password, true), false,
                       &answer);
    }
    if (code == CLI_OK && answer.status == 404 && options->role == NULL) {
        cli_complain("siprouter: there is no user of that name; --role makes one\n");
        code = CLI_NO;
    } else if (code == CLI_OK) {
        code = cli_judge(&answer);
    }
    cli_answer_done(&answer);
    return code;
}

struct found {
    const char *name;
    bool is_there;
    char role[16], device_id[AUTH_DEVICE_MAX];
};

static void look(void *arg, const struct store_user *user)
{
    struct found *found = arg;

    if (!sr_str_eq_c(user->name, found->name))
        return;
    found->is_there = sr_str_copy(user->role, found->role, sizeof(found->role)) &&
                      sr_str_copy(user->device_id, found->device_id, sizeof(found->device_id));
}

static int save(const struct cli_options *options, struct store *store, const char *password)
{
    struct found found = {.name = options->args[0]};
    struct store_user user = {.name = sr_str_c(options->args[0])};
    char hash[AUTH_HASH_BYTES];
    enum sr_err err = store_users_load(store, look, &found);

    if (err == SR_OK && !found.is_there && options->role == NULL) {
        cli_complain("siprouter: there is no user of that name; --role makes one\n");
        return CLI_NO;
    }
    user.role = sr_str_c(options->role != NULL ? options->role : found.role);
    user.device_id = sr_str_c(found.device_id);
    if (err == SR_OK)
        err = auth_hash(sr_str_c(password), hash);
    user.password_hash = sr_str_c(hash);
    if (err == SR_OK)
        err = store_user_put(store, &user);
    if (err == SR_OK)
        return CLI_OK;
    cli_complain("siprouter: the store did not take it: %s\n", sr_err_text(err));
    return CLI_NO;
}

static int by_store(const struct cli_options *options, const char *password)
{
    char path[CLI_PATH_MAX], why[256] = "";
    struct store_options store_options = {.keep_days = 36500,
                                          .trace_keep_days = 36500,
                                          .trace_mb_max = 1 << 20}; /* nothing ages here */
    struct store *store = NULL;
    int code;

    (void)snprintf(path, sizeof(path), "%s/siprouter.db", cli_data(options));
    if (access(path, W_OK) != 0) {
        cli_complain("siprouter: no router is running and there is no %s; see --data\n", path);
        return CLI_UNREACHABLE;
    }
    store_options.path = sr_str_c(path);
    if (store_open(&store_options, &store, why, sizeof(why)) != SR_OK) {
        cli_complain("siprouter: %s\n", why);
        return CLI_NO;
    }
    code = save(options, store, password);
    store_close(store);
    return code;
}

int cli_passwd(const struct cli_options *options)
{
    char password[AUTH_PASSWORD_MAX + 2] = "";
    enum auth_role role;
    int code;

    if (options->role != NULL && !auth_role_parse(sr_str_c(options->role), &role)) {
        cli_complain("siprouter: --role is admin, read or user\n");
        return CLI_USAGE;
    }
    if (!read_password(password))
        return CLI_NO;
    code = by_router(options, password);
    if (code == CLI_UNREACHABLE && options->url == NULL)
        code = by_store(options, password);
    sr_wipe(password, sizeof(password));
    return code;
}

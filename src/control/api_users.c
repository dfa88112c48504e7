/* Login, tokens, users. */
#include <stdio.h>

#include "control/wall_parse.h"
#include "control/web_internal.h"
#include "net/clock.h"

enum {
    USERS_JSON_BYTES_MAX = 1 << 20
};

static void refuse(struct api_call *call, uint16_t status, const char *detail, const char *pointer)
{
    struct api_problem problem = {.status = status, .detail = detail, .pointer = pointer};

    api_answer_problem(call->web, call->ticket, &problem);
}

/* ---- session ---- */

/* Not tried: too many wrong ones before (wait > 0), or too many at once. */
static void refuse_password(struct api_call *call, uint32_t wait)
{
    char headers[64];
    struct api_problem problem = {.status = 429, .headers = headers};

    (void)snprintf(headers, sizeof(headers), "Retry-After: %u\r\n", SR_MAX(wait, 1));
    problem.detail = "too many failed logins; wait";
    if (wait == 0) {
        problem.status = 503;
        problem.detail = "too many logins at once";
    }
    api_answer_problem(call->web, call->ticket, &problem);
}

void api_login(struct api_call *call)
{
    struct auth_request request = {
        .head = call->head, .peer = http_request_peer(call->http), .now = call->now};
    struct auth_proof proof = {api_text(call, "user"), api_text(call, "password"), &request,
                               call->ticket.request_id};
    uint32_t wait = 0;

    if (auth_login(call->web->auth, &proof, &wait) != SR_OK)
        refuse_password(call, wait);
}

void api_me_password(struct api_call *call)
{
    struct auth_request request = {
        .head = call->head, .peer = http_request_peer(call->http), .now = call->now};
    struct auth_proof proof = {sr_str_c(call->who.name), api_text(call, "oldPassword"), &request,
                               call->ticket.request_id};
    uint32_t wait = 0;

    if (call->who.kind != AUTH_BY_SESSION)
        refuse(call, 403, "only who logged in with a password can change it", NULL);
    else if (auth_own_password(call->web->auth, &proof, api_text(call, "newPassword"), &wait) !=
             SR_OK)
        refuse_password(call, wait);
}

void api_logout(struct api_call *call)
{
    char headers[160];
    struct http_reply reply = {.status = 204};

    auth_session_close(call->web->auth, &call->who);
    (void)snprintf(headers, sizeof(headers),
                   "Set-Cookie: %s=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict%s\r\n",
                   auth_cookie_name(http_request_is_tls(call->http)),
                   http_request_is_tls(call->http) ? "; Secure" : "");
    reply.headers = sr_str_c(headers);
    api_answer(call->web, call->ticket, &reply);
}

void api_me(struct api_call *call)
{
    struct sr_json json;
    struct sr_buf buf;

    sr_buf_init(&buf, USERS_JSON_BYTES_MAX);
    sr_json_begin(&json, &buf);
    sr_json_object(&json);
    sr_json_key_c(&json, "name", call->who.name);
    sr_json_key_c(&json, "role", auth_role_name(call->who.role));
    sr_json_key_c(&json, "deviceId", call->who.device_id[0] ? call->who.device_id : NULL);
    sr_json_key_c(&json, "by",
                  call->who.kind == AUTH_BY_SESSION  ? "session"
                  : call->who.kind == AUTH_BY_NOBODY ? "anonymous"
                                                     : "token");
    sr_json_key_bool(&json, "firstStart",
                     call->who.kind == AUTH_BY_SESSION && call->who.role == AUTH_ADMIN &&
                         auth_has_first_password(call->web->auth, sr_str_c(call->who.name)));
    sr_json_end(&json);
    api_answer_json(call->web, call->ticket, 200, &buf);
}

/* ---- tokens ---- */

static bool takes(void *arg)
{
    return api_list_takes(arg);
}

/* A device that is not there (yet) would give its owner nothing: most likely a slip of the pen. */
static bool check_device(struct api_call *call)
{
    struct sr_str id = api_text(call, "deviceId");

    if (id.n == 0 || config_device_by_id(call->web->config, id) != NULL)
        return true;
    refuse(call, 422, "there is no device with this id", "/deviceId");
    return false;
}

void api_tokens_list(struct api_call *call)
{
    struct api_list list;

    if (!api_list_begin(call, &list))
        return;
    auth_tokens_json(call->web->auth, takes, &list, &list.json);
    api_list_end(call, &list);
}

void api_tokens_add(struct api_call *call)
{
    struct auth_token_options options = {
        .name = api_text(call, "name"),
        .device_id = api_text(call, "deviceId"),
        .wall = call->wall,
    };
    struct sr_str expires = api_text(call, "expires");
    char secret[AUTH_SECRET_MAX], id[AUTH_SECRET_MAX], text[NET_CLOCK_TEXT_MAX];
    struct sr_json json;
    struct sr_buf buf;
    enum sr_err err;

    (void)auth_role_parse(api_text(call, "role"), &options.role); /* checked by the table */
    if (expires.n > 0 && (wall_parse(expires, &options.expires_wall_us) != SR_OK ||
                          options.expires_wall_us <= call->wall)) {
        refuse(call, 422, "must be a time in the future (RFC 3339)", "/expires");
        return;
    }
    if (!check_device(call))
        return;
    err = auth_token_open(call->web->auth, &options, secret, id);
    if (err != SR_OK) {
        api_answer_err(call->web, call->ticket, err == SR_ERR_LIMIT ? SR_ERR_STATE : err,
                       err == SR_ERR_LIMIT ? "there are too many tokens"
                                           : "the store did not take the token");
        return;
    }
    sr_buf_init(&buf, USERS_JSON_BYTES_MAX);
    sr_json_begin(&json, &buf);
    sr_json_object(&json);
    sr_json_key_c(&json, "id", id);
    sr_json_key_str(&json, "name", options.name);
    sr_json_key_c(&json, "role", auth_role_name(options.role));
    sr_json_key(&json, "deviceId");
    if (options.device_id.n > 0)
        sr_json_str(&json, options.device_id);
    else
        sr_json_null(&json);
    sr_json_key_c(&json, "expires",
                  options.expires_wall_us ? net_clock_text(options.expires_wall_us, text) : NULL);
    sr_json_key_c(&json, "token", secret);
    sr_json_end(&json);
    api_answer_json(call->web, call->ticket, 201, &buf);
}

void api_tokens_remove(struct api_call *call)
{
    enum sr_err err = auth_token_remove(call->web->auth, call->params[0]);

    if (err == SR_OK)
        api_answer_empty(call->web, call->ticket);
    else
        api_answer_err(call->web, call->ticket, err, NULL);
}

/* ---- users ---- */

void api_users_list(struct api_call *call)
{
    struct api_list list;

    if (!api_list_begin(call, &list))
        return;
    auth_users_json(call->web->auth, takes, &list, &list.json);
    api_list_end(call, &list);
}

static bool is_user_name(struct sr_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!sr_is_alpha(name.p[i]) && !sr_is_digit(name.p[i]) && strchr("._@-", name.p[i]) == NULL)
            return false;
    }
    return name.n > 0 && name.n < AUTH_NAME_MAX;
}

static void change_user(struct api_call *call, struct sr_str name, bool is_new)
{
    struct auth_user_change change = {
        .name = name,
        .is_new = is_new,
        .has_role = api_has(call, "role"),
        .has_device = api_has(call, "deviceId"),
        .has_password = api_has(call, "password"),
        .device_id = api_text(call, "deviceId"),
        .password = api_text(call, "password"),
    };
    enum sr_err err;

    if (!check_device(call))
        return;
    if (change.has_role)
        (void)auth_role_parse(api_text(call, "role"), &change.role);
    err = auth_user_change(call->web->auth, &change, call->ticket.request_id, call->ticket.idem_id);
    if (err == SR_OK)
        return;
    api_answer_err(call->web, call->ticket, err,
                   err == SR_ERR_EXISTS ? "there is a user of that name" : NULL);
}

void api_users_add(struct api_call *call)
{
    struct sr_str name = api_text(call, "name");

    if (is_user_name(name))
        change_user(call, name, true);
    else
        refuse(call, 422, "must be letters, digits and . _ @ -", "/name");
}

void api_users_change(struct api_call *call)
{
    change_user(call, call->params[0], false);
}

void api_users_remove(struct api_call *call)
{
    enum sr_err err = auth_user_remove(call->web->auth, call->params[0]);

    if (err == SR_OK)
        api_answer_empty(call->web, call->ticket);
    else
        api_answer_err(call->web, call->ticket, err,
                       err == SR_ERR_STATE ? "this is the last administrator" : NULL);
}

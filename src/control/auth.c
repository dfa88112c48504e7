/* Users, sessions and tokens in memory; what lasts goes to the store at once. */
#include "control/auth.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "control/auth_hash.h"
#include "net/clock.h"

enum {
    AUTH_SECRET_RANDOM_BYTES = 32,
    AUTH_ID_RANDOM_BYTES = 8,
    AUTH_HEX_BYTES = 2 * SR_SHA256_BYTES + 1,
};

struct user {
    struct sr_node node;
    char name[AUTH_NAME_MAX];
    char device_id[AUTH_DEVICE_MAX];
    char hash[AUTH_HASH_BYTES];
    enum auth_role role;
};

struct token {
    struct sr_node node;
    char id[AUTH_SECRET_MAX];
    char name[AUTH_NAME_MAX];
    char device_id[AUTH_DEVICE_MAX];
    char hash[AUTH_HEX_BYTES];
    enum auth_role role;
    int64_t created_wall_us, expires_wall_us;
};

struct session {
    struct sr_node node; /* the one idle longest first */
    char hash[AUTH_HEX_BYTES];
    char key[AUTH_SECRET_MAX];
    char user[AUTH_NAME_MAX];
    int64_t opened, used;
};

struct auth {
    struct store *store;
    struct auth_hasher *hasher;
    struct auth_guard *guard;
    struct sr_list users, tokens, sessions;
    struct sr_map by_name, by_token, by_session; /* user name; hash of a secret */
    char cli_token[AUTH_SECRET_MAX];
    char cli_hash[AUTH_HEX_BYTES];
    char first_hash[AUTH_HASH_BYTES]; /* of the password made at the first start */
};

static const struct sr_str first_value = {"first_admin_hash", 16};

/* ---- small things ---- */

const char *auth_role_name(enum auth_role role)
{
    switch (role) {
    case AUTH_ADMIN:
        return "admin";
    case AUTH_READ:
        return "read";
    case AUTH_USER:
        return "user";
    case AUTH_ANYBODY:
        break;
    }
    return NULL;
}

bool auth_role_parse(struct sr_str text, enum auth_role *ret_role)
{
    static const enum auth_role roles[] = {AUTH_ADMIN, AUTH_READ, AUTH_USER};

    for (size_t i = 0; i < SR_ARRAY_LEN(roles); i++) {
        if (sr_str_eq_c(text, auth_role_name(roles[i]))) {
            *ret_role = roles[i];
            return true;
        }
    }
    return false;
}

const char *auth_cookie_name(bool is_tls)
{
    return is_tls ? "__Host-siprouter" : "siprouter";
}

const char *auth_cli_token(const struct auth *auth)
{
    return auth->cli_token;
}

static void random_text(size_t bytes, char out[AUTH_SECRET_MAX])
{
    uint8_t random[AUTH_SECRET_RANDOM_BYTES];

    SR_ASSERT(bytes <= sizeof(random));
    sr_random_bytes(random, bytes);
    sr_hex(random, bytes, out);
    sr_wipe(random, sizeof(random));
}

static void hash_secret(struct sr_str secret, char out[AUTH_HEX_BYTES])
{
    struct sr_sha256 sha;
    uint8_t digest[SR_SHA256_BYTES];

    sr_sha256_init(&sha);
    sr_sha256_add(&sha, secret.p, secret.n);
    sr_sha256_end(&sha, digest);
    sr_hex(digest, sizeof(digest), out);
}

static struct user *find_user(const struct auth *auth, struct sr_str name)
{
    return sr_map_find(&auth->by_name, name);
}

/* ---- life ---- */

struct auth *auth_new(struct store *store, void (*wake)(void *arg), void *arg)
{
    struct auth *auth = sr_zalloc(1, sizeof(*auth));

    auth->store = store;
    auth->guard = auth_guard_new();
    sr_list_init(&auth->users);
    sr_list_init(&auth->tokens);
    sr_list_init(&auth->sessions);
    sr_map_init(&auth->by_name);
    sr_map_init(&auth->by_token);
    sr_map_init(&auth->by_session);
    random_text(AUTH_SECRET_RANDOM_BYTES, auth->cli_token);
    hash_secret(sr_str_c(auth->cli_token), auth->cli_hash);
    auth->hasher = auth_hasher_new(wake, arg);
    return auth;
}

static void drop_session(struct auth *auth, struct session *session)
{
    sr_list_remove(&auth->sessions, &session->node);
    (void)sr_map_remove(&auth->by_session, sr_str_c(session->hash));
    sr_free(session);
}

static void drop_user(struct auth *auth, struct user *user)
{
    sr_list_remove(&auth->users, &user->node);
    (void)sr_map_remove(&auth->by_name, sr_str_c(user->name));
    sr_free_secret(user, sizeof(*user));
}

static void drop_token(struct auth *auth, struct token *token)
{
    sr_list_remove(&auth->tokens, &token->node);
    (void)sr_map_remove(&auth->by_token, sr_str_c(token->hash));
    sr_free(token);
}

void auth_free(struct auth *auth)
{
    if (auth == NULL)
        return;
    auth_hasher_free(auth->hasher);
    SR_LIST_EACH(&auth->sessions, node)
    {
        drop_session(auth, SR_CONTAINER(node, struct session, node));
    }
    SR_LIST_EACH(&auth->tokens, node)
    {
        drop_token(auth, SR_CONTAINER(node, struct token, node));
    }
    SR_LIST_EACH(&auth->users, node)
    {
        drop_user(auth, SR_CONTAINER(node, struct user, node));
    }
    sr_map_done(&auth->by_name);
    sr_map_done(&auth->by_token);
    sr_map_done(&auth->by_session);
    auth_guard_free(auth->guard);
    sr_free_secret(auth, sizeof(*auth));
}

static void add_user(void *arg, const struct store_user *from)
{
    struct auth *auth = arg;
    struct user *user;

    if (auth->users.count >= AUTH_USERS_MAX || find_user(auth, from->name) != NULL)
        return;
    user = sr_zalloc(1, sizeof(*user));
    if (!auth_role_parse(from->role, &user->role) ||
        !sr_str_copy(from->name, user->name, sizeof(user->name)) ||
        !sr_str_copy(from->password_hash, user->hash, sizeof(user->hash)) ||
        !sr_str_copy(from->device_id, user->device_id, sizeof(user->device_id))) {
        sr_log(API, WARN, "event=user_ignored why=\"unknown role or too long\"");
        sr_free(user);
        return;
    }
    sr_list_add(&auth->users, &user->node);
    (void)sr_map_put(&auth->by_name, sr_str_c(user->name), user);
}

static void add_token(void *arg, const struct store_token *from)
{
    struct auth *auth = arg;
    struct token *token;

    if (auth->tokens.count >= AUTH_TOKENS_MAX)
        return;
    token = sr_zalloc(1, sizeof(*token));
    token->created_wall_us = from->created_wall_us;
    token->expires_wall_us = from->expires_wall_us;
    if (!auth_role_parse(from->role, &token->role) ||
        !sr_str_copy(from->id, token->id, sizeof(token->id)) ||
        !sr_str_copy(from->name, token->name, sizeof(token->name)) ||
        !sr_str_copy(from->hash, token->hash, sizeof(token->hash)) ||
        !sr_str_copy(from->device_id, token->device_id, sizeof(token->device_id))) {
        sr_log(API, WARN, "event=token_ignored why=\"unknown role or too long\"");
        sr_free(token);
        return;
    }
    sr_list_add(&auth->tokens, &token->node);
    (void)sr_map_put(&auth->by_token, sr_str_c(token->hash), token);
}

enum sr_err auth_load(struct auth *auth)
{
    enum sr_err err = store_users_load(auth->store, add_user, auth);

    return err != SR_OK ? err : store_tokens_load(auth->store, add_token, auth);
}

static enum sr_err save_user(struct auth *auth, const struct user *user)
{
    struct store_user to = {
        .name = sr_str_c(user->name),
        .role = sr_str_c(auth_role_name(user->role)),
        .password_hash = sr_str_c(user->hash),
        .device_id = sr_str_c(user->device_id),
    };

    return store_user_put(auth->store, &to);
}

static void load_first_hash(struct auth *auth)
{
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, auth->first_hash, sizeof(auth->first_hash) - 1);
    auth->first_hash[store_value_get(auth->store, first_value, &buf) == SR_OK ? buf.len : 0] = '\0';
}

bool auth_has_first_password(const struct auth *auth, struct sr_str name)
{
    const struct user *user = find_user(auth, name);

    return user != NULL && auth->first_hash[0] != '\0' && strcmp(user->hash, auth->first_hash) == 0;
}

enum sr_err auth_first_admin(struct auth *auth, char *password, size_t size)
{
    struct user user = {.name = "admin", .role = AUTH_ADMIN};
    struct store_user row = {.name = SR_STR("admin"), .role = SR_STR("admin")};
    char text[AUTH_SECRET_MAX];
    enum sr_err err;

    password[0] = '\0';
    if (auth->users.count > 0) {
        load_first_hash(auth);
        return SR_OK;
    }
    random_text(AUTH_ID_RANDOM_BYTES, text); /* 64 bits, easily typed */
    err = auth_hash(sr_str_c(text), user.hash);
    if (err == SR_OK)
        err = save_user(auth, &user);
    if (err == SR_OK) /* to be known again: the page asks for another one */
        err = store_value_put(auth->store, first_value, sr_str_c(user.hash));
    if (err != SR_OK)
        return err;
    memcpy(auth->first_hash, user.hash, sizeof(auth->first_hash));
    row.password_hash = sr_str_c(user.hash);
    add_user(auth, &row);
    (void)sr_str_copy(sr_str_c(text), password, size);
    sr_wipe(text, sizeof(text));
    return SR_OK;
}

/* ---- who is it ---- */

static void name_principal(struct auth_principal *who, enum auth_kind kind, enum auth_role role,
                           const char *name, const char *key)
{
    memset(who, 0, sizeof(*who));
    who->kind = kind;
    who->role = role;
    (void)sr_str_copy(sr_str_c(name), who->name, sizeof(who->name));
    (void)sr_str_copy(sr_str_c(key), who->key, sizeof(who->key));
}

static bool is_session_over(const struct session *session, int64_t now)
{
    return now - session->used > AUTH_SESSION_IDLE_SEC * SR_SEC ||
           now - session->opened > AUTH_SESSION_SEC * SR_SEC;
}

static enum sr_err identify_session(struct auth *auth, struct sr_str secret, int64_t now,
                                    struct auth_principal *ret_who)
{
    char hash[AUTH_HEX_BYTES];
    struct session *session;
    const struct user *user;

    hash_secret(secret, hash);
    session = sr_map_find(&auth->by_session, sr_str_c(hash));
    if (session == NULL)
        return SR_ERR_AUTH;
    user = find_user(auth, sr_str_c(session->user));
    if (user == NULL || is_session_over(session, now)) {
        drop_session(auth, session);
        return SR_ERR_AUTH;
    }
    session->used = now;
    sr_list_remove(&auth->sessions, &session->node);
    sr_list_add(&auth->sessions, &session->node);
    name_principal(ret_who, AUTH_BY_SESSION, user->role, user->name, session->key);
    (void)sr_str_copy(sr_str_c(user->device_id), ret_who->device_id, sizeof(ret_who->device_id));
    return SR_OK;
}

static enum sr_err identify_token(struct auth *auth, struct sr_str secret, int64_t wall,
                                  struct auth_principal *ret_who)
{
    char hash[AUTH_HEX_BYTES];
    const struct token *token;

    hash_secret(secret, hash);
    if (sr_str_eq_secret(sr_str_c(hash), sr_str_c(auth->cli_hash))) {
        name_principal(ret_who, AUTH_BY_CLI, AUTH_ADMIN, "cli", "cli");
        return SR_OK;
    }
    token = sr_map_find(&auth->by_token, sr_str_c(hash));
    if (token == NULL || (token->expires_wall_us != 0 && token->expires_wall_us <= wall))
        return SR_ERR_AUTH;
    name_principal(ret_who, AUTH_BY_TOKEN, token->role, token->name, token->id);
    (void)sr_str_copy(sr_str_c(token->device_id), ret_who->device_id, sizeof(ret_who->device_id));
    return SR_OK;
}

enum sr_err auth_identify(struct auth *auth, const struct auth_request *request,
                          struct auth_principal *ret_who)
{
    struct sr_str bearer = http_head_find(request->head, "authorization");
    struct sr_str cookie;
    enum sr_err err;

    if (bearer.p != NULL) {
        if (!sr_str_istarts(bearer, SR_STR("Bearer ")))
            return SR_ERR_AUTH;
        err = identify_token(auth, sr_str_trim(sr_str_from(bearer, 7)), request->wall, ret_who);
        if (err == SR_OK)
            return SR_OK;
        if (auth_guard_wait(auth->guard, request->peer, sr_str_make(NULL, 0), request->now) > 0)
            return SR_ERR_LIMIT;
        auth_guard_failed(auth->guard, request->peer, sr_str_make(NULL, 0), request->now);
        return err;
    }
    cookie = http_cookie_get(request->head, auth_cookie_name(request->is_tls));
    return cookie.n > 0 ? identify_session(auth, cookie, request->now, ret_who) : SR_ERR_AUTH;
}

bool auth_is_alive(struct auth *auth, const struct auth_principal *who, int64_t now, int64_t wall)
{
    if (who->kind == AUTH_BY_CLI || who->kind == AUTH_BY_NOBODY)
        return true;
    if (who->kind == AUTH_BY_TOKEN) {
        SR_LIST_EACH(&auth->tokens, node)
        {
            const struct token *token = SR_CONTAINER(node, struct token, node);

            if (strcmp(token->id, who->key) == 0)
                return token->expires_wall_us == 0 || token->expires_wall_us > wall;
        }
        return false;
    }
    SR_LIST_EACH(&auth->sessions, node)
    {
        struct session *session = SR_CONTAINER(node, struct session, node);

        if (strcmp(session->key, who->key) == 0) {
            const struct user *user = find_user(auth, sr_str_c(session->user));

            session->used = SR_MAX(session->used, now); /* an open page is in use */
            return user != NULL && user->role == who->role &&
                   strcmp(user->device_id, who->device_id) == 0 && !is_session_over(session, now);
        }
    }
    return false;
}

/* ---- passwords ---- */

/* A job that begins with "is this the password?"; NULL: wait that long first. */
static struct auth_job *verify_job(struct auth *auth, const struct auth_proof *proof,
                                   uint32_t *ret_wait_sec)
{
    const struct auth_request *request = proof->request;
    const struct user *user = find_user(auth, proof->name);
    struct auth_job *job;

    *ret_wait_sec = auth_guard_wait(auth->guard, request->peer, proof->name, request->now);
    if (*ret_wait_sec > 0)
        return NULL;
    /* counted before it is tried: many at once are no way around */
    auth_guard_failed(auth->guard, request->peer, proof->name, request->now);
    job = sr_zalloc(1, sizeof(*job));
    job->done.request_id = proof->request_id;
    job->source = *request->peer;
    job->is_unknown =
        user == NULL || !sr_str_copy(proof->password, job->password, sizeof(job->password));
    (void)sr_str_copy(proof->name, job->done.name, sizeof(job->done.name));
    if (user != NULL)
        memcpy(job->proved, user->hash, sizeof(job->proved));
    return job;
}

static enum sr_err submit(struct auth *auth, struct auth_job *job)
{
    if (auth_hasher_submit(auth->hasher, job) == SR_OK)
        return SR_OK;
    auth_job_free(job);
    return SR_ERR_LIMIT;
}

enum sr_err auth_login(struct auth *auth, const struct auth_proof *proof, uint32_t *ret_wait_sec)
{
    struct auth_job *job = verify_job(auth, proof, ret_wait_sec);

    if (job == NULL)
        return SR_ERR_LIMIT;
    job->done.kind = AUTH_JOB_LOGIN;
    return submit(auth, job);
}

enum sr_err auth_own_password(struct auth *auth, const struct auth_proof *proof, struct sr_str next,
                              uint32_t *ret_wait_sec)
{
    struct auth_job *job;

    *ret_wait_sec = 0;
    if (next.n < AUTH_PASSWORD_MIN || next.n > AUTH_PASSWORD_MAX)
        return SR_ERR_SYNTAX;
    job = verify_job(auth, proof, ret_wait_sec);
    if (job == NULL)
        return SR_ERR_LIMIT;
    job->done.kind = AUTH_JOB_OWN_PASSWORD;
    job->change.has_password = true;
    (void)sr_str_copy(next, job->next, sizeof(job->next));
    return submit(auth, job);
}

static size_t count_admins(const struct auth *auth)
{
    size_t count = 0;

    SR_LIST_EACH(&auth->users, node)
    {
        count += SR_CONTAINER(node, struct user, node)->role == AUTH_ADMIN;
    }
    return count;
}

static void close_sessions(struct auth *auth, const char *user)
{
    SR_LIST_EACH(&auth->sessions, node)
    {
        struct session *session = SR_CONTAINER(node, struct session, node);

        if (strcmp(session->user, user) == 0)
            drop_session(auth, session);
    }
}

/* The hash is made (if one was wanted): now change the user. */
static enum sr_err apply_change(struct auth *auth, const struct auth_job *job)
{
    const struct auth_user_change *change = &job->change;
    struct user *user = find_user(auth, sr_str_c(job->done.name));
    struct user next = {.role = AUTH_USER};
    enum sr_err err;

    if (change->is_new ? user != NULL : user == NULL)
        return change->is_new ? SR_ERR_EXISTS : SR_ERR_NOTFOUND;
    if (user != NULL)
        next = *user;
    memcpy(next.name, job->done.name, sizeof(next.name));
    if (change->has_role)
        next.role = change->role;
    if (change->has_device)
        memcpy(next.device_id, job->device_id, sizeof(next.device_id));
    if (change->has_password)
        memcpy(next.hash, job->hash, sizeof(next.hash));
    if (user != NULL && user->role == AUTH_ADMIN && next.role != AUTH_ADMIN &&
        count_admins(auth) == 1)
        return SR_ERR_STATE;
    err = save_user(auth, &next);
    if (err != SR_OK)
        return err;
    if (user == NULL) {
        user = sr_zalloc(1, sizeof(*user));
        memcpy(user->name, next.name, sizeof(user->name));
        sr_list_add(&auth->users, &user->node);
        (void)sr_map_put(&auth->by_name, sr_str_c(user->name), user);
    }
    user->role = next.role;
    memcpy(user->device_id, next.device_id, sizeof(user->device_id));
    memcpy(user->hash, next.hash, sizeof(user->hash));
    if (change->has_password)
        close_sessions(auth, user->name);
    return SR_OK;
}

enum sr_err auth_user_change(struct auth *auth, const struct auth_user_change *change,
                             uint64_t request_id, uint64_t idem_id)
{
    bool is_there = find_user(auth, change->name) != NULL;
    struct auth_job *job;

    if (change->is_new && is_there)
        return SR_ERR_EXISTS;
    if (!change->is_new && !is_there)
        return SR_ERR_NOTFOUND;
    if (change->is_new && auth->users.count >= AUTH_USERS_MAX)
        return SR_ERR_LIMIT;
    job = sr_zalloc(1, sizeof(*job));
    job->done.kind = AUTH_JOB_USER;
    job->done.request_id = request_id;
    job->done.idem_id = idem_id;
    job->done.is_new = change->is_new;
    job->change = *change;
    (void)sr_str_copy(change->name, job->done.name, sizeof(job->done.name));
    (void)sr_str_copy(change->device_id, job->device_id, sizeof(job->device_id));
    (void)sr_str_copy(change->password, job->password, sizeof(job->password));
    job->change.name = job->change.device_id = job->change.password = sr_str_make(NULL, 0);
    return submit(auth, job);
}

enum sr_err auth_user_remove(struct auth *auth, struct sr_str name)
{
    struct user *user = find_user(auth, name);
    enum sr_err err;

    if (user == NULL)
        return SR_ERR_NOTFOUND;
    if (user->role == AUTH_ADMIN && count_admins(auth) == 1)
        return SR_ERR_STATE;
    err = store_user_remove(auth->store, name);
    if (err != SR_OK && err != SR_ERR_NOTFOUND)
        return err;
    close_sessions(auth, user->name);
    drop_user(auth, user);
    return SR_OK;
}

/* It was the password when it was asked for; another may have come while it was tried. */
static bool is_still_password(const struct auth *auth, const struct auth_job *job)
{
    const struct user *user = find_user(auth, sr_str_c(job->done.name));

    return user != NULL && strcmp(user->hash, job->proved) == 0;
}

bool auth_next_done(struct auth *auth, struct auth_done *ret_done)
{
    struct auth_job *job = auth_hasher_next(auth->hasher);

    if (job == NULL)
        return false;
    if (job->done.kind != AUTH_JOB_USER && job->done.err == SR_OK) {
        if (is_still_password(auth, job))
            auth_guard_succeeded(auth->guard, &job->source, sr_str_c(job->done.name));
        else
            job->done.err = SR_ERR_AUTH;
    }
    if (job->done.kind != AUTH_JOB_LOGIN && job->done.err == SR_OK)
        job->done.err = apply_change(auth, job);
    *ret_done = job->done;
    auth_job_free(job);
    return true;
}

static void user_json(const struct user *user, struct sr_json *json)
{
    sr_json_object(json);
    sr_json_key_c(json, "name", user->name);
    sr_json_key_c(json, "role", auth_role_name(user->role));
    sr_json_key_c(json, "deviceId", user->device_id[0] ? user->device_id : NULL);
    sr_json_end(json);
}

void auth_users_json(const struct auth *auth, auth_wants_fn *wants, void *arg, struct sr_json *json)
{
    SR_LIST_EACH(&auth->users, node)
    {
        if (wants(arg))
            user_json(SR_CONTAINER(node, struct user, node), json);
    }
}

bool auth_user_json(const struct auth *auth, struct sr_str name, struct sr_json *json)
{
    const struct user *user = find_user(auth, name);

    if (user != NULL)
        user_json(user, json);
    return user != NULL;
}

/* ---- sessions and tokens ---- */

enum sr_err auth_session_open(struct auth *auth, struct sr_str name, int64_t now,
                              char secret[AUTH_SECRET_MAX])
{
    const struct user *user = find_user(auth, name);
    struct session *session;

    if (user == NULL)
        return SR_ERR_NOTFOUND;
    if (auth->sessions.count >= AUTH_SESSIONS_MAX)
        drop_session(auth, SR_CONTAINER(sr_list_first(&auth->sessions), struct session, node));
    session = sr_zalloc(1, sizeof(*session));
    random_text(AUTH_SECRET_RANDOM_BYTES, secret);
    random_text(AUTH_ID_RANDOM_BYTES, session->key);
    hash_secret(sr_str_c(secret), session->hash);
    memcpy(session->user, user->name, sizeof(session->user));
    session->opened = session->used = now;
    sr_list_add(&auth->sessions, &session->node);
    (void)sr_map_put(&auth->by_session, sr_str_c(session->hash), session);
    return SR_OK;
}

void auth_session_close(struct auth *auth, const struct auth_principal *who)
{
    SR_LIST_EACH(&auth->sessions, node)
    {
        struct session *session = SR_CONTAINER(node, struct session, node);

        if (who->kind == AUTH_BY_SESSION && strcmp(session->key, who->key) == 0)
            drop_session(auth, session);
    }
}

enum sr_err auth_token_open(struct auth *auth, const struct auth_token_options *options,
                            char secret[AUTH_SECRET_MAX], char id[AUTH_SECRET_MAX])
{
    char hash[AUTH_HEX_BYTES];
    struct store_token row = {
        .name = options->name,
        .role = sr_str_c(auth_role_name(options->role)),
        .device_id = options->device_id,
        .created_wall_us = options->wall,
        .expires_wall_us = options->expires_wall_us,
    };
    enum sr_err err;

    if (auth->tokens.count >= AUTH_TOKENS_MAX)
        return SR_ERR_LIMIT;
    random_text(AUTH_SECRET_RANDOM_BYTES, secret);
    random_text(AUTH_ID_RANDOM_BYTES, id);
    hash_secret(sr_str_c(secret), hash);
    row.id = sr_str_c(id);
    row.hash = sr_str_c(hash);
    err = store_token_put(auth->store, &row);
    if (err == SR_OK)
        add_token(auth, &row);
    return err;
}

enum sr_err auth_token_remove(struct auth *auth, struct sr_str id)
{
    SR_LIST_EACH(&auth->tokens, node)
    {
        struct token *token = SR_CONTAINER(node, struct token, node);
        enum sr_err err;

        if (!sr_str_eq_c(id, token->id))
            continue;
        err = store_token_remove(auth->store, id);
        if (err != SR_OK && err != SR_ERR_NOTFOUND)
            return err;
        drop_token(auth, token);
        return SR_OK;
    }
    return SR_ERR_NOTFOUND;
}

void auth_tokens_json(const struct auth *auth, auth_wants_fn *wants, void *arg,
                      struct sr_json *json)
{
    char text[NET_CLOCK_TEXT_MAX];

    SR_LIST_EACH(&auth->tokens, node)
    {
        const struct token *token = SR_CONTAINER(node, struct token, node);

        if (!wants(arg))
            continue;
        sr_json_object(json);
        sr_json_key_c(json, "id", token->id);
        sr_json_key_c(json, "name", token->name);
        sr_json_key_c(json, "role", auth_role_name(token->role));
        sr_json_key_c(json, "deviceId", token->device_id[0] ? token->device_id : NULL);
        sr_json_key_c(json, "createdAt", net_clock_text(token->created_wall_us, text));
        sr_json_key_c(json, "expires",
                      token->expires_wall_us ? net_clock_text(token->expires_wall_us, text) : NULL);
        sr_json_end(json);
    }
}

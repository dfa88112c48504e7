/**
 * @file auth.h  Who asks: users, sessions, tokens, the guards of the door.
 *
 * Users and tokens live in the store and are kept here in memory; sessions live only in memory.
 * Passwords are Argon2id, hashed and verified on a thread of their own; tokens are random and stored
 * as SHA-256. Guessing is slowed per source and per account.
 *
 * Layer:   control
 * Thread:  the web thread; the hashing thread is private
 */
#ifndef SR_CONTROL_AUTH_H
#define SR_CONTROL_AUTH_H

#include "base/addr.h"
#include "base/json.h"
#include "call/config.h"
#include "control/http_parse.h"
#include "store/store.h"

enum {
    AUTH_NAME_MAX = 65, /* with NUL */
    AUTH_DEVICE_MAX = 128,
    AUTH_OWNER_MAX = AUTH_NAME_MAX + 16,
    AUTH_SECRET_MAX = 65, /* session ids and tokens in hex, with NUL */
    AUTH_PASSWORD_MIN = 8,
    AUTH_PASSWORD_MAX = 256,
    AUTH_USERS_MAX = 1000,
    AUTH_TOKENS_MAX = 1000,
    AUTH_SESSIONS_MAX = 1000, /* the one idle longest makes room */
    AUTH_SESSION_IDLE_SEC = 12 * 3600,
    AUTH_SESSION_SEC = 7 * 24 * 3600,
    AUTH_HASH_JOBS_MAX = 32,
    AUTH_SOURCE_FAILURES_MAX = 10, /* in AUTH_WINDOW_SEC; then 429 */
    AUTH_ACCOUNT_FAILURES_MAX = 20,
    AUTH_WINDOW_SEC = 600,
};

enum auth_role { /* bits, so that a route can list who may */
    AUTH_ADMIN = 1,
    AUTH_READ = 2,
    AUTH_USER = 4,
    AUTH_ANYBODY = 7,
};

enum auth_kind {
    AUTH_BY_NOTHING, /* a route that is open to all */
    AUTH_BY_SESSION,
    AUTH_BY_TOKEN,
    AUTH_BY_CLI,    /* the token of api.json */
    AUTH_BY_NOBODY, /* allowAnonymousApi */
};

struct auth_principal {
    enum auth_role role;
    enum auth_kind kind;
    char name[AUTH_NAME_MAX];        /* of the user or the token */
    char device_id[AUTH_DEVICE_MAX]; /* of role user; may be empty */
    char key[AUTH_SECRET_MAX]; /* of this session or token: tells principals apart; no secret */
};

struct auth;

/** @param wake  called on the hashing thread when auth_next_done has something */
struct auth *auth_new(struct store *store, void (*wake)(void *arg), void *arg);
/** Waits for the hashing thread. NULL is fine. */
void auth_free(struct auth *auth);
/** Reads users and tokens. */
SR_MUST_USE enum sr_err auth_load(struct auth *auth);
/** Blocking: makes "admin" when there is no user; then `password` is filled, else "". */
SR_MUST_USE enum sr_err auth_first_admin(struct auth *auth, char *password, size_t size);
/** Whether that user's password is still the one that auth_first_admin made. */
bool auth_has_first_password(const struct auth *auth, struct sr_str name);
/** The random admin token of this start, for the CLI. */
const char *auth_cli_token(const struct auth *auth);

/** Whose pages and guests a principal's are: the user's name, or "token:NAME". */
const char *auth_owner(const struct auth_principal *who, char out[AUTH_OWNER_MAX]);
/** "guest:OWNER": its page without a device (contract, "Browser phone"). */
const char *auth_guest_id(const struct auth_principal *who, char out[AUTH_OWNER_MAX]);
/** Its device, or its guest. */
bool auth_is_own_device(const struct auth_principal *who, const char *device_id);
/** "admin"; NULL for no role. */
const char *auth_role_name(enum auth_role role);
bool auth_role_parse(struct sr_str text, enum auth_role *ret_role);

/* ---- who is it ---- */

struct auth_request {
    const struct http_head *head;
    const struct sr_addr *peer;
    bool is_tls;
    int64_t now; /* monotonic microseconds */
    int64_t wall;
};

/** SR_OK; SR_ERR_AUTH nobody or a wrong or expired credential; SR_ERR_LIMIT too many wrong ones from
    this source (429). */
SR_MUST_USE enum sr_err auth_identify(struct auth *auth, const struct auth_request *request,
                                      struct auth_principal *ret_who);
/** Whether a principal from before is still one (sockets live long). */
bool auth_is_alive(struct auth *auth, const struct auth_principal *who, int64_t now, int64_t wall);

/* ---- the guards (auth_guard.c) ---- */

/** Against DNS rebinding: an IP address, localhost, this host's name (as it is, or its first label alone
    or in a zone of LANs), or one of allowedOrigins. */
bool auth_host_is_ours(const struct config *config, const struct http_head *head);
/** No Origin, the same origin as Host, or one of allowedOrigins. */
bool auth_origin_is_ours(const struct config *config, const struct http_head *head, bool is_tls);
/** Whether Origin is there and is one of allowedOrigins: gets CORS headers. */
bool auth_origin_is_listed(const struct config *config, const struct http_head *head);
/** Whether every web bind is loopback. */
bool auth_is_loopback_only(const struct config *config);

struct auth_guard;
struct auth_guard *auth_guard_new(void);
void auth_guard_free(struct auth_guard *guard);
/** 0: go on; else seconds to wait. `account` may be empty. */
uint32_t auth_guard_wait(struct auth_guard *guard, const struct sr_addr *source,
                         struct sr_str account, int64_t now);
void auth_guard_failed(struct auth_guard *guard, const struct sr_addr *source,
                       struct sr_str account, int64_t now);
void auth_guard_succeeded(struct auth_guard *guard, const struct sr_addr *source,
                          struct sr_str account);

/* ---- passwords ---- */

enum auth_job_kind {
    AUTH_JOB_LOGIN,
    AUTH_JOB_USER, /* create or change */
    AUTH_JOB_OWN_PASSWORD,
};

struct auth_done {
    enum auth_job_kind kind;
    uint64_t request_id, idem_id; /* as given */
    enum sr_err err; /* LOGIN, OWN_PASSWORD: SR_ERR_AUTH wrong; USER: SR_ERR_EXISTS, NOTFOUND,
                        STATE, IO */
    bool is_new;     /* USER: made, not changed */
    char name[AUTH_NAME_MAX];
};

/** Somebody who says a password. */
struct auth_proof {
    struct sr_str name, password;
    const struct auth_request *request;
    uint64_t request_id;
};

/** SR_OK: an auth_done follows; SR_ERR_LIMIT: ret_wait_sec > 0 too many failures (429), 0 too busy
    (503). */
SR_MUST_USE enum sr_err auth_login(struct auth *auth, const struct auth_proof *proof,
                                   uint32_t *ret_wait_sec);
/** A user changes its own password; the proof is the old one, guarded as a login is. All sessions of
    the user end. As auth_login; SR_ERR_SYNTAX: `next` is too short or too long. */
SR_MUST_USE enum sr_err auth_own_password(struct auth *auth, const struct auth_proof *proof,
                                          struct sr_str next, uint32_t *ret_wait_sec);

struct auth_user_change {
    struct sr_str name;
    bool is_new;
    bool has_role, has_device, has_password;
    enum auth_role role;
    struct sr_str device_id, password;
};

/** SR_OK: an auth_done follows. SR_ERR_LIMIT too busy or too many users; SR_ERR_EXISTS,
    SR_ERR_NOTFOUND at once. */
SR_MUST_USE enum sr_err auth_user_change(struct auth *auth, const struct auth_user_change *change,
                                         uint64_t request_id, uint64_t idem_id);
/** SR_ERR_NOTFOUND; SR_ERR_STATE the last administrator; SR_ERR_IO. */
SR_MUST_USE enum sr_err auth_user_remove(struct auth *auth, struct sr_str name);
bool auth_next_done(struct auth *auth, struct auth_done *ret_done);
/** Asked for each item of a list in turn: is it to be written? */
typedef bool auth_wants_fn(void *arg);

/** Items of GET /api/users, or the one of that name (false: there is none). */
void auth_users_json(const struct auth *auth, auth_wants_fn *wants, void *arg,
                     struct sr_json *json);
bool auth_user_json(const struct auth *auth, struct sr_str name, struct sr_json *json);

/* ---- sessions and tokens ---- */

/** A session of a user that was verified; `secret` goes into the cookie. SR_ERR_NOTFOUND: gone. */
SR_MUST_USE enum sr_err auth_session_open(struct auth *auth, struct sr_str name, int64_t now,
                                          char secret[AUTH_SECRET_MAX]);
void auth_session_close(struct auth *auth, const struct auth_principal *who);
/** "__Host-siprouter" over TLS, "siprouter" without. */
const char *auth_cookie_name(bool is_tls);

struct auth_token_options {
    struct sr_str name, device_id;
    enum auth_role role;
    int64_t wall, expires_wall_us; /* expires 0: never */
};

/** @param[out] secret  shown once; `id` names it from now on */
SR_MUST_USE enum sr_err auth_token_open(struct auth *auth, const struct auth_token_options *options,
                                        char secret[AUTH_SECRET_MAX], char id[AUTH_SECRET_MAX]);
SR_MUST_USE enum sr_err auth_token_remove(struct auth *auth, struct sr_str id);
/** Items of GET /api/tokens. */
void auth_tokens_json(const struct auth *auth, auth_wants_fn *wants, void *arg,
                      struct sr_json *json);

#endif

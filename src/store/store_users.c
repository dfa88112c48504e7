/* Users, tokens and named values: small, rare and blocking. */
#include "base/alloc.h"
#include "store/internal.h"

/* One question of this file; only what its kind needs is set. */
struct ask {
    enum sr_err err;
    const struct store_user *user;
    const struct store_token *token;
    struct sr_str name, value;
    struct sr_buf *buf;
    struct sr_list rows;
};

static enum sr_err ask(struct store *store, store__work_fn *fn, struct ask *ask)
{
    sr_list_init(&ask->rows);
    store__ask(store, fn, ask);
    return ask->err;
}

static bool is_long(struct sr_str text)
{
    return text.n > STORE_TEXT_MAX;
}

/* ---- users ---- */

struct user_row {
    struct sr_node node;
    struct store_user user;
};

static void run_user_put(struct store *store, void *work)
{
    struct ask *a = work;

    a->err = store__note(store, store__ops(store)->user_put(store__db(store), a->user));
}

static void run_user_remove(struct store *store, void *work)
{
    struct ask *a = work;

    a->err = store__note(store, store__ops(store)->user_remove(store__db(store), a->name));
}

static void collect_user(void *arg, const struct store_user *user)
{
    struct ask *a = arg;
    struct user_row *row =
        sr_alloc(sizeof(*row) + store__text_bytes(user->name) + store__text_bytes(user->role) +
                 store__text_bytes(user->password_hash) + store__text_bytes(user->device_id));
    char *at = (char *)(row + 1);

    *row = (struct user_row){.user = *user};
    store__text_keep(&at, &row->user.name);
    store__text_keep(&at, &row->user.role);
    store__text_keep(&at, &row->user.password_hash);
    store__text_keep(&at, &row->user.device_id);
    sr_list_add(&a->rows, &row->node);
}

static void run_users(struct store *store, void *work)
{
    struct ask *a = work;

    a->err = store__note(store, store__ops(store)->users(store__db(store), collect_user, a));
}

enum sr_err store_user_put(struct store *store, const struct store_user *user)
{
    if (is_long(user->name) || is_long(user->role) || is_long(user->password_hash) ||
        is_long(user->device_id))
        return SR_ERR_LIMIT;
    return ask(store, run_user_put, &(struct ask){.user = user});
}

enum sr_err store_user_remove(struct store *store, struct sr_str name)
{
    return ask(store, run_user_remove, &(struct ask){.name = name});
}

enum sr_err store_users_load(struct store *store, store_user_fn *fn, void *arg)
{
    struct ask a = {0};
    enum sr_err err = ask(store, run_users, &a);
    struct sr_node *node;

    while ((node = sr_list_pop(&a.rows)) != NULL) {
        struct user_row *row = SR_CONTAINER(node, struct user_row, node);

        if (err == SR_OK)
            fn(arg, &row->user);
        sr_free(row);
    }
    return err;
}

/* ---- tokens ---- */

struct token_row {
    struct sr_node node;
    struct store_token token;
};

static void run_token_put(struct store *store, void *work)
{
    struct ask *a = work;

    a->err = store__note(store, store__ops(store)->token_put(store__db(store), a->token));
}

static void run_token_remove(struct store *store, void *work)
{
    struct ask *a = work;

    a->err = store__note(store, store__ops(store)->token_remove(store__db(store), a->name));
}

static void collect_token(void *arg, const struct store_token *token)
{
    struct ask *a = arg;
    struct token_row *row =
        sr_alloc(sizeof(*row) + store__text_bytes(token->id) + store__text_bytes(token->name) +
                 store__text_bytes(token->role) + store__text_bytes(token->hash) +
                 store__text_bytes(token->device_id));
    char *at = (char *)(row + 1);

    *row = (struct token_row){.token = *token};
    store__text_keep(&at, &row->token.id);
    store__text_keep(&at, &row->token.name);
    store__text_keep(&at, &row->token.role);
    store__text_keep(&at, &row->token.hash);
    store__text_keep(&at, &row->token.device_id);
    sr_list_add(&a->rows, &row->node);
}

static void run_tokens(struct store *store, void *work)
{
    struct ask *a = work;

    a->err = store__note(store, store__ops(store)->tokens(store__db(store), collect_token, a));
}

enum sr_err store_token_put(struct store *store, const struct store_token *token)
{
    if (is_long(token->id) || is_long(token->name) || is_long(token->role) ||
        is_long(token->hash) || is_long(token->device_id))
        return SR_ERR_LIMIT;
    return ask(store, run_token_put, &(struct ask){.token = token});
}

enum sr_err store_token_remove(struct store *store, struct sr_str id)
{
    return ask(store, run_token_remove, &(struct ask){.name = id});
}

enum sr_err store_tokens_load(struct store *store, store_token_fn *fn, void *arg)
{
    struct ask a = {0};
    enum sr_err err = ask(store, run_tokens, &a);
    struct sr_node *node;

    while ((node = sr_list_pop(&a.rows)) != NULL) {
        struct token_row *row = SR_CONTAINER(node, struct token_row, node);

        if (err == SR_OK)
            fn(arg, &row->token);
        sr_free(row);
    }
    return err;
}

/* ---- values ---- */

static void run_value_put(struct store *store, void *work)
{
    struct ask *a = work;

    a->err = store__note(store, store__ops(store)->value_put(store__db(store), a->name, a->value));
}

static void run_value_get(struct store *store, void *work)
{
    struct ask *a = work;

    a->err = store__note(store, store__ops(store)->value_get(store__db(store), a->name, a->buf));
}

enum sr_err store_value_put(struct store *store, struct sr_str name, struct sr_str value)
{
    if (is_long(name) || value.n > STORE_VALUE_MAX)
        return SR_ERR_LIMIT;
    return ask(store, run_value_put, &(struct ask){.name = name, .value = value});
}

enum sr_err store_value_get(struct store *store, struct sr_str name, struct sr_buf *buf)
{
    return ask(store, run_value_get, &(struct ask){.name = name, .buf = buf});
}

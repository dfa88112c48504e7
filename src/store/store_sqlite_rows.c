/* The SQLite engine: rows to structs and back. */
#include "base/alloc.h"
#include "store/store_sqlite.h"

/* ---- writes ---- */

static void bind_head(sqlite3_stmt *statement, const struct store_call_record *record)
{
    sql__text(statement, 1, record->call_id);
    sql__text(statement, 2, record->direction);
    sql__text(statement, 3, record->from);
    sql__text(statement, 4, record->from_name);
    sql__text(statement, 5, record->to);
    sql__text(statement, 6, record->route_id);
    sql__text(statement, 7, record->mode);
    (void)sqlite3_bind_int64(statement, 8, record->started_wall_us);
    (void)sqlite3_bind_int64(statement, 9, record->answered_wall_us);
}

/* NaN would be NULL for SQLite. */
static void bind_known(sqlite3_stmt *statement, int index, double value)
{
    (void)sqlite3_bind_double(statement, index, value >= 0 ? value : -1.0);
}

static enum sr_err put_leg(struct store_db *db, int64_t call, size_t position,
                           const struct store_leg_record *leg)
{
    sqlite3_stmt *statement = sql__use(db, SQL_LEG_PUT);
    const struct sr_str texts[] = {
        leg->leg_id, leg->kind,  leg->role,       leg->device_id, leg->provider_id, leg->number,
        leg->name,   leg->codec, leg->user_agent, leg->address,   leg->reason,      leg->verdict,
    };
    int at = 3;

    (void)sqlite3_bind_int64(statement, 1, call);
    (void)sqlite3_bind_int64(statement, 2, (int64_t)position);
    for (size_t i = 0; i < SR_ARRAY_LEN(texts); i++)
        sql__text(statement, at++, texts[i]);
    (void)sqlite3_bind_int64(statement, at++, leg->started_wall_us);
    (void)sqlite3_bind_int64(statement, at++, leg->answered_wall_us);
    (void)sqlite3_bind_int64(statement, at++, leg->ended_wall_us);
    (void)sqlite3_bind_int64(statement, at++, leg->sip_status);
    (void)sqlite3_bind_int64(statement, at++, (int64_t)leg->rx_packets);
    (void)sqlite3_bind_int64(statement, at++, (int64_t)leg->tx_packets);
    (void)sqlite3_bind_int64(statement, at++, (int64_t)leg->lost);
    bind_known(statement, at++, leg->loss_pct);
    bind_known(statement, at++, leg->jitter_ms);
    bind_known(statement, at++, leg->rtt_ms);
    bind_known(statement, at++, leg->mos);
    sql__text(statement, at, leg->encrypted);
    return sql__run(db, statement);
}

static enum sr_err put_legs(struct store_db *db, int64_t call,
                            const struct store_call_record *record)
{
    sqlite3_stmt *statement = sql__use(db, SQL_LEGS_CLEAR);
    enum sr_err err;

    (void)sqlite3_bind_int64(statement, 1, call);
    err = sql__run(db, statement);
    for (size_t i = 0; err == SR_OK && i < record->leg_count; i++)
        err = put_leg(db, call, i, &record->legs[i]);
    return err;
}

static enum sr_err write_started(struct store_db *db, const struct store_call_record *record)
{
    sqlite3_stmt *statement = sql__use(db, SQL_CALL_STARTED);
    int64_t row = 0; /* stays so when the call has ended already */
    enum sr_err err;

    bind_head(statement, record);
    while (sql__step(db, statement, &err))
        row = sqlite3_column_int64(statement, 0);
    if (err != SR_OK || row == 0 || record->leg_count == 0)
        return err;
    return put_legs(db, row, record);
}

static enum sr_err write_ended(struct store_db *db, const struct store_call_record *record)
{
    sqlite3_stmt *statement = sql__use(db, SQL_CALL_ENDED);
    int64_t row = 0;
    enum sr_err err;

    bind_head(statement, record);
    /* 0 would read as "has not ended" */
    (void)sqlite3_bind_int64(statement, 10, SR_MAX(record->ended_wall_us, 1));
    (void)sqlite3_bind_int64(statement, 11, record->sip_status);
    sql__text(statement, 12, record->reason);
    (void)sqlite3_bind_int64(statement, 13, record->legs_more);
    while (sql__step(db, statement, &err))
        row = sqlite3_column_int64(statement, 0);
    return err == SR_OK ? put_legs(db, row, record) : err;
}

static enum sr_err write_trace(struct store_db *db, const struct store__write *write)
{
    sqlite3_stmt *statement = sql__use(db, SQL_TRACE_PUT);

    sql__text(statement, 1, write->trace.call_id);
    (void)sqlite3_bind_int64(statement, 2, write->trace.ended_wall_us);
    (void)sqlite3_bind_blob(statement, 3, write->trace.packed.p, (int)write->trace.packed.n,
                            SQLITE_STATIC);
    return sql__run(db, statement);
}

static enum sr_err write_contact(struct store_db *db, const struct store__write *write)
{
    const struct store_contact *row = &write->contact.row;
    sqlite3_stmt *statement =
        sql__use(db, write->contact.is_removed ? SQL_CONTACT_REMOVE : SQL_CONTACT_PUT);
    char local[SR_ADDR_TEXT_MAX], remote[SR_ADDR_TEXT_MAX];

    sql__text(statement, 1, row->device_id);
    sql__text(statement, 2, row->uri);
    if (!write->contact.is_removed) {
        sql__text(statement, 3, row->path);
        sql__text(statement, 4, row->user_agent);
        sql__text(statement, 5, row->call_id);
        sql__text(statement, 6, row->instance);
        sql__text(statement, 7, row->transport);
        sql__text(statement, 8, sr_str_c(sr_addr_text(&row->local, local)));
        sql__text(statement, 9, sr_str_c(sr_addr_text(&row->remote, remote)));
        (void)sqlite3_bind_int64(statement, 10, row->q_milli);
        (void)sqlite3_bind_int64(statement, 11, row->cseq);
        (void)sqlite3_bind_int64(statement, 12,
                                 (int64_t)SR_MIN(row->expires_wall, (uint64_t)INT64_MAX));
        (void)sqlite3_bind_int64(statement, 13, row->is_nat);
    }
    return sql__run(db, statement);
}

enum sr_err sql__write(struct store_db *db, const struct store__write *write)
{
    switch (write->kind) {
    case STORE__STARTED:
        return write_started(db, &write->record);
    case STORE__ENDED:
        return write_ended(db, &write->record);
    case STORE__TRACE:
        return write_trace(db, write);
    case STORE__CONTACT:
        return write_contact(db, write);
    case STORE__KIND_COUNT:
        break;
    }
    return SR_ERR_UNSUPPORTED;
}

/* ---- calls ---- */

static void read_head(sqlite3_stmt *statement, struct store_call_record *ret_record)
{
    *ret_record = (struct store_call_record){
        .call_id = sql__column(statement, 1),
        .direction = sql__column(statement, 2),
        .from = sql__column(statement, 3),
        .from_name = sql__column(statement, 4),
        .to = sql__column(statement, 5),
        .route_id = sql__column(statement, 6),
        .mode = sql__column(statement, 7),
        .started_wall_us = sqlite3_column_int64(statement, 8),
        .answered_wall_us = sqlite3_column_int64(statement, 9),
        .ended_wall_us = sqlite3_column_int64(statement, 10),
        .sip_status = (uint16_t)sqlite3_column_int(statement, 11),
        .reason = sql__column(statement, 12),
        .legs_more = (uint32_t)sqlite3_column_int64(statement, 13),
    };
}

static void read_leg(sqlite3_stmt *statement, struct store_leg_record *ret_leg)
{
    *ret_leg = (struct store_leg_record){
        .leg_id = sql__column(statement, 0),
        .kind = sql__column(statement, 1),
        .role = sql__column(statement, 2),
        .device_id = sql__column(statement, 3),
        .provider_id = sql__column(statement, 4),
        .number = sql__column(statement, 5),
        .name = sql__column(statement, 6),
        .codec = sql__column(statement, 7),
        .user_agent = sql__column(statement, 8),
        .address = sql__column(statement, 9),
        .reason = sql__column(statement, 10),
        .verdict = sql__column(statement, 11),
        .started_wall_us = sqlite3_column_int64(statement, 12),
        .answered_wall_us = sqlite3_column_int64(statement, 13),
        .ended_wall_us = sqlite3_column_int64(statement, 14),
        .sip_status = (uint16_t)sqlite3_column_int(statement, 15),
        .rx_packets = (uint64_t)sqlite3_column_int64(statement, 16),
        .tx_packets = (uint64_t)sqlite3_column_int64(statement, 17),
        .lost = (uint64_t)sqlite3_column_int64(statement, 18),
        .loss_pct = sqlite3_column_double(statement, 19),
        .jitter_ms = sqlite3_column_double(statement, 20),
        .rtt_ms = sqlite3_column_double(statement, 21),
        .mos = sqlite3_column_double(statement, 22),
        .encrypted = sql__column(statement, 23),
    };
}

/* The legs' texts live in `texts`, by offset first: it may move while it grows. */
static void keep_texts(struct store_leg_record *leg, struct sr_buf *texts)
{
    struct sr_str *all[] = {
        &leg->leg_id, &leg->kind,    &leg->role,      &leg->device_id,  &leg->provider_id,
        &leg->number, &leg->name,    &leg->codec,     &leg->user_agent, &leg->address,
        &leg->reason, &leg->verdict, &leg->encrypted,
    };

    for (size_t i = 0; i < SR_ARRAY_LEN(all); i++) {
        sr_buf_str(texts, *all[i]);
        all[i]->p = NULL;
    }
}

static void point_texts(struct store_leg_record *leg, const char **at)
{
    struct sr_str *all[] = {
        &leg->leg_id, &leg->kind,    &leg->role,      &leg->device_id,  &leg->provider_id,
        &leg->number, &leg->name,    &leg->codec,     &leg->user_agent, &leg->address,
        &leg->reason, &leg->verdict, &leg->encrypted,
    };

    for (size_t i = 0; i < SR_ARRAY_LEN(all); i++) {
        all[i]->p = *at;
        *at += all[i]->n;
    }
}

static enum sr_err read_legs(struct store_db *db, int64_t row,
                             struct store_leg_record legs[STORE_LEGS_MAX], size_t *ret_count,
                             struct sr_buf *texts)
{
    sqlite3_stmt *statement = sql__use(db, SQL_LEGS);
    size_t count = 0;
    const char *at;
    enum sr_err err;

    sr_buf_clear(texts);
    (void)sqlite3_bind_int64(statement, 1, row);
    while (sql__step(db, statement, &err)) {
        if (count == STORE_LEGS_MAX)
            continue;
        read_leg(statement, &legs[count]);
        keep_texts(&legs[count++], texts);
    }
    if (err == SR_OK && sr_buf_err(texts) != SR_OK)
        err = SR_ERR_LIMIT;
    at = sr_buf_view(texts).p;
    for (size_t i = 0; err == SR_OK && i < count; i++)
        point_texts(&legs[i], &at);
    *ret_count = count;
    return err;
}

/* Gives every row of the statement to fn until it has enough. */
static enum sr_err give_rows(struct store_db *db, sqlite3_stmt *statement, store__row_fn *fn,
                             void *arg, bool *ret_is_found)
{
    struct store_leg_record *legs = sr_alloc(STORE_LEGS_MAX * sizeof(*legs));
    struct sr_buf texts;
    bool is_more = true;
    enum sr_err err;

    *ret_is_found = false;
    sr_buf_init(&texts, (size_t)STORE_LEGS_MAX * 12 * STORE_TEXT_MAX);
    while (is_more && sql__step(db, statement, &err)) {
        struct store_call_record record;
        int64_t row = sqlite3_column_int64(statement, 0);
        size_t count;

        *ret_is_found = true;
        read_head(statement, &record);
        err = read_legs(db, row, legs, &count, &texts);
        if (err != SR_OK) {
            (void)sqlite3_reset(statement); /* read_legs' failure is the one to tell */
            break;
        }
        record.legs = legs;
        record.leg_count = count;
        is_more = fn(arg, row, &record);
    }
    if (!is_more)
        (void)sqlite3_reset(statement); /* left in the middle on purpose */
    sr_buf_done(&texts);
    sr_free(legs);
    return err;
}

enum sr_err sql__calls(struct store_db *db, const struct store__query *query, store__row_fn *fn,
                       void *arg)
{
    sqlite3_stmt *statement = sql__use(db, SQL_CALLS);
    bool is_found;

    (void)sqlite3_bind_int64(statement, 1, query->before_us);
    (void)sqlite3_bind_int64(statement, 2, query->before_row);
    (void)sqlite3_bind_int64(statement, 3, query->from_wall_us);
    sql__text(statement, 4, query->number);
    sql__text(statement, 5, query->result);
    sql__text(statement, 6, query->device);
    sql__text(statement, 7, query->provider);
    return give_rows(db, statement, fn, arg, &is_found);
}

enum sr_err sql__call(struct store_db *db, struct sr_str call_id, store__row_fn *fn, void *arg)
{
    sqlite3_stmt *statement = sql__use(db, SQL_CALL);
    bool is_found;
    enum sr_err err;

    sql__text(statement, 1, call_id);
    err = give_rows(db, statement, fn, arg, &is_found);
    return err == SR_OK && !is_found ? SR_ERR_NOTFOUND : err;
}

enum sr_err sql__trace(struct store_db *db, struct sr_str call_id, store__trace_fn *fn, void *arg)
{
    sqlite3_stmt *statement = sql__use(db, SQL_TRACE);
    bool is_found = false;
    enum sr_err err;

    sql__text(statement, 1, call_id);
    while (sql__step(db, statement, &err)) {
        is_found = true;
        fn(arg, sql__column(statement, 0));
    }
    return err == SR_OK && !is_found ? SR_ERR_NOTFOUND : err;
}

/* ---- use of the outside ---- */

enum sr_err sql__device_use(struct store_db *db, int64_t since_wall_us, store_use_fn *fn, void *arg)
{
    sqlite3_stmt *statement = sql__use(db, SQL_USE);
    enum sr_err err;

    (void)sqlite3_bind_int64(statement, 1, since_wall_us);
    while (sql__step(db, statement, &err)) {
        struct store_use use = {
            .device_id = sql__column(statement, 0),
            .calls = (uint32_t)SR_MIN(sqlite3_column_int64(statement, 1), (int64_t)UINT32_MAX),
            .seconds = (uint64_t)SR_MAX(sqlite3_column_int64(statement, 2), (int64_t)0),
        };

        fn(arg, &use);
    }
    return err;
}

enum sr_err sql__device_answers(struct store_db *db, store_use_fn *fn, void *arg)
{
    sqlite3_stmt *statement = sql__use(db, SQL_ANSWERS);
    enum sr_err err;

    (void)sqlite3_bind_int64(statement, 1, STORE_ANSWERS_CALLS);
    while (sql__step(db, statement, &err))
        fn(arg, &(struct store_use){.device_id = sql__column(statement, 0)});
    return err;
}

/* ---- contacts ---- */

enum sr_err sql__contacts(struct store_db *db, uint64_t now_wall, store_contact_fn *fn, void *arg)
{
    sqlite3_stmt *statement = sql__use(db, SQL_CONTACTS);
    enum sr_err err;

    (void)sqlite3_bind_int64(statement, 1, (int64_t)SR_MIN(now_wall, (uint64_t)INT64_MAX));
    while (sql__step(db, statement, &err)) {
        struct store_contact contact = {
            .device_id = sql__column(statement, 0),
            .uri = sql__column(statement, 1),
            .path = sql__column(statement, 2),
            .user_agent = sql__column(statement, 3),
            .call_id = sql__column(statement, 4),
            .instance = sql__column(statement, 5),
            .transport = sql__column(statement, 6),
            .q_milli = (uint32_t)sqlite3_column_int64(statement, 9),
            .cseq = (uint32_t)sqlite3_column_int64(statement, 10),
            .expires_wall = (uint64_t)sqlite3_column_int64(statement, 11),
            .is_nat = sqlite3_column_int(statement, 12) != 0,
        };

        /* an address that was none stays none */
        if (sr_addr_parse(sql__column(statement, 7), 0, &contact.local) != SR_OK)
            contact.local = (struct sr_addr){0};
        if (sr_addr_parse(sql__column(statement, 8), 0, &contact.remote) != SR_OK)
            contact.remote = (struct sr_addr){0};
        fn(arg, &contact);
    }
    return err;
}

/* ---- users, tokens, values ---- */

static enum sr_err remove_one(struct store_db *db, enum sql__id id, struct sr_str key)
{
    sqlite3_stmt *statement = sql__use(db, id);
    enum sr_err err;

    sql__text(statement, 1, key);
    err = sql__run(db, statement);
    return err == SR_OK && !sql__has_changed(db) ? SR_ERR_NOTFOUND : err;
}

enum sr_err sql__user_put(struct store_db *db, const struct store_user *user)
{
    sqlite3_stmt *statement = sql__use(db, SQL_USER_PUT);

    sql__text(statement, 1, user->name);
    sql__text(statement, 2, user->role);
    sql__text(statement, 3, user->password_hash);
    sql__text(statement, 4, user->device_id);
    return sql__run(db, statement);
}

enum sr_err sql__user_remove(struct store_db *db, struct sr_str name)
{
    return remove_one(db, SQL_USER_REMOVE, name);
}

enum sr_err sql__users(struct store_db *db, store_user_fn *fn, void *arg)
{
    sqlite3_stmt *statement = sql__use(db, SQL_USERS);
    enum sr_err err;

    while (sql__step(db, statement, &err)) {
        struct store_user user = {
            .name = sql__column(statement, 0),
            .role = sql__column(statement, 1),
            .password_hash = sql__column(statement, 2),
            .device_id = sql__column(statement, 3),
        };

        fn(arg, &user);
    }
    return err;
}

enum sr_err sql__token_put(struct store_db *db, const struct store_token *token)
{
    sqlite3_stmt *statement = sql__use(db, SQL_TOKEN_PUT);

    sql__text(statement, 1, token->id);
    sql__text(statement, 2, token->name);
    sql__text(statement, 3, token->role);
    sql__text(statement, 4, token->hash);
    sql__text(statement, 5, token->device_id);
    (void)sqlite3_bind_int64(statement, 6, token->created_wall_us);
    (void)sqlite3_bind_int64(statement, 7, token->expires_wall_us);
    return sql__run(db, statement);
}

enum sr_err sql__token_remove(struct store_db *db, struct sr_str id)
{
    return remove_one(db, SQL_TOKEN_REMOVE, id);
}

enum sr_err sql__tokens(struct store_db *db, store_token_fn *fn, void *arg)
{
    sqlite3_stmt *statement = sql__use(db, SQL_TOKENS);
    enum sr_err err;

    while (sql__step(db, statement, &err)) {
        struct store_token token = {
            .id = sql__column(statement, 0),
            .name = sql__column(statement, 1),
            .role = sql__column(statement, 2),
            .hash = sql__column(statement, 3),
            .device_id = sql__column(statement, 4),
            .created_wall_us = sqlite3_column_int64(statement, 5),
            .expires_wall_us = sqlite3_column_int64(statement, 6),
        };

        fn(arg, &token);
    }
    return err;
}

enum sr_err sql__value_put(struct store_db *db, struct sr_str name, struct sr_str value)
{
    sqlite3_stmt *statement = sql__use(db, SQL_VALUE_PUT);

    sql__text(statement, 1, name);
    (void)sqlite3_bind_blob(statement, 2, value.p ? value.p : "", (int)value.n, SQLITE_STATIC);
    return sql__run(db, statement);
}

enum sr_err sql__value_get(struct store_db *db, struct sr_str name, struct sr_buf *buf)
{
    sqlite3_stmt *statement = sql__use(db, SQL_VALUE_GET);
    bool is_found = false;
    enum sr_err err;

    sql__text(statement, 1, name);
    while (sql__step(db, statement, &err)) {
        is_found = true;
        sr_buf_str(buf, sql__column(statement, 0));
    }
    return err == SR_OK && !is_found ? SR_ERR_NOTFOUND : err == SR_OK ? sr_buf_err(buf) : err;
}

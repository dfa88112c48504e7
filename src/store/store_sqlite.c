/* The SQLite engine: opening, schema, damage, transactions and retention. */
#include "store/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "net/clock.h"

enum {
    BUSY_WAIT_MS = 1000,
    CHECKED_BYTES_MAX = 16 * 1024 * 1024, /* larger files are found out by use: opening is quick */
    CONTACT_KEEP_SEC = 24 * 3600,         /* after it expired: its phone may be told again */
};

#define DAY_US (INT64_C(86400) * 1000000)

static const char *const sql_texts[] = {
#define X(name, text) text,
    STORE_SQL_MAP(X)
#undef X
};

/* Step n brings user_version n to n + 1. Steps are never changed, only added. */
static const char *const migrations[] = {
    "CREATE TABLE calls (id INTEGER PRIMARY KEY, call_id TEXT NOT NULL UNIQUE,"
    " direction TEXT NOT NULL, from_number TEXT NOT NULL, from_name TEXT NOT NULL,"
    " to_number TEXT NOT NULL, route_id TEXT NOT NULL, mode TEXT NOT NULL,"
    " started INTEGER NOT NULL, answered INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " sip_status INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"
    "CREATE INDEX calls_started ON calls (started, id);"
    "CREATE INDEX calls_open ON calls (id) WHERE ended=0;"
    "CREATE TABLE legs (call INTEGER NOT NULL, position INTEGER NOT NULL, leg_id TEXT NOT NULL,"
    " kind TEXT NOT NULL, role TEXT NOT NULL, device_id TEXT NOT NULL, provider_id TEXT NOT NULL,"
    " number TEXT NOT NULL, name TEXT NOT NULL, codec TEXT NOT NULL, user_agent TEXT NOT NULL,"
    " address TEXT NOT NULL, reason TEXT NOT NULL, verdict TEXT NOT NULL,"
    " started INTEGER NOT NULL, answered INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " sip_status INTEGER NOT NULL, rx_packets INTEGER NOT NULL, tx_packets INTEGER NOT NULL,"
    " lost INTEGER NOT NULL, loss_pct REAL NOT NULL, jitter_ms REAL NOT NULL,"
    " rtt_ms REAL NOT NULL, mos REAL NOT NULL, PRIMARY KEY (call, position))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE traces (call INTEGER PRIMARY KEY, ended INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, packed BLOB NOT NULL) STRICT;"
    "CREATE INDEX traces_ended ON traces (ended, bytes);"
    "CREATE TABLE contacts (device_id TEXT NOT NULL, uri TEXT NOT NULL, path TEXT NOT NULL,"
    " user_agent TEXT NOT NULL, call_id TEXT NOT NULL, instance TEXT NOT NULL,"
    " transport TEXT NOT NULL, local TEXT NOT NULL, remote TEXT NOT NULL,"
    " q_milli INTEGER NOT NULL, cseq INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " is_nat INTEGER NOT NULL, PRIMARY KEY (device_id, uri)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE users (name TEXT PRIMARY KEY NOT NULL, role TEXT NOT NULL,"
    " password_hash TEXT NOT NULL, device_id TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tokens (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,"
    " hash TEXT NOT NULL, device_id TEXT NOT NULL, created INTEGER NOT NULL,"
    " expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE named_values (name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE alive (one INTEGER PRIMARY KEY CHECK (one=1), at INTEGER NOT NULL) STRICT;"
    "INSERT INTO alive VALUES (1, 0);",
    "ALTER TABLE legs ADD COLUMN encrypted TEXT NOT NULL DEFAULT '';",
    "ALTER TABLE calls ADD COLUMN legs_more INTEGER NOT NULL DEFAULT 0;",
};

/* ---- statements ---- */

static enum sr_err class_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return SR_OK;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return SR_ERR_PROTO;
    case SQLITE_TOOBIG:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return SR_ERR_LIMIT;
    default:
        return SR_ERR_IO;
    }
}

enum sr_err sql__err(struct store_db *db, int rc)
{
    enum sr_err err = class_of(rc);

    if (err != SR_OK && db != NULL) {
        db->err = err;
        (void)sr_str_copy(sr_str_c(sqlite3_errmsg(db->sqlite)), db->why, sizeof(db->why));
    }
    return err;
}

sqlite3_stmt *sql__use(struct store_db *db, enum sql__id id)
{
    if (db == NULL)
        return NULL;
    if (db->statements[id] == NULL) {
        int rc = sqlite3_prepare_v3(db->sqlite, sql_texts[id], -1, SQLITE_PREPARE_PERSISTENT,
                                    &db->statements[id], NULL);

        if (sql__err(db, rc) != SR_OK)
            return NULL;
    }
    return db->statements[id];
}

void sql__text(sqlite3_stmt *statement, int index, struct sr_str text)
{
    (void)sqlite3_bind_text(statement, index, text.p ? text.p : "", (int)text.n, SQLITE_STATIC);
}

struct sr_str sql__column(sqlite3_stmt *statement, int column)
{
    const void *bytes = sqlite3_column_blob(statement, column);

    return sr_str_make(bytes, (size_t)sqlite3_column_bytes(statement, column));
}

bool sql__step(struct store_db *db, sqlite3_stmt *statement, enum sr_err *ret_err)
{
    int rc;

    if (statement == NULL) {
        *ret_err = db != NULL ? db->err : SR_ERR_IO;
        return false;
    }
    rc = sqlite3_step(statement);
    *ret_err = sql__err(db, rc);
    if (rc == SQLITE_ROW)
        return true;
    (void)sqlite3_reset(statement); /* says again what step said */
    (void)sqlite3_clear_bindings(statement);
    return false;
}

enum sr_err sql__run(struct store_db *db, sqlite3_stmt *statement)
{
    enum sr_err err;

    while (sql__step(db, statement, &err)) {
    }
    return err;
}

bool sql__has_changed(struct store_db *db)
{
    return sqlite3_changes(db->sqlite) > 0;
}

/* ---- opening ---- */

static void close_db(struct store_db *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_finalize(db->statements[i]);
    (void)sqlite3_close(db->sqlite);
    sr_free(db->path);
    sr_free(db);
}

/* One number of a PRAGMA or the like; -1 when there is none. */
static enum sr_err ask_number(struct store_db *db, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *statement = NULL;
    enum sr_err err = sql__err(db, sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL));

    *ret_number = -1;
    if (err == SR_OK && sql__step(db, statement, &err))
        *ret_number = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return err;
}

/* SR_ERR_PROTO: quick_check found something. */
static enum sr_err check_db(struct store_db *db, int64_t file_bytes)
{
    sqlite3_stmt *statement = NULL;
    enum sr_err err;

    if (file_bytes > CHECKED_BYTES_MAX)
        return SR_OK;
    err =
        sql__err(db, sqlite3_prepare_v2(db->sqlite, "PRAGMA quick_check(1)", -1, &statement, NULL));
    if (err == SR_OK && sql__step(db, statement, &err)) {
        struct sr_str found = sql__column(statement, 0);

        if (!sr_str_eq_c(found, "ok")) {
            (void)sr_str_copy(found, db->why, sizeof(db->why));
            err = SR_ERR_PROTO;
        }
    }
    (void)sqlite3_finalize(statement);
    return err;
}

static enum sr_err execute(struct store_db *db, const char *sql)
{
    return sql__err(db, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

static enum sr_err migrate_from(struct store_db *db, int64_t version)
{
    char set_version[64];
    enum sr_err err = execute(db, "BEGIN IMMEDIATE");

    for (size_t i = (size_t)version; err == SR_OK && i < SR_ARRAY_LEN(migrations); i++)
        err = execute(db, migrations[i]);
    (void)snprintf(set_version, sizeof(set_version), "PRAGMA user_version=%zu",
                   SR_ARRAY_LEN(migrations));
    if (err == SR_OK)
        err = execute(db, set_version);
    if (err == SR_OK)
        err = execute(db, "COMMIT");
    return err; /* closing rolls back */
}

static enum sr_err migrate(struct store_db *db)
{
    int64_t version;
    enum sr_err err = ask_number(db, "PRAGMA user_version", &version);

    if (err != SR_OK)
        return err;
    if (version < 0 || version > (int64_t)SR_ARRAY_LEN(migrations)) {
        (void)snprintf(db->why, sizeof(db->why),
                       "it has version %lld, this program knows up to %zu", (long long)version,
                       SR_ARRAY_LEN(migrations));
        return SR_ERR_UNSUPPORTED;
    }
    return version < (int64_t)SR_ARRAY_LEN(migrations) ? migrate_from(db, version) : SR_OK;
}

static enum sr_err repair(struct store_db *db, int64_t now_wall_us)
{
    sqlite3_stmt *statement = sql__use(db, SQL_REPAIR_LEGS);
    enum sr_err err;

    (void)sqlite3_bind_int64(statement, 1, now_wall_us);
    err = sql__run(db, statement);
    if (err != SR_OK)
        return err;
    statement = sql__use(db, SQL_REPAIR);
    (void)sqlite3_bind_int64(statement, 1, now_wall_us);
    err = sql__run(db, statement);
    if (err == SR_OK && sql__has_changed(db))
        sr_log(STORE, INFO, "event=records_repaired count=%d reason=router_stopped",
               sqlite3_changes(db->sqlite));
    return err;
}

static enum sr_err set_up(struct store_db *db, int64_t file_bytes, int64_t now_wall_us)
{
    static const char pragmas[] = "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
                                  "PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;"
                                  "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                                  "PRAGMA journal_size_limit=67108864;";
    enum sr_err err;

    (void)sqlite3_extended_result_codes(db->sqlite, 1);
    (void)sqlite3_busy_timeout(db->sqlite, BUSY_WAIT_MS);
    (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    err = execute(db, pragmas);
    if (err == SR_OK)
        err = check_db(db, file_bytes);
    if (err == SR_OK)
        err = migrate(db);
    if (err == SR_OK)
        err = repair(db, now_wall_us);
    return err;
}

/* Makes the file before SQLite does, so that nobody else may ever read it or its journals. */
static enum sr_err make_file(const char *path, int64_t *ret_bytes, char *reterr_why,
                             size_t why_size)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    bool is_file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    bool is_ours = is_file && fchmod(fd, 0600) == 0;
    int fault = fd >= 0 && !is_file ? EINVAL : errno;

    if (fd >= 0)
        (void)close(fd); /* nothing was written */
    if (!is_ours) {
        (void)snprintf(reterr_why, why_size, "the database %s cannot be opened for writing: %s",
                       path, strerror(fault));
        return SR_ERR_IO;
    }
    *ret_bytes = st.st_size;
    return SR_OK;
}

static void move_one(const char *path, const char *saved, const char *suffix)
{
    char from[4096], to[4096];

    (void)snprintf(from, sizeof(from), "%s%s", path, suffix);
    (void)snprintf(to, sizeof(to), "%s%s", saved, suffix);
    if (rename(from, to) != 0 && errno != ENOENT)
        sr_log(STORE, ERROR, "event=damaged_file_not_moved file=\"%s\" why=\"%s\"", from,
               strerror(errno));
}

/* Out of the way, under a name that was free, and said so. */
static void move_aside(const char *path, const char *why)
{
    char text[NET_CLOCK_TEXT_MAX];
    char saved[4096];

    (void)net_clock_text(net_clock_wall(), text);
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(saved, sizeof(saved), "%s.damaged-%.19s-%u", path, text, i);
        for (char *c = saved + strlen(path); *c != '\0'; c++) {
            if (*c == ':')
                *c = '-';
        }
        if (access(saved, F_OK) != 0)
            break;
    }
    move_one(path, saved, "");
    move_one(path, saved, "-wal");
    move_one(path, saved, "-shm");
    sr_log(STORE, ERROR,
           "event=database_damaged file=\"%s\" saved=\"%s\" why=\"%s\" hint=\"a new one was made\"",
           path, saved, why);
}

static enum sr_err open_once(const char *path, int64_t now_wall_us, struct store_db **ret_db,
                             char *reterr_why, size_t why_size)
{
    struct store_db *db;
    int64_t file_bytes;
    enum sr_err err = make_file(path, &file_bytes, reterr_why, why_size);

    if (err != SR_OK)
        return err;
    db = sr_zalloc(1, sizeof(*db));
    db->path = sr_strdup(path);
    err = sql__err(
        db, sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    if (err == SR_OK)
        err = set_up(db, file_bytes, now_wall_us);
    if (err != SR_OK) {
        (void)snprintf(reterr_why, why_size, "the database %s cannot be used: %s%s", path, db->why,
                       strstr(db->why, "locked") != NULL ? " by another program" : "");
        if (err == SR_ERR_PROTO)
            (void)sr_str_copy(sr_str_c(db->why), reterr_why, why_size);
        close_db(db);
        return err == SR_ERR_LIMIT ? SR_ERR_IO : err;
    }
    *ret_db = db;
    return SR_OK;
}

static enum sr_err open_db(const struct store_options *options, int64_t now_wall_us,
                           struct store_db **ret_db, char *reterr_why, size_t why_size)
{
    char *path = sr_str_cdup(options->path);
    enum sr_err err = open_once(path, now_wall_us, ret_db, reterr_why, why_size);

    if (err == SR_ERR_PROTO) {
        move_aside(path, reterr_why);
        err = open_once(path, now_wall_us, ret_db, reterr_why, why_size);
    }
    sr_free(path);
    return err == SR_ERR_PROTO ? SR_ERR_IO : err;
}

static void abandon_db(struct store_db *db)
{
    char *path;
    char why[STORE_WHY_MAX];

    if (db == NULL)
        return;
    path = sr_strdup(db->path);
    (void)sr_str_copy(sr_str_c(db->why), why, sizeof(why));
    close_db(db);
    move_aside(path, why);
    sr_free(path);
}

static const char *why_of(const struct store_db *db)
{
    return db != NULL ? db->why : "the database is not open";
}

/* ---- transactions ---- */

static enum sr_err begin(struct store_db *db)
{
    return sql__run(db, sql__use(db, SQL_BEGIN));
}

static enum sr_err alive(struct store_db *db, int64_t now_wall_us)
{
    sqlite3_stmt *statement = sql__use(db, SQL_ALIVE);

    (void)sqlite3_bind_int64(statement, 1, now_wall_us);
    return sql__run(db, statement);
}

static enum sr_err commit(struct store_db *db, int64_t now_wall_us)
{
    enum sr_err err = alive(db, now_wall_us);

    return err == SR_OK ? sql__run(db, sql__use(db, SQL_COMMIT)) : err;
}

static void rollback(struct store_db *db)
{
    char why[STORE_WHY_MAX];

    if (db == NULL || sqlite3_get_autocommit(db->sqlite)) /* some failures end it themselves */
        return;
    memcpy(why, db->why, sizeof(why));
    (void)sql__run(db, sql__use(db, SQL_ROLLBACK)); /* what failed before is what counts */
    memcpy(db->why, why, sizeof(why));
}

/* ---- retention ---- */

struct victims {
    int64_t rows[STORE_TIDY_STEP];
    size_t count;
};

/* The oldest rows before `before_us`; with `bytes_over`, only as many as make up for that. */
static enum sr_err find_victims(struct store_db *db, enum sql__id id, int64_t before_us,
                                int64_t bytes_over, struct victims *ret_victims)
{
    sqlite3_stmt *statement = sql__use(db, id);
    bool is_by_size = id == SQL_OLD_TRACES && bytes_over > 0;
    enum sr_err err;

    ret_victims->count = 0;
    (void)sqlite3_bind_int64(statement, 1, before_us);
    (void)sqlite3_bind_int64(statement, 2, STORE_TIDY_STEP);
    while (sql__step(db, statement, &err)) {
        if (ret_victims->count == STORE_TIDY_STEP || (is_by_size && bytes_over <= 0))
            continue;
        ret_victims->rows[ret_victims->count++] = sqlite3_column_int64(statement, 0);
        if (is_by_size)
            bytes_over -= sqlite3_column_int64(statement, 1);
    }
    return err;
}

static enum sr_err drop_from(struct store_db *db, enum sql__id id, int64_t row)
{
    sqlite3_stmt *statement = sql__use(db, id);

    (void)sqlite3_bind_int64(statement, 1, row);
    return sql__run(db, statement);
}

static enum sr_err drop_victims(struct store_db *db, const struct victims *victims, bool with_calls)
{
    enum sr_err err = begin(db);

    for (size_t i = 0; err == SR_OK && i < victims->count; i++) {
        err = drop_from(db, SQL_TRACE_DROP, victims->rows[i]);
        if (err == SR_OK && with_calls)
            err = drop_from(db, SQL_LEGS_CLEAR, victims->rows[i]);
        if (err == SR_OK && with_calls)
            err = drop_from(db, SQL_CALL_DROP, victims->rows[i]);
    }
    if (err == SR_OK)
        err = sql__run(db, sql__use(db, SQL_COMMIT));
    if (err != SR_OK)
        rollback(db);
    return err;
}

static enum sr_err find_large(struct store_db *db, uint32_t mb_max, struct victims *ret_victims)
{
    sqlite3_stmt *statement = sql__use(db, SQL_TRACE_BYTES);
    int64_t over = 0;
    enum sr_err err;

    while (sql__step(db, statement, &err))
        over = sqlite3_column_int64(statement, 0) - (int64_t)mb_max * 1024 * 1024;
    if (err != SR_OK || over <= 0)
        return err;
    return find_victims(db, SQL_OLD_TRACES, INT64_MAX, over, ret_victims);
}

/* One kind of row a step, the first that has any. */
static enum sr_err tidy(struct store_db *db, const struct store_options *limits,
                        int64_t now_wall_us, bool *ret_is_done)
{
    struct victims victims = {.count = 0};
    bool with_calls = false;
    enum sr_err err = SR_OK;

    *ret_is_done = false;
    if (limits->keep_days > 0) {
        err =
            find_victims(db, SQL_OLD_CALLS, now_wall_us - limits->keep_days * DAY_US, 0, &victims);
        with_calls = victims.count > 0;
    }
    if (err == SR_OK && victims.count == 0 && limits->is_trace_off)
        err = find_victims(db, SQL_OLD_TRACES, INT64_MAX, 0, &victims);
    if (err == SR_OK && victims.count == 0 && limits->trace_keep_days > 0)
        err = find_victims(db, SQL_OLD_TRACES, now_wall_us - limits->trace_keep_days * DAY_US, 0,
                           &victims);
    if (err == SR_OK && victims.count == 0 && limits->trace_mb_max > 0)
        err = find_large(db, limits->trace_mb_max, &victims);
    if (err == SR_OK && victims.count > 0)
        return drop_victims(db, &victims, with_calls);
    if (err == SR_OK) {
        sqlite3_stmt *statement = sql__use(db, SQL_CONTACTS_TIDY);

        (void)sqlite3_bind_int64(statement, 1, now_wall_us / SR_SEC - CONTACT_KEEP_SEC);
        err = sql__run(db, statement);
    }
    if (err == SR_OK)
        err = sql__run(db, sql__use(db, SQL_VACUUM));
    *ret_is_done = true;
    return err;
}

const struct store_ops store__ops_sqlite = {
    .name = "sqlite",
    .open = open_db,
    .close = close_db,
    .abandon = abandon_db,
    .why = why_of,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .write = sql__write,
    .alive = alive,
    .tidy = tidy,
    .calls = sql__calls,
    .call = sql__call,
    .trace = sql__trace,
    .contacts = sql__contacts,
    .device_use = sql__device_use,
    .device_answers = sql__device_answers,
    .user_put = sql__user_put,
    .user_remove = sql__user_remove,
    .users = sql__users,
    .token_put = sql__token_put,
    .token_remove = sql__token_remove,
    .tokens = sql__tokens,
    .value_put = sql__value_put,
    .value_get = sql__value_get,
};

/**
 * @file internal.h  What the files of the store share: the engine's table, the queue's entries, rows.
 *
 * Layer:   store
 * Thread:  an engine and everything that takes a struct store_db: the store thread (before it starts,
 *          the one that opens)
 */
#ifndef SR_STORE_INTERNAL_H
#define SR_STORE_INTERNAL_H

#include "base/list.h"
#include "store/store.h"

struct store_db; /* an engine's open database */

enum {
    STORE_BATCH_MAX = 500, /* writes of one transaction */
    STORE_BATCH_WAIT_US =
        10000, /* from one transaction to the next; an idle store writes at once */
    STORE_CLOSE_WAIT_US = 10 * 1000 * 1000,
    STORE_TIDY_US = 60 * 1000 * 1000,  /* between two looks at retention */
    STORE_ALIVE_US = 10 * 1000 * 1000, /* between two signs of life */
    STORE_TIDY_STEP = 200,             /* rows of one step of retention */
};

/* ---- writes ---- */

/** In the order in which they give way. */
enum store__kind {
    STORE__TRACE,
    STORE__CONTACT, /* put and remove */
    STORE__STARTED,
    STORE__ENDED,
    STORE__KIND_COUNT,
};

/** One write, with all its texts in one block of memory. */
struct store__write {
    struct sr_node node;      /* of the queue */
    struct sr_node kind_node; /* of its kind */
    enum store__kind kind;
    uint64_t seq;
    size_t bytes; /* of memory */
    union {
        struct store_call_record record; /* STARTED, ENDED */
        struct {
            struct sr_str call_id, packed;
            int64_t ended_wall_us;
        } trace;
        struct {
            struct store_contact row;
            struct sr_str key;
            bool is_removed;
        } contact;
    };
};

struct store__write *store__write_record(enum store__kind kind,
                                         const struct store_call_record *record);
/** NULL when there is nothing to keep. */
struct store__write *store__write_trace(const struct store_call_record *record,
                                        const struct store_trace_message *trace, size_t count);
/** Only device_id and uri are looked at when is_removed. */
struct store__write *store__write_contact(const struct store_contact *contact, bool is_removed);

/** Walks a packed trace. @return false at the end, or when the bytes are not a trace */
bool store__trace_next(struct sr_str *packed, struct store_trace_message *ret_message);

/* ---- queries ---- */

struct store__query {
    int64_t from_wall_us, to_wall_us;
    struct sr_str number, device, provider, result;
    int64_t before_us; /* calls that started before this, or then with a smaller row */
    int64_t before_row;
};

/** One row, newest first; false stops. The record and its legs live for the call only. */
typedef bool store__row_fn(void *arg, int64_t row, const struct store_call_record *record);
typedef void store__trace_fn(void *arg, struct sr_str packed);

/**
 * What a database engine does; db may be NULL (it could not be opened again). SR_OK or:
 *   SR_ERR_IO     not now (disk full, locked...): try again later
 *   SR_ERR_PROTO  the database is damaged
 *   SR_ERR_LIMIT  this one row will never be taken
 */
struct store_ops {
    const char *name;
    /** Opens, makes, migrates and repairs. A damaged file is moved aside and made anew. */
    enum sr_err (*open)(const struct store_options *options, int64_t now_wall_us,
                        struct store_db **ret_db, char *reterr_why, size_t why_size);
    void (*close)(struct store_db *db); /* NULL is fine */
    /** Closes a damaged database and moves it aside; open then makes a new one. NULL is fine. */
    void (*abandon)(struct store_db *db);
    /** What went wrong last, for a log line. */
    const char *(*why)(const struct store_db *db);

    enum sr_err (*begin)(struct store_db *db);
    enum sr_err (*commit)(struct store_db *db, int64_t now_wall_us);
    void (*rollback)(struct store_db *db);
    enum sr_err (*write)(struct store_db *db, const struct store__write *write);
    /** A sign of life, kept only while calls are open. */
    enum sr_err (*alive)(struct store_db *db, int64_t now_wall_us);
    /** One small step of retention; *ret_is_done: nothing more to remove. */
    enum sr_err (*tidy)(struct store_db *db, const struct store_options *limits,
                        int64_t now_wall_us, bool *ret_is_done);

    enum sr_err (*calls)(struct store_db *db, const struct store__query *query, store__row_fn *fn,
                         void *arg);
    enum sr_err (*call)(struct store_db *db, struct sr_str call_id, store__row_fn *fn, void *arg);
    enum sr_err (*trace)(struct store_db *db, struct sr_str call_id, store__trace_fn *fn,
                         void *arg);

    enum sr_err (*device_use)(struct store_db *db, int64_t since_wall_us, store_use_fn *fn,
                              void *arg);
    enum sr_err (*device_answers)(struct store_db *db, store_use_fn *fn, void *arg);
    enum sr_err (*contacts)(struct store_db *db, uint64_t now_wall, store_contact_fn *fn,
                            void *arg);
    enum sr_err (*user_put)(struct store_db *db, const struct store_user *user);
    enum sr_err (*user_remove)(struct store_db *db, struct sr_str name);
    enum sr_err (*users)(struct store_db *db, store_user_fn *fn, void *arg);
    enum sr_err (*token_put)(struct store_db *db, const struct store_token *token);
    enum sr_err (*token_remove)(struct store_db *db, struct sr_str id);
    enum sr_err (*tokens)(struct store_db *db, store_token_fn *fn, void *arg);
    enum sr_err (*value_put)(struct store_db *db, struct sr_str name, struct sr_str value);
    enum sr_err (*value_get)(struct store_db *db, struct sr_str name, struct sr_buf *buf);
};

extern const struct store_ops store__ops_sqlite;

/* ---- the thread ---- */

/** What a store is opened with besides its options; tests bring their own clock. */
struct store__kit {
    const struct store_ops *ops;
    int64_t (*wall)(void *arg); /* microseconds since the epoch; any thread */
    void *arg;
};

SR_MUST_USE enum sr_err store__open(const struct store_options *options,
                                    const struct store__kit *kit, struct store **ret_store,
                                    char *reterr_why, size_t why_size);

/** Work on the store thread, after all writes handed over before it. */
typedef void store__work_fn(struct store *store, void *work);
/** Waits until it is done. Not on the store thread. */
void store__ask(struct store *store, store__work_fn *fn, void *work);
/** Does not wait. @return false: too many wait, fn will not run */
SR_MUST_USE bool store__post(struct store *store, store__work_fn *fn, void *work);
/** Takes over the write. NULL is fine. */
void store__push(struct store *store, struct store__write *write);
/** Any thread: whether traces are not wanted (store_options). */
bool store__is_trace_off(struct store *store);
/** Retention now rather than later, all of it; for tests. */
void store__tidy_all(struct store *store);
/** A damaged database is noted (it goes aside soon) and reads as SR_ERR_IO outside. Store thread. */
enum sr_err store__note(struct store *store, enum sr_err err);
/** For work on the store thread. */
struct store_db *store__db(struct store *store);
const struct store_ops *store__ops(struct store *store);

/* ---- packing: copies of texts behind a struct, in its block ---- */

/** Bytes the text takes in a block. */
size_t store__text_bytes(struct sr_str text);
/** Copies to *at, lets the view point there, moves *at on. */
void store__text_keep(char **at, struct sr_str *text);

#endif

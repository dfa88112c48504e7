/**
 * @file store.h  What must last: call records with their traces, registrations, users, tokens.
 *
 * One interface, engines behind it (SQLite now). A store thread does all the work; callers hand over
 * copies through a bounded queue and never wait for a disk. Writes are one-way, keep their order and
 * are grouped into transactions (10 ms or 500 writes; an idle store writes at once). When the queue
 * is full (a stalled or full disk, in entries or in bytes) the oldest give way in this order:
 * traces, contacts, starts of calls, ended calls; what is lost is counted and logged at most once a minute. A contact that still
 * waits is replaced by the next write of the same contact.
 *
 * Queries answer through a callback on the store thread: post what you need to your own thread. They
 * see every write handed over before them that the disk took.
 *
 * A call has its row from the moment it starts, so nothing is forgotten by `kill -9`: at open, rows
 * still without an end get the reason "router_stopped" and the last moment the router was known to
 * live (known to some 10 s; never later than the opening). Such rows have no legs and no trace.
 *
 * A damaged file is moved aside (its new name is in the log, level error) and a new one is made. While
 * the disk is full or another program locks the file, writes wait and are tried again.
 *
 * Layer:   store
 * Thread:  any, unless said otherwise
 * Memory:  arguments are copied; results live for the callback only
 */
#ifndef SR_STORE_STORE_H
#define SR_STORE_STORE_H

#include "base/addr.h"
#include "base/json.h"

struct store;

enum {
    STORE_LEGS_MAX = 512,           /* of one record; more are counted, not listed */
    STORE_ANSWERS_CALLS = 20000,    /* looked through at start for who answered last */
    STORE_QUEUE_MAX = 20000,        /* writes waiting */
    STORE_TRACE_MESSAGES_MAX = 200, /* of one call */
    STORE_TRACE_BYTES_MAX = 256 * 1024,
    STORE_PAGE_MAX = 1000,                    /* rows of one page of history */
    STORE_CSV_ROWS_MAX = 100000,              /* rows of one CSV */
    STORE_QUEUE_BYTES_MAX = 64 * 1024 * 1024, /* of writes waiting */
    STORE_REQUESTS_MAX = 256,                 /* queries waiting */
    STORE_TEXT_MAX = 64 * 1024,    /* bytes of one text of a record; a longer one is cut */
    STORE_VALUE_MAX = 1024 * 1024, /* bytes of a named value */
    STORE_WHY_MAX = 256,           /* a good size for the sentence of store_open */
};

struct store_options {
    struct sr_str path; /* SQLite file; its folder must exist. Files are made with mode 0600 */
    /* 0: no such limit. Enforced in small steps, at open and once a minute */
    uint32_t keep_days, trace_keep_days, trace_mb_max;
    bool is_trace_off; /* no trace is kept, and those that were go */
};

struct store_stats {
    uint64_t writes;         /* on disk */
    uint64_t write_failures; /* transactions that failed and are tried again */
    uint64_t writes_lost;    /* gave way, or were refused by the database for good */
    uint64_t traces_lost;    /* of these: traces */
    uint64_t queries;        /* answered */
    uint32_t queued;         /* writes waiting or being written */
    bool is_healthy;         /* the last write worked */
};

/**
 * Opens (and makes or migrates) the store, repairs what a crash left, starts the thread.
 *
 * @param[out] ret_store   set on success only
 * @param[out] reterr_why  a sentence for people, at most why_size (> 0) bytes; on failure only
 *
 * @return SR_OK
 *         SR_ERR_IO           the file cannot be opened or written
 *         SR_ERR_UNSUPPORTED  a newer version of the router made this file; it is left untouched
 */
SR_MUST_USE enum sr_err store_open(const struct store_options *options, struct store **ret_store,
                                   char *reterr_why, size_t why_size);
/** Writes all that waits (at most 10 s), answers the queries that wait, ends the thread. NULL is fine. */
void store_close(struct store *store);
void store_set_limits(struct store *store, const struct store_options *options); /* path ignored */
void store_stats(struct store *store, struct store_stats *ret_stats);

/* ---- call records ---- */

struct store_leg_record {
    struct sr_str leg_id, kind, role, device_id, provider_id, number, name, codec, user_agent,
        address;
    int64_t started_wall_us, answered_wall_us, ended_wall_us; /* 0: never */
    uint16_t sip_status;
    struct sr_str reason; /* why this leg ended, from the fixed list of call/reason.h */
    uint64_t rx_packets, tx_packets, lost;
    double loss_pct, jitter_ms, rtt_ms, mos; /* < 0: not known */
    struct sr_str verdict;
    struct sr_str encrypted; /* "no" | "sdes" | "dtls"; empty: not known */
};

struct store_call_record {
    struct sr_str call_id, direction, from, from_name, to, route_id, mode;
    int64_t started_wall_us, answered_wall_us, ended_wall_us;
    uint16_t sip_status;
    struct sr_str reason; /* one from call/reason.h */
    const struct store_leg_record *legs;
    size_t leg_count;
    uint32_t legs_more; /* that took part, and are not listed */
};

struct store_trace_message {
    int64_t at_wall_us;
    struct sr_str leg_id;
    bool is_sent;
    struct sr_str transport; /* "udp"... */
    struct sr_addr local, remote;
    struct sr_str bytes; /* secrets masked already */
};

/** As an object of the list that store_trace() gives. */
void store_trace_message_json(struct sr_json *json, const struct store_trace_message *message);

/**
 * When a call begins, when it is answered, and whenever a leg must not be lost by a crash: the legs given
 * (those that live have no end) are kept until store_call_ended(); after a crash they end as their call.
 */
void store_call_started(struct store *store, const struct store_call_record *record);
/** When it ended: the whole record and its trace (bounded as above: the last messages are kept). */
void store_call_ended(struct store *store, const struct store_call_record *record,
                      const struct store_trace_message *trace, size_t trace_count);

struct store_history_filter {
    int64_t from_wall_us, to_wall_us; /* 0: open */
    struct sr_str number;             /* part of from or to */
    struct sr_str device, provider;   /* of any leg */
    bool hides_others;    /* who asks is `device`: other legs show no address and no user agent */
    bool hides_listeners; /* nor are others' legs of role "tool" shown */
    struct sr_str result; /* "answered" | "missed" | a reason */
    struct sr_str cursor; /* from the page before; empty: newest */
    uint32_t limit;       /* 1..STORE_PAGE_MAX (CSV: STORE_CSV_ROWS_MAX); 0: 100 (CSV: all) */
};

/** JSON: an object {items: [...], nextCursor: ... or null}; each item a record with its legs. On
    failure err says why and json is empty. Runs on the store thread, exactly once; must not block and
    must not make blocking calls of the store. Only when STORE_REQUESTS_MAX queries wait already it
    is called with SR_ERR_LIMIT at once, in the caller's thread. */
typedef void store_json_fn(void *arg, enum sr_err err, struct sr_str json);
/** Ended calls, the one that started last first. A page ends early when it grows large; nextCursor
    says so. SR_ERR_SYNTAX in the callback: the cursor is not one of ours. "missed": never answered.
    The times of the filter (from <= start < to) are those of the start. */
void store_history(struct store *store, const struct store_history_filter *filter,
                   store_json_fn *fn, void *arg);
/** The same as text/csv (RFC 4180, header line first, one line a call; a cell that a spreadsheet
    would take for a formula begins with an apostrophe), all pages, at most `limit` rows. */
void store_history_csv(struct store *store, const struct store_history_filter *filter,
                       store_json_fn *fn, void *arg);
/** One ended call's trace: an array of {at, legId, direction, transport, local, remote, message};
    SR_ERR_NOTFOUND: no such call, or its trace is gone. */
void store_trace(struct store *store, struct sr_str call_id, store_json_fn *fn, void *arg);
/** One record, also of a call that has not ended: SR_ERR_NOTFOUND when there is none. */
void store_record(struct store *store, struct sr_str call_id, store_json_fn *fn, void *arg);

/* ---- registrations ---- */

struct store_contact {
    struct sr_str device_id, uri, path, user_agent, call_id, instance, transport;
    struct sr_addr local, remote;
    uint32_t q_milli, cseq;
    uint64_t expires_wall; /* seconds since the epoch */
    bool is_nat;
};

/** Key: device and uri. */
void store_contact_put(struct store *store, const struct store_contact *contact);
void store_contact_remove(struct store *store, struct sr_str device_id, struct sr_str uri);
typedef void store_contact_fn(void *arg, const struct store_contact *contact);
/** At start, blocking, in the caller's thread: every contact that has not expired. fn may call the
    store. */
void store_contacts_load(struct store *store, uint64_t now_wall, store_contact_fn *fn, void *arg);

/* ---- use of the outside ---- */

/** Calls through providers on a device's account: legs of kind "provider" that name a device. */
struct store_use {
    struct sr_str device_id;
    uint32_t calls;
    uint64_t seconds; /* answered ones, from `since` on */
};

typedef void store_use_fn(void *arg, const struct store_use *use);
/** At start, blocking, in the caller's thread: of calls that started since then, by device. */
void store_use_load(struct store *store, int64_t since_wall_us, store_use_fn *fn, void *arg);
/** Likewise: which devices answered calls lately (of the last STORE_ANSWERS_CALLS), who did so longest ago
    first. Only device_id is set. */
void store_answers_load(struct store *store, store_use_fn *fn, void *arg);

/*
 * ---- users and tokens of the API (small: blocking, from any thread but the signalling one and the
 * store's own; callbacks run in the caller's thread) ----
 *
 * put adds or replaces. SR_ERR_IO: the database refused, nothing is stored. SR_ERR_NOTFOUND: remove
 * found none. SR_ERR_LIMIT: a text above STORE_TEXT_MAX, or a value above STORE_VALUE_MAX.
 */

struct store_user {
    struct sr_str name, role, password_hash, device_id; /* role: "admin" | "read" | "user" */
};

struct store_token {
    struct sr_str id, name, role, hash, device_id; /* hash: hex SHA-256 of the token */
    int64_t created_wall_us, expires_wall_us;      /* expires 0: never */
};

typedef void store_user_fn(void *arg, const struct store_user *user);
typedef void store_token_fn(void *arg, const struct store_token *token);

SR_MUST_USE enum sr_err store_user_put(struct store *store, const struct store_user *user);
SR_MUST_USE enum sr_err store_user_remove(struct store *store, struct sr_str name);
SR_MUST_USE enum sr_err store_users_load(struct store *store, store_user_fn *fn, void *arg);
SR_MUST_USE enum sr_err store_token_put(struct store *store, const struct store_token *token);
SR_MUST_USE enum sr_err store_token_remove(struct store *store, struct sr_str id);
SR_MUST_USE enum sr_err store_tokens_load(struct store *store, store_token_fn *fn, void *arg);

/* ---- small values by name (a secret of the router, counters): blocking as above ---- */
SR_MUST_USE enum sr_err store_value_put(struct store *store, struct sr_str name,
                                        struct sr_str value);
/** Appends to buf; SR_ERR_NOTFOUND when there is none. */
SR_MUST_USE enum sr_err store_value_get(struct store *store, struct sr_str name,
                                        struct sr_buf *buf);

#endif

/**
 * @file store_sqlite.h  What the two files of the SQLite engine share.
 *
 * Layer:   store
 * Thread:  as store/internal.h says of struct store_db
 */
#ifndef SR_STORE_STORE_SQLITE_H
#define SR_STORE_STORE_SQLITE_H

#include <sqlite3.h>

#include "store/internal.h"

/* Every statement there is: values come in by parameters only. */
#define STORE_SQL_MAP(X)                                                                           \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(ALIVE, "UPDATE alive SET at=?1 WHERE EXISTS (SELECT 1 FROM calls WHERE ended=0)")            \
    X(REPAIR, "UPDATE calls SET reason='router_stopped', ended=max(started, answered, 1,"          \
              " min(?1, coalesce((SELECT at FROM alive WHERE at>0), ?1))) WHERE ended=0")          \
    X(REPAIR_LEGS, "UPDATE legs SET reason='router_stopped', ended=max(started, answered, 1,"      \
                   " min(?1, coalesce((SELECT at FROM alive WHERE at>0), ?1)))"                    \
                   " WHERE ended=0 AND call IN (SELECT id FROM calls WHERE ended=0)")              \
    X(CALL_STARTED,                                                                                \
      "INSERT INTO calls (call_id, direction, from_number, from_name, to_number, route_id, mode,"  \
      " started, answered, ended, sip_status, reason) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,0,0,'')"  \
      " ON CONFLICT (call_id) DO UPDATE SET answered=excluded.answered WHERE ended=0"              \
      " RETURNING id")                                                                             \
    X(CALL_ENDED,                                                                                  \
      "INSERT INTO calls (call_id, direction, from_number, from_name, to_number, route_id, mode,"  \
      " started, answered, ended, sip_status, reason, legs_more) VALUES (?1,?2,?3,?4,?5,?6,?7,?8," \
      "?9,?10,?11,?12,?13) ON CONFLICT (call_id) DO UPDATE SET direction=excluded.direction,"      \
      " from_number=excluded.from_number, from_name=excluded.from_name,"                           \
      " to_number=excluded.to_number, route_id=excluded.route_id, mode=excluded.mode,"             \
      " started=excluded.started, answered=excluded.answered, ended=excluded.ended,"               \
      " sip_status=excluded.sip_status, reason=excluded.reason, legs_more=excluded.legs_more"      \
      " RETURNING id")                                                                             \
    X(LEGS_CLEAR, "DELETE FROM legs WHERE call=?1")                                                \
    X(LEG_PUT, "INSERT INTO legs VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,"  \
               "?17,?18,?19,?20,?21,?22,?23,?24,?25,?26)")                                         \
    X(TRACE_PUT, "INSERT OR REPLACE INTO traces SELECT id, ?2, length(?3), ?3 FROM calls"          \
                 " WHERE call_id=?1")                                                              \
    X(CALLS, "SELECT id, call_id, direction, from_number, from_name, to_number, route_id, mode,"   \
             " started, answered, ended, sip_status, reason, legs_more FROM calls"                 \
             " INDEXED BY calls_started"                                                           \
             " WHERE (started, id) < (?1, ?2) AND started >= ?3 AND ended > 0"                     \
             " AND (?4 = '' OR instr(from_number, ?4) > 0 OR instr(to_number, ?4) > 0)"            \
             " AND CASE ?5 WHEN '' THEN 1 WHEN 'answered' THEN answered > 0"                       \
             "   WHEN 'missed' THEN answered = 0 AND reason <> 'answered_elsewhere'"               \
             "   ELSE reason = ?5 END"                                                             \
             " AND (?6 = '' OR EXISTS (SELECT 1 FROM legs WHERE call=calls.id AND device_id=?6))"  \
             " AND (?7 = '' OR EXISTS (SELECT 1 FROM legs WHERE call=calls.id"                     \
             "   AND provider_id=?7)) ORDER BY started DESC, id DESC")                             \
    X(CALL,                                                                                        \
      "SELECT id, call_id, direction, from_number, from_name, to_number, route_id, mode,"          \
      " started, answered, ended, sip_status, reason, legs_more FROM calls WHERE call_id=?1")      \
    X(LEGS,                                                                                        \
      "SELECT leg_id, kind, role, device_id, provider_id, number, name, codec, user_agent,"        \
      " address, reason, verdict, started, answered, ended, sip_status, rx_packets,"               \
      " tx_packets, lost, loss_pct, jitter_ms, rtt_ms, mos, encrypted FROM legs WHERE call=?1"     \
      " ORDER BY position")                                                                        \
    X(TRACE, "SELECT packed FROM traces WHERE call=(SELECT id FROM calls WHERE call_id=?1)")       \
    X(CONTACT_PUT, "INSERT OR REPLACE INTO contacts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,"   \
                   "?12,?13)")                                                                     \
    X(CONTACT_REMOVE, "DELETE FROM contacts WHERE device_id=?1 AND uri=?2")                        \
    X(CONTACTS, "SELECT device_id, uri, path, user_agent, call_id, instance, transport, local,"    \
                " remote, q_milli, cseq, expires, is_nat FROM contacts WHERE expires > ?1")        \
    X(CONTACTS_TIDY, "DELETE FROM contacts WHERE expires < ?1")                                    \
    X(USER_PUT, "INSERT OR REPLACE INTO users VALUES (?1,?2,?3,?4)")                               \
    X(USER_REMOVE, "DELETE FROM users WHERE name=?1")                                              \
    X(USERS, "SELECT name, role, password_hash, device_id FROM users ORDER BY name")               \
    X(TOKEN_PUT, "INSERT OR REPLACE INTO tokens VALUES (?1,?2,?3,?4,?5,?6,?7)")                    \
    X(TOKEN_REMOVE, "DELETE FROM tokens WHERE id=?1")                                              \
    X(TOKENS, "SELECT id, name, role, hash, device_id, created, expires FROM tokens"               \
              " ORDER BY created, id")                                                             \
    X(VALUE_PUT, "INSERT OR REPLACE INTO named_values VALUES (?1,?2)")                             \
    X(VALUE_GET, "SELECT value FROM named_values WHERE name=?1")                                   \
    X(OLD_CALLS, "SELECT id FROM calls INDEXED BY calls_started WHERE started < ?1 AND ended > 0"  \
                 " ORDER BY started LIMIT ?2")                                                     \
    X(CALL_DROP, "DELETE FROM calls WHERE id=?1")                                                  \
    X(TRACE_DROP, "DELETE FROM traces WHERE call=?1")                                              \
    X(OLD_TRACES, "SELECT call, bytes FROM traces INDEXED BY traces_ended WHERE ended < ?1"        \
                  " ORDER BY ended LIMIT ?2")                                                      \
    X(TRACE_BYTES, "SELECT coalesce(sum(bytes), 0) FROM traces INDEXED BY traces_ended")           \
    X(USE, "SELECT l.device_id, count(DISTINCT CASE WHEN l.started>=?1 THEN l.call END),"          \
           " coalesce(sum(CASE WHEN l.answered>0"                                                  \
           " THEN (l.ended-max(l.answered, ?1))/1000000 ELSE 0 END), 0)"                           \
           " FROM calls c INDEXED BY calls_started JOIN legs l ON l.call=c.id"                     \
           " WHERE c.started>=?1-86400000000 AND l.kind='provider' AND l.device_id<>''"            \
           " AND l.ended>=?1 GROUP BY l.device_id")                                                \
    X(ANSWERS, "SELECT l.device_id FROM calls c JOIN legs l ON l.call=c.id"                        \
               " WHERE c.id > (SELECT coalesce(max(id), 0) - ?1 FROM calls) AND c.answered>0"      \
               " AND l.answered>0 AND l.kind<>'provider' AND l.device_id<>''"                      \
               " AND l.number<>c.from_number GROUP BY l.device_id ORDER BY max(l.answered)")       \
    X(VACUUM, "PRAGMA incremental_vacuum(200)")

enum sql__id {
#define X(name, text) SQL_##name,
    STORE_SQL_MAP(X)
#undef X
    SQL_COUNT
};

struct store_db {
    sqlite3 *sqlite;
    sqlite3_stmt *statements[SQL_COUNT]; /* prepared when first used */
    char *path;
    char why[STORE_WHY_MAX];
    enum sr_err err; /* of the last failure */
};

/** The class of an SQLite result; anything but OK, ROW and DONE is noted in db. db may be NULL. */
enum sr_err sql__err(struct store_db *db, int rc);
/** A statement ready for its parameters; NULL when that fails (every sql__ function takes NULL). */
sqlite3_stmt *sql__use(struct store_db *db, enum sql__id id);
/** The view must live until the statement was run. */
void sql__text(sqlite3_stmt *statement, int index, struct sr_str text);
/** A result's text; lives until the next step. */
struct sr_str sql__column(sqlite3_stmt *statement, int column);
/** True: a row is there. False: the end or a failure, *ret_err says which; the statement is reset. */
bool sql__step(struct store_db *db, sqlite3_stmt *statement, enum sr_err *ret_err);
/** Runs to the end. */
enum sr_err sql__run(struct store_db *db, sqlite3_stmt *statement);
/** Rows changed by the last statement. */
bool sql__has_changed(struct store_db *db);

/* rows, of store_sqlite_rows.c: see struct store_ops */
enum sr_err sql__write(struct store_db *db, const struct store__write *write);
enum sr_err sql__calls(struct store_db *db, const struct store__query *query, store__row_fn *fn,
                       void *arg);
enum sr_err sql__call(struct store_db *db, struct sr_str call_id, store__row_fn *fn, void *arg);
enum sr_err sql__trace(struct store_db *db, struct sr_str call_id, store__trace_fn *fn, void *arg);
enum sr_err sql__contacts(struct store_db *db, uint64_t now_wall, store_contact_fn *fn, void *arg);
enum sr_err sql__device_use(struct store_db *db, int64_t since_wall_us, store_use_fn *fn,
                            void *arg);
enum sr_err sql__device_answers(struct store_db *db, store_use_fn *fn, void *arg);
enum sr_err sql__user_put(struct store_db *db, const struct store_user *user);
enum sr_err sql__user_remove(struct store_db *db, struct sr_str name);
enum sr_err sql__users(struct store_db *db, store_user_fn *fn, void *arg);
enum sr_err sql__token_put(struct store_db *db, const struct store_token *token);
enum sr_err sql__token_remove(struct store_db *db, struct sr_str id);
enum sr_err sql__tokens(struct store_db *db, store_token_fn *fn, void *arg);
enum sr_err sql__value_put(struct store_db *db, struct sr_str name, struct sr_str value);
enum sr_err sql__value_get(struct store_db *db, struct sr_str name, struct sr_buf *buf);

#endif

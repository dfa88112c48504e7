/**
 * @file kit.h  What the tests of the store share: a folder of their own, records, answers waited for.
 */
#ifndef SR_TESTS_STORE_KIT_H
#define SR_TESTS_STORE_KIT_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "base/alloc.h"
#include "store/internal.h"

#define TEST_START INT64_C(1700000000000000) /* 2023-11-14T22:13:20Z */

struct kit {
    char dir[64];
    char path[128];
    struct store_options options;
    _Atomic int64_t wall_us; /* the injected clock */
};

/** cmocka set-up and tear-down: a new folder, removed with all in it. */
int kit_up(void **state);
int kit_down(void **state);
/** Opens with the injected clock and the given engine (NULL: SQLite). */
struct store *kit_open(struct kit *kit, const struct store_ops *ops);
/** Waits until all that was handed over was tried. */
void kit_flush(struct store *store);

/** An ended call with two legs; texts are literals but for the id, which lives in `id`. */
struct store_call_record kit_record(const char *id, int64_t started_us, bool is_answered);
extern const struct store_leg_record kit_legs[2];

/** An answer of the store, waited for; text is to be freed with sr_free. */
struct reply {
    enum sr_err err;
    char *text;
};
struct reply kit_history(struct store *store, const struct store_history_filter *filter);
struct reply kit_csv(struct store *store, const struct store_history_filter *filter);
struct reply kit_trace(struct store *store, const char *id);
struct reply kit_record_of(struct store *store, const char *id);
/** How often `needle` stands in `text`. */
unsigned kit_count(const char *text, const char *needle);
/** One number from the file, by another connection. */
int64_t kit_number(const struct kit *kit, const char *sql);
/** Ended calls that the history has, through all pages. */
unsigned kit_history_count(struct store *store);

int test_contacts(void);
int test_crash(void);
int test_history(void);
int test_queue(void);
int test_sqlite(void);
int test_users(void);

#endif

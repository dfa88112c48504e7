#include "kit.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>

#include "base/alloc.h"
#include "net/clock.h"

/* Another program that holds the file's write lock. */
static sqlite3 *lock_file(const struct kit *kit)
{
    sqlite3 *other = NULL;

    assert_int_equal(sqlite3_open(kit->path, &other), SQLITE_OK);
    sqlite3_busy_timeout(other, 5000); /* the store may be tidying */
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return other;
}

static void push_call(struct store *store, const char *prefix, unsigned i, bool with_trace)
{
    struct store_trace_message message = {.bytes = SR_STR("OPTIONS")};
    struct store_call_record record;
    char id[24];

    snprintf(id, sizeof(id), "%s%u", prefix, i);
    record = kit_record(id, TEST_START + i, true);
    store_call_ended(store, &record, &message, with_trace ? 1 : 0);
}

/* Locked: unhealthy, warned, nothing lost, queries still answered; free again: all is written. */
static void locked_database_makes_writes_wait(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_stats stats;
    sqlite3 *other = lock_file(*state);

    for (unsigned i = 0; i < 100; i++)
        push_call(store, "c", i, false);
    assert_int_equal(kit_history_count(store), 0);
    store_stats(store, &stats);
    assert_false(stats.is_healthy);
    assert_true(stats.write_failures >= 1);
    assert_int_equal(stats.queued, 100);
    sqlite3_close(other);
    store_close(store);
    assert_int_equal(kit_number(*state, "SELECT count(*) FROM calls"), 100);
}

/* The queue is full: traces go first, then contacts, and every call record arrives. */
static void full_queue_lets_telemetry_go_first(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_contact contact = {.device_id = SR_STR("desk"), .uri = SR_STR("sip:a@b")};
    unsigned records = STORE_QUEUE_MAX - 100;
    struct store_stats stats;
    sqlite3 *other = lock_file(*state);

    push_call(store, "first", 0, false);
    kit_flush(store); /* from here on one write hangs in the batch */
    for (unsigned i = 0; i < 500; i++)
        push_call(store, "t", i, true); /* 1,000 entries */
    store_contact_put(store, &contact);
    for (unsigned i = 500; i < records; i++)
        push_call(store, "c", i, false);
    store_stats(store, &stats);
    assert_int_equal(stats.queued, STORE_QUEUE_MAX);
    assert_int_equal(stats.traces_lost, 402);
    assert_int_equal(stats.writes_lost, 402);
    for (unsigned i = 0; i < 99; i++)
        push_call(store, "d", i, true);
    store_stats(store, &stats);
    assert_int_equal(stats.writes_lost, stats.traces_lost + 1); /* the contact */
    assert_int_equal(stats.queued, STORE_QUEUE_MAX);
    sqlite3_close(other);
    store_close(store);
    assert_int_equal(kit_number(*state, "SELECT count(*) FROM calls"), records + 100);
    assert_int_equal(kit_number(*state, "SELECT count(*) FROM traces"), 0);
    assert_int_equal(kit_number(*state, "SELECT count(*) FROM contacts"), 0);
}

/* Bytes are bounded too: 1,000 traces of 256 kB never wait at once. */
static void waiting_bytes_are_bounded(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_stats stats;
    char *large = sr_zalloc(1, STORE_TRACE_BYTES_MAX);
    struct store_trace_message message = {.bytes = {large, STORE_TRACE_BYTES_MAX}};
    sqlite3 *other = lock_file(*state);

    push_call(store, "first", 0, false);
    kit_flush(store);
    for (unsigned i = 0; i < 1000; i++) {
        struct store_call_record record;
        char id[16];

        snprintf(id, sizeof(id), "c%u", i);
        record = kit_record(id, TEST_START, false);
        store_call_ended(store, &record, &message, 1);
    }
    store_stats(store, &stats);
    assert_in_range(stats.queued, 1001 + 200, 1001 + 256);
    assert_int_equal(stats.writes_lost, stats.traces_lost);
    sqlite3_close(other);
    store_close(store);
    sr_free(large);
    assert_int_equal(kit_number(*state, "SELECT count(*) FROM calls"), 1001);
}

enum {
    HAMMER_CALLS = 1000
};

struct hammer {
    struct store *store;
    const char *prefix;
    pthread_t thread;
};

static void *hammer(void *arg)
{
    struct hammer *h = arg;

    for (unsigned i = 0; i < HAMMER_CALLS; i++) {
        struct store_contact contact = {.device_id = sr_str_c(h->prefix), .uri = SR_STR("sip:x")};
        struct store_stats stats;

        push_call(h->store, h->prefix, i, i % 3 == 0);
        store_contact_put(h->store, &contact);
        store_stats(h->store, &stats);
        if (i % 100 == 0) {
            struct store_options limits = {.keep_days = 100000};

            assert_int_equal(store_value_put(h->store, SR_STR("k"), SR_STR("v")), SR_OK);
            store_set_limits(h->store, &limits);
            (void)kit_history_count(h->store);
        }
    }
    return NULL;
}

static void two_threads_may_hammer(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct hammer hammers[2] = {{.store = store, .prefix = "x"}, {.store = store, .prefix = "y"}};

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&hammers[i].thread, NULL, hammer, &hammers[i]), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(hammers[i].thread, NULL);
    assert_int_equal(kit_history_count(store), 2 * HAMMER_CALLS);
    store_close(store);
    assert_int_equal(kit_number(*state, "SELECT count(*) FROM contacts"), 2);
}

/* Prints how many call records a second go to the disk; asks only for a floor far below. */
static void throughput_is_measured(void **state)
{
    struct store *store = kit_open(*state, NULL);
    sr_usec since = net_clock_now();
    struct store_stats stats;
    unsigned calls = 10000;
    double per_second;

    for (unsigned i = 0; i < calls; i++) {
        struct store_call_record record;
        char id[16];

        snprintf(id, sizeof(id), "p%u", i);
        record = kit_record(id, TEST_START + i, true);
        store_call_started(store, &record);
        store_call_ended(store, &record, NULL, 0);
        if (i % 5000 == 4999)
            kit_flush(store);
    }
    per_second = calls * 1e6 / (double)(net_clock_now() - since);
    print_message("store: %.0f call records/s (start and end, two legs each)\n", per_second);
    store_stats(store, &stats);
    assert_int_equal(stats.writes, 2 * calls);
    assert_true(per_second > 100);
    store_close(store);
}

int test_queue(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(locked_database_makes_writes_wait, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(full_queue_lets_telemetry_go_first, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(waiting_bytes_are_bounded, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(two_threads_may_hammer, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(throughput_is_measured, kit_up, kit_down),
    };

    return cmocka_run_group_tests_name("store/queue", tests, NULL, NULL);
}

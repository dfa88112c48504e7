#include "kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"

static void fill(struct store *store, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct store_call_record record;
        char id[16];

        snprintf(id, sizeof(id), "c%u", i);
        record = kit_record(id, TEST_START + i, true);
        store_call_ended(store, &record, NULL, 0);
    }
    kit_flush(store);
}

static unsigned count_files(const struct kit *kit, const char *needle)
{
    DIR *dir = opendir(kit->dir);
    struct dirent *entry;
    unsigned count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        count += strstr(entry->d_name, needle) != NULL;
    closedir(dir);
    return count;
}

static void files_are_for_the_owner_only(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    struct kit *kit = *state;
    mode_t mask = umask(0);
    struct store *store = kit_open(kit, NULL);

    fill(store, 1);
    for (size_t i = 0; i < SR_ARRAY_LEN(suffixes); i++) {
        char path[200];
        struct stat st;

        snprintf(path, sizeof(path), "%s%s", kit->path, suffixes[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    store_close(store);
    umask(mask);
}

/* The disk is full in the middle of writes: unhealthy, queries go on; with room all is written. */
static void full_disk_loses_nothing_at_once(void **state)
{
    struct kit *kit = *state;
    struct store *store = kit_open(kit, NULL);
    struct rlimit was, full = {256 * 1024, 0};
    static char large[512 * 1024];
    struct sr_str value = {large, sizeof(large)};
    struct store_stats stats;

    fill(store, 10);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    full.rlim_max = was.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    for (unsigned i = 0; i < 5000; i++) {
        struct store_call_record record;
        char id[16];

        snprintf(id, sizeof(id), "full%u", i);
        record = kit_record(id, TEST_START + i, true);
        store_call_ended(store, &record, NULL, 0);
    }
    kit_flush(store);
    store_stats(store, &stats);
    assert_false(stats.is_healthy);
    assert_true(stats.write_failures > 0);
    assert_true(kit_history_count(store) >= 10);
    assert_int_equal(store_value_put(store, SR_STR("k"), value), SR_ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    store_stats(store, &stats);
    assert_int_equal(stats.writes_lost, 0);
    store_close(store);
    assert_int_equal(kit_number(kit, "SELECT count(*) FROM calls"), 5010);
    assert_int_equal(count_files(kit, "damaged"), 0);
}

static void catch_line(void *arg, enum sr_log_part part, enum sr_log_level level,
                       struct sr_str line)
{
    (void)part;
    if (level == SR_LOG_ERROR)
        (void)sr_str_copy(line, arg, 1000);
}

static void damage(const struct kit *kit, off_t at, size_t n)
{
    int fd = open(kit->path, O_WRONLY);

    assert_true(fd >= 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pwrite(fd, "\x5a", 1, at + (off_t)i), 1);
    close(fd);
}

static void expect_moved_aside(struct kit *kit)
{
    static char line[1000];
    struct store *store;

    line[0] = '\0';
    sr_log_set_sink(catch_line, line);
    store = kit_open(kit, NULL);
    sr_log_set_sink(NULL, NULL);
    assert_non_null(strstr(line, "event=database_damaged"));
    assert_non_null(strstr(line, "router.db.damaged-"));
    assert_int_equal(count_files(kit, "damaged"), 1);
    assert_int_equal(kit_history_count(store), 0);
    fill(store, 3);
    assert_int_equal(kit_history_count(store), 3);
    store_close(store);
}

static void damaged_header_is_moved_aside(void **state)
{
    struct store *store = kit_open(*state, NULL);

    fill(store, 200);
    store_close(store);
    damage(*state, 0, 100);
    expect_moved_aside(*state);
}

static void damaged_page_is_moved_aside(void **state)
{
    struct store *store = kit_open(*state, NULL);

    fill(store, 200);
    store_close(store);
    damage(*state, 8 * 4096, 4096);
    expect_moved_aside(*state);
}

static unsigned damaged_writes;

static enum sr_err write_damaged(struct store_db *db, const struct store__write *write)
{
    if (damaged_writes > 0) {
        damaged_writes--;
        return SR_ERR_PROTO;
    }
    return store__ops_sqlite.write(db, write);
}

/* Damage found while running: the file goes aside, the waiting writes go to the new one. */
static void damage_in_use_costs_no_waiting_write(void **state)
{
    struct store_ops ops = store__ops_sqlite;
    struct store *store;
    struct store_stats stats;

    ops.write = write_damaged;
    store = kit_open(*state, &ops);
    fill(store, 2);
    damaged_writes = 1;
    for (unsigned i = 10; i < 14; i++) {
        struct store_call_record record;
        char id[16];

        snprintf(id, sizeof(id), "c%u", i);
        record = kit_record(id, TEST_START, true);
        store_call_ended(store, &record, NULL, 0);
    }
    do { /* tried again after 100 ms */
        kit_flush(store);
        store_stats(store, &stats);
    } while (!stats.is_healthy);
    assert_int_equal(kit_history_count(store), 4);
    assert_true(count_files(*state, "damaged") >= 1);
    store_close(store);
}

static enum sr_err write_refused(struct store_db *db, const struct store__write *write)
{
    if (sr_str_eq_c(write->record.call_id, "c1"))
        return SR_ERR_LIMIT;
    return store__ops_sqlite.write(db, write);
}

/* A row the database will never take is counted and does not hold up the others. */
static void refused_row_holds_nothing_up(void **state)
{
    struct store_ops ops = store__ops_sqlite;
    struct store_stats stats;
    struct store *store;

    ops.write = write_refused;
    store = kit_open(*state, &ops);
    fill(store, 3);
    store_stats(store, &stats);
    assert_int_equal(stats.writes, 2);
    assert_int_equal(stats.writes_lost, 1);
    assert_true(stats.is_healthy);
    store_close(store);
}

static void newer_version_is_left_alone(void **state)
{
    struct kit *kit = *state;
    struct store *store = kit_open(kit, NULL);
    char why[STORE_WHY_MAX] = "";
    sqlite3 *other = NULL;

    store_close(store);
    assert_int_equal(sqlite3_open(kit->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    assert_int_equal(store_open(&kit->options, &store, why, sizeof(why)), SR_ERR_UNSUPPORTED);
    assert_non_null(strstr(why, "version 99"));
    assert_int_equal(count_files(kit, "damaged"), 0);
}

static void bad_paths_are_explained(void **state)
{
    struct kit *kit = *state;
    struct store_options options = {.path = SR_STR("/nonexistent/folder/x.db")};
    struct store *store = NULL;
    char why[STORE_WHY_MAX] = "";

    assert_int_equal(store_open(&options, &store, why, sizeof(why)), SR_ERR_IO);
    assert_non_null(strstr(why, "No such file"));
    options.path = sr_str_c(kit->dir);
    assert_int_equal(store_open(&options, &store, why, sizeof(why)), SR_ERR_IO);
    assert_null(store);
    store_close(NULL);
}

int test_sqlite(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_for_the_owner_only, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(full_disk_loses_nothing_at_once, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(damaged_header_is_moved_aside, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(damaged_page_is_moved_aside, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(damage_in_use_costs_no_waiting_write, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(refused_row_holds_nothing_up, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(newer_version_is_left_alone, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(bad_paths_are_explained, kit_up, kit_down),
    };

    return cmocka_run_group_tests_name("store/sqlite", tests, NULL, NULL);
}

#include "kit.h"

#include <dirent.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"

int kit_up(void **state)
{
    struct kit *kit = calloc(1, sizeof(*kit));

    assert_non_null(kit);
    snprintf(kit->dir, sizeof(kit->dir), "/tmp/sr_store_XXXXXX");
    assert_non_null(mkdtemp(kit->dir));
    snprintf(kit->path, sizeof(kit->path), "%s/router.db", kit->dir);
    kit->options = (struct store_options){.path = sr_str_c(kit->path)};
    kit->wall_us = TEST_START;
    *state = kit;
    return 0;
}

int kit_down(void **state)
{
    struct kit *kit = *state;
    DIR *dir = opendir(kit->dir);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[400];

        snprintf(path, sizeof(path), "%s/%s", kit->dir, entry->d_name);
        unlink(path);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(kit->dir);
    free(kit);
    return sr_alloc_live() == 0 ? 0 : -1;
}

static int64_t wall(void *arg)
{
    struct kit *kit = arg;

    return kit->wall_us;
}

struct store *kit_open(struct kit *kit, const struct store_ops *ops)
{
    const struct store__kit own = {ops ? ops : &store__ops_sqlite, wall, kit};
    struct store *store = NULL;
    char why[STORE_WHY_MAX] = "";

    if (store__open(&kit->options, &own, &store, why, sizeof(why)) != SR_OK)
        fail_msg("%s", why);
    return store;
}

static void nothing(struct store *store, void *work)
{
    (void)store;
    (void)work;
}

void kit_flush(struct store *store)
{
    store__ask(store, nothing, NULL);
}

const struct store_leg_record kit_legs[2] = {
    {.leg_id = {"a", 1},
     .kind = {"device", 6},
     .role = {"participant", 11},
     .device_id = {"desk", 4},
     .number = {"100", 3},
     .codec = {"opus", 4},
     .encrypted = {"sdes", 4},
     .user_agent = {"Phone/1", 7},
     .address = {"192.0.2.1:5060", 14},
     .reason = {"hangup", 6},
     .sip_status = 200,
     .started_wall_us = TEST_START,
     .rx_packets = 500,
     .tx_packets = 400,
     .lost = 3,
     .loss_pct = 0.6,
     .jitter_ms = 2.5,
     .rtt_ms = -1,
     .mos = 4.2,
     .verdict = {"good", 4}},
    {.leg_id = {"b", 1},
     .kind = {"provider", 8},
     .provider_id = {"carrier", 7},
     .codec = {"PCMA", 4},
     .loss_pct = -1,
     .jitter_ms = -1,
     .rtt_ms = -1,
     .mos = -1},
};

struct store_call_record kit_record(const char *id, int64_t started_us, bool is_answered)
{
    return (struct store_call_record){
        .call_id = sr_str_c(id),
        .direction = SR_STR("outgoing"),
        .from = SR_STR("100"),
        .from_name = SR_STR("Desk"),
        .to = SR_STR("+4989123"),
        .route_id = SR_STR("out"),
        .mode = SR_STR("relay"),
        .started_wall_us = started_us,
        .answered_wall_us = is_answered ? started_us + 2 * SR_SEC : 0,
        .ended_wall_us = started_us + 62 * SR_SEC,
        .sip_status = is_answered ? 200 : 486,
        .reason = is_answered ? SR_STR("hangup") : SR_STR("busy"),
        .legs = kit_legs,
        .leg_count = 2,
    };
}

struct wait {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool is_done;
    struct reply reply;
};

static void on_json(void *arg, enum sr_err err, struct sr_str json)
{
    struct wait *wait = arg;

    pthread_mutex_lock(&wait->lock);
    wait->reply = (struct reply){err, sr_str_cdup(json)};
    wait->is_done = true;
    pthread_cond_signal(&wait->cond);
    pthread_mutex_unlock(&wait->lock);
}

static struct reply wait_for(struct wait *wait)
{
    pthread_mutex_lock(&wait->lock);
    while (!wait->is_done)
        pthread_cond_wait(&wait->cond, &wait->lock);
    pthread_mutex_unlock(&wait->lock);
    pthread_mutex_destroy(&wait->lock);
    pthread_cond_destroy(&wait->cond);
    return wait->reply;
}

#define WAIT_INIT                                                                                  \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER                        \
    }

struct reply kit_history(struct store *store, const struct store_history_filter *filter)
{
    struct wait wait = WAIT_INIT;

    store_history(store, filter, on_json, &wait);
    return wait_for(&wait);
}

struct reply kit_csv(struct store *store, const struct store_history_filter *filter)
{
    struct wait wait = WAIT_INIT;

    store_history_csv(store, filter, on_json, &wait);
    return wait_for(&wait);
}

struct reply kit_trace(struct store *store, const char *id)
{
    struct wait wait = WAIT_INIT;

    store_trace(store, sr_str_c(id), on_json, &wait);
    return wait_for(&wait);
}

struct reply kit_record_of(struct store *store, const char *id)
{
    struct wait wait = WAIT_INIT;

    store_record(store, sr_str_c(id), on_json, &wait);
    return wait_for(&wait);
}

unsigned kit_count(const char *text, const char *needle)
{
    unsigned count = 0;

    for (const char *at = strstr(text, needle); at != NULL; at = strstr(at + 1, needle))
        count++;
    return count;
}

int64_t kit_number(const struct kit *kit, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int64_t number;

    assert_int_equal(sqlite3_open(kit->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

unsigned kit_history_count(struct store *store)
{
    struct reply reply = kit_csv(store, &(struct store_history_filter){0});
    unsigned lines;

    assert_int_equal(reply.err, SR_OK);
    lines = kit_count(reply.text, "\r\n");
    sr_free(reply.text);
    return lines - 1;
}

/* The store thread: takes the queue into transactions, answers queries, keeps house. */
#include "store/store.h"

#include <pthread.h>
#include <time.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/map.h"
#include "net/clock.h"
#include "store/internal.h"

enum {
    RETRY_FIRST_US = 100 * 1000,
    RETRY_LAST_US = 5 * 1000 * 1000,
    TIDY_AGAIN_US = 100 * 1000,
    TIDY_STEPS = 4, /* in one go */
    LOST_LOG_US = 60 * 1000 * 1000,
};

struct request {
    struct sr_node node;
    store__work_fn *fn;
    void *work;
    uint64_t seq;  /* writes up to this one come first */
    bool is_asked; /* somebody waits, and owns this */
    bool is_done;
};

struct store {
    struct store__kit kit;
    char *path;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;    /* for the store thread */
    pthread_cond_t replied; /* for those who wait */

    /* under the lock */
    struct sr_list queue, kinds[STORE__KIND_COUNT];
    struct sr_list batch;   /* being written; walked by the store thread without the lock */
    struct sr_map contacts; /* waiting, by key */
    struct sr_list requests;
    struct store_options limits;
    struct store_stats stats;
    size_t queue_bytes;
    uint64_t seq, lost_logged;
    sr_usec written_at; /* when the last transaction was begun: the store thread's */
    sr_usec stop_by;    /* SR_NEVER: not stopping */

    /* of the store thread */
    struct store_db *db;
    bool is_damaged;
    sr_usec retry_at, retry_wait, tidy_at, alive_at, lost_log_at;
};

struct store_db *store__db(struct store *store)
{
    return store->db;
}

const struct store_ops *store__ops(struct store *store)
{
    return store->kit.ops;
}

/* ---- handing over ---- */

static void forget(struct store *store, struct store__write *write)
{
    sr_list_remove(&store->queue, &write->node);
    sr_list_remove(&store->kinds[write->kind], &write->kind_node);
    store->queue_bytes -= write->bytes;
    if (write->kind == STORE__CONTACT)
        (void)sr_map_remove(&store->contacts, write->contact.key);
}

static void count_lost(struct store *store, const struct store__write *write)
{
    store->stats.writes_lost++;
    if (write->kind == STORE__TRACE)
        store->stats.traces_lost++;
}

/* Lets the oldest of the least important kind go, but nothing above `kind`. */
static bool give_way(struct store *store, enum store__kind kind)
{
    for (size_t k = 0; k <= (size_t)kind; k++) {
        struct sr_node *node = sr_list_first(&store->kinds[k]);

        if (node != NULL) {
            struct store__write *write = SR_CONTAINER(node, struct store__write, kind_node);

            forget(store, write);
            count_lost(store, write);
            sr_free(write);
            return true;
        }
    }
    return false;
}

static bool make_room(struct store *store, const struct store__write *write)
{
    while (store->queue.count + store->batch.count >= STORE_QUEUE_MAX ||
           store->queue_bytes + write->bytes > STORE_QUEUE_BYTES_MAX) {
        if (!give_way(store, write->kind))
            return false;
    }
    return true;
}

static void push(struct store *store, struct store__write *write)
{
    if (write->kind == STORE__CONTACT) {
        struct store__write *older = sr_map_find(&store->contacts, write->contact.key);

        if (older != NULL) {
            forget(store, older);
            sr_free(older);
        }
    }
    if (!make_room(store, write)) {
        count_lost(store, write);
        sr_free(write);
        return;
    }
    write->seq = ++store->seq;
    sr_list_add(&store->queue, &write->node);
    sr_list_add(&store->kinds[write->kind], &write->kind_node);
    store->queue_bytes += write->bytes;
    if (write->kind == STORE__CONTACT)
        (void)sr_map_put(&store->contacts, write->contact.key, write);
    if (store->queue.count == 1 || store->queue.count == STORE_BATCH_MAX)
        pthread_cond_signal(&store->wake);
}

void store__push(struct store *store, struct store__write *write)
{
    if (write == NULL)
        return;
    pthread_mutex_lock(&store->lock);
    push(store, write);
    pthread_mutex_unlock(&store->lock);
}

void store__ask(struct store *store, store__work_fn *fn, void *work)
{
    struct request request = {.fn = fn, .work = work, .is_asked = true};

    SR_ASSERT(!pthread_equal(pthread_self(), store->thread));
    pthread_mutex_lock(&store->lock);
    request.seq = store->seq;
    sr_list_add(&store->requests, &request.node);
    pthread_cond_signal(&store->wake);
    while (!request.is_done)
        pthread_cond_wait(&store->replied, &store->lock);
    pthread_mutex_unlock(&store->lock);
}

bool store__post(struct store *store, store__work_fn *fn, void *work)
{
    struct request *request = sr_alloc(sizeof(*request));
    bool is_taken;

    *request = (struct request){.fn = fn, .work = work};
    pthread_mutex_lock(&store->lock);
    is_taken = store->requests.count < STORE_REQUESTS_MAX;
    if (is_taken) {
        request->seq = store->seq;
        sr_list_add(&store->requests, &request->node);
        pthread_cond_signal(&store->wake);
    }
    pthread_mutex_unlock(&store->lock);
    if (!is_taken)
        sr_free(request);
    return is_taken;
}

enum sr_err store__note(struct store *store, enum sr_err err)
{
    if (err == SR_ERR_PROTO)
        store->is_damaged = true;
    return err == SR_ERR_PROTO ? SR_ERR_IO : err;
}

/* ---- writing ---- */

/* A damaged database goes aside, a new one takes its place. */
static void reopen(struct store *store)
{
    struct store_options options;
    char why[STORE_WHY_MAX] = "";
    enum sr_err err;

    if (store->is_damaged) {
        store->kit.ops->abandon(store->db);
        store->db = NULL;
        store->is_damaged = false;
    }
    pthread_mutex_lock(&store->lock);
    options = store->limits;
    pthread_mutex_unlock(&store->lock);
    err = store->kit.ops->open(&options, store->kit.wall(store->kit.arg), &store->db, why,
                               sizeof(why));
    if (err != SR_OK)
        sr_log(STORE, ERROR, "event=store_not_open err=%s why=\"%s\"", sr_err_name(err), why);
}

static void take_batch(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    while (store->batch.count < STORE_BATCH_MAX && store->queue.count > 0) {
        struct sr_node *node = sr_list_first(&store->queue);

        forget(store, SR_CONTAINER(node, struct store__write, node));
        sr_list_add(&store->batch, node);
    }
    pthread_mutex_unlock(&store->lock);
}

/* One transaction; *ret_refused: writes that will never be taken. */
static enum sr_err write_all(struct store *store, uint64_t *ret_refused)
{
    const struct store_ops *ops = store->kit.ops;
    enum sr_err err = ops->begin(store->db);

    *ret_refused = 0;
    SR_LIST_EACH(&store->batch, node)
    {
        if (err != SR_OK)
            break;
        err = ops->write(store->db, SR_CONTAINER(node, struct store__write, node));
        if (err == SR_ERR_LIMIT) {
            (*ret_refused)++;
            err = SR_OK;
        }
    }
    if (err == SR_OK)
        err = ops->commit(store->db, store->kit.wall(store->kit.arg));
    if (err != SR_OK)
        ops->rollback(store->db);
    return err;
}

static void on_written(struct store *store, uint64_t refused)
{
    struct sr_list written;
    struct sr_node *node;
    bool is_back;

    sr_list_init(&written);
    pthread_mutex_lock(&store->lock);
    store->stats.writes += store->batch.count - refused;
    store->stats.writes_lost += refused;
    while ((node = sr_list_pop(&store->batch)) != NULL)
        sr_list_add(&written, node);
    is_back = !store->stats.is_healthy;
    store->stats.is_healthy = true;
    pthread_mutex_unlock(&store->lock);
    while ((node = sr_list_pop(&written)) != NULL)
        sr_free(SR_CONTAINER(node, struct store__write, node));
    store->retry_at = 0;
    store->retry_wait = 0;
    if (is_back)
        sr_log(STORE, INFO, "event=store_back");
}

static void on_not_written(struct store *store, enum sr_err err)
{
    bool is_news;

    store->retry_wait =
        SR_MIN(SR_MAX(2 * store->retry_wait, (sr_usec)RETRY_FIRST_US), (sr_usec)RETRY_LAST_US);
    store->retry_at = net_clock_now() + store->retry_wait;
    (void)store__note(store, err); /* told below */
    pthread_mutex_lock(&store->lock);
    store->stats.write_failures++;
    is_news = store->stats.is_healthy;
    store->stats.is_healthy = false;
    pthread_mutex_unlock(&store->lock);
    if (is_news)
        sr_log(STORE, WARN, "event=store_failing err=%s why=\"%s\" hint=\"writes wait\"",
               sr_err_name(err), store->kit.ops->why(store->db));
}

/* @return false: the disk did not take them, they stay in the batch */
static bool write_batch(struct store *store)
{
    uint64_t refused;
    enum sr_err err;

    if (store->batch.count == 0)
        take_batch(store);
    if (store->batch.count == 0)
        return true;
    if (store->retry_at > net_clock_now())
        return false;
    if (store->is_damaged || store->db == NULL)
        reopen(store);
    err = write_all(store, &refused);
    if (err != SR_OK) {
        on_not_written(store, err);
        return false;
    }
    on_written(store, refused);
    return true;
}

/* ---- the thread's turn ---- */

static bool has_until(struct store *store, uint64_t seq)
{
    struct sr_node *first;
    bool has;

    pthread_mutex_lock(&store->lock);
    first = sr_list_first(&store->queue);
    has = store->batch.count > 0 ||
          (first != NULL && SR_CONTAINER(first, struct store__write, node)->seq <= seq);
    pthread_mutex_unlock(&store->lock);
    return has;
}

static struct request *next_request(struct store *store)
{
    struct sr_node *node;

    pthread_mutex_lock(&store->lock);
    node = sr_list_pop(&store->requests);
    pthread_mutex_unlock(&store->lock);
    return node != NULL ? SR_CONTAINER(node, struct request, node) : NULL;
}

static void serve(struct store *store, struct request *request)
{
    bool is_asked = request->is_asked;

    while (has_until(store, request->seq)) {
        if (!write_batch(store))
            break;
    }
    request->fn(store, request->work);
    pthread_mutex_lock(&store->lock);
    store->stats.queries++;
    if (is_asked) { /* from here on it is the asker's again */
        request->is_done = true;
        pthread_cond_broadcast(&store->replied);
    }
    pthread_mutex_unlock(&store->lock);
    if (!is_asked)
        sr_free(request);
}

static bool tidy_once(struct store *store)
{
    struct store_options limits;
    bool is_done = true;
    enum sr_err err;

    pthread_mutex_lock(&store->lock);
    limits = store->limits;
    pthread_mutex_unlock(&store->lock);
    err = store->kit.ops->tidy(store->db, &limits, store->kit.wall(store->kit.arg), &is_done);
    return store__note(store, err) != SR_OK || is_done;
}

static void keep_house(struct store *store, sr_usec now)
{
    if (now >= store->alive_at) {
        /* when it fails, the next write tells */
        (void)store->kit.ops->alive(store->db, store->kit.wall(store->kit.arg));
        store->alive_at = now + STORE_ALIVE_US;
    }
    if (now >= store->tidy_at) {
        bool is_done = false;

        for (int i = 0; i < TIDY_STEPS && !is_done; i++)
            is_done = tidy_once(store);
        store->tidy_at = now + (is_done ? STORE_TIDY_US : TIDY_AGAIN_US);
    }
}

static void log_lost(struct store *store, sr_usec now)
{
    struct store_stats stats;
    uint64_t lost;

    if (now < store->lost_log_at)
        return;
    pthread_mutex_lock(&store->lock);
    stats = store->stats;
    lost = stats.writes_lost - store->lost_logged;
    store->lost_logged = stats.writes_lost;
    pthread_mutex_unlock(&store->lock);
    if (lost == 0)
        return;
    store->lost_log_at = now + LOST_LOG_US;
    sr_log(STORE, WARN, "event=writes_lost count=%llu total=%llu traces_total=%llu",
           (unsigned long long)lost, (unsigned long long)stats.writes_lost,
           (unsigned long long)stats.traces_lost);
}

static sr_usec next_turn(const struct store *store)
{
    sr_usec at = SR_MIN(store->tidy_at, store->alive_at);

    if (store->batch.count > 0)
        at = SR_MIN(at, store->retry_at);
    else if (store->stop_by != SR_NEVER || store->queue.count >= STORE_BATCH_MAX)
        at = 0;
    else if (store->queue.count > 0)
        at = SR_MIN(at, store->written_at + STORE_BATCH_WAIT_US);
    return SR_MIN(at, store->stop_by);
}

/* @return false: stopping, and nothing is left to do */
static bool wait_turn(struct store *store)
{
    bool is_on = true;
    sr_usec at;

    pthread_mutex_lock(&store->lock);
    for (;;) {
        struct timespec until;

        if (store->stop_by != SR_NEVER) /* no time to be patient */
            store->retry_at = SR_MIN(store->retry_at, net_clock_now() + RETRY_FIRST_US);
        at = next_turn(store);
        if (store->requests.count > 0 || net_clock_now() >= at)
            break;
        until = (struct timespec){.tv_sec = at / SR_SEC, .tv_nsec = (long)(at % SR_SEC) * 1000};
        (void)pthread_cond_timedwait(&store->wake, &store->lock, &until);
    }
    if (store->stop_by != SR_NEVER && store->requests.count == 0)
        is_on = store->queue.count + store->batch.count > 0 && net_clock_now() < store->stop_by;
    pthread_mutex_unlock(&store->lock);
    return is_on;
}

static bool is_write_due(struct store *store)
{
    bool is_due;

    pthread_mutex_lock(&store->lock);
    is_due = store->batch.count > 0 || store->queue.count >= STORE_BATCH_MAX ||
             store->stop_by != SR_NEVER ||
             (store->queue.count > 0 && net_clock_now() >= store->written_at + STORE_BATCH_WAIT_US);
    pthread_mutex_unlock(&store->lock);
    return is_due;
}

static void *run(void *arg)
{
    struct store *store = arg;

    while (wait_turn(store)) {
        struct request *request;

        if (is_write_due(store)) {
            store->written_at = net_clock_now();
            (void)write_batch(store);
        }
        for (int i = 0; i < STORE_REQUESTS_MAX && (request = next_request(store)) != NULL; i++)
            serve(store, request);
        if (store->is_damaged)
            reopen(store);
        keep_house(store, net_clock_now());
        log_lost(store, net_clock_now());
    }
    return NULL;
}

/* ---- opening and closing ---- */

static int64_t system_wall(void *arg)
{
    (void)arg;
    return net_clock_wall();
}

enum sr_err store_open(const struct store_options *options, struct store **ret_store,
                       char *reterr_why, size_t why_size)
{
    const struct store__kit kit = {.ops = &store__ops_sqlite, .wall = system_wall};

    return store__open(options, &kit, ret_store, reterr_why, why_size);
}

static void init_sync(struct store *store)
{
    pthread_condattr_t attr;

    SR_ASSERT(pthread_mutex_init(&store->lock, NULL) == 0);
    SR_ASSERT(pthread_condattr_init(&attr) == 0);
    SR_ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    SR_ASSERT(pthread_cond_init(&store->wake, &attr) == 0);
    SR_ASSERT(pthread_cond_init(&store->replied, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

static void free_store(struct store *store)
{
    store->kit.ops->close(store->db);
    sr_map_done(&store->contacts);
    pthread_cond_destroy(&store->replied);
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->lock);
    sr_free(store->path);
    sr_free(store);
}

enum sr_err store__open(const struct store_options *options, const struct store__kit *kit,
                        struct store **ret_store, char *reterr_why, size_t why_size)
{
    struct store *store = sr_zalloc(1, sizeof(*store));
    enum sr_err err;

    store->kit = *kit;
    store->path = sr_str_cdup(options->path);
    store->limits = *options;
    store->limits.path = sr_str_c(store->path);
    store->stats.is_healthy = true;
    store->stop_by = SR_NEVER;
    store->tidy_at = net_clock_now();
    store->alive_at = store->tidy_at + STORE_ALIVE_US;
    init_sync(store);
    sr_list_init(&store->queue);
    sr_list_init(&store->batch);
    sr_list_init(&store->requests);
    for (size_t k = 0; k < STORE__KIND_COUNT; k++)
        sr_list_init(&store->kinds[k]);
    sr_map_init(&store->contacts);
    err = kit->ops->open(&store->limits, kit->wall(kit->arg), &store->db, reterr_why, why_size);
    if (err == SR_OK && pthread_create(&store->thread, NULL, run, store) != 0) {
        struct sr_str why = SR_STR("the system gives no thread for the store");

        (void)sr_str_copy(why, reterr_why, why_size);
        err = SR_ERR_IO;
    }
    if (err != SR_OK) {
        free_store(store);
        return err;
    }
    *ret_store = store;
    return SR_OK;
}

void store_close(struct store *store)
{
    struct sr_node *node;
    size_t left;

    if (store == NULL)
        return;
    pthread_mutex_lock(&store->lock);
    store->stop_by = net_clock_now() + STORE_CLOSE_WAIT_US;
    pthread_cond_signal(&store->wake);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);
    left = store->queue.count + store->batch.count;
    if (left > 0)
        sr_log(STORE, ERROR, "event=writes_lost_at_close count=%zu", left);
    while ((node = sr_list_first(&store->queue)) != NULL) {
        struct store__write *write = SR_CONTAINER(node, struct store__write, node);

        forget(store, write);
        sr_free(write);
    }
    while ((node = sr_list_pop(&store->batch)) != NULL)
        sr_free(SR_CONTAINER(node, struct store__write, node));
    free_store(store);
}

void store_set_limits(struct store *store, const struct store_options *options)
{
    pthread_mutex_lock(&store->lock);
    store->limits.keep_days = options->keep_days;
    store->limits.trace_keep_days = options->trace_keep_days;
    store->limits.trace_mb_max = options->trace_mb_max;
    store->limits.is_trace_off = options->is_trace_off;
    pthread_mutex_unlock(&store->lock);
}

bool store__is_trace_off(struct store *store)
{
    bool is_off;

    pthread_mutex_lock(&store->lock);
    is_off = store->limits.is_trace_off;
    pthread_mutex_unlock(&store->lock);
    return is_off;
}

void store_stats(struct store *store, struct store_stats *ret_stats)
{
    pthread_mutex_lock(&store->lock);
    *ret_stats = store->stats;
    ret_stats->queued = (uint32_t)(store->queue.count + store->batch.count);
    pthread_mutex_unlock(&store->lock);
}

static void run_tidy_all(struct store *store, void *work)
{
    (void)work;
    while (!tidy_once(store)) {
    }
}

void store__tidy_all(struct store *store)
{
    store__ask(store, run_tidy_all, NULL);
}

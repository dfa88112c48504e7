#include "speech/feeder.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/alloc.h"
#include "base/list.h"
#include "net/clock.h"

struct item {
    struct sr_node node;
    struct sound_file *file;
    struct media_feed *feed;
    struct convert convert;
    bool is_looping, is_read;
    int16_t *out;
};

struct feeder {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool is_started, is_stopping;
    struct sr_list items; /* the thread works on them outside of the lock */
    struct sr_list fresh;
    uint32_t count;
};

static void item_free(struct item *item)
{
    sound_file_close(item->file);
    media_feed_unref(item->feed);
    sr_free(item->out);
    sr_free(item);
}

/* One block from the file into the feed; false: it ends here. */
static bool feed_block(struct item *item)
{
    float in[CONVERT_BLOCK];
    size_t n = sound_file_read(item->file, in);

    if (n == 0 && item->is_looping) {
        sound_file_rewind(item->file);
        n = sound_file_read(item->file, in);
    }
    if (n == 0) {
        media_feed_write(item->feed, item->out, convert_end(&item->convert, item->out));
        media_feed_end(item->feed);
        item->is_read = true;
        return false;
    }
    media_feed_write(item->feed, item->out, convert_run(&item->convert, in, n, item->out));
    return true;
}

static void fill(struct item *item)
{
    size_t room = convert_out_max(&item->convert, CONVERT_BLOCK);

    while (!item->is_read && media_feed_space(item->feed) >= room) {
        if (!feed_block(item))
            return;
    }
}

static void fill_all(struct feeder *feeder)
{
    SR_LIST_EACH(&feeder->items, node)
    {
        struct item *item = SR_CONTAINER(node, struct item, node);

        fill(item);
        if (!item->is_read && !media_feed_is_closed(item->feed))
            continue;
        sr_list_remove(&feeder->items, node);
        item_free(item);
        (void)pthread_mutex_lock(&feeder->lock);
        feeder->count--;
        (void)pthread_mutex_unlock(&feeder->lock);
    }
}

/* Until there is something to do; false: the end. */
static bool rest(struct feeder *feeder)
{
    sr_usec at = net_clock_now() + FEEDER_TURN_MS * SR_MSEC;
    struct timespec until;
    struct sr_node *node;
    bool is_stopping;

    (void)pthread_mutex_lock(&feeder->lock);
    until.tv_sec = (time_t)(at / SR_SEC);
    until.tv_nsec = (long)(at % SR_SEC) * 1000;
    while (!feeder->is_stopping && feeder->fresh.count == 0) {
        if (feeder->items.count == 0)
            (void)pthread_cond_wait(&feeder->wake, &feeder->lock);
        else if (pthread_cond_timedwait(&feeder->wake, &feeder->lock, &until) == ETIMEDOUT)
            break;
    }
    while ((node = sr_list_pop(&feeder->fresh)) != NULL)
        sr_list_add(&feeder->items, node);
    is_stopping = feeder->is_stopping;
    (void)pthread_mutex_unlock(&feeder->lock);
    return !is_stopping;
}

static void *feeder_main(void *arg)
{
    struct feeder *feeder = arg;
    struct sr_node *node;

    while (rest(feeder))
        fill_all(feeder);
    while ((node = sr_list_pop(&feeder->items)) != NULL)
        item_free(SR_CONTAINER(node, struct item, node));
    return NULL;
}

struct feeder *feeder_new(void)
{
    struct feeder *feeder = sr_zalloc(1, sizeof(*feeder));
    pthread_condattr_t attr;

    sr_list_init(&feeder->items);
    sr_list_init(&feeder->fresh);
    SR_ASSERT(pthread_mutex_init(&feeder->lock, NULL) == 0);
    SR_ASSERT(pthread_condattr_init(&attr) == 0);
    SR_ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    SR_ASSERT(pthread_cond_init(&feeder->wake, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
    return feeder;
}

void feeder_free(struct feeder *feeder)
{
    if (feeder == NULL)
        return;
    (void)pthread_mutex_lock(&feeder->lock);
    feeder->is_stopping = true;
    (void)pthread_cond_signal(&feeder->wake);
    (void)pthread_mutex_unlock(&feeder->lock);
    if (feeder->is_started)
        (void)pthread_join(feeder->thread, NULL);
    (void)pthread_cond_destroy(&feeder->wake);
    (void)pthread_mutex_destroy(&feeder->lock);
    sr_free(feeder);
}

/* Locked. */
static bool start(struct feeder *feeder)
{
    if (!feeder->is_started)
        feeder->is_started = pthread_create(&feeder->thread, NULL, feeder_main, feeder) == 0;
    return feeder->is_started;
}

struct media_feed *feeder_open(struct feeder *feeder, struct sound_file *file, bool is_looping)
{
    uint32_t rate = sound_file_rate(file);
    struct item *item = sr_zalloc(1, sizeof(*item));
    struct media_feed *feed;
    bool is_welcome;

    convert_init(&item->convert, rate, convert_rate_for(rate));
    item->file = file;
    item->is_looping = is_looping;
    item->out = sr_alloc(convert_out_max(&item->convert, CONVERT_BLOCK) * sizeof(*item->out));
    item->feed = media_feed_new(convert_rate_for(rate));
    feed = media_feed_ref(item->feed);
    fill(item); /* so that it never begins with a gap */
    (void)pthread_mutex_lock(&feeder->lock);
    is_welcome = feeder->count < FEEDER_FEEDS_MAX && start(feeder);
    if (is_welcome) {
        feeder->count++;
        sr_list_add(&feeder->fresh, &item->node);
        (void)pthread_cond_signal(&feeder->wake);
    }
    (void)pthread_mutex_unlock(&feeder->lock);
    if (is_welcome)
        return feed;
    item_free(item);
    media_feed_unref(feed);
    return NULL;
}

uint32_t feeder_count(struct feeder *feeder)
{
    uint32_t count;

    (void)pthread_mutex_lock(&feeder->lock);
    count = feeder->count;
    (void)pthread_mutex_unlock(&feeder->lock);
    return count;
}

#include "worker/clip.h"

#include <string.h>

#include "base/alloc.h"

struct media_feed {
    _Atomic uint32_t refs;
    uint32_t rate_hz;
    uint32_t mask; /* size - 1, a power of two */
    _Atomic bool is_ended, is_closed;
    _Alignas(64) _Atomic uint32_t head; /* written by the reader */
    _Alignas(64) _Atomic uint32_t tail; /* written by the writer */
    _Alignas(64) int16_t samples[];
};

bool media_rate_is_playable(uint32_t rate_hz)
{
    return rate_hz == 8000 || rate_hz == 16000 || rate_hz == 24000 || rate_hz == 48000;
}

struct media_clip *media_clip_new(uint32_t rate_hz, size_t sample_count)
{
    struct media_clip *clip;

    SR_ASSERT(media_rate_is_playable(rate_hz));
    SR_ASSERT(sample_count <= MEDIA_CLIP_BYTES_MAX / sizeof(int16_t));
    clip = sr_zalloc(1, sizeof(*clip) + sample_count * sizeof(clip->samples[0]));
    atomic_init(&clip->refs, 1);
    clip->rate_hz = rate_hz;
    clip->sample_count = sample_count;
    return clip;
}

struct media_clip *media_clip_ref(struct media_clip *clip)
{
    atomic_fetch_add_explicit(&clip->refs, 1, memory_order_relaxed);
    return clip;
}

void media_clip_unref(struct media_clip *clip)
{
    if (clip != NULL && atomic_fetch_sub_explicit(&clip->refs, 1, memory_order_acq_rel) == 1)
        sr_free(clip);
}

uint32_t media_clip_ms(const struct media_clip *clip)
{
    return (uint32_t)(clip->sample_count * 1000 / clip->rate_hz);
}

struct media_feed *media_feed_new(uint32_t rate_hz)
{
    struct media_feed *feed;
    uint32_t size = 1;

    SR_ASSERT(media_rate_is_playable(rate_hz));
    while (size < rate_hz / 1000 * MEDIA_FEED_MS)
        size *= 2;
    feed = sr_zalloc(1, sizeof(*feed) + size * sizeof(feed->samples[0]));
    atomic_init(&feed->refs, 1);
    feed->rate_hz = rate_hz;
    feed->mask = size - 1;
    return feed;
}

struct media_feed *media_feed_ref(struct media_feed *feed)
{
    atomic_fetch_add_explicit(&feed->refs, 1, memory_order_relaxed);
    return feed;
}

void media_feed_unref(struct media_feed *feed)
{
    if (feed != NULL && atomic_fetch_sub_explicit(&feed->refs, 1, memory_order_acq_rel) == 1)
        sr_free(feed);
}

uint32_t media_feed_rate(const struct media_feed *feed)
{
    return feed->rate_hz;
}

/* Copies between the ring and an array, in one or two pieces. */
static void put(struct media_feed *feed, uint32_t at, const int16_t *samples, size_t count)
{
    size_t first = SR_MIN(count, (size_t)(feed->mask + 1 - (at & feed->mask)));

    memcpy(feed->samples + (at & feed->mask), samples, first * sizeof(*samples));
    memcpy(feed->samples, samples + first, (count - first) * sizeof(*samples));
}

static void take(const struct media_feed *feed, uint32_t at, int16_t *out, size_t count)
{
    size_t first = SR_MIN(count, (size_t)(feed->mask + 1 - (at & feed->mask)));

    memcpy(out, feed->samples + (at & feed->mask), first * sizeof(*out));
    memcpy(out + first, feed->samples, (count - first) * sizeof(*out));
}

size_t media_feed_space(const struct media_feed *feed)
{
    uint32_t head = atomic_load_explicit(&feed->head, memory_order_acquire);
    uint32_t tail = atomic_load_explicit(&feed->tail, memory_order_relaxed);

    return feed->mask + 1 - (tail - head);
}

void media_feed_write(struct media_feed *feed, const int16_t *samples, size_t count)
{
    uint32_t tail = atomic_load_explicit(&feed->tail, memory_order_relaxed);

    SR_ASSERT(count <= media_feed_space(feed));
    put(feed, tail, samples, count);
    atomic_store_explicit(&feed->tail, tail + (uint32_t)count, memory_order_release);
}

void media_feed_end(struct media_feed *feed)
{
    atomic_store_explicit(&feed->is_ended, true, memory_order_release);
}

bool media_feed_is_closed(const struct media_feed *feed)
{
    return atomic_load_explicit(&feed->is_closed, memory_order_acquire) ||
           atomic_load_explicit(&feed->refs, memory_order_acquire) == 1;
}

size_t media_feed_count(const struct media_feed *feed, bool *ret_is_ended)
{
    uint32_t head = atomic_load_explicit(&feed->head, memory_order_relaxed);

    /* in this order: an end that is seen comes with all samples before it */
    *ret_is_ended = atomic_load_explicit(&feed->is_ended, memory_order_acquire);
    return atomic_load_explicit(&feed->tail, memory_order_acquire) - head;
}

size_t media_feed_read(struct media_feed *feed, int16_t *out, size_t count)
{
    uint32_t head = atomic_load_explicit(&feed->head, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&feed->tail, memory_order_acquire);
    size_t n = SR_MIN(count, (size_t)(tail - head));

    take(feed, head, out, n);
    atomic_store_explicit(&feed->head, head + (uint32_t)n, memory_order_release);
    return n;
}

void media_feed_close(struct media_feed *feed)
{
    atomic_store_explicit(&feed->is_closed, true, memory_order_release);
}

#include "worker/pktring.h"

#include "base/alloc.h"

enum {
    LENGTH_BYTES = 4
};

void pktring_init(struct pktring *ring, uint32_t size)
{
    SR_ASSERT(size > 2 * PKTRING_RESERVE && (size & (size - 1)) == 0);
    ring->bytes = sr_alloc(size);
    ring->mask = size - 1;
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
}

void pktring_done(struct pktring *ring)
{
    sr_free(ring->bytes);
    ring->bytes = NULL;
}

static void copy_in(struct pktring *ring, uint32_t at, const void *from, size_t n)
{
    uint32_t place = at & ring->mask;
    size_t first = SR_MIN(n, (size_t)ring->mask + 1 - place);

    if (n == 0)
        return;
    memcpy(ring->bytes + place, from, first);
    memcpy(ring->bytes, (const uint8_t *)from + first, n - first);
}

static void copy_out(const struct pktring *ring, uint32_t at, void *to, size_t n)
{
    uint32_t place = at & ring->mask;
    size_t first = SR_MIN(n, (size_t)ring->mask + 1 - place);

    memcpy(to, ring->bytes + place, first);
    memcpy((uint8_t *)to + first, ring->bytes, n - first);
}

static bool push(struct pktring *ring, struct sr_str head, struct sr_str body, uint32_t reserve)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint32_t used = tail - atomic_load_explicit(&ring->head, memory_order_acquire);
    size_t bytes = head.n + body.n;
    uint32_t length = (uint32_t)bytes;

    if (LENGTH_BYTES + bytes + reserve > ring->mask + 1 - used)
        return false;
    copy_in(ring, tail, &length, LENGTH_BYTES);
    copy_in(ring, tail + LENGTH_BYTES, head.p, head.n);
    copy_in(ring, tail + LENGTH_BYTES + (uint32_t)head.n, body.p, body.n);
    atomic_store_explicit(&ring->tail, tail + LENGTH_BYTES + length, memory_order_release);
    return true;
}

bool pktring_push(struct pktring *ring, const void *head, size_t head_bytes, const void *body,
                  size_t body_bytes)
{
    return push(ring, sr_str_make(head, head_bytes), sr_str_make(body, body_bytes),
                PKTRING_RESERVE);
}

bool pktring_push_must(struct pktring *ring, const void *head, size_t head_bytes)
{
    return push(ring, sr_str_make(head, head_bytes), sr_str_make(NULL, 0), 0);
}

bool pktring_pop(struct pktring *ring, void *out, size_t max, size_t *ret_bytes)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t length;

    if (head == atomic_load_explicit(&ring->tail, memory_order_acquire))
        return false;
    copy_out(ring, head, &length, LENGTH_BYTES);
    *ret_bytes = SR_MIN((size_t)length, max);
    copy_out(ring, head + LENGTH_BYTES, out, *ret_bytes);
    atomic_store_explicit(&ring->head, head + LENGTH_BYTES + length, memory_order_release);
    return true;
}

bool pktring_is_empty(const struct pktring *ring)
{
    return atomic_load(&ring->head) == atomic_load(&ring->tail);
}

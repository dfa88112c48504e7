#include "base/ring.h"

#include "base/alloc.h"

enum {
    RING_SLOTS_MAX = 1 << 20
};

void sr_ring_init(struct sr_ring *ring, uint32_t count, size_t slot_bytes)
{
    uint32_t size = 1;

    SR_ASSERT(count > 0 && count <= RING_SLOTS_MAX);
    while (size < count)
        size *= 2;
    ring->slots = sr_zalloc(size, slot_bytes);
    ring->slot_bytes = slot_bytes;
    ring->mask = size - 1;
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
    atomic_init(&ring->dropped, 0);
}

void sr_ring_done(struct sr_ring *ring)
{
    sr_free(ring->slots);
    ring->slots = NULL;
}

bool sr_ring_push(struct sr_ring *ring, const void *item)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

    if (tail - head > ring->mask) {
        atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
        return false;
    }
    memcpy(ring->slots + (size_t)(tail & ring->mask) * ring->slot_bytes, item, ring->slot_bytes);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

bool sr_ring_pop(struct sr_ring *ring, void *ret_item)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

    if (head == tail)
        return false;
    memcpy(ret_item, ring->slots + (size_t)(head & ring->mask) * ring->slot_bytes,
           ring->slot_bytes);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}

uint64_t sr_ring_dropped(const struct sr_ring *ring)
{
    return atomic_load_explicit(&ring->dropped, memory_order_relaxed);
}

uint32_t sr_ring_count(const struct sr_ring *ring)
{
    return atomic_load_explicit(&ring->tail, memory_order_acquire) -
           atomic_load_explicit(&ring->head, memory_order_acquire);
}

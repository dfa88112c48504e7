#include "base/heap.h"

#include "base/alloc.h"

enum {
    HEAP_WAYS = 4,
    HEAP_FIRST_NODES = 64
};

void sr_heap_init(struct sr_heap *heap)
{
    *heap = (struct sr_heap){0};
}

void sr_heap_done(struct sr_heap *heap)
{
    sr_free(heap->nodes);
    *heap = (struct sr_heap){0};
}

static bool is_before(const struct sr_heap_node *a, const struct sr_heap_node *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void put(struct sr_heap *heap, uint32_t index, struct sr_heap_node *node)
{
    heap->nodes[index] = node;
    node->index1 = index + 1;
}

static void sift_up(struct sr_heap *heap, uint32_t index, struct sr_heap_node *node)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / HEAP_WAYS;

        if (!is_before(node, heap->nodes[parent]))
            break;
        put(heap, index, heap->nodes[parent]);
        index = parent;
    }
    put(heap, index, node);
}

static void sift_down(struct sr_heap *heap, uint32_t index, struct sr_heap_node *node)
{
    for (;;) {
        uint32_t first = index * HEAP_WAYS + 1;
        uint32_t end = SR_MIN(first + HEAP_WAYS, heap->count);
        uint32_t best = first;

        if (first >= heap->count)
            break;
        for (uint32_t i = first + 1; i < end; i++) {
            if (is_before(heap->nodes[i], heap->nodes[best]))
                best = i;
        }
        if (!is_before(heap->nodes[best], node))
            break;
        put(heap, index, heap->nodes[best]);
        index = best;
    }
    put(heap, index, node);
}

void sr_heap_set(struct sr_heap *heap, struct sr_heap_node *node, sr_usec at)
{
    sr_heap_remove(heap, node);
    node->at = at;
    node->order = heap->next_order++;
    if (heap->count == heap->cap) {
        heap->cap = heap->cap ? heap->cap * 2 : HEAP_FIRST_NODES;
        heap->nodes = sr_realloc(heap->nodes, heap->cap * sizeof(struct sr_heap_node *));
    }
    heap->count++;
    sift_up(heap, heap->count - 1, node);
}

void sr_heap_remove(struct sr_heap *heap, struct sr_heap_node *node)
{
    uint32_t index;
    struct sr_heap_node *last;

    if (node->index1 == 0)
        return;
    index = node->index1 - 1;
    SR_ASSERT(index < heap->count && heap->nodes[index] == node);
    node->index1 = 0;
    heap->count--;
    last = heap->nodes[heap->count];
    if (last == node)
        return;
    if (index > 0 && is_before(last, heap->nodes[(index - 1) / HEAP_WAYS]))
        sift_up(heap, index, last);
    else
        sift_down(heap, index, last);
}

struct sr_heap_node *sr_heap_first(const struct sr_heap *heap)
{
    return heap->count ? heap->nodes[0] : NULL;
}

struct sr_heap_node *sr_heap_pop_due(struct sr_heap *heap, sr_usec now)
{
    struct sr_heap_node *node = sr_heap_first(heap);

    if (node == NULL || node->at > now)
        return NULL;
    sr_heap_remove(heap, node);
    return node;
}

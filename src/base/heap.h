/**
 * @file heap.h  Deadlines: an intrusive 4-ary heap, earliest first; equal deadlines keep their order.
 *
 * Memory:  the array of pointers grows with base/alloc.h; nodes are embedded in their owners
 * Thread:  not shared
 */
#ifndef SR_BASE_HEAP_H
#define SR_BASE_HEAP_H

#include "base/base.h"

struct sr_heap_node {
    sr_usec at;
    uint64_t order;  /* private: insertion number */
    uint32_t index1; /* private: place in the array + 1; 0 = in no heap */
};

struct sr_heap { /* fields are private */
    struct sr_heap_node **nodes;
    uint32_t count;
    uint32_t cap;
    uint64_t next_order;
};

void sr_heap_init(struct sr_heap *heap);
void sr_heap_done(struct sr_heap *heap); /* nodes are left alone */
/** Adds, or moves when it is in the heap already. */
void sr_heap_set(struct sr_heap *heap, struct sr_heap_node *node, sr_usec at);
/** Nothing happens when the node is in no heap. */
void sr_heap_remove(struct sr_heap *heap, struct sr_heap_node *node);
/** The earliest, or NULL. */
struct sr_heap_node *sr_heap_first(const struct sr_heap *heap);
/** Removes and gives the earliest if its time is <= now, else NULL. */
struct sr_heap_node *sr_heap_pop_due(struct sr_heap *heap, sr_usec now);

#endif

#include "base/mpsc.h"

void sr_mpsc_init(struct sr_mpsc *queue)
{
    atomic_init(&queue->top, NULL);
    queue->ready = NULL;
}

bool sr_mpsc_push(struct sr_mpsc *queue, struct sr_mpsc_node *node)
{
    struct sr_mpsc_node *top = atomic_load_explicit(&queue->top, memory_order_relaxed);

    do {
        atomic_store_explicit(&node->next, top, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&queue->top, &top, node, memory_order_release,
                                                    memory_order_relaxed));
    return top == NULL;
}

struct sr_mpsc_node *sr_mpsc_pop(struct sr_mpsc *queue)
{
    struct sr_mpsc_node *node = queue->ready;

    if (node == NULL) {
        /* take all that was pushed, newest first, and turn it round */
        struct sr_mpsc_node *top =
            atomic_exchange_explicit(&queue->top, NULL, memory_order_acquire);

        while (top != NULL) {
            struct sr_mpsc_node *next = atomic_load_explicit(&top->next, memory_order_relaxed);

            atomic_store_explicit(&top->next, node, memory_order_relaxed);
            node = top;
            top = next;
        }
        if (node == NULL)
            return NULL;
    }
    queue->ready = atomic_load_explicit(&node->next, memory_order_relaxed);
    return node;
}

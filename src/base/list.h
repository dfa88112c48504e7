/**
 * @file list.h  Intrusive doubly linked list. The list owns nothing.
 *
 * Thread:  not shared
 */
#ifndef SR_BASE_LIST_H
#define SR_BASE_LIST_H

#include "base/base.h"

struct sr_node {
    struct sr_node *prev; /* NULL: in no list */
    struct sr_node *next;
};

struct sr_list {
    struct sr_node head;
    size_t count;
};

void sr_list_init(struct sr_list *list);
void sr_list_add(struct sr_list *list, struct sr_node *node);       /* at the end */
void sr_list_add_first(struct sr_list *list, struct sr_node *node); /* at the start */
/** Nothing happens when the node is in no list. */
void sr_list_remove(struct sr_list *list, struct sr_node *node);
struct sr_node *sr_list_first(const struct sr_list *list);                            /* or NULL */
struct sr_node *sr_list_next(const struct sr_list *list, const struct sr_node *node); /* or NULL */
struct sr_node *sr_list_pop(struct sr_list *list);                                    /* or NULL */

static inline bool sr_node_is_linked(const struct sr_node *node)
{
    return node->prev != NULL;
}

/** Walks a list; the body may remove `node` but no other. */
#define SR_LIST_EACH(list, node)                                                                   \
    for (struct sr_node *node = sr_list_first(list),                                               \
                        *node##_next = node ? sr_list_next(list, node) : NULL;                     \
         node; node = node##_next, node##_next = node ? sr_list_next(list, node) : NULL)

#endif

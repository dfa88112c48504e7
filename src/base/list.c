#include "base/list.h"

void sr_list_init(struct sr_list *list)
{
    list->head.prev = &list->head;
    list->head.next = &list->head;
    list->count = 0;
}

static void insert_before(struct sr_list *list, struct sr_node *place, struct sr_node *node)
{
    SR_ASSERT(node->prev == NULL);
    node->next = place;
    node->prev = place->prev;
    place->prev->next = node;
    place->prev = node;
    list->count++;
}

void sr_list_add(struct sr_list *list, struct sr_node *node)
{
    insert_before(list, &list->head, node);
}

void sr_list_add_first(struct sr_list *list, struct sr_node *node)
{
    insert_before(list, list->head.next, node);
}

void sr_list_remove(struct sr_list *list, struct sr_node *node)
{
    if (node->prev == NULL)
        return;
    SR_ASSERT(list->count > 0);
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = NULL;
    node->next = NULL;
    list->count--;
}

struct sr_node *sr_list_first(const struct sr_list *list)
{
    return list->count ? list->head.next : NULL;
}

struct sr_node *sr_list_next(const struct sr_list *list, const struct sr_node *node)
{
    return node->next == &list->head ? NULL : node->next;
}

struct sr_node *sr_list_pop(struct sr_list *list)
{
    struct sr_node *node = sr_list_first(list);

    if (node != NULL)
        sr_list_remove(list, node);
    return node;
}

#include "base/idtab.h"

#include "base/alloc.h"

enum {
    IDTAB_FIRST_SLOTS = 16
};

void sr_idtab_init(struct sr_idtab *tab, uint32_t slots_max)
{
    *tab = (struct sr_idtab){.max = slots_max};
}

void sr_idtab_done(struct sr_idtab *tab)
{
    sr_free(tab->slots);
    *tab = (struct sr_idtab){.max = tab->max};
}

/* slot 0 has the low half 1: an id is never SR_ID_NONE */
static sr_id make_id(uint32_t slot, uint32_t generation)
{
    return ((sr_id)generation << 32) | (slot + 1);
}

sr_id sr_idtab_add(struct sr_idtab *tab, void *object)
{
    uint32_t slot;

    SR_ASSERT(object != NULL);
    if (tab->free_first != 0) {
        slot = tab->free_first - 1;
        tab->free_first = tab->slots[slot].next_free;
    } else {
        if (tab->used == tab->max)
            return SR_ID_NONE;
        if (tab->used == tab->cap) {
            uint32_t cap = tab->cap ? tab->cap * 2 : IDTAB_FIRST_SLOTS;

            cap = SR_MIN(cap, tab->max);
            tab->slots = sr_realloc(tab->slots, cap * sizeof(*tab->slots));
            memset(tab->slots + tab->cap, 0, (cap - tab->cap) * sizeof(*tab->slots));
            tab->cap = cap;
        }
        slot = tab->used++;
        tab->slots[slot].generation = 1;
    }
    tab->slots[slot].object = object;
    tab->count++;
    return make_id(slot, tab->slots[slot].generation);
}

static struct sr_idtab_slot *slot_of(const struct sr_idtab *tab, sr_id id)
{
    uint32_t slot1 = (uint32_t)(id & UINT32_MAX);
    struct sr_idtab_slot *slot;

    if (slot1 == 0 || slot1 > tab->used)
        return NULL;
    slot = &tab->slots[slot1 - 1];
    if (slot->object == NULL || slot->generation != (uint32_t)(id >> 32))
        return NULL;
    return slot;
}

void *sr_idtab_find(const struct sr_idtab *tab, sr_id id)
{
    struct sr_idtab_slot *slot = slot_of(tab, id);

    return slot ? slot->object : NULL;
}

void *sr_idtab_remove(struct sr_idtab *tab, sr_id id)
{
    struct sr_idtab_slot *slot = slot_of(tab, id);
    void *object;

    if (slot == NULL)
        return NULL;
    object = slot->object;
    slot->object = NULL;
    slot->generation++;
    if (slot->generation == 0)
        slot->generation = 1;
    slot->next_free = tab->free_first;
    tab->free_first = (uint32_t)(slot - tab->slots) + 1;
    tab->count--;
    return object;
}

void *sr_idtab_next(const struct sr_idtab *tab, uint32_t *cursor)
{
    while (*cursor < tab->used) {
        void *object = tab->slots[(*cursor)++].object;

        if (object != NULL)
            return object;
    }
    return NULL;
}

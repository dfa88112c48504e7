/**
 * @file idtab.h  Objects by id: slot + generation, so a late message for a dead object finds nothing
 * instead of a dangling pointer.
 *
 * Memory:  embedded; grows up to `max` slots; owns no object
 * Thread:  not shared
 */
#ifndef SR_BASE_IDTAB_H
#define SR_BASE_IDTAB_H

#include "base/base.h"

struct sr_idtab_slot {
    void *object;        /* NULL: free */
    uint32_t generation; /* of the present or the next object */
    uint32_t next_free;  /* slot + 1 */
};

struct sr_idtab { /* fields are private, but for count */
    struct sr_idtab_slot *slots;
    uint32_t used;
    uint32_t cap;
    uint32_t max;
    uint32_t free_first; /* slot + 1 */
    uint32_t count;
};

void sr_idtab_init(struct sr_idtab *tab, uint32_t slots_max);
void sr_idtab_done(struct sr_idtab *tab);
/** The new object's id, or SR_ID_NONE when all slots are taken. object must not be NULL. */
sr_id sr_idtab_add(struct sr_idtab *tab, void *object);
/** The object, or NULL when the id is none, old or invented. */
void *sr_idtab_find(const struct sr_idtab *tab, sr_id id);
/** Gives the object that was removed, or NULL. Its slot's generation goes up. */
void *sr_idtab_remove(struct sr_idtab *tab, sr_id id);
/** Walks in slot order: start with *cursor = 0; NULL at the end. The body may remove the current. */
void *sr_idtab_next(const struct sr_idtab *tab, uint32_t *cursor);

#endif

/**
 * @file arena.h  Everything of one message, request or configuration: taken bit by bit, freed at once.
 *
 * With a caller's first block and `bytes_max` equal to its size an arena never allocates: that is
 * how pure layers use it. Otherwise it grows by blocks up to `bytes_max`.
 *
 * Memory:  embedded; slices never outlive the arena
 * Thread:  not shared
 */
#ifndef SR_BASE_ARENA_H
#define SR_BASE_ARENA_H

#include "base/str.h"

struct sr_arena_block;

struct sr_arena { /* fields are private */
    struct sr_arena_block *blocks;
    char *p;
    size_t left;
    size_t used;
    size_t max;
};

/** An empty arena that takes at most `bytes_max` from the heap, in blocks. */
void sr_arena_init(struct sr_arena *arena, size_t bytes_max);
/** An arena over the caller's array only. */
void sr_arena_init_fixed(struct sr_arena *arena, void *array, size_t size);
/** Frees all blocks. */
void sr_arena_done(struct sr_arena *arena);

/** Zeroed, aligned for any type; NULL when the maximum is reached. */
void *sr_arena_alloc(struct sr_arena *arena, size_t bytes);
/** count * bytes, as above; NULL also on overflow. */
void *sr_arena_array(struct sr_arena *arena, size_t count, size_t bytes);
/** A copy (NUL-terminated behind the view). The empty view with p == NULL when the arena is full
    and s was not empty. */
struct sr_str sr_arena_str(struct sr_arena *arena, struct sr_str s);
/** A NUL-terminated copy; NULL when full. */
char *sr_arena_cstr(struct sr_arena *arena, struct sr_str s);
/** Formatted text; the empty view when full. */
struct sr_str sr_arena_fmt(struct sr_arena *arena, const char *format, ...) SR_PRINTF(2, 3);
/** Bytes handed out so far. */
size_t sr_arena_used(const struct sr_arena *arena);

#endif

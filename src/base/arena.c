#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "base/alloc.h"

enum {
    ARENA_BLOCK_BYTES = 8192
};

struct sr_arena_block {
    struct sr_arena_block *next;
    max_align_t data[];
};

void sr_arena_init(struct sr_arena *arena, size_t bytes_max)
{
    *arena = (struct sr_arena){.max = bytes_max};
}

void sr_arena_init_fixed(struct sr_arena *arena, void *array, size_t size)
{
    uintptr_t skew = (uintptr_t)array % _Alignof(max_align_t);
    size_t skip = skew ? _Alignof(max_align_t) - skew : 0;

    *arena = (struct sr_arena){0};
    if (skip < size) {
        arena->p = (char *)array + skip;
        arena->left = size - skip;
        arena->max = size - skip;
    }
}

void sr_arena_done(struct sr_arena *arena)
{
    struct sr_arena_block *block = arena->blocks;

    while (block != NULL) {
        struct sr_arena_block *next = block->next;

        sr_free(block);
        block = next;
    }
    *arena = (struct sr_arena){.max = arena->max};
}

void *sr_arena_alloc(struct sr_arena *arena, size_t bytes)
{
    const size_t align = _Alignof(max_align_t);
    size_t size = (SR_MAX(bytes, (size_t)1) + align - 1) / align * align;
    char *p;

    if (size < bytes || size > arena->max || arena->used > arena->max - size)
        return NULL;
    if (size > arena->left) {
        size_t payload = SR_MAX(size, (size_t)ARENA_BLOCK_BYTES);
        struct sr_arena_block *block;

        if (arena->p != NULL && arena->blocks == NULL)
            return NULL; /* over a fixed array */
        block = sr_alloc(sizeof(*block) + payload);
        block->next = arena->blocks;
        arena->blocks = block;
        arena->p = (char *)block->data;
        arena->left = payload;
    }
    p = arena->p;
    arena->p += size;
    arena->left -= size;
    arena->used += size;
    memset(p, 0, size);
    return p;
}

void *sr_arena_array(struct sr_arena *arena, size_t count, size_t bytes)
{
    if (bytes != 0 && count > SIZE_MAX / bytes)
        return NULL;
    return sr_arena_alloc(arena, count * bytes);
}

struct sr_str sr_arena_str(struct sr_arena *arena, struct sr_str s)
{
    char *copy = sr_arena_cstr(arena, s);

    return copy ? (struct sr_str){copy, s.n} : (struct sr_str){NULL, 0};
}

char *sr_arena_cstr(struct sr_arena *arena, struct sr_str s)
{
    char *copy;

    if (s.n == SIZE_MAX)
        return NULL;
    copy = sr_arena_alloc(arena, s.n + 1);
    if (copy != NULL && s.n > 0)
        memcpy(copy, s.p, s.n);
    return copy;
}

struct sr_str sr_arena_fmt(struct sr_arena *arena, const char *format, ...)
{
    va_list args;
    char *text;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    SR_ASSERT(n >= 0);
    text = sr_arena_alloc(arena, (size_t)n + 1);
    if (text == NULL)
        return (struct sr_str){NULL, 0};
    va_start(args, format);
    n = vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return (struct sr_str){text, (size_t)n};
}

size_t sr_arena_used(const struct sr_arena *arena)
{
    return arena->used;
}

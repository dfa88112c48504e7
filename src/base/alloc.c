#include "base/alloc.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* one addition for each block: threads share these lines */
static _Atomic uint64_t blocks_total;
static _Atomic uint64_t blocks_freed;

static SR_NORETURN void out_of_memory(size_t bytes)
{
    fprintf(stderr, "siprouter: the system has no memory left (%zu bytes wanted)\n", bytes);
    fflush(stderr);
    abort();
}

static void count_block(void)
{
    atomic_fetch_add_explicit(&blocks_total, 1, memory_order_relaxed);
}

static void count_freed(void)
{
    atomic_fetch_add_explicit(&blocks_freed, 1, memory_order_relaxed);
}

void *sr_alloc(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);

    if (p == NULL)
        out_of_memory(bytes);
    count_block();
    return p;
}

void *sr_zalloc(size_t count, size_t bytes)
{
    void *p = calloc(count ? count : 1, bytes ? bytes : 1);

    if (p == NULL)
        out_of_memory(bytes);
    count_block();
    return p;
}

void *sr_realloc(void *p, size_t bytes)
{
    void *moved;

    if (p == NULL)
        return sr_alloc(bytes);
    moved = realloc(p, bytes ? bytes : 1);
    if (moved == NULL)
        out_of_memory(bytes);
    count_freed();
    count_block();
    return moved;
}

void sr_free(void *p)
{
    if (p == NULL)
        return;
    count_freed();
    free(p);
}

void sr_wipe(void *p, size_t bytes)
{
    if (bytes > 0)
        explicit_bzero(p, bytes);
}

void sr_free_secret(void *p, size_t bytes)
{
    if (p != NULL)
        sr_wipe(p, bytes);
    sr_free(p);
}

char *sr_str_cdup(struct sr_str text)
{
    char *copy = sr_alloc(text.n + 1);

    if (text.n > 0)
        memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return copy;
}

char *sr_strdup(const char *text)
{
    return sr_str_cdup(sr_str_c(text));
}

uint64_t sr_alloc_live(void)
{
    uint64_t freed = atomic_load_explicit(&blocks_freed, memory_order_relaxed);

    return atomic_load_explicit(&blocks_total, memory_order_relaxed) - freed;
}

uint64_t sr_alloc_total(void)
{
    return atomic_load_explicit(&blocks_total, memory_order_relaxed);
}

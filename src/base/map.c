#include "base/map.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/random.h"

enum {
    MAP_FIRST_ENTRIES = 16
};

/* One random key a process: made on first use, by whichever thread comes first. */
static const uint8_t *map_key(void)
{
    static uint8_t key[16];
    static _Atomic int state; /* 0 none, 1 being made, 2 ready */
    int expected = 0;

    if (atomic_load_explicit(&state, memory_order_acquire) == 2)
        return key;
    if (atomic_compare_exchange_strong(&state, &expected, 1)) {
        sr_random_bytes(key, sizeof(key));
        atomic_store_explicit(&state, 2, memory_order_release);
    }
    while (atomic_load_explicit(&state, memory_order_acquire) != 2) {
    }
    return key;
}

static uint64_t hash_of(struct sr_str key)
{
    return sr_siphash(map_key(), key.p, key.n);
}

void sr_map_init(struct sr_map *map)
{
    *map = (struct sr_map){0};
}

void sr_map_done(struct sr_map *map)
{
    sr_free(map->entries);
    *map = (struct sr_map){0};
}

/* The entry of the key, or the empty place where it would go. The table is never full. */
static size_t place_of(const struct sr_map *map, struct sr_str key, uint64_t hash)
{
    size_t mask = map->cap - 1;
    size_t i = (size_t)hash & mask;

    while (map->entries[i].value != NULL &&
           (map->entries[i].hash != hash || !sr_str_eq(map->entries[i].key, key)))
        i = (i + 1) & mask;
    return i;
}

static void grow(struct sr_map *map)
{
    struct sr_map_entry *old = map->entries;
    size_t old_cap = map->cap;

    map->cap = old_cap ? old_cap * 2 : MAP_FIRST_ENTRIES;
    map->entries = sr_zalloc(map->cap, sizeof(*map->entries));
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].value != NULL)
            map->entries[place_of(map, old[i].key, old[i].hash)] = old[i];
    }
    sr_free(old);
}

void *sr_map_put(struct sr_map *map, struct sr_str key, void *value)
{
    uint64_t hash = hash_of(key);
    void *replaced;
    size_t i;

    SR_ASSERT(value != NULL);
    if (4 * (map->count + 1) > 3 * map->cap)
        grow(map);
    i = place_of(map, key, hash);
    replaced = map->entries[i].value;
    map->entries[i] = (struct sr_map_entry){key, value, hash};
    if (replaced == NULL)
        map->count++;
    return replaced;
}

void *sr_map_find(const struct sr_map *map, struct sr_str key)
{
    if (map->count == 0)
        return NULL;
    return map->entries[place_of(map, key, hash_of(key))].value;
}

/* Empties a place: moves back whatever could not stand at its home because of it. */
static void *empty_place(struct sr_map *map, size_t hole)
{
    size_t mask = map->cap - 1;
    void *removed = map->entries[hole].value;

    if (removed == NULL)
        return NULL;
    map->count--;
    for (size_t i = (hole + 1) & mask; map->entries[i].value != NULL; i = (i + 1) & mask) {
        size_t home = (size_t)map->entries[i].hash & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    map->entries[hole] = (struct sr_map_entry){0};
    return removed;
}

void *sr_map_remove(struct sr_map *map, struct sr_str key)
{
    return map->count > 0 ? empty_place(map, place_of(map, key, hash_of(key))) : NULL;
}

void *sr_map_next(const struct sr_map *map, size_t *cursor)
{
    while (*cursor < map->cap) {
        void *value = map->entries[(*cursor)++].value;

        if (value != NULL)
            return value;
    }
    return NULL;
}

/*
 * An integer key is kept in the entry itself: the "pointer" of its view carries the number and the
 * length is 0, so equal views never compare memory.
 */
static size_t place_of64(const struct sr_map *map, uint64_t key, uint64_t hash)
{
    size_t mask = map->cap - 1;
    size_t i = (size_t)hash & mask;

    while (map->entries[i].value != NULL && (uint64_t)(uintptr_t)map->entries[i].key.p != key)
        i = (i + 1) & mask;
    return i;
}

static uint64_t hash_of64(uint64_t key)
{
    return sr_siphash(map_key(), &key, sizeof(key));
}

void sr_map64_init(struct sr_map64 *map)
{
    sr_map_init(&map->map);
}

void sr_map64_done(struct sr_map64 *map)
{
    sr_map_done(&map->map);
}

static void grow64(struct sr_map *map)
{
    struct sr_map_entry *old = map->entries;
    size_t old_cap = map->cap;

    map->cap = old_cap ? old_cap * 2 : MAP_FIRST_ENTRIES;
    map->entries = sr_zalloc(map->cap, sizeof(*map->entries));
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].value != NULL)
            map->entries[place_of64(map, (uint64_t)(uintptr_t)old[i].key.p, old[i].hash)] = old[i];
    }
    sr_free(old);
}

void *sr_map64_put(struct sr_map64 *map64, uint64_t key, void *value)
{
    struct sr_map *map = &map64->map;
    uint64_t hash = hash_of64(key);
    void *replaced;
    size_t i;

    SR_ASSERT(value != NULL);
    if (4 * (map->count + 1) > 3 * map->cap)
        grow64(map);
    i = place_of64(map, key, hash);
    replaced = map->entries[i].value;
    map->entries[i] = (struct sr_map_entry){{(const char *)(uintptr_t)key, 0}, value, hash};
    if (replaced == NULL)
        map->count++;
    return replaced;
}

void *sr_map64_find(const struct sr_map64 *map, uint64_t key)
{
    if (map->map.count == 0)
        return NULL;
    return map->map.entries[place_of64(&map->map, key, hash_of64(key))].value;
}

void *sr_map64_remove(struct sr_map64 *map64, uint64_t key)
{
    struct sr_map *map = &map64->map;

    return map->count > 0 ? empty_place(map, place_of64(map, key, hash_of64(key))) : NULL;
}

void *sr_map64_next(const struct sr_map64 *map, size_t *cursor)
{
    return sr_map_next(&map->map, cursor);
}

size_t sr_map64_count(const struct sr_map64 *map)
{
    return map->map.count;
}

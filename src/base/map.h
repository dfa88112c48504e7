/**
 * @file map.h  Hash maps with keys chosen by peers: SipHash with a random key, so nobody can aim at
 * one bucket. Open addressing, at most 3/4 full, grows by doubling; removal keeps probes short.
 *
 * A key of struct sr_map is bytes; the map stores the view, not a copy: the key must live in the
 * value. struct sr_map64 has integer keys.
 *
 * Memory:  embedded; owns only its table
 * Thread:  not shared
 */
#ifndef SR_BASE_MAP_H
#define SR_BASE_MAP_H

#include "base/str.h"

struct sr_map_entry {
    struct sr_str key;
    void *value; /* NULL: empty place */
    uint64_t hash;
};

struct sr_map { /* fields are private, but for count */
    struct sr_map_entry *entries;
    size_t cap;
    size_t count;
};

void sr_map_init(struct sr_map *map);
void sr_map_done(struct sr_map *map);
/** Adds, or replaces the value (and key view) of an equal key; value must not be NULL.
    @return the value that was replaced, or NULL */
void *sr_map_put(struct sr_map *map, struct sr_str key, void *value);
/** The value, or NULL. */
void *sr_map_find(const struct sr_map *map, struct sr_str key);
/** Removes and gives the value, or NULL. */
void *sr_map_remove(struct sr_map *map, struct sr_str key);
/** Walks in no order: start with *cursor = 0; NULL at the end. The map must not change meanwhile. */
void *sr_map_next(const struct sr_map *map, size_t *cursor);

struct sr_map64 { /* fields are private */
    struct sr_map map;
};

/** Integer keys over the same table. */
void sr_map64_init(struct sr_map64 *map);
void sr_map64_done(struct sr_map64 *map);
void *sr_map64_put(struct sr_map64 *map, uint64_t key, void *value);
void *sr_map64_find(const struct sr_map64 *map, uint64_t key);
void *sr_map64_remove(struct sr_map64 *map, uint64_t key);
void *sr_map64_next(const struct sr_map64 *map, size_t *cursor);
size_t sr_map64_count(const struct sr_map64 *map);

#endif

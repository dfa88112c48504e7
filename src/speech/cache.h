/**
 * @file cache.h  Spoken prompts on disk: DATA/prompts/{sha256}.wav.
 *
 * A file appears under its name only when it is whole (written beside it, then renamed), so nothing half
 * written is ever played, whatever ends the process. The longest unused go first when there are too
 * many bytes; a file that cannot be read, or was cut, is removed and made anew.
 *
 * Layer:   speech
 * Thread:  any (a lock inside; files are read and written outside of it)
 * Memory:  one small entry per file
 */
#ifndef SR_SPEECH_CACHE_H
#define SR_SPEECH_CACHE_H

#include "base/hash.h"
#include "worker/clip.h"

enum {
    CACHE_KEY_CHARS = 2 * SR_SHA256_BYTES,
    CACHE_FILES_MAX = 50000,
};

struct cache;

/** NULL: the folder cannot be made or read (logged); then nothing is kept. */
struct cache *cache_open(const char *data_path, uint64_t bytes_max);
void cache_close(struct cache *cache);
/** Hex of the hash over the parts, each with its length. */
void cache_key(const struct sr_str *parts, size_t part_count, char ret_key[CACHE_KEY_CHARS + 1]);
/** One reference, or NULL. */
struct media_clip *cache_find(struct cache *cache, const char *key);
/** On failure (a full disk) the prompt is spoken again next time; logged once. */
void cache_add(struct cache *cache, const char *key, const struct media_clip *clip);
uint64_t cache_bytes(struct cache *cache);

#endif

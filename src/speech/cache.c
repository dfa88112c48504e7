#include "speech/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "media/wav.h"
#include "net/clock.h"
#include "speech/speech.h"

enum {
    CACHE_PATH_MAX = 600,
    CACHE_NAME_CHARS = CACHE_KEY_CHARS + 4, /* ".wav" */
};

struct entry {
    struct sr_node node; /* cache->used: the longest unused first */
    char key[CACHE_KEY_CHARS + 1];
    uint64_t bytes;
    int64_t used; /* file time, only while the folder is read */
};

struct cache {
    pthread_mutex_t lock;
    int dir_fd;
    uint64_t bytes, bytes_max;
    struct sr_map entries;
    struct sr_list used;
    uint64_t temp_count;
    bool is_failing; /* writing failed last time */
};

void cache_key(const struct sr_str *parts, size_t part_count, char ret_key[CACHE_KEY_CHARS + 1])
{
    uint8_t hash[SR_SHA256_BYTES];
    struct sr_sha256 sha;

    sr_sha256_init(&sha);
    for (size_t i = 0; i < part_count; i++) {
        uint64_t n = parts[i].n;

        sr_sha256_add(&sha, &n, sizeof(n));
        sr_sha256_add(&sha, parts[i].p, parts[i].n);
    }
    sr_sha256_end(&sha, hash);
    sr_hex(hash, sizeof(hash), ret_key);
}

static void file_name(const char *key, char name[CACHE_NAME_CHARS + 1])
{
    (void)snprintf(name, CACHE_NAME_CHARS + 1, "%s.wav", key);
}

/* ---- entries (locked) ---- */

static struct entry *add_entry(struct cache *cache, const char *key, uint64_t bytes)
{
    struct entry *entry = sr_map_find(&cache->entries, sr_str_c(key));

    if (entry != NULL) {
        cache->bytes -= entry->bytes;
        sr_list_remove(&cache->used, &entry->node);
    } else {
        entry = sr_zalloc(1, sizeof(*entry));
        (void)sr_str_copy(sr_str_c(key), entry->key, sizeof(entry->key));
        (void)sr_map_put(&cache->entries, sr_str_c(entry->key), entry);
    }
    entry->bytes = bytes;
    cache->bytes += bytes;
    sr_list_add(&cache->used, &entry->node);
    return entry;
}

static void remove_entry(struct cache *cache, struct entry *entry)
{
    char name[CACHE_NAME_CHARS + 1];

    file_name(entry->key, name);
    (void)unlinkat(cache->dir_fd, name, 0);
    cache->bytes -= entry->bytes;
    sr_list_remove(&cache->used, &entry->node);
    (void)sr_map_remove(&cache->entries, sr_str_c(entry->key));
    sr_free(entry);
}

static void shrink(struct cache *cache)
{
    struct sr_node *node;

    while ((cache->bytes > cache->bytes_max || cache->used.count > CACHE_FILES_MAX) &&
           (node = sr_list_first(&cache->used)) != NULL)
        remove_entry(cache, SR_CONTAINER(node, struct entry, node));
}

/* ---- the folder ---- */

static bool is_key(const char *name)
{
    for (size_t i = 0; i < CACHE_KEY_CHARS; i++) {
        if (!sr_is_digit(name[i]) && !(name[i] >= 'a' && name[i] <= 'f'))
            return false;
    }
    return strcmp(name + CACHE_KEY_CHARS, ".wav") == 0;
}

static int compare_used(const void *a, const void *b)
{
    const struct entry *left = *(struct entry *const *)a, *right = *(struct entry *const *)b;

    return left->used < right->used ? -1 : left->used > right->used;
}

/* The folder says what there is; file times say in which order it was used. */
static void sort_by_use(struct cache *cache)
{
    size_t count = cache->used.count, i = 0;
    struct entry **all = sr_zalloc(count, sizeof(struct entry *));
    struct sr_node *node;

    while ((node = sr_list_pop(&cache->used)) != NULL)
        all[i++] = SR_CONTAINER(node, struct entry, node);
    qsort(all, count, sizeof(struct entry *), compare_used);
    for (i = 0; i < count; i++)
        sr_list_add(&cache->used, &all[i]->node);
    sr_free(all);
}

static bool scan(struct cache *cache)
{
    DIR *dir = fdopendir(dup(cache->dir_fd));
    const struct dirent *item;

    if (dir == NULL)
        return false;
    while ((item = readdir(dir)) != NULL) {
        const char *dot = strrchr(item->d_name, '.');
        struct stat info;
        char key[CACHE_KEY_CHARS + 1];

        if (dot != NULL && strncmp(dot, ".tmp", 4) == 0)
            (void)unlinkat(cache->dir_fd, item->d_name, 0); /* it was being written at the end */
        if (strnlen(item->d_name, CACHE_NAME_CHARS + 1) != CACHE_NAME_CHARS ||
            !is_key(item->d_name) || fstatat(cache->dir_fd, item->d_name, &info, 0) != 0)
            continue;
        (void)sr_str_copy(sr_str_make(item->d_name, CACHE_KEY_CHARS), key, sizeof(key));
        add_entry(cache, key, (uint64_t)info.st_size)->used =
            (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000;
    }
    (void)closedir(dir);
    sort_by_use(cache);
    shrink(cache);
    return true;
}

struct cache *cache_open(const char *data_path, uint64_t bytes_max)
{
    struct cache *cache = sr_zalloc(1, sizeof(*cache));
    char path[CACHE_PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/prompts", data_path);
    cache->bytes_max = bytes_max;
    sr_map_init(&cache->entries);
    sr_list_init(&cache->used);
    SR_ASSERT(pthread_mutex_init(&cache->lock, NULL) == 0);
    (void)mkdir(path, 0750);
    cache->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cache->dir_fd >= 0 && scan(cache))
        return cache;
    sr_log(MEDIA, WARN, "event=prompts_not_kept path=%s err=\"%s\"", path, strerror(errno));
    cache_close(cache);
    return NULL;
}

void cache_close(struct cache *cache)
{
    struct sr_node *node;

    if (cache == NULL)
        return;
    while ((node = sr_list_pop(&cache->used)) != NULL)
        sr_free(SR_CONTAINER(node, struct entry, node));
    sr_map_done(&cache->entries);
    if (cache->dir_fd >= 0)
        (void)close(cache->dir_fd);
    (void)pthread_mutex_destroy(&cache->lock);
    sr_free(cache);
}

/* ---- reading ---- */

static bool read_all(int fd, char *bytes, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = read(fd, bytes + done, n - done);

        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* Only what this cache writes: mono, 16 bit, every sample there. */
static struct media_clip *clip_of(const char *bytes, size_t n)
{
    uint8_t header[WAV_HEADER_BYTES];
    struct media_clip *clip;
    struct wav wav;

    if (wav_parse(sr_str_make(bytes, n), &wav, NULL) != SR_OK || wav.format != WAV_PCM16 ||
        wav.channels != 1 || !media_rate_is_playable(wav.rate_hz) ||
        wav.data != (const uint8_t *)bytes + WAV_HEADER_BYTES ||
        wav.frame_count * sizeof(int16_t) + WAV_HEADER_BYTES != n)
        return NULL;
    wav_header_write(header, &wav); /* as it was written, when nothing is cut off */
    if (memcmp(header, bytes, sizeof(header)) != 0)
        return NULL;
    clip = media_clip_new(wav.rate_hz, wav.frame_count);
    for (size_t i = 0; i < wav.frame_count; i++)
        clip->samples[i] = (int16_t)(uint16_t)(wav.data[2 * i] | wav.data[2 * i + 1] << 8);
    return clip;
}

static struct media_clip *read_file(const struct cache *cache, const char *key)
{
    char name[CACHE_NAME_CHARS + 1];
    struct media_clip *clip = NULL;
    struct stat info;
    char *bytes;
    int fd;

    file_name(key, name);
    fd = openat(cache->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > WAV_HEADER_BYTES &&
        info.st_size <= MEDIA_CLIP_BYTES_MAX) {
        bytes = sr_alloc((size_t)info.st_size);
        if (read_all(fd, bytes, (size_t)info.st_size))
            clip = clip_of(bytes, (size_t)info.st_size);
        sr_free(bytes);
    }
    (void)close(fd);
    return clip;
}

/* The order of use lasts: file times say it, finer than the system's own stamps. */
static void stamp(const struct cache *cache, const char *name)
{
    sr_usec wall = net_clock_wall();
    struct timespec now = {.tv_sec = (time_t)(wall / SR_SEC),
                           .tv_nsec = (long)(wall % SR_SEC) * 1000};
    struct timespec times[2] = {now, now};

    (void)utimensat(cache->dir_fd, name, times, 0);
}

struct media_clip *cache_find(struct cache *cache, const char *key)
{
    char name[CACHE_NAME_CHARS + 1];
    struct media_clip *clip;
    struct entry *entry;

    (void)pthread_mutex_lock(&cache->lock);
    entry = sr_map_find(&cache->entries, sr_str_c(key));
    if (entry != NULL) {
        sr_list_remove(&cache->used, &entry->node);
        sr_list_add(&cache->used, &entry->node);
    }
    (void)pthread_mutex_unlock(&cache->lock);
    if (entry == NULL)
        return NULL;
    clip = read_file(cache, key);
    if (clip != NULL) {
        file_name(key, name);
        stamp(cache, name);
        return clip;
    }
    (void)pthread_mutex_lock(&cache->lock);
    entry = sr_map_find(&cache->entries, sr_str_c(key));
    if (entry != NULL)
        remove_entry(cache, entry);
    (void)pthread_mutex_unlock(&cache->lock);
    return NULL;
}

/* ---- writing ---- */

static bool write_all(int fd, struct sr_str bytes)
{
    size_t done = 0;

    while (done < bytes.n) {
        ssize_t put = write(fd, bytes.p + done, bytes.n - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return fdatasync(fd) == 0;
}

static bool write_file(struct cache *cache, const char *key, struct sr_str bytes, uint64_t number)
{
    char name[CACHE_NAME_CHARS + 1], temp[CACHE_NAME_CHARS + 32];
    bool is_written;
    int fd;

    file_name(key, name);
    (void)snprintf(temp, sizeof(temp), "%s.tmp%llu", key, (unsigned long long)number);
    fd = openat(cache->dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return false;
    is_written = write_all(fd, bytes);
    is_written = close(fd) == 0 && is_written;
    is_written = is_written && renameat(cache->dir_fd, temp, cache->dir_fd, name) == 0;
    if (!is_written)
        (void)unlinkat(cache->dir_fd, temp, 0);
    else
        stamp(cache, name);
    return is_written;
}

void cache_add(struct cache *cache, const char *key, const struct media_clip *clip)
{
    struct sr_buf bytes;
    uint64_t number;
    bool is_written;

    (void)pthread_mutex_lock(&cache->lock);
    number = cache->temp_count++;
    (void)pthread_mutex_unlock(&cache->lock);
    sr_buf_init(&bytes, MEDIA_CLIP_BYTES_MAX + WAV_HEADER_BYTES);
    speech_write_wav(clip, &bytes);
    is_written = sr_buf_err(&bytes) == SR_OK && write_file(cache, key, sr_buf_view(&bytes), number);
    (void)pthread_mutex_lock(&cache->lock);
    if (!is_written && !cache->is_failing)
        sr_log(MEDIA, WARN, "event=prompt_not_kept err=\"%s\"", strerror(errno));
    cache->is_failing = !is_written;
    if (is_written)
        (void)add_entry(cache, key, bytes.len);
    shrink(cache);
    (void)pthread_mutex_unlock(&cache->lock);
    sr_buf_done(&bytes);
}

uint64_t cache_bytes(struct cache *cache)
{
    uint64_t bytes;

    (void)pthread_mutex_lock(&cache->lock);
    bytes = cache->bytes;
    (void)pthread_mutex_unlock(&cache->lock);
    return bytes;
}

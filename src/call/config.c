#include "call/config.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"

static _Atomic uint64_t last_generation;

struct config *config_new(void)
{
    struct config *config = sr_zalloc(1, sizeof(*config));
    sr_arena_init(&config->arena, CONFIG_ARENA_BYTES_MAX);
    config->generation = atomic_fetch_add_explicit(&last_generation, 1, memory_order_relaxed) + 1;
    atomic_init(&config->refs, 1);
    return config;
}

struct config *config_ref(struct config *config)
{
    /* relaxed: who takes a reference holds one already, so the object cannot end meanwhile */
    uint32_t before = atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    SR_ASSERT(before > 0 && before < UINT32_MAX);
    return config;
}

void config_unref(struct config *config)
{
    if (!config)
        return;
    /* release: our reads are done before another thread frees; acquire: we free after all reads */
    uint32_t before = atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel);
    SR_ASSERT(before > 0);
    if (before > 1)
        return;
    for (struct config_patterns *item = config->patterns; item; item = item->next)
        pattern_free(item->pattern);
    for (struct config_secrets *item = config->secrets; item; item = item->next) {
        /* the text lies on our own arena: nobody else may write it, we may */
        void *bytes = (void *)(uintptr_t)item->text.p;
        sr_wipe(bytes, item->text.n);
    }
    sr_arena_done(&config->arena);
    sr_free(config);
}

/* ---- look-ups ------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    const struct config_index_entry *left = a;
    const struct config_index_entry *right = b;
    return sr_str_cmp(left->key, right->key);
}

void config_index_sort(struct config_index *index)
{
    if (index->count > 1)
        qsort(index->entries, index->count, sizeof(index->entries[0]), compare_entries);
}

const struct config_index_entry *config_index_find(const struct config_index *index,
                                                   struct sr_str key)
{
    uint32_t low = 0;
    uint32_t high = index->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = sr_str_cmp(key, index->entries[middle].key);
        if (order == 0)
            return &index->entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const void *find_object(const struct config_index *index, struct sr_str key)
{
    const struct config_index_entry *entry = config_index_find(index, key);
    return entry ? entry->object : NULL;
}

static const void *find_extension(const struct config *config, struct sr_str extension,
                                  enum config_extension_kind kind)
{
    const struct config_index_entry *entry = config_index_find(&config->extensions, extension);
    return entry && entry->kind == (uint32_t)kind ? entry->object : NULL;
}

const struct config_device *config_device_by_id(const struct config *config, struct sr_str id)
{
    return find_object(&config->device_ids, id);
}

const struct config_device *config_device_by_extension(const struct config *config,
                                                       struct sr_str extension)
{
    return find_extension(config, extension, CONFIG_EXTENSION_DEVICE);
}

const struct config_device *config_device_by_user(const struct config *config, struct sr_str user)
{
    const struct config_device *device = config_device_by_extension(config, user);
    return device ? device : config_device_by_id(config, user);
}

const struct config_group *config_group_by_id(const struct config *config, struct sr_str id)
{
    return find_object(&config->group_ids, id);
}

const struct config_group *config_group_by_extension(const struct config *config,
                                                     struct sr_str extension)
{
    return find_extension(config, extension, CONFIG_EXTENSION_GROUP);
}

const struct config_provider *config_provider_by_id(const struct config *config, struct sr_str id)
{
    return find_object(&config->provider_ids, id);
}

const struct config_conference *config_conference_by_extension(const struct config *config,
                                                               struct sr_str extension)
{
    return find_extension(config, extension, CONFIG_EXTENSION_CONFERENCE);
}

const struct config_route *config_route_by_id(const struct config *config, struct sr_str id)
{
    return find_object(&config->route_ids, id);
}

const struct config_feature *config_feature_by_code(const struct config *config, struct sr_str code)
{
    return find_extension(config, code, CONFIG_EXTENSION_FEATURE);
}

/** A slot number within the parking range, written with as many digits as the range's begin. */
static bool is_parking_slot(const struct config_parking *parking, struct sr_str dialled)
{
    uint32_t slot = 0;
    if (!parking->slot_first || dialled.n > 9 || (dialled.n > 0 && dialled.p[0] == '0') ||
        sr_str_u32(dialled, UINT32_MAX, &slot) != SR_OK)
        return false;
    return slot >= parking->slot_first && slot <= parking->slot_last;
}

bool config_feature_takes_digits(enum config_feature_kind kind)
{
    return kind == CONFIG_FEATURE_PICKUP || kind == CONFIG_FEATURE_INTERCOM;
}

/** The longest pickup or intercom code that begins `dialled`. */
static const struct config_feature *find_code_before_digits(const struct config *config,
                                                            struct sr_str dialled)
{
    const struct config_feature *best = NULL;
    for (uint32_t i = 0; i < config->features.count; i++) {
        const struct config_feature *feature = &config->features.items[i];
        if (config_feature_takes_digits(feature->kind) && dialled.n > feature->code.n &&
            sr_str_starts(dialled, feature->code) && (!best || feature->code.n > best->code.n))
            best = feature;
    }
    return best;
}

struct config_extension config_extension_find(const struct config *config, struct sr_str dialled)
{
    struct config_extension found = {.kind = CONFIG_EXTENSION_NONE};
    if (sr_str_is_empty(dialled))
        return found;
    const struct config_index_entry *entry = config_index_find(&config->extensions, dialled);
    if (entry) {
        found.kind = (enum config_extension_kind)entry->kind;
        found.object = entry->object;
        return found;
    }
    if (is_parking_slot(&config->parking, dialled)) {
        found.kind = CONFIG_EXTENSION_PARKING;
        found.rest = dialled;
        return found;
    }
    const struct config_feature *feature = find_code_before_digits(config, dialled);
    if (feature) {
        found.kind = CONFIG_EXTENSION_FEATURE;
        found.feature = feature;
        found.rest = sr_str_from(dialled, feature->code.n);
    }
    return found;
}

bool config_is_emergency(const struct config *config, struct sr_str number)
{
    const struct config_texts *numbers = &config->security.emergency_numbers;
    for (uint32_t i = 0; i < numbers->count; i++) {
        if (sr_str_eq(numbers->items[i], number))
            return true;
    }
    return false;
}

const char *config_strategy_name(enum config_strategy strategy)
{
    static const char *const names[] = {"all", "sequential", "roundRobin", "leastRecent"};
    return (size_t)strategy < SR_ARRAY_LEN(names) ? names[strategy] : "?";
}

const char *config_action_name(enum config_action_type type)
{
    static const char *const names[] = {
        "",           "routeExtension",  "routeExternal", "voicemail", "submenu", "playMessage",
        "conference", "dialByExtension", "repeat",        "hangup"};
    return (size_t)type < SR_ARRAY_LEN(names) ? names[type] : "?";
}

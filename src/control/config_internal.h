/**
 * @file config_internal.h  Shared by the parts of the loader (config_load, config_value, config_check,
 * config_check_routes, config_use, config_golden, config_faults); nobody else includes it.
 */
#ifndef SR_CONTROL_CONFIG_INTERNAL_H
#define SR_CONTROL_CONFIG_INTERNAL_H

#include "control/config_load.h"
#include "control/config_schema.h"
#include "control/jsonc.h"

/** A reference by id, resolved once all objects are known. */
struct config__pending {
    const struct jsonc_node *node;
    const void **slot;
    enum config_ref ref;
    struct sr_str id;
    struct config__pending *next;
};

struct config__load {
    struct config *config;
    struct jsonc_node *root;
    struct config_faults *faults;
    const struct config_load_options *options;
    struct sr_arena scratch;
    struct config__pending *pending;
    struct config_index contact_ids;
    bool has_plain_secret;
    bool is_full; /* an arena refused */
};

/** Adds a fault at a node. The message is formatted; `suggestion` may be empty. */
void config__fault(struct config__load *load, enum config_severity severity,
                   const struct jsonc_node *node, struct sr_str suggestion, const char *format, ...)
    SR_PRINTF(5, 6);
/** Adds a fault without a place in a tree. */
void config__fault_at(struct config_faults *faults, enum config_severity severity, uint32_t line,
                      uint32_t column, struct sr_str message, struct sr_str suggestion);
/** Formats a suggestion into the scratch arena. */
struct sr_str config__say(struct config__load *load, const char *format, ...) SR_PRINTF(2, 3);

/** Edit distance (with swaps of neighbours), at most `limit` + 1; ASCII case costs nothing. */
uint32_t config__distance(struct sr_str a, struct sr_str b, uint32_t limit);
/** Keeps the closest of several candidates: start with {0}. */
struct config__closest {
    struct sr_str best;
    uint32_t distance;
};
void config__closest_try(struct config__closest *closest, struct sr_str wanted,
                         struct sr_str candidate);
/** Appends "a", "b" or "c". */
void config__names_write(const char *const *names, struct sr_buf *out);

/** Checks the form of a text; true when fine, else a fault was added. */
bool config__format_check(struct config__load *load, const struct jsonc_node *node,
                          enum config_format format, struct sr_str text);
/** Address without port, or "" for none. */
bool config__is_ip(struct sr_str text);

/** Index of a kind of object. */
struct config_index *config__index(struct config__load *load, enum config_ref ref);
/** The node at a formatted pointer, or its nearest ancestor. */
const struct jsonc_node *config__node(struct config__load *load, const char *format, ...)
    SR_PRINTF(2, 3);

/** The clocks of the schedules, from the system's files. */
void config__load_zones(struct config__load *load);
/** The golden calls; only after everything else was found to be right. */
void config__run_golden(struct config__load *load);

/** Room for `count` things in the configuration itself; NULL: it is full, as `is_full` says then. */
void *config__take(struct config__load *load, size_t count, size_t bytes);

/** What only the whole can tell: overlaps, ports, conflicts; and, by the two below, all the rest. */
void config__check(struct config__load *load);
/** Routes, their fallbacks, and menus: where they lead, what can never match. */
void config__check_routes(struct config__load *load);
/** Keys without an effect where they stand, and files that are not there. */
void config__check_use(struct config__load *load);
/** Whether a written value says more than the key's default. */
bool config__says_something(const struct config_field *field, const struct jsonc_node *node);

#endif

/**
 * @file config_diff.h  What changed between two generations: for the reload's answer, and for those
 * who must act on it (registrar, providers).
 *
 * Layer:   control
 * Memory:  embedded; done frees
 * Thread:  re-entrant
 */
#ifndef SR_CONTROL_CONFIG_DIFF_H
#define SR_CONTROL_CONFIG_DIFF_H

#include "control/config_schema.h"

enum {
    CONFIG_CHANGES_MAX = 2000, /* further ones are only counted */
    CONFIG_CHANGES_BYTES_MAX = 1 << 20,
};

enum config_change_kind {
    CONFIG_CHANGED,
    CONFIG_ADDED,
    CONFIG_REMOVED,
};

struct config_change {
    enum config_change_kind kind;
    enum config_ref what;  /* kind of the object; CONFIG_REF_NONE: a setting outside such objects */
    struct sr_str id;      /* of the object */
    struct sr_str pointer; /* JSON pointer of the object or setting; in the old text for REMOVED */
    bool needs_restart;    /* x-restart: the running value stays until then */
};

struct config_diff { /* read-only */
    struct config_change *items;
    uint32_t count;
    uint32_t dropped;
    uint32_t restart_count;
    struct sr_arena arena;
};

void config_diff_init(struct config_diff *diff);
void config_diff_done(struct config_diff *diff);

/** Compares; `diff` must be inited and empty. Objects in lists are matched by id. */
void config_diff_run(struct config_diff *diff, const struct config *from, const struct config *to);

/** Appends {"changes": [{change, kind, id, pointer}], "restart": RESTART} as JSON; RESTART is such a list. */
void config_diff_write(const struct config_diff *diff, struct sr_str restart, struct sr_buf *out);
/** Appends the pointers that wait for a restart, a JSON list. */
void config_diff_write_restart(const struct config_diff *diff, struct sr_buf *out);

#endif

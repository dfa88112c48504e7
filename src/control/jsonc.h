/**
 * @file jsonc.h  JSON with comments: reading with places, editing by path with all other bytes kept.
 *
 * Accepted beside RFC 8259: line and block comments, and one comma after the last item. Not
 * accepted: duplicate keys, more than JSONC_DEPTH_MAX levels, more than JSONC_BYTES_MAX bytes,
 * invalid UTF-8, numbers that are no JSON numbers.
 *
 * Places are JSON pointers (RFC 6901). An edit changes the text only where it must: comments, blank
 * lines, indentation and order of everything else stay byte for byte.
 *
 * Memory:  the tree lies in the caller's arena and views the text: both must outlive it
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_CONTROL_JSONC_H
#define SR_CONTROL_JSONC_H

#include "base/arena.h"
#include "base/buf.h"

enum {
    JSONC_BYTES_MAX = 4 << 20,
    JSONC_DEPTH_MAX = 32,
    JSONC_ITEMS_MAX = 400000,         /* values in one text */
    JSONC_ARENA_BYTES_MAX = 96 << 20, /* enough for any accepted text */
    JSONC_POINTER_MAX = 512,          /* bytes of a pointer */
    JSONC_WHY_MAX = 160,
};

enum jsonc_type {
    JSONC_NULL,
    JSONC_BOOL,
    JSONC_NUMBER,
    JSONC_TEXT,
    JSONC_ARRAY,
    JSONC_OBJECT,
};

struct jsonc_node {
    enum jsonc_type type;
    bool is_true;      /* BOOL */
    bool is_integer;   /* NUMBER: fits int64 and has no fraction or exponent */
    uint32_t line;     /* of the value, from 1 */
    uint32_t column;   /* in bytes, from 1 */
    uint32_t key_line; /* of the key, or of the value in an array */
    uint32_t key_column;
    uint32_t index; /* place among its siblings */
    uint32_t count; /* ARRAY, OBJECT: children */
    int64_t integer;
    struct sr_str key;     /* decoded; empty in arrays and at the root */
    struct sr_str text;    /* TEXT: decoded, NUL-terminated behind */
    struct sr_str raw;     /* the value as it stands in the text */
    struct sr_str key_raw; /* the key with its quotes */
    const char *comma;     /* the comma behind the value, or NULL */
    struct jsonc_node *parent;
    struct jsonc_node *first; /* ARRAY, OBJECT: first child */
    struct jsonc_node *last;
    struct jsonc_node *next;      /* sibling */
    struct jsonc_node **elements; /* ARRAY: its children by place; NULL when it has none */
};

/** Where and why reading stopped. Filled on failure only. */
struct jsonc_diag {
    size_t offset;
    uint32_t line;   /* from 1 */
    uint32_t column; /* in bytes, from 1 */
    char why[JSONC_WHY_MAX];
};

/**
 * Reads a text.
 *
 * @return SR_OK
 *         SR_ERR_LIMIT   too long, too deep or too many values
 *         SR_ERR_SYNTAX  not JSON with comments
 */
SR_MUST_USE enum sr_err jsonc_parse(struct sr_str text, struct sr_arena *arena,
                                    struct jsonc_node **ret_root, struct jsonc_diag *reterr_diag);

/** The member of an object, or NULL (also when `object` is NULL or no object). */
struct jsonc_node *jsonc_member(const struct jsonc_node *object, struct sr_str key);
struct jsonc_node *jsonc_member_c(const struct jsonc_node *object, const char *key);
/** The value at a JSON pointer, or NULL. "" is the root. */
struct jsonc_node *jsonc_at(struct jsonc_node *root, struct sr_str pointer);
/** The value at a pointer, or the nearest ancestor that exists. */
struct jsonc_node *jsonc_nearest(struct jsonc_node *root, struct sr_str pointer);
/** Appends the JSON pointer of a value. */
void jsonc_pointer(const struct jsonc_node *node, struct sr_buf *out);
/** Appends one reference token, escaped (~0, ~1), with a slash before it. */
void jsonc_pointer_add(struct sr_buf *out, struct sr_str key);
/** Same values, whatever the order of keys, the spacing and the comments. */
bool jsonc_equal(const struct jsonc_node *a, const struct jsonc_node *b);
/** Appends strict JSON without comments and spaces. */
void jsonc_write(const struct jsonc_node *node, struct sr_buf *out);
/** "null", "boolean", "number", "text", "list", "object". */
const char *jsonc_type_name(enum jsonc_type type);

/* ---- edits: `out` gets the whole new text; on failure it is left as it was ------------------- */

/**
 * Sets the value at a pointer to `value` (JSON text): replaces it, or adds it as the last member of
 * its parent; "/list/-" appends to an array. Missing parents are made as objects.
 *
 * @return SR_OK
 *         SR_ERR_SYNTAX    text or value cannot be read (diag says which place of which)
 *         SR_ERR_NOTFOUND  the parent is no object or array, or the array has no such place
 *         SR_ERR_LIMIT     the new text would be too long
 */
SR_MUST_USE enum sr_err jsonc_set(struct sr_str text, struct sr_str pointer, struct sr_str value,
                                  struct sr_buf *out, struct jsonc_diag *reterr_diag);

/** Puts a value before the array element at the pointer. @return as jsonc_set */
SR_MUST_USE enum sr_err jsonc_insert(struct sr_str text, struct sr_str pointer, struct sr_str value,
                                     struct sr_buf *out, struct jsonc_diag *reterr_diag);

/** Removes the member or element at a pointer (not the root). @return as jsonc_set */
SR_MUST_USE enum sr_err jsonc_remove(struct sr_str text, struct sr_str pointer, struct sr_buf *out,
                                     struct jsonc_diag *reterr_diag);

/** RFC 7396: applies a merge patch, changing only the bytes it speaks of. @return as jsonc_set */
SR_MUST_USE enum sr_err jsonc_merge(struct sr_str text, struct sr_str patch, struct sr_buf *out,
                                    struct jsonc_diag *reterr_diag);

/**
 * Makes the text mean the same as `target`, changing only what differs: members are compared by
 * key, elements of arrays by their "id" where they have one, else by place.
 *
 * @return as jsonc_set
 */
SR_MUST_USE enum sr_err jsonc_become(struct sr_str text, const struct jsonc_node *target,
                                     struct sr_buf *out, struct jsonc_diag *reterr_diag);

#endif

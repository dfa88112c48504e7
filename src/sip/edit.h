/**
 * @file edit.h  A received message written again with changes: untouched headers byte for byte.
 *
 * Operations are collected over the unchanged message, then sip_edit_write renders it. Values given
 * are copied into the arena and made safe (no octet below 0x20).
 *
 * Layer:   pure
 * Memory:  everything in the caller's arena; the message must outlive the edit
 * Thread:  not shared
 */
#ifndef SR_SIP_EDIT_H
#define SR_SIP_EDIT_H

#include "base/arena.h"
#include "base/buf.h"
#include "sip/msg.h"

enum {
    SIP_EDIT_ITEMS_MAX = SIP_HEADERS_MAX + 64,
};

struct sip_edit_item;

struct sip_edit { /* fields are private */
    const struct sip_msg *msg;
    struct sr_arena *arena;
    struct sip_edit_item *items;
    uint16_t count;
    uint16_t cap;
    struct sr_str start; /* new start line; p == NULL: as it was */
    struct sr_str body;
    bool body_is_new;
    enum sr_err err;
};

/** An edit without changes: writing it gives the message back (without bytes behind the body). A message
    with a fault of structure is not written: lines that were not indexed would be lost. */
void sip_edit_init(struct sip_edit *edit, const struct sip_msg *msg, struct sr_arena *arena);

/** Another Request-URI (written already). For requests only. */
void sip_edit_uri(struct sip_edit *edit, struct sr_str uri);

/** Removes every line of that header. */
void sip_edit_remove(struct sip_edit *edit, enum sip_hdr id);
void sip_edit_remove_name(struct sip_edit *edit, struct sr_str name);
/** One line with this value in place of the first, others of that header are removed; added at the end when there was none. */
void sip_edit_set(struct sip_edit *edit, enum sip_hdr id, struct sr_str value);
/** Adds a line before the first of that header (at the top when there is none), or at the end. */
void sip_edit_add_first(struct sip_edit *edit, enum sip_hdr id, struct sr_str value);
void sip_edit_add(struct sip_edit *edit, enum sip_hdr id, struct sr_str value);
void sip_edit_add_name(struct sip_edit *edit, struct sr_str name, struct sr_str value);
/** Removes the first value of a list header (top Via of a response, top Route), the line with it when it was the only one. */
void sip_edit_pop(struct sip_edit *edit, enum sip_hdr id);
/** Replaces the first value of a list header. */
void sip_edit_set_top(struct sip_edit *edit, enum sip_hdr id, struct sr_str value);
/** Another body: Content-Length follows; Content-Type is set, or removed when the body is empty. The
    body is borrowed until the write. */
void sip_edit_body(struct sip_edit *edit, struct sr_str content_type, struct sr_str body);

/**
 * @return SR_OK
 *         SR_ERR_LIMIT   arena, item limit or buffer full
 *         SR_ERR_SYNTAX  a name or URI was not fit, or the message
 */
SR_MUST_USE enum sr_err sip_edit_write(struct sip_edit *edit, struct sr_buf *buf);

#endif

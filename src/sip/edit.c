#include "sip/edit.h"

#include "sip/build.h"

/* One line of the message to be: a header of the original, or new text. */
struct sip_edit_item {
    struct sr_str text; /* new line with its line end; p == NULL: the original's bytes */
    uint16_t index;     /* of the original header; UINT16_MAX: none */
    uint8_t id;
    bool is_removed;
};

enum {
    NO_INDEX = UINT16_MAX,
};

static void fail(struct sip_edit *edit, enum sr_err err)
{
    if (edit->err == SR_OK)
        edit->err = err;
}

void sip_edit_init(struct sip_edit *edit, const struct sip_msg *msg, struct sr_arena *arena)
{
    *edit = (struct sip_edit){.msg = msg, .arena = arena};
    edit->cap = SIP_EDIT_ITEMS_MAX;
    if (msg->header_count + 64u < SIP_EDIT_ITEMS_MAX)
        edit->cap = (uint16_t)(msg->header_count + 64u);
    edit->items = sr_arena_array(arena, edit->cap, sizeof *edit->items);
    if (!edit->items) {
        fail(edit, SR_ERR_LIMIT);
        return;
    }
    if (msg->fault_why)
        fail(edit, SR_ERR_SYNTAX);
    for (uint16_t i = 0; i < msg->header_count; i++)
        edit->items[i] = (struct sip_edit_item){.index = i, .id = msg->headers[i].id};
    edit->count = msg->header_count;
}

/* "name: head, safe value CR LF" in the arena; p == NULL when it is full. `tail` is the rest of a list. */
static struct sr_str make_line(struct sip_edit *edit, struct sr_str name, struct sr_str value,
                               struct sr_str tail)
{
    size_t size = name.n + value.n + tail.n + 8;
    struct sr_buf buf;
    char *text = sr_arena_alloc(edit->arena, size);
    if (!text) {
        fail(edit, SR_ERR_LIMIT);
        return sr_str_make(NULL, 0);
    }
    sr_buf_init_fixed(&buf, text, size);
    sr_buf_str(&buf, name);
    sr_buf_add(&buf, ": ", 2);
    sip_write_safe(value, &buf);
    if (tail.n) {
        sr_buf_add(&buf, ", ", 2);
        sip_write_safe(tail, &buf);
    }
    sr_buf_add(&buf, "\r\n", 2);
    return sr_buf_view(&buf);
}

static struct sr_str name_of(enum sip_hdr id)
{
    SR_ASSERT(id != SIP_HDR_OTHER);
    return sr_str_c(sip_header_name(id));
}

static struct sip_edit_item *find(struct sip_edit *edit, enum sip_hdr id)
{
    for (uint16_t i = 0; edit->items && i < edit->count; i++)
        if (edit->items[i].id == id && !edit->items[i].is_removed)
            return &edit->items[i];
    return NULL;
}

static void insert(struct sip_edit *edit, size_t at, enum sip_hdr id, struct sr_str line)
{
    if (!line.p || !edit->items)
        return;
    if (edit->count == edit->cap) {
        fail(edit, SR_ERR_LIMIT);
        return;
    }
    memmove(&edit->items[at + 1], &edit->items[at], (edit->count - at) * sizeof *edit->items);
    edit->items[at] = (struct sip_edit_item){.text = line, .index = NO_INDEX, .id = (uint8_t)id};
    edit->count++;
}

static bool is_uri_fit(struct sr_str uri)
{
    for (size_t i = 0; i < uri.n; i++)
        if ((uint8_t)uri.p[i] <= 0x20 || uri.p[i] == 0x7f)
            return false;
    return uri.n > 0;
}

void sip_edit_uri(struct sip_edit *edit, struct sr_str uri)
{
    SR_ASSERT(edit->msg->is_request);
    if (!is_uri_fit(uri)) {
        fail(edit, SR_ERR_SYNTAX);
        return;
    }
    edit->start = sr_arena_fmt(edit->arena, "%.*s %.*s SIP/2.0\r\n",
                               SR_STR_ARG(edit->msg->method_text), SR_STR_ARG(uri));
    if (!edit->start.p)
        fail(edit, SR_ERR_LIMIT);
}

void sip_edit_remove(struct sip_edit *edit, enum sip_hdr id)
{
    SR_ASSERT(id != SIP_HDR_OTHER);
    for (struct sip_edit_item *item = find(edit, id); item; item = find(edit, id))
        item->is_removed = true;
}

static struct sr_str item_name(const struct sip_edit *edit, const struct sip_edit_item *item)
{
    if (item->index != NO_INDEX)
        return sip_header_text(edit->msg, &edit->msg->headers[item->index]);
    return sr_str_head(item->text, sr_str_find(item->text, ':', 0));
}

void sip_edit_remove_name(struct sip_edit *edit, struct sr_str name)
{
    enum sip_hdr id = sip_header_of(name);
    if (id != SIP_HDR_OTHER) {
        sip_edit_remove(edit, id);
        return;
    }
    for (uint16_t i = 0; edit->items && i < edit->count; i++)
        if (edit->items[i].id == SIP_HDR_OTHER &&
            sr_str_ieq(item_name(edit, &edit->items[i]), name))
            edit->items[i].is_removed = true;
}

void sip_edit_set(struct sip_edit *edit, enum sip_hdr id, struct sr_str value)
{
    struct sip_edit_item *item = find(edit, id);
    if (!item) {
        sip_edit_add(edit, id, value);
        return;
    }
    struct sr_str line = make_line(edit, name_of(id), value, sr_str_make(NULL, 0));
    sip_edit_remove(edit, id);
    item->text = line;
    item->is_removed = line.p == NULL;
}

void sip_edit_add_first(struct sip_edit *edit, enum sip_hdr id, struct sr_str value)
{
    struct sip_edit_item *item = find(edit, id);
    insert(edit, item ? (size_t)(item - edit->items) : 0, id,
           make_line(edit, name_of(id), value, sr_str_make(NULL, 0)));
}

void sip_edit_add(struct sip_edit *edit, enum sip_hdr id, struct sr_str value)
{
    insert(edit, edit->count, id, make_line(edit, name_of(id), value, sr_str_make(NULL, 0)));
}

void sip_edit_add_name(struct sip_edit *edit, struct sr_str name, struct sr_str value)
{
    if (!sip_is_token(name)) {
        fail(edit, SR_ERR_SYNTAX);
        return;
    }
    insert(edit, edit->count, sip_header_of(name),
           make_line(edit, name, value, sr_str_make(NULL, 0)));
}

/* The value of a line, original or new. */
static struct sr_str item_value(const struct sip_edit *edit, const struct sip_edit_item *item)
{
    if (item->text.p)
        return sr_str_trim(sr_str_from(item->text, sr_str_find(item->text, ':', 0) + 1));
    return sip_header_value(edit->msg, &edit->msg->headers[item->index]);
}

/* The first line of that header that has a value, split into that value and the rest. */
static struct sip_edit_item *find_top(struct sip_edit *edit, enum sip_hdr id,
                                      struct sr_str *ret_rest)
{
    struct sip_edit_item *item = find(edit, id);
    struct sr_str top;
    for (; item; item = find(edit, id)) {
        *ret_rest = item_value(edit, item);
        if (sip_list_next(ret_rest, &top)) {
            *ret_rest = sr_str_trim(*ret_rest);
            return item;
        }
        item->is_removed = true;
    }
    return NULL;
}

void sip_edit_pop(struct sip_edit *edit, enum sip_hdr id)
{
    struct sr_str rest;
    struct sip_edit_item *item = find_top(edit, id, &rest);
    if (!item)
        return;
    if (!rest.n) {
        item->is_removed = true;
        return;
    }
    struct sr_str line = make_line(edit, name_of(id), rest, sr_str_make(NULL, 0));
    item->text = line;
    item->is_removed = line.p == NULL;
}

void sip_edit_set_top(struct sip_edit *edit, enum sip_hdr id, struct sr_str value)
{
    struct sr_str rest;
    struct sip_edit_item *item = find_top(edit, id, &rest);
    if (!item) {
        sip_edit_add_first(edit, id, value);
        return;
    }
    struct sr_str line = make_line(edit, name_of(id), value, rest);
    item->text = line;
    item->is_removed = line.p == NULL;
}

void sip_edit_body(struct sip_edit *edit, struct sr_str content_type, struct sr_str body)
{
    char digits[24];
    struct sr_buf buf;
    edit->body = body;
    edit->body_is_new = true;
    sr_buf_init_fixed(&buf, digits, sizeof digits);
    sr_buf_u64(&buf, body.n);
    sip_edit_set(edit, SIP_HDR_CONTENT_LENGTH, sr_buf_view(&buf));
    if (body.n)
        sip_edit_set(edit, SIP_HDR_CONTENT_TYPE, content_type);
    else
        sip_edit_remove(edit, SIP_HDR_CONTENT_TYPE);
}

enum sr_err sip_edit_write(struct sip_edit *edit, struct sr_buf *buf)
{
    const struct sip_msg *msg = edit->msg;
    if (edit->err != SR_OK)
        return edit->err;
    sr_buf_str(buf, edit->start.p ? edit->start : sr_str_head(msg->text, msg->start_len));
    for (uint16_t i = 0; i < edit->count; i++) {
        const struct sip_edit_item *item = &edit->items[i];
        if (item->is_removed)
            continue;
        bool is_new = item->text.p != NULL;
        sr_buf_str(buf, is_new ? item->text : sip_header_raw(msg, &msg->headers[item->index]));
    }
    sr_buf_add(buf, "\r\n", 2);
    sr_buf_str(buf, edit->body_is_new ? edit->body : msg->body);
    return sr_buf_err(buf);
}

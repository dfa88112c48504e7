#include "control/config_diff.h"

#include <stdio.h>

#include "base/json.h"

struct walk {
    struct config_diff *diff;
    char bytes[512];
    struct sr_buf pointer;
};

static bool objects_equal(const struct config_object *object, const char *a, const char *b);

void config_diff_init(struct config_diff *diff)
{
    memset(diff, 0, sizeof(*diff));
    sr_arena_init(&diff->arena, CONFIG_CHANGES_BYTES_MAX);
}

void config_diff_done(struct config_diff *diff)
{
    sr_arena_done(&diff->arena);
}

static const void *pointer_at(const char *base, size_t offset)
{
    const void *p;
    memcpy(&p, base + offset, sizeof(p));
    return p;
}

static uint32_t number_at(const char *base, size_t offset)
{
    uint32_t value;
    memcpy(&value, base + offset, sizeof(value));
    return value;
}

static struct sr_str text_at(const char *base, size_t offset)
{
    struct sr_str text;
    memcpy(&text, base + offset, sizeof(text));
    return text;
}

static bool texts_equal(const struct config_texts *a, const struct config_texts *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!sr_str_eq(a->items[i], b->items[i]))
            return false;
    }
    return true;
}

static bool choices_equal(const struct config_choices *a, const struct config_choices *b)
{
    return a->count == b->count && memcmp(a->items, b->items, a->count) == 0;
}

static bool cidrs_equal(const struct config_cidrs *a, const struct config_cidrs *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!sr_addr_ip_eq(&a->items[i].addr, &b->items[i].addr) ||
            a->items[i].bits != b->items[i].bits)
            return false;
    }
    return true;
}

static bool addrs_equal(const struct config_addrs *a, const struct config_addrs *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!sr_addr_eq(&a->items[i], &b->items[i]))
            return false;
    }
    return true;
}

static bool pairs_equal(const struct config_pairs *a, const struct config_pairs *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!sr_str_eq(a->items[i].name, b->items[i].name) ||
            !sr_str_eq(a->items[i].value, b->items[i].value))
            return false;
    }
    return true;
}

static bool features_equal(const struct config_features *a, const struct config_features *b)
{
    if (a->count != b->count || !sr_str_eq(a->in_call_transfer, b->in_call_transfer) ||
        !sr_str_eq(a->in_call_attended, b->in_call_attended))
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->items[i].kind != b->items[i].kind || !sr_str_eq(a->items[i].code, b->items[i].code))
            return false;
    }
    return true;
}

static bool patterns_equal(const struct pattern *a, const struct pattern *b)
{
    return a && b ? sr_str_eq(pattern_text(a), pattern_text(b)) : a == b;
}

static bool lists_equal(const struct config_field *field, const char *a, const char *b)
{
    uint32_t count = number_at(a, field->offset2);
    const char *left = pointer_at(a, field->offset);
    const char *right = pointer_at(b, field->offset);
    size_t bytes = field->object->bytes;
    if (count != number_at(b, field->offset2))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!objects_equal(field->object, left + i * bytes, right + i * bytes))
            return false;
    }
    return true;
}

static bool fields_equal(const struct config_field *field, const char *a, const char *b)
{
    const void *left = a + field->offset;
    const void *right = b + field->offset;
    switch ((enum config_kind)field->kind) {
    case CONFIG_KIND_OBJECT:
        return objects_equal(field->object, left, right);
    case CONFIG_KIND_LIST:
        return lists_equal(field, a, b);
    case CONFIG_KIND_BOOL:
        return *(const bool *)left == *(const bool *)right;
    case CONFIG_KIND_NUMBER:
    case CONFIG_KIND_CHOICE:
        return number_at(a, field->offset) == number_at(b, field->offset);
    case CONFIG_KIND_TEXT:
    case CONFIG_KIND_SECRET:
        return sr_str_eq(text_at(a, field->offset), text_at(b, field->offset));
    case CONFIG_KIND_PATTERN:
        return patterns_equal(pointer_at(a, field->offset), pointer_at(b, field->offset));
    case CONFIG_KIND_TEXTS:
        return texts_equal(left, right);
    case CONFIG_KIND_CHOICES:
        return choices_equal(left, right);
    case CONFIG_KIND_CIDRS:
    case CONFIG_KIND_CIDR:
        return cidrs_equal(left, right);
    case CONFIG_KIND_ADDRS:
        return addrs_equal(left, right);
    case CONFIG_KIND_PAIRS:
        return pairs_equal(left, right);
    case CONFIG_KIND_FEATURES:
        return features_equal(left, right);
    }
    return false;
}

static bool objects_equal(const struct config_object *object, const char *a, const char *b)
{
    for (uint32_t i = 0; i < object->field_count; i++) {
        if (!fields_equal(&object->fields[i], a, b))
            return false;
    }
    return true;
}

static void add_change(struct walk *walk, enum config_change_kind kind, enum config_ref what,
                       struct sr_str id, bool needs_restart)
{
    struct config_diff *diff = walk->diff;
    if (!diff->items)
        diff->items = sr_arena_array(&diff->arena, CONFIG_CHANGES_MAX, sizeof(diff->items[0]));
    diff->restart_count += needs_restart;
    if (!diff->items || diff->count == CONFIG_CHANGES_MAX) {
        diff->dropped++;
        return;
    }
    struct config_change *change = &diff->items[diff->count++];
    *change = (struct config_change){.kind = kind, .what = what, .needs_restart = needs_restart};
    change->id = sr_arena_str(&diff->arena, id);
    change->pointer = sr_arena_str(&diff->arena, sr_buf_view(&walk->pointer));
}

static struct sr_str id_of(const struct config_object *object, const char *item)
{
    return text_at(item, config_field_find(object, SR_STR("id"))->offset);
}

/** The object with that id, `hint` tried first; NULL when there is none. */
static const char *find_by_id(const struct config_field *field, const char *base, struct sr_str id,
                              uint32_t hint)
{
    const char *items = pointer_at(base, field->offset);
    uint32_t count = number_at(base, field->offset2);
    for (uint32_t i = 0; i < count; i++) {
        const char *item = items + (size_t)((i + hint) % count) * field->object->bytes;
        if (sr_str_eq(id_of(field->object, item), id))
            return item;
    }
    return NULL;
}

static void diff_list(struct walk *walk, const struct config_field *field, const char *a,
                      const char *b)
{
    const struct config_object *object = field->object;
    enum config_ref what = (enum config_ref)object->ref;
    const char *old_items = pointer_at(a, field->offset);
    const char *new_items = pointer_at(b, field->offset);
    size_t len = walk->pointer.len;
    for (uint32_t i = 0; i < number_at(b, field->offset2); i++) {
        const char *item = new_items + i * object->bytes;
        const char *twin = find_by_id(field, a, id_of(object, item), i);
        sr_buf_fmt(&walk->pointer, "/%u", i);
        if (!twin)
            add_change(walk, CONFIG_ADDED, what, id_of(object, item), false);
        else if (!objects_equal(object, twin, item))
            add_change(walk, CONFIG_CHANGED, what, id_of(object, item), false);
        sr_buf_truncate(&walk->pointer, len);
    }
    for (uint32_t i = 0; i < number_at(a, field->offset2); i++) {
        const char *item = old_items + i * object->bytes;
        sr_buf_fmt(&walk->pointer, "/%u", i);
        if (!find_by_id(field, b, id_of(object, item), i))
            add_change(walk, CONFIG_REMOVED, what, id_of(object, item), false);
        sr_buf_truncate(&walk->pointer, len);
    }
}

/** A range that grows needs no restart: its ends are "min" and "max". */
static bool shrinks(const struct config_field *field, const char *a, const char *b)
{
    uint32_t before = number_at(a, field->offset);
    uint32_t after = number_at(b, field->offset);
    return strcmp(field->name, "min") == 0 ? after > before : after < before;
}

static void diff_object(struct walk *walk, const struct config_object *object, const char *a,
                        const char *b)
{
    for (uint32_t i = 0; i < object->field_count; i++) {
        const struct config_field *field = &object->fields[i];
        size_t len = walk->pointer.len;
        sr_buf_fmt(&walk->pointer, "/%s", field->name);
        if (field->kind == CONFIG_KIND_OBJECT) {
            diff_object(walk, field->object, a + field->offset, b + field->offset);
        } else if (field->kind == CONFIG_KIND_LIST && field->object->ref != CONFIG_REF_NONE) {
            diff_list(walk, field, a, b);
        } else if (!fields_equal(field, a, b)) {
            bool restart = (field->flags & CONFIG_RESTART) ||
                           ((field->flags & CONFIG_RESTART_SHRINK) && shrinks(field, a, b));
            add_change(walk, CONFIG_CHANGED, CONFIG_REF_NONE, SR_STR(""), restart);
        }
        sr_buf_truncate(&walk->pointer, len);
    }
}

void config_diff_run(struct config_diff *diff, const struct config *from, const struct config *to)
{
    struct walk walk = {.diff = diff};
    sr_buf_init_fixed(&walk.pointer, walk.bytes, sizeof(walk.bytes));
    diff_object(&walk, &config_schema, (const char *)from, (const char *)to);
}

void config_diff_write(const struct config_diff *diff, struct sr_str restart, struct sr_buf *out)
{
    static const char *const kinds[] = {"changed", "added", "removed"};
    struct sr_json json;
    sr_json_begin(&json, out);
    sr_json_object(&json);
    sr_json_key_array(&json, "changes");
    for (uint32_t i = 0; i < diff->count; i++) {
        const struct config_change *change = &diff->items[i];
        sr_json_object(&json);
        sr_json_key_c(&json, "change", kinds[change->kind]);
        sr_json_key_c(&json, "kind",
                      change->what == CONFIG_REF_NONE ? "setting" : config_ref_name(change->what));
        if (change->id.n > 0)
            sr_json_key_str(&json, "id", change->id);
        sr_json_key_str(&json, "pointer", change->pointer);
        sr_json_end(&json);
    }
    sr_json_end(&json);
    sr_json_key(&json, "restart");
    sr_json_raw(&json, restart);
    sr_json_end(&json);
}

void config_diff_write_restart(const struct config_diff *diff, struct sr_buf *out)
{
    struct sr_json json;
    sr_json_begin(&json, out);
    sr_json_array(&json);
    for (uint32_t i = 0; i < diff->count; i++) {
        if (diff->items[i].needs_restart)
            sr_json_str(&json, diff->items[i].pointer);
    }
    sr_json_end(&json);
}

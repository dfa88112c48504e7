/* Edits of a text with comments: planned over the tree of the old text as (offset, remove, put),
   then applied in one pass, so that everything else stays byte for byte. */
#include <stdlib.h>

#include "base/alloc.h"
#include "control/jsonc.h"

enum {
    INLINE_BYTES_MAX = 72, /* a longer object or list is written over several lines */
    INDENT_UNIT_DEFAULT = 2,
};

struct edit {
    size_t at;
    size_t remove;
    struct sr_str put;
    uint32_t order; /* edits at one place keep the order they were planned in */
};

/** A new item of a container, behind the old child `after` (NULL: before the first). */
struct add {
    const struct jsonc_node *after;
    struct sr_str key_raw; /* empty in arrays */
    const struct jsonc_node *value;
    bool strips_nulls;
    struct add *next;
};

/** What shall happen to one container. */
struct plan {
    const struct jsonc_node *node;
    bool *is_gone; /* per child */
    struct add *first;
    struct add *last;
};

struct editor {
    struct sr_str text;
    struct jsonc_node *root;
    struct sr_arena arena;
    struct edit *edits;
    uint32_t count;
    uint32_t cap;
    size_t unit;  /* spaces per level; 0: a tab */
    bool is_full; /* the arena refused */
};

static void plan_value(struct editor *editor, const struct jsonc_node *old,
                       const struct jsonc_node *new);

/* ---- small helpers --------------------------------------------------------------------------- */

static size_t offset_of(const struct editor *editor, const char *p)
{
    return (size_t)(p - editor->text.p);
}

static size_t value_end(const struct editor *editor, const struct jsonc_node *node)
{
    return offset_of(editor, node->raw.p) + node->raw.n;
}

static size_t item_start(const struct editor *editor, const struct jsonc_node *node)
{
    return offset_of(editor, node->key_raw.p ? node->key_raw.p : node->raw.p);
}

static char byte_at(const struct editor *editor, size_t at)
{
    return at < editor->text.n ? editor->text.p[at] : '\0';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static size_t line_start(const struct editor *editor, size_t at)
{
    while (at > 0 && editor->text.p[at - 1] != '\n')
        at--;
    return at;
}

/** The spaces and tabs a line begins with. */
static struct sr_str line_indent(const struct editor *editor, size_t at)
{
    size_t begin = line_start(editor, at);
    size_t end = begin;
    while (byte_at(editor, end) == ' ' || byte_at(editor, end) == '\t')
        end++;
    return sr_str_make(editor->text.p + begin, end - begin);
}

/** Nothing but spaces stands before `at` on its line. */
static bool is_first_on_line(const struct editor *editor, size_t at)
{
    return line_start(editor, at) + line_indent(editor, at).n == at;
}

static size_t skip_spaces(const struct editor *editor, size_t at)
{
    while (is_space(byte_at(editor, at)))
        at++;
    return at;
}

static void add_edit(struct editor *editor, size_t at, size_t remove, struct sr_str put)
{
    if (editor->count == editor->cap) {
        editor->cap = editor->cap ? editor->cap * 2 : 64;
        editor->edits = sr_realloc(editor->edits, editor->cap * sizeof(editor->edits[0]));
    }
    editor->edits[editor->count] = (struct edit){at, remove, put, editor->count};
    editor->count++;
}

/* ---- writing new values in the style of the file --------------------------------------------- */

static void put_indent(struct sr_buf *out, struct sr_str base, size_t unit, size_t level)
{
    sr_buf_str(out, base);
    for (size_t i = 0; i < level; i++) {
        if (unit == 0)
            sr_buf_char(out, '\t');
        for (size_t space = 0; space < unit; space++)
            sr_buf_char(out, ' ');
    }
}

struct style {
    struct sr_str base; /* indentation of the line the value begins on */
    size_t unit;
    bool strips_nulls;
};

static bool is_container(const struct jsonc_node *node)
{
    return node->type == JSONC_OBJECT || node->type == JSONC_ARRAY;
}

static void put_styled(struct sr_buf *out, const struct jsonc_node *node, const struct style *style,
                       size_t level)
{
    if (!is_container(node)) {
        sr_buf_str(out, node->raw);
        return;
    }
    bool is_object = node->type == JSONC_OBJECT;
    bool is_inline = node->raw.n <= INLINE_BYTES_MAX;
    struct style inner = *style;
    inner.strips_nulls = style->strips_nulls && is_object;
    sr_buf_char(out, is_object ? '{' : '[');
    bool has_item = false;
    for (const struct jsonc_node *child = node->first; child; child = child->next) {
        if (inner.strips_nulls && child->type == JSONC_NULL)
            continue;
        if (has_item)
            sr_buf_char(out, ',');
        if (!is_inline) {
            sr_buf_char(out, '\n');
            put_indent(out, style->base, style->unit, level + 1);
        } else if (has_item || is_object) {
            sr_buf_char(out, ' ');
        }
        has_item = true;
        if (is_object) {
            sr_buf_str(out, child->key_raw);
            sr_buf_c(out, ": ");
        }
        put_styled(out, child, &inner, level + 1);
    }
    if (has_item && !is_inline) {
        sr_buf_char(out, '\n');
        put_indent(out, style->base, style->unit, level);
    } else if (has_item && is_object) {
        sr_buf_char(out, ' ');
    }
    sr_buf_char(out, is_object ? '}' : ']');
}

/** Copies what a buffer built to the arena and ends the buffer. */
static struct sr_str keep(struct editor *editor, struct sr_buf *buf)
{
    struct sr_str text = sr_arena_str(&editor->arena, sr_buf_view(buf));
    if (sr_buf_err(buf) != SR_OK || !text.p)
        editor->is_full = true;
    sr_buf_done(buf);
    return text;
}

static void replace_value(struct editor *editor, const struct jsonc_node *old,
                          const struct jsonc_node *new, bool strips_nulls)
{
    struct sr_buf buf;
    size_t at = offset_of(editor, old->raw.p);
    struct style style = {line_indent(editor, at), editor->unit, strips_nulls};
    sr_buf_init(&buf, JSONC_BYTES_MAX);
    put_styled(&buf, new, &style, 0);
    add_edit(editor, at, old->raw.n, keep(editor, &buf));
}

/* ---- containers ------------------------------------------------------------------------------ */

static struct plan *plan_new(struct editor *editor, const struct jsonc_node *node)
{
    struct plan *plan = sr_arena_alloc(&editor->arena, sizeof(*plan));
    bool *is_gone = sr_arena_array(&editor->arena, (size_t)node->count + 1, sizeof(bool));
    if (!plan || !is_gone) {
        editor->is_full = true;
        return NULL;
    }
    plan->node = node;
    plan->is_gone = is_gone;
    return plan;
}

static struct add *plan_add(struct editor *editor, struct plan *plan,
                            const struct jsonc_node *after, const struct jsonc_node *value)
{
    struct add *add = sr_arena_alloc(&editor->arena, sizeof(*add));
    if (!add) {
        editor->is_full = true;
        return NULL;
    }
    add->after = after;
    add->key_raw = plan->node->type == JSONC_OBJECT ? value->key_raw : SR_STR("");
    add->value = value;
    if (plan->last)
        plan->last->next = add;
    else
        plan->first = add;
    plan->last = add;
    return add;
}

/** Where something may be put behind `at` without parting a comment from the item on its line. */
static size_t end_of_line_comments(const struct editor *editor, size_t at, bool *ret_needs_newline)
{
    *ret_needs_newline = false;
    for (;;) {
        size_t next = skip_spaces(editor, at);
        if (byte_at(editor, next) != '/')
            return at;
        if (byte_at(editor, next + 1) == '/') {
            while (next < editor->text.n && byte_at(editor, next) != '\n')
                next++;
            if (next > at && byte_at(editor, next - 1) == '\r')
                next--;
            *ret_needs_newline = true;
            return next;
        }
        size_t body = next + 2; /* the star of an opening is no part of a closing */
        struct sr_str rest = sr_str_from(editor->text, body);
        size_t close = body + sr_str_search(rest, SR_STR("*/"));
        if (close >= body + sr_str_find(rest, '\n', 0))
            return at;
        /* a comment before the next item on the same line belongs to that item */
        size_t behind = skip_spaces(editor, close + 2);
        char c = byte_at(editor, behind);
        if (c != '\n' && c != '/' && c != '}' && c != ']')
            return at;
        at = close + 2;
    }
}

static void remove_child(struct editor *editor, const struct jsonc_node *child, bool is_tail)
{
    size_t start = item_start(editor, child);
    size_t end = value_end(editor, child);
    if (child->comma) {
        size_t comma = offset_of(editor, child->comma);
        if (skip_spaces(editor, end) == comma) {
            end = comma + 1;
        } else { /* a comment or a line break stands between */
            add_edit(editor, comma, 1, SR_STR(""));
            add_edit(editor, start, end - start, SR_STR(""));
            return;
        }
    }
    size_t behind = skip_spaces(editor, end);
    if (is_first_on_line(editor, start) && byte_at(editor, behind) == '\n') {
        start = line_start(editor, start);
        end = behind + 1;
    } else if (is_tail && !is_first_on_line(editor, start)) {
        while (is_space(editor->text.p[start - 1])) /* an opening bracket stands before at least */
            start--;
    } else if (!is_tail && byte_at(editor, behind) != '\n') {
        end = behind;
    }
    add_edit(editor, start, end - start, SR_STR(""));
}

/** Whether items of the container stand on lines of their own. */
static bool is_multi_line(const struct editor *editor, const struct plan *plan)
{
    if (plan->node->last)
        return is_first_on_line(editor, item_start(editor, plan->node->last));
    if (memchr(plan->node->raw.p, '\n', plan->node->raw.n))
        return true;
    for (const struct add *add = plan->first; add; add = add->next) {
        if (add->key_raw.n + add->value->raw.n > INLINE_BYTES_MAX ||
            add->value->type == JSONC_OBJECT)
            return true;
    }
    return false;
}

static void put_add(struct editor *editor, const struct add *add, struct sr_str indent,
                    struct sr_buf *out)
{
    struct style style = {indent, editor->unit, add->strips_nulls};
    if (add->key_raw.n > 0) {
        sr_buf_str(out, add->key_raw);
        sr_buf_c(out, ": ");
    }
    put_styled(out, add->value, &style, 0);
}

/** Indentation for new items of a container over several lines. */
static struct sr_str item_indent(struct editor *editor, const struct jsonc_node *node)
{
    if (node->last && is_first_on_line(editor, item_start(editor, node->last)))
        return line_indent(editor, item_start(editor, node->last));
    struct sr_buf buf;
    sr_buf_init(&buf, JSONC_BYTES_MAX);
    put_indent(&buf, line_indent(editor, offset_of(editor, node->raw.p)), editor->unit, 1);
    return keep(editor, &buf);
}

/** All items that come behind `anchor` (NULL: behind the opening bracket), as one edit. */
static void write_adds(struct editor *editor, const struct plan *plan,
                       const struct jsonc_node *anchor, struct add *first, struct add *end,
                       bool is_last)
{
    const struct jsonc_node *node = plan->node;
    bool lines = is_multi_line(editor, plan);
    bool had_trailing_comma = node->last && node->last->comma;
    bool breaks = false;
    size_t at = offset_of(editor, node->raw.p) + 1;
    if (anchor)
        at = anchor->comma ? offset_of(editor, anchor->comma) + 1 : value_end(editor, anchor);
    at = end_of_line_comments(editor, at, &breaks);
    struct sr_str indent = lines || breaks ? item_indent(editor, node)
                                           : line_indent(editor, offset_of(editor, node->raw.p));
    struct sr_buf buf;
    sr_buf_init(&buf, JSONC_BYTES_MAX);
    for (struct add *add = first; add != end; add = add->next) {
        if (lines || (breaks && add == first)) {
            sr_buf_char(&buf, '\n');
            sr_buf_str(&buf, indent);
        } else if (anchor || add != first || node->type == JSONC_OBJECT) {
            sr_buf_char(&buf, ' ');
        }
        put_add(editor, add, indent, &buf);
        if (add->next != end || !is_last || (had_trailing_comma && lines))
            sr_buf_char(&buf, ',');
    }
    char behind = byte_at(editor, at);
    if (node->last && !anchor && !lines && !is_space(behind) && behind != '\n')
        sr_buf_char(&buf, ' ');
    if (!node->last && lines && skip_spaces(editor, at) + 1 == value_end(editor, node)) {
        sr_buf_char(&buf, '\n');
        sr_buf_str(&buf, line_indent(editor, offset_of(editor, node->raw.p)));
    } else if (!node->last && !lines && node->type == JSONC_OBJECT) {
        sr_buf_char(&buf, ' ');
    }
    add_edit(editor, at, 0, keep(editor, &buf));
}

static bool survives(const struct plan *plan, const struct jsonc_node *child)
{
    return child && !plan->is_gone[child->index];
}

/** Puts a comma behind a child that stays, or takes it away. */
static void fix_comma(struct editor *editor, const struct plan *plan,
                      const struct jsonc_node *child, bool has_more)
{
    bool trailing_wanted = plan->node->last->comma != NULL;
    if (has_more && !child->comma)
        add_edit(editor, value_end(editor, child), 0, SR_STR(","));
    else if (!has_more && child->comma && !trailing_wanted)
        add_edit(editor, offset_of(editor, child->comma), 1, SR_STR(""));
}

/** Turns the plan of one container into edits. Adds are in the order of their places. */
static void plan_apply(struct editor *editor, const struct plan *plan)
{
    const struct jsonc_node *last_kept = NULL;
    for (const struct jsonc_node *child = plan->node->first; child; child = child->next) {
        if (survives(plan, child))
            last_kept = child;
    }
    for (const struct jsonc_node *child = plan->node->first; child; child = child->next) {
        if (!survives(plan, child))
            remove_child(editor, child, !last_kept || child->index > last_kept->index);
    }
    struct add *add = plan->first;
    const struct jsonc_node *anchor = NULL;
    const struct jsonc_node *child = NULL; /* NULL: the place before the first */
    for (;;) {
        struct add *first = add;
        /* places of children that go are the place behind the last one kept */
        for (;;) {
            while (add && add->after == child)
                add = add->next;
            const struct jsonc_node *next = child ? child->next : plan->node->first;
            if (!next || survives(plan, next))
                break;
            child = next;
        }
        bool has_kept_behind = last_kept && (!anchor || anchor->index < last_kept->index);
        if (anchor)
            fix_comma(editor, plan, anchor, first != NULL || has_kept_behind);
        if (first != add)
            write_adds(editor, plan, anchor, first, add, !add && !has_kept_behind);
        child = child ? child->next : plan->node->first;
        anchor = child;
        if (!child)
            break;
    }
    SR_ASSERT(!add);
}

static void plan_object(struct editor *editor, const struct jsonc_node *old,
                        const struct jsonc_node *new)
{
    struct plan *plan = plan_new(editor, old);
    if (!plan)
        return;
    for (const struct jsonc_node *child = old->first; child; child = child->next) {
        const struct jsonc_node *twin = jsonc_member(new, child->key);
        plan->is_gone[child->index] = !twin;
        if (twin)
            plan_value(editor, child, twin);
    }
    for (const struct jsonc_node *child = new->first; child; child = child->next) {
        if (!jsonc_member(old, child->key))
            (void)plan_add(editor, plan, old->last, child);
    }
    plan_apply(editor, plan);
}

static const struct jsonc_node *id_of(const struct jsonc_node *element)
{
    const struct jsonc_node *id = jsonc_member_c(element, "id");
    return id && id->type == JSONC_TEXT ? id : NULL;
}

static struct sr_str id_text(const struct jsonc_node *element)
{
    const struct jsonc_node *id = id_of(element);
    return id ? id->text : SR_STR("");
}

static bool all_have_ids(const struct jsonc_node *array)
{
    for (const struct jsonc_node *child = array->first; child; child = child->next) {
        if (!id_of(child))
            return false;
    }
    return array->first != NULL;
}

/** Elements matched by id; false (nothing planned) when the ones kept changed their order. */
static bool plan_array_by_id(struct editor *editor, const struct jsonc_node *old,
                             const struct jsonc_node *new)
{
    struct plan *plan = plan_new(editor, old);
    const struct jsonc_node **twins =
        sr_arena_array(&editor->arena, (size_t)old->count + 1, sizeof(*twins));
    if (!plan || !twins)
        return false;
    const struct jsonc_node *last = NULL;
    for (const struct jsonc_node *child = new->first; child; child = child->next) {
        const struct jsonc_node *match = last ? last->next : old->first;
        while (match && !sr_str_eq(id_text(match), id_text(child)))
            match = match->next;
        if (match) {
            twins[match->index] = child;
            last = match;
            continue;
        }
        for (const struct jsonc_node *seen = old->first; seen != (last ? last->next : NULL);
             seen = seen->next) {
            if (sr_str_eq(id_text(seen), id_text(child)))
                return false;
        }
        (void)plan_add(editor, plan, last, child);
    }
    for (const struct jsonc_node *child = old->first; child; child = child->next) {
        plan->is_gone[child->index] = !twins[child->index];
        if (twins[child->index])
            plan_value(editor, child, twins[child->index]);
    }
    plan_apply(editor, plan);
    return true;
}

/** Elements without ids: what is equal at both ends stays, the middle is changed place by place. */
static void plan_array_by_place(struct editor *editor, const struct jsonc_node *old,
                                const struct jsonc_node *new)
{
    struct plan *plan = plan_new(editor, old);
    struct jsonc_node *const *before = old->elements;
    struct jsonc_node *const *after = new->elements;
    if (!plan)
        return;
    uint32_t start = 0;
    uint32_t old_end = old->count;
    uint32_t new_end = new->count;
    while (start < old_end && start < new_end && jsonc_equal(before[start], after[start]))
        start++;
    while (old_end > start && new_end > start &&
           jsonc_equal(before[old_end - 1], after[new_end - 1])) {
        old_end--;
        new_end--;
    }
    uint32_t both_end = SR_MIN(old_end, new_end);
    for (uint32_t i = start; i < both_end; i++)
        plan_value(editor, before[i], after[i]);
    for (uint32_t i = both_end; i < old_end; i++)
        plan->is_gone[i] = true;
    for (uint32_t i = both_end; i < new_end; i++)
        (void)plan_add(editor, plan, both_end > 0 ? before[both_end - 1] : NULL, after[i]);
    plan_apply(editor, plan);
}

static void plan_value(struct editor *editor, const struct jsonc_node *old,
                       const struct jsonc_node *new)
{
    if (jsonc_equal(old, new))
        return;
    if (old->type == JSONC_OBJECT && new->type == JSONC_OBJECT) {
        plan_object(editor, old, new);
    } else if (old->type == JSONC_ARRAY && new->type == JSONC_ARRAY) {
        if (!all_have_ids(old) || !all_have_ids(new))
            plan_array_by_place(editor, old, new);
        else if (!plan_array_by_id(editor, old, new))
            replace_value(editor, old, new, false);
    } else {
        replace_value(editor, old, new, false);
    }
}

static void plan_merge(struct editor *editor, const struct jsonc_node *old,
                       const struct jsonc_node *patch)
{
    if (patch->type != JSONC_OBJECT) {
        plan_value(editor, old, patch);
        return;
    }
    if (old->type != JSONC_OBJECT) {
        replace_value(editor, old, patch, true);
        return;
    }
    struct plan *plan = plan_new(editor, old);
    if (!plan)
        return;
    for (const struct jsonc_node *child = patch->first; child; child = child->next) {
        const struct jsonc_node *member = jsonc_member(old, child->key);
        if (child->type == JSONC_NULL) {
            if (member)
                plan->is_gone[member->index] = true;
        } else if (member) {
            plan_merge(editor, member, child);
        } else {
            struct add *add = plan_add(editor, plan, old->last, child);
            if (add)
                add->strips_nulls = true;
        }
    }
    plan_apply(editor, plan);
}

/* ---- begin and end of an edit ---------------------------------------------------------------- */

/** Indentation of the file: that of the first item on a line of its own. */
static size_t find_unit(const struct editor *editor)
{
    const struct jsonc_node *item = editor->root->first;
    if (!item || !is_first_on_line(editor, item_start(editor, item)))
        return INDENT_UNIT_DEFAULT;
    struct sr_str indent = line_indent(editor, item_start(editor, item));
    if (indent.n > 0 && indent.p[0] == '\t')
        return 0;
    return indent.n >= 1 && indent.n <= 8 ? indent.n : INDENT_UNIT_DEFAULT;
}

static enum sr_err editor_open(struct editor *editor, struct sr_str text,
                               struct jsonc_diag *reterr_diag)
{
    *editor = (struct editor){.text = text};
    sr_arena_init(&editor->arena, (size_t)JSONC_ARENA_BYTES_MAX * 3);
    enum sr_err err = jsonc_parse(text, &editor->arena, &editor->root, reterr_diag);
    if (!err)
        editor->unit = find_unit(editor);
    return err;
}

static void editor_done(struct editor *editor)
{
    sr_free(editor->edits);
    sr_arena_done(&editor->arena);
}

static int compare_edits(const void *a, const void *b)
{
    const struct edit *left = a;
    const struct edit *right = b;
    if (left->at != right->at)
        return left->at < right->at ? -1 : 1;
    /* what is put in comes before what is taken away at the same place */
    if ((left->remove == 0) != (right->remove == 0))
        return left->remove == 0 ? -1 : 1;
    return left->order < right->order ? -1 : 1;
}

static enum sr_err fail(struct jsonc_diag *reterr_diag, enum sr_err err, const char *why)
{
    if (reterr_diag) {
        *reterr_diag = (struct jsonc_diag){.line = 1, .column = 1};
        (void)sr_str_copy(sr_str_c(why), reterr_diag->why, sizeof(reterr_diag->why));
    }
    return err;
}

static enum sr_err editor_apply(struct editor *editor, struct sr_buf *out,
                                struct jsonc_diag *reterr_diag)
{
    struct sr_buf result;
    struct sr_arena arena;
    struct jsonc_node *root;
    if (editor->is_full)
        return fail(reterr_diag, SR_ERR_LIMIT, "the change is too large");
    if (editor->count > 1)
        qsort(editor->edits, editor->count, sizeof(editor->edits[0]), compare_edits);
    sr_buf_init(&result, JSONC_BYTES_MAX);
    size_t at = 0;
    for (uint32_t i = 0; i < editor->count; i++) {
        const struct edit *edit = &editor->edits[i];
        SR_ASSERT(edit->at >= at);
        sr_buf_add(&result, editor->text.p + at, edit->at - at);
        sr_buf_str(&result, edit->put);
        at = edit->at + edit->remove;
    }
    sr_buf_add(&result, editor->text.p + at, editor->text.n - at);
    enum sr_err err = sr_buf_err(&result);
    if (err) {
        (void)fail(reterr_diag, err, "the new text would be too long");
    } else {
        /* never hand out a text that could not be read again (depth, number of values) */
        sr_arena_init(&arena, JSONC_ARENA_BYTES_MAX);
        err = jsonc_parse(sr_buf_view(&result), &arena, &root, reterr_diag);
        sr_arena_done(&arena);
    }
    size_t before = out->len;
    if (!err) {
        sr_buf_str(out, sr_buf_view(&result));
        if (sr_buf_err(out) != SR_OK) {
            sr_buf_truncate(out, before);
            err = fail(reterr_diag, SR_ERR_LIMIT, "the new text would be too long");
        }
    }
    sr_buf_done(&result);
    return err;
}

/** `value` inside objects for the missing parents: "/b/c" and 1 give {"b": {"c": 1}}. */
static enum sr_err wrap_value(struct editor *editor, struct sr_str missing, struct sr_str value,
                              const struct jsonc_node **ret_node, struct jsonc_diag *reterr_diag)
{
    struct sr_buf buf;
    struct jsonc_node *node = NULL;
    size_t levels = 0;
    sr_buf_init(&buf, (size_t)JSONC_BYTES_MAX * 2);
    struct sr_str rest = missing;
    while (rest.n > 0) {
        struct sr_str token;
        rest = sr_str_from(rest, 1);
        size_t end = sr_str_find(rest, '/', 0);
        token = sr_str_head(rest, end);
        rest = sr_str_from(rest, end);
        sr_buf_c(&buf, "{\"");
        for (size_t i = 0; i < token.n; i++) {
            unsigned char c = (unsigned char)token.p[i];
            if (c == '~' && i + 1 < token.n && (token.p[i + 1] == '0' || token.p[i + 1] == '1'))
                sr_buf_char(&buf, token.p[++i] == '0' ? '~' : '/');
            else if (c == '"' || c == '\\' || c < 0x20)
                sr_buf_fmt(&buf, "\\u%04x", c);
            else
                sr_buf_char(&buf, (char)c);
        }
        sr_buf_c(&buf, "\": ");
        levels++;
    }
    sr_buf_str(&buf, value);
    sr_buf_char(&buf, '\n'); /* the value may end with a line comment */
    for (size_t i = 0; i < levels; i++)
        sr_buf_char(&buf, '}');
    enum sr_err err = SR_ERR_LIMIT;
    struct sr_str text = keep(editor, &buf);
    if (editor->is_full)
        (void)fail(reterr_diag, err, "the change is too large");
    else
        err = jsonc_parse(text, &editor->arena, &node, reterr_diag);
    *ret_node = node;
    return err;
}

/** The part of `pointer` that names nothing in the tree yet. */
static struct sr_str missing_part(const struct jsonc_node *nearest, struct sr_str pointer)
{
    size_t tokens = 0;
    for (; nearest->parent; nearest = nearest->parent)
        tokens++;
    for (; tokens > 0; tokens--)
        pointer = sr_str_from(pointer, sr_str_find(pointer, '/', 1));
    return pointer;
}

static bool is_append(const struct jsonc_node *array, struct sr_str token)
{
    uint32_t index = 0;
    return sr_str_eq_c(token, "/-") ||
           (sr_str_u32(sr_str_from(token, 1), UINT32_MAX, &index) == SR_OK &&
            index == array->count);
}

static enum sr_err plan_set(struct editor *editor, struct sr_str pointer, struct sr_str value,
                            struct jsonc_diag *reterr_diag)
{
    const struct jsonc_node *node = NULL;
    if (pointer.n > JSONC_POINTER_MAX || (pointer.n > 0 && pointer.p[0] != '/'))
        return fail(reterr_diag, SR_ERR_NOTFOUND, "this is no JSON pointer");
    struct jsonc_node *nearest = jsonc_nearest(editor->root, pointer);
    struct sr_str missing = missing_part(nearest, pointer);
    if (missing.n > 0 && nearest->type == JSONC_ARRAY && is_append(nearest, missing))
        missing = SR_STR("");
    else if (missing.n == 0) {
        enum sr_err err = wrap_value(editor, missing, value, &node, reterr_diag);
        if (!err)
            plan_value(editor, nearest, node);
        return err;
    } else if (nearest->type != JSONC_OBJECT)
        return fail(reterr_diag, SR_ERR_NOTFOUND, "there is no such place");
    enum sr_err err = wrap_value(editor, missing, value, &node, reterr_diag);
    struct plan *plan = err ? NULL : plan_new(editor, nearest);
    if (plan) {
        (void)plan_add(editor, plan, nearest->last,
                       nearest->type == JSONC_OBJECT ? node->first : node);
        plan_apply(editor, plan);
    }
    return err;
}

enum sr_err jsonc_set(struct sr_str text, struct sr_str pointer, struct sr_str value,
                      struct sr_buf *out, struct jsonc_diag *reterr_diag)
{
    struct editor editor;
    enum sr_err err = editor_open(&editor, text, reterr_diag);
    if (!err)
        err = plan_set(&editor, pointer, value, reterr_diag);
    if (!err)
        err = editor_apply(&editor, out, reterr_diag);
    editor_done(&editor);
    return err;
}

static enum sr_err plan_insert(struct editor *editor, struct sr_str pointer, struct sr_str value,
                               struct jsonc_diag *reterr_diag)
{
    const struct jsonc_node *node = NULL;
    const struct jsonc_node *place = jsonc_at(editor->root, pointer);
    if (!place || !place->parent || place->parent->type != JSONC_ARRAY)
        return fail(reterr_diag, SR_ERR_NOTFOUND, "there is no such element of a list");
    enum sr_err err = wrap_value(editor, SR_STR(""), value, &node, reterr_diag);
    struct plan *plan = err ? NULL : plan_new(editor, place->parent);
    if (plan) {
        const struct jsonc_node *before = NULL;
        for (const struct jsonc_node *child = place->parent->first; child != place;
             child = child->next)
            before = child;
        (void)plan_add(editor, plan, before, node);
        plan_apply(editor, plan);
    }
    return err;
}

enum sr_err jsonc_insert(struct sr_str text, struct sr_str pointer, struct sr_str value,
                         struct sr_buf *out, struct jsonc_diag *reterr_diag)
{
    struct editor editor;
    enum sr_err err = editor_open(&editor, text, reterr_diag);
    if (!err)
        err = plan_insert(&editor, pointer, value, reterr_diag);
    if (!err)
        err = editor_apply(&editor, out, reterr_diag);
    editor_done(&editor);
    return err;
}

enum sr_err jsonc_remove(struct sr_str text, struct sr_str pointer, struct sr_buf *out,
                         struct jsonc_diag *reterr_diag)
{
    struct editor editor;
    enum sr_err err = editor_open(&editor, text, reterr_diag);
    if (!err) {
        const struct jsonc_node *node = jsonc_at(editor.root, pointer);
        struct plan *plan = node && node->parent ? plan_new(&editor, node->parent) : NULL;
        if (plan) {
            plan->is_gone[node->index] = true;
            plan_apply(&editor, plan);
        } else {
            err = fail(reterr_diag, SR_ERR_NOTFOUND, "there is nothing to remove at this place");
        }
    }
    if (!err)
        err = editor_apply(&editor, out, reterr_diag);
    editor_done(&editor);
    return err;
}

enum sr_err jsonc_merge(struct sr_str text, struct sr_str patch, struct sr_buf *out,
                        struct jsonc_diag *reterr_diag)
{
    struct editor editor;
    struct jsonc_node *root = NULL;
    enum sr_err err = editor_open(&editor, text, reterr_diag);
    if (!err)
        err = jsonc_parse(patch, &editor.arena, &root, reterr_diag);
    if (!err) {
        plan_merge(&editor, editor.root, root);
        err = editor_apply(&editor, out, reterr_diag);
    }
    editor_done(&editor);
    return err;
}

enum sr_err jsonc_become(struct sr_str text, const struct jsonc_node *target, struct sr_buf *out,
                         struct jsonc_diag *reterr_diag)
{
    struct editor editor;
    enum sr_err err = editor_open(&editor, text, reterr_diag);
    if (!err) {
        plan_value(&editor, editor.root, target);
        err = editor_apply(&editor, out, reterr_diag);
    }
    editor_done(&editor);
    return err;
}

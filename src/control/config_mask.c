#include "control/config_mask.h"

#include "control/config_schema.h"

#define MASK "{\"masked\":true}"

/** Names that mean a secret even where the table knows no such key. */
static bool name_is_secret(struct sr_str key)
{
    static const char *const names[] = {"password", "ha1", "pin", "secret", "token"};
    for (size_t i = 0; i < SR_ARRAY_LEN(names); i++) {
        if (sr_str_ieq_c(key, names[i]))
            return true;
    }
    return false;
}

static const struct config_object *object_behind(const struct config_field *field)
{
    return field ? field->object : NULL;
}

static bool is_secret(const struct config_field *field, struct sr_str key)
{
    return field ? field->kind == CONFIG_KIND_SECRET : name_is_secret(key);
}

/** postgresql://user:PASSWORD@host: the password inside a URL, or an empty view. */
static struct sr_str url_password(struct sr_str url)
{
    size_t scheme = sr_str_search(url, SR_STR("://"));
    struct sr_str rest = sr_str_from(url, scheme + 3);
    struct sr_str user = sr_str_head(rest, sr_str_find(rest, '/', 0));
    size_t at = user.n;
    while (at > 0 && user.p[at - 1] != '@')
        at--;
    size_t colon = sr_str_find(user, ':', 0);
    if (scheme == url.n || at == 0 || colon + 1 >= at)
        return SR_STR("");
    return sr_str_make(user.p + colon + 1, at - colon - 2);
}

static void write_masked(const struct jsonc_node *node, const struct config_object *object,
                         struct sr_buf *out)
{
    if (node->type == JSONC_ARRAY || node->type == JSONC_OBJECT) {
        bool is_object = node->type == JSONC_OBJECT;
        sr_buf_char(out, is_object ? '{' : '[');
        for (const struct jsonc_node *child = node->first; child; child = child->next) {
            const struct config_field *field =
                is_object && object ? config_field_find(object, child->key) : NULL;
            if (is_object) {
                sr_buf_str(out, child->key_raw);
                sr_buf_char(out, ':');
            }
            bool is_empty = child->type == JSONC_TEXT && child->text.n == 0;
            if (is_object && is_secret(field, child->key) && !is_empty)
                sr_buf_c(out, MASK);
            else
                write_masked(child, is_object ? object_behind(field) : object, out);
            if (child->next)
                sr_buf_char(out, ',');
        }
        sr_buf_char(out, is_object ? '}' : ']');
        return;
    }
    struct sr_str hidden = node->type == JSONC_TEXT ? url_password(node->raw) : SR_STR("");
    if (hidden.n > 0) {
        sr_buf_add(out, node->raw.p, (size_t)(hidden.p - node->raw.p));
        sr_buf_c(out, "***");
        sr_buf_str(out, sr_str_from(node->raw, (size_t)(hidden.p - node->raw.p) + hidden.n));
    } else {
        sr_buf_str(out, node->raw);
    }
}

enum sr_err config_mask_write(struct sr_str text, struct sr_buf *out,
                              struct jsonc_diag *reterr_diag)
{
    struct sr_arena arena;
    struct jsonc_node *root;
    sr_arena_init(&arena, JSONC_ARENA_BYTES_MAX);
    enum sr_err err = jsonc_parse(text, &arena, &root, reterr_diag);
    if (!err) {
        write_masked(root, &config_schema, out);
        err = sr_buf_err(out);
        if (err && reterr_diag)
            *reterr_diag =
                (struct jsonc_diag){.line = 1, .column = 1, .why = "the answer is too long"};
    }
    sr_arena_done(&arena);
    return err;
}

static bool is_masked(const struct jsonc_node *node)
{
    const struct jsonc_node *mask = jsonc_member_c(node, "masked");
    return mask && node->count == 1 && mask->type == JSONC_BOOL && mask->is_true;
}

static bool is_twin(const struct jsonc_node *old, const struct jsonc_node *element,
                    const struct jsonc_node *id)
{
    const struct jsonc_node *other = jsonc_member_c(old, "id");
    if (id && other && id->type == JSONC_TEXT && other->type == JSONC_TEXT)
        return sr_str_eq(id->text, other->text);
    return !id && !other && old->index == element->index;
}

/** The element of the old list that a new element stands for; looked for from `hint` on, round. */
static const struct jsonc_node *twin_of(const struct jsonc_node *old,
                                        const struct jsonc_node *element,
                                        const struct jsonc_node *hint)
{
    const struct jsonc_node *id = jsonc_member_c(element, "id");
    if (!old || old->type != JSONC_ARRAY)
        return NULL;
    for (const struct jsonc_node *child = hint; child; child = child->next) {
        if (is_twin(child, element, id))
            return child;
    }
    for (const struct jsonc_node *child = old->first; child != hint; child = child->next) {
        if (is_twin(child, element, id))
            return child;
    }
    return NULL;
}

/** The new text with what was masked taken from the old tree. */
static void write_unmasked(const struct jsonc_node *node, const struct jsonc_node *old,
                           struct sr_buf *out)
{
    if (old && is_masked(node)) {
        jsonc_write(old, out);
        return;
    }
    if (node->type != JSONC_ARRAY && node->type != JSONC_OBJECT) {
        /* a URL whose password was hidden comes back with three stars */
        struct sr_str stars = node->type == JSONC_TEXT ? url_password(node->raw) : SR_STR("");
        bool stays = old && old->type == JSONC_TEXT && sr_str_eq_c(stars, "***") &&
                     url_password(old->raw).n > 0;
        if (stays) {
            sr_buf_add(out, node->raw.p, (size_t)(stars.p - node->raw.p));
            sr_buf_str(out, url_password(old->raw));
            sr_buf_str(out, sr_str_from(node->raw, (size_t)(stars.p - node->raw.p) + stars.n));
        } else {
            sr_buf_str(out, node->raw);
        }
        return;
    }
    bool is_object = node->type == JSONC_OBJECT;
    const struct jsonc_node *hint = old ? old->first : NULL;
    sr_buf_char(out, is_object ? '{' : '[');
    for (const struct jsonc_node *child = node->first; child; child = child->next) {
        const struct jsonc_node *twin =
            is_object ? jsonc_member(old, child->key) : twin_of(old, child, hint);
        hint = twin ? twin->next : hint;
        if (is_object) {
            sr_buf_str(out, child->key_raw);
            sr_buf_char(out, ':');
        }
        write_unmasked(child, twin, out);
        if (child->next)
            sr_buf_char(out, ',');
    }
    sr_buf_char(out, is_object ? '}' : ']');
}

/** Reads both texts and gives the body without masks in `ret_body`. */
static enum sr_err unmask(struct sr_str text, struct sr_str body, struct sr_arena *arena,
                          struct sr_buf *ret_body, struct jsonc_diag *reterr_diag)
{
    struct jsonc_node *old;
    struct jsonc_node *new;
    enum sr_err err = jsonc_parse(text, arena, &old, reterr_diag);
    if (!err)
        err = jsonc_parse(body, arena, &new, reterr_diag);
    if (err)
        return err;
    write_unmasked(new, old, ret_body);
    return sr_buf_err(ret_body);
}

static enum sr_err change(struct sr_str text, struct sr_str body, bool is_patch, struct sr_buf *out,
                          struct jsonc_diag *reterr_diag)
{
    struct sr_arena arena;
    struct sr_buf whole;
    struct jsonc_node *target;
    if (reterr_diag)
        *reterr_diag = (struct jsonc_diag){.line = 1, .column = 1, .why = "the text is too long"};
    sr_arena_init(&arena, (size_t)JSONC_ARENA_BYTES_MAX * 3);
    sr_buf_init(&whole, (size_t)JSONC_BYTES_MAX * 2);
    enum sr_err err = unmask(text, body, &arena, &whole, reterr_diag);
    if (!err && is_patch) {
        err = jsonc_merge(text, sr_buf_view(&whole), out, reterr_diag);
    } else if (!err) {
        err = jsonc_parse(sr_buf_view(&whole), &arena, &target, reterr_diag);
        if (!err)
            err = jsonc_become(text, target, out, reterr_diag);
    }
    sr_buf_done(&whole);
    sr_arena_done(&arena);
    return err;
}

enum sr_err config_mask_put(struct sr_str text, struct sr_str body, struct sr_buf *out,
                            struct jsonc_diag *reterr_diag)
{
    return change(text, body, false, out, reterr_diag);
}

enum sr_err config_mask_patch(struct sr_str text, struct sr_str patch, struct sr_buf *out,
                              struct jsonc_diag *reterr_diag)
{
    return change(text, patch, true, out, reterr_diag);
}

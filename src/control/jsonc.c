#include "control/jsonc.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/hash.h"

struct reader {
    struct sr_str text;
    size_t at;
    uint32_t line;
    size_t line_start;
    uint32_t items;
    uint32_t depth;
    struct sr_arena *arena;
    struct jsonc_diag *diag;
};

static enum sr_err read_value(struct reader *reader, struct jsonc_node *node);

static SR_PRINTF(3, 4) enum sr_err
    stop(struct reader *reader, enum sr_err err, const char *format, ...)
{
    if (reader->diag) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(reader->diag->why, sizeof(reader->diag->why), format, args);
        va_end(args);
        reader->diag->offset = reader->at;
        reader->diag->line = reader->line;
        reader->diag->column = (uint32_t)(reader->at - reader->line_start + 1);
    }
    return err;
}

static enum sr_err stop_arena(struct reader *reader)
{
    return stop(reader, SR_ERR_LIMIT, "the text needs more memory than allowed");
}

/** The byte at the cursor, or -1 at the end. */
static int peek(const struct reader *reader)
{
    return reader->at < reader->text.n ? (unsigned char)reader->text.p[reader->at] : -1;
}

static int peek_next(const struct reader *reader)
{
    return reader->at + 1 < reader->text.n ? (unsigned char)reader->text.p[reader->at + 1] : -1;
}

static void step(struct reader *reader)
{
    if (reader->text.p[reader->at++] == '\n') {
        reader->line++;
        reader->line_start = reader->at;
    }
}

static enum sr_err skip_block_comment(struct reader *reader)
{
    struct reader begin = *reader;
    reader->at += 2;
    while (peek(reader) >= 0) {
        if (peek(reader) == '*' && peek_next(reader) == '/') {
            reader->at += 2;
            return SR_OK;
        }
        step(reader);
    }
    *reader = begin;
    return stop(reader, SR_ERR_SYNTAX, "this comment is never closed with */");
}

/** Spaces and comments. */
static enum sr_err skip_blank(struct reader *reader)
{
    for (;;) {
        int c = peek(reader);
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            step(reader);
        } else if (c == '/' && peek_next(reader) == '/') {
            while (peek(reader) >= 0 && peek(reader) != '\n')
                step(reader);
        } else if (c == '/' && peek_next(reader) == '*') {
            enum sr_err err = skip_block_comment(reader);
            if (err)
                return err;
        } else {
            return SR_OK;
        }
    }
}

static enum sr_err stop_unexpected(struct reader *reader, const char *wanted)
{
    int c = peek(reader);
    if (c < 0)
        return stop(reader, SR_ERR_SYNTAX, "the text ends here, but %s was expected", wanted);
    if (c == '\'')
        return stop(reader, SR_ERR_SYNTAX, "%s was expected; texts stand in double quotes", wanted);
    if (c < 0x20 || c >= 0x7f)
        return stop(reader, SR_ERR_SYNTAX, "%s was expected, not byte 0x%02x", wanted, (unsigned)c);
    return stop(reader, SR_ERR_SYNTAX, "%s was expected, not \"%c\"", wanted, c);
}

static size_t utf8_put(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    static const unsigned lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[len] | code);
    return len;
}

/** Four hex digits after the cursor's "\u"; moves past them. */
static bool read_hex4(struct reader *reader, uint32_t *ret_code)
{
    uint32_t code = 0;
    for (size_t i = 2; i < 6; i++) {
        int digit =
            reader->at + i < reader->text.n ? sr_hex_value(reader->text.p[reader->at + i]) : -1;
        if (digit < 0)
            return false;
        code = code << 4 | (uint32_t)digit;
    }
    reader->at += 6;
    *ret_code = code;
    return true;
}

/** An escape at the cursor; at most 4 bytes to out, never more than it took from the text. */
static enum sr_err read_escape(struct reader *reader, char *out, size_t *len)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    int c = peek_next(reader);
    const char *found = c > 0 ? strchr(from, c) : NULL;
    if (found) {
        out[(*len)++] = to[found - from];
        reader->at += 2;
        return SR_OK;
    }
    uint32_t code = 0;
    uint32_t low = 0;
    if (c != 'u' || !read_hex4(reader, &code))
        return stop(reader, SR_ERR_SYNTAX,
                    "this is no escape of JSON; a backslash is written \\\\");
    if (code >= 0xd800 && code <= 0xdbff && peek(reader) == '\\' && peek_next(reader) == 'u' &&
        read_hex4(reader, &low) && low >= 0xdc00 && low <= 0xdfff)
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    else if ((code >= 0xd800 && code <= 0xdfff) || low != 0)
        return stop(reader, SR_ERR_SYNTAX, "half of a surrogate pair is no character");
    if (code == 0)
        return stop(reader, SR_ERR_SYNTAX, "a text must not contain the character NUL");
    *len += utf8_put(out + *len, code);
    return SR_OK;
}

/** The end quote's offset, or text.n; escapes are only stepped over. */
static size_t find_quote(const struct reader *reader)
{
    size_t at = reader->at + 1;
    while (at < reader->text.n && reader->text.p[at] != '"' && reader->text.p[at] != '\n')
        at += reader->text.p[at] == '\\' ? 2 : 1;
    return SR_MIN(at, reader->text.n);
}

/** A text at the cursor's quote. */
static enum sr_err read_text(struct reader *reader, struct sr_str *ret_text, struct sr_str *ret_raw)
{
    size_t begin = reader->at;
    size_t len = 0;
    size_t close = find_quote(reader);
    if (close >= reader->text.n || reader->text.p[close] != '"')
        return stop(reader, SR_ERR_SYNTAX, "this text is never closed with a quote");
    char *out = sr_arena_alloc(reader->arena, close - begin);
    if (!out)
        return stop_arena(reader);
    reader->at++;
    while (reader->at < close) {
        const unsigned char *p = (const unsigned char *)reader->text.p + reader->at;
        if (*p == '\\') {
            enum sr_err err = read_escape(reader, out, &len);
            if (err)
                return err;
            continue;
        }
        size_t n =
            *p < 0x20 ? 0 : sr_utf8_char(sr_str_make((const char *)p, close - reader->at), NULL);
        if (n == 0)
            return stop(reader, SR_ERR_SYNTAX, "byte 0x%02x cannot stand in a text", *p);
        memcpy(out + len, p, n);
        len += n;
        reader->at += n;
    }
    SR_ASSERT(len < close - begin);
    out[len] = '\0';
    reader->at = close + 1;
    *ret_text = sr_str_make(out, len);
    *ret_raw = sr_str_make(reader->text.p + begin, reader->at - begin);
    return SR_OK;
}

static size_t take_digits(struct reader *reader)
{
    size_t begin = reader->at;
    while (peek(reader) >= '0' && peek(reader) <= '9')
        reader->at++;
    return reader->at - begin;
}

static void set_integer(struct jsonc_node *node)
{
    bool is_negative = node->raw.p[0] == '-';
    uint64_t value = 0;
    if (sr_str_u64(sr_str_from(node->raw, is_negative), INT64_MAX, &value) != SR_OK)
        return;
    node->is_integer = true;
    node->integer = is_negative ? -(int64_t)value : (int64_t)value;
}

static enum sr_err read_number(struct reader *reader, struct jsonc_node *node)
{
    size_t begin = reader->at;
    if (peek(reader) == '-')
        reader->at++;
    bool leads_zero = peek(reader) == '0';
    size_t digits = take_digits(reader);
    if (digits == 0 || (leads_zero && digits > 1)) {
        reader->at = begin;
        return stop(reader, SR_ERR_SYNTAX, "this is no number of JSON (no leading zero or plus)");
    }
    bool is_plain = true;
    if (peek(reader) == '.') {
        reader->at++;
        is_plain = false;
        if (take_digits(reader) == 0)
            return stop_unexpected(reader, "a digit");
    }
    if (peek(reader) == 'e' || peek(reader) == 'E') {
        reader->at++;
        is_plain = false;
        if (peek(reader) == '+' || peek(reader) == '-')
            reader->at++;
        if (take_digits(reader) == 0)
            return stop_unexpected(reader, "a digit");
    }
    node->type = JSONC_NUMBER;
    node->raw = sr_str_make(reader->text.p + begin, reader->at - begin);
    if (is_plain)
        set_integer(node);
    return SR_OK;
}

static enum sr_err read_word(struct reader *reader, struct jsonc_node *node)
{
    struct sr_str rest = sr_str_from(reader->text, reader->at);
    size_t n = 0;
    while (n < rest.n && (sr_is_alpha(rest.p[n]) || sr_is_digit(rest.p[n]) || rest.p[n] == '_'))
        n++;
    node->raw = sr_str_head(rest, n);
    if (sr_str_eq_c(node->raw, "null")) {
        node->type = JSONC_NULL;
    } else if (sr_str_eq_c(node->raw, "true") || sr_str_eq_c(node->raw, "false")) {
        node->type = JSONC_BOOL;
        node->is_true = n == 4;
    } else if (n > 0) {
        return stop(reader, SR_ERR_SYNTAX, "\"%.*s\" is no value; texts stand in double quotes",
                    (int)SR_MIN(n, 40u), node->raw.p);
    } else {
        return stop_unexpected(reader, "a value");
    }
    reader->at += n;
    return SR_OK;
}

static void append_child(struct jsonc_node *parent, struct jsonc_node *child)
{
    child->parent = parent;
    child->index = parent->count++;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

/** The key and colon of a member. */
static enum sr_err read_key(struct reader *reader, struct jsonc_node *child)
{
    if (peek(reader) != '"')
        return stop_unexpected(reader, "a key in double quotes or }");
    struct reader begin = *reader;
    child->key_line = reader->line;
    child->key_column = (uint32_t)(reader->at - reader->line_start + 1);
    enum sr_err err = read_text(reader, &child->key, &child->key_raw);
    if (err)
        return err;
    if (child->key.n > JSONC_POINTER_MAX / 4) {
        *reader = begin;
        return stop(reader, SR_ERR_LIMIT, "this key is too long");
    }
    err = skip_blank(reader);
    if (err)
        return err;
    if (peek(reader) != ':')
        return stop_unexpected(reader, "a colon");
    reader->at++;
    return skip_blank(reader);
}

/** Elements by their place: lists may be long, and are asked for one by one. */
static enum sr_err index_elements(struct reader *reader, struct jsonc_node *array)
{
    if (array->count == 0)
        return SR_OK;
    array->elements = sr_arena_array(reader->arena, array->count, sizeof(*array->elements));
    if (!array->elements)
        return stop_arena(reader);
    for (struct jsonc_node *child = array->first; child; child = child->next)
        array->elements[child->index] = child;
    return SR_OK;
}

/** Keys of one object are compared through a small open table: objects may have many keys. */
static enum sr_err check_duplicate_keys(struct reader *reader, const struct jsonc_node *object)
{
    if (object->count < 2)
        return SR_OK;
    size_t size = 4;
    while (size < (size_t)object->count * 2)
        size *= 2;
    const struct jsonc_node **table = sr_arena_array(reader->arena, size, sizeof(*table));
    if (!table)
        return stop_arena(reader);
    static const uint8_t hash_key[16] = "duplicate keys..";
    for (const struct jsonc_node *child = object->first; child; child = child->next) {
        size_t slot = (size_t)sr_siphash(hash_key, child->key.p, child->key.n) & (size - 1);
        uint32_t probes = 0;
        for (; table[slot]; slot = (slot + 1) & (size - 1)) {
            if (sr_str_eq(table[slot]->key, child->key)) {
                uint32_t line = table[slot]->key_line;
                reader->at = (size_t)(child->key_raw.p - reader->text.p);
                reader->line = child->key_line;
                reader->line_start = reader->at + 1 - child->key_column;
                return stop(reader, SR_ERR_SYNTAX,
                            "the key \"%.*s\" stands twice in this object (first on line %u)",
                            (int)SR_MIN(child->key.n, 60u), child->key.p, line);
            }
            if (++probes > 1000) /* keys aimed at one place of the table */
                return stop(reader, SR_ERR_LIMIT, "the keys of this object are too alike");
        }
        table[slot] = child;
    }
    return SR_OK;
}

static enum sr_err read_children(struct reader *reader, struct jsonc_node *node, char closer)
{
    bool is_object = closer == '}';
    reader->at++;
    for (;;) {
        enum sr_err err = skip_blank(reader);
        if (err)
            return err;
        if (peek(reader) == closer)
            break;
        if (node->last && !node->last->comma)
            return stop_unexpected(reader, is_object ? "a comma or }" : "a comma or ]");
        struct jsonc_node *child = sr_arena_alloc(reader->arena, sizeof(*child));
        if (!child)
            return stop_arena(reader);
        err = is_object ? read_key(reader, child) : SR_OK;
        if (!err)
            err = read_value(reader, child);
        if (!err)
            err = skip_blank(reader);
        if (err)
            return err;
        append_child(node, child);
        if (peek(reader) == ',') {
            child->comma = reader->text.p + reader->at;
            reader->at++;
        }
    }
    reader->at++;
    return is_object ? check_duplicate_keys(reader, node) : index_elements(reader, node);
}

static enum sr_err read_container(struct reader *reader, struct jsonc_node *node)
{
    bool is_object = peek(reader) == '{';
    size_t begin = reader->at;
    if (reader->depth >= JSONC_DEPTH_MAX)
        return stop(reader, SR_ERR_LIMIT, "more than %d levels of brackets", JSONC_DEPTH_MAX);
    reader->depth++;
    node->type = is_object ? JSONC_OBJECT : JSONC_ARRAY;
    enum sr_err err = read_children(reader, node, is_object ? '}' : ']');
    reader->depth--;
    if (!err)
        node->raw = sr_str_make(reader->text.p + begin, reader->at - begin);
    return err;
}

static enum sr_err read_value(struct reader *reader, struct jsonc_node *node)
{
    node->line = reader->line;
    node->column = (uint32_t)(reader->at - reader->line_start + 1);
    if (node->key_line == 0) {
        node->key_line = node->line;
        node->key_column = node->column;
    }
    if (++reader->items > JSONC_ITEMS_MAX)
        return stop(reader, SR_ERR_LIMIT, "more than %d values", JSONC_ITEMS_MAX);
    int c = peek(reader);
    if (c == '{' || c == '[')
        return read_container(reader, node);
    if (c == '"') {
        node->type = JSONC_TEXT;
        return read_text(reader, &node->text, &node->raw);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(reader, node);
    return read_word(reader, node);
}

enum sr_err jsonc_parse(struct sr_str text, struct sr_arena *arena, struct jsonc_node **ret_root,
                        struct jsonc_diag *reterr_diag)
{
    struct reader reader = {.text = text, .line = 1, .arena = arena, .diag = reterr_diag};
    if (text.n > JSONC_BYTES_MAX)
        return stop(&reader, SR_ERR_LIMIT, "the text is longer than %d MiB", JSONC_BYTES_MAX >> 20);
    if (sr_str_starts(text, SR_STR("\xef\xbb\xbf"))) {
        reader.at = 3; /* byte order mark of some editors */
        reader.line_start = 3;
    }
    struct jsonc_node *root = sr_arena_alloc(arena, sizeof(*root));
    if (!root)
        return stop_arena(&reader);
    enum sr_err err = skip_blank(&reader);
    if (!err)
        err = read_value(&reader, root);
    if (!err)
        err = skip_blank(&reader);
    if (err)
        return err;
    if (reader.at < text.n)
        return stop_unexpected(&reader, "the end of the text");
    *ret_root = root;
    return SR_OK;
}

/* ---- looking things up ----------------------------------------------------------------------- */

struct jsonc_node *jsonc_member(const struct jsonc_node *object, struct sr_str key)
{
    if (!object || object->type != JSONC_OBJECT)
        return NULL;
    for (struct jsonc_node *child = object->first; child; child = child->next) {
        if (sr_str_eq(child->key, key))
            return child;
    }
    return NULL;
}

struct jsonc_node *jsonc_member_c(const struct jsonc_node *object, const char *key)
{
    return jsonc_member(object, sr_str_c(key));
}

/** One reference token unescaped into `out`; false when it is too long. */
static bool unescape_token(struct sr_str token, char out[JSONC_POINTER_MAX], struct sr_str *ret_key)
{
    size_t len = 0;
    if (token.n >= JSONC_POINTER_MAX)
        return false;
    for (size_t i = 0; i < token.n; i++) {
        char c = token.p[i];
        if (c == '~' && i + 1 < token.n && (token.p[i + 1] == '0' || token.p[i + 1] == '1'))
            c = token.p[++i] == '0' ? '~' : '/';
        out[len++] = c;
    }
    *ret_key = sr_str_make(out, len);
    return true;
}

static struct jsonc_node *child_of(const struct jsonc_node *node, struct sr_str token)
{
    char buffer[JSONC_POINTER_MAX];
    struct sr_str key;
    uint32_t index = 0;
    if (!unescape_token(token, buffer, &key))
        return NULL;
    if (node->type == JSONC_OBJECT)
        return jsonc_member(node, key);
    if (node->type != JSONC_ARRAY || sr_str_u32(key, UINT32_MAX, &index) != SR_OK ||
        (key.n > 1 && key.p[0] == '0') || index >= node->count)
        return NULL;
    return node->elements[index];
}

/** As far as the pointer leads; *ret_rest is what remains of it. */
static struct jsonc_node *follow(struct jsonc_node *root, struct sr_str pointer,
                                 struct sr_str *ret_rest)
{
    struct jsonc_node *node = root;
    while (pointer.n > 0 && pointer.p[0] == '/') {
        size_t end = sr_str_find(pointer, '/', 1);
        struct jsonc_node *child = child_of(node, sr_str_make(pointer.p + 1, end - 1));
        if (!child)
            break;
        node = child;
        pointer = sr_str_from(pointer, end);
    }
    *ret_rest = pointer;
    return node;
}

struct jsonc_node *jsonc_at(struct jsonc_node *root, struct sr_str pointer)
{
    struct sr_str rest;
    struct jsonc_node *node = follow(root, pointer, &rest);
    return rest.n == 0 ? node : NULL;
}

struct jsonc_node *jsonc_nearest(struct jsonc_node *root, struct sr_str pointer)
{
    struct sr_str rest;
    return follow(root, pointer, &rest);
}

void jsonc_pointer_add(struct sr_buf *out, struct sr_str key)
{
    sr_buf_char(out, '/');
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '~')
            sr_buf_c(out, "~0");
        else if (key.p[i] == '/')
            sr_buf_c(out, "~1");
        else
            sr_buf_char(out, key.p[i]);
    }
}

void jsonc_pointer(const struct jsonc_node *node, struct sr_buf *out)
{
    const struct jsonc_node *path[JSONC_DEPTH_MAX + 1];
    size_t count = 0;
    for (; node->parent; node = node->parent) {
        SR_ASSERT(count < SR_ARRAY_LEN(path));
        path[count++] = node;
    }
    while (count > 0) {
        const struct jsonc_node *item = path[--count];
        if (item->parent->type == JSONC_OBJECT)
            jsonc_pointer_add(out, item->key);
        else
            sr_buf_fmt(out, "/%u", item->index);
    }
}

static bool children_equal(const struct jsonc_node *a, const struct jsonc_node *b)
{
    if (a->count != b->count)
        return false;
    const struct jsonc_node *other = b->first;
    for (const struct jsonc_node *child = a->first; child; child = child->next) {
        const struct jsonc_node *twin = other;
        /* usually in the same order; else looked up */
        if (a->type == JSONC_OBJECT && !sr_str_eq(twin->key, child->key))
            twin = jsonc_member(b, child->key);
        if (!twin || !jsonc_equal(child, twin))
            return false;
        other = other->next;
    }
    return true;
}

bool jsonc_equal(const struct jsonc_node *a, const struct jsonc_node *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case JSONC_NULL:
        return true;
    case JSONC_BOOL:
        return a->is_true == b->is_true;
    case JSONC_NUMBER:
        return a->is_integer && b->is_integer ? a->integer == b->integer
                                              : sr_str_eq(a->raw, b->raw);
    case JSONC_TEXT:
        return sr_str_eq(a->text, b->text);
    case JSONC_ARRAY:
    case JSONC_OBJECT:
        return children_equal(a, b);
    }
    return false;
}

void jsonc_write(const struct jsonc_node *node, struct sr_buf *out)
{
    if (node->type != JSONC_ARRAY && node->type != JSONC_OBJECT) {
        sr_buf_str(out, node->raw);
        return;
    }
    sr_buf_char(out, node->type == JSONC_OBJECT ? '{' : '[');
    for (const struct jsonc_node *child = node->first; child; child = child->next) {
        if (node->type == JSONC_OBJECT) {
            sr_buf_str(out, child->key_raw);
            sr_buf_char(out, ':');
        }
        jsonc_write(child, out);
        if (child->next)
            sr_buf_char(out, ',');
    }
    sr_buf_char(out, node->type == JSONC_OBJECT ? '}' : ']');
}

const char *jsonc_type_name(enum jsonc_type type)
{
    static const char *const names[] = {"null", "boolean", "number", "text", "list", "object"};
    return (size_t)type < SR_ARRAY_LEN(names) ? names[type] : "?";
}

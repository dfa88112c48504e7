/* Text for people: tables and safe lines. */
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "control/cli_internal.h"

enum {
    CLI_CELL_MAX = 48, /* of a column that others follow */
    CLI_LAST_MAX = 600,
    CLI_COLUMNS_MAX = 10,
};

void cli_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vfprintf(stdout, format, args);
    va_end(args);
}

void cli_complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
}

/* Characters that steer a terminal (C0, and C1, which it obeys as an escape) or turn a line around. */
static bool is_harmful(uint32_t code)
{
    return code < ' ' || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

void cli_say_safe(struct sr_str text, bool keeps_lines)
{
    for (size_t i = 0, n; i < text.n; i += SR_MAX(n, (size_t)1)) {
        uint32_t code = 0;

        n = sr_utf8_char(sr_str_from(text, i), &code);
        if (n > 0 && !is_harmful(code))
            (void)fwrite(text.p + i, 1, n, stdout);
        else if (text.p[i] == '\n' && keeps_lines)
            (void)fputc('\n', stdout);
        else if (text.p[i] != '\r')
            (void)fputc('?', stdout);
    }
}

static bool is_first_byte(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

/* Characters of UTF-8: as wide as they stand in most scripts. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += is_first_byte(*text);
    return width;
}

static const json_t *value_at(const json_t *item, const char *key)
{
    struct sr_str rest = sr_str_c(key), part;

    while (item != NULL && sr_str_split(&rest, '.', &part)) {
        char name[64];

        (void)sr_str_copy(part, name, sizeof(name));
        item = json_object_get(item, name);
    }
    return item;
}

/* At most so many bytes; what is longer ends with dots, at the end of a character. */
static void put_cut(struct sr_str text, size_t bytes_max, char out[CLI_LAST_MAX + 1])
{
    static const char dots[] = "...";
    size_t n = text.n;

    if (n > bytes_max) {
        n = bytes_max - (sizeof(dots) - 1);
        while (n > 0 && !is_first_byte(text.p[n]))
            n--;
    }
    memcpy(out, text.p, n);
    if (n < text.n)
        memcpy(out + n, dots, sizeof(dots));
    else
        out[n] = '\0';
}

static void write_cell(const json_t *value, bool is_last, char out[CLI_LAST_MAX + 1])
{
    struct sr_str text = SR_STR("-");
    char number[32];

    if (json_is_string(value))
        text = sr_str_c(json_string_value(value));
    else if (json_is_boolean(value))
        text = json_is_true(value) ? SR_STR("yes") : SR_STR("no");
    if (json_is_integer(value)) {
        (void)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
        text = sr_str_c(number);
    } else if (json_is_real(value)) {
        (void)snprintf(number, sizeof(number), "%.2f", json_real_value(value));
        text = sr_str_c(number);
    } else if (json_is_array(value)) {
        (void)snprintf(number, sizeof(number), "%zu", json_array_size(value));
        text = sr_str_c(number);
    }
    put_cut(text, is_last ? CLI_LAST_MAX : CLI_CELL_MAX, out);
}

static void say_padded(const char *text, size_t width, bool is_last)
{
    cli_say_safe(sr_str_c(text), false);
    for (size_t n = width_of(text); n < width + 2 && !is_last; n++)
        (void)fputc(' ', stdout);
}

/* A last column in which nobody has anything to say is left out. */
static bool is_empty(const json_t *items, const char *key)
{
    const json_t *item;
    size_t index;

    json_array_foreach(items, index, item)
    {
        const json_t *value = value_at(item, key);

        if (value != NULL && !json_is_null(value))
            return false;
    }
    return true;
}

void cli_table(const json_t *items, const struct cli_column *columns, size_t column_count)
{
    size_t widths[CLI_COLUMNS_MAX];
    char cell[CLI_LAST_MAX + 1];
    const json_t *item;
    size_t index;

    SR_ASSERT(column_count <= CLI_COLUMNS_MAX);
    if (column_count > 1 && is_empty(items, columns[column_count - 1].key))
        column_count--;
    for (size_t i = 0; i < column_count; i++) {
        widths[i] = strlen(columns[i].title);
        json_array_foreach(items, index, item)
        {
            write_cell(value_at(item, columns[i].key), i + 1 == column_count, cell);
            widths[i] = SR_MAX(widths[i], width_of(cell));
        }
    }
    for (size_t i = 0; i < column_count; i++)
        say_padded(columns[i].title, widths[i], i + 1 == column_count);
    (void)fputc('\n', stdout);
    json_array_foreach(items, index, item)
    {
        for (size_t i = 0; i < column_count; i++) {
            write_cell(value_at(item, columns[i].key), i + 1 == column_count, cell);
            say_padded(cell, widths[i], i + 1 == column_count);
        }
        (void)fputc('\n', stdout);
    }
}

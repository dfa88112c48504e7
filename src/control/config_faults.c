#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "control/config_internal.h"

enum {
    DISTANCE_TEXT_MAX = 64,
};

void config_faults_init(struct config_faults *faults)
{
    memset(faults, 0, sizeof(*faults));
    sr_arena_init(&faults->arena, CONFIG_FAULTS_BYTES_MAX);
}

void config_faults_done(struct config_faults *faults)
{
    sr_arena_done(&faults->arena);
}

const char *config_severity_name(enum config_severity severity)
{
    return severity == CONFIG_ERROR ? "error" : severity == CONFIG_WARNING ? "warning" : "notice";
}

static struct config_fault *fault_new(struct config_faults *faults, enum config_severity severity)
{
    if (severity == CONFIG_ERROR)
        faults->error_count++;
    else if (severity == CONFIG_WARNING)
        faults->warning_count++;
    else
        faults->notice_count++;
    if (faults->count < CONFIG_FAULTS_MAX)
        return &faults->items[faults->count++];
    faults->dropped++;
    /* an error is worth more than the last notice */
    for (uint32_t i = CONFIG_FAULTS_MAX; severity == CONFIG_ERROR && i > 0; i--) {
        if (faults->items[i - 1].severity != CONFIG_ERROR)
            return &faults->items[i - 1];
    }
    return NULL;
}

void config__fault_at(struct config_faults *faults, enum config_severity severity, uint32_t line,
                      uint32_t column, struct sr_str message, struct sr_str suggestion)
{
    struct config_fault *fault = fault_new(faults, severity);
    if (!fault)
        return;
    *fault = (struct config_fault){.severity = severity, .line = line, .column = column};
    fault->message = sr_arena_str(&faults->arena, message);
    fault->suggestion = sr_arena_str(&faults->arena, suggestion);
}

void config_faults_add(struct config_faults *faults, enum config_severity severity,
                       const char *pointer, const char *message, const char *suggestion)
{
    struct config_fault *fault = fault_new(faults, severity);

    if (!fault)
        return;
    *fault = (struct config_fault){.severity = severity};
    fault->pointer = sr_arena_str(&faults->arena, sr_str_c(pointer));
    fault->message = sr_arena_str(&faults->arena, sr_str_c(message));
    fault->suggestion = sr_arena_str(&faults->arena, sr_str_c(suggestion));
}

void config__fault(struct config__load *load, enum config_severity severity,
                   const struct jsonc_node *node, struct sr_str suggestion, const char *format, ...)
{
    struct config_fault *fault = fault_new(load->faults, severity);
    if (!fault)
        return;
    char text[512];
    char pointer_bytes[JSONC_POINTER_MAX * 2];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct sr_buf pointer;
    sr_buf_init_fixed(&pointer, pointer_bytes, sizeof(pointer_bytes));
    jsonc_pointer(node, &pointer);
    struct sr_arena *arena = &load->faults->arena;
    *fault = (struct config_fault){.severity = severity, .line = node->line};
    fault->column = node->column;
    fault->pointer = sr_arena_str(arena, sr_buf_view(&pointer));
    fault->message = sr_arena_str(arena, sr_str_c(text));
    fault->suggestion = sr_arena_str(arena, suggestion);
}

struct sr_str config__say(struct config__load *load, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return sr_arena_str(&load->scratch, sr_str_c(text));
}

uint32_t config__distance(struct sr_str a, struct sr_str b, uint32_t limit)
{
    uint32_t rows[3][DISTANCE_TEXT_MAX + 1];
    size_t apart = a.n > b.n ? a.n - b.n : b.n - a.n;
    if (apart > limit || a.n > DISTANCE_TEXT_MAX || b.n > DISTANCE_TEXT_MAX)
        return limit + 1;
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = rows[1][j] = (uint32_t)j;
    for (size_t i = 1; i <= a.n; i++) {
        uint32_t *row = rows[i % 3];
        const uint32_t *above = rows[(i + 2) % 3];
        const uint32_t *above2 = rows[(i + 1) % 3];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= b.n; j++) {
            uint32_t change = sr_lower(a.p[i - 1]) == sr_lower(b.p[j - 1]) ? 0 : 1;
            row[j] = SR_MIN(SR_MIN(above[j] + 1, row[j - 1] + 1), above[j - 1] + change);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                row[j] = SR_MIN(row[j], above2[j - 2] + 1);
        }
    }
    return SR_MIN(rows[a.n % 3][b.n], limit + 1);
}

void config__closest_try(struct config__closest *closest, struct sr_str wanted,
                         struct sr_str candidate)
{
    /* half of the letters may be wrong, else the guess would only confuse */
    uint32_t limit = (uint32_t)SR_MIN(SR_MAX(wanted.n, candidate.n) / 2, 6u);
    uint32_t distance = config__distance(wanted, candidate, limit);
    bool begins = wanted.n >= 3 && candidate.n > 0 && sr_str_istarts(candidate, wanted);
    if (distance > limit && !begins)
        return;
    if (!closest->best.p || distance < closest->distance) {
        closest->best = candidate;
        closest->distance = distance;
    }
}

void config__names_write(const char *const *names, struct sr_buf *out)
{
    for (size_t i = 0; names[i]; i++) {
        if (i > 0)
            sr_buf_c(out, names[i + 1] ? ", " : " or ");
        sr_buf_fmt(out, "\"%s\"", names[i]);
    }
}

void config_faults_write_text(const struct config_faults *faults, const char *path,
                              struct sr_buf *out)
{
    for (uint32_t i = 0; i < faults->count; i++) {
        const struct config_fault *fault = &faults->items[i];
        sr_buf_c(out, path);
        if (fault->line > 0)
            sr_buf_fmt(out, ":%u:%u", fault->line, fault->column);
        sr_buf_fmt(out, ": %s: ", config_severity_name(fault->severity));
        if (fault->pointer.n > 0)
            sr_buf_fmt(out, "%.*s: ", SR_STR_ARG(fault->pointer));
        sr_buf_str(out, fault->message);
        if (fault->suggestion.n > 0)
            sr_buf_fmt(out, " (%.*s)", SR_STR_ARG(fault->suggestion));
        sr_buf_char(out, '\n');
    }
    if (faults->dropped > 0)
        sr_buf_fmt(out, "%s: and %u more\n", path, faults->dropped);
}

void config_faults_write_json(const struct config_faults *faults, struct sr_buf *out)
{
    struct sr_json json;
    sr_json_begin(&json, out);
    sr_json_array(&json);
    for (uint32_t i = 0; i < faults->count; i++) {
        const struct config_fault *fault = &faults->items[i];
        sr_json_object(&json);
        sr_json_key_c(&json, "severity", config_severity_name(fault->severity));
        sr_json_key_str(&json, "pointer", fault->pointer);
        sr_json_key_int(&json, "line", fault->line);
        sr_json_key_int(&json, "column", fault->column);
        sr_json_key_str(&json, "message", fault->message);
        sr_json_key_str(&json, "suggestion", fault->suggestion);
        sr_json_end(&json);
    }
    sr_json_end(&json);
}

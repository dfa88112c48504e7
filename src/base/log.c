#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log_writer.h"

enum {
    LOG_LEVEL_OFF = SR_LOG_ERROR + 1
};

_Atomic int sr_log_levels[SR_LOG_PART_COUNT] = {
#define X(name, text) SR_LOG_INFO,
    SR_LOG_PART_MAP(X)
#undef X
};

static const char *const part_names[] = {
#define X(name, text) text,
    SR_LOG_PART_MAP(X)
#undef X
};
static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

static _Atomic bool log_is_json;
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static sr_log_sink_fn *sink_fn;
static void *sink_arg;

static enum sr_err set_one(struct sr_str spec)
{
    struct sr_str level = spec;
    struct sr_str part = {NULL, 0};
    size_t equals = sr_str_find(spec, '=', 0);
    int value = -1;
    bool is_known = false;

    if (equals < spec.n) {
        part = sr_str_trim(sr_str_head(spec, equals));
        level = sr_str_from(spec, equals + 1);
    }
    level = sr_str_trim(level);
    for (int i = 0; i <= LOG_LEVEL_OFF; i++) {
        if (sr_str_ieq_c(level, level_names[i]))
            value = i;
    }
    if (value < 0)
        return SR_ERR_SYNTAX;
    for (size_t i = 0; i < SR_LOG_PART_COUNT; i++) {
        if (equals == spec.n || sr_str_ieq_c(part, part_names[i])) {
            atomic_store_explicit(&sr_log_levels[i], value, memory_order_relaxed);
            is_known = true;
        }
    }
    return is_known ? SR_OK : SR_ERR_NOTFOUND;
}

enum sr_err sr_log_set(struct sr_str spec)
{
    struct sr_str one;

    if (spec.n == 0)
        return SR_ERR_SYNTAX;
    while (sr_str_split(&spec, ',', &one)) {
        enum sr_err err = set_one(one);

        if (err != SR_OK)
            return err;
    }
    return SR_OK;
}

void sr_log_set_json(bool is_json)
{
    atomic_store(&log_is_json, is_json);
}

void sr_log_set_sink(sr_log_sink_fn *sink, void *arg)
{
    pthread_mutex_lock(&sink_lock);
    sink_fn = sink;
    sink_arg = arg;
    pthread_mutex_unlock(&sink_lock);
}

/* How many lines of this place were swallowed before this one; -1: swallow this one too. */
static int64_t pass_rate(struct sr_log_site *site, int64_t second)
{
    int64_t last = atomic_exchange_explicit(&site->second, second, memory_order_relaxed);
    uint32_t count;

    if (last != second) {
        count = atomic_exchange_explicit(&site->count, 1, memory_order_relaxed);
        return count > SR_LOG_BURST ? (int64_t)count - SR_LOG_BURST : 0;
    }
    count = atomic_fetch_add_explicit(&site->count, 1, memory_order_relaxed) + 1;
    return count > SR_LOG_BURST ? -1 : 0;
}

static void write_out(enum sr_log_part part, enum sr_log_level level, struct sr_buf *line)
{
    sr_log_sink_fn *fn;
    void *arg;

    pthread_mutex_lock(&sink_lock);
    fn = sink_fn;
    arg = sink_arg;
    pthread_mutex_unlock(&sink_lock);
    if (fn != NULL) {
        fn(arg, part, level, sr_buf_view(line));
        return;
    }
    sr_buf_char(line, '\n');
    if (sr_log__queue(sr_buf_view(line)))
        return;
    /* nobody can be told when standard error is gone */
    if (write(STDERR_FILENO, line->data, line->len) < 0)
        return;
}

/* One line, one fact: a library's text with a line break in it must not look like two. */
static void make_one_line(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
    }
}

void sr_log_write(struct sr_log_site *site, enum sr_log_part part, enum sr_log_level level,
                  const char *format, ...)
{
    char text[SR_LOG_LINE_MAX];
    char array[2 * SR_LOG_LINE_MAX];
    char stamp[40];
    struct timespec wall;
    struct tm parts;
    struct sr_buf line;
    int64_t swallowed;
    va_list args;
    size_t n;

    clock_gettime(CLOCK_REALTIME, &wall);
    swallowed = pass_rate(site, wall.tv_sec);
    if (swallowed < 0)
        return;
    gmtime_r(&wall.tv_sec, &parts);
    n = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(stamp + n, sizeof(stamp) - n, ".%03ldZ", wall.tv_nsec / 1000000);
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    make_one_line(text);

    sr_buf_init_fixed(&line, array, sizeof(array));
    if (atomic_load(&log_is_json)) {
        struct sr_json json;

        sr_json_begin(&json, &line);
        sr_json_object(&json);
        sr_json_key_c(&json, "at", stamp);
        sr_json_key_c(&json, "level", level_names[level]);
        sr_json_key_c(&json, "part", part_names[part]);
        sr_json_key_c(&json, "text", text);
        if (swallowed > 0)
            sr_json_key_int(&json, "suppressed", swallowed);
        sr_json_end(&json);
    } else {
        sr_buf_fmt(&line, "%s %-5s %-5s ", stamp, level_names[level], part_names[part]);
        sr_buf_c(&line, text);
        if (swallowed > 0)
            sr_buf_fmt(&line, " suppressed=%lld", (long long)swallowed);
    }
    write_out(part, level, &line);
}

const char *sr_log_quote(struct sr_str text, char *out, size_t out_size)
{
    size_t at = 0;

    SR_ASSERT(out_size >= 8);
    out[at++] = '"';
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (at + 8 > out_size) {
            memcpy(out + at, "...", 3);
            at += 3;
            break;
        }
        if (c == '"' || c == '\\') {
            out[at++] = '\\';
            out[at++] = (char)c;
        } else if (c < 0x20 || c >= 0x7f) {
            at += (size_t)snprintf(out + at, 5, "\\x%02x", c);
        } else {
            out[at++] = (char)c;
        }
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}

/**
 * @file log.h  Log lines: level per part, key=value text or JSON, to standard error.
 *
 *     sr_log(HUB, WARN, "event=answer_failed call=%s err=%s", call_id, sr_err_name(err));
 *
 * The macro tests the level first, so arguments cost nothing when off. Lines are written whole (one
 * write call) and are rate-limited per call site: after SR_LOG_BURST lines in a second the rest is counted and
 * the count printed with the next line. Control characters become spaces: a line stays one line, whatever
 * a peer or a library puts into it. Pure layers (sip, media, rtc) and the media tick do not log.
 * Never log digest responses, keys, tokens or digits of an IVR.
 *
 * A program with calls starts the writer: then nobody who logs waits for the one who reads the log.
 *
 * Thread:  any
 */
#ifndef SR_BASE_LOG_H
#define SR_BASE_LOG_H

#include <stdatomic.h>

#include "base/str.h"

#define SR_LOG_PART_MAP(X)                                                                         \
    X(CORE, "core")                                                                                \
    X(SIP, "sip") X(HUB, "hub") X(MEDIA, "media") X(RTC, "rtc") X(API, "api") X(STORE, "store")

enum sr_log_part {
#define X(name, text) SR_LOG_##name,
    SR_LOG_PART_MAP(X)
#undef X
    SR_LOG_PART_COUNT
};

enum sr_log_level {
    SR_LOG_DEBUG,
    SR_LOG_INFO,
    SR_LOG_WARN,
    SR_LOG_ERROR,
};

enum {
    SR_LOG_LINE_MAX = 2048, /* bytes; the rest of a longer line is cut */
    SR_LOG_BURST = 50,      /* lines of one place in one second */
    SR_LOG_QUEUE_BYTES =
        256 * 1024, /* waiting for the writer; what comes on top is lost and counted */
};

struct sr_log_site { /* one per call of the macro; private */
    _Atomic int64_t second;
    _Atomic uint32_t count;
};

extern _Atomic int sr_log_levels[SR_LOG_PART_COUNT];

/** "debug" | "info" | "warn" | "error" | "off", for one part ("sip=debug") or all; lists by comma. */
SR_MUST_USE enum sr_err sr_log_set(struct sr_str spec);
void sr_log_set_json(bool is_json);
/** Sends lines elsewhere (tests); NULL restores standard error. */
typedef void sr_log_sink_fn(void *arg, enum sr_log_part part, enum sr_log_level level,
                            struct sr_str line);
void sr_log_set_sink(sr_log_sink_fn *sink, void *arg);

/**
 * From here on a thread of its own writes the lines, so that a log nobody reads (a full pipe, a stopped
 * terminal, a stalled disk) costs lines, counted and told later, and never a call.
 *
 * @return false: the system gives no thread; lines are written as before
 */
SR_MUST_USE bool sr_log_writer_start(void);
/** Waits, at most a second, until what waits is written; lines are then written as before. */
void sr_log_writer_stop(void);
/** Lines lost because the log was not read. */
uint64_t sr_log_lost(void);

void sr_log_write(struct sr_log_site *site, enum sr_log_part part, enum sr_log_level level,
                  const char *format, ...) SR_PRINTF(4, 5);

#define sr_log(part, level, ...)                                                                   \
    do {                                                                                           \
        if ((int)SR_LOG_##level >=                                                                 \
            atomic_load_explicit(&sr_log_levels[SR_LOG_##part], memory_order_relaxed)) {           \
            static struct sr_log_site sr_log_site_;                                                \
            sr_log_write(&sr_log_site_, SR_LOG_##part, SR_LOG_##level, __VA_ARGS__);               \
        }                                                                                          \
    } while (0)

/** Text of a peer made safe for a log line: quoted, controls escaped, cut at `out_size`. */
const char *sr_log_quote(struct sr_str text, char *out, size_t out_size);

#endif

/**
 * @file base.h  The words every file uses: errors, time, assertions, small macros.
 *
 * Layer:   ground (libc only)
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_BASE_BASE_H
#define SR_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SR_MUST_USE __attribute__((warn_unused_result))
#define SR_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#define SR_NORETURN __attribute__((noreturn))
#define SR_UNUSED __attribute__((unused))

#define SR_ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/** The object of type `type` whose member `member` is at `ptr`. */
#define SR_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define SR_MIN(a, b) ((a) < (b) ? (a) : (b))
#define SR_MAX(a, b) ((a) > (b) ? (a) : (b))

/** One list of errors for the whole program: the caller acts on the class, detail goes elsewhere. */
#define SR_ERR_MAP(X)                                                                              \
    X(LIMIT, 1, "a configured limit was reached")                                                  \
    X(AGAIN, 2, "not enough input yet")                                                            \
    X(SYNTAX, 3, "input is malformed")                                                             \
    X(PROTO, 4, "peer broke the protocol")                                                         \
    X(STATE, 5, "not allowed in this state")                                                       \
    X(NOTFOUND, 6, "no such object")                                                               \
    X(AUTH, 7, "authentication failed")                                                            \
    X(TIMEOUT, 8, "no reply in time")                                                              \
    X(IO, 9, "operating system refused")                                                           \
    X(UNSUPPORTED, 10, "not implemented for this input")                                           \
    X(EXISTS, 11, "exists already")

enum sr_err {
    SR_OK = 0,
#define X(name, value, text) SR_ERR_##name = -(value),
    SR_ERR_MAP(X)
#undef X
};

/** "LIMIT", "AGAIN"...; "OK" for SR_OK, "?" for anything unknown. Never NULL. */
const char *sr_err_name(enum sr_err err);
/** One plain sentence without a final stop. Never NULL. */
const char *sr_err_text(enum sr_err err);

/** The only time type: microseconds. Monotonic unless a name says `wall`. */
typedef int64_t sr_usec;

#define SR_NEVER INT64_MAX
#define SR_MSEC ((sr_usec)1000)
#define SR_SEC ((sr_usec)1000000)

/**
 * A broken invariant of memory, queues or registries: prints where and what to standard error and
 * ends the process (abort). Active in release builds. Not for bad input, not for one call's state.
 */
#define SR_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sr_assert_failed(__FILE__, __LINE__, #condition);                                      \
    } while (0)

SR_NORETURN void sr_assert_failed(const char *file, int line, const char *condition);

/** Name of an object across threads and planes: slot in the low 32 bits, generation above. */
typedef uint64_t sr_id;
#define SR_ID_NONE ((sr_id)0)

#endif

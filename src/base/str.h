/**
 * @file str.h  Text and byte views: a pointer and a length, owning nothing.
 *
 * Views are not NUL-terminated. Print with "%.*s" and SR_STR_ARG().
 *
 * Layer:   ground (libc only)
 * Memory:  borrowed; valid while the viewed bytes live
 * Thread:  re-entrant
 */
#ifndef SR_BASE_STR_H
#define SR_BASE_STR_H

#include "base/base.h"

struct sr_str {
    const char *p; /* may be NULL when n is 0 */
    size_t n;      /* bytes */
};

/** A view of a string literal, usable as an initialiser of automatic and static objects. */
#define SR_STR(literal)                                                                            \
    (struct sr_str)                                                                                \
    {                                                                                              \
        ("" literal), sizeof(literal) - 1                                                          \
    }
/** The two arguments "%.*s" wants; cut at 64 KiB. */
#define SR_STR_ARG(s) (int)((s).n < 65536 ? (s).n : 65536), ((s).p ? (s).p : "")

static inline struct sr_str sr_str_make(const char *p, size_t n)
{
    return (struct sr_str){p, n};
}

/** A view of a NUL-terminated string; NULL gives the empty view. */
static inline struct sr_str sr_str_c(const char *c)
{
    return (struct sr_str){c, c ? strlen(c) : 0};
}

static inline bool sr_str_is_empty(struct sr_str s)
{
    return s.n == 0;
}

/** Byte-wise equality. */
bool sr_str_eq(struct sr_str a, struct sr_str b);
/** Equality that ignores the case of ASCII letters only. */
bool sr_str_ieq(struct sr_str a, struct sr_str b);
/** As sr_str_eq/sr_str_ieq against a NUL-terminated string. */
bool sr_str_eq_c(struct sr_str a, const char *b);
bool sr_str_ieq_c(struct sr_str a, const char *b);
/** memcmp order, shorter first. */
int sr_str_cmp(struct sr_str a, struct sr_str b);
bool sr_str_starts(struct sr_str s, struct sr_str prefix);
bool sr_str_istarts(struct sr_str s, struct sr_str prefix);
bool sr_str_ends(struct sr_str s, struct sr_str suffix);

/** Bytes from `from` (clamped) to the end. */
struct sr_str sr_str_from(struct sr_str s, size_t from);
/** At most `n` bytes from the start. */
struct sr_str sr_str_head(struct sr_str s, size_t n);
/** Without spaces, tabs, CR and LF at both ends. */
struct sr_str sr_str_trim(struct sr_str s);
/** Index of the first byte `c` at or after `from`, or s.n. */
size_t sr_str_find(struct sr_str s, char c, size_t from);
/** Index of the first occurrence of `needle`, or s.n. An empty needle is found at 0. */
size_t sr_str_search(struct sr_str s, struct sr_str needle);

/** Splits at the first `sep`: the part before goes to ret_head, *s becomes the rest after it.
    Without `sep` ret_head gets everything and *s becomes empty. False when *s was empty. */
bool sr_str_split(struct sr_str *s, char sep, struct sr_str *ret_head);

/**
 * Decimal digits only (no sign, no space); the whole view must be the number.
 *
 * @return SR_OK; SR_ERR_SYNTAX empty or another character; SR_ERR_LIMIT above `max`
 */
SR_MUST_USE enum sr_err sr_str_u64(struct sr_str s, uint64_t max, uint64_t *ret_value);
SR_MUST_USE enum sr_err sr_str_u32(struct sr_str s, uint32_t max, uint32_t *ret_value);

/** Copies into a NUL-terminated array of `size` bytes (> 0), cutting what does not fit.
    @return true when all of it fitted */
bool sr_str_copy(struct sr_str s, char *out, size_t size);

/** Compares secrets: time depends on the lengths only. */
bool sr_str_eq_secret(struct sr_str a, struct sr_str b);

static inline char sr_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool sr_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool sr_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/** Bytes (1..4) of the UTF-8 character that `s`, not empty, begins with; 0: none (RFC 3629: overlong,
    a surrogate, cut). ret_code may be NULL. */
size_t sr_utf8_char(struct sr_str s, uint32_t *ret_code);
bool sr_utf8_is_valid(struct sr_str s);

/** 0..15, or -1 when not a hex digit. */
int sr_hex_value(char c);

#endif

/**
 * @file pattern.h  Number patterns of routes: exact, prefix* or /regex/, compiled once at load.
 *
 *     "+4930123"   that number only        "+4930*"   every number beginning so
 *     "/^\+49(30|40)/"   PCRE2 regular expression, found anywhere in the number
 *
 * Regular expressions run with limits on matching effort and depth; one that passes them does not
 * match.
 *
 * Memory:  owned; pattern_free
 * Thread:  immutable after pattern_new: any thread may match
 */
#ifndef SR_CALL_PATTERN_H
#define SR_CALL_PATTERN_H

#include "base/str.h"

enum {
    PATTERN_TEXT_MAX = 256,    /* bytes of a pattern */
    PATTERN_SUBJECT_MAX = 256, /* a longer number never matches a regular expression */
    PATTERN_MATCH_LIMIT = 10000,
    PATTERN_DEPTH_LIMIT = 250,
    PATTERN_WHY_MAX = 160,
};

enum pattern_kind {
    PATTERN_EXACT,
    PATTERN_PREFIX,
    PATTERN_REGEX,
};

struct pattern;

/** Where and why a pattern is wrong. Filled on failure only. */
struct pattern_fault {
    size_t offset; /* into the pattern */
    char why[PATTERN_WHY_MAX];
};

/**
 * Compiles a pattern.
 *
 * @return SR_OK
 *         SR_ERR_LIMIT   longer than PATTERN_TEXT_MAX
 *         SR_ERR_SYNTAX  empty, a star not at the end, or not a regular expression
 */
SR_MUST_USE enum sr_err pattern_new(struct sr_str text, struct pattern **ret_pattern,
                                    struct pattern_fault *reterr_fault);
/** NULL is fine. */
void pattern_free(struct pattern *pattern);

/** Whether the number matches. NULL matches everything (an absent pattern). */
bool pattern_matches(const struct pattern *pattern, struct sr_str number);

enum pattern_kind pattern_kind(const struct pattern *pattern);
/** As written in the configuration. */
struct sr_str pattern_text(const struct pattern *pattern);

/** Whether everything `narrow` matches is certainly matched by `wide` too. NULL is "anything".
    False when that cannot be told (two different regular expressions). */
bool pattern_covers(const struct pattern *wide, const struct pattern *narrow);

#endif

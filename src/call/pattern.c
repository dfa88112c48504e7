#include "call/pattern.h"

#include <stdio.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/alloc.h"

struct pattern {
    enum pattern_kind kind;
    char *text;
    size_t text_len;
    struct sr_str literal; /* EXACT, PREFIX: without the star; into text */
    pcre2_code *code;      /* REGEX */
    pcre2_match_context *limits;
};

static enum sr_err refuse(struct pattern_fault *reterr_fault, enum sr_err err, size_t offset,
                          const char *why)
{
    if (reterr_fault) {
        reterr_fault->offset = offset;
        (void)sr_str_copy(sr_str_c(why), reterr_fault->why, sizeof(reterr_fault->why));
    }
    return err;
}

static enum sr_err compile_regex(struct pattern *pattern, struct sr_str expression,
                                 struct pattern_fault *reterr_fault)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    pattern->code = pcre2_compile((PCRE2_SPTR)expression.p, expression.n, PCRE2_NEVER_BACKSLASH_C,
                                  &code, &offset, NULL);
    if (!pattern->code) {
        char why[PATTERN_WHY_MAX] = "";
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
        return refuse(reterr_fault, SR_ERR_SYNTAX, offset + 1, why);
    }
    pattern->limits = pcre2_match_context_create(NULL);
    SR_ASSERT(pattern->limits);
    (void)pcre2_set_match_limit(pattern->limits, PATTERN_MATCH_LIMIT);
    (void)pcre2_set_depth_limit(pattern->limits, PATTERN_DEPTH_LIMIT);
    return SR_OK;
}

static enum sr_err compile_literal(struct pattern *pattern, struct sr_str text,
                                   struct pattern_fault *reterr_fault)
{
    size_t star = sr_str_find(text, '*', 1);
    pattern->kind = PATTERN_EXACT;
    pattern->literal = text;
    if (text.n == 1 && text.p[0] == '*') {
        pattern->kind = PATTERN_PREFIX;
        pattern->literal = sr_str_head(text, 0);
    } else if (star + 1 == text.n) {
        pattern->kind = PATTERN_PREFIX;
        pattern->literal = sr_str_head(text, star);
    } else if (star < text.n && text.p[0] != '*' && text.p[0] != '#') {
        /* star codes ("*98*1") may hold stars; in a number a star in the middle is a mistake */
        return refuse(reterr_fault, SR_ERR_SYNTAX, star, "a star may stand at the end only");
    }
    return SR_OK;
}

enum sr_err pattern_new(struct sr_str text, struct pattern **ret_pattern,
                        struct pattern_fault *reterr_fault)
{
    if (text.n == 0)
        return refuse(reterr_fault, SR_ERR_SYNTAX, 0, "a pattern must not be empty");
    if (text.n > PATTERN_TEXT_MAX)
        return refuse(reterr_fault, SR_ERR_LIMIT, PATTERN_TEXT_MAX, "the pattern is too long");
    if (text.p[0] == '/' && (text.n < 3 || text.p[text.n - 1] != '/'))
        return refuse(reterr_fault, SR_ERR_SYNTAX, text.n - 1,
                      "a regular expression begins and ends with a slash");

    struct pattern *pattern = sr_zalloc(1, sizeof(*pattern));
    pattern->text = sr_str_cdup(text);
    pattern->text_len = text.n;
    struct sr_str own = sr_str_make(pattern->text, text.n);
    enum sr_err err = SR_OK;
    if (text.p[0] == '/') {
        pattern->kind = PATTERN_REGEX;
        err = compile_regex(pattern, sr_str_make(own.p + 1, own.n - 2), reterr_fault);
    } else {
        err = compile_literal(pattern, own, reterr_fault);
    }
    if (err) {
        pattern_free(pattern);
        return err;
    }
    *ret_pattern = pattern;
    return SR_OK;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_match_context_free(pattern->limits);
    pcre2_code_free(pattern->code);
    sr_free(pattern->text);
    sr_free(pattern);
}

static bool regex_matches(const struct pattern *pattern, struct sr_str number)
{
    if (number.n > PATTERN_SUBJECT_MAX)
        return false;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (!data)
        return false;
    /* negative: no match, or one of the limits was reached */
    int count = pcre2_match(pattern->code, (PCRE2_SPTR)(number.p ? number.p : ""), number.n, 0, 0,
                            data, pattern->limits);
    pcre2_match_data_free(data);
    return count >= 0;
}

bool pattern_matches(const struct pattern *pattern, struct sr_str number)
{
    if (!pattern)
        return true;
    switch (pattern->kind) {
    case PATTERN_EXACT:
        return sr_str_eq(pattern->literal, number);
    case PATTERN_PREFIX:
        return sr_str_starts(number, pattern->literal);
    case PATTERN_REGEX:
        return regex_matches(pattern, number);
    }
    return false;
}

enum pattern_kind pattern_kind(const struct pattern *pattern)
{
    return pattern->kind;
}

struct sr_str pattern_text(const struct pattern *pattern)
{
    return sr_str_make(pattern->text, pattern->text_len);
}

bool pattern_covers(const struct pattern *wide, const struct pattern *narrow)
{
    if (!wide)
        return true;
    if (wide->kind == PATTERN_PREFIX && wide->literal.n == 0)
        return true;
    if (!narrow)
        return false;
    if (sr_str_eq(pattern_text(wide), pattern_text(narrow)))
        return true;
    if (narrow->kind == PATTERN_EXACT)
        return pattern_matches(wide, narrow->literal);
    return narrow->kind == PATTERN_PREFIX && wide->kind == PATTERN_PREFIX &&
           sr_str_starts(narrow->literal, wide->literal);
}

#include "call/number.h"

#include "base/buf.h"

/* One country's numbering plan. */
struct plan {
    const char *country;
    const char *code;      /* calling code */
    const char *idd;       /* international prefix, a pattern; "" none known */
    const char *national;  /* pattern of its national numbers */
    const char *prefix;    /* pattern of what comes before them inside the country; "" nothing */
    const char *transform; /* what stands there instead, with $1 and $2; "" nothing */
    const char *leading;   /* pattern of their first digits, where countries share a code */
    uint32_t lengths;      /* bit n: n digits are possible */
    bool has_prefix;       /* people dial one before national numbers */
    const char *kinds;     /* pattern of all of them, where countries share a code */
};

static const struct plan plans[] = {
#include "call/number_table.inc"
};

/* ---- patterns --------------------------------------------------------------------------------
 *
 * The small language of the table: digits, \d, [classes], groups, |, ?, {n}, {n,m}, $. Matched straight
 * from the text by backtracking: subjects are a few digits long, patterns are ours. */

enum {
    CAPTURES_MAX = 2
};

struct match {
    const char *text; /* the pattern from its beginning: captures are counted there */
    const char *end;  /* of the subject */
    bool is_whole;    /* the match must reach it */
    const char *stop; /* where the match ended */
    struct sr_str captures[CAPTURES_MAX];
};

/* A group being matched, and what comes after it. */
struct group {
    const char *body;  /* behind its opening */
    const char *after; /* behind its quantifier */
    const char *begin; /* in the subject */
    uint32_t min, max; /* rounds still wanted */
    int capture;       /* number, or -1 */
    struct group *above;
};

static bool match_here(struct match *m, const char *p, const char *s, struct group *group);

/* Behind the class at p ('['). */
static const char *class_end(const char *p)
{
    while (*p != ']')
        p++;
    return p + 1;
}

/* The next '|' of this level, or the ')' or end that closes it. */
static const char *alternative_end(const char *p)
{
    uint32_t depth = 0;

    for (; *p != '\0'; p++) {
        if (depth == 0 && (*p == '|' || *p == ')'))
            break;
        if (*p == '[')
            p = class_end(p) - 1;
        else if (*p == '(')
            depth++;
        else if (*p == ')')
            depth--;
    }
    return p;
}

static const char *group_end(const char *p)
{
    p = alternative_end(p);
    while (*p == '|')
        p = alternative_end(p + 1);
    return p;
}

/* Reads "?", "{n}", "{n,m}" or nothing. */
static const char *read_times(const char *p, uint32_t *ret_min, uint32_t *ret_max)
{
    *ret_min = *ret_max = 1;
    if (*p == '?') {
        *ret_min = 0;
        return p + 1;
    }
    if (*p != '{')
        return p;
    *ret_min = 0;
    for (p++; sr_is_digit(*p); p++)
        *ret_min = *ret_min * 10 + (uint32_t)(*p - '0');
    *ret_max = *ret_min;
    if (*p == ',') {
        *ret_max = 0;
        for (p++; sr_is_digit(*p); p++)
            *ret_max = *ret_max * 10 + (uint32_t)(*p - '0');
    }
    return p + 1;
}

static bool is_in_class(const char *p, char c)
{
    for (p++; *p != ']'; p++) {
        if (p[1] == '-' && p[2] != ']') {
            if (c >= p[0] && c <= p[2])
                return true;
            p += 2;
        } else if (*p == c) {
            return true;
        }
    }
    return false;
}

static bool is_atom_match(const char *p, char c)
{
    if (*p == '[')
        return is_in_class(p, c);
    if (*p == '\\')
        return sr_is_digit(c);
    return *p == c;
}

/* Of the group whose '(' is at p, or -1. */
static int capture_number(const char *text, const char *p)
{
    int number = 0;

    if (p[1] == '?')
        return -1;
    for (; text < p; text++)
        number += *text == '(' && text[1] != '?';
    return number < CAPTURES_MAX ? number : -1;
}

/* The alternatives that begin at p, one after the other; then what follows the group. */
static bool match_alternatives(struct match *m, const char *p, const char *s, struct group *group)
{
    for (;;) {
        if (match_here(m, p, s, group))
            return true;
        p = alternative_end(p);
        if (*p != '|')
            return false;
        p++;
    }
}

/* An alternative is done: another round of its group, or on behind it. */
static bool match_after(struct match *m, const char *s, struct group *group)
{
    struct sr_str before;

    if (group == NULL) {
        m->stop = s;
        return !m->is_whole || s == m->end;
    }
    if (group->max > 1 && s > group->begin) {
        struct group again = *group;

        again.begin = s;
        again.min -= again.min > 0;
        again.max--;
        if (match_alternatives(m, again.body, s, &again))
            return true;
    }
    if (group->min > 1)
        return false;
    if (group->capture < 0)
        return match_here(m, group->after, s, group->above);
    before = m->captures[group->capture];
    m->captures[group->capture] = sr_str_make(group->begin, (size_t)(s - group->begin));
    if (match_here(m, group->after, s, group->above))
        return true;
    m->captures[group->capture] = before;
    return false;
}

static bool match_group(struct match *m, const char *p, const char *s, struct group *above)
{
    struct group group = {.body = p + (p[1] == '?' ? 3 : 1),
                          .begin = s,
                          .capture = capture_number(m->text, p),
                          .above = above};

    group.after = read_times(group_end(group.body) + 1, &group.min, &group.max);
    if (group.max > 0 && match_alternatives(m, group.body, s, &group))
        return true;
    return group.min == 0 && match_here(m, group.after, s, above);
}

static bool match_atom(struct match *m, const char *p, const char *s, struct group *group)
{
    const char *after = *p == '[' ? class_end(p) : *p == '\\' ? p + 2 : p + 1;
    uint32_t min, max, n = 0;

    after = read_times(after, &min, &max);
    while (n < max && s + n < m->end && is_atom_match(p, s[n]))
        n++;
    for (;; n--) {
        if (n < min)
            return false;
        if (match_here(m, after, s + n, group))
            return true;
        if (n == 0)
            return false;
    }
}

static bool match_here(struct match *m, const char *p, const char *s, struct group *group)
{
    switch (*p) {
    case '\0':
    case '|':
    case ')':
        return match_after(m, s, group);
    case '$':
        return s == m->end && match_here(m, p + 1, s, group);
    case '(':
        return match_group(m, p, s, group);
    default:
        return match_atom(m, p, s, group);
    }
}

static bool matches_whole(const char *pattern, struct sr_str digits)
{
    struct match m = {.text = pattern, .end = digits.p + digits.n, .is_whole = true};

    return match_alternatives(&m, pattern, digits.p, NULL);
}

/* How the digits begin; `m` tells where the match stopped and what it captured. */
static bool matches_begin(const char *pattern, struct sr_str digits, struct match *ret_match)
{
    *ret_match = (struct match){.text = pattern, .end = digits.p + digits.n};
    return pattern[0] != '\0' && match_alternatives(ret_match, pattern, digits.p, NULL);
}

/* ---- plans ----------------------------------------------------------------------------------- */

static const struct plan *plan_of_country(struct sr_str country)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(plans) && country.n == 2; i++) {
        if (memcmp(plans[i].country, country.p, 2) == 0)
            return &plans[i];
    }
    return NULL;
}

/* The main country of the calling code at the beginning of the digits. */
static const struct plan *plan_of_digits(struct sr_str digits)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(plans); i++) {
        if (sr_str_starts(digits, sr_str_c(plans[i].code)))
            return &plans[i]; /* no code is the beginning of another */
    }
    return NULL;
}

static bool has_length(const struct plan *plan, struct sr_str digits)
{
    return digits.n < 32 && (plan->lengths >> digits.n & 1u) != 0;
}

static bool is_too_long(const struct plan *plan, struct sr_str digits)
{
    return digits.n >= 31 || plan->lengths >> digits.n == 0;
}

/* Of the countries that share the main one's calling code, the one of this national number. */
static const struct plan *narrow_plan(const struct plan *main, struct sr_str national)
{
    const struct plan *end = plans + SR_ARRAY_LEN(plans);
    struct match m;

    for (const struct plan *plan = main; plan < end && strcmp(plan->code, main->code) == 0;
         plan++) {
        if (plan->leading[0] != '\0'
                ? matches_begin(plan->leading, national, &m)
                : plan->kinds[0] == '\0' || (matches_whole(plan->national, national) &&
                                             matches_whole(plan->kinds, national)))
            return plan;
    }
    return main;
}

/* Digits while they are rewritten. */
struct digits {
    char text[NUMBER_TEXT_MAX];
    size_t n;
};

static struct sr_str view(const struct digits *digits)
{
    return sr_str_make(digits->text, digits->n);
}

static void set_digits(struct digits *digits, struct sr_str text)
{
    (void)sr_str_copy(text, digits->text, sizeof(digits->text));
    digits->n = SR_MIN(text.n, sizeof(digits->text) - 1);
}

/* What the national prefix turns into: taken off, or replaced ("9$1"). False: there is none. */
static bool without_prefix(const struct plan *plan, struct sr_str text, struct digits *ret_digits)
{
    struct match m;
    struct sr_buf out;

    if (!matches_begin(plan->prefix, text, &m))
        return false;
    sr_buf_init_fixed(&out, ret_digits->text, sizeof(ret_digits->text));
    /* the last capture decides whether there is something to rewrite */
    if (plan->transform[0] != '\0' &&
        m.captures[strstr(plan->transform, "$2") != NULL ? 1 : 0].n > 0) {
        for (const char *c = plan->transform; *c != '\0'; c++) {
            if (*c == '$')
                sr_buf_str(&out, m.captures[*++c - '1']);
            else
                sr_buf_char(&out, *c);
        }
    }
    sr_buf_str(&out, sr_str_make(m.stop, (size_t)(m.end - m.stop)));
    if (sr_buf_err(&out) != SR_OK)
        return false;
    ret_digits->n = out.len;
    return true;
}

/* The national number of digits as they are dialled or sent inside the country. True: something was
 * taken off. */
static bool to_national(const struct plan *plan, struct sr_str text, struct digits *ret_digits)
{
    const struct plan *narrow;

    if (without_prefix(plan, text, ret_digits) && !sr_str_eq(view(ret_digits), text) &&
        !(matches_whole(plan->national, text) &&
          !matches_whole(plan->national, view(ret_digits)))) {
        narrow = narrow_plan(plan_of_digits(sr_str_c(plan->code)), view(ret_digits));
        if (has_length(narrow, view(ret_digits)) || is_too_long(narrow, view(ret_digits)))
            return true;
    }
    set_digits(ret_digits, text);
    return false;
}

static bool write_e164(const char *code, struct sr_str national, char *ret_number)
{
    struct sr_buf out;

    sr_buf_init_fixed(&out, ret_number, NUMBER_TEXT_MAX);
    sr_buf_char(&out, '+');
    sr_buf_c(&out, code);
    sr_buf_str(&out, national);
    (void)sr_buf_cstr(&out);
    return national.n >= 2 && out.len <= 1 + NUMBER_DIGITS_MAX;
}

/* Digits behind + or an international prefix. */
static bool from_international(struct sr_str text, char *ret_number)
{
    const struct plan *plan = plan_of_digits(text);
    struct digits national;
    struct sr_buf out;

    if (plan == NULL) { /* a code of no country (satellites): nothing to take off */
        sr_buf_init_fixed(&out, ret_number, NUMBER_TEXT_MAX);
        sr_buf_char(&out, '+');
        sr_buf_str(&out, text);
        (void)sr_buf_cstr(&out);
        return text.n >= 7 && text.n <= NUMBER_DIGITS_MAX && text.p[0] != '0';
    }
    (void)to_national(plan, sr_str_from(text, strlen(plan->code)), &national);
    return write_e164(plan->code, view(&national), ret_number);
}

/* What is behind an international prefix. False: it is none, or nothing sensible follows. */
static bool take_idd(struct sr_str text, size_t prefix_len, struct sr_str *ret_rest)
{
    *ret_rest = sr_str_from(text, prefix_len);
    return prefix_len > 0 && ret_rest->n > 0 && ret_rest->p[0] != '0';
}

static size_t idd_len(const struct plan *plan, struct sr_str text)
{
    struct match m;

    if (plan == NULL || !matches_begin(plan->idd, text, &m))
        return 0;
    return (size_t)(m.stop - text.p);
}

/* A provider may leave out the + of an international number: its own country's code is understood. */
static struct sr_str take_own_code(const struct plan *plan, struct sr_str text)
{
    struct sr_str shorter = sr_str_from(text, strlen(plan->code));
    struct digits with, without;

    if (!sr_str_starts(text, sr_str_c(plan->code)))
        return text;
    (void)to_national(plan, text, &with);
    (void)to_national(plan, shorter, &without);
    if (is_too_long(plan, view(&with)) || (!matches_whole(plan->national, view(&with)) &&
                                           matches_whole(plan->national, view(&without))))
        return shorter;
    return text;
}

/* Whether it is a national number of the country, or of one that shares its calling code. */
static bool is_national(const struct plan *plan, struct sr_str national)
{
    if (matches_whole(plan->national, national))
        return true;
    return matches_whole(narrow_plan(plan_of_digits(sr_str_c(plan->code)), national)->national,
                         national);
}

static bool from_national(const struct plan *plan, struct sr_str text, enum number_source source,
                          char *ret_number)
{
    struct digits national;
    bool is_prefixed;

    if (source == NUMBER_FROM_PROVIDER)
        text = take_own_code(plan, text);
    is_prefixed = to_national(plan, text, &national);
    /* "0 8888": clearly a national number, though not one the table knows */
    if (!is_national(plan, view(&national)) && !(is_prefixed && has_length(plan, view(&national))))
        return false;
    if (source == NUMBER_DIALLED && !is_prefixed && plan->has_prefix &&
        strcmp(plan->code, "1") != 0)
        return false; /* local digits; North America leaves its 1 out */
    return write_e164(plan->code, view(&national), ret_number);
}

/* Digits with an optional + in front, separators and parameters left out. False: something else. */
static bool take_digits(struct sr_str text, struct digits *ret_digits, bool *ret_is_plus)
{
    *ret_is_plus = false;
    ret_digits->n = 0;
    text = sr_str_trim(sr_str_head(text, sr_str_find(text, ';', 0)));
    for (size_t i = 0; i < text.n; i++) {
        if (sr_is_digit(text.p[i])) {
            if (ret_digits->n >= 40)
                return false;
            ret_digits->text[ret_digits->n++] = text.p[i];
        } else if (text.p[i] == '+' && ret_digits->n == 0 && !*ret_is_plus) {
            *ret_is_plus = true;
        } else if (strchr(" -.()/", text.p[i]) == NULL) {
            return false;
        }
    }
    ret_digits->text[ret_digits->n] = '\0';
    return ret_digits->n > 0;
}

bool number_normalise(struct sr_str text, struct sr_str country, enum number_source source,
                      char ret_number[NUMBER_TEXT_MAX])
{
    const struct plan *plan = plan_of_country(country);
    struct digits digits;
    struct sr_str rest;
    bool is_plus, is_done = false;

    if (!take_digits(text, &digits, &is_plus)) {
        (void)sr_str_copy(text, ret_number, NUMBER_TEXT_MAX);
        return false;
    }
    if (is_plus)
        is_done = from_international(view(&digits), ret_number);
    else if (take_idd(view(&digits), idd_len(plan, view(&digits)), &rest))
        is_done = from_international(rest, ret_number);
    else if (plan != NULL)
        is_done = from_national(plan, view(&digits), source, ret_number);
    /* 00 is understood everywhere, unless the country means something else by it */
    if (!is_done && !is_plus && sr_str_starts(view(&digits), SR_STR("00")) &&
        take_idd(view(&digits), 2, &rest))
        is_done = from_international(rest, ret_number);
    if (!is_done) {
        ret_number[0] = '+';
        (void)sr_str_copy(view(&digits), ret_number + is_plus, NUMBER_TEXT_MAX - 1);
    }
    return is_done;
}

bool number_prefix(struct sr_str prefix, struct sr_str country, char ret_prefix[NUMBER_TEXT_MAX])
{
    const struct plan *plan = plan_of_country(country);
    size_t idd = idd_len(plan, prefix);
    struct match m;
    struct sr_buf out;

    sr_buf_init_fixed(&out, ret_prefix, NUMBER_TEXT_MAX);
    if (idd == 0 && sr_str_starts(prefix, SR_STR("00")))
        idd = 2;
    if (idd > 0) {
        sr_buf_fmt(&out, "+%.*s", SR_STR_ARG(sr_str_from(prefix, idd)));
    } else if (plan != NULL && matches_begin(plan->prefix, prefix, &m) && m.stop > prefix.p) {
        sr_buf_fmt(&out, "+%s%.*s", plan->code, (int)(m.end - m.stop), m.stop);
    } else {
        sr_buf_str(&out, prefix);
        (void)sr_buf_cstr(&out);
        return false;
    }
    (void)sr_buf_cstr(&out);
    return true;
}

struct sr_str number_country(struct sr_str number)
{
    const struct plan *plan;
    struct sr_str digits = sr_str_from(number, 1);

    if (number.n < 2 || number.p[0] != '+')
        return (struct sr_str){NULL, 0};
    plan = plan_of_digits(digits);
    if (plan == NULL)
        return (struct sr_str){NULL, 0};
    return sr_str_c(narrow_plan(plan, sr_str_from(digits, strlen(plan->code)))->country);
}

bool number_has_country(struct sr_str country)
{
    return plan_of_country(country) != NULL;
}

#include "speech/words.h"

enum {
    WORD_CHARS_MAX = 40
};

static const char *const small[] = {"zero",    "one",     "two",       "three",    "four",
                                    "five",    "six",     "seven",     "eight",    "nine",
                                    "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                   "fifty", "sixty", "seventy", "eighty", "ninety"};

static void add_word(struct sr_buf *buf, const char *word)
{
    if (buf->len > 0 && buf->data[buf->len - 1] != ' ')
        sr_buf_char(buf, ' ');
    sr_buf_c(buf, word);
}

static void below_hundred(struct sr_buf *buf, uint32_t number)
{
    if (number < SR_ARRAY_LEN(small)) {
        add_word(buf, small[number]);
        return;
    }
    add_word(buf, tens[number / 10]);
    if (number % 10 != 0)
        add_word(buf, small[number % 10]);
}

/* 1 .. 999. with_and: "one hundred and four". */
static void below_thousand(struct sr_buf *buf, uint32_t number)
{
    if (number >= 100) {
        add_word(buf, small[number / 100]);
        add_word(buf, "hundred");
        number %= 100;
        if (number == 0)
            return;
        add_word(buf, "and");
    }
    below_hundred(buf, number);
}

void words_number(struct sr_buf *buf, uint64_t number)
{
    static const struct {
        uint64_t value;
        const char *name;
    } groups[] = {{1000000000, "billion"}, {1000000, "million"}, {1000, "thousand"}};
    bool is_first = true;
    char text[24];

    if (number >= 1000000000000u) {
        struct sr_buf digits;

        sr_buf_init_fixed(&digits, text, sizeof(text));
        sr_buf_u64(&digits, number);
        words_digits(buf, sr_buf_view(&digits));
        return;
    }
    for (size_t i = 0; i < SR_ARRAY_LEN(groups); i++) {
        if (number < groups[i].value)
            continue;
        below_thousand(buf, (uint32_t)(number / groups[i].value));
        add_word(buf, groups[i].name);
        number %= groups[i].value;
        is_first = false;
    }
    if (number == 0 && !is_first)
        return;
    if (!is_first && number < 100)
        add_word(buf, "and");
    if (number == 0)
        add_word(buf, small[0]);
    else
        below_thousand(buf, (uint32_t)number);
}

void words_ordinal(struct sr_buf *buf, uint32_t number)
{
    static const char *const first[] = {"zeroth",    "first",       "second",     "third",
                                        "fourth",    "fifth",       "sixth",      "seventh",
                                        "eighth",    "ninth",       "tenth",      "eleventh",
                                        "twelfth",   "thirteenth",  "fourteenth", "fifteenth",
                                        "sixteenth", "seventeenth", "eighteenth", "nineteenth"};
    static const char *const round[] = {"",          "",         "twentieth", "thirtieth",
                                        "fortieth",  "fiftieth", "sixtieth",  "seventieth",
                                        "eightieth", "ninetieth"};

    if (number < SR_ARRAY_LEN(first)) {
        add_word(buf, first[number]);
    } else if (number >= 100) {
        add_word(buf, "number");
        words_number(buf, number);
    } else if (number % 10 == 0) {
        add_word(buf, round[number / 10]);
    } else {
        add_word(buf, tens[number / 10]);
        add_word(buf, first[number % 10]);
    }
}

void words_digits(struct sr_buf *buf, struct sr_str digits)
{
    for (size_t i = 0; i < digits.n; i++) {
        char c = digits.p[i];

        if (i > 0 && i % 3 == 0 && digits.n - i >= 2)
            sr_buf_char(buf, ',');
        if (sr_is_digit(c)) {
            add_word(buf, small[c - '0']);
        } else if (c == '*') {
            add_word(buf, "star");
        } else if (c == '#') {
            add_word(buf, "pound");
        } else if (c == '+') {
            add_word(buf, "plus");
        } else if (sr_is_alpha(c)) {
            add_word(buf, "");
            sr_buf_char(buf, (char)(sr_lower(c) - 'a' + 'A'));
        }
    }
}

void words_time(struct sr_buf *buf, uint32_t hour, uint32_t minute)
{
    below_hundred(buf, hour % 12 == 0 ? 12 : hour % 12);
    if (minute == 0) {
        add_word(buf, "o'clock");
    } else {
        if (minute < 10)
            add_word(buf, "oh");
        below_hundred(buf, minute);
    }
    add_word(buf, hour % 24 < 12 ? "A M" : "P M");
}

static void add_unit(struct sr_buf *buf, uint64_t count, const char *unit, bool is_last,
                     bool *is_first)
{
    if (count == 0)
        return;
    if (!*is_first && is_last)
        add_word(buf, "and");
    else if (!*is_first)
        sr_buf_char(buf, ',');
    *is_first = false;
    words_number(buf, count);
    add_word(buf, unit);
    if (count != 1)
        sr_buf_char(buf, 's');
}

void words_duration(struct sr_buf *buf, uint64_t seconds)
{
    bool is_first = true;

    if (seconds == 0) {
        add_word(buf, "zero seconds");
        return;
    }
    add_unit(buf, seconds / 3600, "hour", seconds % 3600 == 0, &is_first);
    add_unit(buf, seconds / 60 % 60, "minute", seconds % 60 == 0, &is_first);
    add_unit(buf, seconds % 60, "second", true, &is_first);
}

/* ---- text ---- */

/* U+00C0 .. U+00FF without their marks. */
static const char *const latin[] = {
    "A", "A", "A", "A", "Ae", "A", "Ae", "C", "E", "E", "E", "E", "I",  "I", "I",  "I",
    "D", "N", "O", "O", "O",  "O", "Oe", " ", "O", "U", "U", "U", "Ue", "Y", "Th", "ss",
    "a", "a", "a", "a", "ae", "a", "ae", "c", "e", "e", "e", "e", "i",  "i", "i",  "i",
    "d", "n", "o", "o", "o",  "o", "oe", " ", "o", "u", "u", "u", "ue", "y", "th", "y"};

static const char *likeness(uint32_t c)
{
    static const struct {
        uint32_t from, to;
        const char *text;
    } marks[] = {{0x2010, 0x2015, "-"},     {0x2018, 0x201b, "'"},      {0x201c, 0x201f, "\""},
                 {0x2026, 0x2026, "..."},   {0x20ac, 0x20ac, " euro "}, {0xa3, 0xa3, " pounds "},
                 {0xb0, 0xb0, " degrees "}, {0x0152, 0x0152, "Oe"},     {0x0153, 0x0153, "oe"}};

    if (c >= 0xc0 && c <= 0xff)
        return latin[c - 0xc0];
    for (size_t i = 0; i < SR_ARRAY_LEN(marks); i++) {
        if (c >= marks[i].from && c <= marks[i].to)
            return marks[i].text;
    }
    return " ";
}

/* Adds text, breaking words that no dictionary and no rule should have to bear. */
static void add_text(struct sr_buf *buf, struct sr_str text, size_t *run)
{
    for (size_t i = 0; i < text.n; i++) {
        *run = text.p[i] == ' ' ? 0 : *run + 1;
        if (*run > WORD_CHARS_MAX) {
            sr_buf_char(buf, ' ');
            *run = 1;
        }
        sr_buf_char(buf, text.p[i]);
    }
}

enum sr_err words_clean(struct sr_str text, struct sr_buf *buf)
{
    bool is_sayable = false;
    size_t run = 0, n;

    for (size_t at = 0; at < text.n; at += n) {
        uint32_t c = 0;

        n = sr_utf8_char(sr_str_from(text, at), &c);
        if (n == 0)
            return SR_ERR_SYNTAX;
        if (c >= 0x80) {
            const char *like = likeness(c);

            is_sayable |= sr_is_alpha(like[0]);
            add_text(buf, sr_str_c(like), &run);
        } else {
            char plain = c < ' ' || c == 0x7f ? ' ' : (char)c;

            is_sayable |= sr_is_alpha(plain) || sr_is_digit(plain);
            add_text(buf, sr_str_make(&plain, 1), &run);
        }
    }
    return is_sayable ? sr_buf_err(buf) : SR_ERR_SYNTAX;
}

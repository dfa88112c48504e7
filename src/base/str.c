#include "base/str.h"

bool sr_str_eq(struct sr_str a, struct sr_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool sr_str_ieq(struct sr_str a, struct sr_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (sr_lower(a.p[i]) != sr_lower(b.p[i]))
            return false;
    }
    return true;
}

bool sr_str_eq_c(struct sr_str a, const char *b)
{
    return sr_str_eq(a, sr_str_c(b));
}

bool sr_str_ieq_c(struct sr_str a, const char *b)
{
    return sr_str_ieq(a, sr_str_c(b));
}

int sr_str_cmp(struct sr_str a, struct sr_str b)
{
    size_t n = SR_MIN(a.n, b.n);
    int order = n ? memcmp(a.p, b.p, n) : 0;

    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool sr_str_starts(struct sr_str s, struct sr_str prefix)
{
    return s.n >= prefix.n && sr_str_eq(sr_str_head(s, prefix.n), prefix);
}

bool sr_str_istarts(struct sr_str s, struct sr_str prefix)
{
    return s.n >= prefix.n && sr_str_ieq(sr_str_head(s, prefix.n), prefix);
}

bool sr_str_ends(struct sr_str s, struct sr_str suffix)
{
    return s.n >= suffix.n && sr_str_eq(sr_str_from(s, s.n - suffix.n), suffix);
}

struct sr_str sr_str_from(struct sr_str s, size_t from)
{
    if (from >= s.n)
        return (struct sr_str){s.p ? s.p + s.n : NULL, 0};
    return (struct sr_str){s.p + from, s.n - from};
}

struct sr_str sr_str_head(struct sr_str s, size_t n)
{
    return (struct sr_str){s.p, SR_MIN(n, s.n)};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct sr_str sr_str_trim(struct sr_str s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

size_t sr_str_find(struct sr_str s, char c, size_t from)
{
    const char *at;

    if (from >= s.n)
        return s.n;
    at = memchr(s.p + from, c, s.n - from);
    return at ? (size_t)(at - s.p) : s.n;
}

size_t sr_str_search(struct sr_str s, struct sr_str needle)
{
    if (needle.n == 0)
        return 0;
    for (size_t i = 0; i + needle.n <= s.n; i++) {
        i = sr_str_find(s, needle.p[0], i);
        if (i + needle.n > s.n)
            break;
        if (memcmp(s.p + i, needle.p, needle.n) == 0)
            return i;
    }
    return s.n;
}

bool sr_str_split(struct sr_str *s, char sep, struct sr_str *ret_head)
{
    size_t at;

    if (s->n == 0)
        return false;
    at = sr_str_find(*s, sep, 0);
    *ret_head = sr_str_head(*s, at);
    *s = sr_str_from(*s, at + 1);
    return true;
}

enum sr_err sr_str_u64(struct sr_str s, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (s.n == 0)
        return SR_ERR_SYNTAX;
    for (size_t i = 0; i < s.n; i++) {
        if (!sr_is_digit(s.p[i]))
            return SR_ERR_SYNTAX;
    }
    for (size_t i = 0; i < s.n; i++) {
        uint64_t digit = (uint64_t)(s.p[i] - '0');

        if (value > max / 10 || value * 10 > max - SR_MIN(digit, max))
            return SR_ERR_LIMIT;
        value = value * 10 + digit;
        if (value > max)
            return SR_ERR_LIMIT;
    }
    *ret_value = value;
    return SR_OK;
}

enum sr_err sr_str_u32(struct sr_str s, uint32_t max, uint32_t *ret_value)
{
    uint64_t value;
    enum sr_err err = sr_str_u64(s, max, &value);

    if (err == SR_OK)
        *ret_value = (uint32_t)value;
    return err;
}

bool sr_str_copy(struct sr_str s, char *out, size_t size)
{
    size_t n = SR_MIN(s.n, size - 1);

    if (n > 0)
        memcpy(out, s.p, n);
    out[n] = '\0';
    return n == s.n;
}

bool sr_str_eq_secret(struct sr_str a, struct sr_str b)
{
    volatile unsigned char diff = a.n != b.n;
    size_t n = SR_MIN(a.n, b.n);

    for (size_t i = 0; i < n; i++)
        diff = (unsigned char)(diff | (unsigned char)(a.p[i] ^ b.p[i]));
    return diff == 0;
}

int sr_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

size_t sr_utf8_char(struct sr_str s, uint32_t *ret_code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)s.p[0];
    size_t n = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code = n <= 1 ? first : first & (0x7fu >> n);

    if (n == 0 || n > s.n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        unsigned char next = (unsigned char)s.p[i];

        if ((next & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (next & 0x3f);
    }
    if (first > 0xf4 || code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    if (ret_code != NULL)
        *ret_code = code;
    return n;
}

bool sr_utf8_is_valid(struct sr_str s)
{
    for (size_t at = 0; at < s.n;) {
        size_t n = sr_utf8_char(sr_str_from(s, at), NULL);

        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

/**
 * @file span.h  Runs of characters, for the parsers of this room only: where a run ends, in plain C and,
 * where the compiler has SSE2, sixteen octets at a time.
 *
 * Every vector function has a plain twin of the same contract (name with _plain); the unit test holds
 * them against each other. No function reads behind `end`.
 *
 * Layer:   pure
 * Memory:  borrowed
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_SPAN_H
#define SR_SIP_SPAN_H

#include "sip/token.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/** Classes beyond those of token.h; test with sip__is(). */
enum {
    SIP__CH_VALUE = 1 << 0, /* of a parameter's value without quotes: see scan_value in token.c */
    SIP__CH_QUOTED =
        1 << 1, /* stands for itself inside quotes: no quote, backslash, bare control */
    SIP__CH_DISPLAY = 1 << 2, /* of a display name without quotes: token, LWS, UTF-8 */
};

extern const uint8_t sip__char_class[256];

static inline bool sip__is(char c, unsigned classes)
{
    return (sip__char_class[(uint8_t)c] & classes) != 0;
}

/* The first octet whose row of the table has none of the classes, or end. Four by four: most runs
   are shorter than what a vector needs to classify an octet. */
static inline const char *sip__run_of(const uint8_t table[256], const char *p, const char *end,
                                      unsigned classes)
{
    for (; end - p >= 4; p += 4) {
        if (!(table[(uint8_t)p[0]] & classes))
            return p;
        if (!(table[(uint8_t)p[1]] & classes))
            return p + 1;
        if (!(table[(uint8_t)p[2]] & classes))
            return p + 2;
        if (!(table[(uint8_t)p[3]] & classes))
            return p + 3;
    }
    while (p != end && (table[(uint8_t)*p] & classes))
        p++;
    return p;
}

/** End of the run of SIP_CH_* classes that begins at p. */
static inline const char *sip__run(const char *p, const char *end, unsigned classes)
{
    return sip__run_of(sip_char_class, p, end, classes);
}

/** End of the run of SIP__CH_* classes that begins at p. */
static inline const char *sip__run_more(const char *p, const char *end, unsigned classes)
{
    return sip__run_of(sip__char_class, p, end, classes);
}

/** The first octet below 0x20 other than HT, or end. */
static inline const char *sip__find_control_plain(const char *p, const char *end)
{
    while (p != end && ((uint8_t)*p >= 0x20 || *p == '\t'))
        p++;
    return p;
}

static inline const char *sip__find_control(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i limit = _mm_set1_epi8(0x1f);
    const __m128i tab = _mm_set1_epi8('\t');
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, limit), x);
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_andnot_si128(_mm_cmpeq_epi8(x, tab), low));
        if (mask)
            return p + __builtin_ctz(mask);
    }
#endif
    return sip__find_control_plain(p, end);
}

enum {
    SIP__SPAN = 16
}; /* octets of a vector */

/** Index of the first `c` in the SIP__SPAN octets at p; SIP__SPAN when it is not there. */
static inline size_t sip__find_near_plain(const char *p, char c)
{
    size_t n = 0;
    while (n < SIP__SPAN && p[n] != c)
        n++;
    return n;
}

static inline size_t sip__find_near(const char *p, char c)
{
#ifdef __SSE2__
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8(c)));
    return (size_t)__builtin_ctz(mask | 1u << SIP__SPAN);
#else
    return sip__find_near_plain(p, c);
#endif
}

/** Are the first n (<= SIP__SPAN) octets at a those at b? SIP__SPAN octets are there in both. */
static inline bool sip__same_near_plain(const char *a, const char *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

static inline bool sip__same_near(const char *a, const char *b, size_t n)
{
#ifdef __SSE2__
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)a);
    __m128i y = _mm_loadu_si128((const __m128i *)(const void *)b);
    unsigned differ = ~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y));
    return (differ & ((1u << n) - 1)) == 0;
#else
    return sip__same_near_plain(a, b, n);
#endif
}

/** Is `text` that literal, in any case? The spelling of the literal is tried first, inline. */
#define SIP__IS(text, literal)                                                                     \
    ((text).n == sizeof(literal) - 1 && (memcmp((text).p, "" literal, sizeof(literal) - 1) == 0 || \
                                         sr_str_ieq((text), SR_STR(literal))))

#endif

/* A packed text is a row of (words of zeros, words that follow, those words), counts in 16 bits each. */
#include "base/pack.h"

#include <string.h>

enum {
    WORD = 4,
    HEAD = 2 * sizeof(uint16_t), /* as long as a word: one zero among others is not worth a break */
};

static bool is_zero(const uint8_t *from, size_t at, size_t n)
{
    uint32_t word;

    if (at >= n)
        return false;
    memcpy(&word, from + at, WORD);
    return word == 0;
}

/* Behind the zeros that begin at `at`: most of what is packed, so in long steps. */
static size_t skip_zeros(const uint8_t *from, size_t at, size_t n)
{
    uint64_t some[4];

    while (at + sizeof(some) <= n) {
        memcpy(some, from + at, sizeof(some));
        if ((some[0] | some[1] | some[2] | some[3]) != 0)
            break;
        at += sizeof(some);
    }
    while (is_zero(from, at, n))
        at += WORD;
    return at;
}

size_t sr_pack(const void *from, size_t n, uint8_t *out)
{
    const uint8_t *bytes = from;
    size_t at = 0, used = 0;

    SR_ASSERT(n % WORD == 0 && n <= SR_PACK_BYTES_MAX);
    while (at < n) {
        size_t begin = at, text;
        uint16_t counts[2];

        text = at = skip_zeros(bytes, at, n);
        while (at < n && !(is_zero(bytes, at, n) && is_zero(bytes, at + WORD, n)))
            at += WORD;
        counts[0] = (uint16_t)((text - begin) / WORD);
        counts[1] = (uint16_t)((at - text) / WORD);
        if (out != NULL) {
            memcpy(out + used, counts, HEAD);
            memcpy(out + used + HEAD, bytes + text, at - text);
        }
        used += HEAD + (at - text);
    }
    return used;
}

void sr_unpack(const uint8_t *from, size_t from_bytes, void *out, size_t n)
{
    uint8_t *bytes = out;
    size_t used = 0, at = 0;

    while (used < from_bytes) {
        uint16_t counts[2];
        size_t zeros, text;

        SR_ASSERT(from_bytes - used >= HEAD);
        memcpy(counts, from + used, HEAD);
        zeros = (size_t)counts[0] * WORD;
        text = (size_t)counts[1] * WORD;
        used += HEAD;
        SR_ASSERT(text <= from_bytes - used && zeros + text <= n - at);
        memset(bytes + at, 0, zeros);
        memcpy(bytes + at + zeros, from + used, text);
        used += text;
        at += zeros + text;
    }
    SR_ASSERT(at == n);
}

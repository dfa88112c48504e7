/**
 * @file header_internal.h  The table of headers and its look-up where a name is read, for this room only.
 *
 * Layer:   pure
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_HEADER_INTERNAL_H
#define SR_SIP_HEADER_INTERNAL_H

#include "sip/header.h"
#include "sip/span.h"

enum {
    SIP__HASH_BITS = 10
};

struct sip__row {
    char name[28]; /* read sixteen at a time; 32 bytes per row */
    uint8_t len;
    char compact;
    uint8_t many; /* enum sip_many */
    uint8_t kind; /* enum sip_kind */
};

/* indexed by enum sip_hdr */
extern const struct sip__row sip__rows[SIP_HDR_COUNT];
/* the perfect hash of header_table.py */
extern const uint8_t sip__slots[1 << SIP__HASH_BITS];
extern const uint32_t sip__hash_mul;

/** The only row a name of 1 to 64 octets can be: by its length and its first, middle, and last octet. */
static inline uint8_t sip__slot_of(const char *name, size_t n)
{
    const uint8_t *c = (const uint8_t *)name;
    uint32_t key = (uint32_t)n << 24 | (uint32_t)c[0] << 16 | (uint32_t)c[n / 2] << 8 | c[n - 1];
    return sip__slots[((key | 0x202020) * sip__hash_mul) >> (32 - SIP__HASH_BITS)];
}

static inline bool sip__is_compact(const struct sip__row *row, char c)
{
    return row->compact == (char)(c | 0x20) && sr_is_alpha(c);
}

/**
 * The header of the line at p when it is written as most are: a name of the table in the table's
 * spelling, at most fifteen octets, or a compact name, with the colon right behind it.
 *
 * @return SIP_HDR_OTHER for all else: scan the name and ask sip_header_of
 */
static inline enum sip_hdr sip__header_at(const char *p, const char *end, size_t *ret_name_len)
{
    if (end - p < SIP__SPAN)
        return SIP_HDR_OTHER;
    size_t n = sip__find_near(p, ':');
    if (n == 0 || n == SIP__SPAN)
        return SIP_HDR_OTHER;
    uint8_t id = sip__slot_of(p, n);
    const struct sip__row *row = &sip__rows[id];
    *ret_name_len = n;
    if ((row->len == n && sip__same_near(p, row->name, n)) || (n == 1 && sip__is_compact(row, *p)))
        return (enum sip_hdr)id;
    return SIP_HDR_OTHER;
}

#endif

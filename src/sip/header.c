#include "sip/header.h"

#include "sip/header_internal.h"
#include "sip/header_table.inc"
#include "sip/span.h"

struct row {
    char name[24]; /* read sixteen at a time */
    uint8_t len;
    char compact;
    uint8_t many; /* enum sip_many */
    uint8_t kind; /* enum sip_kind */
};

static const struct row rows[SIP_HDR_COUNT] = {{"", 0, 0, SIP_MANY_LINES, SIP_KIND_TEXT},
#define X(id, name, compact, many, kind)                                                           \
    {name, sizeof(name) - 1, compact, SIP_MANY_##many, SIP_KIND_##kind},
                                               SIP_HEADER_MAP(X)
#undef X
};

_Static_assert(SIP_HDR_COUNT <= 256, "ids fit a byte");

static bool same_name(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sr_lower(a[i]) != sr_lower(b[i]))
            return false;
    return true;
}

/* The only row a name of n (>= 1) octets can be. */
static inline uint8_t slot_of(const char *name, size_t n)
{
    const uint8_t *c = (const uint8_t *)name;
    uint32_t len = (uint32_t)n;
    uint32_t hash = len * HASH_LEN + (c[0] | 0x20u) * HASH_FIRST + (c[len - 1] | 0x20u) * HASH_LAST +
                    (c[len / 2] | 0x20u) * HASH_MIDDLE + (c[len / 3] | 0x20u) * HASH_THIRD;
    return slots[hash & (HASH_SLOTS - 1)];
}

static inline bool is_compact(const struct row *row, char c)
{
    return row->compact == (char)(c | 0x20) && sr_is_alpha(c);
}

enum sip_hdr sip_header_of(struct sr_str name)
{
    if (!name.n || name.n > 64)
        return SIP_HDR_OTHER;
    uint8_t id = slot_of(name.p, name.n);
    const struct row *row = &rows[id];
    if (name.n == 1)
        return is_compact(row, name.p[0]) ? (enum sip_hdr)id : SIP_HDR_OTHER;
    if (row->len != name.n)
        return SIP_HDR_OTHER;
    if (memcmp(row->name, name.p, name.n) == 0 || same_name(row->name, name.p, name.n))
        return (enum sip_hdr)id;
    return SIP_HDR_OTHER;
}

enum sip_hdr sip__header_at(const char *p, const char *end, size_t *ret_name_len)
{
    const char *colon = sip__find_near(p, end, ':');
    if (!colon || colon == p)
        return SIP_HDR_OTHER;
    size_t n = (size_t)(colon - p);
    uint8_t id = slot_of(p, n);
    const struct row *row = &rows[id];
    *ret_name_len = n;
    if (row->len == n && sip__same_short(p, end, row->name, n))
        return (enum sip_hdr)id;
    return n == 1 && is_compact(row, *p) ? (enum sip_hdr)id : SIP_HDR_OTHER;
}

static const struct row *row_of(enum sip_hdr id)
{
    return &rows[(unsigned)id < SIP_HDR_COUNT ? id : SIP_HDR_OTHER];
}

const char *sip_header_name(enum sip_hdr id)
{
    return row_of(id)->name;
}

char sip_header_compact(enum sip_hdr id)
{
    return row_of(id)->compact;
}

enum sip_many sip_header_many(enum sip_hdr id)
{
    return (enum sip_many)row_of(id)->many;
}

enum sip_kind sip_header_kind(enum sip_hdr id)
{
    return (enum sip_kind)row_of(id)->kind;
}

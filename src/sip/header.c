#include "sip/header.h"

#include "sip/header_internal.h"
#include "sip/header_table.inc"

const struct sip__row sip__rows[SIP_HDR_COUNT] = {{"", 0, 0, SIP_MANY_LINES, SIP_KIND_TEXT},
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

enum sip_hdr sip_header_of(struct sr_str name)
{
    if (!name.n || name.n > 64)
        return SIP_HDR_OTHER;
    uint8_t id = sip__slot_of(name.p, name.n);
    const struct sip__row *row = &sip__rows[id];
    if (name.n == 1)
        return sip__is_compact(row, name.p[0]) ? (enum sip_hdr)id : SIP_HDR_OTHER;
    if (row->len != name.n)
        return SIP_HDR_OTHER;
    if (memcmp(row->name, name.p, name.n) == 0 || same_name(row->name, name.p, name.n))
        return (enum sip_hdr)id;
    return SIP_HDR_OTHER;
}

static const struct sip__row *row_of(enum sip_hdr id)
{
    return &sip__rows[(unsigned)id < SIP_HDR_COUNT ? id : SIP_HDR_OTHER];
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

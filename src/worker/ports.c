#include "base/alloc.h"
#include "worker/internal.h"

void ports__init(struct ports *ports, uint16_t port_min, uint16_t port_max)
{
    uint32_t first = (port_min + 1u) & ~1u; /* RFC 3550 11: RTP even, RTCP the odd one above */

    *ports = (struct ports){.port_min = (uint16_t)first, .port_max = port_max};
    ports->pair_count = port_max > first ? (port_max - first + 1u) / 2 : 0;
    ports->used = sr_zalloc(ports->pair_count / 64 + 1, sizeof(*ports->used));
    if (ports->pair_count > 0)
        ports->next = (uint32_t)(sr_random_u64() % ports->pair_count);
}

void ports__done(struct ports *ports)
{
    sr_free(ports->used);
    *ports = (struct ports){0};
}

uint16_t ports__take(struct ports *ports)
{
    for (uint32_t i = 0; i < ports->pair_count; i++) {
        uint32_t pair = (ports->next + i) % ports->pair_count;
        uint64_t bit = 1ull << (pair % 64);

        if (ports->used[pair / 64] & bit)
            continue;
        ports->used[pair / 64] |= bit;
        ports->used_count++;
        ports->next = (pair + 1) % ports->pair_count;
        return (uint16_t)(ports->port_min + 2 * pair);
    }
    return 0;
}

void ports__give(struct ports *ports, uint16_t port)
{
    uint32_t pair = (uint32_t)(port - ports->port_min) / 2;

    /* a port of a range that was in force before a reload is simply forgotten */
    if (port < ports->port_min || pair >= ports->pair_count ||
        !(ports->used[pair / 64] & (1ull << (pair % 64))))
        return;
    ports->used[pair / 64] &= ~(1ull << (pair % 64));
    ports->used_count--;
}

void ports__keep(struct ports *ports, uint16_t port)
{
    uint32_t pair = (uint32_t)(port - ports->port_min) / 2;

    if (port < ports->port_min || pair >= ports->pair_count)
        return;
    ports->used[pair / 64] |= 1ull << (pair % 64);
    ports->used_count++;
}

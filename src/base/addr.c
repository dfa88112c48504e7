#include "base/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>

static void unmap(struct sr_addr *addr)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (addr->family != SR_ADDR_IP6 || memcmp(addr->ip, mapped, sizeof(mapped)) != 0)
        return;
    memmove(addr->ip, addr->ip + 12, 4);
    memset(addr->ip + 4, 0, 12);
    addr->family = SR_ADDR_IP4;
    addr->scope = 0;
}

enum sr_err sr_addr_parse_ip(struct sr_str text, struct sr_addr *ret_addr)
{
    char copy[SR_ADDR_TEXT_MAX];
    struct sr_addr addr = {0};
    char *zone;

    if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') {
        text = sr_str_make(text.p + 1, text.n - 2);
        if (sr_str_find(text, ':', 0) == text.n)
            return SR_ERR_SYNTAX;
    }
    if (text.n == 0 || !sr_str_copy(text, copy, sizeof(copy)) || strlen(copy) != text.n)
        return SR_ERR_SYNTAX;
    if (inet_pton(AF_INET, copy, addr.ip) == 1) {
        addr.family = SR_ADDR_IP4;
        *ret_addr = addr;
        return SR_OK;
    }
    zone = strchr(copy, '%');
    if (zone != NULL) {
        *zone = '\0';
        addr.scope = if_nametoindex(zone + 1);
        if (addr.scope == 0 && sr_str_u32(sr_str_c(zone + 1), UINT32_MAX, &addr.scope) != SR_OK)
            return SR_ERR_SYNTAX;
    }
    if (inet_pton(AF_INET6, copy, addr.ip) != 1)
        return SR_ERR_SYNTAX;
    addr.family = SR_ADDR_IP6;
    unmap(&addr);
    *ret_addr = addr;
    return SR_OK;
}

enum sr_err sr_addr_parse(struct sr_str text, uint16_t default_port, struct sr_addr *ret_addr)
{
    struct sr_str host = text;
    struct sr_str port = {NULL, 0};
    struct sr_addr addr;
    uint32_t number = default_port;
    enum sr_err err;

    if (text.n > 0 && text.p[0] == '[') {
        size_t close = sr_str_find(text, ']', 0);

        if (close == text.n)
            return SR_ERR_SYNTAX;
        host = sr_str_head(text, close + 1);
        port = sr_str_from(text, close + 1);
        if (port.n > 0 && port.p[0] != ':')
            return SR_ERR_SYNTAX;
    } else {
        size_t colon = sr_str_find(text, ':', 0);

        if (colon < text.n && sr_str_find(text, ':', colon + 1) == text.n) {
            host = sr_str_head(text, colon);
            port = sr_str_from(text, colon);
        }
    }
    if (port.n > 0 && sr_str_u32(sr_str_from(port, 1), UINT16_MAX, &number) != SR_OK)
        return SR_ERR_SYNTAX;
    err = sr_addr_parse_ip(host, &addr);
    if (err != SR_OK)
        return err;
    addr.port = (uint16_t)number;
    *ret_addr = addr;
    return SR_OK;
}

void sr_addr_from_sockaddr(const struct sockaddr *sa, struct sr_addr *ret_addr)
{
    struct sr_addr addr = {0};

    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, sa, sizeof(in));
        addr.family = SR_ADDR_IP4;
        addr.port = ntohs(in.sin_port);
        memcpy(addr.ip, &in.sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, sa, sizeof(in6));
        addr.family = SR_ADDR_IP6;
        addr.port = ntohs(in6.sin6_port);
        addr.scope = in6.sin6_scope_id;
        memcpy(addr.ip, &in6.sin6_addr, 16);
        unmap(&addr);
    }
    *ret_addr = addr;
}

socklen_t sr_addr_to_sockaddr(const struct sr_addr *addr, struct sockaddr_storage *ret_sa)
{
    memset(ret_sa, 0, sizeof(*ret_sa));
    if (addr->family == SR_ADDR_IP4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};

        memcpy(&in.sin_addr, addr->ip, 4);
        memcpy(ret_sa, &in, sizeof(in));
        return sizeof(in);
    }
    if (addr->family == SR_ADDR_IP6) {
        struct sockaddr_in6 in6 = {
            .sin6_family = AF_INET6, .sin6_port = htons(addr->port), .sin6_scope_id = addr->scope};

        memcpy(&in6.sin6_addr, addr->ip, 16);
        memcpy(ret_sa, &in6, sizeof(in6));
        return sizeof(in6);
    }
    return 0;
}

/* Decimal, not closed; behind its last digit. Addresses are written some fifty times for a call: not by printf. */
static char *put_number(char *at, unsigned value)
{
    char digits[10];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

const char *sr_addr_ip_text(const struct sr_addr *addr, char out[SR_ADDR_TEXT_MAX])
{
    char *at = out;

    if (addr->family == SR_ADDR_IP4) {
        for (size_t i = 0; i < 4; i++) {
            at = put_number(at, addr->ip[i]);
            *at++ = i < 3 ? '.' : '\0';
        }
    } else if (addr->family != SR_ADDR_IP6 ||
               inet_ntop(AF_INET6, addr->ip, out, SR_ADDR_TEXT_MAX) == NULL) {
        (void)sr_str_copy(SR_STR("-"), out, SR_ADDR_TEXT_MAX);
    }
    return out;
}

const char *sr_addr_host_text(const struct sr_addr *addr, char out[SR_ADDR_TEXT_MAX])
{
    char ip[SR_ADDR_TEXT_MAX];

    if (addr->family != SR_ADDR_IP6)
        return sr_addr_ip_text(addr, out);
    (void)snprintf(out, SR_ADDR_TEXT_MAX, "[%.*s]", SR_ADDR_TEXT_MAX - 3,
                   sr_addr_ip_text(addr, ip));
    return out;
}

const char *sr_addr_text(const struct sr_addr *addr, char out[SR_ADDR_TEXT_MAX])
{
    char *at = out + strlen(sr_addr_host_text(addr, out)); /* of INET6_ADDRSTRLEN and 2 at most */

    *at++ = ':';
    *put_number(at, addr->port) = '\0';
    return out;
}

bool sr_addr_ip_eq(const struct sr_addr *a, const struct sr_addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool sr_addr_eq(const struct sr_addr *a, const struct sr_addr *b)
{
    return a->port == b->port && sr_addr_ip_eq(a, b);
}

uint64_t sr_addr_hash(const struct sr_addr *addr)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < sizeof(addr->ip); i++)
        h = (h ^ addr->ip[i]) * 0x100000001b3u;
    h = (h ^ addr->port) * 0x100000001b3u;
    return h ^ (h >> 29);
}

bool sr_addr_is_any(const struct sr_addr *addr)
{
    static const uint8_t zero[16];

    return memcmp(addr->ip, zero, sizeof(zero)) == 0;
}

bool sr_addr_is_loopback(const struct sr_addr *addr)
{
    static const uint8_t one[16] = {[15] = 1};

    if (addr->family == SR_ADDR_IP4)
        return addr->ip[0] == 127;
    return addr->family == SR_ADDR_IP6 && memcmp(addr->ip, one, sizeof(one)) == 0;
}

bool sr_addr_is_link_local(const struct sr_addr *addr)
{
    if (addr->family == SR_ADDR_IP4)
        return addr->ip[0] == 169 && addr->ip[1] == 254;
    return addr->family == SR_ADDR_IP6 && addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;
}

bool sr_addr_is_multicast(const struct sr_addr *addr)
{
    static const uint8_t broadcast[4] = {255, 255, 255, 255};

    if (addr->family == SR_ADDR_IP6)
        return addr->ip[0] == 0xff;
    if (addr->family != SR_ADDR_IP4)
        return false;
    return (addr->ip[0] & 0xf0) == 0xe0 || memcmp(addr->ip, broadcast, 4) == 0 ||
           (addr->ip[0] == 0 && !sr_addr_is_any(addr));
}

bool sr_addr_is_private(const struct sr_addr *addr)
{
    const uint8_t *ip = addr->ip;

    if (addr->family == SR_ADDR_IP6)
        return (ip[0] & 0xfe) == 0xfc;
    if (addr->family != SR_ADDR_IP4)
        return false;
    return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
           (ip[0] == 192 && ip[1] == 168) || (ip[0] == 100 && (ip[1] & 0xc0) == 64);
}

enum sr_err sr_cidr_parse(struct sr_str text, struct sr_cidr *ret_cidr)
{
    size_t slash = sr_str_find(text, '/', 0);
    struct sr_cidr cidr = {0};
    uint32_t bits_max;
    uint32_t bits;
    enum sr_err err = sr_addr_parse_ip(sr_str_head(text, slash), &cidr.addr);

    if (err != SR_OK)
        return err;
    bits_max = cidr.addr.family == SR_ADDR_IP4 ? 32 : 128;
    bits = bits_max;
    if (slash < text.n && sr_str_u32(sr_str_from(text, slash + 1), bits_max, &bits) != SR_OK)
        return SR_ERR_SYNTAX;
    cidr.bits = (uint8_t)bits;
    *ret_cidr = cidr;
    return SR_OK;
}

bool sr_cidr_has(const struct sr_cidr *cidr, const struct sr_addr *addr)
{
    size_t whole = cidr->bits / 8;
    unsigned rest = cidr->bits % 8;
    unsigned mask = 0xff00u >> rest & 0xff;

    if (cidr->addr.family != addr->family || memcmp(cidr->addr.ip, addr->ip, whole) != 0)
        return false;
    return rest == 0 || (cidr->addr.ip[whole] & mask) == (addr->ip[whole] & mask);
}

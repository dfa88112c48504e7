#include "net/own_addrs.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/str.h"

enum {
    IF_INET6_LINE_MAX = 256,
    IFA_IS_TEMPORARY = 0x01, /* linux/if_addr.h: for IPv6, of a privacy extension */
};

/* docker0, br-0123456789ab, veth..., virbr0, podman0, cni0, lxcbr0: not br-lan, not vmbr0. */
static bool is_virtual(const char *name)
{
    static const char *const prefixes[] = {"docker", "veth", "virbr", "podman", "cni", "lxc"};
    size_t hex = 0;

    for (size_t i = 0; i < SR_ARRAY_LEN(prefixes); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    if (strncmp(name, "br-", 3) != 0)
        return false;
    while (name[3 + hex] != '\0' && strchr("0123456789abcdef", name[3 + hex]) != NULL)
        hex++;
    return hex == 12 && name[15] == '\0';
}

/* getifaddrs does not tell; the kernel's table does: address, index, prefix, scope, flags, name. */
static bool is_temporary(const struct sr_addr *addr)
{
    FILE *file = addr->family == SR_ADDR_IP6 ? fopen("/proc/net/if_inet6", "re") : NULL;
    char line[IF_INET6_LINE_MAX], want[33];
    unsigned flags = 0;
    bool is_found = false;

    if (file == NULL)
        return false;
    for (size_t i = 0; i < 16; i++)
        (void)snprintf(want + 2 * i, 3, "%02x", addr->ip[i]);
    while (!is_found && fgets(line, sizeof(line), file) != NULL)
        is_found =
            strncmp(line, want, 32) == 0 && sscanf(line + 32, " %*x %*x %*x %x", &flags) == 1;
    (void)fclose(file);
    return is_found && (flags & IFA_IS_TEMPORARY) != 0;
}

size_t net_own_addrs(struct sr_addr *ret_addrs, size_t max)
{
    struct ifaddrs *list = NULL;
    size_t count = 0;

    if (getifaddrs(&list) != 0)
        return 0;
    for (const struct ifaddrs *item = list; item != NULL && count < max; item = item->ifa_next) {
        struct sr_addr *addr = &ret_addrs[count];

        if (item->ifa_addr == NULL || (item->ifa_flags & IFF_UP) == 0 ||
            (item->ifa_addr->sa_family != AF_INET && item->ifa_addr->sa_family != AF_INET6))
            continue;
        sr_addr_from_sockaddr(item->ifa_addr, addr);
        addr->scope = 0;
        addr->port = 0;
        if (!sr_addr_is_link_local(addr) && !is_virtual(item->ifa_name) && !is_temporary(addr))
            count++;
    }
    freeifaddrs(list);
    return count;
}

/* Lower is better. */
static int rank(const struct sr_addr *addr)
{
    if (sr_addr_is_loopback(addr))
        return 4;
    return (addr->family == SR_ADDR_IP6 ? 2 : 0) + (sr_addr_is_private(addr) ? 0 : 1);
}

const struct sr_addr *net_lan_addr(const struct sr_addr *addrs, size_t count)
{
    const struct sr_addr *best = NULL;

    for (size_t i = 0; i < count; i++)
        if (best == NULL || rank(&addrs[i]) < rank(best))
            best = &addrs[i];
    return best;
}

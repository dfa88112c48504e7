/**
 * @file test_ip6.h  Is there IPv6 on loopback? A container may have none: what is shown over it is left out there.
 */
#ifndef SR_TEST_IP6_H
#define SR_TEST_IP6_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

static inline bool test_has_ip6(void)
{
    struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0;

    if (fd >= 0)
        (void)close(fd);
    return has;
}

#endif

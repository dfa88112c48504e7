/* The two sockets of an RTP leg. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <unistd.h>

#include "worker/internal.h"

static int open_one(const struct sr_addr *local, uint16_t port, uint8_t dscp)
{
    struct sr_addr bound = *local;
    struct sockaddr_storage sa;
    int family = local->family == SR_ADDR_IP6 ? AF_INET6 : AF_INET;
    int bytes = LEG_SOCKET_BYTES;
    int tos = dscp << 2;
    int one = 1;
    socklen_t n;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    bound.port = port;
    n = sr_addr_to_sockaddr(&bound, &sa);
    /* these are wishes: a kernel that refuses them still carries audio */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
    } else {
        (void)setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
    }
    if (bind(fd, (struct sockaddr *)&sa, n) < 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

enum sr_err sockets__open_pair(const struct sr_addr *local, uint16_t port, uint8_t dscp,
                               int ret_fds[2])
{
    int rtp_fd = open_one(local, port, dscp);
    int rtcp_fd;

    if (rtp_fd < 0)
        return errno == EADDRINUSE ? SR_ERR_EXISTS : SR_ERR_IO;
    rtcp_fd = open_one(local, (uint16_t)(port + 1), dscp);
    if (rtcp_fd < 0) {
        enum sr_err err = errno == EADDRINUSE ? SR_ERR_EXISTS : SR_ERR_IO;

        close(rtp_fd);
        return err;
    }
    ret_fds[0] = rtp_fd;
    ret_fds[1] = rtcp_fd;
    return SR_OK;
}

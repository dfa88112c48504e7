/* The two sockets of an RTP leg. */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <time.h>
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

uint32_t sockets__kernel_drops(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof(info);

    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &n) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

void sockets__stamp(int fd, bool is_wanted)
{
    int value = is_wanted;

    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &value, sizeof(value)); /* a wish */
}

sr_usec sockets__stamp_of(struct msghdr *msg)
{
    struct timespec stamp;

    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&stamp, CMSG_DATA(cmsg), sizeof(stamp));
        return (sr_usec)stamp.tv_sec * SR_SEC + stamp.tv_nsec / 1000;
    }
    return 0;
}

ssize_t sockets__receive_stamped(int fd, uint8_t *bytes, size_t size, struct sr_addr *from,
                                 sr_usec *ret_wall)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct sockaddr_storage sa;
    struct iovec iov = {bytes, size};
    struct msghdr msg = {.msg_name = from != NULL ? &sa : NULL,
                         .msg_namelen = from != NULL ? sizeof(sa) : 0,
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

    *ret_wall = 0;
    if (n < 0)
        return n;
    if (from != NULL)
        sr_addr_from_sockaddr((struct sockaddr *)&sa, from);
    *ret_wall = sockets__stamp_of(&msg);
    return n;
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

#include "net/socket.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PORT_UNPRIVILEGED = 1024,
    HOLDER_TRIES = 3,
};

static bool set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static void local_name(int fd, struct sr_addr *ret_addr)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);

    memset(&sa, 0, sizeof(sa));
    if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
        sr_addr_from_sockaddr((struct sockaddr *)&sa, ret_addr);
    else
        *ret_addr = (struct sr_addr){0};
}

/* The inode of the socket with that port, from one table of /proc/net; 0: none. */
static unsigned long inode_of_port(const char *table, uint16_t port, bool is_listener_wanted)
{
    char line[512];
    unsigned long found = 0;
    FILE *f = fopen(table, "re");

    if (!f)
        return 0;
    while (!found && fgets(line, sizeof(line), f)) {
        unsigned line_port, state;
        unsigned long inode;
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s %*s %lu", &line_port,
                   &state, &inode) == 3 &&
            line_port == port && (!is_listener_wanted || state == 0x0A))
            found = inode;
    }
    (void)fclose(f);
    return found;
}

static bool process_has_inode(const char *pid, unsigned long inode)
{
    char path[300];
    char link[64];
    char wanted[64];
    bool found = false;

    (void)snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    (void)snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    struct dirent *entry;
    while (!found && (entry = readdir(dir)) != NULL) {
        (void)snprintf(path, sizeof(path), "/proc/%.20s/fd/%.20s", pid, entry->d_name);
        ssize_t n = readlink(path, link, sizeof(link) - 1);
        if (n > 0) {
            link[n] = '\0';
            found = strcmp(link, wanted) == 0;
        }
    }
    (void)closedir(dir);
    return found;
}

static void describe_process(const char *pid, char out[NET_WHY_MAX])
{
    char path[64];
    char name[64] = "a process";

    (void)snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    FILE *f = fopen(path, "re");
    if (f) {
        if (fgets(name, sizeof(name), f))
            name[strcspn(name, "\n")] = '\0';
        (void)fclose(f);
    }
    (void)snprintf(out, NET_WHY_MAX, "%s (pid %.20s)", name, pid);
}

void socket_holder(enum net_kind kind, const struct sr_addr *addr, char out[NET_WHY_MAX])
{
    bool is_udp = kind == NET_UDP;
    const char *table = addr->family == SR_ADDR_IP6 ? (is_udp ? "/proc/net/udp6" : "/proc/net/tcp6")
                                                    : (is_udp ? "/proc/net/udp" : "/proc/net/tcp");
    unsigned long inode = 0;

    out[0] = '\0';
    /* the kernel lists what moves: on a busy machine one reading may miss a line */
    for (int i = 0; i < HOLDER_TRIES && inode == 0; i++)
        inode = inode_of_port(table, addr->port, !is_udp);
    if (inode == 0)
        return;
    DIR *dir = opendir("/proc");
    if (!dir)
        return;
    struct dirent *entry;
    while (out[0] == '\0' && (entry = readdir(dir)) != NULL) {
        if (sr_is_digit(entry->d_name[0]) && process_has_inode(entry->d_name, inode))
            describe_process(entry->d_name, out);
    }
    (void)closedir(dir);
}

static void set_udp_options(int fd, uint8_t family)
{
    if (family == SR_ADDR_IP4)
        SR_ASSERT(set_int(fd, IPPROTO_IP, IP_PKTINFO, 1));
    else
        SR_ASSERT(set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1));
    /* asked, not claimed: the kernel may give less */
    (void)set_int(fd, SOL_SOCKET, SO_RCVBUF, NET_UDP_BUFFER_BYTES);
    (void)set_int(fd, SOL_SOCKET, SO_SNDBUF, NET_UDP_BUFFER_BYTES);
    (void)set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
}

void socket_mark(int fd, uint8_t family, uint8_t dscp)
{
    if (family == SR_ADDR_IP6)
        (void)set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, dscp << 2);
    else
        (void)set_int(fd, IPPROTO_IP, IP_TOS, dscp << 2);
}

/* What to do about it, where the system's own words do not say. */
static const char *hint_of(const struct sr_addr *addr, int error)
{
    if (error == EADDRNOTAVAIL)
        return "; this machine has no such address";
    if (error == EACCES && addr->port < PORT_UNPRIVILEGED)
        return "; a port below 1024 needs CAP_NET_BIND_SERVICE";
    if (error == EMFILE)
        return "; raise the limit of files (LimitNOFILE, ulimit -n)";
    return "";
}

void net_bind_why(enum net_kind kind, const struct sr_addr *addr, int error,
                  char reterr_why[NET_WHY_MAX])
{
    char text[SR_ADDR_TEXT_MAX];
    char holder[NET_WHY_MAX];

    (void)sr_addr_text(addr, text);
    if (error != EADDRINUSE) {
        (void)snprintf(reterr_why, NET_WHY_MAX, "%s %s cannot be opened: %s%s", net_kind_name(kind),
                       text, strerror(error), hint_of(addr, error));
        return;
    }
    socket_holder(kind, addr, holder);
    (void)snprintf(reterr_why, NET_WHY_MAX, "%s %s is taken%s%.100s", net_kind_name(kind), text,
                   holder[0] ? " by " : "", holder);
}

static enum sr_err bind_failed(enum net_kind kind, const struct sr_addr *addr, int error,
                               char reterr_why[NET_WHY_MAX])
{
    net_bind_why(kind, addr, error, reterr_why);
    return error == EADDRINUSE ? SR_ERR_EXISTS : SR_ERR_IO;
}

enum sr_err socket_bind(enum net_kind kind, const struct sr_addr *addr, int *ret_fd,
                        struct sr_addr *ret_addr, char reterr_why[NET_WHY_MAX])
{
    struct sockaddr_storage sa;
    socklen_t sa_len = sr_addr_to_sockaddr(addr, &sa);
    int type = kind == NET_UDP ? SOCK_DGRAM : SOCK_STREAM;
    int fd = -1;

    if (sa_len > 0)
        fd = socket(sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    else
        errno = EAFNOSUPPORT;
    if (fd < 0)
        return bind_failed(kind, addr, errno, reterr_why);
    if (addr->family == SR_ADDR_IP6)
        SR_ASSERT(set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    if (kind == NET_UDP)
        set_udp_options(fd, addr->family);
    else
        SR_ASSERT(set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    if (bind(fd, (struct sockaddr *)&sa, sa_len) != 0 ||
        (kind != NET_UDP && listen(fd, 1024) != 0)) {
        enum sr_err err = bind_failed(kind, addr, errno, reterr_why);
        (void)close(fd);
        return err;
    }
    local_name(fd, ret_addr);
    *ret_fd = fd;
    return SR_OK;
}

enum sr_err socket_connect(const struct sr_addr *remote, const struct sr_addr *local, int *ret_fd,
                           struct sr_addr *ret_local)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = sr_addr_to_sockaddr(remote, &sa);
    struct sr_addr from = *local;

    if (sa_len == 0)
        return SR_ERR_IO;
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return SR_ERR_IO;
    (void)set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    from.port = 0;
    if (from.family == remote->family && !sr_addr_is_any(&from)) {
        struct sockaddr_storage from_sa;
        socklen_t from_len = sr_addr_to_sockaddr(&from, &from_sa);
        if (bind(fd, (struct sockaddr *)&from_sa, from_len) != 0)
            goto fail;
    }
    if (connect(fd, (struct sockaddr *)&sa, sa_len) != 0 && errno != EINPROGRESS)
        goto fail;
    local_name(fd, ret_local);
    *ret_fd = fd;
    return SR_OK;
fail:
    (void)close(fd);
    return SR_ERR_IO;
}

static void read_control(struct msghdr *msg, struct sr_addr *local, uint32_t *ret_dropped)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            memcpy(local->ip, &info.ipi_spec_dst, 4);
            local->family = SR_ADDR_IP4;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            memcpy(local->ip, &info.ipi6_addr, 16);
            local->family = SR_ADDR_IP6;
            local->scope = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(ret_dropped, CMSG_DATA(c), sizeof(*ret_dropped));
        }
    }
}

union control {
    struct cmsghdr header; /* for its alignment */
    char bytes[128];
};

ssize_t socket_recv(int fd, char *out, size_t size, struct net_flow *flow, bool *ret_truncated,
                    uint32_t *ret_dropped)
{
    struct sockaddr_storage sa;
    union control control;
    struct iovec iov = {.iov_base = out, .iov_len = size};
    struct msghdr msg = {
        .msg_name = &sa,
        .msg_namelen = sizeof(sa),
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t n = recvmsg(fd, &msg, 0);

    if (n < 0)
        return n;
    sr_addr_from_sockaddr((struct sockaddr *)&sa, &flow->remote);
    *ret_truncated = (msg.msg_flags & MSG_TRUNC) != 0;
    read_control(&msg, &flow->local, ret_dropped);
    return n;
}

static void write_control(struct msghdr *msg, union control *control, const struct sr_addr *local)
{
    memset(control, 0, sizeof(*control));
    msg->msg_control = control;
    if (local->family == SR_ADDR_IP4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, local->ip, 4);
        control->header = (struct cmsghdr){
            .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof(info))};
        memcpy(CMSG_DATA(&control->header), &info, sizeof(info));
        msg->msg_controllen = CMSG_SPACE(sizeof(info));
    } else {
        struct in6_pktinfo info = {.ipi6_ifindex = local->scope};
        memcpy(&info.ipi6_addr, local->ip, 16);
        control->header = (struct cmsghdr){.cmsg_level = IPPROTO_IPV6,
                                           .cmsg_type = IPV6_PKTINFO,
                                           .cmsg_len = CMSG_LEN(sizeof(info))};
        memcpy(CMSG_DATA(&control->header), &info, sizeof(info));
        msg->msg_controllen = CMSG_SPACE(sizeof(info));
    }
}

bool socket_send(int fd, const struct net_flow *flow, struct sr_str bytes)
{
    struct sockaddr_storage sa;
    union control control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes.p, .iov_len = bytes.n};
    struct msghdr msg = {
        .msg_name = &sa,
        .msg_namelen = sr_addr_to_sockaddr(&flow->remote, &sa),
        .msg_iov = &iov,
        .msg_iovlen = 1,
    };

    if (flow->local.family == flow->remote.family && !sr_addr_is_any(&flow->local))
        write_control(&msg, &control, &flow->local);
    return sendmsg(fd, &msg, MSG_NOSIGNAL) >= 0;
}

enum sr_err socket_local_for(const struct sr_addr *remote, struct sr_addr *ret_local)
{
    struct sockaddr_storage sa;
    struct sr_addr to = *remote;
    enum sr_err err = SR_ERR_IO;

    to.port = to.port ? to.port : 5060; /* nothing is sent; connect() wants some port */
    socklen_t sa_len = sr_addr_to_sockaddr(&to, &sa);
    if (sa_len == 0)
        return SR_ERR_IO;
    int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return SR_ERR_IO;
    if (connect(fd, (struct sockaddr *)&sa, sa_len) == 0) {
        local_name(fd, ret_local);
        ret_local->port = 0;
        err = SR_OK;
    }
    (void)close(fd);
    return err;
}

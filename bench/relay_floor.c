/*
 * The least a relay of RTP can do: two sockets a call, epoll, receive here, send there. The address
 * of each side is learnt from its first packet. No RTP is looked at. The floor for the relays.
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
    EVENTS = 256,
    PACKET_MAX = 2048
};

struct side {
    int fd;
    int other_fd;
    bool is_known, *is_other_known;
};

static void forward(struct side *side)
{
    char packet[PACKET_MAX];
    for (;;) {
        ssize_t n;
        if (side->is_known) {
            n = recv(side->fd, packet, sizeof packet, 0);
        } else {
            struct sockaddr_in from;
            socklen_t len = sizeof from;
            n = recvfrom(side->fd, packet, sizeof packet, 0, (struct sockaddr *)&from, &len);
            if (n >= 0 && connect(side->fd, (struct sockaddr *)&from, len) == 0)
                side->is_known = true;
        }
        if (n < 0)
            return;
        if (*side->is_other_known)
            (void)!send(side->other_fd, packet, (size_t)n, 0);
    }
}

int main(int argc, char **argv)
{
    unsigned calls = (unsigned)bench_option_number(argc, argv, "calls", 100);
    uint16_t base = (uint16_t)bench_option_number(argc, argv, "base", 20000);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    struct side *sides = calloc((size_t)calls * 2, sizeof *sides);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!sides || epoll < 0)
        bench_die("no memory, or no epoll");
    for (unsigned i = 0; i < calls * 2; i++) {
        sides[i].fd = bench_udp_socket("127.0.0.1", (uint16_t)(base + i * 2), NULL);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &sides[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, sides[i].fd, &event) != 0)
            bench_die("epoll: %s", strerror(errno));
    }
    for (unsigned i = 0; i < calls * 2; i++) {
        sides[i].other_fd = sides[i ^ 1].fd;
        sides[i].is_other_known = &sides[i ^ 1].is_known;
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++)
            forward(events[i].data.ptr);
    }
}

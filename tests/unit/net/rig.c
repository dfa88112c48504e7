#include "test.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

static void note(struct told *told, const struct net_flow *flow)
{
    told->flow = *flow;
    loop_stop(told->loop);
}

static void send_back(struct told *told, const struct net_flow *flow, const char *text)
{
    struct net_flow back = *flow;

    if (text)
        assert_int_equal(net_send(told->net, &back, NULL, sr_str_c(text)), SR_OK);
}

static void on_message(void *arg, const struct net_flow *flow, struct sr_str bytes)
{
    struct told *told = arg;

    told->messages++;
    told->last_n = bytes.n;
    (void)sr_str_copy(bytes, told->last, sizeof(told->last));
    note(told, flow);
    send_back(told, flow, told->answer);
}

static void on_bad_stream(void *arg, const struct net_flow *flow, struct sr_str head,
                          const char *why)
{
    struct told *told = arg;

    (void)head;
    assert_true(strlen(why) > 0);
    told->bad_streams++;
    note(told, flow);
    send_back(told, flow, told->bad_answer);
}

static void on_opened(void *arg, const struct net_flow *flow)
{
    struct told *told = arg;

    told->opened++;
    note(told, flow);
}

static void on_closed(void *arg, const struct net_flow *flow, enum sr_err err, const char *why)
{
    struct told *told = arg;

    told->closed++;
    told->closed_err = err;
    (void)snprintf(told->why, sizeof(told->why), "%s", why);
    note(told, flow);
}

static void on_pong(void *arg, const struct net_flow *flow)
{
    struct told *told = arg;

    told->pongs++;
    note(told, flow);
}

static void on_stun(void *arg, const struct net_flow *flow, struct sr_str bytes)
{
    struct told *told = arg;

    (void)bytes;
    told->stuns++;
    note(told, flow);
}

const struct net_handler told_handler = {
    .on_message = on_message,
    .on_bad_stream = on_bad_stream,
    .on_opened = on_opened,
    .on_closed = on_closed,
    .on_pong = on_pong,
    .on_stun = on_stun,
};

void rig_init(struct rig *rig, const struct net_options *a, const struct net_options *b)
{
    memset(rig, 0, sizeof(*rig));
    rig->blocks = sr_alloc_live();
    rig->loop = loop_uv_new();
    rig->a.loop = rig->b.loop = rig->loop;
    rig->a.net = net_new(rig->loop, &told_handler, &rig->a, a);
    rig->b.net = net_new(rig->loop, &told_handler, &rig->b, b);
}

void rig_done(struct rig *rig)
{
    net_free(rig->a.net);
    net_free(rig->b.net);
    loop_free(rig->loop);
    assert_int_equal(sr_alloc_live(), rig->blocks);
}

static void on_late(void *arg)
{
    struct rig *rig = arg;

    rig->is_late = true;
    loop_stop(rig->loop);
}

void rig_turn(struct rig *rig)
{
    struct loop_timer timer;

    loop_timer_init(&timer, on_late, rig);
    loop_timer_set(rig->loop, &timer, loop_now(rig->loop) + 30 * SR_SEC);
    loop_run(rig->loop);
    loop_timer_clear(rig->loop, &timer);
}

struct sr_addr addr_of(const char *text)
{
    struct sr_addr addr;

    assert_int_equal(sr_addr_parse(sr_str_c(text), 0, &addr), SR_OK);
    return addr;
}

static void set_limit(int fd)
{
    struct timeval tv = {.tv_sec = 30};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
}

int client_connect(const struct sr_addr *to)
{
    const struct sr_addr any = {.family = to->family};

    return client_connect_from(&any, to);
}

int client_connect_from(const struct sr_addr *from, const struct sr_addr *to)
{
    struct sockaddr_storage sa, from_sa;
    socklen_t n = sr_addr_to_sockaddr(to, &sa);
    socklen_t from_n = sr_addr_to_sockaddr(from, &from_sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    set_limit(fd);
    if (!sr_addr_is_any(from)) /* a port is then chosen by connect(), which may share them */
        assert_int_equal(bind(fd, (struct sockaddr *)&from_sa, from_n), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, n), 0);
    return fd;
}

int client_udp(int family)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    set_limit(fd);
    return fd;
}

void client_send(int fd, const char *bytes, size_t n)
{
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

size_t client_recv(int fd, char *out, size_t n)
{
    size_t got = 0;

    while (got < n) {
        ssize_t m = recv(fd, out + got, n - got, 0);
        if (m <= 0)
            break;
        got += (size_t)m;
    }
    return got;
}

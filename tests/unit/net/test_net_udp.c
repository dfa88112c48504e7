#include "test.h"

#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "rtc/stun.h"
#include "unit/test_ip6.h"

static void send_to(int fd, const struct sr_addr *to, const void *bytes, size_t n)
{
    struct sockaddr_storage sa;
    socklen_t len = sr_addr_to_sockaddr(to, &sa);

    assert_int_equal(sendto(fd, bytes, n, 0, (struct sockaddr *)&sa, len), n);
}

static size_t recv_from(int fd, void *out, size_t size, struct sr_addr *ret_from)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    ssize_t n = recvfrom(fd, out, size, 0, (struct sockaddr *)&sa, &len);

    assert_true(n >= 0);
    sr_addr_from_sockaddr((struct sockaddr *)&sa, ret_from);
    return (size_t)n;
}

/* One socket on all addresses; the answer comes from the address that was asked. */
static void replies_leave_from_the_address_they_came_to(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"};
    struct rig rig;
    uint16_t port;
    char why[NET_WHY_MAX], got[64];

    (void)state;
    rig_init(&rig, NULL, NULL);
    rig.a.answer = "answer";
    assert_int_equal(net_listen_all(rig.a.net, NET_UDP, 0, &port, why), SR_OK);
    for (size_t i = 0; i < SR_ARRAY_LEN(hosts) - !test_has_ip6(); i++) {
        struct sr_addr to, from;
        assert_int_equal(sr_addr_parse_ip(sr_str_c(hosts[i]), &to), SR_OK);
        to.port = port;
        int fd = client_udp(to.family == SR_ADDR_IP4 ? AF_INET : AF_INET6);
        send_to(fd, &to, "ask", 3);
        RIG_UNTIL(&rig, rig.a.messages == i + 1);
        assert_true(sr_addr_eq(&rig.a.flow.local, &to));
        assert_int_equal(recv_from(fd, got, sizeof(got), &from), 6);
        assert_true(sr_addr_eq(&from, &to));
        (void)close(fd);
    }
    rig_done(&rig);
}

static void binding_request_and_keepalive_are_not_handed_up(void **state)
{
    struct rig rig;
    struct sr_addr any = addr_of("127.0.0.1:0"), to, from;
    char why[NET_WHY_MAX];
    uint8_t bytes[256];
    struct stun_msg msg;
    const uint8_t tid[STUN_TID_BYTES] = "abcdefghijk";

    (void)state;
    rig_init(&rig, NULL, NULL);
    assert_int_equal(net_listen(rig.a.net, NET_UDP, &any, &to, why), SR_OK);
    int fd = client_udp(AF_INET);
    send_to(fd, &to, "\r\n\r\n", 4);
    send_to(fd, &to, "", 0);
    size_t n = stun_write_binding(tid, bytes, sizeof(bytes));
    send_to(fd, &to, bytes, n);
    send_to(fd, &to, "last", 4);
    RIG_UNTIL(&rig, rig.a.messages == 1);
    assert_string_equal(rig.a.last, "last");
    n = recv_from(fd, bytes, sizeof(bytes), &from);
    assert_int_equal(stun_parse(sr_str_make((char *)bytes, n), &msg), SR_OK);
    assert_true(sr_addr_eq(&msg.mapped, &rig.a.flow.remote));
    struct net_counters counters;
    net_counters(rig.a.net, &counters);
    assert_int_equal(counters.udp_empty, 2);
    assert_int_equal(counters.stun_answered, 1);
    assert_int_equal(counters.received, 1);
    (void)close(fd);
    rig_done(&rig);
}

static void taken_port_names_its_holder(void **state)
{
    struct rig rig;
    struct sr_addr any = addr_of("127.0.0.1:0"), bound;
    char why[NET_WHY_MAX] = "", pid[32];

    (void)state;
    rig_init(&rig, NULL, NULL);
    (void)snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
    for (int kind = NET_UDP; kind <= NET_TCP; kind++) {
        assert_int_equal(net_listen(rig.a.net, (enum net_kind)kind, &any, &bound, why), SR_OK);
        assert_int_equal(net_listen(rig.b.net, (enum net_kind)kind, &bound, NULL, why),
                         SR_ERR_EXISTS);
        assert_non_null(strstr(why, "is taken by"));
        assert_non_null(strstr(why, pid));
    }
    struct sr_addr foreign = addr_of("192.0.2.1:0");
    assert_int_equal(net_listen(rig.a.net, NET_UDP, &foreign, NULL, why), SR_ERR_IO);
    assert_int_equal(net_listen(rig.a.net, NET_TLS, &any, NULL, why), SR_ERR_STATE);
    assert_int_equal(net_listen(rig.a.net, NET_WS, &any, NULL, why), SR_ERR_UNSUPPORTED);
    rig_done(&rig);
}

static void request_finds_its_socket_and_local_address(void **state)
{
    struct rig rig;
    struct sr_addr any = addr_of("127.0.0.1:0"), local, to;
    struct net_flow flow = {.kind = NET_UDP};
    char why[NET_WHY_MAX];
    uint16_t port;

    (void)state;
    rig_init(&rig, NULL, NULL);
    assert_int_equal(net_listen(rig.b.net, NET_UDP, &any, &to, why), SR_OK);
    flow.remote = to;
    assert_int_equal(net_send(rig.a.net, &flow, NULL, SR_STR("x")), SR_ERR_NOTFOUND);
    assert_int_equal(net_listen_all(rig.a.net, NET_UDP, 0, &port, why), SR_OK);
    assert_int_equal(net_send(rig.a.net, &flow, NULL, SR_STR("hello")), SR_OK);
    RIG_UNTIL(&rig, rig.b.messages == 1);
    assert_true(sr_addr_eq(&rig.b.flow.remote, &flow.local));
    assert_int_equal(flow.local.port, port);
    assert_int_equal(net_local_for(rig.a.net, &to, &local), SR_OK);
    assert_true(sr_addr_ip_eq(&local, &to));
    static char huge[NET_MESSAGE_BYTES_MAX + 1];
    assert_int_equal(net_send(rig.a.net, &flow, NULL, sr_str_make(huge, sizeof(huge))),
                     SR_ERR_LIMIT);
    assert_int_equal(net_send(rig.a.net, &flow, NULL, sr_str_make(huge, 65530)), SR_ERR_LIMIT);
    rig_done(&rig);
}

/* proxy.dscp.sip */
static void packets_carry_their_mark(void **state)
{
    const struct net_options options = {.dscp = 24};
    struct net_flow flow = {.kind = NET_UDP};
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    char bytes[64], control[64], why[NET_WHY_MAX];
    struct iovec space = {bytes, sizeof(bytes)};
    struct msghdr msg = {
        .msg_iov = &space, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 64};
    struct sr_addr any = addr_of("127.0.0.1:0"), bound;
    int fd = client_udp(AF_INET), one = 1, tos = -1;
    struct rig rig;

    (void)state;
    rig_init(&rig, &options, NULL);
    assert_int_equal(net_listen(rig.a.net, NET_UDP, &any, &bound, why), SR_OK);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &one, sizeof(one)), 0);
    send_to(fd, &bound, "ask", 3); /* binds it */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    sr_addr_from_sockaddr((struct sockaddr *)&sa, &flow.remote);
    assert_int_equal(sr_addr_parse_ip(SR_STR("127.0.0.1"), &any), SR_OK);
    memcpy(flow.remote.ip, any.ip, sizeof(any.ip));
    assert_int_equal(net_send(rig.a.net, &flow, NULL, SR_STR("hello")), SR_OK);
    assert_int_equal(recvmsg(fd, &msg, 0), 5);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
            tos = *(const uint8_t *)CMSG_DATA(c);
    }
    assert_int_equal(tos, 24 << 2);
    (void)close(fd);
    rig_done(&rig);
}

int run_net_udp(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_leave_from_the_address_they_came_to),
        cmocka_unit_test(binding_request_and_keepalive_are_not_handed_up),
        cmocka_unit_test(taken_port_names_its_holder),
        cmocka_unit_test(request_finds_its_socket_and_local_address),
        cmocka_unit_test(packets_carry_their_mark),
    };

    return cmocka_run_group_tests_name("net_udp", tests, NULL, NULL);
}

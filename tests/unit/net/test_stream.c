#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

static unsigned sends;

/* Counts the system calls of the whole program (linked with --wrap=send). */
ssize_t __real_send(int fd, const void *bytes, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t n, int flags)
{
    sends++;
    return __real_send(fd, bytes, n, flags);
}

static struct sr_addr listen_tcp(struct told *told)
{
    struct sr_addr any = addr_of("127.0.0.1:0"), bound;
    char why[NET_WHY_MAX];

    assert_int_equal(net_listen(told->net, NET_TCP, &any, &bound, why), SR_OK);
    return bound;
}

static void message_in_single_bytes_arrives_whole(void **state)
{
    static const char text[] = MSG("body");
    struct rig rig;
    char got[16];

    (void)state;
    rig_init(&rig, NULL, NULL);
    struct sr_addr to = listen_tcp(&rig.a);
    int fd = client_connect(&to);
    rig.a.answer = "ok";
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        struct net_counters counters;
        client_send(fd, text + i, 1);
        net_counters(rig.a.net, &counters);
        assert_int_equal(counters.received, 0);
        if (i % 16 == 0)
            loop_stop(rig.loop), loop_run(rig.loop);
    }
    RIG_UNTIL(&rig, rig.a.messages == 1);
    assert_string_equal(rig.a.last, text);
    assert_int_equal(client_recv(fd, got, 2), 2);
    (void)close(fd);
    RIG_UNTIL(&rig, rig.a.closed == 1);
    assert_int_equal(rig.a.closed_err, SR_OK);
    rig_done(&rig);
}

static void messages_and_pings_in_one_segment_are_parted(void **state)
{
    static const char text[] = "\r\n\r\n" MSG("one!") MSG("two!") "\r\n\r\n";
    struct rig rig;
    char got[16];

    (void)state;
    rig_init(&rig, NULL, NULL);
    struct sr_addr to = listen_tcp(&rig.a);
    int fd = client_connect(&to);
    client_send(fd, text, sizeof(text) - 1);
    RIG_UNTIL(&rig, rig.a.messages == 2);
    assert_int_equal(client_recv(fd, got, 4), 4);
    assert_memory_equal(got, "\r\n\r\n", 4);
    assert_string_equal(rig.a.last + rig.a.last_n - 4, "two!");
    (void)close(fd);
    rig_done(&rig);
}

/* Thousands of pings in one read cost their answers, not a system call each. */
static void pings_in_a_row_are_answered_at_once(void **state)
{
    char text[16000], got[8000];
    struct rig rig;

    (void)state;
    rig_init(&rig, NULL, NULL);
    struct sr_addr to = listen_tcp(&rig.a);
    int fd = client_connect(&to);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = "\r\n"[i % 2];
    client_send(fd, text, sizeof(text));
    sends = 0;
    struct net_counters counters = {0};
    RIG_UNTIL(&rig, (net_counters(rig.a.net, &counters), counters.pings_answered == 4000));
    assert_int_equal(client_recv(fd, got, sizeof(got)), sizeof(got));
    assert_in_range(sends, 1, 100);
    (void)close(fd);
    rig_done(&rig);
}

static void broken_stream_is_answered_then_closed(void **state)
{
    static const char text[] = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: -5\r\n\r\n" MSG("more");
    struct rig rig;
    char got[64];

    (void)state;
    rig_init(&rig, NULL, NULL);
    struct sr_addr to = listen_tcp(&rig.a);
    rig.a.bad_answer = "SIP/2.0 400 Bad\r\n\r\n";
    int fd = client_connect(&to);
    client_send(fd, text, sizeof(text) - 1);
    RIG_UNTIL(&rig, rig.a.closed == 1);
    assert_int_equal(rig.a.bad_streams, 1);
    assert_int_equal(rig.a.closed_err, SR_ERR_PROTO);
    assert_int_equal(rig.a.messages, 0);
    assert_int_equal(client_recv(fd, got, sizeof(got)), strlen(rig.a.bad_answer));
    (void)close(fd);
    rig_done(&rig);
}

static void half_a_message_and_silence_end_the_connection(void **state)
{
    const struct net_options options = {.half_message_usec = 300 * SR_MSEC,
                                        .idle_usec = 900 * SR_MSEC};
    struct net_counters counters;
    struct rig rig;

    (void)state;
    rig_init(&rig, &options, NULL);
    struct sr_addr to = listen_tcp(&rig.a);
    int slow = client_connect(&to);
    client_send(slow, "INVITE sip:", 11);
    RIG_UNTIL(&rig, rig.a.closed == 1);
    assert_int_equal(rig.a.closed_err, SR_ERR_TIMEOUT);
    int idle = client_connect(&to);
    RIG_UNTIL(&rig, rig.a.closed == 2);
    assert_int_equal(rig.a.closed_err, SR_OK);
    net_counters(rig.a.net, &counters);
    assert_int_equal(counters.deadline_message, 1);
    assert_int_equal(counters.deadline_idle, 1);
    assert_int_equal(counters.conns, 0);
    (void)close(slow);
    (void)close(idle);
    rig_done(&rig);
}

/* Each client that got in sends a message; the others are closed without a word. */
static void connections_over_the_caps_are_refused_and_counted(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2"};
    const struct net_options options = {.conns_max = 5, .conns_per_source_max = 3};
    struct net_counters counters;
    struct rig rig;
    int fds[8];
    char byte;

    (void)state;
    rig_init(&rig, &options, NULL);
    struct sr_addr to = listen_tcp(&rig.a);
    for (int i = 0; i < 8; i++) {
        struct sr_addr from = addr_of(hosts[i / 4]);
        fds[i] = client_connect_from(&from, &to);
        client_send(fds[i], MSG("body"), sizeof(MSG("body")) - 1);
    }
    RIG_UNTIL(&rig, rig.a.messages == 5);
    net_counters(rig.a.net, &counters); /* all eight waited in one queue: taken in one turn */
    assert_int_equal(counters.conns, 5);
    assert_int_equal(counters.conns_refused_source, 1);
    assert_int_equal(counters.conns_refused_total, 2);
    assert_int_equal(client_recv(fds[3], &byte, 1), 0);
    for (int i = 0; i < 8; i++)
        (void)close(fds[i]);
    rig_done(&rig);
}

/* Who has an IPv6 address has a network of them: all of it gets a quarter. */
static void an_ip6_network_gets_a_share_of_all_connections(void **state)
{
    const struct net_options options = {.conns_max = 8, .conns_per_source_max = 8};
    struct sr_addr one = addr_of("[::1]:0"), to;
    struct net_counters counters;
    char why[NET_WHY_MAX];
    struct rig rig;
    int fds[4];

    (void)state;
    rig_init(&rig, &options, NULL);
    if (net_listen(rig.a.net, NET_TCP, &one, &to, why) != SR_OK) {
        rig_done(&rig);
        skip(); /* a machine without IPv6 */
    }
    for (int i = 0; i < 4; i++) {
        fds[i] = client_connect_from(&one, &to);
        client_send(fds[i], MSG("body"), sizeof(MSG("body")) - 1);
    }
    RIG_UNTIL(&rig, rig.a.messages == 2);
    net_counters(rig.a.net, &counters);
    assert_int_equal(counters.conns, 2);
    assert_int_equal(counters.conns_refused_source, 2);
    for (int i = 0; i < 4; i++)
        (void)close(fds[i]);
    rig_done(&rig);
}

static void dialed_connection_is_shared_and_its_end_is_told(void **state)
{
    struct rig rig;
    const struct net_dial dial = {0};

    (void)state;
    rig_init(&rig, NULL, NULL);
    struct sr_addr to = listen_tcp(&rig.b);
    struct net_flow flow = {.kind = NET_TCP, .remote = to};
    struct net_flow second = flow;
    rig.b.answer = MSG("back");
    assert_int_equal(net_send(rig.a.net, &flow, NULL, SR_STR(MSG("1..."))), SR_ERR_NOTFOUND);
    assert_int_equal(net_send(rig.a.net, &flow, &dial, SR_STR(MSG("1..."))), SR_OK);
    assert_int_equal(net_send(rig.a.net, &second, &dial, SR_STR(MSG("2..."))), SR_OK);
    assert_true(flow.conn == second.conn && flow.conn != SR_ID_NONE);
    RIG_UNTIL(&rig, rig.a.messages == 2 && rig.b.messages == 2);
    assert_int_equal(rig.a.opened, 1);
    assert_true(sr_addr_eq(&rig.b.flow.remote, &flow.local));
    assert_int_equal(net_ping(rig.a.net, flow.conn), SR_OK);
    RIG_UNTIL(&rig, rig.a.pongs == 1);
    net_close_conn(rig.a.net, flow.conn);
    assert_int_equal(rig.a.closed, 0); /* never from inside the call */
    RIG_UNTIL(&rig, rig.a.closed == 1 && rig.b.closed == 1);
    assert_int_equal(net_ping(rig.a.net, flow.conn), SR_ERR_NOTFOUND);
    assert_false(net_conn_flow(rig.a.net, flow.conn, &second));
    rig_done(&rig);
}

static void refused_connection_is_told(void **state)
{
    struct rig rig;
    const struct net_dial dial = {0};

    (void)state;
    rig_init(&rig, NULL, NULL);
    struct sr_addr to = listen_tcp(&rig.b);
    net_free(rig.b.net);
    rig.b.net = NULL;
    struct net_flow flow = {.kind = NET_TCP, .remote = to};
    assert_int_equal(net_send(rig.a.net, &flow, &dial, SR_STR(MSG("1..."))), SR_OK);
    RIG_UNTIL(&rig, rig.a.closed == 1);
    assert_int_equal(rig.a.closed_err, SR_ERR_IO);
    assert_true(rig.a.flow.conn == flow.conn);
    rig_done(&rig);
}

static void peer_that_does_not_read_is_cut_off(void **state)
{
    static char big[60000];
    struct rig rig;
    struct net_counters counters;
    enum sr_err err = SR_OK;

    (void)state;
    rig_init(&rig, NULL, NULL);
    struct sr_addr to = listen_tcp(&rig.a);
    int fd = client_connect(&to);
    client_send(fd, MSG("body"), sizeof(MSG("body")) - 1);
    RIG_UNTIL(&rig, rig.a.messages == 1);
    for (int i = 0; i < 1000 && err == SR_OK; i++) {
        struct net_flow flow = rig.a.flow;
        err = net_send(rig.a.net, &flow, NULL, sr_str_make(big, sizeof(big)));
    }
    assert_int_equal(err, SR_ERR_LIMIT);
    RIG_UNTIL(&rig, rig.a.closed == 1);
    assert_int_equal(rig.a.closed_err, SR_ERR_LIMIT);
    net_counters(rig.a.net, &counters);
    assert_int_equal(counters.queue_full, 1);
    (void)close(fd);
    rig_done(&rig);
}

/* Half of them reset, half closed in order; some with half a message. Nothing stays. */
static void ten_thousand_connections_leave_nothing(void **state)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct net_counters counters;
    struct rig rig;

    (void)state;
    rig_init(&rig, NULL, NULL);
    struct sr_addr to = listen_tcp(&rig.a);
    for (unsigned i = 0; i < 10000; i++) {
        int fd = client_connect(&to);
        if (i % 3 == 0)
            client_send(fd, "INVITE sip:x", 12);
        if (i % 2 == 0)
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
        (void)close(fd);
        if (i % 50 == 49)
            RIG_UNTIL(&rig, rig.a.closed + 1 > i);
    }
    RIG_UNTIL(&rig, rig.a.closed == 10000);
    net_counters(rig.a.net, &counters);
    assert_int_equal(counters.conns, 0);
    assert_int_equal(counters.conns_accepted, 10000);
    rig_done(&rig);
}

struct web {
    struct told *told;
    unsigned sent, closed;
    uint64_t peer;
};

static enum sr_err web_send(void *arg, uint64_t peer, struct sr_str bytes)
{
    struct web *web = arg;

    assert_true(bytes.n > 0);
    web->peer = peer;
    web->sent++;
    return SR_OK;
}

static void web_close(void *arg, uint64_t peer)
{
    struct web *web = arg;

    web->peer = peer;
    web->closed++;
}

static void foreign_transport_joins_as_one_more_kind(void **state)
{
    static const struct net_transport_ops ops = {.send = web_send, .close = web_close};
    struct net_flow flow = {.kind = NET_WSS, .remote = addr_of("192.0.2.1:5555")};
    struct web web = {0};
    struct rig rig;

    (void)state;
    rig_init(&rig, NULL, NULL);
    assert_int_equal(net_send(rig.a.net, &flow, NULL, SR_STR("x")), SR_ERR_UNSUPPORTED);
    net_add_transport(rig.a.net, NET_WSS, &ops, &web);
    sr_id conn = net_feed_opened(rig.a.net, &flow, 77);
    assert_true(conn != SR_ID_NONE);
    rig.a.answer = "answer";
    net_feed_message(rig.a.net, conn, SR_STR("message"));
    assert_int_equal(rig.a.messages, 1);
    assert_int_equal(web.sent, 1);
    assert_int_equal(web.peer, 77);
    net_feed_message(rig.a.net, conn, SR_STR("\r\n\r\n"));
    assert_int_equal(web.sent, 2);
    net_close_conn(rig.a.net, conn);
    assert_int_equal(web.closed, 1);
    RIG_UNTIL(&rig, rig.a.closed == 1);
    conn = net_feed_opened(rig.a.net, &flow, 78);
    net_feed_closed(rig.a.net, conn, SR_OK, "gone");
    assert_int_equal(rig.a.closed, 2);
    net_feed_closed(rig.a.net, conn, SR_OK, "gone");
    assert_int_equal(rig.a.closed, 2);
    rig_done(&rig);
}

int run_stream(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_in_single_bytes_arrives_whole),
        cmocka_unit_test(messages_and_pings_in_one_segment_are_parted),
        cmocka_unit_test(pings_in_a_row_are_answered_at_once),
        cmocka_unit_test(broken_stream_is_answered_then_closed),
        cmocka_unit_test(half_a_message_and_silence_end_the_connection),
        cmocka_unit_test(connections_over_the_caps_are_refused_and_counted),
        cmocka_unit_test(an_ip6_network_gets_a_share_of_all_connections),
        cmocka_unit_test(dialed_connection_is_shared_and_its_end_is_told),
        cmocka_unit_test(refused_connection_is_told),
        cmocka_unit_test(peer_that_does_not_read_is_cut_off),
        cmocka_unit_test(ten_thousand_connections_leave_nothing),
        cmocka_unit_test(foreign_transport_joins_as_one_more_kind),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}

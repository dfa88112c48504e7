/* Pipes with real sockets on loopback: what one party sends reaches the other byte for byte, once the
 * safety rules have let it in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "media/rtp.h"
#include "net/clock.h"
#include "test_ports.h"
#include "test_worker.h"
#include "worker/port_threads.h"

enum {
    WAIT_MS = 20000,
    TYPE = 99,
};

struct party {
    int fds[2]; /* RTP, RTCP */
    struct sr_addr addr, router;
    sr_id leg;
    uint16_t seq;
};

struct bench {
    struct loop *loop;
    struct media_port *port;
    sr_id room;
    struct party parties[2];
    struct party stranger;
    uint32_t closed;
};

static void on_event(void *arg, const struct media_event *event)
{
    struct bench *bench = arg;

    bench->closed += event->kind == MEDIA_EVENT_CLOSED;
    if (bench->closed == 2)
        loop_stop(bench->loop);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

/* One turn of the loop: orders leave at its end. */
static void turn(struct bench *bench)
{
    struct loop_timer timer;

    loop_timer_init(&timer, stop, bench->loop);
    loop_timer_set(bench->loop, &timer, net_clock_now() + SR_MSEC);
    loop_run(bench->loop);
}

/* Two sockets on loopback; their ports are what the system gives. */
static void open_party(struct party *party)
{
    for (int i = 0; i < 2; i++) {
        struct sr_addr local = {.family = SR_ADDR_IP4};

        test_own_address(local.ip);
        struct sockaddr_storage sa;
        socklen_t n = sr_addr_to_sockaddr(&local, &sa);

        party->fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(party->fds[i], (struct sockaddr *)&sa, n), 0);
        n = sizeof(sa);
        assert_int_equal(getsockname(party->fds[i], (struct sockaddr *)&sa, &n), 0);
        sr_addr_from_sockaddr((struct sockaddr *)&sa, &local);
        if (i == 0)
            party->addr = local;
    }
}

static struct sr_addr address_of(int fd)
{
    struct sockaddr_storage sa;
    socklen_t n = sizeof(sa);
    struct sr_addr addr;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    sr_addr_from_sockaddr((struct sockaddr *)&sa, &addr);
    return addr;
}

static void describe(struct bench *bench, struct party *party, bool is_rtp)
{
    struct media_stream stream = {
        .remote_rtp = party->addr,
        .remote_rtcp = address_of(party->fds[1]),
        .signalling = party->addr,
        .can_send = true,
        .can_recv = true,
        .send_codec = CODEC_NONE,
        .is_rtp = is_rtp,
        .payload_types = {0, (uint64_t)1 << (TYPE - 64)},
    };

    media_leg_set_stream(bench->port, party->leg, &stream);
}

static void bench_open(struct bench *bench, bool is_rtp)
{
    struct port_threads_options options = {.arg = bench,
                                           .on_event = on_event,
                                           .threads = 1,
                                           .port_min = test_ports(),
                                           .port_max = (uint16_t)(test_ports() + 999)};

    memset(bench, 0, sizeof(*bench));
    bench->loop = loop_uv_new();
    options.loop = bench->loop;
    assert_int_equal(port_threads_new(&options, &bench->port), SR_OK);
    assert_int_equal(media_room_open(bench->port, 0, &bench->room), SR_OK);
    open_party(&bench->stranger);
    for (size_t i = 0; i < 2; i++) {
        struct party *party = &bench->parties[i];
        struct media_leg_options leg = {.kind = MEDIA_LEG_PIPE};

        open_party(party);
        leg.local = party->addr;
        assert_int_equal(
            media_leg_open(bench->port, bench->room, &leg, &party->leg, &party->router), SR_OK);
        describe(bench, party, is_rtp);
    }
    media_room_set_mode(bench->port, bench->room, MEDIA_MODE_RELAY);
    turn(bench);
}

static void bench_close(struct bench *bench)
{
    for (size_t i = 0; i < 2; i++)
        media_leg_close(bench->port, bench->parties[i].leg);
    loop_run(bench->loop);
    assert_int_equal(bench->closed, 2);
    media_room_close(bench->port, bench->room);
    media_port_free(bench->port);
    loop_free(bench->loop);
    for (size_t i = 0; i < 2; i++) {
        (void)close(bench->parties[i].fds[0]);
        (void)close(bench->parties[i].fds[1]);
        (void)close(bench->stranger.fds[i]);
    }
}

static void send_to(int fd, struct sr_addr to, int port_offset, const void *bytes, size_t n)
{
    struct sockaddr_storage sa;
    socklen_t sa_len;

    to.port = (uint16_t)(to.port + port_offset);
    sa_len = sr_addr_to_sockaddr(&to, &sa);
    assert_int_equal(sendto(fd, bytes, n, 0, (struct sockaddr *)&sa, sa_len), (ssize_t)n);
}

/* A packet whose payload is of no codec. */
static size_t make_rtp(struct party *party, uint8_t type, uint8_t bytes[RTP_PACKET_BYTES_MAX])
{
    static const uint8_t payload[] = {0xde, 0xad, 0xbe, 0xef, 0x01};
    struct rtp_packet packet = {.payload_type = type,
                                .seq = party->seq++,
                                .timestamp = 90000u * party->seq,
                                .ssrc = 0x5eed,
                                .payload = payload,
                                .payload_bytes = sizeof(payload)};
    size_t n;

    assert_int_equal(rtp_write(&packet, bytes, RTP_PACKET_BYTES_MAX, &n), SR_OK);
    return n;
}

static ssize_t hear(int fd, int wait_ms, uint8_t *bytes, size_t size)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    return poll(&poller, 1, wait_ms) == 1 ? recv(fd, bytes, size, 0) : -1;
}

/* What comes next and is not one more of those that were sent until the orders were there. */
static ssize_t hear_past(int fd, const uint8_t *old, size_t old_n, uint8_t *bytes, size_t size)
{
    ssize_t n;

    do
        n = hear(fd, WAIT_MS, bytes, size);
    while (n == (ssize_t)old_n && memcmp(bytes, old, old_n) == 0);
    return n;
}

/* Sends until the first one comes through; the orders take their time. */
static void latch(struct bench *bench, size_t from)
{
    struct party *party = &bench->parties[from];
    uint8_t bytes[RTP_PACKET_BYTES_MAX], heard[RTP_PACKET_BYTES_MAX];

    for (int i = 0; i < 2000; i++) {
        size_t n = make_rtp(party, TYPE, bytes);

        send_to(party->fds[0], party->router, 0, bytes, n);
        if (hear(bench->parties[1 - from].fds[0], 10, heard, sizeof(heard)) == (ssize_t)n) {
            assert_memory_equal(heard + 8, bytes + 8, n - 8); /* any of them: SSRC and payload */
            while (memcmp(heard, bytes, n) != 0) /* those that are on their way, to the last */
                assert_int_equal(
                    hear(bench->parties[1 - from].fds[0], WAIT_MS, heard, sizeof(heard)), n);
            return;
        }
    }
    fail_msg("nothing came through");
}

/* The payload, SSRC, sequence and time of a packet are its sender's; types nobody named stay out. */
static void pipe_carries_packets_as_they_are(void **state)
{
    uint8_t bytes[RTP_PACKET_BYTES_MAX], heard[RTP_PACKET_BYTES_MAX];
    struct bench bench;
    size_t n;

    (void)state;
    bench_open(&bench, true);
    latch(&bench, 0);
    latch(&bench, 1);
    n = make_rtp(&bench.parties[0], 98, bytes);
    send_to(bench.parties[0].fds[0], bench.parties[0].router, 0, bytes, n);
    n = make_rtp(&bench.parties[0], TYPE, bytes);
    send_to(bench.parties[0].fds[0], bench.parties[0].router, 0, bytes, n);
    assert_int_equal(hear(bench.parties[1].fds[0], WAIT_MS, heard, sizeof(heard)), n);
    assert_memory_equal(heard, bytes, n); /* the one of type 98 did not come before it */
    bench_close(&bench);
}

static void pipe_hears_no_stranger(void **state)
{
    uint8_t bytes[RTP_PACKET_BYTES_MAX], heard[RTP_PACKET_BYTES_MAX];
    struct bench bench;
    size_t n;

    (void)state;
    bench_open(&bench, true);
    latch(&bench, 0);
    for (int i = 0; i < 40; i++) {
        n = make_rtp(&bench.stranger, TYPE, bytes);
        send_to(bench.stranger.fds[0], bench.parties[0].router, 0, bytes, n);
    }
    n = make_rtp(&bench.parties[0], TYPE, bytes);
    send_to(bench.parties[0].fds[0], bench.parties[0].router, 0, bytes, n);
    assert_int_equal(hear(bench.parties[1].fds[0], WAIT_MS, heard, sizeof(heard)), n);
    assert_memory_equal(heard, bytes, n);
    bench_close(&bench);
}

/* SRTCP or RTCP: on its own port, and on RTP's (rtcp-mux). */
static void pipe_carries_rtcp(void **state)
{
    static const uint8_t report[] = {0x80, 201, 0, 1, 0, 0, 0x5e, 0xed};
    uint8_t heard[RTP_PACKET_BYTES_MAX];
    struct bench bench;

    (void)state;
    bench_open(&bench, true);
    latch(&bench, 0);
    latch(&bench, 1);
    send_to(bench.parties[0].fds[1], bench.parties[0].router, 1, report, sizeof(report));
    assert_int_equal(hear(bench.parties[1].fds[1], WAIT_MS, heard, sizeof(heard)), sizeof(report));
    assert_memory_equal(heard, report, sizeof(report));
    send_to(bench.parties[1].fds[0], bench.parties[1].router, 0, report, sizeof(report));
    assert_int_equal(hear(bench.parties[0].fds[0], WAIT_MS, heard, sizeof(heard)), sizeof(report));
    bench_close(&bench);
}

/* Keys that the parties agree on in the media's own way (ZRTP, DTLS) come before any packet; from others not. */
static void pipe_carries_handshakes_of_the_parties_only(void **state)
{
    static const uint8_t hello[] = {0x10, 0, 0, 1,    0x5a, 0x52, 0x54,
                                    0x50, 0, 0, 0x5e, 0xed, 0x50, 0x5a};
    static const uint8_t foreign[] = {0x10, 0, 0, 9,    0x5a, 0x52, 0x54,
                                      0x50, 0, 0, 0x5e, 0xed, 0x50, 0x5a};
    static const uint8_t record[] = {22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1};
    static const uint8_t junk[] = {0x10, 0, 0, 1, 1, 2, 3, 4, 0, 0, 0x5e, 0xed, 0x50, 0x5a};
    uint8_t heard[RTP_PACKET_BYTES_MAX];
    struct bench bench;

    (void)state;
    bench_open(&bench, true);
    for (int i = 0; i < 2000; i++) { /* until the orders are there */
        send_to(bench.parties[0].fds[0], bench.parties[0].router, 0, hello, sizeof(hello));
        if (hear(bench.parties[1].fds[0], 10, heard, sizeof(heard)) == sizeof(hello))
            break;
    }
    assert_memory_equal(heard, hello, sizeof(hello));
    send_to(bench.stranger.fds[0], bench.parties[0].router, 0, foreign, sizeof(foreign));
    send_to(bench.parties[0].fds[0], bench.parties[0].router, 0, junk, sizeof(junk));
    send_to(bench.parties[0].fds[0], bench.parties[0].router, 0, record, sizeof(record));
    assert_int_equal(hear_past(bench.parties[1].fds[0], hello, sizeof(hello), heard, sizeof(heard)),
                     sizeof(record));
    assert_memory_equal(heard, record, sizeof(record));
    bench_close(&bench);
}

/* A fax says little and repeats nothing: its first datagram counts. */
static void pipe_carries_a_fax_from_the_first_datagram_on(void **state)
{
    static const uint8_t first[] = {0, 0, 1, 6, 0, 0}, second[] = {0, 1, 1, 4, 0, 0};
    static const uint8_t foul[] = {0, 2, 1, 1, 1, 1};
    uint8_t heard[64];
    struct bench bench;

    (void)state;
    bench_open(&bench, false);
    for (int i = 0; i < 2000; i++) { /* until the orders are there */
        send_to(bench.parties[0].fds[0], bench.parties[0].router, 0, first, sizeof(first));
        if (hear(bench.parties[1].fds[0], 10, heard, sizeof(heard)) == sizeof(first))
            break;
    }
    assert_memory_equal(heard, first, sizeof(first));
    send_to(bench.parties[1].fds[0], bench.parties[1].router, 0, second, sizeof(second));
    assert_int_equal(hear(bench.parties[0].fds[0], WAIT_MS, heard, sizeof(heard)), sizeof(second));
    send_to(bench.stranger.fds[0], bench.parties[1].router, 0, foul, sizeof(foul));
    send_to(bench.parties[1].fds[0], bench.parties[1].router, 0, first, sizeof(first));
    assert_int_equal(hear(bench.parties[0].fds[0], WAIT_MS, heard, sizeof(heard)), sizeof(first));
    assert_memory_equal(heard, first, sizeof(first));
    bench_close(&bench);
}

int test_pipe(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipe_carries_packets_as_they_are),
        cmocka_unit_test(pipe_hears_no_stranger),
        cmocka_unit_test(pipe_carries_rtcp),
        cmocka_unit_test(pipe_carries_handshakes_of_the_parties_only),
        cmocka_unit_test(pipe_carries_a_fax_from_the_first_datagram_on),
    };

    return cmocka_run_group_tests_name("pipe", tests, NULL, NULL);
}

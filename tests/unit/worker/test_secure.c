/* SRTP on legs, with real sockets on loopback: who has the key is heard, nobody else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "media/rtp.h"
#include "net/clock.h"
#include "test_ports.h"
#include "test_worker.h"
#include "worker/port_threads.h"

enum {
    ROOM = RTP_PACKET_BYTES_MAX + SRTP_TRAILER_BYTES_MAX,
    PAYLOAD = 160,
    LOUD = 0x00 /* full scale in both laws of G.711 */
};

/* A phone that sends G.711 of one byte value and notes what it gets. */
struct phone {
    int fd, rtcp_fd;
    struct sr_addr addr, router;
    sr_id leg;
    enum codec_id codec;
    bool is_secure;
    struct srtp_keys tx_keys, rx_keys; /* seen from the phone */
    struct srtp tx, rx;
    uint16_t seq;
    uint32_t ts, ssrc;
    /* heard */
    uint32_t packets, refused, seq_jumps;
    uint16_t last_seq;
    uint8_t payload[PAYLOAD];
    uint8_t last_sent[ROOM];
    size_t last_sent_n;
};

struct bench {
    struct loop *loop;
    struct media_port *port;
    sr_id room;
    struct phone a, b;
    struct media_event last[MEDIA_EVENT_MODE + 1];
    uint32_t seen[MEDIA_EVENT_MODE + 1];
};

static void on_event(void *arg, const struct media_event *event)
{
    struct bench *bench = arg;

    if (event->kind > MEDIA_EVENT_MODE)
        return;
    bench->last[event->kind] = *event;
    bench->seen[event->kind]++;
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void turn(struct bench *bench, sr_usec how_long)
{
    struct loop_timer timer;

    loop_timer_init(&timer, stop_loop, bench->loop);
    loop_timer_set(bench->loop, &timer, net_clock_now() + how_long);
    loop_run(bench->loop);
}

static int open_socket(uint16_t port, struct sr_addr *ret_addr)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_storage sa;
    socklen_t n;

    assert_int_equal(sr_addr_parse(SR_STR("127.0.0.1"), port, ret_addr), SR_OK);
    test_own_address(ret_addr->ip);
    n = sr_addr_to_sockaddr(ret_addr, &sa);
    if (bind(fd, (struct sockaddr *)&sa, n) != 0) {
        close(fd);
        return -1;
    }
    n = sizeof(sa);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    sr_addr_from_sockaddr((struct sockaddr *)&sa, ret_addr);
    return fd;
}

static void open_pair(struct phone *phone)
{
    struct sr_addr rtcp;

    for (int i = 0; i < 50; i++) {
        phone->fd = open_socket(0, &phone->addr);
        assert_true(phone->fd >= 0);
        phone->rtcp_fd = open_socket((uint16_t)(phone->addr.port + 1), &rtcp);
        if (phone->rtcp_fd >= 0)
            return;
        close(phone->fd);
    }
    fail_msg("no two ports in a row");
}

static void set_stream(struct bench *bench, struct phone *phone)
{
    struct media_stream stream = {
        .remote_rtp = phone->addr,
        .signalling = phone->addr,
        .can_send = true,
        .can_recv = true,
        .send_codec = phone->codec,
        .send_payload_type = phone->codec == CODEC_PCMU ? 0 : 8,
        .ptime_ms = 20,
        .format_count = 1,
        .formats[0] = {.payload_type = phone->codec == CODEC_PCMU ? 0 : 8,
                       .codec = phone->codec,
                       .clock_hz = 8000},
    };

    stream.remote_rtcp = phone->addr;
    stream.remote_rtcp.port++;
    if (phone->is_secure) {
        stream.crypto = MEDIA_CRYPTO_SDES;
        stream.tx = phone->rx_keys;
        stream.rx = phone->tx_keys;
    }
    media_leg_set_stream(bench->port, phone->leg, &stream);
}

static void set_keys(struct phone *phone, enum srtp_suite suite, uint8_t seed)
{
    phone->is_secure = true;
    phone->tx_keys.suite = suite;
    phone->rx_keys.suite = suite;
    for (size_t i = 0; i < srtp_key_bytes(suite); i++) {
        phone->tx_keys.bytes[i] = (uint8_t)(seed + i);
        phone->rx_keys.bytes[i] = (uint8_t)(seed + 3 * i + 1);
    }
}

static void use_keys(struct phone *phone)
{
    srtp_done(&phone->tx);
    srtp_done(&phone->rx);
    assert_int_equal(srtp_init(&phone->tx, &phone->tx_keys, SRTP_SEND), SR_OK);
    assert_int_equal(srtp_init(&phone->rx, &phone->rx_keys, SRTP_RECEIVE), SR_OK);
}

static void phone_open(struct bench *bench, struct phone *phone, enum codec_id codec,
                       enum srtp_suite suite)
{
    struct media_leg_options options = {.kind = MEDIA_LEG_RTP};

    phone->codec = codec;
    phone->ssrc = 1000 + (uint32_t)(phone == &bench->b);
    open_pair(phone);
    options.local = phone->addr;
    assert_int_equal(
        media_leg_open(bench->port, bench->room, &options, &phone->leg, &phone->router), SR_OK);
    if (suite != SRTP_SUITE_NONE) {
        set_keys(phone, suite, (uint8_t)(10 + phone->ssrc));
        use_keys(phone);
    }
    set_stream(bench, phone);
}

static void bench_open(struct bench *bench, enum srtp_suite a, enum srtp_suite b,
                       enum media_mode mode)
{
    struct port_threads_options options = {.arg = bench,
                                           .on_event = on_event,
                                           .threads = 2,
                                           .port_min = test_ports(),
                                           .port_max = (uint16_t)(test_ports() + 999),
                                           .spread_wanted = true};

    memset(bench, 0, sizeof(*bench));
    bench->loop = loop_uv_new();
    options.loop = bench->loop;
    assert_int_equal(port_threads_new(&options, &bench->port), SR_OK);
    assert_int_equal(media_room_open(bench->port, 77, &bench->room), SR_OK);
    phone_open(bench, &bench->a, CODEC_PCMU, a);
    phone_open(bench, &bench->b, mode == MEDIA_MODE_RELAY ? CODEC_PCMU : CODEC_PCMA, b);
    media_room_set_mode(bench->port, bench->room, mode);
}

static void phone_close(struct phone *phone)
{
    close(phone->fd);
    close(phone->rtcp_fd);
    srtp_done(&phone->tx);
    srtp_done(&phone->rx);
}

static void bench_close(struct bench *bench)
{
    media_port_free(bench->port);
    phone_close(&bench->a);
    phone_close(&bench->b);
    loop_free(bench->loop);
    assert_int_equal(sr_alloc_live(), 0);
}

static void send_bytes(struct phone *phone, const uint8_t *bytes, size_t n)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = sr_addr_to_sockaddr(&phone->router, &sa);

    assert_int_equal(sendto(phone->fd, bytes, n, 0, (struct sockaddr *)&sa, sa_len), (ssize_t)n);
}

static size_t make_packet(struct phone *phone, uint8_t value, uint8_t *bytes)
{
    uint8_t payload[PAYLOAD];
    struct rtp_packet packet = {.payload_type = phone->codec == CODEC_PCMU ? 0 : 8,
                                .seq = phone->seq++,
                                .timestamp = phone->ts,
                                .ssrc = phone->ssrc,
                                .payload = payload,
                                .payload_bytes = sizeof(payload)};
    size_t n;

    memset(payload, value, sizeof(payload));
    for (size_t i = 0; i < sizeof(payload); i += 2) /* sign bit: a tone, not a constant */
        payload[i] ^= 0x80;
    phone->ts += PAYLOAD;
    assert_int_equal(rtp_write(&packet, bytes, RTP_PACKET_BYTES_MAX, &n), SR_OK);
    return n;
}

static void phone_send(struct phone *phone, uint8_t value)
{
    uint8_t bytes[ROOM];
    size_t n = make_packet(phone, value, bytes);

    if (phone->is_secure)
        assert_int_equal(srtp_protect(&phone->tx, bytes, &n), SR_OK);
    memcpy(phone->last_sent, bytes, n);
    phone->last_sent_n = n;
    send_bytes(phone, bytes, n);
}

static void phone_hear(struct phone *phone)
{
    uint8_t bytes[ROOM];
    struct rtp_packet packet;
    ssize_t got;

    while ((got = recv(phone->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
        size_t n = (size_t)got;

        if (phone->is_secure && srtp_unprotect(&phone->rx, bytes, &n) != SR_OK) {
            phone->refused++;
            continue;
        }
        assert_int_equal(rtp_parse(bytes, n, &packet), SR_OK);
        assert_int_equal(packet.payload_bytes, PAYLOAD);
        phone->seq_jumps += phone->packets > 0 && packet.seq != (uint16_t)(phone->last_seq + 1);
        phone->last_seq = packet.seq;
        memcpy(phone->payload, packet.payload, PAYLOAD);
        phone->packets++;
    }
}

/* Both talk for so many packets, paced by the wall. */
static void talk(struct bench *bench, int count, uint8_t value)
{
    sr_usec next = net_clock_now();

    for (int i = 0; i < count; i++) {
        phone_send(&bench->a, value);
        phone_send(&bench->b, value);
        next += 20 * SR_MSEC;
        turn(bench, SR_MAX(next - net_clock_now(), (sr_usec)0));
        phone_hear(&bench->a);
        phone_hear(&bench->b);
    }
}

/* Both phones live on until it holds: a busy machine is late. */
#define UNTIL(bench, condition)                                                                    \
    do {                                                                                           \
        for (int i_ = 0; i_ < 2000 && !(condition); i_++) {                                        \
            turn((bench), 10 * SR_MSEC);                                                           \
            phone_hear(&(bench)->a);                                                               \
            phone_hear(&(bench)->b);                                                               \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

/* In relay: what is on its way has come. */
static void settle(struct bench *bench)
{
    uint32_t before;

    do {
        before = bench->a.packets + bench->b.packets;
        turn(bench, 50 * SR_MSEC);
        phone_hear(&bench->a);
        phone_hear(&bench->b);
    } while (bench->a.packets + bench->b.packets != before);
}

static void close_leg(struct bench *bench, struct phone *phone, struct media_leg_stats *ret_stats)
{
    uint32_t seen = bench->seen[MEDIA_EVENT_CLOSED];

    media_leg_close(bench->port, phone->leg);
    for (int i = 0; i < 2000 && bench->seen[MEDIA_EVENT_CLOSED] == seen; i++)
        turn(bench, 10 * SR_MSEC);
    assert_int_equal(bench->seen[MEDIA_EVENT_CLOSED], seen + 1);
    *ret_stats = bench->last[MEDIA_EVENT_CLOSED].stats;
}

/* Every pair of suites, also with one side in the clear: bytes arrive as they were said. */
static void relay_goes_between_any_two(void **state)
{
    static const enum srtp_suite pairs[][2] = {
        {SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_SUITE_NONE},
        {SRTP_AEAD_AES_256_GCM, SRTP_AES_CM_128_HMAC_SHA1_32},
        {SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_128_GCM},
    };
    struct media_leg_stats stats;
    struct bench bench;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(pairs); i++) {
        bench_open(&bench, pairs[i][0], pairs[i][1], MEDIA_MODE_RELAY);
        talk(&bench, 25, 0x31);
        UNTIL(&bench, bench.a.packets == 25 && bench.b.packets == 25);
        assert_int_equal(bench.a.payload[1], 0x31);
        assert_int_equal(bench.b.payload[1], 0x31);
        assert_int_equal(bench.a.payload[0], 0xb1);
        assert_int_equal(bench.a.refused + bench.b.refused, 0);
        assert_int_equal(bench.a.seq_jumps + bench.b.seq_jumps, 0);
        close_leg(&bench, &bench.a, &stats);
        assert_int_equal(stats.srtp_auth_failed + stats.srtp_replayed, 0);
        bench_close(&bench);
    }
}

/* The first packets wait for their source's proof: as long as they may be, and with room for what SRTP adds. */
static void long_first_words_are_sealed(void **state)
{
    enum {
        WORDS = 4,
        LONG = 500 /* and a header: the longest that is kept */
    };
    uint8_t bytes[ROOM], payload[LONG];
    struct rtp_packet packet = {.ssrc = 5, .payload = payload, .payload_bytes = LONG};
    struct bench bench;
    int heard = 0;
    size_t n;

    (void)state;
    bench_open(&bench, SRTP_SUITE_NONE, SRTP_AEAD_AES_128_GCM, MEDIA_MODE_RELAY);
    for (int i = 0; i < 2000 && bench.seen[MEDIA_EVENT_MODE] == 0; i++)
        turn(&bench, 10 * SR_MSEC);
    memset(payload, 0x31, sizeof(payload));
    for (int i = 0; i < WORDS; i++, packet.seq++, packet.timestamp += LONG) {
        assert_int_equal(rtp_write(&packet, bytes, RTP_PACKET_BYTES_MAX, &n), SR_OK);
        send_bytes(&bench.a, bytes, n);
    }
    for (int i = 0; i < 2000 && heard < WORDS; i++) {
        ssize_t got = recv(bench.b.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (got <= 0) {
            turn(&bench, 10 * SR_MSEC);
            continue;
        }
        n = (size_t)got;
        assert_int_equal(srtp_unprotect(&bench.b.rx, bytes, &n), SR_OK);
        assert_int_equal(n, RTP_HEADER_BYTES + LONG);
        assert_memory_equal(bytes + RTP_HEADER_BYTES, payload, LONG);
        heard++;
    }
    assert_int_equal(heard, WORDS);
    bench_close(&bench);
}

static void mix_hears_both(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_AEAD_AES_256_GCM, MEDIA_MODE_MIX);
    talk(&bench, 60, LOUD);
    for (int i = 0; i < 100 && (bench.a.packets < 40 || bench.b.packets < 40); i++)
        talk(&bench, 10, LOUD);
    assert_true(bench.a.packets >= 40 && bench.b.packets >= 40);
    assert_int_equal(bench.a.refused + bench.b.refused, 0);
    /* loud, not silence: 0xff and 0x7f are zero in PCMU, 0xd5 and 0x55 in PCMA */
    assert_true((bench.a.payload[50] & 0x7f) < 0x40);
    assert_true(((bench.b.payload[50] ^ 0x55) & 0x7f) > 0x40);
    bench_close(&bench);
}

/* Neither plain packets nor packets under another key lock the source, even from the right address. */
static void nothing_leaks_while_learning_and_after(void **state)
{
    struct media_leg_stats stats;
    struct srtp_keys other = {.suite = SRTP_AES_CM_128_HMAC_SHA1_80, .bytes = {1, 2, 3}};
    struct srtp wrong;
    struct bench bench;

    (void)state;
    assert_int_equal(srtp_init(&wrong, &other, SRTP_SEND), SR_OK);
    bench_open(&bench, SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_SUITE_NONE, MEDIA_MODE_RELAY);
    for (int round = 0; round < 2; round++) {
        bench.b.packets = 0;
        for (int i = 0; i < 30; i++) {
            uint8_t bytes[ROOM];
            size_t n = make_packet(&bench.a, 0x11, bytes);

            if (i % 2 == 0)
                assert_int_equal(srtp_protect(&wrong, bytes, &n), SR_OK);
            send_bytes(&bench.a, bytes, n);
            turn(&bench, 5 * SR_MSEC);
            phone_hear(&bench.b);
        }
        assert_int_equal(bench.b.packets, 0);
        assert_int_equal(bench.seen[MEDIA_EVENT_LATCHED], round);
        if (round == 0) { /* now the real one: it locks, and all of it is heard */
            for (int i = 0; i < 20; i++) {
                phone_send(&bench.a, 0x22);
                turn(&bench, 5 * SR_MSEC);
            }
            UNTIL(&bench, bench.b.packets >= 20);
            settle(&bench);
            assert_int_equal(bench.b.packets, 20);
            assert_int_equal(bench.seen[MEDIA_EVENT_LATCHED], 1);
            assert_int_equal(bench.b.payload[1], 0x22);
        }
    }
    phone_send(&bench.a, 0x23); /* behind the last of them */
    UNTIL(&bench, bench.b.packets == 1);
    close_leg(&bench, &bench.a, &stats);
    assert_int_equal(stats.srtp_auth_failed, 60);
    assert_int_equal(stats.rx_packets, 21);
    srtp_done(&wrong);
    bench_close(&bench);
}

static void a_replay_is_not_heard(void **state)
{
    struct media_leg_stats stats;
    struct bench bench;

    (void)state;
    bench_open(&bench, SRTP_AEAD_AES_128_GCM, SRTP_SUITE_NONE, MEDIA_MODE_RELAY);
    talk(&bench, 10, 0x31);
    UNTIL(&bench, bench.b.packets == 10);
    bench.b.packets = 0;
    for (int i = 0; i < 20; i++) {
        send_bytes(&bench.a, bench.a.last_sent, bench.a.last_sent_n);
        if (i == 10)
            set_stream(&bench, &bench.a); /* the same keys: hold, a session timer */
        turn(&bench, 5 * SR_MSEC);
    }
    phone_send(&bench.a, 0x41); /* behind the last of them */
    UNTIL(&bench, bench.b.packets > 0);
    assert_int_equal(bench.b.packets, 1);
    assert_int_equal(bench.b.payload[1], 0x41);
    close_leg(&bench, &bench.a, &stats);
    assert_int_equal(stats.srtp_replayed, 20);
    assert_int_equal(stats.srtp_auth_failed, 0);
    bench_close(&bench);
}

/* The router knows the new keys first; the phone goes on with the old ones until it has its answer. */
static void new_keys_lose_no_packet(void **state)
{
    struct media_leg_stats stats;
    struct bench bench;
    uint32_t heard;

    (void)state;
    bench_open(&bench, SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_SUITE_NONE, MEDIA_MODE_RELAY);
    talk(&bench, 20, 0x31);
    UNTIL(&bench, bench.b.packets == 20);
    heard = bench.b.packets;
    set_keys(&bench.a, SRTP_AEAD_AES_256_GCM, 99);
    set_stream(&bench, &bench.a);
    turn(&bench, 20 * SR_MSEC);
    for (int i = 0; i < 10; i++) {
        phone_send(&bench.a, 0x32); /* still under the old key */
        turn(&bench, 5 * SR_MSEC);
    }
    use_keys(&bench.a);
    talk(&bench, 20, 0x33);
    UNTIL(&bench, bench.b.packets - heard >= 30 && bench.a.packets >= 35);
    settle(&bench);
    assert_int_equal(bench.b.packets - heard, 30);
    assert_int_equal(bench.b.payload[1], 0x33);
    assert_int_equal(bench.b.seq_jumps, 0);
    assert_int_equal(bench.a.refused, 0); /* what we send is under the new key, numbers go on */
    assert_int_equal(bench.a.seq_jumps, 0);
    close_leg(&bench, &bench.a, &stats);
    assert_int_equal(stats.srtp_auth_failed, 0);
    bench_close(&bench);
}

static void without_keys_nothing_is_said(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_SUITE_NONE, MEDIA_MODE_RELAY);
    bench.a.tx_keys.suite = SRTP_SUITE_NONE;
    bench.a.rx_keys.suite = SRTP_SUITE_NONE;
    set_stream(&bench, &bench.a);
    talk(&bench, 15, 0x31);
    assert_int_equal(bench.a.packets + bench.a.refused, 0);
    assert_int_equal(bench.b.packets, 0);
    bench_close(&bench);
}

/* Indices and replay windows travel with the leg. */
static void a_move_keeps_the_keys(void **state)
{
    struct media_leg_stats stats;
    struct bench bench;
    sr_id other;

    (void)state;
    bench_open(&bench, SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_AEAD_AES_128_GCM, MEDIA_MODE_RELAY);
    assert_int_equal(media_room_open(bench.port, 78, &other), SR_OK);
    talk(&bench, 15, 0x31);
    media_leg_move(bench.port, bench.a.leg, other);
    media_leg_move(bench.port, bench.b.leg, other);
    media_room_set_mode(bench.port, other, MEDIA_MODE_RELAY);
    talk(&bench, 25, 0x32);
    UNTIL(&bench, bench.a.payload[1] == 0x32 && bench.b.payload[1] == 0x32);
    assert_int_equal(bench.a.refused + bench.b.refused, 0);
    close_leg(&bench, &bench.a, &stats);
    assert_int_equal(stats.srtp_auth_failed + stats.srtp_replayed, 0);
    bench_close(&bench);
}

static void reports_are_protected(void **state)
{
    uint8_t bytes[ROOM];
    struct bench bench;
    ssize_t got = -1;
    size_t n;

    (void)state;
    bench_open(&bench, SRTP_AES_CM_128_HMAC_SHA1_32, SRTP_SUITE_NONE, MEDIA_MODE_RELAY);
    for (int i = 0; i < 400 && got <= 0; i++) {
        talk(&bench, 1, 0x31);
        got = recv(bench.a.rtcp_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    }
    assert_true(got > 0);
    n = (size_t)got;
    assert_int_equal(srtcp_unprotect(&bench.a.rx, bytes, &n), SR_OK);
    assert_true(n == (size_t)got - 14); /* index and the long tag */
    assert_int_equal(bytes[1], 200);    /* SR */
    bench_close(&bench);
}

int test_secure(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relay_goes_between_any_two),
        cmocka_unit_test(long_first_words_are_sealed),
        cmocka_unit_test(mix_hears_both),
        cmocka_unit_test(nothing_leaks_while_learning_and_after),
        cmocka_unit_test(a_replay_is_not_heard),
        cmocka_unit_test(new_keys_lose_no_packet),
        cmocka_unit_test(without_keys_nothing_is_said),
        cmocka_unit_test(a_move_keeps_the_keys),
        cmocka_unit_test(reports_are_protected),
    };

    return cmocka_run_group_tests_name("secure", tests, NULL, NULL);
}

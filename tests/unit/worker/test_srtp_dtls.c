/* DTLS-SRTP on RTP legs: a phone shakes hands over the leg's own socket, in both roles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

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
    TURNS_MAX = 4000, /* of 5 ms */
};

struct phone {
    int fd;
    struct sr_addr addr, router;
    sr_id leg;
    bool is_secure; /* speaks DTLS-SRTP */
    struct dtls *dtls;
    struct srtp tx, rx;
    bool has_keys;
    uint16_t seq;
    uint32_t packets, refused;
    uint8_t heard;
};

struct bench {
    struct loop *loop;
    struct media_port *port;
    sr_id room;
    struct dtls_identity *identity;
    struct phone a, b;
    uint32_t up, failed, closed;
    char why[DTLS_WHY_MAX];
    struct media_leg_stats stats;
};

static void on_event(void *arg, const struct media_event *event)
{
    struct bench *bench = arg;

    if (event->kind == MEDIA_EVENT_CLOSED) {
        bench->closed++;
        bench->stats = event->stats;
    }
    if (event->kind != MEDIA_EVENT_WEBRTC)
        return;
    bench->up += event->webrtc == MEDIA_WEBRTC_DTLS_UP;
    bench->failed += event->webrtc == MEDIA_WEBRTC_FAILED;
    if (event->why != NULL)
        (void)sr_str_copy(sr_str_c(event->why), bench->why, sizeof(bench->why));
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

static int open_socket(struct sr_addr *ret_addr)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_storage sa;
    socklen_t n;

    assert_int_equal(sr_addr_parse(SR_STR("127.0.0.1:0"), 0, ret_addr), SR_OK);
    test_own_address(ret_addr->ip);
    n = sr_addr_to_sockaddr(ret_addr, &sa);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
    n = sizeof(sa);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    sr_addr_from_sockaddr((struct sockaddr *)&sa, ret_addr);
    return fd;
}

static void send_to_router(struct phone *phone, const void *bytes, size_t n)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = sr_addr_to_sockaddr(&phone->router, &sa);

    assert_int_equal(sendto(phone->fd, bytes, n, 0, (struct sockaddr *)&sa, sa_len), (ssize_t)n);
}

static void set_stream(struct bench *bench, struct phone *phone, bool is_router_client,
                       const struct dtls_fingerprint *fingerprint)
{
    struct media_stream stream = {
        .remote_rtp = phone->addr,
        .remote_rtcp = phone->addr,
        .signalling = phone->addr,
        .rtcp_mux = true,
        .can_send = true,
        .can_recv = true,
        .send_codec = CODEC_PCMU,
        .ptime_ms = 20,
        .format_count = 1,
        .formats[0] = {.codec = CODEC_PCMU, .clock_hz = 8000},
    };

    if (phone->is_secure) {
        stream.crypto = MEDIA_CRYPTO_DTLS;
        stream.dtls_peer = *fingerprint;
        stream.is_dtls_client = is_router_client;
    }
    media_leg_set_stream(bench->port, phone->leg, &stream);
}

static void phone_open(struct bench *bench, struct phone *phone)
{
    struct media_leg_options options = {.kind = MEDIA_LEG_RTP};

    phone->fd = open_socket(&phone->addr);
    options.local = phone->addr;
    assert_int_equal(
        media_leg_open(bench->port, bench->room, &options, &phone->leg, &phone->router), SR_OK);
}

static void bench_open(struct bench *bench, bool is_router_client)
{
    struct port_threads_options options = {.arg = bench,
                                           .on_event = on_event,
                                           .threads = 2,
                                           .port_min = test_ports(),
                                           .port_max = (uint16_t)(test_ports() + 999),
                                           .spread_wanted = true};
    struct dtls_options dtls = {.is_client = !is_router_client};
    char text[DTLS_FINGERPRINT_TEXT_MAX];

    memset(bench, 0, sizeof(*bench));
    bench->loop = loop_uv_new();
    options.loop = bench->loop;
    assert_int_equal(port_threads_new(&options, &bench->port), SR_OK);
    assert_int_equal(media_room_open(bench->port, 77, &bench->room), SR_OK);
    assert_int_equal(dtls_identity_new(&bench->identity), SR_OK);
    media_port_fingerprint(bench->port, text);
    assert_int_equal(dtls_fingerprint_parse(sr_str_c(text), &dtls.peer), SR_OK);
    bench->a.is_secure = true;
    bench->a.dtls = dtls_new(bench->identity, &dtls);
    assert_non_null(bench->a.dtls);
    phone_open(bench, &bench->a);
    phone_open(bench, &bench->b);
    set_stream(bench, &bench->b, false, NULL);
    media_room_set_mode(bench->port, bench->room, MEDIA_MODE_RELAY);
}

static void bench_close(struct bench *bench)
{
    media_port_free(bench->port);
    close(bench->a.fd);
    close(bench->b.fd);
    srtp_done(&bench->a.tx);
    srtp_done(&bench->a.rx);
    dtls_free(bench->a.dtls);
    dtls_identity_free(bench->identity);
    loop_free(bench->loop);
    assert_int_equal(sr_alloc_live(), 0);
}

static void do_step(struct phone *phone, const struct dtls_step *step)
{
    struct srtp_keys tx, rx;

    for (size_t i = 0; i < step->datagram_count; i++) {
        struct sr_str datagram = dtls_datagram(phone->dtls, i);

        send_to_router(phone, datagram.p, datagram.n);
    }
    if (step->event != DTLS_EVENT_UP)
        return;
    dtls_keys_get(phone->dtls, &tx, &rx);
    assert_int_equal(srtp_init(&phone->tx, &tx, SRTP_SEND), SR_OK);
    assert_int_equal(srtp_init(&phone->rx, &rx, SRTP_RECEIVE), SR_OK);
    phone->has_keys = true;
}

static void take_media(struct phone *phone, uint8_t *bytes, size_t n)
{
    struct rtp_packet packet;

    if (rtp_is_rtcp(bytes, n))
        return;
    if (phone->is_secure && (!phone->has_keys || srtp_unprotect(&phone->rx, bytes, &n) != SR_OK)) {
        phone->refused++;
        return;
    }
    assert_int_equal(rtp_parse(bytes, n, &packet), SR_OK);
    phone->heard = packet.payload[0];
    phone->packets++;
}

static void phone_read(struct phone *phone)
{
    uint8_t bytes[ROOM];
    struct dtls_step step;
    ssize_t n;

    while ((n = recv(phone->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
        if (phone->dtls != NULL && dtls_is_record(bytes, (size_t)n)) {
            dtls_receive(phone->dtls, bytes, (size_t)n, net_clock_now(), &step);
            do_step(phone, &step);
        } else {
            take_media(phone, bytes, (size_t)n);
        }
    }
    if (phone->dtls != NULL && dtls_deadline(phone->dtls) <= net_clock_now()) {
        dtls_on_deadline(phone->dtls, net_clock_now(), &step);
        do_step(phone, &step);
    }
}

static void phone_send(struct phone *phone, uint8_t value)
{
    uint8_t payload[PAYLOAD], bytes[ROOM];
    struct rtp_packet packet = {.seq = phone->seq++,
                                .timestamp = phone->seq * (uint32_t)PAYLOAD,
                                .ssrc = 9,
                                .payload = payload,
                                .payload_bytes = sizeof(payload)};
    size_t n;

    memset(payload, value, sizeof(payload));
    assert_int_equal(rtp_write(&packet, bytes, RTP_PACKET_BYTES_MAX, &n), SR_OK);
    if (phone->is_secure)
        assert_int_equal(srtp_protect(&phone->tx, bytes, &n), SR_OK);
    send_to_router(phone, bytes, n);
}

/* Both phones live on until it holds. */
#define UNTIL(bench, condition)                                                                    \
    do {                                                                                           \
        for (int i_ = 0; i_ < TURNS_MAX && !(condition); i_++) {                                   \
            turn((bench), 5 * SR_MSEC);                                                            \
            phone_read(&(bench)->a);                                                               \
            phone_read(&(bench)->b);                                                               \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static void talk(struct bench *bench)
{
    for (int i = 0; i < 20; i++) {
        phone_send(&bench->a, 0x31);
        phone_send(&bench->b, 0x32);
        turn(bench, 5 * SR_MSEC);
        phone_read(&bench->a);
        phone_read(&bench->b);
    }
}

static void shake(struct bench *bench)
{
    struct dtls_step step;

    dtls_start(bench->a.dtls, net_clock_now(), &step);
    do_step(&bench->a, &step);
}

static void check_role(bool is_router_client)
{
    struct bench bench;

    bench_open(&bench, is_router_client);
    set_stream(&bench, &bench.a, is_router_client, dtls_identity_fingerprint(bench.identity));
    turn(&bench, 5 * SR_MSEC);
    shake(&bench);
    UNTIL(&bench, bench.up == 1 && bench.a.has_keys);
    talk(&bench);
    UNTIL(&bench, bench.a.packets >= 10 && bench.b.packets >= 10);
    assert_int_equal(bench.a.heard, 0x32);
    assert_int_equal(bench.b.heard, 0x31);
    assert_int_equal(bench.a.refused, 0);
    assert_int_equal(bench.failed, 0);
    media_leg_close(bench.port, bench.a.leg); /* the crypto thread lets go first */
    UNTIL(&bench, bench.closed == 1);
    assert_int_equal(bench.stats.srtp_auth_failed, 0);
    bench_close(&bench);
}

static void the_phone_is_client(void **state)
{
    (void)state;
    check_role(false);
}

static void the_router_is_client(void **state)
{
    (void)state;
    check_role(true);
}

static void another_certificate_is_refused(void **state)
{
    struct dtls_fingerprint other = {.hash = DTLS_SHA_256, .bytes = {1, 2, 3}};
    struct bench bench;

    (void)state;
    bench_open(&bench, false);
    set_stream(&bench, &bench.a, false, &other);
    turn(&bench, 5 * SR_MSEC);
    shake(&bench);
    UNTIL(&bench, bench.failed == 1);
    assert_non_null(strstr(bench.why, "fingerprint"));
    assert_int_equal(bench.up, 0);
    for (int i = 0; i < 20; i++) { /* and nothing leaves in the clear meanwhile */
        phone_send(&bench.b, 0x32);
        turn(&bench, 5 * SR_MSEC);
        phone_read(&bench.a);
    }
    assert_int_equal(bench.a.packets + bench.a.refused, 0);
    bench_close(&bench);
}

static void a_stranger_cannot_shake_hands(void **state)
{
    struct sr_addr elsewhere;
    struct dtls_step step;
    struct bench bench;
    int kept;

    (void)state;
    bench_open(&bench, false);
    set_stream(&bench, &bench.a, false, dtls_identity_fingerprint(bench.identity));
    turn(&bench, 5 * SR_MSEC);
    kept = bench.a.fd; /* the right certificate, from an address that nobody named */
    bench.a.fd = open_socket(&elsewhere);
    dtls_start(bench.a.dtls, net_clock_now(), &step);
    do_step(&bench.a, &step);
    for (int i = 0; i < 60; i++) {
        turn(&bench, 5 * SR_MSEC);
        phone_read(&bench.a);
    }
    assert_int_equal(bench.up + bench.failed, 0);
    assert_false(bench.a.has_keys);
    close(bench.a.fd);
    bench.a.fd = kept;
    bench_close(&bench);
}

int test_srtp_dtls(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_phone_is_client),
        cmocka_unit_test(the_router_is_client),
        cmocka_unit_test(another_certificate_is_refused),
        cmocka_unit_test(a_stranger_cannot_shake_hands),
    };

    return cmocka_run_group_tests_name("srtp dtls", tests, NULL, NULL);
}

/* Browsers on the one port: real sockets, ICE, DTLS, SRTP; what one says, the other must hear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "browser.h"
#include "media/level.h"
#include "net/clock.h"
#include "unit/test_ip6.h"
#include "worker/bport_internal.h"

static struct meeting meeting;

/* Busy machines let packets come late, or less than a second of them in a second, and the router makes up for them:
   a moment later the tone stands. */
static void hear(const struct browser *who, double hz)
{
    for (int i = 0; i < 40 && browser_snr(who, hz) <= 20; i++)
        meeting_talk(&meeting, 500 * SR_MSEC);
    assert_true(browser_snr(who, hz) > 20);
}

static void expect_talk(struct browser *a, double a_hz, struct browser *b, double b_hz)
{
    meeting_talk(&meeting, 1500 * SR_MSEC);
    hear(a, b_hz);
    hear(b, a_hz);
    assert_int_equal(a->bad_tags + b->bad_tags, 0);
    assert_int_equal(a->ssrc_changes + b->ssrc_changes, 0);
    assert_int_equal(a->seq_jumps + b->seq_jumps, 0);
}

static void two_browsers_hear_each_other_in_the_mix(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= 2; threads++) {
        meeting_open(&meeting, threads);
        if (threads == 2) /* a room of the worker that does not own the port */
            meeting_next_room(&meeting);
        struct browser *a = browser_add(&meeting, &(struct browser_options){.tone_hz = 1000});
        struct browser *b = browser_add(
            &meeting, &(struct browser_options){.tone_hz = 600, .is_dtls_server = true});
        assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_DTLS_UP, 2));
        assert_int_equal(meeting.states[MEDIA_WEBRTC_CONNECTED], 2);
        expect_talk(a, 1000, b, 600);
        assert_int_equal(meeting.seen[MEDIA_EVENT_LATCHED], 2);
        assert_int_equal(meeting.states[MEDIA_WEBRTC_FAILED], 0);
        meeting_close(&meeting);
        assert_int_equal(meeting.closed_stats.srtp_auth_failed, 0);
        /* a browser's first packets may overtake the keys on their way to the leg */
        assert_true(meeting.closed_stats.rx_dropped < 25);
    }
}

/* A phone with Opus and a browser: relay rewrites and protects, on both workers. */
static void browser_and_phone_are_relayed(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= 2; threads++) {
        meeting_open(&meeting, threads);
        if (threads == 2)
            meeting_next_room(&meeting);
        struct browser *a = browser_add(&meeting, &(struct browser_options){.tone_hz = 1000});
        struct browser *b =
            browser_add(&meeting, &(struct browser_options){.tone_hz = 600, .is_plain = true});
        media_room_set_mode(meeting.port, meeting.room, MEDIA_MODE_RELAY);
        assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_DTLS_UP, 1));
        meeting_talk(&meeting, 1500 * SR_MSEC);
        hear(a, 600);
        hear(b, 1000);
        meeting_close(&meeting);
    }
}

static void ipv6_works_too(void **state)
{
    (void)state;
    if (!test_has_ip6())
        skip();
    meeting_open(&meeting, 1);
    struct browser *a =
        browser_add(&meeting, &(struct browser_options){.tone_hz = 1000, .is_ipv6 = true});
    struct browser *b = browser_add(&meeting, &(struct browser_options){.tone_hz = 600});
    assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_DTLS_UP, 2));
    expect_talk(a, 1000, b, 600);
    meeting_close(&meeting);
}

/* Passive TCP on the same number; the leg's worker is not the port's. */
static void tcp_carries_a_call(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= 2; threads++) {
        meeting_open(&meeting, threads);
        if (threads == 2)
            meeting_next_room(&meeting);
        struct browser *a =
            browser_add(&meeting, &(struct browser_options){.tone_hz = 1000, .is_tcp = true});
        struct browser *b = browser_add(&meeting, &(struct browser_options){.tone_hz = 600});
        assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_DTLS_UP, 2));
        expect_talk(a, 1000, b, 600);
        assert_int_equal(shutdown(a->fd, SHUT_RDWR), 0);
        a->is_deaf = true;
        assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_LOST, 1));
        /* and again, on the same leg */
        browser_reload(a);
        assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_DTLS_UP, 3));
        meeting_talk(&meeting, 1500 * SR_MSEC);
        hear(a, 600);
        meeting_close(&meeting);
    }
}

/* A connection that takes not a single byte at this moment is written to when it takes some again. */
static void full_tcp_connection_goes_on(void **state)
{
    struct worker *worker = sr_zalloc(1, sizeof(*worker));
    struct bport *bport = sr_zalloc(1, sizeof(*bport));
    struct epoll_event event;
    char bytes[4096] = {0};
    struct bconn *conn;
    int fds[2];

    (void)state;
    bport->worker = worker;
    bport->conns = sr_zalloc(BPORT_CONNS_MAX, sizeof(*bport->conns));
    worker->epoll_fd = epoll_create1(0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    conn = &bport->conns[0];
    conn->number = 7;
    conn->sock.fd = fds[0];
    bport__watch(bport, &conn->sock, EPOLLIN);
    while (send(fds[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        ;
    assert_true(bport__send_stream(bport, 7, (const uint8_t *)"late", 4));
    assert_int_equal(epoll_wait(worker->epoll_fd, &event, 1, 0), 0);
    while (recv(fds[1], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        ;
    assert_int_equal(epoll_wait(worker->epoll_fd, &event, 1, 0), 1);
    bport__on_conn(bport, &conn->sock, event.events);
    assert_int_equal(recv(fds[1], bytes, sizeof(bytes), MSG_DONTWAIT), 6);
    assert_memory_equal(bytes, "\0\4late", 6);
    assert_int_equal(epoll_wait(worker->epoll_fd, &event, 1, 0), 0);
    close(fds[0]);
    close(fds[1]);
    close(worker->epoll_fd);
    sr_free(bport->conns);
    sr_free(bport);
    sr_free(worker);
}

/* In the last second. */
static bool is_hissing(const struct browser *browser)
{
    double level;

    if (browser->heard_count <= 48000)
        return false;
    level = (double)level_dbfs(browser->heard + browser->heard_count - 48000, 48000);
    return level > -80 && level < -50;
}

/* The page is loaded again: new socket, ICE and certificate on the same leg. What we send goes on in
   the same numbers, and both hear each other again. */
static void reload_resumes_the_same_leg(void **state)
{
    uint32_t ssrc;
    uint16_t seq;
    sr_usec start;

    (void)state;
    meeting_open(&meeting, 2);
    struct browser *a = browser_add(&meeting, &(struct browser_options){.tone_hz = 1000});
    struct browser *b = browser_add(&meeting, &(struct browser_options){.tone_hz = 600});
    assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_DTLS_UP, 2));
    meeting_talk(&meeting, 1200 * SR_MSEC);
    for (uint32_t i = 0; i < 3; i++) {
        ssrc = a->heard_ssrc;
        seq = a->last_seq;
        start = net_clock_now();
        if (i == 2) { /* away for a while: the line hisses faintly, it is not dead */
            a->is_deaf = true;
            meeting_talk(&meeting, 2500 * SR_MSEC);
            for (int k = 0; k < 20 && !is_hissing(b); k++)
                meeting_talk(&meeting, 500 * SR_MSEC);
            assert_true(is_hissing(b));
            start = net_clock_now();
        }
        browser_reload(a);
        a->packets = 0;
        assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_DTLS_UP, 3 + i));
        b->heard_count = 0;
        meeting_talk(&meeting, 1500 * SR_MSEC);
        assert_int_equal(a->heard_ssrc, ssrc);
        assert_true((uint16_t)(a->last_seq - seq) < 300 + (net_clock_now() - start) / 20000);
        assert_int_equal(a->seq_jumps, 0);
        hear(a, 600);
        hear(b, 1000);
    }
    assert_int_equal(meeting.states[MEDIA_WEBRTC_FAILED], 0);
    meeting_close(&meeting);
}

/* Nobody comes: one sentence that says what to do. */
static void unreached_port_is_named(void **state)
{
    char number[16];

    (void)state;
    meeting_open(&meeting, 1);
    struct browser *a = browser_add(&meeting, &(struct browser_options){.tone_hz = 1000});
    a->is_deaf = true;
    assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_FAILED, 1));
    (void)snprintf(number, sizeof(number), "port %u", meeting.number);
    assert_non_null(strstr(meeting.why, number));
    assert_non_null(strstr(meeting.why, "forward"));
    /* it comes after all */
    a->is_deaf = false;
    assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_DTLS_UP, 1));
    meeting_close(&meeting);
}

/* A page that ends says close_notify: detached. A leg that we close says so too. */
static void close_notify_goes_both_ways(void **state)
{
    struct dtls_step step;

    (void)state;
    meeting_open(&meeting, 1);
    struct browser *a = browser_add(&meeting, &(struct browser_options){.tone_hz = 1000});
    struct browser *b = browser_add(&meeting, &(struct browser_options){.tone_hz = 600});
    assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_DTLS_UP, 2));
    dtls_close(a->dtls, net_clock_now(), &step);
    for (size_t i = 0; i < step.datagram_count; i++)
        browser_send(a, (const uint8_t *)dtls_datagram(a->dtls, i).p, dtls_datagram(a->dtls, i).n);
    assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_CLOSED, 1));
    a->is_deaf = true;
    media_leg_close(meeting.port, b->leg);
    for (int i = 0; i < 100 && !b->is_closed; i++)
        meeting_talk(&meeting, 20 * SR_MSEC);
    assert_true(b->is_closed);
    meeting_close(&meeting);
}

/* The certificate is not the one of the description: no audio, and a reason. */
static void wrong_certificate_is_refused(void **state)
{
    struct dtls_identity *other;
    struct dtls_options options = {.is_client = true};

    (void)state;
    meeting_open(&meeting, 1);
    struct browser *a = browser_add(&meeting, &(struct browser_options){.tone_hz = 1000});
    assert_int_equal(dtls_identity_new(&other), SR_OK);
    assert_int_equal(dtls_fingerprint_parse(sr_str_c(a->local.fingerprint), &options.peer), SR_OK);
    dtls_free(a->dtls);
    dtls_identity_free(a->identity);
    a->identity = other;
    a->dtls = dtls_new(other, &options);
    assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_FAILED, 1));
    assert_non_null(strstr(meeting.why, "fingerprint"));
    assert_int_equal(meeting.states[MEDIA_WEBRTC_DTLS_UP], 0);
    meeting_close(&meeting);
}

/* A stranger on another address: forged checks, hellos, junk and copied SRTP, all through the set-up
   and the call. He gets no answer, and nobody hears a difference. */
static void stranger_gets_nothing_and_spoils_nothing(void **state)
{
    struct browser stranger;
    uint8_t bytes[2048];
    char username[64];
    size_t n;

    (void)state;
    meeting_open(&meeting, 1);
    struct browser *a = browser_add(&meeting, &(struct browser_options){.tone_hz = 1000});
    struct browser *b = browser_add(&meeting, &(struct browser_options){.tone_hz = 600});
    memset(&stranger, 0, sizeof(stranger));
    stranger.router = a->router;
    stranger.fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(stranger.fd >= 0);
    assert_int_equal(dtls_identity_new(&stranger.identity), SR_OK);
    (void)snprintf(username, sizeof(username), "%s:%s", a->local.ice.ufrag, a->ufrag);
    for (int i = 0; i < 100; i++) {
        struct dtls_options options = {.is_client = true};
        struct dtls_step step;
        struct dtls *dtls = dtls_new(stranger.identity, &options);

        n = browser_write_check(&stranger, username, "wrongpasswordwrongpass00", bytes,
                                sizeof(bytes));
        browser_send(&stranger, bytes, n);
        n = browser_write_check(&stranger, username, NULL, bytes, sizeof(bytes));
        browser_send(&stranger, bytes, n);
        n = browser_write_check(&stranger, "nobody00:else", a->local.ice.pwd, bytes, sizeof(bytes));
        browser_send(&stranger, bytes, n);
        dtls_start(dtls, net_clock_now(), &step);
        for (size_t k = 0; k < step.datagram_count; k++)
            browser_send(&stranger, (const uint8_t *)dtls_datagram(dtls, k).p,
                         dtls_datagram(dtls, k).n);
        dtls_free(dtls);
        sr_random_bytes(bytes, 200);
        browser_send(&stranger, bytes, 200);
        browser_send(&stranger, a->last_srtp, a->last_srtp_bytes);
        /* from the right address: junk, and the last packet again */
        bytes[0] = (uint8_t)(20 + i % 4);
        browser_send(a, bytes, 200);
        bytes[0] = 0x80;
        browser_send(a, bytes, 200);
        browser_send(a, a->last_srtp, a->last_srtp_bytes);
        meeting_talk(&meeting, 20 * SR_MSEC);
    }
    assert_true(recv(stranger.fd, bytes, sizeof(bytes), MSG_DONTWAIT) < 0);
    assert_int_equal(meeting.states[MEDIA_WEBRTC_DTLS_UP], 2);
    expect_talk(a, 1000, b, 600);
    assert_int_equal(meeting.states[MEDIA_WEBRTC_FAILED], 0);
    media_leg_close(meeting.port, a->leg);
    assert_true(meeting_wait_event(&meeting, MEDIA_EVENT_CLOSED, 1));
    assert_true(meeting.closed_stats.srtp_replayed > 50);
    assert_true(meeting.closed_stats.srtp_auth_failed > 50);
    close(stranger.fd);
    dtls_identity_free(stranger.identity);
    meeting_close(&meeting);
}

/* A leg moves to a room of the other worker and back: its packets find it. */
static void leg_moves_between_workers(void **state)
{
    sr_id rooms[2];

    (void)state;
    meeting_open(&meeting, 2);
    rooms[0] = meeting.room;
    struct browser *a = browser_add(&meeting, &(struct browser_options){.tone_hz = 1000});
    struct browser *b = browser_add(&meeting, &(struct browser_options){.tone_hz = 600});
    meeting_next_room(&meeting);
    rooms[1] = meeting.room;
    assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_DTLS_UP, 2));
    for (int i = 1; i <= 4; i++) {
        media_leg_move(meeting.port, a->leg, rooms[i % 2]);
        media_leg_move(meeting.port, b->leg, rooms[i % 2]);
        meeting_talk(&meeting, 1500 * SR_MSEC);
        hear(a, 600);
        hear(b, 1000);
    }
    assert_int_equal(a->seq_jumps + b->seq_jumps + a->ssrc_changes + b->ssrc_changes, 0);
    meeting_close(&meeting);
}

/* What a page reports missing makes its packets carry redundancy, its alone; unasked feedback is fine. */
static void reported_loss_brings_redundancy(void **state)
{
    (void)state;
    meeting_open(&meeting, 1);
    struct browser *a = browser_add(&meeting, &(struct browser_options){.tone_hz = 1000});
    struct browser *b = browser_add(&meeting, &(struct browser_options){.tone_hz = 600});
    assert_true(meeting_wait_state(&meeting, MEDIA_WEBRTC_DTLS_UP, 2));
    b->is_shouting = true;
    meeting_talk(&meeting, 1000 * SR_MSEC);
    assert_int_equal(a->redundant, 0);
    browser_report_loss(a, 20);
    meeting_talk(&meeting, 1500 * SR_MSEC);
    for (int i = 0; i < 40 && a->redundant <= 5; i++) { /* a report may be lost */
        browser_report_loss(a, 20);
        meeting_talk(&meeting, 500 * SR_MSEC);
    }
    assert_true(a->redundant > 5);
    assert_int_equal(b->redundant, 0);
    for (int i = 0; i < 8; i++) { /* it heals, slowly */
        browser_report_loss(a, 0);
        meeting_talk(&meeting, 100 * SR_MSEC);
    }
    a->redundant = 0;
    b->is_shouting = false;
    expect_talk(a, 1000, b, 600);
    assert_int_equal(a->redundant, 0);
    media_leg_close(meeting.port, a->leg);
    assert_true(meeting_wait_event(&meeting, MEDIA_EVENT_CLOSED, 1));
    assert_true(meeting.closed_stats.rx_dropped < 25);
    meeting_close(&meeting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_browsers_hear_each_other_in_the_mix),
        cmocka_unit_test(browser_and_phone_are_relayed),
        cmocka_unit_test(ipv6_works_too),
        cmocka_unit_test(tcp_carries_a_call),
        cmocka_unit_test(full_tcp_connection_goes_on),
        cmocka_unit_test(reload_resumes_the_same_leg),
        cmocka_unit_test(unreached_port_is_named),
        cmocka_unit_test(close_notify_goes_both_ways),
        cmocka_unit_test(wrong_certificate_is_refused),
        cmocka_unit_test(stranger_gets_nothing_and_spoils_nothing),
        cmocka_unit_test(leg_moves_between_workers),
        cmocka_unit_test(reported_loss_brings_redundancy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

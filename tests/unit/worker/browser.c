#include "browser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "media/rtcp.h"
#include "media/rtp.h"
#include "media/tone_fit.h"
#include "net/clock.h"
#include "test_ports.h"

enum {
    OPUS_TYPE = 111,
    EVENT_TYPE = 110,
};

/* ---- the meeting ---- */

static void on_event(void *arg, const struct media_event *event)
{
    struct meeting *meeting = arg;

    meeting->seen[event->kind]++;
    if (event->kind == MEDIA_EVENT_WEBRTC) {
        meeting->states[event->webrtc]++;
        if (event->why != NULL)
            (void)sr_str_copy(sr_str_c(event->why), meeting->why, sizeof(meeting->why));
    }
    if (event->kind == MEDIA_EVENT_CLOSED)
        meeting->closed_stats = event->stats;
}

static int open_socket(bool is_tcp, bool is_ipv6, struct sr_addr *ret_addr)
{
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    struct sockaddr_storage sa;
    socklen_t n;

    assert_true(fd >= 0);
    assert_int_equal(
        sr_addr_parse(is_ipv6 ? SR_STR("[::1]:0") : SR_STR("127.0.0.1:0"), 0, ret_addr), SR_OK);
    n = sr_addr_to_sockaddr(ret_addr, &sa);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
    n = sizeof(sa);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    sr_addr_from_sockaddr((struct sockaddr *)&sa, ret_addr);
    return fd;
}

void meeting_open(struct meeting *meeting, uint32_t threads)
{
    static const struct media_addresses addresses = {
        .local = {{.family = SR_ADDR_IP4, .ip = {127, 0, 0, 1}},
                  {.family = SR_ADDR_IP6, .ip = {[15] = 1}}},
        .local_count = 2,
    };
    struct port_threads_options options = {.arg = meeting,
                                           .on_event = on_event,
                                           .threads = threads,
                                           .port_min = test_ports(),
                                           .port_max = (uint16_t)(test_ports() + 999),
                                           .spread_wanted = true};
    struct sr_addr addr;

    memset(meeting, 0, sizeof(*meeting));
    meeting->loop = loop_uv_new();
    options.loop = meeting->loop;
    for (int i = 0; i < 20 && meeting->port == NULL; i++) { /* others take ports meanwhile */
        close(open_socket(false, false, &addr));
        meeting->number = addr.port;
        options.webrtc_port = meeting->number;
        if (port_threads_new(&options, &meeting->port) != SR_OK)
            meeting->port = NULL;
    }
    assert_non_null(meeting->port);
    media_port_set_addresses(meeting->port, &addresses);
    meeting_next_room(meeting);
}

void meeting_next_room(struct meeting *meeting)
{
    assert_int_equal(media_room_open(meeting->port, 1, &meeting->room), SR_OK);
    media_room_set_mode(meeting->port, meeting->room, MEDIA_MODE_MIX);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void turn(struct meeting *meeting, sr_usec how_long)
{
    struct loop_timer timer;

    loop_timer_init(&timer, stop_loop, meeting->loop);
    loop_timer_set(meeting->loop, &timer, net_clock_now() + how_long);
    loop_run(meeting->loop);
}

/* ---- packets ---- */

void browser_send(struct browser *browser, const uint8_t *bytes, size_t n)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = sr_addr_to_sockaddr(&browser->router, &sa);
    uint8_t framed[2 + 2048];

    if (!browser->is_tcp) {
        (void)sendto(browser->fd, bytes, n, MSG_DONTWAIT, (struct sockaddr *)&sa, sa_len);
        return;
    }
    framed[0] = (uint8_t)(n >> 8);
    framed[1] = (uint8_t)n;
    memcpy(framed + 2, bytes, n);
    (void)send(browser->fd, framed, n + 2, MSG_NOSIGNAL);
}

size_t browser_write_check(const struct browser *browser, const char *username,
                           const char *password, uint8_t *out, size_t size)
{
    struct stun_writer writer;
    uint8_t tid[STUN_TID_BYTES];

    (void)browser;
    sr_random_bytes(tid, sizeof(tid));
    stun_write_start(&writer, out, size, STUN_REQUEST, STUN_METHOD_BINDING, tid);
    stun_write_attr(&writer, STUN_ATTR_USERNAME, username, strlen(username));
    stun_write_u32(&writer, STUN_ATTR_PRIORITY, 0x6e7f1eff);
    stun_write_u64(&writer, STUN_ATTR_ICE_CONTROLLING, 42);
    stun_write_attr(&writer, STUN_ATTR_USE_CANDIDATE, "", 0);
    if (password != NULL)
        stun_write_integrity(&writer, sr_str_c(password));
    stun_write_fingerprint(&writer);
    return stun_write_end(&writer);
}

static void send_check(struct browser *browser)
{
    char username[64];
    uint8_t bytes[256];
    size_t n;

    (void)snprintf(username, sizeof(username), "%s:%s", browser->local.ice.ufrag, browser->ufrag);
    n = browser_write_check(browser, username, browser->local.ice.pwd, bytes, sizeof(bytes));
    browser_send(browser, bytes, n);
    browser->check_at = net_clock_now() + 200 * SR_MSEC;
}

static void do_step(struct browser *browser, const struct dtls_step *step)
{
    struct srtp_keys tx, rx;

    for (size_t i = 0; i < step->datagram_count; i++) {
        struct sr_str one = dtls_datagram(browser->dtls, i);

        browser_send(browser, (const uint8_t *)one.p, one.n);
    }
    browser->is_closed |= step->event == DTLS_EVENT_CLOSED;
    browser->was_refused |= step->event == DTLS_EVENT_FAILED;
    if (step->event != DTLS_EVENT_UP)
        return;
    dtls_keys_get(browser->dtls, &tx, &rx);
    srtp_done(&browser->tx);
    srtp_done(&browser->rx);
    assert_int_equal(srtp_init(&browser->tx, &tx, SRTP_SEND), SR_OK);
    assert_int_equal(srtp_init(&browser->rx, &rx, SRTP_RECEIVE), SR_OK);
    browser->is_up = true;
}

static void on_stun(struct browser *browser, const uint8_t *bytes, size_t n)
{
    struct stun_msg msg;
    struct dtls_step step;

    assert_int_equal(stun_parse(sr_str_make((const char *)bytes, n), &msg), SR_OK);
    assert_int_equal((int)msg.cls, (int)STUN_SUCCESS);
    assert_int_equal(stun_check_integrity(&msg, sr_str_c(browser->local.ice.pwd)), SR_OK);
    assert_true(sr_addr_eq(&msg.mapped, &browser->addr));
    browser->answers++;
    if (browser->is_connected)
        return;
    browser->is_connected = true;
    dtls_start(browser->dtls, net_clock_now(), &step);
    do_step(browser, &step);
}

static void note_continuity(struct browser *browser, const struct rtp_packet *packet)
{
    if (browser->packets > 0) {
        browser->ssrc_changes += packet->ssrc != browser->heard_ssrc;
        browser->seq_jumps += packet->seq != (uint16_t)(browser->last_seq + 1);
    }
    browser->heard_ssrc = packet->ssrc;
    browser->last_seq = packet->seq;
    browser->packets++;
}

static void on_rtp(struct browser *browser, uint8_t *bytes, size_t n)
{
    struct rtp_packet packet;
    size_t samples;

    if (!browser->is_plain && srtp_unprotect(&browser->rx, bytes, &n) != SR_OK) {
        browser->bad_tags++;
        return;
    }
    assert_int_equal(rtp_parse(bytes, n, &packet), SR_OK);
    note_continuity(browser, &packet);
    if (packet.payload_type != OPUS_TYPE)
        return;
    if (browser->heard_count + CODEC_PACKET_SAMPLES_MAX >
        BROWSER_HEARD_MAX) { /* the last second stays */
        memmove(browser->heard, browser->heard + browser->heard_count - 48000,
                48000 * sizeof(float));
        browser->heard_count = 48000;
    }
    assert_int_equal(codec_decode(&browser->decoder,
                                  sr_str_make((const char *)packet.payload, packet.payload_bytes),
                                  browser->heard + browser->heard_count, CODEC_PACKET_SAMPLES_MAX,
                                  &samples),
                     SR_OK);
    browser->heard_count += samples;
    browser->redundant += codec_payload_has_fec(
        codec_find(CODEC_OPUS), sr_str_make((const char *)packet.payload, packet.payload_bytes));
}

static void on_packet(struct browser *browser, uint8_t *bytes, size_t n)
{
    struct dtls_step step;

    if (browser->is_deaf || n == 0)
        return;
    if (!browser->is_plain && bytes[0] < 4) {
        on_stun(browser, bytes, n);
    } else if (!browser->is_plain && bytes[0] < 64) {
        dtls_receive(browser->dtls, bytes, n, net_clock_now(), &step);
        do_step(browser, &step);
    } else if (!browser->is_plain && !browser->is_up) {
        return; /* under the keys of the page before */
    } else if (rtp_is_rtcp(bytes, n)) {
        assert_true(browser->is_plain || srtcp_unprotect(&browser->rx, bytes, &n) == SR_OK);
    } else {
        on_rtp(browser, bytes, n);
    }
}

static void read_stream(struct browser *browser)
{
    ssize_t got;

    while ((got = recv(browser->fd, browser->in + browser->in_bytes,
                       sizeof(browser->in) - browser->in_bytes, MSG_DONTWAIT)) > 0) {
        size_t at = 0;

        browser->in_bytes += (size_t)got;
        while (browser->in_bytes - at >= 2) {
            size_t n = (size_t)browser->in[at] << 8 | browser->in[at + 1];

            if (browser->in_bytes - at < 2 + n)
                break;
            on_packet(browser, browser->in + at + 2, n);
            at += 2 + n;
        }
        browser->in_bytes -= at;
        memmove(browser->in, browser->in + at, browser->in_bytes);
    }
}

static void receive(struct browser *browser)
{
    uint8_t bytes[2048];
    struct dtls_step step;
    ssize_t n;

    if (browser->is_tcp)
        read_stream(browser);
    else
        while ((n = recv(browser->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0)
            on_packet(browser, bytes, (size_t)n);
    if (browser->is_plain || browser->is_deaf)
        return;
    if (browser->check_at <= net_clock_now())
        send_check(browser);
    if (dtls_deadline(browser->dtls) <= net_clock_now()) {
        dtls_on_deadline(browser->dtls, net_clock_now(), &step);
        do_step(browser, &step);
    }
}

static void say(struct browser *browser)
{
    float pcm[960];
    uint8_t payload[CODEC_PAYLOAD_BYTES_MAX];
    uint8_t bytes[RTP_PACKET_BYTES_MAX + SRTP_TRAILER_BYTES_MAX];
    struct rtp_packet packet = {.payload_type = OPUS_TYPE,
                                .seq = browser->seq,
                                .timestamp = browser->ts,
                                .ssrc = browser->ssrc,
                                .payload = payload};
    size_t n;

    if (browser->is_deaf || (!browser->is_plain && !browser->is_up))
        return;
    (void)tone_run(&browser->tone, pcm, 960);
    for (size_t i = 0; browser->is_shouting && i < 960; i++)
        pcm[i] = browser->seq % 5 != 3 ? pcm[i] * 0.02f : i % 400 < 60 ? 0.4f : -0.05f;
    assert_int_equal(
        codec_encode(&browser->encoder, pcm, 960, payload, sizeof(payload), &packet.payload_bytes),
        SR_OK);
    browser->seq++;
    browser->ts += 960;
    assert_int_equal(rtp_write(&packet, bytes, RTP_PACKET_BYTES_MAX, &n), SR_OK);
    if (!browser->is_plain)
        assert_int_equal(srtp_protect(&browser->tx, bytes, &n), SR_OK);
    browser->last_srtp_bytes = SR_MIN(n, sizeof(browser->last_srtp));
    memcpy(browser->last_srtp, bytes, browser->last_srtp_bytes);
    browser_send(browser, bytes, n);
}

/* One 20 ms of everybody's life. */
static void live(struct meeting *meeting, sr_usec until)
{
    for (size_t i = 0; i < meeting->count; i++)
        say(&meeting->browsers[i]);
    do {
        turn(meeting, SR_MIN(SR_MAX(until - net_clock_now(), (sr_usec)0), 5 * SR_MSEC));
        for (size_t i = 0; i < meeting->count; i++)
            receive(&meeting->browsers[i]);
    } while (net_clock_now() < until);
}

void meeting_talk(struct meeting *meeting, sr_usec how_long)
{
    sr_usec next = net_clock_now();
    sr_usec until = next + how_long;

    while (next < until) {
        next += 20 * SR_MSEC;
        live(meeting, next);
    }
}

bool meeting_wait_state(struct meeting *meeting, enum media_webrtc_state state, uint32_t count)
{
    for (int i = 0; i < 1500 && meeting->states[state] < count; i++)
        meeting_talk(meeting, 20 * SR_MSEC);
    return meeting->states[state] >= count;
}

bool meeting_wait_event(struct meeting *meeting, enum media_event_kind kind, uint32_t count)
{
    for (int i = 0; i < 1500 && meeting->seen[kind] < count; i++)
        meeting_talk(meeting, 20 * SR_MSEC);
    return meeting->seen[kind] >= count;
}

void browser_report_loss(struct browser *browser, unsigned loss_pct)
{
    /* transport-wide feedback, NACK, REMB and PLI, as a browser may send them */
    static const uint8_t feedback[] = {
        0x8f,      0xcd, 0, 5, 0,    0,   0,   1,   0,         0,    0,    2,    0, 1, 0, 1,
        0,         0,    0, 0, 0x20, 1,   0,   0,   0x81,      0xcd, 0,    3,    0, 0, 0, 1,
        0,         0,    0, 2, 0,    9,   0,   0,   /**/ 0x8f, 0xce, 0,    5,    0, 0, 0, 1,
        0,         0,    0, 0, 'R',  'E', 'M', 'B', 1,         9,    0x27, 0x10, 0, 0, 0, 2,
        /**/ 0x81, 0xce, 0, 2, 0,    0,   0,   1,   0,         0,    0,    2};
    struct rtcp_report report = {.ssrc = browser->ssrc, .block_count = 1, .cname = SR_STR("page")};
    uint8_t bytes[RTCP_PACKET_BYTES_MAX + SRTP_TRAILER_BYTES_MAX];
    size_t n;

    report.block.ssrc = browser->heard_ssrc;
    report.block.fraction_lost = (uint8_t)(loss_pct * 256 / 100);
    assert_int_equal(rtcp_write(&report, bytes, RTCP_PACKET_BYTES_MAX, &n), SR_OK);
    memcpy(bytes + n, feedback, sizeof(feedback));
    n += sizeof(feedback);
    assert_int_equal(srtcp_protect(&browser->tx, bytes, &n), SR_OK);
    browser_send(browser, bytes, n);
}

/* ---- one browser ---- */

static void set_stream(struct browser *browser)
{
    struct media_stream stream = {
        .rtcp_mux = true,
        .can_send = true,
        .can_recv = true,
        .send_codec = CODEC_OPUS,
        .send_payload_type = OPUS_TYPE,
        .dtmf_wanted = true,
        .dtmf_payload_type = EVENT_TYPE,
        .dtmf_clock_hz = 48000,
        .ptime_ms = 20,
        .opus = {.useinbandfec = true},
        .format_count = 2,
    };

    if (browser->is_plain) {
        stream.remote_rtp = browser->addr;
        stream.signalling = browser->addr;
    }
    stream.formats[0] =
        (struct media_format){.payload_type = OPUS_TYPE, .codec = CODEC_OPUS, .clock_hz = 48000};
    stream.formats[1] =
        (struct media_format){.payload_type = EVENT_TYPE, .is_dtmf = true, .clock_hz = 48000};
    media_leg_set_stream(browser->meeting->port, browser->leg, &stream);
}

static void make_codec(struct browser *browser, uint16_t hz)
{
    const struct codec_ops *ops = codec_find(CODEC_OPUS);
    struct codec_encoder_options encoder = {.rate_hz = 48000};
    struct codec_decoder_options decoder = {.rate_hz = 48000};
    struct tone_pattern pattern;

    browser->memory[0] = sr_zalloc(1, codec_encoder_bytes(ops, 48000));
    browser->memory[1] = sr_zalloc(1, codec_decoder_bytes(ops, 48000));
    assert_int_equal(codec_encoder_init(&browser->encoder, ops, browser->memory[0], &encoder),
                     SR_OK);
    assert_int_equal(codec_decoder_init(&browser->decoder, ops, browser->memory[1], &decoder),
                     SR_OK);
    tone_pattern_sine(hz, 0.3f, &pattern);
    tone_init(&browser->tone, &pattern, 48000);
    browser->heard = sr_zalloc(BROWSER_HEARD_MAX, sizeof(float));
}

/* Offer and answer: what both sides are told of each other. */
static void negotiate(struct browser *browser)
{
    struct media_webrtc_remote remote = {.is_dtls_client = browser->is_dtls_server};
    struct dtls_options options = {.is_client = !browser->is_dtls_server};
    struct sockaddr_storage sa;
    socklen_t n;

    (void)snprintf(browser->ufrag, sizeof(browser->ufrag), "B%04x",
                   (unsigned)(sr_random_u64() & 0xffff));
    (void)snprintf(browser->pwd, sizeof(browser->pwd), "browserpasswordbrowser%02u",
                   (unsigned)browser->meeting->count % 100);
    assert_int_equal(dtls_identity_new(&browser->identity), SR_OK);
    remote.ufrag = sr_str_c(browser->ufrag);
    remote.pwd = sr_str_c(browser->pwd);
    remote.fingerprint = *dtls_identity_fingerprint(browser->identity);
    assert_int_equal(media_leg_webrtc_remote(browser->meeting->port, browser->leg, &remote), SR_OK);
    assert_int_equal(media_leg_webrtc_local(browser->meeting->port, browser->leg, &browser->local),
                     SR_OK);
    assert_int_equal(dtls_fingerprint_parse(sr_str_c(browser->local.fingerprint), &options.peer),
                     SR_OK);
    browser->dtls = dtls_new(browser->identity, &options);
    for (size_t i = 0; i < browser->local.candidate_count; i++) {
        const struct ice_candidate *candidate = &browser->local.candidates[i];

        if (candidate->is_tcp == browser->is_tcp &&
            (candidate->addr.family == SR_ADDR_IP6) == browser->is_ipv6)
            browser->router = candidate->addr;
    }
    assert_int_equal(browser->router.port, browser->meeting->number);
    if (browser->is_tcp) {
        n = sr_addr_to_sockaddr(&browser->router, &sa);
        assert_int_equal(connect(browser->fd, (struct sockaddr *)&sa, n), 0);
    }
}

struct browser *browser_add(struct meeting *meeting, const struct browser_options *options)
{
    struct browser *browser = &meeting->browsers[meeting->count++];
    struct media_leg_options leg = {.kind = options->is_plain ? MEDIA_LEG_RTP : MEDIA_LEG_WEBRTC,
                                    .cookie = meeting->count};
    struct sr_addr rtp;

    memset(browser, 0, sizeof(*browser));
    browser->meeting = meeting;
    browser->is_plain = options->is_plain;
    browser->is_tcp = options->is_tcp;
    browser->is_dtls_server = options->is_dtls_server;
    browser->is_ipv6 = options->is_ipv6;
    browser->ssrc = options->tone_hz * 1000u;
    make_codec(browser, options->tone_hz);
    browser->fd = open_socket(browser->is_tcp, browser->is_ipv6, &browser->addr);
    leg.local = browser->addr;
    assert_int_equal(media_leg_open(meeting->port, meeting->room, &leg, &browser->leg, &rtp),
                     SR_OK);
    if (browser->is_plain)
        browser->router = rtp;
    else
        negotiate(browser);
    set_stream(browser);
    return browser;
}

static void drop_crypto(struct browser *browser)
{
    srtp_done(&browser->tx);
    srtp_done(&browser->rx);
    dtls_free(browser->dtls);
    dtls_identity_free(browser->identity);
    browser->dtls = NULL;
    browser->identity = NULL;
    browser->is_connected = false;
    browser->is_up = false;
    browser->is_closed = false;
    browser->in_bytes = 0;
}

void browser_reload(struct browser *browser)
{
    close(browser->fd);
    drop_crypto(browser);
    browser->fd = open_socket(browser->is_tcp, browser->is_ipv6, &browser->addr);
    browser->ssrc += 1;
    browser->seq = 100;
    browser->ts = 5000;
    browser->check_at = 0;
    browser->is_deaf = false;
    browser->heard_count = 0;
    negotiate(browser);
}

void meeting_close(struct meeting *meeting)
{
    struct media_port_stats stats;

    for (size_t i = 0; i < meeting->count; i++)
        media_leg_close(meeting->port, meeting->browsers[i].leg);
    assert_true(meeting_wait_event(meeting, MEDIA_EVENT_CLOSED, (uint32_t)meeting->count));
    media_port_stats(meeting->port, &stats);
    assert_int_equal(stats.legs, 0);
    media_port_free(meeting->port);
    loop_free(meeting->loop);
    for (size_t i = 0; i < meeting->count; i++) {
        struct browser *browser = &meeting->browsers[i];

        close(browser->fd);
        drop_crypto(browser);
        sr_free(browser->heard);
        sr_free(browser->memory[0]);
        sr_free(browser->memory[1]);
    }
}

double browser_snr(const struct browser *browser, double hz)
{
    if (browser->heard_count <= 48000)
        return TONE_FIT_SNR_DB_MIN;
    return tone_fit_snr_db(browser->heard + browser->heard_count - 48000, 48000, 48000, hz);
}

double browser_level(const struct browser *browser, double hz)
{
    assert_true(browser->heard_count > 48000);
    return tone_fit_level_dbfs(browser->heard + browser->heard_count - 48000, 48000, 48000, hz);
}

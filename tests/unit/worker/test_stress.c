/* Hundreds of calls begin and end while their legs join, leave, hold, change codec and keys, and move between
   workers, in any order: everything that was opened must be told closed once, and nothing may stay. Its
   second purpose is to be run under the thread and address sanitizers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "media/rtp.h"
#include "net/clock.h"
#include "test_ports.h"
#include "worker/port_threads.h"

enum {
    WORKERS = 3,
    RELAYS = 500,
    MIXES = 20,
    CALLS = RELAYS + MIXES,
    LEGS_PER_CALL = 6,
    LEGS_EVER = 100000,
    STRESS_SEC = 8,
    RELAY_ORDERS = 12, /* per turn of the loop, which lasts TURN_MS */
    MIX_ORDERS = 6,
    PACKETS = 60,
    TURN_MS = 4,
    CLOSE_TURNS = 3000, /* of 10 ms: waited at most until all is closed */
};

struct leg {
    sr_id id;
    uint64_t cookie; /* its place in fates */
    bool is_web, has_stream;
    struct sr_addr router;
    uint16_t seq;
};

struct call {
    sr_id room;
    struct leg legs[LEGS_PER_CALL];
    uint32_t count;
};

/* What happened to one leg, found by its cookie. */
struct fate {
    uint8_t plays_wanted, plays_told;
    bool is_open;
};

struct stress {
    struct loop *loop;
    struct media_port *port;
    struct media_clip *clip;
    struct sr_prng prng;
    int fd; /* the phones of all calls speak through it */
    struct sr_addr phone;
    struct call calls[CALLS];
    uint32_t opened, closed, started, ended, moved, plays, heard, unsent, refused;
    struct fate fates[LEGS_EVER];
};

static uint32_t below(struct stress *s, uint32_t n)
{
    return (uint32_t)sr_prng_below(&s->prng, n);
}

static void on_event(void *arg, const struct media_event *event)
{
    struct stress *s = arg;
    struct fate *fate = &s->fates[event->cookie];

    if (event->kind == MEDIA_EVENT_MODE)
        return;
    assert_true(event->cookie < s->opened);
    assert_true(fate->is_open);
    if (event->kind == MEDIA_EVENT_PLAYED) {
        fate->plays_told++;
    } else if (event->kind == MEDIA_EVENT_CLOSED) {
        assert_int_equal(fate->plays_told, fate->plays_wanted);
        fate->is_open = false;
        s->closed++;
    }
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void turn(struct stress *s, sr_usec how_long)
{
    struct loop_timer timer;

    loop_timer_init(&timer, stop_loop, s->loop);
    loop_timer_set(s->loop, &timer, net_clock_now() + how_long);
    loop_run(s->loop);
}

/* ---- what is done to calls ---- */

static void set_stream(struct stress *s, const struct leg *leg, enum codec_id codec,
                       enum media_crypto crypto)
{
    const struct codec_ops *ops = codec_find(codec);
    uint8_t type = (uint8_t)(ops->payload_type == CODEC_PT_DYNAMIC ? 111 : ops->payload_type);
    struct media_stream stream = {
        .remote_rtp = s->phone,
        .signalling = s->phone,
        .rtcp_mux = crypto != MEDIA_CRYPTO_NONE,
        .can_send = true,
        .can_recv = true,
        .send_codec = codec,
        .send_payload_type = type,
        .ptime_ms = 20,
        .format_count = 1,
        .crypto = crypto,
        .is_dtls_client = below(s, 2) == 0,
        .dtls_peer = {.hash = DTLS_SHA_256, .bytes = {1, 2, 3}},
    };

    stream.formats[0] =
        (struct media_format){.payload_type = type, .codec = codec, .clock_hz = ops->clock_hz};
    if (crypto == MEDIA_CRYPTO_SDES) {
        stream.tx.suite = SRTP_AES_CM_128_HMAC_SHA1_80;
        stream.rx.suite = SRTP_AES_CM_128_HMAC_SHA1_80;
        stream.tx.bytes[0] = (uint8_t)below(s, 3);
        stream.rx.bytes[0] = (uint8_t)below(s, 3);
    }
    if (leg->is_web)
        stream.remote_rtp = stream.signalling = (struct sr_addr){0};
    media_leg_set_stream(s->port, leg->id, &stream);
}

static void any_stream(struct stress *s, const struct leg *leg)
{
    static const enum codec_id codecs[] = {CODEC_PCMU, CODEC_PCMA, CODEC_G722, CODEC_OPUS};
    static const enum media_crypto cryptos[] = {MEDIA_CRYPTO_NONE, MEDIA_CRYPTO_NONE,
                                                MEDIA_CRYPTO_SDES, MEDIA_CRYPTO_DTLS};

    set_stream(s, leg, codecs[below(s, SR_ARRAY_LEN(codecs))],
               cryptos[below(s, SR_ARRAY_LEN(cryptos))]);
}

static void meet_page(struct stress *s, const struct leg *leg)
{
    struct media_webrtc_local local;
    struct media_webrtc_remote remote = {
        .ufrag = below(s, 2) ? SR_STR("page") : SR_STR("reloaded"),
        .pwd = SR_STR("0123456789abcdefghijkl"),
        .fingerprint = {.hash = DTLS_SHA_256, .bytes = {(uint8_t)below(s, 2)}},
        .is_dtls_client = below(s, 2) == 0,
    };

    assert_int_equal(media_leg_webrtc_remote(s->port, leg->id, &remote), SR_OK);
    assert_int_equal(media_leg_webrtc_local(s->port, leg->id, &local), SR_OK);
}

/* NULL: the call is full, or others hold the ports it was to get. */
static struct leg *join(struct stress *s, struct call *call, enum media_leg_kind kind)
{
    struct leg *leg = &call->legs[call->count];
    struct media_leg_options options = {.kind = kind, .local = s->phone, .cookie = s->opened};
    enum sr_err err;

    if (call->count == LEGS_PER_CALL)
        return NULL;
    err = media_leg_open(s->port, call->room, &options, &leg->id, &leg->router);
    if (err == SR_ERR_LIMIT) {
        s->refused++;
        return NULL;
    }
    assert_int_equal(err, SR_OK);
    leg->cookie = s->opened;
    leg->is_web = kind == MEDIA_LEG_WEBRTC;
    leg->has_stream = kind == MEDIA_LEG_RTP || kind == MEDIA_LEG_WEBRTC;
    leg->seq = 0;
    s->fates[s->opened++].is_open = true;
    call->count++;
    return leg;
}

static void join_any(struct stress *s, struct call *call)
{
    static const enum media_leg_kind kinds[] = {MEDIA_LEG_RTP,    MEDIA_LEG_RTP,  MEDIA_LEG_RTP,
                                                MEDIA_LEG_WEBRTC, MEDIA_LEG_ECHO, MEDIA_LEG_PLAYER};
    enum media_leg_kind kind = kinds[below(s, SR_ARRAY_LEN(kinds))];
    struct leg *leg = join(s, call, kind);

    if (leg == NULL || !leg->has_stream)
        return;
    if (leg->is_web)
        meet_page(s, leg);
    any_stream(s, leg);
}

static void forget(struct call *call, uint32_t at)
{
    call->legs[at] = call->legs[--call->count];
}

/* NULL: it stays. */
static struct call *move(struct stress *s, struct call *call, uint32_t at)
{
    struct call *to = &s->calls[below(s, CALLS)];

    if (to->room == SR_ID_NONE || to == call || to->count == LEGS_PER_CALL)
        return NULL;
    media_leg_move(s->port, call->legs[at].id, to->room);
    to->legs[to->count++] = call->legs[at];
    forget(call, at);
    s->moved++;
    return to;
}

static void hold(struct stress *s, const struct leg *leg)
{
    bool is_held = below(s, 2) == 0;

    media_leg_set_role(s->port, leg->id, is_held ? MEDIA_ROLE_ISOLATED : MEDIA_ROLE_PARTICIPANT);
    media_leg_set_prompt(s->port, leg->id, is_held ? MEDIA_PROMPT_MUSIC : MEDIA_PROMPT_NONE);
}

static void play(struct stress *s, const struct leg *leg)
{
    struct media_play_options options = {.clip = s->clip,
                                         .play = s->plays + 1,
                                         .is_queued = below(s, 2) == 0,
                                         .is_looping = below(s, 4) == 0};

    if (media_leg_play(s->port, leg->id, &options) != SR_OK)
        return; /* MEDIA_PLAYS_MAX wait already */
    s->plays++;
    s->fates[leg->cookie].plays_wanted++;
}

static void end_call(struct stress *s, struct call *call)
{
    /* or all at once, and in both cases also while some of them are between two workers */
    bool is_leg_by_leg = below(s, 2) == 0;

    while (is_leg_by_leg && call->count > 0)
        media_leg_close(s->port, call->legs[--call->count].id);
    media_room_close(s->port, call->room);
    call->count = 0;
    call->room = SR_ID_NONE;
    s->ended++;
}

static void start_relay(struct stress *s, struct call *call)
{
    assert_int_equal(media_room_open(s->port, 0, &call->room), SR_OK);
    for (int i = 0; i < 2; i++) {
        struct leg *leg = join(s, call, MEDIA_LEG_RTP);

        if (leg != NULL)
            set_stream(s, leg, CODEC_PCMU, MEDIA_CRYPTO_NONE);
    }
    media_room_set_mode(s->port, call->room, MEDIA_MODE_RELAY);
    s->started++;
}

static void start_mix(struct stress *s, struct call *call)
{
    assert_int_equal(media_room_open(s->port, 0, &call->room), SR_OK);
    for (int i = 0; i < 3; i++)
        join_any(s, call);
    media_room_set_mode(s->port, call->room, MEDIA_MODE_MIX);
    s->started++;
}

static void disturb_mix(struct stress *s, struct call *call)
{
    uint32_t at;

    if (call->count == 0) {
        join_any(s, call);
        return;
    }
    at = below(s, call->count);
    switch (below(s, 12)) {
    case 0:
    case 1:
        join_any(s, call);
        break;
    case 2:
        media_leg_close(s->port, call->legs[at].id);
        forget(call, at);
        break;
    case 3:
        hold(s, &call->legs[at]);
        break;
    case 4:
    case 5:
        if (call->legs[at].has_stream)
            any_stream(s, &call->legs[at]);
        break;
    case 6:
        media_leg_set_muted(s->port, call->legs[at].id, below(s, 2) == 0);
        break;
    case 7:
        play(s, &call->legs[at]);
        break;
    case 8:
        media_leg_stop(s->port, call->legs[at].id, 0);
        break;
    case 9:
        if (call->legs[at].is_web)
            meet_page(s, &call->legs[at]);
        break;
    case 10:
        media_room_set_mode(s->port, call->room, below(s, 3) ? MEDIA_MODE_MIX : MEDIA_MODE_RELAY);
        break;
    case 11:
        end_call(s, call);
        break;
    }
}

/* A leg goes, now and then on at once to a third call, and the call it went to may end before it is there. */
static void move_some(struct stress *s)
{
    struct call *from = &s->calls[RELAYS + below(s, MIXES)];
    struct call *to;

    for (uint32_t i = 0; i < 3 && from != NULL && from->count > 0; i++) {
        to = move(s, from, below(s, from->count));
        if (to != NULL && below(s, 4) == 0) {
            end_call(s, to);
            return;
        }
        from = to;
    }
}

static void disturb(struct stress *s)
{
    for (int i = 0; i < RELAY_ORDERS; i++) {
        struct call *call = &s->calls[below(s, RELAYS)];

        if (call->room == SR_ID_NONE)
            start_relay(s, call);
        else
            end_call(s, call);
    }
    for (int i = 0; i < MIX_ORDERS; i++) {
        struct call *call = &s->calls[RELAYS + below(s, MIXES)];

        if (call->room == SR_ID_NONE)
            start_mix(s, call);
        else
            disturb_mix(s, call);
        move_some(s);
    }
}

/* ---- what the phones say ---- */

static void say(struct stress *s, struct leg *leg, uint32_t ssrc)
{
    uint8_t payload[160] = {0};
    uint8_t bytes[RTP_PACKET_BYTES_MAX];
    struct rtp_packet packet = {.seq = leg->seq,
                                .timestamp = leg->seq * 160u,
                                .ssrc = ssrc,
                                .payload = payload,
                                .payload_bytes = sizeof(payload)};
    struct sockaddr_storage sa;
    socklen_t sa_len = sr_addr_to_sockaddr(&leg->router, &sa);
    size_t n;

    if (leg->router.family == SR_ADDR_NONE)
        return;
    leg->seq++;
    assert_int_equal(rtp_write(&packet, bytes, sizeof(bytes), &n), SR_OK);
    /* what does not fit into a socket is lost, as on any network */
    if (sendto(s->fd, bytes, n, MSG_DONTWAIT, (struct sockaddr *)&sa, sa_len) < 0)
        s->unsent++;
}

static void talk(struct stress *s)
{
    for (int i = 0; i < PACKETS; i++) {
        struct call *call = &s->calls[below(s, i % 3 ? RELAYS : CALLS)];

        if (call->count > 0) {
            uint32_t at = below(s, call->count);

            say(s, &call->legs[at], (uint32_t)call->legs[at].cookie);
        }
    }
}

static void hear(struct stress *s)
{
    uint8_t bytes[RTP_PACKET_BYTES_MAX];

    while (recv(s->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        s->heard++;
}

/* ---- the test ---- */

static void open_socket(struct stress *s)
{
    struct sockaddr_storage sa;
    socklen_t n;

    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(sr_addr_parse(SR_STR("127.0.0.1:0"), 0, &s->phone), SR_OK);
    test_own_address(s->phone.ip);
    n = sr_addr_to_sockaddr(&s->phone, &sa);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&sa, n), 0);
    n = sizeof(sa);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&sa, &n), 0);
    sr_addr_from_sockaddr((struct sockaddr *)&sa, &s->phone);
}

static struct stress *open_stress(uint64_t seed)
{
    struct port_threads_options options = {.on_event = on_event,
                                           .threads = WORKERS,
                                           .port_min = 20000,
                                           .port_max = 29999,
                                           .spread_wanted = true};
    struct stress *s = sr_zalloc(1, sizeof(*s));
    struct sr_addr bind_addr;
    enum sr_err err;
    int tries = 0;

    sr_prng_seed(&s->prng, seed);
    open_socket(s);
    bind_addr = s->phone;
    s->loop = loop_uv_new();
    options.loop = s->loop;
    options.arg = s;
    options.webrtc_binds = &bind_addr;
    options.webrtc_bind_count = 1;
    do /* others may have the number */
        options.webrtc_port = (uint16_t)(15000 + below(s, 5000));
    while ((err = port_threads_new(&options, &s->port)) == SR_ERR_EXISTS && ++tries < 20);
    assert_int_equal(err, SR_OK);
    s->clip = media_clip_new(16000, 8000);
    return s;
}

static void let_descriptors(rlim_t wanted)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = SR_MAX(limit.rlim_cur, SR_MIN(limit.rlim_max, wanted));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void close_stress(struct stress *s)
{
    struct media_port_stats stats;

    for (size_t i = 0; i < CALLS; i++) {
        if (s->calls[i].room != SR_ID_NONE)
            end_call(s, &s->calls[i]);
    }
    for (int i = 0; i < CLOSE_TURNS && s->closed < s->opened; i++)
        turn(s, 10 * SR_MSEC);
    assert_int_equal(s->closed, s->opened);
    media_port_stats(s->port, &stats);
    assert_int_equal(stats.rooms, 0);
    assert_int_equal(stats.legs, 0);
    assert_int_equal(stats.ports_used, 0);
    media_port_free(s->port);
    loop_free(s->loop);
    media_clip_unref(s->clip);
    close(s->fd);
    sr_free(s);
}

static void calls_in_any_order_leave_nothing(void **state)
{
    uint64_t seed = sr_random_u64();
    struct stress *s;
    sr_usec until;

    (void)state;
    let_descriptors(8192);
    print_message("seed %llu\n", (unsigned long long)seed);
    s = open_stress(seed);
    for (size_t i = 0; i < CALLS; i++)
        i < RELAYS ? start_relay(s, &s->calls[i]) : start_mix(s, &s->calls[i]);
    until = net_clock_now() + STRESS_SEC * SR_SEC;
    /* longer on a machine that has other things to do */
    while ((net_clock_now() < until || s->started < 2 * CALLS) && s->opened < LEGS_EVER - 200) {
        disturb(s);
        talk(s);
        turn(s, TURN_MS * SR_MSEC);
        hear(s);
    }
    print_message("%u calls began, %u legs, %u moves, %u sounds, %u packets heard\n", s->started,
                  s->opened, s->moved, s->plays, s->heard);
    assert_true(s->moved > MIXES);
    assert_true(s->heard > 0);
    assert_true(s->refused < s->opened / 10);
    close_stress(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_in_any_order_leave_nothing),
    };

    return cmocka_run_group_tests_name("worker under stress", tests, NULL, NULL);
}

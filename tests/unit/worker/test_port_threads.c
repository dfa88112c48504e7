/* The media port with real sockets on loopback: what one phone sends, the other must hear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "media/dtmf.h"
#include "media/rtp.h"
#include "media/tone.h"
#include "media/tone_fit.h"
#include "net/clock.h"
#include "test_ports.h"
#include "test_worker.h"
#include "worker/port_threads.h"

enum {
    HEARD_MAX = 48000 * 8,
    PHONES_MAX = 4
};

/* A phone in the test: a socket that sends a tone in a codec and decodes what comes back. */
struct phone {
    int fd;
    struct sr_addr addr;
    sr_id leg;
    struct sr_addr router;
    enum codec_id codec;
    uint8_t payload_type;
    struct codec_encoder encoder;
    struct codec_decoder decoder;
    void *memory[2];
    struct tone tone;
    uint16_t seq;
    uint32_t ts, ssrc;
    /* heard */
    float *heard;
    size_t heard_count;
    uint32_t heard_ssrc, packets, ssrc_changes, seq_jumps, ts_jumps;
    uint16_t last_seq;
    uint32_t last_ts;
};

struct bench {
    struct loop *loop;
    struct media_port *port;
    sr_id room;
    struct phone phones[PHONES_MAX];
    size_t count;
    struct media_event last[MEDIA_EVENT_WEBRTC + 1];
    uint32_t seen[MEDIA_EVENT_WEBRTC + 1];
};

static void on_event(void *arg, const struct media_event *event)
{
    struct bench *bench = arg;

    bench->last[event->kind] = *event;
    bench->seen[event->kind]++;
}

static void bench_open(struct bench *bench, uint32_t threads)
{
    struct port_threads_options options = {.arg = bench,
                                           .on_event = on_event,
                                           .threads = threads,
                                           .port_min = test_ports(),
                                           .port_max = (uint16_t)(test_ports() + 999)};

    memset(bench, 0, sizeof(*bench));
    bench->loop = loop_uv_new();
    options.loop = bench->loop;
    options.spread_wanted = true;
    assert_int_equal(port_threads_new(&options, &bench->port), SR_OK);
    assert_int_equal(media_room_open(bench->port, 77, &bench->room), SR_OK);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* Lets the loop turn for that long: events are delivered meanwhile. */
static void turn(struct bench *bench, sr_usec how_long)
{
    struct loop_timer timer;

    loop_timer_init(&timer, stop_loop, bench->loop);
    loop_timer_set(bench->loop, &timer, net_clock_now() + how_long);
    loop_run(bench->loop);
}

static bool turn_until(struct bench *bench, enum media_event_kind kind, uint32_t count)
{
    for (int i = 0; i < 2000 && bench->seen[kind] < count; i++)
        turn(bench, 10 * SR_MSEC);
    return bench->seen[kind] >= count;
}

static void phone_open(struct phone *phone, enum codec_id codec, uint16_t hz)
{
    const struct codec_ops *ops = codec_find(codec);
    struct codec_encoder_options encoder = {.rate_hz = codec == CODEC_OPUS ? 48000 : 0};
    struct codec_decoder_options decoder = {.rate_hz = codec == CODEC_OPUS ? 48000 : 0};
    struct tone_pattern pattern;
    struct sockaddr_storage sa;
    socklen_t n;

    memset(phone, 0, sizeof(*phone));
    phone->codec = codec;
    phone->payload_type =
        (uint8_t)(ops->payload_type == CODEC_PT_DYNAMIC ? 111 : ops->payload_type);
    phone->memory[0] = sr_zalloc(1, codec_encoder_bytes(ops, encoder.rate_hz));
    phone->memory[1] = sr_zalloc(1, codec_decoder_bytes(ops, decoder.rate_hz));
    assert_int_equal(codec_encoder_init(&phone->encoder, ops, phone->memory[0], &encoder), SR_OK);
    assert_int_equal(codec_decoder_init(&phone->decoder, ops, phone->memory[1], &decoder), SR_OK);
    tone_pattern_sine(hz, 0.3f, &pattern);
    tone_init(&phone->tone, &pattern, phone->encoder.rate_hz);
    phone->ssrc = hz * 1000u;
    phone->heard = sr_zalloc(HEARD_MAX, sizeof(float));
    phone->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(sr_addr_parse(SR_STR("127.0.0.1:0"), 0, &phone->addr), SR_OK);
    test_own_address(phone->addr.ip);
    n = sr_addr_to_sockaddr(&phone->addr, &sa);
    assert_int_equal(bind(phone->fd, (struct sockaddr *)&sa, n), 0);
    n = sizeof(sa);
    assert_int_equal(getsockname(phone->fd, (struct sockaddr *)&sa, &n), 0);
    sr_addr_from_sockaddr((struct sockaddr *)&sa, &phone->addr);
}

static void phone_close(struct phone *phone)
{
    close(phone->fd);
    sr_free(phone->heard);
    sr_free(phone->memory[0]);
    sr_free(phone->memory[1]);
}

static void set_stream(struct bench *bench, struct phone *phone)
{
    const struct codec_ops *ops = codec_find(phone->codec);
    struct media_stream stream = {
        .remote_rtp = phone->addr,
        .signalling = phone->addr,
        .can_send = true,
        .can_recv = true,
        .send_codec = phone->codec,
        .send_payload_type = phone->payload_type,
        .dtmf_wanted = true,
        .dtmf_payload_type = 101,
        .dtmf_clock_hz = ops->clock_hz,
        .ptime_ms = 20,
        .format_count = 2,
    };

    stream.formats[0] = (struct media_format){
        .payload_type = phone->payload_type, .codec = phone->codec, .clock_hz = ops->clock_hz};
    stream.formats[1] =
        (struct media_format){.payload_type = 101, .is_dtmf = true, .clock_hz = ops->clock_hz};
    media_leg_set_stream(bench->port, phone->leg, &stream);
}

static struct phone *add_phone(struct bench *bench, enum codec_id codec, uint16_t hz)
{
    struct phone *phone = &bench->phones[bench->count++];
    struct media_leg_options options = {.kind = MEDIA_LEG_RTP, .cookie = bench->count};

    phone_open(phone, codec, hz);
    options.local = phone->addr;
    assert_int_equal(
        media_leg_open(bench->port, bench->room, &options, &phone->leg, &phone->router), SR_OK);
    assert_int_equal(phone->router.port % 2, 0);
    set_stream(bench, phone);
    return phone;
}

static void phone_send(struct phone *phone)
{
    size_t samples = phone->encoder.rate_hz / 50;
    float pcm[960];
    uint8_t payload[CODEC_PAYLOAD_BYTES_MAX];
    uint8_t bytes[RTP_PACKET_BYTES_MAX];
    struct rtp_packet packet = {.payload_type = phone->payload_type,
                                .seq = phone->seq++,
                                .timestamp = phone->ts,
                                .ssrc = phone->ssrc,
                                .payload = payload};
    struct sockaddr_storage sa;
    socklen_t sa_len = sr_addr_to_sockaddr(&phone->router, &sa);
    size_t n;

    (void)tone_run(&phone->tone, pcm, samples);
    assert_int_equal(codec_encode(&phone->encoder, pcm, samples, payload, sizeof(payload),
                                  &packet.payload_bytes),
                     SR_OK);
    phone->ts += codec_clock_units(phone->encoder.ops, samples, phone->encoder.rate_hz);
    assert_int_equal(rtp_write(&packet, bytes, sizeof(bytes), &n), SR_OK);
    assert_int_equal(sendto(phone->fd, bytes, n, 0, (struct sockaddr *)&sa, sa_len), (ssize_t)n);
}

static void note_continuity(struct phone *phone, const struct rtp_packet *packet)
{
    uint32_t step = phone->encoder.ops->clock_hz / 50;

    if (phone->packets > 0) {
        phone->ssrc_changes += packet->ssrc != phone->heard_ssrc;
        phone->seq_jumps += packet->seq != (uint16_t)(phone->last_seq + 1);
        phone->ts_jumps +=
            (packet->timestamp - phone->last_ts) % step != 0 ||
            packet->timestamp - phone->last_ts > step * 250; /* a digit is one event */
    }
    phone->heard_ssrc = packet->ssrc;
    phone->last_seq = packet->seq;
    phone->last_ts = packet->timestamp;
    phone->packets++;
}

static void phone_hear(struct phone *phone)
{
    uint8_t bytes[RTP_PACKET_BYTES_MAX];
    struct rtp_packet packet;
    size_t samples;
    ssize_t n;

    while ((n = recv(phone->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
        if (rtp_is_rtcp(bytes, (size_t)n))
            continue;
        assert_int_equal(rtp_parse(bytes, (size_t)n, &packet), SR_OK);
        note_continuity(phone, &packet);
        if (packet.payload_type != phone->payload_type)
            continue;
        if (phone->heard_count + CODEC_PACKET_SAMPLES_MAX >
            HEARD_MAX) { /* the second half counts */
            phone->heard_count = HEARD_MAX / 2;
            memmove(phone->heard, phone->heard + HEARD_MAX / 2, HEARD_MAX / 2 * sizeof(float));
        }
        assert_int_equal(
            codec_decode(&phone->decoder,
                         sr_str_make((const char *)packet.payload, packet.payload_bytes),
                         phone->heard + phone->heard_count, CODEC_PACKET_SAMPLES_MAX, &samples),
            SR_OK);
        phone->heard_count += samples;
    }
}

/* All phones talk for so long, paced by the wall. */
static void talk(struct bench *bench, sr_usec how_long)
{
    sr_usec until = net_clock_now() + how_long;
    sr_usec next = net_clock_now();

    while (net_clock_now() < until) {
        for (size_t i = 0; i < bench->count; i++)
            phone_send(&bench->phones[i]);
        next += 20 * SR_MSEC;
        turn(bench, SR_MAX(next - net_clock_now(), (sr_usec)0));
        for (size_t i = 0; i < bench->count; i++)
            phone_hear(&bench->phones[i]);
    }
}

/* Phones talk until it holds: a busy machine is late, it leaves nothing out. */
#define CLAIM(bench, condition)                                                                    \
    do {                                                                                           \
        for (int i_ = 0; i_ < 100 && !(condition); i_++)                                           \
            talk((bench), 200 * SR_MSEC);                                                          \
        assert_true(condition);                                                                    \
    } while (0)

/* SNR of that tone in the last second heard. */
static double snr_of(const struct phone *phone, double hz)
{
    size_t second = phone->decoder.rate_hz;

    if (phone->heard_count <= second)
        return -INFINITY;
    return tone_fit_snr_db(phone->heard + phone->heard_count - second, second,
                           phone->decoder.rate_hz, hz);
}

/* Level of that tone (dBFS) in the last second heard; not a number before there was one. */
static double level_of(const struct phone *phone, double hz)
{
    size_t second = phone->decoder.rate_hz;

    if (phone->heard_count <= second)
        return NAN;
    return tone_fit_level_dbfs(phone->heard + phone->heard_count - second, second,
                               phone->decoder.rate_hz, hz);
}

static void bench_close(struct bench *bench)
{
    struct media_port_stats stats;

    for (size_t i = 0; i < bench->count; i++) {
        assert_int_equal(bench->phones[i].ssrc_changes, 0);
        assert_int_equal(bench->phones[i].seq_jumps, 0);
        assert_int_equal(bench->phones[i].ts_jumps, 0);
        media_leg_close(bench->port, bench->phones[i].leg);
    }
    assert_true(turn_until(bench, MEDIA_EVENT_CLOSED, (uint32_t)bench->count));
    media_room_close(bench->port, bench->room);
    media_port_stats(bench->port, &stats);
    assert_int_equal(stats.legs, 0);
    assert_int_equal(stats.ports_used, 0);
    media_port_free(bench->port);
    loop_free(bench->loop);
    for (size_t i = 0; i < bench->count; i++)
        phone_close(&bench->phones[i]);
}

/* Two phones of one codec in relay: each hears the other's tone, in one continuous stream. */
static void relay_carries_both_ways(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, 1);
    struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
    struct phone *b = add_phone(&bench, CODEC_PCMU, 600);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_RELAY);
    assert_true(turn_until(&bench, MEDIA_EVENT_MODE, 1));
    assert_int_equal(bench.last[MEDIA_EVENT_MODE].mode, MEDIA_MODE_RELAY);
    talk(&bench, 1500 * SR_MSEC);
    CLAIM(&bench, snr_of(a, 600) > 30);
    CLAIM(&bench, snr_of(b, 1000) > 30);
    assert_true(turn_until(&bench, MEDIA_EVENT_LATCHED, 2));
    assert_int_equal(bench.seen[MEDIA_EVENT_LATCHED], 2);
    bench_close(&bench);
}

/* Another codec on each side: the mixer transcodes. */
/* What the statistics say of a leg's way through the mixer beside a G.711 phone. */
static void check_path(const struct media_leg_stats *stats, enum codec_id codec)
{
    uint32_t hz = codec == CODEC_G722 ? 16000 : 8000; /* Opus follows the other party: 8 kHz */

    assert_int_equal(stats->rx_hz, hz);
    assert_int_equal(stats->tx_hz, hz);
    assert_int_equal(stats->bus_hz, hz);
    assert_false(stats->is_shared);
    assert_true(stats->delay_in_ms > 0 && stats->delay_in_ms < 1000);
    assert_true(stats->delay_out_ms >= (codec == CODEC_OPUS ? 6.5 : 0));
    assert_true(stats->delay_out_ms < 10);
    assert_true(stats->cpu_us > 0 && stats->cpu_us < SR_SEC);
}

static void mix_transcodes(void **state)
{
    static const enum codec_id codecs[] = {CODEC_PCMA, CODEC_G722, CODEC_OPUS};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(codecs); i++) {
        struct bench bench;

        bench_open(&bench, 1);
        struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
        struct phone *b = add_phone(&bench, codecs[i], 600);
        media_room_set_mode(bench.port, bench.room, MEDIA_MODE_RELAY); /* cannot: it mixes */
        assert_true(turn_until(&bench, MEDIA_EVENT_MODE, 1));
        assert_int_equal(bench.last[MEDIA_EVENT_MODE].mode, MEDIA_MODE_MIX);
        talk(&bench, 2000 * SR_MSEC);
        CLAIM(&bench, snr_of(a, 600) > 25);
        CLAIM(&bench, snr_of(b, 1000) > 25);
        media_leg_close(bench.port, b->leg);
        assert_true(turn_until(&bench, MEDIA_EVENT_CLOSED, 1));
        check_path(&bench.last[MEDIA_EVENT_CLOSED].stats, codecs[i]);
        bench_close(&bench);
    }
}

/* Three phones: each hears exactly the other two; relay, mix and relay again are one stream. */
static void third_party_joins_and_leaves(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, 1);
    struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
    struct phone *b = add_phone(&bench, CODEC_PCMU, 600);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_RELAY);
    talk(&bench, 600 * SR_MSEC);
    struct phone *c = add_phone(&bench, CODEC_PCMA, 1700);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_MIX);
    talk(&bench, 2000 * SR_MSEC);
    CLAIM(&bench, level_of(a, 600) > -20 && level_of(a, 1700) > -20 && level_of(a, 1000) < -50);
    CLAIM(&bench, level_of(b, 1000) > -20 && level_of(b, 1700) > -20 && level_of(b, 600) < -50);
    CLAIM(&bench, level_of(c, 600) > -20 && level_of(c, 1000) > -20 && level_of(c, 1700) < -50);
    media_leg_close(bench.port, c->leg);
    assert_true(turn_until(&bench, MEDIA_EVENT_CLOSED, 1));
    bench.count = 2;
    bench.seen[MEDIA_EVENT_CLOSED] = 0;
    bench.seen[MEDIA_EVENT_MODE] = 0;
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_RELAY);
    talk(&bench, 2000 * SR_MSEC);
    CLAIM(&bench, bench.seen[MEDIA_EVENT_MODE] == 1);
    assert_int_equal(bench.last[MEDIA_EVENT_MODE].mode, MEDIA_MODE_RELAY);
    CLAIM(&bench, snr_of(a, 600) > 30);
    CLAIM(&bench, snr_of(b, 1000) > 30);
    phone_close(c);
    bench_close(&bench);
}

/* The phone sends in pairs, 8 and 32 ms apart. A mixed leg's packets wait for a tick of 20 ms, but the kernel notes when
   they came: the figure for people is that of the packets, as the sender knows it, and what the worker does costs is
   near what its thread used. */
static bool is_jitter_told(void)
{
    struct bench bench;
    struct media_port_stats port;
    struct rtp_source sent;
    struct media_leg_stats *a_stats = &bench.last[MEDIA_EVENT_CLOSED].stats;
    struct rtp_packet packet = {.payload_type = 0};
    sr_usec next = net_clock_now();
    bool is_told;

    bench_open(&bench, 1);
    struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
    (void)add_phone(&bench, CODEC_PCMA, 600);
    rtp_source_init(&sent, 8000);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_MIX);
    for (int i = 0; i < 100; i++) {
        packet.seq = a->seq;
        packet.timestamp = a->ts;
        phone_send(a);
        (void)rtp_source_push(&sent, &packet, net_clock_now());
        next += (i % 2 ? 32 : 8) * SR_MSEC;
        turn(&bench, SR_MAX(next - net_clock_now(), (sr_usec)0));
        phone_hear(a);
    }
    media_port_stats(bench.port, &port);
    media_leg_close(bench.port, a->leg);
    assert_true(turn_until(&bench, MEDIA_EVENT_CLOSED, 1));
    print_message("jitter sent %.2f ms, told %.2f ms; mixing %.0f us a second, thread %.0f us\n",
                  rtp_source_jitter_ms(&sent), a_stats->jitter_ms, a_stats->cpu_us,
                  (double)port.cpu_us / 2);
    is_told = fabs(a_stats->jitter_ms - rtp_source_jitter_ms(&sent)) < 2;
    /* time the system takes from the worker meanwhile counts for the leg: no upper bound on a busy machine */
    assert_true(a_stats->cpu_us > (double)port.cpu_us / 2 / 10);
    phone_close(a);
    bench.phones[0] = bench.phones[1]; /* only the other one is left */
    bench.count = 1;
    bench.seen[MEDIA_EVENT_CLOSED] = 0;
    bench_close(&bench);
    return is_told;
}

/* Once more where the test itself was interrupted between sending a packet and noting when. */
static void jitter_of_a_mixed_leg_is_that_of_its_packets(void **state)
{
    int left = 5;

    (void)state;
    while (!is_jitter_told())
        assert_true(--left > 0);
}

/* A leg moves to a room on the other worker and is heard there. */
static void leg_moves_between_workers(void **state)
{
    struct bench bench;
    sr_id other;

    (void)state;
    bench_open(&bench, 2);
    assert_int_equal(media_room_open(bench.port, 78, &other), SR_OK);
    struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
    struct phone *b = add_phone(&bench, CODEC_PCMU, 600);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_RELAY);
    talk(&bench, 300 * SR_MSEC);
    media_leg_move(bench.port, a->leg, other);
    media_leg_move(bench.port, b->leg, other);
    media_room_set_mode(bench.port, other, MEDIA_MODE_RELAY);
    talk(&bench, 1500 * SR_MSEC);
    CLAIM(&bench, snr_of(a, 600) > 30);
    CLAIM(&bench, snr_of(b, 1000) > 30);
    /* what came while only one of them had arrived had nobody to hear it: a gap, truthfully */
    assert_true(a->seq_jumps <= 1 && b->seq_jumps <= 1);
    a->seq_jumps = 0;
    b->seq_jumps = 0;
    bench_close(&bench);
}

/* Echo: what a phone says comes back to it. */
static void echo_returns(void **state)
{
    struct media_leg_options options = {.kind = MEDIA_LEG_ECHO};
    struct bench bench;
    struct sr_addr none;
    sr_id echo;

    (void)state;
    bench_open(&bench, 1);
    struct phone *a = add_phone(&bench, CODEC_G722, 1000);
    assert_int_equal(media_leg_open(bench.port, bench.room, &options, &echo, &none), SR_OK);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_MIX);
    talk(&bench, 1500 * SR_MSEC);
    CLAIM(&bench, snr_of(a, 1000) > 25);
    media_leg_close(bench.port, echo);
    assert_true(turn_until(&bench, MEDIA_EVENT_CLOSED, 1));
    bench.seen[MEDIA_EVENT_CLOSED] = 0;
    bench_close(&bench);
}

/* A digit ordered on a relayed leg goes out as RFC 4733 and the stream stays one. */
static void digit_goes_out_in_relay(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, 1);
    struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
    struct phone *b = add_phone(&bench, CODEC_PCMU, 600);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_RELAY);
    talk(&bench, 400 * SR_MSEC);
    uint32_t before = b->packets;
    assert_int_equal(media_leg_dtmf(bench.port, b->leg, '5', 160), SR_OK);
    assert_int_equal(media_leg_dtmf(bench.port, b->leg, 'x', 160), SR_ERR_SYNTAX);
    talk(&bench, 1300 * SR_MSEC);
    assert_true(b->packets > before);
    CLAIM(&bench, snr_of(b, 1000) > 30 || level_of(b, 1000) > -20);
    (void)a;
    bench_close(&bench);
}

/* Strangers are not heard: packets from another address never reach the other phone. */
static void stranger_is_not_relayed(void **state)
{
    struct bench bench;
    struct phone stranger;

    (void)state;
    bench_open(&bench, 1);
    struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
    struct phone *b = add_phone(&bench, CODEC_PCMU, 600);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_RELAY);
    phone_open(&stranger, CODEC_PCMU, 2000);
    stranger.router = a->router;
    for (int i = 0; i < 100; i++) {
        talk(&bench, 19 * SR_MSEC);
        phone_send(&stranger);
    }
    assert_false(level_of(b, 2000) >= -50);
    CLAIM(&bench, level_of(b, 1000) > -20);
    phone_close(&stranger);
    bench_close(&bench);
}

/* False: the machine was so slow that the first words were too old. */
static bool hears_first_words(bool is_stream_known)
{
    enum {
        BEFORE = 3,
        WORDS = 20,
        QUICK_US = 150 * SR_MSEC /* they are kept for 250 */
    };
    struct bench bench;
    sr_usec began;
    bool is_quick;

    bench_open(&bench, 1);
    for (int i = 0; i < 2; i++) {
        struct phone *phone = &bench.phones[bench.count++];
        struct media_leg_options options = {.kind = MEDIA_LEG_RTP, .cookie = bench.count};

        phone_open(phone, CODEC_PCMU, 600);
        options.local = phone->addr;
        assert_int_equal(
            media_leg_open(bench.port, bench.room, &options, &phone->leg, &phone->router), SR_OK);
    }
    for (int i = 0; is_stream_known && i < 2; i++)
        set_stream(&bench, &bench.phones[i]);
    turn(&bench, 20 * SR_MSEC);
    began = net_clock_now();
    for (int i = 0; i < BEFORE; i++) { /* its 200, or what follows from it, is still on the way */
        phone_send(&bench.phones[0]);
        turn(&bench, 10 * SR_MSEC);
    }
    for (int i = 0; !is_stream_known && i < 2; i++)
        set_stream(&bench, &bench.phones[i]);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_RELAY);
    assert_true(turn_until(&bench, MEDIA_EVENT_MODE, 1));
    is_quick = net_clock_now() - began < QUICK_US;
    for (int i = 0; i < WORDS; i++) {
        if (i >= BEFORE)
            phone_send(&bench.phones[0]);
        phone_send(&bench.phones[1]);
        turn(&bench, 5 * SR_MSEC);
    }
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 2000 && bench.phones[i].packets < WORDS; k++) {
            turn(&bench, 10 * SR_MSEC);
            phone_hear(&bench.phones[i]);
            if (!is_quick && k > 20)
                break;
        }
        assert_true(!is_quick || bench.phones[i].packets == WORDS);
    }
    bench_close(&bench);
    return is_quick;
}

/* What was said before the stream was known, before anybody could hear it, and before the source had proved itself,
   is heard. */
static void first_words_are_heard(void **state)
{
    (void)state;
    for (int left = 20; !hears_first_words(false);)
        assert_true(--left > 0);
    for (int left = 20; !hears_first_words(true);)
        assert_true(--left > 0);
}

/* As many as a call may have, and all of them anew while the first are still going. */
static void hundreds_ring_in_one_room(void **state)
{
    struct port_threads_options options = {
        .on_event = on_event, .threads = 1, .port_min = test_ports(), .port_max = test_ports() + 3};
    struct media_leg_options leg_options = {.kind = MEDIA_LEG_PLAYER};
    static sr_id legs[MEDIA_LEGS_MAX];
    struct bench bench = {0};
    struct sr_addr rtp;
    sr_id one_more;

    (void)state;
    bench.loop = loop_uv_new();
    options.loop = bench.loop;
    options.arg = &bench;
    assert_int_equal(port_threads_new(&options, &bench.port), SR_OK);
    assert_int_equal(media_room_open(bench.port, 1, &bench.room), SR_OK);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MEDIA_LEGS_MAX; i++)
            assert_int_equal(media_leg_open(bench.port, bench.room, &leg_options, &legs[i], &rtp),
                             SR_OK);
        assert_int_equal(media_leg_open(bench.port, bench.room, &leg_options, &one_more, &rtp),
                         SR_ERR_LIMIT);
        for (size_t i = 0; i < MEDIA_LEGS_MAX; i++)
            media_leg_close(bench.port, legs[i]);
    }
    assert_true(turn_until(&bench, MEDIA_EVENT_CLOSED, 3 * MEDIA_LEGS_MAX));
    media_port_free(bench.port);
    loop_free(bench.loop);
}

/* With all ports taken a leg is refused in words of an error, and the port is free again after. */
static void ports_run_out_and_come_back(void **state)
{
    struct port_threads_options options = {.on_event = on_event,
                                           .threads = 1,
                                           .port_min = test_ports(),
                                           .port_max = (uint16_t)(test_ports() + 3)};
    struct media_leg_options leg_options = {.kind = MEDIA_LEG_RTP};
    struct bench bench = {0};
    struct sr_addr rtp;
    sr_id legs[3];

    (void)state;
    bench.loop = loop_uv_new();
    options.loop = bench.loop;
    options.arg = &bench;
    assert_int_equal(port_threads_new(&options, &bench.port), SR_OK);
    assert_int_equal(media_room_open(bench.port, 1, &bench.room), SR_OK);
    assert_int_equal(sr_addr_parse_ip(SR_STR("127.0.0.1"), &leg_options.local), SR_OK);
    test_own_address(leg_options.local.ip);
    for (int i = 0; i < 2; i++)
        assert_int_equal(media_leg_open(bench.port, bench.room, &leg_options, &legs[i], &rtp),
                         SR_OK);
    assert_int_equal(media_leg_open(bench.port, bench.room, &leg_options, &legs[2], &rtp),
                     SR_ERR_LIMIT);
    media_leg_close(bench.port, legs[0]);
    assert_true(turn_until(&bench, MEDIA_EVENT_CLOSED, 1));
    assert_int_equal(media_leg_open(bench.port, bench.room, &leg_options, &legs[2], &rtp), SR_OK);
    media_port_free(bench.port);
    loop_free(bench.loop);
}

/* ---- sounds ---- */

static struct media_clip *clip_of(double hz, uint32_t ms)
{
    struct media_clip *clip = media_clip_new(16000, 16 * ms);

    for (size_t i = 0; i < clip->sample_count; i++)
        clip->samples[i] = (int16_t)lrint(9000 * sin(2 * M_PI * hz * (double)i / 16000));
    return clip;
}

static void play_to(struct bench *bench, sr_id leg, struct media_clip *clip,
                    struct media_play_options options)
{
    options.clip = clip;
    assert_int_equal(media_leg_play(bench->port, leg, &options), SR_OK);
}

/* Two phones in relay; a sound for one of them: only that one hears it, and relay comes back. */
static void sound_for_one_leg_interrupts_relay(void **state)
{
    struct media_clip *clip = clip_of(440, 3000);
    struct bench bench;

    (void)state;
    bench_open(&bench, 1);
    struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
    struct phone *b = add_phone(&bench, CODEC_PCMU, 600);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_RELAY);
    talk(&bench, 500 * SR_MSEC);
    assert_true(turn_until(&bench, MEDIA_EVENT_MODE, 1));
    play_to(&bench, a->leg, clip, (struct media_play_options){.play = 5});
    talk(&bench, 1400 * SR_MSEC);
    CLAIM(&bench, level_of(a, 440) > -15 && level_of(a, 600) < -45);
    CLAIM(&bench, level_of(b, 1000) > -20 && level_of(b, 440) < -45);
    assert_true(turn_until(&bench, MEDIA_EVENT_PLAYED, 1));
    assert_int_equal(bench.last[MEDIA_EVENT_PLAYED].play, 5);
    assert_int_equal(bench.last[MEDIA_EVENT_PLAYED].play_end, MEDIA_PLAY_DONE);
    assert_int_equal(bench.last[MEDIA_EVENT_PLAYED].played_ms, 3000);
    assert_int_equal(bench.last[MEDIA_EVENT_PLAYED].cookie, 1);
    talk(&bench, 2000 * SR_MSEC);
    CLAIM(&bench, bench.seen[MEDIA_EVENT_MODE] == 3);
    assert_int_equal(bench.last[MEDIA_EVENT_MODE].mode, MEDIA_MODE_RELAY);
    CLAIM(&bench, snr_of(a, 600) > 30 && snr_of(b, 1000) > 30);
    bench_close(&bench);
    media_clip_unref(clip);
}

/* A player is a party that speaks to all, with what they say to each other. */
static void player_speaks_to_the_room(void **state)
{
    struct media_leg_options options = {.kind = MEDIA_LEG_PLAYER};
    struct media_clip *clip = clip_of(440, 300);
    struct bench bench;
    struct sr_addr none;
    sr_id player;

    (void)state;
    bench_open(&bench, 1);
    struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
    struct phone *b = add_phone(&bench, CODEC_OPUS, 600);
    assert_int_equal(media_leg_open(bench.port, bench.room, &options, &player, &none), SR_OK);
    play_to(&bench, player, clip, (struct media_play_options){.play = 1, .is_looping = true});
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_MIX);
    talk(&bench, 2000 * SR_MSEC);
    CLAIM(&bench, level_of(a, 440) > -15 && level_of(a, 600) > -20 && level_of(a, 1000) < -50);
    CLAIM(&bench, level_of(b, 440) > -15 && level_of(b, 1000) > -20 && level_of(b, 600) < -45);
    media_leg_close(bench.port, player); /* in the middle of it */
    assert_true(turn_until(&bench, MEDIA_EVENT_CLOSED, 1));
    assert_int_equal(bench.seen[MEDIA_EVENT_PLAYED], 1);
    assert_int_equal(bench.last[MEDIA_EVENT_PLAYED].play_end, MEDIA_PLAY_CLOSED);
    bench.seen[MEDIA_EVENT_CLOSED] = 0;
    talk(&bench, 1500 * SR_MSEC);
    CLAIM(&bench, level_of(a, 440) < -50 && level_of(a, 600) > -20);
    bench_close(&bench);
    media_clip_unref(clip);
}

/* An isolated leg hears its sounds one after the other, each whole; a new one takes the place of all. */
static void sounds_wait_for_each_other(void **state)
{
    struct media_clip *first = clip_of(440, 600), *second = clip_of(800, 2500);
    struct bench bench;

    (void)state;
    bench_open(&bench, 1);
    struct phone *a = add_phone(&bench, CODEC_G722, 1000);
    media_leg_set_role(bench.port, a->leg, MEDIA_ROLE_ISOLATED);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_MIX);
    talk(&bench, 100 * SR_MSEC);
    play_to(&bench, a->leg, first, (struct media_play_options){.play = 1, .is_queued = true});
    play_to(&bench, a->leg, second, (struct media_play_options){.play = 2, .is_queued = true});
    play_to(&bench, a->leg, first, (struct media_play_options){.play = 3, .is_queued = true});
    talk(&bench, 1900 * SR_MSEC);
    CLAIM(&bench, level_of(a, 800) > -15 && level_of(a, 440) < -45);
    assert_true(bench.seen[MEDIA_EVENT_PLAYED] >= 1);
    play_to(&bench, a->leg, second, (struct media_play_options){.play = 4});
    assert_true(turn_until(&bench, MEDIA_EVENT_PLAYED, 3));
    media_leg_stop(bench.port, a->leg, 99); /* nothing of that name */
    assert_int_equal(bench.seen[MEDIA_EVENT_PLAYED], 3);
    media_leg_stop(bench.port, a->leg, 0);
    assert_true(turn_until(&bench, MEDIA_EVENT_PLAYED, 4));
    assert_int_equal(bench.last[MEDIA_EVENT_PLAYED].play, 4);
    assert_int_equal(bench.last[MEDIA_EVENT_PLAYED].play_end, MEDIA_PLAY_STOPPED);
    assert_true(bench.last[MEDIA_EVENT_PLAYED].played_ms < 2500);
    bench_close(&bench);
    media_clip_unref(first);
    media_clip_unref(second);
}

static void send_key(struct phone *phone, char digit)
{
    uint8_t bytes[RTP_PACKET_BYTES_MAX], payload[4];
    struct dtmf_payload event = {.event = (uint8_t)dtmf_event(digit), .volume = 10};
    struct rtp_packet packet = {.payload_type = 101,
                                .marker = true,
                                .timestamp = phone->ts,
                                .ssrc = phone->ssrc,
                                .payload = payload,
                                .payload_bytes = sizeof(payload)};
    struct sockaddr_storage sa;
    socklen_t sa_len = sr_addr_to_sockaddr(&phone->router, &sa);
    size_t n;

    event.duration = 160;
    dtmf_write(&event, payload);
    packet.seq = phone->seq++;
    assert_int_equal(rtp_write(&packet, bytes, sizeof(bytes), &n), SR_OK);
    assert_int_equal(sendto(phone->fd, bytes, n, 0, (struct sockaddr *)&sa, sa_len), (ssize_t)n);
}

/* A key stops what keys stop, as soon as it goes down. */
static void key_stops_a_prompt(void **state)
{
    struct media_clip *clip = clip_of(440, 10000);
    struct bench bench;

    (void)state;
    bench_open(&bench, 1);
    struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
    media_leg_set_role(bench.port, a->leg, MEDIA_ROLE_ISOLATED);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_MIX);
    play_to(&bench, a->leg, clip, (struct media_play_options){.play = 1, .stops_on_digit = true});
    play_to(&bench, a->leg, clip, (struct media_play_options){.play = 2, .is_queued = true});
    talk(&bench, 500 * SR_MSEC);
    assert_int_equal(bench.seen[MEDIA_EVENT_PLAYED], 0);
    send_key(a, '5');
    CLAIM(&bench, bench.seen[MEDIA_EVENT_PLAYED] == 1);
    assert_int_equal(bench.last[MEDIA_EVENT_PLAYED].play, 1);
    assert_int_equal(bench.last[MEDIA_EVENT_PLAYED].play_end, MEDIA_PLAY_DIGIT);
    talk(&bench, 1000 * SR_MSEC);
    assert_int_equal(bench.seen[MEDIA_EVENT_PLAYED], 1);
    CLAIM(&bench, level_of(a, 440) > -15); /* the one that waited */
    bench_close(&bench);
    assert_int_equal(bench.seen[MEDIA_EVENT_PLAYED], 2);
    media_clip_unref(clip);
}

/* What a leg hears goes along to the other worker, at its place. */
static void sound_moves_with_its_leg(void **state)
{
    struct media_clip *clip = clip_of(440, 2000);
    struct bench bench;
    sr_id other;

    (void)state;
    bench_open(&bench, 2);
    assert_int_equal(media_room_open(bench.port, 78, &other), SR_OK);
    struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_MIX);
    media_room_set_mode(bench.port, other, MEDIA_MODE_MIX);
    play_to(&bench, a->leg, clip, (struct media_play_options){.play = 7});
    for (int i = 0; i < 8; i++) {
        talk(&bench, 150 * SR_MSEC);
        media_leg_move(bench.port, a->leg, i % 2 == 0 ? other : bench.room);
    }
    talk(&bench, 1000 * SR_MSEC);
    assert_true(turn_until(&bench, MEDIA_EVENT_PLAYED, 1));
    assert_int_equal(bench.last[MEDIA_EVENT_PLAYED].play_end, MEDIA_PLAY_DONE);
    assert_int_equal(bench.last[MEDIA_EVENT_PLAYED].played_ms, 2000);
    a->seq_jumps = 0;
    bench_close(&bench);
    media_clip_unref(clip);
}

/* A file as music on hold, changed and taken away while a leg hears it. */
static void music_is_what_was_set(void **state)
{
    struct media_clip *clip = clip_of(440, 700), *other = clip_of(800, 500);
    struct bench bench;

    (void)state;
    bench_open(&bench, 1);
    struct phone *a = add_phone(&bench, CODEC_PCMU, 1000);
    media_port_set_music(bench.port, clip);
    media_leg_set_prompt(bench.port, a->leg, MEDIA_PROMPT_MUSIC);
    media_room_set_mode(bench.port, bench.room, MEDIA_MODE_MIX);
    talk(&bench, SR_SEC); /* a second is what is judged below */
    CLAIM(&bench, level_of(a, 440) > -15);
    media_port_set_music(bench.port, other);
    CLAIM(&bench, level_of(a, 800) > -15);
    CLAIM(&bench, level_of(a, 440) < -25);
    media_port_set_music(bench.port, NULL);
    CLAIM(&bench, level_of(a, 800) < -25);
    media_port_set_music(bench.port, clip);
    bench_close(&bench);
    media_clip_unref(clip);
    media_clip_unref(other);
}

int test_port_threads(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relay_carries_both_ways),
        cmocka_unit_test(mix_transcodes),
        cmocka_unit_test(third_party_joins_and_leaves),
        cmocka_unit_test(jitter_of_a_mixed_leg_is_that_of_its_packets),
        cmocka_unit_test(leg_moves_between_workers),
        cmocka_unit_test(echo_returns),
        cmocka_unit_test(digit_goes_out_in_relay),
        cmocka_unit_test(stranger_is_not_relayed),
        cmocka_unit_test(first_words_are_heard),
        cmocka_unit_test(hundreds_ring_in_one_room),
        cmocka_unit_test(ports_run_out_and_come_back),
        cmocka_unit_test(sound_for_one_leg_interrupts_relay),
        cmocka_unit_test(player_speaks_to_the_room),
        cmocka_unit_test(sounds_wait_for_each_other),
        cmocka_unit_test(key_stops_a_prompt),
        cmocka_unit_test(sound_moves_with_its_leg),
        cmocka_unit_test(music_is_what_was_set),
    };

    return cmocka_run_group_tests_name("port_threads", tests, NULL, NULL);
}

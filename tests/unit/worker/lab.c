#include "lab.h"

#include <math.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "media/rtcp.h"
#include "test_ports.h"

static const double two_pi = 6.283185307179586;

/* ---- allocations of any library ----
 *
 * The C library's own functions are called under names of its own, so that what OpenSSL and libopus take is
 * counted too. Not under a sanitizer, which has its own. */
static bool is_counting;
static uint64_t allocations;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LAB_COUNTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LAB_COUNTS 0
#endif
#endif
#ifndef LAB_COUNTS
#if defined(__GLIBC__)
#define LAB_COUNTS 1
#else
#define LAB_COUNTS 0
#endif
#endif

#if LAB_COUNTS
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
    allocations += is_counting;
    return __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
    allocations += is_counting;
    return __libc_calloc(count, n);
}

void *realloc(void *p, size_t n)
{
    allocations += is_counting;
    return __libc_realloc(p, n);
}
#endif

/* ---- voices ---- */

float lab_tone(const struct lab_phone *phone, uint64_t at)
{
    return 0.3f * (float)sin(two_pi * fmod((double)at * phone->options.hz / phone->rate_hz, 1.0));
}

float lab_noise(const struct lab_phone *phone, uint64_t at)
{
    /* 2 kHz wide at any rate: every codec carries it */
    uint64_t key = at * 4000 / phone->rate_hz;
    double t = (double)(at * 4000 % phone->rate_hz) / phone->rate_hz, side[2];

    for (uint64_t i = 0; i < 2; i++) {
        uint64_t x = (key + i) * UINT64_C(0x9E3779B97F4A7C15);

        x ^= x >> 29;
        x *= UINT64_C(0xBF58476D1CE4E5B9);
        x ^= x >> 32;
        side[i] = (double)(x & 0xffff) / 32768.0 - 1.0;
    }
    return 0.3f * (float)(side[0] * (1 - t) + side[1] * t);
}

float lab_vowel(const struct lab_phone *phone, uint64_t at)
{
    double t = (double)at / phone->rate_hz, sum = 0;
    /* phase of a pitch of 130 Hz that swings by 10 % three times in two seconds */
    double phase = 130.0 * t - 13.0 / (two_pi * 1.5) * cos(two_pi * 1.5 * t);

    for (int k = 1; k <= 12; k++)
        sum += sin(two_pi * fmod(phase * k, 1.0) + k * k) * exp(-(k - 5) * (k - 5) / 12.0);
    return (float)(0.12 * sum);
}

static float word_each(const struct lab_phone *phone, uint64_t at, uint32_t ms)
{
    uint64_t in = at % (phone->rate_hz / 1000 * ms), end = phone->rate_hz * 3 / 10;
    uint64_t soft = phone->rate_hz / 100;

    if (in >= end)
        return 0;
    return lab_vowel(phone, at) * (float)SR_MIN(1.0, (double)SR_MIN(in, end - in) / (double)soft);
}

float lab_words(const struct lab_phone *phone, uint64_t at)
{
    return word_each(phone, at, 500);
}

float lab_few_words(const struct lab_phone *phone, uint64_t at)
{
    return word_each(phone, at, 2000);
}

/* ---- phones: what they say ---- */

static void open_socket(struct lab_phone *phone)
{
    struct sockaddr_storage sa;
    socklen_t n;

    phone->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(phone->fd >= 0);
    assert_int_equal(sr_addr_parse(SR_STR("127.0.0.1:0"), 0, &phone->addr), SR_OK);
    test_own_address(phone->addr.ip);
    n = sr_addr_to_sockaddr(&phone->addr, &sa);
    assert_int_equal(bind(phone->fd, (struct sockaddr *)&sa, n), 0);
    n = sizeof(sa);
    assert_int_equal(getsockname(phone->fd, (struct sockaddr *)&sa, &n), 0);
    sr_addr_from_sockaddr((struct sockaddr *)&sa, &phone->addr);
}

static void set_stream(struct lab_phone *phone)
{
    struct media_stream stream = {
        .remote_rtp = phone->addr,
        .signalling = phone->addr,
        .can_send = true,
        .can_recv = true,
        .send_codec = phone->options.codec,
        .send_payload_type = phone->payload_type,
        .dtmf_wanted = !phone->options.is_eventless,
        .dtmf_payload_type = 101,
        .dtmf_clock_hz = phone->clock_hz,
        .is_dtmf_kept = phone->options.is_dtmf_kept,
        .ptime_ms = 20,
        .format_count = phone->options.is_eventless ? 1 : 2,
        .opus = {.usedtx = phone->options.dtx_wanted},
    };

    stream.formats[0] = (struct media_format){.payload_type = phone->payload_type,
                                              .codec = phone->options.codec,
                                              .clock_hz = phone->clock_hz};
    stream.formats[1] =
        (struct media_format){.payload_type = 101, .is_dtmf = true, .clock_hz = phone->clock_hz};
    if (phone->options.is_secure) {
        stream.crypto = MEDIA_CRYPTO_SDES;
        stream.tx = phone->rx_keys;
        stream.rx = phone->tx_keys;
    }
    media_leg_set_stream(phone->lab->port, phone->leg, &stream);
}

static void make_keys(struct lab_phone *phone)
{
    enum srtp_suite suite =
        phone->lab->count % 2 ? SRTP_AEAD_AES_128_GCM : SRTP_AES_CM_128_HMAC_SHA1_80;

    phone->tx_keys.suite = suite;
    phone->rx_keys.suite = suite;
    for (size_t i = 0; i < srtp_key_bytes(suite); i++) {
        phone->tx_keys.bytes[i] = (uint8_t)(phone->ssrc + i);
        phone->rx_keys.bytes[i] = (uint8_t)(phone->ssrc * 3 + i * 5 + 1);
    }
    assert_int_equal(srtp_init(&phone->tx, &phone->tx_keys, SRTP_SEND), SR_OK);
    assert_int_equal(srtp_init(&phone->rx, &phone->rx_keys, SRTP_RECEIVE), SR_OK);
}

static void make_codec(struct lab_phone *phone)
{
    const struct codec_ops *ops = codec_find(phone->options.codec);
    struct codec_tuning tuning = codec_tuning_default();
    struct codec_encoder_options encoder = {.rate_hz = phone->rate_hz, .tuning = &tuning};
    struct codec_decoder_options decoder = {.rate_hz = phone->rate_hz};

    tuning.complexity = 0;
    tuning.dtx_wanted = phone->options.dtx_wanted;
    phone->memory[0] = sr_zalloc(1, codec_encoder_bytes(ops, phone->rate_hz));
    phone->memory[1] = sr_zalloc(1, codec_decoder_bytes(ops, phone->rate_hz));
    assert_int_equal(codec_encoder_init(&phone->encoder, ops, phone->memory[0], &encoder), SR_OK);
    assert_int_equal(codec_decoder_init(&phone->decoder, ops, phone->memory[1], &decoder), SR_OK);
}

struct lab_phone *lab_phone(struct lab *lab, const struct lab_phone_options *options)
{
    const struct codec_ops *ops = codec_find(options->codec);
    struct media_leg_options leg = {.kind = MEDIA_LEG_RTP, .cookie = lab->count + 1};
    struct lab_phone *phone = sr_zalloc(1, sizeof(*phone));

    assert_true(lab->count < LAB_PHONES_MAX);
    phone->lab = lab;
    phone->options = *options;
    phone->rate_hz = options->codec == CODEC_OPUS ? 48000 : ops->rates_hz[0];
    phone->clock_hz = ops->clock_hz;
    phone->payload_type =
        (uint8_t)(ops->payload_type == CODEC_PT_DYNAMIC ? 111 : ops->payload_type);
    phone->ssrc = 1000 + (uint32_t)lab->count;
    phone->heard_max = (size_t)phone->rate_hz * options->keep_sec;
    phone->heard = sr_zalloc(phone->heard_max + 1, sizeof(float));
    phone->heard_at = sr_zalloc((size_t)options->keep_sec * 50 + 1, sizeof(sr_usec));
    dtmf_rx_init(&phone->dtmf, phone->clock_hz);
    make_codec(phone);
    open_socket(phone);
    leg.local = phone->addr;
    assert_int_equal(media_leg_open(lab->port, options->room ? options->room : lab->room, &leg,
                                    &phone->leg, &phone->router),
                     SR_OK);
    phone->is_open = true;
    if (options->is_secure)
        make_keys(phone);
    set_stream(phone);
    /* phones are not in step with each other, nor with the tick */
    phone->next_at = (double)lab->now + (double)(lab->count * 7 % 20) * 1000 + 300;
    phone->began_at = (sr_usec)phone->next_at - 20 * SR_MSEC;
    lab->phones[lab->count++] = phone;
    return phone;
}

static void put(struct lab_phone *phone, const uint8_t *bytes, size_t n)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = sr_addr_to_sockaddr(&phone->router, &sa);

    assert_int_equal(sendto(phone->fd, bytes, n, 0, (struct sockaddr *)&sa, sa_len), (ssize_t)n);
}

/* Through a network that keeps each packet for a while. */
static void travel(struct lab_phone *phone, const uint8_t *bytes, size_t n)
{
    struct lab_flight *flight = phone->flights;

    if (phone->options.jitter_ms == 0) {
        put(phone, bytes, n);
        return;
    }
    while (flight->n > 0)
        flight++;
    assert_true(flight < phone->flights + LAB_FLIGHTS_MAX && n <= sizeof(flight->bytes));
    flight->at = phone->lab->now +
                 (sr_usec)sr_prng_below(&phone->lab->prng, phone->options.jitter_ms * 1000);
    flight->n = n;
    memcpy(flight->bytes, bytes, n);
}

static void land_due(struct lab_phone *phone)
{
    for (size_t i = 0; i < LAB_FLIGHTS_MAX && phone->options.jitter_ms > 0; i++) {
        struct lab_flight *flight = &phone->flights[i];

        if (flight->n == 0 || flight->at > phone->lab->now)
            continue;
        put(phone, flight->bytes, flight->n);
        flight->n = 0;
    }
}

static void send_packet(struct lab_phone *phone, uint8_t type, uint32_t ts, bool marker,
                        const uint8_t *payload, size_t n)
{
    uint8_t bytes[RTP_PACKET_BYTES_MAX + SRTP_TRAILER_BYTES_MAX];
    struct rtp_packet packet = {.payload_type = type,
                                .marker = marker,
                                .seq = phone->seq++,
                                .timestamp = ts,
                                .ssrc = phone->ssrc,
                                .payload = payload,
                                .payload_bytes = n};
    size_t size;

    assert_int_equal(rtp_write(&packet, bytes, RTP_PACKET_BYTES_MAX, &size), SR_OK);
    if (phone->options.is_secure)
        assert_int_equal(srtp_protect(&phone->tx, bytes, &size), SR_OK);
    phone->sent++;
    travel(phone, bytes, size);
}

void lab_press(struct lab_phone *phone, char digit, uint32_t duration_ms)
{
    phone->digit = digit;
    phone->digit_until = phone->lab->now + (sr_usec)duration_ms * SR_MSEC;
    phone->digit_ts = phone->ts;
    phone->digit_units = 0;
    phone->digit_ends = 0;
}

/* A packet of the event that is on; false: none is. */
static bool send_digit(struct lab_phone *phone, uint32_t units)
{
    static const char keys[] = "0123456789*#ABCD";
    struct dtmf_payload payload = {.volume = 10};
    uint8_t bytes[DTMF_PAYLOAD_BYTES];

    if (phone->digit == '\0')
        return false;
    payload.event = (uint8_t)(strchr(keys, phone->digit) - keys);
    payload.is_end = phone->lab->now >= phone->digit_until;
    if (phone->digit_ends == 0)
        phone->digit_units += units;
    payload.duration = (uint16_t)phone->digit_units;
    phone->digit_ends += payload.is_end;
    dtmf_write(&payload, bytes);
    send_packet(phone, 101, phone->digit_ts, phone->digit_units == units, bytes, sizeof(bytes));
    if (phone->digit_ends == DTMF_END_COUNT)
        phone->digit = '\0';
    return true;
}

static void say(struct lab_phone *phone)
{
    size_t samples = phone->rate_hz / 50, n;
    uint32_t units = phone->clock_hz / 50;
    uint8_t payload[CODEC_PAYLOAD_BYTES_MAX];
    float pcm[960];

    for (size_t i = 0; i < samples; i++)
        pcm[i] = phone->options.voice(phone, phone->said + i);
    assert_int_equal(codec_encode(&phone->encoder, pcm, samples, payload, sizeof(payload), &n),
                     SR_OK);
    if (!send_digit(phone, units) && n > 2) /* 2: a pause of Opus, or its sign of life */
        send_packet(phone, phone->payload_type, phone->ts, phone->sent == 0, payload, n);
    phone->said += samples;
    phone->ts += units;
}

void lab_say(struct lab_phone *phone, uint32_t packets)
{
    while (packets-- > 0)
        say(phone);
}

static void say_due(struct lab_phone *phone)
{
    while (phone->is_open && phone->options.voice != NULL &&
           phone->next_at <= (double)phone->lab->now) {
        say(phone);
        phone->next_at += 20000.0 / (1 + phone->options.drift_ppm * 1e-6);
    }
}

/* ---- phones: what they hear ---- */

static void note_stream(struct lab_phone *phone, const struct rtp_packet *packet)
{
    uint32_t step = phone->clock_hz / 50;

    if (phone->packets > 0) {
        phone->ssrc_changes += packet->ssrc != phone->heard_ssrc;
        phone->seq_jumps += packet->seq != (uint16_t)(phone->last_seq + 1);
        if (packet->payload_type == phone->payload_type)
            phone->ts_jumps += (packet->timestamp - phone->last_ts) % step != 0 ||
                               packet->timestamp - phone->last_ts > step * 100;
    } else {
        phone->first_at = phone->lab->now;
    }
    phone->heard_ssrc = packet->ssrc;
    phone->last_seq = packet->seq;
    phone->last_at = phone->lab->now;
    if (packet->payload_type == phone->payload_type)
        phone->last_ts = packet->timestamp;
    phone->packets++;
}

static void note_digits(struct lab_phone *phone, const struct dtmf_step *step)
{
    for (uint8_t i = 0; i < step->report_count; i++) {
        if (step->reports[i].what != DTMF_END || phone->digit_count == LAB_DIGITS_MAX)
            continue;
        phone->digits[phone->digit_count] = step->reports[i].digit;
        phone->digit_ms[phone->digit_count++] = step->reports[i].duration_ms;
    }
}

static void take(struct lab_phone *phone, uint8_t *bytes, size_t n)
{
    struct rtp_packet packet;
    struct dtmf_step step;
    size_t samples;

    if (rtp_is_rtcp(bytes, n))
        return;
    if (phone->options.is_secure)
        assert_int_equal(srtp_unprotect(&phone->rx, bytes, &n), SR_OK);
    assert_int_equal(rtp_parse(bytes, n, &packet), SR_OK);
    note_stream(phone, &packet);
    if (packet.payload_type == 101) {
        dtmf_rx_push(&phone->dtmf, &packet, phone->lab->now, &step);
        note_digits(phone, &step);
        return;
    }
    if (phone->heard_count + CODEC_PACKET_SAMPLES_MAX > phone->heard_max)
        return;
    assert_int_equal(codec_decode(&phone->decoder,
                                  sr_str_make((const char *)packet.payload, packet.payload_bytes),
                                  phone->heard + phone->heard_count, CODEC_PACKET_SAMPLES_MAX,
                                  &samples),
                     SR_OK);
    phone->heard_at[phone->heard_packets++] = phone->lab->now;
    phone->heard_count += samples;
}

static void hear(struct lab_phone *phone)
{
    uint8_t bytes[RTP_PACKET_BYTES_MAX + SRTP_TRAILER_BYTES_MAX];
    struct dtmf_step step;
    ssize_t n;

    while ((n = recv(phone->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        take(phone, bytes, (size_t)n);
    if (dtmf_rx_deadline(&phone->dtmf) <= phone->lab->now) {
        dtmf_rx_on_deadline(&phone->dtmf, phone->lab->now, &step);
        note_digits(phone, &step);
    }
}

size_t lab_heard_at(const struct lab_phone *phone, sr_usec at)
{
    size_t i = 0;

    while (i < phone->heard_packets && phone->heard_at[i] < at)
        i++;
    return i * (phone->rate_hz / 50);
}

/* ---- time ---- */

static void on_event(void *arg, const struct media_event *event)
{
    struct lab *lab = arg;

    lab->last[event->kind] = *event;
    lab->seen[event->kind]++;
    for (size_t i = 0; event->kind == MEDIA_EVENT_STATS && i < lab->count; i++) {
        if (lab->phones[i]->leg == event->leg) {
            lab->phones[i]->stats = event->stats;
            lab->phones[i]->stats_count++;
        }
    }
    if (lab->on_event != NULL)
        lab->on_event(lab, event);
}

static void step(struct lab *lab)
{
    lab->now += (sr_usec)lab->step_us;
    for (size_t i = 0; i < lab->count; i++)
        say_due(lab->phones[i]);
    for (size_t i = 0; i < lab->count; i++)
        land_due(lab->phones[i]);
    allocations = 0;
    is_counting = true;
    port_threads_step(lab->port, lab->now);
    is_counting = false;
    lab->allocations += allocations;
    loop_sim_run_until(lab->loop, lab->now);
    for (size_t i = 0; i < lab->count; i++)
        hear(lab->phones[i]);
}

void lab_run(struct lab *lab, sr_usec how_long)
{
    sr_usec until = lab->now + how_long;

    while (lab->now < until)
        step(lab);
}

void lab_until(struct lab *lab, enum media_event_kind kind, uint32_t count)
{
    sr_usec until = lab->now + 20 * SR_SEC;

    while (lab->seen[kind] < count && lab->now < until)
        step(lab);
    assert_true(lab->seen[kind] >= count);
}

/* ---- life ---- */

struct lab *lab_open(uint32_t workers)
{
    struct lab *lab = sr_zalloc(1, sizeof(*lab));
    struct port_threads_options options = {.arg = lab,
                                           .on_event = on_event,
                                           .threads = workers,
                                           .port_min = test_ports(),
                                           .port_max = (uint16_t)(test_ports() + 999),
                                           .spread_wanted = true,
                                           .is_stepped = true};

    lab->loop = loop_sim_new(7);
    lab->now = loop_now(lab->loop);
    lab->step_us = 1000;
    lab->counts_all = LAB_COUNTS;
    sr_prng_seed(&lab->prng, 11);
    options.loop = lab->loop;
    assert_int_equal(port_threads_new(&options, &lab->port), SR_OK);
    port_threads_step(lab->port, lab->now);
    assert_int_equal(media_room_open(lab->port, 77, &lab->room), SR_OK);
    return lab;
}

void lab_hang_up(struct lab_phone *phone)
{
    if (phone->is_open)
        media_leg_close(phone->lab->port, phone->leg);
    phone->is_open = false;
}

void lab_phone_free(struct lab_phone *phone)
{
    struct lab *lab = phone->lab;

    lab_hang_up(phone);
    for (size_t i = 0; i < lab->count; i++) {
        if (lab->phones[i] == phone) {
            lab->phones[i] = lab->phones[--lab->count];
            break;
        }
    }
    close(phone->fd);
    srtp_done(&phone->tx);
    srtp_done(&phone->rx);
    sr_free(phone->memory[0]);
    sr_free(phone->memory[1]);
    sr_free(phone->heard);
    sr_free(phone->heard_at);
    sr_free(phone);
}

void lab_close(struct lab *lab)
{
    struct media_port_stats stats;

    while (lab->count > 0) {
        assert_int_equal(lab->phones[0]->ssrc_changes, 0);
        assert_int_equal(lab->phones[0]->seq_jumps, 0);
        assert_int_equal(lab->phones[0]->ts_jumps, 0);
        lab_phone_free(lab->phones[0]);
    }
    media_room_close(lab->port, lab->room);
    lab_run(lab, SR_SEC);
    media_port_stats(lab->port, &stats);
    assert_int_equal(stats.legs, 0);
    assert_int_equal(stats.rooms, 0);
    assert_int_equal(stats.ports_used, 0);
    media_port_free(lab->port);
    loop_free(lab->loop);
    sr_free(lab);
}

struct media_leg_stats lab_stats(struct lab_phone *phone)
{
    sr_usec until = phone->lab->now + 6 * SR_SEC;
    uint32_t before = phone->stats_count;

    while (phone->stats_count == before && phone->lab->now < until)
        step(phone->lab);
    assert_true(phone->stats_count > before);
    return phone->stats;
}

/* ---- mouth to ear ---- */

double lab_delay_ms(const struct lab_phone *from, const struct lab_phone *to, uint32_t window_ms,
                    double *ret_match)
{
    size_t per_ms = to->rate_hz / 1000, n = window_ms * per_ms;
    size_t begin = (to->heard_count - n) / (20 * per_ms) * (20 * per_ms);
    sr_usec ear_at = to->heard_at[begin / (20 * per_ms)];
    const float *heard = to->heard + begin;
    double best = -2, best_ms = 0;

    assert_true(to->heard_count > n && from->rate_hz % 1000 == 0);
    /* what was in the ear at ear_at was said `lag` samples of the listener's clock before */
    for (size_t lag = 0; lag < 400 * per_ms; lag += per_ms / 8) {
        double sum = 0, hh = 0, ss = 0;

        for (size_t i = 0; i < n; i += per_ms * 3 / 8) {
            double said_us =
                (double)(ear_at - from->began_at) + 1e6 * ((double)i - (double)lag) / to->rate_hz;
            double at = said_us * from->rate_hz / 1e6;
            double s = at < 0 ? 0 : (double)from->options.voice(from, (uint64_t)(at + 0.5));

            sum += s * (double)heard[i];
            hh += (double)heard[i] * (double)heard[i];
            ss += s * s;
        }
        if (sum / sqrt(hh * ss + 1e-12) > best) {
            best = sum / sqrt(hh * ss + 1e-12);
            best_ms = (double)lag / (double)per_ms;
        }
    }
    *ret_match = best;
    return best_ms;
}

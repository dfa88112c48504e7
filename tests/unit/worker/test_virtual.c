/* The media plane in virtual time: what it tells of delay, drift and jitter against what is measured, the seams between
   relay and mix in speech and in digits, clocks that differ, calls by the thousand, and memory. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "lab.h"
#include "media/tone_fit.h"
#include "worker/front.h"

#define SHOW(...) print_message(__VA_ARGS__)

static uint32_t wanted_of(const char *name, uint32_t usual)
{
    uint32_t n = usual;
    const char *text = getenv(name);

    if (text != NULL)
        assert_int_equal(sr_str_u32(sr_str_c(text), 1000000, &n), SR_OK);
    return n;
}

/* LAB_WORKERS=2: everything on two workers. */
static uint32_t workers(void)
{
    return wanted_of("LAB_WORKERS", 1);
}

static struct lab_phone *phone(struct lab *lab, enum codec_id codec, lab_voice_fn *voice,
                               uint32_t keep_sec)
{
    struct lab_phone_options options = {.codec = codec,
                                        .voice = voice,
                                        .hz = 500 + 110.0 * (double)lab->count,
                                        .keep_sec = keep_sec};

    return lab_phone(lab, &options);
}

static struct lab_phone *phone_in(struct lab *lab, sr_id room, enum codec_id codec, bool is_secure)
{
    struct lab_phone_options options = {.codec = codec,
                                        .voice = lab_noise,
                                        .is_secure = is_secure,
                                        .room = room,
                                        .dtx_wanted = codec == CODEC_OPUS};

    return lab_phone(lab, &options);
}

/* ---- the X-ray, measured ---- */

static void check_delay(enum codec_id a_codec, enum codec_id b_codec, double tolerance_ms)
{
    struct lab *lab = lab_open(workers());
    struct lab_phone *a = phone(lab, a_codec, lab_noise, 30);
    struct lab_phone *b = phone(lab, b_codec, NULL, 30);
    struct media_leg_stats at, bt;
    double told, match, measured;

    b->options.voice = lab_tone;
    b->options.hz = 0; /* silence, but packets */
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, 8 * SR_SEC);
    at = lab_stats(a);
    bt = lab_stats(b);
    told = at.packet_ms + at.delay_in_ms + bt.delay_out_ms;
    measured = lab_delay_ms(a, b, 500, &match);
    SHOW("%d to %d: told %.1f + %.1f + %.1f = %.1f ms, measured %.1f ms (%.2f alike)\n", a_codec,
         b_codec, at.packet_ms, at.delay_in_ms, bt.delay_out_ms, told, measured, match);
    assert_true(match > 0.7);
    assert_true(fabs(told - measured) < tolerance_ms);
    lab_close(lab);
}

static void delay_told_is_delay_measured(void **state)
{
    (void)state;
    check_delay(CODEC_PCMU, CODEC_PCMU, 1.5);
    check_delay(CODEC_PCMU, CODEC_PCMA, 3);
    check_delay(CODEC_PCMU, CODEC_G722, 3);
    check_delay(CODEC_G722, CODEC_PCMU, 3);
    check_delay(CODEC_PCMU, CODEC_OPUS, 3);
}

/* Jitter of 60 ms: the target is what the network needs, the time given and taken back is counted, and the
   figure for people is that of RFC 3550. The same line without jitter: the least there is, also when the network
   takes longer from a moment on. */
static void jitter_told_is_that_of_the_network(void **state)
{
    struct lab *lab = lab_open(workers());
    struct lab_phone *even, *uneven;
    struct media_leg_stats stats;

    (void)state;
    even = phone(lab, CODEC_PCMU, lab_vowel, 0);
    uneven = phone(lab, CODEC_PCMA, lab_vowel, 0);
    uneven->options.jitter_ms = 60;
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_MIX);
    lab_run(lab, 30 * SR_SEC);
    stats = lab_stats(uneven);
    SHOW("jitter of 0 to 60 ms: target %.1f, buffer %.1f, figure %.1f ms, %d stretches\n",
         stats.target_ms, stats.buffer_ms, stats.jitter_ms, (int)stats.stretches);
    assert_true(stats.target_ms > 50 && stats.target_ms < 66);
    assert_true(stats.buffer_ms > 45 && stats.buffer_ms < 95);
    assert_true(stats.jitter_ms > 15 &&
                stats.jitter_ms < 25); /* mean distance of two of them: 20 */
    assert_true(stats.stretches > 0);
    stats = lab_stats(even);
    SHOW("an even line: target %.1f, buffer %.1f, figure %.1f ms, %d stretches\n", stats.target_ms,
         stats.buffer_ms, stats.jitter_ms, (int)stats.stretches);
    assert_true(stats.target_ms < 10 && stats.buffer_ms < 32 && stats.jitter_ms < 1);
    lab_run(lab, 2500 * SR_MSEC);
    even->next_at += 300000; /* behind its timestamps from now on: half way to the next report */
    stats = lab_stats(even);
    SHOW("300 ms longer: target %.1f, buffer %.1f ms\n", stats.target_ms, stats.buffer_ms);
    assert_true(stats.target_ms < 10 && stats.buffer_ms < 32);
    lab_close(lab);
}

/* ---- clocks that differ ---- */

/* Three parties whose clocks are 100 ppm fast, right, and 100 ppm slow: 12 ms apart after each minute. Nobody falls
   behind, nothing is lost, and the drift is told. */
static void three_clocks_stay_together(void **state)
{
    static const double ppm[] = {100, 0, -100};
    uint32_t minutes = wanted_of("LAB_DRIFT_MINUTES", 10);
    struct lab *lab = lab_open(workers());
    struct lab_phone *phones[3];
    double low[3] = {1e9, 1e9, 1e9}, high[3] = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        phones[i] = phone(lab, i == 1 ? CODEC_PCMA : CODEC_PCMU, lab_noise, 0);
        phones[i]->options.drift_ppm = ppm[i];
    }
    lab->step_us = 2000;
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_MIX);
    lab_run(lab, 30 * SR_SEC);
    while (lab->now < (sr_usec)minutes * 60 * SR_SEC) {
        lab_run(lab, 5 * SR_SEC);
        for (size_t i = 0; i < 3; i++) {
            low[i] = SR_MIN(low[i], phones[i]->stats.delay_in_ms);
            high[i] = SR_MAX(high[i], phones[i]->stats.delay_in_ms);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        struct media_leg_stats stats = lab_stats(phones[i]);

        SHOW("%+4.0f ppm: told %+.1f, delay %.1f to %.1f ms in %u minutes, late %d, made up %d\n",
             ppm[i], stats.drift_ppm, low[i], high[i], minutes, (int)stats.late,
             (int)stats.concealed);
        assert_true(fabs(stats.drift_ppm - ppm[i]) < 15);
        assert_true(high[i] < 50 && high[i] - low[i] < 40); /* a tick and a packet */
        assert_int_equal(stats.late, 0);
        assert_true(stats.concealed <= 1 + minutes / 30);
        /* as many packets as minutes have: nobody's stream was cut or filled up */
        assert_true(fabs((double)phones[i]->packets - (double)lab->now / 20000) < 150);
    }
    lab_close(lab);
}

/* ---- seams ---- */

static double energy_db(const float *pcm, size_t n)
{
    double sum = 1e-7;

    for (size_t i = 0; i < n; i++)
        sum += (double)pcm[i] * (double)pcm[i];
    return 10 * log10(sum / (double)n);
}

/* Largest change between neighbouring blocks of 20 ms. */
static double largest_step_db(const struct lab_phone *ear, size_t from, size_t to)
{
    size_t block = ear->rate_hz / 50;
    double worst = 0;

    for (size_t at = from; at + 2 * block <= to; at += block / 2)
        worst = SR_MAX(worst, fabs(energy_db(ear->heard + at, block) -
                                   energy_db(ear->heard + at + block, block)));
    return worst;
}

static float largest_click(const struct lab_phone *ear, size_t from, size_t to)
{
    float top = 0;

    for (size_t i = from + 1; i < to; i++)
        top = fmaxf(top, fabsf(ear->heard[i] - ear->heard[i - 1]));
    return top;
}

/* Longest time without a packet. */
static sr_usec longest_pause(const struct lab_phone *ear)
{
    sr_usec longest = 0;

    for (size_t i = 1; i < ear->heard_packets; i++)
        longest = SR_MAX(longest, ear->heard_at[i] - ear->heard_at[i - 1]);
    return longest;
}

static void switch_often(struct lab *lab, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        media_room_set_mode(lab->port, lab->room, i % 2 ? MEDIA_MODE_RELAY : MEDIA_MODE_MIX);
        lab_run(lab, 1500 * SR_MSEC + (sr_usec)(i * 37 % 100) * SR_MSEC);
        assert_int_equal(lab->last[MEDIA_EVENT_MODE].mode,
                         i % 2 ? MEDIA_MODE_RELAY : MEDIA_MODE_MIX);
    }
}

/* A vowel through twenty switches, wherever ticks fall between its packets: its energy hardly steps, nothing
   clicks, no packet is missing. */
static void seams_in_a_vowel_are_not_heard(enum codec_id codec, uint32_t phase_ms, double limit_db)
{
    struct lab *lab = lab_open(workers());
    struct lab_phone *mouth, *ear;
    double plain_db, seams_db;
    size_t from;
    float click;

    lab_run(lab, (sr_usec)phase_ms * SR_MSEC);
    mouth = phone(lab, codec, lab_vowel, 0);
    ear = phone(lab, codec, lab_vowel, 60);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, 3 * SR_SEC);
    from = ear->heard_count;
    plain_db = largest_step_db(ear, from / 2, from);
    click = largest_click(ear, from / 2, from);
    switch_often(lab, 20);
    seams_db = largest_step_db(ear, from / 2, ear->heard_count);
    SHOW("codec %d, tick %u ms off: energy steps by %.1f dB at most, by itself %.1f; sample step "
         "%.3f of %.3f; "
         "longest pause %d ms\n",
         codec, phase_ms, seams_db, plain_db, (double)largest_click(ear, from, ear->heard_count),
         (double)click, (int)(longest_pause(ear) / 1000));
    assert_true(seams_db < limit_db);
    assert_true(largest_click(ear, from, ear->heard_count) < 1.5f * click);
    assert_true(longest_pause(ear) < 75 * SR_MSEC);
    assert_true(mouth->packets > 0);
    lab_close(lab);
}

static void seams_are_not_heard(void **state)
{
    (void)state;
    for (uint32_t phase_ms = 0; phase_ms < 20; phase_ms += 4) {
        seams_in_a_vowel_are_not_heard(CODEC_PCMU, phase_ms, 2);
        seams_in_a_vowel_are_not_heard(CODEC_G722, phase_ms, 4);
    }
    /* a new encoder of Opus changes its mind once about how to code, some frames later */
    seams_in_a_vowel_are_not_heard(CODEC_OPUS, 0, 8);
    seams_in_a_vowel_are_not_heard(CODEC_OPUS, 10, 8);
}

/* Words as they are heard: count, and the shortest. */
static uint32_t words_heard(const struct lab_phone *ear, size_t from, uint32_t *ret_shortest_ms,
                            uint32_t *ret_longest_ms)
{
    size_t block = ear->rate_hz / 100; /* 10 ms */
    uint32_t count = 0, length = 0;

    *ret_shortest_ms = 1000000;
    *ret_longest_ms = 0;
    for (size_t at = from; at + block <= ear->heard_count; at += block) {
        if (energy_db(ear->heard + at, block) > -40) {
            length += 10;
            continue;
        }
        if (length > 0 && count++ > 0) { /* the first may have begun before */
            *ret_shortest_ms = SR_MIN(*ret_shortest_ms, length);
            *ret_longest_ms = SR_MAX(*ret_longest_ms, length);
        }
        length = 0;
    }
    return count;
}

/* Two words a second through switches at any place in them: all are heard, whole. */
static void seams_leave_words_whole(void **state)
{
    struct lab *lab = lab_open(workers());
    struct lab_phone *ear;
    uint32_t count, shortest, longest, said;
    sr_usec began;
    size_t from;

    (void)state;
    (void)phone(lab, CODEC_PCMU, lab_words, 0);
    ear = phone(lab, CODEC_PCMU, lab_words, 60);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, 3 * SR_SEC);
    from = ear->heard_count;
    began = lab->now;
    switch_often(lab, 30);
    said = (uint32_t)((lab->now - began) / (500 * SR_MSEC));
    count = words_heard(ear, from, &shortest, &longest);
    SHOW("%u words said, %u heard, of %u to %u ms\n", said, count, shortest, longest);
    assert_in_range(count, said - 1, said + 1);
    assert_true(shortest >= 270 && longest <= 340);
    lab_close(lab);
}

/* Opus that sends nothing in the pauses between words: no loss is told, nothing is made up, words are whole. */
static void pauses_of_opus_are_not_loss(void **state)
{
    struct lab *lab = lab_open(workers());
    struct lab_phone_options options = {
        .codec = CODEC_OPUS, .voice = lab_few_words, .dtx_wanted = true};
    struct lab_phone *mouth = lab_phone(lab, &options), *ear;
    uint32_t count, shortest, longest, sent;
    struct media_leg_stats stats;
    size_t from;

    (void)state;
    ear = phone(lab, CODEC_PCMU, lab_tone, 60);
    ear->options.hz = 0;
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY); /* cannot: it mixes */
    lab_run(lab, 3 * SR_SEC);
    from = ear->heard_count;
    sent = mouth->sent;
    lab_run(lab, 30 * SR_SEC);
    stats = lab_stats(mouth);
    count = words_heard(ear, from, &shortest, &longest);
    SHOW("%u packets in 30 s, %u words of %u to %u ms, lost %d, late %d, made up %d x 20 ms\n",
         mouth->sent - sent, count, shortest, longest, (int)stats.lost, (int)stats.late,
         (int)stats.concealed);
    assert_true(mouth->sent - sent < 35 * 50 * 6 / 10);
    assert_int_equal(stats.lost + stats.late, 0);
    assert_true(stats.loss_pct < 0.01);
    assert_in_range(count, 14, 19);
    assert_true(shortest >= 260 && longest <= 340);
    assert_true(stats.concealed < 10);
    lab_close(lab);
}

/* ---- digits at a seam ---- */

static uint32_t router_digits;

/* As the hub does: a digit that was not relayed is sent on. */
static void pass_digit(void *arg, const struct media_event *event)
{
    struct lab *lab = arg;

    if (event->kind != MEDIA_EVENT_DTMF)
        return;
    router_digits++;
    if (!event->is_relayed)
        assert_int_equal(media_leg_dtmf(lab->port,
                                        lab->phones[lab->phones[0]->leg == event->leg]->leg,
                                        event->digit, event->duration_ms),
                         SR_OK);
}

/* A key goes down, and the room switches `after_ms` later, to the mix or back: the other side hears it once. */
static void seams_neither_drop_nor_double_digits(void **state)
{
    struct lab *lab = lab_open(workers());
    struct lab_phone *finger = phone(lab, CODEC_PCMU, lab_vowel, 0), *ear;
    uint32_t pressed = 0;

    (void)state;
    router_digits = 0;
    ear = phone(lab, CODEC_PCMU, lab_vowel, 0);
    lab->on_event = pass_digit;
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, 2 * SR_SEC);
    for (uint32_t after_ms = 0; after_ms <= 480; after_ms += 40) {
        for (int to_mix = 1; to_mix >= 0; to_mix--) {
            lab_press(finger, (char)('0' + pressed % 10), 300);
            lab_run(lab, (sr_usec)after_ms * SR_MSEC + 1000);
            media_room_set_mode(lab->port, lab->room, to_mix ? MEDIA_MODE_MIX : MEDIA_MODE_RELAY);
            lab_run(lab, 2 * SR_SEC);
            pressed++;
            assert_int_equal(router_digits, pressed);
            if (ear->digit_count != pressed)
                fail_msg("%u ms before the switch to %s: %u heard of %u", after_ms,
                         to_mix ? "mix" : "relay", ear->digit_count, pressed);
            assert_int_equal(ear->digits[pressed - 1], '0' + (pressed - 1) % 10);
            assert_in_range(ear->digit_ms[pressed - 1], 200, 400);
        }
    }
    SHOW("%u digits at seams, each heard once\n", pressed);
    lab_close(lab);
}

/* ---- digits that are kept ---- */

static struct media_event kept;

static void keep_digit(void *arg, const struct media_event *event)
{
    (void)arg;
    if (event->kind == MEDIA_EVENT_DTMF)
        kept = *event;
}

/* A key that may begin a code: seen in relay and mix, at the clocks of a phone and of a browser, relayed to
 * nobody; given on 700 ms later it is heard once and as long as it was pressed. */
static void hold_a_digit(enum codec_id from, enum codec_id to, enum media_mode mode)
{
    struct lab *lab = lab_open(workers());
    struct lab_phone_options options = {
        .codec = from, .voice = lab_vowel, .is_secure = true, .is_dtmf_kept = true};
    struct lab_phone *finger = lab_phone(lab, &options), *ear = phone(lab, to, lab_vowel, 0);

    lab->on_event = keep_digit;
    media_room_set_mode(lab->port, lab->room, mode);
    lab_run(lab, 2 * SR_SEC);
    for (uint32_t ms = 100; ms <= 900; ms += 200) {
        uint32_t before = ear->digit_count;

        memset(&kept, 0, sizeof(kept));
        lab_press(finger, '*', ms);
        lab_run(lab, (sr_usec)(ms + 100) * SR_MSEC);
        assert_int_equal(kept.digit, '*');
        assert_false(kept.is_relayed);
        assert_in_range(kept.duration_ms, ms - 1, ms + 40);
        lab_run(lab, 700 * SR_MSEC);
        assert_int_equal(ear->digit_count, before);
        assert_int_equal(
            media_leg_dtmf(lab->port, ear->leg, kept.digit, (uint16_t)kept.duration_ms), SR_OK);
        lab_run(lab, (sr_usec)(ms + 300) * SR_MSEC);
        assert_int_equal(ear->digit_count, before + 1);
        assert_in_range(ear->digit_ms[before], kept.duration_ms - 20, kept.duration_ms + 20);
    }
    lab_close(lab);
}

static void a_digit_that_is_kept_goes_on_in_its_length(void **state)
{
    (void)state;
    hold_a_digit(CODEC_PCMU, CODEC_PCMU, MEDIA_MODE_RELAY);
    hold_a_digit(CODEC_OPUS, CODEC_OPUS, MEDIA_MODE_RELAY);
    hold_a_digit(CODEC_OPUS, CODEC_PCMU, MEDIA_MODE_MIX); /* 48 kHz to 8 kHz, and back */
    hold_a_digit(CODEC_PCMU, CODEC_OPUS, MEDIA_MODE_MIX);
}

/* ---- what workers tell of themselves ---- */

static struct media_port_stats port_stats(struct lab *lab)
{
    struct media_port_stats stats;

    media_port_stats(lab->port, &stats);
    return stats;
}

static struct media_worker_stats worker_stats(struct lab *lab)
{
    return port_stats(lab).worker[0];
}

/* What a stranger sent before the source proved itself lies in the socket behind the packet that proves it: connect()
   does not take it away. */
static void strangers_behind_the_proof_stay_out(void **state)
{
    static const uint8_t payload[160] = {0x11};
    struct lab *lab = lab_open(workers());
    struct lab_phone *a = phone(lab, CODEC_PCMU, NULL, 0), *b = phone(lab, CODEC_PCMU, NULL, 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct rtp_packet packet = {
        .payload = payload, .payload_bytes = sizeof(payload), .ssrc = 0xbad};
    struct sockaddr_storage sa;
    socklen_t sa_len = sr_addr_to_sockaddr(&a->router, &sa);
    struct media_leg_stats stats;

    (void)state;
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, 20 * SR_MSEC);
    a->options.voice = lab_vowel;
    lab_say(a, 4);
    for (int i = 0; i < 8; i++) {
        uint8_t bytes[RTP_PACKET_BYTES_MAX];
        size_t n;

        packet.seq++;
        packet.timestamp += 160;
        assert_int_equal(rtp_write(&packet, bytes, sizeof(bytes), &n), SR_OK);
        assert_int_equal(sendto(fd, bytes, n, 0, (struct sockaddr *)&sa, sa_len), (ssize_t)n);
    }
    a->options.voice = NULL;
    lab_run(lab, SR_SEC);
    stats = lab_stats(a);
    assert_int_equal(stats.rx_packets, 4);
    assert_int_equal(stats.rx_stray, 8);
    assert_int_equal(b->packets, 4);
    close(fd);
    lab_close(lab);
}

/* A socket is connected while its phone is heard, and again after a pause: that is the cheap way, and nothing else
   reaches it. What strangers had sent by then stays out all the same. */
static void a_connection_lasts_while_the_phone_is_heard(void **state)
{
    struct lab *lab = lab_open(workers());
    struct lab_phone *a = phone(lab, CODEC_PCMU, NULL, 0), *b = phone(lab, CODEC_PCMU, NULL, 0);
    struct mleg *leg = sr_idtab_find(&((struct port_threads *)lab->port)->legs, a->leg);
    struct lab_phone stranger = *a;

    (void)state;
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    stranger.options.voice = lab_vowel;
    stranger.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (int round = 0; round < 3; round++) {
        uint64_t before = b->packets;
        uint32_t sent = a->sent;

        a->options.voice = lab_vowel;
        for (int i = 0; i < 30; i++) {
            lab_say(&stranger, 2); /* before the proof, when it is given, and after */
            lab_run(lab, 20 * SR_MSEC);
        }
        assert_true(leg->is_connected);
        a->options.voice = NULL;
        lab_run(lab, 450 * SR_MSEC);
        assert_true(leg->is_connected);
        lab_run(lab, 250 * SR_MSEC);
        assert_false(leg->is_connected);
        assert_in_range(b->packets - before, a->sent - sent - 3, a->sent - sent);
    }
    assert_true(lab_stats(a).rx_stray > 0);
    close(stranger.fd);
    lab_close(lab);
}

/* A burst that no socket holds: what the kernel drops is counted for the leg and for the worker, and every packet
   is accounted for. */
static void kernel_drops_are_counted(void **state)
{
    enum {
        BURST = 4000
    };
    struct media_leg_stats stats;
    struct lab_phone *a;
    struct lab *lab;

    (void)state;
    if (getenv("TEST_EMULATED") != NULL)
        skip(); /* qemu-user does not hand on the kernel's count (SO_RXQ_OVFL) */
    lab = lab_open(workers());
    a = phone(lab, CODEC_PCMU, NULL, 0);
    (void)phone(lab, CODEC_PCMU, NULL, 0);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, 20 * SR_MSEC);
    a->options.voice = lab_vowel;
    lab_run(lab, 2 * SR_SEC);
    lab_say(a, BURST);
    a->options.voice = NULL;
    lab_run(lab, SR_SEC);
    stats = lab_stats(a);
    SHOW("of %d packets at once %d were taken, %d refused, %d dropped by the kernel\n", BURST,
         (int)stats.rx_packets, (int)stats.rx_dropped, (int)stats.kernel_drops);
    assert_true(stats.kernel_drops > 0);
    assert_int_equal(stats.rx_packets + stats.rx_dropped + stats.kernel_drops, a->sent);
    assert_int_equal(worker_stats(lab).kernel_drops, stats.kernel_drops);
    assert_int_equal(worker_stats(lab).rx_packets, stats.rx_packets);
    lab_close(lab);
}

/* One talks, two PCMU phones and an Opus phone listen: the silent are not summed, and those that hear the same share. */
static void what_costs_nothing_is_told(void **state)
{
    struct lab *lab = lab_open(workers());
    struct media_worker_stats before, now;

    (void)state;
    (void)phone(lab, CODEC_PCMU, lab_vowel, 0);
    for (int i = 0; i < 3; i++)
        phone(lab, i < 2 ? CODEC_PCMU : CODEC_OPUS, lab_tone, 0)->options.hz = 0; /* silence */
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_MIX);
    lab_run(lab, 2 * SR_SEC);
    before = worker_stats(lab);
    lab_run(lab, 10 * SR_SEC);
    now = worker_stats(lab);
    assert_int_equal(now.rooms, 1);
    assert_int_equal(now.legs, 4);
    assert_int_equal(now.legs_mixed, 4);
    assert_int_equal(now.legs_quiet, 3);
    assert_in_range(now.ticks - before.ticks, 499, 501);
    assert_in_range(now.rx_packets - before.rx_packets, 4 * 495, 4 * 505);
    assert_in_range(now.tx_packets - before.tx_packets, 4 * 495, 4 * 505);
    assert_in_range(now.encodes - before.encodes, 3 * 495, 3 * 505);
    assert_in_range(now.encodes_shared - before.encodes_shared, 495, 505);
    assert_int_equal(now.late_ticks + now.overruns + now.kernel_drops, 0);
    assert_int_equal(now.opus_complexity, CODEC_COMPLEXITY_DEFAULT);
    lab_close(lab);
}

/* Ticks that come late are counted by how late; Opus gets cheaper and better again; and what the host took is told
   from what we did. */
static void late_ticks_are_counted_and_explained(void **state)
{
    struct lab *lab = lab_open(workers());
    struct worker *worker = &((struct port_threads *)lab->port)->workers[0];
    uint64_t late, overruns;

    (void)state;
    (void)phone(lab, CODEC_PCMU, lab_vowel, 0);
    (void)phone(lab, CODEC_OPUS, lab_vowel, 0);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_MIX);
    lab_run(lab, SR_SEC);
    assert_int_equal(worker_stats(lab).late_ticks, 0);
    for (int i = 0; i < 50; i++) { /* every tick up to 12 ms late */
        lab->step_us = 13000;
        lab_run(lab, 13 * SR_MSEC);
    }
    late = worker_stats(lab).late_ticks;
    assert_in_range(late, 10, 40);
    assert_int_equal(worker_stats(lab).overruns, 0);
    assert_true(worker_stats(lab).opus_complexity < CODEC_COMPLEXITY_DEFAULT);
    lab->step_us = 47000;
    lab_run(lab, 47 * SR_MSEC);
    overruns = worker_stats(lab).overruns;
    assert_in_range(overruns, 1, 2);
    tally__blame(worker, 20 * SR_MSEC); /* the host took less than we were late */
    assert_int_equal(worker_stats(lab).overruns_stolen, 0);
    lab_run(lab, 47 * SR_MSEC);
    tally__blame(worker, 200 * SR_MSEC);
    assert_int_equal(worker_stats(lab).overruns_stolen, worker_stats(lab).overruns - overruns);
    lab->step_us = 1000;
    lab_run(lab, 60 * SR_SEC);
    assert_int_equal(worker_stats(lab).opus_complexity, CODEC_COMPLEXITY_DEFAULT);
    lab_close(lab);
}

/* ---- the first words ---- */

enum {
    RINGERS = 2 * EARLY_PLACES / EARLY_LEG_MAX
};

/* Many parties that talk while they ring, unheard, do not take away the first words of those who are answered now. */
static void ringing_parties_leave_room_for_first_words(void **state)
{
    struct lab *lab = lab_open(1);
    struct lab_phone *mouth, *ear, *ringing[RINGERS];
    sr_id room;

    (void)state;
    assert_int_equal(media_room_open(lab->port, 1, &room), SR_OK);
    for (size_t i = 0; i < RINGERS; i++)
        ringing[i] = phone_in(lab, room, CODEC_PCMU, false);
    lab_run(lab, SR_SEC);
    mouth = phone(lab, CODEC_PCMU, NULL, 0);
    ear = phone(lab, CODEC_PCMU, NULL, 0);
    lab_run(lab, 20 * SR_MSEC);
    mouth->options.voice = lab_vowel;
    lab_say(mouth, 5);
    mouth->options.voice = NULL;
    lab_run(lab, 20 * SR_MSEC);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, 100 * SR_MSEC);
    assert_int_equal(ear->packets, 5);
    for (size_t i = 0; i < RINGERS; i++)
        ringing[i]->options.voice = NULL;
    media_room_close(lab->port, room);
    lab_close(lab);
}

/* ---- wishes of the peer ---- */

/* What a re-INVITE says anew of Opus (RFC 7587 6.1) is followed; one that says the same leaves the codecs alone. */
static void opus_follows_what_the_peer_wants(void **state)
{
    struct lab *lab = lab_open(workers());
    struct lab_phone *ear = phone(lab, CODEC_OPUS, lab_vowel, 0);
    struct mleg *leg = sr_idtab_find(&((struct port_threads *)lab->port)->legs, ear->leg);
    struct media_stream stream;
    const struct kit *kit;

    (void)state;
    (void)phone(lab, CODEC_PCMU, lab_vowel, 0);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_MIX);
    lab_run(lab, SR_SEC);
    kit = leg->kit;
    stream = leg->front_stream;
    media_leg_set_stream(lab->port, ear->leg, &stream);
    lab_run(lab, SR_SEC);
    assert_ptr_equal(leg->kit, kit);
    stream.opus.maxaveragebitrate = 12000;
    media_leg_set_stream(lab->port, ear->leg, &stream);
    lab_run(lab, SR_SEC);
    assert_int_equal(leg->kit->tuning.bitrate_bps, 12000);
    lab_close(lab);
}

/* ---- digits that we send ---- */

static bool has_tones(const struct lab_phone *phone, sr_usec at, double low_hz, double high_hz)
{
    const float *heard = phone->heard + lab_heard_at(phone, at);
    size_t n = phone->rate_hz / 25;

    return tone_fit_level_dbfs(heard, n, phone->rate_hz, low_hz) > -30 &&
           tone_fit_level_dbfs(heard, n, phone->rate_hz, high_hz) > -30;
}

/* Who knows no telephone-event hears digits as tones, also in a call that is relayed: its room mixes meanwhile. */
static void digits_as_tones_reach_a_relayed_party(void **state)
{
    struct lab *lab = lab_open(workers());
    struct lab_phone_options options = {.codec = CODEC_PCMU, .keep_sec = 10, .is_eventless = true};
    struct lab_phone *ear = lab_phone(lab, &options);
    sr_usec at;

    (void)state;
    (void)phone(lab, CODEC_PCMU, lab_vowel, 0);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, SR_SEC);
    assert_int_equal(lab->last[MEDIA_EVENT_MODE].mode, MEDIA_MODE_RELAY);
    at = lab->now;
    assert_int_equal(media_leg_dtmf(lab->port, ear->leg, '5', 400), SR_OK);
    assert_int_equal(media_leg_dtmf(lab->port, ear->leg, '#', 400), SR_OK);
    lab_run(lab, 3 * SR_SEC);
    assert_true(has_tones(ear, at + 250 * SR_MSEC, 770, 1336));
    assert_true(has_tones(ear, at + 700 * SR_MSEC, 941, 1477));
    assert_false(has_tones(ear, at + 1500 * SR_MSEC, 941, 1477));
    assert_int_equal(lab->seen[MEDIA_EVENT_MODE], 3);
    assert_int_equal(lab->last[MEDIA_EVENT_MODE].mode, MEDIA_MODE_RELAY);
    lab_close(lab);
}

/* As many as may wait arrive, all of them; one more is refused, until there is room again. */
static void no_digit_that_was_taken_is_lost(void **state)
{
    static const char keys[] = "0123456789*#ABCD";
    struct lab *lab = lab_open(workers());
    struct lab_phone *ear = phone(lab, CODEC_PCMU, lab_vowel, 0);

    (void)state;
    (void)phone(lab, CODEC_PCMU, lab_vowel, 0);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, SR_SEC);
    for (int i = 0; i < MEDIA_DTMF_QUEUE_MAX; i++)
        assert_int_equal(media_leg_dtmf(lab->port, ear->leg, keys[i % 16], 60), SR_OK);
    assert_int_equal(media_leg_dtmf(lab->port, ear->leg, '1', 60), SR_ERR_LIMIT);
    lab_run(lab, 15 * SR_SEC);
    assert_int_equal(ear->digit_count, MEDIA_DTMF_QUEUE_MAX);
    for (int i = 0; i < MEDIA_DTMF_QUEUE_MAX; i++)
        assert_int_equal(ear->digits[i], keys[i % 16]);
    assert_in_range(ear->ts_jumps, 0, 1); /* no audio for so long */
    ear->ts_jumps = 0;
    assert_int_equal(media_leg_dtmf(lab->port, ear->leg, '1', 60), SR_OK);
    lab_hang_up(ear); /* it has not gone out yet */
    lab_close(lab);
}

/* ---- what the front is told ---- */

/* So many values wait for a front that is far behind; with all of them nothing more can be told. */
static void fill_reports(struct worker *worker, uint32_t count)
{
    struct report nobody = {.kind = REPORT_RX_CODEC};

    while (sr_ring_count(&worker->reports) < count)
        assert_true(sr_ring_push(&worker->reports, &nobody));
}

static void empty_reports(struct worker *worker)
{
    struct report report;

    while (sr_ring_pop(&worker->reports, &report)) {
    }
}

/* What a leg is (its source, its coding, that it is silent) reaches the front however far behind that was. */
static void states_that_found_no_place_are_told_later(void **state)
{
    struct lab *lab = lab_open(workers());
    struct lab_phone *a = phone(lab, CODEC_PCMU, NULL, 0);
    struct worker *worker;
    struct mleg *leg;

    (void)state;
    (void)phone(lab, CODEC_PCMU, NULL, 0);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    media_leg_set_timeout(lab->port, a->leg, 2);
    lab_run(lab, 100 * SR_MSEC);
    leg = sr_idtab_find(&((struct port_threads *)lab->port)->legs, a->leg);
    worker = leg->front_room->worker;
    fill_reports(worker, WORKER_REPORTS_MAX);
    a->options.voice = lab_vowel;
    lab_run(lab, SR_SEC);
    assert_int_equal(lab->seen[MEDIA_EVENT_LATCHED], 0);
    assert_int_equal(leg->front_rx_codec, CODEC_NONE);
    empty_reports(worker);
    lab_run(lab, 200 * SR_MSEC);
    assert_int_equal(lab->seen[MEDIA_EVENT_LATCHED], 1);
    assert_int_equal(lab->last[MEDIA_EVENT_LATCHED].leg, a->leg);
    assert_int_equal(leg->front_rx_codec, CODEC_PCMU);
    fill_reports(worker, WORKER_REPORTS_MAX);
    a->options.voice = NULL;
    lab_run(lab, 3 * SR_SEC);
    assert_int_equal(lab->seen[MEDIA_EVENT_TIMEOUT], 0);
    empty_reports(worker);
    lab_run(lab, SR_SEC);
    assert_int_equal(lab->seen[MEDIA_EVENT_TIMEOUT], 1);
    assert_int_equal(lab->seen[MEDIA_EVENT_LATCHED], 1);
    lab_close(lab);
}

/* Statistics of thousands of legs do not take the places of digits; they come later, for all of the time. */
static void statistics_leave_room_for_digits(void **state)
{
    struct lab *lab = lab_open(1);
    struct lab_phone *a = phone(lab, CODEC_PCMU, lab_vowel, 0);
    struct worker *worker = &((struct port_threads *)lab->port)->workers[0];
    uint32_t told;

    (void)state;
    (void)phone(lab, CODEC_PCMU, lab_vowel, 0);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_MIX);
    lab_run(lab, 6 * SR_SEC);
    told = lab->seen[MEDIA_EVENT_STATS];
    fill_reports(worker, WORKER_FIGURES_MAX);
    a->seq++; /* one is lost */
    lab_run(lab, 6 * SR_SEC);
    assert_int_equal(lab->seen[MEDIA_EVENT_STATS], told);
    assert_int_equal(worker_stats(lab).reports_refused, 2);
    assert_int_equal(lab->seen[MEDIA_EVENT_DTMF], 0);
    lab_press(a, '5', 100);
    lab_run(lab, SR_SEC);
    assert_int_equal(lab->seen[MEDIA_EVENT_DTMF], 1);
    assert_int_equal(sr_ring_count(&worker->reports), 0);
    assert_true(lab_stats(a).loss_pct > 0);
    assert_int_equal(worker_stats(lab).reports_refused, 2);
    lab_close(lab);
}

/* ---- memory ---- */

/* 10,000 ticks of relay and mix, of every codec, in the clear and with SRTP: no library takes memory. */
static void ticks_allocate_nothing(void **state)
{
    struct lab *lab = lab_open(workers());
    sr_id rooms[4] = {lab->room};
    uint64_t ticks, ours;

    (void)state;
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(media_room_open(lab->port, i, &rooms[i]), SR_OK);
    phone_in(lab, rooms[0], CODEC_PCMU, true); /* relay, SRTP with other keys on each side */
    phone_in(lab, rooms[0], CODEC_PCMU, true);
    phone_in(lab, rooms[1], CODEC_OPUS, false); /* relay of Opus */
    phone_in(lab, rooms[1], CODEC_OPUS, true);
    phone_in(lab, rooms[2], CODEC_PCMA, true); /* mix */
    phone_in(lab, rooms[2], CODEC_OPUS, true);
    phone_in(lab, rooms[3], CODEC_G722, false);
    phone_in(lab, rooms[3], CODEC_PCMU, false);
    phone_in(lab, rooms[3], CODEC_PCMU, false)->options.jitter_ms = 50;
    for (size_t i = 0; i < 4; i++)
        media_room_set_mode(lab->port, rooms[i], MEDIA_MODE_RELAY);
    lab->step_us = 4000;
    lab_run(lab, 2 * SR_SEC);
    lab->allocations = 0;
    ours = sr_alloc_total();
    ticks = port_stats(lab).ticks;
    lab_run(lab, 100 * SR_SEC); /* two rooms tick, in two slots */
    ticks = port_stats(lab).ticks - ticks;
    assert_true(ticks >= 9990);
    assert_int_equal(lab->allocations, 0);
    assert_int_equal(sr_alloc_total(), ours);
    SHOW("%d ticks: %s\n", (int)ticks,
         lab->counts_all ? "nothing taken by any library" : "nothing taken by us");
    for (size_t i = 1; i < 4; i++)
        media_room_close(lab->port, rooms[i]);
    lab_close(lab);
}

/* ---- sub-slots ---- */

enum {
    SLOT_PHONES = WORKER_SLOTS,
};

/* At how many different moments of the 20 ms the phones are given their packets, in the second that follows; and that
   each is given all of them, though a change between groups and single sub-slots takes up to 4 ms from one. */
static uint32_t moments_of(struct lab *lab, struct lab_phone *const *phones)
{
    uint64_t before[SLOT_PHONES];
    uint32_t moments = 0, count = 0;

    for (size_t i = 0; i < SLOT_PHONES; i++)
        before[i] = phones[i]->packets;
    lab_run(lab, SR_SEC);
    for (size_t i = 0; i < SLOT_PHONES; i++) {
        assert_in_range(phones[i]->packets - before[i], 49, 51);
        moments |= 1u << (phones[i]->last_at / SR_MSEC % WORKER_TICK_MS);
    }
    for (; moments != 0; moments &= moments - 1)
        count++;
    return count;
}

/* A room in each sub-slot: four wake-ups serve them all while the worker has time to spare, twenty when it has not,
   and four again five seconds later. No tick is lost or late on the way. */
static void busy_workers_do_not_group_sub_slots(void **state)
{
    struct lab *lab = lab_open(1);
    struct worker *worker = &((struct port_threads *)lab->port)->workers[0];
    struct lab_phone *phones[SLOT_PHONES];
    sr_id rooms[SLOT_PHONES] = {lab->room};
    uint64_t ticks;
    sr_usec began_at;

    (void)state;
    for (size_t i = 0; i < SLOT_PHONES; i++) {
        if (i > 0)
            assert_int_equal(media_room_open(lab->port, i, &rooms[i]), SR_OK);
        phones[i] = phone_in(lab, rooms[i], CODEC_PCMU, false);
        phones[i]->options.voice = NULL;
        media_room_set_mode(lab->port, rooms[i], MEDIA_MODE_MIX);
    }
    lab_run(lab, SR_SEC);
    began_at = lab->now;
    ticks = worker_stats(lab).ticks;
    assert_int_equal(moments_of(lab, phones), WORKER_SLOTS / WORKER_GROUP_SLOTS);
    worker->busy_us = WORKER_BUSY_MS * SR_MSEC; /* time stands still while a stepped worker works */
    lab_run(lab, 2 * WORKER_HOUSEKEEPING_MS * SR_MSEC);
    assert_int_equal(moments_of(lab, phones),
                     WORKER_SLOTS / WORKER_GROUP_SLOTS); /* not that much */
    worker->busy_us = WORKER_BUSY_MS * SR_MSEC + 1;
    lab_run(lab, 2 * WORKER_HOUSEKEEPING_MS * SR_MSEC);
    assert_int_equal(moments_of(lab, phones), WORKER_SLOTS);
    lab_run(lab, WORKER_EASE_MS * SR_MSEC);
    assert_int_equal(moments_of(lab, phones), WORKER_SLOTS / WORKER_GROUP_SLOTS);
    ticks = worker_stats(lab).ticks - ticks;
    assert_in_range(ticks, (lab->now - began_at) / SR_MSEC - WORKER_SLOTS,
                    (lab->now - began_at) / SR_MSEC + WORKER_SLOTS);
    assert_int_equal(worker_stats(lab).late_ticks, 0);
    for (size_t i = 1; i < SLOT_PHONES; i++)
        media_room_close(lab->port, rooms[i]);
    lab_close(lab);
}

/* ---- calls by the thousand ---- */

enum {
    CALL_PHONES_MAX = 3,
    LIVE_MAX = 24,
};

struct lab_call {
    sr_id room;
    struct lab_phone *phones[CALL_PHONES_MAX];
    uint32_t count;
    sr_usec began_at, until;
};

static enum codec_id any_codec(struct lab *lab)
{
    static const enum codec_id codecs[] = {CODEC_PCMU, CODEC_PCMU, CODEC_PCMA, CODEC_G722};

    return codecs[sr_prng_below(&lab->prng, SR_ARRAY_LEN(codecs))];
}

static void begin_call(struct lab *lab, struct lab_call *call, uint32_t number)
{
    bool is_relay = number % 3 != 0;
    enum codec_id codec = any_codec(lab);

    assert_int_equal(media_room_open(lab->port, number, &call->room), SR_OK);
    call->count = is_relay ? 2 : 2 + (uint32_t)sr_prng_below(&lab->prng, 2);
    for (uint32_t i = 0; i < call->count; i++) {
        call->phones[i] = phone_in(lab, call->room, is_relay ? codec : any_codec(lab),
                                   sr_prng_below(&lab->prng, 4) == 0);
        call->phones[i]->options.voice = lab_tone;
    }
    call->began_at = lab->now;
    call->until = lab->now + (sr_usec)(20 + sr_prng_below(&lab->prng, 1000)) * SR_MSEC;
    media_room_set_mode(lab->port, call->room, is_relay ? MEDIA_MODE_RELAY : MEDIA_MODE_MIX);
}

/* Some of what people do in a call. */
static void disturb(struct lab *lab, struct lab_call *call)
{
    struct lab_phone *any = call->phones[sr_prng_below(&lab->prng, call->count)];

    switch (sr_prng_below(&lab->prng, 200)) {
    case 0:
        media_leg_set_prompt(lab->port, any->leg, MEDIA_PROMPT_MUSIC);
        break;
    case 1:
        media_leg_set_prompt(lab->port, any->leg, MEDIA_PROMPT_NONE);
        break;
    case 2:
        media_leg_set_muted(lab->port, any->leg, true);
        break;
    case 3:
        media_room_set_mode(lab->port, call->room, MEDIA_MODE_MIX);
        break;
    case 4:
        media_room_set_mode(lab->port, call->room, MEDIA_MODE_RELAY);
        break;
    case 5:
        assert_int_equal(media_leg_dtmf(lab->port, any->leg, '5', 100), SR_OK);
        break;
    default:
        break;
    }
}

/* True: both heard something, where there was time for it. */
static void end_call(struct lab *lab, struct lab_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        struct lab_phone *phone = call->phones[i];

        if (lab->now - call->began_at > 400 * SR_MSEC && phone->packets == 0)
            fail_msg("a call of %d ms, and nothing was heard",
                     (int)((lab->now - call->began_at) / 1000));
        assert_int_equal(phone->ssrc_changes + phone->seq_jumps, 0);
        lab_phone_free(phone);
    }
    media_room_close(lab->port, call->room);
    call->room = SR_ID_NONE;
}

/* @return legs of all of them */
static uint32_t run_calls(struct lab *lab, uint32_t wanted)
{
    struct lab_call calls[LIVE_MAX] = {0};
    uint32_t begun = 0, ended = 0, legs = 0;

    while (ended < wanted) {
        struct lab_call *call = &calls[sr_prng_below(&lab->prng, LIVE_MAX)];

        if (call->room == SR_ID_NONE && begun < wanted) {
            begin_call(lab, call, ++begun);
            legs += call->count;
        }
        for (size_t i = 0; i < LIVE_MAX; i++) {
            if (calls[i].room == SR_ID_NONE)
                continue;
            disturb(lab, &calls[i]);
            if (lab->now >= calls[i].until) {
                end_call(lab, &calls[i]);
                ended++;
            }
        }
        lab_run(lab, 4 * SR_MSEC);
    }
    lab_run(lab, SR_SEC);
    return legs;
}

/* LAB_CALLS=10000 for the whole of it. */
static void calls_by_the_thousand_leave_nothing(void **state)
{
    struct lab *lab = lab_open(2);
    uint32_t wanted = wanted_of("LAB_CALLS", 200), legs;
    uint64_t blocks;

    (void)state;
    lab->step_us = 4000;
    legs = run_calls(lab, 2 * LIVE_MAX); /* tables have their size */
    blocks = sr_alloc_live();
    legs += run_calls(lab, wanted);
    assert_int_equal(lab->seen[MEDIA_EVENT_CLOSED], legs);
    assert_int_equal(sr_alloc_live(), blocks);
    SHOW("%u calls, %u legs in %d s of virtual time\n", wanted, legs, (int)(lab->now / SR_SEC));
    lab_close(lab);
}

/* An argument names the tests to run ("*seams*"). */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delay_told_is_delay_measured),
        cmocka_unit_test(jitter_told_is_that_of_the_network),
        cmocka_unit_test(three_clocks_stay_together),
        cmocka_unit_test(seams_are_not_heard),
        cmocka_unit_test(seams_leave_words_whole),
        cmocka_unit_test(pauses_of_opus_are_not_loss),
        cmocka_unit_test(seams_neither_drop_nor_double_digits),
        cmocka_unit_test(a_digit_that_is_kept_goes_on_in_its_length),
        cmocka_unit_test(ringing_parties_leave_room_for_first_words),
        cmocka_unit_test(opus_follows_what_the_peer_wants),
        cmocka_unit_test(digits_as_tones_reach_a_relayed_party),
        cmocka_unit_test(no_digit_that_was_taken_is_lost),
        cmocka_unit_test(kernel_drops_are_counted),
        cmocka_unit_test(strangers_behind_the_proof_stay_out),
        cmocka_unit_test(a_connection_lasts_while_the_phone_is_heard),
        cmocka_unit_test(what_costs_nothing_is_told),
        cmocka_unit_test(late_ticks_are_counted_and_explained),
        cmocka_unit_test(states_that_found_no_place_are_told_later),
        cmocka_unit_test(statistics_leave_room_for_digits),
        cmocka_unit_test(ticks_allocate_nothing),
        cmocka_unit_test(busy_workers_do_not_group_sub_slots),
        cmocka_unit_test(calls_by_the_thousand_leave_nothing),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("media in virtual time", tests, NULL, NULL);
}

/* The media plane in virtual time: what it tells of delay, drift and jitter against what is measured, the seams between
   relay and mix in speech and in digits, clocks that differ, calls by the thousand, and memory. */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "lab.h"
#include "worker/internal.h"

#define SHOW(...) print_message(__VA_ARGS__)

static struct lab_phone *phone(struct lab *lab, enum codec_id codec, lab_voice_fn *voice,
                               uint32_t keep_sec)
{
    struct lab_phone_options options = {.codec = codec,
                                        .voice = voice,
                                        .hz = 500 + 110.0 * (double)lab->count,
                                        .keep_sec = keep_sec};

    return lab_phone(lab, &options);
}

/* ---- the X-ray, measured ---- */

static void check_delay(enum codec_id a_codec, enum codec_id b_codec, double tolerance_ms)
{
    struct lab *lab = lab_open(1);
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
   figure for people is that of RFC 3550. The same line without jitter: the least there is. */
static void jitter_told_is_that_of_the_network(void **state)
{
    struct lab *lab = lab_open(1);
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
    lab_close(lab);
}

/* ---- clocks that differ ---- */

static uint32_t minutes_wanted(const char *name, uint32_t usual)
{
    uint32_t n = usual;
    const char *text = getenv(name);

    if (text != NULL)
        assert_int_equal(sr_str_u32(sr_str_c(text), 1000000, &n), SR_OK);
    return n;
}

/* Three parties whose clocks are 100 ppm fast, right, and 100 ppm slow: 12 ms apart after each minute. Nobody falls
   behind, nothing is lost, and the drift is told. */
static void three_clocks_stay_together(void **state)
{
    static const double ppm[] = {100, 0, -100};
    uint32_t minutes = minutes_wanted("LAB_DRIFT_MINUTES", 10);
    struct lab *lab = lab_open(1);
    struct lab_phone *phones[3];
    double low[3] = {1e9, 1e9, 1e9}, high[3] = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        phones[i] = phone(lab, i == 1 ? CODEC_PCMA : CODEC_PCMU, lab_vowel, 0);
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
        assert_true(high[i] < 50 && high[i] - low[i] < 30);
        assert_int_equal(stats.late, 0);
        assert_true(stats.concealed <= 1);
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

/* A vowel through twenty switches: its energy never steps by 6 dB, nothing clicks, no packet is missing. */
static void seams_in_a_vowel_are_not_heard(enum codec_id codec)
{
    struct lab *lab = lab_open(1);
    struct lab_phone *mouth = phone(lab, codec, lab_vowel, 0), *ear;
    double plain_db, seams_db;
    size_t from;
    float click;

    ear = phone(lab, codec, lab_vowel, 60);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, 3 * SR_SEC);
    from = ear->heard_count;
    plain_db = largest_step_db(ear, from / 2, from);
    click = largest_click(ear, from / 2, from);
    switch_often(lab, 20);
    seams_db = largest_step_db(ear, from / 2, ear->heard_count);
    SHOW("codec %d: energy steps by %.1f dB at most, by itself %.1f; sample step %.3f of %.3f; "
         "longest pause %d ms\n",
         codec, seams_db, plain_db, (double)largest_click(ear, from, ear->heard_count),
         (double)click, (int)(longest_pause(ear) / 1000));
    assert_true(seams_db < 6);
    assert_true(largest_click(ear, from, ear->heard_count) < 1.5f * click);
    assert_true(longest_pause(ear) < 75 * SR_MSEC);
    assert_true(mouth->packets > 0);
    lab_close(lab);
}

static void seams_are_not_heard(void **state)
{
    (void)state;
    seams_in_a_vowel_are_not_heard(CODEC_PCMU);
    seams_in_a_vowel_are_not_heard(CODEC_G722);
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
    struct lab *lab = lab_open(1);
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
    struct lab *lab = lab_open(1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delay_told_is_delay_measured),
        cmocka_unit_test(jitter_told_is_that_of_the_network),
        cmocka_unit_test(three_clocks_stay_together),
        cmocka_unit_test(seams_are_not_heard),
        cmocka_unit_test(seams_leave_words_whole),
        cmocka_unit_test(seams_neither_drop_nor_double_digits),
    };

    return cmocka_run_group_tests_name("media in virtual time", tests, NULL, NULL);
}

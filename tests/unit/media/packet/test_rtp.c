#include "media/rtp.h"

#include "media/packet/tests.h"

/* Header, CSRC, extension and padding are read and every lie about a length is refused. */
static void packets_parse_by_table(void **state)
{
    static const struct {
        const char *name;
        uint8_t bytes[32];
        size_t n;
        enum sr_err err;
        size_t payload_bytes;
    } table[] = {
        {"plain", {0x80, 0x80, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9}, 13, SR_OK, 1},
        {"empty payload", {0x80, 0}, 12, SR_OK, 0},
        {"short", {0x80, 0}, 11, SR_ERR_SYNTAX, 0},
        {"version 1", {0x40, 0}, 12, SR_ERR_SYNTAX, 0},
        {"csrc", {0x82, 0}, 21, SR_OK, 1},
        {"csrc lie", {0x8F, 0}, 32, SR_ERR_SYNTAX, 0},
        {"extension", {0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xBE, 0xDE, 0, 1}, 21, SR_OK, 1},
        {"extension lie",
         {0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xBE, 0xDE, 0, 9},
         21,
         SR_ERR_SYNTAX,
         0},
        {"extension huge",
         {0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xBE, 0xDE, 255, 255},
         32,
         SR_ERR_SYNTAX,
         0},
        {"extension cut", {0x90, 0}, 14, SR_ERR_SYNTAX, 0},
        {"padding", {0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 2}, 15, SR_OK, 1},
        {"padding 0", {0xA0, 0}, 15, SR_ERR_SYNTAX, 0},
        {"padding lie", {0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 4}, 15, SR_ERR_SYNTAX, 0},
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(table); i++) {
        struct rtp_packet packet;
        enum sr_err err = rtp_parse(table[i].bytes, table[i].n, &packet);

        if (err != table[i].err)
            fail_msg("%s: %s", table[i].name, sr_err_name(err));
        if (err == SR_OK && packet.payload_bytes != table[i].payload_bytes)
            fail_msg("%s: payload %zu", table[i].name, packet.payload_bytes);
    }
}

/* What was written reads back the same; RFC 8285 elements are found in both forms. */
static void write_and_parse_agree(void **state)
{
    static const uint8_t csrc[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t one[] = {0x10, 0xAA, 0, 0x50, 0x9F, 0xF0, 0x10, 1};
    static const uint8_t two[] = {1, 0, 0, 5, 2, 0x85, 3};
    struct rtp_packet in = {.payload_type = 111,
                            .marker = true,
                            .csrc_count = 2,
                            .seq = 65535,
                            .timestamp = 0xFFFFFFF0u,
                            .ssrc = 0xDEADBEEF,
                            .has_ext = true,
                            .ext_profile = 0xBEDE,
                            .csrc = csrc,
                            .ext = one,
                            .ext_bytes = 5,
                            .payload = csrc,
                            .payload_bytes = 8};
    uint8_t bytes[64], level;
    const uint8_t *data;
    struct rtp_packet out;
    size_t n, data_n;
    bool is_voice;

    (void)state;
    assert_int_equal(rtp_write(&in, bytes, sizeof(bytes), &n), SR_OK);
    assert_int_equal(n, 12 + 8 + 4 + 8 + 8);
    assert_int_equal(rtp_write(&in, bytes, n - 1, &n), SR_ERR_LIMIT);
    assert_int_equal(rtp_parse(bytes, n, &out), SR_OK);
    assert_true(out.marker && out.payload_type == 111 && out.seq == 65535);
    assert_int_equal(out.timestamp, 0xFFFFFFF0u);
    assert_int_equal(out.ssrc, 0xDEADBEEF);
    assert_memory_equal(out.csrc, csrc, 8);
    assert_memory_equal(out.payload, csrc, 8);
    assert_true(rtp_audio_level(&out, 5, &level, &is_voice));
    assert_true(level == 0x1F && is_voice);
    assert_false(rtp_ext_find(&out, 2, &data, &data_n));
    in.ext = one;
    in.ext_bytes = 8; /* id 15 stops the search: element 1 behind it is not seen twice */
    assert_true(rtp_ext_find(&in, 1, &data, &data_n) && data_n == 1);
    in.ext_profile = 0x1000;
    in.ext = two;
    in.ext_bytes = sizeof(two);
    assert_true(rtp_ext_find(&in, 1, &data, &data_n) && data_n == 0);
    assert_true(rtp_audio_level(&in, 5, &level, &is_voice) && level == 5 && is_voice);
    in.ext_bytes = 5; /* cut inside the element */
    assert_false(rtp_ext_find(&in, 5, &data, &data_n));
    assert_true(rtp_is_rtcp((const uint8_t[]){0x80, 200}, 2));
    assert_false(rtp_is_rtcp((const uint8_t[]){0x80, 0x80 | 111}, 2));
}

static struct rtp_packet numbered(uint16_t seq, uint32_t ts, uint32_t ssrc)
{
    return (struct rtp_packet){.seq = seq, .timestamp = ts, .ssrc = ssrc, .payload_bytes = 160};
}

/* Loss over a wrap, duplicates, reordering, a stray packet, a restart and a new SSRC. */
static void source_counts_what_is_missing(void **state)
{
    struct rtp_source source;
    struct rtp_packet p;
    sr_usec now = 0;

    (void)state;
    rtp_source_init(&source, 8000);
    for (uint32_t i = 0; i < 100; i++, now += 20000) {
        p = numbered((uint16_t)(65500 + i), i * 160, 1);
        if (i % 10 != 5 && i != 40)
            assert_int_equal(rtp_source_push(&source, &p, now), RTP_SOURCE_OK);
    }
    assert_int_equal(rtp_source_lost(&source), 11);
    assert_int_equal(rtp_source_ext_seq(&source), 65599);
    assert_int_equal(rtp_source_fraction_lost(&source), 11 * 256 / 100);
    assert_int_equal(rtp_source_fraction_lost(&source), 0);
    assert_true(rtp_source_jitter_ms(&source) < 0.01);
    p = numbered((uint16_t)65540, 40 * 160, 1);
    assert_int_equal(rtp_source_push(&source, &p, now), RTP_SOURCE_REORDERED);
    assert_int_equal(rtp_source_push(&source, &p, now), RTP_SOURCE_DUPLICATE);
    assert_int_equal(rtp_source_lost(&source), 10);
    p = numbered(30000, 0, 1);
    assert_int_equal(rtp_source_push(&source, &p, now), RTP_SOURCE_JUMP);
    p = numbered(64, 100 * 160, 1);
    assert_int_equal(rtp_source_push(&source, &p, now), RTP_SOURCE_OK);
    p = numbered(30001, 0, 1);
    assert_int_equal(rtp_source_push(&source, &p, now), RTP_SOURCE_JUMP);
    p = numbered(30002, 160, 1);
    assert_int_equal(rtp_source_push(&source, &p, now), RTP_SOURCE_RESTARTED);
    p = numbered(7, 160, 2);
    assert_int_equal(rtp_source_push(&source, &p, now), RTP_SOURCE_RESTARTED);
    assert_int_equal(rtp_source_lost(&source), 10);
    assert_int_equal(source.restarts, 2);
    assert_int_equal(source.duplicates, 1);
}

/* RFC 3550 A.8: a steady alternation of 10 ms comes out as 10 ms; events of one timestamp do not. */
static void jitter_is_in_the_clock_of_the_codec(void **state)
{
    static const uint32_t clocks[] = {8000, 16000, 48000};

    (void)state;
    for (size_t k = 0; k < SR_ARRAY_LEN(clocks); k++) {
        struct rtp_source source;

        rtp_source_init(&source, clocks[k]);
        for (uint32_t i = 0; i < 500; i++) {
            struct rtp_packet p = numbered((uint16_t)i, i * (clocks[k] / 50), 1);

            (void)rtp_source_push(&source, &p, i * 20000 + (i & 1) * 10000);
        }
        assert_true(rtp_source_jitter_ms(&source) > 9.9 && rtp_source_jitter_ms(&source) < 10.1);
        for (uint32_t i = 500; i < 600; i++) {
            struct rtp_packet p = numbered((uint16_t)i, 499 * (clocks[k] / 50), 1);

            (void)rtp_source_push(&source, &p, i * 20000);
        }
        assert_true(rtp_source_jitter_ms(&source) < 10.1);
    }
}

/* One leg fed by relay, mix, relay of another source and another clock: sequence +1 always,
 * timestamps in whole frames of the time that passed. */
static void sender_is_continuous_across_feeds(void **state)
{
    struct rtp_sender sender;
    struct rtp_relay relay;
    struct rtp_stamp stamp, last = {0};
    struct rtp_packet p;
    sr_usec now = 1000000;

    (void)state;
    rtp_sender_init(&sender, 77, 65530, 0xFFFFFF00u);
    rtp_relay_init(&relay);
    for (uint32_t i = 0; i < 50; i++, now += 20000) {
        p = numbered((uint16_t)(9000 + i), 5000 + i * 160, 1);
        assert_int_equal(rtp_relay_map(&relay, &sender, &p, 8000, now, &stamp), RTP_RELAY_SEND);
        assert_int_equal(stamp.marker, i == 0);
        if (i > 0) {
            assert_int_equal(stamp.seq, (uint16_t)(last.seq + 1));
            assert_int_equal(stamp.timestamp - last.timestamp, 160);
        }
        last = stamp;
    }
    now += 7000; /* ticks are not in step with packets */
    for (uint32_t i = 0; i < 50; i++, now += 20000) {
        rtp_sender_frame(&sender, 8000, 160, true, 160, now, &stamp);
        assert_int_equal(stamp.seq, (uint16_t)(last.seq + 1));
        assert_int_equal(stamp.timestamp - last.timestamp, 160);
        last = stamp;
    }
    p = numbered(9050, 13000, 1); /* from before the mix */
    now += 3000;
    for (uint32_t i = 0; i < 5; i++, now += 20000) {
        p = numbered((uint16_t)(100 + i), 999 + i * 160, 2);
        assert_int_equal(rtp_relay_map(&relay, &sender, &p, 8000, now, &stamp), RTP_RELAY_SEND);
        assert_int_equal(stamp.seq, (uint16_t)(last.seq + 1));
        assert_int_equal(stamp.timestamp - last.timestamp, 160);
        last = stamp;
    }
    p = numbered(99, 999 - 160, 2); /* its number is taken */
    assert_int_equal(rtp_relay_map(&relay, &sender, &p, 8000, now, &stamp), RTP_RELAY_LATE);
    p = numbered(108, 999 + 8 * 160, 2); /* three lost before it: the gap is kept */
    now += 60000;
    assert_int_equal(rtp_relay_map(&relay, &sender, &p, 8000, now, &stamp), RTP_RELAY_SEND);
    assert_int_equal(stamp.seq, (uint16_t)(last.seq + 4));
    assert_int_equal(stamp.timestamp - last.timestamp, 4 * 160);
    last = stamp;
    p = numbered(106, 999 + 6 * 160, 2); /* late, in its own place */
    assert_int_equal(rtp_relay_map(&relay, &sender, &p, 8000, now, &stamp), RTP_RELAY_SEND);
    assert_int_equal(stamp.seq, (uint16_t)(last.seq - 2));
    now += 20000;
    p = numbered(109, 0x70000000u, 2); /* the source's timestamps began anew */
    assert_int_equal(rtp_relay_map(&relay, &sender, &p, 8000, now, &stamp), RTP_RELAY_SEND);
    assert_int_equal(stamp.seq, (uint16_t)(last.seq + 1));
    assert_int_equal(stamp.timestamp - last.timestamp, 160);
    assert_true(stamp.marker);
    last = stamp;
    now += 20000;
    rtp_sender_extra(&sender, last.timestamp + 160, true, 4, &stamp); /* an event in between */
    assert_int_equal(stamp.seq, (uint16_t)(last.seq + 1));
    p = numbered(110, 0x70000000u + 160, 2);
    assert_int_equal(rtp_relay_map(&relay, &sender, &p, 8000, now, &stamp), RTP_RELAY_SEND);
    assert_int_equal(stamp.seq, (uint16_t)(last.seq + 2));
    assert_int_equal(stamp.timestamp - last.timestamp, 160);
    last = stamp;
    now += 20000;
    rtp_sender_frame(&sender, 48000, 960, true, 80, now, &stamp); /* RFC 7160 */
    assert_int_equal(stamp.seq, (uint16_t)(last.seq + 1));
    assert_int_equal(stamp.timestamp - last.timestamp, 960);
    assert_int_equal(stamp.ssrc, 77);
    last = stamp;
    for (int i = 0; i < 100; i++) { /* silence is time without numbers */
        now += 20000;
        rtp_sender_frame(&sender, 48000, 960, false, 0, now, &stamp);
    }
    now += 20000;
    rtp_sender_frame(&sender, 48000, 960, true, 80, now, &stamp);
    assert_int_equal(stamp.seq, (uint16_t)(last.seq + 1));
    assert_int_equal(stamp.timestamp - last.timestamp, 101 * 960);
    assert_true(stamp.marker);
    assert_int_equal(rtp_sender_ts_at(&sender, now + 10000), stamp.timestamp + 480);
}

/* In place: CSRC, extension and padding go, the payload stays where it is. */
static void relay_rewrites_in_place(void **state)
{
    uint8_t bytes[] = {0xB1, 0x80, 0,    9,    0, 0, 0,    1, 0, 0, 0,  2,  1, 1,
                       1,    1,    0xBE, 0xDE, 0, 1, 0x10, 5, 0, 0, 42, 43, 0, 2};
    struct rtp_relay_target target = {.payload_type = 8, .clock_hz = 8000, .now = 5};
    struct rtp_relay_out out;
    struct rtp_packet packet, again;
    struct rtp_sender sender;
    struct rtp_relay relay;

    (void)state;
    rtp_sender_init(&sender, 0x01020304, 500, 6000);
    rtp_relay_init(&relay);
    assert_int_equal(rtp_parse(bytes, sizeof(bytes), &packet), SR_OK);
    assert_int_equal(rtp_relay_rewrite(&relay, &sender, bytes, &packet, &target, &out),
                     RTP_RELAY_SEND);
    assert_int_equal(out.n, 14);
    assert_int_equal(rtp_parse(out.bytes, out.n, &again), SR_OK);
    assert_true(again.seq == 500 && again.timestamp == 6000 && again.ssrc == 0x01020304);
    assert_true(again.payload_type == 8 && again.marker && again.csrc_count == 0);
    assert_int_equal(again.payload[0], 42);
    assert_int_equal(again.payload[1], 43);
}

int test_rtp(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_parse_by_table),
        cmocka_unit_test(write_and_parse_agree),
        cmocka_unit_test(source_counts_what_is_missing),
        cmocka_unit_test(jitter_is_in_the_clock_of_the_codec),
        cmocka_unit_test(sender_is_continuous_across_feeds),
        cmocka_unit_test(relay_rewrites_in_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

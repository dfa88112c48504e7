#include "media/dtmf.h"

#include "media/packet/tests.h"

enum {
    HEARD_MAX = 64
};

/* Sends digits through a line that loses packets by mask; gives what was heard as text. */
static size_t play(const char *keys, uint32_t ms, uint32_t clock_hz, uint32_t lose_mask,
                   char heard[HEARD_MAX], uint32_t *ret_duration_ms)
{
    struct dtmf_tx tx;
    struct dtmf_rx rx;
    struct rtp_sender sender;
    uint32_t units = clock_hz / 50, sent = 0;
    size_t n = 0, starts = 0;
    uint16_t next_seq = 65534;
    sr_usec now = 0;

    dtmf_tx_init(&tx, clock_hz);
    dtmf_rx_init(&rx, clock_hz);
    rtp_sender_init(&sender, 1, next_seq, 0xFFFFFE00u);
    for (const char *key = keys; *key != 0; key++)
        assert_int_equal(dtmf_tx_add(&tx, *key, ms), SR_OK);
    for (int tick = 0; tick < 2000 && (dtmf_tx_is_busy(&tx) || dtmf_rx_is_down(&rx)); tick++) {
        struct rtp_stamp stamp;
        struct dtmf_tx_step step;
        struct dtmf_step heard_step = {0};

        now += 20000;
        rtp_sender_frame(&sender, clock_hz, units, false, 0, now, &stamp);
        dtmf_tx_tick(&tx, &sender, &stamp, units, &step);
        for (size_t i = 0; i < step.packet_count; i++) {
            struct rtp_packet packet = {.marker = step.packets[i].stamp.marker,
                                        .seq = step.packets[i].stamp.seq,
                                        .timestamp = step.packets[i].stamp.timestamp,
                                        .payload = step.packets[i].payload,
                                        .payload_bytes = DTMF_PAYLOAD_BYTES};

            assert_int_equal(packet.seq, next_seq);
            next_seq++;
            if ((lose_mask >> (sent++ % 32) & 1) == 0)
                dtmf_rx_push(&rx, &packet, now, &heard_step);
        }
        if (heard_step.report_count == 0 && dtmf_rx_deadline(&rx) <= now)
            dtmf_rx_on_deadline(&rx, now, &heard_step);
        for (size_t i = 0; i < heard_step.report_count; i++) {
            starts += heard_step.reports[i].what == DTMF_START;
            if (heard_step.reports[i].what == DTMF_END && n + 1 < HEARD_MAX) {
                heard[n++] = heard_step.reports[i].digit;
                *ret_duration_ms = heard_step.reports[i].duration_ms;
            }
        }
    }
    heard[n] = 0;
    assert_int_equal(starts, n);
    return n;
}

/* Clean, in all clocks; long ones in segments. */
static void digits_arrive_with_their_duration(void **state)
{
    static const uint32_t clocks[] = {8000, 16000, 48000};
    char heard[HEARD_MAX];
    uint32_t ms;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(clocks); i++) {
        play("159*#AbD!", 100, clocks[i], 0, heard, &ms);
        assert_string_equal(heard, "159*#ABD!");
        assert_int_equal(ms, 100);
        play("7", 5000, clocks[i], 0, heard, &ms);
        assert_string_equal(heard, "7");
        assert_int_equal(ms, 5000);
    }
}

/* Each digit here takes 5 updates and 3 ends. Whatever is lost, each key is heard once. */
static void loss_neither_drops_nor_doubles_digits(void **state)
{
    static const uint32_t masks[] = {0x01010101, /* first packet */
                                     0x70707070, /* last update and two ends */
                                     0xE0E0E0E0, /* nearly all ends */
                                     0x55555555, 0x7F7F7F7F /* only the last end */};
    char heard[HEARD_MAX];
    uint32_t ms;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(masks); i++) {
        play("112233", 120, 8000, masks[i], heard, &ms);
        assert_string_equal(heard, "112233");
    }
    play("5", 200, 8000, 0xFFFFFF80, heard, &ms); /* no end at all: timeout */
    assert_string_equal(heard, "5");
    assert_int_equal(ms, 140);
}

/* Late packets of an old digit do not press it again; another one does. */
static void late_packets_do_not_repeat(void **state)
{
    uint8_t payload[4] = {5, 0x8A, 0, 160};
    struct rtp_packet packet = {.timestamp = 1000, .payload = payload, .payload_bytes = 4};
    struct dtmf_step step;
    struct dtmf_rx rx;

    (void)state;
    dtmf_rx_init(&rx, 8000);
    dtmf_rx_push(&rx, &packet, 0, &step); /* only an end came: the key was pressed all the same */
    assert_int_equal(step.report_count, 2);
    dtmf_rx_push(&rx, &packet, 10, &step);
    assert_int_equal(step.report_count, 0);
    packet.timestamp = 840;
    dtmf_rx_push(&rx, &packet, 10, &step);
    assert_int_equal(step.report_count, 0);
    packet.timestamp = 2000;
    payload[1] = 10;
    dtmf_rx_push(&rx, &packet, 20, &step);
    assert_int_equal(step.report_count, 1);
    packet.timestamp = 4000; /* the ends of that one were lost */
    payload[0] = 6;
    payload[1] = 0x8A;
    dtmf_rx_push(&rx, &packet, 20, &step);
    assert_int_equal(step.report_count, 3);
    assert_int_equal(step.reports[0].digit, '5');
    assert_int_equal(step.reports[2].digit, '6');
    packet.payload_bytes = 3;
    packet.timestamp = 9000;
    dtmf_rx_push(&rx, &packet, 20, &step);
    assert_int_equal(step.report_count, 0);
    packet.payload_bytes = 4;
    payload[0] = 17; /* no key */
    dtmf_rx_push(&rx, &packet, 20, &step);
    assert_int_equal(step.report_count, 0);
}

static void durations_are_rescaled_and_limits_kept(void **state)
{
    struct dtmf_tx tx;

    (void)state;
    assert_int_equal(dtmf_rescale(160, 8000, 48000), 960);
    assert_int_equal(dtmf_rescale(961, 48000, 8000), 160);
    assert_int_equal(dtmf_rescale(60000, 8000, 48000), 65535);
    dtmf_tx_init(&tx, 8000);
    assert_int_equal(dtmf_tx_add(&tx, 'x', 100), SR_ERR_SYNTAX);
    for (int i = 0; i < DTMF_QUEUE_MAX; i++)
        assert_int_equal(dtmf_tx_add(&tx, '1', 100), SR_OK);
    assert_int_equal(dtmf_tx_add(&tx, '1', 100), SR_ERR_LIMIT);
}

int test_dtmf(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_arrive_with_their_duration),
        cmocka_unit_test(loss_neither_drops_nor_doubles_digits),
        cmocka_unit_test(late_packets_do_not_repeat),
        cmocka_unit_test(durations_are_rescaled_and_limits_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

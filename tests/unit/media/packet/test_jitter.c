#include "media/jitter.h"

#include "media/packet/tests.h"

static struct jitter *make(uint32_t slot_count)
{
    struct jitter_options options = {.clock_hz = 8000, .slot_count = slot_count, .slot_bytes = 16};

    return jitter_init(sr_alloc(jitter_bytes(&options)), &options);
}

static enum jitter_push_result push(struct jitter *jitter, enum jitter_kind kind, uint16_t seq,
                                    uint32_t ts, sr_usec at)
{
    uint8_t payload[2] = {(uint8_t)seq, (uint8_t)(seq >> 8)};
    struct jitter_packet packet = {.kind = kind,
                                   .seq = seq,
                                   .timestamp = ts,
                                   .payload = payload,
                                   .payload_bytes = sizeof(payload),
                                   .arrived_at = at};

    return jitter_push(jitter, &packet);
}

static enum jitter_what get(struct jitter *jitter, sr_usec at, struct jitter_result *result)
{
    jitter_get(jitter, at, result);
    if (result->what == JITTER_FRAME)
        jitter_took(jitter, 20000);
    return result->what;
}

/* Order is restored, a hole is told with what follows it, a late packet and a copy are refused. */
static void order_holes_and_copies(void **state)
{
    struct jitter *jitter = make(0);
    struct jitter_result result;
    struct jitter_stats stats;

    (void)state;
    assert_int_equal(get(jitter, 0, &result), JITTER_EMPTY);
    assert_int_equal(push(jitter, JITTER_AUDIO, 65535, 160, 20000), JITTER_KEPT);
    assert_int_equal(push(jitter, JITTER_AUDIO, 65534, 0, 21000), JITTER_KEPT);
    assert_int_equal(push(jitter, JITTER_AUDIO, 65534, 0, 22000), JITTER_DUPLICATE);
    assert_int_equal(push(jitter, JITTER_AUDIO, 1, 480, 60000), JITTER_KEPT);
    assert_int_equal(get(jitter, 60000, &result), JITTER_FRAME);
    assert_int_equal(result.payload[0], 0xFE);
    assert_int_equal(get(jitter, 60000, &result), JITTER_FRAME);
    assert_int_equal(get(jitter, 60000, &result), JITTER_LOST);
    assert_int_equal(result.duration_us, 20000);
    assert_true(result.has_fec && result.payload[0] == 1);
    assert_int_equal(push(jitter, JITTER_AUDIO, 0, 320, 61000), JITTER_LATE);
    assert_int_equal(get(jitter, 80000, &result), JITTER_FRAME);
    assert_int_equal(get(jitter, 80000, &result), JITTER_EMPTY);
    jitter_stats_get(jitter, &stats);
    assert_true(stats.missing == 1 && stats.late == 1 && stats.duplicates == 1);
    sr_free(jitter);
}

/* Events use sequence numbers and time but are no loss: the sound is silent meanwhile. */
static void events_are_silence_not_loss(void **state)
{
    struct jitter *jitter = make(0);
    struct jitter_result result;
    struct jitter_stats stats;
    sr_usec now = 0;
    uint16_t seq = 0;

    (void)state;
    for (; seq < 50; seq++, now += 20000) {
        push(jitter, JITTER_AUDIO, seq, (uint32_t)seq * 160, now);
        assert_int_equal(get(jitter, now + 10000, &result), JITTER_FRAME);
    }
    for (uint16_t i = 0; i < 150; i++, seq++, now += 20000) { /* 3 s, one of them lost */
        if (i != 70)
            push(jitter, JITTER_SKIP, seq, 50 * 160, now);
        if (i > 0 && i != 70)
            assert_int_equal(get(jitter, now + 10000, &result), JITTER_SILENCE);
    }
    for (; seq < 250; seq++, now += 20000) {
        push(jitter, JITTER_AUDIO, seq, (uint32_t)seq * 160, now);
        assert_int_equal(get(jitter, now + 19000, &result), JITTER_FRAME);
    }
    jitter_stats_get(jitter, &stats);
    assert_true(stats.missing == 0 && stats.late == 0 && stats.restarts == 0);
    assert_true(jitter_delay_us(jitter, now) < 30000);
    sr_free(jitter);
}

/* After a comfort noise frame nothing is silence, until the next spurt's time has come. */
static void comfort_noise_waits_for_its_turn(void **state)
{
    struct jitter *jitter = make(0);
    struct jitter_result result;
    sr_usec now = 0;

    (void)state;
    for (uint16_t seq = 0; seq < 100; seq++, now += 20000) {
        push(jitter, seq == 99 ? JITTER_COMFORT : JITTER_AUDIO, seq, (uint32_t)seq * 160, now);
        assert_int_equal(get(jitter, now + 10000, &result), JITTER_FRAME);
    }
    assert_int_equal(result.kind, JITTER_COMFORT);
    for (int i = 0; i < 100; i++, now += 20000)
        assert_int_equal(get(jitter, now, &result), JITTER_SILENCE);
    push(jitter, JITTER_AUDIO, 100, 200 * 160, now);
    assert_int_equal(get(jitter, now + 1000, &result), JITTER_SILENCE);
    assert_in_range(result.duration_us, 1000, 8000);
    assert_int_equal(get(jitter, now + 1000 + result.duration_us, &result), JITTER_FRAME);
    sr_free(jitter);
}

/* More than fits: the oldest go, the newest stay, nothing grows. Too large: refused. */
static void a_full_buffer_drops_the_oldest(void **state)
{
    struct jitter *jitter = make(8);
    static const uint8_t big[17];
    struct jitter_packet packet = {.payload = big, .payload_bytes = sizeof(big)};
    struct jitter_result result;
    struct jitter_stats stats;

    (void)state;
    for (uint16_t seq = 0; seq < 20; seq++)
        assert_int_equal(push(jitter, JITTER_AUDIO, seq, seq * 160u, seq * 1000), JITTER_KEPT);
    assert_int_equal(get(jitter, 500000, &result), JITTER_FRAME);
    assert_int_equal(result.payload[0], 12);
    jitter_stats_get(jitter, &stats);
    assert_int_equal(stats.overflowed, 12);
    assert_int_equal(stats.depth_us, 7 * 20000);
    assert_int_equal(jitter_push(jitter, &packet), JITTER_TOO_LARGE);
    sr_free(jitter);
}

int test_jitter(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_holes_and_copies),
        cmocka_unit_test(events_are_silence_not_loss),
        cmocka_unit_test(comfort_noise_waits_for_its_turn),
        cmocka_unit_test(a_full_buffer_drops_the_oldest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

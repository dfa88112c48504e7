#include "media/rtcp.h"

#include "media/packet/tests.h"

static struct rtcp_report full_report(void)
{
    return (struct rtcp_report){.ssrc = 0x11,
                                .has_sr = true,
                                .ntp = 0x0102030405060708u,
                                .rtp_ts = 99,
                                .packets = 5,
                                .octets = 800,
                                .block_count = 1,
                                .block = {.ssrc = 0x22,
                                          .fraction_lost = 12,
                                          .lost = -3,
                                          .ext_seq = 0x10005,
                                          .jitter = 44,
                                          .lsr = 7,
                                          .dlsr = 8},
                                .cname = {"a@b", 3}};
}

/* What was written reads back the same, as SR and as RR, with and without BYE. */
static void write_and_parse_agree(void **state)
{
    struct rtcp_report report = full_report();
    struct rtcp_compound compound;
    uint8_t bytes[256];
    size_t n;

    (void)state;
    assert_int_equal(rtcp_write(&report, bytes, sizeof(bytes), &n), SR_OK);
    assert_int_equal(n, 28 + 24 + 16);
    assert_int_equal(rtcp_parse(bytes, n, false, &compound), SR_OK);
    assert_true(compound.has_sr && compound.ssrc == 0x11 && compound.ntp == report.ntp);
    assert_true(compound.rtp_ts == 99 && compound.packets == 5 && compound.octets == 800);
    assert_int_equal(compound.block_count, 1);
    assert_int_equal(compound.blocks[0].lost, -3);
    assert_int_equal(compound.blocks[0].fraction_lost, 12);
    assert_int_equal(compound.blocks[0].ext_seq, 0x10005);
    assert_true(compound.blocks[0].lsr == 7 && compound.blocks[0].dlsr == 8);
    assert_true(sr_str_eq(compound.cname, report.cname));
    assert_false(compound.has_bye);
    assert_int_equal(rtcp_write(&report, bytes, n - 1, &n), SR_ERR_LIMIT);
    report.has_sr = false;
    report.block_count = 0;
    report.has_bye = true;
    report.cname = (struct sr_str){"abcdef", 6};
    assert_int_equal(rtcp_write(&report, bytes, sizeof(bytes), &n), SR_OK);
    assert_int_equal(rtcp_parse(bytes, n, false, &compound), SR_OK);
    assert_true(!compound.has_sr && compound.has_bye && compound.bye_ssrc == 0x11);
    assert_int_equal(compound.packet_count, 3);
    assert_int_equal(compound.cname.n, 6);
}

/* Every prefix that ends inside a packet, and every lie about a length, is refused. */
static void lies_are_refused(void **state)
{
    static const struct {
        const char *name;
        uint8_t bytes[32];
        size_t n;
        bool is_reduced_ok;
        enum sr_err err;
    } table[] = {
        {"empty RR", {0x80, 201, 0, 1, 0, 0, 0, 1}, 8, false, SR_OK},
        {"nothing", {0}, 0, false, SR_ERR_SYNTAX},
        {"too short for its ssrc", {0x80, 201, 0, 0}, 4, false, SR_ERR_SYNTAX},
        {"length lie", {0x80, 201, 0, 9, 0, 0, 0, 1}, 8, false, SR_ERR_SYNTAX},
        {"block count lie", {0x9F, 201, 0, 1, 0, 0, 0, 1}, 8, false, SR_ERR_SYNTAX},
        {"SR without sender", {0x80, 200, 0, 1, 0, 0, 0, 1}, 8, false, SR_ERR_SYNTAX},
        {"BYE first", {0x81, 203, 0, 1, 0, 0, 0, 1}, 8, false, SR_ERR_SYNTAX},
        {"feedback first", {0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2}, 12, true, SR_OK},
        {"RTP", {0x80, 0x80, 0, 1, 0, 0, 0, 1}, 8, true, SR_ERR_SYNTAX},
        {"BYE count lie", {0x9F, 203, 0, 1, 0, 0, 0, 1}, 8, true, SR_ERR_SYNTAX},
        {"BYE reason lie",
         {0x81, 203, 0, 2, 0, 0, 0, 1, 200, 'x', 'y', 'z'},
         12,
         true,
         SR_ERR_SYNTAX},
        {"SDES item lie", {0x81, 202, 0, 2, 0, 0, 0, 1, 1, 200, 'x', 'y'}, 12, true, SR_ERR_SYNTAX},
        {"SDES without end",
         {0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, 'x', 'y'},
         12,
         true,
         SR_ERR_SYNTAX},
        {"padding", {0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4}, 12, false, SR_OK},
        {"padding lie", {0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 12}, 12, false, SR_ERR_SYNTAX},
        {"padding odd", {0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3}, 12, false, SR_ERR_SYNTAX},
        {"XR with lying blocks", {0x80, 207, 0, 2, 0, 0, 0, 1, 4, 0, 255, 255}, 12, true, SR_OK},
    };
    struct rtcp_report report = full_report();
    struct rtcp_compound compound;
    uint8_t bytes[256];
    size_t n, good = 0;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(table); i++) {
        enum sr_err err = rtcp_parse(table[i].bytes, table[i].n, table[i].is_reduced_ok, &compound);

        if (err != table[i].err)
            fail_msg("%s: %s", table[i].name, sr_err_name(err));
    }
    assert_int_equal(rtcp_write(&report, bytes, sizeof(bytes), &n), SR_OK);
    for (size_t cut = 0; cut < n; cut++)
        good += rtcp_parse(bytes, cut, false, &compound) == SR_OK;
    assert_int_equal(good, 1); /* the SR alone */
}

/* Two ends, 80 ms there and back, DLSR 1.5 s: the round trip comes out. */
static void round_trip_is_measured(void **state)
{
    sr_usec wall = 1700000000 * SR_SEC + 123456;
    struct rtcp_compound compound = {.ssrc = 2, .block_count = 1};
    struct rtcp_peer peer, far;
    struct rtp_source source;
    struct rtp_packet packet = {.ssrc = 1, .seq = 5};

    (void)state;
    rtcp_peer_init(&peer);
    rtcp_peer_init(&far);
    rtp_source_init(&source, 8000);
    (void)rtp_source_push(&source, &packet, 0);
    /* our SR reaches the far end after 30 ms */
    struct rtcp_compound sr = {.ssrc = 1, .has_sr = true, .ntp = rtcp_ntp(wall)};
    rtcp_peer_on_compound(&far, &sr, 2, 8000, 30000, wall + 30000);
    rtcp_block_fill(&compound.blocks[0], &source, &far, 1530000);
    rtcp_peer_on_compound(&peer, &compound, 1, 8000, 1580000, wall + 1580000);
    assert_true(peer.has_rtt);
    assert_in_range(peer.rtt_us, 79900, 80100);
    /* a block about somebody else, and a nonsense one, change nothing */
    compound.blocks[0].lsr = 1;
    rtcp_peer_on_compound(&peer, &compound, 1, 8000, 0, wall);
    assert_in_range(peer.rtt_us, 79900, 80100);
}

/* Reports come every 5 s on average, never closer than 2.5 s. */
static void reports_are_spread(void **state)
{
    struct rtcp_timer timer;
    struct sr_prng prng;
    sr_usec now = 0;

    (void)state;
    sr_prng_seed(&prng, 3);
    rtcp_timer_init(&timer, RTCP_INTERVAL_US, &prng, now);
    assert_in_range(rtcp_timer_deadline(&timer), 1250000, 3750000);
    for (int i = 0; i < 1000; i++) {
        sr_usec before = now;

        now = rtcp_timer_deadline(&timer);
        rtcp_timer_sent(&timer, &prng, now);
        if (i > 0)
            assert_in_range(now - before, 2500000, 7500000);
    }
    assert_in_range(now / 1000, 4800000, 5200000);
}

int test_rtcp(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_and_parse_agree),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(round_trip_is_measured),
        cmocka_unit_test(reports_are_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "media/latch.h"

#include "media/packet/tests.h"

static struct sr_addr addr(uint8_t last, uint16_t port)
{
    return (struct sr_addr){.family = SR_ADDR_IP4, .port = port, .ip = {192, 0, 2, last}};
}

static struct latch_options behind(bool is_behind_nat)
{
    struct latch_options options = {
        .sdp = addr(1, 4000), .signaling = addr(2, 5060), .is_behind_nat = is_behind_nat};

    latch_allow(&options, 0);
    latch_allow(&options, 101);
    return options;
}

static struct latch_result push(struct latch *latch, struct sr_addr from, uint16_t seq, sr_usec now)
{
    struct rtp_packet packet = {.payload_type = 0, .seq = seq, .ssrc = 5};

    return latch_on_packet(latch, &from, &packet, now);
}

static void lock(struct latch *latch, struct sr_addr from, sr_usec now)
{
    for (uint16_t i = 0; i < LATCH_PROBE_COUNT; i++) {
        struct latch_result result = push(latch, from, i, now);

        assert_int_equal(result.verdict, i + 1 < LATCH_PROBE_COUNT ? LATCH_HOLD : LATCH_ACCEPT);
        assert_int_equal(result.is_changed, i + 1 == LATCH_PROBE_COUNT);
    }
}

/* RTP bleed: strangers spray before and after; nothing of theirs is held or heard. */
static void strangers_are_never_heard(void **state)
{
    struct latch_options options = behind(false);
    struct latch latch;

    (void)state;
    latch_init(&latch, &options);
    for (uint16_t i = 0; i < 50; i++)
        assert_int_equal(push(&latch, addr(66, 4000), i, i).verdict, LATCH_DROP);
    assert_int_equal(push(&latch, addr(1, 4001), 1, 60).verdict, LATCH_HOLD); /* once is nothing */
    assert_int_equal(push(&latch, addr(2, 4000), 1, 60).verdict, LATCH_DROP); /* no NAT */
    lock(&latch, addr(1, 4000), 100);
    /* the same SSRC and the next number from elsewhere */
    assert_int_equal(push(&latch, addr(66, 4000), 4, 200).verdict, LATCH_DROP);
    assert_int_equal(push(&latch, addr(1, 4000), 4, 200).verdict, LATCH_ACCEPT);
    assert_int_equal(latch.rejected[LATCH_REJECT_FOREIGN], 52);
    assert_int_equal(latch.held, 4);
    assert_int_equal(latch.accepted, 2);
}

/* Gaps, a change of SSRC and a foreign payload type do not count towards the lock. */
static void only_a_clean_sequence_locks(void **state)
{
    struct latch_options options = behind(false);
    struct rtp_packet video = {.payload_type = 34, .seq = 3, .ssrc = 5};
    struct sr_addr sdp = addr(1, 4000);
    struct latch_result result;
    struct latch latch;

    (void)state;
    latch_init(&latch, &options);
    for (uint16_t i = 0; i < 40; i++)
        assert_int_equal(push(&latch, sdp, (uint16_t)(i * 2), i).verdict, LATCH_HOLD);
    result = latch_on_packet(&latch, &sdp, &video, 50);
    assert_int_equal(result.verdict, LATCH_DROP);
    assert_int_equal(result.reject, LATCH_REJECT_PAYLOAD_TYPE);
    lock(&latch, sdp, 60);
    assert_int_equal(latch_on_packet(&latch, &sdp, &video, 61).verdict, LATCH_DROP);
}

/* Behind NAT any port of the signalling IP may lock; the SDP's address takes over later. */
static void sdp_match_wins(void **state)
{
    struct latch_options options = behind(true);
    struct sr_addr target;
    struct latch latch;

    (void)state;
    latch_init(&latch, &options);
    assert_true(latch_target(&latch, &target) && target.port == 4000);
    lock(&latch, addr(2, 33333), 0);
    assert_true(latch_target(&latch, &target) && target.port == 33333);
    assert_int_equal(push(&latch, addr(2, 44444), 0, 10).verdict, LATCH_DROP);
    lock(&latch, addr(1, 4000), 20);
    assert_int_equal(push(&latch, addr(2, 33333), 4, 30).verdict, LATCH_DROP);
    assert_int_equal(latch.rejected[LATCH_REJECT_LOCKED], 2);
    assert_true(latch_accepts_rtcp(
        &latch, &(struct sr_addr){.family = SR_ADDR_IP4, .port = 1, .ip = {192, 0, 2, 1}}));
    assert_false(latch_accepts_rtcp(&latch, &options.signaling));
}

/* A SIP helper wrote the NAT's address into the SDP, but not the port: long enough a sequence locks,
 * and the port that was spoken of still wins. */
static void another_port_of_the_sdp_address_needs_patience(void **state)
{
    struct latch latch;
    struct latch_options options = behind(false);
    struct latch_result result;

    (void)state;
    latch_init(&latch, &options);
    for (uint16_t i = 1; i < LATCH_OTHER_PORT_COUNT; i++)
        assert_int_equal(push(&latch, addr(1, 61000), i, i * 20).verdict, LATCH_HOLD);
    result = push(&latch, addr(1, 61000), LATCH_OTHER_PORT_COUNT, LATCH_OTHER_PORT_COUNT * 20);
    assert_int_equal(result.verdict, LATCH_ACCEPT);
    assert_true(result.is_changed);
    lock(&latch, addr(1, 4000), 600);
    assert_true(latch.is_locked_sdp);
    assert_int_equal(push(&latch, addr(1, 61000), 99, 700).reject, LATCH_REJECT_LOCKED);
    assert_int_equal(push(&latch, addr(2, 61000), 99, 700).reject, LATCH_REJECT_FOREIGN);
}

/* A NAT that changes the port: two seconds of silence, then the same IP may prove itself again. */
static void silence_opens_towards_the_same_ip(void **state)
{
    struct latch_options options = behind(true);
    struct latch latch;

    (void)state;
    latch_init(&latch, &options);
    lock(&latch, addr(2, 33333), 0);
    assert_int_equal(push(&latch, addr(2, 44444), 0, LATCH_SILENCE_US - 1).verdict, LATCH_DROP);
    assert_int_equal(push(&latch, addr(66, 44444), 0, LATCH_SILENCE_US).verdict, LATCH_DROP);
    assert_int_equal(push(&latch, addr(2, 44444), 0, LATCH_SILENCE_US).verdict, LATCH_HOLD);
    /* the old one is back in time */
    assert_int_equal(push(&latch, addr(2, 33333), 9, LATCH_SILENCE_US + 1).verdict, LATCH_ACCEPT);
    assert_int_equal(push(&latch, addr(2, 44444), 1, LATCH_SILENCE_US + 2).verdict, LATCH_DROP);
    lock(&latch, addr(2, 44444), 3 * LATCH_SILENCE_US);
}

/* A re-INVITE: the source goes on while it stays a candidate; elsewhere it is cut at once. */
static void signaling_opens_the_lock(void **state)
{
    struct latch_options options = behind(false), moved;
    struct latch latch;

    (void)state;
    latch_init(&latch, &options);
    lock(&latch, addr(1, 4000), 0);
    assert_false(latch_on_signaling(&latch, &options));
    assert_int_equal(push(&latch, addr(1, 4000), 4, 10).verdict, LATCH_ACCEPT);
    moved = options;
    moved.sdp = addr(9, 7000);
    assert_true(latch_on_signaling(&latch, &moved));
    assert_int_equal(push(&latch, addr(1, 4000), 5, 20).verdict, LATCH_DROP);
    lock(&latch, addr(9, 7000), 30);
}

/* Forty ports of one NAT take turns: the SDP's own address still finds a place and locks. */
static void many_candidates_do_not_crowd_out_the_sdp(void **state)
{
    struct latch_options options = behind(true);
    struct latch_result result = {0};
    struct latch latch;

    (void)state;
    latch_init(&latch, &options);
    for (uint16_t i = 0; i < 4; i++) {
        for (uint16_t port = 0; port < 40; port++)
            assert_int_equal(push(&latch, addr(2, (uint16_t)(10000 + port)), i, i).verdict,
                             LATCH_HOLD);
        result = push(&latch, addr(1, 4000), i, i);
    }
    assert_true(result.is_changed && latch.is_locked_sdp);
}

/* A fax has no numbers to prove itself with: the first datagram counts, but only from an address that
 * was named; another port of the SDP's address was not. */
static void datagram_locks_from_a_named_address_only(void **state)
{
    struct latch_options options = behind(true);
    struct sr_addr stranger = addr(66, 4000), beside = addr(1, 4001);
    struct sr_addr behind_nat = addr(2, 9000), sdp = addr(1, 4000);
    struct latch latch;

    (void)state;
    latch_init(&latch, &options);
    assert_int_equal(latch_on_datagram(&latch, &stranger, 1).verdict, LATCH_DROP);
    assert_int_equal(latch_on_datagram(&latch, &beside, 2).verdict, LATCH_DROP);
    assert_true(latch_on_datagram(&latch, &behind_nat, 3).is_changed);
    assert_int_equal(latch_on_datagram(&latch, &behind_nat, 4).verdict, LATCH_ACCEPT);
    assert_int_equal(latch_on_datagram(&latch, &stranger, 5).verdict, LATCH_DROP);
    assert_true(latch_on_datagram(&latch, &sdp, 6).is_changed); /* the SDP wins */
    assert_int_equal(latch_on_datagram(&latch, &behind_nat, 7).verdict, LATCH_DROP);
}

int test_latch(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_are_never_heard),
        cmocka_unit_test(only_a_clean_sequence_locks),
        cmocka_unit_test(sdp_match_wins),
        cmocka_unit_test(another_port_of_the_sdp_address_needs_patience),
        cmocka_unit_test(silence_opens_towards_the_same_ip),
        cmocka_unit_test(signaling_opens_the_lock),
        cmocka_unit_test(datagram_locks_from_a_named_address_only),
        cmocka_unit_test(many_candidates_do_not_crowd_out_the_sdp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

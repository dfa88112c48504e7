/* libsrtp2 as the judge: what we protect it opens, what it protects we open, and both look alike. */
#include "test.h"

#include "base/random.h"
#include "libsrtp2.h"
#include "rtc/srtp.h"

enum {
    PACKETS = 6000,
    ROOM = 1500
};

static const struct {
    enum srtp_suite ours;
    enum libsrtp2_suite theirs;
} suites[] = {
    {SRTP_AES_CM_128_HMAC_SHA1_80, LIBSRTP2_CM_80},
    {SRTP_AES_CM_128_HMAC_SHA1_32, LIBSRTP2_CM_32},
    {SRTP_AEAD_AES_128_GCM, LIBSRTP2_GCM_128},
    {SRTP_AEAD_AES_256_GCM, LIBSRTP2_GCM_256},
};

struct judged {
    struct srtp tx, rx;
    void *their_tx, *their_rx; /* with the same key */
    struct sr_prng prng;
};

static void judged_init(struct judged *judged, size_t at)
{
    struct srtp_keys keys = {.suite = suites[at].ours};

    sr_prng_seed(&judged->prng, 20260 + at);
    for (size_t i = 0; i < srtp_key_bytes(keys.suite); i++)
        keys.bytes[i] = (uint8_t)sr_prng_u64(&judged->prng);
    judged->their_tx = libsrtp2_new(suites[at].theirs, keys.bytes, true);
    judged->their_rx = libsrtp2_new(suites[at].theirs, keys.bytes, false);
    assert_non_null(judged->their_tx);
    assert_non_null(judged->their_rx);
    assert_int_equal(srtp_init(&judged->tx, &keys, SRTP_SEND), SR_OK);
    assert_int_equal(srtp_init(&judged->rx, &keys, SRTP_RECEIVE), SR_OK);
}

static void judged_done(struct judged *judged)
{
    libsrtp2_free(judged->their_tx);
    libsrtp2_free(judged->their_rx);
    srtp_done(&judged->tx);
    srtp_done(&judged->rx);
}

static void put_ssrc(uint8_t *out, uint32_t ssrc)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(ssrc >> (24 - 8 * i));
}

static size_t random_rtp(struct sr_prng *prng, uint32_t ssrc, uint16_t seq, uint8_t *out)
{
    size_t csrcs = sr_prng_below(prng, 3);
    size_t words = sr_prng_below(prng, 4); /* 0: no extension */
    size_t n = 12 + csrcs * 4 + (words ? 4 + words * 4 : 0) + sr_prng_below(prng, 400);

    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)sr_prng_u64(prng);
    out[0] = (uint8_t)(0x80 | (words ? 0x10 : 0) | csrcs);
    out[2] = (uint8_t)(seq >> 8);
    out[3] = (uint8_t)seq;
    put_ssrc(out + 8, ssrc);
    if (words) {
        out[12 + csrcs * 4 + 2] = 0;
        out[12 + csrcs * 4 + 3] = (uint8_t)words;
    }
    return n;
}

/* Three sources, gaps, disorder, and wraps of the sequence number. */
static void rtp_is_the_same_both_ways(void **state)
{
    uint8_t plain[ROOM], mine[ROOM], theirs[ROOM];
    struct judged judged;

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(suites); s++) {
        uint32_t at[3] = {20000, 65000, 5};

        judged_init(&judged, s);
        for (int i = 0; i < PACKETS; i++) {
            uint32_t source = (uint32_t)sr_prng_below(&judged.prng, 3);
            size_t n, my_n, their_n;

            at[source] += 3 + (uint32_t)sr_prng_below(&judged.prng, 120);
            n = random_rtp(&judged.prng, 100 + source,
                           (uint16_t)(at[source] - sr_prng_below(&judged.prng, 3)), plain);
            memcpy(mine, plain, n);
            memcpy(theirs, plain, n);
            my_n = their_n = n;
            assert_int_equal(srtp_protect(&judged.tx, mine, &my_n), SR_OK);
            assert_true(libsrtp2_do(judged.their_tx, LIBSRTP2_PROTECT, theirs, &their_n));
            assert_int_equal(my_n, their_n);
            assert_memory_equal(mine, theirs, my_n);
            assert_int_equal(srtp_unprotect(&judged.rx, theirs, &their_n), SR_OK);
            assert_true(libsrtp2_do(judged.their_rx, LIBSRTP2_UNPROTECT, mine, &my_n));
            assert_int_equal(my_n, n);
            assert_int_equal(their_n, n);
            assert_memory_equal(mine, plain, n);
            assert_memory_equal(theirs, plain, n);
        }
        for (int i = 0; i < 3; i++) /* the counters rolled over */
            assert_true(judged.tx.sources[i].rtp.top >> 16 >= 1);
        judged_done(&judged);
    }
}

static void rtcp_is_understood_both_ways(void **state)
{
    uint8_t plain[ROOM], mine[ROOM], theirs[ROOM];
    struct judged judged;

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(suites); s++) {
        judged_init(&judged, s);
        for (int i = 0; i < 500; i++) {
            size_t n = 8 + 4 * sr_prng_below(&judged.prng, 20), my_n, their_n;

            for (size_t k = 0; k < n; k++)
                plain[k] = (uint8_t)sr_prng_u64(&judged.prng);
            plain[0] = 0x81;
            plain[1] = 200;
            put_ssrc(plain + 4, 100 + (uint32_t)i % 3);
            memcpy(mine, plain, n);
            memcpy(theirs, plain, n);
            my_n = their_n = n;
            assert_int_equal(srtcp_protect(&judged.tx, mine, &my_n), SR_OK);
            assert_true(libsrtp2_do(judged.their_tx, LIBSRTP2_PROTECT_RTCP, theirs, &their_n));
            assert_int_equal(my_n, their_n);
            assert_int_equal(srtcp_unprotect(&judged.rx, theirs, &their_n), SR_OK);
            assert_true(libsrtp2_do(judged.their_rx, LIBSRTP2_UNPROTECT_RTCP, mine, &my_n));
            assert_int_equal(my_n, n);
            assert_int_equal(their_n, n);
            assert_memory_equal(mine, plain, n);
            assert_memory_equal(theirs, plain, n);
        }
        judged_done(&judged);
    }
}

int run_srtp_oracle(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rtp_is_the_same_both_ways),
        cmocka_unit_test(rtcp_is_understood_both_ways),
    };

    if (!libsrtp2_load()) {
        print_message("srtp oracle: libsrtp2 is not on this machine, nothing was compared\n");
        return 0;
    }
    return cmocka_run_group_tests_name("srtp oracle", tests, NULL, NULL);
}

#include "test.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/random.h"
#include "rtc/srtp.h"

enum {
    ROOM = 400
};

static const enum srtp_suite all_suites[] = {
    SRTP_AES_CM_128_HMAC_SHA1_80,
    SRTP_AES_CM_128_HMAC_SHA1_32,
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
};

struct pair {
    struct srtp tx, rx;
};

static void make_keys(struct srtp_keys *keys, enum srtp_suite suite, uint8_t first)
{
    memset(keys, 0, sizeof(*keys));
    keys->suite = suite;
    for (size_t i = 0; i < srtp_key_bytes(suite); i++)
        keys->bytes[i] = (uint8_t)(first + 7 * i);
}

static void pair_init(struct pair *pair, enum srtp_suite suite, uint8_t first)
{
    struct srtp_keys keys;

    make_keys(&keys, suite, first);
    assert_int_equal(srtp_init(&pair->tx, &keys, SRTP_SEND), SR_OK);
    assert_int_equal(srtp_init(&pair->rx, &keys, SRTP_RECEIVE), SR_OK);
}

static void pair_done(struct pair *pair)
{
    srtp_done(&pair->tx);
    srtp_done(&pair->rx);
}

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;

    for (; *hex != '\0'; hex++) {
        if (*hex == ' ')
            continue;
        out[n++] = (uint8_t)(sr_hex_value(hex[0]) << 4 | sr_hex_value(hex[1]));
        hex++;
    }
    return n;
}

static void assert_hex(const uint8_t *bytes, size_t n, const char *hex)
{
    uint8_t wanted[ROOM];

    assert_int_equal(n, unhex(hex, wanted));
    assert_memory_equal(bytes, wanted, n);
}

/* 12 bytes of header and `payload` bytes that tell the sequence number */
static size_t make_rtp(uint8_t *out, uint32_t ssrc, uint16_t seq, size_t payload)
{
    uint8_t head[12] = {0x80,
                        0,
                        (uint8_t)(seq >> 8),
                        (uint8_t)seq,
                        0,
                        0,
                        0,
                        1,
                        (uint8_t)(ssrc >> 24),
                        (uint8_t)(ssrc >> 16),
                        (uint8_t)(ssrc >> 8),
                        (uint8_t)ssrc};

    memcpy(out, head, sizeof(head));
    memset(out + sizeof(head), seq & 0xff, payload);
    return sizeof(head) + payload;
}

static size_t make_rtcp(uint8_t *out, uint32_t ssrc)
{
    uint8_t head[8] = {
        0x80,         201, 0, 1, (uint8_t)(ssrc >> 24), (uint8_t)(ssrc >> 16), (uint8_t)(ssrc >> 8),
        (uint8_t)ssrc};

    memcpy(out, head, sizeof(head));
    memset(out + sizeof(head), 0x5a, 20);
    return sizeof(head) + 20;
}

static size_t sealed(struct srtp *tx, uint32_t ssrc, uint16_t seq, uint8_t *out)
{
    size_t n = make_rtp(out, ssrc, seq, 160);

    assert_int_equal(srtp_protect(tx, out, &n), SR_OK);
    return n;
}

static enum sr_err pass(struct pair *pair, uint16_t seq)
{
    uint8_t bytes[ROOM];
    size_t n = sealed(&pair->tx, 7, seq, bytes);

    return srtp_unprotect(&pair->rx, bytes, &n);
}

/* ---- the samples of the RFCs; their session keys are put in by hand ---- */

static void use_session_key(struct srtp_cipher *cipher, const char *key, const char *salt)
{
    uint8_t bytes[ROOM];

    unhex(key, bytes);
    assert_int_equal(EVP_CipherInit_ex(cipher->evp, NULL, NULL, bytes, NULL, -1), 1);
    memcpy(cipher->salt, bytes, unhex(salt, bytes));
}

static void key_stream_of_rfc3711_b2(void **state)
{
    uint8_t bytes[ROOM] = {0x80};
    size_t n = 12 + 48;
    struct pair pair;

    (void)state;
    pair_init(&pair, SRTP_AES_CM_128_HMAC_SHA1_80, 1);
    use_session_key(&pair.tx.rtp, "2B7E151628AED2A6ABF7158809CF4F3C",
                    "F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
    assert_int_equal(srtp_protect(&pair.tx, bytes, &n), SR_OK);
    assert_hex(bytes + 12, 48,
               "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"
               "41E95B3BB0A2E8DD477901E4FCA894C0");
    pair_done(&pair);
}

static void session_keys_of_rfc3711_b3(void **state)
{
    struct srtp_keys keys = {.suite = SRTP_AES_CM_128_HMAC_SHA1_80};
    uint8_t bytes[ROOM], key[32], tag[EVP_MAX_MD_SIZE], word[4] = {0};
    unsigned tag_n = 0;
    struct srtp tx, by_hand;
    uint8_t other[ROOM];
    size_t n, other_n;

    (void)state;
    unhex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6", keys.bytes);
    assert_int_equal(srtp_init(&tx, &keys, SRTP_SEND), SR_OK);
    assert_hex(tx.rtp.salt, 14, "30CBBC08863D8C85D49DB34A9AE1");
    n = make_rtp(bytes, 7, 5, 40);
    assert_int_equal(srtp_protect(&tx, bytes, &n), SR_OK);

    /* the cipher key: the same packet under the printed key looks the same */
    assert_int_equal(srtp_init(&by_hand, &keys, SRTP_SEND), SR_OK);
    use_session_key(&by_hand.rtp, "C61E7A93744F39EE10734AFE3FF7A087",
                    "30CBBC08863D8C85D49DB34A9AE1");
    other_n = make_rtp(other, 7, 5, 40);
    assert_int_equal(srtp_protect(&by_hand, other, &other_n), SR_OK);
    assert_int_equal(n, other_n);
    assert_memory_equal(bytes, other, n);

    /* the authentication key: HMAC over packet and roll-over counter */
    unhex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4", key);
    memcpy(other, bytes, n - 10);
    memcpy(other + n - 10, word, sizeof(word));
    assert_non_null(HMAC(EVP_sha1(), key, 20, other, n - 10 + sizeof(word), tag, &tag_n));
    assert_memory_equal(bytes + n - 10, tag, 10);
    srtp_done(&tx);
    srtp_done(&by_hand);
}

/* A packet that other implementations print in their own tests. */
static void known_packet_of_aes_cm(void **state)
{
    struct srtp_keys keys = {.suite = SRTP_AES_CM_128_HMAC_SHA1_80};
    uint8_t bytes[ROOM];
    struct srtp tx;
    size_t n;

    (void)state;
    unhex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6", keys.bytes);
    assert_int_equal(srtp_init(&tx, &keys, SRTP_SEND), SR_OK);
    n = unhex("800f1234decafbadcafebabe abababababababababababababababab", bytes);
    assert_int_equal(srtp_protect(&tx, bytes, &n), SR_OK);
    assert_hex(bytes, n,
               "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402"
               "b78d6acc99ea179b8dbb");
    srtp_done(&tx);
}

#define GCM_SALT "517569642070726f2071756f"
#define GCM_KEY_128 "000102030405060708090a0b0c0d0e0f"
#define GCM_KEY_256 GCM_KEY_128 "101112131415161718191a1b1c1d1e1f"

static void check_gcm(enum srtp_suite suite, const char *key, const char *rtp, const char *rtcp)
{
    uint8_t bytes[ROOM];
    struct pair pair;
    size_t n;

    pair_init(&pair, suite, 1);
    use_session_key(&pair.tx.rtp, key, GCM_SALT);
    use_session_key(&pair.rx.rtp, key, GCM_SALT);
    use_session_key(&pair.tx.rtcp, key, GCM_SALT);
    use_session_key(&pair.rx.rtcp, key, GCM_SALT);
    n = unhex("8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e697320646976697361"
              "20696e207061727465732074726573",
              bytes);
    assert_int_equal(srtp_protect(&pair.tx, bytes, &n), SR_OK);
    assert_hex(bytes, n, rtp);
    assert_int_equal(srtp_unprotect(&pair.rx, bytes, &n), SR_OK);
    assert_int_equal(n, 50);

    n = unhex("81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61"
              "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
              bytes);
    pair.tx.sources[1] = (struct srtp_source){
        .ssrc = 0x4d617273, .is_used = true, .rtcp = {.is_started = true, .top = 0x5d3}};
    assert_int_equal(srtcp_protect(&pair.tx, bytes, &n), SR_OK);
    assert_hex(bytes, n, rtcp);
    assert_int_equal(srtcp_unprotect(&pair.rx, bytes, &n), SR_OK);
    assert_hex(bytes + 8, 10, "4e545031 4e545032 5254");
    pair_done(&pair);
}

static void packets_of_rfc7714_16_and_17(void **state)
{
    (void)state;
    check_gcm(SRTP_AEAD_AES_128_GCM, GCM_KEY_128,
              "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a"
              "51c7d19b36de3adf8833 899d7f27beb16a9152cf765ee4390cce",
              "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda"
              "4ce09b4686303ded0bb9275b c84aa45896cf4d2fc5abf87245d9eade 800005d4");
    check_gcm(SRTP_AEAD_AES_256_GCM, GCM_KEY_256,
              "8040f17b8041f8d35501a0b2 32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a02"
              "76ffae0f1ba63799b87b 7aa3db36dfffd6b0f9bb7878d7a76c13",
              "81c8000d4d617273 d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be"
              "8415f658c61de0476f1b6fad 1d1eb30c4446839f57ff6f6cb26ac3be 800005d4");
}

/* ---- names ---- */

static void suites_have_names_and_profiles(void **state)
{
    (void)state;
    assert_int_equal(srtp_suite_by_name(SR_STR("AES_CM_128_HMAC_SHA1_80")),
                     SRTP_AES_CM_128_HMAC_SHA1_80);
    assert_int_equal(srtp_suite_by_name(SR_STR("aead_aes_256_gcm")), SRTP_AEAD_AES_256_GCM);
    assert_int_equal(srtp_suite_by_name(SR_STR("F8_128_HMAC_SHA1_80")), SRTP_SUITE_NONE);
    assert_int_equal(srtp_suite_by_name(SR_STR("")), SRTP_SUITE_NONE);
    assert_string_equal(srtp_suite_name(SRTP_AES_CM_128_HMAC_SHA1_32), "AES_CM_128_HMAC_SHA1_32");
    assert_int_equal(srtp_suite_by_dtls(7), SRTP_AEAD_AES_128_GCM);
    assert_int_equal(srtp_suite_by_dtls(5), SRTP_SUITE_NONE); /* no encryption */
    assert_int_equal(srtp_suite_by_dtls(0), SRTP_SUITE_NONE);
    assert_int_equal(srtp_key_bytes(SRTP_AES_CM_128_HMAC_SHA1_80), 30);
    assert_int_equal(srtp_key_bytes(SRTP_AEAD_AES_128_GCM), 28);
    assert_int_equal(srtp_key_bytes(SRTP_AEAD_AES_256_GCM), 44);
}

static void exported_keys_fit_crosswise(void **state)
{
    struct srtp_keys client_tx, client_rx, server_tx, server_rx;
    uint8_t material[2 * SRTP_KEY_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(material); i++)
        material[i] = (uint8_t)i;
    srtp_keys_from_dtls(SRTP_AEAD_AES_128_GCM, material, true, &client_tx, &client_rx);
    srtp_keys_from_dtls(SRTP_AEAD_AES_128_GCM, material, false, &server_tx, &server_rx);
    assert_true(srtp_keys_eq(&client_tx, &server_rx));
    assert_true(srtp_keys_eq(&client_rx, &server_tx));
    assert_false(srtp_keys_eq(&client_rx, &client_tx));
    assert_hex(client_tx.bytes, 28, GCM_KEY_128 "202122232425262728292a2b");
    assert_hex(client_rx.bytes, 28, "101112131415161718191a1b1c1d1e1f 2c2d2e2f3031323334353637");
}

static void no_suite_is_refused(void **state)
{
    struct srtp_keys keys = {.suite = SRTP_SUITE_NONE};
    struct srtp srtp;

    (void)state;
    assert_int_equal(srtp_init(&srtp, &keys, SRTP_SEND), SR_ERR_UNSUPPORTED);
    srtp_done(&srtp);
}

/* ---- packets ---- */

static void every_suite_brings_packets_back(void **state)
{
    uint8_t bytes[ROOM], plain[ROOM];
    struct pair pair;

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(all_suites); s++) {
        pair_init(&pair, all_suites[s], 3);
        for (uint16_t seq = 0; seq < 200; seq++) {
            size_t n = make_rtp(bytes, 7, seq, seq);
            size_t plain_n = n;

            memcpy(plain, bytes, n);
            assert_int_equal(srtp_protect(&pair.tx, bytes, &n), SR_OK);
            assert_true(n > plain_n && n <= plain_n + SRTP_TRAILER_BYTES_MAX);
            assert_memory_equal(bytes, plain, 12);
            if (seq > 8)
                assert_memory_not_equal(bytes + 12, plain + 12, seq);
            assert_int_equal(srtp_unprotect(&pair.rx, bytes, &n), SR_OK);
            assert_int_equal(n, plain_n);
            assert_memory_equal(bytes, plain, n);
        }
        assert_int_equal(pair.rx.counters.packets, 200);
        pair_done(&pair);
    }
}

static void sources_and_extension_stay_readable(void **state)
{
    uint8_t bytes[ROOM], plain[ROOM];
    struct pair pair;
    size_t n;

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(all_suites); s++) {
        pair_init(&pair, all_suites[s], 3);
        n = make_rtp(bytes, 7, 9, 100);
        bytes[0] = 0x80 | 0x10 | 2; /* extension, two sources: 12 + 8 + 4 + 8 */
        bytes[22] = 0;
        bytes[23] = 2;
        memcpy(plain, bytes, n);
        assert_int_equal(srtp_protect(&pair.tx, bytes, &n), SR_OK);
        assert_memory_equal(bytes, plain, 32);
        assert_memory_not_equal(bytes + 32, plain + 32, 16);
        assert_int_equal(srtp_unprotect(&pair.rx, bytes, &n), SR_OK);
        assert_memory_equal(bytes, plain, n);
        pair_done(&pair);
    }
}

static void every_damaged_bit_is_found_and_nothing_is_changed(void **state)
{
    uint8_t bytes[ROOM], copy[ROOM];
    struct pair pair;
    size_t n, m;

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(all_suites); s++) {
        uint64_t refused = 0;

        pair_init(&pair, all_suites[s], 3);
        n = make_rtp(bytes, 7, 9, 30);
        assert_int_equal(srtp_protect(&pair.tx, bytes, &n), SR_OK);
        for (size_t bit = 0; bit < n * 8; bit++) {
            memcpy(copy, bytes, n);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            m = n;
            assert_int_not_equal(srtp_unprotect(&pair.rx, copy, &m), SR_OK);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_memory_equal(copy, bytes, n);
            assert_int_equal(m, n);
            refused++;
        }
        assert_int_equal(pair.rx.counters.auth_failed + pair.rx.counters.malformed, refused);
        for (m = 0; m < n; m++) { /* and every prefix */
            size_t cut = m;

            memcpy(copy, bytes, n);
            assert_int_not_equal(srtp_unprotect(&pair.rx, copy, &cut), SR_OK);
        }
        assert_int_equal(srtp_unprotect(&pair.rx, bytes, &n), SR_OK);
        pair_done(&pair);
    }
}

static void another_key_opens_nothing(void **state)
{
    uint8_t bytes[ROOM];
    struct pair pair, other;
    size_t n;

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(all_suites); s++) {
        pair_init(&pair, all_suites[s], 3);
        pair_init(&other, all_suites[s], 4);
        for (uint16_t seq = 0; seq < 50; seq++) {
            n = sealed(&pair.tx, 7, seq, bytes);
            assert_int_equal(srtp_unprotect(&other.rx, bytes, &n), SR_ERR_AUTH);
        }
        assert_int_equal(other.rx.counters.auth_failed, 50);
        n = make_rtcp(bytes, 7);
        assert_int_equal(srtcp_protect(&pair.tx, bytes, &n), SR_OK);
        assert_int_equal(srtcp_unprotect(&other.rx, bytes, &n), SR_ERR_AUTH);
        pair_done(&pair);
        pair_done(&other);
    }
}

static void malformed_packets_are_counted(void **state)
{
    uint8_t bytes[ROOM];
    struct pair pair;
    size_t n;

    (void)state;
    pair_init(&pair, SRTP_AEAD_AES_128_GCM, 3);
    n = make_rtp(bytes, 7, 1, 8);
    bytes[0] = 0x9f; /* an extension that does not fit */
    assert_int_equal(srtp_protect(&pair.tx, bytes, &n), SR_ERR_SYNTAX);
    assert_int_equal(srtp_unprotect(&pair.rx, bytes, &n), SR_ERR_SYNTAX);
    n = 5;
    assert_int_equal(srtcp_protect(&pair.tx, bytes, &n), SR_ERR_SYNTAX);
    assert_int_equal(srtcp_unprotect(&pair.rx, bytes, &n), SR_ERR_SYNTAX);
    n = make_rtcp(bytes, 7);
    assert_int_equal(srtcp_unprotect(&pair.rx, bytes, &n), SR_ERR_SYNTAX); /* in the clear */
    assert_int_equal(pair.rx.counters.malformed, 3);
    assert_int_equal(pair.tx.counters.malformed, 2);
    pair_done(&pair);
}

/* ---- replay, order, wraps ---- */

static void a_packet_is_taken_once(void **state)
{
    uint8_t kept[200][ROOM], copy[ROOM];
    struct pair pair;
    size_t n = 0;

    (void)state;
    pair_init(&pair, SRTP_AES_CM_128_HMAC_SHA1_80, 3);
    for (uint16_t seq = 0; seq < 200; seq++)
        n = sealed(&pair.tx, 7, seq, kept[seq]);
    for (int i = 199; i >= 0; i--) { /* backwards: the last 128 are in the window */
        size_t m = n;

        memcpy(copy, kept[i], n);
        assert_int_equal(srtp_unprotect(&pair.rx, copy, &m),
                         i > 199 - SRTP_REPLAY_BITS ? SR_OK : SR_ERR_EXISTS);
    }
    for (int i = 0; i < 200; i++) {
        size_t m = n;

        memcpy(copy, kept[i], n);
        assert_int_equal(srtp_unprotect(&pair.rx, copy, &m), SR_ERR_EXISTS);
    }
    assert_int_equal(pair.rx.counters.replayed, 200 + 200 - SRTP_REPLAY_BITS);
    assert_int_equal(pair.rx.counters.auth_failed, 0);
    pair_done(&pair);
}

static void a_number_is_sent_once(void **state)
{
    uint8_t bytes[ROOM];
    struct pair pair;
    size_t n;

    (void)state;
    pair_init(&pair, SRTP_AEAD_AES_128_GCM, 3);
    (void)sealed(&pair.tx, 7, 10, bytes);
    (void)sealed(&pair.tx, 7, 12, bytes);
    (void)sealed(&pair.tx, 7, 11, bytes); /* a relay keeps the order of the source */
    n = make_rtp(bytes, 7, 11, 160);
    assert_int_equal(srtp_protect(&pair.tx, bytes, &n), SR_ERR_EXISTS);
    assert_int_equal(bytes[12], 11); /* and nothing was encrypted */
    pair_done(&pair);
}

static void the_sequence_wraps(void **state)
{
    struct pair pair;

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(all_suites); s++) {
        pair_init(&pair, all_suites[s], 3);
        for (uint32_t i = 0; i < 3 * 65536u; i += 997)
            assert_int_equal(pass(&pair, (uint16_t)(30000 + i)), SR_OK);
        assert_int_equal(pair.rx.sources[0].rtp.top >> 16, 3);
        pair_done(&pair);
    }
}

static void order_is_lost_around_the_wrap(void **state)
{
    static const uint16_t order[] = {65530, 65534, 65533, 1, 65535, 0, 65532, 3, 65531, 2};
    uint8_t bytes[SR_ARRAY_LEN(order)][ROOM];
    size_t n[SR_ARRAY_LEN(order)];
    struct pair pair;

    (void)state;
    pair_init(&pair, SRTP_AES_CM_128_HMAC_SHA1_80, 3);
    for (uint32_t i = 0; i < SR_ARRAY_LEN(order); i++)
        n[i] = sealed(&pair.tx, 7, (uint16_t)(65530 + i), bytes[i]);
    for (size_t i = 0; i < SR_ARRAY_LEN(order); i++) {
        uint16_t at = (uint16_t)(order[i] - 65530);

        assert_int_equal(srtp_unprotect(&pair.rx, bytes[at], &n[at]), SR_OK);
    }
    pair_done(&pair);
}

static void a_missed_start_before_the_wrap_is_no_loss(void **state)
{
    uint8_t bytes[ROOM];
    struct pair pair;
    size_t n;

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(all_suites); s++) {
        pair_init(&pair, all_suites[s], 3);
        for (uint16_t i = 0; i < 20; i++) { /* the first ten are lost, the wrap among them */
            n = sealed(&pair.tx, 7, (uint16_t)(65530 + i), bytes);
            if (i >= 10)
                assert_int_equal(srtp_unprotect(&pair.rx, bytes, &n), SR_OK);
        }
        assert_int_equal(pair.rx.counters.auth_failed, 0);
        pair_done(&pair);
    }
}

/* The sender's counter may go on under a new key (RFC 3711) or start again (many phones). */
static void new_keys_keep_the_stream(void **state)
{
    uint8_t bytes[ROOM];

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(all_suites); s++) {
        for (int is_kept = 0; is_kept < 2; is_kept++) {
            struct pair pair, fresh;

            pair_init(&pair, all_suites[s], 3);
            pair_init(&fresh, all_suites[s], 100);
            for (uint32_t i = 0; i < 140000; i += 1000)
                assert_int_equal(pass(&pair, (uint16_t)i), SR_OK);
            srtp_follow(&fresh.rx, &pair.rx);
            if (is_kept) { /* as a sender does that keeps its counter */
                fresh.tx.sources[0] = pair.tx.sources[0];
                assert_int_equal(fresh.tx.sources[0].rtp.top >> 16, 2);
            }
            for (uint32_t i = 140000; i < 300000; i += 1000) {
                size_t n = sealed(&fresh.tx, 7, (uint16_t)i, bytes);

                assert_int_equal(srtp_unprotect(&fresh.rx, bytes, &n), SR_OK);
            }
            assert_int_equal(fresh.rx.counters.auth_failed, 0);
            pair_done(&pair);
            pair_done(&fresh);
        }
    }
}

static void the_last_index_is_the_end_of_a_key(void **state)
{
    uint8_t bytes[ROOM];
    struct pair pair;
    size_t n;

    (void)state;
    pair_init(&pair, SRTP_AES_CM_128_HMAC_SHA1_80, 3);
    (void)sealed(&pair.tx, 7, 65534, bytes);
    pair.tx.sources[0].rtp.top |= (uint64_t)0xffffffff << 16;
    (void)sealed(&pair.tx, 7, 65535, bytes);
    n = make_rtp(bytes, 7, 0, 160);
    assert_int_equal(srtp_protect(&pair.tx, bytes, &n), SR_ERR_LIMIT);
    n = make_rtcp(bytes, 7);
    pair.tx.sources[0].rtcp = (struct srtp_window){.is_started = true, .top = 0x7fffffff};
    assert_int_equal(srtcp_protect(&pair.tx, bytes, &n), SR_ERR_LIMIT);
    pair_done(&pair);
}

static void sources_are_bounded(void **state)
{
    uint8_t bytes[ROOM];
    struct pair pair;
    size_t n;

    (void)state;
    pair_init(&pair, SRTP_AES_CM_128_HMAC_SHA1_80, 3);
    for (uint32_t ssrc = 1; ssrc <= SRTP_SOURCES_MAX; ssrc++)
        (void)sealed(&pair.tx, ssrc, 5, bytes);
    n = make_rtp(bytes, 99, 5, 160); /* forgetting one would reuse its numbers */
    assert_int_equal(srtp_protect(&pair.tx, bytes, &n), SR_ERR_LIMIT);
    for (uint32_t ssrc = 1; ssrc <= 3 * SRTP_SOURCES_MAX; ssrc++) {
        struct pair other;

        pair_init(&other, SRTP_AES_CM_128_HMAC_SHA1_80, 3);
        n = sealed(&other.tx, ssrc, 5, bytes);
        assert_int_equal(srtp_unprotect(&pair.rx, bytes, &n), SR_OK);
        pair_done(&other);
    }
    for (size_t i = 0; i < SRTP_SOURCES_MAX; i++)
        assert_true(pair.rx.sources[i].ssrc > 2 * SRTP_SOURCES_MAX);
    pair_done(&pair);
}

static void forged_packets_take_no_place(void **state)
{
    uint8_t bytes[ROOM];
    struct pair pair;
    size_t n;

    (void)state;
    pair_init(&pair, SRTP_AES_CM_128_HMAC_SHA1_80, 3);
    for (uint32_t ssrc = 1; ssrc <= 1000; ssrc++) {
        n = make_rtp(bytes, ssrc, 5, 160);
        assert_int_equal(srtp_unprotect(&pair.rx, bytes, &n), SR_ERR_AUTH);
    }
    for (size_t i = 0; i < SRTP_SOURCES_MAX; i++)
        assert_false(pair.rx.sources[i].is_used);
    pair_done(&pair);
}

/* ---- RTCP ---- */

static void reports_carry_an_index(void **state)
{
    uint8_t bytes[ROOM], copy[ROOM], plain[ROOM];
    struct pair pair;

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(all_suites); s++) {
        pair_init(&pair, all_suites[s], 3);
        for (int i = 0; i < 300; i++) {
            size_t n = make_rtcp(bytes, 7), plain_n = n, copy_n;

            memcpy(plain, bytes, n);
            assert_int_equal(srtcp_protect(&pair.tx, bytes, &n), SR_OK);
            assert_true(n <= plain_n + SRTP_TRAILER_BYTES_MAX);
            assert_int_equal(pair.tx.sources[0].rtcp.top, i);
            memcpy(copy, bytes, n);
            copy_n = n;
            assert_int_equal(srtcp_unprotect(&pair.rx, bytes, &n), SR_OK);
            assert_int_equal(n, plain_n);
            assert_memory_equal(bytes, plain, n);
            assert_int_equal(srtcp_unprotect(&pair.rx, copy, &copy_n), SR_ERR_EXISTS);
        }
        pair_done(&pair);
    }
}

static void every_damaged_bit_of_a_report_is_found(void **state)
{
    uint8_t bytes[ROOM], copy[ROOM];
    struct pair pair;
    size_t n;

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(all_suites); s++) {
        pair_init(&pair, all_suites[s], 3);
        n = make_rtcp(bytes, 7);
        assert_int_equal(srtcp_protect(&pair.tx, bytes, &n), SR_OK);
        for (size_t bit = 0; bit < n * 8; bit++) {
            size_t m = n;

            memcpy(copy, bytes, n);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(srtcp_unprotect(&pair.rx, copy, &m), SR_OK);
        }
        for (size_t m = 0; m < n; m++) {
            size_t cut = m;

            memcpy(copy, bytes, n);
            assert_int_not_equal(srtcp_unprotect(&pair.rx, copy, &cut), SR_OK);
        }
        pair_done(&pair);
    }
}

/* ---- memory ---- */

static void packets_allocate_nothing(void **state)
{
    uint8_t bytes[ROOM];
    struct pair pair;

    (void)state;
    for (size_t s = 0; s < SR_ARRAY_LEN(all_suites); s++) {
        uint64_t before;

        pair_init(&pair, all_suites[s], 3);
        before = allocations;
        assert_true(before > 0); /* the counter counts */
        for (uint16_t seq = 0; seq < 1000; seq++) {
            size_t n;

            assert_int_equal(pass(&pair, seq), SR_OK);
            n = sealed(&pair.tx, 8, seq, bytes);
            bytes[20] ^= 1;
            assert_int_equal(srtp_unprotect(&pair.rx, bytes, &n), SR_ERR_AUTH);
            n = make_rtcp(bytes, 7);
            assert_int_equal(srtcp_protect(&pair.tx, bytes, &n), SR_OK);
            assert_int_equal(srtcp_unprotect(&pair.rx, bytes, &n), SR_OK);
        }
        assert_int_equal(allocations, before);
        pair_done(&pair);
    }
}

int run_srtp(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_stream_of_rfc3711_b2),
        cmocka_unit_test(session_keys_of_rfc3711_b3),
        cmocka_unit_test(known_packet_of_aes_cm),
        cmocka_unit_test(packets_of_rfc7714_16_and_17),
        cmocka_unit_test(suites_have_names_and_profiles),
        cmocka_unit_test(exported_keys_fit_crosswise),
        cmocka_unit_test(no_suite_is_refused),
        cmocka_unit_test(every_suite_brings_packets_back),
        cmocka_unit_test(sources_and_extension_stay_readable),
        cmocka_unit_test(every_damaged_bit_is_found_and_nothing_is_changed),
        cmocka_unit_test(another_key_opens_nothing),
        cmocka_unit_test(malformed_packets_are_counted),
        cmocka_unit_test(a_packet_is_taken_once),
        cmocka_unit_test(a_number_is_sent_once),
        cmocka_unit_test(the_sequence_wraps),
        cmocka_unit_test(order_is_lost_around_the_wrap),
        cmocka_unit_test(a_missed_start_before_the_wrap_is_no_loss),
        cmocka_unit_test(new_keys_keep_the_stream),
        cmocka_unit_test(the_last_index_is_the_end_of_a_key),
        cmocka_unit_test(sources_are_bounded),
        cmocka_unit_test(forged_packets_take_no_place),
        cmocka_unit_test(reports_carry_an_index),
        cmocka_unit_test(every_damaged_bit_of_a_report_is_found),
        cmocka_unit_test(packets_allocate_nothing),
    };

    return cmocka_run_group_tests_name("srtp", tests, NULL, NULL);
}

#include "test_base.h"

#include "base/hash.h"

static const char letters_and_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

struct vector {
    const char *text;
    const char *hex;
};

/* RFC 1321 A.5 */
static void md5_gives_the_values_of_rfc_1321(void **state)
{
    static const struct vector rows[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {letters_and_digits, "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        uint8_t digest[SR_MD5_BYTES];
        char hex[2 * SR_MD5_BYTES + 1];
        struct sr_md5 md5;

        sr_md5_init(&md5);
        sr_md5_add(&md5, rows[i].text, strlen(rows[i].text));
        sr_md5_end(&md5, digest);
        sr_hex(digest, sizeof(digest), hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

/* FIPS 180-4 examples */
static void sha256_gives_the_values_of_fips_180(void **state)
{
    static const struct vector rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        uint8_t digest[SR_SHA256_BYTES];
        char hex[2 * SR_SHA256_BYTES + 1];
        struct sr_sha256 sha;

        sr_sha256_init(&sha);
        sr_sha256_add(&sha, rows[i].text, strlen(rows[i].text));
        sr_sha256_end(&sha, digest);
        sr_hex(digest, sizeof(digest), hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

/* The digest must not depend on how the bytes were cut; one million "a" is FIPS 180's long case. */
static void pieces_of_any_size_give_the_same_digest(void **state)
{
    static char many[1000];
    char hex[2 * SR_SHA256_BYTES + 1];
    uint8_t whole[SR_SHA256_BYTES], cut[SR_SHA256_BYTES], md5_whole[SR_MD5_BYTES],
        md5_cut[SR_MD5_BYTES];
    struct sr_sha256 sha;
    struct sr_md5 md5;

    (void)state;
    memset(many, 'a', sizeof(many));
    sr_sha256_init(&sha);
    for (int i = 0; i < 1000; i++)
        sr_sha256_add(&sha, many, sizeof(many));
    sr_sha256_end(&sha, whole);
    sr_hex(whole, sizeof(whole), hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    for (size_t n = 0; n < 200; n++) {
        sr_sha256_init(&sha);
        sr_sha256_add(&sha, many, n);
        sr_sha256_end(&sha, whole);
        sr_md5_init(&md5);
        sr_md5_add(&md5, many, n);
        sr_md5_end(&md5, md5_whole);
        sr_sha256_init(&sha);
        sr_md5_init(&md5);
        for (size_t i = 0; i < n; i++) {
            sr_sha256_add(&sha, many + i, 1);
            sr_md5_add(&md5, many + i, 1);
        }
        sr_sha256_end(&sha, cut);
        sr_md5_end(&md5, md5_cut);
        assert_memory_equal(whole, cut, sizeof(whole));
        assert_memory_equal(md5_whole, md5_cut, sizeof(md5_whole));
    }
}

static void check_hmac(struct sr_str key, struct sr_str text, const char *expected)
{
    uint8_t digest[SR_SHA256_BYTES];
    char hex[2 * SR_SHA256_BYTES + 1];

    sr_hmac_sha256(key, text, digest);
    sr_hex(digest, sizeof(digest), hex);
    assert_string_equal(hex, expected);
}

/* RFC 4231 cases 1, 2, 3, 6 and 7 */
static void hmac_gives_the_values_of_rfc_4231(void **state)
{
    char key[131];
    char text[50];

    (void)state;
    memset(key, 0x0b, 20);
    check_hmac(sr_str_make(key, 20), SR_STR("Hi There"),
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check_hmac(SR_STR("Jefe"), SR_STR("what do ya want for nothing?"),
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    memset(text, 0xdd, sizeof(text));
    check_hmac(sr_str_make(key, 20), sr_str_make(text, sizeof(text)),
               "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    check_hmac(sr_str_make(key, 131),
               SR_STR("Test Using Larger Than Block-Size Key - Hash Key First"),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    check_hmac(sr_str_make(key, 131),
               SR_STR("This is a test using a larger than block-size key and a larger than "
                      "block-size data. The key needs to be hashed before being used by the "
                      "HMAC algorithm."),
               "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

/* first, ninth and sixteenth of the vectors in the SipHash paper and its reference code */
static void siphash_gives_the_values_of_its_paper(void **state)
{
    uint8_t key[16], text[16];

    (void)state;
    for (uint8_t i = 0; i < 16; i++)
        key[i] = text[i] = i;
    assert_true(sr_siphash(key, text, 0) == 0x726fdb47dd0e0e31u);
    assert_true(sr_siphash(key, text, 1) == 0x74f839c593dc67fdu);
    assert_true(sr_siphash(key, text, 8) == 0x93f5f5799a932462u);
    assert_true(sr_siphash(key, text, 15) == 0xa129ca6149be45e5u);
}

int run_hash_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_gives_the_values_of_rfc_1321),
        cmocka_unit_test(sha256_gives_the_values_of_fips_180),
        cmocka_unit_test(pieces_of_any_size_give_the_same_digest),
        cmocka_unit_test(hmac_gives_the_values_of_rfc_4231),
        cmocka_unit_test(siphash_gives_the_values_of_its_paper),
    };

    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}

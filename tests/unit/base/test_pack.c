#include "base/alloc.h"
#include "base/pack.h"
#include "base/random.h"
#include "test_base.h"

enum {
    BYTES = 4096,
};

/* @return how many bytes it took */
static size_t pack_and_back(const uint8_t *from, size_t n)
{
    size_t count = sr_pack(from, n, NULL);
    uint8_t *packed = sr_alloc(count + 1); /* exactly: ASan sees what is written behind it */
    uint8_t *back = sr_alloc(n + 1);

    assert_true(count <= n + 4);
    memset(back, 0xa5, n);
    assert_int_equal(sr_pack(from, n, packed), count);
    sr_unpack(packed, count, back, n);
    assert_memory_equal(back, from, n);
    sr_free(packed);
    sr_free(back);
    return count;
}

static void zeros_take_no_room(void **state)
{
    uint8_t bytes[BYTES] = {0};

    (void)state;
    assert_int_equal(pack_and_back(bytes, sizeof(bytes)), 4);
    bytes[400] = 1;
    assert_int_equal(pack_and_back(bytes, sizeof(bytes)), 4 + 4 + 4);
    bytes[sizeof(bytes) - 1] = 1;
    assert_int_equal(pack_and_back(bytes, sizeof(bytes)), 4 + 4 + 4 + 4);
}

static void what_has_no_zeros_grows_by_its_counts_alone(void **state)
{
    uint8_t bytes[BYTES];

    (void)state;
    memset(bytes, 1, sizeof(bytes));
    assert_int_equal(pack_and_back(bytes, sizeof(bytes)), sizeof(bytes) + 4);
    assert_int_equal(pack_and_back(bytes, 0), 0);
}

/* zeros and others in runs of all lengths, one byte of a word as well */
static void all_bytes_come_back(void **state)
{
    uint8_t bytes[BYTES];
    struct sr_prng prng;

    (void)state;
    sr_prng_seed(&prng, 7);
    for (int round = 0; round < 500; round++) {
        size_t n = 4 * (size_t)sr_prng_below(&prng, BYTES / 4 + 1);
        uint64_t run_max = 1 + sr_prng_below(&prng, 64);

        for (size_t at = 0; at < n;) {
            bool is_zero = sr_prng_below(&prng, 2) == 0;
            uint64_t run = 1 + sr_prng_below(&prng, run_max);

            for (; run > 0 && at < n; run--)
                bytes[at++] = is_zero ? 0 : (uint8_t)(1 + sr_prng_below(&prng, 255));
        }
        (void)pack_and_back(bytes, n);
    }
}

int run_pack_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_take_no_room),
        cmocka_unit_test(what_has_no_zeros_grows_by_its_counts_alone),
        cmocka_unit_test(all_bytes_come_back),
    };

    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}

#include "test_base.h"

#include "base/random.h"

static void the_same_seed_gives_the_same_numbers(void **state)
{
    struct sr_prng a, b, c;
    bool differs = false;

    (void)state;
    sr_prng_seed(&a, 1);
    sr_prng_seed(&b, 1);
    sr_prng_seed(&c, 2);
    for (int i = 0; i < 100; i++) {
        uint64_t value = sr_prng_u64(&a);

        assert_true(value == sr_prng_u64(&b));
        differs |= value != sr_prng_u64(&c);
    }
    assert_true(differs);
}

/* xoshiro256** by its authors' reference code from the state {1, 2, 3, 4} */
static void the_generator_is_xoshiro256starstar(void **state)
{
    struct sr_prng prng = {.s = {1, 2, 3, 4}};

    (void)state;
    assert_true(sr_prng_u64(&prng) == 11520u);
    assert_true(sr_prng_u64(&prng) == 0u);
    assert_true(sr_prng_u64(&prng) == 1509978240u);
    assert_true(sr_prng_u64(&prng) == 1215971899390074240u);
}

static void numbers_stay_below_and_cover_the_range(void **state)
{
    struct sr_prng prng;
    unsigned seen[10] = {0};
    double sum = 0;

    (void)state;
    sr_prng_seed(&prng, 3);
    for (int i = 0; i < 10000; i++) {
        uint64_t value = sr_prng_below(&prng, 10);
        double share = sr_prng_double(&prng);

        assert_true(value < 10);
        seen[value]++;
        assert_true(share >= 0 && share < 1);
        sum += share;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(seen[i], 850, 1150);
    assert_true(sum > 4800 && sum < 5200);
    assert_int_equal(sr_prng_below(&prng, 1), 0);
}

static void the_system_gives_different_bytes_each_time(void **state)
{
    unsigned char a[300] = {0}, b[300] = {0};
    struct sr_buf buf;

    (void)state;
    sr_random_bytes(a, sizeof(a));
    sr_random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(sr_random_u64() != sr_random_u64());
    sr_buf_init(&buf, 100);
    sr_random_hex(&buf, 8);
    assert_int_equal(buf.len, 16);
    for (size_t i = 0; i < buf.len; i++)
        assert_true(sr_hex_value(buf.data[i]) >= 0);
    sr_buf_done(&buf);
}

int run_random_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(the_generator_is_xoshiro256starstar),
        cmocka_unit_test(numbers_stay_below_and_cover_the_range),
        cmocka_unit_test(the_system_gives_different_bytes_each_time),
    };

    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}

#include "test_base.h"

#include <stdio.h>

#include "base/map.h"
#include "base/random.h"

enum {
    KEYS = 2000
};

static void values_are_found_replaced_and_removed(void **state)
{
    struct sr_map map;
    int one = 1, two = 2;

    (void)state;
    sr_map_init(&map);
    assert_null(sr_map_find(&map, SR_STR("a")));
    assert_null(sr_map_remove(&map, SR_STR("a")));
    assert_null(sr_map_put(&map, SR_STR("a"), &one));
    assert_ptr_equal(sr_map_put(&map, SR_STR("a"), &two), &one);
    assert_null(sr_map_put(&map, SR_STR(""), &one));
    assert_int_equal(map.count, 2);
    assert_ptr_equal(sr_map_find(&map, SR_STR("a")), &two);
    assert_ptr_equal(sr_map_find(&map, SR_STR("")), &one);
    assert_null(sr_map_find(&map, SR_STR("A")));
    assert_ptr_equal(sr_map_remove(&map, SR_STR("a")), &two);
    assert_null(sr_map_find(&map, SR_STR("a")));
    assert_int_equal(map.count, 1);
    sr_map_done(&map);
}

/* random puts and removals against a plain table of what must be inside */
static void random_operations_agree_with_a_table(void **state)
{
    static char keys[KEYS][16];
    static bool inside[KEYS];
    struct sr_prng prng;
    struct sr_map map;
    size_t count = 0;
    size_t walked = 0;
    size_t cursor = 0;

    (void)state;
    memset(inside, 0, sizeof(inside));
    sr_prng_seed(&prng, 7);
    sr_map_init(&map);
    for (int i = 0; i < KEYS; i++)
        (void)snprintf(keys[i], sizeof(keys[i]), "key-%d", i);
    for (int step = 0; step < 50000; step++) {
        size_t i = (size_t)sr_prng_below(&prng, KEYS);
        struct sr_str key = sr_str_c(keys[i]);

        if (sr_prng_below(&prng, 2) == 0) {
            assert_ptr_equal(sr_map_put(&map, key, keys[i]), inside[i] ? keys[i] : NULL);
            count += !inside[i];
            inside[i] = true;
        } else {
            assert_ptr_equal(sr_map_remove(&map, key), inside[i] ? keys[i] : NULL);
            count -= inside[i];
            inside[i] = false;
        }
    }
    assert_int_equal(map.count, count);
    for (size_t i = 0; i < KEYS; i++)
        assert_ptr_equal(sr_map_find(&map, sr_str_c(keys[i])), inside[i] ? keys[i] : NULL);
    while (sr_map_next(&map, &cursor) != NULL)
        walked++;
    assert_int_equal(walked, count);
    sr_map_done(&map);
}

static void integer_keys_share_the_table(void **state)
{
    static int values[1000];
    struct sr_map64 map;
    size_t cursor = 0;
    size_t walked = 0;

    (void)state;
    sr_map64_init(&map);
    for (uint64_t i = 0; i < 1000; i++)
        assert_null(sr_map64_put(&map, i << 40, &values[i]));
    assert_int_equal(sr_map64_count(&map), 1000);
    for (uint64_t i = 0; i < 1000; i++)
        assert_ptr_equal(sr_map64_find(&map, i << 40), &values[i]);
    assert_null(sr_map64_find(&map, 5));
    while (sr_map64_next(&map, &cursor) != NULL)
        walked++;
    assert_int_equal(walked, 1000);
    for (uint64_t i = 0; i < 1000; i += 2)
        assert_ptr_equal(sr_map64_remove(&map, i << 40), &values[i]);
    for (uint64_t i = 0; i < 1000; i++)
        assert_ptr_equal(sr_map64_find(&map, i << 40), i % 2 ? &values[i] : NULL);
    sr_map64_done(&map);
}

int run_map_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_replaced_and_removed),
        cmocka_unit_test(random_operations_agree_with_a_table),
        cmocka_unit_test(integer_keys_share_the_table),
    };

    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}

#include "test_base.h"

#include "base/alloc.h"

static void live_and_total_blocks_are_counted(void **state)
{
    uint64_t live = sr_alloc_live();
    uint64_t total = sr_alloc_total();
    char *a = sr_alloc(10);
    char *b = sr_zalloc(4, 8);

    (void)state;
    assert_int_equal(sr_alloc_live(), live + 2);
    assert_int_equal(sr_alloc_total(), total + 2);
    for (int i = 0; i < 32; i++)
        assert_int_equal(b[i], 0);
    a = sr_realloc(a, 1000);
    a[999] = 'x';
    assert_int_equal(sr_alloc_live(), live + 2);
    sr_free(a);
    sr_free(b);
    sr_free(NULL);
    sr_free_secret(NULL, 0);
    assert_int_equal(sr_alloc_live(), live);
}

static void realloc_of_nothing_takes_a_block(void **state)
{
    uint64_t live = sr_alloc_live();
    void *p = sr_realloc(NULL, 5);

    (void)state;
    assert_non_null(p);
    assert_int_equal(sr_alloc_live(), live + 1);
    sr_free(p);
    assert_int_equal(sr_alloc_live(), live);
}

static void zero_bytes_are_a_block_too(void **state)
{
    void *a = sr_alloc(0);
    void *b = sr_zalloc(0, 8);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    sr_free(a);
    sr_free_secret(b, 0);
}

static void copies_of_text_end_with_nul(void **state)
{
    char *a = sr_strdup("siprouter");
    char *b = sr_str_cdup(sr_str_make("siprouter", 3));
    char *c = sr_str_cdup(sr_str_make(NULL, 0));

    (void)state;
    assert_string_equal(a, "siprouter");
    assert_string_equal(b, "sip");
    assert_string_equal(c, "");
    sr_free(a);
    sr_free(b);
    sr_free(c);
}

static void wipe_leaves_zeros(void **state)
{
    char secret[16] = "a secret";

    (void)state;
    sr_wipe(secret, sizeof(secret));
    for (size_t i = 0; i < sizeof(secret); i++)
        assert_int_equal(secret[i], 0);
}

int run_alloc_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_and_total_blocks_are_counted),
        cmocka_unit_test(realloc_of_nothing_takes_a_block),
        cmocka_unit_test(zero_bytes_are_a_block_too),
        cmocka_unit_test(copies_of_text_end_with_nul),
        cmocka_unit_test(wipe_leaves_zeros),
    };

    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}

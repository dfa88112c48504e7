#include "test_base.h"

#include "base/alloc.h"

/* every test gives back what it took */
static void nothing_is_left_on_the_heap(void **state)
{
    (void)state;
    assert_int_equal(sr_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest last[] = {cmocka_unit_test(nothing_is_left_on_the_heap)};
    int failed = 0;

    failed += run_base_tests();
    failed += run_alloc_tests();
    failed += run_str_tests();
    failed += run_buf_tests();
    failed += run_arena_tests();
    failed += run_list_tests();
    failed += run_heap_tests();
    failed += run_map_tests();
    failed += run_idtab_tests();
    failed += run_random_tests();
    failed += run_hash_tests();
    failed += run_ring_tests();
    failed += run_mpsc_tests();
    failed += run_pack_tests();
    failed += run_addr_tests();
    failed += run_json_tests();
    failed += run_log_tests();
    failed += cmocka_run_group_tests_name("heap balance", last, NULL, NULL);
    return failed ? 1 : 0;
}

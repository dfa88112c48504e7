#include "test_base.h"

#include "base/heap.h"
#include "base/random.h"

enum {
    NODES = 500
};

static void the_earliest_comes_first_and_equals_keep_their_order(void **state)
{
    struct sr_heap_node a = {0}, b = {0}, c = {0};
    struct sr_heap heap;

    (void)state;
    sr_heap_init(&heap);
    assert_null(sr_heap_first(&heap));
    sr_heap_set(&heap, &a, 20);
    sr_heap_set(&heap, &b, 10);
    sr_heap_set(&heap, &c, 20);
    assert_ptr_equal(sr_heap_first(&heap), &b);
    assert_null(sr_heap_pop_due(&heap, 9));
    assert_ptr_equal(sr_heap_pop_due(&heap, 10), &b);
    assert_ptr_equal(sr_heap_pop_due(&heap, 100), &a);
    assert_ptr_equal(sr_heap_pop_due(&heap, 100), &c);
    assert_null(sr_heap_pop_due(&heap, 100));
    sr_heap_done(&heap);
}

static void setting_again_moves_and_removing_is_idempotent(void **state)
{
    struct sr_heap_node a = {0}, b = {0};
    struct sr_heap heap;

    (void)state;
    sr_heap_init(&heap);
    sr_heap_set(&heap, &a, 10);
    sr_heap_set(&heap, &b, 20);
    sr_heap_set(&heap, &a, 30);
    assert_int_equal(heap.count, 2);
    assert_ptr_equal(sr_heap_first(&heap), &b);
    sr_heap_remove(&heap, &b);
    sr_heap_remove(&heap, &b);
    assert_ptr_equal(sr_heap_first(&heap), &a);
    assert_int_equal(heap.count, 1);
    sr_heap_done(&heap);
}

/* 20,000 random sets, moves and removals; after each the first must be the earliest by a scan */
static void random_operations_agree_with_a_scan(void **state)
{
    static struct sr_heap_node nodes[NODES];
    struct sr_heap heap;
    struct sr_prng prng;
    sr_usec last = 0;

    (void)state;
    memset(nodes, 0, sizeof(nodes));
    sr_prng_seed(&prng, 42);
    sr_heap_init(&heap);
    for (int step = 0; step < 20000; step++) {
        struct sr_heap_node *node = &nodes[sr_prng_below(&prng, NODES)];
        sr_usec earliest = SR_NEVER;

        if (sr_prng_below(&prng, 3) == 0)
            sr_heap_remove(&heap, node);
        else
            sr_heap_set(&heap, node, (sr_usec)sr_prng_below(&prng, 1000));
        for (int i = 0; i < NODES; i++) {
            if (nodes[i].index1 != 0)
                earliest = SR_MIN(earliest, nodes[i].at);
        }
        if (sr_heap_first(&heap) == NULL)
            assert_true(earliest == SR_NEVER);
        else
            assert_true(sr_heap_first(&heap)->at == earliest);
    }
    for (struct sr_heap_node *node; (node = sr_heap_pop_due(&heap, SR_NEVER)) != NULL;) {
        assert_true(node->at >= last);
        last = node->at;
    }
    assert_int_equal(heap.count, 0);
    sr_heap_done(&heap);
}

int run_heap_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_comes_first_and_equals_keep_their_order),
        cmocka_unit_test(setting_again_moves_and_removing_is_idempotent),
        cmocka_unit_test(random_operations_agree_with_a_scan),
    };

    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}

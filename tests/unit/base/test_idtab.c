#include "test_base.h"

#include "base/idtab.h"

static void an_old_id_finds_nothing(void **state)
{
    struct sr_idtab tab;
    int a = 0, b = 0;
    sr_id first, second;

    (void)state;
    sr_idtab_init(&tab, 4);
    first = sr_idtab_add(&tab, &a);
    assert_true(first != SR_ID_NONE);
    assert_ptr_equal(sr_idtab_find(&tab, first), &a);
    assert_ptr_equal(sr_idtab_remove(&tab, first), &a);
    assert_null(sr_idtab_find(&tab, first));
    assert_null(sr_idtab_remove(&tab, first));
    second = sr_idtab_add(&tab, &b);
    assert_true(second != first);
    assert_null(sr_idtab_find(&tab, first));
    assert_ptr_equal(sr_idtab_find(&tab, second), &b);
    assert_null(sr_idtab_find(&tab, SR_ID_NONE));
    assert_null(sr_idtab_find(&tab, UINT64_MAX));
    assert_null(sr_idtab_find(&tab, second + 1));
    sr_idtab_done(&tab);
}

static void the_maximum_of_slots_holds(void **state)
{
    static int objects[40];
    sr_id ids[40];
    struct sr_idtab tab;

    (void)state;
    sr_idtab_init(&tab, 39);
    for (int i = 0; i < 39; i++) {
        ids[i] = sr_idtab_add(&tab, &objects[i]);
        assert_true(ids[i] != SR_ID_NONE);
    }
    assert_true(sr_idtab_add(&tab, &objects[39]) == SR_ID_NONE);
    assert_ptr_equal(sr_idtab_remove(&tab, ids[20]), &objects[20]);
    ids[39] = sr_idtab_add(&tab, &objects[39]);
    assert_ptr_equal(sr_idtab_find(&tab, ids[39]), &objects[39]);
    assert_int_equal(tab.count, 39);
    sr_idtab_done(&tab);
}

static void the_walk_may_remove_the_current(void **state)
{
    static int objects[20];
    sr_id ids[20];
    struct sr_idtab tab;
    uint32_t cursor = 0;
    int seen = 0;

    (void)state;
    sr_idtab_init(&tab, 100);
    for (int i = 0; i < 20; i++)
        ids[i] = sr_idtab_add(&tab, &objects[i]);
    for (int *object; (object = sr_idtab_next(&tab, &cursor)) != NULL; seen++)
        assert_ptr_equal(sr_idtab_remove(&tab, ids[object - objects]), object);
    assert_int_equal(seen, 20);
    assert_int_equal(tab.count, 0);
    sr_idtab_done(&tab);
}

int run_idtab_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_old_id_finds_nothing),
        cmocka_unit_test(the_maximum_of_slots_holds),
        cmocka_unit_test(the_walk_may_remove_the_current),
    };

    return cmocka_run_group_tests_name("idtab", tests, NULL, NULL);
}

#include "test_base.h"

#include "base/list.h"

struct item {
    struct sr_node node;
    int number;
};

static int number_of(struct sr_node *node)
{
    return SR_CONTAINER(node, struct item, node)->number;
}

static void items_keep_their_order(void **state)
{
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 0}};
    struct sr_list list;
    int next = 0;

    (void)state;
    sr_list_init(&list);
    assert_null(sr_list_first(&list));
    assert_null(sr_list_pop(&list));
    assert_false(sr_node_is_linked(&items[0].node));
    sr_list_add(&list, &items[0].node);
    sr_list_add(&list, &items[1].node);
    sr_list_add_first(&list, &items[2].node);
    assert_int_equal(list.count, 3);
    assert_true(sr_node_is_linked(&items[0].node));
    SR_LIST_EACH(&list, node)
    assert_int_equal(number_of(node), next++);
    assert_int_equal(next, 3);
    assert_int_equal(number_of(sr_list_pop(&list)), 0);
    assert_int_equal(list.count, 2);
    assert_null(sr_list_next(&list, &items[1].node));
}

static void the_walk_may_remove_its_own_item(void **state)
{
    struct item items[5] = {
        {.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    struct sr_list list;
    int seen = 0;

    (void)state;
    sr_list_init(&list);
    for (size_t i = 0; i < SR_ARRAY_LEN(items); i++)
        sr_list_add(&list, &items[i].node);
    SR_LIST_EACH(&list, node)
    {
        seen++;
        if (number_of(node) % 2 == 0)
            sr_list_remove(&list, node);
    }
    assert_int_equal(seen, 5);
    assert_int_equal(list.count, 2);
    assert_int_equal(number_of(sr_list_first(&list)), 1);
    assert_false(sr_node_is_linked(&items[0].node));
    sr_list_remove(&list, &items[0].node); /* in no list: nothing happens */
    assert_int_equal(list.count, 2);
}

int run_list_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_keep_their_order),
        cmocka_unit_test(the_walk_may_remove_its_own_item),
    };

    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}

#include "test_base.h"

#include <pthread.h>
#include <sched.h>

#include "base/mpsc.h"

enum {
    PRODUCERS = 2,
    ITEMS = 50000
};

struct item {
    struct sr_mpsc_node node;
    int producer;
    int number;
};

struct producer {
    struct sr_mpsc *queue;
    struct item *items;
};

static struct item items[PRODUCERS][ITEMS];

static void nodes_come_out_in_order_and_the_first_push_wakes(void **state)
{
    struct sr_mpsc queue;
    struct sr_mpsc_node nodes[3];

    (void)state;
    sr_mpsc_init(&queue);
    assert_null(sr_mpsc_pop(&queue));
    assert_true(sr_mpsc_push(&queue, &nodes[0]));
    assert_false(sr_mpsc_push(&queue, &nodes[1]));
    assert_ptr_equal(sr_mpsc_pop(&queue), &nodes[0]);
    (void)sr_mpsc_push(&queue, &nodes[2]);
    assert_ptr_equal(sr_mpsc_pop(&queue), &nodes[1]);
    assert_ptr_equal(sr_mpsc_pop(&queue), &nodes[2]);
    assert_null(sr_mpsc_pop(&queue));
    assert_true(sr_mpsc_push(&queue, &nodes[0]));
    assert_ptr_equal(sr_mpsc_pop(&queue), &nodes[0]);
}

static void *produce(void *arg)
{
    struct producer *producer = arg;

    for (int i = 0; i < ITEMS; i++)
        (void)sr_mpsc_push(producer->queue, &producer->items[i].node);
    return NULL;
}

static void two_producers_keep_each_their_order(void **state)
{
    struct sr_mpsc queue;
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    int next[PRODUCERS] = {0};
    int left = PRODUCERS * ITEMS;

    (void)state;
    sr_mpsc_init(&queue);
    for (int p = 0; p < PRODUCERS; p++) {
        for (int i = 0; i < ITEMS; i++)
            items[p][i] = (struct item){.producer = p, .number = i};
        producers[p] = (struct producer){&queue, items[p]};
        assert_int_equal(pthread_create(&threads[p], NULL, produce, &producers[p]), 0);
    }
    while (left > 0) {
        struct sr_mpsc_node *node = sr_mpsc_pop(&queue);
        struct item *item;

        if (node == NULL) {
            sched_yield();
            continue;
        }
        item = SR_CONTAINER(node, struct item, node);
        assert_int_equal(item->number, next[item->producer]);
        next[item->producer]++;
        left--;
    }
    for (int p = 0; p < PRODUCERS; p++)
        assert_int_equal(pthread_join(threads[p], NULL), 0);
    assert_null(sr_mpsc_pop(&queue));
}

int run_mpsc_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_come_out_in_order_and_the_first_push_wakes),
        cmocka_unit_test(two_producers_keep_each_their_order),
    };

    return cmocka_run_group_tests_name("mpsc", tests, NULL, NULL);
}

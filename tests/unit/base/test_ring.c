#include "test_base.h"

#include <pthread.h>
#include <sched.h>

#include "base/ring.h"

enum {
    ITEMS = 200000
};

static void a_full_ring_refuses_and_counts(void **state)
{
    struct sr_ring ring;
    int item;

    (void)state;
    sr_ring_init(&ring, 3, sizeof(int)); /* rounded up to 4 */
    assert_false(sr_ring_pop(&ring, &item));
    for (int i = 0; i < 4; i++)
        assert_true(sr_ring_push(&ring, &i));
    item = 99;
    assert_false(sr_ring_push(&ring, &item));
    assert_int_equal(sr_ring_dropped(&ring), 1);
    assert_int_equal(sr_ring_count(&ring), 4);
    for (int i = 0; i < 4; i++) {
        assert_true(sr_ring_pop(&ring, &item));
        assert_int_equal(item, i);
    }
    assert_false(sr_ring_pop(&ring, &item));
    assert_int_equal(sr_ring_count(&ring), 0);
    sr_ring_done(&ring);
}

struct pair {
    uint64_t number;
    uint64_t check;
};

static void *produce(void *arg)
{
    struct sr_ring *ring = arg;

    for (uint64_t i = 0; i < ITEMS;) {
        struct pair pair = {i, ~i};

        if (sr_ring_push(ring, &pair))
            i++;
        else
            sched_yield();
    }
    return NULL;
}

static void two_threads_lose_and_reorder_nothing(void **state)
{
    struct sr_ring ring;
    pthread_t thread;

    (void)state;
    sr_ring_init(&ring, 64, sizeof(struct pair));
    assert_int_equal(pthread_create(&thread, NULL, produce, &ring), 0);
    for (uint64_t i = 0; i < ITEMS;) {
        struct pair pair;

        if (!sr_ring_pop(&ring, &pair)) {
            sched_yield();
            continue;
        }
        assert_true(pair.number == i && pair.check == ~i);
        i++;
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    sr_ring_done(&ring);
}

int run_ring_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_ring_refuses_and_counts),
        cmocka_unit_test(two_threads_lose_and_reorder_nothing),
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}

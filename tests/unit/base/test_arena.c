#include "test_base.h"

#include "base/alloc.h"
#include "base/arena.h"

static void memory_is_zeroed_aligned_and_freed_at_once(void **state)
{
    struct sr_arena arena;
    uint64_t live = sr_alloc_live();

    (void)state;
    sr_arena_init(&arena, 1 << 20);
    for (size_t i = 1; i < 300; i++) {
        unsigned char *p = sr_arena_alloc(&arena, i);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xff, i);
    }
    assert_true(sr_arena_used(&arena) >= 299 * 300 / 2);
    sr_arena_done(&arena);
    assert_int_equal(sr_alloc_live(), live);
}

static void the_maximum_holds(void **state)
{
    struct sr_arena arena;
    size_t taken = 0;

    (void)state;
    sr_arena_init(&arena, 10000);
    while (sr_arena_alloc(&arena, 100) != NULL)
        taken += 100;
    assert_true(taken >= 8000);
    assert_true(taken <= 10000);
    assert_null(sr_arena_alloc(&arena, SIZE_MAX));
    assert_null(sr_arena_alloc(&arena, SIZE_MAX - 8));
    assert_null(sr_arena_array(&arena, SIZE_MAX / 2, 4));
    sr_arena_done(&arena);
}

static void a_fixed_arena_never_allocates(void **state)
{
    _Alignas(max_align_t) char array[256];
    struct sr_arena arena;
    uint64_t total = sr_alloc_total();

    (void)state;
    memset(array, 0xee, sizeof(array));
    sr_arena_init_fixed(&arena, array, sizeof(array));
    assert_non_null(sr_arena_array(&arena, 10, 10));
    assert_null(sr_arena_alloc(&arena, 200));
    assert_non_null(sr_arena_alloc(&arena, 16));
    sr_arena_done(&arena);
    assert_int_equal(sr_alloc_total(), total);
}

static void an_unaligned_fixed_array_is_used_aligned(void **state)
{
    _Alignas(max_align_t) char array[257];
    struct sr_arena arena;
    char *p;

    (void)state;
    sr_arena_init_fixed(&arena, array + 1, sizeof(array) - 1);
    p = sr_arena_alloc(&arena, 8);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
    assert_true(p >= array + 1 && p + 8 <= array + sizeof(array));
    sr_arena_done(&arena);
}

static void text_is_copied_with_a_nul_behind(void **state)
{
    char array[128];
    struct sr_arena arena;
    struct sr_str copy;

    (void)state;
    sr_arena_init_fixed(&arena, array, sizeof(array));
    copy = sr_arena_str(&arena, sr_str_make("siprouter", 3));
    assert_str(copy, "sip");
    assert_int_equal(copy.p[3], '\0');
    assert_string_equal(sr_arena_cstr(&arena, SR_STR("abc")), "abc");
    assert_str(sr_arena_fmt(&arena, "%d-%s", 42, "x"), "42-x");
    copy = sr_arena_fmt(&arena, "%200d", 1);
    assert_int_equal(copy.n, 0);
    assert_null(copy.p);
    sr_arena_done(&arena);
}

int run_arena_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_freed_at_once),
        cmocka_unit_test(the_maximum_holds),
        cmocka_unit_test(a_fixed_arena_never_allocates),
        cmocka_unit_test(an_unaligned_fixed_array_is_used_aligned),
        cmocka_unit_test(text_is_copied_with_a_nul_behind),
    };

    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}

/** @file test_base.h  The groups of the ground floor's test program; each returns its failures. */
#ifndef SR_TEST_BASE_H
#define SR_TEST_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int run_addr_tests(void);
int run_alloc_tests(void);
int run_arena_tests(void);
int run_base_tests(void);
int run_buf_tests(void);
int run_hash_tests(void);
int run_heap_tests(void);
int run_idtab_tests(void);
int run_json_tests(void);
int run_list_tests(void);
int run_log_tests(void);
int run_map_tests(void);
int run_mpsc_tests(void);
int run_pack_tests(void);
int run_random_tests(void);
int run_ring_tests(void);
int run_str_tests(void);

/* a view of text against a literal */
#define assert_str(view, literal)                                                                  \
    do {                                                                                           \
        struct sr_str view_ = (view);                                                              \
        assert_int_equal(view_.n, sizeof(literal) - 1);                                            \
        if (view_.n > 0)                                                                           \
            assert_memory_equal(view_.p, literal, view_.n);                                        \
    } while (0)

#endif

/** @file tests.h  The groups of this program; each runs its tests and gives the number of failures. */
#ifndef SR_TESTS_UNIT_CONTROL_CONFIG_TESTS_H
#define SR_TESTS_UNIT_CONTROL_CONFIG_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/config_load.h"
#include "control/jsonc.h"

int test_jsonc(void);
int test_jsonc_edit(void);
int test_config_load(void);
int test_config_faults(void);
int test_config_keys(void);
int test_config_diff(void);
int test_config_mask(void);
int test_config_demo(void);
int test_pattern(void);
int test_schedule(void);
int test_routing(void);
int test_guard(void);

/** A configuration that uses every section and has no errors. */
extern const char *const full_config;

/** Loads a text that must be right; prints its faults otherwise. */
struct config *load_right(const char *text);

#define assert_text(view, expected)                                                                \
    do {                                                                                           \
        struct sr_str view_ = (view);                                                              \
        const char *expected_ = (expected);                                                        \
        if (!sr_str_eq_c(view_, expected_))                                                        \
            fail_msg("got:\n%.*s\nexpected:\n%s", SR_STR_ARG(view_), expected_);                   \
    } while (0)

#endif

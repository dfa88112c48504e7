/** @file test_impair.h  The groups of the relay's test program; each returns its failures. */
#ifndef SR_TEST_IMPAIR_H
#define SR_TEST_IMPAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int run_alg_tests(void);
int run_options_tests(void);
int run_relay_tests(void);

#endif

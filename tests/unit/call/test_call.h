#ifndef TEST_CALL_H
#define TEST_CALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int run_overload_tests(void);
int run_reason_tests(void);
int run_engine_json_tests(void);
int run_number_tests(void);
int run_trace_tests(void);
int run_verdict_tests(void);
int run_zone_tests(void);

#endif

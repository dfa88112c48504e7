/**
 * @file test.h  The test files of rtc/; each gives the number of failed tests.
 */
#ifndef SR_TEST_RTC_H
#define SR_TEST_RTC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/** Blocks that OpenSSL took. */
extern uint64_t allocations;

int run_stun(void);
int run_ice(void);
int run_srtp(void);
int run_srtp_oracle(void);

#endif

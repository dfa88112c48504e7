#ifndef SR_TESTS_MEDIA_TESTS_H
#define SR_TESTS_MEDIA_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"

int test_dtmf(void);
int test_jitter(void);
int test_latch(void);
int test_playout(void);
int test_quality(void);
int test_rtcp(void);
int test_rtp(void);

#endif

/**
 * @file test.h  What the tests of this folder share.
 */
#ifndef SR_TEST_SIP_TEST_H
#define SR_TEST_SIP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sip/sip.h"

#define assert_str(view, text)                                                                     \
    do {                                                                                           \
        struct sr_str view_ = (view);                                                              \
        struct sr_str text_ = SR_STR(text);                                                        \
        if (!sr_str_eq(view_, text_))                                                              \
            fail_msg("'%.*s' is not '%s'", SR_STR_ARG(view_), text);                               \
    } while (0)

int run_span(void);
int run_token(void);
int run_uri(void);
int run_header(void);
int run_values(void);
int run_msg(void);
int run_build(void);
int run_edit(void);
int run_frame(void);
int run_torture(void);

#endif

/* Groups of the program test_sip_machines; each gives the number of failed tests. */
#ifndef TEST_SIP_MACHINES_H
#define TEST_SIP_MACHINES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int run_sdp_tests(void);
int run_sdp_oa_tests(void);
int run_digest_tests(void);
int run_txn_tests(void);
int run_dialog_tests(void);
int run_timer_tests(void);
int run_registration_tests(void);

#endif

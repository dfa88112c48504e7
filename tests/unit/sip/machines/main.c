#include "machines.h"

int main(void)
{
    int failed = 0;
    failed += run_sdp_tests();
    failed += run_sdp_oa_tests();
    failed += run_digest_tests();
    failed += run_txn_tests();
    failed += run_dialog_tests();
    failed += run_timer_tests();
    failed += run_registration_tests();
    return failed != 0;
}

#include "rig.h"

#include "base/log.h"

int main(void)
{
    int failed = 0;

    if (sr_log_set(SR_STR("error")) != SR_OK)
        return 1;
    failed += run_register_tests();
    failed += run_auth_tests();
    failed += run_request_tests();
    failed += run_called_tests();
    failed += run_calling_tests();
    failed += run_dialog_tests();
    failed += run_torture_tests();
    failed += run_loss_tests();
    return failed ? 1 : 0;
}

#include "rig.h"

#include "base/log.h"

int main(int argc, char **argv)
{
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        struct sr_str arg = sr_str_c(argv[i]);

        if (!sr_str_starts(arg, SR_STR("--seed=")) ||
            sr_str_u64(sr_str_from(arg, 7), UINT64_MAX, &rig_seed) != SR_OK)
            return 2;
    }
    print_message("seed %llu\n", (unsigned long long)rig_seed);
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
    failed += run_provider_tests();
    failed += run_provider_call_tests();
    return failed ? 1 : 0;
}

#include "base/log.h"
#include "rig.h"

/* An argument names the tests to run ("*transfer*"). */
int main(int argc, char **argv)
{
    int failed = 0;

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);

    if (sr_log_set(SR_STR("error")) != SR_OK)
        return 2;
    failed += run_basic();
    failed += run_ring();
    failed += run_fork();
    failed += run_outside();
    failed += run_offer();
    failed += run_hold();
    failed += run_party();
    failed += run_transfer();
    failed += run_office();
    failed += run_incall();
    failed += run_monitor();
    failed += run_watch();
    failed += run_browser();
    failed += run_race();
    failed += run_limit();
    failed += run_announce();
    failed += run_loss();
    failed += run_srtp();
    failed += run_walk();
    failed += run_days();
    failed += run_provider();
    failed += run_nat();
    failed += run_fax();
    failed += run_passthrough();
    failed += run_redirect();
    failed += run_proxy();
    return failed != 0;
}

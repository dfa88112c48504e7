#include <signal.h>

#include "test_web.h"

#include "base/alloc.h"
#include "base/log.h"

static void nothing_is_left_on_the_heap(void **state)
{
    (void)state;
    assert_int_equal(sr_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest last[] = {cmocka_unit_test(nothing_is_left_on_the_heap)};
    int failed = 0;

    (void)signal(SIGPIPE, SIG_IGN);
    if (sr_log_set(SR_STR("off")) != SR_OK)
        return 1;
    failed += run_http_parse_tests();
    failed += run_pcap_tests();
    failed += run_quality_tests();
    failed += run_table_tests();
    failed += run_cli_table_tests();
    failed += run_http_ws_tests();
    failed += run_api_tests();
    failed += cmocka_run_group_tests_name("heap balance", last, NULL, NULL);
    return failed ? 1 : 0;
}

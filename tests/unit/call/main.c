#include "test_call.h"

int main(void)
{
    int failed = 0;

    failed += run_overload_tests();
    failed += run_reason_tests();
    failed += run_engine_json_tests();
    failed += run_number_tests();
    failed += run_trace_tests();
    failed += run_verdict_tests();
    failed += run_zone_tests();
    return failed ? 1 : 0;
}

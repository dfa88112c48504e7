#include "tests.h"

int main(void)
{
    int failures = 0;
    failures += test_jsonc();
    failures += test_jsonc_edit();
    failures += test_config_load();
    failures += test_config_faults();
    failures += test_config_keys();
    failures += test_config_diff();
    failures += test_config_mask();
    failures += test_config_demo();
    failures += test_pattern();
    failures += test_schedule();
    failures += test_routing();
    failures += test_guard();
    return failures == 0 ? 0 : 1;
}

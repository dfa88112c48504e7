#include "test_impair.h"

int main(void)
{
    int failed = run_options_tests() + run_alg_tests() + run_relay_tests();

    return failed ? 1 : 0;
}

#include "test.h"

int main(void)
{
    int failed = run_span();
    failed += run_token();
    failed += run_uri();
    failed += run_header();
    failed += run_values();
    failed += run_msg();
    failed += run_build();
    failed += run_edit();
    failed += run_frame();
    failed += run_torture();
    return failed != 0;
}

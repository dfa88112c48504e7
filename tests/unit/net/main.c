#include "test.h"

int main(void)
{
    int failed = run_loop();

    failed += run_net_udp();
    failed += run_stream();
    failed += run_tls();
    failed += run_net_sim();
    failed += run_dns();
    failed += run_resolver();
    failed += run_own_addrs();
    return failed != 0;
}

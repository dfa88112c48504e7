#include "test_worker.h"

int main(void)
{
    int failed = test_mshare() + test_play();

    failed += test_pipe();
    failed += test_secure();
    failed += test_srtp_dtls();
    return failed + test_port_threads() ? 1 : 0;
}

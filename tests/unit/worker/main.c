#include "test_worker.h"

int main(void)
{
    int failed = test_mshare();

    return failed + test_port_threads() ? 1 : 0;
}

#include "test_worker.h"

int main(void)
{
    return test_port_threads() ? 1 : 0;
}

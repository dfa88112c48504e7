#include "test.h"

int main(void)
{
    return run_stun() != 0;
}

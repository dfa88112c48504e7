#include "machines.h"
int run_dialog_tests(void)
{
    return 0;
}

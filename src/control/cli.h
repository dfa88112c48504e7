/**
 * @file cli.h  The commands beside `run` and `version`: clients of a running router, and tools.
 *
 * Layer:   control
 * Thread:  the main thread; blocking
 */
#ifndef SR_CONTROL_CLI_H
#define SR_CONTROL_CLI_H

#include "base/base.h"

/** argv[0] is the command. @return 0 ok, 1 the answer is no, 2 wrong usage, 3 not reachable */
int cli_main(int argc, char **argv);

#endif

/**
 * @file test_ports.h  RTP ports of a test program: a thousand of its own, so that several programs may run at
 * the same time, below those the system hands out.
 *
 * A lock on a file of the range keeps it; the system gives it back when the program ends, however it ends.
 */
#ifndef SR_TEST_WORKER_PORTS_H
#define SR_TEST_WORKER_PORTS_H

#include <stdint.h>

/** The first of them. */
uint16_t test_ports(void);

#endif

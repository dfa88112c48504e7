/**
 * @file test_ports.h  RTP ports of a test program: a thousand of its own, so that several programs may run at
 * the same time, below those the system hands out.
 *
 * A lock on a file of the range keeps it; the system gives it back when the program ends, however it ends.
 */
#ifndef SR_TEST_WORKER_PORTS_H
#define SR_TEST_WORKER_PORTS_H

#include <stdint.h>
#include <unistd.h>

/** The first of them. */
uint16_t test_ports(void);

/** A loopback address of this program's own: the same ports on another one are not in the way. */
static inline void test_own_address(uint8_t ip[4])
{
    ip[0] = 127;
    ip[1] = (uint8_t)(getpid() >> 8);
    ip[2] = (uint8_t)getpid();
    ip[3] = 1;
}

#endif

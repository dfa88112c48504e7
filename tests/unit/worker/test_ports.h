/**
 * @file test_ports.h  RTP ports of a test program: a thousand of its own, so that two programs may run at the
 * same time, below those the system hands out.
 */
#ifndef SR_TEST_WORKER_PORTS_H
#define SR_TEST_WORKER_PORTS_H

#include <stdint.h>
#include <unistd.h>

static inline uint16_t test_ports(void)
{
    return (uint16_t)(10000 + getpid() % 10 * 1000);
}

#endif

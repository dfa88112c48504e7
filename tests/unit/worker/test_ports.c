#include "test_ports.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    RANGES = 10
};

static int lock(int range, int how)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/tmp/siprouter-test-ports.%d", range);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0 && flock(fd, how) == 0)
        return fd; /* never closed */
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

uint16_t test_ports(void)
{
    static uint16_t first;
    int own = (int)(getpid() % RANGES);

    for (int i = 0; first == 0 && i < RANGES; i++) {
        int range = (own + i) % RANGES;

        if (lock(range, LOCK_EX | LOCK_NB) >= 0)
            first = (uint16_t)(10000 + range * 1000);
    }
    if (first == 0) { /* all are in use: wait for one */
        (void)lock(own, LOCK_EX);
        first = (uint16_t)(10000 + own * 1000);
    }
    return first;
}

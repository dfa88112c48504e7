#include "net/clock.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static sr_usec read_clock(clockid_t id)
{
    struct timespec ts;

    SR_ASSERT(clock_gettime(id, &ts) == 0);
    return (sr_usec)ts.tv_sec * SR_SEC + ts.tv_nsec / 1000;
}

sr_usec net_clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

sr_usec net_clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

sr_usec net_clock_cpu_of(pthread_t thread)
{
    clockid_t id;

    return pthread_getcpuclockid(thread, &id) == 0 ? read_clock(id) : 0;
}

sr_usec net_clock_stolen(void)
{
    FILE *file = fopen("/proc/stat", "re");
    unsigned long long steal = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal) != 1)
        steal = 0;
    (void)fclose(file);
    return (sr_usec)steal * (SR_SEC / sysconf(_SC_CLK_TCK));
}

const char *net_clock_text(sr_usec wall, char out[NET_CLOCK_TEXT_MAX])
{
    const sr_usec wall_max = INT64_C(253402300799) * SR_SEC; /* 9999-12-31T23:59:59Z */
    sr_usec clamped = SR_MIN(SR_MAX(wall, 0), wall_max);
    time_t sec = (time_t)(clamped / SR_SEC);
    struct tm tm;

    SR_ASSERT(gmtime_r(&sec, &tm) != NULL);
    (void)snprintf(out, NET_CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)(tm.tm_year + 1900) % 10000U, (unsigned)(tm.tm_mon + 1) % 100U,
                   (unsigned)tm.tm_mday % 100U, (unsigned)tm.tm_hour % 100U,
                   (unsigned)tm.tm_min % 100U, (unsigned)tm.tm_sec % 100U,
                   (unsigned)(clamped % SR_SEC / SR_MSEC));
    return out;
}

void net_clock_local(sr_usec wall, struct net_clock_local *ret_local)
{
    time_t seconds = (time_t)(wall / SR_SEC);
    struct tm tm = {0};

    (void)localtime_r(&seconds, &tm);
    *ret_local = (struct net_clock_local){.year = tm.tm_year + 1900,
                                          .month = (uint8_t)(tm.tm_mon + 1),
                                          .day = (uint8_t)tm.tm_mday,
                                          .hour = (uint8_t)tm.tm_hour,
                                          .minute = (uint8_t)tm.tm_min,
                                          .second = (uint8_t)tm.tm_sec,
                                          .weekday = (uint8_t)tm.tm_wday};
}

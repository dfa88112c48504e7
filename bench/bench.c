#include "bench.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void bench_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    if (clock_gettime(clock, &ts) != 0)
        return -1;
    return (int64_t)ts.tv_sec * BENCH_SEC_NS + ts.tv_nsec;
}

int64_t bench_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t bench_real_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int64_t bench_own_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* --- subject ------------------------------------------------------------------------------------- */

static pid_t parent_of(pid_t pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    const char *got = fgets(line, sizeof line, file);
    fclose(file);
    const char *after_name = got ? strrchr(line, ')') : NULL;
    int parent = 0;
    if (!after_name || sscanf(after_name + 1, " %*c %d", &parent) != 1)
        return 0;
    return (pid_t)parent;
}

static bool has_pid(const struct bench_subject *subject, pid_t pid)
{
    for (size_t i = 0; i < subject->count; i++)
        if (subject->pids[i] == pid)
            return true;
    return false;
}

void bench_subject_find(struct bench_subject *ret_subject, pid_t pid)
{
    ret_subject->count = 0;
    if (pid == 0)
        return;
    if (parent_of(pid) == 0)
        bench_die("no process %d to measure", (int)pid);
    ret_subject->pids[ret_subject->count++] = pid;
    /* children have higher numbers mostly, not always: go round until nothing is added */
    for (size_t before = 0; before != ret_subject->count;) {
        before = ret_subject->count;
        DIR *dir = opendir("/proc");
        if (!dir)
            bench_die("/proc: %s", strerror(errno));
        for (struct dirent *entry; (entry = readdir(dir));) {
            pid_t found = (pid_t)strtol(entry->d_name, NULL, 10);
            if (found > 0 && ret_subject->count < BENCH_PIDS_MAX && !has_pid(ret_subject, found) &&
                has_pid(ret_subject, parent_of(found)))
                ret_subject->pids[ret_subject->count++] = found;
        }
        closedir(dir);
    }
}

int64_t bench_subject_cpu_ns(const struct bench_subject *subject)
{
    int64_t total = 0;
    for (size_t i = 0; i < subject->count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(subject->pids[i], &clock) != 0)
            bench_die("process %d is gone", (int)subject->pids[i]);
        int64_t ns = clock_ns(clock);
        if (ns < 0)
            bench_die("process %d is gone", (int)subject->pids[i]);
        total += ns;
    }
    return total;
}

int64_t bench_subject_rss_bytes(const struct bench_subject *subject)
{
    int64_t total = 0;
    for (size_t i = 0; i < subject->count; i++) {
        char path[64];
        long pages = 0;
        snprintf(path, sizeof path, "/proc/%d/statm", (int)subject->pids[i]);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        if (fscanf(file, "%*d %ld", &pages) == 1)
            total += (int64_t)pages * sysconf(_SC_PAGESIZE);
        fclose(file);
    }
    return total;
}

/* --- options and sockets --------------------------------------------------------------------------- */

const char *bench_option(int argc, char **argv, const char *name, const char *fallback)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, name) == 0)
            return argv[i + 1];
    return fallback;
}

double bench_option_number(int argc, char **argv, const char *name, double fallback)
{
    const char *text = bench_option(argc, argv, name, NULL);
    if (!text)
        return fallback;
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text)
        bench_die("--%s wants a number, not '%s'", name, text);
    return value;
}

struct sockaddr_in bench_address(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char ip[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof ip)
        bench_die("'%s' is not address:port", text);
    memcpy(ip, text, (size_t)(colon - text));
    ip[colon - text] = 0;
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, ip, &address.sin_addr) != 1)
        bench_die("'%s' is not an IPv4 address", ip);
    return address;
}

int bench_udp_socket(const char *ip, uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof address;
    int bytes = 8 << 20;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, ip, &address.sin_addr) != 1 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        bench_die("socket %s:%u: %s", ip, port, strerror(errno));
    /* FORCE needs rights and passes the system's maximum; the other is the fallback */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    if (ret_port)
        *ret_port = ntohs(address.sin_port);
    return fd;
}

void bench_exact_timers(void)
{
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

/* --- delays ---------------------------------------------------------------------------------------- */

void bench_delays_add(struct bench_delays *delays, int64_t ns)
{
    int64_t us = ns / 1000;
    if (us < 0)
        us = 0;
    if (us > BENCH_DELAYS_US_MAX)
        us = BENCH_DELAYS_US_MAX;
    delays->counts[us]++;
    delays->total++;
}

double bench_delays_us(const struct bench_delays *delays, double part)
{
    uint64_t wanted = (uint64_t)((double)delays->total * part), seen = 0;
    if (delays->total == 0)
        return 0;
    for (int us = 0; us < BENCH_DELAYS_US_MAX; us++) {
        seen += delays->counts[us];
        if (seen > wanted)
            return us;
    }
    return BENCH_DELAYS_US_MAX;
}

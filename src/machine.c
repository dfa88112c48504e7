#include "machine.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "net/net.h"

enum {
    FILES_BESIDE = 1024, /* signalling, pages, the store */
    FILES_PER_PAIR = 2,
    LEGS_PER_CALL = 2,
    RESERVE_BYTES = 512 * 1024,
};

static uint32_t pair_count(const struct config *config)
{
    const struct config_port_range *range = &config->proxy.rtp_ports;

    return (range->max - range->min + 1) / 2;
}

static unsigned check_files(const struct config *config)
{
    rlim_t wanted = (rlim_t)pair_count(config) * FILES_PER_PAIR + FILES_BESIDE;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= wanted)
        return 0;
    sr_log(CORE, WARN,
           "event=few_files limit=%llu wanted=%llu why=\"every call takes four files and "
           "rtpPortRange allows more calls than the system allows files: raise LimitNOFILE\"",
           (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
    return 1;
}

/* A house where every phone talks at once is the worst that can happen. */
static unsigned check_ports(const struct config *config)
{
    uint32_t calls = pair_count(config) / LEGS_PER_CALL;

    if (config->device_count == 0 || calls * LEGS_PER_CALL >= config->device_count)
        return 0;
    sr_log(CORE, WARN,
           "event=few_ports calls=%u devices=%u why=\"rtpPortRange is too small for all devices "
           "to talk at once: a call takes four ports\"",
           calls, config->device_count);
    return 1;
}

/* Ports the system hands to any program that asks for one. */
static unsigned check_shared_ports(const struct config *config)
{
    const struct config_port_range *range = &config->proxy.rtp_ports;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    unsigned low, high;
    char line[64];
    bool is_read = file != NULL && fgets(line, sizeof(line), file) != NULL &&
                   sscanf(line, "%u %u", &low, &high) == 2;

    if (file != NULL)
        (void)fclose(file);
    if (!is_read || range->max < low || range->min > high)
        return 0;
    sr_log(CORE, WARN,
           "event=shared_ports range=%u-%u system=%u-%u why=\"other programs may be given ports "
           "of rtpPortRange: choose one outside net.ipv4.ip_local_port_range\"",
           range->min, range->max, low, high);
    return 1;
}

static unsigned check_buffers(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int wanted = NET_UDP_BUFFER_BYTES, got = 0;
    socklen_t n = sizeof(got);
    bool is_known;

    if (fd < 0)
        return 0;
    is_known = setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted)) == 0 &&
               getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &n) == 0;
    (void)close(fd);
    if (!is_known || got / 2 >= wanted) /* the kernel doubles what it was asked for */
        return 0;
    sr_log(CORE, WARN,
           "event=small_buffers bytes=%d wanted=%d why=\"bursts of SIP and of browsers' audio may "
           "be dropped by "
           "the kernel: raise net.core.rmem_max\"",
           got / 2, wanted);
    return 1;
}

static unsigned check_threads(const struct config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (cores < 1 || config->server.media_threads <= (uint32_t)cores)
        return 0;
    sr_log(CORE, WARN,
           "event=many_threads mediaThreads=%u cores=%ld why=\"more media threads than cores make "
           "each of them late: 0 takes one per core\"",
           config->server.media_threads, cores);
    return 1;
}

/* ---- the reserve ---- */

static const char *reserve_file(const char *data_path, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s/run/reserve", data_path);
    return out;
}

/* Bytes that may still be written there; UINT64_MAX: not known. */
static uint64_t room_of(const char *data_path)
{
    struct statvfs disk;

    return statvfs(data_path, &disk) == 0 ? (uint64_t)disk.f_bavail * disk.f_frsize : UINT64_MAX;
}

void machine_use_reserve(const char *data_path)
{
    uint64_t room = room_of(data_path);
    char path[PATH_MAX];
    bool is_given;

    if (room >= RESERVE_BYTES)
        return;
    is_given = unlink(reserve_file(data_path, path)) == 0;
    sr_log(STORE, ERROR,
           "event=disk_full folder=%s left_kb=%llu why=\"%s\" hint=\"make room on this disk\"",
           data_path, (unsigned long long)(room / 1024),
           is_given ? "the router starts with its reserve (run/reserve)" : "no reserve is left");
}

void machine_keep_reserve(const char *data_path)
{
    char path[PATH_MAX];
    int fd;

    if (room_of(data_path) < 4 * (uint64_t)RESERVE_BYTES)
        return;
    fd = open(reserve_file(data_path, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* it is there */
    if (posix_fallocate(fd, 0, RESERVE_BYTES) != 0)
        (void)unlink(path);
    (void)close(fd);
}

unsigned machine_check(const struct config *config)
{
    return check_files(config) + check_ports(config) + check_shared_ports(config) +
           check_buffers() + check_threads(config);
}

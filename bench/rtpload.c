/*
 * G.711 both ways through a relay, 50 packets a second each way and call, and one line of JSON: CPU of
 * the relay for each packet, loss, delay. The calls are set up with SIP, with rtpengine's ng
 * protocol, or not at all (relay_floor). Arrival times are the kernel's.
 */
#include "ng.h"
#include "sipload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
    CALLS_MAX = 4000,
    PTIME_MS = 20,
    SAMPLES = 160,
    HEADER = 12,
    PACKET = HEADER + SAMPLES,
    EVENTS = 256,
    SENDS_AT_ONCE = 16,
};

static const char magic[8] = "rtpbench";

/** Payload: magic, phase, time of sending. */
enum {
    AT_MAGIC = HEADER,
    AT_PHASE = AT_MAGIC + 8,
    AT_TIME = AT_PHASE + 8
};

enum phase {
    PHASE_WARM,
    PHASE_MEASURE,
    PHASE_DRAIN
};

struct flow {
    int fd, rtcp_fd;
    uint16_t port;
    bool has_remote;
    uint16_t sequence;
    uint32_t timestamp;
    int64_t due_ns;
};

struct load {
    struct flow *flows; /* callers, then callees */
    unsigned calls;
    int epoll;
    enum phase phase;
    uint64_t sent, received, altered, remotes;
    int64_t late_ns_max;
    int64_t tick_ns; /* packets leave together once a tick; 1: each at a time of its own */
};

static struct bench_delays delays;

/* --- setting up ---------------------------------------------------------------------------------------- */

static void open_flows(struct load *load, uint16_t base)
{
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < load->calls * 2; i++) {
        struct flow *flow = &load->flows[i];
        int on = 1, small = 4096;
        flow->fd = bench_udp_socket("127.0.0.1", (uint16_t)(base + i * 2), &flow->port);
        /* RTCP may come: nobody reads it, but it must not meet a closed port */
        flow->rtcp_fd = bench_udp_socket("127.0.0.1", (uint16_t)(base + i * 2 + 1), NULL);
        setsockopt(flow->rtcp_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        if (setsockopt(flow->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
            epoll_ctl(load->epoll, EPOLL_CTL_ADD, flow->fd, &event) != 0)
            bench_die("flow: %s", strerror(errno));
    }
}

static void set_remote(struct load *load, unsigned index, uint32_t ip4, uint16_t port)
{
    struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct flow *flow = &load->flows[index];
    remote.sin_addr.s_addr = ip4;
    if (flow->has_remote)
        return; /* a retransmitted answer */
    if (connect(flow->fd, (struct sockaddr *)&remote, sizeof remote) != 0)
        bench_die("connect to port %u: %s", port, strerror(errno));
    flow->has_remote = true;
    load->remotes++;
}

static unsigned flow_of(const struct load *load, enum sipload_side side, unsigned n)
{
    if (n >= load->calls)
        bench_die("more calls came than were made");
    return side == SIPLOAD_CALLER ? n : load->calls + n;
}

static uint16_t media_port(void *arg, enum sipload_side side, unsigned n)
{
    struct load *load = arg;
    return load->flows[flow_of(load, side, n)].port;
}

static void on_media(void *arg, enum sipload_side side, unsigned n, const struct mini_media *media)
{
    struct load *load = arg;
    set_remote(load, flow_of(load, side, n), media->ip4, media->port);
}

static struct sipload *start_sip(struct load *load, int argc, char **argv)
{
    struct sipload_options options = {
        .target = bench_address(bench_option(argc, argv, "target", "127.0.0.1:5060")),
        .domain = bench_option(argc, argv, "domain", "siprouter"),
        .first_number = (unsigned)bench_option_number(argc, argv, "first", 10000),
        .caller_count = 100,
        .callee_count = 100,
        .caller_port = (uint16_t)bench_option_number(argc, argv, "port", 15992),
        .callee_port = (uint16_t)(bench_option_number(argc, argv, "port", 15992) + 1),
        .is_held = true,
        .media_port = media_port,
        .on_media = on_media,
        .arg = load,
    };
    struct sipload_stats stats;
    struct sipload *sip = sipload_new(&options);
    sipload_register(sip, 20);
    int64_t end = bench_now_ns() + 60 * BENCH_SEC_NS;
    do {
        sipload_stats(sip, &stats);
        if (stats.offered < load->calls && stats.offered - stats.established < 8)
            sipload_call(sip);
        else
            sipload_poll(sip, BENCH_MS_NS);
        if (stats.failed + stats.refused + stats.timed_out > 0)
            bench_die("a call was not set up: status %u", stats.last_status);
        if (bench_now_ns() > end)
            bench_die("%lu of %u calls were set up", stats.established, load->calls);
    } while (stats.established < load->calls || load->remotes < load->calls * 2);
    return sip;
}

static void start_ng(struct load *load, int argc, char **argv)
{
    int fd = ng_open(bench_address(bench_option(argc, argv, "target", "127.0.0.1:2223")));
    struct mini_media media;
    for (unsigned i = 0; i < load->calls; i++) {
        struct ng_side side = {"PCMA", 8, load->flows[i].port};
        ng_offer(fd, i, &side, NULL, &media);
        set_remote(load, load->calls + i, media.ip4, media.port);
        side.port = load->flows[load->calls + i].port;
        ng_answer(fd, i, &side, "PCMA", &media);
        set_remote(load, i, media.ip4, media.port);
    }
}

static void start_floor(struct load *load, uint16_t floor_base)
{
    for (unsigned i = 0; i < load->calls; i++) {
        set_remote(load, i, htonl(INADDR_LOOPBACK), (uint16_t)(floor_base + i * 4));
        set_remote(load, load->calls + i, htonl(INADDR_LOOPBACK),
                   (uint16_t)(floor_base + i * 4 + 2));
    }
}

/* --- media -------------------------------------------------------------------------------------------- */

static void send_packet(struct load *load, unsigned index)
{
    static unsigned char packet[PACKET];
    struct flow *flow = &load->flows[index];
    uint32_t ssrc = 0x5eed0000u + index;
    if (packet[0] == 0)
        memset(packet + HEADER, 0xd5, SAMPLES);
    packet[0] = 0x80;
    packet[1] = 8;
    packet[2] = (unsigned char)(flow->sequence >> 8);
    packet[3] = (unsigned char)flow->sequence;
    uint32_t timestamp = htonl(flow->timestamp);
    ssrc = htonl(ssrc);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    memcpy(packet + AT_MAGIC, magic, sizeof magic);
    packet[AT_PHASE] = (unsigned char)load->phase;
    int64_t now = bench_real_ns();
    memcpy(packet + AT_TIME, &now, sizeof now);
    flow->sequence++;
    flow->timestamp += SAMPLES;
    (void)!send(flow->fd, packet, sizeof packet, 0); /* what is lost is counted at the other side */
    if (load->phase == PHASE_MEASURE)
        load->sent++;
}

static void receive_flow(struct load *load, struct flow *flow)
{
    unsigned char packet[2048];
    for (;;) {
        char control[128];
        struct iovec part = {packet, sizeof packet};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t n = recvmsg(flow->fd, &message, MSG_DONTWAIT);
        if (n < 0)
            return;
        if (n != PACKET || memcmp(packet + AT_MAGIC, magic, sizeof magic) != 0) {
            load->altered++;
            continue;
        }
        if (packet[AT_PHASE] != PHASE_MEASURE)
            continue;
        load->received++;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec at;
            int64_t sent;
            memcpy(&at, CMSG_DATA(header), sizeof at);
            memcpy(&sent, packet + AT_TIME, sizeof sent);
            bench_delays_add(&delays, at.tv_sec * BENCH_SEC_NS + at.tv_nsec - sent);
        }
    }
}

/** Runs one phase: sends what is due, takes what comes. */
static void run_phase(struct load *load, struct sipload *sip, double seconds)
{
    static unsigned next;
    unsigned count = load->calls * 2;
    int64_t now = bench_now_ns(), end = now + (int64_t)(seconds * 1e9), sip_at = now;
    if (load->flows[0].due_ns == 0)
        for (unsigned i = 0; i < count; i++)
            load->flows[i].due_ns =
                now + (int64_t)i * PTIME_MS * BENCH_MS_NS / count / load->tick_ns * load->tick_ns;
    while ((now = bench_now_ns()) < end) {
        bool is_sending = load->phase != PHASE_DRAIN;
        for (int i = 0; is_sending && i < SENDS_AT_ONCE && load->flows[next].due_ns <= now; i++) {
            if (load->phase == PHASE_MEASURE && now - load->flows[next].due_ns > load->late_ns_max)
                load->late_ns_max = now - load->flows[next].due_ns;
            send_packet(load, next);
            load->flows[next].due_ns += PTIME_MS * BENCH_MS_NS;
            next = (next + 1) % count;
        }
        int64_t wait = (is_sending ? load->flows[next].due_ns : end) - bench_now_ns();
        if (wait < 0)
            wait = 0;
        struct timespec ts = {wait / BENCH_SEC_NS, wait % BENCH_SEC_NS};
        struct epoll_event events[EVENTS];
        int got = epoll_pwait2(load->epoll, events, EVENTS, &ts, NULL);
        for (int i = 0; i < got; i++)
            receive_flow(load, &load->flows[events[i].data.u32]);
        if (sip && now - sip_at > 100 * BENCH_MS_NS) {
            sipload_poll(sip, 0);
            sip_at = now;
        }
    }
}

static void end_sip(struct sipload *sip)
{
    struct sipload_stats stats;
    int64_t end = bench_now_ns() + 10 * BENCH_SEC_NS;
    sipload_hangup_all(sip);
    do {
        sipload_poll(sip, 10 * BENCH_MS_NS);
        sipload_stats(sip, &stats);
    } while (stats.open > 0 && bench_now_ns() < end);
}

int main(int argc, char **argv)
{
    struct load load = {.calls = (unsigned)bench_option_number(argc, argv, "calls", 100)};
    const char *mode = bench_option(argc, argv, "mode", "floor");
    double seconds = bench_option_number(argc, argv, "seconds", 5);
    struct sipload *sip = NULL;
    struct bench_subject subject;
    struct rlimit limit;
    load.tick_ns = (int64_t)bench_option_number(argc, argv, "tick-us", 0) * 1000;
    if (load.tick_ns < 1)
        load.tick_ns = 1;
    if (load.calls < 1 || load.calls > CALLS_MAX)
        bench_die("calls 1..%d", CALLS_MAX);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    load.flows = calloc((size_t)load.calls * 2, sizeof *load.flows);
    if (!load.flows)
        bench_die("no memory");
    bench_exact_timers();
    bench_subject_find(&subject, (pid_t)bench_option_number(argc, argv, "pid", 0));
    int64_t rss = bench_subject_rss_bytes(&subject);
    open_flows(&load, (uint16_t)bench_option_number(argc, argv, "base", 10000));
    if (strcmp(mode, "sip") == 0)
        sip = start_sip(&load, argc, argv);
    else if (strcmp(mode, "ng") == 0)
        start_ng(&load, argc, argv);
    else if (strcmp(mode, "floor") == 0)
        start_floor(&load, (uint16_t)bench_option_number(argc, argv, "floor-base", 20000));
    else
        bench_die("--mode sip|ng|floor");
    run_phase(&load, sip, bench_option_number(argc, argv, "warm", 1));
    load.phase = PHASE_MEASURE;
    int64_t cpu = bench_subject_cpu_ns(&subject), begin = bench_now_ns(), own = bench_own_cpu_ns();
    run_phase(&load, sip, seconds);
    cpu = bench_subject_cpu_ns(&subject) - cpu;
    own = bench_own_cpu_ns() - own;
    double wall = (double)(bench_now_ns() - begin) * 1e-9;
    rss = bench_subject_rss_bytes(&subject) - rss;
    load.phase = PHASE_DRAIN;
    run_phase(&load, sip, 0.5);
    printf("{\"mode\":\"%s\",\"calls\":%u,\"sent\":%lu,\"received\":%lu,\"altered\":%lu,"
           "\"loss_part\":%.6f,\"cpu_us_packet\":%.3f,\"cpu_share\":%.3f,\"median_us\":%.0f,"
           "\"p99_us\":%.0f,\"generator_share\":%.3f,\"late_ms_max\":%.1f,"
           "\"bytes_per_call\":%.0f}\n",
           mode, load.calls, load.sent, load.received, load.altered,
           load.sent ? 1.0 - (double)load.received / (double)load.sent : 0.0,
           (double)cpu / 1e3 / (load.sent ? (double)load.sent : 1.0), (double)cpu / 1e9 / wall,
           bench_delays_us(&delays, 0.5), bench_delays_us(&delays, 0.99), (double)own / 1e9 / wall,
           (double)load.late_ns_max / 1e6, (double)rss / load.calls);
    if (sip)
        end_sip(sip);
    return 0;
}

/*
 * Speech through a subject that has to decode and encode it, 50 frames a second and leg, and one line
 * of JSON: CPU of the subject for each leg or call, what every leg was sent and heard. Calls between two codecs
 * are set up with SIP or with rtpengine's ng protocol; rooms by calling a conference's number, or
 * they are there already (--ports: where each leg sends).
 */
#include "ng.h"
#include "sipload.h"
#include "voice.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
    FLOWS_MAX = 2000,
    HEADER = 12,
    EVENTS = 256,
    SENDS_AT_ONCE = 16,
    KEPT = 150, /* three seconds of each leg are listened to */
    HEARD_DBFS = -50,
};

enum phase {
    PHASE_WARM,
    PHASE_MEASURE,
    PHASE_DRAIN
};

struct flow {
    int fd;
    uint16_t port;
    bool has_remote, is_talking;
    const struct voice *voice;
    const char *codec;
    uint8_t tx_type, rx_type;
    uint16_t sequence, rx_first, rx_last;
    uint32_t timestamp;
    unsigned at; /* frame */
    int64_t due_ns;
    uint64_t received;
    unsigned kept;
    struct voice_frame *heard;
};

struct load {
    struct flow *flows; /* with two sides callers, then callees */
    unsigned count, calls;
    int epoll;
    enum phase phase;
    uint64_t sent, remotes, foreign;
    int64_t late_ns_max;
};

/* --- setting up ---------------------------------------------------------------------------------------- */

static void open_flow(struct load *load, unsigned i, uint16_t base)
{
    struct flow *flow = &load->flows[i];
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    int rtcp, small = 4096;
    flow->heard = calloc(KEPT, sizeof *flow->heard);
    flow->fd = bench_udp_socket("127.0.0.1", (uint16_t)(base + i * 2), &flow->port);
    /* RTCP may come: nobody reads it, but it must not meet a closed port */
    rtcp = bench_udp_socket("127.0.0.1", (uint16_t)(base + i * 2 + 1), NULL);
    setsockopt(rtcp, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    flow->tx_type = flow->rx_type = mini_payload_type(flow->codec);
    flow->at = i * 37 % VOICE_FRAMES;
    if (!flow->heard || epoll_ctl(load->epoll, EPOLL_CTL_ADD, flow->fd, &event) != 0)
        bench_die("flow: %s", strerror(errno));
}

static void open_flows(struct load *load, int argc, char **argv)
{
    const char *codecs[2] = {bench_option(argc, argv, "codec", "PCMA"),
                             bench_option(argc, argv, "callee-codec", "opus")};
    uint16_t base = (uint16_t)bench_option_number(argc, argv, "base", 10000);
    unsigned room = (unsigned)bench_option_number(argc, argv, "room", 1);
    unsigned talkers = (unsigned)bench_option_number(argc, argv, "talkers", 1);
    bool is_dtx = bench_option_number(argc, argv, "dtx", 1) > 0;
    const struct voice *voices[2] = {voice_new(codecs[0], is_dtx), voice_new(codecs[1], is_dtx)};
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->flows = calloc(load->count, sizeof *load->flows);
    if (!load->flows || room < 1)
        bench_die("no memory, or no room");
    for (unsigned i = 0; i < load->count; i++) {
        load->flows[i].voice = voices[i >= load->calls];
        load->flows[i].codec = codecs[i >= load->calls];
        load->flows[i].is_talking = i % room < talkers;
        open_flow(load, i, base);
    }
}

static void set_remote(struct load *load, unsigned index, const struct mini_media *media)
{
    struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons(media->port)};
    struct flow *flow = &load->flows[index];
    if (flow->has_remote)
        return; /* a retransmitted answer */
    remote.sin_addr.s_addr = media->ip4;
    if (connect(flow->fd, (struct sockaddr *)&remote, sizeof remote) != 0)
        bench_die("connect to port %u: %s", media->port, strerror(errno));
    flow->tx_type = media->payload_type;
    flow->has_remote = true;
    load->remotes++;
}

static unsigned flow_of(const struct load *load, enum sipload_side side, unsigned n)
{
    unsigned index = side == SIPLOAD_CALLER ? n : load->calls + n;
    if (n >= load->calls || index >= load->count)
        bench_die("more calls came than were made");
    return index;
}

static uint16_t media_port(void *arg, enum sipload_side side, unsigned n)
{
    struct load *load = arg;
    return load->flows[flow_of(load, side, n)].port;
}

static void on_media(void *arg, enum sipload_side side, unsigned n, const struct mini_media *media)
{
    struct load *load = arg;
    unsigned index = flow_of(load, side, n);
    if (side == SIPLOAD_CALLEE)
        load->flows[index].rx_type = media->payload_type; /* our answer repeats it */
    set_remote(load, index, media);
}

static struct sipload *start_sip(struct load *load, int argc, char **argv)
{
    uint16_t port = (uint16_t)bench_option_number(argc, argv, "port", 15992);
    struct sipload_options options = {
        .target = bench_address(bench_option(argc, argv, "target", "127.0.0.1:5060")),
        .domain = bench_option(argc, argv, "domain", "siprouter"),
        .first_number = (unsigned)bench_option_number(argc, argv, "first", 10000),
        .caller_count = 100,
        .callee_count = load->count > load->calls ? 100 : 0,
        .caller_port = port,
        .callee_port = (uint16_t)(port + 1),
        .is_held = true,
        .codecs = {load->flows[0].codec, load->flows[load->count - 1].codec},
        .dial_first = (unsigned)bench_option_number(argc, argv, "dial", 0),
        .dial_each = (unsigned)bench_option_number(argc, argv, "room", 1),
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
    } while (stats.established < load->calls || load->remotes < load->count);
    return sip;
}

static void start_ng(struct load *load, int argc, char **argv)
{
    int fd = ng_open(bench_address(bench_option(argc, argv, "target", "127.0.0.1:2223")));
    struct mini_media media;
    for (unsigned i = 0; i < load->calls; i++) {
        struct flow *caller = &load->flows[i], *callee = &load->flows[load->calls + i];
        struct ng_side side = {caller->codec, caller->rx_type, caller->port};
        ng_offer(fd, i, &side, callee->codec, &media);
        set_remote(load, load->calls + i, &media);
        callee->rx_type = media.payload_type;
        side = (struct ng_side){callee->codec, callee->rx_type, callee->port};
        ng_answer(fd, i, &side, caller->codec, &media);
        set_remote(load, i, &media);
    }
}

static void start_ports(struct load *load, int argc, char **argv)
{
    const char *list = bench_option(argc, argv, "ports", "");
    for (unsigned i = 0; i < load->count; i++) {
        char *end;
        struct mini_media media = {htonl(INADDR_LOOPBACK), (uint16_t)strtoul(list, &end, 10),
                                   load->flows[i].tx_type};
        if (end == list)
            bench_die("--ports names %u of %u", i, load->count);
        set_remote(load, i, &media);
        list = end + (*end == ',');
    }
}

/* --- media -------------------------------------------------------------------------------------------- */

static void send_packet(struct load *load, unsigned index)
{
    unsigned char packet[HEADER + VOICE_BYTES_MAX];
    struct flow *flow = &load->flows[index];
    const struct voice *voice = flow->voice;
    const struct voice_frame *frame =
        flow->is_talking ? &voice->speech[flow->at] : &voice->silence[flow->at];
    uint32_t timestamp = htonl(flow->timestamp), ssrc = htonl(0x5eed0000u + index);
    flow->at = (flow->at + 1) % VOICE_FRAMES;
    flow->timestamp += voice->frame_units;
    /* the first ones are needed to be known at all */
    if (frame->n == 0 && flow->sequence >= 10)
        return;
    if (frame->n == 0)
        frame = &voice->silence[0];
    packet[0] = 0x80;
    packet[1] = flow->tx_type;
    packet[2] = (unsigned char)(flow->sequence >> 8);
    packet[3] = (unsigned char)flow->sequence;
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    memcpy(packet + HEADER, frame->bytes, frame->n);
    flow->sequence++;
    (void)!send(flow->fd, packet, HEADER + (size_t)frame->n, 0);
    if (load->phase == PHASE_MEASURE)
        load->sent++;
}

static void receive_flow(struct load *load, struct flow *flow)
{
    unsigned char packet[2048];
    ssize_t n;
    while ((n = recv(flow->fd, packet, sizeof packet, MSG_DONTWAIT)) >= 0) {
        if (n <= HEADER || packet[0] != 0x80 || (packet[1] & 0x7f) != flow->rx_type) {
            load->foreign++;
            continue;
        }
        if (load->phase != PHASE_MEASURE)
            continue;
        flow->rx_last = (uint16_t)(packet[2] << 8 | packet[3]);
        if (flow->received++ == 0)
            flow->rx_first = flow->rx_last;
        size_t bytes = (size_t)n - HEADER;
        if (flow->kept < KEPT && bytes <= VOICE_BYTES_MAX) {
            struct voice_frame *kept = &flow->heard[flow->kept++];
            memcpy(kept->bytes, packet + HEADER, bytes);
            kept->n = (uint16_t)bytes;
        }
    }
}

/** Runs one phase: sends what is due, takes what comes. The legs are spread evenly over a frame. */
static void run_phase(struct load *load, struct sipload *sip, double seconds)
{
    static unsigned next;
    const int64_t frame_ns = VOICE_PTIME_MS * BENCH_MS_NS;
    int64_t now = bench_now_ns(), end = now + (int64_t)(seconds * 1e9), sip_at = now;
    if (load->flows[0].due_ns == 0)
        for (unsigned i = 0; i < load->count; i++)
            load->flows[i].due_ns = now + (int64_t)i * frame_ns / load->count;
    while ((now = bench_now_ns()) < end) {
        for (int i = 0; i < SENDS_AT_ONCE && load->flows[next].due_ns <= now; i++) {
            if (load->phase == PHASE_MEASURE && now - load->flows[next].due_ns > load->late_ns_max)
                load->late_ns_max = now - load->flows[next].due_ns;
            send_packet(load, next);
            load->flows[next].due_ns += frame_ns;
            next = (next + 1) % load->count;
        }
        int64_t wait = load->flows[next].due_ns - bench_now_ns();
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

/* --- what was heard ------------------------------------------------------------------------------------ */

struct outcome {
    uint64_t received, lost;
    unsigned hearing;     /* legs that got speech */
    double least_part;    /* packets of the leg that got fewest, as part of one each frame */
    double quietest_dbfs; /* of those legs */
};

static struct outcome judge(const struct load *load, double wall)
{
    struct outcome outcome = {.least_part = 1e9, .quietest_dbfs = 0};
    for (unsigned i = 0; i < load->count; i++) {
        const struct flow *flow = &load->flows[i];
        struct voice_ear *ear = voice_ear_new(flow->codec);
        for (unsigned k = 0; k < flow->kept; k++)
            voice_ear_take(ear, flow->heard[k].bytes, flow->heard[k].n);
        double dbfs = voice_ear_dbfs(ear),
               part = (double)flow->received * VOICE_PTIME_MS / 1e3 / wall;
        uint64_t due =
            flow->received ? (uint64_t)(uint16_t)(flow->rx_last - flow->rx_first) + 1 : 0;
        voice_ear_free(ear);
        outcome.received += flow->received;
        outcome.lost += due > flow->received ? due - flow->received : 0;
        outcome.hearing += dbfs > HEARD_DBFS;
        if (part < outcome.least_part)
            outcome.least_part = part;
        if (dbfs < outcome.quietest_dbfs)
            outcome.quietest_dbfs = dbfs;
    }
    return outcome;
}

int main(int argc, char **argv)
{
    const char *mode = bench_option(argc, argv, "mode", "sip");
    double seconds = bench_option_number(argc, argv, "seconds", 5);
    bool is_room = strcmp(mode, "room") == 0 || strcmp(mode, "ports") == 0;
    struct load load = {.calls = (unsigned)bench_option_number(argc, argv, "calls", 20)};
    struct sipload *sip = NULL;
    struct bench_subject subject;
    struct rlimit limit;
    load.count = is_room ? load.calls : load.calls * 2;
    if (load.calls < 1 || load.count > FLOWS_MAX)
        bench_die("1..%d legs", FLOWS_MAX);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    bench_exact_timers();
    open_flows(&load, argc, argv);
    if (strcmp(mode, "sip") == 0 || strcmp(mode, "room") == 0)
        sip = start_sip(&load, argc, argv);
    else if (strcmp(mode, "ng") == 0)
        start_ng(&load, argc, argv);
    else if (strcmp(mode, "ports") == 0)
        start_ports(&load, argc, argv);
    else
        bench_die("--mode sip|ng|room|ports");
    bench_subject_find(&subject, (pid_t)bench_option_number(argc, argv, "pid", 0));
    run_phase(&load, sip, bench_option_number(argc, argv, "warm", 2));
    load.phase = PHASE_MEASURE;
    int64_t cpu = bench_subject_cpu_ns(&subject), begin = bench_now_ns(), own = bench_own_cpu_ns();
    run_phase(&load, sip, seconds);
    cpu = bench_subject_cpu_ns(&subject) - cpu;
    own = bench_own_cpu_ns() - own;
    double wall = (double)(bench_now_ns() - begin) * 1e-9;
    load.phase = PHASE_DRAIN;
    run_phase(&load, sip, 0.1);
    struct outcome outcome = judge(&load, wall);
    double share = (double)cpu / 1e9 / wall;
    printf("{\"mode\":\"%s\",\"calls\":%u,\"legs\":%u,\"sent\":%lu,\"received\":%lu,"
           "\"loss_part\":%.6f,\"hearing\":%u,\"least_part\":%.4f,\"quietest_dbfs\":%.1f,"
           "\"foreign\":%lu,\"cpu_share\":%.3f,\"cpu_us_frame\":%.2f,\"per_core\":%.1f,"
           "\"generator_share\":%.3f,\"late_ms_max\":%.1f}\n",
           mode, load.calls, load.count, load.sent, outcome.received,
           outcome.received ? (double)outcome.lost / (double)(outcome.received + outcome.lost)
                            : 1.0,
           outcome.hearing, outcome.least_part, outcome.quietest_dbfs, load.foreign, share,
           share * VOICE_PTIME_MS * 1e3 / load.calls, share > 0 ? load.calls / share : 0.0,
           (double)own / 1e9 / wall, (double)load.late_ns_max / 1e6);
    if (sip)
        end_sip(sip);
    return 0;
}

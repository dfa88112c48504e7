/*
 * Offers registrations at a steady rate over UDP: REGISTER, 401, REGISTER with digest, 200; each is
 * one. The same users come again and again with the same Contact (refreshes). Prints one line of JSON. Retransmits after 0.5, 1 and 2 s and gives up after 4 s.
 */
#include "bench.h"
#include "sipmini.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    USERS_MAX = 100000,
    BATCH = 64,
    MESSAGE_MAX = 2048,
    SENDS_MAX = 4
};

struct user {
    struct mini_auth auth;
    unsigned cseq;
    bool is_busy;
    bool is_answering; /* the challenge came: the second REGISTER is out */
    unsigned sends;
    int64_t begun_ns;
    int64_t sent_ns;
};

struct load {
    int fd;
    uint16_t port;
    const char *domain;
    struct user *users;
    unsigned user_count, next_user;
    unsigned first_number;
    unsigned contact_serial;
    uint64_t offered, skipped, completed, failed, timed_out, retransmitted;
    unsigned last_status;
};

static struct bench_delays delays;

static void send_register(struct load *load, unsigned index)
{
    struct user *user = &load->users[index];
    char text[MESSAGE_MAX], uri[128], credentials[768] = "";
    snprintf(uri, sizeof uri, "sip:%s", load->domain);
    if (user->is_answering)
        mini_auth_write(&user->auth, "REGISTER", uri, credentials, sizeof credentials);
    const char *name = user->auth.user;
    int n = snprintf(text, sizeof text,
                     "REGISTER %s SIP/2.0\r\n"
                     "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%u.%u;rport\r\n"
                     "Max-Forwards: 70\r\n"
                     "From: <sip:%s@%s>;tag=f%u\r\n"
                     "To: <sip:%s@%s>\r\n"
                     "Call-ID: r%u-%u@bench\r\n"
                     "CSeq: %u REGISTER\r\n"
                     "Contact: <sip:%s@127.0.0.1:%u>\r\n"
                     "Expires: 3600\r\n"
                     "%s"
                     "Content-Length: 0\r\n\r\n",
                     uri, load->port, index, user->cseq, name, load->domain, index, name,
                     load->domain, index, load->port, user->cseq, name, load->port, credentials);
    user->sent_ns = bench_now_ns();
    user->sends++;
    if (send(load->fd, text, (size_t)n, 0) < 0 && errno != EAGAIN && errno != ECONNREFUSED)
        bench_die("send: %s", strerror(errno));
}

static void start_one(struct load *load, int64_t now)
{
    load->offered++;
    for (unsigned tries = 0; tries < load->user_count; tries++) {
        unsigned index = load->next_user;
        struct user *user = &load->users[index];
        load->next_user = (load->next_user + 1) % load->user_count;
        if (user->is_busy)
            continue;
        user->is_busy = true;
        user->is_answering = false;
        user->begun_ns = now;
        user->sends = 0;
        user->cseq++;
        send_register(load, index);
        return;
    }
    load->skipped++;
}

static void on_response(struct load *load, const struct mini_msg *msg)
{
    if (msg->status < 200 || msg->branch.n < 10)
        return;
    char *dot;
    unsigned long index = strtoul(msg->branch.p + 7, &dot, 10);
    if (index >= load->user_count)
        return;
    struct user *user = &load->users[index];
    if (!user->is_busy || msg->cseq != user->cseq)
        return; /* an answer to a repeated request */
    if (msg->status == 401 && !user->is_answering && mini_auth_challenge(&user->auth, msg)) {
        user->is_answering = true;
        user->sends = 0;
        user->cseq++;
        send_register(load, (unsigned)index);
        return;
    }
    user->is_busy = false;
    if (msg->status == 200) {
        load->completed++;
        bench_delays_add(&delays, bench_now_ns() - user->begun_ns);
    } else {
        load->failed++;
        load->last_status = msg->status;
    }
}

static void receive_all(struct load *load)
{
    static char bytes[BATCH][MESSAGE_MAX];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    int got;
    do {
        memset(messages, 0, sizeof messages);
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){bytes[i], MESSAGE_MAX - 1};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        got = recvmmsg(load->fd, messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < got; i++) {
            struct mini_msg msg;
            bytes[i][messages[i].msg_len] = 0;
            if (mini_parse(bytes[i], messages[i].msg_len, &msg))
                on_response(load, &msg);
        }
    } while (got == BATCH);
}

/** Once every 50 ms; @return how many are still open */
static unsigned check_timers(struct load *load, int64_t now)
{
    unsigned open_count = 0;
    for (unsigned i = 0; i < load->user_count; i++) {
        struct user *user = &load->users[i];
        if (!user->is_busy)
            continue;
        open_count++;
        if (user->sends == 0 || now - user->sent_ns < (500 * BENCH_MS_NS) << (user->sends - 1))
            continue;
        if (user->sends >= SENDS_MAX) {
            user->is_busy = false;
            load->timed_out++;
        } else {
            load->retransmitted++;
            send_register(load, i);
        }
    }
    return open_count;
}

/** @return how many were completed while more were offered */
static uint64_t run(struct load *load, double rate, double seconds)
{
    int64_t begin = bench_now_ns(), timers_at = begin;
    int64_t end = begin + (int64_t)(seconds * 1e9), give_up = end + 5 * BENCH_SEC_NS;
    unsigned open_count = 1;
    uint64_t in_time = 0;
    while (open_count > 0) {
        int64_t now = bench_now_ns();
        if (now < end)
            in_time = load->completed;
        if (now >= timers_at) {
            open_count = check_timers(load, now);
            timers_at = now + 50 * BENCH_MS_NS;
            if (now < end)
                open_count = 1;
            if (now > give_up)
                break;
        }
        while (now < end && (double)load->offered < (double)(now - begin) * 1e-9 * rate) {
            start_one(load, now);
            if (load->offered % 16 == 0)
                receive_all(load);
        }
        int64_t next =
            now < end ? begin + (int64_t)((double)(load->offered + 1) / rate * 1e9) : timers_at;
        int64_t wait = next - bench_now_ns();
        struct timespec ts = {0, wait < 0 ? 0 : wait > 50 * BENCH_MS_NS ? 50 * BENCH_MS_NS : wait};
        struct pollfd fd = {load->fd, POLLIN, 0};
        if (ppoll(&fd, 1, &ts, NULL) > 0)
            receive_all(load);
    }
    return in_time;
}

int main(int argc, char **argv)
{
    struct load load = {.domain = bench_option(argc, argv, "domain", "siprouter")};
    struct sockaddr_in target = bench_address(bench_option(argc, argv, "target", "127.0.0.1:5060"));
    double rate = bench_option_number(argc, argv, "rate", 1000);
    double seconds = bench_option_number(argc, argv, "seconds", 3);
    load.user_count = (unsigned)bench_option_number(argc, argv, "users", 2000);
    load.first_number = (unsigned)bench_option_number(argc, argv, "first", 10000);
    if (load.user_count < 1 || load.user_count > USERS_MAX || rate <= 0)
        bench_die("users 1..%d, rate above 0", USERS_MAX);
    load.users = calloc(load.user_count, sizeof *load.users);
    if (!load.users)
        bench_die("no memory");
    for (unsigned i = 0; i < load.user_count; i++) {
        mini_auth_init(&load.users[i].auth, load.first_number + i);
        load.users[i].cseq = (unsigned)(bench_real_ns() / BENCH_SEC_NS % 1000000) * 1000;
    }
    load.fd = bench_udp_socket(
        "127.0.0.1", (uint16_t)bench_option_number(argc, argv, "port", 15990), &load.port);
    if (connect(load.fd, (struct sockaddr *)&target, sizeof target) != 0)
        bench_die("connect: %s", strerror(errno));
    bench_exact_timers();
    struct bench_subject subject;
    bench_subject_find(&subject, (pid_t)bench_option_number(argc, argv, "pid", 0));
    int64_t cpu = bench_subject_cpu_ns(&subject), begin = bench_now_ns();
    uint64_t in_time = run(&load, rate, seconds);
    cpu = bench_subject_cpu_ns(&subject) - cpu;
    double wall = (double)(bench_now_ns() - begin) * 1e-9;
    double done = load.completed ? (double)load.completed : 1;
    printf("{\"rate\":%.1f,\"offered\":%lu,\"completed\":%lu,\"in_time\":%lu,\"failed\":%lu,"
           "\"timed_out\":%lu,"
           "\"skipped\":%lu,\"retransmitted\":%lu,\"last_status\":%u,\"cpu_us_each\":%.2f,"
           "\"cpu_share\":%.3f,\"median_us\":%.0f,\"p99_us\":%.0f,\"generator_share\":%.3f,"
           "\"rss_bytes\":%ld}\n",
           rate, load.offered, load.completed, in_time, load.failed, load.timed_out, load.skipped,
           load.retransmitted, load.last_status, (double)cpu / 1e3 / done, (double)cpu / 1e9 / wall,
           bench_delays_us(&delays, 0.5), bench_delays_us(&delays, 0.99),
           (double)bench_own_cpu_ns() / 1e9 / wall, (long)bench_subject_rss_bytes(&subject));
    return 0;
}

/*
 * impair: a relay between two SIP peers that behaves like a bad network. See README.md.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/json.h"
#include "impair/relay.h"

enum {
    ORDER_BYTES_MAX = 1024
};

static void usage(void)
{
    fputs("usage: impair --listen ADDR:PORT --to ADDR:PORT [--listen ... --to ...]\n"
          "  --loss P --dup P --reorder P (0..1)  --delay-ms N --jitter-ms N --reorder-ms N\n"
          "  --direction both|up|down  --proto both|udp|tcp  --seed N\n"
          "  --nat none|full-cone|restricted|port-restricted|symmetric  --nat-ip ADDR\n"
          "  --mapping-sec N  --alg on|off  --control-port N\n",
          stderr);
}

/* One order per connection: "stats", "forget", "end" or "set NAME=VALUE ...". Answer: one JSON line. */
static void obey(struct impair_relay *relay, struct sr_str order, struct sr_buf *out)
{
    struct sr_str word;

    order = sr_str_trim(order);
    if (sr_str_starts(order, SR_STR("set "))) {
        order = sr_str_from(order, 4);
        while (sr_str_split(&order, ' ', &word)) {
            size_t equals = sr_str_find(word, '=', 0);
            struct sr_str name = sr_str_head(word, equals);

            if (word.n == 0)
                continue;
            if (!impair_options_is_live(name) ||
                impair_options_set(&relay->options, name, sr_str_from(word, equals + 1)) != SR_OK) {
                sr_buf_c(out, "{\"error\":\"not a value that can be set\"}");
                return;
            }
        }
    } else if (sr_str_eq_c(order, "forget")) {
        impair_relay_forget(relay);
    } else if (sr_str_eq_c(order, "end")) {
        relay->is_ended = true;
    } else if (!sr_str_eq_c(order, "stats")) {
        sr_buf_c(out, "{\"error\":\"orders: stats, forget, end, set NAME=VALUE\"}");
        return;
    }
    impair_relay_stats(relay, out);
}

static void on_control(struct impair_relay *relay, struct impair_source *source, uint32_t events)
{
    struct timeval patience = {.tv_sec = 1};
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);
    char order[ORDER_BYTES_MAX];
    struct sr_buf out;
    size_t len = 0;

    (void)events;
    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while (len < sizeof(order) && memchr(order, '\n', len) == NULL) {
        ssize_t n = recv(fd, order + len, sizeof(order) - len, 0);

        if (n <= 0)
            break;
        len += (size_t)n;
    }
    sr_buf_init(&out, 4096);
    obey(relay, sr_str_make(order, len), &out);
    sr_buf_char(&out, '\n');
    (void)send(fd, out.data, out.len, MSG_NOSIGNAL); /* who asked may have left */
    sr_buf_done(&out);
    close(fd);
}

static void on_signal(struct impair_relay *relay, struct impair_source *source, uint32_t events)
{
    struct signalfd_siginfo info;

    (void)events;
    if (read(source->fd, &info, sizeof(info)) > 0)
        relay->is_ended = true;
}

static bool read_options(int argc, char **argv, struct impair_options *options)
{
    for (int i = 1; i < argc; i += 2) {
        struct sr_str name = sr_str_c(argv[i]);
        enum sr_err err;

        if (!sr_str_starts(name, SR_STR("--")) || i + 1 == argc) {
            usage();
            return false;
        }
        err = impair_options_set(options, sr_str_from(name, 2), sr_str_c(argv[i + 1]));
        if (err != SR_OK) {
            fprintf(stderr, "impair: %s %s: %s\n", argv[i], argv[i + 1], sr_err_text(err));
            usage();
            return false;
        }
    }
    for (size_t i = 0; i < options->pair_count; i++) {
        if (options->pairs[i].to.family == SR_ADDR_NONE) {
            usage();
            return false;
        }
    }
    if (options->pair_count == 0)
        usage();
    return options->pair_count > 0;
}

static bool open_control(struct impair_relay *relay, struct impair_source *source, uint16_t port)
{
    struct sr_addr addr = {.family = SR_ADDR_IP4, .port = port, .ip = {127, 0, 0, 1}};

    *source = (struct impair_source){impair__bind(&addr, SOCK_STREAM), on_control};
    if (source->fd < 0)
        return false;
    impair__watch(relay, source, EPOLLIN);
    return true;
}

/* The first line of output: everything is open, and under which ports. */
static void say_ready(const struct impair_relay *relay)
{
    char text[SR_ADDR_TEXT_MAX];
    struct sr_json json;
    struct sr_buf out;

    sr_buf_init(&out, 4096);
    sr_json_begin(&json, &out);
    sr_json_object(&json);
    sr_json_key_bool(&json, "ready", true);
    sr_json_key_array(&json, "listen");
    for (size_t i = 0; i < relay->options.pair_count; i++)
        sr_json_c(&json, sr_addr_text(&relay->options.pairs[i].listen, text));
    sr_json_end(&json);
    sr_json_end(&json);
    puts(sr_buf_cstr(&out));
    fflush(stdout);
    sr_buf_done(&out);
}

int main(int argc, char **argv)
{
    static struct impair_relay relay;
    struct impair_options options;
    struct impair_source control = {.fd = -1};
    struct impair_source signals;
    struct sr_buf out;
    sigset_t set;

    impair_options_init(&options);
    if (!read_options(argc, argv, &options))
        return 2;
    if (impair_relay_open(&relay, &options) != SR_OK ||
        (options.control_port != 0 && !open_control(&relay, &control, options.control_port))) {
        perror("impair: cannot listen");
        impair_relay_close(&relay);
        return 1;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    signals = (struct impair_source){signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), on_signal};
    impair__watch(&relay, &signals, EPOLLIN);
    say_ready(&relay);
    impair_relay_run(&relay, SR_NEVER);

    sr_buf_init(&out, 4096);
    impair_relay_stats(&relay, &out);
    puts(sr_buf_cstr(&out));
    sr_buf_done(&out);
    impair_relay_close(&relay);
    close(signals.fd);
    if (control.fd >= 0)
        close(control.fd);
    return 0;
}

#include "impair/relay.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"

struct waiting {
    struct sr_heap_node node;
    sr_id id;
    impair_deliver_fn *deliver;
    size_t len;
    char bytes[];
};

enum {
    EVENTS_AT_ONCE = 64,
    EXPIRY_STEP_MS = 100,
};

sr_usec impair_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SR_SEC + now.tv_nsec / 1000;
}

int impair__bind(const struct sr_addr *addr, int type)
{
    struct sockaddr_storage sa;
    socklen_t len = sr_addr_to_sockaddr(addr, &sa);
    int fd = socket(sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    if (type == SOCK_STREAM)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&sa, len) != 0 ||
        (type == SOCK_STREAM && listen(fd, SOMAXCONN) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

void impair__local_addr(int fd, struct sr_addr *ret_addr)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof(sa);

    *ret_addr = (struct sr_addr){0};
    if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
        sr_addr_from_sockaddr((const struct sockaddr *)&sa, ret_addr);
}

void impair__watch(struct impair_relay *relay, struct impair_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    SR_ASSERT(epoll_ctl(relay->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) == 0);
}

void impair__rewatch(struct impair_relay *relay, struct impair_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    SR_ASSERT(epoll_ctl(relay->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) == 0);
}

bool impair__chance(struct impair_relay *relay, double share)
{
    /* drawn always, so that one option does not shift the others' luck */
    return sr_prng_double(&relay->prng) < share;
}

void impair__later(struct impair_relay *relay, sr_usec at, sr_id id, struct sr_str bytes,
                   impair_deliver_fn *deliver)
{
    struct waiting *waiting;

    if (at <= impair_now()) {
        deliver(relay, id, bytes);
        return;
    }
    if (relay->waiting.count >= IMPAIR_WAITING_MAX) {
        relay->stats.overflowed++;
        return;
    }
    waiting = sr_zalloc(1, sizeof(*waiting) + bytes.n);
    waiting->id = id;
    waiting->deliver = deliver;
    waiting->len = bytes.n;
    if (bytes.n > 0)
        memcpy(waiting->bytes, bytes.p, bytes.n);
    sr_heap_set(&relay->waiting, &waiting->node, at);
}

static void deliver_due(struct impair_relay *relay)
{
    sr_usec now = impair_now();
    struct sr_heap_node *node;

    while ((node = sr_heap_pop_due(&relay->waiting, now)) != NULL) {
        struct waiting *waiting = SR_CONTAINER(node, struct waiting, node);

        waiting->deliver(relay, waiting->id, sr_str_make(waiting->bytes, waiting->len));
        sr_free(waiting);
    }
}

enum sr_err impair_relay_open(struct impair_relay *relay, const struct impair_options *options)
{
    enum sr_err err = SR_OK;

    *relay = (struct impair_relay){.options = *options};
    sr_list_init(&relay->flows);
    sr_list_init(&relay->streams);
    sr_idtab_init(&relay->ids, IMPAIR_FLOWS_MAX);
    sr_heap_init(&relay->waiting);
    sr_prng_seed(&relay->prng, options->seed);
    for (size_t i = 0; i < IMPAIR_PAIRS_MAX; i++)
        relay->udp[i].source.fd = relay->tcp[i].source.fd = -1;
    relay->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (relay->epoll_fd < 0)
        return SR_ERR_IO;
    for (size_t i = 0; err == SR_OK && i < options->pair_count; i++) {
        if (options->udp)
            err = impair__udp_open(relay, i);
        if (err == SR_OK && options->tcp)
            err = impair__tcp_open(relay, i);
    }
    return err;
}

void impair_relay_forget(struct impair_relay *relay)
{
    SR_LIST_EACH(&relay->flows, node)
    {
        impair__flow_close(relay, SR_CONTAINER(node, struct impair_flow, node));
        relay->stats.expired++;
    }
    impair__streams_close(relay);
}

void impair_relay_close(struct impair_relay *relay)
{
    struct sr_heap_node *node;

    impair_relay_forget(relay);
    for (size_t i = 0; i < IMPAIR_PAIRS_MAX; i++) {
        if (relay->udp[i].source.fd >= 0)
            close(relay->udp[i].source.fd);
        if (relay->tcp[i].source.fd >= 0)
            close(relay->tcp[i].source.fd);
    }
    while ((node = sr_heap_pop_due(&relay->waiting, SR_NEVER)) != NULL)
        sr_free(SR_CONTAINER(node, struct waiting, node));
    sr_heap_done(&relay->waiting);
    sr_idtab_done(&relay->ids);
    if (relay->epoll_fd >= 0)
        close(relay->epoll_fd);
    relay->epoll_fd = -1;
}

/* Milliseconds until the next packet is due, rounded up; at most the step of expiry. */
static int wait_ms(const struct impair_relay *relay, sr_usec until)
{
    const struct sr_heap_node *first = sr_heap_first(&relay->waiting);
    sr_usec now = impair_now();
    sr_usec next = SR_MIN(until, now + EXPIRY_STEP_MS * SR_MSEC);

    if (first != NULL)
        next = SR_MIN(next, first->at);
    return next <= now ? 0 : (int)((next - now + SR_MSEC - 1) / SR_MSEC);
}

void impair_relay_run(struct impair_relay *relay, sr_usec until)
{
    struct epoll_event events[EVENTS_AT_ONCE];

    while (!relay->is_ended && impair_now() < until) {
        int count = epoll_wait(relay->epoll_fd, events, EVENTS_AT_ONCE, wait_ms(relay, until));

        /* one at a time: a handler may close the source of the next */
        if (count > 0) {
            struct impair_source *source = events[0].data.ptr;

            source->on_ready(relay, source, events[0].events);
        }
        deliver_due(relay);
        impair__flows_expire(relay, impair_now());
    }
}

void impair_relay_stats(const struct impair_relay *relay, struct sr_buf *out)
{
    const struct impair_stats *stats = &relay->stats;
    struct sr_json json;

    sr_json_begin(&json, out);
    sr_json_object(&json);
    sr_json_key_int(&json, "received", (int64_t)stats->received);
    sr_json_key_int(&json, "sent", (int64_t)stats->sent);
    sr_json_key_int(&json, "lost", (int64_t)stats->lost);
    sr_json_key_int(&json, "duplicated", (int64_t)stats->duplicated);
    sr_json_key_int(&json, "reordered", (int64_t)stats->reordered);
    sr_json_key_int(&json, "filtered", (int64_t)stats->filtered);
    sr_json_key_int(&json, "rewritten", (int64_t)stats->rewritten);
    sr_json_key_int(&json, "overflowed", (int64_t)stats->overflowed);
    sr_json_key_int(&json, "flows", (int64_t)stats->flows);
    sr_json_key_int(&json, "openFlows", (int64_t)relay->flows.count);
    sr_json_key_int(&json, "expired", (int64_t)stats->expired);
    sr_json_key_int(&json, "connections", (int64_t)stats->connections);
    sr_json_key_int(&json, "waiting", (int64_t)relay->waiting.count);
    sr_json_end(&json);
}

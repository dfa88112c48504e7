#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "impair/alg.h"
#include "impair/relay.h"

enum {
    DATAGRAMS_PER_TURN = 32
};

static void send_up(struct impair_relay *relay, sr_id id, struct sr_str bytes)
{
    struct impair_flow *flow = sr_idtab_find(&relay->ids, id);
    struct sockaddr_storage sa;
    socklen_t len;

    if (flow == NULL)
        return;
    len = sr_addr_to_sockaddr(&relay->options.pairs[flow->pair_index].to, &sa);
    if (sendto(flow->source.fd, bytes.p, bytes.n, 0, (const struct sockaddr *)&sa, len) >= 0)
        relay->stats.sent++;
}

static void send_down(struct impair_relay *relay, sr_id id, struct sr_str bytes)
{
    struct impair_flow *flow = sr_idtab_find(&relay->ids, id);
    struct sockaddr_storage sa;
    socklen_t len;

    if (flow == NULL)
        return;
    len = sr_addr_to_sockaddr(&flow->inside, &sa);
    if (sendto(relay->udp[flow->pair_index].source.fd, bytes.p, bytes.n, 0,
               (const struct sockaddr *)&sa, len) >= 0)
        relay->stats.sent++;
}

/* Lets chance decide what becomes of one datagram. */
static void treat(struct impair_relay *relay, struct impair_flow *flow, struct sr_str bytes,
                  bool is_up)
{
    const struct impair_options *options = &relay->options;
    bool is_hit = is_up ? options->up : options->down;
    impair_deliver_fn *deliver = is_up ? send_up : send_down;
    sr_id id = flow->id;
    sr_usec now = impair_now();
    bool is_lost = impair__chance(relay, options->loss) && is_hit;
    bool is_twice = impair__chance(relay, options->dup) && is_hit;
    bool is_late = impair__chance(relay, options->reorder) && is_hit;

    if (is_lost) {
        relay->stats.lost++;
        return;
    }
    relay->stats.duplicated += is_twice;
    relay->stats.reordered += is_late;
    for (int copy = 0; copy <= (int)is_twice; copy++) {
        sr_usec wait = 0;

        if (is_hit)
            wait = options->delay_ms * SR_MSEC +
                   (sr_usec)(sr_prng_double(&relay->prng) * options->jitter_ms * 1000);
        if (is_late && copy == 0)
            wait += options->reorder_ms * SR_MSEC;
        impair__later(relay, now + wait, id, bytes, deliver);
    }
}

static bool may_enter(const struct impair_relay *relay, const struct impair_flow *flow,
                      const struct sr_addr *from)
{
    const struct sr_addr *to = &relay->options.pairs[flow->pair_index].to;

    switch (relay->options.nat) {
    case IMPAIR_NAT_FULL_CONE:
        return true;
    case IMPAIR_NAT_RESTRICTED:
        return sr_addr_ip_eq(from, to);
    case IMPAIR_NAT_NONE:
    case IMPAIR_NAT_PORT_RESTRICTED:
    case IMPAIR_NAT_SYMMETRIC:
        break;
    }
    return sr_addr_eq(from, to);
}

static bool receive(int fd, char *bytes, struct sr_addr *ret_from, size_t *ret_len)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof(sa);
    ssize_t n = recvfrom(fd, bytes, IMPAIR_DATAGRAM_MAX, 0, (struct sockaddr *)&sa, &len);

    if (n < 0)
        return false;
    sr_addr_from_sockaddr((const struct sockaddr *)&sa, ret_from);
    *ret_len = (size_t)n;
    return true;
}

static void on_outside(struct impair_relay *relay, struct impair_source *source, uint32_t events)
{
    struct impair_flow *flow = SR_CONTAINER(source, struct impair_flow, source);
    static char bytes[IMPAIR_DATAGRAM_MAX];
    struct sr_addr from;
    size_t len;

    (void)events;
    for (int i = 0; i < DATAGRAMS_PER_TURN && receive(source->fd, bytes, &from, &len); i++) {
        relay->stats.received++;
        if (may_enter(relay, flow, &from))
            treat(relay, flow, sr_str_make(bytes, len), false);
        else
            relay->stats.filtered++;
    }
}

/* A cone NAT keeps one outside port for an inside address, whatever pair it uses. */
static bool shares_mapping(const struct impair_relay *relay)
{
    return relay->options.nat != IMPAIR_NAT_NONE && relay->options.nat != IMPAIR_NAT_SYMMETRIC;
}

static struct impair_flow *find_flow(struct impair_relay *relay, size_t pair_index,
                                     const struct sr_addr *inside)
{
    SR_LIST_EACH(&relay->flows, node)
    {
        struct impair_flow *flow = SR_CONTAINER(node, struct impair_flow, node);

        if (sr_addr_eq(&flow->inside, inside) &&
            (flow->pair_index == pair_index || shares_mapping(relay)))
            return flow;
    }
    return NULL;
}

static struct impair_flow *open_flow(struct impair_relay *relay, size_t pair_index,
                                     const struct sr_addr *inside)
{
    struct sr_addr bind_to = relay->options.nat_ip;
    struct impair_flow *flow = sr_zalloc(1, sizeof(*flow));

    if (bind_to.family == SR_ADDR_NONE)
        bind_to = relay->options.pairs[pair_index].listen;
    bind_to.port = 0;
    flow->inside = *inside;
    flow->pair_index = pair_index;
    flow->source = (struct impair_source){impair__bind(&bind_to, SOCK_DGRAM), on_outside};
    flow->id = flow->source.fd >= 0 ? sr_idtab_add(&relay->ids, flow) : SR_ID_NONE;
    if (flow->id == SR_ID_NONE) {
        if (flow->source.fd >= 0)
            close(flow->source.fd);
        sr_free(flow);
        return NULL;
    }
    impair__local_addr(flow->source.fd, &flow->outside);
    impair__watch(relay, &flow->source, EPOLLIN);
    sr_list_add(&relay->flows, &flow->node);
    relay->stats.flows++;
    return flow;
}

void impair__flow_close(struct impair_relay *relay, struct impair_flow *flow)
{
    (void)sr_idtab_remove(&relay->ids, flow->id);
    sr_list_remove(&relay->flows, &flow->node);
    close(flow->source.fd);
    sr_free(flow);
}

void impair__flows_expire(struct impair_relay *relay, sr_usec now)
{
    sr_usec idle = relay->options.mapping_sec * SR_SEC;

    if (idle == 0)
        return;
    SR_LIST_EACH(&relay->flows, node)
    {
        struct impair_flow *flow = SR_CONTAINER(node, struct impair_flow, node);

        if (now - flow->used_at >= idle) {
            impair__flow_close(relay, flow);
            relay->stats.expired++;
        }
    }
}

static void on_inside(struct impair_relay *relay, struct impair_source *source, uint32_t events)
{
    struct impair_listener *listener = SR_CONTAINER(source, struct impair_listener, source);
    static char bytes[IMPAIR_DATAGRAM_MAX];
    struct sr_addr from;
    size_t len;

    (void)events;
    for (int i = 0; i < DATAGRAMS_PER_TURN && receive(source->fd, bytes, &from, &len); i++) {
        struct impair_flow *flow = find_flow(relay, listener->pair_index, &from);
        struct sr_buf out;

        relay->stats.received++;
        if (flow == NULL)
            flow = open_flow(relay, listener->pair_index, &from);
        if (flow == NULL) {
            relay->stats.overflowed++;
            continue;
        }
        flow->used_at = impair_now();
        flow->pair_index = listener->pair_index;
        if (!relay->options.has_alg) {
            treat(relay, flow, sr_str_make(bytes, len), true);
            continue;
        }
        sr_buf_init(&out, 2 * IMPAIR_DATAGRAM_MAX);
        relay->stats.rewritten +=
            impair_alg_rewrite(sr_str_make(bytes, len), &flow->inside, &flow->outside, &out);
        treat(relay, flow, sr_buf_view(&out), true);
        sr_buf_done(&out);
    }
}

enum sr_err impair__udp_open(struct impair_relay *relay, size_t pair_index)
{
    struct impair_pair *pair = &relay->options.pairs[pair_index];
    struct impair_listener *listener = &relay->udp[pair_index];

    listener->pair_index = pair_index;
    listener->source = (struct impair_source){impair__bind(&pair->listen, SOCK_DGRAM), on_inside};
    if (listener->source.fd < 0)
        return SR_ERR_IO;
    impair__local_addr(listener->source.fd, &pair->listen);
    impair__watch(relay, &listener->source, EPOLLIN);
    return SR_OK;
}

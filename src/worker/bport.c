/* The browser port: sockets, telling packets apart, ICE. TCP is in bport_tcp.c. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/clock.h"
#include "worker/bport_internal.h"
#include "worker/crypto.h"

/* ---- sending ---- */

struct control {
    _Alignas(struct cmsghdr)
        uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct timespec))];
};

/* Answers leave from the address they came to. */
static void set_source(struct msghdr *msg, struct control *control, const struct sr_addr *local)
{
    struct cmsghdr *cmsg;

    msg->msg_control = control->bytes;
    if (local->family == SR_ADDR_IP4) {
        struct in_pktinfo info = {0};

        msg->msg_controllen = CMSG_SPACE(sizeof(info));
        memcpy(&info.ipi_spec_dst, local->ip, 4);
        cmsg = CMSG_FIRSTHDR(msg);
        cmsg->cmsg_level = IPPROTO_IP;
        cmsg->cmsg_type = IP_PKTINFO;
        cmsg->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(cmsg), &info, sizeof(info));
    } else {
        struct in6_pktinfo info = {.ipi6_ifindex = local->scope};

        msg->msg_controllen = CMSG_SPACE(sizeof(info));
        memcpy(&info.ipi6_addr, local->ip, 16);
        cmsg = CMSG_FIRSTHDR(msg);
        cmsg->cmsg_level = IPPROTO_IPV6;
        cmsg->cmsg_type = IPV6_PKTINFO;
        cmsg->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(cmsg), &info, sizeof(info));
    }
}

static const struct bsock *socket_for(const struct bport *bport, const struct ice_path *path)
{
    const struct bsock *best = NULL;

    for (size_t i = 0; i < bport->udp_count; i++) {
        const struct bsock *sock = &bport->udp[i];

        if (sock->bound.family != path->remote.family)
            continue;
        if (sr_addr_ip_eq(&sock->bound, &path->local))
            return sock;
        if (best == NULL || sr_addr_is_any(&sock->bound))
            best = sock;
    }
    return best;
}

static bool send_udp(struct bport *bport, const struct ice_path *path, const uint8_t *bytes,
                     size_t n)
{
    const struct bsock *sock = socket_for(bport, path);
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
    struct sockaddr_storage sa;
    struct control control;
    struct msghdr msg = {.msg_name = &sa, .msg_iov = &iov, .msg_iovlen = 1};

    if (sock == NULL)
        return false;
    memset(&control, 0, sizeof(control));
    msg.msg_namelen = sr_addr_to_sockaddr(&path->remote, &sa);
    if (path->local.family != SR_ADDR_NONE && sr_addr_is_any(&sock->bound))
        set_source(&msg, &control, &path->local);
    return sendmsg(sock->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

bool bport_send(struct bport *bport, uint32_t sender, const struct ice_path *path,
                const uint8_t *bytes, size_t n)
{
    uint64_t one = 1;

    if (path->stream == 0)
        return send_udp(bport, path, bytes, n);
    if (sender == BPORT_SELF)
        return bport__send_stream(bport, path->stream, bytes, n);
    if (!pktring_push(&bport->out[sender], &path->stream, sizeof(path->stream), bytes, n))
        return false;
    if (!atomic_exchange(&bport->is_flush_due, true) &&
        write(bport->worker->wake_fd, &one, sizeof(one)) < 0)
        SR_ASSERT(errno == EAGAIN);
    return true;
}

void bport_flush(struct bport *bport)
{
    struct {
        uint32_t stream;
        uint8_t bytes[BPORT_PACKET_MAX];
    } item;
    size_t n;

    if (!atomic_exchange(&bport->is_flush_due, false))
        return;
    for (uint32_t i = 0; i <= bport->worker_count; i++) {
        while (pktring_pop(&bport->out[i], &item, sizeof(item), &n))
            (void)bport__send_stream(bport, item.stream, item.bytes, n - sizeof(item.stream));
    }
}

/* ---- tables ---- */

static struct bnode **bucket_of(struct bnode **table, uint64_t hash)
{
    return &table[hash % BPORT_BUCKETS];
}

static uint64_t ufrag_hash(struct sr_str ufrag)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < ufrag.n; i++)
        hash = hash * 131 + (uint8_t)ufrag.p[i];
    return hash ^ hash >> 17;
}

static void link_node(struct bnode **bucket, struct bnode *node)
{
    node->next = *bucket;
    *bucket = node;
    node->is_linked = true;
}

static void unlink_node(struct bnode **bucket, struct bnode *node)
{
    if (!node->is_linked)
        return;
    while (*bucket != node)
        bucket = &(*bucket)->next;
    *bucket = node->next;
    node->is_linked = false;
}

static struct bpeer *find_ufrag(struct bport *bport, struct sr_str ufrag)
{
    struct bnode *node = *bucket_of(bport->ufrags, ufrag_hash(ufrag));

    while (node != NULL && !sr_str_eq_c(ufrag, node->ufrag))
        node = node->next;
    return node != NULL ? node->peer : NULL;
}

static struct bpeer *find_addr(struct bport *bport, const struct sr_addr *addr)
{
    struct bnode *node = *bucket_of(bport->addrs, sr_addr_hash(addr));

    while (node != NULL && !sr_addr_eq(&node->addr, addr))
        node = node->next;
    return node != NULL ? node->peer : NULL;
}

static void unlink_addrs(struct bport *bport, struct bpeer *peer)
{
    for (size_t i = 0; i < ICE_PATHS_MAX; i++)
        unlink_node(bucket_of(bport->addrs, sr_addr_hash(&peer->addrs[i].addr)), &peer->addrs[i]);
}

/* The table holds what the agent has proven. */
static void link_addrs(struct bport *bport, struct bpeer *peer)
{
    const struct ice_path *path;

    unlink_addrs(bport, peer);
    for (size_t i = 0; (path = ice_agent_path(&peer->ice, i)) != NULL; i++) {
        struct bpeer *other = path->stream == 0 ? find_addr(bport, &path->remote) : peer;

        if (other == peer)
            continue; /* TCP, or known by another address of ours */
        if (other != NULL)
            unlink_addrs(bport, other); /* it lost its consent long ago */
        peer->addrs[i].addr = path->remote;
        link_node(bucket_of(bport->addrs, sr_addr_hash(&path->remote)), &peer->addrs[i]);
    }
}

static void link_ufrags(struct bport *bport, struct bpeer *peer)
{
    const struct ice_set *sets[2] = {&peer->ice.now, peer->ice.has_next ? &peer->ice.next : NULL};

    for (size_t i = 0; i < 2; i++) {
        struct bnode *node = &peer->ufrags[i];

        unlink_node(bucket_of(bport->ufrags, ufrag_hash(sr_str_c(node->ufrag))), node);
        if (sets[i] == NULL)
            continue;
        memcpy(node->ufrag, sets[i]->local.ufrag, sizeof(node->ufrag));
        link_node(bucket_of(bport->ufrags, ufrag_hash(sr_str_c(node->ufrag))), node);
    }
}

/* ---- ICE ---- */

static void report(struct bport *bport, struct bpeer *peer, enum media_webrtc_state state)
{
    struct report report = {
        .kind = REPORT_WEBRTC,
        .ice_why = ice_agent_why(&peer->ice),
        .event = {
            .kind = MEDIA_EVENT_WEBRTC, .leg = peer->leg, .cookie = peer->cookie, .webrtc = state}};

    if (state == MEDIA_WEBRTC_CONNECTED)
        report.event.addr = peer->ice.selected.remote;
    peer->state = state;
    peer->is_state_due = !worker__report(bport->worker, &report);
}

static void tell_path(struct bport *bport, struct bpeer *peer)
{
    struct wring_head head = {.kind = WRING_PATH};
    bool is_told;

    if (peer->ice.state == ICE_CONNECTED)
        head.path = peer->ice.selected;
    is_told = pktring_push_must(&peer->ring, &head, sizeof(head));
    if (peer->ice.state == ICE_CONNECTED)
        is_told = crypto_set_path(bport->crypto, 0, peer->leg, &head.path) && is_told;
    peer->is_path_due = !is_told;
    bport__touch(bport, peer);
}

static void on_ice(struct bport *bport, struct bpeer *peer, const struct ice_step *step)
{
    static const enum media_webrtc_state states[] = {
        [ICE_EVENT_CHECKING] = MEDIA_WEBRTC_CHECKING,
        [ICE_EVENT_CONNECTED] = MEDIA_WEBRTC_CONNECTED,
        [ICE_EVENT_FAILED] = MEDIA_WEBRTC_FAILED,
        [ICE_EVENT_LOST] = MEDIA_WEBRTC_LOST,
    };

    if (step->is_restart_done)
        link_ufrags(bport, peer);
    if (step->is_evicted || step->is_restart_done)
        link_addrs(bport, peer);
    if (step->event == ICE_EVENT_NONE)
        return;
    if (step->event == ICE_EVENT_PATH || step->event == ICE_EVENT_CONNECTED ||
        step->event == ICE_EVENT_LOST)
        tell_path(bport, peer);
    if (step->event != ICE_EVENT_PATH)
        report(bport, peer, states[step->event]);
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void on_stun(struct bport *bport, const struct ice_path *path, struct sr_str bytes,
                    struct bpeer *stream_peer)
{
    struct stun_msg msg;
    struct bpeer *peer, *holder;
    struct ice_step step;
    uint64_t forged;

    if (stun_parse(bytes, &msg) != SR_OK) {
        count(&bport->counters.rx_junk);
        return;
    }
    peer = find_ufrag(bport, ice_username_local(msg.username));
    holder = path->stream == 0 ? find_addr(bport, &path->remote) : stream_peer;
    /* nobody may take an address away from the party that is using it */
    if (peer == NULL ||
        (holder != NULL && holder != peer &&
         (path->stream != 0 || ice_agent_holds(&holder->ice, &path->remote, bport->worker->now)))) {
        count(&bport->counters.rx_forged);
        return;
    }
    forged = peer->ice.stats.forged;
    ice_agent_on_stun(&peer->ice, &msg, path, bport->worker->now, &step);
    if (peer->ice.stats.forged != forged)
        count(&bport->counters.rx_forged);
    if (step.n > 0)
        (void)bport_send(bport, BPORT_SELF, path, step.bytes, step.n);
    if (step.is_valid && path->stream == 0 && holder != peer)
        link_addrs(bport, peer);
    if (step.is_valid && path->stream != 0)
        bport__prove_stream(bport, path->stream, peer);
    on_ice(bport, peer, &step);
}

/* ---- one packet ---- */

void bport__touch(struct bport *bport, struct bpeer *peer)
{
    if (peer->is_touched || bport->touched_count == BPORT_BATCH)
        return;
    peer->is_touched = true;
    bport->touched[bport->touched_count++] = peer;
}

static void on_media(struct bport *bport, struct bpeer *peer, const uint8_t *bytes, size_t n)
{
    struct wring_head head = {.kind = WRING_PACKET, .arrived_at = bport->arrived_at};

    if (!pktring_push(&peer->ring, &head, WRING_PACKET_AT, bytes, n))
        count(&bport->counters.rx_full);
    bport__touch(bport, peer);
}

void bport__take(struct bport *bport, const struct ice_path *path, struct bpeer *stream_peer,
                 const uint8_t *bytes, size_t n)
{
    struct bpeer *peer;

    count(&bport->counters.rx_packets);
    if (n == 0)
        return;
    if (bytes[0] <= 3) {
        on_stun(bport, path, sr_str_make((const char *)bytes, n), stream_peer);
        return;
    }
    peer = path->stream == 0 ? find_addr(bport, &path->remote) : stream_peer;
    if (peer == NULL) {
        count(&bport->counters.rx_unknown);
    } else if (bytes[0] >= 20 && bytes[0] <= 63) {
        crypto_push(bport->crypto, 0, peer->leg, path, bytes, n);
    } else if (bytes[0] >= 128 && bytes[0] <= 191) {
        on_media(bport, peer, bytes, n);
    } else {
        count(&bport->counters.rx_junk);
    }
}

/* The legs' workers learn that something lies in the rings. */
void bport__serve_touched(struct bport *bport)
{
    uint64_t one = 1;

    for (uint32_t i = 0; i < bport->touched_count; i++) {
        struct bpeer *peer = bport->touched[i];
        struct worker *waker = atomic_load(&peer->waker);

        peer->is_touched = false;
        if (waker == bport->worker)
            mleg__receive(waker, peer->owner);
        else if (waker != NULL && !atomic_exchange(&waker->is_ring_due, true) &&
                 write(waker->wake_fd, &one, sizeof(one)) < 0)
            SR_ASSERT(errno == EAGAIN);
    }
    bport->touched_count = 0;
}

/* ---- batches of datagrams ---- */

static void local_of(struct msghdr *msg, struct sr_addr *ret_local)
{
    *ret_local = (struct sr_addr){0};
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
        if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
            ret_local->family = SR_ADDR_IP4;
            memcpy(ret_local->ip, &info.ipi_addr, 4);
        } else if (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
            ret_local->family = SR_ADDR_IP6;
            memcpy(ret_local->ip, &info.ipi6_addr, 16);
            if (sr_addr_is_link_local(ret_local))
                ret_local->scope = info.ipi6_ifindex;
        }
    }
}

struct batch {
    struct mmsghdr msgs[BPORT_BATCH];
    struct iovec iovs[BPORT_BATCH];
    struct sockaddr_storage froms[BPORT_BATCH];
    struct control controls[BPORT_BATCH];
    uint8_t bytes[BPORT_BATCH][BPORT_PACKET_MAX];
};

static void prepare(struct batch *batch)
{
    for (size_t i = 0; i < BPORT_BATCH; i++) {
        batch->iovs[i] = (struct iovec){batch->bytes[i], BPORT_PACKET_MAX};
        batch->msgs[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->froms[i],
            .msg_namelen = sizeof(batch->froms[i]),
            .msg_iov = &batch->iovs[i],
            .msg_iovlen = 1,
            .msg_control = batch->controls[i].bytes,
            .msg_controllen = sizeof(batch->controls[i].bytes),
        };
    }
}

static int read_batch(struct bport *bport, const struct bsock *sock)
{
    struct batch *batch = bport->batch;
    sr_usec ahead;
    int got;

    prepare(batch);
    got = recvmmsg(sock->fd, batch->msgs, BPORT_BATCH, MSG_DONTWAIT, NULL);
    ahead = net_clock_wall() - net_clock_now();
    for (int i = 0; i < got; i++) {
        struct msghdr *msg = &batch->msgs[i].msg_hdr;
        struct ice_path path = {0};

        if (msg->msg_flags & MSG_TRUNC) {
            count(&bport->counters.rx_junk);
            continue;
        }
        sr_addr_from_sockaddr((struct sockaddr *)&batch->froms[i], &path.remote);
        local_of(msg, &path.local);
        bport->arrived_at = worker__arrival(bport->worker, sockets__stamp_of(msg) - ahead);
        bport__take(bport, &path, NULL, batch->bytes[i], batch->msgs[i].msg_len);
    }
    bport__serve_touched(bport);
    return got;
}

static void read_udp(struct bport *bport, const struct bsock *sock)
{
    for (int i = 0; i < BPORT_BURST_MAX / BPORT_BATCH; i++) {
        int got = read_batch(bport, sock);

        /* an ICMP error of something we sent shows up as a failure: there may be more behind it */
        if (got >= 0 && got < BPORT_BATCH)
            return;
        if (got < 0 && errno == EAGAIN)
            return;
    }
}

void bport_on_ready(struct bport *bport, void *source, uint32_t events)
{
    struct bsock *sock = source;

    bport->arrived_at = bport->worker->now;
    switch (sock->kind) {
    case BSOCK_UDP:
        read_udp(bport, sock);
        break;
    case BSOCK_LISTEN:
        bport__accept(bport, sock);
        break;
    case BSOCK_CONN:
        bport__on_conn(bport, sock, events);
        bport__serve_touched(bport);
        break;
    }
}

/* ---- peers ---- */

void bport_add(struct bport *bport, struct bpeer *peer, const struct ice_local *local)
{
    ice_agent_init(&peer->ice, local);
    for (size_t i = 0; i < ICE_PATHS_MAX; i++)
        peer->addrs[i].peer = peer;
    peer->ufrags[0].peer = peer;
    peer->ufrags[1].peer = peer;
    link_ufrags(bport, peer);
    peer->prev = NULL;
    peer->next = bport->peers;
    if (bport->peers != NULL)
        bport->peers->prev = peer;
    bport->peers = peer;
}

void bport_remove(struct bport *bport, struct bpeer *peer)
{
    unlink_addrs(bport, peer);
    for (size_t i = 0; i < 2; i++)
        unlink_node(bucket_of(bport->ufrags, ufrag_hash(sr_str_c(peer->ufrags[i].ufrag))),
                    &peer->ufrags[i]);
    if (peer->prev != NULL)
        peer->prev->next = peer->next;
    else
        bport->peers = peer->next;
    if (peer->next != NULL)
        peer->next->prev = peer->prev;
    bport__forget_streams(bport, peer);
    for (uint32_t i = 0; i < bport->touched_count; i++)
        SR_ASSERT(bport->touched[i] != peer);
}

void bport_set_remote(struct bport *bport, struct bpeer *peer, struct sr_str ufrag,
                      struct sr_str pwd, const struct ice_local *fresh)
{
    /* the front has checked both texts */
    SR_ASSERT(ice_agent_set_remote(&peer->ice, ufrag, pwd, fresh, bport->worker->now) == SR_OK);
    link_ufrags(bport, peer);
}

void bport__lose_stream(struct bport *bport, struct bpeer *peer, uint32_t stream)
{
    if (!ice_agent_drop_stream(&peer->ice, stream))
        return;
    tell_path(bport, peer);
    report(bport, peer, MEDIA_WEBRTC_LOST);
}

void bport_housekeeping(struct bport *bport)
{
    struct bpeer *next;
    struct ice_step step;

    for (struct bpeer *peer = bport->peers; peer != NULL; peer = next) {
        next = peer->next;
        if (peer->is_path_due)
            tell_path(bport, peer);
        if (peer->is_state_due)
            report(bport, peer, peer->state);
        if (ice_agent_deadline(&peer->ice) > bport->worker->now)
            continue;
        ice_agent_on_deadline(&peer->ice, bport->worker->now, &step);
        on_ice(bport, peer, &step);
    }
    bport__check_conns(bport);
    bport__serve_touched(bport);
}

uint32_t bport_kernel_drops(const struct bport *bport)
{
    uint32_t drops = 0;

    for (size_t i = 0; i < bport->udp_count; i++)
        drops += sockets__kernel_drops(bport->udp[i].fd);
    return drops;
}

bool bport_is_busy(const struct bport *bport)
{
    return bport->peers != NULL || bport->conn_count > 0;
}

/* ---- life ---- */

static void set_options(int fd, const struct sr_addr *bound, uint8_t dscp)
{
    int bytes = BPORT_SOCKET_BYTES;
    int tos = dscp << 2;
    int one = 1;

    /* wishes: without the last two only hosts with several addresses suffer */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    sockets__stamp(fd, true);
    if (bound->family == SR_ADDR_IP6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
    } else {
        (void)setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
        (void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
    }
}

static enum sr_err open_socket(struct bport *bport, const struct sr_addr *addr, bool is_tcp)
{
    struct bsock *sock = is_tcp ? &bport->tcp[bport->tcp_count] : &bport->udp[bport->udp_count];
    int family = addr->family == SR_ADDR_IP6 ? AF_INET6 : AF_INET;
    struct sr_addr bound = *addr;
    struct sockaddr_storage sa;
    socklen_t sa_len;
    int one = 1;
    int fd = socket(family, (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno == EAFNOSUPPORT ? SR_ERR_UNSUPPORTED : SR_ERR_IO;
    bound.port = bport->port;
    sa_len = sr_addr_to_sockaddr(&bound, &sa);
    set_options(fd, addr, bport->dscp);
    if (is_tcp) /* connections of the last run must not keep us out */
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&sa, sa_len) < 0 || (is_tcp && listen(fd, SOMAXCONN) < 0)) {
        enum sr_err err = errno == EADDRINUSE      ? SR_ERR_EXISTS
                          : errno == EADDRNOTAVAIL ? SR_ERR_UNSUPPORTED
                                                   : SR_ERR_IO;
        close(fd);
        return err;
    }
    *sock = (struct bsock){
        .kind = is_tcp ? BSOCK_LISTEN : BSOCK_UDP, .fd = fd, .bound = bound, .bport = bport};
    *(is_tcp ? &bport->tcp_count : &bport->udp_count) += 1;
    return SR_OK;
}

static enum sr_err open_both(struct bport *bport, const struct sr_addr *addr)
{
    enum sr_err err = open_socket(bport, addr, false);

    return err == SR_OK ? open_socket(bport, addr, true) : err;
}

static enum sr_err open_all(struct bport *bport, const struct bport_options *options)
{
    static const struct sr_addr any[2] = {{.family = SR_ADDR_IP4}, {.family = SR_ADDR_IP6}};
    enum sr_err err = SR_OK;

    for (size_t i = 0; i < options->bind_count && i < BPORT_SOCKETS_MAX && err == SR_OK; i++)
        err = open_both(bport, &options->binds[i]);
    if (options->bind_count > 0)
        return err;
    err = open_both(bport, &any[0]);
    if (err == SR_OK && open_both(bport, &any[1]) == SR_ERR_EXISTS)
        err = SR_ERR_EXISTS; /* a host without IPv6 is fine */
    return err;
}

enum sr_err bport_new(const struct bport_options *options, struct bport **ret_bport)
{
    struct bport *bport = sr_zalloc(1, sizeof(*bport));
    enum sr_err err;

    bport->port = options->port;
    bport->dscp = options->dscp;
    bport->worker_count = options->worker_count;
    err = open_all(bport, options);
    if (err != SR_OK) {
        bport_free(bport);
        return err;
    }
    bport->batch = sr_alloc(sizeof(*bport->batch));
    bport->conns = sr_zalloc(BPORT_CONNS_MAX, sizeof(*bport->conns));
    bport->out = sr_zalloc(options->worker_count + 1, sizeof(*bport->out));
    for (uint32_t i = 0; i <= options->worker_count; i++)
        pktring_init(&bport->out[i], BPORT_OUT_RING_BYTES);
    *ret_bport = bport;
    return SR_OK;
}

void bport_free(struct bport *bport)
{
    if (bport == NULL)
        return;
    bport__close_conns(bport);
    for (size_t i = 0; i < bport->udp_count; i++)
        close(bport->udp[i].fd);
    for (size_t i = 0; i < bport->tcp_count; i++)
        close(bport->tcp[i].fd);
    for (uint32_t i = 0; bport->out != NULL && i <= bport->worker_count; i++)
        pktring_done(&bport->out[i]);
    sr_free(bport->out);
    sr_free(bport->conns);
    sr_free(bport->batch);
    sr_free(bport);
}

void bport__watch(struct bport *bport, struct bsock *sock, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = (char *)sock + WORKER_MARK_BPORT};
    int op = sock->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    sock->is_watched = true;
    (void)epoll_ctl(bport->worker->epoll_fd, op, sock->fd, &event);
}

void bport_attach(struct bport *bport, struct worker *worker, struct crypto *crypto)
{
    bport->worker = worker;
    bport->crypto = crypto;
    for (size_t i = 0; i < bport->udp_count; i++)
        bport__watch(bport, &bport->udp[i], EPOLLIN);
    for (size_t i = 0; i < bport->tcp_count; i++)
        bport__watch(bport, &bport->tcp[i], EPOLLIN);
}

uint16_t bport_number(const struct bport *bport)
{
    return bport->port;
}

const struct bport_counters *bport_counters(const struct bport *bport)
{
    return &bport->counters;
}

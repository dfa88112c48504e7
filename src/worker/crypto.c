#include "worker/crypto.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/heap.h"
#include "base/map.h"
#include "net/clock.h"
#include "worker/bport.h"

enum {
    BURST_MAX = 64, /* records of one worker before the next one's turn */
};

enum order_kind {
    ORDER_SET,
    ORDER_FORGET,
    ORDER_STOP,
};

struct order {
    struct sr_mpsc_node node;
    enum order_kind kind;
    sr_id leg;
    struct crypto_peer_options options;
};

struct answer {
    struct sr_mpsc_node node;
    bool is_forgotten;
    struct crypto_result result;
};

/* Before a record in a worker's ring. */
struct record {
    sr_id leg;
    bool is_path; /* nothing follows: `path` is where to send */
    struct ice_path path;
};

struct peer;

/* One association and its place among the deadlines. */
struct assoc {
    struct dtls *dtls; /* NULL: none */
    struct peer *peer;
    struct sr_heap_node node;
};

struct peer {
    sr_id leg;
    struct crypto_peer_options options;
    bool has_path, is_start_due; /* a new association is wanted */
    struct ice_path path;
    struct assoc up, next; /* in force; being shaken */
};

struct crypto {
    struct crypto_options options;
    struct dtls_identity *identity;
    struct crypto_counters counters;

    /* shared */
    pthread_t thread;
    bool has_thread;
    int wake_fd;
    struct sr_mpsc orders, answers;
    struct pktring *rings; /* by worker */
    struct loop_job job;
    _Atomic bool is_post_pending, is_awake;

    /* the thread's */
    struct sr_map64 peers;
    struct sr_heap deadlines;
    sr_usec now;
    bool is_stopping;
};

/* ---- to and fro ---- */

static void wake(struct crypto *crypto)
{
    uint64_t one = 1;

    if (!atomic_exchange(&crypto->is_awake, true) && write(crypto->wake_fd, &one, sizeof(one)) < 0)
        SR_ASSERT(errno == EAGAIN);
}

static void post(struct crypto *crypto, struct answer *answer)
{
    (void)sr_mpsc_push(&crypto->answers, &answer->node);
    if (!atomic_exchange(&crypto->is_post_pending, true))
        loop_post(crypto->options.loop, &crypto->job);
}

static void send_order(struct crypto *crypto, enum order_kind kind, sr_id leg,
                       const struct crypto_peer_options *options)
{
    struct order *order = sr_zalloc(1, sizeof(*order));

    order->kind = kind;
    order->leg = leg;
    if (options != NULL)
        order->options = *options;
    (void)sr_mpsc_push(&crypto->orders, &order->node);
    wake(crypto);
}

void crypto_set(struct crypto *crypto, sr_id leg, const struct crypto_peer_options *options)
{
    send_order(crypto, ORDER_SET, leg, options);
}

void crypto_forget(struct crypto *crypto, sr_id leg)
{
    send_order(crypto, ORDER_FORGET, leg, NULL);
}

void crypto_push(struct crypto *crypto, uint32_t worker, sr_id leg, const struct ice_path *path,
                 const uint8_t *bytes, size_t n)
{
    struct record record = {.leg = leg, .path = *path};

    if (n > DTLS_RECORD_BYTES_MAX ||
        !pktring_push(&crypto->rings[worker], &record, sizeof(record), bytes, n)) {
        atomic_fetch_add_explicit(&crypto->counters.dropped, 1, memory_order_relaxed);
        return;
    }
    wake(crypto);
}

bool crypto_set_path(struct crypto *crypto, uint32_t worker, sr_id leg, const struct ice_path *path)
{
    struct record record = {.leg = leg, .is_path = true, .path = *path};
    bool is_pushed = pktring_push_must(&crypto->rings[worker], &record, sizeof(record));

    wake(crypto);
    return is_pushed;
}

void crypto_collect(struct crypto *crypto)
{
    struct sr_mpsc_node *node;

    atomic_store(&crypto->is_post_pending, false);
    while ((node = sr_mpsc_pop(&crypto->answers)) != NULL) {
        struct answer *answer = SR_CONTAINER(node, struct answer, node);

        if (answer->is_forgotten)
            crypto->options.on_forgotten(crypto->options.arg, answer->result.leg);
        else
            crypto->options.on_result(crypto->options.arg, &answer->result);
        sr_free_secret(answer, sizeof(*answer));
    }
}

static void collect_job(void *arg)
{
    crypto_collect(arg);
}

/* ---- associations ---- */

static void send_datagram(struct crypto *crypto, const struct peer *peer, struct sr_str datagram)
{
    struct sockaddr_storage sa;
    socklen_t sa_len;

    if (!peer->has_path)
        return;
    if (peer->options.fd < 0) {
        if (crypto->options.bport != NULL)
            (void)bport_send(crypto->options.bport, crypto->options.worker_count, &peer->path,
                             (const uint8_t *)datagram.p, datagram.n);
        return;
    }
    sa_len = sr_addr_to_sockaddr(&peer->path.remote, &sa);
    (void)sendto(peer->options.fd, datagram.p, datagram.n, MSG_DONTWAIT | MSG_NOSIGNAL,
                 (struct sockaddr *)&sa, sa_len);
}

static void drop_assoc(struct crypto *crypto, struct assoc *assoc)
{
    if (assoc->dtls == NULL)
        return;
    if (assoc == &assoc->peer->next)
        atomic_fetch_sub(&crypto->counters.half_open, 1);
    atomic_fetch_add(&crypto->counters.junk, dtls_junk(assoc->dtls));
    sr_heap_remove(&crypto->deadlines, &assoc->node);
    dtls_free(assoc->dtls);
    assoc->dtls = NULL;
}

static void say_result(struct crypto *crypto, const struct peer *peer, enum dtls_event event,
                       const struct dtls *dtls)
{
    struct answer *answer = sr_zalloc(1, sizeof(*answer));

    answer->result.leg = peer->leg;
    answer->result.event = event;
    if (event == DTLS_EVENT_UP)
        dtls_keys_get(dtls, &answer->result.tx, &answer->result.rx);
    if (event == DTLS_EVENT_FAILED)
        (void)sr_str_copy(sr_str_c(dtls_why(dtls)), answer->result.why, sizeof(answer->result.why));
    post(crypto, answer);
}

static void set_deadline(struct crypto *crypto, struct assoc *assoc)
{
    sr_usec at = dtls_deadline(assoc->dtls);

    if (at == SR_NEVER)
        sr_heap_remove(&crypto->deadlines, &assoc->node);
    else
        sr_heap_set(&crypto->deadlines, &assoc->node, at);
}

/* The new association takes the old one's place. */
static void on_up(struct crypto *crypto, struct peer *peer)
{
    drop_assoc(crypto, &peer->up);
    sr_heap_remove(&crypto->deadlines, &peer->next.node);
    peer->up.dtls = peer->next.dtls;
    peer->next.dtls = NULL;
    peer->is_start_due = false;
    atomic_fetch_sub(&crypto->counters.half_open, 1);
    atomic_fetch_add(&crypto->counters.handshakes, 1);
    say_result(crypto, peer, DTLS_EVENT_UP, peer->up.dtls);
}

static void on_failed(struct crypto *crypto, struct peer *peer, struct assoc *assoc)
{
    atomic_fetch_add(&crypto->counters.failures, 1);
    /* a hello that came late or twice: the association in force is what was wanted */
    if (peer->up.dtls == NULL || peer->is_start_due)
        say_result(crypto, peer, DTLS_EVENT_FAILED, assoc->dtls);
    drop_assoc(crypto, assoc);
}

static void do_step(struct crypto *crypto, struct assoc *assoc, const struct dtls_step *step)
{
    struct peer *peer = assoc->peer;

    for (size_t i = 0; i < step->datagram_count; i++)
        send_datagram(crypto, peer, dtls_datagram(assoc->dtls, i));
    switch (step->event) {
    case DTLS_EVENT_NONE:
        set_deadline(crypto, assoc);
        return;
    case DTLS_EVENT_UP:
        on_up(crypto, peer);
        return;
    case DTLS_EVENT_FAILED:
        on_failed(crypto, peer, assoc);
        return;
    case DTLS_EVENT_CLOSED:
        if (assoc == &peer->up)
            say_result(crypto, peer, DTLS_EVENT_CLOSED, assoc->dtls);
        drop_assoc(crypto, assoc);
        return;
    }
}

static bool make_next(struct crypto *crypto, struct peer *peer)
{
    struct dtls_options options = {.is_client = peer->options.is_client,
                                   .peer = peer->options.fingerprint};

    if (atomic_load(&crypto->counters.half_open) < CRYPTO_HALF_OPEN_MAX)
        peer->next.dtls = dtls_new(crypto->identity, &options);
    if (peer->next.dtls == NULL) {
        atomic_fetch_add(&crypto->counters.refused, 1);
        return false;
    }
    atomic_fetch_add(&crypto->counters.half_open, 1);
    return true;
}

/* A client begins as soon as it knows whom and where. */
static void start_if_due(struct crypto *crypto, struct peer *peer)
{
    struct dtls_step step;

    if (!peer->options.is_client || !peer->is_start_due || !peer->has_path ||
        peer->next.dtls != NULL || !make_next(crypto, peer))
        return;
    dtls_start(peer->next.dtls, crypto->now, &step);
    do_step(crypto, &peer->next, &step);
}

/* ---- input ---- */

static struct peer *find_peer(struct crypto *crypto, sr_id leg)
{
    return sr_map64_find(&crypto->peers, leg);
}

static bool is_same(const struct crypto_peer_options *a, const struct crypto_peer_options *b)
{
    return a->is_client == b->is_client && dtls_fingerprint_eq(&a->fingerprint, &b->fingerprint);
}

static void on_set(struct crypto *crypto, const struct order *order)
{
    struct peer *peer = find_peer(crypto, order->leg);
    bool is_known = peer != NULL;

    if (!is_known) {
        peer = sr_zalloc(1, sizeof(*peer));
        peer->leg = order->leg;
        peer->up.peer = peer;
        peer->next.peer = peer;
        (void)sr_map64_put(&crypto->peers, order->leg, peer);
    }
    if (!is_known || !is_same(&peer->options, &order->options) || order->options.is_new_wanted) {
        drop_assoc(crypto, &peer->next); /* shaken with what holds no more */
        peer->is_start_due = true;
    }
    peer->options = order->options;
    start_if_due(crypto, peer);
}

static void say_goodbye(struct crypto *crypto, struct peer *peer)
{
    struct dtls_step step;

    if (peer->up.dtls != NULL) {
        dtls_close(peer->up.dtls, crypto->now, &step);
        for (size_t i = 0; i < step.datagram_count; i++)
            send_datagram(crypto, peer, dtls_datagram(peer->up.dtls, i));
    }
    drop_assoc(crypto, &peer->up);
    drop_assoc(crypto, &peer->next);
}

static void on_forget(struct crypto *crypto, sr_id leg)
{
    struct peer *peer = sr_map64_remove(&crypto->peers, leg);
    struct answer *answer = sr_zalloc(1, sizeof(*answer));

    if (peer != NULL) {
        say_goodbye(crypto, peer);
        sr_free(peer);
    }
    answer->is_forgotten = true;
    answer->result.leg = leg;
    post(crypto, answer);
}

static void serve_orders(struct crypto *crypto)
{
    struct sr_mpsc_node *node;

    while ((node = sr_mpsc_pop(&crypto->orders)) != NULL) {
        struct order *order = SR_CONTAINER(node, struct order, node);

        switch (order->kind) {
        case ORDER_SET:
            on_set(crypto, order);
            break;
        case ORDER_FORGET:
            on_forget(crypto, order->leg);
            break;
        case ORDER_STOP:
            crypto->is_stopping = true;
            break;
        }
        sr_free(order);
    }
}

static void on_record(struct crypto *crypto, const struct record *record, const uint8_t *bytes,
                      size_t n)
{
    struct peer *peer = find_peer(crypto, record->leg);
    struct assoc *assoc;
    struct dtls_step step;

    if (peer == NULL) { /* its description was sent before, and waits among the orders */
        serve_orders(crypto);
        peer = find_peer(crypto, record->leg);
    }
    if (peer == NULL) { /* its description has not come yet: it will say it again */
        atomic_fetch_add(&crypto->counters.junk, 1);
        return;
    }
    peer->path = record->path;
    peer->has_path = record->path.remote.family != SR_ADDR_NONE;
    if (record->is_path) {
        start_if_due(crypto, peer);
        return;
    }
    if (peer->next.dtls == NULL && !peer->options.is_client && dtls_is_first_hello(bytes, n) &&
        !make_next(crypto, peer))
        return;
    assoc = peer->next.dtls != NULL ? &peer->next : &peer->up;
    if (assoc->dtls == NULL) {
        atomic_fetch_add(&crypto->counters.junk, 1);
        return;
    }
    dtls_receive(assoc->dtls, bytes, n, crypto->now, &step);
    do_step(crypto, assoc, &step);
}

/* ---- the thread ---- */

/* True: something was there. */
static bool serve_rings(struct crypto *crypto)
{
    struct {
        struct record record;
        uint8_t bytes[DTLS_RECORD_BYTES_MAX];
    } item;
    bool is_any = false;
    size_t n;

    for (uint32_t i = 0; i < crypto->options.worker_count; i++) {
        for (int k = 0; k < BURST_MAX && pktring_pop(&crypto->rings[i], &item, sizeof(item), &n);
             k++) {
            SR_ASSERT(n >= sizeof(item.record));
            on_record(crypto, &item.record, (const uint8_t *)&item + sizeof(item.record),
                      n - sizeof(item.record));
            is_any = true;
        }
    }
    return is_any;
}

static void run_due(struct crypto *crypto)
{
    struct sr_heap_node *node;
    struct dtls_step step;

    while ((node = sr_heap_pop_due(&crypto->deadlines, crypto->now)) != NULL) {
        struct assoc *assoc = SR_CONTAINER(node, struct assoc, node);

        dtls_on_deadline(assoc->dtls, crypto->now, &step);
        do_step(crypto, assoc, &step);
    }
}

static void wait_for_work(struct crypto *crypto)
{
    struct pollfd fd = {.fd = crypto->wake_fd, .events = POLLIN};
    const struct sr_heap_node *first = sr_heap_first(&crypto->deadlines);
    struct timespec wait = {0};
    uint64_t value;
    sr_usec left;

    if (first != NULL) {
        left = SR_MAX(first->at - net_clock_now(), (sr_usec)0);
        wait.tv_sec = (time_t)(left / SR_SEC);
        wait.tv_nsec = (long)(left % SR_SEC) * 1000;
    }
    (void)ppoll(&fd, 1, first != NULL ? &wait : NULL, NULL);
    if (read(crypto->wake_fd, &value, sizeof(value)) < 0)
        SR_ASSERT(errno == EAGAIN || errno == EINTR);
    atomic_store(&crypto->is_awake, false); /* what is pushed from here on wakes again */
}

static void *crypto_main(void *arg)
{
    struct crypto *crypto = arg;
    size_t cursor = 0;
    struct peer *peer;

    while (!crypto->is_stopping) {
        wait_for_work(crypto);
        do {
            crypto->now = net_clock_now();
            serve_orders(crypto);
        } while (serve_rings(crypto) && !crypto->is_stopping);
        run_due(crypto);
    }
    while ((peer = sr_map64_next(&crypto->peers, &cursor)) != NULL) {
        say_goodbye(crypto, peer);
        sr_free(peer);
    }
    return NULL;
}

/* ---- life ---- */

enum sr_err crypto_new(const struct crypto_options *options, struct crypto **ret_crypto)
{
    struct crypto *crypto = sr_zalloc(1, sizeof(*crypto));

    crypto->options = *options;
    crypto->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    crypto->rings = sr_zalloc(options->worker_count, sizeof(*crypto->rings));
    for (uint32_t i = 0; i < options->worker_count; i++)
        pktring_init(&crypto->rings[i], CRYPTO_RING_BYTES);
    sr_mpsc_init(&crypto->orders);
    sr_mpsc_init(&crypto->answers);
    sr_map64_init(&crypto->peers);
    sr_heap_init(&crypto->deadlines);
    loop_job_init(&crypto->job, collect_job, crypto);
    if (crypto->wake_fd < 0 || dtls_identity_new(&crypto->identity) != SR_OK ||
        pthread_create(&crypto->thread, NULL, crypto_main, crypto) != 0) {
        crypto_free(crypto);
        return SR_ERR_IO;
    }
    crypto->has_thread = true;
    *ret_crypto = crypto;
    return SR_OK;
}

static void free_answers(struct crypto *crypto)
{
    struct sr_mpsc_node *node;

    while ((node = sr_mpsc_pop(&crypto->answers)) != NULL)
        sr_free_secret(SR_CONTAINER(node, struct answer, node), sizeof(struct answer));
}

void crypto_free(struct crypto *crypto)
{
    if (crypto == NULL)
        return;
    if (crypto->has_thread) {
        send_order(crypto, ORDER_STOP, SR_ID_NONE, NULL);
        (void)pthread_join(crypto->thread, NULL);
    }
    free_answers(crypto);
    for (uint32_t i = 0; i < crypto->options.worker_count; i++)
        pktring_done(&crypto->rings[i]);
    sr_free(crypto->rings);
    sr_map64_done(&crypto->peers);
    sr_heap_done(&crypto->deadlines);
    dtls_identity_free(crypto->identity);
    if (crypto->wake_fd >= 0)
        close(crypto->wake_fd);
    sr_free(crypto);
}

const struct dtls_fingerprint *crypto_fingerprint(const struct crypto *crypto)
{
    return dtls_identity_fingerprint(crypto->identity);
}

const struct crypto_counters *crypto_counters(const struct crypto *crypto)
{
    return &crypto->counters;
}

/* The front of the real media port: runs on the signalling thread (see internal.h). */
#include "worker/port_threads.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/clock.h"
#include "worker/front.h"

enum {
    PORT_ROOMS_MAX = 20000,
    PORT_LEGS_PER_ROOM = 4, /* on average; bounds the id table and the workers' lists */
};

static struct port_threads *self(struct media_port *port)
{
    return (struct port_threads *)port;
}

/* ---- orders ---- */

struct order *front__order(enum order_kind kind, struct mroom *room, struct mleg *leg)
{
    struct order *order = sr_zalloc(1, sizeof(*order));

    order->kind = kind;
    order->room = room;
    order->leg = leg;
    return order;
}

static void wake(struct worker *worker)
{
    uint64_t one = 1;

    if (write(worker->wake_fd, &one, sizeof(one)) < 0)
        SR_ASSERT(errno == EAGAIN); /* the counter is full: it wakes anyway */
}

/* At the end of a turn of the loop: one wake-up for all orders of the turn. */
static void wake_workers(void *arg)
{
    struct port_threads *port = arg;

    for (uint32_t i = 0; i < port->worker_count; i++) {
        if (!port->workers[i].is_wake_due)
            continue;
        port->workers[i].is_wake_due = false;
        wake(&port->workers[i]);
    }
}

void front__send(struct worker *worker, struct order *order)
{
    struct port_threads *port = worker->port;

    if (!sr_mpsc_push(&worker->orders, &order->node))
        return; /* it is awake, or will be */
    if (port->is_stopping) {
        wake(worker);
        return;
    }
    worker->is_wake_due = true;
    loop_defer(port->options.loop, &port->wake_job);
}

/* Orders about a leg that is between two workers wait until it has arrived. */
void front__send_leg(struct mleg *leg, struct order *order)
{
    if (leg->is_moving)
        sr_list_add(&leg->held_orders, &order->held);
    else
        front__send(leg->front_room->worker, order);
}

void front__tell(struct port_threads *port, const struct media_event *event)
{
    if (!port->is_stopping)
        port->options.on_event(port->options.arg, event);
}

/* ---- what comes back ---- */

static void on_leg_taken(struct port_threads *port, struct order *order)
{
    struct mleg *leg = order->leg;
    struct media_event event = {.kind = MEDIA_EVENT_CLOSED,
                                .room = order->room->id,
                                .leg = leg->id,
                                .cookie = leg->cookie,
                                .stats = order->stats};
    struct sr_node *node;

    if (order->next == NULL) {
        if (leg->web != NULL) {
            front__webrtc_taken(port, leg, &event);
            return;
        }
        if (leg->has_dtls) {
            front__dtls_taken(port, leg, &event);
            return;
        }
        front__free_leg(port, leg);
        front__tell(port, &event);
        return;
    }
    leg->is_moving = false;
    front__send(leg->front_room->worker, front__order(ORDER_LEG_ADD, leg->front_room, leg));
    /* one of the orders that waited may take it away again */
    while (!leg->is_moving && (node = sr_list_pop(&leg->held_orders)) != NULL) {
        struct order *held = SR_CONTAINER(node, struct order, held);

        front__send(leg->front_room->worker, held);
        leg->is_moving = held->kind == ORDER_LEG_TAKE && held->next != NULL;
    }
}

static void on_mode(struct port_threads *port, struct order *order)
{
    struct media_event event = {.kind = MEDIA_EVENT_MODE,
                                .room = order->room->id,
                                .cookie = order->room->cookie,
                                .mode = order->mode.mode};

    if (!order->room->is_closing)
        front__tell(port, &event);
}

static void on_played(struct port_threads *port, struct order *order)
{
    struct mleg *leg = order->leg;
    struct media_event event = {.kind = MEDIA_EVENT_PLAYED,
                                .room = leg->front_room->id,
                                .leg = leg->id,
                                .cookie = leg->cookie,
                                .play = order->play->options.play,
                                .play_end = order->play->end,
                                .played_ms = play_ms(order->play),
                                .starved_ms = play_starved_ms(order->play)};

    play_free(order->play);
    SR_ASSERT(leg->front_play_count > 0);
    leg->front_play_count--;
    front__tell(port, &event);
    leg = sr_idtab_find(&port->legs, event.leg); /* the listener may do anything */
    if (leg != NULL && !leg->is_closing)
        front__apply(leg->front_room);
}

static void on_digit_sent(struct order *order)
{
    struct mleg *leg = order->leg;

    SR_ASSERT(leg->front_digit_count > 0);
    leg->front_digit_count--;
    if (!leg->is_closing)
        front__apply(leg->front_room);
}

static void on_returned(struct port_threads *port, struct order *order)
{
    switch (order->kind) {
    case ORDER_LEG_TAKE:
        on_leg_taken(port, order);
        front__let_go(order->room);
        if (order->next != NULL)
            front__let_go(order->next);
        break;
    case ORDER_ROOM_MODE:
        on_mode(port, order);
        break;
    case ORDER_ROOM_CLOSE:
        order->room->worker->room_count--;
        order->room->worker->slot_rooms[order->room->slot]--;
        play_free(order->room->music_play);
        sr_free(order->room->front_legs);
        sr_free(order->room->legs);
        sr_free(order->room);
        break;
    case ORDER_ROOM_MUSIC:
        play_free(order->play);
        break;
    case ORDER_ROOM_LEGS:
        sr_free(order->list.legs);
        break;
    case ORDER_LEG_KIT:
        kit__free(order->kit);
        break;
    case ORDER_LEG_PLAY:
        on_played(port, order);
        break;
    case ORDER_LEG_DTMF:
        on_digit_sent(order);
        break;
    case ORDER_LEG_STREAM:
        secure__free(order->secure);
        break;
    case ORDER_LEG_KEYS:
        front__webrtc_keys(port, order);
        break;
    case ORDER_PEER_REMOVE:
        front__webrtc_peer_gone(port, order->leg);
        break;
    case ORDER_PEER_ADD:
    case ORDER_PEER_REMOTE:
    case ORDER_LEG_ADD:
    case ORDER_LEG_ROLE:
    case ORDER_LEG_PROMPT:
    case ORDER_LEG_MUTED:
    case ORDER_LEG_WHISPER:
    case ORDER_LEG_TIMEOUT:
    case ORDER_LEG_STOP:
    case ORDER_STOP:
        break;
    }
    sr_free(order);
}

/* The phone sends another codec of those agreed: decode that one. */
static void on_rx_codec(struct port_threads *port, const struct report *report)
{
    struct mleg *leg = sr_idtab_find(&port->legs, report->event.leg);

    if (leg == NULL || leg->is_closing || leg->front_rx_codec == report->codec)
        return;
    leg->front_rx_codec = report->codec;
    front__apply(leg->front_room);
}

static void on_report(struct port_threads *port, struct report *report)
{
    struct mleg *leg = sr_idtab_find(&port->legs, report->event.leg);

    if (report->kind == REPORT_RX_CODEC) {
        on_rx_codec(port, report);
        return;
    }
    if (leg == NULL || leg->is_closing)
        return;
    report->event.room = leg->front_room->id;
    if (report->kind == REPORT_WEBRTC)
        front__webrtc_report(port, report);
    else
        front__tell(port, &report->event);
}

static void collect(void *arg)
{
    struct worker *worker = arg;
    struct port_threads *port = worker->port;
    struct sr_mpsc_node *node;
    struct report report;

    atomic_store(&worker->is_post_pending, false);
    while (sr_ring_pop(&worker->reports, &report))
        on_report(port, &report);
    while ((node = sr_mpsc_pop(&worker->returned)) != NULL)
        on_returned(port, SR_CONTAINER(node, struct order, node));
}

/* What the workers could not help. */
static void on_blame_timer(void *arg)
{
    struct port_threads *port = arg;
    sr_usec stolen = net_clock_stolen();

    for (uint32_t i = 0; i < port->worker_count; i++)
        tally__blame(&port->workers[i], stolen - port->stolen);
    port->stolen = stolen;
    if (port->rooms.count > 0)
        loop_timer_set(port->options.loop, &port->blame_timer,
                       loop_now(port->options.loop) + SR_SEC);
}

void front__begin_blaming(struct port_threads *port)
{
    if (port->options.is_stepped || loop_timer_is_set(&port->blame_timer))
        return;
    port->stolen = net_clock_stolen();
    loop_timer_set(port->options.loop, &port->blame_timer, loop_now(port->options.loop) + SR_SEC);
}

/* ---- the port ---- */

void front__stats(struct media_port *base, struct media_port_stats *ret_stats)
{
    struct port_threads *port = self(base);

    *ret_stats = (struct media_port_stats){
        .rooms = port->rooms.count,
        .legs = port->legs.count,
        .ports_used = port->ports.used_count,
        .ports_free = port->ports.pair_count - port->ports.used_count,
        .workers = port->worker_count,
    };
    front__webrtc_stats(port, &ret_stats->web);
    for (uint32_t i = 0; i < port->worker_count; i++) {
        struct media_worker_stats *worker = &ret_stats->worker[i];

        tally__read(&port->workers[i], worker);
        if (!port->options.is_stepped)
            worker->cpu_us = net_clock_cpu_of(port->workers[i].thread);
        ret_stats->ticks += worker->ticks;
        ret_stats->overruns += worker->overruns;
        ret_stats->cpu_us += worker->cpu_us;
    }
}

void front__set_ports(struct media_port *base, uint16_t port_min, uint16_t port_max)
{
    struct port_threads *port = self(base);
    struct ports fresh;
    uint32_t cursor = 0;
    struct mleg *leg;

    ports__init(&fresh, port_min, port_max);
    if (fresh.port_min == port->ports.port_min && fresh.port_max == port->ports.port_max) {
        ports__done(&fresh);
        return;
    }
    while ((leg = sr_idtab_next(&port->legs, &cursor)) != NULL) {
        if (leg->rtp_fd >= 0)
            ports__keep(&fresh, leg->local.port);
    }
    ports__done(&port->ports);
    port->ports = fresh;
}

static void worker_done(struct worker *worker)
{
    if (worker->epoll_fd >= 0)
        close(worker->epoll_fd);
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
    sr_ring_done(&worker->reports);
    sr_free(worker->legs);
    early__done(worker);
}

/* What the workers still hold. */
static bool is_anything_open(const struct port_threads *port)
{
    for (uint32_t i = 0; i < port->worker_count; i++) {
        if (port->workers[i].room_count > 0)
            return true;
    }
    return port->legs.count > 0;
}

static void stop_workers(struct port_threads *port)
{
    for (uint32_t i = 0; i < port->worker_count; i++)
        front__send(&port->workers[i], front__order(ORDER_STOP, NULL, NULL));
    for (uint32_t i = 0; i < port->worker_count; i++) {
        if (port->options.is_stepped)
            worker__step(&port->workers[i], port->workers[i].now);
        else
            pthread_join(port->workers[i].thread, NULL);
        collect(&port->workers[i]);
    }
}

void front__free(struct media_port *base)
{
    struct port_threads *port = self(base);
    uint32_t cursor = 0;
    struct mroom *room;

    port->is_stopping = true;
    loop_defer_clear(port->options.loop, &port->wake_job);
    loop_timer_clear(port->options.loop, &port->blame_timer);
    wake_workers(port);
    while ((room = sr_idtab_next(&port->rooms, &cursor)) != NULL)
        media_room_close(base, room->id);
    while (is_anything_open(port)) { /* a tick or two, at shutdown only */
        for (uint32_t i = 0; i < port->worker_count; i++) {
            if (port->options.is_stepped)
                worker__step(&port->workers[i], port->workers[i].now);
            collect(&port->workers[i]);
        }
        crypto_collect(port->crypto);
        sched_yield();
    }
    stop_workers(port);
    front__webrtc_stop(port);
    for (uint32_t i = 0; i < port->worker_count; i++)
        worker_done(&port->workers[i]);
    sr_idtab_done(&port->rooms);
    sr_idtab_done(&port->legs);
    ports__done(&port->ports);
    media_clip_unref(port->music);
    sr_free(port->workers);
    sr_free(port);
}

static enum sr_err worker_start(struct port_threads *port, struct worker *worker)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    worker->port = port;
    worker->loop = port->options.loop;
    worker->dsp = dsp_best();
    worker->complexity_max = CODEC_COMPLEXITY_MAX;
    worker->is_stepped = port->options.is_stepped;
    atomic_store(&worker->tally.opus_complexity, worker->complexity_max);
    worker->leg_cap = port->legs.max;
    early__init(worker);
    worker->legs = sr_zalloc(worker->leg_cap, sizeof(struct mleg *));
    sr_mpsc_init(&worker->orders);
    sr_mpsc_init(&worker->returned);
    sr_ring_init(&worker->reports, WORKER_REPORTS_MAX, sizeof(struct report));
    sr_prng_seed(&worker->prng, sr_random_u64());
    loop_job_init(&worker->job, collect, worker);
    for (uint32_t slot = 0; slot < WORKER_SLOTS; slot++)
        sr_list_init(&worker->slots[slot]);
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    worker->index = port->worker_count;
    worker->crypto = port->crypto;
    if (worker->index == 0 && port->bport != NULL) {
        worker->bport = port->bport;
        bport_attach(port->bport, worker, port->crypto);
    }
    if (worker->epoll_fd < 0 || worker->wake_fd < 0 ||
        epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->wake_fd, &event) < 0 ||
        (!worker->is_stepped && pthread_create(&worker->thread, NULL, worker__main, worker) != 0)) {
        worker_done(worker);
        return SR_ERR_IO;
    }
    return SR_OK;
}

enum sr_err port_threads_new(const struct port_threads_options *options,
                             struct media_port **ret_port)
{
    struct port_threads *port = sr_zalloc(1, sizeof(*port));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t rooms_max = options->rooms_max ? options->rooms_max : PORT_ROOMS_MAX;
    uint32_t wanted = options->threads ? options->threads : (uint32_t)SR_MAX(cores, 1L);
    enum sr_err err = SR_OK;

    port->base.ops = &front__ops;
    port->options = *options;
    sr_idtab_init(&port->rooms, rooms_max);
    sr_idtab_init(&port->legs, rooms_max * PORT_LEGS_PER_ROOM);
    ports__init(&port->ports, options->port_min, options->port_max);
    sr_prng_seed(&port->prng, sr_random_u64());
    loop_job_init(&port->wake_job, wake_workers, port);
    loop_timer_init(&port->blame_timer, on_blame_timer, port);
    wanted = SR_MIN(wanted, (uint32_t)MEDIA_WORKERS_MAX);
    port->workers = sr_zalloc(wanted, sizeof(*port->workers));
    err = front__webrtc_start(port, wanted);
    while (port->worker_count < wanted && err == SR_OK) {
        err = worker_start(port, &port->workers[port->worker_count]);
        port->worker_count += err == SR_OK;
    }
    if (err != SR_OK) {
        front__free(&port->base);
        return err;
    }
    *ret_port = &port->base;
    return SR_OK;
}

void port_threads_step(struct media_port *base, sr_usec now)
{
    struct port_threads *port = self(base);

    SR_ASSERT(port->options.is_stepped);
    for (uint32_t i = 0; i < port->worker_count; i++)
        worker__step(&port->workers[i], now);
}

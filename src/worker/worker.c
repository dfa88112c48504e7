/* One media worker: orders, ready sockets, ticks. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "net/clock.h"
#include "worker/internal.h"

static void post_front(struct worker *worker)
{
    if (!atomic_exchange(&worker->is_post_pending, true))
        loop_post(worker->loop, &worker->job);
}

bool worker__report(struct worker *worker, const struct report *report)
{
    bool has_room = report->event.kind != MEDIA_EVENT_STATS ||
                    sr_ring_count(&worker->reports) < WORKER_FIGURES_MAX;

    if (!has_room || !sr_ring_push(&worker->reports, report)) {
        tally__add(&worker->tally.reports_refused, 1);
        return false;
    }
    post_front(worker);
    return true;
}

void worker__return(struct worker *worker, struct order *order)
{
    (void)sr_mpsc_push(&worker->returned, &order->node);
    post_front(worker);
}

/* epoll data: a leg, or a socket of the browser port, with a mark; NULL for the wake descriptor */
static void watch_fd(struct worker *worker, int op, int fd, void *data)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};

    if (fd >= 0)
        (void)epoll_ctl(worker->epoll_fd, op, fd, &event);
}

static void *rtcp_mark(struct mleg *leg)
{
    return (char *)leg + WORKER_MARK_RTCP;
}

sr_usec worker__clock(const struct worker *worker)
{
    return worker->is_stepped ? worker->now : net_clock_now();
}

sr_usec worker__wall(const struct worker *worker)
{
    return worker->is_stepped ? WORKER_STEPPED_WALL + worker->now : net_clock_wall();
}

sr_usec worker__arrival(const struct worker *worker, sr_usec stamp)
{
    bool is_likely = stamp <= worker->now && stamp > worker->now - LEG_STAMP_AGE_MAX;

    return is_likely && !worker->is_stepped ? stamp : worker->now;
}

/* A packet of a mixed leg is needed at the tick, not before: it waits in the kernel, which notes its time. In
   virtual time the kernel knows nothing of time. */
bool worker__wants_watch(const struct worker *worker, const struct mroom *room)
{
    return room->mode != MEDIA_MODE_MIX || worker->is_stepped;
}

void worker__watch(struct worker *worker, struct mleg *leg, bool is_watched)
{
    if (!mleg__has_wire(leg))
        return;
    if (leg->web == NULL && leg->is_stamped == is_watched && !worker->is_stepped) {
        leg->is_stamped = !is_watched;
        sockets__stamp(leg->rtp_fd, leg->is_stamped);
    }
    if (leg->is_watched == is_watched)
        return;
    leg->is_watched = is_watched;
    if (leg->web != NULL) {
        atomic_store(&leg->web->peer.waker, is_watched ? worker : NULL);
        if (is_watched) /* what came before it could be told */
            mleg__receive(worker, leg);
        return;
    }
    watch_fd(worker, is_watched ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, leg->rtp_fd, leg);
}

static void serve_ready(struct worker *worker, const struct epoll_event *events, int count)
{
    worker->ready_count += (uint32_t)SR_MAX(count, 0);
    for (int i = 0; i < count; i++) {
        uintptr_t mark = (uintptr_t)events[i].data.ptr;

        if (mark == 0) {
            uint64_t value;

            if (read(worker->wake_fd, &value, sizeof(value)) < 0)
                continue; /* somebody has read it: fine */
            worker->is_order_due = true;
            mweb__serve_rings(worker);
            if (worker->bport != NULL)
                bport_flush(worker->bport);
        } else if (mark & WORKER_MARK_RTCP) {
            mleg__receive_rtcp(worker, (void *)((char *)events[i].data.ptr - WORKER_MARK_RTCP));
        } else if (mark & WORKER_MARK_BPORT) {
            bport_on_ready(worker->bport, (char *)events[i].data.ptr - WORKER_MARK_BPORT,
                           events[i].events);
        } else {
            mleg__receive(worker, events[i].data.ptr);
        }
    }
}

/* Serves ready sockets when they have waited long enough. True: that took time. */
static bool breathe_at(struct worker *worker, sr_usec now)
{
    struct epoll_event events[WORKER_EVENTS_MAX];
    int count;

    if (now - worker->served_at < WORKER_STEP_US)
        return false;
    worker->served_at = now;
    worker->now = now;
    count = epoll_wait(worker->epoll_fd, events, WORKER_EVENTS_MAX, 0);
    serve_ready(worker, events, count);
    return true;
}

void worker__breathe(struct worker *worker)
{
    (void)breathe_at(worker, worker__clock(worker));
}

sr_usec worker__lap(struct worker *worker)
{
    sr_usec now = worker__clock(worker);
    sr_usec took = now - worker->lap_at;

    worker->lap_at = breathe_at(worker, now) ? worker__clock(worker) : now;
    return took;
}

/* ---- orders ---- */

static void add_leg(struct worker *worker, struct mroom *room, struct mleg *leg)
{
    SR_ASSERT(room->leg_count < room->leg_cap);
    SR_ASSERT(worker->leg_count < worker->leg_cap);
    leg->room = room;
    leg->said = 0; /* who joins is faded in, at both its ends */
    leg->said_to = SR_ID_NONE;
    leg->heard = (struct mhearing){.is_isolated = true};
    room->legs[room->leg_count++] = leg;
    worker->legs[worker->leg_count++] = leg;
    watch_fd(worker, EPOLL_CTL_ADD, leg->rtcp_fd, rtcp_mark(leg));
    mroom__pair(room);
    worker__watch(worker, leg, worker__wants_watch(worker, room));
    mroom__check_ticking(worker, room);
}

static void remove_from(struct mleg **legs, uint32_t *count, const struct mleg *leg)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (legs[i] == leg) {
            memmove(legs + i, legs + i + 1, (*count - i - 1) * sizeof(*legs));
            (*count)--;
            return;
        }
    }
    SR_ASSERT(false);
}

static void take_leg(struct worker *worker, struct mleg *leg)
{
    struct mroom *room = leg->room;

    mshare__leave(leg);
    mroom__fade_out(room, leg);
    early__drop(worker, leg);
    worker__watch(worker, leg, false);
    watch_fd(worker, EPOLL_CTL_DEL, leg->rtcp_fd, NULL);
    remove_from(room->legs, &room->leg_count, leg);
    remove_from(worker->legs, &worker->leg_count, leg);
    mroom__pair(room);
    leg->room = NULL;
    leg->relay_to = NULL;
    leg->frame = leg->aside = NULL;
    mroom__check_ticking(worker, room);
}

static void swap_list(struct order *order)
{
    struct mroom *room = order->room;
    struct mleg **old = room->legs;

    SR_ASSERT(room->leg_count <= order->list.cap);
    for (uint32_t i = 0; i < room->leg_count; i++)
        order->list.legs[i] = old[i];
    room->legs = order->list.legs;
    room->leg_cap = order->list.cap;
    room->frames = (const float **)(void *)(room->legs + room->leg_cap);
    order->list.legs = old;
}

static void swap_kit(struct order *order)
{
    struct mleg *leg = order->leg;
    struct kit *old = leg->kit;
    struct kit *fresh = order->kit;

    mshare__leave(leg);
    /* what waits in the jitter buffer is not lost when only rates change */
    if (old != NULL && fresh->jitter != NULL && old->jitter != NULL &&
        old->rx_codec == fresh->rx_codec) {
        void *memory = fresh->jitter_memory;
        struct jitter *jitter = fresh->jitter;

        fresh->jitter = old->jitter;
        fresh->jitter_memory = old->jitter_memory;
        old->jitter = jitter;
        old->jitter_memory = memory;
    }
    leg->kit = fresh;
    leg->frame = leg->aside = NULL;
    mleg__fit_encoder(leg);
    order->kit = old;
}

/* Keys that come out of a handshake stay when only the stream changes. */
static void swap_secure(struct order *order)
{
    struct mleg *leg = order->leg;
    struct secure *old = leg->secure;

    if (order->secure == NULL && order->stream.crypto == MEDIA_CRYPTO_DTLS &&
        leg->stream.crypto == MEDIA_CRYPTO_DTLS)
        return;
    if (order->secure != NULL)
        secure__follow(order->secure, old);
    leg->secure = order->secure;
    order->secure = old;
}

static void swap_music(struct order *order)
{
    struct play *old = order->room->music_play;

    order->room->music_play = order->play;
    order->room->music_hz = 0; /* the melody begins anew when it comes back */
    order->play = old;
}

static void swap_keys(struct order *order)
{
    struct mleg *leg = order->leg;
    struct secure *old = leg->secure;

    if (order->secure != NULL)
        secure__follow(order->secure, old);
    leg->secure = order->secure;
    order->secure = old;
}

static void serve_peer_order(struct worker *worker, struct order *order)
{
    struct bpeer *peer = &order->leg->web->peer;

    if (order->kind == ORDER_PEER_ADD)
        bport_add(worker->bport, peer, &order->ice.local);
    else if (order->kind == ORDER_PEER_REMOTE)
        bport_set_remote(worker->bport, peer, sr_str_c(order->ice.ufrag), sr_str_c(order->ice.pwd),
                         &order->ice.local);
    else
        bport_remove(worker->bport, peer);
}

static void close_room(struct worker *worker, struct mroom *room)
{
    SR_ASSERT(room->leg_count == 0);
    room->mode = MEDIA_MODE_IDLE;
    mroom__check_ticking(worker, room);
    if (room->mode_order != NULL)
        worker__return(worker, room->mode_order);
    room->mode_order = NULL;
}

/* False: the order is kept and returned later. */
static bool serve_order(struct worker *worker, struct order *order)
{
    struct mleg *leg = order->leg;

    switch (order->kind) {
    case ORDER_ROOM_CLOSE:
        close_room(worker, order->room);
        break;
    case ORDER_ROOM_MODE:
        worker->is_early_due = true;
        mroom__set_mode(worker, order->room, order);
        return false;
    case ORDER_ROOM_MUSIC:
        swap_music(order);
        break;
    case ORDER_ROOM_LEGS:
        swap_list(order);
        break;
    case ORDER_LEG_ADD:
        add_leg(worker, order->room, leg);
        break;
    case ORDER_LEG_TAKE:
        if (order->next == NULL) {
            plays__close(worker, leg);
            mleg__return_digits(worker, leg, true);
        }
        tally__leg(worker, leg);
        mleg__stats(worker, leg, &order->stats);
        take_leg(worker, leg);
        break;
    case ORDER_LEG_STREAM:
        worker->is_early_due = true;
        swap_secure(order);
        mleg__set_stream(worker, leg, &order->stream);
        break;
    case ORDER_LEG_ROLE:
        leg->role = order->role;
        break;
    case ORDER_LEG_PROMPT:
        leg->prompt = order->prompt;
        break;
    case ORDER_LEG_MUTED:
        leg->is_muted = order->is_muted;
        break;
    case ORDER_LEG_WHISPER:
        leg->whisper_to = order->whisper_to;
        break;
    case ORDER_LEG_TIMEOUT:
        leg->timeout_us = (sr_usec)order->timeout_sec * SR_SEC;
        leg->heard_at = worker->now;
        leg->is_timed_out = false;
        break;
    case ORDER_LEG_DTMF:
        if (!mleg__queue_digit(leg, order))
            break;
        mroom__check_ticking(worker, leg->room);
        return false;
    case ORDER_LEG_KIT:
        swap_kit(order);
        break;
    case ORDER_LEG_PLAY:
        plays__start(worker, leg, order);
        return false;
    case ORDER_LEG_STOP:
        plays__stop(worker, leg, order->stopped, MEDIA_PLAY_STOPPED);
        break;
    case ORDER_LEG_KEYS:
        swap_keys(order);
        break;
    case ORDER_PEER_ADD:
    case ORDER_PEER_REMOTE:
    case ORDER_PEER_REMOVE:
        serve_peer_order(worker, order);
        break;
    case ORDER_STOP:
        worker->is_stopping = true;
        break;
    }
    return true;
}

static void serve_orders(struct worker *worker)
{
    struct sr_mpsc_node *node;

    worker->is_order_due = false;
    while ((node = sr_mpsc_pop(&worker->orders)) != NULL) {
        struct order *order = SR_CONTAINER(node, struct order, node);

        if (serve_order(worker, order))
            worker__return(worker, order);
    }
    if (!worker->is_early_due)
        return;
    worker->is_early_due =
        false; /* an answer's orders come together: all of them have been served */
    for (uint32_t i = 0; i < worker->leg_count; i++) {
        if (worker->legs[i]->early.count > 0)
            mleg__take_early(worker, worker->legs[i]);
    }
}

/* ---- time ---- */

/* Opus is made cheaper before a tick is lost, and slowly better again. */
static void fit_complexity(struct worker *worker, sr_usec late)
{
    if (late > WORKER_LATE_US) {
        if (worker->now < worker->complexity_at)
            return; /* the last step has not shown yet */
        worker->complexity_max =
            SR_MAX(SR_MIN(worker->complexity_max, CODEC_COMPLEXITY_DEFAULT) - 1, 0);
        worker->complexity_at = worker->now + 10 * WORKER_TICK;
    } else if (worker->complexity_max < CODEC_COMPLEXITY_MAX &&
               worker->now - worker->complexity_at > WORKER_EASE_MS * SR_MSEC) {
        worker->complexity_max++;
        worker->complexity_at = worker->now;
    }
}

/* A wake-up costs as much as a call's tick. So while the worker has time to spare, sub-slots go in groups, all at
   the time of the last. */
static sr_usec slot_due(const struct worker *worker, uint32_t slot)
{
    sr_usec wait = (sr_usec)(WORKER_GROUP_SLOTS - 1 - slot % WORKER_GROUP_SLOTS) * SR_MSEC;

    return worker->slot_at[slot] + (worker->now >= worker->busy_until ? wait : 0);
}

static void run_slot(struct worker *worker, uint32_t slot)
{
    uint32_t runs = 0;

    for (sr_usec due; (due = slot_due(worker, slot)) <= worker->now;) {
        sr_usec late = worker->now - due;

        if (runs == WORKER_CATCH_UP_MAX) { /* a long stall: give the rest up */
            worker->slot_at[slot] += (late / WORKER_TICK + 1) * WORKER_TICK;
            break;
        }
        fit_complexity(worker, late);
        tally__tick(worker, late);
        worker->tick_at = due;
        SR_LIST_EACH(&worker->slots[slot], node)
        {
            mroom__tick(worker, SR_CONTAINER(node, struct mroom, tick_node));
            worker__breathe(worker);
        }
        worker->slot_at[slot] += WORKER_TICK;
        runs++;
    }
}

static void housekeeping(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->leg_count; i++)
        mleg__housekeeping(worker, worker->legs[i]);
    if (worker->bport != NULL)
        bport_housekeeping(worker->bport);
    tally__legs(worker);
    worker->is_gathering = worker->ready_count >= WORKER_GATHER_READY;
    worker->ready_count = 0;
    if (worker->busy_us > WORKER_BUSY_MS * SR_MSEC)
        worker->busy_until = worker->now + WORKER_EASE_MS * SR_MSEC;
    worker->busy_us = 0;
    worker->housekeeping_at = worker->now + WORKER_HOUSEKEEPING_MS * SR_MSEC;
}

static sr_usec next_deadline(const struct worker *worker)
{
    bool is_busy = worker->leg_count > 0 || (worker->bport != NULL && bport_is_busy(worker->bport));
    sr_usec at = is_busy ? worker->housekeeping_at : SR_NEVER;

    if (worker->is_order_due)
        return worker->now;
    for (uint32_t slot = 0; slot < WORKER_SLOTS; slot++) {
        if (worker->slots[slot].count > 0)
            at = SR_MIN(at, slot_due(worker, slot));
    }
    return at;
}

static void run_due(struct worker *worker)
{
    for (uint32_t slot = 0; slot < WORKER_SLOTS; slot++) {
        if (worker->slots[slot].count > 0)
            run_slot(worker, slot);
    }
    if (worker->housekeeping_at <= worker->now)
        housekeeping(worker);
}

static struct timespec timespec_of(sr_usec us)
{
    struct timespec time = {.tv_sec = (time_t)(us / SR_SEC), .tv_nsec = (long)(us % SR_SEC) * 1000};

    return time;
}

/* Many relayed calls: a wake-up for each packet costs a fifth of the work, so packets wait for each
   other, WORKER_GATHER_US at most. Orders and the browser port wait with them. */
static int gather_ready(struct worker *worker, struct epoll_event *events, sr_usec left)
{
    struct timespec wait = timespec_of(SR_MAX(left, (sr_usec)0));

    if (left > 0)
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL); /* a signal: a little early */
    return epoll_wait(worker->epoll_fd, events, WORKER_EVENTS_MAX, 0);
}

static int wait_ready(struct worker *worker, struct epoll_event *events)
{
    sr_usec at = next_deadline(worker);
    sr_usec now = net_clock_now();
    struct timespec wait;

    worker->busy_us += now - worker->woke_at;
    if (worker->is_gathering)
        return gather_ready(worker, events, SR_MIN(at, worker->served_at + WORKER_GATHER_US) - now);
    if (at == SR_NEVER)
        return epoll_wait(worker->epoll_fd, events, WORKER_EVENTS_MAX, -1);
    wait = timespec_of(SR_MAX(at - now, (sr_usec)0));
    return epoll_pwait2(worker->epoll_fd, events, WORKER_EVENTS_MAX, &wait, NULL);
}

/* Sound cannot wait behind a page being served. Where the system refuses, it goes without; a nice value,
   not a real-time class: no fault of ours can take the machine away. */
static void ask_for_priority(void)
{
    if (setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICE) != 0)
        sr_log(MEDIA, DEBUG, "event=no_priority why=\"the system allows no nice value of %d\"",
               WORKER_NICE);
}

static void turn(struct worker *worker, const struct epoll_event *events, int count)
{
    worker->served_at = worker->now;
    serve_ready(worker, events, count);
    serve_orders(worker);
    run_due(worker);
}

void worker__step(struct worker *worker, sr_usec now)
{
    struct epoll_event events[WORKER_EVENTS_MAX];
    int count;

    worker->now = now;
    do {
        count = epoll_wait(worker->epoll_fd, events, WORKER_EVENTS_MAX, 0);
        turn(worker, events, count);
    } while (count == WORKER_EVENTS_MAX);
}

void *worker__main(void *arg)
{
    struct worker *worker = arg;
    struct epoll_event events[WORKER_EVENTS_MAX];

    ask_for_priority();

    worker->now = worker->woke_at = net_clock_now();
    while (!worker->is_stopping) {
        int count = wait_ready(worker, events);

        worker->now = worker->woke_at = net_clock_now();
        turn(worker, events, count);
    }
    return NULL;
}

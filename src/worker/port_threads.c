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
    PORT_BIND_TRIES = 16,   /* ports of the range that others may hold */
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

/* ---- what a room needs ---- */

static bool is_audible(const struct mleg *leg)
{
    return leg->kind == MEDIA_LEG_ECHO || leg->kind == MEDIA_LEG_PLAYER || leg->front_has_stream;
}

static enum codec_id rx_codec_of(const struct mleg *leg)
{
    if (leg->front_rx_codec != CODEC_NONE)
        return leg->front_rx_codec;
    return leg->front_stream.send_codec;
}

/* Pipes need no speed: what comes goes on, whoever is there. */
static bool is_piped(const struct mroom *room)
{
    return room->front_leg_count > 0 && room->front_legs[0]->kind == MEDIA_LEG_PIPE;
}

static bool can_relay(const struct mroom *room)
{
    const struct mleg *a = room->front_leg_count == 2 ? room->front_legs[0] : NULL;
    const struct mleg *b = a != NULL ? room->front_legs[1] : NULL;

    if (a == NULL || !mleg__has_wire(a) || !mleg__has_wire(b) || !a->front_has_stream ||
        !b->front_has_stream)
        return false;
    return a->front_role == MEDIA_ROLE_PARTICIPANT && b->front_role == MEDIA_ROLE_PARTICIPANT &&
           a->front_prompt == MEDIA_PROMPT_NONE && b->front_prompt == MEDIA_PROMPT_NONE &&
           a->front_play_count + b->front_play_count == 0 && !a->front_muted && !b->front_muted &&
           rx_codec_of(a) == b->front_stream.send_codec &&
           rx_codec_of(b) == a->front_stream.send_codec &&
           a->front_stream.send_codec != CODEC_NONE &&
           a->front_stream.ptime_ms == b->front_stream.ptime_ms;
}

/* The bus runs at the highest rate any party can use; a lone Opus party follows the others. */
static uint32_t bus_rate(const struct mroom *room)
{
    uint32_t rate = 0, opus = 0, others = 0;

    for (uint32_t i = 0; i < room->front_leg_count; i++) {
        const struct mleg *leg = room->front_legs[i];
        const struct codec_ops *codec = codec_find(leg->front_stream.send_codec);

        if (!mleg__has_wire(leg) || codec == NULL)
            continue;
        if (codec->id == CODEC_OPUS) {
            opus++;
            continue;
        }
        others++;
        rate = SR_MAX(rate, codec_rate_for_bus(codec, 48000));
    }
    if (opus >= 2 || (opus == 1 && others == 0))
        return 48000;
    return rate ? rate : 8000;
}

static void send_kit(struct mleg *leg, uint32_t bus_hz)
{
    enum codec_id rx = rx_codec_of(leg);
    enum codec_id tx = leg->front_stream.send_codec;
    struct kit_options options = {
        .rx_codec = rx,
        .tx_codec = tx,
        .bus_hz = bus_hz,
        .ptime_ms = leg->front_stream.ptime_ms ? leg->front_stream.ptime_ms : 20,
        .opus = leg->front_stream.opus,
        .is_bare = leg->kind == MEDIA_LEG_ECHO || leg->kind == MEDIA_LEG_PLAYER,
    };
    struct order *order;

    if (leg->has_front_kit && leg->front_bus_hz == bus_hz && leg->kit_rx_codec == rx &&
        leg->front_tx_codec == tx && leg->front_ptime_ms == options.ptime_ms)
        return;
    leg->has_front_kit = true;
    leg->front_bus_hz = bus_hz;
    leg->kit_rx_codec = rx;
    leg->front_tx_codec = tx;
    leg->front_ptime_ms = options.ptime_ms;
    order = front__order(ORDER_LEG_KIT, leg->front_room, leg);
    order->kit = kit__new(&options);
    front__send_leg(leg, order);
}

/* Brings the worker's mode and kits in line with what is wanted. After every change. */
static void apply(struct mroom *room)
{
    enum media_mode mode = room->front_wanted;
    uint32_t bus_hz = bus_rate(room);
    struct order *order;

    if (room->is_closing)
        return;
    if (is_piped(room))
        mode = MEDIA_MODE_RELAY;
    else if (mode == MEDIA_MODE_RELAY && !can_relay(room))
        mode = MEDIA_MODE_MIX;
    if (mode == MEDIA_MODE_MIX) {
        for (uint32_t i = 0; i < room->front_leg_count; i++) {
            if (is_audible(room->front_legs[i]))
                send_kit(room->front_legs[i], bus_hz);
        }
    }
    if (mode == room->front_mode && (mode != MEDIA_MODE_MIX || bus_hz == room->front_bus_hz))
        return;
    room->front_mode = mode;
    room->front_bus_hz = bus_hz;
    order = front__order(ORDER_ROOM_MODE, room, NULL);
    order->mode.mode = mode;
    order->mode.bus_hz = bus_hz;
    front__send(room->worker, order);
}

/* ---- rooms ---- */

static struct worker *emptiest(struct port_threads *port)
{
    struct worker *best = &port->workers[0];

    if (port->options.spread_wanted)
        return &port->workers[port->next_worker++ % port->worker_count];
    for (uint32_t i = 1; i < port->worker_count; i++) {
        if (port->workers[i].room_count < best->room_count)
            best = &port->workers[i];
    }
    return best;
}

static uint32_t emptiest_slot(const struct worker *worker)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < WORKER_SLOTS; i++) {
        if (worker->slot_rooms[i] < worker->slot_rooms[best])
            best = i;
    }
    return best;
}

static void send_music(struct port_threads *port, struct mroom *room)
{
    struct media_play_options options = {.clip = port->music, .is_looping = true, .play = 1};
    struct order *order = front__order(ORDER_ROOM_MUSIC, room, NULL);

    if (port->music != NULL)
        order->play = play_new(&options);
    front__send(room->worker, order);
}

static void set_music(struct media_port *base, struct media_clip *clip)
{
    struct port_threads *port = self(base);
    uint32_t cursor = 0;
    struct mroom *room;

    if (clip == port->music)
        return;
    media_clip_unref(port->music);
    port->music = clip != NULL ? media_clip_ref(clip) : NULL;
    while ((room = sr_idtab_next(&port->rooms, &cursor)) != NULL)
        send_music(port, room);
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

static void begin_blaming(struct port_threads *port)
{
    if (port->options.is_stepped || loop_timer_is_set(&port->blame_timer))
        return;
    port->stolen = net_clock_stolen();
    loop_timer_set(port->options.loop, &port->blame_timer, loop_now(port->options.loop) + SR_SEC);
}

static enum sr_err room_open(struct media_port *base, uint64_t cookie, sr_id *ret_room)
{
    struct port_threads *port = self(base);
    struct mroom *room = sr_zalloc(1, sizeof(*room));

    room->id = sr_idtab_add(&port->rooms, room);
    if (room->id == SR_ID_NONE) {
        sr_free(room);
        return SR_ERR_LIMIT;
    }
    room->cookie = cookie;
    room->worker = emptiest(port);
    room->worker->room_count++;
    room->slot = emptiest_slot(room->worker);
    room->worker->slot_rooms[room->slot]++;
    room->bus_hz = 8000;
    room->front_bus_hz = 8000;
    if (port->music != NULL)
        send_music(port, room);
    begin_blaming(port);
    *ret_room = room->id;
    return SR_OK;
}

static void leg_close(struct media_port *base, sr_id id);

/* A leg that is on its way into a room still goes through it when both are closed meanwhile. */
static void close_if_left(struct mroom *room)
{
    if (room->is_closing && room->front_takes == 0)
        front__send(room->worker, front__order(ORDER_ROOM_CLOSE, room, NULL));
}

static void let_go(struct mroom *room)
{
    SR_ASSERT(room->front_takes > 0);
    room->front_takes--;
    close_if_left(room);
}

static void room_close(struct media_port *base, sr_id id)
{
    struct port_threads *port = self(base);
    struct mroom *room = sr_idtab_remove(&port->rooms, id);

    if (room == NULL)
        return;
    room->is_closing = true;
    while (room->front_leg_count > 0)
        leg_close(base, room->front_legs[0]->id);
    close_if_left(room);
}

static void room_set_mode(struct media_port *base, sr_id id, enum media_mode mode)
{
    struct mroom *room = sr_idtab_find(&self(base)->rooms, id);

    if (room == NULL)
        return;
    room->front_wanted = mode;
    apply(room);
}

/* ---- legs ---- */

static enum sr_err open_sockets(struct port_threads *port, struct mleg *leg)
{
    enum sr_err err = SR_ERR_LIMIT;
    int fds[2];

    for (int i = 0; i < PORT_BIND_TRIES; i++) {
        uint16_t number = ports__take(&port->ports);

        if (number == 0)
            return SR_ERR_LIMIT;
        err = sockets__open_pair(&leg->local, number, port->options.dscp, fds);
        if (err == SR_OK) {
            leg->local.port = number;
            leg->rtp_fd = fds[0];
            leg->rtcp_fd = fds[1];
            return SR_OK;
        }
        ports__give(&port->ports, number);
        if (err != SR_ERR_EXISTS)
            return err;
    }
    return SR_ERR_LIMIT; /* other programs sit on our range */
}

/* A worker's list may hold legs that have left here already: those whose TAKE is on its way. It never
 * allocates, so a longer one is sent ahead of the leg. */
static void list_leg(struct mroom *room, struct mleg *leg)
{
    struct order *order;

    if (room->front_leg_count + room->front_takes >= room->front_leg_cap) {
        room->front_leg_cap =
            SR_MAX(ROOM_LEGS_FIRST, 2 * (room->front_leg_count + room->front_takes));
        room->front_legs =
            sr_realloc(room->front_legs, room->front_leg_cap * sizeof(struct mleg *));
        order = front__order(ORDER_ROOM_LEGS, room, NULL);
        order->list.cap = room->front_leg_cap;
        order->list.legs = sr_zalloc(2 * (size_t)order->list.cap, sizeof(void *));
        front__send(room->worker, order);
    }
    room->front_legs[room->front_leg_count++] = leg;
}

static enum sr_err leg_open(struct media_port *base, sr_id room_id,
                            const struct media_leg_options *options, sr_id *ret_leg,
                            struct sr_addr *ret_rtp)
{
    struct port_threads *port = self(base);
    struct mroom *room = sr_idtab_find(&port->rooms, room_id);
    enum sr_err err = SR_OK;
    struct mleg *leg;

    if (room == NULL)
        return SR_ERR_NOTFOUND;
    if (room->front_leg_count == MEDIA_LEGS_MAX)
        return SR_ERR_LIMIT;
    leg = sr_zalloc(1, sizeof(*leg));
    leg->kind = options->kind;
    leg->cookie = options->cookie;
    leg->local = options->local;
    leg->rtp_fd = -1;
    leg->rtcp_fd = -1;
    leg->front_room = room;
    sr_list_init(&leg->held_orders);
    if (leg->kind == MEDIA_LEG_RTP || leg->kind == MEDIA_LEG_PIPE)
        err = open_sockets(port, leg);
    else if (leg->kind == MEDIA_LEG_WEBRTC)
        err = front__webrtc_open(port, leg);
    if (err == SR_OK) {
        leg->id = sr_idtab_add(&port->legs, leg);
        err = leg->id == SR_ID_NONE ? SR_ERR_LIMIT : SR_OK;
    }
    if (err != SR_OK) {
        if (leg->rtp_fd >= 0) {
            close(leg->rtp_fd);
            close(leg->rtcp_fd);
            ports__give(&port->ports, leg->local.port);
        }
        front__webrtc_free(leg);
        sr_free(leg);
        return err;
    }
    mleg__init(leg, &port->prng, worker__clock(&port->workers[0]));
    list_leg(room, leg);
    front__send(room->worker, front__order(ORDER_LEG_ADD, room, leg));
    if (leg->web != NULL)
        front__webrtc_announce(port, leg);
    *ret_leg = leg->id;
    *ret_rtp = leg->rtp_fd >= 0 ? leg->local : (struct sr_addr){0};
    apply(room);
    return SR_OK;
}

struct mleg *front__find_leg(struct port_threads *port, sr_id id)
{
    struct mleg *leg = sr_idtab_find(&port->legs, id);

    return leg != NULL && !leg->is_closing ? leg : NULL;
}

static struct mleg *find_leg(struct media_port *base, sr_id id)
{
    return front__find_leg(self(base), id);
}

static void leg_set_stream(struct media_port *base, sr_id id, const struct media_stream *stream)
{
    struct mleg *leg = find_leg(base, id);
    struct order *order;

    if (leg == NULL)
        return;
    if (leg->front_stream.send_codec != stream->send_codec)
        leg->front_rx_codec = CODEC_NONE; /* what comes now is to be seen */
    order = front__order(ORDER_LEG_STREAM, leg->front_room, leg);
    order->stream = *stream;
    if (leg->web != NULL)
        order->stream.crypto = MEDIA_CRYPTO_DTLS; /* whatever was said: keys come by handshake */
    sr_wipe(&order->stream.tx, sizeof(order->stream.tx));
    sr_wipe(&order->stream.rx, sizeof(order->stream.rx));
    if (leg->web == NULL)
        order->secure = secure__new(stream, leg->front_has_stream ? &leg->front_stream : NULL);
    if (leg->web == NULL && stream->crypto == MEDIA_CRYPTO_DTLS)
        front__dtls_set(self(base), leg, stream);
    leg->front_stream = *stream;
    leg->front_has_stream = true;
    front__send_leg(leg, order);
    apply(leg->front_room);
}

static void leg_set_role(struct media_port *base, sr_id id, enum media_role role)
{
    struct mleg *leg = find_leg(base, id);
    struct order *order;

    if (leg == NULL)
        return;
    leg->front_role = role;
    order = front__order(ORDER_LEG_ROLE, leg->front_room, leg);
    order->role = role;
    front__send_leg(leg, order);
    apply(leg->front_room);
}

static void leg_set_prompt(struct media_port *base, sr_id id, enum media_prompt prompt)
{
    struct mleg *leg = find_leg(base, id);
    struct order *order;

    if (leg == NULL)
        return;
    leg->front_prompt = prompt;
    order = front__order(ORDER_LEG_PROMPT, leg->front_room, leg);
    order->prompt = prompt;
    front__send_leg(leg, order);
    apply(leg->front_room);
}

static void leg_set_muted(struct media_port *base, sr_id id, bool is_muted)
{
    struct mleg *leg = find_leg(base, id);
    struct order *order;

    if (leg == NULL)
        return;
    leg->front_muted = is_muted;
    order = front__order(ORDER_LEG_MUTED, leg->front_room, leg);
    order->is_muted = is_muted;
    front__send_leg(leg, order);
    apply(leg->front_room);
}

static void leg_set_whisper(struct media_port *base, sr_id id, sr_id to)
{
    struct mleg *leg = find_leg(base, id);
    struct order *order;

    if (leg == NULL)
        return;
    order = front__order(ORDER_LEG_WHISPER, leg->front_room, leg);
    order->whisper_to = to;
    front__send_leg(leg, order);
}

static void leg_set_timeout(struct media_port *base, sr_id id, uint32_t timeout_sec)
{
    struct mleg *leg = find_leg(base, id);
    struct order *order;

    if (leg == NULL)
        return;
    order = front__order(ORDER_LEG_TIMEOUT, leg->front_room, leg);
    order->timeout_sec = timeout_sec;
    front__send_leg(leg, order);
}

static enum sr_err leg_dtmf(struct media_port *base, sr_id id, char digit, uint32_t duration_ms)
{
    struct mleg *leg = find_leg(base, id);
    struct order *order;

    if (leg == NULL)
        return SR_ERR_NOTFOUND;
    order = front__order(ORDER_LEG_DTMF, leg->front_room, leg);
    order->dtmf.digit = digit;
    order->dtmf.duration_ms = duration_ms;
    front__send_leg(leg, order);
    return SR_OK;
}

static enum sr_err leg_play(struct media_port *base, sr_id id,
                            const struct media_play_options *options)
{
    struct mleg *leg = find_leg(base, id);
    struct order *order;

    if (leg == NULL)
        return SR_ERR_NOTFOUND;
    if (leg->front_play_count == MEDIA_PLAYS_MAX)
        return SR_ERR_LIMIT;
    leg->front_play_count++;
    order = front__order(ORDER_LEG_PLAY, leg->front_room, leg);
    order->play = play_new(options);
    front__send_leg(leg, order);
    apply(leg->front_room);
    return SR_OK;
}

static void leg_stop(struct media_port *base, sr_id id, uint64_t play)
{
    struct mleg *leg = find_leg(base, id);
    struct order *order;

    if (leg == NULL || leg->front_play_count == 0)
        return;
    order = front__order(ORDER_LEG_STOP, leg->front_room, leg);
    order->stopped = play;
    front__send_leg(leg, order);
}

static void leave_room(struct mleg *leg)
{
    struct mroom *room = leg->front_room;

    for (uint32_t i = 0; i < room->front_leg_count; i++) {
        if (room->front_legs[i] != leg)
            continue;
        memmove(room->front_legs + i, room->front_legs + i + 1,
                (room->front_leg_count - i - 1) * sizeof(room->front_legs[0]));
        room->front_leg_count--;
        break;
    }
    apply(room);
}

/* next NULL: it closes. */
static void take_leg(struct mleg *leg, struct mroom *next)
{
    struct order *order = front__order(ORDER_LEG_TAKE, leg->front_room, leg);

    order->next = next;
    order->room->front_takes++;
    if (next != NULL)
        next->front_takes++;
    front__send_leg(leg, order);
}

static void leg_close(struct media_port *base, sr_id id)
{
    struct mleg *leg = find_leg(base, id);

    if (leg == NULL)
        return;
    leg->is_closing = true;
    leave_room(leg);
    take_leg(leg, NULL);
    if (leg->web != NULL)
        front__webrtc_close(self(base), leg);
}

static void leg_move(struct media_port *base, sr_id id, sr_id room_id)
{
    struct mroom *room = sr_idtab_find(&self(base)->rooms, room_id);
    struct mleg *leg = find_leg(base, id);

    if (leg == NULL || room == NULL || room == leg->front_room ||
        room->front_leg_count == MEDIA_LEGS_MAX)
        return;
    leave_room(leg);
    take_leg(leg, room);
    leg->is_moving = true;
    leg->front_room = room;
    list_leg(room, leg);
    apply(room);
}

/* ---- what comes back ---- */

void front__free_leg(struct port_threads *port, struct mleg *leg)
{
    (void)sr_idtab_remove(&port->legs, leg->id);
    if (leg->rtp_fd >= 0) {
        close(leg->rtp_fd);
        close(leg->rtcp_fd);
        ports__give(&port->ports, leg->local.port);
    }
    kit__free(leg->kit);
    secure__free(leg->secure);
    front__webrtc_free(leg);
    sr_free_secret(leg, sizeof(*leg));
}

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
        apply(leg->front_room);
}

static void on_returned(struct port_threads *port, struct order *order)
{
    switch (order->kind) {
    case ORDER_LEG_TAKE:
        on_leg_taken(port, order);
        let_go(order->room);
        if (order->next != NULL)
            let_go(order->next);
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
    case ORDER_LEG_DTMF:
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
    apply(leg->front_room);
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

/* ---- the port ---- */

static void port_stats(struct media_port *base, struct media_port_stats *ret_stats)
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

static void set_ports(struct media_port *base, uint16_t port_min, uint16_t port_max)
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

static void port_free(struct media_port *base)
{
    struct port_threads *port = self(base);
    uint32_t cursor = 0;
    struct mroom *room;

    port->is_stopping = true;
    loop_defer_clear(port->options.loop, &port->wake_job);
    loop_timer_clear(port->options.loop, &port->blame_timer);
    wake_workers(port);
    while ((room = sr_idtab_next(&port->rooms, &cursor)) != NULL)
        room_close(base, room->id);
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
    static const struct media_port_ops ops = {
        .room_open = room_open,
        .room_close = room_close,
        .room_set_mode = room_set_mode,
        .leg_open = leg_open,
        .leg_set_stream = leg_set_stream,
        .leg_set_role = leg_set_role,
        .leg_set_prompt = leg_set_prompt,
        .leg_set_muted = leg_set_muted,
        .leg_set_whisper = leg_set_whisper,
        .leg_set_timeout = leg_set_timeout,
        .leg_dtmf = leg_dtmf,
        .leg_play = leg_play,
        .leg_stop = leg_stop,
        .set_music = set_music,
        .leg_move = leg_move,
        .leg_close = leg_close,
        .leg_webrtc_local = front__webrtc_local,
        .leg_webrtc_remote = front__webrtc_remote,
        .fingerprint = front__fingerprint,
        .stats = port_stats,
        .set_ports = set_ports,
        .free = port_free,
    };
    struct port_threads *port = sr_zalloc(1, sizeof(*port));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t rooms_max = options->rooms_max ? options->rooms_max : PORT_ROOMS_MAX;
    uint32_t wanted = options->threads ? options->threads : (uint32_t)SR_MAX(cores, 1L);
    enum sr_err err = SR_OK;

    port->base.ops = &ops;
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
        port_free(&port->base);
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

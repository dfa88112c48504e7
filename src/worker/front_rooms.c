/* Rooms and legs as the hub wants them: what is told to which worker (see internal.h). */
#include <unistd.h>

#include "base/alloc.h"
#include "worker/front.h"

enum {
    PORT_BIND_TRIES = 16, /* ports of the range that others may hold */
};

static struct port_threads *self(struct media_port *port)
{
    return (struct port_threads *)port;
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

/* Tones take the place of what it hears, which only the mixer can do. */
static bool awaits_tones(const struct mleg *leg)
{
    return leg->front_digit_count > 0 && !leg->front_stream.dtmf_wanted;
}

static bool can_relay(const struct mroom *room)
{
    const struct mleg *a = room->front_leg_count == 2 ? room->front_legs[0] : NULL;
    const struct mleg *b = a != NULL ? room->front_legs[1] : NULL;

    if (a == NULL || !mleg__has_wire(a) || !mleg__has_wire(b) || !a->front_has_stream ||
        !b->front_has_stream)
        return false;
    if (awaits_tones(a) || awaits_tones(b))
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

/* In what our encoder follows. */
static bool is_same_wish(const struct codec_opus_fmtp *a, const struct codec_opus_fmtp *b)
{
    return a->useinbandfec == b->useinbandfec && a->usedtx == b->usedtx && a->cbr == b->cbr &&
           a->maxaveragebitrate == b->maxaveragebitrate && a->maxplaybackrate == b->maxplaybackrate;
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
        leg->front_tx_codec == tx && leg->front_ptime_ms == options.ptime_ms &&
        is_same_wish(&leg->front_opus, &options.opus))
        return;
    leg->has_front_kit = true;
    leg->front_bus_hz = bus_hz;
    leg->kit_rx_codec = rx;
    leg->front_tx_codec = tx;
    leg->front_ptime_ms = options.ptime_ms;
    leg->front_opus = options.opus;
    order = front__order(ORDER_LEG_KIT, leg->front_room, leg);
    order->kit = kit__new(&options);
    front__send_leg(leg, order);
}

/* Brings the worker's mode and kits in line with what is wanted. After every change. */
void front__apply(struct mroom *room)
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
    front__begin_blaming(port);
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

void front__let_go(struct mroom *room)
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
    front__apply(room);
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
    front__apply(room);
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
    front__apply(leg->front_room);
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
    front__apply(leg->front_room);
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
    front__apply(leg->front_room);
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
    front__apply(leg->front_room);
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
    if (leg->front_digit_count == MEDIA_DTMF_QUEUE_MAX)
        return SR_ERR_LIMIT;
    leg->front_digit_count++;
    order = front__order(ORDER_LEG_DTMF, leg->front_room, leg);
    order->dtmf.digit = digit;
    order->dtmf.duration_ms = duration_ms;
    front__send_leg(leg, order);
    front__apply(leg->front_room);
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
    front__apply(leg->front_room);
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
    /* who is left alone by a relay leaves next, or the hub says at once how it goes on: no kit is made between */
    if (room->front_leg_count != 1 || room->front_wanted != MEDIA_MODE_RELAY)
        front__apply(room);
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
    front__apply(room);
}

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

const struct media_port_ops front__ops = {
    MEDIA_PORT_OPS_OF_ROOMS,
    .leg_webrtc_local = front__webrtc_local,
    .leg_webrtc_remote = front__webrtc_remote,
    .fingerprint = front__fingerprint,
    .stats = front__stats,
    .set_ports = front__set_ports,
    .free = front__free,
};

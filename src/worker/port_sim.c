#include "worker/port_sim.h"

#include "base/alloc.h"
#include "base/idtab.h"
#include "base/list.h"
#include "base/random.h"

enum {
    SIM_ROOMS_MAX = 100000,
    SIM_LEGS_MAX = 400000,
    SIM_WEBRTC_PORT = 3479,
};

struct sim_room {
    sr_id id;
    uint64_t cookie;
    enum media_mode mode;
};

struct sim_play {
    struct sr_node node;
    struct media_play_options options;
    sr_usec started; /* 0: waits */
};

struct sim_leg {
    struct port_sim_leg shown;
    struct port_sim *sim;
    struct sr_list plays; /* the first one is heard */
    struct loop_timer play_timer;
    sr_id id;
    uint16_t port;        /* 0: none */
    struct ice_agent ice; /* WEBRTC */
    struct loop_timer timer;
    uint32_t step;
};

struct sim_event {
    struct sr_node node;
    struct media_event event;
};

struct port_sim {
    struct media_port base;
    struct port_sim_options options;
    struct sr_idtab rooms, legs;
    struct loop_job job;
    struct sr_list events;
    bool is_job_set;
    struct sr_prng prng;
    uint8_t *port_used; /* by pair */
    uint32_t pair_count, used_count, next;
    uint32_t faults;
    struct media_clip *music;
    enum port_sim_webrtc webrtc;
};

static struct port_sim *self(struct media_port *port)
{
    return (struct port_sim *)port;
}

static void deliver(void *arg)
{
    struct port_sim *sim = arg;
    struct sr_node *node;

    sim->is_job_set = false;
    while ((node = sr_list_pop(&sim->events)) != NULL) {
        struct sim_event *waiting = SR_CONTAINER(node, struct sim_event, node);
        struct media_event event = waiting->event;

        sr_free(waiting);
        sim->options.on_event(sim->options.arg, &event);
    }
}

static void push_event(struct port_sim *sim, const struct media_event *event)
{
    struct sim_event *waiting = sr_zalloc(1, sizeof(*waiting));

    waiting->event = *event;
    sr_list_add(&sim->events, &waiting->node);
    if (!sim->is_job_set)
        loop_defer(sim->options.loop, &sim->job);
    sim->is_job_set = true;
}

static struct sim_leg *find_leg(struct media_port *port, sr_id id)
{
    struct sim_leg *leg = sr_idtab_find(&self(port)->legs, id);

    if (leg == NULL)
        self(port)->faults++;
    return leg;
}

static struct sim_room *find_room(struct media_port *port, sr_id id)
{
    struct sim_room *room = sr_idtab_find(&self(port)->rooms, id);

    if (room == NULL)
        self(port)->faults++;
    return room;
}

static enum sr_err room_open(struct media_port *port, uint64_t cookie, sr_id *ret_room)
{
    struct sim_room *room = sr_zalloc(1, sizeof(*room));

    room->cookie = cookie;
    room->id = sr_idtab_add(&self(port)->rooms, room);
    if (room->id == SR_ID_NONE) {
        sr_free(room);
        return SR_ERR_LIMIT;
    }
    *ret_room = room->id;
    return SR_OK;
}

static void leg_close(struct media_port *port, sr_id id);

static void room_close(struct media_port *port, sr_id id)
{
    struct port_sim *sim = self(port);
    uint32_t cursor = 0;
    struct sim_leg *leg;

    if (find_room(port, id) == NULL)
        return;
    while ((leg = sr_idtab_next(&sim->legs, &cursor)) != NULL) {
        if (leg->shown.room == id)
            leg_close(port, leg->id);
    }
    sr_free(sr_idtab_remove(&sim->rooms, id));
}

static void room_set_mode(struct media_port *port, sr_id id, enum media_mode mode)
{
    struct sim_room *room = find_room(port, id);
    struct media_event event = {.kind = MEDIA_EVENT_MODE, .room = id, .mode = mode};

    if (room == NULL)
        return;
    room->mode = mode;
    event.cookie = room->cookie;
    push_event(self(port), &event);
}

/* ---- sounds ---- */

static struct sim_play *first_play(const struct sim_leg *leg)
{
    struct sr_node *node = sr_list_first(&leg->plays);

    return node != NULL ? SR_CONTAINER(node, struct sim_play, node) : NULL;
}

/* Starts what is first now. */
static void show_plays(struct sim_leg *leg)
{
    struct loop *loop = leg->sim->options.loop;
    struct sim_play *play = first_play(leg);

    leg->shown.play_count = (uint32_t)leg->plays.count;
    leg->shown.play = play != NULL ? play->options : (struct media_play_options){0};
    if (play == NULL || play->started != 0)
        return;
    play->started = loop_now(loop);
    if (play->options.clip != NULL && !play->options.is_looping)
        loop_timer_set(loop, &leg->play_timer,
                       play->started + media_clip_ms(play->options.clip) * SR_MSEC);
}

static void end_play(struct sim_leg *leg, struct sim_play *play, enum media_play_end end)
{
    struct media_event event = {.kind = MEDIA_EVENT_PLAYED,
                                .room = leg->shown.room,
                                .leg = leg->id,
                                .cookie = leg->shown.options.cookie,
                                .play = play->options.play,
                                .play_end = end};

    if (play->started != 0) {
        event.played_ms = (uint32_t)((loop_now(leg->sim->options.loop) - play->started) / SR_MSEC);
        loop_timer_clear(leg->sim->options.loop, &leg->play_timer);
    }
    sr_list_remove(&leg->plays, &play->node);
    push_event(leg->sim, &event);
    if (play->options.feed != NULL)
        media_feed_close(play->options.feed);
    media_feed_unref(play->options.feed);
    media_clip_unref(play->options.clip);
    sr_free(play);
}

static void on_play_timer(void *arg)
{
    struct sim_leg *leg = arg;

    end_play(leg, first_play(leg), MEDIA_PLAY_DONE);
    show_plays(leg);
}

static void stop_plays(struct sim_leg *leg, uint64_t which, bool is_digit, enum media_play_end end)
{
    SR_LIST_EACH(&leg->plays, node)
    {
        struct sim_play *play = SR_CONTAINER(node, struct sim_play, node);

        if ((which == 0 || play->options.play == which) &&
            (!is_digit || play->options.stops_on_digit))
            end_play(leg, play, end);
    }
}

/* ---- legs ---- */

static uint16_t take_port(struct port_sim *sim)
{
    for (uint32_t i = 0; i < sim->pair_count; i++) {
        uint32_t pair = (sim->next + i) % sim->pair_count;

        if (sim->port_used[pair])
            continue;
        sim->port_used[pair] = 1;
        sim->used_count++;
        sim->next = pair + 1;
        return (uint16_t)(sim->options.port_min + 2 * pair);
    }
    return 0;
}

/* ---- browsers ---- */

static void fresh_ice(struct port_sim *sim, struct ice_local *local)
{
    uint8_t random[ICE_PWD_CHARS];

    for (size_t i = 0; i < sizeof(random); i++)
        random[i] = (uint8_t)sr_prng_u64(&sim->prng);
    ice_text_from(random, ICE_UFRAG_CHARS, local->ufrag);
    ice_text_from(random, ICE_PWD_CHARS, local->pwd);
}

/* The next thing the browser of this leg does. */
static void on_browser(void *arg)
{
    static const enum media_webrtc_state states[] = {MEDIA_WEBRTC_CHECKING, MEDIA_WEBRTC_CONNECTED,
                                                     MEDIA_WEBRTC_DTLS_UP};
    static const sr_usec waits[] = {10 * SR_MSEC, 40 * SR_MSEC};
    struct sim_leg *leg = arg;
    struct port_sim *sim = leg->sim;
    struct media_event event = {.kind = MEDIA_EVENT_WEBRTC,
                                .room = leg->shown.room,
                                .leg = leg->id,
                                .cookie = leg->shown.options.cookie};

    if (sim->webrtc == PORT_SIM_WEBRTC_SILENT) {
        event.webrtc = MEDIA_WEBRTC_FAILED;
        event.why = "the page never reached UDP or TCP port 3479: forward it";
        push_event(sim, &event);
        return;
    }
    event.webrtc = states[leg->step];
    event.addr = (struct sr_addr){.family = SR_ADDR_IP4, .port = 50000, .ip = {192, 0, 2, 200}};
    push_event(sim, &event);
    if (leg->step < SR_ARRAY_LEN(waits)) {
        loop_timer_set(sim->options.loop, &leg->timer,
                       loop_now(sim->options.loop) + waits[leg->step]);
        leg->step++;
    }
}

static struct sim_leg *find_browser(struct media_port *port, sr_id id)
{
    struct sim_leg *leg = find_leg(port, id);

    return leg != NULL && leg->shown.options.kind == MEDIA_LEG_WEBRTC ? leg : NULL;
}

static void fingerprint(struct media_port *port, char out[DTLS_FINGERPRINT_TEXT_MAX])
{
    (void)port;
    (void)sr_str_copy(SR_STR("sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
                             "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"),
                      out, DTLS_FINGERPRINT_TEXT_MAX);
}

static enum sr_err leg_webrtc_local(struct media_port *port, sr_id id,
                                    struct media_webrtc_local *ret_local)
{
    struct port_sim *sim = self(port);
    struct sim_leg *leg = find_browser(port, id);
    uint16_t number = sim->options.webrtc_port ? sim->options.webrtc_port : SIM_WEBRTC_PORT;

    if (leg == NULL)
        return SR_ERR_NOTFOUND;
    *ret_local = (struct media_webrtc_local){.ice = *ice_agent_local(&leg->ice)};
    fingerprint(port, ret_local->fingerprint);
    ret_local->candidate_count =
        media_port_candidates(port, number, ret_local->candidates, ICE_CANDIDATES_MAX);
    return SR_OK;
}

static enum sr_err leg_webrtc_remote(struct media_port *port, sr_id id,
                                     const struct media_webrtc_remote *remote)
{
    struct port_sim *sim = self(port);
    struct sim_leg *leg = find_browser(port, id);
    sr_usec now = loop_now(sim->options.loop);
    struct ice_local fresh;

    if (leg == NULL)
        return SR_ERR_NOTFOUND;
    fresh_ice(sim, &fresh);
    if (ice_agent_set_remote(&leg->ice, remote->ufrag, remote->pwd, &fresh, now) != SR_OK)
        return SR_ERR_SYNTAX;
    leg->shown.has_remote = true;
    leg->shown.remote_count++;
    (void)sr_str_copy(remote->ufrag, leg->shown.remote_ufrag, sizeof(leg->shown.remote_ufrag));
    leg->shown.remote_fingerprint = remote->fingerprint;
    leg->shown.is_dtls_client = remote->is_dtls_client;
    leg->step = 0;
    if (sim->webrtc == PORT_SIM_WEBRTC_AUTO)
        loop_timer_set(sim->options.loop, &leg->timer, now + 10 * SR_MSEC);
    else if (sim->webrtc == PORT_SIM_WEBRTC_SILENT)
        loop_timer_set(sim->options.loop, &leg->timer, now + ICE_FIRST_CHECK_US);
    return SR_OK;
}

static enum sr_err leg_open(struct media_port *port, sr_id room,
                            const struct media_leg_options *options, sr_id *ret_leg,
                            struct sr_addr *ret_rtp)
{
    struct port_sim *sim = self(port);
    struct sim_leg *leg;
    struct ice_local local;
    uint16_t number = 0;

    if (find_room(port, room) == NULL)
        return SR_ERR_NOTFOUND;
    if ((options->kind == MEDIA_LEG_RTP || options->kind == MEDIA_LEG_PIPE) &&
        (number = take_port(sim)) == 0)
        return SR_ERR_LIMIT;
    leg = sr_zalloc(1, sizeof(*leg));
    leg->shown.room = room;
    leg->shown.options = *options;
    leg->port = number;
    leg->sim = sim;
    sr_list_init(&leg->plays);
    loop_timer_init(&leg->play_timer, on_play_timer, leg);
    loop_timer_init(&leg->timer, on_browser, leg);
    fresh_ice(sim, &local);
    ice_agent_init(&leg->ice, &local);
    leg->id = sr_idtab_add(&sim->legs, leg);
    SR_ASSERT(leg->id != SR_ID_NONE);
    *ret_leg = leg->id;
    *ret_rtp = (struct sr_addr){0};
    if (number != 0) {
        *ret_rtp = options->local;
        ret_rtp->port = number;
    }
    return SR_OK;
}

static void leg_set_stream(struct media_port *port, sr_id id, const struct media_stream *stream)
{
    struct sim_leg *leg = find_leg(port, id);

    if (leg == NULL)
        return;
    leg->shown.stream = *stream;
    leg->shown.is_stream_set = true;
}

static void leg_set_role(struct media_port *port, sr_id id, enum media_role role)
{
    struct sim_leg *leg = find_leg(port, id);

    if (leg != NULL)
        leg->shown.role = role;
}

static void leg_set_prompt(struct media_port *port, sr_id id, enum media_prompt prompt)
{
    struct sim_leg *leg = find_leg(port, id);

    if (leg != NULL)
        leg->shown.prompt = prompt;
}

static void leg_set_muted(struct media_port *port, sr_id id, bool is_muted)
{
    struct sim_leg *leg = find_leg(port, id);

    if (leg != NULL)
        leg->shown.is_muted = is_muted;
}

static void leg_set_whisper(struct media_port *port, sr_id id, sr_id to)
{
    struct sim_leg *leg = find_leg(port, id);

    if (leg != NULL)
        leg->shown.whisper_to = to;
}

static void leg_set_timeout(struct media_port *port, sr_id id, uint32_t timeout_sec)
{
    struct sim_leg *leg = find_leg(port, id);

    if (leg != NULL)
        leg->shown.timeout_sec = timeout_sec;
}

static enum sr_err leg_dtmf(struct media_port *port, sr_id id, char digit, uint32_t duration_ms)
{
    struct sim_leg *leg = find_leg(port, id);

    (void)duration_ms;
    if (leg == NULL)
        return SR_ERR_NOTFOUND;
    if (leg->shown.digit_count == MEDIA_DTMF_QUEUE_MAX)
        return SR_ERR_LIMIT;
    leg->shown.digits[leg->shown.digit_count++] = digit;
    return SR_OK;
}

static enum sr_err leg_play(struct media_port *port, sr_id id,
                            const struct media_play_options *options)
{
    struct sim_leg *leg = find_leg(port, id);
    struct sim_play *play;

    if (leg == NULL)
        return SR_ERR_NOTFOUND;
    if (leg->plays.count == MEDIA_PLAYS_MAX)
        return SR_ERR_LIMIT;
    if (!options->is_queued)
        stop_plays(leg, 0, false, MEDIA_PLAY_STOPPED);
    play = sr_zalloc(1, sizeof(*play));
    play->options = *options;
    if (options->clip != NULL)
        (void)media_clip_ref(options->clip);
    else
        (void)media_feed_ref(options->feed);
    sr_list_add(&leg->plays, &play->node);
    show_plays(leg);
    return SR_OK;
}

static void leg_stop(struct media_port *port, sr_id id, uint64_t play)
{
    struct sim_leg *leg = find_leg(port, id);

    if (leg == NULL)
        return;
    stop_plays(leg, play, false, MEDIA_PLAY_STOPPED);
    show_plays(leg);
}

static void set_music(struct media_port *port, struct media_clip *clip)
{
    struct port_sim *sim = self(port);

    if (clip != NULL)
        (void)media_clip_ref(clip);
    media_clip_unref(sim->music);
    sim->music = clip;
}

static void leg_move(struct media_port *port, sr_id id, sr_id room)
{
    struct sim_leg *leg = find_leg(port, id);

    if (leg != NULL && find_room(port, room) != NULL)
        leg->shown.room = room;
}

static void leg_close(struct media_port *port, sr_id id)
{
    struct port_sim *sim = self(port);
    struct sim_leg *leg = find_leg(port, id);
    struct media_event event = {.kind = MEDIA_EVENT_CLOSED, .leg = id};

    if (leg == NULL)
        return;
    stop_plays(leg, 0, false, MEDIA_PLAY_CLOSED);
    event.room = leg->shown.room;
    event.cookie = leg->shown.options.cookie;
    event.stats = (struct media_leg_stats){.rtt_ms = -1, .mos = -1};
    if (leg->port != 0) {
        sim->port_used[(leg->port - sim->options.port_min) / 2] = 0;
        sim->used_count--;
    }
    loop_timer_clear(sim->options.loop, &leg->timer);
    sr_free(sr_idtab_remove(&sim->legs, id));
    push_event(sim, &event);
}

static void stats(struct media_port *port, struct media_port_stats *ret_stats)
{
    struct port_sim *sim = self(port);

    *ret_stats = (struct media_port_stats){
        .rooms = sim->rooms.count,
        .legs = sim->legs.count,
        .ports_used = sim->used_count,
        .ports_free = sim->pair_count - sim->used_count,
    };
}

static void set_ports(struct media_port *port, uint16_t port_min, uint16_t port_max)
{
    (void)port;
    (void)port_min;
    (void)port_max;
}

static void sim_free(struct media_port *port)
{
    struct port_sim *sim = self(port);
    uint32_t cursor = 0;
    struct sr_node *node;
    struct sim_leg *leg;
    void *object;

    while ((leg = sr_idtab_next(&sim->legs, &cursor)) != NULL) {
        stop_plays(leg, 0, false, MEDIA_PLAY_CLOSED);
        loop_timer_clear(sim->options.loop, &leg->timer);
        sr_free(leg);
    }
    loop_defer_clear(sim->options.loop, &sim->job);
    while ((node = sr_list_pop(&sim->events)) != NULL)
        sr_free(SR_CONTAINER(node, struct sim_event, node));
    media_clip_unref(sim->music);
    cursor = 0;
    while ((object = sr_idtab_next(&sim->rooms, &cursor)) != NULL)
        sr_free(object);
    sr_idtab_done(&sim->legs);
    sr_idtab_done(&sim->rooms);
    sr_free(sim->port_used);
    sr_free(sim);
}

struct media_port *port_sim_new(const struct port_sim_options *options)
{
    static const struct media_port_ops ops = {
        MEDIA_PORT_OPS_OF_ROOMS,
        .leg_webrtc_local = leg_webrtc_local,
        .leg_webrtc_remote = leg_webrtc_remote,
        .fingerprint = fingerprint,
        .stats = stats,
        .set_ports = set_ports,
        .free = sim_free,
    };
    struct port_sim *sim = sr_zalloc(1, sizeof(*sim));

    sim->base.ops = &ops;
    sim->options = *options;
    sim->pair_count = (uint32_t)(options->port_max - options->port_min + 1) / 2;
    sim->port_used = sr_zalloc(sim->pair_count, 1);
    sr_idtab_init(&sim->rooms, SIM_ROOMS_MAX);
    sr_idtab_init(&sim->legs, SIM_LEGS_MAX);
    sr_list_init(&sim->events);
    sr_prng_seed(&sim->prng, loop_sim_seed(options->loop));
    sim->base.addresses.local[0] =
        (struct sr_addr){.family = SR_ADDR_IP4, .ip = {192, 0, 2, 1}}; /* until told */
    sim->base.addresses.local_count = 1;
    loop_job_init(&sim->job, deliver, sim);
    return &sim->base;
}

const struct port_sim_leg *port_sim_leg(struct media_port *port, sr_id id)
{
    const struct sim_leg *leg = sr_idtab_find(&self(port)->legs, id);

    return leg != NULL ? &leg->shown : NULL;
}

uint64_t port_sim_cookie(struct media_port *port, sr_id id)
{
    const struct port_sim_leg *leg = port_sim_leg(port, id);

    return leg != NULL ? leg->options.cookie : 0;
}

enum media_mode port_sim_mode(struct media_port *port, sr_id id)
{
    const struct sim_room *room = sr_idtab_find(&self(port)->rooms, id);

    return room != NULL ? room->mode : MEDIA_MODE_IDLE;
}

uint32_t port_sim_leg_count(struct media_port *port)
{
    return self(port)->legs.count;
}

uint32_t port_sim_room_count(struct media_port *port)
{
    return self(port)->rooms.count;
}

uint32_t port_sim_faults(struct media_port *port)
{
    return self(port)->faults;
}

void port_sim_set_webrtc(struct media_port *port, enum port_sim_webrtc how)
{
    self(port)->webrtc = how;
}

void port_sim_inject(struct media_port *port, const struct media_event *event)
{
    struct sim_leg *leg = sr_idtab_find(&self(port)->legs, event->leg);

    if (leg != NULL && event->kind == MEDIA_EVENT_DTMF) {
        stop_plays(leg, 0, true, MEDIA_PLAY_DIGIT);
        show_plays(leg);
    }
    push_event(self(port), event);
}

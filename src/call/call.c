#include "base/alloc.h"
#include "call/internal.h"
#include "call/transfer.h"

const char *call__state_name(enum call_state state)
{
    switch (state) {
    case CALL_RINGING:
        return "ringing";
    case CALL_ANSWERED:
        return "answered";
    case CALL_ENDED:
        return "ended";
    }
    return "ended";
}

static void on_relay_timer(void *arg)
{
    struct call *call = arg;

    call->is_relay_due = true;
    call__update_media(call);
}

struct call *call__new(struct engine *engine, const char *direction, struct sr_str from,
                       struct sr_str from_name, struct sr_str to)
{
    struct call *call;
    struct sr_buf id;

    if (engine->calls.count >= engine->calls_max + ENGINE_EMERGENCY_CALLS)
        return NULL;
    call = sr_zalloc(1, sizeof(*call));
    call->engine = engine;
    call->id = sr_idtab_add(&engine->calls, call);
    if (call->id == SR_ID_NONE || media_room_open(engine->media, call->id, &call->room) != SR_OK) {
        (void)sr_idtab_remove(&engine->calls, call->id);
        sr_free(call);
        return NULL;
    }
    sr_buf_init_fixed(&id, call->call_id, sizeof(call->call_id));
    sr_random_hex(&id, CALL_ID_BYTES);
    (void)sr_buf_cstr(&id);
    call->config = config_ref(engine->config);
    call->direction = direction;
    (void)sr_str_copy(from, call->from, sizeof(call->from));
    (void)sr_str_copy(from_name, call->from_name, sizeof(call->from_name));
    (void)sr_str_copy(to, call->to, sizeof(call->to));
    call->parties_min = 2;
    call->started_wall_us = loop_wall(engine->loop);
    call->started_at = loop_now(engine->loop);
    sr_list_init(&call->legs);
    sr_list_init(&call->gone);
    sr_list_init(&call->api_plays);
    loop_timer_init(&call->relay_timer, on_relay_timer, call);
    loop_timer_init(&call->limit_timer, use__on_limit, call);
    monitor__init(call);
    call->max_forwards = CALL_MAX_FORWARDS;
    trace__init(&call->trace);
    (void)sr_map_put(&engine->calls_by_text, sr_str_c(call->call_id), call);
    engine->calls_total++;
    records__started(call);
    return call;
}

/* All ports are closed: nothing can arrive for this call any more. */
void call__finish(struct call *call)
{
    struct engine *engine = call->engine;
    struct sr_node *node;

    records__ended(call);
    event__call(call, ENGINE_CALL_ENDED);
    media_room_close(engine->media, call->room);
    pipes__close_rooms(call);
    while ((node = sr_list_pop(&call->gone)) != NULL)
        leg__free(SR_CONTAINER(node, struct leg, node));
    SR_ASSERT(call->legs.count == 0);
    (void)sr_idtab_remove(&engine->calls, call->id);
    commands__plays_free(call);
    trace__done(&call->trace);
    config_unref(call->config);
    sr_free(call);
    if (engine->is_draining && engine->calls.count == 0)
        engine__told_drained(engine);
}

int64_t call__wall(const struct call *call)
{
    return call->started_wall_us + (loop_now(call->engine->loop) - call->started_at);
}

void call__end(struct call *call, enum call_reason reason, uint16_t sip_status)
{
    struct engine *engine = call->engine;
    struct sr_node *node;

    if (call->is_ending)
        return;
    call->is_ending = true;
    call->reason = reason;
    call->sip_status = sip_status;
    if (call->state != CALL_ANSWERED && reason != CALL_REASON_CANCELLED &&
        reason != CALL_REASON_TRANSFERRED && reason != CALL_REASON_ELSEWHERE)
        engine->calls_failed++;
    call->ended_wall_us = call__wall(call);
    loop_timer_clear(engine->loop, &call->relay_timer);
    loop_timer_clear(engine->loop, &call->limit_timer);
    monitor__done(call);
    if (call->app != NULL && call->app->on_call_end != NULL)
        call->app->on_call_end(call->app_state, call);
    while ((node = sr_list_first(&call->legs)) != NULL) {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);
        uint16_t status = leg->state == LEG_ANSWERED ? 0 : sip_status;

        if (leg->is_caller && leg->state != LEG_ANSWERED && status < 300)
            status = SR_MAX(call_reason_status(reason), (uint16_t)480);
        leg__remove(leg, reason, status);
    }
    if (call->ring != NULL)
        ring__free(call->ring);
    transfer__done(call);
    incall__call_ends(call);
    call->state = CALL_ENDED;
    (void)sr_map_remove(&engine->calls_by_text, sr_str_c(call->call_id));
    if (call->media_open == 0)
        call__finish(call);
}

void call__broken(struct call *call, const char *what, const char *file, int line)
{
    sr_log(HUB, ERROR, "event=call_broken call=%s at=%s:%d what=\"%s\"", call->call_id, file, line,
           what);
    call__end(call, CALL_REASON_INTERNAL, 500);
}

void call__answered(struct call *call)
{
    if (call->state != CALL_RINGING)
        return;
    call->state = CALL_ANSWERED;
    call->answered_wall_us = call__wall(call);
    call->answered_at = loop_now(call->engine->loop);
    use__limit(call);
    call__update_media(call);
    records__started(call); /* now with the time of the answer: a crash must not lose it */
    event__call(call, ENGINE_CALL_ANSWERED);
}

uint32_t call__party_count(const struct call *call)
{
    uint32_t count = 0;

    SR_LIST_EACH(&call->legs, node)
    {
        const struct leg *leg = SR_CONTAINER(node, struct leg, node);

        count += leg->state == LEG_ANSWERED && leg->role != MEDIA_ROLE_TOOL && !leg->is_player;
    }
    return count;
}

static bool has_outside_party(const struct call *call)
{
    SR_LIST_EACH(&call->legs, node)
    {
        if (SR_CONTAINER(node, struct leg, node)->kind != LEG_MEDIA)
            return true;
    }
    return false;
}

bool call__check_parties(struct call *call, enum call_reason reason, uint16_t sip_status)
{
    uint32_t parties = call__party_count(call);

    if (call->is_ending || call->state != CALL_ANSWERED)
        return call->is_ending;
    if (has_outside_party(call)) {
        if (parties >= call->parties_min)
            return false;
        if (parties >= 1 && call->ring != NULL && call->ring->role != MEDIA_ROLE_TOOL)
            return false; /* somebody is being rung to join */
    }
    call__end(call, reason, sip_status);
    return true;
}

struct call *call__find(struct engine *engine, const char *call_id)
{
    return sr_map_find(&engine->calls_by_text, sr_str_c(call_id));
}

struct leg *call__find_leg(struct call *call, const char *leg_id)
{
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (strcmp(leg->leg_id, leg_id) == 0)
            return leg;
    }
    return NULL;
}

/* ---- which speed, who hears what --------------------------------------------------------------- */

/* Whether a leg takes part in the audio of the call now. */
static bool is_in_audio(const struct leg *leg)
{
    return leg->media != SR_ID_NONE && (leg->has_stream || leg->kind == LEG_MEDIA);
}

/* Whether the leg asked for a transfer and only waits for its outcome. */
static bool is_transferring(const struct leg *leg)
{
    return leg->call->transfer != NULL && leg->call->transfer->by == leg;
}

static bool is_away(const struct leg *leg)
{
    return leg->is_held || leg->is_holding || is_transferring(leg);
}

struct audio_count {
    uint32_t legs;
    uint32_t present; /* neither holding nor held */
    uint32_t coming;  /* answered, its SDP still on the way (our offer went with our 200) */
};

static struct audio_count count_audio(const struct call *call)
{
    struct audio_count count = {0};

    SR_LIST_EACH(&call->legs, node)
    {
        const struct leg *leg = SR_CONTAINER(node, struct leg, node);

        count.coming += leg->state == LEG_ANSWERED && leg->sip != NULL && !leg->has_stream;
        if (!is_in_audio(leg) || leg->role != MEDIA_ROLE_PARTICIPANT || leg->is_player)
            continue;
        count.legs++;
        count.present += !is_away(leg);
    }
    return count;
}

static enum media_prompt wanted_prompt(const struct leg *leg, const struct audio_count *count)
{
    const struct call *call = leg->call;

    if (leg->kind == LEG_MEDIA)
        return MEDIA_PROMPT_NONE;
    if (leg->app_prompt != MEDIA_PROMPT_NONE)
        return leg->app_prompt;
    if (leg->is_held && (call->transfer == NULL || call->ring == NULL))
        return MEDIA_PROMPT_MUSIC;
    if (is_transferring(leg))
        return MEDIA_PROMPT_SILENCE;
    if (leg->is_holding)
        return MEDIA_PROMPT_NONE;
    if (incall__is_asking(leg))
        return MEDIA_PROMPT_RINGBACK;
    if (call->transfer != NULL && call->ring != NULL)
        return MEDIA_PROMPT_RINGBACK;
    if (count->legs > 1 && count->present == 1)
        return MEDIA_PROMPT_MUSIC; /* all others have gone on hold */
    /* answered by the API, or told of a branch's early media that has gone since */
    if (call->state == CALL_RINGING && leg->ring == NULL && call->ring != NULL && count->legs == 1)
        return MEDIA_PROMPT_RINGBACK;
    return MEDIA_PROMPT_NONE;
}

/* Brings one leg's orders up to date. True when it needs the mixer. */
static bool update_leg(struct leg *leg, const struct audio_count *count)
{
    struct media_port *media = leg->call->engine->media;
    enum media_prompt prompt = wanted_prompt(leg, count);
    bool is_muted = leg->is_muted || is_away(leg);

    if (leg->media_role != leg->role) {
        leg->media_role = leg->role;
        media_leg_set_role(media, leg->media, leg->role);
    }
    if (leg->media_whisper_to != monitor__whispered_media(leg)) {
        leg->media_whisper_to = monitor__whispered_media(leg);
        media_leg_set_whisper(media, leg->media, leg->media_whisper_to);
    }
    if (leg->prompt != prompt) {
        leg->prompt = prompt;
        media_leg_set_prompt(media, leg->media, prompt);
    }
    if (leg->is_media_muted != is_muted) {
        leg->is_media_muted = is_muted;
        media_leg_set_muted(media, leg->media, is_muted);
    }
    return prompt != MEDIA_PROMPT_NONE || is_muted || leg->role != MEDIA_ROLE_PARTICIPANT ||
           leg->kind == LEG_MEDIA || leg->is_webrtc || !leg->stream.can_send ||
           !leg->stream.can_recv;
}

static bool can_relay(const struct leg *a, const struct leg *b)
{
    return a->stream.send_codec != CODEC_NONE && a->stream.send_codec == b->stream.send_codec &&
           a->stream.ptime_ms == b->stream.ptime_ms &&
           a->stream.dtmf_wanted == b->stream.dtmf_wanted;
}

static enum media_mode wanted_mode(struct call *call)
{
    struct audio_count count = count_audio(call);
    struct leg *pair[2] = {NULL, NULL};
    bool is_mixer_needed = false;
    uint32_t all = 0;

    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (!is_in_audio(leg))
            continue;
        is_mixer_needed |= update_leg(leg, &count);
        if (all < 2)
            pair[all] = leg;
        all++;
    }
    if (all == 0)
        return MEDIA_MODE_IDLE;
    if (all == 1 && count.coming > 0 && !is_mixer_needed && call->mode == MEDIA_MODE_IDLE)
        return MEDIA_MODE_IDLE; /* to begin as a relay when the other's SDP is here */
    if (all == 2 && !is_mixer_needed && can_relay(pair[0], pair[1]))
        return MEDIA_MODE_RELAY;
    return MEDIA_MODE_MIX;
}

void call__update_media(struct call *call)
{
    struct engine *engine = call->engine;
    enum media_mode mode;

    if (call->is_ending || call->is_pass)
        return;
    call__identify(call);
    monitor__update(call);
    mode = wanted_mode(call);
    if (mode == MEDIA_MODE_RELAY && call->mode == MEDIA_MODE_MIX && !call->is_relay_due) {
        /* only after some seconds without need: people press hold twice */
        if (!loop_timer_is_set(&call->relay_timer))
            loop_timer_set(engine->loop, &call->relay_timer,
                           loop_now(engine->loop) + CALL_RELAY_BACK);
        return;
    }
    loop_timer_clear(engine->loop, &call->relay_timer);
    call->is_relay_due = false;
    if (mode == call->mode)
        return;
    call->mode = mode;
    media_room_set_mode(engine->media, call->room, mode);
}

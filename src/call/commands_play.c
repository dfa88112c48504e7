/* POST /play: a sound for a call or for some of its legs. */
#include "base/alloc.h"
#include "call/internal.h"

/* One order of the API: it is over when all its legs are. */
struct api_play {
    struct sr_node node; /* call->api_plays; in none: the call has gone */
    char play_id[ENGINE_ID_MAX];
    struct call *call; /* NULL: gone */
    bool is_for_all;   /* by a leg of its own, which goes with it */
    uint32_t open;     /* plays whose end has not come */
    bool is_started;   /* the order was carried out */
    enum sr_err err;
    enum media_play_end end;
    uint32_t played_ms;
};

static const char *end_name(const struct api_play *play)
{
    if (play->err != SR_OK)
        return "failed";
    switch (play->end) {
    case MEDIA_PLAY_DONE:
        return "done";
    case MEDIA_PLAY_STOPPED:
        return "stopped";
    case MEDIA_PLAY_DIGIT:
        return "digit";
    case MEDIA_PLAY_CLOSED:
        return "closed";
    }
    return "done";
}

static void tell(const struct api_play *play, enum engine_event_kind kind)
{
    struct engine *engine = play->call->engine;
    struct engine_event *event = event__new(engine, kind);

    memcpy(event->call_id, play->call->call_id, sizeof(event->call_id));
    memcpy(event->play_id, play->play_id, sizeof(event->play_id));
    event->call = event__head(play->call);
    if (kind == ENGINE_PLAY_FINISHED) {
        (void)sr_str_copy(sr_str_c(end_name(play)), event->why, sizeof(event->why));
        event->duration_ms = play->played_ms;
    }
    event__push(engine, event);
}

static void check_over(struct api_play *play)
{
    if (!play->is_started || play->open > 0)
        return;
    if (play->call != NULL) {
        tell(play, ENGINE_PLAY_FINISHED);
        sr_list_remove(&play->call->api_plays, &play->node);
    }
    sr_free(play);
}

static void on_played(void *arg, const struct leg_played *played)
{
    struct api_play *play = arg;

    play->open--;
    play->end = played->end;
    play->played_ms = SR_MAX(play->played_ms, played->played_ms);
    if (played->err != SR_OK)
        play->err = played->err;
    if (play->is_for_all && played->leg != NULL)
        leg__ended(played->leg, CALL_REASON_HANGUP, 0);
    check_over(play);
}

static bool play_to(struct api_play *play, struct leg *leg, const struct engine_command *command)
{
    struct call_sound sound = {
        .kind = command->is_file ? CALL_SOUND_FILE : CALL_SOUND_TEXT,
        .text = sr_str_c(command->sound),
        .voice = sr_str_c(command->voice),
        .is_confined = true,
    };
    struct leg_play_options options = {
        .is_looping = command->is_looping, .on_played = on_played, .arg = play};

    if (leg_play(leg, &sound, &options) == SR_ID_NONE)
        return false;
    play->open++;
    return true;
}

/* One leg that speaks to all. */
static enum sr_err play_to_all(struct api_play *play, struct call *call,
                               const struct engine_command *command)
{
    struct leg *leg = call_add_media_leg(call, MEDIA_LEG_PLAYER, SR_STR("player"));

    if (leg == NULL)
        return SR_ERR_LIMIT;
    play->is_for_all = true;
    if (!play_to(play, leg, command)) {
        leg__ended(leg, CALL_REASON_HANGUP, 0);
        return SR_ERR_LIMIT;
    }
    call__update_media(call);
    return SR_OK;
}

/* All legs are there and answered, or none hears anything. */
static enum sr_err find_legs(struct call *call, const struct engine_command *command,
                             struct leg *legs[ENGINE_PLAY_LEGS_MAX], const char **reterr_why)
{
    for (uint32_t i = 0; i < command->play_leg_count; i++) {
        legs[i] = call__find_leg(call, command->play_legs[i]);
        if (legs[i] == NULL || legs[i]->kind == LEG_MEDIA) {
            *reterr_why = "no such leg in this call";
            return SR_ERR_NOTFOUND;
        }
        if (legs[i]->state != LEG_ANSWERED) {
            *reterr_why = "the leg is not answered yet";
            return SR_ERR_STATE;
        }
    }
    return SR_OK;
}

static enum sr_err begin(struct api_play *play, struct call *call,
                         const struct engine_command *command, const char **reterr_why)
{
    struct leg *legs[ENGINE_PLAY_LEGS_MAX];
    enum sr_err err = find_legs(call, command, legs, reterr_why);

    if (err != SR_OK)
        return err;
    *reterr_why = "it cannot be played: too much waits";
    if (command->play_leg_count == 0)
        return play_to_all(play, call, command);
    for (uint32_t i = 0; i < command->play_leg_count; i++) {
        if (!play_to(play, legs[i], command))
            err = SR_ERR_LIMIT;
    }
    return play->open > 0 ? SR_OK : err;
}

enum sr_err commands__play(struct call *call, const struct engine_command *command,
                           char ret_play_id[ENGINE_ID_MAX], const char **reterr_why)
{
    struct engine *engine = call->engine;
    struct api_play *play;
    enum sr_err err;
    struct sr_buf id;

    if (call->state != CALL_ANSWERED) {
        *reterr_why = "the call is not answered yet";
        return SR_ERR_STATE;
    }
    if (engine->speech == NULL || (!command->is_file && !speech_can_speak(engine->speech))) {
        *reterr_why = "this router has no voice: speech.tts is off, or flite was missing when it "
                      "was built";
        return SR_ERR_UNSUPPORTED;
    }
    play = sr_zalloc(1, sizeof(*play));
    sr_buf_init_fixed(&id, play->play_id, sizeof(play->play_id));
    sr_random_hex(&id, LEG_ID_BYTES);
    (void)sr_buf_cstr(&id);
    play->call = call;
    err = begin(play, call, command, reterr_why);
    if (err != SR_OK) {
        sr_free(play);
        return err;
    }
    play->is_started = true;
    memcpy(ret_play_id, play->play_id, ENGINE_ID_MAX);
    sr_list_add(&call->api_plays, &play->node);
    tell(play, ENGINE_PLAY_STARTED);
    return SR_OK;
}

/* Every play of the legs that belongs to this order. */
static void stop(struct call *call, const struct api_play *wanted)
{
    SR_LIST_EACH(&call->legs, leg_node)
    {
        struct leg *leg = SR_CONTAINER(leg_node, struct leg, node);
        sr_id ids[MEDIA_PLAYS_MAX];
        uint32_t count = 0;

        SR_LIST_EACH(&leg->plays, node)
        {
            const struct call_play *play = SR_CONTAINER(node, struct call_play, node);

            if (play->options.arg == wanted && count < MEDIA_PLAYS_MAX)
                ids[count++] = play->id;
        }
        for (uint32_t i = 0; i < count; i++)
            leg_play_stop(leg, ids[i]);
    }
}

enum sr_err commands__play_stop(struct call *call, const struct engine_command *command)
{
    enum sr_err err = command->play_id[0] == '\0' ? SR_OK : SR_ERR_NOTFOUND;

    SR_LIST_EACH(&call->api_plays, node)
    {
        const struct api_play *play = SR_CONTAINER(node, struct api_play, node);

        if (command->play_id[0] != '\0' && strcmp(play->play_id, command->play_id) != 0)
            continue;
        stop(call, play);
        err = SR_OK;
    }
    return err;
}

void commands__plays_free(struct call *call)
{
    struct sr_node *node;

    while ((node = sr_list_pop(&call->api_plays)) != NULL) /* freed when the last callback came */
        SR_CONTAINER(node, struct api_play, node)->call = NULL;
}

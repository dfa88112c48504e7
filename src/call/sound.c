/* Sounds for legs: made by speech, handed to the media plane in order, told about when they are over. */
#include "base/alloc.h"
#include "call/internal.h"

_Static_assert((int)ENGINE_SOUND_MAX > (int)SPEECH_TEXT_MAX, "a command carries the longest text");

struct call_sound call_sound_of(struct sr_str words)
{
    struct call_sound sound = {.kind = CALL_SOUND_TEXT, .text = words};

    if (words.n > 4 && sr_str_ieq_c(sr_str_from(words, words.n - 4), ".wav"))
        sound.kind = CALL_SOUND_FILE;
    return sound;
}

/* ---- the end of one ---- */

static void tell(struct call_play *play)
{
    struct engine *engine = play->engine;
    struct leg_played played = {.leg = play->leg,
                                .play = play->id,
                                .err = play->err,
                                .end = play->end,
                                .played_ms = play->played_ms,
                                .why = play->why};

    (void)sr_idtab_remove(&engine->plays, play->id);
    media_clip_unref(play->clip);
    media_feed_unref(play->feed);
    if (play->options.on_played != NULL)
        play->options.on_played(play->options.arg, &played);
    sr_free(play);
}

/* Callbacks come from here alone: nobody is called back out of his own call. */
void sound__tell_over(void *arg)
{
    struct engine *engine = arg;
    struct sr_node *node;

    while ((node = sr_list_pop(&engine->plays_over)) != NULL)
        tell(SR_CONTAINER(node, struct call_play, node));
    while ((node = sr_list_pop(&engine->collects_over)) != NULL)
        collect__tell(SR_CONTAINER(node, struct call_collect, node));
}

static void hand_over(struct leg *leg);

static void finish(struct call_play *play, enum media_play_end end)
{
    struct engine *engine = play->engine;
    struct leg *leg = play->leg;

    if (play->state == CALL_PLAY_MADE)
        speech_cancel(engine->speech, play->ask);
    play->state = CALL_PLAY_OVER;
    play->end = end;
    if (leg != NULL)
        sr_list_remove(&leg->plays, &play->node);
    sr_list_add(&engine->plays_over, &play->node);
    loop_defer(engine->loop, &engine->over_job);
    if (leg != NULL)
        hand_over(leg);
}

/* ---- on its way ---- */

/* What is ready goes to the media plane, in order. */
static void hand_over(struct leg *leg)
{
    SR_LIST_EACH(&leg->plays, node)
    {
        struct call_play *play = SR_CONTAINER(node, struct call_play, node);
        struct media_play_options options = {.clip = play->clip,
                                             .feed = play->feed,
                                             .play = play->id,
                                             .gain = play->options.gain,
                                             .is_looping = play->options.is_looping,
                                             .is_over = play->options.is_over,
                                             .is_queued = true,
                                             .stops_on_digit = play->options.stops_on_digit};

        if (play->state == CALL_PLAY_MADE)
            return;
        if (play->state != CALL_PLAY_READY)
            continue;
        play->err = media_leg_play(play->engine->media, leg->media, &options);
        if (play->err == SR_OK) {
            play->state = CALL_PLAY_GIVEN;
            continue;
        }
        (void)sr_str_copy(SR_STR("too many sounds wait on this leg"), play->why, sizeof(play->why));
        finish(play, MEDIA_PLAY_STOPPED); /* which goes on with the others */
        return;
    }
}

static void on_made(void *arg, const struct speech_result *result)
{
    struct call_play *play = arg;

    play->state = CALL_PLAY_READY;
    if (result->err != SR_OK) {
        play->err = result->err;
        (void)sr_str_copy(sr_str_c(result->why), play->why, sizeof(play->why));
        sr_log(HUB, WARN, "event=sound_failed call=%s leg=%s why=\"%s\"", play->leg->call->call_id,
               play->leg->leg_id, result->why);
        finish(play, MEDIA_PLAY_STOPPED);
        return;
    }
    if (result->clip != NULL)
        play->clip = media_clip_ref(result->clip);
    if (result->feed != NULL)
        play->feed = media_feed_ref(result->feed);
    hand_over(play->leg);
}

static bool make(struct call_play *play, const struct call_sound *sound)
{
    struct speech_request request = {
        .kind = sound->kind == CALL_SOUND_TEXT ? SPEECH_TEXT : SPEECH_FILE,
        .text = sound->text,
        .voice = sound->voice,
        .is_looping = play->options.is_looping,
        .is_confined = sound->is_confined,
        .done = on_made,
        .arg = play,
    };

    if (sound->kind == CALL_SOUND_CLIP) {
        play->clip = media_clip_ref(sound->clip);
        play->state = CALL_PLAY_READY;
        return true;
    }
    play->state = CALL_PLAY_MADE;
    return play->engine->speech != NULL &&
           speech_ask(play->engine->speech, &request, &play->ask) == SR_OK;
}

sr_id leg_play(struct leg *leg, const struct call_sound *sound,
               const struct leg_play_options *options)
{
    struct engine *engine = leg->call->engine;
    struct call_play *play;

    if (leg->media == SR_ID_NONE || leg->state == LEG_ENDED)
        return SR_ID_NONE;
    play = sr_zalloc(1, sizeof(*play));
    play->engine = engine;
    play->options = *options;
    play->id = sr_idtab_add(&engine->plays, play);
    if (play->id == SR_ID_NONE || !make(play, sound)) {
        (void)sr_idtab_remove(&engine->plays, play->id);
        sr_free(play);
        return SR_ID_NONE;
    }
    if (!options->is_queued)
        leg_play_stop(leg, SR_ID_NONE);
    play->leg = leg;
    sr_list_add(&leg->plays, &play->node);
    hand_over(leg);
    return play->id;
}

static void stop_one(struct call_play *play)
{
    play->is_stopping = true;
    if (play->state == CALL_PLAY_GIVEN)
        media_leg_stop(play->engine->media, play->leg->media, play->id);
    else
        finish(play, MEDIA_PLAY_STOPPED);
}

static struct call_play *find_unstopped(const struct leg *leg, sr_id id)
{
    SR_LIST_EACH(&leg->plays, node)
    {
        struct call_play *play = SR_CONTAINER(node, struct call_play, node);

        if (!play->is_stopping && (id == SR_ID_NONE || play->id == id))
            return play;
    }
    return NULL;
}

void leg_play_stop(struct leg *leg, sr_id id)
{
    struct call_play *play;

    while ((play = find_unstopped(leg, id)) != NULL) /* the end of one may be that of others */
        stop_one(play);
}

void sound__on_digit(struct leg *leg)
{
    SR_LIST_EACH(&leg->plays, node)
    {
        struct call_play *play = SR_CONTAINER(node, struct call_play, node);

        if (play->options.stops_on_digit && play->state == CALL_PLAY_GIVEN && !play->is_stopping)
            stop_one(play);
    }
}

void sound__on_played(struct engine *engine, const struct media_event *event)
{
    struct call_play *play = sr_idtab_find(&engine->plays, event->play);

    if (play == NULL || play->state != CALL_PLAY_GIVEN)
        return;
    play->played_ms = event->played_ms;
    if (event->starved_ms > 0)
        sr_log(HUB, WARN, "event=sound_starved ms=%u", event->starved_ms);
    finish(play, event->play_end);
}

void sound__leg_gone(struct leg *leg)
{
    struct engine *engine = leg->call->engine;
    struct sr_node *node;

    SR_LIST_EACH(&engine->plays_over, over)
    {
        struct call_play *play = SR_CONTAINER(over, struct call_play, node);

        if (play->leg == leg)
            play->leg = NULL;
    }
    while ((node = sr_list_pop(&leg->plays)) != NULL) {
        struct call_play *play = SR_CONTAINER(node, struct call_play, node);

        play->leg = NULL;
        if (play->state != CALL_PLAY_GIVEN) /* else the media plane tells of it */
            finish(play, MEDIA_PLAY_CLOSED);
    }
}

/* ---- music on hold ---- */

static void on_music(void *arg, const struct speech_result *result)
{
    struct engine *engine = arg;

    engine->music_ask = 0;
    if (result->err == SR_OK) {
        media_port_set_music(engine->media, result->clip);
        return;
    }
    sr_log(HUB, WARN, "event=no_music_file why=\"%s\" what=\"the melody is used\"", result->why);
    media_port_set_music(engine->media, NULL);
}

void sound__configure(struct engine *engine)
{
    struct speech_request request = {.kind = SPEECH_FILE,
                                     .text = engine->config->music_on_hold.file,
                                     .is_whole = true,
                                     .done = on_music,
                                     .arg = engine};

    if (engine->speech == NULL)
        return;
    speech_configure(engine->speech, engine->config->speech.tts.engine,
                     engine->config->speech.tts.voice);
    if (engine->music_ask != 0)
        speech_cancel(engine->speech, engine->music_ask);
    engine->music_ask = 0;
    if (request.text.n == 0)
        media_port_set_music(engine->media, NULL);
    else if (speech_ask(engine->speech, &request, &engine->music_ask) != SR_OK)
        sr_log(HUB, WARN, "event=no_music_file why=\"the path is too long, or too much waits\"");
}

/* ---- life ---- */

void sound__init(struct engine *engine)
{
    sr_idtab_init(&engine->plays, ENGINE_PLAYS_MAX);
    sr_list_init(&engine->plays_over);
    sr_list_init(&engine->collects_over);
    loop_job_init(&engine->over_job, sound__tell_over, engine);
}

void sound__done(struct engine *engine)
{
    uint32_t cursor = 0;
    struct call_play *play;

    if (engine->music_ask != 0)
        speech_cancel(engine->speech, engine->music_ask);
    loop_defer_clear(engine->loop, &engine->over_job);
    sound__tell_over(engine);
    while ((play = sr_idtab_next(&engine->plays, &cursor)) != NULL) {
        if (play->state == CALL_PLAY_MADE)
            speech_cancel(engine->speech, play->ask);
        play->end = MEDIA_PLAY_CLOSED;
        tell(play);
    }
    sr_idtab_done(&engine->plays);
}

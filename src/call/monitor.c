/* Somebody listens in: a leg of role tool. Whom it whispers to, whether it is shown, and the notice that the
 * parties hear (configuration: monitoring). */
#include "base/alloc.h"
#include "call/internal.h"
#include "media/dsp.h"
#include "media/tone.h"

enum {
    NOTICE_RATE_HZ = 8000,
    NOTICE_HZ = 1400,
    NOTICE_MS = 400,
};

static bool is_listener(const struct leg *leg)
{
    return leg->state == LEG_ANSWERED && leg->kind != LEG_MEDIA && leg->role == MEDIA_ROLE_TOOL;
}

bool monitor__is_hidden(const struct leg *leg)
{
    return leg->role == MEDIA_ROLE_TOOL && leg->kind != LEG_MEDIA &&
           leg->call->config->monitoring.is_hidden;
}

/* ---- whispering ---- */

struct leg *monitor__whispered(const struct leg *leg)
{
    struct leg *to = leg->whisper_to != SR_ID_NONE
                         ? sr_idtab_find(&leg->call->engine->legs, leg->whisper_to)
                         : NULL;

    return to != NULL && to != leg && to->call == leg->call && to->state == LEG_ANSWERED ? to
                                                                                         : NULL;
}

sr_id monitor__whispered_media(const struct leg *leg)
{
    const struct leg *to = leg->role == MEDIA_ROLE_TOOL ? monitor__whispered(leg) : NULL;

    return to != NULL ? to->media : SR_ID_NONE;
}

/* Who was whispered to has gone: that is over, and told, also of a leg that still rings. */
static void forget_gone(struct call *call)
{
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (leg->whisper_to == SR_ID_NONE || monitor__whispered(leg) != NULL)
            continue;
        leg->whisper_to = SR_ID_NONE;
        event__leg(leg, ENGINE_LEG_CHANGED);
    }
}

void monitor__replaced(const struct leg *old, struct leg *leg)
{
    leg->whisper_to = old->whisper_to;
    SR_LIST_EACH(&leg->call->legs, node)
    {
        struct leg *other = SR_CONTAINER(node, struct leg, node);

        if (other->whisper_to != old->id)
            continue;
        other->whisper_to = leg->id;
        event__leg(other, ENGINE_LEG_CHANGED);
    }
}

/* ---- the notice ---- */

static struct media_clip *tone_clip(void)
{
    size_t count = NOTICE_RATE_HZ / 1000 * NOTICE_MS;
    struct media_clip *clip = media_clip_new(NOTICE_RATE_HZ, count);
    float samples[NOTICE_RATE_HZ / 1000 * NOTICE_MS];
    struct tone_pattern pattern;
    struct tone tone;

    tone_pattern_sine(NOTICE_HZ, 0.15f, &pattern);
    pattern.segments[0].ms = NOTICE_MS;
    pattern.repeat_from = TONE_REPEAT_NONE;
    tone_init(&tone, &pattern, NOTICE_RATE_HZ);
    (void)tone_run(&tone, samples, count);
    dsp_best()->to_s16(clip->samples, samples, count);
    return clip;
}

static bool play_tone(struct leg *leg, const struct leg_play_options *options)
{
    struct call_sound sound = {.kind = CALL_SOUND_CLIP, .clip = tone_clip()};
    sr_id play = leg_play(leg, &sound, options);

    media_clip_unref(sound.clip);
    return play != SR_ID_NONE;
}

/* Over what the party hears. What cannot be spoken here is a tone. */
static void give_notice(struct leg *leg)
{
    struct sr_str notice = leg->call->config->monitoring.notice;
    struct leg_play_options options = {.is_over = true, .is_queued = true};
    struct call_sound sound = call_sound_of(notice);

    leg->is_noticed = true;
    if (!sr_str_eq_c(notice, "tone") && leg_play(leg, &sound, &options) != SR_ID_NONE)
        return;
    if (!play_tone(leg, &options))
        sr_log(HUB, WARN, "event=no_notice call=%s leg=%s", leg->call->call_id, leg->leg_id);
}

static void on_repeat(void *arg)
{
    struct call *call = arg;

    SR_LIST_EACH(&call->legs, node)
    {
        SR_CONTAINER(node, struct leg, node)->is_noticed = false;
    }
    monitor__update(call);
}

void monitor__init(struct call *call)
{
    loop_timer_init(&call->notice_timer, on_repeat, call);
}

void monitor__done(struct call *call)
{
    loop_timer_clear(call->engine->loop, &call->notice_timer);
}

static bool is_listened_to(const struct call *call)
{
    SR_LIST_EACH(&call->legs, node)
    {
        if (is_listener(SR_CONTAINER(node, struct leg, node)))
            return true;
    }
    return false;
}

void monitor__update(struct call *call)
{
    const struct config_monitoring *monitoring = &call->config->monitoring;
    struct loop *loop = call->engine->loop;
    bool is_heard;

    if (call->is_ending)
        return;
    forget_gone(call);
    is_heard = is_listened_to(call);
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (!is_heard)
            leg->is_noticed = false;
        else if (monitoring->notice.n > 0 && !leg->is_noticed && leg->state == LEG_ANSWERED &&
                 leg->kind != LEG_MEDIA && leg->role == MEDIA_ROLE_PARTICIPANT && leg->has_stream)
            give_notice(leg);
    }
    if (!is_heard)
        loop_timer_clear(loop, &call->notice_timer);
    else if (monitoring->repeat_sec > 0 && !loop_timer_is_set(&call->notice_timer))
        loop_timer_set(loop, &call->notice_timer,
                       loop_now(loop) + (sr_usec)monitoring->repeat_sec * SR_SEC);
}

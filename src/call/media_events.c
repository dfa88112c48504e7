/* What the media plane reports. Late events for legs and calls that are gone find nothing. */
#include <math.h>

#include "call/internal.h"
#include "call/verdict.h"
#include "call/webrtc.h"

static struct leg *leg_of(struct engine *engine, const struct media_event *event)
{
    if (browsers__is_cookie(event->cookie))
        return browsers__find_leg(engine, event->cookie);
    return sr_idtab_find(&engine->legs, event->cookie);
}

static void closed(struct call *call)
{
    SR_ASSERT(call->media_open > 0);
    call->media_open--;
    if (!call->is_ending || call->state != CALL_ENDED || call->media_open > 0)
        return;
    sound__tell_over(call->engine); /* what played until the end is told before the call's end */
    call__finish(call);
}

/* Of the line that counts: a whole leg's, or a fax's beside those of the sound. True: another verdict. */
static bool take_pipe_stats(struct leg *leg, const struct media_leg_stats *stats)
{
    struct media_leg_stats before = leg->pipes->stats;

    leg->pipes->stats = *stats;
    if (leg->call->is_pass) {
        leg->stats = *stats;
        leg->has_stats = true;
    }
    return verdict__of_pipe(leg, &before);
}

static void on_closed(struct engine *engine, const struct media_event *event)
{
    struct leg *leg = leg_of(engine, event);
    struct media_leg_stats before;
    struct call *call;

    if (leg == NULL)
        return;
    call = leg->call;
    if (event->leg != leg->media && pipes__is_open(leg)) {
        leg->pipes->open_count--;
        if (pipes__is_main(leg, event->leg))
            (void)take_pipe_stats(leg, &event->stats);
        closed(call);
        return;
    }
    before = leg->stats;
    leg->stats = event->stats;
    leg->has_stats = true;
    (void)verdict__update(leg, &before); /* for the record: a short call had no report */
    leg->media = SR_ID_NONE;
    closed(call);
}

void leg__digit(struct leg *leg, char digit, uint32_t duration_ms)
{
    struct call *call = leg->call;
    bool is_secret = collect__is_secret(leg) || leg->is_typing_secret;
    bool is_collected = collect__on_digit(leg, digit);

    if (!is_secret)
        event__digit(leg, digit, duration_ms);
    if (is_collected)
        return;
    if (call->app != NULL && call->app->on_digit != NULL &&
        call->app->on_digit(call->app_state, call, leg, digit))
        return;
    if (incall__digit(leg, digit, duration_ms))
        return;
    leg__pass_digit(leg, digit, duration_ms);
}

static void on_digit(struct leg *leg, const struct media_event *event)
{
    /* in relay the digit's own packets reach the other party, unless they are kept for us */
    bool is_relay = leg->call->mode_real == MEDIA_MODE_RELAY || event->is_relayed;

    if (is_relay && leg->collect == NULL && !leg->stream.is_dtmf_kept)
        event__digit(leg, event->digit, event->duration_ms);
    else
        leg__digit(leg, event->digit, event->duration_ms);
}

static void on_stats(struct leg *leg, const struct media_event *event)
{
    struct media_leg_stats before = leg->stats;
    bool is_pipe = leg->pipes != NULL && pipes__is_main(leg, event->leg);
    bool is_news;

    if (is_pipe) {
        is_news = take_pipe_stats(leg, &event->stats);
    } else {
        leg->stats = event->stats;
        leg->has_stats = true;
        is_news = verdict__update(leg, &before);
    }
    if (is_news)
        event__leg(leg, ENGINE_VERDICT);
    if (!is_pipe || leg->call->is_pass)
        event__leg(leg, ENGINE_QUALITY);
}

static void on_mode(struct engine *engine, const struct media_event *event)
{
    struct call *call = sr_idtab_find(&engine->calls, event->cookie);

    if (call == NULL || call->is_ending)
        return;
    call->mode_real = event->mode;
    event__call(call, ENGINE_LEG_CHANGED);
}

static void on_webrtc(struct leg *leg, const struct media_event *event)
{
    bool is_failed = event->webrtc == MEDIA_WEBRTC_FAILED;

    if (!is_failed && (event->webrtc != MEDIA_WEBRTC_DTLS_UP || leg->verdict[0] == '\0'))
        return;
    (void)sr_str_copy(sr_str_c(is_failed && event->why != NULL ? event->why : ""), leg->verdict,
                      sizeof(leg->verdict));
    event__leg(leg, ENGINE_VERDICT);
}

void engine_on_media(void *arg, const struct media_event *event)
{
    struct engine *engine = arg;
    struct leg *leg;

    if (event->kind == MEDIA_EVENT_CLOSED) {
        on_closed(engine, event);
        if (browsers__is_cookie(event->cookie))
            browsers__on_media(engine, event);
        return;
    }
    if (event->kind == MEDIA_EVENT_MODE) {
        on_mode(engine, event);
        return;
    }
    if (event->kind == MEDIA_EVENT_PLAYED) {
        sound__on_played(engine, event);
        return;
    }
    if (browsers__is_cookie(event->cookie))
        browsers__on_media(engine, event);
    leg = leg_of(engine, event);
    if (leg == NULL || leg->state == LEG_ENDED)
        return;
    if (event->leg != leg->media && leg->pipes != NULL &&
        (!pipes__is_main(leg, event->leg) ||
         (!leg->call->is_pass && event->kind != MEDIA_EVENT_TIMEOUT &&
          event->kind != MEDIA_EVENT_STATS)))
        return; /* a line beside the first (video may be silent), or a fax beside the sound */
    switch (event->kind) {
    case MEDIA_EVENT_LATCHED:
        leg->stats.remote_seen = event->addr;
        event__leg(leg, ENGINE_LEG_CHANGED);
        break;
    case MEDIA_EVENT_DTMF:
        on_digit(leg, event);
        break;
    case MEDIA_EVENT_TIMEOUT:
        if (browsers__stays_silent(leg))
            break;
        sr_log(HUB, INFO, "event=media_timeout call=%s leg=%s", leg->call->call_id, leg->leg_id);
        leg__ended(leg, CALL_REASON_MEDIA_TIMEOUT, 0);
        break;
    case MEDIA_EVENT_STATS:
        on_stats(leg, event);
        break;
    case MEDIA_EVENT_CLOSED:
    case MEDIA_EVENT_MODE:
    case MEDIA_EVENT_PLAYED:
        break;
    case MEDIA_EVENT_WEBRTC:
        if (leg->session == NULL) /* a phone on WebSocket; pages were heard above */
            on_webrtc(leg, event);
        break;
    }
}

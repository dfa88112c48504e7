/* A leg hears one sound and goes; or a caller hears one before anybody rings. */
#include "base/alloc.h"
#include "call/internal.h"

struct announcement {
    enum call_reason reason;
};

static void on_played(void *arg, const struct leg_played *played)
{
    struct announcement *announcement = arg;
    enum call_reason reason = announcement->reason;

    sr_free(announcement);
    if (played->leg != NULL)
        leg_end(played->leg, reason);
}

void leg_announce(struct leg *leg, const struct call_sound *sound, enum call_reason reason)
{
    struct announcement *announcement = sr_zalloc(1, sizeof(*announcement));
    struct leg_play_options options = {.on_played = on_played, .arg = announcement};

    announcement->reason = reason;
    if (leg_play(leg, sound, &options) == SR_ID_NONE) {
        sr_free(announcement);
        leg_end(leg, reason);
        return;
    }
    leg_set_role(leg, MEDIA_ROLE_ISOLATED);
    (void)leg_answer_here(leg); /* on failure it has ended, and on_played finds no leg */
}

/* ---- before anybody rings -------------------------------------------------------------------- */

static void on_first_played(void *arg, const struct leg_played *played)
{
    const struct config_route *route = arg;
    enum call_reason reason;
    struct call *call;

    if (played->leg == NULL)
        return; /* the caller has hung up */
    call = played->leg->call;
    if (call->is_ending || call->ring != NULL)
        return;
    reason = call__ring_route(call, played->leg, route, false);
    if (reason != CALL_REASON_NONE)
        call__end(call, reason, call_reason_status(reason));
}

/* As early media: nobody has answered, nobody pays. */
static bool open_early(struct leg *leg)
{
    struct sr_buf sdp;
    bool is_open;

    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    is_open = ring__sdp_for_caller(leg, NULL, &sdp) == SR_OK;
    if (is_open) {
        leg__set_stream(leg);
        sip_leg_progress(leg->sip, 183, sr_buf_view(&sdp));
        call__update_media(leg->call);
        event__leg(leg, ENGINE_LEG_CHANGED);
    }
    sr_buf_done(&sdp);
    return is_open;
}

bool announce__first(struct call *call, struct leg *from, const struct config_route *route)
{
    struct call_sound sound = call_sound_of(route->action.announcement);
    struct leg_play_options options = {.on_played = on_first_played, .arg = (void *)route};

    /* not where a call comes back, or is passed on; a caller without an offer cannot hear yet */
    if (sound.text.n == 0 || call->is_pass || from == NULL || from != call->origin ||
        from->sip == NULL || from->state == LEG_ANSWERED || !from->has_peer)
        return false;
    if (!from->has_stream && !open_early(from))
        return false;
    return leg_play(from, &sound, &options) != SR_ID_NONE;
}

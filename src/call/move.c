/* Legs that go from one call to another, and who is told whom it talks to now.
 *
 * A leg keeps its id, its SIP dialog and its media leg. For people it leaves one call (leg_removed,
 * reason transferred) and joins the other (leg_added); each call's record shows the part it had. */
#include "base/alloc.h"
#include "call/internal.h"
#include "call/webrtc.h"

/* What stays of the leg in the call it leaves: for the record, the view and the event. */
static void leave_shadow(const struct leg *leg)
{
    struct leg *shadow = sr_zalloc(1, sizeof(*shadow));
    struct call *from = leg->call;

    *shadow = *leg;
    shadow->id = SR_ID_NONE;
    shadow->sip = NULL;
    shadow->media = SR_ID_NONE;
    shadow->ring = NULL;
    shadow->pipes = NULL; /* they go along */
    shadow->browser = NULL;
    shadow->session = NULL;
    shadow->state = LEG_ENDED;
    shadow->has_stream = shadow->is_counted = shadow->is_watched = false;
    if (shadow->is_holding)
        shadow->verdict[0] = '\0'; /* as in verdict__update() */
    shadow->reason = CALL_REASON_TRANSFERRED;
    shadow->sip_status = 0;
    shadow->ended_wall_us = call__wall(from);
    leg__forget_sdp(shadow);
    event__leg(shadow, ENGINE_LEG_REMOVED);
    leg__file_as_gone(shadow);
}

bool call__move_leg(struct leg *leg, struct call *to)
{
    struct call *from = leg->call;
    struct engine *engine = from->engine;

    SR_ASSERT((leg->state == LEG_ANSWERED || leg->is_caller) && leg->ring == NULL);
    if (to == from || to->is_ending || from->is_pass || to->is_pass || pipes__is_open(leg) ||
        to->legs.count >= CALL_LEGS_MAX)
        return false;
    leg->is_typing_secret = false;
    leg->is_held = false; /* by who is left behind; a parking slot holds it anew */
    incall__leg_leaves(leg);
    if (from->app != NULL && from->app->on_leave != NULL && !from->is_ending)
        from->app->on_leave(from->app_state, from, leg);
    leg->app_prompt = MEDIA_PROMPT_NONE;
    leg->is_noticed = false; /* who listens there is another matter */
    if (from->origin == leg)
        from->origin = NULL;
    sr_list_remove(&from->legs, &leg->node);
    leave_shadow(leg);
    leg->call = to;
    sr_list_add(&to->legs, &leg->node);
    leg->started_wall_us = call__wall(to);
    if (leg->state == LEG_ANSWERED)
        leg->answered_wall_us = leg->started_wall_us;
    if (leg->media != SR_ID_NONE) {
        from->media_open--;
        to->media_open++;
        media_leg_move(engine->media, leg->media, to->room);
    }
    if (leg->sip != NULL)
        sip_leg_set_user(leg->sip, leg, to->id, leg->id);
    use__moved(leg, from);
    browsers__leg_moved(leg, from);
    event__leg(leg, ENGINE_LEG_ADDED);
    return true;
}

enum call_reason call__enter_app(struct leg *leg, const struct engine_app *app,
                                 const struct config_extension *what, struct sr_str dialled)
{
    struct call *from = leg->call;
    struct call *to = app->ops->find_call != NULL ? app->ops->find_call(app->state, what) : NULL;
    bool is_new = to == NULL;

    if (is_new) {
        if (!engine__is_full(from->engine))
            to = call__new(from->engine, from->direction, sr_str_c(leg->number),
                           sr_str_c(leg->name), dialled);
        if (to == NULL)
            return CALL_REASON_LIMIT;
        event__call(to, ENGINE_CALL_CREATED);
    }
    if (to != from && !call__move_leg(leg, to)) {
        if (is_new)
            call__end(to, CALL_REASON_LIMIT, 503);
        return CALL_REASON_LIMIT;
    }
    if (is_new) {
        to->app = app->ops;
        to->app_state = app->state;
        to->origin = leg;
    }
    app->ops->on_enter(app->state, to, leg, what);
    return CALL_REASON_NONE;
}

/* ---- who is connected ---- */

static bool is_person(const struct leg *leg)
{
    return leg->state == LEG_ANSWERED && leg->kind != LEG_MEDIA && leg->role != MEDIA_ROLE_TOOL;
}

static void tell_identity(struct leg *leg, const struct leg *peer)
{
    if (strcmp(leg->connected_to, peer->leg_id) == 0)
        return;
    if (leg->sip != NULL)
        sip_leg_identify(leg->sip, leg__party(peer), sr_str_c(peer->name));
    memcpy(leg->connected_to, peer->leg_id, sizeof(leg->connected_to));
    watch__leg_changed(leg);
}

void call__identify(struct call *call)
{
    struct leg *pair[2] = {NULL, NULL};
    uint32_t count = 0;

    if (call->state != CALL_ANSWERED || call->app != NULL || call->transfer != NULL)
        return;
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (!is_person(leg))
            continue;
        if (count < 2)
            pair[count] = leg;
        count++;
    }
    if (count != 2)
        return;
    tell_identity(pair[0], pair[1]);
    tell_identity(pair[1], pair[0]);
}

/* Who is called, and what comes when nobody takes it: routes, extensions, numbers outside,
 * forwarding, fallbacks. */
#include "call/internal.h"

#define NOT_BUILT_MENU "The voice menu is not available yet. Goodbye."

const struct engine_app *engine__find_app(struct engine *engine,
                                          const struct config_extension *what)
{
    if (what->kind == CONFIG_EXTENSION_FEATURE && (what->feature->kind == CONFIG_FEATURE_PICKUP ||
                                                   what->feature->kind == CONFIG_FEATURE_INTERCOM))
        return NULL; /* the hub's own: pickup.c, intercom.c */
    for (uint32_t i = 0; i < engine->app_count; i++) {
        if (engine->apps[i].ops->serves(what))
            return &engine->apps[i];
    }
    return NULL;
}

/* Whose call it is: the device of the leg or of its account, who transfers it, or who asks by the API. */
static const struct config_device *device_of(const struct call *call, const struct leg *from)
{
    const char *id = call->transfer != NULL ? call->transfer->by_device
                     : from != NULL         ? use__whose(from)
                                            : "";
    const struct config_device *device = config_device_by_id(call->config, sr_str_c(id));

    return device != NULL ? device : call->asker;
}

/* ---- inside ---------------------------------------------------------------------------------- */

/* Whether a party would have to leave its call for another one (a room that is in use). */
static bool lives_elsewhere(const struct engine_app *app, const struct config_extension *what,
                            const struct call *call)
{
    struct call *live = app->ops->find_call != NULL ? app->ops->find_call(app->state, what) : NULL;

    return live != NULL && live != call;
}

/* A caller that was led to a room in use, or to a slot where somebody is parked, or a party that was rung
 * for it, goes there; its own call has done its part. */
static enum call_reason enter_elsewhere(struct leg *leg, const struct engine_app *app,
                                        const struct config_extension *what)
{
    struct call *call = leg->call;
    enum call_reason reason = call__enter_app(leg, app, what, sr_str_c(call->to));

    if (reason == CALL_REASON_NONE)
        call__end(call, CALL_REASON_TRANSFERRED, 0);
    return reason;
}

static enum call_reason enter_app(struct call *call, struct leg *from,
                                  const struct config_extension *what, bool is_addition)
{
    const struct engine_app *app = engine__find_app(call->engine, what);

    if (app == NULL || is_addition || from == NULL)
        return CALL_REASON_NOT_BUILT;
    if (call->is_pass) /* forwarded there: nothing of ours can speak to the caller */
        return CALL_REASON_NOT_ALLOWED;
    if (lives_elsewhere(app, what, call))
        return enter_elsewhere(from, app, what);
    call->app = app->ops;
    call->app_state = app->state;
    app->ops->on_enter(app->state, call, from, what);
    return CALL_REASON_NONE;
}

static enum call_reason enter_box(struct call *call, struct leg *from,
                                  const struct config_voicebox *box)
{
    struct config_extension what = {.kind = CONFIG_EXTENSION_VOICEBOX, .voicebox = box};

    return enter_app(call, from, &what, false);
}

/* The caller hears a sentence (or a sound of the configuration), and the call ends so. */
static enum call_reason announce(struct leg *from, struct sr_str words, enum call_reason reason)
{
    struct call_sound sound = call_sound_of(words);

    if (from == NULL || from->call->is_pass)
        return reason;
    leg_announce(from, &sound, reason);
    return CALL_REASON_NONE;
}

static enum call_reason forward(struct call *call, const struct config_device *device,
                                struct sr_str number, enum call_reason reason);

/* Where a device's calls go when they end so; empty: nowhere else. */
static struct sr_str forwarding(const struct config_device *device, enum call_reason reason)
{
    switch ((int)reason) {
    case CALL_REASON_NONE:
        return device->forward.always;
    case CALL_REASON_BUSY:
        return device->forward.busy;
    case CALL_REASON_NO_ANSWER:
        return device->forward.no_answer;
    case CALL_REASON_OFFLINE:
    case CALL_REASON_UNREACHABLE:
        return device->forward.offline;
    default:
        return (struct sr_str){NULL, 0};
    }
}

static enum call_reason ring_device(struct call *call, struct leg *from,
                                    const struct config_device *device, bool is_addition)
{
    bool has_more = device->forward.no_answer.n > 0 || device->voicemail_box != NULL;
    struct ring *ring;

    if (!is_addition && device->forward.always.n > 0)
        return forward(call, device, device->forward.always, CALL_REASON_NONE);
    ring = ring__new(call, from, is_addition, has_more ? RING_NO_ANSWER_SEC : ENGINE_RING_SEC);
    if (ring == NULL)
        return CALL_REASON_LIMIT;
    if (!is_addition)
        ring->only = device;
    ring__add_device(ring, device, 0, UINT32_MAX);
    return ring__begin(ring);
}

static enum call_reason ring_group(struct call *call, struct leg *from,
                                   const struct config_group *group, bool is_addition)
{
    bool is_all = group->strategy == CONFIG_STRATEGY_ALL;
    struct ring *ring =
        ring__new(call, from, is_addition, is_all ? ENGINE_RING_SEC : RING_NO_ANSWER_SEC);

    if (ring == NULL)
        return CALL_REASON_LIMIT;
    ring__add_group(ring, group);
    return ring__begin(ring);
}

static enum call_reason dial_extension(struct call *call, struct leg *from,
                                       const struct config_extension *what, bool is_addition)
{
    if (what->kind == CONFIG_EXTENSION_DEVICE)
        return ring_device(call, from, what->device, is_addition);
    if (what->kind == CONFIG_EXTENSION_FEATURE && what->feature->kind == CONFIG_FEATURE_INTERCOM) {
        const struct config_device *device = config_device_by_user(call->config, what->rest);

        if (device == NULL)
            return CALL_REASON_NOT_FOUND;
        call->is_intercom = true;
        return ring__devices(call, from, &device, 1, is_addition);
    }
    if (what->kind == CONFIG_EXTENSION_GROUP)
        return ring_group(call, from, what->group, is_addition);
    return enter_app(call, from, what, is_addition);
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* The one device a route rings, or NULL: its own forwardings hold then. */
static const struct config_device *only_device(const struct config_route_action *action)
{
    if (action->target_names.count != 1 || action->ring_browsers ||
        action->targets[0].kind != CONFIG_TARGET_DEVICE)
        return NULL;
    return action->targets[0].device;
}

enum call_reason call__ring_route(struct call *call, struct leg *from,
                                  const struct config_route *route, bool is_addition)
{
    const struct config_route_action *action = &route->action;
    const struct config_device *only = only_device(action);
    struct ring *ring;

    if (!is_addition && only != NULL && only->forward.always.n > 0)
        return forward(call, only, only->forward.always, CALL_REASON_NONE);
    ring = ring__new(call, from, is_addition, action->no_answer_timeout_sec);
    if (ring == NULL)
        return CALL_REASON_LIMIT;
    ring->route = route;
    if (!is_addition)
        ring->only = only;
    ring__add_route(ring, route);
    return ring__begin(ring);
}

static enum call_reason dial_route(struct call *call, struct leg *from,
                                   const struct config_route *route, bool is_addition)
{
    const struct config_route_action *action = &route->action;

    if (!is_addition) /* else when somebody comes: ring__won() */
        use__shorten(call, action->duration_sec_max);
    if (action->ivr_menu != NULL)
        return announce(from, SR_STR(NOT_BUILT_MENU), CALL_REASON_NOT_BUILT);
    if (action->target_names.count == 0 && !action->ring_browsers)
        return action->voicemail_box != NULL
                   ? enter_box(call, from, action->voicemail_box)
                   : announce(from, action->announcement, CALL_REASON_HANGUP);
    if (!is_addition && announce__first(call, from, route))
        return CALL_REASON_NONE;
    return call__ring_route(call, from, route, is_addition);
}

/* ---- outside --------------------------------------------------------------------------------- */

static enum call_reason dial_outside(struct call *call, struct leg *from,
                                     const struct config_device *account,
                                     const struct routing_plan *plan, bool is_addition)
{
    struct ring_outside outside;
    enum call_reason reason = ring__judge(call, account, plan, &outside);
    struct ring *ring;

    if (reason != CALL_REASON_NONE)
        return reason;
    if (call->is_from_chosen && !is_addition && !plan->is_emergency)
        outside.caller_id = sr_str_c(call->from);
    ring = ring__new(call, from, is_addition, RING_OUTSIDE_SEC);
    if (ring == NULL)
        return CALL_REASON_LIMIT;
    (void)ring__add_outside(ring, &outside, 0, UINT32_MAX);
    return ring__begin(ring);
}

/* ---- what was dialled ------------------------------------------------------------------------ */

static void log_unrouted(const struct call *call, const struct routing_plan *plan)
{
    if (plan->nearest != NULL)
        sr_log(HUB, WARN, "event=unrouted call=%s direction=%s number=%s nearest=%.*s why=\"%s\"",
               call->call_id, routing_direction_name(plan->direction), plan->number,
               SR_STR_ARG(plan->nearest->id), plan->nearest_why);
    else
        sr_log(HUB, WARN, "event=unrouted call=%s direction=%s number=%s why=\"no route at all\"",
               call->call_id, routing_direction_name(plan->direction), plan->number);
}

/* How the call is known from now on: the first plan says it. */
static void note_plan(struct call *call, const struct routing_plan *plan, bool is_addition)
{
    if (is_addition || call->hop_count > 0 || call->forward_count > 0)
        return;
    call->direction = routing_direction_name(plan->direction);
    if (plan->route != NULL)
        (void)sr_str_copy(plan->route->id, call->route_id, sizeof(call->route_id));
    if (plan->outcome == ROUTING_OUTSIDE)
        (void)sr_str_copy(sr_str_c(plan->number), call->to, sizeof(call->to));
}

enum call_reason call__follow(struct call *call, struct leg *from,
                              const struct routing_query *query, const struct routing_plan *plan,
                              bool is_addition)
{
    note_plan(call, plan, is_addition);
    switch (plan->outcome) {
    case ROUTING_NOWHERE:
        log_unrouted(call, plan);
        return plan->reason;
    case ROUTING_EXTENSION:
        return dial_extension(call, from, &plan->extension, is_addition);
    case ROUTING_ROUTE:
        return dial_route(call, from, plan->route, is_addition);
    case ROUTING_OUTSIDE:
        return dial_outside(call, from, query->device, plan, is_addition);
    }
    return CALL_REASON_INTERNAL;
}

static enum call_reason dial(struct call *call, struct leg *from, struct routing_query *query,
                             bool is_addition)
{
    struct routing_plan plan;

    query->now = loop_wall(call->engine->loop) / SR_SEC;
    routing_resolve(call->config, query, &plan, NULL);
    return call__follow(call, from, query, &plan, is_addition);
}

enum call_reason call__dial(struct call *call, struct leg *from, struct sr_str dialled,
                            bool is_addition)
{
    struct routing_query query = {.device = device_of(call, from), .number = dialled};

    if (!is_addition && call->api_provider[0] != '\0')
        query.preferred = config_provider_by_id(call->config, sr_str_c(call->api_provider));
    return dial(call, from, &query, is_addition);
}

/* ---- when nobody took it --------------------------------------------------------------------- */

static bool has_forwarded(const struct call *call, const struct config_device *device)
{
    for (uint8_t i = 0; i < call->forward_count; i++) {
        if (call->forwards[i].device == device)
            return true;
    }
    return false;
}

/* The device's calls go to that number; it pays for them when they go outside. */
static enum call_reason forward(struct call *call, const struct config_device *device,
                                struct sr_str number, enum call_reason reason)
{
    struct routing_query query = {.device = device, .number = number};

    if (call->forward_count == CALL_HOPS_MAX || has_forwarded(call, device) ||
        call->max_forwards <= call->forward_count + 1) {
        sr_log(HUB, WARN, "event=forward_loop call=%s device=%.*s to=%.*s", call->call_id,
               SR_STR_ARG(device->id), SR_STR_ARG(number));
        return CALL_REASON_LOOP;
    }
    sr_log(HUB, INFO, "event=forwarded call=%s device=%.*s to=%.*s reason=%s", call->call_id,
           SR_STR_ARG(device->id), SR_STR_ARG(number),
           reason == CALL_REASON_NONE ? "always" : call_reason_name(reason));
    call->forwards[call->forward_count++] = (struct call_forward){device, reason};
    return dial(call, call->origin, &query, false);
}

enum call_reason call__redirected(struct call *call, const struct config_device *device,
                                  struct sr_str number)
{
    return forward(call, device, number, CALL_REASON_NONE);
}

static const struct config_action *fallback_of(const struct config_fallback *fallback,
                                               enum call_reason reason)
{
    switch ((int)reason) {
    case CALL_REASON_NO_ANSWER:
        return &fallback->no_answer;
    case CALL_REASON_BUSY:
        return &fallback->busy;
    case CALL_REASON_DECLINED:
        return &fallback->declined;
    default:
        return &fallback->offline; /* nobody could be reached */
    }
}

static enum call_reason do_action(struct call *call, const struct config_action *action,
                                  enum call_reason reason)
{
    struct config_extension room = {.kind = CONFIG_EXTENSION_CONFERENCE};
    struct routing_query query = {.number = action->target,
                                  .device = device_of(call, call->origin)};

    if (call->hop_count++ >= CALL_HOPS_MAX)
        return CALL_REASON_LOOP;
    switch (action->type) {
    case CONFIG_ACTION_ROUTE_EXTENSION:
        query.direction = CONFIG_DIRECTION_INTERNAL;
        return dial(call, call->origin, &query, false);
    case CONFIG_ACTION_ROUTE_EXTERNAL:
        query.direction = CONFIG_DIRECTION_OUTBOUND;
        query.device = NULL; /* the route wants it: nobody's account */
        return dial(call, call->origin, &query, false);
    case CONFIG_ACTION_VOICEMAIL:
        return enter_box(call, call->origin, action->voicebox);
    case CONFIG_ACTION_CONFERENCE:
        room.conference = action->conference;
        return enter_app(call, call->origin, &room, false);
    case CONFIG_ACTION_PLAY_MESSAGE:
        return announce(call->origin, action->target, reason);
    case CONFIG_ACTION_SUBMENU:
    case CONFIG_ACTION_DIAL_BY_EXTENSION:
    case CONFIG_ACTION_REPEAT:
        return announce(call->origin, SR_STR(NOT_BUILT_MENU), CALL_REASON_NOT_BUILT);
    case CONFIG_ACTION_NONE:
    case CONFIG_ACTION_HANGUP:
        break;
    }
    return reason;
}

enum call_reason call__fall_back(struct call *call, const struct config_route *route,
                                 const struct config_device *only, enum call_reason reason)
{
    const struct config_action *action;

    if (call->origin == NULL)
        return reason; /* the first party of an API call: it alone was meant */
    if (only != NULL && forwarding(only, reason).n > 0 && !has_forwarded(call, only))
        return forward(call, only, forwarding(only, reason), reason);
    if (route != NULL) {
        action = fallback_of(&route->action.fallback, reason);
        if (action->type != CONFIG_ACTION_NONE)
            return do_action(call, action, reason);
        if (route->action.voicemail_box != NULL)
            return enter_box(call, call->origin, route->action.voicemail_box);
    }
    if (only != NULL && only->voicemail_box != NULL && reason != CALL_REASON_LOOP)
        return enter_box(call, call->origin, only->voicemail_box);
    return reason;
}

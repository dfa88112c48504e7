#include "call/outlook.h"

#include "base/alloc.h"

enum {
    HOPS_MAX = 5 /* forwardings, fallbacks, and forwardings within a fork: as CALL_HOPS_MAX */
};

/* Of a device's `always`, as enum ring_forwarding. */
enum forwarding {
    NOT_FORWARDED,
    FORWARDING,
    FORWARDED
};

struct walk {
    const struct config *config;
    const struct routing_query *query;
    const struct guard_use *use;
    struct sr_json *tried;
    struct outlook *out;
    const struct config_device *account; /* whose call to the outside it is */
    const struct config_device *forwarders[HOPS_MAX];
    size_t forward_count, action_count;
    enum forwarding *forwardings; /* within a fork, by the index of the device */
    bool is_over;
};

/* What is left when nobody rings. */
struct otherwise {
    const struct config_device *only; /* it alone was meant; or NULL */
    const struct config_route *route; /* or NULL */
};

/* ---- how it ends ---- */

static void refuse(struct walk *walk, enum call_reason reason)
{
    walk->out->end = OUTLOOK_REFUSED;
    walk->out->reason = reason;
    walk->is_over = true;
}

static void answer(struct walk *walk, const char *what, struct sr_str target)
{
    walk->out->end = OUTLOOK_HERE;
    walk->out->here = what;
    walk->out->here_target = target;
    walk->is_over = true;
}

static void ring(struct walk *walk)
{
    walk->out->end = OUTLOOK_RINGS;
    walk->is_over = true;
}

/* A step in words: `who` did `what`, and `to` that. */
static void say(struct walk *walk, struct sr_str who, bool is_matched, const char *what,
                struct sr_str to, const char *key)
{
    char text[ROUTING_WHY_MAX];
    struct sr_buf why;

    sr_buf_init_fixed(&why, text, sizeof(text));
    sr_buf_fmt(&why, "%s%.*s%s", what, SR_STR_ARG(to), key);
    routing_note(walk->tried, who, is_matched, sr_buf_view(&why));
}

/* ---- forwarding and fallback ---- */

static void resolve(struct walk *walk, const struct routing_query *query)
{
    walk->account = query->device;
    routing_resolve(walk->config, query, &walk->out->plan, walk->tried);
}

/* Another number takes the place of the call's. */
static void forward(struct walk *walk, const struct config_device *device, struct sr_str number)
{
    struct routing_query query = {.device = device, .number = number, .now = walk->query->now};

    if (walk->forward_count == HOPS_MAX) {
        refuse(walk, CALL_REASON_LOOP);
        return;
    }
    walk->forwarders[walk->forward_count++] = device;
    resolve(walk, &query);
}

static bool has_forwarded(const struct walk *walk, const struct config_device *device)
{
    for (size_t i = 0; i < walk->forward_count; i++) {
        if (walk->forwarders[i] == device)
            return true;
    }
    return false;
}

static void act(struct walk *walk, const struct config_route *route,
                const struct config_action *action, enum call_reason reason)
{
    struct routing_query query = {.number = action->target, .now = walk->query->now};
    const char *name = config_action_name(action->type);

    if (action->type == CONFIG_ACTION_HANGUP) {
        refuse(walk, reason);
        return;
    }
    if (walk->action_count++ == HOPS_MAX) {
        refuse(walk, CALL_REASON_LOOP);
        return;
    }
    say(walk, route->id, true,
        reason == CALL_REASON_BUSY ? "its fallback for busy takes the call: "
                                   : "its fallback for offline takes the call: ",
        sr_str_c(name), "");
    if (action->type == CONFIG_ACTION_ROUTE_EXTENSION) {
        query.direction = CONFIG_DIRECTION_INTERNAL;
        query.device = walk->query->device;
        resolve(walk, &query);
    } else if (action->type == CONFIG_ACTION_ROUTE_EXTERNAL) {
        query.direction = CONFIG_DIRECTION_OUTBOUND;
        resolve(walk, &query);
    } else {
        answer(walk, name, action->target);
    }
}

static void answer_box(struct walk *walk, const struct config_voicebox *box)
{
    answer(walk, config_action_name(CONFIG_ACTION_VOICEMAIL), box->id);
}

/* Nobody rings. Of the reasons only busy has a way of its own here. */
static void fall_back(struct walk *walk, struct otherwise otherwise, enum call_reason reason)
{
    const struct config_device *only = otherwise.only;
    const struct config_route *route = otherwise.route;
    const struct config_fallback *fallback = route != NULL ? &route->action.fallback : NULL;
    bool is_busy = reason == CALL_REASON_BUSY;
    bool is_pass = walk->out->first.route != NULL &&
                   walk->out->first.route->action.mode == CONFIG_MODE_PASSTHROUGH;
    const struct config_action *action =
        fallback == NULL ? NULL : (is_busy ? &fallback->busy : &fallback->offline);

    if (is_pass) { /* what the other end says is what the caller hears */
        refuse(walk, reason);
    } else if (is_busy && only != NULL && only->forward.busy.n > 0 && !has_forwarded(walk, only)) {
        say(walk, only->id, true, "its calls go to ", only->forward.busy, " then (forward.busy)");
        forward(walk, only, only->forward.busy);
    } else if (action != NULL && action->type != CONFIG_ACTION_NONE) {
        act(walk, route, action, reason);
    } else if (route != NULL && route->action.voicemail_box != NULL) {
        answer_box(walk, route->action.voicemail_box);
    } else if (only != NULL && only->voicemail_box != NULL) {
        answer_box(walk, only->voicemail_box);
    } else {
        refuse(walk, reason);
    }
}

/* ---- who rings ---- */

static bool is_quiet(struct walk *walk, const struct config_device *device)
{
    struct sr_buf why;

    if (!device->is_dnd)
        return false;
    sr_buf_init_fixed(&why, walk->out->why, sizeof(walk->out->why));
    sr_buf_fmt(&why, "%.*s takes no calls now (dnd)", SR_STR_ARG(device->id));
    (void)sr_buf_cstr(&why);
    say(walk, device->id, false, "takes no calls now (dnd), as if it were busy", SR_STR(""), "");
    return true;
}

static void add(struct walk *walk, struct sr_str who)
{
    struct outlook *out = walk->out;

    for (size_t i = 0; i < out->ring_count; i++) {
        if (sr_str_eq(out->rings[i], who))
            return;
    }
    if (out->ring_count < OUTLOOK_RINGS_MAX)
        out->rings[out->ring_count++] = who;
}

/* A device called alone: its own forwardings hold. */
static void ring_alone(struct walk *walk, struct otherwise otherwise)
{
    const struct config_device *device = otherwise.only;

    if (device->forward.always.n > 0) {
        bool is_loop = has_forwarded(walk, device) || walk->forward_count == HOPS_MAX;

        say(walk, device->id, !is_loop, "sends all its calls to ", device->forward.always,
            is_loop ? " (forward.always), in a circle" : " (forward.always)");
        if (is_loop)
            refuse(walk, CALL_REASON_LOOP);
        else
            forward(walk, device, device->forward.always);
    } else if (is_quiet(walk, device)) {
        fall_back(walk, otherwise, CALL_REASON_BUSY);
    } else {
        add(walk, device->id);
        ring(walk);
    }
}

/* What is known of two who do not ring: a busy phone tells more (ring__note_failure()). */
static enum call_reason with(enum call_reason before, enum call_reason reason)
{
    return before == CALL_REASON_BUSY || reason == CALL_REASON_NONE ? before : reason;
}

static enum call_reason place(struct walk *walk, const struct config_device *device, size_t depth);

/* @return why not all of them ring, or NONE; so below */
static enum call_reason place_group(struct walk *walk, const struct config_group *group,
                                    size_t depth)
{
    enum call_reason reason = CALL_REASON_NONE;

    for (uint32_t i = 0; i < group->member_ids.count; i++)
        reason = with(reason, place(walk, group->members[i], depth));
    return reason;
}

static enum call_reason place_outside(struct walk *walk, const struct config_device *account,
                                      const struct routing_plan *plan, struct sr_str shown)
{
    enum call_reason reason = plan->reason;
    char why[GUARD_WHY_MAX];

    if (plan->outcome == ROUTING_OUTSIDE)
        reason = routing_judge(walk->config, plan, account, NULL, walk->query->now, why);
    if (reason == CALL_REASON_NONE)
        add(walk, shown);
    return reason;
}

static enum call_reason place_tel(struct walk *walk, struct sr_str number, struct sr_str shown)
{
    struct routing_query query = {
        .direction = CONFIG_DIRECTION_OUTBOUND, .number = number, .now = walk->query->now};
    struct routing_plan plan;
    enum call_reason reason;

    routing_resolve(walk->config, &query, &plan, NULL);
    reason = place_outside(walk, NULL, &plan, shown);
    if (reason != CALL_REASON_NONE)
        say(walk, shown, false, call_reason_text(reason), SR_STR(""), "");
    return reason;
}

static enum call_reason place_targets(struct walk *walk, const struct config_route_action *action,
                                      size_t depth)
{
    enum call_reason reason = CALL_REASON_NONE;

    for (uint32_t i = 0; i < action->target_names.count; i++) {
        const struct config_target *target = &action->targets[i];

        if (target->kind == CONFIG_TARGET_DEVICE)
            reason = with(reason, place(walk, target->device, depth));
        else if (target->kind == CONFIG_TARGET_GROUP)
            reason = with(reason, place_group(walk, target->group, depth));
        else
            reason = with(reason, place_tel(walk, target->number, action->target_names.items[i]));
    }
    return reason;
}

/* Who takes the device's calls, in its place. */
static enum call_reason place_forwarded(struct walk *walk, const struct config_device *device,
                                        size_t depth)
{
    struct routing_query query = {
        .device = device, .number = device->forward.always, .now = walk->query->now};
    const struct config_extension *what;
    struct routing_plan plan;
    enum call_reason reason = CALL_REASON_NOT_BUILT;

    routing_resolve(walk->config, &query, &plan, NULL);
    what = &plan.extension;
    if (plan.outcome == ROUTING_EXTENSION && what->kind == CONFIG_EXTENSION_DEVICE)
        return place(walk, what->device, depth);
    if (plan.outcome == ROUTING_EXTENSION && what->kind == CONFIG_EXTENSION_GROUP)
        return place_group(walk, what->group, depth);
    if (plan.outcome == ROUTING_ROUTE && plan.route->action.target_names.count > 0)
        return place_targets(walk, &plan.route->action, depth);
    if (plan.outcome == ROUTING_OUTSIDE || plan.outcome == ROUTING_NOWHERE)
        reason = place_outside(walk, device, &plan, query.number);
    if (reason != CALL_REASON_NONE)
        say(walk, device->id, false, "nothing rings at ", query.number, "");
    return reason;
}

/* In a fork only `always` counts, in the device's place. */
static enum call_reason place(struct walk *walk, const struct config_device *device, size_t depth)
{
    enum forwarding *forwarding = &walk->forwardings[device->index];
    enum call_reason reason;
    bool is_loop;

    if (device->forward.always.n == 0) {
        if (is_quiet(walk, device))
            return CALL_REASON_BUSY;
        add(walk, device->id);
        return CALL_REASON_NONE;
    }
    if (*forwarding == FORWARDED)
        return CALL_REASON_NONE;
    is_loop = depth >= HOPS_MAX || *forwarding == FORWARDING;
    say(walk, device->id, !is_loop, "sends all its calls to ", device->forward.always,
        is_loop ? " (forward.always), in a circle" : " (forward.always)");
    if (is_loop)
        return CALL_REASON_LOOP;
    *forwarding = FORWARDING;
    reason = place_forwarded(walk, device, depth + 1);
    *forwarding = FORWARDED;
    return reason;
}

/* Whoever is in it. */
static void ring_several(struct walk *walk, const struct config_route *route,
                         enum call_reason reason)
{
    struct otherwise otherwise = {.route = route};

    if (walk->out->ring_count > 0 || (route != NULL && route->action.ring_browsers))
        ring(walk);
    else
        fall_back(walk, otherwise, reason != CALL_REASON_NONE ? reason : CALL_REASON_OFFLINE);
}

static void take_route(struct walk *walk, const struct config_route *route)
{
    const struct config_route_action *action = &route->action;
    struct otherwise otherwise = {.route = route};

    if (action->ivr_menu != NULL) {
        answer(walk, config_action_name(CONFIG_ACTION_SUBMENU), action->ivr_menu->id);
        return;
    }
    if (action->target_names.count == 0 && !action->ring_browsers) {
        if (action->voicemail_box != NULL)
            answer_box(walk, action->voicemail_box);
        else
            answer(walk, config_action_name(CONFIG_ACTION_PLAY_MESSAGE), action->announcement);
        return;
    }
    if (action->target_names.count == 1 && !action->ring_browsers &&
        action->targets[0].kind == CONFIG_TARGET_DEVICE) {
        otherwise.only = action->targets[0].device;
        ring_alone(walk, otherwise);
        return;
    }
    ring_several(walk, route, place_targets(walk, action, 0));
}

static void take_feature(struct walk *walk, const struct config_extension *what)
{
    const struct config_device *device;

    if (what->feature->kind != CONFIG_FEATURE_INTERCOM) {
        answer(walk, "feature", what->feature->code);
        return;
    }
    device = config_device_by_user(walk->config, what->rest);
    if (device == NULL)
        refuse(walk, CALL_REASON_NOT_FOUND);
    else
        ring_several(walk, NULL, place(walk, device, 0));
}

static void take_extension(struct walk *walk, const struct config_extension *what)
{
    switch (what->kind) {
    case CONFIG_EXTENSION_DEVICE:
        ring_alone(walk, (struct otherwise){.only = what->device});
        break;
    case CONFIG_EXTENSION_GROUP:
        ring_several(walk, NULL, place_group(walk, what->group, 0));
        break;
    case CONFIG_EXTENSION_CONFERENCE:
        answer(walk, config_action_name(CONFIG_ACTION_CONFERENCE), what->conference->id);
        break;
    case CONFIG_EXTENSION_VOICEBOX:
        answer_box(walk, what->voicebox);
        break;
    case CONFIG_EXTENSION_FEATURE:
        take_feature(walk, what);
        break;
    case CONFIG_EXTENSION_PARKING:
        answer(walk, "parking", sr_str_c(walk->out->plan.number));
        break;
    case CONFIG_EXTENSION_NONE:
        refuse(walk, CALL_REASON_NOT_FOUND);
        break;
    }
}

static void take_outside(struct walk *walk)
{
    bool is_own = walk->account == walk->query->device;
    enum call_reason reason =
        routing_judge(walk->config, &walk->out->plan, walk->account, is_own ? walk->use : NULL,
                      walk->query->now, walk->out->why);

    if (reason != CALL_REASON_NONE) {
        refuse(walk, reason);
        return;
    }
    walk->out->end = OUTLOOK_OUTSIDE;
    walk->is_over = true;
}

void outlook_of(const struct config *config, const struct routing_query *query,
                const struct guard_use *use, struct sr_json *tried, struct outlook *ret_outlook)
{
    struct walk walk = {
        .config = config, .query = query, .use = use, .tried = tried, .out = ret_outlook};

    *ret_outlook = (struct outlook){.end = OUTLOOK_REFUSED};
    walk.forwardings = sr_zalloc(config->device_count, sizeof(*walk.forwardings));
    resolve(&walk, query);
    ret_outlook->first = ret_outlook->plan;
    while (!walk.is_over) {
        const struct routing_plan *plan = &ret_outlook->plan;

        ret_outlook->why[0] = '\0';
        memset(walk.forwardings, 0, config->device_count * sizeof(*walk.forwardings));
        switch (plan->outcome) {
        case ROUTING_NOWHERE:
            refuse(&walk, plan->reason);
            break;
        case ROUTING_EXTENSION:
            take_extension(&walk, &plan->extension);
            break;
        case ROUTING_ROUTE:
            take_route(&walk, plan->route);
            break;
        case ROUTING_OUTSIDE:
            take_outside(&walk);
            break;
        }
    }
    sr_free(walk.forwardings);
}

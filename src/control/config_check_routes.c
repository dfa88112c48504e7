/* Routes and menus as a whole: what they lead to, what can never match, what cannot go together. */
#include <stdlib.h>

#include "control/config_internal.h"

enum {
    ROUTES_COMPARED_MAX = 500 /* the search for shadowed routes is quadratic */
};

/* ---- routes ---------------------------------------------------------------------------------- */

static void resolve_target(struct config__load *load, const struct jsonc_node *node,
                           struct sr_str name, struct config_target *target)
{
    const struct config_index *index = &load->config->device_ids;
    const char *kind = "device";
    const char *prefix = "";
    if (sr_str_starts(name, SR_STR("tel:"))) {
        target->kind = CONFIG_TARGET_TEL;
        target->number = sr_str_from(name, 4);
        return;
    }
    if (sr_str_starts(name, SR_STR("group:"))) {
        target->kind = CONFIG_TARGET_GROUP;
        name = sr_str_from(name, 6);
        target->group = config_group_by_id(load->config, name);
        index = &load->config->group_ids;
        kind = "group";
        prefix = "group:";
    } else {
        target->kind = CONFIG_TARGET_DEVICE;
        target->device = config_device_by_id(load->config, name);
    }
    if (target->group || target->device)
        return;
    struct config__closest closest = {0};
    for (uint32_t i = 0; i < index->count && i < 1000; i++)
        config__closest_try(&closest, name, index->entries[i].key);
    struct sr_str hint = SR_STR("write a device id, group:ID or tel:NUMBER");
    if (*prefix == '\0' && config_group_by_id(load->config, name))
        hint = config__say(load, "write \"group:%.*s\"", SR_STR_ARG(name));
    else if (*prefix == '\0' && config_device_by_extension(load->config, name))
        hint = config__say(load, "write \"%.*s\", the id of that extension",
                           SR_STR_ARG(config_device_by_extension(load->config, name)->id));
    else if (closest.best.p)
        hint = config__say(load, "did you mean \"%s%.*s\"?", prefix, SR_STR_ARG(closest.best));
    config__fault(load, CONFIG_ERROR, node, hint, "there is no %s with the id \"%.*s\"", kind,
                  (int)SR_MIN(name.n, 80u), name.p);
}

static void check_never_matches(struct config__load *load, const struct config_route *route)
{
    const struct config_match *match = &route->match;
    unsigned i = route->index;
    if (match->direction == CONFIG_DIRECTION_INBOUND && match->source_device_id.n > 0)
        config__fault(load, CONFIG_WARNING,
                      config__node(load, "/routing/routes/%u/match/sourceDevice", i),
                      SR_STR("use sourceProvider, or direction outbound or internal"),
                      "this route can never match: inbound calls come from a provider");
    if ((match->direction == CONFIG_DIRECTION_OUTBOUND ||
         match->direction == CONFIG_DIRECTION_INTERNAL || match->source_device_id.n > 0) &&
        match->source_provider_id.n > 0)
        config__fault(load, CONFIG_WARNING,
                      config__node(load, "/routing/routes/%u/match/sourceProvider", i),
                      SR_STR("use sourceDevice, or direction inbound"),
                      "this route can never match: only inbound calls come from a provider");
    if (match->source_provider && !match->source_provider->is_enabled)
        config__fault(
            load, CONFIG_WARNING, config__node(load, "/routing/routes/%u/match/sourceProvider", i),
            SR_STR("enable the provider"), "this route can never match: the provider is disabled");
}

static bool has_fallback(const struct config_fallback *fallback)
{
    return fallback->no_answer.type != CONFIG_ACTION_NONE ||
           fallback->busy.type != CONFIG_ACTION_NONE ||
           fallback->offline.type != CONFIG_ACTION_NONE ||
           fallback->declined.type != CONFIG_ACTION_NONE;
}

static void check_passthrough(struct config__load *load, const struct config_route *route)
{
    const struct config_route_action *action = &route->action;
    const struct jsonc_node *node =
        config__node(load, "/routing/routes/%u/action/mode", route->index);
    bool is_outbound = action->provider_id.n > 0;
    if (action->mode != CONFIG_MODE_PASSTHROUGH)
        return;
    uint32_t ways = action->target_names.count + (is_outbound ? 1 : 0);
    bool has_group = false;
    for (uint32_t i = 0; i < action->target_names.count; i++)
        has_group = has_group || action->targets[i].kind == CONFIG_TARGET_GROUP;
    if (ways != 1 || has_group)
        config__fault(load, CONFIG_ERROR, node, SR_STR("name one device or number, or use b2bua"),
                      "passthrough needs exactly one target");
    if (action->ivr_menu_id.n > 0)
        config__fault(load, CONFIG_ERROR, node, SR_STR("remove ivrMenuId, or use b2bua"),
                      "passthrough cannot go with a menu");
    if (action->record != CONFIG_RECORD_OFF)
        config__fault(load, CONFIG_ERROR, node, SR_STR("set record to off, or use b2bua"),
                      "passthrough cannot go with recording");
    if (action->ring_browsers)
        config__fault(load, CONFIG_ERROR, node, SR_STR("set ringBrowsers to false, or use b2bua"),
                      "passthrough cannot go with browsers");
    if (action->denoise != CONFIG_DENOISE_OFF)
        config__fault(load, CONFIG_ERROR, node, SR_STR("set denoise to off, or use b2bua"),
                      "passthrough cannot go with noise suppression");
    if (action->announcement.n > 0)
        config__fault(load, CONFIG_ERROR, node, SR_STR("remove announcement, or use b2bua"),
                      "passthrough cannot go with an announcement");
    if (action->voicemail_box_id.n > 0 || has_fallback(&action->fallback))
        config__fault(load, CONFIG_ERROR, node,
                      SR_STR("remove voicemailBox and fallback, or use b2bua"),
                      "passthrough cannot go with a voice box or fallbacks: what the other end "
                      "says goes to the caller");
}

static void check_action_fits(struct config__load *load, const struct config_route *route)
{
    const struct config_route_action *action = &route->action;
    const struct jsonc_node *node = config__node(load, "/routing/routes/%u/action", route->index);
    bool has_answer = action->target_names.count > 0 || action->ring_browsers ||
                      action->voicemail_box_id.n > 0 || action->ivr_menu_id.n > 0 ||
                      action->announcement.n > 0;
    if (route->match.direction == CONFIG_DIRECTION_OUTBOUND && action->provider_id.n == 0)
        config__fault(load, CONFIG_ERROR, node, SR_STR("add \"provider\""),
                      "an outbound route needs a provider");
    else if (!has_answer && action->provider_id.n == 0)
        config__fault(load, CONFIG_ERROR, node,
                      SR_STR("add \"targets\", \"voicemailBox\", \"ivrMenuId\" or \"provider\""),
                      "this route leads nowhere");
    if (route->match.direction == CONFIG_DIRECTION_ANY && !has_answer && action->provider_id.n > 0)
        config__fault(load, CONFIG_WARNING,
                      config__node(load, "/routing/routes/%u/match", route->index),
                      SR_STR("add \"direction\": \"outbound\""),
                      "this route can never match: calls to the outside need a route of that "
                      "direction");
    if (route->match.direction == CONFIG_DIRECTION_INBOUND && action->provider_id.n > 0)
        config__fault(load, CONFIG_WARNING,
                      config__node(load, "/routing/routes/%u/action/provider", route->index),
                      SR_STR("use targets with tel:NUMBER to send the call out again"),
                      "\"provider\" has no meaning for an inbound call");
}

static void check_failover(struct config__load *load, const struct config_route *route)
{
    const struct config_route_action *action = &route->action;

    for (uint32_t i = 0; i < action->failover_ids.count; i++) {
        if (action->provider_id.n > 0 &&
            sr_str_eq(action->failover_ids.items[i], action->provider_id))
            config__fault(load, CONFIG_WARNING,
                          config__node(load, "/routing/routes/%u/action/failoverProviders/%u",
                                       route->index, i),
                          SR_STR("name another provider, or leave it out"),
                          "\"%.*s\" is the provider that failed", SR_STR_ARG(action->provider_id));
    }
}

static bool source_covers(const void *wide, const void *narrow)
{
    return !wide || wide == narrow;
}

static bool match_covers(const struct config_match *wide, const struct config_match *narrow)
{
    return (wide->direction == CONFIG_DIRECTION_ANY || wide->direction == narrow->direction) &&
           pattern_covers(wide->number, narrow->number) &&
           pattern_covers(wide->caller, narrow->caller) &&
           source_covers(wide->source_provider, narrow->source_provider) &&
           source_covers(wide->source_device, narrow->source_device) &&
           source_covers(wide->schedule, narrow->schedule);
}

static void check_shadowed(struct config__load *load)
{
    const struct config_routing *routing = &load->config->routing;
    uint32_t count = SR_MIN(routing->ordered_count, (uint32_t)ROUTES_COMPARED_MAX);
    for (uint32_t i = 1; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            const struct config_route *first = routing->ordered[j];
            const struct config_route *second = routing->ordered[i];
            if (!match_covers(&first->match, &second->match))
                continue;
            config__fault(load, CONFIG_WARNING,
                          config__node(load, "/routing/routes/%u", second->index),
                          SR_STR("give it a higher priority, or narrow the other's match"),
                          "this route is never reached: \"%.*s\" takes all its calls before",
                          SR_STR_ARG(first->id));
            break;
        }
    }
}

static int compare_routes(const void *a, const void *b)
{
    const struct config_route *left = *(const struct config_route *const *)a;
    const struct config_route *right = *(const struct config_route *const *)b;
    if (left->priority != right->priority)
        return left->priority > right->priority ? -1 : 1;
    return left->index < right->index ? -1 : 1;
}

static void check_routes(struct config__load *load)
{
    struct config_routing *routing = &load->config->routing;
    routing->ordered = config__take(load, routing->route_count, sizeof(routing->ordered[0]));
    if (!routing->ordered)
        return;
    for (uint32_t i = 0; i < routing->route_count; i++) {
        struct config_route *route = &routing->routes[i];
        struct config_route_action *action = &route->action;
        const struct jsonc_node *targets =
            config__node(load, "/routing/routes/%u/action/targets", i);
        action->targets =
            config__take(load, action->target_names.count, sizeof(action->targets[0]));
        if (!action->targets)
            return;
        const struct jsonc_node *node = targets->type == JSONC_ARRAY ? targets->first : NULL;
        for (uint32_t t = 0; t < action->target_names.count && node; t++, node = node->next)
            resolve_target(load, node, action->target_names.items[t], &action->targets[t]);
        check_never_matches(load, route);
        check_passthrough(load, route);
        check_action_fits(load, route);
        check_failover(load, route);
        if (route->is_enabled)
            routing->ordered[routing->ordered_count++] = route;
    }
    if (routing->ordered_count > 1)
        qsort(routing->ordered, routing->ordered_count, sizeof(routing->ordered[0]),
              compare_routes);
    check_shadowed(load);
}

/* ---- actions and menus ----------------------------------------------------------------------- */

static const void *find_action_object(struct config__load *load, struct config_index *index,
                                      struct sr_str id, const char *what,
                                      const struct jsonc_node *node)
{
    const struct config_index_entry *entry = config_index_find(index, id);
    if (entry)
        return entry->object;
    struct config__closest closest = {0};
    for (uint32_t i = 0; i < index->count && i < 1000; i++)
        config__closest_try(&closest, id, index->entries[i].key);
    config__fault(load, CONFIG_ERROR, node,
                  closest.best.p
                      ? config__say(load, "did you mean \"%.*s\"?", SR_STR_ARG(closest.best))
                      : config__say(load, "write the id of a %s", what),
                  "there is no %s with the id \"%.*s\"", what, (int)SR_MIN(id.n, 80u), id.p);
    return NULL;
}

static void check_action(struct config__load *load, struct config_action *action,
                         const char *pointer)
{
    const struct jsonc_node *node = config__node(load, "%s/target", pointer);
    struct config *config = load->config;
    switch (action->type) {
    case CONFIG_ACTION_VOICEMAIL:
        action->object =
            find_action_object(load, &config->voicebox_ids, action->target, "voicebox", node);
        break;
    case CONFIG_ACTION_SUBMENU:
        action->object = find_action_object(load, &config->menu_ids, action->target, "menu", node);
        break;
    case CONFIG_ACTION_CONFERENCE:
        action->object =
            find_action_object(load, &config->conference_ids, action->target, "conference", node);
        break;
    case CONFIG_ACTION_ROUTE_EXTENSION:
        if (config_extension_find(config, action->target).kind == CONFIG_EXTENSION_NONE)
            config__fault(load, CONFIG_ERROR, node,
                          SR_STR("write the extension of a device, group, conference or box"),
                          "nobody has the extension \"%.*s\"", (int)SR_MIN(action->target.n, 80u),
                          action->target.p);
        break;
    case CONFIG_ACTION_ROUTE_EXTERNAL:
    case CONFIG_ACTION_PLAY_MESSAGE:
        if (action->target.n == 0)
            config__fault(load, CONFIG_ERROR, node, SR_STR("add \"target\""),
                          "this action needs a target");
        break;
    case CONFIG_ACTION_NONE:
    case CONFIG_ACTION_DIAL_BY_EXTENSION:
    case CONFIG_ACTION_REPEAT:
    case CONFIG_ACTION_HANGUP:
        break;
    }
}

/** Actions that another piece of work brings: the call ends with reason not_built. */
static void check_built(struct config__load *load, const struct config_action *action,
                        const char *pointer)
{
    switch (action->type) {
    case CONFIG_ACTION_VOICEMAIL:
    case CONFIG_ACTION_SUBMENU:
    case CONFIG_ACTION_DIAL_BY_EXTENSION:
    case CONFIG_ACTION_REPEAT:
        config__fault(load, CONFIG_NOTICE, config__node(load, "%s", pointer),
                      SR_STR("such a call ends with reason not_built"),
                      "the action \"%s\" is not built yet", config_action_name(action->type));
        break;
    case CONFIG_ACTION_NONE:
    case CONFIG_ACTION_ROUTE_EXTENSION:
    case CONFIG_ACTION_ROUTE_EXTERNAL:
    case CONFIG_ACTION_PLAY_MESSAGE:
    case CONFIG_ACTION_CONFERENCE:
    case CONFIG_ACTION_HANGUP:
        break;
    }
}

static void check_fallbacks(struct config__load *load)
{
    struct config_routing *routing = &load->config->routing;
    char bytes[128];
    for (uint32_t i = 0; i < routing->route_count; i++) {
        struct config_fallback *fallback = &routing->routes[i].action.fallback;
        struct {
            const char *key;
            struct config_action *action;
        } actions[] = {{"noAnswer", &fallback->no_answer},
                       {"busy", &fallback->busy},
                       {"offline", &fallback->offline},
                       {"declined", &fallback->declined}};
        for (size_t a = 0; a < SR_ARRAY_LEN(actions); a++) {
            struct sr_buf pointer;
            sr_buf_init_fixed(&pointer, bytes, sizeof(bytes));
            sr_buf_fmt(&pointer, "/routing/routes/%u/action/fallback/%s", i, actions[a].key);
            check_action(load, actions[a].action, sr_buf_cstr(&pointer));
            check_built(load, actions[a].action, sr_buf_cstr(&pointer));
        }
    }
}

static void check_menus(struct config__load *load)
{
    struct config_ivr *ivr = &load->config->ivr;
    char bytes[128];
    for (uint32_t i = 0; i < ivr->menu_count; i++) {
        struct config_ivr_menu *menu = &ivr->menus[i];
        struct sr_buf pointer;
        uint32_t seen[256] = {0};
        for (uint32_t e = 0; e < menu->entry_count; e++) {
            sr_buf_init_fixed(&pointer, bytes, sizeof(bytes));
            sr_buf_fmt(&pointer, "/ivr/menus/%u/entries/%u/action", i, e);
            check_action(load, &menu->entries[e].action, sr_buf_cstr(&pointer));
            if (menu->entries[e].digit.n == 1 &&
                seen[(unsigned char)menu->entries[e].digit.p[0]]++ > 0)
                config__fault(load, CONFIG_ERROR,
                              config__node(load, "/ivr/menus/%u/entries/%u/digit", i, e),
                              SR_STR("choose another digit"), "this digit stands twice");
        }
        sr_buf_init_fixed(&pointer, bytes, sizeof(bytes));
        sr_buf_fmt(&pointer, "/ivr/menus/%u/timeoutAction", i);
        check_action(load, &menu->timeout_action, sr_buf_cstr(&pointer));
    }
}

void config__check_routes(struct config__load *load)
{
    check_routes(load);
    if (load->is_full)
        return;
    check_fallbacks(load);
    check_menus(load);
}

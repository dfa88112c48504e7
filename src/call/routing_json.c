/* A plan for people: the answer of POST /api/routes/test and of `siprouter route`. */
#include "call/routing.h"

static void write_device(struct sr_json *json, const struct config_device *device)
{
    sr_json_str(json, device->id);
}

static void write_group(struct sr_json *json, const struct config_group *group)
{
    for (uint32_t i = 0; i < group->member_ids.count; i++)
        write_device(json, group->members[i]);
}

static void write_extension(struct sr_json *json, const struct config_extension *what)
{
    switch (what->kind) {
    case CONFIG_EXTENSION_DEVICE:
        write_device(json, what->device);
        break;
    case CONFIG_EXTENSION_GROUP:
        write_group(json, what->group);
        break;
    case CONFIG_EXTENSION_CONFERENCE:
        sr_json_str(json, what->conference->id);
        break;
    case CONFIG_EXTENSION_VOICEBOX:
        sr_json_str(json, what->voicebox->id);
        break;
    case CONFIG_EXTENSION_FEATURE:
        sr_json_str(json, what->feature->code);
        break;
    case CONFIG_EXTENSION_NONE:
    case CONFIG_EXTENSION_PARKING:
        break;
    }
}

static void write_route_targets(struct sr_json *json, const struct config_route_action *action)
{
    for (uint32_t i = 0; i < action->target_names.count; i++) {
        const struct config_target *target = &action->targets[i];

        if (target->kind == CONFIG_TARGET_DEVICE)
            write_device(json, target->device);
        else if (target->kind == CONFIG_TARGET_GROUP)
            write_group(json, target->group);
        else
            sr_json_str(json, action->target_names.items[i]);
    }
}

static void write_targets(struct sr_json *json, const struct routing_plan *plan)
{
    sr_json_key_array(json, "targets");
    if (plan->outcome == ROUTING_EXTENSION)
        write_extension(json, &plan->extension);
    else if (plan->outcome == ROUTING_ROUTE)
        write_route_targets(json, &plan->route->action);
    else if (plan->outcome == ROUTING_OUTSIDE)
        sr_json_c(json, plan->dialled);
    sr_json_end(json);
}

static void write_action(struct sr_json *json, const char *key, const struct config_action *action,
                         const struct config_voicebox *box)
{
    if (action->type == CONFIG_ACTION_NONE && box == NULL)
        return;
    sr_json_key_object(json, key);
    if (action->type != CONFIG_ACTION_NONE) {
        sr_json_key_c(json, "type", config_action_name(action->type));
        sr_json_key_str(json, "target", action->target);
    } else {
        sr_json_key_c(json, "type", config_action_name(CONFIG_ACTION_VOICEMAIL));
        sr_json_key_str(json, "target", box->id);
    }
    sr_json_end(json);
}

static void write_ringing(struct sr_json *json, const struct config_route_action *action)
{
    static const char *const record_names[] = {"off", "on", "onDemand"};
    const struct config_fallback *fallback = &action->fallback;

    sr_json_key_c(json, "strategy", config_strategy_name(action->strategy));
    sr_json_key_bool(json, "ringBrowsers", action->ring_browsers);
    sr_json_key_int(json, "noAnswerTimeout", action->no_answer_timeout_sec);
    sr_json_key_object(json, "fallback");
    write_action(json, "noAnswer", &fallback->no_answer, action->voicemail_box);
    write_action(json, "busy", &fallback->busy, action->voicemail_box);
    write_action(json, "offline", &fallback->offline, action->voicemail_box);
    write_action(json, "declined", &fallback->declined, action->voicemail_box);
    sr_json_end(json);
    if (action->ivr_menu != NULL)
        sr_json_key_str(json, "ivrMenuId", action->ivr_menu->id);
    if (action->announcement.n > 0)
        sr_json_key_str(json, "announcement", action->announcement);
    sr_json_key_c(json, "record",
                  (size_t)action->record < SR_ARRAY_LEN(record_names) ? record_names[action->record]
                                                                      : "off");
}

static void write_providers(struct sr_json *json, const struct routing_plan *plan)
{
    sr_json_key(json, "provider");
    if (plan->provider_count > 0)
        sr_json_str(json, plan->providers[0]->id);
    else
        sr_json_null(json);
    sr_json_key_array(json, "failoverProviders");
    for (size_t i = 1; i < plan->provider_count; i++)
        sr_json_str(json, plan->providers[i]->id);
    sr_json_end(json);
}

/* Why nobody would be called after all, or null. */
static void write_refusal(struct sr_json *json, const struct routing_plan *plan,
                          enum call_reason reason, const char *why)
{
    sr_json_key(json, "refused");
    if (plan->outcome != ROUTING_NOWHERE && reason == CALL_REASON_NONE) {
        sr_json_null(json);
        return;
    }
    sr_json_object(json);
    if (plan->outcome == ROUTING_NOWHERE)
        reason = plan->reason;
    sr_json_key_c(json, "reason", call_reason_name(reason));
    sr_json_key_int(json, "sipStatus", call_reason_status(reason));
    sr_json_key_c(json, "why", why[0] != '\0' ? why : call_reason_text(reason));
    if (plan->nearest != NULL) {
        sr_json_key_str(json, "nearestRoute", plan->nearest->id);
        sr_json_key_c(json, "nearestWhy", plan->nearest_why);
    }
    sr_json_end(json);
}

static void write_plan(struct sr_json *json, const struct routing_plan *plan)
{
    bool is_outside = plan->outcome == ROUTING_OUTSIDE;

    sr_json_key(json, "matched");
    if (plan->route != NULL)
        sr_json_str(json, plan->route->id);
    else
        sr_json_null(json);
    sr_json_key_c(json, "direction", routing_direction_name(plan->direction));
    sr_json_key_c(json, "number", plan->number);
    sr_json_key_c(json, "caller", plan->caller);
    sr_json_key_bool(json, "emergency", plan->is_emergency);
    write_targets(json, plan);
    write_providers(json, plan);
    sr_json_key_str(json, "callerId", is_outside ? plan->caller_id : sr_str_c(plan->caller));
    if (is_outside)
        sr_json_key_c(json, "dialled", plan->dialled);
    if (plan->outcome == ROUTING_ROUTE)
        write_ringing(json, &plan->route->action);
    if (plan->route != NULL) {
        const struct config_route_action *action = &plan->route->action;

        sr_json_key_c(json, "mode",
                      action->mode == CONFIG_MODE_PASSTHROUGH ? "passthrough" : "b2bua");
        sr_json_key_int(json, "maxDurationSec", action->duration_sec_max);
    }
}

void routing_test_json(const struct config *config, const struct routing_query *query,
                       const struct guard_use *use, struct sr_buf *buf)
{
    enum call_reason reason = CALL_REASON_NONE;
    char why[GUARD_WHY_MAX] = "";
    struct routing_plan plan;
    struct sr_json json;

    sr_json_begin(&json, buf);
    sr_json_object(&json);
    sr_json_key_array(&json, "tried");
    routing_resolve(config, query, &plan, &json);
    sr_json_end(&json);
    if (plan.outcome == ROUTING_OUTSIDE)
        reason = routing_judge(config, &plan, query->device, use, query->now, why);
    write_plan(&json, &plan);
    write_refusal(&json, &plan, reason, why);
    sr_json_end(&json);
}

/* A call's outlook for people: the answer of POST /api/routes/test and of `siprouter route`. */
#include "base/alloc.h"
#include "call/outlook.h"

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

/* Who rings, what is dialled outside, or what takes the call here. */
static void write_targets(struct sr_json *json, const struct outlook *outlook)
{
    sr_json_key_array(json, "targets");
    for (size_t i = 0; outlook->end == OUTLOOK_RINGS && i < outlook->ring_count; i++)
        sr_json_str(json, outlook->rings[i]);
    if (outlook->end == OUTLOOK_OUTSIDE)
        sr_json_c(json, outlook->plan.dialled);
    if (outlook->end == OUTLOOK_HERE)
        sr_json_str(json, outlook->here_target);
    sr_json_end(json);
    if (outlook->end == OUTLOOK_HERE)
        sr_json_key_c(json, "answeredBy", outlook->here);
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
static void write_refusal(struct sr_json *json, const struct outlook *outlook)
{
    const struct routing_plan *plan = &outlook->plan;
    enum call_reason reason = outlook->reason;

    sr_json_key(json, "refused");
    if (outlook->end != OUTLOOK_REFUSED) {
        sr_json_null(json);
        return;
    }
    sr_json_object(json);
    sr_json_key_c(json, "reason", call_reason_name(reason));
    sr_json_key_int(json, "sipStatus", call_reason_status(reason));
    sr_json_key_c(json, "why", outlook->why[0] != '\0' ? outlook->why : call_reason_text(reason));
    if (plan->outcome == ROUTING_NOWHERE && plan->nearest != NULL) {
        sr_json_key_str(json, "nearestRoute", plan->nearest->id);
        sr_json_key_c(json, "nearestWhy", plan->nearest_why);
    }
    sr_json_end(json);
}

static const struct config_route *route_of(const struct outlook *outlook)
{
    return outlook->first.route != NULL ? outlook->first.route : outlook->plan.route;
}

static void write_outlook(struct sr_json *json, const struct outlook *outlook)
{
    static const char *const ends[] = {"refused", "rings", "outside", "here"};
    const struct routing_plan *first = &outlook->first, *plan = &outlook->plan;
    const struct config_route *route = route_of(outlook);
    bool is_outside = outlook->end == OUTLOOK_OUTSIDE;

    sr_json_key(json, "matched");
    if (route != NULL)
        sr_json_str(json, route->id);
    else
        sr_json_null(json);
    sr_json_key_c(json, "direction", routing_direction_name(first->direction));
    sr_json_key_c(json, "number", first->number);
    sr_json_key_c(json, "caller", first->caller);
    sr_json_key_bool(json, "emergency", plan->is_emergency);
    sr_json_key_c(json, "outcome", ends[outlook->end]);
    write_targets(json, outlook);
    write_providers(json, plan);
    sr_json_key_str(json, "callerId", is_outside ? plan->caller_id : sr_str_c(first->caller));
    if (plan->outcome == ROUTING_OUTSIDE)
        sr_json_key_c(json, "dialled", plan->dialled);
    if (plan->outcome == ROUTING_ROUTE)
        write_ringing(json, &plan->route->action);
    if (route != NULL) {
        sr_json_key_c(json, "mode",
                      route->action.mode == CONFIG_MODE_PASSTHROUGH ? "passthrough" : "b2bua");
        sr_json_key_int(json, "maxDurationSec", route->action.duration_sec_max);
    }
}

void routing_test_json(const struct config *config, const struct routing_query *query,
                       const struct guard_use *use, struct sr_buf *buf)
{
    struct outlook *outlook = sr_alloc(sizeof(*outlook));
    struct sr_json json;

    sr_json_begin(&json, buf);
    sr_json_object(&json);
    sr_json_key_array(&json, "tried");
    outlook_of(config, query, use, &json, outlook);
    sr_json_end(&json);
    write_outlook(&json, outlook);
    write_refusal(&json, outlook);
    sr_json_end(&json);
    sr_free(outlook);
}

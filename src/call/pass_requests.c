/* Requests outside of calls (MESSAGE, SUBSCRIBE...) that a route with mode passthrough takes: the routes say
 * whereto, the spend guard whether; ua/proxy.c carries them. */
#include "call/internal.h"

struct passing {
    struct engine *engine;
    const struct ua_pass_query *query;
    const struct config_device *from; /* NULL: from outside */
    struct ua_pass_target *target;
};

/* What somebody at the other end may ask money for, or that makes a phone dial. */
static bool is_paid(enum sip_method method)
{
    return method == SIP_METHOD_MESSAGE || method == SIP_METHOD_REFER;
}

static uint16_t refuse(const struct passing *passing, const struct routing_plan *plan,
                       enum call_reason reason, const char *why)
{
    sr_log(HUB, WARN, "event=request_refused method=%s reason=%s number=%s device=%.*s why=\"%s\"",
           sip_method_name(passing->query->method), call_reason_name(reason), plan->number,
           SR_STR_ARG(passing->from != NULL ? passing->from->id : SR_STR("-")), why);
    return call_reason_status(reason);
}

/* ---- to a device ---- */

static uint16_t to_device(const struct passing *passing, const struct routing_plan *plan,
                          const struct config_device *device)
{
    struct ua_pass_target *target = passing->target;
    const struct config_device *from = passing->from;

    if (from == NULL && passing->query->method == SIP_METHOD_REFER)
        return refuse(passing, plan, CALL_REASON_NOT_ALLOWED,
                      "nobody outside makes a phone of the house dial");
    target->device_id = device->id;
    if (from == NULL) {
        target->caller = passing->query->caller;
        target->caller_name = passing->query->caller_name;
    } else {
        target->caller = from->extension.n > 0 ? from->extension : from->id;
        target->caller_name = from->display_name;
    }
    return 200;
}

/* ---- to a provider ---- */

static const struct config_provider *usable(const struct passing *passing,
                                            const struct routing_plan *plan)
{
    struct ua_provider_path path;

    for (size_t i = 0; i < plan->provider_count; i++) {
        const struct config_provider *provider = plan->providers[i];

        if (provider->is_enabled &&
            ua_provider_path(passing->engine->ua, provider->id, &path) == SR_OK && !path.is_suspect)
            return provider;
    }
    return plan->provider_count > 0 && plan->providers[0]->is_enabled ? plan->providers[0] : NULL;
}

static uint16_t to_outside(const struct passing *passing, const struct routing_plan *plan)
{
    struct engine *engine = passing->engine;
    struct ua_pass_target *target = passing->target;
    const struct config_provider *provider;
    struct guard_use use;
    enum call_reason reason;
    char why[GUARD_WHY_MAX];

    use__get(engine, passing->from, &use);
    use.outside_calls = 0; /* it is no call that lasts */
    reason = routing_judge(engine->config, plan, passing->from, &use,
                           loop_wall(engine->loop) / SR_SEC, why);
    if (reason != CALL_REASON_NONE)
        return refuse(passing, plan, reason, why);
    provider = usable(passing, plan);
    if (provider == NULL)
        return refuse(passing, plan, CALL_REASON_UNREACHABLE,
                      "no provider of the route is enabled");
    target->provider_id = provider->id;
    (void)sr_str_copy(sr_str_c(plan->dialled), target->number, sizeof(target->number));
    target->is_withheld = sr_str_ieq(plan->caller_id, SR_STR("anonymous"));
    target->caller =
        plan->caller_id.n == 0 || target->is_withheld ? provider->caller_id : plan->caller_id;
    if (passing->from != NULL)
        target->caller_name = passing->from->display_name;
    return 200;
}

/* The number outside that a route names as its target: nobody's account pays. */
static uint16_t to_number(const struct passing *passing, struct sr_str number)
{
    struct routing_query query = {.direction = CONFIG_DIRECTION_OUTBOUND,
                                  .number = number,
                                  .now = loop_wall(passing->engine->loop) / SR_SEC};
    struct routing_plan plan;

    routing_resolve(passing->engine->config, &query, &plan, NULL);
    if (plan.outcome != ROUTING_OUTSIDE || plan.is_emergency)
        return refuse(passing, &plan, CALL_REASON_NOT_FOUND, "no outbound route takes it");
    return to_outside(passing, &plan);
}

uint16_t engine__on_pass(void *arg, const struct ua_pass_query *query,
                         struct ua_pass_target *ret_target)
{
    struct engine *engine = arg;
    struct passing passing = {.engine = engine, .query = query, .target = ret_target};
    struct routing_query routing = {
        .number = query->dialled, .caller = query->caller, .now = loop_wall(engine->loop) / SR_SEC};
    const struct config_target *target;
    struct routing_plan plan;

    if (!engine->is_started || engine->is_draining)
        return 0;
    if (query->provider_id.n > 0)
        routing.provider = config_provider_by_id(engine->config, query->provider_id);
    else
        routing.device = passing.from = config_device_by_id(engine->config, query->device_id);
    if (routing.provider == NULL && routing.device == NULL)
        return 0;
    routing_resolve(engine->config, &routing, &plan, NULL);
    if (!pass__is_wanted(&plan))
        return 0;
    if (plan.outcome == ROUTING_OUTSIDE)
        return to_outside(&passing, &plan);
    if (plan.route->action.target_names.count != 1)
        return 0; /* `check` names that */
    target = &plan.route->action.targets[0];
    if (target->kind == CONFIG_TARGET_DEVICE)
        return to_device(&passing, &plan, target->device);
    return target->kind == CONFIG_TARGET_TEL ? to_number(&passing, target->number) : 0;
}

void engine__on_passed(void *arg, const struct ua_pass_query *query,
                       const struct ua_pass_target *target)
{
    struct engine *engine = arg;

    if (target->provider_id.n > 0 && is_paid(query->method))
        use__sent(engine, config_device_by_id(engine->config, query->device_id));
}

/* Who a fork rings, in which order; numbers outside; what a forwarded call tells. */
#include "base/alloc.h"
#include "call/internal.h"

enum {
    FORWARD_DEPTH_MAX = CALL_HOPS_MAX,
};

/* ---- targets --------------------------------------------------------------------------------- */

static struct ring_target *new_target(struct ring *ring, uint32_t first_stage, uint32_t last_stage)
{
    struct ring_target *target;

    if (ring->target_count == RING_TARGETS_MAX) {
        sr_log(HUB, WARN, "event=too_many_targets call=%s", ring->call->call_id);
        return NULL;
    }
    if (ring->targets == NULL)
        ring->targets = sr_zalloc(RING_TARGETS_MAX, sizeof(*ring->targets));
    target = &ring->targets[ring->target_count++];
    *target = (struct ring_target){.first_stage = first_stage, .last_stage = last_stage};
    if (last_stage != UINT32_MAX && last_stage >= ring->stage_count)
        ring->stage_count = last_stage + 1;
    return target;
}

static bool has_device(const struct ring *ring, const struct config_device *device)
{
    for (uint32_t i = 0; i < ring->target_count; i++) {
        if (ring->targets[i].device == device)
            return true;
    }
    return false;
}

struct ring_target *ring__add_outside(struct ring *ring, const struct ring_outside *outside,
                                      uint32_t first_stage, uint32_t last_stage)
{
    struct ring_target *target = new_target(ring, first_stage, last_stage);

    if (target == NULL)
        return NULL;
    target->outside = sr_alloc(sizeof(*outside));
    *target->outside = *outside;
    return target;
}

static void add_tel(struct ring *ring, struct sr_str number, uint32_t stage, uint32_t last_stage)
{
    struct ring_outside outside;
    enum call_reason reason = ring__find_outside(ring->call, NULL, number, &outside);

    if (reason == CALL_REASON_NONE)
        (void)ring__add_outside(ring, &outside, stage, last_stage);
    else
        ring__note_failure(ring, reason, call_reason_status(reason));
}

/* A device, or who takes its calls (`always`), in its place. */
struct placing {
    struct ring *ring;
    const struct config_device *forwarder; /* NULL: none yet */
    uint32_t first_stage, last_stage, depth;
};

static void place_device(const struct placing *placing, const struct config_device *device);

static void place_group(const struct placing *placing, const struct config_group *group)
{
    for (uint32_t i = 0; i < group->member_ids.count; i++)
        place_device(placing, group->members[i]);
}

/* Who a route rings, all at once: what it does besides is not for a place in a fork. */
static void place_route(const struct placing *placing, const struct config_route *route)
{
    for (uint32_t i = 0; i < route->action.target_names.count; i++) {
        const struct config_target *target = &route->action.targets[i];

        if (target->kind == CONFIG_TARGET_DEVICE)
            place_device(placing, target->device);
        else if (target->kind == CONFIG_TARGET_GROUP)
            place_group(placing, target->group);
        else
            add_tel(placing->ring, target->number, placing->first_stage, placing->last_stage);
    }
}

static void place_number(const struct placing *placing, struct sr_str number)
{
    struct ring *ring = placing->ring;
    struct call *call = ring->call;
    struct routing_query query = {.device = placing->forwarder,
                                  .number = number,
                                  .now = loop_wall(call->engine->loop) / SR_SEC};
    struct ring_outside outside;
    struct ring_target *target;
    struct routing_plan plan;
    enum call_reason reason;

    routing_resolve(call->config, &query, &plan, NULL);
    if (plan.outcome == ROUTING_EXTENSION && plan.extension.kind == CONFIG_EXTENSION_DEVICE) {
        place_device(placing, plan.extension.device);
        return;
    }
    if (plan.outcome == ROUTING_EXTENSION && plan.extension.kind == CONFIG_EXTENSION_GROUP) {
        place_group(placing, plan.extension.group);
        return;
    }
    if (plan.outcome == ROUTING_ROUTE && plan.route->action.target_names.count > 0) {
        place_route(placing, plan.route);
        return;
    }
    reason = plan.outcome == ROUTING_NOWHERE ? plan.reason : CALL_REASON_NOT_BUILT;
    if (plan.outcome == ROUTING_OUTSIDE)
        reason = ring__judge(call, placing->forwarder, &plan, &outside);
    if (reason != CALL_REASON_NONE) {
        sr_log(HUB, INFO, "event=forward_failed call=%s device=%.*s to=%.*s reason=%s",
               call->call_id, SR_STR_ARG(placing->forwarder->id), SR_STR_ARG(number),
               call_reason_name(reason));
        ring__note_failure(ring, reason, call_reason_status(reason));
        return;
    }
    target = ring__add_outside(ring, &outside, placing->first_stage, placing->last_stage);
    if (target != NULL)
        target->forwarder = placing->forwarder;
}

/* Whether the device's `always` was followed in that fork before: each is once, or a group whose members all
 * forward to it would be walked again and again. */
static enum ring_forwarding *forwarding_of(struct ring *ring, const struct config_device *device)
{
    if (ring->forwardings == NULL)
        ring->forwardings = sr_zalloc(ring->call->config->device_count, sizeof(*ring->forwardings));
    return &ring->forwardings[device->index];
}

static void place_forwarded(const struct placing *placing, const struct config_device *device)
{
    struct ring *ring = placing->ring;
    enum ring_forwarding *forwarding = forwarding_of(ring, device);
    struct placing next = *placing;

    next.forwarder = device;
    next.depth++;
    if (*forwarding == RING_FORWARDED)
        return;
    if (*forwarding == RING_FORWARDING || next.depth > FORWARD_DEPTH_MAX) {
        ring__note_failure(ring, CALL_REASON_LOOP, call_reason_status(CALL_REASON_LOOP));
        return;
    }
    *forwarding = RING_FORWARDING;
    place_number(&next, device->forward.always);
    *forwarding = RING_FORWARDED;
}

static void place_device(const struct placing *placing, const struct config_device *device)
{
    struct ring *ring = placing->ring;
    struct ring_target *target;

    if (has_device(ring, device))
        return;
    if (device->forward.always.n > 0 && device != ring->only) {
        place_forwarded(placing, device);
        return;
    }
    target = new_target(ring, placing->first_stage, placing->last_stage);
    if (target == NULL)
        return;
    target->device = device;
    target->forwarder = placing->forwarder;
}

void ring__add_device(struct ring *ring, const struct config_device *device, uint32_t first_stage,
                      uint32_t last_stage)
{
    struct placing placing = {.ring = ring, .first_stage = first_stage, .last_stage = last_stage};

    place_device(&placing, device);
}

enum call_reason ring__add_forwarded(struct ring *ring, const struct config_device *device,
                                     struct sr_str number, uint32_t last_stage)
{
    struct placing placing = {.ring = ring,
                              .forwarder = device,
                              .first_stage = ring->stage,
                              .last_stage = last_stage,
                              .depth = 1};
    uint32_t before = ring->target_count;

    for (uint32_t i = 0; i < before; i++) {
        if (ring->targets[i].forwarder == device)
            return CALL_REASON_LOOP; /* another of its phones, or it again */
    }
    place_number(&placing, number);
    return ring->target_count > before ? CALL_REASON_NONE : ring->best_reason;
}

/* ---- strategies ------------------------------------------------------------------------------ */

static struct ring_turn *turn_of(struct engine *engine, const char *kind, struct sr_str id)
{
    char key[sizeof(((struct ring_turn *)0)->key)];
    struct ring_turn *turn;
    struct sr_buf text;

    sr_buf_init_fixed(&text, key, sizeof(key));
    sr_buf_fmt(&text, "%s%.*s", kind, SR_STR_ARG(id));
    (void)sr_buf_cstr(&text);
    turn = sr_map_find(&engine->turns, sr_str_c(key));
    if (turn != NULL)
        return turn;
    turn = sr_zalloc(1, sizeof(*turn));
    memcpy(turn->key, key, sizeof(key));
    (void)sr_map_put(&engine->turns, sr_str_c(turn->key), turn);
    return turn;
}

/* Whom to ring in which order. */
struct order {
    uint32_t places[RING_TARGETS_MAX];
    int64_t answered_at[RING_TARGETS_MAX];
    uint32_t count;
};

static void sort_by_rest(struct order *order)
{
    /* insertion: equal ones keep the order of the file */
    for (uint32_t i = 1; i < order->count; i++) {
        uint32_t place = order->places[i];
        uint32_t k = i;

        for (; k > 0 && order->answered_at[order->places[k - 1]] > order->answered_at[place]; k--)
            order->places[k] = order->places[k - 1];
        order->places[k] = place;
    }
}

/* order->answered_at is filled by place when the strategy asks for it. */
static void put_in_order(struct order *order, struct engine *engine, enum config_strategy strategy,
                         const char *kind, struct sr_str id)
{
    uint32_t first = 0;

    if (strategy == CONFIG_STRATEGY_ROUND_ROBIN && order->count > 0) {
        struct ring_turn *turn = turn_of(engine, kind, id);

        first = turn->next % order->count;
        turn->next = (first + 1) % order->count;
    }
    for (uint32_t i = 0; i < order->count; i++)
        order->places[i] = (first + i) % order->count;
    if (strategy == CONFIG_STRATEGY_LEAST_RECENT)
        sort_by_rest(order);
}

/* Members of a group from that stage on. @return the stage behind them */
static uint32_t add_members(struct ring *ring, const struct config_group *group, uint32_t stage,
                            uint32_t last_stage)
{
    struct engine *engine = ring->call->engine;
    struct order order = {.count = SR_MIN(group->member_ids.count, (uint32_t)RING_TARGETS_MAX)};

    if (group->strategy == CONFIG_STRATEGY_ALL) {
        for (uint32_t i = 0; i < order.count; i++)
            ring__add_device(ring, group->members[i], stage, last_stage);
        return stage + 1;
    }
    for (uint32_t i = 0; i < order.count; i++)
        order.answered_at[i] = use__answered_at(engine, group->members[i]->id);
    put_in_order(&order, engine, group->strategy, "g:", group->id);
    for (uint32_t i = 0; i < order.count; i++) {
        ring__add_device(ring, group->members[order.places[i]], stage, stage);
        stage++;
    }
    return stage;
}

void ring__add_group(struct ring *ring, const struct config_group *group)
{
    (void)add_members(ring, group, 0, UINT32_MAX);
}

/* One target of a route. @return the stage behind it */
static uint32_t add_target(struct ring *ring, const struct config_target *target, uint32_t stage,
                           uint32_t last_stage)
{
    switch (target->kind) {
    case CONFIG_TARGET_DEVICE:
        ring__add_device(ring, target->device, stage, last_stage);
        break;
    case CONFIG_TARGET_GROUP:
        return add_members(ring, target->group, stage, last_stage);
    case CONFIG_TARGET_TEL:
        add_tel(ring, target->number, stage, last_stage);
        break;
    }
    return stage + 1;
}

/* When somebody of the target answered last; a group's member who rested longest speaks for it. */
static int64_t rested_since(const struct engine *engine, const struct config_target *target)
{
    int64_t least = INT64_MAX;

    if (target->kind == CONFIG_TARGET_DEVICE)
        return use__answered_at(engine, target->device->id);
    if (target->kind == CONFIG_TARGET_TEL)
        return INT64_MAX; /* nobody knows: last */
    for (uint32_t i = 0; i < target->group->member_ids.count; i++)
        least = SR_MIN(least, use__answered_at(engine, target->group->members[i]->id));
    return least;
}

void ring__add_route(struct ring *ring, const struct config_route *route)
{
    const struct config_route_action *action = &route->action;
    struct engine *engine = ring->call->engine;
    struct order order = {.count = SR_MIN(action->target_names.count, (uint32_t)RING_TARGETS_MAX)};
    uint32_t stage = 0;

    if (action->strategy == CONFIG_STRATEGY_ALL) {
        for (uint32_t i = 0; i < order.count; i++)
            (void)add_target(ring, &action->targets[i], 0, UINT32_MAX);
        return;
    }
    for (uint32_t i = 0; i < order.count; i++)
        order.answered_at[i] = rested_since(engine, &action->targets[i]);
    put_in_order(&order, engine, action->strategy, "r:", route->id);
    for (uint32_t i = 0; i < order.count; i++)
        stage = add_target(ring, &action->targets[order.places[i]], stage, stage);
}

/* ---- numbers outside ------------------------------------------------------------------------- */

enum call_reason ring__judge(struct call *call, const struct config_device *account,
                             const struct routing_plan *plan, struct ring_outside *ret_outside)
{
    char why[GUARD_WHY_MAX];
    enum call_reason reason = use__judge(call->engine, account, plan, why);

    if (reason != CALL_REASON_NONE) {
        sr_log(HUB, WARN,
               "event=outside_refused call=%s reason=%s number=%s device=%.*s why=\"%s\"",
               call->call_id, call_reason_name(reason), plan->judged,
               SR_STR_ARG(account != NULL ? account->id : SR_STR("-")), why);
        return reason;
    }
    *ret_outside = (struct ring_outside){
        .caller_id = plan->caller_id, .account = account, .provider_count = plan->provider_count};
    memcpy(ret_outside->dialled, plan->dialled, sizeof(ret_outside->dialled));
    memcpy(ret_outside->providers, plan->providers, sizeof(ret_outside->providers));
    if (plan->route != NULL)
        ret_outside->duration_sec_max = plan->route->action.duration_sec_max;
    if (plan->is_emergency) {
        ret_outside->duration_sec_max = 0;
        call->is_emergency = true;
    }
    return CALL_REASON_NONE;
}

enum call_reason ring__find_outside(struct call *call, const struct config_device *account,
                                    struct sr_str number, struct ring_outside *ret_outside)
{
    struct routing_query query = {.direction = CONFIG_DIRECTION_OUTBOUND,
                                  .device = account,
                                  .number = number,
                                  .now = loop_wall(call->engine->loop) / SR_SEC};
    struct routing_plan plan;

    routing_resolve(call->config, &query, &plan, NULL);
    if (plan.outcome != ROUTING_OUTSIDE) {
        sr_log(HUB, WARN, "event=unrouted call=%s direction=outbound number=%s why=\"%s\"",
               call->call_id, plan.number, "no outbound route takes it");
        return plan.reason;
    }
    return ring__judge(call, account, &plan, ret_outside);
}

/* ---- what a forwarded call tells ------------------------------------------------------------- */

struct step {
    struct sr_str number;
    enum call_reason reason; /* why it was left */
};

static struct sr_str number_of(const struct config_device *device)
{
    return device->extension.n > 0 ? device->extension : device->id;
}

/* The outside learns numbers of the outside, never extensions. @return how many steps: 0 or 1 */
static size_t add_step(struct step *step, const struct ring_target *to,
                       const struct config_device *device, enum call_reason reason)
{
    step->number = to->device != NULL ? number_of(device) : device->caller_id;
    step->reason = reason;
    return step->number.n > 0;
}

static const char *diversion_reason(enum call_reason reason)
{
    switch ((int)reason) {
    case CALL_REASON_NONE:
        return "unconditional";
    case CALL_REASON_BUSY:
        return "user-busy";
    case CALL_REASON_NO_ANSWER:
        return "no-answer";
    case CALL_REASON_OFFLINE:
    case CALL_REASON_UNREACHABLE:
        return "unavailable";
    default:
        return "unknown";
    }
}

static uint16_t history_cause(enum call_reason reason)
{
    return reason == CALL_REASON_NONE ? 302 : call_reason_status(reason);
}

/* Newest first, as the header wants it. */
static void write_diversion(const struct step *steps, size_t count, struct sr_str host,
                            struct sr_buf *text)
{
    for (size_t i = count; i > 0; i--)
        sr_buf_fmt(text, "%s<sip:%.*s@%.*s>;reason=%s;counter=1", i < count ? ", " : "",
                   SR_STR_ARG(steps[i - 1].number), SR_STR_ARG(host),
                   diversion_reason(steps[i - 1].reason));
}

/* Oldest first; each entry but the last says why it was left. */
static void write_history(const struct step *steps, size_t count, struct sr_str last,
                          struct sr_str host, struct sr_buf *text)
{
    for (size_t i = 0; i < count; i++) {
        sr_buf_fmt(text, "<sip:%.*s@%.*s?Reason=SIP%%3Bcause%%3D%u>;index=1",
                   SR_STR_ARG(steps[i].number), SR_STR_ARG(host), history_cause(steps[i].reason));
        for (size_t k = 0; k < i; k++)
            sr_buf_c(text, ".1");
        sr_buf_fmt(text, "%s, ", i > 0 ? ";mp=1" : "");
    }
    sr_buf_fmt(text, "<sip:%.*s@%.*s>;index=1", SR_STR_ARG(last), SR_STR_ARG(host));
    for (size_t k = 0; k < count; k++)
        sr_buf_c(text, ".1");
    sr_buf_c(text, ";mp=1");
}

size_t ring__history(const struct ring *ring, uint32_t target, struct sip_leg_header *headers,
                     struct sr_buf *text)
{
    const struct call *call = ring->call;
    const struct ring_target *to = target > 0 ? &ring->targets[target - 1] : NULL;
    struct step steps[CALL_HOPS_MAX + 1];
    size_t count = 0, split;
    struct sr_str last;

    if (to == NULL)
        return 0;
    for (uint8_t i = 0; i < call->forward_count; i++)
        count += add_step(&steps[count], to, call->forwards[i].device, call->forwards[i].reason);
    if (to->forwarder != NULL)
        count += add_step(&steps[count], to, to->forwarder, CALL_REASON_NONE);
    if (count == 0)
        return 0;
    last = to->device != NULL ? number_of(to->device) : sr_str_c(to->outside->dialled);
    write_diversion(steps, count, call->config->realm, text);
    split = text->len;
    write_history(steps, count, last, call->config->realm, text);
    if (sr_buf_err(text) != SR_OK)
        return 0;
    headers[0] = (struct sip_leg_header){SR_STR("Diversion"), sr_str_make(text->data, split)};
    headers[1] = (struct sip_leg_header){SR_STR("History-Info"),
                                         sr_str_make(text->data + split, text->len - split)};
    return 2;
}

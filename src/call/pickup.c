/* A phone takes a call that rings elsewhere (pickup codes), or the place of a leg (Replaces, RFC 3891). */
#include "call/internal.h"
#include "call/transfer.h"

/* Whom the newcomer is to talk to: an answered party, or the caller. */
static const struct leg *find_peer(const struct call *call, const struct leg *leg,
                                   const struct leg *old)
{
    SR_LIST_EACH(&call->legs, node)
    {
        const struct leg *peer = SR_CONTAINER(node, struct leg, node);

        if (peer != leg && peer != old && peer->kind != LEG_MEDIA && peer->ring == NULL)
            return peer;
    }
    return NULL;
}

/* The newcomer's answered leg in a live call, in place of `old`; NULL: refused. */
static struct leg *enter(struct call *call, struct sip_leg *sip, const struct ua_invite *invite,
                         const struct config_device *device, const struct leg *old)
{
    struct leg *leg = leg__new_caller(call, sip, invite, device);
    const struct leg *peer;
    enum call_reason reason;

    if (leg == NULL) {
        engine__refuse(call->engine, sip, CALL_REASON_LIMIT);
        return NULL;
    }
    reason = leg__take_offer(leg, invite);
    peer = find_peer(call, leg, old);
    if (peer != NULL)
        leg_introduce(leg, peer);
    if (reason == CALL_REASON_NONE)
        reason = leg__answer(leg);
    if (reason == CALL_REASON_NONE)
        return leg;
    leg__remove(leg, reason, call_reason_status(reason));
    return NULL;
}

static bool is_in_group(const struct config_group *group, struct sr_str device_id)
{
    for (uint32_t i = 0; i < group->member_ids.count; i++) {
        if (sr_str_eq(group->members[i]->id, device_id))
            return true;
    }
    return false;
}

/* Whether two devices are members of one group. */
static bool are_colleagues(const struct config *config, struct sr_str a, struct sr_str b)
{
    for (uint32_t i = 0; i < config->group_count; i++) {
        if (is_in_group(&config->groups[i], a) && is_in_group(&config->groups[i], b))
            return true;
    }
    return false;
}

/* Whether a ringing leg is meant by the digits behind the code: an extension, or none for whatever
 * rings in a group of the one who asks. */
static bool is_wanted(const struct leg *leg, const struct config_extension *target, bool has_target,
                      const struct config_device *by)
{
    if (leg->ring == NULL || leg->state == LEG_ANSWERED || leg->call->is_pass ||
        sr_str_eq_c(by->id, leg->device_id))
        return false;
    if (!has_target)
        return are_colleagues(leg->call->engine->config, sr_str_c(leg->device_id), by->id);
    if (target->kind == CONFIG_EXTENSION_DEVICE)
        return sr_str_eq_c(target->device->id, leg->device_id);
    return target->kind == CONFIG_EXTENSION_GROUP &&
           is_in_group(target->group, sr_str_c(leg->device_id));
}

/* The call that has rung longest of those meant, or NULL. */
static struct call *find_ringing(struct engine *engine, struct sr_str digits,
                                 const struct config_device *by)
{
    struct config_extension target = config_extension_find(engine->config, digits);
    struct call *best = NULL;
    struct call *call;
    uint32_t cursor = 0;

    while ((call = sr_idtab_next(&engine->calls, &cursor)) != NULL) {
        if (call->ring == NULL || call->is_ending ||
            (best != NULL && best->started_wall_us <= call->started_wall_us))
            continue;
        SR_LIST_EACH(&call->legs, node)
        {
            if (is_wanted(SR_CONTAINER(node, struct leg, node), &target, digits.n > 0, by))
                best = call;
        }
    }
    return best;
}

void pickup__on_invite(struct engine *engine, struct sip_leg *sip, const struct ua_invite *invite,
                       const struct config_device *device)
{
    struct config_extension what = config_extension_find(engine->config, invite->dialled);
    struct call *call = find_ringing(engine, what.rest, device);
    struct leg *leg;

    if (call == NULL) {
        engine__refuse(engine, sip, CALL_REASON_NOT_FOUND);
        return;
    }
    leg = enter(call, sip, invite, device, NULL);
    if (leg != NULL)
        ring__won(call->ring, leg);
}

/* The newcomer takes the place of an answered leg. */
static void replace(struct leg *old, struct leg *leg)
{
    struct call *call = old->call;

    if (call->origin == old)
        call->origin = leg;
    leg->is_held = old->is_held; /* as in a parking slot */
    leg->is_muted = old->is_muted;
    leg->role = old->role;
    monitor__replaced(old, leg);
    event__leg(leg, ENGINE_LEG_CHANGED);
    leg__remove(old, CALL_REASON_TRANSFERRED, 0);
    (void)transfer__leg_gone(call, old);
    call__update_media(call);
}

void pickup__on_replaces(struct engine *engine, struct sip_leg *sip, const struct ua_invite *invite,
                         const struct config_device *device)
{
    struct leg *old = engine__leg_of_dialog(engine, invite->replaces_call_id,
                                            invite->replaces_to_tag, invite->replaces_from_tag);
    struct call *call = old != NULL ? old->call : NULL;
    struct leg *leg;

    /* nobody comes past a PIN that way */
    if (call == NULL || call->is_ending || old->role == MEDIA_ROLE_ISOLATED ||
        (old->state != LEG_ANSWERED && old->ring == NULL) || call->is_pass) {
        sip_leg_reject(sip, 481, (struct sr_str){NULL, 0}, 0);
        return;
    }
    if (old->state == LEG_ANSWERED && invite->is_replaces_early_only) {
        sip_leg_reject(sip, 486, (struct sr_str){NULL, 0}, 0);
        return;
    }
    leg = enter(call, sip, invite, device, old);
    if (leg == NULL)
        return;
    if (old->state == LEG_ANSWERED)
        replace(old, leg);
    else
        ring__won(call->ring, leg);
}

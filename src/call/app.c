/* What applications may do with calls and legs: see app.h. */
#include "call/app.h"

#include "call/internal.h"

void call_set_parties_min(struct call *call, uint32_t parties_min)
{
    call->parties_min = parties_min;
}

void call_set_app_key(struct call *call, struct sr_str key)
{
    (void)sr_str_copy(key, call->app_key, sizeof(call->app_key));
}

struct sr_str call_app_key(const struct call *call)
{
    return sr_str_c(call->app_key);
}

struct leg *call_add_media_leg(struct call *call, enum media_leg_kind kind, struct sr_str name)
{
    struct leg *leg;

    SR_ASSERT(kind == MEDIA_LEG_ECHO || kind == MEDIA_LEG_PLAYER);
    leg = leg__new(call, LEG_MEDIA);
    if (leg == NULL)
        return NULL;
    leg->is_player = kind == MEDIA_LEG_PLAYER;
    if (!leg__open_media(leg, NULL)) {
        sr_list_remove(&call->legs, &leg->node);
        leg__free(leg);
        return NULL;
    }
    (void)sr_str_copy(name, leg->name, sizeof(leg->name));
    leg__set_state(leg, LEG_ANSWERED);
    event__leg(leg, ENGINE_LEG_ADDED);
    return leg;
}

sr_usec call_wall(const struct call *call)
{
    return loop_wall(call->engine->loop);
}

struct call *leg_call(const struct leg *leg)
{
    return leg->call;
}

static void leg_was_changed(struct leg *leg)
{
    call__update_media(leg->call);
    event__leg(leg, ENGINE_LEG_CHANGED);
}

void leg_set_held(struct leg *leg, bool is_held)
{
    if (leg->is_held == is_held)
        return;
    leg->is_held = is_held;
    leg_was_changed(leg);
}

void leg_set_muted(struct leg *leg, bool is_muted)
{
    if (leg->is_muted == is_muted)
        return;
    leg->is_muted = is_muted;
    leg_was_changed(leg);
}

bool leg_is_muted(const struct leg *leg)
{
    return leg->is_muted;
}

void leg_set_role(struct leg *leg, enum media_role role)
{
    if (leg->role == role)
        return;
    leg->role = role;
    leg_was_changed(leg);
}

void leg_set_prompt(struct leg *leg, enum media_prompt prompt)
{
    leg->app_prompt = prompt;
    call__update_media(leg->call);
}

void leg_set_typing_secret(struct leg *leg, bool is_secret)
{
    leg->is_typing_secret = is_secret;
}

void leg_show(struct leg *leg, struct sr_str number, struct sr_str name)
{
    if (leg->sip != NULL)
        sip_leg_identify(leg->sip, number, name);
    /* it does not know any more whom it talks to: the next party is told */
    (void)sr_str_copy(number, leg->connected_to, sizeof(leg->connected_to));
}

void leg_introduce(struct leg *leg, const struct leg *other)
{
    if (leg->sip != NULL)
        sip_leg_identify(leg->sip, leg__party(other), sr_str_c(other->name));
    memcpy(leg->connected_to, other->leg_id, sizeof(leg->connected_to));
}

struct sr_str leg_device_id(const struct leg *leg)
{
    return sr_str_c(leg->device_id);
}

struct sr_str leg_sent_by(const struct leg *leg)
{
    return sr_str_c(leg->sent_by);
}

bool leg_is_answered(const struct leg *leg)
{
    return leg->state == LEG_ANSWERED;
}

struct leg *call_next_leg(const struct call *call, const struct leg *leg)
{
    struct sr_node *node =
        leg == NULL ? sr_list_first(&call->legs) : sr_list_next(&call->legs, &leg->node);

    return node != NULL ? SR_CONTAINER(node, struct leg, node) : NULL;
}

bool call_ring_device(struct call *call, struct leg *leg, struct sr_str device_id)
{
    const struct config_device *device = config_device_by_id(call->config, device_id);

    return device != NULL && ring__devices(call, leg, &device, 1, true) == CALL_REASON_NONE;
}

void call_release(struct call *call)
{
    if (call->ring != NULL && call->transfer == NULL) /* whom it was ringing for this call */
        ring__cancel(call);
    call->app = NULL;
    call->app_state = NULL;
    call->app_key[0] = '\0';
    call->parties_min = 2;
    call__update_media(call);
}

void call_end(struct call *call, enum call_reason reason)
{
    call__end(call, reason, call_reason_status(reason));
}

bool call_is_locked(const struct call *call)
{
    return call->is_locked;
}

struct loop *call_loop(const struct call *call)
{
    return call->engine->loop;
}

const struct config *call_config(const struct call *call)
{
    return call->config;
}

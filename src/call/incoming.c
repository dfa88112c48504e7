/* A device calls: who is it, what was dialled, which call does it come into. */
#include "call/internal.h"

const struct engine_app *engine__find_app(struct engine *engine,
                                          const struct config_extension *what)
{
    for (uint32_t i = 0; i < engine->app_count; i++) {
        if (engine->apps[i].ops->serves(what))
            return &engine->apps[i];
    }
    return NULL;
}

/* Devices rung by an extension of a device or a group. */
static enum call_reason ring_extension(struct call *call, struct leg *from,
                                       const struct config_extension *what, bool is_addition)
{
    if (what->kind == CONFIG_EXTENSION_GROUP)
        return ring__devices(call, from, (const struct config_device *const *)what->group->members,
                             what->group->member_ids.count, is_addition);
    return ring__devices(call, from, &what->device, 1, is_addition);
}

/* Whether a party would have to leave its call for another one (a room that is in use). */
static bool lives_elsewhere(const struct engine_app *app, const struct config_extension *what,
                            const struct call *call)
{
    struct call *live = app->ops->find_call != NULL ? app->ops->find_call(app->state, what) : NULL;

    return live != NULL && live != call;
}

/* A party that was rung for a room in use goes there; its own call has done its part. */
static enum call_reason enter_elsewhere(struct leg *leg, const struct engine_app *app,
                                        const struct config_extension *what, struct sr_str dialled)
{
    struct call *call = leg->call;
    enum call_reason reason = CALL_REASON_NOT_ALLOWED;

    if (leg->state == LEG_ANSWERED)
        reason = call__enter_app(leg, app, what, dialled);
    if (reason == CALL_REASON_NONE)
        call__end(call, CALL_REASON_TRANSFERRED, 0);
    return reason;
}

static const struct config_device *device_of(const struct call *call, const struct leg *from)
{
    return from != NULL ? config_device_by_id(call->config, sr_str_c(from->device_id)) : NULL;
}

static void resolve(struct engine *engine, const struct config *config,
                    const struct config_device *device, struct sr_str dialled,
                    struct routing_plan *ret_plan)
{
    struct routing_query query = {
        .device = device, .number = dialled, .now = loop_wall(engine->loop) / SR_SEC};

    routing_resolve(config, &query, ret_plan, NULL);
}

enum call_reason call__dial(struct call *call, struct leg *from, struct sr_str dialled,
                            bool is_addition)
{
    struct engine *engine = call->engine;
    struct routing_plan plan;
    const struct config_extension *what;
    const struct engine_app *app;

    resolve(engine, call->config, device_of(call, from), dialled, &plan);
    if (plan.outcome == ROUTING_NOWHERE)
        return plan.reason;
    if (plan.outcome == ROUTING_OUTSIDE)
        return call__dial_outside(call, from, &plan, is_addition);
    if (plan.outcome != ROUTING_EXTENSION)
        return CALL_REASON_NOT_BUILT;
    what = &plan.extension;
    if (what->kind == CONFIG_EXTENSION_DEVICE || what->kind == CONFIG_EXTENSION_GROUP)
        return ring_extension(call, from, what, is_addition);
    if (what->kind == CONFIG_EXTENSION_FEATURE && what->feature->kind == CONFIG_FEATURE_INTERCOM) {
        const struct config_device *device = config_device_by_user(call->config, what->rest);

        if (device == NULL)
            return CALL_REASON_NOT_FOUND;
        call->is_intercom = true;
        return ring__devices(call, from, &device, 1, is_addition);
    }
    app = engine__find_app(engine, what);
    if (app == NULL || is_addition || from == NULL)
        return CALL_REASON_NOT_BUILT;
    if (lives_elsewhere(app, what, call))
        return enter_elsewhere(from, app, what, dialled);
    call->app = app->ops;
    call->app_state = app->state;
    app->ops->on_enter(app->state, call, from, what);
    return CALL_REASON_NONE;
}

void leg__count(struct leg *leg)
{
    if (leg->kind != LEG_DEVICE || leg->is_counted)
        return;
    leg->is_counted = true;
    engine__device_calls(leg->call->engine, sr_str_c(leg->device_id), 1);
}

enum sr_err leg__answer(struct leg *leg)
{
    struct sr_buf sdp;
    enum sr_err err = SR_OK;

    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    if (leg->has_peer) {
        err = leg__make_answer(leg, NULL, &sdp);
        if (err == SR_OK)
            leg__set_stream(leg);
    } else {
        err = leg__make_offer(leg, NULL, &sdp);
        leg->is_offer_open = true;
    }
    if (err == SR_OK) {
        leg__set_state(leg, LEG_ANSWERED);
        sip_leg_answer(leg->sip, sr_buf_view(&sdp));
        event__leg(leg, ENGINE_LEG_CHANGED);
    }
    sr_buf_done(&sdp);
    return err;
}

bool leg_answer_here(struct leg *leg)
{
    /* answered already: rung first by the API or transferred, and now where it wanted to go */
    enum sr_err err = leg->state == LEG_ANSWERED ? SR_OK : leg__answer(leg);

    if (err != SR_OK) {
        leg__ended(leg, leg__sdp_reason(err), 488);
        return false;
    }
    if (leg->call->state == CALL_RINGING)
        call__answered(leg->call);
    else
        call__update_media(leg->call);
    return true;
}

/* The caller's leg, with its offer read. On failure nothing is left and the status is set. */
struct leg *leg__new_caller(struct call *call, struct sip_leg *sip, const struct ua_invite *invite,
                            const struct config_device *device)
{
    struct leg *leg = leg__new(call, LEG_DEVICE);

    if (leg == NULL)
        return NULL;
    leg->is_caller = true;
    leg->sip = sip;
    leg->signalling = invite->flow.remote;
    leg->dtmf = device->dtmf;
    leg__set_srtp(leg, device->srtp, &invite->flow);
    (void)sr_str_copy(device->id, leg->device_id, sizeof(leg->device_id));
    (void)sr_str_copy(device->extension, leg->number, sizeof(leg->number));
    (void)sr_str_copy(device->display_name, leg->name, sizeof(leg->name));
    (void)sr_str_copy(invite->user_agent, leg->user_agent, sizeof(leg->user_agent));
    leg__allow_codecs(leg, &device->codecs);
    sip_leg_set_user(sip, leg, call->id, leg->id);
    leg__count(leg);
    event__leg(leg, ENGINE_LEG_ADDED);
    return leg;
}

/* Reads the offer; the reason to refuse with, or NONE. */
enum call_reason leg__take_offer(struct leg *leg, const struct ua_invite *invite)
{
    if (!leg__open_media(leg, &invite->flow.local))
        return CALL_REASON_LIMIT;
    if (invite->sdp.n == 0)
        return CALL_REASON_NONE;
    if (leg__read_peer(leg, invite->sdp) != SR_OK)
        return CALL_REASON_NO_CODEC;
    if (!leg__can_agree_on_srtp(leg))
        return CALL_REASON_ENCRYPTION;
    return leg__shares_codec(leg) ? CALL_REASON_NONE : CALL_REASON_NO_CODEC;
}

/* A live call an application wants this caller in (a conference), or a new one. */
static struct call *call_for(struct engine *engine, const struct ua_invite *invite,
                             const struct config_device *device, const struct routing_plan *plan,
                             bool *ret_is_new)
{
    const struct engine_app *app = engine__find_app(engine, &plan->extension);
    struct call *call = NULL;
    struct sr_str from = device->extension.n ? device->extension : device->id;

    if (app != NULL && app->ops->find_call != NULL)
        call = app->ops->find_call(app->state, &plan->extension);
    *ret_is_new = call == NULL;
    if (call == NULL)
        call = call__new(engine, "internal", from, device->display_name, invite->dialled);
    if (*ret_is_new && call != NULL)
        call->max_forwards = invite->max_forwards;
    return call;
}

void engine__refuse(struct engine *engine, struct sip_leg *sip, enum call_reason reason)
{
    uint16_t status = call_reason_status(reason);

    engine->calls_failed++;
    sip_leg_reject(sip, status, (struct sr_str){NULL, 0}, status == 503 ? 5 : 0);
}

void engine__on_invite(void *arg, struct sip_leg *sip, const struct ua_invite *invite)
{
    struct engine *engine = arg;
    const struct config_device *device = config_device_by_id(engine->config, invite->device_id);
    struct routing_plan plan;
    enum call_reason reason;
    struct call *call;
    struct leg *leg;
    bool is_new;

    if (invite->provider_id.n > 0) {
        engine__on_provider_invite(engine, sip, invite);
        return;
    }
    if (device == NULL) {
        engine__refuse(engine, sip, CALL_REASON_NOT_ALLOWED);
        return;
    }
    if (device->calls_max > 0 && engine__device_calls(engine, device->id, 0) >= device->calls_max) {
        engine__refuse(engine, sip, CALL_REASON_BUSY);
        return;
    }
    if (invite->has_replaces) {
        pickup__on_replaces(engine, sip, invite, device);
        return;
    }
    resolve(engine, engine->config, device, invite->dialled, &plan);
    if (plan.outcome == ROUTING_EXTENSION && plan.extension.kind == CONFIG_EXTENSION_FEATURE &&
        plan.extension.feature->kind == CONFIG_FEATURE_PICKUP) {
        pickup__on_invite(engine, sip, invite, device);
        return;
    }
    call = call_for(engine, invite, device, &plan, &is_new);
    if (call == NULL) {
        engine__refuse(engine, sip, CALL_REASON_LIMIT);
        return;
    }
    if (is_new)
        event__call(call, ENGINE_CALL_CREATED);
    leg = leg__new_caller(call, sip, invite, device);
    if (leg == NULL) {
        engine__refuse(engine, sip, CALL_REASON_LIMIT);
        if (is_new)
            call__end(call, CALL_REASON_LIMIT, 503);
        return;
    }
    if (is_new)
        call->origin = leg;
    reason = leg__take_offer(leg, invite);
    if (reason == CALL_REASON_NONE && !call->is_ending)
        reason = call__dial(call, leg, invite->dialled, false);
    if (reason == CALL_REASON_NONE)
        return;
    if (is_new)
        call__end(call, reason, call_reason_status(reason));
    else
        leg__ended(leg, reason, call_reason_status(reason));
}

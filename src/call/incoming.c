/* A device calls: who is it, what was dialled, which call does it come into. */
#include "call/internal.h"
#include "call/providers.h"
#include "call/verdict.h"
#include "call/webrtc.h"

struct sr_str leg__party(const struct leg *leg)
{
    return sr_str_c(leg->party[0] != '\0' ? leg->party : leg->number);
}

void leg__count(struct leg *leg)
{
    if (leg->kind == LEG_MEDIA || leg->is_counted)
        return;
    leg->is_counted = true;
    engine__device_calls(leg->call->engine, sr_str_c(leg->device_id), 1);
}

enum call_reason leg__answer(struct leg *leg)
{
    struct sr_buf sdp;
    enum sr_err err = SR_OK;

    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    err = ring__sdp_for_caller(leg, NULL, &sdp);
    if (err == SR_OK) {
        if (leg->has_peer && !leg->has_stream)
            leg__set_stream(leg);
        leg__set_state(leg, LEG_ANSWERED);
        sip_leg_answer(leg->sip, sr_buf_view(&sdp));
        event__leg(leg, ENGINE_LEG_CHANGED);
    }
    sr_buf_done(&sdp);
    return err == SR_OK ? CALL_REASON_NONE : leg__sdp_reason(err);
}

bool leg_answer_here(struct leg *leg)
{
    enum call_reason reason = CALL_REASON_NONE;

    if (leg->state != LEG_ANSWERED) /* else rung first by the API, or transferred */
        reason = leg__answer(leg);
    if (reason != CALL_REASON_NONE) {
        leg__ended(leg, reason, 488);
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
    if (call->is_pass)
        sip_leg_set_raw(sip);
    leg__count(leg);
    event__leg(leg, ENGINE_LEG_ADDED);
    return leg;
}

/* Reads the offer; the reason to refuse with, or NONE. */
enum call_reason leg__take_offer(struct leg *leg, const struct ua_invite *invite)
{
    bool is_websocket = invite->flow.kind == NET_WS || invite->flow.kind == NET_WSS;
    enum sr_err err = SR_OK;

    if (leg->call->is_pass) {
        leg->is_webrtc = is_websocket;
        return leg__open_media(leg, &invite->flow.local) ? pass__take_offer(leg, invite->sdp)
                                                         : CALL_REASON_LIMIT;
    }
    if (invite->sdp.n > 0)
        err = leg__read_peer(leg, invite->sdp);
    if (err != SR_OK)
        return verdict__bad_offer(leg, err);
    leg->is_webrtc =
        is_websocket && (invite->sdp.n == 0 || webrtc__is_offered(&leg__sdp(leg)->peer));
    if (!leg__open_media(leg, &invite->flow.local))
        return CALL_REASON_LIMIT;
    if (invite->sdp.n == 0)
        return CALL_REASON_NONE;
    if (!leg->is_webrtc && !leg__can_agree_on_srtp(leg))
        return CALL_REASON_ENCRYPTION;
    if (leg__shares_codec(leg))
        return CALL_REASON_NONE;
    verdict__no_codec(leg);
    return CALL_REASON_NO_CODEC;
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
    if (*ret_is_new && call != NULL) {
        call->max_forwards = invite->max_forwards;
        call->is_emergency = plan->is_emergency;
    }
    return call;
}

void engine__refuse(struct engine *engine, struct sip_leg *sip, enum call_reason reason)
{
    uint16_t status = call_reason_status(reason);

    engine->calls_failed++;
    sip_leg_reject(sip, status, (struct sr_str){NULL, 0}, status == 503 ? 5 : 0);
}

bool engine__refuse_foreign(struct engine *engine, struct sip_leg *sip,
                            const struct ua_invite *invite, const struct routing_plan *plan)
{
    if (!invite->is_body_foreign || pass__is_wanted(plan))
        return false;
    engine->calls_failed++;
    sip_leg_reject(sip, 415, (struct sr_str){NULL, 0}, 0);
    return true;
}

void engine__on_invite(void *arg, struct sip_leg *sip, const struct ua_invite *invite)
{
    struct engine *engine = arg;
    const struct config_device *device = config_device_by_id(engine->config, invite->device_id);
    struct routing_query query = {
        .device = device, .number = invite->dialled, .now = loop_wall(engine->loop) / SR_SEC};
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
    routing_resolve(engine->config, &query, &plan, NULL);
    if (engine__refuse_foreign(engine, sip, invite, &plan))
        return;
    if (!plan.is_emergency && device->calls_max > 0 &&
        engine__device_calls(engine, device->id, 0) >= device->calls_max) {
        engine__refuse(engine, sip, CALL_REASON_BUSY);
        return;
    }
    if (!plan.is_emergency && engine__is_full(engine)) {
        engine__refuse(engine, sip, CALL_REASON_LIMIT);
        return;
    }
    if (invite->has_replaces) {
        pickup__on_replaces(engine, sip, invite, device);
        return;
    }
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
    if (is_new) {
        call->is_pass = pass__is_wanted(&plan);
        event__call(call, ENGINE_CALL_CREATED);
    }
    leg = leg__new_caller(call, sip, invite, device);
    if (leg == NULL) {
        engine__refuse(engine, sip, CALL_REASON_LIMIT);
        if (is_new)
            call__end(call, CALL_REASON_LIMIT, 503);
        return;
    }
    if (is_new) {
        call->origin = leg;
        call->max_forwards = invite->max_forwards;
        event__call(call, ENGINE_INCOMING_CALL);
    }
    reason = leg__take_offer(leg, invite);
    if (reason == CALL_REASON_NONE && !call->is_ending)
        reason = call__follow(call, leg, &query, &plan, false);
    if (reason == CALL_REASON_NONE)
        return;
    if (is_new)
        call__end(call, reason, call_reason_status(reason));
    else
        leg__ended(leg, reason, call_reason_status(reason));
}

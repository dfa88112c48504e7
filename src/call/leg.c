#include "base/alloc.h"
#include "call/internal.h"
#include "call/providers.h"
#include "call/transfer.h"
#include "call/webrtc.h"

_Static_assert((int)CALL_LEGS_MAX <= (int)MEDIA_LEGS_MAX, "a room takes all legs of its call");

const char *leg__state_name(enum leg_state state)
{
    switch (state) {
    case LEG_CALLING:
        return "calling";
    case LEG_RINGING:
        return "ringing";
    case LEG_ANSWERED:
        return "answered";
    case LEG_ENDED:
        return "ended";
    }
    return "ended";
}

struct leg *leg__new(struct call *call, enum leg_kind kind)
{
    struct engine *engine = call->engine;
    struct leg *leg;
    struct sr_buf id;

    if (call->legs.count >= CALL_LEGS_MAX ||
        (!call->is_emergency && engine->legs.count >= engine->calls_max * 4))
        return NULL;
    leg = sr_zalloc(1, sizeof(*leg));
    leg->id = sr_idtab_add(&engine->legs, leg);
    if (leg->id == SR_ID_NONE) {
        sr_free(leg);
        return NULL;
    }
    leg->engine = engine;
    leg->call = call;
    leg->kind = kind;
    leg->role = MEDIA_ROLE_PARTICIPANT;
    leg->media_role = MEDIA_ROLE_PARTICIPANT;
    leg->started_wall_us = call__wall(call);
    leg->stats = (struct media_leg_stats){.rtt_ms = -1, .mos = -1};
    sr_list_init(&leg->plays);
    sr_buf_init_fixed(&id, leg->leg_id, sizeof(leg->leg_id));
    sr_random_hex(&id, LEG_ID_BYTES);
    (void)sr_buf_cstr(&id);
    sr_list_add(&call->legs, &leg->node);
    return leg;
}

/* What phones are told may differ from what we bind (a container, a fixed lanIp). */
static void tell_lan_address(struct leg *leg)
{
    const struct config_proxy *proxy = &leg->call->config->proxy;

    if (leg->rtp.family == SR_ADDR_IP4 && proxy->lan_addr.family == SR_ADDR_IP4)
        memcpy(leg->rtp.ip, proxy->lan_addr.ip, sizeof(leg->rtp.ip));
    else if (leg->rtp.family == SR_ADDR_IP6 && proxy->lan_addr6.family == SR_ADDR_IP6)
        memcpy(leg->rtp.ip, proxy->lan_addr6.ip, sizeof(leg->rtp.ip));
}

static bool open_pass(struct leg *leg, const struct sr_addr *local)
{
    if (local == NULL || !pass__open(leg, local))
        return false;
    tell_lan_address(leg);
    return true;
}

void leg__no_port(struct leg *leg, enum sr_err err)
{
    leg->call->engine->ports_refused++;
    sr_log(HUB, WARN, "event=no_rtp_port call=%s leg=%s why=\"%s\"", leg->call->call_id,
           leg->leg_id,
           err == SR_ERR_LIMIT ? "all of proxy.rtpPortRange are taken"
                               : "the system refuses a socket: too few files (LimitNOFILE)?");
}

bool leg__open_media(struct leg *leg, const struct sr_addr *local)
{
    struct engine *engine = leg->call->engine;
    struct media_leg_options options = {
        .kind = leg->kind != LEG_MEDIA ? (leg->is_webrtc ? MEDIA_LEG_WEBRTC : MEDIA_LEG_RTP)
                : leg->is_player       ? MEDIA_LEG_PLAYER
                                       : MEDIA_LEG_ECHO,
        .cookie = leg->id,
    };
    enum sr_err err;

    if (leg->call->is_pass)
        return open_pass(leg, local);
    if (local != NULL)
        options.local = *local;
    leg->bind = options.local;
    err = media_leg_open(engine->media, leg->call->room, &options, &leg->media, &leg->rtp);
    if (err != SR_OK) {
        leg->media = SR_ID_NONE;
        leg__no_port(leg, err);
        return false;
    }
    leg->rtp_bound = leg->rtp;
    tell_lan_address(leg);
    leg->call->media_open++;
    if (leg->role != leg->media_role) { /* who comes to listen is not heard for a moment first */
        leg->media_role = leg->role;
        media_leg_set_role(engine->media, leg->media, leg->role);
    }
    return true;
}

void leg__set_state(struct leg *leg, enum leg_state state)
{
    if (leg->state == state)
        return;
    leg->state = state;
    if (state != LEG_ANSWERED)
        return;
    leg->answered_wall_us = call__wall(leg->call);
    leg->stream_at = loop_now(leg->call->engine->loop);
}

void leg__free(struct leg *leg)
{
    browsers__leg_freed(leg);
    pipes__free(leg);
    if (leg->id != SR_ID_NONE)
        sr_idtab_remove(&leg->call->engine->legs, leg->id);
    leg__drop_sdp(leg);
    sr_free_secret(leg, sizeof(*leg));
}

/* The oldest one that only rang, or the oldest of all. */
static bool forget_one(struct call *call, bool is_any)
{
    SR_LIST_EACH(&call->gone, node)
    {
        struct leg *old = SR_CONTAINER(node, struct leg, node);

        if (old->media != SR_ID_NONE || pipes__is_open(old) ||
            (!is_any && (old->answered_wall_us != 0 || records__is_paid(old))))
            continue;
        sr_list_remove(&call->gone, node);
        call->legs_forgotten++;
        leg__free(old);
        return true;
    }
    return false;
}

/* The list of gone legs feeds the record; a leg whose ports are still closing must stay. */
void leg__file_as_gone(struct leg *leg)
{
    struct call *call = leg->call;

    sr_list_add(&call->gone, &leg->node);
    if (call->gone.count > STORE_LEGS_MAX && !forget_one(call, false))
        (void)forget_one(call, true);
}

void leg__remove(struct leg *leg, enum call_reason reason, uint16_t sip_status)
{
    struct call *call = leg->call;
    struct engine *engine = call->engine;
    struct sip_leg *sip = leg->sip;

    sound__leg_gone(leg);
    collect__leg_gone(leg);
    incall__leg_leaves(leg);
    if (call->app != NULL && call->app->on_leave != NULL && !call->is_ending)
        call->app->on_leave(call->app_state, call, leg);
    leg->sip = NULL;
    leg->reason = reason;
    leg->sip_status = sip_status;
    leg->ended_wall_us = call__wall(leg->call);
    if (sip != NULL) {
        if (reason == CALL_REASON_ELSEWHERE)
            sip_leg_hangup(sip, 200, SR_STR("Call completed elsewhere"));
        else if (leg->is_caller && leg->state != LEG_ANSWERED && sip_status == 503)
            sip_leg_reject(sip, sip_status, sr_str_c(call_reason_text(reason)), OVERLOAD_RETRY_SEC);
        else
            sip_leg_hangup(sip, sip_status, sr_str_c(call_reason_text(reason)));
    }
    if (leg->ring != NULL) {
        SR_ASSERT(leg->ring->branch_count > 0);
        leg->ring->branch_count--;
        leg->ring = NULL;
        ring__forget_early(leg);
    }
    use__ended(leg);
    if (leg->is_counted && leg->kind == LEG_PROVIDER)
        engine__provider_calls(engine, sr_str_c(leg->provider_id), -1);
    else if (leg->is_counted)
        engine__device_calls(engine, sr_str_c(leg->device_id), -1);
    leg->is_counted = false;
    if (call->origin == leg)
        call->origin = NULL;
    if (leg->media != SR_ID_NONE)
        media_leg_close(engine->media, leg->media);
    pipes__close(leg);
    leg__set_state(leg, LEG_ENDED);
    leg->has_stream = false;
    browsers__leg_removed(leg);
    sr_list_remove(&call->legs, &leg->node);
    event__leg(leg, ENGINE_LEG_REMOVED);
    leg__file_as_gone(leg);
}

void leg__ended(struct leg *leg, enum call_reason reason, uint16_t sip_status)
{
    struct call *call = leg->call;
    struct ring *ring = leg->ring;
    uint32_t target = leg->target;
    bool was_origin = call->origin == leg;

    leg__remove(leg, reason, sip_status);
    if (call->is_ending)
        return;
    if (transfer__leg_gone(call, leg))
        ring = NULL;
    if (ring != NULL) {
        ring__branch_failed(ring, target, reason, sip_status);
        return;
    }
    if (call->state == CALL_RINGING) {
        if (was_origin || call->legs.count == 0)
            call__end(call, reason == CALL_REASON_HANGUP ? CALL_REASON_CANCELLED : reason,
                      sip_status);
        return;
    }
    if (!call__check_parties(call, reason, sip_status))
        call__update_media(call);
}

void leg_end(struct leg *leg, enum call_reason reason)
{
    leg__ended(leg, reason, call_reason_status(reason));
}

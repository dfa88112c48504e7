/* Legs towards and from providers: numbers outside. */
#include "base/alloc.h"
#include "call/internal.h"
#include "call/providers.h"
#include "call/verdict.h"

enum {
    ACCOUNTS_TRIED_MAX =
        32, /* of one host, for a call that names none: each costs a walk over the routes */
};

/* ---- what both directions share ---- */

/* Ports at the address the provider's server is reached from; in SDP the address it knows us by. */
static bool open_media(struct leg *leg, const struct ua_provider_path *path)
{
    if (!leg__open_media(leg, &path->flow.local))
        return false;
    if (path->media_ip.family == leg->rtp.family)
        memcpy(leg->rtp.ip, path->media_ip.ip, sizeof(leg->rtp.ip));
    return true;
}

static struct leg *new_leg(struct call *call, const struct config_provider *provider)
{
    struct leg *leg = leg__new(call, LEG_PROVIDER);

    if (leg != NULL)
        (void)sr_str_copy(provider->id, leg->provider_id, sizeof(leg->provider_id));
    return leg;
}

static void take_path(struct leg *leg, const struct config_provider *provider,
                      const struct ua_provider_path *path)
{
    leg->dtmf = provider->dtmf;
    leg->ptime_ms = path->ptime_ms;
    leg->signalling = path->flow.remote;
    leg__set_srtp(leg, provider->srtp, &path->flow);
    leg__allow_codecs(leg, &provider->codecs);
}

static bool is_full(struct engine *engine, const struct config_provider *provider)
{
    return provider->calls_max > 0 &&
           engine__provider_calls(engine, provider->id, 0) >= provider->calls_max;
}

static void count(struct leg *leg)
{
    leg->is_counted = true;
    engine__provider_calls(leg->call->engine, sr_str_c(leg->provider_id), 1);
}

void leg__tell_address(struct leg *leg)
{
    struct engine *engine = leg->call->engine;
    struct ua_provider_path path;
    struct sr_buf sdp;
    enum sr_err err;

    if (leg->state != LEG_ANSWERED || leg->sip == NULL || leg->call->is_fax ||
        ua_provider_path(engine->ua, sr_str_c(leg->provider_id), &path) != SR_OK ||
        path.media_ip.family != leg->rtp.family)
        return;
    memcpy(leg->rtp.ip, path.media_ip.ip, sizeof(leg->rtp.ip));
    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    if (leg->call->is_pass) {
        err = pass__tell_address(leg);
    } else {
        err = leg__make_offer(leg, NULL, &sdp);
        if (err == SR_OK)
            err = sip_leg_offer(leg->sip, sr_buf_view(&sdp));
        leg->is_offer_open = leg->is_offer_open || err == SR_OK;
    }
    if (err != SR_OK)
        sr_log(HUB, INFO, "event=address_not_told call=%s leg=%s err=%s", leg->call->call_id,
               leg->leg_id, sr_err_name(err));
    sr_buf_done(&sdp);
}

/* ---- out ---- */

static bool is_anonymous(struct sr_str number)
{
    return sr_str_ieq(number, SR_STR("anonymous"));
}

static enum sr_err invite(struct leg *leg, struct leg *from, const struct ua_provider_path *path,
                          const struct config_provider *provider, struct sr_str caller_id)
{
    struct call *call = leg->call;
    struct sip_leg_header headers[2];
    struct sip_leg_invite_options options = {
        .provider_id = provider->id,
        .to_user = sr_str_c(leg->number),
        .from_user = caller_id,
        .from_display = sr_str_c(call->from_name),
        .headers = headers,
        .is_withheld = is_anonymous(caller_id),
        .max_forwards = call->max_forwards,
        .user = leg,
        .call_cookie = call->id,
        .leg_cookie = leg->id,
    };
    struct sr_buf offer, text;
    enum sr_err err = SR_ERR_LIMIT;

    if (call->is_pass && from != NULL)
        options.from = from->sip;
    sr_buf_init(&text, RING_HISTORY_BYTES_MAX);
    options.header_count = ring__history(leg->ring, leg->target, headers, &text);
    if (options.from_user.n == 0 || options.is_withheld)
        options.from_user = provider->caller_id;
    sr_buf_init(&offer, LEG_SDP_BYTES_MAX);
    if (open_media(leg, path))
        err = leg__make_offer(leg, from, &offer);
    options.sdp = sr_buf_view(&offer);
    if (err == SR_OK)
        err = sip_leg_invite(call->engine->ua, &options, &leg->sip);
    if (err != SR_OK)
        leg->sip = NULL;
    else if (call->is_pass)
        sip_leg_set_raw(leg->sip);
    sr_buf_done(&offer);
    sr_buf_done(&text);
    return err;
}

/* NONE, or why it could not be invited. */
static enum call_reason dial(struct leg *leg, const struct config_provider *provider,
                             const struct ua_provider_path *path,
                             const struct ring_outside *outside)
{
    enum sr_err err;

    take_path(leg, provider, path);
    if (outside->srtp != RING_SRTP_AS_SET)
        leg__set_srtp(leg, CONFIG_SRTP_REQUIRED, &path->flow);
    leg->is_dtls_offered = outside->srtp == RING_SRTP_DTLS;
    err = invite(leg, ring__from(leg->ring), path, provider, outside->caller_id);
    if (err == SR_OK)
        return CALL_REASON_NONE;
    return err == SR_ERR_LIMIT ? CALL_REASON_LIMIT : CALL_REASON_UNREACHABLE;
}

enum call_reason ring__provider(struct ring *ring, const struct config_provider *provider,
                                const struct ring_outside *outside)
{
    struct call *call = ring->call;
    struct engine *engine = call->engine;
    enum call_reason reason = CALL_REASON_NONE;
    struct ua_provider_path path;
    struct leg *leg;
    bool is_waiting;
    enum sr_err err;

    if (!provider->is_enabled)
        return CALL_REASON_NOT_ALLOWED;
    if (!call->is_emergency && is_full(engine, provider))
        return CALL_REASON_LIMIT;
    is_waiting = ua_provider_await(engine->ua, provider->id);
    err = ua_provider_path(engine->ua, provider->id, &path);
    leg = new_leg(call, provider);
    if (leg == NULL)
        return CALL_REASON_LIMIT;
    (void)sr_str_copy(sr_str_c(outside->dialled), leg->number, sizeof(leg->number));
    ring__add_branch(ring, leg);
    if (is_waiting) {
        leg->is_waiting = true;
        count(leg);
    } else if (err == SR_OK) {
        count(leg);
        reason = dial(leg, provider, &path, outside);
    } else { /* a leg all the same, so that the record says why */
        reason = CALL_REASON_UNREACHABLE;
    }
    event__leg(leg, ENGINE_LEG_ADDED);
    if (reason == CALL_REASON_NONE)
        return CALL_REASON_NONE;
    if (err != SR_OK)
        verdict__no_way(leg);
    leg__remove(leg, reason, 503);
    return reason;
}

void leg__looked_up(struct leg *leg)
{
    struct ring_outside *outside = leg->ring->targets[leg->target - 1].outside;
    const struct config_provider *provider =
        config_provider_by_id(leg->call->config, sr_str_c(leg->provider_id));
    enum call_reason reason = CALL_REASON_UNREACHABLE;
    struct ua_provider_path path;

    leg->is_waiting = false;
    if (provider == NULL || ua_provider_path(leg->call->engine->ua, provider->id, &path) != SR_OK) {
        verdict__no_way(leg);
    } else {
        outside->family = path.flow.remote.family;
        reason = dial(leg, provider, &path, outside);
    }
    if (reason != CALL_REASON_NONE) {
        leg__ended(leg, reason, 503);
        return;
    }
    event__leg(leg, ENGINE_LEG_CHANGED);
    call__update_media(leg->call);
}

/* ---- in ---- */

/* Its offer, read; the reason to refuse with, or NONE. */
static enum call_reason take_offer(struct leg *leg, const struct ua_provider_path *path,
                                   struct sr_str sdp)
{
    enum sr_err err = SR_OK;

    if (!open_media(leg, path))
        return CALL_REASON_LIMIT;
    if (leg->call->is_pass)
        return pass__take_offer(leg, sdp);
    if (sdp.n > 0)
        err = leg__read_peer(leg, sdp);
    if (err != SR_OK)
        return verdict__bad_offer(leg, err);
    if (sdp.n > 0 && !leg__can_agree_on_srtp(leg))
        return CALL_REASON_ENCRYPTION;
    if (sdp.n == 0 || leg__shares_codec(leg))
        return CALL_REASON_NONE;
    verdict__no_codec(leg);
    return CALL_REASON_NO_CODEC;
}

static struct leg *new_caller(struct call *call, struct sip_leg *sip,
                              const struct ua_invite *invite,
                              const struct config_provider *provider,
                              const struct ua_provider_path *path)
{
    struct leg *leg = new_leg(call, provider);

    if (leg == NULL)
        return NULL;
    take_path(leg, provider, path);
    leg->is_caller = true;
    leg->sip = sip;
    leg->signalling = invite->flow.remote;
    (void)sr_str_copy(sr_str_c(call->from), leg->number, sizeof(leg->number));
    (void)sr_str_copy(invite->from_display, leg->name, sizeof(leg->name));
    (void)sr_str_copy(invite->user_agent, leg->user_agent, sizeof(leg->user_agent));
    sip_leg_set_user(sip, leg, call->id, leg->id);
    if (call->is_pass)
        sip_leg_set_raw(sip);
    count(leg);
    event__leg(leg, ENGINE_LEG_ADDED);
    return leg;
}

/* In the order of the routes; beyond the last: none. */
static uint32_t rank_of(const struct config *config, const struct config_route *route)
{
    uint32_t rank = 0;

    while (rank < config->routing.ordered_count && config->routing.ordered[rank] != route)
        rank++;
    return rank;
}

/* Nothing in the message names one of the accounts at that host: the number does, by the first route that
 * takes it from one of them. */
static void choose_account(struct engine *engine, struct sip_leg *sip, struct routing_query *query,
                           struct routing_plan *plan)
{
    const struct config *config = engine->config;
    uint32_t tried = 0;

    for (uint32_t i = 0; i < config->provider_count && tried < ACCOUNTS_TRIED_MAX; i++) {
        struct routing_query other = *query;
        struct routing_plan better;

        other.provider = &config->providers[i];
        if (other.provider == query->provider || !sip_leg_fits_account(sip, other.provider->id))
            continue;
        tried++;
        routing_resolve(config, &other, &better, NULL);
        if (rank_of(config, better.route) < rank_of(config, plan->route)) {
            sip_leg_set_account(sip, other.provider->id);
            *query = other;
            *plan = better;
        }
    }
}

void engine__on_provider_invite(struct engine *engine, struct sip_leg *sip,
                                const struct ua_invite *invite)
{
    struct routing_query query = {.provider =
                                      config_provider_by_id(engine->config, invite->provider_id),
                                  .number = invite->dialled,
                                  .caller = invite->from_user,
                                  .now = loop_wall(engine->loop) / SR_SEC};
    const struct config_provider *provider;
    struct ua_provider_path path;
    struct routing_plan plan;
    enum call_reason reason;
    struct call *call;
    struct leg *leg;

    if (query.provider == NULL || ua_invite_path(engine->ua, invite, &path) != SR_OK) {
        engine__refuse(engine, sip, CALL_REASON_NOT_ALLOWED);
        return;
    }
    routing_resolve(engine->config, &query, &plan, NULL);
    if (invite->is_account_open)
        choose_account(engine, sip, &query, &plan);
    if (engine__refuse_foreign(engine, sip, invite, &plan))
        return;
    provider = query.provider;
    if (is_full(engine, provider)) {
        engine__refuse(engine, sip, CALL_REASON_BUSY);
        return;
    }
    if (engine__is_full(engine)) {
        engine__refuse(engine, sip, CALL_REASON_LIMIT);
        return;
    }
    call = call__new(engine, "inbound", sr_str_c(plan.caller), invite->from_display,
                     sr_str_c(plan.number));
    if (call == NULL) {
        engine__refuse(engine, sip, CALL_REASON_LIMIT);
        return;
    }
    call->max_forwards = invite->max_forwards;
    call->is_pass = pass__is_wanted(&plan);
    event__call(call, ENGINE_CALL_CREATED);
    leg = new_caller(call, sip, invite, provider, &path);
    if (leg == NULL) {
        engine__refuse(engine, sip, CALL_REASON_LIMIT);
        call__end(call, CALL_REASON_LIMIT, 503);
        return;
    }
    call->origin = leg;
    event__call(call, ENGINE_INCOMING_CALL);
    reason = take_offer(leg, &path, invite->sdp);
    if (reason == CALL_REASON_NONE)
        reason = call__follow(call, leg, &query, &plan, false);
    if (reason != CALL_REASON_NONE)
        call__end(call, reason, call_reason_status(reason));
}

/* A fork: branches ring in stages, the first answer wins (design: "Ringing"). */
#include "base/alloc.h"
#include "call/internal.h"
#include "call/providers.h"
#include "call/transfer.h"
#include "call/verdict.h"
#include "call/webrtc.h"
#include "sip/uri.h"

static void begin_stages(struct ring *ring, uint32_t stage);
static void pass_kept_early(struct ring *ring);

/* ---- life ------------------------------------------------------------------------------------ */

/* How much a failure tells: a busy phone says more than one that is switched off. */
static int weight_of(enum call_reason reason)
{
    switch ((int)reason) {
    case CALL_REASON_DECLINED:
        return 5;
    case CALL_REASON_BUSY:
        return 4;
    case CALL_REASON_NO_ANSWER:
        return 3;
    case CALL_REASON_OFFLINE:
        return 0;
    default:
        return 1;
    }
}

void ring__note_failure(struct ring *ring, enum call_reason reason, uint16_t sip_status)
{
    if (weight_of(reason) < weight_of(ring->best_reason))
        return;
    ring->best_reason = reason;
    ring->best_status = sip_status;
}

/* What is said of a request of ours, not of the call: to the caller, whose request was another one, it
 * would be wrong, and he might act on it. What is passed through is his own, but for the login. */
static bool is_of_our_request(const struct ring *ring, uint16_t status)
{
    static const uint16_t list[] = {405, 406, 412, 413, 414, 415, 416, 417, 420, 421, 422,
                                    423, 424, 428, 429, 430, 436, 437, 438, 439, 440, 469,
                                    470, 481, 489, 491, 493, 494, 501, 505, 513, 580};

    if (status == 401 || status == 407 || status == 487)
        return true;
    for (size_t i = 0; !ring->call->is_pass && i < SR_ARRAY_LEN(list); i++) {
        if (list[i] == status)
            return true;
    }
    return false;
}

/* A status of a party's phone as the caller may see it: never a challenge or a redirection, nor a
 * 503 that is not ours: the caller would take this router for overloaded (RFC 3261 16.7). */
static uint16_t status_for_caller(const struct ring *ring)
{
    uint16_t status = ring->best_status;

    if (status == 503 && ring->best_reason != CALL_REASON_LIMIT)
        status = 0;
    if (status >= 400 && status < 700 && !is_of_our_request(ring, status))
        return status;
    return SR_MAX(call_reason_status(ring->best_reason), (uint16_t)480);
}

void ring__free(struct ring *ring)
{
    loop_timer_clear(ring->call->engine->loop, &ring->timer);
    if (ring->call->ring == ring)
        ring->call->ring = NULL;
    for (uint32_t i = 0; i < ring->target_count; i++)
        sr_free(ring->targets[i].outside);
    sr_free(ring->targets);
    sr_free(ring->forwardings);
    sr_free(ring);
}

/* Nobody is left. NONE: the call goes on otherwise; the fork is freed in any case. */
static enum call_reason come_to_nothing(struct ring *ring)
{
    const struct config_route *route = ring->route;
    const struct config_device *only = ring->only;
    enum call_reason reason = ring->best_reason;
    const struct config_device *quiet = ring->quiet;
    struct call *call = ring->call;
    struct engine *engine = call->engine;
    sr_id id = call->id;
    bool is_addition = ring->is_addition;

    ring__free(ring);
    if (call->is_pass) /* what the other end says is what the caller hears */
        return reason;
    if (is_addition)
        return reason;
    reason = call__fall_back(call, route, only, reason);
    if (reason == CALL_REASON_BUSY && quiet != NULL && sr_idtab_find(&engine->calls, id) == call &&
        call->origin != NULL)
        verdict__quiet(call->origin, quiet);
    return reason;
}

/* The same while nobody waits for an answer of ours: the call ends, or loses who was to come. */
static void end_fork(struct ring *ring)
{
    struct call *call = ring->call;
    bool is_addition = ring->is_addition;
    enum call_reason first = ring->best_reason;
    uint16_t status = status_for_caller(ring);
    struct engine *engine = call->engine;
    sr_id id = call->id;
    enum call_reason reason = come_to_nothing(ring);

    if (sr_idtab_find(&engine->calls, id) == NULL || call->is_ending)
        return; /* what came instead has ended it */
    if (reason == CALL_REASON_NONE) {
        call__update_media(call);
        return;
    }
    if (reason != first)
        status = call_reason_status(reason);
    if (transfer__failed(call, status))
        return;
    incall__not_answered(call);
    if (!is_addition)
        call__end(call, reason, status);
    else if (!call__check_parties(call, reason, status))
        call__update_media(call);
}

static bool is_target_alive(const struct ring *ring, uint32_t target)
{
    SR_LIST_EACH(&ring->call->legs, node)
    {
        const struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (leg->ring == ring && leg->target == target)
            return true;
    }
    return false;
}

/* Branches whose target rings no longer than to that stage stop. */
static void stop_until(struct ring *ring, uint32_t stage)
{
    SR_LIST_EACH(&ring->call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);
        uint32_t last = leg->target > 0 ? ring->targets[leg->target - 1].last_stage : UINT32_MAX;

        if (leg->ring != ring || last > stage)
            continue;
        leg__remove(leg, CALL_REASON_NO_ANSWER, 0);
        ring__note_failure(ring, CALL_REASON_NO_ANSWER, 480);
    }
}

/* Branches have gone, others may have come. The fork may be freed. */
static void settle(struct ring *ring)
{
    if (ring->branch_count == 0)
        end_fork(ring);
    else if (ring->branch_count == 1)
        pass_kept_early(ring);
}

static void on_stage_over(void *arg)
{
    struct ring *ring = arg;

    if (ring->stage + 1 < ring->stage_count) {
        stop_until(ring, ring->stage);
        begin_stages(ring, ring->stage + 1);
    } else {
        stop_until(ring, UINT32_MAX);
    }
    settle(ring);
}

struct leg *ring__from(const struct ring *ring)
{
    struct leg *leg;

    if (ring->from == SR_ID_NONE)
        return NULL;
    if (!ring->is_addition)
        return ring->call->origin; /* maybe another one by now: Replaces */
    leg = sr_idtab_find(&ring->call->engine->legs, ring->from);
    return leg != NULL && leg->call == ring->call && leg->state != LEG_ENDED ? leg : NULL;
}

struct ring *ring__new(struct call *call, const struct leg *from, bool is_addition,
                       uint32_t stage_sec)
{
    struct ring *ring;

    if (call->ring != NULL)
        return NULL; /* one fork at a time */
    ring = sr_zalloc(1, sizeof(*ring));
    ring->call = call;
    ring->from = from != NULL ? from->id : SR_ID_NONE;
    ring->is_addition = is_addition;
    ring->best_reason = CALL_REASON_OFFLINE;
    ring->best_status = 480;
    ring->stage_sec = stage_sec;
    ring->stage_count = 1;
    ring->role = call->add_role;
    ring->whisper_to = call->add_whisper_to;
    loop_timer_init(&ring->timer, on_stage_over, ring);
    call->ring = ring;
    return ring;
}

/* ---- branches -------------------------------------------------------------------------------- */

void ring__add_branch(struct ring *ring, struct leg *leg)
{
    leg->ring = ring;
    leg->target = ring->starting;
    leg->role = ring->role;
    leg->whisper_to = ring->whisper_to;
    ring->branch_count++;
}

/* The INVITE of a branch to one contact of a device. */
static enum sr_err invite(struct ring *ring, struct leg *leg, const struct config_device *device,
                          const struct ua_contact *contact, struct sr_str offer)
{
    struct call *call = ring->call;
    struct sip_leg_header headers[2];
    struct ua_contact copy = *contact;
    struct sip_leg_invite_options options = {
        .contact = &copy,
        .from_user = sr_str_c(call->api_shown[0] ? call->api_shown : call->from),
        .to_user = device->extension.n ? device->extension : device->id,
        .sdp = offer,
        .headers = headers,
        .max_forwards = call->max_forwards,
        .user = leg,
        .call_cookie = call->id,
        .leg_cookie = leg->id,
    };
    const struct leg *from = ring__from(ring);
    struct sr_buf text;
    enum sr_err err;

    if (call->is_pass && from != NULL)
        options.from = from->sip;
    if (call->api_shown[0] == '\0')
        options.from_display = sr_str_c(call->from_name);
    /* whom the new party is to talk to; a caller may have been replaced since the call began */
    if (from != NULL && (ring->is_addition ||
                         ((from->is_caller || call->is_origin_moved) && from->number[0] != '\0'))) {
        options.from_user = sr_str_c(from->number);
        options.from_display = sr_str_c(from->name);
    }
    if (from != NULL) /* should another one take its place from now on, the party is told */
        memcpy(leg->connected_to, from->leg_id, sizeof(leg->connected_to));
    sr_buf_init(&text, RING_HISTORY_BYTES_MAX);
    options.header_count = ring__history(ring, leg->target, headers, &text);
    intercom__headers(call, &options);
    err = sip_leg_invite(call->engine->ua, &options, &leg->sip);
    if (err == SR_OK && call->is_pass)
        sip_leg_set_raw(leg->sip);
    sr_buf_done(&text);
    return err;
}

static enum call_reason ring_contact(struct ring *ring, uint32_t target,
                                     const struct config_device *device,
                                     const struct ua_contact *contact, enum ring_srtp try_srtp)
{
    struct call *call = ring->call;
    struct leg *leg = leg__new(call, LEG_DEVICE);
    struct sr_buf offer;
    enum sr_err err = SR_ERR_LIMIT;

    if (leg == NULL)
        return CALL_REASON_LIMIT;
    (void)sr_str_copy(device->id, leg->device_id, sizeof(leg->device_id));
    (void)sr_str_copy(device->extension, leg->number, sizeof(leg->number));
    (void)sr_str_copy(device->display_name, leg->name, sizeof(leg->name));
    (void)sr_str_copy(contact->user_agent, leg->user_agent, sizeof(leg->user_agent));
    leg->signalling = contact->flow.remote;
    leg->dtmf = device->dtmf;
    leg__set_srtp(leg, try_srtp == RING_SRTP_AS_SET ? device->srtp : CONFIG_SRTP_REQUIRED,
                  &contact->flow);
    leg->is_dtls_offered = try_srtp == RING_SRTP_DTLS;
    ring->starting = target;
    leg->is_webrtc = contact->flow.kind == NET_WS || contact->flow.kind == NET_WSS;
    ring__add_branch(ring, leg);
    leg__allow_codecs(leg, &device->codecs);
    sr_buf_init(&offer, LEG_SDP_BYTES_MAX);
    if (leg__open_media(leg, &contact->flow.local))
        err = leg__make_offer(leg, ring__from(ring), &offer);
    if (err == SR_OK)
        err = invite(ring, leg, device, contact, sr_buf_view(&offer));
    sr_buf_done(&offer);
    event__leg(leg, ENGINE_LEG_ADDED);
    if (err == SR_OK)
        return CALL_REASON_NONE;
    leg->sip = NULL;
    leg__remove(leg, err == SR_ERR_LIMIT ? CALL_REASON_LIMIT : CALL_REASON_UNREACHABLE, 503);
    return err == SR_ERR_LIMIT ? CALL_REASON_LIMIT : CALL_REASON_UNREACHABLE;
}

static bool is_callers_own(const struct ring *ring, const struct ua_contact *contact)
{
    const struct leg *from = ring__from(ring);

    return from != NULL && from->kind == LEG_DEVICE &&
           sr_str_eq_c(contact->device_id, from->device_id) &&
           sr_addr_eq(&from->signalling, &contact->flow.remote);
}

static void start_device(struct ring *ring, uint32_t target, const struct config_device *device)
{
    struct engine *engine = ring->call->engine;
    struct ua_contact contacts[UA_CONTACTS_PER_DEVICE_MAX];
    size_t count;

    if (!ring->call->is_emergency &&
        (device->is_dnd || (device->calls_max > 0 &&
                            engine__device_calls(engine, device->id, 0) >= device->calls_max))) {
        ring->quiet = device;
        ring__note_failure(ring, CALL_REASON_BUSY, 486);
        return;
    }
    count = ua_contacts(engine->ua, device->id, contacts, SR_ARRAY_LEN(contacts));
    for (size_t i = 0; i < count && ring->branch_count < RING_BRANCHES_MAX; i++) {
        enum call_reason reason = CALL_REASON_BUSY;

        if (!is_callers_own(ring, &contacts[i]))
            reason = ring_contact(ring, target, device, &contacts[i], RING_SRTP_AS_SET);
        if (reason != CALL_REASON_NONE)
            ring__note_failure(ring, reason, call_reason_status(reason));
    }
    ring->starting = target;
    if (!ring->call->is_pass)
        browsers__ring(ring, device->id, sr_str_make(NULL, 0));
}

/* The branch ring__provider() just made. */
static struct leg *newest_outside(struct ring *ring, uint32_t target)
{
    struct leg *found = NULL;

    SR_LIST_EACH(&ring->call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (leg->ring == ring && leg->kind == LEG_PROVIDER && leg->target == target &&
            !leg->is_outside)
            found = leg;
    }
    return found;
}

/* The next provider that takes the number. */
static void start_outside(struct ring *ring, uint32_t target, struct ring_outside *outside)
{
    struct call *call = ring->call;

    ring->starting = target;
    while (outside->next < outside->provider_count) {
        const struct config_provider *provider = outside->providers[outside->next++];
        enum call_reason reason = ring__provider(ring, provider, outside);
        struct leg *leg;

        if (reason != CALL_REASON_NONE) {
            sr_log(HUB, INFO, "event=provider_skipped call=%s provider=%.*s reason=%s",
                   call->call_id, SR_STR_ARG(provider->id), call_reason_name(reason));
            ring__note_failure(ring, reason, call_reason_status(reason));
            outside->srtp = RING_SRTP_AS_SET;
            continue;
        }
        leg = newest_outside(ring, target);
        if (leg != NULL) {
            outside->family = leg->signalling.family;
            use__began(leg, outside->account, !outside->is_counted);
            outside->is_counted = true;
        }
        return;
    }
}

static void start_target(struct ring *ring, uint32_t index)
{
    struct ring_target *target = &ring->targets[index];

    if (target->device != NULL)
        start_device(ring, index + 1, target->device);
    else
        start_outside(ring, index + 1, target->outside);
}

/* From that stage on, until somebody rings. */
static void begin_stages(struct ring *ring, uint32_t stage)
{
    struct loop *loop = ring->call->engine->loop;

    for (ring->stage = stage; ring->stage < ring->stage_count; ring->stage++) {
        for (uint32_t i = 0; i < ring->target_count; i++) {
            if (ring->targets[i].first_stage == ring->stage)
                start_target(ring, i);
        }
        if (ring->branch_count > 0)
            break;
    }
    if (ring->branch_count == 0)
        return;
    loop_timer_set(loop, &ring->timer, loop_now(loop) + ring->stage_sec * SR_SEC);
    call__update_media(ring->call);
}

enum call_reason ring__begin(struct ring *ring)
{
    if (ring->route != NULL && ring->route->action.ring_browsers)
        browsers__ring_guests(ring); /* from the first stage to the last */
    begin_stages(ring, 0);
    return ring->branch_count > 0 ? CALL_REASON_NONE : come_to_nothing(ring);
}

enum call_reason ring__devices(struct call *call, struct leg *from,
                               const struct config_device *const *devices, size_t device_count,
                               bool is_addition)
{
    struct ring *ring = ring__new(call, from, is_addition, ENGINE_RING_SEC);

    if (ring == NULL)
        return CALL_REASON_LIMIT;
    for (size_t i = 0; i < device_count; i++)
        ring__add_device(ring, devices[i], 0, UINT32_MAX);
    return ring__begin(ring);
}

enum call_reason ring__own_browsers(struct call *call, struct sr_str device_id, struct sr_str owner)
{
    struct ring *ring = ring__new(call, NULL, false, ENGINE_RING_SEC);

    if (ring == NULL)
        return CALL_REASON_LIMIT;
    browsers__ring(ring, device_id, owner);
    return ring__begin(ring);
}

/* ---- what the caller hears meanwhile --------------------------------------------------------- */

/* The unanswered caller a fork works for, or NULL (API calls, added parties). */
static struct leg *waiting_caller(const struct ring *ring)
{
    struct leg *origin = ring->call->origin;

    if (ring->is_addition || origin == NULL || !origin->is_caller || origin->sip == NULL ||
        origin->state == LEG_ANSWERED)
        return NULL;
    return origin;
}

enum sr_err ring__sdp_for_caller(struct leg *caller, struct leg *winner, struct sr_buf *buf)
{
    if (caller->call->is_pass)
        return pass__sdp_for_caller(caller, winner, buf);
    if (caller->has_ours)
        return leg__write_again(caller, buf);
    if (!caller->has_peer) {
        caller->is_offer_open = true; /* it asked for our offer: its answer comes with ACK */
        return leg__make_offer(caller, winner, buf);
    }
    return leg__make_answer(caller, winner, buf);
}

void ring__forget_early(struct leg *branch)
{
    sr_free_secret(branch->early, branch->early_bytes); /* it may have keys */
    branch->early = NULL;
    branch->early_bytes = 0;
}

static void keep_early(struct leg *branch, struct sr_str sdp)
{
    ring__forget_early(branch);
    branch->early = sr_alloc(sdp.n);
    branch->early_bytes = sdp.n;
    memcpy(branch->early, sdp.p, sdp.n);
}

/* Whether who was rung first by the API (a page that dials) waits for this fork, and hears what it hears. */
static bool is_awaited(const struct ring *ring)
{
    const struct call *call = ring->call;

    return !ring->is_addition && call->state == CALL_RINGING && call->origin != NULL &&
           call->origin->state == LEG_ANSWERED;
}

/* Early media of the only branch left reaches the caller. False: local ring-back instead. */
static bool pass_early_media(struct ring *ring, struct leg *branch,
                             const struct sip_leg_event *event)
{
    struct leg *caller = waiting_caller(ring);
    struct sr_buf sdp;
    bool is_passed = false;

    if (event->sdp.n == 0 || (caller != NULL ? !caller->has_peer : !is_awaited(ring)))
        return false;
    if (ring->branch_count != 1) {
        keep_early(branch, event->sdp);
        return false;
    }
    if ((!branch->has_stream || event->is_other_answer) &&
        leg__accept_answer(branch, event->sdp) != SR_OK)
        return false;
    if (caller == NULL) { /* its audio is agreed on: the call rings on for everybody else */
        call__update_media(ring->call);
        event__leg(branch, ENGINE_LEG_CHANGED);
        return false;
    }
    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    if (ring__sdp_for_caller(caller, branch, &sdp) == SR_OK) {
        leg__set_stream(caller);
        sip_leg_progress(caller->sip, 183, sr_buf_view(&sdp));
        call__update_media(ring->call);
        event__leg(branch, ENGINE_LEG_CHANGED); /* what they agreed on */
        event__leg(caller, ENGINE_LEG_CHANGED);
        is_passed = true;
    }
    sr_buf_done(&sdp);
    return is_passed;
}

/* One branch is left: what it has been saying is heard from now on. */
static void pass_kept_early(struct ring *ring)
{
    SR_LIST_EACH(&ring->call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);
        struct sip_leg_event event = {.status = 183};

        if (leg->ring != ring || leg->early == NULL)
            continue;
        event.sdp = sr_str_make(leg->early, leg->early_bytes);
        (void)pass_early_media(ring, leg, &event);
        ring__forget_early(leg);
        return;
    }
}

void ring__branch_progress(struct leg *leg, const struct sip_leg_event *event)
{
    struct ring *ring = leg->ring;
    struct call *call = leg->call;
    struct leg *caller = waiting_caller(ring);

    if (event->status == 199)
        return; /* RFC 6228: one branch of a proxy is over, others ring on */
    if (event->status >= 180 && leg->target > 0)
        ring->targets[leg->target - 1].was_ringing = true;
    if (leg->state == LEG_CALLING && event->status >= 180) {
        leg__set_state(leg, LEG_RINGING);
        event__leg(leg, ENGINE_LEG_CHANGED);
    }
    if (call->is_pass && caller != NULL && ring->branch_count == 1 && ring->stage_count == 1) {
        pass__progress(leg, caller, event);
        if (event->status < 180 || call->was_ringing)
            return;
        call->was_ringing = true;
        event__call(call, ENGINE_CALL_RINGING);
        return;
    }
    if (call->is_pass)
        sip_leg_prack(leg->sip);
    else if (pass_early_media(ring, leg, event))
        return;
    if (event->status < 180 || (call->was_ringing && !ring->is_addition))
        return;
    if (ring->is_addition) {
        if (!ring->was_ringing)
            transfer__progress(call, event->status);
        ring->was_ringing = true;
        return;
    }
    call->was_ringing = true;
    if (caller != NULL)
        sip_leg_progress(caller->sip, 180, (struct sr_str){NULL, 0});
    event__call(call, ENGINE_CALL_RINGING);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void drop_losers(struct ring *ring, const struct leg *winner)
{
    SR_LIST_EACH(&ring->call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (leg->ring == ring && leg != winner)
            leg__remove(leg, CALL_REASON_ELSEWHERE, 0);
    }
}

void ring__claim(struct leg *leg)
{
    /* its turn does not end while its audio comes up; should that fail, the next ones ring */
    loop_timer_clear(leg->call->engine->loop, &leg->ring->timer);
    drop_losers(leg->ring, leg);
}

/* The caller's 200. False: it could not be answered and the call has ended. */
static bool answer_caller(struct call *call, struct leg *caller, struct leg *winner)
{
    struct sr_buf sdp;
    enum sr_err err;

    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    err = ring__sdp_for_caller(caller, winner, &sdp);
    if (err == SR_OK) {
        if (caller->has_peer && !caller->has_stream)
            leg__set_stream(caller);
        leg__set_state(caller, LEG_ANSWERED);
        leg_introduce(caller, winner);
        sip_leg_carry(caller->sip);
        sip_leg_answer(caller->sip, sr_buf_view(&sdp));
        event__leg(caller, ENGINE_LEG_CHANGED);
    }
    sr_buf_done(&sdp);
    if (err != SR_OK)
        call__end(call, leg__sdp_reason(err), 488);
    return err == SR_OK;
}

void ring__won(struct ring *ring, struct leg *winner)
{
    struct call *call = ring->call;
    struct leg *caller = waiting_caller(ring);
    bool is_addition = ring->is_addition;

    leg__count(winner);
    use__note_answer(call->engine, sr_str_c(winner->device_id));
    drop_losers(ring, NULL);
    if (ring->route != NULL)
        use__shorten(call, ring->route->action.duration_sec_max);
    ring__free(ring);
    event__leg(winner, ENGINE_LEG_CHANGED);
    if (caller != NULL && !answer_caller(call, caller, winner))
        return;
    transfer__answered(call);
    incall__answered(call, winner);
    if (is_addition && winner->role == MEDIA_ROLE_PARTICIPANT && call->app != NULL &&
        call->app->on_party != NULL)
        call->app->on_party(call->app_state, call, winner);
    if (!is_addition && call->origin == NULL && call->state == CALL_RINGING)
        call__first_answered(call, winner); /* POST /api/call: now the second party is dialled */
    else if (call->state == CALL_RINGING)
        call__answered(call);
    else {
        use__limit(call);
        call__update_media(call);
    }
}

/* A number outside brings its route's limit along. */
static void take_limit(const struct ring *ring, const struct leg *leg)
{
    if (leg->target > 0 && ring->targets[leg->target - 1].outside != NULL)
        use__shorten(ring->call, ring->targets[leg->target - 1].outside->duration_sec_max);
}

void ring__branch_answered(struct leg *leg, const struct sip_leg_event *event)
{
    struct ring *ring = leg->ring;
    bool is_other =
        event != NULL && (event->is_other_answer || (leg->call->is_pass && event->sdp.n > 0));
    bool is_agreed = leg->has_stream && !is_other;
    enum sr_err err = is_agreed ? SR_OK : leg__accept_answer(leg, event->sdp);

    if (err != SR_OK) {
        sr_log(HUB, WARN, "event=bad_answer call=%s leg=%s err=%s", leg->call->call_id, leg->leg_id,
               sr_err_name(err));
        if (err == SR_ERR_AUTH)
            ring__retry_encrypted(leg);
        leg__ended(leg, leg__sdp_reason(err), 488);
        return;
    }
    take_limit(ring, leg);
    ring__forget_early(leg);
    leg->ring = NULL;
    leg->target = 0;
    ring->branch_count--;
    leg__set_state(leg, LEG_ANSWERED);
    use__answered(leg);
    ring__won(ring, leg);
}

void ring__cancel(struct call *call)
{
    struct ring *ring = call->ring;

    if (ring == NULL)
        return;
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (leg->ring == ring)
            leg__remove(leg, CALL_REASON_CANCELLED, 0);
    }
    ring__free(ring);
}

void ring__retry_encrypted(struct leg *leg)
{
    struct ring *ring = leg->ring;
    struct engine *engine = leg->call->engine;
    const struct config_device *device =
        config_device_by_id(leg->call->config, sr_str_c(leg->device_id));
    struct ua_contact contacts[UA_CONTACTS_PER_DEVICE_MAX];
    size_t count;

    if (leg->call->is_pass || device == NULL || leg->srtp == CONFIG_SRTP_OFF ||
        leg->is_dtls_offered || leg->is_webrtc)
        return;
    count = ua_contacts(engine->ua, device->id, contacts, SR_ARRAY_LEN(contacts));
    for (size_t i = 0; i < count; i++) {
        if (!sr_addr_eq(&contacts[i].flow.remote, &leg->signalling))
            continue;
        (void)ring_contact(ring, leg->target, device, &contacts[i],
                           leg->srtp == CONFIG_SRTP_REQUIRED ? RING_SRTP_DTLS : RING_SRTP_SDES);
        return; /* a branch that could not be begun is none: the failure stands */
    }
}

/* ---- failures -------------------------------------------------------------------------------- */

/* Another provider may do what this one could not; never after it rang there. */
static bool is_providers_fault(uint16_t sip_status)
{
    return sip_status == 403 || sip_status == 408 || (sip_status >= 500 && sip_status < 600);
}

/* 488: the same provider once more with another offer, when its audio may be encrypted: it may take
 * nothing else. */
static bool try_other_srtp(struct ring_outside *outside)
{
    enum config_srtp srtp = outside->providers[outside->next - 1]->srtp;

    if (srtp == CONFIG_SRTP_OFF || outside->srtp == RING_SRTP_DTLS)
        return false;
    outside->srtp = srtp == CONFIG_SRTP_OPTIONAL && outside->srtp == RING_SRTP_AS_SET
                        ? RING_SRTP_SDES
                        : RING_SRTP_DTLS;
    return true;
}

/* The same provider once more: an INVITE stays with addresses of one family, for which its SDP is
 * written; those of the other one may answer. */
static bool try_other_family(const struct ring *ring, struct ring_outside *outside)
{
    struct ua_provider_path path;

    if (outside->doubled == outside->next ||
        ua_provider_path(ring->call->engine->ua, outside->providers[outside->next - 1]->id,
                         &path) != SR_OK ||
        path.is_suspect || path.flow.remote.family == outside->family)
        return false;
    outside->doubled = outside->next;
    return true;
}

/* A provider did not take the call and has not rung: once more, the next one, or nobody. */
static void after_provider(struct ring *ring, uint32_t target, uint16_t sip_status)
{
    struct ring_outside *outside = ring->targets[target - 1].outside;

    if (outside->next == 0 || is_target_alive(ring, target))
        return;
    if (sip_status == 488 && try_other_srtp(outside)) {
        outside->next--;
    } else if (!is_providers_fault(sip_status)) {
        return;
    } else if (try_other_family(ring, outside)) {
        outside->next--;
    } else {
        outside->srtp = RING_SRTP_AS_SET;
    }
    start_outside(ring, target, outside);
}

void ring__branch_failed(struct ring *ring, uint32_t target, enum call_reason reason,
                         uint16_t sip_status)
{
    struct ring_target *failed = target > 0 ? &ring->targets[target - 1] : NULL;

    ring__note_failure(ring, reason, sip_status);
    /* who answers an offer of keys without keys takes handshakes only, and says so late */
    if (failed != NULL && failed->outside != NULL &&
        (!failed->was_ringing || reason == CALL_REASON_ENCRYPTION))
        after_provider(ring, target, sip_status);
    if (ring->branch_count == 0 && ring->stage + 1 < ring->stage_count)
        begin_stages(ring, ring->stage + 1);
    settle(ring);
}

/* ---- 3xx ------------------------------------------------------------------------------------- */

/* Another number of the outside, on the same account; the provider's word counts for no extension. */
static enum call_reason redirect_outside(struct ring *ring, uint32_t target, struct sr_str number)
{
    const struct ring_outside *old = ring->targets[target - 1].outside;
    struct ring_outside outside;
    enum call_reason reason;

    if (ring->call->is_emergency)
        return CALL_REASON_UNREACHABLE; /* nobody sends those elsewhere */
    reason = ring__find_outside(ring->call, old->account, number, &outside);
    if (reason != CALL_REASON_NONE)
        return reason;
    if (strcmp(outside.dialled, old->dialled) == 0)
        return CALL_REASON_LOOP;
    outside.is_counted = old->is_counted;
    if (outside.caller_id.n == 0)
        outside.caller_id = old->caller_id;
    (void)ring__add_outside(ring, &outside, ring->stage, ring->targets[target - 1].last_stage);
    return CALL_REASON_NONE;
}

/* Adds who is to ring instead, and lets it ring. */
static enum call_reason redirect(struct ring *ring, const struct leg *leg, struct sr_str number)
{
    const struct config_device *device =
        config_device_by_id(ring->call->config, sr_str_c(leg->device_id));
    uint32_t before = ring->target_count;
    enum call_reason reason = CALL_REASON_NOT_ALLOWED;

    if (number.n == 0)
        return call_reason_from_status(302);
    if (leg->target == 0 || (ring->call->origin == NULL && !ring->is_addition))
        return CALL_REASON_UNREACHABLE; /* the first party of an API call: it alone was meant */
    if (ring->redirects++ >= CALL_HOPS_MAX || ring->call->max_forwards <= ring->redirects)
        return CALL_REASON_LOOP;
    if (leg->kind == LEG_PROVIDER)
        reason = redirect_outside(ring, leg->target, number);
    else if (device != NULL)
        reason =
            ring__add_forwarded(ring, device, number, ring->targets[leg->target - 1].last_stage);
    for (uint32_t i = before; i < ring->target_count; i++)
        start_target(ring, i);
    return reason;
}

/* The device alone was meant: its call goes wherever it says, as with `forward.always`. */
static void redirect_call(struct ring *ring, const struct config_device *device,
                          struct sr_str number)
{
    struct call *call = ring->call;
    struct engine *engine = call->engine;
    sr_id id = call->id;
    enum call_reason reason;

    ring__cancel(call);
    reason = call__redirected(call, device, number);
    if (sr_idtab_find(&engine->calls, id) == NULL || call->is_ending)
        return;
    if (reason != CALL_REASON_NONE)
        call__end(call, reason, call_reason_status(reason));
    else
        call__update_media(call);
}

void ring__redirected(struct leg *leg, const struct sip_leg_event *event)
{
    struct ring *ring = leg->ring;
    struct call *call = leg->call;
    const struct config_device *only = ring->only;
    uint32_t target = leg->target;
    char user[ENGINE_TEXT_MAX];
    struct sr_str number = {NULL, 0};
    enum call_reason reason;
    struct sip_uri uri;

    if (event->contact_uri.n > 0 && sip_uri_parse(event->contact_uri, &uri, NULL) == SR_OK)
        number = sip_uri_user(&uri, user, sizeof(user));
    sr_log(HUB, INFO, "event=redirected call=%s leg=%s status=%u to=%.*s", call->call_id,
           leg->leg_id, event->status, SR_STR_ARG(number));
    if (only != NULL && number.n > 0 && call->origin != NULL &&
        sr_str_eq_c(only->id, leg->device_id)) {
        leg__remove(leg, CALL_REASON_TRANSFERRED, event->status);
        redirect_call(ring, only, number);
        return;
    }
    reason = redirect(ring, leg, number);
    leg__remove(leg, reason == CALL_REASON_NONE ? CALL_REASON_TRANSFERRED : reason, event->status);
    if (reason != CALL_REASON_NONE)
        ring__branch_failed(ring, target, reason, call_reason_status(reason));
    else if (ring->branch_count == 0)
        ring__branch_failed(ring, 0, ring->best_reason, ring->best_status);
    else
        call__update_media(call);
}

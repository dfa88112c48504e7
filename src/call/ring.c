/* A fork: the contacts of one or more devices ring, the first answer wins (design: "Ringing"). */
#include "base/alloc.h"
#include "call/internal.h"

static void on_nobody_answered(void *arg)
{
    struct ring *ring = arg;
    struct call *call = ring->call;

    ring->best_reason = CALL_REASON_NO_ANSWER;
    ring->best_status = 480;
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (leg->ring == ring)
            leg__remove(leg, CALL_REASON_NO_ANSWER, 0);
    }
    ring__branch_failed(ring, CALL_REASON_NO_ANSWER, 480);
}

struct ring *ring__new(struct call *call, bool is_addition)
{
    struct ring *ring;

    if (call->ring != NULL)
        return NULL; /* one fork at a time */
    ring = sr_zalloc(1, sizeof(*ring));
    ring->call = call;
    ring->is_addition = is_addition;
    ring->best_reason = CALL_REASON_OFFLINE;
    ring->best_status = 480;
    loop_timer_init(&ring->timer, on_nobody_answered, ring);
    call->ring = ring;
    return ring;
}

void ring__free(struct ring *ring)
{
    loop_timer_clear(ring->call->engine->loop, &ring->timer);
    if (ring->call->ring == ring)
        ring->call->ring = NULL;
    sr_free(ring);
}

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

static void note_failure(struct ring *ring, enum call_reason reason, uint16_t sip_status)
{
    if (weight_of(reason) < weight_of(ring->best_reason))
        return;
    ring->best_reason = reason;
    ring->best_status = sip_status;
}

/* A status of a party's phone as the caller may see it: never a challenge or a redirection, nor a
 * 503 that is not ours: the caller would take this router for overloaded (RFC 3261 16.7). */
static uint16_t status_for_caller(const struct ring *ring)
{
    uint16_t status = ring->best_status;

    if (status == 503 && ring->best_reason != CALL_REASON_LIMIT)
        status = 0;
    if (status >= 400 && status < 700 && status != 401 && status != 407 && status != 487)
        return status;
    return SR_MAX(call_reason_status(ring->best_reason), (uint16_t)480);
}

static enum call_reason add_branch(struct ring *ring, struct leg *from,
                                   const struct config_device *device,
                                   const struct ua_contact *contact, enum config_srtp srtp)
{
    struct call *call = ring->call;
    struct leg *leg = leg__new(call, LEG_DEVICE);
    struct sip_leg_invite_options options = {0};
    struct ua_contact copy = *contact;
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
    leg__set_srtp(leg, srtp, &contact->flow);
    leg->ring = ring;
    ring->branch_count++;
    leg__allow_codecs(leg, &device->codecs);
    sr_buf_init(&offer, LEG_SDP_BYTES_MAX);
    if (leg__open_media(leg, &contact->flow.local))
        err = leg__make_offer(leg, from, &offer);
    if (err == SR_OK) {
        options.contact = &copy;
        options.from_user = sr_str_c(call->api_shown[0] ? call->api_shown : call->from);
        if (call->api_shown[0] == '\0')
            options.from_display = sr_str_c(call->from_name);
        if (ring->is_addition && from != NULL) { /* whom the new party is to talk to */
            options.from_user = sr_str_c(from->number);
            options.from_display = sr_str_c(from->name);
        }
        options.to_user = device->extension.n ? device->extension : device->id;
        options.sdp = sr_buf_view(&offer);
        intercom__headers(call, &options);
        options.user = leg;
        options.call_cookie = call->id;
        options.leg_cookie = leg->id;
        err = sip_leg_invite(call->engine->ua, &options, &leg->sip);
    }
    sr_buf_done(&offer);
    event__leg(leg, ENGINE_LEG_ADDED);
    if (err != SR_OK) {
        leg->sip = NULL;
        leg__remove(leg, err == SR_ERR_LIMIT ? CALL_REASON_LIMIT : CALL_REASON_UNREACHABLE, 503);
        return err == SR_ERR_LIMIT ? CALL_REASON_LIMIT : CALL_REASON_UNREACHABLE;
    }
    return CALL_REASON_NONE;
}

static bool is_callers_own(const struct leg *from, const struct ua_contact *contact)
{
    return from != NULL && from->kind == LEG_DEVICE &&
           sr_str_eq_c(contact->device_id, from->device_id) &&
           sr_addr_eq(&from->signalling, &contact->flow.remote);
}

static void add_device(struct ring *ring, struct leg *from, const struct config_device *device)
{
    struct engine *engine = ring->call->engine;
    struct ua_contact contacts[UA_CONTACTS_PER_DEVICE_MAX];
    size_t count;

    if (device->is_dnd) {
        note_failure(ring, CALL_REASON_BUSY, 486);
        return;
    }
    if (device->calls_max > 0 && engine__device_calls(engine, device->id, 0) >= device->calls_max) {
        note_failure(ring, CALL_REASON_BUSY, 486);
        return;
    }
    count = ua_contacts(engine->ua, device->id, contacts, SR_ARRAY_LEN(contacts));
    for (size_t i = 0; i < count && ring->branch_count < RING_BRANCHES_MAX; i++) {
        enum call_reason reason;

        if (is_callers_own(from, &contacts[i])) {
            note_failure(ring, CALL_REASON_BUSY, 486);
            continue;
        }
        reason = add_branch(ring, from, device, &contacts[i], device->srtp);
        if (reason != CALL_REASON_NONE)
            note_failure(ring, reason, call_reason_status(reason));
    }
}

enum call_reason ring__devices(struct call *call, struct leg *from,
                               const struct config_device *const *devices, size_t device_count,
                               bool is_addition)
{
    struct ring *ring = ring__new(call, is_addition);

    if (ring == NULL)
        return CALL_REASON_LIMIT;
    for (size_t i = 0; i < device_count; i++)
        add_device(ring, from, devices[i]);
    return ring__start(ring, 0);
}

enum call_reason ring__start(struct ring *ring, uint32_t ring_sec)
{
    struct call *call = ring->call;
    enum call_reason reason = ring->best_reason;

    if (ring->branch_count == 0) {
        ring__free(ring);
        return reason;
    }
    loop_timer_set(call->engine->loop, &ring->timer,
                   loop_now(call->engine->loop) +
                       (sr_usec)(ring_sec != 0 ? ring_sec : ENGINE_RING_SEC) * SR_SEC);
    call__update_media(call);
    return CALL_REASON_NONE;
}

/* The unanswered caller a fork works for, or NULL (API calls, added parties). */
static struct leg *waiting_caller(const struct ring *ring)
{
    struct leg *origin = ring->call->origin;

    if (ring->is_addition || origin == NULL || !origin->is_caller || origin->sip == NULL ||
        origin->state == LEG_ANSWERED)
        return NULL;
    return origin;
}

/* Our SDP for the caller: fixed by the first one sent, else made to match `winner`. */
static enum sr_err sdp_for_caller(struct leg *caller, const struct leg *winner, struct sr_buf *buf)
{
    if (caller->has_ours)
        return sdp_audio_write(&caller->ours, NULL, buf);
    if (!caller->has_peer) {
        caller->is_offer_open = true; /* it asked for our offer: its answer comes with ACK */
        return leg__make_offer(caller, winner, buf);
    }
    return leg__make_answer(caller, winner, buf);
}

/* Early media of the only branch left reaches the caller. False: local ring-back instead. */
static bool pass_early_media(struct ring *ring, struct leg *branch,
                             const struct sip_leg_event *event)
{
    struct leg *caller = waiting_caller(ring);
    struct sr_buf sdp;
    bool is_passed = false;

    if (caller == NULL || event->sdp.n == 0 || ring->branch_count != 1 || !caller->has_peer)
        return false;
    if (!branch->has_stream && leg__accept_answer(branch, event->sdp) != SR_OK)
        return false;
    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    if (sdp_for_caller(caller, branch, &sdp) == SR_OK) {
        leg__set_stream(caller);
        sip_leg_progress(caller->sip, 183, sr_buf_view(&sdp));
        call__update_media(ring->call);
        is_passed = true;
    }
    sr_buf_done(&sdp);
    return is_passed;
}

void ring__branch_progress(struct leg *leg, const struct sip_leg_event *event)
{
    struct ring *ring = leg->ring;
    struct call *call = leg->call;
    struct leg *caller = waiting_caller(ring);

    if (leg->state == LEG_CALLING && event->status >= 180) {
        leg__set_state(leg, LEG_RINGING);
        event__leg(leg, ENGINE_LEG_CHANGED);
    }
    if (pass_early_media(ring, leg, event))
        return;
    if (ring->was_ringing || event->status < 180)
        return;
    ring->was_ringing = true;
    transfer__progress(call, event->status);
    if (caller != NULL)
        sip_leg_progress(caller->sip, 180, (struct sr_str){NULL, 0});
    if (!ring->is_addition)
        event__call(call, ENGINE_CALL_RINGING);
}

static void drop_losers(struct ring *ring)
{
    SR_LIST_EACH(&ring->call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (leg->ring == ring)
            leg__remove(leg, CALL_REASON_ELSEWHERE, 0);
    }
}

/* The caller's 200. False: it could not be answered and the call has ended. */
static bool answer_caller(struct call *call, struct leg *caller, struct leg *winner)
{
    struct sr_buf sdp;
    enum sr_err err;

    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    err = sdp_for_caller(caller, winner, &sdp);
    if (err == SR_OK) {
        if (caller->has_peer && !caller->has_stream)
            leg__set_stream(caller);
        leg__set_state(caller, LEG_ANSWERED);
        sip_leg_identify(caller->sip, sr_str_c(winner->number), sr_str_c(winner->name));
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
    drop_losers(ring);
    ring__free(ring);
    event__leg(winner, ENGINE_LEG_CHANGED);
    if (caller != NULL && !answer_caller(call, caller, winner))
        return;
    transfer__answered(call);
    if (is_addition && call->app != NULL && call->app->on_party != NULL)
        call->app->on_party(call->app_state, call, winner);
    if (!is_addition && call->origin == NULL && call->state == CALL_RINGING)
        call__first_answered(call, winner); /* POST /api/call: now the second party is dialled */
    else if (call->state == CALL_RINGING)
        call__answered(call);
    else
        call__update_media(call);
}

void ring__branch_answered(struct leg *leg, const struct sip_leg_event *event)
{
    struct ring *ring = leg->ring;
    enum sr_err err = leg->has_stream ? SR_OK : leg__accept_answer(leg, event->sdp);

    if (err != SR_OK) {
        sr_log(HUB, WARN, "event=bad_answer call=%s leg=%s err=%s", leg->call->call_id, leg->leg_id,
               sr_err_name(err));
        leg__ended(leg, leg__sdp_reason(err), 488);
        return;
    }
    leg->ring = NULL;
    ring->branch_count--;
    leg__set_state(leg, LEG_ANSWERED);
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
    struct leg *from = ring->is_addition ? NULL : leg->call->origin;
    const struct config_device *device =
        config_device_by_id(leg->call->config, sr_str_c(leg->device_id));
    struct ua_contact contacts[UA_CONTACTS_PER_DEVICE_MAX];
    size_t count;

    if (device == NULL || leg->srtp != CONFIG_SRTP_OPTIONAL)
        return;
    count = ua_contacts(engine->ua, device->id, contacts, SR_ARRAY_LEN(contacts));
    for (size_t i = 0; i < count; i++) {
        if (!sr_addr_eq(&contacts[i].flow.remote, &leg->signalling))
            continue;
        (void)add_branch(ring, from, device, &contacts[i], CONFIG_SRTP_REQUIRED);
        return; /* a branch that could not be begun is none: the failure stands */
    }
}

void ring__branch_failed(struct ring *ring, enum call_reason reason, uint16_t sip_status)
{
    struct call *call = ring->call;
    bool is_addition = ring->is_addition;

    note_failure(ring, reason, sip_status);
    if (ring->branch_count > 0)
        return;
    reason = ring->best_reason;
    sip_status = status_for_caller(ring);
    ring__free(ring);
    if (transfer__failed(call, sip_status))
        return;
    if (!is_addition)
        call__end(call, reason, sip_status);
    else if (!call__check_parties(call, reason, sip_status))
        call__update_media(call);
}

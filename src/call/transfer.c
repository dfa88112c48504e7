/* Transfers: a party is connected to somebody else by REFER or the API; failure gives the call back.
 *
 * Blind: the one who asks (`by`) stays until the new party answers, then leaves; meanwhile the others
 * hear ring-back. Without answer everything is as before, hold too; when `by` has hung up meanwhile, it is
 * rung back. Attended: the parties of one call move into the other, both legs of `by` end. */
#include "call/transfer.h"
#include "base/alloc.h"
#include "call/internal.h"

static void transfer_free(struct call *call)
{
    sr_free(call->transfer);
    call->transfer = NULL;
}

void transfer__done(struct call *call)
{
    if (call->transfer != NULL)
        transfer_free(call);
}

/* An answered party of the call that is neither of these (NULL: any), or NULL. */
static struct leg *party_but(const struct call *call, const struct leg *a, const struct leg *b)
{
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *other = SR_CONTAINER(node, struct leg, node);

        if (other != a && other != b && other->state == LEG_ANSWERED && other->kind != LEG_MEDIA &&
            other->role != MEDIA_ROLE_TOOL)
            return other;
    }
    return NULL;
}

static struct leg *other_party(const struct call *call, const struct leg *leg)
{
    return party_but(call, leg, NULL);
}

/* Who was put on hold waits for nobody any more. */
static void take_off_hold(struct call *call)
{
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (!leg->is_held)
            continue;
        leg->is_held = false;
        event__leg(leg, ENGINE_LEG_CHANGED);
    }
}

static void transfer_new(struct call *call, struct leg *by)
{
    struct transfer *transfer = sr_zalloc(1, sizeof(*transfer));

    transfer->by = by;
    if (by != NULL)
        (void)sr_str_copy(sr_str_c(use__whose(by)), transfer->by_device,
                          sizeof(transfer->by_device));
    call->transfer = transfer;
}

/* A leg that asked is told that it worked; it ends next. */
static void tell_done(struct leg *by)
{
    if (by != NULL && by->sip != NULL)
        sip_leg_notify_refer(by->sip, 200, (struct sr_str){NULL, 0});
}

static void notify(struct call *call, uint16_t status)
{
    struct transfer *transfer = call->transfer;

    if (transfer->by != NULL && transfer->by->sip != NULL)
        sip_leg_notify_refer(transfer->by->sip, status, (struct sr_str){NULL, 0});
}

void transfer__go_on(struct call *call, const char *by_device)
{
    if (call->transfer != NULL || call->ring == NULL || call->is_ending)
        return;
    transfer_new(call, NULL);
    (void)sr_str_copy(sr_str_c(by_device), call->transfer->by_device,
                      sizeof(call->transfer->by_device));
}

void transfer__progress(struct call *call, uint16_t status)
{
    if (call->transfer != NULL && !call->transfer->is_return)
        notify(call, status);
}

/* ---- blind ---- */

/* The parties other than `by` go where an application answers. On NONE their call is gone. */
static enum call_reason into_app(struct leg *party, struct leg *by, const struct engine_app *app,
                                 const struct config_extension *what, struct sr_str dialled)
{
    struct call *call = party->call;
    enum call_reason reason;

    if (call->app != NULL)
        return CALL_REASON_NOT_ALLOWED; /* a room does not go into a room */
    if (app->ops->can_enter != NULL && !app->ops->can_enter(app->state, what))
        return CALL_REASON_BUSY;
    do {
        if (by != NULL)
            (void)sr_str_copy(sr_str_c(use__whose(by)), party->sent_by, sizeof(party->sent_by));
        reason = call__enter_app(party, app, what, dialled);
        if (reason != CALL_REASON_NONE)
            return reason;
        party = other_party(call, by); /* three who talk go together */
    } while (party != NULL);
    tell_done(by);
    call__end(call, CALL_REASON_TRANSFERRED, 0);
    return CALL_REASON_NONE;
}

enum call_reason transfer__blind(struct leg *party, struct leg *by, struct sr_str dialled)
{
    struct call *call = party->call;
    struct config_extension what = config_extension_find(call->config, dialled);
    const struct engine_app *app = engine__find_app(call->engine, &what);
    enum call_reason reason;

    if (call->state != CALL_ANSWERED || party->state != LEG_ANSWERED)
        return CALL_REASON_NOT_ALLOWED;
    if (call->ring != NULL || call->transfer != NULL)
        return CALL_REASON_BUSY;
    if (app != NULL)
        return into_app(party, by, app, &what, dialled);
    transfer_new(call, by);
    reason = call__dial(call, party, dialled, true);
    if (reason != CALL_REASON_NONE) {
        transfer_free(call);
        return reason;
    }
    call__update_media(call);
    return CALL_REASON_NONE;
}

void transfer__answered(struct call *call)
{
    struct transfer *transfer = call->transfer;
    struct leg *by;

    if (transfer == NULL)
        return;
    by = transfer->by;
    notify(call, 200);
    transfer_free(call);
    take_off_hold(call);
    if (by != NULL)
        leg__remove(by, CALL_REASON_TRANSFERRED, 0);
}

/* Nobody is left who asked: its phone rings again. False: it cannot, the call is to end. */
static bool ring_back(struct call *call)
{
    const struct config_device *device =
        config_device_by_id(call->config, sr_str_c(call->transfer->by_device));
    struct leg *party = other_party(call, NULL);

    if (device == NULL || party == NULL)
        return false;
    call->transfer->is_return = true;
    return ring__devices(call, party, &device, 1, true) == CALL_REASON_NONE;
}

bool transfer__failed(struct call *call, uint16_t sip_status)
{
    struct transfer *transfer = call->transfer;

    if (transfer == NULL)
        return false;
    if (!transfer->is_return) {
        notify(call, sip_status >= 300 ? sip_status : 480);
        if (transfer->by == NULL && ring_back(call))
            return true;
    }
    transfer_free(call);
    return false;
}

bool transfer__leg_gone(struct call *call, const struct leg *leg)
{
    struct transfer *transfer = call->transfer;

    if (transfer == NULL)
        return false;
    if (transfer->by == leg)
        transfer->by = NULL;
    if (other_party(call, transfer->by) != NULL)
        return false;
    /* nobody is left to be connected: the one who asked has nobody to return to */
    notify(call, 487);
    transfer_free(call);
    ring__cancel(call);
    return true;
}

/* ---- attended ---- */

/* Everybody of `from` but `by` goes to `to`. */
static void move_parties(struct call *from, const struct leg *by, struct call *to)
{
    SR_LIST_EACH(&from->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (leg != by && leg->state == LEG_ANSWERED)
            (void)call__move_leg(leg, to);
    }
}

/* `other` rings somebody and hands its place to the party of `by`'s call. */
static enum call_reason hand_over_ringing(struct leg *by, struct leg *other)
{
    struct call *from = by->call;
    struct call *to = other->call;
    struct leg *party = other_party(from, by);

    if (to->origin != other || from->app != NULL || call__party_count(from) != 2)
        return CALL_REASON_NOT_ALLOWED;
    if (!call__move_leg(party, to))
        return CALL_REASON_LIMIT;
    to->origin = party;
    to->is_origin_moved = true;
    tell_done(by);
    leg__remove(other, CALL_REASON_TRANSFERRED, 487);
    call__update_media(to);
    return CALL_REASON_NONE;
}

static enum call_reason join(struct leg *by, struct leg *other)
{
    struct call *from = by->call;
    struct call *to = other->call;

    if (to->legs.count + from->legs.count > CALL_LEGS_MAX)
        return CALL_REASON_LIMIT;
    if ((from->app != NULL && to->app != NULL) ||
        (to->app == NULL && other_party(to, other) == NULL))
        return CALL_REASON_NOT_ALLOWED;
    move_parties(from, by, to);
    tell_done(by);
    tell_done(other);
    leg__remove(other, CALL_REASON_TRANSFERRED, 0);
    if (to->app == NULL)
        take_off_hold(to);
    else if (to->app->on_joined != NULL)
        to->app->on_joined(to->app_state, to, sr_str_c(use__whose(by)));
    call__update_media(to);
    return CALL_REASON_NONE;
}

/* What passes through stays where it is, and by itself: whole calls, faxes. */
static bool is_piped(const struct call *call)
{
    SR_LIST_EACH(&call->legs, node)
    {
        if (pipes__is_open(SR_CONTAINER(node, struct leg, node)))
            return true;
    }
    return call->is_pass;
}

enum call_reason transfer__attended(struct leg *by, struct leg *other)
{
    struct call *from = by->call;
    struct call *to = other->call;
    enum call_reason reason;

    if (to == from || to->is_ending || from->state != CALL_ANSWERED || is_piped(from) ||
        is_piped(to) || other_party(from, by) == NULL || by->role != MEDIA_ROLE_PARTICIPANT ||
        other->role != MEDIA_ROLE_PARTICIPANT) /* nobody comes past a PIN that way */
        return CALL_REASON_NOT_ALLOWED;
    if (from->app != NULL && to->app == NULL && to->state == CALL_ANSWERED) {
        struct leg *swap = by; /* a room stays: the other call comes into it */

        by = other;
        other = swap;
        from = by->call;
        to = other->call;
    }
    if (from->ring != NULL || from->transfer != NULL || to->transfer != NULL)
        return CALL_REASON_BUSY;
    reason = to->state == CALL_ANSWERED ? join(by, other) : hand_over_ringing(by, other);
    if (reason == CALL_REASON_NONE)
        call__end(from, CALL_REASON_TRANSFERRED, 0);
    return reason;
}

enum call_reason transfer__merge(struct leg *leg, struct call *to)
{
    struct call *from = leg->call;

    if (to == from || leg->state != LEG_ANSWERED || to->state != CALL_ANSWERED || to->is_ending ||
        is_piped(from) || is_piped(to))
        return CALL_REASON_NOT_ALLOWED;
    if (from->transfer != NULL || to->transfer != NULL)
        return CALL_REASON_BUSY;
    if (!call__move_leg(leg, to))
        return CALL_REASON_LIMIT;
    if (to->app != NULL && to->app->on_joined != NULL)
        to->app->on_joined(to->app_state, to, (struct sr_str){NULL, 0});
    call__update_media(to);
    if (!call__check_parties(from, CALL_REASON_TRANSFERRED, 0))
        call__update_media(from);
    return CALL_REASON_NONE;
}

/* ---- by the API ---- */

/* A leg of the same device in another call: who made a call to ask before transferring. */
static struct leg *leg_of_device(const struct call *call, const char *device_id)
{
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (device_id[0] != '\0' && strcmp(leg->device_id, device_id) == 0 && leg->ring == NULL)
            return leg;
    }
    return NULL;
}

enum call_reason transfer__by_api(struct leg *party, struct call *to, struct sr_str dialled)
{
    struct call *call = party->call;
    struct leg *by = other_party(call, party);
    struct leg *other;

    if (by != NULL && party_but(call, party, by) != NULL && to == NULL)
        return CALL_REASON_NOT_ALLOWED; /* who of the others would have to go? */
    if (to == NULL)
        return transfer__blind(party, by, dialled);
    other = by != NULL ? leg_of_device(to, by->device_id) : NULL;
    if (other != NULL && call__party_count(call) == 2)
        return transfer__attended(by, other);
    return transfer__merge(party, to);
}

/* ---- REFER ---- */

struct leg *engine__leg_of_dialog(struct engine *engine, struct sr_str call_id, struct sr_str tag,
                                  struct sr_str other_tag)
{
    struct sip_leg *sip = sip_leg_find(engine->ua, call_id, tag, other_tag);

    if (sip == NULL) /* who learnt of the dialog by its events sees it from the phone's side */
        sip = sip_leg_find(engine->ua, call_id, other_tag, tag);
    return sip != NULL ? sip_leg_user(sip) : NULL;
}

void transfer__on_refer(struct leg *leg, const struct sip_leg_event *event)
{
    struct call *call = leg->call;
    struct sip_leg *sip = leg->sip;
    struct leg *party = other_party(call, leg);
    struct leg *other = NULL;
    char dialled[ENGINE_TEXT_MAX];
    enum call_reason reason;

    if (event->has_replaces)
        other = engine__leg_of_dialog(call->engine, event->replaces_call_id,
                                      event->replaces_local_tag, event->replaces_remote_tag);
    if (leg->device_id[0] == '\0' || party == NULL || leg->role != MEDIA_ROLE_PARTICIPANT) {
        /* nobody outside sends our calls elsewhere, nor who types a PIN, nor who listens in */
        sip_leg_answer_refer(sip, 403);
        return;
    }
    if (call->state != CALL_ANSWERED || call->ring != NULL || call->transfer != NULL) {
        sip_leg_answer_refer(sip, 491);
        return;
    }
    if (!sr_str_copy(event->refer_user, dialled, sizeof(dialled))) {
        sip_leg_answer_refer(sip, 404);
        return;
    }
    sip_leg_answer_refer(sip, 202);
    if (event->has_replaces)
        reason = other != NULL ? transfer__attended(leg, other) : CALL_REASON_NOT_FOUND;
    else
        reason = transfer__blind(party, leg, sr_str_c(dialled));
    if (reason != CALL_REASON_NONE)
        sip_leg_notify_refer(sip, call_reason_status(reason), (struct sr_str){NULL, 0});
}

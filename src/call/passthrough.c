/* Passthrough: a call of two SIP dialogs whose descriptions, PRACK, INFO, re-INVITE and UPDATE go from end
 * to end; only addresses and ports are ours. The fork (ring.c) and the route work as ever; whoever makes or
 * reads a description of such a call comes here. */
#include "base/alloc.h"
#include "call/internal.h"
#include "call/verdict.h"

bool pass__is_wanted(const struct routing_plan *plan)
{
    return (plan->outcome == ROUTING_ROUTE || plan->outcome == ROUTING_OUTSIDE) &&
           plan->route != NULL && plan->route->action.mode == CONFIG_MODE_PASSTHROUGH &&
           !plan->is_emergency;
}

/* ---- until the answer ------------------------------------------------------------------------ */

bool pass__open(struct leg *leg, const struct sr_addr *local)
{
    leg->rtp = *local;
    leg->rtp.port = 0;
    return pipes__begin(leg, local);
}

enum call_reason pass__take_offer(struct leg *leg, struct sr_str sdp)
{
    enum sr_err err;

    if (leg->is_webrtc)
        return CALL_REASON_NO_CODEC; /* a browser's media needs us in between */
    err = sdp.n > 0 ? pipes__keep(leg, sdp) : SR_OK;
    if (err != SR_OK)
        return verdict__bad_offer(leg, err);
    leg->has_peer = sdp.n > 0;
    return CALL_REASON_NONE;
}

enum sr_err pass__make_offer(struct leg *leg, struct leg *from, struct sr_buf *buf)
{
    if (from == NULL || from->pipes == NULL || leg->is_webrtc)
        return SR_ERR_STATE;
    if (!from->has_peer)
        return SR_OK; /* it wants an offer: so do we */
    return pipes__write(from, leg, buf);
}

/* The other party; while a fork rings, the caller. */
static struct leg *other_of(const struct leg *leg)
{
    SR_LIST_EACH(&leg->call->legs, node)
    {
        struct leg *other = SR_CONTAINER(node, struct leg, node);

        if (other != leg && other->is_caller != leg->is_caller && other->pipes != NULL &&
            other->sip != NULL && other->state != LEG_ENDED)
            return other;
    }
    return NULL;
}

enum sr_err pass__accept(struct leg *leg, struct sr_str sdp)
{
    struct leg *other = other_of(leg);
    enum sr_err err = sdp.n > 0 ? pipes__keep(leg, sdp) : SR_ERR_NOTFOUND;

    if (err != SR_OK || other == NULL)
        return err != SR_OK ? err : SR_ERR_STATE;
    leg->has_stream = leg->has_peer = true;
    leg->stream_at = loop_now(leg->engine->loop);
    if (other->pipes->sdp.n > 0)
        pipes__set_streams(leg, other);
    return SR_OK;
}

/* What the caller is told: the winner's description. */
enum sr_err pass__sdp_for_caller(struct leg *caller, struct leg *winner, struct sr_buf *buf)
{
    enum sr_err err = SR_ERR_STATE;

    if (winner == NULL || winner->pipes == NULL || winner->pipes->sdp.n == 0)
        return err;
    err = pipes__write(winner, caller, buf);
    if (err == SR_OK && caller->has_peer) {
        pipes__set_streams(caller, winner);
        caller->has_stream = true;
    } else if (err == SR_OK) {
        caller->is_offer_open = true; /* its answer comes with the ACK */
    }
    return err;
}

void pass__progress(struct leg *leg, struct leg *caller, const struct sip_leg_event *event)
{
    struct sr_buf sdp;

    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    if (event->sdp.n > 0 && (!caller->has_peer || pass__accept(leg, event->sdp) != SR_OK ||
                             pass__sdp_for_caller(caller, leg, &sdp) != SR_OK))
        sr_buf_clear(&sdp);
    sip_leg_carry(caller->sip);
    sip_leg_progress(caller->sip, event->status, sr_buf_view(&sdp));
    sr_buf_done(&sdp);
    if (event->is_reliable && !sip_leg_waits_for_prack(caller->sip))
        sip_leg_prack(leg->sip); /* the caller knows no PRACK */
}

/* ---- offers inside the dialogs --------------------------------------------------------------- */

static enum sr_err ask(struct leg *other, const struct sip_leg_event *event, struct sr_str sdp)
{
    sip_leg_carry(other->sip);
    return event->is_update ? sip_leg_update(other->sip, sdp) : sip_leg_offer(other->sip, sdp);
}

static void on_offer(struct leg *leg, const struct sip_leg_event *event)
{
    struct leg *other = other_of(leg);
    enum sr_err err = SR_ERR_STATE;
    struct sr_buf sdp;

    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    if (other != NULL && !leg->pipes->is_asking && !other->pipes->is_asking)
        err = event->sdp.n > 0 ? pipes__keep(leg, event->sdp) : SR_OK;
    if (err == SR_OK && event->sdp.n > 0)
        err = pipes__write(leg, other, &sdp);
    if (err == SR_OK)
        err = ask(other, event, sr_buf_view(&sdp));
    sr_buf_done(&sdp);
    if (err != SR_OK) {
        sip_leg_refuse_offer(leg->sip, err == SR_ERR_STATE ? 491 : 488);
        return;
    }
    leg->pipes->is_asking = true;
    leg->pipes->wants_offer = event->sdp.n == 0;
}

/* The other party has answered `asker`, or offers because that is what was asked. */
static void give_answer(struct leg *leg, struct leg *asker, const struct sip_leg_event *event)
{
    struct sr_buf sdp;
    bool is_done = false;

    asker->pipes->is_asking = false;
    sip_leg_carry(asker->sip);
    if (event->status >= 300) {
        sip_leg_refuse_offer(asker->sip, event->status);
        return;
    }
    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    if (event->sdp.n > 0 && pipes__keep(leg, event->sdp) == SR_OK &&
        pipes__write(leg, asker, &sdp) == SR_OK) {
        asker->pipes->owes_answer = asker->pipes->wants_offer;
        sip_leg_answer_offer(asker->sip, sr_buf_view(&sdp));
        if (!asker->pipes->wants_offer)
            pipes__set_streams(leg, asker);
        is_done = true;
    }
    sr_buf_done(&sdp);
    if (!is_done)
        sip_leg_refuse_offer(asker->sip, 488);
    event__leg(asker, ENGINE_LEG_CHANGED);
    event__leg(leg, ENGINE_LEG_CHANGED);
}

/* An answer in an ACK (or PRACK): its offer came from the other party. */
static void pass_answer(struct leg *leg, struct leg *other, const struct sip_leg_event *event)
{
    struct sr_buf sdp;

    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    leg->pipes->owes_answer = false;
    leg->is_offer_open = false;
    if (pass__accept(leg, event->sdp) == SR_OK && pipes__write(leg, other, &sdp) == SR_OK) {
        sip_leg_answer_offer(other->sip, sr_buf_view(&sdp));
        event__leg(leg, ENGINE_LEG_CHANGED);
        event__leg(other, ENGINE_LEG_CHANGED);
        sr_buf_done(&sdp);
        return;
    }
    sr_buf_done(&sdp);
    leg__ended(leg, CALL_REASON_PROTOCOL, 400); /* an offer was never answered */
}

static void on_answer(struct leg *leg, const struct sip_leg_event *event)
{
    struct leg *other = other_of(leg);

    if (other != NULL && other->pipes->is_asking)
        give_answer(leg, other, event);
    else if (other != NULL && (leg->is_offer_open || leg->pipes->owes_answer))
        pass_answer(leg, other, event);
    else if (other != NULL && leg->pipes->is_told && event->status < 300 && event->sdp.n > 0 &&
             pipes__keep(leg, event->sdp) == SR_OK)
        pipes__set_streams(leg, other);
    leg->pipes->is_told = false;
}

enum sr_err pass__tell_address(struct leg *leg)
{
    struct leg *other = other_of(leg);
    enum sr_err err = SR_ERR_STATE;
    struct sr_buf sdp;

    if (other == NULL || other->pipes->sdp.n == 0 || leg->pipes->is_asking ||
        other->pipes->is_asking)
        return err;
    for (size_t i = 0; i < PIPES_MAX; i++) {
        if (leg->pipes->lines[i].media != SR_ID_NONE)
            memcpy(leg->pipes->lines[i].rtp.ip, leg->rtp.ip, sizeof(leg->rtp.ip));
    }
    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    err = pipes__write(other, leg, &sdp);
    if (err == SR_OK)
        err = sip_leg_offer(leg->sip, sr_buf_view(&sdp));
    leg->pipes->is_told = err == SR_OK;
    sr_buf_done(&sdp);
    return err;
}

static void on_acked(struct leg *leg, const struct sip_leg_event *event)
{
    if (leg->is_offer_open || event->sdp.n > 0)
        on_answer(leg, event);
}

/* ---- INFO ------------------------------------------------------------------------------------ */

static void on_info(struct leg *leg, const struct sip_leg_event *event)
{
    struct leg *other = other_of(leg);

    if (other != NULL)
        sip_leg_carry(other->sip);
    if (other == NULL || other->pipes->is_informing ||
        sip_leg_send_info(other->sip, event->type, event->sdp) != SR_OK) {
        sip_leg_answer_info(leg->sip, 503);
        return;
    }
    other->pipes->is_informing = true;
}

static void on_info_done(struct leg *leg, const struct sip_leg_event *event)
{
    struct leg *other = other_of(leg);

    leg->pipes->is_informing = false;
    if (other == NULL)
        return;
    sip_leg_carry(other->sip);
    sip_leg_answer_info(other->sip, event->status);
}

bool pass__on_event(struct leg *leg, const struct sip_leg_event *event)
{
    struct leg *other;

    if (!leg->call->is_pass || leg->pipes == NULL)
        return false;
    switch ((int)event->kind) {
    case SIP_LEG_OFFER:
        on_offer(leg, event);
        return true;
    case SIP_LEG_ANSWER:
        on_answer(leg, event);
        return true;
    case SIP_LEG_ACKED:
        on_acked(leg, event);
        return true;
    case SIP_LEG_PRACKED:
        other = other_of(leg);
        if (other != NULL)
            sip_leg_prack(other->sip);
        return true;
    case SIP_LEG_INFO:
        on_info(leg, event);
        return true;
    case SIP_LEG_INFO_DONE:
        on_info_done(leg, event);
        return true;
    case SIP_LEG_REFER: /* its parties cannot be moved: what they speak is not ours */
        sip_leg_answer_refer(leg->sip, 603);
        return true;
    case SIP_LEG_ENDED: /* its BYE, CANCEL or refusal says why */
        other = other_of(leg);
        if (other != NULL)
            sip_leg_carry(other->sip);
        return false;
    default:
        return false;
    }
}

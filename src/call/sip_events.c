/* What happens on the SIP side of a leg. */
#include "base/alloc.h"
#include "call/internal.h"
#include "call/transfer.h"
#include "call/verdict.h"

/* By the configuration; not where a phone was asked again because it refused to talk in the clear. */
static bool is_srtp_demanded(const struct leg *leg)
{
    const struct config *config = leg->call->config;
    const struct config_device *device = config_device_by_id(config, sr_str_c(leg->device_id));
    const struct config_provider *provider =
        config_provider_by_id(config, sr_str_c(leg->provider_id));

    if (leg->srtp != CONFIG_SRTP_REQUIRED)
        return false;
    if (leg->kind == LEG_PROVIDER)
        return provider == NULL || provider->srtp == CONFIG_SRTP_REQUIRED;
    return device == NULL || device->srtp == CONFIG_SRTP_REQUIRED;
}

static enum call_reason reason_of_end(const struct leg *leg, const struct sip_leg_event *event)
{
    switch (event->cause) {
    case SIP_LEG_CAUSE_BYE:
        return CALL_REASON_HANGUP;
    case SIP_LEG_CAUSE_CANCEL:
        return event->sip_cause == 200 ? CALL_REASON_ELSEWHERE : CALL_REASON_CANCELLED;
    case SIP_LEG_CAUSE_REFUSED:
        if (event->status == 488 && is_srtp_demanded(leg))
            return CALL_REASON_ENCRYPTION; /* all it saw of us was the demand */
        return call_reason_from_status(event->status);
    case SIP_LEG_CAUSE_TIMEOUT:
        return leg->state == LEG_ANSWERED ? CALL_REASON_SIGNALLING_TIMEOUT
                                          : CALL_REASON_UNREACHABLE;
    case SIP_LEG_CAUSE_SESSION:
        return CALL_REASON_SESSION_EXPIRED;
    case SIP_LEG_CAUSE_TRANSPORT:
        return CALL_REASON_UNREACHABLE;
    case SIP_LEG_CAUSE_PROTOCOL:
        return CALL_REASON_PROTOCOL;
    }
    return CALL_REASON_INTERNAL;
}

/* The peer asks for our offer inside the dialog: everything we can do, its answer comes later. */
static void give_offer(struct leg *leg)
{
    struct sr_buf sdp;

    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    if (leg__make_offer(leg, NULL, &sdp) == SR_OK) {
        leg->is_offer_open = true;
        sip_leg_answer_offer(leg->sip, sr_buf_view(&sdp));
    } else {
        sip_leg_refuse_offer(leg->sip, 500);
    }
    sr_buf_done(&sdp);
}

/* A re-INVITE or UPDATE: hold, resume, another address or codec. */
static void on_offer(struct leg *leg, const struct sip_leg_event *event)
{
    struct sdp_audio peer_before = leg__sdp(leg)->peer;
    struct sdp_audio ours_before = leg__sdp(leg)->ours;
    struct sr_buf sdp;
    enum sr_err err;

    if (fax__on_offer(leg, event))
        return;
    if (event->sdp.n == 0) {
        give_offer(leg);
        return;
    }
    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    err = leg__read_peer(leg, event->sdp);
    if (err == SR_OK)
        err = leg__make_answer(leg, leg, &sdp);
    if (err == SR_OK) {
        sip_leg_answer_offer(leg->sip, sr_buf_view(&sdp));
        leg__set_stream(leg);
        call__update_media(leg->call);
        event__leg(leg, ENGINE_LEG_CHANGED);
    } else {
        leg__sdp(leg)->peer = peer_before;
        leg__sdp(leg)->ours = ours_before;
        sip_leg_refuse_offer(leg->sip, 488);
    }
    sr_buf_done(&sdp);
    sr_wipe(&peer_before.keys, sizeof(peer_before.keys));
    sr_wipe(&ours_before.keys, sizeof(ours_before.keys));
}

/* The answer to our offer: in an ACK, a PRACK or a 2xx of our re-INVITE. */
static void on_answer(struct leg *leg, const struct sip_leg_event *event)
{
    enum sr_err err;

    if (fax__on_answer(leg, event))
        return;
    if (event->sdp.n == 0) {
        leg->is_offer_open = false;
        return;
    }
    if (!leg->is_offer_open)
        return;
    leg->is_offer_open = false;
    err = leg__accept_answer(leg, event->sdp);
    if (err != SR_OK) {
        leg__ended(leg, leg__sdp_reason(err), 488);
        return;
    }
    call__update_media(leg->call);
    event__leg(leg, ENGINE_LEG_CHANGED);
}

static void on_acked(struct leg *leg, const struct sip_leg_event *event)
{
    if (leg->is_offer_open && event->sdp.n == 0) {
        leg__ended(leg, CALL_REASON_PROTOCOL, 400); /* our offer was never answered */
        return;
    }
    if (event->sdp.n > 0)
        on_answer(leg, event);
}

void leg__pass_digit(struct leg *leg, char digit, uint32_t duration_ms)
{
    struct engine *engine = leg->call->engine;

    if (leg->role != MEDIA_ROLE_PARTICIPANT)
        return; /* nobody hears it */
    SR_LIST_EACH(&leg->call->legs, node)
    {
        struct leg *other = SR_CONTAINER(node, struct leg, node);

        if (other == leg || other->state != LEG_ANSWERED || other->kind == LEG_MEDIA ||
            other->role != MEDIA_ROLE_PARTICIPANT)
            continue;
        if (leg__send_digit(engine, other, digit, duration_ms) != SR_OK)
            sr_log(HUB, INFO, "event=digit_not_passed call=%s leg=%s", leg->call->call_id,
                   other->leg_id);
    }
}

enum sr_err leg__send_digit(struct engine *engine, struct leg *leg, char digit,
                            uint32_t duration_ms)
{
    if (leg->dtmf == CONFIG_DTMF_INFO && leg->sip != NULL)
        return sip_leg_send_dtmf(leg->sip, digit, duration_ms);
    if (leg->dtmf == CONFIG_DTMF_RFC4733 && !leg->stream.dtmf_wanted)
        return SR_ERR_STATE; /* nothing but telephone-event was allowed, and the party does not take it */
    return media_leg_dtmf(engine->media, leg->media, digit, duration_ms);
}

static void on_ended(struct leg *leg, const struct sip_leg_event *event)
{
    enum call_reason reason = reason_of_end(leg, event);

    leg->sip = NULL;
    if (leg->ring != NULL && event->cause == SIP_LEG_CAUSE_REFUSED && event->status < 400) {
        ring__redirected(leg, event);
        return;
    }
    verdict__refused(leg, event);
    if (leg->ring != NULL && event->cause == SIP_LEG_CAUSE_REFUSED && event->status == 488)
        ring__retry_encrypted(leg);
    leg__ended(leg, reason, event->status);
}

/* The provider says who is at its end now: whoever talks to it is told. */
static void on_party(struct leg *leg, const struct sip_leg_event *event)
{
    (void)sr_str_copy(event->party_user, leg->party, sizeof(leg->party));
    (void)sr_str_copy(event->party_display, leg->name, sizeof(leg->name));
    event__leg(leg, ENGINE_LEG_CHANGED);
    SR_LIST_EACH(&leg->call->legs, node)
    {
        struct leg *other = SR_CONTAINER(node, struct leg, node);

        if (other != leg && other->state == LEG_ANSWERED &&
            strcmp(other->connected_to, leg->leg_id) == 0)
            leg_introduce(other, leg);
    }
}

void engine__on_leg_event(void *arg, void *user, struct sip_leg *sip,
                          const struct sip_leg_event *event)
{
    struct leg *leg = user;

    (void)arg;
    SR_ASSERT(leg->sip == sip);
    if (event->user_agent.n > 0)
        (void)sr_str_copy(event->user_agent, leg->user_agent, sizeof(leg->user_agent));
    if (pass__on_event(leg, event))
        return;
    switch (event->kind) {
    case SIP_LEG_PROGRESS:
        if (leg->ring != NULL)
            ring__branch_progress(leg, event);
        break;
    case SIP_LEG_ANSWERED:
        CALL_ASSERT(leg->call, leg->ring != NULL);
        ring__branch_answered(leg, event);
        break;
    case SIP_LEG_ACKED:
        on_acked(leg, event);
        break;
    case SIP_LEG_OFFER:
        on_offer(leg, event);
        break;
    case SIP_LEG_ANSWER:
        on_answer(leg, event);
        break;
    case SIP_LEG_DTMF:
        sound__on_digit(leg);
        leg__digit(leg, event->digit, event->duration_ms);
        break;
    case SIP_LEG_PARTY:
        on_party(leg, event);
        break;
    case SIP_LEG_REFER:
        transfer__on_refer(leg, event);
        break;
    case SIP_LEG_PRACKED:
    case SIP_LEG_INFO:
    case SIP_LEG_INFO_DONE:
        break; /* of passthrough alone */
    case SIP_LEG_ENDED:
        on_ended(leg, event);
        break;
    }
}

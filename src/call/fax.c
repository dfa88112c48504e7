/* T.38 in an ordinary call: a re-INVITE with m=image goes from one party to the other while both are SIP
 * and alone with each other; the fax flows through pipes beside the sound, which comes back with the next
 * re-INVITE. */
#include <stdio.h>

#include "base/alloc.h"
#include "call/internal.h"
#include "sip/sdp.h"

static bool is_t38(struct sr_str text)
{
    struct sr_arena arena;
    struct sdp sdp;
    bool is_fax = false;

    sr_arena_init(&arena, SDP_ARENA_BYTES);
    if (text.n > 0 && sdp_parse(text, &arena, &sdp, NULL) == SR_OK) {
        for (uint8_t i = 0; i < sdp.media_count; i++)
            is_fax = is_fax || (sdp.media[i].port != 0 && sr_str_eq_c(sdp.media[i].type, "image") &&
                                sr_str_ieq(sdp.media[i].proto, SR_STR("udptl")));
    }
    sr_arena_done(&arena);
    return is_fax;
}

static bool can_fax(const struct leg *leg)
{
    return (leg->kind == LEG_DEVICE || leg->kind == LEG_PROVIDER) && leg->sip != NULL &&
           leg->state == LEG_ANSWERED && leg->role == MEDIA_ROLE_PARTICIPANT && !leg->is_webrtc &&
           !leg->is_held && leg->media != SR_ID_NONE;
}

/* The one other party, when both can fax and nobody else is there; or NULL. */
static struct leg *other_of(const struct leg *leg)
{
    const struct call *call = leg->call;

    if (call->legs.count != 2 || call->ring != NULL || call->transfer != NULL ||
        call->app != NULL || !can_fax(leg))
        return NULL;
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *other = SR_CONTAINER(node, struct leg, node);

        if (other != leg && can_fax(other))
            return other;
    }
    return NULL;
}

/* What `from` said, as the next description of our own dialog with `to` (RFC 3264 8: one origin). */
static enum sr_err write_fax(struct leg *from, struct leg *to, struct sr_buf *out)
{
    char address[SR_ADDR_TEXT_MAX];
    struct sr_str rest, line;
    uint64_t version = 0;
    struct sr_buf text;
    enum sr_err err;

    sr_buf_init(&text, LEG_SDP_BYTES_MAX);
    err = pipes__write(from, to, &text);
    if (sr_str_u64(sr_str_c(leg__sdp(to)->ours.session_version), UINT64_MAX - 1, &version) != SR_OK)
        version = 0; /* ours always is a number */
    (void)snprintf(leg__sdp(to)->ours.session_version, sizeof(leg__sdp(to)->ours.session_version),
                   "%llu", (unsigned long long)version + 1);
    leg__sdp(to)->ours.rtp.port = 0; /* the next description of sound is another one again */
    rest = sr_buf_view(&text);
    while (err == SR_OK && sr_str_split(&rest, '\n', &line)) {
        if (sr_str_starts(line, SR_STR("o=")))
            sr_buf_fmt(out, "o=- %s %s IN %s %s\r\n", leg__sdp(to)->ours.session_id,
                       leg__sdp(to)->ours.session_version,
                       to->rtp.family == SR_ADDR_IP6 ? "IP6" : "IP4",
                       sr_addr_host_text(&to->rtp, address));
        else if (line.n > 0)
            sr_buf_fmt(out, "%.*s\n", SR_STR_ARG(line));
    }
    if (err == SR_OK)
        err = sr_buf_err(out);
    sr_buf_done(&text);
    return err;
}

static void stop(struct leg *a, struct leg *b)
{
    pipes__close(a);
    pipes__close(b);
    a->pipes->main = b->pipes->main = SR_ID_NONE; /* late figures are of no interest */
    a->call->is_fax = false;
}

/* ---- what a party asks for ------------------------------------------------------------------- */

static enum sr_err ask_for_fax(struct leg *leg, struct leg *other, struct sr_str offered,
                               struct sr_buf *sdp)
{
    enum sr_err err = pipes__keep(leg, offered);

    if (err == SR_OK)
        err = write_fax(leg, other, sdp);
    return err == SR_OK ? sip_leg_offer(other->sip, sr_buf_view(sdp)) : err;
}

static enum sr_err ask_for_sound(struct leg *leg, struct leg *other, struct sr_str offered,
                                 struct sr_buf *sdp)
{
    enum sr_err err = pipes__keep(leg, offered); /* read again with the other's answer */

    if (err == SR_OK)
        err = leg__make_offer(other, leg, sdp);
    return err == SR_OK ? sip_leg_offer(other->sip, sr_buf_view(sdp)) : err;
}

bool fax__on_offer(struct leg *leg, const struct sip_leg_event *event)
{
    struct call *call = leg->call;
    bool is_fax = is_t38(event->sdp);
    struct leg *other = other_of(leg);
    enum sr_err err = SR_ERR_UNSUPPORTED;
    struct sr_buf sdp;

    if (!is_fax && !call->is_fax)
        return false;
    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    if (other != NULL && event->sdp.n > 0 && pipes__begin(leg, &leg->bind) &&
        pipes__begin(other, &other->bind)) {
        if (leg->pipes->is_asking || other->pipes->is_asking)
            err = SR_ERR_STATE;
        else if (is_fax)
            err = ask_for_fax(leg, other, event->sdp, &sdp);
        else
            err = ask_for_sound(leg, other, event->sdp, &sdp);
    }
    sr_buf_done(&sdp);
    if (err == SR_OK) {
        leg->pipes->is_asking = true;
        leg->pipes->wants_fax = is_fax;
        return true;
    }
    sip_leg_refuse_offer(leg->sip, err == SR_ERR_STATE ? 491 : 488);
    if (other != NULL && !call->is_fax && is_fax && !other->pipes->is_asking)
        stop(leg, other);
    return true;
}

/* ---- what the other one answers -------------------------------------------------------------- */

static bool begin_fax(struct leg *leg, struct leg *asker, const struct sip_leg_event *event)
{
    struct media_port *media = leg->engine->media;
    struct sr_buf sdp;
    bool is_begun;

    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    is_begun = event->sdp.n > 0 && pipes__keep(leg, event->sdp) == SR_OK &&
               write_fax(leg, asker, &sdp) == SR_OK;
    if (is_begun) {
        sip_leg_answer_offer(asker->sip, sr_buf_view(&sdp));
        pipes__set_streams(leg, asker);
        media_leg_set_timeout(media, leg->media, 0); /* no sound is no fault now */
        media_leg_set_timeout(media, asker->media, 0);
        leg->call->is_fax = true;
    }
    sr_buf_done(&sdp);
    return is_begun;
}

static bool begin_sound(struct leg *leg, struct leg *asker, const struct sip_leg_event *event)
{
    struct sr_buf sdp;
    bool is_begun;

    sr_buf_init(&sdp, LEG_SDP_BYTES_MAX);
    is_begun = leg__accept_answer(leg, event->sdp) == SR_OK &&
               leg__read_peer(asker, asker->pipes->sdp) == SR_OK &&
               leg__make_answer(asker, leg, &sdp) == SR_OK;
    if (is_begun) {
        sip_leg_answer_offer(asker->sip, sr_buf_view(&sdp));
        leg__set_stream(asker);
        stop(leg, asker);
        call__update_media(leg->call);
    }
    sr_buf_done(&sdp);
    return is_begun;
}

bool fax__on_answer(struct leg *leg, const struct sip_leg_event *event)
{
    struct leg *asker = other_of(leg);
    bool is_begun = false;

    if (asker == NULL || asker->pipes == NULL || !asker->pipes->is_asking)
        return false;
    asker->pipes->is_asking = false;
    if (event->status < 300 && asker->pipes->wants_fax)
        is_begun = begin_fax(leg, asker, event);
    else if (event->status < 300)
        is_begun = begin_sound(leg, asker, event);
    if (!is_begun) {
        sip_leg_refuse_offer(asker->sip, event->status >= 300 ? event->status : 488);
        if (!leg->call->is_fax)
            stop(leg, asker);
    }
    event__leg(leg, ENGINE_LEG_CHANGED);
    event__leg(asker, ENGINE_LEG_CHANGED);
    return true;
}

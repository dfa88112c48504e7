/* Why there is no sound, from top to bottom: the first cause that fits is the one that is told. */
#include "call/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "call/internal.h"

#define SAYS_SILENCE "packets arrive, all of them silence"
#define SAYS_ONE_WAY "one way"
#define SAYS_HOLD "the party has put the call on hold"

static void say(char out[VERDICT_BYTES_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(char out[VERDICT_BYTES_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(out, VERDICT_BYTES_MAX, format, args);
    va_end(args);
}

/* An address nobody outside reaches, told to or by somebody who is outside. */
static bool is_hidden_from(const struct sr_addr *addr, const struct sr_addr *other)
{
    return addr->family != SR_ADDR_NONE && other->family != SR_ADDR_NONE &&
           (sr_addr_is_private(addr) || sr_addr_is_loopback(addr)) && !sr_addr_is_private(other) &&
           !sr_addr_is_loopback(other);
}

/* ---- what was refused ---- */

static const char *static_type_name(uint8_t payload_type)
{
    switch (payload_type) { /* RFC 3551 6: those seen in phones */
    case 0:
        return " (PCMU)";
    case 3:
        return " (GSM)";
    case 4:
        return " (G.723)";
    case 8:
        return " (PCMA)";
    case 9:
        return " (G.722)";
    case 13:
        return " (comfort noise)";
    case 18:
        return " (G.729)";
    default:
        return "";
    }
}

static bool judge_refused(const struct verdict_facts *facts, char out[VERDICT_BYTES_MAX])
{
    const struct media_leg_stats *now = facts->now, *before = facts->before;
    const struct sr_addr *sdp = &facts->stream->remote_rtp;
    char from[SR_ADDR_TEXT_MAX], should[SR_ADDR_TEXT_MAX];

    if (now->srtp_auth_failed > before->srtp_auth_failed) {
        say(out, "the packets arrive but cannot be decrypted: the keys differ");
        return true;
    }
    if (now->rx_unknown_type >= before->rx_unknown_type + VERDICT_REFUSED_MIN) {
        say(out,
            "packets arrive with payload type %u%s, which was not agreed: the party sends "
            "another codec than its SDP says",
            now->unknown_type, static_type_name(now->unknown_type));
        return true;
    }
    if (now->rx_stray >= before->rx_stray + VERDICT_REFUSED_MIN &&
        now->stray_from.family != SR_ADDR_NONE) {
        say(out, "packets come from %s and are refused: the party's SDP names %s",
            sr_addr_text(&now->stray_from, from),
            sdp->family != SR_ADDR_NONE ? sr_addr_text(sdp, should) : "no usable address");
        return true;
    }
    return false;
}

/* ---- nothing comes ---- */

static void judge_address(const struct verdict_facts *facts, char out[VERDICT_BYTES_MAX])
{
    const struct media_stream *stream = facts->stream;
    char told[SR_ADDR_TEXT_MAX], sdp[SR_ADDR_TEXT_MAX], signals[SR_ADDR_TEXT_MAX];

    sr_addr_text(&facts->told, told);
    sr_addr_ip_text(&stream->remote_rtp, sdp);
    sr_addr_ip_text(&stream->signalling, signals);
    if (is_hidden_from(&facts->told, &stream->signalling))
        say(out,
            "nothing arrives: the party is outside (%s) but was told to send to %s, which it "
            "cannot reach: set proxy.publicIp",
            signals, told);
    else if (is_hidden_from(&stream->remote_rtp, &stream->signalling))
        say(out,
            "nothing arrives: the party's SDP names the private address %s while it signals "
            "from %s; if it waits to hear us first, it must send first or use STUN",
            sdp, signals);
    else if (stream->remote_rtp.family == SR_ADDR_NONE)
        say(out,
            "nothing arrives, and nothing can be sent: the party's SDP names no usable address");
    else if (!sr_addr_ip_eq(&stream->remote_rtp, &stream->signalling))
        say(out,
            "nothing arrives: the party's SDP names %s but it signals from %s; it was told to "
            "send to %s: a wrong address in its SDP, or a firewall",
            sdp, signals, told);
    else
        say(out,
            "nothing arrives: the party was told to send to %s: a firewall on the way, or an "
            "address it cannot reach (proxy.lanIp)",
            told);
}

static void judge_nothing(const struct verdict_facts *facts, char out[VERDICT_BYTES_MAX])
{
    const struct media_stream *stream = facts->stream;
    char from[SR_ADDR_TEXT_MAX];

    if (judge_refused(facts, out))
        return;
    if (!stream->can_recv)
        say(out, "nothing arrives because the party says so: its SDP says recvonly");
    else if (stream->crypto == MEDIA_CRYPTO_DTLS && facts->said[0] != '\0')
        say(out, "%s", facts->said); /* ICE or DTLS knows better */
    else if (!facts->is_due)
        say(out, "%s", facts->said); /* too early */
    else if (facts->now->rx_packets > 0)
        say(out, "nothing arrives any more%s%s: the party pauses, or its network is gone",
            facts->now->remote_seen.family != SR_ADDR_NONE ? " from " : "",
            facts->now->remote_seen.family != SR_ADDR_NONE
                ? sr_addr_text(&facts->now->remote_seen, from)
                : "");
    else if (facts->told.family == SR_ADDR_NONE)
        say(out, "nothing arrives from the browser: it has no microphone, or was not allowed to "
                 "use it");
    else
        judge_address(facts, out);
}

/* ---- it is heard; does it hear us? ---- */

static bool judge_one_way(const struct verdict_facts *facts, char out[VERDICT_BYTES_MAX])
{
    const struct media_leg_stats *now = facts->now;
    const struct media_stream *stream = facts->stream;
    const struct sr_addr *target =
        now->remote_seen.family != SR_ADDR_NONE ? &now->remote_seen : &stream->remote_rtp;
    bool is_all_lost = now->peer_blocks > 0 && now->peer_loss_pct >= 99;
    bool is_never_seen = now->peer_blocks == 0 && now->peer_reports >= 2;
    char to[SR_ADDR_TEXT_MAX];

    if (now->tx_packets < facts->before->tx_packets + VERDICT_SENT_MIN || !facts->is_due ||
        (!is_all_lost && !is_never_seen))
        return false;
    if (target->family == SR_ADDR_NONE)
        say(out, SAYS_ONE_WAY
            ": the party is heard, but its RTCP reports nothing of what is sent to it");
    else
        say(out, SAYS_ONE_WAY ": the party is heard, but its RTCP reports %s to it at %s%s",
            is_all_lost ? "the loss of everything sent" : "nothing of what is sent",
            sr_addr_text(target, to),
            is_hidden_from(target, &stream->signalling) ? ", a private address"
                                                        : ": a firewall or "
                                                          "NAT before it");
    return true;
}

static enum verdict_sound sound_of(const struct verdict_facts *facts)
{
    double level = facts->now->level_rx_dbfs;

    if (facts->now->rx_packets <= facts->before->rx_packets)
        return VERDICT_NOTHING;
    return !isnan(level) && level < VERDICT_SILENCE_DBFS ? VERDICT_SILENCE : VERDICT_SOUND;
}

static bool is_silence_told(const struct verdict_facts *facts)
{
    return facts->is_due && (!facts->was_heard || facts->silent_reports + 1 >= VERDICT_PAUSE_MAX);
}

/* A call may end soon after a report: what little came since then refutes nothing. */
static void keep_said(const struct verdict_facts *facts, const char *begins,
                      char out[VERDICT_BYTES_MAX])
{
    if (!facts->is_due && out[0] == '\0' && sr_str_starts(sr_str_c(facts->said), sr_str_c(begins)))
        say(out, "%s", facts->said);
}

enum verdict_sound verdict_judge(const struct verdict_facts *facts,
                                 char ret_verdict[VERDICT_BYTES_MAX])
{
    enum verdict_sound sound = sound_of(facts);

    ret_verdict[0] = '\0';
    if (facts->is_holding)
        say(ret_verdict, SAYS_HOLD);
    else if (sound == VERDICT_NOTHING)
        judge_nothing(facts, ret_verdict);
    else if (facts->stream->send_codec == CODEC_NONE && !facts->is_pipe)
        say(ret_verdict,
            SAYS_ONE_WAY ": the party understands none of the codecs agreed, so nothing is "
                         "sent to it");
    else if (sound == VERDICT_SILENCE && is_silence_told(facts))
        say(ret_verdict, SAYS_SILENCE ": the microphone is muted, or there is none");
    else
        (void)judge_one_way(facts, ret_verdict);
    if (sound == VERDICT_SILENCE || isnan(facts->now->level_rx_dbfs))
        keep_said(facts, SAYS_SILENCE, ret_verdict);
    if (sound != VERDICT_NOTHING)
        keep_said(facts, SAYS_ONE_WAY, ret_verdict);
    return sound;
}

/* ---- of a leg ---- */

static bool is_due(const struct leg *leg)
{
    sr_usec since = SR_MAX(leg->stream_at, leg->report_at);

    return leg->answered_wall_us != 0 && loop_now(leg->engine->loop) - since >= VERDICT_DUE;
}

/* Keeps what is said of the leg from now on. True: something else than before. */
static bool set(struct leg *leg, const char *verdict)
{
    if (strcmp(verdict, leg->verdict) == 0)
        return false;
    if (verdict[0] != '\0' && !leg->is_holding)
        sr_log(HUB, WARN, "event=verdict call=%s leg=%s verdict=\"%s\"", leg->call->call_id,
               leg->leg_id, verdict);
    (void)sr_str_copy(sr_str_c(verdict), leg->verdict, sizeof(leg->verdict));
    return true;
}

bool verdict__update(struct leg *leg, const struct media_leg_stats *before)
{
    struct verdict_facts facts = {
        .before = before,
        .now = &leg->stats,
        .stream = &leg->stream,
        .told = leg->is_webrtc ? (struct sr_addr){0} : leg->rtp,
        .is_holding = leg->is_holding,
        .is_due = is_due(leg),
        .was_heard = leg->was_heard,
        .silent_reports = leg->silent_reports,
        .said = leg->verdict,
    };
    char verdict[VERDICT_BYTES_MAX];
    enum verdict_sound sound;

    leg->report_at = loop_now(leg->engine->loop);
    if (leg->kind == LEG_MEDIA || !leg->has_peer || leg->answered_wall_us == 0 || leg->call->is_fax)
        return false;
    sound = verdict_judge(&facts, verdict);
    if (leg->is_holding && leg->state == LEG_ENDED)
        verdict[0] = '\0'; /* for the record it was no fault */
    leg->was_heard = leg->was_heard || sound == VERDICT_SOUND;
    leg->silent_reports = sound == VERDICT_SILENCE ? leg->silent_reports + 1 : 0;
    return set(leg, verdict);
}

bool verdict__of_pipe(struct leg *leg, const struct media_leg_stats *before)
{
    const struct leg_pipes *pipes = leg->pipes;
    struct verdict_facts facts = {
        .before = before,
        .now = &pipes->stats,
        .stream = &pipes->stream,
        .told = pipes->told,
        .is_holding = leg->is_holding,
        .is_pipe = true,
        .is_due = is_due(leg),
        .said = leg->verdict,
    };
    char verdict[VERDICT_BYTES_MAX] = "";

    leg->report_at = loop_now(leg->engine->loop);
    if (leg->answered_wall_us == 0)
        return false;
    if (!pipes->stream.is_rtp && pipes->stats.rx_packets > 0)
        facts.is_due = false; /* a fax that spoke once may listen for long */
    if (!pipes->is_put_on_hold)
        (void)verdict_judge(&facts, verdict);
    return set(leg, verdict);
}

void verdict__hold_changed(struct leg *leg)
{
    const char *verdict = leg->is_holding ? SAYS_HOLD : "";

    if (leg->answered_wall_us == 0 || strcmp(verdict, leg->verdict) == 0 ||
        (!leg->is_holding && strcmp(leg->verdict, SAYS_HOLD) != 0))
        return;
    (void)sr_str_copy(sr_str_c(verdict), leg->verdict, sizeof(leg->verdict));
    event__leg(leg, ENGINE_VERDICT);
}

/* ---- of a call that does not come about ------------------------------------------------------ */

static void tell(struct leg *leg, struct sr_buf *text)
{
    (void)sr_str_copy(sr_buf_view(text), leg->verdict, sizeof(leg->verdict));
    sr_buf_clear(text);
    sr_log(HUB, WARN, "event=verdict call=%s leg=%s verdict=\"%s\"", leg->call->call_id,
           leg->leg_id, leg->verdict);
    event__leg(leg, ENGINE_VERDICT);
}

void verdict__quiet(struct leg *caller, const struct config_device *device)
{
    struct sr_str name = device->extension.n > 0 ? device->extension : device->id;

    if (caller->answered_wall_us != 0)
        return;
    if (device->is_dnd)
        say(caller->verdict, "%.*s is set to do not disturb (dnd): no phone rang",
            SR_STR_ARG(name));
    else
        say(caller->verdict, "%.*s has %u call%s, and takes no more (maxCalls): no phone rang",
            SR_STR_ARG(name), device->calls_max, device->calls_max == 1 ? "" : "s");
    sr_log(HUB, INFO, "event=verdict call=%s leg=%s verdict=\"%s\"", caller->call->call_id,
           caller->leg_id, caller->verdict);
    event__leg(caller, ENGINE_VERDICT);
}

static void add_names(struct sr_buf *text, const struct sdp_codec *codecs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sr_buf_fmt(text, "%s%s", i > 0 ? ", " : "", codecs[i].name);
    if (count == 0)
        sr_buf_c(text, "none");
}

void verdict__no_codec(struct leg *leg)
{
    char array[ENGINE_WHY_MAX];
    struct sr_buf text;

    sr_buf_init_fixed(&text, array, sizeof(array));
    sr_buf_c(&text, "no codec in common: the party offers ");
    add_names(&text, leg__sdp(leg)->peer.codecs, leg__sdp(leg)->peer.codec_count);
    sr_buf_c(&text, "; allowed for it here: ");
    add_names(&text, leg->allowed, leg->allowed_count);
    tell(leg, &text);
}

enum call_reason verdict__bad_offer(struct leg *leg, enum sr_err err)
{
    char array[ENGINE_WHY_MAX];
    struct sr_buf text;

    if (err != SR_ERR_SYNTAX)
        return leg__sdp_reason(err);
    sr_buf_init_fixed(&text, array, sizeof(array));
    sr_buf_c(&text, "the audio description (SDP) of the party cannot be read: see the trace");
    tell(leg, &text);
    return CALL_REASON_PROTOCOL;
}

static bool is_provider_to_blame(const struct sip_leg_event *event)
{
    if (event->cause == SIP_LEG_CAUSE_REFUSED)
        return event->status == 401 || event->status == 403 || event->status == 407 ||
               (event->status >= 500 && event->status < 600);
    return event->cause == SIP_LEG_CAUSE_TIMEOUT || event->cause == SIP_LEG_CAUSE_TRANSPORT;
}

static void blame_provider(const struct sip_leg_event *event, struct sr_buf *text)
{
    if (event->cause != SIP_LEG_CAUSE_REFUSED)
        sr_buf_c(text, "The provider did not answer this call: it is down, or something on the way "
                       "blocks the port.");
    else if (event->status == 401 || event->status == 407)
        sr_buf_c(text, "The provider refuses the login of this call: username, authUsername or "
                       "password is wrong, or it asks for another realm than digestRealm.");
    else
        sr_buf_fmt(text, "The provider answers %u %.*s%s", event->status, SR_STR_ARG(event->reason),
                   event->status == 403 ? ": the account is blocked, or may not call this number."
                                        : ": it is down, overloaded, or cannot reach this number.");
}

/* What the account knows of itself comes first: an expired certificate says more than silence. */
static bool account_verdict(const struct leg *leg, struct sr_buf *text)
{
    struct ua_provider_view view = {0};

    (void)ua_provider_view(leg->call->engine->ua, sr_str_c(leg->provider_id), &view);
    sr_buf_c(text, view.verdict);
    return view.verdict[0] != '\0';
}

void verdict__no_way(struct leg *leg)
{
    char array[ENGINE_WHY_MAX];
    struct sr_buf text;

    sr_buf_init_fixed(&text, array, sizeof(array));
    if (!account_verdict(leg, &text))
        sr_buf_c(&text, "No address of the provider is known yet.");
    tell(leg, &text);
}

void verdict__refused(struct leg *leg, const struct sip_leg_event *event)
{
    char array[ENGINE_WHY_MAX];
    struct sr_buf text;

    if (leg->is_caller || leg->answered_wall_us != 0)
        return;
    sr_buf_init_fixed(&text, array, sizeof(array));
    if (event->cause == SIP_LEG_CAUSE_REFUSED && (event->status == 488 || event->status == 606)) {
        sr_buf_c(&text, "the party refuses what was offered to it: ");
        if (leg->call->is_pass)
            sr_buf_c(&text, "the other party's own description, passed through");
        else
            add_names(&text, leg__sdp(leg)->ours.codecs, leg__sdp(leg)->ours.codec_count);
        tell(leg, &text);
    } else if (leg->kind == LEG_PROVIDER && is_provider_to_blame(event)) {
        if (!account_verdict(leg, &text))
            blame_provider(event, &text);
        tell(leg, &text);
    }
}

/* Offers and answers of one leg: what we say, what the peer said, and what media is told of it. */
#include <stdio.h>

#include "base/alloc.h"
#include "call/internal.h"
#include "call/verdict.h"
#include "call/webrtc.h"

static const enum codec_id codec_of_config[CONFIG_CODEC_COUNT] = {
    [CONFIG_CODEC_OPUS] = CODEC_OPUS,
    [CONFIG_CODEC_G722] = CODEC_G722,
    [CONFIG_CODEC_PCMA] = CODEC_PCMA,
    [CONFIG_CODEC_PCMU] = CODEC_PCMU,
};

static void allow(struct leg *leg, enum config_codec codec)
{
    const struct codec_ops *ops = codec_find(codec_of_config[codec]);
    struct sdp_codec *out;

    if (ops == NULL || leg->allowed_count == CALL_CODECS_MAX)
        return;
    out = &leg->allowed[leg->allowed_count++];
    sdp_codec_set(out, ops->sdp_name, ops->clock_hz, ops->channels, SDP_PT_NONE);
    (void)sr_str_copy(sr_str_c(ops->fmtp_default), out->fmtp, sizeof(out->fmtp));
}

void leg__allow_codecs(struct leg *leg, const struct config_choices *codecs)
{
    leg->allowed_count = 0;
    for (uint8_t i = 0; i < codecs->count; i++)
        allow(leg, (enum config_codec)codecs->items[i]);
}

enum sr_err leg__read_peer(struct leg *leg, struct sr_str text)
{
    struct sr_arena arena;
    struct sdp_audio peer;
    struct sdp sdp;
    enum sr_err err;

    sr_arena_init(&arena, SDP_ARENA_BYTES);
    err = sdp_parse(text, &arena, &sdp, NULL);
    if (err == SR_OK)
        err = sdp_audio_read(&sdp, &peer);
    if (err == SR_OK) {
        leg__keep_known_keys(&peer, leg->srtp);
        leg__sdp(leg)->peer = peer;
        leg->has_peer = true;
    }
    sr_wipe(&peer, sizeof(peer));
    sr_arena_done(&arena);
    return err == SR_OK && !leg__sdp(leg)->peer.is_active ? SR_ERR_NOTFOUND : err;
}

bool leg__shares_codec(const struct leg *leg)
{
    for (size_t i = 0; i < leg->allowed_count; i++) {
        for (uint8_t j = 0; j < leg__sdp(leg)->peer.codec_count; j++) {
            if (sdp_codec_same(&leg->allowed[i], &leg__sdp(leg)->peer.codecs[j]))
                return true;
        }
    }
    return false;
}

bool leg__may_send_to(const struct leg *leg, const struct sr_addr *addr)
{
    const struct config_proxy *proxy = &leg->call->config->proxy;

    if (addr->family == SR_ADDR_NONE || addr->port == 0 || sr_addr_is_any(addr) ||
        sr_addr_is_multicast(addr))
        return false;
    return (addr->port != proxy->lan_port && addr->port != proxy->webrtc_port) ||
           (!sr_addr_ip_eq(addr, &leg->rtp) && !sr_addr_ip_eq(addr, &leg->rtp_bound));
}

/* `ours` is wiped: it has keys. */
static enum sr_err write_ours(struct leg *leg, struct sdp_audio *ours, struct sr_buf *buf)
{
    struct webrtc_lines lines = {0};
    enum sr_err err = SR_OK;

    if (leg->is_webrtc)
        err = webrtc__complete(leg, ours, &lines);
    if (err != SR_OK) {
        sr_wipe(ours, sizeof(*ours));
        return err;
    }
    if (leg->has_ours)
        sdp_audio_version(&leg__sdp(leg)->ours, ours);
    leg__sdp(leg)->ours = *ours;
    leg->has_ours = true;
    sr_wipe(ours, sizeof(*ours));
    return sdp_audio_write(&leg__sdp(leg)->ours, &lines.extras, buf);
}

enum sr_err leg__write_again(struct leg *leg, struct sr_buf *buf)
{
    struct sdp_audio ours = leg__sdp(leg)->ours;

    return write_ours(leg, &ours, buf);
}

static void set_our_address(struct leg *leg, struct sdp_audio *ours)
{
    ours->is_active = true;
    ours->rtp = leg->rtp;
    ours->rtcp = leg->rtp;
    ours->rtcp.port = (uint16_t)(leg->rtp.port + 1);
}

enum sr_err leg__make_offer(struct leg *leg, struct leg *from, struct sr_buf *buf)
{
    struct sdp_audio ours;

    if (leg->call->is_pass)
        return pass__make_offer(leg, from, buf);
    if (leg->has_ours) {
        ours = leg__sdp(leg)->ours;
    } else {
        sdp_audio_init(&ours);
        (void)snprintf(ours.session_id, sizeof(ours.session_id), "%llu",
                       (unsigned long long)(sr_random_u64() >> 2));
        (void)sr_str_copy(SR_STR("1"), ours.session_version, sizeof(ours.session_version));
        if (!leg->is_webrtc)
            leg__offer_keys(leg, &ours);
        ours.ptime_ms = 20;
    }
    set_our_address(leg, &ours);
    if (leg->is_webrtc)
        webrtc__begin_offer(&ours);
    else if (ours.setup != SDP_SETUP_NONE)
        ours.setup = SDP_SETUP_ACTPASS; /* RFC 8842 5.2: in every offer */
    ours.direction = SDP_SENDRECV;
    sdp_codecs_merge(from != NULL && from->has_peer ? &leg__sdp(from)->peer : NULL, leg->allowed,
                     leg->allowed_count, &ours);
    return write_ours(leg, &ours, buf);
}

/* The entry of `list` that is the codec of the other leg's stream, or NULL. */
static const struct sdp_codec *codec_like(const struct leg *prefer, const struct sdp_codec *list,
                                          size_t count)
{
    const struct codec_ops *codec;

    if (prefer == NULL || !prefer->has_stream)
        return NULL;
    codec = codec_find(prefer->stream.send_codec);
    for (size_t i = 0; codec != NULL && i < count; i++) {
        if (codec_find_by_sdp(sr_str_c(list[i].name), list[i].clock_hz, list[i].channels) == codec)
            return &list[i];
    }
    return NULL;
}

enum sr_err leg__make_answer(struct leg *leg, const struct leg *prefer, struct sr_buf *buf)
{
    struct sdp_answer_wish wish = {
        .rtp = leg->rtp,
        .rtcp_mux_wanted = true,
        .direction = SDP_SENDRECV,
        .allowed = leg->allowed,
        .allowed_count = leg->allowed_count,
        .is_single = true,
        .before = leg->has_ours ? &leg__sdp(leg)->ours : NULL,
        .session_id = sr_random_u64() >> 2,
    };
    const struct sdp_codec *like = codec_like(prefer, leg->allowed, leg->allowed_count);
    struct sdp_audio ours;
    enum sr_err err = SR_ERR_NOTFOUND;

    if (!leg->is_webrtc && !leg__can_agree_on_srtp(leg))
        return SR_ERR_AUTH;
    if (!leg->is_webrtc)
        leg__wish_keys(leg, &wish);
    if (like != NULL) {
        wish.allowed = like;
        wish.allowed_count = 1;
        err = sdp_answer_make(&leg__sdp(leg)->peer, &wish, &ours);
    }
    if (err != SR_OK) {
        wish.allowed = leg->allowed;
        wish.allowed_count = leg->allowed_count;
        err = sdp_answer_make(&leg__sdp(leg)->peer, &wish, &ours);
    }
    if (leg->is_webrtc && leg->is_dtls_client && leg__sdp(leg)->peer.setup == SDP_SETUP_ACTPASS)
        ours.setup = SDP_SETUP_ACTIVE; /* RFC 8842 5.3: the roles stay */
    if (err == SR_OK && leg->is_webrtc)
        err = webrtc__set_remote(leg, &ours);
    if (err != SR_OK)
        return err;
    leg__complete_keys(leg, &ours);
    return write_ours(leg, &ours, buf);
}

enum call_reason leg__sdp_reason(enum sr_err err)
{
    return err == SR_ERR_AUTH ? CALL_REASON_ENCRYPTION : CALL_REASON_NO_CODEC;
}

enum sr_err leg__accept_answer(struct leg *leg, struct sr_str text)
{
    struct sdp_audio before = leg__sdp(leg)->peer;
    bool had_peer = leg->has_peer;
    enum sr_err err;

    if (leg->call->is_pass)
        return pass__accept(leg, text);
    err = leg__read_peer(leg, text);

    if (err == SR_OK)
        err = sdp_answer_accept(&leg__sdp(leg)->ours, &leg__sdp(leg)->peer);
    if (err == SR_OK && !leg__sdp(leg)->peer.is_active)
        err = SR_ERR_NOTFOUND;
    if (err == SR_OK && leg->is_webrtc)
        err = webrtc__set_remote(leg, &leg__sdp(leg)->ours);
    if (!leg->is_webrtc && (err == SR_OK || err == SR_ERR_PROTO) && leg__is_srtp_missing(leg))
        err = SR_ERR_AUTH;
    if (err != SR_OK) {
        leg__sdp(leg)->peer = before;
        leg->has_peer = had_peer;
    } else {
        leg__set_stream(leg);
    }
    sr_wipe(&before.keys, sizeof(before.keys));
    return err;
}

static void add_formats(const struct sdp_audio *ours, struct media_stream *stream)
{
    for (uint8_t i = 0; i < ours->codec_count; i++) {
        const struct sdp_codec *codec = &ours->codecs[i];
        const struct codec_ops *ops =
            codec_find_by_sdp(sr_str_c(codec->name), codec->clock_hz, codec->channels);

        if (ops == NULL || stream->format_count == MEDIA_FORMATS_MAX)
            continue;
        stream->formats[stream->format_count++] = (struct media_format){
            .payload_type = codec->pt, .codec = ops->id, .clock_hz = ops->clock_hz};
    }
    for (uint8_t i = 0; i < ours->event_count; i++) {
        if (stream->format_count == MEDIA_FORMATS_MAX)
            return;
        stream->formats[stream->format_count++] =
            (struct media_format){.payload_type = ours->events[i].pt,
                                  .is_dtmf = true,
                                  .clock_hz = ours->events[i].clock_hz};
    }
}

/* The codec we send: the peer's first that we said too. */
static void choose_codec(const struct leg *leg, struct media_stream *stream)
{
    for (uint8_t i = 0; i < leg__sdp(leg)->peer.codec_count; i++) {
        const struct sdp_codec *codec = &leg__sdp(leg)->peer.codecs[i];
        const struct codec_ops *ops =
            codec_find_by_sdp(sr_str_c(codec->name), codec->clock_hz, codec->channels);
        bool is_ours = false;

        for (uint8_t j = 0; j < leg__sdp(leg)->ours.codec_count; j++)
            is_ours = is_ours || sdp_codec_same(codec, &leg__sdp(leg)->ours.codecs[j]);
        if (ops == NULL || !is_ours)
            continue;
        stream->send_codec = ops->id;
        stream->send_payload_type = codec->pt;
        if (ops->id == CODEC_OPUS)
            codec_opus_fmtp_parse(sr_str_c(codec->fmtp), &stream->opus);
        break;
    }
}

static void choose_dtmf(const struct leg *leg, struct media_stream *stream)
{
    const struct codec_ops *codec = codec_find(stream->send_codec);
    uint32_t clock_hz = codec != NULL ? codec->clock_hz : 8000;
    uint8_t pt = sdp_event_pt(&leg__sdp(leg)->peer, clock_hz);

    if (pt == SDP_PT_NONE) {
        clock_hz = 8000;
        pt = sdp_event_pt(&leg__sdp(leg)->peer, clock_hz);
    }
    if (pt == SDP_PT_NONE || leg->dtmf == CONFIG_DTMF_INBAND || leg->dtmf == CONFIG_DTMF_INFO)
        return;
    stream->dtmf_wanted = true;
    stream->dtmf_payload_type = pt;
    stream->dtmf_clock_hz = clock_hz;
}

/* How long nothing may be heard from the party: long while it holds or does not send. */
static uint32_t timeout_sec(const struct leg *leg)
{
    const struct config_proxy *proxy = &leg->call->config->proxy;

    return leg->is_holding || !leg->stream.can_recv ? proxy->rtp_timeout_hold_sec
                                                    : proxy->rtp_timeout_sec;
}

/* The peer is this router, at the address the outside knows it by: a call that a provider brought back.
 * Few NATs would bring its audio back (hairpin), so it stays here. */
static void turn_back(const struct leg *leg, struct sr_addr *remote)
{
    if (sr_addr_ip_eq(remote, &leg->rtp) && !sr_addr_ip_eq(&leg->rtp, &leg->rtp_bound) &&
        !sr_addr_is_any(&leg->rtp_bound))
        memcpy(remote->ip, leg->rtp_bound.ip, sizeof(remote->ip));
}

void leg__fill_stream(const struct leg *leg, struct media_stream *ret_stream)
{
    struct media_stream stream = {.send_codec = CODEC_NONE};

    add_formats(&leg__sdp(leg)->ours, &stream);
    choose_codec(leg, &stream);
    choose_dtmf(leg, &stream);
    if (leg->is_webrtc)
        stream.crypto = MEDIA_CRYPTO_DTLS; /* addresses are ICE's */
    else
        stream.signalling = leg->signalling;
    if (!leg->is_webrtc && leg__may_send_to(leg, &leg__sdp(leg)->peer.rtp)) {
        stream.remote_rtp = leg__sdp(leg)->peer.rtp;
        stream.remote_rtcp = leg__sdp(leg)->peer.rtcp;
        turn_back(leg, &stream.remote_rtp);
        turn_back(leg, &stream.remote_rtcp);
    }
    stream.rtcp_mux = leg__sdp(leg)->peer.rtcp_mux && leg__sdp(leg)->ours.rtcp_mux;
    stream.can_send = sdp_direction_sends(leg__sdp(leg)->ours.direction) &&
                      sdp_direction_receives(leg__sdp(leg)->peer.direction);
    stream.can_recv = sdp_direction_receives(leg__sdp(leg)->ours.direction) &&
                      sdp_direction_sends(leg__sdp(leg)->peer.direction);
    stream.ptime_ms = leg__sdp(leg)->peer.ptime_ms ? leg__sdp(leg)->peer.ptime_ms : 20;
    if (leg->ptime_ms != 0)
        stream.ptime_ms = leg->ptime_ms;
    if (!leg->is_webrtc)
        leg__agree_on_keys(leg, &stream);
    *ret_stream = stream;
}

void leg__set_stream(struct leg *leg)
{
    const struct codec_ops *codec;

    if (leg->call->is_pass)
        return; /* pipes__set_streams() did */
    leg__fill_stream(leg, &leg->stream);
    leg->stream.is_dtmf_kept = incall__is_possible(leg);
    leg->crypto_last = leg->stream.crypto;
    if (!leg->is_webrtc)
        leg->is_dtls_client = leg->stream.is_dtls_client;
    codec = codec_find(leg->stream.send_codec);
    leg->has_stream = true;
    leg->stream_at = loop_now(leg->engine->loop);
    if (codec != NULL)
        (void)sr_str_copy(sr_str_c(codec->sdp_name), leg->codec_last, sizeof(leg->codec_last));
    leg->is_holding = leg__is_peer_holding(leg);
    media_leg_set_stream(leg->call->engine->media, leg->media, &leg->stream);
    sr_wipe(&leg->stream.tx, sizeof(leg->stream.tx)); /* the media plane has them now */
    sr_wipe(&leg->stream.rx, sizeof(leg->stream.rx));
    media_leg_set_timeout(leg->call->engine->media, leg->media, timeout_sec(leg));
    verdict__hold_changed(leg);
}

bool leg__is_peer_holding(const struct leg *leg)
{
    return leg->has_peer && !sdp_direction_receives(leg__sdp(leg)->peer.direction);
}

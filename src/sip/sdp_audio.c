/* One audio stream: from a parsed description to a value, and from a value to text. */
#include "sip/sdp_oa.h"

#include "sip/sdp_internal.h"

static const struct {
    const char *name;
    enum sdp_proto proto;
} protos[] = {
    {"RTP/AVP", SDP_PROTO_AVP},
    {"RTP/AVPF", SDP_PROTO_AVPF},
    {"RTP/SAVP", SDP_PROTO_SAVP},
    {"RTP/SAVPF", SDP_PROTO_SAVPF},
    {"UDP/TLS/RTP/SAVP", SDP_PROTO_DTLS_SAVP},
    {"UDP/TLS/RTP/SAVPF", SDP_PROTO_DTLS_SAVPF},
};

static enum sdp_proto proto_of(struct sr_str text)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(protos); i++)
        if (sr_str_ieq_c(text, protos[i].name))
            return protos[i].proto;
    return SDP_PROTO_OTHER;
}

static const char *proto_name(enum sdp_proto proto)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(protos); i++)
        if (protos[i].proto == proto)
            return protos[i].name;
    return "RTP/AVP";
}

void sdp_audio_init(struct sdp_audio *audio)
{
    memset(audio, 0, sizeof(*audio));
    (void)sr_str_copy(SR_STR("0"), audio->session_id, sizeof(audio->session_id));
    (void)sr_str_copy(SR_STR("0"), audio->session_version, sizeof(audio->session_version));
    (void)sr_str_copy(SR_STR("audio"), audio->shape[0].type, sizeof(audio->shape[0].type));
    (void)sr_str_copy(SR_STR("RTP/AVP"), audio->shape[0].proto, sizeof(audio->shape[0].proto));
    (void)sr_str_copy(SR_STR("0"), audio->shape[0].format, sizeof(audio->shape[0].format));
    audio->media_count = 1;
    audio->proto = SDP_PROTO_AVP;
}

void sdp_codec_set(struct sdp_codec *codec, const char *name, uint32_t clock_hz, uint8_t channels,
                   uint8_t pt)
{
    memset(codec, 0, sizeof(*codec));
    (void)sr_str_copy(sr_str_c(name), codec->name, sizeof(codec->name));
    codec->clock_hz = clock_hz;
    codec->channels = channels ? channels : 1;
    codec->pt = pt;
    for (uint8_t number = 0; number <= SDP_STATIC_PT_MAX; number++) {
        struct sdp_rtpmap known;
        if (sdp_rtpmap_static(number, &known) && sr_str_ieq_c(known.name, name) &&
            clock_hz == known.clock_hz && codec->channels == 1)
            codec->pt = number;
    }
}

/* --- reading --------------------------------------------------------------------------------- */

static enum sr_err read_shape(const struct sdp *sdp, struct sdp_audio *audio)
{
    (void)sr_str_copy(sdp->origin.session_id, audio->session_id, sizeof(audio->session_id));
    (void)sr_str_copy(sdp->origin.session_version, audio->session_version,
                      sizeof(audio->session_version));
    audio->media_count = sdp->media_count;
    for (uint8_t i = 0; i < sdp->media_count; i++) {
        const struct sdp_media *media = &sdp->media[i];
        struct sdp_shape *shape = &audio->shape[i];
        struct sr_str mid = {0};
        uint16_t cursor = 0;
        (void)sdp_attr_next(&media->section, "mid", &cursor, &mid); /* often absent */
        if (!sr_str_copy(media->type, shape->type, sizeof(shape->type)) ||
            !sr_str_copy(media->proto, shape->proto, sizeof(shape->proto)) ||
            !sr_str_copy(mid, shape->mid, sizeof(shape->mid)))
            return SR_ERR_LIMIT;
        /* a refused line needs a format, not that format */
        if (!sr_str_copy(media->formats[0], shape->format, sizeof(shape->format)))
            (void)sr_str_copy(SR_STR("0"), shape->format, sizeof(shape->format));
    }
    return SR_OK;
}

static uint8_t find_audio(const struct sdp *sdp)
{
    uint8_t first = sdp->media_count;
    for (uint8_t i = 0; i < sdp->media_count; i++) {
        const struct sdp_media *media = &sdp->media[i];
        if (!sr_str_ieq_c(media->type, "audio"))
            continue;
        if (media->port && proto_of(media->proto) != SDP_PROTO_OTHER)
            return i;
        if (first == sdp->media_count)
            first = i;
    }
    return first;
}

static enum sdp_direction without_receiving(enum sdp_direction direction)
{
    return sdp_direction_sends(direction) ? SDP_SENDONLY : SDP_INACTIVE;
}

static enum sr_err read_addresses(const struct sdp *sdp, const struct sdp_media *media,
                                  struct sdp_audio *audio)
{
    struct sr_str value;
    uint16_t cursor = 0;
    if (media->connection.addr.family == SR_ADDR_NONE)
        return SR_ERR_SYNTAX;
    audio->rtp = media->connection.addr;
    audio->rtp.port = media->port;
    if (sr_addr_is_multicast(&audio->rtp))
        return SR_ERR_PROTO;
    /* with ICE it is the placeholder of one whose candidates trickle (RFC 8839 4.2.1.3), no hold */
    if (sr_addr_is_any(&audio->rtp) && !sdp_attr_find(sdp, media, "ice-ufrag", &value)) {
        audio->is_zero_address = true;
        audio->direction = without_receiving(audio->direction);
    }
    audio->rtcp = audio->rtp;
    audio->rtcp.port = (uint16_t)(media->port < 65535 ? media->port + 1 : media->port);
    if (sdp_attr_next(&media->section, "rtcp", &cursor, &value)) {
        struct sr_addr rtcp;
        if (!sdp_rtcp_parse(value, &rtcp)) {
            audio->rtcp.port = rtcp.port;
            if (rtcp.family != SR_ADDR_NONE && !sr_addr_is_multicast(&rtcp))
                audio->rtcp = rtcp;
        }
    }
    cursor = 0;
    audio->rtcp_mux = sdp_attr_next(&media->section, "rtcp-mux", &cursor, &value);
    if (audio->rtcp_mux)
        audio->rtcp = audio->rtp;
    return SR_OK;
}

struct maps { /* by payload type */
    struct sdp_rtpmap rtpmap[128];
    struct sr_str fmtp[128];
    bool is_seen[128];
};

static void read_maps(const struct sdp_media *media, struct maps *maps)
{
    struct sr_str value;
    uint16_t cursor = 0;
    memset(maps, 0, sizeof(*maps));
    for (uint8_t pt = 0; pt <= SDP_STATIC_PT_MAX; pt++)
        (void)sdp_rtpmap_static(pt, &maps->rtpmap[pt]); /* else it stays empty */
    while (sdp_attr_next(&media->section, "rtpmap", &cursor, &value)) {
        struct sdp_rtpmap rtpmap;
        if (!sdp_rtpmap_parse(value, &rtpmap) && rtpmap.name.n < SDP_CODEC_NAME_MAX)
            maps->rtpmap[rtpmap.pt] = rtpmap;
    }
    cursor = 0;
    while (sdp_attr_next(&media->section, "fmtp", &cursor, &value)) {
        struct sdp_fmtp fmtp;
        if (!sdp_fmtp_parse(value, &fmtp))
            maps->fmtp[fmtp.pt] = fmtp.params;
    }
}

/* Whole parameters as far as they fit. */
static void copy_fmtp(struct sr_str params, char out[SDP_CODEC_FMTP_MAX])
{
    struct sr_buf buf;
    struct sr_str part;
    sr_buf_init_fixed(&buf, out, SDP_CODEC_FMTP_MAX - 1);
    while (sr_str_split(&params, ';', &part)) {
        size_t before = buf.len;
        part = sr_str_trim(part);
        if (!part.n)
            continue;
        if (before)
            sr_buf_char(&buf, ';');
        sdp__put_text(&buf, part);
        if (sr_buf_err(&buf))
            sr_buf_truncate(&buf, before);
    }
    out[buf.len] = '\0';
}

static void read_codecs(const struct sdp_media *media, struct sdp_audio *audio)
{
    struct maps maps;
    read_maps(media, &maps);
    for (uint8_t i = 0; i < media->format_count; i++) {
        uint8_t pt;
        if (sdp_pt_parse(media->formats[i], &pt) || maps.is_seen[pt] || !maps.rtpmap[pt].name.n)
            continue;
        const struct sdp_rtpmap *rtpmap = &maps.rtpmap[pt];
        maps.is_seen[pt] = true;
        if (sr_str_ieq_c(rtpmap->name, "telephone-event")) {
            if (audio->event_count < SDP_EVENTS_MAX)
                audio->events[audio->event_count++] = (struct sdp_event){pt, rtpmap->clock_hz};
        } else if (audio->codec_count < SDP_CODECS_MAX) {
            struct sdp_codec *codec = &audio->codecs[audio->codec_count++];
            (void)sr_str_copy(rtpmap->name, codec->name, sizeof(codec->name)); /* fits: read_maps */
            codec->clock_hz = rtpmap->clock_hz;
            codec->channels = rtpmap->channels;
            codec->pt = pt;
            copy_fmtp(maps.fmtp[pt], codec->fmtp);
        }
    }
}

/* Whether a key may protect as many packets as a call can need: nothing said, 2^20 or more. */
static bool is_long(struct sr_str lifetime)
{
    uint64_t value;
    if (!lifetime.n)
        return true;
    if (sr_str_istarts(lifetime, SR_STR("2^")))
        return !sr_str_u64(sr_str_from(lifetime, 2), 64, &value) && value >= SDP_LIFETIME_BITS_MIN;
    return !sr_str_u64(lifetime, UINT64_MAX, &value) && value >> SDP_LIFETIME_BITS_MIN;
}

/* RFC 4568 6.3: all but a window hint and what says itself that it may be ignored ("-name"). */
static bool has_demands(struct sr_str params)
{
    struct sr_str param;
    while (sdp__token(&params, &param))
        if (param.p[0] != '-' && !sr_str_istarts(param, SR_STR("WSH=")))
            return true;
    return false;
}

/* RFC 8122 5.1: of several the one whose hash proves something (SHA-256 and longer), else the first. */
static void read_fingerprint(const struct sdp *sdp, const struct sdp_media *media,
                             struct sdp_audio *audio)
{
    struct sr_str value;
    uint16_t cursor = 0;
    const struct sdp_section *section =
        sdp_attr_next(&media->section, "fingerprint", &cursor, &value) ? &media->section
                                                                       : &sdp->session;
    audio->fingerprint_hash[0] = '\0';
    audio->fingerprint_bytes = 0;
    cursor = 0;
    while (sdp_attr_next(section, "fingerprint", &cursor, &value)) {
        struct sdp_fingerprint read;
        if (sdp_fingerprint_parse(value, &read) ||
            (audio->fingerprint_hash[0] && read.byte_count < SDP_FINGERPRINT_STRONG_BYTES) ||
            !sr_str_copy(read.hash, audio->fingerprint_hash, sizeof(audio->fingerprint_hash)))
            continue;
        memcpy(audio->fingerprint, read.bytes, sizeof(audio->fingerprint));
        audio->fingerprint_bytes = read.byte_count;
        if (read.byte_count >= SDP_FINGERPRINT_STRONG_BYTES)
            return;
    }
}

static void read_keys(const struct sdp *sdp, const struct sdp_media *media, struct sdp_audio *audio)
{
    struct sr_str value;
    uint16_t cursor = 0;
    while (audio->key_count < SDP_CRYPTO_MAX &&
           sdp_attr_next(&media->section, "crypto", &cursor, &value)) {
        struct sdp_crypto crypto;
        struct sdp_key *key = &audio->keys[audio->key_count];
        if (sdp_crypto_parse(value, &crypto) ||
            !sr_str_copy(crypto.suite, key->suite, sizeof(key->suite)))
            continue;
        key->tag = crypto.tag;
        memcpy(key->key, crypto.key, sizeof(key->key));
        key->key_bytes = crypto.key_bytes;
        key->has_mki = crypto.mki.n > 0;
        key->has_terms = !is_long(crypto.lifetime) || has_demands(crypto.session_params);
        audio->key_count++;
    }
    read_fingerprint(sdp, media, audio);
    if (sdp_attr_find(sdp, media, "setup", &value) && sdp_setup_parse(value, &audio->setup))
        audio->setup = SDP_SETUP_NONE;
}

static enum sr_err read_ice(const struct sdp *sdp, const struct sdp_media *media,
                            struct sdp_audio *audio)
{
    struct sr_str value;
    uint16_t cursor = 0;
    if (sdp_attr_find(sdp, media, "ice-ufrag", &value) &&
        !sr_str_copy(value, audio->ice_ufrag, sizeof(audio->ice_ufrag)))
        return SR_ERR_LIMIT;
    if (sdp_attr_find(sdp, media, "ice-pwd", &value) &&
        !sr_str_copy(value, audio->ice_pwd, sizeof(audio->ice_pwd)))
        return SR_ERR_LIMIT;
    audio->is_ice_lite = sdp_attr_next(&sdp->session, "ice-lite", &cursor, &value);
    memcpy(audio->mid, audio->shape[audio->media_index].mid, sizeof(audio->mid));
    audio->is_bundle = audio->mid[0] && sdp_group_has(sdp, "BUNDLE", sr_str_c(audio->mid));
    cursor = 0;
    while (sdp_attr_next(&media->section, "ssrc", &cursor, &value)) {
        struct sdp_ssrc ssrc;
        if (sdp_ssrc_parse(value, &ssrc))
            continue;
        if (!audio->has_ssrc)
            audio->ssrc = ssrc.ssrc;
        audio->has_ssrc = true;
        if (ssrc.ssrc == audio->ssrc && sr_str_eq_c(ssrc.attr, "cname"))
            (void)sr_str_copy(ssrc.value, audio->cname, sizeof(audio->cname)); /* cut is fine */
    }
    return SR_OK;
}

enum sr_err sdp_audio_read(const struct sdp *sdp, struct sdp_audio *ret_audio)
{
    struct sdp_audio *audio = ret_audio;
    struct sr_str value;
    memset(audio, 0, sizeof(*audio));
    enum sr_err err = read_shape(sdp, audio);
    if (err)
        return err;
    audio->media_index = find_audio(sdp);
    if (audio->media_index == sdp->media_count)
        return SR_OK;
    const struct sdp_media *media = &sdp->media[audio->media_index];
    audio->proto = proto_of(media->proto);
    audio->direction = media->direction;
    audio->is_active = media->port != 0 && audio->proto != SDP_PROTO_OTHER;
    if (audio->is_active)
        err = read_addresses(sdp, media, audio);
    if (err)
        return err;
    if (sdp_attr_find(sdp, media, "ptime", &value) && sdp_ptime_parse(value, &audio->ptime_ms))
        audio->ptime_ms = 0; /* senseless: as not said */
    if (sdp_attr_find(sdp, media, "maxptime", &value) &&
        sdp_ptime_parse(value, &audio->ptime_ms_max))
        audio->ptime_ms_max = 0;
    read_codecs(media, audio);
    read_keys(sdp, media, audio);
    return read_ice(sdp, media, audio);
}

/* --- writing --------------------------------------------------------------------------------- */

static void put_session(const struct sdp_audio *audio, struct sr_buf *buf)
{
    char addr[SR_ADDR_TEXT_MAX] = "0.0.0.0";
    if (audio->rtp.family != SR_ADDR_NONE)
        (void)sr_addr_ip_text(&audio->rtp, addr);
    sr_buf_c(buf, "v=0\r\no=- ");
    sdp__put_text(buf, sr_str_c(audio->session_id));
    sr_buf_char(buf, ' ');
    sdp__put_text(buf, sr_str_c(audio->session_version));
    sr_buf_fmt(buf, " IN %s %s\r\ns=-\r\n", audio->rtp.family == SR_ADDR_IP6 ? "IP6" : "IP4", addr);
    sdp_put_connection(buf, &audio->rtp);
    sr_buf_c(buf, "t=0 0\r\n");
    if (audio->is_bundle && audio->is_active) {
        sr_buf_c(buf, "a=group:BUNDLE ");
        sdp__put_text(buf, sr_str_c(audio->mid));
        sr_buf_c(buf, "\r\n");
    }
    if (audio->is_ice_lite)
        sdp_put_attr(buf, "ice-lite", sr_str_c(""));
}

static void put_refused(const struct sdp_shape *shape, struct sr_buf *buf)
{
    sr_buf_c(buf, "m=");
    sdp__put_text(buf, sr_str_c(shape->type));
    sr_buf_c(buf, " 0 ");
    sdp__put_text(buf, sr_str_c(shape->proto));
    sr_buf_char(buf, ' ');
    sdp__put_text(buf, sr_str_c(shape->format));
    sr_buf_c(buf, "\r\n");
    if (shape->mid[0])
        sdp_put_attr(buf, "mid", sr_str_c(shape->mid));
}

static void put_codecs(const struct sdp_audio *audio, struct sr_buf *buf)
{
    sr_buf_fmt(buf, "m=audio %u %s", audio->rtp.port, proto_name(audio->proto));
    for (uint8_t i = 0; i < audio->codec_count; i++)
        sr_buf_fmt(buf, " %u", audio->codecs[i].pt);
    for (uint8_t i = 0; i < audio->event_count; i++)
        sr_buf_fmt(buf, " %u", audio->events[i].pt);
    sr_buf_c(buf, "\r\n");
    for (uint8_t i = 0; i < audio->codec_count; i++) {
        const struct sdp_codec *codec = &audio->codecs[i];
        sr_buf_fmt(buf, "a=rtpmap:%u ", codec->pt);
        sdp__put_text(buf, sr_str_c(codec->name));
        sr_buf_fmt(buf, "/%u", codec->clock_hz);
        if (codec->channels > 1)
            sr_buf_fmt(buf, "/%u", codec->channels);
        sr_buf_c(buf, "\r\n");
        if (codec->fmtp[0]) {
            sr_buf_fmt(buf, "a=fmtp:%u ", codec->pt);
            sdp__put_text(buf, sr_str_c(codec->fmtp));
            sr_buf_c(buf, "\r\n");
        }
    }
    for (uint8_t i = 0; i < audio->event_count; i++)
        sr_buf_fmt(buf, "a=rtpmap:%u telephone-event/%u\r\na=fmtp:%u 0-16\r\n", audio->events[i].pt,
                   audio->events[i].clock_hz, audio->events[i].pt);
}

static void put_rtcp(const struct sdp_audio *audio, struct sr_buf *buf)
{
    char text[SR_ADDR_TEXT_MAX];
    if (audio->rtcp_mux) {
        sr_buf_fmt(buf, "a=rtcp:%u\r\na=rtcp-mux\r\n", audio->rtp.port);
        return;
    }
    bool is_other_ip =
        audio->rtcp.family != SR_ADDR_NONE && !sr_addr_ip_eq(&audio->rtcp, &audio->rtp);
    if (audio->rtcp.family == SR_ADDR_NONE ||
        (!is_other_ip && audio->rtcp.port == audio->rtp.port + 1))
        return;
    sr_buf_fmt(buf, "a=rtcp:%u", audio->rtcp.port);
    if (is_other_ip)
        sr_buf_fmt(buf, " IN %s %s", audio->rtcp.family == SR_ADDR_IP6 ? "IP6" : "IP4",
                   sr_addr_ip_text(&audio->rtcp, text));
    sr_buf_c(buf, "\r\n");
}

static void put_security(const struct sdp_audio *audio, struct sr_buf *buf)
{
    for (uint8_t i = 0; i < audio->key_count; i++)
        sdp_put_crypto(buf, audio->keys[i].tag, sr_str_c(audio->keys[i].suite), audio->keys[i].key,
                       audio->keys[i].key_bytes);
    if (audio->fingerprint_hash[0])
        sdp_put_fingerprint(buf, sr_str_c(audio->fingerprint_hash), audio->fingerprint,
                            audio->fingerprint_bytes);
    if (audio->setup != SDP_SETUP_NONE)
        sdp_put_attr(buf, "setup", sr_str_c(sdp_setup_name(audio->setup)));
}

static void put_ice(const struct sdp_audio *audio, const struct sdp_extras *extras,
                    struct sr_buf *buf)
{
    if (audio->mid[0])
        sdp_put_attr(buf, "mid", sr_str_c(audio->mid));
    if (audio->ice_ufrag[0])
        sdp_put_attr(buf, "ice-ufrag", sr_str_c(audio->ice_ufrag));
    if (audio->ice_pwd[0])
        sdp_put_attr(buf, "ice-pwd", sr_str_c(audio->ice_pwd));
    for (size_t i = 0; extras && i < extras->candidate_count; i++) {
        sr_buf_c(buf, "a=candidate:");
        sdp_candidate_write(&extras->candidates[i], buf);
        sr_buf_c(buf, "\r\n");
    }
    if (extras && extras->has_end_of_candidates)
        sdp_put_attr(buf, "end-of-candidates", sr_str_c(""));
    if (extras && extras->msid.n)
        sdp_put_attr(buf, "msid", extras->msid);
    if (audio->has_ssrc) {
        sr_buf_fmt(buf, "a=ssrc:%u cname:", audio->ssrc);
        sdp__put_text(buf, audio->cname[0] ? sr_str_c(audio->cname) : SR_STR("-"));
        sr_buf_c(buf, "\r\n");
    }
}

enum sr_err sdp_audio_write(const struct sdp_audio *audio, const struct sdp_extras *extras,
                            struct sr_buf *buf)
{
    SR_ASSERT(audio->media_count <= SDP_MEDIA_MAX);
    if (audio->is_active &&
        (!audio->codec_count || !audio->rtp.port || audio->media_index >= audio->media_count))
        return SR_ERR_STATE;
    put_session(audio, buf);
    for (uint8_t i = 0; i < audio->media_count; i++) {
        if (!audio->is_active || i != audio->media_index) {
            put_refused(&audio->shape[i], buf);
            continue;
        }
        put_codecs(audio, buf);
        if (audio->ptime_ms)
            sr_buf_fmt(buf, "a=ptime:%u\r\n", audio->ptime_ms);
        if (audio->ptime_ms_max)
            sr_buf_fmt(buf, "a=maxptime:%u\r\n", audio->ptime_ms_max);
        sdp_put_attr(buf, sdp_direction_name(audio->direction), sr_str_c(""));
        put_rtcp(audio, buf);
        put_security(audio, buf);
        put_ice(audio, extras, buf);
    }
    return sr_buf_err(buf);
}

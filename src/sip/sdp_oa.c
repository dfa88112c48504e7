/* Offer and answer over values. */
#include "sip/sdp_oa.h"

#include "base/alloc.h"

bool sdp_codec_same(const struct sdp_codec *a, const struct sdp_codec *b)
{
    return a->clock_hz == b->clock_hz && a->channels == b->channels &&
           sr_str_ieq_c(sr_str_c(a->name), b->name);
}

uint8_t sdp_event_pt(const struct sdp_audio *audio, uint32_t clock_hz)
{
    for (uint8_t i = 0; i < audio->event_count; i++)
        if (audio->events[i].clock_hz == clock_hz)
            return audio->events[i].pt;
    return SDP_PT_NONE;
}

static const struct sdp_codec *find_same(const struct sdp_codec *list, size_t count,
                                         const struct sdp_codec *codec)
{
    for (size_t i = 0; i < count; i++)
        if (sdp_codec_same(&list[i], codec))
            return &list[i];
    return NULL;
}

/* --- directions ------------------------------------------------------------------------------ */

static enum sdp_direction direction_of(bool is_sending, bool is_receiving)
{
    if (is_sending)
        return is_receiving ? SDP_SENDRECV : SDP_SENDONLY;
    return is_receiving ? SDP_RECVONLY : SDP_INACTIVE;
}

enum sdp_direction sdp_direction_mirror(enum sdp_direction direction)
{
    return direction_of(sdp_direction_receives(direction), sdp_direction_sends(direction));
}

enum sdp_direction sdp_direction_answer(enum sdp_direction offered, enum sdp_direction wanted)
{
    return direction_of(sdp_direction_sends(wanted) && sdp_direction_receives(offered),
                        sdp_direction_receives(wanted) && sdp_direction_sends(offered));
}

/* --- offers ---------------------------------------------------------------------------------- */

struct numbers { /* payload types taken */
    bool is_used[128];
};

static uint8_t take_number(struct numbers *numbers, uint8_t wanted)
{
    uint8_t pt = wanted;
    if (wanted >= 128 || numbers->is_used[wanted]) {
        for (pt = 96; pt < 128 && numbers->is_used[pt]; pt++)
            ;
        if (pt == 128) { /* the rarely used block below */
            for (pt = 35; pt < 64 && numbers->is_used[pt]; pt++)
                ;
        }
    }
    numbers->is_used[pt] = true;
    return pt;
}

static void add_codec(struct sdp_audio *audio, const struct sdp_codec *codec, uint8_t pt)
{
    if (audio->codec_count == SDP_CODECS_MAX)
        return;
    audio->codecs[audio->codec_count] = *codec;
    audio->codecs[audio->codec_count++].pt = pt;
}

static void add_events(const struct sdp_audio *from, struct numbers *numbers,
                       struct sdp_audio *audio)
{
    for (uint8_t i = 0; i < audio->codec_count; i++) {
        uint32_t clock_hz = audio->codecs[i].clock_hz;
        if (audio->event_count == SDP_EVENTS_MAX || sdp_event_pt(audio, clock_hz) != SDP_PT_NONE)
            continue;
        uint8_t pt = from ? sdp_event_pt(from, clock_hz) : SDP_PT_NONE;
        if (pt == SDP_PT_NONE) /* 101 is what most phones write */
            pt = take_number(numbers, 101);
        audio->events[audio->event_count++] = (struct sdp_event){pt, clock_hz};
    }
}

void sdp_codecs_merge(const struct sdp_audio *from, const struct sdp_codec *allowed,
                      size_t allowed_count, struct sdp_audio *audio)
{
    struct numbers numbers = {0};
    const struct sdp_audio source = from ? *from : (struct sdp_audio){0}; /* audio may be from */
    audio->codec_count = 0;
    audio->event_count = 0;
    for (uint8_t i = 0; i < source.event_count; i++)
        numbers.is_used[source.events[i].pt & 127] = true;
    for (uint8_t i = 0; i < source.codec_count; i++) {
        const struct sdp_codec *codec = &source.codecs[i];
        const struct sdp_codec *ours = find_same(allowed, allowed_count, codec);
        if (!ours || find_same(audio->codecs, audio->codec_count, codec))
            continue;
        numbers.is_used[codec->pt & 127] = true;
        add_codec(audio, ours, codec->pt);
    }
    for (size_t i = 0; i < allowed_count; i++) /* static numbers and wishes first */
        if (!find_same(audio->codecs, audio->codec_count, &allowed[i]))
            add_codec(audio, &allowed[i], take_number(&numbers, allowed[i].pt));
    add_events(from ? &source : NULL, &numbers, audio);
}

/* --- answers --------------------------------------------------------------------------------- */

static bool is_sdes(enum sdp_proto proto)
{
    return proto == SDP_PROTO_SAVP || proto == SDP_PROTO_SAVPF;
}

static bool is_dtls(enum sdp_proto proto)
{
    return proto == SDP_PROTO_DTLS_SAVP || proto == SDP_PROTO_DTLS_SAVPF;
}

/* Our suite, with the key in use when it is the same suite and tag as until now. */
static enum sr_err choose_key(const struct sdp_audio *offer, const struct sdp_answer_wish *wish,
                              struct sdp_audio *answer)
{
    for (size_t s = 0; s < wish->suite_count; s++) {
        for (uint8_t i = 0; i < offer->key_count; i++) {
            const struct sdp_key *theirs = &offer->keys[i];
            if (theirs->has_mki || theirs->has_terms ||
                !sr_str_ieq_c(sr_str_c(theirs->suite), wish->suites[s]))
                continue;
            struct sdp_key *ours = &answer->keys[0];
            memset(ours, 0, sizeof(*ours));
            ours->tag = theirs->tag;
            memcpy(ours->suite, theirs->suite, sizeof(ours->suite));
            for (uint8_t k = 0; wish->before && k < wish->before->key_count; k++) {
                const struct sdp_key *old = &wish->before->keys[k];
                if (sr_str_ieq_c(sr_str_c(old->suite), ours->suite)) {
                    memcpy(ours->key, old->key, sizeof(ours->key));
                    ours->key_bytes = old->key_bytes;
                }
            }
            answer->key_count = 1;
            return SR_OK;
        }
    }
    return SR_ERR_PROTO;
}

static enum sr_err answer_security(const struct sdp_audio *offer,
                                   const struct sdp_answer_wish *wish, struct sdp_audio *answer)
{
    if (!is_dtls(offer->proto) && offer->key_count && !choose_key(offer, wish, answer))
        return SR_OK;
    if (!is_dtls(offer->proto) && !is_sdes(offer->proto))
        return SR_OK;
    if (!offer->fingerprint_hash[0])
        return SR_ERR_PROTO;
    answer->setup = offer->setup == SDP_SETUP_PASSIVE ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
    if (wish->before) {
        memcpy(answer->fingerprint_hash, wish->before->fingerprint_hash,
               sizeof(answer->fingerprint_hash));
        memcpy(answer->fingerprint, wish->before->fingerprint, sizeof(answer->fingerprint));
        answer->fingerprint_bytes = wish->before->fingerprint_bytes;
    }
    return SR_OK;
}

static void answer_codecs(const struct sdp_audio *offer, const struct sdp_answer_wish *wish,
                          struct sdp_audio *answer)
{
    for (uint8_t i = 0; i < offer->codec_count; i++) {
        const struct sdp_codec *theirs = &offer->codecs[i];
        const struct sdp_codec *ours = find_same(wish->allowed, wish->allowed_count, theirs);
        if (!ours || (wish->is_single && answer->codec_count))
            continue;
        struct sdp_codec *codec = &answer->codecs[answer->codec_count++];
        *codec = *theirs; /* their spelling and number, our parameters */
        memcpy(codec->fmtp, ours->fmtp, sizeof(codec->fmtp));
    }
    for (uint8_t i = 0; i < offer->event_count; i++)
        for (uint8_t c = 0; c < answer->codec_count; c++)
            if (answer->codecs[c].clock_hz == offer->events[i].clock_hz) {
                answer->events[answer->event_count++] = offer->events[i];
                break;
            }
    if (!answer->event_count && offer->event_count) /* 8000 beside opus: some phones do */
        answer->events[answer->event_count++] = offer->events[0];
}

static uint16_t answer_ptime(const struct sdp_audio *offer, uint16_t wanted)
{
    uint16_t ptime = wanted ? wanted : offer->ptime_ms ? offer->ptime_ms : 20;
    if (offer->ptime_ms_max && ptime > offer->ptime_ms_max)
        ptime = offer->ptime_ms_max;
    return ptime;
}

static void answer_identity(const struct sdp_audio *offer, const struct sdp_answer_wish *wish,
                            struct sdp_audio *answer)
{
    const struct sdp_audio *before = wish->before;
    struct sr_buf buf;
    if (before) {
        memcpy(answer->session_id, before->session_id, sizeof(answer->session_id));
        memcpy(answer->session_version, before->session_version, sizeof(answer->session_version));
        memcpy(answer->ice_ufrag, before->ice_ufrag, sizeof(answer->ice_ufrag));
        memcpy(answer->ice_pwd, before->ice_pwd, sizeof(answer->ice_pwd));
        answer->is_ice_lite = before->is_ice_lite;
        answer->has_ssrc = before->has_ssrc;
        answer->ssrc = before->ssrc;
        memcpy(answer->cname, before->cname, sizeof(answer->cname));
    } else {
        sr_buf_init_fixed(&buf, answer->session_id, sizeof(answer->session_id) - 1);
        sr_buf_u64(&buf, wish->session_id);
        answer->session_id[buf.len] = '\0';
        (void)sr_str_copy(SR_STR("1"), answer->session_version, sizeof(answer->session_version));
    }
    memcpy(answer->shape, offer->shape, sizeof(answer->shape));
    answer->media_count = offer->media_count;
    answer->media_index = offer->media_index;
    answer->proto = offer->proto;
    answer->rtp = wish->rtp;
}

enum sr_err sdp_answer_make(const struct sdp_audio *offer, const struct sdp_answer_wish *wish,
                            struct sdp_audio *ret_answer)
{
    struct sdp_audio answer;
    enum sr_err err = SR_OK;
    memset(&answer, 0, sizeof(answer));
    answer_identity(offer, wish, &answer);
    answer.direction = SDP_INACTIVE;
    if (offer->is_active) {
        answer_codecs(offer, wish, &answer);
        if (!answer.codec_count)
            err = SR_ERR_NOTFOUND;
        else
            err = answer_security(offer, wish, &answer);
    } else if (offer->media_index == offer->media_count) {
        err = SR_ERR_NOTFOUND;
    }
    if (!err && offer->is_active) {
        answer.is_active = true;
        answer.rtcp_mux = offer->rtcp_mux && wish->rtcp_mux_wanted;
        answer.rtcp = wish->rtcp;
        if (answer.rtcp_mux || answer.rtcp.family == SR_ADDR_NONE)
            answer.rtcp = answer.rtp;
        if (!answer.rtcp_mux && wish->rtcp.family == SR_ADDR_NONE)
            answer.rtcp.port = (uint16_t)(answer.rtp.port + 1);
        answer.direction = sdp_direction_answer(offer->direction, wish->direction);
        answer.ptime_ms = answer_ptime(offer, wish->ptime_ms);
        memcpy(answer.mid, offer->mid, sizeof(answer.mid));
        answer.is_bundle = offer->is_bundle;
    } else {
        answer.codec_count = 0;
        answer.event_count = 0;
        answer.key_count = 0;
    }
    *ret_answer = answer;
    sr_wipe(&answer, sizeof(answer));
    return err;
}

static bool is_key_offered(const struct sdp_audio *offer, const struct sdp_key *key)
{
    for (uint8_t i = 0; i < offer->key_count; i++)
        if (offer->keys[i].tag == key->tag &&
            sr_str_ieq_c(sr_str_c(offer->keys[i].suite), key->suite))
            return true;
    return false;
}

static enum sr_err accept_key(const struct sdp_audio *offer, const struct sdp_audio *answer)
{
    return answer->key_count == 1 && is_key_offered(offer, &answer->keys[0]) ? SR_OK : SR_ERR_PROTO;
}

static enum sr_err accept_security(const struct sdp_audio *offer, const struct sdp_audio *answer)
{
    bool is_secure = is_sdes(offer->proto) || is_dtls(offer->proto);
    if (!is_secure && offer->key_count && !is_dtls(answer->proto)) /* to be taken or left */
        return !answer->key_count && !is_sdes(answer->proto) ? SR_OK : accept_key(offer, answer);
    if (is_secure != (is_sdes(answer->proto) || is_dtls(answer->proto)))
        return SR_ERR_PROTO;
    if (!is_secure)
        return SR_OK;
    if (offer->fingerprint_hash[0])
        return answer->fingerprint_hash[0] && answer->setup != SDP_SETUP_ACTPASS &&
                       (answer->setup != offer->setup || offer->setup == SDP_SETUP_NONE)
                   ? SR_OK
                   : SR_ERR_PROTO;
    return accept_key(offer, answer);
}

enum sr_err sdp_answer_accept(const struct sdp_audio *offer, struct sdp_audio *answer)
{
    if (answer->media_count != offer->media_count)
        return SR_ERR_PROTO;
    if (!answer->is_active)
        return SR_OK;
    if (!offer->is_active || answer->media_index != offer->media_index)
        return SR_ERR_PROTO;
    enum sr_err err = accept_security(offer, answer);
    if (err)
        return err;
    uint8_t kept = 0;
    for (uint8_t i = 0; i < answer->codec_count; i++) {
        if (!find_same(offer->codecs, offer->codec_count, &answer->codecs[i]))
            continue;
        if (kept != i)
            answer->codecs[kept] = answer->codecs[i];
        kept++;
    }
    answer->codec_count = kept;
    if (!kept)
        return SR_ERR_NOTFOUND;
    kept = 0;
    for (uint8_t i = 0; i < answer->event_count; i++)
        if (sdp_event_pt(offer, answer->events[i].clock_hz) != SDP_PT_NONE)
            answer->events[kept++] = answer->events[i];
    answer->event_count = kept;
    answer->direction = sdp_direction_answer(offer->direction, answer->direction);
    if (answer->rtcp_mux && !offer->rtcp_mux) {
        answer->rtcp_mux = false;
        answer->rtcp.port = (uint16_t)(answer->rtp.port + 1);
    }
    return SR_OK;
}

/* --- changes --------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool same_codecs(const struct sdp_audio *a, const struct sdp_audio *b)
{
    if (a->codec_count != b->codec_count || a->event_count != b->event_count)
        return false;
    for (uint8_t i = 0; i < a->codec_count; i++)
        if (!sdp_codec_same(&a->codecs[i], &b->codecs[i]) || a->codecs[i].pt != b->codecs[i].pt ||
            !same_text(a->codecs[i].fmtp, b->codecs[i].fmtp))
            return false;
    for (uint8_t i = 0; i < a->event_count; i++)
        if (a->events[i].pt != b->events[i].pt || a->events[i].clock_hz != b->events[i].clock_hz)
            return false;
    return true;
}

static bool same_keys(const struct sdp_audio *a, const struct sdp_audio *b)
{
    if (a->proto != b->proto || a->key_count != b->key_count || a->setup != b->setup ||
        !same_text(a->fingerprint_hash, b->fingerprint_hash) ||
        a->fingerprint_bytes != b->fingerprint_bytes ||
        memcmp(a->fingerprint, b->fingerprint, a->fingerprint_bytes) != 0)
        return false;
    for (uint8_t i = 0; i < a->key_count; i++) {
        const struct sdp_key *x = &a->keys[i];
        const struct sdp_key *y = &b->keys[i];
        if (x->tag != y->tag || !same_text(x->suite, y->suite) || x->has_mki != y->has_mki ||
            x->has_terms != y->has_terms ||
            !sr_str_eq_secret(sr_str_make((const char *)x->key, x->key_bytes),
                              sr_str_make((const char *)y->key, y->key_bytes)))
            return false;
    }
    return true;
}

static bool same_shape(const struct sdp_audio *a, const struct sdp_audio *b)
{
    if (a->media_count != b->media_count || a->media_index != b->media_index)
        return false;
    for (uint8_t i = 0; i < a->media_count; i++)
        if (i != a->media_index && (!same_text(a->shape[i].type, b->shape[i].type) ||
                                    !same_text(a->shape[i].proto, b->shape[i].proto)))
            return false;
    return true;
}

unsigned sdp_audio_changes(const struct sdp_audio *before, const struct sdp_audio *after)
{
    unsigned changes = SDP_CHANGE_NONE;
    if (before->is_active != after->is_active)
        changes |= SDP_CHANGE_ACTIVE;
    if (!sr_addr_eq(&before->rtp, &after->rtp) || !sr_addr_eq(&before->rtcp, &after->rtcp) ||
        before->rtcp_mux != after->rtcp_mux)
        changes |= SDP_CHANGE_ADDRESS;
    if (before->direction != after->direction || before->is_zero_address != after->is_zero_address)
        changes |= SDP_CHANGE_DIRECTION;
    if (!same_codecs(before, after))
        changes |= SDP_CHANGE_CODECS;
    if (before->ptime_ms != after->ptime_ms || before->ptime_ms_max != after->ptime_ms_max)
        changes |= SDP_CHANGE_PTIME;
    if (!same_keys(before, after))
        changes |= SDP_CHANGE_KEYS;
    if (!same_text(before->ice_ufrag, after->ice_ufrag) ||
        !same_text(before->ice_pwd, after->ice_pwd))
        changes |= SDP_CHANGE_ICE;
    if (!same_shape(before, after))
        changes |= SDP_CHANGE_SHAPE;
    return changes;
}

void sdp_audio_version(const struct sdp_audio *before, struct sdp_audio *now)
{
    bool is_same = sdp_audio_changes(before, now) == SDP_CHANGE_NONE &&
                   before->has_ssrc == now->has_ssrc && before->ssrc == now->ssrc &&
                   same_text(before->mid, now->mid) && before->is_bundle == now->is_bundle;
    uint64_t version = 0;
    struct sr_buf buf;
    memcpy(now->session_id, before->session_id, sizeof(now->session_id));
    memcpy(now->session_version, before->session_version, sizeof(now->session_version));
    if (is_same)
        return;
    if (sr_str_u64(sr_str_c(before->session_version), UINT64_MAX - 1, &version))
        version = 0; /* ours are always numbers; a foreign one starts anew */
    sr_buf_init_fixed(&buf, now->session_version, sizeof(now->session_version) - 1);
    sr_buf_u64(&buf, version + 1);
    now->session_version[buf.len] = '\0';
}

/* Encryption of one leg's audio: what `srtp` of a device or provider means for its offers and
 * answers (docs/security.md), and the keys of what was agreed: in the SDP (SDES, RFC 4568), or by a
 * handshake (DTLS-SRTP, RFC 5763). */
#include "base/alloc.h"
#include "call/internal.h"
#include "call/webrtc.h"
#include "rtc/srtp.h"

/* By preference. The short tag is taken from phones that know nothing better, never offered. */
static const enum srtp_suite offered[] = {
    SRTP_AEAD_AES_256_GCM,
    SRTP_AEAD_AES_128_GCM,
    SRTP_AES_CM_128_HMAC_SHA1_80,
};

static const char *const taken[] = {
    "AEAD_AES_256_GCM",
    "AEAD_AES_128_GCM",
    "AES_CM_128_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32",
};

void leg__set_srtp(struct leg *leg, enum config_srtp srtp, const struct net_flow *flow)
{
    leg->srtp = srtp;
    leg->is_signalling_secure = net_kind_is_secure(flow->kind);
}

/* A line that names another suite, or a key of the wrong size for it, is as if it were not there. */
static bool is_known(const struct sdp_key *key)
{
    enum srtp_suite suite = srtp_suite_by_name(sr_str_c(key->suite));

    return suite != SRTP_SUITE_NONE && key->key_bytes == srtp_key_bytes(suite);
}

void leg__keep_known_keys(struct sdp_audio *peer, enum config_srtp srtp)
{
    uint8_t kept = 0;

    for (uint8_t i = 0; i < peer->key_count; i++) {
        if (srtp != CONFIG_SRTP_OFF && is_known(&peer->keys[i]))
            peer->keys[kept++] = peer->keys[i];
    }
    sr_wipe(&peer->keys[kept], (size_t)(SDP_CRYPTO_MAX - kept) * sizeof(peer->keys[0]));
    peer->key_count = kept;
}

static void make_key(struct sdp_key *key)
{
    key->key_bytes = (uint8_t)srtp_key_bytes(srtp_suite_by_name(sr_str_c(key->suite)));
    sr_random_bytes(key->key, key->key_bytes);
}

static void put_our_fingerprint(const struct leg *leg, struct sdp_audio *ours)
{
    char text[DTLS_FINGERPRINT_TEXT_MAX];

    media_port_fingerprint(leg->engine->media, text);
    webrtc__put_fingerprint(text, ours);
}

/* RFC 5763 5: RTCP on the same port, so that one handshake is enough. */
static void offer_dtls(const struct leg *leg, struct sdp_audio *ours)
{
    ours->proto = SDP_PROTO_DTLS_SAVP;
    ours->setup = SDP_SETUP_ACTPASS;
    ours->rtcp_mux = true;
    put_our_fingerprint(leg, ours);
}

void leg__offer_keys(const struct leg *leg, struct sdp_audio *ours)
{
    bool is_wanted = leg->srtp == CONFIG_SRTP_REQUIRED ||
                     (leg->srtp == CONFIG_SRTP_OPTIONAL && leg->is_signalling_secure);

    if (leg->is_dtls_offered) {
        offer_dtls(leg, ours);
        return;
    }
    ours->proto = leg->srtp == CONFIG_SRTP_REQUIRED ? SDP_PROTO_SAVP : SDP_PROTO_AVP;
    for (size_t i = 0; is_wanted && i < SR_ARRAY_LEN(offered); i++) {
        struct sdp_key *key = &ours->keys[ours->key_count++];

        *key = (struct sdp_key){.tag = (uint32_t)(i + 1)};
        (void)sr_str_copy(sr_str_c(srtp_suite_name(offered[i])), key->suite, sizeof(key->suite));
        make_key(key);
    }
}

void leg__wish_keys(const struct leg *leg, struct sdp_answer_wish *wish)
{
    if (leg->srtp == CONFIG_SRTP_OFF)
        return;
    wish->suites = taken;
    wish->suite_count = SR_ARRAY_LEN(taken);
}

void leg__complete_keys(const struct leg *leg, struct sdp_audio *ours)
{
    if (ours->setup != SDP_SETUP_NONE && !leg->is_webrtc) {
        if (leg->is_dtls_client && leg__sdp(leg)->peer.setup == SDP_SETUP_ACTPASS)
            ours->setup = SDP_SETUP_ACTIVE; /* RFC 8842 5.3: the roles stay */
        put_our_fingerprint(leg, ours);
    }
    for (uint8_t i = 0; i < ours->key_count; i++) {
        if (ours->keys[i].key_bytes == 0)
            make_key(&ours->keys[i]);
    }
}

static bool is_encrypted_profile(enum sdp_proto proto)
{
    return proto != SDP_PROTO_AVP && proto != SDP_PROTO_AVPF;
}

static bool is_dtls_profile(enum sdp_proto proto)
{
    return proto == SDP_PROTO_DTLS_SAVP || proto == SDP_PROTO_DTLS_SAVPF;
}

bool leg__can_agree_on_srtp(const struct leg *leg)
{
    const struct sdp_audio *peer = &leg__sdp(leg)->peer;
    struct dtls_fingerprint fingerprint;

    for (uint8_t i = 0; i < peer->key_count && !is_dtls_profile(peer->proto); i++) {
        if (!peer->keys[i].has_mki && !peer->keys[i].has_terms)
            return true;
    }
    if (is_encrypted_profile(peer->proto) && leg->srtp != CONFIG_SRTP_OFF &&
        webrtc__read_fingerprint(peer, &fingerprint) == SR_OK)
        return true;
    return leg->srtp != CONFIG_SRTP_REQUIRED && !is_encrypted_profile(peer->proto);
}

static void copy_key(const struct sdp_key *from, struct srtp_keys *to)
{
    to->suite = srtp_suite_by_name(sr_str_c(from->suite));
    memcpy(to->bytes, from->key, SR_MIN(sizeof(to->bytes), (size_t)from->key_bytes));
}

/* The offerer said many lines, the answerer the one it took. */
void leg__agree_on_keys(const struct leg *leg, struct media_stream *stream)
{
    for (uint8_t i = 0; i < leg__sdp(leg)->ours.key_count; i++) {
        for (uint8_t j = 0; j < leg__sdp(leg)->peer.key_count; j++) {
            const struct sdp_key *ours = &leg__sdp(leg)->ours.keys[i],
                                 *theirs = &leg__sdp(leg)->peer.keys[j];

            if (ours->tag != theirs->tag || !sr_str_ieq_c(sr_str_c(ours->suite), theirs->suite))
                continue;
            stream->crypto = MEDIA_CRYPTO_SDES;
            copy_key(ours, &stream->tx);
            copy_key(theirs, &stream->rx);
            return;
        }
    }
    if (leg__sdp(leg)->ours.setup == SDP_SETUP_NONE ||
        leg__sdp(leg)->ours.fingerprint_hash[0] == '\0' ||
        webrtc__read_fingerprint(&leg__sdp(leg)->peer, &stream->dtls_peer) != SR_OK)
        return;
    stream->crypto = MEDIA_CRYPTO_DTLS;
    stream->is_dtls_client = webrtc__is_client(&leg__sdp(leg)->ours, &leg__sdp(leg)->peer);
}

bool leg__is_srtp_missing(const struct leg *leg)
{
    struct media_stream stream = {.crypto = MEDIA_CRYPTO_NONE};
    bool is_missing;

    leg__agree_on_keys(leg, &stream);
    is_missing =
        stream.crypto == MEDIA_CRYPTO_NONE &&
        (leg->srtp == CONFIG_SRTP_REQUIRED || is_encrypted_profile(leg__sdp(leg)->ours.proto));
    sr_wipe(&stream, sizeof(stream));
    return is_missing;
}

const char *leg__encrypted_name(const struct leg *leg)
{
    switch (leg->crypto_last) {
    case MEDIA_CRYPTO_NONE:
        return "no";
    case MEDIA_CRYPTO_SDES:
        return "sdes";
    case MEDIA_CRYPTO_DTLS:
        return "dtls";
    }
    return "no";
}

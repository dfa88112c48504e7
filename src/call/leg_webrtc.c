/* The SDP profile of browsers and of phones on WebSocket: ICE-lite, DTLS-SRTP, BUNDLE, rtcp-mux. */
#include <stdio.h>

#include "call/internal.h"
#include "call/webrtc.h"

bool webrtc__is_offered(const struct sdp_audio *peer)
{
    return (peer->proto == SDP_PROTO_DTLS_SAVPF || peer->proto == SDP_PROTO_DTLS_SAVP) &&
           peer->fingerprint_hash[0] != '\0' && peer->ice_ufrag[0] != '\0' &&
           peer->ice_pwd[0] != '\0' && peer->rtcp_mux;
}

void webrtc__begin_offer(struct sdp_audio *ours)
{
    ours->proto = SDP_PROTO_DTLS_SAVPF;
    ours->setup = SDP_SETUP_ACTPASS; /* RFC 8842 5.2: in every offer */
    ours->rtcp_mux = true;
    ours->is_bundle = true;
    if (ours->mid[0] == '\0')
        (void)sr_str_copy(SR_STR("0"), ours->mid, sizeof(ours->mid));
}

/* SHA-1 and MD5 prove nothing any more. */
enum sr_err webrtc__read_fingerprint(const struct sdp_audio *peer, struct dtls_fingerprint *ret)
{
    static const struct {
        const char *name;
        uint8_t bytes;
        enum dtls_hash hash;
    } hashes[] = {{"sha-256", 32, DTLS_SHA_256},
                  {"sha-384", 48, DTLS_SHA_384},
                  {"sha-512", 64, DTLS_SHA_512}};

    for (size_t i = 0; i < SR_ARRAY_LEN(hashes); i++) {
        if (!sr_str_ieq_c(sr_str_c(peer->fingerprint_hash), hashes[i].name))
            continue;
        if (peer->fingerprint_bytes != hashes[i].bytes)
            return SR_ERR_SYNTAX;
        ret->hash = hashes[i].hash;
        memcpy(ret->bytes, peer->fingerprint, hashes[i].bytes);
        return SR_OK;
    }
    return SR_ERR_UNSUPPORTED;
}

/* An answer has chosen; in our answer we have. */
bool webrtc__is_client(const struct sdp_audio *ours, const struct sdp_audio *peer)
{
    return peer->setup == SDP_SETUP_PASSIVE ||
           (peer->setup != SDP_SETUP_ACTIVE && ours->setup == SDP_SETUP_ACTIVE);
}

enum sr_err webrtc__set_remote(struct leg *leg, const struct sdp_audio *ours)
{
    const struct sdp_audio *peer = &leg__sdp(leg)->peer;
    struct media_webrtc_remote remote = {
        .ufrag = sr_str_c(peer->ice_ufrag),
        .pwd = sr_str_c(peer->ice_pwd),
    };
    enum sr_err err;

    if (!webrtc__is_offered(peer))
        return SR_ERR_PROTO;
    remote.is_dtls_client = webrtc__is_client(ours, peer);
    err = webrtc__read_fingerprint(peer, &remote.fingerprint);
    if (err == SR_OK)
        err = media_leg_webrtc_remote(leg->engine->media, leg->media, &remote);
    if (err == SR_OK)
        leg->is_dtls_client = remote.is_dtls_client;
    return err;
}

void webrtc__put_fingerprint(const char *text, struct sdp_audio *ours)
{
    struct sdp_fingerprint read;

    if (sdp_fingerprint_parse(sr_str_c(text), &read) != SR_OK)
        return;
    (void)sr_str_copy(read.hash, ours->fingerprint_hash, sizeof(ours->fingerprint_hash));
    memcpy(ours->fingerprint, read.bytes, read.byte_count);
    ours->fingerprint_bytes = read.byte_count;
}

static void set_candidate(const struct ice_candidate *from, char foundation[12],
                          struct sdp_candidate *out)
{
    int n = snprintf(foundation, 12, "%u", from->foundation);

    *out = (struct sdp_candidate){
        .foundation = sr_str_make(foundation, (size_t)n),
        .component = 1,
        .is_tcp = from->is_tcp,
        .priority = from->priority,
        .addr = from->addr,
        .port = from->addr.port,
        .type = from->kind == ICE_SRFLX ? SDP_CANDIDATE_SRFLX : SDP_CANDIDATE_HOST,
        .related = from->related,
    };
    /* RFC 8839 5.1: a public address names the one behind it, or hides it as 0.0.0.0:9 */
    if (from->kind == ICE_SRFLX && from->related.family == SR_ADDR_NONE)
        out->related = (struct sr_addr){.family = from->addr.family, .port = 9};
    if (from->is_tcp)
        out->tcptype = SR_STR("passive");
}

enum sr_err webrtc__complete(struct leg *leg, struct sdp_audio *ours,
                             struct webrtc_lines *ret_lines)
{
    struct media_webrtc_local local;
    struct sr_addr ip4, ip6;
    enum sr_err err;

    ua_public_addrs(leg->engine->ua, &ip4, &ip6);
    media_port_set_public(leg->engine->media, &ip4, &ip6);
    err = media_leg_webrtc_local(leg->engine->media, leg->media, &local);
    if (err != SR_OK)
        return err;
    if (local.candidate_count == 0)
        return SR_ERR_NOTFOUND; /* no address of ours is known */
    (void)sr_str_copy(sr_str_c(local.ice.ufrag), ours->ice_ufrag, sizeof(ours->ice_ufrag));
    (void)sr_str_copy(sr_str_c(local.ice.pwd), ours->ice_pwd, sizeof(ours->ice_pwd));
    ours->is_ice_lite = true;
    webrtc__put_fingerprint(local.fingerprint, ours);
    for (size_t i = 0; i < local.candidate_count; i++)
        set_candidate(&local.candidates[i], ret_lines->foundations[i], &ret_lines->candidates[i]);
    ret_lines->extras = (struct sdp_extras){
        .candidates = ret_lines->candidates,
        .candidate_count = local.candidate_count,
        .has_end_of_candidates = true,
    };
    ours->rtp = local.candidates[0].addr;
    ours->rtcp = ours->rtp;
    return SR_OK;
}

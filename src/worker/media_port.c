#include "worker/media_port.h"

enum sr_err media_room_open(struct media_port *port, uint64_t cookie, sr_id *ret_room)
{
    return port->ops->room_open(port, cookie, ret_room);
}

void media_room_close(struct media_port *port, sr_id room)
{
    port->ops->room_close(port, room);
}

void media_room_set_mode(struct media_port *port, sr_id room, enum media_mode mode)
{
    port->ops->room_set_mode(port, room, mode);
}

enum sr_err media_leg_open(struct media_port *port, sr_id room,
                           const struct media_leg_options *options, sr_id *ret_leg,
                           struct sr_addr *ret_rtp)
{
    return port->ops->leg_open(port, room, options, ret_leg, ret_rtp);
}

void media_leg_set_stream(struct media_port *port, sr_id leg, const struct media_stream *stream)
{
    port->ops->leg_set_stream(port, leg, stream);
}

void media_leg_set_role(struct media_port *port, sr_id leg, enum media_role role)
{
    port->ops->leg_set_role(port, leg, role);
}

void media_leg_set_prompt(struct media_port *port, sr_id leg, enum media_prompt prompt)
{
    port->ops->leg_set_prompt(port, leg, prompt);
}

void media_leg_set_muted(struct media_port *port, sr_id leg, bool is_muted)
{
    port->ops->leg_set_muted(port, leg, is_muted);
}

void media_leg_set_whisper(struct media_port *port, sr_id leg, sr_id to)
{
    port->ops->leg_set_whisper(port, leg, to);
}

void media_leg_set_timeout(struct media_port *port, sr_id leg, uint32_t timeout_sec)
{
    port->ops->leg_set_timeout(port, leg, timeout_sec);
}

enum sr_err media_leg_dtmf(struct media_port *port, sr_id leg, char digit, uint32_t duration_ms)
{
    if (digit == '\0' || strchr("0123456789*#ABCDabcd", digit) == NULL)
        return SR_ERR_SYNTAX;
    duration_ms = SR_MAX(duration_ms, (uint32_t)MEDIA_DTMF_MS_MIN);
    return port->ops->leg_dtmf(port, leg, digit, SR_MIN(duration_ms, (uint32_t)MEDIA_DTMF_MS_MAX));
}

enum sr_err media_leg_play(struct media_port *port, sr_id leg,
                           const struct media_play_options *options)
{
    SR_ASSERT((options->clip != NULL) != (options->feed != NULL));
    SR_ASSERT(options->play != 0);
    return port->ops->leg_play(port, leg, options);
}

void media_leg_stop(struct media_port *port, sr_id leg, uint64_t play)
{
    port->ops->leg_stop(port, leg, play);
}

void media_port_set_music(struct media_port *port, struct media_clip *clip)
{
    port->ops->set_music(port, clip);
}

void media_leg_move(struct media_port *port, sr_id leg, sr_id room)
{
    port->ops->leg_move(port, leg, room);
}

void media_leg_close(struct media_port *port, sr_id leg)
{
    port->ops->leg_close(port, leg);
}

enum sr_err media_leg_webrtc_local(struct media_port *port, sr_id leg,
                                   struct media_webrtc_local *ret_local)
{
    return port->ops->leg_webrtc_local(port, leg, ret_local);
}

enum sr_err media_leg_webrtc_remote(struct media_port *port, sr_id leg,
                                    const struct media_webrtc_remote *remote)
{
    if (!ice_ufrag_is_ok(remote->ufrag) || !ice_pwd_is_ok(remote->pwd))
        return SR_ERR_SYNTAX;
    return port->ops->leg_webrtc_remote(port, leg, remote);
}

void media_port_set_addresses(struct media_port *port, const struct media_addresses *addresses)
{
    SR_ASSERT(addresses->local_count <= MEDIA_ADDRESSES_MAX);
    port->addresses = *addresses;
}

void media_port_set_public(struct media_port *port, const struct sr_addr *ip4,
                           const struct sr_addr *ip6)
{
    port->addresses.public_ip4 = *ip4;
    port->addresses.public_ip6 = *ip6;
}

size_t media_port_candidates(const struct media_port *port, uint16_t number,
                             struct ice_candidate *out, size_t max)
{
    struct ice_hosts hosts = {
        .addrs = port->addresses.local,
        .addr_count = port->addresses.local_count,
        .public_ip4 = port->addresses.public_ip4,
        .public_ip6 = port->addresses.public_ip6,
        .port = number,
        .has_tcp = true,
    };

    return ice_candidates_make(&hosts, out, max);
}

const char *media_webrtc_state_name(enum media_webrtc_state state)
{
    static const char *const names[] = {"checking", "connected", "dtls_up",
                                        "failed",   "lost",      "closed"};

    return (size_t)state < SR_ARRAY_LEN(names) ? names[state] : "?";
}

void media_port_stats(struct media_port *port, struct media_port_stats *ret_stats)
{
    port->ops->stats(port, ret_stats);
}

void media_port_set_ports(struct media_port *port, uint16_t port_min, uint16_t port_max)
{
    port->ops->set_ports(port, port_min, port_max);
}

void media_port_free(struct media_port *port)
{
    if (port != NULL)
        port->ops->free(port);
}

void media_port_fingerprint(struct media_port *port, char out[DTLS_FINGERPRINT_TEXT_MAX])
{
    port->ops->fingerprint(port, out);
}

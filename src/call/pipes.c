/* Descriptions that are passed on between two parties with only addresses and ports changed, and the
 * pipes that carry what they speak of: one room with a pipe on each side per m= line. Whole calls
 * (passthrough.c) and faxes (fax.c) stand on it. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "call/internal.h"
#include "sip/sdp.h"

bool pipes__begin(struct leg *leg, const struct sr_addr *local)
{
    if (leg->pipes != NULL)
        return true;
    if (local->family == SR_ADDR_NONE)
        return false;
    leg->pipes = sr_zalloc(1, sizeof(*leg->pipes));
    leg->pipes->local = *local;
    return true;
}

void pipes__free(struct leg *leg)
{
    if (leg->pipes == NULL)
        return;
    sr_free((void *)leg->pipes->sdp.p);
    sr_free(leg->pipes);
    leg->pipes = NULL;
}

/* ---- ports ----------------------------------------------------------------------------------- */

static bool open_line(struct leg *leg, size_t i)
{
    struct media_port *media = leg->engine->media;
    struct pipe_line *line = &leg->pipes->lines[i];
    struct media_leg_options options = {
        .kind = MEDIA_LEG_PIPE, .local = leg->pipes->local, .cookie = leg->id};
    struct call *call = leg->call;
    enum sr_err err = SR_OK;

    if (line->media != SR_ID_NONE)
        return true;
    if (call->pipe_rooms[i] == SR_ID_NONE) /* its events are of no interest: no cookie */
        err = media_room_open(media, 0, &call->pipe_rooms[i]);
    if (err == SR_OK)
        err = media_leg_open(media, call->pipe_rooms[i], &options, &line->media, &line->rtp);
    if (err != SR_OK) {
        line->media = SR_ID_NONE;
        leg__no_port(leg, err);
        return false;
    }
    media_room_set_mode(media, call->pipe_rooms[i], MEDIA_MODE_RELAY);
    if (line->rtp.family == leg->rtp.family) /* the address the party knows us by */
        memcpy(line->rtp.ip, leg->rtp.ip, sizeof(line->rtp.ip));
    leg->pipes->open_count++;
    call->media_open++;
    return true;
}

void pipes__close(struct leg *leg)
{
    if (leg->pipes == NULL)
        return;
    for (size_t i = 0; i < PIPES_MAX; i++) {
        if (leg->pipes->lines[i].media == SR_ID_NONE)
            continue;
        media_leg_close(leg->engine->media, leg->pipes->lines[i].media);
        leg->pipes->lines[i] = (struct pipe_line){.media = SR_ID_NONE};
    }
}

bool pipes__is_open(const struct leg *leg)
{
    return leg->pipes != NULL && leg->pipes->open_count > 0;
}

bool pipes__is_main(const struct leg *leg, sr_id media)
{
    return leg->pipes != NULL && leg->pipes->main == media;
}

void pipes__close_rooms(struct call *call)
{
    for (size_t i = 0; i < PIPES_MAX; i++) {
        if (call->pipe_rooms[i] != SR_ID_NONE)
            media_room_close(call->engine->media, call->pipe_rooms[i]);
    }
}

/* ---- descriptions ---------------------------------------------------------------------------- */

static enum sr_err parse(struct sr_str text, struct sr_arena *arena, struct sdp *ret_sdp)
{
    enum sr_err err = sdp_parse(text, arena, ret_sdp, NULL);

    if (err == SR_OK && (ret_sdp->media_count == 0 || ret_sdp->media_count > PIPES_MAX))
        err = SR_ERR_LIMIT;
    return err;
}

enum sr_err pipes__keep(struct leg *leg, struct sr_str text)
{
    struct sr_arena arena;
    struct sdp sdp;
    enum sr_err err;
    char *copy;

    sr_arena_init(&arena, SDP_ARENA_BYTES);
    err = parse(text, &arena, &sdp);
    sr_arena_done(&arena);
    if (err != SR_OK)
        return err;
    copy = sr_alloc(text.n);
    memcpy(copy, text.p, text.n);
    sr_free((void *)leg->pipes->sdp.p);
    leg->pipes->sdp = sr_str_make(copy, text.n);
    return SR_OK;
}

/* Ours are UDP: what wants a connection of its own gets port 0, as if the other party had no such thing. */
static bool is_carried(const struct sdp_media *media)
{
    return media->port != 0 && !sr_str_starts(media->proto, SR_STR("TCP")) &&
           !sr_str_starts(media->proto, SR_STR("DCCP"));
}

/* With our own origin, whose version grows when anything else does (RFC 3264 8): what is heard of the other
 * end may come from several parties, or come anew with another address of ours. */
static enum sr_err write_as_ours(struct leg_pipes *pipes, struct sdp *sdp,
                                 const struct sdp_rewrite *rewrite, struct sr_buf *buf)
{
    static const uint8_t key[16];
    char id[24], version[24];
    enum sr_err err = SR_OK;
    uint64_t hash;

    if (pipes->origin == 0)
        pipes->origin = (sr_random_u64() >> 2) | 1;
    for (int round = 0; round < 2 && err == SR_OK; round++) {
        (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)pipes->origin);
        (void)snprintf(version, sizeof(version), "%llu", (unsigned long long)pipes->version);
        sdp->origin.session_id = sr_str_c(id);
        sdp->origin.session_version = sr_str_c(version);
        sr_buf_clear(buf);
        err = sdp_rewrite(sdp, rewrite, buf);
        hash = sr_siphash(key, buf->data, buf->len) | 1;
        if (hash == pipes->shown)
            break;
        pipes->version += round == 0;
        pipes->shown = hash;
    }
    return err;
}

enum sr_err pipes__write(struct leg *from, struct leg *to, struct sr_buf *buf)
{
    struct sdp_rewrite_media media[PIPES_MAX] = {0};
    struct sdp_rewrite rewrite = {.session = to->rtp, .media = media};
    struct sr_arena arena;
    struct sdp sdp;
    enum sr_err err;

    sr_arena_init(&arena, SDP_ARENA_BYTES);
    err = parse(from->pipes->sdp, &arena, &sdp);
    for (uint8_t i = 0; err == SR_OK && i < sdp.media_count; i++) {
        if (!is_carried(&sdp.media[i]))
            continue;
        if (!open_line(to, i) || !open_line(from, i))
            err = SR_ERR_LIMIT;
        media[i].rtp = to->pipes->lines[i].rtp;
        media[i].rtcp = media[i].rtp;
        media[i].rtcp.port++;
    }
    rewrite.media_count = err == SR_OK ? sdp.media_count : 0;
    if (err == SR_OK)
        err = write_as_ours(to->pipes, &sdp, &rewrite, buf);
    sr_arena_done(&arena);
    return err;
}

/* ---- what media is told ---------------------------------------------------------------------- */

static bool is_rtp(const struct sdp_media *media)
{
    return sr_str_find(media->proto, 'R', 0) < media->proto.n &&
           sr_str_starts(sr_str_from(media->proto, sr_str_find(media->proto, 'R', 0)),
                         SR_STR("RTP/"));
}

/* The first format of a line: by its rtpmap, else as RFC 3551 6 numbers it; without RTP its own word. */
static struct sdp_rtpmap first_format(const struct sdp_media *media)
{
    struct sdp_rtpmap map = {.name = media->formats[0], .clock_hz = 8000};
    struct sdp_rtpmap found;
    struct sr_str value;
    uint16_t cursor = 0;

    if (!is_rtp(media) || sdp_pt_parse(media->formats[0], &map.pt) != SR_OK)
        return map;
    (void)sdp_rtpmap_static(map.pt, &map); /* else its number is its name */
    while (sdp_attr_next(&media->section, "rtpmap", &cursor, &value)) {
        if (sdp_rtpmap_parse(value, &found) == SR_OK && found.pt == map.pt)
            return found;
    }
    return map;
}

static void add_types(const struct sdp *sdp, uint8_t i, struct media_stream *stream)
{
    uint8_t type;

    for (uint8_t f = 0; i < sdp->media_count && f < sdp->media[i].format_count; f++) {
        if (sdp_pt_parse(sdp->media[i].formats[f], &type) == SR_OK)
            stream->payload_types[type / 64] |= (uint64_t)1 << type % 64;
    }
}

/* Where the party wants it; nowhere on hold in the old way, or where nothing may be sent. */
static void add_address(const struct leg *leg, const struct sdp *sdp, uint8_t i,
                        struct media_stream *stream)
{
    const struct sdp_media *media = &sdp->media[i];
    struct sr_addr addr = media->connection.addr;
    struct sr_str value;

    addr.port = media->port;
    if (!leg__may_send_to(leg, &addr))
        addr.family = SR_ADDR_NONE;
    stream->remote_rtp = addr;
    stream->remote_rtcp = addr;
    stream->remote_rtcp.port++;
    if (sdp_attr_find(sdp, media, "rtcp", &value) &&
        sdp_rtcp_parse(value, &stream->remote_rtcp) == SR_OK &&
        stream->remote_rtcp.family == SR_ADDR_NONE) {
        uint16_t port = stream->remote_rtcp.port;

        stream->remote_rtcp = addr;
        stream->remote_rtcp.port = port;
    }
}

static bool is_on_hold(const struct sdp_media *media)
{
    return media->direction == SDP_SENDONLY || media->direction == SDP_INACTIVE ||
           sr_addr_is_any(&media->connection.addr);
}

/* May the party say nothing for long? A fax listens for whole pages; on hold one side at least is silent. */
static bool is_patient(const struct sdp_media *own, const struct sdp_media *others)
{
    return !is_rtp(own) || is_on_hold(own) || is_on_hold(others) ||
           own->direction == SDP_RECVONLY || others->direction == SDP_RECVONLY;
}

/* The first line that both have; the first of all when they share none. */
static uint8_t main_line(const struct sdp *a, const struct sdp *b)
{
    for (uint8_t i = 0; i < a->media_count && i < b->media_count; i++) {
        if (is_carried(&a->media[i]) && is_carried(&b->media[i]))
            return i;
    }
    return 0;
}

/* Its silence ends the call, and it is what the leg's figures and verdict speak of. */
static void set_main(struct leg *leg, const struct sdp *own, const struct sdp *others, uint8_t line)
{
    const struct config_proxy *proxy = &leg->call->config->proxy;
    struct media_port *media = leg->engine->media;
    struct leg_pipes *pipes = leg->pipes;

    for (uint8_t i = 0; i < PIPES_MAX; i++) {
        if (pipes->lines[i].media != SR_ID_NONE && i != line)
            media_leg_set_timeout(media, pipes->lines[i].media, 0);
    }
    if (pipes->lines[line].media == SR_ID_NONE)
        return;
    if (pipes->main != pipes->lines[line].media)
        pipes->stats = (struct media_leg_stats){0};
    if (pipes->main != pipes->lines[line].media || leg->is_holding != is_on_hold(&own->media[line]))
        leg->verdict[0] = '\0'; /* of what was before */
    pipes->main = pipes->lines[line].media;
    pipes->told = pipes->lines[line].rtp;
    media_leg_set_timeout(media, pipes->main,
                          is_patient(&own->media[line], &others->media[line])
                              ? proxy->rtp_timeout_hold_sec
                              : proxy->rtp_timeout_sec);
    leg->is_holding = is_on_hold(&own->media[line]);
    pipes->is_put_on_hold = is_on_hold(&others->media[line]);
    leg->stream_at = loop_now(leg->engine->loop);
}

static void set_line(struct leg *leg, const struct sdp *own, const struct sdp *others, uint8_t i)
{
    struct media_stream stream = {.send_codec = CODEC_NONE,
                                  .signalling = leg->signalling,
                                  .can_send = true,
                                  .can_recv = true};

    if (leg->pipes->lines[i].media == SR_ID_NONE)
        return;
    stream.is_rtp = is_rtp(&own->media[i]);
    stream.rtp_clock_hz = first_format(&own->media[i]).clock_hz;
    add_address(leg, own, i, &stream);
    add_types(own, i, &stream);
    add_types(others, i, &stream);
    media_leg_set_stream(leg->engine->media, leg->pipes->lines[i].media, &stream);
    if (leg->pipes->main == leg->pipes->lines[i].media) {
        leg->pipes->stream = stream;
        leg->pipes->stream.can_recv = own->media[i].direction != SDP_RECVONLY;
    }
}

/* For people: the codec the first line in use agreed on. */
static void note_codec(struct leg *leg, const struct sdp_media *media)
{
    struct sdp_rtpmap map = first_format(media);

    (void)sr_str_copy(map.name, leg->codec_last, sizeof(leg->codec_last));
}

void pipes__set_streams(struct leg *a, struct leg *b)
{
    struct sdp of_a = {0}, of_b = {0};
    struct sr_arena arena_a, arena_b;

    sr_arena_init(&arena_a, SDP_ARENA_BYTES);
    sr_arena_init(&arena_b, SDP_ARENA_BYTES);
    if (parse(a->pipes->sdp, &arena_a, &of_a) == SR_OK &&
        parse(b->pipes->sdp, &arena_b, &of_b) == SR_OK) {
        uint8_t line = main_line(&of_a, &of_b);

        set_main(a, &of_a, &of_b, line);
        set_main(b, &of_b, &of_a, line);
        for (uint8_t i = 0; i < of_a.media_count && i < of_b.media_count; i++) {
            set_line(a, &of_a, &of_b, i);
            set_line(b, &of_b, &of_a, i);
        }
        note_codec(a, &of_a.media[line]);
        note_codec(b, &of_b.media[line]);
        event__leg(a, ENGINE_LEG_CHANGED);
        event__leg(b, ENGINE_LEG_CHANGED);
    }
    sr_arena_done(&arena_a);
    sr_arena_done(&arena_b);
}

/*
 * One encoder for all who hear the same.
 *
 * Legs of a mixing room that say nothing hear the whole sum. Those among them whose streams are coded
 * alike form a share: its leader's encoder works for all members. Codec state is part of what a
 * listener's decoder remembers, so it must not break when a leg changes stream:
 *
 *   leaving   the leg takes a copy of the leader's sending state (filter, limiter, encoder) as it was
 *             after the last packet both sent: its decoder notices nothing.
 *   leader    leaves by handing that state to the next member in the same way.
 *   joining   the next packet of the share is coded without looking back, so the newcomer's decoder
 *             need not know what came before (Opus; G.711 has no state, G.722's fades in milliseconds).
 *
 * A leg joins only after it has been quiet for a while, so nobody changes stream between two words.
 */
#include "worker/internal.h"

static bool hears_the_sum(const struct mroom *room, const struct mleg *leg)
{
    const struct kit *kit = leg->kit;

    return mleg__has_wire(leg) && leg->has_stream && leg->stream.can_send && kit != NULL &&
           kit->bus_hz == room->bus_hz && kit->encoder.ops != NULL && leg->frame == NULL &&
           mroom__hears_the_room(leg) && leg->plays.count == 0 &&
           leg->inband_count + leg->inband_left_ms == 0 && !mleg__has_digits(leg);
}

static bool is_tuned_alike(const struct codec_tuning *a, const struct codec_tuning *b)
{
    return a->complexity == b->complexity && a->bitrate_bps == b->bitrate_bps &&
           a->loss_pct == b->loss_pct && a->fec_wanted == b->fec_wanted &&
           a->dtx_wanted == b->dtx_wanted && a->cbr_wanted == b->cbr_wanted &&
           a->bandwidth_hz == b->bandwidth_hz;
}

/* Same codec, same settings, and at the same place within a packet. */
static bool is_coded_alike(const struct kit *a, const struct kit *b)
{
    return a->tx_codec == b->tx_codec && a->tx_hz == b->tx_hz &&
           a->packet_samples == b->packet_samples && a->tx_samples == b->tx_samples &&
           is_tuned_alike(&a->tuning, &b->tuning);
}

static void copy_sending(struct kit *to, const struct kit *from)
{
    to->tx_resample = from->tx_resample;
    to->limiter = from->limiter;
    to->tx_samples = from->tx_samples;
    to->complexity_now = from->complexity_now;
    memcpy(to->tx, from->tx, from->tx_samples * sizeof(from->tx[0]));
    codec_encoder_copy(&to->encoder, &from->encoder);
}

static struct mleg *next_member(const struct mroom *room, const struct mleg *leader)
{
    for (uint32_t i = 0; i < room->leg_count; i++) {
        if (room->legs[i] != leader && room->legs[i]->share == leader->share)
            return room->legs[i];
    }
    return NULL;
}

void mshare__leave(struct mleg *leg)
{
    struct mshare *share = leg->share;

    leg->quiet_ticks = 0;
    if (share == NULL)
        return;
    if (share->leader != leg) {
        copy_sending(leg->kit, share->leader->kit);
    } else {
        struct mleg *heir = next_member(leg->room, leg);

        if (heir != NULL)
            copy_sending(heir->kit, leg->kit);
        share->leader = heir;
    }
    share->member_count--;
    leg->share = NULL;
}

static void join(struct mroom *room, struct mleg *leg)
{
    struct mshare *empty = NULL;

    for (uint32_t i = 0; i < MSHARES_MAX; i++) {
        struct mshare *share = &room->shares[i];

        if (share->leader == NULL) {
            empty = empty == NULL ? share : empty;
        } else if (is_coded_alike(share->leader->kit, leg->kit)) {
            share->is_fresh_wanted = true;
            share->member_count++;
            leg->share = share;
            return;
        }
    }
    if (empty == NULL)
        return; /* a room of many codecs and packet times: it keeps its own */
    *empty = (struct mshare){.leader = leg, .member_count = 1};
    leg->share = empty;
}

void mshare__plan(struct mroom *room)
{
    for (uint32_t i = 0; i < room->leg_count; i++) {
        struct mleg *leg = room->legs[i];

        if (!hears_the_sum(room, leg))
            mshare__leave(leg);
        else if (leg->share != NULL && leg->share->leader != leg &&
                 !is_tuned_alike(&leg->share->leader->kit->tuning, &leg->kit->tuning))
            mshare__leave(leg);
    }
    for (uint32_t i = 0; i < room->leg_count; i++) {
        struct mleg *leg = room->legs[i];

        if (leg->share == NULL && hears_the_sum(room, leg) &&
            ++leg->quiet_ticks >= MSHARE_AFTER_TICKS)
            join(room, leg);
    }
}

void mshare__dissolve(struct mroom *room)
{
    memset(room->shares, 0, sizeof(room->shares));
    for (uint32_t i = 0; i < room->leg_count; i++) {
        room->legs[i]->share = NULL;
        room->legs[i]->quiet_ticks = 0;
    }
}

bool mshare__is_served(const struct mleg *leg)
{
    return leg->share != NULL && leg->share->leader != leg;
}

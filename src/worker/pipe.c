/* A pipe: what one party sends reaches the other as it is (passthrough, T.38). The safety rules hold. */
#include <sys/socket.h>

#include "worker/internal.h"

/* The other party, once its description is known. */
static struct mleg *peer_of(const struct mleg *leg)
{
    const struct mroom *room = leg->room;

    for (uint32_t i = 0; i < room->leg_count; i++) {
        struct mleg *other = room->legs[i];

        if (other != leg && other->kind == MEDIA_LEG_PIPE && other->has_stream)
            return other;
    }
    return NULL;
}

static void heard(struct worker *worker, struct mleg *leg, size_t n)
{
    leg->heard_at = worker->now;
    leg->is_timed_out = false;
    leg->rx_packets++;
    leg->rx_bytes += n;
}

/* RTCP goes the way it came: on its own port, or on RTP's (rtcp-mux). */
static void pass_rtcp(struct worker *worker, struct mleg *leg, bool is_rtcp_socket,
                      const struct sr_addr *from, uint8_t *bytes, size_t n)
{
    struct mleg *to = peer_of(leg);
    struct sockaddr_storage sa;
    struct sr_addr target;
    socklen_t sa_len;

    if (!leg->has_stream || !latch_accepts_rtcp(&leg->latch, from) ||
        !mleg__is_in_measure(worker, leg)) {
        leg->rx_dropped++;
        return;
    }
    if (to == NULL)
        return;
    if (!is_rtcp_socket) {
        mleg__send(to, bytes, n);
        return;
    }
    if (!mleg__rtcp_target(to, &target))
        return;
    sa_len = sr_addr_to_sockaddr(&target, &sa);
    (void)sendto(to->rtcp_fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&sa,
                 sa_len);
}

/* RFC 6189 5: no RTP version, then the magic cookie. */
static bool is_zrtp(const uint8_t *bytes, size_t n)
{
    static const uint8_t cookie[] = {0x5a, 0x52, 0x54, 0x50};

    return n >= 12 && bytes[0] == 0x10 && memcmp(bytes + 4, cookie, sizeof(cookie)) == 0;
}

/* A handshake end to end comes before any packet that could prove a source. */
static bool is_named(struct worker *worker, struct mleg *leg, const struct sr_addr *from)
{
    bool is_named = latch_is_named(&leg->latch, from) &&
                    latch_on_address(&leg->latch, from, worker->now) &&
                    mleg__is_in_measure(worker, leg);

    leg->rx_dropped += !is_named;
    return is_named;
}

static bool is_rtp_welcome(struct worker *worker, struct mleg *leg, const struct sr_addr *from,
                           const uint8_t *bytes, size_t n)
{
    struct early_in in = {.from = from}; /* nothing is kept of a pipe */
    struct rtp_packet packet;

    if (rtp_parse(bytes, n, &packet) != SR_OK) {
        leg->rx_dropped++;
        return false;
    }
    if (!mleg__is_welcome(worker, leg, &in, &packet))
        return false;
    (void)rtp_source_push(&leg->source, &packet, worker->now); /* for the statistics */
    return true;
}

static bool is_datagram_welcome(struct worker *worker, struct mleg *leg, const struct sr_addr *from)
{
    struct latch_result latched = latch_on_datagram(&leg->latch, from, worker->now);

    return mleg__follow(worker, leg, from, &latched) && mleg__is_in_measure(worker, leg);
}

void pipe__take(struct worker *worker, struct mleg *leg, bool is_rtcp_socket,
                const struct sr_addr *from, uint8_t *bytes, size_t n)
{
    struct mleg *to;
    bool is_welcome;

    if (!leg->has_stream)
        return;
    if (is_rtcp_socket || (leg->stream.is_rtp && rtp_is_rtcp(bytes, n))) {
        pass_rtcp(worker, leg, is_rtcp_socket, from, bytes, n);
        return;
    }
    if (!leg->stream.is_rtp)
        is_welcome = is_datagram_welcome(worker, leg, from);
    else if (dtls_is_record(bytes, n) || is_zrtp(bytes, n))
        is_welcome = is_named(worker, leg, from);
    else
        is_welcome = is_rtp_welcome(worker, leg, from, bytes, n);
    if (!is_welcome)
        return;
    heard(worker, leg, n);
    to = peer_of(leg);
    if (to != NULL)
        mleg__send(to, bytes, n);
}

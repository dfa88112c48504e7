#include "media/latch.h"

void latch_allow(struct latch_options *options, uint8_t payload_type)
{
    SR_ASSERT(payload_type < RTP_PAYLOAD_TYPE_COUNT);
    options->payload_types[payload_type / 64] |= (uint64_t)1 << payload_type % 64;
}

static bool is_allowed(const struct latch *latch, uint8_t payload_type)
{
    return (latch->options.payload_types[payload_type / 64] >> payload_type % 64 & 1) != 0;
}

static bool is_usable(const struct sr_addr *addr)
{
    return addr->family != SR_ADDR_NONE && addr->port != 0 && !sr_addr_is_any(addr) &&
           !sr_addr_is_multicast(addr);
}

static bool is_sdp(const struct latch_options *options, const struct sr_addr *from)
{
    return options->sdp.family != SR_ADDR_NONE && sr_addr_eq(&options->sdp, from);
}

/* Behind NAT, out of any port of the address the signalling comes from. */
static bool is_behind(const struct latch_options *options, const struct sr_addr *from)
{
    return options->is_behind_nat && options->signaling.family != SR_ADDR_NONE &&
           sr_addr_ip_eq(&options->signaling, from);
}

static bool is_named(const struct latch_options *options, const struct sr_addr *from)
{
    return is_sdp(options, from) || is_behind(options, from);
}

static bool is_candidate(const struct latch_options *options, const struct sr_addr *from)
{
    return is_named(options, from) ||
           (options->sdp.family != SR_ADDR_NONE && sr_addr_ip_eq(&options->sdp, from));
}

/* A port nobody spoke of has to be heard so long that the right one would have been heard first. */
static unsigned packets_to_lock(const struct latch_options *options, const struct sr_addr *from)
{
    return is_named(options, from) ? LATCH_PROBE_COUNT : LATCH_OTHER_PORT_COUNT;
}

void latch_init(struct latch *latch, const struct latch_options *options)
{
    memset(latch, 0, sizeof(*latch));
    latch->options = *options;
}

bool latch_on_signaling(struct latch *latch, const struct latch_options *options)
{
    latch->options = *options;
    memset(latch->probes, 0, sizeof(latch->probes));
    if (!latch->is_locked)
        return false;
    if (is_candidate(options, &latch->locked)) {
        latch->is_locked_sdp = is_sdp(options, &latch->locked);
        latch->is_soft = true;
        return false;
    }
    latch->is_locked = false;
    latch->is_soft = false;
    return true;
}

/* The slot that watches `from`: its own, a free one, or the one longest unheard. An address out of
 * the SDP is never pushed out by guesses. */
static struct latch_probe *find_probe(struct latch *latch, const struct sr_addr *from)
{
    struct latch_probe *oldest = NULL;

    for (size_t i = 0; i < LATCH_CANDIDATE_MAX; i++) {
        struct latch_probe *probe = &latch->probes[i];

        if (probe->addr.family != SR_ADDR_NONE && sr_addr_eq(&probe->addr, from))
            return probe;
    }
    for (size_t i = 0; i < LATCH_CANDIDATE_MAX; i++) {
        struct latch_probe *probe = &latch->probes[i];

        if (probe->addr.family == SR_ADDR_NONE)
            return probe;
        if (!probe->is_sdp && (oldest == NULL || probe->last_at < oldest->last_at))
            oldest = probe;
    }
    return oldest;
}

/* True when the source has proved itself with this packet. */
static bool probe_push(struct latch *latch, const struct sr_addr *from,
                       const struct rtp_packet *packet, sr_usec now)
{
    struct latch_probe *probe = find_probe(latch, from);

    SR_ASSERT(probe != NULL);
    if (probe->addr.family == SR_ADDR_NONE || !sr_addr_eq(&probe->addr, from) ||
        probe->ssrc != packet->ssrc || (uint16_t)(probe->seq + 1) != packet->seq) {
        *probe = (struct latch_probe){.addr = *from, .ssrc = packet->ssrc};
        probe->is_sdp = is_sdp(&latch->options, from);
    }
    probe->seq = packet->seq;
    probe->last_at = now;
    probe->in_sequence++;
    return probe->in_sequence >= packets_to_lock(&latch->options, from);
}

static struct latch_result reject(struct latch *latch, enum latch_reject why)
{
    latch->rejected[why]++;
    return (struct latch_result){LATCH_DROP, why, false};
}

void latch_set(struct latch *latch, const struct sr_addr *addr, sr_usec now)
{
    latch->locked = *addr;
    latch->is_locked = true;
    latch->is_locked_sdp = is_sdp(&latch->options, addr);
    latch->is_soft = false;
    latch->heard_at = now;
    latch->locks++;
    memset(latch->probes, 0, sizeof(latch->probes));
}

/* May this source, which is not the locked one, try to take the lock? */
static bool may_challenge(const struct latch *latch, const struct sr_addr *from, sr_usec now)
{
    if (!is_candidate(&latch->options, from))
        return false;
    if (!latch->is_locked || latch->is_soft)
        return true;
    if (is_sdp(&latch->options, from) && !latch->is_locked_sdp)
        return true;
    return now - latch->heard_at >= LATCH_SILENCE_US && sr_addr_ip_eq(from, &latch->locked);
}

static bool is_locked_source(const struct latch *latch, const struct sr_addr *from)
{
    return latch->is_locked && sr_addr_eq(from, &latch->locked);
}

/* Why nothing from there counts; LATCH_REJECT_COUNT: it may. */
static enum latch_reject address_fault(const struct latch *latch, const struct sr_addr *from,
                                       sr_usec now)
{
    if (is_locked_source(latch, from)) /* it was usable when it was locked */
        return LATCH_REJECT_COUNT;
    if (!is_usable(from))
        return LATCH_REJECT_ADDRESS;
    if (!is_candidate(&latch->options, from))
        return LATCH_REJECT_FOREIGN;
    return may_challenge(latch, from, now) ? LATCH_REJECT_COUNT : LATCH_REJECT_LOCKED;
}

bool latch_is_named(const struct latch *latch, const struct sr_addr *from)
{
    return is_named(&latch->options, from) || is_locked_source(latch, from);
}

bool latch_is_settled(const struct latch *latch)
{
    return latch->is_locked && (!latch->is_soft || latch->is_locked_sdp);
}

bool latch_on_address(struct latch *latch, const struct sr_addr *from, sr_usec now)
{
    enum latch_reject why = address_fault(latch, from, now);

    if (why == LATCH_REJECT_COUNT)
        return true;
    (void)reject(latch, why);
    return false;
}

struct latch_result latch_on_packet(struct latch *latch, const struct sr_addr *from,
                                    const struct rtp_packet *packet, sr_usec now)
{
    enum latch_reject why = address_fault(latch, from, now);

    if (why != LATCH_REJECT_COUNT)
        return reject(latch, why);
    if (is_locked_source(latch, from)) {
        if (!is_allowed(latch, packet->payload_type))
            return reject(latch, LATCH_REJECT_PAYLOAD_TYPE);
        latch->heard_at = now;
        latch->accepted++;
        return (struct latch_result){.verdict = LATCH_ACCEPT};
    }
    if (!is_allowed(latch, packet->payload_type))
        return reject(latch, LATCH_REJECT_PAYLOAD_TYPE);
    if (probe_push(latch, from, packet, now)) {
        latch_set(latch, from, now);
        latch->accepted++;
        return (struct latch_result){.verdict = LATCH_ACCEPT, .is_changed = true};
    }
    latch->held++;
    return (struct latch_result){.verdict = LATCH_HOLD};
}

struct latch_result latch_on_datagram(struct latch *latch, const struct sr_addr *from, sr_usec now)
{
    enum latch_reject why = address_fault(latch, from, now);

    if (why == LATCH_REJECT_COUNT && !latch_is_named(latch, from))
        why = LATCH_REJECT_FOREIGN;
    if (why != LATCH_REJECT_COUNT)
        return reject(latch, why);
    latch->accepted++;
    if (is_locked_source(latch, from)) {
        latch->heard_at = now;
        return (struct latch_result){.verdict = LATCH_ACCEPT};
    }
    latch_set(latch, from, now);
    return (struct latch_result){.verdict = LATCH_ACCEPT, .is_changed = true};
}

bool latch_accepts_rtcp(const struct latch *latch, const struct sr_addr *from)
{
    if (latch->is_locked)
        return sr_addr_ip_eq(from, &latch->locked);
    if (latch->options.sdp.family != SR_ADDR_NONE && sr_addr_ip_eq(from, &latch->options.sdp))
        return true;
    return is_candidate(&latch->options, from);
}

bool latch_target(const struct latch *latch, struct sr_addr *ret_addr)
{
    if (latch->is_locked)
        *ret_addr = latch->locked;
    else if (is_usable(&latch->options.sdp))
        *ret_addr = latch->options.sdp;
    else
        return false;
    return true;
}

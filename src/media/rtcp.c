#include "media/rtcp.h"

enum {
    TYPE_SR = 200,
    TYPE_RR = 201,
    TYPE_SDES = 202,
    TYPE_BYE = 203,
    TYPE_LAST = 223,
    TYPE_FIRST = 192,
    BLOCK_BYTES = 24,
    SENDER_BYTES = 20,
    SDES_CNAME = 1,
    RTT_US_MAX = 30000000,
};

#define NTP_UNIX_OFFSET_S 2208988800u

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
    return p + 4;
}

/* ---- parse ---------------------------------------------------------------------------------- */

static void parse_block(const uint8_t *p, struct rtcp_block *block)
{
    uint32_t lost = get32(p + 4) & 0xFFFFFF;

    block->ssrc = get32(p);
    block->fraction_lost = p[4];
    block->lost = lost & 0x800000 ? (int32_t)lost - 0x1000000 : (int32_t)lost;
    block->ext_seq = get32(p + 8);
    block->jitter = get32(p + 12);
    block->lsr = get32(p + 16);
    block->dlsr = get32(p + 20);
}

static enum sr_err parse_report(const uint8_t *p, size_t n, unsigned count, bool is_sr,
                                struct rtcp_compound *compound)
{
    size_t head = 4 + (is_sr ? (size_t)SENDER_BYTES : 0);

    if (n < head + (size_t)count * BLOCK_BYTES)
        return SR_ERR_SYNTAX;
    if (compound->ssrc == 0)
        compound->ssrc = get32(p);
    if (is_sr && !compound->has_sr) {
        compound->has_sr = true;
        compound->ntp = (uint64_t)get32(p + 4) << 32 | get32(p + 8);
        compound->rtp_ts = get32(p + 12);
        compound->packets = get32(p + 16);
        compound->octets = get32(p + 20);
    }
    for (unsigned i = 0; i < count && compound->block_count < RTCP_BLOCK_MAX; i++)
        parse_block(p + head + (size_t)i * BLOCK_BYTES, &compound->blocks[compound->block_count++]);
    return SR_OK;
}

/* One chunk: SSRC, items, a zero item, padding to a word. Gives its length; 0: malformed. */
static size_t parse_chunk(const uint8_t *p, size_t n, struct rtcp_compound *compound)
{
    size_t at = 4;

    if (n < 8)
        return 0;
    while (at < n) {
        uint8_t type = p[at++];
        size_t len;

        if (type == 0)
            return SR_MIN((at + 3) & ~(size_t)3, n);
        if (at >= n)
            return 0;
        len = p[at++];
        if (len > n - at)
            return 0;
        if (type == SDES_CNAME && compound->cname.n == 0)
            compound->cname = (struct sr_str){(const char *)p + at, len};
        at += len;
    }
    return 0; /* no zero item */
}

static enum sr_err parse_sdes(const uint8_t *p, size_t n, unsigned count,
                              struct rtcp_compound *compound)
{
    for (; count > 0; count--) {
        size_t len = parse_chunk(p, n, compound);

        if (len == 0)
            return SR_ERR_SYNTAX;
        p += len;
        n -= len;
    }
    return SR_OK;
}

static enum sr_err parse_bye(const uint8_t *p, size_t n, unsigned count,
                             struct rtcp_compound *compound)
{
    if (n < (size_t)4 * count)
        return SR_ERR_SYNTAX;
    if (n > (size_t)4 * count && p[4 * count] > n - (size_t)4 * count - 1)
        return SR_ERR_SYNTAX; /* reason longer than the packet */
    if (count > 0 && !compound->has_bye)
        compound->bye_ssrc = get32(p);
    compound->has_bye = true;
    return SR_OK;
}

static enum sr_err parse_body(uint8_t type, const uint8_t *p, size_t n, unsigned count,
                              struct rtcp_compound *compound)
{
    switch (type) {
    case TYPE_SR:
    case TYPE_RR:
        return parse_report(p, n, count, type == TYPE_SR, compound);
    case TYPE_SDES:
        return parse_sdes(p, n, count, compound);
    case TYPE_BYE:
        return parse_bye(p, n, count, compound);
    default:
        compound->skipped_count++;
        return SR_OK;
    }
}

enum sr_err rtcp_parse(const uint8_t *bytes, size_t n, bool is_reduced_ok,
                       struct rtcp_compound *ret_compound)
{
    struct rtcp_compound compound = {0};
    size_t at = 0;

    if (n > RTP_PACKET_BYTES_MAX)
        return SR_ERR_SYNTAX;
    while (at < n) {
        const uint8_t *p = bytes + at;
        size_t len, padding = 0;
        enum sr_err err;

        if (n - at < 4 || p[0] >> 6 != 2 || p[1] < TYPE_FIRST || p[1] > TYPE_LAST)
            return SR_ERR_SYNTAX;
        len = ((size_t)get16(p + 2) + 1) * 4;
        if (len > n - at)
            return SR_ERR_SYNTAX;
        if (at == 0 && !is_reduced_ok && p[1] != TYPE_SR && p[1] != TYPE_RR)
            return SR_ERR_SYNTAX;
        if (p[0] & 0x20) {
            /* only the last packet may be padded */
            padding = p[len - 1];
            if (at + len != n || padding == 0 || padding % 4 != 0 || padding > len - 4)
                return SR_ERR_SYNTAX;
        }
        err = parse_body(p[1], p + 4, len - 4 - padding, p[0] & 31, &compound);
        if (err != SR_OK)
            return err;
        compound.packet_count++;
        at += len;
    }
    if (compound.packet_count == 0)
        return SR_ERR_SYNTAX;
    *ret_compound = compound;
    return SR_OK;
}

/* ---- write ---------------------------------------------------------------------------------- */

static uint8_t *write_head(uint8_t *p, unsigned count, uint8_t type, size_t bytes)
{
    return put32(p, 0x80000000u | (uint32_t)count << 24 | (uint32_t)type << 16 |
                        (uint32_t)(bytes / 4 - 1));
}

static uint8_t *write_block(uint8_t *p, const struct rtcp_block *block)
{
    int32_t lost = SR_MIN(SR_MAX(block->lost, -0x800000), 0x7FFFFF);

    p = put32(p, block->ssrc);
    p = put32(p, (uint32_t)block->fraction_lost << 24 | ((uint32_t)lost & 0xFFFFFF));
    p = put32(p, block->ext_seq);
    p = put32(p, block->jitter);
    p = put32(p, block->lsr);
    return put32(p, block->dlsr);
}

enum sr_err rtcp_write(const struct rtcp_report *report, uint8_t *out, size_t max,
                       size_t *ret_bytes)
{
    size_t cname_n = report->cname.n;
    size_t report_bytes =
        8 + (report->has_sr ? (size_t)SENDER_BYTES : 0) + report->block_count * (size_t)BLOCK_BYTES;
    size_t sdes_bytes = (8 + 2 + cname_n + 1 + 3) & ~(size_t)3; /* with the zero item */
    size_t all = report_bytes + sdes_bytes + (report->has_bye ? 8 : 0);
    uint8_t *p = out;

    SR_ASSERT(cname_n >= 1 && cname_n <= RTCP_CNAME_MAX && report->block_count <= 1);
    if (all > max)
        return SR_ERR_LIMIT;
    p = write_head(p, report->block_count, report->has_sr ? TYPE_SR : TYPE_RR, report_bytes);
    p = put32(p, report->ssrc);
    if (report->has_sr) {
        p = put32(p, (uint32_t)(report->ntp >> 32));
        p = put32(p, (uint32_t)report->ntp);
        p = put32(p, report->rtp_ts);
        p = put32(p, report->packets);
        p = put32(p, report->octets);
    }
    if (report->block_count > 0)
        p = write_block(p, &report->block);
    memset(p, 0, sdes_bytes);
    write_head(p, 1, TYPE_SDES, sdes_bytes);
    put32(p + 4, report->ssrc);
    p[8] = SDES_CNAME;
    p[9] = (uint8_t)cname_n;
    memcpy(p + 10, report->cname.p, cname_n);
    p += sdes_bytes;
    if (report->has_bye) {
        p = write_head(p, 1, TYPE_BYE, 8);
        p = put32(p, report->ssrc);
    }
    *ret_bytes = (size_t)(p - out);
    return SR_OK;
}

/* ---- round trip ----------------------------------------------------------------------------- */

uint64_t rtcp_ntp(sr_usec wall)
{
    uint64_t seconds = (uint64_t)(wall / SR_SEC), rest = (uint64_t)(wall % SR_SEC);

    return (seconds + NTP_UNIX_OFFSET_S) << 32 | (rest << 32) / 1000000;
}

uint32_t rtcp_ntp_middle(uint64_t ntp)
{
    return (uint32_t)(ntp >> 16);
}

void rtcp_peer_init(struct rtcp_peer *peer)
{
    memset(peer, 0, sizeof(*peer));
}

static void take_rtt(struct rtcp_peer *peer, const struct rtcp_block *block, sr_usec wall_now)
{
    uint32_t now = rtcp_ntp_middle(rtcp_ntp(wall_now));
    int32_t units;
    sr_usec rtt;

    if (block->lsr == 0)
        return;
    units = (int32_t)(now - block->lsr - block->dlsr);
    rtt = (sr_usec)units * 1000000 / 65536;
    /* a report may round its times: just below zero is zero; far off is a lie or a wrong clock */
    if (rtt < -10000 || rtt > RTT_US_MAX)
        return;
    rtt = SR_MAX(rtt, 0);
    peer->rtt_us = peer->has_rtt ? (peer->rtt_us * 3 + rtt) / 4 : rtt;
    peer->has_rtt = true;
}

void rtcp_peer_on_compound(struct rtcp_peer *peer, const struct rtcp_compound *compound,
                           uint32_t own_ssrc, uint32_t clock_hz, sr_usec now, sr_usec wall_now)
{
    SR_ASSERT(clock_hz > 0);
    peer->reports++;
    if (compound->has_sr) {
        peer->last_sr = rtcp_ntp_middle(compound->ntp);
        peer->last_sr_at = now;
    }
    for (unsigned i = 0; i < compound->block_count; i++) {
        const struct rtcp_block *block = &compound->blocks[i];

        if (block->ssrc != own_ssrc)
            continue;
        peer->blocks++;
        peer->loss_pct = block->fraction_lost * 100.0 / 256;
        peer->jitter_ms = block->jitter * 1000.0 / clock_hz;
        take_rtt(peer, block, wall_now);
    }
}

void rtcp_block_fill(struct rtcp_block *block, struct rtp_source *source,
                     const struct rtcp_peer *peer, sr_usec now)
{
    *block = (struct rtcp_block){.ssrc = source->ssrc};
    block->fraction_lost = rtp_source_fraction_lost(source);
    block->lost = (int32_t)SR_MIN(rtp_source_lost(source), 0x7FFFFF);
    block->ext_seq = rtp_source_ext_seq(source);
    block->jitter = (uint32_t)source->jitter;
    if (peer->last_sr != 0) {
        sr_usec age = now - peer->last_sr_at;

        block->lsr = peer->last_sr;
        block->dlsr = (uint32_t)SR_MIN(age * 65536 / 1000000, (sr_usec)UINT32_MAX);
    }
}

/* ---- schedule ------------------------------------------------------------------------------- */

static sr_usec spread(sr_usec interval_us, struct sr_prng *prng)
{
    return interval_us / 2 + (sr_usec)sr_prng_below(prng, (uint64_t)interval_us);
}

void rtcp_timer_init(struct rtcp_timer *timer, sr_usec interval_us, struct sr_prng *prng,
                     sr_usec now)
{
    SR_ASSERT(interval_us > 1);
    timer->interval_us = interval_us;
    timer->next_at = now + spread(interval_us / 2, prng);
}

sr_usec rtcp_timer_deadline(const struct rtcp_timer *timer)
{
    return timer->next_at;
}

void rtcp_timer_sent(struct rtcp_timer *timer, struct sr_prng *prng, sr_usec now)
{
    timer->next_at = now + spread(timer->interval_us, prng);
}

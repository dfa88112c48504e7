#include "media/rtp.h"

enum {
    EXT_ONE_BYTE = 0xBEDE,
    EXT_TWO_BYTE = 0x1000,
    EXT_TWO_BYTE_MASK = 0xFFF0,
    EXT_ID_STOP = 15,
    TS_MISFIT_SEC = 2, /* timestamp against wall: beyond this the stream began anew */
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)(v >> 16));
    put16(p + 2, (uint16_t)v);
}

enum sr_err rtp_parse(const uint8_t *bytes, size_t n, struct rtp_packet *ret_packet)
{
    struct rtp_packet packet = {0};
    size_t at = RTP_HEADER_BYTES;

    if (n < RTP_HEADER_BYTES || bytes[0] >> 6 != 2)
        return SR_ERR_SYNTAX;
    packet.csrc_count = bytes[0] & 15;
    packet.marker = (bytes[1] & 0x80) != 0;
    packet.payload_type = bytes[1] & 0x7F;
    packet.seq = get16(bytes + 2);
    packet.timestamp = get32(bytes + 4);
    packet.ssrc = get32(bytes + 8);
    packet.csrc = bytes + at;
    at += (size_t)4 * packet.csrc_count;
    if (at > n)
        return SR_ERR_SYNTAX;
    if (bytes[0] & 0x10) {
        if (n - at < 4)
            return SR_ERR_SYNTAX;
        packet.has_ext = true;
        packet.ext_profile = get16(bytes + at);
        packet.ext_bytes = (size_t)4 * get16(bytes + at + 2);
        at += 4;
        packet.ext = bytes + at;
        if (packet.ext_bytes > n - at)
            return SR_ERR_SYNTAX;
        at += packet.ext_bytes;
    }
    if (bytes[0] & 0x20) {
        packet.padding_bytes = bytes[n - 1];
        if (packet.padding_bytes == 0 || packet.padding_bytes > n - at)
            return SR_ERR_SYNTAX;
    }
    packet.payload = bytes + at;
    packet.payload_bytes = n - at - packet.padding_bytes;
    *ret_packet = packet;
    return SR_OK;
}

bool rtp_is_rtcp(const uint8_t *bytes, size_t n)
{
    return n >= 2 && bytes[0] >> 6 == 2 && bytes[1] >= 192 && bytes[1] <= 223;
}

static void write_header(uint8_t *out, uint8_t payload_type, const struct rtp_stamp *stamp)
{
    out[0] = 0x80;
    out[1] = (uint8_t)((stamp->marker ? 0x80 : 0) | (payload_type & 0x7F));
    put16(out + 2, stamp->seq);
    put32(out + 4, stamp->timestamp);
    put32(out + 8, stamp->ssrc);
}

enum sr_err rtp_write(const struct rtp_packet *packet, uint8_t *out, size_t max, size_t *ret_bytes)
{
    struct rtp_stamp stamp = {packet->seq, packet->timestamp, packet->ssrc, packet->marker};
    size_t csrc_bytes = (size_t)4 * packet->csrc_count;
    size_t ext_words = packet->has_ext ? (packet->ext_bytes + 3) / 4 : 0;
    size_t ext_all = packet->has_ext ? 4 + 4 * ext_words : 0;
    uint8_t *p = out;

    SR_ASSERT(packet->csrc_count <= 15);
    if (ext_words > UINT16_MAX ||
        max < RTP_HEADER_BYTES + csrc_bytes + ext_all + packet->payload_bytes)
        return SR_ERR_LIMIT;
    write_header(p, packet->payload_type, &stamp);
    p[0] = (uint8_t)(0x80 | (packet->has_ext ? 0x10 : 0) | packet->csrc_count);
    p += RTP_HEADER_BYTES;
    if (csrc_bytes > 0)
        memcpy(p, packet->csrc, csrc_bytes);
    p += csrc_bytes;
    if (packet->has_ext) {
        put16(p, packet->ext_profile);
        put16(p + 2, (uint16_t)ext_words);
        memset(p + 4, 0, 4 * ext_words);
        if (packet->ext_bytes > 0)
            memcpy(p + 4, packet->ext, packet->ext_bytes);
        p += ext_all;
    }
    if (packet->payload_bytes > 0)
        memcpy(p, packet->payload, packet->payload_bytes);
    *ret_bytes = (size_t)(p - out) + packet->payload_bytes;
    return SR_OK;
}

bool rtp_ext_find(const struct rtp_packet *packet, uint8_t id, const uint8_t **ret_data,
                  size_t *ret_bytes)
{
    bool is_one_byte = packet->has_ext && packet->ext_profile == EXT_ONE_BYTE;
    bool is_two_byte = packet->has_ext && (packet->ext_profile & EXT_TWO_BYTE_MASK) == EXT_TWO_BYTE;
    size_t at = 0;

    if ((!is_one_byte && !is_two_byte) || id == 0)
        return false;
    while (at < packet->ext_bytes) {
        uint8_t found, head = packet->ext[at++];
        size_t len;

        if (head == 0)
            continue; /* padding */
        if (is_one_byte) {
            found = head >> 4;
            len = (size_t)(head & 15) + 1;
            if (found == EXT_ID_STOP)
                return false;
        } else {
            if (at >= packet->ext_bytes)
                return false;
            found = head;
            len = packet->ext[at++];
        }
        if (len > packet->ext_bytes - at)
            return false;
        if (found == id) {
            *ret_data = packet->ext + at;
            *ret_bytes = len;
            return true;
        }
        at += len;
    }
    return false;
}

bool rtp_audio_level(const struct rtp_packet *packet, uint8_t id, uint8_t *ret_level,
                     bool *ret_is_voice)
{
    const uint8_t *data;
    size_t n;

    if (!rtp_ext_find(packet, id, &data, &n) || n < 1)
        return false;
    *ret_level = data[0] & 0x7F;
    *ret_is_voice = (data[0] & 0x80) != 0;
    return true;
}

/* a * b / c, rounded to nearest, without overflow for what time and clocks can be */
static int64_t scale(int64_t a, int64_t b, int64_t c)
{
    int64_t whole = a / c, rest = a % c;
    int64_t half = rest < 0 ? -c / 2 : c / 2;

    return whole * b + (rest * b + half) / c;
}

int64_t rtp_units_from_us(sr_usec us, uint32_t clock_hz)
{
    return scale(us, clock_hz, 1000000);
}

sr_usec rtp_us_from_units(int64_t units, uint32_t clock_hz)
{
    return scale(units, 1000000, clock_hz);
}

/* ---- receive side --------------------------------------------------------------------------- */

void rtp_source_init(struct rtp_source *source, uint32_t clock_hz)
{
    SR_ASSERT(clock_hz > 0);
    memset(source, 0, sizeof(*source));
    source->clock_hz = clock_hz;
}

void rtp_source_set_clock(struct rtp_source *source, uint32_t clock_hz)
{
    SR_ASSERT(clock_hz > 0);
    if (source->clock_hz == clock_hz)
        return;
    source->jitter = source->jitter * clock_hz / source->clock_hz;
    source->clock_hz = clock_hz;
    source->has_transit = false;
}

static uint64_t expected_now(const struct rtp_source *source)
{
    return source->is_started ? (uint64_t)source->cycles + source->max_seq - source->base_seq + 1
                              : 0;
}

static void start_stream(struct rtp_source *source, const struct rtp_packet *packet)
{
    source->expected_done += expected_now(source);
    source->received_done += source->received;
    source->received = 0;
    source->is_started = true;
    source->has_bad_seq = false;
    source->has_transit = false;
    source->ssrc = packet->ssrc;
    source->cycles = 0;
    source->base_seq = packet->seq;
    source->max_seq = packet->seq;
    source->seen = 1;
}

static void update_jitter(struct rtp_source *source, const struct rtp_packet *packet, sr_usec now)
{
    int64_t arrival = rtp_units_from_us(now, source->clock_hz);
    int64_t transit, delta;

    /* several packets of one timestamp (events, retransmitted ends) say nothing about the network */
    if (source->has_transit && packet->timestamp == source->last_ts)
        return;
    transit = (int32_t)((uint32_t)arrival - packet->timestamp);
    if (source->has_transit) {
        delta = (int32_t)((uint32_t)transit - (uint32_t)source->transit);
        if (delta < 0)
            delta = -delta;
        /* a jump of the timestamp is no jitter */
        if (delta < (int64_t)source->clock_hz * 2)
            source->jitter += ((double)delta - source->jitter) / 16;
    }
    source->transit = transit;
    source->last_ts = packet->timestamp;
    source->has_transit = true;
}

static enum rtp_source_verdict place(struct rtp_source *source, const struct rtp_packet *packet)
{
    int step = rtp_seq_diff(packet->seq, source->max_seq);

    if (step > 0 && step < RTP_SEQ_JUMP_MAX) {
        if (packet->seq < source->max_seq)
            source->cycles += 65536;
        source->seen = step < 64 ? source->seen << step | 1 : 1;
        source->max_seq = packet->seq;
        source->has_bad_seq = false;
        return RTP_SOURCE_OK;
    }
    if (step <= 0 && step > -RTP_SEQ_LATE_MAX) {
        uint64_t bit = step > -64 ? (uint64_t)1 << -step : 0;

        if (bit == 0 || (source->seen & bit) != 0) {
            source->duplicates++;
            return RTP_SOURCE_DUPLICATE;
        }
        source->seen |= bit;
        source->reordered++;
        return RTP_SOURCE_REORDERED;
    }
    if (source->has_bad_seq && packet->seq == source->bad_seq) {
        start_stream(source, packet);
        source->restarts++;
        return RTP_SOURCE_RESTARTED;
    }
    source->has_bad_seq = true;
    source->bad_seq = (uint16_t)(packet->seq + 1);
    source->jumps++;
    return RTP_SOURCE_JUMP;
}

enum rtp_source_verdict rtp_source_push(struct rtp_source *source, const struct rtp_packet *packet,
                                        sr_usec now)
{
    enum rtp_source_verdict verdict = RTP_SOURCE_OK;

    if (!source->is_started) {
        start_stream(source, packet);
    } else if (packet->ssrc != source->ssrc) {
        start_stream(source, packet);
        source->restarts++;
        verdict = RTP_SOURCE_RESTARTED;
    } else {
        verdict = place(source, packet);
    }
    if (verdict == RTP_SOURCE_DUPLICATE || verdict == RTP_SOURCE_JUMP)
        return verdict;
    source->received++;
    if (verdict != RTP_SOURCE_REORDERED)
        update_jitter(source, packet, now);
    return verdict;
}

uint32_t rtp_source_ext_seq(const struct rtp_source *source)
{
    return source->cycles + source->max_seq;
}

static uint64_t expected_all(const struct rtp_source *source)
{
    return source->expected_done + expected_now(source);
}

static uint64_t received_all(const struct rtp_source *source)
{
    return source->received_done + source->received;
}

uint64_t rtp_source_lost(const struct rtp_source *source)
{
    uint64_t expected = expected_all(source), received = received_all(source);

    return expected > received ? expected - received : 0;
}

double rtp_source_jitter_ms(const struct rtp_source *source)
{
    return source->jitter * 1000 / source->clock_hz;
}

uint8_t rtp_source_fraction_lost(struct rtp_source *source)
{
    uint64_t expected_total = expected_all(source), received_total = received_all(source);
    uint64_t expected = expected_total - source->expected_prior;
    uint64_t received = received_total - source->received_prior;

    source->expected_prior = expected_total;
    source->received_prior = received_total;
    if (expected == 0 || received >= expected)
        return 0;
    return (uint8_t)SR_MIN(((expected - received) << 8) / expected, 255);
}

/* ---- send side ------------------------------------------------------------------------------ */

void rtp_sender_init(struct rtp_sender *sender, uint32_t ssrc, uint16_t seq, uint32_t ts)
{
    memset(sender, 0, sizeof(*sender));
    sender->ssrc = ssrc;
    sender->next_seq = seq;
    sender->last_ts = ts;
    sender->wants_marker = true;
}

/* Timestamp of a frame that starts now, when its feed is not the one of the frame before. */
static uint32_t resume_ts(const struct rtp_sender *sender, uint32_t clock_hz, uint32_t frame_units,
                          sr_usec now)
{
    int64_t frames;

    if (sender->clock_hz == 0)
        return sender->last_ts;
    frame_units = frame_units > 0 ? frame_units : clock_hz / 50;
    frames = (rtp_units_from_us(now - sender->last_at, clock_hz) + frame_units / 2) / frame_units;
    return sender->last_ts + (uint32_t)(SR_MAX(frames, 1) * frame_units);
}

void rtp_sender_frame(struct rtp_sender *sender, uint32_t clock_hz, uint32_t units, bool is_sent,
                      size_t payload_bytes, sr_usec now, struct rtp_stamp *ret_stamp)
{
    int64_t gap_units = rtp_units_from_us(now - sender->last_at, clock_hz);

    SR_ASSERT(clock_hz > 0 && units > 0);
    if (sender->is_relayed || sender->clock_hz != clock_hz || gap_units > (int64_t)units * 4) {
        sender->last_ts = resume_ts(sender, clock_hz, units, now);
        sender->feed += sender->is_relayed;
        sender->is_relayed = false;
    } else {
        sender->last_ts += sender->frame_units;
    }
    sender->clock_hz = clock_hz;
    sender->frame_units = units;
    sender->last_at = now;
    *ret_stamp = (struct rtp_stamp){sender->next_seq, sender->last_ts, sender->ssrc, false};
    if (!is_sent) {
        sender->wants_marker = true;
        return;
    }
    ret_stamp->marker = sender->wants_marker;
    sender->wants_marker = false;
    sender->next_seq++;
    sender->packets++;
    sender->payload_bytes += payload_bytes;
}

void rtp_sender_extra(struct rtp_sender *sender, uint32_t ts, bool marker, size_t payload_bytes,
                      struct rtp_stamp *ret_stamp)
{
    *ret_stamp = (struct rtp_stamp){sender->next_seq, ts, sender->ssrc, marker};
    sender->feed += sender->is_relayed; /* the relay's numbers moved: it maps anew */
    sender->next_seq++;
    sender->packets++;
    sender->payload_bytes += payload_bytes;
}

uint32_t rtp_sender_ts_at(const struct rtp_sender *sender, sr_usec now)
{
    if (sender->clock_hz == 0)
        return sender->last_ts;
    return sender->last_ts + (uint32_t)rtp_units_from_us(now - sender->last_at, sender->clock_hz);
}

void rtp_relay_init(struct rtp_relay *relay)
{
    memset(relay, 0, sizeof(*relay));
}

void rtp_relay_skip(struct rtp_relay *relay)
{
    relay->is_mapped = false;
}

static bool needs_new_map(const struct rtp_relay *relay, const struct rtp_sender *sender,
                          const struct rtp_packet *packet, uint32_t clock_hz, sr_usec now)
{
    int step = rtp_seq_diff(packet->seq, relay->max_seq);
    int64_t ahead;

    if (!relay->is_mapped || relay->feed != sender->feed || !sender->is_relayed ||
        relay->ssrc != packet->ssrc || relay->clock_hz != clock_hz)
        return true;
    if (step <= 0)
        return step <= -RTP_SEQ_JUMP_MAX;
    if (step >= RTP_SEQ_JUMP_MAX)
        return true;
    ahead = rtp_ts_diff(packet->timestamp, relay->max_ts) -
            rtp_units_from_us(now - relay->max_at, clock_hz);
    return ahead > TS_MISFIT_SEC * (int64_t)clock_hz || ahead < -TS_MISFIT_SEC * (int64_t)clock_hz;
}

static void begin_map(struct rtp_relay *relay, struct rtp_sender *sender,
                      const struct rtp_packet *packet, uint32_t clock_hz, sr_usec now)
{
    uint32_t frame_units = sender->clock_hz == clock_hz ? sender->frame_units : 0;
    uint32_t ts = resume_ts(sender, clock_hz, frame_units, now);

    sender->feed++;
    sender->is_relayed = true;
    sender->clock_hz = clock_hz;
    sender->frame_units = frame_units > 0 ? frame_units : clock_hz / 50;
    relay->remaps++;
    relay->is_mapped = true;
    relay->feed = sender->feed;
    relay->ssrc = packet->ssrc;
    relay->clock_hz = clock_hz;
    relay->seq_offset = (uint16_t)(sender->next_seq - packet->seq);
    relay->ts_offset = ts - packet->timestamp;
    relay->span = 0;
    relay->max_seq = (uint16_t)(packet->seq - 1);
    relay->max_ts = packet->timestamp;
}

enum rtp_relay_verdict rtp_relay_map(struct rtp_relay *relay, struct rtp_sender *sender,
                                     const struct rtp_packet *packet, uint32_t clock_hz,
                                     sr_usec now, struct rtp_stamp *ret_stamp)
{
    bool is_new = needs_new_map(relay, sender, packet, clock_hz, now);
    int step;

    if (is_new)
        begin_map(relay, sender, packet, clock_hz, now);
    step = rtp_seq_diff(packet->seq, relay->max_seq);
    if (step <= 0 && (uint32_t)-step >= relay->span) {
        relay->late++;
        return RTP_RELAY_LATE;
    }
    ret_stamp->seq = (uint16_t)(packet->seq + relay->seq_offset);
    ret_stamp->timestamp = packet->timestamp + relay->ts_offset;
    ret_stamp->ssrc = sender->ssrc;
    ret_stamp->marker = packet->marker || is_new;
    if (step > 0) {
        int32_t units = rtp_ts_diff(packet->timestamp, relay->max_ts);

        /* one packet's duration, learnt from neighbours; events keep their timestamp */
        if (!is_new && step == 1 && units > 0 && (uint32_t)units <= clock_hz / 8)
            sender->frame_units = (uint32_t)units;
        relay->span = (uint32_t)SR_MIN((uint64_t)relay->span + (uint32_t)step, UINT32_MAX);
        relay->max_seq = packet->seq;
        relay->max_ts = packet->timestamp;
        relay->max_at = now;
        sender->next_seq = (uint16_t)(ret_stamp->seq + 1);
        sender->last_ts = ret_stamp->timestamp;
        sender->last_at = now;
    }
    sender->wants_marker = false;
    sender->packets++;
    sender->payload_bytes += packet->payload_bytes;
    return RTP_RELAY_SEND;
}

enum rtp_relay_verdict rtp_relay_rewrite(struct rtp_relay *relay, struct rtp_sender *sender,
                                         uint8_t *bytes, const struct rtp_packet *packet,
                                         const struct rtp_relay_target *target,
                                         struct rtp_relay_out *ret_out)
{
    ptrdiff_t at = packet->payload - bytes;
    enum rtp_relay_verdict verdict;

    if (at < RTP_HEADER_BYTES)
        return RTP_RELAY_LIMIT;
    verdict = rtp_relay_map(relay, sender, packet, target->clock_hz, target->now, &ret_out->stamp);
    if (verdict != RTP_RELAY_SEND)
        return verdict;
    ret_out->bytes = bytes + at - RTP_HEADER_BYTES;
    ret_out->n = RTP_HEADER_BYTES + packet->payload_bytes;
    write_header(ret_out->bytes, target->payload_type, &ret_out->stamp);
    return RTP_RELAY_SEND;
}

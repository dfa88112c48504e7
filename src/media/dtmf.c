#include "media/dtmf.h"

static const char digits[] = "0123456789*#ABCD!";

enum {
    PAUSE_MS = 60,             /* silence between two digits sent */
    SEGMENT_UNITS_MAX = 65535, /* RFC 4733 2.5.1.3 */
    LATE_S = 10,               /* a timestamp older than this is not late but another stream */
};

char dtmf_char(uint8_t event)
{
    return event <= DTMF_EVENT_MAX ? digits[event] : 0;
}

int dtmf_event(char c)
{
    if (c >= 'a' && c <= 'd')
        c = (char)(c - 'a' + 'A');
    for (int i = 0; i <= DTMF_EVENT_MAX; i++) {
        if (digits[i] == c)
            return i;
    }
    return -1;
}

enum sr_err dtmf_parse(const uint8_t *bytes, size_t n, struct dtmf_payload *ret_payload)
{
    if (n < DTMF_PAYLOAD_BYTES)
        return SR_ERR_SYNTAX;
    ret_payload->event = bytes[0];
    ret_payload->is_end = (bytes[1] & 0x80) != 0;
    ret_payload->volume = bytes[1] & 0x3F;
    ret_payload->duration = (uint16_t)(bytes[2] << 8 | bytes[3]);
    return SR_OK;
}

void dtmf_write(const struct dtmf_payload *payload, uint8_t out[DTMF_PAYLOAD_BYTES])
{
    out[0] = payload->event;
    out[1] = (uint8_t)((payload->is_end ? 0x80 : 0) | (payload->volume & 0x3F));
    out[2] = (uint8_t)(payload->duration >> 8);
    out[3] = (uint8_t)payload->duration;
}

uint16_t dtmf_rescale(uint16_t duration, uint32_t from_hz, uint32_t to_hz)
{
    uint64_t units = ((uint64_t)duration * to_hz + from_hz / 2) / from_hz;

    return (uint16_t)SR_MIN(units, UINT16_MAX);
}

/* ---- receive -------------------------------------------------------------------------------- */

void dtmf_rx_init(struct dtmf_rx *rx, uint32_t clock_hz)
{
    SR_ASSERT(clock_hz > 0);
    *rx = (struct dtmf_rx){.clock_hz = clock_hz};
}

static void report(struct dtmf_step *step, enum dtmf_what what, char digit, uint32_t duration_ms)
{
    SR_ASSERT(step->report_count < DTMF_REPORT_MAX);
    step->reports[step->report_count++] = (struct dtmf_report){what, digit, duration_ms};
}

static void end_event(struct dtmf_rx *rx, struct dtmf_step *step)
{
    uint64_t units = (uint64_t)rx->segment_units + rx->duration;

    rx->is_down = false;
    rx->has_last = true;
    rx->last_ts = rx->ts;
    report(step, DTMF_END, dtmf_char(rx->event),
           (uint32_t)SR_MIN(units * 1000 / rx->clock_hz, UINT32_MAX));
}

static void start_event(struct dtmf_rx *rx, const struct rtp_packet *packet,
                        const struct dtmf_payload *payload, struct dtmf_step *step)
{
    rx->is_down = true;
    rx->event = payload->event;
    rx->ts = packet->timestamp;
    rx->duration = payload->duration;
    rx->segment_units = 0;
    report(step, DTMF_START, dtmf_char(rx->event), 0);
}

/* Older than `ts`, and near enough to be a packet of an event before it. */
static bool is_stale(const struct dtmf_rx *rx, uint32_t packet_ts, uint32_t ts)
{
    int32_t diff = rtp_ts_diff(packet_ts, ts);

    return diff <= 0 && diff > -(int64_t)rx->clock_hz * LATE_S;
}

/* A long event goes on in a new segment: its timestamp is the end of the one before. */
static bool is_next_segment(const struct dtmf_rx *rx, const struct rtp_packet *packet,
                            const struct dtmf_payload *payload)
{
    int32_t diff = rtp_ts_diff(packet->timestamp, rx->ts);

    return payload->event == rx->event && !packet->marker && rx->duration >= 0x8000 &&
           diff >= rx->duration && diff <= SEGMENT_UNITS_MAX;
}

void dtmf_rx_push(struct dtmf_rx *rx, const struct rtp_packet *packet, sr_usec now,
                  struct dtmf_step *ret_step)
{
    struct dtmf_payload payload;

    ret_step->report_count = 0;
    if (dtmf_parse(packet->payload, packet->payload_bytes, &payload) != SR_OK ||
        payload.event > DTMF_EVENT_MAX)
        return;
    if (rx->is_down && packet->timestamp == rx->ts && payload.event == rx->event) {
        rx->duration = SR_MAX(rx->duration, payload.duration);
    } else if (rx->is_down && is_next_segment(rx, packet, &payload)) {
        rx->segment_units += (uint32_t)rtp_ts_diff(packet->timestamp, rx->ts);
        rx->ts = packet->timestamp;
        rx->duration = payload.duration;
    } else if (rx->is_down) {
        if (is_stale(rx, packet->timestamp, rx->ts))
            return;
        end_event(rx, ret_step); /* all of its end packets were lost */
        start_event(rx, packet, &payload, ret_step);
    } else {
        if (rx->has_last && is_stale(rx, packet->timestamp, rx->last_ts))
            return;
        start_event(rx, packet, &payload, ret_step);
    }
    rx->heard_at = now;
    if (payload.is_end)
        end_event(rx, ret_step);
}

sr_usec dtmf_rx_deadline(const struct dtmf_rx *rx)
{
    return rx->is_down ? rx->heard_at + DTMF_TIMEOUT_US : SR_NEVER;
}

void dtmf_rx_on_deadline(struct dtmf_rx *rx, sr_usec now, struct dtmf_step *ret_step)
{
    ret_step->report_count = 0;
    if (rx->is_down && now >= dtmf_rx_deadline(rx))
        end_event(rx, ret_step);
}

bool dtmf_rx_is_down(const struct dtmf_rx *rx)
{
    return rx->is_down;
}

/* ---- send ----------------------------------------------------------------------------------- */

void dtmf_tx_init(struct dtmf_tx *tx, uint32_t clock_hz)
{
    SR_ASSERT(clock_hz > 0);
    memset(tx, 0, sizeof(*tx));
    tx->clock_hz = clock_hz;
}

enum sr_err dtmf_tx_add(struct dtmf_tx *tx, char digit, uint32_t duration_ms)
{
    int event = dtmf_event(digit);
    size_t at = (size_t)(tx->queue_first + tx->queue_count) % DTMF_QUEUE_MAX;

    if (event < 0)
        return SR_ERR_SYNTAX;
    if (tx->queue_count == DTMF_QUEUE_MAX)
        return SR_ERR_LIMIT;
    duration_ms = SR_MAX(duration_ms, (uint32_t)DTMF_DURATION_MS_MIN);
    tx->queue_event[at] = (uint8_t)event;
    tx->queue_ms[at] = (uint16_t)SR_MIN(duration_ms, (uint32_t)DTMF_DURATION_MS_MAX);
    tx->queue_count++;
    return SR_OK;
}

bool dtmf_tx_is_busy(const struct dtmf_tx *tx)
{
    return tx->is_sending || tx->ends_left > 0 || tx->pause_units > 0 || tx->queue_count > 0;
}

uint32_t dtmf_tx_unsent(const struct dtmf_tx *tx)
{
    bool is_one_on = tx->is_sending || tx->ends_left > 0 || tx->pause_units > 0;

    return (uint32_t)tx->queue_count + is_one_on;
}

static void begin_digit(struct dtmf_tx *tx, uint32_t ts)
{
    tx->event = tx->queue_event[tx->queue_first];
    tx->duration_wanted = (uint32_t)((uint64_t)tx->queue_ms[tx->queue_first] * tx->clock_hz / 1000);
    tx->queue_first = (uint8_t)((tx->queue_first + 1) % DTMF_QUEUE_MAX);
    tx->queue_count--;
    tx->duration = 0;
    tx->ts = ts;
    tx->is_first = true;
    tx->is_sending = true;
}

static void add_packet(struct dtmf_tx *tx, struct rtp_sender *sender, bool is_end,
                       struct dtmf_tx_step *step)
{
    struct dtmf_payload payload = {.event = tx->event,
                                   .is_end = is_end,
                                   .volume = DTMF_VOLUME_DEFAULT,
                                   .duration = (uint16_t)tx->duration};
    struct dtmf_packet *packet = &step->packets[step->packet_count++];

    dtmf_write(&payload, packet->payload);
    rtp_sender_extra(sender, tx->ts, tx->is_first, DTMF_PAYLOAD_BYTES, &packet->stamp);
    tx->is_first = false;
}

void dtmf_tx_tick(struct dtmf_tx *tx, struct rtp_sender *sender,
                  const struct rtp_stamp *frame_stamp, uint32_t frame_units,
                  struct dtmf_tx_step *ret_step)
{
    ret_step->packet_count = 0;
    ret_step->replaces_audio = dtmf_tx_is_busy(tx);
    if (!ret_step->replaces_audio)
        return;
    if (!tx->is_sending && tx->pause_units == 0)
        begin_digit(tx, frame_stamp->timestamp);
    if (!tx->is_sending) {
        /* the end is repeated at the pace of the stream, so that one burst cannot take all three */
        if (tx->ends_left > 0) {
            tx->ends_left--;
            add_packet(tx, sender, true, ret_step);
        }
        tx->pause_units -= SR_MIN(tx->pause_units, frame_units);
        return;
    }
    if (tx->duration + frame_units > SEGMENT_UNITS_MAX) {
        tx->ts += tx->duration;
        tx->duration_wanted -= SR_MIN(tx->duration_wanted, tx->duration);
        tx->duration = 0;
    }
    tx->duration += frame_units;
    tx->is_sending = tx->duration < tx->duration_wanted;
    if (!tx->is_sending) {
        tx->ends_left = DTMF_END_COUNT - 1;
        tx->pause_units = SR_MAX((uint32_t)((uint64_t)tx->clock_hz * PAUSE_MS / 1000),
                                 frame_units * DTMF_END_COUNT);
    }
    add_packet(tx, sender, !tx->is_sending, ret_step);
}

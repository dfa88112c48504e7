/**
 * @file dtmf.h  Digits as RTP events (RFC 4733): receive, send, rescale for another clock.
 *
 * Layer:   pure
 * Memory:  embedded; no allocation
 * Thread:  re-entrant; one state belongs to one thread at a time
 */
#ifndef SR_MEDIA_DTMF_H
#define SR_MEDIA_DTMF_H

#include "media/rtp.h"

enum {
    DTMF_PAYLOAD_BYTES = 4,
    DTMF_EVENT_MAX = 16,      /* 0-9 * # A-D flash */
    DTMF_END_COUNT = 3,       /* end packets sent */
    DTMF_VOLUME_DEFAULT = 10, /* -10 dBm0 */
    DTMF_TIMEOUT_US = 300000, /* an event without any packet for so long is over */
    DTMF_QUEUE_MAX = 64,      /* digits waiting to be sent */
    DTMF_DURATION_MS_MIN = 40,
    DTMF_DURATION_MS_MAX = 6000,
};

/** '0'..'9', '*', '#', 'A'..'D', '!' (flash); 0 for an event that is no digit. */
char dtmf_char(uint8_t event);
/** Event number of a character (lower case too); -1: no digit. */
int dtmf_event(char c);

struct dtmf_payload {
    uint8_t event;
    bool is_end;
    uint8_t volume;    /* 0..63, -dBm0 */
    uint16_t duration; /* in timestamp units */
};

/** @return SR_OK; SR_ERR_SYNTAX when shorter than 4 bytes. Further events in it are ignored. */
SR_MUST_USE enum sr_err dtmf_parse(const uint8_t *bytes, size_t n,
                                   struct dtmf_payload *ret_payload);
void dtmf_write(const struct dtmf_payload *payload, uint8_t out[DTMF_PAYLOAD_BYTES]);
/** Duration of an event payload from one clock to another, saturating at 65535. */
uint16_t dtmf_rescale(uint16_t duration, uint32_t from_hz, uint32_t to_hz);

/* ---- receive -------------------------------------------------------------------------------- */

enum dtmf_what {
    DTMF_NOTHING,
    DTMF_START, /* a key went down */
    DTMF_END,   /* it came up; duration_ms is final. Exactly one for each START */
};

struct dtmf_report {
    enum dtmf_what what;
    char digit;
    uint32_t duration_ms;
};

enum {
    DTMF_REPORT_MAX = 3
};

/** What happened, in this order. */
struct dtmf_step {
    struct dtmf_report reports[DTMF_REPORT_MAX];
    uint8_t report_count;
};

/** Fields are private. */
struct dtmf_rx {
    uint32_t clock_hz;
    bool is_down;
    bool has_last; /* last_ts names an event that is over: repeats of its end are ignored */
    uint8_t event;
    uint16_t duration;
    uint32_t ts;
    uint32_t segment_units; /* of finished segments of a long event (RFC 4733 2.5.1.3) */
    uint32_t last_ts;
    sr_usec heard_at;
};

void dtmf_rx_init(struct dtmf_rx *rx, uint32_t clock_hz);
/** One packet of the event payload type. A malformed one changes nothing. */
void dtmf_rx_push(struct dtmf_rx *rx, const struct rtp_packet *packet, sr_usec now,
                  struct dtmf_step *ret_step);
/** When the key counts as released without a word; SR_NEVER: none down. */
sr_usec dtmf_rx_deadline(const struct dtmf_rx *rx);
void dtmf_rx_on_deadline(struct dtmf_rx *rx, sr_usec now, struct dtmf_step *ret_step);
bool dtmf_rx_is_down(const struct dtmf_rx *rx);

/* ---- send ----------------------------------------------------------------------------------- */

/** Fields are private. */
struct dtmf_tx {
    uint16_t queue_ms[DTMF_QUEUE_MAX];
    uint8_t queue_event[DTMF_QUEUE_MAX];
    uint32_t clock_hz;
    uint32_t ts;
    uint32_t duration, duration_wanted; /* in timestamp units */
    uint8_t event;
    bool is_first;
    uint8_t queue_first;
    /* what dtmf_tx_is_busy() asks for each packet */
    uint8_t queue_count;
    uint32_t pause_units; /* silence left before the next digit */
    uint8_t ends_left;
    bool is_sending;
};

struct dtmf_packet {
    uint8_t payload[DTMF_PAYLOAD_BYTES];
    struct rtp_stamp stamp;
};

enum {
    DTMF_TX_PACKETS_MAX = DTMF_END_COUNT
};

/** What to send this tick in place of audio. */
struct dtmf_tx_step {
    struct dtmf_packet packets[DTMF_TX_PACKETS_MAX];
    uint8_t packet_count;
    bool replaces_audio; /* no audio packet this tick: an event or the pause after it is on */
};

void dtmf_tx_init(struct dtmf_tx *tx, uint32_t clock_hz);
/** Queues a digit. @return SR_OK; SR_ERR_LIMIT: queue full; SR_ERR_SYNTAX: no digit */
SR_MUST_USE enum sr_err dtmf_tx_add(struct dtmf_tx *tx, char digit, uint32_t duration_ms);
bool dtmf_tx_is_busy(const struct dtmf_tx *tx);
/** Digits that wait or are being sent; the pause after one belongs to it. */
uint32_t dtmf_tx_unsent(const struct dtmf_tx *tx);
/**
 * One tick. `frame_stamp` came from rtp_sender_frame(is_sent = false) for the same tick, so media
 * time runs on below the event; packets take their numbers from `sender`.
 */
void dtmf_tx_tick(struct dtmf_tx *tx, struct rtp_sender *sender,
                  const struct rtp_stamp *frame_stamp, uint32_t frame_units,
                  struct dtmf_tx_step *ret_step);

#endif

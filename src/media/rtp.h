/**
 * @file rtp.h  RTP packets (RFC 3550, RFC 8285 extensions): parse, write, receive and send state.
 *
 * A parsed packet points into the received bytes; it owns nothing and needs no cleanup.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  parsed packets borrow; states are embedded by the caller, no allocation ever
 * Thread:  re-entrant; one state belongs to one thread at a time
 */
#ifndef SR_MEDIA_RTP_H
#define SR_MEDIA_RTP_H

#include "base/base.h"

enum {
    RTP_HEADER_BYTES = 12,
    RTP_PACKET_BYTES_MAX = 1500,
    RTP_PAYLOAD_TYPE_COUNT = 128,
    RTP_SEQ_JUMP_MAX = 3000, /* RFC 3550 A.1 MAX_DROPOUT: a larger step is a new start */
    RTP_SEQ_LATE_MAX = 100,  /* MAX_MISORDER */
};

struct rtp_packet {
    uint8_t payload_type; /* 0..127 */
    bool marker;
    uint8_t csrc_count;
    uint8_t padding_bytes;
    uint16_t seq;
    uint32_t timestamp;
    uint32_t ssrc;
    bool has_ext;
    uint16_t ext_profile; /* 0xBEDE: one-byte header; 0x100x: two-byte header */
    const uint8_t *csrc;  /* 4 * csrc_count bytes, network order */
    const uint8_t *ext;   /* extension data without its 4-byte header */
    size_t ext_bytes;
    const uint8_t *payload;
    size_t payload_bytes; /* without padding; may be 0 */
};

/**
 * Parses one RTP packet. Every length that the packet states is checked against its real length.
 *
 * @return SR_OK
 *         SR_ERR_SYNTAX  not version 2, too short, or CSRC, extension or padding lie
 */
SR_MUST_USE enum sr_err rtp_parse(const uint8_t *bytes, size_t n, struct rtp_packet *ret_packet);

/** True for what RFC 5761 calls RTCP on a shared port (second byte 192..223, version 2). */
bool rtp_is_rtcp(const uint8_t *bytes, size_t n);

/**
 * Writes a packet with header, CSRC, extension and payload; no padding. `ext_bytes` is rounded up
 * to whole words with zeros. The payload may lie anywhere outside `out`.
 *
 * @return SR_OK; SR_ERR_LIMIT when it does not fit in `max` bytes
 */
SR_MUST_USE enum sr_err rtp_write(const struct rtp_packet *packet, uint8_t *out, size_t max,
                                  size_t *ret_bytes);

/** Finds one extension element (RFC 8285, both header forms). False: not present or malformed. */
bool rtp_ext_find(const struct rtp_packet *packet, uint8_t id, const uint8_t **ret_data,
                  size_t *ret_bytes);
/** RFC 6464 audio level under `id`: level in -dBov (0..127) and the voice flag. */
bool rtp_audio_level(const struct rtp_packet *packet, uint8_t id, uint8_t *ret_level,
                     bool *ret_is_voice);

/** Signed distance a - b on the wrapping number line. */
static inline int16_t rtp_seq_diff(uint16_t a, uint16_t b)
{
    return (int16_t)(uint16_t)(a - b);
}

static inline int32_t rtp_ts_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

/** Microseconds as timestamp units of `clock_hz`, rounded; and back. Exact over 64 bits. */
int64_t rtp_units_from_us(sr_usec us, uint32_t clock_hz);
sr_usec rtp_us_from_units(int64_t units, uint32_t clock_hz);

/* ---- receive side --------------------------------------------------------------------------- */

enum rtp_source_verdict {
    RTP_SOURCE_OK,        /* in order, or a gap before it */
    RTP_SOURCE_REORDERED, /* older than the newest, not seen before */
    RTP_SOURCE_DUPLICATE, /* drop it */
    RTP_SOURCE_JUMP,      /* one packet far away: drop it; a second in a row restarts */
    RTP_SOURCE_RESTARTED, /* new SSRC, or the second packet after a jump: a new stream begins */
};

/** Receive statistics of one stream (RFC 3550 A.1, A.3, A.8). Fields are private; use functions. */
struct rtp_source {
    bool is_started;
    bool has_bad_seq;
    bool has_transit;
    uint16_t max_seq;
    uint16_t bad_seq;
    uint32_t ssrc;
    uint32_t clock_hz;
    uint32_t cycles; /* count of wraps << 16 */
    uint32_t last_ts;
    int64_t transit; /* in timestamp units */
    double jitter;   /* in timestamp units */
    uint64_t seen;   /* bit i: max_seq - i was received */
    uint64_t
        received; /* of the stream in force, duplicates excluded; the end of what each packet needs */
    uint32_t base_seq;
    uint64_t expected_prior, received_prior;
    uint64_t expected_done; /* of streams before a restart */
    uint64_t received_done;
    uint64_t duplicates, reordered, jumps, restarts;
};

void rtp_source_init(struct rtp_source *source, uint32_t clock_hz);
/** The clock of the payload type in use changed: jitter starts anew, everything else goes on. */
void rtp_source_set_clock(struct rtp_source *source, uint32_t clock_hz);
/** Accounts one packet that arrived at `now`. */
enum rtp_source_verdict rtp_source_push(struct rtp_source *source, const struct rtp_packet *packet,
                                        sr_usec now);
/** Extended highest sequence number (wraps in the upper half). */
uint32_t rtp_source_ext_seq(const struct rtp_source *source);
/** Packets missing over the whole life; never negative. */
uint64_t rtp_source_lost(const struct rtp_source *source);
double rtp_source_jitter_ms(const struct rtp_source *source);
/** Fraction lost (0..255) since the last call of this function, for a report block. */
uint8_t rtp_source_fraction_lost(struct rtp_source *source);

/* ---- send side ------------------------------------------------------------------------------ */

/** What one outgoing packet carries in its header. */
struct rtp_stamp {
    uint16_t seq;
    uint32_t timestamp;
    uint32_t ssrc;
    bool marker;
};

/**
 * Outgoing space of one leg: one SSRC, sequence +1, a timestamp that advances with media time,
 * whoever feeds it (relay, mix, events). Fields are private but the counters.
 */
struct rtp_sender {
    uint32_t ssrc;
    uint16_t next_seq;
    uint32_t last_ts;     /* of the last frame, sent or silent */
    uint32_t frame_units; /* duration of the last frame at clock_hz */
    uint32_t clock_hz;    /* 0: nothing sent yet */
    sr_usec last_at;
    uint32_t feed;     /* grows with every change of who feeds the leg */
    bool is_relayed;   /* a relay feeds it now */
    bool wants_marker; /* the next sent frame begins a talk spurt */
    uint64_t packets;  /* for SR */
    uint64_t payload_bytes;
};

/** `ssrc`, `seq` and `ts` are random numbers of the caller (RFC 3550 5.1). */
void rtp_sender_init(struct rtp_sender *sender, uint32_t ssrc, uint16_t seq, uint32_t ts);

/**
 * Stamps the next frame of mixed or played audio: `units` long at `clock_hz`. Call it once per
 * tick, also with `is_sent` false (DTX, mute): then time passes and no sequence number is used.
 * After a pause of calls, or after a relay, the timestamp moves on by the time that passed, in
 * whole frames; the clock may change at any frame (RFC 7160).
 */
void rtp_sender_frame(struct rtp_sender *sender, uint32_t clock_hz, uint32_t units, bool is_sent,
                      size_t payload_bytes, sr_usec now, struct rtp_stamp *ret_stamp);
/**
 * One more packet at a timestamp given by the caller (RFC 4733 events): takes a sequence number,
 * leaves media time alone.
 */
void rtp_sender_extra(struct rtp_sender *sender, uint32_t ts, bool marker, size_t payload_bytes,
                      struct rtp_stamp *ret_stamp);
/** Timestamp that belongs to `now`, for a sender report. */
uint32_t rtp_sender_ts_at(const struct rtp_sender *sender, sr_usec now);

enum rtp_relay_verdict {
    RTP_RELAY_SEND,
    RTP_RELAY_LATE,  /* from before the last change of source: its number is taken. Drop it */
    RTP_RELAY_LIMIT, /* not room for a header before the payload */
};

/** Maps one incoming stream to a sender's space. Fields are private. */
struct rtp_relay {
    bool is_mapped;
    uint32_t feed; /* of the sender when mapped */
    uint32_t ssrc;
    uint32_t clock_hz;
    uint16_t max_seq; /* incoming */
    uint32_t max_ts;
    sr_usec max_at;
    uint16_t seq_offset;
    uint32_t ts_offset;
    uint32_t span; /* incoming numbers since the map began, saturating */
    uint64_t remaps, late;
};

struct rtp_relay_target {
    uint8_t payload_type; /* on the outgoing leg */
    uint32_t clock_hz;    /* RTP clock of the payload, the same on both legs */
    sr_usec now;
};

struct rtp_relay_out {
    uint8_t *bytes; /* inside the packet given */
    size_t n;
    struct rtp_stamp stamp;
};

void rtp_relay_init(struct rtp_relay *relay);
/** Packets of the source are kept back on purpose: what comes next begins a new map, so that the other side counts
    no loss. */
void rtp_relay_skip(struct rtp_relay *relay);

/** Only the numbers: where `packet` goes in the sender's space. See rtp_relay_rewrite. */
enum rtp_relay_verdict rtp_relay_map(struct rtp_relay *relay, struct rtp_sender *sender,
                                     const struct rtp_packet *packet, uint32_t clock_hz,
                                     sr_usec now, struct rtp_stamp *ret_stamp);

/**
 * Rewrites a received packet in place for the outgoing leg. CSRC, extensions and padding are
 * dropped (their numbers were negotiated with the other side), so the packet may begin later than
 * before. Gaps and order of the source are kept. A new SSRC, a sequence jump, a timestamp that
 * does not fit the clock on the wall, or a mix in between begins a new map: next number, time that
 * passed, marker set.
 *
 * @param bytes   the received packet, writable
 * @param packet  parsed from `bytes`
 */
enum rtp_relay_verdict rtp_relay_rewrite(struct rtp_relay *relay, struct rtp_sender *sender,
                                         uint8_t *bytes, const struct rtp_packet *packet,
                                         const struct rtp_relay_target *target,
                                         struct rtp_relay_out *ret_out);

#endif

/**
 * @file jitter.h  Packet half of the jitter buffer: order, delay target, loss and silence.
 *
 * Packets go in as they arrive, in any order; jitter_get says what to decode next. Delays are
 * measured against the fastest packets of the last seconds (so clock drift is followed); the
 * target is a quantile of a forgetting histogram. Stalls followed by a burst do not enter the
 * histogram: what arrived late all at once is kept and played, and the delay is given back when
 * packets come evenly again. The PCM half, which stretches time, is playout.h.
 *
 * Layer:   pure
 * Memory:  one block of jitter_bytes() given at init; nothing afterwards
 * Thread:  re-entrant; one buffer belongs to one thread at a time
 */
#ifndef SR_MEDIA_JITTER_H
#define SR_MEDIA_JITTER_H

#include "base/base.h"

enum {
    JITTER_SLOT_COUNT_DEFAULT = 128, /* 2.5 s of 20 ms packets */
    JITTER_SLOT_COUNT_MAX = 1024,
    JITTER_SLOT_BYTES_DEFAULT = 512,
    JITTER_SLOT_BYTES_MAX = 1500,
};

/** {0} = defaults, but clock_hz must be set. */
struct jitter_options {
    uint32_t clock_hz;      /* RTP clock of the payload */
    uint32_t slot_count;    /* a power of two; packets that can wait */
    uint32_t slot_bytes;    /* largest payload kept */
    uint32_t ptime_us;      /* duration of a packet until the stream shows it; 20,000 */
    uint32_t target_min_us; /* 5,000 */
    uint32_t target_max_us; /* 800,000 */
};

enum jitter_kind {
    JITTER_AUDIO,
    JITTER_COMFORT, /* marks silence: comfort noise (RFC 3389), Opus DTX frame of 1 or 2 bytes */
    JITTER_SKIP,    /* uses a sequence number but carries no audio: telephone-event */
};

struct jitter_packet {
    enum jitter_kind kind;
    uint16_t seq;
    uint32_t timestamp;
    uint32_t ssrc;
    bool marker;
    const uint8_t *payload; /* copied */
    size_t payload_bytes;
    sr_usec arrived_at; /* may not go backwards */
};

enum jitter_push_result {
    JITTER_KEPT,
    JITTER_LATE, /* its turn is over */
    JITTER_DUPLICATE,
    JITTER_TOO_LARGE, /* payload above slot_bytes */
    JITTER_RESTARTED, /* new SSRC or a jump: what waited is gone, this packet is kept */
};

enum jitter_what {
    JITTER_FRAME,   /* decode `payload`, then call jitter_took */
    JITTER_LOST,    /* packet missing, later ones are here: conceal duration_us */
    JITTER_SILENCE, /* the sender is silent (DTX): fill up to duration_us; time does not advance */
    JITTER_EMPTY,   /* nothing here: conceal what the tick needs; time does not advance */
};

struct jitter_result {
    enum jitter_what what;
    enum jitter_kind kind;  /* of the frame */
    bool has_fec;           /* LOST: `payload` is the following packet, it may carry FEC */
    const uint8_t *payload; /* until the next push */
    size_t payload_bytes;
    sr_usec duration_us;
    sr_usec
        pause_us; /* FRAME: the sender said nothing for so long before it, no packet is missing */
};

struct jitter_stats {
    uint64_t pushed, late, overflowed, duplicates, too_large, reordered, restarts, stalls;
    uint64_t frames;   /* given out */
    uint64_t missing;  /* not here when their turn came (lost + late) */
    sr_usec rise_us;   /* of the fastest packets of the last second above those measured against */
    sr_usec target_us; /* wanted delay above the fastest packets of the last second */
    sr_usec depth_us;  /* media waiting */
    double drift_ppm;  /* of the sender's clock against ours; > 0: the sender is fast */
};

struct jitter;

/** Bytes that jitter_init needs; aligned as for any object. */
size_t jitter_bytes(const struct jitter_options *options);
/** Makes a buffer inside `memory`, which the caller keeps alive and frees. Never NULL. */
struct jitter *jitter_init(void *memory, const struct jitter_options *options);
/** Forgets everything but the counters. */
void jitter_reset(struct jitter *jitter);

enum jitter_push_result jitter_push(struct jitter *jitter, const struct jitter_packet *packet);

/**
 * What comes next at the moment `play_at` when it will be heard (now + samples already decoded).
 * FRAME and LOST take the packet; SILENCE and EMPTY take nothing and may change with the next push.
 */
void jitter_get(struct jitter *jitter, sr_usec play_at, struct jitter_result *ret_result);
/** True duration of the frame just taken, as the decoder found it. */
void jitter_took(struct jitter *jitter, sr_usec duration_us);
/** Duration of one packet as the stream shows it. */
sr_usec jitter_ptime_us(const struct jitter *jitter);

/** Delay at which the next packet would play at `play_at`, above the fastest packets. */
sr_usec jitter_delay_us(const struct jitter *jitter, sr_usec play_at);
/** Delay wanted. */
sr_usec jitter_target_us(const struct jitter *jitter);
/** Adds to the target: one packet when FEC shall arrive before it is needed. */
void jitter_set_extra_us(struct jitter *jitter, sr_usec extra_us);
/** False while a stalled source may still be catching up: the delay must not shrink now. */
bool jitter_may_shrink(const struct jitter *jitter);
/** True once there was a packet. */
bool jitter_is_started(const struct jitter *jitter);
/** True when the packet whose turn it is waits here. */
bool jitter_has_next(const struct jitter *jitter);

void jitter_stats_get(const struct jitter *jitter, struct jitter_stats *ret_stats);

#endif

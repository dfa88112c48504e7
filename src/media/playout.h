/**
 * @file playout.h  PCM half of the jitter buffer: exactly one tick of samples, whatever arrives.
 *
 * Each tick decodes what jitter.h gives, hides what is missing (FEC, the codec's concealment, else
 * repetition of the waveform with a fade) and keeps the delay at the target by removing or adding
 * whole pitch periods. Packets of 10 to 120 ms and any tick fit together.
 *
 * Layer:   pure
 * Memory:  one block of playout_bytes() given at init; nothing afterwards
 * Thread:  re-entrant; one playout belongs to one thread at a time
 */
#ifndef SR_MEDIA_PLAYOUT_H
#define SR_MEDIA_PLAYOUT_H

#include "media/jitter.h"

enum {
    PLAYOUT_RATE_HZ_MAX = 48000,
    PLAYOUT_PACKET_MS_MAX = 120,
};

/**
 * How to decode. Called inside playout_tick only; must not call back. Samples are mono float,
 * full scale 1.0, at the playout's rate. Each returns the count of samples written, 0 on failure
 * (then the waveform is concealed).
 */
struct playout_decoder {
    void *state;
    size_t (*decode)(void *state, const uint8_t *payload, size_t payload_bytes, float *out,
                     size_t max_samples);
    /** n samples in place of what is missing; NULL: the waveform is repeated. */
    size_t (*conceal)(void *state, float *out, size_t n);
    /** n samples of the packet before `payload`, out of its FEC; NULL: the codec has none. */
    size_t (*fec)(void *state, const uint8_t *payload, size_t payload_bytes, float *out, size_t n);
    /** A JITTER_COMFORT frame (RFC 3389); NULL: decode takes it, as Opus does. */
    size_t (*comfort)(void *state, const uint8_t *payload, size_t payload_bytes, float *out,
                      size_t max_samples);
    /** n samples while the sender is silent; NULL: the sound fades to nothing. */
    size_t (*silence)(void *state, float *out, size_t n);
};

struct playout_options {
    uint32_t rate_hz;      /* what the decoder gives: 8, 16, 24 or 48 kHz */
    uint32_t tick_samples; /* samples per tick, at most 60 ms */
};

struct playout_stats {
    uint64_t ticks;
    uint64_t concealed_samples; /* made up, FEC not counted */
    uint64_t fec_samples;       /* rebuilt from FEC */
    uint64_t silence_samples;   /* the sender was silent, or nothing has come yet */
    uint64_t inserted_samples;  /* by stretching */
    uint64_t removed_samples;
    uint64_t stretches; /* count of insertions and removals */
    uint64_t decode_errors;
    sr_usec delay_us; /* now, above the fastest packets */
};

enum playout_what {
    PLAYOUT_AUDIO,
    PLAYOUT_CONCEALED, /* some of the tick is made up */
    PLAYOUT_SILENCE,   /* zeros: need not be mixed */
};

struct playout;

size_t playout_bytes(const struct playout_options *options);
/** Makes a playout inside `memory`, which the caller keeps alive and frees. Never NULL. */
struct playout *playout_init(void *memory, const struct playout_options *options);
void playout_reset(struct playout *playout);

enum playout_drain {
    PLAYOUT_DRAIN_OFF,
    PLAYOUT_DRAIN_GENTLY, /* as the sound allows */
    PLAYOUT_DRAIN_NOW,    /* the next tick ends with the newest sample there is */
};

/** Writes exactly tick_samples to `out`. Call it once per tick; `now` may not go backwards. */
enum playout_what playout_tick(struct playout *playout, struct jitter *jitter,
                               const struct playout_decoder *decoder, sr_usec now, float *out);

/** Time between arrival of the fastest packets and the ear, at the last tick. */
sr_usec playout_delay_us(const struct playout *playout);
/** True when nothing waits: a switch to relay loses nothing, and the next packet goes on where the last tick ended. */
bool playout_is_drained(const struct playout *playout, const struct jitter *jitter);
/** Shrinks below the target (before a switch to relay) until it is unset; what is less than a tick goes at once. */
void playout_set_drain(struct playout *playout, enum playout_drain drain);

/** Plays the first packet as soon as it is here instead of when the target says: the delay then grows by
    stretching. */
void playout_set_eager(struct playout *playout, bool is_wanted);
/** A packet was played since the last reset. */
bool playout_is_started(const struct playout *playout);

void playout_stats_get(const struct playout *playout, struct playout_stats *ret_stats);

#endif

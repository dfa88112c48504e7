/**
 * @file hold_music.h  Music on hold, made here: a gentle melody without a file and without rights.
 *
 * A calm 32-bar sequence of plucked notes over soft chords, about -20 dBFS, that repeats for ever.
 * Everything lies below 3 kHz, so that it survives G.711.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded
 * Thread:  one owner; legs may share one player and its frame
 */
#ifndef SR_MEDIA_HOLD_MUSIC_H
#define SR_MEDIA_HOLD_MUSIC_H

#include "base/base.h"

enum {
    HOLD_MUSIC_VOICES = 8,
};

struct hold_music_voice {      /* fields are private */
    double turn_sin, turn_cos; /* rotation per sample */
    double re, im;
    float level, fall; /* envelope: level *= fall */
    float attack;      /* 0 .. 1 */
};

struct hold_music { /* fields are private */
    uint32_t rate_hz;
    uint32_t step;         /* eighth note counted from the start */
    uint32_t step_samples; /* left of it */
    uint32_t next_voice;
    struct hold_music_voice voices[HOLD_MUSIC_VOICES];
};

/** rate_hz 8000 .. 48000, a multiple of 1000. */
void hold_music_init(struct hold_music *music, uint32_t rate_hz);
/** Overwrites `out` with the next samples. */
void hold_music_run(struct hold_music *music, float *out, size_t samples);

#endif

/**
 * @file voice.h  Something like speech, encoded beforehand with libopus and spandsp, and what of it
 * arrives: the generator's half of an audio benchmark.
 *
 * Memory:  one allocation each, kept until the program ends
 * Thread:  single
 */
#ifndef BENCH_VOICE_H
#define BENCH_VOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VOICE_PTIME_MS = 20,
    VOICE_FRAMES = 200, /* four seconds, again and again */
    VOICE_BYTES_MAX = 400
};

/** One packet's payload; n == 0: nothing is sent (the codec marks silence). */
struct voice_frame {
    uint16_t n;
    uint8_t bytes[VOICE_BYTES_MAX];
};

struct voice {
    uint8_t codec;        /* 'P', 'G', 'O' */
    uint32_t frame_units; /* RTP clock ticks of a frame */
    struct voice_frame speech[VOICE_FRAMES], silence[VOICE_FRAMES];
};

/** Codec "PCMA", "G722" or "opus". `is_dtx`: Opus leaves out the packets of silence. */
const struct voice *voice_new(const char *codec, bool is_dtx);

struct voice_ear;
/** Judges payloads of one leg, in their order. */
struct voice_ear *voice_ear_new(const char *codec);
void voice_ear_take(struct voice_ear *ear, const uint8_t *payload, size_t n);
/** Loudness of all it took, dBFS; -127: silence, nothing, or nothing that can be decoded. */
double voice_ear_dbfs(const struct voice_ear *ear);
void voice_ear_free(struct voice_ear *ear);

#endif

/**
 * @file g711.h  ITU-T G.711 companding, sample by sample and in blocks.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  constant tables
 * Thread:  re-entrant
 */
#ifndef SR_MEDIA_G711_H
#define SR_MEDIA_G711_H

#include "base/base.h"

enum {
    G711_ULAW_SILENCE = 0xFF,
    G711_ALAW_SILENCE = 0xD5,
};

/** 16-bit value of each code. */
extern const int16_t g711_ulaw_table[256];
extern const int16_t g711_alaw_table[256];

uint8_t g711_ulaw_encode(int16_t sample);
uint8_t g711_alaw_encode(int16_t sample);

/** `n` codes to float samples [-1, 1]. */
void g711_ulaw_decode(float *out, const uint8_t *codes, size_t n);
void g711_alaw_decode(float *out, const uint8_t *codes, size_t n);

#endif

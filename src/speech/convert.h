/**
 * @file convert.h  Any sample rate to one that can be played (8, 16, 24, 48 kHz), off the media path.
 *
 * Windowed-sinc interpolation, 24 zero crossings on each side at the lower of the two rates: flat to 0.43 of it,
 * images and aliases below -60 dB. Output sample k lies exactly at time k / out_hz of the input.
 *
 * Layer:   speech
 * Thread:  one owner
 * Memory:  embedded; convert_to_clip() makes a clip
 */
#ifndef SR_SPEECH_CONVERT_H
#define SR_SPEECH_CONVERT_H

#include "worker/clip.h"

enum {
    CONVERT_CROSSINGS = 24,
    CONVERT_RATIO_MAX = 4, /* in_hz / out_hz: 192 kHz to 48 kHz */
    CONVERT_HALF_MAX = CONVERT_CROSSINGS * CONVERT_RATIO_MAX,
    CONVERT_BLOCK = 2048,
    CONVERT_STEPS = 128, /* of the kernel's table, per crossing */
};

struct convert { /* fields are private */
    uint32_t in_hz, out_hz;
    double scale;               /* of the kernel: lower rate / in_hz */
    uint32_t half;              /* input samples on each side */
    int64_t in_first, in_count; /* index of x[0]; samples seen */
    uint64_t out_count;
    float kernel[CONVERT_CROSSINGS * CONVERT_STEPS + 2];
    float x[2 * CONVERT_HALF_MAX + 2 + CONVERT_BLOCK];
    uint32_t x_count;
};

/** The rate a source of this rate is played at: the nearest above, 48000 at most. */
uint32_t convert_rate_for(uint32_t in_hz);
/** in_hz 4000 .. 192000; out_hz by convert_rate_for(). */
void convert_init(struct convert *convert, uint32_t in_hz, uint32_t out_hz);
/**
 * @param in_count  at most CONVERT_BLOCK
 * @param out       room for convert_out_max(in_count)
 * @return samples written
 */
size_t convert_run(struct convert *convert, const float *in, size_t in_count, int16_t *out);
/** What is still inside, at the end. Room as for CONVERT_BLOCK. */
size_t convert_end(struct convert *convert, int16_t *out);
size_t convert_out_max(const struct convert *convert, size_t in_count);
int16_t convert_sample(float value);

/** A clip at a rate that can be played. Cut at MEDIA_CLIP_BYTES_MAX. */
struct media_clip *convert_to_clip(const int16_t *samples, size_t count, uint32_t rate_hz);

#endif

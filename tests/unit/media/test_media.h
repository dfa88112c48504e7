/**
 * @file test_media.h  What the sample tests share: one entry per file, signals, a malloc counter.
 */
#ifndef SR_TEST_MEDIA_H
#define SR_TEST_MEDIA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "media/codec.h"

enum {
    TEST_STATE_BYTES = 96 * 1024,
};

/** Each runs its group and returns the number of failures. */
int test_dsp(void);
int test_g711(void);
int test_g722(void);
int test_codec(void);
int test_chain(void);
int test_resample(void);
int test_mix(void);
int test_tone(void);
int test_pitch(void);
int test_wav(void);

/** `samples` samples of a sine with peak `level`, starting at sample number `from`. */
void test_sine(float *out, size_t samples, size_t from, uint32_t rate_hz, double hz, double level);
/** Repeatable white noise in [-level, level]. */
void test_noise(float *out, size_t samples, uint64_t seed, float level);
/** Calls of malloc, calloc and realloc so far in the whole process, libraries included. Always 0
    under a sanitizer that has its own. */
uint64_t test_malloc_count(void);

#endif

/**
 * @file main.c  Runs every group, and counts the process's allocations.
 */
#include "test_media.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/random.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OWN_MALLOC 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define HAS_OWN_MALLOC 1
#endif

static atomic_uint_fast64_t malloc_count;

#ifndef HAS_OWN_MALLOC
/* glibc's own entry points; the names below take the place of the public ones in this process */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t n);
extern void *__libc_realloc(void *p, size_t n);

__attribute__((visibility("default"))) void *malloc(size_t n)
{
    atomic_fetch_add(&malloc_count, 1);
    return __libc_malloc(n);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t n)
{
    atomic_fetch_add(&malloc_count, 1);
    return __libc_calloc(count, n);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t n)
{
    atomic_fetch_add(&malloc_count, 1);
    return __libc_realloc(p, n);
}
#endif

uint64_t test_malloc_count(void)
{
    return atomic_load(&malloc_count);
}

void test_sine(float *out, size_t samples, size_t from, uint32_t rate_hz, double hz, double level)
{
    for (size_t i = 0; i < samples; i++)
        out[i] = (float)(level * sin(2.0 * 3.14159265358979323846 * hz * (double)(from + i) /
                                     (double)rate_hz));
}

void test_noise(float *out, size_t samples, uint64_t seed, float level)
{
    struct sr_prng prng;

    sr_prng_seed(&prng, seed);
    for (size_t i = 0; i < samples; i++)
        out[i] = (float)(sr_prng_double(&prng) * 2.0 - 1.0) * level;
}

int main(void)
{
    int failed = 0;

    failed += test_dsp();
    failed += test_g711();
    failed += test_g722();
    failed += test_codec();
    failed += test_chain();
    failed += test_resample();
    failed += test_mix();
    failed += test_tone();
    failed += test_pitch();
    failed += test_wav();
    return failed == 0 ? 0 : 1;
}

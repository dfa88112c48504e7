/**
 * @file dsp_vec4.c  Four floats at a time: SSE2 on x86-64, NEON on arm64; both always have it.
 */
#if defined(__SSE2__) || defined(__ARM_NEON)

#define VEC_LANES 4
#if defined(__SSE2__)
#define VEC_NAME "sse2"
#else
#define VEC_NAME "neon"
#endif
#define VEC_OPS dsp__ops_vec4

#include "media/dsp_vec.h"

#else

#include "media/dsp_internal.h"

#endif

/**
 * @file dsp_avx2.c  Eight floats at a time. Compiled with -mavx2: nothing here may run before
 *                   dsp_at() has seen that the processor can.
 */
#define VEC_LANES 8
#define VEC_NAME "avx2"
#define VEC_OPS dsp__ops_avx2

#include "media/dsp_vec.h"

/**
 * @file level.h  Energy and level of a frame.
 *
 * Layer:   pure
 * Memory:  embedded; no allocation
 * Thread:  re-entrant
 */
#ifndef SR_MEDIA_LEVEL_H
#define SR_MEDIA_LEVEL_H

#include "base/base.h"

#define LEVEL_DBFS_MIN (-127.0f)

/** Mean square of n samples (full scale 1.0); 0 for n = 0. */
float level_energy(const float *samples, size_t n);
/** Level against a full-scale square wave, LEVEL_DBFS_MIN..0. A full-scale sine has -3.01. */
float level_dbfs(const float *samples, size_t n);

#endif

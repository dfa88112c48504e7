/**
 * @file level.h  Energy of a frame and a detector of silence.
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

/** Fields are private but `is_silent` and `dbfs`. */
struct level_detector {
    float floor_dbfs; /* noise floor, slowly rising, quickly falling */
    float dbfs;       /* of the last frame */
    sr_usec loud_at;
    bool is_silent;
    bool is_started;
};

enum {
    LEVEL_HANG_US = 300000 /* speech goes on for so long after its last loud frame */
};

void level_detector_init(struct level_detector *detector);
/** One frame. @return true while the signal counts as silent */
bool level_detector_push(struct level_detector *detector, const float *samples, size_t n,
                         sr_usec now);

#endif

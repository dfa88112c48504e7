#include "media/level.h"

#include <math.h>

#define SILENT_BELOW_DBFS (-50.0f)
#define ABOVE_FLOOR_DB 9.0f
#define FLOOR_RISE_DB 0.02f /* per frame: 1 dB a second at 20 ms */

float level_energy(const float *samples, size_t n)
{
    float sums[4] = {0};
    size_t i = 0;

    if (n == 0)
        return 0;
    for (; i + 4 <= n; i += 4) {
        for (size_t k = 0; k < 4; k++)
            sums[k] += samples[i + k] * samples[i + k];
    }
    for (; i < n; i++)
        sums[0] += samples[i] * samples[i];
    return (sums[0] + sums[1] + sums[2] + sums[3]) / (float)n;
}

float level_dbfs(const float *samples, size_t n)
{
    float energy = level_energy(samples, n);
    float dbfs;

    if (!(energy > 1e-13f))
        return LEVEL_DBFS_MIN;
    dbfs = 10.0f * log10f(energy);
    return dbfs < LEVEL_DBFS_MIN ? LEVEL_DBFS_MIN : SR_MIN(dbfs, 0.0f);
}

void level_detector_init(struct level_detector *detector)
{
    *detector = (struct level_detector){.dbfs = LEVEL_DBFS_MIN, .is_silent = true};
}

bool level_detector_push(struct level_detector *detector, const float *samples, size_t n,
                         sr_usec now)
{
    float dbfs = level_dbfs(samples, n);
    bool is_loud;

    if (!detector->is_started) {
        detector->is_started = true;
        detector->floor_dbfs = SR_MIN(dbfs, SILENT_BELOW_DBFS);
        detector->loud_at = now - LEVEL_HANG_US;
    }
    detector->dbfs = dbfs;
    if (dbfs < detector->floor_dbfs)
        detector->floor_dbfs = dbfs;
    else if (detector->floor_dbfs < SILENT_BELOW_DBFS + 15.0f)
        detector->floor_dbfs += FLOOR_RISE_DB;
    is_loud = dbfs > SILENT_BELOW_DBFS && dbfs > detector->floor_dbfs + ABOVE_FLOOR_DB;
    if (is_loud)
        detector->loud_at = now;
    detector->is_silent = now - detector->loud_at >= LEVEL_HANG_US;
    return detector->is_silent;
}

#include "media/level.h"

#include <math.h>

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

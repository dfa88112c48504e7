/* Which version runs: a file of its own, so that a test program may link another choice. */
#include "media/dsp.h"

const struct dsp_ops *dsp_best(void)
{
    const struct dsp_ops *best = dsp_plain();
    const struct dsp_ops *next;

    for (size_t i = 1; (next = dsp_at(i)) != NULL; i++)
        best = next;
    return best;
}

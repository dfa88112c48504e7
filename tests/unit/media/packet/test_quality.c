#include "media/quality.h"

#include <math.h>

#include "media/level.h"
#include "media/packet/tests.h"

static double mos(const char *codec, double loss_pct, double rtt_ms)
{
    struct quality_input input = {.codec = sr_str_c(codec), .loss_pct = loss_pct, .rtt_ms = rtt_ms};
    struct quality quality;

    quality_rate(&input, &quality);
    return quality.mos;
}

/* Known points of the E-model, and its order. */
static void mos_follows_the_e_model(void **state)
{
    (void)state;
    assert_true(fabs(mos("PCMU", 0, 0) - 4.41) < 0.01);
    assert_true(fabs(quality_mos_from_r(70) - 3.60) < 0.01);
    assert_true(fabs(quality_mos_from_r(50) - 2.58) < 0.01);
    assert_true(mos("pcmu", 1, 0) < mos("pcmu", 0, 0));
    assert_true(mos("opus", 5, 0) > mos("PCMU", 5, 0));
    assert_true(mos("PCMU", 0, 600) < mos("PCMU", 0, 100) - 0.3);
    assert_true(mos("nonsense", 0, 0) < mos("PCMU", 0, 0));
    assert_true(mos("PCMU", 100, 0) >= 1 && mos("PCMU", (double)NAN, -1) <= 4.5);
}

static void sine(float *out, size_t n, float amplitude)
{
    for (size_t i = 0; i < n; i++)
        out[i] = amplitude * sinf(0.7853982f * (float)i);
}

/* A full-scale sine is -3.01 dBFS. */
static void levels_are_those_of_sines(void **state)
{
    float frame[160];

    (void)state;
    sine(frame, 160, 1);
    assert_true(fabsf(level_dbfs(frame, 160) + 3.01f) < 0.01f);
    assert_true(fabsf(level_energy(frame, 160) - 0.5f) < 0.001f);
    memset(frame, 0, sizeof(frame));
    assert_true(level_dbfs(frame, 160) == LEVEL_DBFS_MIN);
    assert_true(level_dbfs(frame, 0) == LEVEL_DBFS_MIN);
}

int test_quality(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(mos_follows_the_e_model),
        cmocka_unit_test(levels_are_those_of_sines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/**
 * @file test_dsp.c  Every vector version does what the plain one does.
 */
#include "test_media.h"

#include <math.h>

#include "base/random.h"

enum {
    LEN_MAX = 200,
};

static const size_t lengths[] = {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 160, 199};

/* Loops over single elements give the same bits; nothing beyond the end is touched. */
static void elementwise_loops_equal_plain(void **state)
{
    const struct dsp_ops *plain = dsp_plain();
    const struct dsp_ops *ops;

    (void)state;
    for (size_t index = 1; (ops = dsp_at(index)) != NULL; index++) {
        for (size_t l = 0; l < SR_ARRAY_LEN(lengths); l++) {
            size_t n = lengths[l];
            float x[LEN_MAX], a[LEN_MAX], b[LEN_MAX];

            test_noise(x, LEN_MAX, 1 + l, 2.0f);
#define SAME(call_a, call_b)                                                                       \
    do {                                                                                           \
        test_noise(a, LEN_MAX, 77 + l, 1.5f);                                                      \
        memcpy(b, a, sizeof(a));                                                                   \
        call_a;                                                                                    \
        call_b;                                                                                    \
        assert_memory_equal(a, b, sizeof(a));                                                      \
    } while (0)
            SAME(plain->add(a, x, n), ops->add(b, x, n));
            SAME(plain->subtract(a, x, a, n), ops->subtract(b, x, b, n));
            SAME(plain->gain(a, 0.3f, n), ops->gain(b, 0.3f, n));
            SAME(plain->add_gain(a, x, 0.7f, n), ops->add_gain(b, x, 0.7f, n));
            SAME(plain->ramp(a, 0.2f, 0.9f, n), ops->ramp(b, 0.2f, 0.9f, n));
            SAME(plain->soft_clip(a, n), ops->soft_clip(b, n));
#undef SAME
        }
    }
}

/* All 65536 values and beyond full scale: to 16 bits, back, and both laws. */
static void conversions_equal_plain_for_every_value(void **state)
{
    static float x[65536 + 64];
    static int16_t plain_s16[SR_ARRAY_LEN(x)], s16[SR_ARRAY_LEN(x)];
    static uint8_t plain_law[SR_ARRAY_LEN(x)], law[SR_ARRAY_LEN(x)];
    static float back[SR_ARRAY_LEN(x)];
    const struct dsp_ops *plain = dsp_plain();
    const struct dsp_ops *ops;
    size_t n = SR_ARRAY_LEN(x);

    (void)state;
    for (size_t i = 0; i < n; i++)
        x[i] = ((float)i - 32800.0f) / 32768.0f;
    plain->to_s16(plain_s16, x, n);
    for (size_t i = 32; i < 32 + 65536; i++)
        assert_int_equal(plain_s16[i], (int)i - 32800);
    assert_int_equal(plain_s16[0], -32768);
    assert_int_equal(plain_s16[n - 1], 32767);
    plain->from_s16(back, plain_s16, n);
    for (size_t i = 32; i < 32 + 65536; i++)
        assert_true(back[i] == x[i]);
    for (size_t index = 1; (ops = dsp_at(index)) != NULL; index++) {
        ops->to_s16(s16, x, n);
        assert_memory_equal(s16, plain_s16, sizeof(s16));
        ops->from_s16(back, s16, n);
        for (size_t i = 32; i < 32 + 65536; i++)
            assert_true(back[i] == x[i]);
        plain->to_ulaw(plain_law, x, n);
        ops->to_ulaw(law, x, n);
        assert_memory_equal(law, plain_law, n);
        plain->to_alaw(plain_law, x, n);
        ops->to_alaw(law, x, n);
        assert_memory_equal(law, plain_law, n);
    }
}

static void sums_equal_plain_within_rounding(void **state)
{
    const struct dsp_ops *plain = dsp_plain();
    const struct dsp_ops *ops;
    float x[1200], h[192], a[256], b[256];

    (void)state;
    test_noise(x, SR_ARRAY_LEN(x), 5, 1.0f);
    test_noise(h, SR_ARRAY_LEN(h), 6, 0.1f);
    for (size_t index = 1; (ops = dsp_at(index)) != NULL; index++) {
        for (size_t l = 0; l < SR_ARRAY_LEN(lengths); l++) {
            size_t n = lengths[l];

            assert_true(plain->peak(x, n) == ops->peak(x, n));
            assert_true(fabsf(plain->energy(x, n) - ops->energy(x, n)) < 1e-4f);
        }
        for (size_t step = 1; step <= 6; step++) {
            for (size_t n = 0; n < 150; n += 7) {
                struct dsp_fir fir = {.h = h, .taps = 96, .x_step = step, .out_step = n % 2 + 1};

                memset(a, 0, sizeof(a));
                memset(b, 0, sizeof(b));
                if (n * fir.out_step > SR_ARRAY_LEN(a))
                    continue;
                plain->fir(&fir, x, a, n);
                ops->fir(&fir, x, b, n);
                for (size_t i = 0; i < SR_ARRAY_LEN(a); i++)
                    assert_true(fabsf(a[i] - b[i]) < 1e-5f);
            }
        }
    }
}

static void band_filters_equal_plain(void **state)
{
    const struct dsp_ops *plain = dsp_plain();
    const struct dsp_ops *ops;
    int16_t x[22 + 320], low[2][160], high[2][160], joined[2][320];
    struct sr_prng prng;

    (void)state;
    sr_prng_seed(&prng, 9);
    for (size_t i = 0; i < SR_ARRAY_LEN(x); i++)
        x[i] = (int16_t)sr_prng_u64(&prng);
    for (size_t index = 1; (ops = dsp_at(index)) != NULL; index++) {
        plain->qmf_split(low[0], high[0], x, 160);
        ops->qmf_split(low[1], high[1], x, 160);
        assert_memory_equal(low[0], low[1], sizeof(low[0]));
        assert_memory_equal(high[0], high[1], sizeof(high[0]));
        plain->qmf_join(joined[0], x, 160);
        ops->qmf_join(joined[1], x, 160);
        assert_memory_equal(joined[0], joined[1], sizeof(joined[0]));
    }
}

/* A long walk through the six zeros: coefficients, delay line and sums stay equal. */
static void g722_zeros_equal_plain(void **state)
{
    const struct dsp_ops *ops;

    (void)state;
    for (size_t index = 1; (ops = dsp_at(index)) != NULL; index++) {
        int16_t b[2][DSP_ZEROS] = {{0}}, d[2][DSP_ZEROS] = {{0}};
        struct sr_prng prng;

        sr_prng_seed(&prng, index);
        for (size_t i = 0; i < 100000; i++) {
            int32_t difference = (int16_t)sr_prng_u64(&prng) >> (i / 1000 % 16);

            assert_int_equal(dsp_plain()->g722_zeros(b[0], d[0], difference),
                             ops->g722_zeros(b[1], d[1], difference));
            assert_memory_equal(b[0], b[1], sizeof(b[0]));
            assert_memory_equal(d[0], d[1], sizeof(d[0]));
        }
    }
}

static void soft_clip_is_transparent_below_and_bounded_above(void **state)
{
    float x[] = {0.0f, 0.5f, -0.8f, 0.8f, 0.9f, -1.0f, 3.0f, -1000.0f, INFINITY};

    (void)state;
    dsp_best()->soft_clip(x, SR_ARRAY_LEN(x));
    assert_true(x[1] == 0.5f && x[2] == -0.8f && x[3] == 0.8f);
    assert_true(x[4] > 0.8f && x[4] < 0.9f && x[5] < -x[4] && x[5] > -1.0f);
    assert_true(x[6] < 1.0f && x[7] > -1.0f && x[8] < 1.0f);
}

static void tables_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(dsp_find(SR_STR("plain")), dsp_plain());
    assert_ptr_equal(dsp_find(sr_str_c(dsp_best()->name)), dsp_best());
    assert_null(dsp_find(SR_STR("abacus")));
}

int test_dsp(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elementwise_loops_equal_plain),
        cmocka_unit_test(conversions_equal_plain_for_every_value),
        cmocka_unit_test(sums_equal_plain_within_rounding),
        cmocka_unit_test(band_filters_equal_plain),
        cmocka_unit_test(g722_zeros_equal_plain),
        cmocka_unit_test(soft_clip_is_transparent_below_and_bounded_above),
        cmocka_unit_test(tables_are_found_by_name),
    };

    return cmocka_run_group_tests_name("dsp", tests, NULL, NULL);
}

/**
 * @file test_g711.c  Both laws against the recommendation's properties and against spandsp.
 */
#include "test_media.h"

#include "media/g711.h"

#ifdef HAVE_SPANDSP
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <spandsp.h>
#pragma GCC diagnostic pop

static void all_values_equal_spandsp(void **state)
{
    (void)state;
    for (int value = INT16_MIN; value <= INT16_MAX; value++) {
        assert_int_equal(g711_ulaw_encode((int16_t)value), linear_to_ulaw(value));
        assert_int_equal(g711_alaw_encode((int16_t)value), linear_to_alaw(value));
    }
    for (int code = 0; code < 256; code++) {
        assert_int_equal(g711_ulaw_table[code], ulaw_to_linear((uint8_t)code));
        assert_int_equal(g711_alaw_table[code], alaw_to_linear((uint8_t)code));
    }
}
#endif

/* Encoding what a code means gives the code again; u-law alone has two codes for zero. */
static void every_code_survives_decode_and_encode(void **state)
{
    (void)state;
    for (int code = 0; code < 256; code++) {
        assert_int_equal(g711_alaw_encode(g711_alaw_table[code]), code);
        if (code != 0x7F)
            assert_int_equal(g711_ulaw_encode(g711_ulaw_table[code]), code);
    }
    assert_int_equal(g711_ulaw_encode(0), G711_ULAW_SILENCE);
    assert_int_equal(g711_alaw_encode(0), G711_ALAW_SILENCE);
}

/* No other code is nearer than the one chosen (but for ties), for every 16-bit value. */
static void encoder_takes_the_nearest_code(void **state)
{
    (void)state;
    for (int value = -32124; value <= 32124; value++) {
        int ulaw = g711_ulaw_table[g711_ulaw_encode((int16_t)value)];
        int alaw = g711_alaw_table[g711_alaw_encode((int16_t)value)];
        int magnitude = value < 0 ? -value : value;
        int step = 8;

        while (step * 32 <= magnitude + 132 && step < 1024)
            step *= 2;
        assert_true((ulaw > value ? ulaw - value : value - ulaw) <= step / 2);
        assert_true((alaw > value ? alaw - value : value - alaw) <=
                    SR_MAX(step, 16) / 2 + step / 2);
    }
}

int test_g711(void)
{
    const struct CMUnitTest tests[] = {
#ifdef HAVE_SPANDSP
        cmocka_unit_test(all_values_equal_spandsp),
#endif
        cmocka_unit_test(every_code_survives_decode_and_encode),
        cmocka_unit_test(encoder_takes_the_nearest_code),
    };

    return cmocka_run_group_tests_name("g711", tests, NULL, NULL);
}

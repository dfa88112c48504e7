/**
 * @file test_g722.c  G.722 bit for bit against spandsp, and by ear.
 */
#include "test_media.h"

#include <math.h>

#include "base/random.h"
#include "media/g722.h"
#include "media/tone_fit.h"

enum {
    SAMPLES = 64000, /* 4 s */
};

static int16_t pcm[SAMPLES];
static int16_t decoded[SAMPLES];
static uint8_t codes[SAMPLES / 2];

#ifdef HAVE_SPANDSP
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <spandsp.h>
#pragma GCC diagnostic pop

/** Several kinds of signal, up to `peak`. */
static void make_signal(size_t kind, double peak)
{
    struct sr_prng prng;

    sr_prng_seed(&prng, kind + 100);
    for (size_t i = 0; i < SAMPLES; i++) {
        double t = (double)i / 16000.0;
        double noise = sr_prng_double(&prng) * 2.0 - 1.0;
        double value = 0.0;

        switch (kind) {
        case 0:
            value = noise;
            break;
        case 1:
            value = sin(2.0 * 3.14159265 * 1000.0 * t);
            break;
        case 2: /* sweep over the whole band with a changing level */
            value = sin(2.0 * 3.14159265 * (50.0 + 950.0 * t) * t) * (0.6 + 0.4 * sin(9.0 * t));
            break;
        case 3: /* bursts and silence */
            value = (i / 3000) % 2 == 0 ? noise : 0.0;
            break;
        default: /* square wave: hardest steps */
            value = (i / 23) % 2 == 0 ? 1.0 : -1.0;
            break;
        }
        pcm[i] = (int16_t)(value * peak);
    }
}

/* Encoder and decoder, five signals, soft and loud, in frames of odd sizes, with every table. */
static void bits_equal_spandsp(void **state)
{
    static uint8_t expected_codes[SAMPLES / 2];
    static int16_t expected[SAMPLES];
    static const double peaks[] = {300.0, 9000.0, 16000.0};
    const struct dsp_ops *ops;

    (void)state;
    for (size_t run = 0; run < 15; run++) {
        g722_encode_state_t *their_encoder = g722_encode_init(NULL, 64000, 0);
        g722_decode_state_t *their_decoder = g722_decode_init(NULL, 64000, 0);

        make_signal(run / 3, peaks[run % 3]);
        assert_int_equal(g722_encode(their_encoder, expected_codes, pcm, SAMPLES), SAMPLES / 2);
        assert_int_equal(g722_decode(their_decoder, expected, expected_codes, SAMPLES / 2),
                         SAMPLES);
        for (size_t index = 0; (ops = dsp_at(index)) != NULL; index++) {
            struct g722_encoder encoder;
            struct g722_decoder decoder;

            g722_encoder_init(&encoder, ops);
            g722_decoder_init(&decoder, ops);
            for (size_t at = 0, frame = 2; at < SAMPLES; at += frame) {
                frame = SR_MIN((at * 7 + 2) % 1000 / 2 * 2 + 2, SAMPLES - at);
                g722_encoder_run(&encoder, pcm + at, frame, codes + at / 2);
                g722_decoder_run(&decoder, codes + at / 2, frame / 2, decoded + at);
            }
            assert_memory_equal(codes, expected_codes, sizeof(codes));
            assert_memory_equal(decoded, expected, sizeof(decoded));
        }
        (void)g722_encode_free(their_encoder);
        (void)g722_decode_free(their_decoder);
    }
}
#endif

/* Bytes that no encoder made: the decoder stays inside its numbers and recovers. */
static void junk_is_forgotten_within_a_second(void **state)
{
    struct g722_encoder encoder;
    struct g722_decoder decoder;
    static float out[16000];
    struct sr_prng prng;

    (void)state;
    sr_prng_seed(&prng, 3);
    for (size_t i = 0; i < SAMPLES / 2; i++)
        codes[i] = (uint8_t)sr_prng_u64(&prng);
    g722_encoder_init(&encoder, NULL);
    g722_decoder_init(&decoder, NULL);
    g722_decoder_run(&decoder, codes, SAMPLES / 2, decoded);
    for (size_t i = 0; i < SAMPLES; i++)
        pcm[i] = (int16_t)(8000.0 * sin(2.0 * 3.14159265358979 * (double)i / 16.0));
    g722_encoder_run(&encoder, pcm, SAMPLES, codes);
    g722_decoder_run(&decoder, codes, SAMPLES / 2, decoded);
    dsp_plain()->from_s16(out, decoded + 16000, 16000);
    assert_true(tone_fit_snr_db(out, 16000, 16000, 1000.0) > 30.0);
}

int test_g722(void)
{
    const struct CMUnitTest tests[] = {
#ifdef HAVE_SPANDSP
        cmocka_unit_test(bits_equal_spandsp),
#endif
        cmocka_unit_test(junk_is_forgotten_within_a_second),
    };

    return cmocka_run_group_tests_name("g722", tests, NULL, NULL);
}

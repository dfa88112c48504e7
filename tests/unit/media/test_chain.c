/**
 * @file test_chain.c  Codec A to mix bus to codec B, all 16 pairs, at every bus rate.
 */
#include "test_media.h"

#include <stdalign.h>

#include "media/mix.h"
#include "media/resample.h"
#include "media/tone_fit.h"

static alignas(16) uint8_t states[4][TEST_STATE_BYTES];

/** One way: a phone's encoder, our decoder, the bus, our encoder, the other phone's decoder. */
static double snr_of_chain(const struct codec_ops *from, const struct codec_ops *to,
                           uint32_t bus_hz)
{
    uint32_t from_hz = codec_rate_for_bus(from, bus_hz);
    uint32_t to_hz = codec_rate_for_bus(to, bus_hz);
    struct codec_encoder_options encoder_options = {.rate_hz = from_hz};
    struct codec_decoder_options decoder_options = {.rate_hz = from_hz};
    struct codec_encoder phone_encoder, our_encoder;
    struct codec_decoder our_decoder, phone_decoder;
    struct resample in, out;
    static float received[48000 * 3];
    struct mix_limiter limiter = {0};

    assert_int_equal(codec_encoder_init(&phone_encoder, from, states[0], &encoder_options), SR_OK);
    assert_int_equal(codec_decoder_init(&our_decoder, from, states[1], &decoder_options), SR_OK);
    encoder_options.rate_hz = decoder_options.rate_hz = to_hz;
    assert_int_equal(codec_encoder_init(&our_encoder, to, states[2], &encoder_options), SR_OK);
    assert_int_equal(codec_decoder_init(&phone_decoder, to, states[3], &decoder_options), SR_OK);
    assert_int_equal(resample_init(&in, from_hz, bus_hz, NULL), SR_OK);
    assert_int_equal(resample_init(&out, bus_hz, to_hz, NULL), SR_OK);
    for (size_t tick = 0; tick < 150; tick++) {
        float pcm[960], bus[960], sum[960], own[960] = {0};
        const float *frames[] = {bus, own};
        uint8_t payload[CODEC_PAYLOAD_BYTES_MAX];
        size_t bytes, samples;

        test_sine(pcm, from_hz / 50, tick * from_hz / 50, from_hz, 1000.0, 0.3162);
        assert_int_equal(
            codec_encode(&phone_encoder, pcm, from_hz / 50, payload, sizeof(payload), &bytes),
            SR_OK);
        assert_int_equal(
            codec_decode(&our_decoder, sr_str_make((char *)payload, bytes), pcm, 960, &samples),
            SR_OK);
        assert_int_equal(resample_run(&in, pcm, samples, bus), bus_hz / 50);
        mix_sum(dsp_best(), sum, frames, 2, bus_hz / 50);
        mix_minus_self(dsp_best(), sum, sum, own, bus_hz / 50);
        mix_limit(&limiter, dsp_best(), sum, bus_hz / 50);
        assert_int_equal(resample_run(&out, sum, bus_hz / 50, pcm), to_hz / 50);
        assert_int_equal(
            codec_encode(&our_encoder, pcm, to_hz / 50, payload, sizeof(payload), &bytes), SR_OK);
        assert_int_equal(codec_decode(&phone_decoder, sr_str_make((char *)payload, bytes),
                                      received + tick * to_hz / 50, 960, &samples),
                         SR_OK);
    }
    return tone_fit_snr_db(received + 2 * to_hz, to_hz, to_hz, 1000.0);
}

static void a_tone_survives_all_pairs_on_every_bus(void **state)
{
    static const uint32_t buses_hz[] = {8000, 16000, 48000};

    (void)state;
    for (size_t b = 0; b < SR_ARRAY_LEN(buses_hz); b++) {
        for (unsigned pair = 0; pair < 16; pair++) {
            const struct codec_ops *from = codec_find((enum codec_id)(pair / 4 + CODEC_PCMU));
            const struct codec_ops *to = codec_find((enum codec_id)(pair % 4 + CODEC_PCMU));
            bool is_g711 = from->rates_hz[0] == 8000 && to->rates_hz[0] == 8000;
            double snr = snr_of_chain(from, to, buses_hz[b]);

            print_message("%u Hz %s -> %s: %.1f dB\n", buses_hz[b], from->sdp_name, to->sdp_name,
                          snr);
            assert_true(snr > (is_g711 ? 30.0 : 25.0));
        }
    }
}

int test_chain(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tone_survives_all_pairs_on_every_bus),
    };

    return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}

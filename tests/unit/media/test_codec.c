/**
 * @file test_codec.c  The codec table, each codec by the tone that comes out, Opus' fmtp.
 */
#include "test_media.h"

#include <stdalign.h>
#include <stdio.h>

#include "base/alloc.h"
#include "media/tone_fit.h"

static alignas(16) uint8_t encoder_state[TEST_STATE_BYTES];
static alignas(16) uint8_t decoder_state[TEST_STATE_BYTES];

static void make_pair(const struct codec_ops *ops, uint32_t rate_hz, struct codec_encoder *encoder,
                      struct codec_decoder *decoder)
{
    struct codec_encoder_options encoder_options = {.rate_hz = rate_hz};
    struct codec_decoder_options decoder_options = {.rate_hz = rate_hz};

    assert_true(codec_encoder_bytes(ops, rate_hz) <= sizeof(encoder_state));
    assert_true(codec_decoder_bytes(ops, rate_hz) <= sizeof(decoder_state));
    assert_int_equal(codec_encoder_init(encoder, ops, encoder_state, &encoder_options), SR_OK);
    assert_int_equal(codec_decoder_init(decoder, ops, decoder_state, &decoder_options), SR_OK);
}

/** SNR of the third second of a tone sent through encoder and decoder in packets of ptime_ms. */
static double snr_through(const struct codec_ops *ops, uint32_t rate_hz, uint32_t ptime_ms,
                          double level)
{
    static float in[48000 * 3 + 4800], out[48000 * 3 + 4800];
    size_t frame = (size_t)rate_hz / 1000 * ptime_ms;
    size_t total = (size_t)rate_hz * 3;
    struct codec_encoder encoder;
    struct codec_decoder decoder;

    make_pair(ops, rate_hz, &encoder, &decoder);
    test_sine(in, total + frame, 0, rate_hz, 1000.0, level);
    for (size_t at = 0; at < total; at += frame) {
        uint8_t payload[CODEC_PAYLOAD_BYTES_MAX];
        size_t bytes, samples;

        assert_int_equal(codec_encode(&encoder, in + at, frame, payload, sizeof(payload), &bytes),
                         SR_OK);
        assert_int_equal(
            codec_decode(&decoder, sr_str_make((char *)payload, bytes), out + at, frame, &samples),
            SR_OK);
        assert_int_equal(samples, frame);
    }
    return tone_fit_snr_db(out + 2 * rate_hz, rate_hz, rate_hz, 1000.0);
}

/* 1 kHz at -10 dBFS, every codec, every rate, every packet time. */
static void a_tone_survives_every_codec_rate_and_ptime(void **state)
{
    static const double wanted_db[CODEC_ID_COUNT] = {
        [CODEC_PCMU] = 30.0, [CODEC_PCMA] = 30.0, [CODEC_G722] = 30.0, [CODEC_OPUS] = 25.0};

    (void)state;
    for (unsigned id = CODEC_PCMU; id < CODEC_ID_COUNT; id++) {
        const struct codec_ops *ops = codec_find((enum codec_id)id);

        for (size_t r = 0; r < CODEC_RATES_MAX && ops->rates_hz[r] != 0; r++) {
            for (uint32_t ptime_ms = 10; ptime_ms <= 60; ptime_ms += 10) {
                double snr;

                if (codec_ptime_fit(ops, ptime_ms) != ptime_ms)
                    continue;
                snr = snr_through(ops, ops->rates_hz[r], ptime_ms, 0.3162);
                print_message("%s %u Hz %u ms: %.1f dB\n", ops->sdp_name, ops->rates_hz[r],
                              ptime_ms, snr);
                assert_true(snr > wanted_db[id]);
            }
        }
    }
}

static void codecs_are_found_by_sdp_and_payload_type(void **state)
{
    (void)state;
    assert_int_equal(codec_find_by_sdp(SR_STR("pcmu"), 8000, 0)->id, CODEC_PCMU);
    assert_int_equal(codec_find_by_sdp(SR_STR("PCMA"), 8000, 1)->id, CODEC_PCMA);
    assert_int_equal(codec_find_by_sdp(SR_STR("G722"), 8000, 1)->id, CODEC_G722);
    assert_int_equal(codec_find_by_sdp(SR_STR("OPUS"), 48000, 2)->id, CODEC_OPUS);
    assert_null(codec_find_by_sdp(SR_STR("opus"), 48000, 1));
    assert_null(codec_find_by_sdp(SR_STR("PCMU"), 16000, 1));
    assert_null(codec_find_by_sdp(SR_STR("G729"), 8000, 1));
    assert_null(codec_find_by_sdp(SR_STR(""), 8000, 1));
    assert_int_equal(codec_find_by_pt(0)->id, CODEC_PCMU);
    assert_int_equal(codec_find_by_pt(8)->id, CODEC_PCMA);
    assert_int_equal(codec_find_by_pt(9)->id, CODEC_G722);
    assert_null(codec_find_by_pt(CODEC_PT_DYNAMIC));
    assert_null(codec_find_by_pt(18));
    assert_null(codec_find(CODEC_NONE));
}

static void rates_and_packet_times_are_fitted(void **state)
{
    const struct codec_ops *opus = codec_find(CODEC_OPUS);
    const struct codec_ops *g722 = codec_find(CODEC_G722);

    (void)state;
    assert_int_equal(codec_rate_for_bus(opus, 8000), 8000);
    assert_int_equal(codec_rate_for_bus(opus, 16000), 16000);
    assert_int_equal(codec_rate_for_bus(opus, 48000), 48000);
    assert_int_equal(codec_rate_for_bus(g722, 8000), 16000);
    assert_int_equal(codec_rate_for_bus(codec_find(CODEC_PCMU), 48000), 8000);
    assert_int_equal(codec_ptime_fit(opus, 30), 20);
    assert_int_equal(codec_ptime_fit(opus, 200), 60);
    assert_int_equal(codec_ptime_fit(opus, 0), 10);
    assert_int_equal(codec_ptime_fit(g722, 39), 30);
    assert_int_equal(codec_clock_units(g722, 320, 16000), 160);
    assert_int_equal(codec_clock_units(opus, 160, 8000), 960);
}

/* Torn, odd, empty and lying payloads are refused, and the decoder goes on as before. */
static void bad_payloads_are_refused(void **state)
{
    static float out[CODEC_PACKET_SAMPLES_MAX];
    static const struct {
        enum codec_id id;
        uint8_t bytes[4];
        size_t n;
    } bad[] = {
        {CODEC_PCMU, {0}, 0},
        {CODEC_PCMU, {1, 2, 3}, 3},
        {CODEC_G722, {1}, 1},
        {CODEC_OPUS, {0}, 0},
        {CODEC_OPUS, {0x7B, 0xFF}, 2},       /* claims 63 frames of 60 ms */
        {CODEC_OPUS, {0x7A, 0x05, 0x01}, 3}, /* frame longer than the packet */
        {CODEC_OPUS, {0x79, 1, 2, 3}, 4},    /* two equal frames in three bytes */
        {CODEC_OPUS, {0x7B, 0x00}, 2},       /* no frame at all */
    };
    struct codec_encoder encoder;
    struct codec_decoder decoder;
    static uint8_t long_payload[961];
    size_t samples = 77;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(bad); i++) {
        make_pair(codec_find(bad[i].id), 0, &encoder, &decoder);
        assert_int_equal(codec_decode(&decoder, sr_str_make((const char *)bad[i].bytes, bad[i].n),
                                      out, SR_ARRAY_LEN(out), &samples),
                         SR_ERR_SYNTAX);
        assert_int_equal(samples, 77);
    }
    make_pair(codec_find(CODEC_PCMA), 0, &encoder, &decoder);
    assert_int_equal(codec_decode(&decoder, sr_str_make((char *)long_payload, 968), out,
                                  SR_ARRAY_LEN(out), &samples),
                     SR_ERR_SYNTAX);
    assert_int_equal(
        codec_decode(&decoder, sr_str_make((char *)long_payload, 960), out, 959, &samples),
        SR_ERR_LIMIT);
    assert_int_equal(
        codec_decode(&decoder, sr_str_make((char *)long_payload, 960), out, 960, &samples), SR_OK);
}

static void wrong_rates_and_frames_are_refused(void **state)
{
    struct codec_decoder_options options = {.rate_hz = 48000};
    struct codec_encoder encoder;
    struct codec_decoder decoder;
    static float pcm[960 * 4];
    uint8_t payload[1276];
    size_t bytes;

    (void)state;
    assert_int_equal(codec_decoder_init(&decoder, codec_find(CODEC_PCMU), decoder_state, &options),
                     SR_ERR_UNSUPPORTED);
    make_pair(codec_find(CODEC_OPUS), 48000, &encoder, &decoder);
    assert_int_equal(codec_encode(&encoder, pcm, 1440, payload, sizeof(payload), &bytes),
                     SR_ERR_UNSUPPORTED);
    assert_int_equal(codec_encode(&encoder, pcm, 961, payload, sizeof(payload), &bytes),
                     SR_ERR_UNSUPPORTED);
    make_pair(codec_find(CODEC_PCMU), 8000, &encoder, &decoder);
    assert_int_equal(codec_encode(&encoder, pcm, 160, payload, 159, &bytes), SR_ERR_LIMIT);
}

/* Every fifth packet is a shout in soft noise, and lost. The packet after it brings the shout back;
   concealment alone would go on softly. */
static void opus_fec_restores_a_lost_packet(void **state)
{
    struct codec_tuning tuning = codec_tuning_default();
    struct codec_encoder encoder;
    struct codec_decoder decoder;
    static float pcm[320], out[320];
    uint8_t payload[1276];
    size_t bytes, samples, loud = 0;

    (void)state;
    make_pair(codec_find(CODEC_OPUS), 16000, &encoder, &decoder);
    tuning.loss_pct = 20;
    codec_encoder_tune(&encoder, &tuning);
    for (size_t i = 0; i < 100; i++) {
        struct sr_str view = {(char *)payload, 0};

        test_noise(pcm, 320, i, 0.01f);
        for (size_t s = 0; i % 5 == 3 && s < 320; s++)
            pcm[s] = s % 133 < 20 ? 0.4f : -0.05f;
        assert_int_equal(codec_encode(&encoder, pcm, 320, payload, sizeof(payload), &bytes), SR_OK);
        view.n = bytes;
        if (i % 5 == 3)
            continue;
        if (i % 5 == 4) {
            bool has_fec = codec_payload_has_fec(decoder.ops, view);

            assert_int_equal(codec_decode_fec(&decoder, view, out, 320), SR_OK);
            loud += has_fec && dsp_plain()->energy(out, 320) > 320 * 0.005f;
        }
        assert_int_equal(codec_decode(&decoder, view, out, 320, &samples), SR_OK);
    }
    assert_true(loud >= 15);
    make_pair(codec_find(CODEC_PCMU), 8000, &encoder, &decoder);
    assert_int_equal(codec_decode_fec(&decoder, SR_STR("12345678"), out, 160), SR_ERR_UNSUPPORTED);
}

static void opus_dtx_makes_silence_small(void **state)
{
    struct codec_tuning tuning = codec_tuning_default();
    struct codec_encoder encoder;
    struct codec_decoder decoder;
    static float pcm[960];
    uint8_t payload[1276];
    size_t small = 0;

    (void)state;
    make_pair(codec_find(CODEC_OPUS), 48000, &encoder, &decoder);
    tuning.dtx_wanted = true;
    codec_encoder_tune(&encoder, &tuning);
    for (size_t i = 0; i < 100; i++) {
        size_t bytes;

        assert_int_equal(codec_encode(&encoder, pcm, 960, payload, sizeof(payload), &bytes), SR_OK);
        small += bytes <= 2;
    }
    assert_true(small > 70);
}

/* A packet marked as stereo decodes to one channel of its full length. */
static void opus_stereo_gives_mono(void **state)
{
    /* TOC with the stereo bit set and an empty frame: valid, and decoded as a pause */
    static const uint8_t stereo_pause[] = {0xFC};
    struct codec_encoder encoder;
    struct codec_decoder decoder;
    static float out[960];
    size_t samples;

    (void)state;
    make_pair(codec_find(CODEC_OPUS), 48000, &encoder, &decoder);
    assert_int_equal(
        codec_decode(&decoder, sr_str_make((const char *)stereo_pause, 1), out, 960, &samples),
        SR_OK);
    assert_int_equal(samples, 960);
}

static void opus_fmtp_is_read_and_written(void **state)
{
    char text[200];
    struct sr_buf buf;
    struct codec_opus_fmtp fmtp;
    struct codec_tuning tuning = codec_tuning_default();

    (void)state;
    codec_opus_fmtp_parse(SR_STR("minptime=10; UseInbandFEC=1;stereo=1;sprop-stereo=0;x;=;cbr=2;"
                                 "maxaveragebitrate=20000;maxplaybackrate=16000;usedtx=1;"
                                 "maxplaybackrate=99999999999999"),
                          &fmtp);
    assert_true(fmtp.useinbandfec && fmtp.stereo && fmtp.usedtx);
    assert_false(fmtp.cbr || fmtp.sprop_stereo);
    assert_int_equal(fmtp.minptime_ms, 10);
    sr_buf_init_fixed(&buf, text, sizeof(text));
    codec_opus_fmtp_write(&fmtp, &buf);
    assert_true(sr_str_eq_c(sr_buf_view(&buf),
                            "minptime=10;maxplaybackrate=16000;maxaveragebitrate=20000;"
                            "useinbandfec=1;usedtx=1;stereo=1"));
    codec_opus_fmtp_apply(&fmtp, &tuning);
    assert_true(tuning.fec_wanted && tuning.dtx_wanted);
    assert_int_equal(tuning.bitrate_bps, 20000);
    assert_int_equal(tuning.bandwidth_hz, 16000);
    codec_opus_fmtp_parse(SR_STR(""), &fmtp);
    sr_buf_clear(&buf);
    codec_opus_fmtp_write(&fmtp, &buf);
    assert_int_equal(sr_buf_view(&buf).n, 0);
    codec_opus_fmtp_parse(sr_str_c(codec_find(CODEC_OPUS)->fmtp_default), &fmtp);
    assert_true(fmtp.useinbandfec && fmtp.minptime_ms == 10);
}

/* After init 1000 frames of every codec, with losses and tuning, take no memory at all. */
static void frames_allocate_nothing(void **state)
{
    static float pcm[960], out[CODEC_PACKET_SAMPLES_MAX];

    (void)state;
    /* the counter counts, where a sanitizer has not taken its place */
    if (test_malloc_count() > 0) {
        uint64_t before = test_malloc_count();

        sr_free(sr_alloc(16));
        assert_true(test_malloc_count() > before);
    }
    test_noise(pcm, 960, 4, 0.3f);
    for (unsigned id = CODEC_PCMU; id < CODEC_ID_COUNT; id++) {
        const struct codec_ops *ops = codec_find((enum codec_id)id);
        size_t frame = ops->rates_hz[0] / 50;
        struct codec_tuning tuning = codec_tuning_default();
        struct codec_encoder encoder;
        struct codec_decoder decoder;
        uint64_t mallocs, blocks;

        make_pair(ops, 0, &encoder, &decoder);
        mallocs = test_malloc_count();
        blocks = sr_alloc_total();
        for (size_t i = 0; i < 1000; i++) {
            uint8_t payload[CODEC_PAYLOAD_BYTES_MAX];
            size_t bytes = 0, samples;
            enum sr_err err = codec_encode(&encoder, pcm, frame, payload, sizeof(payload), &bytes);

            if (i % 10 == 9 && ops->conceal != NULL)
                codec_conceal(&decoder, out, frame);
            else if (err == SR_OK)
                err = codec_decode(&decoder, sr_str_make((char *)payload, bytes), out,
                                   SR_ARRAY_LEN(out), &samples);
            tuning.complexity = (int)(i % 11);
            codec_encoder_tune(&encoder, &tuning);
            if (err != SR_OK)
                fail();
        }
        assert_int_equal(test_malloc_count(), mallocs);
        assert_int_equal(sr_alloc_total(), blocks);
    }
}

int test_codec(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tone_survives_every_codec_rate_and_ptime),
        cmocka_unit_test(codecs_are_found_by_sdp_and_payload_type),
        cmocka_unit_test(rates_and_packet_times_are_fitted),
        cmocka_unit_test(bad_payloads_are_refused),
        cmocka_unit_test(wrong_rates_and_frames_are_refused),
        cmocka_unit_test(opus_fec_restores_a_lost_packet),
        cmocka_unit_test(opus_dtx_makes_silence_small),
        cmocka_unit_test(opus_stereo_gives_mono),
        cmocka_unit_test(opus_fmtp_is_read_and_written),
        cmocka_unit_test(frames_allocate_nothing),
    };

    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}

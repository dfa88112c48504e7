/**
 * @file test_wav.c  Files as people have them, and files as nobody should.
 */
#include "test_media.h"

#include <math.h>

#include "media/wav.h"

enum {
    FRAMES = 50,
};

/** A file of `format` and `channels` with FRAMES frames of zero bytes; returns its length. */
static size_t make_file(uint8_t *out, enum wav_format format, uint8_t channels)
{
    struct wav wav = {
        .format = format, .channels = channels, .rate_hz = 16000, .frame_count = FRAMES};
    static const uint8_t sample_bytes[] = {1, 2, 3, 4, 1, 1};

    wav_header_write(out, &wav);
    memset(out + WAV_HEADER_BYTES, 0, 8u * FRAMES * 4u);
    return WAV_HEADER_BYTES + (size_t)FRAMES * channels * sample_bytes[format];
}

static enum sr_err parse(const uint8_t *bytes, size_t n, struct wav *wav, struct wav_diag *diag)
{
    return wav_parse(sr_str_make((const char *)bytes, n), wav, diag);
}

/* What the header writer writes the parser reads, for every format and number of channels. */
static void written_headers_are_read_back(void **state)
{
    uint8_t file[2048];

    (void)state;
    for (unsigned format = WAV_PCM8; format <= WAV_ALAW; format++) {
        for (uint8_t channels = 1; channels <= WAV_CHANNELS_MAX; channels++) {
            size_t n = make_file(file, (enum wav_format)format, channels);
            struct wav wav;
            float out[FRAMES + 1];

            assert_int_equal(parse(file, n, &wav, NULL), SR_OK);
            assert_int_equal(wav.format, format);
            assert_int_equal(wav.channels, channels);
            assert_int_equal(wav.rate_hz, 16000);
            assert_int_equal(wav.frame_count, FRAMES);
            assert_int_equal(wav_read(&wav, 0, out, FRAMES + 1), FRAMES);
            assert_int_equal(wav_read(&wav, 40, out, 20), 10);
            assert_int_equal(wav_read(&wav, FRAMES, out, 1), 0);
        }
    }
}

static void samples_are_scaled_and_mixed_down(void **state)
{
    static const struct {
        enum wav_format format;
        uint8_t bytes[8];
        float value; /* of two channels together */
    } cases[] = {
        {WAV_PCM8, {0, 128}, -0.5f},
        {WAV_PCM16, {0xFF, 0x7F, 0x00, 0x00}, 0.49998f},
        {WAV_PCM16, {0x00, 0x80, 0x00, 0x80}, -1.0f},
        {WAV_PCM24, {0, 0, 0xC0, 0, 0, 0x40}, 0.0f},
        {WAV_FLOAT32, {0, 0, 0x80, 0x3F, 0, 0, 0, 0x3F}, 0.75f},   /* 1 and 0.5 */
        {WAV_FLOAT32, {0, 0, 0xC0, 0x7F, 0, 0, 0x80, 0x7F}, 0.5f}, /* NaN and infinity */
        {WAV_ULAW, {0xFF, 0x80}, 0.4902f},
        {WAV_ALAW, {0xD5, 0xAA}, 0.4923f},
    };
    uint8_t file[2048];

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(cases); i++) {
        size_t n = make_file(file, cases[i].format, 2);
        struct wav wav;
        float out;

        memcpy(file + WAV_HEADER_BYTES, cases[i].bytes, 8);
        assert_int_equal(parse(file, n, &wav, NULL), SR_OK);
        assert_int_equal(wav_read(&wav, 0, &out, 1), 1);
        assert_true(fabsf(out - cases[i].value) < 2e-4f);
    }
}

/* Unknown chunks of odd length before the data; a length that promises too much. */
static void other_chunks_and_torn_data_are_taken(void **state)
{
    uint8_t file[2048], built[2100];
    size_t n = make_file(file, WAV_PCM16, 1);
    struct wav wav;

    (void)state;
    memcpy(built, file, 36);
    memcpy(built + 36, "LIST\x03\x00\x00\x00xyz\x00", 12);
    memcpy(built + 48, file + 36, n - 36);
    assert_int_equal(parse(built, n + 12, &wav, NULL), SR_OK);
    assert_int_equal(wav.frame_count, FRAMES);
    memset(file + 40, 0xFF, 4);
    assert_int_equal(parse(file, n - 1, &wav, NULL), SR_OK);
    assert_int_equal(wav.frame_count, FRAMES - 1);
}

static void every_prefix_is_refused_or_short(void **state)
{
    uint8_t file[2048];
    size_t n = make_file(file, WAV_PCM16, 2);

    (void)state;
    for (size_t cut = 0; cut < n; cut++) {
        struct wav wav;
        struct wav_diag diag = {0};
        enum sr_err err = parse(file, cut, &wav, &diag);

        if (cut < WAV_HEADER_BYTES) {
            assert_int_equal(err, SR_ERR_SYNTAX);
            assert_non_null(diag.why);
            assert_true(diag.offset <= cut);
        } else {
            assert_int_equal(err, SR_OK);
            assert_int_equal(wav.frame_count, (cut - WAV_HEADER_BYTES) / 4);
        }
    }
}

static void bad_headers_say_why(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum sr_err err;
    } cases[] = {
        {0, 'X', SR_ERR_SYNTAX},     {8, 'X', SR_ERR_SYNTAX},      {16, 15, SR_ERR_SYNTAX},
        {19, 0x7F, SR_ERR_SYNTAX},   {20, 85, SR_ERR_UNSUPPORTED}, {22, 0, SR_ERR_UNSUPPORTED},
        {22, 9, SR_ERR_UNSUPPORTED}, {25, 0, SR_ERR_UNSUPPORTED},  {27, 1, SR_ERR_UNSUPPORTED},
        {32, 3, SR_ERR_SYNTAX},      {34, 12, SR_ERR_UNSUPPORTED}, {12, 'g', SR_ERR_SYNTAX},
    };
    uint8_t file[2048];

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(cases); i++) {
        size_t n = make_file(file, WAV_PCM16, 1);
        struct wav wav;
        struct wav_diag diag = {0};

        file[cases[i].at] = cases[i].value;
        assert_int_equal(parse(file, n, &wav, &diag), cases[i].err);
        assert_non_null(diag.why);
    }
}

int test_wav(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_headers_are_read_back),
        cmocka_unit_test(samples_are_scaled_and_mixed_down),
        cmocka_unit_test(other_chunks_and_torn_data_are_taken),
        cmocka_unit_test(every_prefix_is_refused_or_short),
        cmocka_unit_test(bad_headers_say_why),
    };

    return cmocka_run_group_tests_name("wav", tests, NULL, NULL);
}

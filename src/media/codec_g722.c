/**
 * @file codec_g722.c  G.722 as a codec: 16 kHz samples over an 8000 Hz RTP clock (RFC 3551 4.5.2).
 */
#include "media/codec_internal.h"
#include "media/g722.h"

enum {
    G722_BYTES_PER_MS = 8,
};

struct g722_codec_decoder {
    struct g722_decoder g722;
};

struct g722_codec_encoder {
    struct g722_encoder g722;
};

static size_t decoder_bytes(uint32_t rate_hz)
{
    (void)rate_hz;
    return sizeof(struct g722_codec_decoder);
}

static size_t encoder_bytes(uint32_t rate_hz)
{
    (void)rate_hz;
    return sizeof(struct g722_codec_encoder);
}

static enum sr_err decoder_init(void *state, const struct codec_decoder_options *options)
{
    struct g722_codec_decoder *decoder = state;

    g722_decoder_init(&decoder->g722, options->dsp);
    return SR_OK;
}

static enum sr_err encoder_init(void *state, const struct codec_encoder_options *options)
{
    struct g722_codec_encoder *encoder = state;

    g722_encoder_init(&encoder->g722, options->dsp);
    return SR_OK;
}

static size_t payload_samples(const uint8_t *payload, size_t bytes, uint32_t rate_hz)
{
    (void)payload;
    (void)rate_hz;
    return bytes % G722_BYTES_PER_MS == 0 ? 2 * bytes : 0;
}

static enum sr_err decode(void *state, const uint8_t *payload, size_t bytes, float *out,
                          size_t samples)
{
    struct g722_codec_decoder *decoder = state;
    const struct dsp_ops *dsp = decoder->g722.dsp;
    float *next = out;

    (void)samples;
    while (bytes > 0) {
        int16_t pcm[G722_BLOCK_SAMPLES];
        size_t block = SR_MIN(bytes, (size_t)G722_BLOCK_SAMPLES / 2);

        g722_decoder_run(&decoder->g722, payload, block, pcm);
        dsp->from_s16(next, pcm, 2 * block);
        payload += block;
        next += 2 * block;
        bytes -= block;
    }
    return SR_OK;
}

static enum sr_err encode(void *state, const float *pcm, size_t samples, uint8_t *out,
                          size_t *bytes)
{
    struct g722_codec_encoder *encoder = state;
    const struct dsp_ops *dsp = encoder->g722.dsp;

    if (*bytes < samples / 2)
        return SR_ERR_LIMIT;
    *bytes = samples / 2;
    while (samples > 0) {
        int16_t block_pcm[G722_BLOCK_SAMPLES];
        size_t block = SR_MIN(samples, (size_t)G722_BLOCK_SAMPLES);

        dsp->to_s16(block_pcm, pcm, block);
        g722_encoder_run(&encoder->g722, block_pcm, block, out);
        pcm += block;
        out += block / 2;
        samples -= block;
    }
    return SR_OK;
}

static bool has_ptime(uint32_t ptime_ms)
{
    (void)ptime_ms;
    return true;
}

const struct codec_ops codec__ops_g722 = {
    .id = CODEC_G722,
    .sdp_name = "G722",
    .clock_hz = 8000,
    .channels = 1,
    .payload_type = 9,
    .rates_hz = {16000},
    .fmtp_default = "",
    .delay_us = 1375, /* the two filters of 24 taps */
    .decoder_bytes = decoder_bytes,
    .encoder_bytes = encoder_bytes,
    .decoder_init = decoder_init,
    .encoder_init = encoder_init,
    .payload_samples = payload_samples,
    .decode = decode,
    .encode = encode,
    .has_ptime = has_ptime,
};

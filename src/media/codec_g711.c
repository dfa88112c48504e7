/**
 * @file codec_g711.c  PCMU and PCMA as codecs.
 */
#include "media/codec_internal.h"
#include "media/g711.h"

enum {
    G711_BYTES_PER_MS = 8,
};

struct g711_encoder {
    const struct dsp_ops *dsp;
};

static size_t decoder_bytes(uint32_t rate_hz)
{
    (void)rate_hz;
    return 1; /* it remembers nothing */
}

static size_t encoder_bytes(uint32_t rate_hz)
{
    (void)rate_hz;
    return sizeof(struct g711_encoder);
}

static enum sr_err decoder_init(void *state, const struct codec_decoder_options *options)
{
    (void)state;
    (void)options;
    return SR_OK;
}

static enum sr_err encoder_init(void *state, const struct codec_encoder_options *options)
{
    struct g711_encoder *encoder = state;

    encoder->dsp = options->dsp;
    return SR_OK;
}

static size_t payload_samples(const uint8_t *payload, size_t bytes, uint32_t rate_hz)
{
    (void)payload;
    (void)rate_hz;
    return bytes % G711_BYTES_PER_MS == 0 ? bytes : 0;
}

static enum sr_err decode_ulaw(void *state, const uint8_t *payload, size_t bytes, float *out,
                               size_t samples)
{
    (void)state;
    (void)bytes;
    g711_ulaw_decode(out, payload, samples);
    return SR_OK;
}

static enum sr_err decode_alaw(void *state, const uint8_t *payload, size_t bytes, float *out,
                               size_t samples)
{
    (void)state;
    (void)bytes;
    g711_alaw_decode(out, payload, samples);
    return SR_OK;
}

static enum sr_err encode_ulaw(void *state, const float *pcm, size_t samples, uint8_t *out,
                               size_t *bytes)
{
    struct g711_encoder *encoder = state;

    if (*bytes < samples)
        return SR_ERR_LIMIT;
    encoder->dsp->to_ulaw(out, pcm, samples);
    *bytes = samples;
    return SR_OK;
}

static enum sr_err encode_alaw(void *state, const float *pcm, size_t samples, uint8_t *out,
                               size_t *bytes)
{
    struct g711_encoder *encoder = state;

    if (*bytes < samples)
        return SR_ERR_LIMIT;
    encoder->dsp->to_alaw(out, pcm, samples);
    *bytes = samples;
    return SR_OK;
}

static bool has_ptime(uint32_t ptime_ms)
{
    (void)ptime_ms;
    return true;
}

const struct codec_ops codec__ops_pcmu = {
    .id = CODEC_PCMU,
    .sdp_name = "PCMU",
    .clock_hz = 8000,
    .channels = 1,
    .payload_type = 0,
    .rates_hz = {8000},
    .fmtp_default = "",
    .decoder_bytes = decoder_bytes,
    .encoder_bytes = encoder_bytes,
    .decoder_init = decoder_init,
    .encoder_init = encoder_init,
    .payload_samples = payload_samples,
    .decode = decode_ulaw,
    .encode = encode_ulaw,
    .has_ptime = has_ptime,
};

const struct codec_ops codec__ops_pcma = {
    .id = CODEC_PCMA,
    .sdp_name = "PCMA",
    .clock_hz = 8000,
    .channels = 1,
    .payload_type = 8,
    .rates_hz = {8000},
    .fmtp_default = "",
    .decoder_bytes = decoder_bytes,
    .encoder_bytes = encoder_bytes,
    .decoder_init = decoder_init,
    .encoder_init = encoder_init,
    .payload_samples = payload_samples,
    .decode = decode_alaw,
    .encode = encode_alaw,
    .has_ptime = has_ptime,
};

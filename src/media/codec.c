/**
 * @file codec.c  Finding codecs, and the checks every call through a handle passes.
 */
#include "media/codec.h"

#include "media/codec_internal.h"

static const struct codec_ops *const all_codecs[] = {
    &codec__ops_pcmu,
    &codec__ops_pcma,
    &codec__ops_g722,
    &codec__ops_opus,
};

const struct codec_ops *codec_find(enum codec_id id)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(all_codecs); i++) {
        if (all_codecs[i]->id == id)
            return all_codecs[i];
    }
    return NULL;
}

const struct codec_ops *codec_find_by_sdp(struct sr_str name, uint32_t clock_hz, uint8_t channels)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(all_codecs); i++) {
        const struct codec_ops *ops = all_codecs[i];

        if (sr_str_ieq_c(name, ops->sdp_name) && clock_hz == ops->clock_hz &&
            SR_MAX(channels, 1) == ops->channels)
            return ops;
    }
    return NULL;
}

const struct codec_ops *codec_find_by_pt(int payload_type)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(all_codecs); i++) {
        if (payload_type >= 0 && all_codecs[i]->payload_type == payload_type)
            return all_codecs[i];
    }
    return NULL;
}

bool codec_has_rate(const struct codec_ops *ops, uint32_t rate_hz)
{
    for (size_t i = 0; i < CODEC_RATES_MAX && ops->rates_hz[i] != 0; i++) {
        if (ops->rates_hz[i] == rate_hz)
            return true;
    }
    return false;
}

uint32_t codec_rate_for_bus(const struct codec_ops *ops, uint32_t bus_hz)
{
    uint32_t above = 0;
    uint32_t highest = 0;

    for (size_t i = 0; i < CODEC_RATES_MAX && ops->rates_hz[i] != 0; i++) {
        uint32_t rate = ops->rates_hz[i];

        highest = SR_MAX(highest, rate);
        if (rate >= bus_hz && (above == 0 || rate < above))
            above = rate;
    }
    return above != 0 ? above : highest;
}

uint32_t codec_ptime_fit(const struct codec_ops *ops, uint32_t ptime_ms)
{
    uint32_t fit = SR_MIN(ptime_ms, (uint32_t)CODEC_PTIME_MS_MAX) / 10 * 10;

    while (fit > CODEC_PTIME_MS_MIN && !ops->has_ptime(fit))
        fit -= 10;
    return SR_MAX(fit, (uint32_t)CODEC_PTIME_MS_MIN);
}

uint32_t codec_clock_units(const struct codec_ops *ops, size_t samples, uint32_t rate_hz)
{
    return (uint32_t)((uint64_t)samples * ops->clock_hz / rate_hz);
}

static uint32_t rate_or_first(const struct codec_ops *ops, uint32_t rate_hz)
{
    return rate_hz != 0 ? rate_hz : ops->rates_hz[0];
}

static bool is_aligned(const void *state)
{
    return state != NULL && (uintptr_t)state % CODEC_STATE_ALIGN == 0;
}

/* ---- decoder ---- */

size_t codec_decoder_bytes(const struct codec_ops *ops, uint32_t rate_hz)
{
    return ops->decoder_bytes(rate_or_first(ops, rate_hz));
}

enum sr_err codec_decoder_init(struct codec_decoder *decoder, const struct codec_ops *ops,
                               void *state, const struct codec_decoder_options *options)
{
    struct codec_decoder_options filled = {0};
    enum sr_err err;

    SR_ASSERT(is_aligned(state));
    if (options != NULL)
        filled = *options;
    filled.rate_hz = rate_or_first(ops, filled.rate_hz);
    filled.dsp = filled.dsp != NULL ? filled.dsp : dsp_best();
    if (!codec_has_rate(ops, filled.rate_hz))
        return SR_ERR_UNSUPPORTED;
    err = ops->decoder_init(state, &filled);
    if (err == SR_OK)
        *decoder = (struct codec_decoder){ops, state, filled.rate_hz};
    return err;
}

/** Samples of a payload that may be decoded, else 0. */
static size_t accepted_samples(const struct codec_decoder *decoder, struct sr_str payload)
{
    size_t samples;

    if (payload.n == 0)
        return 0;
    samples =
        decoder->ops->payload_samples((const uint8_t *)payload.p, payload.n, decoder->rate_hz);
    return samples <= (size_t)decoder->rate_hz / 1000 * CODEC_PACKET_MS_MAX ? samples : 0;
}

size_t codec_payload_samples(const struct codec_decoder *decoder, struct sr_str payload)
{
    return accepted_samples(decoder, payload);
}

enum sr_err codec_decode(struct codec_decoder *decoder, struct sr_str payload, float *out,
                         size_t out_max, size_t *ret_samples)
{
    size_t samples = accepted_samples(decoder, payload);
    enum sr_err err;

    if (samples == 0)
        return SR_ERR_SYNTAX;
    if (samples > out_max)
        return SR_ERR_LIMIT;
    err = decoder->ops->decode(decoder->state, (const uint8_t *)payload.p, payload.n, out, samples);
    if (err == SR_OK)
        *ret_samples = samples;
    return err;
}

/** Opus conceals in steps of 2.5 ms. */
static void check_gap(const struct codec_decoder *decoder, size_t samples)
{
    SR_ASSERT(samples > 0 && samples % (decoder->rate_hz / 400) == 0);
    SR_ASSERT(samples <= (size_t)decoder->rate_hz / 1000 * CODEC_PACKET_MS_MAX);
}

void codec_conceal(struct codec_decoder *decoder, float *out, size_t samples)
{
    check_gap(decoder, samples);
    SR_ASSERT(decoder->ops->conceal != NULL);
    decoder->ops->conceal(decoder->state, out, samples);
}

enum sr_err codec_decode_fec(struct codec_decoder *decoder, struct sr_str next, float *out,
                             size_t samples)
{
    check_gap(decoder, samples);
    if (decoder->ops->decode_fec == NULL)
        return SR_ERR_UNSUPPORTED;
    if (accepted_samples(decoder, next) == 0)
        return SR_ERR_SYNTAX;
    return decoder->ops->decode_fec(decoder->state, (const uint8_t *)next.p, next.n, out, samples);
}

bool codec_payload_has_fec(const struct codec_ops *ops, struct sr_str payload)
{
    return ops->payload_has_fec != NULL && payload.n > 0 &&
           ops->payload_has_fec((const uint8_t *)payload.p, payload.n);
}

/* ---- encoder ---- */

size_t codec_encoder_bytes(const struct codec_ops *ops, uint32_t rate_hz)
{
    return ops->encoder_bytes(rate_or_first(ops, rate_hz));
}

struct codec_tuning codec_tuning_default(void)
{
    return (struct codec_tuning){.complexity = CODEC_COMPLEXITY_DEFAULT, .fec_wanted = true};
}

enum sr_err codec_encoder_init(struct codec_encoder *encoder, const struct codec_ops *ops,
                               void *state, const struct codec_encoder_options *options)
{
    struct codec_tuning tuning = codec_tuning_default();
    struct codec_encoder_options filled = {0};
    enum sr_err err;

    SR_ASSERT(is_aligned(state));
    if (options != NULL)
        filled = *options;
    filled.rate_hz = rate_or_first(ops, filled.rate_hz);
    filled.dsp = filled.dsp != NULL ? filled.dsp : dsp_best();
    filled.tuning = filled.tuning != NULL ? filled.tuning : &tuning;
    if (!codec_has_rate(ops, filled.rate_hz))
        return SR_ERR_UNSUPPORTED;
    err = ops->encoder_init(state, &filled);
    if (err == SR_OK)
        *encoder = (struct codec_encoder){ops, state, filled.rate_hz};
    return err;
}

enum sr_err codec_encode(struct codec_encoder *encoder, const float *pcm, size_t samples,
                         uint8_t *out, size_t out_max, size_t *ret_bytes)
{
    uint32_t per_10_ms = encoder->rate_hz / 100;
    size_t bytes = out_max;
    enum sr_err err;

    if (samples == 0 || samples % per_10_ms != 0 || samples / per_10_ms > CODEC_PTIME_MS_MAX / 10 ||
        !encoder->ops->has_ptime((uint32_t)(samples / per_10_ms * 10)))
        return SR_ERR_UNSUPPORTED;
    err = encoder->ops->encode(encoder->state, pcm, samples, out, &bytes);
    if (err == SR_OK)
        *ret_bytes = bytes;
    return err;
}

void codec_encoder_tune(struct codec_encoder *encoder, const struct codec_tuning *tuning)
{
    if (encoder->ops->tune != NULL)
        encoder->ops->tune(encoder->state, tuning);
}

void codec_encoder_look_back(struct codec_encoder *encoder, bool is_wanted)
{
    if (encoder->ops->look_back != NULL)
        encoder->ops->look_back(encoder->state, is_wanted);
}

void codec_encoder_copy(struct codec_encoder *to, const struct codec_encoder *from)
{
    SR_ASSERT(to->ops == from->ops && to->rate_hz == from->rate_hz);
    memcpy(to->state, from->state, codec_encoder_bytes(from->ops, from->rate_hz));
}

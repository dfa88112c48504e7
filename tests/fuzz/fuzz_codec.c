/**
 * @file fuzz_codec.c  Payloads of a hostile peer into every decoder.
 *
 * First byte: codec and rate. Then packets, each a length byte (in steps of 4; 255: lost) and bytes.
 * Whatever comes, a decoder gives as many samples as it announced, all of them finite, or an error.
 */
#include <math.h>
#include <stdalign.h>

#include "media/codec.h"

enum {
    STATE_BYTES = 96 * 1024,
    LENGTH_LOST = 255,
};

static alignas(CODEC_STATE_ALIGN) uint8_t state[STATE_BYTES];
static float out[CODEC_PACKET_SAMPLES_MAX];

static void check_samples(size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        SR_ASSERT(isfinite(out[i]));
}

static void decode_one(struct codec_decoder *decoder, struct sr_str payload)
{
    size_t announced = codec_payload_samples(decoder, payload);
    size_t gap = decoder->rate_hz / 50;
    size_t samples = 0;
    enum sr_err err;

    if (codec_payload_has_fec(decoder->ops, payload) &&
        codec_decode_fec(decoder, payload, out, gap) == SR_OK)
        check_samples(gap);
    err = codec_decode(decoder, payload, out, SR_ARRAY_LEN(out), &samples);
    SR_ASSERT(err == SR_OK || err == SR_ERR_SYNTAX);
    SR_ASSERT((announced == 0) <= (err != SR_OK));
    SR_ASSERT(err != SR_OK || samples == announced);
    check_samples(samples);
    if (err != SR_OK && decoder->ops->conceal != NULL) {
        codec_conceal(decoder, out, gap);
        check_samples(gap);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codec_decoder_options options = {0};
    struct codec_decoder decoder;
    const struct codec_ops *ops;
    size_t at = 1;

    if (size < 2)
        return 0;
    ops = codec_find((enum codec_id)(data[0] % 4 + CODEC_PCMU));
    if (ops->id == CODEC_OPUS)
        options.rate_hz = ops->rates_hz[data[0] / 4 % CODEC_RATES_MAX];
    SR_ASSERT(codec_decoder_bytes(ops, options.rate_hz) <= sizeof(state));
    if (codec_decoder_init(&decoder, ops, state, &options) != SR_OK)
        return 0;
    while (at < size) {
        size_t length = data[at++];

        if (length == LENGTH_LOST && ops->conceal != NULL) {
            codec_conceal(&decoder, out, decoder.rate_hz / 50);
            check_samples(decoder.rate_hz / 50);
            continue;
        }
        length = SR_MIN(length * 4, size - at);
        decode_one(&decoder, sr_str_make((const char *)data + at, length));
        at += length;
    }
    return 0;
}

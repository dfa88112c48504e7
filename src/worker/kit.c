/* Memory and state for mixing one leg: taken by the front before the worker needs it. */
#include "base/alloc.h"
#include "worker/internal.h"

enum {
    KIT_G711_BYTES_MAX = 480
}; /* 60 ms; G.722 is as large */

static void make_receiver(struct kit *kit)
{
    const struct codec_ops *ops = codec_find(kit->rx_codec);
    struct codec_decoder_options decoder;
    struct jitter_options jitter;
    struct playout_options playout;

    if (ops == NULL)
        return;
    kit->rx_hz = codec_rate_for_bus(ops, kit->bus_hz);
    jitter =
        (struct jitter_options){.clock_hz = ops->clock_hz, .slot_bytes = CODEC_PAYLOAD_BYTES_MAX};
    kit->jitter_memory = sr_alloc(jitter_bytes(&jitter));
    kit->jitter = jitter_init(kit->jitter_memory, &jitter);
    playout = (struct playout_options){.rate_hz = kit->rx_hz,
                                       .tick_samples = kit->rx_hz / 1000 * WORKER_TICK_MS};
    kit->playout_memory = sr_alloc(playout_bytes(&playout));
    kit->playout = playout_init(kit->playout_memory, &playout);
    decoder = (struct codec_decoder_options){.rate_hz = kit->rx_hz};
    kit->decoder_memory = sr_zalloc(1, codec_decoder_bytes(ops, kit->rx_hz));
    SR_ASSERT(codec_decoder_init(&kit->decoder, ops, kit->decoder_memory, &decoder) == SR_OK);
    SR_ASSERT(resample_init(&kit->rx_resample, kit->rx_hz, kit->bus_hz, NULL) == SR_OK);
}

static void make_sender(struct kit *kit, const struct kit_options *options)
{
    const struct codec_ops *ops = codec_find(kit->tx_codec);
    struct codec_encoder_options encoder;

    if (ops == NULL)
        return;
    kit->tx_hz = codec_rate_for_bus(ops, kit->bus_hz);
    kit->tuning = codec_tuning_default();
    kit->complexity_now = kit->tuning.complexity;
    codec_opus_fmtp_apply(&options->opus, &kit->tuning);
    encoder = (struct codec_encoder_options){.rate_hz = kit->tx_hz, .tuning = &kit->tuning};
    kit->encoder_memory = sr_zalloc(1, codec_encoder_bytes(ops, kit->tx_hz));
    SR_ASSERT(codec_encoder_init(&kit->encoder, ops, kit->encoder_memory, &encoder) == SR_OK);
    SR_ASSERT(resample_init(&kit->tx_resample, kit->bus_hz, kit->tx_hz, NULL) == SR_OK);
    /* 30 and 50 ms: a packet leaves with the tick that completes it, 40 and 20 ms after the last */
    kit->packet_samples = kit->tx_hz / 1000 * codec_ptime_fit(ops, options->ptime_ms);
}

struct kit *kit__new(const struct kit_options *options)
{
    struct kit *kit = sr_zalloc(1, sizeof(*kit));

    kit->bus_hz = options->bus_hz;
    kit->rx_codec = options->rx_codec;
    kit->tx_codec = options->tx_codec;
    if (!options->is_bare) {
        make_receiver(kit);
        make_sender(kit, options);
    }
    return kit;
}

void kit__free(struct kit *kit)
{
    if (kit == NULL)
        return;
    sr_free(kit->jitter_memory);
    sr_free(kit->playout_memory);
    sr_free(kit->decoder_memory);
    sr_free(kit->encoder_memory);
    sr_free(kit);
}

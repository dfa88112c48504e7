/* Jitter buffer and playout: any stream of packets and ticks gives full ticks of finite samples.
 * Input: one byte of set-up, then operations of 8 bytes: kind, sequence, timestamp, time, length. */
#include <math.h>

#include "base/alloc.h"
#include "media/playout.h"

enum {
    OP_BYTES = 8
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t decode(void *state, const uint8_t *payload, size_t n, float *out, size_t max)
{
    static const size_t known[] = {0, 1, 80, 160, 240, 320, 480, 960, 1920, 2880, 5760, 7};
    size_t samples = n > 0 ? known[payload[0] % SR_ARRAY_LEN(known)] : 0;

    (void)state;
    if (samples > max)
        return 0;
    for (size_t i = 0; i < samples; i++)
        out[i] = (float)((i * 37 + payload[0]) % 101) / 101.0f - 0.5f;
    return samples;
}

static size_t fill(void *state, float *out, size_t n)
{
    (void)state;
    memset(out, 0, n * sizeof(*out));
    return n;
}

static size_t fec(void *state, const uint8_t *payload, size_t payload_bytes, float *out, size_t n)
{
    return payload_bytes > 0 && payload[0] > 128 ? fill(state, out, n) : 0;
}

static void check_tick(struct playout *playout, struct jitter *jitter,
                       const struct playout_decoder *decoder, sr_usec now, size_t samples)
{
    static float out[2880];
    struct jitter_stats stats;

    (void)playout_tick(playout, jitter, decoder, now, out);
    for (size_t i = 0; i < samples; i++)
        SR_ASSERT(isfinite(out[i]) && fabsf(out[i]) < 16);
    jitter_stats_get(jitter, &stats);
    SR_ASSERT(isfinite(stats.drift_ppm) && stats.target_us >= 5000 && stats.target_us <= 800000);
}

static void run(const uint8_t *data, size_t size, struct playout *playout, struct jitter *jitter,
                const struct playout_decoder *decoder, size_t samples)
{
    uint16_t seq = 0;
    uint32_t ts = 0;
    sr_usec now = 0;

    for (; size >= OP_BYTES; data += OP_BYTES, size -= OP_BYTES) {
        struct jitter_packet packet = {.kind = (enum jitter_kind)(data[0] % 3),
                                       .ssrc = data[0] >= 250,
                                       .payload = &data[7],
                                       .payload_bytes = data[7] % 2};

        now += (sr_usec)data[6] * data[6] * (data[0] & 0x40 ? 100 : 1);
        if (data[0] & 0x80 && data[0] < 250) {
            for (unsigned i = 0; i <= data[1] % 16; i++, now += 20000)
                check_tick(playout, jitter, decoder, now, samples);
            continue;
        }
        seq = (uint16_t)(seq + (int8_t)data[1] * (data[2] == 255 ? 99 : 1));
        ts += (uint32_t)((int8_t)data[3] * (data[4] == 255 ? 1 << 20 : 40));
        packet.seq = seq;
        packet.timestamp = ts;
        packet.arrived_at = now;
        (void)jitter_push(jitter, &packet);
    }
    for (unsigned i = 0; i < 8; i++, now += 20000)
        check_tick(playout, jitter, decoder, now, samples);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t rates[] = {8000, 16000, 24000, 48000};
    static const uint32_t tick_ms[] = {10, 20, 30, 60};
    struct playout_decoder decoder = {.decode = decode};
    struct jitter_options jitter_options = {.clock_hz = 8000, .slot_bytes = 8};
    struct playout_options playout_options = {0};
    void *jitter_memory, *playout_memory;

    if (size < 1)
        return 0;
    jitter_options.clock_hz = data[0] & 1 ? 48000 : 8000;
    jitter_options.slot_count = data[0] & 2 ? 128 : 8;
    playout_options.rate_hz = rates[data[0] >> 2 & 3];
    playout_options.tick_samples = playout_options.rate_hz / 1000 * tick_ms[data[0] >> 4 & 3];
    decoder.conceal = data[0] & 0x40 ? fill : NULL;
    decoder.silence = data[0] & 0x40 ? fill : NULL;
    decoder.fec = data[0] & 0x80 ? fec : NULL;
    jitter_memory = sr_alloc(jitter_bytes(&jitter_options));
    playout_memory = sr_alloc(playout_bytes(&playout_options));
    run(data + 1, size - 1, playout_init(playout_memory, &playout_options),
        jitter_init(jitter_memory, &jitter_options), &decoder, playout_options.tick_samples);
    sr_free(jitter_memory);
    sr_free(playout_memory);
    return 0;
}

#include "media/packet/sim.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"

static const double two_pi = 6.283185307179586;

/* Twelve harmonics around 130 Hz, a pitch that swings by a tenth three times in two seconds. */
static float vowel(double t)
{
    double phase = 130 * t - 13 / (two_pi * 1.5) * cos(two_pi * 1.5 * t), sum = 0;

    for (int k = 1; k <= 12; k++)
        sum += sin(two_pi * fmod(phase * k, 1.0) + k * k) * exp(-(k - 5) * (k - 5) / 12.0);
    return (float)(0.12 * sum);
}

static size_t tone(const struct sim *sim, uint32_t index, float *out, size_t n)
{
    size_t frame = sim->options.rate_hz / 1000 * sim->options.ptime_ms;

    for (size_t i = 0; i < n && sim->options.is_vowel; i++)
        out[i] = vowel((double)((uint64_t)index * frame + i) / sim->options.rate_hz);
    if (sim->options.is_vowel)
        return n;
    for (size_t i = 0; i < n; i++) {
        double t = (double)((uint64_t)index * frame + i) / sim->options.rate_hz;

        out[i] = 0.5f * (float)sin(two_pi * fmod(t * sim->options.tone_hz, 1.0));
    }
    return n;
}

static size_t decode(void *state, const uint8_t *payload, size_t n, float *out, size_t max)
{
    struct sim *sim = state;
    size_t samples = sim->options.rate_hz / 1000 * sim->options.ptime_ms;
    uint32_t index;

    if (n < sizeof(index) || samples > max)
        return 0;
    memcpy(&index, payload, sizeof(index));
    sim->decoded++;
    sim->last_index = index;
    return tone(sim, index, out, samples);
}

static size_t fec(void *state, const uint8_t *payload, size_t n, float *out, size_t samples)
{
    struct sim *sim = state;
    uint32_t index;

    if (n < sizeof(index))
        return 0;
    memcpy(&index, payload, sizeof(index));
    sim->fec_calls++;
    return tone(sim, index - 1, out, samples);
}

/* The oldest trick: the last packet again. */
static size_t repeat(void *state, float *out, size_t n)
{
    struct sim *sim = state;

    for (size_t done = 0; done < n; done += SR_MIN(n - done, (size_t)sim->options.rate_hz / 50))
        (void)tone(sim, sim->last_index, out + done,
                   SR_MIN(n - done, (size_t)sim->options.rate_hz / 50));
    return n;
}

void sim_init(struct sim *sim, const struct sim_options *options)
{
    struct jitter_options jitter = {
        .clock_hz = options->clock_hz, .slot_bytes = 64, .ptime_us = options->ptime_ms * 1000};
    struct playout_options playout = {.rate_hz = options->rate_hz,
                                      .tick_samples = options->rate_hz / 50};

    memset(sim, 0, sizeof(*sim));
    sim->options = *options;
    sr_prng_seed(&sim->prng, 7);
    sim->jitter = jitter_init(sr_alloc(jitter_bytes(&jitter)), &jitter);
    sim->playout = playout_init(sr_alloc(playout_bytes(&playout)), &playout);
    sim->decoder = (struct playout_decoder){.state = sim, .decode = decode};
    if (options->has_fec)
        sim->decoder.fec = fec;
    if (options->is_repeat_plain)
        sim->decoder.conceal = repeat;
    sim->now = 13000; /* ticks and packets are out of step */
    sim->record_max = options->rate_hz;
    sim->record = sr_zalloc(sim->record_max, sizeof(float));
    sim->ssrc = 0x1234;
}

void sim_done(struct sim *sim)
{
    sr_free(sim->jitter);
    sr_free(sim->playout);
    sr_free(sim->record);
}

static void send_due(struct sim *sim, sr_usec until)
{
    double step = sim->options.ptime_ms * 1000.0 / (1 + sim->options.drift_ppm * 1e-6);

    while (sim->sender_us <= (double)until) {
        sr_usec at = (sr_usec)sim->sender_us;
        uint32_t index = sim->next_index++;

        sim->sender_us += step;
        if (sim->is_paused) {
            sim->paused_packets++;
            continue;
        }
        sr_usec delay = sim->options.delay != NULL ? sim->options.delay(sim, index) : 0;

        if (delay == SIM_LOST || sim->flight_count == SR_ARRAY_LEN(sim->flights))
            continue;
        sim->flights[sim->flight_count++] = (struct sim_flight){at + delay, index};
    }
}

static void deliver(struct sim *sim, const struct sim_flight *flight)
{
    uint32_t units = sim->options.clock_hz / 1000 * sim->options.ptime_ms;
    struct jitter_packet packet = {
        .kind = JITTER_AUDIO,
        .seq = (uint16_t)(sim->options.first_seq + flight->index - sim->paused_packets +
                          sim->seq_offset),
        .timestamp = sim->options.first_ts + flight->index * units + sim->ts_offset,
        .ssrc = sim->ssrc,
        .payload = (const uint8_t *)&flight->index,
        .payload_bytes = sizeof(flight->index),
        .arrived_at = flight->at,
    };

    jitter_push(sim->jitter, &packet);
}

/* In the order of arrival. */
static void deliver_due(struct sim *sim, sr_usec until)
{
    for (;;) {
        size_t first = sim->flight_count;
        struct sim_flight flight;

        for (size_t i = 0; i < sim->flight_count; i++) {
            if (sim->flights[i].at <= until &&
                (first == sim->flight_count || sim->flights[i].at < sim->flights[first].at))
                first = i;
        }
        if (first == sim->flight_count)
            return;
        flight = sim->flights[first];
        memmove(&sim->flights[first], &sim->flights[first + 1],
                (sim->flight_count - first - 1) * sizeof(flight));
        sim->flight_count--;
        deliver(sim, &flight);
    }
}

enum playout_what sim_tick(struct sim *sim)
{
    size_t n = sim->options.rate_hz / 50;
    enum playout_what what;

    sim->now += 20000;
    send_due(sim, sim->now);
    deliver_due(sim, sim->now);
    what = playout_tick(sim->playout, sim->jitter, &sim->decoder, sim->now, sim->out);
    memmove(sim->record, sim->record + n, (sim->record_max - n) * sizeof(float));
    memcpy(sim->record + sim->record_max - n, sim->out, n * sizeof(float));
    return what;
}

void sim_run(struct sim *sim, uint32_t ticks)
{
    while (ticks-- > 0)
        sim_tick(sim);
}

struct playout_stats sim_playout_stats(const struct sim *sim)
{
    struct playout_stats stats;

    playout_stats_get(sim->playout, &stats);
    return stats;
}

struct jitter_stats sim_jitter_stats(const struct sim *sim)
{
    struct jitter_stats stats;

    jitter_stats_get(sim->jitter, &stats);
    return stats;
}

/* Residual of a least-squares fit of the tone in one block. */
static double block_snr(const struct sim *sim, const float *x, size_t n)
{
    double ss = 0, cc = 0, sc = 0, xs = 0, xc = 0, xx = 0, det, a, b, fit;

    for (size_t i = 0; i < n; i++) {
        double w = two_pi * sim->options.tone_hz * (double)i / sim->options.rate_hz;
        double s = sin(w), c = cos(w), v = (double)x[i];

        ss += s * s;
        cc += c * c;
        sc += s * c;
        xs += v * s;
        xc += v * c;
        xx += v * v;
    }
    det = ss * cc - sc * sc;
    a = (xs * cc - xc * sc) / det;
    b = (xc * ss - xs * sc) / det;
    fit = a * xs + b * xc;
    return 10 * log10((fit + 1e-12) / (xx - fit > 1e-12 ? xx - fit : 1e-12));
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double sim_snr_db(const struct sim *sim)
{
    double snr[50];
    size_t n = sim->options.rate_hz / 50;

    for (size_t i = 0; i < 50; i++)
        snr[i] = block_snr(sim, sim->record + i * n, n);
    qsort(snr, 50, sizeof(snr[0]), compare);
    return snr[25];
}

float sim_largest_step(const struct sim *sim)
{
    float top = 0;

    for (size_t i = 1; i < sim->record_max; i++)
        top = fmaxf(top, fabsf(sim->record[i] - sim->record[i - 1]));
    return top;
}

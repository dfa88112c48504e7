#include "media/packet/tests.h"

#include <math.h>
#include <stdlib.h>

#include "media/packet/sim.h"

static const struct sim_options g711 = {
    .rate_hz = 8000, .clock_hz = 8000, .ptime_ms = 20, .tone_hz = 1000, .first_seq = 100};

#define SHOW(...)                                                                                  \
    do {                                                                                           \
        print_message(__VA_ARGS__);                                                                \
    } while (0)

static sr_usec uniform_30ms(struct sim *sim, uint32_t index)
{
    (void)index;
    return (sr_usec)sr_prng_below(&sim->prng, 30000);
}

static sr_usec one_stall(struct sim *sim, uint32_t index)
{
    (void)sim;
    return index >= 500 && index < 530 ? (sr_usec)(529 - index) * 20000 : 0;
}

/* A perfect network: nothing is made up, and the delay is one tick and little more. */
static void clean_line_is_untouched(void **state)
{
    struct sim sim;
    struct playout_stats before, after;

    (void)state;
    sim_init(&sim, &g711);
    sim_run(&sim, 50);
    before = sim_playout_stats(&sim);
    sim_run(&sim, 3000);
    after = sim_playout_stats(&sim);
    SHOW("clean: delay %d us, stretches %d, snr %.1f\n", (int)after.delay_us, (int)after.stretches,
         sim_snr_db(&sim));
    assert_int_equal(after.concealed_samples, before.concealed_samples);
    assert_int_equal(after.stretches, before.stretches);
    assert_true(after.delay_us <= 26000);
    assert_true(sim_snr_db(&sim) > 60);
    sim_done(&sim);
}

/* Catching up 600 ms at full speed and growing for a new target keep a tone a tone. */
static void stretching_keeps_the_tone(void **state)
{
    static const double tones[] = {110, 300, 440, 997, 1000, 2500};
    static const uint32_t rates[] = {8000, 16000, 48000};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(tones); i++) {
        for (size_t k = 0; k < SR_ARRAY_LEN(rates); k++) {
            struct sim_options options = g711;
            struct playout_stats stats;
            struct sim sim;
            double shrunk, grown;
            float step;

            options.tone_hz = tones[i];
            options.rate_hz = rates[k];
            options.delay = one_stall;
            sim_init(&sim, &options);
            while (sim.next_index < 530)
                sim_tick(&sim);
            sim_run(&sim, 51);
            shrunk = sim_snr_db(&sim);
            step = sim_largest_step(&sim);
            sim.options.delay = uniform_30ms;
            sim_run(&sim, 200);
            jitter_set_extra_us(sim.jitter, 300000);
            sim_run(&sim, 50);
            grown = sim_snr_db(&sim);
            stats = sim_playout_stats(&sim);
            SHOW("tone %.0f at %u: shrunk %.1f dB, step %.2f of the tone's, grown %.1f dB, in %d "
                 "out "
                 "%d\n",
                 tones[i], rates[k], shrunk,
                 (double)step / (0.5 * 2 * sin(3.14159265 * tones[i] / rates[k])), grown,
                 (int)stats.inserted_samples, (int)stats.removed_samples);
            /* whole samples cannot match a period of 8.02 samples (at 8 kHz) better */
            assert_true(shrunk > (tones[i] == 997 ? 18 : 25));
            assert_true(grown > 25);
            assert_true(stats.removed_samples > rates[k] / 2);
            assert_true(stats.inserted_samples > rates[k] / 8);
            sim_done(&sim);
        }
    }
}

/* Every packet time meets the tick of 20 ms: no sample is made up or lost. */
static void all_packet_times_fit_the_tick(void **state)
{
    static const uint32_t ptimes[] = {10, 20, 30, 40, 60};
    static const uint32_t rates[] = {8000, 16000, 48000};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(ptimes); i++) {
        for (size_t k = 0; k < SR_ARRAY_LEN(rates); k++) {
            struct sim_options options = g711;
            struct playout_stats before, after;
            struct sim sim;

            options.ptime_ms = ptimes[i];
            options.rate_hz = rates[k];
            options.clock_hz = rates[k] == 48000 ? 48000 : 8000;
            sim_init(&sim, &options);
            sim_run(&sim, 100);
            before = sim_playout_stats(&sim);
            sim_run(&sim, 1000);
            after = sim_playout_stats(&sim);
            SHOW("ptime %u rate %u: delay %d us, stretches %d/%d, concealed %d\n", ptimes[i],
                 rates[k], (int)after.delay_us, (int)before.stretches, (int)after.stretches,
                 (int)after.concealed_samples);
            assert_int_equal(after.concealed_samples, before.concealed_samples);
            assert_true(after.stretches - before.stretches <= 2);
            assert_true(after.delay_us < 50000);
            assert_true(sim_snr_db(&sim) > 40);
            sim_done(&sim);
        }
    }
}

static sr_usec heavy_jitter(struct sim *sim, uint32_t index)
{
    sr_usec delay = 0;

    (void)index;
    for (int i = 0; i < 4; i++)
        delay += (sr_usec)sr_prng_below(&sim->prng, 50000);
    return delay;
}

/* Jitter of 30 ms: the target finds it, little is concealed, the tone stays a tone. */
static void jitter_of_30_ms_is_absorbed(void **state)
{
    struct playout_stats stats;
    struct sim sim;

    struct sim_options options = g711;

    (void)state;
    options.delay = uniform_30ms;
    sim_init(&sim, &options);
    sim_run(&sim, 500);
    uint64_t concealed = sim_playout_stats(&sim).concealed_samples;
    sim_run(&sim, 5000);
    stats = sim_playout_stats(&sim);
    SHOW("30 ms: target %d delay %d us, concealed %.2f %%, stretches %d, snr %.1f\n",
         (int)sim_jitter_stats(&sim).target_us, (int)stats.delay_us,
         100.0 * (double)(stats.concealed_samples - concealed) / (5000 * 160.0),
         (int)stats.stretches, sim_snr_db(&sim));
    assert_true(stats.concealed_samples - concealed < 5000 * 160 / 50);
    assert_in_range(stats.delay_us, 24000, 60000);
    assert_true(sim_snr_db(&sim) > 25);
    sim_done(&sim);
}

static int by_size(const void *a, const void *b)
{
    sr_usec x = *(const sr_usec *)a, y = *(const sr_usec *)b;

    return (x > y) - (x < y);
}

/* 15 minutes of heavy jitter: the median delay is the 98 % quantile of the network, and the tick. */
static void heavy_jitter_costs_its_quantile(void **state)
{
    enum {
        TICKS = 45000
    };
    static sr_usec delays[TICKS], network[TICKS];
    struct sim_options options = g711;
    struct sim sim;
    sr_usec target, median;

    (void)state;
    options.delay = heavy_jitter;
    sim_init(&sim, &options);
    for (size_t i = 0; i < TICKS; i++) {
        sim_tick(&sim);
        delays[i] = playout_delay_us(sim.playout);
        network[i] = heavy_jitter(&sim, 0);
    }
    qsort(delays, TICKS, sizeof(delays[0]), by_size);
    qsort(network, TICKS, sizeof(network[0]), by_size);
    target = network[TICKS / 100 * 98] - network[TICKS / 200]; /* above the fastest of 5 s */
    median = delays[TICKS / 2];
    SHOW("heavy: theory %d, median %d us, target now %d, stretches %d, missing %d late %d\n",
         (int)target, (int)median, (int)sim_jitter_stats(&sim).target_us,
         (int)sim_playout_stats(&sim).stretches, (int)sim_jitter_stats(&sim).missing,
         (int)sim_jitter_stats(&sim).late);
    assert_true(median > target - 10000 && median < target + 10000);
    assert_true(sim_jitter_stats(&sim).missing < TICKS / 25);
    sim_done(&sim);
}

static sr_usec bursts_of_600ms(struct sim *sim, uint32_t index)
{
    (void)sim;
    if (index >= 602)
        return 0;
    return (sr_usec)(SR_MIN(index / 30 * 30 + 29, 601) - index) * 20000;
}

/* 602 packets in bursts of 600 ms: nothing lost, nothing silent; when the source turns even, the
 * delay is back at its floor within a second. */
static void bursts_lose_nothing_and_delay_returns(void **state)
{
    struct sim_options options = g711;
    struct playout_stats stats;
    struct sim sim;
    uint32_t ticks = 0;

    (void)state;
    options.delay = bursts_of_600ms;
    sim_init(&sim, &options);
    while (sim.next_index < 632)
        sim_tick(&sim);
    stats = sim_playout_stats(&sim);
    SHOW("bursts: delay %d, concealed %d, decoded %d, late %d, missing %d\n", (int)stats.delay_us,
         (int)stats.concealed_samples, (int)sim.decoded, (int)sim_jitter_stats(&sim).late,
         (int)sim_jitter_stats(&sim).missing);
    /* (the source is even since packet 602; a second is over at 652) */
    while (sim.next_index < 652)
        sim_tick(&sim);
    stats = sim_playout_stats(&sim);
    SHOW("a second on: delay %d, target %d\n", (int)stats.delay_us,
         (int)sim_jitter_stats(&sim).target_us);
    assert_true(stats.delay_us < 50000);
    assert_int_equal(sim_jitter_stats(&sim).missing, 0);
    assert_int_equal(sim_jitter_stats(&sim).late, 0);
    assert_int_equal(stats.concealed_samples, 0);
    sim_run(&sim, 100);
    ticks = sim.next_index;
    assert_true(sim.decoded + 5 > ticks);
    sim_done(&sim);
}

/* One stall of 600 ms in a clean stream: everything is played, delay back within a second. */
static void single_stall_is_played_and_caught_up(void **state)
{
    struct sim_options options = g711;
    struct sim sim;

    (void)state;
    options.delay = one_stall;
    sim_init(&sim, &options);
    while (sim.next_index < 530)
        sim_tick(&sim);
    sim_run(&sim, 49);
    SHOW("stall: delay %d after 1 s, target %d, missing %d\n",
         (int)sim_playout_stats(&sim).delay_us, (int)sim_jitter_stats(&sim).target_us,
         (int)sim_jitter_stats(&sim).missing);
    assert_true(sim_playout_stats(&sim).delay_us < 50000);
    assert_int_equal(sim_jitter_stats(&sim).missing, 0);
    assert_true(sim.decoded + 5 > sim.next_index);
    sim_done(&sim);
}

/* MEDIA_DRIFT_HOURS=720 for a month. */
static uint32_t hours_wanted(void)
{
    const char *text = getenv("MEDIA_DRIFT_HOURS");
    uint32_t hours = 2;

    if (text != NULL)
        assert_int_equal(sr_str_u32(sr_str_c(text), 10000, &hours), SR_OK);
    return hours;
}

static void check_drift(double ppm, uint32_t rate_hz)
{
    struct sim_options options = g711;
    sr_usec low = SR_NEVER, high = 0;
    struct sim sim;
    uint64_t concealed;

    options.drift_ppm = ppm;
    options.rate_hz = rate_hz;
    options.tone_hz = 440;
    sim_init(&sim, &options);
    sim_run(&sim, 500);
    concealed = sim_playout_stats(&sim).concealed_samples;
    for (uint32_t i = 0; i < hours_wanted() * 3600 * 50; i++) {
        sim_tick(&sim);
        low = SR_MIN(low, playout_delay_us(sim.playout));
        high = SR_MAX(high, playout_delay_us(sim.playout));
    }
    SHOW("drift %+.0f at %u: delay %d..%d us, seen %.1f ppm, concealed %d, stretches %d\n", ppm,
         rate_hz, (int)low, (int)high, sim_jitter_stats(&sim).drift_ppm,
         (int)(sim_playout_stats(&sim).concealed_samples - concealed),
         (int)sim_playout_stats(&sim).stretches);
    assert_true(high < 50000);
    assert_int_equal(sim_jitter_stats(&sim).missing, 0);
    assert_int_equal(sim_playout_stats(&sim).concealed_samples, concealed);
    assert_true(sim_jitter_stats(&sim).drift_ppm > ppm - 10 &&
                sim_jitter_stats(&sim).drift_ppm < ppm + 10);
    sim_done(&sim);
}

/* Two hours with a clock 200 ppm off: delay bounded, nothing made up. */
static void drift_is_followed_for_hours(void **state)
{
    (void)state;
    check_drift(200, 8000);
    check_drift(-200, 8000);
}

static sr_usec burst_loss(struct sim *sim, uint32_t index)
{
    /* pairs and triples, 5 % in all */
    (void)sim;
    return index % 100 == 50 || index % 100 == 51 || (index % 100 >= 80 && index % 100 < 83)
               ? SIM_LOST
               : 0;
}

/* Lost packets leave no step in the waveform larger than the tone's own, or little more. */
static void burst_loss_makes_no_clicks(void **state)
{
    struct sim_options options = g711;
    struct sim sim;
    float top = 0;

    (void)state;
    options.tone_hz = 333;
    options.delay = burst_loss;
    sim_init(&sim, &options);
    sim_run(&sim, 100);
    for (int i = 0; i < 40; i++) {
        sim_run(&sim, 50);
        top = SR_MAX(top, sim_largest_step(&sim));
    }
    SHOW("loss: largest step %.3f, snr %.1f, delay %d, missing %d\n", (double)top, sim_snr_db(&sim),
         (int)sim_playout_stats(&sim).delay_us, (int)sim_jitter_stats(&sim).missing);
    /* the tone's own largest step: 0.5 * 2 pi 333 / 8000 = 0.131 */
    assert_true(top < 0.131f * 1.5f);
    assert_true(sim_jitter_stats(&sim).missing > 90);
    assert_true(sim_playout_stats(&sim).delay_us < 50000);
    sim_done(&sim);
}

enum {
    SPECTRUM = 256, /* 32 ms at 8 kHz */
    BANDS = SPECTRUM / 2,
};

static void spectrum_db(const float *x, double db[BANDS])
{
    for (int k = 0; k < BANDS; k++) {
        double re = 0, im = 0;

        for (int i = 0; i < SPECTRUM; i++) {
            double w = 0.5 - 0.5 * cos(2 * 3.14159265358979 * i / SPECTRUM);
            double a = 2 * 3.14159265358979 * k * i / SPECTRUM;

            re += w * (double)x[i] * cos(a);
            im += w * (double)x[i] * sin(a);
        }
        db[k] = 10 * log10((re * re + im * im) / SPECTRUM + 1e-6);
    }
}

/* Log-spectral distance in dB, of the frames that differ at all. */
static double spectral_distance(const float *a, const float *b, size_t n, uint32_t *frames)
{
    double sum = 0;

    *frames = 0;
    for (size_t at = 0; at + SPECTRUM <= n; at += SPECTRUM) {
        double x[BANDS], y[BANDS], distance = 0;

        if (memcmp(a + at, b + at, SPECTRUM * sizeof(float)) == 0)
            continue;
        spectrum_db(a + at, x);
        spectrum_db(b + at, y);
        for (int k = 0; k < BANDS; k++)
            distance += (x[k] - y[k]) * (x[k] - y[k]);
        sum += sqrt(distance / BANDS);
        (*frames)++;
    }
    return sum / SR_MAX(*frames, 1u);
}

/* Twenty seconds of a vowel, 5 % lost in bursts: nearer to what was said than the last packet once more. */
static void burst_loss_sounds_better_than_repetition(void **state)
{
    enum {
        TICKS = 1000
    };
    static float heard[3][TICKS * 160];
    struct sim_options options = g711;
    uint64_t stretches[3];
    double ours, plain;
    uint32_t frames;

    (void)state;
    options.is_vowel = true;
    for (int way = 0; way < 3; way++) { /* nothing lost, hidden, repeated */
        struct sim sim;

        options.delay = way > 0 ? burst_loss : NULL;
        options.is_repeat_plain = way == 2;
        sim_init(&sim, &options);
        for (size_t i = 0; i < TICKS; i++) {
            sim_tick(&sim);
            memcpy(heard[way] + i * 160, sim.out, 160 * sizeof(float));
        }
        stretches[way] = sim_playout_stats(&sim).stretches;
        assert_int_equal(stretches[way], stretches[0]); /* all three are in step */
        sim_done(&sim);
    }
    ours = spectral_distance(heard[0], heard[1], TICKS * 160, &frames);
    plain = spectral_distance(heard[0], heard[2], TICKS * 160, &frames);
    SHOW("spectral distance of %u frames: %.2f dB, plain repetition %.2f dB\n", frames, ours,
         plain);
    assert_true(frames >= 40);
    assert_true(ours < plain * 0.7);
}

/* With FEC the target grows by a packet and single losses are rebuilt. */
static sr_usec single_loss(struct sim *sim, uint32_t index)
{
    (void)sim;
    return index % 20 == 7 ? SIM_LOST : 0;
}

static void fec_rebuilds_single_losses(void **state)
{
    struct sim_options options = g711;
    struct playout_stats stats, before;
    struct sim sim;

    (void)state;
    options.delay = single_loss;
    options.has_fec = true;
    sim_init(&sim, &options);
    sim_run(&sim, 500);
    before = sim_playout_stats(&sim);
    sim_run(&sim, 1000);
    stats = sim_playout_stats(&sim);
    SHOW("fec: rebuilt %d, concealed %d, delay %d, snr %.1f\n",
         (int)(stats.fec_samples - before.fec_samples),
         (int)(stats.concealed_samples - before.concealed_samples), (int)stats.delay_us,
         sim_snr_db(&sim));
    assert_true(stats.fec_samples - before.fec_samples >= 45 * 160);
    assert_true(stats.concealed_samples - before.concealed_samples <= 5 * 160);
    sim_done(&sim);
}

/* A pause of the sender with running timestamps is silence, not loss, and costs no delay. */
static void pauses_are_not_loss(void **state)
{
    struct sim sim;
    struct playout_stats stats;

    (void)state;
    sim_init(&sim, &g711);
    sim_run(&sim, 200);
    for (int i = 0; i < 5; i++) {
        sim.is_paused = true;
        sim_run(&sim, 150);
        sim.is_paused = false;
        sim_run(&sim, 200);
    }
    stats = sim_playout_stats(&sim);
    SHOW("dtx: missing %d late %d delay %d restarts %d\n", (int)sim_jitter_stats(&sim).missing,
         (int)sim_jitter_stats(&sim).late, (int)stats.delay_us,
         (int)sim_jitter_stats(&sim).restarts);
    assert_int_equal(sim_jitter_stats(&sim).missing, 0);
    assert_int_equal(sim_jitter_stats(&sim).late, 0);
    assert_true(stats.concealed_samples <=
                5 * 160); /* it was not known at once that they are pauses */
    assert_true(stats.delay_us < 50000);
    assert_true(sim_snr_db(&sim) > 40);
    sim_done(&sim);
}

/* Wraps, jumps and a new SSRC: the sound goes on, the delay stays. */
static void stream_surprises_are_survived(void **state)
{
    struct sim_options options = g711;
    struct sim sim;
    struct playout_stats stats;

    (void)state;
    options.first_seq = 65500;
    options.first_ts = 0xFFFFF000u;
    sim_init(&sim, &options);
    sim_run(&sim, 200);
    assert_int_equal(sim_jitter_stats(&sim).missing, 0);
    sim.ts_offset = 0x70000000u; /* forwards */
    sim_run(&sim, 200);
    sim.ts_offset = 5; /* backwards */
    sim_run(&sim, 200);
    sim.ssrc = 0x9999;
    sim.seq_offset = 12345;
    sim.ts_offset = 777777;
    sim_run(&sim, 200);
    stats = sim_playout_stats(&sim);
    SHOW("surprises: missing %d, restarts %d, delay %d, snr %.1f, concealed %d\n",
         (int)sim_jitter_stats(&sim).missing, (int)sim_jitter_stats(&sim).restarts,
         (int)stats.delay_us, sim_snr_db(&sim), (int)stats.concealed_samples);
    assert_int_equal(sim_jitter_stats(&sim).restarts, 1);
    assert_int_equal(sim_jitter_stats(&sim).missing, 0);
    assert_true(stats.delay_us < 50000);
    assert_true(stats.concealed_samples <= 4 * 160);
    assert_true(sim_snr_db(&sim) > 40);
    sim_done(&sim);
}

static sr_usec swapped(struct sim *sim, uint32_t index)
{
    (void)sim;
    return index % 10 == 3 ? 25000 : 0;
}

enum {
    DETOUR_MS = 600
};

/* Twenty seconds in the middle take a longer way. */
static sr_usec detour(struct sim *sim, uint32_t index)
{
    sr_usec at = (sr_usec)index * sim->options.ptime_ms * 1000;

    return at >= 20 * SR_SEC && at < 40 * SR_SEC ? DETOUR_MS * SR_MSEC : 0;
}

/* What waits here, of all that separates the mouth from the ear. */
static sr_usec waits_here(const struct sim *sim)
{
    return playout_delay_us(sim->playout) - sim_jitter_stats(sim).rise_us;
}

/* A way that becomes longer is not taken for a buffer that became deeper. One that becomes shorter again, so that new
   packets overtake old ones: what those say of the longer way is not held against the new one, and within two
   seconds the sound is as near as before. */
static void a_detour_is_forgotten(void **state)
{
    struct sim_options options = g711;
    struct sim sim;

    (void)state;
    options.delay = detour;
    sim_init(&sim, &options);
    sim_run(&sim, 19 * 50);
    assert_true(waits_here(&sim) < 30000 && sim_jitter_stats(&sim).rise_us == 0);
    sim_run(&sim, 3 * 50);
    for (int i = 0; i < 10 * 50; i++) {
        sim_tick(&sim);
        assert_in_range(waits_here(&sim), 0, 30000);
        assert_true(sim.now - (sr_usec)sim.last_index * 20000 >= DETOUR_MS * SR_MSEC);
    }
    sim_run(&sim, 10 * 50);
    assert_true(sim.now - (sr_usec)sim.last_index * 20000 < 40000);
    assert_in_range(waits_here(&sim), 0, 30000);
    assert_true(sim_jitter_stats(&sim).target_us < 30000);
    sim_done(&sim);
}

/* Packets that overtake each other are put in order again. */
static void reordering_is_put_right(void **state)
{
    struct sim_options options = g711;
    struct sim sim;
    uint64_t missing;

    (void)state;
    options.delay = swapped;
    sim_init(&sim, &options);
    sim_run(&sim, 500);
    missing = sim_jitter_stats(&sim).missing;
    sim_run(&sim, 1000);
    SHOW("reorder: missing %d, reordered %d, delay %d, snr %.1f\n",
         (int)sim_jitter_stats(&sim).missing, (int)sim_jitter_stats(&sim).reordered,
         (int)sim_playout_stats(&sim).delay_us, sim_snr_db(&sim));
    assert_int_equal(sim_jitter_stats(&sim).missing, missing);
    assert_true(sim_jitter_stats(&sim).reordered > 100);
    assert_true(sim_snr_db(&sim) > 40);
    sim_done(&sim);
}

/* G.722 senders that run their timestamps at 16,000 are found out. */
static void wrong_clock_is_found_out(void **state)
{
    struct sim_options options = g711;
    struct sim sim;
    uint64_t before;

    (void)state;
    options.rate_hz = 16000;
    options.clock_hz = 16000; /* the sender's; the buffer is told 8000 */
    sim_init(&sim, &options);
    sr_free(sim.jitter);
    struct jitter_options jitter = {.clock_hz = 8000, .slot_bytes = 64};
    sim.jitter = jitter_init(sr_alloc(jitter_bytes(&jitter)), &jitter);
    sim_run(&sim, 200);
    before = sim_playout_stats(&sim).concealed_samples + sim_playout_stats(&sim).silence_samples;
    sim_run(&sim, 500);
    SHOW("clock: delay %d, snr %.1f\n", (int)sim_playout_stats(&sim).delay_us, sim_snr_db(&sim));
    assert_int_equal(sim_playout_stats(&sim).concealed_samples +
                         sim_playout_stats(&sim).silence_samples,
                     before);
    assert_true(sim_playout_stats(&sim).delay_us < 60000);
    assert_true(sim_snr_db(&sim) > 40);
    sim_done(&sim);
}

/* Before a switch to relay the buffer is emptied below one frame within half a second. */
static void draining_for_relay_takes_half_a_second(void **state)
{
    struct sim_options options = g711;
    struct sim sim;

    (void)state;
    sim_init(&sim, &options);
    sim_run(&sim, 100);
    jitter_set_extra_us(sim.jitter, 150000);
    sim_run(&sim, 100);
    assert_true(playout_delay_us(sim.playout) > 140000);
    assert_false(playout_is_drained(sim.playout, sim.jitter));
    playout_set_drain(sim.playout, PLAYOUT_DRAIN_GENTLY);
    sim_run(&sim, 25);
    SHOW("drain: delay %d\n", (int)playout_delay_us(sim.playout));
    assert_true(playout_is_drained(sim.playout, sim.jitter));
    assert_true(playout_delay_us(sim.playout) < 40000);
    assert_int_equal(sim_jitter_stats(&sim).missing, 0);
    sim_done(&sim);
}

/* When there is no time for that, one tick ends with the newest sample: what lies between is left out, without a
   click. */
static void draining_now_takes_one_tick(void **state)
{
    struct sim_options options = g711;
    struct sim sim;
    float step;

    (void)state;
    sim_init(&sim, &options);
    sim_run(&sim, 100);
    step = sim_largest_step(&sim);
    jitter_set_extra_us(sim.jitter, 150000);
    sim_run(&sim, 100);
    playout_set_drain(sim.playout, PLAYOUT_DRAIN_NOW);
    sim_run(&sim, 1);
    assert_true(playout_is_drained(sim.playout, sim.jitter));
    assert_true(sim_largest_step(&sim) < 1.5f * step);
    SHOW("drain now: largest step %.3f, before %.3f\n", (double)sim_largest_step(&sim),
         (double)step);
    sim_done(&sim);
}

/* What was said in this time arrives at its end. */
static sr_usec together_after_a_stall(struct sim *sim, uint32_t index)
{
    sr_usec at = (sr_usec)index * sim->options.ptime_ms * 1000;

    return at >= 2 * SR_SEC && at < 2900 * SR_MSEC ? 2900 * SR_MSEC - at : 0;
}

/* The same while more waits than the playout holds, in packets of any length. */
static void draining_now_takes_whatever_waits(void **state)
{
    static const uint32_t ptimes_ms[] = {120, 60, 30, 20, 10};
    static const uint32_t rates_hz[] = {8000, 48000};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(ptimes_ms) * SR_ARRAY_LEN(rates_hz); i++) {
        struct sim_options options = g711;
        struct sim sim;
        float step;

        options.ptime_ms = ptimes_ms[i / 2];
        options.rate_hz = rates_hz[i % 2];
        options.delay = together_after_a_stall;
        sim_init(&sim, &options);
        sim_run(&sim, 99);
        step = sim_largest_step(&sim);
        while (sim.now < 2900 * SR_MSEC)
            sim_tick(&sim);
        assert_false(playout_is_drained(sim.playout, sim.jitter));
        playout_set_drain(sim.playout, PLAYOUT_DRAIN_NOW);
        sim_tick(&sim);
        assert_true(playout_is_drained(sim.playout, sim.jitter));
        assert_int_equal(sim_jitter_stats(&sim).missing, 0);
        assert_true(sim_largest_step(&sim) < 1.5f * step);
        sim_done(&sim);
    }
}

/* 10,000 ticks under jitter and loss take no memory. */
static void ticks_allocate_nothing(void **state)
{
    struct sim_options options = g711;
    struct sim sim;
    uint64_t total;

    (void)state;
    options.delay = uniform_30ms;
    sim_init(&sim, &options);
    total = sr_alloc_total();
    sim_run(&sim, 10000);
    assert_int_equal(sr_alloc_total(), total);
    sim_done(&sim);
}

int test_playout(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_line_is_untouched),
        cmocka_unit_test(stretching_keeps_the_tone),
        cmocka_unit_test(all_packet_times_fit_the_tick),
        cmocka_unit_test(jitter_of_30_ms_is_absorbed),
        cmocka_unit_test(heavy_jitter_costs_its_quantile),
        cmocka_unit_test(bursts_lose_nothing_and_delay_returns),
        cmocka_unit_test(single_stall_is_played_and_caught_up),
        cmocka_unit_test(drift_is_followed_for_hours),
        cmocka_unit_test(burst_loss_makes_no_clicks),
        cmocka_unit_test(burst_loss_sounds_better_than_repetition),
        cmocka_unit_test(fec_rebuilds_single_losses),
        cmocka_unit_test(pauses_are_not_loss),
        cmocka_unit_test(stream_surprises_are_survived),
        cmocka_unit_test(a_detour_is_forgotten),
        cmocka_unit_test(reordering_is_put_right),
        cmocka_unit_test(wrong_clock_is_found_out),
        cmocka_unit_test(draining_for_relay_takes_half_a_second),
        cmocka_unit_test(draining_now_takes_one_tick),
        cmocka_unit_test(draining_now_takes_whatever_waits),
        cmocka_unit_test(ticks_allocate_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

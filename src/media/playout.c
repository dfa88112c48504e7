#include "media/playout.h"

#include <math.h>

#include "media/pitch.h"
#include "media/rtp.h"

enum {
    HISTORY_MS = 40,
    PENDING_MS = 320,
    TICK_MS_MAX = 60,
    MERGE_MS = 5,          /* cross-fade from made-up to real samples */
    FADE_KEEP_MS = 20,     /* a repeated waveform stays loud for so long, */
    FADE_VOICED_MS = 120,  /* is gone by then, */
    FADE_UNVOICED_MS = 60, /* noise sooner */
    FADE_SILENCE_MS = 10,
    MARGIN_US = 2000,
    EXCESS_US = 10000,      /* below this a delay is not worth a change of the sound */
    EXCESS_SOON_US = 30000, /* above: shrink at every tick, else at every third */
    EXCESS_FAST_US = 45000, /* above: shrink twice at every tick, whatever it sounds like */
    LACK_FAST_US = 30000,
    TOLERANCE_US_MAX = 7000,
    EXTRA_PENDING_MS = 45,
    SQUEEZE_FADE_MS = 8,
    FETCH_MAX = 256,
};

#define LAG_MIN_S 0.0025f
#define LAG_MAX_S 0.015f
#define MATCH_GOOD 0.6f
#define MATCH_VOICED 0.5f
#define ENERGY_SILENT 1e-6f /* -60 dBFS */

enum gap {
    GAP_NONE,
    GAP_VOICED,
    GAP_UNVOICED,
    GAP_SILENCE,
};

struct playout {
    struct playout_options options;
    size_t history, capacity; /* samples */
    size_t pending;           /* decoded, not yet heard */
    size_t lag_min, lag_max;
    enum gap gap;
    size_t gap_samples;  /* made up since the waveform ended */
    size_t cycle, phase; /* of the repeated waveform */
    float seam;          /* step where the repetition begins, faded out */
    size_t credit;       /* samples made up for packets not yet known to be lost */
    unsigned ticks_since_stretch;
    bool is_started, is_broken; /* this tick holds made-up samples */
    bool is_eager;
    enum playout_drain drain;
    float loss;
    struct playout_stats stats;
    float *pcm;      /* history, then pending */
    float *waveform; /* one cycle, lag_max long */
};

static void check_options(const struct playout_options *options)
{
    SR_ASSERT(options->rate_hz >= 8000 && options->rate_hz <= PLAYOUT_RATE_HZ_MAX);
    SR_ASSERT(options->rate_hz % 8000 == 0);
    SR_ASSERT(options->tick_samples > 0 &&
              options->tick_samples <= options->rate_hz / 1000 * TICK_MS_MAX);
}

size_t playout_bytes(const struct playout_options *options)
{
    size_t ms = options->rate_hz / 1000;

    check_options(options);
    return sizeof(struct playout) +
           (ms * (HISTORY_MS + PENDING_MS) + (size_t)((float)options->rate_hz * LAG_MAX_S)) *
               sizeof(float);
}

void playout_reset(struct playout *playout)
{
    struct playout fresh = {.options = playout->options,
                            .history = playout->history,
                            .capacity = playout->capacity,
                            .lag_min = playout->lag_min,
                            .lag_max = playout->lag_max,
                            .stats = playout->stats,
                            .pcm = playout->pcm,
                            .waveform = playout->waveform};

    *playout = fresh;
    memset(playout->pcm, 0, (playout->history + playout->capacity) * sizeof(float));
}

struct playout *playout_init(void *memory, const struct playout_options *options)
{
    struct playout *playout = memory;
    size_t ms = options->rate_hz / 1000;

    check_options(options);
    memset(playout, 0, sizeof(*playout));
    playout->options = *options;
    playout->history = ms * HISTORY_MS;
    playout->capacity = ms * PENDING_MS;
    playout->lag_min = (size_t)((float)options->rate_hz * LAG_MIN_S);
    playout->lag_max = (size_t)((float)options->rate_hz * LAG_MAX_S);
    playout->pcm = (float *)(void *)(playout + 1);
    playout->waveform = playout->pcm + playout->history + playout->capacity;
    playout_reset(playout);
    return playout;
}

static sr_usec us_of(const struct playout *playout, size_t samples)
{
    return rtp_us_from_units((int64_t)samples, playout->options.rate_hz);
}

static size_t samples_of(const struct playout *playout, sr_usec us)
{
    return (size_t)SR_MAX(rtp_units_from_us(us, playout->options.rate_hz), 0);
}

static size_t ms_samples(const struct playout *playout, size_t ms)
{
    return playout->options.rate_hz / 1000 * ms;
}

static float *pending_of(const struct playout *playout)
{
    return playout->pcm + playout->history;
}

static float energy(const float *samples, size_t n)
{
    float sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += samples[i] * samples[i];
    return n > 0 ? sum / (float)n : 0;
}

/* ---- concealment ---------------------------------------------------------------------------- */

/* Takes the last cycle of what was heard or will be, and closes it to a loop. */
static void begin_gap(struct playout *playout, bool is_silence)
{
    struct pitch_range range = {playout->lag_min, playout->lag_max, ms_samples(playout, 10)};
    const float *end = pending_of(playout) + playout->pending;
    size_t cycle, blend;
    float match;

    cycle = pitch_find_back(end, playout->options.rate_hz, &range, &match);
    if (match < MATCH_VOICED)
        cycle = playout->lag_max;
    memcpy(playout->waveform, end - cycle, cycle * sizeof(float));
    blend = cycle / 4;
    for (size_t i = 0; i < blend; i++) {
        float w = (float)(i + 1) / (float)(blend + 1);
        size_t at = cycle - blend + i;

        playout->waveform[at] =
            playout->waveform[at] * (1 - w) + end[(ptrdiff_t)(at - cycle) - (ptrdiff_t)cycle] * w;
    }
    playout->seam = end[-1] - end[-1 - (ptrdiff_t)cycle];
    playout->cycle = cycle;
    playout->phase = 0;
    playout->gap_samples = 0;
    playout->gap = is_silence ? GAP_SILENCE : match < MATCH_VOICED ? GAP_UNVOICED : GAP_VOICED;
}

static float gap_gain(const struct playout *playout, size_t at)
{
    size_t keep = ms_samples(playout, FADE_KEEP_MS), end = ms_samples(playout, FADE_VOICED_MS);

    if (playout->gap == GAP_SILENCE) {
        keep = 0;
        end = ms_samples(playout, FADE_SILENCE_MS);
    } else if (playout->gap == GAP_UNVOICED) {
        end = ms_samples(playout, FADE_UNVOICED_MS);
    }
    if (at < keep)
        return 1;
    return at < end ? (float)(end - at) / (float)(end - keep) : 0;
}

static void make_up(struct playout *playout, float *out, size_t n)
{
    size_t seam_samples = ms_samples(playout, 2);

    for (size_t i = 0; i < n; i++) {
        float x = playout->waveform[playout->phase];

        if (playout->gap_samples < seam_samples)
            x += playout->seam * (float)(seam_samples - playout->gap_samples) /
                 (float)(seam_samples + 1);
        out[i] = x * gap_gain(playout, playout->gap_samples);
        playout->phase = playout->phase + 1 == playout->cycle ? 0 : playout->phase + 1;
        playout->gap_samples++;
    }
}

static void add_made_up(struct playout *playout, size_t n, bool is_silence)
{
    if (playout->gap == GAP_NONE)
        begin_gap(playout, is_silence);
    make_up(playout, pending_of(playout) + playout->pending, n);
    playout->pending += n;
}

static void conceal(struct playout *playout, const struct playout_decoder *decoder, size_t n)
{
    float *out = pending_of(playout) + playout->pending;

    playout->is_broken = true;
    playout->stats.concealed_samples += n;
    if (decoder->conceal != NULL && decoder->conceal(decoder->state, out, n) == n) {
        playout->pending += n;
        return;
    }
    add_made_up(playout, n, false);
}

static void fill_silence(struct playout *playout, const struct playout_decoder *decoder, size_t n)
{
    float *out = pending_of(playout) + playout->pending;

    playout->is_broken = true;
    playout->stats.silence_samples += n;
    if (decoder->silence != NULL && decoder->silence(decoder->state, out, n) == n) {
        playout->pending += n;
        return;
    }
    if (playout->gap == GAP_VOICED || playout->gap == GAP_UNVOICED) {
        /* from hiding a loss to real silence: go on fading, faster */
        make_up(playout, out, n);
        playout->pending += n;
        return;
    }
    add_made_up(playout, n, true);
}

/* Real samples follow made-up ones: the repetition fades into them. */
static void merge(struct playout *playout, float *real, size_t n)
{
    float tail[PLAYOUT_RATE_HZ_MAX / 1000 * MERGE_MS];
    size_t blend = SR_MIN(n, ms_samples(playout, MERGE_MS));

    if (playout->gap == GAP_NONE)
        return;
    make_up(playout, tail, blend);
    for (size_t i = 0; i < blend; i++) {
        float w = (float)(i + 1) / (float)(blend + 1);

        real[i] = real[i] * w + tail[i] * (1 - w);
    }
    playout->gap = GAP_NONE;
}

/* ---- taking packets ------------------------------------------------------------------------- */

static void watch_loss(struct playout *playout, struct jitter *jitter,
                       const struct playout_decoder *decoder, bool is_lost)
{
    playout->loss += ((is_lost ? 1.0f : 0.0f) - playout->loss) * 0.01f;
    if (decoder->fec == NULL)
        return;
    if (playout->loss < 0.01f)
        jitter_set_extra_us(jitter, 0);
    else if (playout->loss > 0.02f)
        jitter_set_extra_us(jitter, jitter_ptime_us(jitter));
}

/* What was made up because nothing came was a pause of the sender, as is known now. */
static void forgive(struct playout *playout, size_t n)
{
    n = SR_MIN(n, playout->credit);
    playout->stats.concealed_samples -= n;
    playout->stats.silence_samples += n;
    playout->credit -= n;
}

static void on_frame(struct playout *playout, struct jitter *jitter,
                     const struct playout_decoder *decoder, const struct jitter_result *result)
{
    size_t max = ms_samples(playout, PLAYOUT_PACKET_MS_MAX), n;
    float *out = pending_of(playout) + playout->pending;

    if (result->kind == JITTER_COMFORT && decoder->comfort != NULL)
        n = decoder->comfort(decoder->state, result->payload, result->payload_bytes, out, max);
    else
        n = decoder->decode(decoder->state, result->payload, result->payload_bytes, out, max);
    playout->is_started = true;
    forgive(playout, samples_of(playout, result->pause_us));
    playout->credit = 0;
    watch_loss(playout, jitter, decoder, false);
    if (n == 0 || n > max) {
        playout->stats.decode_errors++;
        conceal(playout, decoder, SR_MIN(samples_of(playout, result->duration_us), max));
        return;
    }
    jitter_took(jitter, us_of(playout, n));
    merge(playout, out, n);
    playout->pending += n;
}

static void on_lost(struct playout *playout, struct jitter *jitter,
                    const struct playout_decoder *decoder, const struct jitter_result *result)
{
    size_t max = ms_samples(playout, PLAYOUT_PACKET_MS_MAX);
    size_t n = SR_MIN(samples_of(playout, result->duration_us), max), used;
    float *out = pending_of(playout) + playout->pending;

    watch_loss(playout, jitter, decoder, true);
    used = SR_MIN(playout->credit, n);
    playout->credit -= used;
    n -= used;
    if (n == 0)
        return; /* it was hidden while nothing had come */
    if (used == 0 && result->has_fec && decoder->fec != NULL &&
        decoder->fec(decoder->state, result->payload, result->payload_bytes, out, n) == n) {
        playout->stats.fec_samples += n;
        merge(playout, out, n);
        playout->pending += n;
        return;
    }
    conceal(playout, decoder, n);
}

/* Takes one thing from the packet buffer. False: it has nothing and `want` was filled by hand. */
static bool fetch(struct playout *playout, struct jitter *jitter,
                  const struct playout_decoder *decoder, sr_usec now, size_t want)
{
    struct jitter_result result;
    size_t lack = want - playout->pending;

    jitter_get(jitter, now + us_of(playout, playout->pending), &result);
    switch (result.what) {
    case JITTER_FRAME:
        on_frame(playout, jitter, decoder, &result);
        return true;
    case JITTER_LOST:
        on_lost(playout, jitter, decoder, &result);
        return true;
    case JITTER_SILENCE:
        forgive(playout, playout->credit);
        playout->credit = 0;
        lack = SR_MIN(lack, SR_MAX(samples_of(playout, result.duration_us), 1));
        fill_silence(playout, decoder, lack);
        return false;
    case JITTER_EMPTY:
        break;
    }
    if (playout->is_started) {
        playout->credit += lack;
        conceal(playout, decoder, lack);
    } else {
        fill_silence(playout, decoder, lack);
    }
    return false;
}

/* ---- stretching ----------------------------------------------------------------------------- */

/* Removes one pitch period that begins `at` samples into what is pending. Gives its length or 0. */
static size_t shrink(struct playout *playout, size_t at, size_t low, size_t high, bool is_forced)
{
    float *x = pending_of(playout) + at;
    size_t room = playout->pending - at, lag;
    struct pitch_range range = {.low = low};
    float match;

    range.high = SR_MIN(high, SR_MIN(room / 2, playout->pending - playout->options.tick_samples));
    if (range.high < low)
        return 0;
    range.window = SR_MIN(room - range.high, ms_samples(playout, 10));
    lag = pitch_find(x, playout->options.rate_hz, &range, &match);
    if (match < MATCH_GOOD && !is_forced && energy(x, 2 * lag) > ENERGY_SILENT)
        return 0;
    for (size_t i = 0; i < lag; i++) {
        float w = (float)(i + 1) / (float)(lag + 1);

        x[i] = x[i] * (1 - w) + x[i + lag] * w;
    }
    memmove(x + lag, x + 2 * lag, (room - 2 * lag) * sizeof(float));
    playout->pending -= lag;
    playout->stats.removed_samples += lag;
    playout->stats.stretches++;
    return lag;
}

/* Plays the last pitch period once more before going on. */
static size_t grow(struct playout *playout, bool is_forced)
{
    struct pitch_range range = {.low = playout->lag_min,
                                .high = SR_MIN(playout->lag_max, playout->pending),
                                .window = SR_MIN(ms_samples(playout, 10), playout->pending)};
    float *x = pending_of(playout), match;
    size_t lag;

    if (range.high < range.low || playout->pending + range.high > playout->capacity)
        return 0;
    if (is_forced)
        range.low = SR_MIN(playout->lag_max / 2, range.high);
    /* how like x[0..] is to x[-lag..] */
    lag = pitch_find_back(x + range.window, playout->options.rate_hz, &range, &match);
    if (match < MATCH_GOOD && !is_forced && energy(x, lag) > ENERGY_SILENT)
        return 0;
    memmove(x + lag, x, playout->pending * sizeof(float));
    for (size_t i = 0; i < lag; i++) {
        float w = (float)(i + 1) / (float)(lag + 1);

        x[i] = x[i + lag] * (1 - w) + x[(ptrdiff_t)i - (ptrdiff_t)lag] * w;
    }
    playout->pending += lag;
    playout->stats.inserted_samples += lag;
    playout->stats.stretches++;
    return lag;
}

/* Greatest common measure of packet and tick: leftovers before a tick differ by multiples of it. */
static size_t common_unit(const struct playout *playout, sr_usec ptime_us)
{
    size_t a = playout->options.tick_samples, b = samples_of(playout, ptime_us);

    while (b != 0) {
        size_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/*
 * Packets are taken at ticks only, so what waits between decoding and the ear shifts the moment at
 * which a packet must be here: at worst it is needed at a tick that begins so much before it.
 */
static sr_usec need_offset_us(const struct playout *playout, size_t unit)
{
    size_t tick = playout->options.tick_samples;

    return us_of(playout, tick - unit + playout->pending % unit);
}

static void shrink_fast(struct playout *playout)
{
    size_t low = playout->lag_max / 2, at;

    at = shrink(playout, 0, low, playout->lag_max, true);
    if (at > 0)
        shrink(playout, at, low, playout->lag_max, true);
    playout->ticks_since_stretch = 0;
}

/* Packets are taken once a tick, so the delay moves in steps of one: half of it may fall below a
 * target that is large against it, or the median would stand half a tick above what is needed. */
static sr_usec tolerance_us(sr_usec target_us)
{
    return SR_MIN(target_us / 12, TOLERANCE_US_MAX);
}

static void shrink_by_need(struct playout *playout, struct jitter *jitter,
                           const struct playout_decoder *decoder, sr_usec now, sr_usec excess)
{
    size_t tick = playout->options.tick_samples, high = playout->lag_max;
    size_t want = tick + ms_samples(playout, EXTRA_PENDING_MS);
    size_t unit = common_unit(playout, jitter_ptime_us(jitter));
    sr_usec slack =
        excess - need_offset_us(playout, unit) - MARGIN_US + tolerance_us(jitter_target_us(jitter));

    /* take away only what leaves every packet as much time as the target says */
    if (slack < 0)
        return;
    if (slack < us_of(playout, unit))
        high = SR_MIN(high, playout->pending % unit);
    if (excess <= EXCESS_FAST_US &&
        (high < playout->lag_min ||
         playout->ticks_since_stretch < (excess > EXCESS_SOON_US ? 1 : 3)))
        return;
    while (playout->pending < want && jitter_has_next(jitter))
        fetch(playout, jitter, decoder, now, want);
    if (excess > EXCESS_FAST_US)
        shrink_fast(playout);
    else if (shrink(playout, 0, playout->lag_min, high, false) > 0)
        playout->ticks_since_stretch = 0;
}

static void steer(struct playout *playout, struct jitter *jitter,
                  const struct playout_decoder *decoder, sr_usec now)
{
    sr_usec target = playout->drain != PLAYOUT_DRAIN_OFF ? 0 : jitter_target_us(jitter);
    sr_usec excess = playout->stats.delay_us - target, lack;

    playout->ticks_since_stretch++;
    if (playout->is_broken || playout->gap != GAP_NONE)
        return;
    lack = need_offset_us(playout, common_unit(playout, jitter_ptime_us(jitter))) - excess -
           tolerance_us(target);
    if (lack > 0) {
        if (playout->drain == PLAYOUT_DRAIN_OFF && playout->ticks_since_stretch >= 2 &&
            grow(playout, lack > LACK_FAST_US) > 0)
            playout->ticks_since_stretch = 0;
    } else if (excess > EXCESS_US && jitter_may_shrink(jitter)) {
        shrink_by_need(playout, jitter, decoder, now, excess);
    }
}

/* What would be left over after this tick is taken out of it, where that changes the sound least. */
static void squeeze(struct playout *playout)
{
    size_t tick = playout->options.tick_samples, left = playout->pending - tick;
    size_t fade = SR_MIN(ms_samples(playout, SQUEEZE_FADE_MS), tick);
    size_t step = playout->options.rate_hz / 8000, best_at = 0;
    float *x = pending_of(playout), best = INFINITY;

    for (size_t at = 0; at + fade <= tick; at += step) {
        float change = 0;

        for (size_t i = 0; i < fade; i += step) {
            float d = x[at + i] - x[at + i + left];

            change += d * d;
        }
        if (change < best) {
            best = change;
            best_at = at;
        }
    }
    x += best_at;
    for (size_t i = 0; i < fade; i++) {
        float w = (float)(i + 1) / (float)(fade + 1);

        x[i] = x[i] * (1 - w) + x[i + left] * w;
    }
    memmove(x + fade, x + fade + left, (tick - best_at - fade) * sizeof(float));
    playout->pending = tick;
    playout->stats.removed_samples += left;
    playout->stats.stretches++;
}

/* Before a switch to relay: the next packet shall go on where a tick ends. More may wait than there is room for:
   then what came first is left out already on the way. */
static void drain(struct playout *playout, struct jitter *jitter,
                  const struct playout_decoder *decoder, sr_usec now)
{
    size_t tick = playout->options.tick_samples;
    size_t packet_max = ms_samples(playout, PLAYOUT_PACKET_MS_MAX);
    bool is_now = playout->drain == PLAYOUT_DRAIN_NOW;

    while (is_now && jitter_has_next(jitter)) {
        if (playout->pending + packet_max > playout->capacity) {
            now += us_of(playout, playout->pending - tick);
            squeeze(playout);
        }
        fetch(playout, jitter, decoder, now, playout->pending + tick);
    }
    if (playout->pending > tick && (is_now || playout->pending < 2 * tick) &&
        !jitter_has_next(jitter))
        squeeze(playout);
}

/* ---- the tick ------------------------------------------------------------------------------- */

/* The first packet waits until its delay is what the target says, if it may. */
static bool may_start(const struct playout *playout, const struct jitter *jitter, sr_usec now)
{
    if (playout->is_started || !jitter_is_started(jitter))
        return playout->is_started;
    return (playout->is_eager && jitter_has_next(jitter)) ||
           jitter_delay_us(jitter, now) >= jitter_target_us(jitter);
}

enum playout_what playout_tick(struct playout *playout, struct jitter *jitter,
                               const struct playout_decoder *decoder, sr_usec now, float *out)
{
    size_t tick = playout->options.tick_samples;
    uint64_t silence = playout->stats.silence_samples;
    uint64_t concealed = playout->stats.concealed_samples;

    playout->stats.ticks++;
    playout->is_broken = false;
    if (!may_start(playout, jitter, now)) {
        memset(out, 0, tick * sizeof(float));
        playout->stats.silence_samples += tick;
        return PLAYOUT_SILENCE;
    }
    for (int i = 0; playout->pending < tick; i++) {
        if (i >= FETCH_MAX)
            conceal(playout, decoder, tick - playout->pending);
        else
            fetch(playout, jitter, decoder, now, tick);
    }
    if (!playout->is_broken)
        playout->stats.delay_us = jitter_delay_us(jitter, now + us_of(playout, playout->pending));
    steer(playout, jitter, decoder, now);
    if (playout->drain != PLAYOUT_DRAIN_OFF)
        drain(playout, jitter, decoder, now);
    memcpy(out, pending_of(playout), tick * sizeof(float));
    memmove(playout->pcm, playout->pcm + tick,
            (playout->history + playout->pending - tick) * sizeof(float));
    playout->pending -= tick;
    if (playout->stats.silence_samples - silence >= tick && playout->gap == GAP_SILENCE &&
        playout->gap_samples >= tick + ms_samples(playout, FADE_SILENCE_MS))
        return PLAYOUT_SILENCE;
    return playout->stats.concealed_samples > concealed ? PLAYOUT_CONCEALED : PLAYOUT_AUDIO;
}

sr_usec playout_delay_us(const struct playout *playout)
{
    return playout->stats.delay_us;
}

bool playout_is_drained(const struct playout *playout, const struct jitter *jitter)
{
    return playout->pending == 0 && !jitter_has_next(jitter);
}

void playout_set_eager(struct playout *playout, bool is_wanted)
{
    playout->is_eager = is_wanted;
}

bool playout_is_started(const struct playout *playout)
{
    return playout->is_started;
}

void playout_set_drain(struct playout *playout, enum playout_drain drain)
{
    playout->drain = drain;
}

void playout_stats_get(const struct playout *playout, struct playout_stats *ret_stats)
{
    *ret_stats = playout->stats;
}

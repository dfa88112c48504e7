#include "media/jitter.h"

#include "media/rtp.h"

enum {
    BIN_US = 4000,
    BIN_COUNT = 256,
    WINDOW_US = 5000000,    /* the fastest packet of the last one or two windows is the base */
    NOW_US = 500000,        /* the same for what the way is like now */
    DRIFT_POINT_COUNT = 24, /* two minutes */
    DRIFT_POINT_MIN = 4,
    START_TARGET_US = 20000, /* until there is something to judge by */
    START_PACKETS = 20,
    STALL_GAP_US = 80000,   /* nothing for so long, then late: the source stalled */
    STALL_ABOVE_US = 60000, /* later than the target by this */
    STALL_OVER_US = 40000,
    STALL_PACKETS_MAX = 96, /* longer than a burst: the path has changed */
    EVEN_RUN_MIN = 3,       /* evenly spaced packets that end a stall */
    EVEN_RUN_MAX = 500,     /* stalls further apart have nothing to do with each other */
    MISFIT_US = 2000000,    /* timestamp against arrival: the timestamps began anew */
    DROP_US = 10000,
    RESTART_SEQ = 1000,
    RATIO_RUN = 8,
    SILENCE_UNKNOWN_US = 1000000,
    PTIME_US_MIN = 2500,
    PTIME_US_MAX = 120000,
};

#define FORGET 0.9985 /* per packet: about 13 s of 20 ms packets */
#define QUANTILE 0.98

struct slot {
    int64_t ts;
    uint32_t bytes;
    uint16_t seq;
    uint8_t kind;
    bool is_used;
};

struct histogram {
    double bins[BIN_COUNT];
    double total, weight; /* weight of the next packet grows: older ones fade */
    double shift_us;      /* base moved by less than a bin */
    uint32_t packets;
    sr_usec quantile_us;
};

struct jitter {
    struct jitter_options options;
    struct slot *slots;
    uint8_t *payloads;
    uint32_t clock_hz; /* in force; differs from the option when the stream shows another */
    uint32_t waiting;
    bool is_started, is_playing, is_silent;
    uint32_t ssrc;
    uint16_t next_seq;
    int64_t next_ts; /* unwrapped, in timestamp units */
    uint16_t newest_seq;
    int64_t newest_ts;
    uint32_t newest_raw_ts;
    sr_usec arrived_at;
    sr_usec ptime_us;
    int64_t taken_ts;
    uint16_t taken_seq;
    bool has_taken;
    double ratio; /* timestamp step over true duration, run of equal ones */
    uint32_t ratio_run;

    bool has_base;
    sr_usec window_at, window_min, previous_min, base_us;
    sr_usec now_at, now_min, now_before; /* the same of the last second */
    int64_t way_ts; /* what was sent before this came by a longer way than there is now */
    struct {
        sr_usec at, min;
    } drift[DRIFT_POINT_COUNT];
    uint32_t drift_count, drift_next;

    bool is_stalled, has_stalled;
    uint32_t stall_packets, even_run, even_wanted;
    sr_usec extra_us;
    struct histogram histogram;
    struct jitter_stats stats;
};

static void apply_defaults(struct jitter_options *options)
{
    if (options->slot_count == 0)
        options->slot_count = JITTER_SLOT_COUNT_DEFAULT;
    if (options->slot_bytes == 0)
        options->slot_bytes = JITTER_SLOT_BYTES_DEFAULT;
    if (options->ptime_us == 0)
        options->ptime_us = 20000;
    if (options->target_min_us == 0)
        options->target_min_us = 5000;
    if (options->target_max_us == 0)
        options->target_max_us = 800000;
    SR_ASSERT(options->clock_hz > 0 && options->slot_count <= JITTER_SLOT_COUNT_MAX);
    SR_ASSERT((options->slot_count & (options->slot_count - 1)) == 0);
    SR_ASSERT(options->slot_bytes <= JITTER_SLOT_BYTES_MAX);
    SR_ASSERT(options->target_min_us <= options->target_max_us);
}

size_t jitter_bytes(const struct jitter_options *options)
{
    struct jitter_options full = *options;

    apply_defaults(&full);
    return sizeof(struct jitter) + full.slot_count * (sizeof(struct slot) + full.slot_bytes);
}

static sr_usec us_of(const struct jitter *jitter, int64_t units)
{
    return rtp_us_from_units(units, jitter->clock_hz);
}

static int64_t units_of(const struct jitter *jitter, sr_usec us)
{
    return rtp_units_from_us(us, jitter->clock_hz);
}

void jitter_reset(struct jitter *jitter)
{
    struct jitter fresh = {.options = jitter->options,
                           .slots = jitter->slots,
                           .payloads = jitter->payloads,
                           .clock_hz = jitter->options.clock_hz,
                           .ptime_us = jitter->options.ptime_us,
                           .even_wanted = EVEN_RUN_MIN,
                           .stats = jitter->stats};

    fresh.histogram.weight = 1;
    *jitter = fresh;
    memset(jitter->slots, 0, jitter->options.slot_count * sizeof(struct slot));
}

struct jitter *jitter_init(void *memory, const struct jitter_options *options)
{
    struct jitter *jitter = memory;

    memset(jitter, 0, sizeof(*jitter));
    jitter->options = *options;
    apply_defaults(&jitter->options);
    jitter->slots = (struct slot *)(void *)(jitter + 1);
    jitter->payloads = (uint8_t *)(jitter->slots + jitter->options.slot_count);
    jitter_reset(jitter);
    return jitter;
}

static struct slot *slot_of(const struct jitter *jitter, uint16_t seq)
{
    return &jitter->slots[seq & (jitter->options.slot_count - 1)];
}

static uint8_t *payload_of(const struct jitter *jitter, const struct slot *slot)
{
    return jitter->payloads + (size_t)(slot - jitter->slots) * jitter->options.slot_bytes;
}

static void free_slot(struct jitter *jitter, struct slot *slot)
{
    slot->is_used = false;
    jitter->waiting--;
}

/* ---- delay: base, histogram, drift ---------------------------------------------------------- */

static void histogram_rescale(struct histogram *histogram)
{
    for (size_t i = 0; i < BIN_COUNT; i++)
        histogram->bins[i] /= histogram->weight;
    histogram->total /= histogram->weight;
    histogram->weight = 1;
}

static void histogram_add(struct histogram *histogram, sr_usec delay_us)
{
    sr_usec bin = SR_MAX(delay_us, 0) / BIN_US;

    histogram->weight /= FORGET;
    if (histogram->weight > 1e9)
        histogram_rescale(histogram);
    histogram->bins[SR_MIN(bin, BIN_COUNT - 1)] += histogram->weight;
    histogram->total += histogram->weight;
    histogram->packets++;
}

/* Total is the sum of all weights ever; old ones have faded against the newest. */
static void histogram_judge(struct histogram *histogram)
{
    double tail = histogram->total * (1 - QUANTILE), above = 0;
    size_t i = BIN_COUNT;

    while (i > 0 && above + histogram->bins[i - 1] <= tail)
        above += histogram->bins[--i];
    histogram->quantile_us = (sr_usec)i * BIN_US;
}

/* The base rose by `up_us`: delays measured from the old one are shorter by that. */
static void histogram_shift(struct histogram *histogram, sr_usec up_us)
{
    size_t bins;

    histogram->shift_us += (double)up_us;
    if (histogram->shift_us < BIN_US)
        return;
    bins = (size_t)(histogram->shift_us / BIN_US);
    histogram->shift_us -= (double)bins * BIN_US;
    bins = SR_MIN(bins, BIN_COUNT - 1);
    for (size_t i = 1; i <= bins; i++)
        histogram->bins[0] += histogram->bins[i];
    memmove(&histogram->bins[1], &histogram->bins[1 + bins],
            (BIN_COUNT - 1 - bins) * sizeof(histogram->bins[0]));
    memset(&histogram->bins[BIN_COUNT - bins], 0, bins * sizeof(histogram->bins[0]));
}

static void add_drift_point(struct jitter *jitter, sr_usec at, sr_usec min)
{
    jitter->drift[jitter->drift_next].at = at;
    jitter->drift[jitter->drift_next].min = min;
    jitter->drift_next = (jitter->drift_next + 1) % DRIFT_POINT_COUNT;
    jitter->drift_count = SR_MIN(jitter->drift_count + 1, (uint32_t)DRIFT_POINT_COUNT);
}

/* Slope of the windows' fastest transits by least squares. */
static double drift_ppm(const struct jitter *jitter)
{
    double mean_t = 0, mean_x = 0, above = 0, below = 0;
    uint32_t n = jitter->drift_count;

    if (n < DRIFT_POINT_MIN)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        mean_t += (double)(jitter->drift[i].at - jitter->drift[0].at) / n;
        mean_x += (double)(jitter->drift[i].min - jitter->drift[0].min) / n;
    }
    for (uint32_t i = 0; i < n; i++) {
        double t = (double)(jitter->drift[i].at - jitter->drift[0].at) - mean_t;

        above += t * ((double)(jitter->drift[i].min - jitter->drift[0].min) - mean_x);
        below += t * t;
    }
    return below > 0 ? -1e6 * above / below : 0;
}

static void restart_base(struct jitter *jitter, sr_usec transit, sr_usec now)
{
    jitter->has_base = true;
    jitter->window_at = now;
    jitter->window_min = transit;
    jitter->previous_min = transit;
    jitter->base_us = transit;
    jitter->now_at = now;
    jitter->now_min = transit;
    jitter->now_before = transit;
    jitter->drift_count = 0;
    jitter->drift_next = 0;
}

/* Moves the base with one packet's transit. True when it fell at once by more than drift does. */
static bool follow_base(struct jitter *jitter, sr_usec transit, sr_usec now)
{
    sr_usec base, before = jitter->base_us;

    if (now - jitter->window_at >= WINDOW_US) {
        add_drift_point(jitter, jitter->window_at, jitter->window_min);
        jitter->previous_min = jitter->window_min;
        jitter->window_min = transit;
        jitter->window_at = now;
    }
    jitter->window_min = SR_MIN(jitter->window_min, transit);
    if (now - jitter->now_at >= NOW_US) {
        jitter->now_before = jitter->now_min;
        jitter->now_min = transit;
        jitter->now_at = now;
    }
    jitter->now_min = SR_MIN(jitter->now_min, transit);
    base = SR_MIN(jitter->window_min, jitter->previous_min);
    if (base > before)
        histogram_shift(&jitter->histogram, base - before);
    jitter->base_us = base;
    return base < before - DROP_US;
}

static sr_usec clamp_target(const struct jitter *jitter, sr_usec target)
{
    target = SR_MAX(target, (sr_usec)jitter->options.target_min_us);
    return SR_MIN(target, (sr_usec)jitter->options.target_max_us);
}

sr_usec jitter_target_us(const struct jitter *jitter)
{
    sr_usec target = jitter->histogram.quantile_us;

    if (jitter->histogram.packets < START_PACKETS)
        target = SR_MAX(target, START_TARGET_US);
    return clamp_target(jitter, target + jitter->extra_us);
}

/*
 * A source that stalls (radio, scheduling) and then delivers everything at once must not raise the
 * target for long: the packets are kept and played, and the delay is given back once packets come
 * evenly. If stalls repeat, the run of even packets between them says how long to wait for that.
 */
static void watch_stalls(struct jitter *jitter, sr_usec gap_us, sr_usec delay_us, bool has_dropped)
{
    sr_usec target = jitter_target_us(jitter);

    if (gap_us >= STALL_GAP_US && gap_us > 3 * jitter->ptime_us &&
        delay_us > target + STALL_ABOVE_US) {
        jitter->even_wanted = EVEN_RUN_MIN;
        if (jitter->has_stalled && jitter->even_run <= EVEN_RUN_MAX)
            jitter->even_wanted += 2 * jitter->even_run;
        jitter->is_stalled = true;
        jitter->has_stalled = true;
        jitter->stall_packets = 0;
        jitter->even_run = 0;
        jitter->stats.stalls++;
        return;
    }
    if (jitter->is_stalled) {
        jitter->stall_packets++;
        /* the tail of a burst still belongs to it */
        if ((delay_us < target + STALL_OVER_US && gap_us >= jitter->ptime_us / 4) ||
            jitter->stall_packets > STALL_PACKETS_MAX)
            jitter->is_stalled = false;
    }
    if (has_dropped)
        jitter->even_run = 0;
    else if (!jitter->is_stalled && gap_us >= jitter->ptime_us / 4 && jitter->even_run < UINT32_MAX)
        jitter->even_run++;
}

bool jitter_may_shrink(const struct jitter *jitter)
{
    return !jitter->is_stalled && jitter->even_run >= jitter->even_wanted;
}

static void measure(struct jitter *jitter, int64_t ts, bool is_newest, sr_usec now)
{
    sr_usec transit = now - us_of(jitter, ts), gap = now - jitter->arrived_at;
    bool has_dropped;

    if (!jitter->has_base)
        restart_base(jitter, transit, now);
    has_dropped = follow_base(jitter, transit, now);
    if (is_newest)
        watch_stalls(jitter, gap, transit - jitter->base_us, has_dropped);
    if (has_dropped)
        jitter->way_ts = ts;
    if (jitter->is_stalled || ts < jitter->way_ts)
        return;
    histogram_add(&jitter->histogram, transit - jitter->base_us);
    if (jitter->histogram.packets % 4 == 0)
        histogram_judge(&jitter->histogram);
}

/* ---- push ----------------------------------------------------------------------------------- */

static void drop_all(struct jitter *jitter)
{
    memset(jitter->slots, 0, jitter->options.slot_count * sizeof(struct slot));
    jitter->waiting = 0;
}

/* Begins anew at this packet; the media clock goes on where it was. */
static void begin_stream(struct jitter *jitter, const struct jitter_packet *packet)
{
    int64_t ts = jitter->is_started ? SR_MAX(jitter->newest_ts, jitter->next_ts) : 0;

    drop_all(jitter);
    jitter->is_started = true;
    jitter->is_silent = false;
    jitter->has_taken = false;
    jitter->ratio_run = 0;
    jitter->is_stalled = false;
    jitter->even_run = 0;
    jitter->ssrc = packet->ssrc;
    jitter->next_seq = packet->seq;
    jitter->next_ts = ts;
    jitter->newest_seq = packet->seq;
    jitter->newest_ts = ts;
    jitter->newest_raw_ts = packet->timestamp;
    jitter->arrived_at = packet->arrived_at;
    jitter->way_ts = INT64_MIN;
    restart_base(jitter, packet->arrived_at - us_of(jitter, ts), packet->arrived_at);
}

/* Timestamp on our unwrapped line. One that fits neither the line nor the clock on the wall is
 * replaced by what the sequence numbers say. */
static int64_t place_ts(struct jitter *jitter, const struct jitter_packet *packet, int step)
{
    int64_t ts = jitter->newest_ts + rtp_ts_diff(packet->timestamp, jitter->newest_raw_ts);
    sr_usec off = packet->arrived_at - us_of(jitter, ts) - jitter->base_us;

    if (off <= MISFIT_US && off >= -MISFIT_US)
        return ts;
    ts = jitter->newest_ts + units_of(jitter, step * jitter->ptime_us);
    if (step > 0) {
        sr_usec transit = packet->arrived_at - us_of(jitter, ts);

        off = transit - jitter->base_us;
        if (off > MISFIT_US || off < -MISFIT_US) {
            restart_base(jitter, transit, packet->arrived_at);
            jitter->even_run = 0;
        }
    }
    return ts;
}

/* Makes room for a packet further ahead than slots reach: the oldest go. */
static void drop_oldest(struct jitter *jitter, uint16_t seq)
{
    uint16_t first = (uint16_t)(seq - jitter->options.slot_count + 1);

    while (rtp_seq_diff(first, jitter->next_seq) > 0) {
        struct slot *slot = slot_of(jitter, jitter->next_seq);

        if (slot->is_used && slot->seq == jitter->next_seq) {
            jitter->next_ts = slot->ts + units_of(jitter, jitter->ptime_us);
            free_slot(jitter, slot);
        }
        jitter->next_seq++;
        jitter->stats.overflowed++;
    }
}

static void learn_ptime(struct jitter *jitter, int64_t ts, int step)
{
    sr_usec us = us_of(jitter, ts - jitter->newest_ts);

    if (step == 1 && !jitter->has_taken && us >= PTIME_US_MIN && us <= PTIME_US_MAX / 2)
        jitter->ptime_us = us;
}

static void store(struct jitter *jitter, const struct jitter_packet *packet, int64_t ts)
{
    struct slot *slot = slot_of(jitter, packet->seq);

    *slot = (struct slot){.ts = ts,
                          .bytes = (uint32_t)packet->payload_bytes,
                          .seq = packet->seq,
                          .kind = (uint8_t)packet->kind,
                          .is_used = true};
    jitter->waiting++;
    if (packet->payload_bytes > 0)
        memcpy(payload_of(jitter, slot), packet->payload, packet->payload_bytes);
}

static bool is_far(const struct jitter *jitter, const struct jitter_packet *packet)
{
    int step = rtp_seq_diff(packet->seq, jitter->newest_seq);

    return !jitter->is_started || packet->ssrc != jitter->ssrc || step > RESTART_SEQ ||
           step < -RESTART_SEQ;
}

enum jitter_push_result jitter_push(struct jitter *jitter, const struct jitter_packet *packet)
{
    bool is_restart = jitter->is_started && is_far(jitter, packet);
    struct slot *slot;
    int64_t ts;
    int step;

    if (packet->payload_bytes > jitter->options.slot_bytes) {
        jitter->stats.too_large++;
        return JITTER_TOO_LARGE;
    }
    jitter->stats.pushed++;
    if (is_far(jitter, packet))
        begin_stream(jitter, packet);
    jitter->stats.restarts += is_restart;
    slot = slot_of(jitter, packet->seq);
    if (slot->is_used && slot->seq == packet->seq) {
        jitter->stats.duplicates++;
        return JITTER_DUPLICATE;
    }
    step = rtp_seq_diff(packet->seq, jitter->newest_seq);
    /* an event keeps the timestamp of its start: it says nothing about time */
    ts = packet->kind == JITTER_SKIP ? jitter->newest_ts : place_ts(jitter, packet, step);
    if (packet->kind != JITTER_SKIP)
        measure(jitter, ts, step > 0, packet->arrived_at);
    if (step > 0) {
        if (packet->kind != JITTER_SKIP) {
            learn_ptime(jitter, ts, step);
            jitter->newest_ts = ts;
            jitter->newest_raw_ts = packet->timestamp;
        }
        jitter->newest_seq = packet->seq;
        jitter->arrived_at = packet->arrived_at;
    } else if (step < 0) {
        jitter->stats.reordered++;
    }
    if (rtp_seq_diff(packet->seq, jitter->next_seq) < 0) {
        if (jitter->is_playing ||
            rtp_seq_diff(jitter->newest_seq, packet->seq) >= (int)jitter->options.slot_count) {
            jitter->stats.late++;
            return JITTER_LATE;
        }
        jitter->next_seq = packet->seq;
        jitter->next_ts = ts;
    }
    drop_oldest(jitter, packet->seq);
    store(jitter, packet, ts);
    return is_restart ? JITTER_RESTARTED : JITTER_KEPT;
}

/* ---- get ------------------------------------------------------------------------------------ */

/*
 * A sender whose timestamps run at another rate than its payload type says (G.722 at 16000) shows
 * a constant ratio between timestamp step and decoded duration of neighbours.
 */
static void watch_clock(struct jitter *jitter, sr_usec duration_us, int64_t step_units)
{
    static const double known[] = {2, 3, 6, 0.5, 1.0 / 3, 1.0 / 6};
    double ratio = (double)us_of(jitter, step_units) / (double)duration_us;

    for (size_t i = 0; i < SR_ARRAY_LEN(known); i++) {
        if (ratio < known[i] * 0.99 || ratio > known[i] * 1.01)
            continue;
        jitter->ratio_run = jitter->ratio == known[i] ? jitter->ratio_run + 1 : 1;
        jitter->ratio = known[i];
        if (jitter->ratio_run < RATIO_RUN)
            return;
        jitter->clock_hz = (uint32_t)((double)jitter->clock_hz * known[i] + 0.5);
        jitter->ratio_run = 0;
        restart_base(jitter, jitter->arrived_at - us_of(jitter, jitter->newest_ts),
                     jitter->arrived_at);
        return;
    }
    jitter->ratio_run = 0;
    jitter->ratio = 1;
}

void jitter_took(struct jitter *jitter, sr_usec duration_us)
{
    if (duration_us < PTIME_US_MIN || duration_us > PTIME_US_MAX)
        return;
    jitter->ptime_us = duration_us;
    jitter->next_ts = jitter->taken_ts + units_of(jitter, duration_us);
}

sr_usec jitter_ptime_us(const struct jitter *jitter)
{
    return jitter->ptime_us;
}

sr_usec jitter_delay_us(const struct jitter *jitter, sr_usec play_at)
{
    return play_at - jitter->base_us - us_of(jitter, jitter->next_ts);
}

static void take(struct jitter *jitter, struct slot *slot, struct jitter_result *ret_result)
{
    bool is_next = jitter->has_taken && (uint16_t)(jitter->taken_seq + 1) == slot->seq;
    int64_t pause = is_next ? slot->ts - jitter->next_ts : 0;

    if (is_next && slot->kind == JITTER_AUDIO && !jitter->is_silent)
        watch_clock(jitter, jitter->ptime_us, slot->ts - jitter->taken_ts);
    jitter->has_taken = true;
    jitter->taken_seq = slot->seq;
    jitter->taken_ts = slot->ts;
    jitter->is_silent = slot->kind == JITTER_COMFORT;
    jitter->next_seq = (uint16_t)(slot->seq + 1);
    jitter->next_ts = slot->ts + units_of(jitter, jitter->ptime_us);
    jitter->stats.frames++;
    free_slot(jitter, slot);
    *ret_result = (struct jitter_result){.what = JITTER_FRAME,
                                         .kind = (enum jitter_kind)slot->kind,
                                         .payload = payload_of(jitter, slot),
                                         .payload_bytes = slot->bytes,
                                         .duration_us = jitter->ptime_us,
                                         .pause_us = us_of(jitter, SR_MAX(pause, 0))};
}

/* Waits with a talk spurt until its turn by the target. True: still silence. */
static bool wait_silence(struct jitter *jitter, const struct slot *slot, sr_usec play_at,
                         struct jitter_result *ret_result)
{
    int64_t gap_units = slot->ts - jitter->next_ts;
    sr_usec due;

    if (gap_units <= units_of(jitter, SR_MAX(jitter->ptime_us / 2, PTIME_US_MIN)))
        return false;
    due = jitter->base_us + us_of(jitter, slot->ts) + jitter_target_us(jitter);
    if (play_at >= due || jitter->waiting + 2 >= jitter->options.slot_count)
        return false;
    *ret_result = (struct jitter_result){.what = JITTER_SILENCE, .duration_us = due - play_at};
    return true;
}

/* The packet is not here but later ones are. True: something to conceal. */
static bool give_up(struct jitter *jitter, struct jitter_result *ret_result)
{
    int64_t ptime = units_of(jitter, jitter->ptime_us), gap;
    uint16_t seq = (uint16_t)(jitter->next_seq + 1);
    struct slot *next;
    int missing = 1;

    while (next = slot_of(jitter, seq), !next->is_used || next->seq != seq) {
        seq++;
        missing++;
        SR_ASSERT(missing <= (int)jitter->options.slot_count);
    }
    jitter->next_seq++;
    gap = next->ts - jitter->next_ts;
    if (next->kind == JITTER_SKIP || jitter->is_silent || gap <= 0)
        return false;
    jitter->stats.missing++;
    gap = SR_MIN(gap / missing, ptime);
    jitter->next_ts += gap;
    *ret_result = (struct jitter_result){.what = JITTER_LOST, .duration_us = us_of(jitter, gap)};
    if (missing == 1 && next->kind == JITTER_AUDIO) {
        ret_result->has_fec = true;
        ret_result->payload = payload_of(jitter, next);
        ret_result->payload_bytes = next->bytes;
    }
    return gap > 0;
}

void jitter_get(struct jitter *jitter, sr_usec play_at, struct jitter_result *ret_result)
{
    *ret_result = (struct jitter_result){.what = JITTER_EMPTY};
    if (!jitter->is_started)
        return;
    jitter->is_playing = true;
    while (jitter->waiting > 0) {
        struct slot *slot = slot_of(jitter, jitter->next_seq);

        if (!slot->is_used || slot->seq != jitter->next_seq) {
            if (give_up(jitter, ret_result))
                return;
        } else if (slot->kind == JITTER_SKIP) {
            free_slot(jitter, slot);
            jitter->next_seq++;
            jitter->is_silent = true;
        } else {
            if (!wait_silence(jitter, slot, play_at, ret_result))
                take(jitter, slot, ret_result);
            return;
        }
    }
    if (jitter->is_silent)
        *ret_result =
            (struct jitter_result){.what = JITTER_SILENCE, .duration_us = SILENCE_UNKNOWN_US};
}

void jitter_set_extra_us(struct jitter *jitter, sr_usec extra_us)
{
    jitter->extra_us = extra_us;
}

bool jitter_is_started(const struct jitter *jitter)
{
    return jitter->is_started;
}

bool jitter_has_next(const struct jitter *jitter)
{
    const struct slot *slot = slot_of(jitter, jitter->next_seq);

    return jitter->is_started && slot->is_used && slot->seq == jitter->next_seq &&
           slot->kind == JITTER_AUDIO;
}

void jitter_stats_get(const struct jitter *jitter, struct jitter_stats *ret_stats)
{
    *ret_stats = jitter->stats;
    ret_stats->rise_us =
        SR_MAX(SR_MIN(jitter->now_min, jitter->now_before) - jitter->base_us, (sr_usec)0);
    ret_stats->target_us = clamp_target(jitter, jitter_target_us(jitter) - ret_stats->rise_us);
    ret_stats->depth_us =
        jitter->waiting == 0
            ? 0
            : us_of(jitter, jitter->newest_ts - jitter->next_ts) + jitter->ptime_us;
    ret_stats->drift_ppm = drift_ppm(jitter);
}

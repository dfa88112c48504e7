/**
 * @file tone.c  Patterns of ITU-T E.180 supplement 2, and the generator.
 */
#include "media/tone.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* each sine about -13 dBm0, as most administrations ask */
#define PROGRESS_LEVEL 0.16f
#define DTMF_LEVEL 0.3f
#define EDGE_MS 3

#define PATTERN(count, repeat, ...)                                                                \
    {                                                                                              \
        .segment_count = (count), .repeat_from = (repeat), .level = PROGRESS_LEVEL,                \
        .segments = {__VA_ARGS__},                                                                 \
    }
#define ON(a, b, length)                                                                           \
    {                                                                                              \
        .hz = {(a), (b)}, .ms = (length)                                                           \
    }
#define OFF(length)                                                                                \
    {                                                                                              \
        .ms = (length)                                                                             \
    }

struct country {
    const char *codes[3];
    struct tone_pattern dial, ringback, busy, congestion, waiting;
};

static const struct country countries[] = {
    /* the ITU's recommendation, for everyone who is not below */
    {{""},
     PATTERN(1, 0, ON(425, 0, 0)),
     PATTERN(2, 0, ON(425, 0, 1000), OFF(4000)),
     PATTERN(2, 0, ON(425, 0, 500), OFF(500)),
     PATTERN(2, 0, ON(425, 0, 250), OFF(250)),
     PATTERN(4, 0, ON(425, 0, 200), OFF(600), ON(425, 0, 200), OFF(5000))},
    {{"US", "CA"},
     PATTERN(1, 0, ON(350, 440, 0)),
     PATTERN(2, 0, ON(440, 480, 2000), OFF(4000)),
     PATTERN(2, 0, ON(480, 620, 500), OFF(500)),
     PATTERN(2, 0, ON(480, 620, 250), OFF(250)),
     PATTERN(2, 0, ON(440, 0, 300), OFF(9700))},
    {{"DE"},
     PATTERN(1, 0, ON(425, 0, 0)),
     PATTERN(2, 0, ON(425, 0, 1000), OFF(4000)),
     PATTERN(2, 0, ON(425, 0, 480), OFF(480)),
     PATTERN(2, 0, ON(425, 0, 240), OFF(240)),
     PATTERN(4, 0, ON(425, 0, 200), OFF(200), ON(425, 0, 200), OFF(5000))},
    {{"GB", "UK", "IE"},
     PATTERN(1, 0, ON(350, 440, 0)),
     PATTERN(4, 0, ON(400, 450, 400), OFF(200), ON(400, 450, 400), OFF(2000)),
     PATTERN(2, 0, ON(400, 0, 375), OFF(375)),
     PATTERN(4, 0, ON(400, 0, 400), OFF(350), ON(400, 0, 225), OFF(525)),
     PATTERN(2, 0, ON(400, 0, 100), OFF(2500))},
    {{"FR"},
     PATTERN(1, 0, ON(440, 0, 0)),
     PATTERN(2, 0, ON(440, 0, 1500), OFF(3500)),
     PATTERN(2, 0, ON(440, 0, 500), OFF(500)),
     PATTERN(2, 0, ON(440, 0, 250), OFF(250)),
     PATTERN(2, 0, ON(440, 0, 300), OFF(9700))},
    {{"AT"},
     PATTERN(1, 0, ON(420, 0, 0)),
     PATTERN(2, 0, ON(420, 0, 1000), OFF(5000)),
     PATTERN(2, 0, ON(420, 0, 400), OFF(400)),
     PATTERN(2, 0, ON(420, 0, 200), OFF(200)),
     PATTERN(2, 0, ON(420, 0, 40), OFF(1950))},
    {{"CH"},
     PATTERN(1, 0, ON(425, 0, 0)),
     PATTERN(2, 0, ON(425, 0, 1000), OFF(4000)),
     PATTERN(2, 0, ON(425, 0, 500), OFF(500)),
     PATTERN(2, 0, ON(425, 0, 200), OFF(200)),
     PATTERN(4, 0, ON(425, 0, 200), OFF(200), ON(425, 0, 200), OFF(4000))},
    {{"IT"},
     PATTERN(4, 0, ON(425, 0, 200), OFF(200), ON(425, 0, 600), OFF(1000)),
     PATTERN(2, 0, ON(425, 0, 1000), OFF(4000)),
     PATTERN(2, 0, ON(425, 0, 500), OFF(500)),
     PATTERN(2, 0, ON(425, 0, 200), OFF(200)),
     PATTERN(6, 0, ON(425, 0, 400), OFF(100), ON(425, 0, 250), OFF(100), ON(425, 0, 150),
             OFF(14000))},
    {{"ES"},
     PATTERN(1, 0, ON(425, 0, 0)),
     PATTERN(2, 0, ON(425, 0, 1500), OFF(3000)),
     PATTERN(2, 0, ON(425, 0, 200), OFF(200)),
     PATTERN(6, 0, ON(425, 0, 200), OFF(200), ON(425, 0, 200), OFF(200), ON(425, 0, 200), OFF(600)),
     PATTERN(4, 0, ON(425, 0, 175), OFF(175), ON(425, 0, 175), OFF(3500))},
    {{"AU"},
     PATTERN(1, 0, ON(413, 438, 0)),
     PATTERN(4, 0, ON(413, 438, 400), OFF(200), ON(413, 438, 400), OFF(2000)),
     PATTERN(2, 0, ON(425, 0, 375), OFF(375)),
     PATTERN(2, 0, ON(425, 0, 375), OFF(375)),
     PATTERN(4, 0, ON(425, 0, 200), OFF(200), ON(425, 0, 200), OFF(4400))},
};

/* ITU-T E.180 8.2 */
static const struct tone_pattern special_information =
    PATTERN(4, 0, ON(950, 0, 330), ON(1400, 0, 330), ON(1800, 0, 330), OFF(1000));
static const struct tone_pattern beep = PATTERN(1, TONE_REPEAT_NONE, ON(1000, 0, 500));

static const struct country *find_country(struct sr_str code)
{
    for (size_t i = 1; i < SR_ARRAY_LEN(countries); i++) {
        for (size_t j = 0; j < SR_ARRAY_LEN(countries[i].codes); j++) {
            if (countries[i].codes[j] != NULL && sr_str_ieq_c(code, countries[i].codes[j]))
                return &countries[i];
        }
    }
    return &countries[0];
}

void tone_pattern_find(struct sr_str country, enum tone_kind kind, struct tone_pattern *ret_pattern)
{
    const struct country *found = find_country(country);
    const struct tone_pattern *const by_kind[TONE_KIND_COUNT] = {
        [TONE_DIAL] = &found->dial,
        [TONE_RINGBACK] = &found->ringback,
        [TONE_BUSY] = &found->busy,
        [TONE_CONGESTION] = &found->congestion,
        [TONE_WAITING] = &found->waiting,
        [TONE_SIT] = &special_information,
        [TONE_BEEP] = &beep,
    };

    SR_ASSERT((unsigned)kind < TONE_KIND_COUNT);
    *ret_pattern = *by_kind[kind];
}

enum sr_err tone_pattern_dtmf(char digit, uint32_t on_ms, struct tone_pattern *ret_pattern)
{
    static const char keys[] = "123A456B789C*0#D";
    static const uint16_t rows_hz[] = {697, 770, 852, 941};
    static const uint16_t columns_hz[] = {1209, 1336, 1477, 1633};
    char upper = sr_is_alpha(digit) ? (char)(digit & ~0x20) : digit;
    const char *key = upper != '\0' ? strchr(keys, upper) : NULL;
    struct tone_segment both = {.ms = (uint16_t)SR_MIN(on_ms, UINT16_MAX)};

    if (key == NULL)
        return SR_ERR_SYNTAX;
    both.hz[0] = rows_hz[(key - keys) / 4];
    both.hz[1] = columns_hz[(key - keys) % 4];
    *ret_pattern = (struct tone_pattern){
        .segment_count = 1,
        .repeat_from = TONE_REPEAT_NONE,
        .level = DTMF_LEVEL,
        .segments = {both},
    };
    return SR_OK;
}

void tone_pattern_sine(uint16_t hz, float level, struct tone_pattern *ret_pattern)
{
    *ret_pattern = (struct tone_pattern){
        .segment_count = 1,
        .repeat_from = TONE_REPEAT_NONE,
        .level = level,
        .segments = {{.hz = {hz}}},
    };
}

static bool is_silent(const struct tone_segment *segment)
{
    return segment->hz[0] == 0 && segment->hz[1] == 0 && segment->hz[2] == 0;
}

static void enter_segment(struct tone *tone, uint8_t index)
{
    tone->segment_index = index;
    tone->segment_samples = tone->rate_hz / 1000 * tone->pattern.segments[index].ms;
    tone->segment_done = 0;
}

/** Index of the segment after this one, or segment_count when there is none. */
static uint8_t next_index(const struct tone *tone)
{
    uint8_t next = (uint8_t)(tone->segment_index + 1);

    if (next < tone->pattern.segment_count)
        return next;
    return tone->pattern.repeat_from < tone->pattern.segment_count ? tone->pattern.repeat_from
                                                                   : tone->pattern.segment_count;
}

void tone_init(struct tone *tone, const struct tone_pattern *pattern, uint32_t rate_hz)
{
    SR_ASSERT(pattern->segment_count > 0 && pattern->segment_count <= TONE_SEGMENTS_MAX);
    SR_ASSERT(rate_hz >= 8000 && rate_hz <= 48000 && rate_hz % 1000 == 0);
    *tone = (struct tone){.pattern = *pattern, .rate_hz = rate_hz};
    enter_segment(tone, 0);
}

/** Adds one sine and moves its phase on. */
static void add_sine(struct tone *tone, size_t sine, uint16_t hz, float *out, size_t samples)
{
    /* turns per sample in units of 2^-64; whole numbers of hertz stay exact for hours */
    uint64_t step = UINT64_MAX / tone->rate_hz * hz;
    double angle = (double)tone->phase[sine] * (2.0 * pi / 18446744073709551616.0);
    double turn = 2.0 * pi * (double)hz / (double)tone->rate_hz;
    double im = sin(angle) * (double)tone->pattern.level;
    double re = cos(angle) * (double)tone->pattern.level;
    double turn_im = sin(turn);
    double turn_re = cos(turn);

    for (size_t i = 0; i < samples; i++) {
        double next = re * turn_re - im * turn_im;

        out[i] += (float)im;
        im = re * turn_im + im * turn_re;
        re = next;
    }
    tone->phase[sine] += step * samples;
}

/** Softens the edges: up towards 1, and down to 0 before silence, the end, or a stop. */
static void shape_edges(struct tone *tone, float *out, size_t samples)
{
    uint8_t next = next_index(tone);
    bool is_falling_at_end =
        tone->segment_samples > 0 &&
        (next == tone->pattern.segment_count || is_silent(&tone->pattern.segments[next]));
    uint32_t edge_samples = tone->rate_hz / 1000 * EDGE_MS;
    float step = 1.0f / (float)edge_samples;

    for (size_t i = 0; i < samples; i++) {
        uint32_t left = tone->segment_samples - tone->segment_done - (uint32_t)i;
        bool is_falling = tone->is_stopping || (is_falling_at_end && left <= edge_samples);

        tone->edge += is_falling ? -step : step;
        tone->edge = tone->edge < 0.0f ? 0.0f : tone->edge > 1.0f ? 1.0f : tone->edge;
        out[i] *= tone->edge;
    }
}

/** At most `samples` samples, none of them beyond the current segment. */
static size_t run_segment(struct tone *tone, float *out, size_t samples)
{
    const struct tone_segment *segment = &tone->pattern.segments[tone->segment_index];
    size_t count = samples;

    if (tone->segment_samples > 0)
        count = SR_MIN(count, (size_t)(tone->segment_samples - tone->segment_done));
    memset(out, 0, count * sizeof(*out));
    if (is_silent(segment)) {
        tone->edge = 0.0f;
    } else {
        for (size_t i = 0; i < TONE_SINES_MAX; i++) {
            if (segment->hz[i] != 0)
                add_sine(tone, i, segment->hz[i], out, count);
        }
        shape_edges(tone, out, count);
    }
    if (tone->segment_samples > 0)
        tone->segment_done += (uint32_t)count;
    return count;
}

bool tone_run(struct tone *tone, float *out, size_t samples)
{
    bool was_over = tone->is_over;

    while (samples > 0 && !tone->is_over) {
        size_t count = run_segment(tone, out, samples);

        out += count;
        samples -= count;
        if (tone->is_stopping && tone->edge <= 0.0f)
            tone->is_over = true;
        if (tone->segment_samples > 0 && tone->segment_done == tone->segment_samples) {
            uint8_t next = next_index(tone);

            if (next == tone->pattern.segment_count)
                tone->is_over = true;
            else
                enter_segment(tone, next);
        }
    }
    memset(out, 0, samples * sizeof(*out));
    return !was_over;
}

void tone_stop(struct tone *tone)
{
    tone->is_stopping = true;
}

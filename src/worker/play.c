#include "worker/play.h"

#include <string.h>

#include "base/alloc.h"

enum {
    PLAY_RATE_MAX = 48000,
    PLAY_FRAME_MAX = PLAY_RATE_MAX / 1000 * PLAY_FRAME_MS,
};

struct play *play_new(const struct media_play_options *options)
{
    struct play *play = sr_zalloc(1, sizeof(*play));

    SR_ASSERT((options->clip != NULL) != (options->feed != NULL));
    play->options = *options;
    if (play->options.gain == 0.0f)
        play->options.gain = 1.0f;
    if (options->clip != NULL) {
        (void)media_clip_ref(options->clip);
        play->rate_hz = options->clip->rate_hz;
    } else {
        (void)media_feed_ref(options->feed);
        play->rate_hz = media_feed_rate(options->feed);
    }
    return play;
}

void play_free(struct play *play)
{
    if (play == NULL)
        return;
    if (play->options.feed != NULL)
        media_feed_close(play->options.feed);
    media_feed_unref(play->options.feed);
    media_clip_unref(play->options.clip);
    sr_free(play);
}

void play_stop(struct play *play, enum media_play_end end)
{
    if (play->is_stopping || play->is_over)
        return;
    play->end = end;
    play->is_stopping = true;
    play->is_over = play->level <= 0.0f;
}

uint32_t play_ms(const struct play *play)
{
    return (uint32_t)(play->played * 1000 / play->rate_hz);
}

uint32_t play_starved_ms(const struct play *play)
{
    return (uint32_t)(play->starved * 1000 / play->rate_hz);
}

/* ---- the source ---- */

/* Samples until the end, or -1: not known, or never. */
static int64_t source_left(const struct play *play)
{
    bool is_ended;
    size_t count;

    if (play->options.clip != NULL) {
        if (play->options.is_looping && play->options.clip->sample_count > 0)
            return -1;
        return (int64_t)(play->options.clip->sample_count - play->at);
    }
    count = media_feed_count(play->options.feed, &is_ended);
    return is_ended ? (int64_t)count : -1;
}

static size_t read_clip(struct play *play, int16_t *out, size_t n)
{
    const struct media_clip *clip = play->options.clip;
    size_t done = 0;

    while (done < n && clip->sample_count > 0) {
        size_t part = SR_MIN(n - done, clip->sample_count - play->at);

        memcpy(out + done, clip->samples + play->at, part * sizeof(*out));
        play->at += part;
        done += part;
        if (play->at < clip->sample_count)
            continue;
        if (!play->options.is_looping)
            break;
        play->at = 0;
    }
    return done;
}

static void read_source(struct play *play, float *out, size_t n, int64_t left)
{
    int16_t samples[PLAY_FRAME_MAX];
    size_t got = play->options.clip != NULL ? read_clip(play, samples, n)
                                            : media_feed_read(play->options.feed, samples, n);

    for (size_t i = 0; i < got; i++)
        out[i] = (float)samples[i] * (1.0f / 32768.0f);
    memset(out + got, 0, (n - got) * sizeof(*out));
    play->played += got;
    if (left < 0)
        play->starved += n - got;
}

/* ---- the ramp ---- */

/* Shapes the source itself, before its rate is converted: a filter rings on what begins with a jump. */
static void shape(struct play *play, float *source, float *levels, size_t n, int64_t left)
{
    int64_t ramp_samples = play->rate_hz / 1000 * PLAY_RAMP_MS;
    float step = 1.0f / (float)ramp_samples;

    for (size_t i = 0; i < n; i++) {
        bool is_falling = play->is_stopping || (left >= 0 && (int64_t)i + ramp_samples >= left);

        if (is_falling)
            play->level = SR_MAX(play->level - step, 0.0f);
        else if (play->level < 1.0f)
            play->level = SR_MIN(play->level + step, 1.0f);
        source[i] *= play->options.gain * play->level;
        levels[i] = play->level;
    }
}

static bool is_past_end(struct play *play, int64_t left, size_t n)
{
    int64_t latency = resample_latency_us(&play->resample) * play->rate_hz / SR_SEC;

    if (play->is_stopping) /* the ramp is far shorter than a frame */
        return play->level <= 0.0f;
    if (!play->is_drained) {
        if (left < 0 || left > (int64_t)n)
            return false;
        play->is_drained = true;
        play->tail_left = left + latency;
    }
    play->tail_left -= (int64_t)n;
    return play->tail_left <= 0;
}

void play_run(struct play *play, uint32_t bus_hz, float *out, float *ramp)
{
    size_t n = bus_hz / 1000 * PLAY_FRAME_MS, source_n = play->rate_hz / 1000 * PLAY_FRAME_MS;
    float source[PLAY_FRAME_MAX], levels[PLAY_FRAME_MAX];
    int64_t left = source_left(play);

    if (play->bus_hz != bus_hz) {
        SR_ASSERT(resample_init(&play->resample, play->rate_hz, bus_hz, NULL) == SR_OK);
        play->bus_hz = bus_hz;
    }
    read_source(play, source, source_n, left);
    shape(play, source, levels, source_n, left);
    (void)resample_run(&play->resample, source, source_n, out);
    for (size_t i = 0; ramp != NULL && i < n; i++)
        ramp[i] = levels[i * source_n / n];
    play->is_over = is_past_end(play, left, source_n);
}

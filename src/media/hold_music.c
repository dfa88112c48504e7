/**
 * @file hold_music.c  Sixteen bars of broken chords under a slow melody, played twice with the
 *                     figure turned round the second time.
 */
#include "media/hold_music.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

enum {
    BARS = 16,
    STEPS_PER_BAR = 8,
    STEP_MS = 340,
    ATTACK_MS = 10,
    CHORD_NOTES = 3,
    MELODY_NOTES = 2,
};

struct bar {
    uint8_t bass;
    uint8_t chord[CHORD_NOTES];
    uint8_t melody[MELODY_NOTES]; /* on the first and the third beat; 0: rests */
};

/* MIDI numbers: 60 is middle C */
static const struct bar bars[BARS] = {
    {48, {60, 64, 67}, {76, 79}}, {45, {57, 60, 64}, {72, 0}},  {41, {57, 60, 65}, {69, 72}},
    {43, {59, 62, 67}, {74, 0}},  {48, {60, 64, 67}, {76, 72}}, {52, {59, 64, 67}, {79, 0}},
    {41, {57, 60, 65}, {81, 79}}, {43, {59, 62, 65}, {77, 74}}, {45, {57, 60, 64}, {72, 76}},
    {40, {55, 59, 64}, {71, 0}},  {41, {57, 60, 65}, {69, 72}}, {48, {55, 60, 64}, {67, 0}},
    {50, {57, 62, 65}, {74, 77}}, {43, {59, 62, 67}, {79, 74}}, {48, {60, 64, 67}, {72, 76}},
    {43, {55, 59, 65}, {71, 0}},
};
/* which chord note each step plucks; -1 none */
static const int8_t figure[2][STEPS_PER_BAR] = {
    {-1, 0, 1, 2, -1, 1, 2, 1},
    {-1, 2, 1, 0, -1, 2, 1, 2},
};

static void pluck(struct hold_music *music, uint8_t note, float level, float seconds)
{
    double hz = 440.0 * exp2(((double)note - 69.0) / 12.0);
    double turn = 2.0 * pi * hz / (double)music->rate_hz;
    struct hold_music_voice *voice = &music->voices[music->next_voice];

    music->next_voice = (music->next_voice + 1) % HOLD_MUSIC_VOICES;
    *voice = (struct hold_music_voice){
        .turn_sin = sin(turn),
        .turn_cos = cos(turn),
        .re = 1.0,
        .level = level,
        .fall = expf(-1.0f / (seconds * (float)music->rate_hz)),
    };
}

static void play_step(struct hold_music *music)
{
    uint32_t in_bar = music->step % STEPS_PER_BAR;
    uint32_t bar_index = music->step / STEPS_PER_BAR;
    const struct bar *bar = &bars[bar_index % BARS];
    int8_t chord_note = figure[bar_index / BARS % 2][in_bar];

    if (in_bar == 0)
        pluck(music, bar->bass, 0.10f, 1.2f);
    if (in_bar % 4 == 0 && bar->melody[in_bar / 4] != 0)
        pluck(music, bar->melody[in_bar / 4], 0.08f, 0.8f);
    if (chord_note >= 0)
        pluck(music, bar->chord[chord_note], 0.05f, 0.5f);
    music->step = (music->step + 1) % (2 * BARS * STEPS_PER_BAR);
    music->step_samples = music->rate_hz / 1000 * STEP_MS;
}

static void add_voice(struct hold_music_voice *voice, float attack_step, float *out, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        double next = voice->re * voice->turn_cos - voice->im * voice->turn_sin;

        out[i] += (float)voice->im * voice->level * voice->attack;
        voice->im = voice->re * voice->turn_sin + voice->im * voice->turn_cos;
        voice->re = next;
        voice->level *= voice->fall;
        voice->attack += attack_step;
        voice->attack = voice->attack > 1.0f ? 1.0f : voice->attack;
    }
}

void hold_music_init(struct hold_music *music, uint32_t rate_hz)
{
    SR_ASSERT(rate_hz >= 8000 && rate_hz <= 48000 && rate_hz % 1000 == 0);
    *music = (struct hold_music){.rate_hz = rate_hz};
}

void hold_music_run(struct hold_music *music, float *out, size_t samples)
{
    const float audible = 0.0003f;
    float attack_step = 1000.0f / (float)(ATTACK_MS * music->rate_hz);

    memset(out, 0, samples * sizeof(*out));
    while (samples > 0) {
        size_t count;

        if (music->step_samples == 0)
            play_step(music);
        count = SR_MIN(samples, (size_t)music->step_samples);
        for (size_t i = 0; i < HOLD_MUSIC_VOICES; i++) {
            if (music->voices[i].level > audible)
                add_voice(&music->voices[i], attack_step, out, count);
        }
        music->step_samples -= (uint32_t)count;
        out += count;
        samples -= count;
    }
}

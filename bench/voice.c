#include "voice.h"

#include "bench.h"
#include "sipmini.h"

#include <math.h>
#include <opus/opus.h>
#include <spandsp.h>
#include <stdlib.h>

enum {
    OPUS_HZ = 48000,
    OPUS_BITS_SEC = 24000,
    OPUS_COMPLEXITY = 5,
    HARMONICS = 24,
    FRAME_SAMPLES_MAX = OPUS_HZ / 1000 * VOICE_PTIME_MS,
};

static char kind_of(const char *codec)
{
    return mini_rtpmap(codec)[0] == 'o' ? 'O' : mini_rtpmap(codec)[0];
}

static unsigned rate_of(char kind)
{
    return kind == 'O' ? OPUS_HZ : kind == 'G' ? 16000 : 8000;
}

/* --- the signal ---------------------------------------------------------------------------------------- */

/** A voice's fundamental and overtones under two wandering formants, four syllables a second, a breath
    after each eight; a hiss where a consonant would be. */
static double speech_at(double seconds, unsigned rate, double *phase, uint32_t *noise)
{
    double syllable = fmod(seconds * 4, 8), part = syllable - floor(syllable);
    double pitch = 110 + 25 * sin(2 * M_PI * 0.4 * seconds) + 12 * sin(2 * M_PI * 1.7 * seconds);
    double first = 500 + 250 * sin(2 * M_PI * 0.9 * seconds);
    double second = 1500 + 600 * sin(2 * M_PI * 0.6 * seconds + 1);
    double sum = 0;
    *noise = *noise * 1664525u + 1013904223u;
    double hiss = (double)(int32_t)*noise / 2147483648.0;
    *phase = fmod(*phase + pitch / rate, 1);
    if (syllable >= 7)
        return 0.0002 * hiss;
    if (part < 0.15)
        return 0.05 * sin(M_PI * part / 0.15) * hiss;
    for (int k = 1; k <= HARMONICS && k * pitch < 0.45 * rate; k++) {
        double a = (k * pitch - first) / 180, b = (k * pitch - second) / 260;
        sum += (1 / (1 + a * a) + 0.5 / (1 + b * b)) * sin(2 * M_PI * k * *phase);
    }
    return 0.12 * sin(M_PI * (part - 0.15) / 0.85) * sum + 0.0002 * hiss;
}

/* --- encoding ----------------------------------------------------------------------------------------- */

struct encoder {
    char kind;
    OpusEncoder *opus;
    g722_encode_state_t *g722;
};

static void encoder_init(struct encoder *encoder, char kind, bool is_dtx)
{
    int err = 0;
    *encoder = (struct encoder){.kind = kind};
    if (kind == 'O')
        encoder->opus = opus_encoder_create(OPUS_HZ, 1, OPUS_APPLICATION_VOIP, &err);
    else if (kind == 'G')
        encoder->g722 = g722_encode_init(NULL, 64000, 0);
    if ((kind == 'O' && !encoder->opus) || (kind == 'G' && !encoder->g722))
        bench_die("no encoder");
    if (encoder->opus) {
        opus_encoder_ctl(encoder->opus, OPUS_SET_BITRATE(OPUS_BITS_SEC));
        opus_encoder_ctl(encoder->opus, OPUS_SET_COMPLEXITY(OPUS_COMPLEXITY));
        opus_encoder_ctl(encoder->opus, OPUS_SET_DTX(is_dtx));
    }
}

static void encode(struct encoder *encoder, const int16_t *pcm, int samples,
                   struct voice_frame *ret_frame)
{
    int n = 0;
    if (encoder->opus) {
        n = opus_encode(encoder->opus, pcm, samples, ret_frame->bytes, VOICE_BYTES_MAX);
        if (n <= 2)
            n = n < 0 ? -1 : 0; /* DTX: need not be sent */
    } else if (encoder->g722) {
        n = g722_encode(encoder->g722, ret_frame->bytes, pcm, samples);
    } else {
        for (n = 0; n < samples; n++)
            ret_frame->bytes[n] = linear_to_alaw(pcm[n]);
    }
    if (n < 0 || n > VOICE_BYTES_MAX)
        bench_die("a frame was not encoded: %d", n);
    ret_frame->n = (uint16_t)n;
}

static void encoder_free(struct encoder *encoder)
{
    if (encoder->opus)
        opus_encoder_destroy(encoder->opus);
    if (encoder->g722)
        g722_encode_free(encoder->g722);
}

const struct voice *voice_new(const char *codec, bool is_dtx)
{
    static int16_t pcm[FRAME_SAMPLES_MAX];
    char kind = kind_of(codec);
    unsigned rate = rate_of(kind), samples = rate / 1000 * VOICE_PTIME_MS;
    struct voice *voice = calloc(1, sizeof *voice);
    struct encoder speech, silence;
    double phase = 0;
    uint32_t noise = 1;
    if (!voice)
        bench_die("no memory");
    voice->codec = (uint8_t)kind;
    voice->frame_units = kind == 'O' ? 960 : 160; /* G.722's clock says 8000 (RFC 3551 4.5.2) */
    encoder_init(&speech, kind, false);
    encoder_init(&silence, kind, is_dtx);
    for (unsigned i = 0; i < VOICE_FRAMES; i++) {
        for (unsigned k = 0; k < samples; k++)
            pcm[k] = (int16_t)lrint(
                32000 * speech_at((double)(i * samples + k) / rate, rate, &phase, &noise));
        encode(&speech, pcm, (int)samples, &voice->speech[i]);
        for (unsigned k = 0; k < samples; k++)
            pcm[k] = 0;
        encode(&silence, pcm, (int)samples, &voice->silence[i]);
    }
    encoder_free(&speech);
    encoder_free(&silence);
    return voice;
}

/* --- listening ---------------------------------------------------------------------------------------- */

struct voice_ear {
    char kind;
    OpusDecoder *opus;
    g722_decode_state_t *g722;
    double energy;
    uint64_t samples;
};

struct voice_ear *voice_ear_new(const char *codec)
{
    struct voice_ear *ear = calloc(1, sizeof *ear);
    int err = 0;
    if (!ear)
        bench_die("no memory");
    ear->kind = kind_of(codec);
    if (ear->kind == 'O')
        ear->opus = opus_decoder_create(OPUS_HZ, 1, &err);
    else if (ear->kind == 'G')
        ear->g722 = g722_decode_init(NULL, 64000, 0);
    if ((ear->kind == 'O' && !ear->opus) || (ear->kind == 'G' && !ear->g722))
        bench_die("no decoder");
    return ear;
}

void voice_ear_take(struct voice_ear *ear, const uint8_t *payload, size_t n)
{
    static int16_t pcm[OPUS_HZ / 1000 * 120];
    int samples = 0;
    if (n > VOICE_BYTES_MAX * 4)
        return;
    if (ear->opus)
        samples = opus_decode(ear->opus, payload, (opus_int32)n, pcm, OPUS_HZ / 1000 * 120, 0);
    else if (ear->g722)
        samples = g722_decode(ear->g722, pcm, payload, (int)n);
    else
        for (; samples < (int)n; samples++)
            pcm[samples] = alaw_to_linear(payload[samples]);
    for (int i = 0; i < samples; i++)
        ear->energy += (double)pcm[i] * pcm[i] / (32768.0 * 32768.0);
    if (samples > 0)
        ear->samples += (uint64_t)samples;
}

double voice_ear_dbfs(const struct voice_ear *ear)
{
    double dbfs = ear->samples ? 10 * log10(ear->energy / (double)ear->samples + 1e-13) : -127;
    return dbfs < -127 ? -127 : dbfs;
}

void voice_ear_free(struct voice_ear *ear)
{
    if (ear->opus)
        opus_decoder_destroy(ear->opus);
    if (ear->g722)
        g722_decode_free(ear->g722);
    free(ear);
}

/**
 * @file codec_opus.c  Opus through libopus, mono, in the caller's memory; and its a=fmtp.
 *
 * libopus takes its states from opus_*_get_size() and keeps temporary arrays on the stack: nothing
 * is allocated. Stereo payloads are mixed down by the decoder itself.
 */
#include "media/codec_internal.h"

#include <opus.h>

enum {
    OPUS_FRAMES_MAX = 48,
    BITRATE_BPS_MIN = 6000,
    BITRATE_BPS_MAX = 510000,
    BITRATE_BPS_8K = 20000,
    BITRATE_BPS_16K = 28000,
    BITRATE_BPS_48K = 32000,
};

struct opus_codec_decoder {
    uint32_t rate_hz;
    uint32_t pad[3]; /* the library's state follows, aligned like this one */
};

struct opus_codec_encoder {
    uint32_t rate_hz;
    uint32_t pad[3];
};

static OpusDecoder *decoder_of(void *state)
{
    return (OpusDecoder *)(void *)((struct opus_codec_decoder *)state + 1);
}

static OpusEncoder *encoder_of(void *state)
{
    return (OpusEncoder *)(void *)((struct opus_codec_encoder *)state + 1);
}

static size_t decoder_bytes(uint32_t rate_hz)
{
    (void)rate_hz;
    return sizeof(struct opus_codec_decoder) + (size_t)opus_decoder_get_size(1);
}

static size_t encoder_bytes(uint32_t rate_hz)
{
    (void)rate_hz;
    return sizeof(struct opus_codec_encoder) + (size_t)opus_encoder_get_size(1);
}

static enum sr_err decoder_init(void *state, const struct codec_decoder_options *options)
{
    *(struct opus_codec_decoder *)state = (struct opus_codec_decoder){.rate_hz = options->rate_hz};
    if (opus_decoder_init(decoder_of(state), (opus_int32)options->rate_hz, 1) != OPUS_OK)
        return SR_ERR_UNSUPPORTED;
    return SR_OK;
}

static opus_int32 bitrate_of(const struct codec_tuning *tuning, uint32_t rate_hz)
{
    if (tuning->bitrate_bps == 0)
        return rate_hz <= 8000    ? BITRATE_BPS_8K
               : rate_hz <= 24000 ? BITRATE_BPS_16K
                                  : BITRATE_BPS_48K;
    return (opus_int32)SR_MAX(SR_MIN(tuning->bitrate_bps, (uint32_t)BITRATE_BPS_MAX),
                              (uint32_t)BITRATE_BPS_MIN);
}

static opus_int32 bandwidth_of(uint32_t sample_rate_hz)
{
    if (sample_rate_hz == 0 || sample_rate_hz > 24000)
        return OPUS_BANDWIDTH_FULLBAND;
    if (sample_rate_hz > 16000)
        return OPUS_BANDWIDTH_SUPERWIDEBAND;
    if (sample_rate_hz > 12000)
        return OPUS_BANDWIDTH_WIDEBAND;
    return sample_rate_hz > 8000 ? OPUS_BANDWIDTH_MEDIUMBAND : OPUS_BANDWIDTH_NARROWBAND;
}

static void tune(void *state, const struct codec_tuning *tuning)
{
    OpusEncoder *encoder = encoder_of(state);
    uint32_t rate_hz = ((struct opus_codec_encoder *)state)->rate_hz;
    opus_int32 complexity = SR_MAX(SR_MIN(tuning->complexity, CODEC_COMPLEXITY_MAX), 0);
    opus_int32 loss_pct = SR_MIN(tuning->loss_pct, 100);

    /* all values are in range, so none of these can be refused */
    (void)opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(complexity));
    (void)opus_encoder_ctl(encoder, OPUS_SET_BITRATE(bitrate_of(tuning, rate_hz)));
    (void)opus_encoder_ctl(encoder, OPUS_SET_VBR(tuning->cbr_wanted ? 0 : 1));
    (void)opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(tuning->fec_wanted ? 1 : 0));
    (void)opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(loss_pct));
    (void)opus_encoder_ctl(encoder, OPUS_SET_DTX(tuning->dtx_wanted ? 1 : 0));
    (void)opus_encoder_ctl(encoder, OPUS_SET_MAX_BANDWIDTH(bandwidth_of(tuning->bandwidth_hz)));
}

static enum sr_err encoder_init(void *state, const struct codec_encoder_options *options)
{
    OpusEncoder *encoder = encoder_of(state);

    *(struct opus_codec_encoder *)state = (struct opus_codec_encoder){.rate_hz = options->rate_hz};
    if (opus_encoder_init(encoder, (opus_int32)options->rate_hz, 1, OPUS_APPLICATION_VOIP) !=
        OPUS_OK)
        return SR_ERR_UNSUPPORTED;
    (void)opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    tune(state, options->tuning);
    return SR_OK;
}

static size_t payload_samples(const uint8_t *payload, size_t bytes, uint32_t rate_hz)
{
    const unsigned char *frames[OPUS_FRAMES_MAX];
    opus_int16 sizes[OPUS_FRAMES_MAX];
    unsigned char toc;
    int offset;
    int samples;

    if (bytes > INT32_MAX ||
        opus_packet_parse(payload, (opus_int32)bytes, &toc, frames, sizes, &offset) < 1)
        return 0;
    samples = opus_packet_get_nb_samples(payload, (opus_int32)bytes, (opus_int32)rate_hz);
    return samples > 0 ? (size_t)samples : 0;
}

static enum sr_err decode_as(void *state, struct sr_str payload, float *out, size_t samples,
                             int fec)
{
    int got = opus_decode_float(decoder_of(state), (const unsigned char *)payload.p,
                                (opus_int32)payload.n, out, (int)samples, fec);

    return got == (int)samples ? SR_OK : SR_ERR_SYNTAX;
}

static enum sr_err decode(void *state, const uint8_t *payload, size_t bytes, float *out,
                          size_t samples)
{
    return decode_as(state, sr_str_make((const char *)payload, bytes), out, samples, 0);
}

static enum sr_err decode_fec(void *state, const uint8_t *payload, size_t bytes, float *out,
                              size_t samples)
{
    return decode_as(state, sr_str_make((const char *)payload, bytes), out, samples, 1);
}

static void conceal(void *state, float *out, size_t samples)
{
    if (decode_as(state, sr_str_make(NULL, 0), out, samples, 0) != SR_OK)
        memset(out, 0, samples * sizeof(*out));
}

/* RFC 6716 4.2.3: SILK frames begin with a speech flag per 20 ms and one redundancy flag */
static bool payload_has_fec(const uint8_t *payload, size_t bytes)
{
    const unsigned char *frames[OPUS_FRAMES_MAX];
    opus_int16 sizes[OPUS_FRAMES_MAX];
    unsigned char toc;
    int offset;
    int speech_flags;
    bool is_celt = (payload[0] & 0x80) != 0;
    bool is_stereo = (payload[0] & 0x04) != 0;

    if (is_celt || bytes > INT32_MAX ||
        opus_packet_parse(payload, (opus_int32)bytes, &toc, frames, sizes, &offset) < 1 ||
        sizes[0] < 1)
        return false;
    speech_flags = opus_packet_get_samples_per_frame(payload, 48000) / 960;
    speech_flags = SR_MAX(speech_flags, 1);
    return ((frames[0][0] >> (7 - speech_flags)) & 1) != 0 ||
           (is_stereo && ((frames[0][0] >> (6 - 2 * speech_flags)) & 1) != 0);
}

static enum sr_err encode(void *state, const float *pcm, size_t samples, uint8_t *out,
                          size_t *bytes)
{
    opus_int32 room = (opus_int32)SR_MIN(*bytes, (size_t)CODEC_PAYLOAD_BYTES_MAX);
    opus_int32 got = opus_encode_float(encoder_of(state), pcm, (int)samples, out, room);

    if (got < 1)
        return SR_ERR_LIMIT; /* arguments are checked: only the room can be too small */
    *bytes = (size_t)got;
    return SR_OK;
}

static bool has_ptime(uint32_t ptime_ms)
{
    return ptime_ms == 10 || ptime_ms == 20 || ptime_ms == 40 || ptime_ms == 60;
}

static void look_back(void *state, bool is_wanted)
{
    (void)opus_encoder_ctl(encoder_of(state), OPUS_SET_PREDICTION_DISABLED(is_wanted ? 0 : 1));
}

const struct codec_ops codec__ops_opus = {
    .id = CODEC_OPUS,
    .sdp_name = "opus",
    .clock_hz = 48000,
    .channels = 2,
    .payload_type = CODEC_PT_DYNAMIC,
    .rates_hz = {48000, 24000, 16000, 12000, 8000},
    .fmtp_default = "minptime=10;useinbandfec=1",
    .delay_us = 6500,
    .decoder_bytes = decoder_bytes,
    .encoder_bytes = encoder_bytes,
    .decoder_init = decoder_init,
    .encoder_init = encoder_init,
    .payload_samples = payload_samples,
    .decode = decode,
    .conceal = conceal,
    .payload_has_fec = payload_has_fec,
    .decode_fec = decode_fec,
    .encode = encode,
    .has_ptime = has_ptime,
    .tune = tune,
    .look_back = look_back,
};

/* ---- a=fmtp ---- */

struct fmtp_number {
    const char *name;
    uint32_t low, high;
    size_t offset;
};

static const struct fmtp_number fmtp_numbers[] = {
    {"minptime", 3, 120, offsetof(struct codec_opus_fmtp, minptime_ms)},
    {"maxplaybackrate", 8000, 48000, offsetof(struct codec_opus_fmtp, maxplaybackrate)},
    {"maxaveragebitrate", BITRATE_BPS_MIN, BITRATE_BPS_MAX,
     offsetof(struct codec_opus_fmtp, maxaveragebitrate)},
};

struct fmtp_flag {
    const char *name;
    size_t offset;
};

static const struct fmtp_flag fmtp_flags[] = {
    {"useinbandfec", offsetof(struct codec_opus_fmtp, useinbandfec)},
    {"usedtx", offsetof(struct codec_opus_fmtp, usedtx)},
    {"stereo", offsetof(struct codec_opus_fmtp, stereo)},
    {"sprop-stereo", offsetof(struct codec_opus_fmtp, sprop_stereo)},
    {"cbr", offsetof(struct codec_opus_fmtp, cbr)},
};

static void parse_parameter(struct sr_str name, uint32_t value, struct codec_opus_fmtp *fmtp)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(fmtp_numbers); i++) {
        const struct fmtp_number *number = &fmtp_numbers[i];

        if (sr_str_ieq_c(name, number->name) && value >= number->low && value <= number->high)
            memcpy((char *)fmtp + number->offset, &value, sizeof(value));
    }
    for (size_t i = 0; i < SR_ARRAY_LEN(fmtp_flags); i++) {
        bool is_set = value == 1;

        if (sr_str_ieq_c(name, fmtp_flags[i].name) && value <= 1)
            memcpy((char *)fmtp + fmtp_flags[i].offset, &is_set, sizeof(is_set));
    }
}

void codec_opus_fmtp_parse(struct sr_str text, struct codec_opus_fmtp *ret_fmtp)
{
    struct codec_opus_fmtp fmtp = {0};
    struct sr_str parameter;

    while (sr_str_split(&text, ';', &parameter)) {
        struct sr_str name;
        uint32_t value;

        if (sr_str_split(&parameter, '=', &name) &&
            sr_str_u32(sr_str_trim(parameter), UINT32_MAX, &value) == SR_OK)
            parse_parameter(sr_str_trim(name), value, &fmtp);
    }
    *ret_fmtp = fmtp;
}

static void write_parameter(struct sr_buf *out, const char **separator, const char *name,
                            uint32_t value)
{
    sr_buf_c(out, *separator);
    sr_buf_c(out, name);
    sr_buf_char(out, '=');
    sr_buf_u64(out, value);
    *separator = ";";
}

void codec_opus_fmtp_write(const struct codec_opus_fmtp *fmtp, struct sr_buf *out)
{
    const char *separator = "";

    for (size_t i = 0; i < SR_ARRAY_LEN(fmtp_numbers); i++) {
        uint32_t value;

        memcpy(&value, (const char *)fmtp + fmtp_numbers[i].offset, sizeof(value));
        if (value != 0)
            write_parameter(out, &separator, fmtp_numbers[i].name, value);
    }
    for (size_t i = 0; i < SR_ARRAY_LEN(fmtp_flags); i++) {
        bool is_set;

        memcpy(&is_set, (const char *)fmtp + fmtp_flags[i].offset, sizeof(is_set));
        if (is_set)
            write_parameter(out, &separator, fmtp_flags[i].name, 1);
    }
}

void codec_opus_fmtp_apply(const struct codec_opus_fmtp *peer, struct codec_tuning *tuning)
{
    tuning->fec_wanted = peer->useinbandfec;
    tuning->dtx_wanted = peer->usedtx;
    tuning->cbr_wanted = peer->cbr;
    tuning->bandwidth_hz = peer->maxplaybackrate;
    if (peer->maxaveragebitrate != 0)
        tuning->bitrate_bps = tuning->bitrate_bps == 0
                                  ? peer->maxaveragebitrate
                                  : SR_MIN(tuning->bitrate_bps, peer->maxaveragebitrate);
}

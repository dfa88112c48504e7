/**
 * @file wav.c  RIFF/WAVE. Every length is checked against what is really there.
 */
#include "media/wav.h"

#include "media/g711.h"

enum {
    TAG_PCM = 1,
    TAG_FLOAT = 3,
    TAG_ALAW = 6,
    TAG_ULAW = 7,
    TAG_EXTENSIBLE = 0xFFFE,
    CHUNK_HEADER_BYTES = 8,
    FMT_BYTES_MIN = 16,
    FMT_BYTES_EXTENSIBLE = 40,
    SUBFORMAT_OFFSET = 24,
};

static uint16_t read_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static enum sr_err fail(struct wav_diag *reterr_diag, enum sr_err err, size_t offset,
                        const char *why)
{
    if (reterr_diag != NULL)
        *reterr_diag = (struct wav_diag){offset, why};
    return err;
}

static bool find_format(uint16_t tag, uint16_t bits, enum wav_format *ret_format)
{
    static const struct {
        uint16_t tag, bits;
        enum wav_format format;
    } known[] = {
        {TAG_PCM, 8, WAV_PCM8},       {TAG_PCM, 16, WAV_PCM16}, {TAG_PCM, 24, WAV_PCM24},
        {TAG_FLOAT, 32, WAV_FLOAT32}, {TAG_ULAW, 8, WAV_ULAW},  {TAG_ALAW, 8, WAV_ALAW},
    };

    for (size_t i = 0; i < SR_ARRAY_LEN(known); i++) {
        if (known[i].tag == tag && known[i].bits == bits) {
            *ret_format = known[i].format;
            return true;
        }
    }
    return false;
}

static enum sr_err parse_fmt(const uint8_t *p, size_t n, size_t offset, struct wav *wav,
                             struct wav_diag *reterr_diag)
{
    uint16_t tag, channels, align, bits;

    if (n < FMT_BYTES_MIN)
        return fail(reterr_diag, SR_ERR_SYNTAX, offset, "fmt chunk too short");
    tag = read_u16(p);
    channels = read_u16(p + 2);
    wav->rate_hz = read_u32(p + 4);
    align = read_u16(p + 12);
    bits = read_u16(p + 14);
    if (tag == TAG_EXTENSIBLE) {
        if (n < FMT_BYTES_EXTENSIBLE)
            return fail(reterr_diag, SR_ERR_SYNTAX, offset, "extensible fmt chunk too short");
        tag = read_u16(p + SUBFORMAT_OFFSET);
    }
    if (!find_format(tag, bits, &wav->format))
        return fail(reterr_diag, SR_ERR_UNSUPPORTED, offset,
                    "encoding is none of PCM 8/16/24 bit, float 32 bit, u-law, A-law");
    if (channels < 1 || channels > WAV_CHANNELS_MAX)
        return fail(reterr_diag, SR_ERR_UNSUPPORTED, offset + 2, "number of channels not 1 to 8");
    if (wav->rate_hz < WAV_RATE_HZ_MIN || wav->rate_hz > WAV_RATE_HZ_MAX)
        return fail(reterr_diag, SR_ERR_UNSUPPORTED, offset + 4,
                    "sample rate not 4000 to 192000 Hz");
    if (align != channels * (bits / 8))
        return fail(reterr_diag, SR_ERR_SYNTAX, offset + 12, "block size does not fit the format");
    wav->channels = (uint8_t)channels;
    wav->frame_bytes = align;
    return SR_OK;
}

enum sr_err wav_parse(struct sr_str bytes, struct wav *ret_wav, struct wav_diag *reterr_diag)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    struct wav wav = {0};
    size_t at = 12;

    if (bytes.n < at || memcmp(p, "RIFF", 4) != 0 || memcmp(p + 8, "WAVE", 4) != 0)
        return fail(reterr_diag, SR_ERR_SYNTAX, 0, "not a RIFF/WAVE file");
    for (size_t chunks = 0; chunks < WAV_CHUNKS_MAX; chunks++) {
        size_t left, length;

        if (bytes.n - at < CHUNK_HEADER_BYTES)
            return fail(reterr_diag, SR_ERR_SYNTAX, at, "file ends before its data chunk");
        length = read_u32(p + at + 4);
        left = bytes.n - at - CHUNK_HEADER_BYTES;
        if (memcmp(p + at, "data", 4) == 0) {
            if (wav.frame_bytes == 0)
                return fail(reterr_diag, SR_ERR_SYNTAX, at, "data chunk before fmt chunk");
            wav.data = p + at + CHUNK_HEADER_BYTES;
            wav.frame_count = SR_MIN(length, left) / wav.frame_bytes;
            *ret_wav = wav;
            return SR_OK;
        }
        if (length > left)
            return fail(reterr_diag, SR_ERR_SYNTAX, at, "chunk longer than the file");
        if (memcmp(p + at, "fmt ", 4) == 0) {
            size_t content = at + CHUNK_HEADER_BYTES;
            enum sr_err err = parse_fmt(p + content, length, content, &wav, reterr_diag);

            if (err != SR_OK)
                return err;
        }
        at += CHUNK_HEADER_BYTES + length;
        at += length % 2 != 0 && at < bytes.n ? 1u : 0u; /* chunks are padded to even lengths */
    }
    return fail(reterr_diag, SR_ERR_SYNTAX, at, "too many chunks before the data");
}

static float read_float(const uint8_t *p)
{
    uint32_t bits = read_u32(p);
    float value;

    memcpy(&value, &bits, sizeof(value));
    if (!(value >= -1.0f))
        return value < -1.0f ? -1.0f : 0.0f; /* the last case is NaN */
    return value > 1.0f ? 1.0f : value;
}

static float read_sample(enum wav_format format, const uint8_t *p)
{
    switch (format) {
    case WAV_PCM8:
        return (float)(p[0] - 128) * (1.0f / 128.0f);
    case WAV_PCM16:
        return (float)(int16_t)read_u16(p) * (1.0f / 32768.0f);
    case WAV_PCM24:
        return (float)(int32_t)((uint32_t)p[0] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 24) *
               (1.0f / 2147483648.0f);
    case WAV_FLOAT32:
        return read_float(p);
    case WAV_ULAW:
        return (float)g711_ulaw_table[p[0]] * (1.0f / 32768.0f);
    case WAV_ALAW:
        return (float)g711_alaw_table[p[0]] * (1.0f / 32768.0f);
    }
    return 0.0f;
}

size_t wav_read(const struct wav *wav, size_t from, float *out, size_t count)
{
    size_t sample_bytes = (size_t)wav->frame_bytes / wav->channels;
    float share = 1.0f / (float)wav->channels;

    if (from >= wav->frame_count)
        return 0;
    count = SR_MIN(count, wav->frame_count - from);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *frame = wav->data + (from + i) * wav->frame_bytes;
        float sum = 0.0f;

        for (size_t channel = 0; channel < wav->channels; channel++)
            sum += read_sample(wav->format, frame + channel * sample_bytes);
        out[i] = sum * share;
    }
    return count;
}

static void write_u16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static void write_u32(uint8_t *p, uint32_t value)
{
    write_u16(p, value & 0xFFFF);
    write_u16(p + 2, value >> 16);
}

void wav_header_write(uint8_t header[WAV_HEADER_BYTES], const struct wav *wav)
{
    static const struct {
        uint16_t tag, bytes;
    } formats[] = {
        [WAV_PCM8] = {TAG_PCM, 1},      [WAV_PCM16] = {TAG_PCM, 2}, [WAV_PCM24] = {TAG_PCM, 3},
        [WAV_FLOAT32] = {TAG_FLOAT, 4}, [WAV_ULAW] = {TAG_ULAW, 1}, [WAV_ALAW] = {TAG_ALAW, 1},
    };
    uint32_t frame_bytes = (uint32_t)wav->channels * formats[wav->format].bytes;
    uint64_t wanted = (uint64_t)wav->frame_count * frame_bytes;
    /* the length field ends at 4 GiB; readers take the rest as far as the file goes */
    uint32_t data_bytes = (uint32_t)SR_MIN(wanted, (uint64_t)UINT32_MAX - WAV_HEADER_BYTES);

    memcpy(header, "RIFF", 4);
    write_u32(header + 4, data_bytes + WAV_HEADER_BYTES - CHUNK_HEADER_BYTES);
    memcpy(header + 8, "WAVEfmt ", 8);
    write_u32(header + 16, FMT_BYTES_MIN);
    write_u16(header + 20, formats[wav->format].tag);
    write_u16(header + 22, wav->channels);
    write_u32(header + 24, wav->rate_hz);
    write_u32(header + 28, wav->rate_hz * frame_bytes);
    write_u16(header + 32, frame_bytes);
    write_u16(header + 34, formats[wav->format].bytes * 8u);
    memcpy(header + 36, "data", 4);
    write_u32(header + 40, data_bytes);
}

/**
 * @file wav.h  WAV files as bytes: parse what people upload, write the header of what we record.
 *
 * Reads 8-bit, 16-bit and 24-bit PCM, 32-bit float, u-law and A-law, 1 to 8 channels mixed down to
 * mono, 4000 .. 192000 Hz. Chunks in any order, unknown ones are passed over; a data chunk that
 * claims more than there is (a recording cut off, or a stream written with 0xFFFFFFFF) is taken as
 * far as it goes. RIFF only, not RF64.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  borrowed: struct wav points into the bytes it was parsed from
 * Thread:  re-entrant
 */
#ifndef SR_MEDIA_WAV_H
#define SR_MEDIA_WAV_H

#include "base/str.h"

enum {
    WAV_HEADER_BYTES = 44,
    WAV_CHUNKS_MAX = 64,
    WAV_CHANNELS_MAX = 8,
    WAV_RATE_HZ_MIN = 4000,
    WAV_RATE_HZ_MAX = 192000,
};

enum wav_format {
    WAV_PCM8,
    WAV_PCM16,
    WAV_PCM24,
    WAV_FLOAT32,
    WAV_ULAW,
    WAV_ALAW,
};

struct wav {
    enum wav_format format;
    uint8_t channels;
    uint32_t rate_hz;
    uint16_t frame_bytes; /* one sample of every channel */
    size_t frame_count;
    const uint8_t *data; /* frame_count * frame_bytes bytes */
};

struct wav_diag {
    size_t offset;
    const char *why;
};

/**
 * @param[out] reterr_diag set on failure only; may be NULL
 *
 * @return SR_OK
 *         SR_ERR_SYNTAX       not a WAV file, or torn before its data
 *         SR_ERR_UNSUPPORTED  a format that is not read (why says which)
 */
SR_MUST_USE enum sr_err wav_parse(struct sr_str bytes, struct wav *ret_wav,
                                  struct wav_diag *reterr_diag);
/** Mono samples of frames [from, from + count), full scale [-1, 1]; what lies behind the end is not
    written. Float samples that are not finite read as 0 and are limited to +-1.
    @return frames written */
size_t wav_read(const struct wav *wav, size_t from, float *out, size_t count);

/** Header of a file whose data (frame_count frames of `channels`) follows; frame_count 0 while a
    recording runs, rewritten at its end. Reads format, channels, rate_hz and frame_count. */
void wav_header_write(uint8_t header[WAV_HEADER_BYTES], const struct wav *wav);

#endif

/**
 * @file sound_file.h  A WAV file read in pieces: as a clip, or behind a feed.
 *
 * Files are read, never mapped: one that shrinks meanwhile ends early and harms nobody. Inside
 * `below`, each part of the path is opened by itself: no "..", no link, nothing but files and folders.
 *
 * Layer:   speech
 * Thread:  one owner; blocks on the disk
 */
#ifndef SR_SPEECH_SOUND_FILE_H
#define SR_SPEECH_SOUND_FILE_H

#include "media/wav.h"
#include "speech/convert.h"

enum {
    SOUND_FILE_HEAD_BYTES = 64 * 1024, /* the samples must begin within */
};

struct sound_file { /* fields are private */
    int fd;
    struct wav wav; /* data is not set */
    uint64_t data_at, frame_count, next;
    uint8_t bytes[CONVERT_BLOCK * WAV_CHANNELS_MAX * 4];
};

/**
 * @param below        folder `path` must lie in, relative to it; NULL: path as it is
 * @param[out] reterr_why  a sentence; not about what is in the file
 *
 * @return SR_OK; SR_ERR_NOTFOUND; SR_ERR_SYNTAX a path that leads out, no WAV file, no samples;
 *         SR_ERR_UNSUPPORTED an encoding that is not read; SR_ERR_IO
 */
SR_MUST_USE enum sr_err sound_file_open(const char *below, const char *path,
                                        struct sound_file **ret_file, const char **reterr_why);
void sound_file_close(struct sound_file *file);
uint32_t sound_file_rate(const struct sound_file *file);
uint64_t sound_file_frames(const struct sound_file *file);
/** At most CONVERT_BLOCK samples; 0: the end. */
size_t sound_file_read(struct sound_file *file, float *out);
void sound_file_rewind(struct sound_file *file);

/** All of it, cut at MEDIA_CLIP_BYTES_MAX; at most at 16 kHz when it is longer than five minutes. */
struct media_clip *sound_file_clip(struct sound_file *file);

#endif

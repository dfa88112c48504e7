/**
 * @file fuzz_sound.c  Sound files and texts as they reach the media plane: a file of any bytes becomes a clip or
 * is refused, at any rate; a text of any bytes becomes printable ASCII or is refused.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "speech/sound_file.h"
#include "speech/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as_file(const uint8_t *data, size_t size)
{
    struct sound_file *file;
    struct media_clip *clip;
    const char *why = NULL;
    char path[40];
    int fd = memfd_create("sound", MFD_CLOEXEC);

    SR_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (sound_file_open(NULL, path, &file, &why) == SR_OK) {
        uint64_t frames = sound_file_frames(file), rate = sound_file_rate(file);

        clip = sound_file_clip(file);
        SR_ASSERT(media_rate_is_playable(clip->rate_hz));
        SR_ASSERT(clip->sample_count == frames * clip->rate_hz / rate);
        media_clip_unref(clip);
        sound_file_close(file);
    } else {
        SR_ASSERT(why != NULL);
    }
    (void)close(fd);
}

static void read_as_text(const uint8_t *data, size_t size)
{
    char out[256];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, out, sizeof(out));
    if (words_clean(sr_str_make((const char *)data, size), &buf) != SR_OK)
        return;
    for (size_t i = 0; i < buf.len; i++)
        SR_ASSERT(out[i] >= ' ' && out[i] <= '~');
    sr_buf_init_fixed(&buf, out, sizeof(out));
    words_digits(&buf, sr_str_make((const char *)data, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_as_file(data, size);
    read_as_text(data, size);
    return 0;
}

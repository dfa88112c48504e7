#include "speech/sound_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    PART_CHARS_MAX = 255,
    LONG_SECONDS = 300,
    LONG_RATE_HZ = 16000,
};

/* ---- opening ---- */

/* Walks down part by part; -1 with errno. */
static int open_below(const char *below, const char *path)
{
    struct sr_str rest = sr_str_c(path), part;
    int dir = open(below, O_RDONLY | O_DIRECTORY | O_CLOEXEC), next = -1;

    while (dir >= 0 && sr_str_split(&rest, '/', &part)) {
        char name[PART_CHARS_MAX + 1];
        int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

        errno = EACCES;
        next = -1;
        if (part.n > 0 && !sr_str_eq_c(part, ".") && !sr_str_eq_c(part, "..") &&
            sr_str_copy(part, name, sizeof(name)) && strlen(name) == part.n)
            next = openat(dir, name, rest.n > 0 ? flags | O_DIRECTORY : flags);
        (void)close(dir);
        dir = next;
    }
    return dir;
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static enum sr_err read_head(struct sound_file *file, const char **reterr_why)
{
    uint8_t *head = sr_alloc(SOUND_FILE_HEAD_BYTES);
    ssize_t n = pread(file->fd, head, SOUND_FILE_HEAD_BYTES, 0);
    struct wav_diag diag = {0};
    struct stat info;
    enum sr_err err;

    *reterr_why = "the file cannot be read";
    if (fstat(file->fd, &info) != 0)
        err = SR_ERR_IO;
    else if (!S_ISREG(info.st_mode))
        err = SR_ERR_SYNTAX;
    else
        err = n < 0 ? SR_ERR_IO : SR_OK;
    if (err == SR_OK) {
        err = wav_parse(sr_str_make((const char *)head, (size_t)n), &file->wav, &diag);
        if (err != SR_OK)
            *reterr_why = diag.why;
    }
    if (err == SR_OK) { /* the head shows where the samples are; the file how many there can be */
        uint64_t claimed = read_u32(file->wav.data - sizeof(uint32_t)), there;

        file->data_at = (uint64_t)(file->wav.data - head);
        there = (uint64_t)info.st_size - file->data_at;
        if (claimed == 0) /* a recording that was never finished */
            claimed = there;
        file->frame_count = SR_MIN(claimed, there) / file->wav.frame_bytes;
        file->wav.data = NULL;
        *reterr_why = "there are no samples in the file";
        err = file->frame_count == 0 ? SR_ERR_SYNTAX : SR_OK;
    }
    sr_free(head);
    return err;
}

enum sr_err sound_file_open(const char *below, const char *path, struct sound_file **ret_file,
                            const char **reterr_why)
{
    struct sound_file *file;
    enum sr_err err;
    int fd;

    if (below != NULL)
        fd = open_below(below, path);
    else
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        bool is_missing = errno == ENOENT || errno == ENOTDIR;

        *reterr_why = is_missing ? "there is no such file" : "the file cannot be opened";
        return is_missing ? SR_ERR_NOTFOUND : SR_ERR_SYNTAX;
    }
    file = sr_zalloc(1, sizeof(*file));
    file->fd = fd;
    err = read_head(file, reterr_why);
    if (err != SR_OK) {
        sound_file_close(file);
        return err;
    }
    *ret_file = file;
    return SR_OK;
}

void sound_file_close(struct sound_file *file)
{
    if (file == NULL)
        return;
    (void)close(file->fd);
    sr_free(file);
}

uint32_t sound_file_rate(const struct sound_file *file)
{
    return file->wav.rate_hz;
}

uint64_t sound_file_frames(const struct sound_file *file)
{
    return file->frame_count;
}

void sound_file_rewind(struct sound_file *file)
{
    file->next = 0;
}

/* ---- reading ---- */

size_t sound_file_read(struct sound_file *file, float *out)
{
    size_t frames = (size_t)SR_MIN(file->frame_count - file->next, (uint64_t)CONVERT_BLOCK);
    uint64_t at = file->data_at + file->next * file->wav.frame_bytes;
    struct wav block = file->wav;
    ssize_t n;

    if (frames == 0)
        return 0;
    n = pread(file->fd, file->bytes, frames * file->wav.frame_bytes, (off_t)at);
    if (n < (ssize_t)file->wav.frame_bytes) { /* it shrank, or the disk failed: this is its end */
        file->frame_count = file->next;
        return 0;
    }
    block.data = file->bytes;
    block.frame_count = (size_t)n / file->wav.frame_bytes;
    file->next += block.frame_count;
    return wav_read(&block, 0, out, block.frame_count);
}

static void append(struct media_clip *clip, size_t *done, const int16_t *samples, size_t n)
{
    n = SR_MIN(n, clip->sample_count - *done);
    memcpy(clip->samples + *done, samples, n * sizeof(*samples));
    *done += n;
}

struct media_clip *sound_file_clip(struct sound_file *file)
{
    uint32_t rate = file->wav.rate_hz, out_hz = convert_rate_for(rate);
    struct convert *convert = sr_alloc(sizeof(*convert));
    struct media_clip *clip;
    uint64_t total;
    size_t n, done = 0;
    int16_t *out;
    float in[CONVERT_BLOCK];

    if (file->frame_count / rate > LONG_SECONDS && rate <= LONG_RATE_HZ * CONVERT_RATIO_MAX)
        out_hz = SR_MIN(out_hz, (uint32_t)LONG_RATE_HZ);
    total =
        SR_MIN(file->frame_count * out_hz / rate, (uint64_t)MEDIA_CLIP_BYTES_MAX / sizeof(int16_t));
    clip = media_clip_new(out_hz, (size_t)total);
    convert_init(convert, rate, out_hz);
    out = sr_alloc(convert_out_max(convert, CONVERT_BLOCK) * sizeof(*out));
    sound_file_rewind(file);
    while (done < total && (n = sound_file_read(file, in)) > 0)
        append(clip, &done, out, convert_run(convert, in, n, out));
    append(clip, &done, out, convert_end(convert, out));
    clip->sample_count = done; /* shorter when the file shrank */
    sr_free(out);
    sr_free(convert);
    return clip;
}

/* siprouter say: the voice, without a router. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "control/cli_internal.h"
#include "media/wav.h"
#include "speech/speech.h"

static bool write_all(int fd, struct sr_str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = sr_str_from(bytes, (size_t)n);
    }
    return true;
}

int cli_write_file(const struct cli_options *options, struct sr_str bytes)
{
    const char *path = options->output;
    bool is_stdout = strcmp(path, "-") == 0, is_written;
    int fd = is_stdout ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    is_written = fd >= 0 && write_all(fd, bytes);
    if (fd >= 0 && !is_stdout)
        is_written = close(fd) == 0 && is_written;
    if (is_written)
        return CLI_OK;
    cli_complain("siprouter %s: cannot write %s: %s\n", options->command, path, strerror(errno));
    return CLI_NO;
}

int cli_say_text(const struct cli_options *options)
{
    struct media_clip *clip;
    char why[SPEECH_WHY_MAX];
    struct sr_buf bytes;
    int code;

    if (options->output == NULL) {
        cli_complain("siprouter say: name a file with -o FILE.wav (- is standard output)\n");
        return CLI_USAGE;
    }
    if (speech_say(SR_STR("auto"), sr_str_c(options->args[0]), sr_str_c(options->voice), &clip,
                   why) != SR_OK) {
        cli_complain("siprouter say: %s\n", why);
        return CLI_NO;
    }
    sr_buf_init(&bytes, MEDIA_CLIP_BYTES_MAX + WAV_HEADER_BYTES);
    speech_write_wav(clip, &bytes);
    media_clip_unref(clip);
    code = cli_write_file(options, sr_buf_view(&bytes));
    sr_buf_done(&bytes);
    return code;
}

#include "control/config_demo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"

enum {
    DEMO_BYTES_MAX = 8192,
    PATH_BYTES_MAX = 4096,
};

void config_demo_password(char out[CONFIG_DEMO_PASSWORD_BYTES])
{
    /* 32 characters: no 0, 1, l, o; 80 random bits */
    static const char alphabet[33] = "abcdefghijkmnpqrstuvwxyz23456789";
    uint8_t bytes[CONFIG_DEMO_PASSWORD_BYTES - 1];
    sr_random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        out[i] = i % 5 == 4 ? '-' : alphabet[bytes[i] % 32];
    out[sizeof(bytes)] = '\0';
    sr_wipe(bytes, sizeof(bytes));
}

void config_demo_text(const struct config_demo *demo, struct sr_buf *out)
{
    sr_buf_c(out, "// siprouter configuration. Comments and trailing commas are fine.\n"
                  "// Check it with \"siprouter check\", apply it with \"siprouter reload\".\n"
                  "{\n"
                  "  // Phones register with the extension as user name and this password.\n"
                  "  \"devices\": [\n");
    sr_buf_fmt(out,
               "    { \"id\": \"phone1\", \"displayName\": \"Phone 1\", \"extension\": \"101\", "
               "\"password\": \"%s\" },\n",
               demo->password_101);
    sr_buf_fmt(out,
               "    { \"id\": \"phone2\", \"displayName\": \"Phone 2\", \"extension\": \"102\", "
               "\"password\": \"%s\" }\n",
               demo->password_102);
    sr_buf_c(out,
             "  ],\n"
             "\n"
             "  // Everybody who dials 800 meets in this room.\n"
             "  \"conferences\": [\n"
             "    { \"id\": \"room\", \"extension\": \"800\" }\n"
             "  ],\n"
             "\n"
             "  // *43: hear yourself. *8101: take the call that rings at 101. *68101: speak to\n"
             "  // 101's loudspeaker. *600: the time. Codes within a call: docs/features.md.\n"
             "  \"features\": { \"*43\": \"echo\", \"*8\": \"pickup\", \"*68\": \"intercom\", "
             "\"*600\": \"clock\" }\n"
             "}\n");
}

static bool write_all(int fd, struct sr_str text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text = sr_str_from(text, (size_t)n);
    }
    return true;
}

/** Makes the new name last through a power cut; a folder that cannot be opened is no failure. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = sr_str_cdup(slash ? sr_str_make(path, (size_t)(slash - path) + (slash == path))
                                     : SR_STR("."));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
    sr_free(folder);
}

/** A new file belongs to us; it shall belong to whom the old one did. Only root may give it away. */
static bool take_after(int fd, const struct stat *old)
{
    mode_t mode = old->st_mode & 0777;
    if (fchown(fd, old->st_uid, old->st_gid) != 0 && fchown(fd, (uid_t)-1, old->st_gid) != 0)
        mode &= ~(mode_t)070;
    return fchmod(fd, mode) == 0;
}

/** The text, flushed, in a new file beside `path`; its name goes to `ret_temp`. `old`: NULL, or what it
    takes the place of. */
static enum sr_err write_beside(const char *path, struct sr_str text, const struct stat *old,
                                char ret_temp[PATH_BYTES_MAX])
{
    int n = snprintf(ret_temp, PATH_BYTES_MAX, "%s.XXXXXX", path);
    if (n < 0 || n >= PATH_BYTES_MAX) {
        errno = ENAMETOOLONG;
        return SR_ERR_IO;
    }
    int fd = mkostemp(ret_temp, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return SR_ERR_IO;
    bool is_fine = write_all(fd, text) && (!old || take_after(fd, old)) && fsync(fd) == 0;
    int problem = errno;
    if (close(fd) != 0 && is_fine) {
        problem = errno;
        is_fine = false;
    }
    if (!is_fine) {
        (void)unlink(ret_temp);
        errno = problem;
        return SR_ERR_IO;
    }
    return SR_OK;
}

enum sr_err config_demo_write(const char *path, struct config_demo *ret_demo)
{
    struct config_demo demo;
    struct sr_buf text;
    char temp[PATH_BYTES_MAX];
    config_demo_password(demo.password_101);
    config_demo_password(demo.password_102);
    sr_buf_init(&text, DEMO_BYTES_MAX);
    config_demo_text(&demo, &text);
    SR_ASSERT(sr_buf_err(&text) == SR_OK);
    enum sr_err err = write_beside(path, sr_buf_view(&text), NULL, temp);
    sr_buf_done(&text);
    if (err)
        return err;
    /* link, unlike rename, never replaces what is there */
    if (link(temp, path) != 0)
        err = errno == EEXIST ? SR_ERR_EXISTS : SR_ERR_IO;
    int problem = errno;
    (void)unlink(temp);
    errno = problem;
    if (err)
        return err;
    sync_folder(path);
    *ret_demo = demo;
    return SR_OK;
}

enum sr_err config_file_replace(const char *path, struct sr_str text)
{
    char temp[PATH_BYTES_MAX];
    struct stat info;
    /* behind a symbolic link the file itself is replaced */
    char *real = realpath(path, NULL);
    const char *target = real ? real : path;
    bool is_there = stat(target, &info) == 0;
    enum sr_err err = write_beside(target, text, is_there ? &info : NULL, temp);
    if (!err && rename(temp, target) != 0) {
        int problem = errno;
        (void)unlink(temp);
        errno = problem;
        err = SR_ERR_IO;
    }
    if (!err)
        sync_folder(target);
    free(real); /* realpath's memory is libc's */
    return err;
}

const char *config_file_why(int problem)
{
    switch (problem) {
    case EBUSY: /* it is a mount point */
    case EXDEV:
        return "it is mounted as a single file, which cannot be replaced: mount its folder instead";
    case EROFS:
        return "its folder is read-only: mount it writable, or add it to the unit's ReadWritePaths";
    case EACCES:
    case EPERM:
        return "the router may not write in its folder: give the folder to the router's user";
    case ENOSPC:
    case EDQUOT:
        return "the disk is full";
    default:
        return strerror(problem);
    }
}

/**
 * @file config_demo.h  The first config.json: two phones, a conference, the echo test, with comments.
 *
 * Layer:   control
 * Thread:  any; writes a file
 */
#ifndef SR_CONTROL_CONFIG_DEMO_H
#define SR_CONTROL_CONFIG_DEMO_H

#include "base/buf.h"

enum {
    CONFIG_DEMO_PASSWORD_BYTES = 20, /* with the NUL: four groups of four characters */
};

/** What is printed once to the person who starts the router. */
struct config_demo {
    char password_101[CONFIG_DEMO_PASSWORD_BYTES];
    char password_102[CONFIG_DEMO_PASSWORD_BYTES];
};

/** A random password of 16 characters that are not easily mistaken, in groups: "k7wm-...". */
void config_demo_password(char out[CONFIG_DEMO_PASSWORD_BYTES]);

/** Appends the text of the first configuration. */
void config_demo_text(const struct config_demo *demo, struct sr_buf *out);

/**
 * Writes the file with mode 0600, atomically and only if there is none.
 *
 * @return SR_OK          ret_demo holds the new passwords
 *         SR_ERR_EXISTS  there is a file of that name; nothing was changed
 *         SR_ERR_IO      errno says why
 */
SR_MUST_USE enum sr_err config_demo_write(const char *path, struct config_demo *ret_demo);

/**
 * Replaces a configuration file atomically (new file, flushed, renamed), keeping its mode and, as far
 * as the system lets us, its owner and group (a group that cannot be kept loses its rights); a new file
 * gets 0600. For edits by page or API.
 *
 * @return SR_OK, or SR_ERR_IO: errno says why, the old file is as it was
 */
SR_MUST_USE enum sr_err config_file_replace(const char *path, struct sr_str text);
/** Why that failed, in words, with the cure where there is one; `problem`: errno. */
const char *config_file_why(int problem);

#endif

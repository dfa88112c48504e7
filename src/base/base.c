#include "base/base.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

enum {
    LAST_WORDS_MS = 1000
};

const char *sr_err_name(enum sr_err err)
{
    switch (err) {
    case SR_OK:
        return "OK";
#define X(name, value, text)                                                                       \
    case SR_ERR_##name:                                                                            \
        return #name;
        SR_ERR_MAP(X)
#undef X
    }
    return "?";
}

const char *sr_err_text(enum sr_err err)
{
    switch (err) {
    case SR_OK:
        return "no error";
#define X(name, value, text)                                                                       \
    case SR_ERR_##name:                                                                            \
        return text;
        SR_ERR_MAP(X)
#undef X
    }
    return "unknown error";
}

void sr_assert_failed(const char *file, int line, const char *condition)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

    sr_log_writer_stop(); /* what led here is worth reading */
    /* a log nobody reads must not keep us from the end, after which we are started anew */
    if (poll(&out, 1, LAST_WORDS_MS) > 0) {
        fprintf(stderr,
                "siprouter: internal error at %s:%d: \"%s\" does not hold; please report it\n",
                file, line, condition);
        fflush(stderr);
    }
    abort();
}

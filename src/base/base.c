#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

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
    fprintf(stderr, "siprouter: internal error at %s:%d: \"%s\" does not hold; please report it\n",
            file, line, condition);
    fflush(stderr);
    abort();
}

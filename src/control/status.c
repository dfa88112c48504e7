/* The one place where error classes become HTTP status codes. */
#include "control/api.h"

uint16_t control_status(enum sr_err err)
{
    switch (err) {
    case SR_OK:
        return 200;
    case SR_ERR_LIMIT:
    case SR_ERR_AGAIN:
        return 503;
    case SR_ERR_SYNTAX:
        return 422;
    case SR_ERR_PROTO:
        return 400;
    case SR_ERR_STATE:
    case SR_ERR_EXISTS:
        return 409;
    case SR_ERR_NOTFOUND:
        return 404;
    case SR_ERR_AUTH:
        return 403;
    case SR_ERR_TIMEOUT:
        return 504;
    case SR_ERR_IO:
        return 500;
    case SR_ERR_UNSUPPORTED:
        return 501;
    }
    return 500;
}

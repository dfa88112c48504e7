/* From failures inside to SIP status codes. */
#include "ua/internal.h"

uint16_t ua__status_of(enum sr_err err)
{
    switch (err) {
    case SR_OK:
        return 200;
    case SR_ERR_SYNTAX:
    case SR_ERR_PROTO:
        return 400;
    case SR_ERR_AUTH:
        return 403;
    case SR_ERR_NOTFOUND:
        return 404;
    case SR_ERR_TIMEOUT:
        return 408;
    case SR_ERR_STATE:
        return 481;
    case SR_ERR_LIMIT:
    case SR_ERR_IO:
        return 503;
    case SR_ERR_UNSUPPORTED:
        return 501;
    case SR_ERR_AGAIN:
    case SR_ERR_EXISTS:
        break;
    }
    return 500;
}

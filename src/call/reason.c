#include "call/reason.h"

const char *call_reason_name(enum call_reason reason)
{
    switch (reason) {
#define X(name, word, text)                                                                        \
    case CALL_REASON_##name:                                                                       \
        return word;
        CALL_REASON_MAP(X)
#undef X
    }
    return "internal_error";
}

const char *call_reason_text(enum call_reason reason)
{
    switch (reason) {
#define X(name, word, text)                                                                        \
    case CALL_REASON_##name:                                                                       \
        return text;
        CALL_REASON_MAP(X)
#undef X
    }
    return "a fault of the router; see its log";
}

uint16_t call_reason_status(enum call_reason reason)
{
    switch (reason) {
    case CALL_REASON_NONE:
    case CALL_REASON_HANGUP:
    case CALL_REASON_ELSEWHERE:
    case CALL_REASON_API:
    case CALL_REASON_DURATION:
    case CALL_REASON_TRANSFERRED:
    case CALL_REASON_MEDIA_TIMEOUT:
    case CALL_REASON_SESSION_EXPIRED:
        return 0;
    case CALL_REASON_CANCELLED:
        return 487;
    case CALL_REASON_BUSY:
        return 486;
    case CALL_REASON_NO_ANSWER:
    case CALL_REASON_OFFLINE:
    case CALL_REASON_UNREACHABLE:
        return 480;
    case CALL_REASON_DECLINED:
        return 603;
    case CALL_REASON_NOT_FOUND:
        return 404;
    case CALL_REASON_NOT_ALLOWED:
    case CALL_REASON_REFUSED:
    case CALL_REASON_BLOCKED:
    case CALL_REASON_PREMIUM:
    case CALL_REASON_COUNTRY:
    case CALL_REASON_NIGHT:
    case CALL_REASON_OUTSIDE_LIMIT:
    case CALL_REASON_DEVICE_LIMIT:
        return 403;
    case CALL_REASON_LOOP:
        return 482;
    case CALL_REASON_NO_CODEC:
    case CALL_REASON_ENCRYPTION:
        return 488;
    case CALL_REASON_SIGNALLING_TIMEOUT:
        return 408;
    case CALL_REASON_LIMIT:
    case CALL_REASON_STOPPED:
        return 503;
    case CALL_REASON_NOT_BUILT:
        return 501;
    case CALL_REASON_PROTOCOL:
        return 400;
    case CALL_REASON_INTERNAL:
        return 500;
    }
    return 500;
}

enum call_reason call_reason_from_status(uint16_t sip_status)
{
    switch (sip_status) {
    case 486:
    case 600:
        return CALL_REASON_BUSY;
    case 402:
    case 403:
    case 433:
        return CALL_REASON_REFUSED;
    case 603:
    case 607:
    case 608:
        return CALL_REASON_DECLINED;
    case 404:
    case 410:
    case 484:
    case 485:
    case 604:
        return CALL_REASON_NOT_FOUND;
    case 487:
        return CALL_REASON_CANCELLED;
    case 488:
    case 415:
    case 606:
        return CALL_REASON_NO_CODEC;
    case 482:
    case 483:
        return CALL_REASON_LOOP;
    case 408:
    case 503:
        return CALL_REASON_UNREACHABLE;
    case 480:
        return CALL_REASON_NO_ANSWER;
    default:
        return CALL_REASON_UNREACHABLE;
    }
}

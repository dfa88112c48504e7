/**
 * @file method.h  SIP methods (RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086, 6665).
 *
 * Layer:   pure
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_METHOD_H
#define SR_SIP_METHOD_H

#include "base/str.h"

#define SIP_METHOD_MAP(X)                                                                          \
    X(INVITE)                                                                                      \
    X(ACK)                                                                                         \
    X(BYE)                                                                                         \
    X(CANCEL)                                                                                      \
    X(OPTIONS)                                                                                     \
    X(REGISTER)                                                                                    \
    X(PRACK)                                                                                       \
    X(UPDATE)                                                                                      \
    X(INFO)                                                                                        \
    X(MESSAGE)                                                                                     \
    X(SUBSCRIBE)                                                                                   \
    X(NOTIFY)                                                                                      \
    X(REFER)                                                                                       \
    X(PUBLISH)

enum sip_method {
    SIP_METHOD_OTHER = 0, /* a token that is none of these; methods are case-sensitive */
#define X(name) SIP_METHOD_##name,
    SIP_METHOD_MAP(X)
#undef X
    SIP_METHOD_COUNT
};

/** The method of that name (case-sensitive), or SIP_METHOD_OTHER. */
enum sip_method sip_method_of(struct sr_str name);
/** "INVITE"...; "" for SIP_METHOD_OTHER and anything out of range. Never NULL. */
const char *sip_method_name(enum sip_method method);

#endif

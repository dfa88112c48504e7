/**
 * @file reason.h  Why a call or leg ended: one word from a fixed list, in events, REST and history.
 *
 * Layer:   call
 */
#ifndef SR_CALL_REASON_H
#define SR_CALL_REASON_H

#include "base/base.h"

#define CALL_REASON_MAP(X)                                                                         \
    X(NONE, "", "not ended")                                                                       \
    X(HANGUP, "hangup", "a party hung up")                                                         \
    X(CANCELLED, "cancelled", "the caller gave up before an answer")                               \
    X(BUSY, "busy", "the party is busy")                                                           \
    X(NO_ANSWER, "no_answer", "nobody answered in time")                                           \
    X(DECLINED, "declined", "the party declined")                                                  \
    X(OFFLINE, "offline", "the device is not registered")                                          \
    X(UNREACHABLE, "unreachable", "the party could not be reached")                                \
    X(NOT_FOUND, "not_found", "nobody has this number")                                            \
    X(NOT_ALLOWED, "not_allowed", "the configuration forbids this call")                           \
    X(REFUSED, "refused", "the other side forbids this call")                                      \
    X(NO_CODEC, "no_codec", "the parties share no codec")                                          \
    X(ENCRYPTION, "encryption", "the parties do not agree on encryption of the audio")             \
    X(ELSEWHERE, "answered_elsewhere", "another phone answered first")                             \
    X(MEDIA_TIMEOUT, "media_timeout", "no audio arrived for too long")                             \
    X(SESSION_EXPIRED, "session_expired", "the phone stopped refreshing the session")              \
    X(SIGNALLING_TIMEOUT, "signalling_timeout", "the phone stopped answering")                     \
    X(PROTOCOL, "protocol_error", "the phone broke the protocol")                                  \
    X(LIMIT, "limit", "a limit of the router was reached")                                         \
    X(API, "api", "ended through the API")                                                         \
    X(STOPPED, "router_stopped", "the router was stopped")                                         \
    X(DURATION, "max_duration", "the longest duration allowed was reached")                        \
    X(TRANSFERRED, "transferred", "the call was moved to another party")                           \
    X(BLOCKED, "blocked_number", "the number is blocked (security.blockedPrefixes)")               \
    X(PREMIUM, "premium_number", "the number costs extra (security.premiumPrefixes)")              \
    X(COUNTRY, "country_not_allowed", "the country may not be called (security.allowedCountries)") \
    X(NIGHT, "night_hours", "no outside calls at night (security.nightHours)")                     \
    X(OUTSIDE_LIMIT, "outside_limit", "too many outside calls (security.outboundMaxConcurrent)")   \
    X(DEVICE_LIMIT, "device_limit", "the device has used its share of today (security.perDevice)") \
    X(LOOP, "loop", "the call was forwarded in a circle, or too often")                            \
    X(NOT_BUILT, "not_built", "the feature does not exist yet")                                    \
    X(INTERNAL, "internal_error", "a fault of the router; see its log")

enum call_reason {
#define X(name, word, text) CALL_REASON_##name,
    CALL_REASON_MAP(X)
#undef X
};

/** "busy"... Never NULL. */
const char *call_reason_name(enum call_reason reason);
/** A sentence. Never NULL. */
const char *call_reason_text(enum call_reason reason);
/** SIP status that tells a caller the same (one mapping for all): BUSY 486, NO_ANSWER 480... */
uint16_t call_reason_status(enum call_reason reason);
/** What a party's final response means. */
enum call_reason call_reason_from_status(uint16_t sip_status);

#endif

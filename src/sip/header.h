/**
 * @file header.h  Names of header fields: one table with id, long name, compact form, how often it
 * may appear, and how its value is built.
 *
 * To add a header: one row here, then run header_table.py in this folder (the look-up table).
 *
 * Layer:   pure
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_HEADER_H
#define SR_SIP_HEADER_H

#include "sip/token.h"

/** How often a header may be in a message. */
enum sip_many {
    SIP_MANY_ONE,   /* a second one is an error: 400 */
    SIP_MANY_FIRST, /* the first counts, others are ignored */
    SIP_MANY_LIST,  /* comma-separated values, over any number of lines */
    SIP_MANY_LINES, /* any number of lines, commas belong to the value */
};

/** How one value (one element of a list) is built. */
enum sip_kind {
    SIP_KIND_TEXT,     /* anything */
    SIP_KIND_VIA,      /* via.h */
    SIP_KIND_NAMEADDR, /* nameaddr.h */
    SIP_KIND_CONTACT,  /* nameaddr.h, or "*" */
    SIP_KIND_CALLID,   /* word [@ word] */
    SIP_KIND_CSEQ,
    SIP_KIND_RACK,
    SIP_KIND_UINT,  /* digits */
    SIP_KIND_DELTA, /* digits and parameters: Expires-like, Session-Expires, Min-SE */
    SIP_KIND_RETRY, /* digits, comment, parameters */
    SIP_KIND_TOKEN, /* token and parameters: Supported, Allow, Event, Subscription-State, Reason... */
    SIP_KIND_MEDIA, /* type/subtype and parameters */
    SIP_KIND_WARNING,
    SIP_KIND_REPLACES, /* Call-ID and parameters: Replaces, Join, Target-Dialog */
    SIP_KIND_AUTH,     /* scheme and auth-params: digest.h */
};

/*  X(id, name, compact or 0, many, kind) */
#define SIP_HEADER_MAP(X)                                                                          \
    X(VIA, "Via", 'v', LIST, VIA)                                                                  \
    X(FROM, "From", 'f', ONE, NAMEADDR)                                                            \
    X(TO, "To", 't', ONE, NAMEADDR)                                                                \
    X(CALL_ID, "Call-ID", 'i', ONE, CALLID)                                                        \
    X(CSEQ, "CSeq", 0, ONE, CSEQ)                                                                  \
    X(CONTACT, "Contact", 'm', LIST, CONTACT)                                                      \
    X(MAX_FORWARDS, "Max-Forwards", 0, ONE, UINT)                                                  \
    X(CONTENT_LENGTH, "Content-Length", 'l', ONE, UINT)                                            \
    X(CONTENT_TYPE, "Content-Type", 'c', ONE, MEDIA)                                               \
    X(ROUTE, "Route", 0, LIST, NAMEADDR)                                                           \
    X(RECORD_ROUTE, "Record-Route", 0, LIST, NAMEADDR)                                             \
    X(ACCEPT, "Accept", 0, LIST, MEDIA)                                                            \
    X(ACCEPT_CONTACT, "Accept-Contact", 'a', LIST, TEXT)                                           \
    X(ACCEPT_ENCODING, "Accept-Encoding", 0, LIST, TOKEN)                                          \
    X(ACCEPT_LANGUAGE, "Accept-Language", 0, LIST, TOKEN)                                          \
    X(ALERT_INFO, "Alert-Info", 0, LIST, NAMEADDR)                                                 \
    X(ALLOW, "Allow", 0, LIST, TOKEN)                                                              \
    X(ALLOW_EVENTS, "Allow-Events", 'u', LIST, TOKEN)                                              \
    X(ANSWER_MODE, "Answer-Mode", 0, FIRST, TOKEN)                                                 \
    X(AUTHENTICATION_INFO, "Authentication-Info", 0, LINES, TEXT)                                  \
    X(AUTHORIZATION, "Authorization", 0, LINES, AUTH)                                              \
    X(CALL_INFO, "Call-Info", 0, LIST, NAMEADDR)                                                   \
    X(CONTENT_DISPOSITION, "Content-Disposition", 0, FIRST, TOKEN)                                 \
    X(CONTENT_ENCODING, "Content-Encoding", 'e', LIST, TOKEN)                                      \
    X(CONTENT_ID, "Content-ID", 0, FIRST, TEXT)                                                    \
    X(CONTENT_LANGUAGE, "Content-Language", 0, LIST, TOKEN)                                        \
    X(DATE, "Date", 0, FIRST, TEXT)                                                                \
    X(DIVERSION, "Diversion", 0, LIST, NAMEADDR)                                                   \
    X(ERROR_INFO, "Error-Info", 0, LIST, NAMEADDR)                                                 \
    X(EVENT, "Event", 'o', ONE, TOKEN)                                                             \
    X(EXPIRES, "Expires", 0, FIRST, DELTA)                                                         \
    X(FEATURE_CAPS, "Feature-Caps", 0, LIST, TEXT)                                                 \
    X(FLOW_TIMER, "Flow-Timer", 0, FIRST, UINT)                                                    \
    X(GEOLOCATION, "Geolocation", 0, LIST, TEXT)                                                   \
    X(HISTORY_INFO, "History-Info", 0, LIST, NAMEADDR)                                             \
    X(IDENTITY, "Identity", 'y', LINES, TEXT)                                                      \
    X(IDENTITY_INFO, "Identity-Info", 'n', FIRST, TEXT)                                            \
    X(INFO_PACKAGE, "Info-Package", 0, FIRST, TOKEN)                                               \
    X(IN_REPLY_TO, "In-Reply-To", 0, LIST, CALLID)                                                 \
    X(JOIN, "Join", 0, ONE, REPLACES)                                                              \
    X(MAX_BREADTH, "Max-Breadth", 0, FIRST, UINT)                                                  \
    X(MIME_VERSION, "MIME-Version", 0, FIRST, TEXT)                                                \
    X(MIN_EXPIRES, "Min-Expires", 0, FIRST, UINT)                                                  \
    X(MIN_SE, "Min-SE", 0, ONE, DELTA)                                                             \
    X(ORGANIZATION, "Organization", 0, FIRST, TEXT)                                                \
    X(P_ACCESS_NETWORK_INFO, "P-Access-Network-Info", 0, LIST, TEXT)                               \
    X(P_ASSERTED_IDENTITY, "P-Asserted-Identity", 0, LIST, NAMEADDR)                               \
    X(P_ASSOCIATED_URI, "P-Associated-URI", 0, LIST, NAMEADDR)                                     \
    X(P_CALLED_PARTY_ID, "P-Called-Party-ID", 0, FIRST, NAMEADDR)                                  \
    X(P_CHARGING_VECTOR, "P-Charging-Vector", 0, FIRST, TEXT)                                      \
    X(P_EARLY_MEDIA, "P-Early-Media", 0, LIST, TOKEN)                                              \
    X(P_PREFERRED_IDENTITY, "P-Preferred-Identity", 0, LIST, NAMEADDR)                             \
    X(PATH, "Path", 0, LIST, NAMEADDR)                                                             \
    X(PRIORITY, "Priority", 0, FIRST, TOKEN)                                                       \
    X(PRIVACY, "Privacy", 0, FIRST, TEXT)                                                          \
    X(PROXY_AUTHENTICATE, "Proxy-Authenticate", 0, LINES, AUTH)                                    \
    X(PROXY_AUTHORIZATION, "Proxy-Authorization", 0, LINES, AUTH)                                  \
    X(PROXY_REQUIRE, "Proxy-Require", 0, LIST, TOKEN)                                              \
    X(RACK, "RAck", 0, ONE, RACK)                                                                  \
    X(REASON, "Reason", 0, LIST, TOKEN)                                                            \
    X(RECV_INFO, "Recv-Info", 0, LIST, TOKEN)                                                      \
    X(REFER_SUB, "Refer-Sub", 0, FIRST, TOKEN)                                                     \
    X(REFER_TO, "Refer-To", 'r', ONE, NAMEADDR)                                                    \
    X(REFERRED_BY, "Referred-By", 'b', FIRST, NAMEADDR)                                            \
    X(REJECT_CONTACT, "Reject-Contact", 'j', LIST, TEXT)                                           \
    X(REMOTE_PARTY_ID, "Remote-Party-ID", 0, LIST, NAMEADDR)                                       \
    X(REPLACES, "Replaces", 0, ONE, REPLACES)                                                      \
    X(REPLY_TO, "Reply-To", 0, FIRST, NAMEADDR)                                                    \
    X(REQUEST_DISPOSITION, "Request-Disposition", 'd', LIST, TOKEN)                                \
    X(REQUIRE, "Require", 0, LIST, TOKEN)                                                          \
    X(RESOURCE_PRIORITY, "Resource-Priority", 0, LIST, TOKEN)                                      \
    X(RETRY_AFTER, "Retry-After", 0, FIRST, RETRY)                                                 \
    X(RSEQ, "RSeq", 0, ONE, UINT)                                                                  \
    X(SECURITY_CLIENT, "Security-Client", 0, LIST, TOKEN)                                          \
    X(SECURITY_SERVER, "Security-Server", 0, LIST, TOKEN)                                          \
    X(SECURITY_VERIFY, "Security-Verify", 0, LIST, TOKEN)                                          \
    X(SERVER, "Server", 0, FIRST, TEXT)                                                            \
    X(SERVICE_ROUTE, "Service-Route", 0, LIST, NAMEADDR)                                           \
    X(SESSION_EXPIRES, "Session-Expires", 'x', ONE, DELTA)                                         \
    X(SESSION_ID, "Session-ID", 0, FIRST, TEXT)                                                    \
    X(SIP_ETAG, "SIP-ETag", 0, FIRST, TOKEN)                                                       \
    X(SIP_IF_MATCH, "SIP-If-Match", 0, FIRST, TOKEN)                                               \
    X(SUBJECT, "Subject", 's', FIRST, TEXT)                                                        \
    X(SUBSCRIPTION_STATE, "Subscription-State", 0, ONE, TOKEN)                                     \
    X(SUPPORTED, "Supported", 'k', LIST, TOKEN)                                                    \
    X(SUPPRESS_IF_MATCH, "Suppress-If-Match", 0, FIRST, TOKEN)                                     \
    X(TARGET_DIALOG, "Target-Dialog", 0, FIRST, REPLACES)                                          \
    X(TIMESTAMP, "Timestamp", 0, FIRST, TEXT)                                                      \
    X(UNSUPPORTED, "Unsupported", 0, LIST, TOKEN)                                                  \
    X(USER_AGENT, "User-Agent", 0, FIRST, TEXT)                                                    \
    X(USER_TO_USER, "User-to-User", 0, LIST, TEXT)                                                 \
    X(WARNING, "Warning", 0, LIST, WARNING)                                                        \
    X(WWW_AUTHENTICATE, "WWW-Authenticate", 0, LINES, AUTH)

enum sip_hdr {
    SIP_HDR_OTHER = 0, /* a name that is not in the table */
#define X(id, name, compact, many, kind) SIP_HDR_##id,
    SIP_HEADER_MAP(X)
#undef X
    SIP_HDR_COUNT
};

/** The header of that name, long or compact, any case; SIP_HDR_OTHER when unknown. */
enum sip_hdr sip_header_of(struct sr_str name);
/** "Via"...; "" for SIP_HDR_OTHER. Never NULL. */
const char *sip_header_name(enum sip_hdr id);
/** 'v', or 0 when there is no compact form. */
char sip_header_compact(enum sip_hdr id);
enum sip_many sip_header_many(enum sip_hdr id); /* SIP_HDR_OTHER: LINES */
enum sip_kind sip_header_kind(enum sip_hdr id); /* SIP_HDR_OTHER: TEXT */

#endif

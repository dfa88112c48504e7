/**
 * @file build.h  Messages from scratch, and responses from requests.
 *
 * Injection-safe: whatever a value contains, no octet below 0x20 gets out (runs become one space); a
 * name or method that is not a token marks the builder failed. Order of calls: one start (request,
 * response or reply), headers, sip_build_end. Ask for the result once, at the end.
 *
 *     struct sip_build b;
 *     sip_build_init(&b, &buf);
 *     sip_build_reply(&b, msg, 180, &(struct sip_reply_options){.to_tag = tag, .source = &from});
 *     sip_build_text(&b, SIP_HDR_CONTACT, contact);
 *     err = sip_build_end(&b, SR_STR(""), SR_STR(""));
 *
 * Layer:   pure
 * Memory:  appends to the caller's sr_buf; owns nothing
 * Thread:  not shared
 */
#ifndef SR_SIP_BUILD_H
#define SR_SIP_BUILD_H

#include "base/addr.h"
#include "base/buf.h"
#include "sip/msg.h"

struct sip_build { /* fields are private, but is_compact may be set after init */
    struct sr_buf *buf;
    bool is_compact; /* use compact header names */
    bool is_failed;
};

void sip_build_init(struct sip_build *build, struct sr_buf *buf);

/** Request line. `uri` is a URI written already; one with blanks, '<', '>' or controls fails the builder. */
void sip_build_request(struct sip_build *build, enum sip_method method, struct sr_str uri);
void sip_build_request_named(struct sip_build *build, struct sr_str method, struct sr_str uri);
/** Status line; an empty reason gives the default phrase. status 100..699. */
void sip_build_response(struct sip_build *build, uint16_t status, struct sr_str reason);

struct sip_reply_options {
    struct sr_str reason; /* empty: the default phrase */
    struct sr_str to_tag; /* added to To when that has none and status > 100; empty: none added */
    const struct sr_addr *
        source; /* where the request came from: received and rport in the top Via; NULL: Vias as they are */
    bool with_record_route; /* copy Record-Route (dialog-forming 101..299) */
};

/**
 * Status line, and Via (all), From, To, Call-ID, CSeq, and for a 100 Timestamp, byte for byte from a request;
 * what the request lacks is left out. options may be NULL.
 */
void sip_build_reply(struct sip_build *build, struct sip_msg *request, uint16_t status,
                     const struct sip_reply_options *options);

/** "Name: value". */
void sip_build_text(struct sip_build *build, enum sip_hdr id, struct sr_str value);
void sip_build_c(struct sip_build *build, enum sip_hdr id, const char *value);
void sip_build_named(struct sip_build *build, struct sr_str name, struct sr_str value);
void sip_build_uint(struct sip_build *build, enum sip_hdr id, uint64_t value);
void sip_build_fmt(struct sip_build *build, enum sip_hdr id, const char *format, ...)
    SR_PRINTF(3, 4);
void sip_build_cseq(struct sip_build *build, uint32_t number, struct sr_str method);

struct sip_build_via {
    enum sip_transport transport;
    struct sr_str host; /* name or address; IPv6 gets its brackets here */
    uint16_t port;      /* 0: left out */
    struct sr_str branch;
    bool rport_wanted;
    bool alias_wanted; /* RFC 5923 */
};
void sip_build_via(struct sip_build *build, const struct sip_build_via *via);

/** `"display" <uri>;tag=x` and further parameters. display is plain text; uri is written already. */
struct sip_build_addr {
    struct sr_str display;
    struct sr_str uri;
    struct sr_str tag;    /* empty: none */
    struct sr_str params; /* ";a=b" or empty */
};
void sip_build_addr(struct sip_build *build, enum sip_hdr id, const struct sip_build_addr *addr);

/** Reason: protocol;cause=n;text="..."; text plain, may be empty. */
void sip_build_reason(struct sip_build *build, const char *protocol, uint32_t cause,
                      struct sr_str text);

/** Copies every line of that header from a message, byte for byte. */
void sip_build_copy(struct sip_build *build, const struct sip_msg *msg, enum sip_hdr id);

enum {
    SIP_BUILD_OTHERS_MAX =
        SIP_HEADERS_MAX - 64, /* headers passed on: those of our own find room, too */
};
/** Copies the lines of a message but those of the headers named: byte for byte, or made safe where the
    value is folded or has controls in it. SIP_BUILD_OTHERS_MAX of them; more are left out. */
void sip_build_copy_others(struct sip_build *build, const struct sip_msg *msg,
                           const enum sip_hdr *named, size_t named_count);

/**
 * Content-Type (when there is a body), Content-Length, the empty line, the body.
 *
 * @return SR_OK; SR_ERR_LIMIT the buffer is full; SR_ERR_SYNTAX a name, method or URI was not fit
 */
SR_MUST_USE enum sr_err sip_build_end(struct sip_build *build, struct sr_str content_type,
                                      struct sr_str body);

#endif

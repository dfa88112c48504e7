/**
 * @file values.h  Values of the other structured headers. One function per kind; each parses one
 * value (one element of a list, without the name).
 *
 * All: SR_OK; SR_ERR_SYNTAX (answer 400); SR_ERR_LIMIT a number is above what the header allows
 * (answer 400). ret_ is set on success only; reterr_diag may be NULL.
 *
 * Layer:   pure
 * Memory:  borrowed; valid while the parsed text is alive and unchanged
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_VALUES_H
#define SR_SIP_VALUES_H

#include "sip/header.h"
#include "sip/method.h"
#include "sip/token.h"

enum {
    SIP_CSEQ_MAX = 0x7fffffff, /* RFC 3261 8.1.1.5: below 2^31 */
};

/** Digits with LWS around them. Above `max`: SR_ERR_LIMIT. */
SR_MUST_USE enum sr_err sip_uint_parse(struct sr_str text, uint32_t max, uint32_t *ret_value,
                                       struct sip_diag *reterr_diag);

/** Call-ID: word [@ word]. ret_call_id is the trimmed value. */
SR_MUST_USE enum sr_err sip_call_id_parse(struct sr_str text, struct sr_str *ret_call_id,
                                          struct sip_diag *reterr_diag);

struct sip_cseq {
    uint32_t number;
    enum sip_method method;
    struct sr_str method_text;
};
SR_MUST_USE enum sr_err sip_cseq_parse(struct sr_str text, struct sip_cseq *ret_cseq,
                                       struct sip_diag *reterr_diag);

/** RFC 3262 7.2. */
struct sip_rack {
    uint32_t rseq;
    struct sip_cseq cseq;
};
SR_MUST_USE enum sr_err sip_rack_parse(struct sr_str text, struct sip_rack *ret_rack,
                                       struct sip_diag *reterr_diag);

enum sip_refresher {
    SIP_REFRESHER_NONE = 0,
    SIP_REFRESHER_UAC,
    SIP_REFRESHER_UAS,
};

/** Session-Expires, Min-SE (RFC 4028), Expires: digits and parameters. Too large a number is 2^32-1. */
struct sip_delta {
    uint32_t seconds;
    enum sip_refresher refresher;
    struct sr_str params;
};
SR_MUST_USE enum sr_err sip_delta_parse(struct sr_str text, struct sip_delta *ret_delta,
                                        struct sip_diag *reterr_diag);

/** Retry-After: "18000 (in a meeting);duration=3600". Too large a number is 2^32-1. */
struct sip_retry_after {
    uint32_t seconds;
    uint32_t duration_s;   /* 0: not said */
    struct sr_str comment; /* with its brackets */
    struct sr_str params;
};
SR_MUST_USE enum sr_err sip_retry_after_parse(struct sr_str text, struct sip_retry_after *ret_retry,
                                              struct sip_diag *reterr_diag);

/** Content-Type, Accept. An Accept may have "*" as a part. */
struct sip_media_type {
    struct sr_str type;
    struct sr_str subtype;
    struct sr_str params;
};
SR_MUST_USE enum sr_err sip_media_type_parse(struct sr_str text, struct sip_media_type *ret_type,
                                             struct sip_diag *reterr_diag);
/** "application/sdp"; any case; parameters are not compared. */
bool sip_media_type_is(const struct sip_media_type *type, const char *name);

/** token *(;param): Event, Subscription-State, Reason, Supported, Allow, Content-Disposition... */
struct sip_tokenval {
    struct sr_str token;
    struct sr_str params;
};
SR_MUST_USE enum sr_err sip_tokenval_parse(struct sr_str text, struct sip_tokenval *ret_value,
                                           struct sip_diag *reterr_diag);

/** RFC 6665 8.2.1. */
struct sip_event {
    struct sr_str package; /* "presence", "dialog", "message-summary", "refer"... */
    struct sr_str id;      /* empty: none */
    struct sr_str params;
};
SR_MUST_USE enum sr_err sip_event_parse(struct sr_str text, struct sip_event *ret_event,
                                        struct sip_diag *reterr_diag);

/** RFC 6665 8.2.3. */
struct sip_subscription_state {
    struct sr_str state; /* "active", "pending", "terminated", or an extension */
    struct sr_str reason;
    uint32_t expires_s;     /* 0 when not has_expires */
    uint32_t retry_after_s; /* 0: not said */
    bool has_expires;
};
SR_MUST_USE enum sr_err sip_subscription_state_parse(struct sr_str text,
                                                     struct sip_subscription_state *ret_state,
                                                     struct sip_diag *reterr_diag);

/** Replaces (RFC 3891), Join, Target-Dialog (then local-tag is from_tag, remote-tag is to_tag). */
struct sip_replaces {
    struct sr_str call_id;
    struct sr_str to_tag;
    struct sr_str from_tag;
    bool is_early_only;
    struct sr_str params;
};
SR_MUST_USE enum sr_err sip_replaces_parse(struct sr_str text, struct sip_replaces *ret_replaces,
                                           struct sip_diag *reterr_diag);

/** RFC 3326. */
struct sip_reason {
    struct sr_str protocol; /* "SIP", "Q.850" */
    uint32_t cause;         /* 0: not said */
    struct sr_str text;     /* as written, with quotes; decode with sip_unquote */
};
SR_MUST_USE enum sr_err sip_reason_parse(struct sr_str text, struct sip_reason *ret_reason,
                                         struct sip_diag *reterr_diag);

/** Warning: 399 host "text". */
struct sip_warning {
    uint16_t code;       /* 100..999 */
    struct sr_str agent; /* host[:port] or a pseudonym */
    struct sr_str text;  /* with quotes */
};
SR_MUST_USE enum sr_err sip_warning_parse(struct sr_str text, struct sip_warning *ret_warning,
                                          struct sip_diag *reterr_diag);

/** Scheme and the rest: "Digest" and auth-params for digest.h (walk with sip_scan_auth_param). */
struct sip_auth_value {
    struct sr_str scheme;
    struct sr_str params;
};
SR_MUST_USE enum sr_err sip_auth_value_parse(struct sr_str text, struct sip_auth_value *ret_auth,
                                             struct sip_diag *reterr_diag);

/** Privacy (RFC 3323): "id;critical". Does it have that priv-value? */
bool sip_privacy_has(struct sr_str value, const char *priv);

/** Does one value of header `id` have its form? Lists are walked; SIP_HDR_OTHER is always fine. */
SR_MUST_USE enum sr_err sip_value_check(enum sip_hdr id, struct sr_str value,
                                        struct sip_diag *reterr_diag);

#endif

#include "sip/values.h"

#include "sip/nameaddr.h"
#include "sip/span.h"
#include "sip/value_internal.h"
#include "sip/via.h"

static size_t offset_of(const struct sip_scan *scan, struct sr_str text)
{
    return text.n ? (size_t)(scan->p - text.p) : 0;
}

/* Digits of any length; too large a number becomes 2^32-1. */
static bool scan_clamped(struct sip_scan *scan, uint32_t *ret_value)
{
    uint64_t value = 0;
    const char *begin = scan->p;
    for (; scan->p != scan->end && sr_is_digit(*scan->p); scan->p++)
        value = SR_MIN(value * 10 + (uint64_t)(*scan->p - '0'), UINT32_MAX);
    *ret_value = (uint32_t)value;
    return scan->p != begin;
}

enum sr_err sip_uint_parse(struct sr_str text, uint32_t max, uint32_t *ret_value,
                           struct sip_diag *reterr_diag)
{
    uint32_t value;
    if (sip__is_short_uint(text, &value) && value <= max) {
        *ret_value = value;
        return SR_OK;
    }
    enum sr_err err = sr_str_u32(sr_str_trim(text), max, &value);
    if (err == SR_OK)
        *ret_value = value;
    else
        (void)sip_syntax(reterr_diag, 0, err == SR_ERR_LIMIT ? "number too large" : "not a number");
    return err;
}

enum sr_err sip_call_id_parse(struct sr_str text, struct sr_str *ret_call_id,
                              struct sip_diag *reterr_diag)
{
    struct sip_scan scan = sip_scan_of(text);
    struct sr_str id = sip__trim(scan.p, scan.end);
    if (!id.n)
        return sip_syntax(reterr_diag, 0, "empty Call-ID");
    const char *end = id.p + id.n;
    const char *stop = sip__run(id.p, end, SIP_CH_WORD);
    if (stop != id.p && end - stop >= 2 && *stop == '@')
        stop = sip__run(stop + 1, end, SIP_CH_WORD);
    if (stop != end)
        return sip_syntax(reterr_diag, (size_t)(stop - id.p), "malformed Call-ID");
    *ret_call_id = id;
    return SR_OK;
}

static enum sr_err scan_cseq(struct sip_scan *scan, struct sr_str text, struct sip_cseq *ret_cseq,
                             struct sip_diag *reterr_diag)
{
    struct sip_cseq cseq;
    sip_scan_lws(scan);
    if (!sip_scan_uint(scan, SIP_CSEQ_MAX, &cseq.number)) {
        (void)sip_syntax(reterr_diag, offset_of(scan, text), "CSeq number malformed or too large");
        return scan->p != scan->end && sr_is_digit(*scan->p) ? SR_ERR_LIMIT : SR_ERR_SYNTAX;
    }
    const char *before = scan->p;
    sip_scan_lws(scan);
    if (scan->p == before || !sip_scan_token(scan, &cseq.method_text))
        return sip_syntax(reterr_diag, offset_of(scan, text), "CSeq without a method");
    sip_scan_lws(scan);
    if (!sip_scan_at_end(scan))
        return sip_syntax(reterr_diag, offset_of(scan, text), "malformed CSeq");
    cseq.method = sip_method_of(cseq.method_text);
    *ret_cseq = cseq;
    return SR_OK;
}

enum sr_err sip_cseq_parse(struct sr_str text, struct sip_cseq *ret_cseq,
                           struct sip_diag *reterr_diag)
{
    struct sip_scan scan = sip_scan_of(text);
    return scan_cseq(&scan, text, ret_cseq, reterr_diag);
}

enum sr_err sip_rack_parse(struct sr_str text, struct sip_rack *ret_rack,
                           struct sip_diag *reterr_diag)
{
    struct sip_scan scan = sip_scan_of(text);
    struct sip_rack rack;
    sip_scan_lws(&scan);
    if (!sip_scan_uint(&scan, UINT32_MAX, &rack.rseq))
        return sip_syntax(reterr_diag, offset_of(&scan, text), "malformed RAck");
    const char *before = scan.p;
    sip_scan_lws(&scan);
    if (scan.p == before)
        return sip_syntax(reterr_diag, offset_of(&scan, text), "malformed RAck");
    enum sr_err err = scan_cseq(&scan, text, &rack.cseq, reterr_diag);
    if (err == SR_OK)
        *ret_rack = rack;
    return err;
}

enum sr_err sip_delta_parse(struct sr_str text, struct sip_delta *ret_delta,
                            struct sip_diag *reterr_diag)
{
    struct sip_scan scan = sip_scan_of(text);
    struct sip_delta delta = {0};
    struct sr_str value;
    sip_scan_lws(&scan);
    if (!scan_clamped(&scan, &delta.seconds))
        return sip_syntax(reterr_diag, offset_of(&scan, text), "not a number of seconds");
    enum sr_err err = sip_scan_params(&scan, &delta.params, reterr_diag);
    if (err != SR_OK)
        return err;
    if (delta.params.n && sip_param_find(delta.params, "refresher", &value)) {
        if (sr_str_ieq(value, SR_STR("uac")))
            delta.refresher = SIP_REFRESHER_UAC;
        else if (sr_str_ieq(value, SR_STR("uas")))
            delta.refresher = SIP_REFRESHER_UAS;
    }
    *ret_delta = delta;
    return SR_OK;
}

/* A comment, nested brackets and escapes allowed. */
static bool scan_comment(struct sip_scan *scan, struct sr_str *ret_comment)
{
    const char *begin = scan->p;
    const char *p = begin;
    unsigned depth = 0;
    for (; p != scan->end; p++) {
        if (*p == '\\' && p + 1 != scan->end) {
            p++;
        } else if (*p == '(') {
            depth++;
        } else if (*p == ')' && --depth == 0) {
            scan->p = p + 1;
            *ret_comment = sr_str_make(begin, (size_t)(scan->p - begin));
            return true;
        }
    }
    return false;
}

enum sr_err sip_retry_after_parse(struct sr_str text, struct sip_retry_after *ret_retry,
                                  struct sip_diag *reterr_diag)
{
    struct sip_scan scan = sip_scan_of(text);
    struct sip_retry_after retry = {0};
    struct sr_str value;
    sip_scan_lws(&scan);
    if (!scan_clamped(&scan, &retry.seconds))
        return sip_syntax(reterr_diag, offset_of(&scan, text), "not a number of seconds");
    sip_scan_lws(&scan);
    if (scan.p != scan.end && *scan.p == '(' && !scan_comment(&scan, &retry.comment))
        return sip_syntax(reterr_diag, offset_of(&scan, text), "comment not closed");
    enum sr_err err = sip_scan_params(&scan, &retry.params, reterr_diag);
    if (err != SR_OK)
        return err;
    if (sip_param_find(retry.params, "duration", &value)) {
        struct sip_scan number = sip_scan_of(value);
        (void)scan_clamped(&number, &retry.duration_s);
    }
    *ret_retry = retry;
    return SR_OK;
}

enum sr_err sip_media_type_parse(struct sr_str text, struct sip_media_type *ret_type,
                                 struct sip_diag *reterr_diag)
{
    struct sip_scan scan = sip_scan_of(text);
    struct sip_media_type type = {0};
    sip_scan_lws(&scan);
    if (!sip_scan_token(&scan, &type.type) || !sip_scan_sep(&scan, '/') ||
        !sip_scan_token(&scan, &type.subtype))
        return sip_syntax(reterr_diag, offset_of(&scan, text), "malformed media type");
    enum sr_err err = sip_scan_params(&scan, &type.params, reterr_diag);
    if (err == SR_OK)
        *ret_type = type;
    return err;
}

bool sip_media_type_is(const struct sip_media_type *type, const char *name)
{
    struct sr_str rest = sr_str_c(name);
    struct sr_str head;
    return sr_str_split(&rest, '/', &head) && sr_str_ieq(type->type, head) &&
           sr_str_ieq(type->subtype, rest);
}

enum sr_err sip_tokenval_parse(struct sr_str text, struct sip_tokenval *ret_value,
                               struct sip_diag *reterr_diag)
{
    struct sip_scan scan = sip_scan_of(text);
    struct sip_tokenval value = {0};
    sip_scan_lws(&scan);
    if (!sip_scan_token(&scan, &value.token))
        return sip_syntax(reterr_diag, offset_of(&scan, text), "not a token");
    enum sr_err err = sip_scan_params(&scan, &value.params, reterr_diag);
    if (err == SR_OK)
        *ret_value = value;
    return err;
}

enum sr_err sip_event_parse(struct sr_str text, struct sip_event *ret_event,
                            struct sip_diag *reterr_diag)
{
    struct sip_tokenval value;
    struct sip_event event = {0};
    enum sr_err err = sip_tokenval_parse(text, &value, reterr_diag);
    if (err != SR_OK)
        return err;
    event.package = value.token;
    event.params = value.params;
    (void)sip_param_find(value.params, "id", &event.id);
    *ret_event = event;
    return SR_OK;
}

enum sr_err sip_subscription_state_parse(struct sr_str text,
                                         struct sip_subscription_state *ret_state,
                                         struct sip_diag *reterr_diag)
{
    struct sip_tokenval value;
    struct sip_subscription_state state = {0};
    struct sr_str number;
    enum sr_err err = sip_tokenval_parse(text, &value, reterr_diag);
    if (err != SR_OK)
        return err;
    state.state = value.token;
    (void)sip_param_find(value.params, "reason", &state.reason);
    if (sip_param_find(value.params, "expires", &number)) {
        struct sip_scan scan = sip_scan_of(number);
        state.has_expires = scan_clamped(&scan, &state.expires_s);
    }
    if (sip_param_find(value.params, "retry-after", &number)) {
        struct sip_scan scan = sip_scan_of(number);
        (void)scan_clamped(&scan, &state.retry_after_s);
    }
    *ret_state = state;
    return SR_OK;
}

enum sr_err sip_replaces_parse(struct sr_str text, struct sip_replaces *ret_replaces,
                               struct sip_diag *reterr_diag)
{
    struct sip_replaces replaces = {0};
    size_t at = sr_str_find(text, ';', 0);
    enum sr_err err = sip_call_id_parse(sr_str_head(text, at), &replaces.call_id, reterr_diag);
    if (err != SR_OK)
        return err;
    struct sip_scan scan = sip_scan_of(sr_str_from(text, at));
    err = sip_scan_params(&scan, &replaces.params, reterr_diag);
    if (err != SR_OK)
        return err;
    if (!sip_param_find(replaces.params, "to-tag", &replaces.to_tag))
        (void)sip_param_find(replaces.params, "remote-tag", &replaces.to_tag);
    if (!sip_param_find(replaces.params, "from-tag", &replaces.from_tag))
        (void)sip_param_find(replaces.params, "local-tag", &replaces.from_tag);
    if (!replaces.to_tag.n || !replaces.from_tag.n)
        return sip_syntax(reterr_diag, at, "tag missing");
    replaces.is_early_only = sip_param_find(replaces.params, "early-only", NULL);
    *ret_replaces = replaces;
    return SR_OK;
}

enum sr_err sip_reason_parse(struct sr_str text, struct sip_reason *ret_reason,
                             struct sip_diag *reterr_diag)
{
    struct sip_tokenval value;
    struct sip_reason reason = {0};
    struct sr_str number;
    enum sr_err err = sip_tokenval_parse(text, &value, reterr_diag);
    if (err != SR_OK)
        return err;
    reason.protocol = value.token;
    (void)sip_param_find(value.params, "text", &reason.text);
    if (sip_param_find(value.params, "cause", &number)) {
        struct sip_scan scan = sip_scan_of(number);
        (void)scan_clamped(&scan, &reason.cause);
    }
    *ret_reason = reason;
    return SR_OK;
}

enum sr_err sip_warning_parse(struct sr_str text, struct sip_warning *ret_warning,
                              struct sip_diag *reterr_diag)
{
    struct sip_scan scan = sip_scan_of(text);
    struct sip_warning warning = {0};
    uint32_t code = 0;
    sip_scan_lws(&scan);
    const char *begin = scan.p;
    if (!sip_scan_uint(&scan, 999, &code) || scan.p - begin != 3 || code < 100)
        return sip_syntax(reterr_diag, offset_of(&scan, text), "malformed warning code");
    warning.code = (uint16_t)code;
    sip_scan_lws(&scan);
    begin = scan.p;
    while (scan.p != scan.end && !sip_is(*scan.p, SIP_CH_LWS) && *scan.p != '"')
        scan.p++;
    warning.agent = sr_str_make(begin, (size_t)(scan.p - begin));
    sip_scan_lws(&scan);
    if (!warning.agent.n || !sip_scan_quoted(&scan, &warning.text))
        return sip_syntax(reterr_diag, offset_of(&scan, text), "malformed warning");
    sip_scan_lws(&scan);
    if (!sip_scan_at_end(&scan))
        return sip_syntax(reterr_diag, offset_of(&scan, text), "malformed warning");
    *ret_warning = warning;
    return SR_OK;
}

enum sr_err sip_auth_value_parse(struct sr_str text, struct sip_auth_value *ret_auth,
                                 struct sip_diag *reterr_diag)
{
    struct sip_scan scan = sip_scan_of(text);
    struct sip_auth_value auth = {0};
    sip_scan_lws(&scan);
    if (!sip_scan_token(&scan, &auth.scheme) || scan.p == scan.end || !sip_is(*scan.p, SIP_CH_LWS))
        return sip_syntax(reterr_diag, offset_of(&scan, text), "malformed credentials");
    sip_scan_lws(&scan);
    auth.params = sr_str_make(scan.p, (size_t)(scan.end - scan.p));
    *ret_auth = auth;
    return SR_OK;
}

bool sip_privacy_has(struct sr_str value, const char *priv)
{
    struct sr_str item;
    while (sr_str_split(&value, ';', &item))
        if (sr_str_ieq_c(sr_str_trim(item), priv))
            return true;
    return false;
}

static enum sr_err check_nameaddr(enum sip_kind kind, struct sr_str item, struct sip_diag *diag)
{
    struct sip_nameaddr addr;
    enum sr_err err = sip__nameaddr_read(item, &addr, diag);
    if (err == SR_OK && addr.is_star && kind != SIP_KIND_CONTACT)
        return sip_syntax(diag, 0, "'*' is no address");
    return err;
}

/* One value, or one element of a list. */
static enum sr_err check_item(enum sip_kind kind, struct sr_str item, struct sip_diag *diag)
{
    union {
        struct sip_via via;
        struct sip_cseq cseq;
        struct sip_rack rack;
        struct sip_delta delta;
        struct sip_retry_after retry;
        struct sip_tokenval token;
        struct sip_media_type media;
        struct sip_warning warning;
        struct sip_replaces replaces;
        struct sip_auth_value auth;
        struct sr_str text;
        uint32_t number;
    } to;
    switch (kind) {
    case SIP_KIND_VIA:
        return sip__via_read(item, &to.via, diag);
    case SIP_KIND_NAMEADDR:
    case SIP_KIND_CONTACT:
        return check_nameaddr(kind, item, diag);
    case SIP_KIND_CALLID:
        return sip_call_id_parse(item, &to.text, diag);
    case SIP_KIND_CSEQ:
        return sip_cseq_parse(item, &to.cseq, diag);
    case SIP_KIND_RACK:
        return sip_rack_parse(item, &to.rack, diag);
    case SIP_KIND_UINT:
        return sip_uint_parse(item, UINT32_MAX, &to.number, diag);
    case SIP_KIND_DELTA:
        return sip_delta_parse(item, &to.delta, diag);
    case SIP_KIND_RETRY:
        return sip_retry_after_parse(item, &to.retry, diag);
    case SIP_KIND_TOKEN:
        return sip_tokenval_parse(item, &to.token, diag);
    case SIP_KIND_MEDIA:
        return sip_media_type_parse(item, &to.media, diag);
    case SIP_KIND_WARNING:
        return sip_warning_parse(item, &to.warning, diag);
    case SIP_KIND_REPLACES:
        return sip_replaces_parse(item, &to.replaces, diag);
    case SIP_KIND_AUTH:
        return sip_auth_value_parse(item, &to.auth, diag);
    case SIP_KIND_TEXT:
        break;
    }
    return SR_OK;
}

enum sr_err sip_value_check(enum sip_hdr id, struct sr_str value, struct sip_diag *reterr_diag)
{
    enum sip_kind kind = sip_header_kind(id);
    if (kind == SIP_KIND_TEXT)
        return SR_OK;
    if (sip_header_many(id) != SIP_MANY_LIST)
        return check_item(kind, value, reterr_diag);
    struct sr_str rest = value;
    struct sr_str item;
    enum sr_err err = SR_OK;
    while (err == SR_OK && sip_list_next(&rest, &item)) {
        err = check_item(kind, item, reterr_diag);
        if (err != SR_OK && reterr_diag)
            reterr_diag->offset += (size_t)(item.p - value.p);
    }
    return err;
}

/**
 * @file token.h  The scanner of the room: characters, tokens, quoted strings, LWS, parameters
 * (RFC 3261 section 25.1).
 *
 * LWS here is any run of SP, HT, CR and LF: the header index has already proved that a CR LF inside
 * a value is a fold.
 *
 * Layer:   pure
 * Memory:  views into the scanned text; nothing owned
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_TOKEN_H
#define SR_SIP_TOKEN_H

#include "base/buf.h"
#include "base/str.h"

/** Where and why a parse stopped. Filled on failure only. */
struct sip_diag {
    size_t offset;   /* into the text given to the parse function */
    const char *why; /* static text in words, without a final stop */
};

/** Classes of characters; test with sip_is(). */
enum {
    SIP_CH_TOKEN = 1 << 0,  /* alphanum - . ! % * _ + ` ' ~ */
    SIP_CH_LWS = 1 << 1,    /* SP HT CR LF */
    SIP_CH_USER = 1 << 2,   /* unreserved, user-unreserved (& = + $ , ; ? /) */
    SIP_CH_PASSWD = 1 << 3, /* unreserved & = + $ , */
    SIP_CH_PARAM = 1 << 4,  /* paramchar of a URI without the escape: unreserved [ ] / : & + $ */
    SIP_CH_HEADER = 1 << 5, /* hnv of a URI header: unreserved [ ] / ? : + $ */
    SIP_CH_WORD = 1 << 6,   /* word of a Call-ID */
    SIP_CH_HOST = 1 << 7,   /* alphanum - . _ (host names in use have underscores) */
};

extern const uint8_t sip_char_class[256];

static inline bool sip_is(char c, unsigned classes)
{
    return (sip_char_class[(uint8_t)c] & classes) != 0;
}

struct sip_scan {
    const char *p;
    const char *end;
};

static inline struct sip_scan sip_scan_of(struct sr_str text)
{
    return (struct sip_scan){text.p, text.n ? text.p + text.n : text.p};
}

static inline bool sip_scan_at_end(const struct sip_scan *scan)
{
    return scan->p == scan->end;
}

/** Skips LWS; may be none. */
static inline void sip_scan_lws(struct sip_scan *scan)
{
    while (scan->p != scan->end && sip_is(*scan->p, SIP_CH_LWS))
        scan->p++;
}

/** Takes exactly `c`, no LWS. */
static inline bool sip_scan_char(struct sip_scan *scan, char c)
{
    if (scan->p == scan->end || *scan->p != c)
        return false;
    scan->p++;
    return true;
}

/** Takes `c` with LWS around it (SEMI, EQUAL, COMMA...). When absent nothing moves. */
static inline bool sip_scan_sep(struct sip_scan *scan, char c)
{
    const char *p = scan->p;
    while (p != scan->end && sip_is(*p, SIP_CH_LWS))
        p++;
    if (p == scan->end || *p != c)
        return false;
    p++;
    while (p != scan->end && sip_is(*p, SIP_CH_LWS))
        p++;
    scan->p = p;
    return true;
}

/** Takes at least one character of the classes. */
static inline bool sip_scan_run(struct sip_scan *scan, unsigned classes, struct sr_str *ret_run)
{
    const char *begin = scan->p;
    const char *p = begin;
    while (p != scan->end && sip_is(*p, classes))
        p++;
    if (p == begin)
        return false;
    scan->p = p;
    *ret_run = sr_str_make(begin, (size_t)(p - begin));
    return true;
}

/** Takes a token. */
static inline bool sip_scan_token(struct sip_scan *scan, struct sr_str *ret_token)
{
    return sip_scan_run(scan, SIP_CH_TOKEN, ret_token);
}

/** Takes a quoted string; ret_text has the quotes. False when it does not start with a quote or is not closed. */
bool sip_scan_quoted(struct sip_scan *scan, struct sr_str *ret_text);
/** Takes decimal digits worth at most `max`. */
bool sip_scan_uint(struct sip_scan *scan, uint32_t max, uint32_t *ret_value);

/** Is all of it one token? Is it non-empty? */
bool sip_is_token(struct sr_str text);

/** One ";name=value" of a header. */
struct sip_param {
    struct sr_str name;
    struct sr_str value; /* as written: token, host, or quoted string with its quotes */
    bool has_value;
};

/**
 * Takes ";name[=value]" with LWS wherever the grammar has it.
 *
 * @return SR_OK
 *         SR_ERR_NOTFOUND  no ';' here (nothing moved but LWS)
 *         SR_ERR_SYNTAX    a ';' without a well-formed parameter behind it
 */
SR_MUST_USE enum sr_err sip_scan_param(struct sip_scan *scan, struct sip_param *ret_param);

/**
 * Takes all parameters up to the end of the text.
 *
 * @param[out] ret_params  view from the first ';' to the end, empty without parameters; walk it with
 *                         sip_param_next, search it with sip_param_find
 */
SR_MUST_USE enum sr_err sip_scan_params(struct sip_scan *scan, struct sr_str *ret_params,
                                        struct sip_diag *reterr_diag);

/** Walks parameters: start with *rest = params; false at the end (or at the first fault). */
bool sip_param_next(struct sr_str *rest, struct sip_param *ret_param);
/** First parameter of that name (case-insensitive); ret_value may be NULL; "" when it has no value. */
bool sip_param_find(struct sr_str params, const char *name, struct sr_str *ret_value);

/**
 * Takes "name = value" of a comma-separated list (digest, RFC 3261 auth-param) and the comma behind
 * it. Walk: while (sip_scan_auth_param(...) == SR_OK).
 *
 * @return SR_OK; SR_ERR_NOTFOUND at the end; SR_ERR_SYNTAX
 */
SR_MUST_USE enum sr_err sip_scan_auth_param(struct sip_scan *scan, struct sip_param *ret_param);

/** Next element of a comma-separated value: commas in quotes and in <> do not split; empty elements
    are skipped; trimmed. Start with *rest = value; false at the end. */
bool sip_list_next(struct sr_str *rest, struct sr_str *ret_item);

/** Appends what a token or quoted string means: quotes and backslashes removed, folds made one space. */
void sip_unquote(struct sr_str text, struct sr_buf *buf);
/** As sip_unquote, compared with plain text, case-sensitive. */
bool sip_unquoted_eq(struct sr_str text, struct sr_str plain);
/** Appends `plain` as a quoted string: '"' and '\' escaped, octets below 0x20 and 0x7f left out. */
void sip_quote(struct sr_str plain, struct sr_buf *buf);
/** Appends text made safe for a header line: every run of octets below 0x20 becomes one space. */
void sip_write_safe(struct sr_str text, struct sr_buf *buf);

/** Fills *reterr_diag (NULL allowed) and gives SR_ERR_SYNTAX. */
enum sr_err sip_syntax(struct sip_diag *reterr_diag, size_t offset, const char *why);

#endif

#include "sip/msg.h"

#include "sip/header_internal.h"
#include "sip/span.h"
#include "sip/value_internal.h"

/* bits of cache_done and cache_good */
enum {
    CACHE_URI = 1 << 0,
    CACHE_VIA = 1 << 1,
    CACHE_FROM = 1 << 2,
    CACHE_TO = 1 << 3,
    CACHE_CONTACT = 1 << 4,
    CACHE_CSEQ = 1 << 5,
    CACHE_CALL_ID = 1 << 6,
};

/* cold: kept out of the loop over the headers */
__attribute__((cold, noinline)) static void fault(struct sip_msg *msg, size_t offset,
                                                  const char *why)
{
    if (msg->fault_why)
        return;
    msg->fault_why = why;
    msg->fault_offset = (uint16_t)SR_MIN(offset, (size_t)UINT16_MAX);
}

/* As line_end, from the first control at p (or the end) on. */
static const char *line_end_slow(struct sip_msg *msg, const char *begin, const char *p,
                                 const char *end, const char **ret_next)
{
    for (;; p = sip__find_control(p + 1, end)) {
        if (p == end) {
            *ret_next = end;
            return end;
        }
        if (*p == '\n') {
            *ret_next = p + 1;
            return p;
        }
        if (*p == '\r' && p + 1 != end && p[1] == '\n') {
            *ret_next = p + 2;
            return p;
        }
        if (*p == '\r' || p == begin || p[-1] != '\\')
            fault(msg, (size_t)(p - msg->text.p), "control character in header");
    }
}

/**
 * End of the line's text; *ret_next is behind its line end (== the text's end when there was none).
 * Other controls are a fault, but for those escaped in a quoted string.
 */
static inline const char *line_end(struct sip_msg *msg, const char *begin, const char *end,
                                   const char **ret_next)
{
    const char *p = sip__find_control(begin, end);
    if (end - p >= 2 && p[0] == '\r' && p[1] == '\n') {
        *ret_next = p + 2;
        return p;
    }
    return line_end_slow(msg, begin, p, end, ret_next);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* --- start line ---------------------------------------------------------------------------------- */

static struct sr_str rtrim(const char *p, const char *end)
{
    while (end != p && is_blank(end[-1]))
        end--;
    return sr_str_make(p, (size_t)(end - p));
}

/* "SIP/2.0" with any version. */
static bool take_version(struct sr_str text, struct sr_str *ret_version)
{
    if (text.n == 7 && memcmp(text.p, "SIP/2.0", 7) == 0) {
        *ret_version = sr_str_make(text.p + 4, 3);
        return true;
    }
    if (text.n < 5 || !sr_str_istarts(text, SR_STR("SIP/")))
        return false;
    *ret_version = sr_str_from(text, 4);
    for (size_t i = 0; i < ret_version->n; i++)
        if (!sr_is_digit(ret_version->p[i]) && ret_version->p[i] != '.')
            return false;
    return sr_is_digit(ret_version->p[0]);
}

static bool parse_status_line(struct sip_msg *msg, struct sr_str line)
{
    struct sr_str rest = line;
    struct sr_str part;
    if (!line.n || sr_lower(line.p[0]) != 's') /* most begin with a method */
        return false;
    if (!sr_str_split(&rest, ' ', &part) || !take_version(part, &msg->version))
        return false;
    msg->is_request = false;
    if (!sr_str_split(&rest, ' ', &part))
        part = sr_str_make(line.p, 0);
    uint32_t status = 0;
    if (part.n != 3 || sr_str_u32(part, 699, &status) != SR_OK || status < 100) {
        fault(msg, 0, "malformed status code");
        status = 0;
    }
    msg->status = (uint16_t)status;
    msg->reason = rest;
    return true;
}

static bool parse_request_line(struct sip_msg *msg, struct sr_str line)
{
    struct sr_str text = rtrim(line.p, line.p + line.n);
    const char *end = text.p + text.n;
    struct sip_scan scan = sip_scan_of(text);
    if (!sip_scan_token(&scan, &msg->method_text) || scan.p == end || !is_blank(*scan.p))
        return false;
    const char *version = end;
    while (version != scan.p && !is_blank(version[-1]))
        version--;
    if (!take_version(sr_str_make(version, (size_t)(end - version)), &msg->version))
        return false;
    const char *uri = scan.p;
    while (uri != version && is_blank(*uri))
        uri++;
    msg->uri_text = uri == version ? sr_str_make(uri, 0) : rtrim(uri, version);
    msg->is_request = true;
    msg->method = sip_method_of(msg->method_text);
    if (!msg->uri_text.n)
        fault(msg, 0, "Request-URI missing");
    else if (text.n != line.n || *scan.p != ' ' || uri != scan.p + 1 ||
             msg->uri_text.p + msg->uri_text.n + 1 != version)
        fault(msg, 0, "extra blanks in request line");
    return true;
}

/* --- headers ------------------------------------------------------------------------------------- */

struct index_run {
    struct sip_msg *msg;
    const char *end; /* of the text */
    size_t slot_count;
    uint16_t last[SIP_HDR_COUNT]; /* set where msg->first is */
};

/* The next free slot, in the chain of its id; NULL when there is none. Fields are then written in
   place: copying a header made of small fields would stall. */
static struct sip_header *new_header(struct index_run *run, enum sip_hdr id)
{
    struct sip_msg *msg = run->msg;
    if (msg->header_count >= run->slot_count)
        return NULL;
    struct sip_header *header = &msg->headers[msg->header_count];
    uint16_t index1 = ++msg->header_count;
    if (msg->first[id])
        msg->headers[run->last[id] - 1].next_same = index1;
    else
        msg->first[id] = index1;
    run->last[id] = index1;
    header->id = (uint8_t)id;
    header->next_same = 0;
    return header;
}

/* Where the line at p has its parts, and which header it is. */
struct line {
    const char *name_end;
    const char *value; /* behind the colon; behind the name when is_good is false */
    enum sip_hdr id;
    bool is_good;
};

static inline struct line split_line(const char *p, const char *end)
{
    size_t n;
    struct line line = {.id = sip__header_at(p, end, &n)};
    if (line.id != SIP_HDR_OTHER) {
        line.name_end = p + n;
        line.value = line.name_end + 1;
        line.is_good = true;
        return line;
    }
    line.name_end = sip__run(p, end, SIP_CH_TOKEN);
    line.value = line.name_end;
    const char *colon = line.name_end;
    while (colon != end && is_blank(*colon))
        colon++;
    line.is_good = colon != end && *colon == ':' && line.name_end != p;
    if (line.is_good) {
        line.value = colon + 1;
        line.id = sip_header_of(sr_str_make(p, (size_t)(line.name_end - p)));
    }
    return line;
}

/* One header with its folds; gives where the next begins. */
static inline const char *take_header(struct index_run *run, const char *p)
{
    struct sip_msg *msg = run->msg;
    const char *text = msg->text.p;
    const char *next;
    struct line line = split_line(p, run->end);
    const char *stop = line_end(msg, line.value, run->end, &next);
    bool is_folded = false;
    while (next != run->end && (uint8_t)*next <= ' ' && is_blank(*next)) {
        is_folded = true;
        stop = line_end(msg, next, run->end, &next);
    }
    if (!line.is_good) {
        fault(msg, (size_t)(p - text), "malformed header line");
        return next;
    }
    if (next - p > SIP_LINE_BYTES_MAX)
        fault(msg, (size_t)(p - text), "header too long");
    struct sip_header *header = new_header(run, line.id);
    if (!header) {
        fault(msg, (size_t)(p - text), "too many headers");
        return next;
    }
    struct sr_str value = sip__trim(line.value, stop);
    header->begin = (uint16_t)(p - text);
    header->name_len = (uint16_t)(line.name_end - p);
    header->value = (uint16_t)(value.p - text);
    header->value_len = (uint16_t)value.n;
    header->end = (uint16_t)(next - text);
    header->is_folded = is_folded;
    return next;
}

/* 0: no line end at p */
static size_t line_end_len(const char *p, const char *end)
{
    if (*p == '\n')
        return 1;
    return *p == '\r' && p + 1 != end && p[1] == '\n' ? 2 : 0;
}

static void index_headers(struct index_run *run, const char *p)
{
    struct sip_msg *msg = run->msg;
    for (;;) {
        if (p == run->end) {
            msg->is_cut = true;
            fault(msg, msg->text.n, "end of headers missing");
            break;
        }
        if ((uint8_t)*p <= '\r') {
            size_t n = line_end_len(p, run->end);
            p += n;
            if (n)
                break;
        }
        p = take_header(run, p);
    }
    msg->head_len = (uint16_t)(p - msg->text.p);
}

static void take_body(struct sip_msg *msg)
{
    msg->body = sr_str_from(msg->text, msg->head_len);
    const struct sip_header *length = sip_msg_find(msg, SIP_HDR_CONTENT_LENGTH);
    if (!length || length->next_same)
        return;
    enum sr_err err =
        sip_uint_parse(sip_header_value(msg, length), UINT32_MAX, &msg->content_length, NULL);
    if (err != SR_OK)
        return;
    msg->has_length = true;
    msg->is_shorter = msg->content_length > msg->body.n;
    msg->body = sr_str_head(msg->body, msg->content_length);
}

enum sr_err sip_msg_parse(struct sr_str bytes, struct sip_header *slots, size_t slot_count,
                          struct sip_msg *ret_msg, struct sip_diag *reterr_diag)
{
    struct sip_msg *msg = ret_msg;
    while (bytes.n && (*bytes.p == '\r' || *bytes.p == '\n'))
        bytes = sr_str_from(bytes, 1);
    if (!bytes.n)
        return SR_ERR_AGAIN;
    if (bytes.n > SIP_MSG_BYTES_MAX) {
        (void)sip_syntax(reterr_diag, 0, "message too long");
        return SR_ERR_LIMIT;
    }
    memset(msg, 0, offsetof(struct sip_msg, cache_uri));
    msg->text = bytes;
    msg->headers = slots;
    struct index_run run;
    run.msg = msg;
    run.end = bytes.p + bytes.n;
    run.slot_count = SR_MIN(slot_count, (size_t)SIP_HEADERS_MAX);
    const char *next;
    const char *stop = line_end(msg, bytes.p, run.end, &next);
    struct sr_str line = sr_str_make(bytes.p, (size_t)(stop - bytes.p));
    if (line.n > SIP_LINE_BYTES_MAX)
        return sip_syntax(reterr_diag, 0, "start line too long");
    if (!parse_status_line(msg, line) && !parse_request_line(msg, line))
        return sip_syntax(reterr_diag, 0, "no SIP start line");
    msg->start_len = (uint16_t)(next - bytes.p);
    index_headers(&run, next);
    take_body(msg);
    return SR_OK;
}

struct sip_msg *sip_msg_keep(struct sr_arena *arena, struct sr_str bytes, enum sr_err *reterr)
{
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_msg *msg = sr_arena_alloc(arena, sizeof *msg);
    *reterr = SR_ERR_LIMIT;
    if (!msg || bytes.n > SIP_MSG_BYTES_MAX)
        return NULL;
    struct sr_str copy = sr_arena_str(arena, bytes);
    if (bytes.n && !copy.p)
        return NULL;
    *reterr = sip_msg_parse(copy, slots, SIP_HEADERS_MAX, msg, NULL);
    if (*reterr != SR_OK)
        return NULL;
    msg->headers = sr_arena_array(arena, SR_MAX(msg->header_count, 1), sizeof *msg->headers);
    if (!msg->headers) {
        *reterr = SR_ERR_LIMIT;
        return NULL;
    }
    memcpy(msg->headers, slots, msg->header_count * sizeof *msg->headers);
    return msg;
}

/* --- look-up ------------------------------------------------------------------------------------- */

const struct sip_header *sip_msg_find(const struct sip_msg *msg, enum sip_hdr id)
{
    SR_ASSERT((unsigned)id < SIP_HDR_COUNT);
    uint16_t index1 = msg->first[id];
    return index1 ? &msg->headers[index1 - 1] : NULL;
}

const struct sip_header *sip_msg_next(const struct sip_msg *msg, const struct sip_header *header)
{
    return header->next_same ? &msg->headers[header->next_same - 1] : NULL;
}

const struct sip_header *sip_msg_find_name(const struct sip_msg *msg, struct sr_str name)
{
    enum sip_hdr id = sip_header_of(name);
    const struct sip_header *header = sip_msg_find(msg, id);
    if (id != SIP_HDR_OTHER)
        return header;
    while (header && !sr_str_ieq(sip_header_text(msg, header), name))
        header = sip_msg_next(msg, header);
    return header;
}

struct sr_str sip_header_text(const struct sip_msg *msg, const struct sip_header *header)
{
    return sr_str_make(msg->text.p + header->begin, header->name_len);
}

struct sr_str sip_header_value(const struct sip_msg *msg, const struct sip_header *header)
{
    return sr_str_make(msg->text.p + header->value, header->value_len);
}

struct sr_str sip_header_raw(const struct sip_msg *msg, const struct sip_header *header)
{
    return sr_str_make(msg->text.p + header->begin, (size_t)(header->end - header->begin));
}

struct sr_str sip_msg_value(const struct sip_msg *msg, enum sip_hdr id)
{
    const struct sip_header *header = sip_msg_find(msg, id);
    return header ? sip_header_value(msg, header) : sr_str_make(NULL, 0);
}

unsigned sip_msg_count(const struct sip_msg *msg, enum sip_hdr id)
{
    unsigned count = 0;
    for (const struct sip_header *h = sip_msg_find(msg, id); h; h = sip_msg_next(msg, h))
        count++;
    return count;
}

struct sip_values sip_msg_values(const struct sip_msg *msg, enum sip_hdr id)
{
    struct sip_values values = {.msg = msg, .header = sip_msg_find(msg, id)};
    values.is_list = sip_header_many(id) == SIP_MANY_LIST;
    if (values.header)
        values.rest = sip_header_value(msg, values.header);
    return values;
}

bool sip_values_next(struct sip_values *values, struct sr_str *ret_value)
{
    while (values->header) {
        if (values->is_list) {
            if (sip_list_next(&values->rest, ret_value))
                return true;
        } else {
            *ret_value = values->rest;
        }
        values->header = sip_msg_next(values->msg, values->header);
        if (values->header)
            values->rest = sip_header_value(values->msg, values->header);
        if (!values->is_list)
            return true;
    }
    return false;
}

bool sip_msg_has_token(const struct sip_msg *msg, enum sip_hdr id, const char *token)
{
    struct sip_values values = sip_msg_values(msg, id);
    struct sr_str value;
    while (sip_values_next(&values, &value)) {
        size_t at = sr_str_find(value, ';', 0);
        if (sr_str_ieq_c(sr_str_trim(sr_str_head(value, at)), token))
            return true;
    }
    return false;
}

/* --- parsed values ------------------------------------------------------------------------------- */

/* The first value of a list header that has one on its first line and nothing else there, or of any
   other header; else by the walk. */
static inline bool first_value(const struct sip_msg *msg, enum sip_hdr id, bool is_list,
                               struct sr_str *ret_value)
{
    uint16_t index1 = msg->first[id];
    if (!index1)
        return false;
    *ret_value = sip_header_value(msg, &msg->headers[index1 - 1]);
    if (!is_list || (ret_value->n && !memchr(ret_value->p, ',', ret_value->n)))
        return true;
    struct sip_values values = sip_msg_values(msg, id);
    return sip_values_next(&values, ret_value);
}

/* True when the value must still be parsed; `ret_value` is the first one of that header. */
static inline bool cache_asks(struct sip_msg *msg, unsigned bit, enum sip_hdr id,
                              struct sr_str *ret_value)
{
    if (msg->cache_done & bit)
        return false;
    msg->cache_done = (uint16_t)(msg->cache_done | bit);
    return first_value(msg, id, bit & (CACHE_VIA | CACHE_CONTACT), ret_value);
}

static void cache_set(struct sip_msg *msg, unsigned bit, enum sr_err err)
{
    if (err == SR_OK)
        msg->cache_good = (uint16_t)(msg->cache_good | bit);
}

const struct sip_uri *sip_msg_uri(struct sip_msg *msg)
{
    if (!(msg->cache_done & CACHE_URI)) {
        msg->cache_done |= CACHE_URI;
        cache_set(msg, CACHE_URI, sip__uri_read(msg->uri_text, &msg->cache_uri, NULL));
    }
    return msg->cache_good & CACHE_URI ? &msg->cache_uri : NULL;
}

const struct sip_via *sip_msg_via(struct sip_msg *msg)
{
    struct sr_str value;
    if (cache_asks(msg, CACHE_VIA, SIP_HDR_VIA, &value))
        cache_set(msg, CACHE_VIA, sip__via_read(value, &msg->cache_via, NULL));
    return msg->cache_good & CACHE_VIA ? &msg->cache_via : NULL;
}

static const struct sip_nameaddr *cached_addr(struct sip_msg *msg, unsigned bit, enum sip_hdr id,
                                              struct sip_nameaddr *addr)
{
    struct sr_str value;
    if (cache_asks(msg, bit, id, &value)) {
        enum sr_err err = sip__nameaddr_read(value, addr, NULL);
        if (err == SR_OK && (!addr->is_star || id == SIP_HDR_CONTACT))
            cache_set(msg, bit, SR_OK);
    }
    return msg->cache_good & bit ? addr : NULL;
}

const struct sip_nameaddr *sip_msg_from(struct sip_msg *msg)
{
    return cached_addr(msg, CACHE_FROM, SIP_HDR_FROM, &msg->cache_from);
}

const struct sip_nameaddr *sip_msg_to(struct sip_msg *msg)
{
    return cached_addr(msg, CACHE_TO, SIP_HDR_TO, &msg->cache_to);
}

const struct sip_nameaddr *sip_msg_contact(struct sip_msg *msg)
{
    return cached_addr(msg, CACHE_CONTACT, SIP_HDR_CONTACT, &msg->cache_contact);
}

const struct sip_cseq *sip_msg_cseq(struct sip_msg *msg)
{
    struct sr_str value;
    if (cache_asks(msg, CACHE_CSEQ, SIP_HDR_CSEQ, &value))
        cache_set(msg, CACHE_CSEQ, sip_cseq_parse(value, &msg->cache_cseq, NULL));
    return msg->cache_good & CACHE_CSEQ ? &msg->cache_cseq : NULL;
}

struct sr_str sip_msg_call_id(struct sip_msg *msg)
{
    struct sr_str value;
    if (cache_asks(msg, CACHE_CALL_ID, SIP_HDR_CALL_ID, &value))
        cache_set(msg, CACHE_CALL_ID, sip_call_id_parse(value, &msg->cache_call_id, NULL));
    return msg->cache_good & CACHE_CALL_ID ? msg->cache_call_id : sr_str_make(NULL, 0);
}

bool sip_msg_uint(const struct sip_msg *msg, enum sip_hdr id, uint32_t *ret_value)
{
    const struct sip_header *header = sip_msg_find(msg, id);
    struct sip_delta delta;
    if (header && sip__is_short_uint(sip_header_value(msg, header), ret_value))
        return true;
    if (!header || sip_delta_parse(sip_header_value(msg, header), &delta, NULL) != SR_OK)
        return false;
    *ret_value = delta.seconds;
    return true;
}

bool sip_msg_body_is(const struct sip_msg *msg, const char *type)
{
    const struct sip_header *header = sip_msg_find(msg, SIP_HDR_CONTENT_TYPE);
    struct sip_media_type media;
    return msg->body.n && header &&
           sip_media_type_parse(sip_header_value(msg, header), &media, NULL) == SR_OK &&
           sip_media_type_is(&media, type);
}

bool sip_msg_accepts(const struct sip_msg *msg, const char *type, bool otherwise)
{
    if (!sip_msg_find(msg, SIP_HDR_ACCEPT))
        return otherwise;
    struct sip_values values = sip_msg_values(msg, SIP_HDR_ACCEPT);
    struct sr_str rest = sr_str_c(type);
    struct sr_str head;
    struct sr_str value;
    (void)sr_str_split(&rest, '/', &head);
    while (sip_values_next(&values, &value)) {
        struct sip_media_type media;
        if (sip_media_type_parse(value, &media, NULL) != SR_OK)
            continue;
        if ((sr_str_eq_c(media.type, "*") || sr_str_ieq(media.type, head)) &&
            (sr_str_eq_c(media.subtype, "*") || sr_str_ieq(media.subtype, rest)))
            return true;
    }
    return false;
}

#include "net/dns.h"

enum {
    HEADER_BYTES = 12,
    POINTERS_MAX = 32,
    RCODE_NXDOMAIN = 3,
};

/* A place in the answer; every read checks. */
struct reader {
    const uint8_t *p;
    size_t n;
    size_t at;
};

static bool read_u16(struct reader *r, uint16_t *ret_value)
{
    if (r->n - r->at < 2)
        return false;
    *ret_value = (uint16_t)((uint16_t)r->p[r->at] << 8 | r->p[r->at + 1]);
    r->at += 2;
    return true;
}

static bool read_u32(struct reader *r, uint32_t *ret_value)
{
    uint16_t high, low;

    if (!read_u16(r, &high) || !read_u16(r, &low))
        return false;
    *ret_value = (uint32_t)high << 16 | low;
    return true;
}

/* A name in lower case with dots; "" is the root. Pointers must go backwards, so loops end. */
static bool read_name(struct reader *r, char out[DNS_NAME_MAX])
{
    size_t at = r->at;
    size_t len = 0;
    size_t limit = r->at;
    bool has_jumped = false;

    for (;;) {
        if (at >= r->n)
            return false;
        uint8_t label = r->p[at];
        if ((label & 0xc0) == 0xc0) {
            if (at + 1 >= r->n)
                return false;
            size_t to = (size_t)(label & 0x3f) << 8 | r->p[at + 1];
            if (!has_jumped)
                r->at = at + 2;
            if (to >= limit)
                return false;
            limit = to;
            at = to;
            has_jumped = true;
            continue;
        }
        if (label & 0xc0)
            return false;
        if (label == 0)
            break;
        if (at + 1 + label > r->n || len + label + 2 > DNS_NAME_MAX)
            return false;
        if (len > 0)
            out[len++] = '.';
        for (size_t i = 0; i < label; i++) {
            char c = sr_lower((char)r->p[at + 1 + i]);
            if (c <= ' ' || c == '.' || c == 127)
                return false; /* no host is called so; such names only confuse */
            out[len++] = c;
        }
        at += 1U + label;
    }
    out[len] = '\0';
    if (!has_jumped)
        r->at = at + 1;
    return true;
}

static bool read_text(struct reader *r, char *out, size_t size, bool is_upper)
{
    if (r->at >= r->n)
        return false;
    size_t n = r->p[r->at];
    if (r->n - r->at - 1 < n)
        return false;
    size_t kept = SR_MIN(n, size - 1);
    for (size_t i = 0; i < kept; i++) {
        char c = sr_lower((char)r->p[r->at + 1 + i]);
        out[i] = is_upper && c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
    }
    out[n < size ? n : 0] = '\0'; /* longer than anything we know: as if empty */
    r->at += 1 + n;
    return true;
}

static bool read_data(struct reader *r, size_t end, struct dns_record *record)
{
    char regexp[2];
    size_t n = end - r->at;

    switch (record->type) {
    case DNS_A:
    case DNS_AAAA:
        if (n != (record->type == DNS_A ? 4 : 16))
            return false;
        record->addr.family = record->type == DNS_A ? SR_ADDR_IP4 : SR_ADDR_IP6;
        memcpy(record->addr.ip, r->p + r->at, n);
        r->at = end;
        return true;
    case DNS_CNAME:
        return read_name(r, record->target) && r->at == end;
    case DNS_SRV:
        return read_u16(r, &record->priority) && read_u16(r, &record->weight) &&
               read_u16(r, &record->port) && read_name(r, record->target) && r->at == end;
    case DNS_NAPTR:
        return read_u16(r, &record->priority) && read_u16(r, &record->weight) &&
               read_text(r, record->flags, sizeof(record->flags), false) &&
               read_text(r, record->service, sizeof(record->service), true) &&
               read_text(r, regexp, sizeof(regexp), false) && read_name(r, record->target) &&
               r->at == end;
    default:
        return false;
    }
}

/* One record; ret_used tells whether it was of type `a` or `b` and class IN. */
static bool read_record(struct reader *r, enum dns_type a, char owner[DNS_NAME_MAX],
                        struct dns_record *ret_record, bool *ret_used)
{
    uint16_t type, class_number, data_bytes;
    struct dns_record record;

    memset(&record, 0, sizeof(record));
    if (!read_name(r, owner) || !read_u16(r, &type) || !read_u16(r, &class_number) ||
        !read_u32(r, &record.ttl_sec) || !read_u16(r, &data_bytes) || r->n - r->at < data_bytes)
        return false;
    if (record.ttl_sec > INT32_MAX)
        record.ttl_sec = 0; /* RFC 2181 8 */
    size_t end = r->at + data_bytes;
    *ret_used = class_number == 1 && (type == (uint16_t)a || type == DNS_CNAME);
    if (*ret_used) {
        record.type = (enum dns_type)type;
        struct reader data = {r->p, end, r->at};
        if (!read_data(&data, end, &record))
            return false;
        *ret_record = record;
    }
    r->at = end;
    return true;
}

static bool read_question(struct reader *r, struct sr_str name, enum dns_type type)
{
    char asked[DNS_NAME_MAX];
    uint16_t asked_type, asked_class;

    if (!read_name(r, asked) || !read_u16(r, &asked_type) || !read_u16(r, &asked_class))
        return false;
    return sr_str_ieq_c(name, asked) && asked_type == (uint16_t)type && asked_class == 1;
}

/* One walk over the answer section: records owned by `owner`, or its CNAME.
   @return SR_OK; AGAIN: ret_cname is to be followed; SYNTAX */
static enum sr_err walk(struct reader r, uint16_t count, enum dns_type type, const char *owner,
                        struct dns_answer *answer, struct dns_record *ret_cname)
{
    bool has_cname = false;

    for (uint16_t i = 0; i < count && i < DNS_RECORDS_READ; i++) {
        char name[DNS_NAME_MAX];
        struct dns_record record;
        bool is_used;
        if (!read_record(&r, type, name, &record, &is_used))
            return SR_ERR_SYNTAX;
        if (!is_used || strcmp(name, owner) != 0)
            continue;
        if (record.type == DNS_CNAME && type != DNS_CNAME) {
            *ret_cname = record;
            has_cname = true;
        } else if (answer->record_count < DNS_RECORDS_MAX) {
            answer->records[answer->record_count++] = record;
            answer->ttl_sec_min = SR_MIN(answer->ttl_sec_min, record.ttl_sec);
        }
    }
    return answer->record_count == 0 && has_cname ? SR_ERR_AGAIN : SR_OK;
}

enum sr_err dns_answer_parse(struct sr_str bytes, struct sr_str name, enum dns_type type,
                             struct dns_answer *ret_answer)
{
    struct reader r = {(const uint8_t *)bytes.p, bytes.n, 2};
    uint16_t flags, questions, answers;
    char owner[DNS_NAME_MAX];
    enum sr_err err = SR_ERR_AGAIN;

    name = name.n > 0 && name.p[name.n - 1] == '.' ? sr_str_head(name, name.n - 1) : name;
    if (bytes.n > DNS_ANSWER_BYTES_MAX)
        return SR_ERR_LIMIT;
    if (bytes.n < HEADER_BYTES || !read_u16(&r, &flags) || !read_u16(&r, &questions) ||
        !read_u16(&r, &answers) || !sr_str_copy(name, owner, sizeof(owner)))
        return SR_ERR_SYNTAX;
    r.at = HEADER_BYTES;
    unsigned rcode = flags & 15U;
    if (!(flags & 0x8000) || questions != 1 || !read_question(&r, name, type))
        return SR_ERR_PROTO;
    if (rcode == RCODE_NXDOMAIN)
        return SR_ERR_NOTFOUND;
    if (rcode != 0 || (flags & 0x0200)) /* refused, failed; or cut short */
        return SR_ERR_PROTO;
    for (char *p = owner; *p; p++)
        *p = sr_lower(*p);
    memset(ret_answer, 0, sizeof(*ret_answer));
    ret_answer->ttl_sec_min = UINT32_MAX;
    for (int i = 0; i < DNS_CNAMES_MAX && err == SR_ERR_AGAIN; i++) {
        struct dns_record cname = {0};
        err = walk(r, answers, type, owner, ret_answer, &cname);
        if (err == SR_ERR_AGAIN) {
            memcpy(owner, cname.target, sizeof(owner));
            ret_answer->ttl_sec_min = SR_MIN(ret_answer->ttl_sec_min, cname.ttl_sec);
        }
    }
    if (err == SR_ERR_AGAIN)
        return SR_ERR_LIMIT;
    if (ret_answer->ttl_sec_min == UINT32_MAX)
        ret_answer->ttl_sec_min = 0;
    return err;
}

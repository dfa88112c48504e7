#include "sip/multipart.h"

#include "sip/token.h"
#include "sip/values.h"

enum {
    BOUNDARY_MAX = 70, /* RFC 2046 5.1.1 */
};

struct parts {
    char delimiter[BOUNDARY_MAX + 3]; /* "--" and the boundary */
    struct sr_str rest;               /* behind the last delimiter's line */
};

static bool is_delimiter_at(const struct parts *parts, struct sr_str text, size_t at)
{
    return (at == 0 || text.p[at - 1] == '\n') &&
           sr_str_starts(sr_str_from(text, at), sr_str_c(parts->delimiter));
}

/* Where the next delimiter begins; text.n: nowhere. */
static size_t find_delimiter(const struct parts *parts, struct sr_str text)
{
    for (size_t at = 0; at < text.n; at = sr_str_find(text, '\n', at) + 1) {
        if (is_delimiter_at(parts, text, at))
            return at;
    }
    return text.n;
}

/* Cuts off the line end that belongs to the delimiter behind it. */
static struct sr_str without_line_end(struct sr_str text)
{
    if (text.n > 0 && text.p[text.n - 1] == '\n')
        text.n--;
    if (text.n > 0 && text.p[text.n - 1] == '\r')
        text.n--;
    return text;
}

static bool begin(struct parts *parts, const struct sip_media_type *media, struct sr_str body)
{
    struct sr_str boundary;
    size_t at;

    if (!sr_str_ieq_c(media->type, "multipart") ||
        !sip_param_find(media->params, "boundary", &boundary))
        return false;
    if (boundary.n >= 2 && boundary.p[0] == '"')
        boundary = sr_str_make(boundary.p + 1, boundary.n - 2);
    if (boundary.n == 0 || boundary.n > BOUNDARY_MAX)
        return false;
    memcpy(parts->delimiter, "--", 2);
    memcpy(parts->delimiter + 2, boundary.p, boundary.n);
    parts->delimiter[2 + boundary.n] = '\0';
    at = find_delimiter(parts, body);
    parts->rest = sr_str_from(body, at);
    return at < body.n;
}

/* The next part with its headers; false: there is none. */
static bool next_part(struct parts *parts, struct sr_str *ret_part)
{
    struct sr_str rest = sr_str_from(parts->rest, strlen(parts->delimiter));
    size_t line = sr_str_find(rest, '\n', 0);
    size_t end;

    if (parts->rest.n == 0 || sr_str_starts(rest, SR_STR("--")) || line >= rest.n)
        return false;
    rest = sr_str_from(rest, line + 1);
    end = find_delimiter(parts, rest);
    *ret_part = end < rest.n ? without_line_end(sr_str_head(rest, end)) : rest;
    parts->rest = sr_str_from(rest, end);
    return true;
}

/* Takes the headers off the front; what they say of type and handling. */
static void read_head(struct sr_str *part, struct sip_media_type *ret_type, bool *ret_is_required)
{
    struct sr_str line, name, handling;
    struct sip_tokenval disposition;

    *ret_type = (struct sip_media_type){.type = SR_STR("text"), .subtype = SR_STR("plain")};
    *ret_is_required = false;
    while (sr_str_split(part, '\n', &line)) {
        line = sr_str_trim(line);
        if (line.n == 0)
            return;
        if (!sr_str_split(&line, ':', &name))
            continue;
        name = sr_str_trim(name);
        line = sr_str_trim(line);
        if (sr_str_ieq_c(name, "Content-Type") || sr_str_ieq_c(name, "c")) {
            if (sip_media_type_parse(line, ret_type, NULL) != SR_OK)
                *ret_type = (struct sip_media_type){0};
        } else if (sr_str_ieq_c(name, "Content-Disposition") &&
                   sip_tokenval_parse(line, &disposition, NULL) == SR_OK &&
                   sip_param_find(disposition.params, "handling", &handling)) {
            *ret_is_required = sr_str_ieq_c(handling, "required");
        }
    }
}

struct sr_str sip_msg_part(const struct sip_msg *msg, const char *type, bool *ret_demands)
{
    const struct sip_header *header = sip_msg_find(msg, SIP_HDR_CONTENT_TYPE);
    struct sr_str found = {NULL, 0};
    struct sip_media_type media;
    struct sr_str part;
    struct parts parts;
    bool demands = false;

    if (msg->body.n > 0 && header != NULL &&
        sip_media_type_parse(sip_header_value(msg, header), &media, NULL) == SR_OK) {
        if (sip_media_type_is(&media, type)) {
            found = msg->body;
        } else if (begin(&parts, &media, msg->body)) {
            for (int i = 0; i < SIP_PARTS_MAX && next_part(&parts, &part); i++) {
                bool is_required;

                read_head(&part, &media, &is_required);
                if (found.p == NULL && sip_media_type_is(&media, type))
                    found = part;
                else
                    demands |= is_required;
            }
        }
    }
    if (ret_demands != NULL)
        *ret_demands = demands;
    return found;
}

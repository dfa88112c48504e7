#include "sip/sdp.h"

#include "sip/sdp_internal.h"

/* Skips spaces, gives the text up to the next space. False at the end. */
bool sdp__token(struct sr_str *rest, struct sr_str *ret_token)
{
    while (rest->n && rest->p[0] == ' ')
        *rest = sr_str_from(*rest, 1);
    if (!rest->n)
        return false;
    size_t end = sr_str_find(*rest, ' ', 0);
    *ret_token = sr_str_head(*rest, end);
    *rest = sr_str_from(*rest, end);
    return true;
}

void sdp__put_text(struct sr_buf *buf, struct sr_str text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if ((c >= 0x20 && c != 0x7f) || c == '\t')
            continue;
        sr_buf_add(buf, text.p + start, i - start);
        start = i + 1;
    }
    if (start < text.n)
        sr_buf_add(buf, text.p + start, text.n - start);
}

/* A line of a parsed description: everything stays but what would end it early. */
static void put_line(struct sr_buf *buf, char type, struct sr_str value)
{
    sr_buf_char(buf, type);
    sr_buf_char(buf, '=');
    size_t start = 0;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c != '\r' && c != '\n' && c != '\0')
            continue;
        sr_buf_add(buf, value.p + start, i - start);
        start = i + 1;
    }
    if (start < value.n)
        sr_buf_add(buf, value.p + start, value.n - start);
    sr_buf_c(buf, "\r\n");
}

/* --- lines ----------------------------------------------------------------------------------- */

struct reader {
    struct sr_str text;
    size_t at;
    struct sdp_diag diag;
};

static enum sr_err fail(struct reader *reader, size_t offset, enum sr_err err, const char *why)
{
    reader->diag.offset = offset;
    reader->diag.why = why;
    return err;
}

/* One line without its end; SR_ERR_NOTFOUND at the end of the text. */
static enum sr_err next_line(struct reader *reader, struct sr_str *ret_line)
{
    size_t start = reader->at;
    if (start >= reader->text.n)
        return SR_ERR_NOTFOUND;
    const char *p = reader->text.p + start;
    const char *end = memchr(p, '\n', reader->text.n - start);
    size_t n = end ? (size_t)(end - p) : reader->text.n - start;
    reader->at = start + n + (end ? 1 : 0);
    if (n && p[n - 1] == '\r')
        n--;
    if (n > SDP_LINE_MAX)
        return fail(reader, start, SR_ERR_LIMIT, "line too long");
    if (n && (memchr(p, '\0', n) || memchr(p, '\r', n)))
        return fail(reader, start, SR_ERR_SYNTAX, "NUL or CR inside a line");
    *ret_line = sr_str_make(p, n);
    return SR_OK;
}

struct counts {
    uint16_t lines;
    uint16_t media;
    uint16_t attrs;
};

/* First pass: every line has the form x=value and nothing is beyond its maximum. */
static enum sr_err count_lines(struct reader *reader, struct counts *ret_counts)
{
    struct counts counts = {0};
    struct sr_str line;
    bool is_blank = false;
    for (;;) {
        size_t offset = reader->at;
        enum sr_err err = next_line(reader, &line);
        if (err == SR_ERR_NOTFOUND)
            break;
        if (err)
            return err;
        if (!line.n) { /* some senders end with an empty line */
            is_blank = true;
            continue;
        }
        if (is_blank || line.n < 2 || line.p[1] != '=' || !sr_is_alpha(line.p[0]))
            return fail(reader, offset, SR_ERR_SYNTAX, "not a line of the form x=value");
        if (counts.lines == 0 && !sr_str_eq_c(line, "v=0"))
            return fail(reader, offset, SR_ERR_SYNTAX, "v=0 expected first");
        if (++counts.lines > SDP_LINES_MAX)
            return fail(reader, offset, SR_ERR_LIMIT, "too many lines");
        if (line.p[0] == 'm' && ++counts.media > SDP_MEDIA_MAX)
            return fail(reader, offset, SR_ERR_LIMIT, "too many media lines");
        if (line.p[0] == 'a' && ++counts.attrs > SDP_ATTRS_MAX)
            return fail(reader, offset, SR_ERR_LIMIT, "too many attributes");
    }
    if (!counts.lines)
        return fail(reader, 0, SR_ERR_SYNTAX, "empty");
    *ret_counts = counts;
    return SR_OK;
}

static enum sr_err parse_origin(struct sr_str value, struct sdp_origin *ret_origin)
{
    struct sdp_origin origin;
    struct sr_str net;
    struct sr_str type;
    struct sr_str more;
    if (!sdp__token(&value, &origin.username) || !sdp__token(&value, &origin.session_id) ||
        !sdp__token(&value, &origin.session_version) || !sdp__token(&value, &net) ||
        !sdp__token(&value, &type) || !sdp__token(&value, &origin.address) ||
        sdp__token(&value, &more))
        return SR_ERR_SYNTAX;
    *ret_origin = origin;
    return SR_OK;
}

static enum sr_err parse_connection(struct sr_str value, struct sdp_connection *ret_connection)
{
    struct sr_str net;
    struct sr_str type;
    struct sr_str host;
    struct sr_str more;
    if (!sdp__token(&value, &net) || !sdp__token(&value, &type) || !sdp__token(&value, &host) ||
        sdp__token(&value, &more))
        return SR_ERR_SYNTAX;
    if (!sr_str_ieq_c(net, "IN") || (!sr_str_ieq_c(type, "IP4") && !sr_str_ieq_c(type, "IP6")))
        return SR_ERR_SYNTAX;
    host = sr_str_head(host, sr_str_find(host, '/', 0)); /* ttl and count of multicast */
    if (!host.n || host.p[0] == '[')
        return SR_ERR_SYNTAX;
    struct sdp_connection connection = {.is_present = true, .host = host};
    if (sr_addr_parse_ip(host, &connection.addr))
        connection.addr = (struct sr_addr){0}; /* a name */
    *ret_connection = connection;
    return SR_OK;
}

static enum sr_err parse_media(struct sr_str value, struct sr_arena *arena, struct sdp_media *media)
{
    struct sr_str port;
    struct sr_str format;
    for (size_t i = 0; i < value.n; i++) /* its words are written into answers */
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
            return SR_ERR_SYNTAX;
    if (!sdp__token(&value, &media->type) || !sdp__token(&value, &port) ||
        !sdp__token(&value, &media->proto))
        return SR_ERR_SYNTAX;
    size_t slash = sr_str_find(port, '/', 0);
    uint32_t number;
    uint32_t count = 1;
    if (sr_str_u32(sr_str_head(port, slash), 65535, &number))
        return SR_ERR_SYNTAX;
    if (slash < port.n && (sr_str_u32(sr_str_from(port, slash + 1), 65535, &count) || !count))
        return SR_ERR_SYNTAX;
    media->port = (uint16_t)number;
    media->port_count = (uint16_t)count;

    size_t format_count = 0;
    for (struct sr_str rest = value; sdp__token(&rest, &format);)
        format_count++;
    if (!format_count)
        return SR_ERR_SYNTAX;
    if (format_count > SDP_FORMATS_MAX)
        return SR_ERR_LIMIT;
    struct sr_str *formats = sr_arena_array(arena, format_count, sizeof(*formats));
    if (!formats)
        return SR_ERR_LIMIT;
    for (size_t i = 0; i < format_count; i++)
        (void)sdp__token(&value, &formats[i]); /* counted above */
    media->formats = formats;
    media->format_count = (uint8_t)format_count;
    return SR_OK;
}

/* --- sections -------------------------------------------------------------------------------- */

static bool direction_of(struct sr_str attr, enum sdp_direction *ret_direction)
{
    for (int i = SDP_SENDRECV; i <= SDP_INACTIVE; i++) {
        if (sr_str_eq_c(attr, sdp_direction_name((enum sdp_direction)i))) {
            *ret_direction = (enum sdp_direction)i;
            return true;
        }
    }
    return false;
}

struct building {
    struct sdp *sdp;
    struct sr_arena *arena;
    enum sdp_direction direction; /* session level */
    bool has_origin;
};

static const char *const bad_origin = "malformed o= line";
static const char *const bad_connection = "malformed c= line";
static const char *const bad_media = "malformed m= line";

/* Decodes one line into the session or the last media. *ret_why is set on failure. */
static enum sr_err take_line(struct building *building, const struct sdp_line *line,
                             const char **ret_why)
{
    struct sdp *sdp = building->sdp;
    struct sdp_media *media = sdp->media_count ? &sdp->media[sdp->media_count - 1] : NULL;
    enum sr_err err = SR_OK;
    switch (line->type) {
    case 'o':
        *ret_why = bad_origin;
        if (media || building->has_origin)
            return SR_ERR_SYNTAX;
        building->has_origin = true;
        return parse_origin(line->value, &sdp->origin);
    case 'c':
        *ret_why = bad_connection;
        if (media) {
            struct sdp_connection connection;
            err = parse_connection(line->value, &connection);
            if (!err && !media->connection.is_present) /* the first of several */
                media->connection = connection;
            return err;
        }
        return parse_connection(line->value, &sdp->connection);
    case 'm':
        *ret_why = bad_media;
        media = &sdp->media[sdp->media_count++];
        media->section.lines = line;
        media->direction = building->direction;
        return parse_media(line->value, building->arena, media);
    case 'a':
        (void)direction_of(line->value, media ? &media->direction : &building->direction);
        return SR_OK;
    default:
        return SR_OK;
    }
}

static enum sr_err take_lines(struct reader *reader, struct building *building,
                              const struct counts *counts)
{
    struct sdp *sdp = building->sdp;
    struct sdp_line *lines = sr_arena_array(building->arena, counts->lines, sizeof(*lines));
    sdp->media = sr_arena_array(building->arena, (size_t)counts->media + 1, sizeof(*sdp->media));
    if (!lines || !sdp->media)
        return fail(reader, 0, SR_ERR_LIMIT, "arena too small");
    sdp->session.lines = lines;
    reader->at = 0;
    for (uint16_t i = 0; i < counts->lines; i++) {
        struct sr_str line;
        size_t offset = reader->at;
        enum sr_err err = next_line(reader, &line);
        if (err)
            return err;
        lines[i].type = line.p[0];
        lines[i].value = sr_str_from(line, 2);
        const char *why = NULL;
        err = take_line(building, &lines[i], &why);
        if (err)
            return fail(reader, offset, err, err == SR_ERR_LIMIT ? "too many formats" : why);
        if (sdp->media_count)
            sdp->media[sdp->media_count - 1].section.line_count++;
        else
            sdp->session.line_count++;
    }
    if (!building->has_origin)
        return fail(reader, 0, SR_ERR_SYNTAX, "no o= line");
    for (size_t i = 0; i < sdp->media_count; i++)
        if (!sdp->media[i].connection.is_present)
            sdp->media[i].connection = sdp->connection;
    return SR_OK;
}

enum sr_err sdp_parse(struct sr_str text, struct sr_arena *arena, struct sdp *ret_sdp,
                      struct sdp_diag *reterr_diag)
{
    struct reader reader = {.text = text};
    struct sdp sdp = {.text = text};
    struct building building = {.sdp = &sdp, .arena = arena};
    struct counts counts;
    enum sr_err err;
    if (text.n > SDP_TEXT_MAX)
        err = fail(&reader, SDP_TEXT_MAX, SR_ERR_LIMIT, "description too long");
    else
        err = count_lines(&reader, &counts);
    if (!err)
        err = take_lines(&reader, &building, &counts);
    if (!err)
        *ret_sdp = sdp;
    else if (reterr_diag)
        *reterr_diag = reader.diag;
    return err;
}

/* --- writing --------------------------------------------------------------------------------- */

static void put_section(const struct sdp_section *section, struct sr_buf *buf)
{
    for (uint16_t i = 0; i < section->line_count; i++)
        put_line(buf, section->lines[i].type, section->lines[i].value);
}

enum sr_err sdp_write(const struct sdp *sdp, struct sr_buf *buf)
{
    put_section(&sdp->session, buf);
    for (uint8_t i = 0; i < sdp->media_count; i++)
        put_section(&sdp->media[i].section, buf);
    return sr_buf_err(buf);
}

void sdp_put(struct sr_buf *buf, char type, struct sr_str value)
{
    sr_buf_char(buf, type);
    sr_buf_char(buf, '=');
    sdp__put_text(buf, value);
    sr_buf_c(buf, "\r\n");
}

void sdp_put_attr(struct sr_buf *buf, const char *name, struct sr_str value)
{
    sr_buf_c(buf, "a=");
    sdp__put_text(buf, sr_str_c(name));
    if (value.n) {
        sr_buf_char(buf, ':');
        sdp__put_text(buf, value);
    }
    sr_buf_c(buf, "\r\n");
}

/* "IN IP4 192.0.2.1" */
static void put_address(struct sr_buf *buf, const struct sr_addr *addr)
{
    char text[SR_ADDR_TEXT_MAX];
    sr_buf_c(buf, addr->family == SR_ADDR_IP6 ? "IN IP6 " : "IN IP4 ");
    sr_buf_c(buf, addr->family == SR_ADDR_NONE ? "0.0.0.0" : sr_addr_ip_text(addr, text));
}

void sdp_put_connection(struct sr_buf *buf, const struct sr_addr *addr)
{
    sr_buf_c(buf, "c=");
    put_address(buf, addr);
    sr_buf_c(buf, "\r\n");
}

/* --- passing through ------------------------------------------------------------------------- */

static bool has_own_connection(const struct sdp_media *media)
{
    for (uint16_t i = 0; i < media->section.line_count; i++)
        if (media->section.lines[i].type == 'c')
            return true;
    return false;
}

/* What would not be true behind us: ICE and source filters name the other side's addresses, and each m= line has ports of
 * its own, so none may share the transport of another one (RFC 8843). */
static bool is_dropped(const struct sdp_line *line)
{
    struct sr_str attr = line->value;

    return line->type == 'a' &&
           (sr_str_starts(attr, SR_STR("candidate:")) || sr_str_starts(attr, SR_STR("ice-")) ||
            sr_str_starts(attr, SR_STR("remote-candidates:")) ||
            sr_str_eq_c(attr, "end-of-candidates") ||
            sr_str_starts(attr, SR_STR("source-filter:")) ||
            sr_str_starts(attr, SR_STR("group:BUNDLE")) || sr_str_eq_c(attr, "bundle-only"));
}

static void put_origin(const struct sdp *sdp, const struct sr_addr *addr, struct sr_buf *buf)
{
    sr_buf_c(buf, "o=");
    sr_buf_str(buf, sdp->origin.username);
    sr_buf_char(buf, ' ');
    sr_buf_str(buf, sdp->origin.session_id);
    sr_buf_char(buf, ' ');
    sr_buf_str(buf, sdp->origin.session_version);
    sr_buf_char(buf, ' ');
    put_address(buf, addr);
    sr_buf_c(buf, "\r\n");
}

/* The m= line with another port: what stands before and behind it stays as it was. */
static void put_media_line(const struct sdp_media *media, uint16_t port, struct sr_buf *buf)
{
    struct sr_str rest = media->section.lines[0].value;
    struct sr_str token;
    (void)sdp__token(&rest, &token); /* parsed before: type and port are there */
    (void)sdp__token(&rest, &token);
    sr_buf_c(buf, "m=");
    sr_buf_str(buf, media->type);
    sr_buf_char(buf, ' ');
    sr_buf_u64(buf, port);
    sr_buf_str(buf, sr_str_from(token, sr_str_find(token, '/', 0)));
    sr_buf_str(buf, rest);
    sr_buf_c(buf, "\r\n");
}

static void put_rtcp(struct sr_str value, const struct sdp_rewrite_media *to, struct sr_buf *buf)
{
    struct sr_addr rtcp = to->rtcp;
    if (rtcp.family == SR_ADDR_NONE) {
        rtcp = to->rtp;
        rtcp.port = (uint16_t)(rtcp.port + 1);
    }
    sr_buf_fmt(buf, "a=rtcp:%u", rtcp.port);
    if (sr_str_find(value, ' ', 0) < value.n) {
        sr_buf_char(buf, ' ');
        put_address(buf, &rtcp);
    }
    sr_buf_c(buf, "\r\n");
}

/* c= of a rewritten media; the zero address is a hold and stays one. */
static void put_new_connection(const struct sdp_connection *old, const struct sr_addr *addr,
                               struct sr_buf *buf)
{
    if (old->is_present && old->addr.family != SR_ADDR_NONE && sr_addr_is_any(&old->addr))
        addr = &old->addr;
    sdp_put_connection(buf, addr);
}

static void rewrite_media(const struct sdp *sdp, const struct sdp_media *media,
                          const struct sdp_rewrite *rewrite, const struct sdp_rewrite_media *to,
                          struct sr_buf *buf)
{
    bool is_off = media->port == 0 || to->rtp.family == SR_ADDR_NONE;
    const struct sr_addr *addr = to->rtp.family == SR_ADDR_NONE ? &rewrite->session : &to->rtp;
    const struct sdp_section *section = &media->section;
    put_media_line(media, is_off ? 0 : to->rtp.port, buf);
    if (is_off &&
        media->port != 0) { /* switched off by us: what it says of itself names places there */
        if (!sdp->connection.is_present)
            sdp_put_connection(buf, addr);
        return;
    }
    uint16_t i = 1;
    if (!has_own_connection(media) &&
        (!sdp->connection.is_present || !sr_addr_ip_eq(addr, &rewrite->session))) {
        for (; i < section->line_count && section->lines[i].type == 'i'; i++)
            put_line(buf, 'i', section->lines[i].value);
        put_new_connection(&media->connection, addr, buf);
    }
    bool has_c = false;
    for (; i < section->line_count; i++) {
        const struct sdp_line *line = &section->lines[i];
        if (line->type == 'c') {
            if (!has_c) /* layers of multicast fold into one */
                put_new_connection(&media->connection, addr, buf);
            has_c = true;
        } else if (line->type == 'a' && sr_str_starts(line->value, SR_STR("rtcp:"))) {
            if (!is_off)
                put_rtcp(line->value, to, buf);
        } else if (!is_dropped(line)) {
            put_line(buf, line->type, line->value);
        }
    }
}

enum sr_err sdp_rewrite(const struct sdp *sdp, const struct sdp_rewrite *rewrite,
                        struct sr_buf *buf)
{
    if (rewrite->media_count != sdp->media_count)
        return SR_ERR_STATE;
    for (uint16_t i = 0; i < sdp->session.line_count; i++) {
        const struct sdp_line *line = &sdp->session.lines[i];
        if (line->type == 'o')
            put_origin(sdp, &rewrite->session, buf);
        else if (line->type == 'c')
            put_new_connection(&sdp->connection, &rewrite->session, buf);
        else if (!is_dropped(line))
            put_line(buf, line->type, line->value);
    }
    for (uint8_t i = 0; i < sdp->media_count; i++)
        rewrite_media(sdp, &sdp->media[i], rewrite, &rewrite->media[i], buf);
    return sr_buf_err(buf);
}

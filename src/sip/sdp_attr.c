/* Typed views of attributes. */
#include "sip/sdp.h"

#include "sip/sdp_internal.h"

const char *sdp_direction_name(enum sdp_direction direction)
{
    static const char *const names[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
    SR_ASSERT((unsigned)direction < SR_ARRAY_LEN(names));
    return names[direction];
}

bool sdp_attr_next(const struct sdp_section *section, const char *name, uint16_t *cursor,
                   struct sr_str *ret_value)
{
    struct sr_str wanted = sr_str_c(name);
    for (uint16_t i = *cursor; i < section->line_count; i++) {
        const struct sdp_line *line = &section->lines[i];
        if (line->type != 'a' || !sr_str_starts(line->value, wanted))
            continue;
        if (line->value.n > wanted.n && line->value.p[wanted.n] != ':')
            continue;
        *ret_value = sr_str_from(line->value, wanted.n + 1);
        *cursor = (uint16_t)(i + 1);
        return true;
    }
    *cursor = section->line_count;
    return false;
}

bool sdp_attr_find(const struct sdp *sdp, const struct sdp_media *media, const char *name,
                   struct sr_str *ret_value)
{
    uint16_t cursor = 0;
    if (media && sdp_attr_next(&media->section, name, &cursor, ret_value))
        return true;
    cursor = 0;
    return sdp_attr_next(&sdp->session, name, &cursor, ret_value);
}

/* --- formats --------------------------------------------------------------------------------- */

enum sr_err sdp_pt_parse(struct sr_str format, uint8_t *ret_pt)
{
    uint32_t number;
    if (sr_str_u32(format, 127, &number))
        return SR_ERR_SYNTAX;
    *ret_pt = (uint8_t)number;
    return SR_OK;
}

enum sr_err sdp_rtpmap_parse(struct sr_str value, struct sdp_rtpmap *ret_rtpmap)
{
    struct sdp_rtpmap rtpmap = {.channels = 1};
    struct sr_str pt;
    struct sr_str encoding;
    struct sr_str clock;
    uint32_t channels = 1;
    if (!sdp__token(&value, &pt) || !sdp__token(&value, &encoding) || sdp_pt_parse(pt, &rtpmap.pt))
        return SR_ERR_SYNTAX;
    if (!sr_str_split(&encoding, '/', &rtpmap.name) || !rtpmap.name.n)
        return SR_ERR_SYNTAX;
    if (!sr_str_split(&encoding, '/', &clock) || sr_str_u32(clock, 384000, &rtpmap.clock_hz) ||
        !rtpmap.clock_hz)
        return SR_ERR_SYNTAX;
    if (encoding.n && (sr_str_u32(encoding, 255, &channels) || !channels))
        return SR_ERR_SYNTAX;
    rtpmap.channels = (uint8_t)channels;
    *ret_rtpmap = rtpmap;
    return SR_OK;
}

bool sdp_rtpmap_static(uint8_t pt, struct sdp_rtpmap *ret_rtpmap)
{
    /* G722 has an RTP clock of 8000 by an old mistake that stays */
    static const struct {
        uint8_t pt;
        const char *name;
        uint32_t clock_hz;
    } codecs[] = {{0, "PCMU", 8000},
                  {3, "GSM", 8000},
                  {4, "G723", 8000},
                  {8, "PCMA", 8000},
                  {9, "G722", 8000},
                  {13, "CN", 8000},
                  {15, "G728", 8000},
                  {18, "G729", 8000},
                  {26, "JPEG", 90000},
                  {31, "H261", 90000},
                  {SDP_STATIC_PT_MAX, "H263", 90000}};
    for (size_t i = 0; i < SR_ARRAY_LEN(codecs); i++) {
        if (codecs[i].pt != pt)
            continue;
        *ret_rtpmap = (struct sdp_rtpmap){.pt = pt,
                                          .name = sr_str_c(codecs[i].name),
                                          .clock_hz = codecs[i].clock_hz,
                                          .channels = 1};
        return true;
    }
    return false;
}

enum sr_err sdp_fmtp_parse(struct sr_str value, struct sdp_fmtp *ret_fmtp)
{
    struct sr_str pt;
    uint8_t number;
    if (!sdp__token(&value, &pt) || sdp_pt_parse(pt, &number))
        return SR_ERR_SYNTAX;
    ret_fmtp->pt = number;
    ret_fmtp->params = sr_str_trim(value);
    return SR_OK;
}

bool sdp_fmtp_param(struct sr_str params, const char *name, struct sr_str *ret_value)
{
    struct sr_str part;
    while (sr_str_split(&params, ';', &part)) {
        size_t equals = sr_str_find(part, '=', 0);
        if (!sr_str_ieq_c(sr_str_trim(sr_str_head(part, equals)), name))
            continue;
        *ret_value = sr_str_trim(sr_str_from(part, equals + 1));
        return true;
    }
    return false;
}

enum sr_err sdp_ptime_parse(struct sr_str value, uint16_t *ret_ptime_ms)
{
    uint32_t number;
    value = sr_str_trim(value);
    if (sr_str_u32(sr_str_head(value, sr_str_find(value, '.', 0)), 65535, &number))
        return SR_ERR_SYNTAX;
    if (number < SDP_PTIME_MIN_MS || number > SDP_PTIME_MAX_MS)
        return SR_ERR_LIMIT;
    *ret_ptime_ms = (uint16_t)number;
    return SR_OK;
}

enum sr_err sdp_rtcp_parse(struct sr_str value, struct sr_addr *ret_addr)
{
    struct sr_str port;
    struct sr_str net;
    struct sr_str type;
    struct sr_str host;
    struct sr_addr addr = {0};
    uint32_t number;
    if (!sdp__token(&value, &port) || sr_str_u32(port, 65535, &number) || !number)
        return SR_ERR_SYNTAX;
    if (sdp__token(&value, &net)) {
        if (!sdp__token(&value, &type) || !sdp__token(&value, &host))
            return SR_ERR_SYNTAX;
        if (sr_addr_parse_ip(host, &addr))
            return SR_ERR_SYNTAX;
    }
    addr.port = (uint16_t)number;
    *ret_addr = addr;
    return SR_OK;
}

/* --- keys ------------------------------------------------------------------------------------ */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (sr_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Padding may lack; SR_ERR_LIMIT when out is too small. */
static enum sr_err base64_decode(struct sr_str text, uint8_t *out, size_t size, size_t *ret_bytes)
{
    size_t n = text.n;
    while (n && text.n - n < 2 && text.p[n - 1] == '=')
        n--;
    if (n % 4 == 1)
        return SR_ERR_SYNTAX;
    if (n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0) > size)
        return SR_ERR_LIMIT;
    uint32_t bits = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        int value = base64_value(text.p[i]);
        if (value < 0)
            return SR_ERR_SYNTAX;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 1)
            out[bytes++] = (uint8_t)(bits >> 4);
        else if (i % 4 == 2)
            out[bytes++] = (uint8_t)(bits >> 2);
        else if (i % 4 == 3)
            out[bytes++] = (uint8_t)bits;
    }
    *ret_bytes = bytes;
    return SR_OK;
}

static void put_base64(struct sr_buf *buf, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16;
        if (i + 1 < n)
            bits |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < n)
            bits |= bytes[i + 2];
        sr_buf_char(buf, digits[bits >> 18]);
        sr_buf_char(buf, digits[bits >> 12 & 63]);
        sr_buf_char(buf, i + 1 < n ? digits[bits >> 6 & 63] : '=');
        sr_buf_char(buf, i + 2 < n ? digits[bits & 63] : '=');
    }
}

enum sr_err sdp_crypto_parse(struct sr_str value, struct sdp_crypto *ret_crypto)
{
    struct sdp_crypto crypto = {0};
    struct sr_str tag;
    struct sr_str keys;
    struct sr_str part;
    size_t bytes;
    if (!sdp__token(&value, &tag) || !sdp__token(&value, &crypto.suite) ||
        !sdp__token(&value, &keys) || sr_str_u32(tag, 999999999, &crypto.tag))
        return SR_ERR_SYNTAX;
    crypto.session_params = sr_str_trim(value);
    keys = sr_str_head(keys, sr_str_find(keys, ';', 0));
    if (!sr_str_istarts(keys, SR_STR("inline:")))
        return SR_ERR_SYNTAX;
    keys = sr_str_from(keys, 7);
    if (!sr_str_split(&keys, '|', &part))
        return SR_ERR_SYNTAX;
    enum sr_err err = base64_decode(part, crypto.key, sizeof(crypto.key), &bytes);
    if (err)
        return err;
    if (!bytes)
        return SR_ERR_SYNTAX;
    crypto.key_bytes = (uint8_t)bytes;
    while (sr_str_split(&keys, '|', &part)) {
        if (sr_str_find(part, ':', 0) < part.n)
            crypto.mki = part;
        else
            crypto.lifetime = part;
    }
    *ret_crypto = crypto;
    return SR_OK;
}

void sdp_put_crypto(struct sr_buf *buf, uint32_t tag, struct sr_str suite, const uint8_t *key,
                    size_t key_bytes)
{
    sr_buf_fmt(buf, "a=crypto:%u ", tag);
    sdp__put_text(buf, suite);
    sr_buf_c(buf, " inline:");
    put_base64(buf, key, key_bytes);
    sr_buf_c(buf, "\r\n");
}

enum sr_err sdp_fingerprint_parse(struct sr_str value, struct sdp_fingerprint *ret_fingerprint)
{
    struct sdp_fingerprint fingerprint = {0};
    struct sr_str hex;
    if (!sdp__token(&value, &fingerprint.hash) || !sdp__token(&value, &hex))
        return SR_ERR_SYNTAX;
    if (hex.n % 3 != 2)
        return SR_ERR_SYNTAX;
    if (hex.n / 3 + 1 > SDP_DIGEST_MAX)
        return SR_ERR_LIMIT;
    for (size_t i = 0; i < hex.n; i += 3) {
        int high = sr_hex_value(hex.p[i]);
        int low = sr_hex_value(hex.p[i + 1]);
        if (high < 0 || low < 0 || (i + 2 < hex.n && hex.p[i + 2] != ':'))
            return SR_ERR_SYNTAX;
        fingerprint.bytes[fingerprint.byte_count++] = (uint8_t)(high << 4 | low);
    }
    *ret_fingerprint = fingerprint;
    return SR_OK;
}

void sdp_put_fingerprint(struct sr_buf *buf, struct sr_str hash, const uint8_t *bytes,
                         size_t byte_count)
{
    sr_buf_c(buf, "a=fingerprint:");
    sdp__put_text(buf, hash);
    for (size_t i = 0; i < byte_count; i++)
        sr_buf_fmt(buf, "%c%02X", i ? ':' : ' ', bytes[i]);
    sr_buf_c(buf, "\r\n");
}

static const char *const setup_names[] = {"", "active", "passive", "actpass", "holdconn"};

const char *sdp_setup_name(enum sdp_setup setup)
{
    SR_ASSERT((unsigned)setup < SR_ARRAY_LEN(setup_names));
    return setup_names[setup];
}

enum sr_err sdp_setup_parse(struct sr_str value, enum sdp_setup *ret_setup)
{
    value = sr_str_trim(value);
    for (size_t i = 1; i < SR_ARRAY_LEN(setup_names); i++) {
        if (sr_str_ieq_c(value, setup_names[i])) {
            *ret_setup = (enum sdp_setup)i;
            return SR_OK;
        }
    }
    return SR_ERR_SYNTAX;
}

/* --- ICE and the rest ------------------------------------------------------------------------ */

static const char *const candidate_types[] = {"host", "srflx", "prflx", "relay"};

/* "raddr x rport y tcptype z" and unknown pairs. */
static void candidate_extensions(struct sr_str rest, struct sdp_candidate *candidate)
{
    struct sr_str name;
    struct sr_str value;
    uint32_t port;
    while (sdp__token(&rest, &name) && sdp__token(&rest, &value)) {
        if (sr_str_ieq_c(name, "raddr")) {
            if (sr_addr_parse_ip(value, &candidate->related))
                candidate->related = (struct sr_addr){0};
        } else if (sr_str_ieq_c(name, "rport")) {
            if (!sr_str_u32(value, 65535, &port))
                candidate->related.port = (uint16_t)port;
        } else if (sr_str_ieq_c(name, "tcptype")) {
            candidate->tcptype = value;
        }
    }
}

static enum sr_err candidate_type(struct sr_str text, enum sdp_candidate_type *ret_type)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(candidate_types); i++) {
        if (sr_str_ieq_c(text, candidate_types[i])) {
            *ret_type = (enum sdp_candidate_type)i;
            return SR_OK;
        }
    }
    return SR_ERR_SYNTAX;
}

enum sr_err sdp_candidate_parse(struct sr_str value, struct sdp_candidate *ret_candidate)
{
    struct sdp_candidate candidate = {0};
    struct sr_str component;
    struct sr_str transport;
    struct sr_str priority;
    struct sr_str port;
    struct sr_str typ;
    struct sr_str type;
    uint32_t number;
    if (!sdp__token(&value, &candidate.foundation) || !sdp__token(&value, &component) ||
        !sdp__token(&value, &transport) || !sdp__token(&value, &priority) ||
        !sdp__token(&value, &candidate.host) || !sdp__token(&value, &port) ||
        !sdp__token(&value, &typ) || !sdp__token(&value, &type))
        return SR_ERR_SYNTAX;
    if (candidate.foundation.n > 32 || sr_str_u32(component, 256, &number) || !number)
        return SR_ERR_SYNTAX;
    candidate.component = (uint16_t)number;
    candidate.is_tcp = sr_str_ieq_c(transport, "TCP");
    if (!candidate.is_tcp && !sr_str_ieq_c(transport, "UDP"))
        return SR_ERR_UNSUPPORTED;
    if (sr_str_u32(priority, UINT32_MAX, &candidate.priority) || sr_str_u32(port, 65535, &number))
        return SR_ERR_SYNTAX;
    candidate.port = (uint16_t)number;
    if (!sr_str_ieq_c(typ, "typ") || candidate_type(type, &candidate.type))
        return SR_ERR_SYNTAX;
    if (sr_addr_parse_ip(candidate.host, &candidate.addr))
        candidate.addr = (struct sr_addr){0};
    else
        candidate.addr.port = candidate.port;
    candidate_extensions(value, &candidate);
    *ret_candidate = candidate;
    return SR_OK;
}

void sdp_candidate_write(const struct sdp_candidate *candidate, struct sr_buf *buf)
{
    char text[SR_ADDR_TEXT_MAX];
    sdp__put_text(buf, candidate->foundation);
    sr_buf_fmt(buf, " %u %s %u ", candidate->component, candidate->is_tcp ? "TCP" : "UDP",
               candidate->priority);
    if (candidate->addr.family != SR_ADDR_NONE)
        sr_buf_c(buf, sr_addr_ip_text(&candidate->addr, text));
    else
        sdp__put_text(buf, candidate->host);
    sr_buf_fmt(buf, " %u typ %s", candidate->port, candidate_types[candidate->type]);
    if (candidate->related.family != SR_ADDR_NONE)
        sr_buf_fmt(buf, " raddr %s rport %u", sr_addr_ip_text(&candidate->related, text),
                   candidate->related.port);
    if (candidate->tcptype.n) {
        sr_buf_c(buf, " tcptype ");
        sdp__put_text(buf, candidate->tcptype);
    }
}

enum sr_err sdp_ssrc_parse(struct sr_str value, struct sdp_ssrc *ret_ssrc)
{
    struct sdp_ssrc ssrc = {0};
    struct sr_str number;
    if (!sdp__token(&value, &number) || sr_str_u32(number, UINT32_MAX, &ssrc.ssrc))
        return SR_ERR_SYNTAX;
    value = sr_str_trim(value);
    (void)sr_str_split(&value, ':', &ssrc.attr); /* empty is fine */
    ssrc.value = value;
    *ret_ssrc = ssrc;
    return SR_OK;
}

enum sr_err sdp_extmap_parse(struct sr_str value, struct sdp_extmap *ret_extmap)
{
    struct sdp_extmap extmap = {.direction = SDP_SENDRECV};
    struct sr_str id;
    uint32_t number;
    if (!sdp__token(&value, &id) || !sdp__token(&value, &extmap.uri))
        return SR_ERR_SYNTAX;
    size_t slash = sr_str_find(id, '/', 0);
    if (sr_str_u32(sr_str_head(id, slash), 4351, &number) || !number)
        return SR_ERR_SYNTAX;
    extmap.id = (uint16_t)number;
    if (slash < id.n) {
        struct sr_str text = sr_str_from(id, slash + 1);
        int i = SDP_SENDRECV;
        while (i <= SDP_INACTIVE && !sr_str_eq_c(text, sdp_direction_name((enum sdp_direction)i)))
            i++;
        if (i > SDP_INACTIVE)
            return SR_ERR_SYNTAX;
        extmap.direction = (enum sdp_direction)i;
    }
    *ret_extmap = extmap;
    return SR_OK;
}

bool sdp_group_has(const struct sdp *sdp, const char *semantics, struct sr_str mid)
{
    uint16_t cursor = 0;
    struct sr_str value;
    struct sr_str token;
    while (sdp_attr_next(&sdp->session, "group", &cursor, &value)) {
        if (!sdp__token(&value, &token) || !sr_str_ieq_c(token, semantics))
            continue;
        while (sdp__token(&value, &token))
            if (sr_str_eq(token, mid))
                return true;
    }
    return false;
}

#include "control/http_parse.h"

#include <openssl/evp.h>

enum {
    HTTP_CHUNK_LINE_MAX = 4096, /* of one size line or all trailers */
    HTTP_WS_KEY_BYTES = 24,
    HTTP_SHA1_BYTES = 20,
};

const char *http_method_name(enum http_method method)
{
    switch (method) {
#define X(name)                                                                                    \
    case HTTP_##name:                                                                              \
        return #name;
        HTTP_METHOD_MAP(X)
#undef X
    case HTTP_METHOD_OTHER:
        break;
    }
    return "?";
}

const char *http_status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } texts[] = {
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < SR_ARRAY_LEN(texts); i++) {
        if (texts[i].status == status)
            return texts[i].text;
    }
    return "Unknown";
}

/* ---- head ---- */

static bool is_token_char(char c)
{
    return sr_is_digit(c) || sr_is_alpha(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct sr_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!is_token_char(text.p[i]))
            return false;
    }
    return text.n > 0;
}

static enum sr_err refuse(const char **reterr_why, const char *why)
{
    *reterr_why = why;
    return SR_ERR_SYNTAX;
}

static enum http_method method_of(struct sr_str text)
{
#define X(name)                                                                                    \
    if (sr_str_eq_c(text, #name))                                                                  \
        return HTTP_##name;
    HTTP_METHOD_MAP(X)
#undef X
    return HTTP_METHOD_OTHER;
}

static enum sr_err parse_request_line(struct sr_str line, struct http_head *head,
                                      const char **reterr_why)
{
    size_t first = sr_str_find(line, ' ', 0);
    size_t second = sr_str_find(line, ' ', first + 1);
    struct sr_str version = sr_str_from(line, second + 1);
    size_t mark;

    if (first >= line.n || second >= line.n || !is_token(sr_str_head(line, first)))
        return refuse(reterr_why, "the request line is not METHOD TARGET VERSION");
    head->method = method_of(sr_str_head(line, first));
    head->target = sr_str_make(line.p + first + 1, second - first - 1);
    if (head->target.n > HTTP_TARGET_BYTES_MAX) {
        *reterr_why = "the target is too long";
        return SR_ERR_LIMIT;
    }
    for (size_t i = 0; i < head->target.n; i++) {
        unsigned char c = (unsigned char)head->target.p[i];

        if (c <= ' ' || c >= 0x7f || c == '#')
            return refuse(reterr_why, "the target has a character that is not allowed there");
    }
    if (head->target.n == 0 || head->target.p[0] != '/')
        return refuse(reterr_why, "the target does not begin with a slash");
    if (version.n != 8 || !sr_str_starts(version, SR_STR("HTTP/")) || !sr_is_digit(version.p[5]) ||
        version.p[6] != '.' || !sr_is_digit(version.p[7]))
        return refuse(reterr_why, "the version is not HTTP/1.1");
    if (version.p[5] != '1' || version.p[7] > '1') {
        *reterr_why = "only HTTP/1.1 and HTTP/1.0 are spoken";
        return SR_ERR_UNSUPPORTED;
    }
    head->minor = (uint8_t)(version.p[7] - '0');
    mark = sr_str_find(head->target, '?', 0);
    head->path = sr_str_head(head->target, mark);
    head->query = sr_str_from(head->target, mark + 1);
    return SR_OK;
}

static enum sr_err parse_header_line(struct sr_str line, struct http_head *head,
                                     const char **reterr_why)
{
    size_t colon = sr_str_find(line, ':', 0);
    struct http_header *header;

    if (head->header_count == HTTP_HEADERS_MAX) {
        *reterr_why = "too many headers";
        return SR_ERR_LIMIT;
    }
    if (colon >= line.n || !is_token(sr_str_head(line, colon)))
        return refuse(reterr_why, "a header line is not NAME: VALUE");
    header = &head->headers[head->header_count++];
    header->name = sr_str_head(line, colon);
    header->value = sr_str_trim(sr_str_from(line, colon + 1));
    for (size_t i = 0; i < header->value.n; i++) {
        unsigned char c = (unsigned char)header->value.p[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return refuse(reterr_why, "a header has a control character");
    }
    return SR_OK;
}

struct sr_str http_head_find(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (sr_str_ieq_c(head->headers[i].name, name))
            return head->headers[i].value.p != NULL ? head->headers[i].value : SR_STR("");
    }
    return sr_str_make(NULL, 0);
}

bool http_list_has(struct sr_str list, const char *word)
{
    struct sr_str item;

    while (sr_str_split(&list, ',', &item)) {
        if (sr_str_ieq_c(sr_str_trim(item), word))
            return true;
    }
    return false;
}

static size_t count_of(const struct http_head *head, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->header_count; i++)
        count += sr_str_ieq_c(head->headers[i].name, name);
    return count;
}

/* How long the body is: the one question two readers must never answer differently. */
static enum sr_err frame_body(struct http_head *head, const char **reterr_why)
{
    struct sr_str length = http_head_find(head, "content-length");
    struct sr_str coding = http_head_find(head, "transfer-encoding");

    if (count_of(head, "content-length") > 1 || count_of(head, "transfer-encoding") > 1 ||
        (length.p != NULL && coding.p != NULL))
        return refuse(reterr_why, "the length of the body is given twice");
    if (coding.p != NULL) {
        if (head->minor == 0 || !sr_str_ieq_c(coding, "chunked"))
            return refuse(reterr_why, "the transfer coding is not chunked");
        head->is_chunked = true;
    }
    if (length.p != NULL) {
        if (sr_str_u64(length, INT64_MAX, &head->length) != SR_OK)
            return refuse(reterr_why, "Content-Length is not a number");
        head->has_length = true;
    }
    return SR_OK;
}

static enum sr_err understand(struct http_head *head, const char **reterr_why)
{
    struct sr_str connection = http_head_find(head, "connection");

    if (count_of(head, "host") > 1 || (head->minor == 1 && count_of(head, "host") == 0))
        return refuse(reterr_why, "exactly one Host is wanted");
    head->is_keep_alive = head->minor == 1 ? !http_list_has(connection, "close")
                                           : http_list_has(connection, "keep-alive");
    head->is_upgrade = head->minor == 1 && http_list_has(connection, "upgrade") &&
                       http_list_has(http_head_find(head, "upgrade"), "websocket");
    head->expects_continue =
        head->minor == 1 && sr_str_ieq_c(http_head_find(head, "expect"), "100-continue");
    return frame_body(head, reterr_why);
}

/* The end of the head, just behind the empty line; or AGAIN. */
static enum sr_err find_end(struct sr_str bytes, size_t *ret_used, const char **reterr_why)
{
    size_t end = sr_str_search(bytes, SR_STR("\r\n\r\n"));

    if (end >= bytes.n) {
        if (bytes.n <= HTTP_HEAD_BYTES_MAX)
            return SR_ERR_AGAIN;
        *reterr_why = "the head is too large";
        return SR_ERR_LIMIT;
    }
    *ret_used = end + 4;
    if (*ret_used <= HTTP_HEAD_BYTES_MAX)
        return SR_OK;
    *reterr_why = "the head is too large";
    return SR_ERR_LIMIT;
}

enum sr_err http_head_parse(struct sr_str bytes, struct http_head *ret_head, size_t *ret_used,
                            const char **reterr_why)
{
    size_t at = 0, used = 0;
    bool is_first = true;
    enum sr_err err = find_end(bytes, &used, reterr_why);

    if (err != SR_OK)
        return err;
    memset(ret_head, 0, sizeof(*ret_head));
    while (at < used - 2) {
        size_t end = sr_str_find(sr_str_head(bytes, used), '\n', at);
        struct sr_str line = sr_str_make(bytes.p + at, end - at);

        if (line.n == 0 || line.p[line.n - 1] != '\r')
            return refuse(reterr_why, "a line ends without CR");
        line.n--;
        if (memchr(line.p, '\r', line.n) != NULL || memchr(line.p, '\0', line.n) != NULL)
            return refuse(reterr_why, "a line has a lone CR or NUL");
        if (!is_first && (line.p[0] == ' ' || line.p[0] == '\t'))
            return refuse(reterr_why, "folded headers are not taken");
        err = is_first ? parse_request_line(line, ret_head, reterr_why)
                       : parse_header_line(line, ret_head, reterr_why);
        if (err != SR_OK)
            return err;
        is_first = false;
        at = end + 1;
    }
    *ret_used = used;
    return understand(ret_head, reterr_why);
}

/* ---- URLs and cookies ---- */

enum sr_err http_decode(struct sr_str text, bool is_query, struct sr_buf *buf)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c == '%') {
            int high = i + 1 < text.n ? sr_hex_value(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? sr_hex_value(text.p[i + 2]) : -1;

            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return SR_ERR_SYNTAX;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        sr_buf_char(buf, c);
    }
    return sr_buf_err(buf);
}

void http_encode(struct sr_str text, struct sr_buf *buf)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (sr_is_digit((char)c) || sr_is_alpha((char)c) ||
            (c != '\0' && strchr("-._~", c) != NULL)) {
            sr_buf_char(buf, (char)c);
        } else {
            sr_buf_char(buf, '%');
            sr_buf_char(buf, digits[c >> 4]);
            sr_buf_char(buf, digits[c & 15]);
        }
    }
}

bool http_query_get(struct sr_str query, const char *name, struct sr_buf *buf)
{
    struct sr_str pair;

    while (sr_str_split(&query, '&', &pair)) {
        size_t equals = sr_str_find(pair, '=', 0);
        size_t before = buf->len;

        if (!sr_str_eq_c(sr_str_head(pair, equals), name))
            continue;
        if (http_decode(sr_str_from(pair, equals + 1), true, buf) == SR_OK)
            return true;
        sr_buf_truncate(buf, before);
        return false;
    }
    return false;
}

struct sr_str http_cookie_get(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        struct sr_str rest = head->headers[i].value, pair;

        if (!sr_str_ieq_c(head->headers[i].name, "cookie"))
            continue;
        while (sr_str_split(&rest, ';', &pair)) {
            size_t equals;

            pair = sr_str_trim(pair);
            equals = sr_str_find(pair, '=', 0);
            if (equals < pair.n && sr_str_eq_c(sr_str_head(pair, equals), name))
                return sr_str_from(pair, equals + 1);
        }
    }
    return sr_str_make(NULL, 0);
}

/* ---- chunked bodies (RFC 9112 7.1) ---- */

enum chunk_state {
    CHUNK_SIZE, /* hex digits */
    CHUNK_EXT,  /* an extension, up to CR */
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER, /* at the start of a line */
    CHUNK_TRAILER_TEXT,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
};

static enum sr_err chunk_size(struct http_chunked *chunked, char c)
{
    int digit = sr_hex_value(c);

    if (digit >= 0) {
        if (chunked->left > (UINT64_MAX >> 8))
            return SR_ERR_LIMIT;
        chunked->left = chunked->left * 16 + (unsigned)digit;
        return SR_ERR_AGAIN;
    }
    if (chunked->line_bytes == 1 || (c != '\r' && c != ';'))
        return SR_ERR_SYNTAX;
    chunked->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXT;
    return SR_ERR_AGAIN;
}

static enum sr_err chunk_step(struct http_chunked *chunked, char c)
{
    if (chunked->state != CHUNK_DATA && ++chunked->line_bytes > HTTP_CHUNK_LINE_MAX)
        return SR_ERR_LIMIT;
    switch ((enum chunk_state)chunked->state) {
    case CHUNK_SIZE:
        return chunk_size(chunked, c);
    case CHUNK_EXT:
        if (c == '\n')
            return SR_ERR_SYNTAX;
        if (c == '\r')
            chunked->state = CHUNK_SIZE_LF;
        return SR_ERR_AGAIN;
    case CHUNK_SIZE_LF:
        chunked->line_bytes = 0;
        chunked->state = chunked->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        return c == '\n' ? SR_ERR_AGAIN : SR_ERR_SYNTAX;
    case CHUNK_DATA_CR:
        chunked->state = CHUNK_DATA_LF;
        return c == '\r' ? SR_ERR_AGAIN : SR_ERR_SYNTAX;
    case CHUNK_DATA_LF:
        chunked->line_bytes = 0;
        chunked->state = CHUNK_SIZE;
        return c == '\n' ? SR_ERR_AGAIN : SR_ERR_SYNTAX;
    case CHUNK_TRAILER:
        chunked->state = c == '\r' ? CHUNK_END_LF : CHUNK_TRAILER_TEXT;
        return c == '\n' ? SR_ERR_SYNTAX : SR_ERR_AGAIN;
    case CHUNK_TRAILER_TEXT:
        if (c == '\r')
            chunked->state = CHUNK_TRAILER_LF;
        return c == '\n' ? SR_ERR_SYNTAX : SR_ERR_AGAIN;
    case CHUNK_TRAILER_LF:
        chunked->state = CHUNK_TRAILER;
        return c == '\n' ? SR_ERR_AGAIN : SR_ERR_SYNTAX;
    case CHUNK_END_LF:
        return c == '\n' ? SR_OK : SR_ERR_SYNTAX;
    case CHUNK_DATA:
        break;
    }
    return SR_ERR_SYNTAX;
}

enum sr_err http_chunked_take(struct http_chunked *chunked, struct sr_str bytes, size_t *ret_used,
                              struct sr_buf *body)
{
    size_t at = 0;

    while (at < bytes.n) {
        enum sr_err err;

        if (chunked->state == CHUNK_DATA) {
            size_t take = (size_t)SR_MIN((uint64_t)(bytes.n - at), chunked->left);

            sr_buf_add(body, bytes.p + at, take);
            if (sr_buf_err(body) != SR_OK)
                return SR_ERR_LIMIT;
            at += take;
            chunked->left -= take;
            if (chunked->left == 0)
                chunked->state = CHUNK_DATA_CR;
            continue;
        }
        err = chunk_step(chunked, bytes.p[at++]);
        if (err != SR_ERR_AGAIN) {
            *ret_used = at;
            return err;
        }
    }
    *ret_used = at;
    return SR_ERR_AGAIN;
}

/* ---- WebSocket frames (RFC 6455 5.2) ---- */

static bool is_opcode(unsigned opcode)
{
    return opcode <= HTTP_WS_BINARY || (opcode >= HTTP_WS_CLOSE && opcode <= HTTP_WS_PONG);
}

enum sr_err http_ws_frame_parse(struct sr_str bytes, struct http_ws_frame *ret_frame)
{
    const uint8_t *b = (const uint8_t *)bytes.p;
    size_t at = 2, length_bytes;
    unsigned opcode;
    uint64_t length;

    if (bytes.n < 2)
        return SR_ERR_AGAIN;
    opcode = b[0] & 15u;
    length = b[1] & 127u;
    if ((b[0] & 0x70) != 0 || !is_opcode(opcode))
        return SR_ERR_PROTO;
    if (opcode >= HTTP_WS_CLOSE && ((b[0] & 0x80) == 0 || length > 125))
        return SR_ERR_PROTO;
    length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
    ret_frame->is_masked = (b[1] & 0x80) != 0;
    ret_frame->head_bytes = at + length_bytes + (ret_frame->is_masked ? 4u : 0u);
    if (bytes.n < ret_frame->head_bytes)
        return SR_ERR_AGAIN;
    if (length_bytes > 0)
        length = 0;
    for (size_t i = 0; i < length_bytes; i++)
        length = length << 8 | b[at++];
    if ((length_bytes == 2 && length < 126) || (length_bytes == 8 && length < 65536) ||
        length > INT64_MAX)
        return SR_ERR_PROTO;
    if (ret_frame->is_masked)
        memcpy(ret_frame->mask, b + at, 4);
    ret_frame->is_final = (b[0] & 0x80) != 0;
    ret_frame->opcode = (enum http_ws_opcode)opcode;
    ret_frame->length = length;
    return SR_OK;
}

void http_ws_frame_write(struct sr_buf *buf, enum http_ws_opcode opcode, size_t length)
{
    sr_buf_char(buf, (char)(0x80 | (int)opcode));
    if (length < 126) {
        sr_buf_char(buf, (char)length);
    } else if (length < 65536) {
        sr_buf_char(buf, 126);
        sr_buf_char(buf, (char)(length >> 8));
        sr_buf_char(buf, (char)(length & 255));
    } else {
        sr_buf_char(buf, 127);
        for (int shift = 56; shift >= 0; shift -= 8)
            sr_buf_char(buf, (char)((uint64_t)length >> shift & 255));
    }
}

bool http_ws_accept(struct sr_str key, char out[HTTP_WS_ACCEPT_BYTES])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[HTTP_WS_KEY_BYTES + sizeof(guid)];
    unsigned char digest[EVP_MAX_MD_SIZE], decoded[HTTP_WS_KEY_BYTES];
    unsigned digest_bytes = 0;

    if (key.n != HTTP_WS_KEY_BYTES || key.p[22] != '=' || key.p[23] != '=' ||
        EVP_DecodeBlock(decoded, (const unsigned char *)key.p, HTTP_WS_KEY_BYTES) != 18)
        return false;
    memcpy(text, key.p, HTTP_WS_KEY_BYTES);
    memcpy(text + HTTP_WS_KEY_BYTES, guid, sizeof(guid));
    if (EVP_Digest(text, HTTP_WS_KEY_BYTES + sizeof(guid) - 1, digest, &digest_bytes, EVP_sha1(),
                   NULL) != 1 ||
        digest_bytes != HTTP_SHA1_BYTES)
        return false;
    return EVP_EncodeBlock((unsigned char *)out, digest, HTTP_SHA1_BYTES) == 28;
}

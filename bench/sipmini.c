#include "sipmini.h"

#include "bench.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- messages -------------------------------------------------------------------------------------- */

static struct mini_str find(struct mini_str in, const char *what)
{
    char *p = in.n ? memmem(in.p, in.n, what, strlen(what)) : NULL;
    return p ? (struct mini_str){p + strlen(what), in.n - (size_t)(p - in.p) - strlen(what)}
             : (struct mini_str){NULL, 0};
}

/** From the start up to one of `ends`, or all. */
static struct mini_str until(struct mini_str in, const char *ends)
{
    size_t n = 0;
    while (n < in.n && !strchr(ends, in.p[n]))
        n++;
    return (struct mini_str){in.p, n};
}

static bool parse_start(struct mini_str line, struct mini_msg *msg)
{
    if (line.n > 12 && memcmp(line.p, "SIP/2.0 ", 8) == 0) {
        msg->status = (unsigned)strtoul(line.p + 8, NULL, 10);
        return msg->status >= 100;
    }
    msg->method = until(line, " ");
    size_t at = msg->method.n + 1;
    if (at >= line.n)
        return false;
    msg->uri = until((struct mini_str){line.p + at, line.n - at}, " ");
    return true;
}

static bool is_name(struct mini_str name, const char *is)
{
    return name.n == strlen(is) && strncasecmp(name.p, is, name.n) == 0;
}

static void parse_cseq(struct mini_str value, struct mini_msg *msg)
{
    char *end;
    msg->cseq = (unsigned)strtoul(value.p, &end, 10);
    while (*end == ' ')
        end++;
    if (msg->status)
        msg->method = (struct mini_str){end, value.n - (size_t)(end - value.p)};
}

static void parse_header(struct mini_str name, struct mini_str value, struct mini_str line,
                         struct mini_msg *msg)
{
    if (is_name(name, "Via")) {
        if (!msg->vias.p) {
            msg->vias.p = line.p;
            msg->branch = until(find(value, "branch="), ";, \r");
        }
        msg->vias.n = (size_t)(line.p + line.n + 2 - msg->vias.p);
    } else if (is_name(name, "From")) {
        msg->from = value;
    } else if (is_name(name, "To")) {
        msg->to = value;
    } else if (is_name(name, "Call-ID")) {
        msg->call_id = value;
    } else if (is_name(name, "CSeq")) {
        parse_cseq(value, msg);
    } else if (is_name(name, "Contact")) {
        struct mini_str bracket = find(value, "<");
        msg->contact_uri = bracket.p ? until(bracket, ">") : until(value, ";");
    } else if (is_name(name, "Record-Route")) {
        if (!msg->record_routes.p)
            msg->record_routes.p = line.p;
        msg->record_routes.n = (size_t)(line.p + line.n + 2 - msg->record_routes.p);
    } else if (is_name(name, "WWW-Authenticate") || is_name(name, "Proxy-Authenticate")) {
        if (!msg->challenge.p) {
            msg->challenge = value;
            msg->is_proxy_challenge = name.p[0] == 'P' || name.p[0] == 'p';
        }
    }
}

bool mini_parse(const char *text, size_t len, struct mini_msg *ret_msg)
{
    const char *p = text, *end = text + len;
    bool is_first = true;
    memset(ret_msg, 0, sizeof *ret_msg);
    while (p < end) {
        const char *eol = memchr(p, '\r', (size_t)(end - p));
        if (!eol || eol + 1 >= end)
            return false;
        struct mini_str line = {p, (size_t)(eol - p)};
        p = eol + 2;
        if (line.n == 0)
            break;
        if (is_first) {
            if (!parse_start(line, ret_msg))
                return false;
            is_first = false;
            continue;
        }
        struct mini_str name = until(line, ":");
        size_t at = name.n + 1;
        while (at < line.n && line.p[at] == ' ')
            at++;
        if (at <= line.n)
            parse_header(name, (struct mini_str){line.p + at, line.n - at}, line, ret_msg);
    }
    ret_msg->body = (struct mini_str){p, (size_t)(end - p)};
    return ret_msg->vias.p && ret_msg->from.p && ret_msg->to.p && ret_msg->call_id.p &&
           ret_msg->method.p;
}

const char *mini_rtpmap(const char *codec)
{
    static const char *const known[] = {"PCMA/8000", "G722/8000", "opus/48000/2"};
    size_t n = strlen(codec);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncasecmp(known[i], codec, n) == 0 && known[i][n] == '/')
            return known[i];
    bench_die("no such codec: %s", codec);
}

uint8_t mini_payload_type(const char *codec)
{
    const char *name = mini_rtpmap(codec);
    return name[0] == 'P' ? 8 : name[0] == 'G' ? 9 : 111;
}

/** The number of a=rtpmap:NUMBER NAME, else that of our offers. */
static uint8_t payload_type_in(struct mini_str body, const char *codec)
{
    const char *name = mini_rtpmap(codec);
    size_t n = strcspn(name, "/") + 1;
    for (struct mini_str at = find(body, "a=rtpmap:"); at.p; at = find(at, "a=rtpmap:")) {
        struct mini_str number = until(at, " \r");
        if (number.n + 1 + n < at.n && strncasecmp(at.p + number.n + 1, name, n) == 0)
            return (uint8_t)strtoul(at.p, NULL, 10);
    }
    return mini_payload_type(codec);
}

bool mini_media(struct mini_str body, const char *codec, struct mini_media *ret_media)
{
    struct mini_str c = until(find(body, "c=IN IP4 "), "\r/"), m = find(body, "m=audio ");
    char ip[32];
    struct in_addr address;
    if (!c.p || !m.p || c.n >= sizeof ip)
        return false;
    memcpy(ip, c.p, c.n);
    ip[c.n] = 0;
    if (inet_pton(AF_INET, ip, &address) != 1)
        return false;
    *ret_media = (struct mini_media){.ip4 = address.s_addr,
                                     .port = (uint16_t)strtoul(m.p, NULL, 10),
                                     .payload_type = payload_type_in(body, codec)};
    return true;
}

int mini_sdp(char *out, size_t size, uint16_t port, const char *codec, uint8_t payload_type)
{
    return snprintf(out, size,
                    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                    "m=audio %u RTP/AVP %u 101\r\na=rtpmap:%u %s\r\n"
                    "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n",
                    port, payload_type, payload_type, mini_rtpmap(codec));
}

/* --- digest ---------------------------------------------------------------------------------------- */

static void md5_hex(const char *text, size_t len, char out[33])
{
    static EVP_MD_CTX *context;
    static EVP_MD *md5;
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE];
    if (!context) {
        context = EVP_MD_CTX_new();
        md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    }
    if (!context || !md5 || EVP_DigestInit_ex2(context, md5, NULL) != 1 ||
        EVP_DigestUpdate(context, text, len) != 1 || EVP_DigestFinal_ex(context, sum, NULL) != 1)
        bench_die("libcrypto gives no MD5");
    for (int i = 0; i < 16; i++) {
        out[2 * i] = digits[sum[i] >> 4];
        out[2 * i + 1] = digits[sum[i] & 15];
    }
    out[32] = 0;
}

void mini_auth_init(struct mini_auth *auth, unsigned number)
{
    memset(auth, 0, sizeof *auth);
    snprintf(auth->user, sizeof auth->user, "%u", number);
    snprintf(auth->password, sizeof auth->password, "pw%u", number);
}

static bool copy_quoted(struct mini_str in, const char *key, char *out, size_t size)
{
    struct mini_str value = until(find(in, key), "\"");
    if (!value.p || value.n >= size)
        return false;
    memcpy(out, value.p, value.n);
    out[value.n] = 0;
    return true;
}

bool mini_auth_challenge(struct mini_auth *auth, const struct mini_msg *msg)
{
    char text[160];
    if (!msg->challenge.p ||
        !copy_quoted(msg->challenge, "nonce=\"", auth->nonce, sizeof auth->nonce))
        return false;
    char before[sizeof auth->realm];
    memcpy(before, auth->realm, sizeof before);
    if (!copy_quoted(msg->challenge, "realm=\"", auth->realm, sizeof auth->realm))
        return false;
    if (!auth->ha1[0] || strcmp(before, auth->realm) != 0) {
        int n = snprintf(text, sizeof text, "%s:%s:%s", auth->user, auth->realm, auth->password);
        md5_hex(text, (size_t)n, auth->ha1);
    }
    auth->has_qop = find(msg->challenge, "qop=").p != NULL;
    auth->is_proxy = msg->is_proxy_challenge;
    auth->nc = 0;
    return true;
}

size_t mini_auth_write(struct mini_auth *auth, const char *method, const char *uri, char *out,
                       size_t size)
{
    char text[512], ha2[33], response[33];
    if (!auth->nonce[0])
        return 0;
    auth->nc++;
    int n = snprintf(text, sizeof text, "%s:%s", method, uri);
    md5_hex(text, (size_t)n, ha2);
    if (auth->has_qop)
        n = snprintf(text, sizeof text, "%s:%s:%08x:0a4f113b7c21d5e8:auth:%s", auth->ha1,
                     auth->nonce, auth->nc, ha2);
    else
        n = snprintf(text, sizeof text, "%s:%s:%s", auth->ha1, auth->nonce, ha2);
    md5_hex(text, (size_t)n, response);
    n = snprintf(out, size,
                 "%s: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", "
                 "response=\"%s\", algorithm=MD5",
                 auth->is_proxy ? "Proxy-Authorization" : "Authorization", auth->user, auth->realm,
                 auth->nonce, uri, response);
    if (auth->has_qop)
        n += snprintf(out + n, size - (size_t)n, ", qop=auth, nc=%08x, cnonce=\"0a4f113b7c21d5e8\"",
                      auth->nc);
    n += snprintf(out + n, size - (size_t)n, "\r\n");
    return (size_t)n;
}

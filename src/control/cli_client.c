/* The client's side of HTTP: one request, one answer, blocking. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "control/cli_internal.h"

enum {
    CLI_TIMEOUT_SEC = 20,
    CLI_ANSWER_BYTES_MAX = 80 << 20,
    CLI_TOKEN_MAX = 256,
    CLI_HOST_MAX = 256,
};

struct target {
    char host[CLI_HOST_MAX], port[8], authority[CLI_HOST_MAX + 16], token[CLI_TOKEN_MAX];
    bool is_tls;
};

struct link {
    int fd;
    SSL_CTX *tls;
    SSL *ssl;
};

const char *cli_data(const struct cli_options *options)
{
    if (options->data != NULL)
        return options->data;
    return access("./data/run/api.json", F_OK) == 0 || access("./data", X_OK) == 0
               ? "./data"
               : "/var/lib/siprouter";
}

const char *cli_config(const struct cli_options *options)
{
    if (options->config != NULL)
        return options->config;
    return access("./config.json", F_OK) == 0 ? "./config.json" : "/etc/siprouter/config.json";
}

/* ---- where ---- */

static bool parse_url(const char *url, struct target *target)
{
    struct sr_str rest = sr_str_c(url), host, port;
    size_t colon;

    target->is_tls = sr_str_istarts(rest, SR_STR("https://"));
    if (!target->is_tls && !sr_str_istarts(rest, SR_STR("http://")))
        return false;
    rest = sr_str_from(rest, target->is_tls ? 8 : 7);
    rest = sr_str_head(rest, sr_str_find(rest, '/', 0));
    if (rest.n == 0 || !sr_str_copy(rest, target->authority, sizeof(target->authority)))
        return false;
    if (rest.p[0] == '[') {
        size_t end = sr_str_find(rest, ']', 0);

        host = sr_str_from(sr_str_head(rest, end), 1);
        colon = sr_str_find(rest, ':', end);
    } else {
        colon = sr_str_find(rest, ':', 0);
        host = sr_str_head(rest, colon);
    }
    port = colon < rest.n ? sr_str_from(rest, colon + 1) : sr_str_c(target->is_tls ? "443" : "80");
    return sr_str_copy(host, target->host, sizeof(target->host)) &&
           sr_str_copy(port, target->port, sizeof(target->port));
}

/* CLI_OK, CLI_UNREACHABLE, or CLI_USAGE: --url was not used as it must. */
static int find_target(const struct cli_options *options, struct target *target, bool is_quiet)
{
    const char *token = getenv("SIPROUTER_TOKEN"), *url = options->url;
    char path[CLI_PATH_MAX];
    json_t *file = NULL;
    json_error_t error;
    bool is_ok;

    if (url == NULL) {
        (void)snprintf(path, sizeof(path), "%s/run/api.json", cli_data(options));
        file = json_load_file(path, 0, &error);
        url = json_string_value(json_object_get(file, "url"));
        token = json_string_value(json_object_get(file, "token"));
    }
    if (url == NULL || token == NULL) {
        if (!is_quiet && options->url != NULL)
            cli_complain("siprouter: --url needs a token in SIPROUTER_TOKEN\n");
        else if (!is_quiet)
            cli_complain("siprouter: no running router found (%s cannot be read); is it started? "
                         "else use --data, or --url and SIPROUTER_TOKEN\n",
                         path);
        json_decref(file);
        return options->url != NULL ? CLI_USAGE : CLI_UNREACHABLE;
    }
    is_ok = parse_url(url, target) &&
            sr_str_copy(sr_str_c(token), target->token, sizeof(target->token));
    json_decref(file);
    if (!is_ok && !is_quiet)
        cli_complain("siprouter: the address is not http://HOST:PORT\n");
    if (is_ok)
        return CLI_OK;
    return options->url != NULL ? CLI_USAGE : CLI_UNREACHABLE;
}

/* ---- the connection ---- */

static int dial(const struct target *target)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    struct timeval limit = {.tv_sec = CLI_TIMEOUT_SEC};
    int fd = -1;

    if (getaddrinfo(target->host, target->port, &hints, &list) != 0)
        return -1;
    for (const struct addrinfo *item = list; item != NULL && fd < 0; item = item->ai_next) {
        fd = socket(item->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (connect(fd, item->ai_addr, item->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

static bool start_tls(const struct cli_options *options, const struct target *target,
                      struct link *link)
{
    char ca[CLI_PATH_MAX];
    X509_VERIFY_PARAM *param;

    link->tls = SSL_CTX_new(TLS_client_method());
    SR_ASSERT(link->tls != NULL);
    SSL_CTX_set_verify(link->tls, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_default_verify_paths(link->tls);
    (void)snprintf(ca, sizeof(ca), "%s/tls/ca.pem", cli_data(options));
    (void)SSL_CTX_load_verify_locations(link->tls, options->ca != NULL ? options->ca : ca, NULL);
    ERR_clear_error();
    link->ssl = SSL_new(link->tls);
    SR_ASSERT(link->ssl != NULL);
    param = SSL_get0_param(link->ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, target->host) != 1)
        (void)X509_VERIFY_PARAM_set1_host(param, target->host, 0);
    (void)SSL_set_tlsext_host_name(link->ssl, target->host);
    return SSL_set_fd(link->ssl, link->fd) == 1 && SSL_connect(link->ssl) == 1;
}

static void hang_up(struct link *link)
{
    SSL_free(link->ssl);
    SSL_CTX_free(link->tls);
    if (link->fd >= 0)
        close(link->fd);
}

static bool send_all(struct link *link, struct sr_str text)
{
    size_t at = 0;

    while (at < text.n) {
        ssize_t n = link->ssl != NULL ? SSL_write(link->ssl, text.p + at, (int)(text.n - at))
                                      : send(link->fd, text.p + at, text.n - at, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static bool receive_all(struct link *link, struct sr_buf *out)
{
    char chunk[16384];

    for (;;) {
        ssize_t n = link->ssl != NULL ? SSL_read(link->ssl, chunk, sizeof(chunk))
                                      : recv(link->fd, chunk, sizeof(chunk), 0);

        if (n < 0 && link->ssl == NULL)
            return false;
        if (n <= 0)
            return out->len > 0 && sr_buf_err(out) == SR_OK;
        sr_buf_add(out, chunk, (size_t)n);
    }
}

/* Whether all came that the head promised: a router that ends in the middle has given no answer. */
static bool is_whole(struct sr_str head, size_t body_bytes)
{
    static const struct sr_str name = {"\r\nContent-Length: ", 18};
    size_t at = sr_str_search(head, name);
    struct sr_str value = sr_str_from(head, at + name.n);
    uint64_t length;

    return at >= head.n || (sr_str_u64(sr_str_head(value, sr_str_find(value, '\r', 0)), UINT64_MAX,
                                       &length) == SR_OK &&
                            length == body_bytes);
}

/* Splits off the head; the router answers "Connection: close" with Content-Length. */
static bool read_answer(struct sr_buf *raw, struct cli_answer *answer)
{
    struct sr_str all = sr_buf_view(raw);
    size_t end = sr_str_search(all, SR_STR("\r\n\r\n"));
    json_error_t error;
    uint32_t status;

    if (end >= all.n || all.n < 12 || !sr_str_starts(all, SR_STR("HTTP/1.1 ")) ||
        sr_str_u32(sr_str_make(all.p + 9, 3), 999, &status) != SR_OK ||
        !is_whole(sr_str_head(all, end), all.n - end - 4))
        return false;
    answer->status = status;
    sr_buf_init(&answer->text, CLI_ANSWER_BYTES_MAX);
    sr_buf_str(&answer->text, sr_str_from(all, end + 4));
    answer->json =
        json_loadb(answer->text.data, answer->text.len, JSON_DECODE_ANY, &error); /* or NULL */
    return true;
}

static void write_request(const struct target *target, const char *method, const char *path,
                          const json_t *body, struct sr_buf *out)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;

    sr_buf_fmt(out,
               "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
               "Connection: close\r\nAccept: application/json\r\n",
               method, path, target->authority, target->token);
    if (text != NULL)
        sr_buf_fmt(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(text));
    sr_buf_c(out, "\r\n");
    sr_buf_c(out, text != NULL ? text : "");
    free(text); /* jansson's own */
}

int cli_ask(const struct cli_options *options, const char *method, const char *path, json_t *body,
            bool is_quiet, struct cli_answer *ret_answer)
{
    struct target target = {0};
    struct link link = {.fd = -1};
    struct sr_buf request, raw;
    int code = find_target(options, &target, is_quiet);
    bool is_ok;

    memset(ret_answer, 0, sizeof(*ret_answer));
    if (code != CLI_OK) {
        json_decref(body);
        return code;
    }
    sr_buf_init(&request, 8 << 20);
    sr_buf_init(&raw, CLI_ANSWER_BYTES_MAX);
    write_request(&target, method, path, body, &request);
    json_decref(body);
    link.fd = dial(&target);
    is_ok = link.fd >= 0 && (!target.is_tls || start_tls(options, &target, &link)) &&
            send_all(&link, sr_buf_view(&request)) && receive_all(&link, &raw) &&
            read_answer(&raw, ret_answer);
    if (!is_ok && !is_quiet)
        cli_complain("siprouter: no answer from %s%s\n", target.authority,
                     link.ssl != NULL && SSL_get_verify_result(link.ssl) != X509_V_OK
                         ? ": its certificate is not trusted; see --ca"
                         : "; is the router running?");
    hang_up(&link);
    sr_wipe(request.data, request.len);
    sr_buf_done(&request);
    sr_buf_done(&raw);
    sr_wipe(&target, sizeof(target));
    return is_ok ? CLI_OK : CLI_UNREACHABLE;
}

void cli_answer_done(struct cli_answer *answer)
{
    json_decref(answer->json);
    sr_buf_done(&answer->text);
}

int cli_judge(const struct cli_answer *answer)
{
    const char *detail = json_string_value(json_object_get(answer->json, "detail"));
    const char *pointer = json_string_value(json_object_get(answer->json, "pointer"));
    const json_t *fault;
    size_t index;

    if (answer->status >= 200 && answer->status < 300)
        return CLI_OK;
    cli_complain("siprouter: %s", detail != NULL ? detail : "the router said no");
    if (pointer != NULL && pointer[0] != '\0')
        cli_complain(" (%s)", pointer);
    cli_complain("\n");
    json_array_foreach(json_object_get(answer->json, "faults"), index, fault)
    {
        const char *where = json_string_value(json_object_get(fault, "pointer"));
        const char *message = json_string_value(json_object_get(fault, "message"));
        const char *cure = json_string_value(json_object_get(fault, "suggestion"));
        long long line = (long long)json_integer_value(json_object_get(fault, "line"));

        cli_complain("  ");
        if (line > 0)
            cli_complain("line %lld: ", line);
        if (where != NULL && where[0] != '\0')
            cli_complain("%s: ", where);
        cli_complain("%s", message != NULL ? message : "");
        if (cure != NULL && cure[0] != '\0')
            cli_complain(" (%s)", cure);
        cli_complain("\n");
    }
    return CLI_NO;
}

#include "net/tls.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"

struct tls {
    SSL *ssl;
    BIO *in;  /* owned by ssl */
    BIO *out; /* owned by ssl */
    char why[NET_WHY_MAX];
};

/* Forward secrecy and authenticated encryption only; TLS 1.3 suites are OpenSSL's own. */
static const char *const suites_tls12 = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                        "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

static SSL_CTX *ctx_new(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    SR_ASSERT(ctx != NULL);
    SR_ASSERT(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
    SR_ASSERT(SSL_CTX_set_cipher_list(ctx, suites_tls12) == 1);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    return ctx;
}

/* Of a server's own files: what people can do something about, in words. */
static void why_of_files(const struct net_tls_files *files, SSL_CTX *ctx, char *out)
{
    if (SSL_CTX_get0_certificate(ctx) == NULL)
        (void)snprintf(out, NET_WHY_MAX, "%.200s holds no certificate (PEM) that can be used",
                       files->cert_file);
    else if (SSL_CTX_get0_privatekey(ctx) == NULL)
        (void)snprintf(out, NET_WHY_MAX,
                       "%.110s holds no private key (PEM) that fits the certificate %.90s",
                       files->key_file, files->cert_file);
    else
        (void)snprintf(out, NET_WHY_MAX, "the key %.100s does not belong to the certificate %.100s",
                       files->key_file, files->cert_file);
    ERR_clear_error();
}

static void why_of_library(char *out, const char *what, const char *file)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    (void)snprintf(out, NET_WHY_MAX, "%s %.120s: %s", what, file, reason ? reason : "not accepted");
    ERR_clear_error();
}

static bool can_read(const char *file)
{
    FILE *f = fopen(file, "re");

    if (f)
        (void)fclose(f);
    return f != NULL;
}

enum sr_err tls_server_ctx_new(const struct net_tls_files *files, SSL_CTX **ret_ctx,
                               char reterr_why[NET_WHY_MAX])
{
    const char *bad_file = !can_read(files->cert_file)  ? files->cert_file
                           : !can_read(files->key_file) ? files->key_file
                                                        : NULL;

    if (bad_file) {
        (void)snprintf(reterr_why, NET_WHY_MAX, "%.200s cannot be read", bad_file);
        return SR_ERR_NOTFOUND;
    }
    ERR_clear_error();
    SSL_CTX *ctx = ctx_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(ctx, files->cert_file) == 1 &&
        SSL_CTX_use_PrivateKey_file(ctx, files->key_file, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(ctx) == 1) {
        *ret_ctx = ctx;
        return SR_OK;
    }
    why_of_files(files, ctx, reterr_why);
    SSL_CTX_free(ctx);
    return SR_ERR_SYNTAX;
}

enum sr_err net_tls_try(const struct net_tls_files *files, char reterr_why[NET_WHY_MAX])
{
    SSL_CTX *ctx = NULL;
    enum sr_err err = tls_server_ctx_new(files, &ctx, reterr_why);

    SSL_CTX_free(ctx);
    return err;
}

enum sr_err tls_client_ctx_new(const char *only_ca_file, const char *extra_ca_file,
                               SSL_CTX **ret_ctx, char reterr_why[NET_WHY_MAX])
{
    const char *file = only_ca_file ? only_ca_file : extra_ca_file;
    SSL_CTX *ctx = ctx_new(TLS_client_method());

    if (!only_ca_file)
        (void)SSL_CTX_set_default_verify_paths(ctx); /* no system store: verification says so */
    if (file && SSL_CTX_load_verify_locations(ctx, file, NULL) != 1) {
        why_of_library(reterr_why, "CA certificates", file);
        SSL_CTX_free(ctx);
        return SR_ERR_NOTFOUND;
    }
    ERR_clear_error();
    *ret_ctx = ctx;
    return SR_OK;
}

static struct tls *tls_new(SSL_CTX *ctx)
{
    struct tls *tls = sr_zalloc(1, sizeof(*tls));

    tls->ssl = SSL_new(ctx);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    SR_ASSERT(tls->ssl && tls->in && tls->out);
    (void)BIO_set_mem_eof_return(tls->in, -1);
    (void)BIO_set_mem_eof_return(tls->out, -1);
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    return tls;
}

struct tls *tls_new_server(SSL_CTX *ctx)
{
    struct tls *tls = tls_new(ctx);

    SSL_set_accept_state(tls->ssl);
    return tls;
}

struct tls *tls_new_client(SSL_CTX *ctx, struct sr_str name, bool is_verify_off)
{
    char host[NET_TLS_NAME_MAX];
    struct sr_addr addr;
    struct tls *tls;
    bool is_ip = sr_addr_parse_ip(name, &addr) == SR_OK;

    if (!sr_str_copy(name, host, sizeof(host)) || strlen(host) != name.n)
        return NULL;
    tls = tls_new(ctx);
    SSL_set_connect_state(tls->ssl);
    if (!is_ip && name.n > 0 && SSL_set_tlsext_host_name(tls->ssl, host) != 1)
        goto fail;
    if (is_verify_off) {
        SSL_set_verify(tls->ssl, SSL_VERIFY_NONE, NULL);
        return tls;
    }
    SSL_set_verify(tls->ssl, SSL_VERIFY_PEER, NULL);
    X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);
    char text[SR_ADDR_TEXT_MAX];
    /* RFC 5922 7.2: no wildcards, the SAN decides */
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_WILDCARDS);
    if (name.n == 0)
        goto fail; /* verification without a name would accept any name */
    if (is_ip ? X509_VERIFY_PARAM_set1_ip_asc(param, sr_addr_ip_text(&addr, text)) != 1
              : X509_VERIFY_PARAM_set1_host(param, host, 0) != 1)
        goto fail;
    return tls;
fail:
    ERR_clear_error();
    tls_free(tls);
    return NULL;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    sr_free(tls);
}

void tls_feed(struct tls *tls, struct sr_str bytes)
{
    if (bytes.n > 0)
        SR_ASSERT(BIO_write(tls->in, bytes.p, (int)bytes.n) == (int)bytes.n);
}

static void note_why(struct tls *tls)
{
    long verify = SSL_get_verify_result(tls->ssl);
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    if (verify != X509_V_OK)
        reason = X509_verify_cert_error_string(verify);
    (void)snprintf(tls->why, sizeof(tls->why), "TLS: %.200s", reason ? reason : "broken");
    ERR_clear_error();
}

enum sr_err tls_handshake(struct tls *tls)
{
    ERR_clear_error();
    int n = SSL_do_handshake(tls->ssl);
    if (n == 1)
        return SR_OK;
    int error = SSL_get_error(tls->ssl, n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return SR_ERR_AGAIN;
    note_why(tls);
    if (!SSL_is_server(tls->ssl) && (SSL_get_verify_mode(tls->ssl) & SSL_VERIFY_PEER) != 0 &&
        SSL_get_verify_result(tls->ssl) != X509_V_OK)
        return SR_ERR_AUTH;
    return SR_ERR_PROTO;
}

enum sr_err tls_read(struct tls *tls, char *out, size_t size, size_t *ret_n)
{
    ERR_clear_error();
    int n = SSL_read(tls->ssl, out, (int)SR_MIN(size, 1U << 20));
    if (n > 0) {
        *ret_n = (size_t)n;
        return SR_OK;
    }
    int error = SSL_get_error(tls->ssl, n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return SR_ERR_AGAIN;
    if (error == SSL_ERROR_ZERO_RETURN)
        return SR_ERR_NOTFOUND;
    note_why(tls);
    return SR_ERR_PROTO;
}

enum sr_err tls_write(struct tls *tls, struct sr_str bytes)
{
    if (bytes.n == 0)
        return SR_OK;
    ERR_clear_error();
    if (SSL_write(tls->ssl, bytes.p, (int)bytes.n) == (int)bytes.n)
        return SR_OK; /* memory takes everything at once */
    note_why(tls);
    return SR_ERR_PROTO;
}

void tls_shutdown(struct tls *tls)
{
    ERR_clear_error();
    if (SSL_is_init_finished(tls->ssl))
        (void)SSL_shutdown(tls->ssl); /* one way is enough: the stream closes */
    ERR_clear_error();
}

void tls_drain(struct tls *tls, struct sr_buf *out)
{
    char *data;
    long n = BIO_get_mem_data(tls->out, &data);

    if (n <= 0)
        return;
    sr_buf_add(out, data, (size_t)n);
    (void)BIO_reset(tls->out);
}

const char *tls_why(const struct tls *tls)
{
    return tls->why;
}

/* Our certificate, and fingerprints. */
#include "dtls/internal.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/alloc.h"
#include "base/random.h"

enum {
    DAY_SEC = 86400,
    LIFE_DAYS = 3650, /* of a certificate that lives as long as the process */
};

struct dtls_identity {
    SSL_CTX *ctx;
    BIO_METHOD *bio;
    struct dtls_fingerprint fingerprint;
};

static const struct {
    const char *name;
    size_t bytes;
} hashes[] = {
    [DTLS_SHA_256] = {"sha-256", 32},
    [DTLS_SHA_384] = {"sha-384", 48},
    [DTLS_SHA_512] = {"sha-512", 64},
};

/* ---- fingerprints ---- */

static enum sr_err parse_bytes(struct sr_str text, uint8_t *out, size_t bytes)
{
    if (text.n != 3 * bytes - 1)
        return SR_ERR_SYNTAX;
    for (size_t i = 0; i < bytes; i++) {
        int high = sr_hex_value(text.p[3 * i]);
        int low = sr_hex_value(text.p[3 * i + 1]);

        if (high < 0 || low < 0 || (i + 1 < bytes && text.p[3 * i + 2] != ':'))
            return SR_ERR_SYNTAX;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return SR_OK;
}

enum sr_err dtls_fingerprint_parse(struct sr_str text, struct dtls_fingerprint *ret_fingerprint)
{
    struct sr_str rest = sr_str_trim(text);
    struct sr_str name;

    if (!sr_str_split(&rest, ' ', &name))
        return SR_ERR_SYNTAX;
    rest = sr_str_trim(rest);
    for (size_t i = 0; i < SR_ARRAY_LEN(hashes); i++) {
        struct dtls_fingerprint fingerprint = {.hash = (enum dtls_hash)i};

        if (!sr_str_ieq_c(name, hashes[i].name))
            continue;
        if (parse_bytes(rest, fingerprint.bytes, hashes[i].bytes) != SR_OK)
            return SR_ERR_SYNTAX;
        *ret_fingerprint = fingerprint;
        return SR_OK;
    }
    return SR_ERR_UNSUPPORTED;
}

void dtls_fingerprint_write(const struct dtls_fingerprint *fingerprint, struct sr_buf *out)
{
    sr_buf_c(out, hashes[fingerprint->hash].name);
    for (size_t i = 0; i < hashes[fingerprint->hash].bytes; i++)
        sr_buf_fmt(out, "%c%02X", i == 0 ? ' ' : ':', fingerprint->bytes[i]);
}

bool dtls_fingerprint_eq(const struct dtls_fingerprint *a, const struct dtls_fingerprint *b)
{
    return a->hash == b->hash && memcmp(a->bytes, b->bytes, hashes[a->hash].bytes) == 0;
}

bool dtls__digest(const X509 *certificate, struct dtls_fingerprint *fingerprint)
{
    const EVP_MD *md = fingerprint->hash == DTLS_SHA_256   ? EVP_sha256()
                       : fingerprint->hash == DTLS_SHA_384 ? EVP_sha384()
                                                           : EVP_sha512();
    unsigned n = 0;

    return X509_digest(certificate, md, fingerprint->bytes, &n) == 1 &&
           n == hashes[fingerprint->hash].bytes;
}

/* ---- our certificate ---- */

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_NAME_new();
    uint64_t serial = 0;
    bool is_made;

    is_made = certificate != NULL && name != NULL &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"siprouter", -1,
                                         -1, 0) == 1 &&
              X509_set_version(certificate, X509_VERSION_3) == 1;
    if (is_made) {
        sr_random_bytes(&serial, sizeof(serial));
        is_made = ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1 &&
                  X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_SEC) != NULL &&
                  X509_time_adj_ex(X509_getm_notAfter(certificate), LIFE_DAYS, 0, NULL) != NULL &&
                  X509_set_subject_name(certificate, name) == 1 &&
                  X509_set_issuer_name(certificate, name) == 1 &&
                  X509_set_pubkey(certificate, key) == 1 &&
                  X509_sign(certificate, key, EVP_sha256()) > 0;
    }
    X509_NAME_free(name);
    if (is_made)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static bool set_rules(SSL_CTX *ctx)
{
    static const char ciphers[] =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
        "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384";
    /* this call gives 0 for success */
    static const char profiles[] = "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";

    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, dtls__check_peer, NULL);
    return SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, ciphers) == 1 &&
           SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1 &&
           SSL_CTX_set_tlsext_use_srtp(ctx, profiles) == 0;
}

enum sr_err dtls_identity_new(struct dtls_identity **ret_identity)
{
    struct dtls_identity *identity = sr_zalloc(1, sizeof(*identity));
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key != NULL ? make_certificate(key) : NULL;
    bool is_made;

    identity->ctx = SSL_CTX_new(DTLS_method());
    identity->bio = dtls__bio_method_new();
    is_made = certificate != NULL && identity->ctx != NULL && identity->bio != NULL &&
              set_rules(identity->ctx) &&
              SSL_CTX_use_certificate(identity->ctx, certificate) == 1 &&
              SSL_CTX_use_PrivateKey(identity->ctx, key) == 1 &&
              dtls__digest(certificate, &identity->fingerprint);
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (is_made) {
        *ret_identity = identity;
        return SR_OK;
    }
    ERR_clear_error();
    dtls_identity_free(identity);
    return SR_ERR_IO;
}

void dtls_identity_free(struct dtls_identity *identity)
{
    if (identity == NULL)
        return;
    SSL_CTX_free(identity->ctx);
    BIO_meth_free(identity->bio);
    sr_free(identity);
}

const struct dtls_fingerprint *dtls_identity_fingerprint(const struct dtls_identity *identity)
{
    return &identity->fingerprint;
}

SSL_CTX *dtls__ctx(const struct dtls_identity *identity)
{
    return identity->ctx;
}

BIO_METHOD *dtls__bio(const struct dtls_identity *identity)
{
    return identity->bio;
}

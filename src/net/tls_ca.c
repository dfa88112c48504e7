#include "net/tls_ca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"
#include "base/log.h"

enum {
    TEXT_BYTES_MAX = 65536,
    DAY_SEC = 86400,
};

/* Everything of one run; freed at its end. */
struct ca_run {
    const struct tls_ca_options *options;
    struct tls_ca_result *result;
    sr_usec wall; /* as options->wall, but never before the CA was made */
    char ca_key_file[TLS_CA_PATH_MAX];
    EVP_PKEY *ca_key;
    X509 *ca;
    EVP_PKEY *leaf_key;
    X509 *leaf;
    struct sr_buf san;         /* "DNS:a,IP:1.2.3.4" */
    struct sr_buf constraints; /* "permitted;DNS:a,permitted;IP:1.2.3.4/255.255.255.255" */
    char *why;
};

static enum sr_err fail(struct ca_run *run, const char *what, const char *detail)
{
    (void)snprintf(run->why, NET_WHY_MAX, "local CA: %.80s: %.140s", what, detail);
    ERR_clear_error();
    return SR_ERR_IO;
}

static bool name_is_sane(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if (!sr_is_alpha(name[i]) && !sr_is_digit(name[i]) && name[i] != '-' && name[i] != '.')
            return false;
    return n > 0 && n < 254 && name[0] != '.' && name[n - 1] != '.';
}

/* The wanted set as OpenSSL's configuration text; names were checked, so nothing can be smuggled in. */
static enum sr_err write_sets(struct ca_run *run)
{
    const struct tls_ca_options *o = run->options;
    char text[SR_ADDR_TEXT_MAX];

    if (o->name_count > TLS_CA_NAMES_MAX || o->addr_count > TLS_CA_NAMES_MAX)
        return SR_ERR_LIMIT;
    for (size_t i = 0; i < o->name_count; i++) {
        const char *comma = run->san.len ? "," : "";
        if (!name_is_sane(o->names[i])) {
            (void)fail(run, "not a host name", o->names[i]);
            return SR_ERR_SYNTAX;
        }
        sr_buf_fmt(&run->san, "%sDNS:%s", comma, o->names[i]);
        sr_buf_fmt(&run->constraints, "%spermitted;DNS:%s", comma, o->names[i]);
    }
    for (size_t i = 0; i < o->addr_count; i++) {
        const char *comma = run->san.len ? "," : "";
        bool is_ip4 = o->addrs[i].family == SR_ADDR_IP4;
        struct sr_addr plain = o->addrs[i];
        plain.scope = 0;
        (void)sr_addr_ip_text(&plain, text);
        sr_buf_fmt(&run->san, "%sIP:%s", comma, text);
        sr_buf_fmt(&run->constraints, "%spermitted;IP:%s/%s", comma, text,
                   is_ip4 ? "255.255.255.255" : "FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF");
    }
    if (run->san.len == 0) {
        (void)fail(run, "no name", "neither a host name nor an address to certify");
        return SR_ERR_SYNTAX;
    }
    /* without a permitted name of a kind every name of that kind would be allowed */
    if (o->name_count == 0)
        sr_buf_c(&run->constraints, ",excluded;DNS:");
    if (o->addr_count == 0)
        sr_buf_c(&run->constraints, ",excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:::/::");
    return SR_OK;
}

static X509 *load_cert(const char *path)
{
    FILE *f = fopen(path, "re");
    X509 *cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

    if (f)
        (void)fclose(f);
    ERR_clear_error();
    return cert;
}

static EVP_PKEY *load_key(const char *path)
{
    FILE *f = fopen(path, "re");
    EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

    if (f)
        (void)fclose(f);
    ERR_clear_error();
    return key;
}

/* A crash leaves the old file or the new one, never half. */
static enum sr_err write_file(struct ca_run *run, const char *path, EVP_PKEY *key, X509 *cert,
                              X509 *issuer)
{
    char temporary[TLS_CA_PATH_MAX + 8];
    bool is_written;

    (void)snprintf(temporary, sizeof(temporary), "%s.new", path);
    (void)unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, key ? 0600 : 0644);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f) {
        if (fd >= 0)
            (void)close(fd);
        return fail(run, temporary, strerror(errno));
    }
    if (key)
        is_written = PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
    else
        is_written = PEM_write_X509(f, cert) == 1 && (!issuer || PEM_write_X509(f, issuer) == 1);
    is_written = is_written && fflush(f) == 0 && fsync(fd) == 0;
    is_written = fclose(f) == 0 && is_written;
    if (!is_written || rename(temporary, path) != 0) {
        enum sr_err err = fail(run, path, errno ? strerror(errno) : "cannot be written");
        (void)unlink(temporary);
        return err;
    }
    return SR_OK;
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!extension)
        return false;
    bool is_added = X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool set_common(X509 *cert, EVP_PKEY *key, const char *common_name, sr_usec wall, int days)
{
    unsigned char serial_bytes[16];
    time_t now = (time_t)(wall / SR_SEC);
    X509_NAME *name = X509_get_subject_name(cert);

    if (RAND_bytes(serial_bytes, sizeof(serial_bytes)) != 1)
        return false;
    serial_bytes[0] = (unsigned char)((serial_bytes[0] & 0x7f) | 0x40);
    BIGNUM *serial = BN_bin2bn(serial_bytes, sizeof(serial_bytes), NULL);
    bool is_set = serial && BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) != NULL;
    BN_free(serial);
    /* an hour back: clocks of phones are seldom exact */
    return is_set && X509_set_version(cert, X509_VERSION_3) == 1 &&
           X509_time_adj_ex(X509_getm_notBefore(cert), 0, -3600, &now) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, &now) != NULL &&
           X509_set_pubkey(cert, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                      -1, -1, 0) == 1;
}

static enum sr_err make_ca(struct ca_run *run)
{
    X509_free(run->ca);
    EVP_PKEY_free(run->ca_key);
    run->ca_key = EVP_EC_gen("P-256");
    run->ca = X509_new();
    if (!run->ca_key || !run->ca)
        return fail(run, "library", "no key made");
    if (!set_common(run->ca, run->ca_key, "siprouter local CA", run->wall, TLS_CA_DAYS) ||
        X509_set_issuer_name(run->ca, X509_get_subject_name(run->ca)) != 1 ||
        !add_extension(run->ca, run->ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(run->ca, run->ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(run->ca, run->ca, NID_subject_key_identifier, "hash"))
        return fail(run, "library", "CA certificate not made");
    struct sr_buf value;
    sr_buf_init(&value, TEXT_BYTES_MAX);
    sr_buf_c(&value, "critical,");
    sr_buf_str(&value, sr_buf_view(&run->constraints));
    bool is_signed = add_extension(run->ca, run->ca, NID_name_constraints, sr_buf_cstr(&value)) &&
                     X509_sign(run->ca, run->ca_key, EVP_sha256()) > 0;
    sr_buf_done(&value);
    if (!is_signed)
        return fail(run, "library", "CA certificate not signed");
    enum sr_err err = write_file(run, run->ca_key_file, run->ca_key, NULL, NULL);
    if (err == SR_OK)
        err = write_file(run, run->result->ca_file, NULL, run->ca, NULL);
    run->result->is_ca_new = true;
    return err;
}

static enum sr_err make_leaf(struct ca_run *run)
{
    const struct tls_ca_options *o = run->options;
    char text[SR_ADDR_TEXT_MAX];
    const char *common_name = o->name_count > 0 ? o->names[0] : sr_addr_ip_text(&o->addrs[0], text);

    X509_free(run->leaf);
    EVP_PKEY_free(run->leaf_key);
    run->leaf_key = EVP_EC_gen("P-256");
    run->leaf = X509_new();
    if (!run->leaf_key || !run->leaf)
        return fail(run, "library", "no key made");
    if (!set_common(run->leaf, run->leaf_key, strlen(common_name) <= 64 ? common_name : "siprouter",
                    run->wall, TLS_CA_LEAF_DAYS) ||
        X509_set_issuer_name(run->leaf, X509_get_subject_name(run->ca)) != 1 ||
        !add_extension(run->leaf, run->ca, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(run->leaf, run->ca, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(run->leaf, run->ca, NID_ext_key_usage, "serverAuth,clientAuth") ||
        !add_extension(run->leaf, run->ca, NID_subject_key_identifier, "hash") ||
        !add_extension(run->leaf, run->ca, NID_authority_key_identifier, "keyid") ||
        !add_extension(run->leaf, run->ca, NID_subject_alt_name, sr_buf_cstr(&run->san)) ||
        X509_sign(run->leaf, run->ca_key, EVP_sha256()) <= 0)
        return fail(run, "library", "leaf certificate not made");
    enum sr_err err = write_file(run, run->result->key_file, run->leaf_key, NULL, NULL);
    if (err == SR_OK)
        err = write_file(run, run->result->cert_file, NULL, run->leaf, run->ca);
    run->result->is_leaf_new = true;
    return err;
}

/* Seconds from wall to the certificate's end; negative: over, or not to be read. */
static int64_t seconds_left(const X509 *cert, sr_usec wall)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return -1;
    return (int64_t)timegm(&tm) - wall / SR_SEC;
}

static bool leaf_names_everything(struct ca_run *run)
{
    const struct tls_ca_options *o = run->options;
    char text[SR_ADDR_TEXT_MAX];
    GENERAL_NAMES *names = X509_get_ext_d2i(run->leaf, NID_subject_alt_name, NULL, NULL);
    size_t count = names ? (size_t)sk_GENERAL_NAME_num(names) : 0;

    GENERAL_NAMES_free(names);
    if (count != o->name_count + o->addr_count)
        return false;
    for (size_t i = 0; i < o->name_count; i++)
        if (X509_check_host(run->leaf, o->names[i], 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) != 1)
            return false;
    for (size_t i = 0; i < o->addr_count; i++) {
        struct sr_addr plain = o->addrs[i];
        plain.scope = 0;
        if (X509_check_ip_asc(run->leaf, sr_addr_ip_text(&plain, text), 0) != 1)
            return false;
    }
    return true;
}

/* Does the chain stand, with the CA's name constraints? A new set outside them says no. */
static bool chain_stands(struct ca_run *run)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool stands = false;

    if (store && ctx && X509_STORE_add_cert(store, run->ca) == 1 &&
        X509_STORE_CTX_init(ctx, store, run->leaf, NULL) == 1) {
        X509_STORE_CTX_set_time(ctx, 0, (time_t)(run->wall / SR_SEC));
        stands = X509_verify_cert(ctx) == 1;
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return stands;
}

/* A clock that says it is before the CA was made is wrong (a machine without one, before it has asked
   the network): the CA must not be thrown away for that. */
static void correct_clock(struct ca_run *run)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(X509_get0_notBefore(run->ca), &tm) == 1)
        run->wall = SR_MAX(run->wall, (sr_usec)timegm(&tm) * SR_SEC);
}

/* Whoever trusted the CA that was here has to trust the new one. */
static enum sr_err replace_ca(struct ca_run *run, const char *why)
{
    sr_log(
        CORE, WARN,
        "event=ca_replaced file=%s why=\"%s\" hint=\"phones and browsers must trust the new one: "
        "/trust on the page\"",
        run->result->ca_file, why);
    return make_ca(run);
}

static enum sr_err ensure_ca(struct ca_run *run)
{
    bool was_there = access(run->result->ca_file, F_OK) == 0;

    run->ca = load_cert(run->result->ca_file);
    run->ca_key = load_key(run->ca_key_file);
    if (!was_there)
        return make_ca(run);
    if (!run->ca || !run->ca_key || X509_check_private_key(run->ca, run->ca_key) != 1)
        return replace_ca(run, "it or its key cannot be read");
    correct_clock(run);
    if (seconds_left(run->ca, run->wall) < (int64_t)TLS_CA_LEAF_DAYS * DAY_SEC)
        return replace_ca(run, "it runs out");
    return SR_OK;
}

static enum sr_err ensure(struct ca_run *run)
{
    enum sr_err err = ensure_ca(run);
    sr_usec wall = run->wall;

    if (err != SR_OK)
        return err;
    run->leaf = load_cert(run->result->cert_file);
    run->leaf_key = load_key(run->result->key_file);
    if (run->leaf && run->leaf_key && X509_check_private_key(run->leaf, run->leaf_key) == 1 &&
        seconds_left(run->leaf, wall) > (int64_t)TLS_CA_RENEW_DAYS * DAY_SEC &&
        leaf_names_everything(run) && chain_stands(run))
        return SR_OK;
    err = make_leaf(run);
    if (err != SR_OK || chain_stands(run))
        return err;
    err = replace_ca(run, "it may not sign for the names and addresses this machine has now");
    if (err == SR_OK)
        err = make_leaf(run);
    if (err == SR_OK && !chain_stands(run))
        err = fail(run, "library", "the chain made does not stand");
    return err;
}

enum sr_err tls_ca_ensure(const struct tls_ca_options *options, struct tls_ca_result *ret_result,
                          char reterr_why[NET_WHY_MAX])
{
    struct tls_ca_result result = {0};
    struct ca_run run = {
        .options = options, .result = &result, .wall = options->wall, .why = reterr_why};
    enum sr_err err;

    if (strlen(options->dir) + 16 > TLS_CA_PATH_MAX)
        return SR_ERR_LIMIT;
    (void)snprintf(result.ca_file, TLS_CA_PATH_MAX, "%s/ca.pem", options->dir);
    (void)snprintf(run.ca_key_file, TLS_CA_PATH_MAX, "%s/ca.key", options->dir);
    (void)snprintf(result.cert_file, TLS_CA_PATH_MAX, "%s/leaf.pem", options->dir);
    (void)snprintf(result.key_file, TLS_CA_PATH_MAX, "%s/leaf.key", options->dir);
    if (mkdir(options->dir, 0700) != 0 && errno != EEXIST)
        return fail(&run, options->dir, strerror(errno));
    sr_buf_init(&run.san, TEXT_BYTES_MAX);
    sr_buf_init(&run.constraints, TEXT_BYTES_MAX);
    (void)snprintf(reterr_why, NET_WHY_MAX, "local CA: more than %d names", TLS_CA_NAMES_MAX);
    err = write_sets(&run);
    if (err == SR_OK)
        err = ensure(&run);
    if (err == SR_OK) {
        result.leaf_until = options->wall + seconds_left(run.leaf, options->wall) * SR_SEC;
        *ret_result = result;
    }
    X509_free(run.ca);
    X509_free(run.leaf);
    EVP_PKEY_free(run.ca_key);
    EVP_PKEY_free(run.leaf_key);
    sr_buf_done(&run.san);
    sr_buf_done(&run.constraints);
    return err;
}

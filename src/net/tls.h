/**
 * @file tls.h  TLS 1.2 and 1.3 over memory, for byte streams (OpenSSL behind it).
 *
 * Layer:   net, private to net/
 * Memory:  contexts are counted by OpenSSL; a tls is owned
 * Thread:  not shared
 */
#ifndef SR_NET_TLS_H
#define SR_NET_TLS_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "net/net.h"

struct tls;

/** A server's context from PEM files. Errors as net_tls_load(). Freed with SSL_CTX_free(). */
SR_MUST_USE enum sr_err tls_server_ctx_new(const struct net_tls_files *files, SSL_CTX **ret_ctx,
                                           char reterr_why[NET_WHY_MAX]);
/** A client's: trusts `only_ca_file`, or when NULL the system's and `extra_ca_file` (or NULL).
    NOTFOUND: a file cannot be read as CA certificates. */
SR_MUST_USE enum sr_err tls_client_ctx_new(const char *only_ca_file, const char *extra_ca_file,
                                           SSL_CTX **ret_ctx, char reterr_why[NET_WHY_MAX]);

struct tls *tls_new_server(SSL_CTX *ctx);
/** NULL: the name cannot be one (longer than NET_TLS_NAME_MAX - 1, or with a NUL inside). */
struct tls *tls_new_client(SSL_CTX *ctx, struct sr_str name, bool is_verify_off);
void tls_free(struct tls *tls);

/** Bytes from the wire. */
void tls_feed(struct tls *tls, struct sr_str bytes);
/** Goes on with the handshake: SR_OK done; AGAIN; AUTH certificate refused; PROTO failed. */
SR_MUST_USE enum sr_err tls_handshake(struct tls *tls);
/** Plain bytes into `out`: SR_OK with *ret_n > 0; AGAIN; NOTFOUND the peer said good-bye; PROTO. */
SR_MUST_USE enum sr_err tls_read(struct tls *tls, char *out, size_t size, size_t *ret_n);
/** Plain bytes to be sent, after the handshake. */
SR_MUST_USE enum sr_err tls_write(struct tls *tls, struct sr_str bytes);
/** Says good-bye. */
void tls_shutdown(struct tls *tls);
/** Moves bytes for the wire into `out`; they are lost when it is full (sr_buf_err). */
void tls_drain(struct tls *tls, struct sr_buf *out);
/** Why the last call failed, in words. */
const char *tls_why(const struct tls *tls);

#endif

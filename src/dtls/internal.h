/**
 * @file internal.h  What the two files of dtls/ share.
 */
#ifndef SR_DTLS_INTERNAL_H
#define SR_DTLS_INTERNAL_H

/* first: OpenSSL has macros with the names of our SRTP suites */
#include "dtls/dtls.h"

#include <openssl/ssl.h>

/* ---- identity.c ---- */
SSL_CTX *dtls__ctx(const struct dtls_identity *identity);
BIO_METHOD *dtls__bio(const struct dtls_identity *identity);
/** Fills bytes by the hash named in it. */
bool dtls__digest(const X509 *certificate, struct dtls_fingerprint *fingerprint);

/* ---- dtls.c ---- */
BIO_METHOD *dtls__bio_method_new(void);
/** OpenSSL's verify callback: the fingerprint decides. */
int dtls__check_peer(X509_STORE_CTX *store, void *arg);

#endif

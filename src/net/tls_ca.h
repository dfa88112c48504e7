/**
 * @file tls_ca.h  The router's own local certificate authority: used when no certificate is configured.
 *
 * DIR/ca.pem, ca.key, leaf.pem (leaf and CA), leaf.key; EC P-256; keys 0600; written through a
 * temporary file and rename, so that a crash leaves old or new, never half. The CA carries critical
 * name constraints for the names and addresses it was made for: whoever steals it can sign for these
 * only. A set with a name outside makes a new CA, which must be trusted anew.
 *
 * Layer:   net
 * Thread:  any, but blocks on files: at start, at reload, or off the loop
 */
#ifndef SR_NET_TLS_CA_H
#define SR_NET_TLS_CA_H

#include "base/addr.h"
#include "net/net.h"

enum {
    TLS_CA_NAMES_MAX = 64, /* of each kind; more: SR_ERR_LIMIT */
    TLS_CA_DAYS = 3650,
    TLS_CA_LEAF_DAYS = 397,
    TLS_CA_RENEW_DAYS = 30, /* leaf re-issued when less is left */
    TLS_CA_PATH_MAX = 512,
};

struct tls_ca_options {
    const char *dir;          /* made with 0700 when missing */
    const char *const *names; /* host names */
    size_t name_count;
    const struct sr_addr *addrs; /* ports are ignored */
    size_t addr_count;
    sr_usec wall; /* now, microseconds since 1970 */
};

struct tls_ca_result {
    char cert_file[TLS_CA_PATH_MAX]; /* for net_tls_files */
    char key_file[TLS_CA_PATH_MAX];
    char ca_file[TLS_CA_PATH_MAX]; /* for people to trust */
    sr_usec leaf_until;            /* wall: when the leaf ends */
    bool is_ca_new;
    bool is_leaf_new;
};

/**
 * Loads what is there, makes what is missing, does not fit the set any more, or runs out.
 *
 * @return SR_OK; SR_ERR_LIMIT too many names; SR_ERR_SYNTAX no name at all, or a name is wrong;
 *         SR_ERR_IO files cannot be written or the library refused, in words
 */
SR_MUST_USE enum sr_err tls_ca_ensure(const struct tls_ca_options *options,
                                      struct tls_ca_result *ret_result,
                                      char reterr_why[NET_WHY_MAX]);

#endif

/**
 * @file crypto.h  The thread that shakes DTLS hands: public-key work never runs on a tick or on the
 * signalling loop.
 *
 * The front tells it which fingerprint a leg's peer must show and which role we have; workers pass
 * the peer's records on as they come; it sends its flights itself, over the browser port or the
 * leg's own socket. What comes of it (keys, failure, close_notify) goes back to the front. A new
 * association is shaken beside the one in force, which keeps its keys until the new one is up. Only
 * src/worker/ includes this.
 *
 * Thread:  as each function says
 */
#ifndef SR_WORKER_CRYPTO_H
#define SR_WORKER_CRYPTO_H

#include "dtls/dtls.h"
#include "net/loop.h"
#include "rtc/ice.h"

enum {
    CRYPTO_RING_BYTES = 1 << 18, /* records of one worker waiting; more are dropped */
    CRYPTO_HALF_OPEN_MAX = 1000, /* handshakes at once; hellos above that are dropped */
};

struct crypto;
struct bport;

/** What became of a leg's handshake. */
struct crypto_result {
    sr_id leg;
    enum dtls_event event;
    struct srtp_keys tx, rx; /* with DTLS_EVENT_UP */
    char why[DTLS_WHY_MAX];  /* with DTLS_EVENT_FAILED */
};

/** On the loop's thread. `result` is wiped afterwards. */
typedef void crypto_result_fn(void *arg, const struct crypto_result *result);
/** On the loop's thread: nothing of the leg is used any more, its socket may be closed. */
typedef void crypto_forgotten_fn(void *arg, sr_id leg);

struct crypto_options {
    struct loop *loop;
    crypto_result_fn *on_result;
    crypto_forgotten_fn *on_forgotten;
    void *arg;
    uint32_t worker_count;
    struct bport *bport; /* NULL: none */
};

struct crypto_peer_options {
    struct dtls_fingerprint fingerprint;
    bool is_client;
    bool is_new_wanted; /* another association than the one in force */
    int fd;             /* its own socket; -1: the browser port */
};

/** Front. @return SR_OK; SR_ERR_IO no thread, descriptor or certificate */
SR_MUST_USE enum sr_err crypto_new(const struct crypto_options *options,
                                   struct crypto **ret_crypto);
/** Front, after the workers have ended. Every association says close_notify. NULL is fine. */
void crypto_free(struct crypto *crypto);
/** Any thread: SHA-256 of our certificate. */
const struct dtls_fingerprint *crypto_fingerprint(const struct crypto *crypto);

/** Front: what is known of a leg's other side; the first call makes it known, a later one changes it. */
void crypto_set(struct crypto *crypto, sr_id leg, const struct crypto_peer_options *options);
/** Front: says close_notify, then on_forgotten follows, always. */
void crypto_forget(struct crypto *crypto, sr_id leg);

/** Worker `worker`: one record from that path. Dropped and counted when too many wait. */
void crypto_push(struct crypto *crypto, uint32_t worker, sr_id leg, const struct ice_path *path,
                 const uint8_t *bytes, size_t n);
/** Worker `worker`: where to send now; a client's handshake begins with the first. False: try again. */
bool crypto_set_path(struct crypto *crypto, uint32_t worker, sr_id leg,
                     const struct ice_path *path);
/** Front: results that wait, also after the loop has stopped turning. */
void crypto_collect(struct crypto *crypto);

struct crypto_counters {
    _Atomic uint64_t handshakes, failures, refused, dropped, junk;
    _Atomic uint32_t half_open;
};

const struct crypto_counters *crypto_counters(const struct crypto *crypto);

#endif

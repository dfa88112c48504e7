/**
 * @file auth_hash.h  Argon2id on a thread of its own: about 50 ms and 64 MB each, one at a time.
 *
 * Thread:  the web thread; `wake` runs on the hashing thread
 */
#ifndef SR_CONTROL_AUTH_HASH_H
#define SR_CONTROL_AUTH_HASH_H

#include "base/mpsc.h"
#include "control/auth.h"

enum {
    AUTH_HASH_BYTES = 128 /* of a hash as text, with NUL */
};

struct auth_job { /* by the caller, freed by auth_job_free */
    struct sr_mpsc_node node;
    struct auth_done done;
    struct auth_user_change change; /* views its copies below; USER */
    char device_id[AUTH_DEVICE_MAX];
    struct sr_addr source;
    char password[AUTH_PASSWORD_MAX + 1];
    char next[AUTH_PASSWORD_MAX + 1]; /* OWN_PASSWORD: what it becomes */
    char proved[AUTH_HASH_BYTES];     /* LOGIN, OWN_PASSWORD: to compare with */
    char hash[AUTH_HASH_BYTES];       /* USER, OWN_PASSWORD: the result */
    bool is_unknown;                  /* nobody has this name; it takes as long */
};

struct auth_hasher;

struct auth_hasher *auth_hasher_new(void (*wake)(void *arg), void *arg);
/** Waits for the job in hand, drops the others. */
void auth_hasher_free(struct auth_hasher *hasher);
/** Takes the job over; SR_ERR_LIMIT: AUTH_HASH_JOBS_MAX wait, the job stays the caller's. */
SR_MUST_USE enum sr_err auth_hasher_submit(struct auth_hasher *hasher, struct auth_job *job);
/** A job that is done, or NULL. */
struct auth_job *auth_hasher_next(struct auth_hasher *hasher);
void auth_job_free(struct auth_job *job);
/** Blocking, any thread. */
SR_MUST_USE enum sr_err auth_hash(struct sr_str password, char out[AUTH_HASH_BYTES]);

#endif

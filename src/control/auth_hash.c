#include "control/auth_hash.h"

#include <pthread.h>
#include <sodium.h>

#include "base/alloc.h"

struct auth_hasher {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct auth_job *jobs[AUTH_HASH_JOBS_MAX]; /* ring; under the lock */
    size_t first, count;
    bool is_ending;
    struct sr_mpsc done;
    void (*wake)(void *arg);
    void *arg;
    char nobody[AUTH_HASH_BYTES]; /* a hash no password fits */
};

_Static_assert(AUTH_HASH_BYTES >= crypto_pwhash_STRBYTES, "a hash fits");

enum sr_err auth_hash(struct sr_str password, char out[AUTH_HASH_BYTES])
{
    if (sodium_init() < 0)
        return SR_ERR_IO;
    return crypto_pwhash_str(out, password.p, password.n, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                             crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0
               ? SR_OK
               : SR_ERR_IO;
}

void auth_job_free(struct auth_job *job)
{
    sr_free_secret(job, sizeof(*job));
}

static enum sr_err verify(const struct auth_hasher *hasher, const struct auth_job *job)
{
    const char *hash = job->is_unknown ? hasher->nobody : job->proved;
    bool is_right = crypto_pwhash_str_verify(hash, job->password, strlen(job->password)) == 0;

    return is_right && !job->is_unknown ? SR_OK : SR_ERR_AUTH;
}

static void work(struct auth_hasher *hasher, struct auth_job *job)
{
    if (job->done.kind == AUTH_JOB_USER)
        job->done.err = auth_hash(sr_str_c(job->password), job->hash);
    else
        job->done.err = verify(hasher, job);
    if (job->done.kind == AUTH_JOB_OWN_PASSWORD && job->done.err == SR_OK)
        job->done.err = auth_hash(sr_str_c(job->next), job->hash);
    sr_wipe(job->password, sizeof(job->password));
    sr_wipe(job->next, sizeof(job->next));
    (void)sr_mpsc_push(&hasher->done, &job->node);
    hasher->wake(hasher->arg);
}

static struct auth_job *next_job(struct auth_hasher *hasher)
{
    struct auth_job *job = NULL;

    pthread_mutex_lock(&hasher->lock);
    while (hasher->count == 0 && !hasher->is_ending)
        pthread_cond_wait(&hasher->changed, &hasher->lock);
    if (!hasher->is_ending) {
        job = hasher->jobs[hasher->first];
        hasher->first = (hasher->first + 1) % AUTH_HASH_JOBS_MAX;
        hasher->count--;
    }
    pthread_mutex_unlock(&hasher->lock);
    return job;
}

static void *run(void *arg)
{
    struct auth_hasher *hasher = arg;
    struct auth_job *job;
    char random[32];

    randombytes_buf(random, sizeof(random));
    if (auth_hash(sr_str_make(random, sizeof(random)), hasher->nobody) != SR_OK)
        hasher->nobody[0] = '\0';
    while ((job = next_job(hasher)) != NULL)
        work(hasher, job);
    return NULL;
}

struct auth_hasher *auth_hasher_new(void (*wake)(void *arg), void *arg)
{
    struct auth_hasher *hasher = sr_zalloc(1, sizeof(*hasher));

    SR_ASSERT(sodium_init() >= 0);
    hasher->wake = wake;
    hasher->arg = arg;
    sr_mpsc_init(&hasher->done);
    SR_ASSERT(pthread_mutex_init(&hasher->lock, NULL) == 0);
    SR_ASSERT(pthread_cond_init(&hasher->changed, NULL) == 0);
    SR_ASSERT(pthread_create(&hasher->thread, NULL, run, hasher) == 0);
    return hasher;
}

void auth_hasher_free(struct auth_hasher *hasher)
{
    struct auth_job *job;

    pthread_mutex_lock(&hasher->lock);
    hasher->is_ending = true;
    pthread_cond_signal(&hasher->changed);
    pthread_mutex_unlock(&hasher->lock);
    SR_ASSERT(pthread_join(hasher->thread, NULL) == 0);
    for (; hasher->count > 0; hasher->count--) {
        auth_job_free(hasher->jobs[hasher->first]);
        hasher->first = (hasher->first + 1) % AUTH_HASH_JOBS_MAX;
    }
    while ((job = auth_hasher_next(hasher)) != NULL)
        auth_job_free(job);
    pthread_cond_destroy(&hasher->changed);
    pthread_mutex_destroy(&hasher->lock);
    sr_free(hasher);
}

enum sr_err auth_hasher_submit(struct auth_hasher *hasher, struct auth_job *job)
{
    enum sr_err err = SR_ERR_LIMIT;

    pthread_mutex_lock(&hasher->lock);
    if (hasher->count < AUTH_HASH_JOBS_MAX) {
        hasher->jobs[(hasher->first + hasher->count++) % AUTH_HASH_JOBS_MAX] = job;
        pthread_cond_signal(&hasher->changed);
        err = SR_OK;
    }
    pthread_mutex_unlock(&hasher->lock);
    return err;
}

struct auth_job *auth_hasher_next(struct auth_hasher *hasher)
{
    struct sr_mpsc_node *node = sr_mpsc_pop(&hasher->done);

    return node != NULL ? SR_CONTAINER(node, struct auth_job, node) : NULL;
}

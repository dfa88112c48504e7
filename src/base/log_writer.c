/* The thread that writes log lines: who logs never waits for who reads. */
#include "base/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

enum {
    CHUNK_BYTES = 16 * 1024, /* of one write */
    STOP_WAIT_SEC = 1,
    POLL_MS = 100,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t is_filled = PTHREAD_COND_INITIALIZER;
static pthread_t thread;
static bool is_on, is_stopping;
static char queue[SR_LOG_QUEUE_BYTES]; /* a ring */
static size_t first, used;
static uint64_t lost_told; /* the thread's own */
static _Atomic uint64_t lost;

uint64_t sr_log_lost(void)
{
    return atomic_load_explicit(&lost, memory_order_relaxed);
}

bool sr_log__queue(struct sr_str line)
{
    bool has_writer;

    pthread_mutex_lock(&lock);
    has_writer = is_on;
    if (has_writer && used + line.n > sizeof(queue)) {
        atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
    } else if (has_writer) {
        size_t at = (first + used) % sizeof(queue);
        size_t head = SR_MIN(line.n, sizeof(queue) - at);

        memcpy(queue + at, line.p, head);
        memcpy(queue, line.p + head, line.n - head);
        used += line.n;
        pthread_cond_signal(&is_filled);
    }
    pthread_mutex_unlock(&lock);
    return has_writer;
}

/* Waits for bytes. @return how many were copied; 0: stopping, and nothing is left */
static size_t take(char out[CHUNK_BYTES])
{
    size_t n;

    pthread_mutex_lock(&lock);
    while (used == 0 && !is_stopping)
        (void)pthread_cond_wait(&is_filled, &lock);
    n = SR_MIN(SR_MIN(used, (size_t)CHUNK_BYTES), sizeof(queue) - first);
    memcpy(out, queue + first, n);
    first = (first + n) % sizeof(queue);
    used -= n;
    pthread_mutex_unlock(&lock);
    return n;
}

/* What cannot be written is gone: nobody can be told when standard error is. */
static void write_out(const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, bytes, n);

        if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        } else if (done < 0 && errno == EAGAIN) {
            struct pollfd waiting = {.fd = STDERR_FILENO, .events = POLLOUT};

            (void)poll(&waiting, 1, POLL_MS);
        } else if (done == 0 || errno != EINTR) {
            return;
        }
    }
}

static void tell_lost(void)
{
    uint64_t now = sr_log_lost();

    if (now == lost_told)
        return;
    sr_log(CORE, WARN, "event=log_lines_lost count=%llu why=\"nobody read the log\"",
           (unsigned long long)(now - lost_told));
    lost_told = now;
}

static void *run(void *arg)
{
    char bytes[CHUNK_BYTES];
    size_t n;

    (void)arg;
    while ((n = take(bytes)) > 0) {
        write_out(bytes, n);
        tell_lost();
    }
    return NULL;
}

bool sr_log_writer_start(void)
{
    bool is_started;

    pthread_mutex_lock(&lock);
    is_stopping = false;
    is_started = is_on || pthread_create(&thread, NULL, run, NULL) == 0;
    is_on = is_started;
    pthread_mutex_unlock(&lock);
    return is_started;
}

void sr_log_writer_stop(void)
{
    struct timespec until;
    bool was_on;

    pthread_mutex_lock(&lock);
    was_on = is_on && !is_stopping;
    is_stopping = true;
    pthread_cond_signal(&is_filled);
    pthread_mutex_unlock(&lock);
    if (!was_on)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_WAIT_SEC;
    if (pthread_timedjoin_np(thread, NULL, &until) != 0) {
        (void)pthread_detach(thread); /* it waits for somebody to read; later lines are lost */
        return;
    }
    pthread_mutex_lock(&lock);
    is_on = false;
    pthread_mutex_unlock(&lock);
}

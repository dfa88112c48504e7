/**
 * @file loop.h  The event loop of one thread: time, deadlines, jobs, descriptors.
 *
 * Two twins behind one interface: loop_uv (libuv, real time) and loop_sim (virtual time, no
 * descriptors). A turn: descriptors, then due timers, posted jobs, deferred jobs. The clock is read
 * once per turn; a timer set for a time already past runs in the next turn.
 *
 * Layer:   net
 * Memory:  timers and jobs are embedded in their owners; they must be cleared before those go
 * Thread:  the loop's own, but for loop_post() and loop_stop(), which any thread may call
 */
#ifndef SR_NET_LOOP_H
#define SR_NET_LOOP_H

#include "base/heap.h"
#include "base/list.h"
#include "base/mpsc.h"

enum {
    LOOP_TURN_SLOW_USEC = 5000, /* longer turns are counted */
};

struct loop;
struct loop_watch;

/** Runs on the loop's thread. May set, clear and free anything, also its own timer or job. */
typedef void loop_fn(void *arg);

struct loop_timer { /* fields are private */
    struct sr_heap_node node;
    loop_fn *fn;
    void *arg;
};

struct loop_job { /* fields are private */
    struct sr_mpsc_node post;
    struct sr_node defer;
    loop_fn *fn;
    void *arg;
};

/** Real time. The thread that makes it owns it, until another calls loop_run(). */
struct loop *loop_uv_new(void);
/** Virtual time from SR_SEC on; the wall clock starts at 2026-01-01T00:00:00Z. */
struct loop *loop_sim_new(uint64_t seed);
/** All watches must be closed. Timers still set are forgotten. NULL is fine. */
void loop_free(struct loop *loop);

/** Monotonic time of this turn; outside of turns (before the loop runs) of this moment. */
sr_usec loop_now(const struct loop *loop);
/** Wall clock of the same, microseconds since 1970. */
sr_usec loop_wall(const struct loop *loop);
/** Is the caller on the loop's thread? For SR_ASSERT. */
bool loop_is_current(const struct loop *loop);

/** Before first use; the timer is not set. */
void loop_timer_init(struct loop_timer *timer, loop_fn *fn, void *arg);
/** Sets or moves. SR_NEVER clears. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, sr_usec at);
/** Nothing happens when it is not set. */
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);
bool loop_timer_is_set(const struct loop_timer *timer);

void loop_job_init(struct loop_job *job, loop_fn *fn, void *arg);
/** From any thread; cannot fail. The job may be posted again from the moment its fn runs. */
void loop_post(struct loop *loop, struct loop_job *job);
/** From the loop's thread: runs at the end of this turn (from a deferred job: of the next turn).
    Nothing happens when it waits already. */
void loop_defer(struct loop *loop, struct loop_job *job);
/** Takes a deferred job back. Nothing happens when it does not wait. */
void loop_defer_clear(struct loop *loop, struct loop_job *job);

enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
};

/** `events`: LOOP_READ | LOOP_WRITE that are ready; errors and hang-up show as both. */
typedef void loop_watch_fn(void *arg, unsigned events);

/**
 * Watches a descriptor (level-triggered).
 *
 * @return SR_OK; SR_ERR_UNSUPPORTED in virtual time; SR_ERR_IO the system refused
 */
SR_MUST_USE enum sr_err loop_watch_fd(struct loop *loop, int fd, unsigned events, loop_watch_fn *fn,
                                      void *arg, struct loop_watch **ret_watch);
/** Other events from now on; 0 pauses. */
void loop_watch_set(struct loop_watch *watch, unsigned events);
/** No call comes any more; the descriptor may be closed at once. NULL is fine. */
void loop_watch_close(struct loop_watch *watch);

/** Turns until loop_stop(). Takes the loop over to the calling thread. Real time only. */
void loop_run(struct loop *loop);
/** From any thread: ends loop_run() after the present turn. A stop before loop_run counts. */
void loop_stop(struct loop *loop);

/** Virtual time: runs everything due up to and including `time`, then now is `time`. */
void loop_sim_run_until(struct loop *loop, sr_usec time);
/** Virtual time: runs until nothing is left to do, at most until `limit`. True when idle. */
bool loop_sim_run_idle(struct loop *loop, sr_usec limit);
/** Virtual time: one turn at the next deadline. False when nothing is left to do. */
bool loop_sim_step(struct loop *loop);
/** Virtual time: the system's clock is set by hand. */
void loop_sim_set_wall(struct loop *loop, sr_usec wall);
/** Virtual time: the seed given. */
uint64_t loop_sim_seed(const struct loop *loop);

struct loop_stats {
    uint64_t turns;
    uint64_t turns_slow; /* over LOOP_TURN_SLOW_USEC; always 0 in virtual time */
    sr_usec turn_longest_usec;
    uint64_t timers_fired;
    uint64_t jobs_run;
    uint32_t timers_set; /* now */
};

void loop_stats(const struct loop *loop, struct loop_stats *ret_stats);

#endif

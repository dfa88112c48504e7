#include "base/alloc.h"
#include "net/internal.h"

struct loop_sim {
    struct loop loop;
    uint64_t seed;
    _Atomic bool is_woken;
};

static const sr_usec wall_start = INT64_C(1767225600) * SR_SEC; /* 2026-01-01T00:00:00Z */

static struct loop_sim *as_sim(const struct loop *loop)
{
    SR_ASSERT(!loop->is_real);
    return (struct loop_sim *)(uintptr_t)((const char *)loop - offsetof(struct loop_sim, loop));
}

static void sim_wake(struct loop *loop)
{
    atomic_store(&as_sim(loop)->is_woken, true);
}

static enum sr_err sim_watch(struct loop *loop, int fd, unsigned events, loop_watch_fn *fn,
                             void *arg, struct loop_watch **ret_watch)
{
    (void)loop, (void)fd, (void)events, (void)fn, (void)arg, (void)ret_watch;
    return SR_ERR_UNSUPPORTED;
}

/* Unreachable: nothing can be watched in virtual time. */
static void sim_watch_set(struct loop_watch *watch, unsigned events)
{
    (void)events;
    SR_ASSERT(watch == NULL);
}

static void sim_watch_close(struct loop_watch *watch)
{
    SR_ASSERT(watch == NULL);
}

static void sim_run(struct loop *loop)
{
    SR_ASSERT(loop->is_real); /* virtual time is driven by loop_sim_run_until() and its sisters */
}

static void sim_free(struct loop *loop)
{
    struct loop_sim *self = as_sim(loop);

    loop__done(loop);
    sr_free(self);
}

static const struct loop_ops ops_sim = {
    .wake = sim_wake,
    .watch = sim_watch,
    .watch_set = sim_watch_set,
    .watch_close = sim_watch_close,
    .run = sim_run,
    .free = sim_free,
};

struct loop *loop_sim_new(uint64_t seed)
{
    struct loop_sim *self = sr_zalloc(1, sizeof(*self));

    loop__init(&self->loop, &ops_sim, false);
    self->seed = seed;
    self->loop.now = SR_SEC;
    self->loop.wall = wall_start;
    return &self->loop;
}

static void advance(struct loop *loop, sr_usec time)
{
    if (time <= loop->now)
        return;
    loop->wall += time - loop->now;
    loop->now = time;
}

/* One turn at the next deadline, if that is at most `limit`. */
static bool step_until(struct loop *loop, sr_usec limit)
{
    struct loop_sim *self = as_sim(loop);
    sr_usec deadline = loop__deadline(loop);

    if (atomic_exchange(&self->is_woken, false))
        deadline = loop->now;
    if (deadline == SR_NEVER || deadline > limit)
        return false;
    advance(loop, deadline);
    loop__turn_finish(loop);
    return true;
}

void loop_sim_run_until(struct loop *loop, sr_usec time)
{
    while (step_until(loop, time))
        ;
    advance(loop, time);
}

bool loop_sim_run_idle(struct loop *loop, sr_usec limit)
{
    while (step_until(loop, limit))
        ;
    return loop__deadline(loop) == SR_NEVER;
}

bool loop_sim_step(struct loop *loop)
{
    return step_until(loop, SR_NEVER - 1);
}

void loop_sim_set_wall(struct loop *loop, sr_usec wall)
{
    SR_ASSERT(!loop->is_real);
    loop->wall = wall;
}

uint64_t loop_sim_seed(const struct loop *loop)
{
    return as_sim(loop)->seed;
}

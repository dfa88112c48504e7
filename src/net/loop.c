#include "net/internal.h"

#include "net/clock.h"

void loop__init(struct loop *loop, const struct loop_ops *ops, bool is_real)
{
    memset(loop, 0, sizeof(*loop));
    loop->ops = ops;
    loop->is_real = is_real;
    sr_heap_init(&loop->timers);
    sr_mpsc_init(&loop->posted);
    sr_list_init(&loop->deferred);
    atomic_init(&loop->is_stopped, false);
    atomic_init(&loop->thread, pthread_self());
    if (is_real) {
        loop->now = net_clock_now();
        loop->wall = net_clock_wall();
    }
}

void loop__done(struct loop *loop)
{
    sr_heap_done(&loop->timers);
}

void loop__turn_begin(struct loop *loop)
{
    if (loop->in_turn)
        return;
    loop->in_turn = true;
    loop->stats.turns++;
    if (!loop->is_real)
        return;
    loop->now = net_clock_now();
    loop->wall = net_clock_wall();
}

static void run_timers(struct loop *loop)
{
    struct sr_heap_node *node;
    /* what a timer sets for a time already past waits for the next turn: no endless turn */
    uint64_t order_end = loop->timers.next_order;

    while ((node = sr_heap_first(&loop->timers)) != NULL && node->at <= loop->now &&
           node->order < order_end) {
        struct loop_timer *timer = SR_CONTAINER(node, struct loop_timer, node);
        sr_heap_remove(&loop->timers, node);
        loop->stats.timers_fired++;
        timer->fn(timer->arg);
    }
}

static void run_posted(struct loop *loop)
{
    enum {
        POSTED_PER_TURN = 1024
    };

    for (int i = 0; i < POSTED_PER_TURN; i++) {
        struct sr_mpsc_node *node = sr_mpsc_pop(&loop->posted);
        if (!node)
            return;
        struct loop_job *job = SR_CONTAINER(node, struct loop_job, post);
        loop->stats.jobs_run++;
        job->fn(job->arg);
    }
    loop->ops->wake(loop); /* more are waiting; descriptors get their turn first */
}

static void run_deferred(struct loop *loop)
{
    size_t count = loop->deferred.count;

    while (count-- > 0) {
        struct sr_node *node = sr_list_pop(&loop->deferred);
        if (!node)
            return;
        struct loop_job *job = SR_CONTAINER(node, struct loop_job, defer);
        loop->stats.jobs_run++;
        job->fn(job->arg);
    }
}

void loop__turn_finish(struct loop *loop)
{
    loop__turn_begin(loop);
    run_timers(loop);
    run_posted(loop);
    run_deferred(loop);
    loop->in_turn = false;
    if (!loop->is_real)
        return;
    sr_usec took = net_clock_now() - loop->now;
    loop->stats.turn_longest_usec = SR_MAX(loop->stats.turn_longest_usec, took);
    loop->stats.turns_slow += took > LOOP_TURN_SLOW_USEC;
}

sr_usec loop__deadline(const struct loop *loop)
{
    const struct sr_heap_node *node = sr_heap_first(&loop->timers);

    if (sr_list_first(&loop->deferred))
        return loop->now;
    return node ? node->at : SR_NEVER;
}

void loop_free(struct loop *loop)
{
    if (loop)
        loop->ops->free(loop);
}

sr_usec loop_now(const struct loop *loop)
{
    return loop->is_real && !loop->in_turn ? net_clock_now() : loop->now;
}

sr_usec loop_wall(const struct loop *loop)
{
    return loop->is_real && !loop->in_turn ? net_clock_wall() : loop->wall;
}

bool loop_is_current(const struct loop *loop)
{
    return pthread_equal(atomic_load_explicit(&loop->thread, memory_order_relaxed), pthread_self());
}

void loop_timer_init(struct loop_timer *timer, loop_fn *fn, void *arg)
{
    *timer = (struct loop_timer){.fn = fn, .arg = arg};
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, sr_usec at)
{
    SR_ASSERT(loop_is_current(loop));
    SR_ASSERT(timer->fn != NULL);
    if (at == SR_NEVER)
        sr_heap_remove(&loop->timers, &timer->node);
    else
        sr_heap_set(&loop->timers, &timer->node, at);
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
    SR_ASSERT(loop_is_current(loop));
    sr_heap_remove(&loop->timers, &timer->node);
}

bool loop_timer_is_set(const struct loop_timer *timer)
{
    return timer->node.index1 != 0;
}

void loop_job_init(struct loop_job *job, loop_fn *fn, void *arg)
{
    memset(job, 0, sizeof(*job));
    job->fn = fn;
    job->arg = arg;
}

void loop_post(struct loop *loop, struct loop_job *job)
{
    if (sr_mpsc_push(&loop->posted, &job->post))
        loop->ops->wake(loop);
}

void loop_defer(struct loop *loop, struct loop_job *job)
{
    SR_ASSERT(loop_is_current(loop));
    if (!sr_node_is_linked(&job->defer))
        sr_list_add(&loop->deferred, &job->defer);
}

void loop_defer_clear(struct loop *loop, struct loop_job *job)
{
    SR_ASSERT(loop_is_current(loop));
    sr_list_remove(&loop->deferred, &job->defer);
}

enum sr_err loop_watch_fd(struct loop *loop, int fd, unsigned events, loop_watch_fn *fn, void *arg,
                          struct loop_watch **ret_watch)
{
    return loop->ops->watch(loop, fd, events, fn, arg, ret_watch);
}

void loop_watch_set(struct loop_watch *watch, unsigned events)
{
    watch->loop->ops->watch_set(watch, events);
}

void loop_watch_close(struct loop_watch *watch)
{
    if (watch)
        watch->loop->ops->watch_close(watch);
}

void loop_run(struct loop *loop)
{
    loop->ops->run(loop);
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->is_stopped, true);
    loop->ops->wake(loop);
}

void loop_stats(const struct loop *loop, struct loop_stats *ret_stats)
{
    *ret_stats = loop->stats;
    ret_stats->timers_set = loop->timers.count;
}

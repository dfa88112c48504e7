/**
 * @file internal.h  What the files of net/ share: the inside of loops.
 *
 * Layer:   net, private
 */
#ifndef SR_NET_INTERNAL_H
#define SR_NET_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/loop.h"

/** What the two twins differ in. */
struct loop_ops {
    void (*wake)(struct loop *loop); /* any thread */
    enum sr_err (*watch)(struct loop *loop, int fd, unsigned events, loop_watch_fn *fn, void *arg,
                         struct loop_watch **ret_watch);
    void (*watch_set)(struct loop_watch *watch, unsigned events);
    void (*watch_close)(struct loop_watch *watch);
    void (*run)(struct loop *loop);
    void (*free)(struct loop *loop);
};

struct loop {
    const struct loop_ops *ops;
    struct sr_heap timers;
    struct sr_mpsc posted;
    struct sr_list deferred;
    sr_usec now;
    sr_usec wall;
    bool is_real;
    bool in_turn;
    _Atomic bool is_stopped;
    _Atomic pthread_t thread;
    struct loop_stats stats;
};

struct loop_watch {
    struct loop *loop;
};

void loop__init(struct loop *loop, const struct loop_ops *ops, bool is_real);
void loop__done(struct loop *loop);
/** Reads the clock when this is the first thing of a turn. */
void loop__turn_begin(struct loop *loop);
/** Due timers, posted and deferred jobs; ends the turn. */
void loop__turn_finish(struct loop *loop);
/** When the loop has to turn at the latest; SR_NEVER: only on events. */
sr_usec loop__deadline(const struct loop *loop);

#endif

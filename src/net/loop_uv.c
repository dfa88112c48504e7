#include <uv.h>

#include "base/alloc.h"
#include "net/internal.h"

/*
 * libuv brings the descriptors and the wake-up; deadlines and jobs are ours, run in the check phase
 * (after descriptors), so that both twins share their order. One libuv timer ends the wait.
 */
struct loop_uv {
    struct loop loop;
    uv_loop_t uv;
    uv_async_t async;
    uv_timer_t timer;
    uv_prepare_t prepare;
    uv_check_t check;
    uint32_t watches;
};

struct watch_uv {
    struct loop_watch watch;
    uv_poll_t poll;
    loop_watch_fn *fn;
    void *arg;
};

static struct loop_uv *as_uv(struct loop *loop)
{
    return SR_CONTAINER(loop, struct loop_uv, loop);
}

static void on_async(uv_async_t *async)
{
    (void)async; /* the check phase does the work */
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
}

/* Before the wait: until when? */
static void on_prepare(uv_prepare_t *prepare)
{
    struct loop_uv *self = prepare->data;
    sr_usec deadline = loop__deadline(&self->loop);

    if (deadline == SR_NEVER) {
        (void)uv_timer_stop(&self->timer);
        return;
    }
    uv_update_time(&self->uv); /* the turn may have taken time since libuv looked */
    sr_usec now = (sr_usec)(uv_hrtime() / 1000);
    sr_usec wait = deadline > now ? deadline - now : 0;
    SR_ASSERT(uv_timer_start(&self->timer, on_timer, (uint64_t)((wait + 999) / 1000), 0) == 0);
}

static void on_check(uv_check_t *check)
{
    struct loop_uv *self = check->data;

    loop__turn_finish(&self->loop);
    if (atomic_exchange(&self->loop.is_stopped, false))
        uv_stop(&self->uv);
}

static void uv_wake(struct loop *loop)
{
    SR_ASSERT(uv_async_send(&as_uv(loop)->async) == 0);
}

static void on_poll(uv_poll_t *poll, int status, int uv_events)
{
    struct watch_uv *self = poll->data;
    unsigned events = 0;

    loop__turn_begin(self->watch.loop);
    if (status < 0)
        events = LOOP_READ | LOOP_WRITE;
    if (uv_events & (UV_READABLE | UV_DISCONNECT))
        events |= LOOP_READ;
    if (uv_events & UV_WRITABLE)
        events |= LOOP_WRITE;
    if (events)
        self->fn(self->arg, events);
}

static void watch_uv_set(struct loop_watch *watch, unsigned events)
{
    struct watch_uv *self = SR_CONTAINER(watch, struct watch_uv, watch);
    int uv_events =
        ((events & LOOP_READ) ? UV_READABLE : 0) | ((events & LOOP_WRITE) ? UV_WRITABLE : 0);

    SR_ASSERT(loop_is_current(watch->loop));
    if (uv_events)
        SR_ASSERT(uv_poll_start(&self->poll, uv_events, on_poll) == 0);
    else
        SR_ASSERT(uv_poll_stop(&self->poll) == 0);
}

static enum sr_err watch_uv_open(struct loop *loop, int fd, unsigned events, loop_watch_fn *fn,
                                 void *arg, struct loop_watch **ret_watch)
{
    struct watch_uv *self = sr_zalloc(1, sizeof(*self));

    SR_ASSERT(loop_is_current(loop));
    self->watch.loop = loop;
    self->fn = fn;
    self->arg = arg;
    if (uv_poll_init(&as_uv(loop)->uv, &self->poll, fd) != 0) {
        sr_free(self);
        return SR_ERR_IO;
    }
    self->poll.data = self;
    as_uv(loop)->watches++;
    watch_uv_set(&self->watch, events);
    *ret_watch = &self->watch;
    return SR_OK;
}

static void on_watch_closed(uv_handle_t *handle)
{
    sr_free(handle->data);
}

static void watch_uv_close(struct loop_watch *watch)
{
    struct watch_uv *self = SR_CONTAINER(watch, struct watch_uv, watch);

    SR_ASSERT(loop_is_current(watch->loop));
    as_uv(watch->loop)->watches--;
    uv_close((uv_handle_t *)&self->poll, on_watch_closed);
}

static void uv_run_until_stop(struct loop *loop)
{
    SR_ASSERT(loop->is_real);
    atomic_store(&loop->thread, pthread_self());
    if (atomic_exchange(&loop->is_stopped, false))
        return;
    (void)uv_run(&as_uv(loop)->uv, UV_RUN_DEFAULT);
}

static void uv_free(struct loop *loop)
{
    struct loop_uv *self = as_uv(loop);

    atomic_store(&loop->thread, pthread_self());
    SR_ASSERT(self->watches == 0);
    uv_close((uv_handle_t *)&self->async, NULL);
    uv_close((uv_handle_t *)&self->timer, NULL);
    uv_close((uv_handle_t *)&self->prepare, NULL);
    uv_close((uv_handle_t *)&self->check, NULL);
    (void)uv_run(&self->uv, UV_RUN_DEFAULT); /* runs the close callbacks */
    SR_ASSERT(uv_loop_close(&self->uv) == 0);
    loop__done(loop);
    sr_free(self);
}

static const struct loop_ops ops_uv = {
    .wake = uv_wake,
    .watch = watch_uv_open,
    .watch_set = watch_uv_set,
    .watch_close = watch_uv_close,
    .run = uv_run_until_stop,
    .free = uv_free,
};

struct loop *loop_uv_new(void)
{
    struct loop_uv *self = sr_zalloc(1, sizeof(*self));

    loop__init(&self->loop, &ops_uv, true);
    SR_ASSERT(uv_loop_init(&self->uv) == 0);
    SR_ASSERT(uv_async_init(&self->uv, &self->async, on_async) == 0);
    SR_ASSERT(uv_timer_init(&self->uv, &self->timer) == 0);
    SR_ASSERT(uv_prepare_init(&self->uv, &self->prepare) == 0);
    SR_ASSERT(uv_check_init(&self->uv, &self->check) == 0);
    self->prepare.data = self;
    self->check.data = self;
    SR_ASSERT(uv_prepare_start(&self->prepare, on_prepare) == 0);
    SR_ASSERT(uv_check_start(&self->check, on_check) == 0);
    return &self->loop;
}

#include <ares.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/time.h>

#include "base/alloc.h"
#include "net/resolver_internal.h"

enum {
    ARES_FDS_MAX = 64,
    TRY_MSEC = 1200,
    TRIES = 3,
};

struct ares_fd {
    struct resolver_ares *ares;
    ares_socket_t fd;
    struct loop_watch *watch; /* NULL: free place */
};

struct resolver_ares {
    struct resolver resolver;
    ares_channel channel;
    struct loop_timer timer;
    struct ares_fd fds[ARES_FDS_MAX];
};

struct ask {
    struct resolver_ares *ares;
    enum dns_type type;
    char name[DNS_NAME_MAX];
};

static struct resolver_ares *as_ares(struct resolver *resolver)
{
    return SR_CONTAINER(resolver, struct resolver_ares, resolver);
}

static void arm(struct resolver_ares *self)
{
    struct timeval tv;
    struct loop *loop = self->resolver.loop;

    if (!ares_timeout(self->channel, NULL, &tv)) {
        loop_timer_clear(loop, &self->timer);
        return;
    }
    loop_timer_set(loop, &self->timer, loop_now(loop) + tv.tv_sec * SR_SEC + tv.tv_usec + SR_MSEC);
}

static void on_timer(void *arg)
{
    struct resolver_ares *self = arg;

    ares_process_fd(self->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm(self);
}

static void on_ready(void *arg, unsigned events)
{
    struct ares_fd *place = arg;
    struct resolver_ares *self = place->ares;
    ares_socket_t fd = place->fd;

    ares_process_fd(self->channel, events & LOOP_READ ? fd : ARES_SOCKET_BAD,
                    events & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
    arm(self);
}

/* c-ares tells which descriptors it wants watched. Beyond ARES_FDS_MAX a query runs into its time. */
static void on_socket(void *arg, ares_socket_t fd, int is_readable, int is_writable)
{
    struct resolver_ares *self = arg;
    struct ares_fd *place = NULL;
    unsigned events = (is_readable ? LOOP_READ : 0U) | (is_writable ? LOOP_WRITE : 0U);

    for (int i = 0; i < ARES_FDS_MAX; i++) {
        if (self->fds[i].watch && self->fds[i].fd == fd) {
            place = &self->fds[i];
            break;
        }
        if (!self->fds[i].watch && !place)
            place = &self->fds[i];
    }
    if (!place)
        return;
    if (!place->watch && events) {
        *place = (struct ares_fd){.ares = self, .fd = fd};
        if (loop_watch_fd(self->resolver.loop, fd, events, on_ready, place, &place->watch) != SR_OK)
            place->watch = NULL;
    } else if (place->watch && !events) {
        loop_watch_close(place->watch);
        place->watch = NULL;
    } else if (place->watch) {
        loop_watch_set(place->watch, events);
    }
}

static enum sr_err status_err(int status)
{
    if (status == ARES_ENOTFOUND)
        return SR_ERR_NOTFOUND;
    if (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED)
        return SR_ERR_TIMEOUT;
    return SR_ERR_PROTO;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int n)
{
    struct ask *ask = arg;
    struct dns_answer answer;
    enum sr_err err = status_err(status);

    (void)timeouts;
    if (status != ARES_EDESTRUCTION) {
        if (bytes && n > 0 && status != ARES_ETIMEOUT && status != ARES_ECONNREFUSED)
            err = dns_answer_parse(sr_str_make((const char *)bytes, (size_t)n), sr_str_c(ask->name),
                                   ask->type, &answer);
        resolver__answered(&ask->ares->resolver, ask->name, ask->type, err, &answer);
    }
    sr_free(ask);
}

static void ares_ask(struct resolver *resolver, const char *name, enum dns_type type)
{
    struct resolver_ares *self = as_ares(resolver);
    struct ask *ask = sr_zalloc(1, sizeof(*ask));

    ask->ares = self;
    ask->type = type;
    (void)snprintf(ask->name, sizeof(ask->name), "%s", name);
    ares_query(self->channel, name, 1, (int)type, on_answer, ask);
    arm(self);
}

static void ares_free_all(struct resolver *resolver)
{
    struct resolver_ares *self = as_ares(resolver);

    if (self->channel)
        ares_destroy(self->channel); /* closes its sockets, which closes our watches */
    loop_timer_clear(resolver->loop, &self->timer);
    for (int i = 0; i < ARES_FDS_MAX; i++)
        loop_watch_close(self->fds[i].watch);
    resolver__done(resolver);
    sr_free(self);
}

static const struct resolver_ops ops_ares = {.ask = ares_ask, .free = ares_free_all};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_init(void)
{
    SR_ASSERT(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
}

static enum sr_err set_servers(struct resolver_ares *self, const struct resolver_options *options)
{
    struct sr_buf csv;
    struct sr_addr addr;
    char text[SR_ADDR_TEXT_MAX];
    enum sr_err err = options->server_count > RESOLVER_SERVERS_MAX ? SR_ERR_LIMIT : SR_OK;

    sr_buf_init(&csv, 4096);
    for (size_t i = 0; i < options->server_count && err == SR_OK; i++) {
        err = sr_addr_parse(sr_str_c(options->servers[i]), 53, &addr);
        if (err == SR_OK)
            sr_buf_fmt(&csv, "%s%s", i ? "," : "", sr_addr_text(&addr, text));
    }
    if (err == SR_OK && csv.len > 0 &&
        ares_set_servers_ports_csv(self->channel, sr_buf_cstr(&csv)) != ARES_SUCCESS)
        err = SR_ERR_IO;
    sr_buf_done(&csv);
    return err;
}

enum sr_err resolver_new(struct loop *loop, const struct resolver_options *options,
                         struct resolver **ret_resolver)
{
    struct resolver_ares *self = sr_zalloc(1, sizeof(*self));
    struct ares_options o = {.timeout = TRY_MSEC,
                             .tries = TRIES,
                             .sock_state_cb = on_socket,
                             .sock_state_cb_data = self};
    const char *hosts = options->hosts_file ? options->hosts_file : "/etc/hosts";
    enum sr_err err = SR_OK;

    SR_ASSERT(pthread_once(&library_once, library_init) == 0);
    resolver__init(&self->resolver, &ops_ares, loop, options->deadline_usec, options->prng_seed);
    loop_timer_init(&self->timer, on_timer, self);
    if (ares_init_options(&self->channel, &o,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
        ARES_SUCCESS) {
        self->channel = NULL;
        err = SR_ERR_IO;
    }
    if (err == SR_OK && options->server_count > 0)
        err = set_servers(self, options);
    if (err != SR_OK) {
        ares_free_all(&self->resolver);
        return err;
    }
    if (hosts[0] != '\0')
        resolver__read_hosts(&self->resolver, hosts);
    *ret_resolver = &self->resolver;
    return SR_OK;
}

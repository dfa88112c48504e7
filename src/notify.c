#include "notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    PINGS = 3, /* in the manager's time */
};

struct notify {
    struct loop *loop;
    struct loop_timer timer;
    int fd; /* -1: nobody is to be told */
    struct sockaddr_un addr;
    socklen_t addr_len;
    sr_usec every; /* 0: no watchdog */
};

void notify_say(struct notify *notify, const char *state)
{
    if (notify == NULL || notify->fd < 0)
        return;
    /* whoever asked for it does not listen any more: nothing to be done about it */
    if (sendto(notify->fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)&notify->addr, notify->addr_len) < 0)
        return;
}

static void on_timer(void *arg)
{
    struct notify *notify = arg;

    notify_say(notify, "WATCHDOG=1");
    loop_timer_set(notify->loop, &notify->timer, loop_now(notify->loop) + notify->every);
}

/* "/run/systemd/notify", or "@name" of an abstract socket. */
static bool find_socket(struct notify *notify)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path != NULL ? strlen(path) : 0;

    if (n < 2 || n >= sizeof(notify->addr.sun_path) || (path[0] != '/' && path[0] != '@'))
        return false;
    notify->addr.sun_family = AF_UNIX;
    memcpy(notify->addr.sun_path, path, n);
    if (path[0] == '@')
        notify->addr.sun_path[0] = '\0';
    notify->addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return notify->fd >= 0;
}

static sr_usec ping_every(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    uint32_t value = 0;

    if (usec == NULL || sr_str_u32(sr_str_c(usec), UINT32_MAX, &value) != SR_OK)
        return 0;
    return value / PINGS;
}

struct notify *notify_open(struct loop *loop)
{
    struct notify *notify = sr_zalloc(1, sizeof(*notify));

    notify->loop = loop;
    notify->fd = -1;
    loop_timer_init(&notify->timer, on_timer, notify);
    if (!find_socket(notify))
        return notify;
    notify_say(notify, "READY=1");
    notify->every = ping_every();
    if (notify->every > 0)
        on_timer(notify);
    return notify;
}

void notify_free(struct notify *notify)
{
    if (notify == NULL)
        return;
    loop_timer_clear(notify->loop, &notify->timer);
    if (notify->fd >= 0)
        (void)close(notify->fd);
    sr_free(notify);
}

#include "ng.h"

#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int ng_open(struct sockaddr_in target)
{
    int fd = bench_udp_socket("127.0.0.1", 0, NULL);
    if (connect(fd, (struct sockaddr *)&target, sizeof target) != 0)
        bench_die("ng: %s", strerror(errno));
    return fd;
}

/** Sends a request until its reply is there. */
static void exchange(int fd, const char *text, size_t len, const char *codec,
                     struct mini_media *ret_media)
{
    char reply[8000];
    for (int tries = 0; tries < 5; tries++) {
        struct pollfd wait = {fd, POLLIN, 0};
        if (send(fd, text, len, 0) < 0)
            bench_die("ng: %s", strerror(errno));
        if (poll(&wait, 1, 1000) <= 0)
            continue;
        ssize_t got = recv(fd, reply, sizeof reply - 1, 0);
        if (got <= 0 || strtoul(reply, NULL, 10) != strtoul(text, NULL, 10))
            continue;
        reply[got] = 0;
        if (!mini_media((struct mini_str){reply, (size_t)got}, codec, ret_media))
            bench_die("ng: %s", reply);
        return;
    }
    bench_die("ng: no reply");
}

struct request {
    const char *command;
    const char *keys;  /* more entries, in bencode */
    const char *codec; /* looked for in the reply */
};

static void ask(int fd, unsigned call, const struct ng_side *side, const struct request *request,
                struct mini_media *ret_media)
{
    static unsigned cookie;
    char sdp[400], text[2000], id[32];
    int sdp_len = mini_sdp(sdp, sizeof sdp, side->port, side->codec, side->payload_type);
    int id_len = snprintf(id, sizeof id, "call%u", call);
    int n = snprintf(text, sizeof text,
                     "%u d7:call-id%d:%s7:command%zu:%s8:from-tag1:a3:ICE6:remove"
                     "7:replacel6:origine3:sdp%d:%s%s18:transport-protocol7:RTP/AVPe",
                     ++cookie, id_len, id, strlen(request->command), request->command, sdp_len, sdp,
                     request->keys);
    exchange(fd, text, (size_t)n, request->codec, ret_media);
}

void ng_offer(int fd, unsigned call, const struct ng_side *caller, const char *transcode,
              struct mini_media *ret_media)
{
    char keys[200] = "";
    struct request request = {"offer", keys, transcode ? transcode : caller->codec};
    if (transcode)
        snprintf(keys, sizeof keys, "5:codecd4:maskl%zu:%se9:transcodel%zu:%see",
                 strlen(caller->codec), caller->codec, strlen(transcode), transcode);
    ask(fd, call, caller, &request, ret_media);
}

void ng_answer(int fd, unsigned call, const struct ng_side *callee, const char *caller_codec,
               struct mini_media *ret_media)
{
    struct request request = {"answer", "6:to-tag1:b", caller_codec};
    ask(fd, call, callee, &request, ret_media);
}

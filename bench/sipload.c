#include "sipload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    BATCH = 64,
    MESSAGE_MAX = 4096,
    REQUEST_MAX = 1500, /* kept for retransmission */
    NAME_MAX_BYTES = 256,
    LEVELS = 6, /* waits of 0.5, 1, 2, 4, 4, 4 s */
    HASH_SIZE = 1 << 18,
    SDP_PORT = 9, /* discard */
    CHALLENGES_MAX = 5,
};

enum caller_state {
    CALLER_FREE,
    CALLER_INVITING,
    CALLER_ANSWERED,
    CALLER_ENDING
};
enum callee_state {
    CALLEE_FREE,
    CALLEE_ANSWERED,
    CALLEE_CONFIRMED
};

/** A place in the queue of its waiting time; stale when the slot has moved on. */
struct timer {
    uint32_t slot;
    uint32_t serial;
    int64_t due_ns;
};

/** Timers of one waiting time are due in the order in which they were set. */
struct queue {
    struct timer *items;
    uint32_t head, count; /* ring of SIPLOAD_CALLS_MAX * 2 */
};

struct caller {
    uint8_t state, challenges, level;
    uint8_t is_ringing; /* the set-up delay was taken */
    uint16_t user, callee;
    uint32_t generation, serial;
    unsigned n, cseq;
    int64_t begun_ns;
    size_t text_len;
    char text[REQUEST_MAX]; /* the last request, for retransmission */
    char to[NAME_MAX_BYTES], remote[NAME_MAX_BYTES], route[NAME_MAX_BYTES];
};

struct callee {
    uint8_t state, level;
    uint32_t generation, serial;
    uint64_t hash;
    int64_t begun_ns;
    size_t text_len;
    char text[REQUEST_MAX]; /* the 200 */
};

struct side {
    int fd;
    uint16_t port;
    struct queue queues[LEVELS];
    uint32_t *free; /* ring of free slots, oldest first */
    uint32_t free_head, free_count;
};

struct sipload {
    struct sipload_options options;
    struct sipload_stats stats;
    struct side sides[2];
    struct mini_auth *users;
    uint32_t registered;
    struct caller *callers;
    struct callee *callees;
    uint32_t *callee_of_hash; /* slot + 1, direct mapped */
    unsigned next_caller, call_serial, callee_serial, run_id;
    struct bench_delays delays;
};

static const int64_t waits_ms[LEVELS] = {500, 1000, 2000, 4000, 4000, 4000};

/* --- slots, timers, sending ------------------------------------------------------------------------ */

static void put_free(struct side *side, uint32_t slot)
{
    side->free[(side->free_head + side->free_count++) % SIPLOAD_CALLS_MAX] = slot;
}

static bool take_free(struct side *side, uint32_t *ret_slot)
{
    if (side->free_count == 0)
        return false;
    *ret_slot = side->free[side->free_head];
    side->free_head = (side->free_head + 1) % SIPLOAD_CALLS_MAX;
    side->free_count--;
    return true;
}

static void set_timer(struct side *side, unsigned level, uint32_t slot, uint32_t serial)
{
    struct queue *queue = &side->queues[level];
    uint32_t size = SIPLOAD_CALLS_MAX * 2;
    if (queue->count == size)
        bench_die("too many timers");
    queue->items[(queue->head + queue->count++) % size] =
        (struct timer){slot, serial, bench_now_ns() + waits_ms[level] * BENCH_MS_NS};
}

static void send_text(struct side *side, const char *text, size_t len)
{
    if (len >= MESSAGE_MAX)
        bench_die("a message became too long");
    for (int tries = 0; send(side->fd, text, len, 0) < 0; tries++)
        if ((errno != ECONNREFUSED && errno != EAGAIN) || tries > 3)
            return; /* lost: retransmission is there for that */
}

static void copy(char *out, size_t size, struct mini_str in)
{
    if (in.n >= size)
        bench_die("a header became too long: %.*s", MINI_ARG(in));
    if (in.n > 0)
        memcpy(out, in.p, in.n);
    out[in.n] = 0;
}

static const char *codec_of(const struct sipload *load, enum sipload_side side)
{
    const char *codec = load->options.codecs[side];
    return codec ? codec : "PCMA";
}

/** Whom a call is for. */
static void write_callee(const struct sipload *load, const struct caller *call, char *out,
                         size_t size)
{
    const struct sipload_options *options = &load->options;
    if (options->dial_first)
        snprintf(out, size, "sip:%u@%s", options->dial_first + call->n / options->dial_each,
                 options->domain);
    else
        snprintf(out, size, "sip:%s@%s", load->users[options->caller_count + call->callee].user,
                 options->domain);
}

/* --- registering ------------------------------------------------------------------------------------ */

static unsigned user_count(const struct sipload *load)
{
    return load->options.caller_count + load->options.callee_count;
}

static struct side *side_of_user(struct sipload *load, unsigned user)
{
    return &load->sides[user < load->options.caller_count ? SIPLOAD_CALLER : SIPLOAD_CALLEE];
}

static void send_register(struct sipload *load, unsigned user, unsigned cseq)
{
    char text[MESSAGE_MAX], uri[128], credentials[768] = "";
    struct mini_auth *auth = &load->users[user];
    struct side *side = side_of_user(load, user);
    snprintf(uri, sizeof uri, "sip:%s", load->options.domain);
    mini_auth_write(auth, "REGISTER", uri, credentials, sizeof credentials);
    int n =
        snprintf(text, sizeof text,
                 "REGISTER %s SIP/2.0\r\n"
                 "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKr%u.%u;rport\r\n"
                 "Max-Forwards: 70\r\nFrom: <sip:%s@%s>;tag=f%u\r\nTo: <sip:%s@%s>\r\n"
                 "Call-ID: r%u@bench\r\nCSeq: %u REGISTER\r\n"
                 "Contact: <sip:%s@127.0.0.1:%u>\r\nExpires: 3600\r\n%sContent-Length: 0\r\n\r\n",
                 uri, side->port, user, cseq, auth->user, load->options.domain, user, auth->user,
                 load->options.domain, user, cseq, auth->user, side->port, credentials);
    send_text(side, text, (size_t)n);
}

static void on_register_response(struct sipload *load, const struct mini_msg *msg)
{
    unsigned user = (unsigned)strtoul(msg->call_id.p + 1, NULL, 10);
    if (user >= user_count(load) || msg->status < 200)
        return;
    struct mini_auth *auth = &load->users[user];
    if ((msg->status == 401 || msg->status == 407) && mini_auth_challenge(auth, msg)) {
        send_register(load, user, msg->cseq + 1);
    } else if (msg->status == 200) {
        load->registered++;
    } else {
        bench_die("REGISTER of %s: status %u", auth->user, msg->status);
    }
}

void sipload_register(struct sipload *load, double seconds)
{
    unsigned base = (unsigned)(bench_real_ns() / BENCH_SEC_NS % 1000000) * 1000;
    int64_t end = bench_now_ns() + (int64_t)(seconds * 1e9);
    for (unsigned user = 0; user < user_count(load); user++) {
        uint32_t before = load->registered;
        int64_t begun = bench_now_ns();
        send_register(load, user, base);
        while (load->registered == before) {
            sipload_poll(load, 10 * BENCH_MS_NS);
            if (bench_now_ns() > end)
                bench_die("user %s was not registered", load->users[user].user);
            if (bench_now_ns() - begun > BENCH_SEC_NS) {
                base += 2;
                begun = bench_now_ns();
                send_register(load, user, base);
            }
        }
    }
}

/* --- caller ------------------------------------------------------------------------------------------ */

static void send_caller(struct sipload *load, uint32_t slot, unsigned level)
{
    struct caller *call = &load->callers[slot];
    send_text(&load->sides[SIPLOAD_CALLER], call->text, call->text_len);
    call->level = (uint8_t)level;
    set_timer(&load->sides[SIPLOAD_CALLER], level, slot, ++call->serial);
}

static void end_call(struct sipload *load, uint32_t slot)
{
    struct caller *call = &load->callers[slot];
    call->state = CALLER_FREE;
    call->serial++;
    call->generation++;
    load->stats.open--;
    put_free(&load->sides[SIPLOAD_CALLER], slot);
}

static void send_invite(struct sipload *load, uint32_t slot)
{
    struct caller *call = &load->callers[slot];
    struct mini_auth *auth = &load->users[call->user];
    const struct sipload_options *options = &load->options;
    const char *codec = codec_of(load, SIPLOAD_CALLER);
    char uri[128], credentials[768] = "", sdp[512];
    write_callee(load, call, uri, sizeof uri);
    mini_auth_write(auth, "INVITE", uri, credentials, sizeof credentials);
    uint16_t port =
        options->media_port ? options->media_port(options->arg, SIPLOAD_CALLER, call->n) : SDP_PORT;
    int sdp_len = mini_sdp(sdp, sizeof sdp, port, codec, mini_payload_type(codec));
    int n = snprintf(call->text, sizeof call->text,
                     "INVITE %s SIP/2.0\r\n"
                     "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKc%u.%u.%u.%u;rport\r\n"
                     "Max-Forwards: 70\r\nFrom: <sip:%s@%s>;tag=f%u\r\nTo: <%s>\r\n"
                     "Call-ID: c%u-%u-%x@bench\r\nCSeq: %u INVITE\r\n"
                     "Contact: <sip:%s@127.0.0.1:%u>\r\n%s"
                     "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
                     "Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
                     uri, load->sides[SIPLOAD_CALLER].port, load->run_id, slot, call->generation,
                     call->cseq, auth->user, options->domain, slot, uri, slot, call->generation,
                     load->run_id, call->cseq, auth->user, load->sides[SIPLOAD_CALLER].port,
                     credentials, sdp_len, sdp);
    if (n >= REQUEST_MAX)
        bench_die("INVITE became too long");
    call->text_len = (size_t)n;
    send_caller(load, slot, 0);
}

void sipload_call(struct sipload *load)
{
    uint32_t slot;
    unsigned n = load->call_serial++;
    load->stats.offered++;
    if (!take_free(&load->sides[SIPLOAD_CALLER], &slot)) {
        load->stats.no_slot++;
        return;
    }
    struct caller *call = &load->callers[slot];
    call->state = CALLER_INVITING;
    call->challenges = 0;
    call->is_ringing = 0;
    call->n = n;
    call->user = (uint16_t)(n % load->options.caller_count);
    if (load->options.callee_count > 0)
        call->callee = (uint16_t)(n % load->options.callee_count);
    call->cseq = 1;
    call->begun_ns = bench_now_ns();
    load->stats.open++;
    send_invite(load, slot);
}

/** ACK to a refusal goes with the INVITE's branch; to a 200 it is a request of its own. */
static size_t write_request(struct sipload *load, uint32_t slot, const char *method,
                            bool is_refusal, char *out, size_t size)
{
    const struct caller *call = &load->callers[slot];
    const struct mini_auth *auth = &load->users[call->user];
    unsigned cseq = strcmp(method, "BYE") == 0 ? call->cseq + 1 : call->cseq;
    int n = snprintf(
        out, size,
        "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKc%u.%u.%u.%u%s;rport\r\n"
        "%sMax-Forwards: 70\r\nFrom: <sip:%s@%s>;tag=f%u\r\nTo: %s\r\n"
        "Call-ID: c%u-%u-%x@bench\r\nCSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
        method, call->remote, load->sides[SIPLOAD_CALLER].port, load->run_id, slot,
        call->generation, cseq, is_refusal ? "" : method, is_refusal ? "" : call->route, auth->user,
        load->options.domain, slot, call->to, slot, call->generation, load->run_id, cseq, method);
    if ((size_t)n >= size)
        bench_die("%s became too long", method);
    return (size_t)n;
}

static void send_ack(struct sipload *load, uint32_t slot, bool is_refusal)
{
    char text[REQUEST_MAX];
    size_t len = write_request(load, slot, "ACK", is_refusal, text, sizeof text);
    send_text(&load->sides[SIPLOAD_CALLER], text, len);
}

static void send_bye(struct sipload *load, uint32_t slot)
{
    struct caller *call = &load->callers[slot];
    call->state = CALLER_ENDING;
    call->text_len = write_request(load, slot, "BYE", false, call->text, sizeof call->text);
    send_caller(load, slot, 0);
}

static void on_refusal(struct sipload *load, uint32_t slot, const struct mini_msg *msg)
{
    struct caller *call = &load->callers[slot];
    struct mini_auth *auth = &load->users[call->user];
    copy(call->to, sizeof call->to, msg->to);
    write_callee(load, call, call->remote, sizeof call->remote);
    send_ack(load, slot, true);
    if ((msg->status == 401 || msg->status == 407) && ++call->challenges < CHALLENGES_MAX &&
        mini_auth_challenge(auth, msg)) {
        load->stats.challenges++;
        call->cseq++;
        send_invite(load, slot);
        return;
    }
    if (msg->status == 503)
        load->stats.refused++;
    else
        load->stats.failed++;
    load->stats.last_status = msg->status;
    end_call(load, slot);
}

static void on_answer(struct sipload *load, uint32_t slot, const struct mini_msg *msg)
{
    struct caller *call = &load->callers[slot];
    struct mini_media media;
    copy(call->to, sizeof call->to, msg->to);
    copy(call->remote, sizeof call->remote, msg->contact_uri);
    call->route[0] = 0;
    if (msg->record_routes.p) { /* one proxy: no order to turn round */
        copy(call->route, sizeof call->route,
             (struct mini_str){msg->record_routes.p + 7, msg->record_routes.n - 7});
    }
    load->stats.established++;
    if (load->options.on_media && mini_media(msg->body, codec_of(load, SIPLOAD_CALLER), &media))
        load->options.on_media(load->options.arg, SIPLOAD_CALLER, call->n, &media);
    send_ack(load, slot, false);
    call->state = CALLER_ANSWERED;
    call->serial++;
    if (!load->options.is_held)
        send_bye(load, slot);
}

static void on_caller_response(struct sipload *load, const struct mini_msg *msg)
{
    char *end;
    if (msg->call_id.p[0] == 'r') {
        on_register_response(load, msg);
        return;
    }
    uint32_t slot = (uint32_t)strtoul(msg->call_id.p + 1, &end, 10);
    uint32_t generation = *end == '-' ? (uint32_t)strtoul(end + 1, &end, 10) : 0;
    if (slot >= SIPLOAD_CALLS_MAX || *end != '-' || strtoul(end + 1, NULL, 16) != load->run_id)
        return;
    struct caller *call = &load->callers[slot];
    if (call->generation != generation || call->state == CALLER_FREE)
        return;
    bool is_invite = msg->method.n == 6 && memcmp(msg->method.p, "INVITE", 6) == 0;
    if (is_invite && msg->cseq != call->cseq)
        return;
    if (!is_invite) {
        if (call->state == CALLER_ENDING && msg->status >= 200) {
            if (msg->status == 200)
                load->stats.completed++;
            else {
                load->stats.failed++;
                load->stats.last_status = msg->status;
            }
            end_call(load, slot);
        }
    } else if (call->state != CALLER_INVITING) {
        if (msg->status == 200)
            send_ack(load, slot, false); /* the ACK was lost */
    } else if (msg->status >= 300) {
        on_refusal(load, slot, msg);
    } else {
        if (msg->status > 100 && !call->is_ringing) {
            bench_delays_add(&load->delays, bench_now_ns() - call->begun_ns);
            call->is_ringing = 1;
        }
        if (msg->status >= 200)
            on_answer(load, slot, msg);
        else
            call->serial++; /* no more retransmission: the give-up time stays */
    }
}

void sipload_hangup_all(struct sipload *load)
{
    for (uint32_t slot = 0; slot < SIPLOAD_CALLS_MAX; slot++)
        if (load->callers[slot].state == CALLER_ANSWERED) {
            send_bye(load, slot);
            if (slot % 16 == 0)
                sipload_poll(load, 0);
        }
}

/* --- callee ------------------------------------------------------------------------------------------ */

static uint64_t hash_text(struct mini_str s)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < s.n; i++)
        hash = (hash ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
    return hash;
}

static size_t write_reply(char *out, size_t size, const struct mini_msg *msg, const char *status,
                          const char *tag, const char *rest)
{
    int n = snprintf(out, size,
                     "SIP/2.0 %s\r\n%.*sFrom: %.*s\r\nTo: %.*s%s%s\r\nCall-ID: %.*s\r\n"
                     "CSeq: %u %.*s\r\n%.*s%s",
                     status, MINI_ARG(msg->vias), MINI_ARG(msg->from), MINI_ARG(msg->to),
                     tag[0] ? ";tag=" : "", tag, MINI_ARG(msg->call_id), msg->cseq,
                     MINI_ARG(msg->method), MINI_ARG(msg->record_routes), rest);
    if (n < 0 || (size_t)n >= size)
        bench_die("a reply became too long");
    return (size_t)n;
}

static void answer_invite(struct sipload *load, uint32_t slot, const struct mini_msg *msg)
{
    struct callee *call = &load->callees[slot];
    struct side *side = &load->sides[SIPLOAD_CALLEE];
    const struct sipload_options *options = &load->options;
    char tag[64], sdp[512], rest[1024], text[MESSAGE_MAX];
    const char *codec = codec_of(load, SIPLOAD_CALLEE);
    struct mini_media media = {.payload_type = mini_payload_type(codec)};
    unsigned n = load->callee_serial++;
    if (mini_media(msg->body, codec, &media) && options->on_media)
        options->on_media(options->arg, SIPLOAD_CALLEE, n, &media);
    snprintf(tag, sizeof tag, "k%u-%u-%x", slot, call->generation, load->run_id);
    snprintf(rest, sizeof rest, "Contact: <sip:callee@127.0.0.1:%u>\r\nContent-Length: 0\r\n\r\n",
             side->port);
    size_t len = write_reply(text, sizeof text, msg, "180 Ringing", tag, rest);
    send_text(side, text, len);
    uint16_t port =
        options->media_port ? options->media_port(options->arg, SIPLOAD_CALLEE, n) : SDP_PORT;
    int sdp_len = mini_sdp(sdp, sizeof sdp, port, codec, media.payload_type);
    snprintf(rest, sizeof rest,
             "Contact: <sip:callee@127.0.0.1:%u>\r\nContent-Type: application/sdp\r\n"
             "Content-Length: %d\r\n\r\n%s",
             side->port, sdp_len, sdp);
    call->text_len = write_reply(call->text, sizeof call->text, msg, "200 OK", tag, rest);
    send_text(side, call->text, call->text_len);
    call->level = 0;
    set_timer(side, 0, slot, ++call->serial);
}

static void on_callee_invite(struct sipload *load, const struct mini_msg *msg)
{
    uint64_t hash = hash_text(msg->call_id);
    uint32_t *mapped = &load->callee_of_hash[hash % HASH_SIZE], slot;
    if (*mapped) {
        struct callee *known = &load->callees[*mapped - 1];
        if (known->state != CALLEE_FREE && known->hash == hash) {
            send_text(&load->sides[SIPLOAD_CALLEE], known->text, known->text_len);
            return;
        }
    }
    if (!take_free(&load->sides[SIPLOAD_CALLEE], &slot))
        return;
    struct callee *call = &load->callees[slot];
    *mapped = slot + 1;
    call->hash = hash;
    call->state = CALLEE_ANSWERED;
    call->begun_ns = bench_now_ns();
    answer_invite(load, slot, msg);
}

static void free_callee(struct sipload *load, uint32_t slot)
{
    struct callee *call = &load->callees[slot];
    call->state = CALLEE_FREE;
    call->serial++;
    call->generation++;
    put_free(&load->sides[SIPLOAD_CALLEE], slot);
}

/** The call a request within a dialog means, by the tag we gave; NULL: none that is alive. */
static struct callee *callee_of(struct sipload *load, const struct mini_msg *msg,
                                uint32_t *ret_slot)
{
    const char *p = memmem(msg->to.p, msg->to.n, ";tag=k", 6);
    char *end;
    if (!p)
        return NULL;
    *ret_slot = (uint32_t)strtoul(p + 6, &end, 10);
    if (*ret_slot >= SIPLOAD_CALLS_MAX || *end != '-')
        return NULL;
    struct callee *call = &load->callees[*ret_slot];
    if (strtoul(end + 1, &end, 10) != call->generation || call->state == CALLEE_FREE)
        return NULL;
    return call;
}

static void on_callee_request(struct sipload *load, struct side *side, const struct mini_msg *msg)
{
    char text[MESSAGE_MAX];
    uint32_t slot;
    struct callee *call = callee_of(load, msg, &slot);
    if (msg->method.n == 6 && memcmp(msg->method.p, "INVITE", 6) == 0 && !call) {
        on_callee_invite(load, msg);
    } else if (msg->method.n == 3 && memcmp(msg->method.p, "ACK", 3) == 0) {
        if (call && call->state == CALLEE_ANSWERED) {
            call->state = CALLEE_CONFIRMED;
            call->serial++;
        }
    } else {
        /* BYE (also one for a call that is over), OPTIONS; re-INVITEs do not come here */
        size_t len = write_reply(text, sizeof text, msg, "200 OK", "", "Content-Length: 0\r\n\r\n");
        send_text(side, text, len);
        if (call && msg->method.n == 3 && memcmp(msg->method.p, "BYE", 3) == 0)
            free_callee(load, slot);
    }
}

/* --- the loop ------------------------------------------------------------------------------------------ */

static void on_timer(struct sipload *load, enum sipload_side which, const struct timer *timer)
{
    int64_t give_up = SIPLOAD_GIVE_UP_SEC * BENCH_SEC_NS;
    if (which == SIPLOAD_CALLER) {
        struct caller *call = &load->callers[timer->slot];
        if (call->serial != timer->serial)
            return;
        if (bench_now_ns() - call->begun_ns > give_up || call->level + 1 >= LEVELS) {
            load->stats.timed_out++;
            end_call(load, timer->slot);
        } else {
            load->stats.retransmitted++;
            send_caller(load, timer->slot, call->level + 1u);
        }
        return;
    }
    struct callee *call = &load->callees[timer->slot];
    if (call->serial != timer->serial)
        return;
    if (bench_now_ns() - call->begun_ns > give_up || call->level + 1 >= LEVELS) {
        free_callee(load, timer->slot);
    } else {
        load->stats.retransmitted++;
        send_text(&load->sides[SIPLOAD_CALLEE], call->text, call->text_len);
        call->level++;
        set_timer(&load->sides[SIPLOAD_CALLEE], call->level, timer->slot, ++call->serial);
    }
}

static void run_timers(struct sipload *load)
{
    int64_t now = bench_now_ns();
    for (int which = 0; which < 2; which++)
        for (unsigned level = 0; level < LEVELS; level++) {
            struct queue *queue = &load->sides[which].queues[level];
            while (queue->count > 0 && queue->items[queue->head].due_ns <= now) {
                struct timer timer = queue->items[queue->head];
                queue->head = (queue->head + 1) % (SIPLOAD_CALLS_MAX * 2);
                queue->count--;
                on_timer(load, (enum sipload_side)which, &timer);
            }
        }
}

static void receive(struct sipload *load, struct side *side)
{
    static char bytes[BATCH][MESSAGE_MAX];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){bytes[i], MESSAGE_MAX - 1};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    int got = recvmmsg(side->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++) {
        struct mini_msg msg;
        bytes[i][messages[i].msg_len] = 0;
        if (!mini_parse(bytes[i], messages[i].msg_len, &msg))
            continue;
        if (msg.status)
            on_caller_response(load, &msg);
        else
            on_callee_request(load, side, &msg);
    }
}

void sipload_poll(struct sipload *load, int64_t wait_ns)
{
    struct pollfd fds[2] = {{load->sides[0].fd, POLLIN, 0}, {load->sides[1].fd, POLLIN, 0}};
    if (wait_ns < 0)
        wait_ns = 0;
    struct timespec ts = {wait_ns / BENCH_SEC_NS, wait_ns % BENCH_SEC_NS};
    if (ppoll(fds, 2, &ts, NULL) > 0) {
        for (int i = 0; i < 2; i++)
            if (fds[i].revents)
                receive(load, &load->sides[i]);
    }
    run_timers(load);
}

static void *need(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (!memory)
        bench_die("no memory");
    return memory;
}

struct sipload *sipload_new(const struct sipload_options *options)
{
    struct sipload *load = need(1, sizeof *load);
    load->options = *options;
    load->run_id = (unsigned)(bench_real_ns() / BENCH_MS_NS) & 0xffffff;
    load->users = need(user_count(load), sizeof *load->users);
    for (unsigned i = 0; i < user_count(load); i++)
        mini_auth_init(&load->users[i], options->first_number + i);
    load->callers = need(SIPLOAD_CALLS_MAX, sizeof *load->callers);
    load->callees = need(SIPLOAD_CALLS_MAX, sizeof *load->callees);
    load->callee_of_hash = need(HASH_SIZE, sizeof *load->callee_of_hash);
    const uint16_t ports[2] = {options->caller_port, options->callee_port};
    for (int i = 0; i < 2; i++) {
        struct side *side = &load->sides[i];
        side->fd = bench_udp_socket("127.0.0.1", ports[i], &side->port);
        if (connect(side->fd, (const struct sockaddr *)&options->target, sizeof options->target))
            bench_die("connect: %s", strerror(errno));
        side->free = need(SIPLOAD_CALLS_MAX, sizeof *side->free);
        for (uint32_t slot = 0; slot < SIPLOAD_CALLS_MAX; slot++)
            put_free(side, slot);
        for (int level = 0; level < LEVELS; level++)
            side->queues[level].items = need(SIPLOAD_CALLS_MAX * 2, sizeof(struct timer));
    }
    return load;
}

void sipload_stats(const struct sipload *load, struct sipload_stats *ret_stats)
{
    *ret_stats = load->stats;
}

const struct bench_delays *sipload_setup_delays(const struct sipload *load)
{
    return &load->delays;
}

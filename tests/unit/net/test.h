/**
 * @file test.h  The test files of net/, and the rig they share: a loop, a net, what it told.
 */
#ifndef SR_TEST_NET_H
#define SR_TEST_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "net/net.h"

int run_loop(void);
int run_net_udp(void);
int run_stream(void);
int run_tls(void);
int run_net_sim(void);
int run_dns(void);
int run_resolver(void);
int run_own_addrs(void);

#define MSG(body)                                                                                  \
    "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\n"   \
    "To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 4\r\n\r\n" body

/** What one net told. */
struct told {
    struct loop *loop;
    struct net *net;
    unsigned messages, bad_streams, opened, closed, pongs, stuns;
    char last[2048];
    size_t last_n;
    struct net_flow flow; /* of the last event */
    enum sr_err closed_err;
    char why[NET_WHY_MAX];
    const char *answer;     /* sent to every message, unless NULL */
    const char *bad_answer; /* sent to a broken stream */
};

struct rig {
    struct loop *loop;
    struct told a, b;
    bool is_late;
    uint64_t blocks;
};

extern const struct net_handler told_handler;

void rig_init(struct rig *rig, const struct net_options *a, const struct net_options *b);
/** Also checks that no block is left. */
void rig_done(struct rig *rig);
/** Turns the loop until an event or 10 s have passed. */
void rig_turn(struct rig *rig);

/** Waits for an event, at most 10 s. */
#define RIG_UNTIL(rig, condition)                                                                  \
    do {                                                                                           \
        (rig)->is_late = false;                                                                    \
        while (!(condition) && !(rig)->is_late)                                                    \
            rig_turn(rig);                                                                         \
        assert_true(condition);                                                                    \
    } while (0)

struct sr_addr addr_of(const char *text);
/** A plain client socket, blocking with a time limit of 10 s. */
int client_connect(const struct sr_addr *to);
int client_connect_from(const struct sr_addr *from, const struct sr_addr *to);
/** A UDP socket bound to any port. */
int client_udp(int family);
void client_send(int fd, const char *bytes, size_t n);
/** What arrives until n bytes or the end. */
size_t client_recv(int fd, char *out, size_t n);

#endif

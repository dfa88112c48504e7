/**
 * @file trunk.h  A provider's server on the simulated wire: registrar with digest that does as it is told;
 * INVITE and the like are left to the test.
 */
#ifndef SR_TEST_UA_TRUNK_H
#define SR_TEST_UA_TRUNK_H

#include "net/resolver.h"
#include "rig.h"

enum {
    TRUNK_INBOX = 64
};

struct trunk {
    struct rig *rig;
    struct sim_end *end;
    enum net_kind kind;
    struct sr_addr addr;
    struct net_flow flow; /* of the last message */
    char inbox[TRUNK_INBOX][TEXT_MAX];
    sr_usec at[TRUNK_INBOX];
    size_t count, read;

    /* manners */
    bool is_deaf;
    const char *realm;    /* "trunk.example" */
    const char *password; /* of every account */
    unsigned nonce;       /* number of the nonce that counts; a higher one makes the last stale */
    bool is_stale_silent; /* does not say stale=true */
    bool is_open;         /* no digest */
    uint32_t granted_s, min_s;
    uint16_t status;   /* every REGISTER gets this; 0: by the rules */
    const char *login; /* header lines with that */
    uint16_t options_status;
    const char *extra;        /* header lines of its 200 to REGISTER */
    bool hides_us;            /* neither received nor rport in its Via */
    struct trunk *answers_by; /* whose address its answers come from; NULL: its own */
    const char *seen;         /* "203.0.113.9:4242": as it sees us; NULL: as it is */
    unsigned registers, challenges, bindings, removals, options;
    char contact[512]; /* of the last good REGISTER */
};

void trunk_init(struct trunk *trunk, struct rig *rig, const char *addr, enum net_kind kind);
void trunk_done(struct trunk *trunk);
/** The next request or response that begins so, waiting at most `usec`; fails without. */
const char *trunk_wait(struct trunk *trunk, const char *prefix, sr_usec usec);
unsigned trunk_count(struct trunk *trunk, const char *prefix);
void trunk_skip(struct trunk *trunk);
/** An answer to a request received; tag NULL: To as received; extra: header lines. */
void trunk_reply(struct trunk *trunk, const char *request, const char *status, const char *tag,
                 const char *extra, const char *body);
/** 401 (or 407) with its nonce. */
void trunk_challenge(struct trunk *trunk, const char *request, bool is_proxy, const char *realm);
/** Does the request carry the right digest? */
bool trunk_is_authorized(struct trunk *trunk, const char *request);
/** Sends text to the user agent. */
void trunk_send(struct trunk *trunk, const char *text);

#endif

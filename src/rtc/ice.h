/**
 * @file ice.h  ICE-lite agent (RFC 8445, checks by RFC 8489, consent by RFC 7675) and candidates
 * (RFC 8839 5.1, TCP by RFC 6544).
 *
 * We have reachable addresses and only answer: the browser is the full agent, sends the checks and
 * nominates. An agent belongs to one media leg, has one component (rtcp-mux, BUNDLE), and remembers
 * the paths that proved themselves with a right MESSAGE-INTEGRITY; nothing else may carry DTLS or
 * media. A check with the wrong password, an unknown ufrag or no integrity gets no answer at all.
 * The incoming checks are the consent: without one for ICE_CONSENT_US the path is lost, and a later
 * check brings it back. A restart adds a second set of credentials; the old path works until a
 * path of the new set is nominated.
 *
 * Layer:   pure (bytes and now in; bytes, one event and the next deadline out)
 * Memory:  embedded; OpenSSL's HMAC inside stun.h only
 * Thread:  re-entrant; one agent belongs to one thread at a time
 */
#ifndef SR_RTC_ICE_H
#define SR_RTC_ICE_H

#include "base/buf.h"
#include "rtc/stun.h"

enum {
    ICE_UFRAG_CHARS = 8, /* ours */
    ICE_PWD_CHARS = 24,
    ICE_UFRAG_MIN = 4, /* the peer's: RFC 8839 5.4 */
    ICE_PWD_MIN = 22,
    ICE_TEXT_MAX = 256,
    ICE_PATHS_MAX = 8,          /* proven paths of one agent; the stalest gives way */
    ICE_ANSWER_BYTES_MAX = 160, /* of one STUN answer of ours */
    ICE_CANDIDATES_MAX = 64,
    ICE_CANDIDATE_TEXT_MAX = 192,
};

#define ICE_FIRST_CHECK_US (5 * SR_SEC) /* no check until then: the page cannot reach us */
#define ICE_CONSENT_US (15 * SR_SEC)    /* no valid check for so long: lost */
#define ICE_SETTLE_US (1 * SR_SEC)      /* a worse path replaces a nominated one only after that */

/* ---- candidates ---- */

enum ice_kind {
    ICE_HOST,
    ICE_SRFLX, /* a public address that a NAT in front of us forwards */
};

struct ice_candidate {
    enum ice_kind kind;
    bool is_tcp; /* passive, the same port number */
    struct sr_addr addr;
    struct sr_addr related; /* SRFLX: the host address behind it; family NONE: not told */
    uint32_t priority;
    uint32_t foundation;
};

struct ice_hosts {
    const struct sr_addr *addrs; /* of this host, ports ignored */
    size_t addr_count;
    struct sr_addr public_ip4, public_ip6; /* family NONE: not known, or a host address anyway */
    uint16_t port;
    bool has_tcp;
};

/** Every address once, best first: UDP before TCP, host before public, loopback last. Unusable ones
    (any, multicast, IPv6 link-local) are left out. @return count, at most `max` */
size_t ice_candidates_make(const struct ice_hosts *hosts, struct ice_candidate *out, size_t max);
/** Appends the attribute's text without "a=": "candidate:1 1 udp 2130706431 192.0.2.1 3479 typ host". */
void ice_candidate_write(const struct ice_candidate *candidate, struct sr_buf *out);
/** Are these the letters and the length RFC 8839 allows? */
bool ice_ufrag_is_ok(struct sr_str ufrag);
bool ice_pwd_is_ok(struct sr_str pwd);
/** Text of `chars` letters (64 of them) from random bytes; out has chars + 1 bytes. */
void ice_text_from(const uint8_t *random, size_t chars, char *out);

/* ---- the agent ---- */

/** Where packets come from and go to. */
struct ice_path {
    struct sr_addr remote;
    struct sr_addr local; /* our address it came to (port 0); family NONE: any */
    uint32_t stream;      /* 0: UDP; else the TCP connection's number */
};

bool ice_path_eq(const struct ice_path *a, const struct ice_path *b);

struct ice_local {
    char ufrag[ICE_UFRAG_CHARS + 1];
    char pwd[ICE_PWD_CHARS + 1];
};

enum ice_state {
    ICE_NEW,       /* no remote side yet */
    ICE_WAITING,   /* no check has come */
    ICE_CHECKING,  /* checks come, nothing is nominated */
    ICE_CONNECTED, /* `selected` is where to send */
    ICE_FAILED,    /* nothing came, or nothing was nominated, in time; a check still heals it */
    ICE_LOST,      /* consent ran out; a check still heals it */
};

enum ice_event {
    ICE_EVENT_NONE,
    ICE_EVENT_CHECKING, /* the first valid check: the page reaches us */
    ICE_EVENT_CONNECTED, /* a pair is nominated: the first, or the first after FAILED, LOST or a restart */
    ICE_EVENT_PATH,   /* another pair is nominated */
    ICE_EVENT_FAILED, /* see ice_agent_why() */
    ICE_EVENT_LOST,
};

struct ice_valid { /* private */
    struct ice_path path;
    uint64_t priority;
    sr_usec heard_at;     /* last valid check */
    sr_usec nominated_at; /* 0: never */
    uint32_t restart;     /* of which credentials */
};

struct ice_set { /* private */
    struct ice_local local;
    char remote_ufrag[ICE_TEXT_MAX + 1]; /* "": not known yet */
    uint32_t restart;                    /* 0 for the first */
};

struct ice_agent_stats {
    uint64_t checks, forged, conflicts, refused;
};

struct ice_agent { /* fields are private, but for `state`, `selected` and `stats` */
    enum ice_state state;
    struct ice_path selected; /* meaningful once connected */
    struct ice_agent_stats stats;
    struct ice_set now, next;
    bool has_next;
    struct ice_valid valid[ICE_PATHS_MAX];
    uint32_t valid_count;
    uint32_t selected_index;
    bool is_selected;
    sr_usec deadline, checked_at;
    uint32_t wait_checks, wait_forged; /* since the wait for a check began */
};

/** What one input came to. */
struct ice_step {
    uint8_t bytes[ICE_ANSWER_BYTES_MAX]; /* to be sent back on the path it came from */
    size_t n;                            /* 0: no answer */
    enum ice_event event;
    bool is_valid;   /* the path has proven itself (again): it may carry DTLS and media */
    bool is_evicted; /* `evicted` lost its place */
    bool
        is_restart_done; /* the old credentials and their paths are gone: see ice_agent_has_path() */
    struct ice_path evicted;
};

void ice_agent_init(struct ice_agent *agent, const struct ice_local *local);
/**
 * The other side's description. The first gives the agent its peer; a later one with another ufrag is a restart:
 * then `fresh` are the new credentials of ours, to be answered with.
 *
 * @return SR_OK; SR_ERR_SYNTAX not an ICE ufrag or password
 */
SR_MUST_USE enum sr_err ice_agent_set_remote(struct ice_agent *agent, struct sr_str ufrag,
                                             struct sr_str pwd, const struct ice_local *fresh,
                                             sr_usec now);
/** Would ice_agent_set_remote() with this ufrag be a restart? */
bool ice_agent_is_restart(const struct ice_agent *agent, struct sr_str ufrag);
/** The credentials to tell the other side now. */
const struct ice_local *ice_agent_local(const struct ice_agent *agent);

/** A parsed STUN message that came on `path`. */
void ice_agent_on_stun(struct ice_agent *agent, const struct stun_msg *msg,
                       const struct ice_path *path, sr_usec now, struct ice_step *ret_step);
/** Has this path proven itself, and not lost its place? */
bool ice_agent_has_path(const struct ice_agent *agent, const struct ice_path *path);
/** Proven paths, 0 .. count - 1; NULL behind the last. */
const struct ice_path *ice_agent_path(const struct ice_agent *agent, size_t index);
/** Is a path of this remote address proven, and checked lately? */
bool ice_agent_holds(const struct ice_agent *agent, const struct sr_addr *remote, sr_usec now);
/** A TCP connection is gone: its path too. True when it was the selected one. */
bool ice_agent_drop_stream(struct ice_agent *agent, uint32_t stream);

/** SR_NEVER: none. */
sr_usec ice_agent_deadline(const struct ice_agent *agent);
void ice_agent_on_deadline(struct ice_agent *agent, sr_usec now, struct ice_step *ret_step);

enum ice_why {
    ICE_WHY_UNREACHED, /* no check at all */
    ICE_WHY_FORGED,    /* checks with a wrong password only */
    ICE_WHY_UNDECIDED, /* right checks, nothing nominated */
    ICE_WHY_CONSENT,   /* the checks have stopped */
};

/** Why FAILED or LOST. */
enum ice_why ice_agent_why(const struct ice_agent *agent);

/** "ours" of a check's USERNAME "ours:theirs": whose agent it is for. Empty: not a check's. */
struct sr_str ice_username_local(struct sr_str username);

#endif

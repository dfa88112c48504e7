/**
 * @file browser.h  Pages that are phones: their registrations and sessions. Only browser.c sees it.
 *
 * A browser ends ENGINE_AWAY_SEC after its socket closed, once its calls are over. A session ends with
 * its leg, or unlinked after ENGINE_LINK_SEC; it is freed when its media has closed.
 *
 * Layer:   call, private
 * Thread:  signalling thread
 */
#ifndef SR_CALL_BROWSER_H
#define SR_CALL_BROWSER_H

#include "call/webrtc.h"

enum {
    BROWSER_TOKEN_BYTES = 24, /* random, written as hex */
};

struct browsers {
    struct engine *engine;
    struct sr_mpsc notes; /* to pages, for the web thread */
    _Atomic uint32_t notes_waiting;
    _Atomic bool is_note_lost;
    struct sr_list list;      /* struct browser */
    struct sr_idtab sessions; /* struct browser_session */
};

/* One page. */
struct browser {
    struct sr_node node;
    struct engine *engine;
    uint64_t client; /* its socket; 0: away */
    sr_usec closed_at;
    char device_id[ENGINE_TEXT_MAX]; /* of a configured device, or "guest:OWNER" */
    char owner[ENGINE_TEXT_MAX], name[ENGINE_TEXT_MAX];
    char token[ENGINE_TOKEN_MAX]; /* lets the same page come back */
    bool is_guest;
    bool is_forgotten; /* its end has begun */
    struct sr_list sessions;
    struct loop_timer timer; /* runs while it is away */
};

struct browser_session {
    struct sr_node node; /* browser->sessions */
    struct engine *engine;
    struct browser *browser; /* NULL: it has ended, its media is closing */
    char session_id[ENGINE_TEXT_MAX];
    sr_id id;          /* browsers->sessions */
    sr_id media, room; /* room: the waiting room; SR_ID_NONE once linked */
    struct leg *draft; /* its SDP until it is linked */
    struct leg *leg;   /* from the link on */
    bool is_linking;   /* the answer waits for DTLS */
    bool is_up;        /* keys are there */
    bool is_lost;      /* no valid check any more */
    sr_usec began, linked_at, lost_at;
    sr_usec silent_at; /* lost, and nothing was heard for the time-out of all legs; 0: no */
    struct loop_timer timer;
};

/** A message to a page, being written. */
struct browser_message {
    struct sr_buf buf;
    struct sr_json json;
};

/* ---- browser.c: pages, what they are told ---- */
/** Its last session ended: when it is away too, it goes. */
void browser__check_away(struct browser *browser);
void browser__begin(struct browser_message *message, const char *type);
/** Sends it. */
void browser__finish(struct browser_message *message, struct engine *engine, uint64_t client);
/** What a command answers with when it cannot be done. */
void browser__refuse(struct engine *engine, const struct engine_command *command, const char *code,
                     const char *detail);

/* ---- browser_session.c: their audio ---- */
struct browser_session *browser__find_session(const struct browser *browser,
                                              const char *session_id);
/** webrtc-offer, webrtc-hangup. */
void browser__offer(struct browser *browser, const struct engine_command *command);
void browser__hangup(struct browser *browser, const struct engine_command *command);
/** The session's audio answers the branch that rings the page. */
void browser__link(struct browser_session *session, struct leg *leg);
/** Takes it away from its page; it is freed when its media has closed. */
void browser__detach(struct browser_session *session);
/** Its media has closed, or goes with everything else. */
void browser__free_session(struct browser_session *session);
/** Its page, link or audio changed: when nothing more happens it ends. */
void browser__set_deadline(struct browser_session *session);

#endif

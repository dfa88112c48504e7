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

/** Its last session ended: when it is away too, it goes. */
void browser__check_away(struct browser *browser);

#endif

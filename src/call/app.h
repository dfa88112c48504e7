/**
 * @file app.h  What an application (echo, conference, voicemail...) sees of the hub, and its table.
 *
 * An application is a plain user of calls: the hub resolves what was dialled, finds the application
 * that serves it and hands over the caller's leg. Registered by main.c (engine_add_app).
 *
 * Layer:   call
 * Thread:  signalling thread
 */
#ifndef SR_CALL_APP_H
#define SR_CALL_APP_H

#include "call/config.h"
#include "call/reason.h"
#include "worker/media_port.h"

struct engine;
struct call;
struct leg;

struct app_ops {
    const char *name;
    /** Whether it serves what was dialled. */
    bool (*serves)(const struct config_extension *what);
    /** The live call to enter, or NULL: a new one is made. */
    struct call *(*find_call)(void *state, const struct config_extension *what);
    /** A leg is in the call, not answered yet: answer it, or end it with leg_end(). */
    void (*on_enter)(void *state, struct call *call, struct leg *leg,
                     const struct config_extension *what);
    /** A call this application took is about to disappear. May be NULL. */
    void (*on_call_end)(void *state, struct call *call);
};

/** The key an application keeps a call under (call_set_app_key), e.g. a conference's id. */
enum {
    CALL_APP_KEY_MAX = 64
};

/** Live calls go on down to this many parties: 2 for ordinary calls, 1 for rooms. */
void call_set_parties_min(struct call *call, uint32_t parties_min);
void call_set_app_key(struct call *call, struct sr_str key);
struct sr_str call_app_key(const struct call *call);

/** Answers a calling leg with our choice of its codecs. @return false: it could not and has ended */
bool leg_answer_here(struct leg *leg);
/** Ends one leg (and the call, when too few parties are left); the pointer is dead. */
void leg_end(struct leg *leg, enum call_reason reason);
/** Adds a party inside the router. @return NULL when the room is full */
struct leg *call_add_media_leg(struct call *call, enum media_leg_kind kind, struct sr_str name);

#endif

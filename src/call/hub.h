/**
 * @file hub.h  Making the engine and joining it to signalling and media. For run.c and tests only;
 * control/ knows engine.h.
 *
 *     engine = engine_new(&options);
 *     ua = ua_new({.ops = engine_ua_ops(), .arg = engine ...});
 *     port_threads_new({.on_event = engine_on_media, .arg = engine ...}, &media);
 *     engine_start(engine, ua, media);
 *     ... loop runs ...
 *     engine_stop(engine);  media_port_free(media);  ua_free(ua);  engine_free(engine);  speech_free(speech);
 *
 * Layer:   call
 * Thread:  signalling thread
 */
#ifndef SR_CALL_HUB_H
#define SR_CALL_HUB_H

#include "call/app.h"
#include "call/engine.h"
#include "net/loop.h"
#include "speech/speech.h"
#include "store/store.h"
#include "ua/sip_leg.h"
#include "worker/media_port.h"

struct engine_options {
    struct loop *loop;
    struct config *config; /* first generation; the engine takes its own reference */
    struct store *store;   /* NULL: nothing is kept (tests) */
    struct speech *speech; /* on the same loop; NULL: nothing can be spoken or read */
    /** Called whenever events wait, on the signalling thread: wake the web thread. May be NULL. */
    void (*wake)(void *arg);
    void *wake_arg;
    /** Bytes of SIP that wait to be read: how far behind we are. NULL: never. */
    uint64_t (*backlog)(void *arg);
    void *backlog_arg;
    uint32_t calls_max; /* 0: ENGINE_CALLS_MAX */
};

enum {
    ENGINE_CALLS_MAX = 10000,
    ENGINE_EMERGENCY_CALLS = 16, /* beyond that, for emergency numbers */
    ENGINE_APPS_MAX = 16,
    ENGINE_PLAYS_MAX = 20000, /* sounds being made or played */
    ENGINE_RING_SEC = 60,     /* an internal call without a route's own time */
};

struct engine *engine_new(const struct engine_options *options);
/** Registers an application; before engine_start. `app` must outlive the engine. */
void engine_add_app(struct engine *engine, const struct app_ops *app, void *state);
const struct ua_user_ops *engine_ua_ops(void);
/** A media_event_fn: arg is the engine. */
void engine_on_media(void *arg, const struct media_event *event);
/** Settings go to the user agent, stored registrations come back, commands are served. */
void engine_start(struct engine *engine, struct ua *ua, struct media_port *media);
/** No new calls from now on; `on_drained` runs (on the signalling thread) when the last call is
    gone, at latest after `within_ms`, when those left are ended. */
void engine_drain(struct engine *engine, uint32_t within_ms, void (*on_drained)(void *arg),
                  void *arg);
/** Ends every call (reason router_stopped) and writes its record. */
void engine_stop(struct engine *engine);
/** After the media port and the user agent are gone. */
void engine_free(struct engine *engine);
/** The newest generation; valid until the loop turns. */
const struct config *engine_config(const struct engine *engine);
/** Live calls. */
uint32_t engine_call_count(const struct engine *engine);

#endif

/**
 * @file web.h  The web thread: page, REST, WebSocket events; reload of the configuration.
 *
 * Order in main: store_open, engine, web_start; at the end web_stop, then the engine, then
 * store_close.
 *
 * Layer:   control
 * Memory:  owned; texts of the options are copied
 * Thread:  as each function says
 */
#ifndef SR_CONTROL_WEB_H
#define SR_CONTROL_WEB_H

#include "call/config.h"
#include "call/engine.h"
#include "net/net_ws.h"
#include "speech/speech.h"
#include "store/store.h"

struct web;

struct web_options {
    struct engine *engine;
    struct store *store;
    struct speech *speech;   /* NULL: nothing is spoken */
    struct net_ws *sip;      /* GET /sip leads there; NULL: no SIP over WebSocket */
    struct config *config;   /* in force; web takes its own reference */
    const char *config_path; /* read again here, for its text */
    const char *data_path;   /* exists; run/ is made inside */
    bool is_any_port;        /* tests: 127.0.0.1 and any port, whatever the configuration says */

    /* run on the web thread; each may be NULL; none may call web_stop */
    void (*on_drain)(void *arg); /* POST /api/drain; NULL: this process gets SIGTERM */
    void (*on_config)(void *arg, const struct config *config); /* a new generation is in force */
    /* the certificate of HTTPS, and so of SIP over TLS, is another one; files in PEM */
    void (*on_certificate)(void *arg, const char *cert_file, const char *key_file);
    void *arg;
};

/**
 * Main thread: opens ports, makes the first administrator if there is no user, writes
 * DATA/run/api.json, starts the thread. The engine's `wake` must lead to web_wake.
 *
 * @param[out] reterr_why  a sentence for people
 *
 * @return SR_OK; SR_ERR_IO a port is taken, a file cannot be written, the store refused
 */
SR_MUST_USE enum sr_err web_start(const struct web_options *options, struct web **ret_web,
                                  char *reterr_why, size_t why_size);
/** Main thread: ends the thread, removes api.json, frees. The store must still be open. NULL is
    fine. */
void web_stop(struct web *web);

/** Any thread: the engine has events. */
void web_wake(struct web *web);
/** Any thread: read the file again; a bad one changes nothing and is logged. */
void web_reload(struct web *web);

/** Of the user "admin" when web_start made one, to be printed once; else NULL. */
const char *web_first_password(const struct web *web);
/** Where the page is, "http://127.0.0.1:3060" or the HTTPS one; "" when both are off. */
const char *web_url(const struct web *web);
/** "https://192.168.1.2:3443" for other machines; "" when HTTPS is off. */
const char *web_tls_url(const struct web *web);

#endif

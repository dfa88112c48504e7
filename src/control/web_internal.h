/**
 * @file web_internal.h  The web thread's insides, shared by web.c and the api_*.c files.
 *
 * Layer:   control
 * Thread:  the web thread
 */
#ifndef SR_CONTROL_WEB_INTERNAL_H
#define SR_CONTROL_WEB_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mpsc.h"
#include "control/api.h"
#include "control/auth.h"
#include "control/event_hub.h"
#include "control/http.h"
#include "control/quality_stats.h"
#include "control/read_model.h"
#include "control/web.h"

enum {
    WEB_PATH_MAX = 512,
    WEB_URL_MAX = 128,
    WEB_ETAG_MAX = 72,
    WEB_JOBS_MAX = 256, /* queries at the store */
    WEB_ADDRS_MAX = 32, /* of this host, in its certificate */
    WEB_WHY_MAX = 512,
};

/* What http_ws_user() points to: the first member of every kind of socket. */
struct web_socket {
    enum {
        WEB_SOCKET_EVENTS,
        WEB_SOCKET_SIP,
    } kind;
};

/* A socket of /api/events. */
struct web_events {
    struct web_socket base;
    struct http_ws *ws;
    struct event_client *client; /* the hub's from event_hub_join() on */
    uint64_t number;             /* names it to the engine once it spoke as a phone; 0: not yet */
    sr_usec window;              /* of the message rate */
    uint32_t window_count;
};

/* A phone's socket that closed while the engine's queue was full. */
struct web_gone {
    struct sr_node node;
    uint64_t client;
};

/* HTTPS: where it listens and with what. */
struct web_tls {
    bool is_open;   /* wanted, and its certificate was found at start */
    bool is_auto;   /* listens on the LAN addresses, whichever they are */
    bool is_own_ca; /* no certificate is configured */
    uint16_t port;
    struct sr_addr bind;                        /* unless auto */
    struct sr_addr addrs[WEB_ADDRS_MAX];        /* of this host, as seen last */
    struct sr_addr listens[HTTP_LISTENERS_MAX]; /* open */
    size_t addr_count, listen_count;
    char cert_path[WEB_PATH_MAX], key_path[WEB_PATH_MAX];
    char ca_path[WEB_PATH_MAX]; /* "" unless is_own_ca */
    uint64_t files_stamp;       /* of the files in use */
    int64_t leaf_until;         /* wall; own CA only */
};

struct web {
    struct web_options options;
    char config_path[WEB_PATH_MAX], data_path[WEB_PATH_MAX], api_path[WEB_PATH_MAX + 16];
    char url[WEB_URL_MAX], tls_url[WEB_URL_MAX];
    char first_password[64];
    int64_t started; /* monotonic */
    int64_t started_wall;

    struct http_server *http;
    struct web_tls tls;
    struct auth *auth;
    struct event_hub *hub;
    struct read_model model;
    struct quality_stats quality;
    struct api_idem *idem;
    struct sr_map64 sip_sockets;   /* struct web_sip by number */
    struct sr_map64 phone_sockets; /* struct web_events by number */
    struct sr_list gone;           /* struct web_gone */
    uint64_t next_socket;

    struct config *config;       /* in force */
    struct config *config_start; /* as it was at start: what waits for a restart still is as here */
    struct sr_buf text;          /* of it */
    struct sr_buf restart;       /* JSON list of the keys that wait for a restart; empty: none */
    char etag[WEB_ETAG_MAX];
    int file_problem; /* errno of the last WEB_CONFIG_IO */

    pthread_t thread;
    bool is_thread_started;
    atomic_bool is_reload_wanted;
    bool is_draining;

    struct sr_map64 pending; /* commands, by token */
    uint64_t next_token;
    struct sr_mpsc jobs_done;
    _Atomic uint32_t jobs;  /* at the store */
    uint32_t speech_credit; /* texts that may be spoken now */
    int64_t speech_at;      /* when it was filled */
    int64_t status_sent;
    int64_t checked; /* when sockets were last asked for their rights */
};

/* ---- commands to the engine (web.c) ---- */

struct web_pending;
/** The REPLY came; event NULL: it did not in time. Answers the ticket. */
typedef void web_reply_fn(struct web *web, const struct web_pending *pending,
                          const struct engine_event *event);

struct web_pending {
    uint64_t token;
    struct api_ticket ticket;
    web_reply_fn *fn;
    int64_t deadline;
    char call_id[ENGINE_ID_MAX];
};

/** Submits (setting command->token); `fn` answers later. Answers 503 itself when refused. */
void web_submit(struct api_call *call, struct engine_command *command, web_reply_fn *fn);

/* ---- queries to the store (web.c) ---- */

struct web_job {
    struct sr_mpsc_node node;
    struct web *web;
    struct api_ticket ticket;
    const char *content_type;
    const char *headers;
    /* the answer made of what the query gave; NULL: its very bytes */
    enum sr_err (*convert)(struct sr_str result, struct sr_buf *out);
    const char *missing;   /* what to say of 404; NULL: the error's own words */
    const char *malformed; /* what to say with 400 of SR_ERR_SYNTAX; NULL: 422, its own words */
    struct sr_buf result;
    enum sr_err err;
};

/** A job to hand to a store query with web_job_done as its callback; NULL: too many, 503 was sent. */
struct web_job *web_job_new(struct web *web, struct api_ticket ticket, const char *content_type);
void web_job_done(void *job, enum sr_err err, struct sr_str result);

/* ---- events (api_system.c) ---- */

void web_events_closed(struct web *web, struct web_socket *socket);

/* ---- pages that are phones (web_phone.c) ---- */

void web_phone_message(struct web *web, struct http_ws *ws, struct sr_str text);
void web_phone_closed(struct web *web, struct web_events *events);
/** Once per turn: what the engine has for pages. */
void web_phone_turn(struct web *web);

/* ---- SIP over WebSocket (web_sip.c) ---- */

void web_sip_message(struct web *web, struct web_socket *socket, struct sr_str bytes);
void web_sip_closed(struct web *web, struct web_socket *socket);
/** Once per turn: what the loop has for these sockets. */
void web_sip_turn(struct web *web);

/* ---- HTTPS (web_tls.c) ---- */

/** At start: certificate and listeners, if the configuration wants HTTPS. */
SR_MUST_USE enum sr_err web_tls_open(struct web *web, char *reterr_why, size_t why_size);
/** proxy.lanIp when it is set; else the address told to phones, then every private one of this host.
    @return how many, at most `max` */
size_t web_lan_addrs(const struct web *web, struct sr_addr *ret_addrs, size_t max);
/** Every few seconds: other addresses, other files or a leaf near its end lead to web_tls_renew. */
void web_tls_check(struct web *web);
/** After a reload: certificate and addresses anew. A bad certificate keeps the old one, logged. */
void web_tls_renew(struct web *web);

/* ---- configuration (web_config.c) ---- */

enum web_config_result {
    WEB_CONFIG_OK,
    WEB_CONFIG_FAULTY, /* faults say why */
    WEB_CONFIG_BUSY,   /* the engine's queue is full */
    WEB_CONFIG_EDITED, /* somebody wrote the file since it was read: it stays as it is */
    WEB_CONFIG_IO,     /* the file could not be written: file_problem says why */
};

struct config_faults;
/**
 * Puts a new text in force: checks, compares, writes the file (when `is_written`), tells the engine.
 *
 * @param[out] ret_diff  JSON of config_diff_write, on success
 */
enum web_config_result web_config_apply(struct web *web, struct sr_str text, bool is_written,
                                        struct config_faults *faults, struct sr_buf *ret_diff);
/** Reads the file; on failure the reason is in reterr_why. */
SR_MUST_USE enum sr_err web_config_read(struct web *web, struct config_faults *faults,
                                        struct sr_buf *ret_text);
void web_config_set_etag(struct web *web);
/** Reloads from the file and logs. SR_OK with ret_diff, or faults. */
enum web_config_result web_config_reload(struct web *web, struct config_faults *faults,
                                         struct sr_buf *ret_diff);

/* ---- views ---- */

/** Members of GET /api/status for that principal. */
void web_status_json(struct web *web, const struct auth_principal *who, struct sr_json *json);
bool web_may_see_call(const struct auth_principal *who, const struct model_call *call);
/** The live call of the path, for who wants to change it: whose phone rang in vain or has left may look
    on, no more. NULL: 404 or 403 was sent. */
const struct model_call *web_call_to_change(struct api_call *call);

/* ---- files of the page (made by web/build.sh) ---- */

struct web_file {
    const char *path, *content_type;
    const unsigned char *bytes;
    size_t size;
    const unsigned char *gzip_bytes; /* NULL: not worth it */
    size_t gzip_size;
    const char *etag;
    bool is_lasting; /* the path changes with the content */
};

extern const struct web_file web_files[];
extern const size_t web_file_count;

#endif

/**
 * @file api.h  REST: one table from path to handler, and what handlers answer with.
 *
 * The table (api_table.c) drives dispatch, rights, the check of bodies and /api/openapi.json.
 *
 * Layer:   control
 * Thread:  the web thread
 */
#ifndef SR_CONTROL_API_H
#define SR_CONTROL_API_H

#include <jansson.h>

#include "base/json.h"
#include "control/auth.h"
#include "control/http.h"

enum {
    API_PARAMS_MAX = 3,
    API_PAGE_DEFAULT = 100,
    API_PAGE_MAX = 1000,
    API_QUERY_BYTES = 1024, /* of one value, with its NUL; longer is 400 */
    API_IDEM_KEY_MAX = 256,
    API_IDEM_ENTRIES_MAX = 4096,
    API_IDEM_BYTES_MAX = 8 << 20,
    API_IDEM_SEC = 24 * 3600,
    API_WAIT_SEC = 10, /* for the engine or the store; then 504 */
};

struct web;
struct api_call;

typedef void api_handler_fn(struct api_call *call);

enum api_field_type {
    API_TEXT,
    API_BOOL,
    API_INTEGER,
    API_TEXT_OR_NULL,
    API_TEXTS, /* a list of texts: at most `max` of them, none empty */
};

struct api_field {
    const char *name;
    enum api_field_type type;
    bool is_required;
    int64_t min, max;    /* INTEGER: value; TEXT: characters (max 0: ENGINE_TEXT_MAX - 1) */
    const char *choices; /* TEXT: "a|b|c" or NULL */
    const char *summary;
};

struct api_query {
    const char *name, *summary;
};

enum api_body {
    API_BODY_NONE,
    API_BODY_FIELDS, /* an object checked against `fields` */
    API_BODY_ANY,    /* the handler reads the bytes */
};

struct api_route {
    enum http_method method;
    const char *path;        /* "/api/calls/{callId}" */
    unsigned roles;          /* bits of enum auth_role; 0: open to anybody without a login */
    api_handler_fn *handler; /* NULL: not built yet */
    enum api_body body;
    const struct api_field *fields;
    size_t field_count;
    const struct api_query *queries;
    size_t query_count;
    bool is_create;           /* takes an Idempotency-Key */
    bool is_early;            /* may change things without a login (login itself) */
    uint16_t status;          /* of success */
    const char *content_type; /* of success; NULL: JSON, or none for 204 */
    const char *summary;
};

/** Names a request that is answered later. */
struct api_ticket {
    uint64_t request_id;
    uint64_t idem_id; /* 0: none */
};

struct api_call {
    struct web *web;
    struct http_request *http;
    const struct http_head *head;
    const struct api_route *route;
    struct auth_principal who;
    struct sr_str params[API_PARAMS_MAX]; /* decoded, NUL-terminated behind */
    struct sr_str query;
    json_t *body; /* FIELDS: an object; else NULL */
    struct sr_str bytes;
    struct api_ticket ticket;
    int64_t now, wall;
};

/* the table */
extern const struct api_route api_routes[];
extern const size_t api_route_count;

enum {
    API_MATCH_NONE = -1
};
/** The route's index, or API_MATCH_NONE; then `ret_methods` has a bit per method of that path. */
int api_route_find(enum http_method method, struct sr_str path,
                   struct sr_str ret_params[API_PARAMS_MAX], unsigned *ret_methods);

/** A request has come: everything from rights to the answer (api.c). */
void api_serve(struct web *web, struct http_request *request);
size_t api_body_max(const struct http_head *head);

/* ---- answers ---- */

void api_answer(struct web *web, struct api_ticket ticket, const struct http_reply *reply);
/** JSON of a buffer that is done with afterwards. A failed buffer is a 500. */
void api_answer_json(struct web *web, struct api_ticket ticket, uint16_t status,
                     struct sr_buf *body);
void api_answer_empty(struct web *web, struct api_ticket ticket);

struct api_problem {
    uint16_t status;
    const char *type;     /* "not-built"; NULL: "about:blank" */
    const char *detail;   /* a sentence; never what the client sent, nothing secret */
    const char *pointer;  /* JSON pointer into the body, or NULL */
    const char *headers;  /* lines with CRLF, or NULL */
    struct sr_str faults; /* JSON array, or empty */
};

void api_answer_problem(struct web *web, struct api_ticket ticket,
                        const struct api_problem *problem);
/** The usual one for an error class (status.c); `why` may be NULL. */
void api_answer_err(struct web *web, struct api_ticket ticket, enum sr_err err, const char *why);

/* ---- bodies and queries ---- */

/** Checks `body` against the fields. On failure `pointer` and `why` say what and where. */
SR_MUST_USE enum sr_err api_body_check(const struct api_route *route, json_t *body, char *pointer,
                                       size_t pointer_size, char *why, size_t why_size);
struct sr_str api_text(const struct api_call *call, const char *name); /* empty when absent */
bool api_has(const struct api_call *call, const char *name);

/** ?limit= and ?cursor=. False: a problem was sent. */
bool api_page(struct api_call *call, uint32_t *ret_limit, uint64_t *ret_after);

/** A list of which ?limit= and ?cursor= choose a part. */
struct api_list {
    uint32_t limit, count;
    uint64_t after, place; /* place: of the item at hand, from 1 */
    bool is_more;
    struct sr_json json;
    struct sr_buf buf;
};

/** Writes up to the first item. False: a problem was sent, and nothing is to be ended. */
bool api_list_begin(struct api_call *call, struct api_list *list);
/** Whether the next item belongs to this part; then it is written to `json`. Call once for each. */
bool api_list_takes(struct api_list *list);
/** Answers. */
void api_list_end(struct api_call *call, struct api_list *list);

/* ---- idempotency (api_idem.c) ---- */

struct api_idem;
struct api_idem *api_idem_new(void);
void api_idem_free(struct api_idem *idem);

enum api_idem_state {
    API_IDEM_NEW,     /* go on; ret_id names it */
    API_IDEM_REPLAY,  /* ret_reply is the first result, valid until the next call */
    API_IDEM_RUNNING, /* the first one has no result yet */
    API_IDEM_OTHER,   /* the same key with another body */
    API_IDEM_FULL,    /* too many are running */
};

struct api_idem_request {
    struct sr_str principal, key, target, body;
    int64_t now;
};

enum api_idem_state api_idem_begin(struct api_idem *idem, const struct api_idem_request *request,
                                   uint64_t *ret_id, struct http_reply *ret_reply);
/** Keeps the result; a server's fault (5xx) or a busy one (429) is not kept: it may be retried. */
void api_idem_end(struct api_idem *idem, uint64_t id, const struct http_reply *reply);

/* ---- status.c ---- */

/** HTTP status of an error class. */
uint16_t control_status(enum sr_err err);

/* ---- openapi.c ---- */

void openapi_write(struct sr_buf *buf);

/* ---- handlers, by file ---- */
api_handler_fn api_login, api_logout, api_me, api_me_password, api_tokens_list, api_tokens_add,
    api_tokens_remove, api_users_list, api_users_add, api_users_change,
    api_users_remove; /* api_users.c */
api_handler_fn api_call_start, api_calls_list, api_calls_get, api_calls_hangup, api_legs_add,
    api_calls_change, api_legs_remove, api_legs_change, api_transfer, api_dtmf, api_trace,
    api_trace_pcap;                                 /* api_calls.c */
api_handler_fn api_play, api_play_stop, api_speech; /* api_play.c */
api_handler_fn api_status, api_reload, api_drain, api_openapi, api_healthz, api_readyz, api_events,
    api_history, api_history_csv; /* api_system.c */
api_handler_fn api_metrics;       /* metrics.c */
api_handler_fn api_devices, api_providers, api_routes_list, api_contacts, api_routes_test,
    api_config_get, api_config_put, api_config_patch, api_config_validate; /* api_config.c */
api_handler_fn api_ca, api_trust, api_trust_css;                           /* api_trust.c */
api_handler_fn api_sip;                                                    /* web_sip.c */

#endif

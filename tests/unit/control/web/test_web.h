/** @file test_web.h  A web thread over a twin of the engine, and a client for it. */
#ifndef SR_TEST_WEB_H
#define SR_TEST_WEB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call/engine.h"

int run_http_parse_tests(void);
int run_pcap_tests(void);
int run_quality_tests(void);
int run_table_tests(void);
int run_cli_table_tests(void);
int run_api_tests(void);
int run_http_ws_tests(void);

/* ---- the engine's twin: answers commands at once, pushes what the test says ---- */

struct engine *fake_engine_new(void);
void fake_engine_free(struct engine *engine);
void fake_engine_wakes(struct engine *engine, void (*wake)(void *arg), void *arg);
void fake_engine_push(struct engine *engine, enum engine_event_kind kind, const char *call_id,
                      const char *device_id);
/** About one leg of a call: its head and the leg. A device whose name begins with "hidden" listens. */
void fake_engine_push_leg(struct engine *engine, enum engine_event_kind kind, const char *call_id,
                          const char *device_id);
void fake_engine_skip(struct engine *engine);              /* one event is lost */
void fake_engine_pass(struct engine *engine, int seconds); /* time passes for the events */
unsigned fake_engine_commands(struct engine *engine, enum engine_command_kind kind);

/* ---- client ---- */

struct answer {
    int status;
    char text[65536];
};

int client_open(uint16_t port);
/** Sends bytes, reads until the peer closes or one whole answer came. */
void client_raw(uint16_t port, const char *request, struct answer *answer);
/** `headers`: lines with CRLF, or "". `body` may be NULL. */
void client_ask(uint16_t port, const char *method, const char *path, const char *headers,
                const char *body, struct answer *answer);
/** Opens a WebSocket; -1 when refused. */
int client_socket(uint16_t port, const char *path, const char *headers);
/** Sends a short text message. */
void client_say(int fd, const char *text);
/** The next text message; false: closed or nothing within five seconds. */
bool client_message(int fd, char *out, size_t size);

#endif

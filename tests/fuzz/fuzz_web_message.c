/**
 * @file fuzz_web_message.c  A page's WebSocket message, up to the command it becomes: whatever comes,
 * there is one command or one error, and every text of a command is whole.
 */
#include "base/alloc.h"
#include "control/web_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct web_events socket_of_all;
static uint32_t commands, answers, closes;

/* ---- what web_phone.c leans on ---- */

void *http_ws_user(const struct http_ws *ws)
{
    (void)ws;
    return &socket_of_all.base;
}

bool http_ws_send_first(struct http_ws *ws, struct sr_str text)
{
    json_error_t error;
    json_t *message = json_loadb(text.p, text.n, 0, &error);

    (void)ws;
    SR_ASSERT(message != NULL); /* we say nothing that is not JSON */
    json_decref(message);
    answers++;
    return true;
}

void http_ws_close(struct http_ws *ws, enum http_ws_close code, const char *why)
{
    (void)ws;
    (void)why;
    SR_ASSERT(code == HTTP_WS_POLICY);
    closes++;
}

enum sr_err engine_submit(struct engine *engine, const struct engine_command *command)
{
    (void)engine;
    if (command->kind == ENGINE_DO_WEBRTC_GONE)
        return SR_OK;
    SR_ASSERT(command->kind >= ENGINE_DO_WEBRTC_REGISTER &&
              command->kind <= ENGINE_DO_WEBRTC_REJECT);
    SR_ASSERT(memchr(command->call_id, 0, sizeof(command->call_id)) != NULL);
    SR_ASSERT(memchr(command->session_id, 0, sizeof(command->session_id)) != NULL);
    SR_ASSERT(memchr(command->session_token, 0, sizeof(command->session_token)) != NULL);
    SR_ASSERT(memchr(command->device_id, 0, sizeof(command->device_id)) != NULL);
    SR_ASSERT((command->sdp != NULL) == (command->kind == ENGINE_DO_WEBRTC_OFFER));
    SR_ASSERT(command->client != 0 && strcmp(command->owner, "fuzz") == 0);
    SR_ASSERT(command->kind != ENGINE_DO_WEBRTC_REGISTER || command->device_id[0] == '\0' ||
              strcmp(command->device_id, "own") == 0 ||
              strncmp(command->device_id, "guest:", 6) == 0);
    sr_free(command->sdp);
    commands++;
    return SR_OK;
}

struct engine_note *engine_next_note(struct engine *engine)
{
    (void)engine;
    return NULL;
}

bool engine_notes_were_lost(struct engine *engine)
{
    (void)engine;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event_client client = {.who = {.role = AUTH_USER, .name = "fuzz", .device_id = "own"}};
    struct web *web = sr_zalloc(1, sizeof(*web));

    if (size > HTTP_WS_MESSAGE_BYTES_MAX)
        size = HTTP_WS_MESSAGE_BYTES_MAX;
    sr_map64_init(&web->phone_sockets);
    sr_list_init(&web->gone);
    commands = answers = closes = 0;
    socket_of_all = (struct web_events){.client = &client};
    web_phone_message(web, NULL, sr_str_make((const char *)data, size));
    SR_ASSERT(commands + answers + closes == 1);
    web_phone_closed(web, &socket_of_all);
    SR_ASSERT(sr_map64_count(&web->phone_sockets) == 0);
    web_phone_turn(web);
    sr_map64_done(&web->phone_sockets);
    sr_free(web);
    return 0;
}

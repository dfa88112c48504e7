/* The browser phone's messages on /api/events: read and checked here, done by the engine. */
#include <stdio.h>

#include "base/alloc.h"
#include "control/web_internal.h"
#include "net/clock.h"

enum {
    PHONE_MESSAGES_PER_SEC = 100, /* more end the socket with 1008 */
    PHONE_TYPE_ECHOED_MAX = 64,   /* bytes of an unknown type that is said back */
};

/* What a field of a message may be; NULL in `to`: not one of ours. */
struct field {
    const char *name;
    char *to;
    size_t size;
    bool is_required;
};

static void say(struct http_ws *ws, const char *code, const char *detail, const char *in_reply_to)
{
    char text[512];
    struct sr_json json;
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, text, sizeof(text));
    sr_json_begin(&json, &buf);
    sr_json_object(&json);
    sr_json_key_c(&json, "type", "error");
    sr_json_key_c(&json, "code", code);
    sr_json_key_c(&json, "detail", detail);
    sr_json_key_c(&json, "inReplyTo", in_reply_to);
    sr_json_end(&json);
    (void)http_ws_send_first(ws, sr_buf_view(&buf));
}

static bool is_too_fast(struct web_events *events)
{
    sr_usec now = net_clock_now();

    if (now - events->window >= SR_SEC) {
        events->window = now;
        events->window_count = 0;
    }
    return ++events->window_count > PHONE_MESSAGES_PER_SEC;
}

/* Copies the texts a message must or may have. @return what is wrong, in words; NULL: nothing */
static const char *read_fields(const json_t *message, const struct field *fields, size_t count,
                               char *why, size_t why_size)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(message, fields[i].name);

        if (value == NULL || json_is_null(value)) {
            if (!fields[i].is_required)
                continue;
            (void)snprintf(why, why_size, "%s is missing", fields[i].name);
            return why;
        }
        if (!json_is_string(value) || json_string_length(value) >= fields[i].size ||
            (fields[i].is_required && json_string_length(value) == 0)) {
            (void)snprintf(why, why_size, "%s is a text of 1 to %zu bytes", fields[i].name,
                           fields[i].size - 1);
            return why;
        }
        (void)sr_str_copy(sr_str_c(json_string_value(value)), fields[i].to, fields[i].size);
    }
    return NULL;
}

/* The texts of each message, into the command. */
static const char *read_message(const json_t *message, struct engine_command *command, char *why,
                                size_t why_size)
{
    const struct field session = {"sessionId", command->session_id, sizeof(command->session_id),
                                  true};
    const struct field call = {"callId", command->call_id, sizeof(command->call_id), true};
    const struct field registering[] = {
        {"deviceId", command->device_id, sizeof(command->device_id), false},
        {"name", command->from, sizeof(command->from), false},
        {"token", command->session_token, sizeof(command->session_token), false},
    };
    const struct field offering[] = {
        session, {"resume", command->session_token, sizeof(command->session_token), false}};
    const struct field linking[] = {call, session};

    switch ((int)command->kind) {
    case ENGINE_DO_WEBRTC_REGISTER:
        return read_fields(message, registering, SR_ARRAY_LEN(registering), why, why_size);
    case ENGINE_DO_WEBRTC_OFFER:
        return read_fields(message, offering, SR_ARRAY_LEN(offering), why, why_size);
    case ENGINE_DO_WEBRTC_LINK:
        return read_fields(message, linking, SR_ARRAY_LEN(linking), why, why_size);
    case ENGINE_DO_WEBRTC_HANGUP:
        return read_fields(message, &session, 1, why, why_size);
    default:
        return read_fields(message, &call, 1, why, why_size);
    }
}

static bool find_kind(const char *type, enum engine_command_kind *ret_kind)
{
    static const struct {
        const char *type;
        enum engine_command_kind kind;
    } kinds[] = {
        {"webrtc-register", ENGINE_DO_WEBRTC_REGISTER}, {"webrtc-offer", ENGINE_DO_WEBRTC_OFFER},
        {"webrtc-link", ENGINE_DO_WEBRTC_LINK},         {"webrtc-accept", ENGINE_DO_WEBRTC_LINK},
        {"webrtc-hangup", ENGINE_DO_WEBRTC_HANGUP},     {"webrtc-reject", ENGINE_DO_WEBRTC_REJECT},
    };

    for (size_t i = 0; i < SR_ARRAY_LEN(kinds); i++) {
        if (strcmp(type, kinds[i].type) != 0)
            continue;
        *ret_kind = kinds[i].kind;
        return true;
    }
    return false;
}

/* Role user has its own device and no other; role read has no phone. */
static bool may_register(const struct auth_principal *who, const char *device_id)
{
    if (who->role == AUTH_READ)
        return false;
    return who->role == AUTH_ADMIN || device_id[0] == '\0' || auth_is_own_device(who, device_id);
}

static void hand_over(struct web *web, struct web_events *events, struct engine_command *command,
                      const char *type)
{
    char owner[AUTH_OWNER_MAX];

    if (events->number == 0) {
        events->number = ++web->next_socket;
        (void)sr_map64_put(&web->phone_sockets, events->number, events);
    }
    command->client = events->number;
    (void)sr_str_copy(sr_str_c(auth_owner(&events->client->who, owner)), command->owner,
                      sizeof(command->owner));
    if (engine_submit(web->options.engine, command) == SR_OK)
        return;
    sr_free(command->sdp);
    say(events->ws, "busy", "the router is busy: try again", type);
}

static void serve(struct web *web, struct web_events *events, const json_t *message,
                  const char *type)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_REGISTER};
    const json_t *sdp = json_object_get(message, "sdp");
    char why[128];
    const char *fault;

    if (!find_kind(type, &command.kind)) {
        say(events->ws, "unknown-type", "this type of message is not known",
            strlen(type) <= PHONE_TYPE_ECHOED_MAX ? type : NULL);
        return;
    }
    fault = read_message(message, &command, why, sizeof(why));
    if (fault == NULL && command.kind == ENGINE_DO_WEBRTC_OFFER &&
        (!json_is_string(sdp) || json_string_length(sdp) == 0 ||
         json_string_length(sdp) > ENGINE_SDP_BYTES_MAX))
        fault = "sdp is a text of 1 to 32768 bytes";
    if (fault != NULL) {
        say(events->ws, "bad-message", fault, type);
        return;
    }
    if (command.kind == ENGINE_DO_WEBRTC_REGISTER &&
        !may_register(&events->client->who, command.device_id)) {
        say(events->ws, "forbidden", "your role may not be this device's phone", type);
        return;
    }
    if (command.kind == ENGINE_DO_WEBRTC_OFFER)
        command.sdp = sr_strdup(json_string_value(sdp));
    hand_over(web, events, &command, type);
}

void web_phone_message(struct web *web, struct http_ws *ws, struct sr_str text)
{
    struct web_events *events =
        SR_CONTAINER((struct web_socket *)http_ws_user(ws), struct web_events, base);
    json_error_t error;
    json_t *message;
    const char *type;

    if (is_too_fast(events)) {
        http_ws_close(ws, HTTP_WS_POLICY, "too many messages");
        return;
    }
    message = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    type = json_string_value(json_object_get(message, "type"));
    if (type == NULL)
        say(ws, "bad-message", "messages are JSON objects with a type", NULL);
    else
        serve(web, events, message, type);
    json_decref(message);
}

/* ---- closing: the engine must hear of it, if not now then later ---- */

static bool tell_gone(struct web *web, uint64_t client)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_GONE, .client = client};

    return engine_submit(web->options.engine, &command) == SR_OK;
}

void web_phone_closed(struct web *web, struct web_events *events)
{
    struct web_gone *gone;

    if (events->number == 0)
        return;
    (void)sr_map64_remove(&web->phone_sockets, events->number);
    if (tell_gone(web, events->number))
        return;
    gone = sr_zalloc(1, sizeof(*gone));
    gone->client = events->number;
    sr_list_add(&web->gone, &gone->node);
}

static void tell_late(struct web *web)
{
    SR_LIST_EACH(&web->gone, node)
    {
        struct web_gone *gone = SR_CONTAINER(node, struct web_gone, node);

        if (!tell_gone(web, gone->client))
            return;
        sr_list_remove(&web->gone, node);
        sr_free(gone);
    }
}

static void close_all(struct web *web)
{
    struct web_events *events;
    size_t cursor = 0;

    while ((events = sr_map64_next(&web->phone_sockets, &cursor)) != NULL)
        http_ws_close(events->ws, HTTP_WS_TRY_LATER, "messages were lost: register again");
}

void web_phone_turn(struct web *web)
{
    struct engine_note *note;

    while ((note = engine_next_note(web->options.engine)) != NULL) {
        struct web_events *events = sr_map64_find(&web->phone_sockets, note->client);

        if (events != NULL)
            (void)http_ws_send_first(events->ws, note->text);
        sr_free(note);
    }
    if (engine_notes_were_lost(web->options.engine))
        close_all(web);
    tell_late(web);
}

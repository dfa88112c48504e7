/* Every path of the API: method, rights, handler, body, words. Dispatch and OpenAPI read it. */
#include "call/engine.h"
#include "control/api.h"
#include "speech/speech.h"

#define OPEN 0
#define ADMIN AUTH_ADMIN
#define READS (AUTH_ADMIN | AUTH_READ)
#define USERS (AUTH_ADMIN | AUTH_USER)
#define ALL AUTH_ANYBODY

#define FIELDS(list) .body = API_BODY_FIELDS, .fields = (list), .field_count = SR_ARRAY_LEN(list)
#define QUERIES(list) .queries = (list), .query_count = SR_ARRAY_LEN(list)

static const struct api_query page[] = {
    {"limit", "items of one page, 1 to 1000"},
    {"cursor", "nextCursor of the page before"},
};
static const struct api_query history[] = {
    {"limit", "items of one page, 1 to 1000"},
    {"cursor", "nextCursor of the page before"},
    {"from", "calls that began at or after this time (RFC 3339)"},
    {"to", "calls that began before this time (RFC 3339)"},
    {"number", "part of the caller's or the called number"},
    {"device", "id of a device that took part"},
    {"provider", "id of a provider that took part"},
    {"result", "answered, missed, or a reason"},
};
static const struct api_query events[] = {
    {"since", "EPOCH:SEQ of the last event seen: what was missed is replayed"},
    {"types",
     "comma list of event types, or * for all; quality, device_changed and provider_changed "
     "only come when asked for; status, once a second, only by its name"},
    {"callId", "events of one call only"},
};

static const struct api_field login[] = {
    {"user", API_TEXT, true, 1, 64, NULL, "name of the user"},
    {"password", API_TEXT, true, 1, AUTH_PASSWORD_MAX, NULL, "the password"},
};
static const struct api_field own_password[] = {
    {"oldPassword", API_TEXT, true, 1, AUTH_PASSWORD_MAX, NULL, "the one in use"},
    {"newPassword", API_TEXT, true, AUTH_PASSWORD_MIN, AUTH_PASSWORD_MAX, NULL, "at least 8 bytes"},
};
static const struct api_field token[] = {
    {"name", API_TEXT, true, 1, 64, NULL, "what it is for"},
    {"role", API_TEXT, true, 0, 0, "admin|read|user", "what it may do"},
    {"deviceId", API_TEXT_OR_NULL, false, 0, 127, NULL, "device of role user"},
    {"expires", API_TEXT_OR_NULL, false, 0, 40, NULL, "RFC 3339; null or absent: never"},
};
static const struct api_field user_new[] = {
    {"name", API_TEXT, true, 1, 64, NULL, "letters, digits and . _ @ -"},
    {"role", API_TEXT, true, 0, 0, "admin|read|user", "what the user may do"},
    {"password", API_TEXT, true, AUTH_PASSWORD_MIN, AUTH_PASSWORD_MAX, NULL, "at least 8 bytes"},
    {"deviceId", API_TEXT_OR_NULL, false, 0, 127, NULL, "device of role user"},
};
static const struct api_field user_change[] = {
    {"role", API_TEXT, false, 0, 0, "admin|read|user", "what the user may do"},
    {"password", API_TEXT, false, AUTH_PASSWORD_MIN, AUTH_PASSWORD_MAX, NULL, "at least 8 bytes"},
    {"deviceId", API_TEXT_OR_NULL, false, 0, 127, NULL, "device of role user"},
};
static const struct api_field call_new[] = {
    {"to", API_TEXT, true, 1, 0, NULL, "extension, device id or number"},
    {"from", API_TEXT, false, 1, 0, NULL, "device that is rung first"},
    {"providerId", API_TEXT, false, 1, 0, NULL, "provider to dial out by"},
    {"callerId", API_TEXT, false, 1, 0, NULL, "number shown to the called party"},
};
static const struct api_field call_change[] = {
    {"locked", API_BOOL, true, 0, 0, NULL, "nobody may come into this conference any more"},
};
static const struct api_field leg_new[] = {
    {"to", API_TEXT, true, 1, 0, NULL, "extension, device id or number"},
    {"role", API_TEXT, false, 0, 0, "participant|isolated|tool",
     "absent: participant; tool: it comes to listen in (role admin only)"},
    {"whisperTo", API_TEXT, false, 0, 39, NULL, "role tool: leg that alone hears it"},
};
static const struct api_field leg_change[] = {
    {"muted", API_BOOL, false, 0, 0, NULL, "nobody hears this party"},
    {"held", API_BOOL, false, 0, 0, NULL, "this party hears music and nobody hears it"},
    {"denoise", API_TEXT, false, 0, 0, "off|auto|on", "noise suppression of this party"},
    {"role", API_TEXT, false, 0, 0, "participant|isolated|tool",
     "its place in the mix (role admin only)"},
    {"whisperTo", API_TEXT, false, 0, 39, NULL,
     "role tool: leg that alone hears it; empty: nobody (role admin only)"},
};
static const struct api_field transfer[] = {
    {"leg", API_TEXT, true, 1, 39, NULL, "party that is connected to somebody else"},
    {"to", API_TEXT, false, 1, 0, NULL, "blind: extension, device id or number"},
    {"callId", API_TEXT, false, 1, 39, NULL, "attended: live call whose parties it joins"},
    {"mode", API_TEXT, false, 0, 0, "blind|attended", "as the other fields say"},
};
static const struct api_field dtmf[] = {
    {"leg", API_TEXT, true, 1, 39, NULL, "leg that gets the digits"},
    {"digits", API_TEXT, true, 1, 63, NULL, "0-9 * # A-D"},
    {"durationMs", API_INTEGER, false, 40, 5000, NULL, "of each digit"},
};
static const struct api_field play[] = {
    {"text", API_TEXT, false, 1, SPEECH_TEXT_MAX, NULL, "what is spoken"},
    {"file", API_TEXT, false, 1, SPEECH_PATH_MAX - 1, NULL,
     "a WAV file below the data folder, such as sounds/hello.wav"},
    {"voice", API_TEXT, false, 0, SPEECH_VOICE_MAX - 1, NULL,
     "of the text; absent: the configured"},
    {"loop", API_BOOL, false, 0, 0, NULL, "again and again until it is stopped"},
    {"legs", API_TEXTS, false, 0, ENGINE_PLAY_LEGS_MAX, NULL,
     "only these hear it, in place of the call; absent or empty: all"},
};
static const struct api_field speech[] = {
    {"text", API_TEXT, true, 1, SPEECH_TEXT_MAX, NULL, "what is spoken"},
    {"voice", API_TEXT, false, 0, SPEECH_VOICE_MAX - 1, NULL, "absent: the configured one"},
};
static const struct api_field route_test[] = {
    {"direction", API_TEXT, false, 0, 0, "inbound|outbound|internal", "where the call comes from"},
    {"number", API_TEXT, true, 1, 0, NULL, "dialled number"},
    {"provider", API_TEXT, false, 0, 0, NULL, "inbound: from this provider"},
    {"device", API_TEXT, false, 0, 0, NULL, "outbound, internal: from this device"},
    {"caller", API_TEXT, false, 0, 0, NULL, "the caller's number"},
};

#define NOT_BUILT(method_, path_, roles_, summary_)                                                \
    {                                                                                              \
        .method = HTTP_##method_, .path = (path_), .roles = (roles_), .body = API_BODY_ANY,        \
        .status = 501, .summary = (summary_)                                                       \
    }

const struct api_route api_routes[] = {
    /* session, users, tokens */
    {HTTP_POST, "/api/login", OPEN, api_login, FIELDS(login), .is_early = true, .status = 200,
     .summary = "Log in: sets the session cookie"},
    {HTTP_POST, "/api/logout", ALL, api_logout, .status = 204, .summary = "End this session"},
    {HTTP_GET, "/api/me", ALL, api_me, .status = 200, .summary = "Who I am"},
    {HTTP_POST, "/api/me/password", ALL, api_me_password, FIELDS(own_password), .status = 200,
     .summary = "Change my own password; my other sessions end, this one gets a new cookie"},
    {HTTP_GET, "/api/tokens", READS, api_tokens_list, QUERIES(page), .status = 200,
     .summary = "Tokens, without their secrets"},
    {HTTP_POST, "/api/tokens", ADMIN, api_tokens_add, FIELDS(token), .is_create = true,
     .status = 201, .summary = "Make a token; its secret is shown this once"},
    {HTTP_DELETE, "/api/tokens/{tokenId}", ADMIN, api_tokens_remove, .status = 204,
     .summary = "Withdraw a token"},
    {HTTP_GET, "/api/users", READS, api_users_list, QUERIES(page), .status = 200,
     .summary = "Users of the page"},
    {HTTP_POST, "/api/users", ADMIN, api_users_add, FIELDS(user_new), .is_create = true,
     .status = 201, .summary = "Make a user"},
    {HTTP_PATCH, "/api/users/{name}", ADMIN, api_users_change, FIELDS(user_change), .status = 200,
     .summary = "Change a user; a new password ends its sessions"},
    {HTTP_DELETE, "/api/users/{name}", ADMIN, api_users_remove, .status = 204,
     .summary = "Remove a user"},

    /* the router */
    {HTTP_GET, "/api/status", ALL, api_status, .status = 200, .summary = "One snapshot of all"},
    {HTTP_POST, "/api/reload", ADMIN, api_reload, .status = 200,
     .summary = "Read the configuration file again"},
    {HTTP_POST, "/api/drain", ADMIN, api_drain, .status = 202,
     .summary = "Take no new calls, then stop, as SIGTERM does"},
    {HTTP_GET, "/api/openapi.json", OPEN, api_openapi, .status = 200,
     .summary = "This description"},
    {HTTP_GET, "/api/events", ALL, api_events, QUERIES(events), .status = 101,
     .summary = "WebSocket: a snapshot, then every event"},

    /* calls */
    {HTTP_POST, "/api/call", USERS, api_call_start, FIELDS(call_new), .is_create = true,
     .status = 202, .summary = "Start a call"},
    {HTTP_GET, "/api/calls", ALL, api_calls_list, QUERIES(page), .status = 200,
     .summary = "Live calls"},
    {HTTP_GET, "/api/calls/{callId}", ALL, api_calls_get, .status = 200,
     .summary = "One live call"},
    {HTTP_PATCH, "/api/calls/{callId}", USERS, api_calls_change, FIELDS(call_change), .status = 204,
     .summary = "Lock or unlock a conference room"},
    {HTTP_DELETE, "/api/calls/{callId}", USERS, api_calls_hangup, .status = 204,
     .summary = "Hang up a call"},
    {HTTP_POST, "/api/calls/{callId}/legs", USERS, api_legs_add, FIELDS(leg_new), .is_create = true,
     .status = 202, .summary = "Add a party"},
    {HTTP_DELETE, "/api/calls/{callId}/legs/{legId}", USERS, api_legs_remove, .status = 204,
     .summary = "Drop one leg"},
    {HTTP_PATCH, "/api/calls/{callId}/legs/{legId}", USERS, api_legs_change, FIELDS(leg_change),
     .status = 204, .summary = "Mute, hold or change the role of a leg"},
    {HTTP_POST, "/api/calls/{callId}/dtmf", USERS, api_dtmf, FIELDS(dtmf), .status = 204,
     .summary = "Send digits to a leg"},
    {HTTP_GET, "/api/calls/{callId}/trace", READS, api_trace, .status = 200,
     .summary = "The SIP messages of a call, live or ended"},
    {HTTP_GET, "/api/calls/{callId}/trace.pcap", READS, api_trace_pcap, .status = 200,
     .summary = "The same as a capture file"},
    {HTTP_POST, "/api/calls/{callId}/transfer", USERS, api_transfer, FIELDS(transfer),
     .status = 202,
     .summary = "Connect a party to a number, or to the parties of another live call"},
    {HTTP_POST, "/api/calls/{callId}/play", USERS, api_play, FIELDS(play), .is_create = true,
     .status = 202, .summary = "Play a file or a text"},
    {HTTP_DELETE, "/api/calls/{callId}/play", USERS, api_play_stop, .status = 204,
     .summary = "Stop all that was played by POST"},
    {HTTP_DELETE, "/api/calls/{callId}/play/{playId}", USERS, api_play_stop, .status = 204,
     .summary = "Stop one sound"},
    NOT_BUILT(POST, "/api/calls/{callId}/record", USERS, "Start, stop, pause or resume recording"),
    NOT_BUILT(POST, "/api/calls/{callId}/stream", ADMIN, "Stream audio to and from a URL"),

    /* records */
    {HTTP_GET, "/api/history", ALL, api_history, QUERIES(history), .status = 200,
     .summary = "Call records, newest first"},
    {HTTP_GET, "/api/history.csv", ALL, api_history_csv, QUERIES(history), .status = 200,
     .content_type = "text/csv", .summary = "The same as CSV"},

    /* what is configured, with its state */
    {HTTP_GET, "/api/devices", ALL, api_devices, QUERIES(page), .status = 200,
     .summary = "Devices and their registrations"},
    {HTTP_GET, "/api/providers", READS, api_providers, QUERIES(page), .status = 200,
     .summary = "Providers and their state"},
    {HTTP_GET, "/api/routes", READS, api_routes_list, QUERIES(page), .status = 200,
     .summary = "Routes in the order they are tried"},
    {HTTP_POST, "/api/routes/test", READS, api_routes_test, FIELDS(route_test), .status = 200,
     .summary = "What a number would do"},
    {HTTP_GET, "/api/contacts", ALL, api_contacts, QUERIES(page), .status = 200,
     .summary = "The phone book"},
    {HTTP_GET, "/api/config", READS, api_config_get, .status = 200,
     .summary = "The configuration, secrets masked; with an ETag"},
    {HTTP_PUT, "/api/config", ADMIN, api_config_put, .body = API_BODY_ANY, .status = 200,
     .summary = "Replace the configuration; If-Match guards against lost edits"},
    {HTTP_PATCH, "/api/config", ADMIN, api_config_patch, .body = API_BODY_ANY, .status = 200,
     .summary = "Change the configuration (RFC 7396)"},
    {HTTP_POST, "/api/config/validate", READS, api_config_validate, .body = API_BODY_ANY,
     .status = 200, .summary = "Check a configuration without using it"},

    /* later */
    NOT_BUILT(GET, "/api/voiceboxes", ALL, "Voice boxes"),
    NOT_BUILT(GET, "/api/voiceboxes/{box}/messages", ALL, "Messages of a box"),
    NOT_BUILT(GET, "/api/voiceboxes/{box}/messages/{messageId}", ALL, "One message"),
    NOT_BUILT(PATCH, "/api/voiceboxes/{box}/messages/{messageId}", USERS, "Mark as read"),
    NOT_BUILT(DELETE, "/api/voiceboxes/{box}/messages/{messageId}", USERS, "Delete a message"),
    NOT_BUILT(GET, "/api/voiceboxes/{box}/messages/{messageId}/audio", ALL, "Its audio"),
    NOT_BUILT(GET, "/api/recordings", READS, "Recordings"),
    NOT_BUILT(GET, "/api/recordings/{recordingId}/audio", READS, "Audio of a recording"),
    NOT_BUILT(DELETE, "/api/recordings/{recordingId}", ADMIN, "Delete a recording"),
    {HTTP_POST, "/api/speech", USERS, api_speech, FIELDS(speech), .status = 200,
     .content_type = "audio/wav", .summary = "Speak a text, as a WAV file"},

    {HTTP_GET, "/sip", OPEN, api_sip, .status = 101,
     .summary = "SIP over WebSocket (RFC 7118, subprotocol sip), with SIP digest"},

    /* HTTPS */
    {HTTP_GET, "/ca.crt", OPEN, api_ca, .status = 200, .content_type = "application/x-x509-ca-cert",
     .summary = "The router's own certificate authority (PEM), to be trusted"},
    {HTTP_GET, "/trust", OPEN, api_trust, .status = 200, .content_type = "text/html",
     .summary = "How to trust it, system by system"},
    {HTTP_GET, "/trust.css", OPEN, api_trust_css, .status = 200, .content_type = "text/css",
     .summary = "Looks of that page"},

    /* for machines */
    {HTTP_GET, "/metrics", READS, api_metrics, .status = 200,
     .content_type = "text/plain; version=0.0.4; charset=utf-8", .summary = "Prometheus metrics"},
    {HTTP_GET, "/healthz", OPEN, api_healthz, .status = 200, .summary = "The process lives"},
    {HTTP_GET, "/readyz", OPEN, api_readyz, .status = 200,
     .summary = "Ready for calls; 503 while draining"},
};

const size_t api_route_count = SR_ARRAY_LEN(api_routes);

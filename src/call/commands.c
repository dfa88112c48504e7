/* Commands of the web thread, served on the signalling thread. */
#include "base/alloc.h"
#include "call/internal.h"
#include "call/providers.h"
#include "call/transfer.h"
#include "call/webrtc.h"

struct reply {
    struct engine *engine;
    struct engine_event *event; /* NULL: nobody waits for it */
};

static void say(struct reply *reply, enum sr_err err, const char *why)
{
    if (reply->event == NULL)
        return;
    reply->event->err = err;
    (void)sr_str_copy(sr_str_c(why), reply->event->why, sizeof(reply->event->why));
}

static struct sr_buf *body_of(struct reply *reply)
{
    return reply->event != NULL ? &reply->event->body : NULL;
}

static void say_id(struct reply *reply, const char *key, const char *id)
{
    struct sr_json json;

    if (reply->event == NULL)
        return;
    sr_json_begin(&json, body_of(reply));
    sr_json_object(&json);
    sr_json_key_c(&json, key, id);
    sr_json_end(&json);
}

static enum sr_err err_of_reason(enum call_reason reason)
{
    switch ((int)reason) {
    case CALL_REASON_LIMIT:
        return SR_ERR_LIMIT;
    case CALL_REASON_NOT_FOUND:
        return SR_ERR_NOTFOUND;
    case CALL_REASON_NOT_BUILT:
        return SR_ERR_UNSUPPORTED;
    case CALL_REASON_NOT_ALLOWED: /* policy: the same request will fail again */
    case CALL_REASON_BLOCKED:
    case CALL_REASON_PREMIUM:
    case CALL_REASON_COUNTRY:
    case CALL_REASON_NIGHT:
    case CALL_REASON_DEVICE_LIMIT:
        return SR_ERR_AUTH;
    case CALL_REASON_INTERNAL:
        return SR_ERR_IO;
    default: /* offline, busy, unreachable: as things are now */
        return SR_ERR_STATE;
    }
}

/* ---- configuration ---- */

static void keep_limits(struct engine *engine)
{
    const struct config_history *history = &engine->config->history;
    struct store_options limits = {.keep_days = history->keep_days,
                                   .trace_keep_days = history->trace_keep_days,
                                   .trace_mb_max = history->trace_mb_max,
                                   .is_trace_off = history->trace_keep_days == 0};

    if (engine->store != NULL)
        store_set_limits(engine->store, &limits);
}

/* A range elsewhere waits as a whole: what lies between the two was never given to us. */
static void grow_ports(struct engine *engine)
{
    const struct config_port_range *wanted = &engine->config->proxy.rtp_ports;
    struct config_port_range *ports = &engine->rtp_ports;

    if (wanted->min > ports->max || wanted->max < ports->min)
        return;
    ports->min = SR_MIN(ports->min, wanted->min);
    ports->max = SR_MAX(ports->max, wanted->max);
    media_port_set_ports(engine->media, (uint16_t)ports->min, (uint16_t)ports->max);
}

static void do_configure(struct engine *engine, const struct engine_command *command)
{
    struct config *old = engine->config;

    engine->config = command->config; /* the command's reference is ours now */
    engine__configure_ua(engine);
    engine__forget_call_counts(engine);
    keep_limits(engine);
    sound__configure(engine);
    grow_ports(engine);
    config_unref(old);
    engine__refresh_status(engine);
    event__push(engine, event__new(engine, ENGINE_CONFIG_CHANGED));
    event__snapshot(engine);
}

/* ---- calls ---- */

/* The first party of an API call answered: now whom it wants to talk to. */
void call__first_answered(struct call *call, struct leg *leg)
{
    enum call_reason reason;

    call->origin = leg;
    call->api_shown[0] = '\0';
    if (call->is_from_first &&
        leg->number[0] != '\0') { /* picked up or forwarded: that is who the other one is to see */
        memcpy(call->from, leg->number, sizeof(call->from));
        memcpy(call->from_name, leg->name, sizeof(call->from_name));
    }
    /* it saw the number it wants, not who answers there: it is told */
    (void)sr_str_copy(SR_STR("api"), leg->connected_to, sizeof(leg->connected_to));
    call__update_media(call);
    if (call->api_to[0] == '\0') {
        call__answered(call);
        return;
    }
    reason = call__dial(call, leg, sr_str_c(call->api_to), false);
    if (reason != CALL_REASON_NONE)
        call__end(call, reason, call_reason_status(reason));
}

/* What is built, and is of use only to somebody who calls it: the echo, a room, a slot, a code. */
static bool wants_caller(const struct config *config, struct sr_str to)
{
    struct config_extension what = config_extension_find(config, to);

    return what.kind == CONFIG_EXTENSION_CONFERENCE || what.kind == CONFIG_EXTENSION_PARKING ||
           (what.kind == CONFIG_EXTENSION_FEATURE &&
            what.feature->kind != CONFIG_FEATURE_MY_VOICEMAIL &&
            what.feature->kind != CONFIG_FEATURE_ANY_VOICEMAIL);
}

/* Nobody's phone rings for a number that leads nowhere, or that its device may not call. */
static bool is_in_vain(struct reply *reply, const struct config_device *device,
                       const struct engine_command *command)
{
    struct engine *engine = reply->engine;
    struct routing_query query = {
        .device = device, .number = sr_str_c(command->to), .now = loop_wall(engine->loop) / SR_SEC};
    char why[GUARD_WHY_MAX] = "";
    enum call_reason reason = CALL_REASON_NONE;
    struct routing_plan plan;

    if (command->provider_id[0])
        query.preferred = config_provider_by_id(engine->config, sr_str_c(command->provider_id));
    routing_resolve(engine->config, &query, &plan, NULL);
    if (plan.outcome == ROUTING_NOWHERE)
        reason = plan.reason;
    if (plan.outcome == ROUTING_OUTSIDE)
        reason = use__judge(engine, device, &plan, why);
    if (reason == CALL_REASON_NONE)
        return false;
    sr_log(HUB, WARN, "event=call_refused device=%.*s number=%s reason=%s why=\"%s\"",
           SR_STR_ARG(device->id), plan.number, call_reason_name(reason), why);
    say(reply, err_of_reason(reason), why[0] != '\0' ? why : call_reason_text(reason));
    return true;
}

/* Who is rung first, and who appears as the caller to that party. */
static void do_call(struct reply *reply, const struct engine_command *command)
{
    struct engine *engine = reply->engine;
    struct sr_str first = sr_str_c(command->from[0] ? command->from : command->to);
    struct sr_str shown = sr_str_c(command->caller_id[0] ? command->caller_id : command->to);
    const struct config_device *device = config_device_by_user(engine->config, first);
    struct sr_str from, from_name = {NULL, 0}, owner = sr_str_c(command->owner);
    enum call_reason reason;
    uint32_t retry_sec;
    struct call *call;
    /* somebody's page makes the call: that page is rung, not the phone on the desk */
    bool is_page = command->from[0] &&
                   browsers__has(engine, device != NULL ? device->id : first,
                                 device != NULL ? owner : sr_str_make(NULL, 0)) &&
                   (device == NULL || owner.n > 0);
    bool is_emergency = command->from[0] && engine__is_emergency(engine, sr_str_c(command->to));

    if (device == NULL && !is_page && command->from[0]) {
        say(reply, SR_ERR_NOTFOUND, "\"from\" is no device of this router");
        return;
    }
    if (!is_emergency && is_page && device != NULL && device->calls_max > 0 &&
        engine__device_calls(engine, device->id, 0) >= device->calls_max) {
        say(reply, SR_ERR_STATE, call_reason_text(CALL_REASON_BUSY));
        return;
    }
    if (engine->is_draining) {
        say(reply, SR_ERR_LIMIT, "the router is draining: no new calls");
        return;
    }
    if (!is_emergency && !engine__is_accepting(engine, &retry_sec)) {
        say(reply, SR_ERR_LIMIT, "too many calls are being set up: try again");
        return;
    }
    if (device != NULL && command->from[0] && is_in_vain(reply, device, command))
        return;
    /* the party rung first is the caller in records and on the other party's phone */
    from = shown;
    if (device == NULL && !command->caller_id[0]) {
        from = first;
    } else if (command->from[0] && !command->caller_id[0]) {
        from = device->extension.n ? device->extension : device->id;
        from_name = device->display_name;
    }
    call = call__new(engine, "internal", from, from_name, sr_str_c(command->to));
    if (call == NULL) {
        say(reply, SR_ERR_LIMIT, "no call or port is free");
        return;
    }
    call->is_emergency = is_emergency;
    call->asker = config_device_by_id(call->config, sr_str_c(command->device_id));
    (void)sr_str_copy(shown, call->api_shown, sizeof(call->api_shown));
    (void)sr_str_copy(sr_str_c(command->provider_id), call->api_provider,
                      sizeof(call->api_provider));
    call->is_from_first = command->from[0] && !command->caller_id[0];
    call->is_from_chosen = command->caller_id[0];
    if (command->from[0])
        (void)sr_str_copy(sr_str_c(command->to), call->api_to, sizeof(call->api_to));
    else
        call->parties_min = 1;
    event__call(call, ENGINE_CALL_CREATED);
    say_id(reply, "callId", call->call_id);
    if (is_page)
        reason = ring__own_browsers(call, device != NULL ? device->id : first,
                                    device != NULL ? owner : sr_str_make(NULL, 0));
    else if (device != NULL)
        reason = ring__devices(call, NULL, &device, 1, false);
    else /* a group or a number outside, for a program to speak to */
        reason = call__dial(call, NULL, sr_str_c(command->to), false);
    if (reason != CALL_REASON_NONE) {
        bool is_for_nobody = device == NULL && reason == CALL_REASON_NOT_BUILT &&
                             wants_caller(engine->config, sr_str_c(command->to));

        say(reply, is_for_nobody ? SR_ERR_SYNTAX : err_of_reason(reason),
            is_for_nobody ? "without \"from\" there is nobody who could use this number"
                          : call_reason_text(reason));
        call__end(call, reason, call_reason_status(reason));
    }
}

static void do_call_change(struct reply *reply, struct call *call,
                           const struct engine_command *command)
{
    if (call->app == NULL || call->app->can_enter == NULL) {
        say(reply, SR_ERR_STATE, "only a conference can be locked");
        return;
    }
    if (command->has_locked)
        call->is_locked = command->is_locked;
    event__call(call, ENGINE_LEG_CHANGED);
}

static bool role_of(const char *text, enum media_role *ret_role)
{
    for (int role = MEDIA_ROLE_PARTICIPANT; role <= MEDIA_ROLE_TOOL; role++) {
        if (strcmp(text, leg__role_name((enum media_role)role)) == 0) {
            *ret_role = (enum media_role)role;
            return true;
        }
    }
    return false;
}

/* What a command says of role and whispering, over what holds now. False: refused. */
static bool take_role(struct reply *reply, struct call *call, const struct engine_command *command,
                      enum media_role *role, sr_id *whisper_to)
{
    const struct leg *to;

    if (command->has_role && !role_of(command->role, role)) {
        say(reply, SR_ERR_SYNTAX, "role is participant, isolated or tool");
        return false;
    }
    if (command->has_whisper && command->whisper_to[0] == '\0')
        *whisper_to = SR_ID_NONE;
    if (*role != MEDIA_ROLE_TOOL) {
        *whisper_to = SR_ID_NONE;
        if (!command->has_whisper || command->whisper_to[0] == '\0')
            return true;
        say(reply, SR_ERR_STATE, "only a leg of role tool whispers");
        return false;
    }
    if (!command->has_whisper || command->whisper_to[0] == '\0')
        return true;
    to = call__find_leg(call, command->whisper_to);
    if (to == NULL || to->state != LEG_ANSWERED || to->kind == LEG_MEDIA ||
        strcmp(command->whisper_to, command->leg_id) == 0) {
        say(reply, SR_ERR_NOTFOUND, "no other answered party of this call has that leg id");
        return false;
    }
    *whisper_to = to->id;
    return true;
}

static void do_leg_add(struct reply *reply, struct call *call, const struct engine_command *command)
{
    const struct config_device *before = call->asker;
    enum media_role role = MEDIA_ROLE_PARTICIPANT;
    sr_id whisper_to = SR_ID_NONE;
    enum call_reason reason;

    if (call->state != CALL_ANSWERED) {
        say(reply, SR_ERR_STATE, "the call is not answered yet");
        return;
    }
    if (call->ring != NULL) {
        say(reply, SR_ERR_STATE, "another party is being rung for this call");
        return;
    }
    if (!take_role(reply, call, command, &role, &whisper_to))
        return;
    call->add_role = role;
    call->add_whisper_to = whisper_to;
    call->asker = config_device_by_id(call->config, sr_str_c(command->device_id));
    reason = call__dial(call, NULL, sr_str_c(command->to), true);
    call->asker = before;
    call->add_role = MEDIA_ROLE_PARTICIPANT;
    call->add_whisper_to = SR_ID_NONE;
    if (reason != CALL_REASON_NONE) {
        say(reply, err_of_reason(reason), call_reason_text(reason));
        return;
    }
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (leg->ring != NULL) {
            say_id(reply, "legId", leg->leg_id);
            return;
        }
    }
}

/* ---- legs ---- */

static void do_leg_change(struct reply *reply, struct leg *leg,
                          const struct engine_command *command)
{
    enum media_role role = leg->role;
    sr_id whisper_to = leg->whisper_to;

    if (leg->state != LEG_ANSWERED) {
        say(reply, SR_ERR_STATE, "the leg is not answered yet");
        return;
    }
    if (!take_role(reply, leg->call, command, &role, &whisper_to))
        return;
    leg->role = role;
    leg->whisper_to = whisper_to;
    if (command->has_muted)
        leg->is_muted = command->is_muted;
    if (command->has_held)
        leg->is_held = command->is_held;
    call__update_media(leg->call);
    event__leg(leg, ENGINE_LEG_CHANGED);
}

static void do_dtmf(struct reply *reply, struct leg *leg, const struct engine_command *command)
{
    uint32_t duration_ms = command->duration_ms ? command->duration_ms : MEDIA_DTMF_MS_DEFAULT;

    if (leg->state != LEG_ANSWERED) {
        say(reply, SR_ERR_STATE, "the leg is not answered yet");
        return;
    }
    for (const char *digit = command->digits; *digit != '\0'; digit++) {
        enum sr_err err = leg__send_digit(reply->engine, leg, *digit, duration_ms);

        if (err == SR_OK)
            continue;
        say(reply, err,
            err == SR_ERR_SYNTAX  ? "digits are 0-9, *, # and A-D"
            : err == SR_ERR_LIMIT ? "too many digits are waiting on this leg"
                                  : "the leg cannot send digits now");
        return;
    }
}

static void do_play(struct reply *reply, struct call *call, const struct engine_command *command)
{
    char play_id[ENGINE_ID_MAX];
    const char *why = "";
    enum sr_err err = commands__play(call, command, play_id, &why);

    if (err != SR_OK)
        say(reply, err, why);
    else
        say_id(reply, "playId", play_id);
}

static void do_transfer(struct reply *reply, struct leg *leg, const struct engine_command *command)
{
    struct engine *engine = reply->engine;
    struct call *to = NULL, *call = leg->call;
    const struct config_device *before = call->asker;
    enum call_reason reason;
    sr_id id = call->id;

    if (command->to_call_id[0] != '\0') {
        to = call__find(engine, command->to_call_id);
        if (to == NULL) {
            say(reply, SR_ERR_NOTFOUND, "no such live call to transfer to");
            return;
        }
    }
    if (leg->state != LEG_ANSWERED || leg->kind == LEG_MEDIA) {
        say(reply, SR_ERR_STATE, "the leg is no answered party");
        return;
    }
    call->asker = config_device_by_id(call->config, sr_str_c(command->device_id));
    reason = transfer__by_api(leg, to, sr_str_c(command->to));
    if (sr_idtab_find(&engine->calls, id) == call)
        call->asker = before;
    if (reason == CALL_REASON_NOT_ALLOWED)
        say(reply, SR_ERR_STATE, "this leg cannot be transferred there now");
    else if (reason != CALL_REASON_NONE)
        say(reply, err_of_reason(reason), call_reason_text(reason));
}

static void serve_leg(struct reply *reply, struct call *call, const struct engine_command *command)
{
    struct leg *leg = call__find_leg(call, command->leg_id);

    if (leg == NULL) {
        say(reply, SR_ERR_NOTFOUND, "no such leg in this call");
        return;
    }
    if (command->kind == ENGINE_DO_LEG_REMOVE)
        leg__ended(leg, CALL_REASON_API, 0);
    else if (command->kind == ENGINE_DO_TRANSFER)
        do_transfer(reply, leg, command);
    else if (command->kind == ENGINE_DO_LEG_CHANGE)
        do_leg_change(reply, leg, command);
    else
        do_dtmf(reply, leg, command);
}

static bool is_for_our_sound(enum engine_command_kind kind)
{
    return kind == ENGINE_DO_LEG_ADD || kind == ENGINE_DO_PLAY || kind == ENGINE_DO_TRANSFER ||
           kind == ENGINE_DO_LEG_CHANGE || kind == ENGINE_DO_DTMF;
}

static void serve_call(struct reply *reply, const struct engine_command *command)
{
    struct call *call = call__find(reply->engine, command->call_id);

    if (call == NULL) {
        say(reply, SR_ERR_NOTFOUND, "no such live call");
        return;
    }
    if ((call->is_pass || call->is_fax) && is_for_our_sound(command->kind)) {
        say(reply, SR_ERR_STATE,
            call->is_pass ? "the call passes through: its sound is not the router's"
                          : "a fax is under way in this call");
        return;
    }
    if (command->kind == ENGINE_DO_HANGUP)
        call__end(call, CALL_REASON_API, 0);
    else if (command->kind == ENGINE_DO_CALL_CHANGE)
        do_call_change(reply, call, command);
    else if (command->kind == ENGINE_DO_LEG_ADD)
        do_leg_add(reply, call, command);
    else if (command->kind == ENGINE_DO_PLAY)
        do_play(reply, call, command);
    else if (command->kind == ENGINE_DO_PLAY_STOP) {
        if (commands__play_stop(call, command) != SR_OK)
            say(reply, SR_ERR_NOTFOUND, "nothing of that name plays in this call");
    } else if (command->kind == ENGINE_DO_TRACE && reply->event != NULL)
        trace__json(&call->trace, body_of(reply));
    else if (command->kind != ENGINE_DO_TRACE)
        serve_leg(reply, call, command);
}

/* ---- questions ---- */

static bool find_source(struct reply *reply, const struct engine_command *command,
                        struct routing_query *query)
{
    const struct config *config = reply->engine->config;

    if (command->provider_id[0] != '\0') {
        query->provider = config_provider_by_id(config, sr_str_c(command->provider_id));
        if (query->provider == NULL)
            say(reply, SR_ERR_NOTFOUND, "there is no provider with this id");
    } else if (command->device_id[0] != '\0') {
        query->device = config_device_by_user(config, sr_str_c(command->device_id));
        if (query->device == NULL)
            say(reply, SR_ERR_NOTFOUND, "there is no device with this id");
    } else if (query->direction == CONFIG_DIRECTION_INBOUND) {
        say(reply, SR_ERR_SYNTAX, "an inbound call needs a provider");
    }
    return reply->event->err == SR_OK;
}

static void do_route_test(struct reply *reply, const struct engine_command *command)
{
    struct engine *engine = reply->engine;
    struct routing_query query = {.number = sr_str_c(command->to),
                                  .caller = sr_str_c(command->from),
                                  .direction = routing_direction(sr_str_c(command->direction)),
                                  .now = loop_wall(engine->loop) / SR_SEC};

    struct guard_use use;

    if (!find_source(reply, command, &query))
        return;
    use__get(engine, query.device, &use);
    routing_test_json(engine->config, &query, &use, body_of(reply));
}

static void serve(struct engine *engine, const struct engine_command *command)
{
    struct reply reply = {.engine = engine};

    if (command->token != 0) {
        reply.event = event__new(engine, ENGINE_REPLY);
        reply.event->token = command->token;
        sr_buf_init(&reply.event->body, 4 << 20);
        memcpy(reply.event->call_id, command->call_id, sizeof(command->call_id));
    }
    switch (command->kind) {
    case ENGINE_DO_CONFIGURE:
        do_configure(engine, command);
        break;
    case ENGINE_DO_CALL:
        do_call(&reply, command);
        break;
    case ENGINE_DO_HANGUP:
    case ENGINE_DO_CALL_CHANGE:
    case ENGINE_DO_LEG_ADD:
    case ENGINE_DO_LEG_REMOVE:
    case ENGINE_DO_LEG_CHANGE:
    case ENGINE_DO_TRANSFER:
    case ENGINE_DO_DTMF:
    case ENGINE_DO_PLAY:
    case ENGINE_DO_PLAY_STOP:
    case ENGINE_DO_TRACE:
        serve_call(&reply, command);
        break;
    case ENGINE_DO_ROUTE_TEST:
        if (reply.event != NULL)
            do_route_test(&reply, command);
        break;
    case ENGINE_DO_WEBRTC_REGISTER:
    case ENGINE_DO_WEBRTC_OFFER:
    case ENGINE_DO_WEBRTC_LINK:
    case ENGINE_DO_WEBRTC_HANGUP:
    case ENGINE_DO_WEBRTC_REJECT:
    case ENGINE_DO_WEBRTC_GONE:
        browsers__serve(engine, command);
        break;
    case ENGINE_DO_SNAPSHOT:
        event__snapshot(engine);
        break;
    case ENGINE_DO_DRAIN:
        engine__drain(engine, command->duration_ms);
        break;
    }
    if (reply.event != NULL)
        event__push(engine, reply.event);
}

void engine__serve_commands(void *arg)
{
    struct engine *engine = arg;
    struct sr_mpsc_node *node;

    atomic_store(&engine->is_job_posted, false);
    while ((node = sr_mpsc_pop(&engine->commands)) != NULL) {
        struct engine_command *command = SR_CONTAINER(node, struct engine_command, node);

        atomic_fetch_sub(&engine->commands_waiting, 1);
        serve(engine, command);
        sr_free(command->sdp);
        sr_free(command);
    }
}

enum sr_err engine_submit(struct engine *engine, const struct engine_command *command)
{
    struct engine_command *copy;

    if (atomic_load(&engine->commands_waiting) >= ENGINE_COMMANDS_MAX)
        return SR_ERR_LIMIT;
    copy = sr_alloc(sizeof(*copy));
    *copy = *command;
    atomic_fetch_add(&engine->commands_waiting, 1);
    (void)sr_mpsc_push(&engine->commands, &copy->node);
    if (!atomic_exchange(&engine->is_job_posted, true))
        loop_post(engine->loop, &engine->command_job);
    return SR_OK;
}

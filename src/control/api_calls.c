/* Calls: starting, looking at, changing and ending them. */
#include <stdio.h>

#include "control/pcap.h"
#include "control/web_internal.h"

enum {
    CALLS_JSON_BYTES_MAX = 32 << 20
};

bool web_may_see_call(const struct auth_principal *who, const struct model_call *call)
{
    char guest[AUTH_OWNER_MAX];

    return who->role != AUTH_USER || parties_has(call->parties, who->device_id) ||
           parties_has(call->parties, auth_guest_id(who, guest));
}

/* Whether the asker's phone takes part in the call now; not by listening, nor in front of a door with a PIN. */
static bool is_in_call(const struct auth_principal *who, const struct model_call *call)
{
    for (uint32_t i = 0; who->role == AUTH_USER && i < call->view->leg_count; i++) {
        const struct engine_leg_view *leg = &call->view->legs[i];

        if (auth_is_own_device(who, leg->device_id) && strcmp(leg->role, "participant") == 0)
            return true;
    }
    return who->role != AUTH_USER;
}

/* The call of the path, if it is the asker's. NULL: 404 was sent. */
static const struct model_call *own_call(struct api_call *call)
{
    const struct model_call *found = read_model_call(&call->web->model, call->params[0]);

    if (found != NULL && web_may_see_call(&call->who, found))
        return found;
    api_answer_err(call->web, call->ticket, SR_ERR_NOTFOUND, "no such live call");
    return NULL;
}

const struct model_call *web_call_to_change(struct api_call *call)
{
    const struct model_call *found = own_call(call);

    if (found == NULL || is_in_call(&call->who, found))
        return found;
    api_answer_err(call->web, call->ticket, SR_ERR_AUTH,
                   "your phone is not in this call now: your role may only look at it");
    return NULL;
}

/* A reply that says no; a text in `why` is the engine's own. */
static bool is_refused(struct web *web, const struct web_pending *pending,
                       const struct engine_event *event)
{
    if (event == NULL) {
        api_answer_err(web, pending->ticket, SR_ERR_TIMEOUT, "the router did not answer in time");
        return true;
    }
    if (event->err == SR_OK)
        return false;
    api_answer_err(web, pending->ticket, event->err, event->why);
    return true;
}

static void answer_empty(struct web *web, const struct web_pending *pending,
                         const struct engine_event *event)
{
    if (!is_refused(web, pending, event))
        api_answer_empty(web, pending->ticket);
}

static void answer_body(struct web *web, const struct web_pending *pending,
                        const struct engine_event *event, uint16_t status)
{
    struct http_reply reply = {.status = status, .content_type = "application/json"};

    if (is_refused(web, pending, event))
        return;
    reply.body = event->body.len > 0 ? sr_buf_view(&event->body) : SR_STR("{}");
    api_answer(web, pending->ticket, &reply);
}

static void answer_accepted(struct web *web, const struct web_pending *pending,
                            const struct engine_event *event)
{
    answer_body(web, pending, event, 202);
}

/* Whatever a login with a phone makes the router dial is on the account of that phone. */
static void name_asker(const struct api_call *call, struct engine_command *command)
{
    (void)sr_str_copy(sr_str_c(call->who.device_id), command->device_id,
                      sizeof(command->device_id));
}

/* ---- start ---- */

static void refuse_field(struct api_call *call, const char *pointer, const char *why)
{
    struct api_problem problem = {.status = 422, .detail = why, .pointer = pointer};

    api_answer_problem(call->web, call->ticket, &problem);
}

static bool is_provider(const struct config *config, struct sr_str id)
{
    for (uint32_t i = 0; i < config->provider_count; i++) {
        if (sr_str_eq(config->providers[i].id, id))
            return true;
    }
    return false;
}

static bool is_own_device(const struct auth_principal *who, struct sr_str id)
{
    char text[AUTH_DEVICE_MAX];

    return sr_str_copy(id, text, sizeof(text)) && auth_is_own_device(who, text);
}

void api_call_start(struct api_call *call)
{
    struct engine_command command = {.kind = ENGINE_DO_CALL};
    char owner[AUTH_OWNER_MAX];
    struct sr_str from = api_text(call, "from"), provider = api_text(call, "providerId");

    if (call->who.role == AUTH_USER) { /* their own phone, their own number */
        struct sr_str device = sr_str_c(call->who.device_id);
        if (from.n == 0)
            from = device;
        if (from.n == 0 || !is_own_device(&call->who, from) || provider.n > 0 ||
            api_has(call, "callerId")) {
            api_answer_err(call->web, call->ticket, SR_ERR_AUTH,
                           "your role may only call from your own device");
            return;
        }
    }
    if (provider.n > 0 && !is_provider(call->web->config, provider)) {
        refuse_field(call, "/providerId", "there is no provider with this id");
        return;
    }
    (void)sr_str_copy(provider, command.provider_id, sizeof(command.provider_id));
    (void)sr_str_copy(api_text(call, "to"), command.to, sizeof(command.to));
    (void)sr_str_copy(from, command.from, sizeof(command.from));
    (void)auth_owner(&call->who, owner);
    (void)sr_str_copy(sr_str_c(owner), command.owner, sizeof(command.owner));
    (void)sr_str_copy(api_text(call, "callerId"), command.caller_id, sizeof(command.caller_id));
    name_asker(call, &command);
    web_submit(call, &command, answer_accepted);
}

/* ---- looking ---- */

static enum engine_audience audience_of(const struct api_call *call)
{
    return call->who.role == AUTH_USER ? ENGINE_FOR_PARTIES : ENGINE_FOR_STAFF;
}

void api_calls_list(struct api_call *call)
{
    struct web *web = call->web;
    uint32_t limit, count = 0;
    uint64_t after, last = 0;
    bool is_more = false;
    struct sr_json json;
    struct sr_buf buf;
    char cursor[24];

    if (!api_page(call, &limit, &after))
        return;
    sr_buf_init(&buf, CALLS_JSON_BYTES_MAX);
    sr_json_begin(&json, &buf);
    sr_json_object(&json);
    sr_json_key_array(&json, "items");
    SR_LIST_EACH(&web->model.calls, node)
    {
        const struct model_call *item = SR_CONTAINER(node, struct model_call, node);

        if (item->order <= after || !web_may_see_call(&call->who, item))
            continue;
        is_more = count == limit;
        if (is_more)
            break;
        engine_call_json(item->view, audience_of(call), &json);
        last = item->order;
        count++;
    }
    sr_json_end(&json);
    (void)snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)last);
    sr_json_key_c(&json, "nextCursor", is_more ? cursor : NULL);
    sr_json_end(&json);
    api_answer_json(web, call->ticket, 200, &buf);
}

void api_calls_get(struct api_call *call)
{
    const struct model_call *found = own_call(call);
    struct sr_json json;
    struct sr_buf buf;

    if (found == NULL)
        return;
    sr_buf_init(&buf, CALLS_JSON_BYTES_MAX);
    sr_json_begin(&json, &buf);
    engine_call_json(found->view, audience_of(call), &json);
    api_answer_json(call->web, call->ticket, 200, &buf);
}

/* ---- changing ---- */

/* Whether the asker may do this to that leg: users change their own phone's leg only. */
static bool may_change_leg(struct api_call *call, const struct model_call *found,
                           struct sr_str leg_id)
{
    for (uint32_t i = 0; call->who.role == AUTH_USER && i < found->view->leg_count; i++) {
        const struct engine_leg_view *leg = &found->view->legs[i];

        if (sr_str_eq_c(leg_id, leg->leg_id) && !auth_is_own_device(&call->who, leg->device_id)) {
            api_answer_err(call->web, call->ticket, SR_ERR_AUTH,
                           "your role may only change your own leg");
            return false;
        }
    }
    return true;
}

/* Fills the ids; false: 404 was sent. An id too long is nobody's. */
static bool address(struct api_call *call, struct engine_command *command, struct sr_str leg_id)
{
    if (sr_str_copy(call->params[0], command->call_id, sizeof(command->call_id)) &&
        sr_str_copy(leg_id, command->leg_id, sizeof(command->leg_id)))
        return true;
    api_answer_err(call->web, call->ticket, SR_ERR_NOTFOUND, NULL);
    return false;
}

void api_calls_hangup(struct api_call *call)
{
    struct engine_command command = {.kind = ENGINE_DO_HANGUP};

    if (web_call_to_change(call) != NULL && address(call, &command, sr_str_make(NULL, 0)))
        web_submit(call, &command, answer_empty);
}

void api_calls_change(struct api_call *call)
{
    struct engine_command command = {
        .kind = ENGINE_DO_CALL_CHANGE,
        .has_locked = api_has(call, "locked"),
        .is_locked = json_is_true(json_object_get(call->body, "locked")),
    };

    if (web_call_to_change(call) != NULL && address(call, &command, sr_str_make(NULL, 0)))
        web_submit(call, &command, answer_empty);
}

/* Who is heard by whom, and who listens in, is a matter of the staff: an isolated leg may be one that
   has not typed its PIN yet. False: refused. */
static bool take_role(struct api_call *call, struct engine_command *command)
{
    command->has_role = api_has(call, "role");
    command->has_whisper = api_has(call, "whisperTo");
    if (call->who.role != AUTH_ADMIN && (command->has_role || command->has_whisper)) {
        api_answer_err(call->web, call->ticket, SR_ERR_AUTH,
                       "only role admin changes roles in a call");
        return false;
    }
    (void)sr_str_copy(api_text(call, "role"), command->role, sizeof(command->role));
    (void)sr_str_copy(api_text(call, "whisperTo"), command->whisper_to,
                      sizeof(command->whisper_to));
    return true;
}

void api_legs_add(struct api_call *call)
{
    struct engine_command command = {.kind = ENGINE_DO_LEG_ADD};

    if (web_call_to_change(call) == NULL || !address(call, &command, sr_str_make(NULL, 0)))
        return;
    if (!take_role(call, &command))
        return;
    (void)sr_str_copy(api_text(call, "to"), command.to, sizeof(command.to));
    name_asker(call, &command);
    web_submit(call, &command, answer_accepted);
}

void api_legs_remove(struct api_call *call)
{
    struct engine_command command = {.kind = ENGINE_DO_LEG_REMOVE};

    if (web_call_to_change(call) != NULL && address(call, &command, call->params[1]))
        web_submit(call, &command, answer_empty);
}

void api_legs_change(struct api_call *call)
{
    const struct model_call *found = web_call_to_change(call);
    struct engine_command command = {
        .kind = ENGINE_DO_LEG_CHANGE,
        .has_muted = api_has(call, "muted"),
        .is_muted = json_is_true(json_object_get(call->body, "muted")),
        .has_held = api_has(call, "held"),
        .is_held = json_is_true(json_object_get(call->body, "held")),
    };

    if (found == NULL || !address(call, &command, call->params[1]) ||
        !may_change_leg(call, found, call->params[1]))
        return;
    if (!take_role(call, &command))
        return;
    if (api_has(call, "denoise")) {
        api_answer_err(call->web, call->ticket, SR_ERR_UNSUPPORTED,
                       "noise suppression of a leg is not built yet");
        return;
    }
    web_submit(call, &command, answer_empty);
}

/* "to" is blind, "callId" is attended; both or a mode that says otherwise is refused. */
static bool is_transfer_clear(struct api_call *call)
{
    bool has_to = api_has(call, "to"), has_call = api_has(call, "callId");
    struct sr_str mode = api_text(call, "mode");

    if (has_to == has_call) {
        refuse_field(call, "/to", "give \"to\" (blind) or \"callId\" (attended), not both");
        return false;
    }
    if (mode.n > 0 && sr_str_eq_c(mode, "attended") != has_call) {
        refuse_field(call, "/mode", "blind goes with \"to\", attended with \"callId\"");
        return false;
    }
    return true;
}

void api_transfer(struct api_call *call)
{
    struct engine_command command = {.kind = ENGINE_DO_TRANSFER};
    struct sr_str to_call = api_text(call, "callId");
    const struct model_call *found;

    if (web_call_to_change(call) == NULL || !address(call, &command, api_text(call, "leg")) ||
        !is_transfer_clear(call))
        return;
    if (to_call.n > 0) {
        found = read_model_call(&call->web->model, to_call);
        if (found == NULL || !web_may_see_call(&call->who, found) ||
            !is_in_call(&call->who, found)) {
            api_answer_err(call->web, call->ticket, SR_ERR_NOTFOUND,
                           "no such live call to transfer to");
            return;
        }
    }
    (void)sr_str_copy(api_text(call, "to"), command.to, sizeof(command.to));
    (void)sr_str_copy(to_call, command.to_call_id, sizeof(command.to_call_id));
    name_asker(call, &command);
    web_submit(call, &command, answer_accepted);
}

void api_dtmf(struct api_call *call)
{
    struct engine_command command = {.kind = ENGINE_DO_DTMF};
    struct sr_str digits = api_text(call, "digits");

    if (web_call_to_change(call) == NULL || !address(call, &command, api_text(call, "leg")))
        return;
    for (size_t i = 0; i < digits.n; i++) {
        if (strchr("0123456789*#ABCDabcd", digits.p[i]) == NULL) {
            refuse_field(call, "/digits", "digits are 0-9, *, # and A-D");
            return;
        }
    }
    (void)sr_str_copy(digits, command.digits, sizeof(command.digits));
    command.duration_ms = (uint32_t)json_integer_value(json_object_get(call->body, "durationMs"));
    web_submit(call, &command, answer_empty);
}

/* ---- trace: of a live call from the engine, of an ended one from the store ---- */

static const char missing_trace[] = "no call with this id, or its trace is no longer kept";

static void answer_trace(struct web *web, const struct web_pending *pending,
                         const struct engine_event *event)
{
    struct web_job *job;

    if (event == NULL || event->err != SR_ERR_NOTFOUND) {
        answer_body(web, pending, event, 200);
        return;
    }
    job = web_job_new(web, pending->ticket, "application/json");
    if (job == NULL)
        return;
    job->missing = missing_trace;
    store_trace(web->options.store, sr_str_c(pending->call_id), web_job_done, job);
}

static void answer_trace_pcap(struct web *web, const struct web_pending *pending,
                              const struct engine_event *event)
{
    bool is_ended = event != NULL && event->err == SR_ERR_NOTFOUND;
    struct web_job *job;

    if (!is_ended && is_refused(web, pending, event))
        return;
    job = web_job_new(web, pending->ticket, "application/vnd.tcpdump.pcap");
    if (job == NULL)
        return;
    job->headers = "Content-Disposition: attachment; filename=\"call.pcap\"\r\n";
    job->missing = missing_trace;
    job->convert = pcap_write;
    if (is_ended)
        store_trace(web->options.store, sr_str_c(pending->call_id), web_job_done, job);
    else
        web_job_done(job, SR_OK, sr_buf_view(&event->body));
}

static void ask_trace(struct api_call *call, web_reply_fn *fn)
{
    struct engine_command command = {.kind = ENGINE_DO_TRACE};

    if (address(call, &command, sr_str_make(NULL, 0)))
        web_submit(call, &command, fn);
}

void api_trace(struct api_call *call)
{
    ask_trace(call, answer_trace);
}

void api_trace_pcap(struct api_call *call)
{
    ask_trace(call, answer_trace_pcap);
}

/* Sounds: playing them into calls, and texts as WAV files. */
#include "base/alloc.h"
#include "control/web_internal.h"

enum {
    SPEECH_BURST = 20, /* texts at once, per router */
    SPEECH_PER_SEC = 5,
};

_Static_assert((int)ENGINE_SOUND_MAX > (int)SPEECH_TEXT_MAX, "the longest text fits a command");

static void refuse_field(struct api_call *call, const char *pointer, const char *why)
{
    struct api_problem problem = {.status = 422, .detail = why, .pointer = pointer};

    api_answer_problem(call->web, call->ticket, &problem);
}

/* ---- into calls ---- */

/* Files outside sounds/ are others' messages and recordings: for administrators. */
static bool may_play_file(const struct api_call *call, struct sr_str file)
{
    return call->who.role == AUTH_ADMIN || sr_str_starts(file, SR_STR("sounds/"));
}

/* The folder itself is the speech engine's to guard; what can never be is refused at once. */
static bool is_below(struct sr_str file)
{
    struct sr_str part;

    while (sr_str_split(&file, '/', &part)) {
        if (part.n == 0 || sr_str_eq_c(part, ".") || sr_str_eq_c(part, ".."))
            return false;
    }
    return true;
}

static bool take_sound(struct api_call *call, struct engine_command *command)
{
    struct sr_str file = api_text(call, "file"), text = api_text(call, "text");

    if ((file.n > 0) == (text.n > 0)) {
        refuse_field(call, "/text", "give one of \"text\" and \"file\"");
        return false;
    }
    if (file.n > 0 && !is_below(file)) {
        refuse_field(call, "/file", "a path below the data folder, without \"..\"");
        return false;
    }
    if (file.n > 0 && !may_play_file(call, file)) {
        api_answer_err(call->web, call->ticket, SR_ERR_AUTH,
                       "your role may only play files below sounds/");
        return false;
    }
    command->is_file = file.n > 0;
    (void)sr_str_copy(command->is_file ? file : text, command->sound, sizeof(command->sound));
    return true;
}

/* Users play to their own leg, or to all. */
static bool may_play_to(const struct api_call *call, const struct model_call *found,
                        const char *leg_id)
{
    for (uint32_t i = 0; call->who.role == AUTH_USER && i < found->view->leg_count; i++) {
        const struct engine_leg_view *leg = &found->view->legs[i];

        if (strcmp(leg->leg_id, leg_id) == 0 && !auth_is_own_device(&call->who, leg->device_id))
            return false;
    }
    return true;
}

static bool take_legs(struct api_call *call, const struct model_call *found,
                      struct engine_command *command)
{
    const json_t *item;
    size_t index;

    json_array_foreach(json_object_get(call->body, "legs"), index, item)
    {
        char *leg_id = command->play_legs[command->play_leg_count];

        if (!sr_str_copy(sr_str_c(json_string_value(item)), leg_id, ENGINE_ID_MAX)) {
            api_answer_err(call->web, call->ticket, SR_ERR_NOTFOUND, "no such leg in this call");
            return false;
        }
        if (!may_play_to(call, found, leg_id)) {
            api_answer_err(call->web, call->ticket, SR_ERR_AUTH,
                           "your role may only play to your own leg, or to all");
            return false;
        }
        command->play_leg_count++;
    }
    return true;
}

/* Empty: the usual one. */
static bool take_voice(struct api_call *call, struct sr_str voice)
{
    struct speech *speech = call->web->options.speech;

    if (speech == NULL || !speech_can_speak(speech)) {
        api_answer_err(
            call->web, call->ticket, SR_ERR_UNSUPPORTED,
            "this router has no voice: speech.tts.engine is off, or it was built without "
            "flite");
        return false;
    }
    if (speech_has_voice(speech, voice))
        return true;
    refuse_field(call, "/voice", "there is no such voice");
    return false;
}

static void answer_play(struct web *web, const struct web_pending *pending,
                        const struct engine_event *event)
{
    struct http_reply reply = {.status = 202, .content_type = "application/json"};

    if (event == NULL) {
        api_answer_err(web, pending->ticket, SR_ERR_TIMEOUT, "the router did not answer in time");
    } else if (event->err != SR_OK) {
        api_answer_err(web, pending->ticket, event->err, event->why);
    } else {
        reply.body = sr_buf_view(&event->body);
        api_answer(web, pending->ticket, &reply);
    }
}

static void answer_stop(struct web *web, const struct web_pending *pending,
                        const struct engine_event *event)
{
    if (event != NULL && event->err == SR_OK)
        api_answer_empty(web, pending->ticket);
    else
        answer_play(web, pending, event);
}

void api_play(struct api_call *call)
{
    const struct model_call *found = web_call_to_change(call);
    struct engine_command command = {.kind = ENGINE_DO_PLAY};
    struct sr_str voice = api_text(call, "voice");

    if (found == NULL)
        return;
    (void)sr_str_copy(call->params[0], command.call_id, sizeof(command.call_id));
    if (!take_sound(call, &command) || !take_legs(call, found, &command) ||
        (!command.is_file && !take_voice(call, voice)))
        return;
    (void)sr_str_copy(voice, command.voice, sizeof(command.voice));
    command.is_looping = json_is_true(json_object_get(call->body, "loop"));
    web_submit(call, &command, answer_play);
}

/* DELETE of one, or of all when the path names none. */
void api_play_stop(struct api_call *call)
{
    struct engine_command command = {.kind = ENGINE_DO_PLAY_STOP};

    if (web_call_to_change(call) == NULL)
        return;
    (void)sr_str_copy(call->params[0], command.call_id, sizeof(command.call_id));
    if (!sr_str_copy(call->params[1], command.play_id, sizeof(command.play_id))) {
        api_answer_err(call->web, call->ticket, SR_ERR_NOTFOUND,
                       "nothing of that name plays in this call");
        return;
    }
    web_submit(call, &command, answer_stop);
}

/* ---- as a file ---- */

static void on_spoken(void *arg, const struct speech_result *result)
{
    struct sr_buf bytes;

    sr_buf_init(&bytes, HTTP_REPLY_BYTES_MAX);
    if (result->err == SR_OK)
        speech_write_wav(result->clip, &bytes);
    web_job_done(arg, result->err == SR_OK ? sr_buf_err(&bytes) : result->err, sr_buf_view(&bytes));
    sr_buf_done(&bytes);
}

/* Speaking costs a core some tenths of a second: a bounded number of texts, however many ask. */
static bool is_affordable(struct web *web, int64_t now)
{
    int64_t fill = (now - web->speech_at) * SPEECH_PER_SEC / SR_SEC;

    if (fill > 0) {
        web->speech_credit = (uint32_t)SR_MIN(web->speech_credit + fill, (int64_t)SPEECH_BURST);
        web->speech_at = now;
    }
    if (web->speech_credit == 0)
        return false;
    web->speech_credit--;
    return true;
}

static void refuse_busy(struct api_call *call)
{
    struct api_problem problem = {.status = 429,
                                  .detail = "too many texts are spoken: try again in a second",
                                  .headers = "Retry-After: 1\r\n"};

    api_answer_problem(call->web, call->ticket, &problem);
}

void api_speech(struct api_call *call)
{
    struct speech_request request = {.kind = SPEECH_TEXT,
                                     .text = api_text(call, "text"),
                                     .voice = api_text(call, "voice"),
                                     .done = on_spoken,
                                     .is_threaded = true};
    struct web_job *job;
    enum sr_err err;
    uint64_t id;

    if (!take_voice(call, request.voice))
        return;
    if (!is_affordable(call->web, call->now)) {
        refuse_busy(call);
        return;
    }
    job = web_job_new(call->web, call->ticket, "audio/wav");
    if (job == NULL)
        return;
    request.arg = job;
    err = speech_ask(call->web->options.speech, &request, &id);
    if (err != SR_OK)
        web_job_done(job, err, (struct sr_str){NULL, 0});
}

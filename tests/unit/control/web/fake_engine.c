#include "test_web.h"

#include <pthread.h>
#include <stdio.h>

#include "base/alloc.h"

struct engine {
    pthread_mutex_t lock; /* commands come from the web thread, events from the test's */
    struct sr_mpsc events, notes;
    uint64_t seq;
    int64_t later_us; /* of what is pushed from now on */
    unsigned commands[ENGINE_DO_DRAIN + 1];
    void (*wake)(void *arg);
    void *arg;
};

struct engine *fake_engine_new(void)
{
    struct engine *engine = sr_zalloc(1, sizeof(*engine));

    sr_mpsc_init(&engine->events);
    sr_mpsc_init(&engine->notes);
    pthread_mutex_init(&engine->lock, NULL);
    return engine;
}

void fake_engine_free(struct engine *engine)
{
    struct engine_event *event;

    while ((event = engine_next_event(engine)) != NULL)
        engine_event_free(event);
    pthread_mutex_destroy(&engine->lock);
    sr_free(engine);
}

void fake_engine_wakes(struct engine *engine, void (*wake)(void *arg), void *arg)
{
    pthread_mutex_lock(&engine->lock);
    engine->wake = wake;
    engine->arg = arg;
    pthread_mutex_unlock(&engine->lock);
    wake(arg);
}

static void push(struct engine *engine, struct engine_event *event)
{
    void (*wake)(void *arg);
    void *arg;

    pthread_mutex_lock(&engine->lock);
    event->at_wall_us += engine->later_us;
    if (event->kind != ENGINE_REPLY)
        event->seq = ++engine->seq;
    (void)sr_mpsc_push(&engine->events, &event->node);
    wake = engine->wake;
    arg = engine->arg;
    pthread_mutex_unlock(&engine->lock);
    if (wake != NULL)
        wake(arg);
}

static struct engine_event *event_new(enum engine_event_kind kind)
{
    struct engine_event *event = sr_zalloc(1, sizeof(*event));

    event->kind = kind;
    event->at_wall_us = 1700000000 * SR_SEC;
    sr_buf_init(&event->body, 1 << 16);
    return event;
}

void fake_engine_skip(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->seq++;
    pthread_mutex_unlock(&engine->lock);
}

void fake_engine_pass(struct engine *engine, int seconds)
{
    pthread_mutex_lock(&engine->lock);
    engine->later_us += seconds * SR_SEC;
    pthread_mutex_unlock(&engine->lock);
}

static void fill_leg(struct engine_leg_view *leg, const char *device_id)
{
    leg->kind = "device";
    leg->role = "participant";
    leg->state = "ringing";
    leg->encrypted = "no";
    leg->is_hidden = strncmp(device_id, "hidden", 6) == 0;
    (void)sr_str_copy(sr_str_c(device_id), leg->leg_id, sizeof(leg->leg_id));
    (void)sr_str_copy(sr_str_c(device_id), leg->device_id, sizeof(leg->device_id));
    (void)sr_str_copy(SR_STR("192.0.2.77:4000"), leg->address, sizeof(leg->address));
}

void fake_engine_push_leg(struct engine *engine, enum engine_event_kind kind, const char *call_id,
                          const char *device_id)
{
    struct engine_event *event = event_new(kind);

    (void)sr_str_copy(sr_str_c(call_id), event->call_id, sizeof(event->call_id));
    event->call = sr_zalloc(1, sizeof(*event->call));
    memcpy(event->call->call_id, event->call_id, sizeof(event->call_id));
    event->call->direction = "internal";
    event->call->state = "ringing";
    event->call->mode = "relay";
    event->call->is_head = true;
    event->leg = sr_zalloc(1, sizeof(*event->leg));
    fill_leg(event->leg, device_id);
    memcpy(event->leg_id, event->leg->leg_id, sizeof(event->leg_id));
    push(engine, event);
}

void fake_engine_push(struct engine *engine, enum engine_event_kind kind, const char *call_id,
                      const char *device_id)
{
    struct engine_event *event = event_new(kind);

    if (call_id != NULL) {
        struct engine_call_view *view =
            sr_zalloc(1, sizeof(*view) + sizeof(struct engine_leg_view));

        (void)sr_str_copy(sr_str_c(call_id), view->call_id, sizeof(view->call_id));
        view->direction = "internal";
        view->state = kind == ENGINE_CALL_ENDED ? "ended" : "ringing";
        view->mode = "relay";
        view->leg_count = 1;
        fill_leg(&view->legs[0], device_id);
        event->call = view;
        memcpy(event->call_id, view->call_id, sizeof(event->call_id));
    }
    push(engine, event);
}

static void reply(struct engine *engine, const struct engine_command *command)
{
    struct engine_event *event = event_new(ENGINE_REPLY);

    event->token = command->token;
    if (command->kind == ENGINE_DO_CALL)
        sr_buf_fmt(&event->body, "{\"callId\":\"c%u\"}", engine->commands[ENGINE_DO_CALL]);
    if (command->kind == ENGINE_DO_TRACE)
        event->err = SR_ERR_NOTFOUND;
    push(engine, event);
}

/* Tells the page what arrived of its message. */
static void say(struct engine *engine, const struct engine_command *command)
{
    struct engine_note *note;
    void (*wake)(void *arg);
    void *arg;
    char text[2048];
    int n = snprintf(text, sizeof(text),
                     "{\"type\":\"got\",\"kind\":%d,\"device\":\"%s\",\"owner\":\"%s\","
                     "\"session\":\"%s\",\"call\":\"%s\",\"token\":\"%s\",\"sdp\":%zu}",
                     (int)command->kind, command->device_id, command->owner, command->session_id,
                     command->call_id, command->session_token,
                     command->sdp != NULL ? strlen(command->sdp) : 0);

    note = sr_alloc(sizeof(*note) + (size_t)n);
    note->client = command->client;
    note->text = sr_str_make((char *)(note + 1), (size_t)n);
    memcpy(note + 1, text, (size_t)n);
    pthread_mutex_lock(&engine->lock);
    (void)sr_mpsc_push(&engine->notes, &note->node);
    wake = engine->wake;
    arg = engine->arg;
    pthread_mutex_unlock(&engine->lock);
    if (wake != NULL)
        wake(arg);
}

enum sr_err engine_submit(struct engine *engine, const struct engine_command *command)
{
    pthread_mutex_lock(&engine->lock);
    engine->commands[command->kind]++;
    pthread_mutex_unlock(&engine->lock);
    config_unref(command->config);
    if (command->kind >= ENGINE_DO_WEBRTC_REGISTER && command->kind <= ENGINE_DO_WEBRTC_REJECT)
        say(engine, command);
    sr_free(command->sdp);
    if (command->token != 0)
        reply(engine, command);
    return SR_OK;
}

unsigned fake_engine_commands(struct engine *engine, enum engine_command_kind kind)
{
    unsigned count;

    pthread_mutex_lock(&engine->lock);
    count = engine->commands[kind];
    pthread_mutex_unlock(&engine->lock);
    return count;
}

struct engine_event *engine_next_event(struct engine *engine)
{
    struct sr_mpsc_node *node = sr_mpsc_pop(&engine->events);

    return node != NULL ? SR_CONTAINER(node, struct engine_event, node) : NULL;
}

struct engine_note *engine_next_note(struct engine *engine)
{
    struct sr_mpsc_node *node = sr_mpsc_pop(&engine->notes);

    return node != NULL ? SR_CONTAINER(node, struct engine_note, node) : NULL;
}

bool engine_notes_were_lost(struct engine *engine)
{
    (void)engine;
    return false;
}

uint64_t engine_epoch(const struct engine *engine)
{
    (void)engine;
    return 0xabc;
}

void engine_status(struct engine *engine, struct engine_status *ret_status)
{
    (void)engine;
    memset(ret_status, 0, sizeof(*ret_status));
}

void engine_event_free(struct engine_event *event)
{
    if (event == NULL)
        return;
    sr_free(event->call);
    sr_free(event->leg);
    sr_free(event->device);
    for (uint32_t i = 0; i < event->call_count; i++)
        sr_free(event->calls[i]);
    sr_free(event->calls);
    sr_free(event->devices);
    sr_buf_done(&event->body);
    sr_free(event);
}

#include "control/read_model.h"

#include "base/alloc.h"

void read_model_init(struct read_model *model)
{
    memset(model, 0, sizeof(*model));
    sr_list_init(&model->calls);
    sr_list_init(&model->devices);
    sr_map_init(&model->calls_by_id);
    sr_map_init(&model->devices_by_id);
}

static void drop_call(struct read_model *model, struct model_call *call)
{
    (void)sr_map_remove(&model->calls_by_id, sr_str_c(call->view->call_id));
    sr_list_remove(&model->calls, &call->node);
    parties_unref(call->parties);
    sr_free(call->view);
    sr_free(call);
}

static void drop_device(struct read_model *model, struct model_device *device)
{
    (void)sr_map_remove(&model->devices_by_id, sr_str_c(device->view.device_id));
    sr_list_remove(&model->devices, &device->node);
    sr_free(device);
}

static void clear(struct read_model *model)
{
    SR_LIST_EACH(&model->calls, node)
    {
        drop_call(model, SR_CONTAINER(node, struct model_call, node));
    }
    SR_LIST_EACH(&model->devices, node)
    {
        drop_device(model, SR_CONTAINER(node, struct model_device, node));
    }
    sr_free(model->providers);
    model->providers = NULL;
    model->provider_count = 0;
}

void read_model_done(struct read_model *model)
{
    clear(model);
    sr_map_done(&model->calls_by_id);
    sr_map_done(&model->devices_by_id);
}

/* The call of that id, or a new one; the caller puts it back into the map. The map's keys live in the
 * views, and those may move. */
static struct model_call *take_out(struct read_model *model, const char *call_id)
{
    struct model_call *call = sr_map_remove(&model->calls_by_id, sr_str_c(call_id));

    if (call != NULL)
        return call;
    call = sr_zalloc(1, sizeof(*call));
    call->order = ++model->next_order;
    sr_list_add(&model->calls, &call->node);
    return call;
}

/* A view takes the place of the one before. */
static void put_call(struct read_model *model, const struct engine_call_view *view)
{
    struct model_call *call = take_out(model, view->call_id);
    const struct engine_event event = {.call = (struct engine_call_view *)(uintptr_t)view};

    sr_free(call->view);
    call->view = engine_call_view_copy(view);
    call->parties = parties_take(call->parties, &event, view);
    (void)sr_map_put(&model->calls_by_id, sr_str_c(call->view->call_id), call);
}

/* What happened to a call, or to one leg of it. */
static void take_call(struct read_model *model, const struct engine_event *event)
{
    struct model_call *call;

    if (event->call->is_head && sr_map_find(&model->calls_by_id, sr_str_c(event->call_id)) == NULL)
        return; /* its beginning was lost: the snapshot that follows brings it */
    call = take_out(model, event->call_id);
    call->view = engine_call_view_take(call->view, event);
    call->parties = parties_take(call->parties, event, call->view);
    (void)sr_map_put(&model->calls_by_id, sr_str_c(call->view->call_id), call);
}

static void put_device(struct read_model *model, const struct engine_device_view *view)
{
    struct model_device *device = sr_map_find(&model->devices_by_id, sr_str_c(view->device_id));

    if (device != NULL) { /* the same id: the key stays what it is */
        device->view = *view;
        return;
    }
    device = sr_zalloc(1, sizeof(*device));
    device->order = ++model->next_order;
    device->view = *view;
    sr_list_add(&model->devices, &device->node);
    (void)sr_map_put(&model->devices_by_id, sr_str_c(device->view.device_id), device);
}

/* Only a snapshot brings new ones. */
static void put_provider(struct read_model *model, const struct engine_provider_view *view)
{
    for (uint32_t i = 0; i < model->provider_count; i++) {
        if (strcmp(model->providers[i].provider_id, view->provider_id) == 0)
            model->providers[i] = *view;
    }
}

static void take_providers(struct read_model *model, const struct engine_event *event)
{
    sr_free(model->providers);
    model->providers = sr_zalloc(event->provider_count, sizeof(*model->providers));
    model->provider_count = event->provider_count;
    for (uint32_t i = 0; i < event->provider_count; i++)
        model->providers[i] = event->providers[i];
}

static void take_snapshot(struct read_model *model, const struct engine_event *event)
{
    /* calls keep their parties and places in lists: only what is gone goes */
    SR_LIST_EACH(&model->calls, node)
    {
        struct model_call *call = SR_CONTAINER(node, struct model_call, node);
        bool is_live = false;

        for (uint32_t i = 0; i < event->call_count && !is_live; i++)
            is_live = strcmp(event->calls[i]->call_id, call->view->call_id) == 0;
        if (!is_live)
            drop_call(model, call);
    }
    for (uint32_t i = 0; i < event->call_count; i++)
        put_call(model, event->calls[i]);
    SR_LIST_EACH(&model->devices, node)
    {
        drop_device(model, SR_CONTAINER(node, struct model_device, node));
    }
    for (uint32_t i = 0; i < event->device_count; i++)
        put_device(model, &event->devices[i]);
    take_providers(model, event);
    model->is_filled = true;
}

/* Who may hear of an event: everybody in its call, before and after. */
static struct parties_mark listeners_of(struct read_model *model, const struct engine_event *event)
{
    struct model_call *call = sr_map_find(&model->calls_by_id, sr_str_c(event->call_id));
    struct parties_mark mark = {0};
    struct parties *alone;

    if (event->call == NULL && event->leg == NULL)
        return mark;
    if (call != NULL) {
        call->parties = parties_take(call->parties, event, call->view);
        return parties_mark(call->parties);
    }
    alone = parties_take(NULL, event, NULL); /* its beginning was lost */
    mark = parties_mark(alone);
    parties_unref(alone);
    return mark;
}

/* Keys are typed to those who are in the call at that moment, to nobody who left. */
static struct parties_mark listeners_now(const struct read_model *model,
                                         const struct engine_event *event)
{
    const struct model_call *call = read_model_call(model, sr_str_c(event->call_id));
    struct engine_event now = {.call = call != NULL ? call->view : event->call};
    struct parties *alone = parties_take(NULL, &now, NULL);
    struct parties_mark mark = parties_mark(alone);

    parties_unref(alone);
    return mark;
}

bool read_model_apply(struct read_model *model, const struct engine_event *event,
                      struct parties_mark *ret_parties)
{
    bool is_next = model->seq == 0 || event->seq == model->seq + 1;

    *ret_parties = (struct parties_mark){0};
    if (event->kind == ENGINE_REPLY)
        return true;
    model->seq = event->seq;
    if (event->kind == ENGINE_SNAPSHOT)
        take_snapshot(model, event);
    if (event->kind == ENGINE_DRAINED)
        model->is_drained = true;
    if (event->call != NULL && event->kind != ENGINE_CALL_ENDED)
        take_call(model, event);
    *ret_parties =
        event->kind == ENGINE_DTMF ? listeners_now(model, event) : listeners_of(model, event);
    if (event->kind == ENGINE_CALL_ENDED) {
        struct model_call *call = sr_map_find(&model->calls_by_id, sr_str_c(event->call_id));

        if (call != NULL)
            drop_call(model, call);
    }
    if (event->device != NULL)
        put_device(model, event->device);
    if (event->provider != NULL)
        put_provider(model, event->provider);
    return is_next;
}

const struct model_call *read_model_call(const struct read_model *model, struct sr_str call_id)
{
    return sr_map_find(&model->calls_by_id, call_id);
}

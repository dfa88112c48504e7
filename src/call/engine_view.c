/* Views of calls as who listens to events keeps them. */
#include "base/alloc.h"
#include "call/engine.h"

/* It grows by some legs at a time. */
static size_t view_bytes(size_t leg_count)
{
    return sizeof(struct engine_call_view) +
           (leg_count + 7) / 8 * 8 * sizeof(struct engine_leg_view);
}

struct engine_call_view *engine_call_view_copy(const struct engine_call_view *call)
{
    struct engine_call_view *copy = sr_zalloc(1, view_bytes(call->leg_count));

    memcpy(copy, call, sizeof(*call) + call->leg_count * sizeof(call->legs[0]));
    return copy;
}

/* The leg as it is now, where it stood or behind the others. */
static struct engine_call_view *put_leg(struct engine_call_view *kept,
                                        const struct engine_leg_view *leg)
{
    for (uint32_t i = 0; i < kept->leg_count; i++) {
        if (strcmp(kept->legs[i].leg_id, leg->leg_id) == 0) {
            kept->legs[i] = *leg;
            return kept;
        }
    }
    if (view_bytes(kept->leg_count + 1u) > view_bytes(kept->leg_count))
        kept = sr_realloc(kept, view_bytes(kept->leg_count + 1u));
    kept->legs[kept->leg_count++] = *leg;
    return kept;
}

static void remove_leg(struct engine_call_view *kept, const struct engine_leg_view *leg)
{
    for (uint32_t i = 0; i < kept->leg_count; i++) {
        if (strcmp(kept->legs[i].leg_id, leg->leg_id) != 0)
            continue;
        kept->leg_count--;
        memmove(&kept->legs[i], &kept->legs[i + 1], (kept->leg_count - i) * sizeof(kept->legs[0]));
        return;
    }
}

struct engine_call_view *engine_call_view_take(struct engine_call_view *kept,
                                               const struct engine_event *event)
{
    uint32_t leg_count;

    if (event->call == NULL)
        return kept;
    if (!event->call->is_head) {
        sr_free(kept);
        return engine_call_view_copy(event->call);
    }
    if (kept == NULL)
        return NULL;
    leg_count = kept->leg_count;
    memcpy(kept, event->call, offsetof(struct engine_call_view, legs));
    kept->is_head = false;
    kept->leg_count = leg_count;
    if (event->leg == NULL)
        return kept;
    if (event->kind != ENGINE_LEG_REMOVED)
        return put_leg(kept, event->leg);
    remove_leg(kept, event->leg);
    return kept;
}

/* Conference rooms: the first caller opens the room, the last one closes it. */
#include "apps/apps.h"
#include "base/alloc.h"
#include "base/map.h"

struct conference_rooms {
    struct sr_map calls; /* struct call by conference id (the call's app key) */
};

struct conference_rooms *conference_rooms_new(void)
{
    struct conference_rooms *rooms = sr_zalloc(1, sizeof(*rooms));

    sr_map_init(&rooms->calls);
    return rooms;
}

void conference_rooms_free(struct conference_rooms *rooms)
{
    if (rooms == NULL)
        return;
    sr_map_done(&rooms->calls);
    sr_free(rooms);
}

static bool serves(const struct config_extension *what)
{
    return what->kind == CONFIG_EXTENSION_CONFERENCE;
}

static struct call *find_call(void *state, const struct config_extension *what)
{
    struct conference_rooms *rooms = state;

    return sr_map_find(&rooms->calls, what->conference->id);
}

static void on_enter(void *state, struct call *call, struct leg *leg,
                     const struct config_extension *what)
{
    struct conference_rooms *rooms = state;

    /* a room with a PIN must not let anybody in before PINs can be asked for */
    if (what->conference->pin.n > 0) {
        leg_end(leg, CALL_REASON_NOT_BUILT);
        return;
    }
    if (sr_map_find(&rooms->calls, what->conference->id) == NULL) {
        call_set_app_key(call, what->conference->id);
        call_set_parties_min(call, 1);
        (void)sr_map_put(&rooms->calls, call_app_key(call), call);
    }
    (void)leg_answer_here(leg);
}

static void on_call_end(void *state, struct call *call)
{
    struct conference_rooms *rooms = state;

    if (sr_map_find(&rooms->calls, call_app_key(call)) == call)
        (void)sr_map_remove(&rooms->calls, call_app_key(call));
}

const struct app_ops app_conference = {
    .name = "conference",
    .serves = serves,
    .find_call = find_call,
    .on_enter = on_enter,
    .on_call_end = on_call_end,
};

/* Parking: a call waits in a numbered slot until somebody dials that number.
 *
 * Parked by a blind transfer to the slot, or by an attended one: the slot is dialled first (it says
 * which one it is), then the transfer is completed. Who waits hears music; who dials the slot of
 * somebody who waits talks to them. After parking.timeoutSec the one who parked is rung; that repeats. */
#include "apps/apps.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/map.h"
#include "net/loop.h"

enum {
    PARKING_ROUNDS_MAX = 20, /* times who parked is rung before the call ends */
    PARKING_SLOT_MAX = 16,
    PARKING_DEVICE_MAX = 128,
};

struct parking {
    struct sr_map slots; /* struct slot by number, which is the key of its call too */
};

struct slot {
    struct parking *parking;
    struct call *call;
    char number[PARKING_SLOT_MAX];
    char by_device[PARKING_DEVICE_MAX]; /* who parked; empty: not known */
    bool is_parked;                     /* else somebody has only dialled it */
    uint32_t rounds;
    struct loop *loop;
    struct loop_timer timer;
};

struct parking *parking_new(void)
{
    struct parking *parking = sr_zalloc(1, sizeof(*parking));

    sr_map_init(&parking->slots);
    return parking;
}

static void slot_free(struct slot *slot)
{
    loop_timer_clear(slot->loop, &slot->timer);
    (void)sr_map_remove(&slot->parking->slots, sr_str_c(slot->number));
    sr_free(slot);
}

void parking_free(struct parking *parking)
{
    struct slot *slot;
    size_t cursor = 0;

    if (parking == NULL)
        return;
    while ((slot = sr_map_next(&parking->slots, &cursor)) != NULL) {
        slot_free(slot);
        cursor = 0;
    }
    sr_map_done(&parking->slots);
    sr_free(parking);
}

static struct slot *slot_of(struct parking *parking, const struct call *call)
{
    struct slot *slot = sr_map_find(&parking->slots, call_app_key(call));

    return slot != NULL && slot->call == call ? slot : NULL;
}

static bool serves(const struct config_extension *what)
{
    return what->kind == CONFIG_EXTENSION_PARKING;
}

static struct call *find_call(void *state, const struct config_extension *what)
{
    struct parking *parking = state;
    struct slot *slot = sr_map_find(&parking->slots, what->rest);

    return slot != NULL ? slot->call : NULL;
}

static bool can_enter(void *state, const struct config_extension *what)
{
    return find_call(state, what) == NULL;
}

/* ---- waiting ---- */

static void wait_on(struct slot *slot)
{
    loop_timer_set(slot->loop, &slot->timer,
                   loop_now(slot->loop) + call_config(slot->call)->parking.timeout_sec * SR_SEC);
}

static void on_time(void *arg)
{
    struct slot *slot = arg;

    if (++slot->rounds > PARKING_ROUNDS_MAX) {
        call_end(slot->call, CALL_REASON_NO_ANSWER);
        return;
    }
    if (slot->by_device[0] != '\0')
        (void)call_ring_device(slot->call, call_next_leg(slot->call, NULL),
                               sr_str_c(slot->by_device)); /* busy or away: again next time */
    wait_on(slot);
}

/* Everybody in the slot waits. */
static void park(struct slot *slot, struct sr_str by_device)
{
    struct leg *leg = NULL;

    slot->is_parked = true;
    (void)sr_str_copy(by_device, slot->by_device, sizeof(slot->by_device));
    while ((leg = call_next_leg(slot->call, leg)) != NULL) {
        leg_set_held(leg, true);
        leg_show(leg, sr_str_c(slot->number), SR_STR("Parked"));
    }
    wait_on(slot);
}

/* Somebody has come for who waits: an ordinary call from now on. */
static void unpark(struct slot *slot)
{
    struct call *call = slot->call;
    struct leg *leg = NULL;

    slot_free(slot);
    call_release(call);
    while ((leg = call_next_leg(call, leg)) != NULL)
        leg_set_held(leg, false);
}

static struct slot *slot_new(struct parking *parking, struct call *call, struct sr_str number)
{
    struct slot *slot = sr_zalloc(1, sizeof(*slot));

    slot->parking = parking;
    slot->call = call;
    slot->loop = call_loop(call);
    (void)sr_str_copy(number, slot->number, sizeof(slot->number));
    loop_timer_init(&slot->timer, on_time, slot);
    call_set_app_key(call, number);
    call_set_parties_min(call, 1);
    (void)sr_map_put(&parking->slots, sr_str_c(slot->number), slot);
    return slot;
}

/* "Slot 7 0 1 is free.", digit by digit: who came for somebody knows that nobody is there. Without a
 * voice there is the display alone. */
static void say_slot(struct leg *leg, const struct slot *slot)
{
    struct leg_play_options options = {.is_queued = true};
    char array[64];
    struct sr_buf text;

    sr_buf_init_fixed(&text, array, sizeof(array));
    sr_buf_c(&text, "Slot");
    for (const char *digit = slot->number; *digit != '\0'; digit++)
        sr_buf_fmt(&text, " %c", *digit);
    sr_buf_c(&text, " is free.");
    (void)leg_play(leg, &(struct call_sound){.kind = CALL_SOUND_TEXT, .text = sr_buf_view(&text)},
                   &options);
}

static void on_enter(void *state, struct call *call, struct leg *leg,
                     const struct config_extension *what)
{
    struct parking *parking = state;
    struct slot *slot = slot_of(parking, call);

    if (slot != NULL) { /* dialled while somebody is in it */
        if (!slot->is_parked) {
            leg_end(leg, CALL_REASON_BUSY);
            return;
        }
        leg_introduce(leg, call_next_leg(call, NULL));
        if (leg_answer_here(leg))
            unpark(slot);
        return;
    }
    if (leg_is_answered(leg)) { /* transferred here, or rung by the API for it */
        slot = slot_new(parking, call, what->rest);
        if (leg_answer_here(leg))
            park(slot, leg_sent_by(leg));
        return;
    }
    slot = slot_new(parking, call, what->rest);
    leg_show(leg, sr_str_c(slot->number), SR_STR("Parking slot"));
    if (!leg_answer_here(leg))
        return;
    leg_set_held(leg, true); /* music until the transfer is completed */
    say_slot(leg, slot);
}

static void on_joined(void *state, struct call *call, struct sr_str by_device)
{
    struct slot *slot = slot_of(state, call);

    if (slot == NULL)
        return;
    if (slot->is_parked)
        unpark(slot); /* brought together with who waited */
    else
        park(slot, by_device);
}

static void on_party(void *state, struct call *call, struct leg *leg)
{
    struct slot *slot = slot_of(state, call);

    (void)leg;
    if (slot != NULL)
        unpark(slot);
}

static void on_call_end(void *state, struct call *call)
{
    struct slot *slot = slot_of(state, call);

    if (slot != NULL)
        slot_free(slot);
}

const struct app_ops app_parking = {
    .name = "parking",
    .serves = serves,
    .find_call = find_call,
    .can_enter = can_enter,
    .on_enter = on_enter,
    .on_joined = on_joined,
    .on_party = on_party,
    .on_call_end = on_call_end,
};

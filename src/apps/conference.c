/* Conference rooms: the first caller opens the room, the last one closes it. A room with a PIN keeps
 * newcomers isolated until they have typed it and '#'. Inside, *6 mutes and unmutes oneself. */
#include "apps/apps.h"
#include "base/alloc.h"
#include "base/list.h"
#include "base/map.h"
#include "net/loop.h"

enum {
    PIN_MAX = 32,
    PIN_TRIES = 3,
    PIN_SEC = 20, /* for each try */
    STAR_SEC = 2, /* between * and 6 */
};

struct conference_rooms {
    struct sr_map calls; /* struct call by conference id (the call's app key) */
    struct sr_list guests;
};

/* A party that types: its PIN before the door, a code inside. */
struct guest {
    struct sr_node node;
    struct conference_rooms *rooms;
    struct leg *leg;
    struct loop *loop;
    struct loop_timer timer;
    bool is_outside;
    char pin[PIN_MAX + 1];
    char typed[PIN_MAX];
    size_t typed_count;
    uint32_t tries;
    sr_usec star_until;
};

struct conference_rooms *conference_rooms_new(void)
{
    struct conference_rooms *rooms = sr_zalloc(1, sizeof(*rooms));

    sr_map_init(&rooms->calls);
    sr_list_init(&rooms->guests);
    return rooms;
}

static void guest_free(struct guest *guest)
{
    loop_timer_clear(guest->loop, &guest->timer);
    sr_list_remove(&guest->rooms->guests, &guest->node);
    sr_wipe(guest->typed, sizeof(guest->typed));
    sr_wipe(guest->pin, sizeof(guest->pin));
    sr_free(guest);
}

void conference_rooms_free(struct conference_rooms *rooms)
{
    if (rooms == NULL)
        return;
    SR_LIST_EACH(&rooms->guests, node)
    guest_free(SR_CONTAINER(node, struct guest, node));
    sr_map_done(&rooms->calls);
    sr_free(rooms);
}

static struct guest *find_guest(struct conference_rooms *rooms, const struct leg *leg)
{
    SR_LIST_EACH(&rooms->guests, node)
    {
        struct guest *guest = SR_CONTAINER(node, struct guest, node);

        if (guest->leg == leg)
            return guest;
    }
    return NULL;
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

static bool can_enter(void *state, const struct config_extension *what)
{
    const struct call *call = find_call(state, what);

    return call == NULL || !call_is_locked(call);
}

/* ---- the door ---- */

static void on_time(void *arg)
{
    struct guest *guest = arg;
    struct leg *leg = guest->leg;

    guest_free(guest);
    leg_end(leg, CALL_REASON_NOT_ALLOWED);
}

static void say(struct leg *leg, struct sr_str text)
{
    struct leg_play_options options = {.stops_on_digit = true};

    (void)leg_play(leg, &(struct call_sound){.kind = CALL_SOUND_TEXT, .text = text}, &options);
}

static void ask(struct guest *guest)
{
    say(guest->leg, SR_STR("Please enter the PIN, then the hash key."));
    guest->typed_count = 0;
    loop_timer_set(guest->loop, &guest->timer, loop_now(guest->loop) + PIN_SEC * SR_SEC);
}

static void open_door(struct guest *guest)
{
    struct leg *leg = guest->leg;

    loop_timer_clear(guest->loop, &guest->timer);
    guest->is_outside = false;
    leg_set_typing_secret(leg, false);
    guest->typed_count = 0;
    leg_set_prompt(leg, MEDIA_PROMPT_NONE);
    leg_set_role(leg, MEDIA_ROLE_PARTICIPANT);
}

static void on_pin_digit(struct guest *guest, char digit)
{
    struct sr_str typed = sr_str_make(guest->typed, guest->typed_count);

    leg_set_prompt(guest->leg, MEDIA_PROMPT_SILENCE);
    if (digit == '*') { /* begin again */
        ask(guest);
        return;
    }
    if (digit != '#') {
        if (guest->typed_count < PIN_MAX)
            guest->typed[guest->typed_count++] = digit;
        return;
    }
    if (sr_str_eq_secret(typed, sr_str_c(guest->pin))) {
        open_door(guest);
        return;
    }
    if (++guest->tries == PIN_TRIES) {
        on_time(guest);
        return;
    }
    leg_set_prompt(guest->leg, MEDIA_PROMPT_CONGESTION); /* wrong: until the next digit */
    ask(guest);
}

/* ---- inside ---- */

static bool on_inside_digit(struct guest *guest, char digit)
{
    sr_usec now = loop_now(guest->loop);
    bool is_code = digit == '6' && now < guest->star_until;

    guest->star_until = digit == '*' ? now + STAR_SEC * SR_SEC : 0;
    if (is_code)
        leg_set_muted(guest->leg, !leg_is_muted(guest->leg));
    return is_code || digit == '*';
}

static bool on_digit(void *state, struct call *call, struct leg *leg, char digit)
{
    struct guest *guest = find_guest(state, leg);

    (void)call;
    if (guest == NULL)
        return false;
    if (!guest->is_outside)
        return on_inside_digit(guest, digit);
    on_pin_digit(guest, digit);
    return true;
}

static void on_leave(void *state, struct call *call, struct leg *leg)
{
    struct guest *guest = find_guest(state, leg);

    (void)call;
    if (guest != NULL)
        guest_free(guest);
}

static void on_enter(void *state, struct call *call, struct leg *leg,
                     const struct config_extension *what)
{
    struct conference_rooms *rooms = state;
    struct sr_str pin = what->conference->pin;
    struct guest *guest;

    if (call_is_locked(call)) {
        leg_end(leg, CALL_REASON_BUSY);
        return;
    }
    if (sr_map_find(&rooms->calls, what->conference->id) == NULL) {
        call_set_app_key(call, what->conference->id);
        call_set_parties_min(call, 1);
        (void)sr_map_put(&rooms->calls, call_app_key(call), call);
    }
    guest = sr_zalloc(1, sizeof(*guest));
    guest->rooms = rooms;
    guest->leg = leg;
    guest->loop = call_loop(call);
    loop_timer_init(&guest->timer, on_time, guest);
    sr_list_add(&rooms->guests, &guest->node);
    if (pin.n > 0) { /* before the answer: nothing is heard of the room */
        leg_set_role(leg, MEDIA_ROLE_ISOLATED);
        leg_set_prompt(leg, MEDIA_PROMPT_SILENCE);
    }
    if (!leg_answer_here(leg))
        return; /* it has left: on_leave was called */
    if (pin.n == 0)
        return;
    guest->is_outside = true;
    leg_set_typing_secret(leg, true);
    (void)sr_str_copy(pin, guest->pin, sizeof(guest->pin));
    ask(guest);
}

static void on_call_end(void *state, struct call *call)
{
    struct conference_rooms *rooms = state;
    struct leg *leg = NULL;

    if (sr_map_find(&rooms->calls, call_app_key(call)) == call)
        (void)sr_map_remove(&rooms->calls, call_app_key(call));
    while ((leg = call_next_leg(call, leg)) != NULL) {
        struct guest *guest = find_guest(rooms, leg);

        if (guest != NULL)
            guest_free(guest);
    }
}

const struct app_ops app_conference = {
    .name = "conference",
    .serves = serves,
    .find_call = find_call,
    .can_enter = can_enter,
    .on_enter = on_enter,
    .on_digit = on_digit,
    .on_leave = on_leave,
    .on_call_end = on_call_end,
};

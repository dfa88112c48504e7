/* Codes typed within a call (features.inCallTransfer, inCallAttended).
 *
 * A digit that may begin a code is held, at most INCALL_HOLD_MS after it, and given to the other party
 * with its full length when no code comes of it. Behind a code come the digits of the target, ended by
 * '#' or by INCALL_TARGET_MS of silence; '*' cancels. Attended: the other party hears music while the
 * target is rung and asked; hanging up connects the two, '*' goes back, the code once more makes a
 * conference of three. */
#include "base/alloc.h"
#include "call/internal.h"
#include "call/transfer.h"

enum {
    INCALL_HOLD_MS = 700,
    INCALL_TARGET_MS = 4000,
    INCALL_DIGITS_MAX = 32,
};

enum incall_phase {
    INCALL_CODE,   /* digits that may become a code are held */
    INCALL_TARGET, /* the target is typed */
};

/** What a leg is typing; lives as long as the leg once it has typed. */
struct incall {
    struct leg *leg;
    struct loop_timer timer;
    enum incall_phase phase;
    bool is_attended; /* TARGET: by which code */
    struct leg *held; /* TARGET: who hears music; NULL: gone */
    char digits[INCALL_DIGITS_MAX + 1];
    uint16_t duration_ms[INCALL_DIGITS_MAX];
    size_t count;
};

/** Somebody is asked before a transfer: all of it within one call. */
struct consult {
    struct leg *by, *held;
    struct leg *asked; /* NULL: rings */
};

/* ---- who may ---- */

static const struct config_features *features_of(const struct leg *leg)
{
    return &leg->call->config->features;
}

bool incall__is_possible(const struct leg *leg)
{
    return (leg->kind == LEG_DEVICE || leg->kind == LEG_WEBRTC) && leg->device_id[0] != '\0' &&
           (features_of(leg)->in_call_transfer.n > 0 || features_of(leg)->in_call_attended.n > 0);
}

static struct leg *other_party(const struct leg *leg)
{
    SR_LIST_EACH(&leg->call->legs, node)
    {
        struct leg *other = SR_CONTAINER(node, struct leg, node);

        if (other != leg && other->state == LEG_ANSWERED && other->kind != LEG_MEDIA &&
            other->role == MEDIA_ROLE_PARTICIPANT)
            return other;
    }
    return NULL;
}

/* Codes count in a call of two (or while one asks). */
static bool is_now(const struct leg *leg)
{
    const struct call *call = leg->call;

    if (!incall__is_possible(leg) || call->state != CALL_ANSWERED || call->app != NULL ||
        call->transfer != NULL || leg->role != MEDIA_ROLE_PARTICIPANT)
        return false;
    if (call->consult != NULL)
        return call->consult->by == leg;
    return call->ring == NULL && call__party_count(call) == 2 && other_party(leg) != NULL;
}

/* ---- asking ---- */

static void set_held(struct leg *leg, bool is_held)
{
    if (leg == NULL || leg->is_held == is_held)
        return;
    leg->is_held = is_held;
    event__leg(leg, ENGINE_LEG_CHANGED);
}

/* The one who waited is back in the call. */
static void end_consult(struct call *call)
{
    struct consult *consult = call->consult;

    call->consult = NULL;
    set_held(consult->held, false);
    sr_free(consult);
    call__update_media(call);
}

void incall__call_ends(struct call *call)
{
    sr_free(call->consult);
    call->consult = NULL;
}

void incall__answered(struct call *call, struct leg *leg)
{
    if (call->consult != NULL && call->consult->asked == NULL)
        call->consult->asked = leg;
}

void incall__not_answered(struct call *call)
{
    if (call->consult != NULL && call->consult->asked == NULL)
        end_consult(call);
}

bool incall__is_asking(const struct leg *leg)
{
    const struct consult *consult = leg->call->consult;

    return consult != NULL && consult->by == leg && consult->asked == NULL;
}

/* Back to the one who waits; who is asked goes. */
static void cancel_consult(struct call *call)
{
    struct leg *asked = call->consult->asked;

    if (asked == NULL)
        ring__cancel(call);
    end_consult(call);
    if (asked != NULL) {
        leg__remove(asked, CALL_REASON_CANCELLED, 0);
        call__update_media(call);
    }
}

static void begin_attended(struct leg *leg, struct leg *held, struct sr_str target)
{
    struct call *call = leg->call;
    struct consult *consult = sr_zalloc(1, sizeof(*consult));
    enum call_reason reason;

    consult->by = leg;
    consult->held = held;
    call->consult = consult;
    reason = call__dial(call, leg, target, true);
    if (reason != CALL_REASON_NONE) {
        sr_log(HUB, INFO, "event=incall_not_asked call=%s reason=%s", call->call_id,
               call_reason_name(reason));
        end_consult(call);
        return;
    }
    call__update_media(call);
}

static void begin_blind(struct leg *leg, struct leg *party, struct sr_str target)
{
    struct call *call = leg->call;
    enum call_reason reason = transfer__blind(party, leg, target);

    if (reason != CALL_REASON_NONE)
        sr_log(HUB, INFO, "event=incall_not_transferred call=%s reason=%s", call->call_id,
               call_reason_name(reason));
}

/* ---- typing ---- */

/* No code came of the held digits: the other party gets them after all. While one asks a lone '*'
 * goes back to who waits. */
static void let_go(struct incall *typing)
{
    struct call *call = typing->leg->call;
    size_t count = typing->count;

    loop_timer_clear(call->engine->loop, &typing->timer);
    typing->count = 0;
    if (call->consult != NULL && count == 1 && typing->digits[0] == '*') {
        cancel_consult(call);
        return;
    }
    for (size_t i = 0; i < count; i++)
        leg__pass_digit(typing->leg, typing->digits[i], typing->duration_ms[i]);
}

/* Back to before the code. */
static void give_up(struct incall *typing)
{
    struct leg *held = typing->held;

    loop_timer_clear(typing->leg->call->engine->loop, &typing->timer);
    typing->phase = INCALL_CODE;
    typing->count = 0;
    typing->held = NULL;
    set_held(held, false);
    call__update_media(typing->leg->call);
}

static void target_is_complete(struct incall *typing)
{
    struct leg *leg = typing->leg;
    struct leg *held = typing->held;
    char target[INCALL_DIGITS_MAX + 1];
    bool is_attended = typing->is_attended;

    typing->digits[typing->count] = '\0';
    memcpy(target, typing->digits, sizeof(target));
    if (typing->count == 0 || held == NULL || leg->call->ring != NULL) {
        give_up(typing);
        return;
    }
    loop_timer_clear(leg->call->engine->loop, &typing->timer);
    typing->phase = INCALL_CODE;
    typing->count = 0;
    typing->held = NULL;
    if (is_attended) {
        begin_attended(leg, held, sr_str_c(target)); /* it stays on hold */
        return;
    }
    set_held(held, false);
    call__update_media(leg->call);
    begin_blind(leg, held, sr_str_c(target));
}

static void on_time(void *arg)
{
    struct incall *typing = arg;

    if (typing->phase == INCALL_TARGET)
        target_is_complete(typing);
    else
        let_go(typing);
}

static void wait_for(struct incall *typing, uint32_t ms)
{
    struct loop *loop = typing->leg->call->engine->loop;

    loop_timer_set(loop, &typing->timer, loop_now(loop) + ms * SR_MSEC);
}

static void begin_target(struct incall *typing, bool is_attended)
{
    struct leg *leg = typing->leg;
    struct consult *consult = leg->call->consult;

    typing->count = 0;
    if (consult != NULL) { /* the code once more: all three together */
        loop_timer_clear(leg->call->engine->loop, &typing->timer);
        if (consult->asked != NULL)
            end_consult(leg->call);
        return;
    }
    typing->phase = INCALL_TARGET;
    typing->is_attended = is_attended;
    typing->held = other_party(leg);
    set_held(typing->held, true);
    call__update_media(leg->call);
    wait_for(typing, INCALL_TARGET_MS);
}

static void on_target_digit(struct incall *typing, char digit)
{
    if (digit == '*') {
        give_up(typing);
    } else if (digit == '#') {
        target_is_complete(typing);
    } else {
        if (typing->count < INCALL_DIGITS_MAX)
            typing->digits[typing->count++] = digit;
        wait_for(typing, INCALL_TARGET_MS);
    }
}

/* Whether the held digits are the code, or may become it. */
static bool is_code(const struct incall *typing, struct sr_str code)
{
    return code.n > 0 && sr_str_eq(code, sr_str_make(typing->digits, typing->count));
}

static bool may_be_code(const struct incall *typing, struct sr_str code)
{
    return sr_str_starts(code, sr_str_make(typing->digits, typing->count));
}

static void on_code_digit(struct incall *typing, char digit, uint32_t duration_ms)
{
    const struct config_features *features = features_of(typing->leg);

    if (typing->count == INCALL_DIGITS_MAX)
        let_go(typing);
    typing->digits[typing->count] = digit;
    typing->duration_ms[typing->count++] = (uint16_t)SR_MIN(duration_ms, 65535u);
    if (is_code(typing, features->in_call_transfer)) {
        begin_target(typing, false);
    } else if (is_code(typing, features->in_call_attended)) {
        begin_target(typing, true);
    } else if (may_be_code(typing, features->in_call_transfer) ||
               may_be_code(typing, features->in_call_attended)) {
        wait_for(typing, INCALL_HOLD_MS);
    } else if (typing->count > 1) { /* the last of them may begin a code of its own */
        typing->count--;
        let_go(typing);
        on_code_digit(typing, digit, duration_ms);
    } else {
        let_go(typing);
    }
}

bool incall__digit(struct leg *leg, char digit, uint32_t duration_ms)
{
    if (leg->incall != NULL && leg->incall->phase == INCALL_TARGET) {
        on_target_digit(leg->incall, digit);
        return true;
    }
    if (!is_now(leg)) {
        if (leg->incall != NULL && leg->incall->count > 0)
            let_go(leg->incall);
        return false;
    }
    if (leg->incall == NULL) {
        leg->incall = sr_zalloc(1, sizeof(*leg->incall));
        leg->incall->leg = leg;
        loop_timer_init(&leg->incall->timer, on_time, leg->incall);
    }
    on_code_digit(leg->incall, digit, duration_ms);
    return true;
}

/* ---- legs that go ---- */

/* Somebody else's typing that has this leg on hold. */
static void forget_held(const struct leg *gone)
{
    SR_LIST_EACH(&gone->call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (leg->incall != NULL && leg->incall->held == gone)
            leg->incall->held = NULL;
    }
}

void incall__leg_leaves(struct leg *leg)
{
    struct call *call = leg->call;
    struct consult *consult = call->consult;
    struct incall *typing = leg->incall;

    if (typing != NULL) {
        leg->incall = NULL;
        loop_timer_clear(call->engine->loop, &typing->timer);
        set_held(typing->held, false);
        sr_free(typing);
    }
    forget_held(leg);
    if (consult == NULL)
        return;
    if (consult->held == leg)
        consult->held = NULL;
    if (consult->by == leg || consult->asked == leg || consult->held == NULL) {
        call->consult = NULL; /* the others are connected */
        set_held(consult->held, false);
        if (consult->by == leg && consult->asked == NULL && consult->held != NULL)
            transfer__go_on(call, leg->device_id);
        sr_free(consult);
    }
}

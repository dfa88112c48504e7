/* What the outside costs: calls and seconds of each device since midnight, for the spend guard; the
 * timer of a call whose time is up; the order in which devices answered. */
#include "base/alloc.h"
#include "call/internal.h"

static int64_t now_of(const struct engine *engine)
{
    return loop_wall(engine->loop) / SR_SEC;
}

/* By the loop's clock: how long a call lasts must not depend on somebody setting the time. */
static int64_t steady_of(const struct engine *engine)
{
    return loop_now(engine->loop) / SR_SEC;
}

static struct device_use *find_use(const struct engine *engine, struct sr_str device_id)
{
    return device_id.n > 0 ? sr_map_find(&engine->device_use, device_id) : NULL;
}

static struct device_use *get_use(struct engine *engine, struct sr_str device_id)
{
    struct device_use *use = find_use(engine, device_id);

    if (use != NULL)
        return use;
    use = sr_zalloc(1, sizeof(*use));
    (void)sr_str_copy(device_id, use->device_id, sizeof(use->device_id));
    (void)sr_map_put(&engine->device_use, sr_str_c(use->device_id), use);
    return use;
}

/* A new day begins: everything from zero; calls that go on count from midnight. */
static void turn_day(struct engine *engine)
{
    int64_t day = zone_day_start(engine->config->zone, now_of(engine));
    struct device_use *use;
    size_t cursor = 0;

    if (day == engine->use_day)
        return;
    engine->use_day = day;
    engine->use_day_began = steady_of(engine) - (now_of(engine) - day);
    while ((use = sr_map_next(&engine->device_use, &cursor)) != NULL) {
        use->calls = 0;
        use->seconds = 0;
        use->live_since = engine->use_day_began * use->live;
    }
}

static uint64_t seconds_of(const struct engine *engine, const struct device_use *use)
{
    int64_t live = steady_of(engine) * use->live - use->live_since;

    return use->seconds + (live > 0 ? (uint64_t)live : 0);
}

void use__get(struct engine *engine, const struct config_device *device, struct guard_use *ret_use)
{
    const struct device_use *use;

    turn_day(engine);
    *ret_use = (struct guard_use){.outside_calls = engine->outside_calls};
    use = device != NULL ? find_use(engine, device->id) : NULL;
    if (use == NULL)
        return;
    ret_use->device_calls = use->calls;
    ret_use->device_seconds = seconds_of(engine, use);
}

enum call_reason use__judge(struct engine *engine, const struct config_device *account,
                            const struct routing_plan *plan, char ret_why[GUARD_WHY_MAX])
{
    struct guard_use use;

    use__get(engine, account, &use);
    return routing_judge(engine->config, plan, account, &use, now_of(engine), ret_why);
}

void use__began(struct leg *leg, const struct config_device *account, bool is_first)
{
    struct engine *engine = leg->call->engine;

    SR_ASSERT(!leg->is_outside);
    turn_day(engine);
    leg->is_outside = true;
    engine->outside_calls++;
    if (account == NULL || leg->call->is_emergency)
        return;
    (void)sr_str_copy(account->id, leg->account_id, sizeof(leg->account_id));
    if (is_first)
        get_use(engine, account->id)->calls++;
    records__outside(leg->call);
}

const char *use__whose(const struct leg *leg)
{
    return leg->account_id[0] != '\0' ? leg->account_id : leg->device_id;
}

/* One call more has to live on what is left of the day: the others end earlier. */
static void limit_others(struct engine *engine, const struct leg *newcomer)
{
    uint32_t cursor = 0;
    struct leg *leg;

    while ((leg = sr_idtab_next(&engine->legs, &cursor)) != NULL) {
        if (leg != newcomer && leg->is_use_live &&
            strcmp(leg->account_id, newcomer->account_id) == 0)
            use__limit(leg->call);
    }
}

void use__sent(struct engine *engine, const struct config_device *account)
{
    turn_day(engine);
    if (account != NULL)
        get_use(engine, account->id)->calls++;
}

void use__answered(struct leg *leg)
{
    struct engine *engine = leg->call->engine;
    struct device_use *use;

    if (!leg->is_outside || leg->account_id[0] == '\0')
        return;
    turn_day(engine);
    use = get_use(engine, sr_str_c(leg->account_id));
    use->live++;
    leg->use_since = steady_of(engine);
    use->live_since += leg->use_since;
    leg->is_use_live = true;
    if (use->live > 1 && engine->config->security.per_device.minutes_per_day > 0)
        limit_others(engine, leg);
    records__outside(leg->call);
}

void use__ended(struct leg *leg)
{
    struct engine *engine = leg->call->engine;
    struct device_use *use;
    int64_t since;

    if (!leg->is_outside)
        return;
    turn_day(engine);
    leg->is_outside = false;
    SR_ASSERT(engine->outside_calls > 0);
    engine->outside_calls--;
    if (!leg->is_use_live)
        return;
    leg->is_use_live = false;
    use = get_use(engine, sr_str_c(leg->account_id));
    SR_ASSERT(use->live > 0);
    since = SR_MAX(leg->use_since, engine->use_day_began);
    use->live--;
    use->live_since -= since;
    if (steady_of(engine) > since)
        use->seconds += (uint64_t)(steady_of(engine) - since);
}

void use__note_answer(struct engine *engine, struct sr_str device_id)
{
    if (device_id.n > 0)
        get_use(engine, device_id)->answered_at = ++engine->answers;
}

int64_t use__answered_at(const struct engine *engine, struct sr_str device_id)
{
    const struct device_use *use = find_use(engine, device_id);

    return use != NULL ? use->answered_at : 0;
}

void use__shorten(struct call *call, uint32_t sec)
{
    if (sec > 0 && (call->duration_sec_max == 0 || sec < call->duration_sec_max))
        call->duration_sec_max = sec;
}

void use__moved(const struct leg *leg, const struct call *from)
{
    struct call *to = leg->call;

    if (!leg->is_outside)
        return;
    use__shorten(to, from->duration_sec_max);
    if (to->state == CALL_ANSWERED)
        use__limit(to);
}

/* ---- the end of a call's time ---------------------------------------------------------------- */

/* Of the call's duration; UINT64_MAX: no limit. */
static uint64_t duration_left(const struct call *call)
{
    int64_t gone = (loop_now(call->engine->loop) - call->answered_at) / SR_SEC;

    if (call->duration_sec_max == 0 || call->answered_wall_us == 0)
        return UINT64_MAX;
    return gone >= (int64_t)call->duration_sec_max
               ? 0
               : call->duration_sec_max - (uint64_t)SR_MAX(gone, (int64_t)0);
}

/* Of the day's minutes, shared by all calls of the device. */
static uint64_t minutes_left(const struct leg *leg)
{
    const struct engine *engine = leg->call->engine;
    const struct device_use *use;
    uint64_t left;

    use = leg->is_use_live ? find_use(engine, sr_str_c(leg->account_id)) : NULL;
    if (use == NULL || use->live == 0)
        return UINT64_MAX;
    left = guard_seconds_left(engine->config, seconds_of(engine, use));
    if (left == 0 || left == UINT64_MAX)
        return left;
    return (left + use->live - 1) / use->live; /* looked at again when that is over */
}

static uint64_t seconds_left(const struct call *call)
{
    uint64_t left = duration_left(call);

    SR_LIST_EACH(&call->legs, node)
    {
        left = SR_MIN(left, minutes_left(SR_CONTAINER(node, struct leg, node)));
    }
    return left;
}

void use__limit(struct call *call)
{
    struct engine *engine = call->engine;
    uint64_t left;

    if (call->is_emergency)
        return;
    turn_day(engine);
    left = seconds_left(call);
    if (left == UINT64_MAX)
        loop_timer_clear(engine->loop, &call->limit_timer);
    else
        loop_timer_set(engine->loop, &call->limit_timer,
                       loop_now(engine->loop) + (sr_usec)SR_MIN(left, 604800u) * SR_SEC);
}

void use__on_limit(void *arg)
{
    struct call *call = arg;

    turn_day(call->engine);
    if (seconds_left(call) > 0) {
        use__limit(call);
        return;
    }
    sr_log(HUB, INFO, "event=time_is_up call=%s", call->call_id);
    call__end(call, CALL_REASON_DURATION, 0);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_row(void *arg, const struct store_use *row)
{
    struct device_use *use = get_use(arg, row->device_id);

    use->calls = row->calls;
    use->seconds = row->seconds;
}

static void on_answer(void *arg, const struct store_use *row)
{
    use__note_answer(arg, row->device_id);
}

void use__load(struct engine *engine)
{
    turn_day(engine);
    if (engine->store == NULL)
        return;
    store_use_load(engine->store, engine->use_day * SR_SEC, on_row, engine);
    store_answers_load(engine->store, on_answer, engine);
}

static void free_all(struct sr_map *map)
{
    size_t cursor = 0;
    void *value;

    while ((value = sr_map_next(map, &cursor)) != NULL)
        sr_free(value);
    sr_map_done(map);
}

void use__done(struct engine *engine)
{
    free_all(&engine->device_use);
    free_all(&engine->turns);
}
